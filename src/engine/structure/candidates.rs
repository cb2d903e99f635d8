//! The pairs of neurons that a synapse may join: all, the near ones, or those of a list.
//!
//! Candidates are in the order (target, source), as the rows of a projection are. Neurons are numbered from 0 over all
//! populations that take part; a symmetric candidate has its lower neuron as source.

use std::ops::Range;

use rayon::prelude::*;

use crate::kernels::prefetch::prefetch;

/// Neurons whose neighbours one task looks for.
const NEURONS_PER_CHUNK: usize = 1 << 12;

/// Most candidates: their numbers fit u32.
pub const MAX_CANDIDATES: usize = u32::MAX as usize - 1;

/// Why pairs cannot be candidates.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CandidateError {
    /// A neuron does not exist.
    #[error("candidate {source_idx} -> {target} names a neuron beyond the {n_neurons} there are")]
    Beyond {
        /// The source.
        source_idx: u32,
        /// The target.
        target: u32,
        /// Number of neurons.
        n_neurons: usize,
    },
    /// A symmetric pair joins a neuron to itself.
    #[error("candidate {0} - {0} joins a neuron to itself: a symmetric coupling needs two")]
    SelfCoupling(u32),
    /// A pair is named twice.
    #[error("candidate {source_idx} -> {target} is named twice: name each pair once (a symmetric one in one direction)")]
    Twice {
        /// The source.
        source_idx: u32,
        /// The target.
        target: u32,
    },
    /// There are too many.
    #[error("{0} candidates are more than {MAX_CANDIDATES}: choose neighbours by distance")]
    TooMany(u128),
    /// A list by neuron has another length.
    #[error("{found} {what} for {n_neurons} neurons: give one a neuron")]
    Length {
        /// What the list holds.
        what: &'static str,
        /// Its length.
        found: usize,
        /// Number of neurons.
        n_neurons: usize,
    },
}

/// M pairs of neurons.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidates {
    n_neurons: usize,
    is_symmetric: bool,
    /// (target, source), ascending.
    sorted: Vec<(u32, u32)>,
    /// The candidates onto neuron `t` are those from `firsts[t]` to `firsts[t + 1]`.
    firsts: Vec<u32>,
    /// By candidate, or empty: all of length 0.
    lengths: Vec<f32>,
    /// By neuron: the sign that weights from it have, 0 for either; empty: all either.
    signs: Vec<i8>,
}

impl Candidates {
    /// The pairs (source, target) of a list, sorted.
    ///
    /// # Errors
    /// If a pair names a missing neuron or is named twice, or a symmetric one joins a neuron to itself.
    pub fn from_pairs(n_neurons: usize, is_symmetric: bool, pairs: impl IntoIterator<Item = (u32, u32)>) -> Result<Self, CandidateError> {
        let mut sorted: Vec<(u32, u32)> = Vec::new();
        for (source, target) in pairs {
            if source as usize >= n_neurons || target as usize >= n_neurons {
                return Err(CandidateError::Beyond { source_idx: source, target, n_neurons });
            }
            if is_symmetric && source == target {
                return Err(CandidateError::SelfCoupling(source));
            }
            let is_turned = is_symmetric && source > target;
            sorted.push(if is_turned { (source, target) } else { (target, source) });
        }
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|w| w[0] == w[1]) {
            return Err(CandidateError::Twice { source_idx: twice[0].1, target: twice[0].0 });
        }
        Self::from_sorted(n_neurons, is_symmetric, sorted)
    }

    fn from_sorted(n_neurons: usize, is_symmetric: bool, sorted: Vec<(u32, u32)>) -> Result<Self, CandidateError> {
        if sorted.len() > MAX_CANDIDATES {
            return Err(CandidateError::TooMany(sorted.len() as u128));
        }
        let firsts = firsts(&sorted, n_neurons);
        Ok(Candidates { n_neurons, is_symmetric, sorted, firsts, lengths: Vec::new(), signs: Vec::new() })
    }

    /// All pairs of `n_neurons` neurons, without a neuron and itself: n(n-1)/2 symmetric ones, n(n-1) directed ones.
    ///
    /// # Errors
    /// If there are more than [`MAX_CANDIDATES`].
    pub fn all_pairs(n_neurons: usize, is_symmetric: bool) -> Result<Self, CandidateError> {
        let n = n_neurons as u128;
        let count = n * n.saturating_sub(1) / if is_symmetric { 2 } else { 1 };
        if count > MAX_CANDIDATES as u128 {
            return Err(CandidateError::TooMany(count));
        }
        let sources_of = |t: u32| 0..if is_symmetric { t } else { n_neurons as u32 };
        let sorted = (0..n_neurons as u32).flat_map(|t| sources_of(t).filter(move |&s| s != t).map(move |s| (t, s))).collect();
        Self::from_sorted(n_neurons, is_symmetric, sorted)
    }

    /// All directed pairs from `sources` to `targets`, such as those between two layers.
    ///
    /// # Errors
    /// If a neuron is missing or there are more than [`MAX_CANDIDATES`].
    pub fn all_between(n_neurons: usize, sources: Range<u32>, targets: Range<u32>) -> Result<Self, CandidateError> {
        let count = sources.len() as u128 * targets.len() as u128;
        if count > MAX_CANDIDATES as u128 {
            return Err(CandidateError::TooMany(count));
        }
        if sources.end.max(targets.end) as usize > n_neurons && count > 0 {
            return Err(CandidateError::Beyond { source_idx: sources.end - 1, target: targets.end - 1, n_neurons });
        }
        let sorted = targets.flat_map(|t| sources.clone().map(move |s| (t, s))).collect();
        Self::from_sorted(n_neurons, false, sorted)
    }

    /// The pairs at most `radius` apart, by a grid of cells: O(n + M). Lengths are set.
    ///
    /// # Errors
    /// If there are more than [`MAX_CANDIDATES`].
    ///
    /// # Panics
    /// If `radius` is not above 0 or a position is not finite.
    pub fn within(positions: &[[f32; 3]], radius: f32, is_symmetric: bool) -> Result<Self, CandidateError> {
        assert!(radius > 0.0 && radius.is_finite(), "radius {radius} must be above 0");
        let cell_of = |p: &[f32; 3]| {
            p.map(|x| {
                assert!(x.is_finite(), "a position of {x}");
                (f64::from(x) / f64::from(radius)).floor() as i64
            })
        };
        let mut by_cell: Vec<([i64; 3], u32)> = positions.iter().enumerate().map(|(k, p)| (cell_of(p), k as u32)).collect();
        by_cell.sort_unstable();
        let near_of = |t: u32, sorted: &mut Vec<(u32, u32)>| {
            let (place, first) = (&positions[t as usize], sorted.len());
            let [x, y, z] = cell_of(place);
            for (dx, dy) in (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (dx, dy))) {
                // Cells of one column are neighbours in the order of cells.
                let from = by_cell.partition_point(|(cell, _)| *cell < [x + dx, y + dy, z - 1]);
                let near = by_cell[from..].iter().take_while(|(cell, _)| *cell <= [x + dx, y + dy, z + 1]);
                let sources = near.map(|&(_, s)| s).filter(|&s| if is_symmetric { s < t } else { s != t });
                sorted.extend(sources.filter(|&s| distance(place, &positions[s as usize]) <= radius).map(|s| (t, s)));
            }
            sorted[first..].sort_unstable();
        };
        let n = positions.len();
        let mut sorted = Vec::new();
        // Some chunks at a time, so that too many are noticed before the memory is full of them.
        let starts: Vec<usize> = (0..n).step_by(NEURONS_PER_CHUNK).collect();
        for starts in starts.chunks(64) {
            let of_chunk = |&start: &usize| {
                let mut pairs = Vec::new();
                (start..(start + NEURONS_PER_CHUNK).min(n)).for_each(|t| near_of(t as u32, &mut pairs));
                pairs
            };
            let chunks: Vec<Vec<(u32, u32)>> = starts.par_iter().map(of_chunk).collect();
            chunks.into_iter().for_each(|pairs| sorted.extend(pairs));
            if sorted.len() > MAX_CANDIDATES {
                return Err(CandidateError::TooMany(sorted.len() as u128));
            }
        }
        Self::from_sorted(positions.len(), is_symmetric, sorted)?.with_positions(positions)
    }

    /// Sets the lengths to the distances of `positions`, one a neuron.
    ///
    /// # Errors
    /// If there is not one a neuron.
    pub fn with_positions(mut self, positions: &[[f32; 3]]) -> Result<Self, CandidateError> {
        self.check("positions", positions.len())?;
        self.lengths = self.pairs().map(|(s, t)| distance(&positions[s as usize], &positions[t as usize])).collect();
        Ok(self)
    }

    /// Holds the weights that leave a neuron to its sign: above 0, below 0, or 0 for either. In symmetric candidates the lower
    /// neuron decides.
    ///
    /// # Errors
    /// If there is not one a neuron.
    pub fn with_signs(mut self, signs: &[i8]) -> Result<Self, CandidateError> {
        self.check("signs", signs.len())?;
        self.signs = signs.iter().map(|s| s.signum()).collect();
        Ok(self)
    }

    /// Keeps the pairs whose source has a lower rank than its target, one rank a neuron: no wiring of them has a cycle.
    ///
    /// # Errors
    /// If there is not one a neuron.
    pub fn acyclic(self, ranks: &[u32]) -> Result<Self, CandidateError> {
        self.check("ranks", ranks.len())?;
        Ok(self.keep(|s, t| ranks[s as usize] < ranks[t as usize]))
    }

    /// Keeps the pairs (source, target) of which `keeps` is true, in their order.
    #[must_use]
    pub fn keep(mut self, keeps: impl Fn(u32, u32) -> bool) -> Self {
        let keeps: Vec<bool> = self.pairs().map(|(s, t)| keeps(s, t)).collect();
        if keeps.iter().all(|&kept| kept) {
            return self;
        }
        let kept = |k: &usize| keeps[*k];
        self.lengths = (0..self.lengths.len()).filter(kept).map(|k| self.lengths[k]).collect();
        self.sorted = (0..keeps.len()).filter(kept).map(|k| self.sorted[k]).collect();
        self.firsts = firsts(&self.sorted, self.n_neurons);
        self
    }

    fn check(&self, what: &'static str, found: usize) -> Result<(), CandidateError> {
        let n_neurons = self.n_neurons;
        if found == n_neurons { Ok(()) } else { Err(CandidateError::Length { what, found, n_neurons }) }
    }

    /// Number of candidates M.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Number of neurons.
    pub fn n_neurons(&self) -> usize {
        self.n_neurons
    }

    /// True if a candidate has no direction.
    pub fn is_symmetric(&self) -> bool {
        self.is_symmetric
    }

    /// Source and target of a candidate.
    #[inline]
    pub fn pair(&self, candidate: u32) -> (u32, u32) {
        let (target, source) = self.sorted[candidate as usize];
        (source, target)
    }

    /// Asks for the memory that [`Candidates::pair`] reads.
    #[inline]
    pub fn ask_for(&self, candidate: u32) {
        prefetch(&self.sorted[candidate as usize]);
    }

    /// True if the weights of some neurons are held to a sign.
    pub fn has_signs(&self) -> bool {
        !self.signs.is_empty()
    }

    /// Source and target of all candidates, in order.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (u32, u32)> + '_ {
        self.sorted.iter().map(|&(target, source)| (source, target))
    }

    /// The candidate of a pair, in O(log of the candidates onto a neuron); the two neurons of a symmetric one in either order.
    pub fn find(&self, source: u32, target: u32) -> Option<u32> {
        let (source, target) = if self.is_symmetric && source > target { (target, source) } else { (source, target) };
        let [first, last] = [0, 1].map(|next| self.firsts.get(target as usize + next).copied().map(|k| k as usize));
        let (first, last) = (first?, last?);
        self.sorted[first..last].binary_search(&(target, source)).ok().map(|k| (first + k) as u32)
    }

    /// The length of a candidate, 0 or more.
    #[inline]
    pub fn length(&self, candidate: u32) -> f64 {
        self.lengths.get(candidate as usize).map_or(0.0, |&l| f64::from(l))
    }

    /// The sign that a candidate's weight must have, 0 for either.
    #[inline]
    pub fn sign(&self, candidate: u32) -> i8 {
        if self.signs.is_empty() { 0 } else { self.signs[self.sorted[candidate as usize].1 as usize] }
    }
}

/// Where the candidates onto each neuron begin, one more than there are neurons.
fn firsts(sorted: &[(u32, u32)], n_neurons: usize) -> Vec<u32> {
    let mut firsts = vec![0; n_neurons + 1];
    sorted.iter().for_each(|&(t, _)| firsts[t as usize + 1] += 1);
    (0..n_neurons).for_each(|t| firsts[t + 1] += firsts[t]);
    firsts
}

fn distance(a: &[f32; 3], b: &[f32; 3]) -> f32 {
    let d = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    #[test]
    fn all_pairs_are_there_once_and_found_again() {
        for (is_symmetric, count) in [(true, 10), (false, 20)] {
            let all = Candidates::all_pairs(5, is_symmetric).unwrap();
            assert_eq!(all.len(), count);
            for (k, (s, t)) in all.pairs().enumerate() {
                assert_eq!(all.find(s, t), Some(k as u32));
                assert_eq!(all.find(t, s) == Some(k as u32), is_symmetric);
            }
            let again = Candidates::from_pairs(5, is_symmetric, all.pairs().collect::<Vec<_>>().into_iter().rev());
            assert_eq!(again.as_ref(), Ok(&all));
        }
        let layers = Candidates::all_between(5, 0..2, 2..5).unwrap();
        assert_eq!((layers.len(), layers.pair(1), layers.find(0, 1)), (6, (1, 2), None));
    }

    #[test]
    fn the_grid_finds_what_all_distances_find() {
        let mut stream = StreamKey::new(Seed(3), SystemTag::named("grid"), 0).stream();
        let positions: Vec<[f32; 3]> = (0..80).map(|_| std::array::from_fn(|_| (4.0 * stream.uniform() - 2.0) as f32)).collect();
        for is_symmetric in [true, false] {
            let near = Candidates::within(&positions, 0.9, is_symmetric).unwrap();
            let all = Candidates::all_pairs(80, is_symmetric).unwrap().with_positions(&positions).unwrap();
            let expected: Vec<_> = (0..all.len() as u32).filter(|&k| all.length(k) <= f64::from(0.9_f32)).map(|k| all.pair(k)).collect();
            assert!(near.len() > 50);
            assert_eq!(near.pairs().collect::<Vec<_>>(), expected);
            assert!((0..near.len() as u32).all(|k| near.length(k) > 0.0 && near.length(k) <= 0.91));
        }
    }

    #[test]
    fn ranks_leave_no_cycle_and_mistakes_are_named() {
        let ranks = [2, 0, 1, 1];
        let kept = Candidates::all_pairs(4, false).unwrap().acyclic(&ranks).unwrap();
        assert_eq!(kept.len(), 5);
        assert!(kept.pairs().all(|(s, t)| ranks[s as usize] < ranks[t as usize]));
        let check = |is_symmetric, pairs: &[(u32, u32)], part: &str| {
            let error = Candidates::from_pairs(3, is_symmetric, pairs.iter().copied()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        check(false, &[(0, 3)], "0 -> 3 names a neuron beyond the 3");
        check(true, &[(1, 1)], "1 - 1 joins a neuron to itself");
        check(true, &[(0, 1), (1, 0)], "0 -> 1 is named twice");
        assert!(matches!(Candidates::all_pairs(1_000_000, true), Err(CandidateError::TooMany(499_999_500_000))));
        assert!(kept.with_signs(&[1]).is_err());
    }
}
