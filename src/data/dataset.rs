//! Samples with their targets, in memory.

/// What a network should answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// One class a sample, as an index into the dataset's class names.
    Classes(Vec<u32>),
    /// `width` values a sample, row-major `[sample][value]`.
    Values {
        /// Values a sample.
        width: usize,
        /// All of them.
        values: Vec<f32>,
    },
}

/// Samples of equal length with their targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Values of a sample.
    pub n_features: usize,
    /// All samples, row-major `[sample][feature]`.
    pub inputs: Vec<f32>,
    /// Their targets.
    pub targets: Targets,
    /// Names of the classes, in the order of their indices; empty for values.
    pub class_names: Vec<String>,
}

impl Dataset {
    /// Number of samples.
    pub fn n_samples(&self) -> usize {
        match &self.targets {
            Targets::Classes(classes) => classes.len(),
            Targets::Values { width, values } => values.len() / (*width).max(1),
        }
    }

    /// The features of one sample.
    pub fn sample(&self, sample: usize) -> &[f32] {
        &self.inputs[sample * self.n_features..(sample + 1) * self.n_features]
    }

    /// Number of outputs that the targets ask for: one a class, or one a value.
    pub fn n_outputs(&self) -> usize {
        match &self.targets {
            Targets::Classes(_) => self.class_names.len(),
            Targets::Values { width, .. } => *width,
        }
    }

    /// The samples with these numbers, in this order.
    ///
    /// # Panics
    /// If a number is not below the number of samples.
    pub fn select(&self, samples: &[u32]) -> Dataset {
        let inputs = samples.iter().flat_map(|&i| self.sample(i as usize)).copied().collect();
        let targets = match &self.targets {
            Targets::Classes(classes) => Targets::Classes(samples.iter().map(|&i| classes[i as usize]).collect()),
            Targets::Values { width, values } => {
                let row = |i: u32| i as usize * width..(i as usize + 1) * width;
                Targets::Values { width: *width, values: samples.iter().flat_map(|&i| &values[row(i)]).copied().collect() }
            }
        };
        Dataset { n_features: self.n_features, inputs, targets, class_names: self.class_names.clone() }
    }
}
