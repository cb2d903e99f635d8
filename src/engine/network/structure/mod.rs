//! The structure of a network as a variable: its candidate synapses, and what the loss changes by when some are born or die.

pub mod candidates;
pub mod energy;
pub mod hidden;
pub mod pruning;
mod steps;

pub use candidates::{CandidateRows, NetworkCandidates, NoCandidates, near_pairs, pairs_of};
pub use energy::NetworkEnergy;
pub use hidden::HiddenSettings;
pub use pruning::Pruning;
