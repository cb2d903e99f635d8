//! What users write simulations with: `use lehr::prelude::*`. Inside the crate, modules import by name.

pub use bevy_ecs::component::Component;
pub use bevy_ecs::prelude::{IntoScheduleConfigs, Res, ResMut, Resource};
pub use bytemuck::{Pod, Zeroable};

pub use crate::components::{
    Activation, Bias, Clamped, Column, EnergyLedger, Metrics, NeuronId, RunSeed, Source, StepCount, Target, Weight,
};
pub use crate::phases::Phase;
pub use crate::simulation::{Executor, Simulation, StepError};
pub use crate::topology::{
    Births, Blueprint, BuildError, Deaths, Edge, End, Fabric, NeuronBirth, Neurons, PopulationIdx, PopulationSpec, ProjectionIdx,
    ProjectionSpec, SynapseBirth, Synapses,
};
pub use crate::units::{Beta, Seed, Temperature};
