//! Scores that births are drawn by: whole numbers from 1 to 2^20, so that their sums are exact.
//!
//! A walk is exact for any scores that do not depend on the structure and its weights: statistics of clamped data, distances,
//! numbers of a user. Scores that are renewed from the present state make it driven.

use rayon::prelude::*;

use crate::math;

use super::candidates::Candidates;

/// The largest score.
pub const TOP: u32 = 1 << 20;
/// Candidates of one parallel piece.
const CHUNK: usize = 4096;

/// Whole scores in proportion to `values`, one a candidate; what is not above 0, or no number, has the least.
pub fn whole(values: &[f32]) -> Vec<u32> {
    let top = values.iter().copied().filter(|v| v.is_finite()).fold(0.0_f32, f32::max);
    if top == 0.0 {
        return vec![1; values.len()];
    }
    let scale = f64::from(TOP) / f64::from(top);
    // A cast takes what is no number to 0.
    values.iter().map(|&v| ((f64::from(v) * scale).round() as u32).clamp(1, TOP)).collect()
}

/// eps + |correlation of the activities of both ends|, by candidate; a neuron whose activity never changes correlates with none.
///
/// `activities` holds the samples one after another, each with all neurons. O(samples (N + M)).
///
/// # Panics
/// If `activities` is not a whole number of samples.
pub fn hebbian(candidates: &Candidates, activities: &[f32], eps: f32) -> Vec<f32> {
    let n = candidates.n_neurons();
    assert!(n > 0 && activities.len().is_multiple_of(n), "{} activities of {n} neurons", activities.len());
    let n_samples = activities.len() / n;
    // 1. By neuron, activities of mean 0 and square sum 1.
    let mut standard = vec![0.0_f32; n * n_samples];
    standard.par_chunks_mut(n_samples.max(1)).enumerate().for_each(|(neuron, row)| {
        let values = || (0..n_samples).map(|p| f64::from(activities[p * n + neuron]));
        let mean = values().sum::<f64>() / n_samples as f64;
        let squares: f64 = values().map(|x| (x - mean) * (x - mean)).sum();
        let scale = if squares > 0.0 { 1.0 / squares.sqrt() } else { 0.0 };
        row.iter_mut().zip(values()).for_each(|(to, x)| *to = ((x - mean) * scale) as f32);
    });
    // 2. By candidate, their product.
    let row = |neuron: u32| &standard[neuron as usize * n_samples..(neuron as usize + 1) * n_samples];
    by_candidate(candidates, |c| {
        let (source, target) = candidates.pair(c);
        let product: f64 = row(source).iter().zip(row(target)).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        eps + product.abs() as f32
    })
}

/// max(eps, e^(-length / scale)), by candidate.
pub fn distance(candidates: &Candidates, scale: f32, eps: f32) -> Vec<f32> {
    by_candidate(candidates, |c| (math::exp(-candidates.length(c) / f64::from(scale)) as f32).max(eps))
}

/// eps + |slope| over the largest slope, by candidate.
pub fn gradient(slopes: &[f32], eps: f32) -> Vec<f32> {
    let top = slopes.iter().map(|s| s.abs()).filter(|s| s.is_finite()).fold(0.0_f32, f32::max);
    slopes.iter().map(|s| if top > 0.0 { eps + s.abs() / top } else { eps }).collect()
}

fn by_candidate(candidates: &Candidates, value: impl Fn(u32) -> f32 + Sync) -> Vec<f32> {
    let mut values = vec![0.0; candidates.len()];
    values.par_chunks_mut(CHUNK).enumerate().for_each(|(k, chunk)| {
        chunk.iter_mut().enumerate().for_each(|(i, v)| *v = value((k * CHUNK + i) as u32));
    });
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlated_neurons_score_high_whatever_the_sign_and_silent_ones_low() {
        let candidates = Candidates::all_pairs(4, true).unwrap();
        // Neurons 0 and 1 alike, 2 against them, 3 silent.
        let activities: Vec<f32> = [0.0, 1.0, 5.0, -2.0].iter().flat_map(|&x| [x, 2.0 * x, 3.0 - x, 7.0]).collect();
        let scores = hebbian(&candidates, &activities, 0.25);
        for (c, score) in scores.iter().enumerate() {
            let is_silent = candidates.pair(c as u32).1 == 3;
            assert!((score - if is_silent { 0.25 } else { 1.25 }).abs() < 1e-6, "{c}: {score}");
        }
        assert_eq!(whole(&scores), [TOP, TOP, TOP, TOP / 5, TOP / 5, TOP / 5].map(|s| s));
    }

    #[test]
    fn near_candidates_score_high_and_odd_values_the_least() {
        let candidates = Candidates::all_pairs(3, true).unwrap().with_positions(&[[0.0; 3], [1.0, 0.0, 0.0], [3.0, 0.0, 0.0]]).unwrap();
        let scores = distance(&candidates, 1.0, 0.1);
        assert!((scores[0] - 0.367_879).abs() < 1e-5 && scores[1] == 0.1 && (scores[2] - 0.135_335).abs() < 1e-5);
        assert_eq!(whole(&[f32::NAN, -1.0, 0.0, 2.0, 1e-30]), [1, 1, 1, TOP, 1]);
        assert_eq!(whole(&[0.0, 0.0]), [1, 1]);
        assert_eq!(gradient(&[0.0, -2.0, 1.0], 0.5), [0.5, 1.5, 1.0]);
    }
}
