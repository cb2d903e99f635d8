//! The rule that records the deaths of idle synapses. Phase: Prune.

use bevy_ecs::system::Res;

use crate::components::{Activation, Source, StepCount, Weight};
use crate::engine::plasticity::prune::{Wear, prune};
use crate::topology::{Deaths, Neurons, Synapses};

use super::columns::{EnergyShare, IdleSteps};
use super::system::{Plasticity, rows};

/// Measures synapses, and records the deaths of those that were weak and carried nothing for long.
pub(super) fn prune_idle_synapses(
    plasticity: Res<Plasticity>,
    activations: Neurons<&Activation>,
    mut synapses: Synapses<(&Source, &Weight, &mut EnergyShare, &mut IdleSteps)>,
    deaths: Res<Deaths>,
    step: Res<StepCount>,
) {
    for (pruning, &idx) in plasticity.settings.pruning.iter().zip(&plasticity.pruning).filter(|(p, _)| p.window.contains(step.0)) {
        let projection = activations.fabric().projection(idx);
        let Some((sources, weights, energy_shares, idle_steps)) = synapses.get_mut(idx) else { continue };
        let of = |population| bytemuck::cast_slice(activations.get(population).unwrap_or(&[]));
        let wear = Wear {
            weights: bytemuck::cast_slice(weights),
            energy_shares: bytemuck::cast_slice_mut(energy_shares),
            idle_steps: bytemuck::cast_slice_mut(idle_steps),
        };
        let dead = prune(&pruning.settings, rows(projection, sources), of(projection.from()), of(projection.to()), wear);
        deaths.synapses(idx, dead);
    }
}
