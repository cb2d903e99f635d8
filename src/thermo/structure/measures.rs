//! What is measured of a sampled wiring: averages of a stage with their errors, and the graph as it stands.

use crate::components::Metrics;
use crate::engine::diagnostics::{Moments, Series};
use crate::engine::structure::{Account, LiveSpins, Structure, Tally};
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};

use bevy_ecs::resource::Resource;

/// Metrics that are averages of a stage, which the steps before they are measured do not have.
const AVERAGES: [&str; 7] =
    ["energy", "energy_error", "tau_int", "effective_samples", "heat_capacity", "abs_magnetisation", "abs_magnetisation_error"];

/// How far a sampled wiring has come, and what was measured in its stage.
#[derive(Resource, Clone, Debug, Default, PartialEq)]
pub struct WiringProgress {
    /// Acting steps so far.
    iteration: u64,
    n_neurons: usize,
    temperature: f64,
    energy: Series,
    magnetisation: Series,
    /// U of single steps, for the heat capacity.
    single: Moments,
}

impl WiringProgress {
    pub(super) fn new(n_neurons: usize) -> Self {
        WiringProgress { n_neurons, ..WiringProgress::default() }
    }

    /// Acting steps so far.
    pub fn iteration(&self) -> u64 {
        self.iteration
    }

    /// Begins a stage at temperature `t`.
    pub(super) fn begin_stage(&mut self, t: f64) {
        *self = WiringProgress { iteration: self.iteration, temperature: t, ..WiringProgress::new(self.n_neurons) };
    }

    /// Counts an acting step, and measures U and the spins if `is_measured`.
    pub(super) fn count(&mut self, u: f64, spins: &[i8], is_measured: bool) {
        self.iteration += 1;
        if is_measured {
            let sum: i64 = spins.iter().map(|&s| i64::from(s)).sum();
            self.energy.push(u);
            self.single.push(u);
            self.magnetisation.push(sum.unsigned_abs() as f64 / spins.len().max(1) as f64);
        }
    }

    /// Sets what was measured of the stage.
    pub(super) fn report(&self, metrics: &Metrics) {
        for name in AVERAGES {
            metrics.remove(name);
        }
        if self.energy.count() == 0 {
            return;
        }
        let (e, m) = (self.energy.estimate(), self.magnetisation.estimate());
        let figures = [e.mean, e.error, e.tau_int, e.effective, self.single.specific_heat(1.0 / self.temperature), m.mean, m.error];
        AVERAGES.iter().zip(figures).for_each(|(name, value)| metrics.set(name, value));
    }
}

impl Checkpointed for WiringProgress {
    const NAME: &'static str = "wiring";

    fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put("wiring/iteration", &[self.iteration]);
        snapshot.put("wiring/temperature", &[self.temperature]);
        snapshot.put("wiring/single", &Moments::pack(&[self.single]));
        self.energy.save("wiring/energy", snapshot);
        self.magnetisation.save("wiring/magnetisation", snapshot);
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let mut loaded = WiringProgress::new(self.n_neurons);
        loaded.iteration = snapshot.get_n::<u64>("wiring/iteration", 1)?[0];
        loaded.temperature = snapshot.get_n::<f64>("wiring/temperature", 1)?[0];
        loaded.single = Moments::unpack("wiring/single", 1, snapshot)?[0];
        loaded.energy.load("wiring/energy", snapshot)?;
        loaded.magnetisation.load("wiring/magnetisation", snapshot)?;
        *self = loaded;
        Ok(())
    }
}

/// Sets what one step did and what the graph is.
pub(super) fn report_graph(structure: &Structure, live: &LiveSpins, account: &Account, made: &Tally, metrics: &Metrics) {
    metrics.set("births", made.births.n_accepted as f64);
    metrics.set("deaths", made.deaths.n_accepted as f64);
    metrics.set("rewirings", made.rewirings.n_accepted as f64);
    metrics.set("acceptance", made.acceptance());
    let (k, n) = (structure.n_alive(), structure.candidates().n_neurons());
    metrics.set("n_synapses", k as f64);
    metrics.set("density", k as f64 / structure.n_candidates() as f64);
    metrics.set("s_conf", account.s_conf);
    metrics.set("f_conf", account.f_conf);
    metrics.set("degree_entropy", account.degree_entropy);
    let (agreeing, components) = (agreeing(structure, live.spins()), components(structure));
    // Without a synapse, nothing agrees or disagrees: what is not finite is no metric.
    metrics.set("agreement", agreeing as f64 / k as f64);
    metrics.set("components", components.0 as f64);
    metrics.set("largest_component", f64::from(components.1) / n as f64);
}

/// Living synapses between equal spins.
fn agreeing(structure: &Structure, spins: &[i8]) -> usize {
    let agrees = |c: u32| {
        let (a, b) = structure.candidates().pair(c);
        spins[a as usize] == spins[b as usize]
    };
    structure.by_chunk(|living| living.filter(|&(c, _)| agrees(c)).count()).into_iter().sum()
}

/// Number of connected components, single neurons included, and neurons of the largest.
///
/// A few synapses of each neuron join most of what is connected; of the others only those between different trees are looked at
/// one after another (Sutton et al. 2018).
fn components(structure: &Structure) -> (usize, u32) {
    const FEW: u32 = 2;
    let pair = |c: u32| structure.candidates().pair(c);
    let mut forest = Forest::new(structure.candidates().n_neurons());
    let (mut target, mut joined) = (u32::MAX, 0);
    for (candidate, _) in structure.living() {
        let (a, b) = pair(candidate);
        joined = if b == target { joined + 1 } else { 1 };
        target = b;
        if joined <= FEW {
            forest.join(a, b);
        }
    }
    let roots = forest.roots();
    let is_bridge = |c: &u32| roots[pair(*c).0 as usize] != roots[pair(*c).1 as usize];
    let bridges = structure.by_chunk(|living| living.map(|(c, _)| c).filter(is_bridge).collect::<Vec<_>>());
    for (a, b) in bridges.into_iter().flatten().map(pair) {
        forest.join(a, b);
    }
    (forest.count, forest.sizes.iter().copied().max().unwrap_or(0))
}

/// Disjoint sets of neurons.
struct Forest {
    parents: Vec<u32>,
    /// Of roots.
    sizes: Vec<u32>,
    count: usize,
}

impl Forest {
    fn new(n: usize) -> Self {
        Forest { parents: (0..n as u32).collect(), sizes: vec![1; n], count: n }
    }

    fn root(&mut self, mut neuron: u32) -> u32 {
        while self.parents[neuron as usize] != neuron {
            // Every second one on the way is hung two higher.
            let above = self.parents[self.parents[neuron as usize] as usize];
            self.parents[neuron as usize] = above;
            neuron = above;
        }
        neuron
    }

    fn roots(&mut self) -> Vec<u32> {
        (0..self.parents.len() as u32).map(|n| self.root(n)).collect()
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        if a != b {
            let (small, large) = if self.sizes[a as usize] < self.sizes[b as usize] { (a, b) } else { (b, a) };
            self.parents[small as usize] = large;
            self.sizes[large as usize] += self.sizes[small as usize];
            self.count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::structure::Candidates;

    #[test]
    fn components_are_counted_with_single_neurons() {
        let candidates = Arc::new(Candidates::all_pairs(7, true).unwrap());
        let of = |pairs: &[(u32, u32)]| {
            components(&Structure::with_living(Arc::clone(&candidates), pairs.iter().map(|&(a, b)| (candidates.find(a, b).unwrap(), 1.0))))
        };
        assert_eq!(of(&[]), (7, 1));
        assert_eq!(of(&[(0, 1), (1, 2), (0, 2)]), (5, 3));
        assert_eq!(of(&[(0, 1), (5, 6), (1, 6), (2, 3)]), (3, 4));
    }

    #[test]
    fn progress_comes_back_from_a_snapshot() {
        let mut progress = WiringProgress::new(3);
        progress.begin_stage(0.5);
        for u in [1.0, 2.5, -1.0] {
            progress.count(u, &[1, -1, -1], true);
        }
        let mut snapshot = Snapshot::default();
        progress.save(&mut snapshot);
        let mut loaded = WiringProgress::new(3);
        loaded.load(&snapshot).unwrap();
        assert_eq!(loaded, progress);
        let metrics = Metrics::default();
        loaded.report(&metrics);
        assert!((metrics.get("heat_capacity").unwrap() - 4.0 * 37.0 / 12.0).abs() < 1e-9, "{:?}", metrics.get("heat_capacity"));
        assert!((metrics.get("abs_magnetisation").unwrap() - 1.0 / 3.0).abs() < 1e-12);
        loaded.begin_stage(0.4);
        loaded.report(&metrics);
        assert_eq!(metrics.get("energy"), None);
    }
}
