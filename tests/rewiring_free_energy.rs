//! The free energy of a network's wiring, asked of a running world, against all wirings with their weights integrated on a grid.

use std::sync::Arc;

use lehr::data::{Dataset, Targets};
use lehr::engine::network::Loss;
use lehr::engine::network::heat::HeatSchedule;
use lehr::engine::structure::{Caps, Density, Estimator, FreeEnergySettings, Slab, StructureSettings};
use lehr::math;
use lehr::network::structure::{RewiringError, RewiringSettings, attach as rewire, free_energy};
use lehr::network::{NetworkSettings, Samples, attach, attach_samples};
use lehr::plan::network::Unit;
use lehr::prelude::*;

const T: f64 = 0.6;
const POINTS: [([f32; 2], f32); 5] = [([1.0, 0.2], 0.7), ([-0.4, 1.0], -0.3), ([0.6, -0.9], 0.9), ([-1.0, -0.5], -0.8), ([0.3, 0.8], 0.1)];

fn settings() -> StructureSettings {
    StructureSettings { density: Density::Rho(0.4), slab: Slab::Gaussian { sd: 1.2 }, ..StructureSettings::default() }
}

/// Two inputs to one linear output, least squares.
fn simulation(structure: StructureSettings) -> Simulation {
    let mut sim = Simulation::new(Seed(3));
    sim.build(Blueprint::new().population("in", 2).population("out", 1).projection("in", "out", [(0, 0, 0.1)])).unwrap();
    attach(&mut sim, NetworkSettings::new().input("in").output("out", Unit::Identity)).unwrap();
    let data = Arc::new(Dataset {
        n_features: 2,
        inputs: POINTS.iter().flat_map(|(x, _)| *x).collect(),
        targets: Targets::Values { width: 1, values: POINTS.iter().map(|(_, y)| *y).collect() },
        class_names: Vec::new(),
    });
    attach_samples(&mut sim, Samples { train: Arc::clone(&data), test: data, loss: Loss::MeanSquare, steps: 1 }).unwrap();
    rewire(&mut sim, RewiringSettings { structure, schedule: HeatSchedule::Constant(T), ..RewiringSettings::default() }).unwrap();
    sim
}

/// ln Z: four wirings, weights on a grid.
fn exact() -> f64 {
    let step = 0.02;
    let grid: Vec<f64> = (-300..=300).map(|k| f64::from(k) * step).collect();
    let slab = |w: f64| math::exp(-0.5 * w * w / 1.44) / (1.2 * (2.0 * std::f64::consts::PI).sqrt()) * step;
    let loss = |v: f64, w: f64| {
        let miss = |(x, y): &([f32; 2], f32)| f64::from(*y) - v * f64::from(x[0]) - w * f64::from(x[1]);
        POINTS.iter().map(|p| miss(p) * miss(p)).sum::<f64>()
    };
    let mut z = 0.36 * math::exp(-loss(0.0, 0.0) / T);
    for &v in &grid {
        z += 0.24 * slab(v) * (math::exp(-loss(v, 0.0) / T) + math::exp(-loss(0.0, v) / T));
        z += grid.iter().map(|&w| 0.16 * slab(v) * slab(w) * math::exp(-loss(v, w) / T)).sum::<f64>();
    }
    math::ln(z)
}

#[test]
fn a_running_network_knows_its_free_energy_and_goes_on_untouched() {
    let truth = exact();
    let (mut sim, mut twin) = (simulation(settings()), simulation(settings()));
    sim.run(3).unwrap();
    twin.run(3).unwrap();
    for (by, how) in [
        (Estimator::Ais, FreeEnergySettings { n_chains: 100, n_steps: 40, moves_per_step: 6 }),
        (Estimator::Integration, FreeEnergySettings { n_chains: 40, n_steps: 12, moves_per_step: 96 }),
    ] {
        let found = free_energy(&sim, by, &how).unwrap();
        let z = (found.ln_z - truth) * T / found.error;
        assert!(z.abs() < 4.9 && found.error < 0.1, "{by:?}: z {z}, {found:?} for ln Z {truth}");
        assert_eq!(free_energy(&sim, by, &how).unwrap(), found, "the same question, the same answer");
        // The wrong twin: a prior that is not counted.
        assert!(((found.ln_z - truth - 4.0 * math::ln(0.6)) * T / found.error).abs() > 4.9);
    }
    sim.run(3).unwrap();
    twin.run(3).unwrap();
    assert_eq!(sim.state_hash(), twin.state_hash());
}

#[test]
fn a_wiring_under_caps_or_that_stays_has_none() {
    let capped = simulation(StructureSettings { caps: Caps { synapses: Some(1), ..Caps::default() }, ..settings() });
    let error = free_energy(&capped, Estimator::Ais, &FreeEnergySettings::default()).unwrap_err();
    assert!(error.to_string().starts_with("caps"), "{error}");
    let mut still = Simulation::new(Seed(1));
    still.build(Blueprint::new().population("in", 2)).unwrap();
    assert_eq!(free_energy(&still, Estimator::Ais, &FreeEnergySettings::default()), Err(RewiringError::NotAttached));
}
