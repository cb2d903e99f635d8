//! Where a run stands: its step and the seed of its random streams.

use bevy_ecs::resource::Resource;

use crate::units::Seed;

/// The number of finished steps, which is also the index of the step that is running.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepCount(pub u64);

/// The seed of the run, the first part of every stream key (see [`crate::random`]).
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSeed(pub Seed);
