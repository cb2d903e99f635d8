//! The functions of units and their slopes, as plain functions; vector kernels repeat them bit for bit.

use crate::math::{exp_f32, sigmoid_f32, sin_f32, softplus_f32, tanh_f32};
pub use crate::plan::network::unit::{SELU_ALPHA, SELU_SCALE, STEEPNESS};
use crate::plan::network::{Gate, Lif, Unit};

/// Steepness of the surrogate slope of stepped units, 1 / (1 + steepness |z|)^2 (Zenke, Ganguli 2018).
pub const SURROGATE_STEEPNESS: f32 = 2.0;

/// The activation of `unit` at pre-activation `z`; gates also need their number of inputs, `fan_in`.
#[inline]
pub fn activate(unit: Unit, z: f32, fan_in: u32) -> f32 {
    match unit {
        Unit::Identity => z,
        // Not `max`, which leaves the sign of the larger of two zeros open.
        Unit::Relu => {
            if z > 0.0 {
                z
            } else {
                0.0
            }
        }
        Unit::LeakyRelu(slope) => {
            if z > 0.0 {
                z
            } else {
                slope * z
            }
        }
        Unit::Elu(alpha) => {
            if z > 0.0 {
                z
            } else {
                alpha * (exp_f32(z) - 1.0)
            }
        }
        Unit::Selu => SELU_SCALE * if z > 0.0 { z } else { SELU_ALPHA * (exp_f32(z) - 1.0) },
        Unit::Sigmoid => sigmoid_f32(z),
        Unit::SteepSigmoid => sigmoid_f32(STEEPNESS * z),
        Unit::Tanh => tanh_f32(z),
        Unit::Softplus => softplus_f32(z),
        Unit::Gauss => exp_f32(-(z * z)),
        Unit::Sin => sin_f32(z),
        Unit::Abs => z.abs(),
        Unit::Step => {
            if z > 0.0 {
                1.0
            } else {
                0.0
            }
        }
        Unit::Sign => {
            if z > 0.0 {
                1.0
            } else {
                -1.0
            }
        }
        Unit::Gate(gate) => open(gate, z, fan_in),
        Unit::Lif(lif) => fire(lif, z, &mut 0.0),
    }
}

/// The answer of a gate of `fan_in` inputs, `n_true` of which are true.
#[inline]
fn open(gate: Gate, n_true: f32, fan_in: u32) -> f32 {
    let (n_true, fan_in) = (n_true as u32, fan_in);
    let is_open = match gate {
        Gate::And => n_true == fan_in,
        Gate::Or => n_true > 0,
        Gate::Nand => n_true < fan_in,
        Gate::Xor => n_true % 2 == 1,
    };
    if is_open { 1.0 } else { 0.0 }
}

/// The share of ticks in which a neuron with membrane potential `v` spikes under the input `z`; `v` goes on.
#[inline]
pub fn fire(lif: Lif, z: f32, v: &mut f32) -> f32 {
    let mut n_spikes = 0_u32;
    for _ in 0..lif.ticks {
        *v = lif.leak * *v + z;
        if *v >= lif.threshold {
            *v -= lif.threshold;
            n_spikes += 1;
        }
    }
    n_spikes as f32 / lif.ticks as f32
}

/// The slope da/dz of `unit` at pre-activation `z` and activation `a`.
///
/// Stepped units have the surrogate slope 1 / (1 + k |z|)^2 around their threshold (z = 0; for a LIF neuron the
/// constant input that just reaches its threshold). A gate has none: 0.
#[inline]
pub fn slope(unit: Unit, z: f32, a: f32) -> f32 {
    match unit {
        Unit::Identity => 1.0,
        Unit::Relu => {
            if z > 0.0 {
                1.0
            } else {
                0.0
            }
        }
        Unit::LeakyRelu(slope) => {
            if z > 0.0 {
                1.0
            } else {
                slope
            }
        }
        Unit::Elu(alpha) => {
            if z > 0.0 {
                1.0
            } else {
                a + alpha
            }
        }
        Unit::Selu => {
            if z > 0.0 {
                SELU_SCALE
            } else {
                a + SELU_SCALE * SELU_ALPHA
            }
        }
        Unit::Sigmoid => a * (1.0 - a),
        Unit::SteepSigmoid => STEEPNESS * a * (1.0 - a),
        Unit::Tanh => 1.0 - a * a,
        Unit::Softplus => sigmoid_f32(z),
        Unit::Gauss => -2.0 * z * a,
        Unit::Sin => sin_f32(z + std::f32::consts::FRAC_PI_2),
        Unit::Abs => {
            if z > 0.0 {
                1.0
            } else if z < 0.0 {
                -1.0
            } else {
                0.0
            }
        }
        Unit::Step | Unit::Sign => surrogate(z),
        Unit::Gate(_) => 0.0,
        Unit::Lif(lif) => surrogate(z - lif.threshold * (1.0 - lif.leak)),
    }
}

/// The surrogate slope of a step at 0.
#[inline]
fn surrogate(z: f32) -> f32 {
    let d = 1.0 + SURROGATE_STEEPNESS * z.abs();
    1.0 / (d * d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_answer_their_truth_tables() {
        let answers = |gate| [0.0, 1.0, 2.0].map(|n| activate(Unit::Gate(gate), n, 2));
        assert_eq!(answers(Gate::And), [0.0, 0.0, 1.0]);
        assert_eq!(answers(Gate::Or), [0.0, 1.0, 1.0]);
        assert_eq!(answers(Gate::Nand), [1.0, 1.0, 0.0]);
        assert_eq!(answers(Gate::Xor), [0.0, 1.0, 0.0]);
    }

    #[test]
    fn a_neuron_without_leak_fires_in_proportion_to_its_input() {
        let lif = Lif { leak: 1.0, threshold: 1.0, ticks: 64 };
        let rates = [-1.0, 0.0, 0.25, 0.5, 1.0, 3.0].map(|z| activate(Unit::Lif(lif), z, 0));
        assert_eq!(rates, [0.0, 0.0, 0.25, 0.5, 1.0, 1.0]);
    }
}
