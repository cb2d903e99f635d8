//! A tree of integer sums: update, and find by rank, in O(log n).
//!
//! A level holds the sums of `FAN` neighbours of the level below. Wide and low, it costs few waits for memory: an update writes one
//! number a level, and a search reads runs of neighbours, without a branch that depends on them, so that several searches can wait
//! for memory together. The sums are integers, so that nothing drifts, however long it runs, and the tree is a function of its
//! values alone.

/// Values below one sum.
const FAN: usize = 16;

/// Sums over runs of `n` numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SumTree {
    /// The values, the sums of their runs, the sums of those, up to at most [`FAN`]; each with zeros up to whole runs.
    levels: Vec<Vec<u64>>,
    total: u64,
}

impl SumTree {
    /// The tree of `values`, in O(n).
    ///
    /// # Panics
    /// If they sum to more than 2^64 - 1.
    pub fn new(values: impl IntoIterator<Item = u64>) -> Self {
        let whole = |mut level: Vec<u64>| {
            level.resize(level.len().next_multiple_of(FAN), 0);
            level
        };
        let mut levels: Vec<Vec<u64>> = vec![whole(values.into_iter().collect())];
        let total = levels[0].iter().try_fold(0_u64, |sum, &v| sum.checked_add(v)).expect("the values of a tree sum to less than 2^64");
        while let Some(level) = levels.last().filter(|level| level.len() > FAN) {
            levels.push(whole(level.chunks(FAN).map(|run| run.iter().sum()).collect()));
        }
        SumTree { levels, total }
    }

    /// The sum of all values.
    #[inline]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Adds `more` to value `index`.
    ///
    /// # Panics
    /// If there is no such value.
    pub fn add(&mut self, index: usize, more: u64) {
        self.total += more;
        let mut k = index;
        for level in &mut self.levels {
            level[k] += more;
            k /= FAN;
        }
    }

    /// Takes `less` from value `index`, which must hold as much.
    ///
    /// # Panics
    /// If there is no such value.
    pub fn subtract(&mut self, index: usize, less: u64) {
        self.total -= less;
        let mut k = index;
        for level in &mut self.levels {
            level[k] -= less;
            k /= FAN;
        }
    }

    /// The sum of all values before value `index`, which may be one past the last.
    pub fn before(&self, index: usize) -> u64 {
        let (mut sum, mut at) = (0, index);
        for level in &self.levels {
            sum += level[at / FAN * FAN..at].iter().sum::<u64>();
            at /= FAN;
        }
        // One past the last of as many values as the tree has room for: all of them stand before it.
        if at > 0 { self.total } else { sum }
    }

    /// The value in whose share `rank` falls, counted from 0 over all shares in order, and what of `rank` falls into it.
    ///
    /// # Panics
    /// If `rank` is not below the total.
    pub fn find(&self, rank: u64) -> (usize, u64) {
        assert!(rank < self.total, "rank {rank} of {}", self.total);
        let (mut at, mut rest) = (0, rank);
        for level in self.levels.iter().rev() {
            let run = &level.as_chunks::<FAN>().0[at];
            let (mut sum, mut before, mut place) = (0, 0, 0);
            for &share in run {
                sum += share;
                let is_before = sum <= rest;
                before = if is_before { sum } else { before };
                place += usize::from(is_before);
            }
            at = at * FAN + place;
            rest -= before;
        }
        (at, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    #[test]
    fn every_rank_falls_into_the_share_that_holds_it_through_changes() {
        let mut stream = StreamKey::new(Seed(3), SystemTag::named("fenwick"), 0).stream();
        for n in [1, 2, 3, 7, 16, 31, 32, 33, 40, 256] {
            let mut values: Vec<u64> = (0..n).map(|_| stream.below(5)).collect();
            let mut tree = SumTree::new(values.iter().copied());
            for _ in 0..30 {
                let k = stream.below(n) as usize;
                if stream.coin() || values[k] == 0 {
                    values[k] += 3;
                    tree.add(k, 3);
                } else {
                    values[k] -= 1;
                    tree.subtract(k, 1);
                }
                assert_eq!(tree, SumTree::new(values.iter().copied()), "the same values, the same tree");
                let shares = values.iter().enumerate().flat_map(|(k, &v)| (0..v).map(move |r| (k, r)));
                assert!((0..tree.total()).map(|rank| tree.find(rank)).eq(shares));
                assert!((0..=n as usize).all(|k| tree.before(k) == values[..k].iter().sum::<u64>()));
            }
        }
    }
}
