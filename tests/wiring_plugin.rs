//! Wirings that are sampled with their spins in a world: the joint distribution against enumeration, books, resuming, threads.

use lehr::engine::exact::{noise_floor, total_variation};
use lehr::engine::structure::{Caps, Claim, DegreeCost, Degrees, Density, MoveShares, Preset, Score, Slab, StructureSettings, ln_choose};
use lehr::math;
use lehr::prelude::*;
use lehr::random::{StreamKey, SystemTag};
use lehr::thermo::structure::{Course, WiringCandidates, WiringError, WiringSettings, attach};

const FIELDS: [f32; 4] = [0.3, 0.0, -0.2, 0.0];
const COUPLING: f32 = 0.9;
const T: f64 = 0.8;
const PAIRS: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)];

fn small(sweeps: u32) -> WiringSettings {
    let structure = StructureSettings {
        density: Density::Rho(0.4),
        slab: Slab::Fixed { value: COUPLING },
        degree_cost: Some(DegreeCost { strength: 0.2, target: 1.0, of: Degrees::Total }),
        moves: 20,
        ..StructureSettings::default()
    };
    WiringSettings { structure, course: Course::Constant(T), steps_per_stage: 1 << 40, discard: 100, sweeps, ..WiringSettings::default() }
}

fn four_spins(seed: u64) -> Simulation {
    let mut sim = Simulation::new(Seed(seed));
    let spins = PopulationSpec { biases: FIELDS.to_vec(), ..PopulationSpec::new("spins", 4) };
    let none = ProjectionSpec::symmetric("spins", Vec::new());
    sim.build(Blueprint::new().with_population(spins).with_projection(none)).unwrap();
    sim
}

/// U without the odds of rho, of a wiring (bits, in the order of `PAIRS`) and spins (bits).
fn energy(wiring: usize, spins: usize) -> f64 {
    let spin = |i: usize| if spins >> i & 1 == 1 { 1.0 } else { -1.0 };
    let alive = || PAIRS.iter().enumerate().filter(|(c, _)| wiring >> c & 1 == 1).map(|(_, pair)| pair);
    let couplings: f64 = alive().map(|&(i, j)| -f64::from(COUPLING) * spin(i) * spin(j)).sum();
    let fields: f64 = (0..4).map(|i| -f64::from(FIELDS[i]) * spin(i)).sum();
    let degree = |n: usize| alive().filter(|&&(i, j)| i == n || j == n).count() as f64;
    couplings + fields + (0..4).map(|n| 0.2 * (degree(n) - 1.0) * (degree(n) - 1.0)).sum::<f64>()
}

/// All 1,024 joint states at temperature `t`.
fn exact(t: f64) -> Vec<f64> {
    let weight = |state: usize| {
        let k = f64::from((state >> 4).count_ones());
        math::exp(k * math::ln(0.4 / 0.6) - energy(state >> 4, state & 15) / t)
    };
    let weights: Vec<f64> = (0..1024).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

/// The state of the world.
fn state(sim: &Simulation) -> usize {
    let mut state = 0;
    for (i, a) in sim.neurons::<Activation>("spins").unwrap().iter().enumerate() {
        state |= usize::from(a.0 > 0.0) << i;
    }
    let (sources, targets) = (sim.synapses::<Source>("spins->spins"), sim.synapses::<Target>("spins->spins"));
    for (s, t) in sources.iter().flat_map(|s| s.iter()).zip(targets.iter().flat_map(|t| t.iter())) {
        let pair = (s.row().min(t.row()), s.row().max(t.row()));
        state |= 16 << PAIRS.iter().position(|p| *p == pair).unwrap();
    }
    state
}

fn counts(sim: &mut Simulation, n: u64) -> Vec<u64> {
    let mut counts = vec![0; 1024];
    sim.run(50).unwrap();
    for _ in 0..n {
        sim.step().unwrap();
        counts[state(sim)] += 1;
    }
    counts
}

/// Sums over states with equal numbers of synapses between equal and between different spins.
fn coarse<T: Copy + std::ops::AddAssign + Default>(by_state: &[T]) -> Vec<T> {
    let mut classes = vec![T::default(); 49];
    for (state, &x) in by_state.iter().enumerate() {
        let alive = PAIRS.iter().enumerate().filter(|(c, _)| state >> (4 + c) & 1 == 1);
        let (mut equal, mut different) = (0, 0);
        for (_, &(i, j)) in alive {
            if state >> i & 1 == state >> j & 1 { equal += 1 } else { different += 1 }
        }
        classes[7 * equal + different] += x;
    }
    classes
}

/// Heat bath of the spins on the wiring that the columns hold.
fn flip(
    mut neurons: Neurons<(&Bias, &mut Activation)>,
    synapses: Synapses<(&Source, &Target, &Weight)>,
    seed: Res<RunSeed>,
    step: Res<StepCount>,
) {
    let mut stream = StreamKey::new(seed.0, SystemTag::named("test/flip"), step.0).stream();
    let (biases, spins) = neurons.get_mut(PopulationIdx(0)).unwrap();
    for i in (0..4).chain(0..4) {
        let mut field = f64::from(biases[i].0);
        if let Some((sources, targets, weights)) = synapses.get(ProjectionIdx(0)) {
            for ((s, t), w) in sources.iter().zip(targets).zip(weights) {
                let other = if s.row() == i { t.row() } else { s.row() };
                if s.row() == i || t.row() == i {
                    field += f64::from(w.0 * spins[other].0);
                }
            }
        }
        spins[i].0 = if stream.uniform() < math::sigmoid(2.0 * field / T) { 1.0 } else { -1.0 };
    }
}

#[test]
fn spins_and_wiring_have_their_joint_distribution_and_stale_ones_have_not() {
    let n = 8_000;
    let (p, hot) = (exact(T), exact(1.15 * T));
    let floor = |p: &[f64]| 3.0 * noise_floor(p, n as f64);
    let mut sim = four_spins(1);
    attach(&mut sim, small(2)).unwrap();
    let found = counts(&mut sim, n);
    assert!(total_variation(&p, &found) < floor(&p), "{} above {}", total_variation(&p, &found), floor(&p));
    let distance = |p: &[f64], found: &[u64]| total_variation(&coarse(p), &coarse(found));
    let limit = floor(&coarse(&p));
    assert!(distance(&p, &found) < limit, "{} above {limit}", distance(&p, &found));
    assert!(distance(&hot, &found) > limit, "a wrong temperature must show: {} below {limit}", distance(&hot, &found));
    // Spins of one's own, before the moves or after them, when the columns still hold the wiring of the step before.
    for (phase, is_right) in [(Phase::Sense, true), (Phase::Learn, false)] {
        let mut sim = four_spins(2);
        attach(&mut sim, small(0)).unwrap();
        sim.add_systems(phase, flip);
        let found = counts(&mut sim, n);
        assert_eq!(distance(&p, &found) < limit, is_right, "{phase:?}: {} of {limit}", distance(&p, &found));
    }
}

#[test]
fn the_mean_energy_and_the_heat_capacity_are_those_of_enumeration() {
    let p = exact(T);
    let mean: f64 = (0..1024).map(|s| p[s] * energy(s >> 4, s & 15)).sum();
    let off = |s: usize| energy(s >> 4, s & 15) - mean;
    let variance: f64 = (0..1024).map(|s| p[s] * off(s) * off(s)).sum();
    let mut sim = four_spins(3);
    attach(&mut sim, small(2)).unwrap();
    sim.run(10_000).unwrap();
    let (e, error, c) = (metric(&sim, "energy"), metric(&sim, "energy_error"), metric(&sim, "heat_capacity"));
    assert!((e - mean).abs() < 5.0 * error && error < 0.05, "{e} +- {error} for {mean}");
    assert!((c * T * T / variance - 1.0).abs() < 0.08, "{c} for {}", variance / (T * T));
}

fn metric(sim: &Simulation, name: &str) -> f64 {
    sim.world().resource::<Metrics>().get(name).unwrap_or_else(|| panic!("no {name}"))
}

/// Spins on a 6 x 5 sheet and 7 apart from it, with projections inside and between.
fn sheet(seed: u64) -> (Simulation, Vec<[f32; 3]>) {
    let mut sim = Simulation::new(Seed(seed));
    let mut a = PopulationSpec { biases: (0..30).map(|k| 0.1 * (k % 3) as f32 - 0.1).collect(), ..PopulationSpec::new("a", 30) };
    a.activations = vec![1.0; 30];
    a.clamped = (0..30).map(|k| k == 4).collect();
    let edges = |n: u32| (0..n).map(|k| Edge { source: k, target: k + 1, weight: 0.25 * k as f32 - 1.0 }).collect();
    let blueprint = Blueprint::new()
        .with_population(a)
        .population("b", 7)
        .with_projection(ProjectionSpec::symmetric("a", edges(4)))
        .with_projection(ProjectionSpec::symmetric_between("b", "a", edges(3)));
    sim.build(blueprint).unwrap();
    let positions = (0..30).map(|k| [(k % 6) as f32, (k / 6) as f32, 0.0]).chain((0..7).map(|k| [k as f32, 0.5, 0.5])).collect();
    (sim, positions)
}

/// Every preset, kind of candidates, weights, scores and course.
fn variants(positions: Vec<[f32; 3]>) -> Vec<WiringSettings> {
    let structure = StructureSettings {
        density: Density::Mu(0.2),
        degree_cost: Some(DegreeCost { strength: 0.1, target: 2.0, of: Degrees::Total }),
        length_cost: 0.3,
        caps: Caps { fan_in: Some(4), ..Caps::default() },
        moves: 100,
        ..StructureSettings::default()
    };
    let base = WiringSettings {
        positions,
        structure,
        course: Course::Geometric { hot: 2.0, cold: 0.5 },
        stages: 4,
        steps_per_stage: 5,
        discard: 1,
        ..WiringSettings::default()
    };
    let of = |structure| WiringSettings { structure, ..base.clone() };
    vec![
        base.clone(),
        WiringSettings { candidates: WiringCandidates::Nearby(1.5), sweeps: 3, ..base.clone() },
        WiringSettings { candidates: WiringCandidates::Listed, sweeps: 0, ..base.clone() },
        of(StructureSettings { score: Score::Distance { scale: 1.0, eps: 0.01 }, every: 2, ..structure }),
        of(StructureSettings { score: Score::Gradient { eps: 0.1 }, birth_sd: Some(0.3), ..structure }),
        of(StructureSettings { preset: Preset::Set, ..structure }),
        of(StructureSettings { preset: Preset::DeepR { rate: 0.2, l1: 0.1 }, ..structure }),
    ]
}

#[test]
fn the_books_are_those_of_the_columns_after_every_step() {
    for (k, settings) in variants(sheet(0).1).into_iter().enumerate() {
        let (mut sim, places) = sheet(5);
        attach(&mut sim, settings.clone()).unwrap();
        let mut turns = 0.0;
        for step in 0..12 {
            let before = sim.fabric().n_synapses() as f64;
            sim.step().unwrap();
            let (mut couplings, mut fields, mut lengths) = (0.0, 0.0, 0.0);
            let mut degrees = vec![0.0; 37];
            let spins: Vec<f64> = ["a", "b"].iter().flat_map(|n| sim.neurons::<Activation>(n).unwrap()).map(|a| f64::from(a.0)).collect();
            let biases = ["a", "b"].iter().flat_map(|n| sim.neurons::<Bias>(n).unwrap()).map(|b| f64::from(b.0));
            fields -= biases.zip(&spins).map(|(h, s)| h * s).sum::<f64>();
            assert!(spins[4] == 1.0 && spins.iter().all(|s| s.abs() == 1.0));
            for (name, from) in [("a->a", 0), ("b->a", 30)] {
                let Some(weights) = sim.synapses::<Weight>(name) else { continue };
                let (sources, targets) = (sim.synapses::<Source>(name).unwrap(), sim.synapses::<Target>(name).unwrap());
                for ((s, t), w) in sources.iter().zip(targets).zip(weights) {
                    let (i, j) = (from + s.row(), t.row());
                    couplings -= f64::from(w.0) * spins[i] * spins[j];
                    lengths += (0..3).map(|x| f64::from(places[i][x] - places[j][x])).map(|d| d * d).sum::<f64>().sqrt();
                    degrees[i] += 1.0;
                    degrees[j] += 1.0;
                }
            }
            let (after, case) = (sim.fabric().n_synapses() as f64, format!("{k}, step {step}"));
            if step % u64::from(settings.structure.every) > 0 {
                assert_eq!(before, after, "{case}");
                continue;
            }
            let cost = 0.2 * after + 0.3 * lengths + degrees.iter().map(|d| 0.1 * (d - 2.0) * (d - 2.0)).sum::<f64>();
            let ledger = sim.world().resource::<EnergyLedger>();
            for (term, value) in [("couplings", couplings), ("fields", fields), ("structure", cost)] {
                let booked = ledger.get(term).unwrap();
                assert!((booked - value).abs() < 1e-4 * (1.0 + value.abs()), "{case}: {term} is {value}, booked {booked}");
            }
            assert_eq!(metric(&sim, "births") - metric(&sim, "deaths"), after - before, "{case}");
            assert_eq!(metric(&sim, "n_synapses"), after, "{case}");
            assert!(degrees.iter().all(|&d| d <= 4.0), "{case}");
            let m = after / metric(&sim, "density");
            assert!((metric(&sim, "s_conf") - ln_choose(m.round() as u64, after as u64)).abs() < 1e-6);
            let free = ledger.total() - metric(&sim, "temperature") * metric(&sim, "s_conf");
            assert!((metric(&sim, "f_conf") - free).abs() < 1e-6, "{case}");
            turns += metric(&sim, "births") + metric(&sim, "deaths");
        }
        assert!(turns >= 4.0, "{k}: {turns}");
    }
}

#[test]
fn resumed_runs_and_any_number_of_threads_have_the_same_bits() {
    for (k, settings) in variants(sheet(0).1).into_iter().enumerate() {
        let make = || {
            let mut sim = sheet(7).0;
            attach(&mut sim, settings.clone()).unwrap();
            sim
        };
        let mut whole = make();
        whole.run(8).unwrap();
        let saved = whole.save().unwrap();
        whole.run(9).unwrap();
        let mut resumed = make();
        resumed.load(&saved).unwrap();
        resumed.run(9).unwrap();
        assert_eq!(resumed.state_hash(), whole.state_hash(), "{k}");
        // What the run holds of its own future is forgotten.
        let mut again = make();
        again.run(13).unwrap();
        again.load(&saved).unwrap();
        again.run(9).unwrap();
        assert_eq!(again.state_hash(), whole.state_hash(), "{k}");
        for n_threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let hash = pool.install(|| {
                let mut sim = make();
                sim.run(17).unwrap();
                sim.state_hash()
            });
            assert_eq!(hash, whole.state_hash(), "{k} on {n_threads} threads");
        }
    }
}

/// Writes no new value anywhere, but says that it does, so that everything is read anew.
fn touch(mut neurons: Neurons<&mut Activation>, mut synapses: Synapses<&mut Weight>) {
    neurons.iter_mut();
    synapses.iter_mut();
}

/// At some steps, before the moves: a spin turns; a weight grows; a synapse dies, and then one dies while another is born.
fn meddle(
    step: Res<StepCount>,
    (births, deaths): (Res<Births>, Res<Deaths>),
    mut neurons: Neurons<&mut Activation>,
    mut synapses: Synapses<(&Source, &Target, &mut Weight)>,
) {
    let a = ProjectionIdx(0);
    match step.0 {
        3 => neurons.get_mut(PopulationIdx(0)).unwrap()[10].0 *= -1.0,
        6 => synapses.iter_mut().next().unwrap().1.2[0].0 *= 1.5,
        8 => {
            let (idx, _) = synapses.iter_mut().next().unwrap();
            deaths.synapse(idx, 0);
        }
        10 => {
            let Some((sources, targets, _)) = synapses.get_mut(a) else { return };
            let lives = |k: u32| sources.iter().zip(targets).any(|(s, t)| (s.row() as u32, t.row() as u32) == (k, k + 1));
            if let Some(k) = (0..4).find(|&k| !lives(k)) {
                births.synapse(SynapseBirth { projection: a, source: k.into(), target: (k + 1).into(), weight: 0.5 });
                deaths.synapse(a, 0);
            }
        }
        _ => {}
    }
}

#[test]
fn what_is_held_between_steps_is_what_the_columns_hold_whoever_writes_them() {
    for (k, settings) in variants(sheet(0).1).into_iter().enumerate() {
        let hash = |is_touched: bool, is_meddled: bool| {
            let mut sim = sheet(7).0;
            attach(&mut sim, settings.clone()).unwrap();
            if is_touched {
                sim.add_systems(Phase::Sense, touch);
            }
            if is_meddled {
                sim.add_systems(Phase::Edit, meddle);
            }
            sim.run(14).unwrap();
            sim.state_hash()
        };
        assert_eq!(hash(true, false), hash(false, false), "{k}");
        assert_eq!(hash(true, true), hash(false, true), "{k}: somebody else wrote");
        assert_ne!(hash(false, true), hash(false, false), "{k}: what somebody else writes shows");
    }
}

#[test]
fn a_wiring_that_has_finished_stays_and_one_that_is_exact_says_so() {
    let settings = WiringSettings { steps_per_stage: 4, discard: 1, ..small(1) };
    assert_eq!(settings.claim(), Claim::Exact);
    let gradient = StructureSettings { score: Score::Gradient { eps: 0.1 }, ..settings.structure };
    assert_eq!(WiringSettings { structure: gradient, ..settings.clone() }.claim(), Claim::Driven);
    let mut sim = four_spins(9);
    attach(&mut sim, settings).unwrap();
    sim.run(3).unwrap();
    assert!(!sim.world().resource::<Metrics>().is_finished());
    sim.step().unwrap();
    assert!(sim.world().resource::<Metrics>().is_finished());
    let at_the_end = state(&sim);
    sim.run(20).unwrap();
    assert_eq!(state(&sim), at_the_end);
}

#[test]
fn what_does_not_suit_is_an_error_before_the_first_step() {
    let positions = sheet(0).1;
    let base = variants(positions.clone()).remove(0);
    let structure = base.structure;
    let message = |settings: WiringSettings| attach(&mut sheet(1).0, settings).unwrap_err().to_string();
    let cases = [
        (WiringSettings { populations: vec!["c".to_owned()], ..base.clone() }, "no population \"c\""),
        (WiringSettings { populations: vec!["b".to_owned()], positions: positions[30..].to_vec(), ..base.clone() }, "no projection"),
        (WiringSettings { positions: Vec::new(), ..base.clone() }, "0 positions for 37 neurons"),
        (WiringSettings { candidates: WiringCandidates::Nearby(0.1), ..base.clone() }, "there are no candidates"),
        (WiringSettings { candidates: WiringCandidates::Nearby(0.9), ..base.clone() }, "is no candidate"),
        (
            WiringSettings { structure: StructureSettings { slab: Slab::Fixed { value: 1.0 }, ..structure }, ..base.clone() },
            "synapse 0 -> 1 of \"a->a\" has weight -1, and sampled weights are all 1",
        ),
        (
            WiringSettings { structure: StructureSettings { slab: Slab::Signs { size: 1.0 }, ..structure }, ..base.clone() },
            "has weight -0.75, and sampled weights are 1 or -1",
        ),
        (
            WiringSettings {
                structure: StructureSettings { shares: MoveShares { birth: 0, ..MoveShares::default() }, ..structure },
                ..base.clone()
            },
            "shares is 0",
        ),
    ];
    for (settings, expected) in cases {
        let found = message(settings);
        assert!(found.contains(expected), "{found} for {expected}");
    }
    let (mut sim, _) = sheet(1);
    attach(&mut sim, base.clone()).unwrap();
    assert_eq!(attach(&mut sim, base.clone()), Err(WiringError::TwoOwners));
    assert_eq!(attach(&mut Simulation::new(Seed(1)), base.clone()), Err(WiringError::NotBuilt));
    let mut sim = Simulation::new(Seed(1));
    sim.build(Blueprint::new().population("a", 2).projection("a", "a", [(0, 1, 1.0)])).unwrap();
    assert_eq!(attach(&mut sim, small(1)), Err(WiringError::Directed("a->a".to_owned())));
}
