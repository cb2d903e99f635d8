//! The shipped engines as the thermodynamics tests meet them: any number of independent replicas.

use std::sync::Arc;

use lehr::engine::spins::dense::DenseSampler;
use lehr::engine::spins::lanes::{LaneSampler, LaneSettings};
use lehr::engine::spins::reference::ReferenceSampler;
use lehr::engine::spins::replica::ReplicaSampler;
use lehr::engine::spins::sampler::SweepCounts;
use lehr::engine::spins::{Rule, Scan, SpinSampler, SweepKey};
use lehr::kernels::simd::Simd;
use lehr::plan::{DenseSettings, IsingModel, SpinPlan};
use lehr::units::Seed;

/// Which engine moves the spins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Engine {
    /// The plain law in f64.
    Reference,
    /// One replica with integer or f32 fields.
    Replica,
    /// One replica over dense rows of i8 or f32.
    Dense,
    /// Replica lanes, bit-sliced or real-valued.
    Lanes,
}

/// What couplings and fields are, which decides the path inside an engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Numbers {
    /// Quarters.
    Integer,
    /// Couplings of one size and either sign, and fields at every third spin: kernels have shortcuts for them.
    Signs,
    /// No common unit.
    Real,
}

/// Every path that ships, and the reference first.
pub const ENGINES: [(Engine, Numbers); 10] = [
    (Engine::Reference, Numbers::Real),
    (Engine::Replica, Numbers::Integer),
    (Engine::Replica, Numbers::Signs),
    (Engine::Replica, Numbers::Real),
    (Engine::Dense, Numbers::Integer),
    (Engine::Dense, Numbers::Signs),
    (Engine::Dense, Numbers::Real),
    (Engine::Lanes, Numbers::Integer),
    (Engine::Lanes, Numbers::Signs),
    (Engine::Lanes, Numbers::Real),
];

impl Numbers {
    /// `model` with couplings and fields rounded to quarters, or all of one size (fields halves), or moved by
    /// 1e-6 of their size so that no unit divides them.
    pub fn of(self, model: &IsingModel) -> IsingModel {
        let mut model = model.clone();
        let change = |k: usize, x: f32| match self {
            Numbers::Integer => (4.0 * x).round() / 4.0,
            Numbers::Signs if k.is_multiple_of(3) => (2.0 * x).round() / 2.0,
            Numbers::Signs => 0.0,
            Numbers::Real => x * (1.0 + 4e-7 * (k % 3) as f32),
        };
        // The mean size, in quarters, so that the model stays as hot as it was.
        let n = model.couplings.len().max(1) as f32;
        let size = (model.couplings.iter().map(|c| c.strength.abs()).sum::<f32>() * 4.0 / n).round().max(1.0) / 4.0;
        for (k, c) in model.couplings.iter_mut().enumerate() {
            c.strength = if self == Numbers::Signs { size.copysign(c.strength) } else { change(k, c.strength) };
        }
        model.couplings.retain(|c| c.strength != 0.0);
        model.fields.iter_mut().enumerate().for_each(|(k, h)| *h = change(k, *h));
        model
    }
}

impl Engine {
    /// At least `n_replicas` replicas of `plan`; asserts that the path that `numbers` ask for is taken.
    pub fn make(self, numbers: Numbers, plan: &Arc<SpinPlan>, n_replicas: usize) -> Box<dyn SpinSampler> {
        self.on(Simd::best(), numbers, plan, n_replicas)
    }

    /// The same on the backend `simd`, which the reference does without.
    pub fn on(self, simd: Simd, numbers: Numbers, plan: &Arc<SpinPlan>, n_replicas: usize) -> Box<dyn SpinSampler> {
        let integer = numbers != Numbers::Real;
        let plan = || Arc::clone(plan);
        match self {
            Engine::Reference => Box::new(ReferenceSampler::new(plan(), n_replicas)),
            Engine::Replica => {
                let one = ReplicaSampler::new(plan(), simd);
                assert_eq!(one.has_integer_fields(), integer, "the kind of fields");
                Box::new(Bank::new(vec![one; n_replicas]))
            }
            Engine::Dense => {
                let one = DenseSampler::new(plan(), &DenseSettings::default(), simd).expect("a small model");
                assert_eq!(one.has_integer_fields(), integer, "the kind of fields");
                Box::new(Bank::new(vec![one; n_replicas]))
            }
            Engine::Lanes => {
                let width = [64, 128, 256].into_iter().find(|&w| n_replicas <= w).unwrap_or(512);
                let settings = LaneSettings { simd: Some(simd), ..LaneSettings::new(width, Rule::Metropolis) };
                let lanes = LaneSampler::new(plan(), settings).expect("a width of lanes");
                assert_eq!(lanes.is_bit_sliced(), integer, "the kind of lanes");
                match n_replicas.div_ceil(width) {
                    1 => Box::new(lanes),
                    n => Box::new(Bank::new(vec![lanes; n])),
                }
            }
        }
    }
}

/// Engines side by side as one; each draws under a seed of its own.
struct Bank<S> {
    members: Vec<S>,
    /// Replicas of one member.
    width: usize,
}

impl<S: SpinSampler> Bank<S> {
    fn new(members: Vec<S>) -> Self {
        let width = members[0].n_replicas();
        Bank { members, width }
    }
}

impl<S: SpinSampler> SpinSampler for Bank<S> {
    fn plan(&self) -> &Arc<SpinPlan> {
        self.members[0].plan()
    }

    fn n_replicas(&self) -> usize {
        self.members.len() * self.width
    }

    fn set_betas(&mut self, betas: &[f64]) {
        assert!(betas.len() == 1 || betas.len() == self.n_replicas());
        for (m, member) in self.members.iter_mut().enumerate() {
            member.set_betas(if betas.len() == 1 { betas } else { &betas[m * self.width..(m + 1) * self.width] });
        }
    }

    fn sweep(&mut self, rule: Rule, scan: Scan, key: SweepKey) {
        for (m, member) in self.members.iter_mut().enumerate() {
            member.sweep(rule, scan, SweepKey { seed: Seed(key.seed.0 | (m as u64) << 32), ..key });
        }
    }

    fn energies(&mut self, out: &mut [f64]) {
        for (member, out) in self.members.iter_mut().zip(out.chunks_mut(self.width)) {
            member.energies(out);
        }
    }

    fn is_up(&self, slot: usize, replica: usize) -> bool {
        self.members[replica / self.width].is_up(slot, replica % self.width)
    }

    fn flip(&mut self, slot: usize, replica: usize) {
        self.members[replica / self.width].flip(slot, replica % self.width);
    }

    fn write_spins(&mut self, replica: usize, spins: &[i8]) {
        self.members[replica / self.width].write_spins(replica % self.width, spins);
    }

    fn refresh(&mut self) {
        self.members.iter_mut().for_each(SpinSampler::refresh);
    }

    fn select_replicas(&mut self, from: &[u32]) {
        let mut spins = vec![vec![0; self.plan().n_spins()]; self.n_replicas()];
        for (&r, spins) in from.iter().zip(&mut spins) {
            self.read_spins(r as usize, spins);
        }
        spins.iter().enumerate().for_each(|(r, spins)| self.write_spins(r, spins));
    }

    fn has_independent_replicas(&self) -> bool {
        self.members.iter().all(SpinSampler::has_independent_replicas)
    }

    fn counts(&self) -> SweepCounts {
        self.members
            .iter()
            .map(SpinSampler::counts)
            .fold(SweepCounts::default(), |a, b| SweepCounts { attempts: a.attempts + b.attempts, flips: a.flips + b.flips })
    }
}
