//! A population of small irregular networks, as kernels execute it: what its nodes do ([`mod@unit`]), the genes of one genome as
//! slices ([`GenomeView`]), one genome compiled ([`Network`]), a block of them in slices of 16 nodes ([`BlockPlan`]).

pub mod block_plan;
pub mod genome_view;
pub mod network;
pub mod unit;

pub use block_plan::{BlockPlan, Slice};
pub use genome_view::GenomeView;
pub use network::{Network, Node, Wiring};
pub use unit::{Activation, Aggregation, NodeKind};
