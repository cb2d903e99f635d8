//! The capacity of Hopfield's memory, recalled by every engine that ships.

use std::sync::Arc;

use lehr::engine::hopfield::{hebb, pseudo_inverse};
use lehr::engine::spins::replica::ReplicaSampler;
use lehr::engine::spins::{EngineSettings, Randomness, Rule, Scan, SpinSampler, SweepKey, make_engine};
use lehr::kernels::simd::Simd;
use lehr::plan::{IsingModel, SpinPlan};
use lehr::random::{StreamKey, SystemTag};
use lehr::topology::compile_spins;
use lehr::units::Seed;

const LANES: EngineSettings = EngineSettings::Lanes { n_replicas: 64, randomness: Randomness::Independent };

type Maker = fn(Arc<SpinPlan>) -> Box<dyn SpinSampler>;

/// Dense rows (which a run takes for so full a graph), neighbour lists, and lanes.
const ENGINES: [(&str, Maker); 3] = [
    ("dense", |plan| make_engine(plan, EngineSettings::Replica, Rule::Metropolis).unwrap()),
    ("replica", |plan| Box::new(ReplicaSampler::new(plan, Simd::best()))),
    ("lanes", |plan| make_engine(plan, LANES, Rule::Metropolis).unwrap()),
];

fn key(step: u64) -> SweepKey {
    SweepKey { seed: Seed(3), system: SystemTag::named("engines"), step, sweep: 0 }
}

fn random_patterns(n_patterns: usize, n: usize) -> Vec<Vec<i8>> {
    let pattern = |p: usize| {
        let mut stream = StreamKey::new(Seed(8), SystemTag::named("patterns"), p as u64).stream();
        (0..n).map(|_| if stream.coin() { 1 } else { -1 }).collect()
    };
    (0..n_patterns).map(pattern).collect()
}

/// Mean overlap with the stored patterns after a descent at zero temperature that starts from each of them.
fn overlap_after_descent(sampler: &mut dyn SpinSampler, patterns: &[Vec<i8>]) -> f64 {
    let plan = Arc::clone(sampler.plan());
    sampler.set_betas(&[1e9]);
    let mut total = 0.0;
    for patterns in patterns.chunks(sampler.n_replicas()) {
        let stored = |p: usize| -> Vec<i8> { plan.order.iter().map(|&v| patterns[p][v as usize]).collect() };
        (0..patterns.len()).for_each(|p| sampler.write_spins(p, &stored(p)));
        (0..30).for_each(|step| sampler.sweep(Rule::Metropolis, Scan::Sequential, key(step)));
        let mut spins = vec![0; plan.n_spins()];
        for p in 0..patterns.len() {
            sampler.read_spins(p, &mut spins);
            let sum: i64 = spins.iter().zip(&stored(p)).map(|(&a, &b)| i64::from(a * b)).sum();
            total += sum as f64 / spins.len() as f64;
        }
    }
    total / patterns.len() as f64
}

#[test]
fn hebbs_memory_holds_below_its_capacity_of_0_138_n_and_breaks_down_above() {
    const N: usize = 400;
    let below = random_patterns(N / 10, N);
    let above = random_patterns(N / 5, N);
    // The planted fault: couplings of the wrong sign keep nothing.
    let mut wrong = hebb(&below).unwrap();
    wrong.couplings.iter_mut().for_each(|c| c.strength = -c.strength);
    let plan = |model: &IsingModel| Arc::new(compile_spins(model, &[]));
    let (low, high, exact, wrong) =
        (plan(&hebb(&below).unwrap()), plan(&hebb(&above).unwrap()), plan(&pseudo_inverse(&above).unwrap()), plan(&wrong));
    for (name, engine) in ENGINES {
        let overlap = |plan: &Arc<SpinPlan>, patterns: &[Vec<i8>]| overlap_after_descent(&mut *engine(Arc::clone(plan)), patterns);
        assert!(overlap(&low, &below) > 0.96, "{name}: a load of .10 is kept");
        assert!(overlap(&high, &above) < 0.8, "{name}: a load of .20 is lost");
        // The pseudo-inverse rule keeps any linearly independent patterns.
        assert_eq!(overlap(&exact, &above), 1.0, "{name}");
        assert!(overlap(&wrong, &below) < 0.5, "{name}");
    }
}
