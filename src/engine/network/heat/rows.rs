//! Loops over rows of samples that follow the scalar laws of units and losses.

use crate::engine::network::losses::Loss;
use crate::engine::network::units::activate;
use crate::kernels::heat::Kernel;
use crate::math::exp_f32;
use crate::math::ln_f32;
use crate::plan::network::Unit;

/// a = unit(z) for a row.
pub(super) struct Activate<'a> {
    pub(super) unit: Unit,
    pub(super) fan_in: u32,
    pub(super) z: &'a [f32],
    pub(super) a: &'a mut [f32],
}

impl Kernel for Activate<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Activate { unit, fan_in, z, a } = self;
        assert_eq!(z.len(), a.len(), "rows of one length");
        // One loop a unit, so that the choice is made outside of it.
        macro_rules! each {
            ($unit:expr) => {
                a.iter_mut().zip(z).for_each(|(a, &z)| *a = activate($unit, z, fan_in))
            };
        }
        match unit {
            Unit::Identity => a.copy_from_slice(z),
            Unit::Relu => each!(Unit::Relu),
            Unit::Selu => each!(Unit::Selu),
            Unit::Sigmoid => each!(Unit::Sigmoid),
            Unit::SteepSigmoid => each!(Unit::SteepSigmoid),
            Unit::Tanh => each!(Unit::Tanh),
            Unit::Softplus => each!(Unit::Softplus),
            Unit::Gauss => each!(Unit::Gauss),
            Unit::Sin => each!(Unit::Sin),
            Unit::Abs => each!(Unit::Abs),
            Unit::Step => each!(Unit::Step),
            Unit::Sign => each!(Unit::Sign),
            Unit::LeakyRelu(slope) => each!(Unit::LeakyRelu(slope)),
            Unit::Elu(alpha) => each!(Unit::Elu(alpha)),
            Unit::Gate(gate) => each!(Unit::Gate(gate)),
            Unit::Lif(lif) => each!(Unit::Lif(lif)),
        }
    }
}

/// Adds to `sum` what one output contributes to the loss of each sample, before it is divided by the number of outputs.
pub(super) struct AddTerm<'a> {
    pub(super) loss: Loss,
    pub(super) outputs: &'a [f32],
    pub(super) targets: &'a [f32],
    pub(super) sum: &'a mut [f32],
}

impl Kernel for AddTerm<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let AddTerm { loss, outputs, targets, sum } = self;
        assert!(outputs.len() == sum.len() && targets.len() == sum.len(), "rows of one length");
        let terms = sum.iter_mut().zip(outputs).zip(targets);
        match loss {
            Loss::MeanSquare => terms.for_each(|((sum, &y), &t)| *sum += (y - t) * (y - t)),
            Loss::BinaryCrossEntropy => terms.for_each(|((sum, &y), &t)| *sum += y.max(0.0) + ln_f32(1.0 + exp_f32(-y.abs())) - t * y),
            Loss::Hinge => terms.for_each(|((sum, &y), &t)| *sum += (1.0 - t * y).max(0.0)),
            Loss::CrossEntropy => panic!("cross-entropy is no sum over outputs"),
        }
    }
}
