//! How often, and after how many CPU seconds, the `Optimise` preset finds good states: a table over seeds.
//!
//! `cargo bench --bench quality -- INSTANCE... [seeds=10] [seconds=60] [sweeps=N] [lanes=512] [gset=DIR]`
//! where an instance is `g1 g14 g22 g32 g39` (files in DIR), or `torus`, `planted`, `gaussian2d`,
//! `lattice3d`, `regular3`, `sk`, `sk+-`, each with `:n` for another size and `/k` for another seed.
//! One thread; seconds are CPU seconds of this thread.

use std::path::PathBuf;
use std::sync::Arc;

use lehr::engine::methods::MethodState;
use lehr::engine::methods::settings::{MethodSettings, OptimiseSettings};
use lehr::engine::spins::engine::{EngineSettings, Randomness, make_engine};
use lehr::engine::spins::{Rule, SweepKey};
use lehr::plan::IsingModel;
use lehr::random::SystemTag;
use lehr::topology::compile_spins;
use lehr::topology::generate::{Boundary, Disorder, Generator, Scaling, SquareTiles, generate};
use lehr::topology::read;
use lehr::units::Seed;

struct Instance {
    name: String,
    model: IsingModel,
    /// cut = (total - E) / 2 for graphs.
    total: Option<f64>,
    best_known: Option<f64>,
}

fn main() {
    let mut names = Vec::new();
    let (mut seeds, mut seconds, mut sweeps, mut lanes, mut gset) = (10, 60.0, 100_000_000, 512, PathBuf::from("../shared/data/gset"));
    for arg in std::env::args().skip(1).filter(|a| a != "--bench") {
        match arg.split_once('=') {
            Some(("seeds", v)) => seeds = v.parse().expect("seeds=N"),
            Some(("seconds", v)) => seconds = v.parse().expect("seconds=S"),
            Some(("sweeps", v)) => sweeps = v.parse().expect("sweeps=N"),
            Some(("lanes", v)) => lanes = v.parse().expect("lanes=N"),
            Some(("gset", v)) => gset = v.into(),
            Some((name, _)) => panic!("unknown option {name}"),
            None => names.push(arg),
        }
    }
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().expect("first pool");
    for name in names {
        let instance = load(&name, &gset);
        report(&instance, seeds, seconds, sweeps, lanes);
    }
}

fn load(text: &str, gset: &std::path::Path) -> Instance {
    let (text, seed) = text.split_once('/').map_or((text, 1), |(t, s)| (t, s.parse().expect("/seed")));
    let (kind, n) = text.split_once(':').map_or((text, None), |(k, n)| (k, Some(n.parse::<usize>().expect(":n"))));
    let generator = match kind {
        "torus" => Generator::Lattice2d {
            width: n.unwrap_or(20_000) / 100,
            height: 100,
            boundary: Boundary::Periodic,
            disorder: Disorder::PLUS_MINUS_ONE,
        },
        "planted" => Generator::PlantedTorus { width: n.unwrap_or(20_000) / 100, height: 100, tiles: SquareTiles::default() },
        "gaussian2d" => Generator::Lattice2d {
            width: n.unwrap_or(10_000) / 100,
            height: 100,
            boundary: Boundary::Periodic,
            disorder: Disorder::Gaussian { sd: 1.0 },
        },
        "lattice3d" => {
            let side = n.unwrap_or(8000).isqrt().isqrt().max(2);
            let side = (side..).find(|s| s * s * s >= n.unwrap_or(8000)).expect("a side");
            Generator::Lattice3d {
                width: side,
                height: side,
                depth: side,
                boundary: Boundary::Periodic,
                disorder: Disorder::PLUS_MINUS_ONE,
            }
        }
        "regular3" => Generator::RandomRegular { n: n.unwrap_or(10_000), degree: 3, disorder: Disorder::PLUS_MINUS_ONE },
        "sk" => Generator::SherringtonKirkpatrick { n: n.unwrap_or(1000), scaling: Scaling::Gaussian },
        "sk+-" => Generator::SherringtonKirkpatrick { n: n.unwrap_or(1000), scaling: Scaling::PlusMinusOne },
        _ => {
            let path = gset.join(format!("{}.txt", kind.to_uppercase()));
            let instance = read::load(None, &path, read::ReadOptions::default()).unwrap_or_else(|e| panic!("{e}"));
            let total = instance.max_cut.expect("a graph").total_weight;
            let best = [("g1", 11_624.0), ("g14", 3064.0), ("g22", 13_359.0), ("g32", 1410.0), ("g39", 2408.0)];
            let best_known = best.iter().find(|b| b.0 == kind).map(|b| total - 2.0 * b.1);
            return Instance { name: kind.to_owned(), model: instance.model, total: Some(total), best_known };
        }
    };
    let made = generate(&generator, Seed(seed)).unwrap_or_else(|e| panic!("{e}"));
    Instance { name: format!("{text}/{seed}"), model: made.model, total: None, best_known: made.ground_energy }
}

fn report(instance: &Instance, seeds: u64, seconds: f64, sweeps: u64, lanes: usize) {
    let plan = Arc::new(compile_spins(&instance.model, &[]));
    let target = instance.best_known;
    println!(
        "{}: {} spins, {} couplings, best known {:?}",
        instance.name,
        plan.n_spins(),
        instance.model.couplings.len(),
        target.map(|e| shown(instance, e))
    );
    let marks = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0];
    print!("  seed");
    marks.iter().filter(|&&m| m <= seconds).for_each(|m| print!("{:>11}", format!("{m} s")));
    println!("{:>11}{:>10}{:>9}", "last", "hit at s", "sweeps");
    let mut hits = 0;
    for seed in 0..seeds {
        let start = cpu_seconds();
        let engine = EngineSettings::Lanes { n_replicas: lanes, randomness: Randomness::Independent };
        let mut sampler = make_engine(Arc::clone(&plan), engine, Rule::Metropolis).expect("lanes");
        let settings = OptimiseSettings { sweep_budget: sweeps, target_energy: target, sweeps_per_iteration: 50 };
        let mut method = MethodState::new(&MethodSettings::Optimise(settings), &*sampler).expect("settings");
        let (mut step, mut next, mut line) = (0, 0, format!("  {seed:>4}"));
        let mut at = 0.0;
        while !method.is_finished() && at < seconds {
            method.iterate(&mut *sampler, SweepKey { seed: Seed(seed), system: SystemTag::named("quality"), step, sweep: 0 });
            step += 1;
            at = cpu_seconds() - start;
            while next < marks.len() && at >= marks[next] && marks[next] <= seconds {
                line += &format!("{:>11}", method.best().map_or(f64::NAN, |b| shown(instance, b.energy)));
                next += 1;
            }
        }
        let best = method.best().map_or(f64::NAN, |b| shown(instance, b.energy));
        let hit = target.is_some_and(|t| method.best().is_some_and(|b| b.energy <= t));
        hits += u64::from(hit);
        let skipped = marks[next..].iter().filter(|&&m| m <= seconds).count();
        let done = method.report().iter().find(|r| r.0 == "sweeps").map_or(0.0, |r| r.1);
        println!("{line}{}{best:>11}{:>10}{done:>9}", " ".repeat(11 * skipped), if hit { format!("{at:.2}") } else { "-".to_owned() });
    }
    if target.is_some() {
        println!("  reached the best known in {hits} of {seeds} seeds");
    }
}

fn shown(instance: &Instance, energy: f64) -> f64 {
    instance.total.map_or(energy, |total| (total - energy) / 2.0)
}

/// CPU seconds of this thread.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux scheduler statistics");
    text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).expect("nanoseconds") * 1e-9
}
