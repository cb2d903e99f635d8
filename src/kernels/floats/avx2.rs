//! 16 floats in two AVX2 registers.

use std::arch::x86_64::*;

use crate::plan::network::stored::F16_SCALE;

use super::super::doubles::Y64;
use super::vector::{Floats, LANES};

/// 16 floats, the lower 8 first.
#[derive(Clone, Copy)]
pub struct Y(__m256, __m256);

/// Wraps intrinsics that take and give registers alone.
macro_rules! registers {
    ($e:expr) => {
        // SAFETY: values of this type exist only inside functions that enable AVX2 and FMA.
        unsafe { $e }
    };
}

/// Applies an intrinsic of two registers to both halves.
macro_rules! halves {
    ($f:ident, $a:expr, $b:expr) => {
        Y(registers!($f($a.0, $b.0)), registers!($f($a.1, $b.1)))
    };
}

impl Y {
    #[inline(always)]
    fn same(half: __m256) -> Self {
        Y(half, half)
    }

    #[inline(always)]
    fn truth(low: __m256i, high: __m256i) -> Self {
        Y(registers!(_mm256_castsi256_ps(low)), registers!(_mm256_castsi256_ps(high)))
    }

    #[inline(always)]
    fn integers(self) -> (__m256i, __m256i) {
        registers!((_mm256_cvttps_epi32(self.0), _mm256_cvttps_epi32(self.1)))
    }
}

impl Floats for Y {
    /// All bits of a lane, or none.
    type Mask = Y;
    type Doubles = Y64;
    const TILE_WIDTH: usize = 1;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Y::same(registers!(_mm256_set1_ps(x)))
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        // SAFETY: as for `registers`; 16 floats are readable, at any alignment.
        unsafe { Y(_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))) }
    }

    #[inline(always)]
    fn load_f16(from: &[u16; LANES]) -> Self {
        let (low, high) = widened(from);
        // Shifted into place and scaled, which is exact; conversions of their own are another instruction set.
        registers!({
            let (sizes, signs) = (_mm256_set1_epi32(0x7fff), _mm256_set1_epi32(0x8000));
            let scale = _mm256_set1_ps(F16_SCALE);
            let low_size = _mm256_castsi256_ps(_mm256_slli_epi32::<13>(_mm256_and_si256(low, sizes)));
            let high_size = _mm256_castsi256_ps(_mm256_slli_epi32::<13>(_mm256_and_si256(high, sizes)));
            let low_sign = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_and_si256(low, signs)));
            let high_sign = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_and_si256(high, signs)));
            Y(_mm256_or_ps(_mm256_mul_ps(low_size, scale), low_sign), _mm256_or_ps(_mm256_mul_ps(high_size, scale), high_sign))
        })
    }

    #[inline(always)]
    fn load_bf16(from: &[u16; LANES]) -> Self {
        let (low, high) = widened(from);
        registers!(Y::truth(_mm256_slli_epi32::<16>(low), _mm256_slli_epi32::<16>(high)))
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        // SAFETY: as for `registers`; 16 floats are writable, at any alignment.
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), self.0);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), self.1);
        }
    }

    #[inline(always)]
    fn gather(from: &[f32], rows: &[u32; LANES]) -> Self {
        // Gathers of AVX2 are no faster than loads, and loads check their rows.
        let mut out = [0.0; LANES];
        for (o, &row) in out.iter_mut().zip(rows) {
            *o = from[row as usize];
        }
        Self::load(&out)
    }

    #[inline(always)]
    fn gather_16(from: &[f32; 1 << 16], places: &[u16; LANES]) -> Self {
        let (low, high) = places.split_at(8);
        Y(pick_8(from, low), pick_8(from, high))
    }

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        halves!(_mm256_add_ps, self, b)
    }

    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        halves!(_mm256_sub_ps, self, b)
    }

    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        halves!(_mm256_mul_ps, self, b)
    }

    #[inline(always)]
    fn div(self, b: Self) -> Self {
        halves!(_mm256_div_ps, self, b)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        registers!(Y(_mm256_sqrt_ps(self.0), _mm256_sqrt_ps(self.1)))
    }

    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        registers!(Y(_mm256_fmadd_ps(self.0, b.0, c.0), _mm256_fmadd_ps(self.1, b.1, c.1)))
    }

    #[inline(always)]
    fn max(self, b: Self) -> Self {
        halves!(_mm256_max_ps, self, b)
    }

    #[inline(always)]
    fn min(self, b: Self) -> Self {
        halves!(_mm256_min_ps, self, b)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        halves!(_mm256_andnot_ps, Self::splat(-0.0), self)
    }

    #[inline(always)]
    fn neg(self) -> Self {
        halves!(_mm256_xor_ps, Self::splat(-0.0), self)
    }

    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        let signs = halves!(_mm256_and_ps, Self::splat(-0.0), sign);
        let sizes = self.abs();
        halves!(_mm256_or_ps, sizes, signs)
    }

    #[inline(always)]
    fn gt(self, b: Self) -> Y {
        registers!(Y(_mm256_cmp_ps::<_CMP_GT_OQ>(self.0, b.0), _mm256_cmp_ps::<_CMP_GT_OQ>(self.1, b.1)))
    }

    #[inline(always)]
    fn ge(self, b: Self) -> Y {
        registers!(Y(_mm256_cmp_ps::<_CMP_GE_OQ>(self.0, b.0), _mm256_cmp_ps::<_CMP_GE_OQ>(self.1, b.1)))
    }

    #[inline(always)]
    fn bits(mask: Y) -> u16 {
        registers!(_mm256_movemask_ps(mask.0) as u16 | (_mm256_movemask_ps(mask.1) as u16) << 8)
    }

    #[inline(always)]
    fn select(mask: Y, yes: Self, no: Self) -> Self {
        registers!(Y(_mm256_blendv_ps(no.0, yes.0, mask.0), _mm256_blendv_ps(no.1, yes.1, mask.1)))
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        let (low, high) = self.integers();
        let bias = registers!(_mm256_set1_epi32(127));
        registers!(Y::truth(_mm256_slli_epi32::<23>(_mm256_add_epi32(low, bias)), _mm256_slli_epi32::<23>(_mm256_add_epi32(high, bias))))
    }

    #[inline(always)]
    fn mantissa_and_exponent(self) -> (Self, Self) {
        let (low, high) = (part(self.0), part(self.1));
        (Y(low.0, high.0), Y(low.1, high.1))
    }

    #[inline(always)]
    fn has_bit(self, bit: i32) -> Y {
        let (low, high) = self.integers();
        registers!({
            let bit = _mm256_set1_epi32(bit);
            let (low, high) = (_mm256_and_si256(low, bit), _mm256_and_si256(high, bit));
            Y::truth(_mm256_cmpeq_epi32(low, bit), _mm256_cmpeq_epi32(high, bit))
        })
    }

    #[inline(always)]
    fn is_integer(self, n: i32) -> Y {
        let (low, high) = self.integers();
        registers!({
            let n = _mm256_set1_epi32(n);
            Y::truth(_mm256_cmpeq_epi32(low, n), _mm256_cmpeq_epi32(high, n))
        })
    }
}

/// The 8 floats `from[places[lane]]`.
#[inline(always)]
fn pick_8(from: &[f32; 1 << 16], places: &[u16]) -> __m256 {
    let at = |k: usize| from[usize::from(places[k])];
    registers!(_mm256_setr_ps(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)))
}

/// 16 codes as integers.
#[inline(always)]
fn widened(from: &[u16; LANES]) -> (__m256i, __m256i) {
    // SAFETY: as for `registers`; 16 codes are readable, at any alignment.
    unsafe {
        let (low, high) = (_mm_loadu_si128(from.as_ptr().cast()), _mm_loadu_si128(from.as_ptr().add(8).cast()));
        (_mm256_cvtepu16_epi32(low), _mm256_cvtepu16_epi32(high))
    }
}

/// Mantissas and exponents of 8 floats.
#[inline(always)]
fn part(x: __m256) -> (__m256, __m256) {
    registers!({
        let base = _mm256_set1_epi32(0x3f35_04f3);
        let shifted = _mm256_sub_epi32(_mm256_castps_si256(x), base);
        let m = _mm256_add_epi32(_mm256_and_si256(shifted, _mm256_set1_epi32(0x007f_ffff)), base);
        (_mm256_castsi256_ps(m), _mm256_cvtepi32_ps(_mm256_srai_epi32::<23>(shifted)))
    })
}
