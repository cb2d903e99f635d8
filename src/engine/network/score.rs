//! How good answers are: loss, accuracy and confusion over the samples of a dataset.

use crate::data::{Dataset, Targets};

use super::losses::{Loss, Target};

/// How the answers to a dataset are judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judge {
    loss: Loss,
    n_classes: usize,
    counts_confusion: bool,
    /// The values above and below which an answer counts as one or the other; `None` if targets are not two-valued.
    threshold: Option<f32>,
}

/// What came of judging answers one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// Answers so far.
    pub n_samples: u64,
    /// The sum of their losses.
    pub loss: f64,
    /// Right answers.
    pub n_right: u64,
    /// Number of samples by `[class][answer]`, row-major; empty unless the judge counts it.
    pub confusion: Vec<u64>,
}

impl Judge {
    /// Judges answers by `loss` to samples of `datasets`, which are parts of one set.
    ///
    /// Classes are right or wrong, and so are targets of two values: an answer counts as the one on whose side of their
    /// middle it lies (of 0, for losses of logits and margins). A part may hold one of the two alone, so all are looked at.
    pub fn new(datasets: &[&Dataset], loss: Loss) -> Self {
        let mut values = datasets.iter().filter_map(|d| if let Targets::Values { values, .. } = &d.targets { Some(values) } else { None });
        let (low, high) = values.clone().flatten().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
        let is_two_valued = low < high && values.all(|part| part.iter().all(|&v| v == low || v == high));
        let threshold = is_two_valued.then_some(if loss == Loss::MeanSquare { (low + high) / 2.0 } else { 0.0 });
        Judge { loss, n_classes: datasets.first().map_or(0, |d| d.class_names.len()), counts_confusion: false, threshold }
    }

    /// The same, counting how often each class was answered as each: memory that grows with their number squared.
    pub fn counting_confusion(self) -> Self {
        Judge { counts_confusion: true, ..self }
    }

    /// True if answers can be right or wrong.
    pub fn knows_right(&self) -> bool {
        self.n_classes > 0 || self.threshold.is_some()
    }

    /// Adds the answer `outputs` to one sample; of equally large outputs the first is the answer.
    pub fn add(&self, score: &mut Score, outputs: &[f32], target: Target<'_>) {
        score.n_samples += 1;
        score.loss += self.loss.value(outputs, target);
        match target {
            Target::Class(class) => {
                let answer = (0..outputs.len()).fold(0, |best, j| if outputs[j] > outputs[best] { j } else { best });
                if self.counts_confusion && answer < self.n_classes {
                    score.confusion.resize(self.n_classes * self.n_classes, 0);
                    score.confusion[class as usize * self.n_classes + answer] += 1;
                }
                score.n_right += u64::from(answer == class as usize);
            }
            Target::Values(values) => {
                // Targets lie on the two sides of the middle, answers on those of the threshold.
                let middle = if self.loss == Loss::BinaryCrossEntropy { 0.5 } else { self.threshold.unwrap_or(0.0) };
                let is_right = |(y, t): (&f32, &f32)| (*y > self.threshold.unwrap_or(0.0)) == (*t > middle);
                score.n_right += u64::from(self.threshold.is_some() && outputs.iter().zip(values).all(is_right));
            }
        }
    }
}

impl Score {
    /// The mean loss.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.n_samples.max(1) as f64
    }

    /// The share of right answers.
    pub fn accuracy(&self) -> f64 {
        self.n_right as f64 / self.n_samples.max(1) as f64
    }
}

/// The target of one sample of `dataset`.
///
/// # Panics
/// If there is no such sample.
pub fn target_of(dataset: &Dataset, sample: usize) -> Target<'_> {
    match &dataset.targets {
        Targets::Classes(classes) => Target::Class(classes[sample]),
        Targets::Values { width, values } => Target::Values(&values[sample * width..(sample + 1) * width]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_counted_by_answer() {
        let names = ["a", "b"].map(str::to_owned).to_vec();
        let dataset = Dataset { n_features: 1, inputs: vec![0.0; 3], targets: Targets::Classes(vec![0, 1, 1]), class_names: names };
        let judge = Judge::new(&[&dataset], Loss::CrossEntropy).counting_confusion();
        let mut score = Score::default();
        for (sample, outputs) in [[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]].iter().enumerate() {
            judge.add(&mut score, outputs, target_of(&dataset, sample));
        }
        assert_eq!((score.n_samples, score.n_right, score.confusion.as_slice()), (3, 2, [1, 0, 1, 1].as_slice()));
        let expected = [[1.0_f32, 0.0], [0.0, 2.0], [3.0, 3.0]];
        let losses: f64 = (0..3).map(|i| Loss::CrossEntropy.value(&expected[i], target_of(&dataset, i))).sum();
        assert_eq!(score.mean_loss(), losses / 3.0);
    }

    #[test]
    fn two_valued_targets_have_a_right_side() {
        let dataset = |values: &[f32]| Dataset {
            n_features: 1,
            inputs: vec![0.0; values.len()],
            targets: Targets::Values { width: 1, values: values.to_vec() },
            class_names: Vec::new(),
        };
        let right = |values: &[f32], loss: Loss, outputs: &[f32]| {
            let dataset = dataset(values);
            let judge = Judge::new(&[&dataset], loss);
            let mut score = Score::default();
            outputs.iter().enumerate().for_each(|(i, y)| judge.add(&mut score, &[*y], target_of(&dataset, i)));
            judge.knows_right().then_some(score.n_right)
        };
        assert_eq!(right(&[0.0, 1.0], Loss::MeanSquare, &[0.4, 0.6]), Some(2));
        assert_eq!(right(&[0.0, 1.0], Loss::MeanSquare, &[0.6, 0.6]), Some(1));
        assert_eq!(right(&[0.0, 1.0], Loss::BinaryCrossEntropy, &[-0.1, 0.1]), Some(2));
        assert_eq!(right(&[-1.0, 1.0], Loss::Hinge, &[-0.1, -0.1]), Some(1));
        // A split may leave one value alone in a part.
        let [zeros, both] = [dataset(&[0.0, 0.0]), dataset(&[0.0, 1.0])];
        assert!(!Judge::new(&[&zeros], Loss::MeanSquare).knows_right());
        assert_eq!(Judge::new(&[&zeros, &both], Loss::MeanSquare), Judge::new(&[&both], Loss::MeanSquare));
        assert_eq!(right(&[0.0, 1.0, 2.0], Loss::MeanSquare, &[0.0, 1.0, 2.0]), None);
    }
}
