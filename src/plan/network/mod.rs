//! Networks that compute: units, and the compiled order in which neurons are evaluated.

pub mod levels;
pub mod network_plan;
pub mod unit;

pub use network_plan::{Block, Layer, NetworkPlan, PlanError, Rows, Stage};
pub use unit::{Gate, Lif, Unit};
