//! Neighbouring candidates, and where in them a candidate of some rank is.

use super::kernel::Move;
use super::state::Structure;

/// Neighbouring candidates, as a structure has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Candidates.
    pub m: usize,
    /// Those that live.
    pub k: usize,
    /// Scores of those that do not.
    pub q: u64,
    /// Living candidates before it.
    pub alive_before: u64,
    /// Scores of dead ones before it.
    pub dead_before: u64,
}

impl Span {
    /// Counts a move inside of it that `structure` has made.
    pub fn turn(&mut self, step: Move, structure: &Structure) {
        let score = |candidate: u32| u64::from(structure.score(candidate));
        match step {
            Move::Stay | Move::Weight { .. } => {}
            Move::Birth { candidate, .. } => (self.k, self.q) = (self.k + 1, self.q - score(candidate)),
            Move::Death { candidate } => (self.k, self.q) = (self.k - 1, self.q + score(candidate)),
            Move::Rewire { from, to, .. } => self.q = self.q + score(from) - score(to),
        }
    }

    /// The same where `by` more live, each of the score 1 if that may be.
    pub(super) fn shifted(&self, by: i64) -> Self {
        let q = if self.q == (self.m - self.k) as u64 { self.q.saturating_add_signed(-by) } else { self.q };
        Span { k: self.k.saturating_add_signed(by as isize), q, ..*self }
    }
}

/// Where the candidate of a rank is: so far in the candidates of a leaf that live, or in the scores of those that do not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) leaf: usize,
    pub(super) rest: u64,
    /// True for the former.
    pub(super) is_alive: bool,
}

/// The place of one number `rank` of `word`, counted from the lowest; no branch depends on either.
pub(super) fn nth_one(word: u64, rank: u32) -> u32 {
    const BYTES: u64 = 0x0101_0101_0101_0101;
    // 1. Ones of neighbouring pairs, fours and bytes of bits, and of all bytes up to each.
    let pairs = word - ((word >> 1) & (0x55 * BYTES));
    let fours = (pairs & (0x33 * BYTES)) + ((pairs >> 2) & (0x33 * BYTES));
    let bytes = (fours + (fours >> 4)) & (0x0f * BYTES);
    let up_to = bytes.wrapping_mul(BYTES);
    // 2. The byte: as many are before it as have no more ones up to their end than `rank`.
    let is_before = ((((u64::from(rank) * BYTES) | (0x80 * BYTES)) - up_to) >> 7) & BYTES;
    let byte = (is_before.wrapping_mul(BYTES) >> 56) as u32;
    let mut rest = rank - ((up_to << 8 >> (8 * byte)) & 0xff) as u32;
    // 3. Inside it.
    let mut place = 8 * byte;
    for (counts, width, mask) in [(fours, 4, 0xf), (pairs, 2, 0x3), (word, 1, 0x1)] {
        let below = ((counts >> place) & mask) as u32;
        let is_above = rest >= below;
        rest -= if is_above { below } else { 0 };
        place += if is_above { width } else { 0 };
    }
    place
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::structure::kernel::{SPAN, walk};
    use crate::engine::structure::{Candidates, Density, MoveShares, Nothing, Slab, StructureSettings};
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    #[test]
    fn spans_share_all_candidates_between_them() {
        let mut stream = StreamKey::new(Seed(5), SystemTag::named("structure/span"), 1).stream();
        let candidates = Arc::new(Candidates::all_pairs(77, true).unwrap());
        let scores: Vec<u32> = (0..candidates.len()).map(|_| stream.below(4) as u32).collect();
        let living: Vec<(u32, f32)> = (0..candidates.len() as u32).filter(|_| stream.coin()).map(|c| (c, 1.0)).collect();
        let mut structure = Structure::with_living(candidates, living);
        structure.set_scores(scores);
        for n in 1..8 {
            let mut first = 0;
            for span in (0..n).map(|part| structure.span_of(part, n)) {
                let scores = |from: u32, to: usize| {
                    let dead = (from..to as u32).filter(|&c| !structure.is_alive(c));
                    dead.map(|c| u64::from(structure.score(c))).sum::<u64>()
                };
                let alive = |from: u32, to: usize| (from..to as u32).filter(|&c| structure.is_alive(c)).count();
                let end = first + span.m;
                let expected = (alive(first as u32, end), scores(first as u32, end), alive(0, first) as u64, scores(0, first));
                assert_eq!((span.k, span.q, span.alive_before, span.dead_before), expected, "{first}..{end}");
                first = end;
            }
            assert_eq!(first, structure.n_candidates());
        }
        assert_eq!(structure.span(), structure.span_of(0, 1));
    }

    #[test]
    fn a_walk_through_spans_has_the_prior() {
        let candidates = Arc::new(Candidates::all_pairs(520, true).unwrap());
        let rho = 0.004;
        let settings = StructureSettings {
            density: Density::Rho(rho),
            slab: Slab::Fixed { value: 1.0 },
            shares: MoveShares { birth: 1, death: 1, weight: 0, rewire: 0 },
            ..StructureSettings::default()
        };
        let mut structure = Structure::new(Arc::clone(&candidates));
        let mut energy = Nothing { n_candidates: candidates.len() };
        assert!(candidates.len() >= 2 * SPAN);
        let mut sums = [0.0; 2];
        let n = 20_u32;
        for k in 0..2 * n {
            let key = StreamKey::new(Seed(5), SystemTag::named("structure/span/walk"), u64::from(k));
            walk(&mut structure, &mut energy, &settings, 5000, 1.0, key);
            let halves = [0, 1].map(|part| structure.span_of(part, 2));
            assert_eq!(halves[0].k + halves[1].k, structure.n_alive());
            // The first half of the walks leads from nothing to where the prior is.
            (0..2).filter(|_| k >= n).for_each(|part| sums[part] += halves[part].k as f64);
        }
        for (part, sum) in sums.into_iter().enumerate() {
            let mean = rho * structure.span_of(part, 2).m as f64;
            let found = sum / f64::from(n);
            // One walk turns about as many candidates as live; a handful of them is one independent number.
            let error = (mean * (1.0 - rho) * 4.0 / f64::from(n)).sqrt();
            assert!((found - mean).abs() < 5.0 * error, "{found} of {mean} +- {error} live in part {part}");
        }
    }

    #[test]
    fn every_one_of_a_word_is_found_by_its_rank() {
        let mut stream = StreamKey::new(Seed(5), SystemTag::named("structure/span"), 0).stream();
        let mut words: Vec<u64> = (0..200).map(|k| (0..k % 6).fold(stream.bits(), |word, _| word & stream.bits())).collect();
        words.extend([1, 1 << 63, u64::MAX, 0xff << 56, 0x8000_0000_0000_0001]);
        for word in words {
            let ones: Vec<u32> = (0..64).filter(|place| (word >> place) & 1 == 1).collect();
            assert_eq!((0..word.count_ones()).map(|rank| nth_one(word, rank)).collect::<Vec<_>>(), ones, "{word:x}");
        }
    }
}
