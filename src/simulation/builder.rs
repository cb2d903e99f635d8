//! The simulation: what plugins extend, what drivers step, save and load.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bevy_ecs::component::Mutable;
use bevy_ecs::entity::Entity;
use bevy_ecs::error::FallbackErrorHandler;
use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::{IntoScheduleConfigs, Schedule};
use bevy_ecs::system::ScheduleSystem;
use bevy_ecs::world::World;

use crate::components::{Column, EnergyLedger, Metrics, RunSeed, StepCount};
use crate::phases::Phase;
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};
use crate::topology::{Births, Blueprint, BuildError, Columns, Deaths, Fabric, Family, build, columns, store};
use crate::units::Seed;

use super::failure::{Failure, StepError, caught, throw};
use super::finite::FiniteCheck;
use super::hash::{StateHash, combine, hash_section};
use super::schedule::{Executor, Paused, new_schedule, set_executor};
use super::state::{self, Follower, Followers, States};

/// A network, the systems that act on it, and where it stands in time.
///
/// Plugins register columns, resources and systems; [`Simulation::build`] makes the network; then
/// it steps. A step is a transaction: if a system panics or returns an error, the simulation is
/// poisoned, takes no further step and is not saved, until [`Simulation::load`] restores it.
pub struct Simulation {
    world: World,
    pub(super) schedule: Schedule,
    poison: Option<Failure>,
    finite: FiniteCheck,
    is_built: bool,
}

impl Simulation {
    /// An empty simulation whose random streams are keyed by `seed`.
    pub fn new(seed: Seed) -> Self {
        let mut world = World::new();
        world.insert_resource(FallbackErrorHandler(throw));
        world.insert_resource(RunSeed(seed));
        world.init_resource::<StepCount>();
        world.init_resource::<Columns>();
        world.init_resource::<Births>();
        world.init_resource::<Deaths>();
        world.init_resource::<Paused>();
        world.init_resource::<States>();
        world.init_resource::<Followers>();
        let mut sim = Simulation { world, schedule: new_schedule(), poison: None, finite: FiniteCheck::default(), is_built: false };
        sim.state(EnergyLedger::default());
        sim.state(Metrics::default());
        sim
    }

    /// Adds a feature.
    pub fn add(&mut self, plugin: impl FnOnce(&mut Simulation)) -> &mut Self {
        plugin(self);
        self
    }

    /// Adds systems to a phase; two that conflict must be ordered, by `.chain()` or by phase.
    pub fn add_systems<M>(&mut self, phase: Phase, systems: impl IntoScheduleConfigs<ScheduleSystem, M>) -> &mut Self {
        self.schedule.add_systems(systems.in_set(phase));
        self
    }

    /// Inserts a resource that is a setting or can be computed anew; it is not part of the state.
    pub fn insert_resource<R: Resource>(&mut self, resource: R) -> &mut Self {
        self.world.insert_resource(resource);
        self
    }

    /// Adds what brings a plugin in line with the rows after a state was loaded, before anyone looks at it.
    pub fn add_follower(&mut self, follow: Follower) -> &mut Self {
        self.world.resource_mut::<Followers>().0.push(follow);
        self
    }

    /// Inserts a resource that is part of the state: hashed, checkpointed and restored.
    ///
    /// # Panics
    /// If another state has its name.
    pub fn state<T: Resource<Mutability = Mutable> + Checkpointed>(&mut self, value: T) -> &mut Self {
        self.world.insert_resource(value);
        self.world.resource_mut::<States>().register::<T>();
        self
    }

    /// Gives all neurons a column.
    ///
    /// # Panics
    /// If the network is built, or the column is registered with another default.
    pub fn neuron_column<C: Column>(&mut self, default: C) -> &mut Self {
        self.register(Family::Neuron, None, default)
    }

    /// Gives all neurons of one kind a column.
    ///
    /// # Panics
    /// If the network is built, or the column is registered with another default.
    pub fn neuron_column_of<C: Column>(&mut self, kind: &str, default: C) -> &mut Self {
        self.register(Family::Neuron, Some(kind), default)
    }

    /// Gives all synapses a column.
    ///
    /// # Panics
    /// If the network is built, or the column is registered with another default.
    pub fn synapse_column<C: Column>(&mut self, default: C) -> &mut Self {
        self.register(Family::Synapse, None, default)
    }

    /// Gives all synapses of one kind a column.
    ///
    /// # Panics
    /// If the network is built, or the column is registered with another default.
    pub fn synapse_column_of<C: Column>(&mut self, kind: &str, default: C) -> &mut Self {
        self.register(Family::Synapse, Some(kind), default)
    }

    fn register<C: Column>(&mut self, family: Family, kind: Option<&str>, default: C) -> &mut Self {
        assert!(!self.is_built, "column {} comes after build: register columns before", C::NAME);
        self.world.resource_mut::<Columns>().register(family, kind, default);
        self
    }

    /// Chooses who runs the systems; the state does not depend on it.
    pub fn set_executor(&mut self, executor: Executor) -> &mut Self {
        set_executor(&mut self.schedule, executor);
        self
    }

    /// Orders the systems anew before the next step, ties broken by `seed`: for tests that no result hangs on it.
    #[cfg(test)]
    pub(crate) fn shuffle_systems(&mut self, seed: u64) {
        let settings = super::schedule::settings();
        self.schedule.set_build_settings(bevy_ecs::schedule::ScheduleBuildSettings { shuffle_seed: Some(seed), ..settings });
        // A schedule orders its systems when one was added.
        self.schedule.add_systems((|| ()).in_set(Phase::Observe));
    }

    /// Builds the network and orders the systems.
    ///
    /// # Errors
    /// If the blueprint makes no sense, memory is short, or two systems are ambiguous.
    pub fn build(&mut self, blueprint: Blueprint) -> Result<(), BuildError> {
        if self.is_built {
            return Err(BuildError::AlreadyBuilt);
        }
        build::build(&mut self.world, blueprint)?;
        self.is_built = true;
        self.order_systems()
    }

    /// Orders the systems, which fails if two are ambiguous; does nothing if none was added since.
    fn order_systems(&mut self) -> Result<(), BuildError> {
        match self.schedule.initialize(&mut self.world) {
            Ok(_) => Ok(()),
            Err(error) => Err(BuildError::Schedule(error.to_string(self.schedule.graph(), &self.world))),
        }
    }

    /// Takes one step.
    ///
    /// # Errors
    /// If the simulation is not built or poisoned, or a system panics or returns an error, which poisons it.
    pub fn step(&mut self) -> Result<(), StepError> {
        self.run_schedule(false)?;
        self.world.resource_mut::<StepCount>().0 += 1;
        Ok(())
    }

    /// Takes `n_steps` steps.
    ///
    /// # Errors
    /// Stops at the first step that fails.
    pub fn run(&mut self, n_steps: u64) -> Result<(), StepError> {
        (0..n_steps).try_for_each(|_| self.step())
    }

    /// Runs `Edit`, `Restructure` and `Observe` alone, as a paused simulation does; no step is counted.
    ///
    /// # Errors
    /// As [`Simulation::step`].
    pub fn step_paused(&mut self) -> Result<(), StepError> {
        self.run_schedule(true)
    }

    fn run_schedule(&mut self, paused: bool) -> Result<(), StepError> {
        if let Some(failure) = &self.poison {
            return Err(StepError::Poisoned(failure.clone()));
        }
        if !self.is_built {
            return Err(StepError::NotBuilt);
        }
        self.order_systems().map_err(StepError::Schedule)?;
        self.world.resource_mut::<Paused>().0 = paused;
        let step = self.step_count();
        let run = catch_unwind(AssertUnwindSafe(|| self.schedule.run(&mut self.world)));
        self.world.clear_trackers();
        let failure = match run {
            Err(payload) => Some(caught(payload, step)),
            Ok(()) => self.check_numbers(step),
        };
        match failure {
            Some(failure) => {
                self.poison = Some(failure.clone());
                Err(StepError::Failed(failure))
            }
            None => Ok(()),
        }
    }

    /// What is wrong with the energies, weights and biases after a step, if anything is.
    fn check_numbers(&mut self, step: u64) -> Option<Failure> {
        let energy = self.world.resource::<EnergyLedger>().check().err().map(|error| ("energy", error.to_string()));
        let what = energy.or_else(|| self.finite.find_non_finite(&self.world).map(|message| ("numbers", message)));
        what.map(|(culprit, message)| Failure { step, culprit: culprit.to_owned(), message, is_panic: false })
    }

    /// Number of finished steps.
    pub fn step_count(&self) -> u64 {
        self.world.resource::<StepCount>().0
    }

    /// The failure that poisoned the simulation, if one did.
    pub fn failure(&self) -> Option<&Failure> {
        self.poison.as_ref()
    }

    /// All state at a step boundary.
    ///
    /// # Errors
    /// If the simulation is poisoned or not built, or births or deaths are pending.
    pub fn save(&self) -> Result<Snapshot, StepError> {
        if let Some(failure) = &self.poison {
            return Err(StepError::Poisoned(failure.clone()));
        }
        if !self.is_built {
            return Err(StepError::NotBuilt);
        }
        if !self.world.resource::<Births>().is_empty() || !self.world.resource::<Deaths>().is_empty() {
            return Err(StepError::Pending);
        }
        let mut snapshot = Snapshot::default();
        snapshot.put(SEED, &[self.world.resource::<RunSeed>().0.0]);
        snapshot.put(STEP, &[self.step_count()]);
        store::save(&self.world, &mut snapshot);
        state::save(&self.world, &mut snapshot);
        Ok(snapshot)
    }

    /// Restores a state that a simulation with the same plugins and blueprint saved, whatever has
    /// been born or died since; nothing is changed if the snapshot is refused. (A snapshot of rows that a plugin cannot follow
    /// leaves the simulation poisoned.)
    ///
    /// # Errors
    /// If it is of another scene or makes no sense.
    ///
    /// # Panics
    /// If the simulation is not built.
    pub fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        assert!(self.is_built, "build the network before loading a state into it");
        let seed = snapshot.get_n::<u64>(SEED, 1)?[0];
        let step = snapshot.get_n::<u64>(STEP, 1)?[0];
        let checked = store::check(&self.world, snapshot)?;
        state::load(&mut self.world, snapshot)?;
        store::apply(&mut self.world, snapshot, checked);
        self.world.insert_resource(RunSeed(Seed(seed)));
        self.world.insert_resource(StepCount(step));
        self.world.insert_resource(Births::default());
        self.world.insert_resource(Deaths::default());
        self.poison = None;
        for follow in self.world.resource::<Followers>().0.clone() {
            if let Err(error) = follow(&mut self.world) {
                let message = error.to_string();
                self.poison = Some(Failure { step, culprit: "load".to_owned(), message: message.clone(), is_panic: false });
                return Err(SnapshotError::Invalid { name: "fabric".to_owned(), what: message });
            }
        }
        Ok(())
    }

    /// The hash of all state.
    pub fn state_hash(&self) -> StateHash {
        combine(self.section_hashes().iter().map(|(_, hash)| hash))
    }

    /// The hash of each section of the state, so that two runs can tell where they part.
    pub fn section_hashes(&self) -> Vec<(String, StateHash)> {
        let mut small = Snapshot::default();
        small.put(SEED, &[self.world.resource::<RunSeed>().0.0]);
        small.put(STEP, &[self.step_count()]);
        state::save(&self.world, &mut small);
        let mut hashes: Vec<_> = small.sections.iter().map(|s| (s.name.clone(), hash_section(&s.name, s.dtype, &s.bytes))).collect();
        if self.is_built {
            hashes.extend(store::columns(&self.world).into_iter().map(|view| {
                let hash = hash_section(&view.section, view.dtype, view.bytes);
                (view.section, hash)
            }));
        }
        hashes
    }

    /// The map of populations and projections.
    ///
    /// # Panics
    /// If the simulation is not built.
    pub fn fabric(&self) -> &Fabric {
        self.world.resource::<Fabric>()
    }

    /// Column `C` of the population called `name`, one a neuron.
    pub fn neurons<C: Column>(&self, name: &str) -> Option<&[C]> {
        let fabric = self.world.get_resource::<Fabric>()?;
        fabric.neuron_rows(&self.world, fabric.find_population(name)?)
    }

    /// Column `C` of the projection called `name`, one a synapse, sorted by (target, source).
    pub fn synapses<C: Column>(&self, name: &str) -> Option<&[C]> {
        let fabric = self.world.get_resource::<Fabric>()?;
        fabric.synapse_rows(&self.world, fabric.find_projection(name)?)
    }

    /// Column `C` of the population called `name`, mutable.
    pub fn neurons_mut<C: Column>(&mut self, name: &str) -> Option<&mut [C]> {
        let fabric = self.world.get_resource::<Fabric>()?;
        let population = fabric.population(fabric.find_population(name)?);
        population.note_write::<C>();
        let (first, rows) = (fabric.neuron_kinds[population.kind].first, population.rows());
        rows_of_mut(&mut self.world, first, rows)
    }

    /// Column `C` of the projection called `name`, mutable.
    pub fn synapses_mut<C: Column>(&mut self, name: &str) -> Option<&mut [C]> {
        let fabric = self.world.get_resource::<Fabric>()?;
        let projection = fabric.projection(fabric.find_projection(name)?);
        projection.note_write::<C>();
        let (first, rows) = (fabric.synapse_kinds[projection.kind].first, projection.rows());
        rows_of_mut(&mut self.world, first, rows)
    }

    /// The world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world, mutable; rows of neurons and synapses are spawned and despawned by the fabric alone.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

const SEED: &str = "run/seed";
const STEP: &str = "run/step";

fn rows_of_mut<C: Column>(world: &mut World, first: Option<Entity>, rows: Range<usize>) -> Option<&mut [C]> {
    if rows.is_empty() {
        return Some(&mut []);
    }
    columns::column_mut::<C>(world, first?).map(|column| &mut column[rows])
}
