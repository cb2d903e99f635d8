//! The law of evolved networks: what kernels over a population repeat bit for bit.
//!
//! z = bias + join(w x), over the edges of a node in the order of their sources; a sum is one chain of fused multiplications and
//! additions that begins with the bias. Then x = f(z), or in continuous time x += (1 - e^(-dt/tau)) (f(z) - x): the exponential
//! Euler step of tau dx/dt = f(z) - x (the CTRNN of neat-python).

use crate::math::{exp_f32, ln_f32, sigmoid_f32, sin_f32, softplus_f32, tanh_f32};
use crate::plan::network::unit::{SELU_ALPHA, SELU_SCALE, STEEPNESS};
use crate::plan::population::{Activation, Aggregation, Network, Wiring};

/// The larger number, `b` of equals: as vector instructions choose.
#[inline]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The smaller number, `b` of equals.
#[inline]
fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// What a node makes of its joined inputs.
#[inline]
pub fn activate(activation: Activation, z: f32) -> f32 {
    match activation {
        Activation::Identity => z,
        Activation::Sigmoid => sigmoid_f32(z),
        Activation::SteepSigmoid => sigmoid_f32(STEEPNESS * z),
        Activation::Tanh => tanh_f32(z),
        Activation::Relu => larger(z, 0.0),
        Activation::LeakyRelu => {
            if z > 0.0 {
                z
            } else {
                0.01 * z
            }
        }
        Activation::Elu => {
            if z > 0.0 {
                z
            } else {
                exp_f32(z) - 1.0
            }
        }
        Activation::Selu => SELU_SCALE * if z > 0.0 { z } else { SELU_ALPHA * (exp_f32(z) - 1.0) },
        Activation::Softplus => softplus_f32(z),
        Activation::Gauss => exp_f32(-(z * z)),
        Activation::Sin => sin_f32(z),
        Activation::Abs => z.abs(),
        Activation::Clamped => smaller(1.0, larger(-1.0, z)),
        Activation::Inv => {
            if z.abs() > 1e-6 {
                1.0 / z
            } else {
                0.0
            }
        }
        Activation::Log => ln_f32(larger(z, 1e-7)),
        Activation::Exp => exp_f32(smaller(60.0, larger(-60.0, z))),
        Activation::Hat => larger(1.0 - z.abs(), 0.0),
        Activation::Square => z * z,
        Activation::Cube => z * z * z,
        Activation::Step => {
            if z > 0.0 {
                1.0
            } else {
                0.0
            }
        }
    }
}

/// The joined inputs of a node with `bias`: edges read `values[sources[k]]`.
#[inline]
pub fn join(aggregation: Aggregation, bias: f32, weights: &[f32], sources: &[u32], values: &[f32]) -> f32 {
    let terms = || weights.iter().zip(sources).map(|(&w, &s)| w * values[s as usize]);
    let sum = |from: f32| weights.iter().zip(sources).fold(from, |z, (&w, &s)| w.mul_add(values[s as usize], z));
    if weights.is_empty() {
        return bias;
    }
    match aggregation {
        Aggregation::Sum => sum(bias),
        Aggregation::Mean => bias + sum(0.0) / weights.len() as f32,
        Aggregation::Product => bias + terms().fold(1.0, |a, x| a * x),
        Aggregation::Max => bias + terms().fold(f32::NEG_INFINITY, larger),
        Aggregation::Min => bias + terms().fold(f32::INFINITY, smaller),
        Aggregation::MaxAbs => bias + terms().fold(0.0, |a: f32, x| if x.abs() > a.abs() { x } else { a }),
        Aggregation::Median => {
            let mut all: Vec<f32> = terms().collect();
            // By size, equal ones (and what is no number) in their order.
            all.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
            let n = all.len();
            bias + if n % 2 == 1 { all[n / 2] } else { 0.5 * (all[n / 2 - 1] + all[n / 2]) }
        }
    }
}

/// Activations of one network, one a slot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activations {
    values: Vec<f32>,
    next: Vec<f32>,
}

impl Activations {
    /// At rest: the constant is 1, all else 0.
    pub fn reset(&mut self, network: &Network) {
        self.values.clear();
        self.values.resize(network.n_slots(), 0.0);
        self.values[network.n_inputs] = 1.0;
    }

    /// Computes one step from `inputs` on.
    ///
    /// # Panics
    /// If the number of inputs is not that of the network, or the activations were not reset for it.
    pub fn step(&mut self, network: &Network, wiring: Wiring, inputs: &[f32]) {
        assert_eq!(inputs.len(), network.n_inputs, "inputs of the network");
        assert_eq!(self.values.len(), network.n_slots(), "activations of the network");
        self.values[..inputs.len()].copy_from_slice(inputs);
        let first = network.slot(0);
        let joined = |values: &[f32], n: usize| {
            let (node, edges) = (network.nodes[n], network.edges(n));
            let z = join(node.aggregation, node.bias, &network.weights[edges.clone()], &network.sources[edges], values);
            activate(node.activation, z)
        };
        if wiring == Wiring::FeedForward {
            for n in 0..network.nodes.len() {
                self.values[first + n] = joined(&self.values, n);
            }
            return;
        }
        self.next.clear();
        for (n, node) in network.nodes.iter().enumerate() {
            let (old, new) = (self.values[first + n], joined(&self.values, n));
            self.next.push(if node.rate < 1.0 { node.rate.mul_add(new - old, old) } else { new });
        }
        self.values[first..].copy_from_slice(&self.next);
    }

    /// The activations of the outputs.
    pub fn outputs<'a>(&'a self, network: &'a Network) -> impl Iterator<Item = f32> + 'a {
        network.outputs.iter().map(|&slot| self.values[slot as usize])
    }

    /// The activation of `slot`.
    pub fn value(&self, slot: usize) -> f32 {
        self.values[slot]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_have_their_values() {
        let check = |a: Activation, z: f32, expected: f32| {
            let found = activate(a, z);
            assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{a:?} of {z} is {found}, not {expected}");
        };
        check(Activation::Identity, -2.5, -2.5);
        check(Activation::Sigmoid, 1.0, 0.731_058_6);
        check(Activation::SteepSigmoid, 0.2, 0.727_107_3);
        check(Activation::Tanh, 0.5, 0.462_117_16);
        check(Activation::Relu, -1.0, 0.0);
        check(Activation::LeakyRelu, -1.0, -0.01);
        check(Activation::Elu, -1.0, -0.632_120_6);
        check(Activation::Selu, 2.0, 2.101_402);
        check(Activation::Softplus, 0.0, std::f32::consts::LN_2);
        check(Activation::Gauss, 1.0, 0.367_879_44);
        check(Activation::Sin, 1.0, 0.841_470_96);
        check(Activation::Abs, -3.0, 3.0);
        check(Activation::Clamped, 3.0, 1.0);
        check(Activation::Inv, 4.0, 0.25);
        check(Activation::Inv, 1e-7, 0.0);
        check(Activation::Log, std::f32::consts::E, 1.0);
        check(Activation::Log, -1.0, -16.118_095);
        check(Activation::Exp, 1.0, std::f32::consts::E);
        check(Activation::Hat, 0.25, 0.75);
        check(Activation::Square, -3.0, 9.0);
        check(Activation::Cube, -2.0, -8.0);
        check(Activation::Step, 0.1, 1.0);
    }

    #[test]
    fn aggregations_join_weighted_inputs() {
        let (weights, sources, values) = ([2.0, -1.0, 0.5, 1.0], [0, 1, 2, 3], [1.0, 5.0, 4.0, 3.0]);
        // Terms 2, -5, 2, 3.
        let check = |a, expected| assert_eq!(join(a, 0.25, &weights, &sources, &values), expected, "{a:?}");
        check(Aggregation::Sum, 2.25);
        check(Aggregation::Product, -59.75);
        check(Aggregation::Max, 3.25);
        check(Aggregation::Min, -4.75);
        check(Aggregation::MaxAbs, -4.75);
        check(Aggregation::Mean, 0.75);
        check(Aggregation::Median, 2.25);
        assert!(Aggregation::ALL.iter().all(|&a| join(a, 0.25, &[], &[], &values) == 0.25));
    }
}
