//! Sixteen lanes in two AVX2 registers, with products that cannot saturate.
//!
//! `vpmaddubsw` saturates at 255 * 127 * 2. Weights are taken less 128 first, as s8, and their sign moved onto the
//! inputs: |w| <= 128 as u8 times x sign(w) as s8 gives pairs of at most 32,512, which 16 bits hold.

use std::arch::x86_64::*;

use crate::random::Xoshiro8;

use super::noise::{OCTAVES, UNIFORM_STEP};
use super::vector::Vector;

/// Sixteen lanes of a processor with AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2;

/// The same for both halves; no closure, since closures lose the instructions of the function around them.
macro_rules! pair {
    ($h:ident, $half:expr) => {
        [
            {
                let $h = 0;
                $half
            },
            {
                let $h = 1;
                $half
            },
        ]
    };
}

// SAFETY: as the trait asks; every function runs only inside functions that enable the instructions.
unsafe impl Vector for Avx2 {
    type F = [__m256; 2];
    type I = [__m256i; 2];

    const ROWS: usize = 4;
    const SHIFT: i32 = 128;

    #[inline(always)]
    fn splat(x: f32) -> Self::F {
        // SAFETY: the caller enables AVX2 and FMA (see the trait); so in all functions below.
        unsafe { [_mm256_set1_ps(x); 2] }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::F {
        // SAFETY: promised by the caller.
        pair!(h, unsafe { _mm256_loadu_ps(from.add(8 * h)) })
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: Self::F) {
        // SAFETY: promised by the caller.
        let [(), ()] = pair!(h, unsafe { _mm256_storeu_ps(to.add(8 * h), x[h]) });
    }
    #[inline(always)]
    fn mul(a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        pair!(h, unsafe { _mm256_mul_ps(a[h], b[h]) })
    }
    #[inline(always)]
    fn add(a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        pair!(h, unsafe { _mm256_add_ps(a[h], b[h]) })
    }
    #[inline(always)]
    fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        pair!(h, unsafe { _mm256_fmadd_ps(a[h], b[h], c[h]) })
    }
    #[inline(always)]
    fn min(a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        pair!(h, unsafe { _mm256_min_ps(a[h], b[h]) })
    }
    #[inline(always)]
    fn max(a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        pair!(h, unsafe { _mm256_max_ps(a[h], b[h]) })
    }
    #[inline(always)]
    fn abs(a: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        pair!(h, unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), a[h]) })
    }
    #[inline(always)]
    fn top(a: Self::F) -> f32 {
        let mut lanes = [0.0; 16];
        // SAFETY: sixteen numbers are written to an array of sixteen.
        unsafe { Self::store(lanes.as_mut_ptr(), a) };
        lanes.iter().fold(0.0, |top, &x| if x > top { x } else { top })
    }
    #[inline(always)]
    fn round_even(a: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        pair!(h, unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a[h]) })
    }
    #[inline(always)]
    fn floor(a: Self::F) -> Self::F {
        // SAFETY: as in `splat`.
        pair!(h, unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(a[h]) })
    }
    #[inline(always)]
    fn from_ints(a: Self::I) -> Self::F {
        // SAFETY: as in `splat`.
        pair!(h, unsafe { _mm256_cvtepi32_ps(a[h]) })
    }
    #[inline(always)]
    fn to_ints(a: Self::F) -> Self::I {
        // SAFETY: as in `splat`.
        pair!(h, unsafe { _mm256_cvtps_epi32(a[h]) })
    }
    #[inline(always)]
    fn ints(x: i32) -> Self::I {
        // SAFETY: as in `splat`.
        unsafe { [_mm256_set1_epi32(x); 2] }
    }
    #[inline(always)]
    unsafe fn load_ints(from: *const i32) -> Self::I {
        // SAFETY: promised by the caller.
        pair!(h, unsafe { _mm256_loadu_si256(from.add(8 * h).cast()) })
    }
    #[inline(always)]
    unsafe fn store_ints(to: *mut i32, a: Self::I) {
        // SAFETY: promised by the caller.
        let [(), ()] = pair!(h, unsafe { _mm256_storeu_si256(to.add(8 * h).cast(), a[h]) });
    }
    #[inline(always)]
    fn add_ints(a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: as in `splat`.
        pair!(h, unsafe { _mm256_add_epi32(a[h], b[h]) })
    }
    #[inline(always)]
    fn sub_ints(a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: as in `splat`.
        pair!(h, unsafe { _mm256_sub_epi32(a[h], b[h]) })
    }
    #[inline(always)]
    fn mul_ints(a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: as in `splat`.
        pair!(h, unsafe { _mm256_mullo_epi32(a[h], b[h]) })
    }
    #[inline(always)]
    fn sum_ints(a: Self::I) -> i32 {
        let mut lanes = [0_i32; 8];
        // SAFETY: as in `splat`; eight integers are written to an array of eight.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), _mm256_add_epi32(a[0], a[1])) };
        lanes.iter().fold(0, |sum, &x| sum.wrapping_add(x))
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut i8, a: Self::I) {
        // SAFETY: promised by the caller; codes fit s8, so that packing does not saturate.
        unsafe {
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(a[0], a[1]));
            let bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(to.cast(), bytes);
        }
    }
    #[inline(always)]
    unsafe fn dot(sum: Self::I, weights: *const u8, x: i32) -> Self::I {
        // SAFETY: promised by the caller.
        pair!(h, unsafe {
            let signed = _mm256_xor_si256(_mm256_loadu_si256(weights.add(32 * h).cast()), _mm256_set1_epi8(i8::MIN));
            let xs = _mm256_sign_epi8(_mm256_set1_epi32(x), signed);
            let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(signed), xs);
            _mm256_add_epi32(sum[h], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        })
    }
    #[inline(always)]
    unsafe fn dot_nibbles(sum: Self::I, weights: *const u8, x_low: i32, x_high: i32) -> Self::I {
        // SAFETY: promised by the caller.
        pair!(h, unsafe {
            let (both, mask) = (_mm256_loadu_si256(weights.add(32 * h).cast()), _mm256_set1_epi8(15));
            let low = _mm256_maddubs_epi16(_mm256_and_si256(both, mask), _mm256_set1_epi32(x_low));
            let high = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16::<4>(both), mask), _mm256_set1_epi32(x_high));
            // Four products of at most 15 * 127 fit 16 bits.
            _mm256_add_epi32(sum[h], _mm256_madd_epi16(_mm256_add_epi16(low, high), _mm256_set1_epi16(1)))
        })
    }
    #[inline(always)]
    fn draw(lanes: &mut Xoshiro8) -> Self::I {
        let mut out = Self::ints(0);
        for (h, out) in out.iter_mut().enumerate() {
            // SAFETY: as in `splat`; half a word of the lanes is 32 bytes.
            unsafe {
                let s = lanes.s.as_mut_ptr().cast::<__m256i>().add(h);
                let [s0, s1, s2, s3] =
                    [_mm256_loadu_si256(s), _mm256_loadu_si256(s.add(2)), _mm256_loadu_si256(s.add(4)), _mm256_loadu_si256(s.add(6))];
                let sum = _mm256_add_epi64(s0, s3);
                let turned = _mm256_or_si256(_mm256_slli_epi64::<23>(sum), _mm256_srli_epi64::<41>(sum));
                let t = _mm256_slli_epi64::<17>(s1);
                let s2 = _mm256_xor_si256(s2, s0);
                let s3 = _mm256_xor_si256(s3, s1);
                let s1 = _mm256_xor_si256(s1, s2);
                *out = _mm256_add_epi64(turned, s0);
                let s0 = _mm256_xor_si256(s0, s3);
                let s3 = _mm256_or_si256(_mm256_slli_epi64::<45>(s3), _mm256_srli_epi64::<19>(s3));
                _mm256_storeu_si256(s, s0);
                _mm256_storeu_si256(s.add(2), s1);
                _mm256_storeu_si256(s.add(4), _mm256_xor_si256(s2, t));
                _mm256_storeu_si256(s.add(6), s3);
            }
        }
        out
    }
    #[inline(always)]
    fn normal(bits: Self::I) -> Self::F {
        // SAFETY: as in `splat`; indices are below 32, the length of a table.
        pair!(h, unsafe {
            let m = _mm256_or_si256(_mm256_and_si256(bits[h], _mm256_set1_epi32(0x7fff_ffff)), _mm256_set1_epi32(1));
            let field = _mm256_castps_si256(_mm256_cvtepi32_ps(m));
            let t = _mm256_or_si256(_mm256_and_si256(field, _mm256_set1_epi32(0x007f_ffff)), _mm256_set1_epi32(0x3f80_0000));
            let t = _mm256_castsi256_ps(t);
            let octave = _mm256_and_si256(_mm256_srli_epi32::<23>(field), _mm256_set1_epi32(31));
            let mut z = octaves(4, octave);
            z = _mm256_fmadd_ps(z, t, octaves(3, octave));
            z = _mm256_fmadd_ps(z, t, octaves(2, octave));
            z = _mm256_fmadd_ps(z, t, octaves(1, octave));
            z = _mm256_fmadd_ps(z, t, octaves(0, octave));
            _mm256_xor_ps(z, _mm256_castsi256_ps(_mm256_and_si256(bits[h], _mm256_set1_epi32(i32::MIN))))
        })
    }
    #[inline(always)]
    fn uniform(bits: Self::I) -> Self::F {
        // SAFETY: as in `splat`.
        pair!(h, unsafe {
            let odd = _mm256_or_si256(bits[h], _mm256_set1_epi32(1));
            _mm256_mul_ps(_mm256_cvtepi32_ps(odd), _mm256_set1_ps(UNIFORM_STEP))
        })
    }
    #[inline(always)]
    fn fraction(bits: Self::I) -> Self::F {
        // SAFETY: as in `splat`.
        pair!(h, unsafe { _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_srli_epi32::<8>(bits[h])), _mm256_set1_ps(1.0 / 16_777_216.0)) })
    }
}

/// The coefficients of one power for eight octaves, each below 32.
#[inline(always)]
fn octaves(power: usize, octave: __m256i) -> __m256 {
    // SAFETY: as in `splat`; a table has 32 entries.
    unsafe { _mm256_i32gather_ps::<4>(OCTAVES.0[power].as_ptr(), octave) }
}
