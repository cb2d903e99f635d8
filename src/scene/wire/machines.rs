//! Systems by which spins learn: Boltzmann machines and equilibrium propagation.

use serde::Deserialize;

use super::learning::RateWire;

/// What every system says by which spins learn.
#[derive(Clone, Copy, Debug)]
pub struct LearningWire {
    pub every: u64,
    pub from: u64,
    pub until: Option<u64>,
    pub rate: f64,
    pub schedule: RateWire,
    pub warm_up: u64,
    pub momentum: f64,
    pub decay: f64,
    pub batch: u64,
    pub updates_per_step: Option<u64>,
    pub measure_every: u64,
}

/// Writes the struct of a system by which spins learn: its own fields between those that all have, which serde cannot flatten
/// where unknown fields are refused.
macro_rules! learning_system {
    ($(#[$doc:meta])* $name:ident, rate: $rate:expr, { $($(#[$own_doc:meta])* $own:ident: $type:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            /// Runs at every so many steps of its window.
            pub every: u64,
            /// First step at which it runs.
            pub from: u64,
            /// Step from which on it no longer runs; to the end if left out.
            pub until: Option<u64>,
            $($(#[$own_doc])* pub $own: $type,)*
            /// The learning rate.
            pub rate: f64,
            /// How it falls.
            pub schedule: RateWire,
            /// Updates over which it rises.
            pub warm_up: u64,
            /// Share of the last step that goes on.
            pub momentum: f64,
            /// Weight decay.
            pub decay: f64,
            /// Samples of an update.
            pub batch: u64,
            /// Updates of a step; an epoch if left out.
            pub updates_per_step: Option<u64>,
            /// Steps between the usual measures; 0 for the last step alone.
            pub measure_every: u64,
        }

        impl Default for $name {
            fn default() -> Self {
                $name {
                    every: 1,
                    from: 0,
                    until: None,
                    $($own: $default,)*
                    rate: $rate,
                    schedule: RateWire::Constant,
                    warm_up: 0,
                    momentum: 0.0,
                    decay: 0.0,
                    batch: 64,
                    updates_per_step: None,
                    measure_every: 1,
                }
            }
        }

        impl $name {
            /// What it says as every such system does.
            pub fn learning(&self) -> LearningWire {
                let &$name { every, from, until, rate, schedule, warm_up, momentum, decay, batch, updates_per_step, measure_every, .. } = self;
                LearningWire { every, from, until, rate, schedule, warm_up, momentum, decay, batch, updates_per_step, measure_every }
            }
        }
    };
}

learning_system! {
    /// `TrainBoltzmann(rule: Persistent(particles: 64), rate: 0.05)`.
    TrainBoltzmannWire, rate: 0.05, {
        /// Populations that show samples, features in this order; the first population if left out.
        visible: Vec<String> = Vec::new(),
        /// Where averages without data come from.
        rule: BoltzmannRuleWire = BoltzmannRuleWire::default(),
        /// How hidden units are found with data held; restricted machines know them.
        hidden: HiddenWire = HiddenWire::default(),
        /// True to centre the gradient.
        centred: bool = true,
        /// Share of a batch's means in the running offsets.
        offset_rate: f64 = 0.01,
        /// The log-likelihood of training and test samples.
        likelihood: LikelihoodWire = LikelihoodWire::Off,
        /// Classes from hidden units.
        readout: ReadoutWire = ReadoutWire::Off,
    }
}

/// Where averages without data come from.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum BoltzmannRuleWire {
    /// Contrastive divergence: sweeps from the data on.
    Contrastive(ContrastiveWire),
    /// Persistent contrastive divergence: particles that go on.
    Persistent(PersistentWire),
    /// Particles on ladders of temperatures.
    Tempered(TemperedWire),
}

impl Default for BoltzmannRuleWire {
    fn default() -> Self {
        BoltzmannRuleWire::Persistent(PersistentWire::default())
    }
}

/// `Contrastive(sweeps: 1)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContrastiveWire {
    /// Sweeps of an update.
    pub sweeps: u64,
}

impl Default for ContrastiveWire {
    fn default() -> Self {
        ContrastiveWire { sweeps: 1 }
    }
}

/// `Persistent(particles: 64, sweeps: 1)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PersistentWire {
    /// Particles.
    pub particles: u64,
    /// Sweeps of an update.
    pub sweeps: u64,
}

impl Default for PersistentWire {
    fn default() -> Self {
        PersistentWire { particles: 64, sweeps: 1 }
    }
}

/// `Tempered(particles: 64, temperatures: 8)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TemperedWire {
    /// Ladders.
    pub particles: u64,
    /// Temperatures of each, from independent units to the machine.
    pub temperatures: u64,
    /// Sweeps of an update, each with a round of swaps.
    pub sweeps: u64,
    /// Rounds of swaps between which the ladder is spaced to equal rejection; 0 for never.
    pub respace_every: u64,
}

impl Default for TemperedWire {
    fn default() -> Self {
        TemperedWire { particles: 64, temperatures: 8, sweeps: 1, respace_every: 100 }
    }
}

/// How hidden units are found with data held.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum HiddenWire {
    /// By so many iterations of mean field.
    MeanField(u64),
    /// Drawn by so many sweeps.
    Sampled(u64),
}

impl Default for HiddenWire {
    fn default() -> Self {
        HiddenWire::MeanField(10)
    }
}

/// The log-likelihood of training and test samples.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum LikelihoodWire {
    /// Not measured.
    #[default]
    Off,
    /// By the sum over all states of the layers that leave the others independent; by AIS if these have more than 20 units.
    Exact(ExactWire),
    /// By annealed importance sampling.
    Ais(MachineAisWire),
}

/// `Exact(every: 10)`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExactWire {
    /// Steps between measures; 0 for the last step alone.
    pub every: u64,
}

/// `Ais(every: 10, runs: 256, betas: 1000)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MachineAisWire {
    /// Steps between measures; 0 for the last step alone.
    pub every: u64,
    /// Independent runs.
    pub runs: u64,
    /// Temperatures on the way.
    pub betas: u64,
}

impl Default for MachineAisWire {
    fn default() -> Self {
        MachineAisWire { every: 0, runs: 256, betas: 1000 }
    }
}

/// Classes from hidden units.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum ReadoutWire {
    /// Not read.
    #[default]
    Off,
    /// By a logistic regression on the means of hidden units.
    Logistic(LogisticWire),
}

/// `Logistic(every: 0, penalty: 1e-4)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogisticWire {
    /// Steps between fits; 0 for the last step alone.
    pub every: u64,
    /// Penalty / 2 times the sum of squared weights of white features, beside the mean loss.
    pub penalty: f64,
    /// Iterations of a fit, at most.
    pub iterations: u64,
}

impl Default for LogisticWire {
    fn default() -> Self {
        LogisticWire { every: 0, penalty: 1e-4, iterations: 60 }
    }
}

learning_system! {
    /// `EquilibriumPropagation(output: "digit", pull: 0.5)`.
    EquilibriumPropagationWire, rate: 0.5, {
        /// The population that shows features; the first one if left out.
        input: Option<String> = None,
        /// The population that has targets; the last one if left out.
        output: Option<String> = None,
        /// Strength of the pull towards the targets.
        pull: f64 = 0.5,
        /// True to compare a pull with a push, false with no pull.
        symmetric: bool = true,
        /// Iterations in which the network settles freely.
        free_iterations: u64 = 20,
        /// Iterations in which it settles under a pull.
        pulled_iterations: u64 = 10,
    }
}
