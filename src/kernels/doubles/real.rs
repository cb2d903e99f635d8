//! What one double can do, and what 16 can.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::math::{self, COS, PI_HALVES, SIN, WHOLE};

use super::super::floats::LANES;

/// A double, or 16 that move together. Lanes repeat the operations of one double, so they have its bits.
///
/// As for [`super::super::floats::Floats`]: every function generic over it is `#[inline(always)]`, and no operation stands in a
/// closure, which would be compiled without the instructions.
pub trait Real: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self> {
    /// One truth value a lane.
    type Mask: Copy;

    /// All lanes `x`.
    fn splat(x: f64) -> Self;
    /// |self|.
    fn abs(self) -> Self;
    /// self > b.
    fn gt(self, b: Self) -> Self::Mask;
    /// self >= b.
    fn ge(self, b: Self) -> Self::Mask;
    /// True where both are.
    fn both(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// `yes` where `mask` is true, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// True where the representation has `bit`, which is a power of two.
    fn has_bit(self, bit: i64) -> Self::Mask;
    /// Sine and cosine, as [`math::sin_cos`].
    fn sin_cos(self) -> (Self, Self);

    /// self if self > b, else b.
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        Self::select(self.gt(b), self, b)
    }

    /// self if b > self, else b.
    #[inline(always)]
    fn min(self, b: Self) -> Self {
        Self::select(b.gt(self), self, b)
    }

    /// The number from `low` to `high` that is next to it.
    #[inline(always)]
    fn within(self, low: f64, high: f64) -> Self {
        self.max(Self::splat(low)).min(Self::splat(high))
    }

    /// 1 above 0, -1 below, else 0.
    #[inline(always)]
    fn sign(self) -> Self {
        let (zero, one) = (Self::splat(0.0), Self::splat(1.0));
        Self::select(self.gt(zero), one, Self::select(zero.gt(self), -one, zero))
    }
}

impl Real for f64 {
    type Mask = bool;

    #[inline(always)]
    fn splat(x: f64) -> Self {
        x
    }

    #[inline(always)]
    fn abs(self) -> Self {
        f64::abs(self)
    }

    #[inline(always)]
    fn gt(self, b: Self) -> bool {
        self > b
    }

    #[inline(always)]
    fn ge(self, b: Self) -> bool {
        self >= b
    }

    #[inline(always)]
    fn both(a: bool, b: bool) -> bool {
        a && b
    }

    #[inline(always)]
    fn select(mask: bool, yes: Self, no: Self) -> Self {
        if mask { yes } else { no }
    }

    #[inline(always)]
    fn has_bit(self, bit: i64) -> bool {
        self.to_bits() & bit as u64 != 0
    }

    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        math::sin_cos(self)
    }
}

/// 16 doubles that move together.
pub trait Doubles: Real {
    /// The 16 doubles of `from`.
    fn load(from: &[f64; LANES]) -> Self;
    /// Writes the 16 doubles to `to`.
    fn store(self, to: &mut [f64; LANES]);
    /// One bit a lane, the first one lowest.
    fn bits(mask: Self::Mask) -> u16;
    /// True where `bits` has a one.
    fn mask(bits: u16) -> Self::Mask;
}

/// [`math::sin_cos`] in lanes.
#[inline(always)]
pub(super) fn sin_cos<R: Real>(x: R) -> (R, R) {
    let whole = R::splat(WHOLE);
    let shifted = x * R::splat(std::f64::consts::FRAC_2_PI) + whole;
    let k = shifted - whole;
    let r = x - k * R::splat(PI_HALVES[0]) - k * R::splat(PI_HALVES[1]) - k * R::splat(PI_HALVES[2]);
    let z = r * r;
    let (mut p, mut q) = (R::splat(SIN[0]), R::splat(COS[0]));
    for &c in &SIN[1..] {
        p = p * z + R::splat(c);
    }
    for &c in &COS[1..] {
        q = q * z + R::splat(c);
    }
    let one = R::splat(1.0);
    let sine = r + r * z * p;
    let half = R::splat(0.5) * z;
    let top = one - half;
    let cosine = top + (one - top - half + z * z * q);
    let is_odd = shifted.has_bit(1);
    let (a, b) = (R::select(is_odd, cosine, sine), R::select(is_odd, -sine, cosine));
    let is_second = shifted.has_bit(2);
    (R::select(is_second, -a, a), R::select(is_second, -b, b))
}

#[cfg(test)]
mod tests {
    use super::super::super::floats::{Floats, Kernel, dispatch};
    use super::super::super::simd::Simd;
    use super::*;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    /// Everything that is computed of two numbers.
    const OUTPUTS: usize = 13;

    #[inline(always)]
    fn all<R: Real>(x: R, y: R) -> [R; OUTPUTS] {
        let (sin, cos) = x.sin_cos();
        let (one, zero) = (R::splat(1.0), R::splat(0.0));
        let low = R::select(y.has_bit(4), one, zero);
        let both = R::select(R::both(x.gt(y), y.ge(zero)), one, zero);
        let quotient = R::select(y.gt(zero), x / y, zero);
        [sin, cos, x + y, x - y, x * y, quotient, -x, x.abs(), x.max(y), x.min(y), x.sign(), low, both]
    }

    struct All<'a> {
        x: &'a [f64; LANES],
        y: &'a [f64; LANES],
        out: &'a mut [[f64; LANES]; OUTPUTS],
    }

    impl Kernel for All<'_> {
        type Output = (u16, u16);

        #[inline(always)]
        fn run<F: Floats>(self) -> (u16, u16) {
            let (x, y) = (F::Doubles::load(self.x), F::Doubles::load(self.y));
            for (found, out) in all(x, y).into_iter().zip(self.out) {
                found.store(out);
            }
            (F::Doubles::bits(x.gt(y)), F::Doubles::bits(F::Doubles::mask(0b1010_0000_0000_1101)))
        }
    }

    #[test]
    fn lanes_have_the_bits_of_one_double() {
        let mut random = StreamKey::new(Seed(1), SystemTag::named("doubles"), 0).stream();
        let backends: Vec<Simd> = Simd::available().collect();
        assert!(backends.contains(&Simd::best()));
        for round in 0..200 {
            let width = [1.0, 10.0, 1e5][round % 3];
            let mut x: [f64; LANES] = [0.0; LANES];
            let mut y = x;
            for k in 0..LANES {
                (x[k], y[k]) = (width * (2.0 * random.uniform() - 1.0), 2.0 * random.uniform() - 1.0);
            }
            (x[3], y[4], y[5]) = (0.0, 0.0, x[5]);
            for &simd in &backends {
                let mut out = [[0.0; LANES]; OUTPUTS];
                let (greater, mask) = dispatch(simd, All { x: &x, y: &y, out: &mut out });
                assert_eq!(mask, 0b1010_0000_0000_1101);
                for lane in 0..LANES {
                    let expected = all(x[lane], y[lane]);
                    for k in 0..OUTPUTS {
                        assert_eq!(out[k][lane].to_bits(), expected[k].to_bits(), "{} output {k} of {}", simd.name(), x[lane]);
                    }
                    assert_eq!(greater >> lane & 1 == 1, x[lane] > y[lane]);
                }
            }
        }
    }
}
