//! Lane words in AVX2 registers: 128 and 256 replicas in one, 512 in two.

use std::arch::x86_64::*;

use super::word::Word;

/// 128 replicas.
#[derive(Clone, Copy)]
pub struct X128(pub __m128i);

/// 256 replicas.
#[derive(Clone, Copy)]
pub struct X256(pub __m256i);

/// Two words side by side.
#[derive(Clone, Copy)]
pub struct Pair<T>(pub T, pub T);

macro_rules! avx2_word {
    ($name:ident, $words:literal, $load:ident, $store:ident, $splat:ident, $xor:ident, $and:ident, $or:ident, $andnot:ident,
     $testz:ident, $add:ident, $sll:ident, $srl:ident, $shuffle:ident, $splat8:ident, $srl16:ident, $sad:ident, $add8:ident, $table:expr) => {
        impl Word for $name {
            const WORDS: usize = $words;

            #[inline(always)]
            fn splat(x: u64) -> Self {
                // SAFETY: vector words exist only inside functions that enable AVX2.
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
                self.xor(b).xor(c)
            }

            #[inline(always)]
            fn majority(self, b: Self, c: Self) -> Self {
                self.and(b).or(self.xor(b).and(c))
            }

            #[inline(always)]
            fn choose(self, b: Self, c: Self) -> Self {
                b.xor(c).and(self).xor(c)
            }

            #[inline(always)]
            fn or_and(self, b: Self, c: Self) -> Self {
                self.or(b.and(c))
            }

            #[inline(always)]
            fn keep_equal(self, b: Self, c: Self) -> Self {
                self.and_not(b.xor(c))
            }

            #[inline(always)]
            fn is_zero(self) -> bool {
                // SAFETY: as in `splat`.
                unsafe { $testz(self.0, self.0) == 1 }
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
                let right = unsafe { $name($srl(self.0, _mm_cvtsi32_si128(64 - BY as i32))) };
                self.shl64::<BY>().or(right)
            }

            #[inline(always)]
            fn add_ones(self, sums: Self) -> Self {
                // SAFETY: as in `splat`. Counts by nibble from a table, then adds the bytes of each u64.
                unsafe {
                    let nibble = $splat8(15);
                    let low = $shuffle($table, $and(self.0, nibble));
                    let high = $shuffle($table, $and($srl16::<4>(self.0), nibble));
                    $name($add(sums.0, $sad($add8(low, high), $splat8(0))))
                }
            }
        }
    };
}

macro_rules! nibble_table {
    ($set:ident, $($twice:tt)*) => {
        $set($($twice)* 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4)
    };
}

avx2_word!(
    X128,
    2,
    _mm_loadu_si128,
    _mm_storeu_si128,
    _mm_set1_epi64x,
    _mm_xor_si128,
    _mm_and_si128,
    _mm_or_si128,
    _mm_andnot_si128,
    _mm_testz_si128,
    _mm_add_epi64,
    _mm_sll_epi64,
    _mm_srl_epi64,
    _mm_shuffle_epi8,
    _mm_set1_epi8,
    _mm_srli_epi16,
    _mm_sad_epu8,
    _mm_add_epi8,
    nibble_table!(_mm_setr_epi8,)
);

avx2_word!(
    X256,
    4,
    _mm256_loadu_si256,
    _mm256_storeu_si256,
    _mm256_set1_epi64x,
    _mm256_xor_si256,
    _mm256_and_si256,
    _mm256_or_si256,
    _mm256_andnot_si256,
    _mm256_testz_si256,
    _mm256_add_epi64,
    _mm256_sll_epi64,
    _mm256_srl_epi64,
    _mm256_shuffle_epi8,
    _mm256_set1_epi8,
    _mm256_srli_epi16,
    _mm256_sad_epu8,
    _mm256_add_epi8,
    nibble_table!(_mm256_setr_epi8, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,)
);

impl<T: Word> Word for Pair<T> {
    const WORDS: usize = 2 * T::WORDS;

    #[inline(always)]
    fn splat(x: u64) -> Self {
        Pair(T::splat(x), T::splat(x))
    }

    #[inline(always)]
    unsafe fn load(from: *const u64) -> Self {
        // SAFETY: the caller promises the words of both halves.
        unsafe { Pair(T::load(from), T::load(from.add(T::WORDS))) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u64) {
        // SAFETY: the caller promises the words of both halves.
        unsafe {
            self.0.store(to);
            self.1.store(to.add(T::WORDS));
        }
    }

    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        Pair(self.0.xor(b.0), self.1.xor(b.1))
    }

    #[inline(always)]
    fn and(self, b: Self) -> Self {
        Pair(self.0.and(b.0), self.1.and(b.1))
    }

    #[inline(always)]
    fn or(self, b: Self) -> Self {
        Pair(self.0.or(b.0), self.1.or(b.1))
    }

    #[inline(always)]
    fn and_not(self, b: Self) -> Self {
        Pair(self.0.and_not(b.0), self.1.and_not(b.1))
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        Pair(self.0.xor3(b.0, c.0), self.1.xor3(b.1, c.1))
    }

    #[inline(always)]
    fn majority(self, b: Self, c: Self) -> Self {
        Pair(self.0.majority(b.0, c.0), self.1.majority(b.1, c.1))
    }

    #[inline(always)]
    fn choose(self, b: Self, c: Self) -> Self {
        Pair(self.0.choose(b.0, c.0), self.1.choose(b.1, c.1))
    }

    #[inline(always)]
    fn or_and(self, b: Self, c: Self) -> Self {
        Pair(self.0.or_and(b.0, c.0), self.1.or_and(b.1, c.1))
    }

    #[inline(always)]
    fn keep_equal(self, b: Self, c: Self) -> Self {
        Pair(self.0.keep_equal(b.0, c.0), self.1.keep_equal(b.1, c.1))
    }

    #[inline(always)]
    fn is_zero(self) -> bool {
        self.0.or(self.1).is_zero()
    }

    #[inline(always)]
    fn add64(self, b: Self) -> Self {
        Pair(self.0.add64(b.0), self.1.add64(b.1))
    }

    #[inline(always)]
    fn shl64<const BY: u32>(self) -> Self {
        Pair(self.0.shl64::<BY>(), self.1.shl64::<BY>())
    }

    #[inline(always)]
    fn rotl64<const BY: u32>(self) -> Self {
        Pair(self.0.rotl64::<BY>(), self.1.rotl64::<BY>())
    }

    #[inline(always)]
    fn add_ones(self, sums: Self) -> Self {
        Pair(self.0.add_ones(sums.0), self.1.add_ones(sums.1))
    }
}
