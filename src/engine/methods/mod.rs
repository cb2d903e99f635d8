//! Annealing, tempering, population and importance sampling, and optimisation over any spin engine.
//!
//! Every method is a state machine: `iterate` runs one iteration (a step of a simulation), and
//! `save` and `load` between iterations continue bit for bit. The key given to `iterate` must name
//! another step each time; the states of the spins are the sampler's, and its owner saves them.

pub mod ais;
pub mod anneal;
pub mod clusters;
pub mod cycling;
pub mod elites;
pub mod ladder;
pub mod optimise;
pub mod population;
mod report;
pub mod sample;
pub mod schedule;
pub mod settings;
pub mod start;
pub mod state;
pub mod tempering;

pub use ais::{Ais, LnZ};
pub use anneal::Anneal;
pub use cycling::Cycling;
pub use population::Population;
pub use report::DIAGNOSTICS;
pub use sample::{Sample, SampleSettings};
pub use schedule::{Schedule, ScheduleShape, TemperatureRange, annealing_range, default_range};
pub use settings::{
    AisSettings, AnnealSettings, BetaSteps, ClusterMoves, CyclingSettings, MethodSettings, OptimiseSettings, PopulationSettings,
    SettingsError, TemperingSettings,
};
pub use start::BestState;
pub use state::MethodState;
pub use tempering::Tempering;
