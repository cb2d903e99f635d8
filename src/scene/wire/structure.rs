//! The wiring of a network as a variable: `AnnealStructure(...)`.

use serde::Deserialize;

use super::free_energy::FreeEnergyWire;
use super::hidden_births::HiddenBirthsWire;
use super::learning::HeatScheduleWire;
use super::one;
use super::sample_structure::CandidatesWire;

/// `AnnealStructure(preset: Thermo, schedule: Geometric(hot: 2, cold: 0.1), density: Rho(0.05))`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnnealStructureWire {
    /// Runs at every so many steps of its window.
    pub every: u64,
    /// First step at which it runs.
    pub from: u64,
    /// Step from which on it no longer runs; to the end if left out.
    pub until: Option<u64>,
    /// Names of the projections whose synapses are a variable; all if empty.
    pub projections: Vec<String>,
    /// Which synapses they may have.
    pub candidates: CandidatesWire,
    /// How many of the synapses that there are live on at the first step.
    pub start: FirstSynapsesWire,
    /// Which rule moves them.
    pub preset: PresetWire,
    /// How the temperature goes through the window, in units of the summed loss.
    pub schedule: HeatScheduleWire,
    /// How dense the wiring is without loss.
    pub density: DensityWire,
    /// The density at the end of the window; as at its beginning if left out.
    pub last_density: Option<DensityWire>,
    /// The weights that synapses have without loss.
    pub slab: SlabWire,
    /// What births are proposed by.
    pub births: BirthsWire,
    /// Standard deviation of the weights of proposed births; the slab's if left out.
    pub birth_sd: Option<f64>,
    /// Standard deviation of weight moves.
    pub weight_step: f64,
    /// How often each move is tried.
    pub shares: SharesWire,
    /// Proposals of a step.
    pub moves_per_step: u64,
    /// Cost of degrees.
    pub degree_cost: Option<DegreeCostWire>,
    /// Cost of a unit of length.
    pub length_cost: f64,
    /// Most synapses into a neuron.
    pub fan_in: Option<u64>,
    /// Most synapses out of a neuron.
    pub fan_out: Option<u64>,
    /// Most synapses of all.
    pub synapses: Option<u64>,
    /// Share of the synapses that `Set` and `Rigl` replace at a time.
    pub fraction: f64,
    /// True to let this share fall to 0 along half a cosine.
    pub fraction_falls: bool,
    /// Births and deaths of hidden neurons; all stay if left out.
    pub neurons: Option<HiddenBirthsWire>,
    /// The free energy along the run.
    pub free_energy: FreeEnergyWire,
}

impl Default for AnnealStructureWire {
    fn default() -> Self {
        AnnealStructureWire {
            every: 1,
            from: 0,
            until: None,
            projections: Vec::new(),
            candidates: CandidatesWire::AllPairs,
            start: FirstSynapsesWire::Given,
            preset: PresetWire::Thermo,
            schedule: HeatScheduleWire::Constant(1.0),
            density: DensityWire::Rho(0.1),
            last_density: None,
            slab: SlabWire::Gaussian(1.0),
            births: BirthsWire::Uniform,
            birth_sd: None,
            weight_step: 0.5,
            shares: SharesWire::default(),
            moves_per_step: 1000,
            degree_cost: None,
            length_cost: 0.0,
            fan_in: None,
            fan_out: None,
            synapses: None,
            fraction: 0.3,
            fraction_falls: true,
            neurons: None,
            free_energy: FreeEnergyWire::Off,
        }
    }
}

/// How many of the synapses that there are live on at the first step.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum FirstSynapsesWire {
    /// All.
    Given,
    /// None.
    Empty,
    /// Each with this probability.
    Share(f64),
}

/// Which rule moves the wiring.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum PresetWire {
    /// Births, deaths, weight moves and rewirings in detailed balance.
    #[default]
    Thermo,
    /// The weakest die, others are born at random.
    Set,
    /// The weakest die, others are born where the loss is steepest.
    Rigl,
    /// Langevin steps; who would change its sign dies.
    DeepR(DeepRWire),
    /// The weakest die along a schedule of densities.
    Prune(PruneWire),
}

/// `DeepR(rate: 1e-4, l1: 0.1)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeepRWire {
    /// Length of the drift of a step.
    pub rate: f64,
    /// Pull of each weight towards 0.
    #[serde(default)]
    pub l1: f64,
}

/// `Prune(last: 0.05)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PruneWire {
    /// Density at the beginning of the window.
    #[serde(default = "all")]
    pub first: f64,
    /// Density at its end.
    pub last: f64,
    /// How much sooner synapses die than late ones.
    #[serde(default = "cubic")]
    pub power: u64,
    /// Share of the synapses that is replaced beside, at first.
    #[serde(default)]
    pub regrow: f64,
}

fn all() -> f64 {
    1.0
}

fn cubic() -> u64 {
    3
}

/// How dense the wiring is without loss.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum DensityWire {
    /// Each candidate lives with this probability.
    Rho(f64),
    /// Each synapse costs this much.
    Mu(f64),
}

/// The weights that synapses have without loss.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum SlabWire {
    /// Normal with this standard deviation.
    Gaussian(f64),
    /// Of this size and either sign.
    Signs(f64),
    /// All the same.
    Fixed(f64),
}

/// What births are proposed by.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum BirthsWire {
    /// All dead candidates alike.
    #[default]
    Uniform,
    /// This and |correlation| of both ends.
    Hebbian(f64),
    /// e^(-length / scale).
    Distance(ScaleWire),
    /// This and |slope of the loss|.
    Gradient(f64),
}

/// `Distance(scale: 0.2)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleWire {
    /// Length over which the score falls by e.
    pub scale: f64,
    /// The least score.
    #[serde(default = "least")]
    pub least: f64,
}

fn least() -> f64 {
    0.01
}

/// `Shares(birth: 1, death: 1, weight: 2, rewire: 1)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename = "Shares", deny_unknown_fields, default)]
pub struct SharesWire {
    /// Of births.
    pub birth: u64,
    /// Of deaths.
    pub death: u64,
    /// Of weight moves.
    pub weight: u64,
    /// Of rewirings.
    pub rewire: u64,
}

impl Default for SharesWire {
    fn default() -> Self {
        SharesWire { birth: one(), death: one(), weight: 2, rewire: one() }
    }
}

/// `DegreeCost(strength: 0.1, target: 8, of: In)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename = "DegreeCost", deny_unknown_fields)]
pub struct DegreeCostWire {
    /// Cost of the square of the difference.
    pub strength: f64,
    /// The degree that costs nothing.
    pub target: f64,
    /// Which degree.
    #[serde(default)]
    pub of: DegreesWire,
}

/// Which degree of a neuron.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum DegreesWire {
    /// Fan-in and fan-out.
    #[default]
    Total,
    /// Fan-in.
    In,
    /// Fan-out.
    Out,
}
