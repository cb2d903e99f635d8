//! Shared by the thermodynamics tests: small models, and a spin engine into which faults are planted.
#![expect(dead_code, reason = "each test binary uses a part of it")]

pub mod engines;

use std::sync::Arc;

use engines::{Engine, Numbers};
use lehr::engine::spins::reference::{heat_bath, metropolis};
use lehr::engine::spins::sampler::SweepCounts;
use lehr::engine::spins::{Rule, Scan, SpinSampler, SweepKey};
use lehr::plan::{Coupling, IsingModel, SpinPlan};
use lehr::random::{StreamKey, SystemTag};
use lehr::topology::compile_spins;
use lehr::units::Seed;

/// The key of iteration `step` of the run `seed`.
pub fn key(seed: u64, step: u64) -> SweepKey {
    SweepKey { seed: Seed(seed), system: SystemTag::named("test"), step, sweep: 0 }
}

/// What is wrong with a [`Faulty`] engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Nothing: the control.
    None,
    /// Every inverse temperature is multiplied by this factor.
    Beta(f64),
    /// No acceptance probability is above this value.
    Clamp(f64),
    /// Uniform numbers of this many bits.
    CoarseUniform(u32),
    /// All spins of a sweep see the state before it.
    Synchronous,
    /// Energies are reported times this factor.
    Energy(f64),
    /// Energies are those of the call before.
    StaleEnergy,
    /// Replicas are not copied, and sweeps do nothing that could hide it.
    NoSelection,
    /// Flips reach even replicas only.
    FlipsEvenOnly,
    /// Sweeps do nothing (not a fault: it isolates what happens between them).
    Frozen,
}

/// An engine with one fault planted around it, or in place of its sweeps.
pub struct Faulty {
    inner: Box<dyn SpinSampler>,
    fault: Fault,
    betas: Vec<f64>,
    stale: Vec<f64>,
}

impl Faulty {
    /// The reference engine with `fault`.
    pub fn new(plan: Arc<SpinPlan>, n_replicas: usize, fault: Fault) -> Self {
        Faulty::around(Engine::Reference.make(Numbers::Real, &plan, n_replicas), fault)
    }

    /// Any engine with `fault`.
    pub fn around(inner: Box<dyn SpinSampler>, fault: Fault) -> Self {
        Faulty { betas: vec![1.0; inner.n_replicas()], inner, fault, stale: Vec::new() }
    }

    /// The local field h + sum of J s at `slot`.
    fn field(&self, slot: usize, replica: usize) -> f64 {
        let plan = self.plan();
        let (neighbours, weights) = plan.row(slot);
        let sign = |j: u32| if self.is_up(j as usize, replica) { 1.0 } else { -1.0 };
        f64::from(plan.fields[slot]) + neighbours.iter().zip(weights).map(|(&j, &w)| f64::from(w) * sign(j)).sum::<f64>()
    }

    fn faulty_sweep(&mut self, rule: Rule, key: SweepKey) {
        let n_free = self.plan().n_free();
        for replica in 0..self.n_replicas() {
            let mut stream = key.stream_key().replica(replica as u32).stream();
            let beta = self.betas[replica];
            let mut moves = Vec::new();
            for slot in 0..n_free {
                let s = if self.is_up(slot, replica) { 1.0 } else { -1.0 };
                let delta = 2.0 * s * self.field(slot, replica);
                let mut p = if rule == Rule::Metropolis { metropolis(delta, beta) } else { heat_bath(delta, beta) };
                let mut u = stream.uniform();
                match self.fault {
                    Fault::Clamp(top) => p = p.min(top),
                    Fault::CoarseUniform(bits) => {
                        let cells = f64::from(1_u32 << bits);
                        u = ((u * cells).floor() + 0.5) / cells;
                    }
                    _ => {}
                }
                if u < p {
                    if self.fault == Fault::Synchronous { moves.push(slot) } else { self.inner.flip(slot, replica) }
                }
            }
            for slot in moves {
                self.inner.flip(slot, replica);
            }
        }
    }
}

impl SpinSampler for Faulty {
    fn plan(&self) -> &Arc<SpinPlan> {
        self.inner.plan()
    }

    fn n_replicas(&self) -> usize {
        self.inner.n_replicas()
    }

    fn set_betas(&mut self, betas: &[f64]) {
        let factor = if let Fault::Beta(factor) = self.fault { factor } else { 1.0 };
        let scaled: Vec<f64> = betas.iter().map(|b| b * factor).collect();
        self.inner.set_betas(&scaled);
        for (r, beta) in self.betas.iter_mut().enumerate() {
            *beta = scaled[r.min(scaled.len() - 1)];
        }
    }

    fn sweep(&mut self, rule: Rule, scan: Scan, key: SweepKey) {
        match self.fault {
            Fault::Frozen | Fault::NoSelection => {}
            Fault::Clamp(_) | Fault::CoarseUniform(_) | Fault::Synchronous => self.faulty_sweep(rule, key),
            _ => self.inner.sweep(rule, scan, key),
        }
    }

    fn energies(&mut self, out: &mut [f64]) {
        self.inner.energies(out);
        match self.fault {
            Fault::Energy(factor) => out.iter_mut().for_each(|e| *e *= factor),
            Fault::StaleEnergy => {
                if self.stale.is_empty() {
                    self.stale = out.to_vec();
                }
                out.swap_with_slice(&mut self.stale);
            }
            _ => {}
        }
    }

    fn is_up(&self, slot: usize, replica: usize) -> bool {
        self.inner.is_up(slot, replica)
    }

    fn flip(&mut self, slot: usize, replica: usize) {
        if self.fault != Fault::FlipsEvenOnly || replica.is_multiple_of(2) {
            self.inner.flip(slot, replica);
        }
    }

    fn write_spins(&mut self, replica: usize, spins: &[i8]) {
        self.inner.write_spins(replica, spins);
    }

    fn refresh(&mut self) {
        self.inner.refresh();
    }

    fn select_replicas(&mut self, from: &[u32]) {
        if self.fault != Fault::NoSelection {
            self.inner.select_replicas(from);
        }
    }

    fn has_independent_replicas(&self) -> bool {
        self.inner.has_independent_replicas()
    }

    fn counts(&self) -> SweepCounts {
        self.inner.counts()
    }
}

/// The periodic L x L ferromagnet with J = 1; L of 4 or more.
pub fn square(l: u32) -> IsingModel {
    let mut model = IsingModel::with_spins((l * l) as usize);
    for y in 0..l {
        for x in 0..l {
            model.couplings.push(Coupling::new(y * l + x, y * l + (x + 1) % l, 1.0));
            model.couplings.push(Coupling::new(y * l + x, (y + 1) % l * l + x, 1.0));
        }
    }
    model.normalise();
    model
}

/// A small frustrated model on `n` spins: a ring and some chords, with Gaussian couplings; fields if asked for.
pub fn small_glass(n: u32, with_fields: bool) -> IsingModel {
    let mut model = IsingModel::with_spins(n as usize);
    let mut stream = StreamKey::new(Seed(5), SystemTag::named("small_glass"), u64::from(n)).stream();
    for i in 0..n {
        model.couplings.push(Coupling::new(i, (i + 1) % n, stream.gaussian() as f32));
        if i % 3 == 0 && i + 2 < n {
            model.couplings.push(Coupling::new(i, i + 2, stream.gaussian() as f32));
        }
        if with_fields {
            model.fields[i as usize] = 0.4 * stream.gaussian() as f32;
        }
    }
    model.normalise();
    model
}

/// A compiled plan of `model` without clamps.
pub fn plan(model: &IsingModel) -> Arc<SpinPlan> {
    Arc::new(compile_spins(model, &[]))
}

/// How many standard deviations chi-square lies above its mean (Wilson, Hilferty 1931), for counts
/// against probabilities; cells of fewer than 5 expected are pooled.
pub fn chi_square_z(p: &[f64], counts: &[u64]) -> f64 {
    let n = counts.iter().sum::<u64>() as f64;
    let (mut chi2, mut cells, mut rare, mut rare_count) = (0.0, 0.0, 0.0, 0.0);
    for (&p, &c) in p.iter().zip(counts) {
        if p * n < 5.0 {
            rare += p * n;
            rare_count += c as f64;
        } else {
            chi2 += (c as f64 - p * n) * (c as f64 - p * n) / (p * n);
            cells += 1.0;
        }
    }
    if rare > 1.0 {
        chi2 += (rare_count - rare) * (rare_count - rare) / rare;
        cells += 1.0;
    }
    let df = cells - 1.0_f64;
    ((chi2 / df).cbrt() - (1.0 - 2.0 / (9.0 * df))) / (2.0 / (9.0 * df)).sqrt()
}

/// One draw of a state from probabilities.
pub fn draw(p: &[f64], u: f64) -> usize {
    let mut cumulative = 0.0;
    for (state, &p) in p.iter().enumerate() {
        cumulative += p;
        if u < cumulative {
            return state;
        }
    }
    p.len() - 1
}

/// Mean and standard deviation.
pub fn mean_and_sd(xs: &[f64]) -> (f64, f64) {
    let n = xs.len() as f64;
    let mean = xs.iter().sum::<f64>() / n;
    (mean, (xs.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0)).sqrt())
}
