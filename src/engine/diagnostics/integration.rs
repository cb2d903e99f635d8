//! Thermodynamic integration: ln Z(b) = ln Z(a) - integral of `<E>` dbeta from a to b.

/// The change of ln Z along ascending inverse temperatures, and its standard error.
///
/// Between two rungs the integrand is a cubic through both means with the slopes `d<E>/dbeta` =
/// -Var(E) of both, so the error of the rule is of fourth order in the spacing. `errors` are the standard
/// errors of the means, taken as independent.
///
/// # Panics
/// If the slices differ in length or hold fewer than two rungs.
pub fn thermodynamic_integration(betas: &[f64], means: &[f64], variances: &[f64], errors: &[f64]) -> (f64, f64) {
    let n = betas.len();
    assert!(
        n >= 2 && means.len() == n && variances.len() == n && errors.len() == n,
        "one mean, variance and error a rung, two rungs or more"
    );
    let mut weights = vec![0.0; n];
    let mut integral = 0.0;
    for k in 1..n {
        let h = betas[k] - betas[k - 1];
        weights[k - 1] += 0.5 * h;
        weights[k] += 0.5 * h;
        integral += 0.5 * h * (means[k - 1] + means[k]) + h * h / 12.0 * (variances[k] - variances[k - 1]);
    }
    let variance: f64 = weights.iter().zip(errors).map(|(w, e)| w * w * e * e).sum();
    (-integral, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;

    #[test]
    fn a_single_spin_is_integrated_to_fourth_order() {
        // E = -s h with h = 1: Z = 2 cosh(beta), <E> = -tanh(beta), Var = 1 - tanh^2.
        let error = |n: usize| {
            let betas: Vec<f64> = (0..=n).map(|k| 2.0 * k as f64 / n as f64).collect();
            let means: Vec<f64> = betas.iter().map(|&b| -math::tanh(b)).collect();
            let variances: Vec<f64> = means.iter().map(|m| 1.0 - m * m).collect();
            let (change, _) = thermodynamic_integration(&betas, &means, &variances, &vec![0.0; n + 1]);
            (change - math::ln((math::exp(2.0) + math::exp(-2.0)) / 2.0)).abs()
        };
        assert!(error(16) < 1e-5);
        assert!(error(8) / error(16) > 10.0, "{} {}", error(8), error(16));
    }

    #[test]
    fn the_error_adds_in_quadrature() {
        let (_, error) = thermodynamic_integration(&[0.0, 1.0, 2.0], &[0.0; 3], &[0.0; 3], &[0.1; 3]);
        assert!((error - 0.1 * (0.25_f64 + 1.0 + 0.25).sqrt()).abs() < 1e-12);
    }
}
