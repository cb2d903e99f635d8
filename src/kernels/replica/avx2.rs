//! The one-replica operations in AVX2: sixteen positions in two registers.
#![expect(unsafe_code, reason = "vector instructions and their loads and stores")]

use std::arch::x86_64::*;

use crate::kernels::simd::Simd;
use crate::math::{EXP_F32, LN_F32};
use crate::random::{StreamKey, Xoshiro8};

use super::lanes::{Lanes, Scalar};
use super::rows::GROUP;
use super::sweep::{Costs, Flips, Job, Levels, accept_part};
use super::table::AcceptTable;

/// Proof that the processor has AVX2; made only inside functions that enable it.
#[derive(Clone, Copy)]
struct Avx2(());

/// Decides a part with integer levels.
///
/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2,popcnt")]
pub(super) unsafe fn levels<const REACH: u8>(table: &AcceptTable, job: Job<'_, i32>) -> usize {
    let lanes = Avx2(());
    accept_part(lanes, Levels::<Avx2, REACH>::new(lanes, table), job)
}

/// Decides a part with float fields.
///
/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2,popcnt")]
pub(super) unsafe fn costs<const HEAT_BATH: bool>(two_beta: f32, job: Job<'_, f32>) -> usize {
    accept_part(Avx2(()), Costs::<HEAT_BATH> { two_beta }, job)
}

/// Counts the uniform numbers that accept a level.
///
/// # Safety
/// As for [`levels`].
#[cfg(test)]
#[target_feature(enable = "avx2,popcnt")]
pub(super) unsafe fn count_levels<const REACH: u8>(table: &AcceptTable, field: i32, up: u16) -> u32 {
    let lanes = Avx2(());
    super::sweep::count_accepts(lanes, super::sweep::Levels::<Avx2, REACH>::new(lanes, table), &[field; GROUP], up)
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

/// The operations of `math::exp_f32`, one by one.
#[inline(always)]
unsafe fn exp(x: __m256) -> __m256 {
    // SAFETY: the caller holds an Avx2 token.
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
        let scale = _mm256_slli_epi32::<23>(_mm256_add_epi32(_mm256_cvttps_epi32(k), _mm256_set1_epi32(127)));
        _mm256_mul_ps(y, _mm256_castsi256_ps(scale))
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

/// All ones where Metropolis accepts.
#[inline(always)]
unsafe fn metropolis(two_beta: f32, x: __m256, bits: __m256i) -> __m256 {
    // SAFETY: the caller holds an Avx2 token.
    unsafe {
        let threshold = _mm256_xor_ps(ln(uniform(bits)), _mm256_set1_ps(-0.0));
        _mm256_cmp_ps::<_CMP_LE_OQ>(_mm256_mul_ps(_mm256_set1_ps(two_beta), x), threshold)
    }
}

/// All ones where the heat bath flips.
#[inline(always)]
unsafe fn heat_bath(two_beta: f32, x: __m256, bits: __m256i) -> __m256 {
    // SAFETY: the caller holds an Avx2 token.
    unsafe {
        let one = _mm256_set1_ps(1.0);
        let odds = _mm256_add_ps(one, exp(_mm256_mul_ps(_mm256_set1_ps(two_beta), x)));
        _mm256_cmp_ps::<_CMP_LE_OQ>(_mm256_mul_ps(uniform(bits), odds), one)
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
    fn floats_metropolis(self, two_beta: f32, x: Self::Floats, bits: Self::Ints) -> u16 {
        // SAFETY: the token proves AVX2.
        unsafe { gathered_signs([metropolis(two_beta, x[0], bits[0]), metropolis(two_beta, x[1], bits[1])]) }
    }

    #[inline(always)]
    fn floats_heat_bath(self, two_beta: f32, x: Self::Floats, bits: Self::Ints) -> u16 {
        // SAFETY: the token proves AVX2.
        unsafe { gathered_signs([heat_bath(two_beta, x[0], bits[0]), heat_bath(two_beta, x[1], bits[1])]) }
    }

    #[inline(always)]
    fn list(self, flips: &mut Flips, len: usize, first: u32, mask: u16, up: u16) -> usize {
        Scalar.list(flips, len, first, mask, up)
    }
}
