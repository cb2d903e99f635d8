//! Half fields of 16 replicas in two AVX2 registers.

use std::arch::x86_64::*;

use crate::math::EXP_F32;

use super::avx2::{Pair, X256};
use super::real::{FLOATS, Floats};

/// Half fields of 16 replicas.
#[derive(Clone, Copy)]
pub struct Floats256(__m256, __m256);

impl Floats for Floats256 {
    type Random = Pair<X256>;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: vector words exist only inside functions that enable AVX2.
        unsafe { Floats256(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
    }

    #[inline(always)]
    fn add_where(self, mask: u16, x: f32) -> Self {
        // SAFETY: as in `splat`.
        unsafe {
            let x = _mm256_set1_ps(x);
            let (low, high) = (spread(mask as u8), spread((mask >> 8) as u8));
            Floats256(_mm256_blendv_ps(self.0, _mm256_add_ps(self.0, x), low), _mm256_blendv_ps(self.1, _mm256_add_ps(self.1, x), high))
        }
    }

    #[inline(always)]
    fn same(bits: u32) -> Self::Random {
        // SAFETY: as in `splat`.
        unsafe { Pair(X256(_mm256_set1_epi32(bits as i32)), X256(_mm256_set1_epi32(bits as i32))) }
    }

    #[inline(always)]
    fn flips(self, up: u16, scale: &[f32; FLOATS], random: Self::Random, heat_bath: bool) -> u16 {
        // SAFETY: as in `splat`; `scale` has 16 floats.
        unsafe {
            let low = flips_of_half(self.0, up as u8, _mm256_loadu_ps(scale.as_ptr()), random.0.0, heat_bath);
            let high = flips_of_half(self.1, (up >> 8) as u8, _mm256_loadu_ps(scale.as_ptr().add(8)), random.1.0, heat_bath);
            u16::from(low) | u16::from(high) << 8
        }
    }
}

/// All bits of a lane where `mask` is set.
#[inline(always)]
fn spread(mask: u8) -> __m256 {
    // SAFETY: vector words exist only inside functions that enable AVX2.
    unsafe {
        let bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(i32::from(mask)), bit), bit))
    }
}

#[inline(always)]
fn flips_of_half(field: __m256, up: u8, scale: __m256, random: __m256i, heat_bath: bool) -> u8 {
    // SAFETY: vector words exist only inside functions that enable AVX2.
    unsafe {
        let t = _mm256_mul_ps(field, scale);
        let k = _mm256_cvtepi32_ps(_mm256_srli_epi32::<8>(random));
        let u = _mm256_mul_ps(_mm256_add_ps(k, _mm256_set1_ps(0.5)), _mm256_set1_ps(1.0 / 16_777_216.0));
        let one = _mm256_set1_ps(1.0);
        if heat_bath {
            let chance = _mm256_mul_ps(u, _mm256_add_ps(one, exp(t)));
            _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(chance, one)) as u8 ^ up
        } else {
            let x = _mm256_blendv_ps(_mm256_xor_ps(t, _mm256_set1_ps(-0.0)), t, spread(up));
            let downhill = _mm256_cmp_ps::<_CMP_GE_OQ>(x, _mm256_setzero_ps());
            _mm256_movemask_ps(_mm256_or_ps(downhill, _mm256_cmp_ps::<_CMP_LT_OQ>(u, exp(x)))) as u8
        }
    }
}

/// [`crate::math::exp_f32`] in each lane, with the same roundings.
#[inline(always)]
fn exp(x: __m256) -> __m256 {
    // SAFETY: vector words exist only inside functions that enable AVX2.
    unsafe {
        let x = _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-87.0)), _mm256_set1_ps(88.0));
        let magic = _mm256_set1_ps(12_582_912.0);
        let k = _mm256_sub_ps(_mm256_add_ps(_mm256_mul_ps(x, _mm256_set1_ps(std::f32::consts::LOG2_E)), magic), magic);
        let r = _mm256_sub_ps(x, _mm256_mul_ps(k, _mm256_set1_ps(0.693_359_4)));
        let r = _mm256_sub_ps(r, _mm256_mul_ps(k, _mm256_set1_ps(-2.121_944_4e-4)));
        let mut p = _mm256_set1_ps(1.987_569_2e-4);
        for c in EXP_F32 {
            p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(c));
        }
        let y = _mm256_add_ps(_mm256_add_ps(_mm256_mul_ps(p, _mm256_mul_ps(r, r)), r), _mm256_set1_ps(1.0));
        let exponent = _mm256_slli_epi32::<23>(_mm256_add_epi32(_mm256_cvttps_epi32(k), _mm256_set1_epi32(127)));
        _mm256_mul_ps(y, _mm256_castsi256_ps(exponent))
    }
}
