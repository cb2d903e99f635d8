//! The interface of every spin engine: what annealing, tempering and the other methods are written against.

use std::sync::Arc;

use crate::plan::SpinPlan;
use crate::random::{StreamKey, SystemTag};
use crate::units::Seed;

/// How one spin decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Flip with probability min(1, exp(-beta dE)).
    Metropolis,
    /// Heat bath (Glauber): +1 with probability 1 / (1 + exp(-2 beta f)), whatever the old value.
    HeatBath,
}

/// In which order a sweep visits the spins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scan {
    /// Colour class after colour class, each class at once.
    Colours,
    /// Spin after spin in neuron order.
    Sequential,
    /// As many uniformly drawn spins as there are free ones.
    Random,
}

/// Names the random numbers of one sweep; an engine adds block and replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepKey {
    /// Seed of the run.
    pub seed: Seed,
    /// System that sweeps.
    pub system: SystemTag,
    /// Step of the simulation.
    pub step: u64,
    /// Sweep within the step.
    pub sweep: u32,
}

impl SweepKey {
    /// The stream key of this sweep.
    pub fn stream_key(self) -> StreamKey {
        StreamKey::new(self.seed, self.system, self.step).sweep(self.sweep)
    }
}

/// Counts of a sampler since it was made or last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepCounts {
    /// Spin updates attempted, over all replicas.
    pub attempts: u64,
    /// Flips, over all replicas.
    pub flips: u64,
}

/// A spin engine: one plan, one or many replicas, each with its own inverse temperature.
///
/// Slots are those of the plan. Every method of [`crate::engine`] is generic over this trait.
pub trait SpinSampler: Send + Sync {
    /// The plan it executes.
    fn plan(&self) -> &Arc<SpinPlan>;

    /// Number of replicas.
    fn n_replicas(&self) -> usize;

    /// Sets the inverse temperatures: one value for all replicas, or one each.
    ///
    /// # Panics
    /// If the length is neither 1 nor `n_replicas()`, or a value is negative or NaN.
    fn set_betas(&mut self, betas: &[f64]);

    /// Visits every free spin of every replica once (on average, for [`Scan::Random`]).
    fn sweep(&mut self, rule: Rule, scan: Scan, key: SweepKey);

    /// Writes the energy of each replica, the model's offset included, into `out` (one a replica).
    fn energies(&mut self, out: &mut [f64]);

    /// True if the spin at `slot` is +1 in `replica`.
    fn is_up(&self, slot: usize, replica: usize) -> bool;

    /// Flips the spin at `slot` in `replica`, caches included.
    fn flip(&mut self, slot: usize, replica: usize);

    /// Writes the spins of `replica`, +1 or -1 by slot.
    fn read_spins(&self, replica: usize, spins: &mut [i8]) {
        for (slot, s) in spins.iter_mut().enumerate() {
            *s = if self.is_up(slot, replica) { 1 } else { -1 };
        }
    }

    /// Writes the sum of the spins of each replica into `out` (one a replica).
    fn magnetisations(&self, out: &mut [i64]) {
        let mut spins = vec![0_i8; self.plan().n_spins()];
        for (replica, sum) in out.iter_mut().enumerate() {
            self.read_spins(replica, &mut spins);
            *sum = spins.iter().map(|&s| i64::from(s)).sum();
        }
    }

    /// Sets the spins of `replica` from +1 or -1 by slot.
    fn write_spins(&mut self, replica: usize, spins: &[i8]);

    /// Recomputes cached floats from the spins. Their owner calls it at the start of every step, so
    /// that a resumed run has the same bits; exact caches have nothing to do.
    fn refresh(&mut self) {}

    /// Writes the spins of all replicas in neuron order: bit r % 64 of word r / 64 is replica r, set for +1.
    ///
    /// # Panics
    /// If `lanes` is not one entry a neuron, or there are more than 512 replicas.
    fn save_lanes(&self, lanes: &mut [[u64; 8]]) {
        assert!(lanes.len() == self.plan().n_spins() && self.n_replicas() <= 512, "one entry a neuron, at most 512 replicas");
        let plan = Arc::clone(self.plan());
        for (entry, &slot) in lanes.iter_mut().zip(&plan.slot) {
            *entry = [0; 8];
            for replica in 0..self.n_replicas() {
                entry[replica / 64] |= u64::from(self.is_up(slot as usize, replica)) << (replica % 64);
            }
        }
    }

    /// Sets the spins of all replicas from what [`SpinSampler::save_lanes`] wrote.
    ///
    /// # Panics
    /// If `lanes` is not one entry a neuron.
    fn load_lanes(&mut self, lanes: &[[u64; 8]]) {
        let plan = Arc::clone(self.plan());
        assert_eq!(lanes.len(), plan.n_spins(), "one entry a neuron");
        let mut spins = vec![0_i8; lanes.len()];
        for replica in 0..self.n_replicas() {
            for (s, &neuron) in spins.iter_mut().zip(&plan.order) {
                *s = if lanes[neuron as usize][replica / 64] >> (replica % 64) & 1 == 1 { 1 } else { -1 };
            }
            self.write_spins(replica, &spins);
        }
    }

    /// Makes replica r a copy of old replica `from[r]`; inverse temperatures stay with the index.
    fn select_replicas(&mut self, from: &[u32]);

    /// False if replicas share random numbers, and so are not independent samples.
    fn has_independent_replicas(&self) -> bool;

    /// Attempts and flips so far.
    fn counts(&self) -> SweepCounts;
}
