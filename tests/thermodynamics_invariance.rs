//! Exact invariance: states drawn exactly, moved a few times, compared with what they were drawn from.
//! Chi-square is applied to independent draws only, never along a chain. Every engine that ships takes
//! every test.

mod faults;

use std::sync::Arc;

use faults::engines::{ENGINES, Engine, Numbers};
use faults::{Fault, Faulty, chi_square_z, draw, key, plan, small_glass};
use lehr::engine::exact::ExactStates;
use lehr::engine::methods::clusters::ClusterFinder;
use lehr::engine::methods::{ClusterMoves, TemperatureRange, Tempering, settings::TemperingSettings};
use lehr::engine::spins::{Rule, Scan, SpinSampler};
use lehr::plan::{Coupling, IsingModel, SpinPlan};
use lehr::random::{StreamKey, SystemTag};
use lehr::units::Seed;

/// Standard deviations beyond which chi-square counts as wrong; alpha below 1e-6.
const LIMIT: f64 = 4.9;

fn write_state(sampler: &mut Faulty, plan: &SpinPlan, exact: &ExactStates, replica: usize, state: usize) {
    let spins = exact.spins(state);
    let by_slot: Vec<i8> = plan.order.iter().map(|&v| spins[v as usize]).collect();
    sampler.write_spins(replica, &by_slot);
}

fn read_state(sampler: &Faulty, plan: &SpinPlan, exact: &ExactStates, replica: usize) -> usize {
    exact.state_where(|v| sampler.is_up(plan.slot[v] as usize, replica))
}

/// Six spins: five in a frustrated ring with fields, and one that is nearly free.
fn ring_and_loner(numbers: Numbers) -> IsingModel {
    let mut model = numbers.of(&small_glass(6, true));
    model.couplings.retain(|c| c.j != 5 && c.i != 5);
    let chord = if numbers == Numbers::Signs { model.couplings[0].strength.abs() } else { 0.75 };
    model.couplings.push(Coupling::new(0, 4, -chord));
    model.normalise();
    model.fields[5] = if numbers != Numbers::Real { 0.25 } else { 0.013 };
    model
}

/// Chi-square z after five sweeps of `n` exact draws of six spins at beta 0.7.
fn sweep_z((engine, numbers): (Engine, Numbers), fault: Fault, rule: Rule, scan: Scan, n: usize) -> f64 {
    let model = ring_and_loner(numbers);
    let (plan, exact) = (plan(&model), ExactStates::enumerate(&model, &[], &[]));
    let p = exact.at(0.7).probabilities;
    let mut sampler = Faulty::around(engine.make(numbers, &plan, 512), fault);
    sampler.set_betas(&[0.7]);
    let mut counts = vec![0_u64; p.len()];
    let mut stream = StreamKey::new(Seed(4), SystemTag::named("draw"), 0).stream();
    for trial in 0..n / 512 {
        for replica in 0..512 {
            write_state(&mut sampler, &plan, &exact, replica, draw(&p, stream.uniform()));
        }
        sampler.refresh();
        (0..5).for_each(|step| sampler.sweep(rule, scan, key(trial as u64, step)));
        for replica in 0..512 {
            counts[read_state(&sampler, &plan, &exact, replica)] += 1;
        }
    }
    chi_square_z(&p, &counts)
}

#[test]
fn sweeps_leave_the_exact_distribution_invariant() {
    for engine in ENGINES {
        for (rule, scan) in [
            (Rule::Metropolis, Scan::Colours),
            (Rule::HeatBath, Scan::Colours),
            (Rule::HeatBath, Scan::Sequential),
            (Rule::Metropolis, Scan::Random),
        ] {
            let z = sweep_z(engine, Fault::None, rule, scan, 30_000);
            assert!(z < LIMIT, "{engine:?} {rule:?} {scan:?}: {z}");
        }
    }
}

#[test]
fn faulty_sweeps_are_caught() {
    let scan = Scan::Colours;
    for engine in ENGINES {
        let z = sweep_z(engine, Fault::Beta(1.05), Rule::Metropolis, scan, 60_000);
        assert!(z > LIMIT, "{engine:?}: beta + 5 % went unnoticed at {z}");
    }
    // These replace the sweeps of an engine, so one speaks for all.
    for (fault, rule, n) in [
        (Fault::Beta(1.02), Rule::Metropolis, 200_000),
        (Fault::Clamp(0.98), Rule::Metropolis, 400_000),
        (Fault::CoarseUniform(6), Rule::Metropolis, 300_000),
        (Fault::Synchronous, Rule::HeatBath, 30_000),
    ] {
        let z = sweep_z(ENGINES[0], fault, rule, scan, n);
        assert!(z > LIMIT, "{fault:?} went unnoticed at {z}");
    }
}

/// The worst chi-square z over the rungs after five iterations of tempering from exact states.
fn tempering_z((engine, numbers): (Engine, Numbers), fault: Fault, cluster_moves: ClusterMoves) -> f64 {
    let model = numbers.of(&small_glass(6, true));
    let (plan, exact) = (plan(&model), ExactStates::enumerate(&model, &[], &[]));
    let settings = TemperingSettings {
        n_temperatures: 3,
        range: Some(TemperatureRange { hot: 2.0, cold: 0.5 }),
        adaptation_iterations: 0,
        cluster_moves,
        ..TemperingSettings::default()
    };
    let mut counts = vec![vec![0_u64; exact.n_states()]; 3];
    let mut probabilities = Vec::new();
    for trial in 0..24 {
        let mut sampler = Faulty::around(engine.make(numbers, &plan, 512), fault);
        let mut tempering = Tempering::new(settings, &sampler).unwrap().keeping_states();
        probabilities = tempering.betas().iter().map(|&b| exact.at(b).probabilities).collect();
        let mut stream = StreamKey::new(Seed(2), SystemTag::named("draw"), trial).stream();
        for replica in 0..tempering.rungs().len() {
            let state = draw(&probabilities[replica % 3], stream.uniform());
            write_state(&mut sampler, &plan, &exact, replica, state);
        }
        for step in 0..5 {
            tempering.iterate(&mut sampler, key(trial, step));
        }
        for (replica, &rung) in tempering.rungs().iter().enumerate() {
            counts[rung as usize][read_state(&sampler, &plan, &exact, replica)] += 1;
        }
    }
    probabilities.iter().zip(&counts).map(|(p, c)| chi_square_z(p, c)).fold(f64::MIN, f64::max)
}

#[test]
fn tempering_leaves_every_rung_invariant() {
    for engine in ENGINES {
        for (fault, moves) in [(Fault::Frozen, ClusterMoves::Off), (Fault::None, ClusterMoves::Off), (Fault::Frozen, ClusterMoves::All)] {
            let z = tempering_z(engine, fault, moves);
            assert!(z < LIMIT, "{engine:?} {fault:?} {moves:?}: {z}");
        }
    }
}

#[test]
fn tempering_with_wrong_or_stale_energies_is_caught() {
    for engine in ENGINES {
        for fault in [Fault::Energy(0.7), Fault::StaleEnergy, Fault::Energy(-1.0)] {
            let z = tempering_z(engine, fault, ClusterMoves::Off);
            assert!(z > LIMIT, "{engine:?}: {fault:?} went unnoticed at {z}");
        }
    }
}

/// Chi-square z of the joint distribution of two replicas after one cluster move, drawn at `betas`.
fn cluster_z((engine, numbers): (Engine, Numbers), with_fields: bool, betas: [f64; 2], moves: ClusterMoves, fault: Fault) -> f64 {
    let model = numbers.of(&small_glass(5, with_fields));
    let (plan, exact) = (plan(&model), ExactStates::enumerate(&model, &[], &[]));
    let p = betas.map(|b| exact.at(b).probabilities);
    let n = exact.n_states();
    let mut counts = vec![0_u64; n * n];
    let mut finder = ClusterFinder::default();
    let mut sampler = Faulty::around(engine.make(numbers, &plan, 2), fault);
    let mut stream = StreamKey::new(Seed(3), SystemTag::named("draw"), 0).stream();
    for _ in 0..40_000 {
        for (replica, p) in p.iter().enumerate() {
            let state = draw(p, stream.uniform());
            write_state(&mut sampler, &plan, &exact, replica, state);
        }
        finder.houdayer(&mut sampler, 0, 1, moves, &mut stream);
        let pair = [0, 1].map(|r| read_state(&sampler, &plan, &exact, r));
        counts[pair[0] * n + pair[1]] += 1;
    }
    let joint: Vec<f64> = p[0].iter().flat_map(|a| p[1].iter().map(move |b| a * b)).collect();
    chi_square_z(&joint, &counts)
}

#[test]
fn cluster_moves_leave_pairs_invariant() {
    for engine in ENGINES {
        for (with_fields, moves) in [(false, ClusterMoves::One), (true, ClusterMoves::One), (true, ClusterMoves::All)] {
            let z = cluster_z(engine, with_fields, [0.7, 0.7], moves, Fault::None);
            assert!(z < LIMIT, "{engine:?} fields {with_fields}, {moves:?}: {z}");
        }
    }
}

#[test]
fn cluster_moves_across_temperatures_or_in_one_replica_are_caught() {
    for engine in ENGINES {
        for moves in [ClusterMoves::One, ClusterMoves::All] {
            let z = cluster_z(engine, true, [0.4, 1.0], moves, Fault::None);
            assert!(z > LIMIT, "{engine:?} {moves:?} across temperatures went unnoticed at {z}");
            let z = cluster_z(engine, true, [0.7, 0.7], moves, Fault::FlipsEvenOnly);
            assert!(z > LIMIT, "{engine:?} {moves:?} in one replica went unnoticed at {z}");
        }
    }
}

#[test]
fn cluster_moves_conserve_the_sum_of_energies() {
    for with_fields in [false, true] {
        let model = small_glass(40, with_fields);
        let plan = plan(&model);
        let mut sampler = Faulty::new(Arc::clone(&plan), 2, Fault::None);
        let mut finder = ClusterFinder::default();
        let mut moved = 0;
        for step in 0..50 {
            lehr::engine::methods::start::randomise(&mut sampler, key(1, step));
            let mut energies = [0.0; 2];
            sampler.energies(&mut energies);
            let before = energies[0] + energies[1];
            let mut stream = StreamKey::new(Seed(1), SystemTag::named("move"), step).stream();
            moved += finder.houdayer(&mut sampler, 0, 1, if step % 2 == 0 { ClusterMoves::One } else { ClusterMoves::All }, &mut stream);
            sampler.energies(&mut energies);
            assert!((energies[0] + energies[1] - before).abs() < 1e-9);
        }
        assert!(moved > 100, "only {moved} spins moved");
    }
}

#[test]
fn crossover_never_raises_the_energy_and_reports_its_gain() {
    for with_fields in [false, true] {
        let model = small_glass(60, with_fields);
        let plan = plan(&model);
        let mut sampler = Faulty::new(Arc::clone(&plan), 16, Fault::None);
        let mut finder = ClusterFinder::default();
        lehr::engine::methods::start::randomise(&mut sampler, key(4, 0));
        let (mut best, mut other) = (vec![0; 60], vec![0; 60]);
        sampler.read_spins(0, &mut best);
        let (start, mut gain) = (plan.energy(&best), 0.0);
        for replica in 1..16 {
            sampler.read_spins(replica, &mut other);
            let before = plan.energy(&best).min(plan.energy(&other));
            gain += finder.cross_over(&plan, &mut best, &other);
            assert!(plan.energy(&best) <= before + 1e-9, "worse than both parents");
        }
        assert!((plan.energy(&best) - start - gain).abs() < 1e-6 && gain < 0.0);
    }
}
