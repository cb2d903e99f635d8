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
    let pairs = word - (word >> 1 & 0x55 * BYTES);
    let fours = (pairs & 0x33 * BYTES) + (pairs >> 2 & 0x33 * BYTES);
    let bytes = (fours + (fours >> 4)) & 0x0f * BYTES;
    let up_to = bytes.wrapping_mul(BYTES);
    // 2. The byte: as many are before it as have no more ones up to their end than `rank`.
    let is_before = ((u64::from(rank) * BYTES | 0x80 * BYTES) - up_to) >> 7 & BYTES;
    let byte = (is_before.wrapping_mul(BYTES) >> 56) as u32;
    let mut rest = rank - (up_to << 8 >> (8 * byte) & 0xff) as u32;
    // 3. Inside it.
    let mut place = 8 * byte;
    for (counts, width, mask) in [(fours, 4, 0xf), (pairs, 2, 0x3), (word, 1, 0x1)] {
        let below = (counts >> place & mask) as u32;
        let is_above = rest >= below;
        rest -= if is_above { below } else { 0 };
        place += if is_above { width } else { 0 };
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    #[test]
    fn every_one_of_a_word_is_found_by_its_rank() {
        let mut stream = StreamKey::new(Seed(5), SystemTag::named("structure/span"), 0).stream();
        let mut words: Vec<u64> = (0..200).map(|k| (0..k % 6).fold(stream.bits(), |word, _| word & stream.bits())).collect();
        words.extend([1, 1 << 63, u64::MAX, 0xff << 56, 0x8000_0000_0000_0001]);
        for word in words {
            let ones: Vec<u32> = (0..64).filter(|place| word >> place & 1 == 1).collect();
            assert_eq!((0..word.count_ones()).map(|rank| nth_one(word, rank)).collect::<Vec<_>>(), ones, "{word:x}");
        }
    }
}
