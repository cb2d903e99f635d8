//! Newtypes for numbers that must not be swapped.

use std::fmt;

/// The seed of a run; every random stream is keyed by it (see [`crate::random`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seed(pub u64);

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The inverse temperature, in 1/energy; zero is infinitely hot, `f64::INFINITY` is zero temperature.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Beta(pub f64);

/// A temperature, in units of energy (k_B = 1); zero is allowed and means descent only.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Temperature(pub f64);

impl From<Temperature> for Beta {
    fn from(t: Temperature) -> Self {
        Beta(1.0 / t.0)
    }
}

impl From<Beta> for Temperature {
    fn from(b: Beta) -> Self {
        Temperature(1.0 / b.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_temperature_is_infinite_beta_and_back() {
        assert_eq!(Beta::from(Temperature(0.0)).0, f64::INFINITY);
        assert_eq!(Temperature::from(Beta(f64::INFINITY)).0, 0.0);
        assert_eq!(Beta::from(Temperature(2.0)).0, 0.5);
    }
}
