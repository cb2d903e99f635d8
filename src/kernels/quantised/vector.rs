//! What a backend must do to sixteen targets at a time; everything else is written once, over this trait.

use crate::random::Xoshiro8;

use super::noise::{PANEL, fraction_from, normal_from, uniform_from};

/// Sixteen lanes of f32 and of i32. Vector implementations exist only inside functions that enable their instructions.
///
/// # Safety
/// Pointers passed to its functions must be readable (writable) for the sixteen numbers or 64 bytes that they name.
pub(super) unsafe trait Vector: Copy {
    /// Sixteen f32.
    type F: Copy;
    /// Sixteen i32.
    type I: Copy;

    /// Rows of a tile.
    const ROWS: usize;
    /// What [`Vector::dot`] subtracts from each u8 weight.
    const SHIFT: i32;

    /// All lanes `x`.
    fn splat(x: f32) -> Self::F;
    /// Sixteen numbers from memory.
    unsafe fn load(from: *const f32) -> Self::F;
    /// Sixteen numbers to memory.
    unsafe fn store(to: *mut f32, x: Self::F);
    /// a b.
    fn mul(a: Self::F, b: Self::F) -> Self::F;
    /// a + b.
    fn add(a: Self::F, b: Self::F) -> Self::F;
    /// a b + c, rounded once.
    fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// a if a < b, else b (also if either is NaN).
    fn min(a: Self::F, b: Self::F) -> Self::F;
    /// a if a > b, else b (also if either is NaN).
    fn max(a: Self::F, b: Self::F) -> Self::F;
    /// |a|.
    fn abs(a: Self::F) -> Self::F;
    /// The largest lane, from 0; lanes are not NaN.
    fn top(a: Self::F) -> f32;
    /// Rounds to whole numbers, halves to even.
    fn round_even(a: Self::F) -> Self::F;
    /// Rounds down to whole numbers.
    fn floor(a: Self::F) -> Self::F;
    /// Integers as f32, rounded to nearest.
    fn from_ints(a: Self::I) -> Self::F;
    /// f32 as integers, rounded to nearest, halves to even; |a| is below 2^31.
    fn to_ints(a: Self::F) -> Self::I;

    /// All lanes `x`.
    fn ints(x: i32) -> Self::I;
    /// Sixteen integers from memory.
    unsafe fn load_ints(from: *const i32) -> Self::I;
    /// Sixteen integers to memory.
    unsafe fn store_ints(to: *mut i32, a: Self::I);
    /// a + b, wrapping.
    fn add_ints(a: Self::I, b: Self::I) -> Self::I;
    /// a - b, wrapping.
    fn sub_ints(a: Self::I, b: Self::I) -> Self::I;
    /// a b, wrapping.
    fn mul_ints(a: Self::I, b: Self::I) -> Self::I;
    /// The sum of all lanes, wrapping.
    fn sum_ints(a: Self::I) -> i32;
    /// Writes the low bytes of all lanes.
    unsafe fn store_bytes(to: *mut i8, a: Self::I);

    /// Adds to each lane the four products of its u8 weights (less [`Vector::SHIFT`]) at `weights` with the s8 codes in `x`.
    unsafe fn dot(sum: Self::I, weights: *const u8, x: i32) -> Self::I;
    /// [`Vector::dot`] for the two codes of each byte: low ones with `x_low`, high ones with `x_high`; nothing is subtracted.
    unsafe fn dot_nibbles(sum: Self::I, weights: *const u8, x_low: i32, x_high: i32) -> Self::I;

    /// The next 32 random bits of each lane, of [`Xoshiro8::next_words`].
    fn draw(lanes: &mut Xoshiro8) -> Self::I;
    /// [`normal_from`] in each lane.
    fn normal(bits: Self::I) -> Self::F;
    /// [`uniform_from`] in each lane.
    fn uniform(bits: Self::I) -> Self::F;
    /// [`fraction_from`] in each lane.
    fn fraction(bits: Self::I) -> Self::F;
}

/// The backend without vector instructions, lane by lane.
#[derive(Clone, Copy)]
pub(super) struct Plain;

fn each<T, U>(a: [T; PANEL], f: impl Fn(T) -> U) -> [U; PANEL] {
    a.map(f)
}

fn both<T: Copy, U>(a: [T; PANEL], b: [T; PANEL], f: impl Fn(T, T) -> U) -> [U; PANEL] {
    std::array::from_fn(|l| f(a[l], b[l]))
}

// SAFETY: memory is touched through `read` and `write` of the sixteen numbers, or 64 bytes, that callers name.
unsafe impl Vector for Plain {
    type F = [f32; PANEL];
    type I = [i32; PANEL];

    const ROWS: usize = 1;
    const SHIFT: i32 = 0;

    #[inline(always)]
    fn splat(x: f32) -> Self::F {
        [x; PANEL]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::F {
        // SAFETY: promised by the caller.
        unsafe { from.cast::<Self::F>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: Self::F) {
        // SAFETY: promised by the caller.
        unsafe { to.cast::<Self::F>().write_unaligned(x) }
    }
    #[inline(always)]
    fn mul(a: Self::F, b: Self::F) -> Self::F {
        both(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn add(a: Self::F, b: Self::F) -> Self::F {
        both(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        std::array::from_fn(|l| a[l].mul_add(b[l], c[l]))
    }
    #[inline(always)]
    fn min(a: Self::F, b: Self::F) -> Self::F {
        both(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(a: Self::F, b: Self::F) -> Self::F {
        both(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn abs(a: Self::F) -> Self::F {
        each(a, f32::abs)
    }
    #[inline(always)]
    fn top(a: Self::F) -> f32 {
        a.iter().fold(0.0, |top, &x| if x > top { x } else { top })
    }
    #[inline(always)]
    fn round_even(a: Self::F) -> Self::F {
        each(a, super::law::round_even)
    }
    #[inline(always)]
    fn floor(a: Self::F) -> Self::F {
        each(a, super::law::floor)
    }
    #[inline(always)]
    fn from_ints(a: Self::I) -> Self::F {
        each(a, |a| a as f32)
    }
    #[inline(always)]
    fn to_ints(a: Self::F) -> Self::I {
        each(a, |a| super::law::round_even(a) as i32)
    }
    #[inline(always)]
    fn ints(x: i32) -> Self::I {
        [x; PANEL]
    }
    #[inline(always)]
    unsafe fn load_ints(from: *const i32) -> Self::I {
        // SAFETY: promised by the caller.
        unsafe { from.cast::<Self::I>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store_ints(to: *mut i32, a: Self::I) {
        // SAFETY: promised by the caller.
        unsafe { to.cast::<Self::I>().write_unaligned(a) }
    }
    #[inline(always)]
    fn add_ints(a: Self::I, b: Self::I) -> Self::I {
        both(a, b, i32::wrapping_add)
    }
    #[inline(always)]
    fn sub_ints(a: Self::I, b: Self::I) -> Self::I {
        both(a, b, i32::wrapping_sub)
    }
    #[inline(always)]
    fn mul_ints(a: Self::I, b: Self::I) -> Self::I {
        both(a, b, i32::wrapping_mul)
    }
    #[inline(always)]
    fn sum_ints(a: Self::I) -> i32 {
        a.iter().fold(0, |sum, &x| sum.wrapping_add(x))
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut i8, a: Self::I) {
        // SAFETY: promised by the caller.
        unsafe { to.cast::<[i8; PANEL]>().write_unaligned(each(a, |a| a as i8)) }
    }
    #[inline(always)]
    unsafe fn dot(sum: Self::I, weights: *const u8, x: i32) -> Self::I {
        // SAFETY: promised by the caller.
        let weights = unsafe { weights.cast::<[[u8; 4]; PANEL]>().read_unaligned() };
        let x = x.to_le_bytes().map(|x| i32::from(x as i8));
        std::array::from_fn(|l| (0..4).fold(sum[l], |sum, k| sum.wrapping_add(i32::from(weights[l][k]) * x[k])))
    }
    #[inline(always)]
    unsafe fn dot_nibbles(sum: Self::I, weights: *const u8, x_low: i32, x_high: i32) -> Self::I {
        // SAFETY: promised by the caller.
        let weights = unsafe { weights.cast::<[u8; 64]>().read_unaligned() };
        let (low, high) = (weights.map(|w| w & 15), weights.map(|w| w >> 4));
        // SAFETY: both are 64 bytes.
        unsafe { Self::dot(Self::dot(sum, low.as_ptr(), x_low), high.as_ptr(), x_high) }
    }
    #[inline(always)]
    fn draw(lanes: &mut Xoshiro8) -> Self::I {
        let words = lanes.next_words();
        std::array::from_fn(|l| (words[l / 2] >> (32 * (l % 2))) as i32)
    }
    #[inline(always)]
    fn normal(bits: Self::I) -> Self::F {
        each(bits, |b| normal_from(b as u32))
    }
    #[inline(always)]
    fn uniform(bits: Self::I) -> Self::F {
        each(bits, |b| uniform_from(b as u32))
    }
    #[inline(always)]
    fn fraction(bits: Self::I) -> Self::F {
        each(bits, |b| fraction_from(b as u32))
    }
}
