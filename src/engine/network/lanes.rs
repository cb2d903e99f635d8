//! Activations of many samples: one row of floats a neuron, one lane a sample.
//!
//! ```text
//! layers[l][neuron * n_lanes + lane]      lanes beyond the samples are computed and mean nothing
//! ```

use crate::data::Dataset;
use crate::kernels::layers::Products;
use crate::plan::network::{NetworkPlan, Unit};

/// Lanes come in vectors of this many.
pub const LANE_GROUP: usize = 16;

/// The state of a network over the samples of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activations {
    n_samples: usize,
    n_lanes: usize,
    /// Activations by layer, `[neuron][lane]`.
    pub layers: Vec<Vec<f32>>,
    /// Pre-activations by layer, `[neuron][lane]`; empty unless they are kept.
    pub sums: Vec<Vec<f32>>,
    /// Activations of the step before, by layer, `[neuron][lane]`; empty for layers that no delayed block reads,
    /// and for inputs, which come from outside.
    pub before: Vec<Vec<f32>>,
    /// Membrane potentials of LIF neurons by layer, `[neuron][lane]`; empty where every sample starts at 0.
    pub membranes: Vec<Vec<f32>>,
    /// Who multiplies dense blocks in forward passes.
    pub products: Products,
}

impl Activations {
    /// All zero, with room for `n_samples` samples. Recurrent networks keep the potentials of their LIF neurons.
    pub fn new(plan: &NetworkPlan, n_samples: usize) -> Self {
        let n_lanes = n_lanes(n_samples);
        let zeros = |is_needed: bool, n_neurons: usize| vec![0.0; if is_needed { n_neurons * n_lanes } else { 0 }];
        let is_read_late = |l: usize| !plan.layers[l].is_input && plan.blocks.iter().any(|b| b.is_delayed && b.from == l);
        let keeps_potential = |l: usize| plan.is_recurrent() && matches!(plan.layers[l].unit, Unit::Lif(_)) && !plan.layers[l].is_input;
        let sizes = || plan.layers.iter().map(|l| l.n_neurons).enumerate();
        Activations {
            n_samples,
            n_lanes,
            layers: sizes().map(|(_, n)| zeros(true, n)).collect(),
            sums: vec![Vec::new(); plan.layers.len()],
            before: sizes().map(|(l, n)| zeros(is_read_late(l), n)).collect(),
            membranes: sizes().map(|(l, n)| zeros(keeps_potential(l), n)).collect(),
            products: Products::Ordered,
        }
    }

    /// Keeps the pre-activations of all layers but the inputs.
    #[must_use]
    pub fn keeping_sums(mut self, plan: &NetworkPlan) -> Self {
        for (sums, layer) in self.sums.iter_mut().zip(&plan.layers).filter(|(_, l)| !l.is_input) {
            *sums = vec![0.0; layer.n_neurons * self.n_lanes];
        }
        self
    }

    /// Lets `products` multiply dense blocks.
    #[must_use]
    pub fn multiplied_by(mut self, products: Products) -> Self {
        self.products = products;
        self
    }

    /// Number of samples.
    pub fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// Number of lanes: the samples, rounded up.
    pub fn n_lanes(&self) -> usize {
        self.n_lanes
    }

    /// The activations of one neuron, one a lane.
    pub fn row(&self, layer: usize, neuron: usize) -> &[f32] {
        &self.layers[layer][neuron * self.n_lanes..(neuron + 1) * self.n_lanes]
    }

    /// The activations of one neuron, one a lane, mutable.
    pub fn row_mut(&mut self, layer: usize, neuron: usize) -> &mut [f32] {
        &mut self.layers[layer][neuron * self.n_lanes..(neuron + 1) * self.n_lanes]
    }

    /// Forgets activations, those of the step before and potentials: a sequence starts anew.
    pub fn reset(&mut self) {
        for values in [&mut self.layers, &mut self.before, &mut self.membranes].into_iter().flatten() {
            values.fill(0.0);
        }
    }

    /// Writes sample `samples[k]` of `dataset` to lane k of the inputs: its features in the order of the input layers.
    ///
    /// # Panics
    /// If there are more samples than lanes were made for, or the features are not as many as the inputs.
    pub fn load_samples(&mut self, plan: &NetworkPlan, dataset: &Dataset, samples: &[u32]) {
        assert!(samples.len() <= self.n_samples, "{} samples for the lanes of {}", samples.len(), self.n_samples);
        let n_inputs: usize = plan.inputs().map(|(_, l)| l.n_neurons).sum();
        assert_eq!(dataset.n_features, n_inputs, "features of a sample, and input neurons");
        self.load(plan, samples.len(), |k| dataset.sample(samples[k] as usize));
    }

    /// Writes the features of sample `samples[k]` at one step of its time to lane k of the inputs.
    ///
    /// A sample of as many features as there are inputs shows the same ones at each step. One of several times as many is a
    /// sequence: the inputs of its first step, those of the second, and so on.
    ///
    /// # Panics
    /// If there are more samples than lanes were made for, or the sample ends before the step does.
    pub fn load_step(&mut self, plan: &NetworkPlan, dataset: &Dataset, samples: &[u32], step: usize) {
        let n_inputs: usize = plan.inputs().map(|(_, l)| l.n_neurons).sum();
        if dataset.n_features == n_inputs {
            return self.load_samples(plan, dataset, samples);
        }
        assert!(samples.len() <= self.n_samples, "{} samples for the lanes of {}", samples.len(), self.n_samples);
        let at = step * n_inputs..(step + 1) * n_inputs;
        assert!(at.end <= dataset.n_features, "{} features of a sample at step {step} of {n_inputs} inputs", dataset.n_features);
        self.load(plan, samples.len(), |k| &dataset.sample(samples[k] as usize)[at.clone()]);
    }

    /// Writes samples that follow each other, row-major `[sample][value]`, to the inputs.
    ///
    /// # Panics
    /// If there are not as many values as inputs in all samples.
    pub fn load_rows(&mut self, plan: &NetworkPlan, values: &[f32]) {
        let n_inputs: usize = plan.inputs().map(|(_, l)| l.n_neurons).sum();
        assert_eq!(values.len(), n_inputs * self.n_samples, "values of {} samples of {n_inputs}", self.n_samples);
        self.load(plan, self.n_samples, |k| &values[k * n_inputs..(k + 1) * n_inputs]);
    }

    /// Replaces `answers` by the activations of the output layers, row-major `[sample][value]`.
    pub fn store_rows(&self, plan: &NetworkPlan, answers: &mut Vec<f32>) {
        let n_outputs: usize = plan.outputs().map(|(_, l)| l.n_neurons).sum();
        answers.clear();
        answers.resize(n_outputs * self.n_samples, 0.0);
        let mut first = 0;
        for (idx, layer) in plan.outputs() {
            for (neuron, row) in self.layers[idx].chunks_exact(self.n_lanes).enumerate() {
                for (answer, &value) in answers.chunks_exact_mut(n_outputs).zip(row) {
                    answer[first + neuron] = value;
                }
            }
            first += layer.n_neurons;
        }
    }

    /// Writes `sample(k)` to lane k of the inputs, for the first `n` lanes.
    fn load<'a>(&mut self, plan: &NetworkPlan, n: usize, sample: impl Fn(usize) -> &'a [f32]) {
        let mut first = 0;
        for (idx, layer) in plan.inputs() {
            let features = first..first + layer.n_neurons;
            // 16 samples at a time: their rows are read and the lanes written in order, one line of cache for each.
            for start in (0..n).step_by(LANE_GROUP) {
                let group: Vec<&[f32]> = (start..n.min(start + LANE_GROUP)).map(|k| &sample(k)[features.clone()]).collect();
                for (feature, row) in self.layers[idx].chunks_exact_mut(self.n_lanes).enumerate() {
                    for (lane, values) in row[start..].iter_mut().zip(&group) {
                        *lane = values[feature];
                    }
                }
            }
            first = features.end;
        }
    }

    /// The activations of one sample in one layer.
    pub fn sample(&self, layer: usize, sample: usize) -> impl Iterator<Item = f32> {
        self.layers[layer].chunks_exact(self.n_lanes).map(move |row| row[sample])
    }
}

/// Lanes for `n_samples` samples: a multiple of 16, at least 16.
///
/// Rows whose length is a multiple of 2,048 bytes would all begin in the same few sets of the caches, so those get one group more.
pub fn n_lanes(n_samples: usize) -> usize {
    let lanes = n_samples.next_multiple_of(LANE_GROUP).max(LANE_GROUP);
    if lanes.is_multiple_of(512) { lanes + LANE_GROUP } else { lanes }
}
