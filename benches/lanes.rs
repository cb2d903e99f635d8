//! How many spin updates a second do replica lanes make, and are their energies right?
//!
//! First a table by CPU time of one thread over beta 0.1 to 3: independent and shared numbers, beside
//! the best scalar form (64 lanes in a u64) of the same run, the roof of the machine, and mean
//! energies at four temperatures beside the one-replica engine, asserted to agree. Then criterion
//! times single sweeps. For a scalar twin with all instructions of the processor, run with
//! `RUSTFLAGS="-C target-cpu=native"`.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput};
use lehr::engine::spins::lanes::{LaneSampler, LaneSettings};
use lehr::engine::spins::replica::ReplicaSampler;
use lehr::engine::spins::{Randomness, Rule, Scan, SpinSampler, SweepKey};
use lehr::kernels::simd::Simd;
use lehr::plan::{IsingModel, SpinPlan};
use lehr::random::{StreamKey, SystemTag};
use lehr::topology::compile_spins;
use lehr::topology::generate::{random_regular, random_sparse};
use lehr::units::Seed;

const TAG: SystemTag = SystemTag::named("lanes bench");
const SWEEPS: u32 = 300;

fn key(step: u64, sweep: u32) -> SweepKey {
    SweepKey { seed: Seed(1), system: TAG, step, sweep }
}

/// Gives each coupling of `model` a random sign, or a Gaussian strength.
fn disordered(mut model: IsingModel, gaussian: bool) -> IsingModel {
    let mut stream = StreamKey::new(Seed(2), TAG, 0).stream();
    for c in &mut model.couplings {
        c.strength = if gaussian { stream.gaussian() as f32 } else { f32::from(i8::from(stream.coin()) * 2 - 1) };
    }
    model
}

fn torus(l: u32) -> IsingModel {
    let mut model = IsingModel::with_spins((l * l) as usize);
    let site = |x: u32, y: u32| y % l * l + x % l;
    for (x, y) in (0..l).flat_map(|y| (0..l).map(move |x| (x, y))) {
        model.couplings.push(lehr::plan::Coupling::new(site(x, y), site(x + 1, y), 1.0));
        model.couplings.push(lehr::plan::Coupling::new(site(x, y), site(x, y + 1), 1.0));
    }
    model.normalise();
    model
}

fn lanes(plan: &Arc<SpinPlan>, n_replicas: usize, rule: Rule, randomness: Randomness, simd: Simd) -> LaneSampler {
    LaneSampler::new(Arc::clone(plan), LaneSettings { n_replicas, rule, randomness, simd: Some(simd) })
        .expect("a machine with this backend")
}

fn anneal(sampler: &mut LaneSampler, rule: Rule, sweeps: u32) {
    for k in 0..sweeps {
        sampler.set_betas(&[0.1 + 2.9 * f64::from(k) / f64::from(sweeps - 1)]);
        sampler.sweep(rule, Scan::Colours, key(1, k));
    }
}

/// Seconds that this thread has run, by the kernel's account where there is one.
fn cpu_seconds() -> f64 {
    let nanos = std::fs::read_to_string("/proc/thread-self/schedstat").ok().and_then(|s| s.split(' ').next()?.parse::<f64>().ok());
    nanos.map_or_else(wall_seconds, |ns| ns * 1e-9)
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn wall_seconds() -> f64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let start = START.get_or_init(std::time::Instant::now);
    start.elapsed().as_secs_f64()
}

/// Spin updates a second of CPU time in an annealing run, the best of three.
fn rate(sampler: &mut LaneSampler, rule: Rule, seconds: fn() -> f64) -> f64 {
    anneal(sampler, rule, 20);
    let n = sampler.plan().n_free() as f64 * sampler.n_replicas() as f64 * f64::from(SWEEPS);
    let mut best = 0.0_f64;
    for _ in 0..3 {
        let start = seconds();
        anneal(sampler, rule, SWEEPS);
        best = best.max(n / (seconds() - start));
    }
    best
}

fn mean_and_error(xs: &[f64]) -> (f64, f64) {
    let n = xs.len() as f64;
    let mean = xs.iter().sum::<f64>() / n;
    let variance = xs.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// Prints mean energies per spin of lanes and of the one-replica engine, 40 sweeps after all spins
/// were down; both engines follow one law, so they agree even out of equilibrium.
fn compare_energies(plan: &Arc<SpinPlan>, rule: Rule) {
    let n = plan.n_spins() as f64;
    for beta in [0.1, 0.3, 1.0, 3.0] {
        let mut many = lanes(plan, 512, rule, Randomness::Independent, Simd::best());
        many.set_betas(&[beta]);
        (0..40).for_each(|k| many.sweep(rule, Scan::Colours, key(2, k)));
        let mut energies = vec![0.0; 512];
        many.energies(&mut energies);
        let singles: Vec<f64> = (0..24)
            .map(|run| {
                let mut one = ReplicaSampler::new(Arc::clone(plan), Simd::best());
                one.set_betas(&[beta]);
                (0..40).for_each(|k| one.sweep(rule, Scan::Colours, key(3 + run, k)));
                let mut energy = [0.0];
                one.energies(&mut energy);
                energy[0]
            })
            .collect();
        let ((a, error_a), (b, error_b)) = (mean_and_error(&energies), mean_and_error(&singles));
        let z = (a - b) / (error_a * error_a + error_b * error_b).sqrt();
        println!(
            "  {rule:?} beta {beta}: E/N lanes {:.5} +- {:.5}, one replica {:.5} +- {:.5}, z {z:.1}",
            a / n,
            error_a / n,
            b / n,
            error_b / n
        );
        assert!(z.abs() < 5.0, "lanes and the one-replica engine disagree at beta {beta}");
    }
}

/// The time in which this thread does nothing but draw the eleven words that 512 lanes need on average.
fn roof() -> f64 {
    // A chain of nothing but lanes without neighbours: each site draws and compares, and reads no other.
    let mut model = IsingModel::with_spins(1024);
    model.fields.fill(1.0);
    let plan = Arc::new(compile_spins(&model, &[]));
    rate(&mut lanes(&plan, 512, Rule::Metropolis, Randomness::Independent, Simd::best()), Rule::Metropolis, cpu_seconds)
}

fn main() {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let two = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
    let sparse = random_regular(10_000, 3, 1.0, Seed(3)).expect("a 3-regular graph");
    let dense = random_sparse(2000, 19_990, -1.0, Seed(4)).expect("a sparse graph");
    let cases = [
        ("torus_128", disordered(torus(128), false)),
        ("regular_3", disordered(sparse, false)),
        ("gnm_2000_19990", dense),
        ("torus_gauss", disordered(torus(128), true)),
    ];
    println!("roof: {:.1} G updates/s of isolated spins (random numbers and thresholds alone)", one.install(roof) / 1e9);

    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    for (name, model) in cases {
        let plan = Arc::new(compile_spins(&model, &[]));
        println!("{name}: {} spins, {} classes, best backend {}", plan.n_spins(), plan.n_classes(), Simd::best().name());
        for (rule, randomness) in
            [(Rule::Metropolis, Randomness::Independent), (Rule::HeatBath, Randomness::Independent), (Rule::Metropolis, Randomness::Shared)]
        {
            let of = |n_replicas: usize, simd: Simd| {
                one.install(|| rate(&mut lanes(&plan, n_replicas, rule, randomness, simd), rule, cpu_seconds))
            };
            let twin = of(64, Simd::Scalar);
            let best = of(512, Simd::best());
            print!("  {rule:?} {randomness:?}: {:.2} G/s, {:.1} times its scalar twin at {:.2}", best / 1e9, best / twin, twin / 1e9);
            for simd in Simd::available().skip(1).filter(|&s| s != Simd::best()) {
                print!(", {} {:.2} G/s", simd.name(), of(512, simd) / 1e9);
            }
            let walls =
                [&one, &two].map(|pool| pool.install(|| rate(&mut lanes(&plan, 512, rule, randomness, Simd::best()), rule, wall_seconds)));
            println!(", two threads {:.2} times one (wall)", walls[1] / walls[0]);
        }
        compare_energies(&plan, Rule::Metropolis);
        compare_energies(&plan, Rule::HeatBath);

        let mut group = criterion.benchmark_group(format!("lanes/{name}"));
        group.throughput(Throughput::Elements(plan.n_free() as u64 * 512));
        let mut sampler = lanes(&plan, 512, Rule::Metropolis, Randomness::Independent, Simd::best());
        let mut sweep = 0;
        group.bench_function("sweep/independent/512", |b| {
            b.iter(|| {
                sweep += 1;
                one.install(|| sampler.sweep(Rule::Metropolis, Scan::Colours, key(9, sweep)));
            });
        });
        let mut energies = vec![0.0; 512];
        group.bench_function("energies/512", |b| b.iter(|| one.install(|| sampler.energies(black_box(&mut energies)))));
        group.finish();
    }
    criterion.final_summary();
}
