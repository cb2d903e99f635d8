//! Systems of driven plasticity: their settings in their ranges, the names they change, and whether anything moves.

use crate::components::Window;
use crate::engine::plasticity::synaptogenesis::Proposal;
use crate::engine::plasticity::{
    GrowthCurve, LocalRule, LocalSettings, PairingSettings, PruneSettings, Region, Sign, SynaptogenesisSettings,
};
use crate::network::Role;
use crate::plasticity::{Drive, GrowthTemperature, HebbianGrowth, HomeostaticGrowth, LearnLocally, Lesion, LesionTarget, Pruning, Scaling};
use crate::topology::nearest::did_you_mean;

use super::super::checked_network::{DirectedProjection, NetworkSystem, NeuronPopulation};
use super::super::checked_plasticity::{LiveSource, PlasticSystem};
use super::super::code::Code;
use super::super::wire::{
    BcmWire, CandidateWire, CurveWire, DestroysWire, GrowHebbianWire, GrowHomeostaticWire, HebbWire, LesionWire, LiveSourceWire, LiveWire,
    OjaWire, PruneIdleWire, RegionWire, ScaleSynapsesWire, SignWire, SystemWire,
};
use super::Checker;
use super::owners::Claim;

/// Steps of a run that is only plastic, if neither the scene nor a system says.
pub(super) const DEFAULT_STEPS: u64 = 300;

/// Populations and projections of the scene.
type Parts<'a> = (&'a [NeuronPopulation], &'a [DirectedProjection]);

impl Checker<'_> {
    /// A live or plastic system, if `wire` is one.
    pub(super) fn plastic_system(&mut self, path: &str, wire: &SystemWire, parts: Parts<'_>, steps: u64) -> Option<NetworkSystem> {
        let system = match wire {
            SystemWire::Live(w) => return Some(NetworkSystem::Live(self.live(path, w))),
            SystemWire::Hebb(w) => PlasticSystem::Learn(self.hebb(path, w, false, parts, steps)),
            SystemWire::AntiHebb(w) => PlasticSystem::Learn(self.hebb(path, w, true, parts, steps)),
            SystemWire::Oja(w) => PlasticSystem::Learn(self.oja(path, w, parts, steps)),
            SystemWire::Bcm(w) => PlasticSystem::Learn(self.bcm(path, w, parts, steps)),
            SystemWire::ScaleSynapses(w) => self.scale(path, w, parts, steps),
            SystemWire::GrowHebbian(w) => self.grow_hebbian(path, w, parts, steps),
            SystemWire::GrowHomeostatic(w) => self.grow_homeostatic(path, w, parts, steps),
            SystemWire::PruneIdle(w) => self.prune_idle(path, w, parts, steps),
            SystemWire::Lesion(w) => PlasticSystem::Lesion(self.lesion(path, w, parts, steps)?),
            _ => return None,
        };
        Some(NetworkSystem::Plastic(system))
    }

    /// What only all systems together tell: owners of structure, shared time constants, and that something moves.
    pub(super) fn plastic_together(&mut self, systems: &[(String, NetworkSystem)], (_, projections): Parts<'_>) {
        let plastic: Vec<(&String, &PlasticSystem)> =
            systems.iter().filter_map(|(path, s)| if let NetworkSystem::Plastic(s) = s { Some((path, s)) } else { None }).collect();
        let live: Vec<&String> = systems.iter().filter(|(_, s)| matches!(s, NetworkSystem::Live(_))).map(|(path, _)| path).collect();
        if let Some(second) = live.get(1) {
            self.complain(Code::TwoOwners, second, "two systems run the network live").advise("keep one of the two");
        }
        if let Some((path, system)) = plastic.iter().find(|(_, s)| !matches!(s, PlasticSystem::Lesion(_)))
            && live.is_empty()
        {
            let message = format!("{} looks at the activity of neurons, and nothing moves them", system.name());
            self.complain(Code::NothingToDo, path, message)
                .advise("add a system that does, such as Live(source: Samples()) or Live(source: Noise())");
        }
        let turns = |system: &NetworkSystem| matches!(system, NetworkSystem::Rewire(settings) if settings.neurons.is_some());
        let destroys = |system: &PlasticSystem| matches!(system, PlasticSystem::Lesion(l) if l.target == LesionTarget::Neurons);
        if let Some((earlier, _)) = systems.iter().find(|(_, s)| turns(s))
            && let Some((path, _)) = plastic.iter().find(|(_, s)| destroys(s))
        {
            self.complain(Code::TwoOwners, path, format!("neurons come and go by {earlier}, and the lesion destroys some"))
                .advise("destroy their synapses (destroys: Synapses), or leave `neurons` out");
        }
        // 1. Structure.
        let claim = |(path, system): &(&String, &PlasticSystem)| {
            let (projection, claim) = match system {
                PlasticSystem::GrowHebbian(g, _) => (&g.projection, Claim::Grows),
                PlasticSystem::GrowHomeostatic(g, _) => (&g.projection, Claim::Grows),
                PlasticSystem::Prune(p) => (&p.projection, Claim::Prunes),
                _ => return None,
            };
            Some(((*path).clone(), projection.clone(), claim))
        };
        let mut claims: Vec<(String, String, Claim)> = Vec::new();
        for (path, system) in systems {
            if let NetworkSystem::Rewire(settings) = system {
                // Without names, all of them are sampled.
                let names: Vec<&String> = match settings.projections.as_slice() {
                    [] => projections.iter().map(|p| &p.name).collect(),
                    named => named.iter().collect(),
                };
                claims.extend(names.into_iter().map(|name| (path.clone(), name.clone(), Claim::Samples)));
            }
        }
        claims.extend(plastic.iter().filter_map(claim));
        self.owners(&claims);
        // 2. Elements of a neuron belong to one projection.
        let homeostatic: Vec<(&String, &str)> = plastic
            .iter()
            .filter_map(|(path, s)| if let PlasticSystem::GrowHomeostatic(g, _) = s { Some((*path, g.projection.as_str())) } else { None })
            .collect();
        for (i, (path, projection)) in homeostatic.iter().enumerate() {
            let ends = |name: &str| name.split_once("->").map(|(from, to)| (from.to_owned(), to.to_owned())).unwrap_or_default();
            let (from, to) = ends(projection);
            let shares = |other: &&(&String, &str)| {
                let (other_from, other_to) = ends(other.1);
                other.1 != *projection && (other_from == from || other_to == to)
            };
            if let Some((earlier, _)) = homeostatic[..i].iter().find(shares) {
                let message = format!("\"{projection}\" would share the synaptic elements of a population with {earlier}");
                self.complain(Code::TwoOwners, path, message).advise("a population grows the axons, and the dendrites, of one projection");
            }
        }
        // 3. Columns with one time constant.
        type Tau = fn(&PlasticSystem) -> Option<f32>;
        let taus: [(&str, Tau); 3] = [
            ("calcium", |s| match s {
                PlasticSystem::Scale(_, tau) | PlasticSystem::GrowHomeostatic(_, tau) => Some(*tau),
                _ => None,
            }),
            ("correlations", |s| if let PlasticSystem::GrowHebbian(_, tau) = s { Some(*tau) } else { None }),
            ("thresholds of BCM", |s| match s {
                PlasticSystem::Learn(l) => match l.settings.rule {
                    LocalRule::Bcm { tau } => Some(tau),
                    _ => None,
                },
                _ => None,
            }),
        ];
        for (what, tau_of) in taus {
            let mut first = None;
            for (path, tau) in plastic.iter().filter_map(|(path, s)| Some((*path, tau_of(s)?))) {
                if *first.get_or_insert(tau) != tau {
                    let message = format!("tau is {tau}, and another system lets {what} forget over {}", first.unwrap_or(tau));
                    self.complain(Code::TwoOwners, &format!("{path}.tau"), message).advise("give both the same tau");
                }
            }
        }
    }

    /// The name of a projection that exists.
    fn plastic_projection(&mut self, path: &str, name: &str, (_, projections): Parts<'_>) -> String {
        if !projections.iter().any(|p| p.name == name) {
            let near = did_you_mean(name, projections.iter().map(|p| p.name.as_str()));
            self.complain(Code::UnknownPopulation, &format!("{path}.projection"), format!("no projection \"{name}\"{near}"))
                .advise("name one of the projections of the scene, as in \"from->to\"");
        }
        name.to_owned()
    }

    fn plastic_window(&mut self, path: &str, (from, until, every): (u64, Option<u64>, u64), steps: u64) -> Window {
        let checked = self.window(path, from, until, every, steps);
        // A run that is made longer goes on, unless the scene says when it ends.
        Window { from, until: until.unwrap_or(u64::MAX), every: checked.every }
    }

    fn live(&mut self, path: &str, w: &LiveWire) -> LiveSource {
        let at = |field: &str| format!("{path}.source.{field}");
        match w.source {
            LiveSourceWire::Samples(s) => LiveSource::Samples { hold: self.count(&at("hold"), s.hold, 1).into() },
            LiveSourceWire::Noise(n) => LiveSource::Driven(Drive::Noise {
                mean: self.within(&at("mean"), n.mean, -1e6, 1e6),
                sd: self.within(&at("sd"), n.sd, 0.0, 1e6),
            }),
            LiveSourceWire::Bumps(b) => LiveSource::Driven(Drive::Bumps {
                count: self.count(&at("count"), b.count, 1),
                width: self.within(&at("width"), b.width, 1e-6, 1e6),
                height: self.within(&at("height"), b.height, -1e6, 1e6),
                noise: self.within(&at("noise"), b.noise, 0.0, 1e6),
            }),
        }
    }

    fn local(&mut self, path: &str, rule: LocalRule, (rate, bound): (f64, f64), sign: SignWire) -> LocalSettings {
        let rate = self.within(&format!("{path}.rate"), rate, 1e-12, 1e3) as f32;
        LocalSettings { rule, rate, bound: self.bound(path, bound), sign: sign_of(sign) }
    }

    fn bound(&mut self, path: &str, bound: f64) -> f32 {
        self.within(&format!("{path}.bound"), bound, 1e-6, 1e6) as f32
    }

    fn tau(&mut self, path: &str, tau: f64) -> f32 {
        self.within(&format!("{path}.tau"), tau, 1.5, 1e9) as f32
    }

    fn hebb(&mut self, path: &str, w: &HebbWire, is_anti: bool, parts: Parts<'_>, steps: u64) -> LearnLocally {
        let decay = self.within(&format!("{path}.decay"), w.decay, 0.0, 1e6) as f32;
        let rule = if is_anti { LocalRule::AntiHebb { decay } } else { LocalRule::Hebb { decay } };
        LearnLocally {
            projection: self.plastic_projection(path, &w.projection, parts),
            settings: self.local(path, rule, (w.rate, w.bound), w.sign),
            window: self.plastic_window(path, (w.from, w.until, w.every), steps),
        }
    }

    fn oja(&mut self, path: &str, w: &OjaWire, parts: Parts<'_>, steps: u64) -> LearnLocally {
        LearnLocally {
            projection: self.plastic_projection(path, &w.projection, parts),
            settings: self.local(path, LocalRule::Oja, (w.rate, w.bound), w.sign),
            window: self.plastic_window(path, (w.from, w.until, w.every), steps),
        }
    }

    fn bcm(&mut self, path: &str, w: &BcmWire, parts: Parts<'_>, steps: u64) -> LearnLocally {
        let rule = LocalRule::Bcm { tau: self.tau(path, w.tau) };
        LearnLocally {
            projection: self.plastic_projection(path, &w.projection, parts),
            settings: self.local(path, rule, (w.rate, w.bound), w.sign),
            window: self.plastic_window(path, (w.from, w.until, w.every), steps),
        }
    }

    fn scale(&mut self, path: &str, w: &ScaleSynapsesWire, parts: Parts<'_>, steps: u64) -> PlasticSystem {
        let scaling = Scaling {
            projection: self.plastic_projection(path, &w.projection, parts),
            rate: self.within(&format!("{path}.rate"), w.rate, 1e-12, 1e3) as f32,
            goal: self.within(&format!("{path}.goal"), w.goal, 1e-6, 1e6) as f32,
            bound: self.bound(path, w.bound),
            window: self.plastic_window(path, (w.from, w.until, w.every), steps),
        };
        PlasticSystem::Scale(scaling, self.tau(path, w.tau))
    }

    fn cap(&mut self, path: &str, cap: Option<u64>) -> u32 {
        cap.map_or(u32::MAX, |n| self.count(path, n, 1))
    }

    fn grow_hebbian(&mut self, path: &str, w: &GrowHebbianWire, parts: Parts<'_>, steps: u64) -> PlasticSystem {
        let at = |field: &str| format!("{path}.{field}");
        if w.candidates.is_empty() {
            self.complain(Code::OutOfRange, &at("candidates"), "the list of candidates is empty")
                .advise("give one or more, such as Similar");
        }
        let proposals = w.candidates.iter().map(|candidate| match candidate {
            CandidateWire::Uniform => Proposal::Uniform,
            CandidateWire::Near(sigma) => {
                Proposal::Near { sigma: self.within_called("the width of Near", &at("candidates"), *sigma, (1e-6, 1e6)) as f32 }
            }
            CandidateWire::Similar => Proposal::Similar,
            CandidateWire::Intermediate => Proposal::Intermediate,
        });
        let proposals = proposals.collect();
        let energy = |checker: &mut Self, field: &str, value: f64| checker.within(&at(field), value, -1e6, 1e6);
        let settings = SynaptogenesisSettings {
            proposals,
            candidates: self.count(&at("candidates_per_step"), w.candidates_per_step, 1) as usize,
            budget: self.count(&at("budget"), w.budget, 1) as usize,
            threshold: self.within(&at("threshold"), w.threshold, 0.0, 1.0) as f32,
            cost: energy(self, "cost", w.cost),
            wiring: energy(self, "wiring", w.wiring),
            gain: energy(self, "gain", w.gain),
            weight: self.within(&at("weight"), w.weight, 1e-9, 1e6) as f32,
            sign: sign_of(w.sign),
            max_fan_in: self.cap(&at("max_fan_in"), w.max_fan_in),
            max_fan_out: self.cap(&at("max_fan_out"), w.max_fan_out),
            by_energy_gradient: w.by_energy_gradient,
        };
        let temperature = match w.temperature {
            Some(t) => GrowthTemperature::Fixed(self.within(&at("temperature"), t, 0.0, 1e12)),
            None => GrowthTemperature::Bath,
        };
        // A window may begin with the run's end only if the scene says so; a short trial run meets no growth.
        let from = w.from.min(steps.saturating_sub(1));
        let growth = HebbianGrowth {
            projection: self.plastic_projection(path, &w.projection, parts),
            settings,
            temperature,
            window: Window { from: w.from, ..self.plastic_window(path, (from, w.until, w.every), steps) },
        };
        PlasticSystem::GrowHebbian(growth, self.tau(path, w.tau))
    }

    fn grow_homeostatic(&mut self, path: &str, w: &GrowHomeostaticWire, parts: Parts<'_>, steps: u64) -> PlasticSystem {
        let at = |field: &str| format!("{path}.{field}");
        let axonal = self.curve(&at("axonal"), w.axonal);
        let dendritic = w.dendritic.map_or(axonal, |curve| self.curve(&at("dendritic"), curve));
        let pairing = PairingSettings {
            sigma: w.sigma.map(|sigma| self.within(&at("sigma"), sigma, 1e-6, 1e6) as f32),
            weight: self.within(&at("weight"), w.weight, 1e-9, 1e6) as f32,
            sign: sign_of(w.sign),
            budget: self.count(&at("budget"), w.budget, 1) as usize,
            max_fan_in: self.cap(&at("max_fan_in"), w.max_fan_in),
            max_fan_out: self.cap(&at("max_fan_out"), w.max_fan_out),
        };
        let growth = HomeostaticGrowth {
            projection: self.plastic_projection(path, &w.projection, parts),
            axonal,
            dendritic,
            rate: self.within(&at("rate"), w.rate, 1e-9, 1e3),
            pairing,
            window: self.plastic_window(path, (w.from, w.until, w.every), steps),
        };
        PlasticSystem::GrowHomeostatic(growth, self.tau(path, w.tau))
    }

    fn curve(&mut self, path: &str, curve: CurveWire) -> GrowthCurve {
        match curve {
            CurveWire::Linear(goal) => GrowthCurve::Linear { goal: self.within_called("the calcium of Linear", path, goal, (1e-6, 1e6)) },
            CurveWire::Gaussian(g) => {
                let goal = self.within(&format!("{path}.goal"), g.goal, -1e6, 1e6);
                if g.least.is_finite() && g.least >= goal {
                    self.complain(Code::OutOfRange, &format!("{path}.least"), format!("least is {}, and goal is {goal}", g.least))
                        .advise("least is below goal");
                }
                GrowthCurve::Gaussian { least: g.least, goal }
            }
        }
    }

    fn prune_idle(&mut self, path: &str, w: &PruneIdleWire, parts: Parts<'_>, steps: u64) -> PlasticSystem {
        let at = |field: &str| format!("{path}.{field}");
        let settings = PruneSettings {
            weight_floor: self.within(&at("weight_floor"), w.weight_floor, 0.0, 1e6) as f32,
            energy_floor: self.within(&at("energy_floor"), w.energy_floor, 0.0, 1e6) as f32,
            tau: self.within(&at("tau"), w.tau, 1.0, 1e9) as f32,
            patience: self.count(&at("patience"), w.patience, 1),
            keep_fan_in: self.count(&at("keep_fan_in"), w.keep_fan_in, 0),
        };
        PlasticSystem::Prune(Pruning {
            projection: self.plastic_projection(path, &w.projection, parts),
            settings,
            window: self.plastic_window(path, (w.from, w.until, w.every), steps),
        })
    }

    fn lesion(&mut self, path: &str, w: &LesionWire, (populations, _): Parts<'_>, steps: u64) -> Option<Lesion> {
        let at = |field: &str| format!("{path}.{field}");
        let Some(population) = populations.iter().find(|p| p.name == w.population) else {
            let near = did_you_mean(&w.population, populations.iter().map(|p| p.name.as_str()));
            self.complain(Code::UnknownPopulation, &at("population"), format!("no population \"{}\"{near}", w.population))
                .advise("name one of the populations of the scene");
            return None;
        };
        if matches!(w.destroys, DestroysWire::Neurons) && population.role != Role::Hidden {
            let message = format!("neurons of \"{}\" stand for features or answers of samples, and cannot die", w.population);
            self.complain(Code::Unsupported, &at("population"), message).advise("destroy their synapses: `destroys: Synapses`");
        }
        if w.step >= steps {
            self.complain(Code::CutShort, &at("step"), format!("the lesion is at step {}, and the run has {steps} steps", w.step));
        }
        let region = match w.region {
            RegionWire::Disc(d) => Region::Disc {
                center: [d.center.0, d.center.1, d.center.2]
                    .map(|x| self.within_called("a place", &at("region.center"), x, (-1e6, 1e6)) as f32),
                radius: self.within(&at("region.radius"), d.radius, 0.0, 1e6) as f32,
            },
            RegionWire::Rows(from, until) => {
                let n = population.n_neurons as u64;
                if from >= until || until > n {
                    self.complain(Code::OutOfRange, &at("region"), format!("rows {from} to {until} of {n}"))
                        .advise("rows run from the first to before the second, and exist");
                }
                Region::Rows { from: from.min(n) as u32, until: until.min(n) as u32 }
            }
            RegionWire::Fraction(share) => Region::Fraction(self.within_called("the fraction", &at("region"), share, (0.0, 1.0))),
        };
        let target = match w.destroys {
            DestroysWire::Neurons => LesionTarget::Neurons,
            DestroysWire::Synapses => LesionTarget::Synapses,
            DestroysWire::Inputs => LesionTarget::Inputs,
            DestroysWire::Outputs => LesionTarget::Outputs,
        };
        Some(Lesion { population: w.population.clone(), region, target, step: w.step })
    }
}

fn sign_of(wire: SignWire) -> Sign {
    match wire {
        SignWire::Free => Sign::Free,
        SignWire::Excitatory => Sign::Excitatory,
        SignWire::Inhibitory => Sign::Inhibitory,
    }
}
