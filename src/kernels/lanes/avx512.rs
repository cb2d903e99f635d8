//! Lane words in AVX-512 registers: 256 or 512 replicas in one, three-input logic in one instruction.

use std::arch::x86_64::*;

use super::word::Word;

/// 256 replicas.
#[derive(Clone, Copy)]
pub struct Z256(pub __m256i);

/// 512 replicas.
#[derive(Clone, Copy)]
pub struct Z512(pub __m512i);

// Truth tables of vpternlog: bit (a << 2 | b << 1 | c) of the immediate is f(a, b, c).
const XOR3: i32 = 0x96;
const MAJORITY: i32 = 0xe8;
const CHOOSE: i32 = 0xca;
const OR_AND: i32 = 0xf8;
const KEEP_EQUAL: i32 = 0x90;

macro_rules! avx512_word {
    ($name:ident, $words:literal, $load:ident, $store:ident, $splat:ident, $xor:ident, $and:ident, $or:ident, $andnot:ident,
     $tern:ident, $test:ident, $add:ident, $sll:ident, $rol:ident, $popcnt:ident) => {
        impl Word for $name {
            const WORDS: usize = $words;

            #[inline(always)]
            fn splat(x: u64) -> Self {
                // SAFETY: vector words exist only inside functions that enable AVX-512.
                unsafe { $name($splat(x as i64)) }
            }

            #[inline(always)]
            unsafe fn load(from: *const u64) -> Self {
                // SAFETY: the caller promises the words; the instruction needs no alignment.
                unsafe { $name($load(from.cast())) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut u64) {
                // SAFETY: the caller promises the words; the instruction needs no alignment.
                unsafe { $store(to.cast(), self.0) }
            }

            #[inline(always)]
            fn xor(self, b: Self) -> Self {
                // SAFETY: as in `splat`.
                unsafe { $name($xor(self.0, b.0)) }
            }

            #[inline(always)]
            fn and(self, b: Self) -> Self {
                // SAFETY: as in `splat`.
                unsafe { $name($and(self.0, b.0)) }
            }

            #[inline(always)]
            fn or(self, b: Self) -> Self {
                // SAFETY: as in `splat`.
                unsafe { $name($or(self.0, b.0)) }
            }

            #[inline(always)]
            fn and_not(self, b: Self) -> Self {
                // SAFETY: as in `splat`.
                unsafe { $name($andnot(b.0, self.0)) }
            }

            #[inline(always)]
            fn xor3(self, b: Self, c: Self) -> Self {
                // SAFETY: as in `splat`.
                unsafe { $name($tern::<XOR3>(self.0, b.0, c.0)) }
            }

            #[inline(always)]
            fn majority(self, b: Self, c: Self) -> Self {
                // SAFETY: as in `splat`.
                unsafe { $name($tern::<MAJORITY>(self.0, b.0, c.0)) }
            }

            #[inline(always)]
            fn choose(self, b: Self, c: Self) -> Self {
                // SAFETY: as in `splat`.
                unsafe { $name($tern::<CHOOSE>(self.0, b.0, c.0)) }
            }

            #[inline(always)]
            fn or_and(self, b: Self, c: Self) -> Self {
                // SAFETY: as in `splat`.
                unsafe { $name($tern::<OR_AND>(self.0, b.0, c.0)) }
            }

            #[inline(always)]
            fn keep_equal(self, b: Self, c: Self) -> Self {
                // SAFETY: as in `splat`.
                unsafe { $name($tern::<KEEP_EQUAL>(self.0, b.0, c.0)) }
            }

            #[inline(always)]
            fn is_zero(self) -> bool {
                // SAFETY: as in `splat`.
                unsafe { $test(self.0, self.0) == 0 }
            }

            #[inline(always)]
            fn add64(self, b: Self) -> Self {
                // SAFETY: as in `splat`.
                unsafe { $name($add(self.0, b.0)) }
            }

            #[inline(always)]
            fn shl64<const BY: u32>(self) -> Self {
                // SAFETY: as in `splat`.
                unsafe { $name($sll(self.0, _mm_cvtsi32_si128(BY as i32))) }
            }

            #[inline(always)]
            fn rotl64<const BY: u32>(self) -> Self {
                // SAFETY: as in `splat`.
                unsafe { $name($rol(self.0, $splat(i64::from(BY)))) }
            }

            #[inline(always)]
            fn add_ones(self, sums: Self) -> Self {
                // SAFETY: as in `splat`.
                unsafe { $name($add(sums.0, $popcnt(self.0))) }
            }
        }
    };
}

avx512_word!(
    Z256,
    4,
    _mm256_loadu_si256,
    _mm256_storeu_si256,
    _mm256_set1_epi64x,
    _mm256_xor_si256,
    _mm256_and_si256,
    _mm256_or_si256,
    _mm256_andnot_si256,
    _mm256_ternarylogic_epi64,
    _mm256_test_epi64_mask,
    _mm256_add_epi64,
    _mm256_sll_epi64,
    _mm256_rolv_epi64,
    _mm256_popcnt_epi64
);

avx512_word!(
    Z512,
    8,
    _mm512_loadu_si512,
    _mm512_storeu_si512,
    _mm512_set1_epi64,
    _mm512_xor_si512,
    _mm512_and_si512,
    _mm512_or_si512,
    _mm512_andnot_si512,
    _mm512_ternarylogic_epi64,
    _mm512_test_epi64_mask,
    _mm512_add_epi64,
    _mm512_sll_epi64,
    _mm512_rolv_epi64,
    _mm512_popcnt_epi64
);
