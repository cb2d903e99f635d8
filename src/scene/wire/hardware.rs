//! Hardware profiles, which live in files of their own.

use serde::Deserialize;

/// `Hardware(format: 1, name: "analogue_4bit", ...)`: everything left out is ideal.
#[derive(Debug, Deserialize)]
#[serde(rename = "Hardware", deny_unknown_fields)]
pub struct HardwareWire {
    /// Always 1.
    pub format: u32,
    /// Its name, for messages and manifests.
    pub name: String,
    /// How weights are stored and read.
    #[serde(default)]
    pub weights: StoredWeightsWire,
    /// The converter in front of the weights.
    #[serde(default)]
    pub input: InputConverterWire,
    /// Noise of each output.
    #[serde(default)]
    pub output_noise: NoiseWire,
    /// The converter behind the weights.
    #[serde(default)]
    pub output: OutputConverterWire,
    /// Whether the output noise acts before or after the converter.
    #[serde(default)]
    pub order: OrderWire,
    /// In what the output noise and a fixed output range are given.
    #[serde(default)]
    pub output_unit: OutputUnitWire,
}

/// How weights are stored and read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename = "Weights", deny_unknown_fields, default)]
pub struct StoredWeightsWire {
    /// Bits of a code, 2 to 8; f32 if left out.
    pub bits: Option<u8>,
    /// How many weights share a scale.
    pub granularity: GranularityWire,
    /// Where codes lie.
    pub scheme: SchemeWire,
    /// How weights become codes.
    pub rounding: RoundingWire,
    /// Noise of a read.
    pub noise: NoiseWire,
}

/// How many weights share a scale.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum GranularityWire {
    /// All weights of a layer.
    #[default]
    Tensor,
    /// The weights onto one target.
    Row,
}

/// Where codes lie.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum SchemeWire {
    /// Around 0.
    #[default]
    Symmetric,
    /// From the smallest weight to the largest.
    Affine,
}

/// How a number becomes a code.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum RoundingWire {
    /// To the nearest.
    #[default]
    Nearest,
    /// Up or down by chance, right on average.
    Stochastic,
}

/// The law of a noise, by its standard deviation.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum NoiseWire {
    /// No noise.
    #[default]
    None,
    /// Normal numbers.
    Gaussian(SigmaWire),
    /// Uniform numbers.
    Uniform(SigmaWire),
}

/// `Gaussian(sigma: 0.02)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigmaWire {
    /// Standard deviation.
    pub sigma: f64,
}

/// The converter in front of the weights.
#[derive(Debug, Default, Deserialize)]
#[serde(rename = "Input", deny_unknown_fields, default)]
pub struct InputConverterWire {
    /// Bits of a code, 2 to 8; f32 if left out.
    pub bits: Option<u8>,
    /// Its range.
    pub range: InputRangeWire,
    /// How values become codes.
    pub rounding: RoundingWire,
}

/// The range of the input converter.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum InputRangeWire {
    /// The largest |x| of each sample.
    #[default]
    Max,
    /// From the negative of this to it.
    Fixed(f64),
}

/// The converter behind the weights.
#[derive(Debug, Default, Deserialize)]
#[serde(rename = "Output", deny_unknown_fields, default)]
pub struct OutputConverterWire {
    /// Bits of a code, 2 to 16; f32 if left out.
    pub bits: Option<u8>,
    /// Its range.
    pub range: OutputRangeWire,
    /// How values become codes.
    pub rounding: RoundingWire,
}

/// The range of the output converter.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum OutputRangeWire {
    /// The largest |output| of each sample.
    #[default]
    Max,
    /// From the negative of this to it.
    Fixed(f64),
    /// This many expected standard deviations.
    Sigmas(f64),
}

/// Whether noise or conversion comes first.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum OrderWire {
    /// Analogue noise.
    #[default]
    NoiseThenQuantise,
    /// Noise behind the converter.
    QuantiseThenNoise,
}

/// The unit of output noise and ranges.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum OutputUnitWire {
    /// That of the sum itself.
    #[default]
    Absolute,
    /// Products of one cell at full scale.
    Cell,
}
