//! A population of small irregular networks, as kernels execute it: what its nodes do ([`unit`]), the genes of one genome as
//! slices ([`GenomeView`]), one genome compiled ([`Network`]).

pub mod genome_view;
pub mod network;
pub mod unit;

pub use genome_view::GenomeView;
pub use network::{Network, Node, Wiring};
pub use unit::{Activation, Aggregation, NodeKind};
