//! A tree of integer sums: update, and find by rank, in O(log n) (Fenwick 1994).
//!
//! The sums are integers, so that nothing drifts, however long it runs, and the tree is a function of its values alone.

/// Sums over the prefixes of `n` numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fenwick {
    /// `sums[k]` covers the values from `k + 1 - lowest_bit(k + 1)` to `k`.
    sums: Vec<u64>,
    total: u64,
}

impl Fenwick {
    /// The tree of `values`, in O(n).
    ///
    /// # Panics
    /// If they sum to more than 2^64 - 1.
    pub fn new(values: impl IntoIterator<Item = u64>) -> Self {
        let mut sums: Vec<u64> = values.into_iter().collect();
        let total = sums.iter().try_fold(0_u64, |sum, &v| sum.checked_add(v)).expect("the values of a tree sum to less than 2^64");
        for k in 1..=sums.len() {
            let parent = k + (k & k.wrapping_neg());
            if parent <= sums.len() {
                sums[parent - 1] += sums[k - 1];
            }
        }
        Fenwick { sums, total }
    }

    /// The sum of all values.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Adds `more` to value `index`.
    ///
    /// # Panics
    /// If there is no such value.
    pub fn add(&mut self, index: usize, more: u64) {
        assert!(index < self.sums.len(), "value {index} of {}", self.sums.len());
        self.total += more;
        let mut k = index + 1;
        while k <= self.sums.len() {
            self.sums[k - 1] += more;
            k += k & k.wrapping_neg();
        }
    }

    /// Takes `less` from value `index`, which must hold as much.
    ///
    /// # Panics
    /// If there is no such value.
    pub fn subtract(&mut self, index: usize, less: u64) {
        assert!(index < self.sums.len(), "value {index} of {}", self.sums.len());
        self.total -= less;
        let mut k = index + 1;
        while k <= self.sums.len() {
            self.sums[k - 1] -= less;
            k += k & k.wrapping_neg();
        }
    }

    /// The value in whose share `rank` falls, counted from 0 over all shares in order, and what of `rank` falls into it.
    ///
    /// # Panics
    /// If `rank` is not below the total.
    pub fn find(&self, rank: u64) -> (usize, u64) {
        assert!(rank < self.total, "rank {rank} of {}", self.total);
        let (mut at, mut rest) = (0, rank);
        let mut stride = (self.sums.len() + 1).next_power_of_two() / 2;
        while stride > 0 {
            let next = at + stride;
            if next <= self.sums.len() && self.sums[next - 1] <= rest {
                rest -= self.sums[next - 1];
                at = next;
            }
            stride /= 2;
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
        for n in [1, 2, 3, 7, 8, 9, 33] {
            let mut values: Vec<u64> = (0..n).map(|_| stream.below(5)).collect();
            let mut tree = Fenwick::new(values.iter().copied());
            for _ in 0..30 {
                let k = stream.below(n) as usize;
                if stream.coin() || values[k] == 0 {
                    values[k] += 3;
                    tree.add(k, 3);
                } else {
                    values[k] -= 1;
                    tree.subtract(k, 1);
                }
                assert_eq!(tree, Fenwick::new(values.iter().copied()), "the same values, the same tree");
                let shares = values.iter().enumerate().flat_map(|(k, &v)| (0..v).map(move |r| (k, r)));
                assert!((0..tree.total()).map(|rank| tree.find(rank)).eq(shares));
            }
        }
    }
}
