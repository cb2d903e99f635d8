//! Sparse networks on the digits: how many right answers a number of synapses gives, by rule and number of synapses.
//!
//! `cargo bench --bench rewiring` prints the whole table over ten seeds (minutes): dense, fixed-sparse, set, rigl, thermo and prune at 474
//! and 237 synapses of 64-64-10 and at 947 of 64-256-10, the first also with step units; `-- table unit=step`, `-- table seeds=3`.
//! `cargo bench --bench rewiring -- one method=rigl [synapses=474] [hidden=64] [unit=relu|tanh|step] [seeds=10] [epochs=300] [rate=.01]
//! [decay=.001] [batch=64] [every=4] [share=.75] [fraction=.3] [regrow=0] [hot=1] [cold=.01] [moves=400] [births=gradient|uniform]
//! [least=.01] [validate=1]` prints one line, from the settings that were chosen for the method (`chosen`), else the ones named here;
//! `validate=1` answers a fifth of the training samples that is kept from it, by which they were chosen.
//!
//! `-- pairs method=thermo against=set [hidden=256] [synapses=947] [seeds=10] [first=0]` runs both on the same seeds, from `first` + 1 on,
//! and prints the mean difference of their test accuracies with its standard error.
//!
//! `-- splits [seeds=10]` prints the rows of the table that each seed tests with, for other programs.
//!
//! Each run is a simulation as scenes have it: samples stratified 80/20 by seed, an epoch of Adam a step, then the wiring. Wirings start at
//! random, layers sharing the synapses as fan-in plus fan-out (Erdos-Renyi; Mocanu et al. 2018), pixels that no sample lights left out.
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::sync::Arc;
use std::time::Instant;

use lehr::data::{CsvOptions, Dataset, divide, read_csv, split};
use lehr::engine::methods::TemperatureRange;
use lehr::engine::network::Loss;
use lehr::engine::network::heat::HeatSchedule;
use lehr::engine::network::optimisers::{Course, Schedule, WeightDecay};
use lehr::engine::network::structure::Pruning;
use lehr::engine::structure::{Density, MoveShares, Preset, Score, Slab, StructureSettings};
use lehr::network::structure::{RewiringSettings, attach as rewire};
use lehr::network::{NetworkSettings, Samples, TrainGradient, attach, attach_samples, measures, train_gradient};
use lehr::plan::network::Unit;
use lehr::prelude::*;
use lehr::random::{StreamKey, SystemTag};

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let options = Options(asked);
    // One thread, so that a time is one of a core.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    let asks = |mode: &str| options.0.iter().any(|a| a == mode);
    pool.install(|| match (asks("one"), asks("pairs"), asks("splits")) {
        (true, ..) => drop(one(&options.of(&options.text("method", "rigl")))),
        (_, true, _) => pairs(&options),
        (.., true) => splits(&options),
        _ => table(&options),
    });
}

/// Arguments of the form name=value, the last of a name counting.
struct Options(Vec<String>);

impl Options {
    /// What was chosen for a method, under what is asked for.
    fn of(&self, method: &str) -> Options {
        let base = chosen(method, self.count("hidden", 64)).iter().map(|s| (*s).to_owned());
        Options(base.chain(self.0.iter().cloned()).chain([format!("method={method}")]).collect())
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find_map(|a| a.strip_prefix(name)?.strip_prefix('='))
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.find(name).unwrap_or(default).to_owned()
    }

    fn number(&self, name: &str, default: f64) -> f64 {
        self.find(name).map_or(default, |v| v.parse().unwrap_or_else(|_| panic!("{name} is a number, not {v}")))
    }

    fn count(&self, name: &str, default: u64) -> u64 {
        self.number(name, default as f64) as u64
    }

    fn unit(&self) -> Unit {
        match self.text("unit", "relu").as_str() {
            "relu" => Unit::Relu,
            "tanh" => Unit::Tanh,
            "step" => Unit::Step,
            other => panic!("no unit {other} here: relu, tanh or step"),
        }
    }
}

/// What was chosen on validation samples, by method and size.
fn chosen(method: &str, hidden: u64) -> &'static [&'static str] {
    match (method, hidden) {
        ("dense", _) => &["epochs=100", "decay=1e-4", "rate=0.003"],
        // Four times the candidates want more moves, and colder ones.
        ("thermo", 128..) => &["every=1", "hot=0.03", "cold=0.003", "moves=2000"],
        ("thermo", _) => &["every=1", "hot=0.1"],
        // Of fewer synapses in a hundred, what is left takes longer to learn.
        ("prune", 128..) => &["rate=0.003", "epochs=600", "decay=1e-4"],
        ("prune", _) => &["rate=0.003"],
        _ => &[],
    }
}

fn table(options: &Options) {
    println!("digits, stratified 80/20 by seed; test accuracy");
    let sizes: &[(u64, u64)] = &[(64, 474), (64, 237), (256, 947)];
    let units = options.find("unit").map_or(vec!["relu", "step"], |u| vec![u]);
    for unit in units {
        for &(hidden, synapses) in sizes {
            for method in ["dense", "fixed", "set", "rigl", "thermo", "prune"] {
                let mut all: Vec<String> = chosen(method, hidden).iter().map(|s| (*s).to_owned()).collect();
                all.extend([format!("method={method}"), format!("unit={unit}"), format!("hidden={hidden}")]);
                all.push(format!("synapses={synapses}"));
                // Steps were chosen for on their own: their noise wants less decay.
                if unit == "step" {
                    all.push("decay=0.0003".to_owned());
                }
                all.extend(options.0.iter().cloned());
                drop(one(&Options(all)));
            }
        }
    }
}

/// The difference of two methods on the same seeds.
fn pairs(options: &Options) {
    let [a, b] = ["method", "against"].map(|name| options.text(name, if name == "method" { "thermo" } else { "set" }));
    let (first, second) = (one(&options.of(&a)), one(&options.of(&b)));
    let differences: Vec<f64> = first.iter().zip(&second).map(|(a, b)| a - b).collect();
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let error = (differences.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / (n - 1.0).max(1.0) / n).sqrt();
    println!("{a} - {b}: {mean:+.4} +- {error:.4} ({n} pairs)");
}

/// Prints a line, and returns the test accuracy of each seed.
fn one(options: &Options) -> Vec<f64> {
    let seeds = options.count("seeds", 10);
    let (mut accuracies, mut train, mut n_synapses, mut seconds) = (Vec::new(), 0.0, 0.0, 0.0);
    for seed in 1..=seeds {
        let start = Instant::now();
        let sim = run(options, seed + options.count("first", 0));
        seconds += start.elapsed().as_secs_f64();
        let measured = measures(sim.world());
        let value = |name: &str| measured.iter().find(|(n, _)| n == name).map_or(f64::NAN, |(_, v)| *v);
        accuracies.push(value("test_accuracy"));
        train += value("train_accuracy");
        n_synapses += sim.fabric().n_synapses() as f64;
    }
    let n = seeds as f64;
    let mean = accuracies.iter().sum::<f64>() / n;
    let sd = (accuracies.iter().map(|a| (a - mean) * (a - mean)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt();
    println!(
        "{:6} {:4} 64-{:3}-10 {:6.0} synapses: {mean:.4} (sd {sd:.4}, {seeds} seeds), training {:.4}, {:.1} s a run",
        options.text("method", "rigl"),
        options.text("unit", "relu"),
        options.count("hidden", 64),
        n_synapses / n,
        train / n,
        seconds / n
    );
    accuracies
}

/// The rows of the table that are tested with, a line a seed.
fn splits(options: &Options) {
    for seed in 1..=options.count("seeds", 10) {
        let mut data = table_of_digits();
        // Splits look at classes alone.
        (data.n_features, data.inputs) = (1, (0..data.n_samples()).map(|i| i as f32).collect());
        let rows: Vec<String> = split(&data, 0.2, true, Seed(seed)).1.inputs.iter().map(f32::to_string).collect();
        println!("{}", rows.join(" "));
    }
}

fn table_of_digits() -> Dataset {
    let bytes = std::fs::read("assets/digits.csv").expect("run it where assets/digits.csv is");
    read_csv("digits.csv", &bytes, &CsvOptions::default()).expect("a table of digits")
}

fn digits(seed: u64, validates: bool) -> (Dataset, Dataset) {
    let mut data = table_of_digits();
    divide(&mut data, 16.0);
    let (train, test) = split(&data, 0.2, true, Seed(seed));
    if validates { split(&train, 0.2, true, Seed(seed)) } else { (train, test) }
}

/// The settings of the wiring, or `None` if it stays.
fn rewiring(options: &Options, epochs: u64, m: usize) -> Option<RewiringSettings> {
    let method = options.text("method", "rigl");
    let (hot, cold) = (options.number("hot", 1.0), options.number("cold", 0.01));
    let least = options.number("least", 0.01) as f32;
    let (preset, pruning) = match method.as_str() {
        "dense" | "fixed" => return None,
        "set" => (Preset::Set, None),
        "rigl" => (Preset::Rigl, None),
        "thermo" => (Preset::Thermo, None),
        "prune" => {
            let last = options.number("synapses", 474.0) / m as f64;
            (Preset::Thermo, Some(Pruning { last, regrow: options.number("regrow", 0.0) as f32, ..Pruning::default() }))
        }
        other => panic!("no method {other}: dense, fixed, set, rigl, thermo or prune"),
    };
    let count = |name: &str, default: u64| options.count(name, default) as u32;
    let structure = StructureSettings {
        preset,
        score: if options.text("births", "gradient") == "gradient" { Score::Gradient { eps: least } } else { Score::Uniform },
        density: Density::Mu(options.number("mu", 0.0)),
        slab: Slab::Gaussian { sd: options.number("slab", 0.1) as f32 },
        shares: MoveShares { birth: count("birth", 0), death: count("birth", 0), weight: count("weight", 0), rewire: count("rewire", 1) },
        moves: count("moves", 400),
        every: count("every", 4),
        fraction: options.number("fraction", 0.3) as f32,
        ..StructureSettings::default()
    };
    let from = (options.number("begin", 0.0) * epochs as f64) as u64;
    Some(RewiringSettings {
        structure,
        pruning,
        schedule: HeatSchedule::Geometric(TemperatureRange { hot, cold }),
        last_density: options.find("last_mu").map(|mu| Density::Mu(mu.parse().expect("last_mu is a number"))),
        from,
        n_steps: (options.number("share", 0.75) * epochs as f64) as u64 - from,
        ..RewiringSettings::default()
    })
}

fn run(options: &Options, seed: u64) -> Simulation {
    let (train, test) = digits(seed, options.number("validate", 0.0) > 0.0);
    let (hidden, epochs) = (options.count("hidden", 64) as u32, options.count("epochs", 300));
    let m = (64 * hidden + hidden * 10) as usize;
    let is_dense = matches!(options.text("method", "rigl").as_str(), "dense" | "prune");
    let k = if is_dense { m } else { options.count("synapses", 474) as usize };
    let train_settings = TrainGradient {
        course: Course {
            rate: options.number("rate", 0.01),
            schedule: Schedule::Cosine {
                to: 0.01,
                updates: epochs * train.n_samples().div_ceil(options.count("batch", 64) as usize) as u64,
            },
            warm_up: 0,
        },
        batch: options.count("batch", 64) as usize,
        decay: WeightDecay::L2(options.number("decay", 1e-3) as f32),
        ..TrainGradient::default()
    };
    let mut sim = Simulation::new(Seed(seed));
    train_settings.columns(&mut sim);
    let [first, second] = wirings(&train, hidden, k, seed);
    let blueprint = Blueprint::new()
        .population("pixels", 64)
        .population("hidden", hidden as usize)
        .population("digit", 10)
        .projection("pixels", "hidden", first)
        .projection("hidden", "digit", second);
    sim.build(blueprint).expect("it fits into memory");
    let network = NetworkSettings::new().input("pixels").hidden("hidden", options.unit()).output("digit", Unit::Identity);
    attach(&mut sim, network).expect("a network");
    let samples = Samples { train: Arc::new(train), test: Arc::new(test), loss: Loss::CrossEntropy, steps: 1 };
    attach_samples(&mut sim, samples).expect("samples that fit");
    train_gradient(&mut sim, train_settings).expect("settings in range");
    if let Some(settings) = rewiring(options, epochs, m) {
        rewire(&mut sim, settings).expect("a wiring that can move");
    }
    sim.run(epochs).expect("no divergence");
    sim
}

/// `k` synapses at random over the two layers, as fan-in plus fan-out of each; weights by the fans that are left (Glorot).
fn wirings(train: &Dataset, hidden: u32, k: usize, seed: u64) -> [Vec<(u32, u32, f32)>; 2] {
    let lit: Vec<u32> = (0..64).filter(|&p| (0..train.n_samples()).any(|i| train.sample(i)[p as usize] != 0.0)).collect();
    let all =
        |sources: Vec<u32>, n_targets: u32| (0..n_targets).flat_map(|t| sources.iter().map(move |&s| (s, t)).collect::<Vec<_>>()).collect();
    let mut pairs: [Vec<(u32, u32)>; 2] = [all(lit, hidden), all((0..hidden).collect(), 10)];
    let is_full = k == (64 * hidden + hidden * 10) as usize;
    let n_second = (k as f64 * f64::from(hidden + 10) / f64::from(64 + 2 * hidden + 10)) as usize;
    let counts = if is_full { [usize::MAX; 2] } else { [k - n_second.min(pairs[1].len()), n_second.min(pairs[1].len())] };
    if is_full {
        pairs[0] = all((0..64).collect(), hidden);
    }
    let mut layer = 0;
    pairs.map(|mut pairs| {
        let mut stream = StreamKey::new(Seed(seed), SystemTag::named("bench wiring"), layer).stream();
        let (n_sources, n_targets) = if layer == 0 { (64.0, f64::from(hidden)) } else { (f64::from(hidden), 10.0) };
        stream.shuffle(&mut pairs);
        pairs.truncate(counts[layer as usize]);
        let fans = pairs.len() as f64 / n_targets + pairs.len() as f64 / n_sources;
        let sd = (2.0 / fans.max(1.0)).sqrt();
        layer += 1;
        pairs.into_iter().map(|(s, t)| (s, t, (sd * stream.gaussian()) as f32)).collect()
    })
}
