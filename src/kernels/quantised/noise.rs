//! Noise made in registers: an inverse normal distribution by octaves, from 32 random bits a number.
//!
//! ```text
//! m = (r & 0x7fffffff) | 1     odd, so m / 2^31 lies in the middle of its cell: the two-sided tail probability
//! e, t = exponent and mantissa (1 <= t < 2) of m as f32
//! z = c0[e] + t (c1[e] + t (c2[e] + t (c3[e] + t c4[e])))     c: least largest error of the CDF in each octave
//! z = -z if the highest bit of r is set
//! ```
//!
//! The distribution function is off by at most 1.1e-5, and nowhere by more than 9e-5 of the tail; the variance by
//! 1.2e-6, the kurtosis is 3.00000, the largest |z| is 6.23 and as likely as it should be. Slot n of a
//! row (an output, an input or a weight) takes bits n % 16 of panel (n % 1024) / 16 of block
//! n / 1024: panel p is step p of eight Xoshiro256++ generators of the block's key, so a number
//! depends on its row and slot alone, never on traversal, threads or vector width.

use crate::plan::network::Noise;
use crate::random::{BLOCK, StreamKey, Xoshiro8};

/// Slots that one step of eight generators serves.
pub const PANEL: usize = 16;

/// Panels of a block, which share eight generators.
pub const PANELS_PER_BLOCK: usize = BLOCK / PANEL;

/// A table a power, of an entry an octave; on a cache line, as vector kernels take them.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Octaves(pub [[f32; 32]; 5]);

/// Coefficients of the octaves, lowest power first; an octave's place is the low five bits of its exponent field.
pub static OCTAVES: Octaves = Octaves([
    [
        6.3932705, 6.286566, 6.1781096, 6.0678134, 5.955583, 5.841315, 5.724896, 5.6062026, 5.4851, 5.3614383, 5.2350526, 5.10576,
        4.973356, 4.8376107, 4.698268, 4.555035, 4.4075804, 4.2555227, 4.0984225, 3.9357684, 3.7669604, 3.5912879, 3.4079015, 3.2157748,
        3.0136528, 2.799988, 2.5728538, 2.3298483, 2.0679886, 1.7795484, 0., 6.498304,
    ],
    [
        -0.43621013,
        -0.4436278,
        -0.45143086,
        -0.4596535,
        -0.46833435,
        -0.47751707,
        -0.48725146,
        -0.49759436,
        -0.50861114,
        -0.5203772,
        -0.5329805,
        -0.5465237,
        -0.5611279,
        -0.57693696,
        -0.59412336,
        -0.61289555,
        -0.6335085,
        -0.6562775,
        -0.68159753,
        -0.7099711,
        -0.7420477,
        -0.77868354,
        -0.82103163,
        -0.87068516,
        -0.9299107,
        -1.0020467,
        -1.0922133,
        -1.2086446,
        -1.365219,
        -1.5729928,
        0.,
        -0.42914736,
    ],
    [
        0.22182935, 0.22550543, 0.22936714, 0.23343043, 0.23771326, 0.24223584, 0.2470211, 0.25209507, 0.25748754, 0.26323268, 0.26937,
        0.2759453, 0.2830122, 0.29063377, 0.29888463, 0.3078541, 0.31764966, 0.3284021, 0.34027195, 0.35345852, 0.36821198, 0.38485,
        0.40378037, 0.42553154, 0.4507904, 0.4804401, 0.51555854, 0.5572242, 0.605396, 0.6372959, 0., 0.21832463,
    ],
    [
        -0.06644134,
        -0.06753414,
        -0.068681695,
        -0.069888666,
        -0.071160294,
        -0.0725025,
        -0.073921956,
        -0.07542624,
        -0.07702404,
        -0.07872527,
        -0.08054139,
        -0.082485676,
        -0.084573634,
        -0.086823456,
        -0.08925666,
        -0.09189892,
        -0.09478107,
        -0.097940534,
        -0.10142313,
        -0.10528562,
        -0.10959909,
        -0.11445362,
        -0.11996492,
        -0.12628344,
        -0.13360734,
        -0.14220083,
        -0.15242241,
        -0.16478525,
        -0.18011343,
        -0.19094718,
        0.,
        -0.06539912,
    ],
    [
        0.008295199,
        0.00843118,
        0.008573952,
        0.008724091,
        0.008882244,
        0.009049141,
        0.009225607,
        0.009412578,
        0.009611122,
        0.009822465,
        0.010048016,
        0.010289412,
        0.010548559,
        0.010827695,
        0.011129466,
        0.011457021,
        0.011814147,
        0.012205432,
        0.012636492,
        0.013114276,
        0.0136474855,
        0.014247147,
        0.014927428,
        0.015706783,
        0.0166096,
        0.0176686,
        0.01892836,
        0.020449512,
        0.022267623,
        0.021553522,
        0.,
        0.008165491,
    ],
]);

/// A standard normal number from 32 random bits.
#[inline]
pub fn normal_from(bits: u32) -> f32 {
    let m = (((bits & 0x7fff_ffff) | 1) as i32) as f32;
    let field = m.to_bits();
    let t = f32::from_bits((field & 0x007f_ffff) | 0x3f80_0000);
    let octave = (field >> 23 & 31) as usize;
    let [c0, c1, c2, c3, c4] = OCTAVES.0.each_ref().map(|c| c[octave]);
    let z = c4.mul_add(t, c3).mul_add(t, c2).mul_add(t, c1).mul_add(t, c0);
    f32::from_bits(z.to_bits() ^ bits & 0x8000_0000)
}

/// The factor of [`uniform_from`]: sqrt(3) / 2^31.
pub const UNIFORM_STEP: f32 = 8.065_491e-10;

/// A uniform number of mean 0 and variance 1, between -sqrt(3) and sqrt(3) up to rounding, from 32 random bits.
#[inline]
pub fn uniform_from(bits: u32) -> f32 {
    ((bits | 1) as i32) as f32 * UNIFORM_STEP
}

/// A uniform number in [0, 1) with 24 bits, for stochastic rounding.
#[inline]
pub fn fraction_from(bits: u32) -> f32 {
    (bits >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// The law of the numbers that are added, without their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoiseLaw {
    /// No numbers are drawn.
    None,
    /// Standard normal numbers.
    Gaussian,
    /// Uniform numbers of variance 1.
    Uniform,
}

impl From<Noise> for NoiseLaw {
    fn from(noise: Noise) -> Self {
        match noise {
            _ if noise.is_none() => NoiseLaw::None,
            Noise::Gaussian { .. } => NoiseLaw::Gaussian,
            _ => NoiseLaw::Uniform,
        }
    }
}

/// The random bits of the panels of one row, in order.
#[derive(Clone, Debug)]
pub struct RowBits {
    key: StreamKey,
    next_panel: usize,
    lanes: Xoshiro8,
}

impl RowBits {
    /// The bits of row `key.replica` from `first_panel` on; panels of one block are stepped over one by one.
    pub fn new(key: StreamKey, first_panel: usize) -> Self {
        let mut lanes = block_lanes(key, first_panel);
        for _ in 0..first_panel % PANELS_PER_BLOCK {
            lanes.next_words();
        }
        RowBits { key, next_panel: first_panel, lanes }
    }

    /// The bits of the next panel.
    #[inline]
    pub fn next_panel(&mut self) -> [u32; PANEL] {
        if self.next_panel.is_multiple_of(PANELS_PER_BLOCK) {
            self.lanes = block_lanes(self.key, self.next_panel);
        }
        self.next_panel += 1;
        let words = self.lanes.next_words();
        std::array::from_fn(|j| (words[j / 2] >> (32 * (j % 2))) as u32)
    }
}

/// The generators of the block of `panel`, at its start.
#[inline(always)]
pub(super) fn block_lanes(key: StreamKey, panel: usize) -> Xoshiro8 {
    Xoshiro8::from_key(key.block((panel / PANELS_PER_BLOCK) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;
    use crate::random::SystemTag;
    use crate::units::Seed;

    const KEY: StreamKey = StreamKey::new(Seed(3), SystemTag::named("noise test"), 0);

    /// The largest error of the distribution function over `bits` (lower half), absolute and relative to the tail.
    fn errors(bits: impl Iterator<Item = u32>, transform: fn(u32) -> f32) -> (f64, f64) {
        bits.fold((0.0_f64, 0.0_f64), |(absolute, relative), bits| {
            let tail = f64::from(bits | 1) / 4_294_967_296.0;
            let z = f64::from(transform(bits));
            let error = (0.5 * (1.0 - math::erf(z * std::f64::consts::FRAC_1_SQRT_2)) - tail).abs();
            (absolute.max(error), relative.max(error / tail))
        })
    }

    #[test]
    fn the_distribution_is_normal_to_a_hundred_thousandth_and_so_is_every_tail() {
        let even = errors((0..1 << 31).step_by(20_011), normal_from);
        assert!(even.0 < 1.1e-5 && even.1 < 9e-5, "{even:?}");
        // All octaves, down to the rarest number.
        let rare = errors((0..31).flat_map(|e| (0..64).map(move |k| ((64 + k) << e >> 6) & 0x7fff_ffff)), normal_from);
        assert!(rare.0 < 1.1e-5 && rare.1 < 9e-5, "{rare:?}");
        assert!((normal_from(0) - 6.230_2).abs() < 1e-3 && normal_from(1 << 31) == -normal_from(0));
        // Twins: a cubic with one coefficient off, and a sum of uniform numbers, which has no tails.
        fn shifted(bits: u32) -> f32 {
            normal_from(bits) * 1.001
        }
        fn sum_of_four(bits: u32) -> f32 {
            let bytes = (bits | 1).to_le_bytes().map(|b| f32::from(b) / 128.0 - 1.0);
            bytes.iter().sum::<f32>() * 0.866
        }
        assert!(errors((0..1 << 31).step_by(20_011), shifted).0 > 1e-4);
        assert!(errors((0..31).map(|e| 1 << e), sum_of_four).1 > 1e-2);
    }

    fn draw(transform: fn(u32) -> f32, n: usize) -> Vec<f64> {
        let mut bits = RowBits::new(KEY, 0);
        (0..n / PANEL).flat_map(|_| bits.next_panel().map(|b| f64::from(transform(b)))).collect()
    }

    #[test]
    fn drawn_noise_has_its_moments_and_tails() {
        let check = |zs: &[f64], fourth: f64, eighth: f64| {
            let n = zs.len() as f64;
            let moment = |k: i32| zs.iter().map(|&z| math::pow(z, f64::from(k))).sum::<f64>() / n;
            assert!(moment(1).abs() < 5.0 / n.sqrt(), "mean {}", moment(1));
            assert!((moment(2) - 1.0).abs() < 5.0 * ((fourth - 1.0) / n).sqrt(), "variance {}", moment(2));
            assert!(moment(3).abs() < 5.0 * (15.0 / n).sqrt(), "third moment {}", moment(3));
            assert!((moment(4) - fourth).abs() < 5.0 * ((eighth - fourth * fourth) / n).sqrt(), "fourth moment {}", moment(4));
        };
        let normal = draw(normal_from, 400_000);
        check(&normal, 3.0, 105.0);
        check(&draw(uniform_from, 400_000), 1.8, 9.0);
        for (z, chance) in [(2.0, 0.045_500), (3.0, 0.002_699_8), (4.0, 6.334e-5)] {
            let found = normal.iter().filter(|x| x.abs() > z).count() as f64;
            let expected = chance * normal.len() as f64;
            assert!((found - expected).abs() < 5.0 * expected.sqrt(), "{found} of |z| > {z}, {expected} expected");
        }
        let correlated: f64 = normal.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / (normal.len() as f64).sqrt();
        assert!(correlated.abs() < 5.0, "neighbours correlate: z {correlated}");
    }

    #[test]
    fn a_panel_depends_on_its_place_alone() {
        let mut all = RowBits::new(KEY, 0);
        let panels: Vec<_> = (0..200).map(|_| all.next_panel()).collect();
        for first in [0, 1, 63, 64, 65, 130] {
            let mut some = RowBits::new(KEY, first);
            assert!(panels[first..].iter().all(|&p| p == some.next_panel()), "from panel {first}");
        }
        assert_ne!(panels[0], RowBits::new(KEY.replica(1), 0).next_panel());
        assert_ne!(panels[0], panels[64]);
    }

    #[test]
    fn fractions_and_uniforms_stay_inside_their_ranges() {
        for bits in [0, 1, 255, 256, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
            assert!((0.0..1.0).contains(&fraction_from(bits)));
            assert!(uniform_from(bits).abs() <= 3.0_f32.sqrt() * (1.0 + f32::EPSILON));
        }
        assert_eq!(uniform_from(u32::MAX), -uniform_from(0));
    }
}
