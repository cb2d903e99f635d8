//! What one replica costs: spin updates a second of CPU time over a linear ramp of beta from 0.1 to 3.
//!
//! `sparse/<graph>/<backend>` and `dense/<rows>/<backend>` sweep whole ramps (one iteration is one
//! ramp of `SWEEPS` sweeps); `accept_tests/<backend>` holds a frozen state, in which hardly a spin
//! flips; `threads/<n>` shares sweeps of 10^6 spins, in wall time. The backend `scalar` is the law;
//! run it with `RUSTFLAGS="-C target-cpu=native"` for the twin that has the vector units too.

use std::sync::Arc;
use std::time::Duration;

use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};

use lehr::engine::spins::dense::DenseSampler;
use lehr::engine::spins::replica::ReplicaSampler;
use lehr::engine::spins::{Rule, Scan, SpinSampler, SweepKey};
use lehr::kernels::simd::Simd;
use lehr::plan::{Coupling, DenseSettings, IsingModel, RowFormat};
use lehr::random::{Stream, StreamKey, SystemTag};
use lehr::topology::compile_spins;
use lehr::units::Seed;

const SWEEPS: u32 = 100;

fn stream() -> Stream {
    StreamKey::new(Seed(1), SystemTag::named("bench"), 0).stream()
}

fn sign(stream: &mut Stream) -> f32 {
    if stream.coin() { 1.0 } else { -1.0 }
}

/// A periodic square lattice with couplings from `strength`.
fn torus(side: u32, strength: impl Fn(&mut Stream) -> f32) -> IsingModel {
    let mut model = IsingModel::with_spins((side * side) as usize);
    let mut stream = stream();
    for (x, y) in (0..side * side).map(|v| (v % side, v / side)) {
        for (a, b) in [((x + 1) % side, y), (x, (y + 1) % side)] {
            model.couplings.push(Coupling::new(y * side + x, b * side + a, strength(&mut stream)));
        }
    }
    model.normalise();
    model
}

/// `n_couplings` distinct random pairs of strength -1, as in the G-set.
fn random_graph(n: u32, n_couplings: usize) -> IsingModel {
    let mut stream = stream();
    let mut pairs = std::collections::BTreeSet::new();
    while pairs.len() < n_couplings {
        let (a, b) = (stream.below(u64::from(n)) as u32, stream.below(u64::from(n)) as u32);
        if a != b {
            pairs.insert((a.min(b), a.max(b)));
        }
    }
    let mut model = IsingModel::with_spins(n as usize);
    model.couplings = pairs.into_iter().map(|(a, b)| Coupling::new(a, b, -1.0)).collect();
    model.normalise();
    model
}

/// Three random perfect matchings: degree 3, but for the few pairs drawn twice.
fn three_matchings(n: u32) -> IsingModel {
    let mut stream = stream();
    let mut model = IsingModel::with_spins(n as usize);
    let mut pairs = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let mut order: Vec<u32> = (0..n).collect();
        stream.shuffle(&mut order);
        pairs.extend(order.as_chunks::<2>().0.iter().map(|&[a, b]| (a.min(b), a.max(b))));
    }
    model.couplings = pairs.into_iter().map(|(a, b)| Coupling::new(a, b, sign(&mut stream))).collect();
    model.normalise();
    model
}

/// The Sherrington-Kirkpatrick model of `n` spins.
fn mean_field(n: u32, strength: impl Fn(&mut Stream) -> f32) -> IsingModel {
    let mut stream = stream();
    let scale = 1.0 / (n as f32).sqrt();
    let mut model = IsingModel::with_spins(n as usize);
    for j in 0..n {
        model.couplings.extend((0..j).map(|i| Coupling::new(i, j, scale * strength(&mut stream))));
    }
    model
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux keeps CPU times");
    Duration::from_nanos(stat.split(' ').next().and_then(|ns| ns.parse().ok()).expect("nanoseconds first"))
}

fn key(sweep: u32) -> SweepKey {
    SweepKey { seed: Seed(1), system: SystemTag::named("bench"), step: 0, sweep }
}

/// Makes `n` ramps of beta.
fn ramp(sampler: &mut dyn SpinSampler, n: u64, betas: (f64, f64)) {
    for sweep in 0..n as u32 * SWEEPS {
        let t = f64::from(sweep % SWEEPS) / f64::from(SWEEPS - 1);
        sampler.set_betas(&[betas.0 + t * (betas.1 - betas.0)]);
        sampler.sweep(Rule::Metropolis, Scan::Colours, key(sweep));
    }
}

/// Times ramps in CPU time of this thread.
fn ramps(b: &mut Bencher<'_>, sampler: &mut dyn SpinSampler, betas: (f64, f64)) {
    b.iter_custom(|n| {
        let start = cpu_time();
        ramp(sampler, n, betas);
        cpu_time() - start
    });
}

fn bench_sparse(c: &mut Criterion) {
    let graphs = [
        ("torus_128", torus(128, sign)),
        ("degree_3_10000", three_matchings(10_000)),
        ("g22_like", random_graph(2000, 19_990)),
        ("g1_like", random_graph(800, 19_176)),
        ("torus_128_gauss", torus(128, |s| s.gaussian() as f32)),
    ];
    let mut group = c.benchmark_group("sparse");
    group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    for (name, model) in graphs {
        let plan = Arc::new(compile_spins(&model, &[]));
        group.throughput(Throughput::Elements(u64::from(SWEEPS) * model.n_spins() as u64));
        for simd in Simd::available() {
            let mut sampler = ReplicaSampler::new(Arc::clone(&plan), simd);
            group.bench_function(format!("{name}/{}", simd.name()), |b| ramps(b, &mut sampler, (0.1, 3.0)));
        }
    }
}

fn bench_accept_tests(c: &mut Criterion) {
    let mut group = c.benchmark_group("accept_tests");
    group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(u64::from(SWEEPS) * 128 * 128));
    for (name, strength) in [("integer", 1.0), ("float", 0.9)] {
        // A field of another size leaves no common unit.
        let mut model = torus(128, |_| strength);
        model.fields[0] = if name == "float" { 1e-3 * std::f32::consts::PI } else { 0.0 };
        let plan = Arc::new(compile_spins(&model, &[]));
        for simd in Simd::available() {
            let mut sampler = ReplicaSampler::new(Arc::clone(&plan), simd);
            assert_eq!(sampler.has_integer_fields(), name == "integer");
            group.bench_function(format!("{name}/{}", simd.name()), |b| ramps(b, &mut sampler, (3.0, 3.0)));
        }
    }
}

fn bench_dense(c: &mut Criterion) {
    let gauss = Arc::new(compile_spins(&mean_field(1000, |s| s.gaussian() as f32), &[]));
    let signs = Arc::new(compile_spins(&mean_field(1000, sign), &[]));
    let mut group = c.benchmark_group("dense");
    group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(u64::from(SWEEPS) * 1000));
    for (name, plan, format) in
        [("gauss_f32", &gauss, RowFormat::F32), ("gauss_f16", &gauss, RowFormat::F16), ("signs_i8", &signs, RowFormat::I8)]
    {
        let settings = DenseSettings { format: Some(format), approximate: true, ..DenseSettings::default() };
        for simd in Simd::available() {
            let mut sampler = DenseSampler::new(Arc::clone(plan), &settings, simd).expect("rows of 1,000 spins");
            group.bench_function(format!("{name}/{}", simd.name()), |b| ramps(b, &mut sampler, (0.1, 3.0)));
        }
    }
}

fn bench_threads(c: &mut Criterion) {
    let plan = Arc::new(compile_spins(&torus(1000, sign), &[]));
    let mut group = c.benchmark_group("threads");
    group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(u64::from(SWEEPS) * 1_000_000));
    for n_threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().expect("a pool of threads");
        let mut sampler = ReplicaSampler::new(Arc::clone(&plan), Simd::best());
        group.bench_function(n_threads.to_string(), |b| b.iter(|| pool.install(|| ramp(&mut sampler, 1, (0.1, 3.0)))));
    }
}

criterion_group!(benches, bench_sparse, bench_accept_tests, bench_dense, bench_threads);
criterion_main!(benches);
