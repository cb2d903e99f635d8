//! Systems of neurons that compute: their settings in their ranges, and when they run.

use crate::engine::methods::TemperatureRange;
use crate::engine::network::heat::{Adaptation, HeatBatch, HeatMethod, HeatSchedule, HeatSettings, VisitOrder};
use crate::engine::network::noisy::StraightThrough;
use crate::engine::network::optimisers::{Clip, Course, Optimiser, Schedule, WeightDecay};
use crate::network::TrainGradient;
use crate::plan::network::HardwareProfile;

use super::super::checked_network::{Data, DirectedProjection, NetworkSystem, NeuronPopulation};
use super::super::code::Code;
use super::super::wire::{
    AnnealWeightsWire, ClipWire, DecayWire, HeatBatchWire, HeatMethodWire, HeatScheduleWire, OptimiserWire, RateWire, SceneWire,
    StraightThroughWire, SystemWire, TrainGradientWire, VisitOrderWire,
};
use super::Checker;
use super::plasticity::DEFAULT_STEPS as DEFAULT_PLASTIC;
use super::spin_network::index;

/// Steps of a run that anneals weights, if neither the scene nor a system says.
const DEFAULT_ANNEAL: u64 = 500;
/// Steps of a run that trains by gradient, if neither the scene nor a system says.
const DEFAULT_TRAIN: u64 = 100;

/// The steps of a system: the first, the one before which the last lies, and from one to the next.
pub(super) struct Window {
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) every: u64,
}

impl Window {
    pub(super) fn n_steps(&self) -> u64 {
        self.until.saturating_sub(self.from)
    }
}

impl Checker<'_> {
    /// What happens in a step, and the steps of the run.
    pub(super) fn neuron_systems(
        &mut self,
        wire: &SceneWire,
        data: Option<&Data>,
        parts: (&[NeuronPopulation], &[DirectedProjection]),
        (steps, hardware): (Option<u64>, Option<&HardwareProfile>),
    ) -> Option<(Vec<NetworkSystem>, u64)> {
        // 1. How long the run is: as the scene says, as its windows say, or by what learns.
        let needed = wire.systems.iter().map(|system| match system {
            SystemWire::TrainGradient(w) => w.until.unwrap_or(w.from.saturating_add(DEFAULT_TRAIN)),
            SystemWire::AnnealWeights(w) => w.until.unwrap_or(w.from.saturating_add(DEFAULT_ANNEAL)),
            SystemWire::AnnealStructure(w) => w.until.unwrap_or(w.from.saturating_add(DEFAULT_TRAIN)),
            SystemWire::Live(_) => DEFAULT_PLASTIC,
            _ => 1,
        });
        let steps = steps.or(needed.max()).unwrap_or(1).max(1);
        // 2. System by system.
        let mut systems: Vec<(String, NetworkSystem)> = Vec::new();
        for (i, system) in wire.systems.iter().enumerate() {
            let path = format!("systems[{i}]");
            match system {
                SystemWire::Evaluate(_) => systems.push((path, NetworkSystem::Evaluate)),
                SystemWire::TrainGradient(w) => {
                    if systems.iter().any(|(_, s)| matches!(s, NetworkSystem::Train(_))) {
                        self.complain(
                            Code::TwoOwners,
                            &path,
                            "two systems train by gradient, and they would share the moments of one optimiser",
                        )
                        .advise("keep one of the two, with a window and a schedule that cover both");
                        continue;
                    }
                    if let Some(train) = self.train_gradient(&path, w, data, parts, (steps, hardware)) {
                        systems.push((path, NetworkSystem::Train(train)));
                    }
                }
                SystemWire::AnnealWeights(w) => {
                    if let Some(heat) = self.anneal_weights(&path, w, steps) {
                        systems.push((path, NetworkSystem::Anneal(heat)));
                    }
                }
                SystemWire::AnnealStructure(w) => {
                    if systems.iter().any(|(_, s)| matches!(s, NetworkSystem::Rewire(_))) {
                        self.complain(Code::TwoOwners, &path, "two systems move the wiring, and each takes it for its own")
                            .advise("keep one of the two, with a window that covers both");
                        continue;
                    }
                    if let Some(settings) = self.anneal_structure(&path, w, parts, steps) {
                        systems.push((path, NetworkSystem::Rewire(Box::new(settings))));
                    }
                }
                other => {
                    if let Some(plastic) = self.plastic_system(&path, other, parts, steps) {
                        systems.push((path, plastic));
                        continue;
                    }
                    if matches!(other, SystemWire::Lesion(_)) {
                        continue;
                    }
                    self.complain(Code::Unsupported, &path, "the system is one of spins, and the scene has neurons that compute")
                        .advise("use TrainGradient(...), AnnealWeights(...), AnnealStructure(...) or Evaluate(), or make the populations Spins(...)");
                }
            }
        }
        self.plastic_together(&systems, parts);
        let systems: Vec<NetworkSystem> = systems.into_iter().map(|(_, system)| system).collect();
        let needs_samples = systems.iter().any(NetworkSystem::needs_samples);
        if let Some(data) = data.filter(|d| d.steps > 1)
            && !parts.1.iter().any(|p| p.is_recurrent)
            && parts.1.len() == wire.projections.len()
        {
            let message =
                format!("a sample lasts {} steps, and no projection is recurrent: nothing remembers the steps before", data.steps);
            self.complain(Code::NothingToDo, "data.time", message)
                .advise("write `recurrent: true` in a projection, such as one of a population onto itself, or leave `time` out");
        }
        if wire.systems.is_empty() {
            self.complain(Code::NothingToDo, "systems", "no system does anything with the neurons")
                .advise("add one, such as TrainGradient(), AnnealWeights() or Evaluate()");
        } else if wire.data.is_none() && needs_samples {
            self.complain(Code::NothingToDo, "systems[0]", "there are no samples to answer")
                .advise("add data, such as data: Data(source: Csv(path: ...))");
        }
        if data.is_none() && (needs_samples || wire.data.is_some()) {
            return None;
        }
        Some((systems, steps))
    }

    pub(super) fn window(&mut self, path: &str, from: u64, until: Option<u64>, every: u64, steps: u64) -> Window {
        let every = u64::from(self.count(&format!("{path}.every"), every, 1));
        let until = until.unwrap_or(steps.max(from.saturating_add(1)));
        if until <= from {
            self.complain(Code::OutOfRange, &format!("{path}.until"), format!("the window runs from {from} to {until}"))
                .advise("until is the step after the last one, above from");
        }
        if from >= steps {
            self.complain(
                Code::CutShort,
                &format!("{path}.from"),
                format!("the window begins at step {from}, and the run has {steps} steps"),
            );
        } else if until > steps {
            self.complain(Code::CutShort, "steps", format!("the window at {path} ends at step {until}, and the run has {steps} steps"));
        }
        Window { from, until: until.max(from.saturating_add(1)), every }
    }

    /// Temperatures over a window.
    pub(super) fn heat_schedule(&mut self, path: &str, wire: &HeatScheduleWire) -> HeatSchedule {
        let range = |checker: &mut Self, hot: f64, cold: f64| {
            let (hot, cold) = (checker.temperature(&format!("{path}.hot"), hot), checker.temperature(&format!("{path}.cold"), cold));
            if hot > 0.0 && cold > 0.0 && hot <= cold {
                checker
                    .complain(Code::OutOfRange, &format!("{path}.hot"), format!("hot is {hot}, and cold is {cold}"))
                    .advise("hot is above cold; for one temperature write Constant(T)");
            }
            TemperatureRange { hot, cold }
        };
        match wire {
            HeatScheduleWire::Constant(t) => HeatSchedule::Constant(self.within(path, *t, 0.0, 1e12)),
            HeatScheduleWire::Linear(r) => HeatSchedule::Linear(range(self, r.hot, r.cold)),
            HeatScheduleWire::Geometric(r) => HeatSchedule::Geometric(range(self, r.hot, r.cold)),
            HeatScheduleWire::Custom(table) => {
                if table.is_empty() {
                    self.complain(Code::OutOfRange, path, "the table of temperatures is empty").advise("give one or more");
                }
                table.iter().for_each(|&t| _ = self.within(path, t, 0.0, 1e12));
                HeatSchedule::Custom(table.clone())
            }
        }
    }

    fn anneal_weights(&mut self, path: &str, w: &AnnealWeightsWire, steps: u64) -> Option<HeatSettings> {
        let start = self.complaints.len();
        let window = self.window(path, w.from, w.until, w.every, steps);
        let at = |field: &str| format!("{path}.{field}");
        let schedule = self.heat_schedule(&at("schedule"), &w.schedule);
        let method = match w.method {
            HeatMethodWire::Metropolis => HeatMethod::Metropolis,
            HeatMethodWire::Mala(m) => HeatMethod::Mala { rate: self.within(&at("method.rate"), m.rate, 1e-12, 1e3) },
            HeatMethodWire::Sgld(s) => HeatMethod::Sgld {
                rate: self.within(&at("method.rate"), s.rate, 1e-12, 1e3),
                batch: self.count(&at("method.batch"), s.batch, 1),
            },
        };
        let adaptation = Adaptation {
            first_size: self.within(&at("first_size"), w.first_size, 1e-6, 1e6) as f32,
            largest_size: self.within(&at("largest_size"), w.largest_size, 1e-6, 1e6) as f32,
            acceptance: self.within(&at("acceptance"), w.acceptance, 0.01, 0.99),
            share: self.within(&at("adapt_share"), w.adapt_share, 0.0, 1.0),
        };
        let settings = HeatSettings {
            method,
            schedule,
            lambda: self.within(&at("lambda"), w.lambda, 0.0, 1e12),
            prior_on_biases: w.prior_on_biases,
            bound: self.within(&at("bound"), w.bound, 1e-6, 1e6) as f32,
            // First weights are those of the projections.
            initial_sd: None,
            proposals_per_step: self.count(&at("proposals_per_step"), w.proposals_per_step, 1),
            from: window.from,
            n_steps: window.n_steps().max(1),
            every: window.every,
            order: match w.order {
                VisitOrderWire::Sweep => VisitOrder::Sweep,
                VisitOrderWire::Random => VisitOrder::Random,
            },
            batch: match w.batch {
                HeatBatchWire::Full => HeatBatch::Full,
                HeatBatchWire::Barker(n) => HeatBatch::Barker(self.count(&at("batch"), n, 2)),
            },
            adaptation,
        };
        // The method's own check has the last word on what none of the above names.
        if self.complaints.len() == start
            && let Err(error) = settings.validate()
        {
            self.complain(Code::OutOfRange, path, error.to_string());
        }
        Some(settings)
    }

    fn train_gradient(
        &mut self,
        path: &str,
        w: &TrainGradientWire,
        data: Option<&Data>,
        parts: (&[NeuronPopulation], &[DirectedProjection]),
        (steps, hardware): (u64, Option<&HardwareProfile>),
    ) -> Option<TrainGradient> {
        let start = self.complaints.len();
        let window = self.window(path, w.from, w.until, w.every, steps);
        let at = |field: &str| format!("{path}.{field}");
        let batch = self.count(&at("batch"), w.batch, 1);
        let updates_per_step = w.updates_per_step.map(|n| u64::from(self.count(&at("updates_per_step"), n, 1)));
        let steps_of_sample = data.map_or(u32::MAX, |d| d.steps);
        let span = w.window.map(|n| self.count(&at("window"), n, 1));
        if let Some(span) = span.filter(|&n| n > steps_of_sample) {
            let message = format!("window is {span}, and a sample lasts {steps_of_sample}");
            self.complain(Code::OutOfRange, &at("window"), message)
                .advise("use as many steps as a sample lasts or fewer; `time` in `data` says how many that is");
        }
        for name in &w.frozen {
            let names: Vec<&str> = parts.0.iter().map(|p| p.name.as_str()).chain(parts.1.iter().map(|p| p.name.as_str())).collect();
            if !names.contains(&name.as_str()) {
                let near = crate::topology::nearest::did_you_mean(name, names.iter().copied());
                self.complain(Code::UnknownPopulation, &at("frozen"), format!("no population or projection \"{name}\"{near}"))
                    .advise("freeze populations and projections by their names");
            }
        }
        // Samples that are split leave the rest to learn from.
        let n_train = data.map_or(1, |d| {
            let n = d.samples.n_samples();
            if d.test.is_some() { n } else { n - ((d.test_share * n as f64).ceil() as usize).min(n - 1) }
        }) as u64;
        let per_epoch = n_train.div_ceil(u64::from(batch.max(1))).max(1);
        let n_updates = window.n_steps().div_ceil(window.every).saturating_mul(updates_per_step.unwrap_or(per_epoch)).max(1);
        let schedule = match w.schedule {
            RateWire::Constant => Schedule::Constant,
            RateWire::Linear(to) => Schedule::Linear { to: self.within(&at("schedule"), to, 0.0, 1.0), updates: n_updates },
            RateWire::Cosine(to) => Schedule::Cosine { to: self.within(&at("schedule"), to, 0.0, 1.0), updates: n_updates },
            RateWire::Step(s) => Schedule::Step {
                every: u64::from(self.count(&at("schedule.every"), s.every, 1)),
                factor: self.within(&at("schedule.factor"), s.factor, 0.0, 1.0),
            },
            RateWire::Exponential(factor) => Schedule::Exponential { factor: self.within(&at("schedule"), factor, 0.0, 1.0) },
        };
        let small = |checker: &mut Self, field: &str, value: f64| checker.within(&at(field), value, 0.0, 1.0) as f32;
        let optimiser = match w.optimiser {
            OptimiserWire::Sgd(s) => Optimiser::Sgd { momentum: small(self, "optimiser.momentum", s.momentum), nesterov: s.nesterov },
            OptimiserWire::Adam(a) | OptimiserWire::AdamW(a) => {
                let [beta1, beta2] = [("beta1", a.beta1), ("beta2", a.beta2)].map(|(f, v)| small(self, &format!("optimiser.{f}"), v));
                let epsilon = small(self, "optimiser.epsilon", a.epsilon);
                match w.optimiser {
                    OptimiserWire::AdamW(_) => Optimiser::AdamW { beta1, beta2, epsilon },
                    _ => Optimiser::Adam { beta1, beta2, epsilon },
                }
            }
            OptimiserWire::RmsProp(r) => Optimiser::RmsProp {
                alpha: small(self, "optimiser.alpha", r.alpha),
                epsilon: small(self, "optimiser.epsilon", r.epsilon),
                momentum: small(self, "optimiser.momentum", r.momentum),
            },
            OptimiserWire::AdaGrad(a) => Optimiser::AdaGrad {
                epsilon: small(self, "optimiser.epsilon", a.epsilon),
                rate_decay: small(self, "optimiser.rate_decay", a.rate_decay),
            },
        };
        let settings = TrainGradient {
            every: window.every,
            from: window.from,
            // A run that is made longer goes on learning.
            until: w.until,
            optimiser,
            course: Course { rate: self.within(&at("rate"), w.rate, 1e-12, 1e6), schedule, warm_up: w.warm_up },
            batch: index(u64::from(batch)),
            updates_per_step,
            decay: match w.decay {
                DecayWire::None => WeightDecay::None,
                DecayWire::L2(amount) => WeightDecay::L2(self.within(&at("decay"), amount, 0.0, 1e6) as f32),
                DecayWire::Decoupled(amount) => WeightDecay::Decoupled(self.within(&at("decay"), amount, 0.0, 1e6) as f32),
            },
            clip: match w.clip {
                ClipWire::None => Clip::None,
                ClipWire::Norm(norm) => Clip::Norm(self.within(&at("clip"), norm, 1e-12, 1e12) as f32),
                ClipWire::Value(size) => Clip::Value(self.within(&at("clip"), size, 1e-12, 1e12) as f32),
            },
            window: span,
            frozen: w.frozen.clone(),
            hardware: hardware.filter(|_| w.noise_aware).cloned(),
            straight_through: match w.straight_through {
                StraightThroughWire::Clipped => StraightThrough::Clipped,
                StraightThroughWire::Plain => StraightThrough::Plain,
            },
        };
        if self.complaints.len() == start
            && let Err(errors) = settings.validate()
        {
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            self.complain(Code::OutOfRange, path, all.join("; "));
        }
        Some(settings)
    }
}
