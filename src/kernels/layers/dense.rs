//! Dense rows: tiles of 6 targets by 64 lanes stay in registers while the sources pass.

use super::super::floats::{Floats, Kernel, LANES};

/// Adds weighted inputs; `weights` are the rows of the targets of `z`.
pub struct AddDense<'a> {
    pub weights: &'a [f32],
    pub n_sources: usize,
    pub x: &'a [f32],
    pub n_lanes: usize,
    pub z: &'a mut [f32],
}

impl Kernel for AddDense<'_> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        let n_lanes = self.n_lanes;
        let mut tiles = self;
        let mut lane = 0;
        // Lanes outside, so that the inputs of a tile stay in the nearest caches while all targets pass.
        if F::TILE_WIDTH == 4 {
            while lane + 4 * LANES <= n_lanes {
                tiles.column::<F, 4, 6>(lane);
                lane += 4 * LANES;
            }
            if lane + 2 * LANES <= n_lanes {
                tiles.column::<F, 2, 6>(lane);
                lane += 2 * LANES;
            }
            if lane < n_lanes {
                tiles.column::<F, 1, 6>(lane);
            }
        } else {
            while lane < n_lanes {
                tiles.column::<F, 1, 6>(lane);
                lane += LANES;
            }
        }
    }
}

impl AddDense<'_> {
    /// All targets, at `V` vectors of lanes: `T` at a time, then fewer.
    #[inline(always)]
    fn column<F: Floats, const V: usize, const T: usize>(&mut self, lane: usize) {
        let n_targets = self.z.len() / self.n_lanes;
        let mut target = 0;
        while target + T <= n_targets {
            self.tile::<F, V, T>(target, lane);
            target += T;
        }
        while target + 4 <= n_targets {
            self.tile::<F, V, 4>(target, lane);
            target += 4;
        }
        while target < n_targets {
            self.tile::<F, V, 1>(target, lane);
            target += 1;
        }
    }

    #[inline(always)]
    fn tile<F: Floats, const V: usize, const T: usize>(&mut self, target: usize, lane: usize) {
        let (n_sources, n_lanes) = (self.n_sources, self.n_lanes);
        let mut rows: [&[f32]; T] = [&[]; T];
        let mut sums = [[F::splat(0.0); V]; T];
        for (t, (row, sums)) in rows.iter_mut().zip(&mut sums).enumerate() {
            *row = &self.weights[(target + t) * n_sources..][..n_sources];
            let z = &self.z[(target + t) * n_lanes + lane..][..V * LANES];
            for (sum, z) in sums.iter_mut().zip(z.as_chunks().0) {
                *sum = F::load(z);
            }
        }
        for s in 0..n_sources {
            let x = &self.x[s * n_lanes + lane..][..V * LANES];
            let mut inputs = [F::splat(0.0); V];
            for (input, x) in inputs.iter_mut().zip(x.as_chunks().0) {
                *input = F::load(x);
            }
            for (row, sums) in rows.iter().zip(&mut sums) {
                let w = F::splat(row[s]);
                for (sum, &input) in sums.iter_mut().zip(&inputs) {
                    *sum = w.fma(input, *sum);
                }
            }
        }
        for (t, sums) in sums.iter().enumerate() {
            let z = &mut self.z[(target + t) * n_lanes + lane..][..V * LANES];
            for (sum, z) in sums.iter().zip(z.as_chunks_mut().0) {
                sum.store(z);
            }
        }
    }
}
