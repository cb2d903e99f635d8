//! 16 floats in one AVX-512 register.

use std::arch::x86_64::*;

use super::super::doubles::Z64;
use super::vector::{Floats, LANES};

/// 16 floats.
#[derive(Clone, Copy)]
pub struct Z(__m512);

/// Wraps intrinsics that take and give registers alone.
macro_rules! registers {
    ($e:expr) => {
        // SAFETY: values of this type exist only inside functions that enable AVX-512 F, BW, DQ and VL.
        unsafe { $e }
    };
}

impl Floats for Z {
    type Mask = __mmask16;
    type Doubles = Z64;
    const TILE_WIDTH: usize = 4;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Z(registers!(_mm512_set1_ps(x)))
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        // SAFETY: as for `registers`; 16 floats are readable, at any alignment.
        Z(unsafe { _mm512_loadu_ps(from.as_ptr()) })
    }

    #[inline(always)]
    fn load_f16(from: &[u16; LANES]) -> Self {
        // SAFETY: as for `registers`; 16 halves are readable, at any alignment.
        Z(unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast())) })
    }

    #[inline(always)]
    fn load_bf16(from: &[u16; LANES]) -> Self {
        // SAFETY: as for `registers`; 16 halves are readable, at any alignment.
        let codes = unsafe { _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast())) };
        Z(registers!(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(codes))))
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        // SAFETY: as for `registers`; 16 floats are writable, at any alignment.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn gather(from: &[f32], rows: &[u32; LANES]) -> Self {
        assert!(from.len() < 1 << 31, "{} floats behind a 32-bit index", from.len());
        // SAFETY: as for `registers`; every index is checked to be below the length before it is used.
        unsafe {
            let all = _mm512_loadu_epi32(rows.as_ptr().cast());
            let inside = _mm512_cmplt_epu32_mask(all, _mm512_set1_epi32(from.len() as i32));
            assert_eq!(inside, u16::MAX, "a row beyond the {} floats", from.len());
            let (low, high) = rows.split_at(8);
            // Loads of their own: the gather instruction of some processors is slower than what it replaces.
            let from = from.as_ptr();
            Z(_mm512_insertf32x8::<1>(_mm512_castps256_ps512(load_8(from, low)), load_8(from, high)))
        }
    }

    #[inline(always)]
    fn gather_16(from: &[f32; 1 << 16], places: &[u16; LANES]) -> Self {
        // Four places a load: the places are half of what this reads otherwise.
        let fours = |k: usize| {
            u64::from(places[k]) | u64::from(places[k + 1]) << 16 | u64::from(places[k + 2]) << 32 | u64::from(places[k + 3]) << 48
        };
        let (low, high) = ((fours(0), fours(4)), (fours(8), fours(12)));
        Z(registers!(_mm512_insertf32x8::<1>(_mm512_castps256_ps512(pick_8(from, low)), pick_8(from, high))))
    }

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Z(registers!(_mm512_add_ps(self.0, b.0)))
    }

    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        Z(registers!(_mm512_sub_ps(self.0, b.0)))
    }

    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        Z(registers!(_mm512_mul_ps(self.0, b.0)))
    }

    #[inline(always)]
    fn div(self, b: Self) -> Self {
        Z(registers!(_mm512_div_ps(self.0, b.0)))
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Z(registers!(_mm512_sqrt_ps(self.0)))
    }

    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        Z(registers!(_mm512_fmadd_ps(self.0, b.0, c.0)))
    }

    #[inline(always)]
    fn max(self, b: Self) -> Self {
        Z(registers!(_mm512_max_ps(self.0, b.0)))
    }

    #[inline(always)]
    fn min(self, b: Self) -> Self {
        Z(registers!(_mm512_min_ps(self.0, b.0)))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Z(registers!(_mm512_andnot_ps(_mm512_set1_ps(-0.0), self.0)))
    }

    #[inline(always)]
    fn neg(self) -> Self {
        Z(registers!(_mm512_xor_ps(_mm512_set1_ps(-0.0), self.0)))
    }

    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        Z(registers!(_mm512_or_ps(_mm512_andnot_ps(_mm512_set1_ps(-0.0), self.0), _mm512_and_ps(_mm512_set1_ps(-0.0), sign.0))))
    }

    #[inline(always)]
    fn gt(self, b: Self) -> __mmask16 {
        registers!(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, b.0))
    }

    #[inline(always)]
    fn ge(self, b: Self) -> __mmask16 {
        registers!(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(self.0, b.0))
    }

    #[inline(always)]
    fn bits(mask: __mmask16) -> u16 {
        mask
    }

    #[inline(always)]
    fn select(mask: __mmask16, yes: Self, no: Self) -> Self {
        Z(registers!(_mm512_mask_blend_ps(mask, no.0, yes.0)))
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        Z(registers!(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_add_epi32(_mm512_cvttps_epi32(self.0), _mm512_set1_epi32(127))))))
    }

    #[inline(always)]
    fn mantissa_and_exponent(self) -> (Self, Self) {
        registers!({
            let base = _mm512_set1_epi32(0x3f35_04f3);
            let shifted = _mm512_sub_epi32(_mm512_castps_si512(self.0), base);
            let m = _mm512_add_epi32(_mm512_and_si512(shifted, _mm512_set1_epi32(0x007f_ffff)), base);
            (Z(_mm512_castsi512_ps(m)), Z(_mm512_cvtepi32_ps(_mm512_srai_epi32::<23>(shifted))))
        })
    }

    #[inline(always)]
    fn has_bit(self, bit: i32) -> __mmask16 {
        registers!(_mm512_test_epi32_mask(_mm512_cvttps_epi32(self.0), _mm512_set1_epi32(bit)))
    }

    #[inline(always)]
    fn is_integer(self, n: i32) -> __mmask16 {
        registers!(_mm512_cmpeq_epi32_mask(_mm512_cvttps_epi32(self.0), _mm512_set1_epi32(n)))
    }
}

/// The 8 floats at the 16-bit places, four in each word.
#[inline(always)]
fn pick_8(from: &[f32; 1 << 16], places: (u64, u64)) -> __m256 {
    let at = |word: u64, k: u32| from[usize::from((word >> (16 * k)) as u16)];
    let (a, b) = places;
    registers!(_mm256_setr_ps(at(a, 0), at(a, 1), at(a, 2), at(a, 3), at(b, 0), at(b, 1), at(b, 2), at(b, 3)))
}

/// The 8 floats `from[rows[lane]]`.
///
/// # Safety
/// There are 8 rows, and floats in all of them; AVX-512 is enabled.
#[inline(always)]
unsafe fn load_8(from: *const f32, rows: &[u32]) -> __m256 {
    // SAFETY: the caller's.
    unsafe {
        // Volatile, or rows would be picked from the vector that was compared: two more operations each.
        let at = |k: usize| *from.add(rows.as_ptr().add(k).read_volatile() as usize);
        _mm256_setr_ps(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7))
    }
}
