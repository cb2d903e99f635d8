//! Networks that compute: units, and the compiled order in which neurons are evaluated.

pub mod hardware;
pub mod levels;
pub mod network_plan;
pub mod packed;
pub mod quantised_rows;
pub mod stored;
pub mod unit;

pub use hardware::{
    Granularity, HardwareError, HardwareProfile, InputConverter, InputRange, Noise, NoiseOrder, OutputConverter, OutputRange, OutputUnit,
    Rounding, Scheme, WeightProfile,
};
pub use network_plan::{Block, Layer, NetworkPlan, PlanError, Rows, Stage};
pub use quantised_rows::{PackError, Packing, QuantisedRows};
pub use stored::WeightFormat;
pub use unit::{Gate, Lif, Unit};
