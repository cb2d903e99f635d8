//! What a network learns from and is tested with, and how well it answers: `train_loss`, `test_loss`,
//! `train_accuracy`, `test_accuracy`, and the confusion matrix of the test.
//!
//! Measures are functions of the state: they are taken where something is recorded, change nothing and are no state.

use std::sync::Arc;

use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;

use crate::data::{Dataset, Targets};
use crate::engine::network::score::{Judge, Score, target_of};
use crate::engine::network::{Activations, Loss, ParametersRef, forward_lanes};
use crate::kernels::simd::{Simd, SimdError};
use crate::plan::network::NetworkPlan;
use crate::simulation::Simulation;

use super::compiled::CompiledNetwork;

/// Samples that are answered together; the lanes of that many stay off the strides that caches dislike.
const BATCH: usize = 496;

/// The samples of a simulation. They are settings: what is read from the scene, not state.
#[derive(Resource, Clone, Debug, PartialEq)]
pub struct Samples {
    /// Samples to learn from.
    pub train: Arc<Dataset>,
    /// Samples to test with; none if the scene keeps none.
    pub test: Arc<Dataset>,
    /// How wrong an answer is.
    pub loss: Loss,
    /// Steps for which a recurrent network is shown a sample before its answer counts, 1 or more.
    pub window: u32,
}

/// Why samples do not fit a network.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SamplesError {
    /// No network is attached.
    #[error("attach a network before its samples")]
    NotAttached,
    /// The numbers of neurons and of values differ.
    #[error("the {part} samples have {found} {what}, and the network has {expected} neurons for them")]
    Misfit {
        /// To learn from or to test with.
        part: &'static str,
        /// Features or targets.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many the network has neurons for.
        expected: usize,
    },
    /// Cross-entropy is asked about values.
    #[error("cross-entropy asks for classes, and the samples have values: use another loss")]
    LossMismatch,
    /// The forced backend is not there.
    #[error(transparent)]
    Simd(#[from] SimdError),
}

/// Gives an attached network its samples, as the resource [`Samples`].
///
/// # Errors
/// If no network is attached, the samples do not fit it or the loss does not fit them, or a forced backend is not there.
pub fn attach_samples(sim: &mut Simulation, samples: Samples) -> Result<(), SamplesError> {
    Simd::detect()?;
    let network = sim.world().get_resource::<CompiledNetwork>().ok_or(SamplesError::NotAttached)?;
    let n_inputs: usize = network.plan().inputs().map(|(_, l)| l.n_neurons).sum();
    let n_outputs: usize = network.plan().outputs().map(|(_, l)| l.n_neurons).sum();
    for (part, dataset) in [("training", &samples.train), ("test", &samples.test)] {
        for (what, found, expected) in [("features", dataset.n_features, n_inputs), ("targets", dataset.n_outputs(), n_outputs)] {
            if found != expected {
                return Err(SamplesError::Misfit { part, what, found, expected });
            }
        }
        if samples.loss == Loss::CrossEntropy && matches!(dataset.targets, Targets::Values { .. }) {
            return Err(SamplesError::LossMismatch);
        }
    }
    sim.insert_resource(samples);
    Ok(())
}

/// How well a network answers `dataset`; samples start from rest and are shown for `window` steps.
///
/// # Panics
/// If features or targets do not fit the plan.
pub fn score(plan: &NetworkPlan, parameters: &ParametersRef<'_>, dataset: &Dataset, loss: Loss, window: u32, simd: Simd) -> Score {
    let n_samples = dataset.n_samples();
    let judge = Judge::new(dataset, loss);
    let mut score = Score::default();
    let mut activations = Activations::new(plan, n_samples.min(BATCH));
    let outputs: Vec<(usize, usize)> = plan.outputs().map(|(idx, layer)| (idx, layer.n_neurons)).collect();
    let mut answer = Vec::with_capacity(dataset.n_outputs());
    for first in (0..n_samples).step_by(BATCH) {
        let samples: Vec<u32> = (first as u32..n_samples.min(first + BATCH) as u32).collect();
        activations.reset();
        for _ in 0..if plan.is_recurrent() { window.max(1) } else { 1 } {
            activations.load_samples(plan, dataset, &samples);
            forward_lanes(plan, parameters, &mut activations, simd);
        }
        for (lane, &sample) in samples.iter().enumerate() {
            answer.clear();
            for &(layer, n_neurons) in &outputs {
                answer.extend((0..n_neurons).map(|neuron| activations.row(layer, neuron)[lane]));
            }
            judge.add(&mut score, &answer, target_of(dataset, sample as usize));
        }
    }
    score
}

/// The names and values of `score` for samples called `part`; accuracy only where answers can be right or wrong.
fn named(part: &str, dataset: &Dataset, loss: Loss, score: &Score) -> Vec<(String, f64)> {
    let mut values = Vec::new();
    if score.n_samples > 0 {
        if Judge::new(dataset, loss).knows_right() {
            values.push((format!("{part}_accuracy"), score.accuracy()));
        }
        values.push((format!("{part}_loss"), score.mean_loss()));
    }
    values
}

/// How well the network of `world` answers its samples, by name; nothing where there is no network with samples.
pub fn measures(world: &World) -> Vec<(String, f64)> {
    let Some(samples) = world.get_resource::<Samples>() else { return Vec::new() };
    let parts = [("train", &samples.train), ("test", &samples.test)];
    let mut values: Vec<(String, f64)> = parts
        .into_iter()
        .filter_map(|(part, dataset)| Some(named(part, dataset, samples.loss, &score_of(world, samples, dataset)?)))
        .flatten()
        .collect();
    values.sort_by(|a, b| a.0.cmp(&b.0));
    values
}

/// The classes and, row-major by [class][answer], how often each was answered as each: of the samples to test with, or
/// of those to learn from if none are kept for the test.
pub fn test_confusion(world: &World) -> Option<(Vec<String>, Vec<u64>)> {
    let samples = world.get_resource::<Samples>()?;
    let dataset = if samples.test.n_samples() > 0 { &samples.test } else { &samples.train };
    let score = score_of(world, samples, dataset).filter(|_| !dataset.class_names.is_empty())?;
    Some((dataset.class_names.clone(), score.confusion))
}

fn score_of(world: &World, samples: &Samples, dataset: &Dataset) -> Option<Score> {
    let network = world.get_resource::<CompiledNetwork>()?;
    // Checked when the samples were attached.
    let simd = Simd::detect().ok()?;
    Some(score(network.plan(), &network.parameters_in(world), dataset, samples.loss, samples.window, simd))
}
