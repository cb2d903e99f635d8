//! Exact invariance: states drawn exactly, moved a few times, compared with what they were drawn from.
//! Chi-square is applied to independent draws only, never along a chain.

mod faults;

use std::sync::Arc;

use faults::{Fault, Faulty, chi_square_z, draw, key, plan, small_glass};
use lehr::engine::exact::ExactStates;
use lehr::engine::methods::clusters::ClusterFinder;
use lehr::engine::methods::{ClusterMoves, TemperatureRange, Tempering, settings::TemperingSettings};
use lehr::engine::spins::SpinSampler;
use lehr::plan::{IsingModel, SpinPlan};
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

/// The worst chi-square z over the rungs after five iterations of tempering from exact states.
fn tempering_z(fault: Fault, cluster_moves: ClusterMoves) -> f64 {
    let model = small_glass(6, true);
    let (plan, exact) = (plan(&model), ExactStates::enumerate(&model, &[], &[]));
    let copies = 400;
    let settings = TemperingSettings {
        n_temperatures: 3,
        range: Some(TemperatureRange { hot: 2.0, cold: 0.5 }),
        adaptation_iterations: 0,
        cluster_moves,
        ..TemperingSettings::default()
    };
    let mut counts = vec![vec![0_u64; exact.n_states()]; 3];
    let mut probabilities = Vec::new();
    for trial in 0..40 {
        let mut sampler = Faulty::new(Arc::clone(&plan), 3 * copies, fault);
        let mut tempering = Tempering::new(settings, &sampler).unwrap().keeping_states();
        probabilities = tempering.betas().iter().map(|&b| exact.at(b).probabilities).collect();
        let mut stream = StreamKey::new(Seed(2), SystemTag::named("draw"), trial).stream();
        for replica in 0..3 * copies {
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
    for (fault, moves) in [(Fault::Frozen, ClusterMoves::Off), (Fault::None, ClusterMoves::Off), (Fault::Frozen, ClusterMoves::All)] {
        let z = tempering_z(fault, moves);
        assert!(z < LIMIT, "{fault:?} {moves:?}: {z}");
    }
}

#[test]
fn tempering_with_wrong_or_stale_energies_is_caught() {
    for fault in [Fault::Energy(0.8), Fault::StaleEnergy, Fault::Energy(-1.0)] {
        let z = tempering_z(fault, ClusterMoves::Off);
        assert!(z > LIMIT, "{fault:?} went unnoticed at {z}");
    }
}

/// Chi-square z of the joint distribution of two replicas after one cluster move, drawn at `betas`.
fn cluster_z(model: &IsingModel, betas: [f64; 2], moves: ClusterMoves, fault: Fault) -> f64 {
    let (plan, exact) = (plan(model), ExactStates::enumerate(model, &[], &[]));
    let p = betas.map(|b| exact.at(b).probabilities);
    let n = exact.n_states();
    let mut counts = vec![0_u64; n * n];
    let mut finder = ClusterFinder::default();
    let mut sampler = Faulty::new(Arc::clone(&plan), 2, fault);
    let mut stream = StreamKey::new(Seed(3), SystemTag::named("draw"), 0).stream();
    for _ in 0..60_000 {
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
    for with_fields in [false, true] {
        for moves in [ClusterMoves::One, ClusterMoves::All] {
            let z = cluster_z(&small_glass(5, with_fields), [0.7, 0.7], moves, Fault::None);
            assert!(z < LIMIT, "fields {with_fields}, {moves:?}: {z}");
        }
    }
}

#[test]
fn cluster_moves_across_temperatures_or_in_one_replica_are_caught() {
    for moves in [ClusterMoves::One, ClusterMoves::All] {
        let model = small_glass(5, true);
        let z = cluster_z(&model, [0.4, 1.0], moves, Fault::None);
        assert!(z > LIMIT, "{moves:?} across temperatures went unnoticed at {z}");
        let z = cluster_z(&model, [0.7, 0.7], moves, Fault::FlipsEvenOnly);
        assert!(z > LIMIT, "{moves:?} in one replica went unnoticed at {z}");
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
