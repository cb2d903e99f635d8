//! What a node of an evolved network does: its kind, its activation and how it joins its inputs.

use bytemuck::{CheckedBitPattern, NoUninit};

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, NoUninit, CheckedBitPattern)]
#[repr(u8)]
pub enum NodeKind {
    /// Holds a number of the task.
    Input,
    /// Is always 1 (paper mode; elsewhere nodes have biases of their own).
    Bias,
    /// Answers the task.
    Output,
    /// Everything between.
    Hidden,
}

impl NodeKind {
    /// True if its activation is given, so that no connection may end there.
    pub const fn is_given(self) -> bool {
        matches!(self, NodeKind::Input | NodeKind::Bias)
    }
}

/// What a node makes of its joined inputs z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, NoUninit, CheckedBitPattern)]
#[repr(u8)]
pub enum Activation {
    /// z.
    Identity,
    /// 1 / (1 + e^-z).
    Sigmoid,
    /// 1 / (1 + e^(-4.9 z)), the unit of NEAT (Stanley, Miikkulainen 2002).
    SteepSigmoid,
    /// tanh z.
    Tanh,
    /// max(z, 0).
    Relu,
    /// z, or z / 100 below 0.
    LeakyRelu,
    /// z, or e^z - 1 below 0.
    Elu,
    /// The self-normalising ELU (Klambauer et al. 2017).
    Selu,
    /// ln(1 + e^z).
    Softplus,
    /// e^(-z z).
    Gauss,
    /// sin z.
    Sin,
    /// |z|.
    Abs,
    /// z within -1..=1, else the nearer bound.
    Clamped,
    /// 1 / z, or 0 where |z| is at most 1e-6.
    Inv,
    /// ln z, of 1e-7 at least.
    Log,
    /// e^z, with z within -60..=60.
    Exp,
    /// 1 - |z|, or 0 below it.
    Hat,
    /// z z.
    Square,
    /// z z z.
    Cube,
    /// 1 if z > 0, else 0.
    Step,
}

impl Activation {
    /// Every activation once.
    pub const ALL: [Activation; 20] = [
        Activation::Identity,
        Activation::Sigmoid,
        Activation::SteepSigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::LeakyRelu,
        Activation::Elu,
        Activation::Selu,
        Activation::Softplus,
        Activation::Gauss,
        Activation::Sin,
        Activation::Abs,
        Activation::Clamped,
        Activation::Inv,
        Activation::Log,
        Activation::Exp,
        Activation::Hat,
        Activation::Square,
        Activation::Cube,
        Activation::Step,
    ];

    /// Its name in scenes.
    pub const fn name(self) -> &'static str {
        match self {
            Activation::Identity => "Identity",
            Activation::Sigmoid => "Sigmoid",
            Activation::SteepSigmoid => "SteepSigmoid",
            Activation::Tanh => "Tanh",
            Activation::Relu => "Relu",
            Activation::LeakyRelu => "LeakyRelu",
            Activation::Elu => "Elu",
            Activation::Selu => "Selu",
            Activation::Softplus => "Softplus",
            Activation::Gauss => "Gauss",
            Activation::Sin => "Sin",
            Activation::Abs => "Abs",
            Activation::Clamped => "Clamped",
            Activation::Inv => "Inv",
            Activation::Log => "Log",
            Activation::Exp => "Exp",
            Activation::Hat => "Hat",
            Activation::Square => "Square",
            Activation::Cube => "Cube",
            Activation::Step => "Step",
        }
    }
}

/// How a node joins its weighted inputs w x, in the order of its sources; of no inputs, to its bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, NoUninit, CheckedBitPattern)]
#[repr(u8)]
pub enum Aggregation {
    /// bias + sum, one fused chain.
    Sum,
    /// bias + product.
    Product,
    /// bias + the largest.
    Max,
    /// bias + the smallest.
    Min,
    /// bias + the one that is largest in size, the first of equals.
    MaxAbs,
    /// bias + sum / number.
    Mean,
    /// bias + the middle one, or the mean of the two middle ones.
    Median,
}

impl Aggregation {
    /// Every aggregation once.
    pub const ALL: [Aggregation; 7] = [
        Aggregation::Sum,
        Aggregation::Product,
        Aggregation::Max,
        Aggregation::Min,
        Aggregation::MaxAbs,
        Aggregation::Mean,
        Aggregation::Median,
    ];

    /// Its name in scenes.
    pub const fn name(self) -> &'static str {
        match self {
            Aggregation::Sum => "Sum",
            Aggregation::Product => "Product",
            Aggregation::Max => "Max",
            Aggregation::Min => "Min",
            Aggregation::MaxAbs => "MaxAbs",
            Aggregation::Mean => "Mean",
            Aggregation::Median => "Median",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_listed_once_in_order_and_has_a_name_of_its_own() {
        assert!(Activation::ALL.iter().enumerate().all(|(k, &a)| a as usize == k));
        assert!(Aggregation::ALL.iter().enumerate().all(|(k, &a)| a as usize == k));
        let names: std::collections::BTreeSet<_> = Activation::ALL.map(Activation::name).into();
        assert_eq!(names.len(), Activation::ALL.len());
    }
}
