//! Topology as a variable: which of M candidate synapses live, and their weights, sampled together at a temperature.
//!
//! The target is pi(S, w) ~ exp(-U/T) times a base measure: for every living synapse the odds rho/(1-rho) of a density (or mu in U
//! instead) and the slab, the density that its weight has without any energy. U = energy + structural cost. Moves between
//! dimensions follow reversible jump (Green 1995); the entropy of wirings comes from sampling them and is never added to U.

pub mod account;
pub mod candidates;
pub mod driven;
pub mod energy;
mod foresight;
pub mod free_energy;
pub mod graphs;
pub mod kernel;
pub mod neurons;
pub mod patterns;
pub mod scores;
pub mod settings;
pub mod slack_rows;
pub mod span;
pub mod spins;
pub mod state;
pub mod sum_tree;

pub use account::{Account, ln_choose};
pub use candidates::{CandidateError, Candidates};
pub use energy::{Nothing, StructureEnergy};
pub use free_energy::{Estimator, FreeEnergy, FreeEnergyRequest, FreeEnergySettings};
pub use graphs::{GraphEnergy, GraphTerms};
pub use kernel::{Draws, Move, Proposal, Tally, propose, propose_within, walk};
pub use neurons::{Counting, NeuronMove, NeuronProposal, NeuronSettings, Newborns, Pool};
pub use patterns::{Objective, PatternEnergy};
pub use settings::{Caps, Claim, DegreeCost, Degrees, Density, MoveShares, Preset, Score, Slab, StructureSettings};
pub use span::Span;
pub use spins::LiveSpins;
pub use state::Structure;
