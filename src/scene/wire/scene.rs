//! The scene itself, its populations and projections.

use serde::Deserialize;

use super::couplings::CouplingsWire;
use super::data::{DataWire, LossWire};
use super::network::{DirectedWire, NeuronsWire, PlacementWire};
use super::one;
use super::systems::SystemWire;

/// `Scene(format: 1, ...)`.
#[derive(Debug, Deserialize)]
#[serde(rename = "Scene", deny_unknown_fields)]
pub struct SceneWire {
    /// Always 1.
    #[serde(rename = "format")]
    pub _format: u32,
    /// Name of runs and titles; the file's name without `.ron` if left out.
    pub name: Option<String>,
    /// Seed of the run.
    #[serde(default)]
    pub seed: u64,
    /// Steps of the run; as many as the method needs if left out.
    pub steps: Option<u64>,
    /// Steps between rows of metrics.
    #[serde(default = "one")]
    pub record_every: u64,
    /// Steps between checkpoints; only at the end if left out.
    pub checkpoint_every: Option<u64>,
    /// What networks learn from.
    pub data: Option<DataWire>,
    /// How wrong an answer is; by the data if left out.
    pub loss: Option<LossWire>,
    /// A file of hardware on which the network runs, relative to the scene's folder; f32 without noise if left out.
    pub hardware: Option<String>,
    /// Who multiplies the dense projections of a network; `Ordered` if left out.
    pub products: Option<ProductsWire>,
    /// Who there is; none where evolution makes them.
    #[serde(default)]
    pub populations: Vec<PopulationWire>,
    /// How they are joined.
    #[serde(default)]
    pub projections: Vec<ProjectionWire>,
    /// What happens in a step, in order.
    pub systems: Vec<SystemWire>,
}

/// Every field of a scene, in order.
pub const SCENE_FIELDS: [&str; 13] = [
    "format",
    "name",
    "seed",
    "steps",
    "record_every",
    "checkpoint_every",
    "data",
    "loss",
    "hardware",
    "products",
    "populations",
    "projections",
    "systems",
];

/// Who multiplies the dense projections of a network: in forward passes, in measures, and on the way back to the sources when
/// it trains by gradient. Passes on hardware, gradients of weights and learning by heat are ordered always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ProductsWire {
    /// The kernels of lehr, in one fixed order: the same bits on any machine.
    #[default]
    Ordered,
    /// A library of matrix products (the crate `matrixmultiply`, in a lehr built with `--features gemm`), in an order of its own:
    /// the manifest says `bits: backend`, and only a lehr with the same library, version and instructions verifies or resumes the
    /// run.
    Library,
}

/// A population.
#[derive(Debug, Deserialize)]
pub enum PopulationWire {
    /// Two-valued neurons.
    Spins(SpinsWire),
    /// Neurons that compute.
    Neurons(NeuronsWire),
}

impl PopulationWire {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            PopulationWire::Spins(spins) => &spins.name,
            PopulationWire::Neurons(neurons) => &neurons.name,
        }
    }

    /// The count that it states.
    pub fn count(&self) -> Option<u64> {
        match self {
            PopulationWire::Spins(spins) => spins.count,
            PopulationWire::Neurons(neurons) => neurons.count,
        }
    }
}

/// `Spins(name: "spins", ...)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpinsWire {
    /// Its name.
    pub name: String,
    /// Number of neurons; from the couplings if left out.
    pub count: Option<u64>,
    /// `Spin`: -1 and +1; `Binary`: 0 and 1.
    #[serde(default)]
    pub values: ValuesWire,
    /// Field h on every neuron: the energy holds -h s.
    #[serde(default)]
    pub field: f64,
    /// Fields h of single neurons, (neuron, h), in place of `field`.
    #[serde(default)]
    pub fields: Vec<(u64, f64)>,
    /// Neurons that never move, (neuron, value).
    #[serde(default)]
    pub clamped: Vec<(u64, i64)>,
    /// Where its neurons stand, which `SampleStructure` looks at.
    #[serde(default)]
    pub placement: PlacementWire,
}

/// The two values of a neuron.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ValuesWire {
    /// -1 and +1.
    #[default]
    Spin,
    /// 0 and 1.
    Binary,
}

/// A projection.
#[derive(Debug, Deserialize)]
pub enum ProjectionWire {
    /// Couplings that act both ways.
    Symmetric(SymmetricWire),
    /// Synapses of neurons that compute.
    Directed(DirectedWire),
}

/// `Symmetric(couplings: ...)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SymmetricWire {
    /// `"from->to"`; may be left out if there is one population. Both ends may be the same population.
    pub name: Option<String>,
    /// Where the couplings come from.
    pub couplings: CouplingsWire,
}

/// How scenes are read: `Some` may be left out, kinds take their fields directly, nesting is bounded.
pub fn ron_options() -> ron::Options {
    use ron::extensions::Extensions;
    ron::Options::default()
        .with_default_extension(Extensions::IMPLICIT_SOME | Extensions::UNWRAP_VARIANT_NEWTYPES)
        .with_recursion_limit(super::super::syntax::MAX_DEPTH)
}
