//! Driven plasticity in a running world: its invariants over long random runs with every rule on, threads and resumption through
//! growth, pruning and lesions, and what growth by correlation and by calcium comes to.

use glam::Vec3;
use lehr::components::Window;
use lehr::engine::plasticity::synaptogenesis::Proposal;
use lehr::engine::plasticity::{
    GrowthCurve, LocalRule, LocalSettings, PairingSettings, PruneSettings, Region, Sign, SynaptogenesisSettings,
};
use lehr::plasticity::{
    self, Drive, EnergyShare, GrowthTemperature, HebbianGrowth, HomeostaticGrowth, IdleSteps, LearnLocally, Lesion, LesionTarget, Place,
    PlasticityError, PlasticitySettings, Pruning, Scaling,
};
use lehr::prelude::*;
use lehr::topology::turnover::Turnover;

const EYE: usize = 300;
const SHEET: usize = 400;
const WIDTH: usize = 20;
const MAX_FAN_IN: u32 = 12;
const MAX_FAN_OUT: u32 = 15;

fn synaptogenesis() -> SynaptogenesisSettings {
    SynaptogenesisSettings {
        proposals: vec![Proposal::Near { sigma: 2.0 }, Proposal::Similar, Proposal::Intermediate, Proposal::Uniform],
        candidates: 3000,
        budget: 60,
        threshold: 0.4,
        cost: 0.5,
        wiring: 0.01,
        gain: 1.0,
        weight: 0.2,
        sign: Sign::Excitatory,
        max_fan_in: MAX_FAN_IN,
        max_fan_out: MAX_FAN_OUT,
        by_energy_gradient: true,
    }
}

/// Every rule at once: an eye that sees bumps, wired onto a sheet by correlation; the sheet onto itself by calcium.
fn every_rule() -> PlasticitySettings {
    let local = |projection: &str, rule, sign| LearnLocally {
        projection: projection.to_owned(),
        settings: LocalSettings { rule, rate: 0.01, bound: 1.5, sign },
        window: Window::ALWAYS,
    };
    let pruning = |projection: &str| Pruning {
        projection: projection.to_owned(),
        settings: PruneSettings { weight_floor: 0.15, energy_floor: 0.01, tau: 5.0, patience: 6, keep_fan_in: 1 },
        window: Window::ALWAYS,
    };
    PlasticitySettings {
        learn: vec![
            local("eye->sheet", LocalRule::Oja, Sign::Excitatory),
            local("sheet->sheet", LocalRule::AntiHebb { decay: 0.02 }, Sign::Inhibitory),
            local("eye->sheet", LocalRule::Bcm { tau: 20.0 }, Sign::Excitatory),
            local("sheet->sheet", LocalRule::Hebb { decay: 0.05 }, Sign::Inhibitory),
        ],
        scaling: vec![Scaling { projection: "eye->sheet".to_owned(), rate: 0.01, goal: 0.3, bound: 1.5, window: Window::ALWAYS }],
        hebbian: vec![HebbianGrowth {
            projection: "eye->sheet".to_owned(),
            settings: synaptogenesis(),
            temperature: GrowthTemperature::Fixed(0.1),
            window: Window { every: 3, ..Window::ALWAYS },
        }],
        homeostatic: vec![HomeostaticGrowth {
            projection: "sheet->sheet".to_owned(),
            axonal: GrowthCurve::Gaussian { least: -0.4, goal: 0.4 },
            dendritic: GrowthCurve::Linear { goal: 0.2 },
            rate: 0.3,
            pairing: PairingSettings {
                sigma: Some(2.0),
                weight: 0.1,
                sign: Sign::Inhibitory,
                budget: 200,
                max_fan_in: MAX_FAN_IN,
                max_fan_out: MAX_FAN_OUT,
            },
            window: Window { every: 2, ..Window::ALWAYS },
        }],
        pruning: vec![pruning("eye->sheet"), pruning("sheet->sheet")],
        lesions: vec![
            Lesion {
                population: "sheet".to_owned(),
                region: Region::Disc { center: [10.0, 10.0, 0.0], radius: 4.0 },
                target: LesionTarget::Neurons,
                step: 31,
            },
            Lesion { population: "eye".to_owned(), region: Region::Fraction(0.2), target: LesionTarget::Synapses, step: 47 },
            Lesion { population: "eye".to_owned(), region: Region::Rows { from: 0, until: 9 }, target: LesionTarget::Outputs, step: 53 },
            Lesion { population: "sheet".to_owned(), region: Region::Rows { from: 3, until: 9 }, target: LesionTarget::Inputs, step: 53 },
        ],
        calcium_tau: 10.0,
        trace_tau: 30.0,
        synapse_cost: 0.5,
        length_cost: 0.25,
        ..PlasticitySettings::default()
    }
}

/// Leaky rate neurons: what an eye sees and what the sheet did before.
fn respond(mut activations: Neurons<&mut Activation>, synapses: Synapses<(&Source, &Weight)>) {
    let before: Vec<Vec<f32>> =
        (0..2).map(|p| activations.get_mut(PopulationIdx(p)).unwrap_or(&mut []).iter().map(|a| a.0).collect()).collect();
    let Some(sheet) = activations.get_mut(PopulationIdx(1)) else { return };
    let mut input = vec![0.0; sheet.len()];
    for (idx, (sources, weights)) in synapses.iter() {
        let projection = synapses.fabric().projection(idx);
        for (target, sum) in input.iter_mut().enumerate() {
            let row = projection.synapses_onto(target);
            *sum += row.map(|k| weights[k].0 * before[idx.0 as usize][sources[k].row()]).sum::<f32>();
        }
    }
    sheet.iter_mut().zip(input).for_each(|(a, z)| a.0 = lehr::math::tanh_f32(0.2 + z));
}

fn places(n: usize) -> Vec<Vec3> {
    (0..n).map(|i| Vec3::new((i % WIDTH) as f32, (i / WIDTH) as f32, 0.0)).collect()
}

fn world(settings: PlasticitySettings, seed: u64) -> Simulation {
    let mut sim = Simulation::new(Seed(seed));
    settings.columns(&mut sim);
    sim.add_systems(Phase::Forward, respond);
    let first = (0..SHEET as u32).map(|t| (t % EYE as u32, t, 0.5));
    let blueprint = Blueprint::new().population("eye", EYE).population("sheet", SHEET);
    sim.build(blueprint.projection("eye", "sheet", first.collect::<Vec<_>>()).projection("sheet", "sheet", [])).unwrap();
    plasticity::place(&mut sim, "eye", &places(EYE));
    plasticity::place(&mut sim, "sheet", &places(SHEET));
    plasticity::drive(&mut sim, "eye", Drive::Bumps { count: 3, width: 1.5, height: 1.0, noise: 0.1 }).unwrap();
    plasticity::attach(&mut sim, settings).unwrap();
    sim
}

fn check_invariants(sim: &Simulation) {
    let fabric = sim.fabric();
    let mut wiring = 0.0;
    for (_, projection) in fabric.projections() {
        let (name, step) = (projection.name(), sim.step_count());
        let sources = sim.synapses::<Source>(name).unwrap();
        let targets = sim.synapses::<Target>(name).unwrap();
        let weights = sim.synapses::<Weight>(name).unwrap();
        let (from, to) = (fabric.population(projection.from()), fabric.population(projection.to()));
        // 1. Rows are sorted, whole and dangle nowhere.
        let pairs: Vec<(usize, usize)> = targets.iter().zip(sources).map(|(t, s)| (t.row(), s.row())).collect();
        assert!(pairs.windows(2).all(|w| w[0] < w[1]), "{name} at step {step} is not sorted, or has a synapse twice");
        assert!(pairs.iter().all(|&(t, s)| t < to.n_neurons() && s < from.n_neurons()), "{name} dangles at step {step}");
        // 2. Caps.
        let mut fan_out = vec![0; from.n_neurons()];
        pairs.iter().for_each(|&(_, s)| fan_out[s] += 1);
        let fan_in = (0..to.n_neurons()).map(|t| projection.synapses_onto(t).len() as u32).max().unwrap_or(0);
        let fan_out = fan_out.into_iter().max().unwrap_or(0);
        assert!(fan_in <= MAX_FAN_IN && fan_out <= MAX_FAN_OUT, "{name} at step {step}: fan-in {fan_in}, fan-out {fan_out}");
        // 3. Signs, bounds, and no neuron onto itself.
        let sign = if name == "sheet->sheet" { Sign::Inhibitory } else { Sign::Excitatory };
        assert!(weights.iter().all(|w| sign.allows(w.0) && w.0.abs() <= 1.5), "{name} at step {step} has a wrong weight");
        assert!(name != "sheet->sheet" || pairs.iter().all(|(t, s)| t != s), "a neuron onto itself at step {step}");
        // 4. The energy, anew.
        let [from, to] = [from, to].map(|p| sim.neurons::<Place>(p.name()).unwrap());
        let length: f64 = pairs.iter().map(|&(t, s)| f64::from(Vec3::from(to[t].0).distance(from[s].0.into()))).sum();
        wiring += 0.5 * pairs.len() as f64 + 0.25 * length;
        assert_eq!(sim.synapses::<EnergyShare>(name).unwrap().len(), sim.synapses::<IdleSteps>(name).unwrap().len());
    }
    let ledger = sim.world().resource::<EnergyLedger>().get("wiring").unwrap();
    assert!((ledger - wiring).abs() < 1e-9 * (1.0 + wiring), "ledger {ledger}, recomputed {wiring}");
    let turnover = sim.world().resource::<Turnover>();
    let n_synapses = SHEET as u64 + turnover.synapse_births - turnover.synapse_deaths;
    assert_eq!(n_synapses, fabric.n_synapses() as u64, "births and deaths, and synapses");
}

#[test]
fn invariants_hold_over_long_runs_with_every_rule_on() {
    for seed in [1, 2] {
        let mut sim = world(every_rule(), seed);
        for _ in 0..150 {
            sim.step().unwrap();
            check_invariants(&sim);
        }
        let turnover = *sim.world().resource::<Turnover>();
        assert!(turnover.synapse_births > 1000 && turnover.synapse_deaths > 500 && turnover.neuron_deaths == 49, "{turnover:?}");
    }
}

#[test]
fn threads_and_resumption_change_no_bit_through_growth_pruning_and_lesions() {
    let hashes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut sim = world(every_rule(), 3);
            (0..8).map(|_| sim.run(10).map(|()| sim.state_hash()).unwrap()).collect::<Vec<_>>()
        })
    };
    let alone = hashes(1);
    assert_eq!(alone, hashes(2));
    assert_eq!(alone, hashes(5));
    // Saved in the middle of everything, before and after the lesions.
    for at in [7, 30, 50] {
        let mut sim = world(every_rule(), 3);
        sim.run(at).unwrap();
        let mut twin = world(every_rule(), 99);
        twin.load(&sim.save().unwrap()).unwrap();
        twin.run(80 - at).unwrap();
        assert_eq!(twin.state_hash(), alone[7], "resumed at step {at}");
        sim.run(80 - at).unwrap();
        assert_eq!(sim.world().resource::<Metrics>().all(), twin.world().resource::<Metrics>().all());
    }
}

/// 500 neurons in groups of five with a common signal each; births of a run, and how many join two of one group.
fn births_by_group(is_mixed: bool, proposals: Vec<Proposal>) -> (f64, f64) {
    const N: usize = 500;
    let settings = PlasticitySettings {
        hebbian: vec![HebbianGrowth {
            projection: "cells->cells".to_owned(),
            settings: SynaptogenesisSettings {
                proposals,
                candidates: 20_000,
                budget: 400,
                threshold: 0.5,
                cost: 0.3,
                wiring: 0.0,
                sign: Sign::Free,
                max_fan_in: 20,
                max_fan_out: 20,
                by_energy_gradient: false,
                ..synaptogenesis()
            },
            temperature: GrowthTemperature::Fixed(0.05),
            window: Window { from: 100, every: 40, ..Window::ALWAYS },
        }],
        trace_tau: 50.0,
        ..PlasticitySettings::default()
    };
    let mut sim = Simulation::new(Seed(4));
    settings.columns(&mut sim);
    sim.add_systems(Phase::Sense, move |mut activations: Neurons<&mut Activation>, step: Res<StepCount>| {
        let mut stream = lehr::random::StreamKey::new(Seed(8), lehr::random::SystemTag::named("groups"), step.0).stream();
        let common: Vec<f64> = (0..N / 5).map(|_| stream.gaussian()).collect();
        for (i, a) in activations.get_mut(PopulationIdx(0)).unwrap().iter_mut().enumerate() {
            let own = stream.gaussian();
            let sign = if i % 5 == 0 { -1.0 } else { 1.0 };
            // Correlation 0.9 inside a group, negative with its first; none if mixed.
            a.0 = if is_mixed { own as f32 } else { (sign * 0.95 * common[i / 5] + 0.31 * own) as f32 };
        }
    });
    sim.build(Blueprint::new().population("cells", N).projection("cells", "cells", [])).unwrap();
    plasticity::attach(&mut sim, settings).unwrap();
    sim.run(300).unwrap();
    let (sources, targets) = (sim.synapses::<Source>("cells->cells").unwrap(), sim.synapses::<Target>("cells->cells").unwrap());
    let weights = sim.synapses::<Weight>("cells->cells").unwrap();
    let pairs = || sources.iter().zip(targets).map(|(s, t)| (s.row(), t.row()));
    let is_right = |((s, t), w): &((usize, usize), &Weight)| s / 5 == t / 5 && ((s % 5 == 0 || t % 5 == 0) == (w.0 < 0.0));
    (sources.len() as f64, pairs().zip(weights).filter(is_right).count() as f64)
}

#[test]
fn growth_finds_who_moves_together_among_all_pairs() {
    let (n, right) = births_by_group(false, vec![Proposal::Similar, Proposal::Uniform]);
    // There are 2,000 right pairs among 249,500.
    assert!(right > 1000.0 && right > 0.85 * n, "{right} right of {n}");
    // Wrong twin: the same rule where no one moves together.
    let (n, _) = births_by_group(true, vec![Proposal::Similar, Proposal::Uniform]);
    assert!(n < 400.0, "{n} births among independent neurons, whose correlations over 50 steps vary by 0.1");
    // A uniform search alone draws 100,000 of the 249,500 ordered pairs.
    let (n, right) = births_by_group(false, vec![Proposal::Uniform]);
    // Three of a thousand wrong pairs pass by the error of the sketch and of 50 steps, and most candidates are wrong.
    assert!(right > 400.0 && right < 1000.0 && n - right < 0.005 * 100_000.0, "uniform: {right} right of {n}");
}

/// Mean calcium of a sheet that wires itself, and the mean length of its synapses.
fn settled(goal: f64, sigma: Option<f32>) -> (f64, f64) {
    let settings = PlasticitySettings {
        homeostatic: vec![HomeostaticGrowth {
            projection: "sheet->sheet".to_owned(),
            axonal: GrowthCurve::Linear { goal },
            dendritic: GrowthCurve::Linear { goal },
            rate: 0.2,
            pairing: PairingSettings { sigma, weight: 0.05, sign: Sign::Excitatory, budget: 1000, max_fan_in: 60, max_fan_out: 60 },
            window: Window { every: 2, ..Window::ALWAYS },
        }],
        calcium_tau: 10.0,
        ..PlasticitySettings::default()
    };
    let mut sim = world(settings, 5);
    sim.run(600).unwrap();
    let metric = |name: &str| sim.world().resource::<Metrics>().get(name).unwrap();
    (metric("mean_calcium"), metric("mean_length"))
}

#[test]
fn a_sheet_grows_to_its_set_point_and_over_its_distance() {
    let (calcium, length) = settled(0.6, Some(1.5));
    assert!((calcium - 0.6).abs() < 0.05, "mean calcium {calcium}");
    let (other, far) = settled(0.5, None);
    assert!((other - 0.5).abs() < 0.05, "mean calcium {other}");
    // Two random points of a square of side 20 are 10.4 apart; two of a Gaussian kernel of 1.5 about 1.9.
    assert!(length < 3.0 && (far - 10.4).abs() < 0.7, "lengths {length} and {far}");
}

#[test]
fn what_cannot_be_attached_is_an_error() {
    let refused = |change: fn(&mut PlasticitySettings), with_columns: bool| {
        let mut settings = every_rule();
        change(&mut settings);
        let mut sim = Simulation::new(Seed(1));
        if with_columns {
            settings.columns(&mut sim);
        }
        sim.build(Blueprint::new().population("eye", 3).population("sheet", 4).projection("eye", "sheet", []).projection(
            "sheet",
            "sheet",
            [],
        ))
        .unwrap();
        plasticity::attach(&mut sim, settings).unwrap_err()
    };
    let unknown = refused(|s| s.pruning[0].projection = "eye->sheat".to_owned(), true);
    assert_eq!(unknown.to_string(), "no projection \"eye->sheat\" to change (did you mean \"eye->sheet\"?)");
    assert_eq!(refused(|_| (), false), PlasticityError::NoColumn("Place"));
    assert!(matches!(refused(|s| s.hebbian.push(s.hebbian[0].clone()), true), PlasticityError::TwoOwners { .. }));
    assert!(matches!(refused(|s| s.pruning.push(s.pruning[0].clone()), true), PlasticityError::TwoOwners { .. }));
    assert!(matches!(refused(|s| s.learn[0].settings.rate = f32::NAN, true), PlasticityError::OutOfRange { setting: "rate", .. }));
    assert!(matches!(refused(|s| s.lesions[0].population = "brain".to_owned(), true), PlasticityError::UnknownPopulation { .. }));
}
