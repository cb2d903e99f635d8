//! Boltzmann machines that learn by local rules: correlations with data held minus correlations without.
//!
//! Restricted, deep and general machines are one type, layers of two-valued units joined by dense links; samples and
//! particles are lanes of one state, so that a sweep is a few matrix products and a few vectors of draws.

pub mod chains;
pub mod exact;
pub mod gradient;
pub mod likelihood;
pub mod machine;
pub mod propagation;
pub mod readout;
pub mod state;
pub mod sums;
pub mod training;

#[cfg(test)]
mod likelihood_tests;
#[cfg(test)]
mod propagation_tests;
#[cfg(test)]
mod tests;

pub use chains::{Chains, Ladder};
pub use gradient::{Averages, Gradient};
pub use likelihood::{AisRuns, LnZ};
pub use machine::{Layer, Link, Machine, Shape, UnitValues};
pub use propagation::{Propagation, PropagationSettings};
pub use readout::{Features, Logistic};
pub use state::LaneState;
pub use training::{Negative, Positive, TrainSettings, Trainer};
