//! The network of a world: its plan, where its populations and projections lie, and their weights as they stand.
//!
//! The plan is compiled when the network is attached and again after every restructuring; weights and biases are
//! borrowed from the columns, never copied.

use std::sync::Arc;

use bevy_ecs::resource::Resource;
use bevy_ecs::system::{Res, ResMut, RunSystemOnce};
use bevy_ecs::world::World;

use crate::components::{Bias, Source, Weight};
use crate::engine::network::{Network, ParametersRef};
use crate::kernels::layers::{NoLibrary, Products};
use crate::phases::Phase;
use crate::plan::network::unit::UnitError;
use crate::plan::network::{NetworkPlan, Unit};
use crate::simulation::Simulation;
use crate::topology::compile_network::{CompileError, NetworkPart, compile_network};
use crate::topology::nearest::did_you_mean;
use crate::topology::{Fabric, Neurons, PopulationIdx, ProjectionIdx, Synapses};

/// What a population is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// Its activations come from outside.
    Input,
    /// Neither input nor answer.
    #[default]
    Hidden,
    /// Its activations are the answer.
    Output,
}

/// A population of a network: what its neurons compute, and what for.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationUnit {
    /// Name of the population.
    pub population: String,
    /// What its neurons compute; of no meaning for inputs.
    pub unit: Unit,
    /// What it is for.
    pub role: Role,
}

/// Which populations are a network, and which projections read the step before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkSettings {
    /// The populations, in any order.
    pub populations: Vec<PopulationUnit>,
    /// Names of the recurrent projections.
    pub recurrent: Vec<String>,
    /// Who multiplies dense blocks in live passes, measures and training; heat is always ordered.
    pub products: Products,
}

impl NetworkSettings {
    /// No population yet.
    pub fn new() -> Self {
        NetworkSettings::default()
    }

    /// Adds a population whose activations come from outside.
    #[must_use]
    pub fn input(self, population: &str) -> Self {
        self.with(population, Unit::Identity, Role::Input)
    }

    /// Adds a hidden population.
    #[must_use]
    pub fn hidden(self, population: &str, unit: Unit) -> Self {
        self.with(population, unit, Role::Hidden)
    }

    /// Adds a population that answers.
    #[must_use]
    pub fn output(self, population: &str, unit: Unit) -> Self {
        self.with(population, unit, Role::Output)
    }

    /// Lets a projection read the activations of the step before.
    #[must_use]
    pub fn recurrent(mut self, projection: &str) -> Self {
        self.recurrent.push(projection.to_owned());
        self
    }

    /// Lets `products` multiply dense blocks.
    #[must_use]
    pub fn multiplied_by(mut self, products: Products) -> Self {
        self.products = products;
        self
    }

    fn with(mut self, population: &str, unit: Unit, role: Role) -> Self {
        self.populations.push(PopulationUnit { population: population.to_owned(), unit, role });
        self
    }
}

/// Why a network cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NetworkError {
    /// The fabric is not built yet.
    #[error("build the network before attaching units to its populations")]
    NotBuilt,
    /// A population does not exist.
    #[error("no population \"{name}\" to give a unit{hint}")]
    UnknownPopulation {
        /// The name.
        name: String,
        /// ` (did you mean ...?)`, or empty.
        hint: String,
    },
    /// A recurrent projection does not exist.
    #[error("no projection \"{name}\" to make recurrent{hint}")]
    UnknownProjection {
        /// The name.
        name: String,
        /// ` (did you mean ...?)`, or empty.
        hint: String,
    },
    /// A population has two units.
    #[error("population \"{0}\" is given a unit twice: name it once")]
    NamedTwice(String),
    /// Nothing comes in or goes out.
    #[error("the network has no {0} population: give one this role")]
    NoRole(&'static str),
    /// A parameter of a unit is out of its range.
    #[error("the unit of population \"{population}\": {error}")]
    BadUnit {
        /// The population.
        population: String,
        /// What is wrong.
        error: UnitError,
    },
    /// A LIF population of a recurrent network has nowhere to keep its potentials.
    #[error(
        "population \"{0}\" keeps its potentials from step to step, but has no column for them: call network::columns_of_lif before the network is built"
    )]
    NoMembrane(String),
    /// This build cannot multiply as asked.
    #[error(transparent)]
    NoLibrary(#[from] NoLibrary),
    /// The populations and projections are no network.
    #[error(transparent)]
    Compile(#[from] CompileError),
}

/// The compiled network of a world.
#[derive(Resource, Debug)]
pub struct CompiledNetwork {
    settings: NetworkSettings,
    plan: Arc<NetworkPlan>,
    populations: Vec<PopulationIdx>,
    projections: Vec<ProjectionIdx>,
    structure_epoch: u64,
}

/// Weights by block and biases by layer, borrowed to be written.
#[derive(Debug)]
pub struct ParametersMut<'a> {
    /// The weights of each block, in the order of its rows.
    pub weights: Vec<&'a mut [f32]>,
    /// The biases of each layer.
    pub biases: Vec<&'a mut [f32]>,
}

/// Compiles a network of a built simulation, now and after every restructuring, as the resource [`CompiledNetwork`].
///
/// # Errors
/// If the fabric is not built, a name is unknown or given twice, there is no input or no output, a unit is out of its
/// range, a projection is symmetric or half outside, a cycle has no recurrent projection, or products are asked of a
/// library that this build does not have.
pub fn attach(sim: &mut Simulation, settings: NetworkSettings) -> Result<(), NetworkError> {
    let world = sim.world();
    let fabric = world.get_resource::<Fabric>().ok_or(NetworkError::NotBuilt)?;
    check_names(&settings, fabric)?;
    settings.populations.iter().try_for_each(check_unit)?;
    if settings.products == Products::Library {
        Products::library()?;
    }
    for (role, name) in [(Role::Input, "input"), (Role::Output, "output")] {
        if settings.populations.iter().all(|p| p.role != role) {
            return Err(NetworkError::NoRole(name));
        }
    }
    let compiled = CompiledNetwork::compile(settings, fabric, |p| fabric.synapse_rows::<Source>(world, p).unwrap_or(&[]))?;
    sim.insert_resource(compiled);
    sim.add_systems(Phase::RestructureEdits, recompile);
    sim.add_systems(Phase::Restructure, recompile);
    sim.add_follower(|world| world.run_system_once(recompile).map_err(|error| error.to_string().into()));
    Ok(())
}

/// Compiles anew if rows have come, gone or moved.
fn recompile(mut network: ResMut<CompiledNetwork>, fabric: Res<Fabric>, synapses: Synapses<&Source>) -> bevy_ecs::error::Result {
    if network.structure_epoch != fabric.structure_epoch() {
        let settings = std::mem::take(&mut network.settings);
        *network = CompiledNetwork::compile(settings, &fabric, |p| synapses.get(p).unwrap_or(&[]))?;
    }
    Ok(())
}

fn check_names(settings: &NetworkSettings, fabric: &Fabric) -> Result<(), NetworkError> {
    for (k, part) in settings.populations.iter().enumerate() {
        let name = &part.population;
        if fabric.find_population(name).is_none() {
            let hint = did_you_mean(name, fabric.populations().map(|(_, p)| p.name()));
            return Err(NetworkError::UnknownPopulation { name: name.clone(), hint });
        }
        if settings.populations[..k].iter().any(|p| p.population == *name) {
            return Err(NetworkError::NamedTwice(name.clone()));
        }
    }
    for name in &settings.recurrent {
        if fabric.find_projection(name).is_none() {
            let hint = did_you_mean(name, fabric.projections().map(|(_, p)| p.name()));
            return Err(NetworkError::UnknownProjection { name: name.clone(), hint });
        }
    }
    Ok(())
}

fn check_unit(part: &PopulationUnit) -> Result<(), NetworkError> {
    part.unit.check().map_err(|error| NetworkError::BadUnit { population: part.population.clone(), error })
}

impl CompiledNetwork {
    fn compile<'a>(
        settings: NetworkSettings,
        fabric: &Fabric,
        sources: impl Fn(ProjectionIdx) -> &'a [Source],
    ) -> Result<Self, NetworkError> {
        let part = |(idx, population): (PopulationIdx, &crate::topology::Population)| {
            let part = settings.populations.iter().find(|p| p.population == population.name())?;
            Some(NetworkPart { population: idx, unit: part.unit, is_input: part.role == Role::Input, is_output: part.role == Role::Output })
        };
        let parts: Vec<NetworkPart> = fabric.populations().filter_map(part).collect();
        let is_delayed = |p| settings.recurrent.iter().any(|name| name == fabric.projection(p).name());
        let (plan, projections) = compile_network(fabric, &parts, is_delayed, sources)?;
        let populations = parts.iter().map(|p| p.population).collect();
        let structure_epoch = fabric.structure_epoch();
        Ok(CompiledNetwork { settings, plan: Arc::new(plan), populations, projections, structure_epoch })
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<NetworkPlan> {
        &self.plan
    }

    /// What the network was attached with.
    pub fn settings(&self) -> &NetworkSettings {
        &self.settings
    }

    /// Who multiplies dense blocks.
    pub fn products(&self) -> Products {
        self.settings.products
    }

    /// The population of each layer.
    pub fn populations(&self) -> &[PopulationIdx] {
        &self.populations
    }

    /// The projection of each block.
    pub fn projections(&self) -> &[ProjectionIdx] {
        &self.projections
    }

    /// The count of restructurings that the plan was compiled at: caches by row are stale if it differs.
    pub fn structure_epoch(&self) -> u64 {
        self.structure_epoch
    }

    /// Columns of projections in the order of the blocks; a block without synapses has an empty default.
    pub fn by_block<S: Default>(&self, columns: impl IntoIterator<Item = (ProjectionIdx, S)>) -> Vec<S> {
        in_order(&self.projections, columns)
    }

    /// Columns of populations in the order of the layers; a layer without neurons has an empty default.
    pub fn by_layer<S: Default>(&self, columns: impl IntoIterator<Item = (PopulationIdx, S)>) -> Vec<S> {
        in_order(&self.populations, columns)
    }

    /// Weights and biases as the columns hold them, for a system.
    pub fn parameters<'a>(&self, weights: &'a Synapses<&Weight>, biases: &'a Neurons<&Bias>) -> ParametersRef<'a> {
        ParametersRef {
            weights: self.by_block(weights.iter()).into_iter().map(bytemuck::cast_slice).collect(),
            biases: self.by_layer(biases.iter()).into_iter().map(bytemuck::cast_slice).collect(),
        }
    }

    /// Weights and biases to be written, for a system; notes the writes, so that plans made from them are refreshed.
    pub fn parameters_mut<'a>(&self, weights: &'a mut Synapses<&mut Weight>, biases: &'a mut Neurons<&mut Bias>) -> ParametersMut<'a> {
        ParametersMut {
            weights: self.by_block(weights.iter_mut()).into_iter().map(bytemuck::cast_slice_mut).collect(),
            biases: self.by_layer(biases.iter_mut()).into_iter().map(bytemuck::cast_slice_mut).collect(),
        }
    }

    /// The network as it stands, with its weights copied, for a life without this world.
    ///
    /// # Panics
    /// As [`CompiledNetwork::parameters_in`].
    pub fn freeze(&self, world: &World) -> Network {
        Network::new(NetworkPlan::clone(&self.plan), self.parameters_in(world).to_owned())
    }

    /// Weights and biases as the columns of `world` hold them, outside of systems.
    ///
    /// # Panics
    /// If the world has been restructured since the network was compiled: a step and the loading of a state compile it anew.
    pub fn parameters_in<'w>(&self, world: &'w World) -> ParametersRef<'w> {
        let fabric = world.resource::<Fabric>();
        assert_eq!(self.structure_epoch, fabric.structure_epoch(), "restructurings at which the plan was compiled, and now");
        let weights = |&p| bytemuck::cast_slice(fabric.synapse_rows::<Weight>(world, p).expect("every synapse has a weight"));
        let biases = |&p| bytemuck::cast_slice(fabric.neuron_rows::<Bias>(world, p).expect("every neuron has a bias"));
        ParametersRef { weights: self.projections.iter().map(weights).collect(), biases: self.populations.iter().map(biases).collect() }
    }
}

/// The values of `keys`, in their order.
fn in_order<K: PartialEq, S: Default>(keys: &[K], values: impl IntoIterator<Item = (K, S)>) -> Vec<S> {
    let mut found: Vec<S> = keys.iter().map(|_| S::default()).collect();
    for (key, value) in values {
        if let Some(at) = keys.iter().position(|k| *k == key) {
            found[at] = value;
        }
    }
    found
}
