//! Learning by gradient, measured: `cargo bench --bench train -- <digits|hardware|iteration|sparse>`, or all of them.
//!
//! - `train/digits`: accuracy of 64-64-10 on the digits, ten seeds, beside scikit-learn's MLP of the same size (.972).
//! - `train/hardware`: accuracy with and under a 4-bit noisy profile, trained plainly and noise-aware, ten seeds.
//! - `train/iteration`: milliseconds of an update of 784-512-10 with Adam, batch 64, plain and noise-aware, and the scalar twin.
//! - `train/sparse`: bytes a synapse and seconds a step of Adam on 100,000 neurons with 10 M synapses.
//!
//! `benches/peers/networks/training.py` measures PyTorch at the last two.
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::time::Instant;

use lehr::data::csv::{CsvOptions, read_csv};
use lehr::data::split::split;
use lehr::data::{Dataset, Targets, scaling};
use lehr::engine::network::noisy::{HardwarePass, StraightThrough};
use lehr::engine::network::optimisers::{Clip, Optimiser, WeightDecay};
use lehr::engine::network::reverse::Learns;
use lehr::engine::network::train::{Batches, Gradient, Hardware, Moments, Update};
use lehr::engine::network::{Activations, Loss, Parameters, forward_lanes};
use lehr::kernels::simd::Simd;
use lehr::plan::network::hardware::{InputConverter, OutputConverter, WeightProfile};
use lehr::plan::network::{Block, Granularity, HardwareProfile, Layer, NetworkPlan, Noise, OutputRange, OutputUnit, Rows, Unit};
use lehr::random::{StreamKey, SystemTag};
use lehr::units::Seed;

const SEEDS: u64 = 10;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for (name, run) in [("digits", digits as fn()), ("hardware", hardware), ("iteration", iteration), ("sparse", sparse)] {
        if asked.is_empty() || asked.iter().any(|a| name.contains(a.as_str()) || a.ends_with(name)) {
            run();
        }
    }
}

/// Dense layers of these sizes; the last one has logits.
fn dense_layers(sizes: &[usize], unit: Unit) -> NetworkPlan {
    let last = sizes.len() - 1;
    let layer = |(l, &n_neurons): (usize, &usize)| Layer {
        name: format!("layer{l}"),
        n_neurons,
        unit: if l == last { Unit::Identity } else { unit },
        is_input: l == 0,
        is_output: l == last,
    };
    let block = |l: usize| Block { name: format!("{l}->{}", l + 1), from: l, to: l + 1, is_delayed: false, rows: Rows::Dense };
    NetworkPlan::new(sizes.iter().enumerate().map(layer).collect(), (0..last).map(block).collect()).expect("layers in order")
}

/// Uniform weights in +-sqrt(6 / (fan-in + fan-out)) (Glorot, Bengio 2010), biases 0.
fn glorot(plan: &NetworkPlan, seed: u64) -> Parameters {
    let mut parameters = Parameters::zeros(plan);
    for (b, weights) in parameters.weights.iter_mut().enumerate() {
        let (from, to) = (plan.layers[plan.blocks[b].from].n_neurons, plan.layers[plan.blocks[b].to].n_neurons);
        let fan = match &plan.blocks[b].rows {
            Rows::Dense => (from + to) as f64,
            Rows::Sparse { sources, .. } => sources.len() as f64 * (1.0 / from as f64 + 1.0 / to as f64),
        };
        let mut random = StreamKey::new(Seed(seed), SystemTag::named("glorot"), b as u64).stream();
        let bound = (6.0 / fan).sqrt();
        weights.iter_mut().for_each(|w| *w = (bound * (2.0 * random.uniform() - 1.0)) as f32);
    }
    parameters
}

fn digits_data(seed: u64) -> (Dataset, Dataset) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/digits.csv");
    let bytes = std::fs::read(file).expect("the digits");
    let mut dataset = read_csv(file, &bytes, &CsvOptions::default()).expect("the digits");
    scaling::divide(&mut dataset, 16.0);
    split(&dataset, 0.2, true, Seed(seed))
}

/// How training goes.
#[derive(Clone)]
struct Training {
    epochs: u64,
    batch: usize,
    rate: f64,
    decay: f32,
    profile: Option<HardwareProfile>,
}

fn train(plan: &NetworkPlan, parameters: &mut Parameters, data: &Dataset, seed: u64, how: &Training) {
    let optimiser = Optimiser::ADAM;
    let mut moments = Moments::new(plan, optimiser);
    let mut gradient = Gradient::new(Simd::best(), 1, Learns::all(plan));
    let key = StreamKey::new(Seed(seed), SystemTag::named("train hardware"), 0);
    gradient.set_hardware(how.profile.clone().map(|profile| Hardware { profile, key, straight_through: StraightThrough::Clipped }));
    let mut batches = Batches::new(Seed(seed), data.n_samples(), how.batch);
    let total = how.epochs * batches.per_epoch();
    for t in 0..total {
        if let Some(hardware) = gradient.hardware_mut() {
            hardware.key.step = t;
        }
        // Half a cosine to 0.
        let rate = how.rate * 0.5 * (1.0 + lehr::math::cos(std::f64::consts::PI * t as f64 / total as f64));
        let update = Update { t: t + 1, rate, optimiser, decay: WeightDecay::L2(how.decay), clip: Clip::None };
        gradient.update(plan, &mut moments.rows(parameters), Loss::CrossEntropy, data, batches.of(t), &update);
    }
}

/// The share of right answers, in f32 or under a profile with the noise of this draw.
fn accuracy(plan: &NetworkPlan, parameters: &Parameters, data: &Dataset, profile: Option<&HardwareProfile>, draw: u64) -> f64 {
    let all: Vec<u32> = (0..data.n_samples() as u32).collect();
    let mut activations = Activations::new(plan, all.len()).keeping_sums(plan);
    activations.load_samples(plan, data, &all);
    match profile {
        None => forward_lanes(plan, &parameters.view(), &mut activations, Simd::best()),
        Some(profile) => {
            let key = StreamKey::new(Seed(draw), SystemTag::named("test hardware"), 0);
            HardwarePass::default().forward(plan, &parameters.view(), &mut activations, profile, key, Simd::best());
        }
    }
    let Targets::Classes(classes) = &data.targets else { panic!("digits are classes") };
    let (output, _) = plan.outputs().next().expect("an output");
    let is_right = |sample: usize| {
        let answers: Vec<f32> = activations.sample(output, sample).collect();
        let best = (0..answers.len()).fold(0, |best, j| if answers[j] > answers[best] { j } else { best });
        best == classes[sample] as usize
    };
    (0..all.len()).filter(|&s| is_right(s)).count() as f64 / all.len() as f64
}

fn mean_and_error(xs: &[f64]) -> String {
    let n = xs.len() as f64;
    let mean = xs.iter().sum::<f64>() / n;
    let variance = xs.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
    format!("{mean:.4} +- {:.4}", (variance / n).sqrt())
}

fn digits() {
    let plan = dense_layers(&[64, 64, 10], Unit::Relu);
    let start = Instant::now();
    let found: Vec<f64> = (0..SEEDS)
        .map(|seed| {
            let (learn, test) = digits_data(seed);
            let mut parameters = glorot(&plan, seed);
            train(&plan, &mut parameters, &learn, seed, &Training { epochs: 100, batch: 64, rate: 3e-3, decay: 1e-4, profile: None });
            accuracy(&plan, &parameters, &test, None, 0)
        })
        .collect();
    let seconds = start.elapsed().as_secs_f64() / SEEDS as f64;
    println!("train/digits  64-64-10, {SEEDS} seeds, {seconds:.2} s a seed: test accuracy {} (scikit-learn .972)", mean_and_error(&found));
}

/// The numbers of `assets/hardware/analogue_4bit.ron`.
fn analogue() -> HardwareProfile {
    HardwareProfile {
        name: "analogue_4bit".to_owned(),
        weights: WeightProfile {
            bits: Some(4),
            granularity: Granularity::Row,
            noise: Noise::Gaussian { sigma: 0.02 },
            ..WeightProfile::default()
        },
        input: InputConverter { bits: Some(8), ..InputConverter::default() },
        output_noise: Noise::Gaussian { sigma: 0.06 },
        output: OutputConverter { bits: Some(8), range: OutputRange::Fixed(12.0), ..OutputConverter::default() },
        output_unit: OutputUnit::Cell,
        ..HardwareProfile::default()
    }
}

/// Noise and an 8-bit converter behind each layer, y = Q(x W + sigma n), and nothing else.
fn noisy_outputs() -> HardwareProfile {
    HardwareProfile {
        name: "noisy 8-bit outputs".to_owned(),
        output_noise: Noise::Gaussian { sigma: 0.1 },
        output: OutputConverter { bits: Some(8), range: OutputRange::Fixed(8.0), ..OutputConverter::default() },
        ..HardwareProfile::default()
    }
}

fn hardware() {
    let plan = dense_layers(&[64, 64, 10], Unit::Relu);
    let profile = analogue();
    let (mut plain, mut plain_under, mut aware, mut aware_under) = (vec![], vec![], vec![], vec![]);
    let start = Instant::now();
    for seed in 0..SEEDS {
        let (learn, test) = digits_data(seed);
        let how = Training { epochs: 100, batch: 64, rate: 3e-3, decay: 1e-4, profile: None };
        let under = |parameters: &Parameters| (0..20).map(|d| accuracy(&plan, parameters, &test, Some(&profile), d)).sum::<f64>() / 20.0;
        let mut parameters = glorot(&plan, seed);
        train(&plan, &mut parameters, &learn, seed, &how);
        plain.push(accuracy(&plan, &parameters, &test, None, 0));
        plain_under.push(under(&parameters));
        let mut parameters = glorot(&plan, seed);
        train(&plan, &mut parameters, &learn, seed, &Training { profile: Some(profile.clone()), ..how });
        aware.push(accuracy(&plan, &parameters, &test, None, 0));
        aware_under.push(under(&parameters));
    }
    println!("train/hardware  {}, 64-64-10, {SEEDS} seeds, {:.1} s in all", profile.name, start.elapsed().as_secs_f64());
    println!("  trained plainly   f32 {}   under the profile {}", mean_and_error(&plain), mean_and_error(&plain_under));
    println!("  noise-aware       f32 {}   under the profile {}", mean_and_error(&aware), mean_and_error(&aware_under));
    let loss = |under: &[f64]| plain.iter().zip(under).map(|(f, u)| f - u).collect::<Vec<_>>();
    println!(
        "  lost against plain f32: plainly {}, noise-aware {}",
        mean_and_error(&loss(&plain_under)),
        mean_and_error(&loss(&aware_under))
    );
}

fn random_data(n_samples: usize, n_features: usize, n_classes: u32) -> Dataset {
    let mut random = StreamKey::new(Seed(1), SystemTag::named("bench data"), 0).stream();
    Dataset {
        n_features,
        inputs: (0..n_samples * n_features).map(|_| random.uniform() as f32).collect(),
        targets: Targets::Classes((0..n_samples).map(|_| random.below(n_classes.into()) as u32).collect()),
        class_names: (0..n_classes).map(|c| c.to_string()).collect(),
    }
}

/// Milliseconds that this thread has had a processor, which a busy machine does not lengthen.
fn processor_ms() -> f64 {
    let used = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    used.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(f64::NAN) * 1e-6
}

/// Median milliseconds of an update, and milliseconds of processor.
fn time_updates(plan: &NetworkPlan, data: &Dataset, simd: Simd, profile: Option<HardwareProfile>, n_updates: u64) -> String {
    let optimiser = Optimiser::ADAM;
    let mut parameters = glorot(plan, 1);
    let mut moments = Moments::new(plan, optimiser);
    let mut gradient = Gradient::new(simd, 1, Learns::all(plan));
    gradient.set_hardware(profile.map(|profile| Hardware {
        profile,
        key: StreamKey::new(Seed(1), SystemTag::named("bench"), 0),
        straight_through: StraightThrough::Clipped,
    }));
    let mut batches = Batches::new(Seed(1), data.n_samples(), 64);
    let mut times = Vec::new();
    let mut used = 0.0;
    for t in 0..n_updates {
        if t == 30 {
            used = processor_ms();
        }
        let start = Instant::now();
        if let Some(hardware) = gradient.hardware_mut() {
            hardware.key.step = t;
        }
        let update = Update { t: t + 1, rate: 1e-3, optimiser, decay: WeightDecay::None, clip: Clip::None };
        gradient.update(plan, &mut moments.rows(&mut parameters), Loss::CrossEntropy, data, batches.of(t), &update);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let used = (processor_ms() - used) / (n_updates - 30) as f64;
    times.sort_by(f64::total_cmp);
    format!("{:.3} ms ({used:.3} ms of processor)", times[times.len() / 2])
}

fn iteration() {
    let plan = dense_layers(&[784, 512, 10], Unit::Relu);
    let data = random_data(2048, 784, 10);
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    one_thread.install(|| {
        for simd in Simd::available().skip(1) {
            let times = [None, Some(noisy_outputs()), Some(analogue())].map(|profile| time_updates(&plan, &data, simd, profile, 300));
            println!(
                "train/iteration  784-512-10, batch 64, Adam, one thread, {}: plain {}, noisy 8-bit outputs {}, 4-bit analogue {}",
                simd.name(),
                times[0],
                times[1],
                times[2]
            );
        }
    });
}

fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) * 1024.0
}

fn sparse() {
    let before = resident_bytes();
    let (n_layers, n, fan_in) = (4, 25_000_usize, 134);
    let layer =
        |l: usize| Layer { name: format!("layer{l}"), n_neurons: n, unit: Unit::Tanh, is_input: l == 0, is_output: l + 1 == n_layers };
    let block = |l: usize| {
        let mut random = StreamKey::new(Seed(1), SystemTag::named("bench rows"), l as u64).stream();
        let mut sources: Vec<u32> = (0..n * fan_in).map(|_| random.below(n as u64) as u32).collect();
        sources.chunks_mut(fan_in).for_each(<[u32]>::sort_unstable);
        let offsets = (0..=n).map(|t| (t * fan_in) as u32).collect();
        Block { name: l.to_string(), from: l, to: l + 1, is_delayed: false, rows: Rows::Sparse { offsets, sources } }
    };
    let plan = NetworkPlan::new((0..n_layers).map(layer).collect(), (0..n_layers - 1).map(block).collect()).expect("layers in order");
    let n_synapses: usize = (0..plan.blocks.len()).map(|b| plan.n_synapses(b)).sum();
    let mut random = StreamKey::new(Seed(2), SystemTag::named("bench data"), 0).stream();
    for batch in [1, 16, 64] {
        let optimiser = Optimiser::ADAM;
        let mut parameters = glorot(&plan, 1);
        let mut moments = Moments::new(&plan, optimiser);
        let mut gradient = Gradient::new(Simd::best(), 1, Learns::all(&plan));
        let data = Dataset {
            n_features: n,
            inputs: (0..batch * n).map(|_| random.gaussian() as f32).collect(),
            targets: Targets::Values { width: n, values: (0..batch * n).map(|_| 0.5 * random.gaussian() as f32).collect() },
            class_names: Vec::new(),
        };
        let all: Vec<u32> = (0..batch as u32).collect();
        let mut times = Vec::new();
        for t in 0..7 {
            let start = Instant::now();
            let update = Update { t: t + 1, rate: 1e-4, optimiser, decay: WeightDecay::None, clip: Clip::None };
            gradient.update(&plan, &mut moments.rows(&mut parameters), Loss::MeanSquare, &data, &all, &update);
            times.push(start.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        let bytes = (resident_bytes() - before) / n_synapses as f64;
        println!(
            "train/sparse  {} neurons, {n_synapses} synapses, Adam, batch {batch}: {:.4} s a step, {bytes:.1} B a synapse resident ({} threads)",
            n_layers * n,
            times[times.len() / 2],
            rayon::current_num_threads()
        );
    }
}
