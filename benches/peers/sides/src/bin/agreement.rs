//! Compares mean energies at fixed inverse temperatures between one replica and lanes with independent numbers:
//! `agreement INSTANCE`. One JSON line a temperature.

use std::sync::Arc;

use lehr::engine::methods::start::randomise;
use lehr::engine::spins::{Rule, Scan, SpinSampler, SweepKey};
use lehr::random::SystemTag;
use lehr::topology::compile_spins;
use lehr::units::Seed;
use lehr_peers::{instance, sampler};

/// Independent chains of each engine; their spread gives the error.
const CHAINS: usize = 64;
/// Sweeps from random spins, the same for both engines, so that unequilibrated cold runs compare as well.
const SWEEPS: u32 = 200;

fn main() {
    let path = std::env::args().nth(1).expect("usage: agreement INSTANCE");
    let model = instance(&path).model;
    let n = model.n_spins() as f64;
    let plan = Arc::new(compile_spins(&model, &[]));
    for beta in [0.1, 0.3, 1.0, 3.0] {
        let mut one = Vec::new();
        for chain in 0..CHAINS {
            let mut engine = sampler("one", &plan, 1);
            one.extend(energies(engine.as_mut(), beta, Seed(1000 + chain as u64)));
        }
        let mut engine = sampler("lanes", &plan, CHAINS);
        let lanes = energies(engine.as_mut(), beta, Seed(1));
        let ((a, da), (b, db)) = (mean_and_error(&one, n), mean_and_error(&lanes, n));
        let name = std::path::Path::new(&path).file_stem().map(|s| s.to_string_lossy().into_owned());
        println!(
            "{}",
            serde_json::json!({
                "instance": name, "beta": beta, "one": a, "one_error": da, "lanes": b, "lanes_error": db,
                "sigmas": (a - b) / (da * da + db * db).sqrt().max(1e-12),
            })
        );
    }
}

fn energies(engine: &mut dyn SpinSampler, beta: f64, seed: Seed) -> Vec<f64> {
    let key = |sweep| SweepKey { seed, system: SystemTag::named("agreement"), step: 0, sweep };
    randomise(engine, key(0));
    engine.set_betas(&[beta]);
    for sweep in 0..SWEEPS {
        engine.sweep(Rule::Metropolis, Scan::Colours, key(sweep));
    }
    let mut found = vec![0.0; engine.n_replicas()];
    engine.energies(&mut found);
    found
}

/// Mean a spin and its standard error over independent chains.
fn mean_and_error(energies: &[f64], n_spins: f64) -> (f64, f64) {
    let count = energies.len() as f64;
    let mean = energies.iter().sum::<f64>() / count;
    let variance = energies.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / (count - 1.0);
    (mean / n_spins, (variance / count).sqrt() / n_spins)
}
