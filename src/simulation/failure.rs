//! How a step fails: what a system returned or panicked with, and the poison it leaves.
//!
//! bevy calls its error handler for both, with the system's name, and would go on with the next
//! system. This handler unwinds out of the schedule instead, and the step catches what it threw.

use std::any::Any;

use bevy_ecs::error::{BevyError, ErrorContext};

use crate::topology::BuildError;

/// What a system did wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {step}, {culprit}: {message}")]
pub struct Failure {
    /// The step in which it happened.
    pub step: u64,
    /// The system, or what else failed.
    pub culprit: String,
    /// What it returned or panicked with.
    pub message: String,
    /// True if it panicked.
    pub is_panic: bool,
}

/// Why a step was not taken, or not finished.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StepError {
    /// The simulation has no network.
    #[error("the simulation is not built: call build first")]
    NotBuilt,
    /// Systems that were added after the network was built cannot be ordered; no step was begun.
    #[error("{0}")]
    Schedule(BuildError),
    /// Births or deaths were recorded after the last step.
    #[error("births or deaths are pending: take a step, or a paused one, before saving")]
    Pending,
    /// This step failed; its state is half-way and the simulation is poisoned.
    #[error("{0}")]
    Failed(Failure),
    /// An earlier step failed.
    #[error("the simulation is poisoned and takes no further step: load a checkpoint. What happened: {0}")]
    Poisoned(Failure),
}

/// What the error handler throws.
struct Thrown {
    culprit: String,
    message: String,
    is_panic: bool,
}

/// The error handler of every simulation: leaves the schedule at once.
pub(super) fn throw(mut error: BevyError, context: ErrorContext) {
    let culprit = format!("{} {}", context.kind(), context.name());
    let thrown = match error.take_payload() {
        // A returned error was thrown inside of the system's own catch and comes by again.
        Some(payload) => match payload.downcast::<Thrown>() {
            Ok(thrown) => thrown,
            Err(payload) => Box::new(Thrown { culprit, message: panic_message(&*payload), is_panic: true }),
        },
        None => Box::new(Thrown { culprit, message: error.to_string().trim_end().to_owned(), is_panic: false }),
    };
    std::panic::resume_unwind(thrown);
}

/// The failure behind what the schedule was left with.
pub(super) fn caught(payload: Box<dyn Any + Send>, step: u64) -> Failure {
    match payload.downcast::<Thrown>() {
        Ok(thrown) => Failure { step, culprit: thrown.culprit, message: thrown.message, is_panic: thrown.is_panic },
        Err(payload) => Failure { step, culprit: "the schedule".to_owned(), message: panic_message(&*payload), is_panic: true },
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned()).or_else(|| payload.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_else(|| "without a message".to_owned()))
}
