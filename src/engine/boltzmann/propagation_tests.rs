//! Directions of equilibrium propagation against slopes of the settled cost, computed in f64 by a solver of its own.

use super::gradient::Gradient;
use super::machine::{Machine, Shape, UnitValues};
use super::propagation::{Propagation, PropagationSettings};
use crate::engine::network::optimisers::Course;
use crate::kernels::simd::Simd;
use crate::math;
use crate::random::{StreamKey, SystemTag};
use crate::units::Seed;

const SIZES: [usize; 3] = [4, 5, 2];

fn machine(values: UnitValues) -> Machine {
    let mut machine = Machine::zeroed(Shape::deep(&SIZES, values));
    let mut stream = StreamKey::new(Seed(2), SystemTag::named("propagation tests"), 0).stream();
    for row in machine.weights.iter_mut().chain(&mut machine.biases) {
        row.iter_mut().for_each(|w| *w = (0.4 * stream.gaussian()) as f32);
    }
    machine
}

/// The cost of the settled state of a chain of three layers, by 300 iterations in f64 over weights and biases (by layer).
fn settled_cost(values: UnitValues, weights: &[Vec<f64>], biases: &[Vec<f64>], sample: &[f64], target: &[f64]) -> f64 {
    let low = f64::from(values.low());
    let mean = |z: f64| low + (1.0 - low) * math::sigmoid((1.0 - low) * z);
    let (mut hidden, mut out) = (vec![0.5 * (1.0 + low); SIZES[1]], vec![0.5 * (1.0 + low); SIZES[2]]);
    for _ in 0..300 {
        for (i, h) in hidden.iter_mut().enumerate() {
            let below: f64 = sample.iter().zip(&weights[0][i * SIZES[0]..]).map(|(x, w)| x * w).sum();
            let above: f64 = out.iter().enumerate().map(|(k, o)| o * weights[1][k * SIZES[1] + i]).sum();
            *h = mean(biases[1][i] + below + above);
        }
        for (k, o) in out.iter_mut().enumerate() {
            let below: f64 = hidden.iter().zip(&weights[1][k * SIZES[1]..]).map(|(x, w)| x * w).sum();
            *o = mean(biases[2][k] + below);
        }
    }
    out.iter().zip(target).map(|(o, y)| 0.5 * (o - y) * (o - y)).sum()
}

/// - dC/d(parameter), laid out as a gradient is, weights first, then biases of the upper layers.
fn slopes(machine: &Machine, sample: &[f32], target: &[f32]) -> Vec<f64> {
    let wide = |rows: &[Vec<f32>]| -> Vec<Vec<f64>> { rows.iter().map(|r| r.iter().map(|&x| f64::from(x)).collect()).collect() };
    let (weights, biases) = (wide(&machine.weights), wide(&machine.biases));
    let (sample, target): (Vec<f64>, Vec<f64>) = (sample.iter().map(|&x| x.into()).collect(), target.iter().map(|&x| x.into()).collect());
    let values = machine.shape.values;
    const H: f64 = 1e-4;
    let mut found = Vec::new();
    for k in 0..2 {
        for at in 0..weights[k].len() {
            let cost = |by: f64| {
                let mut weights = weights.clone();
                weights[k][at] += by;
                settled_cost(values, &weights, &biases, &sample, &target)
            };
            found.push(-(cost(H) - cost(-H)) / (2.0 * H));
        }
    }
    for l in 1..3 {
        for at in 0..biases[l].len() {
            let cost = |by: f64| {
                let mut biases = biases.clone();
                biases[l][at] += by;
                settled_cost(values, &weights, &biases, &sample, &target)
            };
            found.push(-(cost(H) - cost(-H)) / (2.0 * H));
        }
    }
    found
}

fn flat(gradient: &Gradient) -> Vec<f64> {
    let rows = gradient.pairs.iter().chain(&gradient.singles[1..]);
    rows.flatten().map(|&g| f64::from(g)).collect()
}

fn direction(machine: &Machine, sample: &[f32], target: &[f32], pull: f32, is_symmetric: bool) -> Vec<f64> {
    let settings = PropagationSettings { pull, is_symmetric, free_iterations: 60, pulled_iterations: 60, ..PropagationSettings::default() };
    let mut propagation = Propagation::new(&machine.shape, 2, settings, Simd::best());
    propagation.compute(machine, [sample].into_iter(), [target].into_iter());
    flat(propagation.gradient())
}

/// The Euclidean distance relative to the length of `of`.
fn off(found: &[f64], of: &[f64]) -> f64 {
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    norm(&mut found.iter().zip(of).map(|(a, b)| a - b)) / norm(&mut of.iter().copied())
}

#[test]
fn directions_near_the_slope_of_the_cost_by_the_order_of_the_pull() {
    for values in [UnitValues::ZeroOne, UnitValues::PlusMinus] {
        let machine = machine(values);
        let (sample, target) = ([1.0, 0.0, 0.5, 1.0], [1.0, values.low()]);
        let exact = slopes(&machine, &sample, &target);
        // Spins bend four times as fast as 0/1 units.
        let scale = if values == UnitValues::ZeroOne { 1.0 } else { 0.25 };
        let at = |pull: f32, is_symmetric: bool| off(&direction(&machine, &sample, &target, scale * pull, is_symmetric), &exact);
        // One-sided: half the pull, half the error. Symmetric: a quarter of it.
        let (one, half) = (at(0.4, false), at(0.2, false));
        assert!((1.6..2.6).contains(&(one / half)), "{values:?} one-sided: {one} at 0.4, {half} at 0.2");
        let (one, half) = (at(0.8, true), at(0.4, true));
        assert!((3.0..5.5).contains(&(one / half)), "{values:?} symmetric: {one} at 0.8, {half} at 0.4");
        assert!(at(0.1, true) < 0.01, "{values:?}: {}", at(0.1, true));
        // Wrong twin: a push where there should be a pull goes uphill.
        let turned: Vec<f64> = exact.iter().map(|g| -g).collect();
        assert!(off(&direction(&machine, &sample, &target, 0.1 * scale, true), &turned) > 1.5);
    }
}

#[test]
fn exclusive_or_is_learned() {
    let mut machine = Machine::zeroed(Shape::deep(&[2, 8, 1], UnitValues::PlusMinus));
    let mut stream = StreamKey::new(Seed(4), SystemTag::named("propagation tests"), 1).stream();
    machine.weights.iter_mut().flatten().for_each(|w| *w = (0.7 * stream.gaussian()) as f32);
    let settings = PropagationSettings { course: Course::constant(0.3), ..PropagationSettings::default() };
    let mut propagation = Propagation::new(&machine.shape, 2, settings, Simd::best());
    let samples: [([f32; 2], [f32; 1]); 4] = [([-1.0, -1.0], [-1.0]), ([-1.0, 1.0], [1.0]), ([1.0, -1.0], [1.0]), ([1.0, 1.0], [-1.0])];
    let inputs = || samples.iter().map(|(x, _)| &x[..]);
    let targets = || samples.iter().map(|(_, y)| &y[..]);
    propagation.settle(&machine, inputs());
    let before = propagation.cost(targets());
    for _ in 0..600 {
        propagation.update(&mut machine, inputs(), targets(), &[]);
    }
    propagation.settle(&machine, inputs());
    let after = propagation.cost(targets());
    assert!(before > 0.3 && after < 0.05, "cost {before} to {after}");
}
