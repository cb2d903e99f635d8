//! Hardware profiles from their files.

use crate::data::DataError;
use crate::plan::network::{
    Granularity, HardwareProfile, InputConverter, InputRange, Noise, NoiseOrder, OutputConverter, OutputRange, OutputUnit, Rounding,
    Scheme, WeightProfile,
};

use super::wire::{
    GranularityWire, HardwareWire, InputRangeWire, NoiseWire, OrderWire, OutputRangeWire, OutputUnitWire, RoundingWire, SchemeWire,
    ron_options,
};

/// Longest profile, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Reads the profile in `bytes`; `file` is what errors call it.
///
/// # Errors
/// If it is no profile, with the line and column, or describes no hardware, with all that is wrong.
pub fn read_hardware(file: &str, bytes: &[u8]) -> Result<HardwareProfile, DataError> {
    if bytes.len() > MAX_BYTES {
        return Err(DataError::whole(file, format!("a hardware profile has at most {MAX_BYTES} bytes, and this one {}", bytes.len())));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| DataError::whole(file, "expected text in UTF-8, found other bytes"))?;
    let wire: HardwareWire = ron_options().from_str(text).map_err(|error| {
        let at = error.span.start;
        DataError::at_text(file, at.line as u64, at.col as u64, error.code.to_string())
    })?;
    if wire.format != 1 {
        return Err(DataError::whole(file, format!("the profile is of format {}, and this lehr reads format 1", wire.format)));
    }
    let profile = profile_of(&wire);
    match profile.validate() {
        Ok(()) => Ok(profile),
        Err(errors) => {
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Err(DataError::whole(file, all.join("; ")))
        }
    }
}

fn profile_of(wire: &HardwareWire) -> HardwareProfile {
    HardwareProfile {
        name: wire.name.clone(),
        weights: WeightProfile {
            bits: wire.weights.bits,
            granularity: match wire.weights.granularity {
                GranularityWire::Tensor => Granularity::Tensor,
                GranularityWire::Row => Granularity::Row,
            },
            scheme: match wire.weights.scheme {
                SchemeWire::Symmetric => Scheme::Symmetric,
                SchemeWire::Affine => Scheme::Affine,
            },
            rounding: rounding(wire.weights.rounding),
            noise: noise(wire.weights.noise),
        },
        input: InputConverter {
            bits: wire.input.bits,
            range: match wire.input.range {
                InputRangeWire::Max => InputRange::Max,
                InputRangeWire::Fixed(range) => InputRange::Fixed(range as f32),
            },
            rounding: rounding(wire.input.rounding),
        },
        output_noise: noise(wire.output_noise),
        output: OutputConverter {
            bits: wire.output.bits,
            range: match wire.output.range {
                OutputRangeWire::Max => OutputRange::Max,
                OutputRangeWire::Fixed(range) => OutputRange::Fixed(range as f32),
                OutputRangeWire::Sigmas(n) => OutputRange::Sigmas(n as f32),
            },
            rounding: rounding(wire.output.rounding),
        },
        order: match wire.order {
            OrderWire::NoiseThenQuantise => NoiseOrder::NoiseThenQuantise,
            OrderWire::QuantiseThenNoise => NoiseOrder::QuantiseThenNoise,
        },
        output_unit: match wire.output_unit {
            OutputUnitWire::Absolute => OutputUnit::Absolute,
            OutputUnitWire::Cell => OutputUnit::Cell,
        },
    }
}

fn rounding(wire: RoundingWire) -> Rounding {
    match wire {
        RoundingWire::Nearest => Rounding::Nearest,
        RoundingWire::Stochastic => Rounding::Stochastic,
    }
}

fn noise(wire: NoiseWire) -> Noise {
    match wire {
        NoiseWire::None => Noise::None,
        NoiseWire::Gaussian(n) => Noise::Gaussian { sigma: n.sigma as f32 },
        NoiseWire::Uniform(n) => Noise::Uniform { sigma: n.sigma as f32 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_of_its_name_alone_is_ideal() {
        let profile = read_hardware("h.ron", b"Hardware(format: 1, name: \"none\")").unwrap();
        assert!(profile.is_ideal());
        let text = "Hardware(format: 1, name: \"a\", weights: (bits: 4, granularity: Row, noise: Gaussian(sigma: 0.02)), input: (bits: 8),
            output: (bits: 8, range: Sigmas(4)), output_noise: Uniform(sigma: 0.5), output_unit: Cell, order: QuantiseThenNoise)";
        let profile = read_hardware("h.ron", text.as_bytes()).unwrap();
        assert_eq!(profile.weights.bits, Some(4));
        assert_eq!(profile.weights.noise, Noise::Gaussian { sigma: 0.02 });
        assert_eq!((profile.output.range, profile.order), (OutputRange::Sigmas(4.0), NoiseOrder::QuantiseThenNoise));
    }

    #[test]
    fn the_profiles_of_the_assets_are_what_they_say() {
        let of = |file: &str, bytes: &[u8]| read_hardware(file, bytes).unwrap_or_else(|error| panic!("{error}"));
        assert!(of("ideal.ron", include_bytes!("../../assets/hardware/ideal.ron")).is_ideal());
        let edge = of("edge_8bit.ron", include_bytes!("../../assets/hardware/edge_8bit.ron"));
        assert!(edge.has_integer_products() && edge.output.bits == Some(8) && edge.output_noise.is_none());
        let analogue = of("analogue_4bit.ron", include_bytes!("../../assets/hardware/analogue_4bit.ron"));
        assert_eq!((analogue.name.as_str(), analogue.weights.bits), ("analogue_4bit", Some(4)));
        assert_eq!((analogue.weights.noise.sigma(), analogue.output_noise.sigma()), (0.02, 0.06));
        assert_eq!((analogue.output.range, analogue.output_unit), (OutputRange::Fixed(12.0), OutputUnit::Cell));
    }

    #[test]
    fn a_bad_profile_names_its_place() {
        let check = |text: &str, expected: &str| {
            let found = read_hardware("h.ron", text.as_bytes()).unwrap_err().to_string();
            assert!(found.starts_with("h.ron") && found.contains(expected), "{found}");
        };
        check("Hardware(format: 1, name: \"a\",\n bits: 4)", ":2:");
        check("Hardware(format: 1, name: \"a\", weights: (bits: 1))", "weights has 1 bits");
        check("Hardware(format: 1, name: \"a\", output_noise: Gaussian(sigma: -1))", "finite and at least 0");
        check("", "h.ron:1:1");
    }
}
