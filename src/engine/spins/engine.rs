//! The choice of a spin engine: one replica for live scenes, replica lanes for batches.

use std::sync::Arc;

use crate::kernels::simd::{Simd, SimdError};
use crate::plan::{DenseSettings, SpinPlan};

use super::dense::DenseSampler;
use super::lanes::{LaneSampler, LaneSettings};
use super::replica::ReplicaSampler;
use super::sampler::{Rule, SpinSampler};

/// Which random numbers the replicas of a site draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Randomness {
    /// Each replica its own; replicas are independent samples.
    #[default]
    Independent,
    /// One number a site for all replicas: faster, for best-of-N Metropolis annealing only.
    Shared,
}

/// Which engine moves the spins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineSettings {
    /// One replica: local fields are kept, and only flips touch neighbours; dense rows where a
    /// quarter of all pairs are coupled.
    #[default]
    Replica,
    /// Replica lanes.
    Lanes {
        /// 64, 128, 256 or 512.
        n_replicas: usize,
        /// Whose random numbers.
        randomness: Randomness,
    },
}

impl EngineSettings {
    /// Number of replicas.
    pub fn n_replicas(self) -> usize {
        match self {
            EngineSettings::Replica => 1,
            EngineSettings::Lanes { n_replicas, .. } => n_replicas,
        }
    }
}

/// Why an engine cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// The number of replicas is none of the widths.
    #[error("{0} replica lanes: use 64, 128, 256 or 512")]
    Width(usize),
    /// A heat bath with shared numbers.
    #[error("shared random numbers under the heat bath: replicas merge into one state; use independent numbers")]
    SharedHeatBath,
    /// The forced instruction set cannot run.
    #[error(transparent)]
    Simd(#[from] SimdError),
}

/// The engine for `plan`, on the best instruction set (or the one that `LEHR_SIMD` names).
///
/// # Errors
/// If the settings contradict each other, the rule or this machine.
pub fn make_engine(plan: Arc<SpinPlan>, settings: EngineSettings, rule: Rule) -> Result<Box<dyn SpinSampler>, EngineError> {
    match settings {
        EngineSettings::Lanes { n_replicas, randomness } => {
            Ok(Box::new(LaneSampler::new(plan, LaneSettings { n_replicas, rule, randomness, simd: None })?))
        }
        EngineSettings::Replica => {
            let simd = Simd::detect()?;
            // Rows too large for the dense engine stay with the sparse one.
            if is_dense(&plan)
                && let Ok(engine) = DenseSampler::new(Arc::clone(&plan), &DenseSettings::default(), simd)
            {
                return Ok(Box::new(engine));
            }
            Ok(Box::new(ReplicaSampler::new(plan, simd)))
        }
    }
}

/// True if at least a quarter of all pairs are coupled: dense rows then beat neighbour lists, whose
/// colour classes shrink to a few spins.
fn is_dense(plan: &SpinPlan) -> bool {
    let n = plan.n_spins();
    n >= 64 && plan.neighbours.len() >= n * (n - 1) / 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::spins::sampler::Scan;
    use crate::engine::spins::testing::key;
    use crate::plan::{Coupling, IsingModel};
    use crate::topology::compile::compile_spins;

    /// `n` spins, each coupled to the next `reach` on a ring, with couplings of no common unit.
    fn ring(n: u32, reach: u32) -> Arc<SpinPlan> {
        let mut stream = key(n).stream_key().stream();
        let mut model = IsingModel::with_spins(n as usize);
        for v in 0..n {
            model.couplings.extend((1..=reach).map(|k| Coupling::new(v, (v + k) % n, stream.gaussian() as f32)));
        }
        model.normalise();
        Arc::new(compile_spins(&model, &[]))
    }

    /// The spins after three sweeps.
    fn swept(mut engine: Box<dyn SpinSampler>) -> Vec<i8> {
        (0..3).for_each(|sweep| engine.sweep(Rule::HeatBath, Scan::Colours, key(sweep)));
        let mut spins = vec![0; engine.plan().n_spins()];
        engine.read_spins(0, &mut spins);
        spins
    }

    #[test]
    fn a_quarter_of_all_pairs_makes_the_engine_dense() {
        let simd = Simd::detect().unwrap();
        // Of 101 spins, 12 neighbours on a side are 24 % of all others and 13 are 26 %; few spins are never worth it.
        for (n, reach, dense) in [(101, 12, false), (101, 13, true), (101, 50, true), (64, 31, true), (63, 31, false), (500, 2, false)] {
            let plan = ring(n, reach);
            let chosen = swept(make_engine(Arc::clone(&plan), EngineSettings::Replica, Rule::HeatBath).unwrap());
            let by_rows = swept(Box::new(DenseSampler::new(Arc::clone(&plan), &DenseSettings::default(), simd).unwrap()));
            let by_neighbours = swept(Box::new(ReplicaSampler::new(plan, simd)));
            assert!(by_rows != by_neighbours, "the engines draw alike: {n} spins, reach {reach}");
            assert!(chosen == if dense { by_rows } else { by_neighbours }, "{n} spins, reach {reach}: dense should be {dense}");
        }
    }

    #[test]
    fn lanes_have_the_width_asked_for_or_are_refused() {
        let plan = ring(70, 2);
        for (n_replicas, randomness) in [(64, Randomness::Independent), (512, Randomness::Shared)] {
            let settings = EngineSettings::Lanes { n_replicas, randomness };
            let engine = make_engine(Arc::clone(&plan), settings, Rule::Metropolis).unwrap();
            assert_eq!((engine.n_replicas(), settings.n_replicas()), (n_replicas, n_replicas));
            assert_eq!(engine.has_independent_replicas(), randomness == Randomness::Independent);
        }
        let refused =
            |n_replicas, randomness, rule| make_engine(Arc::clone(&plan), EngineSettings::Lanes { n_replicas, randomness }, rule).err();
        assert_eq!(refused(65, Randomness::Independent, Rule::HeatBath), Some(EngineError::Width(65)));
        assert_eq!(refused(64, Randomness::Shared, Rule::HeatBath), Some(EngineError::SharedHeatBath));
    }
}
