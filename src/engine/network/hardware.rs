//! What a [`HardwareProfile`] does to one block of synapses, in plain f32: the law of every quantised path.
//!
//! ```text
//! program          once               weights -> codes w', a scale a row
//! weights_of_pass  once a pass        w' (+ weight noise)
//! convert_input    once a sample      x  -> x', step
//!                  any f32 kernel     p_n = sum of x'_k w'_kn
//! convert_output   once a sample      p  -> y, noise and bias included
//! ```
//!
//! Codes are whole numbers in f32, so that any f32 kernel, over any topology, computes their products;
//! they are exact, and so equal those of the integer kernels bit for bit, whatever the order of the sum, while
//! [`products_are_exact`] holds (8-bit weights and inputs: up to 1,040 synapses a row). Beyond that the
//! integer kernels are exact and this simulation rounds. Straight-through training runs the loss through these
//! functions, and its gradient as if conversion were the identity ([`super::noisy`]).

use crate::kernels::quantised::law::{self, InputLaw, InputRow, OutputLaw, PassKeys};
use crate::kernels::quantised::noise::{PANEL, RowBits};
use crate::plan::network::{Granularity, HardwareProfile, Rounding, Rows, Scheme, hardware};
use crate::random::StreamKey;
use crate::reduce;

/// Where the rows (fan-ins) of a block lie in its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowSpans<'a> {
    /// Every row has this many weights.
    Dense(usize),
    /// Row n has the weights from offset n to offset n + 1.
    Sparse(&'a [u32]),
}

impl<'a> RowSpans<'a> {
    /// The spans of `rows`, whose sources are a layer of `n_sources` neurons.
    pub fn of(rows: &'a Rows, n_sources: usize) -> Self {
        match rows {
            Rows::Dense => RowSpans::Dense(n_sources),
            Rows::Sparse { offsets, .. } => RowSpans::Sparse(offsets),
        }
    }

    /// The number of rows that `n_weights` weights make.
    pub fn n_rows(self, n_weights: usize) -> usize {
        match self {
            RowSpans::Dense(n) => n_weights.checked_div(n).unwrap_or(0),
            RowSpans::Sparse(offsets) => offsets.len().saturating_sub(1),
        }
    }

    /// The weights of row `n`.
    pub fn span(self, n: usize) -> std::ops::Range<usize> {
        match self {
            RowSpans::Dense(length) => n * length..(n + 1) * length,
            RowSpans::Sparse(offsets) => offsets[n] as usize..offsets[n + 1] as usize,
        }
    }
}

/// The weights of a block as its hardware holds them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Programmed {
    /// w': codes minus the zero point of their row, as whole numbers in f32; the weights themselves at full precision.
    pub codes: Vec<f32>,
    /// Units of weight per code, one a row; 1 at full precision.
    pub scales: Vec<f32>,
    /// The zero point of each row, in codes from -2^(bits-1); 0 unless the scheme is affine.
    pub zeros: Vec<i32>,
    /// The largest |w| before quantising.
    pub largest: f32,
    /// The root mean square of the weights as held.
    pub rms: f32,
}

impl Programmed {
    /// Programs `weights` onto hardware of `profile`. Stochastic rounding draws from `key` (seed, step, system and sweep).
    ///
    /// A weight that is not finite takes the largest code of its row.
    ///
    /// # Panics
    /// If the spans do not cover the weights.
    pub fn new(weights: &[f32], spans: RowSpans<'_>, profile: &HardwareProfile, key: StreamKey) -> Self {
        let mut programmed = Programmed::default();
        programmed.program(weights, spans, profile, key);
        programmed
    }

    /// Programs anew, in the memory at hand.
    ///
    /// # Panics
    /// If the spans do not cover the weights.
    pub fn program(&mut self, weights: &[f32], spans: RowSpans<'_>, profile: &HardwareProfile, key: StreamKey) {
        let n_rows = spans.n_rows(weights.len());
        let covered = if n_rows == 0 { 0 } else { spans.span(n_rows - 1).end };
        assert_eq!(covered, weights.len(), "{n_rows} rows cover {covered} of {} weights", weights.len());
        self.largest = law::largest_magnitude(weights);
        self.codes.resize(weights.len(), 0.0);
        self.scales.clear();
        self.zeros.clear();
        let Some(bits) = profile.weights.bits else {
            self.codes.copy_from_slice(weights);
            self.scales.resize(n_rows, 1.0);
            self.zeros.resize(n_rows, 0);
            self.rms = root_mean_square(weights);
            return;
        };
        let grid_of = |weights: &[f32]| Grid::of(weights, bits, profile.weights.scheme);
        let shared = (profile.weights.granularity == Granularity::Tensor).then(|| grid_of(weights));
        let rounding_key = PassKeys::new(key).weight_rounding;
        let mut random = (profile.weights.rounding == Rounding::Stochastic).then(|| RowBits::new(rounding_key, 0));
        let mut buffer = [0_u32; PANEL];
        let mut squares = 0.0_f64;
        for n in 0..n_rows {
            let span = spans.span(n);
            let grid = shared.unwrap_or_else(|| grid_of(&weights[span.clone()]));
            for (i, (code, &w)) in span.clone().zip(self.codes[span.clone()].iter_mut().zip(&weights[span.clone()])) {
                if let Some(random) = random.as_mut().filter(|_| i.is_multiple_of(PANEL)) {
                    buffer = random.next_panel();
                }
                *code = grid.code(w, random.is_some().then(|| buffer[i % PANEL]));
            }
            self.scales.push(grid.scale);
            self.zeros.push(grid.zero);
            let scale = f64::from(grid.scale);
            squares += scale * scale * reduce::lane_sum(&self.codes[span], |&c| f64::from(c * c));
        }
        self.rms = if weights.is_empty() { 0.0 } else { (squares / weights.len() as f64).sqrt() as f32 };
    }

    /// Writes the weights as the hardware holds them: scale times code.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn dequantise(&self, spans: RowSpans<'_>, weights: &mut [f32]) {
        assert_eq!(weights.len(), self.codes.len(), "one weight a code");
        for (n, &scale) in self.scales.iter().enumerate() {
            let span = spans.span(n);
            for (w, code) in weights[span.clone()].iter_mut().zip(&self.codes[span]) {
                *w = code * scale;
            }
        }
    }

    /// Writes w' with the weight noise of one pass (w' itself without noise). Weight i takes slot i of the pass's stream.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn weights_of_pass(&self, spans: RowSpans<'_>, profile: &HardwareProfile, key: StreamKey, noisy: &mut [f32]) {
        assert_eq!(noisy.len(), self.codes.len(), "one noisy weight a code");
        noisy.copy_from_slice(&self.codes);
        let noise = profile.weights.noise;
        if noise.is_none() {
            return;
        }
        // In units of weight first, because rows may differ in scale and a panel of numbers may span rows.
        noisy.fill(0.0);
        law::add_noise(noise.into(), noise.sigma() * self.largest, PassKeys::new(key).weight_noise, noisy);
        for (n, &scale) in self.scales.iter().enumerate() {
            let per_weight = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            let span = spans.span(n);
            for (w, code) in noisy[span.clone()].iter_mut().zip(&self.codes[span]) {
                *w = code + *w * per_weight;
            }
        }
    }
}

fn root_mean_square(weights: &[f32]) -> f32 {
    if weights.is_empty() {
        return 0.0;
    }
    (reduce::lane_sum(weights, |&w| f64::from(w) * f64::from(w)) / weights.len() as f64).sqrt() as f32
}

/// The codes that some weights share.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grid {
    scale: f32,
    inverse: f32,
    zero: i32,
    /// Codes minus zero lie between these.
    low: f32,
    high: f32,
}

impl Grid {
    fn of(weights: &[f32], bits: u8, scheme: Scheme) -> Self {
        let half = 1 << (bits - 1);
        match scheme {
            Scheme::Symmetric => {
                let largest = hardware::largest_code(bits) as f32;
                let (scale, inverse) = law::steps(law::largest_magnitude(weights), largest);
                Grid { scale, inverse, zero: 0, low: -largest, high: largest }
            }
            Scheme::Affine => {
                let (low, high) =
                    weights.iter().fold((0.0_f32, 0.0_f32), |(l, h), &w| (if w < l { w } else { l }, if w > h { w } else { h }));
                let (scale, inverse) = law::steps(high - low, (2 * half - 1) as f32);
                // The zero point is a whole code, so that a weight of 0 is held exactly.
                let zero = law::round_even(law::clamp(-half as f32 - low * inverse, half as f32)) as i32;
                let zero = zero.clamp(-half, half - 1);
                Grid { scale, inverse, zero, low: (-half - zero) as f32, high: (half - 1 - zero) as f32 }
            }
        }
    }

    fn code(&self, w: f32, random: Option<u32>) -> f32 {
        // Clamped to twice the codes first: far outside of them rounding by a constant has no meaning.
        let v = law::clamp(w * self.inverse, 512.0);
        let code = match random {
            None => law::round_even(v),
            Some(bits) => law::code_stochastic(v, 512.0, bits),
        };
        code.clamp(self.low, self.high)
    }
}

/// True if sums of `fan_in` products of codes are exact in f32, in any order.
pub fn products_are_exact(profile: &HardwareProfile, fan_in: usize) -> bool {
    let (Some(weight_bits), Some(input_bits)) = (profile.weights.bits, profile.input.bits) else { return false };
    if !profile.weights.noise.is_none() {
        return false;
    }
    let weight = match profile.weights.scheme {
        Scheme::Symmetric => hardware::largest_code(weight_bits) as u64,
        Scheme::Affine => (1_u64 << weight_bits) - 1,
    };
    fan_in as u64 * weight * hardware::largest_code(input_bits) as u64 <= 1 << 24
}

/// Writes the codes of sample `sample` to `codes` (its values without converter) and gives their step.
///
/// `key` names the pass by seed, step, system and sweep; a sample's number is its place in the whole batch.
///
/// # Panics
/// If the lengths differ.
pub fn convert_input(profile: &HardwareProfile, xs: &[f32], key: StreamKey, sample: u32, codes: &mut [f32]) -> InputRow {
    InputLaw::of(profile).convert(xs, &PassKeys::new(key), sample, codes)
}

/// Turns the products of a sample (sums of x' w', one a row of `programmed`) into outputs, in place: scales, noise,
/// output converter and bias. Pass the `key` and `sample` of [`convert_input`], and what that gave.
///
/// # Panics
/// If there are fewer scales or biases than products.
pub fn convert_output(
    profile: &HardwareProfile,
    programmed: &Programmed,
    bias: Option<&[f32]>,
    input: &InputRow,
    key: StreamKey,
    sample: u32,
    products: &mut [f32],
) {
    let law = OutputLaw::of(profile, programmed.largest, programmed.rms);
    law.finish(products, &programmed.scales, bias, input, &PassKeys::new(key), sample);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::network::{InputRange, Noise, NoiseOrder, OutputRange};
    use crate::random::SystemTag;
    use crate::units::Seed;

    const KEY: StreamKey = StreamKey::new(Seed(5), SystemTag::named("hardware test"), 1);

    fn profile(bits: u8, scheme: Scheme, granularity: Granularity) -> HardwareProfile {
        let mut profile = HardwareProfile::ideal();
        profile.weights.bits = Some(bits);
        profile.weights.scheme = scheme;
        profile.weights.granularity = granularity;
        profile
    }

    #[test]
    fn every_code_of_every_width_is_met_and_kept() {
        for bits in 2..=8_u8 {
            let largest = hardware::largest_code(bits);
            // 1. Symmetric: weights on the grid come back as they are, halves go to the even code.
            let grid: Vec<f32> = (-largest..=largest).map(|c| c as f32 * 0.25).collect();
            let held = Programmed::new(&grid, RowSpans::Dense(grid.len()), &profile(bits, Scheme::Symmetric, Granularity::Tensor), KEY);
            assert_eq!(held.codes, (-largest..=largest).map(|c| c as f32).collect::<Vec<_>>(), "{bits} bits");
            let mut back = vec![0.0; grid.len()];
            held.dequantise(RowSpans::Dense(grid.len()), &mut back);
            assert_eq!(back, grid);
            let mut halves: Vec<f32> = (-largest..largest).map(|c| c as f32 + 0.5).collect();
            halves.push(largest as f32);
            let held = Programmed::new(&halves, RowSpans::Dense(halves.len()), &profile(bits, Scheme::Symmetric, Granularity::Tensor), KEY);
            assert!(
                held.codes[..halves.len() - 1]
                    .iter()
                    .zip(-largest..largest)
                    .all(|(&c, low)| c == (if low % 2 == 0 { low } else { low + 1 }) as f32)
            );
            // 2. Affine: all 2^bits codes, with a zero point anywhere in them.
            let n = 1_i32 << bits;
            for zero in 0..n {
                let grid: Vec<f32> = (0..n).map(|c| (c - zero) as f32 * 0.5).collect();
                let held = Programmed::new(&grid, RowSpans::Dense(grid.len()), &profile(bits, Scheme::Affine, Granularity::Tensor), KEY);
                assert_eq!(held.codes, (0..n).map(|c| (c - zero) as f32).collect::<Vec<_>>(), "{bits} bits, zero {zero}");
                assert_eq!(held.zeros, [zero - n / 2]);
            }
        }
    }

    #[test]
    fn rounding_is_off_by_at_most_half_a_step_and_stochastic_rounding_by_less_than_one_and_right_on_average() {
        let weights: Vec<f32> = (0..2001).map(|i| (i - 1000) as f32 * 1e-3).collect();
        let spans = RowSpans::Dense(weights.len());
        for bits in 2..=8 {
            let mut law = profile(bits, Scheme::Symmetric, Granularity::Tensor);
            let nearest = Programmed::new(&weights, spans, &law, KEY);
            let scale = nearest.scales[0];
            assert!(weights.iter().zip(&nearest.codes).all(|(w, c)| (w - c * scale).abs() <= 0.5001 * scale));
            law.weights.rounding = Rounding::Stochastic;
            let mut sum = 0.0;
            for step in 0..20 {
                let held = Programmed::new(&weights, spans, &law, StreamKey { step, ..KEY });
                assert!(weights.iter().zip(&held.codes).all(|(w, c)| (w - c * scale).abs() <= 1.0001 * scale));
                sum += weights.iter().zip(&held.codes).map(|(w, c)| f64::from((c * scale - w) / scale)).sum::<f64>();
            }
            // Each error has a variance of at most 1/4.
            let n = 20.0 * weights.len() as f64;
            assert!((sum / n).abs() < 5.0 * (0.25 / n).sqrt(), "{bits} bits: mean error {} steps", sum / n);
        }
    }

    #[test]
    fn rows_have_their_own_scale_and_sparse_rows_their_own_length() {
        let weights = [0.5, -1.0, 0.25, 8.0, 4.0];
        let law = profile(8, Scheme::Symmetric, Granularity::Row);
        let held = Programmed::new(&weights, RowSpans::Sparse(&[0, 2, 2, 5]), &law, KEY);
        assert_eq!(held.scales, [1.0 / 127.0, 0.0, 8.0 / 127.0]);
        assert_eq!(held.codes, [64.0, -127.0, 4.0, 127.0, 64.0]);
        assert_eq!(held.largest, 8.0);
    }

    #[test]
    fn weight_noise_has_its_size_in_units_of_the_largest_weight() {
        let weights: Vec<f32> = (0..20_000).map(|i| (i % 200) as f32 * 0.02 - 2.0).collect();
        let mut law = profile(4, Scheme::Symmetric, Granularity::Row);
        law.weights.noise = Noise::Gaussian { sigma: 0.1 };
        let spans = RowSpans::Dense(100);
        let held = Programmed::new(&weights, spans, &law, KEY);
        let mut noisy = vec![0.0; weights.len()];
        held.weights_of_pass(spans, &law, KEY, &mut noisy);
        let n = weights.len() as f64;
        let errors = (0..weights.len()).map(|i| f64::from((noisy[i] - held.codes[i]) * held.scales[i / 100]));
        let (mean, square) = errors.fold((0.0, 0.0), |(m, s), e| (m + e / n, s + e * e / n));
        assert!(mean.abs() < 5.0 * 0.2 / n.sqrt(), "{mean}");
        assert!((square / 0.04 - 1.0).abs() < 5.0 * (2.0 / n).sqrt(), "{square}");
    }

    #[test]
    fn an_output_is_noise_then_codes_or_codes_then_noise() {
        let xs = [1.0, -0.5, 0.25];
        let weights = [0.5, 0.5, 0.5, -1.0, 0.5, 1.0];
        let spans = RowSpans::Dense(3);
        let mut law = profile(8, Scheme::Symmetric, Granularity::Tensor);
        law.input.bits = Some(8);
        law.input.range = InputRange::Fixed(1.0);
        law.output.bits = Some(4);
        law.output.range = OutputRange::Fixed(2.0);
        law.output_noise = Noise::Uniform { sigma: 0.05 };
        let held = Programmed::new(&weights, spans, &law, KEY);
        let run = |law: &HardwareProfile, sample| {
            let mut codes = [0.0; 3];
            let input = convert_input(law, &xs, KEY, sample, &mut codes);
            let mut ys: Vec<f32> = (0..2).map(|n| spans.span(n).map(|i| held.codes[i] * codes[i % 3]).sum()).collect();
            convert_output(law, &held, Some(&[10.0, 20.0]), &input, KEY, sample, &mut ys);
            ys
        };
        let step = 2.0 / 7.0;
        let on_grid = |y: f32| ((y / step) - (y / step).round()).abs() < 1e-4;
        let exact = [0.375, -1.0];
        for sample in 0..50 {
            let ys = run(&law, sample);
            assert!(on_grid(ys[0] - 10.0) && on_grid(ys[1] - 20.0), "{ys:?}");
            let late = run(&HardwareProfile { order: NoiseOrder::QuantiseThenNoise, ..law.clone() }, sample);
            assert!((late[0] - 10.0 - exact[0]).abs() < 0.5 * step + 0.1 && !on_grid(late[0] - 10.0), "{late:?}");
        }
        law.output.range = OutputRange::Max;
        law.output_noise = Noise::None;
        let ys = run(&law, 0);
        // The largest output of the sample takes the largest code.
        assert!((ys[1] - 20.0 - exact[1]).abs() < 0.01, "{ys:?}");
    }

    #[test]
    fn exactness_is_claimed_up_to_where_it_holds() {
        let mut law = profile(8, Scheme::Symmetric, Granularity::Tensor);
        assert!(!products_are_exact(&law, 1));
        law.input.bits = Some(8);
        assert!(products_are_exact(&law, 1040) && !products_are_exact(&law, 1041));
        law.weights.bits = Some(4);
        assert!(products_are_exact(&law, 18_872));
    }

    #[test]
    fn odd_numbers_never_panic() {
        let mut law = profile(3, Scheme::Affine, Granularity::Row);
        law.input.bits = Some(5);
        law.output.bits = Some(6);
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-45, f32::MAX, 0.0] {
            let held = Programmed::new(&[odd, 1.0, odd, odd], RowSpans::Dense(2), &law, KEY);
            let mut codes = [0.0; 2];
            let input = convert_input(&law, &[odd, odd], KEY, 0, &mut codes);
            let mut ys = [odd, 1.0];
            convert_output(&law, &held, None, &input, KEY, 0, &mut ys);
            assert!(held.codes.iter().chain(&codes).all(|c| c.abs() <= 15.0), "{odd}: {held:?} {codes:?}");
        }
    }
}
