//! ln Z by annealed importance sampling, population annealing and thermodynamic integration against
//! the exact value of a 12 x 8 restricted Boltzmann machine, and the identities that make T physical.
//! Every engine that ships takes every test.

mod faults;

use faults::engines::{ENGINES, Engine, Numbers};
use faults::{Fault, Faulty, key, mean_and_sd, plan, small_glass, square};
use lehr::engine::diagnostics::{Estimate, thermodynamic_integration};
use lehr::engine::exact::ExactStates;
use lehr::engine::methods::settings::{AisSettings, BetaSteps, PopulationSettings, TemperingSettings};
use lehr::engine::methods::start::randomise;
use lehr::engine::methods::{Ais, Population, TemperatureRange, Tempering};
use lehr::engine::spins::{Rule, Scan, SpinSampler};
use lehr::math;
use lehr::plan::{Coupling, IsingModel};
use lehr::random::{StreamKey, SystemTag};
use lehr::units::Seed;

const VISIBLE: u32 = 12;
const HIDDEN: u32 = 8;

/// 12 visible and 8 hidden spins with Gaussian couplings and fields.
fn rbm() -> IsingModel {
    let mut model = IsingModel::with_spins((VISIBLE + HIDDEN) as usize);
    let mut stream = StreamKey::new(Seed(8), SystemTag::named("rbm"), 0).stream();
    for v in 0..VISIBLE {
        for h in 0..HIDDEN {
            model.couplings.push(Coupling::new(v, VISIBLE + h, 0.25 * stream.gaussian() as f32));
        }
    }
    model.fields.iter_mut().for_each(|f| *f = 0.3 * stream.gaussian() as f32);
    model.normalise();
    model
}

/// ln Z at beta = 1: the hidden states are enumerated, the visible ones factorise.
fn exact_ln_z(model: &IsingModel) -> f64 {
    let terms: Vec<f64> = (0..1_u32 << HIDDEN)
        .map(|state| {
            let s = |h: u32| if state >> h & 1 == 1 { 1.0 } else { -1.0 };
            let mut fields: Vec<f64> = model.fields.iter().map(|&f| f64::from(f)).collect();
            for c in &model.couplings {
                fields[c.i as usize] += f64::from(c.strength) * s(c.j - VISIBLE);
            }
            let hidden: f64 = (0..HIDDEN).map(|h| fields[(VISIBLE + h) as usize] * s(h)).sum();
            let visible: f64 = fields[..VISIBLE as usize].iter().map(|f| math::ln(math::exp(*f) + math::exp(-f))).sum();
            hidden + visible
        })
        .collect();
    math::log_sum_exp(&terms)
}

/// Seeds of a control, and of a planted fault.
const SEEDS: [u64; 2] = [100, 30];

/// Mean and standard deviation of z over the seeds of a method that gives (ln Z, error).
fn z_scores(
    (engine, numbers): (Engine, Numbers),
    fault: Fault,
    replicas: usize,
    method: impl Fn(&mut Faulty, u64) -> (f64, f64),
) -> (f64, f64) {
    let model = numbers.of(&rbm());
    let (plan, exact) = (plan(&model), exact_ln_z(&model));
    let zs: Vec<f64> = (0..SEEDS[usize::from(fault != Fault::None)])
        .map(|seed| {
            let (ln_z, error) = method(&mut Faulty::around(engine.make(numbers, &plan, replicas), fault), seed);
            (ln_z - exact) / error
        })
        .collect();
    mean_and_sd(&zs)
}

fn ais(sampler: &mut Faulty, seed: u64) -> (f64, f64) {
    let settings = AisSettings {
        beta_end: Some(1.0),
        n_steps: 24,
        steps_per_iteration: 24,
        reverse: false,
        rule: Rule::HeatBath,
        ..AisSettings::default()
    };
    let mut ais = Ais::new(settings, sampler).unwrap();
    ais.iterate(sampler, key(seed, 0));
    assert!(ais.is_finished());
    let found = ais.ln_z().unwrap();
    (found.estimate, found.error)
}

fn population(sampler: &mut Faulty, seed: u64) -> (f64, f64) {
    let settings = PopulationSettings {
        beta_end: Some(1.0),
        steps: BetaSteps::Fixed(6),
        sweeps_per_step: 6,
        rule: Rule::HeatBath,
        ..Default::default()
    };
    let mut population = Population::new(settings, sampler).unwrap();
    for step in 0..6 {
        population.iterate(sampler, key(seed, step));
    }
    assert!(population.is_finished());
    (population.ln_z(), population.ln_z_error())
}

fn integration(sampler: &mut Faulty, seed: u64) -> (f64, f64) {
    let n = sampler.n_replicas();
    let betas: Vec<f64> = (0..=8).map(|k| f64::from(k) / 8.0).collect();
    let (mut means, mut variances, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    randomise(sampler, key(seed, 0));
    let mut energies = vec![0.0; n];
    for (k, &beta) in betas.iter().enumerate() {
        sampler.set_betas(&[beta]);
        for s in 0..8 {
            sampler.sweep(Rule::HeatBath, Scan::Colours, key(seed, (8 * k + s) as u64));
        }
        sampler.energies(&mut energies);
        let (mean, sd) = mean_and_sd(&energies);
        means.push(mean);
        variances.push(sd * sd);
        errors.push(sd / (n as f64).sqrt());
    }
    let (change, error) = thermodynamic_integration(&betas, &means, &variances, &errors);
    (f64::from(VISIBLE + HIDDEN) * std::f64::consts::LN_2 + change, error)
}

/// |mean| below 4.9 / sqrt n and |sd - 1| below 3.6 / sqrt n: each about 1e-6 for n standard normal z-scores.
fn is_calibrated((mean, sd): (f64, f64), n_seeds: u64) -> bool {
    let root = (n_seeds as f64).sqrt();
    mean.abs() < 4.9 / root && (sd - 1.0).abs() < 3.6 / root
}

#[test]
fn ais_finds_ln_z_within_its_error() {
    for engine in ENGINES {
        let z = z_scores(engine, Fault::None, 64, ais);
        assert!(is_calibrated(z, SEEDS[0]), "{engine:?}: mean and sd of z: {z:?}");
    }
}

#[test]
fn population_annealing_finds_ln_z_within_its_error() {
    for engine in ENGINES {
        let z = z_scores(engine, Fault::None, 100, population);
        assert!(is_calibrated(z, SEEDS[0]), "{engine:?}: mean and sd of z: {z:?}");
    }
}

#[test]
fn thermodynamic_integration_finds_ln_z_within_its_error() {
    for engine in ENGINES {
        let z = z_scores(engine, Fault::None, 48, integration);
        assert!(is_calibrated(z, SEEDS[0]), "{engine:?}: mean and sd of z: {z:?}");
    }
}

#[test]
fn planted_faults_spoil_ln_z() {
    for engine in ENGINES {
        for (fault, method) in [
            (Fault::Beta(0.8), "ais"),
            (Fault::StaleEnergy, "ais"),
            (Fault::NoSelection, "population"),
            (Fault::StaleEnergy, "population"),
            (Fault::Beta(1.1), "integration"),
            (Fault::Energy(0.95), "integration"),
        ] {
            let z = match method {
                "ais" => z_scores(engine, fault, 64, ais),
                "population" => z_scores(engine, fault, 100, population),
                _ => z_scores(engine, fault, 48, integration),
            };
            assert!(!is_calibrated(z, SEEDS[1]), "{engine:?}: {fault:?} went unnoticed by {method}: {z:?}");
        }
    }
}

#[test]
fn forward_and_backward_ais_enclose_ln_z() {
    for (engine, numbers) in ENGINES {
        let model = numbers.of(&rbm());
        let (plan, exact) = (plan(&model), exact_ln_z(&model));
        // Few steps, so that the bounds stay apart also with the 64 replicas of the narrowest lanes.
        let settings = AisSettings { beta_end: Some(1.0), n_steps: 3, rule: Rule::HeatBath, ..AisSettings::default() };
        let (mut below, mut above) = (Vec::new(), Vec::new());
        for seed in 0..40 {
            let mut sampler = engine.make(numbers, &plan, 16);
            let mut ais = Ais::new(settings, &*sampler).unwrap();
            let mut step = 0;
            while !ais.is_finished() {
                ais.iterate(&mut *sampler, key(seed, step));
                step += 1;
            }
            below.push(ais.ln_z().unwrap().estimate);
            above.push(ais.ln_z_above().unwrap().estimate);
        }
        let ((below, below_sd), (above, above_sd)) = (mean_and_sd(&below), mean_and_sd(&above));
        let slack = 4.9 / 40.0_f64.sqrt();
        assert!(
            below < exact + slack * below_sd && exact < above + slack * above_sd,
            "{engine:?} {numbers:?}: {below} < {exact} < {above}"
        );
        assert!(below < above && above - below < 1.5, "{engine:?} {numbers:?}: {below} to {above}");
    }
}

/// How many standard errors <exp(-sum (b_k - b_{k-1}) E)> Z(b_0) / Z(b_K) is from 1, and that error.
fn temperature_ramp((engine, numbers): (Engine, Numbers), fault: Fault) -> (f64, f64) {
    let exact = 17.105367 - 16.0 * std::f64::consts::LN_2;
    let mut sampler = Faulty::around(engine.make(numbers, &plan(&numbers.of(&square(4))), 4096), fault);
    let settings = AisSettings { beta_end: Some(0.5), n_steps: 12, steps_per_iteration: 12, reverse: false, ..AisSettings::default() };
    let mut ais = Ais::new(settings, &sampler).unwrap();
    ais.iterate(&mut sampler, key(1, 0));
    let ratios: Vec<f64> = ais.ln_weights().iter().map(|l| math::exp(l - exact)).collect();
    let (mean, sd) = mean_and_sd(&ratios);
    let error = sd / (ratios.len() as f64).sqrt();
    ((mean - 1.0) / error, error)
}

#[test]
fn a_temperature_ramp_weighs_to_the_ratio_of_partition_functions() {
    // On a square, however fast the ramp.
    for engine in ENGINES {
        let (z, error) = temperature_ramp(engine, Fault::None);
        assert!(z.abs() < 4.9 && error < 0.1, "{engine:?}: {z} standard errors of {error}");
        for fault in [Fault::Beta(0.8), Fault::StaleEnergy, Fault::Energy(0.95)] {
            let (z, _) = temperature_ramp(engine, fault);
            assert!(z.abs() > 4.9, "{engine:?}: {fault:?} went unnoticed at {z}");
        }
    }
}

/// Mean of exp(-beta W) / (Z1/Z0) and its error, for a field raised in `steps` at fixed temperature.
fn jarzynski((engine, numbers): (Engine, Numbers), fault: Fault, weighs_before: bool) -> (f64, f64) {
    let (beta, steps, replicas) = (0.8, 8_u32, 4096);
    let base = numbers.of(&small_glass(6, false));
    let engine = |model: &IsingModel| Faulty::around(engine.make(numbers, &plan(model), replicas), fault);
    let with_field = |x: f64| {
        let mut model = base.clone();
        model.fields.iter_mut().for_each(|h| *h = x as f32);
        model
    };
    let ln_z = |x: f64| ExactStates::enumerate(&with_field(x), &[], &[]).at(beta).ln_z;
    let change = ln_z(1.0) - ln_z(0.0);
    // 1. Start in equilibrium.
    let mut sampler = engine(&base);
    randomise(&mut sampler, key(6, 0));
    sampler.set_betas(&[beta]);
    for s in 0..30 {
        sampler.sweep(Rule::HeatBath, Scan::Colours, key(6, s));
    }
    // 2. Raise the field; work is the energy change of the state at which it is raised.
    let mut work = vec![0.0; replicas];
    let (mut before, mut after) = (vec![0.0; replicas], vec![0.0; replicas]);
    for step in 1..=steps {
        let mut next = engine(&with_field(f64::from(step) / f64::from(steps)));
        let mut spins = vec![0; 6];
        for r in 0..replicas {
            sampler.read_spins(r, &mut spins);
            next.write_spins(r, &spins);
        }
        next.set_betas(&[beta]);
        sampler.energies(&mut before);
        if !weighs_before {
            next.sweep(Rule::HeatBath, Scan::Colours, key(7, u64::from(step)));
        }
        next.energies(&mut after);
        work.iter_mut().zip(before.iter().zip(&after)).for_each(|(w, (b, a))| *w += a - b);
        if weighs_before {
            next.sweep(Rule::HeatBath, Scan::Colours, key(7, u64::from(step)));
        }
        sampler = next;
    }
    let ratios: Vec<f64> = work.iter().map(|w| math::exp(-beta * w - change)).collect();
    let (mean, sd) = mean_and_sd(&ratios);
    (mean, sd / (replicas as f64).sqrt())
}

/// A mean that a few large ratios carry has a large error, and is wrong too.
fn is_one(mean: f64, error: f64) -> bool {
    (mean - 1.0).abs() < 4.9 * error && error < 0.1
}

#[test]
fn work_of_a_field_ramp_obeys_jarzynski() {
    for engine in ENGINES {
        let (mean, error) = jarzynski(engine, Fault::None, true);
        assert!(is_one(mean, error), "{engine:?}: {mean} +- {error}");
    }
}

#[test]
fn jarzynski_catches_wrong_work_and_a_wrong_temperature() {
    for engine in ENGINES {
        for (fault, weighs_before) in [(Fault::None, false), (Fault::Beta(0.6), true), (Fault::Energy(0.9), true)] {
            let (mean, error) = jarzynski(engine, fault, weighs_before);
            assert!(!is_one(mean, error), "{engine:?}: {fault:?} went unnoticed: {mean} +- {error}");
        }
    }
}

/// Largest |z| between C = Var(E)/T^2 and (<E>(T + d) - <E>(T - d)) / 2d by tempering, and between <E> and exact.
fn heat_capacity_z((engine, numbers): (Engine, Numbers), fault: Fault) -> f64 {
    let model = numbers.of(&small_glass(9, true));
    let (plan, exact) = (plan(&model), ExactStates::enumerate(&model, &[], &[]));
    let replicas = if engine == Engine::Lanes { 1024 } else { 600 };
    let (t, d) = (1.2, 0.3);
    let series = |t: f64| {
        let mut sampler = Faulty::around(engine.make(numbers, &plan, replicas), fault);
        randomise(&mut sampler, key(9, 0));
        sampler.set_betas(&[1.0 / t]);
        let mut energies = vec![0.0; replicas];
        let mut all = Vec::new();
        for s in 0..48 {
            sampler.sweep(Rule::HeatBath, Scan::Colours, key(9, (t * 1000.0) as u64 * 100 + s));
            if s >= 16 {
                sampler.energies(&mut energies);
                all.push(energies.clone());
            }
        }
        all
    };
    // Error bars from independent replicas: each replica gives one mean and one second moment.
    let by_replica = |t: f64, f: &dyn Fn(f64) -> f64| -> (f64, f64) {
        let all = series(t);
        let means: Vec<f64> = (0..replicas).map(|r| all.iter().map(|e| f(e[r])).sum::<f64>() / all.len() as f64).collect();
        let (mean, sd) = mean_and_sd(&means);
        (mean, sd / (replicas as f64).sqrt())
    };
    let centre = exact.at(1.0 / t).mean_energy;
    let (variance, variance_error) = by_replica(t, &|e| (e - centre) * (e - centre));
    let (hot, hot_error) = by_replica(t + d, &|e| e);
    let (cold, cold_error) = by_replica(t - d, &|e| e);
    let slope = (hot - cold) / (2.0 * d);
    let slope_error = hot_error.hypot(cold_error) / (2.0 * d);
    // The difference quotient is off by a known, exact amount.
    let quotient = (exact.at(1.0 / (t + d)).mean_energy - exact.at(1.0 / (t - d)).mean_energy) / (2.0 * d);
    let bias = quotient - exact.at(1.0 / t).specific_heat;
    ((slope - bias - variance / (t * t)) / slope_error.hypot(variance_error / (t * t))).abs()
}

#[test]
fn specific_heat_is_the_slope_of_the_energy() {
    for engine in ENGINES {
        let z = heat_capacity_z(engine, Fault::None);
        assert!(z < 4.9, "{engine:?}: {z} standard errors apart");
        for fault in [Fault::Beta(1.6), Fault::Energy(1.3)] {
            let z = heat_capacity_z(engine, fault);
            assert!(z > 4.9, "{engine:?}: {fault:?} went unnoticed at {z}");
        }
    }
}

#[test]
fn tempering_reports_energies_and_barrier_that_agree_with_exact_ones() {
    for (engine, numbers) in ENGINES {
        let model = numbers.of(&small_glass(8, true));
        let exact = ExactStates::enumerate(&model, &[], &[]);
        let mut sampler = engine.make(numbers, &plan(&model), 8 * 32);
        let settings = TemperingSettings {
            n_temperatures: 8,
            range: Some(TemperatureRange { hot: 4.0, cold: 0.25 }),
            adaptation_iterations: 64,
            ..TemperingSettings::default()
        };
        let mut tempering = Tempering::new(settings, &*sampler).unwrap();
        let mut cold = vec![Vec::new(); tempering.n_copies()];
        for step in 0..400 {
            tempering.iterate(&mut *sampler, key(21, step));
            if !tempering.is_adapting() {
                for (replica, &rung) in tempering.rungs().iter().enumerate() {
                    if rung == 4 {
                        cold[replica / 8].push(tempering.energies()[replica]);
                    }
                }
            }
        }
        let slices: Vec<&[f64]> = cold.iter().map(Vec::as_slice).collect();
        let estimate = Estimate::of_replicas(&slices);
        let answer = exact.at(tempering.betas()[4]);
        let z = ((estimate.mean - answer.mean_energy) / estimate.error).abs();
        assert!(z < 4.9, "{engine:?} {numbers:?}: {estimate:?} against {}", answer.mean_energy);
        assert!((tempering.moments()[4].specific_heat(tempering.betas()[4]) / answer.specific_heat - 1.0).abs() < 0.1);
        let rates = tempering.swap_rates();
        let (low, high) = rates.iter().fold((1.0_f64, 0.0_f64), |(l, h), &r| (l.min(r), h.max(r)));
        assert!(high - low < 0.1, "swap rates are not equal after adaptation: {rates:?}");
        assert!((tempering.barrier() - rates.iter().map(|r| 1.0 - r).sum::<f64>()).abs() < 1e-12 && tempering.round_trips() > 100);
    }
}
