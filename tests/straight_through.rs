//! Clipped straight-through gradients: nothing goes back through a converter that saturates.

use lehr::data::{Dataset, Targets};
use lehr::engine::network::Parameters;
use lehr::engine::network::losses::Loss;
use lehr::engine::network::noisy::StraightThrough;
use lehr::engine::network::reverse::Learns;
use lehr::engine::network::train::{Gradient, Hardware};
use lehr::kernels::simd::Simd;
use lehr::plan::network::{Block, HardwareProfile, InputRange, Layer, NetworkPlan, OutputRange, Rounding, Rows, Unit};
use lehr::random::{StreamKey, SystemTag};
use lehr::units::Seed;

/// 1 input, 2 hidden neurons with weights `first` and `second`, 1 answer that adds them up.
fn network(first: f32, second: f32) -> (NetworkPlan, Parameters) {
    let layer =
        |name: &str, n_neurons, is_input, is_output| Layer { name: name.to_owned(), n_neurons, unit: Unit::Identity, is_input, is_output };
    let block = |from, to| Block { name: format!("{from}->{to}"), from, to, is_delayed: false, rows: Rows::Dense };
    let layers = vec![layer("in", 1, true, false), layer("hidden", 2, false, false), layer("out", 1, false, true)];
    let plan = NetworkPlan::new(layers, vec![block(0, 1), block(1, 2)]).unwrap();
    let mut parameters = Parameters::zeros(&plan);
    parameters.weights = vec![vec![first, second], vec![1.0, 1.0]];
    (plan, parameters)
}

/// Gradients by the weights onto the hidden neurons and onto the answer, of one sample with input 1 and target 0.
fn gradients(second: f32, profile: &HardwareProfile, how: StraightThrough) -> (Vec<f32>, Vec<f32>) {
    gradients_of(1.0, second, profile, how)
}

fn gradients_of(first: f32, second: f32, profile: &HardwareProfile, how: StraightThrough) -> (Vec<f32>, Vec<f32>) {
    let (plan, parameters) = network(first, second);
    let targets = Targets::Values { width: 1, values: vec![0.0] };
    let data = Dataset { n_features: 1, inputs: vec![1.0], targets, class_names: Vec::new() };
    let mut by_backend = Vec::new();
    for simd in Simd::available() {
        let mut gradient = Gradient::new(simd, 1, Learns::all(&plan));
        let key = StreamKey::new(Seed(1), SystemTag::named("straight through"), 0);
        gradient.set_hardware(Some(Hardware { profile: profile.clone(), key, straight_through: how }));
        let mut found = Parameters::zeros(&plan);
        gradient.add(&plan, &parameters.view(), Loss::MeanSquare, &data, &[0], 1.0, &mut found);
        by_backend.push((found.weights[0].clone(), found.weights[1].clone()));
    }
    assert!(by_backend.iter().all(|g| *g == by_backend[0]), "{by_backend:?}");
    by_backend.swap_remove(0)
}

/// Output converters of 8 bits up to 4 in both roundings, which run in vectors and by the law.
fn output_profiles() -> [HardwareProfile; 2] {
    let mut profile = HardwareProfile { name: "outputs".to_owned(), ..HardwareProfile::default() };
    (profile.output.bits, profile.output.range) = (Some(8), OutputRange::Fixed(4.0));
    let mut stochastic = profile.clone();
    stochastic.output.rounding = Rounding::Stochastic;
    [profile, stochastic]
}

#[test]
fn a_saturated_output_stops_its_gradient_and_no_other() {
    for profile in output_profiles() {
        // Inside of the converters: hidden neurons of 1 and 2.5, an answer of 3.5.
        let inside = gradients(2.5, &profile, StraightThrough::Clipped);
        assert_eq!(inside, gradients(2.5, &profile, StraightThrough::Plain));
        assert!(inside.0.iter().all(|&g| g > 0.0), "{inside:?}");
        // The second one, -9, is converted to -4, so that the answer is -3.
        let plain = gradients(-9.0, &profile, StraightThrough::Plain);
        let clipped = gradients(-9.0, &profile, StraightThrough::Clipped);
        assert!(plain.0[0] != 0.0 && plain.0[1] != 0.0, "{plain:?}");
        assert_eq!((clipped.0[0], clipped.0[1], &clipped.1), (plain.0[0], 0.0, &plain.1));
    }
}

#[test]
fn a_saturated_input_stops_what_goes_back_through_it() {
    let mut profile = HardwareProfile { name: "inputs".to_owned(), ..HardwareProfile::default() };
    (profile.input.bits, profile.input.range) = (Some(8), InputRange::Fixed(4.0));
    let plain = gradients(9.0, &profile, StraightThrough::Plain);
    let clipped = gradients(9.0, &profile, StraightThrough::Clipped);
    // The second hidden neuron is read as 4: its weight onto the answer learns, and what drives it does not.
    assert!(plain.0.iter().chain(&plain.1).all(|&g| g > 0.0), "{plain:?}");
    assert_eq!((clipped.0[0], clipped.0[1], &clipped.1), (plain.0[0], 0.0, &plain.1));
    assert_eq!(gradients(3.0, &profile, StraightThrough::Plain), gradients(3.0, &profile, StraightThrough::Clipped));
}

#[test]
fn what_rounds_to_the_last_code_is_not_beyond_the_converter() {
    // Steps of 4/127: the last code takes up to 4.0157. The other neuron is small, so that the answer lies inside as well.
    let mut profile = output_profiles()[0].clone();
    profile.output.range = OutputRange::Fixed(4.0);
    let by_second = |second: f32| gradients_of(-1.0, second, &profile, StraightThrough::Clipped).0[1];
    assert!(by_second(4.01) != 0.0);
    assert_eq!(by_second(4.02), 0.0);
}
