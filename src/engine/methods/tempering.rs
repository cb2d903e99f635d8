//! Non-reversible parallel tempering over replica lanes (Geyer 1991; Syed et al. 2021).
//!
//! Replica r belongs to ladder (copy) r / K of K temperatures. Even and odd pairs of rungs are
//! proposed in turn; an accepted swap exchanges two inverse temperatures and moves no state.
//! Replicas left over, fewer than K, are held at the hottest temperature and take no part.

use crate::engine::diagnostics::{Estimate, Moments, Series};
use crate::engine::spins::{SpinSampler, SweepKey};
use crate::random::SystemTag;
use crate::snapshot::{Snapshot, SnapshotError};

use super::clusters::ClusterFinder;
use super::ladder::{geometric_ladder, respace, swap_probability};
use super::schedule::default_range;
use super::settings::{ClusterMoves, SettingsError, TemperingSettings};
use super::start::{BestState, descend, later, own_draws, randomise, sound, sound_counters};

/// Sweeps for which the default cold end is chosen.
const DEFAULT_SWEEPS: u64 = 1000;

/// Where a replica was last at an end of its ladder, for counting round trips.
const NOWHERE: u8 = 0;
const FROM_HOT: u8 = 1;
const FROM_COLD: u8 = 2;

/// A parallel tempering under way.
#[derive(Clone, Debug)]
pub struct Tempering {
    settings: TemperingSettings,
    betas: Vec<f64>,
    n_copies: usize,
    iteration: u64,
    /// Rung of each replica that takes part.
    rung: Vec<u32>,
    came_from: Vec<u8>,
    /// Round trips completed, one counter a replica.
    trips: Vec<u64>,
    /// Sum of swap probabilities and number of proposals, by pair of rungs.
    swap_sum: Vec<f64>,
    swap_n: Vec<u64>,
    /// Energies by rung since measuring last began anew.
    moments: Vec<Moments>,
    /// Mean energy over the copies of the coldest rung, iteration by iteration, since then.
    coldest: Series,
    energies: Vec<f64>,
    best: BestState,
    n_spins: usize,
    keeps_states: bool,
    finder: ClusterFinder,
}

impl Tempering {
    /// A tempering that has not begun; the sampler's states will be drawn at random.
    ///
    /// # Errors
    /// If a setting is out of range, replicas are too few or share random numbers.
    pub fn new<S: SpinSampler + ?Sized>(settings: TemperingSettings, sampler: &S) -> Result<Self, SettingsError> {
        settings.validate()?;
        let k = settings.n_temperatures as usize;
        if sampler.n_replicas() < k {
            return Err(SettingsError::TooFewReplicas {
                method: "tempering",
                needed: k,
                found: sampler.n_replicas(),
                field: "n_temperatures",
            });
        }
        if !sampler.has_independent_replicas() {
            return Err(SettingsError::SharedNumbers { method: "tempering", reason: "replicas that swap must be independent samples" });
        }
        let n_copies = sampler.n_replicas() / k;
        if settings.cluster_moves != ClusterMoves::Off && n_copies < 2 {
            let (method, found) = ("a cluster move", sampler.n_replicas());
            return Err(SettingsError::TooFewReplicas { method, needed: 2 * k, found, field: "n_temperatures" });
        }
        let range = settings.range.unwrap_or_else(|| default_range(sampler.plan(), DEFAULT_SWEEPS));
        Ok(Tempering {
            settings,
            betas: geometric_ladder(range, k),
            n_copies,
            iteration: 0,
            rung: (0..n_copies * k).map(|r| (r % k) as u32).collect(),
            came_from: vec![NOWHERE; n_copies * k],
            trips: vec![0; n_copies * k],
            swap_sum: vec![0.0; k - 1],
            swap_n: vec![0; k - 1],
            moments: vec![Moments::default(); k],
            coldest: Series::default(),
            energies: vec![f64::INFINITY; sampler.n_replicas()],
            best: BestState::default(),
            n_spins: sampler.plan().n_spins(),
            keeps_states: false,
            finder: ClusterFinder::default(),
        })
    }

    /// Begins from the states that the sampler holds, not from random ones.
    #[must_use]
    pub fn keeping_states(mut self) -> Self {
        self.keeps_states = true;
        self
    }

    /// Sweeps, moves clusters, swaps, and during adaptation now and then re-spaces the ladder.
    pub fn iterate<S: SpinSampler + ?Sized>(&mut self, sampler: &mut S, key: SweepKey) {
        if self.iteration == 0 && !self.keeps_states {
            randomise(sampler, key);
        }
        // 1. Sweep at each replica's temperature.
        let mut betas = vec![self.betas[0]; sampler.n_replicas()];
        for (beta, &rung) in betas.iter_mut().zip(&self.rung) {
            *beta = self.betas[rung as usize];
        }
        sampler.set_betas(&betas);
        for n in 0..self.settings.sweeps_per_iteration {
            sampler.sweep(self.settings.rule, self.settings.scan, later(key, n));
        }
        // 2. Cluster moves between copies at the same rung.
        if self.settings.cluster_moves != ClusterMoves::Off && self.iteration.is_multiple_of(u64::from(self.settings.cluster_every)) {
            self.move_clusters(sampler, key);
        }
        // 3. Measure, swap, look for the best.
        sampler.energies(&mut self.energies);
        for (&rung, &energy) in self.rung.iter().zip(&self.energies) {
            self.moments[rung as usize].push(energy);
        }
        let last = self.k() as u32 - 1;
        let cold = self.rung.iter().zip(&self.energies).filter(|(rung, _)| **rung == last);
        self.coldest.push(cold.map(|(_, energy)| energy).sum::<f64>() / self.n_copies as f64);
        self.swap(key);
        self.best.offer(sampler, &self.energies);
        let every = u64::from(self.settings.crossover_every);
        if every > 0 && self.iteration % every == every - 1 {
            self.cross_cold_replicas(sampler);
        }
        self.iteration += 1;
        self.adapt();
    }

    fn k(&self) -> usize {
        self.betas.len()
    }

    /// Replicas of each rung: `at_rung[rung]` lists one a copy, in copy order.
    fn at_rung(&self) -> Vec<Vec<usize>> {
        let mut at_rung = vec![Vec::with_capacity(self.n_copies); self.k()];
        for (replica, &rung) in self.rung.iter().enumerate() {
            at_rung[rung as usize].push(replica);
        }
        at_rung
    }

    fn swap(&mut self, key: SweepKey) {
        let k = self.k();
        for copy in 0..self.n_copies {
            let mut stream = own_draws(key, SystemTag::named("tempering/swap")).replica(copy as u32).stream();
            let rungs = &mut self.rung[copy * k..(copy + 1) * k];
            let energies = &self.energies[copy * k..(copy + 1) * k];
            let mut replica_at = vec![0; k];
            for (replica, &rung) in rungs.iter().enumerate() {
                replica_at[rung as usize] = replica;
            }
            for lower in ((self.iteration % 2) as usize..k - 1).step_by(2) {
                let (a, b) = (replica_at[lower], replica_at[lower + 1]);
                let p = swap_probability(self.betas[lower], self.betas[lower + 1], energies[a], energies[b]);
                self.swap_sum[lower] += p;
                self.swap_n[lower] += 1;
                if stream.uniform() < p {
                    rungs.swap(a, b);
                }
            }
        }
        // A round trip is cold to hot to cold.
        for (replica, &rung) in self.rung.iter().enumerate() {
            if rung == 0 && self.came_from[replica] == FROM_COLD {
                self.came_from[replica] = FROM_HOT;
            } else if rung as usize == k - 1 {
                self.trips[replica] += u64::from(self.came_from[replica] == FROM_HOT);
                self.came_from[replica] = FROM_COLD;
            }
        }
    }

    fn move_clusters<S: SpinSampler + ?Sized>(&mut self, sampler: &mut S, key: SweepKey) {
        for (rung, mut replicas) in self.at_rung().into_iter().enumerate() {
            let mut stream = own_draws(key, SystemTag::named("tempering/clusters")).replica(rung as u32).stream();
            stream.shuffle(&mut replicas);
            for pair in replicas.chunks_exact(2) {
                self.finder.houdayer(sampler, pair[0], pair[1], self.settings.cluster_moves, &mut stream);
            }
        }
    }

    /// Quenches a copy of each coldest replica and takes its good clusters into the best state.
    fn cross_cold_replicas<S: SpinSampler + ?Sized>(&mut self, sampler: &mut S) {
        let plan = std::sync::Arc::clone(sampler.plan());
        let mut spins = vec![0; plan.n_spins()];
        for replica in self.at_rung().swap_remove(self.k() - 1) {
            sampler.read_spins(replica, &mut spins);
            descend(&plan, &mut spins);
            let mut merged = self.best.spins.clone();
            self.finder.cross_over(&plan, &mut merged, &spins);
            // Equal energy is taken too: a drifting best meets other clusters.
            if plan.energy(&merged) <= self.best.energy {
                self.best = BestState { energy: plan.energy(&merged), spins: merged };
            }
            self.best.offer_spins(&plan, &spins);
        }
    }

    /// Re-spaces after 1/16, 1/8, 1/4, 1/2 and all of the adaptation phase, each time from fresh
    /// counts, and measures anew once more after the iterations to discard.
    fn adapt(&mut self) {
        let total = u64::from(self.settings.adaptation_iterations);
        let respaces = total > 0 && [16, 8, 4, 2, 1].iter().any(|part| self.iteration == (total / part).max(1));
        if respaces && self.swap_n.iter().all(|&n| n > 0) {
            let rejection = self.rejection();
            respace(&mut self.betas, &rejection);
        }
        if respaces || self.iteration == self.settings.unmeasured_iterations() {
            self.swap_sum.fill(0.0);
            self.swap_n.fill(0);
            self.trips.fill(0);
            self.came_from.fill(NOWHERE);
            self.moments.fill(Moments::default());
            self.coldest = Series::default();
        }
    }

    /// True while the ladder may still change.
    pub fn is_adapting(&self) -> bool {
        self.iteration < u64::from(self.settings.adaptation_iterations)
    }

    /// True until the ladder is adapted and the iterations to discard are over; what is measured
    /// meanwhile is not equilibrium and is forgotten then.
    pub fn is_settling(&self) -> bool {
        self.iteration < self.settings.unmeasured_iterations()
    }

    /// Iterations done.
    pub fn n_iterations(&self) -> u64 {
        self.iteration
    }

    /// The inverse temperatures of the ladder, hot first.
    pub fn betas(&self) -> &[f64] {
        &self.betas
    }

    /// The rung of each replica that takes part.
    pub fn rungs(&self) -> &[u32] {
        &self.rung
    }

    /// The energy of each replica after the last iteration.
    pub fn energies(&self) -> &[f64] {
        &self.energies
    }

    /// The swap map: mean swap probability between rungs k and k + 1; NaN before the first proposal.
    pub fn swap_rates(&self) -> Vec<f64> {
        self.swap_sum.iter().zip(&self.swap_n).map(|(s, &n)| s / n as f64).collect()
    }

    fn rejection(&self) -> Vec<f64> {
        self.swap_rates().iter().map(|rate| 1.0 - rate).collect()
    }

    /// The communication barrier Lambda: rejections summed over the ladder. About 2 Lambda + 1 rungs are enough.
    pub fn barrier(&self) -> f64 {
        self.rejection().iter().sum()
    }

    /// Round trips from cold to hot and back, over all replicas since the ladder settled.
    pub fn round_trips(&self) -> u64 {
        self.trips.iter().sum()
    }

    /// Energy statistics by rung, hot first, since the ladder settled.
    pub fn moments(&self) -> &[Moments] {
        &self.moments
    }

    /// The energy at the coldest rung since the ladder settled, with its error bar and autocorrelation time in iterations.
    pub fn coldest_energy(&self) -> Estimate {
        self.coldest.estimate()
    }

    /// Number of ladders side by side.
    pub fn n_copies(&self) -> usize {
        self.n_copies
    }

    /// The state of the lowest energy so far.
    pub fn best(&self) -> &BestState {
        &self.best
    }

    /// Appends everything that decides how it goes on.
    pub fn save(&self, prefix: &str, snapshot: &mut Snapshot) {
        snapshot.put(format!("{prefix}/iteration"), &[self.iteration]);
        snapshot.put(format!("{prefix}/betas"), &self.betas);
        snapshot.put(format!("{prefix}/rung"), &self.rung);
        snapshot.put(format!("{prefix}/came_from"), &self.came_from);
        snapshot.put(format!("{prefix}/trips"), &self.trips);
        snapshot.put(format!("{prefix}/swap_sum"), &self.swap_sum);
        snapshot.put(format!("{prefix}/swap_n"), &self.swap_n);
        snapshot.put(format!("{prefix}/moments"), &Moments::pack(&self.moments));
        snapshot.put(format!("{prefix}/energies"), &self.energies);
        self.coldest.save(&format!("{prefix}/coldest"), snapshot);
        self.best.save(prefix, snapshot);
    }

    /// Restores what [`Tempering::save`] wrote, into a tempering of the same settings.
    ///
    /// # Errors
    /// If a section is missing or does not fit the settings.
    pub fn load(&mut self, prefix: &str, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let k = self.k();
        let mut loaded = self.clone();
        loaded.iteration = snapshot.get_n::<u64>(&format!("{prefix}/iteration"), 1)?[0];
        loaded.trips = snapshot.get_n(&format!("{prefix}/trips"), self.rung.len())?;
        loaded.swap_n = snapshot.get_n(&format!("{prefix}/swap_n"), k - 1)?;
        for (name, counters) in [("iteration", &[loaded.iteration][..]), ("trips", &loaded.trips), ("swap_n", &loaded.swap_n)] {
            sound_counters(counters, &format!("{prefix}/{name}"))?;
        }
        let name = format!("{prefix}/betas");
        loaded.betas = snapshot.get_n(&name, k)?;
        let ascend = loaded.betas.windows(2).all(|w| w[0] < w[1]) && loaded.betas[0] >= 0.0 && loaded.betas[k - 1].is_finite();
        sound(ascend, &name, || format!("{:?} is not an ascending ladder", loaded.betas))?;
        let name = format!("{prefix}/rung");
        loaded.rung = snapshot.get_n(&name, self.rung.len())?;
        for (copy, rungs) in loaded.rung.chunks_exact(k).enumerate() {
            let mut sorted = rungs.to_vec();
            sorted.sort_unstable();
            sound(sorted.iter().copied().eq(0..k as u32), &name, || format!("copy {copy} is not a permutation of {k} rungs: {rungs:?}"))?;
        }
        let name = format!("{prefix}/came_from");
        loaded.came_from = snapshot.get_n(&name, self.rung.len())?;
        sound(loaded.came_from.iter().all(|&c| c <= FROM_COLD), &name, || "a value above 2".to_owned())?;
        loaded.swap_sum = snapshot.get_n(&format!("{prefix}/swap_sum"), k - 1)?;
        loaded.moments = Moments::unpack(&format!("{prefix}/moments"), k, snapshot)?;
        loaded.energies = snapshot.get_n(&format!("{prefix}/energies"), self.energies.len())?;
        loaded.coldest.load(&format!("{prefix}/coldest"), snapshot)?;
        loaded.best.load(prefix, self.n_spins, snapshot)?;
        *self = loaded;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::spins::reference::ReferenceSampler;
    use crate::plan::{Coupling, IsingModel};
    use crate::topology::compile_spins;
    use crate::units::Seed;

    #[test]
    fn statistics_begin_after_adaptation_and_the_discarded_iterations() {
        let mut model = IsingModel::with_spins(6);
        model.couplings = (0..6).map(|i| Coupling::new(i, (i + 1) % 6, 1.0)).collect();
        model.normalise();
        for (adaptation_iterations, discard) in [(0, 7), (8, 5), (8, 0), (0, 0)] {
            let settings = TemperingSettings { n_temperatures: 3, adaptation_iterations, discard, ..TemperingSettings::default() };
            let mut sampler = ReferenceSampler::new(Arc::new(compile_spins(&model, &[])), 6);
            let mut tempering = Tempering::new(settings, &sampler).unwrap();
            let mut coldest = Vec::new();
            for step in 0..20 {
                let is_measured = !tempering.is_settling();
                assert_eq!(is_measured, step >= u64::from(adaptation_iterations + discard));
                let rungs = tempering.rungs().to_vec();
                tempering.iterate(&mut sampler, SweepKey { seed: Seed(1), system: SystemTag::named("t"), step, sweep: 0 });
                if is_measured {
                    let at_rung = rungs.iter().zip(tempering.energies()).filter(|(rung, _)| **rung == 2);
                    coldest.push(at_rung.map(|(_, e)| e).sum::<f64>() / 2.0);
                }
            }
            assert_eq!(tempering.moments()[2].count(), 2 * coldest.len() as u64);
            let mean = coldest.iter().sum::<f64>() / coldest.len() as f64;
            assert!((tempering.coldest_energy().mean - mean).abs() < 1e-12, "{adaptation_iterations} + {discard}");
        }
    }
}
