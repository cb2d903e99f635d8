//! How one spin decides: the probabilities, and the integer thresholds by which kernels realise them.
//!
//! Replica lanes on integer couplings compare a 32-bit uniform number with a threshold, so that each
//! probability is realised to 2^-33 (certainty to 2^-32), and take their tables from here. The tests
//! build transition matrices from these functions. The one-replica kernels have tables of their own,
//! to 2^-31, which are held against the same formulas (`kernels::replica`).

use crate::math;

/// Bits of the uniform numbers that integer thresholds are compared with.
pub const THRESHOLD_BITS: u32 = 32;

/// The threshold of certainty: every 32-bit number lies below it.
pub const CERTAIN: u64 = 1 << THRESHOLD_BITS;

/// The probability of a Metropolis flip, min(1, exp(-beta dE)) (Metropolis et al. 1953).
#[inline]
pub fn metropolis(d_energy: f64, beta: f64) -> f64 {
    if d_energy <= 0.0 { 1.0 } else { math::exp(-beta * d_energy) }
}

/// The probability of +1 in a heat bath, 1 / (1 + exp(-2 beta f)) (Glauber 1963).
#[inline]
pub fn heat_bath(field: f64, beta: f64) -> f64 {
    // Without a field the answer holds at any beta, infinity included.
    if field == 0.0 { 0.5 } else { math::sigmoid(2.0 * beta * field) }
}

/// The nearest multiple of 2^-32 to `probability`, as a count of 2^-32, from 0 to [`CERTAIN`].
///
/// # Panics
/// If `probability` lies outside 0 to 1.
#[inline]
pub fn threshold(probability: f64) -> u64 {
    assert!((0.0..=1.0).contains(&probability), "{probability} is no probability");
    (probability * CERTAIN as f64 + 0.5) as u64
}

/// True if a uniform 32-bit number `u` accepts at `threshold`.
#[inline]
pub fn accepts(threshold: u64, u: u32) -> bool {
    u64::from(u) < threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_within_half_a_step_of_the_probability() {
        for k in 0..=1000 {
            let p = f64::from(k) / 1000.0;
            assert!((threshold(p) as f64 / CERTAIN as f64 - p).abs() <= 0.5 / CERTAIN as f64);
        }
        assert_eq!((threshold(0.0), threshold(1.0)), (0, CERTAIN));
    }

    #[test]
    fn certain_moves_are_always_accepted_and_impossible_ones_never() {
        assert!(accepts(threshold(metropolis(0.0, f64::INFINITY)), u32::MAX));
        assert!(!accepts(threshold(metropolis(1e-3, f64::INFINITY)), 0));
        assert_eq!(heat_bath(0.0, f64::INFINITY), 0.5);
        assert_eq!(heat_bath(1.0, f64::INFINITY) - heat_bath(-1.0, f64::INFINITY), 1.0);
    }

    #[test]
    fn both_rules_hold_detailed_balance() {
        for d_energy in [0.1, 1.0, 4.0] {
            let ratio = metropolis(d_energy, 0.7) / metropolis(-d_energy, 0.7);
            assert!((ratio - math::exp(-0.7 * d_energy)).abs() < 1e-15);
            let up = heat_bath(0.5 * d_energy, 0.7);
            assert!(((1.0 - up) / up - math::exp(-0.7 * d_energy)).abs() < 1e-15);
        }
    }
}
