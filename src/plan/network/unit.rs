//! What a neuron makes of its input. The functions themselves are in `engine::network::units`.

/// Scale of SELU (Klambauer et al. 2017).
pub const SELU_SCALE: f32 = 1.050_701;
/// Alpha of SELU (Klambauer et al. 2017).
pub const SELU_ALPHA: f32 = 1.673_263_2;
/// Steepness of the steepened sigmoid (Stanley, Miikkulainen 2002).
pub const STEEPNESS: f32 = 4.9;

/// A logic gate over thresholded inputs: input i is true if w_i x_i + bias > 1/2; the answer is 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// All inputs are true (and of no inputs, all are).
    And,
    /// Some input is true.
    Or,
    /// Some input is false.
    Nand,
    /// An odd number of inputs is true.
    Xor,
}

/// A leaky integrate-and-fire neuron, driven with its input for some ticks of the clock.
///
/// A tick is v = leak v + x; where v reaches `threshold`, the neuron spikes and v falls by `threshold`.
/// The activation is spikes / ticks, in 0..=1. A feed-forward network starts every sample at v = 0; a recurrent one
/// keeps v (the column `Membrane`) from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lif {
    /// Share of the membrane potential that is left after a tick, in 0..=1.
    pub leak: f32,
    /// Potential of a spike, above 0.
    pub threshold: f32,
    /// Ticks of one presentation, 1 or more.
    pub ticks: u32,
}

impl Lif {
    /// What a scene gets that names no parameters.
    pub const USUAL: Lif = Lif { leak: 0.9, threshold: 1.0, ticks: 16 };
}

impl Default for Lif {
    fn default() -> Self {
        Lif::USUAL
    }
}

/// What a neuron makes of its pre-activation z = bias + sum of w x.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Unit {
    /// z.
    #[default]
    Identity,
    /// max(z, 0).
    Relu,
    /// z, or slope z below 0.
    LeakyRelu(f32),
    /// z, or alpha (e^z - 1) below 0 (Clevert et al. 2015).
    Elu(f32),
    /// The self-normalising ELU (Klambauer et al. 2017).
    Selu,
    /// 1 / (1 + e^-z).
    Sigmoid,
    /// 1 / (1 + e^(-4.9 z)), the unit of NEAT (Stanley, Miikkulainen 2002).
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
    /// A logic gate; its pre-activation is the number of true inputs.
    Gate(Gate),
    /// A leaky integrate-and-fire neuron.
    Lif(Lif),
}

impl Unit {
    /// Every unit once; those with parameters at their usual ones.
    pub const ALL: [Unit; 19] = [
        Unit::Identity,
        Unit::Relu,
        Unit::LeakyRelu(0.01),
        Unit::Elu(1.0),
        Unit::Selu,
        Unit::Sigmoid,
        Unit::SteepSigmoid,
        Unit::Tanh,
        Unit::Softplus,
        Unit::Gauss,
        Unit::Sin,
        Unit::Abs,
        Unit::Step,
        Unit::Sign,
        Unit::Gate(Gate::And),
        Unit::Gate(Gate::Or),
        Unit::Gate(Gate::Nand),
        Unit::Gate(Gate::Xor),
        Unit::Lif(Lif::USUAL),
    ];

    /// Its name in scenes, and in snake case in files, without parameters.
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Identity => "Identity",
            Unit::Relu => "Relu",
            Unit::LeakyRelu(_) => "LeakyRelu",
            Unit::Elu(_) => "Elu",
            Unit::Selu => "Selu",
            Unit::Sigmoid => "Sigmoid",
            Unit::SteepSigmoid => "SteepSigmoid",
            Unit::Tanh => "Tanh",
            Unit::Softplus => "Softplus",
            Unit::Gauss => "Gauss",
            Unit::Sin => "Sin",
            Unit::Abs => "Abs",
            Unit::Step => "Step",
            Unit::Sign => "Sign",
            Unit::Gate(Gate::And) => "And",
            Unit::Gate(Gate::Or) => "Or",
            Unit::Gate(Gate::Nand) => "Nand",
            Unit::Gate(Gate::Xor) => "Xor",
            Unit::Lif(_) => "Lif",
        }
    }

    /// True if its pre-activation counts true inputs instead of adding weighted ones.
    pub const fn is_gate(self) -> bool {
        matches!(self, Unit::Gate(_))
    }

    /// True if its slope is 0 wherever there is one, so that a gradient needs a surrogate.
    pub const fn is_stepped(self) -> bool {
        matches!(self, Unit::Step | Unit::Sign | Unit::Gate(_) | Unit::Lif(_))
    }

    /// True if its activation takes two values only.
    pub const fn is_two_valued(self) -> bool {
        matches!(self, Unit::Step | Unit::Sign | Unit::Gate(_))
    }

    /// Checks that its parameters are in their ranges.
    ///
    /// # Errors
    /// Says which parameter is out of its range, its value and what it may be.
    pub fn check(self) -> Result<(), UnitError> {
        let refuse = |what, value, range| Err(UnitError { what, value, range });
        match self {
            Unit::LeakyRelu(slope) if !slope.is_finite() => refuse("the slope", slope, "finite"),
            Unit::Elu(alpha) if !alpha.is_finite() => refuse("alpha", alpha, "finite"),
            Unit::Lif(lif) if !(0.0..=1.0).contains(&lif.leak) => refuse("the leak", lif.leak, "between 0 and 1"),
            Unit::Lif(lif) if !(lif.threshold > 0.0 && lif.threshold.is_finite()) => refuse("the threshold", lif.threshold, "above 0"),
            Unit::Lif(lif) if lif.ticks == 0 || lif.ticks > MAX_TICKS => {
                refuse("the number of ticks", lif.ticks as f32, "between 1 and 65536")
            }
            _ => Ok(()),
        }
    }
}

/// Most ticks of a presentation.
const MAX_TICKS: u32 = 65_536;

/// A parameter of a unit that is out of its range.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{what} is {value}, must be {range}")]
pub struct UnitError {
    /// Which parameter.
    pub what: &'static str,
    /// Its value.
    pub value: f32,
    /// What it may be.
    pub range: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_listed_once_and_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Unit::ALL.into_iter().map(Unit::name).collect();
        assert_eq!(names.len(), Unit::ALL.len());
        assert!(Unit::ALL.into_iter().all(|unit| unit.check().is_ok()));
    }
}
