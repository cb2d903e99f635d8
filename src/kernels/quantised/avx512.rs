//! Sixteen lanes in one AVX-512 register, with VNNI products.

use std::arch::x86_64::*;

use crate::random::Xoshiro8;

use super::noise::{OCTAVES, UNIFORM_STEP};
use super::vector::Vector;

/// Sixteen lanes of a processor with AVX-512 F, BW, DQ, VL and VNNI.
#[derive(Clone, Copy)]
pub(super) struct Vnni;

// SAFETY: as the trait asks; every function runs only inside functions that enable the instructions.
unsafe impl Vector for Vnni {
    type F = __m512;
    type I = __m512i;

    const ROWS: usize = 6;
    const SHIFT: i32 = 0;

    #[inline(always)]
    fn splat(x: f32) -> Self::F {
        // SAFETY: the caller enables AVX-512 (see the trait); so in all functions below.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::F {
        // SAFETY: promised by the caller.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: Self::F) {
        // SAFETY: promised by the caller.
        unsafe { _mm512_storeu_ps(to, x) }
    }
    #[inline(always)]
    fn mul(a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn add(a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn min(a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    fn max(a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn abs(a: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        unsafe { _mm512_abs_ps(a) }
    }
    #[inline(always)]
    fn top(a: Self::F) -> f32 {
        // SAFETY: as in `splat`.
        unsafe { _mm512_reduce_max_ps(_mm512_max_ps(a, _mm512_setzero_ps())) }
    }
    #[inline(always)]
    fn round_even(a: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }
    #[inline(always)]
    fn floor(a: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(a) }
    }
    #[inline(always)]
    fn from_ints(a: Self::I) -> Self::F {
        // SAFETY: as in `splat`.
        unsafe { _mm512_cvtepi32_ps(a) }
    }
    #[inline(always)]
    fn to_ints(a: Self::F) -> Self::I {
        // SAFETY: as in `splat`.
        unsafe { _mm512_cvtps_epi32(a) }
    }
    #[inline(always)]
    fn ints(x: i32) -> Self::I {
        // SAFETY: as in `splat`.
        unsafe { _mm512_set1_epi32(x) }
    }
    #[inline(always)]
    unsafe fn load_ints(from: *const i32) -> Self::I {
        // SAFETY: promised by the caller.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store_ints(to: *mut i32, a: Self::I) {
        // SAFETY: promised by the caller.
        unsafe { _mm512_storeu_si512(to.cast(), a) }
    }
    #[inline(always)]
    fn add_ints(a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: as in `splat`.
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    fn sub_ints(a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: as in `splat`.
        unsafe { _mm512_sub_epi32(a, b) }
    }
    #[inline(always)]
    fn mul_ints(a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: as in `splat`.
        unsafe { _mm512_mullo_epi32(a, b) }
    }
    #[inline(always)]
    fn sum_ints(a: Self::I) -> i32 {
        // SAFETY: as in `splat`.
        unsafe { _mm512_reduce_add_epi32(a) }
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut i8, a: Self::I) {
        // SAFETY: promised by the caller.
        unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(a)) }
    }
    #[inline(always)]
    unsafe fn dot(sum: Self::I, weights: *const u8, x: i32) -> Self::I {
        // SAFETY: promised by the caller.
        unsafe { _mm512_dpbusd_epi32(sum, _mm512_loadu_si512(weights.cast()), _mm512_set1_epi32(x)) }
    }
    #[inline(always)]
    unsafe fn dot_nibbles(sum: Self::I, weights: *const u8, x_low: i32, x_high: i32) -> Self::I {
        // SAFETY: promised by the caller.
        unsafe {
            let (both, mask) = (_mm512_loadu_si512(weights.cast()), _mm512_set1_epi8(15));
            let low = _mm512_and_si512(both, mask);
            let high = _mm512_and_si512(_mm512_srli_epi16::<4>(both), mask);
            let sum = _mm512_dpbusd_epi32(sum, low, _mm512_set1_epi32(x_low));
            _mm512_dpbusd_epi32(sum, high, _mm512_set1_epi32(x_high))
        }
    }
    #[inline(always)]
    fn draw(lanes: &mut Xoshiro8) -> Self::I {
        // SAFETY: as in `splat`; each word of the lanes is 64 bytes on a cache line.
        unsafe {
            let s = lanes.s.as_mut_ptr().cast::<__m512i>();
            let [s0, s1, s2, s3] =
                [_mm512_load_si512(s), _mm512_load_si512(s.add(1)), _mm512_load_si512(s.add(2)), _mm512_load_si512(s.add(3))];
            let out = _mm512_add_epi64(_mm512_rol_epi64::<23>(_mm512_add_epi64(s0, s3)), s0);
            let t = _mm512_slli_epi64::<17>(s1);
            let s2 = _mm512_xor_si512(s2, s0);
            let s3 = _mm512_xor_si512(s3, s1);
            let s1 = _mm512_xor_si512(s1, s2);
            let s0 = _mm512_xor_si512(s0, s3);
            _mm512_store_si512(s, s0);
            _mm512_store_si512(s.add(1), s1);
            _mm512_store_si512(s.add(2), _mm512_xor_si512(s2, t));
            _mm512_store_si512(s.add(3), _mm512_rol_epi64::<45>(s3));
            out
        }
    }
    #[inline(always)]
    fn normal(bits: Self::I) -> Self::F {
        // SAFETY: as in `splat`; each table is two registers on a cache line.
        unsafe {
            const AND_OR: i32 = 0xea;
            const XOR_AND: i32 = 0x78;
            let m = _mm512_ternarylogic_epi32::<AND_OR>(bits, _mm512_set1_epi32(0x7fff_ffff), _mm512_set1_epi32(1));
            let field = _mm512_castps_si512(_mm512_cvtepi32_ps(m));
            let t = _mm512_ternarylogic_epi32::<AND_OR>(field, _mm512_set1_epi32(0x007f_ffff), _mm512_set1_epi32(0x3f80_0000));
            let t = _mm512_castsi512_ps(t);
            // vpermt2ps takes the low five bits of an index.
            let octave = _mm512_srli_epi32::<23>(field);
            let mut z = octaves(4, octave);
            z = _mm512_fmadd_ps(z, t, octaves(3, octave));
            z = _mm512_fmadd_ps(z, t, octaves(2, octave));
            z = _mm512_fmadd_ps(z, t, octaves(1, octave));
            z = _mm512_fmadd_ps(z, t, octaves(0, octave));
            let sign = _mm512_set1_epi32(i32::MIN);
            _mm512_castsi512_ps(_mm512_ternarylogic_epi32::<XOR_AND>(_mm512_castps_si512(z), bits, sign))
        }
    }
    #[inline(always)]
    fn uniform(bits: Self::I) -> Self::F {
        // SAFETY: as in `splat`.
        unsafe {
            let odd = _mm512_or_si512(bits, _mm512_set1_epi32(1));
            _mm512_mul_ps(_mm512_cvtepi32_ps(odd), _mm512_set1_ps(UNIFORM_STEP))
        }
    }
    #[inline(always)]
    fn fraction(bits: Self::I) -> Self::F {
        // SAFETY: as in `splat`.
        unsafe { _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_srli_epi32::<8>(bits)), _mm512_set1_ps(1.0 / 16_777_216.0)) }
    }
}

/// The coefficients of one power for sixteen octaves.
#[inline(always)]
fn octaves(power: usize, octave: __m512i) -> __m512 {
    // SAFETY: as in `splat`; each table is two registers on a cache line.
    unsafe {
        let table = OCTAVES.0[power].as_ptr();
        _mm512_permutex2var_ps(_mm512_load_ps(table), octave, _mm512_load_ps(table.add(16)))
    }
}
