//! Optimisers: how a gradient becomes a step of the weights, and how fast, over the course of training.

pub mod optimiser;
pub mod schedule;

pub use optimiser::{Clip, Optimiser, WeightDecay};
pub use schedule::{Course, Schedule};

/// What is wrong with the settings of training.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} is {value}: it must be {must}")]
pub struct SettingError {
    /// The setting.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// What it must be.
    pub must: &'static str,
}

/// Pushes an error unless `is_right`.
pub(crate) fn demand(errors: &mut Vec<SettingError>, name: &'static str, value: f64, is_right: bool, must: &'static str) {
    if !is_right {
        errors.push(SettingError { name, value, must });
    }
}
