//! Clusters of spins in which two states differ: isoenergetic moves and partition crossover.
//!
//! Between two states of one model, flipping a connected cluster of differing spins in both leaves
//! the sum of the two energies as it is (Houdayer 2001; Zhu, Ochoa, Katzgraber 2015). Different
//! clusters are not coupled, so each may be taken or left by itself: taking into one state every
//! cluster that does not raise its energy is partition crossover (Tinos, Whitley, Chicano 2015).

use crate::engine::spins::SpinSampler;
use crate::plan::SpinPlan;
use crate::random::Stream;

use super::settings::ClusterMoves;

/// Scratch space for finding clusters, reused from call to call; it holds no state.
#[derive(Clone, Debug, Default)]
pub struct ClusterFinder {
    /// Slots still to be visited are 1; visited or outside 0.
    open: Vec<u8>,
    cluster: Vec<u32>,
}

impl ClusterFinder {
    /// Collects into `self.cluster` the connected cluster of open spins that holds `start`.
    fn collect(&mut self, plan: &SpinPlan, start: u32) {
        self.cluster.clear();
        self.cluster.push(start);
        self.open[start as usize] = 0;
        let mut next = 0;
        while let Some(&slot) = self.cluster.get(next) {
            next += 1;
            for &j in plan.row(slot as usize).0 {
                if self.open[j as usize] == 1 {
                    self.open[j as usize] = 0;
                    self.cluster.push(j);
                }
            }
        }
    }

    /// Flips in `best` every cluster in which it differs from `other` and that does not raise its
    /// energy; both by slot. Returns the change of energy, zero or below.
    ///
    /// Without fields and clamps, `other` counts up to its global sign.
    pub fn cross_over(&mut self, plan: &SpinPlan, best: &mut [i8], other: &[i8]) -> f64 {
        let n_free = plan.n_free();
        let sign = self.open_differing(plan, best, other);
        if sign == 0 {
            return 0.0;
        }
        let mut total = 0.0;
        for start in 0..n_free as u32 {
            if self.open[start as usize] == 0 {
                continue;
            }
            self.collect(plan, start);
            // A neighbour inside the cluster differs as well; one that agrees is the boundary.
            let mut delta = 0.0;
            for &slot in &self.cluster {
                let (neighbours, weights) = plan.row(slot as usize);
                let mut field = f64::from(plan.fields[slot as usize]);
                for (&j, &w) in neighbours.iter().zip(weights) {
                    if best[j as usize] == sign * other[j as usize] {
                        field += f64::from(w) * f64::from(best[j as usize]);
                    }
                }
                delta += 2.0 * f64::from(best[slot as usize]) * field;
            }
            if delta <= 0.0 {
                total += delta;
                // After this flip the cluster agrees with `other`; clusters beside it are not its neighbours.
                for &slot in &self.cluster {
                    best[slot as usize] = -best[slot as usize];
                }
            }
        }
        total
    }

    /// Opens the slots that differ, up to a global sign if the model has that symmetry; returns the
    /// sign given to `other`, or 0 if the states are the same.
    fn open_differing(&mut self, plan: &SpinPlan, a: &[i8], b: &[i8]) -> i8 {
        let n_free = plan.n_free();
        let differing = a[..n_free].iter().zip(&b[..n_free]).filter(|(x, y)| x != y).count();
        let sign = if has_global_symmetry(plan) && 2 * differing > n_free { -1 } else { 1 };
        self.open.clear();
        self.open.extend(a[..n_free].iter().zip(&b[..n_free]).map(|(&x, &y)| u8::from(x != sign * y)));
        self.open.resize(plan.n_spins(), 0);
        if self.open.contains(&1) { sign } else { 0 }
    }

    /// One isoenergetic move between replicas `a` and `b`, which must share a temperature. Returns
    /// the number of spins flipped in each.
    ///
    /// The pair distribution stays as it is: the clusters are the same after the move as before, and
    /// each is flipped with a probability that does not depend on the state. Without fields and
    /// clamps the clusters of agreeing spins have the same property, and the smaller set is used.
    pub fn houdayer<S: SpinSampler + ?Sized>(
        &mut self,
        sampler: &mut S,
        a: usize,
        b: usize,
        moves: ClusterMoves,
        stream: &mut Stream,
    ) -> usize {
        let plan = std::sync::Arc::clone(sampler.plan());
        let n_free = plan.n_free();
        let mut states = [vec![0_i8; plan.n_spins()], vec![0_i8; plan.n_spins()]];
        sampler.read_spins(a, &mut states[0]);
        sampler.read_spins(b, &mut states[1]);
        let [sa, sb] = &states;
        if self.open_differing(&plan, sa, sb) == 0 {
            return 0;
        }
        let mut flipped = 0;
        let mut flip = |cluster: &[u32]| {
            for &slot in cluster {
                sampler.flip(slot as usize, a);
                sampler.flip(slot as usize, b);
            }
            flipped += cluster.len();
        };
        match moves {
            ClusterMoves::Off => {}
            ClusterMoves::One => {
                let n_open = self.open.iter().filter(|&&o| o == 1).count();
                let pick = stream.below(n_open as u64) as usize;
                let start = (0..n_free).filter(|&s| self.open[s] == 1).nth(pick).expect("pick is below the number of open slots");
                self.collect(&plan, start as u32);
                flip(&self.cluster);
            }
            ClusterMoves::All => {
                for start in 0..n_free {
                    if self.open[start] == 1 {
                        self.collect(&plan, start as u32);
                        if stream.coin() {
                            flip(&self.cluster);
                        }
                    }
                }
            }
        }
        flipped
    }
}

/// True if flipping all spins leaves every energy as it is.
pub(crate) fn has_global_symmetry(plan: &SpinPlan) -> bool {
    plan.n_free() == plan.n_spins() && plan.fields.iter().all(|&h| h == 0.0)
}
