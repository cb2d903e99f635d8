//! The scalar twin: 16 floats one after another.

use crate::plan::network::stored::{Bf16, F16, Stored};

use super::super::doubles::Plain64;
use super::vector::{Floats, LANES};

/// 16 floats in an array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plain(pub [f32; LANES]);

impl Plain {
    #[inline(always)]
    fn map(self, f: impl Fn(f32) -> f32) -> Self {
        let mut out = self.0;
        for x in &mut out {
            *x = f(*x);
        }
        Plain(out)
    }

    #[inline(always)]
    fn zip(self, b: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self.0;
        for (x, &y) in out.iter_mut().zip(&b.0) {
            *x = f(*x, y);
        }
        Plain(out)
    }

    #[inline(always)]
    fn test(self, b: Self, f: impl Fn(f32, f32) -> bool) -> [bool; LANES] {
        let mut out = [false; LANES];
        for ((o, &x), &y) in out.iter_mut().zip(&self.0).zip(&b.0) {
            *o = f(x, y);
        }
        out
    }
}

impl Floats for Plain {
    type Mask = [bool; LANES];
    type Doubles = Plain64;
    const TILE_WIDTH: usize = 1;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Plain([x; LANES])
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        Plain(*from)
    }

    #[inline(always)]
    fn load_f16(from: &[u16; LANES]) -> Self {
        let mut out = [0.0; LANES];
        for (o, &code) in out.iter_mut().zip(from) {
            *o = F16(code).widen();
        }
        Plain(out)
    }

    #[inline(always)]
    fn load_bf16(from: &[u16; LANES]) -> Self {
        let mut out = [0.0; LANES];
        for (o, &code) in out.iter_mut().zip(from) {
            *o = Bf16(code).widen();
        }
        Plain(out)
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        *to = self.0;
    }

    #[inline(always)]
    fn gather(from: &[f32], rows: &[u32; LANES]) -> Self {
        let mut out = [0.0; LANES];
        for (o, &row) in out.iter_mut().zip(rows) {
            *o = from[row as usize];
        }
        Plain(out)
    }

    #[inline(always)]
    fn gather_16(from: &[f32; 1 << 16], places: &[u16; LANES]) -> Self {
        let mut out = [0.0; LANES];
        for (o, &place) in out.iter_mut().zip(places) {
            *o = from[usize::from(place)];
        }
        Plain(out)
    }

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        self.zip(b, |x, y| x + y)
    }

    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        self.zip(b, |x, y| x - y)
    }

    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        self.zip(b, |x, y| x * y)
    }

    #[inline(always)]
    fn div(self, b: Self) -> Self {
        self.zip(b, |x, y| x / y)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.map(f32::sqrt)
    }

    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        let mut out = c.0;
        for ((o, &x), &y) in out.iter_mut().zip(&self.0).zip(&b.0) {
            *o = x.mul_add(y, *o);
        }
        Plain(out)
    }

    #[inline(always)]
    fn max(self, b: Self) -> Self {
        self.zip(b, |x, y| if x > y { x } else { y })
    }

    #[inline(always)]
    fn min(self, b: Self) -> Self {
        self.zip(b, |x, y| if x < y { x } else { y })
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.map(f32::abs)
    }

    #[inline(always)]
    fn neg(self) -> Self {
        self.map(|x| -x)
    }

    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        self.zip(sign, f32::copysign)
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
    fn bits(mask: [bool; LANES]) -> u16 {
        let mut bits = 0;
        for (lane, &is_set) in mask.iter().enumerate() {
            bits |= u16::from(is_set) << lane;
        }
        bits
    }

    #[inline(always)]
    fn select(mask: [bool; LANES], yes: Self, no: Self) -> Self {
        let mut out = no.0;
        for ((o, &m), &y) in out.iter_mut().zip(&mask).zip(&yes.0) {
            *o = if m { y } else { *o };
        }
        Plain(out)
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        self.map(|k| f32::from_bits((((k as i32) + 127) << 23) as u32))
    }

    #[inline(always)]
    fn mantissa_and_exponent(self) -> (Self, Self) {
        let shifted = |x: f32| (x.to_bits() as i32).wrapping_sub(0x3f35_04f3);
        let m = self.map(|x| f32::from_bits((shifted(x) & 0x007f_ffff).wrapping_add(0x3f35_04f3) as u32));
        (m, self.map(|x| (shifted(x) >> 23) as f32))
    }

    #[inline(always)]
    fn has_bit(self, bit: i32) -> [bool; LANES] {
        self.test(self, |x, _| (x as i32) & bit != 0)
    }

    #[inline(always)]
    fn is_integer(self, n: i32) -> [bool; LANES] {
        self.test(self, |x, _| x as i32 == n)
    }
}
