//! From a checked scene of neurons that compute to a simulation.

use std::sync::Arc;

use glam::Vec3;

use crate::network::{self, NetworkSettings, PopulationUnit, Role, Samples};
use crate::plasticity::{self, PlasticitySettings};
use crate::simulation::Simulation;
use crate::topology::blueprint::PLAIN;
use crate::topology::generate::{Initial, wire};
use crate::topology::{Blueprint, Edge, PopulationSpec, ProjectionSpec};
use crate::units::Seed;

use super::build::SceneBuildError;
use super::checked::Scene;
use super::checked_network::{DirectedProjection, FirstBiases, NetworkModel, NetworkSystem, NeuronPopulation, Synapses};
use super::checked_plasticity::LiveSource;

/// Builds the simulation of `model`, ready for its first step.
///
/// # Errors
/// If memory runs out, or for what only the building can tell.
pub(super) fn build_network(scene: &Scene, model: &NetworkModel) -> Result<Simulation, SceneBuildError> {
    let mut sim = Simulation::new(scene.seed);
    let mut blueprint = Blueprint::new();
    for (i, population) in (0_u32..).zip(&model.populations) {
        blueprint = blueprint.with_population(population_spec(population, scene.seed, i));
    }
    for (i, projection) in (0_u32..).zip(&model.projections) {
        blueprint = blueprint.with_projection(projection_spec(projection, &model.populations, scene.seed, i));
    }
    // What systems keep beside weights and biases are columns, which come before the network.
    let mut optimiser = None;
    for system in &model.systems {
        if let NetworkSystem::Train(train) = system {
            optimiser = Some(train);
        }
    }
    if model.systems.iter().any(|s| matches!(s, NetworkSystem::Anneal(_))) {
        network::heat::columns(&mut sim);
    }
    if let Some(train) = optimiser {
        train.columns(&mut sim);
    }
    let plastic = model.plasticity();
    let live = model.live();
    // Bumps have places, whether or not anything is plastic.
    match (&plastic, live) {
        (Some(plastic), _) => plastic.columns(&mut sim),
        (None, Some(LiveSource::Driven(_))) => PlasticitySettings::default().columns(&mut sim),
        _ => {}
    }
    if live.is_some() && model.projections.iter().any(|p| p.is_recurrent) {
        network::columns_of_lif(&mut sim, PLAIN);
    }
    sim.build(blueprint)?;
    let part = |p: &NeuronPopulation| PopulationUnit { population: p.name.clone(), unit: p.unit, role: p.role };
    let recurrent = model.projections.iter().filter(|p| p.is_recurrent).map(|p| p.name.clone()).collect();
    let populations = model.populations.iter().map(part).collect();
    network::attach(&mut sim, NetworkSettings { populations, recurrent, products: model.products })?;
    if let Some(data) = &model.data {
        let (train, test) = data.prepare(scene.seed)?;
        let samples = Samples { train: Arc::new(train), test: Arc::new(test), loss: model.loss, steps: data.steps };
        network::attach_samples(&mut sim, samples)?;
        if let Some(profile) = model.hardware.as_ref().filter(|profile| !profile.is_ideal()) {
            network::measure_on(&mut sim, profile.clone())?;
        }
    }
    for system in &model.systems {
        match system {
            NetworkSystem::Evaluate => {}
            NetworkSystem::Train(train) => network::train_gradient(&mut sim, train.clone())?,
            NetworkSystem::Anneal(heat) => network::heat::attach(&mut sim, heat.clone())?,
            NetworkSystem::Rewire(settings) => network::structure::attach(&mut sim, (**settings).clone())?,
            NetworkSystem::Live(source) => run_live(&mut sim, model, *source)?,
            // Attached together below.
            NetworkSystem::Plastic(_) => {}
        }
    }
    if plastic.is_some() || matches!(live, Some(LiveSource::Driven(_))) {
        for p in &model.populations {
            plasticity::place(&mut sim, &p.name, &p.placement.places(p.n_neurons));
        }
    }
    if let Some(plastic) = plastic {
        plasticity::attach(&mut sim, plastic)?;
    }
    Ok(sim)
}

/// Shows something to the inputs and runs the network once a step.
fn run_live(sim: &mut Simulation, model: &NetworkModel, source: LiveSource) -> Result<(), SceneBuildError> {
    match source {
        LiveSource::Samples { hold } => network::show_samples(sim, hold)?,
        LiveSource::Driven(how) => {
            for input in model.populations.iter().filter(|p| p.role == Role::Input) {
                plasticity::drive(sim, &input.name, how)?;
            }
        }
    }
    network::run_live(sim)?;
    Ok(())
}

/// First values of populations are drawn from streams above those of projections.
const BIASES: u32 = 1 << 31;

fn population_spec(population: &NeuronPopulation, seed: Seed, number: u32) -> PopulationSpec {
    let mut spec = PopulationSpec::new(&population.name, population.n_neurons);
    spec.biases = match &population.biases {
        FirstBiases::Each(values) => values.clone(),
        FirstBiases::Drawn(Initial::Constant(0.0)) => Vec::new(),
        FirstBiases::Drawn(initial) => initial.draw(population.n_neurons, 1.0, 1.0, seed, BIASES | number),
    };
    spec
}

fn projection_spec(projection: &DirectedProjection, populations: &[NeuronPopulation], seed: Seed, number: u32) -> ProjectionSpec {
    let [from, to] = [projection.from, projection.to].map(|i| &populations[i]);
    let pairs: Vec<(u32, u32, f32)> = match &projection.synapses {
        Synapses::Listed(edges) => edges.clone(),
        Synapses::Wired(wiring, instance) => {
            let places = |p: &NeuronPopulation| -> Vec<Vec3> { p.placement.places(p.n_neurons) };
            wire(wiring, &places(from), &places(to), *instance).into_iter().map(|(s, t)| (s, t, f32::NAN)).collect()
        }
    };
    let n = pairs.len();
    let mean_fan = |neurons: usize| n as f64 / neurons.max(1) as f64;
    let drawn = projection.weights.draw(n, mean_fan(to.n_neurons), mean_fan(from.n_neurons), seed, number);
    let edge = |((source, target, weight), drawn): ((u32, u32, f32), f32)| Edge {
        source,
        target,
        weight: if weight.is_finite() { weight } else { drawn },
    };
    ProjectionSpec {
        name: projection.name.clone(),
        ..ProjectionSpec::new(&from.name, &to.name, pairs.into_iter().zip(drawn).map(edge).collect())
    }
}
