//! Local fields made anew from the spins by counting bits: f = h + J (2 n - degree), n neighbours being up.
//!
//! Pushing costs a step for each neighbour of each flip, this a step for each 64 positions, whatever
//! flips: in hot sweeps of small graphs of many neighbours it is the cheaper of two exact ways.
#![expect(unsafe_code, reason = "calls of functions that need vector instructions")]

use crate::kernels::simd::Simd;
use crate::plan::SpinPlan;

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
    /// The bit rows of `plan`, or `None` if its fields are no integers, its couplings of several sizes, or it is too sparse.
    pub fn new(plan: &SpinPlan, rows: &ReplicaRows) -> Option<Self> {
        let unit = f64::from(rows.unit()?);
        let twice = match rows.strengths {
            Strengths::Same(twice) | Strengths::Uniform(twice) => twice as i32,
            _ => return None,
        };
        let n_words = rows.n_positions().div_ceil(64);
        if n_words * plan.n_spins() > MAX_WORDS_PER_DEGREE * plan.neighbours.len() {
            return None;
        }
        let mut neighbours = vec![0; n_words * rows.n_positions()];
        let mut negative = if matches!(rows.strengths, Strengths::Uniform(_)) { neighbours.clone() } else { Vec::new() };
        let mut base = vec![0; rows.n_positions()];
        for (p, base) in base.iter_mut().enumerate() {
            // No field is kept for clamped spins.
            let Some(slot) = rows.slot(p).filter(|&slot| slot < plan.n_free()) else { continue };
            let (js, weights) = plan.row(slot);
            *base = (f64::from(plan.fields[slot]) / unit) as i32 - twice / 2 * js.len() as i32;
            for (&j, &w) in js.iter().zip(weights) {
                let target = rows.position(j as usize);
                let at = (p / GROUP * n_words + target / 64) * GROUP + p % GROUP;
                neighbours[at] |= 1 << (target % 64);
                if let Some(negative) = negative.get_mut(at) {
                    *negative |= u64::from(w < 0.0) << (target % 64);
                }
            }
        }
        Some(BitRows { n_words, neighbours, negative, base, twice })
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
    pub fn fill(&self, simd: Simd, groups: std::ops::Range<usize>, up: &[u16], fields: &mut [i32]) {
        assert!(simd.is_available(), "no {} on this processor", simd.name());
        assert_eq!((fields.len(), up.len()), (self.base.len(), self.base.len() / GROUP), "fields and masks of all positions");
        let (words, rest) = up.as_chunks::<GROUPS_PER_WORD>();
        assert!(rest.is_empty() && words.len() == self.n_words, "masks of whole words");
        assert!(groups.end <= up.len(), "groups {groups:?} of {}", up.len());
        match simd {
            // SAFETY: the processor has the backend, and the sizes are as asserted.
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 if self.negative.is_empty() => unsafe { super::avx512::pull::<false>(self, groups, words, fields) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => unsafe { super::avx512::pull::<true>(self, groups, words, fields) },
            // SAFETY: the processor has the backend.
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => unsafe { super::avx2::pull(self, groups, words, fields) },
            _ => self.fill_one_by_one(groups, words, fields),
        }
    }

    /// The meaning of [`BitRows::fill`].
    #[inline(always)]
    pub(super) fn fill_one_by_one(&self, groups: std::ops::Range<usize>, up: &[[u16; GROUPS_PER_WORD]], fields: &mut [i32]) {
        for (p, field) in fields.iter_mut().enumerate().take(groups.end * GROUP).skip(groups.start * GROUP) {
            let first = p / GROUP * self.n_words * GROUP + p % GROUP;
            let mut count = 0;
            for (w, up) in up.iter().enumerate() {
                let at = first + w * GROUP;
                let up = up.iter().rev().fold(0_u64, |word, &group| word << 16 | u64::from(group));
                let agreeing = if self.negative.is_empty() { up } else { up ^ self.negative[at] };
                count += (agreeing & self.neighbours[at]).count_ones() as i32;
            }
            *field = self.base[p].wrapping_add(self.twice.wrapping_mul(count));
        }
    }
}
