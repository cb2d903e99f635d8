//! Error bars of counted successes.

/// The standard error of a success rate: half the width of Wilson's interval at one standard
/// deviation (Wilson 1927), which is above 0 even if every trial or none succeeded; NaN without trials.
///
/// Trials are taken as independent; where their chances differ it errs on the safe side.
pub fn binomial_error(successes: u64, trials: u64) -> f64 {
    let n = trials as f64;
    let rate = successes as f64 / n;
    (rate * (1.0 - rate) / n + 0.25 / (n * n)).sqrt() / (1.0 + 1.0 / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bars_of_rates_are_binomial_in_the_middle_and_never_zero() {
        assert!((binomial_error(5000, 10_000) - 0.005).abs() < 1e-6);
        assert!(binomial_error(0, 100) > 0.004 && binomial_error(100, 100) > 0.004);
        assert_eq!(binomial_error(3, 10).to_bits(), binomial_error(7, 10).to_bits());
        assert!(binomial_error(0, 0).is_nan());
    }
}
