//! A world, the schedule of its step, and what makes a step a transaction.

pub mod builder;
pub mod failure;
mod finite;
pub mod hash;
pub mod schedule;
pub mod state;

#[cfg(test)]
mod tests;

pub use builder::Simulation;
pub use failure::{Failure, StepError};
pub use hash::{Difference, StateHash, first_difference};
pub use schedule::{Executor, is_running};
pub use state::Follower;
