//! Local fields made anew from the spins by counting bits: f = h + J (2 n - degree), n neighbours being up.
//!
//! Pushing costs a step for each neighbour of each flip, this a step for each 64 positions, whatever
//! flips: in hot sweeps of small graphs of many neighbours it is the cheaper of two exact ways.
#![expect(unsafe_code, reason = "calls of functions that need vector instructions")]

use std::ops::Range;

use crate::kernels::simd::Simd;
use crate::plan::SpinPlan;

use super::lanes::{Lanes, Scalar};
use super::rows::{GROUP, ReplicaRows, Strengths};

/// Groups in a word of 64 positions.
pub(super) const GROUPS_PER_WORD: usize = 64 / GROUP;

/// Words for the fields of a spin beyond which the rows are not made: fewer neighbours than half of them can never repay it.
const MAX_WORDS_PER_DEGREE: usize = 2;

/// Couplings of one size as bits: for each group and each word of positions, sixteen masks of neighbours.
#[derive(Clone, Debug)]
pub struct BitRows {
    /// Words of positions.
    pub(super) n_words: usize,
    /// Neighbours, by group, word and position in the group.
    pub(super) neighbours: Vec<u64>,
    /// Those with a negative coupling, in the same order; empty if all couplings are the same.
    pub(super) negative: Vec<u64>,
    /// h - J degree in units, by position.
    pub(super) base: Vec<i32>,
    /// 2 J in units.
    pub(super) twice: i32,
}

impl BitRows {
    /// Bit rows over `n_positions` (whole words), with `couplings` as (position, position of the neighbour, J < 0) and a base of zero.
    pub fn of_couplings(n_positions: usize, is_signed: bool, twice: i32, couplings: impl Iterator<Item = (usize, usize, bool)>) -> Self {
        assert!(n_positions.is_multiple_of(64), "{n_positions} positions are no whole words");
        let n_words = n_positions / 64;
        let mut neighbours = vec![0; n_words * n_positions];
        let mut negative = if is_signed { neighbours.clone() } else { Vec::new() };
        for (p, target, is_negative) in couplings {
            let at = (p / GROUP * n_words + target / 64) * GROUP + p % GROUP;
            neighbours[at] |= 1 << (target % 64);
            if let Some(negative) = negative.get_mut(at) {
                *negative |= u64::from(is_negative) << (target % 64);
            }
        }
        BitRows { n_words, neighbours, negative, base: vec![0; n_positions], twice }
    }

    /// The bit rows of `plan`, or `None` if its fields are no integers, its couplings of several sizes, or it is too sparse.
    pub fn new(plan: &SpinPlan, rows: &ReplicaRows) -> Option<Self> {
        let unit = f64::from(rows.unit()?);
        let (is_signed, twice) = match rows.strengths {
            Strengths::Same(twice) => (false, twice as i32),
            Strengths::Uniform(twice) => (true, twice as i32),
            _ => return None,
        };
        if rows.n_positions() / 64 * plan.n_spins() > MAX_WORDS_PER_DEGREE * plan.neighbours.len() {
            return None;
        }
        // No field is kept for clamped spins.
        let free = || (0..plan.n_free()).map(|slot| (slot, rows.position(slot), plan.row(slot)));
        let couplings = free().flat_map(|(_, p, (js, weights))| js.iter().zip(weights).map(move |(&j, &w)| (p, j, w)));
        let named = couplings.map(|(p, j, w)| (p, rows.position(j as usize), w < 0.0));
        let mut bits = Self::of_couplings(rows.n_positions(), is_signed, twice, named);
        for (slot, p, (js, _)) in free() {
            // Each neighbour that the bits do not count adds -J (signed: -|J|).
            bits.base[p] = (f64::from(plan.fields[slot]) / unit) as i32 - twice / 2 * js.len() as i32;
        }
        Some(bits)
    }

    /// Sets the base so that the field of `p` with the spins `up` becomes `field`.
    pub fn set_field(&mut self, p: usize, up: &[u16], field: i32) {
        self.base[p] = 0;
        self.base[p] = field.wrapping_sub(self.field(p, up.as_chunks().0));
    }

    /// What a sweep by these rows costs, in pushes to a neighbour.
    pub fn cost(&self, simd: Simd) -> u64 {
        let words = (self.n_words * self.base.len()) as u64;
        match simd {
            Simd::Avx512 => words / 4,
            Simd::Avx2 => words,
            Simd::Scalar => 8 * words,
        }
    }

    /// Makes the fields of `groups` from the spins `up` of all groups.
    ///
    /// # Panics
    /// If `fields` is not one a position, `up` not one a group, or the processor lacks the backend.
    pub fn fill(&self, simd: Simd, groups: Range<usize>, up: &[u16], fields: &mut [i32]) {
        assert!(simd.is_available(), "no {} on this processor", simd.name());
        assert_eq!((fields.len(), up.len()), (self.base.len(), self.base.len() / GROUP), "fields and masks of all positions");
        let (words, rest) = up.as_chunks::<GROUPS_PER_WORD>();
        assert!(rest.is_empty() && words.len() == self.n_words, "masks of whole words");
        assert!(groups.end <= up.len(), "groups {groups:?} of {}", up.len());
        match simd {
            // SAFETY: the processor has the backend.
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => unsafe { super::avx512::fill(self, groups, words, fields) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => unsafe { super::avx2::fill(self, groups, words, fields) },
            _ => fill_with(Scalar, self, groups, words, fields),
        }
    }

    /// The field of `p`: the meaning of [`Lanes::pull`].
    #[inline(always)]
    pub(super) fn field(&self, p: usize, up: &[[u16; GROUPS_PER_WORD]]) -> i32 {
        let first = p / GROUP * self.n_words * GROUP + p % GROUP;
        let mut count = 0;
        for (w, up) in up.iter().enumerate() {
            let at = first + w * GROUP;
            let up = up.iter().rev().fold(0_u64, |word, &group| word << 16 | u64::from(group));
            let agreeing = if self.negative.is_empty() { up } else { up ^ self.negative[at] };
            count += (agreeing & self.neighbours[at]).count_ones() as i32;
        }
        self.base[p].wrapping_add(self.twice.wrapping_mul(count))
    }
}

/// The skeleton of all backends.
#[inline(always)]
pub(super) fn fill_with<L: Lanes>(lanes: L, rows: &BitRows, groups: Range<usize>, up: &[[u16; GROUPS_PER_WORD]], fields: &mut [i32]) {
    let (fields, _) = fields.as_chunks_mut::<GROUP>();
    for group in groups {
        lanes.ints_store(lanes.pull(rows, group, up), &mut fields[group]);
    }
}
