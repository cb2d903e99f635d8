//! A network in f64, written independently of the engine, and its gradient by central differences.
//!
//! Stepped units have no slope, so their surrogate is checked against a network that has it: each answer is the stepped one
//! of the base point plus S(z) - S(z0), S(z) = z / (1 + k |z|) being the integral of 1 / (1 + k |z|)^2.

use lehr::data::{Dataset, Targets};
use lehr::engine::network::{Loss, Parameters};
use lehr::plan::network::{Lif, NetworkPlan, Rows, Unit};

const SURROGATE: f64 = 2.0;

fn soft_step(z: f64) -> f64 {
    z / (1.0 + SURROGATE * z.abs())
}

/// Answers of stepped units at the base point, in the order in which they are asked for.
#[derive(Default)]
struct Frozen {
    /// Pre-activation (or potential above threshold) and answer.
    base: Vec<(f64, f64)>,
    next: usize,
    records: bool,
}

impl Frozen {
    fn answer(&mut self, z: f64, hard: f64, share: f64) -> f64 {
        if self.records {
            self.base.push((z, hard));
        }
        let (z0, a0) = self.base[self.next];
        self.next += 1;
        a0 + share * (soft_step(z) - soft_step(z0))
    }
}

#[expect(clippy::disallowed_methods, reason = "an oracle may use the functions of std")]
fn smooth(unit: Unit, z: f64) -> f64 {
    let below = |below: f64| if z > 0.0 { z } else { below };
    match unit {
        Unit::Identity => z,
        Unit::Relu => z.max(0.0),
        Unit::LeakyRelu(slope) => below(f64::from(slope) * z),
        Unit::Elu(alpha) => below(f64::from(alpha) * z.exp_m1()),
        Unit::Selu => 1.050_700_987_355_480_5 * below(1.673_263_242_354_377_2 * z.exp_m1()),
        Unit::Sigmoid => 1.0 / (1.0 + (-z).exp()),
        Unit::SteepSigmoid => 1.0 / (1.0 + (-4.9 * z).exp()),
        Unit::Tanh => z.tanh(),
        Unit::Softplus => z.exp().ln_1p(),
        Unit::Gauss => (-z * z).exp(),
        Unit::Sin => z.sin(),
        Unit::Abs => z.abs(),
        Unit::Step | Unit::Sign | Unit::Gate(_) | Unit::Lif(_) => unreachable!("stepped"),
    }
}

fn spikes(lif: Lif, z: f64, v: &mut f64, frozen: &mut Frozen) -> f64 {
    let (leak, threshold) = (f64::from(lif.leak), f64::from(lif.threshold));
    let mut count = 0.0;
    for _ in 0..lif.ticks {
        *v = leak * *v + z;
        let hard = f64::from(u8::from(*v >= threshold));
        count += frozen.answer(*v - threshold, hard, 1.0);
        // The reset is held fixed at what happened at the base point.
        *v -= threshold * frozen.base[frozen.next - 1].1;
    }
    count / f64::from(lif.ticks)
}

/// The summed loss of `dataset` after `window` steps from rest.
fn loss_of(plan: &NetworkPlan, numbers: &[Vec<f64>], loss: Loss, dataset: &Dataset, window: usize, frozen: &mut Frozen) -> f64 {
    frozen.next = 0;
    let (weights, biases) = numbers.split_at(plan.blocks.len());
    let n_inputs: usize = plan.inputs().map(|(_, l)| l.n_neurons).sum();
    let is_recurrent = plan.is_recurrent();
    (0..dataset.n_samples())
        .map(|sample| {
            let mut a: Vec<Vec<f64>> = plan.layers.iter().map(|l| vec![0.0; l.n_neurons]).collect();
            let mut v = a.clone();
            for step in 0..window {
                let features = dataset.sample(sample);
                let mut at = if features.len() == n_inputs { 0 } else { step * n_inputs };
                for (l, layer) in plan.inputs() {
                    for j in 0..layer.n_neurons {
                        a[l][j] = f64::from(features[at + j]);
                    }
                    at += layer.n_neurons;
                }
                let before = a.clone();
                for stage in &plan.stages {
                    let layer = &plan.layers[stage.layer];
                    let rows = stage.rows.clone().unwrap_or_else(|| (0..layer.n_neurons as u32).collect());
                    for row in rows.into_iter().map(|r| r as usize) {
                        let bias = biases[stage.layer][row];
                        let (mut z, mut n_true) = (bias, 0);
                        for (b, block) in plan.blocks_onto(stage.layer) {
                            let x = if block.is_delayed { &before[block.from] } else { &a[block.from] };
                            let mut one = |k: usize, s: usize| {
                                z += weights[b][k] * x[s];
                                n_true += u32::from(weights[b][k] * x[s] + bias > 0.5);
                            };
                            match &block.rows {
                                Rows::Dense => (0..x.len()).for_each(|s| one(row * x.len() + s, s)),
                                Rows::Sparse { offsets, sources } => {
                                    (offsets[row] as usize..offsets[row + 1] as usize).for_each(|k| one(k, sources[k] as usize));
                                }
                            }
                        }
                        a[stage.layer][row] = match layer.unit {
                            Unit::Step => frozen.answer(z, f64::from(u8::from(z > 0.0)), 1.0),
                            Unit::Sign => frozen.answer(z, if z > 0.0 { 1.0 } else { -1.0 }, 1.0),
                            // Only Xor is asked of, whose answer is the parity.
                            Unit::Gate(_) => frozen.answer(0.0, f64::from(n_true % 2), 0.0),
                            Unit::Lif(lif) if is_recurrent => spikes(lif, z, &mut v[stage.layer][row], frozen),
                            Unit::Lif(lif) => {
                                let at = z - f64::from(lif.threshold) * (1.0 - f64::from(lif.leak));
                                let mut hard = Frozen { records: true, ..Frozen::default() };
                                let rate = spikes(lif, z, &mut 0.0, &mut hard);
                                frozen.answer(at, rate, 1.0)
                            }
                            unit => smooth(unit, z),
                        };
                    }
                }
            }
            let y: Vec<f64> = plan.outputs().flat_map(|(l, _)| a[l].clone()).collect();
            value(loss, &y, dataset, sample)
        })
        .sum()
}

#[expect(clippy::disallowed_methods, reason = "an oracle may use the functions of std")]
fn value(loss: Loss, y: &[f64], dataset: &Dataset, sample: usize) -> f64 {
    let n = y.len() as f64;
    let target = |j: usize, off: f64| match &dataset.targets {
        Targets::Classes(classes) => {
            if classes[sample] as usize == j {
                1.0
            } else {
                off
            }
        }
        Targets::Values { width, values } => f64::from(values[sample * width + j]),
    };
    let mean = |term: &dyn Fn(usize) -> f64| (0..y.len()).map(term).sum::<f64>() / n;
    match loss {
        Loss::MeanSquare => mean(&|j| (y[j] - target(j, 0.0)) * (y[j] - target(j, 0.0))),
        Loss::CrossEntropy => y.iter().map(|y| y.exp()).sum::<f64>().ln() - (0..y.len()).map(|j| target(j, 0.0) * y[j]).sum::<f64>(),
        Loss::BinaryCrossEntropy => mean(&|j| y[j].exp().ln_1p() - target(j, 0.0) * y[j]),
        Loss::Hinge => mean(&|j| (1.0 - target(j, -1.0) * y[j]).max(0.0)),
    }
}

/// The gradient of the summed loss by central differences in f64: weights by block, then biases by layer.
pub fn differences(plan: &NetworkPlan, parameters: &Parameters, loss: Loss, dataset: &Dataset, window: usize) -> Vec<Vec<f64>> {
    let wide = |xs: &Vec<Vec<f32>>| xs.iter().map(|x| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()).collect::<Vec<_>>();
    let mut numbers = wide(&parameters.weights);
    numbers.extend(wide(&parameters.biases));
    let mut frozen = Frozen { records: true, ..Frozen::default() };
    loss_of(plan, &numbers, loss, dataset, window, &mut frozen);
    frozen.records = false;
    let h = 1e-6;
    let mut found: Vec<Vec<f64>> = numbers.iter().map(|n| vec![0.0; n.len()]).collect();
    for i in 0..numbers.len() {
        for j in 0..numbers[i].len() {
            let base = numbers[i][j];
            let mut at = |x: f64| {
                numbers[i][j] = x;
                loss_of(plan, &numbers, loss, dataset, window, &mut frozen)
            };
            found[i][j] = (at(base + h) - at(base - h)) / (2.0 * h);
            numbers[i][j] = base;
        }
    }
    found
}

/// The largest difference, in units of the largest component (and at least 1).
pub fn error(gradient: &Parameters, exact: &[Vec<f64>]) -> f64 {
    let found = gradient.weights.iter().chain(&gradient.biases);
    let largest = exact.iter().flatten().fold(0.0_f64, |m, x| m.max(x.abs()));
    let differences = found.zip(exact).flat_map(|(f, e)| {
        assert_eq!(f.len(), e.len());
        f.iter().zip(e).map(|(&f, &e)| (f64::from(f) - e).abs())
    });
    differences.fold(0.0, f64::max) / largest.max(1e-3)
}
