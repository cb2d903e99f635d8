//! Losses of rows of samples that are sums over outputs.

use crate::engine::network::losses::Loss;
use crate::math::{exp_f32, ln_f32};

/// Adds to `sum` what one output contributes to the loss of each sample, before it is divided by the number of outputs.
pub(super) fn add_terms(loss: Loss, outputs: &[f32], targets: &[f32], sum: &mut [f32]) {
    let terms = sum.iter_mut().zip(outputs).zip(targets);
    match loss {
        Loss::MeanSquare => terms.for_each(|((sum, &y), &t)| *sum += (y - t) * (y - t)),
        Loss::BinaryCrossEntropy => terms.for_each(|((sum, &y), &t)| *sum += y.max(0.0) + ln_f32(1.0 + exp_f32(-y.abs())) - t * y),
        Loss::Hinge => terms.for_each(|((sum, &y), &t)| *sum += (1.0 - t * y).max(0.0)),
        Loss::CrossEntropy => panic!("cross-entropy is no sum over outputs"),
    }
}
