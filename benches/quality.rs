//! How good the states are that `Optimise` and its rivals find in a given CPU time, and whether the
//! default annealing schedule keeps up with a hand-tuned one: tables over seeds.
//!
//! `cargo bench --bench quality -- INSTANCE... [method=optimise] [seeds=10] [seconds=60] [sweeps=N] [lanes=512] [gset=DIR]`
//! `cargo bench --bench quality -- schedule INSTANCE... [seeds=10] [sweeps=1000] [lanes=512] [gset=DIR]`
//!
//! An instance is `g1 g14 g22 g32 g39` (files in DIR), or `torus`, `planted`, `gaussian2d`,
//! `lattice3d`, `regular3`, `sk`, `sk+-`, each with `:n` or `:WxH` for another size, `/k` for another
//! seed, and `planted` with `@c1,c2,c3` for other shares of the tiles. Methods are `optimise`,
//! `cycling`, `elites`, `tempering`, `anneal`, `population`; several are given with commas.
//! One thread; seconds are CPU seconds of this thread. Percents are of the best energy known or seen.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lehr::engine::methods::optimise::choose;
use lehr::engine::methods::{
    AnnealSettings, ClusterMoves, CyclingSettings, MethodSettings, MethodState, OptimiseSettings, PopulationSettings, ScheduleShape,
    TemperatureRange, TemperingSettings, annealing_range, default_range,
};
use lehr::engine::spins::engine::{EngineSettings, Randomness, make_engine};
use lehr::engine::spins::{Rule, SpinSampler, SweepKey};
use lehr::plan::{IsingModel, SpinPlan};
use lehr::random::SystemTag;
use lehr::topology::compile_spins;
use lehr::topology::generate::{Boundary, Disorder, Generator, Scaling, SquareTiles, generate};
use lehr::topology::read;
use lehr::units::Seed;

/// Marks of CPU time at which the best energy is shown.
const MARKS: [f64; 9] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0];

/// The lowest energies seen in long runs of instances without a known ground state
/// (minutes of the preset and of tempering), not proven.
const LONG_RUNS: [(&str, f64); 3] = [("torus:20000", -28062.0), ("torus:20000/2", -28032.0), ("torus:20000/3", -28068.0)];

struct Instance {
    name: String,
    plan: Arc<SpinPlan>,
    /// cut = (total - E) / 2 for graphs.
    total: Option<f64>,
    /// Ground-state energy, best published one or lowest of long runs.
    best_known: Option<f64>,
}

/// What a run may cost.
#[derive(Clone)]
struct Limits {
    seeds: u64,
    seconds: f64,
    /// `None` for the default of the table.
    sweeps: Option<u32>,
    lanes: usize,
}

fn main() {
    let (mut names, mut methods, mut gset, mut schedule) = (Vec::new(), "optimise".to_owned(), PathBuf::from("gset"), false);
    let mut limits = Limits { seeds: 10, seconds: 60.0, sweeps: None, lanes: 512 };
    for arg in std::env::args().skip(1).filter(|a| a != "--bench") {
        match arg.split_once('=') {
            Some(("seeds", v)) => limits.seeds = v.parse().expect("seeds=N"),
            Some(("seconds", v)) => limits.seconds = v.parse().expect("seconds=S"),
            Some(("sweeps", v)) => limits.sweeps = Some(v.parse().expect("sweeps=N")),
            Some(("lanes", v)) => limits.lanes = v.parse().expect("lanes=N"),
            Some(("gset", v)) => gset = v.into(),
            Some(("method", v)) => methods = v.to_owned(),
            Some((name, _)) => panic!("unknown option {name}"),
            None if arg == "schedule" => schedule = true,
            None => names.push(arg),
        }
    }
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().expect("first pool");
    for name in names {
        let instance = load(&name, &gset);
        if schedule {
            compare_schedules(&instance, &limits);
            continue;
        }
        for method in methods.split(',') {
            report(&instance, method, &limits);
        }
    }
}

fn load(text: &str, gset: &Path) -> Instance {
    let (rest, seed) = text.split_once('/').map_or((text, 1), |(t, s)| (t, s.parse().expect("/seed")));
    let (rest, tiles) = rest.split_once('@').map_or((rest, None), |(t, shares)| (t, Some(shares)));
    let (kind, size) = rest.split_once(':').map_or((rest, None), |(k, n)| (k, Some(n)));
    // A square lattice of n spins is 100 high.
    let sides = |default: [usize; 2]| match size.map(|s| (s, s.split_once('x'))) {
        None => default,
        Some((_, Some((w, h)))) => [w.parse().expect("width"), h.parse().expect("height")],
        Some((n, None)) => [n.parse::<usize>().expect(":n") / 100, 100],
    };
    let number = |default: usize| size.map_or(default, |n| n.parse().expect(":n"));
    let lattice = |[width, height]: [usize; 2], disorder| Generator::Lattice2d { width, height, boundary: Boundary::Periodic, disorder };
    let generator = match kind {
        "torus" => lattice(sides([200, 100]), Disorder::PLUS_MINUS_ONE),
        "gaussian2d" => lattice(sides([128, 128]), Disorder::Gaussian { sd: 1.0 }),
        "planted" => {
            let [width, height] = sides([200, 100]);
            let shares: Vec<f64> = tiles.iter().flat_map(|t| t.split(',')).map(|c| c.parse().expect("a share")).collect();
            let tiles = if let [c1, c2, c3] = shares[..] { SquareTiles { c1, c2, c3 } } else { SquareTiles::default() };
            Generator::PlantedTorus { width, height, tiles }
        }
        "lattice3d" => {
            let n = number(4096);
            let side = (2..).find(|s| s * s * s >= n).expect("a side");
            let disorder = Disorder::PLUS_MINUS_ONE;
            Generator::Lattice3d { width: side, height: side, depth: side, boundary: Boundary::Periodic, disorder }
        }
        "regular3" => Generator::RandomRegular { n: number(10_000), degree: 3, disorder: Disorder::PLUS_MINUS_ONE },
        "sk" => Generator::SherringtonKirkpatrick { n: number(1000), scaling: Scaling::Gaussian },
        "sk+-" => Generator::SherringtonKirkpatrick { n: number(1000), scaling: Scaling::PlusMinusOne },
        _ => {
            let path = gset.join(format!("{}.txt", kind.to_uppercase()));
            let instance = read::load(None, &path, read::ReadOptions::default()).unwrap_or_else(|e| panic!("{e}"));
            let total = instance.max_cut.expect("a graph").total_weight;
            let best = [("g1", 11_624.0), ("g14", 3064.0), ("g22", 13_359.0), ("g32", 1410.0), ("g39", 2408.0)];
            let best_known = best.iter().find(|b| b.0 == kind).map(|b| total - 2.0 * b.1);
            return Instance { name: kind.to_owned(), plan: compiled(&instance.model), total: Some(total), best_known };
        }
    };
    let made = generate(&generator, Seed(seed)).unwrap_or_else(|e| panic!("{e}"));
    let seen = LONG_RUNS.iter().find(|run| run.0 == text).map(|run| run.1);
    Instance { name: text.to_owned(), plan: compiled(&made.model), total: None, best_known: made.ground_energy.or(seen) }
}

fn compiled(model: &IsingModel) -> Arc<SpinPlan> {
    Arc::new(compile_spins(model, &[]))
}

/// The preset and its rivals.
fn settings_of(method: &str, limits: &Limits, sampler: &dyn SpinSampler, target: Option<f64>) -> MethodSettings {
    let plan = sampler.plan();
    let preset =
        OptimiseSettings { sweep_budget: limits.sweeps.map_or(100_000_000, u64::from), target_energy: target, sweeps_per_iteration: 50 };
    let cycling = |n_elites, patience| MethodSettings::Cycling(CyclingSettings { n_elites, patience, ..choose(&preset, sampler) });
    match method {
        "optimise" => MethodSettings::Optimise(preset),
        "cycling" => cycling(1, 0),
        "elites" => cycling(32, 6),
        // Houdayer's moves need clusters that stay apart; T is 0.3 to 0.8 on a lattice of +-1 and degree 4.
        "tempering" => {
            let cold = 0.7 * default_range(plan, 1000).cold;
            let is_sparse = plan.neighbours.len() <= 8 * plan.n_spins();
            MethodSettings::Tempering(TemperingSettings {
                n_temperatures: if sampler.n_replicas() < 80 { 16 } else { 20 },
                range: Some(TemperatureRange { hot: 0.8 / 0.3 * cold, cold }),
                cluster_moves: if is_sparse { ClusterMoves::All } else { ClusterMoves::Off },
                cluster_every: 4,
                crossover_every: if is_sparse { 20 } else { 0 },
                adaptation_iterations: 0,
                ..TemperingSettings::default()
            })
        }
        "population" => MethodSettings::Population(PopulationSettings::default()),
        "anneal" => MethodSettings::Anneal(AnnealSettings { n_runs: u32::MAX, ..AnnealSettings::default() }),
        _ => panic!("unknown method {method}: optimise, cycling, elites, tempering, population or anneal"),
    }
}

fn report(instance: &Instance, method: &str, limits: &Limits) {
    let plan = &instance.plan;
    let lanes = limits.lanes;
    let target = instance.best_known;
    println!(
        "{}: {} spins, {} couplings, best known {:?}; {method}, {lanes} lanes",
        instance.name,
        plan.n_spins(),
        plan.neighbours.len() / 2,
        target.map(|e| shown(instance, e))
    );
    print!("  seed");
    MARKS.iter().filter(|&&m| m <= limits.seconds).for_each(|m| print!("{:>11}", format!("{m} s")));
    println!("{:>11}{:>10}{:>9}", "last", "hit at s", "sweeps");
    let (mut hits, mut rows) = (0, Vec::new());
    for seed in 0..limits.seeds {
        let start = cpu_seconds();
        let engine = EngineSettings::Lanes { n_replicas: lanes, randomness: Randomness::Independent };
        let mut sampler = make_engine(Arc::clone(plan), engine, Rule::Metropolis).expect("lanes");
        let settings = settings_of(method, limits, &*sampler, target);
        let mut state = MethodState::new(&settings, &*sampler).expect("settings");
        let (mut step, mut row, mut at, mut best) = (0, Vec::new(), 0.0, f64::INFINITY);
        let reached = |best: f64| target.is_some_and(|t| best <= t);
        while at < limits.seconds && !reached(best) {
            if state.is_finished() {
                if !matches!(settings, MethodSettings::Population(_)) {
                    break;
                }
                state = MethodState::new(&settings, &*sampler).expect("settings");
            }
            state.iterate(&mut *sampler, SweepKey { seed: Seed(seed), system: SystemTag::named("quality"), step, sweep: 0 });
            step += 1;
            at = cpu_seconds() - start;
            best = best.min(state.best().map_or(f64::INFINITY, |b| b.energy));
            while row.len() < MARKS.len() && at >= MARKS[row.len()] && MARKS[row.len()] <= limits.seconds {
                row.push(best);
            }
        }
        let hit = reached(best);
        hits += u64::from(hit);
        let counts = sampler.counts();
        let sweeps = counts.attempts as f64 / (plan.n_free() * lanes) as f64;
        print!("  {seed:>4}");
        row.resize(MARKS.iter().filter(|&&m| m <= limits.seconds).count(), best);
        row.push(best);
        row.iter().for_each(|&e| print!("{:>11}", format!("{:.7}", shown(instance, e)).trim_end_matches('0').trim_end_matches('.')));
        println!("{:>10}{sweeps:>9}", if hit { format!("{at:.2}") } else { "-".to_owned() });
        rows.push(row);
    }
    let last = rows.iter().map(|row| row[row.len() - 1]).fold(f64::INFINITY, f64::min);
    let best = target.unwrap_or(last);
    let percent = |e: f64| format!("{:.4}", 100.0 * shown(instance, e) / shown(instance, best));
    for (name, of) in [("best", f64::min as fn(f64, f64) -> f64), ("worst", f64::max)] {
        let column = |k: usize| percent(rows.iter().map(|row| row[k]).reduce(of).expect("a seed"));
        println!("{name:>6}{}", (0..rows[0].len()).map(|k| format!("{:>11}", column(k))).collect::<String>());
    }
    let mean = |k: usize| percent(rows.iter().map(|row| row[k]).sum::<f64>() / rows.len() as f64);
    println!("{:>6}{}", "mean", (0..rows[0].len()).map(|k| format!("{:>11}", mean(k))).collect::<String>());
    println!("  lowest energy seen {last:?}; reached the best known in {hits} of {} seeds", limits.seeds);
}

/// The default schedule and a linear beta 0.1 to 3 at equal sweeps: mean and best over lanes and seeds.
fn compare_schedules(instance: &Instance, limits: &Limits) {
    let plan = &instance.plan;
    let n_sweeps = limits.sweeps.unwrap_or(1000);
    let tuned = AnnealSettings {
        n_sweeps,
        shape: ScheduleShape::LinearBeta,
        range: Some(TemperatureRange { hot: 10.0, cold: 1.0 / 3.0 }),
        ..AnnealSettings::default()
    };
    let mut results = Vec::new();
    for settings in [AnnealSettings { n_sweeps, ..AnnealSettings::default() }, tuned] {
        let (mut means, mut bests) = (Vec::new(), Vec::new());
        for seed in 0..limits.seeds {
            let engine = EngineSettings::Lanes { n_replicas: limits.lanes, randomness: Randomness::Independent };
            let mut sampler = make_engine(Arc::clone(plan), engine, Rule::Metropolis).expect("lanes");
            let mut state = MethodState::new(&MethodSettings::Anneal(settings), &*sampler).expect("settings");
            let mut step = 0;
            while !state.is_finished() {
                state.iterate(&mut *sampler, SweepKey { seed: Seed(seed), system: SystemTag::named("quality"), step, sweep: 0 });
                step += 1;
            }
            means.push(state.energies().iter().sum::<f64>() / limits.lanes as f64);
            bests.push(state.best().map_or(f64::NAN, |b| b.energy));
        }
        results.push((means, bests));
    }
    let (range, [ours, theirs]) = (annealing_range(plan, u64::from(n_sweeps)), [&results[0], &results[1]]);
    let mean = |values: &[f64]| shown(instance, values.iter().sum::<f64>() / values.len() as f64);
    let percent = |ours: f64, theirs: f64| 100.0 * (ours - theirs) / theirs;
    let worst = |ours: &[f64], theirs: &[f64]| {
        let pairs = ours.iter().zip(theirs);
        pairs.map(|(&a, &b)| percent(shown(instance, a), shown(instance, b))).fold(f64::INFINITY, f64::min)
    };
    println!(
        "{:<16}{n_sweeps:>7} beta {:.3} to {:.3}  mean {:.3} against {:.3}: {:+.4} % (worst seed {:+.4})  best {:.3} against {:.3}: {:+.4} % (worst seed {:+.4})",
        instance.name,
        1.0 / range.hot,
        1.0 / range.cold,
        mean(&ours.0),
        mean(&theirs.0),
        percent(mean(&ours.0), mean(&theirs.0)),
        worst(&ours.0, &theirs.0),
        mean(&ours.1),
        mean(&theirs.1),
        percent(mean(&ours.1), mean(&theirs.1)),
        worst(&ours.1, &theirs.1),
    );
}

fn shown(instance: &Instance, energy: f64) -> f64 {
    instance.total.map_or(energy, |total| (total - energy) / 2.0)
}

/// CPU seconds of this thread.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux scheduler statistics");
    text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).expect("nanoseconds") * 1e-9
}
