//! Noise made in registers: an inverse normal distribution by octaves, from 32 random bits a number.
//!
//! ```text
//! m = (r & 0x7fffffff) | 1     odd, so m / 2^31 lies in the middle of its cell: the two-sided tail probability
//! e, t = exponent and mantissa (1 <= t < 2) of m as f32
//! z = c0[e] + t (c1[e] + t (c2[e] + t (c3[e] + t c4[e])))     c: least largest error of the CDF in each octave
//! z = -z if the highest bit of r is set
//! ```
//!
//! The distribution function is off by at most 1.1e-5, in the tails by at most 4e-5 of the tail; the variance by
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

/// Coefficients of the octaves, lowest power first; an octave's place is the low five bits of its exponent field.
pub const OCTAVES: [[f32; 32]; 5] = [
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
];

/// A standard normal number from 32 random bits.
#[inline]
pub fn normal_from(bits: u32) -> f32 {
    let m = (((bits & 0x7fff_ffff) | 1) as i32) as f32;
    let field = m.to_bits();
    let t = f32::from_bits((field & 0x007f_ffff) | 0x3f80_0000);
    let octave = (field >> 23 & 31) as usize;
    let [c0, c1, c2, c3, c4] = OCTAVES.each_ref().map(|c| c[octave]);
    let z = c4.mul_add(t, c3).mul_add(t, c2).mul_add(t, c1).mul_add(t, c0);
    f32::from_bits(z.to_bits() ^ bits & 0x8000_0000)
}

/// The factor of [`uniform_from`]: sqrt(3) / 2^31.
pub const UNIFORM_STEP: f32 = 8.065_491e-10;

/// A uniform number of mean 0 and variance 1, in (-sqrt(3), sqrt(3)), from 32 random bits.
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
