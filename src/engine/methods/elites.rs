//! A small pool of good states that are far from each other, from which cycles start.

use crate::plan::SpinPlan;
use crate::snapshot::{Snapshot, SnapshotError};

use super::clusters::has_global_symmetry;
use super::start::sound;

/// Good states by ascending energy; no two are closer than a least distance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Elites {
    energies: Vec<f64>,
    states: Vec<Vec<i8>>,
}

impl Elites {
    /// Number of states held.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// The states, best first, by slot.
    pub fn states(&self) -> &[Vec<i8>] {
        &self.states
    }

    /// True if it holds more states, or the same number with a lower sum of energies.
    pub fn is_better_than(&self, old: &Elites) -> bool {
        self.len() > old.len() || (self.len() == old.len() && self.energies.iter().sum::<f64>() < old.energies.iter().sum())
    }

    /// Forgets all states.
    pub fn clear(&mut self) {
        *self = Elites::default();
    }

    /// True if a state of this energy could enter a pool of `capacity`.
    pub fn has_room(&self, energy: f64, capacity: usize) -> bool {
        self.len() < capacity || self.energies.last().is_some_and(|&worst| energy < worst)
    }

    /// Takes `spins` in, unless a state that is as good or better lies within a fiftieth of the
    /// spins of it; worse ones that do are replaced. The worst falls out past `capacity`.
    pub fn offer(&mut self, plan: &SpinPlan, energy: f64, spins: &[i8], capacity: usize) -> bool {
        if !self.has_room(energy, capacity) {
            return false;
        }
        let n = plan.n_free();
        let symmetric = has_global_symmetry(plan);
        let is_near = |other: &[i8]| {
            let differing = spins[..n].iter().zip(&other[..n]).filter(|(a, b)| a != b).count();
            50 * if symmetric { differing.min(n - differing) } else { differing } <= n
        };
        let near: Vec<usize> = (0..self.len()).filter(|&k| is_near(&self.states[k])).collect();
        if near.iter().any(|&k| self.energies[k] <= energy) {
            return false;
        }
        for &k in near.iter().rev() {
            self.energies.remove(k);
            self.states.remove(k);
        }
        let at = self.energies.partition_point(|&e| e <= energy);
        self.energies.insert(at, energy);
        self.states.insert(at, spins.to_vec());
        self.energies.truncate(capacity);
        self.states.truncate(capacity);
        true
    }

    /// Appends energies and states.
    pub fn save(&self, prefix: &str, snapshot: &mut Snapshot) {
        snapshot.put(format!("{prefix}/elites/energies"), &self.energies);
        snapshot.put(format!("{prefix}/elites/spins"), &self.states.concat());
    }

    /// Restores at most `capacity` states of `n_spins`.
    ///
    /// # Errors
    /// If sections are missing or do not fit.
    pub fn load(&mut self, prefix: &str, n_spins: usize, capacity: usize, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let name = format!("{prefix}/elites/energies");
        let energies: Vec<f64> = snapshot.get(&name)?;
        let ascend = energies.iter().all(|e| e.is_finite()) && energies.windows(2).all(|w| w[0] <= w[1]);
        sound(ascend && energies.len() <= capacity, &name, || format!("{} energies of at most {capacity}, ascending", energies.len()))?;
        let name = format!("{prefix}/elites/spins");
        let spins: Vec<i8> = snapshot.get_n(&name, energies.len() * n_spins)?;
        sound(spins.iter().all(|s| s.abs() == 1), &name, || "a spin that is neither 1 nor -1".to_owned())?;
        let states = spins.chunks(n_spins.max(1)).map(<[i8]>::to_vec).collect();
        *self = Elites { energies, states };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_keeps_good_states_that_are_far_apart() {
        let n = 100;
        let plan = SpinPlan { classes: vec![0, n as u32], order: (0..n as u32).collect(), fields: vec![0.0; n], ..SpinPlan::default() };
        let up = vec![1_i8; n];
        let with = |flips: std::ops::Range<usize>| {
            let mut spins = up.clone();
            flips.for_each(|k| spins[k] = -1);
            spins
        };
        let mut pool = Elites::default();
        assert!(pool.offer(&plan, -5.0, &up, 2));
        assert!(!pool.offer(&plan, -5.0, &with(0..1), 2), "a neighbour as good adds nothing");
        assert!(!pool.offer(&plan, -5.0, &with(0..100), 2), "the mirror image is the same state");
        assert!(pool.offer(&plan, -6.0, &with(0..2), 2) && pool.len() == 1, "a better neighbour replaces");
        assert!(pool.offer(&plan, -4.0, &with(0..30), 2) && pool.len() == 2);
        assert!(!pool.offer(&plan, -3.0, &with(40..80), 2), "full of better ones");
        assert!(pool.offer(&plan, -7.0, &with(40..80), 2) && pool.len() == 2);
        assert_eq!(pool.energies, [-7.0, -6.0]);
        let mut snapshot = Snapshot::default();
        pool.save("p", &mut snapshot);
        let mut loaded = Elites::default();
        loaded.load("p", n, 2, &snapshot).unwrap();
        assert_eq!(loaded, pool);
        assert!(loaded.load("p", n, 1, &snapshot).is_err());
    }
}
