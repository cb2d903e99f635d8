//! Birth and death of neurons on pools of three slots, by the full transition matrix over all neurons, wirings and spins.
//!
//! With N + 1 for the name of a newborn and the integral of its states, the rule is in detailed balance with labelled neurons; without the
//! former it is with neurons that have no names.

#[expect(dead_code, reason = "each test file uses a part")]
mod structures;

use std::sync::Arc;

use lehr::engine::structure::{
    Candidates, Counting, Density, LiveSpins, NeuronSettings, Pool, Slab, Structure, StructureEnergy, StructureSettings, propose,
};
use lehr::math;
use structures::{EveryDraw, key};

const SLOTS: usize = 3;
const T: f64 = 0.8;
const FIELD: f64 = 0.6;
const COUPLING: f32 = 0.9;
const STATES: usize = 512;

fn synapses(density: Density) -> StructureSettings {
    StructureSettings { density, slab: Slab::Fixed { value: COUPLING }, ..StructureSettings::default() }
}

fn neurons(counting: Counting) -> NeuronSettings {
    NeuronSettings { cost: 0.7, counting, shares: [2, 1] }
}

/// State: bits 0-2 which slots live, 3-5 which pairs are coupled, 6-8 which spins are up; `None` where a dead neuron has either.
fn pool_of(state: usize) -> Option<Pool> {
    let all = Arc::new(Candidates::all_pairs(SLOTS, true).unwrap());
    let alive: Vec<bool> = (0..SLOTS).map(|i| state >> i & 1 == 1).collect();
    let coupled: Vec<u32> = (0..3).filter(|c| state >> (3 + c) & 1 == 1).collect();
    let is_sound = coupled.iter().all(|&c| {
        let (i, j) = all.pair(c);
        alive[i as usize] && alive[j as usize]
    });
    if !is_sound || (0..SLOTS).any(|i| !alive[i] && state >> (6 + i) & 1 == 1) {
        return None;
    }
    let mut structure = Structure::with_living(all, coupled.into_iter().map(|c| (c, COUPLING)));
    structure.set_scores(vec![1, 4, 2]);
    Some(Pool::new(structure, alive))
}

fn state_of(pool: &Pool, spins: usize) -> usize {
    let alive: usize = pool.is_alive().iter().enumerate().map(|(i, &a)| usize::from(a) << i).sum();
    let coupled: usize = pool.structure().living().map(|(c, _)| 1 << c).sum();
    alive | coupled << 3 | spins << 6
}

/// E of the living spins.
fn energy(pool: &Pool, spins: usize) -> f64 {
    let spin = |i: u32| if spins >> i & 1 == 1 { 1.0 } else { -1.0 };
    let couplings: f64 = pool
        .structure()
        .living()
        .map(|(c, w)| (c, f64::from(w)))
        .map(|(c, w)| {
            let (i, j) = pool.structure().candidates().pair(c);
            w * spin(i) * spin(j)
        })
        .sum();
    let fields: f64 = (0..SLOTS as u32).filter(|&i| pool.is_alive()[i as usize]).map(|i| FIELD * spin(i)).sum();
    -couplings - fields
}

/// The target over all states, in which wirings of N neurons have the weight of their naming.
fn target(density: Density, counting: Counting) -> Vec<f64> {
    let choose = [1.0, 3.0, 3.0, 1.0];
    let factorial = [1.0, 1.0, 2.0, 6.0];
    let mut pi: Vec<f64> = (0..STATES)
        .map(|state| {
            let Some(pool) = pool_of(state) else { return 0.0 };
            let (n, k) = (pool.n_alive(), pool.structure().n_alive() as f64);
            let m = (n * n.saturating_sub(1) / 2) as f64;
            let ln_prior = match density {
                Density::Rho(rho) => k * math::ln(rho) + (m - k) * math::ln(1.0 - rho),
                Density::Mu(mu) => -mu * k / T,
            };
            // Unless slots are a part of a state, the C(3, N) choices of them share its weight.
            let names = match counting {
                Counting::Labelled => choose[n],
                Counting::Orderless => choose[n] * factorial[n],
                Counting::Places => 1.0,
            };
            math::exp(ln_prior - (energy(&pool, state >> 6) + 0.7 * n as f64) / T) / names
        })
        .collect();
    let z: f64 = pi.iter().sum();
    pi.iter_mut().for_each(|p| *p /= z);
    pi
}

/// Largest |pi_x P_xy - pi_y P_yx| of births and deaths of neurons and synapses, by the engine's own proposals, against the target of
/// `truth`; `ln_z` is what the ratio takes a neuron's integral for.
fn imbalance(density: Density, truth: Counting, believed: Counting, ln_z: f64) -> f64 {
    let pi = target(density, truth);
    let (of_synapses, settings) = (synapses(density), neurons(believed));
    let up = math::sigmoid(2.0 * FIELD / T);
    let mut matrix = vec![0.0; STATES * STATES];
    for x in (0..STATES).filter(|&x| pi[x] > 0.0) {
        let (pool, spins) = (pool_of(x).unwrap(), x >> 6);
        let mut draws = EveryDraw::default();
        loop {
            // 1. Half of the moves are of neurons.
            if let Some(proposal) = pool.propose(&of_synapses, &settings, &mut draws) {
                let p = 0.5 * draws.probability() * proposal.acceptance(&settings, ln_z, T);
                let mut moved = pool.clone();
                moved.apply(proposal);
                let bit = 1 << proposal.slot;
                if proposal.is_birth {
                    matrix[x * STATES + state_of(&moved, spins | bit)] += p * up;
                    matrix[x * STATES + state_of(&moved, spins)] += p * (1.0 - up);
                } else {
                    matrix[x * STATES + state_of(&moved, spins & !bit)] += p;
                }
            }
            if !draws.advance() {
                break;
            }
        }
        let mut draws = EveryDraw::default();
        loop {
            // 2. Half are of synapses, among living neurons.
            let proposal = propose(pool.structure(), &of_synapses, &mut draws);
            if proposal.ln_ratio > f64::NEG_INFINITY {
                let mut moved = pool.clone();
                proposal.step.apply(moved.structure_mut());
                let change = energy(&moved, spins) - energy(&pool, spins);
                matrix[x * STATES + state_of(&moved, spins)] += 0.5 * draws.probability() * proposal.acceptance(change, T);
            }
            if !draws.advance() {
                break;
            }
        }
    }
    let flow = |x: usize, y: usize| pi[x] * matrix[x * STATES + y];
    (0..STATES).flat_map(|x| (0..x).map(move |y| (x, y))).map(|(x, y)| (flow(x, y) - flow(y, x)).abs()).fold(0.0, f64::max)
}

/// ln of the integral of a spin: both states counted.
fn ln_spin() -> f64 {
    math::log_sum_exp(&[FIELD / T, -FIELD / T])
}

#[test]
fn neurons_and_synapses_are_born_and_die_in_detailed_balance() {
    for density in [Density::Rho(0.3), Density::Mu(0.4)] {
        for counting in [Counting::Labelled, Counting::Orderless] {
            let found = imbalance(density, counting, counting, ln_spin());
            assert!(found < 1e-15, "{density:?} {counting:?}: {found:e}");
        }
    }
}

#[test]
fn a_forgotten_name_or_integral_breaks_the_balance() {
    let density = Density::Rho(0.3);
    for (what, truth, believed, ln_z) in [
        ("labelled neurons without N + 1", Counting::Labelled, Counting::Orderless, ln_spin()),
        ("neurons without names with N + 1", Counting::Orderless, Counting::Labelled, ln_spin()),
        ("a spin without its integral", Counting::Labelled, Counting::Labelled, 0.0),
    ] {
        let found = imbalance(density, truth, believed, ln_z);
        assert!(found > 1e-4, "{what} went unnoticed at {found:e}");
    }
}

#[test]
fn a_pool_that_grows_and_shrinks_keeps_its_books() {
    let all = Arc::new(Candidates::all_pairs(12, true).unwrap());
    let (of_synapses, settings) = (synapses(Density::Rho(0.2)), neurons(Counting::Labelled));
    let mut pool = Pool::new(Structure::new(Arc::clone(&all)), (0..12).map(|i| i < 5).collect());
    let mut births = (0, 0);
    for step in 0..300 {
        let more = pool.walk((&of_synapses, &settings), 5, T, |_| ln_spin(), |_, _| {}, key("neurons", step));
        births = (births.0 + more.0, births.1 + more.1);
        let structure = pool.structure_mut();
        let spins = vec![1; 12];
        let mut live = LiveSpins::new(structure, vec![0.0; 12], spins, Vec::new());
        lehr::engine::structure::walk(structure, &mut live, &of_synapses, 10, T, key("wires", step));
        assert!(live.refresh() < 1e-9);
        assert_eq!(pool.n_alive() as i64, 5 + births.0 as i64 - births.1 as i64);
        for (c, _) in pool.structure().living() {
            let (i, j) = all.pair(c);
            assert!(pool.is_alive()[i as usize] && pool.is_alive()[j as usize], "a synapse of a dead neuron");
        }
        assert!(pool.isolated().iter().all(|&i| pool.is_alive()[i as usize]));
    }
    assert!(births.0 > 30 && births.1 > 30, "{births:?}");
}
