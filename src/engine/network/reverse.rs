//! The reverse sweep: gradients of a loss by all weights and biases, for the samples of a batch at once.
//!
//! It runs over the stages of the plan backwards. The law, with dz the gradient by a pre-activation:
//!
//! ```text
//! da = slope of the loss (outputs) + what delayed blocks of the step after sent back
//! stages backwards:  dz = da slope(unit);  then each block onto the layer, in order: da[s] = fma(w, dz[t], da[s]), t ascending
//! dw[t][s] = fma(dz[t], x[s], dw),  db[t] = db + dz[t]:  samples ascending; of a window, steps descending, each with all samples
//! ```
//!
//! A gradient added to one that is there goes on with its chains: of a feed-forward network, a batch taken in parts gives the
//! bits of the whole. Stepped units have surrogate slopes; gates have none and send nothing back. A LIF neuron that keeps its
//! potential is taken back through its ticks, each spike with the surrogate slope of its own potential, and the reset held
//! fixed (Neftci, Mostafa, Zenke 2019).

use crate::kernels::backward::dense::{self, Matrix, Outer};
use crate::kernels::backward::shape::{add_lanes, transpose};
use crate::kernels::backward::slopes::{Constants, times_slope};
use crate::kernels::backward::sparse::{self, Pairs, SparseRows};
use crate::kernels::simd::Simd;
use crate::plan::network::{Block, Lif, NetworkPlan, Rows, Unit};

use super::lanes::{Activations, LANE_GROUP};
use super::noisy::{BlockPass, HardwarePass};
use super::parameters::{Parameters, ParametersRef};
use super::units::{SELU_ALPHA, SELU_SCALE, STEEPNESS, SURROGATE_STEEPNESS};

/// The constants of the laws of units.
const CONSTANTS: Constants =
    Constants { selu_scale: SELU_SCALE, selu_alpha: SELU_ALPHA, steepness: STEEPNESS, surrogate: SURROGATE_STEEPNESS };

/// Gradients by the neurons of a network over the lanes of a batch.
#[derive(Clone, Debug, Default)]
pub struct Deltas {
    n_lanes: usize,
    /// By activation before a layer's stage is swept, by pre-activation after; `[neuron][lane]`. Empty for inputs.
    pub layers: Vec<Vec<f32>>,
    /// By activation of the step before, where delayed blocks read one; else empty.
    before: Vec<Vec<f32>>,
    /// By membrane potential of LIF neurons that keep it; else empty.
    membranes: Vec<Vec<f32>>,
    /// Activations of one layer, [sample][neuron].
    samples: Vec<f32>,
    /// Gradients by the pre-activations of a layer, as far as they go back through one block.
    kept: Vec<f32>,
    /// What one block sends back, where some of it ends at the converter of its inputs.
    sent: Vec<f32>,
}

impl Deltas {
    /// All zero, of the shape of `activations`.
    pub fn new(plan: &NetworkPlan, activations: &Activations) -> Self {
        let zeros = |like: &[Vec<f32>]| like.iter().map(|l| vec![0.0; l.len()]).collect::<Vec<_>>();
        let mut layers = zeros(&activations.layers);
        for (idx, _) in plan.inputs() {
            layers[idx] = Vec::new();
        }
        Deltas {
            n_lanes: activations.n_lanes(),
            layers,
            before: zeros(&activations.before),
            membranes: zeros(&activations.membranes),
            samples: Vec::new(),
            kept: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Begins at the last step of a window: nothing comes from later.
    pub fn begin(&mut self) {
        for values in [&mut self.layers, &mut self.before, &mut self.membranes].into_iter().flatten() {
            values.fill(0.0);
        }
    }

    /// Goes on to the step before: what delayed blocks sent back is where the gradients of its activations start.
    pub fn step_back(&mut self) {
        for (now, before) in self.layers.iter_mut().zip(&mut self.before) {
            if before.is_empty() {
                now.fill(0.0);
            } else {
                std::mem::swap(now, before);
                before.fill(0.0);
            }
        }
    }

    /// Adds `slope` to the gradient by the activation of one neuron for one sample.
    pub fn add(&mut self, layer: usize, neuron: usize, sample: usize, slope: f32) {
        self.layers[layer][neuron * self.n_lanes + sample] += slope;
    }

    /// Sweeps the stages of one step backwards: `layers` become gradients by pre-activations.
    ///
    /// `activations` are those that the step left, sums included, with `parameters` as the step had them;
    /// `potentials` are the membrane potentials before the step, by layer, where they are kept; `hardware` is the pass of the step,
    /// if it ran under a profile.
    ///
    /// # Panics
    /// If any of them is of another plan, or the sums were not kept.
    pub fn sweep(
        &mut self,
        plan: &NetworkPlan,
        parameters: &ParametersRef<'_>,
        activations: &Activations,
        potentials: &[Vec<f32>],
        hardware: Option<&HardwarePass>,
        simd: Simd,
    ) {
        for stage in plan.stages.iter().rev() {
            let (layer, rows) = (stage.layer, stage.rows.as_deref());
            let mut deltas = std::mem::take(&mut self.layers[layer]);
            self.times_slopes(plan.layers[layer].unit, layer, rows, activations, potentials, &mut deltas, simd);
            let sends = !plan.layers[layer].unit.is_gate();
            for (b, block) in plan.blocks_onto(layer).filter(|(_, block)| sends && !plan.layers[block.from].is_input) {
                let weights = parameters.weights[b];
                let n_sources = plan.layers[block.from].n_neurons;
                if block.from == layer && !block.is_delayed {
                    let rows = rows_of(block, n_sources, n_sources, rows);
                    sparse::send_back_within(simd, rows, weights, &mut deltas, self.n_lanes);
                    continue;
                }
                let to = if block.is_delayed { &mut self.before[block.from] } else { &mut self.layers[block.from] };
                let pass = hardware.map(|pass| &pass.blocks[b]);
                let deltas = kept(pass, &deltas, &mut self.kept);
                let kept_inputs = pass.map(|pass| &pass.kept_inputs).filter(|kept| !kept.is_empty());
                self.sent.clear();
                self.sent.resize(if kept_inputs.is_some() { to.len() } else { 0 }, 0.0);
                let sent: &mut [f32] = if kept_inputs.is_some() { &mut self.sent } else { to };
                match (&block.rows, rows) {
                    (Rows::Dense, None) => {
                        let matrix = Matrix::by_source(weights, plan.layers[layer].n_neurons, n_sources);
                        dense::product(simd, activations.products, matrix, deltas, sent, self.n_lanes);
                    }
                    _ => {
                        let rows = rows_of(block, n_sources, plan.layers[layer].n_neurons, rows);
                        sparse::send_back(simd, rows, weights, deltas, sent, self.n_lanes);
                    }
                }
                if let Some(kept) = kept_inputs {
                    to.iter_mut().zip(&self.sent).zip(kept).for_each(|((to, sent), kept)| *to += sent * kept);
                }
            }
            self.layers[layer] = deltas;
        }
    }

    /// Turns gradients by activations into gradients by pre-activations.
    #[expect(clippy::too_many_arguments, reason = "one row of each array of a layer")]
    fn times_slopes(
        &mut self,
        unit: Unit,
        layer: usize,
        rows: Option<&[u32]>,
        activations: &Activations,
        potentials: &[Vec<f32>],
        deltas: &mut [f32],
        simd: Simd,
    ) {
        let (z, a, lanes) = (&activations.sums[layer], &activations.layers[layer], self.n_lanes);
        let mut part = |range: std::ops::Range<usize>| {
            let (z, a, deltas) = (&z[range.clone()], &a[range.clone()], &mut deltas[range.clone()]);
            match (unit, potentials.get(layer).filter(|p| !p.is_empty())) {
                (Unit::Lif(lif), Some(before)) => {
                    let mut path = Vec::with_capacity(lif.ticks as usize);
                    for (((dz, dv), &z), &v) in deltas.iter_mut().zip(&mut self.membranes[layer][range.clone()]).zip(z).zip(&before[range])
                    {
                        (*dz, *dv) = back_through_ticks(lif, z, v, *dz, *dv, &mut path);
                    }
                }
                _ => times_slope(simd, unit, CONSTANTS, z, a, deltas),
            }
        };
        match rows {
            None => part(0..z.len()),
            Some(rows) => rows.iter().for_each(|&r| part(r as usize * lanes..(r as usize + 1) * lanes)),
        }
    }

    /// Adds the gradients of the step that was swept to `gradients`, of the blocks and layers that learn;
    /// `hardware` is the pass of the step, if it ran under a profile.
    ///
    /// # Panics
    /// If any of them is of another plan.
    pub fn add_gradients(
        &mut self,
        plan: &NetworkPlan,
        activations: &Activations,
        hardware: Option<&HardwarePass>,
        learns: &Learns,
        gradients: &mut Parameters,
        simd: Simd,
    ) {
        for b in (0..plan.blocks.len()).filter(|&b| learns.blocks[b]) {
            let visit = |from: Sources<'_>| match from {
                Sources::Dense(outer) => dense::add_gradients(simd, outer, &mut gradients.weights[b]),
                Sources::Sparse(pairs) => sparse::add_gradients(simd, pairs, &mut gradients.weights[b]),
            };
            self.with_block(plan, b, activations, hardware, visit, simd);
        }
        for (layer, biases) in gradients.biases.iter_mut().enumerate().filter(|(l, _)| learns.layers[*l] && !plan.layers[*l].is_input) {
            self.add_biases(layer, activations, biases, simd);
        }
    }

    /// Adds the gradients of the biases of one layer to `gradients`.
    pub(super) fn add_biases(&self, layer: usize, activations: &Activations, gradients: &mut [f32], simd: Simd) {
        add_lanes(simd, &self.layers[layer], self.n_lanes, activations.n_samples(), gradients);
    }

    /// Calls `visit` with what the gradients of a block come from; not at all if there are no synapses.
    pub(super) fn with_block(
        &mut self,
        plan: &NetworkPlan,
        b: usize,
        activations: &Activations,
        hardware: Option<&HardwarePass>,
        visit: impl FnOnce(Sources<'_>),
        simd: Simd,
    ) {
        let block = &plan.blocks[b];
        let (n_sources, lanes, n_samples) = (plan.layers[block.from].n_neurons, self.n_lanes, activations.n_samples());
        let before = &activations.before[block.from];
        let x = if block.is_delayed && !before.is_empty() { before } else { &activations.layers[block.from] };
        let deltas = kept(hardware.map(|pass| &pass.blocks[b]), &self.layers[block.to], &mut self.kept);
        if plan.n_synapses(b) == 0 || deltas.is_empty() {
            return;
        }
        let converted = hardware.map(|pass| &pass.blocks[b]);
        match &block.rows {
            Rows::Dense => {
                let stride = n_sources.next_multiple_of(LANE_GROUP);
                let samples = match converted {
                    Some(pass) => &pass.inputs,
                    None => {
                        self.samples.resize(self.samples.len().max(stride * n_samples), 0.0);
                        transpose(simd, x, n_sources, n_samples, lanes, &mut self.samples, stride);
                        // What an earlier, wider layer left must not enter the sums of squares.
                        for sample in self.samples.chunks_exact_mut(stride).take(n_samples) {
                            sample[n_sources..].fill(0.0);
                        }
                        &self.samples
                    }
                };
                visit(Sources::Dense(Outer { deltas, lanes, samples, stride, n_samples, n_sources }));
            }
            Rows::Sparse { .. } => {
                let rows = rows_of(block, n_sources, plan.layers[block.to].n_neurons, None);
                let x = match converted {
                    Some(pass) => {
                        self.samples.resize(self.samples.len().max(n_sources * lanes), 0.0);
                        transpose(simd, &pass.inputs, n_samples, n_sources, pass.stride, &mut self.samples, lanes);
                        &self.samples[..n_sources * lanes]
                    }
                    None => x,
                };
                visit(Sources::Sparse(Pairs { rows, deltas, x, lanes, n_samples }));
            }
        }
    }
}

/// Gradients by pre-activations, 0 where the converter behind the block saturated: `deltas` themselves where none did.
fn kept<'a>(pass: Option<&BlockPass>, deltas: &'a [f32], room: &'a mut Vec<f32>) -> &'a [f32] {
    match pass.map(|pass| &pass.kept_outputs).filter(|kept| !kept.is_empty()) {
        None => deltas,
        Some(kept) => {
            room.clear();
            room.extend(deltas.iter().zip(kept).map(|(delta, kept)| delta * kept));
            room
        }
    }
}

/// What the gradients of a block come from.
pub(super) enum Sources<'a> {
    /// Of a dense block.
    Dense(Outer<'a>),
    /// Of a sparse block.
    Sparse(Pairs<'a>),
}

/// Which blocks have weights, and which layers biases, that learn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learns {
    /// By block.
    pub blocks: Vec<bool>,
    /// By layer.
    pub layers: Vec<bool>,
}

impl Learns {
    /// Everything learns.
    pub fn all(plan: &NetworkPlan) -> Self {
        Learns { blocks: vec![true; plan.blocks.len()], layers: plan.layers.iter().map(|l| !l.is_input).collect() }
    }
}

/// The rows of a block, all or some targets.
pub(super) fn rows_of<'a>(block: &'a Block, n_sources: usize, n_targets: usize, targets: Option<&'a [u32]>) -> SparseRows<'a> {
    let sparse = match &block.rows {
        Rows::Dense => None,
        Rows::Sparse { offsets, sources } => Some((offsets.as_slice(), sources.as_slice())),
    };
    SparseRows { n_sources, n_targets, sparse, targets }
}

/// Gradients by the input and by the potential before of a LIF neuron, from those by its activation and its potential after.
fn back_through_ticks(lif: Lif, z: f32, before: f32, by_activation: f32, by_potential: f32, path: &mut Vec<f32>) -> (f32, f32) {
    path.clear();
    let mut v = before;
    for _ in 0..lif.ticks {
        v = lif.leak * v + z;
        path.push(v - lif.threshold);
        if v >= lif.threshold {
            v -= lif.threshold;
        }
    }
    let by_spike = by_activation / lif.ticks as f32;
    let (mut dz, mut dv) = (0.0, by_potential);
    for &above in path.iter().rev() {
        let d = 1.0 + SURROGATE_STEEPNESS * above.abs();
        dv += by_spike / (d * d);
        dz += dv;
        dv *= lif.leak;
    }
    (dz, dv)
}
