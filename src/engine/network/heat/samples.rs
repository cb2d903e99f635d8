//! The training set as rows of lanes: one row a feature, one lane a sample, hardest samples first.

use crate::data::{Dataset, Targets};
use crate::engine::network::losses::Loss;
use crate::kernels::heat::LANES;

use super::HeatError;

/// Samples in the order of their lanes.
#[derive(Clone, Debug)]
pub(super) struct SampleRows {
    pub(super) n_samples: usize,
    /// `n_samples` rounded up to whole vectors; the lanes beyond repeat the last sample and count nothing.
    pub(super) n_lanes: usize,
    /// [feature][lane].
    pub(super) inputs: Vec<f32>,
    /// Class of each lane, as the kernels compare it; only for cross-entropy.
    pub(super) classes: Vec<f32>,
    /// [output][lane]; empty for cross-entropy.
    pub(super) targets: Vec<f32>,
    /// True where a feature is zero in all samples.
    pub(super) is_dark: Vec<bool>,
    /// Sample of each lane.
    order: Vec<u32>,
}

impl SampleRows {
    /// The samples in their own order.
    pub(super) fn new(data: &Dataset, n_inputs: usize, n_outputs: usize, loss: Loss) -> Result<Self, HeatError> {
        let n_samples = data.n_samples();
        if n_samples == 0 {
            return Err(HeatError::NoSamples);
        }
        if data.n_features != n_inputs {
            return Err(HeatError::Features { features: data.n_features, inputs: n_inputs });
        }
        if data.n_outputs() != n_outputs {
            return Err(HeatError::Outputs { asked: data.n_outputs(), outputs: n_outputs });
        }
        if loss == Loss::CrossEntropy && !matches!(data.targets, Targets::Classes(_)) {
            return Err(HeatError::ClassesWanted);
        }
        if let Some(at) = data.inputs.iter().position(|x| !x.is_finite()) {
            return Err(HeatError::NonFinite { sample: at / n_inputs, feature: at % n_inputs, value: data.inputs[at] });
        }
        if let (Loss::BinaryCrossEntropy, Targets::Values { width, values }) = (loss, &data.targets)
            && let Some(at) = values.iter().position(|y| !(0.0..=1.0).contains(y))
        {
            return Err(HeatError::NoProbability { sample: at / width, output: at % width, value: values[at] });
        }
        let n_lanes = n_samples.next_multiple_of(LANES);
        let order: Vec<u32> = (0..n_lanes).map(|l| l.min(n_samples - 1) as u32).collect();
        let rows = |n: usize, at: &dyn Fn(usize, usize) -> f32| -> Vec<f32> {
            (0..n).flat_map(|row| order.iter().map(move |&s| at(row, s as usize))).collect()
        };
        let inputs = rows(n_inputs, &|f, s| data.inputs[s * n_inputs + f]);
        let (on, off) = (1.0, if loss == Loss::Hinge { -1.0 } else { 0.0 });
        let (classes, targets) = match &data.targets {
            Targets::Classes(classes) if loss == Loss::CrossEntropy => {
                (order.iter().map(|&s| classes[s as usize] as f32).collect(), Vec::new())
            }
            Targets::Classes(classes) => (Vec::new(), rows(n_outputs, &|k, s| if classes[s] as usize == k { on } else { off })),
            Targets::Values { width, values } => (Vec::new(), rows(n_outputs, &|k, s| values[s * width + k])),
        };
        let is_dark = inputs.chunks_exact(n_lanes).map(|row| row.iter().all(|&x| x == 0.0)).collect();
        Ok(SampleRows { n_samples, n_lanes, inputs, classes, targets, is_dark, order })
    }

    /// Sorts the lanes by falling `losses`, ties by sample; `rows` are permuted along.
    ///
    /// The order follows from the losses alone, whatever it was before.
    pub(super) fn sort_by_loss(&mut self, losses: &[f32], rows: &mut [&mut Vec<f32>]) {
        let mut lanes: Vec<u32> = (0..self.n_samples as u32).collect();
        let order = &self.order;
        lanes.sort_unstable_by(|&a, &b| losses[b as usize].total_cmp(&losses[a as usize]).then(order[a as usize].cmp(&order[b as usize])));
        let last = lanes[self.n_samples - 1];
        lanes.resize(self.n_lanes, last);
        let mut copy = vec![0.0; self.n_lanes];
        for rows in rows.iter_mut().map(|r| &mut **r).chain([&mut self.inputs, &mut self.targets, &mut self.classes]) {
            for row in rows.chunks_exact_mut(self.n_lanes) {
                copy.copy_from_slice(row);
                row.iter_mut().zip(&lanes).for_each(|(x, &lane)| *x = copy[lane as usize]);
            }
        }
        self.order = lanes.iter().map(|&lane| order[lane as usize]).collect();
    }
}
