//! Rules that record births, and the deaths of synapses whose elements are lost. Phase: Grow.

use bevy_ecs::system::{Res, SystemParam};

use crate::components::{Metrics, RunSeed, Source, StepCount};
use crate::engine::plasticity::pairing::{self, Elements};
use crate::engine::plasticity::sketch::Sketches;
use crate::engine::plasticity::synaptogenesis::{Ground, Proposal, Side, grow};
use crate::engine::plasticity::{Grown, Rows};
use crate::random::{StreamKey, SystemTag};
use crate::topology::{Births, Deaths, Fabric, Neurons, PopulationIdx, ProjectionIdx, SynapseBirth, Synapses};

use super::columns::{ActivitySketch, ActivityVariance, AxonalElements, Calcium, DendriticElements, EnergyGradient, Place};
use super::places::vectors;
use super::settings::GrowthTemperature;
use super::system::{Plasticity, rows};

/// Who asks for random numbers, and when.
#[derive(SystemParam)]
pub(super) struct Moment<'w> {
    seed: Res<'w, RunSeed>,
    step: Res<'w, StepCount>,
}

impl Moment<'_> {
    /// The key of `system` for one projection.
    pub(super) fn key(&self, system: &str, projection: ProjectionIdx) -> StreamKey {
        StreamKey::new(self.seed.0, SystemTag::named(system), self.step.0).replica(projection.0)
    }

    pub(super) fn step(&self) -> u64 {
        self.step.0
    }
}

/// What growth by correlation reads.
#[derive(SystemParam)]
pub(super) struct Surroundings<'w, 's> {
    traces: Neurons<'w, 's, (&'static ActivityVariance, &'static ActivitySketch)>,
    places: Neurons<'w, 's, &'static Place>,
    gradients: Neurons<'w, 's, &'static EnergyGradient>,
    synapses: Synapses<'w, 's, &'static Source>,
    metrics: Res<'w, Metrics>,
}

/// Records births of synapses between neurons that move together.
pub(super) fn grow_by_correlation(plasticity: Res<Plasticity>, around: Surroundings, moment: Moment, births: Res<Births>) {
    let fabric = around.places.fabric();
    let due = plasticity.settings.hebbian.iter().zip(&plasticity.hebbian).filter(|(g, _)| g.window.contains(moment.step()));
    for (growth, &idx) in due {
        let projection = fabric.projection(idx);
        let (from, to) = (projection.from(), projection.to());
        let [from_places, to_places] = [from, to].map(|p| vectors(around.places.get(p)));
        let settings = &growth.settings;
        let asks_for_ways = settings.proposals.contains(&Proposal::Intermediate);
        let gradients = if settings.by_energy_gradient { around.gradients_of(to) } else { Vec::new() };
        let ground = Ground {
            rows: around.rows(fabric, idx),
            from: Side { sketches: around.sketches(from), places: &from_places },
            to: Side { sketches: around.sketches(to), places: &to_places },
            is_one_population: from == to,
            is_folded: projection.is_symmetric() && from == to,
            ways: if asks_for_ways { around.ways(fabric, from, to) } else { Vec::new() },
            gradients: &gradients,
        };
        let temperature = match growth.temperature {
            GrowthTemperature::Fixed(t) => t,
            GrowthTemperature::Bath => around.metrics.get("temperature").unwrap_or(0.0),
        };
        record(&births, idx, &grow(settings, &ground, temperature, moment.key("plasticity/grow", idx)));
    }
}

impl Surroundings<'_, '_> {
    fn sketches(&self, population: PopulationIdx) -> Sketches<'_> {
        self.traces.get(population).map_or(Sketches { variances: &[], sketches: &[] }, |(variances, sketches)| Sketches {
            variances: bytemuck::cast_slice(variances),
            sketches: bytemuck::cast_slice(sketches),
        })
    }

    /// The running means of the energy gradients.
    fn gradients_of(&self, population: PopulationIdx) -> Vec<f32> {
        self.gradients.get(population).unwrap_or(&[]).iter().map(|g| g.0).collect()
    }

    fn rows<'a>(&'a self, fabric: &'a Fabric, idx: ProjectionIdx) -> Rows<'a> {
        rows(fabric.projection(idx), self.synapses.get(idx).unwrap_or(&[]))
    }

    /// Ways of two synapses from a neuron of `from` to one of `to`.
    fn ways<'a>(&'a self, fabric: &'a Fabric, from: PopulationIdx, to: PopulationIdx) -> Vec<(Rows<'a>, Rows<'a>)> {
        let onto = |population| fabric.projections().filter(move |(_, p)| p.to() == population && p.n_synapses() > 0);
        let mut ways = Vec::new();
        for (second, last) in onto(to) {
            let firsts = onto(last.from()).filter(|(_, p)| p.from() == from);
            ways.extend(firsts.map(|(first, _)| (self.rows(fabric, second), self.rows(fabric, first))));
        }
        ways
    }
}

/// Grows elements along their curves, and records the synapses that they form and break.
#[expect(clippy::too_many_arguments, reason = "a system names what it reads and writes")]
pub(super) fn grow_by_calcium(
    plasticity: Res<Plasticity>,
    calcium: Neurons<(&Calcium, &Place)>,
    mut axonal: Neurons<&mut AxonalElements>,
    mut dendritic: Neurons<&mut DendriticElements>,
    sources: Synapses<&Source>,
    moment: Moment,
    births: Res<Births>,
    deaths: Res<Deaths>,
) {
    let step = moment.step();
    for (growth, &idx) in plasticity.settings.homeostatic.iter().zip(&plasticity.homeostatic) {
        if step < growth.window.from || step >= growth.window.until {
            continue;
        }
        let projection = calcium.fabric().projection(idx);
        let (from, to) = (projection.from(), projection.to());
        let side =
            |population| calcium.get(population).map_or((&[][..], Vec::new()), |(ca, at): (&[Calcium], &[Place])| (ca, vectors(Some(at))));
        let ((ca_from, from_places), (ca_to, to_places)) = (side(from), side(to));
        let (Some(axonal), Some(dendritic)) = (axonal.get_mut(from), dendritic.get_mut(to)) else { continue };
        let (axonal, dendritic) = (bytemuck::cast_slice_mut(axonal), bytemuck::cast_slice_mut(dendritic));
        growth.axonal.grow(growth.rate, bytemuck::cast_slice(ca_from), axonal);
        growth.dendritic.grow(growth.rate, bytemuck::cast_slice(ca_to), dendritic);
        if !growth.window.contains(step) {
            continue;
        }
        let elements = Elements {
            rows: rows(projection, sources.get(idx).unwrap_or(&[])),
            axonal,
            dendritic,
            from: &from_places,
            to: &to_places,
            is_one_population: from == to,
        };
        let paired = pairing::pair(&growth.pairing, &elements, moment.key("plasticity/pair", idx));
        record(&births, idx, &paired.born);
        deaths.synapses(idx, paired.dead);
    }
}

fn record(births: &Births, projection: ProjectionIdx, grown: &[Grown]) {
    births.synapses(grown.iter().map(|g| SynapseBirth { projection, source: g.source.into(), target: g.target.into(), weight: g.weight }));
}
