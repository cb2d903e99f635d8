//! The shipped engines against exact answers: Kaufman's energies, and the capacity of Hopfield's memory.

use std::sync::Arc;

use lehr::engine::hopfield::{hebb, pseudo_inverse};
use lehr::engine::methods::{Sample, SampleSettings};
use lehr::engine::spins::{EngineSettings, Randomness, Rule, Scan, SweepKey, make_engine};
use lehr::plan::IsingModel;
use lehr::random::{StreamKey, SystemTag};
use lehr::topology::compile_spins;
use lehr::topology::generate::{Boundary, lattice_2d};
use lehr::units::Seed;

/// E/N of the periodic 8x8 ferromagnet (Kaufman 1949, finite sum).
const KAUFMAN_8: [(f64, f64); 5] = [(2.0, -1.745_683), (2.269_185, -1.491_589), (2.5, -1.222_321), (3.0, -0.841_315), (4.0, -0.558_491)];

fn key(step: u64) -> SweepKey {
    SweepKey { seed: Seed(3), system: SystemTag::named("engines"), step, sweep: 0 }
}

/// Energy per spin and its error at `temperature`.
fn energy_per_spin(engine: EngineSettings, rule: Rule, temperature: f64) -> (f64, f64) {
    let model = lattice_2d(8, 8, Boundary::Periodic, 1.0).unwrap();
    let mut sampler = make_engine(Arc::new(compile_spins(&model, &[])), engine, rule).unwrap();
    let n = if engine.n_replicas() > 1 { 3_000 } else { 160_000 };
    let settings =
        SampleSettings { from: temperature, to: temperature, iterations_per_stage: n, discard: 300, rule, ..SampleSettings::default() };
    let mut sample = Sample::new(settings, &*sampler).unwrap();
    (0..u64::from(n)).for_each(|step| sample.iterate(&mut *sampler, key(step)));
    let report: std::collections::BTreeMap<_, _> = sample.report().into_iter().collect();
    (report["energy_per_spin"], report["energy_per_spin_error"])
}

#[test]
fn both_engines_and_both_rules_meet_kaufman_and_a_wrong_temperature_does_not() {
    let lanes = EngineSettings::Lanes { n_replicas: 64, randomness: Randomness::Independent };
    for engine in [EngineSettings::Replica, lanes] {
        for rule in [Rule::Metropolis, Rule::HeatBath] {
            for (temperature, exact) in KAUFMAN_8 {
                let (energy, error) = energy_per_spin(engine, rule, temperature);
                assert!(error < 0.004, "{engine:?} {rule:?} T {temperature}: error bar {error}");
                assert!((energy - exact).abs() < 5.0 * error, "{engine:?} {rule:?} T {temperature}: {energy} +- {error}, exact {exact}");
            }
            // The planted fault: two per cent off in beta, at the temperature where it shows most.
            let (wrong, error) = energy_per_spin(engine, rule, 2.269_185 * 1.02);
            assert!((wrong + 1.491_589).abs() > 5.0 * error, "{engine:?} {rule:?}: 2 % off went unnoticed, {wrong} +- {error}");
        }
    }
}

fn random_patterns(n_patterns: usize, n: usize) -> Vec<Vec<i8>> {
    let pattern = |p: usize| {
        let mut stream = StreamKey::new(Seed(8), SystemTag::named("patterns"), p as u64).stream();
        (0..n).map(|_| if stream.coin() { 1 } else { -1 }).collect()
    };
    (0..n_patterns).map(pattern).collect()
}

/// Mean overlap with the stored patterns after a descent at zero temperature that starts from each of them.
fn overlap_after_descent(model: &IsingModel, patterns: &[Vec<i8>]) -> f64 {
    let plan = Arc::new(compile_spins(model, &[]));
    let mut sampler = make_engine(Arc::clone(&plan), EngineSettings::Replica, Rule::Metropolis).unwrap();
    sampler.set_betas(&[1e9]);
    let mut total = 0.0;
    for pattern in patterns {
        let mut spins: Vec<i8> = plan.order.iter().map(|&v| pattern[v as usize]).collect();
        let stored = spins.clone();
        sampler.write_spins(0, &spins);
        (0..30).for_each(|step| sampler.sweep(Rule::Metropolis, Scan::Sequential, key(step)));
        sampler.read_spins(0, &mut spins);
        let sum: i64 = spins.iter().zip(&stored).map(|(&a, &b)| i64::from(a * b)).sum();
        total += sum as f64 / spins.len() as f64;
    }
    total / patterns.len() as f64
}

#[test]
fn hebbs_memory_holds_below_its_capacity_of_0_138_n_and_breaks_down_above() {
    const N: usize = 400;
    let below = random_patterns(N / 10, N);
    let above = random_patterns(N / 5, N);
    assert!(overlap_after_descent(&hebb(&below).unwrap(), &below) > 0.96, "a load of .10 is kept");
    assert!(overlap_after_descent(&hebb(&above).unwrap(), &above) < 0.8, "a load of .20 is lost");
    // The pseudo-inverse rule keeps any linearly independent patterns.
    assert_eq!(overlap_after_descent(&pseudo_inverse(&above).unwrap(), &above), 1.0);
    // The planted fault: couplings of the wrong sign keep nothing.
    let mut wrong = hebb(&below).unwrap();
    wrong.couplings.iter_mut().for_each(|c| c.strength = -c.strength);
    assert!(overlap_after_descent(&wrong, &below) < 0.5);
}
