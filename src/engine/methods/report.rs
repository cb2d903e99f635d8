//! What each method reports, by metric name: the result with its error bar, and how the run went.
//!
//! Energies are of the whole system, specific heats per spin. `swap_rate_k` is the mean swap
//! probability between rungs k and k + 1 of a ladder, hot first: the swap map.
//!
//! Thermal cycling names its `elites`, whether it `resamples`, and its `strongest_reheat` and
//! `weakest_reheat` (temperatures): what the preset chose for the graph.
//!
//! Every result has every row of [`DIAGNOSTICS`], or [`absent`] says why it has not: a number that
//! a method cannot stand for is left out, never made up.

use crate::engine::diagnostics::{Moments, effective_weights};

use super::ais::Ais;
use super::anneal::Anneal;
use super::population::Population;
use super::state::MethodState;
use super::tempering::Tempering;

/// What stands beside every energy. The last one is the swap map, by its first entry.
pub const DIAGNOSTICS: [&str; 8] =
    ["energy", "energy_error", "tau_int", "effective_samples", "acceptance", "specific_heat", "temperature", "swap_rate_00"];

const NO_LADDER: (&str, &str) = ("swap_rate_00", "one temperature at a time, so nothing swaps");
const NOT_MEASURED: &str = "the run has not come to the steps that are measured; give it more";

/// The rows of [`DIAGNOSTICS`] that the method's result does not have now, each with the reason.
pub(super) fn absent(state: &MethodState) -> Vec<(&'static str, &'static str)> {
    let mut reasons = match state {
        MethodState::Sample(_) => vec![NO_LADDER],
        MethodState::Anneal(m) => absent_from_annealing(m),
        MethodState::Tempering(_) => Vec::new(),
        MethodState::Population(_) => {
            vec![("tau_int", "a population is resampled, no chain; family_size says how far its members depend on each other"), NO_LADDER]
        }
        MethodState::Ais(_) => vec![("tau_int", "runs are weighted and independent, no chain"), NO_LADDER],
        MethodState::Cycling(_) => vec![
            ("energy_error", "replicas restart from common states, so they are no independent samples"),
            ("tau_int", "driven: no stationary series"),
            ("effective_samples", "replicas restart from common states, so they are no independent samples"),
            ("specific_heat", "a descent has no temperature"),
            ("temperature", "a descent has no temperature"),
            NO_LADDER,
        ],
    };
    let figures = report(state);
    let is_missing = |row: &str| row != "acceptance" && !figures.iter().any(|(name, _)| name == row);
    reasons.retain(|(row, _)| is_missing(row));
    let unexplained: Vec<&str> = DIAGNOSTICS.into_iter().filter(|row| is_missing(row) && !reasons.iter().any(|(r, _)| r == row)).collect();
    reasons.extend(unexplained.into_iter().map(|row| (row, NOT_MEASURED)));
    reasons
}

fn absent_from_annealing(m: &Anneal) -> Vec<(&'static str, &'static str)> {
    let spread = if m.has_independent_replicas() {
        "one replica and one run have no spread; take more replicas or runs"
    } else {
        "replicas share random numbers, so only runs are independent; take more runs or independent numbers"
    };
    let heat = if m.measured_beta().is_none() { "a descent has no temperature" } else { spread };
    vec![
        ("energy_error", spread),
        ("tau_int", "the temperature falls, so there is no stationary series; replicas and runs are independent instead"),
        ("effective_samples", spread),
        ("specific_heat", heat),
        ("temperature", "a descent has no temperature"),
        NO_LADDER,
    ]
}

/// Named figures of a method under way.
pub(super) fn report(state: &MethodState) -> Vec<(String, f64)> {
    let figures: Vec<(String, f64)> = match state {
        MethodState::Sample(m) => m.report().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        MethodState::Anneal(m) => named(anneal(m)),
        MethodState::Tempering(m) => tempering(m),
        MethodState::Population(m) => named(population(m)),
        MethodState::Ais(m) => named(ais(m)),
        MethodState::Cycling(m) => {
            let progress = [("cycles", m.n_cycles() as f64), ("sweeps", m.sweeps_done() as f64), ("idle_cycles", m.idle_cycles() as f64)];
            // The settings as the preset or the user chose them.
            let (chosen, reheat) = (m.settings(), m.reheat());
            let choice = [
                ("elites", f64::from(chosen.n_elites)),
                ("resamples", f64::from(u8::from(chosen.resample))),
                ("strongest_reheat", reheat.hot),
                ("weakest_reheat", reheat.cold),
            ];
            named([&replicas(m.energies(), m.beta())[..1], &progress, &choice].concat())
        }
    };
    let n_spins = state.best().map_or(1, |best| best.spins.len().max(1)) as f64;
    let per_spin = |(name, value): (String, f64)| if name == "specific_heat" { (name, value / n_spins) } else { (name, value) };
    figures.into_iter().map(per_spin).filter(|(_, value)| value.is_finite()).collect()
}

fn named(figures: Vec<(&'static str, f64)>) -> Vec<(String, f64)> {
    figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Mean energy over replicas at one temperature, its error as if they were independent, and C of the whole system.
fn replicas(energies: &[f64], beta: f64) -> [(&'static str, f64); 4] {
    let n = energies.len() as f64;
    let mean = energies.iter().sum::<f64>() / n;
    let variance = energies.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / (n - 1.0);
    [("energy", mean), ("energy_error", (variance / n).sqrt()), ("specific_heat", beta * beta * variance), ("temperature", 1.0 / beta)]
}

/// Independent numbers are counted: replicas, or the final energies of all runs. Those after a descent
/// have no temperature, replicas that share random numbers count as one.
fn anneal(m: &Anneal) -> Vec<(&'static str, f64)> {
    let (energies, beta) = (m.independent_energies(), m.measured_beta().unwrap_or(f64::NAN));
    let mut figures = vec![("energy", energies.mean()), ("temperature", 1.0 / beta), ("runs_done", f64::from(m.runs_done()))];
    if energies.count() > 1 {
        figures.extend([("energy_error", standard_error(&energies)), ("effective_samples", energies.count() as f64)]);
        if m.has_independent_replicas() {
            figures.push(("specific_heat", energies.specific_heat(beta)));
        }
    }
    figures
}

fn standard_error(energies: &Moments) -> f64 {
    (energies.variance() / energies.count() as f64).sqrt()
}

fn tempering(m: &Tempering) -> Vec<(String, f64)> {
    let rates = m.swap_rates();
    let coldest = m.betas().len() - 1;
    let (beta, energy) = (m.betas()[coldest], m.coldest_energy());
    let mut figures = named(vec![
        ("temperature", 1.0 / beta),
        ("energy", energy.mean),
        ("barrier", m.barrier()),
        ("lowest_swap_rate", rates.iter().copied().fold(1.0, f64::min)),
        ("round_trips", m.round_trips() as f64),
        ("is_settling", f64::from(u8::from(m.is_settling()))),
    ]);
    if !m.is_settling() {
        figures.extend(named(vec![
            ("energy_error", energy.error),
            ("tau_int", energy.tau_int),
            ("effective_samples", energy.effective * m.n_copies() as f64),
            ("specific_heat", m.moments()[coldest].specific_heat(beta)),
        ]));
    }
    figures.extend(rates.iter().enumerate().map(|(k, &rate)| (format!("swap_rate_{k:02}"), rate)));
    figures
}

fn population(m: &Population) -> Vec<(&'static str, f64)> {
    let (energy, error) = m.mean_energy();
    let [_, _, specific_heat, temperature] = replicas(m.energies(), m.beta());
    vec![
        ("energy", energy),
        ("energy_error", error),
        specific_heat,
        temperature,
        ("effective_samples", m.energies().len() as f64 / m.family_size()),
        ("family_size", m.family_size()),
        ("ln_z", m.ln_z()),
        ("ln_z_error", m.ln_z_error()),
    ]
}

fn ais(m: &Ais) -> Vec<(&'static str, f64)> {
    let mut figures = Vec::new();
    if let Some((mean, error, variance)) = m.weighted_energy() {
        let beta = m.weighted_beta();
        let specific_heat = ("specific_heat", beta * beta * variance);
        figures.extend([("energy", mean), ("energy_error", error), specific_heat, ("temperature", 1.0 / beta)]);
        figures.push(("effective_samples", effective_weights(m.ln_weights())));
    }
    if let Some(below) = m.ln_z() {
        figures.extend([("ln_z", below.estimate), ("ln_z_error", below.error)]);
    }
    figures.extend(m.ln_z_above().map(|above| ("ln_z_above", above.estimate)));
    figures
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::methods::settings::{
        AisSettings, AnnealSettings, BetaSteps, CyclingSettings, MethodSettings, OptimiseSettings, PopulationSettings, TemperingSettings,
    };
    use crate::engine::methods::{SampleSettings, ScheduleShape};
    use crate::engine::spins::reference::ReferenceSampler;
    use crate::engine::spins::{SpinSampler, SweepKey};
    use crate::plan::{Coupling, IsingModel};
    use crate::random::SystemTag;
    use crate::topology::compile_spins;
    use crate::units::Seed;

    fn ring() -> IsingModel {
        let mut model = IsingModel::with_spins(8);
        model.couplings = (0..8).map(|i| Coupling::new(i, (i + 1) % 8, if i == 0 { -1.0 } else { 1.0 })).collect();
        model.normalise();
        model
    }

    /// Runs a method and returns what is absent at the end; at every step each row must be there or explained.
    fn absent_at_end(settings: &MethodSettings, n_replicas: usize, steps: u64) -> Vec<&'static str> {
        let mut sampler = ReferenceSampler::new(Arc::new(compile_spins(&ring(), &[])), n_replicas);
        let mut state = MethodState::new(settings, &sampler as &dyn SpinSampler).unwrap();
        for step in 0..steps {
            state.iterate(&mut sampler, SweepKey { seed: Seed(3), system: SystemTag::named("report"), step, sweep: 0 });
            let (there, reasons) = (report(&state), absent(&state));
            for row in DIAGNOSTICS.into_iter().filter(|row| *row != "acceptance") {
                let n = there.iter().filter(|(name, _)| name == row).count() + reasons.iter().filter(|(name, _)| *name == row).count();
                assert_eq!(n, 1, "{row} of {settings:?} at step {step}: {there:?} {reasons:?}");
            }
            assert!(reasons.iter().all(|(_, reason)| !reason.is_empty()));
        }
        let mut rows: Vec<&str> = absent(&state).into_iter().map(|(row, _)| row).collect();
        rows.sort_unstable();
        rows
    }

    #[test]
    fn every_result_has_every_diagnostic_or_says_why_not() {
        let anneal = AnnealSettings { n_sweeps: 20, ..AnnealSettings::default() };
        let tempering = TemperingSettings { n_temperatures: 4, adaptation_iterations: 8, discard: 4, ..TemperingSettings::default() };
        let population = PopulationSettings { beta_end: Some(1.0), steps: BetaSteps::Fixed(5), ..PopulationSettings::default() };
        let ais = AisSettings { beta_end: Some(1.0), n_steps: 20, ..AisSettings::default() };
        let speed = AnnealSettings { shape: ScheduleShape::ConstantSpeed, quench: false, ..anneal };
        let check = |settings: MethodSettings, n_replicas: usize, steps: u64, expected: &[&str]| {
            assert_eq!(absent_at_end(&settings, n_replicas, steps), expected, "{settings:?} on {n_replicas} replicas");
        };
        use MethodSettings::*;
        check(Sample(SampleSettings { iterations_per_stage: 8, discard: 2, ..SampleSettings::default() }), 1, 8, &["swap_rate_00"]);
        check(Anneal(anneal), 4, 3, &["specific_heat", "swap_rate_00", "tau_int", "temperature"]);
        let alone = ["effective_samples", "energy_error", "specific_heat", "swap_rate_00", "tau_int", "temperature"];
        check(Anneal(anneal), 1, 3, &alone);
        check(Anneal(AnnealSettings { n_runs: 3, ..anneal }), 1, 7, &["specific_heat", "swap_rate_00", "tau_int", "temperature"]);
        check(Anneal(speed), 4, 40, &["swap_rate_00", "tau_int"]);
        check(Tempering(tempering), 8, 20, &[]);
        check(Tempering(tempering), 8, 10, &["effective_samples", "energy_error", "specific_heat", "tau_int"]);
        check(Population(population), 16, 6, &["swap_rate_00", "tau_int"]);
        check(Ais(ais), 16, 6, &["swap_rate_00", "tau_int"]);
        let driven = ["effective_samples", "energy_error", "specific_heat", "swap_rate_00", "tau_int", "temperature"];
        check(Cycling(CyclingSettings { sweep_budget: 500, ..CyclingSettings::default() }), 4, 30, &driven);
        check(Optimise(OptimiseSettings { sweep_budget: 500, ..OptimiseSettings::default() }), 4, 30, &driven);
    }

    #[test]
    fn runs_of_an_annealing_add_up_to_one_error_bar() {
        let settings = AnnealSettings { n_sweeps: 4, n_runs: 40, quench: false, sweeps_per_iteration: 4, ..AnnealSettings::default() };
        let mut sampler = ReferenceSampler::new(Arc::new(compile_spins(&ring(), &[])), 2);
        let mut anneal = Anneal::new(settings, &sampler).unwrap();
        let mut all = Vec::new();
        for step in 0..40 {
            anneal.iterate(&mut sampler, SweepKey { seed: Seed(4), system: SystemTag::named("report"), step, sweep: 0 });
            all.extend_from_slice(anneal.energies());
        }
        let mean = all.iter().sum::<f64>() / 80.0;
        let variance = all.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / 79.0;
        let found: std::collections::BTreeMap<_, _> = super::anneal(&anneal).into_iter().collect();
        assert!((found["energy"] - mean).abs() < 1e-12 && (found["energy_error"] / (variance / 80.0).sqrt() - 1.0).abs() < 1e-9);
        assert_eq!(found["effective_samples"], 80.0);
    }
}
