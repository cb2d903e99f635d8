//! Every backend against the law: the same bits for all profiles, lengths, threads and splits.
#![cfg(test)]

use super::*;
use crate::engine::network::hardware::{Programmed, RowSpans};
use crate::plan::network::quantised_rows::{MAX_FAN_IN, Packing, RowNumbers};
use crate::plan::network::{Granularity, HardwareProfile, InputRange, Noise, NoiseOrder, OutputRange, OutputUnit, Rounding, Scheme};
use crate::random::{StreamKey, SystemTag};
use crate::units::Seed;

const KEY: StreamKey = StreamKey::new(Seed(11), SystemTag::named("quantised tests"), 4);

/// A layer, its inputs, and what the law makes of them.
struct Case {
    profile: HardwareProfile,
    rows: QuantisedRows,
    input: InputLaw,
    output: OutputLaw,
    xs: Vec<f32>,
    expected: Vec<f32>,
}

fn random(n: usize, step: u64) -> Vec<f32> {
    let mut stream = StreamKey { step, ..KEY }.stream();
    (0..n).map(|_| stream.gaussian() as f32).collect()
}

/// Unfused: codes, products one by one, then outputs, by the law's own functions.
fn case(profile: &HardwareProfile, packing: Packing, (n_in, n_out, n_rows): (usize, usize, usize), xs: Vec<f32>, weights: &[f32]) -> Case {
    profile.validate().unwrap();
    let programmed = Programmed::new(weights, RowSpans::Dense(n_in), profile, KEY);
    let bias: Vec<f32> = random(n_out, 3);
    let (zeros, scales) = (vec![0; n_out], vec![1.0; n_out]);
    // Without sources there are no rows to program.
    let (zeros, scales) = if n_in == 0 { (&zeros, &scales) } else { (&programmed.zeros, &programmed.scales) };
    let numbers = RowNumbers { zeros, scales, bias: Some(&bias) };
    let keys = PassKeys::new(KEY);
    let mut codes = programmed.codes.clone();
    programmed.weights_of_pass(RowSpans::Dense(n_in), profile, KEY, &mut codes);
    let rows = if packing == Packing::F32 {
        QuantisedRows::real(&codes, n_in, numbers)
    } else {
        QuantisedRows::integer(&codes, n_in, profile.weights.bits.unwrap(), packing, numbers).unwrap()
    };
    let input = InputLaw::of(profile);
    let output = OutputLaw::of(profile, programmed.largest, programmed.rms);
    let mut expected = vec![0.0; n_rows * n_out];
    let mut x_codes = vec![0.0; n_in];
    for (r, ys) in expected.chunks_mut(n_out.max(1)).enumerate().take(n_rows) {
        let row = input.convert(&xs[r * n_in..(r + 1) * n_in], &keys, r as u32, &mut x_codes);
        for (n, y) in ys.iter_mut().enumerate() {
            let weights = &codes[n * n_in..(n + 1) * n_in];
            *y = if packing == Packing::F32 {
                weights.iter().zip(&x_codes).fold(0.0, |sum, (w, x)| x.mul_add(*w, sum))
            } else {
                weights.iter().zip(&x_codes).map(|(&w, &x)| (w as i64) * (x as i64)).sum::<i64>() as f32
            };
        }
        output.finish(ys, scales, Some(&bias), &row, &keys, r as u32);
    }
    Case { profile: profile.clone(), rows, input, output, xs, expected }
}

fn same_bits(a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()), "{what}: output {i} is {a}, the law says {b}");
    }
}

impl Case {
    fn pass(&self, backend: QuantisedBackend) -> QuantisedPass<'_> {
        QuantisedPass { rows: &self.rows, input: self.input, output: self.output, keys: PassKeys::new(KEY), backend }
    }

    fn check(&self) {
        let mut scratch = Scratch::default();
        for backend in QuantisedBackend::available().chain([QuantisedBackend::SoftTiles]) {
            let mut ys = vec![f32::NAN; self.expected.len()];
            self.pass(backend).run(&self.xs, 0, &mut ys, &mut scratch);
            same_bits(&ys, &self.expected, &format!("{backend:?} {} -> {} {:?}", self.rows.n_in(), self.rows.n_out(), self.profile));
        }
    }
}

/// Profiles that meet every branch of the law.
fn profiles() -> Vec<HardwareProfile> {
    let mut all = Vec::new();
    for i in 0..48_usize {
        let mut p = HardwareProfile::ideal();
        p.weights.bits = Some([8, 4, 3, 8, 6, 2][i % 6]);
        p.weights.scheme = [Scheme::Symmetric, Scheme::Affine][i / 2 % 2];
        p.weights.granularity = [Granularity::Tensor, Granularity::Row][i / 3 % 2];
        p.weights.rounding = [Rounding::Nearest, Rounding::Stochastic][i / 7 % 2];
        p.input.bits = Some([8, 8, 5, 2][i % 4]);
        p.input.range = [InputRange::Max, InputRange::Fixed(1.5)][i / 2 % 2];
        p.input.rounding = [Rounding::Nearest, Rounding::Nearest, Rounding::Stochastic][i % 3];
        p.output_noise = [Noise::Gaussian { sigma: 0.1 }, Noise::None, Noise::Uniform { sigma: 0.3 }][i / 2 % 3];
        p.output.bits = [Some(8), Some(4), None, Some(12)][i / 3 % 4];
        p.output.range = [OutputRange::Fixed(3.0), OutputRange::Sigmas(4.0), OutputRange::Max][i % 3];
        p.output.rounding = [Rounding::Nearest, Rounding::Stochastic, Rounding::Nearest][i / 5 % 3];
        p.order = [NoiseOrder::NoiseThenQuantise, NoiseOrder::QuantiseThenNoise][i / 4 % 2];
        p.output_unit = [OutputUnit::Absolute, OutputUnit::Cell][i / 6 % 2];
        all.push(p);
    }
    all
}

fn eight_bits() -> HardwareProfile {
    let mut p = HardwareProfile::ideal();
    (p.weights.bits, p.input.bits, p.output.bits) = (Some(8), Some(8), Some(8));
    p.output.range = OutputRange::Sigmas(4.0);
    p.output_noise = Noise::Gaussian { sigma: 0.05 };
    p
}

#[test]
fn this_processor_runs_more_than_the_scalar_form() {
    // Where there is AVX2 or VNNI, the tests below run it: none falls back unseen.
    #[cfg(target_arch = "x86_64")]
    {
        let found: Vec<_> = QuantisedBackend::available().collect();
        assert_eq!(found.contains(&QuantisedBackend::Avx2), Simd::Avx2.is_available());
        assert_eq!(found.contains(&QuantisedBackend::Vnni), Simd::Avx512.is_available() && is_x86_feature_detected!("avx512vnni"));
        assert_eq!(found.contains(&QuantisedBackend::Amx), amx().is_ok());
    }
}

#[test]
fn fused_equals_unfused_for_every_profile_and_packing() {
    for (i, profile) in profiles().into_iter().enumerate() {
        let shape = [(37, 21, 7), (64, 64, 6), (9, 130, 3), (16, 16, 1)][i % 4];
        let (xs, weights) = (random(shape.0 * shape.2, 1), random(shape.0 * shape.1, 2));
        case(&profile, Packing::U8, shape, xs.clone(), &weights).check();
        if profile.weights.bits <= Some(4) {
            case(&profile, Packing::U4, shape, xs.clone(), &weights).check();
        }
        let mut noisy = profile.clone();
        noisy.weights.noise = [Noise::Gaussian { sigma: 0.02 }, Noise::Uniform { sigma: 0.02 }][i % 2];
        case(&noisy, Packing::F32, shape, xs.clone(), &weights).check();
        noisy.weights.bits = None;
        noisy.input.bits = None;
        case(&noisy, Packing::F32, shape, xs, &weights).check();
    }
}

#[test]
fn lengths_around_every_width_agree() {
    let mut four = eight_bits();
    four.weights.bits = Some(4);
    for n_in in [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 64, 65, 300] {
        for n_out in [0, 1, 15, 16, 17, 63, 64, 65, 129] {
            let n_rows = [1, 2, 3, 5, 6, 7, 13][(n_in + n_out) % 7];
            let (xs, weights) = (random(n_in * n_rows, 1), random(n_in * n_out, 2));
            case(&eight_bits(), Packing::U8, (n_in, n_out, n_rows), xs.clone(), &weights).check();
            case(&four, Packing::U4, (n_in, n_out, n_rows), xs.clone(), &weights).check();
            case(&four, Packing::F32, (n_in, n_out, n_rows), xs, &weights).check();
        }
    }
}

#[test]
fn rows_around_every_tile_agree() {
    for n_rows in [15, 16, 17, 31, 32, 33, 47, 49, 127, 130, 161] {
        for (n_in, n_out) in [(1, 16), (63, 17), (70, 49), (129, 65), (64, 130)] {
            let (xs, weights) = (random(n_in * n_rows, 1), random(n_in * n_out, 2));
            case(&eight_bits(), Packing::U8, (n_in, n_out, n_rows), xs, &weights).check();
        }
    }
}

#[test]
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn tile_instructions_write_what_the_law_says() {
    use super::tiles::{amx::Amx, trap};
    trap::prepare();
    let before = trap::n_answered();
    for (i, profile) in profiles().into_iter().enumerate() {
        let shape = [(70, 49, 37), (64, 64, 16), (9, 130, 33), (130, 16, 17)][i % 4];
        let (n_in, n_out, n_rows) = shape;
        let case = case(&profile, Packing::U8, shape, random(n_in * n_rows, 1), &random(n_in * n_out, 2));
        let pass = case.pass(QuantisedBackend::Amx);
        let mut ys = vec![f32::NAN; n_rows * n_out];
        let outputs = SharedOutputs(ys.as_mut_ptr());
        let mut scratch = Scratch::default();
        // SAFETY: lengths belong together; tile instructions run, and vector ones where there are any.
        unsafe {
            if Simd::Avx512.is_available() && is_x86_feature_detected!("avx512vnni") {
                pass.block(&case.xs, 0, 0..n_rows, 0..pass.n_groups(), outputs, &mut scratch);
                same_bits(&ys, &case.expected, &format!("tiles and VNNI {shape:?} {profile:?}"));
                ys.fill(f32::NAN);
            }
            let job = Job { rows: pass.rows, input: pass.input, output: pass.output, keys: pass.keys };
            let outputs = Outputs { first: ys.as_mut_ptr(), stride: n_out };
            let block = Block { job: &job, xs: &case.xs, n_rows, first_sample: 0, groups: 0..pass.n_groups(), outputs };
            run_tiles::<Plain, _>(block, &mut Amx, &mut scratch);
        }
        same_bits(&ys, &case.expected, &format!("tiles {shape:?} {profile:?}"));
    }
    assert_eq!(amx().is_ok(), trap::n_answered() == before, "tiles were used, as they are or answered in memory");
}

#[test]
fn the_largest_products_do_not_saturate() {
    for scheme in [Scheme::Symmetric, Scheme::Affine] {
        for bits in [4, 8] {
            let mut profile = eight_bits();
            (profile.weights.bits, profile.weights.scheme, profile.output.bits) = (Some(bits), scheme, None);
            for (n_in, n_out) in [(256, 17), (MAX_FAN_IN, 1)] {
                for (x, w) in [(1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)] {
                    let packing = if bits == 4 { Packing::U4 } else { Packing::U8 };
                    case(&profile, packing, (n_in, n_out, 1), vec![x; n_in], &vec![w; n_in * n_out]).check();
                }
            }
        }
    }
}

#[test]
fn every_pair_of_codes_multiplies_exactly() {
    let mut profile = eight_bits();
    (profile.output.bits, profile.output_noise) = (None, Noise::None);
    for (scheme, low) in [(Scheme::Symmetric, -127), (Scheme::Affine, -128)] {
        profile.weights.scheme = scheme;
        // One source: target n holds code n, sample r has code r; the second source keeps the ranges.
        let n_out = (127 - low + 1) as usize;
        let weights: Vec<f32> = (low..=127).flat_map(|code| [code as f32, if scheme == Scheme::Affine { -128.0 } else { 127.0 }]).collect();
        let xs: Vec<f32> = (-127..=127).flat_map(|code| [code as f32, 127.0]).collect();
        case(&profile, Packing::U8, (2, n_out, 255), xs, &weights).check();
    }
}

#[test]
fn odd_inputs_agree_too() {
    for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1e-45, -0.0] {
        let (mut xs, mut weights) = (random(40, 1), random(20 * 33, 2));
        (xs[3], xs[27]) = (odd, odd);
        case(&eight_bits(), Packing::U8, (20, 33, 2), xs.clone(), &weights).check();
        xs.fill(odd);
        weights[40] = odd;
        case(&eight_bits(), Packing::U8, (20, 33, 2), xs, &weights).check();
    }
}

#[test]
fn threads_and_splits_of_a_batch_change_nothing() {
    let mut by_max = eight_bits();
    by_max.output.range = OutputRange::Max;
    for profile in [eight_bits(), by_max] {
        for shape in [(1030, 2100, 1), (300, 1100, 9), (200, 70, 190)] {
            let (n_in, n_out, n_rows) = shape;
            let case = case(&profile, Packing::U8, shape, random(n_in * n_rows, 1), &random(n_in * n_out, 2));
            case.check();
            for backend in [QuantisedBackend::best(), QuantisedBackend::SoftTiles] {
                let pass = case.pass(backend);
                for n_threads in [1, 2, 3] {
                    let mut ys = vec![0.0; n_rows * n_out];
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
                    pool.install(|| pass.run_parallel(&case.xs, 0, &mut ys, &mut Scratch::default()));
                    same_bits(&ys, &case.expected, &format!("{n_threads} threads"));
                }
                let cut = n_rows / 3;
                let mut ys = vec![0.0; n_rows * n_out];
                pass.run(&case.xs[cut * n_in..], cut as u32, &mut ys[cut * n_out..], &mut Scratch::default());
                pass.run(&case.xs[..cut * n_in], 0, &mut ys[..cut * n_out], &mut Scratch::default());
                same_bits(&ys, &case.expected, "a split batch");
            }
        }
    }
}

#[test]
fn a_wrong_twin_is_caught() {
    let case = case(&eight_bits(), Packing::U8, (64, 64, 3), random(192, 1), &random(4096, 2));
    let pass = case.pass(QuantisedBackend::Scalar);
    let differs = |pass: QuantisedPass<'_>, first| {
        let mut ys = vec![0.0; 192];
        pass.run(&case.xs, first, &mut ys, &mut Scratch::default());
        ys != case.expected
    };
    assert!(!differs(pass, 0));
    assert!(differs(pass, 1), "samples must have their own noise");
    let (mut late, mut wide) = (pass, pass);
    late.output.is_noise_first = false;
    wide.output.sigma *= 2.0;
    assert!(differs(late, 0) && differs(wide, 0));
}
