//! Neurons that compute, and the directed projections between them.

use serde::Deserialize;

/// `Neurons(name: "hidden", count: 32, unit: Tanh)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeuronsWire {
    /// Its name.
    pub name: String,
    /// Number of neurons; inputs and outputs take it from the data, and others from their positions, if it is left out.
    pub count: Option<u64>,
    /// What its neurons compute.
    #[serde(default)]
    pub unit: UnitWire,
    /// Where its activations come from or go to.
    #[serde(default)]
    pub role: RoleWire,
    /// First biases.
    #[serde(default = "no_bias")]
    pub biases: BiasesWire,
    /// Where its neurons stand, which the pattern `Distance` looks at.
    #[serde(default)]
    pub placement: PlacementWire,
}

fn no_bias() -> BiasesWire {
    BiasesWire::Constant(0.0)
}

/// What a neuron computes.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum UnitWire {
    /// z.
    #[default]
    Identity,
    /// max(z, 0).
    Relu,
    /// z, or this times z below 0.
    LeakyRelu(f64),
    /// z, or this times (e^z - 1) below 0.
    Elu(f64),
    /// The self-normalising ELU.
    Selu,
    /// 1 / (1 + e^-z).
    Sigmoid,
    /// 1 / (1 + e^(-4.9 z)).
    SteepSigmoid,
    /// tanh z.
    Tanh,
    /// ln(1 + e^z).
    Softplus,
    /// e^(-z z).
    Gauss,
    /// sin z.
    Sin,
    /// |z|.
    Abs,
    /// 1 if z > 0, else 0.
    Step,
    /// 1 if z > 0, else -1.
    Sign,
    /// All inputs are true: w x + bias > 1/2.
    And,
    /// Some input is true.
    Or,
    /// Some input is false.
    Nand,
    /// An odd number of inputs is true.
    Xor,
    /// A leaky integrate-and-fire neuron.
    Lif(LifWire),
}

/// `Lif(leak: 0.9, threshold: 1.0, ticks: 16)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LifWire {
    /// Share of the membrane potential that is left after a tick.
    pub leak: f64,
    /// Potential of a spike.
    pub threshold: f64,
    /// Ticks of one presentation.
    pub ticks: u64,
}

impl Default for LifWire {
    fn default() -> Self {
        LifWire { leak: 0.9, threshold: 1.0, ticks: 16 }
    }
}

/// Where activations come from or go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum RoleWire {
    /// The features of a sample.
    Input,
    /// Inside.
    #[default]
    Hidden,
    /// The answer of the network.
    Output,
}

/// First biases.
#[derive(Debug, Deserialize)]
pub enum BiasesWire {
    /// All the same.
    Constant(f64),
    /// Uniform from the negative of this to it.
    Uniform(f64),
    /// Normal with this standard deviation.
    Normal(f64),
    /// One a neuron.
    Each(Vec<f64>),
}

/// Where neurons stand.
#[derive(Debug, Default, Deserialize)]
pub enum PlacementWire {
    /// Equally spaced from 0 to 1.
    #[default]
    Line,
    /// Rows of this many, one unit apart.
    Grid(u64),
    /// Evenly over a sphere of this radius.
    Sphere(f64),
    /// Each at (x, y, z).
    Positions(Vec<(f64, f64, f64)>),
}

/// `Directed(name: "a->b")`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectedWire {
    /// `"from->to"`.
    pub name: String,
    /// Which sources are joined with which targets.
    #[serde(default)]
    pub pattern: PatternWire,
    /// First weights, of synapses that have none of their own.
    #[serde(default)]
    pub weights: WeightsWire,
    /// True if it reads the activations of the step before.
    #[serde(default)]
    pub recurrent: bool,
    /// Number of the random instance of its pattern.
    #[serde(default)]
    pub instance: u64,
}

/// Which sources are joined with which targets.
#[derive(Debug, Default, Deserialize)]
pub enum PatternWire {
    /// Every source with every target.
    #[default]
    Full,
    /// Source i with target i.
    OneToOne,
    /// Each target with this many different sources.
    RandomFanIn(u64),
    /// Each pair with this probability.
    Random(f64),
    /// Near neurons.
    Distance(DistanceWire),
    /// Synapses written out: [(source, target, weight), ...].
    Pairs(Vec<(u64, u64, f64)>),
    /// A file of lines `source,target` or `source,target,weight`, relative to the scene's folder.
    File(String),
}

/// `Distance(sigma: 1.5)`: probability peak e^(-d^2 / (2 sigma^2)) within the radius.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistanceWire {
    /// Probability at distance 0.
    #[serde(default = "certain")]
    pub peak: f64,
    /// Width of the fall; none if left out.
    pub sigma: Option<f64>,
    /// Largest distance; none if left out.
    pub radius: Option<f64>,
}

fn certain() -> f64 {
    1.0
}

/// First weights.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum WeightsWire {
    /// All the same.
    Constant(f64),
    /// Uniform from the negative of this to it.
    Uniform(f64),
    /// Normal with this standard deviation.
    Normal(f64),
    /// Uniform of variance 2 / (fan-in + fan-out): tanh, sigmoids.
    #[default]
    Glorot,
    /// Normal of that variance.
    GlorotNormal,
    /// Normal of variance 2 / fan-in: rectified units.
    He,
    /// Uniform of that variance.
    HeUniform,
    /// Normal of variance 1 / fan-in: self-normalising units.
    LeCun,
    /// Uniform of that variance.
    LeCunUniform,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::network::Unit;

    #[test]
    fn every_unit_has_its_own_name_in_scenes() {
        for name in Unit::ALL.map(Unit::name) {
            let written = match name {
                "LeakyRelu" | "Elu" => format!("{name}(0.5)"),
                "Lif" => format!("{name}()"),
                _ => name.to_owned(),
            };
            let options = ron::Options::default().with_default_extension(ron::extensions::Extensions::UNWRAP_VARIANT_NEWTYPES);
            let unit: UnitWire = options.from_str(&written).unwrap();
            assert_eq!(format!("{unit:?}").split('(').next(), Some(name));
        }
    }
}
