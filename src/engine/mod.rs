//! Pure algorithms without ECS: acceptance rules, spin engines, annealing and tempering methods, diagnostics,
//! networks that compute and learn, structures that are sampled, driven plasticity, Boltzmann machines, evolution of networks.

pub mod associative;
pub mod boltzmann;
pub mod diagnostics;
pub mod evolution;
pub mod exact;
pub mod hopfield;
pub mod methods;
pub mod network;
pub mod plasticity;
pub mod spins;
pub mod structure;
