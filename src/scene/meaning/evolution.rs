//! A population that evolves: its rules in their ranges, its task, its size.

use crate::engine::evolution::{Annealing, Inheritance, Phases, Refinement, Settings, Shape, Signals, Speciation, Start};
use crate::evolution::EvolveSettings;

use super::super::checked::Model;
use super::super::checked_evolution::EvolutionModel;
use super::super::code::Code;
use super::super::preflight::Preflight;
use super::super::wire::{
    EvolutionPresetWire, EvolutionStartWire, EvolutionTaskWire, EvolveWire, InheritanceWire, SceneWire, SignalsWire, SpeciationWire,
    SystemWire,
};
use super::Checker;

/// Generations of a run, if the scene does not say.
const DEFAULT_GENERATIONS: u64 = 500;

/// Puts what a scene says in the place of what the preset says.
macro_rules! change {
    ($to:expr, $wire:expr; $($field:ident),*) => { $(if let Some(value) = $wire.$field { $to.$field = value.into(); })* };
}

impl Checker<'_> {
    /// The scene as one of a population that evolves, with its generations.
    pub(super) fn evolution_model(&mut self, wire: &SceneWire, steps: Option<u64>) -> (Option<(Model, u64)>, Preflight) {
        let takes_data = wire.systems.iter().any(|s| matches!(s, SystemWire::Evolve(w) if matches!(w.task, EvolutionTaskWire::Samples(_))));
        let of_others = [
            ("data", wire.data.is_some() && !takes_data),
            ("loss", wire.loss.is_some()),
            ("hardware", wire.hardware.is_some()),
            ("products", wire.products.is_some()),
            ("populations", !wire.populations.is_empty()),
            ("projections", !wire.projections.is_empty()),
        ];
        for (field, _) in of_others.into_iter().filter(|(_, is_given)| *is_given) {
            self.complain(Code::NothingToDo, field, format!("{field}, and a population whose neurons and synapses are genes"))
                .advise(format!("remove `{field}`: what evolves is made by Evolve(...)"));
        }
        for (i, system) in wire.systems.iter().enumerate() {
            if !matches!(system, SystemWire::Evolve(_)) || i > 0 {
                self.complain(Code::TwoOwners, &format!("systems[{i}]"), "evolution is the only system of its scene")
                    .advise("keep one of them");
            }
        }
        let Some((i, w)) =
            wire.systems.iter().enumerate().find_map(|(i, s)| if let SystemWire::Evolve(w) = s { Some((i, w)) } else { None })
        else {
            return (None, Preflight::default());
        };
        let path = format!("systems[{i}]");
        let generations = steps.unwrap_or(DEFAULT_GENERATIONS);
        let task = self.evolution_task(&format!("{path}.task"), &w.task, wire);
        if w.gradient.is_some() && task.as_ref().is_some_and(|t| t.task().table().is_none()) {
            self.complain(
                Code::Unsupported,
                &format!("{path}.gradient"),
                "genomes are trained by gradient, and the task has no rows to train on",
            )
            .advise("remove `gradient`, or choose a task of samples, such as Spirals() or Samples()");
        }
        let rules = self.evolution_rules(&path, w, generations);
        let (Some(task), Some(rules)) = (task, rules) else { return (None, Preflight::default()) };
        let mut preflight = Preflight::default();
        preflight.add_genomes(rules.population as u64, first_sizes(&rules, task.task().shape()));
        let settings = EvolveSettings { rules, stops_when_solved: w.until_solved };
        let model = Model::Evolution(Box::new(EvolutionModel { settings, task, must_solve: w.must_solve }));
        (Some((model, generations)), preflight)
    }

    /// The rules of the preset with what the scene changes.
    fn evolution_rules(&mut self, path: &str, w: &EvolveWire, generations: u64) -> Option<Settings> {
        let start = self.complaints.len();
        let mut rules = match w.preset {
            EvolutionPresetWire::Modern => Settings::modern(),
            EvolutionPresetWire::Paper => Settings::paper(),
            EvolutionPresetWire::ModernLarge => Settings::modern_large(),
            EvolutionPresetWire::PaperLarge => Settings::paper_large(),
        };
        let at = |field: &str| format!("{path}.{field}");
        if let Some(n) = w.population {
            rules.population = self.count(&at("population"), n, 2) as usize;
        }
        if let Some(signals) = w.signals {
            rules.signals = match signals {
                SignalsWire::FeedForward => Signals::FeedForward,
                SignalsWire::Recurrent => Signals::Recurrent,
                SignalsWire::ContinuousTime(dt) => Signals::ContinuousTime { dt: dt as f32 },
            };
        }
        if let Some(first) = w.start {
            rules.start = match first {
                EvolutionStartWire::Full => Start::Full,
                EvolutionStartWire::Partial(p) => Start::Partial(p),
            };
        }
        change!(rules, w; bias, numbering, output, rejudge);
        if let Some(activations) = &w.activations {
            rules.activations = activations.iter().map(|&a| a.into()).collect();
        }
        if let Some(aggregations) = &w.aggregations {
            rules.aggregations = aggregations.iter().map(|&a| a.into()).collect();
        }
        let (m, s, c, d, v) = (&w.weights, &w.structure, &w.crossover, &w.distance, &w.survival);
        change!(rules.weights, m; rate, each, perturbed, spread);
        for (to, from) in [(&mut rules.weights.power, m.power), (&mut rules.weights.width, m.width), (&mut rules.weights.limit, m.limit)] {
            *to = from.map_or(*to, |x| x as f32);
        }
        change!(rules.structure, s; add_node, delete_node, add_connection, delete_connection, toggle, enable, activation, aggregation, exclusive, split);
        if let Some(n) = s.tries {
            rules.structure.tries = self.count(&at("structure.tries"), n, 1);
        }
        if let Some(n) = s.max_hidden {
            rules.structure.max_hidden = self.few(&at("structure.max_hidden"), n, 0, 900, "64 genomes are stepped together");
        }
        change!(rules.crossover, c; rate, averaging, interspecies, only, disabled, equal_gives_both);
        change!(rules.distance, d; excess, disjoint, weight, node);
        if let Some(n) = d.small {
            rules.distance.small = self.count(&at("distance.small"), n, 0) as usize;
        }
        change!(rules.survival, v; parents, age_bonus, extinction, tournament);
        let survival = &mut rules.survival;
        let counts = [
            ("elites", v.elites, &mut survival.elites),
            ("elites_above", v.elites_above, &mut survival.elites_above),
            ("protected", v.protected, &mut survival.protected),
        ];
        for (field, from, to) in counts {
            *to = from.map_or(*to, |n| self.count(&at(&format!("survival.{field}")), n, 0) as usize);
        }
        let ages = [
            ("stagnation", v.stagnation, &mut survival.stagnation),
            ("refocus", v.refocus, &mut survival.refocus),
            ("young", v.young, &mut survival.young),
        ];
        for (field, from, to) in ages {
            *to = from.map_or(*to, |n| self.count(&at(&format!("survival.{field}")), n, 0));
        }
        if let Speciation::Threshold { target: Some(target), .. } = &mut rules.speciation {
            // A preset is of no number of genomes.
            *target = (*target).min(rules.population);
        }
        if let Some(speciation) = w.speciation {
            rules.speciation = match speciation {
                SpeciationWire::Threshold(t) => {
                    let target = t.target.map(|n| self.count(&at("speciation.target"), n, 1) as usize);
                    Speciation::Threshold { threshold: t.threshold, target, step: t.step }
                }
                SpeciationWire::KMeans(k) => Speciation::KMeans {
                    count: self.count(&at("speciation.count"), k.count, 1) as usize,
                    rounds: self.count(&at("speciation.rounds"), k.rounds, 1) as usize,
                },
            };
        }
        if let Some(p) = w.phases {
            rules.phases = Some(Phases {
                growth: p.growth,
                simplify_for: self.count(&at("phases.simplify_for"), p.simplify_for, 0),
                delete_connection: p.delete_connection,
                delete_node: p.delete_node,
            });
        }
        if let Some(a) = &w.annealing {
            rules.annealing = Some(Annealing {
                schedule: self.heat_schedule(&at("annealing.schedule"), &a.schedule),
                generations: self.count(&at("annealing.until"), a.until.unwrap_or(generations.saturating_sub(1).max(1)), 1),
                lambda: a.lambda,
                changes: self.count(&at("annealing.changes"), a.changes, 1),
                toggle: a.toggle,
                growth: a.growth,
                size: a.size as f32,
                breed_every: a.breed_every.map(|n| self.count(&at("annealing.breed_every"), n, 1)),
            });
        }
        if let Some(g) = &w.gradient {
            let default = Refinement::default();
            rules.gradient = Some(Refinement {
                inheritance: g.inheritance.map_or(default.inheritance, |wire| match wire {
                    InheritanceWire::Lamarck => Inheritance::Lamarck,
                    InheritanceWire::Baldwin => Inheritance::Baldwin,
                    InheritanceWire::Mixed(p) => Inheritance::Mixed(p),
                }),
                steps: g.steps.map_or(default.steps, |n| self.count(&at("gradient.steps"), n, 1)),
                batch: g.batch.map_or(default.batch, |n| self.count(&at("gradient.batch"), n, 1)),
                rate: g.rate.map_or(default.rate, |x| x as f32),
                every: g.every.map_or(default.every, |n| self.count(&at("gradient.every"), n, 1)),
            });
        }
        // Numbers that are not finite have been complained about where they stand.
        if self.complaints.len() == start
            && let Err(error) = rules.check()
        {
            for wrong in error.wrong {
                let field = wrong.split([' ', ':']).next().unwrap_or_default().to_owned();
                let (what, way_out) =
                    wrong.split_once(", must be ").map_or((wrong.clone(), None), |(w, o)| (w.to_owned(), Some(o.to_owned())));
                let complaint = self.complain(Code::OutOfRange, &at(&field), what);
                if let Some(way_out) = way_out {
                    complaint.advise(format!("use what is {way_out}"));
                }
            }
        }
        (self.complaints.len() == start).then_some(rules)
    }
}

/// Nodes and connections of a first genome, at most.
fn first_sizes(rules: &Settings, shape: Shape) -> (u64, u64) {
    let n_given = shape.kinds(rules.bias).filter(|k| k.is_given()).count() as u64;
    let n_outputs = shape.n_outputs as u64;
    (n_given + n_outputs, n_given * n_outputs)
}
