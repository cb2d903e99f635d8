//! The one-replica operations in AVX2: sixteen positions in two registers.
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
use super::sweep::{Costs, Flips, IntField, Job, Levels, accept_part};
use super::table::AcceptTable;

/// Proof that the processor has AVX2; made only inside functions that enable it.
#[derive(Clone, Copy)]
struct Avx2(());

/// Decides a part with integer levels.
///
/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2,popcnt")]
pub(super) unsafe fn levels<C: IntField, const REACH: u8>(table: &AcceptTable, job: Job<'_, C>) -> usize {
    let lanes = Avx2(());
    accept_part(lanes, Levels::<Avx2, C, REACH>::new(lanes, table), job)
}

/// Decides a part with float fields.
///
/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2,popcnt")]
pub(super) unsafe fn costs<const HEAT_BATH: bool>(two_beta: f32, job: Job<'_, f32>) -> usize {
    accept_part(Avx2(()), Costs::<HEAT_BATH> { two_beta }, job)
}

/// Makes the fields of groups by counting bits with POPCNT.
///
/// # Safety
/// The processor must have AVX2 and POPCNT.
#[target_feature(enable = "avx2,popcnt")]
pub(super) unsafe fn fill(rows: &BitRows, groups: Range<usize>, up: &[[u16; GROUPS_PER_WORD]], fields: &mut [i32]) {
    fill_with(Avx2(()), rows, groups, up, fields);
}

/// Sweeps over dense couplings.
///
/// # Safety
/// As for [`levels`].
#[target_feature(enable = "avx2,popcnt")]
pub(super) unsafe fn dense<F: DenseField, W: DenseCoupling<F>>(job: DenseJob<'_, F, W>) -> DenseSwept {
    sweep_with(Avx2(()), job)
}

/// Visits spins by the high parts of their couplings.
///
/// # Safety
/// As for [`levels`].
#[target_feature(enable = "avx2,popcnt")]
pub(super) unsafe fn bounded(job: BoundedJob<'_>, visit: Visit) -> DenseSwept {
    visit_with(Avx2(()), job, visit)
}

/// Sums a row.
///
/// # Safety
/// As for [`levels`].
#[target_feature(enable = "avx2,popcnt")]
pub(super) unsafe fn true_pairs(row: &[f32], up: &[u16]) -> f64 {
    pairs_with(Avx2(()), row, up)
}

/// The two bounds of eight thresholds.
#[inline(always)]
unsafe fn bounds(threshold: __m256, units: f32, margin: __m256) -> [__m256i; 2] {
    // SAFETY: the caller holds an Avx2 token.
    unsafe {
        let units = _mm256_set1_ps(units);
        let size = _mm256_andnot_ps(_mm256_set1_ps(-0.0), threshold);
        let near = _mm256_add_ps(_mm256_mul_ps(size, _mm256_set1_ps(SLACK)), _mm256_set1_ps(NEAR_NOUGHT));
        let slack = _mm256_add_ps(_mm256_mul_ps(near, units), margin);
        let x = _mm256_mul_ps(threshold, units);
        [whole(_mm256_sub_ps(x, slack)), whole(_mm256_add_ps(x, slack))]
    }
}

/// Whole units of bounds, cut off at the farthest.
#[inline(always)]
unsafe fn whole(x: __m256) -> __m256i {
    // SAFETY: the caller holds an Avx2 token.
    unsafe { _mm256_cvttps_epi32(_mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-FAR)), _mm256_set1_ps(FAR))) }
}

/// Both halves of eight i32, added in i64.
#[inline(always)]
unsafe fn wide_halves(x: __m256i) -> __m256i {
    // SAFETY: the caller holds an Avx2 token.
    unsafe { _mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(x)), _mm256_cvtepi32_epi64(_mm256_extracti128_si256::<1>(x))) }
}

/// Adds half a tile of two rows of high parts, times their factors, to the fields that it holds: eight of each sixteen.
#[inline(always)]
unsafe fn push_half(sum: [__m256i; 2], rows: [&[i16; 16]; 2], factors: [i16; 2]) -> [__m256i; 2] {
    // SAFETY: the caller holds an Avx2 token; half a tile is 32 bytes.
    unsafe {
        let (a, b) = (_mm256_loadu_si256(rows[0].as_ptr().cast()), _mm256_loadu_si256(rows[1].as_ptr().cast()));
        let factors = _mm256_set1_epi32(i32::from(factors[0] as u16) | i32::from(factors[1]) << 16);
        [
            _mm256_add_epi32(sum[0], _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), factors)),
            _mm256_add_epi32(sum[1], _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), factors)),
        ]
    }
}

/// Counts the uniform numbers that accept a level.
///
/// # Safety
/// As for [`levels`].
#[cfg(test)]
#[target_feature(enable = "avx2,popcnt")]
pub(super) unsafe fn count_levels<const REACH: u8>(table: &AcceptTable, field: i32, up: u16) -> u32 {
    let lanes = Avx2(());
    super::sweep::count_accepts(lanes, super::sweep::Levels::<Avx2, i32, REACH>::new(lanes, table), &[field; GROUP], up)
}

/// Counts the uniform numbers that accept a float field.
///
/// # Safety
/// As for [`costs`].
#[cfg(test)]
#[target_feature(enable = "avx2,popcnt")]
pub(super) unsafe fn count_costs<const HEAT_BATH: bool>(two_beta: f32, field: f32, up: u16) -> u32 {
    super::sweep::count_accepts(Avx2(()), super::sweep::Costs::<HEAT_BATH> { two_beta }, &[field; GROUP], up)
}

/// u in (0, 1) of 32 random bits, as `uniform_f32_from`.
#[inline(always)]
unsafe fn uniform(bits: __m256i) -> __m256 {
    // SAFETY: the caller holds an Avx2 token.
    unsafe {
        let k = _mm256_cvtepi32_ps(_mm256_srli_epi32::<8>(bits));
        _mm256_mul_ps(_mm256_add_ps(k, _mm256_set1_ps(0.5)), _mm256_set1_ps(1.0 / 16_777_216.0))
    }
}

/// The operations of `math::ln_f32`, one by one.
#[inline(always)]
unsafe fn ln(x: __m256) -> __m256 {
    // SAFETY: the caller holds an Avx2 token.
    unsafe {
        let base = _mm256_set1_epi32(0x3f35_04f3);
        let shifted = _mm256_sub_epi32(_mm256_castps_si256(x), base);
        let exponent = _mm256_cvtepi32_ps(_mm256_srai_epi32::<23>(shifted));
        let m = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_and_si256(shifted, _mm256_set1_epi32(0x007f_ffff)), base));
        let t = _mm256_sub_ps(m, _mm256_set1_ps(1.0));
        let z = _mm256_mul_ps(t, t);
        let mut p = _mm256_set1_ps(7.037_683_6e-2);
        for c in LN_F32 {
            p = _mm256_add_ps(_mm256_mul_ps(p, t), _mm256_set1_ps(c));
        }
        let y = _mm256_mul_ps(_mm256_mul_ps(p, t), z);
        let y = _mm256_add_ps(y, _mm256_mul_ps(exponent, _mm256_set1_ps(-2.121_944_4e-4)));
        let y = _mm256_sub_ps(y, _mm256_mul_ps(_mm256_set1_ps(0.5), z));
        _mm256_add_ps(_mm256_add_ps(t, y), _mm256_mul_ps(exponent, _mm256_set1_ps(0.693_359_4)))
    }
}

#[inline(always)]
unsafe fn load_row(row: &[u64; 8]) -> [__m256i; 2] {
    // SAFETY: the caller holds an Avx2 token; a row is two registers.
    unsafe { [_mm256_loadu_si256(row.as_ptr().cast()), _mm256_loadu_si256(row.as_ptr().add(4).cast())] }
}

/// The next words of four of the eight generators.
#[inline(always)]
unsafe fn next_words<const H: usize>(random: &mut [[__m256i; 2]; 4]) -> __m256i {
    let [s0, s1, s2, s3] = random;
    // SAFETY: the caller holds an Avx2 token.
    unsafe {
        let sum = _mm256_add_epi64(s0[H], s3[H]);
        let turned = _mm256_or_si256(_mm256_slli_epi64::<23>(sum), _mm256_srli_epi64::<41>(sum));
        let out = _mm256_add_epi64(turned, s0[H]);
        let t = _mm256_slli_epi64::<17>(s1[H]);
        s2[H] = _mm256_xor_si256(s2[H], s0[H]);
        s3[H] = _mm256_xor_si256(s3[H], s1[H]);
        s1[H] = _mm256_xor_si256(s1[H], s2[H]);
        s0[H] = _mm256_xor_si256(s0[H], s3[H]);
        s2[H] = _mm256_xor_si256(s2[H], t);
        s3[H] = _mm256_or_si256(_mm256_slli_epi64::<45>(s3[H]), _mm256_srli_epi64::<19>(s3[H]));
        out
    }
}

/// Sign bits set where the odd uniform of `bits` is above the level's threshold.
#[inline(always)]
unsafe fn above<const REACH: u8>(packed: [__m256i; 2], table: &AcceptTable, level: __m256i, bits: __m256i) -> __m256 {
    // SAFETY: the caller holds an Avx2 token; the gather reads entries 0..=hi - lo, all of the table.
    unsafe {
        let threshold = if REACH == 0 {
            // Entries 0..8 where bit 3 of the level is clear, 8..16 where it is set.
            let low = _mm256_permutevar8x32_epi32(packed[0], level);
            let high = _mm256_permutevar8x32_epi32(packed[1], level);
            let which = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(level));
            _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high), which))
        } else {
            let (lo, hi) = (_mm256_set1_epi32(table.lo), _mm256_set1_epi32(table.hi));
            let clamped = _mm256_min_epi32(_mm256_max_epi32(level, lo), hi);
            _mm256_i32gather_epi32::<4>(table.thresholds.as_ptr(), _mm256_sub_epi32(clamped, lo))
        };
        _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_or_si256(bits, _mm256_set1_epi32(1)), threshold))
    }
}

/// -ln u.
#[inline(always)]
unsafe fn metropolis(bits: __m256i) -> __m256 {
    // SAFETY: the caller holds an Avx2 token.
    unsafe { _mm256_xor_ps(ln(uniform(bits)), _mm256_set1_ps(-0.0)) }
}

/// ln((1 - u) / u).
#[inline(always)]
unsafe fn heat_bath(bits: __m256i) -> __m256 {
    // SAFETY: the caller holds an Avx2 token.
    unsafe {
        let u = uniform(bits);
        _mm256_sub_ps(ln(_mm256_sub_ps(_mm256_set1_ps(1.0), u)), ln(u))
    }
}

/// Eight half-precision numbers.
#[inline(always)]
unsafe fn halves(from: __m128i) -> __m256 {
    // SAFETY: the caller holds an Avx2 token.
    unsafe {
        let wide = _mm256_cvtepu16_epi32(from);
        let shifted = _mm256_slli_epi32::<13>(_mm256_and_si256(wide, _mm256_set1_epi32(0x7fff)));
        let magnitude = _mm256_mul_ps(_mm256_castsi256_ps(shifted), _mm256_castsi256_ps(_mm256_set1_epi32(0x7780_0000)));
        let sign = _mm256_slli_epi32::<16>(_mm256_and_si256(wide, _mm256_set1_epi32(0x8000)));
        _mm256_or_ps(magnitude, _mm256_castsi256_ps(sign))
    }
}

/// sum + x where `kept` is all ones; a sum keeps its bits elsewhere (adding 0 would turn -0 into 0).
#[inline(always)]
unsafe fn add_where(sum: __m256d, x: __m128, kept: __m128i) -> __m256d {
    // SAFETY: the caller holds an Avx2 token.
    unsafe {
        let wide = _mm256_castsi256_pd(_mm256_cvtepi32_epi64(kept));
        _mm256_blendv_pd(sum, _mm256_add_pd(sum, _mm256_cvtps_pd(x)), wide)
    }
}

/// All ones in the 32-bit lanes whose bit is set, for both halves.
#[inline(always)]
unsafe fn spread(mask: u16) -> [__m256i; 2] {
    // SAFETY: the caller holds an Avx2 token.
    unsafe {
        let bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        let low = _mm256_and_si256(_mm256_set1_epi32(i32::from(mask)), bits);
        let high = _mm256_and_si256(_mm256_set1_epi32(i32::from(mask >> 8)), bits);
        [_mm256_cmpeq_epi32(low, bits), _mm256_cmpeq_epi32(high, bits)]
    }
}

/// The sign bits of both halves.
#[inline(always)]
unsafe fn gathered_signs(halves: [__m256; 2]) -> u16 {
    // SAFETY: the caller holds an Avx2 token.
    unsafe { (_mm256_movemask_ps(halves[0]) | _mm256_movemask_ps(halves[1]) << 8) as u16 }
}

impl Lanes for Avx2 {
    const SIMD: Simd = Simd::Avx2;
    type Ints = [__m256i; 2];
    type Floats = [__m256; 2];
    type Doubles = [__m256d; 4];
    type Random = [[__m256i; 2]; 4];
    type Table = [__m256i; 2];

    #[inline(always)]
    fn random_from(self, key: StreamKey) -> Self::Random {
        self.random_load(&Xoshiro8::from_key(key))
    }

    #[inline(always)]
    fn random_load(self, from: &Xoshiro8) -> Self::Random {
        let [a, b, c, d] = &from.s;
        // SAFETY: the token proves AVX2; each row of the state is 64 bytes.
        unsafe { [load_row(a), load_row(b), load_row(c), load_row(d)] }
    }

    #[inline(always)]
    fn random_store(self, random: Self::Random, to: &mut Xoshiro8) {
        for (word, row) in random.iter().zip(&mut to.s) {
            // SAFETY: the token proves AVX2; each half row of the state is 32 bytes.
            unsafe {
                _mm256_storeu_si256(row.as_mut_ptr().cast(), word[0]);
                _mm256_storeu_si256(row.as_mut_ptr().add(4).cast(), word[1]);
            }
        }
    }

    #[inline(always)]
    fn random_next(self, random: &mut Self::Random) -> Self::Ints {
        // SAFETY: the token proves AVX2.
        unsafe { [next_words::<0>(random), next_words::<1>(random)] }
    }

    #[inline(always)]
    fn ints_zero(self) -> Self::Ints {
        // SAFETY: the token proves AVX2.
        unsafe { [_mm256_setzero_si256(); 2] }
    }

    #[inline(always)]
    fn ints_load(self, from: &[i32; GROUP]) -> Self::Ints {
        // SAFETY: the token proves AVX2; the reference covers two registers.
        unsafe { [_mm256_loadu_si256(from.as_ptr().cast()), _mm256_loadu_si256(from.as_ptr().add(8).cast())] }
    }

    #[inline(always)]
    fn ints_store(self, x: Self::Ints, to: &mut [i32; GROUP]) {
        // SAFETY: the token proves AVX2; the reference covers two registers.
        unsafe {
            _mm256_storeu_si256(to.as_mut_ptr().cast(), x[0]);
            _mm256_storeu_si256(to.as_mut_ptr().add(8).cast(), x[1]);
        }
    }

    #[inline(always)]
    fn ints_negate_unless(self, x: Self::Ints, mask: u16) -> Self::Ints {
        // SAFETY: the token proves AVX2. (x ^ -1) - -1 = -x.
        unsafe {
            let flip = spread(!mask);
            [_mm256_sub_epi32(_mm256_xor_si256(x[0], flip[0]), flip[0]), _mm256_sub_epi32(_mm256_xor_si256(x[1], flip[1]), flip[1])]
        }
    }

    #[inline(always)]
    fn ints_add_where(self, sum: Self::Ints, x: Self::Ints, mask: u16) -> Self::Ints {
        // SAFETY: the token proves AVX2.
        unsafe {
            let kept = spread(mask);
            [_mm256_add_epi32(sum[0], _mm256_and_si256(x[0], kept[0])), _mm256_add_epi32(sum[1], _mm256_and_si256(x[1], kept[1]))]
        }
    }

    #[inline(always)]
    fn ints_total(self, x: Self::Ints) -> i64 {
        let mut lanes = [0; GROUP];
        // SAFETY: the token proves AVX2; the array holds two registers.
        unsafe {
            _mm256_storeu_si256(lanes.as_mut_ptr().cast(), x[0]);
            _mm256_storeu_si256(lanes.as_mut_ptr().add(8).cast(), x[1]);
        }
        Scalar.ints_total(lanes)
    }

    #[inline(always)]
    fn ints_at_most(self, x: Self::Ints, limit: Self::Ints) -> u16 {
        // SAFETY: the token proves AVX2.
        unsafe {
            let low = _mm256_castsi256_ps(_mm256_cmpgt_epi32(x[0], limit[0]));
            let high = _mm256_castsi256_ps(_mm256_cmpgt_epi32(x[1], limit[1]));
            !gathered_signs([low, high])
        }
    }

    #[inline(always)]
    fn ints_total_where(self, x: Self::Ints, mask: u16) -> i64 {
        // SAFETY: the token proves AVX2.
        unsafe {
            let kept = spread(mask);
            let sum = _mm256_add_epi64(wide_halves(_mm256_and_si256(x[0], kept[0])), wide_halves(_mm256_and_si256(x[1], kept[1])));
            let mut lanes = [0_i64; 4];
            _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sum);
            lanes.iter().sum()
        }
    }

    #[inline(always)]
    fn ints_bounds(self, thresholds: Self::Floats, units: f32, margins: Self::Floats) -> [Self::Ints; 2] {
        // SAFETY: the token proves AVX2.
        let (low, high) = unsafe { (bounds(thresholds[0], units, margins[0]), bounds(thresholds[1], units, margins[1])) };
        [[low[0], high[0]], [low[1], high[1]]]
    }

    #[inline(always)]
    fn shorts_push(self, sum: [Self::Ints; 2], rows: [&[i16; TILE]; 2], factors: [i16; 2]) -> [Self::Ints; 2] {
        let (a, b) = (rows[0].as_chunks::<16>().0, rows[1].as_chunks::<16>().0);
        // SAFETY: the token proves AVX2. Rows interleave within halves of a register: half a tile holds half of each sixteen fields.
        unsafe {
            let first = push_half([sum[0][0], sum[1][0]], [&a[0], &b[0]], factors);
            let second = push_half([sum[0][1], sum[1][1]], [&a[1], &b[1]], factors);
            [[first[0], second[0]], [first[1], second[1]]]
        }
    }

    #[inline(always)]
    fn table(self, table: &AcceptTable) -> Self::Table {
        // SAFETY: the token proves AVX2; the table holds 128 bytes.
        unsafe {
            let from = table.wrapped.0.as_ptr();
            [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(8).cast())]
        }
    }

    #[inline(always)]
    fn ints_accept<const REACH: u8>(self, (packed, table): (Self::Table, &AcceptTable), level: Self::Ints, bits: Self::Ints) -> u16 {
        // SAFETY: the token proves AVX2.
        unsafe {
            let low = above::<REACH>(packed, table, level[0], bits[0]);
            let high = above::<REACH>(packed, table, level[1], bits[1]);
            !gathered_signs([low, high])
        }
    }

    #[inline(always)]
    fn doubles_zero(self) -> Self::Doubles {
        // SAFETY: the token proves AVX2.
        unsafe { [_mm256_setzero_pd(); 4] }
    }

    #[inline(always)]
    fn doubles_total(self, x: Self::Doubles) -> f64 {
        let mut lanes = [0.0; GROUP];
        for (quarter, x) in lanes.as_chunks_mut::<4>().0.iter_mut().zip(x) {
            // SAFETY: the token proves AVX2; a quarter is 32 bytes.
            unsafe { _mm256_storeu_pd(quarter.as_mut_ptr(), x) }
        }
        Scalar.doubles_total(lanes)
    }

    #[inline(always)]
    fn floats_load(self, from: &[f32; GROUP]) -> Self::Floats {
        // SAFETY: the token proves AVX2; the reference covers two registers.
        unsafe { [_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))] }
    }

    #[inline(always)]
    fn floats_negate_unless(self, x: Self::Floats, mask: u16) -> Self::Floats {
        // SAFETY: the token proves AVX2.
        unsafe {
            let flip = spread(!mask);
            let sign = _mm256_set1_ps(-0.0);
            [
                _mm256_xor_ps(x[0], _mm256_and_ps(_mm256_castsi256_ps(flip[0]), sign)),
                _mm256_xor_ps(x[1], _mm256_and_ps(_mm256_castsi256_ps(flip[1]), sign)),
            ]
        }
    }

    #[inline(always)]
    fn doubles_add_where(self, sum: Self::Doubles, x: Self::Floats, mask: u16) -> Self::Doubles {
        // SAFETY: the token proves AVX2.
        unsafe {
            let kept = spread(mask);
            [
                add_where(sum[0], _mm256_castps256_ps128(x[0]), _mm256_castsi256_si128(kept[0])),
                add_where(sum[1], _mm256_extractf128_ps::<1>(x[0]), _mm256_extracti128_si256::<1>(kept[0])),
                add_where(sum[2], _mm256_castps256_ps128(x[1]), _mm256_castsi256_si128(kept[1])),
                add_where(sum[3], _mm256_extractf128_ps::<1>(x[1]), _mm256_extracti128_si256::<1>(kept[1])),
            ]
        }
    }

    #[inline(always)]
    fn metropolis_thresholds(self, bits: Self::Ints) -> Self::Floats {
        // SAFETY: the token proves AVX2.
        unsafe { [metropolis(bits[0]), metropolis(bits[1])] }
    }

    #[inline(always)]
    fn heat_bath_thresholds(self, bits: Self::Ints) -> Self::Floats {
        // SAFETY: the token proves AVX2.
        unsafe { [heat_bath(bits[0]), heat_bath(bits[1])] }
    }

    #[inline(always)]
    fn floats_at_most(self, two_beta: f32, x: Self::Floats, thresholds: Self::Floats) -> u16 {
        // SAFETY: the token proves AVX2.
        unsafe {
            let two_beta = _mm256_set1_ps(two_beta);
            let low = _mm256_cmp_ps::<_CMP_LE_OQ>(_mm256_mul_ps(two_beta, x[0]), thresholds[0]);
            let high = _mm256_cmp_ps::<_CMP_LE_OQ>(_mm256_mul_ps(two_beta, x[1]), thresholds[1]);
            gathered_signs([low, high])
        }
    }

    #[inline(always)]
    fn ints_to_floats(self, x: Self::Ints) -> Self::Floats {
        // SAFETY: the token proves AVX2.
        unsafe { [_mm256_cvtepi32_ps(x[0]), _mm256_cvtepi32_ps(x[1])] }
    }

    #[inline(always)]
    fn shorts_load(self, from: &[i16; GROUP]) -> Self::Ints {
        // SAFETY: the token proves AVX2; the reference covers two halves of 16 bytes.
        unsafe {
            let low = _mm_loadu_si128(from.as_ptr().cast());
            let high = _mm_loadu_si128(from.as_ptr().add(8).cast());
            [_mm256_cvtepi16_epi32(low), _mm256_cvtepi16_epi32(high)]
        }
    }

    #[inline(always)]
    fn bytes_load(self, from: &[i8; GROUP]) -> Self::Ints {
        // SAFETY: the token proves AVX2; the reference covers 16 bytes.
        unsafe {
            let all = _mm_loadu_si128(from.as_ptr().cast());
            [_mm256_cvtepi8_epi32(all), _mm256_cvtepi8_epi32(_mm_srli_si128::<8>(all))]
        }
    }

    #[inline(always)]
    fn halves_load(self, from: &[u16; GROUP]) -> Self::Floats {
        // SAFETY: the token proves AVX2; the reference covers two halves of 16 bytes.
        unsafe { [halves(_mm_loadu_si128(from.as_ptr().cast())), halves(_mm_loadu_si128(from.as_ptr().add(8).cast()))] }
    }

    #[inline(always)]
    fn floats_push(self, field: Self::Floats, coupling: Self::Floats, factor: f32) -> Self::Floats {
        // SAFETY: the token proves AVX2.
        unsafe {
            let factor = _mm256_set1_ps(factor);
            let low = _mm256_add_ps(field[0], _mm256_mul_ps(coupling[0], factor));
            [low, _mm256_add_ps(field[1], _mm256_mul_ps(coupling[1], factor))]
        }
    }

    #[inline(always)]
    fn floats_at(self, x: Self::Floats, k: u32) -> f32 {
        // SAFETY: the token proves AVX2; lane numbers are taken modulo 8.
        unsafe {
            let half = if k < 8 { x[0] } else { x[1] };
            _mm256_cvtss_f32(_mm256_permutevar8x32_ps(half, _mm256_set1_epi32(k as i32)))
        }
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
        Scalar.list(flips, len, first, mask, up)
    }
}
