//! Driven plasticity: local rules of learning, growth by correlation and by calcium, pruning, lesions.
//!
//! A [`PlasticitySettings`] names what acts on which projection; its columns come before the network is built, [`attach`] after.
//! Rules of growth and pruning record births and deaths, which the fabric applies; nothing here touches the structure. Results are
//! driven: they keep invariants and promise no distribution.

mod account;
pub mod columns;
pub mod drive;
mod grow;
mod learn;
mod lesion;
mod places;
mod prune;
pub mod settings;
mod system;
mod traces;

pub use columns::{
    ActivityMean, ActivitySketch, ActivityVariance, AxonalElements, BcmThreshold, Calcium, DendriticElements, EnergyGradient, EnergyShare,
    IdleSteps, Place,
};
pub use drive::{Drive, DriveError, drive};
pub use places::place;
pub use settings::{
    GrowthTemperature, HebbianGrowth, HomeostaticGrowth, LearnLocally, Lesion, LesionTarget, PlasticityError, PlasticitySettings, Pruning,
    Scaling,
};
pub use system::attach;
