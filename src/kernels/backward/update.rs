//! Steps of an optimiser over gradients that are written down.
#![expect(unsafe_code, reason = "columns are read and written through pointers whose bounds the entry asserts")]

use rayon::prelude::*;

use super::super::simd::Simd;
use super::rules::Step;
use super::sink::{Piece, Stepper};

pub use super::sink::StepRows;

/// Weights that one task steps.
const TASK: usize = 1 << 15;

/// Steps weights by `gradients`.
///
/// # Panics
/// If lengths do not fit, or this processor lacks the backend.
pub fn step(simd: Simd, gradients: &[f32], rows: StepRows<'_>, step: Step) {
    assert!(simd.is_available(), "{} instructions", simd.name());
    rows.assert_fit(gradients.len(), &step);
    let part = |(gradients, rows): (&[f32], StepRows<'_>)| {
        let n = gradients.len();
        let piece = Piece { gradients: gradients.as_ptr(), stride: n, at: 0, n_rows: 1, n_cols: n, row_length: n };
        // SAFETY: one row of `n` gradients and weights, and the backend is there.
        unsafe { Stepper::new(simd, rows, step).step(piece) }
    };
    let mut rest = rows;
    let mut tasks = Vec::new();
    for gradients in gradients.chunks(TASK) {
        let (rows, after) = rest.split_at(gradients.len());
        rest = after;
        tasks.push((gradients, rows));
    }
    if tasks.len() < 4 {
        return tasks.into_iter().for_each(part);
    }
    tasks.into_par_iter().for_each(part);
}
