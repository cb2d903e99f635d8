//! The genes of one genome as slices of the columns of its block.

use super::unit::{Activation, Aggregation, NodeKind};

/// One genome: nodes sorted by id (given ones, outputs, hidden ones), connections sorted by (birth, id).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GenomeView<'a> {
    /// Ids of the nodes, ascending.
    pub node_ids: &'a [u64],
    /// Kinds of the nodes.
    pub kinds: &'a [NodeKind],
    /// Activations of the nodes.
    pub activations: &'a [Activation],
    /// How the nodes join their inputs.
    pub aggregations: &'a [Aggregation],
    /// Biases of the nodes.
    pub biases: &'a [f32],
    /// Time constants of the nodes, above 0, in units of the clock (used by continuous-time networks alone).
    pub time_constants: &'a [f32],
    /// Innovation ids of the connections.
    pub ids: &'a [u64],
    /// Generations in which the connections were numbered (0 where ids are global).
    pub births: &'a [u32],
    /// Source nodes of the connections, by id.
    pub sources: &'a [u64],
    /// Target nodes of the connections, by id.
    pub targets: &'a [u64],
    /// Weights of the connections.
    pub weights: &'a [f32],
    /// False where a connection is carried but not used.
    pub enabled: &'a [bool],
}

impl GenomeView<'_> {
    /// Number of nodes.
    pub fn n_nodes(&self) -> usize {
        self.node_ids.len()
    }

    /// Number of connections, enabled or not.
    pub fn n_connections(&self) -> usize {
        self.ids.len()
    }

    /// Number of connections in use.
    pub fn n_enabled(&self) -> usize {
        self.enabled.iter().filter(|&&e| e).count()
    }

    /// Number of hidden nodes.
    pub fn n_hidden(&self) -> usize {
        self.kinds.iter().filter(|&&k| k == NodeKind::Hidden).count()
    }

    /// Where the node with this id is.
    pub fn node(&self, id: u64) -> Option<usize> {
        self.node_ids.binary_search(&id).ok()
    }
}
