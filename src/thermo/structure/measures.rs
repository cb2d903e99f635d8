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
            self.magnetisation.push(sum.unsigned_abs() as f64 / self.n_neurons.max(1) as f64);
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
    let pairs = structure.living().map(|(c, _)| structure.candidates().pair(c));
    pairs.filter(|&(a, b)| spins[a as usize] == spins[b as usize]).count()
}

/// Number of connected components, single neurons included, and neurons of the largest.
fn components(structure: &Structure) -> (usize, u32) {
    let n = structure.candidates().n_neurons();
    let mut parents: Vec<u32> = (0..n as u32).collect();
    let mut sizes = vec![1_u32; n];
    fn root(parents: &mut [u32], mut neuron: u32) -> u32 {
        while parents[neuron as usize] != neuron {
            // Every second one on the way is hung two higher.
            let above = parents[parents[neuron as usize] as usize];
            parents[neuron as usize] = above;
            neuron = above;
        }
        neuron
    }
    let (mut count, mut largest) = (n, u32::from(n > 0));
    for (candidate, _) in structure.living() {
        let (a, b) = structure.candidates().pair(candidate);
        let (a, b) = (root(&mut parents, a), root(&mut parents, b));
        if a != b {
            let (small, large) = if sizes[a as usize] < sizes[b as usize] { (a, b) } else { (b, a) };
            parents[small as usize] = large;
            sizes[large as usize] += sizes[small as usize];
            largest = largest.max(sizes[large as usize]);
            count -= 1;
        }
    }
    (count, largest)
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
