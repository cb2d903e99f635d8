//! Graph logic: the network in the world, colouring, compiling plans, and everything that knows how a network is wired.

pub mod access;
pub mod binary;
pub mod blueprint;
pub mod build;
pub mod colouring;
pub mod columns;
pub mod compile;
pub mod compile_network;
pub mod edits;
pub mod fabric;
pub mod generate;
pub mod nearest;
pub mod read;
pub mod restructure;
pub mod segments;
pub mod store;
mod table;
pub mod turnover;

pub use access::{Fields, Neurons, Synapses};
pub use blueprint::{Blueprint, BuildError, Edge, PopulationSpec, ProjectionSpec};
pub use colouring::colour_classes;
pub use columns::Columns;
pub use compile::{compile_spins, refresh_spins};
pub use edits::{Births, Deaths, End, NeuronBirth, SynapseBirth};
pub use fabric::{Fabric, Family, Population, PopulationIdx, Projection, ProjectionIdx};
pub use segments::{Rows, Segment, SegmentMut, Segments};
