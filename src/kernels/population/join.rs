//! What 16 nodes (or 16 samples of one) make of their inputs.

use crate::plan::network::unit::{SELU_ALPHA, SELU_SCALE, STEEPNESS};
use crate::plan::population::{Activation, Aggregation};

use super::super::floats::Floats;
use super::super::floats::math::{exp, ln, sigmoid, sin, softplus, tanh};

/// The edges of 16 sums.
pub trait Edges<F> {
    /// Edges of each.
    fn len(&self) -> usize;
    /// Weights and inputs of the e-th edges.
    fn get(&self, e: usize) -> (F, F);
}

/// bias + the joined inputs.
#[inline(always)]
pub fn join<F: Floats, E: Edges<F>>(aggregation: Aggregation, bias: F, edges: &E) -> F {
    let n = edges.len();
    if n == 0 {
        return bias;
    }
    match aggregation {
        Aggregation::Sum => sum(bias, edges),
        Aggregation::Mean => bias.add(sum(F::splat(0.0), edges).div(F::splat(n as f32))),
        Aggregation::Product => {
            let mut all = F::splat(1.0);
            for e in 0..n {
                all = all.mul(term(edges, e));
            }
            bias.add(all)
        }
        Aggregation::Max => {
            let mut all = F::splat(f32::NEG_INFINITY);
            for e in 0..n {
                all = all.max(term(edges, e));
            }
            bias.add(all)
        }
        Aggregation::Min => {
            let mut all = F::splat(f32::INFINITY);
            for e in 0..n {
                all = all.min(term(edges, e));
            }
            bias.add(all)
        }
        Aggregation::MaxAbs => {
            let mut all = F::splat(0.0);
            for e in 0..n {
                let x = term(edges, e);
                all = F::select(x.abs().gt(all.abs()), x, all);
            }
            bias.add(all)
        }
        Aggregation::Median => {
            let upper = ranked(edges, n / 2);
            bias.add(if n % 2 == 1 { upper } else { F::splat(0.5).mul(ranked(edges, n / 2 - 1).add(upper)) })
        }
    }
}

#[inline(always)]
fn sum<F: Floats, E: Edges<F>>(from: F, edges: &E) -> F {
    let mut z = from;
    for e in 0..edges.len() {
        let (w, x) = edges.get(e);
        z = w.fma(x, z);
    }
    z
}

#[inline(always)]
fn term<F: Floats, E: Edges<F>>(edges: &E, e: usize) -> F {
    let (w, x) = edges.get(e);
    w.mul(x)
}

/// The term that `rank` others stand before, equal ones in their order; by counting, so that nothing is stored.
#[inline(always)]
fn ranked<F: Floats, E: Edges<F>>(edges: &E, rank: usize) -> F {
    let (mut found, one) = (F::splat(0.0), F::splat(1.0));
    for i in 0..edges.len() {
        let x = term(edges, i);
        let mut before = F::splat(0.0);
        for j in 0..edges.len() {
            let y = term(edges, j);
            let stands = if j < i { F::select(x.ge(y), one, F::splat(0.0)) } else { F::select(x.gt(y), one, F::splat(0.0)) };
            before = before.add(stands);
        }
        found = F::select(before.is_integer(rank as i32), x, found);
    }
    found
}

/// What nodes make of their joined inputs.
#[inline(always)]
pub fn activate<F: Floats>(activation: Activation, z: F) -> F {
    let (zero, one) = (F::splat(0.0), F::splat(1.0));
    match activation {
        Activation::Identity => z,
        Activation::Sigmoid => sigmoid(z),
        Activation::SteepSigmoid => sigmoid(F::splat(STEEPNESS).mul(z)),
        Activation::Tanh => tanh(z),
        Activation::Relu => z.max(zero),
        Activation::LeakyRelu => F::select(z.gt(zero), z, F::splat(0.01).mul(z)),
        Activation::Elu => F::select(z.gt(zero), z, exp(z).sub(one)),
        Activation::Selu => {
            let below = F::splat(SELU_ALPHA).mul(exp(z).sub(one));
            F::splat(SELU_SCALE).mul(F::select(z.gt(zero), z, below))
        }
        Activation::Softplus => softplus(z),
        Activation::Gauss => exp(z.mul(z).neg()),
        Activation::Sin => sin(z),
        Activation::Abs => z.abs(),
        Activation::Clamped => one.min(F::splat(-1.0).max(z)),
        Activation::Inv => F::select(z.abs().gt(F::splat(1e-6)), one.div(z), zero),
        Activation::Log => ln(z.max(F::splat(1e-7))),
        Activation::Exp => exp(F::splat(60.0).min(F::splat(-60.0).max(z))),
        Activation::Hat => one.sub(z.abs()).max(zero),
        Activation::Square => z.mul(z),
        Activation::Cube => z.mul(z).mul(z),
        Activation::Step => F::select(z.gt(zero), one, zero),
    }
}
