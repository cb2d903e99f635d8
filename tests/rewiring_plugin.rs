//! The wiring of a network as a variable in a world: equilibrium against enumeration, books, resuming, threads, every preset.

use std::sync::Arc;

use lehr::components::{FirstMoment, SecondMoment};
use lehr::data::{Dataset, Targets};
use lehr::engine::network::Loss;
use lehr::engine::network::heat::{HeatSchedule, HeatSettings};
use lehr::engine::network::structure::Pruning;
use lehr::engine::structure::{Caps, Density, MoveShares, Preset, Score, Slab, StructureSettings};
use lehr::network::structure::{RewiringError, RewiringSettings, attach as rewire};
use lehr::network::{NetworkSettings, Samples, TrainGradient, attach, attach_samples, heat, measures, train_gradient};
use lehr::plan::network::{Gate, Lif, Unit};
use lehr::prelude::*;
use lehr::random::{StreamKey, SystemTag};

/// Three classes of noisy points, in the plane.
fn samples(n: usize) -> Samples {
    let mut stream = StreamKey::new(Seed(5), SystemTag::named("points"), 0).stream();
    let classes: Vec<u32> = (0..n as u32).map(|k| k % 3).collect();
    let point = |class: &u32| [0.0, 1.0].map(|at| (*class as f32 - 1.0) * (1.0 - 2.0 * at * f32::from(*class == 1)) + at);
    let inputs = classes.iter().flat_map(point).map(|x| x + 0.3 * stream.gaussian() as f32).collect();
    let class_names = ["a", "b", "c"].map(str::to_owned).to_vec();
    let data = Arc::new(Dataset { n_features: 2, inputs, targets: Targets::Classes(classes), class_names });
    Samples { train: Arc::clone(&data), test: data, loss: Loss::CrossEntropy, steps: 2 }
}

/// Every third pair.
fn sparse(n_sources: u32, n_targets: u32) -> Vec<(u32, u32, f32)> {
    (0..n_sources * n_targets).filter(|k| k % 3 == 0).map(|k| (k % n_sources, k / n_sources, 0.3 * (k % 5) as f32 - 0.5)).collect()
}

fn network(unit: Unit, remembers: bool, seed: u64) -> Simulation {
    let mut sim = Simulation::new(Seed(seed));
    heat::columns(&mut sim);
    TrainGradient::default().columns(&mut sim);
    let mut blueprint = Blueprint::new()
        .population("in", 2)
        .population("hidden", 8)
        .population("out", 3)
        .projection("in", "hidden", sparse(2, 8))
        .projection("hidden", "out", sparse(8, 3));
    let mut settings = NetworkSettings::new().input("in").hidden("hidden", unit).output("out", Unit::Identity);
    if remembers {
        blueprint = blueprint.projection("hidden", "hidden", sparse(8, 8));
        settings = settings.recurrent("hidden->hidden");
    }
    sim.build(blueprint).unwrap();
    attach(&mut sim, settings).unwrap();
    attach_samples(&mut sim, samples(48)).unwrap();
    sim
}

fn metric(sim: &Simulation, name: &str) -> f64 {
    let metrics = sim.world().resource::<Metrics>();
    let measured = measures(sim.world()).into_iter().find(|(n, _)| n == name).map(|(_, v)| v);
    measured.or(metrics.get(name)).unwrap_or_else(|| panic!("no {name}"))
}

fn thermo() -> StructureSettings {
    StructureSettings {
        density: Density::Mu(0.2),
        slab: Slab::Gaussian { sd: 1.0 },
        moves: 60,
        caps: Caps { fan_in: Some(5), ..Caps::default() },
        ..StructureSettings::default()
    }
}

fn presets() -> Vec<RewiringSettings> {
    let of = |structure: StructureSettings| RewiringSettings { structure, n_steps: 30, ..RewiringSettings::default() };
    let cold = HeatSchedule::Constant(0.3);
    let preset = |preset| StructureSettings { preset, every: 2, ..thermo() };
    vec![
        RewiringSettings { schedule: cold.clone(), ..of(thermo()) },
        RewiringSettings { schedule: cold.clone(), ..of(StructureSettings { score: Score::Gradient { eps: 0.1 }, ..thermo() }) },
        of(StructureSettings { score: Score::Hebbian { eps: 0.1 }, birth_sd: Some(0.2), ..thermo() }),
        of(preset(Preset::Set)),
        of(preset(Preset::Rigl)),
        RewiringSettings { schedule: cold, ..of(preset(Preset::DeepR { rate: 2e-2, l1: 1.0 })) },
        RewiringSettings { pruning: Some(Pruning { first: 0.5, last: 0.2, ..Pruning::default() }), ..of(thermo()) },
        RewiringSettings { pruning: Some(Pruning { first: 0.5, last: 0.2, regrow: 0.3, ..Pruning::default() }), ..of(thermo()) },
    ]
}

#[test]
fn the_books_are_those_of_the_network_after_the_step_whatever_learns_beside() {
    for (k, settings) in presets().into_iter().enumerate() {
        for (trains, heats) in [(false, false), (true, false), (true, true)] {
            let mut sim = network(Unit::Tanh, k % 2 == 1, 3);
            if trains {
                train_gradient(&mut sim, TrainGradient { batch: 16, ..TrainGradient::default() }).unwrap();
            }
            if heats {
                heat::attach(&mut sim, HeatSettings { proposals_per_step: 20, initial_sd: None, n_steps: 9, ..HeatSettings::default() })
                    .unwrap();
            }
            rewire(&mut sim, settings.clone()).unwrap();
            let (mut born, mut died) = (0.0, 0.0);
            for step in 0..12 {
                let before = sim.fabric().n_synapses() as f64;
                sim.step().unwrap();
                let case = format!("{} at step {step}, trains {trains}, heats {heats}", settings.name());
                let after = sim.fabric().n_synapses() as f64;
                if settings.acts_at(step) {
                    assert_eq!(after - before, metric(&sim, "births") - metric(&sim, "deaths"), "{case}");
                    born += metric(&sim, "births");
                    died += metric(&sim, "deaths");
                } else {
                    assert_eq!(after, before, "{case}");
                }
                let ledger = sim.world().resource::<EnergyLedger>();
                let loss = 48.0 * metric(&sim, "train_loss");
                assert!((ledger.get("loss").unwrap() - loss).abs() < 1e-3 * (1.0 + loss), "{case}: {:?} for {loss}", ledger.get("loss"));
                assert!((ledger.get("structure").unwrap() - 0.2 * after).abs() < 1e-9, "{case}");
                assert_eq!(metric(&sim, "n_synapses"), after);
                let t = metric(&sim, "temperature");
                assert!((metric(&sim, "f_conf") - (ledger.total() - t * metric(&sim, "s_conf"))).abs() < 1e-9, "{case}");
                let most = (0..8).map(|n| sim.fabric().projection(ProjectionIdx(0)).synapses_onto(n).len()).max().unwrap();
                assert!(most <= 5);
            }
            assert!(died > 2.0 && (born > 2.0 || settings.name() == "prune"), "{}: {born} births, {died} deaths", settings.name());
        }
    }
}

#[test]
fn resumed_runs_and_any_number_of_threads_have_the_same_bits() {
    for (k, settings) in presets().into_iter().enumerate() {
        let make = || {
            let mut sim = network(Unit::Tanh, k % 3 == 2, 4);
            train_gradient(&mut sim, TrainGradient { batch: 16, ..TrainGradient::default() }).unwrap();
            rewire(&mut sim, settings.clone()).unwrap();
            sim
        };
        let mut whole = make();
        whole.run(5).unwrap();
        let saved = whole.save().unwrap();
        whole.run(6).unwrap();
        let mut resumed = make();
        resumed.load(&saved).unwrap();
        resumed.run(6).unwrap();
        assert_eq!(resumed.state_hash(), whole.state_hash(), "{}", settings.name());
        for n_threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let hash = pool.install(|| {
                let mut sim = make();
                sim.run(11).unwrap();
                sim.state_hash()
            });
            assert_eq!(hash, whole.state_hash(), "{} on {n_threads} threads", settings.name());
        }
    }
}

#[test]
fn units_without_slopes_rewire_as_others_do() {
    for unit in [Unit::Step, Unit::Sign, Unit::Gate(Gate::And), Unit::Gate(Gate::Xor), Unit::Lif(Lif::default())] {
        for remembers in [false, true] {
            let mut sim = network(unit, remembers, 6);
            let schedule = HeatSchedule::Constant(0.1);
            let structure = StructureSettings { moves: if remembers { 300 } else { 1500 }, ..thermo() };
            rewire(&mut sim, RewiringSettings { structure, schedule, ..RewiringSettings::default() }).unwrap();
            let before = metric(&sim, "train_loss");
            sim.run(3).unwrap();
            let after = metric(&sim, "train_loss");
            assert!(after < 0.8 * before, "{unit:?} remembers {remembers}: a loss of {before} became {after}");
        }
    }
}

#[test]
fn newborn_synapses_have_no_moments() {
    let mut sim = network(Unit::Tanh, false, 3);
    train_gradient(&mut sim, TrainGradient { batch: 16, ..TrainGradient::default() }).unwrap();
    let structure = StructureSettings { preset: Preset::Rigl, every: 4, fraction: 0.5, ..thermo() };
    rewire(&mut sim, RewiringSettings { structure, from: 3, n_steps: 20, ..RewiringSettings::default() }).unwrap();
    sim.run(3).unwrap();
    assert!(sim.synapses::<SecondMoment>("in->hidden").unwrap().iter().all(|m| m.0 > 0.0));
    sim.step().unwrap();
    let mut n_new = 0;
    for projection in ["in->hidden", "hidden->out"] {
        let columns = sim.synapses::<Weight>(projection).unwrap().iter().zip(sim.synapses::<SecondMoment>(projection).unwrap());
        for ((weight, second), first) in columns.zip(sim.synapses::<FirstMoment>(projection).unwrap()) {
            assert_eq!(weight.0 == 0.0, second.0 == 0.0);
            n_new += usize::from(second.0 == 0.0 && first.0 == 0.0);
        }
    }
    assert!(n_new > 2, "{n_new} newborns");
}

/// Two inputs, two hidden neurons, an output: 64 wirings of weights of one size, whose losses are summed up.
fn tiny(settings: RewiringSettings) -> Simulation {
    let mut sim = Simulation::new(Seed(8));
    let blueprint = Blueprint::new()
        .population("in", 2)
        .population("hidden", 2)
        .population("out", 1)
        .projection("in", "hidden", [(0, 0, 0.9)])
        .projection("hidden", "out", [(1, 0, 0.9)]);
    sim.build(blueprint).unwrap();
    attach(&mut sim, NetworkSettings::new().input("in").hidden("hidden", Unit::Tanh).output("out", Unit::Identity)).unwrap();
    let targets = Targets::Values { width: 1, values: vec![0.3, 0.9, -0.2, 1.4] };
    let data = Arc::new(Dataset { n_features: 2, inputs: vec![0.5, 1.0, 1.0, 2.0, -0.5, 0.0, 2.0, 1.0], targets, class_names: Vec::new() });
    attach_samples(&mut sim, Samples { train: Arc::clone(&data), test: data, loss: Loss::MeanSquare, steps: 1 }).unwrap();
    rewire(&mut sim, settings).unwrap();
    sim
}

/// Which of the six candidates live, one bit each, in the order of `losses`.
fn wiring(sim: &Simulation) -> usize {
    let bits = |projection: &str, n_sources: usize| -> usize {
        let ends = sim.synapses::<Source>(projection).into_iter().flatten().zip(sim.synapses::<Target>(projection).into_iter().flatten());
        ends.map(|(s, t)| 1 << (t.row() * n_sources + s.row())).sum()
    };
    bits("in->hidden", 2) | bits("hidden->out", 2) << 4
}

/// exp(-L/T) rho^K (1 - rho)^(6 - K), by arithmetic of its own.
fn exact(t: f64, rho: f64) -> Vec<f64> {
    let (inputs, targets) = ([[0.5, 1.0], [1.0, 2.0], [-0.5, 0.0], [2.0, 1.0_f64]], [0.3, 0.9, -0.2, 1.4]);
    let weight = |wiring: usize, bit: usize| 0.9 * (wiring >> bit & 1) as f64;
    let loss = |wiring: usize| -> f64 {
        let answer = |x: &[f64; 2]| -> f64 {
            (0..2).map(|h| weight(wiring, 4 + h) * lehr::math::tanh(weight(wiring, 2 * h) * x[0] + weight(wiring, 2 * h + 1) * x[1])).sum()
        };
        inputs.iter().zip(targets).map(|(x, y)| (answer(x) - y) * (answer(x) - y)).sum()
    };
    let odds = lehr::math::ln(rho / (1.0 - rho));
    let raw: Vec<f64> = (0..64).map(|s: usize| lehr::math::exp(-loss(s) / t + odds * f64::from(s.count_ones()))).collect();
    let z: f64 = raw.iter().sum();
    raw.into_iter().map(|p| p / z).collect()
}

/// Total variation of the wirings that a run visits from the exact distribution at temperature `t`.
fn distance(settings: RewiringSettings, t: f64, n: u64) -> f64 {
    let mut sim = tiny(RewiringSettings { n_steps: n, ..settings });
    let mut visits = vec![0.0; 64];
    for _ in 0..n {
        sim.step().unwrap();
        visits[wiring(&sim)] += 1.0;
    }
    exact(t, 0.4).iter().zip(visits).map(|(p, v)| 0.5 * (p - v / n as f64).abs()).sum()
}

#[test]
fn a_tiny_network_visits_its_wirings_as_enumeration_says_and_wrong_twins_do_not() {
    let structure = StructureSettings {
        density: Density::Rho(0.4),
        slab: Slab::Fixed { value: 0.9 },
        shares: MoveShares { birth: 2, death: 2, weight: 0, rewire: 1 },
        moves: 40,
        ..StructureSettings::default()
    };
    let base = RewiringSettings { structure, schedule: HeatSchedule::Constant(0.5), ..RewiringSettings::default() };
    let n = 2500;
    // Independent draws would be off by sum sqrt(p (1 - p) / (2 pi n)) in the mean, about .05.
    let floor: f64 = exact(0.5, 0.4).iter().map(|p| (p * (1.0 - p) / (2.0 * std::f64::consts::PI * n as f64)).sqrt()).sum();
    let right = distance(base.clone(), 0.5, n);
    assert!(right < 2.0 * floor, "{right} from the exact distribution, and the floor is {floor}");
    let by_length = StructureSettings { score: Score::Distance { scale: 1.0, eps: 0.01 }, ..structure };
    let places = |n: usize, x: f32| (0..n).map(|k| [x, 1.5 * k as f32, 0.0]).collect::<Vec<_>>();
    let positions = [("in", places(2, 0.0)), ("hidden", places(2, 1.0)), ("out", places(1, 2.0))].map(|(n, p)| (n.to_owned(), p)).to_vec();
    let near = distance(RewiringSettings { structure: by_length, positions, ..base.clone() }, 0.5, n);
    assert!(near < 2.0 * floor, "births by distance: {near}, and the floor is {floor}");
    // Twins: another temperature, another density, a rule without an accept step.
    let hot = RewiringSettings { schedule: HeatSchedule::Constant(1.2), ..base.clone() };
    let dense = RewiringSettings { structure: StructureSettings { density: Density::Rho(0.6), ..structure }, ..base.clone() };
    let driven = RewiringSettings {
        structure: StructureSettings { preset: Preset::Set, fraction: 0.5, ..structure },
        fraction_falls: false,
        ..base
    };
    for (name, twin) in [("hot", hot), ("dense", dense), ("driven", driven)] {
        let off = distance(twin, 0.5, n);
        assert!(off > 3.0 * floor, "the {name} twin is {off} away, and the floor is {floor}");
    }
}

#[test]
fn without_loss_the_number_of_synapses_is_binomial() {
    // One input that is dark and an output without synapses elsewhere: no weight changes the loss.
    let mut sim = Simulation::new(Seed(2));
    sim.build(Blueprint::new().population("in", 8).population("out", 2).projection("in", "out", [])).unwrap();
    attach(&mut sim, NetworkSettings::new().input("in").output("out", Unit::Identity)).unwrap();
    let data = Arc::new(Dataset {
        n_features: 8,
        inputs: vec![0.0; 16],
        targets: Targets::Classes(vec![0, 1]),
        class_names: vec!["a".into(), "b".into()],
    });
    attach_samples(&mut sim, Samples { train: Arc::clone(&data), test: data, loss: Loss::CrossEntropy, steps: 1 }).unwrap();
    let structure = StructureSettings { density: Density::Rho(0.3), moves: 150, ..StructureSettings::default() };
    rewire(&mut sim, RewiringSettings { structure, n_steps: 1200, ..RewiringSettings::default() }).unwrap();
    let (mut sum, mut squares, mut weights, mut n_weights) = (0.0, 0.0, 0.0, 0.0);
    for _ in 0..1200 {
        sim.step().unwrap();
        let k = sim.fabric().n_synapses() as f64;
        sum += k;
        squares += k * k;
        for w in sim.synapses::<Weight>("in->out").into_iter().flatten() {
            weights += f64::from(w.0) * f64::from(w.0);
            n_weights += 1.0;
        }
    }
    let (mean, variance) = (sum / 1200.0, squares / 1200.0 - sum * sum / 1.44e6);
    assert!((mean - 4.8).abs() < 0.35, "a mean of {mean} for 16 x 0.3");
    assert!((variance - 3.36).abs() < 0.9, "a variance of {variance} for 16 x 0.3 x 0.7");
    assert!((weights / n_weights - 1.0_f64).abs() < 0.2, "a variance of weights of {} for 1", weights / n_weights);
}

#[test]
fn what_cannot_be_is_said_before_the_first_step() {
    let base = RewiringSettings::default;
    let mut sim = network(Unit::Gate(Gate::And), false, 1);
    let rigl = RewiringSettings { structure: StructureSettings { preset: Preset::Rigl, ..thermo() }, ..base() };
    assert_eq!(rewire(&mut sim, rigl), Err(RewiringError::NoSlopes("hidden".into())));
    let unknown = RewiringSettings { projections: vec!["in->hiden".into()], ..base() };
    let error = rewire(&mut sim, unknown).unwrap_err().to_string();
    assert!(error.contains("did you mean \"in->hidden\"?"), "{error}");
    let far = RewiringSettings { structure: StructureSettings { length_cost: 1.0, ..thermo() }, ..base() };
    assert_eq!(rewire(&mut sim, far), Err(RewiringError::NoPlaces("in".into())));
    let listed = RewiringSettings { listed: vec![("in->hidden".into(), vec![(0, 0)])], ..base() };
    assert!(rewire(&mut sim, listed).unwrap_err().to_string().contains("is no candidate: list it too"));
    rewire(&mut sim, base()).unwrap();
    assert_eq!(rewire(&mut sim, base()), Err(RewiringError::TwoOwners));
}
