//! The plain law of spin sampling, in f64 and without cleverness: what every engine is tested against.
//!
//! Each decision sums its local field afresh from the plan, computes the acceptance probability
//! and draws one uniform number. It holds any number of replicas and is slow on purpose.

use std::sync::Arc;

use crate::plan::SpinPlan;
use crate::random::Stream;

use super::accept;
pub use super::accept::metropolis;
use super::sampler::{Rule, Scan, SpinSampler, SweepCounts, SweepKey};

/// A spin engine of f64 arithmetic, one spin at a time.
#[derive(Clone, Debug)]
pub struct ReferenceSampler {
    plan: Arc<SpinPlan>,
    betas: Vec<f64>,
    /// Replica-major: the spin of `slot` in `replica` is `spins[replica * n + slot]`.
    spins: Vec<i8>,
    counts: SweepCounts,
}

impl ReferenceSampler {
    /// All spins -1 in `n_replicas` replicas, at beta = 1.
    pub fn new(plan: Arc<SpinPlan>, n_replicas: usize) -> Self {
        let spins = vec![-1; plan.n_spins() * n_replicas];
        ReferenceSampler { plan, betas: vec![1.0; n_replicas], spins, counts: SweepCounts::default() }
    }

    fn spins_of(&self, replica: usize) -> &[i8] {
        let n = self.plan.n_spins();
        &self.spins[replica * n..(replica + 1) * n]
    }

    /// The local field h + sum of J s at `slot`.
    pub fn field(&self, slot: usize, replica: usize) -> f64 {
        let spins = self.spins_of(replica);
        let (neighbours, weights) = self.plan.row(slot);
        let pairs: f64 = neighbours.iter().zip(weights).map(|(&j, &w)| f64::from(w) * f64::from(spins[j as usize])).sum();
        f64::from(self.plan.fields[slot]) + pairs
    }

    fn visit(&mut self, slot: usize, replica: usize, rule: Rule, stream: &mut Stream) {
        let s = self.spins_of(replica)[slot];
        let aligned = f64::from(s) * self.field(slot, replica);
        let beta = self.betas[replica];
        let p = match rule {
            Rule::Metropolis => metropolis(2.0 * aligned, beta),
            Rule::HeatBath => heat_bath(2.0 * aligned, beta),
        };
        self.counts.attempts += 1;
        if stream.uniform() < p {
            self.flip(slot, replica);
            self.counts.flips += 1;
        }
    }
}

/// The probability that the heat bath flips a spin when that costs `delta`: 1 / (1 + exp(beta delta)).
pub fn heat_bath(delta: f64, beta: f64) -> f64 {
    accept::heat_bath(-0.5 * delta, beta)
}

impl SpinSampler for ReferenceSampler {
    fn plan(&self) -> &Arc<SpinPlan> {
        &self.plan
    }

    fn n_replicas(&self) -> usize {
        self.betas.len()
    }

    fn set_betas(&mut self, betas: &[f64]) {
        let n = self.n_replicas();
        assert!(betas.len() == 1 || betas.len() == n, "{} inverse temperatures for {n} replicas", betas.len());
        assert!(betas.iter().all(|&b| b >= 0.0), "inverse temperatures {betas:?}");
        for (r, beta) in self.betas.iter_mut().enumerate() {
            *beta = betas[r.min(betas.len() - 1)];
        }
    }

    fn sweep(&mut self, rule: Rule, scan: Scan, key: SweepKey) {
        let plan = Arc::clone(&self.plan);
        let n_free = plan.n_free();
        for replica in 0..self.n_replicas() {
            let mut stream = key.stream_key().replica(replica as u32).stream();
            match scan {
                Scan::Colours => (0..n_free).for_each(|slot| self.visit(slot, replica, rule, &mut stream)),
                Scan::Sequential => {
                    for &slot in plan.slot.iter().filter(|&&slot| (slot as usize) < n_free) {
                        self.visit(slot as usize, replica, rule, &mut stream);
                    }
                }
                Scan::Random => {
                    for _ in 0..n_free {
                        let slot = stream.below(n_free as u64) as usize;
                        self.visit(slot, replica, rule, &mut stream);
                    }
                }
            }
        }
    }

    fn energies(&mut self, out: &mut [f64]) {
        assert_eq!(out.len(), self.n_replicas(), "one energy a replica");
        for (replica, energy) in out.iter_mut().enumerate() {
            *energy = self.plan.energy(self.spins_of(replica));
        }
    }

    fn is_up(&self, slot: usize, replica: usize) -> bool {
        self.spins_of(replica)[slot] > 0
    }

    fn flip(&mut self, slot: usize, replica: usize) {
        let n = self.plan.n_spins();
        let s = &mut self.spins[replica * n..(replica + 1) * n][slot];
        *s = -*s;
    }

    fn write_spins(&mut self, replica: usize, spins: &[i8]) {
        let n = self.plan.n_spins();
        self.spins[replica * n..(replica + 1) * n].copy_from_slice(spins);
    }

    fn select_replicas(&mut self, from: &[u32]) {
        assert_eq!(from.len(), self.n_replicas(), "one source for each replica");
        self.spins = from.iter().flat_map(|&r| self.spins_of(r as usize).to_vec()).collect();
    }

    fn has_independent_replicas(&self) -> bool {
        true
    }

    fn counts(&self) -> SweepCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::exact::{ExactStates, noise_floor, total_variation};
    use crate::plan::{Coupling, IsingModel};
    use crate::random::SystemTag;
    use crate::topology::compile::compile_spins;
    use crate::units::Seed;

    #[test]
    fn the_law_samples_boltzmann_under_every_rule_and_scan() {
        let mut model = IsingModel::with_spins(4);
        model.couplings = vec![Coupling::new(0, 1, 0.7), Coupling::new(1, 2, -0.4), Coupling::new(0, 2, 0.2), Coupling::new(2, 3, 1.0)];
        model.normalise();
        model.fields[0] = 0.3;
        let clamped = [false, false, false, true];
        let exact = ExactStates::enumerate(&model, &clamped, &[-1; 4]);
        let p = exact.at(0.8).probabilities;
        for rule in [Rule::Metropolis, Rule::HeatBath] {
            for scan in [Scan::Colours, Scan::Sequential, Scan::Random] {
                let mut sampler = ReferenceSampler::new(Arc::new(compile_spins(&model, &clamped)), 2);
                sampler.set_betas(&[0.8]);
                let mut counts = vec![0; exact.n_states()];
                let sweeps = 8_000;
                for sweep in 0..sweeps {
                    let key = SweepKey { seed: Seed(3), system: SystemTag::named("reference"), step: 0, sweep };
                    sampler.sweep(rule, scan, key);
                    if sweep % 4 == 3 {
                        for r in 0..2 {
                            counts[exact.state_where(|v| sampler.is_up(sampler.plan.slot[v] as usize, r))] += 1;
                        }
                    }
                }
                let tv = total_variation(&p, &counts);
                assert!(tv < 3.0 * noise_floor(&p, f64::from(sweeps) / 2.0), "{rule:?} {scan:?}: total variation {tv}");
            }
        }
    }
}
