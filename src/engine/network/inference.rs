//! Networks without a world: frozen into a plan of their own that answers and does nothing else.
//!
//! One sample runs over packed weights, vectors over targets; only active sources of a layer are touched where few
//! are. Batches run samples one after another over the same panels, or over lanes where blocks are sparse. All paths
//! have the bits of the law for the weights as stored. Networks with gates, with populations that project onto
//! themselves within a step, or with a memory run over lanes always.

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

use crate::kernels::layers::single::{Loads, add_outgoing, add_panels, add_slices};
use crate::kernels::simd::Simd;
use crate::kernels::units::activate_lanes_in_place;
use crate::plan::network::packed::{Outgoing, Panels, Slices, one_of, row_floats};
use crate::plan::network::stored::{Bf16, F16};
use crate::plan::network::{NetworkPlan, Rows, WeightFormat};

use super::filled;
use super::forward::forward_lanes;
use super::lanes::Activations;
use super::parameters::Parameters;

/// Below this share of active sources a sparse block goes source by source, above it row by row: measured at
/// 784x512 with 10 % of the synapses (`benches/network.rs`).
const ACTIVITY_BY_SOURCE: f64 = 0.5;

/// Above this share of active sources a dense block takes them all: a list costs more than the zeros it leaves out.
const ACTIVITY_BY_LIST: f64 = 0.75;

/// From this share of all synapses on, one sample is faster over dense rows than over sparse ones, where panels stay in the
/// caches: at 784x512 the times are as 0.72 to 1 with 10 %, 1.09 with 15 %, 1.7 with 25 % and 3.6 with 50 %
/// (`cargo bench --bench network -- break_even`).
const DENSITY_OF_PANELS: f64 = 0.15;
/// The same where panels come from memory: they take 4 bytes a pair, sparse rows 8 bytes a synapse.
const DENSITY_OF_LARGE_PANELS: f64 = 0.5;
/// Bytes of panels that stay in the caches.
const LARGE_PANELS: usize = 8 << 20;

/// The same for batches, whose sparse blocks run over lanes: 0.96 to 1 with 30 % and 1.06 with 35 %, 64 samples.
const DENSITY_OF_BATCHES: f64 = 0.35;

/// Samples that one task of a batch evaluates.
const SAMPLES_PER_TASK: usize = 24;

/// Batches below this many samples go one by one where blocks are sparse: lanes come in groups of 16.
const SAMPLES_WORTH_LANES: usize = 4;

/// A network and its weights, without a world.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    plan: NetworkPlan,
    parameters: Parameters,
}

impl Network {
    /// A network of its own.
    ///
    /// # Panics
    /// If the parameters are of another plan.
    pub fn new(plan: NetworkPlan, parameters: Parameters) -> Self {
        parameters.view().assert_fit(&plan);
        Network { plan, parameters }
    }

    /// What is evaluated in which order.
    pub fn plan(&self) -> &NetworkPlan {
        &self.plan
    }

    /// Weights and biases.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Freezes it into a plan for inference with weights stored as `format`, for the instructions of `simd`.
    pub fn compile(&self, format: WeightFormat, simd: Simd) -> FrozenNetwork {
        self.compile_by([DENSITY_OF_PANELS, DENSITY_OF_LARGE_PANELS, DENSITY_OF_BATCHES], format, simd)
    }

    /// As [`Network::compile`], with sparse blocks running as dense ones from another share of all synapses on than the
    /// measured one; the answers have the same bits.
    pub fn compile_dense_from(&self, dense_from: f64, format: WeightFormat, simd: Simd) -> FrozenNetwork {
        self.compile_by([dense_from; 3], format, simd)
    }

    /// With sparse blocks running as dense ones from these shares on: small ones, large ones, and in batches.
    fn compile_by(&self, dense_from: [f64; 3], format: WeightFormat, simd: Simd) -> FrozenNetwork {
        let weights = match format {
            WeightFormat::F32 => Weights::F32(pack(self, dense_from)),
            WeightFormat::F16 => Weights::F16(pack(self, dense_from)),
            WeightFormat::Bf16 => Weights::Bf16(pack(self, dense_from)),
        };
        FrozenNetwork {
            runs_packed: runs_packed(&self.plan),
            batches_dense_from: dense_from[2],
            biases: self.plan.layers.iter().zip(&self.parameters.biases).map(|(l, b)| padded(b, l.n_neurons)).collect(),
            rows: self.plan.layers.iter().map(|l| empty_row(l.n_neurons)).collect(),
            active: vec![Vec::new(); self.plan.layers.len()],
            lanes: Activations::default(),
            lane_weights: None,
            answers: Vec::new(),
            plan: self.plan.clone(),
            weights,
            simd,
        }
    }
}

/// True if samples may be evaluated layer by layer over packed weights.
fn runs_packed(plan: &NetworkPlan) -> bool {
    let reads_itself = |l| plan.blocks_onto(l).any(|(_, b)| b.from == l);
    !plan.is_recurrent() && plan.stages.iter().all(|s| s.rows.is_none() && !plan.layers[s.layer].unit.is_gate() && !reads_itself(s.layer))
}

/// A block as inference needs it.
#[derive(Clone, Debug, PartialEq)]
enum Packed<S> {
    Dense(Panels<S>),
    Sparse {
        rows: Vec<S>,
        slices: Slices<S>,
        outgoing: Outgoing<S>,
    },
    /// Sparse rows that run as dense ones, with weight -0 where there is no synapse.
    Filled {
        rows: Vec<S>,
        slices: Slices<S>,
        panels: Panels<S>,
    },
}

impl<S> Packed<S> {
    /// The share of all pairs in panels that are synapses; nothing if there are no panels.
    fn density(&self) -> f64 {
        match self {
            Packed::Dense(_) => f64::INFINITY,
            Packed::Sparse { .. } => f64::NEG_INFINITY,
            Packed::Filled { rows, panels, .. } => rows.len() as f64 / (panels.n_sources * panels.n_targets).max(1) as f64,
        }
    }
}

/// The blocks in one format.
#[derive(Clone, Debug, PartialEq)]
enum Weights {
    F32(Vec<Packed<f32>>),
    F16(Vec<Packed<F16>>),
    Bf16(Vec<Packed<Bf16>>),
}

/// Calls a function that is generic over the format.
macro_rules! with_weights {
    ($weights:expr, $blocks:ident => $e:expr) => {
        match $weights {
            Weights::F32($blocks) => $e,
            Weights::F16($blocks) => $e,
            Weights::Bf16($blocks) => $e,
        }
    };
}

fn pack<S: Loads>(network: &Network, dense_from: [f64; 3]) -> Vec<Packed<S>> {
    let block = |(block, weights): (&crate::plan::network::Block, &Vec<f32>)| {
        let (n_sources, n_targets) = (network.plan.layers[block.from].n_neurons, network.plan.layers[block.to].n_neurons);
        match &block.rows {
            Rows::Dense => Packed::Dense(Panels::pack(weights, n_sources, n_targets)),
            Rows::Sparse { offsets, sources } => {
                let rows = weights.iter().map(|&w| S::round(w)).collect();
                let slices = Slices::pack(offsets, sources, weights, n_sources);
                let n_pairs = n_sources * n_targets;
                let dense_from = dense_from[usize::from(n_pairs.saturating_mul(size_of::<S>()) > LARGE_PANELS)];
                if weights.len() as f64 >= dense_from * n_pairs as f64 {
                    let filled = filled::matrix(&(0..n_targets), offsets, sources, weights, n_sources);
                    return Packed::Filled { rows, slices, panels: Panels::pack(&filled, n_sources, n_targets) };
                }
                Packed::Sparse { rows, slices, outgoing: Outgoing::pack(offsets, sources, weights, n_sources) }
            }
        }
    };
    network.plan.blocks.iter().zip(&network.parameters.weights).map(block).collect()
}

/// The weights of each block, widened, in the order of its rows.
fn unpack<S: Loads>(blocks: &[Packed<S>]) -> Vec<Vec<f32>> {
    let block = |block: &Packed<S>| match block {
        Packed::Dense(panels) => panels.unpack(),
        Packed::Sparse { rows, .. } | Packed::Filled { rows, .. } => rows.iter().map(|w| w.widen()).collect(),
    };
    blocks.iter().map(block).collect()
}

/// The values and zeros up to a row of activations, without its 1.
fn padded(values: &[f32], n_neurons: usize) -> Vec<f32> {
    let mut row = vec![0.0; one_of(n_neurons)];
    row[..n_neurons].copy_from_slice(values);
    row
}

/// A row of activations: zeros, and its 1.
fn empty_row(n_neurons: usize) -> Vec<f32> {
    let mut row = vec![0.0; row_floats(n_neurons)];
    row[one_of(n_neurons)] = 1.0;
    row
}

/// A network frozen for inference: it owns its plan, its weights and the room it works in.
#[derive(Clone, Debug)]
pub struct FrozenNetwork {
    plan: NetworkPlan,
    weights: Weights,
    /// By layer, padded.
    biases: Vec<Vec<f32>>,
    simd: Simd,
    runs_packed: bool,
    batches_dense_from: f64,
    /// Activations of one sample by layer, each row as [`row_floats`] has it.
    rows: Vec<Vec<f32>>,
    /// Neurons with activations other than 0, by layer.
    active: Vec<Vec<u32>>,
    lanes: Activations,
    /// Weights for passes over lanes, made when first needed.
    lane_weights: Option<Parameters>,
    answers: Vec<f32>,
}

impl FrozenNetwork {
    /// What is evaluated in which order.
    pub fn plan(&self) -> &NetworkPlan {
        &self.plan
    }

    /// Values that it reads a sample.
    pub fn n_inputs(&self) -> usize {
        self.plan.inputs().map(|(_, l)| l.n_neurons).sum()
    }

    /// Values that it answers a sample.
    pub fn n_outputs(&self) -> usize {
        self.plan.outputs().map(|(_, l)| l.n_neurons).sum()
    }

    /// How its weights are stored.
    pub fn format(&self) -> WeightFormat {
        match &self.weights {
            Weights::F32(_) => WeightFormat::F32,
            Weights::F16(_) => WeightFormat::F16,
            Weights::Bf16(_) => WeightFormat::Bf16,
        }
    }

    /// The network again, with its weights as stored.
    pub fn thaw(&self) -> Network {
        Network { plan: self.plan.clone(), parameters: self.parameters() }
    }

    fn parameters(&self) -> Parameters {
        let biases = self.plan.layers.iter().zip(&self.biases).map(|(l, b)| b[..l.n_neurons].to_vec()).collect();
        Parameters { weights: with_weights!(&self.weights, blocks => unpack(blocks)), biases }
    }

    /// True if one sample runs over packed weights, and not over lanes.
    pub fn is_packed(&self) -> bool {
        self.runs_packed
    }

    /// The activations of a layer that [`FrozenNetwork::run`] left, if one sample runs over packed weights.
    pub fn activations(&self, layer: usize) -> &[f32] {
        &self.rows[layer][..self.plan.layers[layer].n_neurons]
    }

    /// Forgets what a recurrent network remembers.
    pub fn reset(&mut self) {
        self.lanes.reset();
    }

    /// Answers one sample: its values in the order of the input layers, the answer in that of the output layers.
    ///
    /// A recurrent network takes one step and remembers it.
    ///
    /// # Panics
    /// If `inputs` has not [`FrozenNetwork::n_inputs`] values.
    pub fn run(&mut self, inputs: &[f32]) -> &[f32] {
        assert_eq!(inputs.len(), self.n_inputs(), "values, and input neurons");
        if !self.runs_packed {
            return self.run_lanes(inputs, 1);
        }
        let mut first = 0;
        for (l, layer) in self.plan.inputs() {
            self.rows[l][..layer.n_neurons].copy_from_slice(&inputs[first..first + layer.n_neurons]);
            first += layer.n_neurons;
            list_active(&self.rows[l][..layer.n_neurons], &mut self.active[l]);
        }
        for layer in self.plan.stages.iter().map(|s| s.layer).filter(|&l| self.plan.layers[l].n_neurons > 0) {
            let mut z = std::mem::take(&mut self.rows[layer]);
            let n_padded = self.biases[layer].len();
            z[..n_padded].copy_from_slice(&self.biases[layer]);
            for (b, block) in self.plan.blocks_onto(layer) {
                let (x, active) = (&self.rows[block.from], &self.active[block.from]);
                let sums = &mut z[..n_padded];
                with_weights!(&self.weights, blocks => add_block(self.simd, &blocks[b], self.plan.layers[block.from].n_neurons, x, active, sums));
            }
            let n_neurons = self.plan.layers[layer].n_neurons;
            activate_lanes_in_place(self.simd, self.plan.layers[layer].unit, 0, &mut z[..n_neurons]);
            list_active(&z[..n_neurons], &mut self.active[layer]);
            self.rows[layer] = z;
        }
        self.answers.clear();
        for (l, layer) in self.plan.outputs() {
            self.answers.extend_from_slice(&self.rows[l][..layer.n_neurons]);
        }
        &self.answers
    }

    /// Answers samples that follow each other, row-major `[sample][value]`; so are the answers.
    ///
    /// A recurrent network takes one step of as many independent sequences, and remembers them while their number stays.
    ///
    /// # Panics
    /// If the number of values is no multiple of [`FrozenNetwork::n_inputs`], or there are no inputs.
    pub fn run_batch(&mut self, inputs: &[f32]) -> &[f32] {
        let n_inputs = self.n_inputs();
        assert!(n_inputs > 0 && inputs.len().is_multiple_of(n_inputs), "{} values for {n_inputs} input neurons a sample", inputs.len());
        let n_samples = inputs.len() / n_inputs;
        if n_samples == 0 {
            return &[];
        }
        let is_dense = with_weights!(&self.weights, blocks => blocks.iter().all(|b| b.density() >= self.batches_dense_from));
        if self.runs_packed && is_dense {
            return self.run_panels(inputs, n_samples);
        }
        if self.runs_packed && n_samples < SAMPLES_WORTH_LANES {
            let mut answers = Vec::with_capacity(n_samples * self.n_outputs());
            for sample in inputs.chunks_exact(n_inputs) {
                answers.extend_from_slice(self.run(sample));
            }
            self.answers = answers;
            return &self.answers;
        }
        self.run_lanes(inputs, n_samples)
    }

    /// All samples over lanes.
    fn run_lanes(&mut self, inputs: &[f32], n_samples: usize) -> &[f32] {
        if self.lane_weights.is_none() {
            self.lane_weights = Some(self.parameters());
        }
        if self.lanes.n_samples() != n_samples || self.lanes.layers.is_empty() {
            self.lanes = Activations::new(&self.plan, n_samples);
        }
        let parameters = self.lane_weights.as_ref().expect("made above");
        self.lanes.load_rows(&self.plan, inputs);
        forward_lanes(&self.plan, &parameters.view(), &mut self.lanes, self.simd);
        self.lanes.store_rows(&self.plan, &mut self.answers);
        &self.answers
    }

    /// All samples over panels, some a task.
    fn run_panels(&mut self, inputs: &[f32], n_samples: usize) -> &[f32] {
        let (n_inputs, n_outputs) = (self.n_inputs().max(1), self.n_outputs());
        self.answers.clear();
        self.answers.resize(n_samples * n_outputs, 0.0);
        let mut answers = std::mem::take(&mut self.answers);
        let n_synapses: usize = (0..self.plan.blocks.len()).map(|b| self.plan.n_synapses(b)).sum();
        let tasks = (inputs.par_chunks(SAMPLES_PER_TASK * n_inputs), answers.par_chunks_mut(SAMPLES_PER_TASK * n_outputs.max(1)));
        if n_samples > SAMPLES_PER_TASK && n_samples * n_synapses > super::forward::PRODUCTS_WORTH_A_THREAD {
            tasks.0.zip(tasks.1).for_each(|(inputs, answers)| self.run_some(inputs, answers));
        } else {
            let tasks = inputs.chunks(SAMPLES_PER_TASK * n_inputs).zip(answers.chunks_mut(SAMPLES_PER_TASK * n_outputs.max(1)));
            tasks.for_each(|(inputs, answers)| self.run_some(inputs, answers));
        }
        self.answers = answers;
        &self.answers
    }

    /// Some samples over panels, layer by layer.
    fn run_some(&self, inputs: &[f32], answers: &mut [f32]) {
        let n_samples = inputs.len() / self.n_inputs();
        let padded = |l: usize| one_of(self.plan.layers[l].n_neurons);
        let mut layers: Vec<Vec<f32>> = (0..self.plan.layers.len()).map(|l| vec![0.0; n_samples * padded(l)]).collect();
        let mut first = 0;
        for (l, layer) in self.plan.inputs().filter(|(_, layer)| layer.n_neurons > 0) {
            for (row, sample) in layers[l].chunks_exact_mut(padded(l)).zip(inputs.chunks_exact(self.n_inputs())) {
                row[..layer.n_neurons].copy_from_slice(&sample[first..first + layer.n_neurons]);
            }
            first += layer.n_neurons;
        }
        for layer in self.plan.stages.iter().map(|s| s.layer).filter(|&l| self.plan.layers[l].n_neurons > 0) {
            let mut z = std::mem::take(&mut layers[layer]);
            z.chunks_exact_mut(padded(layer)).for_each(|row| row.copy_from_slice(&self.biases[layer]));
            for (b, block) in self.plan.blocks_onto(layer) {
                let (x, x_floats, z_floats) = (&layers[block.from], padded(block.from), padded(layer));
                with_weights!(&self.weights, blocks => match &blocks[b] {
                    Packed::Dense(panels) => add_panels(self.simd, panels, x, x_floats, None, &mut z, z_floats),
                    Packed::Filled { panels, slices, .. } => {
                        let before = z.clone();
                        add_panels(self.simd, panels, x, x_floats, None, &mut z, z_floats);
                        let samples = z.chunks_exact_mut(z_floats).zip(x.chunks_exact(x_floats)).zip(before.chunks_exact(z_floats));
                        for ((z, x), before) in samples {
                            if filled::is_doubtful(&z[..panels.n_targets]) && !filled::is_harmless(&x[..panels.n_sources]) {
                                let mut row = empty_row(panels.n_sources);
                                row[..x_floats].copy_from_slice(x);
                                z.copy_from_slice(before);
                                add_slices(self.simd, slices, panels.n_sources, &row, z);
                            }
                        }
                    }
                    Packed::Sparse { .. } => unreachable!("sparse blocks run over lanes"),
                });
            }
            activate_lanes_in_place(self.simd, self.plan.layers[layer].unit, 0, &mut z);
            layers[layer] = z;
        }
        let mut first = 0;
        for (l, layer) in self.plan.outputs().filter(|(_, layer)| layer.n_neurons > 0) {
            for (row, answer) in layers[l].chunks_exact(padded(l)).zip(answers.chunks_exact_mut(self.n_outputs().max(1))) {
                answer[first..first + layer.n_neurons].copy_from_slice(&row[..layer.n_neurons]);
            }
            first += layer.n_neurons;
        }
    }
}

/// Adds the inputs of one block to the sums of one sample.
fn add_block<S: Loads>(simd: Simd, block: &Packed<S>, n_sources: usize, x: &[f32], active: &[u32], z: &mut [f32]) {
    let activity = active.len() as f64 / n_sources.max(1) as f64;
    match block {
        Packed::Dense(panels) => {
            let active = (activity < ACTIVITY_BY_LIST).then_some(active);
            let z_floats = z.len();
            add_panels(simd, panels, x, x.len(), active, z, z_floats);
        }
        Packed::Sparse { slices, outgoing, .. } => {
            if activity < ACTIVITY_BY_SOURCE {
                let before = z.to_vec();
                if add_outgoing(simd, outgoing, x, active, z) {
                    return;
                }
                z.copy_from_slice(&before);
            }
            add_slices(simd, slices, n_sources, x, z);
        }
        Packed::Filled { panels, slices, .. } => {
            let active = (activity < ACTIVITY_BY_LIST).then_some(active);
            let (before, z_floats) = (z.to_vec(), z.len());
            add_panels(simd, panels, x, x.len(), active, z, z_floats);
            if filled::is_doubtful(&z[..panels.n_targets]) && !filled::is_harmless(&x[..n_sources]) {
                z.copy_from_slice(&before);
                add_slices(simd, slices, n_sources, x, z);
            }
        }
    }
}

/// Lists the neurons whose activation is not 0, ascending.
fn list_active(row: &[f32], active: &mut Vec<u32>) {
    active.resize(row.len(), 0);
    let mut n_active = 0;
    for (neuron, &a) in (0_u32..).zip(row) {
        active[n_active] = neuron;
        n_active += usize::from(a != 0.0);
    }
    active.truncate(n_active);
}

#[cfg(test)]
mod tests {
    use super::super::law;
    use super::super::random_plans::{Mix, Random, random_network};
    use super::*;
    use crate::plan::network::stored::Stored;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    /// The answers of `n_steps` steps of one sample, by the law.
    fn by_the_law(network: &Network, inputs: &[f32], n_steps: usize) -> Vec<u32> {
        let plan = network.plan();
        let mut layers: Vec<Vec<f32>> = plan.layers.iter().map(|l| vec![0.0; l.n_neurons]).collect();
        let mut first = 0;
        for (l, layer) in plan.inputs() {
            layers[l].copy_from_slice(&inputs[first..first + layer.n_neurons]);
            first += layer.n_neurons;
        }
        let keeps = |l: usize| if plan.is_recurrent() { plan.layers[l].n_neurons } else { 0 };
        let mut membranes: Vec<Vec<f32>> = (0..plan.layers.len()).map(|l| vec![0.0; keeps(l)]).collect();
        for _ in 0..n_steps {
            law::forward(plan, &network.parameters().view(), &mut layers, &mut membranes);
        }
        plan.outputs().flat_map(|(l, _)| layers[l].clone()).map(f32::to_bits).collect()
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|v| v.to_bits()).collect()
    }

    fn rounded(parameters: &Parameters, format: WeightFormat) -> Parameters {
        let round = |&w: &f32| match format {
            WeightFormat::F32 => w,
            WeightFormat::F16 => F16::round(w).widen(),
            WeightFormat::Bf16 => Bf16::round(w).widen(),
        };
        let weights = parameters.weights.iter().map(|block| block.iter().map(round).collect()).collect();
        Parameters { weights, biases: parameters.biases.clone() }
    }

    #[test]
    fn frozen_networks_answer_with_the_bits_of_the_law_at_any_activity_batch_and_format() {
        let mut random = Random(StreamKey::new(Seed(9), SystemTag::named("frozen"), 0).stream());
        for seed in 0..48_u64 {
            let mix = Mix { is_recurrent: seed % 8 == 7, has_own_levels: seed % 8 == 6 };
            let (plan, parameters) = random_network(seed, mix);
            let format = [WeightFormat::F32, WeightFormat::F16, WeightFormat::Bf16][seed as usize % 3];
            let network = Network::new(plan.clone(), parameters.clone());
            let as_stored = Network::new(plan, rounded(&parameters, format));
            for simd in Simd::available() {
                let mut frozen = network.compile(format, simd);
                assert_eq!(frozen.thaw(), as_stored);
                let n_inputs = frozen.n_inputs();
                let n_samples = [1, 2, 5, 19, 40][seed as usize % 5];
                let activity = [1, 2, 9][seed as usize % 3];
                let values: Vec<f32> =
                    (0..n_inputs * n_samples).map(|_| random.signed() * f32::from(random.below(activity) == 0)).collect();
                let expected: Vec<Vec<u32>> = values.chunks_exact(n_inputs).map(|x| by_the_law(&as_stored, x, 1)).collect();
                assert_eq!(bits(frozen.run_batch(&values)), expected.concat(), "seed {seed}, {} batch", simd.name());
                for (x, expected) in values.chunks_exact(n_inputs).zip(&expected) {
                    frozen.reset();
                    assert_eq!(bits(frozen.run(x)), *expected, "seed {seed}, {}", simd.name());
                }
                if frozen.plan().is_recurrent() {
                    frozen.run(&values[..n_inputs]);
                    let last = (n_samples - 1) * n_inputs;
                    frozen.reset();
                    frozen.run(&values[last..]);
                    assert_eq!(bits(frozen.run(&values[last..])), by_the_law(&as_stored, &values[last..], 2), "seed {seed}, two steps");
                }
            }
        }
    }

    #[test]
    fn sums_that_end_as_negative_zero_keep_the_sign_of_the_law() {
        use crate::plan::network::{Block, Layer, Unit};
        let layer = |name: &str, n_neurons, is_input| Layer {
            name: name.to_owned(),
            n_neurons,
            unit: Unit::Identity,
            is_input,
            is_output: !is_input,
        };
        // All synapses; three of four, which are filled up; one of four, which stays sparse.
        let sparse = |offsets: [u32; 3], sources: &[u32]| Rows::Sparse { offsets: offsets.to_vec(), sources: sources.to_vec() };
        for (rows, n) in [(Rows::Dense, 4), (sparse([0, 2, 3], &[0, 1, 1]), 3), (sparse([0, 1, 1], &[1]), 1)] {
            let block = Block { name: "w".to_owned(), from: 0, to: 1, is_delayed: false, rows };
            let plan = NetworkPlan::new(vec![layer("in", 2, true), layer("out", 2, false)], vec![block]).unwrap();
            // A bias of -0 stays -0 if nothing is added, and becomes +0 by adding +0.
            let parameters = Parameters { weights: vec![vec![1.0; n]], biases: vec![vec![0.0; 2], vec![-0.0; 2]] };
            let network = Network::new(plan, parameters);
            for simd in Simd::available() {
                let mut frozen = network.compile(WeightFormat::F32, simd);
                for x in [[0.0, 0.0], [-0.0, -0.0], [0.0, -1e-45], [-1e-45, 0.0], [f32::INFINITY, 1.0], [-1.0, -0.0]] {
                    let expected = by_the_law(&network, &x, 1);
                    assert_eq!(bits(frozen.run(&x)), expected, "{} {x:?}", simd.name());
                    let batch = [x, [1.0, -2.0], x].concat();
                    assert_eq!(bits(&frozen.run_batch(&batch)[4..]), expected, "{} {x:?} in a batch", simd.name());
                }
            }
        }
    }

    #[test]
    fn threads_share_a_batch_without_a_trace() {
        use crate::plan::network::{Block, Layer, Unit};
        let sizes = [30, 41, 20];
        let layers = sizes.iter().enumerate().map(|(l, &n_neurons)| Layer {
            name: l.to_string(),
            n_neurons,
            unit: Unit::Tanh,
            is_input: l == 0,
            is_output: l == 2,
        });
        let block = |to: usize| Block { name: to.to_string(), from: to - 1, to, is_delayed: false, rows: Rows::Dense };
        let plan = NetworkPlan::new(layers.collect(), vec![block(1), block(2)]).unwrap();
        let mut random = Random(StreamKey::new(Seed(2), SystemTag::named("threads"), 0).stream());
        let mut parameters = Parameters::zeros(&plan);
        parameters.weights.iter_mut().flatten().for_each(|w| *w = random.signed());
        let network = Network::new(plan, parameters);
        let values: Vec<f32> = (0..30 * 1001).map(|_| random.signed()).collect();
        let answers = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let mut frozen = network.compile(WeightFormat::F32, Simd::best());
            pool.install(|| bits(frozen.run_batch(&values)))
        };
        let one = answers(1);
        assert_eq!(one, answers(3));
        assert_eq!(one[1000 * 20..], by_the_law(&network, &values[1000 * 30..], 1));
    }
}
