//! Systems and their settings.

use serde::Deserialize;

use super::evolution::EvolveWire;
use super::learning::{AnnealWeightsWire, EvaluateWire, TrainGradientWire};
use super::machines::{EquilibriumPropagationWire, TrainBoltzmannWire};
use super::one;
use super::plasticity::{
    BcmWire, GrowHebbianWire, GrowHomeostaticWire, HebbWire, LesionWire, LiveWire, OjaWire, PruneIdleWire, ScaleSynapsesWire,
};
use super::sample_structure::SampleStructureWire;
use super::structure::AnnealStructureWire;

/// A system: exactly one moves the spins.
#[derive(Debug, Deserialize)]
pub enum SystemWire {
    /// Sampling at one temperature, or along a ramp.
    Sample(SampleWire),
    /// Simulated annealing.
    Anneal(AnnealWire),
    /// Parallel tempering.
    Temper(TemperWire),
    /// Population annealing.
    PopulationAnneal(PopulationAnnealWire),
    /// Annealed importance sampling.
    Ais(AisWire),
    /// Thermal cycling.
    Cycle(CycleWire),
    /// The preset for a low energy.
    Optimise(OptimiseWire),
    /// Recall of stored patterns.
    Recall(RecallWire),
    /// A Boltzmann machine learns.
    TrainBoltzmann(TrainBoltzmannWire),
    /// An energy network learns by equilibrium propagation.
    EquilibriumPropagation(EquilibriumPropagationWire),
    /// Spins and their wiring.
    SampleStructure(SampleStructureWire),
    /// Forward passes alone: nothing is learned.
    Evaluate(EvaluateWire),
    /// Learning by gradient.
    TrainGradient(TrainGradientWire),
    /// Learning by heat.
    AnnealWeights(AnnealWeightsWire),
    /// The wiring as a variable.
    AnnealStructure(AnnealStructureWire),
    /// The network as a live thing: one forward pass a step.
    Live(LiveWire),
    /// Hebb's rule.
    Hebb(HebbWire),
    /// Hebb's rule against itself.
    AntiHebb(HebbWire),
    /// Oja's rule.
    Oja(OjaWire),
    /// The rule of Bienenstock, Cooper and Munro.
    Bcm(BcmWire),
    /// Homeostatic scaling.
    ScaleSynapses(ScaleSynapsesWire),
    /// Synapses between neurons that move together.
    GrowHebbian(GrowHebbianWire),
    /// Synapses that keep activity at its set point.
    GrowHomeostatic(GrowHomeostaticWire),
    /// The death of weak and idle synapses.
    PruneIdle(PruneIdleWire),
    /// Damage at one step.
    Lesion(LesionWire),
    /// A population that evolves.
    Evolve(Box<EvolveWire>),
}

/// How a spin decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum RuleWire {
    /// Metropolis.
    #[default]
    Metropolis,
    /// Glauber, Gibbs.
    HeatBath,
}

/// The order of visits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ScanWire {
    /// Independent sets, one after the other.
    #[default]
    Colours,
    /// One after the other.
    Sequential,
    /// At random.
    Random,
}

/// Whose random numbers a replica uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum RandomnessWire {
    /// Its own.
    #[default]
    Independent,
    /// Those of its site, shared by all replicas: faster, for the best of many annealing runs only.
    Shared,
}

/// How the temperature falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum CoolingWire {
    /// Equal steps in 1/T.
    #[default]
    LinearBeta,
    /// Equal ratios.
    Geometric,
    /// Equal steps in T.
    LinearTemperature,
    /// Constant thermodynamic speed.
    ConstantSpeed,
}

/// `Sample(temperature: 2.27)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleWire {
    /// Runs at steps divisible by it.
    #[serde(default = "one")]
    pub every: u64,
    /// Temperature, of the first stage if there are several.
    pub temperature: f64,
    /// Temperature of the last stage; if left out, there is one temperature.
    pub end_temperature: Option<f64>,
    /// Temperatures on the way, equally spaced: 1, or 20 with an `end_temperature`.
    pub stages: Option<u64>,
    /// Steps at each temperature; `steps` shared by the stages, or 500.
    pub steps_per_stage: Option<u64>,
    /// Steps at the start of each stage that are not measured; a fifth of it if left out.
    pub discard: Option<u64>,
    /// Sweeps in a step.
    #[serde(default = "one")]
    pub sweeps_per_step: u64,
    /// Independent copies: 1, 64, 128, 256 or 512, here and wherever there are replicas.
    #[serde(default = "one")]
    pub replicas: u64,
    /// Whose random numbers.
    #[serde(default)]
    pub randomness: RandomnessWire,
    /// How a spin decides.
    #[serde(default)]
    pub rule: RuleWire,
    /// Order of visits.
    #[serde(default)]
    pub scan: ScanWire,
}

/// `Anneal(sweeps: 1000)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnnealWire {
    /// Runs at steps divisible by it.
    pub every: u64,
    /// Sweeps from hot to cold.
    pub sweeps: u64,
    /// Times it is repeated from fresh random states.
    pub runs: u64,
    /// Sweeps in a step.
    pub sweeps_per_step: u64,
    /// Hottest temperature; from all local fields if left out.
    pub hot: Option<f64>,
    /// Coldest temperature; from all local fields if left out.
    pub cold: Option<f64>,
    /// How the temperature falls.
    pub cooling: CoolingWire,
    /// Ends each run with a greedy descent.
    pub quench: bool,
    /// Copies annealed side by side; the best counts.
    pub replicas: u64,
    /// Whose random numbers.
    pub randomness: RandomnessWire,
    /// How a spin decides.
    pub rule: RuleWire,
    /// Order of visits.
    pub scan: ScanWire,
}

impl Default for AnnealWire {
    fn default() -> Self {
        AnnealWire {
            every: 1,
            sweeps: 1000,
            runs: 1,
            sweeps_per_step: 10,
            hot: None,
            cold: None,
            cooling: CoolingWire::LinearBeta,
            quench: true,
            replicas: 1,
            randomness: RandomnessWire::Independent,
            rule: RuleWire::Metropolis,
            scan: ScanWire::Colours,
        }
    }
}

/// Which clusters move between replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ClustersWire {
    /// None.
    #[default]
    Off,
    /// One, of a random differing spin.
    One,
    /// All, each with probability 1/2.
    All,
}

/// `Temper(temperatures: 16)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TemperWire {
    /// Runs at steps divisible by it.
    pub every: u64,
    /// Rungs of the ladder.
    pub temperatures: u64,
    /// Hottest temperature; from all local fields if left out.
    pub hot: Option<f64>,
    /// Coldest temperature; from all local fields if left out.
    pub cold: Option<f64>,
    /// Sweeps between swaps; a step is these sweeps and one round of swaps.
    pub sweeps_per_step: u64,
    /// Steps at the start in which the ladder is spaced anew.
    pub adaptation_steps: u64,
    /// Steps after the adaptation that are not measured either.
    pub discard: u64,
    /// Isoenergetic cluster moves between copies of a temperature.
    pub clusters: ClustersWire,
    /// Steps between rounds of cluster moves.
    pub clusters_every: u64,
    /// Steps between crossovers of quenched cold replicas into a running best; 0 for never.
    pub crossover_every: u64,
    /// Replicas over all temperatures.
    pub replicas: u64,
    /// Whose random numbers.
    pub randomness: RandomnessWire,
    /// How a spin decides.
    pub rule: RuleWire,
    /// Order of visits.
    pub scan: ScanWire,
}

impl Default for TemperWire {
    fn default() -> Self {
        TemperWire {
            every: 1,
            temperatures: 16,
            hot: None,
            cold: None,
            sweeps_per_step: 1,
            adaptation_steps: 200,
            discard: 100,
            clusters: ClustersWire::Off,
            clusters_every: 1,
            crossover_every: 0,
            replicas: 64,
            randomness: RandomnessWire::Independent,
            rule: RuleWire::Metropolis,
            scan: ScanWire::Colours,
        }
    }
}

/// How population annealing chooses its next temperature.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum BetaStepsWire {
    /// This many equal steps in 1/T.
    Fixed(u64),
    /// The largest step that keeps this effective fraction of the population.
    Adaptive(f64),
}

/// `PopulationAnneal(cold: 0.5)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PopulationAnnealWire {
    /// Runs at steps divisible by it.
    pub every: u64,
    /// Coldest temperature; from all local fields if left out.
    pub cold: Option<f64>,
    /// The steps in 1/T, from 0 on.
    pub beta_steps: BetaStepsWire,
    /// Sweeps after each resampling; a step is one resampling.
    pub sweeps_per_step: u64,
    /// Size of the population.
    pub replicas: u64,
    /// Whose random numbers.
    pub randomness: RandomnessWire,
    /// How a spin decides.
    pub rule: RuleWire,
    /// Order of visits.
    pub scan: ScanWire,
}

impl Default for PopulationAnnealWire {
    fn default() -> Self {
        PopulationAnnealWire {
            every: 1,
            cold: None,
            beta_steps: BetaStepsWire::Adaptive(0.9),
            sweeps_per_step: 10,
            replicas: 512,
            randomness: RandomnessWire::Independent,
            rule: RuleWire::Metropolis,
            scan: ScanWire::Colours,
        }
    }
}

/// `Ais(cold: 0.5)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AisWire {
    /// Runs at steps divisible by it.
    pub every: u64,
    /// Coldest temperature; from all local fields if left out.
    pub cold: Option<f64>,
    /// Equal steps in 1/T from 0 to the end.
    pub beta_steps: u64,
    /// Sweeps after each.
    pub sweeps_per_beta_step: u64,
    /// Steps in 1/T that one step of the scene runs.
    pub beta_steps_per_step: u64,
    /// Also runs backwards, which bounds ln Z from above.
    pub reverse: bool,
    /// Sweeps at the coldest temperature before the run backwards.
    pub equilibration_sweeps: u64,
    /// Independent runs.
    pub replicas: u64,
    /// Whose random numbers.
    pub randomness: RandomnessWire,
    /// How a spin decides.
    pub rule: RuleWire,
    /// Order of visits.
    pub scan: ScanWire,
}

impl Default for AisWire {
    fn default() -> Self {
        AisWire {
            every: 1,
            cold: None,
            beta_steps: 1000,
            sweeps_per_beta_step: 1,
            beta_steps_per_step: 10,
            reverse: true,
            equilibration_sweeps: 100,
            replicas: 512,
            randomness: RandomnessWire::Independent,
            rule: RuleWire::Metropolis,
            scan: ScanWire::Colours,
        }
    }
}

/// `Cycle(sweeps: 10000)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CycleWire {
    /// Runs at steps divisible by it.
    pub every: u64,
    /// Strongest and weakest reheating, as temperatures; from all local fields if left out.
    pub reheat: Option<(f64, f64)>,
    /// Temperature at which cooling ends; from all local fields if left out.
    pub cold: Option<f64>,
    /// Sweeps of the first annealing.
    pub first_sweeps: u64,
    /// Shortest and longest cooling of a cycle, in sweeps.
    pub cycle_sweeps: (u64, u64),
    /// Sweeps in a step, at most.
    pub sweeps_per_step: u64,
    /// Sweeps after which it is finished.
    pub sweeps: u64,
    /// Energy at or below which it is finished.
    pub target_energy: Option<f64>,
    /// Copies side by side.
    pub replicas: u64,
}

impl Default for CycleWire {
    fn default() -> Self {
        CycleWire {
            every: 1,
            reheat: None,
            cold: None,
            first_sweeps: 400,
            cycle_sweeps: (50, 400),
            sweeps_per_step: 50,
            sweeps: 10_000,
            target_energy: None,
            replicas: 64,
        }
    }
}

/// `Optimise(sweeps: 5000)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimiseWire {
    /// Runs at steps divisible by it.
    pub every: u64,
    /// Sweeps (of all replicas) after which it is finished.
    pub sweeps: u64,
    /// Energy at or below which it is finished.
    pub target_energy: Option<f64>,
    /// Cut at or above which it is finished, for a Max-Cut file.
    pub target_cut: Option<f64>,
    /// Sweeps in a step, at most.
    pub sweeps_per_step: u64,
    /// Copies side by side.
    pub replicas: u64,
}

impl Default for OptimiseWire {
    fn default() -> Self {
        OptimiseWire { every: 1, sweeps: 5000, target_energy: None, target_cut: None, sweeps_per_step: 50, replicas: 64 }
    }
}

/// `Recall(flipped: 0.15)`: a step recalls every pattern once in every network.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecallWire {
    /// Runs at steps divisible by it.
    pub every: u64,
    /// Share of pixels flipped before a recall.
    pub flipped: f64,
    /// Sweeps of a recall, at most; it ends when nothing moves.
    pub sweeps: u64,
    /// Also recalls by a dense associative memory of this power, such as 3.
    pub power: Option<u64>,
    /// Also recalls by an exponential one.
    pub exponential: bool,
}

impl Default for RecallWire {
    fn default() -> Self {
        RecallWire { every: 1, flipped: 0.15, sweeps: 20, power: None, exponential: false }
    }
}
