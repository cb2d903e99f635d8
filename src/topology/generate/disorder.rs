//! Random couplings on a given graph.

use crate::plan::IsingModel;
use crate::random::{BLOCK, StreamKey, SystemTag};
use crate::units::Seed;

use super::error::GenerateError;

/// The distribution of couplings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Disorder {
    /// All J = `strength`.
    Uniform {
        /// The common coupling.
        strength: f32,
    },
    /// J = +`strength` with probability `p_positive`, else -`strength` (Edwards-Anderson +-J for 0.5).
    PlusMinus {
        /// Magnitude of every coupling.
        strength: f32,
        /// Probability of a positive coupling, 0 to 1.
        p_positive: f64,
    },
    /// J normal with mean 0 and standard deviation `sd`.
    Gaussian {
        /// Standard deviation, at least 0.
        sd: f32,
    },
}

impl Disorder {
    /// Symmetric +-1 couplings.
    pub const PLUS_MINUS_ONE: Disorder = Disorder::PlusMinus { strength: 1.0, p_positive: 0.5 };

    pub(super) fn check(self) -> Result<(), GenerateError> {
        match self {
            Disorder::Uniform { strength } => super::lattice::check_strength(strength),
            Disorder::PlusMinus { strength, p_positive } => {
                if !(0.0..=1.0).contains(&p_positive) {
                    return Err(GenerateError::out_of_range("p_positive", p_positive, "a probability from 0 to 1"));
                }
                super::lattice::check_strength(strength)
            }
            Disorder::Gaussian { sd } if sd.is_finite() && sd >= 0.0 => Ok(()),
            Disorder::Gaussian { sd } => Err(GenerateError::out_of_range("sd", sd, "a finite number of at least 0")),
        }
    }
}

/// Replaces the couplings of `model` by draws from `disorder`, one stream for each 1,024 couplings.
///
/// # Errors
/// If a parameter of `disorder` is out of its range.
pub fn with_disorder(mut model: IsingModel, disorder: Disorder, seed: Seed) -> Result<IsingModel, GenerateError> {
    disorder.check()?;
    let key = StreamKey::new(seed, SystemTag::named("generate disorder"), 0);
    for (block, couplings) in model.couplings.chunks_mut(BLOCK).enumerate() {
        let mut stream = key.block(block as u32).stream();
        for coupling in couplings {
            coupling.strength = match disorder {
                Disorder::Uniform { strength } => strength,
                Disorder::PlusMinus { strength, p_positive } => {
                    if stream.uniform() < p_positive {
                        strength
                    } else {
                        -strength
                    }
                }
                Disorder::Gaussian { sd } => (f64::from(sd) * stream.gaussian()) as f32,
            };
        }
    }
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::super::lattice::{Boundary, lattice_2d};
    use super::*;

    fn torus(disorder: Disorder, seed: u64) -> Vec<f32> {
        let plain = lattice_2d(100, 100, Boundary::Periodic, 1.0).unwrap();
        with_disorder(plain, disorder, Seed(seed)).unwrap().couplings.iter().map(|c| c.strength).collect()
    }

    #[test]
    fn signs_are_balanced_as_asked() {
        for p_positive in [0.0, 0.2, 0.5, 1.0] {
            let strengths = torus(Disorder::PlusMinus { strength: 2.0, p_positive }, 5);
            assert!(strengths.iter().all(|s| s.abs() == 2.0));
            let positive = strengths.iter().filter(|&&s| s > 0.0).count() as f64 / 20_000.0;
            let sd = (p_positive * (1.0 - p_positive) / 20_000.0).sqrt();
            assert!((positive - p_positive).abs() <= 4.9 * sd, "{positive} positive for {p_positive}");
        }
    }

    #[test]
    fn gaussian_couplings_have_the_asked_variance() {
        let strengths = torus(Disorder::Gaussian { sd: 0.5 }, 5);
        let square = strengths.iter().map(|&s| f64::from(s) * f64::from(s)).sum::<f64>() / 20_000.0;
        assert!((square - 0.25).abs() < 4.9 * 0.25 * (2.0 / 20_000.0_f64).sqrt(), "variance {square}");
        assert_ne!(strengths, torus(Disorder::Gaussian { sd: 0.5 }, 6));
        assert_eq!(strengths, torus(Disorder::Gaussian { sd: 0.5 }, 5));
    }

    #[test]
    fn wrong_parameters_are_named() {
        let refused = |disorder| with_disorder(IsingModel::with_spins(2), disorder, Seed(0)).unwrap_err().to_string();
        assert_eq!(
            refused(Disorder::PlusMinus { strength: 1.0, p_positive: 1.5 }),
            "p_positive is 1.5: expected a probability from 0 to 1"
        );
        assert_eq!(refused(Disorder::Gaussian { sd: -1.0 }), "sd is -1: expected a finite number of at least 0");
    }
}
