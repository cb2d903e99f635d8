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
