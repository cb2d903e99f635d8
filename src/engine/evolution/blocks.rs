//! Genes of a population as slices of columns: a block of fixed capacity for each genome, wherever the columns live.
//!
//! ```text
//! node row         genome * node_capacity + n            n-th node of a genome, in the order of its ids
//! connection row   genome * connection_capacity + c      c-th connection, in the order of (birth, id)
//! n_nodes[genome], n_connections[genome]                 how many rows of a block are used
//! ```
//!
//! Connections name their ends by node rows. Rows that are not used hold [`unused values`](GenomeBlocksMut::clear), so that equal
//! populations have equal columns.

use crate::plan::population::{Activation, Aggregation, GenomeView, NodeKind};

use super::genes::{ConnectionGene, NodeGene};
use super::genome::Genome;

/// The columns of a population, to read.
#[derive(Clone, Copy, Debug)]
pub struct GenomeBlocks<'a> {
    /// Node rows of a block.
    pub node_capacity: usize,
    /// Connection rows of a block.
    pub connection_capacity: usize,
    /// Used node rows of each block.
    pub n_nodes: &'a [u32],
    /// Used connection rows of each block.
    pub n_connections: &'a [u32],
    /// Ids of nodes.
    pub node_ids: &'a [u64],
    /// Kinds of nodes.
    pub kinds: &'a [NodeKind],
    /// Activations of nodes.
    pub activations: &'a [Activation],
    /// Aggregations of nodes.
    pub aggregations: &'a [Aggregation],
    /// Biases of nodes.
    pub biases: &'a [f32],
    /// Time constants of nodes.
    pub time_constants: &'a [f32],
    /// Innovation ids of connections.
    pub ids: &'a [u64],
    /// Generations in which connections were numbered.
    pub births: &'a [u32],
    /// Node rows at which connections begin.
    pub sources: &'a [u32],
    /// Node rows at which connections end.
    pub targets: &'a [u32],
    /// Weights of connections.
    pub weights: &'a [f32],
    /// Which connections are used.
    pub enabled: &'a [bool],
}

impl<'a> GenomeBlocks<'a> {
    /// Number of genomes.
    pub fn len(&self) -> usize {
        self.n_nodes.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.n_nodes.is_empty()
    }

    /// The genes of genome `k`.
    pub fn view(&self, k: usize) -> GenomeView<'a> {
        let nodes = k * self.node_capacity..k * self.node_capacity + self.n_nodes[k] as usize;
        let connections = k * self.connection_capacity..k * self.connection_capacity + self.n_connections[k] as usize;
        GenomeView {
            first_node: nodes.start as u32,
            node_ids: &self.node_ids[nodes.clone()],
            kinds: &self.kinds[nodes.clone()],
            activations: &self.activations[nodes.clone()],
            aggregations: &self.aggregations[nodes.clone()],
            biases: &self.biases[nodes.clone()],
            time_constants: &self.time_constants[nodes],
            ids: &self.ids[connections.clone()],
            births: &self.births[connections.clone()],
            sources: &self.sources[connections.clone()],
            targets: &self.targets[connections.clone()],
            weights: &self.weights[connections.clone()],
            enabled: &self.enabled[connections],
        }
    }

    /// All genomes in order.
    pub fn iter(self) -> impl Iterator<Item = GenomeView<'a>> {
        (0..self.len()).map(move |k| self.view(k))
    }
}

/// The columns of a population, to write.
#[derive(Debug)]
pub struct GenomeBlocksMut<'a> {
    /// Node rows of a block.
    pub node_capacity: usize,
    /// Connection rows of a block.
    pub connection_capacity: usize,
    /// Used node rows of each block.
    pub n_nodes: &'a mut [u32],
    /// Used connection rows of each block.
    pub n_connections: &'a mut [u32],
    /// Ids of nodes.
    pub node_ids: &'a mut [u64],
    /// Kinds of nodes.
    pub kinds: &'a mut [NodeKind],
    /// Activations of nodes.
    pub activations: &'a mut [Activation],
    /// Aggregations of nodes.
    pub aggregations: &'a mut [Aggregation],
    /// Biases of nodes.
    pub biases: &'a mut [f32],
    /// Time constants of nodes.
    pub time_constants: &'a mut [f32],
    /// Innovation ids of connections.
    pub ids: &'a mut [u64],
    /// Generations in which connections were numbered.
    pub births: &'a mut [u32],
    /// Node rows at which connections begin.
    pub sources: &'a mut [u32],
    /// Node rows at which connections end.
    pub targets: &'a mut [u32],
    /// Weights of connections.
    pub weights: &'a mut [f32],
    /// Which connections are used.
    pub enabled: &'a mut [bool],
}

impl GenomeBlocksMut<'_> {
    /// Rewrites the block of genome `k`; rows that it used and uses no longer are cleared.
    ///
    /// # Panics
    /// If the genome does not fit a block, or one of its connections ends at no node of it.
    pub fn write(&mut self, k: usize, genome: &Genome) {
        let (n_nodes, n_connections) = (genome.nodes.len(), genome.connections.len());
        assert!(n_nodes <= self.node_capacity, "{n_nodes} nodes in a block of {}", self.node_capacity);
        assert!(n_connections <= self.connection_capacity, "{n_connections} connections in a block of {}", self.connection_capacity);
        let (first_node, first) = (k * self.node_capacity, k * self.connection_capacity);
        for (row, gene) in (first_node..).zip(&genome.nodes) {
            self.write_node(row, gene);
        }
        let row_of = |id: u64| match genome.node(id) {
            Some(place) => (first_node + place) as u32,
            None => panic!("a connection ends at node {id:x}, which is none of {n_nodes}"),
        };
        for (row, gene) in (first..).zip(&genome.connections) {
            let ConnectionGene { id, birth, source, target, weight, enabled } = *gene;
            self.ids[row] = id;
            self.births[row] = birth;
            self.sources[row] = row_of(source);
            self.targets[row] = row_of(target);
            self.weights[row] = weight;
            self.enabled[row] = enabled;
        }
        let (old_nodes, old_connections) = (self.n_nodes[k] as usize, self.n_connections[k] as usize);
        self.clear_nodes(first_node + n_nodes..first_node + old_nodes.max(n_nodes));
        self.clear_connections(k, first + n_connections..first + old_connections.max(n_connections));
        self.n_nodes[k] = n_nodes as u32;
        self.n_connections[k] = n_connections as u32;
    }

    fn write_node(&mut self, row: usize, gene: &NodeGene) {
        let NodeGene { id, kind, activation, aggregation, bias, time_constant } = *gene;
        self.node_ids[row] = id;
        self.kinds[row] = kind;
        self.activations[row] = activation;
        self.aggregations[row] = aggregation;
        self.biases[row] = bias;
        self.time_constants[row] = time_constant;
    }

    /// Empties all blocks, whatever their rows hold: nodes are hidden ones of id 0, connections are disabled and join the first node
    /// of their block with itself.
    pub fn clear(&mut self) {
        self.clear_nodes(0..self.node_ids.len());
        for k in 0..self.n_nodes.len() {
            self.clear_connections(k, k * self.connection_capacity..(k + 1) * self.connection_capacity);
        }
        self.n_nodes.fill(0);
        self.n_connections.fill(0);
    }

    fn clear_nodes(&mut self, rows: std::ops::Range<usize>) {
        self.node_ids[rows.clone()].fill(0);
        self.kinds[rows.clone()].fill(NodeKind::Hidden);
        self.activations[rows.clone()].fill(Activation::Identity);
        self.aggregations[rows.clone()].fill(Aggregation::Sum);
        self.biases[rows.clone()].fill(0.0);
        self.time_constants[rows].fill(1.0);
    }

    fn clear_connections(&mut self, k: usize, rows: std::ops::Range<usize>) {
        let first_node = (k * self.node_capacity) as u32;
        self.ids[rows.clone()].fill(0);
        self.births[rows.clone()].fill(0);
        self.sources[rows.clone()].fill(first_node);
        self.targets[rows.clone()].fill(first_node);
        self.weights[rows.clone()].fill(0.0);
        self.enabled[rows].fill(false);
    }
}

/// Rows (of nodes, of connections) that the largest of `genomes` needs.
pub fn largest(genomes: &[Genome]) -> (usize, usize) {
    let nodes = genomes.iter().map(|g| g.nodes.len()).max().unwrap_or(0);
    (nodes, genomes.iter().map(|g| g.connections.len()).max().unwrap_or(0))
}

/// A capacity of at least `needed`: the old one if it suffices, else with an eighth to spare.
pub fn grown(old: usize, needed: usize) -> usize {
    if needed <= old { old } else { (needed + needed / 8).next_multiple_of(4) }
}
