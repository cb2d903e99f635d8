//! Hidden neurons that are born and die with the wiring of a network in a world: who lives, how they are wired and their biases against
//! enumeration; priors, books, resuming, threads, every unit.

use std::sync::Arc;

use lehr::data::{Dataset, Targets};
use lehr::engine::exact::{noise_floor, total_variation};
use lehr::engine::network::Loss;
use lehr::engine::network::heat::{HeatSchedule, HeatSettings};
use lehr::engine::network::structure::HiddenSettings;
use lehr::engine::structure::{
    Claim, Counting, DegreeCost, Degrees, Density, NeuronSettings, Newborns, Preset, Score, Slab, StructureSettings, ln_choose,
};
use lehr::math;
use lehr::network::structure::{HiddenSlots, HiddenTurnover, RewiringSettings, attach as rewire};
use lehr::network::{NetworkSettings, Samples, TrainGradient, attach, attach_samples, heat, measures, train_gradient};
use lehr::plan::network::{Gate, Lif, Unit};
use lehr::prelude::*;

const RHO: f64 = 0.45;
const NU: f64 = -0.2;
const T: f64 = 0.5;
const SD: f64 = 0.8;
const WEIGHT: f32 = 0.9;
/// Candidates of `tiny` between neurons 0 (input), 1 and 2 (hidden), 3 (output).
const PAIRS: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (0, 3)];
const INPUTS: [f32; 4] = [0.5, 1.0, -0.5, 2.0];
const TARGETS: [f32; 4] = [0.3, 0.9, -0.2, 1.4];

fn dataset(n_features: usize, inputs: Vec<f32>, values: Vec<f32>) -> Arc<Dataset> {
    Arc::new(Dataset { n_features, inputs, targets: Targets::Values { width: 1, values }, class_names: Vec::new() })
}

fn tiny_settings(counting: Counting, newborns: Newborns, bias_moves: u32) -> RewiringSettings {
    let structure = StructureSettings {
        density: Density::Rho(RHO),
        slab: Slab::Fixed { value: WEIGHT },
        degree_cost: Some(DegreeCost { strength: 0.05, target: 1.0, of: Degrees::Total }),
        moves: 24,
        ..StructureSettings::default()
    };
    let neurons = NeuronSettings { cost: NU, counting, shares: [2, 1] };
    let hidden = HiddenSettings { neurons, newborns, bias_sd: SD as f32, bias_step: 1.0 };
    let turnover = HiddenTurnover { hidden, moves: 20, bias_moves, ..HiddenTurnover::default() };
    let schedule = HeatSchedule::Constant(T);
    RewiringSettings { structure, schedule, n_steps: 1 << 40, neurons: Some(turnover), ..RewiringSettings::default() }
}

/// One input, two slots that may feed each other, an output.
fn tiny(settings: RewiringSettings) -> Simulation {
    let mut sim = Simulation::new(Seed(8));
    let blueprint = Blueprint::new()
        .population("in", 1)
        .population("hidden", 2)
        .population("out", 1)
        .projection("in", "hidden", [(0, 0, WEIGHT)])
        .projection("hidden", "hidden", [])
        .projection("hidden", "out", [(1, 0, WEIGHT)])
        .projection("in", "out", []);
    sim.build(blueprint).unwrap();
    attach(&mut sim, NetworkSettings::new().input("in").hidden("hidden", Unit::Tanh).output("out", Unit::Identity)).unwrap();
    let train = dataset(1, INPUTS.to_vec(), TARGETS.to_vec());
    attach_samples(&mut sim, Samples { test: Arc::clone(&train), train, loss: Loss::MeanSquare, steps: 1 }).unwrap();
    rewire(&mut sim, settings).unwrap();
    sim
}

/// What decides the target.
#[derive(Clone, Copy)]
struct Truth {
    counting: Counting,
    nu: f64,
    sd: f64,
    /// True if the bias of the output moves too.
    moves_output: bool,
    /// True if candidates of dead neurons count as absent ones, which they are not.
    counts_absent: bool,
}

/// The target over bits 0-1, which slots live, and 2-7, which candidates do, biases integrated.
fn exact(truth: Truth) -> Vec<f64> {
    // The trapezoid rule is exact for what is as smooth as this.
    let grid: Vec<(f64, f64)> = (-8..=8).map(|k| f64::from(k) * 0.5).map(|z| (truth.sd * z, math::exp(-0.5 * z * z))).collect();
    let norm: f64 = grid.iter().map(|g| g.1).sum();
    let grid: Vec<(f64, f64)> = grid.into_iter().map(|(b, p)| (b, p / norm)).collect();
    let held = [(0.0, 1.0)];
    let weight = |state: usize| {
        let alive = |i: usize| i == 0 || i == 3 || state >> (i - 1) & 1 == 1;
        let has = |c: usize| state >> (2 + c) & 1 == 1;
        if (0..6).any(|c| has(c) && !(alive(PAIRS[c].0) && alive(PAIRS[c].1))) {
            return 0.0;
        }
        let w = |c: usize| if has(c) { f64::from(WEIGHT) } else { 0.0 };
        let (n, k) = ((state & 3).count_ones() as usize, (0..6).filter(|&c| has(c)).count() as f64);
        let m = (0..6).filter(|&c| truth.counts_absent || (alive(PAIRS[c].0) && alive(PAIRS[c].1))).count() as f64;
        let degree = |i: usize| (0..6).filter(|&c| has(c) && (PAIRS[c].0 == i || PAIRS[c].1 == i)).count() as f64;
        let cost: f64 = (0..4).filter(|&i| alive(i)).map(|i| 0.05 * (degree(i) - 1.0) * (degree(i) - 1.0)).sum();
        let of = |i: usize| if alive(i) { grid.as_slice() } else { &held[..] };
        let mut integral = 0.0;
        for &(b1, p1) in of(1) {
            for &(b2, p2) in of(2) {
                let h: [[f64; 2]; 4] = INPUTS.map(f64::from).map(|x| {
                    let h1 = math::tanh(w(0) * x + b1);
                    [h1, math::tanh(w(1) * x + w(2) * h1 + b2)]
                });
                for &(b3, p3) in if truth.moves_output { &grid } else { &held[..] } {
                    let miss = |k: usize| w(3) * h[k][0] + w(4) * h[k][1] + w(5) * f64::from(INPUTS[k]) + b3 - f64::from(TARGETS[k]);
                    let loss: f64 = (0..4).map(|k| miss(k) * miss(k)).sum();
                    integral += p1 * p2 * p3 * math::exp(-loss / T);
                }
            }
        }
        let names = match truth.counting {
            Counting::Labelled => [1.0, 2.0, 1.0][n],
            Counting::Orderless => [1.0, 2.0, 2.0][n],
            Counting::Places => 1.0,
        };
        let ln_prior = k * math::ln(RHO) + (m - k) * math::ln(1.0 - RHO);
        integral * math::exp(ln_prior - (cost + truth.nu * n as f64) / T) / names
    };
    let weights: Vec<f64> = (0..256).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

/// The slots of the hidden layer, by row.
fn slots(sim: &Simulation) -> &[u32] {
    sim.world().resource::<HiddenSlots>().of_layer(1)
}

fn state(sim: &Simulation) -> usize {
    let slots = slots(sim);
    let mut state = slots.iter().map(|s| 1 << s).sum();
    let hidden = |row: usize| 1 + slots[row] as usize;
    let of = |name: &str, from: &dyn Fn(usize) -> usize, to: &dyn Fn(usize) -> usize| -> usize {
        let ends = sim.synapses::<Source>(name).into_iter().flatten().zip(sim.synapses::<Target>(name).into_iter().flatten());
        ends.map(|(s, t)| 4 << PAIRS.iter().position(|p| *p == (from(s.row()), to(t.row()))).expect("a candidate")).sum()
    };
    state += of("in->hidden", &|_| 0, &hidden) + of("hidden->hidden", &hidden, &hidden);
    state += of("hidden->out", &hidden, &|_| 3) + of("in->out", &|_| 0, &|_| 3);
    state
}

/// Sums over states with the same neurons and the same number of synapses.
fn coarse<V: Copy + std::ops::AddAssign + Default>(by_state: &[V]) -> Vec<V> {
    let mut classes = vec![V::default(); 28];
    by_state.iter().enumerate().for_each(|(state, &x)| classes[(state & 3) * 7 + (state >> 2).count_ones() as usize] += x);
    classes
}

#[test]
fn neurons_their_wiring_and_their_biases_have_the_joint_distribution_of_what_is_counted() {
    let n = 6_000;
    for (counting, newborns, bias_moves) in [
        (Counting::Labelled, Newborns::Isolated, 0),
        (Counting::Orderless, Newborns::Wired(0.6), 8),
        (Counting::Places, Newborns::Wired(0.3), 0),
    ] {
        let truth = Truth { counting, nu: NU, sd: SD, moves_output: bias_moves > 0, counts_absent: false };
        let p = exact(truth);
        let mut sim = tiny(tiny_settings(counting, newborns, bias_moves));
        let mut found = vec![0; 256];
        sim.run(30).unwrap();
        for _ in 0..n {
            sim.step().unwrap();
            found[state(&sim)] += 1;
        }
        // Steps remember each other a little: the floor is that of two thirds of them.
        let (distance, limit) = (total_variation(&p, &found), 3.0 * noise_floor(&p, 0.7 * n as f64));
        assert!(distance < limit, "{counting:?} {newborns:?}: {distance} above {limit}");
        let limit = 3.0 * noise_floor(&coarse(&p), 0.7 * n as f64);
        let distance = |p: &[f64]| total_variation(&coarse(p), &coarse(&found));
        assert!(distance(&p) < limit, "{counting:?} {newborns:?}: {} above {limit}", distance(&p));
        // Wrong twins: something else is counted, a neuron costs more, biases are drawn from elsewhere, candidates of the dead count.
        let others = [Counting::Labelled, Counting::Orderless, Counting::Places].into_iter().filter(|&c| c != counting);
        let others = others.map(|counting| Truth { counting, ..truth });
        let twins = [Truth { nu: NU + 0.3, ..truth }, Truth { sd: 4.0 * SD, ..truth }, Truth { counts_absent: true, ..truth }];
        for (k, wrong) in others.chain(twins).enumerate() {
            let d = distance(&exact(wrong));
            assert!(d > limit, "{counting:?} {newborns:?}: wrong twin {k} passes with {d} of {limit}");
        }
    }
}

#[test]
fn without_loss_numbers_wirings_and_biases_follow_their_priors() {
    for newborns in [Newborns::Isolated, Newborns::Wired(0.5)] {
        let mut settings = tiny_settings(Counting::Labelled, newborns, 4);
        settings.structure.degree_cost = None;
        settings.structure.slab = Slab::Gaussian { sd: 1.0 };
        // So hot that nothing costs anything.
        settings.schedule = HeatSchedule::Constant(1e12);
        let mut sim = tiny(settings);
        let n = 2_500;
        let (mut numbers, mut k_over, mut biases) = ([0.0; 3], [0.0; 3], (0.0, 0.0));
        for _ in 0..n {
            sim.step().unwrap();
            let alive = slots(&sim).len();
            numbers[alive] += 1.0;
            k_over[alive] += sim.fabric().n_synapses() as f64;
            for b in sim.neurons::<Bias>("hidden").unwrap_or(&[]) {
                biases.0 += f64::from(b.0) * f64::from(b.0);
                biases.1 += 1.0;
            }
        }
        // Each number of labelled neurons is as likely as another, of 1, 3 and 6 candidates a share RHO lives.
        for (alive, m) in [1.0, 3.0, 6.0].into_iter().enumerate() {
            assert!((numbers[alive] / f64::from(n) - 1.0 / 3.0).abs() < 0.06, "{newborns:?}: {alive} live {} of {n} times", numbers[alive]);
            assert!((k_over[alive] / numbers[alive] - m * RHO).abs() < 0.2, "{newborns:?}: {} of {m}", k_over[alive] / numbers[alive]);
        }
        assert!((biases.0 / biases.1 / (SD * SD) - 1.0).abs() < 0.15, "{newborns:?}: a variance of {}", biases.0 / biases.1);
    }
}

/// Two inputs, ten slots in two layers, an output, which learns the exclusive or.
fn grown(unit: Unit, remembers: bool, seed: u64) -> Simulation {
    let mut sim = Simulation::new(Seed(seed));
    heat::columns(&mut sim);
    TrainGradient::default().columns(&mut sim);
    let every_third = |n: u32, m: u32| (0..n * m).filter(|k| k % 3 == 0).map(move |k| (k % n, k / n, 0.3 * (k % 5) as f32 - 0.5));
    let blueprint = Blueprint::new()
        .population("in", 2)
        .population("first", 6)
        .population("second", 4)
        .population("out", 1)
        .projection("in", "first", every_third(2, 6))
        .projection("first", "second", every_third(6, 4))
        .projection("second", "out", every_third(4, 1))
        .projection("first", "out", every_third(6, 1))
        .projection("first", "first", if remembers { vec![(3, 1, 0.4), (2, 2, 0.3)] } else { vec![(1, 3, 0.4)] });
    let mut settings = NetworkSettings::new().input("in").hidden("first", unit).hidden("second", Unit::Tanh).output("out", Unit::Identity);
    if remembers {
        settings = settings.recurrent("first->first");
    }
    sim.build(blueprint).unwrap();
    attach(&mut sim, settings).unwrap();
    let train = dataset(2, vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], vec![0.0, 1.0, 1.0, 0.0]);
    attach_samples(&mut sim, Samples { test: Arc::clone(&train), train, loss: Loss::BinaryCrossEntropy, steps: 2 }).unwrap();
    sim
}

fn growth(newborns: Newborns, score: Score) -> RewiringSettings {
    let degree_cost = Some(DegreeCost { strength: 0.01, target: 3.0, of: Degrees::In });
    let structure = StructureSettings {
        density: Density::Mu(0.02),
        slab: Slab::Gaussian { sd: 2.0 },
        score,
        degree_cost,
        moves: 40,
        ..StructureSettings::default()
    };
    let neurons = NeuronSettings { cost: 0.05, counting: Counting::Labelled, shares: [1, 1] };
    let hidden = HiddenSettings { neurons, newborns, bias_sd: 1.5, bias_step: 0.5 };
    let turnover = HiddenTurnover { hidden, moves: 12, bias_moves: 6, first: Some(3), ..HiddenTurnover::default() };
    RewiringSettings {
        structure,
        schedule: HeatSchedule::Constant(0.2),
        n_steps: 200,
        first_share: Some(0.7),
        neurons: Some(turnover),
        ..RewiringSettings::default()
    }
}

fn metric(sim: &Simulation, name: &str) -> f64 {
    let metrics = sim.world().resource::<Metrics>();
    let measured = measures(sim.world()).into_iter().find(|(n, _)| n == name).map(|(_, v)| v);
    measured.or(metrics.get(name)).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn the_books_are_those_of_the_network_after_the_step_whatever_learns_beside() {
    for (k, (newborns, score)) in [
        (Newborns::Isolated, Score::Uniform),
        (Newborns::Wired(0.4), Score::Uniform),
        (Newborns::Wired(0.4), Score::Gradient { eps: 0.1 }),
        (Newborns::Isolated, Score::Hebbian { eps: 0.1 }),
    ]
    .into_iter()
    .enumerate()
    {
        for (remembers, learns) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut sim = grown(Unit::Tanh, remembers, 3 + k as u64);
            if learns {
                train_gradient(&mut sim, TrainGradient { batch: 4, ..TrainGradient::default() }).unwrap();
                let heated = HeatSettings { proposals_per_step: 20, initial_sd: None, n_steps: 9, ..HeatSettings::default() };
                heat::attach(&mut sim, heated).unwrap();
            }
            rewire(&mut sim, growth(newborns, score)).unwrap();
            let (mut turns, mut before, mut synapses) = (0.0, 3.0, 0.0);
            for step in 0..24 {
                sim.step().unwrap();
                let case = format!("{newborns:?} {score:?} at step {step}, remembers {remembers}, learns {learns}");
                let after = sim.fabric().n_synapses() as f64;
                let hidden = ["first", "second"].map(|n| sim.neurons::<Bias>(n).map_or(0, <[Bias]>::len) as f64);
                let n = hidden[0] + hidden[1];
                assert_eq!(metric(&sim, "n_hidden"), n, "{case}");
                assert_eq!(metric(&sim, "neuron_births") - metric(&sim, "neuron_deaths"), n - before, "{case}");
                if step > 0 {
                    assert_eq!(metric(&sim, "births") - metric(&sim, "deaths"), after - synapses, "{case}");
                }
                turns += metric(&sim, "neuron_births") + metric(&sim, "neuron_deaths");
                (before, synapses) = (n, after);
                // The ledger.
                let loss = 4.0 * metric(&sim, "train_loss");
                let ledger = sim.world().resource::<EnergyLedger>();
                let booked = |term: &str| ledger.get(term).unwrap_or_else(|| panic!("no {term}"));
                assert!((booked("loss") - loss).abs() < 1e-3 * (1.0 + loss), "{case}: {} for {loss}", booked("loss"));
                assert!((booked("neurons") - 0.05 * n).abs() < 1e-12, "{case}");
                let fans = sim.fabric().projections().fold(std::collections::BTreeMap::new(), |mut fans, (_, p)| {
                    for target in 0..sim.fabric().population(p.to()).n_neurons() {
                        *fans.entry((p.to().0, target)).or_insert(0.0) += p.synapses_onto(target).len() as f64;
                    }
                    fans
                });
                // Inputs have a fan-in of 0 and pay for it as others do.
                let off: f64 = fans.values().map(|d: &f64| (d - 3.0) * (d - 3.0)).sum::<f64>() + 2.0 * 9.0;
                let cost = 0.02 * after + 0.01 * off;
                assert!((booked("structure") - cost).abs() < 1e-9, "{case}: {} for {cost}", booked("structure"));
                let (m, t) = ((after / metric(&sim, "density")).round(), 0.2);
                if after > 0.0 {
                    assert!((metric(&sim, "s_conf") - ln_choose(m as u64, after as u64)).abs() < 1e-6, "{case}");
                }
                let f = sim.world().resource::<EnergyLedger>().total() - t * metric(&sim, "s_conf");
                assert!(learns || (metric(&sim, "f_conf") - f).abs() < 1e-9, "{case}");
            }
            assert!(turns >= 5.0, "{newborns:?} {score:?}, remembers {remembers}: {turns}");
        }
    }
}

#[test]
fn resumed_runs_and_any_number_of_threads_have_the_same_bits() {
    for (k, (newborns, score)) in
        [(Newborns::Isolated, Score::Uniform), (Newborns::Wired(0.4), Score::Gradient { eps: 0.1 })].into_iter().enumerate()
    {
        let make = || {
            let mut sim = grown(Unit::Tanh, k == 1, 4);
            train_gradient(&mut sim, TrainGradient { batch: 4, ..TrainGradient::default() }).unwrap();
            rewire(&mut sim, growth(newborns, score)).unwrap();
            sim
        };
        let mut whole = make();
        whole.run(9).unwrap();
        let saved = whole.save().unwrap();
        whole.run(10).unwrap();
        let mut resumed = make();
        resumed.load(&saved).unwrap();
        resumed.run(10).unwrap();
        assert_eq!(resumed.state_hash(), whole.state_hash(), "{newborns:?}");
        for n_threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let hash = pool.install(|| {
                let mut sim = make();
                sim.run(19).unwrap();
                sim.state_hash()
            });
            assert_eq!(hash, whole.state_hash(), "{newborns:?} on {n_threads} threads");
        }
    }
}

#[test]
fn networks_of_every_unit_grow_from_nothing_and_learn() {
    for unit in [Unit::Tanh, Unit::Relu, Unit::Step, Unit::Sign, Unit::Gate(Gate::Xor), Unit::Lif(Lif::default())] {
        for remembers in [false, true] {
            let mut sim = grown(unit, remembers, 11);
            let mut settings = growth(Newborns::Wired(0.5), Score::Uniform);
            let turnover = settings.neurons.take().unwrap();
            settings.neurons = Some(HiddenTurnover { first: Some(0), moves: 40, bias_moves: 30, ..turnover });
            settings.structure.moves = 120;
            settings.structure.degree_cost = None;
            settings.schedule = HeatSchedule::Geometric(lehr::engine::methods::TemperatureRange { hot: 0.5, cold: 0.02 });
            settings.n_steps = 60;
            rewire(&mut sim, settings).unwrap();
            sim.run(60).unwrap();
            let loss = metric(&sim, "train_loss");
            assert!(loss < 0.4, "{unit:?}, remembers {remembers}: a loss of {loss}");
            assert!(metric(&sim, "n_hidden") >= 1.0, "{unit:?}, remembers {remembers}");
        }
    }
}

#[test]
fn claims_and_what_does_not_suit_are_said_before_the_first_step() {
    let base = growth(Newborns::Isolated, Score::Uniform);
    assert_eq!(base.claim(), Claim::Exact);
    assert_eq!(growth(Newborns::Isolated, Score::Gradient { eps: 0.1 }).claim(), Claim::Driven);
    let turnover = base.neurons.clone().unwrap();
    let with = |turnover| RewiringSettings { neurons: Some(turnover), ..base.clone() };
    let of = |hidden| with(HiddenTurnover { hidden, ..turnover.clone() });
    let set = StructureSettings { preset: Preset::Set, ..base.structure };
    let cases = [
        (with(HiddenTurnover { first: Some(11), ..turnover.clone() }), "first is 11"),
        (with(HiddenTurnover { moves: 0, ..turnover.clone() }), "moves is 0"),
        (with(HiddenTurnover { populations: vec!["frist".into()], ..turnover.clone() }), "did you mean \"first\"?"),
        (with(HiddenTurnover { populations: vec!["out".into()], ..turnover.clone() }), "no hidden population \"out\""),
        (of(HiddenSettings { newborns: Newborns::Wired(1.0), ..turnover.hidden }), "newborns is 1"),
        (of(HiddenSettings { bias_sd: 0.0, ..turnover.hidden }), "bias_moves is 6"),
        (of(HiddenSettings { neurons: NeuronSettings { cost: f64::NAN, ..turnover.hidden.neurons }, ..turnover.hidden }), "cost is NaN"),
        (RewiringSettings { structure: set, ..base.clone() }, "preset is set"),
        (RewiringSettings { projections: vec!["in->first".into()], ..base.clone() }, "the synapses of projection"),
    ];
    for (settings, expected) in cases {
        let found = rewire(&mut grown(Unit::Tanh, false, 1), settings).unwrap_err().to_string();
        assert!(found.contains(expected), "{found} for {expected}");
    }
    // Somebody else's births are an error, not a wrong count.
    let mut sim = grown(Unit::Tanh, false, 1);
    rewire(&mut sim, base).unwrap();
    sim.run(2).unwrap();
    let birth = NeuronBirth {
        population: PopulationIdx(1),
        origin: lehr::random::SystemTag::named("test"),
        ordinal: 0,
        activation: 0.0,
        bias: 0.0,
    };
    sim.world().resource::<Births>().neuron(birth);
    let error = sim.step().unwrap_err().to_string();
    assert!(error.contains("let one method turn neurons over"), "{error}");
}
