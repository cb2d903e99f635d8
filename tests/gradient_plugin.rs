//! Learning by gradient in a world: it learns, resumes bit for bit, and its moments follow births and deaths.

use std::sync::Arc;

use lehr::components::{FirstMoment, Metrics, SecondMoment};
use lehr::data::{Dataset, Targets};
use lehr::engine::network::Loss;
use lehr::engine::network::optimisers::{Clip, Course, Optimiser, WeightDecay};
use lehr::network::{NetworkSettings, Samples, TrainError, TrainGradient, attach, attach_samples, train_gradient};
use lehr::plan::network::Unit;
use lehr::plan::network::hardware::{HardwareProfile, OutputRange};
use lehr::prelude::*;
use lehr::random::{StreamKey, SystemTag};

/// 2 - 9 - 2 with random weights.
fn blueprint() -> Blueprint {
    let mut random = StreamKey::new(Seed(1), SystemTag::named("plugin test"), 0).stream();
    let mut full = |n_sources: u32, n_targets: u32| -> Vec<(u32, u32, f32)> {
        (0..n_sources * n_targets).map(|k| (k % n_sources, k / n_sources, random.gaussian() as f32)).collect()
    };
    let (first, second) = (full(2, 9), full(9, 2));
    Blueprint::new()
        .population("in", 2)
        .population("hidden", 9)
        .population("out", 2)
        .projection("in", "hidden", first)
        .projection("hidden", "out", second)
}

/// Is x y above 0?
fn samples() -> Samples {
    let mut random = StreamKey::new(Seed(2), SystemTag::named("plugin test"), 0).stream();
    let inputs: Vec<f32> = (0..200).map(|_| random.gaussian() as f32).collect();
    let classes = inputs.chunks(2).map(|x| u32::from(x[0] * x[1] > 0.0)).collect();
    let names = vec!["minus".to_owned(), "plus".to_owned()];
    let train = Arc::new(Dataset { n_features: 2, inputs, targets: Targets::Classes(classes), class_names: names });
    Samples { test: Arc::new(train.select(&[])), train, loss: Loss::CrossEntropy, steps: 1 }
}

fn settings() -> TrainGradient {
    TrainGradient { course: Course::constant(0.02), batch: 32, ..TrainGradient::default() }
}

fn learning(settings: TrainGradient) -> Simulation {
    let mut sim = Simulation::new(Seed(3));
    settings.columns(&mut sim);
    sim.build(blueprint()).unwrap();
    attach(&mut sim, NetworkSettings::new().input("in").hidden("hidden", Unit::Tanh).output("out", Unit::Identity)).unwrap();
    attach_samples(&mut sim, samples()).unwrap();
    train_gradient(&mut sim, settings).unwrap();
    sim
}

fn loss(sim: &Simulation) -> f64 {
    sim.world().resource::<EnergyLedger>().get("loss").unwrap()
}

#[test]
fn an_epoch_a_step_lowers_the_loss_and_reports_itself() {
    let mut sim = learning(TrainGradient { decay: WeightDecay::Decoupled(0.01), ..settings() });
    sim.step().unwrap();
    let at_first = loss(&sim);
    sim.run(60).unwrap();
    assert!(loss(&sim) < 0.5 * at_first, "{} after {at_first}", loss(&sim));
    let metrics = sim.world().resource::<Metrics>();
    assert_eq!(metrics.get("rate"), Some(0.02));
    assert!(metrics.get("gradient_norm").unwrap() > 0.0);
    let squares: f64 = ["in->hidden", "hidden->out"]
        .iter()
        .flat_map(|p| sim.synapses::<Weight>(p).unwrap())
        .map(|w| f64::from(w.0) * f64::from(w.0))
        .sum();
    let of_biases: f64 =
        ["hidden", "out"].iter().flat_map(|p| sim.neurons::<Bias>(p).unwrap()).map(|b| f64::from(b.0) * f64::from(b.0)).sum();
    let decay = sim.world().resource::<EnergyLedger>().get("decay").unwrap();
    assert!((decay / (0.5 * f64::from(0.01_f32) * 100.0 * (squares + of_biases)) - 1.0).abs() < 1e-9);
}

#[test]
fn a_resumed_run_has_the_bits_of_the_whole_one() {
    let mut profile = HardwareProfile { name: "noisy".to_owned(), ..HardwareProfile::default() };
    profile.weights.bits = Some(4);
    profile.output.bits = Some(6);
    profile.output.range = OutputRange::Sigmas(4.0);
    profile.output_noise = lehr::plan::network::Noise::Gaussian { sigma: 0.1 };
    for optimiser in [Optimiser::SGD, Optimiser::Sgd { momentum: 0.9, nesterov: true }, Optimiser::ADAM_W, Optimiser::ADA_GRAD] {
        let how =
            TrainGradient { optimiser, updates_per_step: Some(3), clip: Clip::Norm(1.0), hardware: Some(profile.clone()), ..settings() };
        let mut whole = learning(how.clone());
        whole.run(4).unwrap();
        let snapshot = whole.save().unwrap();
        whole.run(5).unwrap();
        let mut resumed = learning(how);
        resumed.load(&snapshot).unwrap();
        resumed.run(5).unwrap();
        assert_eq!(resumed.state_hash(), whole.state_hash(), "{optimiser:?}");
    }
}

#[test]
fn moments_follow_a_death_and_learning_goes_on() {
    let mut sim = learning(settings());
    sim.run(3).unwrap();
    let moments = |sim: &Simulation| {
        let first: Vec<u32> = sim.synapses::<FirstMoment>("hidden->out").unwrap().iter().map(|m| m.0.to_bits()).collect();
        let second: Vec<u32> = sim.synapses::<SecondMoment>("hidden->out").unwrap().iter().map(|m| m.0.to_bits()).collect();
        (first, second)
    };
    let (mut first, mut second) = moments(&sim);
    assert!(first.iter().chain(&second).all(|&m| m != 0));
    fn lose_one(deaths: Res<Deaths>, fabric: Res<Fabric>) {
        if fabric.projection(ProjectionIdx(1)).n_synapses() == 18 {
            deaths.synapse(ProjectionIdx(1), 4);
        }
    }
    // After the last update of this step, so that what remains has not moved since.
    sim.add_systems(Phase::Edit, lose_one);
    sim.step_paused().unwrap();
    first.remove(4);
    second.remove(4);
    assert_eq!(moments(&sim), (first, second));
    let before = loss(&sim);
    sim.run(40).unwrap();
    assert!(loss(&sim) < before);
}

#[test]
fn what_is_frozen_stays_and_what_is_due_runs() {
    let how = TrainGradient { frozen: vec!["in->hidden".to_owned(), "out".to_owned()], from: 2, until: Some(3), ..settings() };
    let mut sim = learning(how);
    let weights = |sim: &Simulation, name: &str| sim.synapses::<Weight>(name).unwrap().to_vec();
    let (frozen, free) = (weights(&sim, "in->hidden"), weights(&sim, "hidden->out"));
    sim.run(2).unwrap();
    assert_eq!(weights(&sim, "hidden->out"), free);
    sim.run(1).unwrap();
    let moved = weights(&sim, "hidden->out");
    assert_ne!(moved, free);
    assert_eq!(weights(&sim, "in->hidden"), frozen);
    assert!(sim.neurons::<Bias>("out").unwrap().iter().all(|b| b.0 == 0.0));
    assert!(sim.neurons::<Bias>("hidden").unwrap().iter().all(|b| b.0 != 0.0));
    sim.run(2).unwrap();
    assert_eq!(weights(&sim, "hidden->out"), moved);
}

#[test]
fn learning_that_explodes_stops_with_its_step_rate_and_way_out() {
    let fails = |rate: f64, unit: Unit| {
        let how = TrainGradient { optimiser: Optimiser::SGD, course: Course::constant(rate), ..settings() };
        let mut sim = Simulation::new(Seed(3));
        how.columns(&mut sim);
        sim.build(blueprint()).unwrap();
        attach(&mut sim, NetworkSettings::new().input("in").hidden("hidden", unit).output("out", Unit::Identity)).unwrap();
        attach_samples(&mut sim, samples()).unwrap();
        train_gradient(&mut sim, how).unwrap();
        sim.run(40).err().map(|error| error.to_string())
    };
    // Losses that stay finite, and such that do not.
    for (rate, unit, what) in [(1e5, Unit::Tanh, "the mean loss of its batch is"), (1e30, Unit::Relu, "of its batch is")] {
        let message = fails(rate, unit).expect("it diverges");
        assert!(message.starts_with("step 0, ") && message.contains("TrainGradient diverges at update"), "{message}");
        assert!(message.contains(what) && message.contains("lower `rate`") && message.contains("clip: Norm(1)"), "{message}");
    }
    assert_eq!(fails(0.5, Unit::Tanh), None);
}

#[test]
fn what_cannot_learn_is_refused_with_a_way_out() {
    let mut sim = Simulation::new(Seed(3));
    assert_eq!(train_gradient(&mut sim, settings()), Err(TrainError::NotAttached));
    sim.build(blueprint()).unwrap();
    attach(&mut sim, NetworkSettings::new().input("in").hidden("hidden", Unit::Tanh).output("out", Unit::Identity)).unwrap();
    attach_samples(&mut sim, samples()).unwrap();
    assert_eq!(train_gradient(&mut sim, settings()), Err(TrainError::NoColumns));
    let unknown = train_gradient(&mut sim, TrainGradient { frozen: vec!["hiden".to_owned()], ..settings() }).unwrap_err();
    assert!(unknown.to_string().contains("did you mean \"hidden\"?"), "{unknown}");
    let bad = TrainGradient { batch: 0, course: Course::constant(0.0), ..settings() };
    assert_eq!(
        train_gradient(&mut sim, bad).unwrap_err().to_string(),
        "rate is 0: it must be finite and above 0; batch is 0: it must be 1 or more"
    );
}
