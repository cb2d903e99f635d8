//! Checks lengths and chooses the backend, once a call.

use std::ops::Range;

use crate::plan::network::Rows;

use super::super::floats::{LANES, dispatch};
use super::super::simd::Simd;
use super::dense::AddDense;
use super::products::{Products, add_by_library};
use super::sparse::{AddSparse, CountTrue};

/// Some rows of a block, with the weights and the inputs of the whole block.
#[derive(Clone, Debug)]
pub struct RowsOfBlock<'a> {
    /// The synapses of the block.
    pub rows: &'a Rows,
    /// The targets.
    pub targets: Range<usize>,
    /// Number of sources.
    pub n_sources: usize,
    /// The weights of the block, in the order of its rows.
    pub weights: &'a [f32],
    /// The activations of its sources, `[source][lane]`.
    pub x: &'a [f32],
    /// Number of lanes, a multiple of 16.
    pub n_lanes: usize,
}

impl RowsOfBlock<'_> {
    fn check(&self, z: &[f32]) {
        assert!(self.n_lanes > 0 && self.n_lanes.is_multiple_of(LANES), "{} lanes are no multiple of {LANES}", self.n_lanes);
        assert_eq!(z.len(), self.targets.len() * self.n_lanes, "sums of {} targets by {} lanes", self.targets.len(), self.n_lanes);
        assert_eq!(self.x.len(), self.n_sources * self.n_lanes, "activations of {} sources by {} lanes", self.n_sources, self.n_lanes);
    }

    /// The weights of the targets, if the rows are dense.
    pub(super) fn dense_weights(&self) -> &[f32] {
        &self.weights[self.targets.start * self.n_sources..self.targets.end * self.n_sources]
    }
}

/// Adds the weighted inputs of some targets to their sums `z`, `[target][lane]`; dense blocks are multiplied by `products`.
///
/// # Panics
/// If a length does not fit, or the processor lacks the instructions.
pub fn add_inputs(simd: Simd, products: Products, block: &RowsOfBlock<'_>, z: &mut [f32]) {
    block.check(z);
    if products == Products::Library && add_by_library(block, z) {
        return;
    }
    let (x, n_lanes) = (block.x, block.n_lanes);
    match block.rows {
        Rows::Dense => dispatch(simd, AddDense { weights: block.dense_weights(), n_sources: block.n_sources, x, n_lanes, z }),
        Rows::Sparse { offsets, sources } => {
            let offsets = &offsets[block.targets.start..=block.targets.end];
            dispatch(simd, AddSparse { offsets, sources, weights: block.weights, x, n_lanes, z });
        }
    }
}

/// Adds the number of true inputs (w x + bias > 1/2) of some gates to their counts `z`, `[target][lane]`.
///
/// # Panics
/// If a length does not fit, or the processor lacks the instructions.
pub fn count_true_inputs(simd: Simd, block: &RowsOfBlock<'_>, biases: &[f32], z: &mut [f32]) {
    block.check(z);
    assert_eq!(biases.len(), block.targets.len(), "biases, and gates");
    let (x, n_lanes) = (block.x, block.n_lanes);
    match block.rows {
        Rows::Dense => {
            let sources: Vec<u32> = (0..block.n_sources as u32).collect();
            dispatch(simd, CountTrue { offsets: None, sources: &sources, weights: block.dense_weights(), biases, x, n_lanes, z });
        }
        Rows::Sparse { offsets, sources } => {
            let offsets = Some(&offsets[block.targets.start..=block.targets.end]);
            dispatch(simd, CountTrue { offsets, sources, weights: block.weights, biases, x, n_lanes, z });
        }
    }
}
