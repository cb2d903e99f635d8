//! What the fabric costs: columns against raw arrays, restructuring, plans, spawning, memory.
//!
//! Question by question: `gather/columns` against `gather/vec` (is an ECS table as fast as CSR?),
//! `restructure/<percent>` (deaths and as many births), `plan/compile` and `plan/refresh` (spin rows
//! from synapse rows), `spawn`. Choose sizes with a filter, such as `cargo bench --bench fabric -- 1M`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use lehr::plan::{Coupling, IsingModel};
use lehr::prelude::*;
use lehr::random::{StreamKey, SystemTag};
use lehr::topology::{compile_spins, refresh_spins};

const SIZES: [(&str, usize); 2] = [("1M", 1_000_000), ("10M", 10_000_000)];
const FAN_IN: usize = 100;
const N_SOURCES: usize = 100_000;

/// Synapses in row order, `FAN_IN` a target, from even sources only, so that a synapse can move to the odd one beside.
fn edges(n: usize) -> Vec<Edge> {
    let mut draw = StreamKey::new(Seed(1), SystemTag::named("bench"), 0).stream();
    let stride = (N_SOURCES / 2 / FAN_IN) as u64;
    let edge = |i: usize| {
        let (target, k) = ((i / FAN_IN) as u32, (i % FAN_IN) as u64);
        let source = 2 * (k * stride + draw.below(stride)) as u32;
        Edge { source, target, weight: draw.uniform_f32() - 0.5 }
    };
    (0..n).map(edge).collect()
}

fn simulation(edges: Vec<Edge>) -> Simulation {
    let n_targets = edges.len() / FAN_IN;
    let mut sim = Simulation::new(Seed(1));
    let projection = ProjectionSpec::new("in", "out", edges);
    sim.build(Blueprint::new().population("in", N_SOURCES).population("out", n_targets).with_projection(projection))
        .expect("a sound network");
    sim
}

/// acc[t] = sum over the row of t of w * a[source].
fn gather(offsets: &[u32], sources: &[u32], weights: &[f32], activations: &[f32], acc: &mut [f32]) {
    for (t, acc) in acc.iter_mut().enumerate() {
        let row = offsets[t] as usize..offsets[t + 1] as usize;
        *acc = sources[row.clone()].iter().zip(&weights[row]).map(|(&s, &w)| w * activations[s as usize]).sum();
    }
}

fn bench_gather(c: &mut Criterion) {
    let mut group = c.benchmark_group("gather");
    group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    for (name, n) in SIZES {
        let raw = edges(n);
        let sim = simulation(raw.clone());
        let activations: Vec<f32> = (0..N_SOURCES).map(|i| (i % 17) as f32 - 8.0).collect();
        let mut acc = vec![0.0; n / FAN_IN];
        group.throughput(Throughput::Elements(n as u64));

        let offsets: Vec<u32> = (0..=n / FAN_IN).map(|t| (t * FAN_IN) as u32).collect();
        let sources: Vec<u32> = raw.iter().map(|e| e.source).collect();
        let weights: Vec<f32> = raw.iter().map(|e| e.weight).collect();
        group.bench_function(BenchmarkId::new("vec", name), |b| {
            b.iter(|| gather(black_box(&offsets), black_box(&sources), black_box(&weights), &activations, &mut acc));
        });
        group.bench_function(BenchmarkId::new("columns", name), |b| {
            b.iter(|| {
                let projection = sim.fabric().projection(ProjectionIdx(0));
                let sources: &[u32] = bytemuck::cast_slice(sim.synapses::<Source>("in->out").expect("a projection"));
                let weights: &[f32] = bytemuck::cast_slice(sim.synapses::<Weight>("in->out").expect("a projection"));
                gather(projection.offsets(), black_box(sources), black_box(weights), &activations, &mut acc);
            });
        });
    }
    group.finish();
}

fn bench_restructure(c: &mut Criterion) {
    let mut group = c.benchmark_group("restructure");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    for (name, n) in SIZES {
        let mut sim = simulation(edges(n));
        for percent in [1, 10, 100] {
            group.throughput(Throughput::Elements(n as u64));
            group.bench_function(BenchmarkId::new(format!("{percent}%"), name), |b| {
                b.iter_custom(|n_iters| (0..n_iters).map(|_| time_restructure(&mut sim, percent)).sum());
            });
        }
    }
    group.finish();
}

/// Moves every `100 / percent`-th synapse to the source beside; times the restructuring alone.
#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn time_restructure(sim: &mut Simulation, percent: usize) -> Duration {
    let moved = |row: &usize| row.is_multiple_of(100 / percent);
    let sources = sim.synapses::<Source>("in->out").expect("a projection");
    let rows = (0..sources.len()).filter(moved);
    sim.world().resource::<Deaths>().synapses(ProjectionIdx(0), rows.clone().map(|row| row as u32));
    sim.world().resource::<Births>().synapses(rows.map(|row| SynapseBirth {
        projection: ProjectionIdx(0),
        source: End::Row(sources[row].row() as u32 ^ 1),
        target: End::Row((row / FAN_IN) as u32),
        weight: 0.25,
    }));
    let start = Instant::now();
    sim.step_paused().expect("sound edits");
    start.elapsed()
}

/// `n` couplings between about `n / 5` spins, sorted as rows.
fn couplings(n: usize) -> IsingModel {
    let n_spins = n / 5;
    let mut model = IsingModel::with_spins(n_spins);
    let mut draw = StreamKey::new(Seed(2), SystemTag::named("bench"), 0).stream();
    for j in 0..n_spins as u32 {
        let stride = (j / 5).max(1);
        let earlier = (0..5_u32).map(|k| k * stride + draw.below(stride.into()) as u32).take_while(|&i| i < j);
        model.couplings.extend(earlier.map(|i| Coupling::new(i, j, draw_strength(i ^ j))));
    }
    model.normalise();
    model
}

fn draw_strength(bits: u32) -> f32 {
    (bits % 1024) as f32 / 512.0 - 1.003
}

fn bench_plan(c: &mut Criterion) {
    let mut group = c.benchmark_group("plan");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    for (name, n) in SIZES {
        let model = couplings(n);
        let mut plan = compile_spins(&model, &[]);
        let strengths: Vec<f32> = model.couplings.iter().map(|c| c.strength).collect();
        group.throughput(Throughput::Elements(strengths.len() as u64));
        group.bench_function(BenchmarkId::new("compile", name), |b| b.iter(|| compile_spins(&model, &[])));
        group.bench_function(BenchmarkId::new("refresh_weights", name), |b| b.iter(|| plan.refresh_weights(black_box(&strengths))));
        group.bench_function(BenchmarkId::new("refresh_spins", name), |b| {
            b.iter(|| refresh_spins(&mut plan, black_box(&strengths), &model.fields));
        });
    }
    group.finish();
}

fn bench_spawn(c: &mut Criterion) {
    let mut group = c.benchmark_group("spawn");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    for (name, n) in SIZES {
        let edges = edges(n);
        let before = resident_bytes();
        let sim = simulation(edges.clone());
        let state = sim.synapses::<Weight>("in->out").expect("a projection").len();
        if let (Some(before), Some(after)) = (before, resident_bytes()) {
            println!("memory/{name}: {:.1} bytes a synapse", after.saturating_sub(before) as f64 / state as f64);
        }
        drop(sim);
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::new("build", name), |b| {
            b.iter_batched(|| edges.clone(), simulation, criterion::BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// Resident memory of this process, where the system tells.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb * 1024)
}

criterion_group!(benches, bench_spawn, bench_gather, bench_restructure, bench_plan);
criterion_main!(benches);
