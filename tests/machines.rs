//! Spins of a world that learn: as a Boltzmann machine of any wiring, and by equilibrium propagation.

use std::sync::Arc;

use lehr::components::{Metrics, Weight};
use lehr::data::{Dataset, Targets, bars_and_stripes};
use lehr::engine::boltzmann::{Negative, Positive, TrainSettings};
use lehr::engine::network::optimisers::Course;
use lehr::simulation::Simulation;
use lehr::thermo::{
    EquilibriumPropagation, LearningPace, MachineError, MachineSamples, SpinValues, TrainBoltzmann, propagate_equilibrium, train_boltzmann,
};
use lehr::topology::{Blueprint, Edge, ProjectionSpec};
use lehr::units::Seed;

fn edges(n_from: u32, n_to: u32, every: u32) -> Vec<Edge> {
    let all = (0..n_to).flat_map(|target| (0..n_from).map(move |source| (source, target)));
    // Small weights that differ: at 0 all hidden units would be alike, and none could learn.
    let weight = |s: u32, t: u32| ((s * 7 + t * 5) % 11) as f32 / 50.0 - 0.1;
    all.filter(|(s, t)| (s + t) % every == 0).map(|(source, target)| Edge { source, target, weight: weight(source, target) }).collect()
}

/// Nine visible and six hidden units; every second pair joined, visible units with each other too.
fn sparse_world() -> Simulation {
    let mut sim = Simulation::new(Seed(2));
    let lateral: Vec<Edge> = (1..9).map(|target| Edge { source: target - 1, target, weight: 0.0 }).collect();
    let blueprint = Blueprint::new()
        .population("pixels", 9)
        .population("hidden", 6)
        .with_projection(ProjectionSpec::symmetric_between("pixels", "hidden", edges(9, 6, 2)))
        .with_projection(ProjectionSpec::symmetric("pixels", lateral));
    sim.build(blueprint).expect("a small network");
    sim
}

fn bars() -> MachineSamples {
    let pictures = Arc::new(bars_and_stripes(3));
    MachineSamples { train: Arc::clone(&pictures), test: pictures }
}

fn settings() -> TrainBoltzmann {
    let rule = TrainSettings {
        negative: Negative::Persistent { sweeps: 2, particles: 64 },
        positive: Positive::MeanField(5),
        course: Course::constant(0.1),
        ..TrainSettings::default()
    };
    let pace = LearningPace { batch: 14, updates_per_step: Some(100), ..LearningPace::default() };
    TrainBoltzmann { rule, pace, ..TrainBoltzmann::of("pixels") }
}

#[test]
fn a_sparse_machine_with_lateral_synapses_learns_its_data() {
    let mut sim = sparse_world();
    train_boltzmann(&mut sim, settings(), bars()).expect("a machine");
    sim.step().expect("a step");
    let gap = |sim: &Simulation| sim.world().resource::<Metrics>().get("pseudo_likelihood").expect("a restricted machine");
    let first = gap(&sim);
    sim.run(8).expect("steps");
    assert!(gap(&sim) > first + 0.5, "pseudo-likelihood {first} to {}", gap(&sim));
    for name in ["pixels->hidden", "pixels->pixels"] {
        let weights = sim.synapses::<Weight>(name).expect("its weights");
        assert!(weights.iter().filter(|w| w.0.abs() > 0.05).count() > weights.len() / 2, "{name}: {weights:?}");
    }
    assert_eq!(sim.synapses::<Weight>("pixels->hidden").expect("weights").len(), 27, "no synapse came");
}

#[test]
fn what_is_no_machine_is_refused_with_the_reason() {
    let refuse = |sim: &mut Simulation, settings: TrainBoltzmann, samples: MachineSamples| {
        train_boltzmann(sim, settings, samples).expect_err("refused").to_string()
    };
    let named = |name: &str| TrainBoltzmann { visible: vec![name.to_owned()], ..settings() };
    assert!(refuse(&mut sparse_world(), named("pixel"), bars()).contains("did you mean \"pixels\""));
    assert!(refuse(&mut sparse_world(), named("hidden"), bars()).contains("9 features"));
    let grey = Dataset { n_features: 9, inputs: vec![16.0; 9], targets: Targets::Classes(vec![0]), class_names: vec!["a".to_owned()] };
    let samples = MachineSamples { train: Arc::new(grey), test: bars().test };
    let message = refuse(&mut sparse_world(), settings(), samples);
    assert!(message.contains("feature 0 of sample 0 is 16"), "{message}");
    let mut directed = Simulation::new(Seed(0));
    let blueprint = Blueprint::new().population("pixels", 9).population("hidden", 1).projection("pixels", "hidden", [(0, 0, 1.0)]);
    directed.build(blueprint).expect("a small network");
    assert_eq!(train_boltzmann(&mut directed, settings(), bars()), Err(MachineError::Directed("pixels->hidden".to_owned())));
    let wild = TrainBoltzmann { rule: TrainSettings { course: Course::constant(1e38), ..settings().rule }, ..settings() };
    let mut sim = sparse_world();
    train_boltzmann(&mut sim, wild, bars()).expect("a machine");
    let error = (0..50).find_map(|_| sim.step().err()).expect("it diverges").to_string();
    assert!(error.contains("not finite"), "{error}");
}

#[test]
fn exclusive_or_is_learned_by_equilibrium_propagation_in_a_world() {
    let inputs = vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
    let targets = Targets::Classes(vec![0, 1, 1, 0]);
    let table = Arc::new(Dataset { n_features: 2, inputs, targets, class_names: vec!["same".to_owned(), "different".to_owned()] });
    let mut sim = Simulation::new(Seed(1));
    let between = |from: u32, to: u32| -> Vec<Edge> {
        let weight = |s: u32, t: u32| ((s * 7 + t * 5 + 3) % 11) as f32 / 5.5 - 1.0;
        edges(from, to, 1).into_iter().map(|e| Edge { weight: 2.0 * weight(e.source, e.target), ..e }).collect()
    };
    let blueprint = Blueprint::new()
        .population("in", 2)
        .population("hidden", 12)
        .population("out", 2)
        .with_projection(ProjectionSpec::symmetric_between("in", "hidden", between(2, 12)))
        .with_projection(ProjectionSpec::symmetric_between("hidden", "out", between(12, 2)));
    sim.build(blueprint).expect("a small network");
    let settings = EquilibriumPropagation {
        pace: LearningPace { batch: 4, updates_per_step: Some(100), ..LearningPace::default() },
        input: "in".to_owned(),
        output: "out".to_owned(),
        values: SpinValues::ZeroOne,
        rule: lehr::engine::boltzmann::PropagationSettings { course: Course::constant(2.0), momentum: 0.5, ..Default::default() },
    };
    propagate_equilibrium(&mut sim, settings, MachineSamples { train: Arc::clone(&table), test: table }).expect("a network");
    sim.run(15).expect("steps");
    let metrics = sim.world().resource::<Metrics>();
    assert_eq!(metrics.get("train_accuracy"), Some(1.0), "loss {:?}", metrics.get("train_loss"));
}
