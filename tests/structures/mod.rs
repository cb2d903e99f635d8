//! What the tests of sampled structures share: an energy whose answers are known exactly, and planted faults.

use std::sync::Arc;

use lehr::engine::structure::kernel::shares_at;
use lehr::engine::structure::{Candidates, Density, Draws, Move, Proposal, Slab, Structure, StructureEnergy, StructureSettings, propose};
use lehr::math;
use lehr::random::{StreamKey, SystemTag};
use lehr::units::Seed;

/// Candidates of every test.
pub const M: usize = 6;
/// Rows of the least squares.
const ROWS: usize = 4;

pub fn key(name: &str, trial: u64) -> StreamKey {
    StreamKey::new(Seed(7), SystemTag::named(name), trial)
}

/// All pairs of four neurons: symmetric, or directed along a rank, with lengths.
pub fn candidates(is_symmetric: bool) -> Arc<Candidates> {
    let positions = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.3, 1.2, 0.0], [1.4, 0.9, 0.5]];
    let all = Candidates::all_pairs(4, is_symmetric).unwrap().with_positions(&positions).unwrap();
    Arc::new(if is_symmetric { all } else { all.acyclic(&[1, 0, 3, 2]).unwrap() })
}

/// strength / 2 sum over rows of (y - sum of a_e w_e)^2: weights interact, and Gaussian slabs integrate exactly.
#[derive(Clone, Debug)]
pub struct LeastSquares {
    pub strength: f64,
    rows: [[f64; M]; ROWS],
    y: [f64; ROWS],
    weights: [f64; M],
    pending: Option<[f64; M]>,
    /// A planted fault: changes are computed from the weights at the last refresh.
    pub is_stale: bool,
    at_refresh: [f64; M],
}

impl LeastSquares {
    pub fn new(strength: f64) -> Self {
        let mut stream = key("least squares", 0).stream();
        LeastSquares {
            strength,
            rows: std::array::from_fn(|_| std::array::from_fn(|_| stream.gaussian())),
            y: std::array::from_fn(|_| 1.5 * stream.gaussian()),
            weights: [0.0; M],
            pending: None,
            is_stale: false,
            at_refresh: [0.0; M],
        }
    }

    pub fn of(&self, weights: &[f64; M]) -> f64 {
        let miss = |(row, y): (&[f64; M], &f64)| y - row.iter().zip(weights).map(|(a, w)| a * w).sum::<f64>();
        0.5 * self.strength * self.rows.iter().zip(&self.y).map(|r| miss(r) * miss(r)).sum::<f64>()
    }

    pub fn follow(&mut self, structure: &Structure) {
        self.weights = std::array::from_fn(|e| f64::from(structure.weight(e as u32)));
        self.at_refresh = self.weights;
    }

    /// ln of the integral of exp(-E/T) slab(w) over the weights of the candidates in `living`, and the mean and the Cholesky
    /// factor of the precision of their Gaussian.
    pub fn integral(&self, living: &[usize], sd: f64, t: f64) -> (f64, Vec<f64>, Vec<Vec<f64>>) {
        let k = living.len();
        let column = |e: usize| self.rows.iter().map(move |row| row[e]);
        let b: Vec<f64> = living.iter().map(|&e| self.strength / t * column(e).zip(&self.y).map(|(a, y)| a * y).sum::<f64>()).collect();
        let mut l = vec![vec![0.0; k]; k];
        for i in 0..k {
            for j in 0..=i {
                let dot: f64 = column(living[i]).zip(column(living[j])).map(|(x, y)| x * y).sum();
                let prior = if i == j { 1.0 / (sd * sd) } else { 0.0 };
                let sum = self.strength / t * dot + prior - (0..j).map(|c| l[i][c] * l[j][c]).sum::<f64>();
                l[i][j] = if i == j { sum.sqrt() } else { sum / l[j][j] };
            }
        }
        let mut z = vec![0.0; k];
        for i in 0..k {
            z[i] = (b[i] - (0..i).map(|c| l[i][c] * z[c]).sum::<f64>()) / l[i][i];
        }
        let mut mean = vec![0.0; k];
        for i in (0..k).rev() {
            mean[i] = (z[i] - (i + 1..k).map(|c| l[c][i] * mean[c]).sum::<f64>()) / l[i][i];
        }
        let ln_det: f64 = (0..k).map(|i| math::ln(l[i][i] * sd)).sum();
        let gain = 0.5 * z.iter().map(|z| z * z).sum::<f64>();
        (gain - ln_det - self.of(&[0.0; M]) / t, mean, l)
    }
}

impl StructureEnergy for LeastSquares {
    fn n_candidates(&self) -> usize {
        M
    }

    fn energy(&self) -> f64 {
        self.of(&self.weights)
    }

    fn propose(&mut self, changes: &[(u32, f32)], _: f64) -> Option<f64> {
        let mut pending = self.weights;
        let mut from = if self.is_stale { self.at_refresh } else { self.weights };
        let before = self.of(&from);
        for &(e, w) in changes {
            pending[e as usize] = f64::from(w);
            from[e as usize] = f64::from(w);
        }
        self.pending = Some(pending);
        Some(self.of(&from) - before)
    }

    fn accept(&mut self) {
        self.weights = self.pending.take().expect("a proposal");
    }

    fn reject(&mut self) {
        self.pending = None;
    }

    fn refresh(&mut self) -> f64 {
        self.at_refresh = self.weights;
        0.0
    }
}

/// Draws that a counter runs through: each run of a proposal follows one path, until all have been listed.
#[derive(Default)]
pub struct EveryDraw {
    /// (what was drawn, out of how many), in order.
    path: Vec<(u64, u64)>,
    at: usize,
}

impl EveryDraw {
    /// Goes to the next path; false if there is none.
    pub fn advance(&mut self) -> bool {
        self.path.truncate(self.at);
        self.at = 0;
        while let Some((drawn, n)) = self.path.pop() {
            if drawn + 1 < n {
                self.path.push((drawn + 1, n));
                return true;
            }
        }
        false
    }

    pub fn probability(&self) -> f64 {
        self.path[..self.at].iter().map(|&(_, n)| 1.0 / n as f64).product()
    }
}

impl Draws for EveryDraw {
    fn below(&mut self, n: u64) -> u64 {
        if self.at == self.path.len() {
            self.path.push((0, n));
        }
        let (drawn, of) = self.path[self.at];
        assert_eq!(of, n, "the same path asks for the same draws");
        self.at += 1;
        drawn
    }

    fn gaussian(&mut self) -> f64 {
        panic!("weights of this test are discrete")
    }
}

/// What goes wrong in the twins that tests must catch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    None,
    /// Births are drawn by scores, the ratio believes in uniform draws.
    NoScores,
    /// The ratio forgets that a death chooses one of K + 1.
    NoNumber,
    /// The ratio believes that an empty and a full structure are left and entered like all others.
    NoBoundaries,
    /// Weights come from q, the ratio believes in the slab.
    NoSlab,
    /// A rewiring is believed to be symmetric.
    NoRewiringScores,
    /// No ratio at all, only exp(-dU/T).
    NoRatio,
    /// The density is forgotten.
    NoDensity,
    /// The structural cost is not in dU.
    NoCost,
}

/// The engine's own proposal, with the fault.
pub fn propose_with(fault: Fault, structure: &Structure, settings: &StructureSettings, draws: &mut impl Draws) -> Proposal {
    let mut proposal = propose(structure, settings, draws);
    if proposal.ln_ratio == f64::NEG_INFINITY {
        return proposal;
    }
    let (k, q) = (structure.n_alive(), structure.dead_score() as f64);
    let m = structure.n_candidates();
    let n_dead = (m - k) as f64;
    let h = |c: u32| f64::from(structure.score(c));
    let more = match (fault, proposal.step) {
        (Fault::NoScores, Move::Birth { candidate, .. }) => math::ln(h(candidate) / q * n_dead),
        (Fault::NoScores, Move::Death { candidate }) => -math::ln(h(candidate) / (q + h(candidate)) * (n_dead + 1.0)),
        (Fault::NoNumber, Move::Birth { .. }) => math::ln((k + 1) as f64),
        (Fault::NoNumber, Move::Death { .. }) => -math::ln(k as f64),
        (Fault::NoBoundaries, Move::Birth { .. }) => boundary(settings, k, m),
        (Fault::NoBoundaries, Move::Death { .. }) => -boundary(settings, k - 1, m),
        (Fault::NoRewiringScores, Move::Rewire { from, to, .. }) => -math::ln(h(from) / (q - h(to) + h(from)) / (h(to) / q)),
        (Fault::NoSlab, Move::Birth { weight, .. }) => -slab_over_q(settings, weight),
        (Fault::NoSlab, Move::Death { candidate }) => slab_over_q(settings, structure.weight(candidate)),
        (Fault::NoRatio, Move::Birth { .. } | Move::Death { .. }) => -proposal.ln_ratio,
        (Fault::NoDensity, Move::Birth { .. }) => -ln_odds(settings),
        (Fault::NoDensity, Move::Death { .. }) => ln_odds(settings),
        _ => 0.0,
    };
    proposal.ln_ratio += more;
    if fault == Fault::NoCost {
        proposal.cost_change = 0.0;
    }
    proposal
}

/// What the true shares between `k` and `k + 1` living candidates add to a ratio that believes in those of the middle.
fn boundary(settings: &StructureSettings, k: usize, m: usize) -> f64 {
    let p = |kind: usize, k: usize| {
        let shares = shares_at(settings.shares, k, m);
        shares[kind] as f64 / shares.iter().sum::<u64>() as f64
    };
    let ratio = |k: usize, k1: usize| math::ln(p(1, k1) / p(0, k));
    ratio(2, 3) - ratio(k, k + 1)
}

fn slab_over_q(settings: &StructureSettings, weight: f32) -> f64 {
    let (Slab::Gaussian { sd }, Some(q)) = (settings.slab, settings.birth_sd) else { return 0.0 };
    let (w, s, q) = (f64::from(weight), f64::from(sd), f64::from(q));
    0.5 * w * w * (1.0 / (q * q) - 1.0 / (s * s)) + math::ln(q / s)
}

pub fn ln_odds(settings: &StructureSettings) -> f64 {
    match settings.density {
        Density::Rho(rho) => math::ln(rho / (1.0 - rho)),
        Density::Mu(_) => 0.0,
    }
}

/// As [`lehr::engine::structure::walk`], by faulty proposals.
pub fn walk_with<E: StructureEnergy>(
    fault: Fault,
    structure: &mut Structure,
    energy: &mut E,
    settings: &StructureSettings,
    n_moves: u64,
    t: f64,
    key: StreamKey,
) {
    let mut stream = key.stream();
    for _ in 0..n_moves {
        let proposal = propose_with(fault, structure, settings, &mut stream);
        if proposal.ln_ratio == f64::NEG_INFINITY {
            continue;
        }
        let bound = proposal.bound(t, stream.uniform());
        let (changes, n) = proposal.step.changes();
        if energy.propose(&changes[..n], bound).is_some_and(|change| change <= bound) {
            energy.accept();
            proposal.step.apply(structure);
        } else {
            energy.reject();
        }
    }
}

/// The chi-square that is exceeded with probability 1e-6 (Wilson, Hilferty 1931).
pub fn chi_square_limit(df: f64) -> f64 {
    let c = 1.0 - 2.0 / (9.0 * df) + 4.753 * (2.0 / (9.0 * df)).sqrt();
    df * c * c * c
}

/// The chi-square of `counts` under `p`, over the limit that is exceeded with probability 1e-6; cells below 5 expected are one.
pub fn chi_square(p: &[f64], counts: &[u64]) -> f64 {
    let n = counts.iter().sum::<u64>() as f64;
    let (mut chi2, mut rest, mut df) = (0.0, (0.0, 0.0), -1.0);
    for (&p, &c) in p.iter().zip(counts) {
        let (c, expected) = (c as f64, n * p);
        if expected < 5.0 {
            rest = (rest.0 + c, rest.1 + expected);
        } else {
            chi2 += (c - expected) * (c - expected) / expected;
            df += 1.0;
        }
    }
    if rest.1 >= 1.0 {
        chi2 += (rest.0 - rest.1) * (rest.0 - rest.1) / rest.1;
        df += 1.0;
    } else if rest.0 > 20.0 {
        return f64::INFINITY;
    }
    chi2 / chi_square_limit(df)
}
