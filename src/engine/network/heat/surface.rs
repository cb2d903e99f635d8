//! What a walk over weights and biases asks of a loss, and which of the ways to compute one a network needs.

use std::sync::Arc;

use crate::data::Dataset;
use crate::engine::network::losses::Loss;
use crate::engine::network::parameters::Parameters;
use crate::kernels::simd::Simd;
use crate::plan::network::NetworkPlan;

use super::HeatError;
use super::landscape::Landscape;
use super::unrolled::Unrolled;
use super::wiring::Site;

/// A summed loss over samples, as a function of weights and biases that move one at a time.
pub trait LossSurface {
    /// Number of weights and biases; inputs have no bias.
    fn n_parameters(&self) -> usize;
    /// Number of samples.
    fn n_samples(&self) -> usize;
    /// Parameter `number`: the weights by block, then the biases by layer.
    fn site(&self, number: usize) -> Site;
    /// The value of a parameter.
    fn value(&self, site: Site) -> f32;
    /// Computes everything anew.
    fn refresh(&mut self);
    /// What the loss changes by if `site` becomes `value`, or `None` if that is more than `limit`; remembered until it is accepted,
    /// or until the next proposal.
    fn propose(&mut self, site: Site, value: f32, limit: f64) -> Option<f64>;
    /// Makes what was proposed the state.
    ///
    /// # Panics
    /// If there is no proposal, or it was refused.
    fn accept(&mut self);
    /// Appends to `changes` what the losses of some samples change by if `site` becomes `value`.
    fn changes_of(&mut self, site: Site, value: f32, samples: &[u32], changes: &mut Vec<f32>);
}

impl LossSurface for Landscape {
    fn n_parameters(&self) -> usize {
        Landscape::n_parameters(self)
    }

    fn n_samples(&self) -> usize {
        Landscape::n_samples(self)
    }

    fn site(&self, number: usize) -> Site {
        Landscape::site(self, number)
    }

    fn value(&self, site: Site) -> f32 {
        Landscape::value(self, site)
    }

    fn refresh(&mut self) {
        Landscape::refresh(self);
    }

    fn propose(&mut self, site: Site, value: f32, limit: f64) -> Option<f64> {
        Landscape::propose(self, site, value, limit)
    }

    fn accept(&mut self) {
        Landscape::accept(self);
    }

    fn changes_of(&mut self, site: Site, value: f32, samples: &[u32], changes: &mut Vec<f32>) {
        Landscape::changes_of(self, site, value, samples, changes);
    }
}

/// The loss of any network: by its downstream cone where nothing is remembered, else by running its steps.
#[derive(Clone, Debug)]
pub enum Surface {
    /// Of a feed-forward network.
    Cone(Box<Landscape>),
    /// Of a recurrent one.
    Steps(Box<Unrolled>),
}

impl Surface {
    /// The loss of `plan` around `parameters`; samples of a recurrent network last `steps` steps.
    ///
    /// # Errors
    /// If the samples do not fit the network or the loss.
    ///
    /// # Panics
    /// If the parameters do not fit the plan.
    pub fn new(
        plan: Arc<NetworkPlan>,
        parameters: Parameters,
        data: &Arc<Dataset>,
        loss: Loss,
        steps: usize,
        simd: Simd,
    ) -> Result<Self, HeatError> {
        if plan.is_recurrent() {
            return Ok(Surface::Steps(Box::new(Unrolled::new(plan, parameters, Arc::clone(data), loss, steps.max(1), simd)?)));
        }
        Ok(Surface::Cone(Box::new(Landscape::new(plan, parameters, data, loss, simd)?)))
    }

    /// The weights and biases.
    pub fn parameters(&self) -> &Parameters {
        match self {
            Surface::Cone(landscape) => landscape.parameters(),
            Surface::Steps(unrolled) => unrolled.parameters(),
        }
    }

    /// The loss, summed over all samples.
    pub fn loss(&self) -> f64 {
        match self {
            Surface::Cone(landscape) => landscape.loss(),
            Surface::Steps(unrolled) => unrolled.loss(),
        }
    }

    /// Takes `parameters` and computes everything anew.
    ///
    /// # Panics
    /// If they do not fit the plan, or what was computed from the same parameters step by step is not what they say.
    pub fn follow(&mut self, parameters: Parameters) {
        match self {
            Surface::Cone(landscape) if *landscape.parameters() == parameters => _ = landscape.refresh(),
            Surface::Cone(landscape) => landscape.set_parameters(parameters),
            Surface::Steps(unrolled) => unrolled.set_parameters(parameters),
        }
    }
}
