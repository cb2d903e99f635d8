//! Times lehr's spin engines: `lehr_side ENGINE INSTANCE SWEEPS READS SEED`.
//!
//! `one` anneals one replica, READS times over; `lanes` (independent random numbers) and `shared`
//! anneal READS replicas at once; `roof` has as many spins and lanes, but no couplings. Threads: RAYON_NUM_THREADS.

use std::sync::Arc;

use lehr::engine::methods::start::randomise;
use lehr::engine::spins::{Rule, Scan, SweepKey};
use lehr::random::SystemTag;
use lehr::topology::compile_spins;
use lehr::units::Seed;
use lehr_peers::{Line, beta, cpu_seconds, instance, sampler, updates, wall_seconds};

fn main() {
    // As `lehr run` does: the thread that calls for sweeps is one of the pool's, so no sweep has to wake it.
    rayon::scope(|_| measure());
}

fn measure() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |k: usize| arguments[k].parse::<u64>().expect("a whole number");
    let (engine, path, sweeps, reads, seed) = (arguments[0].as_str(), arguments[1].as_str(), number(2) as u32, number(3), number(4));
    let model = instance(path).model;
    let plan = Arc::new(compile_spins(&model, &[]));
    let rounds = if engine == "one" { reads } else { 1 };
    let mut energies = Vec::new();
    let (mut cpu, mut wall) = (0.0, 0.0);
    for round in 0..rounds {
        let mut sampler = sampler(engine, &plan, reads as usize);
        let key = |sweep| SweepKey { seed: Seed(seed * 1000 + round), system: SystemTag::named("peers"), step: 0, sweep };
        randomise(sampler.as_mut(), key(0));
        // Set-up is left out of the time, as it is for the peers.
        let start = (cpu_seconds(), wall_seconds());
        for sweep in 0..sweeps {
            sampler.set_betas(&[beta(sweep, sweeps)]);
            sampler.sweep(Rule::Metropolis, Scan::Colours, key(sweep));
        }
        cpu += cpu_seconds() - start.0;
        wall += wall_seconds() - start.1;
        let mut found = vec![0.0; sampler.n_replicas()];
        sampler.energies(&mut found);
        energies.extend(found);
    }
    let updates = updates(&model, sweeps, reads as usize);
    Line { engine: &format!("lehr_{engine}"), path, updates, cpu_seconds: cpu, wall_seconds: Some(wall), energies: &energies }.print();
}
