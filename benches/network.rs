//! How fast is a forward pass? One sample and batches, dense and sparse, and by the activity of the input.
//!
//! Every time stands beside that of the scalar twin, which is compiled with the same target features. Networks:
//! 784-512-10 tanh, dense or with 10 % of the synapses; one thread.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lehr::engine::network::{Activations, Network, Parameters, forward_lanes};
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

/// All groups in one thread.
fn one_thread(c: &mut Criterion) {
    let _pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().expect("a pool of this thread");
    for group in [frozen, activity, lanes, units] {
        group(c);
    }
}

criterion_group!(benches, one_thread);
criterion_main!(benches);
