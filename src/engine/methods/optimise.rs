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
    let cold = default_range(plan, 1000).cold;
    let is_sparse = traits.mean_degree <= 8.0;
    // 1. Temperatures, as multiples of where the typical flip freezes. Measured on +-J and planted
    //    tori of 20,000 spins (sparse) and on the G-set (dense).
    let (cold, reheat) = if is_sparse {
        (0.7 * cold, TemperatureRange { hot: 3.5 * cold, cold: 1.4 * cold })
    } else {
        (cold, TemperatureRange { hot: 5.2 * cold, cold: 2.5 * cold })
    };
    // 2. Lengths: small models are solved by the first annealing, so it stays short.
    let first_sweeps = if is_sparse { 200 } else { (traits.n_free * 3 / 20).clamp(100, 400) as u64 };
    let cycle_sweeps = if is_sparse { [50, 800] } else { [100, 400] };
    // 3. One state that takes all improvements where a model is large and sparse; else many far apart.
    let n_elites = if is_sparse && traits.n_free > 5000 { 1 } else { 32 };
    CyclingSettings {
        reheat: Some(reheat),
        cold: Some(cold),
        first_sweeps: first_sweeps.min(settings.sweep_budget) as u32,
        cycle_sweeps,
        n_elites,
        patience: if n_elites == 1 { 0 } else { 6 },
        sweeps_per_iteration: settings.sweeps_per_iteration,
        sweep_budget: settings.sweep_budget,
        target_energy: settings.target_energy,
    }
}
