//! Sixteen floats in one AVX-512 register.
#![expect(unsafe_code, reason = "intrinsics")]

use std::arch::x86_64::*;

use super::super::quantised::noise::{NoiseLaw, OCTAVES, UNIFORM_STEP};
use super::vector::{Vector, WIDTH};
use crate::random::Xoshiro8;

/// Sixteen floats.
#[derive(Clone, Copy)]
pub struct V512(__m512);

impl Vector for V512 {
    const IS_WIDE: bool = true;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: this type exists only inside functions that enable AVX-512.
        unsafe { V512(_mm512_set1_ps(x)) }
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: as in `splat`; the caller's promise.
        unsafe { V512(_mm512_loadu_ps(p)) }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: as in `load`.
        unsafe { _mm512_storeu_ps(p, self.0) }
    }

    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize) -> Self {
        // SAFETY: as in `load`; lanes outside the mask are not touched.
        unsafe { V512(_mm512_maskz_loadu_ps(first(n), p)) }
    }

    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, n: usize) {
        // SAFETY: as in `load_part`.
        unsafe { _mm512_mask_storeu_ps(p, first(n), self.0) }
    }

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { V512(_mm512_add_ps(self.0, b.0)) }
    }

    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { V512(_mm512_sub_ps(self.0, b.0)) }
    }

    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { V512(_mm512_mul_ps(self.0, b.0)) }
    }

    #[inline(always)]
    fn div(self, b: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { V512(_mm512_div_ps(self.0, b.0)) }
    }

    #[inline(always)]
    fn min(self, b: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { V512(_mm512_min_ps(self.0, b.0)) }
    }

    #[inline(always)]
    fn max(self, b: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { V512(_mm512_max_ps(self.0, b.0)) }
    }

    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { V512(_mm512_fmadd_ps(self.0, b.0, c.0)) }
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { V512(_mm512_sqrt_ps(self.0)) }
    }

    #[inline(always)]
    fn noise(law: NoiseLaw, lanes: &mut Xoshiro8) -> Self {
        let bits = draw(lanes);
        // SAFETY: as in `splat`.
        unsafe {
            match law {
                NoiseLaw::None => V512(_mm512_setzero_ps()),
                NoiseLaw::Uniform => {
                    let number = _mm512_cvtepi32_ps(_mm512_or_si512(bits, _mm512_set1_epi32(1)));
                    V512(_mm512_mul_ps(number, _mm512_set1_ps(UNIFORM_STEP)))
                }
                NoiseLaw::Gaussian => {
                    let size = _mm512_and_si512(bits, _mm512_set1_epi32(i32::MAX));
                    let m = _mm512_cvtepi32_ps(_mm512_or_si512(size, _mm512_set1_epi32(1)));
                    let field = _mm512_castps_si512(m);
                    let fraction = _mm512_and_si512(field, _mm512_set1_epi32(0x007f_ffff));
                    let t = _mm512_castsi512_ps(_mm512_or_si512(fraction, _mm512_set1_epi32(0x3f80_0000)));
                    let octave = _mm512_srli_epi32::<23>(field);
                    let mut z = look_up(4, octave);
                    for table in [3, 2, 1, 0] {
                        z = _mm512_fmadd_ps(z, t, look_up(table, octave));
                    }
                    let sign = _mm512_and_si512(bits, _mm512_set1_epi32(i32::MIN));
                    V512(_mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(z), sign)))
                }
            }
        }
    }

    #[inline(always)]
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH] {
        // SAFETY: as in `splat`.
        unsafe {
            let mut r = [_mm512_setzero_ps(); WIDTH];
            for (r, row) in r.iter_mut().zip(rows) {
                *r = row.0;
            }
            // 1. 4x4 blocks inside each quarter: afterwards q[4 g + j] holds columns j, 4 + j, 8 + j, 12 + j of rows 4 g to 4 g + 3.
            let mut q = r;
            for g in 0..4 {
                let low = [_mm512_unpacklo_ps(r[4 * g], r[4 * g + 1]), _mm512_unpacklo_ps(r[4 * g + 2], r[4 * g + 3])];
                let high = [_mm512_unpackhi_ps(r[4 * g], r[4 * g + 1]), _mm512_unpackhi_ps(r[4 * g + 2], r[4 * g + 3])];
                q[4 * g] = _mm512_shuffle_ps::<0x44>(low[0], low[1]);
                q[4 * g + 1] = _mm512_shuffle_ps::<0xee>(low[0], low[1]);
                q[4 * g + 2] = _mm512_shuffle_ps::<0x44>(high[0], high[1]);
                q[4 * g + 3] = _mm512_shuffle_ps::<0xee>(high[0], high[1]);
            }
            // 2. The quarters themselves.
            let mut out = rows;
            for j in 0..4 {
                let even = [_mm512_shuffle_f32x4::<0x88>(q[j], q[4 + j]), _mm512_shuffle_f32x4::<0x88>(q[8 + j], q[12 + j])];
                let odd = [_mm512_shuffle_f32x4::<0xdd>(q[j], q[4 + j]), _mm512_shuffle_f32x4::<0xdd>(q[8 + j], q[12 + j])];
                out[j] = V512(_mm512_shuffle_f32x4::<0x88>(even[0], even[1]));
                out[8 + j] = V512(_mm512_shuffle_f32x4::<0xdd>(even[0], even[1]));
                out[4 + j] = V512(_mm512_shuffle_f32x4::<0x88>(odd[0], odd[1]));
                out[12 + j] = V512(_mm512_shuffle_f32x4::<0xdd>(odd[0], odd[1]));
            }
            out
        }
    }
}

/// The next 512 bits of [`Xoshiro8`], by the steps of its `next_words`.
#[inline(always)]
fn draw(lanes: &mut Xoshiro8) -> __m512i {
    // SAFETY: as in `splat`; eight numbers of 64 bits each.
    unsafe {
        let s0 = _mm512_loadu_si512(lanes.s[0].as_ptr().cast());
        let s1 = _mm512_loadu_si512(lanes.s[1].as_ptr().cast());
        let s2 = _mm512_loadu_si512(lanes.s[2].as_ptr().cast());
        let s3 = _mm512_loadu_si512(lanes.s[3].as_ptr().cast());
        let out = _mm512_add_epi64(_mm512_rol_epi64::<23>(_mm512_add_epi64(s0, s3)), s0);
        let t = _mm512_slli_epi64::<17>(s1);
        let (s2, s3) = (_mm512_xor_si512(s2, s0), _mm512_xor_si512(s3, s1));
        let (s1, s0) = (_mm512_xor_si512(s1, s2), _mm512_xor_si512(s0, s3));
        let (s2, s3) = (_mm512_xor_si512(s2, t), _mm512_rol_epi64::<45>(s3));
        _mm512_storeu_si512(lanes.s[0].as_mut_ptr().cast(), s0);
        _mm512_storeu_si512(lanes.s[1].as_mut_ptr().cast(), s1);
        _mm512_storeu_si512(lanes.s[2].as_mut_ptr().cast(), s2);
        _mm512_storeu_si512(lanes.s[3].as_mut_ptr().cast(), s3);
        out
    }
}

/// Entry `octave` of each lane in one table of the octaves.
#[inline(always)]
fn look_up(table: usize, octave: __m512i) -> __m512 {
    let table = OCTAVES.0[table].as_ptr();
    // SAFETY: as in `splat`; a table has 32 floats.
    unsafe { _mm512_permutex2var_ps(_mm512_loadu_ps(table), octave, _mm512_loadu_ps(table.add(WIDTH))) }
}

/// A mask of the first `n` lanes, 1 to 16.
#[inline(always)]
const fn first(n: usize) -> u16 {
    u16::MAX >> (WIDTH - n)
}
