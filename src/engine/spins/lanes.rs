//! Replica lanes: 64 to 512 replicas of one spin system, a bit each, moving together.
//!
//! Integer couplings run bit-sliced, all others 16 replicas at a time in f32 ([`crate::kernels::lanes`]).
//! Each lane has its own inverse temperature, so annealing, tempering and AIS need no other engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use crate::kernels::lanes::{LaneMove, LevelTable, RealMove, RealRule, down_counts, scale_of, unsatisfied_steps};
use crate::kernels::simd::Simd;
use crate::plan::{LaneEdges, LaneRows, RealRows, ReplicaBits, SpinPlan};
use crate::random::{BLOCK, StreamKey};

use super::accept;
use super::engine::{EngineError, Randomness};
use super::sampler::{Rule, Scan, SpinSampler, SweepCounts, SweepKey};

/// What a [`LaneSampler`] is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaneSettings {
    /// 64, 128, 256 or 512.
    pub n_replicas: usize,
    /// The rule that sweeps will follow.
    pub rule: Rule,
    /// Whose random numbers.
    pub randomness: Randomness,
    /// The backend, or `None` for the best one (or the one `LEHR_SIMD` names).
    pub simd: Option<Simd>,
}

impl LaneSettings {
    /// `n_replicas` independent replicas under `rule`, on the best backend.
    pub fn new(n_replicas: usize, rule: Rule) -> Self {
        LaneSettings { n_replicas, rule, randomness: Randomness::Independent, simd: None }
    }
}

/// Many replicas of a spin system, one bit a spin.
#[derive(Clone, Debug)]
pub struct LaneSampler {
    plan: Arc<SpinPlan>,
    path: Path,
    bits: ReplicaBits,
    betas: Vec<f64>,
    randomness: Randomness,
    simd: Simd,
    counts: SweepCounts,
}

/// What sweeps execute.
#[derive(Clone, Debug)]
enum Path {
    Integer {
        rows: Box<LaneRows>,
        edges: LaneEdges,
        /// Thresholds at the present temperatures: of Metropolis, of the heat bath.
        tables: [Option<LevelTable>; 2],
    },
    Real {
        rows: RealRows,
        scales: Vec<f32>,
    },
}

impl Path {
    fn of(plan: &SpinPlan, n_lanes: usize) -> Self {
        match (LaneRows::compile(plan), LaneEdges::compile(plan)) {
            (Some(rows), Some(edges)) => Path::Integer { rows: Box::new(rows), edges, tables: [None, None] },
            _ => Path::Real { rows: RealRows::compile(plan), scales: vec![scale_of(1.0); n_lanes] },
        }
    }
}

impl LaneSampler {
    /// All spins -1, at beta = 1.
    ///
    /// # Errors
    /// If the settings contradict themselves or this machine.
    pub fn new(plan: Arc<SpinPlan>, settings: LaneSettings) -> Result<Self, EngineError> {
        if !matches!(settings.n_replicas, 64 | 128 | 256 | 512) {
            return Err(EngineError::Width(settings.n_replicas));
        }
        if settings.randomness == Randomness::Shared && settings.rule == Rule::HeatBath {
            return Err(EngineError::SharedHeatBath);
        }
        let simd = match settings.simd {
            Some(simd) => Simd::from_name(simd.name())?,
            None => Simd::detect()?,
        };
        let path = Path::of(&plan, settings.n_replicas);
        let bits = ReplicaBits::new(plan.n_spins(), settings.n_replicas);
        let betas = vec![1.0; settings.n_replicas];
        let counts = SweepCounts::default();
        Ok(LaneSampler { plan, path, bits, betas, randomness: settings.randomness, simd, counts })
    }

    /// The spins, by slot.
    pub fn bits(&self) -> &ReplicaBits {
        &self.bits
    }

    /// The backend that sweeps run on.
    pub fn simd(&self) -> Simd {
        self.simd
    }

    /// True if couplings are integers that run bit-sliced, false if they run in f32.
    pub fn is_bit_sliced(&self) -> bool {
        matches!(self.path, Path::Integer { .. })
    }

    /// Executes `plan` from now on, with the same spins: after weights changed.
    ///
    /// # Panics
    /// If the slots of the two plans differ.
    pub fn replace_plan(&mut self, plan: Arc<SpinPlan>) {
        assert!(plan.order == self.plan.order, "a plan with other slots");
        self.path = Path::of(&plan, self.bits.n_lanes());
        self.plan = plan;
        self.set_betas(&self.betas.clone());
    }

    fn level_table(&self, rows: &LaneRows, rule: Rule) -> LevelTable {
        let unit = f64::from(self.plan.unit.unwrap_or(1.0));
        if self.betas.iter().all(|&beta| beta == self.betas[0]) {
            return LevelTable::uniform(&thresholds(rows.levels(), unit, rule, self.betas[0]));
        }
        let mut by_beta = BTreeMap::new();
        for &beta in &self.betas {
            by_beta.entry(beta.to_bits()).or_insert_with(|| thresholds(rows.levels(), unit, rule, beta));
        }
        let columns: Vec<&[u64]> = self.betas.iter().map(|b| by_beta[&b.to_bits()].as_slice()).collect();
        LevelTable::per_lane(&columns)
    }

    fn sweep_colours(&mut self, rule: RealRule, table: Option<&LevelTable>, key: StreamKey) {
        self.counts.flips += match (&self.path, table) {
            (Path::Integer { rows, .. }, Some(table)) => {
                LaneMove { rows, table, heat_bath: rule.heat_bath, shared: rule.shared, simd: self.simd }.sweep(&mut self.bits, key)
            }
            (Path::Integer { .. }, None) => unreachable!("integer rows have a table"),
            (Path::Real { rows, scales }, _) => RealMove { rows, scales, rule, simd: self.simd }.sweep(&mut self.bits, key),
        };
    }

    fn move_slots(&mut self, slots: &[u32], rule: RealRule, table: Option<&LevelTable>, key: StreamKey) {
        self.counts.flips += match (&self.path, table) {
            (Path::Integer { rows, .. }, Some(table)) => {
                let job = LaneMove { rows, table, heat_bath: rule.heat_bath, shared: rule.shared, simd: self.simd };
                job.move_slots(&mut self.bits, slots, key)
            }
            (Path::Integer { .. }, None) => unreachable!("integer rows have a table"),
            (Path::Real { rows, scales }, _) => RealMove { rows, scales, rule, simd: self.simd }.move_slots(&mut self.bits, slots, key),
        };
    }
}

/// Energies of the 64 replicas of one word of `bits`: terms in row order, each lane its own sum in f64.
fn real_energies(plan: &SpinPlan, bits: &ReplicaBits, word: usize, energies: &mut [f64]) {
    let words = bits.words_per_site();
    let of = |slot: usize| bits.words()[slot * words + word];
    energies.fill(plan.offset);
    // A satisfied bond lowers the energy by J, an unsatisfied one raises it.
    let mut subtract = |strength: f32, unsatisfied: u64| {
        let strength = f64::from(strength).to_bits();
        for (lane, energy) in energies.iter_mut().enumerate() {
            *energy -= f64::from_bits(strength ^ (unsatisfied >> lane << 63));
        }
    };
    for slot in 0..plan.n_spins() {
        let spin = of(slot);
        let (neighbours, weights) = plan.row(slot);
        for (&j, &w) in neighbours.iter().zip(weights).take_while(|&(&j, _)| (j as usize) < slot) {
            subtract(w, spin ^ of(j as usize));
        }
        if plan.fields[slot] != 0.0 {
            subtract(plan.fields[slot], !spin);
        }
    }
}

/// The threshold of each level q: of flips that cost 2 q units, at `beta`.
fn thresholds(levels: &[u32], unit: f64, rule: Rule, beta: f64) -> Vec<u64> {
    let chance = |q: u32| match rule {
        Rule::Metropolis => accept::metropolis(2.0 * unit * f64::from(q), beta),
        // A spin that points along its field q turns against it.
        Rule::HeatBath => accept::heat_bath(-unit * f64::from(q), beta),
    };
    levels.iter().map(|&q| accept::threshold(chance(q))).collect()
}

impl SpinSampler for LaneSampler {
    fn plan(&self) -> &Arc<SpinPlan> {
        &self.plan
    }

    fn n_replicas(&self) -> usize {
        self.bits.n_lanes()
    }

    fn set_betas(&mut self, betas: &[f64]) {
        let n = self.n_replicas();
        assert!(betas.len() == 1 || betas.len() == n, "{} inverse temperatures for {n} replicas", betas.len());
        assert!(betas.iter().all(|&b| b >= 0.0), "inverse temperatures {betas:?}");
        for (r, beta) in self.betas.iter_mut().enumerate() {
            *beta = betas[r.min(betas.len() - 1)];
        }
        match &mut self.path {
            Path::Integer { tables, .. } => *tables = [None, None],
            Path::Real { scales, .. } => scales.iter_mut().zip(&self.betas).for_each(|(scale, &beta)| *scale = scale_of(beta)),
        }
    }

    fn sweep(&mut self, rule: Rule, scan: Scan, key: SweepKey) {
        let heat_bath = rule == Rule::HeatBath;
        let shared = self.randomness == Randomness::Shared;
        assert!(!(heat_bath && shared), "{}", EngineError::SharedHeatBath);
        let kept = match &mut self.path {
            Path::Integer { tables, .. } => tables[usize::from(heat_bath)].take(),
            Path::Real { .. } => None,
        };
        let table = match &self.path {
            Path::Integer { rows, .. } => Some(kept.unwrap_or_else(|| self.level_table(rows, rule))),
            Path::Real { .. } => None,
        };
        let rule = RealRule { heat_bath, shared };
        let key = key.stream_key();
        let n_free = self.plan.n_free();
        match scan {
            Scan::Colours => self.sweep_colours(rule, table.as_ref(), key),
            Scan::Sequential => {
                let slots: Vec<u32> = self.plan.slot.iter().copied().filter(|&s| (s as usize) < n_free).collect();
                for (block, slots) in slots.chunks(BLOCK).enumerate() {
                    self.move_slots(slots, rule, table.as_ref(), key.block(block as u32));
                }
            }
            Scan::Random => {
                for (block, visited) in (0..n_free).step_by(BLOCK).enumerate() {
                    let key = key.block(block as u32);
                    // The sites come from a stream of their own: replica numbers of lanes stay far below.
                    let mut sites = key.replica(u32::MAX).stream();
                    let slots: Vec<u32> = (0..BLOCK.min(n_free - visited)).map(|_| sites.below(n_free as u64) as u32).collect();
                    self.move_slots(&slots, rule, table.as_ref(), key);
                }
            }
        }
        self.counts.attempts += (n_free * self.bits.n_lanes()) as u64;
        if let Path::Integer { tables, .. } = &mut self.path {
            tables[usize::from(heat_bath)] = table;
        }
    }

    fn energies(&mut self, out: &mut [f64]) {
        assert_eq!(out.len(), self.n_replicas(), "one energy a replica");
        match &self.path {
            Path::Integer { edges, .. } => {
                let unit = f64::from(self.plan.unit.unwrap_or(1.0));
                let unsatisfied = unsatisfied_steps(edges, &self.bits, self.simd);
                for (energy, u) in out.iter_mut().zip(unsatisfied) {
                    *energy = self.plan.offset + unit * (2 * u - edges.total()) as f64;
                }
            }
            Path::Real { .. } => {
                let (plan, bits) = (&self.plan, &self.bits);
                out.par_chunks_mut(64).enumerate().for_each(|(word, energies)| real_energies(plan, bits, word, energies));
            }
        }
    }

    fn is_up(&self, slot: usize, replica: usize) -> bool {
        self.bits.is_up(slot, replica)
    }

    fn flip(&mut self, slot: usize, replica: usize) {
        self.bits.flip(slot, replica);
    }

    fn write_spins(&mut self, replica: usize, spins: &[i8]) {
        assert_eq!(spins.len(), self.plan.n_spins(), "one spin a slot");
        for (slot, &s) in spins.iter().enumerate() {
            self.bits.set_up(slot, replica, s > 0);
        }
    }

    fn magnetisations(&self, out: &mut [i64]) {
        assert_eq!(out.len(), self.n_replicas(), "one sum a replica");
        let n = self.plan.n_spins() as i64;
        for (sum, down) in out.iter_mut().zip(down_counts(&self.bits, self.simd)) {
            *sum = n - 2 * down;
        }
    }

    fn save_lanes(&self, lanes: &mut [[u64; 8]]) {
        let words = self.bits.words_per_site();
        assert_eq!(lanes.len(), self.plan.n_spins(), "one entry a neuron");
        for (bits, &neuron) in self.bits.words().chunks_exact(words).zip(&self.plan.order) {
            let entry = &mut lanes[neuron as usize];
            *entry = [0; 8];
            entry[..words].copy_from_slice(bits);
        }
    }

    fn load_lanes(&mut self, lanes: &[[u64; 8]]) {
        let words = self.bits.words_per_site();
        assert_eq!(lanes.len(), self.plan.n_spins(), "one entry a neuron");
        for (bits, &neuron) in self.bits.words_mut().chunks_exact_mut(words).zip(&self.plan.order) {
            bits.copy_from_slice(&lanes[neuron as usize][..words]);
        }
    }

    fn select_replicas(&mut self, from: &[u32]) {
        self.bits.select_lanes(from);
    }

    fn has_independent_replicas(&self) -> bool {
        self.randomness == Randomness::Independent
    }

    fn counts(&self) -> SweepCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Coupling, IsingModel};
    use crate::topology::compile_spins;

    #[test]
    fn the_thresholds_of_sweeps_realise_the_acceptance_of_every_level() {
        let mut model = IsingModel::with_spins(5);
        model.couplings = vec![Coupling::new(0, 1, 1.0), Coupling::new(1, 2, -2.0), Coupling::new(2, 3, 0.5), Coupling::new(0, 3, 1.5)];
        model.fields = vec![0.0, 0.5, -1.0, 0.0, 0.25];
        model.normalise();
        let plan = Arc::new(compile_spins(&model, &[]));
        let mut sampler = LaneSampler::new(plan, LaneSettings::new(64, Rule::Metropolis)).unwrap();
        let Path::Integer { rows, .. } = Path::of(&sampler.plan, 64) else { panic!("quarters are integers of a unit") };
        let unit = f64::from(sampler.plan.unit.unwrap());
        let ladder: Vec<f64> = (0..64).map(|r| 0.05 * f64::from(r)).collect();
        for betas in [&ladder[9..10], &ladder[..]] {
            sampler.set_betas(betas);
            let (up, against) = (sampler.level_table(&rows, Rule::Metropolis), sampler.level_table(&rows, Rule::HeatBath));
            for (level, &q) in rows.levels().iter().enumerate() {
                for lane in 0..64 {
                    let beta = betas[lane.min(betas.len() - 1)];
                    let cost = 2.0 * unit * f64::from(q);
                    for (table, exact) in [(&up, accept::metropolis(cost, beta)), (&against, accept::heat_bath(-0.5 * cost, beta))] {
                        let realised = table.threshold(level, lane) as f64 / accept::CERTAIN as f64;
                        assert!((realised - exact).abs() <= 1.0 / 4_294_967_296.0, "level {q} lane {lane}: {realised}, not {exact}");
                    }
                    let hotter = accept::metropolis(cost, 1.02 * beta);
                    let realised = up.threshold(level, lane) as f64 / accept::CERTAIN as f64;
                    assert!(cost * beta == 0.0 || (realised - hotter).abs() > 1e-7 || hotter < 1e-5, "beta + 2 % is told apart");
                }
            }
        }
    }
}
