//! The forward pass over lanes: the law of [`super::law`], for all samples of a batch at once.
//!
//! Stages run in their order. Threads share the rows of a stage in fixed chunks; every sum is one chain of roundings
//! of one neuron and lane, so chunks, threads, batches and backends leave the bits as they are.

use std::ops::Range;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::kernels::layers::{LIBRARY_ROWS, Products, RowsOfBlock, add_inputs, count_true_inputs};
use crate::kernels::simd::Simd;
use crate::kernels::units::{activate_lanes, activate_lanes_in_place, fire_lanes};
use crate::plan::network::{NetworkPlan, Rows, Stage, Unit};

use super::filled;
use super::lanes::Activations;
use super::parameters::ParametersRef;

/// Fewer products than this are not worth waking another thread for (30 us of one core).
pub(super) const PRODUCTS_WORTH_A_THREAD: usize = 1 << 20;

/// Chunks a stage is cut into, of whole tiles.
const CHUNKS: usize = 8;

/// A sparse block with at least this share of all synapses runs as a dense one over lanes, filled up at every pass. Dense rows
/// alone break even at 40 % with 64 lanes and at 32 % with 256, at 784x512; filling them up costs what is between
/// (`cargo bench --bench network -- break_even`).
const DENSITY_OF_LANES: f64 = 0.5;

/// Fewer lanes than this are not worth filling up rows.
const LANES_WORTH_FILLING: usize = 64;

/// Rows of a register tile.
const TILE: usize = 6;

/// One step of all samples: reads the inputs in `activations` and overwrites all other layers.
///
/// Delayed blocks read what the layers held when the step began, and LIF potentials go on where they are kept.
///
/// # Panics
/// If parameters or activations are of another plan.
pub fn forward_lanes(plan: &NetworkPlan, parameters: &ParametersRef<'_>, activations: &mut Activations, simd: Simd) {
    forward_stages(plan, parameters, activations, simd, |_, _| ());
}

/// As [`forward_lanes`]; after each stage, `adjust` may change the activations of its layer, by layer and `[neuron][lane]`.
///
/// # Panics
/// As [`forward_lanes`].
pub fn forward_stages(
    plan: &NetworkPlan,
    parameters: &ParametersRef<'_>,
    activations: &mut Activations,
    simd: Simd,
    mut adjust: impl FnMut(&Stage, &mut [Vec<f32>]),
) {
    parameters.assert_fit(plan);
    let n_lanes = activations.n_lanes();
    assert!(
        activations.layers.len() == plan.layers.len()
            && activations.layers.iter().zip(&plan.layers).all(|(a, l)| a.len() == l.n_neurons * n_lanes),
        "activations of another plan"
    );
    // 1. What delayed blocks read is put aside; every row of these layers is written anew below.
    for (now, before) in activations.layers.iter_mut().zip(&mut activations.before).filter(|(_, b)| !b.is_empty()) {
        std::mem::swap(now, before);
    }
    // 2. Stage by stage. A layer that nobody reads meanwhile is evaluated where it lies.
    for stage in &plan.stages {
        let reads_itself = plan.blocks_onto(stage.layer).any(|(_, b)| b.from == stage.layer && !b.is_delayed);
        match &stage.rows {
            None if !reads_itself => whole_layer(plan, parameters, activations, stage, simd),
            rows => some_rows(plan, parameters, activations, stage, rows.as_deref(), simd),
        }
        adjust(stage, &mut activations.layers);
    }
}

/// What the rows of a stage read.
struct Reads<'a> {
    plan: &'a NetworkPlan,
    parameters: &'a ParametersRef<'a>,
    layers: &'a [Vec<f32>],
    before: &'a [Vec<f32>],
    n_lanes: usize,
    n_samples: usize,
    products: Products,
    simd: Simd,
}

impl<'a> Reads<'a> {
    fn new(plan: &'a NetworkPlan, parameters: &'a ParametersRef<'a>, activations: &'a Activations, simd: Simd) -> Self {
        Reads {
            plan,
            parameters,
            layers: &activations.layers,
            before: &activations.before,
            n_lanes: activations.n_lanes(),
            n_samples: activations.n_samples(),
            products: activations.products,
            simd,
        }
    }
}

/// Rows that one task evaluates, and where it writes.
struct Task<'a> {
    rows: Range<usize>,
    /// Where pre-activations are kept, or nothing if they become activations where they are.
    sums: Option<&'a mut [f32]>,
    membranes: Option<&'a mut [f32]>,
    out: &'a mut [f32],
}

fn whole_layer(plan: &NetworkPlan, parameters: &ParametersRef<'_>, activations: &mut Activations, stage: &Stage, simd: Simd) {
    let (layer, n_lanes) = (stage.layer, activations.n_lanes());
    let n_rows = plan.layers[layer].n_neurons;
    if n_rows == 0 {
        return;
    }
    let take = |values: &mut Vec<Vec<f32>>| std::mem::take(&mut values[layer]);
    let (mut out, mut sums, mut membranes) = (take(&mut activations.layers), take(&mut activations.sums), take(&mut activations.membranes));
    let reads = Reads::new(plan, parameters, activations, simd);
    let rows_per_chunk = match activations.products {
        Products::Ordered => n_rows.div_ceil(CHUNKS).next_multiple_of(TILE),
        Products::Library => LIBRARY_ROWS,
    };
    let floats = rows_per_chunk * n_lanes;
    let mut tasks: Vec<Task> = Vec::with_capacity(n_rows.div_ceil(rows_per_chunk));
    let (mut sum_chunks, mut membrane_chunks) = (sums.chunks_mut(floats), membranes.chunks_mut(floats));
    for (k, out) in out.chunks_mut(floats).enumerate() {
        let first = k * rows_per_chunk;
        let rows = first..(first + rows_per_chunk).min(n_rows);
        tasks.push(Task { rows, sums: sum_chunks.next(), membranes: membrane_chunks.next(), out });
    }
    let n_synapses: usize = plan.blocks_onto(layer).map(|(b, _)| plan.n_synapses(b)).sum();
    if tasks.len() > 1 && n_synapses * n_lanes >= PRODUCTS_WORTH_A_THREAD {
        tasks.into_par_iter().for_each(|task| reads.evaluate(layer, task));
    } else {
        tasks.into_iter().for_each(|task| reads.evaluate(layer, task));
    }
    (activations.layers[layer], activations.sums[layer], activations.membranes[layer]) = (out, sums, membranes);
}

/// Rows of a layer that reads itself, or whose rows belong to several levels: evaluated aside, then written back.
fn some_rows(
    plan: &NetworkPlan,
    parameters: &ParametersRef<'_>,
    activations: &mut Activations,
    stage: &Stage,
    rows: Option<&[u32]>,
    simd: Simd,
) {
    let (layer, n_lanes) = (stage.layer, activations.n_lanes());
    let whole: Vec<u32>;
    let rows = match rows {
        Some(rows) => rows,
        None => {
            whole = (0..plan.layers[layer].n_neurons as u32).collect();
            &whole
        }
    };
    let mut found = vec![0.0; 3 * n_lanes * rows.len()];
    let mut potentials = std::mem::take(&mut activations.membranes[layer]);
    let reads = Reads::new(plan, parameters, activations, simd);
    let mut tasks: Vec<(usize, &mut [f32])> = rows.iter().map(|&r| r as usize).zip(found.chunks_mut(3 * n_lanes)).collect();
    let evaluate = |(row, found): &mut (usize, &mut [f32])| {
        let (sums, rest) = found.split_at_mut(n_lanes);
        let (out, membrane) = rest.split_at_mut(n_lanes);
        let kept = potentials.get(*row * n_lanes..(*row + 1) * n_lanes);
        let membranes = kept.map(|kept| {
            membrane.copy_from_slice(kept);
            &mut *membrane
        });
        reads.evaluate(layer, Task { rows: *row..*row + 1, sums: Some(sums), membranes, out });
    };
    if rows.len() * n_lanes * plan.layers[layer].n_neurons >= PRODUCTS_WORTH_A_THREAD {
        tasks.into_par_iter().for_each(|mut task| evaluate(&mut task));
    } else {
        tasks.iter_mut().for_each(evaluate);
    }
    for (&row, found) in rows.iter().zip(found.chunks(3 * n_lanes)) {
        let lanes = row as usize * n_lanes..(row as usize + 1) * n_lanes;
        activations.layers[layer][lanes.clone()].copy_from_slice(&found[n_lanes..2 * n_lanes]);
        for (kept, found) in [(&mut activations.sums[layer], &found[..n_lanes]), (&mut potentials, &found[2 * n_lanes..])] {
            if !kept.is_empty() {
                kept[lanes.clone()].copy_from_slice(found);
            }
        }
    }
    activations.membranes[layer] = potentials;
}

impl Reads<'_> {
    fn evaluate(&self, layer: usize, task: Task<'_>) {
        let unit = self.plan.layers[layer].unit;
        let Task { rows, sums, membranes, out } = task;
        match (unit, sums) {
            (Unit::Lif(lif), Some(sums)) if membranes.is_some() => {
                self.add_up(layer, rows, sums);
                fire_lanes(self.simd, lif, sums, membranes.expect("matched to be there"), out);
            }
            (Unit::Lif(lif), None) if membranes.is_some() => {
                let mut sums = vec![0.0; out.len()];
                self.add_up(layer, rows, &mut sums);
                fire_lanes(self.simd, lif, &sums, membranes.expect("matched to be there"), out);
            }
            (_, Some(sums)) => {
                self.add_up(layer, rows.clone(), sums);
                self.each_fan_in(layer, rows, |lanes, fan_in| {
                    activate_lanes(self.simd, unit, fan_in, &sums[lanes.clone()], &mut out[lanes]);
                });
            }
            (_, None) => {
                self.add_up(layer, rows.clone(), out);
                self.each_fan_in(layer, rows, |lanes, fan_in| activate_lanes_in_place(self.simd, unit, fan_in, &mut out[lanes]));
            }
        }
    }

    /// The pre-activations of some rows.
    fn add_up(&self, layer: usize, rows: Range<usize>, z: &mut [f32]) {
        let biases = &self.parameters.biases[layer][rows.clone()];
        let is_gate = self.plan.layers[layer].unit.is_gate();
        for (lanes, &bias) in z.chunks_exact_mut(self.n_lanes).zip(biases) {
            lanes.fill(if is_gate { 0.0 } else { bias });
        }
        for (b, block) in self.plan.blocks_onto(layer) {
            let before = &self.before[block.from];
            let x = if block.is_delayed && !before.is_empty() { before } else { &self.layers[block.from] };
            let rows = RowsOfBlock {
                rows: &block.rows,
                targets: rows.clone(),
                n_sources: self.plan.layers[block.from].n_neurons,
                weights: self.parameters.weights[b],
                x,
                n_lanes: self.n_lanes,
            };
            if is_gate {
                count_true_inputs(self.simd, &rows, biases, z);
            } else if !self.add_filled(&rows, z) {
                add_inputs(self.simd, self.products, &rows, z);
            }
        }
    }

    /// Adds the weighted inputs of sparse rows as dense ones, with the bits of sparse ones; false, and nothing done, if
    /// there are too few synapses or lanes.
    fn add_filled(&self, block: &RowsOfBlock<'_>, z: &mut [f32]) -> bool {
        let (Rows::Sparse { offsets, sources }, n_lanes) = (block.rows, block.n_lanes) else { return false };
        let n_pairs = (offsets.len() - 1) * block.n_sources;
        if n_lanes < LANES_WORTH_FILLING || (sources.len() as f64) < DENSITY_OF_LANES * n_pairs as f64 {
            return false;
        }
        let weights = filled::matrix(&block.targets, offsets, sources, block.weights, block.n_sources);
        let dense = RowsOfBlock { rows: &Rows::Dense, targets: 0..block.targets.len(), weights: &weights, ..block.clone() };
        let before = z.to_vec();
        add_inputs(self.simd, self.products, &dense, z);
        // Lanes beyond the samples mean nothing.
        let is_doubtful = |z: &[f32]| filled::is_doubtful(&z[..self.n_samples]);
        if z.chunks_exact(n_lanes).any(is_doubtful) && !filled::is_harmless(block.x) {
            let rows = z.chunks_exact_mut(n_lanes).zip(before.chunks_exact(n_lanes)).zip(block.targets.clone());
            for ((z, before), target) in rows.filter(|((z, _), _)| is_doubtful(z)) {
                z.copy_from_slice(before);
                add_inputs(self.simd, self.products, &RowsOfBlock { targets: target..target + 1, ..block.clone() }, z);
            }
        }
        true
    }

    /// Calls `visit` with the lanes of rows that may be activated together, and their number of inputs.
    fn each_fan_in(&self, layer: usize, rows: Range<usize>, mut visit: impl FnMut(Range<usize>, u32)) {
        if !self.plan.layers[layer].unit.is_gate() {
            return visit(0..rows.len() * self.n_lanes, 0);
        }
        for (k, row) in rows.enumerate() {
            let fan_in: usize =
                self.plan.blocks_onto(layer).map(|(_, block)| inputs_of(&block.rows, row, self.plan.layers[block.from].n_neurons)).sum();
            visit(k * self.n_lanes..(k + 1) * self.n_lanes, fan_in as u32);
        }
    }
}

/// Number of inputs of one row.
fn inputs_of(rows: &Rows, row: usize, n_sources: usize) -> usize {
    match rows {
        Rows::Dense => n_sources,
        Rows::Sparse { offsets, .. } => (offsets[row + 1] - offsets[row]) as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::super::law;
    use super::super::random_plans::{Mix, Random, random_network};
    use super::*;
    use crate::data::{Dataset, Targets};
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    const MIXES: [Mix; 4] = [
        Mix { is_recurrent: false, has_own_levels: false },
        Mix { is_recurrent: false, has_own_levels: true },
        Mix { is_recurrent: true, has_own_levels: false },
        Mix { is_recurrent: true, has_own_levels: true },
    ];

    fn samples(plan: &NetworkPlan, n_samples: usize) -> Dataset {
        let n_features = plan.inputs().map(|(_, l)| l.n_neurons).sum();
        let mut random = Random(StreamKey::new(Seed(5), SystemTag::named("samples"), 0).stream());
        let inputs = (0..n_features * n_samples).map(|_| random.signed()).collect();
        Dataset { n_features, inputs, targets: Targets::Classes(vec![0; n_samples]), class_names: vec!["any".to_owned()] }
    }

    /// Pre-activations and activations of some steps of one sample, by the law.
    fn by_the_law(plan: &NetworkPlan, parameters: &ParametersRef<'_>, sample: &[f32], n_steps: usize) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
        let mut layers: Vec<Vec<f32>> = plan.layers.iter().map(|l| vec![0.0; l.n_neurons]).collect();
        let mut first = 0;
        for (l, layer) in plan.inputs() {
            layers[l].copy_from_slice(&sample[first..first + layer.n_neurons]);
            first += layer.n_neurons;
        }
        let keeps = |l: usize| if plan.is_recurrent() { plan.layers[l].n_neurons } else { 0 };
        let mut membranes: Vec<Vec<f32>> = (0..plan.layers.len()).map(|l| vec![0.0; keeps(l)]).collect();
        let mut sums = Vec::new();
        for _ in 0..n_steps {
            sums = law::forward(plan, parameters, &mut layers, &mut membranes);
        }
        (sums, layers)
    }

    #[test]
    fn rows_that_are_filled_up_have_the_bits_of_the_law() {
        use crate::plan::network::{Block, Layer};
        let mut random = Random(StreamKey::new(Seed(3), SystemTag::named("filled"), 0).stream());
        let layer = |name: &str, n_neurons, is_input| Layer {
            name: name.to_owned(),
            n_neurons,
            unit: Unit::Identity,
            is_input,
            is_output: !is_input,
        };
        let (n_sources, n_targets, n_samples) = (23, 50, 70);
        let (mut offsets, mut sources) = (vec![0], Vec::new());
        for _ in 0..n_targets {
            sources.extend((0..n_sources as u32).filter(|_| random.below(4) > 0));
            offsets.push(sources.len() as u32);
        }
        let block = Block { name: "w".to_owned(), from: 0, to: 1, is_delayed: false, rows: Rows::Sparse { offsets, sources } };
        let plan = NetworkPlan::new(vec![layer("in", n_sources, true), layer("out", n_targets, false)], vec![block]).unwrap();
        let mut parameters = crate::engine::network::Parameters::zeros(&plan);
        parameters.weights[0].fill_with(|| random.signed());
        parameters.biases[1].iter_mut().enumerate().for_each(|(k, b)| *b = [0.0, -0.0, 0.5][k % 3]);
        let mut dataset = samples(&plan, n_samples);
        // Zeros of both signs, numbers whose products underflow, and an infinite one, in some samples each.
        for (k, x) in dataset.inputs.iter_mut().enumerate() {
            let sample = k / n_sources;
            let rare = [0.0, -0.0, -1e-45, 1e-45][random.below(4)];
            *x = match sample % 7 {
                0 => rare,
                1 => x.abs(),
                2 if k % n_sources == 5 => f32::INFINITY,
                3 if k % 2 == 0 => rare,
                _ => *x,
            };
        }
        for only_harmless in [false, true] {
            if only_harmless {
                dataset.inputs.iter_mut().for_each(|x| *x = if x.is_finite() { x.abs() } else { 0.0 });
            }
            for simd in Simd::available() {
                let mut activations = Activations::new(&plan, n_samples);
                activations.load_samples(&plan, &dataset, &(0..n_samples as u32).collect::<Vec<_>>());
                forward_lanes(&plan, &parameters.view(), &mut activations, simd);
                for sample in 0..n_samples {
                    let (_, layers) = by_the_law(&plan, &parameters.view(), dataset.sample(sample), 1);
                    let place = format!("{}, sample {sample}", simd.name());
                    assert_eq!(bits(activations.sample(1, sample)), bits(layers[1].iter().copied()), "{place}");
                }
            }
        }
    }

    fn bits(values: impl IntoIterator<Item = f32>) -> Vec<u32> {
        values.into_iter().map(f32::to_bits).collect()
    }

    #[test]
    fn every_backend_gives_the_bits_of_the_law_on_any_network() {
        for seed in 0..60 {
            let mix = MIXES[seed as usize % 4];
            let (plan, parameters) = random_network(seed, mix);
            let n_samples = [1, 7, 16, 33, 65][seed as usize % 5];
            let dataset = samples(&plan, n_samples);
            let n_steps = if plan.is_recurrent() { 3 } else { 1 };
            let order: Vec<u32> = (0..n_samples as u32).collect();
            for simd in Simd::available() {
                let mut kept = Activations::new(&plan, n_samples).keeping_sums(&plan);
                let mut lean = Activations::new(&plan, n_samples);
                for activations in [&mut kept, &mut lean] {
                    activations.load_samples(&plan, &dataset, &order);
                    (0..n_steps).for_each(|_| forward_lanes(&plan, &parameters.view(), activations, simd));
                }
                assert_eq!(kept.layers, lean.layers, "seed {seed}: kept sums change activations");
                for sample in [0, n_samples / 2, n_samples - 1] {
                    let (sums, layers) = by_the_law(&plan, &parameters.view(), dataset.sample(sample), n_steps);
                    for l in 0..plan.layers.len() {
                        let place = || format!("seed {seed}, {}, sample {sample}, {:?}", simd.name(), plan.layers[l]);
                        assert_eq!(bits(kept.sample(l, sample)), bits(layers[l].iter().copied()), "{}", place());
                        if !plan.layers[l].is_input {
                            let found = kept.sums[l].chunks_exact(kept.n_lanes()).map(|row| row[sample]);
                            assert_eq!(bits(found), bits(sums[l].iter().copied()), "sums of {}", place());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn threads_and_batches_leave_the_bits_as_they_are() {
        for seed in [3, 17, 26] {
            let (plan, parameters) = random_network(seed, MIXES[seed as usize % 4]);
            let dataset = samples(&plan, 600);
            let run = |n_threads: usize, batch: &[u32]| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
                let mut activations = Activations::new(&plan, batch.len());
                activations.load_samples(&plan, &dataset, batch);
                pool.install(|| forward_lanes(&plan, &parameters.view(), &mut activations, Simd::best()));
                activations
            };
            let all: Vec<u32> = (0..600).collect();
            let one = run(1, &all);
            assert_eq!(one, run(3, &all), "seed {seed}");
            for batch in all.chunks(119) {
                let part = run(1, batch);
                for (k, &sample) in batch.iter().enumerate().step_by(17) {
                    for l in 0..plan.layers.len() {
                        assert_eq!(bits(part.sample(l, k)), bits(one.sample(l, sample as usize)), "seed {seed}, layer {l}");
                    }
                }
            }
        }
    }

    #[test]
    #[cfg(feature = "gemm")]
    fn a_library_of_products_agrees_up_to_rounding() {
        for seed in [1, 5, 9] {
            let (plan, parameters) = random_network(seed, MIXES[0]);
            let dataset = samples(&plan, 40);
            let run = |products: Products| {
                let mut activations = Activations::new(&plan, 40).keeping_sums(&plan).multiplied_by(products);
                activations.load_samples(&plan, &dataset, &(0..40).collect::<Vec<u32>>());
                forward_lanes(&plan, &parameters.view(), &mut activations, Simd::best());
                activations
            };
            let (ordered, library) = (run(Products::Ordered), run(Products::library().unwrap()));
            // Only the first stage: further on, a stepped unit may turn a rounding into a jump.
            let first = plan.stages[0].layer;
            for (a, b) in ordered.sums[first].iter().zip(&library.sums[first]) {
                assert!((a - b).abs() <= 1e-4 * (1.0 + a.abs()), "{a} and {b}");
            }
        }
    }
}
