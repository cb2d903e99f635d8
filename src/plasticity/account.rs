//! What the structure is and costs: metrics and the ledger's term `wiring`. Phase: Observe, after the rows have changed.

use bevy_ecs::resource::Resource;
use bevy_ecs::system::{Res, ResMut};

use crate::components::{EnergyLedger, Metrics, Source};
use crate::reduce;
use crate::topology::turnover::Turnover;
use crate::topology::{Neurons, Synapses};

use super::columns::{Calcium, Place};
use super::system::Plasticity;

/// The structure that was measured last: not state, since it is measured anew when it differs.
#[derive(Resource, Debug, Default)]
pub(super) struct Accounted {
    epoch: Option<u64>,
    length: f64,
    n: f64,
    n_targets: f64,
}

/// Sets `n_synapses` of the whole network, `births` and `deaths` of synapses since the beginning, and of the projections that change
/// `mean_fan_in` and `mean_length`; `mean_calcium` of the targets that grow by it.
#[expect(clippy::too_many_arguments, reason = "a system names what it reads and writes")]
pub(super) fn account_structure(
    plasticity: Res<Plasticity>,
    mut accounted: ResMut<Accounted>,
    places: Neurons<&Place>,
    calcium: Neurons<&Calcium>,
    sources: Synapses<&Source>,
    turnover: Res<Turnover>,
    ledger: Res<EnergyLedger>,
    metrics: Res<Metrics>,
) {
    let fabric = places.fabric();
    if accounted.epoch != Some(fabric.structure_epoch()) {
        let settings = &plasticity.settings;
        let measures_length = settings.measures_length || settings.length_cost != 0.0;
        *accounted = Accounted { epoch: Some(fabric.structure_epoch()), ..Accounted::default() };
        for idx in plasticity.restless() {
            let projection = fabric.projection(idx);
            accounted.n += projection.n_synapses() as f64;
            accounted.n_targets += fabric.population(projection.to()).n_neurons() as f64;
            if !measures_length {
                continue;
            }
            let (Some(sources), Some(from), Some(to)) = (sources.get(idx), places.get(projection.from()), places.get(projection.to()))
            else {
                continue;
            };
            let length_onto = |target: usize| {
                let row = &sources[projection.synapses_onto(target)];
                let at = glam::Vec3::from(to[target].0);
                row.iter().map(|s| f64::from(at.distance(from[s.row()].0.into()))).sum::<f64>()
            };
            accounted.length += reduce::sum_chunks(to.len(), |targets| targets.map(length_onto).sum());
        }
        if settings.synapse_cost != 0.0 || settings.length_cost != 0.0 {
            ledger.set("wiring", settings.synapse_cost * accounted.n + settings.length_cost * accounted.length);
        }
    }
    metrics.set("n_synapses", fabric.n_synapses() as f64);
    metrics.set("births", turnover.synapse_births as f64);
    metrics.set("deaths", turnover.synapse_deaths as f64);
    metrics.set("mean_fan_in", accounted.n / accounted.n_targets);
    if plasticity.settings.measures_length {
        metrics.set("mean_length", accounted.length / accounted.n);
    }
    let targets = plasticity.homeostatic.iter().chain(&plasticity.scaling).map(|&p| fabric.projection(p).to());
    let mut targets: Vec<_> = targets.collect();
    targets.sort_unstable();
    targets.dedup();
    if !targets.is_empty() {
        let of: Vec<&[Calcium]> = targets.into_iter().filter_map(|p| calcium.get(p)).collect();
        let (sum, n) = of.iter().fold((0.0, 0), |(sum, n), ca| (sum + reduce::sum_f32(bytemuck::cast_slice(ca)), n + ca.len()));
        metrics.set("mean_calcium", sum / n as f64);
    }
}
