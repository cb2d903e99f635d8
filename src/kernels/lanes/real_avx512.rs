//! Half fields of 16 replicas in one AVX-512 register.

use std::arch::x86_64::*;

use crate::math::EXP_F32;

use super::avx512::Z512;
use super::real::{FLOATS, Floats};

/// Half fields of 16 replicas.
#[derive(Clone, Copy)]
pub struct Floats512(__m512);

impl Floats for Floats512 {
    type Random = Z512;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: vector words exist only inside functions that enable AVX-512.
        unsafe { Floats512(_mm512_set1_ps(x)) }
    }

    #[inline(always)]
    fn add_where(self, mask: u16, x: f32) -> Self {
        // SAFETY: as in `splat`.
        unsafe { Floats512(_mm512_mask_add_ps(self.0, mask, self.0, _mm512_set1_ps(x))) }
    }

    #[inline(always)]
    fn same(bits: u32) -> Z512 {
        // SAFETY: as in `splat`.
        unsafe { Z512(_mm512_set1_epi32(bits as i32)) }
    }

    #[inline(always)]
    fn flips(self, up: u16, scale: &[f32; FLOATS], random: Z512, heat_bath: bool) -> u16 {
        // SAFETY: as in `splat`; `scale` has 16 floats.
        unsafe {
            let t = _mm512_mul_ps(self.0, _mm512_loadu_ps(scale.as_ptr()));
            let k = _mm512_cvtepi32_ps(_mm512_srli_epi32::<8>(random.0));
            let u = _mm512_mul_ps(_mm512_add_ps(k, _mm512_set1_ps(0.5)), _mm512_set1_ps(1.0 / 16_777_216.0));
            let one = _mm512_set1_ps(1.0);
            if heat_bath {
                let chance = _mm512_mul_ps(u, _mm512_add_ps(one, exp(t)));
                _mm512_cmp_ps_mask::<_CMP_LT_OQ>(chance, one) ^ up
            } else {
                let minus = _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(t), _mm512_set1_epi32(i32::MIN)));
                let x = _mm512_mask_blend_ps(up, minus, t);
                let downhill = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(x, _mm512_setzero_ps());
                downhill | _mm512_cmp_ps_mask::<_CMP_LT_OQ>(u, exp(x))
            }
        }
    }
}

/// [`crate::math::exp_f32`] in each lane, with the same roundings.
#[inline(always)]
fn exp(x: __m512) -> __m512 {
    // SAFETY: vector words exist only inside functions that enable AVX-512.
    unsafe {
        let x = _mm512_min_ps(_mm512_max_ps(x, _mm512_set1_ps(-87.0)), _mm512_set1_ps(88.0));
        let magic = _mm512_set1_ps(12_582_912.0);
        let k = _mm512_sub_ps(_mm512_add_ps(_mm512_mul_ps(x, _mm512_set1_ps(std::f32::consts::LOG2_E)), magic), magic);
        let r = _mm512_sub_ps(x, _mm512_mul_ps(k, _mm512_set1_ps(0.693_359_4)));
        let r = _mm512_sub_ps(r, _mm512_mul_ps(k, _mm512_set1_ps(-2.121_944_4e-4)));
        let mut p = _mm512_set1_ps(1.987_569_2e-4);
        for c in EXP_F32 {
            p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(c));
        }
        let y = _mm512_add_ps(_mm512_add_ps(_mm512_mul_ps(p, _mm512_mul_ps(r, r)), r), _mm512_set1_ps(1.0));
        let exponent = _mm512_slli_epi32::<23>(_mm512_add_epi32(_mm512_cvttps_epi32(k), _mm512_set1_epi32(127)));
        _mm512_mul_ps(y, _mm512_castsi512_ps(exponent))
    }
}
