//! Correlations of all pairs of neurons in a fixed number of bytes a neuron: sketches by random signs.
//!
//! A neuron keeps the running mean m and variance v of its activation over tau steps, and [`WIDTH`] projections of its recent
//! deviations z = a - m onto random signs r that all neurons share: s_d <- sqrt(k) s_d + sqrt(1 - k) r_d(t) z(t), k = 1 - 1/tau.
//! The product s_i . s_j / WIDTH is then an unbiased estimate of the covariance (1 - k) sum k^(T-t) z_i z_j with the weights of
//! the variances ("tug of war", Alon, Matias, Szegedy 1996), and divided by sqrt(v_i v_j) of the correlation rho, with
//!
//! standard deviation at most sqrt((1 + rho^2) / WIDTH), whatever the activations are: 0.125 for rho = 0 at 64.
//!
//! So a threshold of 1/2 lets one uncorrelated pair of some 16,000 pass, and misses half of those that are at 1/2 themselves; a
//! pair of 0.9 is missed at 2.4 standard deviations. Estimates of different steps err anew after some tau steps. (That is the error
//! against the correlation of these tau steps; of neurons that are independent in the long run it varies by sqrt(1 / (2 tau)).)

use rayon::prelude::*;

use super::wiring::CHUNK;

/// Projections a neuron.
pub const WIDTH: usize = 64;

/// Least variance of a neuron that has a correlation with others.
const LEAST_VARIANCE: f32 = 1e-12;

/// The sketch of one neuron.
pub type Sketch = [f32; WIDTH];

/// The traces of a population, one entry a neuron.
#[derive(Debug)]
pub struct Traces<'a> {
    /// Running means of activation.
    pub means: &'a mut [f32],
    /// Running variances.
    pub variances: &'a mut [f32],
    /// Sketches of the deviations.
    pub sketches: &'a mut [Sketch],
}

/// Takes the activations of one step into the traces; `signs` are 64 random bits of this step, the same for all populations.
///
/// # Panics
/// If the lengths differ.
pub fn observe(tau: f32, signs: u64, activation: &[f32], traces: Traces<'_>) {
    let n = activation.len();
    assert_eq!((n, n, n), (traces.means.len(), traces.variances.len(), traces.sketches.len()), "neurons, and their traces");
    let share = 1.0 / tau;
    let (keep, take) = ((1.0 - share).sqrt(), share.sqrt());
    let signs: Sketch = std::array::from_fn(|d| if signs >> d & 1 == 1 { take } else { -take });
    let chunks = activation.par_chunks(CHUNK).zip(traces.means.par_chunks_mut(CHUNK));
    chunks.zip(traces.variances.par_chunks_mut(CHUNK)).zip(traces.sketches.par_chunks_mut(CHUNK)).for_each(
        |(((activation, means), variances), sketches)| {
            for (((&a, mean), variance), sketch) in activation.iter().zip(means).zip(variances).zip(sketches) {
                *mean += share * (a - *mean);
                let z = a - *mean;
                *variance += share * (z * z - *variance);
                for (s, r) in sketch.iter_mut().zip(&signs) {
                    *s = keep * *s + r * z;
                }
            }
        },
    );
}

/// The variances and sketches of a population, to be read.
#[derive(Clone, Copy, Debug)]
pub struct Sketches<'a> {
    /// Running variances.
    pub variances: &'a [f32],
    /// Sketches of the deviations.
    pub sketches: &'a [Sketch],
}

impl Sketches<'_> {
    /// The estimated correlation of neuron `i` with neuron `j` of `others`, within +-1; 0 if one of them does not move.
    pub fn correlation(&self, i: usize, others: &Sketches<'_>, j: usize) -> f32 {
        let (a, b) = (self.variances[i], others.variances[j]);
        if a.min(b) < LEAST_VARIANCE {
            return 0.0;
        }
        let mut lanes = [0.0_f32; 16];
        let (left, right) = (self.sketches[i].as_chunks::<16>().0, others.sketches[j].as_chunks::<16>().0);
        for (left, right) in left.iter().zip(right) {
            for ((lane, x), y) in lanes.iter_mut().zip(left).zip(right) {
                *lane += x * y;
            }
        }
        let dot: f32 = lanes.iter().sum();
        (dot / (WIDTH as f32 * (a * b).sqrt())).clamp(-1.0, 1.0)
    }

    /// The signs of the projections: neurons that move together share most of them, those that oppose each other almost none.
    pub fn signature(&self, i: usize) -> u64 {
        self.sketches[i].iter().enumerate().fold(0, |bits, (d, &s)| bits | u64::from(s > 0.0) << d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    /// Estimates and exact weighted correlations of pairs (0, k), over runs whose signs differ.
    fn errors(rho: f64, runs: u64, signs_of: impl Fn(u64, u64) -> u64) -> (f64, f64) {
        let (tau, n_steps) = (100.0_f32, 400_u64);
        let keep = f64::from(1.0 - 1.0 / tau);
        let (mut sum, mut squares) = (0.0, 0.0);
        // One trace of activations, so that the exact correlation is one number.
        let mut stream = StreamKey::new(Seed(1), SystemTag::named("activity"), 0).stream();
        let activity: Vec<[f32; 2]> = (0..n_steps)
            .map(|_| {
                let (g, h) = (stream.gaussian(), stream.gaussian());
                [g as f32, (rho * g + (1.0 - rho * rho).sqrt() * h) as f32]
            })
            .collect();
        let mut exact = [0.0; 3];
        let mut means = [0.0_f64; 2];
        for a in &activity {
            let z: Vec<f64> = (0..2)
                .map(|i| {
                    means[i] += (1.0 - keep) * (f64::from(a[i]) - means[i]);
                    f64::from(a[i]) - means[i]
                })
                .collect();
            exact[0] = keep * exact[0] + (1.0 - keep) * z[0] * z[0];
            exact[1] = keep * exact[1] + (1.0 - keep) * z[1] * z[1];
            exact[2] = keep * exact[2] + (1.0 - keep) * z[0] * z[1];
        }
        let exact = exact[2] / (exact[0] * exact[1]).sqrt();
        for run in 0..runs {
            let (mut m, mut v, mut s) = ([0.0; 2], [0.0; 2], [[0.0; WIDTH]; 2]);
            for (step, a) in (0..n_steps).zip(&activity) {
                let traces = Traces { means: &mut m, variances: &mut v, sketches: &mut s };
                observe(tau, signs_of(run, step), a, traces);
            }
            let traces = Sketches { variances: &v, sketches: &s };
            let error = f64::from(traces.correlation(0, &traces, 1)) - exact;
            sum += error;
            squares += error * error;
        }
        (sum / runs as f64, (squares / runs as f64).sqrt())
    }

    fn signs(run: u64, step: u64) -> u64 {
        StreamKey::new(Seed(run), SystemTag::named("signs"), step).stream().bits()
    }

    #[test]
    fn correlations_err_no_more_than_documented() {
        for rho in [0.0, 0.5, -0.8] {
            let runs = 200;
            let (mean, rms) = errors(rho, runs, signs);
            let bound = ((1.0 + rho * rho) / WIDTH as f64).sqrt();
            assert!(mean.abs() < 5.0 * bound / (runs as f64).sqrt(), "rho {rho}: mean error {mean}, standard deviation at most {bound}");
            // The rms of 200 runs has a relative error of 5 %.
            assert!(rms < 1.25 * bound, "rho {rho}: rms error {rms} against {bound}");
        }
        // Wrong twin: signs that stay the same from step to step do not separate the steps.
        let (_, rms) = errors(0.0, 20, |run, _| signs(run, 0));
        assert!(rms > 1.25 * (1.0 / WIDTH as f64).sqrt(), "constant signs: rms error {rms}");
    }

    #[test]
    fn a_neuron_that_does_not_move_is_correlated_with_none() {
        let traces = Sketches { variances: &[0.0, 1.0], sketches: &[[0.0; WIDTH], [1.0; WIDTH]] };
        assert_eq!(traces.correlation(0, &traces, 1), 0.0);
        assert_eq!(traces.correlation(1, &traces, 1), 1.0);
        assert_eq!(traces.signature(1), u64::MAX);
    }
}
