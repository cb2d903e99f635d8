//! Exact answers of small spin systems by enumeration: the oracle that samplers are tested against.
//!
//! All 2^n states of the free spins are listed with their energies, in O(2^n) steps; at an inverse
//! temperature they give the Boltzmann distribution, ln Z, `<E>` and C = beta^2 Var(E). Practical up
//! to about 20 free spins.

use crate::math;
use crate::plan::IsingModel;

/// Most free spins that are enumerated.
pub const MAX_FREE_SPINS: usize = 24;

/// All states of the free spins of a model, with their energies.
///
/// State `m` has the k-th free neuron (in neuron order) up if bit k of `m` is set.
#[derive(Clone, Debug, PartialEq)]
pub struct ExactStates {
    free: Vec<u32>,
    clamped_spins: Vec<i8>,
    energies: Vec<f64>,
}

impl ExactStates {
    /// Lists the states of `model`; spins flagged in `clamped` (empty: none) keep their value in `spins`.
    ///
    /// # Panics
    /// If more than [`MAX_FREE_SPINS`] spins are free, or the lengths of the arguments differ.
    pub fn enumerate(model: &IsingModel, clamped: &[bool], spins: &[i8]) -> Self {
        let n = model.n_spins();
        assert!(clamped.is_empty() || clamped.len() == n, "{} flags for {n} spins", clamped.len());
        let is_clamped = |v: usize| clamped.get(v).copied().unwrap_or(false);
        let free: Vec<u32> = (0..n as u32).filter(|&v| !is_clamped(v as usize)).collect();
        assert!(free.len() <= MAX_FREE_SPINS, "{} free spins have too many states to list", free.len());
        assert!(spins.len() == n || free.len() == n, "{} values for {n} spins", spins.len());

        // 1. All free spins down; each spin's field there, and the couplings among free spins.
        let start: Vec<i8> = (0..n).map(|v| if is_clamped(v) { spins[v] } else { -1 }).collect();
        let mut fields: Vec<f64> = model.fields.iter().map(|&h| f64::from(h)).collect();
        let mut couplings = vec![0.0; free.len() * free.len()];
        let rank = |v: u32| free.binary_search(&v).ok();
        for c in &model.couplings {
            let strength = f64::from(c.strength);
            fields[c.i as usize] += strength * f64::from(start[c.j as usize]);
            fields[c.j as usize] += strength * f64::from(start[c.i as usize]);
            if let (Some(a), Some(b)) = (rank(c.i), rank(c.j)) {
                couplings[a * free.len() + b] += strength;
                couplings[b * free.len() + a] += strength;
            }
        }

        // 2. Raising spin k costs -2 f_k, where f_k grows by 2 J_kj for each lower spin j that is up.
        let mut energies = vec![model.energy(&start)];
        let mut field_of_k = Vec::new();
        for (k, &v) in free.iter().enumerate() {
            field_of_k.clear();
            field_of_k.push(fields[v as usize]);
            for j in 0..k {
                let raise = 2.0 * couplings[k * free.len() + j];
                field_of_k.extend_from_within(..);
                for f in &mut field_of_k[1 << j..] {
                    *f += raise;
                }
            }
            energies.extend_from_within(..);
            for (energy, f) in energies[1 << k..].iter_mut().zip(&field_of_k) {
                *energy -= 2.0 * f;
            }
        }
        ExactStates { free, clamped_spins: start, energies }
    }

    /// Number of states, 2^(free spins).
    pub fn n_states(&self) -> usize {
        self.energies.len()
    }

    /// The free neurons, ascending; bit k of a state is neuron `free()[k]`.
    pub fn free(&self) -> &[u32] {
        &self.free
    }

    /// The energy of each state, the model's offset included.
    pub fn energies(&self) -> &[f64] {
        &self.energies
    }

    /// The state in which `is_up(neuron)` tells which free neurons are +1.
    pub fn state_where(&self, is_up: impl Fn(usize) -> bool) -> usize {
        self.free.iter().enumerate().map(|(k, &v)| usize::from(is_up(v as usize)) << k).sum()
    }

    /// The spins of `state` in neuron order, clamped ones included.
    pub fn spins(&self, state: usize) -> Vec<i8> {
        let mut spins = self.clamped_spins.clone();
        for (k, &v) in self.free.iter().enumerate() {
            spins[v as usize] = if state >> k & 1 == 1 { 1 } else { -1 };
        }
        spins
    }

    /// The Boltzmann distribution at inverse temperature `beta` (finite).
    pub fn at(&self, beta: f64) -> ExactAnswer {
        assert!(beta.is_finite(), "beta {beta} has no Boltzmann distribution");
        let exponents: Vec<f64> = self.energies.iter().map(|&e| -beta * e).collect();
        let ln_z = math::log_sum_exp(&exponents);
        let probabilities: Vec<f64> = exponents.iter().map(|&x| math::exp(x - ln_z)).collect();
        let mean_energy: f64 = probabilities.iter().zip(&self.energies).map(|(p, e)| p * e).sum();
        let variance: f64 = probabilities.iter().zip(&self.energies).map(|(p, e)| p * (e - mean_energy) * (e - mean_energy)).sum();
        ExactAnswer { probabilities, ln_z, mean_energy, energy_variance: variance, specific_heat: beta * beta * variance }
    }

    /// The lowest energy of all states.
    pub fn ground_energy(&self) -> f64 {
        self.energies.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// What is known exactly at one inverse temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct ExactAnswer {
    /// Probability of each state.
    pub probabilities: Vec<f64>,
    /// ln of the partition function sum of exp(-beta E).
    pub ln_z: f64,
    /// `<E>`.
    pub mean_energy: f64,
    /// Var(E).
    pub energy_variance: f64,
    /// C = beta^2 Var(E), in units of k_B, of the whole system.
    pub specific_heat: f64,
}

/// Total variation between the distribution `p` and the frequencies of `counts`: half the L1 distance.
///
/// # Panics
/// If the lengths differ or nothing was counted.
pub fn total_variation(p: &[f64], counts: &[u64]) -> f64 {
    assert_eq!(p.len(), counts.len(), "one count a state");
    let n: u64 = counts.iter().sum();
    assert!(n > 0, "no samples were counted");
    0.5 * p.iter().zip(counts).map(|(&p, &c)| (p - c as f64 / n as f64).abs()).sum::<f64>()
}

/// The total variation that `n` independent exact samples of `p` show on average (normal limit).
pub fn noise_floor(p: &[f64], n: f64) -> f64 {
    0.5 * p.iter().map(|&p| (2.0 * p * (1.0 - p) / (std::f64::consts::PI * n)).sqrt()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Coupling;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    #[test]
    fn energies_agree_with_the_model_state_by_state() {
        let mut stream = StreamKey::new(Seed(1), SystemTag::named("exact"), 0).stream();
        let n = 7;
        let mut model = IsingModel::with_spins(n);
        model.offset = 0.25;
        for j in 0..n as u32 {
            model.fields[j as usize] = stream.gaussian() as f32;
            for i in 0..j {
                model.couplings.push(Coupling::new(i, j, stream.gaussian() as f32));
            }
        }
        let clamped: Vec<bool> = (0..n).map(|v| v == 2 || v == 5).collect();
        let exact = ExactStates::enumerate(&model, &clamped, &[1; 7]);
        assert_eq!((exact.n_states(), exact.free().len()), (32, 5));
        for state in 0..exact.n_states() {
            let spins = exact.spins(state);
            assert!((exact.energies()[state] - model.energy(&spins)).abs() < 1e-12);
            assert_eq!(exact.state_where(|v| spins[v] > 0), state);
            assert!(spins[2] == 1 && spins[5] == 1);
        }
    }

    #[test]
    fn the_4x4_ferromagnet_has_kaufmans_energy_and_partition_function() {
        let mut model = IsingModel::with_spins(16);
        for y in 0..4_u32 {
            for x in 0..4_u32 {
                model.couplings.push(Coupling::new(4 * y + x, 4 * y + (x + 1) % 4, 1.0));
                model.couplings.push(Coupling::new(4 * y + x, 4 * ((y + 1) % 4) + x, 1.0));
            }
        }
        model.normalise();
        let exact = ExactStates::enumerate(&model, &[], &[]);
        for (temperature, energy, ln_z) in [(1.5, -1.950_643, 22.117_014), (2.5, -1.379_116, 14.561_093), (4.0, -0.625_486, 12.201_271)] {
            let answer = exact.at(1.0 / temperature);
            assert!((answer.mean_energy / 16.0 - energy).abs() < 1e-6, "T {temperature}: {}", answer.mean_energy / 16.0);
            assert!((answer.ln_z - ln_z).abs() < 1e-6, "T {temperature}: {}", answer.ln_z);
        }
        assert_eq!(exact.ground_energy(), -32.0);
    }

    #[test]
    fn specific_heat_is_the_slope_of_the_energy() {
        let mut model = IsingModel::with_spins(3);
        model.couplings = vec![Coupling::new(0, 1, 1.0), Coupling::new(1, 2, -0.5)];
        model.fields[0] = 0.3;
        let exact = ExactStates::enumerate(&model, &[], &[]);
        let (t, dt) = (1.7, 1e-4);
        let slope = (exact.at(1.0 / (t + dt)).mean_energy - exact.at(1.0 / (t - dt)).mean_energy) / (2.0 * dt);
        assert!((slope - exact.at(1.0 / t).specific_heat).abs() < 1e-6);
    }

    #[test]
    fn exact_samples_reach_the_noise_floor() {
        let p = [0.1, 0.2, 0.3, 0.4];
        let mut stream = StreamKey::new(Seed(2), SystemTag::named("exact"), 0).stream();
        let mut counts = [0_u64; 4];
        for _ in 0..100_000 {
            let u = stream.uniform();
            counts[if u < 0.1 {
                0
            } else if u < 0.3 {
                1
            } else if u < 0.6 {
                2
            } else {
                3
            }] += 1;
        }
        assert!(total_variation(&p, &counts) < 3.0 * noise_floor(&p, 100_000.0));
        counts[0] += 3_000;
        assert!(total_variation(&p, &counts) > 3.0 * noise_floor(&p, 103_000.0));
    }
}
