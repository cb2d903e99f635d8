//! Langevin steps over all weights and biases at once, along the gradient.
//!
//! MALA proposes w' = w - eta g + sqrt(2 eta T) xi and accepts with min(1, pi(w') q(w|w') / (pi(w) q(w'|w))), where
//! q(w'|w) = N(w - eta g, 2 eta T) and pi ~ exp(-U/T) within +-bound; what would leave the bound is refused (Roberts, Tweedie 1996).
//! SGLD takes the same step by a gradient of some samples, without the test (Welling, Teh 2011): driven, exact only as eta goes to 0.
//! Both need slopes, or the surrogate slopes of stepped units: MALA stays exact with any slope, since its test corrects for it.

use crate::engine::network::parameters::Parameters;
use crate::math;
use crate::random::{BLOCK, StreamKey};

use super::metropolis::{Tally, reflect};
use super::settings::HeatSettings;

/// Adds the gradient of the summed loss to a zeroed second argument, and returns the loss.
pub trait Slope: FnMut(&Parameters, &mut Parameters) -> f64 {}

impl<F: FnMut(&Parameters, &mut Parameters) -> f64> Slope for F {}

/// U = loss + prior at `parameters`, and its gradient.
fn energy(parameters: &Parameters, settings: &HeatSettings, slope: &mut impl Slope) -> (f64, Parameters) {
    let mut gradient = zeros_like(parameters);
    let loss = slope(parameters, &mut gradient);
    let mut prior = 0.0;
    for (values, gradients, held) in parts(parameters, &mut gradient, settings.prior_on_biases) {
        if held {
            for (w, g) in values.iter().zip(gradients) {
                prior += 0.5 * settings.lambda * f64::from(*w) * f64::from(*w);
                *g += (settings.lambda * f64::from(*w)) as f32;
            }
        }
    }
    (loss + prior, gradient)
}

/// The rows of weights and biases beside those of their gradients, and whether the prior holds them.
fn parts<'a>(
    parameters: &'a Parameters,
    gradient: &'a mut Parameters,
    prior_on_biases: bool,
) -> impl Iterator<Item = (&'a [f32], &'a mut [f32], bool)> {
    let weights = parameters.weights.iter().zip(&mut gradient.weights).map(|(w, g)| (w.as_slice(), g.as_mut_slice(), true));
    let biases = parameters.biases.iter().zip(&mut gradient.biases);
    weights.chain(biases.map(move |(w, g)| (w.as_slice(), g.as_mut_slice(), prior_on_biases)))
}

fn zeros_like(parameters: &Parameters) -> Parameters {
    let zeros = |rows: &Vec<Vec<f32>>| rows.iter().map(|r| vec![0.0; r.len()]).collect();
    Parameters { weights: zeros(&parameters.weights), biases: zeros(&parameters.biases) }
}

/// w' = w - rate g + noise, with a Gaussian of its own for each weight and each bias that moves; inputs have none.
fn step(parameters: &mut Parameters, gradient: &mut Parameters, is_input: &[bool], rate: f64, t: f64, key: StreamKey) {
    let noise = (2.0 * rate * t).sqrt();
    let weights = parameters.weights.iter_mut().zip(&mut gradient.weights);
    let biases = parameters.biases.iter_mut().zip(&mut gradient.biases).zip(is_input).filter(|(_, i)| !**i).map(|(rows, _)| rows);
    let mut n = 0_usize;
    let mut stream = key.stream();
    for (values, gradients) in weights.chain(biases) {
        for (w, g) in values.iter_mut().zip(gradients) {
            if n.is_multiple_of(BLOCK) {
                stream = key.block((n / BLOCK) as u32).stream();
            }
            n += 1;
            *w = (f64::from(*w) - rate * f64::from(*g) + noise * stream.gaussian()) as f32;
        }
    }
}

/// The sum of |to - from + rate g|^2 over all weights and biases that move.
fn distance(to: &Parameters, from: &Parameters, gradient: &Parameters, is_input: &[bool], rate: f64) -> f64 {
    let row = |((to, from), g): ((&Vec<f32>, &Vec<f32>), &Vec<f32>)| -> f64 {
        let term = |((t, f), g): ((&f32, &f32), &f32)| f64::from(*t) - f64::from(*f) + rate * f64::from(*g);
        to.iter().zip(from).zip(g).map(term).map(|d| d * d).sum()
    };
    let weights: f64 = to.weights.iter().zip(&from.weights).zip(&gradient.weights).map(row).sum();
    let biases = to.biases.iter().zip(&from.biases).zip(&gradient.biases).zip(is_input).filter(|(_, i)| !**i);
    weights + biases.map(|(rows, _)| row(rows)).sum::<f64>()
}

/// Makes `n_proposals` MALA proposals at temperature `t`; at 0, steps down the gradient that must not lead up. `is_input` tells by
/// layer whose biases do not move.
pub fn mala(
    parameters: &mut Parameters,
    settings: &HeatSettings,
    rate: f64,
    is_input: &[bool],
    (n_proposals, t): (u64, f64),
    slope: &mut impl Slope,
    key: StreamKey,
) -> Tally {
    let mut tally = Tally { n_proposed: n_proposals, n_accepted: 0 };
    let (mut u, mut g) = energy(parameters, settings, slope);
    for k in 0..n_proposals {
        let key = key.sweep(k as u32);
        let mut new = parameters.clone();
        step(&mut new, &mut g, is_input, rate, t, key);
        let biases = new.biases.iter().zip(is_input).filter(|(_, is_input)| !**is_input).map(|(biases, _)| biases);
        let is_inside = new.weights.iter().chain(biases).flatten().all(|w| w.abs() <= settings.bound);
        if !is_inside {
            continue;
        }
        let (u_new, g_new) = energy(&new, settings, slope);
        let is_accepted = if t > 0.0 {
            let there = distance(&new, parameters, &g, is_input, rate);
            let back = distance(parameters, &new, &g_new, is_input, rate);
            let ln_ratio = (u - u_new) / t + (there - back) / (4.0 * rate * t);
            math::ln(key.replica(key.replica + 1).stream().uniform()) <= ln_ratio
        } else {
            u_new <= u
        };
        if is_accepted {
            (*parameters, u, g) = (new, u_new, g_new);
            tally.n_accepted += 1;
        }
    }
    tally
}

/// Takes `n_steps` SGLD steps at temperature `t`; `slope` gives a gradient that is right on average, such as that of a minibatch
/// scaled to all samples. Weights beyond the bound are reflected.
pub fn sgld(
    parameters: &mut Parameters,
    settings: &HeatSettings,
    rate: f64,
    is_input: &[bool],
    (n_steps, t): (u64, f64),
    slope: &mut impl Slope,
    key: StreamKey,
) -> Tally {
    for k in 0..n_steps {
        let (_, mut gradient) = energy(parameters, settings, slope);
        step(parameters, &mut gradient, is_input, rate, t, key.sweep(k as u32));
        let moved = parameters.weights.iter_mut().chain(&mut parameters.biases).flatten();
        moved.for_each(|w| *w = reflect(*w, settings.bound));
    }
    Tally { n_proposed: n_steps, n_accepted: n_steps }
}
