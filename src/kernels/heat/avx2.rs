//! Sixteen f32 in two AVX2 registers.

use std::arch::x86_64::*;

use super::vector::{LANES, Vector};

/// Sixteen f32; exists only inside functions that enable AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Y([__m256; 2]);

impl Y {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(__m256, __m256) -> __m256) -> Self {
        Y([f(self.0[0], other.0[0]), f(self.0[1], other.0[1])])
    }
}

impl Vector for Y {
    type Wide = [__m256d; 4];

    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: vectors exist only inside functions that enable AVX2 and FMA.
        unsafe { Y([_mm256_set1_ps(x); 2]) }
    }
    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        // SAFETY: as in `splat`; there are 16 floats.
        unsafe { Y([_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from[8..].as_ptr())]) }
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        // SAFETY: as in `load`.
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), self.0[0]);
            _mm256_storeu_ps(to[8..].as_mut_ptr(), self.0[1]);
        }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        self.zip(other, |x, y| unsafe { _mm256_add_ps(x, y) })
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        self.zip(other, |x, y| unsafe { _mm256_sub_ps(x, y) })
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        self.zip(other, |x, y| unsafe { _mm256_mul_ps(x, y) })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        self.zip(other, |x, y| unsafe { _mm256_max_ps(x, y) })
    }
    #[inline(always)]
    fn fma(self, factor: Self, term: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { Y([_mm256_fmadd_ps(self.0[0], factor.0[0], term.0[0]), _mm256_fmadd_ps(self.0[1], factor.0[1], term.0[1])]) }
    }
    #[inline(always)]
    fn power_of_two(self) -> Self {
        // SAFETY: as in `splat`.
        Y(self.0.map(|x| unsafe {
            let k = _mm256_add_epi32(_mm256_castps_si256(x), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(k))
        }))
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: as in `splat`.
        let parts = self.0.map(|x| unsafe {
            let half = _mm256_set1_epi32(0x3f35_04f3);
            let shifted = _mm256_sub_epi32(_mm256_castps_si256(x), half);
            let exponent = _mm256_cvtepi32_ps(_mm256_srai_epi32::<23>(shifted));
            let m = _mm256_add_epi32(_mm256_and_si256(shifted, _mm256_set1_epi32(0x007f_ffff)), half);
            (exponent, _mm256_castsi256_ps(m))
        });
        (Y(parts.map(|p| p.0)), Y(parts.map(|p| p.1)))
    }
    #[inline(always)]
    fn positive(self) -> u16 {
        // SAFETY: as in `splat`.
        let [low, high] = self.0.map(|x| unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(x, _mm256_setzero_ps())) });
        low as u16 | (high as u16) << 8
    }
    #[inline(always)]
    fn differs(self, other: Self) -> u16 {
        // SAFETY: as in `splat`.
        let same = |x: __m256, y: __m256| unsafe {
            _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_castps_si256(x), _mm256_castps_si256(y))))
        };
        !(same(self.0[0], other.0[0]) as u16 | (same(self.0[1], other.0[1]) as u16) << 8)
    }
    #[inline(always)]
    fn replace_where(self, labels: &[u32; LANES], label: u32, other: Self) -> Self {
        // SAFETY: as in `splat`; there are 8 labels in each half.
        let half = |labels: &[u32], x: __m256, y: __m256| unsafe {
            let labels = _mm256_loadu_si256(labels.as_ptr().cast());
            let here = _mm256_cmpeq_epi32(labels, _mm256_set1_epi32(label as i32));
            _mm256_blendv_ps(x, y, _mm256_castsi256_ps(here))
        };
        Y([half(&labels[..8], self.0[0], other.0[0]), half(&labels[8..], self.0[1], other.0[1])])
    }
    #[inline(always)]
    fn wide_zero() -> Self::Wide {
        // SAFETY: as in `splat`.
        unsafe { [_mm256_setzero_pd(); 4] }
    }
    #[inline(always)]
    fn add_to(self, wide: Self::Wide) -> Self::Wide {
        // SAFETY: as in `splat`.
        unsafe {
            let quarter = |x: __m256| [_mm256_cvtps_pd(_mm256_castps256_ps128(x)), _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(x))];
            let ([a, b], [c, d]) = (quarter(self.0[0]), quarter(self.0[1]));
            [_mm256_add_pd(wide[0], a), _mm256_add_pd(wide[1], b), _mm256_add_pd(wide[2], c), _mm256_add_pd(wide[3], d)]
        }
    }
    #[inline(always)]
    fn wide_lanes(wide: Self::Wide) -> [f64; LANES] {
        let mut lanes = [0.0; LANES];
        for (k, part) in wide.into_iter().enumerate() {
            // SAFETY: as in `splat`; there is room for 4 at each quarter.
            unsafe { _mm256_storeu_pd(lanes[4 * k..].as_mut_ptr(), part) };
        }
        lanes
    }
}
