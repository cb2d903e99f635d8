//! Losses of one sample, from the activations of the output layer.
//!
//! A batch's loss is the mean over its samples; the energy of weight annealing is the sum.

use crate::math::{exp, ln, ln_1p};

/// How wrong an answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Loss {
    /// The mean over outputs of (y - t)^2; a class is 1 at its output and 0 elsewhere.
    MeanSquare,
    /// ln(sum of e^y) - y of the class; the outputs are logits.
    #[default]
    CrossEntropy,
    /// The mean over outputs of ln(1 + e^y) - t y, t in 0..=1; the outputs are logits.
    BinaryCrossEntropy,
    /// The mean over outputs of max(0, 1 - t y), t = -1 or 1; a class is 1 at its output and -1 elsewhere.
    Hinge,
}

/// The target of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<'a> {
    /// The index of its class.
    Class(u32),
    /// One value an output.
    Values(&'a [f32]),
}

impl Target<'_> {
    /// The target of output `j`, where a class is `on` at its own output and `off` elsewhere.
    fn at(&self, j: usize, on: f64, off: f64) -> f64 {
        match self {
            Target::Class(class) if *class as usize == j => on,
            Target::Class(_) => off,
            Target::Values(values) => f64::from(values[j]),
        }
    }
}

impl Loss {
    /// The loss of the answer `outputs` to one sample, in f64.
    ///
    /// # Panics
    /// If the target does not fit the outputs, or cross-entropy is asked about values.
    pub fn value(self, outputs: &[f32], target: Target<'_>) -> f64 {
        let n = outputs.len() as f64;
        let y = |j: usize| f64::from(outputs[j]);
        let mean = |term: &dyn Fn(usize) -> f64| (0..outputs.len()).map(term).sum::<f64>() / n;
        match self {
            Loss::MeanSquare => mean(&|j| square(y(j) - target.at(j, 1.0, 0.0))),
            Loss::CrossEntropy => {
                let Target::Class(class) = target else { panic!("cross-entropy asks for a class, not for values") };
                let top = outputs.iter().fold(f64::NEG_INFINITY, |top, &y| top.max(f64::from(y)));
                top + ln((0..outputs.len()).map(|j| exp(y(j) - top)).sum()) - y(class as usize)
            }
            Loss::BinaryCrossEntropy => mean(&|j| y(j).max(0.0) + ln_1p(exp(-y(j).abs())) - target.at(j, 1.0, 0.0) * y(j)),
            Loss::Hinge => mean(&|j| (1.0 - target.at(j, 1.0, -1.0) * y(j)).max(0.0)),
        }
    }

    /// The slope of the loss of one sample by each output, into `slopes`.
    ///
    /// # Panics
    /// If the target does not fit the outputs, or cross-entropy is asked about values.
    pub fn slopes(self, outputs: &[f32], target: Target<'_>, slopes: &mut [f32]) {
        assert_eq!(outputs.len(), slopes.len(), "outputs, and their slopes");
        let n = outputs.len() as f64;
        let top = outputs.iter().fold(f64::NEG_INFINITY, |top, &y| top.max(f64::from(y)));
        let total: f64 = if self == Loss::CrossEntropy { outputs.iter().map(|&y| exp(f64::from(y) - top)).sum() } else { 1.0 };
        for (j, slope) in slopes.iter_mut().enumerate() {
            let y = f64::from(outputs[j]);
            *slope = match self {
                Loss::MeanSquare => 2.0 * (y - target.at(j, 1.0, 0.0)) / n,
                Loss::CrossEntropy => exp(y - top) / total - target.at(j, 1.0, 0.0),
                Loss::BinaryCrossEntropy => (crate::math::sigmoid(y) - target.at(j, 1.0, 0.0)) / n,
                Loss::Hinge => {
                    let t = target.at(j, 1.0, -1.0);
                    if t * y < 1.0 { -t / n } else { 0.0 }
                }
            } as f32;
        }
    }
}

fn square(x: f64) -> f64 {
    x * x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_have_their_textbook_values() {
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found} against {expected}");
        close(Loss::MeanSquare.value(&[1.0, 3.0], Target::Values(&[0.0, 1.0])), 2.5);
        close(Loss::CrossEntropy.value(&[0.0, 0.0, 0.0, 0.0], Target::Class(2)), ln(4.0));
        close(Loss::CrossEntropy.value(&[1000.0, 0.0], Target::Class(1)), 1000.0);
        close(Loss::BinaryCrossEntropy.value(&[0.0], Target::Values(&[1.0])), ln(2.0));
        close(Loss::Hinge.value(&[0.25, -3.0], Target::Class(0)), 0.375);
    }

    #[test]
    fn slopes_are_finite_differences_of_values() {
        let y = [0.3_f32, -1.2, 0.8];
        for loss in [Loss::MeanSquare, Loss::CrossEntropy, Loss::BinaryCrossEntropy, Loss::Hinge] {
            let mut slopes = [0.0; 3];
            loss.slopes(&y, Target::Class(1), &mut slopes);
            for j in 0..3 {
                let at = |d: f32| {
                    let mut moved = y;
                    moved[j] += d;
                    loss.value(&moved, Target::Class(1))
                };
                let difference = (at(1.0 / 128.0) - at(-1.0 / 128.0)) * 64.0;
                assert!((difference - f64::from(slopes[j])).abs() < 1e-4, "{loss:?} by output {j}: {difference} against {}", slopes[j]);
            }
        }
    }
}
