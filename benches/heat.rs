//! Learning by heat: proposals a second, and how well the digits and the exclusive or are learned, with heat and without.
//!
//! `cargo bench --bench heat` times proposals on the digits (64-32-10, 1,437 samples, full batch) by backend, in CPU time of one thread.
//! `cargo bench --bench heat -- digits [unit=tanh|step|sign] [seeds=5] [seconds=30] [hot=4] [cold=0.1] [lambda=1] [hidden=32]` prints
//! train and test accuracy over seeds; the temperature falls with CPU time, and `hot=0` descends.
//! `cargo bench --bench heat -- compare [unit=tanh|step] [seconds=30] [tuning=2] [seeds=10]` chooses settings for heat and for T = 0
//! from a grid, and compares both at equal CPU time from other seeds.
//! `cargo bench --bench heat -- xor [seeds=100] [proposals=20000] [hot=1] [cold=0.01] [lambda=0.01] [hidden=2]` prints the share of
//! seeds from which step units solve the exclusive or, with heat and at T = 0.
//! `cargo bench --bench heat -- memory [fan_in=150] [samples=64] [proposals=200]` prints resident bytes a synapse of annealing
//! 100,000 neurons in three sparse layers, and the time of a proposal.

use std::time::Duration;

use criterion::{Criterion, Throughput};

use lehr::data::{CsvOptions, Dataset, Targets, divide, read_csv, split};
use lehr::engine::network::heat::{Adaptation, HeatSettings, Landscape, Tally, walk};
use lehr::engine::network::{Loss, Parameters, law};
use lehr::kernels::simd::Simd;
use lehr::plan::network::{Block, Layer, NetworkPlan, Rows, Unit};
use lehr::random::{StreamKey, SystemTag};
use lehr::units::Seed;

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux keeps CPU times");
    Duration::from_nanos(stat.split(' ').next().and_then(|ns| ns.parse().ok()).expect("nanoseconds first"))
}

/// Fully joined layers; the outputs are pre-activations.
fn layered(sizes: [usize; 3], hidden: Unit) -> NetworkPlan {
    let layer = |k: usize, unit| Layer { name: format!("{k}"), n_neurons: sizes[k], unit, is_input: k == 0, is_output: k == 2 };
    let block = |from: usize| Block { name: format!("{from}"), from, to: from + 1, is_delayed: false, rows: Rows::Dense };
    NetworkPlan::new(vec![layer(0, Unit::Identity), layer(1, hidden), layer(2, Unit::Identity)], vec![block(0), block(1)])
        .expect("no cycle")
}

fn gaussian(plan: &NetworkPlan, sd: f32, seed: u64) -> Parameters {
    let mut stream = StreamKey::new(Seed(seed), SystemTag::named("initial"), 0).stream();
    let mut parameters = Parameters::zeros(plan);
    parameters.weights.iter_mut().flatten().for_each(|w| *w = sd * stream.gaussian() as f32);
    parameters
}

/// The digits to learn from and to test with.
fn digits(seed: u64) -> (Dataset, Dataset) {
    let bytes = std::fs::read("assets/digits.csv").expect("run it where assets/digits.csv is");
    let mut data = read_csv("digits.csv", &bytes, &CsvOptions::default()).expect("a table of digits");
    divide(&mut data, 16.0);
    split(&data, 0.2, true, Seed(seed))
}

/// Share of the samples whose class, or whose sign of the one output, is right.
fn accuracy(plan: &NetworkPlan, parameters: &Parameters, data: &Dataset) -> f64 {
    let right = |i: &usize| {
        let mut activations: Vec<Vec<f32>> = plan.layers.iter().map(|l| vec![0.0; l.n_neurons]).collect();
        activations[0].copy_from_slice(data.sample(*i));
        law::forward(plan, &parameters.view(), &mut activations, &mut [Vec::new(), Vec::new(), Vec::new()]);
        let y = &activations[2];
        match &data.targets {
            Targets::Classes(classes) => (0..y.len()).max_by(|&a, &b| y[a].total_cmp(&y[b])) == Some(classes[*i] as usize),
            Targets::Values { values, .. } => (y[0] > 0.0) == (values[*i] > 0.5),
        }
    };
    (0..data.n_samples()).filter(right).count() as f64 / data.n_samples() as f64
}

fn settings(options: &Options) -> HeatSettings {
    let adaptation = Adaptation { largest_size: options.number("largest", 2.0) as f32, ..Adaptation::default() };
    HeatSettings { lambda: options.number("lambda", 1.0), adaptation, ..HeatSettings::default() }
}

/// Arguments of the form name=value.
struct Options(Vec<String>);

impl Options {
    fn text(&self, name: &str, default: &str) -> String {
        let found = self.0.iter().find_map(|a| a.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or(default).to_owned()
    }

    fn number(&self, name: &str, default: f64) -> f64 {
        self.text(name, &default.to_string()).parse().unwrap_or_else(|_| panic!("{name} is a number"))
    }

    fn unit(&self) -> Unit {
        match self.text("unit", "tanh").as_str() {
            "tanh" => Unit::Tanh,
            "step" => Unit::Step,
            "sign" => Unit::Sign,
            "relu" => Unit::Relu,
            other => panic!("no unit {other} here: tanh, step, sign or relu"),
        }
    }
}

/// hot (cold / hot)^x, or 0.
fn geometric(hot: f64, cold: f64, x: f64) -> f64 {
    if hot > 0.0 { hot * lehr::math::pow(cold / hot, x) } else { 0.0 }
}

/// One annealing of the digits, the temperature falling with CPU time.
struct Annealing {
    settings: HeatSettings,
    /// First and last temperature; 0 descends.
    range: (f64, f64),
    seconds: f64,
}

/// How an annealing ended.
struct End {
    train: f64,
    test: f64,
    loss: f64,
    prior: f64,
    acceptance: f64,
    proposals_per_second: f64,
}

impl Annealing {
    fn run(&self, plan: &NetworkPlan, seed: u64) -> End {
        let (train, test) = digits(seed);
        let start = gaussian(plan, 0.3, seed);
        let mut landscape = Landscape::new(plan.clone(), start, &train, Loss::CrossEntropy, Simd::best()).expect("digits fit");
        let mut sizes = vec![self.settings.adaptation.first_size; landscape.n_parameters()];
        let (mut tally, start, mut step) = (Tally::default(), cpu_time(), 0);
        loop {
            let x = (cpu_time() - start).as_secs_f64() / self.seconds;
            if x >= 1.0 {
                break;
            }
            landscape.refresh();
            let key = StreamKey::new(Seed(seed), SystemTag::named("digits"), step);
            let temperature = geometric(self.range.0, self.range.1, x);
            let (made, _) = walk(&mut landscape, &self.settings, &mut sizes, tally.n_proposed, 4000, temperature, true, key);
            tally.n_proposed += made.n_proposed;
            tally.n_accepted += made.n_accepted;
            step += 1;
        }
        End {
            train: accuracy(plan, landscape.parameters(), &train),
            test: accuracy(plan, landscape.parameters(), &test),
            loss: landscape.loss(),
            prior: lehr::engine::network::heat::prior_energy(landscape.parameters(), &self.settings),
            acceptance: tally.n_accepted as f64 / tally.n_proposed as f64,
            proposals_per_second: tally.n_proposed as f64 / (cpu_time() - start).as_secs_f64(),
        }
    }
}

/// Mean and standard deviation.
fn mean_and_sd(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

fn digits_table(options: &Options) {
    let (unit, seconds, n_seeds) = (options.unit(), options.number("seconds", 30.0), options.number("seeds", 5.0) as u64);
    let (hot, cold) = (options.number("hot", 4.0), options.number("cold", 0.1));
    let n_hidden = options.number("hidden", 32.0) as usize;
    let annealing = Annealing { settings: settings(options), range: (hot, cold), seconds };
    println!("{unit:?} 64-{n_hidden}-10, {seconds} s of CPU time, T {hot} to {cold}, {:?}", annealing.settings);
    println!("seed  train   test    loss    prior   acceptance  proposals/s");
    let plan = layered([64, n_hidden, 10], unit);
    let mut found = Vec::new();
    for seed in 0..n_seeds {
        let End { train, test, loss, prior, acceptance, proposals_per_second } = annealing.run(&plan, seed);
        println!("{seed:>4}  {train:.4}  {test:.4}  {loss:>6.1}  {prior:>6.1}  {acceptance:>10.3}  {proposals_per_second:>11.0}");
        found.push(test);
    }
    let (mean, sd) = mean_and_sd(&found);
    println!("mean of the test {mean:.4} +- {sd:.4}");
}

/// Heat against T = 0: the best settings of each from a grid over some seeds, then both from other seeds, pair by pair.
fn digits_comparison(options: &Options) {
    let (unit, seconds) = (options.unit(), options.number("seconds", 30.0));
    let (n_tuning, n_seeds) = (options.number("tuning", 2.0) as u64, options.number("seeds", 10.0) as u64);
    let plan = layered([64, 32, 10], unit);
    let with = |lambda: f64, first_size: f32, acceptance: f64| {
        let adaptation = Adaptation { first_size, acceptance: acceptance as _, ..settings(options).adaptation };
        HeatSettings { lambda, adaptation, ..settings(options) }
    };
    let mut heat = Vec::new();
    for range in [(4.0, 0.1), (2.0, 0.02), (1.0, 0.1), (0.5, 0.01)] {
        heat.extend([0.1, 0.3, 1.0].map(|lambda| Annealing { settings: with(lambda, 0.3, 0.35), range, seconds }));
    }
    let mut descent = Vec::new();
    for (first_size, acceptance) in [(0.3, 0.35), (1.0, 0.1), (0.3, 0.05)] {
        descent.extend([0.0, 0.1, 0.3, 1.0].map(|lambda| Annealing {
            settings: with(lambda, first_size, acceptance),
            range: (0.0, 0.0),
            seconds,
        }));
    }
    println!("{unit:?} 64-32-10, {seconds} s of CPU time each; settings chosen over {n_tuning} seeds");
    println!("T from  T to  lambda  first size  acceptance  test    loss");
    let [heat, descent] = [heat, descent].map(|grid| {
        let score = |annealing: &Annealing| {
            let ends: Vec<End> = (1000..1000 + n_tuning).map(|seed| annealing.run(&plan, seed)).collect();
            let (test, _) = mean_and_sd(&ends.iter().map(|e| e.test).collect::<Vec<_>>());
            let (loss, _) = mean_and_sd(&ends.iter().map(|e| e.loss).collect::<Vec<_>>());
            let Adaptation { first_size, acceptance, .. } = annealing.settings.adaptation;
            let ((hot, cold), lambda) = (annealing.range, annealing.settings.lambda);
            println!("{hot:>6}  {cold:>4}  {lambda:>6}  {first_size:>10}  {acceptance:>10}  {test:.4}  {loss:.1}");
            test
        };
        let scored = grid.into_iter().map(|annealing| (score(&annealing), annealing));
        scored.max_by(|a, b| a.0.total_cmp(&b.0)).expect("a grid has settings").1
    });
    println!("\nseed  heat    T = 0   (T {:?}, lambda {}; lambda {})", heat.range, heat.settings.lambda, descent.settings.lambda);
    let mut pairs = Vec::new();
    for seed in 0..n_seeds {
        let pair = [&heat, &descent].map(|annealing| annealing.run(&plan, seed).test);
        println!("{seed:>4}  {:.4}  {:.4}", pair[0], pair[1]);
        pairs.push(pair);
    }
    let column = |f: fn(&[f64; 2]) -> f64| mean_and_sd(&pairs.iter().map(f).collect::<Vec<_>>());
    let ((heat, _), (descent, _), (more, sd)) = (column(|p| p[0]), column(|p| p[1]), column(|p| p[0] - p[1]));
    let error = sd / (n_seeds as f64).sqrt();
    println!("mean  {heat:.4}  {descent:.4}  heat {more:+.4} +- {error:.4} (standard error of the paired difference)");
}

fn xor_table(options: &Options) {
    let (n_seeds, n_proposals) = (options.number("seeds", 100.0) as u64, options.number("proposals", 20_000.0) as u64);
    let (hot, cold) = (options.number("hot", 1.0), options.number("cold", 0.01));
    let n_hidden = options.number("hidden", 2.0) as usize;
    let lambda = options.number("lambda", 0.01);
    let data = Dataset {
        n_features: 2,
        inputs: vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0],
        targets: Targets::Values { width: 1, values: vec![0.0, 1.0, 1.0, 0.0] },
        class_names: Vec::new(),
    };
    let plan = layered([2, n_hidden, 1], Unit::Step);
    println!("xor, 2-{n_hidden}-1 step units, {n_proposals} proposals, lambda {lambda}, {n_seeds} seeds");
    for (name, hot) in [("heat", hot), ("T = 0", 0.0)] {
        let n_solved = (0..n_seeds).filter(|&seed| {
            let settings = HeatSettings { lambda, ..HeatSettings::default() };
            let start = gaussian(&plan, 1.0, seed);
            let mut landscape = Landscape::new(plan.clone(), start, &data, Loss::BinaryCrossEntropy, Simd::best()).expect("xor fits");
            let mut sizes = vec![settings.adaptation.first_size; landscape.n_parameters()];
            for step in 0..100 {
                landscape.refresh();
                let key = StreamKey::new(Seed(seed), SystemTag::named("xor"), step);
                let n = n_proposals / 100;
                walk(&mut landscape, &settings, &mut sizes, step * n, n, geometric(hot, cold, step as f64 / 99.0), true, key);
            }
            accuracy(&plan, landscape.parameters(), &data) == 1.0
        });
        println!("{name:>6}: {} of {n_seeds} solved", n_solved.count());
    }
}

/// Resident bytes of this process.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux keeps sizes");
    text.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).expect("pages") * 4096.0
}

fn memory_table(options: &Options) {
    let (fan_in, n_samples) = (options.number("fan_in", 150.0) as u64, options.number("samples", 64.0) as usize);
    let sizes = [33_334, 33_333, 33_333];
    let before = resident();
    let mut stream = StreamKey::new(Seed(1), SystemTag::named("memory"), 0).stream();
    let mut sparse = |from: usize, to: usize| {
        let (mut offsets, mut sources) = (vec![0], Vec::with_capacity(sizes[to] * fan_in as usize));
        for _ in 0..sizes[to] {
            let mut row: Vec<u32> = (0..fan_in).map(|_| stream.below(sizes[from] as u64) as u32).collect();
            row.sort_unstable();
            sources.extend(row);
            offsets.push(sources.len() as u32);
        }
        Block { name: format!("{from}"), from, to, is_delayed: false, rows: Rows::Sparse { offsets, sources } }
    };
    let blocks = vec![sparse(0, 1), sparse(1, 2)];
    let mut layers = layered(sizes, Unit::Tanh).layers;
    layers[2].unit = Unit::Identity;
    let plan = NetworkPlan::new(layers, blocks).expect("no cycle");
    let n_synapses: usize = (0..2).map(|b| plan.n_synapses(b)).sum();
    let inputs = (0..n_samples * sizes[0]).map(|k| (k % 7) as f32 / 7.0).collect();
    let targets = Targets::Values { width: sizes[2], values: vec![0.5; n_samples * sizes[2]] };
    let data = Dataset { n_features: sizes[0], inputs, targets, class_names: Vec::new() };
    let parameters = gaussian(&plan, 0.05, 1);
    let settings = HeatSettings { order: lehr::engine::network::heat::VisitOrder::Random, ..HeatSettings::default() };
    let with_data = resident();
    let mut landscape = Landscape::new(plan, parameters, &data, Loss::MeanSquare, Simd::best()).expect("a fit");
    let mut sizes = vec![0.1; landscape.n_parameters()];
    let n = options.number("proposals", 200.0) as u64;
    let key = StreamKey::new(Seed(1), SystemTag::named("memory"), 1);
    let start = cpu_time();
    let (tally, _) = walk(&mut landscape, &settings, &mut sizes, 0, n, 1e-3, true, key);
    let each = (cpu_time() - start).as_secs_f64() / n as f64;
    let all = resident() - before;
    println!("{n_synapses} synapses, {n_samples} samples: {:.1} bytes a synapse in all, ", all / n_synapses as f64);
    println!("of which plan, weights and samples {:.1}", (with_data - before) / n_synapses as f64);
    println!("{:.0} us a proposal, {} of {} accepted", 1e6 * each, tally.n_accepted, tally.n_proposed);
}

/// Times proposals at T = 0.5, after a short annealing.
fn proposals(c: &mut Criterion) {
    let (train, _) = digits(0);
    for (name, unit) in [("tanh", Unit::Tanh), ("step", Unit::Step)] {
        let plan = layered([64, 32, 10], unit);
        let mut group = c.benchmark_group(format!("heat/digits/{name}"));
        group.throughput(Throughput::Elements(1)).sample_size(10).measurement_time(Duration::from_secs(3));
        for simd in Simd::available() {
            let settings = HeatSettings::default();
            let start = gaussian(&plan, 0.3, 1);
            let mut landscape = Landscape::new(plan.clone(), start, &train, Loss::CrossEntropy, simd).expect("digits fit");
            let mut sizes = vec![settings.adaptation.first_size; landscape.n_parameters()];
            let key = |step| StreamKey::new(Seed(1), SystemTag::named("bench"), step);
            for step in 0..10 {
                landscape.refresh();
                walk(&mut landscape, &settings, &mut sizes, 0, 4000, geometric(4.0, 0.5, step as f64 / 9.0), true, key(step));
            }
            let mut step = 10;
            group.bench_function(simd.name(), |b| {
                b.iter_custom(|n| {
                    let start = cpu_time();
                    landscape.refresh();
                    walk(&mut landscape, &settings, &mut sizes, 0, n, 0.5, false, key(step));
                    step += 1;
                    cpu_time() - start
                });
            });
        }
        group.finish();
    }
}

fn main() {
    let options = Options(std::env::args().skip(1).collect());
    match options.0.iter().find(|a| !a.starts_with('-')).map(String::as_str) {
        Some("digits") => digits_table(&options),
        Some("compare") => digits_comparison(&options),
        Some("xor") => xor_table(&options),
        Some("memory") => memory_table(&options),
        _ => {
            let mut criterion = Criterion::default().configure_from_args();
            proposals(&mut criterion);
            criterion.final_summary();
        }
    }
}
