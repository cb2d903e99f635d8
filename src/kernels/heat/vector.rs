//! The sixteen-lane operations that the kernels of weight annealing are written in, and their scalar meaning.

use crate::math::LN_F32;

/// Lanes of a vector; rows of activations are padded to a multiple of it.
pub const LANES: usize = 16;

/// e^x below this is taken as e^-87, which is nothing beside the largest term 1 of a softmax.
const SMALLEST: f32 = -87.0;
/// 1.5 * 2^23: adding it rounds to an integer, which its low bits then hold.
const MAGIC: f32 = 12_582_912.0;
/// Coefficients of 2^r on [-1/2, 1/2] after the leading one, highest power first: (2^r - 1) / r interpolated at Chebyshev nodes.
const EXP2: [f32; 5] = [9.666_369e-3, 5.550_381e-2, 2.402_235e-1, std::f32::consts::LN_2, 1.0];

/// Sixteen f32.
pub(super) trait Vector: Copy {
    /// Sixteen f64.
    type Wide: Copy;

    fn splat(x: f32) -> Self;
    fn load(from: &[f32; LANES]) -> Self;
    fn store(self, to: &mut [f32; LANES]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// The larger one; `other` if this is not a number.
    fn max(self, other: Self) -> Self;
    /// self * factor + term with one rounding.
    fn fma(self, factor: Self, term: Self) -> Self;
    /// 2^k of an f32 whose bits end in those of k + 127 after 127 is added.
    fn power_of_two(self) -> Self;
    /// The exponent e and the mantissa m in [sqrt(1/2), sqrt(2)) of m 2^e.
    fn split(self) -> (Self, Self);
    /// Lanes above 0, one bit each.
    fn positive(self) -> u16;
    /// Lanes whose bits differ, one bit each.
    fn differs(self, other: Self) -> u16;
    /// `other` in the lanes whose label is `label`.
    fn replace_where(self, labels: &[u32; LANES], label: u32, other: Self) -> Self;
    fn wide_zero() -> Self::Wide;
    /// Adds each lane to its f64.
    fn add_to(self, wide: Self::Wide) -> Self::Wide;
    fn wide_lanes(wide: Self::Wide) -> [f64; LANES];

    /// e^x for x up to 0, to about 2e-7 of itself.
    #[inline(always)]
    fn exp_below(self) -> Self {
        let x = self.max(Self::splat(SMALLEST));
        let log2e = Self::splat(std::f32::consts::LOG2_E);
        let shifted = x.fma(log2e, Self::splat(MAGIC));
        let k = shifted.sub(Self::splat(MAGIC));
        let r = x.fma(log2e, Self::splat(0.0).sub(k));
        let mut p = Self::splat(1.338_130_3e-3);
        for c in EXP2 {
            p = p.fma(r, Self::splat(c));
        }
        p.mul(shifted.power_of_two())
    }

    /// [`crate::math::ln_f32`] of each lane.
    #[inline(always)]
    fn ln(self) -> Self {
        let (exponent, m) = self.split();
        let t = m.sub(Self::splat(1.0));
        let z = t.mul(t);
        let mut p = Self::splat(7.037_683_6e-2);
        for c in LN_F32 {
            p = p.mul(t).add(Self::splat(c));
        }
        let y = p.mul(t).mul(z);
        let y = y.add(exponent.mul(Self::splat(-2.121_944_4e-4)));
        let y = y.sub(Self::splat(0.5).mul(z));
        t.add(y).add(exponent.mul(Self::splat(0.693_359_4)))
    }
}

/// The law: sixteen f32 in an array.
#[derive(Clone, Copy)]
pub(super) struct Plain([f32; LANES]);

impl Plain {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Plain(std::array::from_fn(|l| f(self.0[l], other.0[l])))
    }
}

impl Vector for Plain {
    type Wide = [f64; LANES];

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Plain([x; LANES])
    }
    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        Plain(*from)
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        *to = self.0;
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |x, y| x + y)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |x, y| x - y)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |x, y| x * y)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |x, y| if x > y { x } else { y })
    }
    #[inline(always)]
    fn fma(self, factor: Self, term: Self) -> Self {
        Plain(std::array::from_fn(|l| self.0[l].mul_add(factor.0[l], term.0[l])))
    }
    #[inline(always)]
    fn power_of_two(self) -> Self {
        Plain(self.0.map(|x| f32::from_bits(x.to_bits().wrapping_add(127) << 23)))
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        let shifted = self.0.map(|x| (x.to_bits() as i32).wrapping_sub(0x3f35_04f3));
        let exponent = shifted.map(|s| (s >> 23) as f32);
        let m = shifted.map(|s| f32::from_bits((s & 0x007f_ffff).wrapping_add(0x3f35_04f3) as u32));
        (Plain(exponent), Plain(m))
    }
    #[inline(always)]
    fn positive(self) -> u16 {
        (0..LANES).fold(0, |bits, l| bits | u16::from(self.0[l] > 0.0) << l)
    }
    #[inline(always)]
    fn differs(self, other: Self) -> u16 {
        (0..LANES).fold(0, |bits, l| bits | u16::from(self.0[l].to_bits() != other.0[l].to_bits()) << l)
    }
    #[inline(always)]
    fn replace_where(self, labels: &[u32; LANES], label: u32, other: Self) -> Self {
        Plain(std::array::from_fn(|l| if labels[l] == label { other.0[l] } else { self.0[l] }))
    }
    #[inline(always)]
    fn wide_zero() -> Self::Wide {
        [0.0; LANES]
    }
    #[inline(always)]
    fn add_to(self, wide: Self::Wide) -> Self::Wide {
        std::array::from_fn(|l| wide[l] + f64::from(self.0[l]))
    }
    #[inline(always)]
    fn wide_lanes(wide: Self::Wide) -> [f64; LANES] {
        wide
    }
}
