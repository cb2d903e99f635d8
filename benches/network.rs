//! How fast is a forward pass? One sample and batches, dense and sparse, and by the activity of the input.
//!
//! Every time stands beside that of the scalar twin, which is compiled with the same target features. Networks:
//! 784-512-10 tanh, dense or with 10 % of the synapses; one thread.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lehr::engine::network::{Activations, Network, Parameters, forward_lanes};
use lehr::kernels::layers::{Products, RowsOfBlock, add_inputs};
use lehr::kernels::simd::Simd;
use lehr::kernels::units::activate_lanes;
use lehr::plan::network::{Block, Layer, NetworkPlan, Rows, Unit, WeightFormat};
use lehr::random::{Stream, StreamKey, SystemTag};
use lehr::units::Seed;

const SIZES: [usize; 3] = [784, 512, 10];

fn draws(name: &str) -> Stream {
    StreamKey::new(Seed(1), SystemTag::named(name), 0).stream()
}

/// 784-512-10 with this share of its synapses; all of them make dense blocks.
fn network(density: f64) -> Network {
    let mut draw = draws("bench/network");
    let layer = |l: usize| Layer { name: format!("layer{l}"), n_neurons: SIZES[l], unit: Unit::Tanh, is_input: l == 0, is_output: l == 2 };
    let mut block = |to: usize| {
        let rows = if density == 1.0 {
            Rows::Dense
        } else {
            let (mut offsets, mut sources) = (vec![0], Vec::new());
            for _ in 0..SIZES[to] {
                sources.extend((0..SIZES[to - 1] as u32).filter(|_| draw.uniform() < density));
                offsets.push(sources.len() as u32);
            }
            Rows::Sparse { offsets, sources }
        };
        Block { name: format!("block{to}"), from: to - 1, to, is_delayed: false, rows }
    };
    let blocks = vec![block(1), block(2)];
    let plan = NetworkPlan::new(vec![layer(0), layer(1), layer(2)], blocks).expect("feed-forward");
    let mut parameters = Parameters::zeros(&plan);
    for weight in parameters.weights.iter_mut().flatten() {
        *weight = 0.05 * draw.gaussian() as f32;
    }
    Network::new(plan, parameters)
}

/// `n_samples` samples with this share of values other than 0.
fn inputs(n_samples: usize, activity: f64) -> Vec<f32> {
    let mut draw = draws("bench/inputs");
    (0..n_samples * SIZES[0]).map(|_| if draw.uniform() < activity { draw.gaussian() as f32 } else { 0.0 }).collect()
}

fn backends() -> [Simd; 2] {
    [Simd::Scalar, Simd::best()]
}

/// Frozen networks: latency, batches, formats.
fn frozen(c: &mut Criterion) {
    for (name, density) in [("dense", 1.0), ("sparse10", 0.1)] {
        let network = network(density);
        for n_samples in [1, 64, 256] {
            let mut group = c.benchmark_group(format!("frozen/{name}/batch{n_samples}"));
            let n_synapses: usize = (0..2).map(|b| network.plan().n_synapses(b)).sum();
            group.throughput(Throughput::Elements((n_synapses * n_samples) as u64));
            let x = inputs(n_samples, 1.0);
            for simd in backends() {
                for format in [WeightFormat::F32, WeightFormat::F16, WeightFormat::Bf16] {
                    let mut frozen = network.compile(format, simd);
                    group.bench_function(format!("{format:?}/{}", simd.name()), |b| {
                        b.iter(|| black_box(frozen.run_batch(black_box(&x)))[0])
                    });
                }
            }
        }
    }
}

/// Cost of one sample against the share of active inputs, 1 % to 100 %.
fn activity(c: &mut Criterion) {
    for (name, density) in [("dense", 1.0), ("sparse10", 0.1)] {
        let network = network(density);
        let mut group = c.benchmark_group(format!("activity/{name}"));
        for percent in [1, 2, 5, 10, 20, 30, 40, 50, 70, 100] {
            let x = inputs(1, f64::from(percent) / 100.0);
            for simd in backends() {
                let mut frozen = network.compile(WeightFormat::F32, simd);
                group.bench_function(BenchmarkId::new(simd.name(), percent), |b| b.iter(|| black_box(frozen.run(black_box(&x)))[0]));
            }
        }
    }
}

/// Passes over lanes, as learning runs them: the weights are read where the columns hold them.
fn lanes(c: &mut Criterion) {
    // A full projection as a matrix and as compressed rows, and rows of other densities: where dense rows break even.
    for (name, density) in [("dense", 1.0), ("sparse50", 0.5), ("sparse30", 0.3), ("sparse10", 0.1)] {
        let network = network(density);
        for n_samples in [64, 256] {
            let mut group = c.benchmark_group(format!("lanes/{name}/batch{n_samples}"));
            for simd in backends() {
                let mut activations = Activations::new(network.plan(), n_samples);
                activations.load_rows(network.plan(), &inputs(n_samples, 1.0));
                let parameters = network.parameters().view();
                group.bench_function(simd.name(), |b| {
                    b.iter(|| forward_lanes(network.plan(), &parameters, black_box(&mut activations), simd))
                });
            }
        }
    }
}

/// Units alone, over the training samples of the digits.
fn units(c: &mut Criterion) {
    let sums: Vec<f32> = inputs(2, 1.0)[..1437].to_vec();
    let mut answers = vec![0.0; sums.len()];
    for unit in [Unit::Tanh, Unit::Sigmoid, Unit::Relu, Unit::Softplus] {
        let mut group = c.benchmark_group(format!("units/{unit:?}/1437"));
        for simd in backends() {
            group.bench_function(simd.name(), |b| b.iter(|| activate_lanes(simd, unit, 0, black_box(&sums), &mut answers)));
        }
    }
}

/// Inputs to outputs in one block with this share of its synapses; a share of 1 is a dense block.
fn one_block(n_sources: usize, n_targets: usize, density: f64) -> Network {
    let mut draw = draws("bench/block");
    let layer =
        |name: &str, n_neurons, is_input| Layer { name: name.to_owned(), n_neurons, unit: Unit::Identity, is_input, is_output: !is_input };
    let rows = if density == 1.0 {
        Rows::Dense
    } else {
        let (mut offsets, mut sources) = (vec![0], Vec::new());
        for _ in 0..n_targets {
            sources.extend((0..n_sources as u32).filter(|_| draw.uniform() < density));
            offsets.push(sources.len() as u32);
        }
        Rows::Sparse { offsets, sources }
    };
    let block = Block { name: "block".to_owned(), from: 0, to: 1, is_delayed: false, rows };
    let plan = NetworkPlan::new(vec![layer("in", n_sources, true), layer("out", n_targets, false)], vec![block]).expect("feed-forward");
    let mut parameters = Parameters::zeros(&plan);
    for weight in parameters.weights.iter_mut().chain(&mut parameters.biases).flatten() {
        *weight = 0.05 * draw.gaussian() as f32;
    }
    Network::new(plan, parameters)
}

/// Microseconds of each of two jobs and the ratio of the first to the second: the least of rounds that take turns, which other
/// work of the machine disturbs the least.
#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn against(mut one: impl FnMut(), mut other: impl FnMut()) -> (f64, f64, f64) {
    let time = |job: &mut dyn FnMut(), n: u32| {
        let start = std::time::Instant::now();
        (0..n).for_each(|_| job());
        start.elapsed().as_secs_f64() * 1e6 / f64::from(n)
    };
    let n = (500.0 / time(&mut other, 3).max(1.0)).ceil() as u32;
    let (mut a, mut b) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..60 {
        a = a.min(time(&mut one, n));
        b = b.min(time(&mut other, n));
    }
    (a, b, a / b)
}

/// Samples for any number of inputs, all active.
fn samples(n_samples: usize, n_inputs: usize) -> Vec<f32> {
    let mut draw = draws("bench/samples");
    (0..n_samples * n_inputs).map(|_| draw.gaussian() as f32).collect()
}

/// One pass over lanes, as live networks, measures and training run it.
fn over_lanes(network: &Network, n_samples: usize, products: Products) -> impl FnMut() {
    let mut activations = Activations::new(network.plan(), n_samples).multiplied_by(products);
    let n_inputs: usize = network.plan().inputs().map(|(_, l)| l.n_neurons).sum();
    activations.load_rows(network.plan(), &samples(n_samples, n_inputs));
    let parameters = network.parameters().view();
    move || forward_lanes(network.plan(), &parameters, black_box(&mut activations), Simd::best())
}

/// The rows of a network of one block over lanes, as its kind of rows has them.
fn rows(network: &Network, n_lanes: usize) -> impl FnMut() {
    let (block, weights) = (&network.plan().blocks[0], &network.parameters().weights[0]);
    let [n_sources, n_targets] = [0, 1].map(|l| network.plan().layers[l].n_neurons);
    let x = samples(n_lanes, n_sources);
    let mut z = vec![0.0; n_targets * n_lanes];
    move || {
        let rows = RowsOfBlock { rows: &block.rows, targets: 0..n_targets, n_sources, weights, x: black_box(&x), n_lanes };
        z.fill(0.0);
        add_inputs(Simd::best(), Products::Ordered, &rows, &mut z);
        black_box(z[0]);
    }
}

/// One call of a frozen network whose sparse blocks run as dense ones from this share of all synapses on.
fn frozen_batch(network: &Network, n_samples: usize, dense_from: f64) -> impl FnMut() {
    let mut frozen = network.compile_dense_from(dense_from, WeightFormat::F32, Simd::best());
    let x = samples(n_samples, frozen.n_inputs());
    move || {
        black_box(frozen.run_batch(black_box(&x))[0]);
    }
}

/// Where another path becomes the faster one; printed, for the constants that choose. `cargo bench --bench network -- break_even`.
fn break_even() {
    if Products::library().is_ok() {
        println!("a library against ordered products, f32, us");
        println!("{:>12} {:>8} {:>12} {:>12} {:>20}", "block", "samples", "library", "ordered", "library / ordered");
        for (n_sources, n_targets) in [(784, 512), (2048, 2048)] {
            let network = one_block(n_sources, n_targets, 1.0);
            for n_samples in [1, 32, 256] {
                let (library, ordered) =
                    (over_lanes(&network, n_samples, Products::Library), over_lanes(&network, n_samples, Products::Ordered));
                let (a, b, ratio) = against(library, ordered);
                println!("{:>12} {n_samples:>8} {a:>12.1} {b:>12.1} {ratio:>20.2}", format!("{n_sources}x{n_targets}"));
            }
        }
    }
    println!(
        "compressed rows against dense ones by density, 784x512, time of sparse / time of dense; filled: dense as sparse blocks run it"
    );
    println!(
        "{:>8} {:>10} {:>10} {:>10} {:>12} {:>14} {:>12} {:>12}",
        "density", "lanes 16", "lanes 64", "lanes 256", "one, frozen", "64, frozen", "filled 64", "filled 256"
    );
    let dense = one_block(784, 512, 1.0);
    for percent in [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90] {
        let sparse = one_block(784, 512, f64::from(percent) / 100.0);
        let lanes = [16, 64, 256].map(|n| against(rows(&sparse, n), rows(&dense, n)).2);
        let frozen = [1, 64].map(|n| against(frozen_batch(&sparse, n, 2.0), frozen_batch(&sparse, n, 0.0)).2);
        let filled = [64, 256].map(|n| against(rows(&sparse, n), over_lanes(&sparse, n, Products::Ordered)).2);
        let [a, b, c] = lanes.map(|r| format!("{r:.2}"));
        let [d, e, f, g] = [frozen[0], frozen[1], filled[0], filled[1]].map(|r| format!("{r:.2}"));
        println!("{percent:>7}% {a:>10} {b:>10} {c:>10} {d:>12} {e:>14} {f:>12} {g:>12}");
    }
    let whole = network(1.0);
    let (lanes, one, ratio) = against(over_lanes(&whole, 1, Products::Ordered), frozen_batch(&whole, 1, 2.0));
    println!("one sample of 784-512-10: {lanes:.1} us over 16 lanes, {one:.1} us frozen, ratio {ratio:.2}");
    let pack = || drop(black_box(Network::new(whole.plan().clone(), whole.parameters().clone()).compile(WeightFormat::F32, Simd::best())));
    println!("to pack it: {:.0} us", against(|| (), pack).1);
}

/// All groups in one thread.
fn one_thread(c: &mut Criterion) {
    let _pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().expect("a pool of this thread");
    if std::env::args().any(|argument| argument == "break_even") {
        return break_even();
    }
    for group in [frozen, activity, lanes, units] {
        group(c);
    }
}

criterion_group!(benches, one_thread);
criterion_main!(benches);
