//! Pure layouts that kernels execute, compiled from a world or from a model file. They hold no state.

pub mod dense_plan;
pub mod high_parts;
pub mod ising;
pub mod lane_edges;
pub mod lane_rows;
pub mod network;
pub mod population;
pub mod real_rows;
pub mod replica_bits;
pub mod spin_plan;

pub use dense_plan::{DenseError, DensePlan, DenseRows, DenseSettings, RowFormat};
pub use ising::{Coupling, IsingModel};
pub use lane_edges::LaneEdges;
pub use lane_rows::LaneRows;
pub use real_rows::RealRows;
pub use replica_bits::ReplicaBits;
pub use spin_plan::SpinPlan;
