//! A population that owns its columns; worlds own theirs (see [`GenomeBlocks`]).

use crate::plan::population::{Activation, Aggregation, GenomeView, NodeKind};

use super::blocks::{GenomeBlocks, GenomeBlocksMut, grown, largest};
use super::genome::Genome;

/// The genes of a population. A new generation rewrites rows; nothing moves between blocks. Where one genome outgrows its block, all
/// blocks grow.
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
    sources: Vec<u32>,
    targets: Vec<u32>,
    weights: Vec<f32>,
    enabled: Vec<bool>,
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
    pub const BYTES_PER_CONNECTION: usize = 8 + 4 + 4 + 4 + 4 + 1;

    /// The columns, to read.
    pub fn blocks(&self) -> GenomeBlocks<'_> {
        GenomeBlocks {
            node_capacity: self.node_capacity,
            connection_capacity: self.connection_capacity,
            n_nodes: &self.n_nodes,
            n_connections: &self.n_connections,
            node_ids: &self.node_ids,
            kinds: &self.kinds,
            activations: &self.activations,
            aggregations: &self.aggregations,
            biases: &self.biases,
            time_constants: &self.time_constants,
            ids: &self.ids,
            births: &self.births,
            sources: &self.sources,
            targets: &self.targets,
            weights: &self.weights,
            enabled: &self.enabled,
        }
    }

    fn blocks_mut(&mut self) -> GenomeBlocksMut<'_> {
        GenomeBlocksMut {
            node_capacity: self.node_capacity,
            connection_capacity: self.connection_capacity,
            n_nodes: &mut self.n_nodes,
            n_connections: &mut self.n_connections,
            node_ids: &mut self.node_ids,
            kinds: &mut self.kinds,
            activations: &mut self.activations,
            aggregations: &mut self.aggregations,
            biases: &mut self.biases,
            time_constants: &mut self.time_constants,
            ids: &mut self.ids,
            births: &mut self.births,
            sources: &mut self.sources,
            targets: &mut self.targets,
            weights: &mut self.weights,
            enabled: &mut self.enabled,
        }
    }

    /// Rewrites all genomes.
    ///
    /// # Panics
    /// If their number differs.
    pub fn fill(&mut self, genomes: &[Genome]) {
        assert_eq!(genomes.len(), self.len(), "genomes, and blocks");
        let needed = largest(genomes);
        if self.is_outgrown_by(needed) {
            self.grow(needed);
        }
        let mut blocks = self.blocks_mut();
        for (k, genome) in genomes.iter().enumerate() {
            blocks.write(k, genome);
        }
    }

    /// Rewrites genome `k`; only blocks that are too small grow, all of them together.
    pub fn set(&mut self, k: usize, genome: &Genome) {
        let needed = largest(std::slice::from_ref(genome));
        if self.is_outgrown_by(needed) {
            let mut all: Vec<Genome> = self.iter().map(Genome::from_view).collect();
            all[k].clone_from(genome);
            return self.fill(&all);
        }
        self.blocks_mut().write(k, genome);
    }

    /// Sets the weight of connection `c` of genome `k`: the one change that rewires nothing.
    pub fn set_weight(&mut self, k: usize, c: usize, weight: f32) {
        assert!(c < self.n_connections[k] as usize, "connection {c} of genome {k}, which has {}", self.n_connections[k]);
        self.weights[k * self.connection_capacity + c] = weight;
    }

    fn is_outgrown_by(&self, (nodes, connections): (usize, usize)) -> bool {
        nodes > self.node_capacity || connections > self.connection_capacity
    }

    /// Empty blocks with room for that many genes, with an eighth to spare where they grow.
    fn grow(&mut self, (nodes, connections): (usize, usize)) {
        self.node_capacity = grown(self.node_capacity, nodes);
        self.connection_capacity = grown(self.connection_capacity, connections);
        let (n_nodes, n_connections) = (self.len() * self.node_capacity, self.len() * self.connection_capacity);
        self.node_ids.resize(n_nodes, 0);
        self.kinds.resize(n_nodes, NodeKind::Hidden);
        self.activations.resize(n_nodes, Activation::Identity);
        self.aggregations.resize(n_nodes, Aggregation::Sum);
        self.biases.resize(n_nodes, 0.0);
        self.time_constants.resize(n_nodes, 1.0);
        self.ids.resize(n_connections, 0);
        self.births.resize(n_connections, 0);
        self.sources.resize(n_connections, 0);
        self.targets.resize(n_connections, 0);
        self.weights.resize(n_connections, 0.0);
        self.enabled.resize(n_connections, false);
        self.blocks_mut().clear();
    }

    /// The genes of genome `k`.
    pub fn view(&self, k: usize) -> GenomeView<'_> {
        self.blocks().view(k)
    }

    /// All genomes in order.
    pub fn iter(&self) -> impl Iterator<Item = GenomeView<'_>> {
        self.blocks().iter()
    }
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
            assert_eq!(Genome::from_view(all.view(k)), *genome);
        }
    }

    #[test]
    fn equal_genomes_have_equal_columns_whatever_was_there_before() {
        let (small, large): (Vec<Genome>, Vec<Genome>) = (0..4).map(|k| (random_genome(k, 2), random_genome(k + 7, 40))).unzip();
        let mut reused = Genomes::from_genomes(&large);
        reused.fill(&small);
        let mut fresh = Genomes::empty(4);
        fresh.grow(largest(&large));
        fresh.fill(&small);
        assert_eq!(reused, fresh);
    }
}
