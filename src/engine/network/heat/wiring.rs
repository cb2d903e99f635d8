//! Where a change of one parameter goes: neurons in the order of their evaluation, and what each of them feeds.

use std::sync::Arc;

use crate::plan::network::{NetworkPlan, Rows, Unit};

/// A weight or a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// Synapse `synapse` of block `block`, in the order of its rows.
    Weight {
        /// The block.
        block: usize,
        /// The synapse.
        synapse: usize,
    },
    /// The bias of neuron `row` of layer `layer`.
    Bias {
        /// The layer.
        layer: usize,
        /// The neuron.
        row: usize,
    },
}

/// Where the activations of a neuron lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A row of the inputs.
    Input(usize),
    /// A row of the evaluated neurons: their position in the order of evaluation.
    Neuron(usize),
}

/// An evaluated neuron.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neuron {
    pub(super) layer: usize,
    pub(super) row: usize,
    pub(super) unit: Unit,
    /// Number of its inputs.
    pub(super) fan_in: u32,
    /// True if it feeds nothing.
    pub(super) is_leaf: bool,
    /// True if its activation is an answer of the network.
    pub(super) is_output: bool,
    /// Its number among the outputs, if it is one.
    pub(super) output: usize,
}

/// The synapses of a sparse block by source: offsets, then (target row, synapse).
#[derive(Clone, Debug)]
struct Outgoing {
    offsets: Vec<u32>,
    targets: Vec<(u32, u32)>,
}

/// A plan as weight annealing reads it.
#[derive(Clone, Debug)]
pub(super) struct Wiring {
    pub(super) plan: Arc<NetworkPlan>,
    /// Evaluated neurons in the order of their evaluation.
    pub(super) neurons: Vec<Neuron>,
    /// Outputs of the network, as positions in `neurons`.
    pub(super) outputs: Vec<usize>,
    pub(super) n_inputs: usize,
    /// Place of each neuron, by layer and row.
    places: Vec<Vec<Place>>,
    /// Blocks that read each layer.
    blocks_from: Vec<Vec<usize>>,
    /// Of sparse blocks whose source is evaluated.
    outgoing: Vec<Option<Outgoing>>,
    /// First parameter of each block, then of each layer's biases, then their total.
    starts: Vec<usize>,
}

impl Wiring {
    pub(super) fn new(plan: Arc<NetworkPlan>) -> Self {
        let mut places: Vec<Vec<Place>> = plan.layers.iter().map(|l| vec![Place::Input(0); l.n_neurons]).collect();
        let mut n_inputs = 0;
        for (layer, _) in plan.inputs() {
            for place in &mut places[layer] {
                *place = Place::Input(n_inputs);
                n_inputs += 1;
            }
        }
        let blocks_from: Vec<Vec<usize>> =
            (0..plan.layers.len()).map(|l| plan.blocks.iter().enumerate().filter(|(_, b)| b.from == l).map(|(b, _)| b).collect()).collect();
        let outgoing: Vec<Option<Outgoing>> = plan
            .blocks
            .iter()
            .map(|block| match &block.rows {
                Rows::Sparse { offsets, sources } if !plan.layers[block.from].is_input => {
                    Some(transposed(offsets, sources, plan.layers[block.from].n_neurons))
                }
                _ => None,
            })
            .collect();
        let mut neurons = Vec::new();
        for stage in &plan.stages {
            let layer = &plan.layers[stage.layer];
            let whole = 0..layer.n_neurons as u32;
            let mut place = |row: usize| {
                let fan_in = plan.blocks_onto(stage.layer).map(|(_, b)| fan_in(&b.rows, row, plan.layers[b.from].n_neurons)).sum();
                let feeds = |&b: &usize| outgoing[b].as_ref().is_none_or(|o| o.offsets[row] < o.offsets[row + 1]);
                let is_leaf = !blocks_from[stage.layer].iter().any(feeds);
                places[stage.layer][row] = Place::Neuron(neurons.len());
                neurons.push(Neuron { layer: stage.layer, row, unit: layer.unit, fan_in, is_leaf, is_output: layer.is_output, output: 0 });
            };
            match &stage.rows {
                Some(rows) => rows.iter().for_each(|&r| place(r as usize)),
                None => whole.for_each(|r| place(r as usize)),
            }
        }
        let outputs = plan
            .outputs()
            .flat_map(|(l, _)| &places[l])
            .filter_map(|place| if let Place::Neuron(n) = place { Some(*n) } else { None })
            .collect();
        let outputs: Vec<usize> = outputs;
        for (number, &neuron) in outputs.iter().enumerate() {
            neurons[neuron].output = number;
        }
        let mut starts = vec![0];
        let blocks = (0..plan.blocks.len()).map(|b| plan.n_synapses(b));
        let biases = plan.layers.iter().map(|l| if l.is_input { 0 } else { l.n_neurons });
        for n in blocks.chain(biases) {
            starts.push(starts[starts.len() - 1] + n);
        }
        Wiring { plan, neurons, outputs, n_inputs, places, blocks_from, outgoing, starts }
    }

    /// Number of weights and biases; inputs have no bias.
    pub(super) fn n_parameters(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    /// Parameter `number`: the weights by block, then the biases by layer.
    pub(super) fn site(&self, number: usize) -> Site {
        let part = self.starts.partition_point(|&s| s <= number) - 1;
        let at = number - self.starts[part];
        let n_blocks = self.plan.blocks.len();
        if part < n_blocks { Site::Weight { block: part, synapse: at } } else { Site::Bias { layer: part - n_blocks, row: at } }
    }

    /// The neuron that a parameter feeds, and the source of a weight.
    pub(super) fn ends(&self, site: Site) -> (usize, Option<Place>) {
        let (layer, row, source) = match site {
            Site::Bias { layer, row } => (layer, row, None),
            Site::Weight { block, synapse } => {
                let b = &self.plan.blocks[block];
                let (row, source) = match &b.rows {
                    Rows::Dense => {
                        let n = self.plan.layers[b.from].n_neurons;
                        (synapse / n, synapse % n)
                    }
                    Rows::Sparse { offsets, sources } => {
                        (offsets.partition_point(|&o| o as usize <= synapse) - 1, sources[synapse] as usize)
                    }
                };
                (b.to, row, Some(self.places[b.from][source]))
            }
        };
        match self.places[layer][row] {
            Place::Neuron(n) => (n, source),
            Place::Input(_) => panic!("row {row} of layer {layer} is an input: it has no parameters"),
        }
    }

    /// Calls `visit` with the place of the source, the block and the synapse, in the order of the law.
    pub(super) fn each_input(&self, neuron: usize, mut visit: impl FnMut(Place, usize, usize)) {
        let Neuron { layer, row, .. } = self.neurons[neuron];
        for (b, block) in self.plan.blocks_onto(layer) {
            let places = &self.places[block.from];
            match &block.rows {
                Rows::Dense => (0..places.len()).for_each(|s| visit(places[s], b, row * places.len() + s)),
                Rows::Sparse { offsets, sources } => {
                    (offsets[row] as usize..offsets[row + 1] as usize).for_each(|k| visit(places[sources[k] as usize], b, k));
                }
            }
        }
    }

    /// Calls `visit` with each neuron that `neuron` feeds, the block and the synapse.
    pub(super) fn each_output(&self, neuron: usize, mut visit: impl FnMut(usize, usize, usize)) {
        let Neuron { layer, row, .. } = self.neurons[neuron];
        for &b in &self.blocks_from[layer] {
            let block = &self.plan.blocks[b];
            let places = &self.places[block.to];
            let mut at = |target: usize, synapse: usize| match places[target] {
                Place::Neuron(n) => visit(n, b, synapse),
                Place::Input(_) => panic!("\"{}\" feeds an input", block.name),
            };
            match &self.outgoing[b] {
                None => (0..places.len()).for_each(|t| at(t, t * self.plan.layers[layer].n_neurons + row)),
                Some(out) => {
                    let range = out.offsets[row] as usize..out.offsets[row + 1] as usize;
                    out.targets[range].iter().for_each(|&(t, k)| at(t as usize, k as usize));
                }
            }
        }
    }
}

fn fan_in(rows: &Rows, row: usize, n_sources: usize) -> u32 {
    match rows {
        Rows::Dense => n_sources as u32,
        Rows::Sparse { offsets, .. } => offsets[row + 1] - offsets[row],
    }
}

fn transposed(offsets: &[u32], sources: &[u32], n_sources: usize) -> Outgoing {
    let mut first = vec![0_u32; n_sources + 1];
    for &s in sources {
        first[s as usize + 1] += 1;
    }
    for s in 0..n_sources {
        first[s + 1] += first[s];
    }
    let mut next = first.clone();
    let mut targets = vec![(0, 0); sources.len()];
    for target in 0..offsets.len() - 1 {
        for k in offsets[target]..offsets[target + 1] {
            let at = &mut next[sources[k as usize] as usize];
            targets[*at as usize] = (target as u32, k);
            *at += 1;
        }
    }
    Outgoing { offsets: first, targets }
}
