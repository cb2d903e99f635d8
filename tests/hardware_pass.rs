//! The pass of a network under a hardware profile, against the law of one layer, on every backend.

use lehr::engine::network::hardware::{Programmed, RowSpans};
use lehr::engine::network::noisy::HardwarePass;
use lehr::engine::network::{Activations, Parameters};
use lehr::kernels::quantised::PassKeys;
use lehr::kernels::quantised::law::{InputLaw, OutputLaw};
use lehr::kernels::simd::Simd;
use lehr::plan::network::{
    Block, Granularity, HardwareProfile, InputRange, Layer, NetworkPlan, Noise, NoiseOrder, OutputRange, OutputUnit, Rounding, Rows,
    Scheme, Unit,
};
use lehr::random::{StreamKey, SystemTag};
use lehr::units::Seed;

const SIZES: [usize; 3] = [37, 20, 5];
const SAMPLES: usize = 9;
const KEY: StreamKey = StreamKey::new(Seed(5), SystemTag::named("hardware pass"), 3);

/// Inputs, linear neurons and outputs; the second block has every other synapse if `is_sparse`.
fn plan(is_sparse: bool) -> NetworkPlan {
    let layer =
        |l: usize| Layer { name: format!("layer {l}"), n_neurons: SIZES[l], unit: Unit::Identity, is_input: l == 0, is_output: l == 2 };
    let rows = |l: usize| match is_sparse && l == 1 {
        false => Rows::Dense,
        true => Rows::Sparse {
            offsets: (0..=SIZES[2] as u32).map(|n| 10 * n).collect(),
            sources: (0..SIZES[2]).flat_map(|n| (0..10).map(move |k| (2 * k + n % 2) as u32)).collect(),
        },
    };
    let block = |l: usize| Block { name: format!("{l}"), from: l, to: l + 1, is_delayed: false, rows: rows(l) };
    NetworkPlan::new((0..3).map(layer).collect(), (0..2).map(block).collect()).expect("no cycle")
}

fn numbers(n: usize, step: u64) -> Vec<f32> {
    let mut stream = StreamKey { step, ..KEY }.stream();
    (0..n).map(|_| stream.gaussian() as f32).collect()
}

/// Profiles that meet every choice with every other one somewhere.
fn profiles() -> impl Iterator<Item = HardwareProfile> {
    (0..72_usize).map(|i| {
        let mut p = HardwareProfile::ideal();
        p.weights.bits = [Some(8), Some(4), None, Some(3)][i % 4];
        p.weights.scheme = [Scheme::Symmetric, Scheme::Affine][i / 2 % 2];
        p.weights.granularity = [Granularity::Row, Granularity::Tensor][i / 3 % 2];
        p.weights.noise = [Noise::None, Noise::Gaussian { sigma: 0.05 }][i / 5 % 2];
        p.input.bits = [Some(8), None, Some(5)][i % 3];
        p.input.range = [InputRange::Max, InputRange::Fixed(1.5)][i / 4 % 2];
        p.input.rounding = [Rounding::Nearest, Rounding::Stochastic][i / 7 % 2];
        p.output_noise = [Noise::Gaussian { sigma: 0.1 }, Noise::Uniform { sigma: 0.3 }, Noise::None][i / 2 % 3];
        p.output.bits = [Some(8), None, Some(6)][i / 3 % 3];
        p.output.range = [OutputRange::Fixed(3.0), OutputRange::Sigmas(4.0), OutputRange::Max][i / 4 % 3];
        p.order = [NoiseOrder::NoiseThenQuantise, NoiseOrder::QuantiseThenNoise][i / 6 % 2];
        p.output_unit = [OutputUnit::Absolute, OutputUnit::Cell][i / 8 % 2];
        // A range without a converter says nothing, and some converters need their input's.
        if p.output.bits.is_none() {
            p.output.range = OutputRange::default();
        }
        p
    })
}

/// One block by the law: converted weights with noise, converted inputs, products, converted outputs.
struct ByTheLaw {
    /// `[sample][target]`.
    outputs: Vec<f32>,
    /// `[sample][source]`, in units of activations.
    inputs: Vec<f32>,
    /// In the order of the synapses, in units of weights.
    weights: Vec<f32>,
}

fn by_the_law(profile: &HardwareProfile, rows: &Rows, n_sources: usize, weights: &[f32], xs: &[f32], key: StreamKey) -> ByTheLaw {
    let spans = RowSpans::of(rows, n_sources);
    let programmed = Programmed::new(weights, spans, profile, key);
    let mut read = vec![0.0; weights.len()];
    programmed.weights_of_pass(spans, profile, key, &mut read);
    let (keys, input, output) = (PassKeys::new(key), InputLaw::of(profile), OutputLaw::of(profile, programmed.largest, programmed.rms));
    let n_targets = programmed.scales.len();
    let source = |n: usize, k: usize| match rows {
        Rows::Dense => k,
        Rows::Sparse { offsets, sources } => sources[offsets[n] as usize + k] as usize,
    };
    let mut out = ByTheLaw { outputs: Vec::new(), inputs: Vec::new(), weights: Vec::new() };
    for (sample, x) in xs.chunks_exact(n_sources).enumerate() {
        let mut codes = vec![0.0; n_sources];
        let row = input.convert(x, &keys, sample as u32, &mut codes);
        let sum = |n: usize| read[spans.span(n)].iter().enumerate().fold(0.0_f32, |sum, (k, w)| w.mul_add(codes[source(n, k)], sum));
        let mut ys: Vec<f32> = (0..n_targets).map(sum).collect();
        output.finish(&mut ys, &programmed.scales, None, &row, &keys, sample as u32);
        out.outputs.extend(ys);
        out.inputs.extend(codes.iter().map(|x| x * row.step));
    }
    out.weights =
        (0..n_targets).flat_map(|n| read[spans.span(n)].iter().map(move |w| (n, *w))).map(|(n, w)| w * programmed.scales[n]).collect();
    out
}

/// Asserts near equality, up to `tolerance` of the largest of `expected`.
fn near(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let top = expected.iter().fold(1e-30_f32, |top, x| top.max(x.abs()));
    for (k, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * top, "{what}: number {k} is {a}, the law says {b}");
    }
}

#[test]
fn every_block_follows_the_law_of_one_layer() {
    let mut n_checked = 0;
    for (i, profile) in profiles().enumerate() {
        // Some choices exclude each other.
        if profile.validate().is_err() {
            continue;
        }
        n_checked += 1;
        let plan = plan(i % 2 == 1);
        let mut parameters = Parameters::zeros(&plan);
        for (b, weights) in parameters.weights.iter_mut().enumerate() {
            let n = weights.len();
            weights.copy_from_slice(&numbers(n, b as u64));
        }
        parameters.biases[1] = numbers(SIZES[1], 7);
        let xs = numbers(SIZES[0] * SAMPLES, 8);
        let mut backends = Vec::new();
        for simd in Simd::available() {
            let mut activations = Activations::new(&plan, SAMPLES).keeping_sums(&plan);
            activations.load_rows(&plan, &xs);
            let mut pass = HardwarePass::default();
            pass.forward(&plan, &parameters.view(), &mut activations, &profile, KEY, simd);
            let what = format!("profile {i} on {}: {profile:?}", simd.name());
            let rows = |layer: usize| -> Vec<f32> { (0..SAMPLES).flat_map(|s| activations.sample(layer, s).collect::<Vec<_>>()).collect() };
            let (hidden, answers) = (rows(1), rows(2));
            // The blocks of a pass draw from streams of their own.
            let first = by_the_law(&profile, &plan.blocks[0].rows, SIZES[0], &parameters.weights[0], &xs, KEY.sweep(0));
            let expected: Vec<f32> = first.outputs.iter().enumerate().map(|(k, y)| parameters.biases[1][k % SIZES[1]] + y).collect();
            near(&hidden, &expected, 1e-6, &what);
            let second = by_the_law(&profile, &plan.blocks[1].rows, SIZES[1], &parameters.weights[1], &hidden, KEY.sweep(1));
            near(&answers, &second.outputs, 1e-6, &what);
            // What gradients go through.
            for (b, law) in [first, second].iter().enumerate() {
                let stride = pass.blocks[b].stride;
                let inputs: Vec<f32> = pass.blocks[b].inputs.chunks_exact(stride).flat_map(|x| x[..SIZES[b]].to_vec()).collect();
                near(&inputs, &law.inputs, 1e-6, &format!("inputs of block {b}, {what}"));
                if b == 1 {
                    near(pass.parameters(&parameters.view()).weights[1], &law.weights, 1e-6, &format!("weights, {what}"));
                }
            }
            backends.push(answers.iter().map(|y| y.to_bits()).collect::<Vec<_>>());
        }
        assert!(backends.windows(2).all(|w| w[0] == w[1]), "backends differ under {profile:?}");
    }
    assert!(n_checked > 40, "{n_checked} profiles were possible");
}
