//! What a vector of 16 floats can do. Every operation rounds as the scalar one does, so that all backends agree.

use super::super::doubles::Doubles;

/// Floats of a vector.
pub const LANES: usize = 16;

/// 16 floats that move together.
///
/// Values of vector backends exist only inside functions that enable their instructions: kernels reach them through
/// [`super::dispatch`] alone. Every function generic over `Floats` is `#[inline(always)]`, and no vector operation stands in a closure, which
/// would be compiled without the instructions.
pub trait Floats: Copy {
    /// One truth value a lane.
    type Mask: Copy;

    /// 16 doubles of the same instructions.
    type Doubles: Doubles;

    /// Vectors that the registers hold beside each other as sums of a tile, of 6 rows: 4, or 1 where registers are few.
    const TILE_WIDTH: usize;

    /// All lanes `x`.
    fn splat(x: f32) -> Self;
    /// The 16 floats of `from`.
    fn load(from: &[f32; LANES]) -> Self;
    /// The 16 half floats of `from`, which are finite.
    fn load_f16(from: &[u16; LANES]) -> Self;
    /// The 16 upper halves of floats of `from`.
    fn load_bf16(from: &[u16; LANES]) -> Self;
    /// Writes the 16 floats to `to`.
    fn store(self, to: &mut [f32; LANES]);
    /// The floats `from[rows[lane]]`.
    ///
    /// # Panics
    /// If a row is not below the length of `from`.
    fn gather(from: &[f32], rows: &[u32; LANES]) -> Self;
    /// The floats `from[places[lane]]`; a 16-bit place is always inside.
    fn gather_16(from: &[f32; 1 << 16], places: &[u16; LANES]) -> Self;

    /// self + b.
    fn add(self, b: Self) -> Self;
    /// self - b.
    fn sub(self, b: Self) -> Self;
    /// self b.
    fn mul(self, b: Self) -> Self;
    /// self / b.
    fn div(self, b: Self) -> Self;
    /// The correctly rounded square root.
    fn sqrt(self) -> Self;
    /// self b + c with one rounding.
    fn fma(self, b: Self, c: Self) -> Self;
    /// self if self > b, else b.
    fn max(self, b: Self) -> Self;
    /// self if self < b, else b.
    fn min(self, b: Self) -> Self;
    /// |self|.
    fn abs(self) -> Self;
    /// -self.
    fn neg(self) -> Self;
    /// |self| with the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;

    /// self > b.
    fn gt(self, b: Self) -> Self::Mask;
    /// self >= b.
    fn ge(self, b: Self) -> Self::Mask;
    /// One bit a lane, the first one lowest.
    fn bits(mask: Self::Mask) -> u16;
    /// `yes` where `mask` is true, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    /// 2^self of integers in -126..=127.
    fn power_of_two(self) -> Self;
    /// (m, e) with self = m 2^e and m in [sqrt(1/2), sqrt(2)), as [`crate::math::ln_f32`] parts it.
    fn mantissa_and_exponent(self) -> (Self, Self);
    /// True where the integer has `bit`, which is a power of two.
    fn has_bit(self, bit: i32) -> Self::Mask;
    /// True where the integer is `n`.
    fn is_integer(self, n: i32) -> Self::Mask;
}
