//! Samples: where they come from and how they are prepared.

use serde::Deserialize;

/// `Data(source: Csv(path: "iris.csv"), test: 0.2)`.
#[derive(Debug, Deserialize)]
#[serde(rename = "Data", deny_unknown_fields)]
pub struct DataWire {
    /// Where the samples come from.
    pub source: SourceWire,
    /// What the targets are.
    #[serde(default)]
    pub task: TaskWire,
    /// Share of the samples that is kept for the test.
    #[serde(default)]
    pub test: f64,
    /// True to give each class its part of the test.
    #[serde(default = "yes")]
    pub stratify: bool,
    /// Seed of the split; that of the run if left out.
    pub split_seed: Option<u64>,
    /// True to give each feature mean 0 and standard deviation 1, by the statistics of what is learned from.
    #[serde(default)]
    pub standardise: bool,
    /// Number by which all features are divided.
    #[serde(default = "unit")]
    pub divide_by: f64,
    /// How long a sample lasts for a recurrent network, and what it shows at each step.
    #[serde(default)]
    pub time: TimeWire,
}

/// How long a sample lasts for a recurrent network, and what it shows at each step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum TimeWire {
    /// One step.
    #[default]
    Once,
    /// This many steps, each with all features.
    Shown(u64),
    /// This many steps; features are those of the first step, then those of the second, and so on.
    Sequence(u64),
}

fn yes() -> bool {
    true
}

fn unit() -> f64 {
    1.0
}

/// What targets are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum TaskWire {
    /// One class a sample.
    #[default]
    Classes,
    /// Numbers.
    Values,
}

/// Where samples come from.
#[derive(Debug, Deserialize)]
pub enum SourceWire {
    /// A table in text.
    Csv(CsvWire),
    /// Two arrays of NumPy.
    Npy(PairWire),
    /// An archive of arrays of NumPy.
    Npz(NpzWire),
    /// Two IDX files, as MNIST has them.
    Idx(PairWire),
    /// Samples written out: [([features], [targets]), ...].
    Samples(Vec<(Vec<f64>, Vec<f64>)>),
    /// Two interleaved spirals.
    TwoSpirals(SpiralsWire),
    /// The pictures of bars, or of stripes, of a square of this side, each once: classes "bars", "stripes" and "plain".
    BarsAndStripes(BarsWire),
    /// Sequences of bits: is exactly one of the first two on?
    DelayedXor(DelayedXorWire),
}

/// `Csv(path: "iris.csv", target: "label")`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvWire {
    /// The file, relative to the scene's folder.
    pub path: String,
    /// The target column, by name or number from 0; the last one if left out.
    pub target: Option<String>,
    /// Several target columns of values, in place of `target`.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Columns that are no features.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// The character between two values.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// Whether the first row holds names; by the look of the first two rows if left out.
    #[serde(default)]
    pub header: HeaderWire,
    /// Another file of the same columns to test with, in place of a share.
    pub test_path: Option<String>,
}

/// Whether the first row of a table holds the names of its columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum HeaderWire {
    /// As the first two rows look.
    #[default]
    Auto,
    /// It does.
    Yes,
    /// It is a sample.
    No,
}

fn comma() -> char {
    ','
}

/// `Idx(inputs: "train-images", targets: "train-labels")`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairWire {
    /// The file of inputs, relative to the scene's folder.
    pub inputs: String,
    /// The file of targets.
    pub targets: String,
    /// Inputs to test with, in place of a share.
    pub test_inputs: Option<String>,
    /// Their targets.
    pub test_targets: Option<String>,
}

/// `Npz(path: "mnist.npz", inputs: "x_train", targets: "y_train")`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NpzWire {
    /// The file, relative to the scene's folder.
    pub path: String,
    /// The array of inputs.
    pub inputs: String,
    /// The array of targets.
    pub targets: String,
    /// The array of inputs to test with, in place of a share.
    pub test_inputs: Option<String>,
    /// Their targets.
    pub test_targets: Option<String>,
}

/// `TwoSpirals(samples: 200)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpiralsWire {
    /// Samples of both arms together, an even number.
    pub samples: u64,
    /// Turns of an arm.
    pub turns: f64,
    /// Standard deviation of the noise on both coordinates; the radius is 1.
    pub noise: f64,
    /// Number of the random instance.
    pub instance: u64,
}

impl Default for SpiralsWire {
    fn default() -> Self {
        SpiralsWire { samples: 194, turns: 3.0, noise: 0.0, instance: 0 }
    }
}

/// `BarsAndStripes(side: 3)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BarsWire {
    /// Pixels of a side.
    pub side: u64,
}

impl Default for BarsWire {
    fn default() -> Self {
        BarsWire { side: 3 }
    }
}

/// `DelayedXor(samples: 1000, distractors: 8)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DelayedXorWire {
    /// Number of sequences.
    pub samples: u64,
    /// Bits that follow the two that count.
    pub distractors: u64,
    /// Number of the random instance.
    pub instance: u64,
}

impl Default for DelayedXorWire {
    fn default() -> Self {
        DelayedXorWire { samples: 1000, distractors: 8, instance: 0 }
    }
}

/// How wrong an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum LossWire {
    /// The mean over outputs of (y - t)^2.
    MeanSquare,
    /// ln(sum of e^y) - y of the class.
    CrossEntropy,
    /// The mean over outputs of ln(1 + e^y) - t y.
    BinaryCrossEntropy,
    /// The mean over outputs of max(0, 1 - t y).
    Hinge,
}
