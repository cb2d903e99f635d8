//! Many different networks as one plan: slices of 16 nodes (SELL-16) over a block of networks.
//!
//! ```text
//! values    inputs [input][network] | 1 | 0 | slice 0 (16 nodes) | slice 1 | ...
//! slice     nodes of the same level, activation and aggregation, of whatever networks; sums by in-degree, longest first
//! edge e    sources[slice.edges + e][lane], weights[slice.edges + e][lane]
//! ```
//!
//! The e-th edges of 16 nodes lie side by side, so that no lane branches. A shorter sum is filled with edges that read 0 with the weight
//! -0: fma(-0, 0, z) is z, bit for bit. Sources are 16-bit places of the block's own values.

use super::network::Network;
use super::unit::{Activation, Aggregation};

/// Nodes of a slice.
pub const LANES: usize = 16;
/// Values that a 16-bit source can name.
pub const MOST_VALUES: usize = 1 << 16;

/// Up to 16 nodes that are computed together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slice {
    /// What all of them make of their joined inputs.
    pub activation: Activation,
    /// How all of them join their inputs.
    pub aggregation: Aggregation,
    /// First row of edges.
    pub edges: u32,
    /// Rows of edges.
    pub width: u32,
}

/// A block of networks, compiled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BlockPlan {
    /// Number of networks.
    pub n_networks: usize,
    /// Numbers that each takes.
    pub n_inputs: usize,
    /// Numbers that each gives.
    pub n_outputs: usize,
    /// The slices in the order in which they are computed.
    pub slices: Vec<Slice>,
    /// Values that the edges read.
    pub sources: Vec<[u16; LANES]>,
    /// Weights of the edges.
    pub weights: Vec<[f32; LANES]>,
    /// Biases of the nodes of each slice.
    pub biases: Vec<[f32; LANES]>,
    /// Rates of the nodes of each slice (1, or less in continuous time).
    pub rates: Vec<[f32; LANES]>,
    /// Where the outputs are among the values, `[output][network]`.
    pub outputs: Vec<u16>,
    /// Where each slot of each network is among the values; network k has those from `slot_starts[k]` on.
    slots: Vec<u16>,
    slot_starts: Vec<u32>,
    /// Where each edge of each network is among the weights, in the same form.
    edge_places: Vec<u32>,
    edge_starts: Vec<u32>,
}

/// A node of a network on its way into a slice: what it is grouped by, then who it is.
type Place = (u32, Activation, Aggregation, std::cmp::Reverse<u32>, u32, u32);

impl BlockPlan {
    /// The first value of a slice.
    pub fn first_value(&self) -> usize {
        (self.n_inputs * self.n_networks + 2).next_multiple_of(LANES)
    }

    /// Number of values.
    pub fn n_values(&self) -> usize {
        self.first_value() + LANES * self.slices.len()
    }

    /// The value that is always 1.
    pub fn one(&self) -> usize {
        self.n_inputs * self.n_networks
    }

    /// Compiles as many of the first `networks` as their values fit 16-bit sources, at least one, into one plan; returns how many.
    ///
    /// # Panics
    /// If there is no network, numbers of inputs differ, or one network alone has too many nodes.
    pub fn compile(&mut self, networks: &[&Network]) -> usize {
        let first = networks.first().expect("one network or more");
        let mut n = networks.len();
        while !self.try_compile(&networks[..n], first.n_inputs, first.outputs.len()) {
            assert!(n > 1, "a network of {} nodes is beyond {MOST_VALUES} values", first.nodes.len());
            n = n.div_ceil(2);
        }
        n
    }

    fn try_compile(&mut self, networks: &[&Network], n_inputs: usize, n_outputs: usize) -> bool {
        self.n_networks = networks.len();
        self.n_inputs = n_inputs;
        self.n_outputs = n_outputs;

        // 1. All nodes, those that are alike beside each other.
        let mut places: Vec<Place> = Vec::new();
        for (k, network) in networks.iter().enumerate() {
            assert_eq!((network.n_inputs, network.outputs.len()), (n_inputs, n_outputs), "inputs and outputs of network {k}");
            for (n, node) in network.nodes.iter().enumerate() {
                let in_degree = network.edges(n).len() as u32;
                places.push((node.level, node.activation, node.aggregation, std::cmp::Reverse(in_degree), k as u32, n as u32));
            }
        }
        places.sort_unstable();

        // 2. Slices, and where each node is.
        self.clear(networks);
        let mut next = 0;
        let mut bounds = Vec::new();
        while next < places.len() {
            let (level, activation, aggregation, width, ..) = places[next];
            let alike =
                |p: &&Place| (p.0, p.1, p.2) == (level, activation, aggregation) && (aggregation == Aggregation::Sum || p.3 == width);
            let n = places[next..].iter().take(LANES).take_while(alike).count();
            bounds.push(next..next + n);
            let edges = self.slices.last().map_or(0, |s| s.edges + s.width);
            self.slices.push(Slice { activation, aggregation, edges, width: width.0 });
            next += n;
        }
        if self.n_values() > MOST_VALUES {
            return false;
        }
        let first_value = self.first_value();
        for (s, bounds) in bounds.iter().enumerate() {
            for (lane, &(.., k, n)) in places[bounds.clone()].iter().enumerate() {
                let slot = networks[k as usize].slot(n as usize);
                self.slots[self.slot_starts[k as usize] as usize + slot] = (first_value + LANES * s + lane) as u16;
            }
        }

        // 3. Edges; what no edge fills reads 0 with the weight -0.
        let n_rows = self.slices.last().map_or(0, |s| (s.edges + s.width) as usize);
        let zero = (self.one() + 1) as u16;
        self.sources.resize(n_rows, [zero; LANES]);
        self.weights.resize(n_rows, [-0.0; LANES]);
        self.biases.resize(self.slices.len(), [0.0; LANES]);
        self.rates.resize(self.slices.len(), [1.0; LANES]);
        for (s, bounds) in bounds.into_iter().enumerate() {
            for (lane, &(.., k, n)) in places[bounds].iter().enumerate() {
                let (k, n) = (k as usize, n as usize);
                let network = networks[k];
                self.biases[s][lane] = network.nodes[n].bias;
                self.rates[s][lane] = network.nodes[n].rate;
                for (row, edge) in (self.slices[s].edges as usize..).zip(network.edges(n)) {
                    self.sources[row][lane] = self.slots[self.slot_starts[k] as usize + network.sources[edge] as usize];
                    self.weights[row][lane] = network.weights[edge];
                    self.edge_places[self.edge_starts[k] as usize + edge] = (row * LANES + lane) as u32;
                }
            }
        }
        for o in 0..n_outputs {
            for (k, network) in networks.iter().enumerate() {
                self.outputs.push(self.slots[self.slot_starts[k] as usize + network.outputs[o] as usize]);
            }
        }
        true
    }

    /// Empties the plan, and gives the slots of inputs their places.
    fn clear(&mut self, networks: &[&Network]) {
        self.slices.clear();
        self.sources.clear();
        self.weights.clear();
        self.biases.clear();
        self.rates.clear();
        self.outputs.clear();
        self.slots.clear();
        self.slot_starts.clear();
        self.edge_places.clear();
        self.edge_starts.clear();
        let one = self.one();
        for (k, network) in networks.iter().enumerate() {
            self.slot_starts.push(self.slots.len() as u32);
            self.slots.extend((0..network.n_inputs).map(|i| (i * networks.len() + k) as u16));
            self.slots.push(one as u16);
            self.slots.resize(self.slots.len() + network.nodes.len(), 0);
            self.edge_starts.push(self.edge_places.len() as u32);
            self.edge_places.resize(self.edge_places.len() + network.weights.len(), u32::MAX);
        }
    }

    /// Where slot `slot` of network `k` is among the values.
    pub fn value_of(&self, k: usize, slot: usize) -> usize {
        usize::from(self.slots[self.slot_starts[k] as usize + slot])
    }

    /// Sets the weight of edge `edge` of network `k`: one store.
    pub fn set_weight(&mut self, k: usize, edge: usize, weight: f32) {
        let place = self.edge_places[self.edge_starts[k] as usize + edge] as usize;
        self.weights[place / LANES][place % LANES] = weight;
    }
}
