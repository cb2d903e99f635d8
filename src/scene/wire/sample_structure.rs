//! The wiring of spins as a variable: `SampleStructure(...)`.

use serde::Deserialize;

use super::free_energy::FreeEnergyWire;
use super::learning::HeatRangeWire;
use super::one;
use super::structure::{BirthsWire, DegreeCostWire, DensityWire, SharesWire, SlabWire};

/// `SampleStructure(candidates: Nearby(1.5), schedule: Geometric(hot: 2, cold: 0.1), density: Mu(0.5), slab: Fixed(1))`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SampleStructureWire {
    /// Runs at steps divisible by it.
    pub every: u64,
    /// Which pairs of spins may be coupled.
    pub candidates: CandidatesWire,
    /// Which of them are coupled at first.
    pub start: StartWire,
    /// How the temperature goes from stage to stage.
    pub schedule: CourseWire,
    /// Temperatures on the way: 1, or 20 if there are two ends.
    pub stages: Option<u64>,
    /// Acting steps at each temperature; `steps` shared by the stages, or 500.
    pub steps_per_stage: Option<u64>,
    /// Acting steps at the start of each stage that are not measured; a fifth of it if left out.
    pub discard: Option<u64>,
    /// Sweeps of the spins in a step, before its moves; 0 leaves them as they are.
    pub sweeps_per_step: u64,
    /// Proposals of a step.
    pub moves_per_step: u64,
    /// How dense the wiring is without energy.
    pub density: DensityWire,
    /// The couplings that there are without energy.
    pub slab: SlabWire,
    /// What births are proposed by.
    pub births: BirthsWire,
    /// Standard deviation of the couplings of proposed births; the slab's if left out.
    pub birth_sd: Option<f64>,
    /// Standard deviation of moves of couplings.
    pub weight_step: f64,
    /// How often each move is tried.
    pub shares: SharesWire,
    /// Cost of degrees.
    pub degree_cost: Option<DegreeCostWire>,
    /// Cost of a unit of length.
    pub length_cost: f64,
    /// Most couplings of a spin.
    pub degree: Option<u64>,
    /// Most couplings of all.
    pub synapses: Option<u64>,
    /// Births and deaths of neurons; all stay if left out.
    pub neurons: Option<NeuronBirthsWire>,
    /// The free energy along the run.
    pub free_energy: FreeEnergyWire,
}

impl Default for SampleStructureWire {
    fn default() -> Self {
        SampleStructureWire {
            every: one(),
            candidates: CandidatesWire::AllPairs,
            start: StartWire::Given,
            schedule: CourseWire::Constant(1.0),
            stages: None,
            steps_per_stage: None,
            discard: None,
            sweeps_per_step: 1,
            moves_per_step: 1000,
            density: DensityWire::Rho(0.1),
            slab: SlabWire::Gaussian(1.0),
            births: BirthsWire::Uniform,
            birth_sd: None,
            weight_step: 0.5,
            shares: SharesWire::default(),
            degree_cost: None,
            length_cost: 0.0,
            degree: None,
            synapses: None,
            neurons: None,
            free_energy: FreeEnergyWire::Off,
        }
    }
}

/// `NeuronBirths(cost: 1, first: 20, moves_per_step: 50, counting: Places)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename = "NeuronBirths", deny_unknown_fields)]
pub struct NeuronBirthsWire {
    /// What a neuron costs.
    pub cost: f64,
    /// How many live at first; all if left out.
    #[serde(default)]
    pub first: Option<u64>,
    /// Proposals of a step.
    #[serde(default = "neuron_moves")]
    pub moves_per_step: u64,
    /// What is counted.
    #[serde(default)]
    pub counting: CountingWire,
    /// Share of births.
    #[serde(default = "one")]
    pub births: u64,
    /// Share of deaths.
    #[serde(default = "one")]
    pub deaths: u64,
}

fn neuron_moves() -> u64 {
    10
}

/// What is counted where neurons come and go.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum CountingWire {
    /// Each naming of the neurons.
    #[default]
    Labelled,
    /// Each wiring once, whoever is who.
    Orderless,
    /// Each set of places that are taken.
    Places,
}

/// Which pairs of spins may be coupled.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum CandidatesWire {
    /// All pairs that a projection joins.
    AllPairs,
    /// Those at most this far apart, in units of the placement.
    Nearby(f64),
    /// The couplings of the projections.
    Listed,
}

/// Which candidates are coupled at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum StartWire {
    /// The couplings of the projections.
    Given,
    /// None.
    Empty,
}

/// How the temperature goes from stage to stage.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum CourseWire {
    /// One temperature.
    Constant(f64),
    /// Equal steps in T.
    Linear(HeatRangeWire),
    /// Equal ratios.
    Geometric(HeatRangeWire),
}
