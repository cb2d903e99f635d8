//! Sampling of weights against exact answers: a posterior that a grid integrates, the prior alone, and the drift of small steps.
//!
//! Never one correlated chain: each trial draws its state exactly, walks a few sweeps, and must be where it was drawn from.
//! Every test has wrong twins that must fail it. alpha = 1e-6.

use lehr::data::{Dataset, Targets};
use lehr::engine::network::heat::langevin::{mala, sgld};
use lehr::engine::network::heat::metropolis::reflect;
use lehr::engine::network::heat::{HeatSettings, Landscape, Site, VisitOrder, walk};
use lehr::engine::network::{Loss, Parameters};
use lehr::kernels::simd::Simd;
use lehr::math;
use lehr::plan::network::{Block, Layer, NetworkPlan, Rows, Unit};
use lehr::random::{Stream, StreamKey, SystemTag};
use lehr::units::Seed;

const T: f64 = 0.7;
const BOUND: f32 = 1.5;
const N_SAMPLES: usize = 12;
/// Cells of the chi-square, along each axis.
const CELLS: usize = 6;
/// Two-sided 1e-6 of a normal number.
const Z: f64 = 4.892;

fn key(name: &str, trial: u64) -> StreamKey {
    StreamKey::new(Seed(7), SystemTag::named(name), trial)
}

fn settings(order: VisitOrder) -> HeatSettings {
    HeatSettings { lambda: 0.5, bound: BOUND, order, initial_sd: None, ..HeatSettings::default() }
}

/// One weight and one bias of a logistic regression.
fn plan() -> NetworkPlan {
    let layer = |name: &str, is_input| Layer { name: name.to_owned(), n_neurons: 1, unit: Unit::Identity, is_input, is_output: !is_input };
    let block = Block { name: "in->out".to_owned(), from: 0, to: 1, is_delayed: false, rows: Rows::Dense };
    NetworkPlan::new(vec![layer("in", true), layer("out", false)], vec![block]).expect("no cycle")
}

fn dataset() -> Dataset {
    let inputs: Vec<f32> = (0..N_SAMPLES).map(|k| k as f32 / 4.0 - 1.25).collect();
    let values = inputs.iter().enumerate().map(|(k, &x)| f32::from(u8::from(x > 0.3 || k == 2))).collect();
    Dataset { n_features: 1, inputs, targets: Targets::Values { width: 1, values }, class_names: Vec::new() }
}

fn parameters(w: f32, b: f32) -> Parameters {
    Parameters { weights: vec![vec![w]], biases: vec![vec![0.0], vec![b]] }
}

/// U in f64, written down anew.
fn energy(w: f64, b: f64, data: &Dataset) -> f64 {
    let Targets::Values { values, .. } = &data.targets else { panic!("values") };
    let loss = |(&x, &t): (&f32, &f32)| {
        let y = w * f64::from(x) + b;
        y.max(0.0) + math::ln_1p(math::exp(-y.abs())) - f64::from(t) * y
    };
    data.inputs.iter().zip(values).map(loss).sum::<f64>() + 0.25 * (w * w + b * b)
}

/// The exact probabilities of the cells, and the mean and standard deviation of U.
struct Posterior {
    cells: Vec<f64>,
    mean: f64,
    sd: f64,
    lowest: f64,
}

fn posterior(data: &Dataset) -> Posterior {
    const FINE: usize = 40;
    let n = CELLS * FINE;
    let at = |k: usize| ((k as f64 + 0.5) / n as f64 * 2.0 - 1.0) * f64::from(BOUND);
    let (mut cells, mut sums, mut lowest) = (vec![0.0; CELLS * CELLS], [0.0; 3], f64::INFINITY);
    for i in 0..n {
        for j in 0..n {
            let u = energy(at(i), at(j), data);
            let p = math::exp(-u / T);
            cells[i / FINE * CELLS + j / FINE] += p;
            for (sum, f) in sums.iter_mut().zip([1.0, u, u * u]) {
                *sum += p * f;
            }
            lowest = lowest.min(u);
        }
    }
    cells.iter_mut().for_each(|p| *p /= sums[0]);
    let mean = sums[1] / sums[0];
    Posterior { cells, mean, sd: (sums[2] / sums[0] - mean * mean).sqrt(), lowest }
}

/// A draw from the posterior, by rejection.
fn draw(stream: &mut Stream, data: &Dataset, lowest: f64) -> (f32, f32) {
    loop {
        let mut at = || ((2.0 * stream.uniform() - 1.0) as f32) * BOUND;
        let (w, b) = (at(), at());
        // A margin, since the grid need not hold the lowest point.
        if stream.uniform() < math::exp(-(energy(f64::from(w), f64::from(b), data) - lowest + 1e-3) / T) {
            return (w, b);
        }
    }
}

/// How far `n_trials` walks end from where they were drawn: (chi-square of the cells over its 1e-6 limit, |z| of the mean of U over its).
fn distance(n_trials: u64, mut step: impl FnMut(&mut Landscape, StreamKey)) -> (f64, f64) {
    let data = dataset();
    let exact = posterior(&data);
    let mut landscape = Landscape::new(plan(), parameters(0.0, 0.0), &data, Loss::BinaryCrossEntropy, Simd::best()).expect("a fit");
    let (mut counts, mut sum) = (vec![0.0; CELLS * CELLS], 0.0);
    let mut stream = key("draws", 0).stream();
    for trial in 0..n_trials {
        let (w, b) = draw(&mut stream, &data, exact.lowest);
        landscape.set_parameters(parameters(w, b));
        step(&mut landscape, key("walk", trial));
        let p = landscape.parameters();
        let (w, b) = (p.weights[0][0], p.biases[1][0]);
        let cell = |x: f32| ((((x / BOUND + 1.0) / 2.0) * CELLS as f32) as usize).min(CELLS - 1);
        counts[cell(w) * CELLS + cell(b)] += 1.0;
        sum += energy(f64::from(w), f64::from(b), &data);
    }
    let n = n_trials as f64;
    // Cells below 5 expected trials are one.
    let (mut chi2, mut rest, mut df) = (0.0, (0.0, 0.0), -1.0);
    for (&count, &p) in counts.iter().zip(&exact.cells) {
        if n * p < 5.0 {
            rest = (rest.0 + count, rest.1 + n * p);
        } else {
            chi2 += (count - n * p) * (count - n * p) / (n * p);
            df += 1.0;
        }
    }
    if rest.1 > 0.0 {
        chi2 += (rest.0 - rest.1) * (rest.0 - rest.1) / rest.1;
        df += 1.0;
    }
    (chi2 / limit(df), (sum / n - exact.mean).abs() / (exact.sd / n.sqrt()) / Z)
}

/// The chi-square that is exceeded with probability 1e-6 (Wilson, Hilferty 1931).
fn limit(df: f64) -> f64 {
    let c = 1.0 - 2.0 / (9.0 * df) + 4.753 * (2.0 / (9.0 * df)).sqrt();
    df * c * c * c
}

fn passes((cells, mean): (f64, f64)) -> bool {
    cells < 1.0 && mean < 1.0
}

const TRIALS: u64 = 20_000;
/// Five sweeps.
const MOVES: u64 = 10;

#[test]
fn metropolis_leaves_the_posterior_as_it_is() {
    for order in [VisitOrder::Sweep, VisitOrder::Random] {
        let found = distance(TRIALS, |l, key| {
            walk(l, &settings(order), &mut [1.1, 0.9], 0, MOVES, T, false, key);
        });
        assert!(passes(found), "{order:?}: {found:?} of the limits");
    }
}

#[test]
fn a_wrong_temperature_a_lost_prior_and_a_lost_test_are_found() {
    let twin = |t: f64, lambda: f64| {
        let settings = HeatSettings { lambda, ..settings(VisitOrder::Sweep) };
        distance(TRIALS, |l, key| {
            walk(l, &settings, &mut [1.1, 0.9], 0, MOVES, t, false, key);
        })
    };
    for (what, t, lambda) in [("T + 6 %", 1.06 * T, 0.5), ("T - 6 %", 0.94 * T, 0.5), ("no prior", T, 0.0), ("no test", 1e12, 0.5)] {
        let found = twin(t, lambda);
        assert!(!passes(found), "{what}: {found:?} of the limits");
    }
}

#[test]
fn proposals_beyond_a_bound_must_be_folded_not_cut() {
    let by = |fold: fn(f32, f32) -> f32| {
        distance(TRIALS, |l, key| {
            let mut stream = key.stream();
            for k in 0..MOVES {
                let site = l.site(k as usize % 2);
                let old = l.value(site);
                let new = fold(old + stream.gaussian() as f32, BOUND);
                let d_prior = 0.25 * (f64::from(new) * f64::from(new) - f64::from(old) * f64::from(old));
                if l.propose(site, new, -T * math::ln(stream.uniform()) - d_prior).is_some() {
                    l.accept();
                }
            }
        })
    };
    let (folded, cut) = (by(reflect), by(|w, bound| w.clamp(-bound, bound)));
    assert!(passes(folded), "{folded:?} of the limits");
    assert!(!passes(cut), "{cut:?} of the limits");
}

/// The loss of the logistic regression and its gradient, written down anew.
fn slope_of(data: Dataset) -> impl FnMut(&Parameters, &mut Parameters) -> f64 {
    let Targets::Values { values, .. } = data.targets else { panic!("values") };
    let inputs = data.inputs;
    move |p, gradient| {
        let (w, b) = (f64::from(p.weights[0][0]), f64::from(p.biases[1][0]));
        let (mut loss, mut by_w, mut by_b) = (0.0, 0.0, 0.0);
        for (&x, &t) in inputs.iter().zip(&values) {
            let (x, t) = (f64::from(x), f64::from(t));
            let y = w * x + b;
            let error = math::sigmoid(y) - t;
            loss += y.max(0.0) + math::ln_1p(math::exp(-y.abs())) - t * y;
            by_w += error * x;
            by_b += error;
        }
        gradient.weights[0][0] += by_w as f32;
        gradient.biases[1][0] += by_b as f32;
        loss
    }
}

#[test]
fn langevin_steps_need_their_test_and_the_right_temperature() {
    const RATE: f64 = 0.4;
    let by = |t: f64, is_tested: bool| {
        let mut slope = slope_of(dataset());
        let settings = settings(VisitOrder::Sweep);
        distance(TRIALS, |l, key| {
            let mut p = l.parameters().clone();
            let steps = (4, t);
            if is_tested {
                mala(&mut p, &settings, RATE, &[true, false], steps, &mut slope, key);
            } else {
                sgld(&mut p, &settings, RATE, &[true, false], steps, &mut slope, key);
            }
            l.set_parameters(p);
        })
    };
    let right = by(T, true);
    assert!(passes(right), "{right:?} of the limits");
    for (what, t, is_tested) in [("T + 8 %", 1.08 * T, true), ("T - 8 %", 0.92 * T, true), ("no test", T, false)] {
        let found = by(t, is_tested);
        assert!(!passes(found), "{what}: {found:?} of the limits");
    }
}

/// Weights that touch nothing, under N(0, T / lambda): the larger one of their chi-square in 20 cells of equal probability and
/// |z| of their mean square, each over its limit.
fn prior_distance(t: f64) -> f64 {
    const N: usize = 50;
    const TRIALS: u64 = 400;
    let layer = |name: &str, n, is_input| Layer { name: name.to_owned(), n_neurons: n, unit: Unit::Tanh, is_input, is_output: !is_input };
    let block = Block { name: "in->out".to_owned(), from: 0, to: 1, is_delayed: false, rows: Rows::Dense };
    let plan = NetworkPlan::new(vec![layer("in", N, true), layer("out", 1, false)], vec![block]).expect("no cycle");
    let data =
        Dataset { n_features: N, inputs: vec![0.0; N], targets: Targets::Values { width: 1, values: vec![0.5] }, class_names: Vec::new() };
    let settings = HeatSettings { lambda: 2.0, ..HeatSettings::default() };
    let sd = (T / settings.lambda).sqrt();
    let mut landscape = Landscape::new(plan.clone(), Parameters::zeros(&plan), &data, Loss::MeanSquare, Simd::best()).expect("a fit");
    let (mut counts, mut squares) = ([0.0; 20], 0.0);
    let mut stream = key("prior", 0).stream();
    for trial in 0..TRIALS {
        let mut p = Parameters::zeros(&plan);
        p.weights[0].iter_mut().for_each(|w| *w = (sd * stream.gaussian()) as f32);
        landscape.set_parameters(p);
        let n = landscape.n_parameters();
        walk(&mut landscape, &settings, &mut vec![1.0; n], 0, 5 * n as u64, t, false, key("prior walk", trial));
        for &w in &landscape.parameters().weights[0] {
            let quantile = 0.5 * (1.0 + math::erf(f64::from(w) / sd / std::f64::consts::SQRT_2));
            counts[((quantile * 20.0) as usize).min(19)] += 1.0;
            squares += f64::from(w) * f64::from(w) / (sd * sd);
        }
    }
    let n = (TRIALS as usize * N) as f64;
    let expected = n / 20.0;
    let chi2: f64 = counts.iter().map(|c| (c - expected) * (c - expected) / expected).sum();
    (chi2 / limit(19.0)).max((squares / n - 1.0).abs() / (2.0 / n).sqrt() / Z)
}

#[test]
fn without_loss_the_weights_are_the_prior() {
    let right = prior_distance(T);
    assert!(right < 1.0, "{right} of the limit");
    for wrong in [1.1 * T, 0.9 * T] {
        let found = prior_distance(wrong);
        assert!(found > 1.0, "T {wrong}: {found} of the limit");
    }
}

/// The mean of one step from the same place, in standard deviations `size` of the proposal, with its standard error.
fn drift(size: f32, t: f64) -> (f64, f64) {
    const N: u64 = 100_000;
    let data = dataset();
    let (w, site) = (1.2_f32, Site::Weight { block: 0, synapse: 0 });
    let mut landscape = Landscape::new(plan(), parameters(w, 0.4), &data, Loss::BinaryCrossEntropy, Simd::best()).expect("a fit");
    let (mut sum, mut squares) = (0.0, 0.0);
    for k in 0..N {
        walk(&mut landscape, &settings(VisitOrder::Sweep), &mut [size, size], 0, 1, t, false, key("drift", k));
        let moved = f64::from(landscape.value(site) - w) / f64::from(size);
        sum += moved;
        squares += moved * moved;
        if moved != 0.0 {
            landscape.propose(site, w, f64::INFINITY).expect("no limit");
            landscape.accept();
        }
    }
    let mean = sum / N as f64;
    (mean, ((squares / N as f64 - mean * mean) / N as f64).sqrt())
}

#[test]
fn small_steps_drift_down_the_gradient() {
    let data = dataset();
    let slope = (energy(1.2 + 1e-5, 0.4, &data) - energy(1.2 - 1e-5, 0.4, &data)) / 2e-5;
    let size = 0.01_f32;
    // 1. T > 0: <dw> = -(sigma^2 / 2T) slope, here in units of sigma and of a = sigma slope / T.
    let a = 0.05 * slope.signum();
    let t = f64::from(size) * slope / a;
    let (mean, error) = drift(size, t);
    assert!((mean + 0.5 * a).abs() < 3.0 * error && error < 0.2 * a.abs(), "{mean} +- {error} for {}", -0.5 * a);
    // The wrong twin: twice the temperature drifts half as far.
    let (mean, error) = drift(size, 2.0 * t);
    assert!((mean + 0.5 * a).abs() > 3.0 * error, "{mean} +- {error} passes for {}", -0.5 * a);
    // 2. T = 0: <dw> = -(sigma / sqrt(2 pi)) times the sign of the slope.
    let exact = -slope.signum() / (2.0 * std::f64::consts::PI).sqrt();
    let (mean, error) = drift(size, 0.0);
    assert!((mean - exact).abs() < 3.0 * error, "{mean} +- {error} for {exact}");
    let (mean, error) = drift(size, t);
    assert!((mean - exact).abs() > 3.0 * error, "{mean} +- {error} passes for T = 0");
}
