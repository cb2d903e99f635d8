//! The loss of a network that remembers, as synapses are born and die: living rows, and all steps of all samples.
//!
//! Only living synapses are in the rows, so that a proposal costs what the network as it would be costs.

use std::sync::Arc;

use crate::data::Dataset;
use crate::engine::network::heat::unrolled::{PART, Runner};
use crate::engine::network::parameters::Parameters;
use crate::plan::network::{NetworkPlan, Rows};

use super::candidates::NetworkCandidates;

/// The summed loss over samples of several steps.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    candidates: Arc<NetworkCandidates>,
    /// Living synapses only, in blocks that are a variable.
    plan: NetworkPlan,
    parameters: Parameters,
    dataset: Arc<Dataset>,
    runner: Runner,
    pub(super) total: f64,
    pending: Option<Pending>,
}

/// What was proposed, and the loss that it leads to.
type Pending = (Vec<(u32, f32)>, Option<Bias>, f64);

/// A bias by layer and row, and its value.
pub(super) type Bias = (usize, usize, f32);

impl Steps {
    /// Around `parameters` of the plan of candidates.
    pub(super) fn new(candidates: Arc<NetworkCandidates>, parameters: &Parameters, dataset: Arc<Dataset>, runner: Runner) -> Self {
        let (plan, parameters) = candidates.living(parameters);
        let mut steps = Steps { candidates, plan, parameters, dataset, runner, total: 0.0, pending: None };
        steps.refresh();
        steps
    }

    /// Takes other parameters of the plan of candidates.
    pub(super) fn set(&mut self, all: &Parameters) {
        (self.plan, self.parameters) = self.candidates.living(all);
        self.refresh();
    }

    /// Computes the loss anew.
    pub(super) fn refresh(&mut self) {
        self.pending = None;
        self.total = self.run(f64::INFINITY);
    }

    /// The loss, or as much of it as is above `limit`.
    fn run(&mut self, limit: f64) -> f64 {
        let all: Vec<u32> = (0..self.dataset.n_samples() as u32).collect();
        let mut losses = Vec::with_capacity(all.len());
        let mut total = 0.0;
        for part in all.chunks(PART) {
            self.runner.run(&self.plan, &self.parameters, &self.dataset, part, &mut losses);
            total = losses.iter().sum();
            if total > limit {
                break;
            }
        }
        total
    }

    /// What the loss changes by with these weights and this bias, or `None` if that is more than `bound`.
    pub(super) fn propose(&mut self, changes: &[(u32, f32)], bias: Option<Bias>, bound: f64) -> Option<f64> {
        self.pending = None;
        let old: Vec<(u32, f32)> = changes.iter().map(|&(candidate, w)| (candidate, self.replace(candidate, w))).collect();
        let old_bias = bias.map(|bias| self.replace_bias(bias));
        let total = self.run(self.total + bound);
        if let Some(old) = old_bias {
            self.replace_bias(old);
        }
        for &(candidate, w) in old.iter().rev() {
            self.replace(candidate, w);
        }
        let change = total - self.total;
        if change.is_nan() || change > bound {
            return None;
        }
        self.pending = Some((changes.to_vec(), bias, total));
        Some(change)
    }

    pub(super) fn accept(&mut self) {
        let (changes, bias, total) = self.pending.take().expect("a proposal that was not refused");
        changes.into_iter().for_each(|(candidate, w)| _ = self.replace(candidate, w));
        if let Some(bias) = bias {
            self.replace_bias(bias);
        }
        self.total = total;
    }

    /// Sets a bias, and returns the one that was there.
    fn replace_bias(&mut self, (layer, row, bias): Bias) -> Bias {
        (layer, row, std::mem::replace(&mut self.parameters.biases[layer][row], bias))
    }

    pub(super) fn reject(&mut self) {
        self.pending = None;
    }

    /// Gives a candidate a weight, 0 for none, and returns the one it had.
    fn replace(&mut self, candidate: u32, w: f32) -> f32 {
        let (b, source, target) = self.candidates.ends(candidate);
        let weights = &mut self.parameters.weights[b];
        let Rows::Sparse { offsets, sources } = &mut self.plan.blocks[b].rows else { unreachable!("variable blocks are sparse") };
        let row = offsets[target as usize] as usize..offsets[target as usize + 1] as usize;
        match (sources[row.clone()].binary_search(&source), w != 0.0) {
            (Ok(k), true) => std::mem::replace(&mut weights[row.start + k], w),
            (Ok(k), false) => {
                sources.remove(row.start + k);
                offsets[target as usize + 1..].iter_mut().for_each(|o| *o -= 1);
                weights.remove(row.start + k)
            }
            (Err(k), true) => {
                sources.insert(row.start + k, source);
                offsets[target as usize + 1..].iter_mut().for_each(|o| *o += 1);
                weights.insert(row.start + k, w);
                0.0
            }
            (Err(_), false) => 0.0,
        }
    }
}
