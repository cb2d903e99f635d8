//! Spins that learn: a machine with its samples, and the settings of its system.

use crate::engine::boltzmann::{AisRuns, Negative, Positive, PropagationSettings, TrainSettings};
use crate::engine::network::optimisers::{Course, Schedule, SettingError};
use crate::thermo::boltzmann::{LikelihoodBy, LikelihoodSettings, ReadoutSettings};
use crate::thermo::{EquilibriumPropagation, LearningPace, SpinValues, TrainBoltzmann};
use crate::topology::nearest::did_you_mean;
use crate::units::Seed;

use super::super::checked::{Model, Population};
use super::super::checked_machine::{MachineModel, MachineSystem};
use super::super::checked_network::Data;
use super::super::code::Code;
use super::super::preflight::Preflight;
use super::super::wire::{
    BoltzmannRuleWire, EquilibriumPropagationWire, HiddenWire, LearningWire, LikelihoodWire, RateWire, ReadoutWire, SceneWire, SystemWire,
    TrainBoltzmannWire,
};
use super::Checker;
use super::spin_network::index;

/// Steps of a run, if neither the scene nor its system says.
const DEFAULT_STEPS: u64 = 100;

/// When a system learns and how fast, as both kinds say it.
struct Learning {
    /// Steps of the run.
    steps: u64,
    pace: LearningPace,
    course: Course,
    momentum: f32,
    decay: f32,
}

impl Checker<'_> {
    /// The scene as one of spins that learn, with its steps.
    pub(super) fn machine_model(&mut self, wire: &SceneWire, steps: Option<u64>) -> (Option<(Model, u64)>, Preflight) {
        let of_networks = [("loss", wire.loss.is_some()), ("hardware", wire.hardware.is_some()), ("products", wire.products.is_some())];
        for (field, _) in of_networks.into_iter().filter(|(_, is_given)| *is_given) {
            self.complain(Code::NothingToDo, field, format!("{field}, and no neurons that compute")).advise(format!("remove `{field}`"));
        }
        let start = self.complaints.len();
        let network = self.network(wire);
        let data = wire.data.as_ref().and_then(|data| self.data(data, Seed(wire.seed)));
        if wire.data.is_none() {
            self.complain(Code::NothingToDo, "systems[0]", "there are no samples to learn from")
                .advise("add data, such as data: Data(source: Csv(path: ...))");
        }
        for i in 1..wire.systems.len() {
            self.complain(Code::TwoOwners, &format!("systems[{i}]"), "spins that learn have one system").advise("keep one of them");
        }
        for (i, population) in network.populations.iter().enumerate().filter(|(_, p)| !p.clamped.is_empty()) {
            let message = format!("neurons of \"{}\" are clamped, and samples hold them while they learn", population.name);
            self.complain(Code::Unsupported, &format!("populations[{i}].clamped"), message).advise("remove `clamped`");
        }
        let mut preflight = network.preflight;
        let system = wire.systems.first().and_then(|system| match system {
            SystemWire::TrainBoltzmann(w) => self.train_boltzmann("systems[0]", w, &network.populations, data.as_ref(), steps),
            SystemWire::EquilibriumPropagation(w) => self.propagation("systems[0]", w, &network.populations, data.as_ref(), steps),
            _ => {
                self.complain(Code::TwoOwners, "systems[0]", "the system moves the spins, and another lets them learn")
                    .advise("keep one of them");
                None
            }
        });
        let (Some(data), Some((system, steps))) = (data, system) else { return (None, preflight) };
        let n_samples = (data.samples.n_samples() + data.test.as_ref().map_or(0, |t| t.n_samples())) as u64;
        preflight.add_samples(n_samples, data.samples.n_features as u64, data.samples.class_names.len() as u64);
        if self.complaints.len() == start {
            self.fits_machine(&system, &network.populations, &data, Seed(wire.seed));
        }
        let (populations, projections) = (network.populations, network.projections);
        (Some((Model::Machine(MachineModel { populations, projections, data, system }), steps)), preflight)
    }

    /// Complains about samples that do not fit the units, or lie outside of their values.
    fn fits_machine(&mut self, system: &MachineSystem, populations: &[Population], data: &Data, seed: Seed) {
        let size = |name: &String| populations.iter().find(|p| p.name == *name).map_or(0, |p| p.n_neurons);
        let (n_visible, n_outputs) = match system {
            MachineSystem::Boltzmann(train) => (train.visible.iter().map(size).sum::<usize>(), None),
            MachineSystem::Propagation(p) => (size(&p.input), Some(size(&p.output))),
        };
        if data.samples.n_features != n_visible {
            let message = format!("samples have {} features, and {n_visible} units show them", data.samples.n_features);
            self.complain(Code::CountMismatch, "data", message).advise("give the visible population as many neurons as there are features");
        }
        if let Some(n) = n_outputs.filter(|n| *n != data.samples.n_outputs()) {
            let message = format!("samples have {} targets, and {n} units are the output", data.samples.n_outputs());
            self.complain(Code::CountMismatch, "data", message).advise("give the output population a neuron a class, or a target");
        }
        let low = if populations.iter().all(|p| p.is_binary) { 0.0 } else { -1.0 };
        let Ok((train, test)) = data.prepare(seed) else { return };
        if let Some(&value) = train.inputs.iter().chain(&test.inputs).find(|x| !(low..=1.0).contains(*x)) {
            self.complain(Code::OutOfRange, "data", format!("a feature is {value}, and units have values from {low} to 1"))
                .advise("divide features by their largest value (divide_by)");
        }
    }

    fn course(&mut self, path: &str, rate: f64, schedule: RateWire, warm_up: u64, n_updates: u64) -> Course {
        let at = |field: &str| format!("{path}.{field}");
        let share = |checker: &mut Self, to: f64| checker.within(&at("schedule"), to, 0.0, 1.0);
        let schedule = match schedule {
            RateWire::Constant => Schedule::Constant,
            RateWire::Linear(to) => Schedule::Linear { to: share(self, to), updates: n_updates },
            RateWire::Cosine(to) => Schedule::Cosine { to: share(self, to), updates: n_updates },
            RateWire::Step(s) => Schedule::Step {
                every: u64::from(self.count(&at("schedule.every"), s.every, 1)),
                factor: self.within(&at("schedule.factor"), s.factor, 0.0, 1.0),
            },
            RateWire::Exponential(factor) => Schedule::Exponential { factor: share(self, factor) },
        };
        Course { rate: self.within(&at("rate"), rate, 1e-12, 1e6), schedule, warm_up }
    }

    /// The steps of the run, the pace of learning, and the rate over the updates of its window.
    fn learning(&mut self, path: &str, w: &LearningWire, data: Option<&Data>, steps: Option<u64>) -> Learning {
        let at = |field: &str| format!("{path}.{field}");
        let batch = self.count(&at("batch"), w.batch, 1);
        let updates_per_step = w.updates_per_step.map(|n| u64::from(self.count(&at("updates_per_step"), n, 1)));
        let every = u64::from(self.count(&at("every"), w.every, 1));
        let steps = steps.or(w.until).unwrap_or_else(|| w.from.saturating_add(DEFAULT_STEPS)).max(1);
        let end = w.until.unwrap_or(steps);
        if end <= w.from {
            self.complain(Code::OutOfRange, &at("until"), format!("the window runs from {} to {end}", w.from))
                .advise("until is the step after the last one, above from");
        } else if w.until.is_some_and(|until| until > steps) {
            self.complain(Code::CutShort, "steps", format!("the window ends at step {end}, and the run has {steps} steps"));
        }
        let n_train = data.map_or(1, |d| {
            let n = d.samples.n_samples();
            if d.test.is_some() { n } else { n - ((d.test_share * n as f64).ceil() as usize).min(n.saturating_sub(1)) }
        }) as u64;
        let per_step = updates_per_step.unwrap_or_else(|| n_train.div_ceil(u64::from(batch).max(1)).max(1));
        let n_updates = end.saturating_sub(w.from).div_ceil(every).saturating_mul(per_step).max(1);
        let pace = LearningPace {
            every,
            from: w.from,
            until: w.until,
            last_step: Some(steps - 1),
            batch: index(batch.into()),
            updates_per_step,
            measure_every: w.measure_every,
        };
        Learning {
            steps,
            pace,
            course: self.course(path, w.rate, w.schedule, w.warm_up, n_updates),
            momentum: self.within(&at("momentum"), w.momentum, 0.0, 0.9999) as f32,
            decay: self.within(&at("decay"), w.decay, 0.0, 1e6) as f32,
        }
    }

    /// The population called `name`, which has to be there.
    fn known(&mut self, path: &str, name: &str, populations: &[Population]) -> bool {
        let is_known = populations.iter().any(|p| p.name == name);
        if !is_known {
            let near = did_you_mean(name, populations.iter().map(|p| p.name.as_str()));
            self.complain(Code::UnknownPopulation, path, format!("no population \"{name}\"{near}"))
                .advise("name a population of the scene");
        }
        is_known
    }

    /// Complains about settings that no other check has named.
    fn settings_hold(&mut self, path: &str, start: usize, checked: Result<(), Vec<SettingError>>) {
        if let (true, Err(errors)) = (self.complaints.len() == start, checked) {
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            self.complain(Code::OutOfRange, path, all.join("; "));
        }
    }

    fn train_boltzmann(
        &mut self,
        path: &str,
        w: &TrainBoltzmannWire,
        populations: &[Population],
        data: Option<&Data>,
        steps: Option<u64>,
    ) -> Option<(MachineSystem, u64)> {
        let start = self.complaints.len();
        let at = |field: &str| format!("{path}.{field}");
        let visible = if w.visible.is_empty() { vec![populations.first()?.name.clone()] } else { w.visible.clone() };
        for name in &visible {
            self.known(&at("visible"), name, populations);
        }
        let learning = self.learning(path, &w.learning(), data, steps);
        let negative = match w.rule {
            BoltzmannRuleWire::Contrastive(c) => Negative::FromData { sweeps: self.count(&at("rule.sweeps"), c.sweeps, 1) },
            BoltzmannRuleWire::Persistent(p) => Negative::Persistent {
                sweeps: self.count(&at("rule.sweeps"), p.sweeps, 1),
                particles: self.count(&at("rule.particles"), p.particles, 1),
            },
            BoltzmannRuleWire::Tempered(t) => Negative::Tempered {
                sweeps: self.count(&at("rule.sweeps"), t.sweeps, 1),
                particles: self.count(&at("rule.particles"), t.particles, 1),
                temperatures: self.count(&at("rule.temperatures"), t.temperatures, 2),
                respace_every: self.count(&at("rule.respace_every"), t.respace_every, 0),
            },
        };
        let positive = match w.hidden {
            HiddenWire::MeanField(n) => Positive::MeanField(self.count(&at("hidden"), n, 1)),
            HiddenWire::Sampled(n) => Positive::Sampled(self.count(&at("hidden"), n, 1)),
        };
        let rule = TrainSettings {
            negative,
            positive,
            is_centred: w.centred,
            offset_rate: self.within(&at("offset_rate"), w.offset_rate, 0.0, 1.0) as f32,
            course: learning.course,
            momentum: learning.momentum,
            decay: learning.decay,
        };
        let likelihood = match w.likelihood {
            LikelihoodWire::Off => None,
            LikelihoodWire::Exact(e) => {
                Some(LikelihoodSettings { every: e.every, by: LikelihoodBy::Exact, runs: AisRuns { n_runs: 256, n_betas: 1000 } })
            }
            LikelihoodWire::Ais(a) => {
                let (n_runs, n_betas) = (self.count(&at("likelihood.runs"), a.runs, 2), self.count(&at("likelihood.betas"), a.betas, 1));
                let runs = AisRuns { n_runs: index(n_runs.into()), n_betas: index(n_betas.into()) };
                Some(LikelihoodSettings { every: a.every, by: LikelihoodBy::Ais, runs })
            }
        };
        let readout = match w.readout {
            ReadoutWire::Off => None,
            ReadoutWire::Logistic(l) => Some(ReadoutSettings {
                every: l.every,
                penalty: self.within(&at("readout.penalty"), l.penalty, 0.0, 1e6),
                iterations: self.count(&at("readout.iterations"), l.iterations, 1),
            }),
        };
        let settings = TrainBoltzmann { pace: learning.pace, visible, values: values(populations), rule, likelihood, readout };
        self.settings_hold(path, start, settings.validate());
        Some((MachineSystem::Boltzmann(settings), learning.steps))
    }

    fn propagation(
        &mut self,
        path: &str,
        w: &EquilibriumPropagationWire,
        populations: &[Population],
        data: Option<&Data>,
        steps: Option<u64>,
    ) -> Option<(MachineSystem, u64)> {
        let start = self.complaints.len();
        let at = |field: &str| format!("{path}.{field}");
        let input = w.input.clone().unwrap_or(populations.first()?.name.clone());
        let output = w.output.clone().unwrap_or(populations.last()?.name.clone());
        let are_known = [("input", &input), ("output", &output)].map(|(field, name)| self.known(&at(field), name, populations));
        if are_known == [true, true] && input == output {
            self.complain(Code::Unsupported, &at("output"), format!("\"{output}\" is input and output"))
                .advise("name two populations, or add one for the targets");
        }
        let learning = self.learning(path, &w.learning(), data, steps);
        let rule = PropagationSettings {
            pull: self.within(&at("pull"), w.pull, 1e-6, 1.0) as f32,
            is_symmetric: w.symmetric,
            free_iterations: self.count(&at("free_iterations"), w.free_iterations, 1),
            pulled_iterations: self.count(&at("pulled_iterations"), w.pulled_iterations, 1),
            course: learning.course,
            momentum: learning.momentum,
            decay: learning.decay,
        };
        let settings = EquilibriumPropagation { pace: learning.pace, input, output, values: values(populations), rule };
        self.settings_hold(path, start, settings.validate());
        Some((MachineSystem::Propagation(settings), learning.steps))
    }
}

fn values(populations: &[Population]) -> SpinValues {
    if populations.iter().all(|p| p.is_binary) { SpinValues::ZeroOne } else { SpinValues::PlusMinus }
}
