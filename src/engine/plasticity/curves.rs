//! Growth curves: how many synaptic elements a neuron grows or loses at its calcium (Butz, van Ooyen 2013).
//!
//! Linear dz/dt = nu (1 - Ca/eps): grows below eps, retracts above. Gaussian dz/dt = nu (2 exp(-((Ca - xi)/zeta)^2) - 1) with
//! xi = (eta + eps)/2, zeta = (eps - eta)/(2 sqrt(ln 2)): grows between eta and eps only, so that a silent neuron does not.

use crate::math;

/// How fast elements grow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GrowthCurve {
    /// Zero at the goal, straight.
    Linear {
        /// Calcium eps at which nothing grows, above 0.
        goal: f64,
    },
    /// Zero at both ends, largest between them.
    Gaussian {
        /// Calcium eta below which elements are lost.
        least: f64,
        /// Calcium eps above which elements are lost, above `least`.
        goal: f64,
    },
}

impl GrowthCurve {
    /// Elements that grow in a step at `calcium`, in units of the rate nu; negative if they are lost.
    pub fn at(self, calcium: f64) -> f64 {
        match self {
            GrowthCurve::Linear { goal } => 1.0 - calcium / goal,
            GrowthCurve::Gaussian { least, goal } => {
                let (middle, width) = ((least + goal) / 2.0, (goal - least) / (2.0 * std::f64::consts::LN_2.sqrt()));
                let z = (calcium - middle) / width;
                2.0 * math::exp(-z * z) - 1.0
            }
        }
    }

    /// The calcium to which growth takes a neuron whose activity rises with its elements.
    pub fn set_point(self) -> f64 {
        match self {
            GrowthCurve::Linear { goal } | GrowthCurve::Gaussian { goal, .. } => goal,
        }
    }

    /// Moves the elements of every neuron by `rate` times the curve; never below 0.
    pub fn grow(self, rate: f64, calcium: &[f32], elements: &mut [f32]) {
        for (z, &ca) in elements.iter_mut().zip(calcium) {
            *z = (f64::from(*z) + rate * self.at(f64::from(ca))).max(0.0) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURVES: [GrowthCurve; 2] = [GrowthCurve::Linear { goal: 0.7 }, GrowthCurve::Gaussian { least: 0.1, goal: 0.7 }];

    #[test]
    fn curves_are_zero_where_they_say() {
        assert!(CURVES[0].at(0.7).abs() < 1e-12);
        assert!((CURVES[0].at(0.0) - 1.0).abs() < 1e-12);
        for end in [0.1, 0.7] {
            assert!(CURVES[1].at(end).abs() < 1e-12, "{}", CURVES[1].at(end));
        }
        assert!((CURVES[1].at(0.4) - 1.0).abs() < 1e-12);
        assert!(CURVES[1].at(0.05) < 0.0 && CURVES[1].at(0.75) < 0.0);
    }

    #[test]
    fn calcium_comes_to_its_set_point_and_a_wrong_sign_does_not() {
        for curve in CURVES {
            let settled = |sign: f64| {
                let (mut z, mut ca) = (2.0_f64, 0.2_f64);
                for _ in 0..100_000 {
                    z = (z + sign * 0.01 * curve.at(ca)).max(0.0);
                    // Activity that saturates with the number of inputs.
                    ca += 0.05 * (z / (z + 4.0) - ca);
                }
                ca
            };
            assert!((settled(1.0) - curve.set_point()).abs() < 1e-6, "{curve:?}: {}", settled(1.0));
            assert!((settled(-1.0) - curve.set_point()).abs() > 0.1, "{curve:?}: the wrong twin settles there too");
        }
    }

    #[test]
    fn a_silent_neuron_dies_under_the_gaussian_and_grows_under_the_line() {
        for (curve, expected) in [(CURVES[0], 40.0), (CURVES[1], 0.0)] {
            let mut z = [10.0];
            (0..3000).for_each(|_| curve.grow(0.01, &[0.0], &mut z));
            let is_as_expected = if expected == 0.0 { z[0] < 1e-6 } else { (z[0] - expected).abs() < 1e-3 };
            assert!(is_as_expected, "{curve:?}: {z:?}");
        }
    }
}
