//! Registered resources as state: saved, hashed and restored beside the columns.

use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;

use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};

/// A registered resource, by its functions.
#[derive(Clone, Copy)]
struct State {
    name: &'static str,
    save: fn(&World, &mut Snapshot),
    load: fn(&mut World, &Snapshot) -> Result<(), SnapshotError>,
}

/// All registered resources, in the order of their names.
#[derive(Resource, Default)]
pub(super) struct States(Vec<State>);

impl States {
    /// Registers `T`.
    ///
    /// # Panics
    /// If another one has its name.
    pub(super) fn register<T: Resource<Mutability = bevy_ecs::component::Mutable> + Checkpointed>(&mut self) {
        let state = State {
            name: T::NAME,
            save: |world, snapshot| world.resource::<T>().save(snapshot),
            load: |world, snapshot| world.resource_mut::<T>().load(snapshot),
        };
        match self.0.binary_search_by_key(&T::NAME, |s| s.name) {
            Ok(_) => panic!("state \"{}\" is registered twice", T::NAME),
            Err(at) => self.0.insert(at, state),
        }
    }
}

/// What must follow the rows and states of the world, after they were restored.
#[derive(Resource, Default)]
pub(super) struct Followers(pub(super) Vec<Follower>);

/// Brings what it holds in line with the world.
pub type Follower = fn(&mut World) -> bevy_ecs::error::Result;

/// Appends the sections of all states.
pub(super) fn save(world: &World, snapshot: &mut Snapshot) {
    for state in &world.resource::<States>().0 {
        let n_before = snapshot.sections.len();
        (state.save)(world, snapshot);
        let stray = snapshot.sections[n_before..].iter().find(|s| s.name.split('/').next() != Some(state.name));
        assert!(stray.is_none(), "state \"{}\" writes section \"{}\"", state.name, stray.map_or("", |s| &s.name));
    }
}

/// Restores all states, or none: the first that refuses makes those before it what they were.
pub(super) fn load(world: &mut World, snapshot: &Snapshot) -> Result<(), SnapshotError> {
    let mut before = Snapshot::default();
    save(world, &mut before);
    let states = world.resource::<States>().0.clone();
    for (i, state) in states.iter().enumerate() {
        if let Err(error) = (state.load)(world, snapshot) {
            for undo in &states[..=i] {
                (undo.load)(world, &before).unwrap_or_else(|e| panic!("state \"{}\" does not read what it wrote: {e}", undo.name));
            }
            return Err(error);
        }
    }
    Ok(())
}
