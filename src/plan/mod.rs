//! Pure layouts that kernels execute, compiled from a world or from a model file. They hold no state.

pub mod ising;
pub mod replica_bits;
pub mod spin_plan;

pub use ising::{Coupling, IsingModel};
pub use replica_bits::ReplicaBits;
pub use spin_plan::SpinPlan;
