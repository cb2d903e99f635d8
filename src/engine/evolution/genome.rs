//! One genome as lists of genes, in which mutation and crossover work; populations keep columns ([`super::Genomes`]).

use crate::plan::population::{GenomeView, NodeKind};

use super::genes::{ConnectionGene, NodeGene};

/// A genome that is being made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Genome {
    /// Its nodes, sorted by id.
    pub nodes: Vec<NodeGene>,
    /// Its connections, sorted by (birth, id).
    pub connections: Vec<ConnectionGene>,
}

impl Genome {
    /// A copy of `view`.
    pub fn from_view(view: GenomeView<'_>) -> Self {
        let mut genome = Genome::default();
        genome.copy_from(view);
        genome
    }

    /// Becomes a copy of `view`.
    pub fn copy_from(&mut self, view: GenomeView<'_>) {
        self.nodes.clear();
        self.nodes.extend((0..view.n_nodes()).map(|n| node_of(&view, n)));
        self.connections.clear();
        self.connections.extend((0..view.n_connections()).map(|c| connection_of(&view, c)));
    }

    /// The place of the node with this id.
    pub fn node(&self, id: u64) -> Option<usize> {
        self.nodes.binary_search_by_key(&id, |n| n.id).ok()
    }

    /// True if a connection from `source` to `target` exists, enabled or not.
    pub fn connects(&self, source: u64, target: u64) -> bool {
        self.connections.iter().any(|c| c.source == source && c.target == target)
    }

    /// Adds a node at its place; one with its id must not exist.
    pub fn insert_node(&mut self, node: NodeGene) {
        match self.nodes.binary_search_by_key(&node.id, |n| n.id) {
            Ok(_) => panic!("node {:x} exists", node.id),
            Err(place) => self.nodes.insert(place, node),
        }
    }

    /// Adds a connection at its place; one with its key must not exist.
    pub fn insert_connection(&mut self, gene: ConnectionGene) {
        match self.connections.binary_search_by_key(&gene.key(), ConnectionGene::key) {
            Ok(_) => panic!("connection {:x} of generation {} exists", gene.id, gene.birth),
            Err(place) => self.connections.insert(place, gene),
        }
    }

    /// True if a way of connections, enabled or not, leads from `from` to `to`.
    ///
    /// Disabled ones count, so that enabling one never closes a cycle.
    pub fn reaches(&self, from: u64, to: u64) -> bool {
        if from == to {
            return true;
        }
        // Backwards from `to`: in most genomes fewer nodes lie before a node than connections leave one.
        let mut open = vec![to];
        let mut seen = vec![to];
        while let Some(node) = open.pop() {
            for c in self.connections.iter().filter(|c| c.target == node) {
                if c.source == from {
                    return true;
                }
                if c.source >= super::genes::FIRST_HIDDEN && !seen.contains(&c.source) {
                    seen.push(c.source);
                    open.push(c.source);
                }
            }
        }
        false
    }

    /// Removes hidden nodes that nothing leads to or from, other than they themselves, and the connections at them.
    pub fn prune_dangling(&mut self) {
        loop {
            let connections = &self.connections;
            let ends_at = |id: u64| connections.iter().any(|c| c.target == id && c.source != id);
            let starts_at = |id: u64| connections.iter().any(|c| c.source == id && c.target != id);
            let before = self.nodes.len();
            let dangling: Vec<u64> =
                self.nodes.iter().filter(|n| n.kind == NodeKind::Hidden && !(ends_at(n.id) && starts_at(n.id))).map(|n| n.id).collect();
            self.nodes.retain(|n| !dangling.contains(&n.id));
            self.connections.retain(|c| !dangling.contains(&c.source) && !dangling.contains(&c.target));
            if self.nodes.len() == before {
                return;
            }
        }
    }
}

/// Node `n` of `view` as a gene.
pub fn node_of(view: &GenomeView<'_>, n: usize) -> NodeGene {
    NodeGene {
        id: view.node_ids[n],
        kind: view.kinds[n],
        activation: view.activations[n],
        aggregation: view.aggregations[n],
        bias: view.biases[n],
        time_constant: view.time_constants[n],
    }
}

/// Connection `c` of `view` as a gene.
pub fn connection_of(view: &GenomeView<'_>, c: usize) -> ConnectionGene {
    ConnectionGene {
        id: view.ids[c],
        birth: view.births[c],
        source: view.node_ids[view.source(c)],
        target: view.node_ids[view.target(c)],
        weight: view.weights[c],
        enabled: view.enabled[c],
    }
}
