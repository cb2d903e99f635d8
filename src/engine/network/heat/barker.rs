//! Acceptance by a minibatch: the Barker test, corrected for the noise of the estimate (Seita, Pan, Chen, Canny 2017).
//!
//! Barker accepts with probability 1 / (1 + e^(dU/T)), that is, if -dU/T + X > 0 for a logistic X. An estimate of -dU/T from a
//! minibatch is itself noisy, by about N(0, s^2): the test stays right if what is added makes a logistic number of that noise.
//! A logistic number is a normal one of random variance V = sum over k of 2 e_k / k^2, e_k ~ Exp(1) (Andrews, Mallows 1974), so the
//! correction is N(0, V - s^2), without any table, where V is above s^2: of V, 3e-8 lies below 1/4. So s is at most 1/2; a
//! minibatch with more noise is doubled, up to all samples, which leave none; so is one whose samples all change alike. What remains is how far the mean of a minibatch is
//! from normal. Samples are drawn without replacement, afresh for each proposal.

use crate::math;
use crate::random::Stream;

use super::surface::LossSurface;
use super::wiring::Site;

/// Largest standard deviation of an estimate of dU / T.
const MOST_NOISE: f64 = 0.5;
/// Terms of the random variance that are drawn; the rest is its mean, whose error is below 1e-3 of the variance.
const TERMS: u32 = 16;

/// An order of the samples, the first of which are the minibatch.
#[derive(Clone, Debug, Default)]
pub(super) struct Minibatch {
    lanes: Vec<u32>,
    /// Changes of the losses of the minibatch.
    changes: Vec<f32>,
}

impl Minibatch {
    /// Decides whether `site` becomes `value`, by `size` samples or more; `d_prior` is what the prior changes by. The landscape is left as it is.
    pub(super) fn accepts(
        &mut self,
        landscape: &mut impl LossSurface,
        (site, value): (Site, f32),
        d_prior: f64,
        t: f64,
        size: u32,
        stream: &mut Stream,
    ) -> bool {
        let n = landscape.n_samples();
        if self.lanes.len() != n {
            self.lanes = (0..n as u32).collect();
        }
        self.changes.clear();
        let (mut drawn, mut size) = (0, (size as usize).clamp(1, n));
        loop {
            // 1. More samples, none twice.
            for k in drawn..size {
                let other = k + stream.below((n - k) as u64) as usize;
                self.lanes.swap(k, other);
            }
            landscape.changes_of(site, value, &self.lanes[drawn..size], &mut self.changes);
            drawn = size;
            // 2. The estimate and its noise.
            let (mean, variance) = moments(&self.changes);
            let d_loss = n as f64 * mean;
            let noise = (n as f64) * (n as f64) * variance / size as f64 * (1.0 - size as f64 / n as f64);
            let d_energy = d_loss + d_prior;
            // Samples that all change alike say nothing of those that were not drawn: a step may have spoiled a few of them.
            if size == n || variance > 0.0 && noise <= MOST_NOISE * MOST_NOISE * t * t {
                if t == 0.0 {
                    return d_energy <= 0.0;
                }
                let rest = (random_variance(stream) - noise / (t * t)).max(0.0);
                return rest.sqrt() * stream.gaussian() > d_energy / t;
            }
            size = (2 * size).min(n);
        }
    }
}

/// The mean, and the variance of single numbers.
fn moments(xs: &[f32]) -> (f64, f64) {
    let n = xs.len() as f64;
    let mean = xs.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let squares: f64 = xs.iter().map(|&x| (f64::from(x) - mean) * (f64::from(x) - mean)).sum();
    (mean, squares / (n - 1.0).max(1.0))
}

/// The variance of the normal number that is a logistic one.
fn random_variance(stream: &mut Stream) -> f64 {
    let mut variance = 0.0;
    for k in 1..=TERMS {
        variance -= 2.0 * math::ln(stream.uniform()) / f64::from(k * k);
    }
    // The sum of 1/k^2 from 17 on.
    variance + 2.0 * 0.060_587_534
}

#[cfg(test)]
mod tests {
    use super::super::landscape::Landscape;
    use super::*;
    use crate::data::{Dataset, Targets};
    use crate::engine::network::{Loss, Parameters};
    use crate::kernels::simd::Simd;
    use crate::plan::network::{Block, Layer, NetworkPlan, Rows, Unit};
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    /// The chi-square of 20 cells of equal logistic probability, of 200,000 normal numbers with these variances.
    fn chi_square(variance: impl Fn(&mut Stream) -> f64) -> f64 {
        let mut stream = StreamKey::new(Seed(3), SystemTag::named("logistic"), 0).stream();
        let mut counts = [0.0; 20];
        for _ in 0..200_000 {
            let x = variance(&mut stream).sqrt() * stream.gaussian();
            counts[((math::sigmoid(x) * 20.0) as usize).min(19)] += 1.0;
        }
        counts.iter().map(|c| (c - 10_000.0) * (c - 10_000.0) / 10_000.0).sum()
    }

    #[test]
    fn normal_numbers_of_the_random_variance_are_logistic() {
        // 19 degrees of freedom, alpha 1e-6: 63.2.
        let right = chi_square(random_variance);
        assert!(right < 63.2, "{right}");
        let constant = |_: &mut Stream| std::f64::consts::PI * std::f64::consts::PI / 3.0;
        assert!(chi_square(constant) > 63.2, "a normal number of the same variance passes: {}", chi_square(constant));
        let truncated = |s: &mut Stream| random_variance(s) - 2.0 * 0.060_587_534;
        assert!(chi_square(truncated) > 63.2, "without the rest of the sum: {}", chi_square(truncated));
    }

    const N: usize = 480;
    const T: f64 = 12.0;

    /// A logistic regression of one weight, whose bias stays 0.
    fn landscape() -> Landscape {
        let layer =
            |name: &str, is_input| Layer { name: name.to_owned(), n_neurons: 1, unit: Unit::Identity, is_input, is_output: !is_input };
        let block = Block { name: "in->out".to_owned(), from: 0, to: 1, is_delayed: false, rows: Rows::Dense };
        let plan = NetworkPlan::new(vec![layer("in", true), layer("out", false)], vec![block]).expect("no cycle");
        let inputs: Vec<f32> = (0..N).map(|k| ((k * 37) % N) as f32 / 120.0 - 1.5).collect();
        let values = inputs.iter().enumerate().map(|(k, &x)| f32::from(u8::from(x > 0.4 || k % 5 == 0))).collect();
        let data = Dataset { n_features: 1, inputs, targets: Targets::Values { width: 1, values }, class_names: Vec::new() };
        let parameters = Parameters::zeros(&plan);
        Landscape::new(plan, parameters, &data, Loss::BinaryCrossEntropy, Simd::best()).expect("a fit")
    }

    /// The chi-square, over its 1e-6 limit, of weights drawn exactly from exp(-U/T) and moved ten times by `accepts`.
    fn distance(mut accepts: impl FnMut(&mut Landscape, Site, f32, &mut Stream) -> bool) -> f64 {
        const GRID: usize = 400;
        let site = Site::Weight { block: 0, synapse: 0 };
        let mut landscape = landscape();
        let at = |k: usize| (k as f32 + 0.5) / GRID as f32 * 6.0 - 3.0;
        // 1. The exact posterior, summed up along a grid.
        let mut below = vec![0.0];
        for k in 0..GRID {
            let d_loss = landscape.propose(site, at(k), f64::INFINITY).expect("no limit");
            below.push(below[k] + math::exp(-d_loss / T));
        }
        let total = below[GRID];
        // 2. Draw, move, count.
        let mut counts = [0.0; 12];
        let n_trials = 4000_u64;
        for trial in 0..n_trials {
            let mut stream = StreamKey::new(Seed(5), SystemTag::named("barker"), trial).stream();
            let target = stream.uniform() * total;
            let k = below.partition_point(|&b| b < target) - 1;
            let start = at(k) + ((target - below[k]) / (below[k + 1] - below[k]) - 0.5) as f32 * 6.0 / GRID as f32;
            landscape.propose(site, start, f64::INFINITY).expect("no limit");
            landscape.accept();
            for _ in 0..10 {
                let new = landscape.value(site) + 0.5 * stream.gaussian() as f32;
                if new.abs() < 3.0 && accepts(&mut landscape, site, new, &mut stream) {
                    landscape.propose(site, new, f64::INFINITY).expect("no limit");
                    landscape.accept();
                }
            }
            let place = (f64::from(landscape.value(site)) + 3.0) / 6.0 * GRID as f64;
            let k = (place as usize).min(GRID - 1);
            let quantile = (below[k] + (place - k as f64) * (below[k + 1] - below[k])) / total;
            counts[((quantile * 12.0) as usize).min(11)] += 1.0;
        }
        let expected = n_trials as f64 / 12.0;
        // 11 degrees of freedom.
        counts.iter().map(|c| (c - expected) * (c - expected) / expected).sum::<f64>() / 49.8
    }

    #[test]
    fn samples_that_all_change_alike_do_not_speak_for_the_others() {
        // One step neuron over 400 samples: the proposal spoils the five of them beyond its new threshold.
        let layer = |name: &str, is_input, unit| Layer { name: name.to_owned(), n_neurons: 1, unit, is_input, is_output: !is_input };
        let block = Block { name: "in->out".to_owned(), from: 0, to: 1, is_delayed: false, rows: Rows::Dense };
        let plan =
            NetworkPlan::new(vec![layer("in", true, Unit::Identity), layer("out", false, Unit::Step)], vec![block]).expect("no cycle");
        let inputs: Vec<f32> = (0..400).map(|k| k as f32 / 400.0).collect();
        let values = inputs.iter().map(|&x| f32::from(u8::from(x > 0.5))).collect();
        let data = Dataset { n_features: 1, inputs, targets: Targets::Values { width: 1, values }, class_names: Vec::new() };
        let mut parameters = Parameters::zeros(&plan);
        (parameters.weights[0][0], parameters.biases[1][0]) = (1.0, -0.5);
        let mut landscape = Landscape::new(plan, parameters, &data, Loss::MeanSquare, Simd::best()).expect("a fit");
        let site = Site::Bias { layer: 1, row: 0 };
        assert_eq!(landscape.propose(site, -0.5125, f64::INFINITY), Some(5.0));
        let mut batch = Minibatch::default();
        for t in [0.0, 0.2] {
            let n_accepted = (0..200)
                .filter(|&k| {
                    let mut stream = StreamKey::new(Seed(6), SystemTag::named("alike"), k).stream();
                    batch.accepts(&mut landscape, (site, -0.5125), 0.0, t, 4, &mut stream)
                })
                .count();
            assert_eq!(n_accepted, 0, "e^(-5/T) is below 2e-11 at T = {t}");
        }
    }

    #[test]
    fn a_minibatch_needs_its_correction() {
        let mut batch = Minibatch::default();
        let right = distance(|l, site, new, stream| batch.accepts(l, (site, new), 0.0, T, 60, stream));
        assert!(right < 1.0, "{right} of the limit");
        // The naive twins take 12 samples for all: Metropolis, and Barker without a correction.
        let estimate = |l: &mut Landscape, site, new, stream: &mut Stream| {
            let lanes: Vec<u32> = (0..12).map(|_| stream.below(N as u64) as u32).collect();
            let mut changes = Vec::new();
            l.changes_of(site, new, &lanes, &mut changes);
            N as f64 * moments(&changes).0
        };
        let metropolis = distance(|l, site, new, stream| estimate(l, site, new, stream) <= -T * math::ln(stream.uniform()));
        let barker = distance(|l, site, new, stream| {
            let u = stream.uniform();
            estimate(l, site, new, stream) < T * math::ln(u / (1.0 - u))
        });
        assert!(metropolis > 1.0 && barker > 1.0, "{metropolis} and {barker} of the limit");
    }
}
