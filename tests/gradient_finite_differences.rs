//! Gradients against central differences in f64: every unit, loss and class of topology, with planted errors that must show.

#[path = "gradient/networks.rs"]
mod networks;
#[path = "gradient/oracle.rs"]
mod oracle;

use lehr::data::Dataset;
use lehr::engine::network::reverse::Learns;
use lehr::engine::network::train::{Gradient, gradient_of_sum};
use lehr::engine::network::{Loss, Parameters};
use lehr::kernels::simd::Simd;
use lehr::plan::network::{Gate, Lif, NetworkPlan, Unit};
use networks::{delayed, dense, layer, numbers, samples, stream, topologies};
use oracle::{differences, error};

const LOSSES: [Loss; 4] = [Loss::MeanSquare, Loss::CrossEntropy, Loss::BinaryCrossEntropy, Loss::Hinge];
/// Largest error of an f32 gradient, in units of its largest component.
const TOLERANCE: f64 = 2e-5;

/// 3 - 5 - 2 with `unit` in the middle.
fn three_layers(unit: Unit) -> NetworkPlan {
    let layers = vec![layer("i", 3, Unit::Identity), layer("h", 5, unit), layer("o", 2, Unit::Identity)];
    NetworkPlan::new(layers, vec![dense(0, 1), dense(1, 2)]).unwrap()
}

fn gradient(plan: &NetworkPlan, parameters: &Parameters, loss: Loss, data: &Dataset, window: usize) -> Parameters {
    let mut found = Parameters::zeros(plan);
    let all: Vec<u32> = (0..data.n_samples() as u32).collect();
    Gradient::new(Simd::best(), window, Learns::all(plan)).add(plan, &parameters.view(), loss, data, &all, 1.0, &mut found);
    found
}

fn check(what: &str, plan: &NetworkPlan, loss: Loss, data: &Dataset, window: usize, seed: u64) {
    let parameters = numbers(plan, 0.6, &mut stream(seed));
    let mut found = gradient(plan, &parameters, loss, data, window);
    let exact = differences(plan, &parameters, loss, data, window);
    let off = error(&found, &exact);
    assert!(off < TOLERANCE, "{what}, {loss:?}: off by {off}");
    found.weights.iter_mut().chain(&mut found.biases).flatten().for_each(|g| *g *= 1.001);
    assert!(error(&found, &exact) > TOLERANCE, "{what}, {loss:?}: a gradient that is 0.1 % too large passes");
}

#[test]
fn every_unit_and_every_loss_has_the_slope_of_its_value() {
    for unit in Unit::ALL.into_iter().filter(|unit| !unit.is_gate()) {
        for loss in LOSSES {
            for are_values in [false, true] {
                if are_values && loss == Loss::CrossEntropy {
                    continue;
                }
                let data = samples(6, 3, 2, are_values, &mut stream(11));
                check(&format!("{unit:?}"), &three_layers(unit), loss, &data, 1, 3);
            }
        }
    }
}

#[test]
fn every_class_of_topology_sends_its_gradients_back() {
    for unit in [Unit::Tanh, Unit::Sign] {
        for (name, plan, window) in topologies(unit) {
            check(name, &plan, Loss::CrossEntropy, &samples(5, 4, 3, false, &mut stream(5)), window, 17);
        }
    }
}

#[test]
fn a_window_sees_a_sequence_step_by_step_and_a_shorter_one_has_another_gradient() {
    let (_, plan, window) = topologies(Unit::Tanh).pop().unwrap();
    let data = samples(5, 4 * window, 3, false, &mut stream(6));
    check("sequence", &plan, Loss::CrossEntropy, &data, window, 17);
    let held = samples(5, 4, 3, false, &mut stream(6));
    let parameters = numbers(&plan, 0.6, &mut stream(17));
    let exact = differences(&plan, &parameters, Loss::CrossEntropy, &held, window);
    let truncated = gradient(&plan, &parameters, Loss::CrossEntropy, &held, window - 1);
    assert!(error(&truncated, &exact) > 1e-3, "a window that is one step short passes");
}

#[test]
fn potentials_carry_gradients_through_ticks_and_steps() {
    let lif = Unit::Lif(Lif { leak: 0.9, threshold: 0.5, ticks: 3 });
    let layers = vec![layer("i", 3, Unit::Identity), layer("h", 6, lif), layer("o", 2, Unit::Identity)];
    let plan = NetworkPlan::new(layers, vec![dense(0, 1), delayed(dense(1, 1)), dense(1, 2)]).unwrap();
    let data = samples(5, 3, 2, false, &mut stream(8));
    check("lif", &plan, Loss::CrossEntropy, &data, 4, 19);
}

#[test]
fn a_gate_sends_nothing_back_but_what_follows_it_learns() {
    let layers =
        vec![layer("i", 3, Unit::Identity), layer("h", 4, Unit::Tanh), layer("g", 5, Unit::Gate(Gate::Xor)), layer("o", 2, Unit::Identity)];
    let plan = NetworkPlan::new(layers, vec![dense(0, 1), dense(1, 2), dense(2, 3), dense(1, 3)]).unwrap();
    check("gate", &plan, Loss::MeanSquare, &samples(6, 3, 2, true, &mut stream(2)), 1, 23);
    let parameters = numbers(&plan, 0.6, &mut stream(23));
    let found = gradient(&plan, &parameters, Loss::MeanSquare, &samples(6, 3, 2, true, &mut stream(2)), 1);
    assert!(found.weights[1].iter().chain(&found.biases[2]).all(|&g| g == 0.0));
}

#[test]
fn the_sum_for_langevin_is_the_gradient_of_all_samples() {
    let plan = three_layers(Unit::Tanh);
    let data = samples(600, 3, 2, false, &mut stream(9));
    let parameters = numbers(&plan, 0.6, &mut stream(3));
    let all: Vec<u32> = (0..600).collect();
    // What was in the buffer does not count.
    let mut found = numbers(&plan, 5.0, &mut stream(1));
    let total = gradient_of_sum(&plan, &parameters.view(), Loss::CrossEntropy, &data, &all, Simd::best(), &mut found);
    assert!(total > 0.0);
    assert_eq!(found, gradient(&plan, &parameters, Loss::CrossEntropy, &data, 1));
}
