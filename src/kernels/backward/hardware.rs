//! Conversions of a training pass under a hardware profile, in vectors; `kernels::quantised::law` is their meaning.
//!
//! The common cases have a path here: symmetric scales or none, rounding to nearest, and an output range that is
//! known before the outputs are. Whoever calls asks first ([`has_vectors`]) and takes the law for the rest.
#![expect(unsafe_code, reason = "rows are read and written through pointers whose bounds the entries assert")]

use super::super::quantised::law::{InputLaw, InputRow, OutputLaw, OutputRow, PassKeys, steps};
use super::super::quantised::noise::{NoiseLaw, PANELS_PER_BLOCK};
use super::super::simd::Simd;
use super::sink::{read, write};
use super::vector::{Job, Vector, WIDTH, run};
use crate::plan::network::hardware::largest_code;
use crate::plan::network::{Granularity, HardwareProfile, OutputRange, Rounding, Scheme};
use crate::random::{StreamKey, Xoshiro8};

/// Vectors whose squared codes are added up in f32, where they are exact: 1,024 codes of at most 127 a lane.
const EXACT: usize = 1024;

/// True if weights, in rows of `row_length`, inputs and outputs of `profile` are converted here, or need no conversion.
pub fn has_vectors(profile: &HardwareProfile, row_length: usize) -> bool {
    let (w, x, y) = (&profile.weights, &profile.input, &profile.output);
    // A vector of noise that spans rows of different scales has no path.
    let is_even = w.granularity == Granularity::Tensor || w.noise.is_none() || row_length.is_multiple_of(WIDTH);
    let codes = w.scheme == Scheme::Symmetric && w.rounding == Rounding::Nearest && is_even;
    let weights = if w.bits.is_some() { codes } else { w.noise.is_none() };
    let inputs = x.bits.is_none() || x.rounding == Rounding::Nearest;
    let outputs = y.bits.is_none() || (y.rounding == Rounding::Nearest && y.range != OutputRange::Max);
    weights && inputs && outputs
}

/// Standard noise of one row, 16 numbers at a time.
struct Slots {
    law: NoiseLaw,
    key: StreamKey,
    panel: usize,
    lanes: Xoshiro8,
}

impl Slots {
    #[inline(always)]
    fn new(law: NoiseLaw, key: StreamKey) -> Self {
        Slots { law, key, panel: 0, lanes: Xoshiro8::from_key(key.block(0)) }
    }

    #[inline(always)]
    fn next<V: Vector>(&mut self) -> V {
        if self.panel > 0 && self.panel.is_multiple_of(PANELS_PER_BLOCK) {
            self.lanes = Xoshiro8::from_key(self.key.block((self.panel / PANELS_PER_BLOCK) as u32));
        }
        self.panel += 1;
        V::noise(self.law, &mut self.lanes)
    }
}

/// The nearest whole number, halves to even, of numbers up to 2^22.
#[inline(always)]
fn round_even<V: Vector>(v: V) -> V {
    let magic = V::splat(12_582_912.0);
    v.add(magic).sub(magic)
}

/// The code of `v`, no number becoming the largest one.
#[inline(always)]
fn code<V: Vector>(v: V, largest: f32) -> V {
    round_even(v.min(V::splat(largest)).max(V::splat(-largest)))
}

#[inline(always)]
fn magnitude<V: Vector>(x: V) -> V {
    x.max(V::splat(0.0).sub(x))
}

/// The largest |x|; no number is passed over.
#[inline(always)]
fn largest_of<V: Vector>(xs: &[f32]) -> f32 {
    let mut top = V::splat(0.0);
    for at in (0..xs.len()).step_by(WIDTH) {
        // SAFETY: as many as there are.
        top = magnitude(unsafe { read::<V>(xs.as_ptr().add(at), WIDTH.min(xs.len() - at)) }).max(top);
    }
    top.to_array().into_iter().fold(0.0, f32::max)
}

/// What programming a block found out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Programming {
    /// The largest |w| before quantising.
    pub largest: f32,
    /// The root mean square of the weights as held.
    pub rms: f32,
}

/// Writes the codes of `weights` under `profile`, noise of one pass included, to `noisy`, and units of weight per code of each
/// row to `scales`. Weight i takes the noise in slot i of the row of `key`.
///
/// # Panics
/// If lengths do not fit, or [`has_vectors`] says no.
pub fn program(
    simd: Simd,
    weights: &[f32],
    profile: &HardwareProfile,
    key: StreamKey,
    noisy: &mut [f32],
    scales: &mut [f32],
) -> Programming {
    let row_length = weights.len() / scales.len().max(1);
    assert!(
        weights.len() == noisy.len() && weights.len() == row_length * scales.len(),
        "{} weights of {} rows",
        weights.len(),
        scales.len()
    );
    assert!(has_vectors(profile, row_length), "a profile that vectors do not have");
    let bits = profile.weights.bits.expect("a profile that quantises weights");
    let largest_code = largest_code(bits) as f32;
    let is_by_row = profile.weights.granularity == Granularity::Row;
    let noise = (profile.weights.noise.into(), profile.weights.noise.sigma());
    run(simd, Program { weights, row_length, largest_code, is_by_row, noise, key, noisy, scales })
}

struct Program<'a> {
    weights: &'a [f32],
    row_length: usize,
    largest_code: f32,
    is_by_row: bool,
    noise: (NoiseLaw, f32),
    key: StreamKey,
    noisy: &'a mut [f32],
    scales: &'a mut [f32],
}

impl Job for Program<'_> {
    type Out = Programming;

    #[inline(always)]
    fn run<V: Vector>(self) -> Programming {
        let largest = largest_of::<V>(self.weights);
        let (law, sigma) = self.noise;
        let mut noise = Slots::new(law, self.key);
        let sigma = V::splat(sigma * largest);
        let per_weight = |scale: f32| if scale > 0.0 { 1.0 / scale } else { 0.0 };
        // Slots of the noise run on from row to row, so vectors of a row and of slots agree only if rows are whole vectors.
        let (has_noise, is_aligned) = (law != NoiseLaw::None, self.row_length.is_multiple_of(WIDTH));
        let mut squares = 0.0;
        let rows = self.weights.chunks(self.row_length.max(1)).zip(self.noisy.chunks_mut(self.row_length.max(1)));
        for ((row, noisy), row_scale) in rows.zip(self.scales.iter_mut()) {
            let mut row_squares = 0.0;
            let (scale, inverse) = steps(if self.is_by_row { largest_of::<V>(row) } else { largest }, self.largest_code);
            *row_scale = scale;
            let per_weight = V::splat(per_weight(scale));
            for (part, noisy) in row.chunks(EXACT * WIDTH).zip(noisy.chunks_mut(EXACT * WIDTH)) {
                let mut sum = V::splat(0.0);
                for at in (0..part.len()).step_by(WIDTH) {
                    let n = WIDTH.min(part.len() - at);
                    // SAFETY: as many as there are, of two slices of one length.
                    unsafe {
                        let w: V = read(part.as_ptr().add(at), n);
                        let mut c = code(w.mul(V::splat(inverse)), self.largest_code);
                        sum = c.fma(c, sum);
                        if has_noise && is_aligned {
                            c = c.add(noise.next::<V>().fma(sigma, V::splat(0.0)).mul(per_weight));
                        }
                        write(noisy.as_mut_ptr().add(at), n, c);
                    }
                }
                row_squares += sum.to_array().iter().map(|&s| f64::from(s)).sum::<f64>();
            }
            squares += f64::from(scale) * f64::from(scale) * row_squares;
        }
        if has_noise && !is_aligned {
            // One scale for all.
            let per_weight = V::splat(per_weight(self.scales[0]));
            for at in (0..self.noisy.len()).step_by(WIDTH) {
                let n = WIDTH.min(self.noisy.len() - at);
                // SAFETY: as many as there are.
                unsafe {
                    let c: V = read(self.noisy.as_ptr().add(at), n);
                    write(self.noisy.as_mut_ptr().add(at), n, c.add(noise.next::<V>().fma(sigma, V::splat(0.0)).mul(per_weight)));
                }
            }
        }
        let rms = if self.weights.is_empty() { 0.0 } else { (squares / self.weights.len() as f64).sqrt() as f32 };
        Programming { largest, rms }
    }
}

/// Turns `values` of one sample into codes, in place; `law` has a converter that rounds to nearest.
///
/// # Panics
/// If there is no converter.
pub fn convert(simd: Simd, law: &InputLaw, values: &mut [f32]) -> InputRow {
    run(simd, Convert { law, values })
}

struct Convert<'a> {
    law: &'a InputLaw,
    values: &'a mut [f32],
}

impl Job for Convert<'_> {
    type Out = InputRow;

    #[inline(always)]
    fn run<V: Vector>(self) -> InputRow {
        let largest = self.law.largest.expect("a converter");
        let range = match self.law.range {
            Some(range) => range,
            None => largest_of::<V>(self.values),
        };
        let (step, inverse) = steps(range, largest);
        let mut squares = 0_u64;
        for part in self.values.chunks_mut(EXACT * WIDTH) {
            let mut sum = V::splat(0.0);
            for at in (0..part.len()).step_by(WIDTH) {
                let n = WIDTH.min(part.len() - at);
                // SAFETY: as many as there are.
                unsafe {
                    let c = code(read::<V>(part.as_ptr().add(at), n).mul(V::splat(inverse)), largest);
                    sum = c.fma(c, sum);
                    write(part.as_mut_ptr().add(at), n, c);
                }
            }
            squares += sum.to_array().iter().map(|&s| s as u64).sum::<u64>();
        }
        InputRow { step, range, squares: if self.law.wants_squares { squares as f32 } else { 0.0 } }
    }
}

/// Turns the products of codes of one sample into outputs, in place; `scales` are those of the rows of weights. Writes how far each
/// lay beyond the converter to `beyond` (as [`OutputLaw::finish_noting`]), unless it is empty.
///
/// # Panics
/// If lengths differ, the law needs all outputs for its range, or rounds stochastically.
#[expect(clippy::too_many_arguments, reason = "the law of one sample, and all that it goes by")]
pub fn finish(
    simd: Simd,
    law: &OutputLaw,
    scales: &[f32],
    input: &InputRow,
    keys: &PassKeys,
    sample: u32,
    products: &mut [f32],
    beyond: &mut [f32],
) {
    assert!(beyond.is_empty() || beyond.len() == products.len(), "{} excesses of {} outputs", beyond.len(), products.len());
    let is_drawn = law.is_stochastic && law.largest.is_some();
    assert!(!law.needs_two_touches() && !is_drawn, "a law that vectors do not have");
    assert_eq!(scales.len(), products.len(), "one scale a product");
    run(simd, Finish { law, row: law.row(input), scales, key: keys.output_noise.replica(sample), products, beyond });
}

struct Finish<'a> {
    law: &'a OutputLaw,
    row: OutputRow,
    scales: &'a [f32],
    key: StreamKey,
    products: &'a mut [f32],
    beyond: &'a mut [f32],
}

impl Job for Finish<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let OutputLaw { noise: law, is_noise_first, largest, .. } = *self.law;
        let mut noise = Slots::new(law, self.key);
        let has_noise = law != NoiseLaw::None;
        let notes = !self.beyond.is_empty();
        let (scale, sigma, step) = (V::splat(self.row.scale), V::splat(self.row.sigma), V::splat(self.row.step));
        for at in (0..self.products.len()).step_by(WIDTH) {
            let n = WIDTH.min(self.products.len() - at);
            // SAFETY: as many as there are, of slices of one length.
            unsafe {
                let scales: V = read(self.scales.as_ptr().add(at), n);
                let mut v = read::<V>(self.products.as_ptr().add(at), n).mul(scales.mul(scale));
                let z = if has_noise { noise.next() } else { V::splat(0.0) };
                if has_noise && is_noise_first {
                    v = z.fma(sigma, v);
                }
                if notes {
                    // Clamped in the order of the law, so that no number counts as beyond.
                    let most = largest.map_or(f32::INFINITY, |largest| largest + 0.5);
                    write(self.beyond.as_mut_ptr().add(at), n, v.sub(v.min(V::splat(most)).max(V::splat(-most))));
                }
                let mut y = match largest {
                    None => v.add(V::splat(0.0)),
                    Some(largest) => code(v, largest).fma(step, V::splat(0.0)),
                };
                if has_noise && !is_noise_first {
                    y = z.fma(sigma, y);
                }
                write(self.products.as_mut_ptr().add(at), n, y);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::quantised::law;
    use super::*;
    use crate::plan::network::{InputRange, Noise, NoiseOrder, WeightProfile};
    use crate::random::SystemTag;
    use crate::units::Seed;

    fn numbers(n: usize, block: u32) -> Vec<f32> {
        let mut random = StreamKey::new(Seed(4), SystemTag::named("conversions"), 0).block(block).stream();
        (0..n).map(|_| random.gaussian() as f32).collect()
    }

    fn profiles() -> Vec<HardwareProfile> {
        let mut base = HardwareProfile::ideal();
        (base.weights.bits, base.input.bits, base.output.bits) = (Some(4), Some(5), Some(6));
        base.output.range = OutputRange::Sigmas(2.0);
        base.weights.noise = Noise::Gaussian { sigma: 0.05 };
        base.output_noise = Noise::Gaussian { sigma: 0.3 };
        let mut late = base.clone();
        (late.order, late.output_noise, late.input.range) =
            (NoiseOrder::QuantiseThenNoise, Noise::Uniform { sigma: 0.2 }, InputRange::Fixed(1.5));
        late.output.range = OutputRange::Fixed(3.0);
        let mut quiet = base.clone();
        (quiet.weights.noise, quiet.output_noise, quiet.output.bits) = (Noise::None, Noise::None, None);
        let mut by_row = base.clone();
        by_row.weights.granularity = Granularity::Row;
        vec![base, late, quiet, by_row]
    }

    #[test]
    fn conversions_have_the_bits_of_their_law_on_every_backend() {
        let keys = PassKeys::new(StreamKey::new(Seed(9), SystemTag::named("conversions"), 3));
        for profile in profiles() {
            assert!(has_vectors(&profile, 32));
            for simd in Simd::available() {
                for n in [1, 15, 16, 17, 1100, 20_000] {
                    let xs = numbers(n, 1);
                    // 1. Inputs.
                    let law = InputLaw::of(&profile);
                    let (mut codes, mut found) = (vec![0.0; n], xs.clone());
                    let row = law.convert(&xs, &keys, 5, &mut codes);
                    assert_eq!((convert(simd, &law, &mut found), &found), (row, &codes), "{simd:?}, {n} inputs");
                    // 2. Outputs.
                    let law = OutputLaw::of(&profile, 0.7, 0.2);
                    let (mut expected, mut found) = (xs.clone(), xs.clone());
                    let (mut law_beyond, mut beyond) = (vec![0.0; n], vec![0.0; n]);
                    law.finish_noting(&mut expected, &vec![0.1; n], None, &row, &keys, 5, &mut law_beyond);
                    finish(simd, &law, &vec![0.1; n], &row, &keys, 5, &mut found, &mut beyond);
                    assert_eq!((found, &beyond), (expected.clone(), &law_beyond), "{simd:?}, {n} outputs");
                    let mut unnoted = xs.clone();
                    finish(simd, &law, &vec![0.1; n], &row, &keys, 5, &mut unnoted, &mut []);
                    assert_eq!(unnoted, expected);
                }
                // 3. Noise of weights, whose law is above this floor, has the size and place of that law.
                for (rows, length) in [(3, 32), (7, 10)].into_iter().filter(|(_, length)| has_vectors(&profile, *length)) {
                    let weights = numbers(rows * length, 2);
                    let silent = HardwareProfile { weights: WeightProfile { noise: Noise::None, ..profile.weights }, ..profile.clone() };
                    let (mut clean, mut noisy, mut scales) = (vec![0.0; weights.len()], vec![0.0; weights.len()], vec![0.0; rows]);
                    let held = program(simd, &weights, &silent, keys.weight_noise, &mut clean, &mut scales);
                    assert_eq!(program(simd, &weights, &profile, keys.weight_noise, &mut noisy, &mut scales), held);
                    let mut noise = vec![0.0; weights.len()];
                    let sigma = profile.weights.noise.sigma() * held.largest;
                    law::add_noise(profile.weights.noise.into(), sigma, keys.weight_noise, &mut noise);
                    for (i, w) in weights.iter().enumerate() {
                        let scale = scales[i / length];
                        assert!((clean[i] * scale - w).abs() <= 0.5001 * scale, "{w} held as {} of {scale}", clean[i]);
                        assert_eq!(noisy[i], clean[i] + noise[i] * (1.0 / scale), "{simd:?}, weight {i} of {rows} rows of {length}");
                    }
                }
            }
        }
    }
}
