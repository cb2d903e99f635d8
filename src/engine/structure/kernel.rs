//! Reversible-jump moves of a structure: birth, death, weight, rewiring.
//!
//! With h the scores of candidates and Q their sum over dead ones (Green 1995; all ratios before exp(-dU/T)):
//! - birth of e, drawn with h_e / Q, its weight from the slab: odds * [p_death(K+1) / (K+1)] / [p_birth(K) h_e / Q];
//! - death of e, uniform among K: [p_birth(K-1) h_e / (Q + h_e)] / [p_death(K) / K] / odds;
//! - weights of births drawn from q instead: birth times slab(w) / q(w), death by its inverse;
//! - rewiring of a living a to a dead b, which takes the weight along: [h_a / (Q - h_b + h_a)] / [h_b / Q];
//! - a weight moves by a Gaussian: slab(w') / slab(w).
//!
//! odds = rho / (1 - rho) of a density, or 1 if mu is in U. p_birth(0) = 1 and p_birth(M) = 0, as do shares of other moves that
//! cannot be made there. Structures beyond a cap have probability 0: what leads there is refused, and ratios stay as they are.
//!
//! All of this holds as well for the candidates of a span while those outside of it stay: K, M and Q are then those of the span. A
//! walk over many candidates draws a span for each block of proposals, whatever the state is, so that what it touches is close
//! together; the distribution that stays is the same. It does so where births and deaths leave the span its own number of synapses
//! and all scores are alike, so that no span is better than another.

use crate::math;
use crate::random::{BLOCK, Stream, StreamKey};

use super::energy::StructureEnergy;
use super::foresight::Foresight;
use super::settings::{Density, MoveShares, Slab, StructureSettings};
use super::span::Span;
use super::state::Structure;

/// Proposals after which the energy is computed anew and must agree with what was kept; of more than eight times as many
/// candidates after an eighth of their number, so that this costs O(1) a proposal.
pub(crate) const REFRESH: u64 = 10_000;
/// Proposals whose memory is asked for together before they are made; divides a block of random numbers.
const AHEAD: u64 = 32;
/// Candidates of a span: pairs, weights and neurons of these stay in a cache of 1 MB, and in the pages that a processor knows.
pub(super) const SPAN: usize = 1 << 16;
/// Candidates from which on that pays: fewer stay in the caches.
const LARGE: usize = 1 << 16;
/// Largest difference of the two, as a share of 1 + |energy|.
const LARGEST_DRIFT: f64 = 1e-4;

/// Of so many equal chances, [`Draws::chance`] takes a whole number.
const CHANCES: u64 = 1 << 32;

/// The probability that [`Draws::chance`] has where it is asked for `p`: at most `p`, by less than 2^-32.
pub fn drawn_probability(p: f64) -> f64 {
    (p * CHANCES as f64).floor() / CHANCES as f64
}

/// Where a proposal's random numbers come from; a test lists all that can come.
pub trait Draws {
    /// A uniform integer below `n`, which is above 0.
    fn below(&mut self, n: u64) -> u64;
    /// A standard normal number.
    fn gaussian(&mut self) -> f64;
    /// True with probability `p`, to 2^-32.
    fn chance(&mut self, p: f64) -> bool {
        self.below(CHANCES) < (p * CHANCES as f64) as u64
    }
}

impl Draws for Stream {
    fn below(&mut self, n: u64) -> u64 {
        Stream::below(self, n)
    }

    fn gaussian(&mut self) -> f64 {
        Stream::gaussian(self)
    }
}

/// One change of a structure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Move {
    /// None: what was drawn cannot be done here.
    Stay,
    /// A dead candidate comes to life.
    Birth {
        /// Which.
        candidate: u32,
        /// Its weight.
        weight: f32,
    },
    /// A living one dies.
    Death {
        /// Which.
        candidate: u32,
    },
    /// A weight moves.
    Weight {
        /// Whose.
        candidate: u32,
        /// The new one.
        weight: f32,
    },
    /// A living candidate dies and a dead one lives, with its weight.
    Rewire {
        /// Which dies.
        from: u32,
        /// Which is born.
        to: u32,
        /// The weight of the born one.
        weight: f32,
    },
}

impl Move {
    /// The weights that it sets, by candidate; the first `n` of the pair count.
    pub fn changes(&self) -> ([(u32, f32); 2], usize) {
        match *self {
            Move::Stay => ([(0, 0.0); 2], 0),
            Move::Birth { candidate, weight } | Move::Weight { candidate, weight } => ([(candidate, weight), (0, 0.0)], 1),
            Move::Death { candidate } => ([(candidate, 0.0), (0, 0.0)], 1),
            Move::Rewire { from, to, weight } => ([(from, 0.0), (to, weight)], 2),
        }
    }

    /// Makes it.
    ///
    /// # Panics
    /// If the structure is not one that it was proposed for.
    pub fn apply(&self, structure: &mut Structure) {
        match *self {
            Move::Stay => {}
            Move::Birth { candidate, weight } => structure.revive(candidate, weight),
            Move::Death { candidate } => structure.kill(candidate),
            Move::Weight { candidate, weight } => structure.set_weight(candidate, weight),
            Move::Rewire { from, to, weight } => {
                structure.kill(from);
                structure.revive(to, weight);
            }
        }
    }
}

/// A proposed move and what decides on it besides the energy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proposal {
    /// The move.
    pub step: Move,
    /// ln of the acceptance ratio without exp(-dU/T); minus infinity if it leads beyond a cap.
    pub ln_ratio: f64,
    /// What the structural cost changes by, a part of dU.
    pub cost_change: f64,
}

impl Proposal {
    /// min(1, ratio exp(-dU/T)) for a change `d_energy` of the energy; at T = 0 it is 1 exactly if dU is not above 0.
    pub fn acceptance(&self, d_energy: f64, t: f64) -> f64 {
        if self.ln_ratio == f64::NEG_INFINITY {
            return 0.0;
        }
        let du = d_energy + self.cost_change;
        if t > 0.0 { math::exp((self.ln_ratio - du / t).min(0.0)) } else { f64::from(u8::from(du <= 0.0)) }
    }

    /// The largest change of the energy that is accepted at temperature `t` with the uniform number `u`.
    pub fn bound(&self, t: f64, u: f64) -> f64 {
        if self.ln_ratio == f64::NEG_INFINITY {
            return f64::NEG_INFINITY;
        }
        (if t > 0.0 { t * (self.ln_ratio - math::ln(u)) } else { 0.0 }) - self.cost_change
    }
}

/// The shares of moves where `k` of `m` candidates live: births, deaths, weight moves, rewirings.
pub fn shares_at(shares: MoveShares, k: usize, m: usize) -> [u64; 4] {
    let has = |holds: bool, share: u32| if holds { u64::from(share) } else { 0 };
    let (alive, dead) = (k > 0, k < m);
    [has(dead, shares.birth), has(alive, shares.death), has(alive, shares.weight), has(alive && dead, shares.rewire)]
}

/// The probability of the move kind `kind` (as in [`shares_at`]) where `k` of `m` live.
fn share_at(shares: MoveShares, kind: usize, k: usize, m: usize) -> f64 {
    let shares = shares_at(shares, k, m);
    shares[kind] as f64 / shares.iter().sum::<u64>() as f64
}

/// Draws a move of `structure`.
pub fn propose(structure: &Structure, settings: &StructureSettings, draws: &mut impl Draws) -> Proposal {
    propose_within(&structure.span(), structure, settings, draws)
}

/// Draws a move of the candidates of `span`, a span of `structure` as it is.
pub fn propose_within(span: &Span, structure: &Structure, settings: &StructureSettings, draws: &mut impl Draws) -> Proposal {
    let stay = Proposal { step: Move::Stay, ln_ratio: f64::NEG_INFINITY, cost_change: 0.0 };
    let shares = shares_at(settings.shares, span.k, span.m);
    let sum = shares.iter().sum();
    if sum == 0 {
        return stay;
    }
    let drawn = draws.below(sum);
    if drawn < shares[0] {
        propose_birth(span, structure, settings, draws).unwrap_or(stay)
    } else if drawn < shares[0] + shares[1] {
        propose_death(span, structure, settings, draws)
    } else if drawn < shares[0] + shares[1] + shares[2] {
        propose_weight(span, structure, settings, draws).unwrap_or(stay)
    } else {
        propose_rewiring(span, structure, settings, draws).unwrap_or(stay)
    }
}

/// The odds of a birth without energy.
fn odds(density: Density) -> f64 {
    match density {
        Density::Rho(rho) => rho / (1.0 - rho),
        Density::Mu(_) => 1.0,
    }
}

/// ln slab(w) - ln q(w) for a birth proposed from q.
pub(super) fn ln_slab_over_q(settings: &StructureSettings, weight: f32) -> f64 {
    match (settings.slab, settings.birth_sd) {
        (Slab::Gaussian { sd }, Some(birth_sd)) => {
            let (w, s, q) = (f64::from(weight), f64::from(sd), f64::from(birth_sd));
            0.5 * w * w * (1.0 / (q * q) - 1.0 / (s * s)) + math::ln(q / s)
        }
        _ => 0.0,
    }
}

fn propose_birth(span: &Span, structure: &Structure, settings: &StructureSettings, draws: &mut impl Draws) -> Option<Proposal> {
    let Span { k, m, q, .. } = *span;
    if q == 0 {
        return None;
    }
    let candidate = structure.dead_at(span.dead_before + draws.below(q));
    let weight = draw_weight(settings, structure.candidates().sign(candidate), draws);
    let (h, q) = (f64::from(structure.score(candidate)), q as f64);
    let back = share_at(settings.shares, 1, k + 1, m) / (k + 1) as f64;
    let forth = share_at(settings.shares, 0, k, m) * (h / q);
    let ln_ratio = math::ln(odds(settings.density) * (back / forth)) + ln_slab_over_q(settings, weight);
    Some(judge(structure, settings, Move::Birth { candidate, weight }, ln_ratio, &[(candidate, true)]))
}

fn propose_death(span: &Span, structure: &Structure, settings: &StructureSettings, draws: &mut impl Draws) -> Proposal {
    let Span { k, m, q, .. } = *span;
    let candidate = structure.alive_at(span.alive_before + draws.below(k as u64));
    let h = u64::from(structure.score(candidate));
    let q_after = q + h;
    let back = share_at(settings.shares, 0, k - 1, m) * (h as f64 / q_after.max(1) as f64);
    let forth = share_at(settings.shares, 1, k, m) / k as f64;
    let ln_ratio = math::ln(back / (forth * odds(settings.density))) - ln_slab_over_q(settings, structure.weight(candidate));
    judge(structure, settings, Move::Death { candidate }, ln_ratio, &[(candidate, false)])
}

fn propose_weight(span: &Span, structure: &Structure, settings: &StructureSettings, draws: &mut impl Draws) -> Option<Proposal> {
    let candidate = structure.alive_at(span.alive_before + draws.below(span.k as u64));
    let (old, sign) = (structure.weight(candidate), structure.candidates().sign(candidate));
    let (weight, ln_ratio) = match settings.slab {
        Slab::Gaussian { sd } => {
            let moved = old + settings.weight_step * draws.gaussian() as f32;
            // Folded at 0, a step is as likely there as back.
            let weight = if sign == 0 { moved } else { moved.abs() * f32::from(sign) };
            let (old, new, sd) = (f64::from(old), f64::from(weight), f64::from(sd));
            (weight, 0.5 * (old - new) * (old + new) / (sd * sd))
        }
        Slab::Signs { .. } if sign == 0 => (-old, 0.0),
        Slab::Signs { .. } | Slab::Fixed { .. } => return None,
    };
    Some(Proposal { step: Move::Weight { candidate, weight }, ln_ratio, cost_change: 0.0 })
}

fn propose_rewiring(span: &Span, structure: &Structure, settings: &StructureSettings, draws: &mut impl Draws) -> Option<Proposal> {
    let q = span.q;
    if q == 0 {
        return None;
    }
    let from = structure.alive_at(span.alive_before + draws.below(span.k as u64));
    let to = structure.dead_at(span.dead_before + draws.below(q));
    let (old, signs) = (structure.weight(from), [from, to].map(|c| structure.candidates().sign(c)));
    let weight = if signs[1] == 0 { old } else { old.abs() * f32::from(signs[1]) };
    // A weight of either sign cannot become one of a prescribed sign and return.
    if (signs[0] == 0) != (signs[1] == 0) {
        return None;
    }
    let (h_from, h_to) = (u64::from(structure.score(from)), u64::from(structure.score(to)));
    let back = h_from as f64 / (q - h_to + h_from).max(1) as f64;
    let ln_ratio = math::ln(back / (h_to as f64 / q as f64));
    Some(judge(structure, settings, Move::Rewire { from, to, weight }, ln_ratio, &[(from, false), (to, true)]))
}

fn judge(structure: &Structure, settings: &StructureSettings, step: Move, ln_ratio: f64, turns: &[(u32, bool)]) -> Proposal {
    let fits = structure.fits_caps(settings, turns);
    let ln_ratio = if fits { ln_ratio } else { f64::NEG_INFINITY };
    Proposal { step, ln_ratio, cost_change: structure.cost_change(settings, turns) }
}

/// The weight of a birth.
pub(super) fn draw_weight(settings: &StructureSettings, sign: i8, draws: &mut impl Draws) -> f32 {
    let weight = match settings.slab {
        Slab::Gaussian { sd } => settings.birth_sd.unwrap_or(sd) * draws.gaussian() as f32,
        Slab::Signs { size } if sign == 0 => {
            if draws.below(2) == 0 {
                size
            } else {
                -size
            }
        }
        Slab::Signs { size } => size,
        Slab::Fixed { value } => value,
    };
    if sign == 0 { weight } else { weight.abs() * f32::from(sign) }
}

/// Proposals of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Made.
    pub n_proposed: u64,
    /// Accepted.
    pub n_accepted: u64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.n_proposed += other.n_proposed;
        self.n_accepted += other.n_accepted;
    }
}

/// What a walk did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Births.
    pub births: Count,
    /// Deaths.
    pub deaths: Count,
    /// Weight moves.
    pub weights: Count,
    /// Rewirings.
    pub rewirings: Count,
    /// What was drawn but cannot be done.
    pub n_stayed: u64,
    /// What the structural cost changed by.
    pub cost_change: f64,
}

impl Tally {
    /// Accepted proposals over all that were made, 0 if none was.
    pub fn acceptance(&self) -> f64 {
        let kinds = [self.births, self.deaths, self.weights, self.rewirings];
        let made = kinds.iter().map(|c| c.n_proposed).sum::<u64>() + self.n_stayed;
        kinds.iter().map(|c| c.n_accepted).sum::<u64>() as f64 / made.max(1) as f64
    }

    pub(super) fn count(&mut self, step: Move, is_accepted: bool) {
        let count = match step {
            Move::Stay => {
                self.n_stayed += 1;
                return;
            }
            Move::Birth { .. } => &mut self.births,
            Move::Death { .. } => &mut self.deaths,
            Move::Weight { .. } => &mut self.weights,
            Move::Rewire { .. } => &mut self.rewirings,
        };
        *count += Count { n_proposed: 1, n_accepted: u64::from(is_accepted) };
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.births += other.births;
        self.deaths += other.deaths;
        self.weights += other.weights;
        self.rewirings += other.rewirings;
        self.n_stayed += other.n_stayed;
        self.cost_change += other.cost_change;
    }
}

/// Makes `n_moves` proposals at temperature `t`; a pure function of its arguments.
///
/// The number that decides is drawn before the energy is asked, so that a proposal which is sure to be refused is not looked at to
/// its end. At T = 0 all is accepted that does not cost.
///
/// # Panics
/// If structure and energy have other candidates, or the energy has drifted from what it is when computed anew.
pub fn walk<E: StructureEnergy + ?Sized>(
    structure: &mut Structure,
    energy: &mut E,
    settings: &StructureSettings,
    n_moves: u64,
    t: f64,
    key: StreamKey,
) -> Tally {
    assert_eq!(structure.n_candidates(), energy.n_candidates(), "candidates of the structure, and of the energy");
    let refresh_every = REFRESH.max(structure.n_candidates() as u64 / 8);
    let is_large = structure.n_candidates() >= LARGE;
    let n_spans = if settings.shares.rewire == 0 && structure.has_like_scores() { structure.n_candidates() / SPAN } else { 1 };
    let mut span = structure.span();
    let mut foresight = Foresight::default();
    let mut tally = Tally::default();
    let mut stream = key.stream();
    for k in 0..n_moves {
        if k > 0 && k.is_multiple_of(refresh_every) {
            refresh(energy);
        }
        if k.is_multiple_of(BLOCK as u64) {
            stream = key.block((k / BLOCK as u64) as u32).stream();
            if n_spans > 1 {
                span = structure.span_of(stream.below(n_spans as u64) as usize, n_spans);
            }
        }
        if is_large && k.is_multiple_of(AHEAD) {
            let is_lively = 2.0 * tally.acceptance() >= 1.0;
            foresight.look(&span, structure, settings, is_lively, AHEAD.min(n_moves - k), stream.clone());
            energy.warm(foresight.named());
            structure.warm(foresight.named());
        }
        // 1. What moves.
        let proposal = propose_within(&span, structure, settings, &mut foresight.knowing(&mut stream));
        // 2. What it may cost, and what it costs.
        let is_accepted = proposal.ln_ratio > f64::NEG_INFINITY && {
            let bound = proposal.bound(t, stream.uniform());
            let (changes, n) = proposal.step.changes();
            match energy.propose(&changes[..n], bound) {
                Some(change) if change <= bound => {
                    energy.accept();
                    true
                }
                Some(_) => {
                    energy.reject();
                    false
                }
                None => false,
            }
        };
        // 3. It becomes the state.
        if is_accepted {
            proposal.step.apply(structure);
            span.turn(proposal.step, structure);
            tally.cost_change += proposal.cost_change;
        }
        tally.count(proposal.step, is_accepted);
    }
    tally
}

/// Computes the energy anew.
///
/// # Panics
/// If it had drifted, which means that changes were computed from something stale.
pub fn refresh<E: StructureEnergy + ?Sized>(energy: &mut E) {
    let drift = energy.refresh();
    let value = energy.energy();
    assert!(drift <= LARGEST_DRIFT * (1.0 + value.abs()), "an energy of {value} had drifted by {drift}: its changes are stale");
}
