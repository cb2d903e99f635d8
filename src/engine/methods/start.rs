//! What every method does around its iterations: random starts, quenches and the best state so far.

use crate::engine::spins::{Rule, Scan, SpinSampler, SweepKey};
use crate::plan::SpinPlan;
use crate::random::{StreamKey, SystemTag};
use crate::snapshot::{Snapshot, SnapshotError};

/// The key of the `n`th further sweep of an iteration.
pub(crate) fn later(key: SweepKey, n: u32) -> SweepKey {
    SweepKey { sweep: key.sweep + n, ..key }
}

/// The key of a method's own draws in an iteration, apart from those of the sweeps and of another
/// system: `tag` says what is drawn, and the place of the block says for whom.
pub(crate) fn own_draws(key: SweepKey, tag: SystemTag) -> StreamKey {
    StreamKey::new(key.seed, tag, key.step).sweep(key.sweep).block(key.system.0)
}

/// Sets every free spin of every replica at random, each replica by its own stream; clamped spins stay.
pub fn randomise<S: SpinSampler + ?Sized>(sampler: &mut S, key: SweepKey) {
    let n_free = sampler.plan().n_free();
    let mut spins = vec![1_i8; sampler.plan().n_spins()];
    for replica in 0..sampler.n_replicas() {
        let mut stream = own_draws(key, SystemTag::named("methods/randomise")).replica(replica as u32).stream();
        for word in spins[..n_free].chunks_mut(64) {
            let mut bits = stream.bits();
            for s in word {
                *s = if bits & 1 == 1 { 1 } else { -1 };
                bits >>= 1;
            }
        }
        for (slot, s) in spins.iter_mut().enumerate().skip(n_free) {
            *s = if sampler.is_up(slot, replica) { 1 } else { -1 };
        }
        sampler.write_spins(replica, &spins);
    }
}

/// Descends in every replica: sweeps so cold that no energy rises. Plateaus are walked, not left.
///
/// `cold` is the scale of a cold temperature of the model.
pub fn quench<S: SpinSampler + ?Sized>(sampler: &mut S, cold: f64, sweeps: u32, scan: Scan, key: SweepKey) {
    sampler.set_betas(&[quench_beta(cold)]);
    for n in 0..sweeps {
        sampler.sweep(Rule::Metropolis, scan, later(key, n));
    }
}

/// Zero temperature in practice, and finite, so that zero times it is zero.
pub(crate) fn quench_beta(cold: f64) -> f64 {
    1e5 / cold
}

/// Descends from `spins` (by slot) to a local minimum: flips while a flip lowers the energy.
pub fn descend(plan: &SpinPlan, spins: &mut [i8]) {
    let mut queue: Vec<u32> = (0..plan.n_free() as u32).rev().collect();
    while let Some(slot) = queue.pop() {
        let (neighbours, weights) = plan.row(slot as usize);
        let pairs: f64 = neighbours.iter().zip(weights).map(|(&j, &w)| f64::from(w) * f64::from(spins[j as usize])).sum();
        let field = f64::from(plan.fields[slot as usize]) + pairs;
        let strength: f64 = f64::from(plan.fields[slot as usize].abs()) + weights.iter().map(|w| f64::from(w.abs())).sum::<f64>();
        // A margin against rounding, so that the descent ends.
        if f64::from(spins[slot as usize]) * field < -1e-12 * strength {
            spins[slot as usize] = -spins[slot as usize];
            queue.extend(neighbours.iter().copied().filter(|&j| (j as usize) < plan.n_free()));
        }
    }
}

/// The state of the lowest energy that a method has seen.
#[derive(Clone, Debug, PartialEq)]
pub struct BestState {
    /// Its energy, summed in f64 from the plan; infinite before there is a state.
    pub energy: f64,
    /// Its spins, +1 or -1 by slot; empty before there is a state.
    pub spins: Vec<i8>,
}

impl Default for BestState {
    fn default() -> Self {
        BestState { energy: f64::INFINITY, spins: Vec::new() }
    }
}

impl BestState {
    /// Takes over the replica of the lowest of `energies` if it is better; returns whether it was.
    pub fn offer<S: SpinSampler + ?Sized>(&mut self, sampler: &S, energies: &[f64]) -> bool {
        let Some((replica, &energy)) = energies.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)) else {
            return false;
        };
        if energy >= self.energy {
            return false;
        }
        let mut spins = vec![0; sampler.plan().n_spins()];
        sampler.read_spins(replica, &mut spins);
        self.offer_spins(sampler.plan(), &spins)
    }

    /// Takes over `spins` (by slot) if their energy is lower; returns whether it was.
    pub fn offer_spins(&mut self, plan: &SpinPlan, spins: &[i8]) -> bool {
        let energy = plan.energy(spins);
        let better = energy < self.energy;
        if better {
            self.energy = energy;
            self.spins = spins.to_vec();
        }
        better
    }

    /// The spins in neuron order.
    pub fn spins_by_neuron(&self, plan: &SpinPlan) -> Vec<i8> {
        plan.slot.iter().map(|&s| self.spins[s as usize]).collect()
    }

    /// Appends energy and spins.
    pub fn save(&self, prefix: &str, snapshot: &mut Snapshot) {
        snapshot.put(format!("{prefix}/best/energy"), &[self.energy]);
        snapshot.put(format!("{prefix}/best/spins"), &self.spins);
    }

    /// Restores energy and spins of a system of `n_spins`.
    ///
    /// # Errors
    /// If they are missing or do not fit.
    pub fn load(&mut self, prefix: &str, n_spins: usize, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let energy: Vec<f64> = snapshot.get_n(&format!("{prefix}/best/energy"), 1)?;
        let name = format!("{prefix}/best/spins");
        let spins: Vec<i8> = snapshot.get(&name)?;
        let fits = if energy[0] == f64::INFINITY { spins.is_empty() } else { spins.len() == n_spins };
        if !fits || energy[0].is_nan() {
            return Err(SnapshotError::Invalid { name, what: format!("{} spins of {n_spins} at energy {}", spins.len(), energy[0]) });
        }
        if let Some(k) = spins.iter().position(|s| s.abs() != 1) {
            return Err(SnapshotError::Invalid { name, what: format!("spin {k} is {}, expected 1 or -1", spins[k]) });
        }
        *self = BestState { energy: energy[0], spins };
        Ok(())
    }
}

/// Fails with [`SnapshotError::Invalid`] if a counter is too large to have been counted.
pub(crate) fn sound_counters(counters: &[u64], name: &str) -> Result<(), SnapshotError> {
    match counters.iter().find(|&&c| c >= 1 << 62) {
        Some(c) => Err(SnapshotError::Invalid { name: name.to_owned(), what: format!("a counter of {c}") }),
        None => Ok(()),
    }
}

/// Fails with [`SnapshotError::Invalid`] for the section `name` unless `holds`.
pub(crate) fn sound(holds: bool, name: &str, what: impl FnOnce() -> String) -> Result<(), SnapshotError> {
    if holds { Ok(()) } else { Err(SnapshotError::Invalid { name: name.to_owned(), what: what() }) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::spins::reference::ReferenceSampler;
    use crate::plan::IsingModel;
    use crate::topology::compile_spins;
    use crate::units::Seed;

    #[test]
    fn systems_steps_and_replicas_start_from_states_of_their_own() {
        let plan = Arc::new(compile_spins(&IsingModel::with_spins(64), &[]));
        let start = |system: &str, step: u64, replica: usize| {
            let mut sampler = ReferenceSampler::new(Arc::clone(&plan), 2);
            randomise(&mut sampler, SweepKey { seed: Seed(1), system: SystemTag::named(system), step, sweep: 0 });
            let mut spins = vec![0; 64];
            sampler.read_spins(replica, &mut spins);
            spins
        };
        let first = start("a", 0, 0);
        assert_eq!(first, start("a", 0, 0));
        for other in [start("b", 0, 0), start("a", 1, 0), start("a", 0, 1)] {
            assert_ne!(first, other);
        }
    }
}
