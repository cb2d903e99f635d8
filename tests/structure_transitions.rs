//! The full transition matrix of structures over six candidate synapses, from the engine's own proposals and acceptances: every
//! number that a proposal can draw is listed. Detailed balance holds to rounding, and every planted fault breaks it.

#[expect(dead_code, reason = "each test file uses a part")]
mod structures;

use std::ops::Range;

use lehr::engine::structure::{
    Caps, DegreeCost, Degrees, Density, Draws, Move, MoveShares, Proposal, Slab, Span, Structure, StructureEnergy, StructureSettings,
    propose_within,
};
use lehr::math;
use structures::{EveryDraw, Fault, LeastSquares, M, candidates, ln_odds, propose_with};

/// All structures of six candidates whose weights are among `values`.
struct States {
    values: Vec<f32>,
    base: usize,
}

impl States {
    fn of(settings: &StructureSettings) -> Self {
        let values = match settings.slab {
            Slab::Signs { size } => vec![size, -size],
            Slab::Fixed { value } => vec![value],
            Slab::Gaussian { .. } => panic!("Gaussian weights cannot be listed"),
        };
        States { base: values.len() + 1, values }
    }

    fn len(&self) -> usize {
        (0..M).map(|_| self.base).product()
    }

    fn structure(&self, mut state: usize, signs: &[i8], scores: &[u32], is_symmetric: bool) -> Option<Structure> {
        let mut all = candidates(is_symmetric);
        if !signs.is_empty() {
            all = std::sync::Arc::new((*all).clone().with_signs(signs).unwrap());
        }
        let mut living = Vec::new();
        for e in 0..M as u32 {
            let digit = state % self.base;
            state /= self.base;
            if digit > 0 {
                let w = self.values[digit - 1];
                if all.sign(e) != 0 && w * f32::from(all.sign(e)) < 0.0 {
                    return None;
                }
                living.push((e, w));
            }
        }
        let mut structure = Structure::with_living(all, living);
        structure.set_scores(scores.to_vec());
        Some(structure)
    }

    fn number(&self, structure: &Structure) -> usize {
        let digit = |e: u32| match structure.is_alive(e) {
            false => 0,
            true => 1 + self.values.iter().position(|&v| v == structure.weight(e)).expect("a listed weight"),
        };
        (0..M as u32).rev().fold(0, |state, e| state * self.base + digit(e))
    }
}

#[derive(Clone)]
struct Case {
    settings: StructureSettings,
    /// Candidates that proposals are of.
    within: Range<u32>,
    t: f64,
    scores: [u32; M],
    signs: Vec<i8>,
    is_symmetric: bool,
}

const SCORES: [u32; M] = [1, 7, 2, 3, 1, 4];

fn base() -> StructureSettings {
    StructureSettings {
        density: Density::Rho(0.3),
        slab: Slab::Signs { size: 0.8 },
        shares: MoveShares { birth: 2, death: 1, weight: 2, rewire: 2 },
        degree_cost: Some(DegreeCost { strength: 0.15, target: 1.2, of: Degrees::Total }),
        length_cost: 0.2,
        ..StructureSettings::default()
    }
}

/// (largest |pi_x P_xy - pi_y P_yx|, largest |pi P - pi|).
fn imbalance(case: &Case, fault: Fault) -> (f64, f64) {
    let Case { settings, t, .. } = case;
    let states = States::of(settings);
    let n = states.len();
    let mut energy = LeastSquares::new(0.6);
    let structure_of = |x: usize| states.structure(x, &case.signs, &case.scores, case.is_symmetric);
    // 1. The target, written down anew.
    let mut pi = vec![0.0; n];
    for (x, p) in pi.iter_mut().enumerate() {
        let Some(s) = structure_of(x) else { continue };
        energy.follow(&s);
        let caps = settings.caps;
        let fits = |cap: Option<u32>, count: u32| cap.is_none_or(|cap| count <= cap);
        let is_inside = fits(caps.synapses, s.n_alive() as u32)
            && (0..4).all(|v| fits(caps.fan_in, s.fan_in(v)) && (case.is_symmetric || fits(caps.fan_out, s.fan_out(v))));
        let free_signs = s.living().filter(|&(e, _)| s.candidates().sign(e) == 0).count() as f64;
        let ln_slab = if states.values.len() == 2 { -free_signs * std::f64::consts::LN_2 } else { 0.0 };
        let ln_prior = ln_odds(settings) * s.n_alive() as f64 + ln_slab;
        *p = if is_inside { math::exp(ln_prior - (energy.energy() + s.cost(settings)) / t) } else { 0.0 };
    }
    let z: f64 = pi.iter().sum();
    pi.iter_mut().for_each(|p| *p /= z);
    // 2. The transition matrix, by the engine.
    let mut matrix = vec![0.0; n * n];
    for x in (0..n).filter(|&x| pi[x] > 0.0) {
        let structure = structure_of(x).unwrap();
        energy.follow(&structure);
        let mut draws = EveryDraw::default();
        let mut sum = 0.0;
        loop {
            let proposal = propose_in(&case.within, fault, &structure, settings, &mut draws);
            let p = draws.probability();
            sum += p;
            let (changes, k) = proposal.step.changes();
            let mut accepted = 0.0;
            if k > 0 && proposal.ln_ratio > f64::NEG_INFINITY {
                let change = energy.propose(&changes[..k], f64::INFINITY).unwrap();
                energy.reject();
                accepted = proposal.acceptance(change, *t);
                let mut moved = structure.clone();
                proposal.step.apply(&mut moved);
                matrix[x * n + states.number(&moved)] += p * accepted;
            }
            matrix[x * n + x] += p * (1.0 - accepted);
            if !draws.advance() {
                break;
            }
        }
        assert!((sum - 1.0).abs() < 1e-12, "the paths from {x} have probability {sum}");
    }
    // 3. How far it is from balance.
    let (mut pairs, mut flow) = (0.0_f64, vec![0.0; n]);
    for x in 0..n {
        for y in 0..n {
            pairs = pairs.max((pi[x] * matrix[x * n + y] - pi[y] * matrix[y * n + x]).abs());
            flow[y] += pi[x] * matrix[x * n + y];
        }
    }
    let whole = flow.iter().zip(&pi).map(|(f, p)| (f - p).abs()).fold(0.0, f64::max);
    (pairs, whole)
}

fn case(settings: StructureSettings, t: f64) -> Case {
    Case { settings, within: 0..M as u32, t, scores: SCORES, signs: Vec::new(), is_symmetric: true }
}

/// A proposal of the candidates of a span; the fault is to take the number of all for that of the span.
fn propose_in(within: &Range<u32>, fault: Fault, structure: &Structure, settings: &StructureSettings, draws: &mut impl Draws) -> Proposal {
    if *within == (0..M as u32) {
        return propose_with(fault, structure, settings, draws);
    }
    let alive = |candidates: Range<u32>| candidates.filter(|&c| structure.is_alive(c)).count();
    let scores =
        |candidates: Range<u32>| candidates.filter(|&c| !structure.is_alive(c)).map(|c| u64::from(structure.score(c))).sum::<u64>();
    let before = 0..within.start;
    let span = Span {
        m: within.len(),
        k: alive(within.clone()),
        q: scores(within.clone()),
        alive_before: alive(before.clone()) as u64,
        dead_before: scores(before),
    };
    let mut proposal = propose_within(&span, structure, settings, draws);
    if fault == Fault::NoNumber {
        let (k, all) = (span.k as f64, structure.n_alive() as f64);
        proposal.ln_ratio += match proposal.step {
            Move::Birth { .. } => math::ln((k + 1.0) / (all + 1.0)),
            Move::Death { .. } => math::ln(all / k),
            _ => 0.0,
        };
    }
    proposal
}

#[test]
fn every_kernel_is_in_detailed_balance_over_all_structures() {
    let fixed = StructureSettings { slab: Slab::Fixed { value: 0.7 }, ..base() };
    let shares = |birth, death, weight, rewire| MoveShares { birth, death, weight, rewire };
    let caps = |fan_in, fan_out, synapses| Caps { fan_in, fan_out, synapses };
    let cases = [
        case(base(), 0.7),
        Case { is_symmetric: false, ..case(base(), 0.7) },
        Case { scores: [1; M], ..case(fixed, 1.3) },
        case(fixed, 0.4),
        case(StructureSettings { density: Density::Mu(0.35), ..fixed }, 0.6),
        case(StructureSettings { density: Density::Mu(-0.5), degree_cost: None, ..fixed }, 0.6),
        case(StructureSettings { shares: shares(1, 3, 0, 0), ..fixed }, 0.6),
        case(StructureSettings { shares: shares(0, 0, 1, 1), ..base() }, 0.6),
        case(StructureSettings { shares: shares(5, 1, 1, 0), ..base() }, 0.6),
        case(StructureSettings { caps: caps(Some(2), None, None), ..fixed }, 0.7),
        case(StructureSettings { caps: caps(None, None, Some(3)), ..fixed }, 0.7),
        Case { is_symmetric: false, ..case(StructureSettings { caps: caps(Some(2), Some(1), None), ..base() }, 0.7) },
        Case { is_symmetric: false, signs: vec![1, -1, 1, 0], ..case(base(), 0.7) },
        // A candidate of score 0 neither lives nor dies.
        Case { scores: [0, 7, 2, 3, 1, 4], ..case(fixed, 0.7) },
    ];
    for (number, case) in cases.iter().enumerate() {
        let (pairs, whole) = imbalance(case, Fault::None);
        assert!(pairs < 1e-15 && whole < 1e-12, "case {number}: {pairs:e}, {whole:e}");
    }
}

#[test]
fn a_span_of_the_candidates_is_in_balance_with_the_others_as_they_are() {
    let fixed = StructureSettings { slab: Slab::Fixed { value: 0.7 }, ..base() };
    let births = StructureSettings { shares: MoveShares { birth: 2, death: 1, weight: 0, rewire: 0 }, ..fixed };
    for within in [0..3, 2..6, 5..6] {
        for settings in [fixed, base(), births] {
            for scores in [[1; M], SCORES] {
                let case = Case { within: within.clone(), scores, ..case(settings, 0.7) };
                let (pairs, whole) = imbalance(&case, Fault::None);
                assert!(pairs < 1e-15 && whole < 1e-12, "{within:?} of {scores:?}: {pairs:e}, {whole:e}");
                let (pairs, whole) = imbalance(&case, Fault::NoNumber);
                assert!(pairs > 1e-4 && whole > 1e-4, "the number of all went unnoticed at {pairs:e}, {whole:e}");
            }
        }
    }
}

#[test]
fn every_planted_fault_breaks_the_balance() {
    let fixed = StructureSettings { slab: Slab::Fixed { value: 0.7 }, ..base() };
    for fault in
        [Fault::NoScores, Fault::NoNumber, Fault::NoBoundaries, Fault::NoRewiringScores, Fault::NoRatio, Fault::NoDensity, Fault::NoCost]
    {
        let (pairs, whole) = imbalance(&case(fixed, 0.7), fault);
        assert!(pairs > 1e-4 && whole > 1e-4, "{fault:?} went unnoticed at {pairs:e}, {whole:e}");
    }
}

#[test]
fn scores_that_follow_the_state_break_the_balance_that_frozen_ones_keep() {
    // As if each state had its own scores, such as those of its own slopes, without their ratio being that of the state reached.
    let settings = StructureSettings { slab: Slab::Fixed { value: 0.7 }, ..base() };
    let with = |scores: [u32; M]| Case { scores, ..case(settings, 0.7) };
    assert!(imbalance(&with(SCORES), Fault::None).1 < 1e-12);
    let wrong = imbalance_of_following_scores(&with(SCORES));
    assert!(wrong > 1e-4, "went unnoticed at {wrong:e}");
}

/// |pi P - pi| when the scores are those of the number of living candidates at each state.
fn imbalance_of_following_scores(case: &Case) -> f64 {
    let states = States::of(&case.settings);
    let n = states.len();
    let mut energy = LeastSquares::new(0.6);
    let scores_at = |x: usize| -> [u32; M] { std::array::from_fn(|e| 1 + (SCORES[e] * (x.count_ones() + 1)) % 5) };
    let (mut pi, mut flow) = (vec![0.0; n], vec![0.0; n]);
    for (x, p) in pi.iter_mut().enumerate() {
        let s = states.structure(x, &[], &SCORES, true).unwrap();
        energy.follow(&s);
        *p = math::exp(ln_odds(&case.settings) * s.n_alive() as f64 - (energy.energy() + s.cost(&case.settings)) / case.t);
    }
    let z: f64 = pi.iter().sum();
    pi.iter_mut().for_each(|p| *p /= z);
    for x in 0..n {
        let structure = states.structure(x, &[], &scores_at(x), true).unwrap();
        energy.follow(&structure);
        let mut draws = EveryDraw::default();
        loop {
            let proposal = propose_with(Fault::None, &structure, &case.settings, &mut draws);
            let (changes, k) = proposal.step.changes();
            let mut accepted = 0.0;
            if k > 0 && proposal.ln_ratio > f64::NEG_INFINITY {
                accepted = proposal.acceptance(energy.propose(&changes[..k], f64::INFINITY).unwrap(), case.t);
                energy.reject();
                let mut moved = structure.clone();
                proposal.step.apply(&mut moved);
                flow[states.number(&moved)] += pi[x] * draws.probability() * accepted;
            }
            flow[x] += pi[x] * draws.probability() * (1.0 - accepted);
            if !draws.advance() {
                break;
            }
        }
    }
    flow.iter().zip(&pi).map(|(f, p)| (f - p).abs()).fold(0.0, f64::max)
}
