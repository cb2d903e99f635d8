//! Thermal cycling with partition crossover (Mobius, Neklioudov, Diaz-Sanchez, Hoffmann, Fachat,
//! Schreiber 1997; Tinos, Whitley, Chicano 2015): driven, it promises a low energy, no distribution.
//!
//! 1. All replicas are annealed from random states and quenched; the best takes over every
//!    cluster of the others that does not raise its energy.
//! 2. A cycle: all replicas start from the best, each is reheated to its own temperature, cooled,
//!    quenched and crossed over into the best. Cycles grow longer while nothing improves.
//!
//! On a sparse graph many replicas improve the best in different places at once, and crossover adds
//! all these improvements up.

use crate::engine::spins::{Rule, Scan, SpinSampler, SweepKey};
use crate::math;
use crate::random::SystemTag;
use crate::snapshot::{Snapshot, SnapshotError};

use super::anneal::QUENCH_SWEEPS;
use super::clusters::ClusterFinder;
use super::elites::Elites;
use super::optimise::GraphTraits;
use super::population::resample;
use super::schedule::{TemperatureRange, default_range};
use super::settings::{CyclingSettings, SettingsError};
use super::start::{BestState, later, own_draws, quench, randomise, sound, sound_counters};

/// Mean degree past which differing spins form one cluster at once, so that crossover finds nothing.
const MAX_CROSSOVER_DEGREE: f64 = 16.0;

/// Sweeps between resamplings of a first annealing: copies must part before they are weighed again.
const RESAMPLE_SWEEPS: u32 = 10;

/// A thermal cycling under way.
#[derive(Clone, Debug)]
pub struct Cycling {
    settings: CyclingSettings,
    first: TemperatureRange,
    reheat: TemperatureRange,
    cold: f64,
    /// 0 is the first annealing.
    cycle: u64,
    /// Sweep within the cycle, and the length of the cycle.
    sweep: u32,
    length: u32,
    sweeps_done: u64,
    /// Cycles since the best improved.
    idle: u64,
    /// Length of the last first annealing.
    first_sweeps: u32,
    elites: Elites,
    /// Whether clusters of differing spins stay small enough to be worth crossing over.
    crosses: bool,
    best: BestState,
    energies: Vec<f64>,
    n_spins: usize,
    finder: ClusterFinder,
}

impl Cycling {
    /// A cycling that has not begun; the sampler's states will be drawn at random.
    ///
    /// # Errors
    /// If a setting is out of range, or replicas share random numbers.
    pub fn new<S: SpinSampler + ?Sized>(settings: CyclingSettings, sampler: &S) -> Result<Self, SettingsError> {
        settings.validate()?;
        if sampler.n_replicas() > 1 && !sampler.has_independent_replicas() {
            return Err(SettingsError::SharedNumbers {
                method: "thermal cycling",
                reason: "copies of one state must part to be crossed over",
            });
        }
        let plan = sampler.plan();
        let default = default_range(plan, u64::from(settings.first_sweeps));
        let cold = settings.cold.unwrap_or(default.cold);
        Ok(Cycling {
            settings,
            first: TemperatureRange { hot: default.hot.max(2.0 * cold), cold },
            reheat: settings.reheat.unwrap_or(TemperatureRange { hot: 4.0 * cold, cold: 1.5 * cold }),
            cold,
            cycle: 0,
            sweep: 0,
            length: settings.first_sweeps,
            sweeps_done: 0,
            idle: 0,
            first_sweeps: settings.first_sweeps,
            elites: Elites::default(),
            crosses: GraphTraits::of(plan).mean_degree <= MAX_CROSSOVER_DEGREE,
            best: BestState::default(),
            energies: vec![f64::INFINITY; sampler.n_replicas()],
            n_spins: plan.n_spins(),
            finder: ClusterFinder::default(),
        })
    }

    /// Runs at most `sweeps_per_iteration` sweeps, and the crossover if they end a cycle.
    pub fn iterate<S: SpinSampler + ?Sized>(&mut self, sampler: &mut S, key: SweepKey) {
        if self.is_finished() {
            return;
        }
        if self.sweep == 0 {
            if self.cycle == 0 {
                randomise(sampler, key);
            } else {
                let n = self.start_states(sampler);
                let from: Vec<u32> = (0..sampler.n_replicas()).map(|r| (r % n) as u32).collect();
                sampler.select_replicas(&from);
            }
        }
        let n = self.settings.sweeps_per_iteration.min(self.length - self.sweep);
        let mut betas = vec![0.0; sampler.n_replicas()];
        for k in 0..n {
            self.set_betas(&mut betas, self.sweep + k);
            sampler.set_betas(&betas);
            sampler.sweep(Rule::Metropolis, Scan::Colours, later(key, k));
            let swept = self.sweep + k + 1;
            if self.settings.resample && self.cycle == 0 && swept.is_multiple_of(RESAMPLE_SWEEPS) && swept < self.length {
                self.resample(sampler, swept, later(key, k));
            }
        }
        self.sweep += n;
        self.sweeps_done += u64::from(n);
        if self.sweep == self.length {
            quench(sampler, self.cold, QUENCH_SWEEPS, Scan::Colours, later(key, n));
            self.sweeps_done += u64::from(QUENCH_SWEEPS);
            self.end_cycle(sampler);
        }
    }

    /// Weighs each replica by the fall of temperature until the next resampling, and copies the good ones.
    fn resample<S: SpinSampler + ?Sized>(&mut self, sampler: &mut S, swept: u32, key: SweepKey) {
        sampler.energies(&mut self.energies);
        self.best.offer(sampler, &self.energies);
        let mut betas = [[0.0], [0.0]];
        self.set_betas(&mut betas[0], swept - 1);
        self.set_betas(&mut betas[1], (swept - 1 + RESAMPLE_SWEEPS).min(self.length - 1));
        let step = betas[1][0] - betas[0][0];
        let ln_weights: Vec<f64> = self.energies.iter().map(|e| -step * e).collect();
        let offset = own_draws(key, SystemTag::named("cycling/resample")).stream().uniform();
        sampler.select_replicas(&resample(&ln_weights, offset));
    }

    /// States from which `n_replicas` replicas start a cycle.
    fn n_starts(&self, n_replicas: usize) -> usize {
        self.elites.len().clamp(1, n_replicas)
    }

    /// Writes the states from which a cycle starts into the first replicas; returns how many.
    fn start_states<S: SpinSampler + ?Sized>(&self, sampler: &mut S) -> usize {
        if self.settings.n_elites == 1 || self.elites.is_empty() {
            sampler.write_spins(0, &self.best.spins);
            return 1;
        }
        let n = self.n_starts(sampler.n_replicas());
        for (replica, spins) in self.elites.states()[..n].iter().enumerate() {
            sampler.write_spins(replica, spins);
        }
        n
    }

    /// The inverse temperature of each replica at a sweep of the cycle under way.
    fn set_betas(&self, betas: &mut [f64], sweep: u32) {
        let x = f64::from(sweep + 1) / f64::from(self.length);
        if self.cycle == 0 {
            betas.fill(1.0 / self.first.hot + x * (1.0 / self.first.cold - 1.0 / self.first.hot));
            return;
        }
        let n = betas.len();
        // Replicas r, r + k, r + 2 k of elite r share a start and spread over the reheats.
        let k = self.n_starts(betas.len());
        let n = n / k;
        let step = if n > 1 { math::ln(self.reheat.hot / self.reheat.cold) / (n - 1) as f64 } else { 0.0 };
        for (replica, beta) in betas.iter_mut().enumerate() {
            let hot = self.reheat.cold * math::exp(step * (replica / k) as f64);
            *beta = 1.0 / (hot + x * (self.cold - hot));
        }
    }

    fn end_cycle<S: SpinSampler + ?Sized>(&mut self, sampler: &mut S) {
        let before = self.best.energy;
        sampler.energies(&mut self.energies);
        self.best.offer(sampler, &self.energies);
        let pool_improved = if self.settings.n_elites == 1 {
            self.cross_all(sampler);
            false
        } else {
            self.choose_elites(sampler)
        };
        let improved = self.best.energy < before || pool_improved;
        self.idle = if improved { 0 } else { self.idle + 1 };
        let [shortest, longest] = self.settings.cycle_sweeps;
        self.length = if improved || self.cycle == 0 { shortest } else { self.length.saturating_mul(2).min(longest) };
        self.cycle += 1;
        self.sweep = 0;
        // Start over where nothing moves any more; 2^20 sweeps are long enough for any model.
        if self.settings.patience > 0 && self.idle >= u64::from(self.settings.patience) {
            self.first_sweeps = (2 * self.first_sweeps).min(1 << 20);
            (self.cycle, self.idle, self.length) = (0, 0, self.first_sweeps);
            self.elites.clear();
        }
    }

    /// Renews the pool from its states, crossed over with the replicas that started from each, and
    /// from the best replicas; returns whether it became better or larger.
    fn choose_elites<S: SpinSampler + ?Sized>(&mut self, sampler: &S) -> bool {
        let plan = sampler.plan();
        let capacity = self.settings.n_elites as usize;
        let mut spins = vec![0; plan.n_spins()];
        // 1. The old pool, improved; replica r started from state r % k.
        let old = std::mem::take(&mut self.elites);
        let k = old.len().clamp(1, self.energies.len());
        for (first, state) in old.states().iter().enumerate() {
            let mut merged = state.clone();
            if self.crosses {
                for replica in (first..self.energies.len()).step_by(k) {
                    sampler.read_spins(replica, &mut spins);
                    self.finder.cross_over(plan, &mut merged, &spins);
                }
            }
            self.elites.offer(plan, plan.energy(&merged), &merged, capacity);
            self.best.offer_spins(plan, &merged);
        }
        // 2. The best replicas.
        let mut by_energy: Vec<usize> = (0..self.energies.len()).collect();
        by_energy.sort_by(|&a, &b| self.energies[a].total_cmp(&self.energies[b]).then(a.cmp(&b)));
        for &replica in by_energy.iter().take(4 * capacity) {
            if !self.elites.has_room(self.energies[replica], capacity) {
                break;
            }
            sampler.read_spins(replica, &mut spins);
            self.elites.offer(plan, plan.energy(&spins), &spins, capacity);
        }
        self.elites.is_better_than(&old)
    }

    /// Takes the good clusters of every replica into the best.
    fn cross_all<S: SpinSampler + ?Sized>(&mut self, sampler: &S) {
        let plan = sampler.plan();
        let mut spins = vec![0; plan.n_spins()];
        let mut merged = self.best.spins.clone();
        for replica in 0..sampler.n_replicas() {
            sampler.read_spins(replica, &mut spins);
            self.finder.cross_over(plan, &mut merged, &spins);
        }
        let energy = plan.energy(&merged);
        if energy <= self.best.energy {
            self.best = BestState { energy, spins: merged };
        }
    }

    /// True when the target is reached, or the budget is spent at the end of a cycle.
    pub fn is_finished(&self) -> bool {
        let spent = self.sweep == 0 && self.sweeps_done >= self.settings.sweep_budget;
        spent || self.settings.target_energy.is_some_and(|target| self.best.energy <= target)
    }

    /// The energy of each replica at the end of the last cycle.
    pub fn energies(&self) -> &[f64] {
        &self.energies
    }

    /// Sweeps of all replicas so far, quenches included.
    pub fn sweeps_done(&self) -> u64 {
        self.sweeps_done
    }

    /// Cycles completed, the first annealing included.
    pub fn n_cycles(&self) -> u64 {
        self.cycle
    }

    /// The settings, as chosen by the user or the preset.
    pub fn settings(&self) -> &CyclingSettings {
        &self.settings
    }

    /// Strongest and weakest reheating.
    pub fn reheat(&self) -> TemperatureRange {
        self.reheat
    }

    /// Cycles since the best last improved.
    pub fn idle_cycles(&self) -> u64 {
        self.idle
    }

    /// The inverse temperature of the coldest replica at the next sweep.
    pub fn beta(&self) -> f64 {
        let mut beta = [0.0];
        self.set_betas(&mut beta, self.sweep.min(self.length - 1));
        beta[0]
    }

    /// The best state so far.
    pub fn best(&self) -> &BestState {
        &self.best
    }

    /// Appends everything that decides how it goes on.
    pub fn save(&self, prefix: &str, snapshot: &mut Snapshot) {
        let counters =
            [self.cycle, u64::from(self.sweep), u64::from(self.length), self.sweeps_done, self.idle, u64::from(self.first_sweeps)];
        snapshot.put(format!("{prefix}/counters"), &counters);
        snapshot.put(format!("{prefix}/energies"), &self.energies);
        self.elites.save(prefix, snapshot);
        self.best.save(prefix, snapshot);
    }

    /// Restores what [`Cycling::save`] wrote, into a cycling of the same settings.
    ///
    /// # Errors
    /// If a section is missing or does not fit the settings.
    pub fn load(&mut self, prefix: &str, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let name = format!("{prefix}/counters");
        let counters: Vec<u64> = snapshot.get_n(&name, 6)?;
        sound_counters(&counters, &name)?;
        let longest = counters[5].max(u64::from(self.settings.cycle_sweeps[1]));
        let in_range = counters[2] >= 1 && counters[2] <= longest && counters[5] <= u64::from(u32::MAX) && counters[1] < counters[2];
        sound(in_range, &name, || format!("sweep {} of a cycle of {}, at most {longest}", counters[1], counters[2]))?;
        let energies = snapshot.get_n(&format!("{prefix}/energies"), self.energies.len())?;
        self.elites.load(prefix, self.n_spins, self.settings.n_elites as usize, snapshot)?;
        self.best.load(prefix, self.n_spins, snapshot)?;
        sound(counters[0] == 0 || self.best.spins.len() == self.n_spins, &name, || "a cycle without a best state".to_owned())?;
        self.energies = energies;
        self.first_sweeps = counters[5] as u32;
        (self.cycle, self.sweeps_done, self.idle) = (counters[0], counters[3], counters[4]);
        (self.sweep, self.length) = (counters[1] as u32, counters[2] as u32);
        Ok(())
    }
}
