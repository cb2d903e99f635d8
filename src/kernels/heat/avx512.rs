//! Sixteen f32 in one AVX-512 register.

use std::arch::x86_64::*;

use super::vector::{LANES, Vector};

/// Sixteen f32; exists only inside functions that enable AVX-512.
#[derive(Clone, Copy)]
pub(super) struct Z(__m512);

impl Vector for Z {
    type Wide = [__m512d; 2];

    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: vectors exist only inside functions that enable AVX-512.
        unsafe { Z(_mm512_set1_ps(x)) }
    }
    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        // SAFETY: as in `splat`; there are 16 floats.
        unsafe { Z(_mm512_loadu_ps(from.as_ptr())) }
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        // SAFETY: as in `load`.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { Z(_mm512_add_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { Z(_mm512_sub_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { Z(_mm512_mul_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { Z(_mm512_max_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn fma(self, factor: Self, term: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { Z(_mm512_fmadd_ps(self.0, factor.0, term.0)) }
    }
    #[inline(always)]
    fn power_of_two(self) -> Self {
        // SAFETY: as in `splat`.
        unsafe {
            let k = _mm512_add_epi32(_mm512_castps_si512(self.0), _mm512_set1_epi32(127));
            Z(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(k)))
        }
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: as in `splat`.
        unsafe {
            let half = _mm512_set1_epi32(0x3f35_04f3);
            let shifted = _mm512_sub_epi32(_mm512_castps_si512(self.0), half);
            let exponent = _mm512_cvtepi32_ps(_mm512_srai_epi32::<23>(shifted));
            let m = _mm512_add_epi32(_mm512_and_si512(shifted, _mm512_set1_epi32(0x007f_ffff)), half);
            (Z(exponent), Z(_mm512_castsi512_ps(m)))
        }
    }
    #[inline(always)]
    fn positive(self) -> u16 {
        // SAFETY: as in `splat`.
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_ps()) }
    }
    #[inline(always)]
    fn differs(self, other: Self) -> u16 {
        // SAFETY: as in `splat`.
        unsafe { _mm512_cmpneq_epi32_mask(_mm512_castps_si512(self.0), _mm512_castps_si512(other.0)) }
    }
    #[inline(always)]
    fn replace_where(self, labels: &[u32; LANES], label: u32, other: Self) -> Self {
        // SAFETY: as in `splat`; there are 16 labels.
        unsafe {
            let labels = _mm512_loadu_si512(labels.as_ptr().cast());
            let here = _mm512_cmpeq_epi32_mask(labels, _mm512_set1_epi32(label as i32));
            Z(_mm512_mask_blend_ps(here, self.0, other.0))
        }
    }
    #[inline(always)]
    fn wide_zero() -> Self::Wide {
        // SAFETY: as in `splat`.
        unsafe { [_mm512_setzero_pd(); 2] }
    }
    #[inline(always)]
    fn add_to(self, wide: Self::Wide) -> Self::Wide {
        // SAFETY: as in `splat`.
        unsafe {
            let low = _mm512_cvtps_pd(_mm512_castps512_ps256(self.0));
            let high = _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(self.0));
            [_mm512_add_pd(wide[0], low), _mm512_add_pd(wide[1], high)]
        }
    }
    #[inline(always)]
    fn wide_lanes(wide: Self::Wide) -> [f64; LANES] {
        let mut lanes = [0.0; LANES];
        // SAFETY: as in `splat`; there is room for 16.
        unsafe {
            _mm512_storeu_pd(lanes.as_mut_ptr(), wide[0]);
            _mm512_storeu_pd(lanes[8..].as_mut_ptr(), wide[1]);
        }
        lanes
    }
}
