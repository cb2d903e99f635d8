//! Error bars of correlated series: the integrated autocorrelation time with Sokal's window.
//!
//! tau_int = 1/2 + sum over t of rho(t), cut at the smallest window W >= c tau_int(W) with c = 6
//! (Sokal 1997); the variance of the mean is 2 tau_int Var / n, and n / (2 tau_int) the effective sample size.

use crate::snapshot::{Snapshot, SnapshotError};

/// The window factor c.
const WINDOW: f64 = 6.0;

/// A mean with what stands beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error, autocorrelation included.
    pub error: f64,
    /// Variance of the numbers.
    pub variance: f64,
    /// Integrated autocorrelation time in steps of the series, 1/2 or more; 1/2 for independent numbers.
    pub tau_int: f64,
    /// Effective sample size n / (2 tau_int).
    pub effective: f64,
}

impl Estimate {
    /// Of a series in time order; error and tau are NaN below two numbers.
    pub fn of(xs: &[f64]) -> Self {
        Self::of_replicas(&[xs])
    }

    /// Of several independent series of one quantity, each in time order: autocovariances are
    /// averaged about the common mean.
    pub fn of_replicas(series: &[&[f64]]) -> Self {
        let n: usize = series.iter().map(|xs| xs.len()).sum();
        let mean = series.iter().flat_map(|xs| xs.iter()).sum::<f64>() / n as f64;
        if n < 2 {
            return Estimate { mean, error: f64::NAN, variance: f64::NAN, tau_int: f64::NAN, effective: n as f64 };
        }
        let (tau_int, variance) = tau_about(series, mean);
        let effective = n as f64 / (2.0 * tau_int);
        Estimate { mean, error: (variance / effective).sqrt(), variance, tau_int, effective }
    }
}

/// The integrated autocorrelation time of `xs` in steps, 1/2 or more; 1/2 for independent or constant numbers.
pub fn autocorrelation_time(xs: &[f64]) -> f64 {
    let mean = xs.iter().sum::<f64>() / xs.len() as f64;
    tau_about(&[xs], mean).0
}

fn tau_about(series: &[&[f64]], mean: f64) -> (f64, f64) {
    let covariance = |t: usize| {
        let (mut sum, mut n) = (0.0, 0_usize);
        for xs in series.iter().filter(|xs| xs.len() > t) {
            sum += xs.iter().zip(&xs[t..]).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
            n += xs.len() - t;
        }
        sum / n as f64
    };
    let n: usize = series.iter().map(|xs| xs.len()).sum();
    let c0 = covariance(0);
    let variance = c0 * n as f64 / (n - 1).max(1) as f64;
    if c0 <= 0.0 {
        return (0.5, variance.max(0.0));
    }
    let longest = series.iter().map(|xs| xs.len()).max().unwrap_or(0);
    let (mut tau, mut window) = (0.5, 0);
    for t in 1..longest {
        tau += covariance(t) / c0;
        window = t;
        if t as f64 >= WINDOW * tau {
            break;
        }
    }
    // Deviations from the series' own mean make each rho too small by about 2 tau / n (Wolff 2004).
    tau *= 1.0 + (2 * window + 1) as f64 / n as f64;
    // Short series look anticorrelated by chance: no error bar is smaller than that of independent numbers.
    (tau.max(0.5), variance)
}

/// The effective number of samples behind weights given by their logarithms: (sum w)^2 / sum w^2.
pub fn effective_weights(ln_w: &[f64]) -> f64 {
    let top = ln_w.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return 0.0;
    }
    let (mut sum, mut squares) = (0.0, 0.0);
    for &l in ln_w {
        let w = crate::math::exp(l - top);
        sum += w;
        squares += w * w;
    }
    sum * sum / squares
}

/// A long series in bounded memory: when full, neighbours are averaged and each entry then stands
/// for twice as many numbers (batch means).
///
/// The autocorrelation time is found anew whenever the series has grown by a sixteenth, so that an
/// estimate costs nothing in between: it is off by what a sixteenth of the numbers can tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    batches: Vec<f64>,
    /// Numbers per batch, a power of two.
    batch: u64,
    /// The batch under way: numbers in it and their sum.
    pending: u64,
    pending_sum: f64,
    /// Sum of squared deviations needs no batches: mean and variance of single numbers.
    single: super::Moments,
    /// The autocorrelation time when it was last found, and the count from which it is found anew.
    tau_int: f64,
    stale_from: u64,
}

/// Batches kept; between half of it and all of it once full.
const BATCHES: usize = 4096;

impl Default for Series {
    fn default() -> Self {
        let single = super::Moments::default();
        Series { batches: Vec::new(), batch: 1, pending: 0, pending_sum: 0.0, single, tau_int: 0.5, stale_from: 2 }
    }
}

impl Series {
    /// Takes one number in.
    pub fn push(&mut self, x: f64) {
        self.take(x);
        if self.count() >= self.stale_from {
            self.tau_int = self.find_tau();
            self.stale_from = self.count() + self.count().div_ceil(16);
        }
    }

    fn take(&mut self, x: f64) {
        self.single.push(x);
        self.pending += 1;
        self.pending_sum += x;
        if self.pending < self.batch {
            return;
        }
        self.batches.push(self.pending_sum / self.batch as f64);
        (self.pending, self.pending_sum) = (0, 0.0);
        if self.batches.len() == BATCHES {
            self.batches = self.batches.as_chunks::<2>().0.iter().map(|[a, b]| 0.5 * (a + b)).collect();
            self.batch *= 2;
        }
    }

    /// How many numbers were taken in.
    pub fn count(&self) -> u64 {
        self.single.count()
    }

    /// The mean with error bar, tau_int and effective sample size, in steps of single numbers.
    pub fn estimate(&self) -> Estimate {
        let variance = self.single.variance();
        let effective = self.single.count() as f64 / (2.0 * self.tau_int);
        Estimate { mean: self.single.mean(), error: (variance / effective).sqrt(), variance, tau_int: self.tau_int, effective }
    }

    /// From the error of the mean of batches, in steps of single numbers.
    fn find_tau(&self) -> f64 {
        let variance = self.single.variance();
        if self.batches.len() < 2 || variance <= 0.0 {
            return 0.5;
        }
        let error = Estimate::of(&self.batches).error;
        (0.5 * self.single.count() as f64 * error * error / variance).max(0.5)
    }

    /// Appends its sections.
    pub fn save(&self, prefix: &str, snapshot: &mut Snapshot) {
        snapshot.put(format!("{prefix}/batches"), &self.batches);
        snapshot.put(format!("{prefix}/batch"), &[self.batch, self.pending, self.pending_sum.to_bits()]);
        snapshot.put(format!("{prefix}/tau"), &[self.tau_int.to_bits(), self.stale_from]);
        snapshot.put(format!("{prefix}/single"), &super::Moments::pack(&[self.single]));
    }

    /// Restores what [`Series::save`] wrote.
    ///
    /// # Errors
    /// If a section is missing or makes no sense.
    pub fn load(&mut self, prefix: &str, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let batches: Vec<f64> = snapshot.get(&format!("{prefix}/batches"))?;
        let name = format!("{prefix}/batch");
        let words: Vec<u64> = snapshot.get_n(&name, 3)?;
        let (batch, pending, pending_sum) = (words[0], words[1], f64::from_bits(words[2]));
        let single = super::Moments::unpack(&format!("{prefix}/single"), 1, snapshot)?[0];
        let tau: Vec<u64> = snapshot.get_n(&format!("{prefix}/tau"), 2)?;
        let (tau_int, stale_from) = (f64::from_bits(tau[0]), tau[1]);
        let in_batches = (batches.len() as u64).checked_mul(batch).and_then(|n| n.checked_add(pending));
        let is_sound = batches.len() < BATCHES && batch.is_power_of_two() && pending < batch && pending_sum.is_finite();
        if !(tau_int.is_finite() && tau_int > 0.0 && stale_from > single.count()) {
            let what = format!("an autocorrelation time of {tau_int} until {stale_from} of {} numbers", single.count());
            return Err(SnapshotError::Invalid { name: format!("{prefix}/tau"), what });
        }
        if !is_sound || in_batches != Some(single.count()) || batches.iter().any(|b| !b.is_finite()) {
            let what = format!("{} batches of {batch} and {pending} more do not make {} numbers", batches.len(), single.count());
            return Err(SnapshotError::Invalid { name, what });
        }
        *self = Series { batches, batch, pending, pending_sum, single, tau_int, stale_from };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    /// An AR(1) series with coefficient `a`: tau_int = (1 + a) / (2 (1 - a)).
    fn autoregressive(a: f64, n: usize) -> Vec<f64> {
        let mut stream = StreamKey::new(Seed(11), SystemTag::named("series"), 0).stream();
        let mut x = 0.0;
        (0..n)
            .map(|_| {
                x = a * x + stream.gaussian();
                x
            })
            .collect()
    }

    #[test]
    fn the_autocorrelation_time_of_an_autoregressive_series_is_found() {
        for a in [0.0, 0.5, 0.9] {
            let expected = (1.0 + a) / (2.0 * (1.0 - a));
            let xs = autoregressive(a, 60_000);
            let tau = autocorrelation_time(&xs);
            assert!((tau / expected - 1.0).abs() < 0.1, "a = {a}: tau {tau}, expected {expected}");
            let mut series = Series::default();
            xs.iter().for_each(|&x| series.push(x));
            let streamed = series.estimate();
            assert!((streamed.tau_int / expected - 1.0).abs() < 0.25, "a = {a}: batches give {}", streamed.tau_int);
            assert!((streamed.error / Estimate::of(&xs).error - 1.0).abs() < 0.15);
        }
    }

    #[test]
    fn replicas_join_into_one_estimate_and_a_naive_error_bar_would_be_too_small() {
        let xs = autoregressive(0.9, 40_000);
        let halves = Estimate::of_replicas(&[&xs[..20_000], &xs[20_000..]]);
        let whole = Estimate::of(&xs);
        assert!((halves.mean - whole.mean).abs() < 1e-12 && (halves.error / whole.error - 1.0).abs() < 0.05);
        let naive = (whole.variance / xs.len() as f64).sqrt();
        assert!(whole.error > 3.0 * naive, "error {} against naive {naive}", whole.error);
    }

    #[test]
    fn short_series_do_not_claim_small_errors() {
        // The share of means beyond two of their errors: a twentieth or a little more, not a half.
        for n in [4, 10, 30] {
            let xs = autoregressive(0.0, 1000 * n);
            let misses = xs.chunks_exact(n).filter(|chunk| {
                let estimate = Estimate::of(chunk);
                estimate.mean.abs() > 2.0 * estimate.error
            });
            let misses = misses.count();
            assert!(misses < 200, "{misses} of 1000 series of {n}");
        }
    }

    #[test]
    fn equal_weights_count_fully_and_one_heavy_weight_counts_once() {
        assert!((effective_weights(&[-1000.0; 8]) - 8.0).abs() < 1e-12);
        assert!((effective_weights(&[0.0, -800.0, -800.0]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_series_continues_from_a_snapshot_bit_for_bit() {
        let xs = autoregressive(0.5, 10_000);
        let mut straight = Series::default();
        xs.iter().for_each(|&x| straight.push(x));
        for cut in [0, 1, 4095, 4097, 9999] {
            let mut first = Series::default();
            xs[..cut].iter().for_each(|&x| first.push(x));
            let mut snapshot = Snapshot::default();
            first.save("s", &mut snapshot);
            let mut second = Series::default();
            second.load("s", &snapshot).unwrap();
            xs[cut..].iter().for_each(|&x| second.push(x));
            assert_eq!(second, straight, "cut at {cut}");
        }
    }
}
