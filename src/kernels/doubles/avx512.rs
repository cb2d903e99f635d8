//! 16 doubles in two AVX-512 registers.

use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::super::floats::LANES;
use super::real::{Doubles, Real, sin_cos};

/// 16 doubles, the lower 8 first.
#[derive(Clone, Copy)]
pub struct Z64(__m512d, __m512d);

/// Wraps intrinsics that take and give registers alone.
macro_rules! registers {
    ($e:expr) => {
        // SAFETY: values of this type exist only inside functions that enable AVX-512 F, BW, DQ and VL.
        unsafe { $e }
    };
}

/// Operators of two vectors, half by half.
macro_rules! operators {
    ($($trait:ident $method:ident $op:ident),*) => {$(
        impl $trait for Z64 {
            type Output = Self;

            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                registers!(Z64($op(self.0, b.0), $op(self.1, b.1)))
            }
        }
    )*};
}

operators!(Add add _mm512_add_pd, Sub sub _mm512_sub_pd, Mul mul _mm512_mul_pd, Div div _mm512_div_pd);

impl Neg for Z64 {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        registers!({
            let sign = _mm512_set1_pd(-0.0);
            Z64(_mm512_xor_pd(self.0, sign), _mm512_xor_pd(self.1, sign))
        })
    }
}

impl Real for Z64 {
    type Mask = (__mmask8, __mmask8);

    #[inline(always)]
    fn splat(x: f64) -> Self {
        registers!({
            let x = _mm512_set1_pd(x);
            Z64(x, x)
        })
    }

    #[inline(always)]
    fn abs(self) -> Self {
        registers!(Z64(_mm512_abs_pd(self.0), _mm512_abs_pd(self.1)))
    }

    #[inline(always)]
    fn gt(self, b: Self) -> Self::Mask {
        registers!((_mm512_cmp_pd_mask::<_CMP_GT_OQ>(self.0, b.0), _mm512_cmp_pd_mask::<_CMP_GT_OQ>(self.1, b.1)))
    }

    #[inline(always)]
    fn ge(self, b: Self) -> Self::Mask {
        registers!((_mm512_cmp_pd_mask::<_CMP_GE_OQ>(self.0, b.0), _mm512_cmp_pd_mask::<_CMP_GE_OQ>(self.1, b.1)))
    }

    #[inline(always)]
    fn both(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        (a.0 & b.0, a.1 & b.1)
    }

    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        registers!(Z64(_mm512_mask_blend_pd(mask.0, no.0, yes.0), _mm512_mask_blend_pd(mask.1, no.1, yes.1)))
    }

    #[inline(always)]
    fn has_bit(self, bit: i64) -> Self::Mask {
        registers!({
            let bit = _mm512_set1_epi64(bit);
            (_mm512_test_epi64_mask(_mm512_castpd_si512(self.0), bit), _mm512_test_epi64_mask(_mm512_castpd_si512(self.1), bit))
        })
    }

    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        sin_cos(self)
    }
}

impl Doubles for Z64 {
    #[inline(always)]
    fn load(from: &[f64; LANES]) -> Self {
        // SAFETY: as for `registers`; 16 doubles are readable, at any alignment.
        unsafe { Z64(_mm512_loadu_pd(from.as_ptr()), _mm512_loadu_pd(from.as_ptr().add(8))) }
    }

    #[inline(always)]
    fn store(self, to: &mut [f64; LANES]) {
        // SAFETY: as for `registers`; 16 doubles are writable, at any alignment.
        unsafe {
            _mm512_storeu_pd(to.as_mut_ptr(), self.0);
            _mm512_storeu_pd(to.as_mut_ptr().add(8), self.1);
        }
    }

    #[inline(always)]
    fn bits(mask: Self::Mask) -> u16 {
        u16::from(mask.0) | u16::from(mask.1) << 8
    }

    #[inline(always)]
    fn mask(bits: u16) -> Self::Mask {
        (bits as u8, (bits >> 8) as u8)
    }
}
