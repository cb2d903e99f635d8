//! How many children each species has: explicit fitness sharing (Goldberg, Richardson 1987, as in NEAT).

/// What decides about the children of a species.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Sum over members of fitness / number of members, not below 0: the mean fitness, after bonuses.
    pub fitness: f64,
    /// False where the species may not breed.
    pub breeds: bool,
    /// Fewest children, where it breeds.
    pub at_least: usize,
}

/// Divides `n` children among species in proportion to their shared fitness; the sum is exactly `n`.
///
/// Each species gets its fewest children, or the whole part of its share if that is more; what is left goes to the largest
/// remainders, ties to the earlier species. Where no fitness is above 0, shares are equal. `None` where no species breeds.
pub fn divide(n: usize, shares: &[Share]) -> Option<Vec<usize>> {
    let breeding: Vec<usize> = (0..shares.len()).filter(|&s| shares[s].breeds).collect();
    if breeding.is_empty() {
        return None;
    }
    let total: f64 = breeding.iter().map(|&s| shares[s].fitness).sum();
    let part = |s: usize| {
        let weight = if total > 0.0 && total.is_finite() { shares[s].fitness / total } else { 1.0 / breeding.len() as f64 };
        n as f64 * weight
    };
    let mut counts = vec![0; shares.len()];
    let mut left = n;
    for &s in &breeding {
        counts[s] = shares[s].at_least.min(left);
        left -= counts[s];
    }
    // The rest by the highest quotas still unmet, one child at a time in the order of what each lacks.
    for &s in &breeding {
        let whole = (part(s) as usize).saturating_sub(counts[s]).min(left);
        counts[s] += whole;
        left -= whole;
    }
    let mut order = breeding.clone();
    order.sort_by(|&a, &b| (part(b) - counts[b] as f64).total_cmp(&(part(a) - counts[a] as f64)).then(a.cmp(&b)));
    for &s in order.iter().cycle().take(left) {
        counts[s] += 1;
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    fn share(fitness: f64) -> Share {
        Share { fitness, breeds: true, at_least: 0 }
    }

    #[test]
    fn shares_are_proportional() {
        assert_eq!(divide(10, &[share(1.0), share(4.0)]), Some(vec![2, 8]));
        assert_eq!(divide(10, &[share(1.0), share(1.0), share(1.0)]), Some(vec![4, 3, 3]));
        assert_eq!(divide(7, &[share(0.0), share(0.0)]), Some(vec![4, 3]));
        assert_eq!(divide(7, &[Share { breeds: false, ..share(9.0) }, share(0.5)]), Some(vec![0, 7]));
        assert_eq!(divide(7, &[Share { breeds: false, ..share(9.0) }]), None);
        assert_eq!(divide(10, &[Share { at_least: 3, ..share(0.0) }, share(1.0)]), Some(vec![3, 7]));
    }

    #[test]
    fn the_sum_is_exact_whatever_the_shares() {
        let mut random = StreamKey::new(Seed(5), SystemTag::named("shares"), 0).stream();
        for _ in 0..2000 {
            let n_species = 1 + random.below(30) as usize;
            let shares: Vec<Share> = (0..n_species)
                .map(|_| {
                    let fitness = [0.0, random.uniform(), 1e300, 1e-300, 3.0][random.below(5) as usize];
                    Share { fitness, breeds: random.below(4) > 0, at_least: random.below(3) as usize }
                })
                .collect();
            let n = random.below(500) as usize;
            if let Some(counts) = divide(n, &shares) {
                assert_eq!(counts.iter().sum::<usize>(), n, "{shares:?}");
                assert!(counts.iter().zip(&shares).all(|(&count, s)| s.breeds || count == 0));
            } else {
                assert!(shares.iter().all(|s| !s.breeds));
            }
        }
    }
}
