//! What neurons remember of their activity: calcium, and the sketches from which correlations come. Phase: Learn.

use bevy_ecs::system::Res;

use crate::components::{Activation, RunSeed, StepCount};
use crate::engine::plasticity::{local, sketch};
use crate::random::{StreamKey, SystemTag};
use crate::topology::{Neurons, PopulationIdx};

use super::columns::{ActivityMean, ActivitySketch, ActivityVariance, Calcium};
use super::system::Plasticity;

/// Calcium follows activation in all populations.
pub(super) fn follow_calcium(plasticity: Res<Plasticity>, mut neurons: Neurons<(&Activation, &mut Calcium)>) {
    for (_, (activation, calcium)) in neurons.iter_mut() {
        local::follow_activity(plasticity.settings.calcium_tau, bytemuck::cast_slice(activation), bytemuck::cast_slice_mut(calcium));
    }
}

/// Sketches take in the activations of the populations that grow by correlation.
pub(super) fn follow_correlations(
    plasticity: Res<Plasticity>,
    mut neurons: Neurons<(&Activation, &mut ActivityMean, &mut ActivityVariance, &mut ActivitySketch)>,
    seed: Res<RunSeed>,
    step: Res<StepCount>,
) {
    let settings = &plasticity.settings;
    // After the last growth nobody asks.
    let is_asked = settings.hebbian.iter().any(|g| g.window.until > step.0);
    if !is_asked || !step.0.is_multiple_of(settings.trace_every) {
        return;
    }
    let signs = StreamKey::new(seed.0, SystemTag::named("plasticity/signs"), step.0).stream().bits();
    let ends = |p| {
        let p = neurons.fabric().projection(p);
        [p.from(), p.to()]
    };
    let asked: Vec<PopulationIdx> = plasticity.hebbian.iter().flat_map(|&p| ends(p)).collect();
    for (_, (activation, means, variances, sketches)) in neurons.iter_mut().filter(|(p, _)| asked.contains(p)) {
        let traces = sketch::Traces {
            means: bytemuck::cast_slice_mut(means),
            variances: bytemuck::cast_slice_mut(variances),
            sketches: bytemuck::cast_slice_mut(sketches),
        };
        sketch::observe(settings.trace_tau, signs, bytemuck::cast_slice(activation), traces);
    }
}
