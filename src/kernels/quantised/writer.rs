//! From exact sums to written outputs: scale, noise, converter, bias, one write each.

use crate::plan::network::quantised_rows::PANEL;
use crate::random::Xoshiro8;

use super::block::{Job, Outputs, RowState};
use super::law;
use super::noise::{NoiseLaw, PANELS_PER_BLOCK, block_lanes};
use super::vector::Vector;

/// Turns sums into outputs.
pub(super) struct Writer<'a> {
    pub job: &'a Job<'a>,
    pub outputs: Outputs,
}

impl Writer<'_> {
    /// Takes the generators of a row to the start of the block of `panel`.
    #[inline(always)]
    pub fn seed(&self, state: &mut RowState, panel: usize) {
        if self.job.output.noise != NoiseLaw::None {
            state.noise = block_lanes(self.job.keys.output_noise.replica(state.sample), panel);
        }
        if self.job.output.is_stochastic {
            state.rounding = block_lanes(self.job.keys.output_rounding.replica(state.sample), panel);
        }
    }

    /// Scales sixteen sums, adds noise, converts, adds the bias and writes.
    ///
    /// # Safety
    /// The row and the panel are those of the outputs.
    #[inline(always)]
    pub unsafe fn write<V: Vector>(&self, sums: V::F, state: &mut RowState, row: usize, panel: usize) {
        let (law, rows, n) = (&self.job.output, self.job.rows, panel * PANEL);
        // SAFETY: scales are padded to whole panels.
        let scale = V::mul(unsafe { V::load(rows.scales().as_ptr().add(n)) }, V::splat(state.factors.scale));
        let mut v = V::mul(sums, scale);
        if law.is_noise_first && law.noise != NoiseLaw::None {
            v = V::fma(self.draw::<V>(&mut state.noise), V::splat(state.factors.sigma), v);
        }
        let mut y = if law.needs_two_touches() {
            // SAFETY: an array of sixteen.
            unsafe { V::store(state.top.as_mut_ptr(), V::max(V::abs(v), V::load(state.top.as_ptr()))) };
            v
        } else {
            // SAFETY: biases are padded to whole panels.
            let bias = unsafe { V::load(rows.biases().as_ptr().add(n)) };
            self.convert::<V>(v, bias, state.factors.step, &mut state.rounding)
        };
        if !law.is_noise_first && law.noise != NoiseLaw::None && !law.needs_two_touches() {
            y = V::fma(self.draw::<V>(&mut state.noise), V::splat(state.factors.sigma), y);
        }
        // SAFETY: passed on.
        unsafe { self.store::<V>(y, row, n) };
    }

    /// Standard noise of the next panel of a row.
    #[inline(always)]
    fn draw<V: Vector>(&self, lanes: &mut Xoshiro8) -> V::F {
        let bits = V::draw(lanes);
        if self.job.output.noise == NoiseLaw::Gaussian { V::normal(bits) } else { V::uniform(bits) }
    }

    /// The output of `v` (in steps of the converter, if there is one).
    #[inline(always)]
    fn convert<V: Vector>(&self, v: V::F, bias: V::F, step: f32, rounding: &mut Xoshiro8) -> V::F {
        let Some(largest) = self.job.output.largest else { return V::add(v, bias) };
        V::fma(code::<V>(v, largest, self.job.output.is_stochastic, rounding), V::splat(step), bias)
    }

    /// # Safety
    /// The row and the targets from `n` on are those of the outputs.
    #[inline(always)]
    unsafe fn store<V: Vector>(&self, y: V::F, row: usize, n: usize) {
        let n_left = self.job.rows.n_out() - n;
        // SAFETY: promised by the caller, for as many targets as are left.
        unsafe {
            let to = self.outputs.first.add(row * self.outputs.stride + n);
            if n_left >= PANEL {
                V::store(to, y);
            } else {
                let mut whole = [0.0_f32; PANEL];
                V::store(whole.as_mut_ptr(), y);
                std::ptr::copy_nonoverlapping(whole.as_ptr(), to, n_left);
            }
        }
    }

    /// Converts a row whose range is known now that all its outputs are.
    ///
    /// # Safety
    /// The row is one of the outputs, and all its targets are written.
    #[inline(always)]
    pub unsafe fn touch_again<V: Vector>(&self, state: &mut RowState, row: usize) {
        let (law, n_out) = (&self.job.output, self.job.rows.n_out());
        let top = state.top.iter().fold(0.0_f32, |top, &x| if x > top { x } else { top });
        let (step, inverse) = law::steps(top, law.largest.unwrap_or(1.0));
        for panel in 0..n_out.div_ceil(PANEL) {
            if panel.is_multiple_of(PANELS_PER_BLOCK) && (!law.is_noise_first || law.is_stochastic) {
                self.seed(state, panel);
            }
            let n = panel * PANEL;
            let mut whole = [0.0_f32; PANEL];
            let n_left = (n_out - n).min(PANEL);
            // SAFETY: promised by the caller, for as many targets as are left; biases are padded to whole panels.
            unsafe {
                std::ptr::copy_nonoverlapping(self.outputs.first.add(row * self.outputs.stride + n), whole.as_mut_ptr(), n_left);
                let v = V::mul(V::load(whole.as_ptr()), V::splat(inverse));
                let bias = V::load(self.job.rows.biases().as_ptr().add(n));
                let mut y = self.convert::<V>(v, bias, step, &mut state.rounding);
                if !law.is_noise_first && law.noise != NoiseLaw::None {
                    y = V::fma(self.draw::<V>(&mut state.noise), V::splat(state.factors.sigma), y);
                }
                self.store::<V>(y, row, n);
            }
        }
    }
}

/// [`law::code_nearest`] or [`law::code_stochastic`] in each lane.
#[inline(always)]
pub(super) fn code<V: Vector>(v: V::F, largest: f32, is_stochastic: bool, lanes: &mut Xoshiro8) -> V::F {
    let top = V::splat(largest);
    let v = V::max(V::min(v, top), V::splat(-largest));
    if is_stochastic { V::min(V::floor(V::add(v, V::fraction(V::draw(lanes)))), top) } else { V::round_even(v) }
}
