//! The error of ln Z by population annealing where sweeps leave a population correlated.

use std::sync::Arc;

use lehr::engine::diagnostics::{Moments, effective_weights};
use lehr::engine::methods::Population;
use lehr::engine::methods::settings::{BetaSteps, PopulationSettings};
use lehr::engine::spins::{EngineSettings, Randomness, Rule, SweepKey, make_engine};
use lehr::plan::{Coupling, IsingModel};
use lehr::random::SystemTag;
use lehr::topology::compile_spins;
use lehr::units::Seed;

/// The periodic 4 x 4 square with J = 1.
fn square() -> IsingModel {
    let mut model = IsingModel::with_spins(16);
    for (x, y) in (0..16).map(|v| (v % 4, v / 4)) {
        model.couplings.push(Coupling::new(4 * y + x, 4 * y + (x + 1) % 4, 1.0));
        model.couplings.push(Coupling::new(4 * y + x, (y + 1) % 4 * 4 + x, 1.0));
    }
    model.normalise();
    model
}

fn mean_and_sd(zs: &[f64]) -> (f64, f64) {
    let mut moments = Moments::default();
    zs.iter().for_each(|&z| moments.push(z));
    (moments.mean(), moments.variance().sqrt())
}

/// |mean| below .49 and |sd - 1| below .36: each about 1e-6 for 100 standard normal z-scores.
fn is_calibrated((mean, sd): (f64, f64)) -> bool {
    mean.abs() < 0.49 && (sd - 1.0).abs() < 0.36
}

/// z-scores of ln Z on a square at Tc, by a population that one sweep a step leaves correlated: with
/// the error by families, and with the twin that takes steps as independent.
fn z_scores_of_a_correlated_population() -> ((f64, f64), (f64, f64)) {
    const STEPS: u64 = 100;
    let plan = Arc::new(compile_spins(&square(), &[]));
    let settings = PopulationSettings {
        beta_end: Some(1.0 / 2.269185),
        steps: BetaSteps::Fixed(STEPS as u32),
        sweeps_per_step: 1,
        ..PopulationSettings::default()
    };
    let (mut by_families, mut by_steps) = (Vec::new(), Vec::new());
    for seed in 0..100 {
        let engine = EngineSettings::Lanes { n_replicas: 256, randomness: Randomness::Independent };
        let mut sampler = make_engine(Arc::clone(&plan), engine, Rule::Metropolis).unwrap();
        let sampler = sampler.as_mut();
        let mut population = Population::new(settings, sampler).unwrap();
        let mut sum_of_steps = 0.0;
        for step in 0..STEPS {
            if step > 0 {
                let d_beta = settings.beta_end.unwrap() / STEPS as f64;
                let ln_weights: Vec<f64> = population.energies().iter().map(|e| -d_beta * e).collect();
                sum_of_steps += 1.0 / effective_weights(&ln_weights) - 1.0 / 256.0;
            }
            population.iterate(sampler, SweepKey { seed: Seed(seed), system: SystemTag::named("population"), step, sweep: 0 });
        }
        assert!(population.is_finished());
        by_families.push((population.ln_z() - 15.521915) / population.ln_z_error());
        by_steps.push((population.ln_z() - 15.521915) / sum_of_steps.sqrt());
    }
    (mean_and_sd(&by_families), mean_and_sd(&by_steps))
}

#[test]
fn families_give_the_error_of_ln_z_where_steps_are_correlated() {
    let (by_families, by_steps) = z_scores_of_a_correlated_population();
    assert!(is_calibrated(by_families), "mean and sd of z: {by_families:?}");
    assert!(!is_calibrated(by_steps), "independent steps went unnoticed: {by_steps:?}");
}
