//! Multinomial logistic regression: how well classes can be told from features, such as a machine's hidden units.
//!
//! Features are made white first, u = L^-1 (x - mean) with L L^T their covariance (plus 1e-4 of its mean diagonal), or else
//! hidden units, which move together, would take thousands of iterations. The mean of ln(sum_k e^z_k) - z_class plus
//! penalty / 2 |V|^2 over z = V u + b is minimised by limited-memory BFGS (Nocedal 1980) over all samples, from 0 on: the same
//! answer for any number of threads.

use std::collections::VecDeque;

use crate::kernels::backward::dense::{Matrix, Outer, add_gradients, product};
use crate::kernels::floats::LANES;
use crate::kernels::layers::Products;
use crate::kernels::simd::Simd;
use crate::math;
use crate::reduce;

/// Share of the mean variance of a feature that is added to each variance.
const RIDGE: f64 = 1e-4;
/// Pairs of steps that stand for the curvature.
const MEMORY: usize = 10;
/// Largest component of the gradient at which it is done.
const TOLERANCE: f64 = 1e-5;

/// Features of samples, in both orders that products ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    n_samples: usize,
    n_features: usize,
    n_lanes: usize,
    /// `[feature][lane]`.
    rows: Vec<f32>,
    /// `[sample][feature]`, padded to whole vectors.
    by_sample: Vec<f32>,
}

impl Features {
    /// Features `[feature][sample]`.
    ///
    /// # Panics
    /// If there is no feature, or rows differ in length.
    pub fn from_rows<'a>(rows: impl ExactSizeIterator<Item = &'a [f32]>) -> Self {
        let n_features = rows.len();
        assert!(n_features > 0, "no features");
        let stride = n_features.next_multiple_of(LANES);
        let mut features = Features { n_samples: 0, n_features, n_lanes: 0, rows: Vec::new(), by_sample: Vec::new() };
        for (f, row) in rows.enumerate() {
            if f == 0 {
                features.n_samples = row.len();
                features.n_lanes = row.len().next_multiple_of(LANES);
                features.by_sample = vec![0.0; row.len() * stride];
            }
            assert_eq!(row.len(), features.n_samples, "samples of feature {f}");
            features.rows.extend_from_slice(row);
            features.rows.resize((f + 1) * features.n_lanes, 0.0);
            row.iter().enumerate().for_each(|(sample, &x)| features.by_sample[sample * stride + f] = x);
        }
        features
    }

    /// The same samples by white features, and the map to them.
    fn whitened(&self, simd: Simd) -> (Features, Whitening) {
        let (n, f) = (self.n_samples as f64, self.n_features);
        let means: Vec<f64> =
            self.rows.chunks_exact(self.n_lanes).map(|row| reduce::lane_sum(&row[..self.n_samples], |&x| f64::from(x)) / n).collect();
        // 1. The covariance of features less their means.
        let less_mean = |(row, &mean): (&[f32], &f64)| -> Vec<f32> { row[..self.n_samples].iter().map(|&x| x - mean as f32).collect() };
        let rows: Vec<Vec<f32>> = self.rows.chunks_exact(self.n_lanes).zip(&means).map(less_mean).collect();
        let mut centred = Features::from_rows(rows.iter().map(Vec::as_slice));
        let mut covariance = vec![0.0_f32; f * f];
        add_gradients(simd, centred.outer(&centred.rows), &mut covariance);
        let trace: f64 = (0..f).map(|i| f64::from(covariance[i * f + i])).sum();
        let ridge = RIDGE * trace / (n * f as f64) + 1e-12;
        let entry = |i: usize, j: usize| f64::from(covariance[i * f + j]) / n + if i == j { ridge } else { 0.0 };
        let inverse = inverse_factor(f, entry);
        // 2. Their white combinations.
        let narrow: Vec<f32> = inverse.iter().map(|&x| x as f32).collect();
        let mut white = vec![0.0; f * self.n_lanes];
        product(simd, Products::Ordered, Matrix::by_target(&narrow, f, f), &centred.rows, &mut white, self.n_lanes);
        centred = Features::from_rows(white.chunks_exact(self.n_lanes).map(|row| &row[..self.n_samples]));
        (centred, Whitening { means, inverse })
    }

    /// Sums over samples of products of these features with `deltas`, `[row][lane]`.
    fn outer<'a>(&'a self, deltas: &'a [f32]) -> Outer<'a> {
        Outer {
            deltas,
            lanes: self.n_lanes,
            samples: &self.by_sample,
            stride: self.n_features.next_multiple_of(LANES),
            n_samples: self.n_samples,
            n_sources: self.n_features,
        }
    }

    /// Number of samples.
    pub fn n_samples(&self) -> usize {
        self.n_samples
    }
}

/// u = inverse (x - means), the matrix row-major and lower triangular.
struct Whitening {
    means: Vec<f64>,
    inverse: Vec<f64>,
}

/// The inverse of the lower Cholesky factor of a positive matrix of n x n numbers.
fn inverse_factor(n: usize, entry: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut factor = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let known = dot(&factor[i * n..i * n + j], &factor[j * n..j * n + j]);
            let rest = entry(i, j) - known;
            // Rounding may leave a variance of nothing.
            factor[i * n + j] = if i == j { rest.max(1e-12).sqrt() } else { rest / factor[j * n + j] };
        }
    }
    let mut inverse = vec![0.0; n * n];
    for i in 0..n {
        let (above, row) = inverse.split_at_mut(i * n);
        for (k, own) in factor[i * n..i * n + i].iter().enumerate() {
            row[..n].iter_mut().zip(&above[k * n..(k + 1) * n]).for_each(|(x, y)| *x -= own * y);
        }
        row[i] += 1.0;
        row[..n].iter_mut().for_each(|x| *x /= factor[i * n + i]);
    }
    inverse
}

/// A classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct Logistic {
    n_features: usize,
    n_classes: usize,
    /// `[class][feature]`, then a bias a class.
    parameters: Vec<f64>,
}

impl Logistic {
    /// Fits a classifier in at most `max_iterations` iterations.
    ///
    /// # Panics
    /// If there is not a class below `n_classes` a sample, or no sample.
    pub fn fit(features: &Features, classes: &[u32], n_classes: usize, penalty: f64, max_iterations: u32, simd: Simd) -> Self {
        assert_eq!(classes.len(), features.n_samples, "classes, and samples");
        assert!(!classes.is_empty() && classes.iter().all(|&c| (c as usize) < n_classes), "classes below {n_classes}");
        let (white, map) = features.whitened(simd);
        Self::fit_as_they_are(&white, classes, n_classes, penalty, max_iterations, simd).behind(&map)
    }

    /// The classifier that takes features from before a whitening.
    fn behind(mut self, map: &Whitening) -> Self {
        let (n, f) = (self.n_classes, self.n_features);
        let (weights, biases) = self.parameters.split_at_mut(n * f);
        for (row, bias) in weights.chunks_exact_mut(f).zip(biases) {
            let mut raw = vec![0.0; f];
            for (w, map) in row.iter().zip(map.inverse.chunks_exact(f)) {
                raw.iter_mut().zip(map).for_each(|(raw, x)| *raw += w * x);
            }
            *bias -= dot(&raw, &map.means);
            row.copy_from_slice(&raw);
        }
        self
    }

    fn fit_as_they_are(features: &Features, classes: &[u32], n_classes: usize, penalty: f64, max_iterations: u32, simd: Simd) -> Self {
        let n_parameters = n_classes * (features.n_features + 1);
        let mut model = Logistic { n_features: features.n_features, n_classes, parameters: vec![0.0; n_parameters] };
        let (mut loss, mut gradient) = model.loss(features, classes, penalty, simd);
        let mut memory: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
        for _ in 0..max_iterations {
            if gradient.iter().all(|g| g.abs() < TOLERANCE) {
                break;
            }
            let mut direction = newton_direction(&gradient, &memory);
            let mut slope = dot(&direction, &gradient);
            if slope >= 0.0 {
                memory.clear();
                direction = gradient.iter().map(|g| -g).collect();
                slope = -dot(&gradient, &gradient);
            }
            // The first step has no curvature to go by.
            let mut length = if memory.is_empty() { (1.0 / slope.abs().sqrt()).min(1.0) } else { 1.0 };
            let mut tries = 0;
            let (next, next_loss, next_gradient) = loop {
                let moved = |(p, d): (&f64, &f64)| p + length * d;
                let next = Logistic { parameters: model.parameters.iter().zip(&direction).map(moved).collect(), ..model_shape(&model) };
                let (next_loss, next_gradient) = next.loss(features, classes, penalty, simd);
                if next_loss <= loss + 1e-4 * length * slope {
                    break (next, next_loss, next_gradient);
                }
                tries += 1;
                if tries == 20 {
                    // f32 sums tell no lower loss.
                    return model;
                }
                length *= 0.5;
            };
            let step: Vec<f64> = direction.iter().map(|d| length * d).collect();
            let change: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
            let curvature = dot(&step, &change);
            if curvature > 1e-12 {
                memory.push_back((step, change, 1.0 / curvature));
                if memory.len() > MEMORY {
                    memory.pop_front();
                }
            }
            (model, loss, gradient) = (next, next_loss, next_gradient);
        }
        model
    }

    /// The class of each sample that is found the most likely; the first of equals.
    pub fn classify(&self, features: &Features, simd: Simd) -> Vec<u32> {
        let z = self.logits(features, simd);
        let best = |lane: usize| {
            let row = |k: usize| z[k * features.n_lanes + lane];
            (1..self.n_classes).fold(0, |best, k| if row(k) > row(best) { k } else { best }) as u32
        };
        (0..features.n_samples).map(best).collect()
    }

    /// The share of samples whose class is found.
    pub fn accuracy(&self, features: &Features, classes: &[u32], simd: Simd) -> f64 {
        let right = self.classify(features, simd).iter().zip(classes).filter(|(a, b)| a == b).count();
        right as f64 / classes.len() as f64
    }

    fn logits(&self, features: &Features, simd: Simd) -> Vec<f32> {
        let n_weights = self.n_classes * self.n_features;
        let weights: Vec<f32> = self.parameters[..n_weights].iter().map(|&w| w as f32).collect();
        let mut z: Vec<f32> = Vec::with_capacity(self.n_classes * features.n_lanes);
        for &bias in &self.parameters[n_weights..] {
            z.resize(z.len() + features.n_lanes, bias as f32);
        }
        let matrix = Matrix::by_target(&weights, self.n_classes, self.n_features);
        product(simd, Products::Ordered, matrix, &features.rows, &mut z, features.n_lanes);
        z
    }

    /// The loss with its gradient.
    fn loss(&self, features: &Features, classes: &[u32], penalty: f64, simd: Simd) -> (f64, Vec<f64>) {
        let (n_lanes, n) = (features.n_lanes, features.n_samples);
        let mut z = self.logits(features, simd);
        // 1. e^(z - max) in place of z, and their sums; the loss of each sample.
        let mut top = z[..n_lanes].to_vec();
        for row in z.chunks_exact(n_lanes).skip(1) {
            top.iter_mut().zip(row).for_each(|(top, &z)| *top = top.max(z));
        }
        let own: f64 = classes.iter().enumerate().map(|(lane, &c)| f64::from(z[c as usize * n_lanes + lane] - top[lane])).sum();
        let mut sums = vec![0.0_f32; n_lanes];
        for row in z.chunks_exact_mut(n_lanes) {
            for ((z, top), sum) in row.iter_mut().zip(&top).zip(&mut sums) {
                *z = math::exp_f32(*z - top);
                *sum += *z;
            }
        }
        let n_weights = self.n_classes * self.n_features;
        let squares: f64 = self.parameters[..n_weights].iter().map(|w| w * w).sum();
        let logs: f64 = sums[..n].iter().map(|&sum| f64::from(math::ln_f32(sum))).sum();
        let loss = (logs - own) / n as f64 + 0.5 * penalty * squares;
        // 2. (p - [k is the class]) / n by the logits.
        for (k, row) in z.chunks_exact_mut(n_lanes).enumerate() {
            for (lane, z) in row.iter_mut().enumerate() {
                let is_own = classes.get(lane).is_some_and(|&c| c as usize == k);
                *z = (*z / sums[lane] - if is_own { 1.0 } else { 0.0 }) / n as f32;
            }
        }
        let mut by_weight = vec![0.0; n_weights];
        add_gradients(simd, features.outer(&z), &mut by_weight);
        let of_weights = by_weight.iter().zip(&self.parameters).map(|(&g, w)| f64::from(g) + penalty * w);
        let of_biases = z.chunks_exact(n_lanes).map(|row| row[..n].iter().map(|&d| f64::from(d)).sum());
        (loss, of_weights.chain(of_biases).collect())
    }
}

/// The same sizes without parameters.
fn model_shape(model: &Logistic) -> Logistic {
    Logistic { parameters: Vec::new(), ..*model }
}

/// - H g by the two loops over the memory.
fn newton_direction(gradient: &[f64], memory: &VecDeque<(Vec<f64>, Vec<f64>, f64)>) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for (step, change, rho) in memory.iter().rev() {
        let share = rho * dot(step, &q);
        q.iter_mut().zip(change).for_each(|(q, y)| *q -= share * y);
        shares.push(share);
    }
    if let Some((_, change, rho)) = memory.back() {
        let scale = 1.0 / (rho * dot(change, change));
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((step, change, rho), share) in memory.iter().zip(shares.iter().rev()) {
        let other = rho * dot(change, &q);
        q.iter_mut().zip(step).for_each(|(q, s)| *q += (share - other) * s);
    }
    q
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    #[test]
    fn a_fit_is_where_the_gradient_is_nothing_and_finds_its_classes() {
        let mut stream = StreamKey::new(Seed(1), SystemTag::named("readout"), 0).stream();
        let classes: Vec<u32> = (0..301).map(|i| i % 3).collect();
        let rows: Vec<Vec<f32>> =
            (0..5_u32).map(|f| classes.iter().map(|&c| (stream.gaussian() + if c == f { 3.0 } else { 0.0 }) as f32).collect()).collect();
        let features = Features::from_rows(rows.iter().map(Vec::as_slice));
        let simd = Simd::best();
        let all = Logistic::fit(&features, &classes, 3, 1e-3, 200, simd);
        assert!(all.accuracy(&features, &classes, simd) > 0.9);
        // White features have unit covariance, and the classifier behind the map answers as the one in front of it.
        let (white, map) = features.whitened(simd);
        let mut covariance = vec![0.0; 25];
        add_gradients(simd, white.outer(&white.rows), &mut covariance);
        for (k, c) in covariance.iter().enumerate() {
            assert!((c / 301.0 - if k % 6 == 0 { 1.0 } else { 0.0 }).abs() < 2e-3, "{covariance:?}");
        }
        let front = Logistic::fit_as_they_are(&white, &classes, 3, 1e-3, 200, simd);
        let (a, b) = (front.logits(&white, simd), front.clone().behind(&map).logits(&features, simd));
        assert!(
            a.chunks(white.n_lanes).zip(b.chunks(white.n_lanes)).all(|(a, b)| a[..301].iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3))
        );
        let model = Logistic::fit_as_they_are(&features, &classes, 3, 1e-3, 200, simd);
        let (loss, gradient) = model.loss(&features, &classes, 1e-3, simd);
        assert!(gradient.iter().all(|g| g.abs() < 1e-4), "{gradient:?}");
        assert!(model.accuracy(&features, &classes, simd) > 0.9);
        // The slope of the loss is its gradient.
        for k in [0, 7, 15, 17] {
            let shifted = |by: f64| {
                let mut other = model.clone();
                other.parameters[k] += by;
                other.loss(&features, &classes, 1e-3, simd)
            };
            let (up, down) = (shifted(0.1), shifted(-0.1));
            assert!(up.0 > loss && down.0 > loss, "parameter {k} is not at its best");
            assert!(((up.0 - loss) / 0.05 - up.1[k]).abs() < 0.2 * up.1[k].abs() + 1e-4, "slope of {k}");
        }
    }
}
