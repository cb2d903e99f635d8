//! The heat bath: spin networks of a world, the methods that sample, anneal and temper them, and wirings that are sampled with them.

pub mod diagnostics;
pub mod recall;
pub mod spin_method;
pub mod spin_network;
pub mod structure;

pub use diagnostics::absent_diagnostics;
pub use spin_method::{KnownOptimum, MaxCut, SpinMethod};
pub use spin_network::{SpinNetwork, SpinSettings, SpinValues, ThermoError, attach, columns, columns_of_one_replica};
