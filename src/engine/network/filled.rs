//! Sparse rows that run as dense ones: so many synapses that reading their sources costs more than the ones that are missing.
//!
//! A missing synapse gets the weight -0. It adds -0 x to a sum, which leaves the sum as it is if x is finite and not negative
//! (that is -0), and otherwise turns a sum of -0 into 0 (x negative) or NaN (x infinite). So a sum that ends neither as zero
//! nor as NaN has the bits of the sparse rows, and so has any sum of harmless inputs; others are made again, sparse.

use std::ops::Range;

/// Compressed rows of some targets as a matrix, row-major by `[target][source]`, -0 where there is no synapse.
pub(super) fn matrix(targets: &Range<usize>, offsets: &[u32], sources: &[u32], weights: &[f32], n_sources: usize) -> Vec<f32> {
    let mut matrix = vec![-0.0; targets.len() * n_sources];
    for (row, bounds) in matrix.chunks_exact_mut(n_sources.max(1)).zip(offsets[targets.start..].windows(2)) {
        let synapses = bounds[0] as usize..bounds[1] as usize;
        for (&source, &weight) in sources[synapses.clone()].iter().zip(&weights[synapses]) {
            row[source as usize] = weight;
        }
    }
    matrix
}

/// True if some sum ended as zero or NaN.
pub(super) fn is_doubtful(sums: &[f32]) -> bool {
    let mut n = 0_u32;
    for z in sums {
        n += u32::from(*z == 0.0 || z.is_nan());
    }
    n > 0
}

/// True if no input leaves a trace by a weight of -0: all are finite, and none is negative or -0.
pub(super) fn is_harmless(inputs: &[f32]) -> bool {
    let mut n = 0_u32;
    for x in inputs {
        n += u32::from(!x.is_finite() || x.is_sign_negative());
    }
    n == 0
}
