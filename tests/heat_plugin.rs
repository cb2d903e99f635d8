//! Learning by heat in a world: windows, the ledger, resuming, and every unit that has no slope.

use std::sync::Arc;

use lehr::data::{Dataset, Targets};
use lehr::engine::methods::schedule::TemperatureRange;
use lehr::engine::network::Loss;
use lehr::engine::network::heat::{Adaptation, HeatBatch, HeatMethod, HeatSchedule, HeatSettings};
use lehr::network::heat::{self, WeightHeatError};
use lehr::network::{CompiledNetwork, NetworkSettings, Samples, attach, attach_samples, measures};
use lehr::plan::network::{Gate, Lif, Unit};
use lehr::prelude::*;

fn full(n_sources: u32, n_targets: u32) -> Vec<(u32, u32, f32)> {
    (0..n_sources * n_targets).map(|k| (k % n_sources, k / n_sources, 0.1 * (k % 5) as f32 - 0.2)).collect()
}

/// The exclusive or.
fn samples() -> Samples {
    let data = Arc::new(Dataset {
        n_features: 2,
        inputs: vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0],
        targets: Targets::Values { width: 1, values: vec![0.0, 1.0, 1.0, 0.0] },
        class_names: Vec::new(),
    });
    Samples { train: Arc::clone(&data), test: data, loss: Loss::BinaryCrossEntropy, steps: 1 }
}

fn network(unit: Unit) -> Simulation {
    let mut sim = Simulation::new(Seed(3));
    heat::columns(&mut sim);
    let blueprint = Blueprint::new()
        .population("in", 2)
        .population("hidden", 4)
        .population("out", 1)
        .projection("in", "hidden", full(2, 4))
        .projection("hidden", "out", full(4, 1));
    sim.build(blueprint).unwrap();
    attach(&mut sim, NetworkSettings::new().input("in").hidden("hidden", unit).output("out", Unit::Identity)).unwrap();
    attach_samples(&mut sim, samples()).unwrap();
    sim
}

fn settings() -> HeatSettings {
    HeatSettings {
        schedule: HeatSchedule::Geometric(TemperatureRange { hot: 1.0, cold: 0.01 }),
        lambda: 0.01,
        proposals_per_step: 400,
        n_steps: 60,
        ..HeatSettings::default()
    }
}

fn value(sim: &Simulation, name: &str) -> f64 {
    measures(sim.world()).into_iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no {name}")).1
}

#[test]
fn units_without_slopes_learn_as_smooth_ones_do() {
    for unit in [Unit::Tanh, Unit::Step, Unit::Sign, Unit::Gate(Gate::And), Unit::Gate(Gate::Or), Unit::Lif(Lif::default())] {
        let mut sim = network(unit);
        heat::attach(&mut sim, settings()).unwrap();
        sim.run(60).unwrap();
        let loss = value(&sim, "train_loss");
        assert!(loss < 0.15, "{unit:?} ends at a mean loss of {loss}");
        let ledger = sim.world().resource::<EnergyLedger>();
        assert!((ledger.get("loss").unwrap() - 4.0 * loss).abs() < 1e-4, "{unit:?}: {:?} for {loss}", ledger.get("loss"));
        let square = |w: f32| 0.005 * f64::from(w) * f64::from(w);
        let weights: f64 = ["in->hidden", "hidden->out"].iter().flat_map(|p| sim.synapses::<Weight>(p).unwrap()).map(|w| square(w.0)).sum();
        let biases: f64 = ["hidden", "out"].iter().flat_map(|p| sim.neurons::<Bias>(p).unwrap()).map(|b| square(b.0)).sum();
        assert!((ledger.get("prior").unwrap() - weights - biases).abs() < 1e-9);
        let metrics = sim.world().resource::<Metrics>();
        assert_eq!(metrics.get("proposals"), Some(24_000.0));
        assert!((metrics.get("temperature").unwrap() - 0.01).abs() < 1e-12 && metrics.get("acceptance").is_some());
    }
}

#[test]
fn windows_of_two_methods_follow_each_other_and_go_on_from_a_checkpoint() {
    let make = || {
        let mut sim = network(Unit::Tanh);
        heat::attach(&mut sim, HeatSettings { n_steps: 10, ..settings() }).unwrap();
        let langevin = HeatSettings {
            method: HeatMethod::Mala { rate: 1e-3 },
            schedule: HeatSchedule::Constant(0.01),
            proposals_per_step: 5,
            initial_sd: None,
            from: 10,
            n_steps: 6,
            ..settings()
        };
        heat::attach(&mut sim, langevin.clone()).unwrap();
        heat::attach(&mut sim, HeatSettings { method: HeatMethod::Sgld { rate: 1e-3, batch: 2 }, from: 16, n_steps: 4, ..langevin })
            .unwrap();
        let barker = HeatSettings { batch: HeatBatch::Barker(2), initial_sd: None, from: 20, n_steps: 4, ..settings() };
        heat::attach(&mut sim, barker).unwrap();
        sim
    };
    let mut whole = make();
    for resumes_at in [4, 12, 18, 22] {
        whole.run(resumes_at - whole.step_count()).unwrap();
        let snapshot = whole.save().unwrap();
        let mut resumed = make();
        resumed.load(&snapshot).unwrap();
        let mut other = make();
        other.load(&snapshot).unwrap();
        other.run(2).unwrap();
        resumed.run(2).unwrap();
        whole.run(2).unwrap();
        assert_eq!(resumed.state_hash(), whole.state_hash(), "after step {resumes_at}");
        assert_eq!(other.state_hash(), whole.state_hash());
    }
    // Outside of all windows nothing moves.
    let before: Vec<Weight> = whole.synapses::<Weight>("in->hidden").unwrap().to_vec();
    whole.run(3).unwrap();
    assert_eq!(whole.synapses::<Weight>("in->hidden").unwrap(), before);
}

#[test]
fn sizes_adapt_in_their_share_of_the_window_and_are_frozen_after_it() {
    let mut sim = network(Unit::Tanh);
    let adaptation = Adaptation { share: 0.5, ..Adaptation::default() };
    heat::attach(&mut sim, HeatSettings { adaptation, n_steps: 11, ..settings() }).unwrap();
    let sizes =
        |sim: &Simulation| -> Vec<f32> { sim.synapses::<heat::WeightProposalSize>("in->hidden").unwrap().iter().map(|s| s.0).collect() };
    let mut seen = vec![sizes(&sim)];
    for _ in 0..11 {
        sim.step().unwrap();
        seen.push(sizes(&sim));
    }
    assert!(seen[..5].windows(2).all(|w| w[0] != w[1]), "sizes stand still in the burn-in");
    assert!(seen[6..].windows(2).all(|w| w[0] == w[1]), "sizes move after the burn-in");
}

#[test]
fn weights_beyond_the_bound_are_set_to_it_before_they_are_sampled() {
    for method in [HeatMethod::Metropolis, HeatMethod::Mala { rate: 1e-4 }] {
        let mut sim = network(Unit::Tanh);
        let schedule = HeatSchedule::Constant(1.0);
        heat::attach(&mut sim, HeatSettings { method, schedule, bound: 0.15, initial_sd: None, proposals_per_step: 500, ..settings() })
            .unwrap();
        sim.run(3).unwrap();
        let weights = sim.synapses::<Weight>("in->hidden").unwrap();
        assert!(weights.iter().all(|w| w.0.abs() <= 0.15), "{method:?}: {weights:?}");
        let acceptance = sim.world().resource::<Metrics>().get("acceptance").unwrap();
        assert!(acceptance > 0.0, "{method:?}: {acceptance}");
    }
}

#[test]
fn a_loaded_network_answers_before_it_steps() {
    let mut sim = network(Unit::Tanh);
    heat::attach(&mut sim, settings()).unwrap();
    sim.run(5).unwrap();
    let mut other = network(Unit::Tanh);
    heat::attach(&mut other, settings()).unwrap();
    other.load(&sim.save().unwrap()).unwrap();
    assert_eq!(measures(other.world()), measures(sim.world()));
    let frozen = other.world().resource::<CompiledNetwork>().freeze(other.world());
    assert_eq!(frozen.parameters().weights[0].len(), 8);
}

#[test]
fn what_does_not_fit_is_an_error_before_the_first_step() {
    let mut sim = network(Unit::Tanh);
    let bad = HeatSettings { lambda: f64::NAN, ..settings() };
    assert!(matches!(heat::attach(&mut sim, bad), Err(WeightHeatError::Settings(_))));
    let mut empty = Simulation::new(Seed(1));
    empty.build(Blueprint::new().population("in", 1)).unwrap();
    assert_eq!(heat::attach(&mut empty, settings()), Err(WeightHeatError::NotAttached));
}

#[test]
fn heat_moves_weights_of_recurrent_projections() {
    let mut recurrent = Simulation::new(Seed(1));
    heat::columns(&mut recurrent);
    let blueprint =
        Blueprint::new().population("in", 2).population("out", 1).projection("in", "out", full(2, 1)).projection("out", "out", full(1, 1));
    recurrent.build(blueprint).unwrap();
    attach(&mut recurrent, NetworkSettings::new().input("in").output("out", Unit::Tanh).recurrent("out->out")).unwrap();
    attach_samples(&mut recurrent, samples()).unwrap();
    let weights = |sim: &Simulation| sim.synapses::<lehr::components::Weight>("out->out").unwrap().to_vec();
    let before = weights(&recurrent);
    heat::attach(&mut recurrent, settings()).unwrap();
    recurrent.run(2).unwrap();
    assert_ne!(weights(&recurrent), before);
}
