//! The checked scene of neurons that compute.

use std::sync::Arc;

use crate::data::{Dataset, Scaling, divide, split};
use crate::engine::network::Loss;
use crate::engine::network::heat::{HeatBatch, HeatMethod, HeatSchedule, HeatSettings};
use crate::engine::structure::Claim;
use crate::kernels::layers::Products;
use crate::network::structure::RewiringSettings;
use crate::network::{Role, TrainGradient};
use crate::plan::network::{HardwareProfile, Unit};
use crate::topology::generate::{Initial, Placement, Wiring};
use crate::topology::read::MAX_MAGNITUDE;
use crate::units::Seed;

use super::checked_plasticity::{LiveSource, PlasticSystem};

/// Neurons, the projections between them, what they learn from, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkModel {
    /// Populations, in order.
    pub populations: Vec<NeuronPopulation>,
    /// Projections, in order.
    pub projections: Vec<DirectedProjection>,
    /// Samples, if the scene has any.
    pub data: Option<Data>,
    /// How wrong an answer is.
    pub loss: Loss,
    /// The hardware on which the network runs; `None` for f32 without noise.
    pub hardware: Option<HardwareProfile>,
    /// Who multiplies dense blocks; a library only if this build has one.
    pub products: Products,
    /// What happens in a step, in order.
    pub systems: Vec<NetworkSystem>,
}

impl NetworkModel {
    /// The systems by their names in a scene.
    pub fn method_name(&self) -> String {
        self.systems.iter().map(NetworkSystem::name).collect::<Vec<_>>().join(" and ")
    }

    /// True if all that changes weights draws them from one stated distribution: heat at one temperature and under one prior, with
    /// proposals whose sizes come to rest before the window ends, or a wiring that is sampled in detailed balance, alone.
    pub fn is_exact(&self) -> bool {
        let is_exact = |system: &NetworkSystem| match system {
            NetworkSystem::Evaluate | NetworkSystem::Live(_) => true,
            NetworkSystem::Train(_) | NetworkSystem::Plastic(_) => false,
            NetworkSystem::Rewire(settings) => settings.claim() == Claim::Exact,
            NetworkSystem::Anneal(heat) => {
                let last = heat.from + (heat.n_steps - 1) / heat.every * heat.every;
                let is_at_rest = heat.method != HeatMethod::Metropolis || !heat.adapts_at(last);
                matches!(heat.schedule, HeatSchedule::Constant(t) if t > 0.0)
                    && !matches!(heat.method, HeatMethod::Sgld { .. })
                    && heat.batch == HeatBatch::Full
                    && is_at_rest
            }
        };
        let target = |system: &NetworkSystem| match system {
            NetworkSystem::Anneal(heat) => Some((heat.schedule.temperature(0.0), heat.lambda, heat.prior_on_biases, heat.bound)),
            _ => None,
        };
        // A wiring beside heat has a prior of its own on the same weights.
        if self.systems.iter().any(|s| matches!(s, NetworkSystem::Rewire(_))) {
            return self.systems.iter().all(|s| !matches!(s, NetworkSystem::Anneal(_)) && is_exact(s));
        }
        let targets: Vec<_> = self.systems.iter().filter_map(target).collect();
        let is_one = targets.first().is_some_and(|first| targets.iter().all(|t| t == first));
        is_one && self.systems.iter().all(is_exact)
    }
}

/// What happens to a network.
#[derive(Clone, Debug, PartialEq)]
pub enum NetworkSystem {
    /// Nothing but forward passes.
    Evaluate,
    /// Learning by gradient.
    Train(TrainGradient),
    /// Learning by heat.
    Anneal(HeatSettings),
    /// The wiring as a variable.
    Rewire(Box<RewiringSettings>),
    /// One forward pass a step, of what this shows.
    Live(LiveSource),
    /// Driven plasticity.
    Plastic(PlasticSystem),
}

impl NetworkSystem {
    /// Its name in a scene.
    pub fn name(&self) -> &'static str {
        match self {
            NetworkSystem::Evaluate => "Evaluate",
            NetworkSystem::Train(_) => "TrainGradient",
            NetworkSystem::Anneal(_) => "AnnealWeights",
            NetworkSystem::Rewire(_) => "AnnealStructure",
            NetworkSystem::Live(_) => "Live",
            NetworkSystem::Plastic(system) => system.name(),
        }
    }

    /// True if it has nothing to do without samples.
    pub fn needs_samples(&self) -> bool {
        !matches!(self, NetworkSystem::Live(LiveSource::Driven(_)) | NetworkSystem::Plastic(_))
    }
}

/// Neurons that compute.
#[derive(Clone, Debug, PartialEq)]
pub struct NeuronPopulation {
    /// Its name.
    pub name: String,
    /// Number of neurons.
    pub n_neurons: usize,
    /// What they compute.
    pub unit: Unit,
    /// Where their activations come from or go to.
    pub role: Role,
    /// First biases.
    pub biases: FirstBiases,
    /// Where they stand.
    pub placement: Placement,
}

/// First biases.
#[derive(Clone, Debug, PartialEq)]
pub enum FirstBiases {
    /// Drawn by the seed of the run.
    Drawn(Initial),
    /// One a neuron.
    Each(Vec<f32>),
}

/// Synapses from one population onto another, or onto itself.
#[derive(Clone, Debug, PartialEq)]
pub struct DirectedProjection {
    /// `from->to`.
    pub name: String,
    /// Index of its source population.
    pub from: usize,
    /// Index of its target population.
    pub to: usize,
    /// Which sources are joined with which targets.
    pub synapses: Synapses,
    /// First weights of synapses that have none of their own.
    pub weights: Initial,
    /// True if it reads the activations of the step before.
    pub is_recurrent: bool,
}

/// Which sources are joined with which targets.
#[derive(Clone, Debug, PartialEq)]
pub enum Synapses {
    /// By a pattern and the seed of its instance.
    Wired(Wiring, Seed),
    /// One by one, sorted by target and then by source; a weight that is not finite is drawn.
    Listed(Vec<(u32, u32, f32)>),
}

/// Samples and how they are prepared.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// All samples, or those to learn from if `test` is given.
    pub samples: Arc<Dataset>,
    /// Samples to test with, if they come apart.
    pub test: Option<Arc<Dataset>>,
    /// Share of the samples that is kept for the test.
    pub test_share: f64,
    /// True to give each class its part of the test.
    pub is_stratified: bool,
    /// Seed of the split; `None` for that of the run.
    pub split_seed: Option<Seed>,
    /// True to give each feature mean 0 and standard deviation 1.
    pub is_standardised: bool,
    /// Number by which all features are divided.
    pub divisor: f32,
    /// Steps that a recurrent network is given for a sample.
    pub steps: u32,
    /// True if the features of a sample are those of its steps, one after another; false if each step shows them all.
    pub is_sequence: bool,
}

impl Data {
    /// Features of a sample that the network sees at once.
    pub fn n_inputs(&self) -> usize {
        if self.is_sequence { self.samples.n_features / self.steps.max(1) as usize } else { self.samples.n_features }
    }

    /// The samples to learn from and those to test with, prepared for a run with `seed`.
    ///
    /// # Errors
    /// The first feature that preparing takes beyond what f32 can hold, sums of many included.
    pub fn prepare(&self, seed: Seed) -> Result<(Dataset, Dataset), UnfitFeature> {
        let (mut train, mut test) = match &self.test {
            Some(test) => ((*self.samples).clone(), (**test).clone()),
            None => split(&self.samples, self.test_share, self.is_stratified, self.split_seed.unwrap_or(seed)),
        };
        if self.divisor != 1.0 {
            divide(&mut train, self.divisor);
            divide(&mut test, self.divisor);
        }
        if self.is_standardised {
            let scaling = Scaling::of(&train);
            scaling.apply(&mut train);
            scaling.apply(&mut test);
        }
        for table in [&train, &test] {
            if let Some(at) = table.inputs.iter().position(|x| x.is_nan() || f64::from(x.abs()) > MAX_MAGNITUDE) {
                return Err(UnfitFeature { feature: at % table.n_features, value: table.inputs[at] });
            }
        }
        Ok((train, test))
    }
}

/// A feature that is too large, or no number, once it is prepared.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("feature {feature} of a sample is {value:e} once it is prepared: features may reach {MAX_MAGNITUDE:e}")]
pub struct UnfitFeature {
    /// Its number, from 0.
    pub feature: usize,
    /// Its value.
    pub value: f32,
}
