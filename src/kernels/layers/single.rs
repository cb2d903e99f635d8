//! Sums of one sample, or of samples one after another, over packed weights: vectors run over targets.
//!
//! ```text
//! z[t] = fma(w[s][t], x[s], z[t])    for each source s, ascending; 64 targets of up to 6 samples in registers
//! ```
//!
//! Sources whose activation is 0 may be left out: they add 0. The one thing this could change is the sign of a sum
//! that ends as -0 (only underflow and biases of -0 lead there), so such sums are made again from all sources.

use crate::plan::network::packed::{Outgoing, PANEL, Panels, Slices, one_of};
use crate::plan::network::stored::{Bf16, F16, Stored};

use super::super::floats::{Floats, Kernel, LANES, dispatch};
use super::super::simd::Simd;

/// Stored weights that vectors are loaded from.
pub trait Loads: Stored {
    /// 16 weights, widened.
    fn load<F: Floats>(from: &[Self; LANES]) -> F;
}

impl Loads for f32 {
    #[inline(always)]
    fn load<F: Floats>(from: &[Self; LANES]) -> F {
        F::load(from)
    }
}

impl Loads for F16 {
    #[inline(always)]
    fn load<F: Floats>(from: &[Self; LANES]) -> F {
        F::load_f16(bytemuck::cast_ref(from))
    }
}

impl Loads for Bf16 {
    #[inline(always)]
    fn load<F: Floats>(from: &[Self; LANES]) -> F {
        F::load_bf16(bytemuck::cast_ref(from))
    }
}

/// Adds the inputs of a dense block to the sums of samples that follow each other: `x` and `z` are rows of `x_floats`
/// and `z_floats`, one a sample.
///
/// With `active`, there is one sample, and only these sources, ascending, have activations other than 0.
///
/// # Panics
/// If a length does not fit, or the processor lacks the instructions.
pub fn add_panels<S: Loads>(
    simd: Simd,
    panels: &Panels<S>,
    x: &[f32],
    x_floats: usize,
    active: Option<&[u32]>,
    z: &mut [f32],
    z_floats: usize,
) {
    let n_samples = z.len() / z_floats;
    assert!(n_samples * x_floats == x.len() && n_samples * z_floats == z.len(), "rows of {x_floats} and {z_floats}");
    assert!(x_floats >= panels.n_sources && z_floats >= panels.n_targets.next_multiple_of(LANES), "rows too short for the block");
    assert!(active.is_none() || n_samples == 1, "active sources of {n_samples} samples");
    dispatch(simd, AddPanels { panels, x, x_floats, active, z, z_floats });
}

struct AddPanels<'a, S> {
    panels: &'a Panels<S>,
    x: &'a [f32],
    x_floats: usize,
    active: Option<&'a [u32]>,
    z: &'a mut [f32],
    z_floats: usize,
}

impl<S: Loads> Kernel for AddPanels<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        let (n_sources, n_targets) = (self.panels.n_sources, self.panels.n_targets);
        let mut job = self;
        for first in (0..n_targets).step_by(PANEL) {
            let width = (n_targets - first).next_multiple_of(LANES).min(PANEL);
            let weights = &job.panels.weights[first * n_sources..][..n_sources * width];
            match width / LANES {
                4 => job.panel::<F, 4>(weights, first),
                3 => job.panel::<F, 3>(weights, first),
                2 => job.panel::<F, 2>(weights, first),
                _ => job.panel::<F, 1>(weights, first),
            }
        }
    }
}

impl<S: Loads> AddPanels<'_, S> {
    #[inline(always)]
    fn panel<F: Floats, const V: usize>(&mut self, weights: &[S], first: usize) {
        let n_samples = self.z.len() / self.z_floats;
        let mut sample = 0;
        if F::TILE_WIDTH == 4 {
            while sample + 6 <= n_samples {
                self.tile::<F, V, 6>(weights, first, sample);
                sample += 6;
            }
            while sample + 3 <= n_samples {
                self.tile::<F, V, 3>(weights, first, sample);
                sample += 3;
            }
        }
        while sample < n_samples {
            match self.active {
                Some(active) => self.active_sources::<F, V>(weights, first, active),
                None => self.tile::<F, V, 1>(weights, first, sample),
            }
            sample += 1;
        }
    }

    /// All sources of `T` samples.
    #[inline(always)]
    fn tile<F: Floats, const V: usize, const T: usize>(&mut self, weights: &[S], first: usize, sample: usize) {
        let n_sources = self.panels.n_sources;
        let mut rows: [&[f32]; T] = [&[]; T];
        let mut sums = [[F::splat(0.0); V]; T];
        for (t, (row, sums)) in rows.iter_mut().zip(&mut sums).enumerate() {
            *row = &self.x[(sample + t) * self.x_floats..][..n_sources];
            let z = &self.z[(sample + t) * self.z_floats + first..][..V * LANES];
            for (sum, z) in sums.iter_mut().zip(z.as_chunks().0) {
                *sum = F::load(z);
            }
        }
        for (s, weights) in weights.as_chunks::<LANES>().0.chunks_exact(V).enumerate() {
            let mut loaded = [F::splat(0.0); V];
            for (loaded, w) in loaded.iter_mut().zip(weights) {
                *loaded = S::load(w);
            }
            for (row, sums) in rows.iter().zip(&mut sums) {
                let x = F::splat(row[s]);
                for (sum, w) in sums.iter_mut().zip(&loaded) {
                    *sum = w.fma(x, *sum);
                }
            }
        }
        for (t, sums) in sums.iter().enumerate() {
            let z = &mut self.z[(sample + t) * self.z_floats + first..][..V * LANES];
            for (sum, z) in sums.iter().zip(z.as_chunks_mut().0) {
                sum.store(z);
            }
        }
    }

    /// The active sources of the one sample.
    #[inline(always)]
    fn active_sources<F: Floats, const V: usize>(&mut self, weights: &[S], first: usize, active: &[u32]) {
        let mut sums = [F::splat(0.0); V];
        for (sum, z) in sums.iter_mut().zip(self.z[first..].as_chunks().0) {
            *sum = F::load(z);
        }
        let rows = weights.as_chunks::<LANES>().0;
        for &s in active {
            let x = F::splat(self.x[s as usize]);
            for (sum, w) in sums.iter_mut().zip(&rows[s as usize * V..][..V]) {
                *sum = S::load::<F>(w).fma(x, *sum);
            }
        }
        let mut found = [[0.0; LANES]; V];
        for (sum, found) in sums.iter().zip(&mut found) {
            sum.store(found);
        }
        if has_negative_zero(found.as_flattened()) {
            return self.tile::<F, V, 1>(weights, first, 0);
        }
        self.z[first..][..V * LANES].copy_from_slice(found.as_flattened());
    }
}

#[inline(always)]
fn has_negative_zero(values: &[f32]) -> bool {
    let mut n = 0_u32;
    for v in values {
        n += u32::from(v.to_bits() == 0x8000_0000);
    }
    n > 0
}

/// Adds the inputs of a sparse block to the sums of one sample; `x` holds a 1 behind its `n_sources` activations.
///
/// # Panics
/// If a length does not fit, or the processor lacks the instructions.
pub fn add_slices<S: Loads>(simd: Simd, slices: &Slices<S>, n_sources: usize, x: &[f32], z: &mut [f32]) {
    assert_eq!(x[one_of(n_sources)].to_bits(), 1.0_f32.to_bits(), "what pads a slice");
    dispatch(simd, AddSlices { slices, x, z });
}

struct AddSlices<'a, S> {
    slices: &'a Slices<S>,
    x: &'a [f32],
    z: &'a mut [f32],
}

impl<S: Loads> Kernel for AddSlices<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        let Slices { targets, starts, sources, weights } = self.slices;
        let (sources, weights) = (sources.as_chunks::<LANES>().0, weights.as_chunks::<LANES>().0);
        for (targets, bounds) in targets.as_chunks::<LANES>().0.iter().zip(starts.windows(2)) {
            let mut sums = [0.0; LANES];
            for (sum, &target) in sums.iter_mut().zip(targets) {
                *sum = self.z.get(target as usize).copied().unwrap_or(0.0);
            }
            let mut sum = F::load(&sums);
            let synapses = bounds[0] as usize..bounds[1] as usize;
            for (sources, weights) in sources[synapses.clone()].iter().zip(&weights[synapses]) {
                sum = S::load::<F>(weights).fma(F::gather(self.x, sources), sum);
            }
            sum.store(&mut sums);
            for (&sum, &target) in sums.iter().zip(targets) {
                if let Some(z) = self.z.get_mut(target as usize) {
                    *z = sum;
                }
            }
        }
    }
}

/// Adds what the `active` sources, ascending, send to the sums of one sample. Returns false, with `z` spoiled, if a
/// sum ended as -0 and has to be made from all sources.
///
/// # Panics
/// If a length does not fit, or the processor lacks the instructions.
pub fn add_outgoing<S: Loads>(simd: Simd, outgoing: &Outgoing<S>, x: &[f32], active: &[u32], z: &mut [f32]) -> bool {
    dispatch(simd, AddOutgoing { outgoing, x, active, z })
}

struct AddOutgoing<'a, S> {
    outgoing: &'a Outgoing<S>,
    x: &'a [f32],
    active: &'a [u32],
    z: &'a mut [f32],
}

impl<S: Loads> Kernel for AddOutgoing<'_, S> {
    type Output = bool;

    #[inline(always)]
    fn run<F: Floats>(self) -> bool {
        let Outgoing { offsets, targets, weights } = self.outgoing;
        for &source in self.active {
            let x = self.x[source as usize];
            let synapses = offsets[source as usize] as usize..offsets[source as usize + 1] as usize;
            for (&target, &w) in targets[synapses.clone()].iter().zip(&weights[synapses]) {
                let z = &mut self.z[target as usize];
                *z = w.widen().mul_add(x, *z);
            }
        }
        !has_negative_zero(self.z)
    }
}
