//! Features on a common scale.

use super::dataset::Dataset;

/// Mean and spread of every feature: standardised is (x - mean) / spread.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// The mean of each feature.
    pub means: Vec<f64>,
    /// The standard deviation of each feature; 1 for one that is constant.
    pub spreads: Vec<f64>,
}

impl Scaling {
    /// The statistics of `dataset`, which should be what is learned from and nothing else; two passes in f64.
    pub fn of(dataset: &Dataset) -> Self {
        let n = dataset.n_samples().max(1) as f64;
        let width = dataset.n_features;
        let mut means = vec![0.0; width];
        for sample in dataset.inputs.chunks_exact(width.max(1)) {
            means.iter_mut().zip(sample).for_each(|(mean, &x)| *mean += f64::from(x));
        }
        means.iter_mut().for_each(|mean| *mean /= n);
        let mut squares = vec![0.0; width];
        for sample in dataset.inputs.chunks_exact(width.max(1)) {
            for ((square, mean), &x) in squares.iter_mut().zip(&means).zip(sample) {
                let d = f64::from(x) - mean;
                *square += d * d;
            }
        }
        // Rounding leaves a constant feature with a spread of its last bit, which would make noise of it.
        let spread = |(square, mean): (f64, &f64)| {
            let sd = (square / n).sqrt();
            if sd > 1e-6 * mean.abs() && sd > 0.0 { sd } else { 1.0 }
        };
        let spreads = squares.into_iter().zip(&means).map(spread).collect();
        Scaling { means, spreads }
    }

    /// Standardises `dataset` in place.
    ///
    /// # Panics
    /// If it has another number of features.
    pub fn apply(&self, dataset: &mut Dataset) {
        assert_eq!(dataset.n_features, self.means.len(), "features, and their statistics");
        for sample in dataset.inputs.chunks_exact_mut(self.means.len().max(1)) {
            for ((x, mean), spread) in sample.iter_mut().zip(&self.means).zip(&self.spreads) {
                *x = ((f64::from(*x) - mean) / spread) as f32;
            }
        }
    }
}

/// Divides every feature by `divisor`.
pub fn divide(dataset: &mut Dataset, divisor: f32) {
    dataset.inputs.iter_mut().for_each(|x| *x /= divisor);
}

#[cfg(test)]
mod tests {
    use super::super::dataset::Targets;
    use super::*;

    #[test]
    fn standardised_features_have_mean_0_and_spread_1_and_constants_stay_finite() {
        let inputs: Vec<f32> = (0..20).flat_map(|i| [i as f32, 0.1, -1e6 + i as f32 * 0.25]).collect();
        let targets = Targets::Values { width: 1, values: vec![0.0; 20] };
        let mut dataset = Dataset { n_features: 3, inputs, targets, class_names: Vec::new() };
        let scaling = Scaling::of(&dataset);
        assert!((scaling.means[0] - 9.5).abs() < 1e-12 && (scaling.spreads[0] - 33.25_f64.sqrt()).abs() < 1e-12);
        scaling.apply(&mut dataset);
        let after = Scaling::of(&dataset);
        assert!(after.means.iter().all(|m| m.abs() < 1e-5), "{after:?}");
        assert!((after.spreads[0] - 1.0).abs() < 1e-6 && (after.spreads[2] - 1.0).abs() < 1e-6, "{after:?}");
        assert!(dataset.inputs.chunks_exact(3).all(|s| s[1].abs() < 1e-6), "a constant feature becomes 0");
        divide(&mut dataset, 2.0);
        assert!((Scaling::of(&dataset).spreads[0] - 0.5).abs() < 1e-6);
    }
}
