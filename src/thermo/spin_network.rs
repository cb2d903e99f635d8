//! The spins of a world: populations and symmetric couplings compiled for an engine.
//!
//! Every neuron of the chosen populations is a spin, its `Bias` the field h, and every synapse
//! between two of them a symmetric coupling J, whatever the direction it is stored in:
//! E = -sum J s s - sum h s for s = +-1. Units of value 0/1 have E = -sum W v v - sum b v and run as
//! spins with J = W/4 (v = (1+s)/2), at the same energies.
//!
//! `Activation` and, for replica lanes, `SpinLanes` hold the state; a clamped unit has its `Activation`
//! in all lanes, and so has one whose `Activation` was written from outside. The engine is a workspace
//! that is filled from them when they differ. The plan is compiled when the structure has changed and
//! refreshed when weights, biases or clamps have.

use std::sync::Arc;

use bevy_ecs::resource::Resource;
use bevy_ecs::system::{Res, ResMut, RunSystemError, RunSystemOnce};

use crate::components::{Activation, BestSpin, Bias, Clamped, Source, SpinLanes, Target, Weight};
use crate::engine::methods::{MethodSettings, SettingsError};
use crate::engine::spins::{EngineError, EngineSettings, SpinSampler, make_engine};
use crate::plan::{Coupling, IsingModel, SpinPlan};
use crate::simulation::Simulation;
use crate::topology::binary::BinaryModel;
use crate::topology::{Fabric, Neurons, PopulationIdx, Synapses, compile_spins, refresh_spins};

use super::spin_method;

/// The two values of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpinValues {
    /// -1 and +1: Ising spins, Hopfield units.
    #[default]
    PlusMinus,
    /// 0 and 1: Boltzmann machines, QUBO.
    ZeroOne,
}

/// Which neurons are spins, and which engine moves them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpinSettings {
    /// Names of the populations, or empty for all of them.
    pub populations: Vec<String>,
    /// The two values of a unit.
    pub values: SpinValues,
    /// One replica, or replica lanes.
    pub engine: EngineSettings,
    /// Added to every energy, such as the constant of a QUBO.
    pub offset: f64,
}

/// Why a spin network cannot be made or run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ThermoError {
    /// A population does not exist.
    #[error("no population \"{0}\" to take spins from")]
    UnknownPopulation(String),
    /// A coupling joins a neuron to itself.
    #[error("projection \"{projection}\" couples neuron {row} to itself: a spin has no coupling to itself")]
    SelfCoupling {
        /// The projection.
        projection: String,
        /// Row of the neuron.
        row: usize,
    },
    /// A weight or bias is not finite.
    #[error("{what} is {value}: couplings and fields must be finite")]
    NonFinite {
        /// Which weight or bias.
        what: String,
        /// Its value.
        value: f32,
    },
    /// A local field, or the change of it that a flip makes, would not fit f32.
    #[error("the couplings and the field of {neuron} add up to {sum:e}: they must stay below {limit:e}, so divide all of them by a constant", limit = LARGEST_FIELD)]
    TooStrong {
        /// Which neuron.
        neuron: String,
        /// Sum of |J| and |h|.
        sum: f64,
    },
    /// A pattern does not fit its network.
    #[error("pattern {number} has {length} values, population \"{population}\" has {n_neurons} neurons")]
    PatternLength {
        /// The population.
        population: String,
        /// Its size.
        n_neurons: usize,
        /// Number of the pattern, from 0.
        number: usize,
        /// Its length.
        length: usize,
    },
    /// The engine cannot be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The method cannot run.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The network was built without the column of replica lanes.
    #[error("the network has no column for replica lanes: add thermo::columns before it is built, not columns_of_one_replica")]
    NoLanes,
    /// The network is not built yet.
    #[error("build the network before attaching a method to its spins")]
    NotBuilt,
}

/// Registers the columns that spins on any engine need; call it before the network is built.
pub fn columns(sim: &mut Simulation) {
    sim.neuron_column(SpinLanes::default());
    columns_of_one_replica(sim);
}

/// Registers the columns that spins on the engine of one replica need: 64 bytes a neuron less.
pub fn columns_of_one_replica(sim: &mut Simulation) {
    sim.neuron_column(BestSpin::default());
}

/// Compiles the spins of a built network and lets `method` own them, at steps divisible by `every`.
///
/// # Errors
/// If the network has no such populations, the engine cannot take its couplings, or the method
/// refuses the engine or its own settings.
pub fn attach(sim: &mut Simulation, settings: SpinSettings, method: &MethodSettings, every: u32) -> Result<(), ThermoError> {
    if sim.world().get_resource::<Fabric>().is_none() {
        return Err(ThermoError::NotBuilt);
    }
    let lacks_lanes = sim.fabric().populations().any(|(_, p)| sim.neurons::<SpinLanes>(p.name()).is_none());
    if settings.engine.n_replicas() > 1 && lacks_lanes {
        return Err(ThermoError::NoLanes);
    }
    sim.insert_resource(SpinNetwork {
        settings,
        rule: method.rule(),
        parts: Vec::new(),
        epochs: Vec::new(),
        shape: Vec::new(),
        states: Vec::new(),
        is_recorded: false,
        digest: 0,
        engine: None,
        scratch: Vec::new(),
    });
    compile_now(sim)?;
    spin_method::plugin(sim, method, every)
}

/// Compiles outside of a step, so that what does not fit is an error before the first one.
fn compile_now(sim: &mut Simulation) -> Result<(), ThermoError> {
    let compiled = sim.world_mut().run_system_once(compile);
    match compiled {
        Ok(()) => Ok(()),
        Err(RunSystemError::Failed(error)) => match error.downcast_ref::<ThermoError>() {
            Some(error) => Err(error.clone()),
            None => panic!("compiling spins failed for a reason that is none of ThermoError: {error}"),
        },
        Err(error) => panic!("the spin compiler has all its resources: {error}"),
    }
}

/// The spins of a world and the engine that moves them.
#[derive(Resource)]
pub struct SpinNetwork {
    settings: SpinSettings,
    rule: crate::engine::spins::Rule,
    /// Populations and the index of their first spin.
    parts: Vec<(PopulationIdx, usize)>,
    /// Everything that the plan was compiled from, as counts of changes.
    epochs: Vec<u64>,
    /// The part of it that decides the plan's shape.
    shape: Vec<u64>,
    /// Counts of writes to the states that the engine holds.
    states: Vec<u64>,
    /// True while the ledger holds the energy of what the engine holds.
    is_recorded: bool,
    /// Names the compiled model: unlike the epochs, it is the same after a checkpoint is loaded.
    digest: u64,
    engine: Option<Box<dyn SpinSampler>>,
    /// Room for the spins of one replica, by slot.
    scratch: Vec<i8>,
}

impl SpinNetwork {
    /// The engine.
    ///
    /// # Panics
    /// If the network was not compiled, which [`attach`] does.
    pub fn engine(&self) -> &dyn SpinSampler {
        self.engine.as_deref().expect("attach compiles the spins")
    }

    /// The engine, mutable.
    ///
    /// # Panics
    /// If the network was not compiled, which [`attach`] does.
    pub fn engine_mut(&mut self) -> &mut dyn SpinSampler {
        self.engine.as_deref_mut().expect("attach compiles the spins")
    }

    /// The energy of replica 0, unless the ledger holds it already.
    pub(super) fn take_energy(&mut self) -> Option<f64> {
        let engine = self.engine.as_deref_mut().expect("attach compiles the spins");
        if engine.n_replicas() == 1 {
            // Kept flip by flip, so it costs nothing; refreshing the engine asserts it against a full
            // recompute, floats every time and integers now and then.
            let mut energy = [0.0];
            engine.energies(&mut energy);
            return Some(energy[0]);
        }
        if std::mem::replace(&mut self.is_recorded, true) {
            return None;
        }
        let spins = &mut self.scratch;
        spins.resize(engine.plan().n_spins(), 0);
        engine.read_spins(0, spins);
        Some(engine.plan().energy(spins))
    }

    /// Names the model that is compiled.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    /// The two values of a unit.
    pub fn values(&self) -> SpinValues {
        self.settings.values
    }

    /// Populations and the index of their first spin, in order.
    pub fn parts(&self) -> &[(PopulationIdx, usize)] {
        &self.parts
    }
}

/// The populations called `names` (all, if there are none) and the index of their first spin.
pub(super) fn find_parts(names: &[String], fabric: &Fabric) -> Result<Vec<(PopulationIdx, usize)>, ThermoError> {
    if let Some(missing) = names.iter().find(|name| fabric.find_population(name).is_none()) {
        return Err(ThermoError::UnknownPopulation(missing.clone()));
    }
    let mut first = 0;
    let mut parts = Vec::new();
    for (idx, population) in fabric.populations() {
        if names.is_empty() || names.iter().any(|name| name == population.name()) {
            parts.push((idx, first));
            first += population.n_neurons();
        }
    }
    Ok(parts)
}

pub(super) type NeuronInputs<'w, 's> = Neurons<'w, 's, (&'static Bias, &'static Clamped, &'static Activation)>;
pub(super) type LaneInputs<'w, 's> = Neurons<'w, 's, &'static SpinLanes>;
pub(super) type SynapseInputs<'w, 's> = Synapses<'w, 's, (&'static Source, &'static Target, &'static Weight)>;

/// Compiles the plan if anything it was compiled from has changed, and fills the engine from the columns.
pub(super) fn compile(
    mut network: ResMut<SpinNetwork>,
    fabric: Res<Fabric>,
    neurons: NeuronInputs,
    lanes: LaneInputs,
    synapses: SynapseInputs,
) -> bevy_ecs::error::Result {
    compile_stale(&mut network, &fabric, &neurons, &synapses)?;
    let states = state_epochs(&fabric, &network.parts);
    if network.states != states {
        load_state(&mut network, &neurons, &lanes);
        (network.states, network.is_recorded) = (states, false);
    }
    network.engine_mut().refresh();
    Ok(())
}

fn compile_stale(network: &mut SpinNetwork, fabric: &Fabric, neurons: &NeuronInputs, synapses: &SynapseInputs) -> Result<(), ThermoError> {
    let epochs = epochs(fabric);
    let is_stale = network.engine.is_none() || epochs != network.epochs;
    if is_stale {
        network.parts = find_parts(&network.settings.populations, fabric)?;
        let (mut model, clamped) = spin_model(&network.parts, network.settings.values, fabric, neurons, synapses)?;
        model.offset += network.settings.offset;
        let shape = shape_epochs(fabric);
        let plan = Arc::new(match &network.engine {
            // The same synapses and clamps: only numbers have changed.
            Some(engine) if shape == network.shape && engine.plan().entries.len() == model.couplings.len() => {
                let mut plan = SpinPlan::clone(engine.plan());
                let strengths: Vec<f32> = model.couplings.iter().map(|c| c.strength).collect();
                refresh_spins(&mut plan, &strengths, &model.fields);
                plan.offset = model.offset;
                plan
            }
            _ => compile_spins(&model, &clamped),
        });
        network.shape = shape;
        network.digest = digest(&plan);
        network.engine = Some(make_engine(plan, network.settings.engine, network.rule)?);
        network.epochs = epochs;
        network.states.clear();
    }
    Ok(())
}

/// A number for the content of a plan.
fn digest(plan: &SpinPlan) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for words in [&plan.order, &plan.classes, &plan.offsets, &plan.neighbours] {
        hasher.update(bytemuck::cast_slice(words));
    }
    for numbers in [&plan.weights, &plan.fields] {
        hasher.update(bytemuck::cast_slice(numbers));
    }
    hasher.update(&plan.offset.to_le_bytes());
    let bytes = hasher.finalize();
    u64::from_le_bytes(std::array::from_fn(|k| bytes.as_bytes()[k]))
}

/// Counts of what decides the shape of a plan: births, deaths and clamps.
fn shape_epochs(fabric: &Fabric) -> Vec<u64> {
    let clamps = fabric.populations().map(|(_, p)| p.clamp_epoch());
    std::iter::once(fabric.structure_epoch()).chain(clamps).collect()
}

fn epochs(fabric: &Fabric) -> Vec<u64> {
    let of_neurons = fabric.populations().flat_map(|(_, p)| [p.bias_epoch(), p.clamp_epoch()]);
    let of_synapses = fabric.projections().map(|(_, p)| p.weight_epoch());
    std::iter::once(fabric.structure_epoch()).chain(of_neurons).chain(of_synapses).collect()
}

/// Counts of writes to the states of spins; never empty, so that an empty list is always stale.
fn state_epochs(fabric: &Fabric, parts: &[(PopulationIdx, usize)]) -> Vec<u64> {
    let of_parts = parts.iter().map(|&(idx, _)| fabric.population(idx).state_epoch());
    std::iter::once(0).chain(of_parts).collect()
}

/// Fields, couplings and clamps of the populations `parts`, as the columns have them.
pub(super) fn spin_model(
    parts: &[(PopulationIdx, usize)],
    values: SpinValues,
    fabric: &Fabric,
    neurons: &NeuronInputs,
    synapses: &SynapseInputs,
) -> Result<(IsingModel, Vec<bool>), ThermoError> {
    let first_of = |idx: PopulationIdx| parts.iter().find(|(p, _)| *p == idx).map(|(_, first)| *first);
    let mut model = IsingModel::default();
    let mut clamped = Vec::new();
    for &(idx, _) in parts {
        let Some((biases, clamps, _)) = neurons.get(idx) else { continue };
        if let Some((row, bias)) = biases.iter().enumerate().find(|(_, b)| !b.0.is_finite()) {
            let what = format!("the bias of neuron {row} in population \"{}\"", fabric.population(idx).name());
            return Err(ThermoError::NonFinite { what, value: bias.0 });
        }
        model.fields.extend(biases.iter().map(|b| b.0));
        clamped.extend(clamps.iter().map(|c| c.is_clamped()));
    }
    for (idx, projection) in fabric.projections() {
        let (Some(from), Some(to)) = (first_of(projection.from()), first_of(projection.to())) else { continue };
        let Some((sources, targets, weights)) = synapses.get(idx) else { continue };
        model.couplings.reserve(weights.len());
        for ((source, target), weight) in sources.iter().zip(targets).zip(weights) {
            let (i, j) = (from + source.row(), to + target.row());
            if i == j {
                return Err(ThermoError::SelfCoupling { projection: projection.name().to_owned(), row: target.row() });
            }
            if !weight.0.is_finite() {
                let what = format!("the weight of synapse {} -> {} in \"{}\"", source.row(), target.row(), projection.name());
                return Err(ThermoError::NonFinite { what, value: weight.0 });
            }
            model.couplings.push(Coupling::new(i as u32, j as u32, weight.0));
        }
    }
    model.normalise();
    check_strength(&model, parts, fabric)?;
    if values == SpinValues::ZeroOne {
        let biases: Vec<f64> = model.fields.iter().map(|&b| f64::from(b)).collect();
        let weights: Vec<_> = model.couplings.iter().map(|c| (c.i, c.j, f64::from(c.strength))).collect();
        model = BinaryModel::boltzmann(&biases, &weights).to_ising();
    }
    Ok((model, clamped))
}

/// Half of what f32 holds: engines add 2 J to fields in f32.
const LARGEST_FIELD: f64 = 0.5 * f32::MAX as f64;

/// Refuses couplings whose local fields would overflow.
fn check_strength(model: &IsingModel, parts: &[(PopulationIdx, usize)], fabric: &Fabric) -> Result<(), ThermoError> {
    let mut sums: Vec<f64> = model.fields.iter().map(|h| f64::from(h.abs())).collect();
    for c in &model.couplings {
        let strength = f64::from(c.strength.abs());
        sums[c.i as usize] += strength;
        sums[c.j as usize] += strength;
    }
    let Some(spin) = sums.iter().position(|&sum| sum > LARGEST_FIELD) else { return Ok(()) };
    let (idx, first) = parts.iter().rev().find(|(_, first)| *first <= spin).expect("every spin is of a part");
    let neuron = format!("neuron {} in population \"{}\"", spin - first, fabric.population(*idx).name());
    Err(ThermoError::TooStrong { neuron, sum: sums[spin] })
}

/// Fills the engine where it differs from the columns.
fn load_state(network: &mut SpinNetwork, neurons: &NeuronInputs, lanes: &LaneInputs) {
    let plan = Arc::clone(network.engine().plan());
    if network.settings.engine.n_replicas() > 1 {
        load_lanes(network, neurons, lanes);
    } else {
        let mut wanted = vec![-1_i8; plan.n_spins()];
        for &(idx, first) in &network.parts {
            let Some((_, _, activations)) = neurons.get(idx) else { continue };
            for (a, &slot) in activations.iter().zip(&plan.slot[first..]) {
                wanted[slot as usize] = if a.0 > 0.0 { 1 } else { -1 };
            }
        }
        let engine = network.engine_mut();
        let mut held = vec![0_i8; wanted.len()];
        engine.read_spins(0, &mut held);
        if held != wanted {
            engine.write_spins(0, &wanted);
        }
    }
}

fn load_lanes(network: &mut SpinNetwork, neurons: &NeuronInputs, lanes: &LaneInputs) {
    let mut all_up = [0; 8];
    all_up[..network.settings.engine.n_replicas().div_ceil(64)].fill(u64::MAX);
    let mut wanted = Vec::with_capacity(network.engine().plan().n_spins());
    for &(idx, _) in &network.parts {
        let (Some((_, clamps, activations)), Some(lanes)) = (neurons.get(idx), lanes.get(idx)) else { continue };
        // Replica 0 is what `Activation` shows, so where the two part somebody wrote the activation (a
        // start, an edit), and it holds for all lanes.
        let units = lanes.iter().zip(clamps).zip(activations);
        wanted.extend(units.map(|((lanes, clamp), a)| {
            let is_up = a.0 > 0.0;
            let is_written = clamp.is_clamped() || (lanes.0[0] & 1 == 1) != is_up;
            match (is_written, is_up) {
                (true, true) => all_up,
                (true, false) => [0; 8],
                (false, _) => lanes.0,
            }
        }));
    }
    let engine = network.engine_mut();
    let mut held = vec![[0; 8]; wanted.len()];
    engine.save_lanes(&mut held);
    if held != wanted {
        engine.load_lanes(&wanted);
    }
}

/// Writes the engine's state into the columns: all lanes, and replica 0 as activations.
pub(super) fn write_back(mut network: ResMut<SpinNetwork>, mut activations: Neurons<&mut Activation>, mut lanes: Neurons<&mut SpinLanes>) {
    let network = &mut *network;
    network.is_recorded = false;
    let engine = network.engine.as_deref().expect("attach compiles the spins");
    let low = if network.settings.values == SpinValues::ZeroOne { 0.0 } else { -1.0 };
    let spins = &mut network.scratch;
    spins.resize(engine.plan().n_spins(), 0);
    engine.read_spins(0, spins);
    for &(idx, first) in &network.parts {
        let Some(activations) = activations.get_mut(idx) else { continue };
        for (activation, &slot) in activations.iter_mut().zip(&engine.plan().slot[first..]) {
            activation.0 = if spins[slot as usize] > 0 { 1.0 } else { low };
        }
    }
    if engine.n_replicas() > 1 {
        let mut held = vec![[0; 8]; spins.len()];
        engine.save_lanes(&mut held);
        for &(idx, first) in &network.parts {
            let Some(lanes) = lanes.get_mut(idx) else { continue };
            lanes.iter_mut().zip(&held[first..]).for_each(|(lanes, words)| lanes.0 = *words);
        }
    }
    // The engine holds what was just written, so nothing need be read back.
    network.states = state_epochs(lanes.fabric(), &network.parts);
}
