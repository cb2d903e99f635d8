//! What neurons remember of their activity: calcium, the sketches from which correlations come, energy gradients. Phase: Learn.

use bevy_ecs::system::Res;

use crate::components::{Activation, Bias, RunSeed, Source, StepCount, Weight};
use crate::engine::plasticity::{local, sketch};
use crate::random::{StreamKey, SystemTag};
use crate::topology::{Neurons, PopulationIdx, Synapses};

use super::columns::{ActivityMean, ActivitySketch, ActivityVariance, Calcium, EnergyGradient};
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

/// Energy gradients |dE/dy| = |bias + sum w x| of E = -sum w x y - sum bias y, averaged by the time constant of correlations: a region
/// counts as strained if it is so lastingly, not for a moment.
pub(super) fn follow_energy_gradients(
    plasticity: Res<Plasticity>,
    activations: Neurons<(&Activation, &Bias)>,
    synapses: Synapses<(&Source, &Weight)>,
    mut gradients: Neurons<&mut EnergyGradient>,
    step: Res<StepCount>,
) {
    let settings = &plasticity.settings;
    let is_asked = settings.hebbian.iter().any(|g| g.settings.by_energy_gradient && g.window.until > step.0);
    if !is_asked || !step.0.is_multiple_of(settings.trace_every) {
        return;
    }
    let fabric = activations.fabric();
    let by_gradient = settings.hebbian.iter().zip(&plasticity.hebbian).filter(|(g, _)| g.settings.by_energy_gradient);
    let mut targets: Vec<PopulationIdx> = by_gradient.map(|(_, &p)| fabric.projection(p).to()).collect();
    targets.sort_unstable();
    targets.dedup();
    for population in targets {
        let (Some((_, biases)), Some(means)) = (activations.get(population), gradients.get_mut(population)) else { continue };
        let mut fields: Vec<f32> = biases.iter().map(|b| b.0).collect();
        for (idx, projection) in fabric.projections().filter(|(_, p)| p.to() == population) {
            let (Some((sources, weights)), Some((x, _))) = (synapses.get(idx), activations.get(projection.from())) else { continue };
            for (target, field) in fields.iter_mut().enumerate() {
                let row = projection.synapses_onto(target);
                *field += sources[row.clone()].iter().zip(&weights[row]).map(|(s, w)| w.0 * x[s.row()].0).sum::<f32>();
            }
        }
        fields.iter_mut().for_each(|f| *f = f.abs());
        local::follow_activity(settings.trace_tau, &fields, bytemuck::cast_slice_mut(means));
    }
}
