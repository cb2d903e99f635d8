//! The genes of one genome as slices of the columns of its block.

use super::unit::{Activation, Aggregation, NodeKind};

/// One genome: nodes sorted by id (given ones, outputs, hidden ones), connections sorted by (birth, id).
#[derive(Clone, Copy, Debug)]
pub struct GenomeView<'a> {
    /// Row of its first node in the columns, from which ends of connections are counted.
    pub first_node: u32,
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
    /// Rows of the nodes at which the connections begin.
    pub sources: &'a [u32],
    /// Rows of the nodes at which the connections end.
    pub targets: &'a [u32],
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

    /// The place of the node at which connection `c` begins.
    pub fn source(&self, c: usize) -> usize {
        (self.sources[c] - self.first_node) as usize
    }

    /// The place of the node at which connection `c` ends.
    pub fn target(&self, c: usize) -> usize {
        (self.targets[c] - self.first_node) as usize
    }

    /// Where the node with this id is.
    pub fn node(&self, id: u64) -> Option<usize> {
        self.node_ids.binary_search(&id).ok()
    }
}

impl PartialEq for GenomeView<'_> {
    /// Equal genes, wherever their rows are: connections of one id join the same nodes.
    fn eq(&self, other: &Self) -> bool {
        self.node_ids == other.node_ids
            && self.kinds == other.kinds
            && self.activations == other.activations
            && self.aggregations == other.aggregations
            && self.biases == other.biases
            && self.time_constants == other.time_constants
            && self.ids == other.ids
            && self.births == other.births
            && self.weights == other.weights
            && self.enabled == other.enabled
    }
}
