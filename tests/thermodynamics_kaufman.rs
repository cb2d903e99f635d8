//! The periodic Ising square against Kaufman's exact energies, at five temperatures, with batch means.

mod faults;

use faults::{Fault, Faulty, key, plan, square};
use lehr::engine::diagnostics::Estimate;
use lehr::engine::spins::{Rule, Scan, SpinSampler};

/// E/N of the periodic 8 x 8 square with J = 1 (Kaufman 1949).
const KAUFMAN_8: [(f64, f64); 5] = [(1.5, -1.951115), (2.0, -1.745683), (2.269185, -1.491589), (2.5, -1.222321), (4.0, -0.558491)];

/// The largest |z| over the five temperatures, each from independent replicas in time series.
fn worst_z(fault: Fault, rule: Rule, replicas: usize, sweeps: u32) -> f64 {
    let plan = plan(&square(8));
    let mut worst = 0.0_f64;
    for (t, exact) in KAUFMAN_8 {
        let mut sampler = Faulty::new(plan.clone(), replicas, fault);
        sampler.set_betas(&[1.0 / t]);
        let mut energies = vec![0.0; replicas];
        let mut series = vec![Vec::new(); replicas];
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
        worst = worst.max(((estimate.mean - exact) / estimate.error).abs());
    }
    worst
}

#[test]
fn energies_agree_with_kaufman_at_five_temperatures() {
    for rule in [Rule::Metropolis, Rule::HeatBath] {
        let z = worst_z(Fault::None, rule, 8, 1200);
        assert!(z < 5.2, "{rule:?}: {z} standard errors off");
    }
}

#[test]
fn planted_faults_miss_kaufman() {
    for (fault, rule) in [
        (Fault::Beta(1.02), Rule::Metropolis),
        // A clamp at .98 hides here; the near-free spin of the enumeration tests finds it.
        (Fault::Clamp(0.95), Rule::Metropolis),
        (Fault::CoarseUniform(6), Rule::Metropolis),
        (Fault::Synchronous, Rule::HeatBath),
    ] {
        let z = worst_z(fault, rule, 8, 1200);
        assert!(z > 5.2, "{fault:?} went unnoticed at {z} standard errors");
    }
}
