//! The compiled form of a network: what is evaluated after what, over which rows.
//!
//! Layers are populations and blocks are projections, in the order of the world; their rows are its rows, so that
//! the weight columns are read where they lie. A block that joins every source with every target is a dense matrix,
//! row-major `[target][source]`; any other is compressed sparse rows, sources ascending. The law of one neuron:
//!
//! ```text
//! z = bias;  for each block onto its layer, in order:  for each source, ascending:  z = fma(w, x, z);   a = unit(z)
//! ```
//!
//! A gate counts instead: z is the number of inputs with w x + bias > 1/2. A delayed block reads the activations of
//! the step before. Every backend and every batch gives the bits of this law. Plans hold no state and no weights.

use super::levels::order_stages;
use super::unit::Unit;

/// One population of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its name, for messages.
    pub name: String,
    /// Number of neurons.
    pub n_neurons: usize,
    /// What its neurons compute; of no meaning for inputs.
    pub unit: Unit,
    /// True if its activations come from outside: nothing is evaluated.
    pub is_input: bool,
    /// True if its activations are an answer of the network.
    pub is_output: bool,
}

/// The synapses of one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Every source with every target; weights are row-major `[target][source]`.
    Dense,
    /// Compressed sparse rows; weights in the same order as `sources`.
    Sparse {
        /// Row offsets by target, one more than there are targets.
        offsets: Vec<u32>,
        /// Row of each source, ascending inside a target.
        sources: Vec<u32>,
    },
}

/// One projection of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its name, for messages.
    pub name: String,
    /// The layer it reads.
    pub from: usize,
    /// The layer it feeds.
    pub to: usize,
    /// True if it reads the activations of the step before.
    pub is_delayed: bool,
    /// Its synapses.
    pub rows: Rows,
}

/// Neurons of one layer that are evaluated together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The layer.
    pub layer: usize,
    /// Its level: all that it reads has a lower one, or is delayed.
    pub level: u32,
    /// Rows of the neurons, ascending; `None` for the whole layer.
    pub rows: Option<Vec<u32>>,
}

/// A network in the order of its evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkPlan {
    /// Populations.
    pub layers: Vec<Layer>,
    /// Projections; those onto one layer are added in this order.
    pub blocks: Vec<Block>,
    /// What is evaluated, in order.
    pub stages: Vec<Stage>,
}

/// Why a network has no order of evaluation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A cycle without delay.
    #[error(
        "neuron {row} of \"{layer}\" feeds itself within one step: make a projection on this cycle recurrent, so that it reads the step before"
    )]
    Cycle {
        /// The layer of a neuron on the cycle.
        layer: String,
        /// Its row.
        row: usize,
    },
    /// A block feeds a layer whose activations come from outside.
    #[error("projection \"{block}\" feeds \"{layer}\", whose activations come from outside: an input takes no synapses")]
    FeedsInput {
        /// The block.
        block: String,
        /// The layer.
        layer: String,
    },
}

impl NetworkPlan {
    /// Orders the neurons of `layers` by level.
    ///
    /// # Errors
    /// If blocks without delay form a cycle, or a block feeds an input.
    ///
    /// # Panics
    /// If a block names a layer that is not there, or its offsets or sources do not fit its layers.
    pub fn new(layers: Vec<Layer>, blocks: Vec<Block>) -> Result<Self, PlanError> {
        for block in &blocks {
            let (n_sources, n_targets) = (layers[block.from].n_neurons, layers[block.to].n_neurons);
            if let Rows::Sparse { offsets, sources } = &block.rows {
                assert_eq!(offsets.len(), n_targets + 1, "offsets of \"{}\" for {n_targets} targets", block.name);
                assert_eq!(offsets[n_targets] as usize, sources.len(), "last offset of \"{}\", and its synapses", block.name);
                assert!(sources.iter().all(|&s| (s as usize) < n_sources), "a source of \"{}\" beyond its {n_sources}", block.name);
            }
            if layers[block.to].is_input {
                return Err(PlanError::FeedsInput { block: block.name.clone(), layer: layers[block.to].name.clone() });
            }
        }
        let stages = order_stages(&layers, &blocks)?;
        Ok(NetworkPlan { layers, blocks, stages })
    }

    /// The blocks onto a layer, in the order in which they are added.
    pub fn blocks_onto(&self, layer: usize) -> impl Iterator<Item = (usize, &Block)> {
        self.blocks.iter().enumerate().filter(move |(_, b)| b.to == layer)
    }

    /// The layers whose activations come from outside.
    pub fn inputs(&self) -> impl Iterator<Item = (usize, &Layer)> {
        self.layers.iter().enumerate().filter(|(_, l)| l.is_input)
    }

    /// The layers whose activations are the answer.
    pub fn outputs(&self) -> impl Iterator<Item = (usize, &Layer)> {
        self.layers.iter().enumerate().filter(|(_, l)| l.is_output)
    }

    /// Number of synapses of a block.
    pub fn n_synapses(&self, block: usize) -> usize {
        let b = &self.blocks[block];
        match &b.rows {
            Rows::Dense => self.layers[b.from].n_neurons * self.layers[b.to].n_neurons,
            Rows::Sparse { sources, .. } => sources.len(),
        }
    }

    /// True if it remembers anything from step to step.
    pub fn is_recurrent(&self) -> bool {
        self.blocks.iter().any(|b| b.is_delayed)
    }
}
