//! The incremental change of a loss against the law: every unit, every loss, dense and sparse, skips and split levels.

use lehr::data::{Dataset, Targets};
use lehr::engine::network::heat::{Adaptation, HeatSettings, Landscape, walk as heat_walk};
use lehr::engine::network::losses::Target;
use lehr::engine::network::{Loss, Parameters, law};
use lehr::kernels::simd::Simd;
use lehr::plan::network::{Block, Gate, Layer, Lif, NetworkPlan, Rows, Unit};
use lehr::random::{Stream, StreamKey, SystemTag};
use lehr::units::Seed;

const LOSSES: [Loss; 4] = [Loss::MeanSquare, Loss::CrossEntropy, Loss::BinaryCrossEntropy, Loss::Hinge];

fn stream(seed: u64, name: &str) -> Stream {
    StreamKey::new(Seed(seed), SystemTag::named(name), 0).stream()
}

/// A number of a grid, so that sums of products with grid numbers are exact and no threshold hangs on a rounding.
fn grid(stream: &mut Stream) -> f32 {
    (stream.below(33) as f32 - 16.0) / 8.0
}

fn rows(stream: &mut Stream, n_sources: usize, n_targets: usize, below_diagonal: bool) -> Rows {
    if !below_diagonal && stream.coin() {
        return Rows::Dense;
    }
    let (mut offsets, mut sources) = (vec![0], Vec::new());
    for target in 0..n_targets {
        let reach = if below_diagonal { target } else { n_sources };
        sources.extend((0..reach as u32).filter(|_| stream.coin()));
        offsets.push(sources.len() as u32);
    }
    Rows::Sparse { offsets, sources }
}

/// An input, two hidden layers, an output that reads both and the input, and a hidden layer that feeds itself.
fn plan(seed: u64, hidden: Unit, output: Unit) -> NetworkPlan {
    let mut s = stream(seed, "plan");
    let layer = |name: &str, n, unit| Layer { name: name.to_owned(), n_neurons: n, unit, is_input: name == "in", is_output: name == "out" };
    let sizes = [3, 4 + s.below(3) as usize, 5, 3];
    let layers = vec![layer("in", 3, Unit::Identity), layer("h1", sizes[1], hidden), layer("h2", 5, hidden), layer("out", 3, output)];
    let mut joined = vec![(0, 1), (1, 2), (2, 3), (0, 3), (1, 3)];
    if seed.is_multiple_of(2) {
        joined.push((2, 2));
    }
    let block = |(from, to): (usize, usize)| Block {
        name: format!("{from}->{to}"),
        from,
        to,
        is_delayed: false,
        rows: rows(&mut s, sizes[from], sizes[to], from == to),
    };
    NetworkPlan::new(layers, joined.into_iter().map(block).collect()).expect("a plan without cycles")
}

fn parameters(plan: &NetworkPlan, seed: u64) -> Parameters {
    let mut s = stream(seed, "parameters");
    let mut p = Parameters::zeros(plan);
    p.weights.iter_mut().chain(&mut p.biases).flatten().for_each(|w| *w = grid(&mut s));
    p
}

fn dataset(seed: u64, n_samples: usize, loss: Loss) -> Dataset {
    let mut s = stream(seed, "samples");
    let inputs = (0..3 * n_samples).map(|_| if s.below(3) == 0 { 0.0 } else { grid(&mut s) }).collect();
    let targets = match loss {
        Loss::MeanSquare => Targets::Values { width: 3, values: (0..3 * n_samples).map(|_| grid(&mut s)).collect() },
        _ => Targets::Classes((0..n_samples).map(|_| s.below(3) as u32).collect()),
    };
    let class_names = if loss == Loss::MeanSquare { Vec::new() } else { ["a", "b", "c"].map(str::to_owned).to_vec() };
    Dataset { n_features: 3, inputs, targets, class_names }
}

/// The summed loss by the scalar law.
fn by_the_law(plan: &NetworkPlan, parameters: &Parameters, data: &Dataset, loss: Loss) -> f64 {
    (0..data.n_samples())
        .map(|i| {
            let mut activations: Vec<Vec<f32>> = plan.layers.iter().map(|l| vec![0.0; l.n_neurons]).collect();
            activations[0].copy_from_slice(data.sample(i));
            law::forward(plan, &parameters.view(), &mut activations, &mut vec![Vec::new(); plan.layers.len()]);
            let target = match &data.targets {
                Targets::Classes(classes) => Target::Class(classes[i]),
                Targets::Values { width, values } => Target::Values(&values[i * width..(i + 1) * width]),
            };
            loss.value(&activations[3], target)
        })
        .sum()
}

/// Proposes and accepts at random, and compares each change with the law; returns the bits of all changes.
fn walk(seed: u64, hidden: Unit, output: Unit, loss: Loss, n_samples: usize, simd: Simd) -> Vec<u64> {
    let (plan, data) = (plan(seed, hidden, output), dataset(seed, n_samples, loss));
    let mut mirror = parameters(&plan, seed);
    let mut landscape = Landscape::new(plan.clone(), mirror.clone(), &data, loss, simd).expect("samples that fit");
    let mut s = stream(seed, "walk");
    let mut changes = Vec::new();
    let mut before = by_the_law(&plan, &mirror, &data, loss);
    for k in 0..40 {
        let site = landscape.site(s.below(landscape.n_parameters() as u64) as usize);
        let value = grid(&mut s);
        let change = landscape.propose(site, value, f64::INFINITY).expect("no limit");
        let old = landscape.value(site);
        set(&mut mirror, site, value);
        let after = by_the_law(&plan, &mirror, &data, loss);
        let error = (change - (after - before)).abs();
        assert!(
            error < 2e-5 * (1.0 + before.abs() + after.abs()),
            "{hidden:?} {output:?} {loss:?} {seed}/{k} {site:?}: {change} for {}",
            after - before
        );
        // A limit refuses what is above it, and nothing else.
        for (limit, passes) in [(change + 1e-9, true), (change - 1e-9 - 1e-12 * before, false)] {
            assert_eq!(landscape.propose(site, value, limit).is_some(), passes, "{change} against {limit}");
        }
        changes.push(change.to_bits());
        if s.coin() {
            assert_eq!(landscape.propose(site, value, f64::INFINITY), Some(change), "the same proposal twice");
            landscape.accept();
            before = after;
        } else {
            set(&mut mirror, site, old);
        }
        assert_eq!(landscape.parameters(), &mirror);
        assert!((landscape.loss() - before).abs() < 1e-4 * (1.0 + before.abs()));
        if k % 16 == 15 {
            let drift = landscape.refresh();
            assert!(drift.sums < 1e-5 && drift.loss.abs() < 1e-4 * (1.0 + before.abs()), "{drift:?} at a loss of {before}");
        }
    }
    changes
}

fn set(parameters: &mut Parameters, site: lehr::engine::network::heat::Site, value: f32) {
    use lehr::engine::network::heat::Site;
    match site {
        Site::Weight { block, synapse } => parameters.weights[block][synapse] = value,
        Site::Bias { layer, row } => parameters.biases[layer][row] = value,
    }
}

#[test]
fn a_proposal_changes_the_loss_by_what_the_law_says() {
    for (k, hidden) in Unit::ALL.into_iter().enumerate() {
        for (l, loss) in LOSSES.into_iter().enumerate() {
            let seed = (4 * k + l) as u64;
            let output = if seed.is_multiple_of(3) { Unit::ALL[(k + 7) % Unit::ALL.len()] } else { Unit::Identity };
            walk(seed, hidden, output, loss, [1, 15, 16, 40][(k + l) % 4], Simd::best());
        }
    }
}

#[test]
fn many_samples_pass_in_tiles_and_lists() {
    for (k, hidden) in [Unit::Tanh, Unit::Step, Unit::Sign, Unit::Relu].into_iter().enumerate() {
        walk(k as u64, hidden, Unit::Identity, LOSSES[k], 900, Simd::best());
    }
}

#[test]
fn every_backend_has_the_same_bits() {
    assert!(Simd::available().count() > 1 || cfg!(not(target_arch = "x86_64")), "a backend to compare with");
    for (k, hidden) in [Unit::Tanh, Unit::Step, Unit::Lif(Lif::default()), Unit::Softplus].into_iter().enumerate() {
        let changes = |simd| walk(k as u64, hidden, Unit::Identity, LOSSES[(k + 1) % 4], 300, simd);
        let scalar = changes(Simd::Scalar);
        for simd in Simd::available().skip(1) {
            assert!(changes(simd) == scalar, "{hidden:?} on {}", simd.name());
        }
    }
}

/// One input, one hidden neuron and one output, joined by weights of 1, with biases of 0.
fn chain(hidden: Unit, output: Unit) -> (NetworkPlan, Parameters) {
    let layer = |name: &str, unit| Layer { name: name.to_owned(), n_neurons: 1, unit, is_input: name == "in", is_output: name == "out" };
    let block = |from: usize| Block { name: format!("{from}"), from, to: from + 1, is_delayed: false, rows: Rows::Dense };
    let layers = vec![layer("in", Unit::Identity), layer("hidden", hidden), layer("out", output)];
    let plan = NetworkPlan::new(layers, vec![block(0), block(1)]).expect("no cycle");
    let mut parameters = Parameters::zeros(&plan);
    parameters.weights.iter_mut().flatten().for_each(|w| *w = 1.0);
    (plan, parameters)
}

fn values(inputs: Vec<f32>, values: Vec<f32>) -> Dataset {
    Dataset { n_features: 1, inputs, targets: Targets::Values { width: 1, values }, class_names: Vec::new() }
}

#[test]
fn a_gate_counts_the_new_input_and_not_the_old_one_plus_a_rounded_change() {
    let site = lehr::engine::network::heat::Site::Weight { block: 0, synapse: 0 };
    let (plan, parameters) = chain(Unit::Identity, Unit::Gate(Gate::Or));
    let data = values(vec![1.0], vec![0.0]);
    let mut landscape = Landscape::new(plan, parameters, &data, Loss::MeanSquare, Simd::best()).expect("a fit");
    for k in 0..200 {
        // From far away to exactly the threshold, which does not count.
        landscape.propose(site, 1000.0 + 0.1 * k as f32, f64::INFINITY).expect("no limit");
        landscape.accept();
        assert_eq!(landscape.loss(), 1.0, "the gate is on");
        assert_eq!(landscape.propose(site, 0.5, f64::INFINITY), Some(-1.0), "from {}", 1000.0 + 0.1 * k as f32);
        landscape.accept();
    }
}

#[test]
fn features_of_any_size_drift_by_no_more_than_rounding() {
    for scale in [1.0, 1e3, 1e6] {
        let (plan, mut parameters) = (plan(3, Unit::Tanh, Unit::Identity), parameters(&plan(3, Unit::Tanh, Unit::Identity), 3));
        let mut s = stream(4, "irregular");
        parameters.weights.iter_mut().flatten().for_each(|w| *w = s.gaussian() as f32);
        let mut data = dataset(5, 40, Loss::MeanSquare);
        data.inputs.iter_mut().for_each(|x| *x *= scale * (1.0 + s.uniform() as f32));
        let mut landscape = Landscape::new(plan, parameters, &data, Loss::MeanSquare, Simd::best()).expect("a fit");
        let mut sizes = vec![1.0; landscape.n_parameters()];
        let settings = HeatSettings { bound: 1e3, ..HeatSettings::default() };
        let key = StreamKey::new(Seed(6), SystemTag::named("drift"), 0);
        // Longer than a walk goes without computing anew by itself.
        let (tally, _) = heat_walk(&mut landscape, &settings, &mut sizes, 0, 12_000, 50.0, true, key);
        assert!(tally.n_accepted > 500, "{tally:?}");
        let drift = landscape.refresh();
        assert!(drift.sums > 0.0 && drift.sums < 1e-4, "{drift:?} at {scale}");
    }
}

#[test]
fn what_is_no_number_is_refused() {
    let (plan, parameters) = chain(Unit::Identity, Unit::Identity);
    let data = values(vec![1e38], vec![0.0]);
    let mut landscape = Landscape::new(plan, parameters, &data, Loss::MeanSquare, Simd::best()).expect("a fit");
    let site = lehr::engine::network::heat::Site::Weight { block: 0, synapse: 0 };
    assert_eq!(landscape.propose(site, 8.0, f64::INFINITY), None, "8e38 is no f32");
    let (plan, parameters) = chain(Unit::Identity, Unit::Identity);
    let refused = Landscape::new(plan, parameters, &values(vec![0.0], vec![1.5]), Loss::BinaryCrossEntropy, Simd::best());
    let message = refused.expect_err("1.5 is no probability").to_string();
    assert!(message.contains("target 0 of sample 0 is 1.5"), "{message}");
}

#[test]
fn sizes_settle_where_the_acceptance_that_is_asked_for_is() {
    for asked in [0.2, 0.7] {
        let (plan, parameters) = chain(Unit::Tanh, Unit::Identity);
        let mut s = stream(7, "line");
        let inputs: Vec<f32> = (0..64).map(|_| s.gaussian() as f32).collect();
        let targets = inputs.iter().map(|x| 0.7 * x + 0.1).collect();
        let mut landscape = Landscape::new(plan, parameters, &values(inputs, targets), Loss::MeanSquare, Simd::best()).expect("a fit");
        let adaptation = Adaptation { acceptance: asked, largest_size: 100.0, ..Adaptation::default() };
        let settings = HeatSettings { adaptation, lambda: 0.1, ..HeatSettings::default() };
        let mut sizes = vec![0.01; landscape.n_parameters()];
        let key = |step| StreamKey::new(Seed(8), SystemTag::named("acceptance"), step);
        heat_walk(&mut landscape, &settings, &mut sizes, 0, 20_000, 0.5, true, key(0));
        let (tally, _) = heat_walk(&mut landscape, &settings, &mut sizes, 0, 20_000, 0.5, false, key(1));
        let found = tally.n_accepted as f64 / tally.n_proposed as f64;
        assert!((found - asked).abs() < 0.08, "asked {asked}, found {found}");
    }
}

#[test]
fn the_prior_holds_the_biases_only_if_it_is_told_to() {
    let widest = |prior_on_biases| {
        let (plan, parameters) = chain(Unit::Tanh, Unit::Identity);
        let mut landscape = Landscape::new(plan, parameters, &values(vec![0.0], vec![0.0]), Loss::MeanSquare, Simd::best()).expect("a fit");
        let settings = HeatSettings { lambda: 1e4, prior_on_biases, ..HeatSettings::default() };
        let mut sizes = vec![1.0; landscape.n_parameters()];
        let mut widest = 0.0_f32;
        for step in 0..100 {
            let key = StreamKey::new(Seed(9), SystemTag::named("prior"), step);
            heat_walk(&mut landscape, &settings, &mut sizes, 0, 50, 1.0, true, key);
            widest = widest.max(landscape.parameters().biases[1][0].abs());
        }
        widest
    };
    // The bias of the hidden neuron has a standard deviation of 0.01 under the prior; without it, the loss alone holds it.
    assert!(widest(true) < 0.1 && widest(false) > 0.5, "{} and {}", widest(true), widest(false));
}
