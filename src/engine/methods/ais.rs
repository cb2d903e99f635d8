//! Annealed importance sampling (Neal 2001) with bounds from both sides.
//!
//! Forwards, each replica is annealed from beta = 0 and gathers ln w = -sum (b_k - b_{k-1}) E_k;
//! the mean of w is Z(end)/Z(0), so ln Z0 + ln mean w lies below ln Z on average (Jensen).
//! Backwards from states at the last beta the roles change and the same figure lies above
//! (bidirectional Monte Carlo; Grosse, Ghahramani, Adams 2015), as far as those states equilibrated.

use crate::engine::diagnostics::effective_weights;
use crate::engine::spins::{SpinSampler, SweepKey};
use crate::math;
use crate::random::SystemTag;
use crate::snapshot::{Snapshot, SnapshotError};

use super::population::resample;
use super::schedule::default_range;
use super::settings::{AisSettings, SettingsError};
use super::start::{BestState, later, own_draws, randomise, sound};

/// Sweeps for which the default cold end is chosen.
const DEFAULT_SWEEPS: u64 = 1000;

/// An annealed importance sampling under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Ais {
    settings: AisSettings,
    beta_end: f64,
    ln_z0: f64,
    /// Steps done: forward ones, one for equilibration, then backward ones.
    step: u64,
    forward: Vec<f64>,
    backward: Vec<f64>,
    /// What [`Ais::weighted_energy`] says once the runs forwards are done; zeros before.
    at_end: [f64; 3],
    energies: Vec<f64>,
    best: BestState,
    n_spins: usize,
}

/// What an annealed importance sampling has found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LnZ {
    /// ln Z0 + ln of the mean weight; below ln Z on average.
    pub estimate: f64,
    /// Its standard error, from the spread of the weights.
    pub error: f64,
    /// Effective number of weights, (sum w)^2 / sum w^2.
    pub effective: f64,
}

impl Ais {
    /// A sampling that has not begun; the sampler's states will be drawn at random.
    ///
    /// # Errors
    /// If a setting is out of range or replicas share random numbers.
    pub fn new<S: SpinSampler + ?Sized>(settings: AisSettings, sampler: &S) -> Result<Self, SettingsError> {
        settings.validate()?;
        let n = sampler.n_replicas();
        if n > 1 && !sampler.has_independent_replicas() {
            return Err(SettingsError::SharedNumbers { method: "AIS", reason: "the error of ln Z rests on independent weights" });
        }
        Ok(Ais {
            settings,
            beta_end: settings.beta_end.unwrap_or_else(|| 1.0 / default_range(sampler.plan(), DEFAULT_SWEEPS).cold),
            ln_z0: sampler.plan().n_free() as f64 * std::f64::consts::LN_2,
            step: 0,
            forward: vec![0.0; n],
            backward: vec![0.0; n],
            at_end: [0.0; 3],
            energies: vec![f64::INFINITY; n],
            best: BestState::default(),
            n_spins: sampler.plan().n_spins(),
        })
    }

    /// Runs `steps_per_iteration` steps, the equilibration counting as one.
    pub fn iterate<S: SpinSampler + ?Sized>(&mut self, sampler: &mut S, key: SweepKey) {
        let mut sweeps = 0;
        for _ in 0..self.settings.steps_per_iteration {
            if self.is_finished() {
                break;
            }
            sweeps += self.one_step(sampler, later(key, sweeps));
        }
    }

    /// One step of temperature; returns the sweeps it made.
    fn one_step<S: SpinSampler + ?Sized>(&mut self, sampler: &mut S, key: SweepKey) -> u32 {
        let n = u64::from(self.settings.n_steps);
        if self.step == 0 {
            randomise(sampler, key);
            sampler.energies(&mut self.energies);
        }
        let mut sweeps = self.settings.sweeps_per_step;
        if self.step < n {
            // 1. Forwards: weigh by the step, then sweep at the new temperature.
            let (from, to) = (self.beta_at(self.step), self.beta_at(self.step + 1));
            weigh(&mut self.forward, &self.energies, to - from);
            sampler.set_betas(&[to]);
        } else if self.step == n {
            // 2. Between: states that follow the last temperature.
            let offset = own_draws(key, SystemTag::named("ais/resample")).stream().uniform();
            sampler.select_replicas(&resample(&self.forward, offset));
            sampler.set_betas(&[self.beta_end]);
            sweeps = self.settings.equilibration_sweeps;
        } else {
            // 3. Backwards, through the same temperatures.
            let k = 2 * n + 1 - self.step;
            let (from, to) = (self.beta_at(k), self.beta_at(k - 1));
            weigh(&mut self.backward, &self.energies, to - from);
            sampler.set_betas(&[to]);
        }
        for s in 0..sweeps {
            sampler.sweep(self.settings.rule, self.settings.scan, later(key, s));
        }
        sampler.energies(&mut self.energies);
        self.best.offer(sampler, &self.energies);
        self.step += 1;
        if self.step == n {
            let (mean, error, variance) = self.weigh_energies();
            self.at_end = [mean, error, variance];
        }
        sweeps
    }

    fn beta_at(&self, k: u64) -> f64 {
        self.beta_end * k as f64 / f64::from(self.settings.n_steps)
    }

    /// True when all steps are done.
    pub fn is_finished(&self) -> bool {
        let n = u64::from(self.settings.n_steps);
        self.step == if self.settings.reverse { 2 * n + 1 } else { n }
    }

    /// The inverse temperature of the last sweep.
    pub fn beta(&self) -> f64 {
        let n = u64::from(self.settings.n_steps);
        if self.step <= n { self.beta_at(self.step) } else { self.beta_at(2 * n + 1 - self.step) }
    }

    /// ln Z at the last beta by the runs forwards, once these are done.
    pub fn ln_z(&self) -> Option<LnZ> {
        (self.step >= u64::from(self.settings.n_steps)).then(|| ln_mean(&self.forward, self.ln_z0, 1.0))
    }

    /// ln Z at the last beta by the runs backwards, once these are done; above ln Z on average.
    pub fn ln_z_above(&self) -> Option<LnZ> {
        (self.settings.reverse && self.is_finished()).then(|| ln_mean(&self.backward, self.ln_z0, -1.0))
    }

    /// The inverse temperature that [`Ais::weighted_energy`] speaks of: the last one reached forwards.
    pub fn weighted_beta(&self) -> f64 {
        self.beta_at(self.step.min(u64::from(self.settings.n_steps)))
    }

    /// Mean, standard error and variance of the energy at [`Ais::weighted_beta`], by the weights of
    /// the runs forwards: the annealed states alone lag behind their temperature.
    pub fn weighted_energy(&self) -> Option<(f64, f64, f64)> {
        match self.step {
            0 => None,
            step if step < u64::from(self.settings.n_steps) => Some(self.weigh_energies()),
            _ => Some((self.at_end[0], self.at_end[1], self.at_end[2])),
        }
    }

    fn weigh_energies(&self) -> (f64, f64, f64) {
        let total = math::log_sum_exp(&self.forward);
        let weights: Vec<f64> = self.forward.iter().map(|l| math::exp(l - total)).collect();
        let of_all = |f: &dyn Fn(f64, f64) -> f64| weights.iter().zip(&self.energies).map(|(&w, &e)| f(w, e)).sum::<f64>();
        let mean = of_all(&|w, e| w * e);
        let variance = of_all(&|w, e| w * (e - mean) * (e - mean));
        let squared_error = of_all(&|w, e| w * w * (e - mean) * (e - mean));
        (mean, squared_error.sqrt(), variance)
    }

    /// ln w of each replica by the runs forwards.
    pub fn ln_weights(&self) -> &[f64] {
        &self.forward
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
        snapshot.put(format!("{prefix}/forward"), &self.forward);
        snapshot.put(format!("{prefix}/backward"), &self.backward);
        snapshot.put(format!("{prefix}/at_end"), &self.at_end);
        snapshot.put(format!("{prefix}/energies"), &self.energies);
        self.best.save(prefix, snapshot);
    }

    /// Restores what [`Ais::save`] wrote, into a sampling of the same settings.
    ///
    /// # Errors
    /// If a section is missing or does not fit the settings.
    pub fn load(&mut self, prefix: &str, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let n = self.energies.len();
        let mut loaded = self.clone();
        let name = format!("{prefix}/step");
        loaded.step = snapshot.get_n::<u64>(&name, 1)?[0];
        let steps = 2 * u64::from(self.settings.n_steps) + 1;
        sound(loaded.step <= steps, &name, || format!("step {} of {steps}", loaded.step))?;
        loaded.forward = snapshot.get_n(&format!("{prefix}/forward"), n)?;
        loaded.backward = snapshot.get_n(&format!("{prefix}/backward"), n)?;
        let name = format!("{prefix}/at_end");
        let at_end: Vec<f64> = snapshot.get_n(&name, 3)?;
        sound(at_end.iter().all(|x| x.is_finite()), &name, || format!("{at_end:?} is not finite"))?;
        loaded.at_end.copy_from_slice(&at_end);
        loaded.energies = snapshot.get_n(&format!("{prefix}/energies"), n)?;
        loaded.best.load(prefix, self.n_spins, snapshot)?;
        *self = loaded;
        Ok(())
    }
}

fn weigh(ln_weights: &mut [f64], energies: &[f64], beta_step: f64) {
    for (l, e) in ln_weights.iter_mut().zip(energies) {
        *l -= beta_step * e;
    }
}

/// ln Z0 + sign ln mean w with the error of the delta method.
fn ln_mean(ln_weights: &[f64], ln_z0: f64, sign: f64) -> LnZ {
    let n = ln_weights.len() as f64;
    let effective = effective_weights(ln_weights);
    let error = ((n / effective - 1.0).max(0.0) / (n - 1.0).max(1.0)).sqrt();
    LnZ { estimate: ln_z0 + sign * (math::log_sum_exp(ln_weights) - math::ln(n)), error, effective }
}
