//! Cuts a graph from a file: read, compile, and let the preset search, without a world.
//!
//! `cargo run --release --example 03_max_cut -- GRAPH.txt` takes any edge list of the G-set's form.

use std::error::Error;
use std::sync::Arc;

use lehr::engine::methods::{MethodSettings, MethodState, OptimiseSettings};
use lehr::engine::spins::{EngineSettings, Randomness, Rule, SweepKey, make_engine};
use lehr::random::SystemTag;
use lehr::topology::{compile_spins, read};
use lehr::units::Seed;

fn main() -> Result<(), Box<dyn Error>> {
    // 1. The graph as spins: every edge of weight w is a coupling J = -w.
    let path = std::env::args().nth(1).unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/assets/maxcut_800.txt").to_owned());
    let instance = read::parse(None, &path, &std::fs::read(&path)?, read::ReadOptions::default())?;
    let max_cut = instance.max_cut.ok_or("the file is no graph to be cut")?;
    let plan = Arc::new(compile_spins(&instance.model, &[]));
    println!("{} vertices, {} edges", plan.n_spins(), instance.model.couplings.len());

    // 2. 512 replicas at once, a bit each.
    let lanes = EngineSettings::Lanes { n_replicas: 512, randomness: Randomness::Independent };
    let mut engine = make_engine(plan, lanes, Rule::Metropolis)?;
    let settings = OptimiseSettings { sweep_budget: 400, ..OptimiseSettings::default() };
    let mut search = MethodState::new(&MethodSettings::Optimise(settings), &*engine)?;

    // 3. Each iteration has its own random numbers, named by its step.
    let mut best = f64::INFINITY;
    for step in 0.. {
        if search.is_finished() {
            break;
        }
        let key = SweepKey { seed: Seed(1), system: SystemTag::named("03_max_cut"), step, sweep: 0 };
        search.iterate(&mut *engine, key);
        if let Some(state) = search.best().filter(|state| state.energy < best) {
            best = state.energy;
            println!("iteration {step:3}: cut {}", max_cut.cut(best));
        }
    }
    Ok(())
}
