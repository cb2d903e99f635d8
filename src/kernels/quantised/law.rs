//! The meaning of a converter and of a noisy output, number by number: what every backend repeats.
//!
//! ```text
//! input    step = range / q, x' = round(clamp(x q / range)), q = 2^(bits-1) - 1
//! output   v = p' (scale_n scale)            p' = sum of x' w', scale = step_x, over the output step if that is known
//!          v = fma(z, sigma, v)              if noise comes first
//!          c = round(clamp(v)); y = fma(c, step, bias)      y = v + bias without converter
//!          y = fma(z, sigma, y)              if noise comes last
//! ```
//!
//! Rounding to nearest takes halves to the even code; stochastic rounding is floor(v + u). NaN becomes the
//! largest code. The order of these float operations is part of the law.

use crate::plan::network::{HardwareProfile, InputRange, NoiseOrder, OutputRange, OutputUnit, Rounding, hardware};
use crate::random::{StreamKey, SystemTag};

use super::noise::{NoiseLaw, PANEL, RowBits, fraction_from, normal_from, uniform_from};

/// The streams of one pass over one layer, each for its own purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassKeys {
    /// Noise of outputs; `replica` becomes the sample.
    pub output_noise: StreamKey,
    /// Stochastic rounding of inputs; `replica` becomes the sample.
    pub input_rounding: StreamKey,
    /// Stochastic rounding of outputs; `replica` becomes the sample.
    pub output_rounding: StreamKey,
    /// Noise of weights, drawn once a pass.
    pub weight_noise: StreamKey,
    /// Stochastic rounding of weights, when they are programmed.
    pub weight_rounding: StreamKey,
}

impl PassKeys {
    /// The streams of a pass named by seed, step, system and sweep of `key`; its block and replica are not used.
    pub fn new(key: StreamKey) -> Self {
        let purpose = |name: &str| StreamKey { system: SystemTag(key.system.0 ^ SystemTag::named(name).0), block: 0, replica: 0, ..key };
        PassKeys {
            output_noise: purpose("hardware output noise"),
            input_rounding: purpose("hardware input rounding"),
            output_rounding: purpose("hardware output rounding"),
            weight_noise: purpose("hardware weight noise"),
            weight_rounding: purpose("hardware weight rounding"),
        }
    }
}

/// Clamps to -largest..=largest; NaN becomes `largest`, as with the vector instructions.
#[inline(always)]
pub fn clamp(v: f32, largest: f32) -> f32 {
    let v = if v < largest { v } else { largest };
    if v > -largest { v } else { -largest }
}

/// How far `v` (in steps) lies beyond what rounds to a code up to `largest`; 0 if it does not.
#[inline(always)]
pub fn excess(v: f32, largest: f32) -> f32 {
    v - clamp(v, largest + 0.5)
}

/// The nearest integer, halves to even, for |v| at most 2^22; never minus zero.
#[inline(always)]
pub fn round_even(v: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0;
    (v + MAGIC) - MAGIC
}

/// The largest integer at most v, for |v| below 2^31.
#[inline(always)]
pub fn floor(v: f32) -> f32 {
    let t = v as i32 as f32;
    if t > v { t - 1.0 } else { t }
}

/// The code of `v` (in steps), rounded to nearest.
#[inline(always)]
pub fn code_nearest(v: f32, largest: f32) -> f32 {
    round_even(clamp(v, largest))
}

/// The code of `v` (in steps), rounded stochastically by `bits`.
#[inline(always)]
pub fn code_stochastic(v: f32, largest: f32, bits: u32) -> f32 {
    let code = floor(clamp(v, largest) + fraction_from(bits));
    if code < largest { code } else { largest }
}

/// Step of a converter over -range..range with codes up to `largest`, and its reciprocal; both 0 if the range is 0.
#[inline]
pub fn steps(range: f32, largest: f32) -> (f32, f32) {
    // Below this the reciprocal overflows; such a range holds nothing but zeros.
    if range > 1e-30 { (range / largest, largest / range) } else { (0.0, 0.0) }
}

/// The largest |x|; NaN is passed over.
#[inline]
pub fn largest_magnitude(xs: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; PANEL];
    let (panels, tail) = xs.as_chunks::<PANEL>();
    for panel in panels {
        for (top, x) in lanes.iter_mut().zip(panel) {
            *top = if x.abs() > *top { x.abs() } else { *top };
        }
    }
    lanes.iter().chain(tail).fold(0.0, |top, x| if x.abs() > top { x.abs() } else { top })
}

/// What the input converter found out about one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputRow {
    /// Units of the activation per code; 1 without converter.
    pub step: f32,
    /// The range of the converter: the largest |x| of the sample, or the fixed one.
    pub range: f32,
    /// The sum of the squares of codes (of values without converter); 0 unless the output range needs it.
    pub squares: f32,
}

/// The input converter of a profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputLaw {
    /// The largest code; `None` without converter.
    pub largest: Option<f32>,
    /// A fixed range; `None` takes the largest |x|.
    pub range: Option<f32>,
    /// Rounds stochastically.
    pub is_stochastic: bool,
    /// The sum of squares is wanted.
    pub wants_squares: bool,
}

impl InputLaw {
    /// The input converter of `profile`.
    pub fn of(profile: &HardwareProfile) -> Self {
        InputLaw {
            largest: profile.input.bits.map(|bits| hardware::largest_code(bits) as f32),
            range: if let InputRange::Fixed(range) = profile.input.range { Some(range) } else { None },
            is_stochastic: profile.input.rounding == Rounding::Stochastic,
            wants_squares: profile.output.bits.is_some() && matches!(profile.output.range, OutputRange::Sigmas(_)),
        }
    }

    /// Writes the codes of sample `sample` (its values without converter) to `codes`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn convert(&self, xs: &[f32], keys: &PassKeys, sample: u32, codes: &mut [f32]) -> InputRow {
        assert_eq!(xs.len(), codes.len(), "one code a value");
        let range = self.range.unwrap_or_else(|| largest_magnitude(xs));
        let Some(largest) = self.largest else {
            codes.copy_from_slice(xs);
            let squares = if self.wants_squares { sum_of_squares(xs) } else { 0.0 };
            return InputRow { step: 1.0, range, squares };
        };
        let (step, inverse) = steps(range, largest);
        if self.is_stochastic {
            let mut bits = RowBits::new(keys.input_rounding.replica(sample), 0);
            for (codes, xs) in codes.chunks_mut(PANEL).zip(xs.chunks(PANEL)) {
                for ((code, x), bits) in codes.iter_mut().zip(xs).zip(bits.next_panel()) {
                    *code = code_stochastic(x * inverse, largest, bits);
                }
            }
        } else {
            for (code, x) in codes.iter_mut().zip(xs) {
                *code = code_nearest(x * inverse, largest);
            }
        }
        let squares = if self.wants_squares { codes.iter().map(|&c| (c * c) as u64).sum::<u64>() as f32 } else { 0.0 };
        InputRow { step, range, squares }
    }
}

/// Sums x^2 over 16 lanes, folded in order.
fn sum_of_squares(xs: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; PANEL];
    for panel in xs.chunks(PANEL) {
        for (lane, x) in lanes.iter_mut().zip(panel) {
            *lane += x * x;
        }
    }
    lanes.iter().sum()
}

/// The range of an output converter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RangeLaw {
    /// The largest |v| of the sample.
    Max,
    /// Known beforehand, in the output unit.
    Fixed(f32),
    /// A multiple of the norm of the sample (the factor holds sigmas and weights).
    Norm(f32),
}

/// The output converter and noise of a profile, for one layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputLaw {
    /// The law of the noise.
    pub noise: NoiseLaw,
    /// Its standard deviation in the output unit.
    pub sigma: f32,
    /// Noise before the converter.
    pub is_noise_first: bool,
    /// The largest |w| if the output unit is a cell's full scale; `None` for absolute units.
    pub cell: Option<f32>,
    /// The largest code; `None` without converter.
    pub largest: Option<f32>,
    /// The range of the converter.
    pub range: RangeLaw,
    /// Rounds stochastically.
    pub is_stochastic: bool,
}

/// The factors of one sample's outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputRow {
    /// Multiplies the scale of a row of weights.
    pub scale: f32,
    /// Multiplies standard noise, in the unit in which the noise acts.
    pub sigma: f32,
    /// Units of the output per code.
    pub step: f32,
}

impl OutputLaw {
    /// The output side of `profile` for a layer with largest |w| `largest_weight` and root mean square `rms_weight`.
    pub fn of(profile: &HardwareProfile, largest_weight: f32, rms_weight: f32) -> Self {
        OutputLaw {
            noise: profile.output_noise.into(),
            sigma: profile.output_noise.sigma(),
            is_noise_first: profile.order == NoiseOrder::NoiseThenQuantise,
            cell: (profile.output_unit == OutputUnit::Cell).then_some(largest_weight),
            largest: profile.output.bits.map(|bits| hardware::largest_code(bits) as f32),
            range: match profile.output.range {
                OutputRange::Max => RangeLaw::Max,
                OutputRange::Fixed(range) => RangeLaw::Fixed(range),
                OutputRange::Sigmas(sigmas) => RangeLaw::Norm(sigmas * rms_weight),
            },
            is_stochastic: profile.output.rounding == Rounding::Stochastic,
        }
    }

    /// True if the range of the converter is known only when all outputs of a sample are.
    pub fn needs_two_touches(&self) -> bool {
        self.largest.is_some() && self.range == RangeLaw::Max
    }

    /// The factors of a sample; with a range by the largest output, those of its first touch (`step` is 0).
    #[inline]
    pub fn row(&self, input: &InputRow) -> OutputRow {
        let unit = self.cell.map_or(1.0, |weight| input.range * weight);
        let sigma = self.sigma * unit;
        let range = match (self.largest, self.range) {
            (None, _) | (_, RangeLaw::Max) => return OutputRow { scale: input.step, sigma, step: 0.0 },
            (_, RangeLaw::Fixed(range)) => range * unit,
            (_, RangeLaw::Norm(factor)) => input.squares.sqrt() * input.step * factor,
        };
        let (step, inverse) = steps(range, self.largest.unwrap_or(1.0));
        OutputRow { scale: input.step * inverse, sigma: if self.is_noise_first { sigma * inverse } else { sigma }, step }
    }

    /// Turns the products of one sample (sums of x' w') into outputs, in place.
    ///
    /// # Panics
    /// If `scales` or `bias` are shorter than the products.
    pub fn finish(&self, values: &mut [f32], scales: &[f32], bias: Option<&[f32]>, input: &InputRow, keys: &PassKeys, sample: u32) {
        self.finish_noting(values, scales, bias, input, keys, sample, &mut []);
    }

    /// As [`OutputLaw::finish`]; also writes to `beyond` how far, in codes, each output lay beyond the range of the converter, before
    /// it was clipped: 0 where the nearest code is one that the converter has. Nothing is written if `beyond` is empty.
    ///
    /// # Panics
    /// If `scales`, `bias` or `beyond` are shorter than the products.
    #[expect(clippy::too_many_arguments, reason = "the law of one sample, and all that it goes by")]
    pub fn finish_noting(
        &self,
        values: &mut [f32],
        scales: &[f32],
        bias: Option<&[f32]>,
        input: &InputRow,
        keys: &PassKeys,
        sample: u32,
        beyond: &mut [f32],
    ) {
        assert!(beyond.is_empty() || beyond.len() >= values.len(), "{} excesses of {} outputs", beyond.len(), values.len());
        assert!(scales.len() >= values.len(), "{} scales of {} outputs", scales.len(), values.len());
        assert!(bias.is_none_or(|b| b.len() >= values.len()), "a bias for each of {} outputs", values.len());
        let row = self.row(input);
        let streams = Streams { law: *self, keys: *keys, sample };
        if self.needs_two_touches() {
            let mut noise = streams.noise(0, self.is_noise_first);
            for (values, scales) in values.chunks_mut(PANEL).zip(scales.chunks(PANEL)) {
                let z = noise.next();
                for ((v, scale), z) in values.iter_mut().zip(scales).zip(z) {
                    *v *= scale * row.scale;
                    *v = if self.is_noise_first && self.noise != NoiseLaw::None { z.mul_add(row.sigma, *v) } else { *v };
                }
            }
            let (step, inverse) = steps(largest_magnitude(values), self.largest.unwrap_or(1.0));
            let late = OutputRow { scale: inverse, sigma: row.sigma, step };
            // The range is that of the largest output: none lies beyond.
            beyond.fill(0.0);
            self.touch(values, (None, bias), late, &streams, !self.is_noise_first, &mut []);
        } else {
            self.touch(values, (Some(scales), bias), row, &streams, true, beyond);
        }
    }

    /// Scales, adds noise if asked, converts and adds the bias.
    fn touch(
        &self,
        values: &mut [f32],
        (scales, bias): (Option<&[f32]>, Option<&[f32]>),
        row: OutputRow,
        streams: &Streams,
        noisy: bool,
        beyond: &mut [f32],
    ) {
        let (mut noise, mut rounding) = (streams.noise(0, noisy), streams.rounding(0));
        let adds_noise = noisy && self.noise != NoiseLaw::None;
        for (panel, values) in values.chunks_mut(PANEL).enumerate() {
            let (z, bits) = (noise.next(), rounding.as_mut().map_or([0; PANEL], RowBits::next_panel));
            for (j, value) in values.iter_mut().enumerate() {
                let n = panel * PANEL + j;
                // Adding zero makes a bias of minus zero plain, so that the sign of a zero code cannot show.
                let bias = bias.map_or(0.0, |b| b[n]) + 0.0;
                let mut v = *value * scales.map_or(row.scale, |scales| scales[n] * row.scale);
                if adds_noise && self.is_noise_first {
                    v = z[j].mul_add(row.sigma, v);
                }
                if let Some(beyond) = beyond.get_mut(n) {
                    *beyond = self.largest.map_or(0.0, |largest| excess(v, largest));
                }
                let mut y = match self.largest {
                    None => v + bias,
                    Some(largest) if self.is_stochastic => code_stochastic(v, largest, bits[j]).mul_add(row.step, bias),
                    Some(largest) => code_nearest(v, largest).mul_add(row.step, bias),
                };
                if adds_noise && !self.is_noise_first {
                    y = z[j].mul_add(row.sigma, y);
                }
                *value = y;
            }
        }
    }
}

/// The random streams of one sample.
struct Streams {
    law: OutputLaw,
    keys: PassKeys,
    sample: u32,
}

/// Standard noise of a row, panel by panel.
struct RowNoise(NoiseLaw, Option<RowBits>);

impl RowNoise {
    fn next(&mut self) -> [f32; PANEL] {
        match (self.0, &mut self.1) {
            (NoiseLaw::Gaussian, Some(bits)) => bits.next_panel().map(normal_from),
            (NoiseLaw::Uniform, Some(bits)) => bits.next_panel().map(uniform_from),
            _ => [0.0; PANEL],
        }
    }
}

impl Streams {
    fn noise(&self, first_panel: usize, wanted: bool) -> RowNoise {
        let draws = wanted && self.law.noise != NoiseLaw::None;
        RowNoise(self.law.noise, draws.then(|| RowBits::new(self.keys.output_noise.replica(self.sample), first_panel)))
    }

    fn rounding(&self, first_panel: usize) -> Option<RowBits> {
        let draws = self.law.is_stochastic && self.law.largest.is_some();
        draws.then(|| RowBits::new(self.keys.output_rounding.replica(self.sample), first_panel))
    }
}

/// Adds `sigma` times standard noise to `values`; value n takes slot n of the one row of `key`.
pub fn add_noise(law: NoiseLaw, sigma: f32, key: StreamKey, values: &mut [f32]) {
    if law == NoiseLaw::None {
        return;
    }
    let mut noise = RowNoise(law, Some(RowBits::new(key, 0)));
    for panel in values.chunks_mut(PANEL) {
        for (value, z) in panel.iter_mut().zip(noise.next()) {
            *value = z.mul_add(sigma, *value);
        }
    }
}
