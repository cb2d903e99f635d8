//! From a checked scene to a simulation.

use crate::engine::associative::Interaction;
use crate::engine::hopfield;
use crate::engine::methods::{CyclingSettings, MethodSettings, OptimiseSettings};
use crate::engine::spins::{EngineSettings, Randomness};
use crate::evolution::{EvolveError, evolve};
use crate::network::heat::WeightHeatError;
use crate::network::structure::RewiringError;
use crate::network::{LiveError, NetworkError, SamplesError, ShowError, TrainError};
use crate::plan::Coupling;
use crate::plasticity::{DriveError, PlasticityError};
use crate::simulation::Simulation;
use crate::thermo::structure::WiringError;
use crate::thermo::{self, KnownOptimum, MachineError, MaxCut, SpinSettings, SpinValues, ThermoError, recall};
use crate::topology::generate::{GenerateError, generate};
use crate::topology::{Blueprint, BuildError, Edge, PopulationSpec, ProjectionSpec};
use crate::units::Seed;

use super::build_machine::build_machine;
use super::build_network::build_network;
use super::checked::{Couplings, Method, Model, Population, Projection, Scene, SpinModel, System};
use super::checked_network::UnfitFeature;
use super::wire::HopfieldRule;

/// Why a checked scene could not be built: what only the building can tell, such as memory that ran out.
#[derive(Debug, thiserror::Error)]
pub enum SceneBuildError {
    /// The network could not be built.
    #[error(transparent)]
    Network(#[from] BuildError),
    /// An instance could not be generated.
    #[error("projection \"{projection}\": {error}")]
    Generate {
        /// The projection.
        projection: String,
        /// What is wrong.
        error: GenerateError,
    },
    /// The patterns of a memory do not make couplings.
    #[error("projection \"{projection}\": {error}")]
    Patterns {
        /// The projection.
        projection: String,
        /// What is wrong.
        error: String,
    },
    /// Populations and projections are no network that computes.
    #[error(transparent)]
    Compile(#[from] NetworkError),
    /// A feature is beyond what can be computed with.
    #[error(transparent)]
    Feature(#[from] UnfitFeature),
    /// Samples do not fit the network.
    #[error(transparent)]
    Samples(#[from] SamplesError),
    /// The network cannot learn by gradient.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The network cannot run live.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// Samples cannot be shown.
    #[error(transparent)]
    Show(#[from] ShowError),
    /// Inputs cannot be driven.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The network cannot be plastic.
    #[error(transparent)]
    Plastic(#[from] PlasticityError),
    /// The network cannot learn by heat.
    #[error(transparent)]
    Heat(#[from] WeightHeatError),
    /// The wiring cannot be a variable.
    #[error(transparent)]
    Rewiring(#[from] RewiringError),
    /// Samples make no table to judge by.
    #[error("{0}")]
    SamplesToJudge(String),
    /// The population cannot evolve.
    #[error(transparent)]
    Evolve(#[from] EvolveError),
    /// Spins cannot learn.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The method could not be started.
    #[error(transparent)]
    Method(#[from] ThermoError),
    /// The wiring of the spins cannot be a variable.
    #[error(transparent)]
    Wiring(#[from] WiringError),
}

/// Above this much over a known ground state, an energy is another one; planted couplings are whole numbers.
const ENERGY_SLACK: f64 = 1e-6;

/// What couplings bring along beside themselves.
#[derive(Default)]
pub(super) struct Known {
    /// Fields, one a neuron, or empty.
    fields: Vec<f32>,
    /// Constant part of the energy.
    offset: f64,
    /// Sum of the weights of a graph to be cut.
    total_weight: Option<f64>,
    /// Energy of the ground state.
    ground_energy: Option<f64>,
}

/// Builds the simulation of `scene`, ready for its first step; equal scenes make equal simulations.
///
/// # Errors
/// If memory runs out, or for what only the building can tell.
pub fn build(scene: &Scene) -> Result<Simulation, SceneBuildError> {
    match &scene.model {
        Model::Spins(model) => build_spins(scene.seed, model),
        Model::Network(model) => build_network(scene, model),
        Model::Machine(model) => build_machine(scene.seed, model),
        Model::Evolution(model) => {
            let mut sim = Simulation::new(scene.seed);
            let task = model.task.of_run(scene.seed).map_err(SceneBuildError::SamplesToJudge)?;
            evolve(&mut sim, model.settings.clone(), task)?;
            Ok(sim)
        }
    }
}

fn build_spins(seed: Seed, scene: &SpinModel) -> Result<Simulation, SceneBuildError> {
    let mut sim = Simulation::new(seed);
    sim.add(if scene.system.n_replicas > 1 { thermo::columns } else { thermo::columns_of_one_replica });
    let (blueprint, all_known) = spin_blueprint(&scene.populations, &scene.projections)?;
    sim.build(blueprint)?;
    // Cuts and known optima are those of the whole energy, so they are known if one projection is all there is.
    if let [(_, known)] = all_known.as_slice() {
        if let Some(total_weight) = known.total_weight {
            sim.insert_resource(MaxCut { total_weight });
        }
        let is_bare = scene.populations.iter().all(|p| p.fields.is_empty() && p.clamped.is_empty());
        if let Some(energy) = known.ground_energy.filter(|_| is_bare) {
            sim.insert_resource(KnownOptimum(energy));
        }
    }
    let optimum = sim.world().get_resource::<KnownOptimum>().map(|o| o.0);
    attach_method(&mut sim, scene, optimum, all_known.iter().map(|(_, k)| k.offset).sum())?;
    Ok(sim)
}

/// Populations and couplings to be built, and by population what its couplings bring along.
pub(super) fn spin_blueprint(
    populations: &[Population],
    projections: &[Projection],
) -> Result<(Blueprint, Vec<(usize, Known)>), SceneBuildError> {
    let mut blueprint = Blueprint::new();
    let mut all_known = Vec::with_capacity(projections.len());
    let mut specs = Vec::with_capacity(projections.len());
    for projection in projections {
        let [from, to] = [projection.from, projection.to].map(|i| &populations[i]);
        let (mut edges, known) = edges(projection)?;
        if let (true, Couplings::Generated(..)) = (projection.from != projection.to, &projection.couplings) {
            // Generators number the neurons of both populations in one row.
            edges.iter_mut().for_each(|edge| edge.target -= from.n_neurons as u32);
        }
        specs.push(ProjectionSpec { name: projection.name.clone(), ..ProjectionSpec::symmetric_between(&from.name, &to.name, edges) });
        all_known.push((projection.from, known));
    }
    for (i, population) in populations.iter().enumerate() {
        let fields = all_known.iter().find(|(p, k)| *p == i && !k.fields.is_empty()).map(|(_, k)| k.fields.as_slice());
        blueprint = blueprint.with_population(population_spec(population, fields.unwrap_or(&[])));
    }
    for spec in specs {
        blueprint = blueprint.with_projection(spec);
    }
    Ok((blueprint, all_known))
}

fn attach_method(sim: &mut Simulation, scene: &SpinModel, optimum: Option<f64>, offset: f64) -> Result<(), SceneBuildError> {
    let system = &scene.system;
    let reached = optimum.map(|energy| energy + ENERGY_SLACK);
    let method = match system.method {
        Method::Sample(s) => MethodSettings::Sample(s),
        Method::Anneal(s) => MethodSettings::Anneal(s),
        Method::Temper(s) => MethodSettings::Tempering(s),
        Method::PopulationAnneal(s) => MethodSettings::Population(s),
        Method::Ais(s) => MethodSettings::Ais(s),
        // A search that has found a known ground state has nothing left to find.
        Method::Cycle(s) => MethodSettings::Cycling(CyclingSettings { target_energy: s.target_energy.or(reached), ..s }),
        Method::Optimise(s) => MethodSettings::Optimise(OptimiseSettings { target_energy: s.target_energy.or(reached), ..s }),
        Method::Recall(s) => {
            let mut networks = Vec::new();
            let mut patterns = Vec::new();
            for projection in &scene.projections {
                if let Couplings::Hopfield(stored, _) = &projection.couplings {
                    networks.push(scene.populations[projection.from].name.clone());
                    patterns.clone_from(&stored.states);
                }
            }
            let settings = recall::RecallSettings {
                networks,
                dense: s.power.map(Interaction::Power).into_iter().chain(s.exponential.then_some(Interaction::Exponential)).collect(),
                patterns,
                flip_fraction: s.flipped,
                max_sweeps: s.max_sweeps,
            };
            return Ok(recall::attach(sim, settings)?);
        }
        Method::SampleStructure(s) => {
            let places = |p: &Population| p.placement.places(p.n_neurons).into_iter().map(|place| place.to_array());
            let positions =
                if s.settings(Vec::new()).needs_places() { scene.populations.iter().flat_map(places).collect() } else { Vec::new() };
            return Ok(thermo::structure::attach(sim, s.settings(positions))?);
        }
    };
    let is_binary = scene.populations.iter().all(|p| p.is_binary);
    let values = if is_binary { SpinValues::ZeroOne } else { SpinValues::PlusMinus };
    let settings = SpinSettings { populations: Vec::new(), values, engine: engine(system), offset };
    Ok(thermo::attach(sim, settings, &method, system.every)?)
}

fn engine(system: &System) -> EngineSettings {
    let randomness = if system.shares_randomness { Randomness::Shared } else { Randomness::Independent };
    match system.n_replicas {
        1 => EngineSettings::Replica,
        n => EngineSettings::Lanes { n_replicas: n as usize, randomness },
    }
}

fn population_spec(population: &Population, more_fields: &[f32]) -> PopulationSpec {
    let n = population.n_neurons;
    let mut spec = PopulationSpec::new(&population.name, n);
    spec.biases = match (population.fields.is_empty(), more_fields.is_empty()) {
        (true, _) => more_fields.to_vec(),
        (false, true) => population.fields.clone(),
        (false, false) => population.fields.iter().zip(more_fields).map(|(a, b)| a + b).collect(),
    };
    if !population.clamped.is_empty() {
        let silent = if population.is_binary { 0.0 } else { -1.0 };
        spec.activations = vec![silent; n];
        spec.clamped = vec![false; n];
        for &(neuron, spin) in &population.clamped {
            spec.activations[neuron as usize] = if spin > 0 { 1.0 } else { silent };
            spec.clamped[neuron as usize] = true;
        }
    }
    spec
}

fn edges(projection: &Projection) -> Result<(Vec<Edge>, Known), SceneBuildError> {
    let edge = |c: &Coupling| Edge { source: c.i, target: c.j, weight: c.strength };
    let of_fields = |fields: &[f32]| if fields.iter().all(|&h| h == 0.0) { Vec::new() } else { fields.to_vec() };
    Ok(match &projection.couplings {
        Couplings::Read(instance) => {
            let model = &instance.model;
            let known = Known {
                fields: of_fields(&model.fields),
                offset: model.offset,
                total_weight: instance.max_cut.map(|m| m.total_weight),
                ground_energy: None,
            };
            (model.couplings.iter().map(edge).collect(), known)
        }
        Couplings::Generated(generator, seed) => {
            let made =
                generate(generator, *seed).map_err(|error| SceneBuildError::Generate { projection: projection.name.clone(), error })?;
            let model = made.model;
            let known =
                Known { fields: of_fields(&model.fields), offset: model.offset, total_weight: None, ground_energy: made.ground_energy };
            (model.couplings.iter().map(edge).collect(), known)
        }
        Couplings::Listed(couplings) => (couplings.iter().map(edge).collect(), Known::default()),
        Couplings::Hopfield(patterns, rule) => {
            let made = match rule {
                HopfieldRule::PseudoInverse => hopfield::pseudo_inverse(&patterns.states),
                HopfieldRule::Hebb => hopfield::hebb(&patterns.states),
            };
            let model =
                made.map_err(|error| SceneBuildError::Patterns { projection: projection.name.clone(), error: error.to_string() })?;
            (model.couplings.iter().map(edge).collect(), Known::default())
        }
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scene::{Limits, SceneSource, load};
    use crate::simulation::StateHash;

    #[test]
    fn no_scene_hangs_on_the_order_of_its_systems() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes");
        let mut n_scenes = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != "ron") {
                continue;
            }
            let checked = load(&SceneSource::File(path.clone()), &[], Limits::DEFAULT).unwrap_or_else(|report| panic!("{report}"));
            let mut sim = build(&checked.scene).unwrap();
            let start = sim.save().unwrap();
            let mut run = |seed: Option<u64>| -> Vec<StateHash> {
                sim.load(&start).unwrap();
                if let Some(seed) = seed {
                    sim.shuffle_systems(seed);
                }
                let step = |_| {
                    sim.step().unwrap();
                    sim.state_hash()
                };
                (0..2).map(step).collect()
            };
            let expected = run(None);
            for seed in 0..32 {
                assert_eq!(run(Some(seed)), expected, "{}, shuffled by {seed}", path.display());
            }
            n_scenes += 1;
        }
        assert!(n_scenes >= 7);
    }
}
