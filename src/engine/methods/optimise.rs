//! The `Optimise` preset: chooses a method and its settings by the model's graph (driven).

use crate::engine::spins::SpinSampler;
use crate::plan::SpinPlan;

use super::schedule::{TemperatureRange, default_range};
use super::settings::{CyclingSettings, OptimiseSettings};

/// What of a model decides how it is optimised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GraphTraits {
    /// Free spins.
    pub n_free: usize,
    /// Mean number of neighbours of a free spin.
    pub mean_degree: f64,
    /// True if all couplings and fields are small multiples of one unit.
    pub is_integer: bool,
}

impl GraphTraits {
    /// The traits of `plan`.
    pub fn of(plan: &SpinPlan) -> Self {
        let n_free = plan.n_free();
        let rows = plan.offsets.get(n_free).map_or(0, |&n| n as usize);
        GraphTraits { n_free, mean_degree: rows as f64 / n_free.max(1) as f64, is_integer: plan.unit.is_some() }
    }
}

/// The cycling that the preset chooses for the model of `sampler`.
pub fn choose<S: SpinSampler + ?Sized>(settings: &OptimiseSettings, sampler: &S) -> CyclingSettings {
    let plan = sampler.plan();
    let traits = GraphTraits::of(plan);
    let first_sweeps = 400.min(settings.sweep_budget.max(1)) as u32;
    let cold = default_range(plan, 1000).cold;
    let reheat = if traits.mean_degree <= 8.0 {
        TemperatureRange { hot: 3.5 * cold, cold: 1.5 * cold }
    } else {
        TemperatureRange { hot: 4.0 * cold, cold: 1.5 * cold }
    };
    CyclingSettings {
        reheat: Some(reheat),
        cold: Some(cold),
        first_sweeps,
        cycle_sweeps: [50, 400],
        sweeps_per_iteration: settings.sweeps_per_iteration,
        sweep_budget: settings.sweep_budget,
        target_energy: settings.target_energy,
    }
}
