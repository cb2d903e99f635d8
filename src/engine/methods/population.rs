//! Population annealing (Hukushima, Iba 2003; Machta 2010): cool, weigh, resample, sweep.
//!
//! A step from beta to beta + db weighs replica i by tau_i = exp(-db E_i); ln of the mean weight
//! adds up to ln Z, resampling makes the population follow the new temperature. Families (the
//! descendants of one first replica) tell how much of the population is still independent:
//! rho = sum n_f^2 / R, 1 at best, R if all descend from one.
//!
//! Families also give the error of ln Z, because members of one stay correlated and members of two
//! never were (Chan, Lai 2013; Lee, Whiteley 2018): to first order ln Z is off by the sum over
//! families of D_f / R, where D_f adds up n_f (mean weight of the family / mean weight of all - 1)
//! step by step, so its variance is R/(R-1) sum D_f^2 / R^2. Unlike the spread of the final n_f,
//! D_f leaves out the rounding to whole children, which systematic resampling cancels between neighbours.

use crate::engine::diagnostics::effective_weights;
use crate::engine::spins::{SpinSampler, SweepKey};
use crate::math;
use crate::random::SystemTag;
use crate::snapshot::{Snapshot, SnapshotError};

use super::schedule::default_range;
use super::settings::{BetaSteps, PopulationSettings, SettingsError};
use super::start::{BestState, later, own_draws, randomise, sound, sound_counters};

/// Sweeps for which the default cold end is chosen.
const DEFAULT_SWEEPS: u64 = 1000;

/// A population annealing under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    settings: PopulationSettings,
    beta_end: f64,
    beta: f64,
    step: u64,
    ln_z: f64,
    /// By how much each family's weights have outdone the mean so far, in replicas; sums to 0.
    excess: Vec<f64>,
    /// First ancestor of each replica.
    family: Vec<u32>,
    energies: Vec<f64>,
    best: BestState,
    n_spins: usize,
}

impl Population {
    /// A population that has not begun; the sampler's states will be drawn at random.
    ///
    /// # Errors
    /// If a setting is out of range, or the replicas are too few or share random numbers.
    pub fn new<S: SpinSampler + ?Sized>(settings: PopulationSettings, sampler: &S) -> Result<Self, SettingsError> {
        settings.validate()?;
        let n = sampler.n_replicas();
        if n < 2 {
            return Err(SettingsError::TooFewReplicas { method: "population annealing", needed: 2, found: n, field: "the demand" });
        }
        if !sampler.has_independent_replicas() {
            return Err(SettingsError::SharedNumbers {
                method: "population annealing",
                reason: "copies of one parent would never separate",
            });
        }
        Ok(Population {
            settings,
            beta_end: settings.beta_end.unwrap_or_else(|| 1.0 / default_range(sampler.plan(), DEFAULT_SWEEPS).cold),
            beta: 0.0,
            step: 0,
            ln_z: sampler.plan().n_free() as f64 * std::f64::consts::LN_2,
            excess: vec![0.0; n],
            family: (0..n as u32).collect(),
            energies: vec![f64::INFINITY; n],
            best: BestState::default(),
            n_spins: sampler.plan().n_spins(),
        })
    }

    /// One step of temperature: weigh, resample, sweep.
    pub fn iterate<S: SpinSampler + ?Sized>(&mut self, sampler: &mut S, key: SweepKey) {
        if self.is_finished() {
            return;
        }
        if self.step == 0 {
            randomise(sampler, key);
            sampler.energies(&mut self.energies);
        }
        // 1. The next temperature and the weights.
        let next = match self.settings.steps {
            BetaSteps::Fixed(n) if self.step + 1 >= u64::from(n) => self.beta_end,
            BetaSteps::Fixed(n) => self.beta_end * (self.step + 1) as f64 / f64::from(n),
            BetaSteps::Adaptive(keep) => self.largest_step(keep),
        };
        let ln_weights: Vec<f64> = self.energies.iter().map(|e| -(next - self.beta) * e).collect();
        let ln_mean = math::log_sum_exp(&ln_weights) - math::ln(ln_weights.len() as f64);
        self.ln_z += ln_mean;
        for (&family, &l) in self.family.iter().zip(&ln_weights) {
            self.excess[family as usize] += math::exp(l - ln_mean) - 1.0;
        }
        self.beta = next;
        // 2. Resample.
        let offset = own_draws(key, SystemTag::named("population/resample")).stream().uniform();
        let parents = resample(&ln_weights, offset);
        sampler.select_replicas(&parents);
        self.family = parents.iter().map(|&p| self.family[p as usize]).collect();
        // 3. Sweep.
        sampler.set_betas(&[self.beta]);
        for n in 0..self.settings.sweeps_per_step {
            sampler.sweep(self.settings.rule, self.settings.scan, later(key, n));
        }
        sampler.energies(&mut self.energies);
        self.best.offer(sampler, &self.energies);
        self.step += 1;
    }

    /// The largest next beta at which the weights keep the fraction `keep`, found by bisection.
    fn largest_step(&self, keep: f64) -> f64 {
        let kept = |beta: f64| {
            let ln_weights: Vec<f64> = self.energies.iter().map(|e| -(beta - self.beta) * e).collect();
            effective_weights(&ln_weights) / ln_weights.len() as f64
        };
        if kept(self.beta_end) >= keep {
            return self.beta_end;
        }
        let (mut low, mut high) = (self.beta, self.beta_end);
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            if kept(middle) >= keep { low = middle } else { high = middle }
        }
        // A degenerate population must still go on.
        low.max(self.beta + 1e-6 * self.beta_end).min(self.beta_end)
    }

    /// True when the last temperature is reached.
    pub fn is_finished(&self) -> bool {
        self.beta >= self.beta_end
    }

    /// The inverse temperature of the population.
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// Temperature steps done.
    pub fn n_steps(&self) -> u64 {
        self.step
    }

    /// The estimate of ln Z at [`Population::beta`]; with fixed steps, Z itself is unbiased.
    pub fn ln_z(&self) -> f64 {
        self.ln_z
    }

    /// The standard error of [`Population::ln_z`], by families; to be trusted while R / rho is large.
    pub fn ln_z_error(&self) -> f64 {
        standard_error(&self.excess)
    }

    /// The mean family size rho = sum n_f^2 / R, from 1 (all independent) to R.
    pub fn family_size(&self) -> f64 {
        let mut sizes = vec![0_u64; self.family.len()];
        for &f in &self.family {
            sizes[f as usize] += 1;
        }
        sizes.iter().map(|&n| (n * n) as f64).sum::<f64>() / self.family.len() as f64
    }

    /// The mean energy and its standard error, by families.
    pub fn mean_energy(&self) -> (f64, f64) {
        let mean = self.energies.iter().sum::<f64>() / self.energies.len() as f64;
        let mut excess = vec![0.0; self.energies.len()];
        for (&family, energy) in self.family.iter().zip(&self.energies) {
            excess[family as usize] += energy - mean;
        }
        (mean, standard_error(&excess))
    }

    /// The energy of each replica after the last iteration.
    pub fn energies(&self) -> &[f64] {
        &self.energies
    }

    /// The state of the lowest energy so far.
    pub fn best(&self) -> &BestState {
        &self.best
    }

    /// Appends everything that decides how it goes on.
    pub fn save(&self, prefix: &str, snapshot: &mut Snapshot) {
        snapshot.put(format!("{prefix}/step"), &[self.step]);
        snapshot.put(format!("{prefix}/beta"), &[self.beta, self.ln_z]);
        snapshot.put(format!("{prefix}/excess"), &self.excess);
        snapshot.put(format!("{prefix}/family"), &self.family);
        snapshot.put(format!("{prefix}/energies"), &self.energies);
        self.best.save(prefix, snapshot);
    }

    /// Restores what [`Population::save`] wrote, into a population of the same settings.
    ///
    /// # Errors
    /// If a section is missing or does not fit the settings.
    pub fn load(&mut self, prefix: &str, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let n = self.energies.len();
        let mut loaded = self.clone();
        let name = format!("{prefix}/step");
        loaded.step = snapshot.get_n::<u64>(&name, 1)?[0];
        sound_counters(&[loaded.step], &name)?;
        let name = format!("{prefix}/beta");
        let numbers: Vec<f64> = snapshot.get_n(&name, 2)?;
        (loaded.beta, loaded.ln_z) = (numbers[0], numbers[1]);
        let in_range = (0.0..=self.beta_end).contains(&loaded.beta) && loaded.ln_z.is_finite();
        sound(in_range, &name, || format!("beta {} of {}, ln Z {}", loaded.beta, self.beta_end, loaded.ln_z))?;
        let name = format!("{prefix}/excess");
        loaded.excess = snapshot.get_n(&name, n)?;
        sound(loaded.excess.iter().all(|d| d.is_finite()), &name, || "an excess that is not finite".to_owned())?;
        let name = format!("{prefix}/family");
        loaded.family = snapshot.get_n(&name, n)?;
        sound(loaded.family.iter().all(|&f| (f as usize) < n), &name, || format!("an ancestor of {n} or above"))?;
        loaded.energies = snapshot.get_n(&format!("{prefix}/energies"), n)?;
        loaded.best.load(prefix, self.n_spins, snapshot)?;
        *self = loaded;
        Ok(())
    }
}

/// The standard error of (1/R) sum of R independent terms whose sum is zero after centring.
fn standard_error(terms: &[f64]) -> f64 {
    let n = terms.len() as f64;
    (terms.iter().map(|d| d * d).sum::<f64>() / (n * (n - 1.0))).sqrt()
}

/// Systematic resampling: the parent of each of n children, ascending, each chosen floor or ceil of
/// n w times; `offset` in (0, 1) is the only random number.
pub fn resample(ln_weights: &[f64], offset: f64) -> Vec<u32> {
    let n = ln_weights.len();
    let total = math::log_sum_exp(ln_weights);
    let mut parents = Vec::with_capacity(n);
    let mut cumulative = 0.0;
    for (parent, &l) in ln_weights.iter().enumerate() {
        cumulative += n as f64 * math::exp(l - total);
        while parents.len() < n && parents.len() as f64 + offset < cumulative {
            parents.push(parent as u32);
        }
    }
    // Rounding may leave the last child without a parent.
    parents.resize(n, n as u32 - 1);
    parents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resampling_gives_each_parent_its_share() {
        let weights = [0.1_f64, 0.4, 0.0, 0.5];
        let ln_weights: Vec<f64> = weights.iter().map(|&w| math::ln(w)).collect();
        let mut counts = [0.0; 4];
        for k in 0..1000 {
            let parents = resample(&ln_weights, (f64::from(k) + 0.5) / 1000.0);
            assert!(parents.windows(2).all(|w| w[0] <= w[1]) && parents.len() == 4);
            parents.iter().for_each(|&p| counts[p as usize] += 1.0 / 4000.0);
        }
        assert!(counts.iter().zip(weights).all(|(c, w)| (c - w).abs() < 2e-3), "{counts:?}");
        assert_eq!(resample(&[0.0; 3], 0.999), [0, 1, 2]);
    }
}
