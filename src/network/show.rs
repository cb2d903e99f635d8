//! Samples shown to a live network, one at a time. Phase: Sense.

use bevy_ecs::resource::Resource;
use bevy_ecs::system::Res;

use crate::components::{Activation, RunSeed, StepCount};
use crate::phases::Phase;
use crate::random::{StreamKey, SystemTag};
use crate::simulation::Simulation;
use crate::topology::Neurons;

use super::compiled::CompiledNetwork;
use super::live::LiveError;
use super::samples::{Samples, SamplesError};

/// Steps for which a sample is shown.
#[derive(Resource, Debug)]
struct Showing {
    hold: u64,
}

/// Why samples cannot be shown.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ShowError {
    /// There is no network that runs live.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// There are no samples.
    #[error(transparent)]
    Samples(#[from] SamplesError),
    /// There is nothing to show.
    #[error("there is no sample to show: insert the resource Samples with one or more to learn from")]
    NoSamples,
}

/// Sets the activations of the inputs to a training sample drawn every `hold` steps; one of several steps is shown step by step.
///
/// # Errors
/// If no network or no samples are attached.
pub fn show_samples(sim: &mut Simulation, hold: u64) -> Result<(), ShowError> {
    if !sim.world().contains_resource::<CompiledNetwork>() {
        return Err(LiveError::NotAttached.into());
    }
    if sim.world().get_resource::<Samples>().is_none_or(|s| s.train.n_samples() == 0) {
        return Err(ShowError::NoSamples);
    }
    sim.insert_resource(Showing { hold: hold.max(1) });
    sim.add_systems(Phase::Sense, show_sample);
    Ok(())
}

fn show_sample(
    showing: Res<Showing>,
    network: Res<CompiledNetwork>,
    samples: Res<Samples>,
    mut activations: Neurons<&mut Activation>,
    seed: Res<RunSeed>,
    step: Res<StepCount>,
) {
    let (shown, since) = (step.0 / showing.hold, step.0 % showing.hold);
    let mut stream = StreamKey::new(seed.0, SystemTag::named("network/show"), shown).stream();
    let dataset = &samples.train;
    let sample = stream.below(dataset.n_samples() as u64) as usize;
    let features = &dataset.inputs[sample * dataset.n_features..][..dataset.n_features];
    let n_inputs: usize = network.plan().inputs().map(|(_, layer)| layer.n_neurons).sum();
    let n_steps = (dataset.n_features / n_inputs.max(1)).max(1);
    let mut at = since as usize % n_steps * n_inputs;
    for (layer, _) in network.plan().inputs() {
        let column = activations.get_mut(network.populations()[layer]).unwrap_or(&mut []);
        let n = column.len();
        column.iter_mut().zip(&features[at..at + n]).for_each(|(a, &x)| a.0 = x);
        at += n;
    }
}
