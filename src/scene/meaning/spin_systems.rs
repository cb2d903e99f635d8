//! Systems: settings in their ranges, and what a method asks of its engine.

use crate::engine::methods::{
    AisSettings, AnnealSettings, BetaSteps, ClusterMoves, CyclingSettings, OptimiseSettings, PopulationSettings, SampleSettings,
    ScheduleShape, SettingsError, TemperatureRange, TemperingSettings,
};
use crate::engine::spins::{Rule, Scan};

use super::super::checked::{Couplings, Method, RecallSettings, System};
use super::super::code::Code;
use super::super::wire::{
    AisWire, AnnealWire, BetaStepsWire, ClustersWire, CoolingWire, CycleWire, OptimiseWire, PopulationAnnealWire, RandomnessWire,
    RecallWire, RuleWire, SampleWire, ScanWire, SceneWire, SystemWire, TemperWire,
};
use super::Checker;
use super::spin_network::Network;

/// How many replicas a system can have.
const REPLICAS: [u32; 5] = [1, 64, 128, 256, 512];
/// Steps of a method that never finishes, if the scene does not say.
const DEFAULT_STEPS: u64 = 1000;
/// Steps of a stage of sampling, if the scene does not say.
pub(super) const DEFAULT_STAGE: u64 = 500;
/// Stages of a ramp, if the scene does not say.
pub(super) const DEFAULT_STAGES: u64 = 20;

/// What systems of every kind share.
pub(super) struct Common {
    every: u64,
    replicas: u64,
    randomness: RandomnessWire,
    rule: RuleWire,
    scan: ScanWire,
}

impl Checker<'_> {
    /// The system that moves the spins, and the steps of the run.
    pub(super) fn system(&mut self, wire: &SceneWire, network: &Network, steps: Option<u64>) -> Option<(System, u64)> {
        let mut systems = Vec::new();
        for (i, system) in wire.systems.iter().enumerate() {
            let path = format!("systems[{i}]");
            let Some(checked) = self.one_system(&path, system, network, steps) else {
                self.complain(Code::Unsupported, &path, "the system is one of neurons that compute, and the scene is of spins")
                    .advise("use a system of spins, such as Anneal(), or make the populations Neurons(...)");
                continue;
            };
            if let Some(first) = systems.first() {
                let (first, _): &(System, Need) = first;
                let message = format!("{} and {} both move the spins", first.method.name(), checked.0.method.name());
                self.complain(Code::TwoOwners, &path, message);
            }
            systems.push(checked);
        }
        if wire.systems.is_empty() {
            self.complain(Code::NothingToDo, "systems", "no system moves the spins")
                .advise("add one, such as Anneal(), Sample(temperature: 1.0) or Optimise()");
        }
        let (system, need) = systems.into_iter().next()?;
        let every = u64::from(system.every);
        let needed = need.steps.saturating_mul(every);
        let steps = steps.unwrap_or(needed);
        if need.is_exact && steps < needed {
            let message = format!("{} needs {needed} steps, and the run has {steps}", system.method.name());
            self.complain(Code::CutShort, "steps", message);
        }
        Some((system, steps))
    }

    fn one_system(&mut self, path: &str, wire: &SystemWire, network: &Network, steps: Option<u64>) -> Option<(System, Need)> {
        let start = self.complaints.len();
        let (common, method, need) = match wire {
            SystemWire::Sample(w) => self.sample(path, w, steps),
            SystemWire::Anneal(w) => self.anneal(path, w),
            SystemWire::Temper(w) => self.temper(path, w),
            SystemWire::PopulationAnneal(w) => self.population_anneal(path, w),
            SystemWire::Ais(w) => self.ais(path, w),
            SystemWire::Cycle(w) => self.cycle(path, w),
            SystemWire::Optimise(w) => self.optimise(path, w, network),
            SystemWire::Recall(w) => self.recall(path, w, network),
            SystemWire::SampleStructure(w) => self.sample_structure(path, w, network, steps),
            SystemWire::Evaluate(_)
            | SystemWire::TrainGradient(_)
            | SystemWire::AnnealWeights(_)
            | SystemWire::AnnealStructure(_)
            | SystemWire::Live(_)
            | SystemWire::Hebb(_)
            | SystemWire::AntiHebb(_)
            | SystemWire::Oja(_)
            | SystemWire::Bcm(_)
            | SystemWire::ScaleSynapses(_)
            | SystemWire::GrowHebbian(_)
            | SystemWire::GrowHomeostatic(_)
            | SystemWire::PruneIdle(_)
            | SystemWire::Lesion(_)
            | SystemWire::Evolve(_)
            | SystemWire::TrainBoltzmann(_)
            | SystemWire::EquilibriumPropagation(_) => return None,
        };
        // The method's own check has the last word on what none of the above names.
        let checked = validate(&method);
        if self.complaints.len() == start
            && let Err(error) = checked
            && !self.complaints.iter().any(|c| c.code == Code::NotFinite)
        {
            self.settings_error(path, &error);
        }
        let every = self.count(&format!("{path}.every"), common.every, 1);
        let n_replicas = self.count(&format!("{path}.replicas"), common.replicas, 1);
        if common.replicas > 0 && !REPLICAS.contains(&n_replicas) {
            self.complain(Code::OutOfRange, &format!("{path}.replicas"), format!("replicas is {}", common.replicas))
                .advise("use 1 (the one-replica engine), or 64, 128, 256 or 512 (replica lanes)");
        }
        let shares_randomness = common.randomness == RandomnessWire::Shared;
        let system = System { every, method, n_replicas, shares_randomness, rule: rule(common.rule), scan: scan(common.scan) };
        self.engine_suits(path, &system);
        Some((system, need))
    }

    /// Refuses what would make the answers of a method wrong, with the reason.
    fn engine_suits(&mut self, path: &str, system: &System) {
        let reason = match system.method {
            Method::Anneal(_) if system.rule == Rule::HeatBath => Some("heat bath with shared numbers drives all replicas into one state"),
            Method::Anneal(_) => None,
            Method::Sample(_) => Some("its error bars need independent replicas"),
            Method::Temper(_) => Some("replicas that swap or exchange clusters must be independent"),
            Method::PopulationAnneal(_) => Some("copies of one parent would never separate"),
            Method::Ais(_) => Some("its weights must be independent"),
            Method::Cycle(_) | Method::Optimise(_) => Some("crossover needs states that differ"),
            Method::Recall(_) | Method::SampleStructure(_) => None,
        };
        if let Some(reason) = reason.filter(|_| system.shares_randomness) {
            let message = format!("{} cannot share random numbers between replicas: {reason}", system.method.name());
            self.complain(Code::SharedRandomness, &format!("{path}.randomness"), message);
        }
        let needed = match system.method {
            Method::Temper(s) if s.cluster_moves != ClusterMoves::Off => 2 * u64::from(s.n_temperatures),
            Method::Temper(s) => u64::from(s.n_temperatures),
            Method::PopulationAnneal(_) | Method::Ais(_) => 2,
            _ => 1,
        };
        if u64::from(system.n_replicas) < needed {
            let message = match system.method {
                Method::Temper(s) if s.cluster_moves != ClusterMoves::Off => {
                    format!(
                        "cluster moves need two copies of each of the {} temperatures: {needed} replicas, not {}",
                        s.n_temperatures, system.n_replicas
                    )
                }
                _ => format!("{} needs {needed} replicas, not {}", system.method.name(), system.n_replicas),
            };
            self.complain(Code::TooFewReplicas, &format!("{path}.replicas"), message);
        }
    }

    fn settings_error(&mut self, path: &str, error: &SettingsError) {
        self.complain(Code::OutOfRange, path, error.to_string());
    }

    fn sample(&mut self, path: &str, w: &SampleWire, steps: Option<u64>) -> (Common, Method, Need) {
        let from = self.temperature(&format!("{path}.temperature"), w.temperature);
        let to = w.end_temperature.map_or(from, |t| self.temperature(&format!("{path}.end_temperature"), t));
        let stages = w.stages.unwrap_or(if w.end_temperature.is_some() { DEFAULT_STAGES } else { 1 });
        let stages = self.count(&format!("{path}.stages"), stages, 1);
        if stages > 1 && w.end_temperature.is_none() {
            self.complain(Code::MissingField, path, format!("{stages} stages, and no temperature to go to"))
                .advise("add end_temperature: ...");
        }
        let shared = steps.map(|n| n / w.every.max(1) / u64::from(stages)).filter(|&n| n > 0);
        let length = w.steps_per_stage.or(shared).unwrap_or(DEFAULT_STAGE);
        let length = self.count(&format!("{path}.steps_per_stage"), length, 1);
        let discard = self.count(&format!("{path}.discard"), w.discard.unwrap_or(u64::from(length) / 5), 0);
        if discard >= length {
            let message = format!("discard is {discard}, and a stage has {length} steps");
            self.complain(Code::OutOfRange, &format!("{path}.discard"), message).advise("discard fewer steps than a stage has");
        }
        let settings = SampleSettings {
            from,
            to,
            stages,
            iterations_per_stage: length,
            discard,
            sweeps_per_iteration: self.count(&format!("{path}.sweeps_per_step"), w.sweeps_per_step, 1),
            random_start: true,
            rule: rule(w.rule),
            scan: scan(w.scan),
        };
        let need = Need { steps: u64::from(stages).saturating_mul(length.into()), is_exact: stages > 1 || discard > 0 };
        (common(w.every, w.replicas, w.randomness, w.rule, w.scan), Method::Sample(settings), need)
    }

    fn range(&mut self, path: &str, hot: Option<f64>, cold: Option<f64>) -> Option<TemperatureRange> {
        let hot = hot.map(|t| self.temperature(&format!("{path}.hot"), t));
        let cold = cold.map(|t| self.temperature(&format!("{path}.cold"), t));
        match (hot, cold) {
            (Some(hot), Some(cold)) => {
                if hot.is_finite() && cold.is_finite() && hot <= cold {
                    let message = format!("hot is {hot}, and cold is {cold}");
                    self.complain(Code::OutOfRange, &format!("{path}.hot"), message)
                        .advise("hot is above cold: both are temperatures, not inverse ones");
                }
                Some(TemperatureRange { hot, cold })
            }
            (None, None) => None,
            (given, _) => {
                let (have, miss) = if given.is_some() { ("hot", "cold") } else { ("cold", "hot") };
                self.complain(Code::MissingField, path, format!("{have} is given without {miss}"))
                    .advise(format!("add {miss}, or leave both out to take them from the couplings"));
                None
            }
        }
    }

    fn anneal(&mut self, path: &str, w: &AnnealWire) -> (Common, Method, Need) {
        let settings = AnnealSettings {
            shape: match w.cooling {
                CoolingWire::LinearBeta => ScheduleShape::LinearBeta,
                CoolingWire::Geometric => ScheduleShape::Geometric,
                CoolingWire::LinearTemperature => ScheduleShape::LinearTemperature,
                CoolingWire::ConstantSpeed => ScheduleShape::ConstantSpeed,
            },
            range: self.range(path, w.hot, w.cold),
            n_sweeps: self.count(&format!("{path}.sweeps"), w.sweeps, 1),
            n_runs: self.count(&format!("{path}.runs"), w.runs, 1),
            sweeps_per_iteration: self.count(&format!("{path}.sweeps_per_step"), w.sweeps_per_step, 1),
            quench: w.quench,
            rule: rule(w.rule),
            scan: scan(w.scan),
        };
        let per_run = settings.n_sweeps.div_ceil(settings.sweeps_per_iteration);
        let need = Need { steps: u64::from(per_run) * u64::from(settings.n_runs), is_exact: true };
        (common(w.every, w.replicas, w.randomness, w.rule, w.scan), Method::Anneal(settings), need)
    }

    fn temper(&mut self, path: &str, w: &TemperWire) -> (Common, Method, Need) {
        let settings = TemperingSettings {
            n_temperatures: self.count(&format!("{path}.temperatures"), w.temperatures, 2),
            range: self.range(path, w.hot, w.cold),
            sweeps_per_iteration: self.count(&format!("{path}.sweeps_per_step"), w.sweeps_per_step, 1),
            adaptation_iterations: self.count(&format!("{path}.adaptation_steps"), w.adaptation_steps, 0),
            discard: self.count(&format!("{path}.discard"), w.discard, 0),
            cluster_moves: match w.clusters {
                ClustersWire::Off => ClusterMoves::Off,
                ClustersWire::One => ClusterMoves::One,
                ClustersWire::All => ClusterMoves::All,
            },
            cluster_every: self.count(&format!("{path}.clusters_every"), w.clusters_every, 1),
            crossover_every: self.count(&format!("{path}.crossover_every"), w.crossover_every, 0),
            rule: rule(w.rule),
            scan: scan(w.scan),
        };
        let steps = settings.unmeasured_iterations();
        // The default length measures for at least as long as it settles.
        let need = Need { steps: DEFAULT_STEPS.max(steps.saturating_mul(2)), is_exact: false };
        (common(w.every, w.replicas, w.randomness, w.rule, w.scan), Method::Temper(settings), need)
    }

    fn beta_end(&mut self, path: &str, cold: Option<f64>) -> Option<f64> {
        cold.map(|t| 1.0 / self.temperature(&format!("{path}.cold"), t))
    }

    fn population_anneal(&mut self, path: &str, w: &PopulationAnnealWire) -> (Common, Method, Need) {
        let at = format!("{path}.beta_steps");
        let (steps, need) = match w.beta_steps {
            BetaStepsWire::Fixed(n) => {
                let n = self.count(&at, n, 1);
                (BetaSteps::Fixed(n), Need { steps: u64::from(n) + 1, is_exact: true })
            }
            BetaStepsWire::Adaptive(keep) => {
                if keep.is_finite() && !(keep > 0.0 && keep < 1.0) {
                    self.complain(Code::OutOfRange, &at, format!("the fraction to keep is {keep}"))
                        .advise("use a number between 0 and 1, such as 0.9");
                }
                (BetaSteps::Adaptive(keep), Need { steps: 10 * DEFAULT_STEPS, is_exact: false })
            }
        };
        let settings = PopulationSettings {
            beta_end: self.beta_end(path, w.cold),
            steps,
            sweeps_per_step: self.count(&format!("{path}.sweeps_per_step"), w.sweeps_per_step, 1),
            rule: rule(w.rule),
            scan: scan(w.scan),
        };
        (common(w.every, w.replicas, w.randomness, w.rule, w.scan), Method::PopulationAnneal(settings), need)
    }

    fn ais(&mut self, path: &str, w: &AisWire) -> (Common, Method, Need) {
        let settings = AisSettings {
            beta_end: self.beta_end(path, w.cold),
            n_steps: self.count(&format!("{path}.beta_steps"), w.beta_steps, 1),
            sweeps_per_step: self.count(&format!("{path}.sweeps_per_beta_step"), w.sweeps_per_beta_step, 1),
            steps_per_iteration: self.count(&format!("{path}.beta_steps_per_step"), w.beta_steps_per_step, 1),
            reverse: w.reverse,
            equilibration_sweeps: self.count(&format!("{path}.equilibration_sweeps"), w.equilibration_sweeps, 0),
            rule: rule(w.rule),
            scan: scan(w.scan),
        };
        let one_way = u64::from(settings.n_steps.div_ceil(settings.steps_per_iteration));
        let back = u64::from(settings.equilibration_sweeps) + one_way + 2;
        let need = Need { steps: one_way + if settings.reverse { back } else { 2 }, is_exact: false };
        (common(w.every, w.replicas, w.randomness, w.rule, w.scan), Method::Ais(settings), need)
    }

    fn cycle(&mut self, path: &str, w: &CycleWire) -> (Common, Method, Need) {
        let reheat = w.reheat.map(|(hot, cold)| {
            let at = format!("{path}.reheat");
            let (hot, cold) = (self.temperature(&at, hot), self.temperature(&at, cold));
            if hot.is_finite() && cold.is_finite() && hot <= cold {
                self.complain(Code::OutOfRange, &at, format!("reheat runs from {hot} to {cold}"))
                    .advise("the strongest reheating comes first");
            }
            TemperatureRange { hot, cold }
        });
        let at = format!("{path}.cycle_sweeps");
        let cycle_sweeps = [self.count(&at, w.cycle_sweeps.0, 1), self.count(&at, w.cycle_sweeps.1, 1)];
        if cycle_sweeps[0] > cycle_sweeps[1] {
            let message = format!("cycle_sweeps runs from {} to {}", cycle_sweeps[0], cycle_sweeps[1]);
            self.complain(Code::OutOfRange, &at, message).advise("the shortest cooling comes first");
        }
        let settings = CyclingSettings {
            reheat,
            cold: w.cold.map(|t| self.temperature(&format!("{path}.cold"), t)),
            first_sweeps: self.count(&format!("{path}.first_sweeps"), w.first_sweeps, 1),
            cycle_sweeps,
            sweeps_per_iteration: self.count(&format!("{path}.sweeps_per_step"), w.sweeps_per_step, 1),
            sweep_budget: u64::from(self.count(&format!("{path}.sweeps"), w.sweeps, 1)),
            target_energy: w.target_energy,
            ..CyclingSettings::default()
        };
        let need = budget_steps(settings.sweep_budget, settings.sweeps_per_iteration);
        (common(w.every, w.replicas, RandomnessWire::Independent, RuleWire::Metropolis, ScanWire::Colours), Method::Cycle(settings), need)
    }

    fn optimise(&mut self, path: &str, w: &OptimiseWire, network: &Network) -> (Common, Method, Need) {
        let mut target_energy = w.target_energy;
        if let Some(cut) = w.target_cut {
            let at = format!("{path}.target_cut");
            let cuts = network.projections.iter().filter_map(|p| match &p.couplings {
                Couplings::Read(instance) => instance.max_cut,
                _ => None,
            });
            let cuts: Vec<_> = cuts.collect();
            match cuts.as_slice() {
                [max_cut] if target_energy.is_none() => target_energy = Some(max_cut.energy(cut)),
                [_, ..] => {
                    self.complain(Code::Unsupported, &at, "target_cut and target_energy say the same twice").advise("keep one of the two");
                }
                [] if self.complaints.iter().any(|c| matches!(c.code, Code::MissingFile | Code::BadFile)) => {}
                [] => {
                    self.complain(Code::NothingToDo, &at, "target_cut, and no couplings of a Max-Cut file")
                        .advise("use target_energy, or couplings: MaxCut(path: ...)");
                }
            }
        }
        let settings = OptimiseSettings {
            sweep_budget: u64::from(self.count(&format!("{path}.sweeps"), w.sweeps, 1)),
            target_energy,
            sweeps_per_iteration: self.count(&format!("{path}.sweeps_per_step"), w.sweeps_per_step, 1),
        };
        let need = budget_steps(settings.sweep_budget, settings.sweeps_per_iteration);
        (
            common(w.every, w.replicas, RandomnessWire::Independent, RuleWire::Metropolis, ScanWire::Colours),
            Method::Optimise(settings),
            need,
        )
    }

    fn recall(&mut self, path: &str, w: &RecallWire, network: &Network) -> (Common, Method, Need) {
        let mut memories = network.projections.iter().filter_map(|p| match &p.couplings {
            Couplings::Hopfield(patterns, _) => Some(patterns),
            _ => None,
        });
        let first = memories.next();
        let remembers = first.is_some();
        if memories.any(|other| Some(other) != first) {
            self.complain(Code::Unsupported, path, "Recall compares networks, and they remember different patterns")
                .advise("give all Hopfield couplings one path and one threshold");
        }
        let unread = self.complaints.iter().any(|c| matches!(c.code, Code::MissingFile | Code::BadFile));
        if !remembers && !unread {
            self.complain(Code::NothingToDo, path, "Recall, and no couplings that remember patterns")
                .advise("add couplings: Hopfield(path: ...)");
        }
        let settings = RecallSettings {
            flipped: self.within(&format!("{path}.flipped"), w.flipped, 0.0, 0.5),
            max_sweeps: self.count(&format!("{path}.sweeps"), w.sweeps, 1),
            power: w.power.map(|n| self.within(&format!("{path}.power"), n as f64, 2.0, 20.0) as u32),
            exponential: w.exponential,
        };
        let need = Need { steps: 100, is_exact: false };
        (common(w.every, 1, RandomnessWire::Independent, RuleWire::Metropolis, ScanWire::Sequential), Method::Recall(settings), need)
    }
}

/// The steps that a method needs.
#[derive(Clone, Copy)]
pub(super) struct Need {
    pub(super) steps: u64,
    /// True if fewer steps leave it unfinished; false if they are only a good length.
    pub(super) is_exact: bool,
}

/// A method that counts sweeps may take shorter steps: it ends the run itself, before this many.
fn budget_steps(budget: u64, per_step: u32) -> Need {
    Need { steps: budget.div_ceil(u64::from(per_step)).saturating_mul(4).saturating_add(100), is_exact: false }
}

/// What a system of one replica shares with the others.
pub(super) fn single(every: u64) -> Common {
    common(every, 1, RandomnessWire::Independent, RuleWire::HeatBath, ScanWire::Sequential)
}

fn common(every: u64, replicas: u64, randomness: RandomnessWire, rule: RuleWire, scan: ScanWire) -> Common {
    Common { every, replicas, randomness, rule, scan }
}

fn rule(wire: RuleWire) -> Rule {
    match wire {
        RuleWire::Metropolis => Rule::Metropolis,
        RuleWire::HeatBath => Rule::HeatBath,
    }
}

fn scan(wire: ScanWire) -> Scan {
    match wire {
        ScanWire::Colours => Scan::Colours,
        ScanWire::Sequential => Scan::Sequential,
        ScanWire::Random => Scan::Random,
    }
}

fn validate(method: &Method) -> Result<(), SettingsError> {
    match method {
        Method::Sample(s) => s.validate(),
        Method::Anneal(s) => s.validate(),
        Method::Temper(s) => s.validate(),
        Method::PopulationAnneal(s) => s.validate(),
        Method::Ais(s) => s.validate(),
        Method::Cycle(s) => s.validate(),
        Method::Optimise(s) => s.validate(),
        Method::Recall(_) => Ok(()),
        // The projections, which may be faulty, decide whether there are positions.
        Method::SampleStructure(s) => s.settings(Vec::new()).validate(),
    }
}
