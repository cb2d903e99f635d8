//! The checked scene of spins that learn.

use crate::thermo::{EquilibriumPropagation, TrainBoltzmann};

use super::checked::{Population, Projection};
use super::checked_network::Data;

/// Spins, their couplings, what they learn from, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct MachineModel {
    /// Populations, in order.
    pub populations: Vec<Population>,
    /// Projections, in order.
    pub projections: Vec<Projection>,
    /// Samples.
    pub data: Data,
    /// How it learns.
    pub system: MachineSystem,
}

/// How spins learn.
#[derive(Clone, Debug, PartialEq)]
pub enum MachineSystem {
    /// As a Boltzmann machine.
    Boltzmann(TrainBoltzmann),
    /// By equilibrium propagation.
    Propagation(EquilibriumPropagation),
}

impl MachineSystem {
    /// Its name in a scene.
    pub fn name(&self) -> &'static str {
        match self {
            MachineSystem::Boltzmann(_) => "TrainBoltzmann",
            MachineSystem::Propagation(_) => "EquilibriumPropagation",
        }
    }
}
