//! Annealing, tempering, population and importance sampling, and optimisation over any spin engine.
//!
//! Every method is a state machine: `iterate` runs one iteration (a step of a simulation), and
//! `save` and `load` between iterations continue bit for bit.

pub mod schedule;
pub mod settings;

pub use schedule::{ScheduleShape, TemperatureRange};
pub use settings::{
    AisSettings, AnnealSettings, BetaSteps, ClusterMoves, CyclingSettings, MethodSettings, OptimiseSettings, PopulationSettings,
    SettingsError, TemperingSettings,
};
