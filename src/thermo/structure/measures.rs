//! What is measured of a sampled wiring: averages of a stage with their errors, and the graph as it stands.

use std::borrow::Cow;

use bevy_ecs::resource::Resource;
use rayon::prelude::*;

use crate::components::Metrics;
use crate::engine::diagnostics::{Moments, Series};
use crate::engine::structure::slack_rows::SlackRows;
use crate::engine::structure::{Account, LiveSpins, Structure, Tally};
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};

/// Neurons that one task looks at at least.
const ROWS_PER_TASK: usize = 1 << 12;

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
pub(super) fn report_graph(structure: &Structure, graph: &Graph, account: &Account, made: &Tally, metrics: &Metrics) {
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
    // Without a synapse, nothing agrees or disagrees: what is not finite is no metric.
    metrics.set("agreement", graph.n_agreeing as f64 / k as f64);
    metrics.set("components", graph.n_components as f64);
    metrics.set("largest_component", graph.largest as f64 / n as f64);
}

/// Does both, at once where there are enough neurons that waking another thread pays.
pub(super) fn both<A: Send, B: Send>(n_neurons: usize, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    if n_neurons < ROWS_PER_TASK { (a(), b()) } else { rayon::join(a, b) }
}

/// What the graph of the living synapses is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Graph {
    /// Synapses between equal spins.
    n_agreeing: usize,
    n_components: usize,
    /// Neurons of the largest component.
    largest: usize,
}

impl Graph {
    /// The graph of `structure`, whose couplings `live` holds as they are.
    pub(super) fn of(structure: &Structure, live: &LiveSpins) -> Self {
        let rows = neighbours(structure, live);
        let ((n_components, largest), n_agreeing) = both(rows.n_rows(), || components(&rows), || agreeing(&rows, live.spins()));
        Graph { n_agreeing, n_components, largest }
    }
}

/// The neighbours of each neuron: those that `live` has in its rows, unless synapses of weight 0 are missing there.
fn neighbours<'l>(structure: &Structure, live: &'l LiveSpins) -> Cow<'l, SlackRows> {
    let rows = live.rows();
    if rows.n_neighbours() == 2 * structure.n_alive() { Cow::Borrowed(rows) } else { Cow::Owned(rows_of(structure)) }
}

/// The same of the structure itself.
fn rows_of(structure: &Structure) -> SlackRows {
    let mut rows = SlackRows::with_room((0..structure.candidates().n_neurons() as u32).map(|n| structure.fan_in(n)));
    for (c, weight) in structure.living() {
        let (a, b) = structure.candidates().pair(c);
        rows.push(a, b, weight);
        rows.push(b, a, weight);
    }
    rows
}

/// Synapses between equal spins.
fn agreeing(rows: &SlackRows, spins: &[i8]) -> usize {
    let of_row = |n: usize| {
        let neighbours = rows.row(n as u32).0;
        let sum: i32 = neighbours.iter().map(|&other| i32::from(spins[other as usize])).sum();
        (neighbours.len() as i64 + i64::from(sum) * i64::from(spins[n])) / 2
    };
    // Both neurons see a synapse.
    (0..spins.len()).into_par_iter().with_min_len(ROWS_PER_TASK).map(of_row).sum::<i64>() as usize / 2
}

/// Number of connected components, single neurons included, and neurons of the largest.
///
/// Two neighbours of each neuron join most of what is connected; of the rest, only neurons outside the largest part so far are
/// looked at with all their neighbours (Sutton et al. 2018): a synapse that joins two parts has an end outside of it.
fn components(rows: &SlackRows) -> (usize, usize) {
    // 1. Each neuron hangs in the tree of its lowest neighbour, if that is below it, and the next one joins trees.
    let n = rows.n_rows();
    let mut forest = Forest { parents: Vec::with_capacity(n) };
    let mut trees: Vec<u32> = Vec::with_capacity(n);
    for neuron in 0..n as u32 {
        forest.parents.push(neuron);
        let mut below = rows.row(neuron).0.iter().take(2).filter(|&&other| other < neuron).map(|&other| trees[other as usize]);
        let (first, second) = (below.next(), below.next());
        let tree = first.unwrap_or(neuron);
        trees.push(tree);
        if let Some(second) = second.filter(|&second| second != tree) {
            forest.join(tree, second);
        }
    }
    // 2. What lies outside the largest part.
    let mut sizes = vec![0_usize; n];
    for tree in &mut trees {
        *tree = forest.root(*tree);
        sizes[*tree as usize] += 1;
    }
    let largest = (0..n).rev().max_by_key(|&tree| sizes[tree]).unwrap_or(0) as u32;
    for neuron in (0..n as u32).filter(|&neuron| trees[neuron as usize] != largest) {
        rows.row(neuron).0.iter().for_each(|&other| forest.join(trees[neuron as usize], trees[other as usize]));
    }
    // 3. Trees that have been joined are one.
    let mut count = 0;
    for tree in 0..n as u32 {
        let root = forest.root(tree);
        if root != tree {
            sizes[root as usize] += std::mem::take(&mut sizes[tree as usize]);
        }
        count += usize::from(root == tree && trees[tree as usize] == tree);
    }
    (count, sizes.iter().copied().max().unwrap_or(0))
}

/// Trees that are joined, by the number of their first neuron.
struct Forest {
    parents: Vec<u32>,
}

impl Forest {
    fn root(&mut self, mut tree: u32) -> u32 {
        while self.parents[tree as usize] != tree {
            // Every second one on the way is hung two higher.
            let above = self.parents[self.parents[tree as usize] as usize];
            self.parents[tree as usize] = above;
            tree = above;
        }
        tree
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        // The lower one stays a root, so that parents are never above their children.
        self.parents[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::structure::{Candidates, StructureEnergy};
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    #[test]
    fn components_are_counted_with_single_neurons() {
        let candidates = Arc::new(Candidates::all_pairs(7, true).unwrap());
        let of = |pairs: &[(u32, u32)]| {
            let living = pairs.iter().map(|&(a, b)| (candidates.find(a, b).unwrap(), 1.0));
            components(&rows_of(&Structure::with_living(Arc::clone(&candidates), living)))
        };
        assert_eq!(of(&[]), (7, 1));
        assert_eq!(of(&[(0, 1), (1, 2), (0, 2)]), (5, 3));
        assert_eq!(of(&[(0, 1), (5, 6), (1, 6), (2, 3)]), (3, 4));
        // As one synapse after another joins them, at any density.
        let n = 60;
        let candidates = Arc::new(Candidates::all_pairs(n, true).unwrap());
        let mut stream = StreamKey::new(Seed(3), SystemTag::named("components"), 0).stream();
        for case in 0..200 {
            let rho = 0.0004 * f64::from(case);
            let living: Vec<u32> = (0..candidates.len() as u32).filter(|_| stream.uniform() < rho).collect();
            let mut label: Vec<usize> = (0..n).collect();
            for (a, b) in living.iter().map(|&c| candidates.pair(c)) {
                let (keep, gone) = (label[a as usize], label[b as usize]);
                label.iter_mut().filter(|l| **l == gone).for_each(|l| *l = keep);
            }
            let sizes: Vec<usize> = (0..n).map(|l| label.iter().filter(|k| **k == l).count()).collect();
            let expected = (sizes.iter().filter(|size| **size > 0).count(), sizes.into_iter().max().unwrap());
            let structure = Structure::with_living(Arc::clone(&candidates), living.into_iter().map(|c| (c, 1.0)));
            assert_eq!(components(&rows_of(&structure)), expected, "density {rho}");
        }
    }

    #[test]
    fn agreement_counts_each_synapse_once_those_of_weight_0_too() {
        let candidates = Arc::new(Candidates::all_pairs(5, true).unwrap());
        let living = [(0, 1, 0.5), (0, 2, -1.0), (1, 2, 0.0), (3, 4, 2.0)].map(|(a, b, w)| (candidates.find(a, b).unwrap(), w));
        let structure = Structure::with_living(Arc::clone(&candidates), living);
        let spins = vec![1, -1, 1, 1, 1];
        let mut live = LiveSpins::new(&structure, vec![0.0; 5], spins.clone(), Vec::new());
        assert_eq!(agreeing(&neighbours(&structure, &live), &spins), 2);
        // A weight that has moved to 0 leaves the rows.
        live.propose(&[(candidates.find(1, 2).unwrap(), 0.0)], f64::INFINITY).unwrap();
        live.accept();
        live.refresh();
        assert_eq!((live.rows().n_neighbours(), neighbours(&structure, &live).n_neighbours()), (6, 8));
        assert_eq!(agreeing(&neighbours(&structure, &live), &spins), 2);
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
