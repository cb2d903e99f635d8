//! The units in vectors: each repeats its plain function (`engine::network::units`) bit for bit.

use crate::plan::network::unit::{SELU_ALPHA, SELU_SCALE, STEEPNESS};
use crate::plan::network::{Gate, Lif, Unit};

use super::super::floats::math::{exp, sigmoid, sin, softplus, tanh};
use super::super::floats::{Floats, Kernel, LANES};

/// Maps pre-activations to activations, 16 at a time; a short end is padded. No closure: those lose the instructions.
macro_rules! each {
    ($F:ident, $job:expr, $z:ident, $a:expr) => {{
        let n = $job.out.len();
        for start in (0..n).step_by(LANES) {
            let end = n.min(start + LANES);
            let sums = match $job.sums {
                Source::Slice(sums) => &sums[start..end],
                Source::InPlace => &$job.out[start..end],
            };
            let $z = match sums.try_into() {
                Ok(all) => $F::load(all),
                Err(_) => $F::load(&padded(sums)),
            };
            let a: $F = $a;
            match (&mut $job.out[start..end]).try_into() {
                Ok(all) => a.store(all),
                Err(_) => {
                    let mut all = [0.0; LANES];
                    a.store(&mut all);
                    $job.out[start..end].copy_from_slice(&all[..end - start]);
                }
            }
        }
    }};
}

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
        match self.unit {
            Unit::Identity => each!(F, self, z, z),
            Unit::Relu => each!(F, self, z, z.max(zero)),
            Unit::LeakyRelu(slope) => each!(F, self, z, F::select(z.gt(zero), z, F::splat(slope).mul(z))),
            Unit::Elu(alpha) => each!(F, self, z, F::select(z.gt(zero), z, F::splat(alpha).mul(exp(z).sub(one)))),
            Unit::Selu => each!(F, self, z, {
                let below = F::splat(SELU_ALPHA).mul(exp(z).sub(one));
                F::splat(SELU_SCALE).mul(F::select(z.gt(zero), z, below))
            }),
            Unit::Sigmoid => each!(F, self, z, sigmoid(z)),
            Unit::SteepSigmoid => each!(F, self, z, sigmoid(F::splat(STEEPNESS).mul(z))),
            Unit::Tanh => each!(F, self, z, tanh(z)),
            Unit::Softplus => each!(F, self, z, softplus(z)),
            Unit::Gauss => each!(F, self, z, exp(z.mul(z).neg())),
            Unit::Sin => each!(F, self, z, sin(z)),
            Unit::Abs => each!(F, self, z, z.abs()),
            Unit::Step => each!(F, self, z, F::select(z.gt(zero), one, zero)),
            Unit::Sign => each!(F, self, z, F::select(z.gt(zero), one, F::splat(-1.0))),
            Unit::Gate(gate) => each!(F, self, n, open(gate, n, self.fan_in as i32)),
            Unit::Lif(lif) => each!(F, self, z, fire(lif, z, &mut F::splat(0.0))),
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
        Gate::Xor => F::select(n.has_bit(1), one, zero),
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

/// The floats and zeros up to 16.
#[inline(always)]
fn padded(tail: &[f32]) -> [f32; LANES] {
    let mut all = [0.0; LANES];
    all[..tail.len()].copy_from_slice(tail);
    all
}
