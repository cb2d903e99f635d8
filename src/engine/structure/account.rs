//! The thermodynamics of a structure: S_conf, degree entropy, F_conf.
//!
//! S_conf = ln C(M, K) counts the wirings of K out of M candidates, an upper bound on the structural entropy, and
//! F_conf = U - T S_conf. Both are reported, never added to what is sampled. Only [`super::free_energy`] gives F itself.

use crate::math;

use super::settings::{Degrees, StructureSettings};
use super::state::Structure;

/// ln of the number of ways to choose `k` of `m`.
///
/// # Panics
/// If `k` exceeds `m`.
pub fn ln_choose(m: u64, k: u64) -> f64 {
    assert!(k <= m, "{k} of {m}");
    let ln_factorial = |n: u64| math::ln_gamma(n as f64 + 1.0);
    if k == 0 || k == m { 0.0 } else { ln_factorial(m) - ln_factorial(k) - ln_factorial(m - k) }
}

/// H = -sum p_d ln p_d over the degrees d of neurons, in nats.
pub fn degree_entropy(structure: &Structure, of: Degrees) -> f64 {
    entropy_of_degrees((0..structure.candidates().n_neurons() as u32).map(|neuron| structure.degree(neuron, of)))
}

/// The same of these degrees; 0 of none.
pub fn entropy_of_degrees(degrees: impl IntoIterator<Item = u32>) -> f64 {
    let mut counts: Vec<u64> = Vec::new();
    let mut n = 0_u64;
    for degree in degrees {
        if degree as usize >= counts.len() {
            counts.resize(degree as usize + 1, 0);
        }
        counts[degree as usize] += 1;
        n += 1;
    }
    let terms = counts.iter().filter(|&&c| c > 0).map(|&c| c as f64 / n as f64).map(|p| -p * math::ln(p));
    // An entropy of one degree is 0, not -0.
    terms.sum::<f64>().max(0.0)
}

/// What is reported of a structure at a temperature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Account {
    /// K: living synapses.
    pub n_synapses: usize,
    /// M: candidates.
    pub n_candidates: usize,
    /// Energy without structural cost.
    pub energy: f64,
    /// Structural cost.
    pub cost: f64,
    /// S_conf = ln C(M, K).
    pub s_conf: f64,
    /// Entropy of degrees, in nats.
    pub degree_entropy: f64,
    /// F_conf = U - T S_conf, with U = energy + cost.
    pub f_conf: f64,
}

impl Account {
    /// The account of `structure` with `energy`, at temperature `t`.
    pub fn of(structure: &Structure, energy: f64, settings: &StructureSettings, t: f64) -> Self {
        let (k, m) = (structure.n_alive(), structure.n_candidates());
        let (cost, s_conf) = (structure.cost(settings), ln_choose(m as u64, k as u64));
        let degree_entropy = degree_entropy(structure, settings.degree_cost.map_or(Degrees::Total, |c| c.of));
        Account { n_synapses: k, n_candidates: m, energy, cost, s_conf, degree_entropy, f_conf: energy + cost - t * s_conf }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::structure::Candidates;

    #[test]
    fn wirings_are_counted() {
        for (m, k, ways) in [(6, 0, 1.0), (6, 2, 15.0), (6, 6, 1.0), (4736, 2, 11_212_480.0), (1_000_000, 1, 1e6)] {
            assert!((ln_choose(m, k) - math::ln(ways)).abs() < 1e-8, "{k} of {m}: {}", ln_choose(m, k));
        }
    }

    #[test]
    fn a_path_has_the_entropy_of_its_degrees() {
        let candidates = Arc::new(Candidates::all_pairs(4, true).unwrap());
        let path = [(0, 1), (1, 2), (2, 3)].map(|(a, b)| (candidates.find(a, b).unwrap(), 1.0));
        let structure = Structure::with_living(candidates, path);
        assert!((degree_entropy(&structure, Degrees::Total) - std::f64::consts::LN_2).abs() < 1e-12);
        let account = Account::of(&structure, 2.0, &StructureSettings::default(), 0.5);
        assert!((account.f_conf - (2.0 - 0.5 * math::ln(20.0))).abs() < 1e-12);
    }
}
