//! Pure algorithms without ECS: acceptance rules, spin engines, annealing and tempering methods, diagnostics.

pub mod diagnostics;
pub mod exact;
pub mod hopfield;
pub mod methods;
pub mod spins;
