//! Local rules on the weights. Phase: Learn.

use bevy_ecs::system::Res;

use crate::components::{Activation, Source, StepCount, Weight};
use crate::engine::plasticity::{LocalRule, local};
use crate::topology::{Neurons, PopulationIdx, Synapses};

use super::columns::{BcmThreshold, Calcium};
use super::system::{Plasticity, rows};

/// Applies each rule that is due, in their order.
pub(super) fn learn_locally(
    plasticity: Res<Plasticity>,
    activations: Neurons<&Activation>,
    mut thresholds: Neurons<&mut BcmThreshold>,
    sources: Synapses<&Source>,
    mut weights: Synapses<&mut Weight>,
    step: Res<StepCount>,
) {
    let mut slid: Vec<PopulationIdx> = Vec::new();
    for (rule, &idx) in plasticity.settings.learn.iter().zip(&plasticity.learn).filter(|(l, _)| l.window.contains(step.0)) {
        let (Some(sources), Some(weights)) = (sources.get(idx), weights.get_mut(idx)) else { continue };
        let projection = activations.fabric().projection(idx);
        let of = |population| bytemuck::cast_slice(activations.get(population).unwrap_or(&[]));
        let (x, y): (&[f32], &[f32]) = (of(projection.from()), of(projection.to()));
        let mut th: &[f32] = &[];
        if let (LocalRule::Bcm { tau }, Some(column)) = (rule.settings.rule, thresholds.get_mut(projection.to())) {
            let column = bytemuck::cast_slice_mut(column);
            // Once a step, however many projections lead to these neurons.
            if !slid.contains(&projection.to()) {
                local::slide_thresholds(tau, y, column);
                slid.push(projection.to());
            }
            th = column;
        }
        local::learn(&rule.settings, rows(projection, sources), x, y, th, bytemuck::cast_slice_mut(weights));
    }
}

/// Scales weights towards the goal of their targets' calcium.
pub(super) fn scale_weights(
    plasticity: Res<Plasticity>,
    calcium: Neurons<&Calcium>,
    sources: Synapses<&Source>,
    mut weights: Synapses<&mut Weight>,
    step: Res<StepCount>,
) {
    for (rule, &idx) in plasticity.settings.scaling.iter().zip(&plasticity.scaling).filter(|(s, _)| s.window.contains(step.0)) {
        let (Some(sources), Some(weights)) = (sources.get(idx), weights.get_mut(idx)) else { continue };
        let projection = calcium.fabric().projection(idx);
        let of_targets = bytemuck::cast_slice(calcium.get(projection.to()).unwrap_or(&[]));
        local::scale(rule.rate, rule.goal, rule.bound, rows(projection, sources), of_targets, bytemuck::cast_slice_mut(weights));
    }
}
