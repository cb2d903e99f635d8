//! The one-replica operations in AVX-512: sixteen positions in one register.
#![expect(unsafe_code, reason = "vector instructions and their loads and stores")]

use std::arch::x86_64::*;
use std::ops::Range;

use crate::kernels::simd::Simd;
use crate::math::LN_F32;
use crate::plan::high_parts::TILE;
use crate::random::{StreamKey, Xoshiro8};

use super::bounded::{BoundedJob, FAR, NEAR_NOUGHT, SLACK, Visit, pairs_with, visit_with};
use super::dense::{DenseCoupling, DenseField, DenseJob, DenseSwept, sweep_with};
use super::lanes::{Lanes, Scalar};
use super::pull::{BitRows, GROUPS_PER_WORD, fill_with};
use super::rows::GROUP;
use super::sweep::{Flips, IntField, Job, accept_part};
use super::table::AcceptTable;

/// Proof that the processor has AVX-512 F, BW, DQ, VL and VPOPCNTDQ; made only inside functions that enable them.
#[derive(Clone, Copy)]
struct Avx512(());

/// Decides a part with integer levels.
///
/// # Safety
/// The processor must have AVX-512 F, BW, DQ and VL.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,popcnt")]
pub(super) unsafe fn levels<C: IntField, const REACH: u8>(table: &AcceptTable, job: Job<'_, C>) -> usize {
    let lanes = Avx512(());
    accept_part(lanes, super::sweep::Levels::<Avx512, C, REACH>::new(lanes, table), job)
}

/// Decides a part with float fields.
///
/// # Safety
/// The processor must have AVX-512 F, BW, DQ and VL.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,popcnt")]
pub(super) unsafe fn costs<const HEAT_BATH: bool>(two_beta: f32, job: Job<'_, f32>) -> usize {
    accept_part(Avx512(()), super::sweep::Costs::<HEAT_BATH> { two_beta }, job)
}

/// Makes the fields of groups by counting bits.
///
/// # Safety
/// The processor must have AVX-512 F, BW, DQ, VL and VPOPCNTDQ.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx2,bmi1,bmi2,popcnt")]
pub(super) unsafe fn fill(rows: &BitRows, groups: Range<usize>, up: &[[u16; GROUPS_PER_WORD]], fields: &mut [i32]) {
    fill_with(Avx512(()), rows, groups, up, fields);
}

/// Sweeps over dense couplings.
///
/// # Safety
/// As for [`levels`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx2,bmi1,bmi2,popcnt")]
pub(super) unsafe fn dense<F: DenseField, W: DenseCoupling<F>>(job: DenseJob<'_, F, W>) -> DenseSwept {
    sweep_with(Avx512(()), job)
}

/// Visits spins by the high parts of their couplings.
///
/// # Safety
/// As for [`levels`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,popcnt")]
pub(super) unsafe fn bounded(job: BoundedJob<'_>, visit: Visit) -> DenseSwept {
    visit_with(Avx512(()), job, visit)
}

/// Sums a row.
///
/// # Safety
/// As for [`levels`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,popcnt")]
pub(super) unsafe fn true_pairs(row: &[f32], up: &[u16]) -> f64 {
    pairs_with(Avx512(()), row, up)
}

/// Counts the uniform numbers that accept a level.
///
/// # Safety
/// As for [`levels`].
#[cfg(test)]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,popcnt")]
pub(super) unsafe fn count_levels<const REACH: u8>(table: &AcceptTable, field: i32, up: u16) -> u32 {
    let lanes = Avx512(());
    super::sweep::count_accepts(lanes, super::sweep::Levels::<Avx512, i32, REACH>::new(lanes, table), &[field; GROUP], up)
}

/// Counts the uniform numbers that accept a float field.
///
/// # Safety
/// As for [`costs`].
#[cfg(test)]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,popcnt")]
pub(super) unsafe fn count_costs<const HEAT_BATH: bool>(two_beta: f32, field: f32, up: u16) -> u32 {
    super::sweep::count_accepts(Avx512(()), super::sweep::Costs::<HEAT_BATH> { two_beta }, &[field; GROUP], up)
}

/// u in (0, 1) of 32 random bits, as `uniform_f32_from`.
#[inline(always)]
unsafe fn uniform(bits: __m512i) -> __m512 {
    // SAFETY: the caller holds an Avx512 token.
    unsafe {
        let k = _mm512_cvtepi32_ps(_mm512_srli_epi32::<8>(bits));
        _mm512_mul_ps(_mm512_add_ps(k, _mm512_set1_ps(0.5)), _mm512_set1_ps(1.0 / 16_777_216.0))
    }
}

/// The operations of `math::ln_f32`, one by one.
#[inline(always)]
unsafe fn ln(x: __m512) -> __m512 {
    // SAFETY: the caller holds an Avx512 token.
    unsafe {
        let base = _mm512_set1_epi32(0x3f35_04f3);
        let shifted = _mm512_sub_epi32(_mm512_castps_si512(x), base);
        let exponent = _mm512_cvtepi32_ps(_mm512_srai_epi32::<23>(shifted));
        let m = _mm512_castsi512_ps(_mm512_add_epi32(_mm512_and_si512(shifted, _mm512_set1_epi32(0x007f_ffff)), base));
        let t = _mm512_sub_ps(m, _mm512_set1_ps(1.0));
        let z = _mm512_mul_ps(t, t);
        let mut p = _mm512_set1_ps(7.037_683_6e-2);
        for c in LN_F32 {
            p = _mm512_add_ps(_mm512_mul_ps(p, t), _mm512_set1_ps(c));
        }
        let y = _mm512_mul_ps(_mm512_mul_ps(p, t), z);
        let y = _mm512_add_ps(y, _mm512_mul_ps(exponent, _mm512_set1_ps(-2.121_944_4e-4)));
        let y = _mm512_sub_ps(y, _mm512_mul_ps(_mm512_set1_ps(0.5), z));
        _mm512_add_ps(_mm512_add_ps(t, y), _mm512_mul_ps(exponent, _mm512_set1_ps(0.693_359_4)))
    }
}

/// Whole units of bounds, cut off at the farthest.
#[inline(always)]
unsafe fn whole(x: __m512) -> __m512i {
    // SAFETY: the caller holds an Avx512 token.
    unsafe { _mm512_cvttps_epi32(_mm512_min_ps(_mm512_max_ps(x, _mm512_set1_ps(-FAR)), _mm512_set1_ps(FAR))) }
}

impl Lanes for Avx512 {
    const SIMD: Simd = Simd::Avx512;
    type Ints = __m512i;
    type Floats = __m512;
    type Doubles = [__m512d; 2];
    type Random = [__m512i; 4];
    type Table = [__m512i; 2];

    #[inline(always)]
    fn random_from(self, key: StreamKey) -> Self::Random {
        self.random_load(&Xoshiro8::from_key(key))
    }

    #[inline(always)]
    fn random_load(self, from: &Xoshiro8) -> Self::Random {
        let [a, b, c, d] = &from.s;
        // SAFETY: the token proves AVX-512; each row of the state is 64 bytes.
        unsafe {
            [
                _mm512_loadu_si512(a.as_ptr().cast()),
                _mm512_loadu_si512(b.as_ptr().cast()),
                _mm512_loadu_si512(c.as_ptr().cast()),
                _mm512_loadu_si512(d.as_ptr().cast()),
            ]
        }
    }

    #[inline(always)]
    fn random_store(self, random: Self::Random, to: &mut Xoshiro8) {
        for (word, row) in random.iter().zip(&mut to.s) {
            // SAFETY: the token proves AVX-512; each row of the state is 64 bytes.
            unsafe { _mm512_storeu_si512(row.as_mut_ptr().cast(), *word) }
        }
    }

    #[inline(always)]
    fn random_next(self, random: &mut Self::Random) -> __m512i {
        let [s0, s1, s2, s3] = random;
        // SAFETY: the token proves AVX-512.
        unsafe {
            let out = _mm512_add_epi64(_mm512_rol_epi64::<23>(_mm512_add_epi64(*s0, *s3)), *s0);
            let t = _mm512_slli_epi64::<17>(*s1);
            *s2 = _mm512_xor_si512(*s2, *s0);
            *s3 = _mm512_xor_si512(*s3, *s1);
            *s1 = _mm512_xor_si512(*s1, *s2);
            *s0 = _mm512_xor_si512(*s0, *s3);
            *s2 = _mm512_xor_si512(*s2, t);
            *s3 = _mm512_rol_epi64::<45>(*s3);
            out
        }
    }

    #[inline(always)]
    fn ints_zero(self) -> __m512i {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn ints_load(self, from: &[i32; GROUP]) -> __m512i {
        // SAFETY: the token proves AVX-512; the reference covers 64 bytes.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn ints_store(self, x: __m512i, to: &mut [i32; GROUP]) {
        // SAFETY: the token proves AVX-512; the reference covers 64 bytes.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), x) }
    }

    #[inline(always)]
    fn pull(self, rows: &BitRows, group: usize, up: &[[u16; GROUPS_PER_WORD]]) -> __m512i {
        let masks = |of: &[u64]| -> *const u64 { of[group * rows.n_words * GROUP..][..up.len() * GROUP].as_ptr() };
        let neighbours = masks(&rows.neighbours);
        let negative = (!rows.negative.is_empty()).then(|| masks(&rows.negative));
        let base = rows.base.as_chunks::<GROUP>().0[group];
        // SAFETY: the token proves AVX-512; each word of `up` has eight bytes and each word of the masks, as sliced, sixteen u64.
        unsafe {
            let mut counts = [_mm512_setzero_si512(); 2];
            for (w, word) in up.iter().enumerate() {
                let up = _mm512_set1_epi64(word.as_ptr().cast::<i64>().read_unaligned());
                for (half, count) in counts.iter_mut().enumerate() {
                    let at = w * GROUP + 8 * half;
                    let neighbours = _mm512_loadu_si512(neighbours.add(at).cast());
                    let agreeing = match negative {
                        // (up ^ negative) & neighbours
                        Some(negative) => _mm512_ternarylogic_epi64::<0x28>(up, _mm512_loadu_si512(negative.add(at).cast()), neighbours),
                        None => _mm512_and_si512(up, neighbours),
                    };
                    *count = _mm512_add_epi64(*count, _mm512_popcnt_epi64(agreeing));
                }
            }
            let low = _mm512_castsi256_si512(_mm512_cvtepi64_epi32(counts[0]));
            let counts = _mm512_inserti32x8::<1>(low, _mm512_cvtepi64_epi32(counts[1]));
            _mm512_add_epi32(self.ints_load(&base), _mm512_mullo_epi32(counts, _mm512_set1_epi32(rows.twice)))
        }
    }

    #[inline(always)]
    fn ints_negate_unless(self, x: __m512i, mask: u16) -> __m512i {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_mask_sub_epi32(x, !mask, _mm512_setzero_si512(), x) }
    }

    #[inline(always)]
    fn ints_add_where(self, sum: __m512i, x: __m512i, mask: u16) -> __m512i {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_mask_add_epi32(sum, mask, sum, x) }
    }

    #[inline(always)]
    fn ints_total(self, x: __m512i) -> i64 {
        // SAFETY: the token proves AVX-512.
        i64::from(unsafe { _mm512_reduce_add_epi32(x) })
    }

    #[inline(always)]
    fn ints_at_most(self, x: __m512i, limit: __m512i) -> u16 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_cmple_epi32_mask(x, limit) }
    }

    #[inline(always)]
    fn ints_total_where(self, x: __m512i, mask: u16) -> i64 {
        // SAFETY: the token proves AVX-512.
        unsafe {
            let x = _mm512_maskz_mov_epi32(mask, x);
            let low = _mm512_cvtepi32_epi64(_mm512_castsi512_si256(x));
            _mm512_reduce_add_epi64(_mm512_add_epi64(low, _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64::<1>(x))))
        }
    }

    #[inline(always)]
    fn ints_bounds(self, thresholds: __m512, units: f32, margins: __m512) -> [__m512i; 2] {
        // SAFETY: the token proves AVX-512.
        unsafe {
            let units = _mm512_set1_ps(units);
            let near = _mm512_add_ps(_mm512_mul_ps(_mm512_abs_ps(thresholds), _mm512_set1_ps(SLACK)), _mm512_set1_ps(NEAR_NOUGHT));
            let slack = _mm512_add_ps(_mm512_mul_ps(near, units), margins);
            let x = _mm512_mul_ps(thresholds, units);
            [whole(_mm512_sub_ps(x, slack)), whole(_mm512_add_ps(x, slack))]
        }
    }

    #[inline(always)]
    fn shorts_push(self, sum: [__m512i; 2], rows: [&[i16; TILE]; 2], factors: [i16; 2]) -> [__m512i; 2] {
        // SAFETY: the token proves AVX-512; a tile is 64 bytes.
        unsafe {
            let (a, b) = (_mm512_loadu_si512(rows[0].as_ptr().cast()), _mm512_loadu_si512(rows[1].as_ptr().cast()));
            let factors = _mm512_set1_epi32(i32::from(factors[0] as u16) | i32::from(factors[1]) << 16);
            [
                _mm512_add_epi32(sum[0], _mm512_madd_epi16(_mm512_unpacklo_epi16(a, b), factors)),
                _mm512_add_epi32(sum[1], _mm512_madd_epi16(_mm512_unpackhi_epi16(a, b), factors)),
            ]
        }
    }

    #[inline(always)]
    fn table(self, table: &AcceptTable) -> Self::Table {
        let (low, high) = table.wrapped.0.split_at(GROUP);
        // SAFETY: the token proves AVX-512; each half is 64 bytes.
        unsafe { [_mm512_loadu_si512(low.as_ptr().cast()), _mm512_loadu_si512(high.as_ptr().cast())] }
    }

    #[inline(always)]
    fn ints_accept<const REACH: u8>(self, (packed, table): (Self::Table, &AcceptTable), level: __m512i, bits: __m512i) -> u16 {
        // SAFETY: the token proves AVX-512; the gather reads entries 0..=hi - lo, all of the table.
        unsafe {
            let (lo, hi) = (_mm512_set1_epi32(table.lo), _mm512_set1_epi32(table.hi));
            let clamped = _mm512_min_epi32(_mm512_max_epi32(level, lo), hi);
            let thresholds = match REACH {
                0 => _mm512_permutexvar_epi32(level, packed[0]),
                1 => _mm512_permutex2var_epi32(packed[0], level, packed[1]),
                2 => _mm512_permutex2var_epi32(packed[0], clamped, packed[1]),
                _ => _mm512_i32gather_epi32::<4>(_mm512_sub_epi32(clamped, lo), table.thresholds.as_ptr()),
            };
            _mm512_cmple_epi32_mask(_mm512_or_si512(bits, _mm512_set1_epi32(1)), thresholds)
        }
    }

    #[inline(always)]
    fn doubles_zero(self) -> Self::Doubles {
        // SAFETY: the token proves AVX-512.
        unsafe { [_mm512_setzero_pd(); 2] }
    }

    #[inline(always)]
    fn doubles_total(self, x: Self::Doubles) -> f64 {
        let mut lanes = [0.0; GROUP];
        // SAFETY: the token proves AVX-512; the array holds two registers.
        unsafe {
            _mm512_storeu_pd(lanes.as_mut_ptr(), x[0]);
            _mm512_storeu_pd(lanes.as_mut_ptr().add(8), x[1]);
        }
        Scalar.doubles_total(lanes)
    }

    #[inline(always)]
    fn floats_load(self, from: &[f32; GROUP]) -> __m512 {
        // SAFETY: the token proves AVX-512; the reference covers 64 bytes.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn floats_negate_unless(self, x: __m512, mask: u16) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_mask_xor_ps(x, !mask, x, _mm512_set1_ps(-0.0)) }
    }

    #[inline(always)]
    fn doubles_add_where(self, sum: Self::Doubles, x: __m512, mask: u16) -> Self::Doubles {
        // SAFETY: the token proves AVX-512.
        unsafe {
            let low = _mm512_cvtps_pd(_mm512_castps512_ps256(x));
            let high = _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(x));
            [_mm512_mask_add_pd(sum[0], mask as u8, sum[0], low), _mm512_mask_add_pd(sum[1], (mask >> 8) as u8, sum[1], high)]
        }
    }

    #[inline(always)]
    fn metropolis_thresholds(self, bits: __m512i) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_xor_ps(ln(uniform(bits)), _mm512_set1_ps(-0.0)) }
    }

    #[inline(always)]
    fn heat_bath_thresholds(self, bits: __m512i) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe {
            let u = uniform(bits);
            _mm512_sub_ps(ln(_mm512_sub_ps(_mm512_set1_ps(1.0), u)), ln(u))
        }
    }

    #[inline(always)]
    fn floats_at_most(self, two_beta: f32, x: __m512, thresholds: __m512) -> u16 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(_mm512_mul_ps(_mm512_set1_ps(two_beta), x), thresholds) }
    }

    #[inline(always)]
    fn ints_to_floats(self, x: __m512i) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_cvtepi32_ps(x) }
    }

    #[inline(always)]
    fn shorts_load(self, from: &[i16; GROUP]) -> __m512i {
        // SAFETY: the token proves AVX-512; the reference covers 32 bytes.
        unsafe { _mm512_cvtepi16_epi32(_mm256_loadu_si256(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn bytes_load(self, from: &[i8; GROUP]) -> __m512i {
        // SAFETY: the token proves AVX-512; the reference covers 16 bytes.
        unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn halves_load(self, from: &[u16; GROUP]) -> __m512 {
        // SAFETY: the token proves AVX-512; the reference covers 32 bytes.
        unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast()));
            let shifted = _mm512_slli_epi32::<13>(_mm512_and_si512(wide, _mm512_set1_epi32(0x7fff)));
            let magnitude = _mm512_mul_ps(_mm512_castsi512_ps(shifted), _mm512_castsi512_ps(_mm512_set1_epi32(0x7780_0000)));
            let sign = _mm512_slli_epi32::<16>(_mm512_and_si512(wide, _mm512_set1_epi32(0x8000)));
            _mm512_or_ps(magnitude, _mm512_castsi512_ps(sign))
        }
    }

    #[inline(always)]
    fn floats_push(self, field: __m512, coupling: __m512, factor: f32) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_add_ps(field, _mm512_mul_ps(coupling, _mm512_set1_ps(factor))) }
    }

    #[inline(always)]
    fn floats_at(self, x: __m512, k: u32) -> f32 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_cvtss_f32(_mm512_maskz_compress_ps(1 << k, x)) }
    }

    #[inline(always)]
    fn prefetch<T>(self, row: &[T]) {
        for line in 0..size_of_val(row).div_ceil(64) {
            // SAFETY: a prefetch reads nothing; the address lies inside the row.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(row.as_ptr().cast::<i8>().add(64 * line)) }
        }
    }

    #[inline(always)]
    fn list(self, flips: &mut Flips, len: usize, first: u32, mask: u16, up: u16) -> usize {
        let to = flips[len..].first_chunk_mut::<GROUP>().expect("a list has room for one group more");
        // SAFETY: the token proves AVX-512; `to` is 64 bytes.
        unsafe {
            let twice = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let entries = _mm512_add_epi32(twice, _mm512_set1_epi32((first << 1) as i32));
            let entries = _mm512_mask_add_epi32(entries, up, entries, _mm512_set1_epi32(1));
            _mm512_storeu_si512(to.as_mut_ptr().cast(), _mm512_maskz_compress_epi32(mask, entries));
        }
        len + mask.count_ones() as usize
    }
}
