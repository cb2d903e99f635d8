//! Truncated backpropagation through time: a window's gradient is that of weights which act in the window only.

use lehr::data::{Dataset, Targets};
use lehr::engine::network::losses::{Loss, Target};
use lehr::engine::network::reverse::Learns;
use lehr::engine::network::train::Gradient;
use lehr::engine::network::{Activations, Parameters, forward_lanes};
use lehr::kernels::simd::Simd;
use lehr::plan::network::{Block, Layer, NetworkPlan, Rows, Unit};
use lehr::random::{StreamKey, SystemTag};
use lehr::units::Seed;

const STEPS: usize = 5;

/// 2 inputs, 4 tanh neurons that remember, 2 answers.
fn network() -> (NetworkPlan, Parameters) {
    let layer = |name: &str, n_neurons, is_input, is_output| Layer {
        name: name.to_owned(),
        n_neurons,
        unit: if is_output { Unit::Identity } else { Unit::Tanh },
        is_input,
        is_output,
    };
    let block = |from, to, is_delayed| Block { name: format!("{from}->{to}"), from, to, is_delayed, rows: Rows::Dense };
    let layers = vec![layer("in", 2, true, false), layer("memory", 4, false, false), layer("out", 2, false, true)];
    let plan = NetworkPlan::new(layers, vec![block(0, 1, false), block(1, 1, true), block(1, 2, false)]).unwrap();
    let mut parameters = Parameters::zeros(&plan);
    let mut stream = StreamKey::new(Seed(1), SystemTag::named("window"), 0).stream();
    for value in parameters.weights.iter_mut().chain(&mut parameters.biases[1..]).flatten() {
        *value = 0.6 * stream.gaussian() as f32;
    }
    (plan, parameters)
}

/// Three sequences of five steps.
fn samples() -> Dataset {
    let mut stream = StreamKey::new(Seed(2), SystemTag::named("window"), 0).stream();
    let inputs = (0..3 * STEPS * 2).map(|_| stream.gaussian() as f32).collect();
    let class_names = vec!["a".to_owned(), "b".to_owned()];
    Dataset { n_features: STEPS * 2, inputs, targets: Targets::Classes(vec![0, 1, 1]), class_names }
}

/// The summed loss if `early` act before the window and `late` in it.
fn loss(plan: &NetworkPlan, early: &Parameters, late: &Parameters, data: &Dataset, window: usize) -> f64 {
    let mut activations = Activations::new(plan, data.n_samples());
    for step in 0..STEPS {
        activations.load_step(plan, data, &[0, 1, 2], step);
        let parameters = if step + window < STEPS { early } else { late };
        forward_lanes(plan, &parameters.view(), &mut activations, Simd::Scalar);
    }
    let Targets::Classes(classes) = &data.targets else { panic!("classes") };
    let answer = |lane| activations.sample(2, lane).collect::<Vec<f32>>();
    classes.iter().enumerate().map(|(lane, &class)| Loss::CrossEntropy.value(&answer(lane), Target::Class(class))).sum()
}

#[test]
fn a_window_moves_the_weights_of_its_steps_and_holds_what_came_before() {
    let ((plan, parameters), data) = (network(), samples());
    let mut worst = Vec::new();
    for window in 1..=STEPS {
        let mut gradient = Gradient::new(Simd::Scalar, window, Learns::all(&plan)).at_the_end_of(STEPS);
        let mut found = Parameters::zeros(&plan);
        let total = gradient.add(&plan, &parameters.view(), Loss::CrossEntropy, &data, &[0, 1, 2], 1.0, &mut found);
        assert!((total - loss(&plan, &parameters, &parameters, &data, window)).abs() < 1e-5);
        // By weights of the window alone, and (the wrong twin) by those of all steps.
        let mut errors = [0.0_f64; 2];
        for b in 0..plan.blocks.len() {
            for w in 0..plan.n_synapses(b) {
                for (error, window) in errors.iter_mut().zip([window, STEPS]) {
                    let shifted = |by: f32| {
                        let mut late = parameters.clone();
                        late.weights[b][w] += by;
                        loss(&plan, &parameters, &late, &data, window)
                    };
                    let slope = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
                    *error = error.max((slope - f64::from(found.weights[b][w])).abs());
                }
            }
        }
        assert!(errors[0] < 2e-3, "window {window}: {errors:?}");
        worst.push(errors[1]);
    }
    assert!(worst[..STEPS - 1].iter().all(|&e| e > 1e-2), "a truncated gradient is not the whole one: {worst:?}");
}
