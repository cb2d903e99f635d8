//! From a checked scene of spins that learn to a simulation.

use std::sync::Arc;

use crate::simulation::Simulation;
use crate::thermo::{MachineSamples, propagate_equilibrium, train_boltzmann};
use crate::units::Seed;

use super::build::{SceneBuildError, spin_blueprint};
use super::checked_machine::{MachineModel, MachineSystem};

/// Builds the simulation of `model`, ready for its first step.
///
/// # Errors
/// If memory runs out, or for what only the building can tell.
pub(super) fn build_machine(seed: Seed, model: &MachineModel) -> Result<Simulation, SceneBuildError> {
    let mut sim = Simulation::new(seed);
    let (blueprint, _) = spin_blueprint(&model.populations, &model.projections)?;
    sim.build(blueprint)?;
    let (train, test) = model.data.prepare(seed)?;
    let samples = MachineSamples { train: Arc::new(train), test: Arc::new(test) };
    match &model.system {
        MachineSystem::Boltzmann(settings) => train_boltzmann(&mut sim, settings.clone(), samples)?,
        MachineSystem::Propagation(settings) => propagate_equilibrium(&mut sim, settings.clone(), samples)?,
    }
    Ok(sim)
}
