//! What a network learns from and is tested with, and how well it answers: `train_loss`, `test_loss`,
//! `train_accuracy`, `test_accuracy`, and the confusion matrix of the test.
//!
//! Measures are functions of the state: they are taken where something is recorded, change nothing and are no state.

use std::sync::Arc;

use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;

use crate::components::{RunSeed, StepCount};
use crate::data::{Dataset, Targets};
use crate::engine::network::noisy::{HardwarePass, HardwareRunError, check_hardware};
use crate::engine::network::score::{Judge, Score, target_of};
use crate::engine::network::{Activations, Loss, ParametersRef, forward_lanes};
use crate::kernels::layers::Products;
use crate::kernels::simd::{Simd, SimdError};
use crate::plan::network::{HardwareProfile, NetworkPlan};
use crate::random::{StreamKey, SystemTag};
use crate::simulation::Simulation;

use super::compiled::CompiledNetwork;
use super::structure;

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
    /// Steps of a sample, 1 or more: a recurrent network starts at rest, and its answer after the last step counts. Samples of
    /// `steps` times as many features as there are inputs are sequences, `[step][input]`; others are shown whole at each step.
    pub steps: u32,
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
    /// The network cannot run under the hardware profile.
    #[error(transparent)]
    Hardware(#[from] HardwareRunError),
    /// The forced backend is not there.
    #[error(transparent)]
    Simd(#[from] SimdError),
}

/// Measures answers on `profile` from now on.
///
/// # Errors
/// If no network is attached, or it has populations that the hardware cannot evaluate.
pub fn measure_on(sim: &mut Simulation, profile: HardwareProfile) -> Result<(), SamplesError> {
    let network = sim.world().get_resource::<CompiledNetwork>().ok_or(SamplesError::NotAttached)?;
    check_hardware(network.plan())?;
    sim.insert_resource(MeasuredOn(profile));
    Ok(())
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
        // Only what remembers can read a sample step by step.
        let n_in_sequence = if network.plan().is_recurrent() { n_inputs.saturating_mul(samples.steps as usize) } else { n_inputs };
        let n_features = if dataset.n_features == n_in_sequence { n_in_sequence } else { n_inputs };
        for (what, found, expected) in [("features", dataset.n_features, n_features), ("targets", dataset.n_outputs(), n_outputs)] {
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

/// The hardware on which answers are measured; without this resource, f32 without noise.
#[derive(Resource, Clone, Debug, PartialEq)]
pub struct MeasuredOn(pub HardwareProfile);

/// How well a network answers `dataset`; samples start from rest and last `steps` steps.
///
/// Under hardware, every batch is a pass of its own, with noise from the stream of the key and the batch.
///
/// # Panics
/// If features or targets do not fit the plan, or the plan cannot run under the hardware.
pub fn score(
    plan: &NetworkPlan,
    parameters: &ParametersRef<'_>,
    dataset: &Dataset,
    (judge, steps): (&Judge, u32),
    hardware: Option<(&HardwareProfile, StreamKey)>,
    (products, simd): (Products, Simd),
) -> Score {
    let n_samples = dataset.n_samples();
    let mut score = Score::default();
    let mut activations = Activations::new(plan, n_samples.min(BATCH)).keeping_sums(plan).multiplied_by(products);
    let mut pass = HardwarePass::default();
    let outputs: Vec<(usize, usize)> = plan.outputs().map(|(idx, layer)| (idx, layer.n_neurons)).collect();
    let mut answer = Vec::with_capacity(dataset.n_outputs());
    let n_steps = if plan.is_recurrent() { steps.max(1) } else { 1 };
    for (batch, first) in (0_u32..).zip((0..n_samples).step_by(BATCH)) {
        let samples: Vec<u32> = (first as u32..n_samples.min(first + BATCH) as u32).collect();
        activations.reset();
        for step in 0..n_steps {
            activations.load_step(plan, dataset, &samples, step as usize);
            match hardware {
                None => forward_lanes(plan, parameters, &mut activations, simd),
                Some((profile, key)) => {
                    let key = key.sweep(batch.wrapping_mul(n_steps).wrapping_add(step));
                    pass.forward(plan, parameters, &mut activations, profile, key, simd);
                }
            }
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
fn named(part: &str, judge: &Judge, score: &Score) -> Vec<(String, f64)> {
    let mut values = Vec::new();
    if score.n_samples > 0 {
        if judge.knows_right() {
            values.push((format!("{part}_accuracy"), score.accuracy()));
        }
        values.push((format!("{part}_loss"), score.mean_loss()));
    }
    values
}

/// How well the network of `world` answers its samples, by name; nothing where there is no network with samples.
///
/// On hardware, `test_ideal_accuracy` and `test_ideal_loss` are those of the same weights in f32 without noise.
pub fn measures(world: &World) -> Vec<(String, f64)> {
    let Some(samples) = world.get_resource::<Samples>() else { return Vec::new() };
    let mut parts = vec![("train", &samples.train, false), ("test", &samples.test, false)];
    if world.contains_resource::<MeasuredOn>() {
        parts.push(("test_ideal", &samples.test, true));
    }
    let judge = judge_of(samples);
    let of_part = |(part, dataset, is_ideal): (&str, &Arc<Dataset>, bool)| {
        Some(named(part, &judge, &score_of(world, samples, &judge, dataset, is_ideal)?))
    };
    let mut values: Vec<(String, f64)> = parts.into_iter().filter_map(of_part).flatten().collect();
    values.sort_by(|a, b| a.0.cmp(&b.0));
    values.extend(structure::measures(world));
    values
}

/// The classes and, row-major by `[class][answer]`, how often each was answered as each: of the samples to test with, or
/// of those to learn from if none are kept for the test.
pub fn test_confusion(world: &World) -> Option<(Vec<String>, Vec<u64>)> {
    let samples = world.get_resource::<Samples>()?;
    let dataset = if samples.test.n_samples() > 0 { &samples.test } else { &samples.train };
    if dataset.class_names.is_empty() {
        return None;
    }
    let mut score = score_of(world, samples, &judge_of(samples).counting_confusion(), dataset, false)?;
    score.confusion.resize(dataset.class_names.len() * dataset.class_names.len(), 0);
    Some((dataset.class_names.clone(), score.confusion))
}

/// Judges answers to `samples`, those to learn from and those to test with alike.
fn judge_of(samples: &Samples) -> Judge {
    Judge::new(&[&samples.train, &samples.test], samples.loss)
}

fn score_of(world: &World, samples: &Samples, judge: &Judge, dataset: &Arc<Dataset>, is_ideal: bool) -> Option<Score> {
    let network = world.get_resource::<CompiledNetwork>()?;
    // Checked when the samples were attached.
    let simd = Simd::detect().ok()?;
    // Training and test draw noise from streams of their own, a new one at each step.
    let tag = if Arc::ptr_eq(dataset, &samples.test) { "measure test on hardware" } else { "measure training on hardware" };
    let key = StreamKey::new(world.resource::<RunSeed>().0, SystemTag::named(tag), world.resource::<StepCount>().0);
    let hardware = world.get_resource::<MeasuredOn>().filter(|_| !is_ideal).map(|on| (&on.0, key));
    let parameters = network.parameters_in(world);
    Some(score(network.plan(), &parameters, dataset, (judge, samples.steps), hardware, (network.products(), simd)))
}
