//! lehr: an entity-component-system simulation engine for neural networks that learn by thermodynamics.
//!
//! Modules stand in floor order; each imports only floors below its own (see ARCHITECTURE.md).

// Floor 0
pub mod math;
pub mod random;
pub mod reduce;
pub mod units;
// Floor 1
pub mod components;
pub mod phases;
pub mod plan;
pub mod snapshot;
// Floor 2
pub mod data;
pub mod engine;
pub mod kernels;
pub mod simulation;
pub mod topology;
// Floor 3
pub mod evolution;
pub mod network;
pub mod plasticity;
pub mod thermo;
// Floor 4
pub mod scene;
// Floor 5
pub mod run;
// Floor 6
pub mod cli;
// Floor 7
pub mod prelude;
