//! The words that lane kernels compute with: one bit a replica, and the few operations they need.
//!
//! [`Word`] is the whole difference between the backends. Its implementation for `[u64; W]` is the
//! law; the vector ones must agree with it bit for bit. Methods are safe to call only where the
//! instructions exist, so vector words are built inside functions that enable them.

/// The bits of 64, 128, 256 or 512 replicas at one site.
pub trait Word: Copy {
    /// u64 words in it.
    const WORDS: usize;

    /// `x` in each u64.
    fn splat(x: u64) -> Self;

    /// Reads `WORDS` words.
    ///
    /// # Safety
    /// `from` must be valid for reading `WORDS` words and aligned to 8 bytes.
    unsafe fn load(from: *const u64) -> Self;

    /// Writes `WORDS` words.
    ///
    /// # Safety
    /// `to` must be valid for writing `WORDS` words and aligned to 8 bytes.
    unsafe fn store(self, to: *mut u64);

    /// a ^ b.
    fn xor(self, b: Self) -> Self;
    /// a & b.
    fn and(self, b: Self) -> Self;
    /// a | b.
    fn or(self, b: Self) -> Self;
    /// a & !b.
    fn and_not(self, b: Self) -> Self;
    /// a ^ b ^ c, the low bit of a + b + c.
    fn xor3(self, b: Self, c: Self) -> Self;
    /// The high bit of a + b + c.
    fn majority(self, b: Self, c: Self) -> Self;
    /// b where self is set, c elsewhere.
    fn choose(self, b: Self, c: Self) -> Self;
    /// a | (b & c).
    fn or_and(self, b: Self, c: Self) -> Self;
    /// a & !(b ^ c): keeps the bits where b and c agree.
    fn keep_equal(self, b: Self, c: Self) -> Self;
    /// True if no bit is set.
    fn is_zero(self) -> bool;

    /// The sum of each pair of u64, wrapping.
    fn add64(self, b: Self) -> Self;
    /// Each u64 shifted left.
    fn shl64<const BY: u32>(self) -> Self;
    /// Each u64 rotated left.
    fn rotl64<const BY: u32>(self) -> Self;
    /// `sums` plus the number of set bits, u64 by u64.
    fn add_ones(self, sums: Self) -> Self;
}

macro_rules! only_word {
    (|$i:ident| $word:expr) => {{
        let $i = 0;
        [$word]
    }};
}

macro_rules! each_word {
    (|$i:ident| $word:expr) => {
        std::array::from_fn(|$i| $word)
    };
}

/// Writes one implementation for words of u64; `$inline` is how its methods are inlined.
macro_rules! scalar_word {
    ($type:ty, $words:expr, $inline:meta, $each:ident) => {
        impl Word for $type {
            const WORDS: usize = $words;

            #[inline(always)]
            fn splat(x: u64) -> Self {
                [x; $words]
            }

            #[inline(always)]
            unsafe fn load(from: *const u64) -> Self {
                // SAFETY: the caller promises the words.
                unsafe { from.cast::<Self>().read() }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut u64) {
                // SAFETY: the caller promises the words.
                unsafe { to.cast::<Self>().write(self) }
            }

            #[$inline]
            fn xor(self, b: Self) -> Self {
                $each!(|i| self[i] ^ b[i])
            }

            #[$inline]
            fn and(self, b: Self) -> Self {
                $each!(|i| self[i] & b[i])
            }

            #[$inline]
            fn or(self, b: Self) -> Self {
                $each!(|i| self[i] | b[i])
            }

            #[$inline]
            fn and_not(self, b: Self) -> Self {
                $each!(|i| self[i] & !b[i])
            }

            #[$inline]
            fn xor3(self, b: Self, c: Self) -> Self {
                $each!(|i| self[i] ^ b[i] ^ c[i])
            }

            #[$inline]
            fn majority(self, b: Self, c: Self) -> Self {
                $each!(|i| self[i] & b[i] | (self[i] | b[i]) & c[i])
            }

            #[$inline]
            fn choose(self, b: Self, c: Self) -> Self {
                $each!(|i| self[i] & b[i] | !self[i] & c[i])
            }

            #[$inline]
            fn or_and(self, b: Self, c: Self) -> Self {
                $each!(|i| self[i] | b[i] & c[i])
            }

            #[$inline]
            fn keep_equal(self, b: Self, c: Self) -> Self {
                $each!(|i| self[i] & !(b[i] ^ c[i]))
            }

            #[$inline]
            fn is_zero(self) -> bool {
                self.iter().all(|&word| word == 0)
            }

            #[$inline]
            fn add64(self, b: Self) -> Self {
                $each!(|i| self[i].wrapping_add(b[i]))
            }

            #[$inline]
            fn shl64<const BY: u32>(self) -> Self {
                $each!(|i| self[i] << BY)
            }

            #[$inline]
            fn rotl64<const BY: u32>(self) -> Self {
                $each!(|i| self[i].rotate_left(BY))
            }

            #[$inline]
            fn add_ones(self, sums: Self) -> Self {
                $each!(|i| sums[i] + u64::from(self[i].count_ones()))
            }
        }
    };
}

scalar_word!([u64; 1], 1, inline(always), only_word);
// Kept out of line: inlined, thousands of scalar operations a row took the compiler minutes.
scalar_word!([u64; 2], 2, inline(never), each_word);
scalar_word!([u64; 4], 4, inline(never), each_word);
scalar_word!([u64; 8], 8, inline(never), each_word);
