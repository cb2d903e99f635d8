//! The temperature ladder of parallel tempering: where its rungs stand and how they are re-spaced.
//!
//! Rejections between neighbouring rungs add up to the communication barrier Lambda, a property of
//! the model and the range; equal rejection between all neighbours is optimal (Syed, Bouchard-Cote,
//! Deligiannidis, Doucet 2021).

use crate::math;

use super::schedule::TemperatureRange;

/// Inverse temperatures in geometric steps, hot (smallest) first.
///
/// # Panics
/// If `n` is below 2.
pub fn geometric_ladder(range: TemperatureRange, n: usize) -> Vec<f64> {
    assert!(n >= 2, "a ladder of {n} rungs");
    let step = math::ln(range.hot / range.cold) / (n - 1) as f64;
    let mut betas: Vec<f64> = (0..n).map(|k| math::exp(step * k as f64) / range.hot).collect();
    betas[n - 1] = 1.0 / range.cold;
    betas
}

/// The probability that neighbouring replicas swap: min(1, exp((b_a - b_b)(E_a - E_b))).
pub fn swap_probability(beta_a: f64, beta_b: f64, energy_a: f64, energy_b: f64) -> f64 {
    let exponent = (beta_a - beta_b) * (energy_a - energy_b);
    if exponent >= 0.0 { 1.0 } else { math::exp(exponent) }
}

/// Moves the inner rungs so that rejection is equal between all neighbours, given the mean
/// `rejection` measured between rungs k and k + 1; the ends stay.
///
/// The barrier up to a temperature is interpolated linearly between rungs.
///
/// # Panics
/// If `rejection` has not one entry less than `betas`.
pub fn respace(betas: &mut [f64], rejection: &[f64]) {
    let n = betas.len();
    assert_eq!(rejection.len() + 1, n, "one rejection between each two rungs");
    // 1. The barrier up to each rung; a floor keeps two rungs apart where nothing was rejected.
    let mut barrier = vec![0.0];
    for &r in rejection {
        barrier.push(barrier[barrier.len() - 1] + r.max(1e-3));
    }
    // 2. Invert it at equal parts.
    let total = barrier[n - 1];
    let old = betas.to_vec();
    let mut k = 1;
    for (rung, beta) in betas.iter_mut().enumerate().take(n - 1).skip(1) {
        let target = total * rung as f64 / (n - 1) as f64;
        while barrier[k] < target {
            k += 1;
        }
        let x = (target - barrier[k - 1]) / (barrier[k] - barrier[k - 1]);
        *beta = old[k - 1] + x * (old[k] - old[k - 1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_runs_from_hot_to_cold() {
        let betas = geometric_ladder(TemperatureRange { hot: 4.0, cold: 0.25 }, 5);
        for (b, expected) in betas.iter().zip([0.25, 0.5, 1.0, 2.0, 4.0]) {
            assert!((b - expected).abs() < 1e-12, "{betas:?}");
        }
    }

    #[test]
    fn respacing_crowds_rungs_where_swaps_are_rejected() {
        let mut betas = vec![0.0, 1.0, 2.0, 3.0, 4.0];
        respace(&mut betas, &[0.1, 0.7, 0.1, 0.1]);
        assert_eq!((betas[0], betas[4]), (0.0, 4.0));
        assert!(betas.windows(2).all(|w| w[1] > w[0]));
        assert_eq!(betas.iter().filter(|b| (1.0..=2.0).contains(*b)).count(), 3, "{betas:?}");
        let mut even = vec![0.0, 1.0, 2.0];
        respace(&mut even, &[0.3, 0.3]);
        assert!((even[1] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn swaps_favour_the_low_energy_at_the_cold_rung() {
        assert_eq!(swap_probability(1.0, 2.0, -5.0, -3.0), 1.0);
        assert!((swap_probability(1.0, 2.0, -3.0, -5.0) - math::exp(-2.0)).abs() < 1e-15);
    }
}
