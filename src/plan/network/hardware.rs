//! What a piece of inference hardware does to a layer: precision, noise and ranges, as plain data.
//!
//! One layer computes, for each sample x and each target n,
//!
//! ```text
//! x'  = DAC(x)                        codes of the input converter, or x itself
//! w'  = codes of the weights          (+ weight noise, drawn once a pass)
//! pre = step_x scale_n sum_k x'_k w'_kn
//! y   = ADC(pre + sigma z) + bias     NoiseThenQuantise
//! y   = ADC(pre) + sigma z + bias     QuantiseThenNoise
//! ```
//!
//! The bias is digital: it is added after the converter and is neither quantised nor noisy. The
//! activation function follows in full precision. A *row* is the fan-in of one target.
//! `crate::engine::network::hardware` gives these numbers their meaning, one plain function each.

/// How a real number becomes an integer code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// To the nearest integer, halves to the even one.
    #[default]
    Nearest,
    /// Up with the probability of the fractional part, down otherwise: right on average.
    Stochastic,
}

/// How many weights share one scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// All weights of a layer.
    #[default]
    Tensor,
    /// The weights onto one target.
    Row,
}

/// Where the codes of weights lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// From -(2^(bits-1) - 1) to 2^(bits-1) - 1; the largest |w| takes the largest code.
    #[default]
    Symmetric,
    /// All 2^bits codes from the smallest weight (or 0) to the largest (or 0), with a zero point, so that 0 stays exact.
    Affine,
}

/// The law of a noise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Noise {
    /// No noise.
    #[default]
    None,
    /// Normal numbers.
    Gaussian {
        /// Standard deviation, at least 0; its unit is that of the place where the noise acts.
        sigma: f32,
    },
    /// Uniform numbers in [-sqrt(3) sigma, sqrt(3) sigma].
    Uniform {
        /// Standard deviation, at least 0; its unit is that of the place where the noise acts.
        sigma: f32,
    },
}

impl Noise {
    /// The standard deviation; 0 without noise.
    pub const fn sigma(self) -> f32 {
        match self {
            Noise::None => 0.0,
            Noise::Gaussian { sigma } | Noise::Uniform { sigma } => sigma,
        }
    }

    /// True if nothing is added.
    pub fn is_none(self) -> bool {
        self.sigma() == 0.0
    }
}

/// How weights are stored and how exactly they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WeightProfile {
    /// Bits of a code, 2 to 8; `None` keeps f32.
    pub bits: Option<u8>,
    /// How many weights share a scale.
    pub granularity: Granularity,
    /// Where codes lie.
    pub scheme: Scheme,
    /// How weights become codes, once, when the layer is programmed.
    pub rounding: Rounding,
    /// Noise of a read, drawn once a pass for all samples of it; sigma in units of the layer's largest |w|.
    pub noise: Noise,
}

/// The range of the input converter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum InputRange {
    /// The largest |x| of each sample.
    #[default]
    Max,
    /// From -range to range, in units of the activations; what lies outside is clipped.
    Fixed(f32),
}

/// The converter in front of the weights (DAC).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InputConverter {
    /// Bits of a code, 2 to 8; `None` passes f32.
    pub bits: Option<u8>,
    /// Its range: codes run from -(2^(bits-1) - 1) to 2^(bits-1) - 1 over it.
    pub range: InputRange,
    /// How values become codes.
    pub rounding: Rounding,
}

/// The range of the output converter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum OutputRange {
    /// The largest |output| of each sample (before the converter, noise included if it comes first); costs a second touch of the outputs.
    #[default]
    Max,
    /// From -range to range, in the profile's [`OutputUnit`]; what lies outside is clipped.
    Fixed(f32),
    /// This many standard deviations, as expected for each sample: its Euclidean norm times the root mean square of the layer's weights.
    Sigmas(f32),
}

/// The converter behind the weights (ADC).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OutputConverter {
    /// Bits of a code, 2 to 16; `None` passes f32.
    pub bits: Option<u8>,
    /// Its range: codes run from -(2^(bits-1) - 1) to 2^(bits-1) - 1 over it.
    pub range: OutputRange,
    /// How values become codes.
    pub rounding: Rounding,
}

/// In what the output noise and a fixed output range are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OutputUnit {
    /// In units of the sum x W itself.
    #[default]
    Absolute,
    /// In products of one cell at full scale: range of the input converter times the layer's largest
    /// |w|. Crossbar simulators that normalise inputs and weights to [-1, 1] count so. Without an
    /// input converter, its range is the largest |x| of the sample all the same.
    Cell,
}

/// Whether the output noise acts before or after the output converter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NoiseOrder {
    /// Analogue noise: the converter rounds it away or passes it on as whole codes.
    #[default]
    NoiseThenQuantise,
    /// Noise behind the converter: outputs leave the grid of codes.
    QuantiseThenNoise,
}

/// What a piece of inference hardware does to each layer; the default does nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HardwareProfile {
    /// Its name, for messages and manifests.
    pub name: String,
    /// How weights are stored and read.
    pub weights: WeightProfile,
    /// The converter in front of the weights.
    pub input: InputConverter,
    /// Noise of each output, fresh for each sample; sigma in `output_unit`.
    pub output_noise: Noise,
    /// The converter behind the weights.
    pub output: OutputConverter,
    /// Whether `output_noise` acts before or after `output`.
    pub order: NoiseOrder,
    /// The unit of `output_noise` and of a fixed output range.
    pub output_unit: OutputUnit,
}

/// Why a profile describes no hardware.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HardwareError {
    /// A converter or the weights have too few or too many bits.
    #[error("hardware profile {profile:?}: {place} has {bits} bits; it may have 2 to {most}, or None for f32")]
    Bits {
        /// The profile.
        profile: String,
        /// What has them.
        place: &'static str,
        /// How many.
        bits: u8,
        /// The most it may have.
        most: u8,
    },
    /// A number is negative, zero where it must not be, or not finite.
    #[error("hardware profile {profile:?}: {place} is {value:?}; it must be {must}")]
    Number {
        /// The profile.
        profile: String,
        /// Which number.
        place: &'static str,
        /// Its value.
        value: f32,
        /// What it must be.
        must: &'static str,
    },
}

impl HardwareError {
    /// The field that is wrong, as a path into the file of a profile.
    pub fn path(&self) -> &'static str {
        match self {
            HardwareError::Bits { place: "weights", .. } => "weights.bits",
            HardwareError::Bits { place: "input", .. } => "input.bits",
            HardwareError::Bits { .. } => "output.bits",
            HardwareError::Number { place: "weights.noise sigma", .. } => "weights.noise.sigma",
            HardwareError::Number { place: "output_noise sigma", .. } => "output_noise.sigma",
            HardwareError::Number { place: "input.range", .. } => "input.range",
            HardwareError::Number { .. } => "output.range",
        }
    }
}

impl HardwareProfile {
    /// Full precision without noise: what a layer computes in f32.
    pub fn ideal() -> Self {
        HardwareProfile { name: "ideal".to_owned(), ..Self::default() }
    }

    /// True if the profile changes nothing.
    pub fn is_ideal(&self) -> bool {
        self.weights.bits.is_none()
            && self.weights.noise.is_none()
            && self.input.bits.is_none()
            && self.output.bits.is_none()
            && self.output_noise.is_none()
    }

    /// True if products are sums of integer codes, so that integer kernels compute them exactly.
    pub fn has_integer_products(&self) -> bool {
        self.weights.bits.is_some() && self.input.bits.is_some() && self.weights.noise.is_none()
    }

    /// All errors of the profile.
    ///
    /// # Errors
    /// If a number of bits, a sigma or a range lies outside of what its documentation allows.
    pub fn validate(&self) -> Result<(), Vec<HardwareError>> {
        let mut errors = Vec::new();
        let profile = || self.name.clone();
        for (place, bits, most) in [("weights", self.weights.bits, 8), ("input", self.input.bits, 8), ("output", self.output.bits, 16)] {
            if let Some(bits) = bits.filter(|bits| !(2..=most).contains(bits)) {
                errors.push(HardwareError::Bits { profile: profile(), place, bits, most });
            }
        }
        for (place, noise) in [("weights.noise sigma", self.weights.noise), ("output_noise sigma", self.output_noise)] {
            let value = noise.sigma();
            if !(value.is_finite() && value >= 0.0) {
                errors.push(HardwareError::Number { profile: profile(), place, value, must: "finite and at least 0" });
            }
        }
        let input = if let InputRange::Fixed(range) = self.input.range { Some(("input.range", range)) } else { None };
        let output = match self.output.range {
            OutputRange::Max => None,
            OutputRange::Fixed(range) => Some(("output.range", range)),
            OutputRange::Sigmas(k) => Some(("output.range in sigmas", k)),
        };
        for (place, value) in input.into_iter().chain(output) {
            if !(1e-30..=1e30).contains(&value) {
                errors.push(HardwareError::Number { profile: profile(), place, value, must: "from 1e-30 to 1e30" });
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// The largest code of a symmetric quantiser with `bits` bits: 2^(bits-1) - 1.
pub const fn largest_code(bits: u8) -> i32 {
    (1 << (bits - 1)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_does_nothing_and_is_valid() {
        assert!(HardwareProfile::ideal().is_ideal());
        assert_eq!(HardwareProfile::ideal().validate(), Ok(()));
    }

    #[test]
    fn all_errors_are_reported_together_with_value_place_and_way_out() {
        let mut profile = HardwareProfile { name: "bad".to_owned(), ..HardwareProfile::default() };
        profile.weights.bits = Some(1);
        profile.input = InputConverter { bits: Some(9), range: InputRange::Fixed(0.0), rounding: Rounding::Nearest };
        profile.output_noise = Noise::Gaussian { sigma: f32::NAN };
        profile.output.range = OutputRange::Sigmas(-1.0);
        let errors = profile.validate().unwrap_err();
        let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(text.len(), 5, "{text:?}");
        assert_eq!(text[0], "hardware profile \"bad\": weights has 1 bits; it may have 2 to 8, or None for f32");
        assert!(text[2].contains("output_noise sigma is NaN; it must be finite and at least 0"), "{text:?}");
        assert!(text[3].contains("input.range is 0"), "{text:?}");
    }

    #[test]
    fn symmetric_codes_leave_out_the_lowest() {
        assert_eq!([2, 4, 8].map(largest_code), [1, 7, 127]);
    }
}
