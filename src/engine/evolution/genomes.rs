//! All genomes of a population in columns: a block of fixed capacity for each.
//!
//! ```text
//! row = genome * capacity + k        k-th gene of a genome, in the order of its ids
//! n_nodes[genome], n_connections[genome]   how many rows of its block are used
//! ```
//!
//! A new generation rewrites rows; nothing moves between blocks. Where one genome outgrows its block, all blocks grow.

use crate::plan::population::{Activation, Aggregation, GenomeView, NodeKind};

use super::genes::{ConnectionGene, NodeGene};
use super::genome::Genome;

/// The genes of a population.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Genomes {
    node_capacity: usize,
    connection_capacity: usize,
    n_nodes: Vec<u32>,
    n_connections: Vec<u32>,
    node_ids: Vec<u64>,
    kinds: Vec<NodeKind>,
    activations: Vec<Activation>,
    aggregations: Vec<Aggregation>,
    biases: Vec<f32>,
    time_constants: Vec<f32>,
    ids: Vec<u64>,
    births: Vec<u32>,
    sources: Vec<u64>,
    targets: Vec<u64>,
    weights: Vec<f32>,
    enabled: Vec<bool>,
}

/// Applies a macro to every column of the nodes, and another of the connections.
macro_rules! columns {
    ($self:ident, $nodes:ident, $connections:ident) => {
        $nodes!($self.node_ids, 0);
        $nodes!($self.kinds, NodeKind::Hidden);
        $nodes!($self.activations, Activation::Identity);
        $nodes!($self.aggregations, Aggregation::Sum);
        $nodes!($self.biases, 0.0);
        $nodes!($self.time_constants, 1.0);
        $connections!($self.ids, 0);
        $connections!($self.births, 0);
        $connections!($self.sources, 0);
        $connections!($self.targets, 0);
        $connections!($self.weights, 0.0);
        $connections!($self.enabled, false);
    };
}

impl Genomes {
    /// Blocks for `n` genomes without genes.
    pub fn empty(n: usize) -> Self {
        Genomes { n_nodes: vec![0; n], n_connections: vec![0; n], ..Genomes::default() }
    }

    /// The columns of these genomes.
    pub fn from_genomes(genomes: &[Genome]) -> Self {
        let mut all = Genomes::empty(genomes.len());
        all.fill(genomes);
        all
    }

    /// Number of genomes.
    pub fn len(&self) -> usize {
        self.n_nodes.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.n_nodes.is_empty()
    }

    /// Rows of a block: (nodes, connections).
    pub fn capacity(&self) -> (usize, usize) {
        (self.node_capacity, self.connection_capacity)
    }

    /// Bytes that a connection gene takes in the columns.
    pub const BYTES_PER_CONNECTION: usize = 8 + 4 + 8 + 8 + 4 + 1;

    /// Rewrites all genomes.
    ///
    /// # Panics
    /// If their number differs.
    pub fn fill(&mut self, genomes: &[Genome]) {
        assert_eq!(genomes.len(), self.len(), "genomes, and blocks");
        let nodes = genomes.iter().map(|g| g.nodes.len()).max().unwrap_or(0);
        let connections = genomes.iter().map(|g| g.connections.len()).max().unwrap_or(0);
        self.reserve(nodes, connections);
        for (k, genome) in genomes.iter().enumerate() {
            self.write(k, genome);
        }
    }

    /// Rewrites genome `k`; only blocks that are too small grow, all of them together.
    pub fn set(&mut self, k: usize, genome: &Genome) {
        self.reserve(genome.nodes.len(), genome.connections.len());
        self.write(k, genome);
    }

    fn write(&mut self, k: usize, genome: &Genome) {
        let (node, connection) = (k * self.node_capacity, k * self.connection_capacity);
        for (row, gene) in (node..).zip(&genome.nodes) {
            let NodeGene { id, kind, activation, aggregation, bias, time_constant } = *gene;
            self.node_ids[row] = id;
            self.kinds[row] = kind;
            self.activations[row] = activation;
            self.aggregations[row] = aggregation;
            self.biases[row] = bias;
            self.time_constants[row] = time_constant;
        }
        for (row, gene) in (connection..).zip(&genome.connections) {
            let ConnectionGene { id, birth, source, target, weight, enabled } = *gene;
            self.ids[row] = id;
            self.births[row] = birth;
            self.sources[row] = source;
            self.targets[row] = target;
            self.weights[row] = weight;
            self.enabled[row] = enabled;
        }
        self.n_nodes[k] = genome.nodes.len() as u32;
        self.n_connections[k] = genome.connections.len() as u32;
    }

    /// Sets the weight of connection `c` of genome `k`: the one change that rewires nothing.
    pub fn set_weight(&mut self, k: usize, c: usize, weight: f32) {
        assert!(c < self.n_connections[k] as usize, "connection {c} of genome {k}, which has {}", self.n_connections[k]);
        self.weights[k * self.connection_capacity + c] = weight;
    }

    /// Makes room for that many genes in every block, with an eighth to spare where it grows.
    fn reserve(&mut self, nodes: usize, connections: usize) {
        let grown = |old: usize, new: usize| if new <= old { old } else { (new + new / 8).next_multiple_of(4) };
        let (nodes, connections) = (grown(self.node_capacity, nodes), grown(self.connection_capacity, connections));
        let (n, old_nodes, old_connections) = (self.len(), self.node_capacity, self.connection_capacity);
        macro_rules! grow_nodes {
            ($column:expr, $none:expr) => {
                grow(&mut $column, n, old_nodes, nodes, $none)
            };
        }
        macro_rules! grow_connections {
            ($column:expr, $none:expr) => {
                grow(&mut $column, n, old_connections, connections, $none)
            };
        }
        columns!(self, grow_nodes, grow_connections);
        self.node_capacity = nodes;
        self.connection_capacity = connections;
    }

    /// The genes of genome `k`.
    pub fn view(&self, k: usize) -> GenomeView<'_> {
        let nodes = k * self.node_capacity..k * self.node_capacity + self.n_nodes[k] as usize;
        let connections = k * self.connection_capacity..k * self.connection_capacity + self.n_connections[k] as usize;
        GenomeView {
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
    pub fn iter(&self) -> impl Iterator<Item = GenomeView<'_>> {
        (0..self.len()).map(|k| self.view(k))
    }
}

/// Widens the blocks of one column from `old` to `new` rows.
fn grow<T: Copy>(column: &mut Vec<T>, n: usize, old: usize, new: usize, none: T) {
    if old == new {
        return;
    }
    let mut wide = vec![none; n * new];
    if old > 0 {
        for (to, from) in wide.chunks_exact_mut(new).zip(column.chunks_exact(old)) {
            to[..old].copy_from_slice(from);
        }
    }
    *column = wide;
}

#[cfg(test)]
mod tests {
    use super::super::test_genomes::random_genome;
    use super::*;

    #[test]
    fn blocks_keep_genomes_when_one_outgrows_them() {
        let mut genomes: Vec<Genome> = (0..5).map(|k| random_genome(k, 3)).collect();
        let mut all = Genomes::from_genomes(&genomes);
        let capacity = all.capacity();
        genomes[2] = random_genome(9, 60);
        all.set(2, &genomes[2]);
        assert!(all.capacity().1 > capacity.1, "{capacity:?} held {} connections", genomes[2].connections.len());
        for (k, genome) in genomes.iter().enumerate() {
            let mut found = Genome::default();
            found.copy_from(all.view(k));
            assert_eq!(found, *genome);
        }
    }
}
