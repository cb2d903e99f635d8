//! The units in vectors: each repeats its plain function (`engine::network::units`) bit for bit.

use crate::plan::network::unit::{SELU_ALPHA, SELU_SCALE, STEEPNESS};
use crate::plan::network::{Gate, Lif, Unit};

use super::super::floats::math::{exp, sigmoid, sin, softplus, tanh};
use super::super::floats::{Floats, Kernel, LANES};

/// The activations of one unit over a slice; the choice of the unit stands outside of the loop.
pub struct Activate<'a> {
    pub unit: Unit,
    pub fan_in: u32,
    pub sums: Source<'a>,
    pub out: &'a mut [f32],
}

/// Where pre-activations are read.
pub enum Source<'a> {
    /// From another slice, as long as the answers.
    Slice(&'a [f32]),
    /// Where the answers go.
    InPlace,
}

impl Kernel for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        let (zero, one) = (F::splat(0.0), F::splat(1.0));
        let Activate { unit, fan_in, sums, out } = self;
        match unit {
            Unit::Identity => each::<F>(sums, out, |z| z),
            Unit::Relu => each::<F>(sums, out, |z| z.max(zero)),
            Unit::LeakyRelu(slope) => each::<F>(sums, out, |z| F::select(z.gt(zero), z, F::splat(slope).mul(z))),
            Unit::Elu(alpha) => each::<F>(sums, out, |z| F::select(z.gt(zero), z, F::splat(alpha).mul(exp(z).sub(one)))),
            Unit::Selu => each::<F>(sums, out, |z| {
                let below = F::splat(SELU_ALPHA).mul(exp(z).sub(one));
                F::splat(SELU_SCALE).mul(F::select(z.gt(zero), z, below))
            }),
            Unit::Sigmoid => each::<F>(sums, out, sigmoid),
            Unit::SteepSigmoid => each::<F>(sums, out, |z| sigmoid(F::splat(STEEPNESS).mul(z))),
            Unit::Tanh => each::<F>(sums, out, tanh),
            Unit::Softplus => each::<F>(sums, out, softplus),
            Unit::Gauss => each::<F>(sums, out, |z| exp(z.mul(z).neg())),
            Unit::Sin => each::<F>(sums, out, sin),
            Unit::Abs => each::<F>(sums, out, F::abs),
            Unit::Step => each::<F>(sums, out, |z| F::select(z.gt(zero), one, zero)),
            Unit::Sign => each::<F>(sums, out, |z| F::select(z.gt(zero), one, F::splat(-1.0))),
            Unit::Gate(gate) => each::<F>(sums, out, |n| open(gate, n, fan_in as i32)),
            Unit::Lif(lif) => each::<F>(sums, out, |z| fire(lif, z, &mut F::splat(0.0))),
        }
    }
}

/// The answer of a gate of `fan_in` inputs, `n` of which are true.
#[inline(always)]
fn open<F: Floats>(gate: Gate, n: F, fan_in: i32) -> F {
    let (zero, one) = (F::splat(0.0), F::splat(1.0));
    match gate {
        Gate::And => F::select(n.is_integer(fan_in), one, zero),
        Gate::Or => F::select(n.is_integer(0), zero, one),
        Gate::Nand => F::select(n.is_integer(fan_in), zero, one),
        Gate::Xor => F::select(n.has_bits(1), one, zero),
    }
}

/// The share of ticks in which neurons with membrane potentials `v` spike under the inputs `z`; `v` goes on.
#[inline(always)]
fn fire<F: Floats>(lif: Lif, z: F, v: &mut F) -> F {
    let (leak, threshold, one) = (F::splat(lif.leak), F::splat(lif.threshold), F::splat(1.0));
    let mut n_spikes = F::splat(0.0);
    for _ in 0..lif.ticks {
        let risen = leak.mul(*v).add(z);
        let spikes = risen.ge(threshold);
        *v = F::select(spikes, risen.sub(threshold), risen);
        n_spikes = F::select(spikes, n_spikes.add(one), n_spikes);
    }
    n_spikes.div(F::splat(lif.ticks as f32))
}

/// LIF neurons that keep their membrane potentials.
pub struct Fire<'a> {
    pub lif: Lif,
    pub sums: &'a [f32],
    pub membranes: &'a mut [f32],
    pub out: &'a mut [f32],
}

impl Kernel for Fire<'_> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        let (sums, z_tail) = self.sums.as_chunks::<LANES>();
        let (membranes, v_tail) = self.membranes.as_chunks_mut::<LANES>();
        let (out, a_tail) = self.out.as_chunks_mut::<LANES>();
        for ((z, v), a) in sums.iter().zip(membranes).zip(out) {
            let mut potential = F::load(v);
            fire(self.lif, F::load(z), &mut potential).store(a);
            potential.store(v);
        }
        if !z_tail.is_empty() {
            let mut v = padded(v_tail);
            let (mut potential, mut a) = (F::load(&v), [0.0; LANES]);
            fire(self.lif, F::load(&padded(z_tail)), &mut potential).store(&mut a);
            potential.store(&mut v);
            v_tail.copy_from_slice(&v[..z_tail.len()]);
            a_tail.copy_from_slice(&a[..z_tail.len()]);
        }
    }
}

/// Maps `sums` to `out`, 16 at a time; a short end is padded.
#[inline(always)]
fn each<F: Floats>(sums: Source<'_>, out: &mut [f32], f: impl Fn(F) -> F) {
    let (chunks, tail) = out.as_chunks_mut::<LANES>();
    let z_tail = match sums {
        Source::Slice(sums) => {
            let (z_chunks, z_tail) = sums.as_chunks::<LANES>();
            for (a, z) in chunks.iter_mut().zip(z_chunks) {
                f(F::load(z)).store(a);
            }
            padded(z_tail)
        }
        Source::InPlace => {
            for a in chunks {
                f(F::load(a)).store(a);
            }
            padded(tail)
        }
    };
    if !tail.is_empty() {
        let mut a = [0.0; LANES];
        f(F::load(&z_tail)).store(&mut a);
        tail.copy_from_slice(&a[..tail.len()]);
    }
}

/// The floats and zeros up to 16.
#[inline(always)]
fn padded(tail: &[f32]) -> [f32; LANES] {
    let mut all = [0.0; LANES];
    all[..tail.len()].copy_from_slice(tail);
    all
}
