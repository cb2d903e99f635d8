//! 16 doubles one after another.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::super::floats::LANES;
use super::real::{Doubles, Real, sin_cos};

/// 16 doubles in an array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plain64([f64; LANES]);

impl Plain64 {
    #[inline(always)]
    fn zip(self, b: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let mut out = self.0;
        for (x, &y) in out.iter_mut().zip(&b.0) {
            *x = f(*x, y);
        }
        Plain64(out)
    }

    #[inline(always)]
    fn test(self, b: Self, f: impl Fn(f64, f64) -> bool) -> [bool; LANES] {
        let mut out = [false; LANES];
        for ((o, &x), &y) in out.iter_mut().zip(&self.0).zip(&b.0) {
            *o = f(x, y);
        }
        out
    }
}

/// Operators of two vectors, lane by lane.
macro_rules! operators {
    ($($trait:ident $method:ident $op:tt),*) => {$(
        impl $trait for Plain64 {
            type Output = Self;

            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                self.zip(b, |x, y| x $op y)
            }
        }
    )*};
}

operators!(Add add +, Sub sub -, Mul mul *, Div div /);

impl Neg for Plain64 {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        self.zip(self, |x, _| -x)
    }
}

impl Real for Plain64 {
    type Mask = [bool; LANES];

    #[inline(always)]
    fn splat(x: f64) -> Self {
        Plain64([x; LANES])
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.zip(self, |x, _| x.abs())
    }

    #[inline(always)]
    fn gt(self, b: Self) -> [bool; LANES] {
        self.test(b, |x, y| x > y)
    }

    #[inline(always)]
    fn ge(self, b: Self) -> [bool; LANES] {
        self.test(b, |x, y| x >= y)
    }

    #[inline(always)]
    fn both(a: [bool; LANES], b: [bool; LANES]) -> [bool; LANES] {
        let mut out = a;
        for (o, &y) in out.iter_mut().zip(&b) {
            *o &= y;
        }
        out
    }

    #[inline(always)]
    fn select(mask: [bool; LANES], yes: Self, no: Self) -> Self {
        let mut out = no.0;
        for ((o, &m), &y) in out.iter_mut().zip(&mask).zip(&yes.0) {
            *o = if m { y } else { *o };
        }
        Plain64(out)
    }

    #[inline(always)]
    fn has_bit(self, bit: i64) -> [bool; LANES] {
        self.test(self, |x, _| x.to_bits() & bit as u64 != 0)
    }

    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        sin_cos(self)
    }
}

impl Doubles for Plain64 {
    #[inline(always)]
    fn load(from: &[f64; LANES]) -> Self {
        Plain64(*from)
    }

    #[inline(always)]
    fn store(self, to: &mut [f64; LANES]) {
        *to = self.0;
    }

    #[inline(always)]
    fn bits(mask: [bool; LANES]) -> u16 {
        let mut bits = 0;
        for (lane, &is_set) in mask.iter().enumerate() {
            bits |= u16::from(is_set) << lane;
        }
        bits
    }

    #[inline(always)]
    fn mask(bits: u16) -> [bool; LANES] {
        let mut mask = [false; LANES];
        for (lane, m) in mask.iter_mut().enumerate() {
            *m = bits >> lane & 1 == 1;
        }
        mask
    }
}
