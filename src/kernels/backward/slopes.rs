//! Gradients by activations become gradients by pre-activations: times the slope of the unit.

use super::super::simd::Simd;
use super::vector::{Job, Vector, run};
use crate::math::{sigmoid_f32, sin_f32};
use crate::plan::network::Unit;

/// The numbers of units that the slopes need; they are those of `engine::network::units`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constants {
    /// Scale of SELU.
    pub selu_scale: f32,
    /// Alpha of SELU.
    pub selu_alpha: f32,
    /// Steepness of the steepened sigmoid.
    pub steepness: f32,
    /// Steepness of the surrogate slope.
    pub surrogate: f32,
}

/// Multiplies each of `gradients` by the slope of `unit` at pre-activation `z` and activation `a`; gates have slope 0.
///
/// # Panics
/// If lengths differ.
pub fn times_slope(simd: Simd, unit: Unit, constants: Constants, z: &[f32], a: &[f32], gradients: &mut [f32]) {
    assert_eq!((z.len(), a.len()), (gradients.len(), gradients.len()), "pre-activations, activations and gradients");
    run(simd, Slopes { unit, constants, z, a, gradients });
}

struct Slopes<'a> {
    unit: Unit,
    constants: Constants,
    z: &'a [f32],
    a: &'a [f32],
    gradients: &'a mut [f32],
}

impl Slopes<'_> {
    #[inline(always)]
    fn each(self, slope: impl Fn(f32, f32) -> f32) {
        for ((g, &z), &a) in self.gradients.iter_mut().zip(self.z).zip(self.a) {
            *g *= slope(z, a);
        }
    }
}

impl Job for Slopes<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Constants { selu_scale, selu_alpha, steepness, surrogate } = self.constants;
        let near_step = |z: f32| {
            let d = 1.0 + surrogate * z.abs();
            1.0 / (d * d)
        };
        match self.unit {
            Unit::Identity => {}
            Unit::Relu => self.each(|z, _| if z > 0.0 { 1.0 } else { 0.0 }),
            Unit::LeakyRelu(slope) => self.each(|z, _| if z > 0.0 { 1.0 } else { slope }),
            Unit::Elu(alpha) => self.each(|z, a| if z > 0.0 { 1.0 } else { a + alpha }),
            Unit::Selu => self.each(|z, a| if z > 0.0 { selu_scale } else { a + selu_scale * selu_alpha }),
            Unit::Sigmoid => self.each(|_, a| a * (1.0 - a)),
            Unit::SteepSigmoid => self.each(|_, a| steepness * a * (1.0 - a)),
            Unit::Tanh => self.each(|_, a| 1.0 - a * a),
            Unit::Softplus => self.each(|z, _| sigmoid_f32(z)),
            Unit::Gauss => self.each(|z, a| -2.0 * z * a),
            Unit::Sin => self.each(|z, _| sin_f32(z + std::f32::consts::FRAC_PI_2)),
            Unit::Abs => self.each(|z, _| {
                if z > 0.0 {
                    1.0
                } else if z < 0.0 {
                    -1.0
                } else {
                    0.0
                }
            }),
            Unit::Step | Unit::Sign => self.each(|z, _| near_step(z)),
            Unit::Gate(_) => self.gradients.fill(0.0),
            Unit::Lif(lif) => {
                let at = lif.threshold * (1.0 - lif.leak);
                self.each(|z, _| near_step(z - at));
            }
        }
    }
}
