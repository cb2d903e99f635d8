//! Two-valued units drawn from their fields, 16 at a time, with random numbers made in registers.

use crate::random::{BLOCK, StreamKey, Xoshiro8, uniform_f32_from};

use super::super::floats::math::sigmoid;
use super::super::floats::{Floats, Kernel, LANES};

/// Means, and states drawn from them, of the slots of some whole blocks.
///
/// ```text
/// p[n] = sigmoid((1 - low) f[n])         the heat bath at temperature 1
/// mean[n] = fma(1 - low, p[n], low)      written over the fields
/// state[n] = 1 if u[n] < p[n], else low
/// ```
///
/// Slot n of block b takes half-word n % 16 of step (n % 1024) / 16 of eight generators whose key has block b, so
/// a draw depends on its slot alone.
pub struct Draw<'a> {
    pub key: StreamKey,
    pub low: f32,
    pub fields: &'a mut [f32],
    pub states: &'a mut [f32],
}

impl Kernel for Draw<'_> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        let (one, low, gain) = (F::splat(1.0), F::splat(self.low), F::splat(1.0 - self.low));
        let blocks = self.fields.chunks_mut(BLOCK).zip(self.states.chunks_mut(BLOCK));
        for (block, (fields, states)) in (self.key.block..).zip(blocks) {
            let mut bits = Xoshiro8::from_key(self.key.block(block));
            for (f, state) in fields.as_chunks_mut::<LANES>().0.iter_mut().zip(states.as_chunks_mut::<LANES>().0) {
                let words = bits.next_words();
                let mut u = [0.0; LANES];
                for (u, word) in u.as_chunks_mut::<2>().0.iter_mut().zip(words) {
                    *u = [uniform_f32_from(word as u32), uniform_f32_from((word >> 32) as u32)];
                }
                let p = sigmoid(gain.mul(F::load(f)));
                F::select(p.gt(F::load(&u)), one, low).store(state);
                gain.fma(p, low).store(f);
            }
        }
    }
}

/// Means alone: what [`Draw`] writes over the fields.
pub struct Mean<'a> {
    pub low: f32,
    pub fields: &'a mut [f32],
}

impl Kernel for Mean<'_> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        let (low, gain) = (F::splat(self.low), F::splat(1.0 - self.low));
        for f in self.fields.as_chunks_mut::<LANES>().0 {
            gain.fma(sigmoid(gain.mul(F::load(f))), low).store(f);
        }
    }
}
