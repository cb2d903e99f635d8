//! One genome compiled: the nodes that an output needs, in an order in which they can be computed, with the inputs of each.
//!
//! ```text
//! slots   0..n_inputs          inputs
//!         n_inputs             1 (bias nodes read it)
//!         n_inputs + 1 ..      nodes, by (level, place among the genome's nodes)
//! node n  joins edges[offsets[n]..offsets[n + 1]], sorted by the place of their source among the genome's nodes
//! ```
//!
//! The order of a sum is thus the order of source ids, whatever the wiring is compiled to. A node that no output needs is
//! left out. In feed-forward networks a node's level is one more than the highest of its sources; otherwise all are 0 and a step
//! reads the activations of the step before.

use super::genome_view::GenomeView;
use super::unit::{Activation, Aggregation, NodeKind};

/// What a step reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wiring {
    /// Levels: a step computes the answer. There is no cycle.
    FeedForward,
    /// The activations of the step before.
    Recurrent,
    /// As recurrent, and each activation moves towards its target with its time constant; a step lasts `dt`.
    ContinuousTime {
        /// Duration of a step, above 0.
        dt: f32,
    },
}

/// A node that is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    /// What it makes of its joined inputs.
    pub activation: Activation,
    /// How it joins its inputs.
    pub aggregation: Aggregation,
    /// Added to its joined inputs.
    pub bias: f32,
    /// Share of the way to its target that its activation moves in a step: 1, or 1 - e^(-dt / time constant).
    pub rate: f32,
    /// How many nodes stand before it on the longest way from what is given.
    pub level: u32,
}

/// One genome, ready to be computed; buffers are reused by [`Network::compile`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// Number of inputs.
    pub n_inputs: usize,
    /// The nodes, in the order of their slots.
    pub nodes: Vec<Node>,
    /// Ends of the edges of the nodes; one more than nodes.
    pub offsets: Vec<u32>,
    /// Slots that the edges read.
    pub sources: Vec<u32>,
    /// Weights of the edges.
    pub weights: Vec<f32>,
    /// Connections of the genome that the edges are.
    pub genes: Vec<u32>,
    /// Places of the nodes among those of the genome.
    pub places: Vec<u32>,
    /// Slots of the outputs.
    pub outputs: Vec<u32>,
    work: Work,
}

/// Buffers of a compilation.
#[derive(Clone, Debug, Default, PartialEq)]
struct Work {
    /// (target, source, connection) as places of the genome's nodes.
    edges: Vec<(u32, u32, u32)>,
    starts: Vec<u32>,
    levels: Vec<u32>,
    needed: Vec<bool>,
    stack: Vec<u32>,
    order: Vec<u32>,
    slots: Vec<u32>,
}

impl Network {
    /// Slots of all activations: inputs, the constant 1, nodes.
    pub fn n_slots(&self) -> usize {
        self.n_inputs + 1 + self.nodes.len()
    }

    /// The slot of node `n`.
    pub fn slot(&self, n: usize) -> usize {
        self.n_inputs + 1 + n
    }

    /// The edges of node `n`.
    pub fn edges(&self, n: usize) -> std::ops::Range<usize> {
        self.offsets[n] as usize..self.offsets[n + 1] as usize
    }

    /// Compiles `genome`.
    ///
    /// # Panics
    /// If a connection ends at no node of the genome, or a feed-forward genome has a cycle of enabled connections.
    pub fn compile(&mut self, genome: GenomeView<'_>, wiring: Wiring) {
        let n_nodes = genome.n_nodes();
        self.n_inputs = genome.kinds.iter().filter(|&&k| k == NodeKind::Input).count();
        let w = &mut self.work;

        // 1. Enabled connections by (target, source), where nodes are places.
        w.edges.clear();
        for c in 0..genome.n_connections() {
            if genome.enabled[c] {
                let (source, target) = (genome.source(c), genome.target(c));
                assert!(source < n_nodes && target < n_nodes, "connection {c} joins nodes {source} and {target} of {n_nodes}");
                w.edges.push((target as u32, source as u32, c as u32));
            }
        }
        w.edges.sort_unstable();
        w.starts.clear();
        w.starts.resize(n_nodes + 1, 0);
        for &(target, ..) in &w.edges {
            w.starts[target as usize + 1] += 1;
        }
        for n in 0..n_nodes {
            w.starts[n + 1] += w.starts[n];
        }

        // 2. What an output needs, found backwards.
        w.needed.clear();
        w.needed.resize(n_nodes, false);
        w.stack.clear();
        for (n, &kind) in genome.kinds.iter().enumerate() {
            if kind == NodeKind::Output {
                w.needed[n] = true;
                w.stack.push(n as u32);
            }
        }
        while let Some(n) = w.stack.pop() {
            for &(_, source, _) in &w.edges[w.starts[n as usize] as usize..w.starts[n as usize + 1] as usize] {
                if !w.needed[source as usize] && !genome.kinds[source as usize].is_given() {
                    w.needed[source as usize] = true;
                    w.stack.push(source);
                }
            }
        }

        // 3. Levels, then the order of the slots.
        w.find_levels(&genome, wiring);
        w.order.clear();
        w.order.extend((0..n_nodes as u32).filter(|&n| w.needed[n as usize]));
        w.order.sort_by_key(|&n| w.levels[n as usize]);
        w.slots.clear();
        w.slots.resize(n_nodes, u32::MAX);
        let mut n_given = 0;
        for (slot, &kind) in w.slots.iter_mut().zip(genome.kinds) {
            match kind {
                NodeKind::Input => {
                    *slot = n_given;
                    n_given += 1;
                }
                NodeKind::Bias => *slot = self.n_inputs as u32,
                _ => {}
            }
        }
        for (k, &n) in w.order.iter().enumerate() {
            w.slots[n as usize] = (self.n_inputs + 1 + k) as u32;
        }

        // 4. The nodes and their edges.
        self.nodes.clear();
        self.offsets.clear();
        self.offsets.push(0);
        self.sources.clear();
        self.weights.clear();
        self.genes.clear();
        self.places.clone_from(&w.order);
        for &n in &w.order {
            let n = n as usize;
            let rate = match wiring {
                Wiring::ContinuousTime { dt } => 1.0 - crate::math::exp_f32(-dt / genome.time_constants[n]),
                _ => 1.0,
            };
            self.nodes.push(Node {
                activation: genome.activations[n],
                aggregation: genome.aggregations[n],
                bias: genome.biases[n],
                rate,
                level: w.levels[n],
            });
            for &(_, source, gene) in &w.edges[w.starts[n] as usize..w.starts[n + 1] as usize] {
                self.sources.push(w.slots[source as usize]);
                self.weights.push(genome.weights[gene as usize]);
                self.genes.push(gene);
            }
            self.offsets.push(self.sources.len() as u32);
        }
        self.outputs.clear();
        self.outputs.extend((0..n_nodes).filter(|&n| genome.kinds[n] == NodeKind::Output).map(|n| w.slots[n]));
    }
}

impl Work {
    /// The level of each needed node: by depth-first search, so that a cycle is found where it closes.
    fn find_levels(&mut self, genome: &GenomeView<'_>, wiring: Wiring) {
        const UNSEEN: u32 = u32::MAX;
        const OPEN: u32 = u32::MAX - 1;
        let n_nodes = genome.n_nodes();
        self.levels.clear();
        if wiring != Wiring::FeedForward {
            self.levels.resize(n_nodes, 0);
            return;
        }
        self.levels.extend(genome.kinds.iter().map(|k| if k.is_given() { 0 } else { UNSEEN }));
        for root in 0..n_nodes {
            if !self.needed[root] || self.levels[root] != UNSEEN {
                continue;
            }
            self.stack.push(root as u32);
            while let Some(&n) = self.stack.last() {
                let n = n as usize;
                let edges = &self.edges[self.starts[n] as usize..self.starts[n + 1] as usize];
                if self.levels[n] == UNSEEN {
                    self.levels[n] = OPEN;
                    for &(_, source, _) in edges {
                        match self.levels[source as usize] {
                            UNSEEN => self.stack.push(source),
                            OPEN => panic!("a cycle through node {:x} of a feed-forward genome", genome.node_ids[source as usize]),
                            _ => {}
                        }
                    }
                } else {
                    if self.levels[n] == OPEN {
                        self.levels[n] = 1 + edges.iter().map(|&(_, s, _)| self.levels[s as usize]).max().unwrap_or(0);
                    }
                    self.stack.pop();
                }
            }
        }
    }
}
