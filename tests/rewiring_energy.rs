//! What a birth, a death, a weight move and a rewiring change a loss by, against the network as it then is: every unit and loss,
//! with and without memory.

use std::sync::Arc;

use lehr::data::{Dataset, Targets};
use lehr::engine::network::score::Judge;
use lehr::engine::network::structure::{CandidateRows, NetworkCandidates, NetworkEnergy, NoCandidates};
use lehr::engine::network::{Loss, Parameters};
use lehr::engine::structure::StructureEnergy;
use lehr::kernels::layers::Products;
use lehr::kernels::simd::Simd;
use lehr::network::samples::score;
use lehr::plan::network::{Block, Gate, Layer, NetworkPlan, Rows, Unit};
use lehr::random::{Stream, StreamKey, SystemTag};
use lehr::units::Seed;

fn stream(seed: u64, name: &str) -> Stream {
    StreamKey::new(Seed(seed), SystemTag::named(name), 0).stream()
}

/// A number of a grid other than 0, so that sums are exact and no threshold hangs on a rounding.
fn grid(stream: &mut Stream) -> f32 {
    let k = stream.below(32) as f32 - 16.0;
    (if k < 0.0 { k } else { k + 1.0 }) / 8.0
}

/// in - h1 - h2 - out with a way past h1, all empty; h1 onto itself, delayed if it remembers.
fn network(unit: Unit, output: Unit, remembers: bool) -> NetworkPlan {
    let layer = |name: &str, n, unit| Layer { name: name.to_owned(), n_neurons: n, unit, is_input: name == "in", is_output: name == "out" };
    let layers = vec![layer("in", 3, Unit::Identity), layer("h1", 4, unit), layer("h2", 4, unit), layer("out", 3, output)];
    let block = |(from, to): (usize, usize)| Block {
        name: format!("{from}->{to}"),
        from,
        to,
        is_delayed: from == to && remembers,
        rows: Rows::Sparse { offsets: vec![0; layers[to].n_neurons + 1], sources: Vec::new() },
    };
    let blocks = [(0, 1), (1, 2), (2, 3), (0, 2), (1, 1)].map(block).to_vec();
    NetworkPlan::new(layers, blocks).unwrap()
}

fn samples(seed: u64, loss: Loss) -> Arc<Dataset> {
    let (mut s, n) = (stream(seed, "samples"), 37);
    // Input 2 is dark, input 1 often is.
    let inputs = (0..3 * n).map(|k| if k % 3 == 2 || s.below(3) == 0 { 0.0 } else { grid(&mut s) }).collect();
    let targets = match loss {
        Loss::MeanSquare => Targets::Values { width: 3, values: (0..3 * n).map(|_| grid(&mut s)).collect() },
        _ => Targets::Classes((0..n).map(|_| s.below(3) as u32).collect()),
    };
    let class_names = if loss == Loss::MeanSquare { Vec::new() } else { ["a", "b", "c"].map(str::to_owned).to_vec() };
    Arc::new(Dataset { n_features: 3, inputs, targets, class_names })
}

fn loss_of(candidates: &NetworkCandidates, all: &Parameters, data: &Dataset, loss: Loss, steps: u32) -> f64 {
    let (plan, parameters) = candidates.living(all);
    // Its own order of evaluation, too.
    let plan = NetworkPlan::new(plan.layers, plan.blocks).unwrap();
    let judge = Judge::new(&[data], loss);
    score(&plan, &parameters.view(), data, (&judge, steps), None, (Products::Ordered, Simd::Scalar)).loss
}

/// Makes random changes and compares each with the network as it then is; returns how many births, deaths, weight moves and
/// rewirings there were.
fn check(unit: Unit, output: Unit, loss: Loss, remembers: bool, seed: u64) -> [u32; 4] {
    let plan = network(unit, output, remembers);
    let candidates = Arc::new(NetworkCandidates::new(&plan, &vec![CandidateRows::All; 5]).unwrap());
    let data = samples(seed, loss);
    let steps = if remembers { 3 } else { 1 };
    let mut s = stream(seed, "changes");
    let mut all = Parameters::zeros(candidates.plan());
    all.biases.iter_mut().skip(1).flatten().for_each(|b| *b = grid(&mut s));
    let m = candidates.len() as u64;
    for candidate in (0..m as u32).step_by(3) {
        let (block, synapse) = candidates.site(candidate);
        all.weights[block][synapse] = grid(&mut s);
    }
    let mut energy = NetworkEnergy::new(Arc::clone(&candidates), all.clone(), &data, loss, steps as usize, Simd::best()).unwrap();
    let mut seen = [0; 4];
    for step in 0..60 {
        let weight = |all: &Parameters, c: u32| all.weights[candidates.site(c).0][candidates.site(c).1];
        let (a, b) = (s.below(m) as u32, s.below(m) as u32);
        let (old_a, old_b) = (weight(&all, a), weight(&all, b));
        let changes = match (old_a != 0.0, old_b != 0.0) {
            (true, false) => vec![(a, 0.0), (b, grid(&mut s))],
            (true, true) if s.coin() => vec![(a, grid(&mut s))],
            (true, true) => vec![(a, 0.0)],
            (false, _) => vec![(a, grid(&mut s))],
        };
        let kind = if changes.len() == 2 {
            3
        } else if old_a == 0.0 {
            0
        } else if changes[0].1 == 0.0 {
            1
        } else {
            2
        };
        let mut changed = all.clone();
        for &(c, w) in &changes {
            changed.weights[candidates.site(c).0][candidates.site(c).1] = w;
        }
        let before = loss_of(&candidates, &all, &data, loss, steps);
        let expected = loss_of(&candidates, &changed, &data, loss, steps) - before;
        let near = |found: f64, expected: f64| (found - expected).abs() < 2e-4 * (1.0 + before.abs() + expected.abs());
        let case = format!("{unit:?} {loss:?} remembers: {remembers}, step {step}: {changes:?} of {old_a} and {old_b}");
        assert!(near(energy.energy(), before), "{case}: {} and {before}", energy.energy());
        let margin = 1e-2 * (1.0 + expected.abs() + before.abs());
        assert_eq!(energy.propose(&changes, expected - margin), None, "{case} costs {expected}");
        let found = energy.propose(&changes, f64::INFINITY).unwrap();
        assert!(near(found, expected), "{case}: {found} and {expected}");
        if s.below(3) > 0 {
            energy.accept();
            all = changed;
            seen[kind] += 1;
        } else {
            energy.reject();
        }
        assert_eq!(energy.parameters(), &all, "{case}");
    }
    assert!(energy.refresh() < 1e-3 * (1.0 + energy.energy()));
    seen
}

#[test]
fn births_deaths_and_rewirings_cost_what_the_changed_network_costs_for_every_unit() {
    for remembers in [false, true] {
        let mut seen = [0; 4];
        for (k, unit) in Unit::ALL.into_iter().enumerate() {
            let of_unit = check(unit, Unit::Identity, Loss::CrossEntropy, remembers, k as u64);
            seen = std::array::from_fn(|i| seen[i] + of_unit[i]);
        }
        assert!(seen.iter().all(|&n| n > 60), "births, deaths, weights, rewirings: {seen:?}");
    }
}

#[test]
fn they_do_for_every_loss_and_for_outputs_with_units() {
    for (k, loss) in [Loss::MeanSquare, Loss::BinaryCrossEntropy, Loss::Hinge, Loss::CrossEntropy].into_iter().enumerate() {
        for (j, output) in [Unit::Identity, Unit::Tanh, Unit::Step, Unit::Gate(Gate::And)].into_iter().enumerate() {
            for unit in [Unit::Relu, Unit::Sign, Unit::Gate(Gate::Xor)] {
                check(unit, output, loss, false, 100 + 10 * k as u64 + j as u64);
            }
        }
    }
}

#[test]
fn slopes_are_those_of_dead_candidates_too() {
    for remembers in [false, true] {
        let plan = network(Unit::Tanh, Unit::Identity, remembers);
        let candidates = Arc::new(NetworkCandidates::new(&plan, &vec![CandidateRows::All; 5]).unwrap());
        let (data, mut s) = (samples(7, Loss::CrossEntropy), stream(7, "slopes"));
        let steps = if remembers { 3 } else { 1 };
        let mut all = Parameters::zeros(candidates.plan());
        for candidate in (0..candidates.len() as u32).filter(|c| c % 2 == 0) {
            let (block, synapse) = candidates.site(candidate);
            all.weights[block][synapse] = grid(&mut s) / 2.0;
        }
        let mut energy =
            NetworkEnergy::new(Arc::clone(&candidates), all.clone(), &data, Loss::CrossEntropy, steps as usize, Simd::best()).unwrap();
        let mut slopes = vec![0.0; candidates.len()];
        assert!(energy.slopes(&mut slopes));
        for (candidate, slope) in (0_u32..).zip(slopes) {
            let (block, synapse) = candidates.site(candidate);
            let shifted = |by: f32| {
                let mut moved = all.clone();
                moved.weights[block][synapse] += by;
                loss_of(&candidates, &moved, &data, Loss::CrossEntropy, steps)
            };
            let expected = (shifted(0.01) - shifted(-0.01)) / 0.02;
            assert!((f64::from(slope) - expected).abs() < 2e-2 * (1.0 + expected.abs()), "candidate {candidate}: {slope} and {expected}");
        }
    }
    // Gates send nothing back.
    let plan = network(Unit::Gate(Gate::Or), Unit::Identity, false);
    let candidates = Arc::new(NetworkCandidates::new(&plan, &vec![CandidateRows::All; 5]).unwrap());
    let all = Parameters::zeros(candidates.plan());
    let mut energy = NetworkEnergy::new(candidates, all, &samples(7, Loss::CrossEntropy), Loss::CrossEntropy, 1, Simd::best()).unwrap();
    assert!(energy.gradient().is_none());
}

#[test]
fn what_cannot_be_a_candidate_is_said() {
    let plan = network(Unit::Tanh, Unit::Identity, false);
    // All pairs of a layer onto itself keep sources below targets: 12 + 16 + 12 + 12 + 6.
    assert_eq!(NetworkCandidates::new(&plan, &vec![CandidateRows::All; 5]).unwrap().len(), 58);
    let list = |pairs: &[(u32, u32)]| {
        let mut rows = vec![CandidateRows::Fixed; 5];
        rows[4] = CandidateRows::Listed(pairs.to_vec());
        NetworkCandidates::new(&plan, &rows)
    };
    assert_eq!(list(&[(0, 3), (3, 1)]).unwrap().len(), 2);
    assert!(matches!(list(&[(0, 1), (1, 0)]), Err(NoCandidates::Cycle(_))));
    assert!(matches!(list(&[(0, 4)]), Err(NoCandidates::Beyond { target_row: 4, .. })));
    let mut living = plan.clone();
    living.blocks[4].rows = Rows::Sparse { offsets: vec![0, 1, 1, 1, 1], sources: vec![2] };
    let stray = NetworkCandidates::new(&living, &vec![CandidateRows::All; 5]).unwrap_err();
    assert!(stray.to_string().contains("synapse 2 -> 0 of projection \"1->1\" is no candidate"), "{stray}");
}
