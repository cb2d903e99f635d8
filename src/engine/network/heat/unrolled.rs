//! The loss of a network that remembers, and what it becomes when one weight or bias moves: by running all steps of all samples.
//!
//! A weight acts at every step, and its change comes back through every delayed projection, so that nearly all of the network lies
//! downstream: nothing is kept from proposal to proposal, and a proposal costs whole forward passes. Samples are looked at in
//! parts; no loss is below 0, so that a proposal which already costs more than it may is refused without the rest.

use std::sync::Arc;

use crate::data::{Dataset, Targets};
use crate::engine::network::forward::forward_lanes;
use crate::engine::network::lanes::Activations;
use crate::engine::network::losses::Loss;
use crate::engine::network::parameters::Parameters;
use crate::engine::network::score::target_of;
use crate::kernels::simd::Simd;
use crate::plan::network::NetworkPlan;

use super::HeatError;
use super::surface::LossSurface;
use super::wiring::{Site, Wiring};

/// Samples that go through the network together.
pub(in crate::engine::network) const PART: usize = 128;

/// The summed loss of a network over samples of several steps, as a function of its weights and biases.
#[derive(Clone, Debug)]
pub struct Unrolled {
    wiring: Wiring,
    parameters: Parameters,
    dataset: Arc<Dataset>,
    /// Losses of the samples.
    losses: Vec<f64>,
    total: f64,
    /// What was proposed, with the losses that it leads to.
    pending: Option<(Site, f32)>,
    new_losses: Vec<f64>,
    runner: Runner,
}

/// Runs samples through all steps of a network.
#[derive(Clone, Debug)]
pub(in crate::engine::network) struct Runner {
    loss: Loss,
    /// Steps of a sample.
    steps: usize,
    simd: Simd,
    activations: Activations,
    outputs: Vec<f32>,
}

impl Runner {
    pub(in crate::engine::network) fn new(loss: Loss, steps: usize, simd: Simd) -> Self {
        Runner { loss, steps, simd, activations: Activations::default(), outputs: Vec::new() }
    }

    /// Appends the losses of `samples` to `losses`.
    pub(in crate::engine::network) fn run(
        &mut self,
        plan: &NetworkPlan,
        parameters: &Parameters,
        dataset: &Dataset,
        samples: &[u32],
        losses: &mut Vec<f64>,
    ) {
        let Runner { activations, outputs, .. } = self;
        // Lanes do not know of each other, so that a smaller part leaves the rest of them as they are.
        let room = PART.min(dataset.n_samples());
        if activations.n_samples() != room {
            *activations = Activations::new(plan, room);
        }
        activations.reset();
        for step in 0..self.steps {
            activations.load_step(plan, dataset, samples, step);
            forward_lanes(plan, &parameters.view(), activations, self.simd);
        }
        for (lane, &sample) in samples.iter().enumerate() {
            outputs.clear();
            outputs.extend(plan.outputs().flat_map(|(layer, _)| activations.sample(layer, lane)));
            losses.push(self.loss.value(outputs, target_of(dataset, sample as usize)));
        }
    }
}

impl Unrolled {
    /// The losses of `plan` around `parameters`, of samples that last `steps` steps.
    ///
    /// # Errors
    /// If the samples do not fit the network or the loss.
    ///
    /// # Panics
    /// If the parameters do not fit the plan, or there are no steps.
    pub fn new(
        plan: Arc<NetworkPlan>,
        parameters: Parameters,
        dataset: Arc<Dataset>,
        loss: Loss,
        steps: usize,
        simd: Simd,
    ) -> Result<Self, HeatError> {
        parameters.view().assert_fit(&plan);
        Self::check(&plan, &dataset, loss, steps)?;
        let wiring = Wiring::new(plan);
        let mut unrolled = Unrolled {
            losses: vec![0.0; dataset.n_samples()],
            new_losses: Vec::new(),
            runner: Runner::new(loss, steps, simd),
            total: 0.0,
            pending: None,
            wiring,
            parameters,
            dataset,
        };
        unrolled.refresh();
        Ok(unrolled)
    }

    /// Checks that samples of `steps` steps fit the network and the loss.
    ///
    /// # Errors
    /// If they do not.
    ///
    /// # Panics
    /// If there are no steps.
    pub(in crate::engine::network) fn check(plan: &NetworkPlan, dataset: &Dataset, loss: Loss, steps: usize) -> Result<(), HeatError> {
        assert!(steps > 0, "samples of no steps");
        let (features, inputs) = (dataset.n_features, plan.inputs().map(|(_, l)| l.n_neurons).sum());
        if dataset.n_samples() == 0 {
            return Err(HeatError::NoSamples);
        }
        if features != inputs && features != inputs * steps {
            return Err(HeatError::Features { features, inputs });
        }
        let (asked, outputs) = (dataset.n_outputs(), plan.outputs().map(|(_, l)| l.n_neurons).sum());
        if asked != outputs {
            return Err(HeatError::Outputs { asked, outputs });
        }
        if loss == Loss::CrossEntropy && matches!(dataset.targets, Targets::Values { .. }) {
            return Err(HeatError::ClassesWanted);
        }
        if let Some(at) = dataset.inputs.iter().position(|x| !x.is_finite()) {
            return Err(HeatError::NonFinite { sample: at / features, feature: at % features, value: dataset.inputs[at] });
        }
        Ok(())
    }

    /// The weights and biases.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The loss, summed over all samples.
    pub fn loss(&self) -> f64 {
        self.total
    }

    /// Takes other parameters and computes everything anew.
    ///
    /// # Panics
    /// If they do not fit the plan.
    pub fn set_parameters(&mut self, parameters: Parameters) {
        parameters.view().assert_fit(&self.wiring.plan);
        self.parameters = parameters;
        self.refresh();
    }

    fn set(&mut self, site: Site, value: f32) {
        match site {
            Site::Weight { block, synapse } => self.parameters.weights[block][synapse] = value,
            Site::Bias { layer, row } => self.parameters.biases[layer][row] = value,
        }
    }

    /// Appends the losses of `samples` to `losses`.
    fn run(&mut self, samples: &[u32], losses: &mut Vec<f64>) {
        self.runner.run(&self.wiring.plan, &self.parameters, &self.dataset, samples, losses);
    }
}

impl LossSurface for Unrolled {
    fn n_parameters(&self) -> usize {
        self.wiring.n_parameters()
    }

    fn n_samples(&self) -> usize {
        self.dataset.n_samples()
    }

    fn site(&self, number: usize) -> Site {
        self.wiring.site(number)
    }

    fn value(&self, site: Site) -> f32 {
        match site {
            Site::Weight { block, synapse } => self.parameters.weights[block][synapse],
            Site::Bias { layer, row } => self.parameters.biases[layer][row],
        }
    }

    fn refresh(&mut self) {
        self.pending = None;
        let mut losses = Vec::with_capacity(self.dataset.n_samples());
        let all: Vec<u32> = (0..self.dataset.n_samples() as u32).collect();
        all.chunks(PART).for_each(|part| self.run(part, &mut losses));
        self.total = losses.iter().sum();
        self.losses = losses;
    }

    fn propose(&mut self, site: Site, value: f32, limit: f64) -> Option<f64> {
        self.pending = None;
        let old = self.value(site);
        self.set(site, value);
        let mut losses = std::mem::take(&mut self.new_losses);
        losses.clear();
        let all: Vec<u32> = (0..self.dataset.n_samples() as u32).collect();
        let mut total = 0.0;
        for part in all.chunks(PART) {
            self.run(part, &mut losses);
            total = losses.iter().sum();
            if total - self.total > limit {
                break;
            }
        }
        self.set(site, old);
        self.new_losses = losses;
        let d_loss = total - self.total;
        if d_loss.is_nan() || d_loss > limit {
            return None;
        }
        self.pending = Some((site, value));
        Some(d_loss)
    }

    fn accept(&mut self) {
        let (site, value) = self.pending.take().expect("a proposal that was not refused");
        self.set(site, value);
        std::mem::swap(&mut self.losses, &mut self.new_losses);
        self.total = self.losses.iter().sum();
    }

    fn changes_of(&mut self, site: Site, value: f32, samples: &[u32], changes: &mut Vec<f32>) {
        let old = self.value(site);
        self.set(site, value);
        let mut losses = std::mem::take(&mut self.new_losses);
        losses.clear();
        samples.chunks(PART).for_each(|part| self.run(part, &mut losses));
        self.set(site, old);
        changes.extend(losses.iter().zip(samples).map(|(new, &sample)| (new - self.losses[sample as usize]) as f32));
        self.new_losses = losses;
    }
}
