//! The heat bath: spin networks of a world, the methods that sample, anneal and temper them, wirings that are sampled with them, and
//! machines that learn.

pub mod boltzmann;
pub mod diagnostics;
pub mod learner;
pub mod machine;
pub mod propagation;
pub mod recall;
pub mod spin_method;
pub mod spin_network;
pub mod structure;

pub use boltzmann::{TrainBoltzmann, train_boltzmann};
pub use diagnostics::absent_diagnostics;
pub use learner::LearningPace;
pub use machine::{MachineError, MachineSamples};
pub use propagation::{EquilibriumPropagation, propagate_equilibrium};
pub use spin_method::{KnownOptimum, MaxCut, SpinMethod};
pub use spin_network::{SpinNetwork, SpinSettings, SpinValues, ThermoError, attach, columns, columns_of_one_replica};
