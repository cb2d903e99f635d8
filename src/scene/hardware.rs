//! Hardware profiles from their files.

use ron2::ast::parse_document;

use crate::data::DataError;
use crate::plan::network::{
    Granularity, HardwareProfile, InputConverter, InputRange, Noise, NoiseOrder, OutputConverter, OutputRange, OutputUnit, Rounding,
    Scheme, WeightProfile,
};

use super::code::Code;
use super::report::Complaint;
use super::shape::check_shape_of;
use super::syntax::check_syntax;
use super::text::{SplicedText, line_and_column};
use super::tree;
use super::wire::{
    GranularityWire, HardwareWire, InputRangeWire, NoiseWire, OrderWire, OutputRangeWire, OutputUnitWire, RoundingWire, SchemeWire,
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
    // 1. Syntax and shape, by the passes of a scene.
    let spliced = SplicedText::new(text.to_owned());
    let complaints = check_syntax(&spliced);
    if !complaints.is_empty() {
        return Err(misshaped(file, text, &complaints));
    }
    let wire: HardwareWire = check_shape_of(&spliced).map_err(|complaints| misshaped(file, text, &complaints))?;
    // 2. Meaning; each problem with the path of its field.
    let mut problems: Vec<(&str, String)> = Vec::new();
    if wire.format != 1 {
        problems.push(("format", format!("the profile is of format {}, and this lehr reads format 1", wire.format)));
    }
    let idle_range = |part: &str| format!("{part} has a range and no bits, so that nothing is converted: add bits, or remove the range");
    if wire.input.bits.is_none() && !matches!(wire.input.range, InputRangeWire::Max) {
        problems.push(("input.range", idle_range("input")));
    }
    if wire.output.bits.is_none() && !matches!(wire.output.range, OutputRangeWire::Max) {
        problems.push(("output.range", idle_range("output")));
    }
    let profile = profile_of(&wire);
    if let Err(errors) = profile.validate() {
        problems.extend(errors.iter().map(|error| (error.path(), error.to_string())));
    }
    let placed: Vec<((usize, usize), String)> = problems.into_iter().map(|(path, problem)| (place_of(text, path), problem)).collect();
    if placed.is_empty() { Ok(profile) } else { Err(joined(file, placed)) }
}

/// Complaints about the shape of a profile as one error at the place of the first.
fn misshaped(file: &str, text: &str, complaints: &[Complaint]) -> DataError {
    let say = |complaint: &Complaint| {
        let at = line_and_column(text, complaint.place.as_ref().map_or(0, |place| place.span.start));
        let mut message =
            complaint.message.replace("the scene is empty: expected `Scene(...)`", "the profile is empty: expected `Hardware(...)`");
        if matches!(complaint.code, Code::UnknownField | Code::UnknownVariant) {
            message.push_str(&format!("; {}", complaint.help));
        }
        (at, message)
    };
    joined(file, complaints.iter().map(say).collect())
}

/// One error at the first place; the others name their own.
fn joined(file: &str, mut problems: Vec<((usize, usize), String)>) -> DataError {
    problems.sort_by_key(|(at, _)| *at);
    let mut message = String::new();
    for (i, ((line, column), problem)) in problems.iter().enumerate() {
        message.push_str(&if i == 0 { problem.clone() } else { format!("; {line}:{column}: {problem}") });
    }
    let (line, column) = problems.first().map_or((1, 1), |(at, _)| *at);
    DataError::at_text(file, line as u64, column as u64, message)
}

/// Line and column of the value of `path`, or of the nearest that is there above it.
fn place_of(text: &str, path: &str) -> (usize, usize) {
    let steps: Vec<tree::Step> = tree::parse_path(path).unwrap_or_default().into_iter().map(|(step, _)| step).collect();
    let document = parse_document(text).ok();
    let root = document.as_ref().and_then(|d| d.value.as_ref());
    let node = root.and_then(|root| (0..=steps.len()).rev().find_map(|n| tree::resolve(root, &steps[..n]).first().copied()));
    node.map_or((1, 1), |node| line_and_column(text, tree::span(node).start))
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
        check("Hardware(format: 1, name: \"a\",\n bits: 4)", "h.ron:2:2: no field \"bits\" of Hardware");
        check("Hardware(format: 1, name: \"a\",\n wieghts: (bits: 4))", "(did you mean \"weights\"?); known fields: format, name, weights");
        check("Hardware(format: 1, name: \"a\",\n weights: (bits: 300))", "h.ron:2:");
        check("Hardware(format: 1, name: \"a\",\n weights: (bits: 1))", "h.ron:2:18: hardware profile \"a\": weights has 1 bits");
        check("Hardware(format: 1, name: \"a\",\n output_noise: Gaussian(sigma: -1))", "h.ron:2:32: ");
        check("Hardware(format: 1, name: \"a\", output_noise: Gaussian(sigma: -1))", "finite and at least 0");
        check("Hardware(format: 2, name: \"a\")", "h.ron:1:18: the profile is of format 2");
        check("Hardware(format: 1, name: \"a\",\n output: (range: Fixed(1e-38)))", "h.ron:2:18: output has a range and no bits");
        check("Hardware(format: 1, name: \"a\",\n output: (bits: 8, range: Fixed(1e-38)))", "from 1e-30 to 1e30");
        check("Hardware(format: 1,, name: \"a\")", "h.ron:1:20: ");
        check("", "h.ron:1:1");
    }
}
