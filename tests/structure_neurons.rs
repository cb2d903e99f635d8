//! Birth and death of neurons on pools of three slots, by the full transition matrix over all neurons, wirings and spins.
//!
//! With N + 1 for the name of a newborn and the integral of its states, the rule is in detailed balance with labelled neurons; without the
//! former it is with neurons that have no names.

#[expect(dead_code, reason = "each test file uses a part")]
mod structures;

use std::sync::Arc;

use lehr::engine::structure::{
    Candidates, Caps, Counting, DegreeCost, Degrees, Density, Draws, LiveSpins, NeuronSettings, Newborns, Pool, Slab, Structure,
    StructureEnergy, StructureSettings, propose,
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

/// Every draw, and chances as one of two that are as likely as they are.
#[derive(Default)]
struct EveryChance {
    draws: EveryDraw,
    /// ln-free product of the chances over what `draws` believes them to be.
    factor: f64,
}

impl EveryChance {
    fn begin(draws: EveryDraw) -> Self {
        EveryChance { draws, factor: 1.0 }
    }
}

impl Draws for EveryChance {
    fn below(&mut self, n: u64) -> u64 {
        self.draws.below(n)
    }

    fn gaussian(&mut self) -> f64 {
        self.draws.gaussian()
    }

    fn chance(&mut self, p: f64) -> bool {
        let holds = self.draws.below(2) == 0;
        self.factor *= 2.0 * if holds { p } else { 1.0 - p };
        holds
    }
}

/// What is wrong with the ratio of a wired birth.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    Nothing,
    /// It forgets that a death chooses one of N + 1.
    NoNumber,
    /// It forgets with which density the synapses were drawn.
    NoDensity,
    /// It forgets what the neuron and its synapses cost.
    NoCost,
}

const SLOT_OF_OUTPUT: usize = 2;

/// Slots 0 and 1 come and go, neuron 2 stays; directed candidates 0->1, 0->2, 1->2, 2->0 (delayed) and 0->0.
fn wired_pool(state: usize) -> Option<Pool> {
    let pairs = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 0)];
    let all = Arc::new(Candidates::from_pairs(3, false, pairs).unwrap());
    let alive = [state & 1 == 1, state >> 1 & 1 == 1, true];
    let living: Vec<u32> = (0..5).filter(|c| state >> (2 + c) & 1 == 1).collect();
    let is_sound = |&c: &u32| {
        let (i, j) = all.pair(c);
        alive[i as usize] && alive[j as usize]
    };
    if !living.iter().all(is_sound) {
        return None;
    }
    let mut structure = Structure::with_living(Arc::clone(&all), living.into_iter().map(|c| (c, COUPLING)));
    structure.set_scores(vec![1, 4, 2, 3, 1]);
    Some(Pool::among(structure, alive.to_vec(), vec![true, true, false]))
}

fn number_of(pool: &Pool) -> usize {
    let alive: usize = (0..SLOT_OF_OUTPUT).map(|i| usize::from(pool.is_alive()[i]) << i).sum();
    alive | pool.structure().living().map(|(c, _)| 4 << c).sum::<usize>()
}

fn fits(pool: &Pool, caps: Caps) -> bool {
    (0..3).all(|n| caps.fan_in.is_none_or(|cap| pool.structure().fan_in(n) <= cap))
}

/// A loss that no synapse has alone.
fn loss(pool: &Pool) -> f64 {
    let has = |c: u32| f64::from(u8::from(pool.structure().is_alive(c)));
    let pairs: Vec<(u32, u32)> = pool.structure().candidates().pairs().collect();
    let of = |pair| has(pairs.iter().position(|p| *p == pair).unwrap() as u32);
    (1.2 - of((0, 2)) - 0.8 * of((0, 1)) * of((1, 2)) + 0.3 * of((2, 0))) * (1.5 - 0.5 * of((0, 0)) - 0.4 * of((1, 2)))
}

/// Largest breach of detailed balance of births and deaths of neurons with their synapses, and of synapses.
fn wired_imbalance(of_synapses: StructureSettings, counting: Counting, newborns: Newborns, wrong: Wrong) -> f64 {
    const STATES: usize = 128;
    let settings = neurons(counting);
    let mut pi = vec![0.0; STATES];
    for (state, pi) in pi.iter_mut().enumerate() {
        let Some(pool) = wired_pool(state).filter(|pool| fits(pool, of_synapses.caps)) else { continue };
        let (n, k) = (pool.n_alive(), pool.structure().n_alive() as f64);
        let m = pool.structure().candidates().pairs().filter(|&(a, b)| pool.is_alive()[a as usize] && pool.is_alive()[b as usize]).count();
        let ln_prior = match of_synapses.density {
            Density::Rho(rho) => k * math::ln(rho) + (m as f64 - k) * math::ln(1.0 - rho),
            Density::Mu(_) => 0.0,
        };
        // Of all three neurons, of which dead ones pay nothing.
        let lonely = of_synapses.degree_cost.map_or(0.0, |c| c.strength * c.target * c.target) * (2 - n) as f64;
        let cost = pool.structure().cost(&of_synapses) - lonely + 0.7 * n as f64;
        let names = match counting {
            Counting::Labelled => [1.0, 2.0, 1.0][n],
            Counting::Orderless => [1.0, 2.0, 2.0][n],
            Counting::Places => 1.0,
        };
        *pi = math::exp(ln_prior - (loss(&pool) + cost) / T) / names;
    }
    let z: f64 = pi.iter().sum();
    pi.iter_mut().for_each(|p| *p /= z);
    let mut matrix = vec![0.0; STATES * STATES];
    for x in (0..STATES).filter(|&x| pi[x] > 0.0) {
        let pool = wired_pool(x).unwrap();
        let mut every = EveryDraw::default();
        loop {
            let mut draws = EveryChance::begin(every);
            if let Some(mut step) = pool.propose_newborn(&of_synapses, &settings, newborns, &mut draws) {
                let n = pool.n_alive() as f64;
                let (sign, more) = if step.is_birth { (1.0, 1.0) } else { (-1.0, 0.0) };
                match (wrong, newborns) {
                    (Wrong::NoNumber, _) => step.ln_ratio += sign * math::ln(n + more),
                    (Wrong::NoDensity, Newborns::Wired(q)) => {
                        let k = step.synapses.len() as f64;
                        step.ln_ratio += sign * (k * math::ln(q) + (pool.candidates_of(step.slot) as f64 - k) * math::ln(1.0 - q));
                    }
                    (Wrong::NoCost, _) => step.cost_change = 0.0,
                    _ => {}
                }
                let mut moved = pool.clone();
                moved.make(&step);
                let p = 0.5 * draws.factor * draws.draws.probability() * step.acceptance(loss(&moved) - loss(&pool), T);
                matrix[x * STATES + number_of(&moved)] += p;
            }
            every = draws.draws;
            if !every.advance() {
                break;
            }
        }
        let mut draws = EveryDraw::default();
        loop {
            let proposal = propose(pool.structure(), &of_synapses, &mut draws);
            if proposal.ln_ratio > f64::NEG_INFINITY {
                let mut moved = pool.clone();
                proposal.step.apply(moved.structure_mut());
                matrix[x * STATES + number_of(&moved)] += 0.5 * draws.probability() * proposal.acceptance(loss(&moved) - loss(&pool), T);
            }
            if !draws.advance() {
                break;
            }
        }
    }
    let flow = |x: usize, y: usize| pi[x] * matrix[x * STATES + y];
    (0..STATES).flat_map(|x| (0..x).map(move |y| (x, y))).map(|(x, y)| (flow(x, y) - flow(y, x)).abs()).fold(0.0, f64::max)
}

#[test]
fn neurons_that_are_born_with_synapses_and_take_them_along_are_in_detailed_balance() {
    let degree = DegreeCost { strength: 0.3, target: 1.0, of: Degrees::Total };
    for of in [Degrees::Total, Degrees::In, Degrees::Out] {
        for density in [Density::Rho(0.3), Density::Mu(0.4)] {
            let of_synapses = StructureSettings { degree_cost: Some(DegreeCost { of, ..degree }), ..synapses(density) };
            for counting in [Counting::Labelled, Counting::Orderless, Counting::Places] {
                for newborns in [Newborns::Isolated, Newborns::Wired(0.3), Newborns::Wired(0.7)] {
                    let found = wired_imbalance(of_synapses, counting, newborns, Wrong::Nothing);
                    assert!(found < 1e-15, "{of:?} {density:?} {counting:?} {newborns:?}: {found:e}");
                }
            }
        }
    }
    // States beyond a cap are left out.
    let caps = Caps { fan_in: Some(1), ..Caps::default() };
    let capped = StructureSettings { caps, ..synapses(Density::Rho(0.3)) };
    assert!(wired_imbalance(capped, Counting::Places, Newborns::Wired(0.5), Wrong::Nothing) < 1e-15);
}

#[test]
fn a_forgotten_number_density_or_cost_of_wired_neurons_breaks_the_balance() {
    let of_synapses = synapses(Density::Rho(0.3));
    for wrong in [Wrong::NoNumber, Wrong::NoDensity, Wrong::NoCost] {
        let found = wired_imbalance(of_synapses, Counting::Labelled, Newborns::Wired(0.6), wrong);
        assert!(found > 1e-4, "{wrong:?} went unnoticed at {found:e}");
    }
    let found = wired_imbalance(of_synapses, Counting::Labelled, Newborns::Isolated, Wrong::NoNumber);
    assert!(found > 1e-4, "isolated newborns without a number went unnoticed at {found:e}");
}
