//! The periodic Ising square against Kaufman's exact energies, at five temperatures, with batch means,
//! on every engine that ships.

mod faults;

use std::collections::BTreeMap;

use faults::engines::{ENGINES, Engine, Numbers};
use faults::{Fault, Faulty, key, plan, square};
use lehr::engine::diagnostics::Estimate;
use lehr::engine::methods::{Sample, SampleSettings};
use lehr::engine::spins::{EngineSettings, Randomness, Rule, Scan, SpinSampler, make_engine};

/// E/N of the periodic 8 x 8 square with J = 1 (Kaufman 1949).
const KAUFMAN_8: [(f64, f64); 5] = [(1.5, -1.951115), (2.0, -1.745683), (2.269185, -1.491589), (2.5, -1.222321), (4.0, -0.558491)];

/// The largest |z| over the five temperatures, each from independent replicas in time series.
fn worst_z((engine, numbers): (Engine, Numbers), fault: Fault, rule: Rule) -> f64 {
    let plan = plan(&numbers.of(&square(8)));
    // Lanes are 64 at least: their series are shorter, and as many samples together.
    let (replicas, sweeps) = if engine == Engine::Lanes { (64, 400) } else { (8, 1200) };
    let mut worst = 0.0_f64;
    for (t, exact) in KAUFMAN_8 {
        let mut sampler = Faulty::around(engine.make(numbers, &plan, replicas), fault);
        worst = worst.max(z_at(&mut sampler, rule, t, exact, sweeps));
        if fault != Fault::None && worst > 5.2 {
            break;
        }
    }
    worst
}

fn z_at<S: SpinSampler + ?Sized>(sampler: &mut S, rule: Rule, t: f64, exact: f64, sweeps: u32) -> f64 {
    sampler.set_betas(&[1.0 / t]);
    let mut energies = vec![0.0; sampler.n_replicas()];
    let mut series = vec![Vec::new(); sampler.n_replicas()];
    for sweep in 0..sweeps {
        sampler.sweep(rule, Scan::Colours, key(17, u64::from(sweep)));
        if sweep >= sweeps / 8 {
            sampler.energies(&mut energies);
            for (xs, e) in series.iter_mut().zip(&energies) {
                xs.push(e / 64.0);
            }
        }
    }
    let slices: Vec<&[f64]> = series.iter().map(Vec::as_slice).collect();
    let estimate = Estimate::of_replicas(&slices);
    ((estimate.mean - exact) / estimate.error).abs()
}

#[test]
fn energies_agree_with_kaufman_at_five_temperatures() {
    for engine in ENGINES {
        for rule in [Rule::Metropolis, Rule::HeatBath] {
            let z = worst_z(engine, Fault::None, rule);
            assert!(z < 5.2, "{engine:?} {rule:?}: {z} standard errors off");
        }
    }
}

#[test]
fn planted_faults_miss_kaufman() {
    // Faults around an engine run on each; faults in place of its sweeps say the same of all.
    let around = [(Fault::Beta(1.02), Rule::Metropolis), (Fault::Energy(0.98), Rule::HeatBath)];
    let inside = [
        // A clamp at .98 hides here; the near-free spin of the enumeration tests finds it.
        (Fault::Clamp(0.95), Rule::Metropolis),
        (Fault::CoarseUniform(6), Rule::Metropolis),
        (Fault::Synchronous, Rule::HeatBath),
    ];
    let all = ENGINES.iter().flat_map(|&engine| around.map(|fault| (engine, fault))).chain(inside.map(|fault| (ENGINES[0], fault)));
    for (engine, (fault, rule)) in all {
        let z = worst_z(engine, fault, rule);
        assert!(z > 5.2, "{engine:?}: {fault:?} went unnoticed at {z} standard errors");
    }
}

#[test]
fn the_energy_and_error_bar_that_a_run_reports_meet_kaufman() {
    let lanes = EngineSettings::Lanes { n_replicas: 64, randomness: Randomness::Independent };
    for (engine, n) in [(EngineSettings::Replica, 150_000), (lanes, 1500)] {
        for rule in [Rule::Metropolis, Rule::HeatBath] {
            let report = |t: f64| {
                let mut sampler = make_engine(plan(&square(8)), engine, rule).unwrap();
                let settings = SampleSettings { from: t, to: t, iterations_per_stage: n, discard: 300, rule, ..SampleSettings::default() };
                let mut sample = Sample::new(settings, &*sampler).unwrap();
                (0..u64::from(n)).for_each(|step| sample.iterate(&mut *sampler, key(3, step)));
                let report: BTreeMap<_, _> = sample.report().into_iter().collect();
                (report["energy_per_spin"], report["energy_per_spin_error"])
            };
            let (energy, error) = report(2.5);
            assert!(error < 0.004 && (energy + 1.222_321).abs() < 5.0 * error, "{engine:?} {rule:?}: {energy} +- {error}");
            // Planted: two per cent off in beta.
            let (energy, error) = report(2.5 * 1.02);
            assert!((energy + 1.222_321).abs() > 5.0 * error, "{engine:?} {rule:?}: 2 % off went unnoticed, {energy} +- {error}");
        }
    }
}
