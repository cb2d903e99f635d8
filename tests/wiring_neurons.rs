//! Neurons that are born and die with their wiring in a world: who lives, how they are wired and their spins against enumeration;
//! books, resuming, threads.

use lehr::engine::exact::{noise_floor, total_variation};
use lehr::engine::structure::{Claim, Counting, DegreeCost, Degrees, Density, NeuronSettings, Score, Slab, StructureSettings, ln_choose};
use lehr::math;
use lehr::prelude::*;
use lehr::thermo::structure::{Course, NeuronTurnover, WiringCandidates, WiringSettings, WiringSlots, attach};

const FIELDS: [f32; 3] = [0.4, 0.0, -0.2];
const COUPLING: f32 = 0.9;
const T: f64 = 0.8;
const RHO: f64 = 0.45;
const NU: f64 = 0.5;
const PAIRS: [(usize, usize); 3] = [(0, 1), (0, 2), (1, 2)];
const STATES: usize = 512;

fn settings(counting: Counting) -> WiringSettings {
    let structure = StructureSettings {
        density: Density::Rho(RHO),
        slab: Slab::Fixed { value: COUPLING },
        degree_cost: Some(DegreeCost { strength: 0.2, target: 1.0, of: Degrees::Total }),
        moves: 12,
        ..StructureSettings::default()
    };
    let neurons = NeuronSettings { cost: NU, counting, shares: [2, 1] };
    WiringSettings {
        structure,
        course: Course::Constant(T),
        steps_per_stage: 1 << 40,
        discard: 0,
        sweeps: 2,
        neurons: Some(NeuronTurnover { neurons, moves: 8, first: None }),
        ..WiringSettings::default()
    }
}

fn three_slots(seed: u64) -> Simulation {
    let mut sim = Simulation::new(Seed(seed));
    let spins = PopulationSpec { biases: FIELDS.to_vec(), ..PopulationSpec::new("spins", 3) };
    sim.build(Blueprint::new().with_population(spins).with_projection(ProjectionSpec::symmetric("spins", Vec::new()))).unwrap();
    sim
}

/// What decides the target.
#[derive(Clone, Copy)]
struct Truth {
    counting: Counting,
    nu: f64,
    /// True if candidates of dead neurons count as absent ones, which they are not.
    counts_absent: bool,
}

const fn truth(counting: Counting) -> Truth {
    Truth { counting, nu: NU, counts_absent: false }
}

/// The target over bits 0-2, which slots live, 3-5, which pairs are coupled, 6-8, which spins are up.
fn exact(truth: Truth) -> Vec<f64> {
    let weight = |state: usize| {
        let alive = |i: usize| state >> i & 1 == 1;
        let spin = |i: usize| if state >> (6 + i) & 1 == 1 { 1.0 } else { -1.0 };
        let coupled = || PAIRS.iter().enumerate().filter(|(c, _)| state >> (3 + c) & 1 == 1).map(|(_, p)| *p);
        if (0..3).any(|i| !alive(i) && spin(i) > 0.0) || coupled().any(|(i, j)| !alive(i) || !alive(j)) {
            return 0.0;
        }
        let (n, k) = ((state & 7).count_ones() as usize, coupled().count() as f64);
        let m = if truth.counts_absent { 3.0 } else { [0.0, 0.0, 1.0, 3.0][n] };
        let degree = |i: usize| coupled().filter(|&(a, b)| a == i || b == i).count() as f64;
        let cost: f64 = (0..3).filter(|&i| alive(i)).map(|i| 0.2 * (degree(i) - 1.0) * (degree(i) - 1.0)).sum();
        let couplings: f64 = coupled().map(|(i, j)| -f64::from(COUPLING) * spin(i) * spin(j)).sum();
        let fields: f64 = (0..3).filter(|&i| alive(i)).map(|i| -f64::from(FIELDS[i]) * spin(i)).sum();
        let names = match truth.counting {
            Counting::Labelled => [1.0, 3.0, 3.0, 1.0][n],
            Counting::Orderless => [1.0, 3.0, 6.0, 6.0][n],
            Counting::Places => 1.0,
        };
        let u = couplings + fields + cost + truth.nu * n as f64;
        math::exp(k * math::ln(RHO) + (m - k) * math::ln(1.0 - RHO) - u / T) / names
    };
    let weights: Vec<f64> = (0..STATES).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

/// The state of the world.
fn state(sim: &Simulation) -> usize {
    let slots = sim.world().resource::<WiringSlots>().of_part(0);
    let mut state = 0;
    for (&slot, a) in slots.iter().zip(sim.neurons::<Activation>("spins").unwrap_or(&[])) {
        state |= 1 << slot | usize::from(a.0 > 0.0) << (6 + slot);
    }
    let (sources, targets) = (sim.synapses::<Source>("spins->spins"), sim.synapses::<Target>("spins->spins"));
    for (s, t) in sources.iter().flat_map(|s| s.iter()).zip(targets.iter().flat_map(|t| t.iter())) {
        let ends = [slots[s.row()] as usize, slots[t.row()] as usize];
        let pair = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        state |= 8 << PAIRS.iter().position(|p| *p == pair).expect("a pair");
    }
    state
}

/// Sums over states with the same neurons and the same number of synapses.
fn coarse<T: Copy + std::ops::AddAssign + Default>(by_state: &[T]) -> Vec<T> {
    let mut classes = vec![T::default(); 32];
    by_state.iter().enumerate().for_each(|(state, &x)| classes[(state & 7) * 4 + (state >> 3 & 7).count_ones() as usize] += x);
    classes
}

#[test]
fn neurons_their_wiring_and_their_spins_have_the_joint_distribution_of_what_is_counted() {
    let n = 6_000;
    for counting in [Counting::Labelled, Counting::Orderless, Counting::Places] {
        let p = exact(truth(counting));
        let mut sim = three_slots(1);
        attach(&mut sim, settings(counting)).unwrap();
        let mut found = vec![0; STATES];
        sim.run(30).unwrap();
        for _ in 0..n {
            sim.step().unwrap();
            found[state(&sim)] += 1;
        }
        let (distance, limit) = (total_variation(&p, &found), 3.0 * noise_floor(&p, n as f64));
        assert!(distance < limit, "{counting:?}: {distance} above {limit}");
        let limit = 3.0 * noise_floor(&coarse(&p), n as f64);
        let distance = |p: &[f64]| total_variation(&coarse(p), &coarse(&found));
        assert!(distance(&p) < limit, "{counting:?}: {} above {limit}", distance(&p));
        // Wrong twins: something else is counted, a neuron costs more, candidates of the dead count.
        let others = [Counting::Labelled, Counting::Orderless, Counting::Places].into_iter().filter(|&c| c != counting).map(truth);
        let dearer = Truth { nu: 1.4 * NU, ..truth(counting) };
        let absent = Truth { counts_absent: true, ..truth(counting) };
        for (k, wrong) in others.chain([dearer, absent]).enumerate() {
            let d = distance(&exact(wrong));
            assert!(d > limit, "{counting:?}: wrong twin {k} passes with {d} of {limit}");
        }
    }
}

/// 40 slots on a sheet, coupled to near ones, and 5 apart from it.
fn sheet(seed: u64, score: Score) -> (Simulation, WiringSettings) {
    let mut sim = Simulation::new(Seed(seed));
    let a = PopulationSpec { biases: (0..40).map(|k| 0.1 * (k % 3) as f32).collect(), ..PopulationSpec::new("a", 40) };
    let edges = (0..4).map(|k| Edge { source: k, target: k + 1, weight: 0.5 }).collect();
    let blueprint = Blueprint::new()
        .with_population(a)
        .population("b", 5)
        .with_projection(ProjectionSpec::symmetric("a", edges))
        .with_projection(ProjectionSpec::symmetric_between("b", "a", vec![Edge { source: 1, target: 2, weight: 0.5 }]));
    sim.build(blueprint).unwrap();
    let mut settings = settings(Counting::Places);
    settings.candidates = WiringCandidates::Nearby(1.6);
    settings.positions = (0..40).map(|k| [(k % 8) as f32, (k / 8) as f32, 0.0]).chain((0..5).map(|k| [k as f32, 0.5, 0.5])).collect();
    settings.structure.slab = Slab::Gaussian { sd: 1.0 };
    settings.structure.score = score;
    settings.structure.moves = 60;
    settings.neurons = settings.neurons.map(|n| NeuronTurnover { first: Some(12), moves: 10, ..n });
    settings.course = Course::Geometric { hot: 2.0, cold: 0.6 };
    (settings.stages, settings.steps_per_stage) = (3, 12);
    (sim, settings)
}

fn metric(sim: &Simulation, name: &str) -> f64 {
    sim.world().resource::<Metrics>().get(name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn the_books_are_those_of_the_columns_after_every_step() {
    let (mut sim, settings) = sheet(3, Score::Uniform);
    attach(&mut sim, settings.clone()).unwrap();
    assert_eq!(settings.claim(), Claim::Driven);
    let (mut turns, mut before) = (0.0, 12.0);
    for step in 0..36 {
        sim.step().unwrap();
        let names = ["a", "b"];
        let slots = sim.world().resource::<WiringSlots>();
        let spins = names.map(|n| sim.neurons::<Activation>(n).unwrap_or(&[]).iter().map(|a| f64::from(a.0)).collect::<Vec<_>>());
        let biases = names.map(|n| sim.neurons::<Bias>(n).unwrap_or(&[]).iter().map(|b| b.0).collect::<Vec<_>>());
        // A slot keeps its field.
        assert!(slots.of_part(0).iter().zip(&biases[0]).all(|(&slot, &h)| h == 0.1 * (slot % 3) as f32), "step {step}");
        let n = spins.iter().map(Vec::len).sum::<usize>() as f64;
        let mut fields = 0.0;
        for (h, s) in biases.iter().flatten().zip(spins.iter().flatten()) {
            fields -= f64::from(*h) * s;
        }
        let mut degrees = [vec![0.0; spins[0].len()], vec![0.0; spins[1].len()]];
        let (mut couplings, mut k) = (0.0, 0.0);
        for (name, from) in [("a->a", 0), ("b->a", 1)] {
            let Some(weights) = sim.synapses::<Weight>(name) else { continue };
            let (sources, targets) = (sim.synapses::<Source>(name).unwrap(), sim.synapses::<Target>(name).unwrap());
            for ((s, t), w) in sources.iter().zip(targets).zip(weights) {
                couplings -= f64::from(w.0) * spins[from][s.row()] * spins[0][t.row()];
                degrees[from][s.row()] += 1.0;
                degrees[0][t.row()] += 1.0;
                k += 1.0;
            }
        }
        let cost: f64 = degrees.iter().flatten().map(|d| 0.2 * (d - 1.0) * (d - 1.0)).sum();
        let ledger = sim.world().resource::<EnergyLedger>();
        for (term, value) in [("couplings", couplings), ("fields", fields), ("structure", cost), ("neurons", NU * n)] {
            let booked = ledger.get(term).unwrap();
            assert!((booked - value).abs() < 1e-4 * (1.0 + value.abs()), "step {step}: {term} is {value}, booked {booked}");
        }
        assert_eq!((metric(&sim, "n_neurons"), metric(&sim, "n_synapses")), (n, k), "step {step}");
        if step > 0 {
            assert_eq!(metric(&sim, "neuron_births") - metric(&sim, "neuron_deaths"), n - before, "step {step}");
        }
        assert!(metric(&sim, "components") >= 1.0 && metric(&sim, "largest_component") <= 1.0);
        if k > 0.0 {
            let m = (k / metric(&sim, "density")).round() as u64;
            assert!((metric(&sim, "s_conf") - ln_choose(m, k as u64)).abs() < 1e-6, "step {step}");
        }
        turns += metric(&sim, "neuron_births") + metric(&sim, "neuron_deaths");
        before = n;
    }
    assert!(turns > 20.0, "{turns}");
}

#[test]
fn resumed_runs_and_any_number_of_threads_have_the_same_bits() {
    for score in [Score::Uniform, Score::Distance { scale: 1.0, eps: 0.01 }] {
        let make = || {
            let (mut sim, settings) = sheet(7, score);
            attach(&mut sim, settings).unwrap();
            sim
        };
        let mut whole = make();
        whole.run(8).unwrap();
        let saved = whole.save().unwrap();
        whole.run(9).unwrap();
        let mut resumed = make();
        resumed.load(&saved).unwrap();
        resumed.run(9).unwrap();
        assert_eq!(resumed.state_hash(), whole.state_hash());
        for n_threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let hash = pool.install(|| {
                let mut sim = make();
                sim.run(17).unwrap();
                sim.state_hash()
            });
            assert_eq!(hash, whole.state_hash(), "{n_threads} threads");
        }
    }
}

#[test]
fn what_does_not_suit_is_an_error_before_the_first_step() {
    let base = settings(Counting::Labelled);
    let message = |settings: WiringSettings| attach(&mut three_slots(1), settings).unwrap_err().to_string();
    let turnover = base.neurons.unwrap();
    let with = |turnover| WiringSettings { neurons: Some(turnover), ..base.clone() };
    let cases = [
        (with(NeuronTurnover { first: Some(4), ..turnover }), "first is 4"),
        (with(NeuronTurnover { moves: 0, ..turnover }), "moves is 0"),
        (with(NeuronTurnover { neurons: NeuronSettings { cost: f64::NAN, ..turnover.neurons }, ..turnover }), "cost is NaN"),
        (with(NeuronTurnover { neurons: NeuronSettings { shares: [1, 0], ..turnover.neurons }, ..turnover }), "shares is [1, 0]"),
        (WiringSettings { sweeps: 0, ..base.clone() }, "sweeps is 0"),
        (
            WiringSettings { structure: StructureSettings { score: Score::Gradient { eps: 0.1 }, ..base.structure }, ..base.clone() },
            "score is Gradient",
        ),
    ];
    for (settings, expected) in cases {
        let found = message(settings);
        assert!(found.contains(expected), "{found} for {expected}");
    }
    let mut sim = Simulation::new(Seed(1));
    let clamped = PopulationSpec { clamped: vec![false, true, false], ..PopulationSpec::new("spins", 3) };
    sim.build(Blueprint::new().with_population(clamped).with_projection(ProjectionSpec::symmetric("spins", Vec::new()))).unwrap();
    let error = attach(&mut sim, base).unwrap_err().to_string();
    assert!(error.contains("neuron 1 of population \"spins\" is clamped"), "{error}");
}
