//! The synapses that a network may have: some of its blocks with all their candidates, the others as they are.
//!
//! Candidates are numbered by (target, source), neurons being counted through all layers of the plan. The plan of candidates holds
//! every one of them as a synapse; a dead one has weight 0.

use std::sync::Arc;

use crate::engine::network::parameters::{Parameters, ParametersRef};
use crate::engine::structure::{CandidateError, Candidates};
use crate::plan::network::{Block, NetworkPlan, PlanError, Rows};

/// What the candidates of a block are.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum CandidateRows {
    /// None: its synapses stay.
    #[default]
    Fixed,
    /// Every source with every target; of a block of a layer onto itself without delay, sources below their targets.
    All,
    /// The pairs (source, target) of a list.
    Listed(Vec<(u32, u32)>),
}

/// Why the synapses of a block cannot be a variable.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoCandidates {
    /// A living synapse is none of the candidates.
    #[error("synapse {source_row} -> {target_row} of projection \"{block}\" is no candidate: {way_out}")]
    Stray {
        /// The projection.
        block: String,
        /// Row of its source.
        source_row: u32,
        /// Row of its target.
        target_row: u32,
        /// What to do.
        way_out: &'static str,
    },
    /// A candidate names a neuron that is not there.
    #[error("candidate {source_row} -> {target_row} of projection \"{block}\" names a neuron that is not there")]
    Beyond {
        /// The projection.
        block: String,
        /// Row of its source.
        source_row: u32,
        /// Row of its target.
        target_row: u32,
    },
    /// Candidates would close a cycle.
    #[error("with all candidates, {0}; or name its projections so that one of them keeps its synapses")]
    Cycle(PlanError),
    /// Two projections join the same pair, or there are too many.
    #[error(transparent)]
    Pairs(#[from] CandidateError),
}

/// The candidate synapses of a network, and the plan of all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkCandidates {
    plan: Arc<NetworkPlan>,
    is_variable: Vec<bool>,
    pairs: Arc<Candidates>,
    /// Block and synapse of the plan of each candidate.
    sites: Vec<(u32, u32)>,
    /// By block, the candidate of each synapse of the plan; empty of blocks that stay.
    numbers: Vec<Vec<u32>>,
}

impl NetworkCandidates {
    /// The candidates of `plan`, with what is a candidate by block.
    ///
    /// # Errors
    /// If a pair is joined by two variable blocks or beyond its layers, candidates would close a cycle, or a synapse that lives is
    /// no candidate.
    ///
    /// # Panics
    /// If there are not as many as blocks.
    pub fn new(plan: &NetworkPlan, rows: &[CandidateRows]) -> Result<Self, NoCandidates> {
        assert_eq!(rows.len(), plan.blocks.len(), "candidates by block, and blocks");
        // 1. The plan of all candidates.
        let blocks = plan.blocks.iter().zip(rows).map(|(block, rows)| {
            let rows = candidate_rows(plan, block, rows)?;
            Ok(Block { rows, ..block.clone() })
        });
        let blocks = blocks.collect::<Result<Vec<_>, NoCandidates>>()?;
        let all = NetworkPlan::new(plan.layers.clone(), blocks).map_err(NoCandidates::Cycle)?;
        // 2. Their numbers.
        let mut firsts = vec![0_u32];
        for layer in &plan.layers {
            firsts.push(firsts[firsts.len() - 1] + layer.n_neurons as u32);
        }
        let is_variable: Vec<bool> = rows.iter().map(|r| *r != CandidateRows::Fixed).collect();
        let mut listed: Vec<(u32, u32, u32, u32)> = Vec::new();
        for (b, block) in all.blocks.iter().enumerate().filter(|(b, _)| is_variable[*b]) {
            let (from, to) = (firsts[block.from], firsts[block.to]);
            each_synapse(&all, block, |target, source, k| listed.push((to + target, from + source, b as u32, k)));
        }
        listed.sort_unstable();
        let n_neurons = firsts[firsts.len() - 1] as usize;
        let pairs = Candidates::from_pairs(n_neurons, false, listed.iter().map(|&(target, source, ..)| (source, target)))?;
        let mut numbers: Vec<Vec<u32>> =
            (0..all.blocks.len()).map(|b| vec![0; if is_variable[b] { all.n_synapses(b) } else { 0 }]).collect();
        for (number, &(.., block, synapse)) in (0_u32..).zip(&listed) {
            numbers[block as usize][synapse as usize] = number;
        }
        let sites = listed.into_iter().map(|(.., block, synapse)| (block, synapse)).collect();
        let candidates = NetworkCandidates { plan: Arc::new(all), is_variable, pairs: Arc::new(pairs), sites, numbers };
        // 3. What lives is among them.
        let stray = |b: usize, target: u32, source: u32| {
            let block = plan.blocks[b].name.clone();
            let way_out = match &rows[b] {
                CandidateRows::All => "an undelayed projection of a population onto itself keeps sources below their targets",
                _ => "list it too, or widen the radius of candidates",
            };
            NoCandidates::Stray { block, source_row: source, target_row: target, way_out }
        };
        for (b, block) in plan.blocks.iter().enumerate().filter(|(b, _)| candidates.is_variable[*b]) {
            let mut missing = None;
            each_synapse(plan, block, |target, source, _| {
                if missing.is_none() && candidates.synapse(b, target, source).is_none() {
                    missing = Some((target, source));
                }
            });
            if let Some((target, source)) = missing {
                return Err(stray(b, target, source));
            }
        }
        Ok(candidates)
    }

    /// The plan that has every candidate as a synapse.
    pub fn plan(&self) -> &Arc<NetworkPlan> {
        &self.plan
    }

    /// By block, whether its synapses are a variable.
    pub fn is_variable(&self) -> &[bool] {
        &self.is_variable
    }

    /// The pairs of neurons.
    pub fn pairs(&self) -> &Arc<Candidates> {
        &self.pairs
    }

    /// Number of candidates.
    pub fn len(&self) -> usize {
        self.sites.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    /// Block and synapse of a candidate in the plan of candidates.
    pub fn site(&self, candidate: u32) -> (usize, usize) {
        let (block, synapse) = self.sites[candidate as usize];
        (block as usize, synapse as usize)
    }

    /// Block of a candidate, and the rows of its source and target.
    pub fn ends(&self, candidate: u32) -> (usize, u32, u32) {
        let (b, synapse) = self.site(candidate);
        let block = &self.plan.blocks[b];
        let (target, source) = match &block.rows {
            Rows::Dense => {
                let n = self.plan.layers[block.from].n_neurons;
                ((synapse / n) as u32, (synapse % n) as u32)
            }
            Rows::Sparse { offsets, sources } => (offsets.partition_point(|&o| o as usize <= synapse) as u32 - 1, sources[synapse]),
        };
        (b, source, target)
    }

    fn synapse(&self, block: usize, target: u32, source: u32) -> Option<usize> {
        let b = &self.plan.blocks[block];
        match &b.rows {
            Rows::Dense => Some(target as usize * self.plan.layers[b.from].n_neurons + source as usize),
            Rows::Sparse { offsets, sources } => {
                let row = offsets[target as usize] as usize..offsets[target as usize + 1] as usize;
                sources[row.clone()].binary_search(&source).ok().map(|k| row.start + k)
            }
        }
    }

    /// The candidates of the synapses of block `block` of `living`, in the order of its rows; none of blocks that stay.
    ///
    /// # Panics
    /// If a synapse is no candidate, which [`NetworkCandidates::new`] refuses, or `living` has other layers.
    pub fn of_block(&self, living: &NetworkPlan, block: usize) -> Vec<u32> {
        self.of_block_in(living, block, &[])
    }

    /// The same of a network whose neurons stand in `slots` of this plan's layers: the slot of each row, by layer; without any, rows are
    /// slots.
    ///
    /// # Panics
    /// As [`NetworkCandidates::of_block`].
    pub fn of_block_in(&self, living: &NetworkPlan, block: usize, slots: &[Vec<u32>]) -> Vec<u32> {
        let mut numbers = Vec::new();
        if self.is_variable[block] {
            let of = &living.blocks[block];
            let slot = |layer: usize, row: u32| slots.get(layer).map_or(row, |slots| slots[row as usize]);
            each_synapse(living, of, |target, source, _| {
                let synapse = self.synapse(block, slot(of.to, target), slot(of.from, source)).expect("synapses that live are candidates");
                numbers.push(self.numbers[block][synapse]);
            });
        }
        numbers
    }

    /// Layer and row of a neuron, counted through all layers of the plan.
    ///
    /// # Panics
    /// If there is no such neuron.
    pub fn place(&self, neuron: u32) -> (usize, usize) {
        let mut row = neuron as usize;
        for (l, layer) in self.plan.layers.iter().enumerate() {
            if row < layer.n_neurons {
                return (l, row);
            }
            row -= layer.n_neurons;
        }
        panic!("neuron {neuron} is none of the plan");
    }

    /// The parameters of the plan of candidates: those of the network `living`, and 0 for dead candidates.
    ///
    /// A synapse of weight 0 gets the smallest positive weight instead, since 0 means that there is none.
    ///
    /// # Panics
    /// As [`NetworkCandidates::of_block`], or if the parameters are of another plan.
    pub fn spread(&self, living: &NetworkPlan, parameters: &ParametersRef<'_>) -> Parameters {
        self.spread_in(living, parameters, &[])
    }

    /// The same of a network whose neurons stand in `slots`, as for [`NetworkCandidates::of_block_in`]; biases of empty slots are 0.
    ///
    /// # Panics
    /// As [`NetworkCandidates::of_block`], or if the parameters are of another plan.
    pub fn spread_in(&self, living: &NetworkPlan, parameters: &ParametersRef<'_>, slots: &[Vec<u32>]) -> Parameters {
        parameters.assert_fit(living);
        let mut all = Parameters::zeros(&self.plan);
        for (layer, (to, from)) in all.biases.iter_mut().zip(&parameters.biases).enumerate() {
            match slots.get(layer) {
                Some(slots) => slots.iter().zip(*from).for_each(|(&slot, &bias)| to[slot as usize] = bias),
                None => to.copy_from_slice(from),
            }
        }
        for b in 0..living.blocks.len() {
            if self.is_variable[b] {
                for (number, &w) in self.of_block_in(living, b, slots).into_iter().zip(parameters.weights[b]) {
                    all.weights[b][self.site(number).1] = if w == 0.0 { f32::MIN_POSITIVE } else { w };
                }
            } else {
                all.weights[b].copy_from_slice(parameters.weights[b]);
            }
        }
        all
    }
}

impl NetworkCandidates {
    /// The network of the synapses that live in `all`, parameters of the plan of candidates: its variable blocks are sparse rows, and
    /// its stages are those of all candidates, an order that suits any part of them.
    ///
    /// # Panics
    /// If the parameters are of another plan.
    pub fn living(&self, all: &Parameters) -> (NetworkPlan, Parameters) {
        all.view().assert_fit(&self.plan);
        let mut plan = NetworkPlan::clone(&self.plan);
        let mut parameters = all.clone();
        for (b, block) in self.plan.blocks.iter().enumerate().filter(|(b, _)| self.is_variable[*b]) {
            let (mut offsets, mut sources, mut weights) = (vec![0; plan.layers[block.to].n_neurons + 1], Vec::new(), Vec::new());
            each_synapse(&self.plan, block, |target, source, k| {
                let w = all.weights[b][k as usize];
                if w != 0.0 {
                    sources.push(source);
                    weights.push(w);
                    offsets[target as usize + 1] += 1;
                }
            });
            (1..offsets.len()).for_each(|t| offsets[t] += offsets[t - 1]);
            plan.blocks[b].rows = Rows::Sparse { offsets, sources };
            parameters.weights[b] = weights;
        }
        (plan, parameters)
    }
}

/// The pairs (source, target) of two layers that stand at most `radius` apart; of one layer (`to` is `None`) every pair of two
/// different neurons.
///
/// # Errors
/// If there are too many.
///
/// # Panics
/// If the radius or a place is not finite, or the radius not above 0.
pub fn near_pairs(from: &[[f32; 3]], to: Option<&[[f32; 3]]>, radius: f32) -> Result<Vec<(u32, u32)>, CandidateError> {
    let n = from.len() as u32;
    let Some(to) = to else {
        return Ok(Candidates::within(from, radius, false)?.pairs().collect());
    };
    let both: Vec<[f32; 3]> = from.iter().chain(to).copied().collect();
    let near = Candidates::within(&both, radius, true)?;
    Ok(near.pairs().filter(|&(a, b)| a < n && b >= n).map(|(a, b)| (a, b - n)).collect())
}

fn candidate_rows(plan: &NetworkPlan, block: &Block, rows: &CandidateRows) -> Result<Rows, NoCandidates> {
    let (n_sources, n_targets) = (plan.layers[block.from].n_neurons, plan.layers[block.to].n_neurons);
    match rows {
        CandidateRows::Fixed => Ok(block.rows.clone()),
        CandidateRows::All if block.from == block.to && !block.is_delayed => {
            let offsets = (0..=n_targets as u32).map(|t| t * t.saturating_sub(1) / 2).collect();
            Ok(Rows::Sparse { offsets, sources: (0..n_targets as u32).flat_map(|t| 0..t).collect() })
        }
        CandidateRows::All => Ok(Rows::Dense),
        CandidateRows::Listed(pairs) => {
            let mut sorted: Vec<(u32, u32)> = pairs.iter().map(|&(source, target)| (target, source)).collect();
            sorted.sort_unstable();
            sorted.dedup();
            if let Some(&(target, source)) = sorted.iter().find(|&&(t, s)| t as usize >= n_targets || s as usize >= n_sources) {
                return Err(NoCandidates::Beyond { block: block.name.clone(), source_row: source, target_row: target });
            }
            if sorted.len() == n_sources * n_targets {
                return Ok(Rows::Dense);
            }
            let mut offsets = vec![0_u32; n_targets + 1];
            sorted.iter().for_each(|&(t, _)| offsets[t as usize + 1] += 1);
            (0..n_targets).for_each(|t| offsets[t + 1] += offsets[t]);
            Ok(Rows::Sparse { offsets, sources: sorted.into_iter().map(|(_, s)| s).collect() })
        }
    }
}

/// The pairs (source, target) of the synapses of a block.
pub fn pairs_of(plan: &NetworkPlan, block: &Block) -> Vec<(u32, u32)> {
    let mut pairs = Vec::new();
    each_synapse(plan, block, |target, source, _| pairs.push((source, target)));
    pairs
}

/// Calls `visit` with the row of the target, that of the source, and the synapse.
fn each_synapse(plan: &NetworkPlan, block: &Block, mut visit: impl FnMut(u32, u32, u32)) {
    let (n_sources, n_targets) = (plan.layers[block.from].n_neurons as u32, plan.layers[block.to].n_neurons as u32);
    match &block.rows {
        Rows::Dense => (0..n_targets).for_each(|t| (0..n_sources).for_each(|s| visit(t, s, t * n_sources + s))),
        Rows::Sparse { offsets, sources } => {
            for t in 0..n_targets {
                (offsets[t as usize]..offsets[t as usize + 1]).for_each(|k| visit(t, sources[k as usize], k));
            }
        }
    }
}
