//! The Sherrington-Kirkpatrick model (1975): every pair of spins is coupled at random.

use crate::plan::{Coupling, IsingModel};
use crate::units::Seed;

use super::disorder::{Disorder, with_disorder};
use super::error::{GenerateError, check_size};

/// The couplings of a Sherrington-Kirkpatrick model of N spins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scaling {
    /// Normal with variance 1/N: the ground state has E/N near -0.7632 and the glass begins at T = 1.
    Gaussian,
    /// +-1/sqrt(N), with the same thermodynamics.
    PlusMinus,
    /// +-1, integers: energies and temperatures are sqrt(N) times those of the scaled model.
    PlusMinusOne,
}

/// A Sherrington-Kirkpatrick model of `n` spins.
///
/// # Errors
/// If the model has more couplings than lehr generates.
pub fn sherrington_kirkpatrick(n: usize, scaling: Scaling, seed: Seed) -> Result<IsingModel, GenerateError> {
    let pairs = (n as u64).saturating_mul((n as u64).saturating_sub(1)) / 2;
    check_size(n as u64, pairs)?;
    let mut model = IsingModel::with_spins(n);
    model.couplings = (1..n as u32).flat_map(|j| (0..j).map(move |i| Coupling::new(i, j, 1.0))).collect();
    let sd = (1.0 / (n.max(1) as f64).sqrt()) as f32;
    let disorder = match scaling {
        Scaling::Gaussian => Disorder::Gaussian { sd },
        Scaling::PlusMinus => Disorder::PlusMinus { strength: sd, p_positive: 0.5 },
        Scaling::PlusMinusOne => Disorder::PLUS_MINUS_ONE,
    };
    with_disorder(model, disorder, seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_coupled_with_variance_one_over_n() {
        for scaling in [Scaling::Gaussian, Scaling::PlusMinus, Scaling::PlusMinusOne] {
            let model = sherrington_kirkpatrick(200, scaling, Seed(3)).unwrap();
            let mut sorted = model.clone();
            sorted.normalise();
            assert_eq!((model.couplings.len(), &model), (19_900, &sorted));
            let square: f64 = model.couplings.iter().map(|c| f64::from(c.strength) * f64::from(c.strength)).sum::<f64>() / 19_900.0;
            let expected = if scaling == Scaling::PlusMinusOne { 1.0 } else { 1.0 / 200.0 };
            assert!((square / expected - 1.0).abs() < 4.9 * (2.0 / 19_900.0_f64).sqrt(), "{scaling:?}: {square}");
        }
    }

    #[test]
    fn oversized_models_are_refused_at_once() {
        assert!(sherrington_kirkpatrick(1_000_000, Scaling::Gaussian, Seed(0)).is_err());
        assert!(sherrington_kirkpatrick(usize::MAX, Scaling::Gaussian, Seed(0)).is_err());
        assert_eq!(sherrington_kirkpatrick(1, Scaling::Gaussian, Seed(0)).unwrap().couplings.len(), 0);
    }
}
