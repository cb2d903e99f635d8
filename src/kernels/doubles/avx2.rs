//! 16 doubles in four AVX2 registers.

use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::super::floats::LANES;
use super::real::{Doubles, Real, sin_cos};

/// 16 doubles, the lower ones first.
#[derive(Clone, Copy)]
pub struct Y64([__m256d; 4]);

/// Wraps intrinsics that take and give registers alone.
macro_rules! registers {
    ($e:expr) => {
        // SAFETY: values of this type exist only inside functions that enable AVX2 and FMA.
        unsafe { $e }
    };
}

/// Applies an intrinsic of two registers to all quarters.
macro_rules! quarters {
    ($f:expr, $a:expr, $b:expr) => {{
        let (a, b) = ($a.0, $b.0);
        Y64([registers!($f(a[0], b[0])), registers!($f(a[1], b[1])), registers!($f(a[2], b[2])), registers!($f(a[3], b[3]))])
    }};
}

/// Operators of two vectors, quarter by quarter.
macro_rules! operators {
    ($($trait:ident $method:ident $op:ident),*) => {$(
        impl $trait for Y64 {
            type Output = Self;

            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                quarters!($op, self, b)
            }
        }
    )*};
}

operators!(Add add _mm256_add_pd, Sub sub _mm256_sub_pd, Mul mul _mm256_mul_pd, Div div _mm256_div_pd);

impl Neg for Y64 {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        quarters!(_mm256_xor_pd, self, Self::splat(-0.0))
    }
}

impl Real for Y64 {
    /// All bits of a lane, or none.
    type Mask = Y64;

    #[inline(always)]
    fn splat(x: f64) -> Self {
        Y64([registers!(_mm256_set1_pd(x)); 4])
    }

    #[inline(always)]
    fn abs(self) -> Self {
        quarters!(_mm256_andnot_pd, Self::splat(-0.0), self)
    }

    #[inline(always)]
    fn gt(self, b: Self) -> Y64 {
        quarters!(_mm256_cmp_pd::<_CMP_GT_OQ>, self, b)
    }

    #[inline(always)]
    fn ge(self, b: Self) -> Y64 {
        quarters!(_mm256_cmp_pd::<_CMP_GE_OQ>, self, b)
    }

    #[inline(always)]
    fn both(a: Y64, b: Y64) -> Y64 {
        quarters!(_mm256_and_pd, a, b)
    }

    #[inline(always)]
    fn select(mask: Y64, yes: Self, no: Self) -> Self {
        let mut out = no.0;
        for (out, (yes, mask)) in out.iter_mut().zip(yes.0.into_iter().zip(mask.0)) {
            *out = registers!(_mm256_blendv_pd(*out, yes, mask));
        }
        Y64(out)
    }

    #[inline(always)]
    fn has_bit(self, bit: i64) -> Y64 {
        let mut out = self.0;
        for x in &mut out {
            *x = registers!({
                let bit = _mm256_set1_epi64x(bit);
                _mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_and_si256(_mm256_castpd_si256(*x), bit), bit))
            });
        }
        Y64(out)
    }

    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        sin_cos(self)
    }
}

impl Doubles for Y64 {
    #[inline(always)]
    fn load(from: &[f64; LANES]) -> Self {
        let mut out = Self::splat(0.0);
        for (k, quarter) in from.as_chunks::<4>().0.iter().enumerate() {
            // SAFETY: as for `registers`; 4 doubles are readable, at any alignment.
            out.0[k] = unsafe { _mm256_loadu_pd(quarter.as_ptr()) };
        }
        out
    }

    #[inline(always)]
    fn store(self, to: &mut [f64; LANES]) {
        for (k, quarter) in to.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            // SAFETY: as for `registers`; 4 doubles are writable, at any alignment.
            unsafe { _mm256_storeu_pd(quarter.as_mut_ptr(), self.0[k]) };
        }
    }

    #[inline(always)]
    fn bits(mask: Y64) -> u16 {
        let mut bits = 0;
        for k in 0..4 {
            bits |= (registers!(_mm256_movemask_pd(mask.0[k])) as u16) << (4 * k);
        }
        bits
    }

    #[inline(always)]
    fn mask(bits: u16) -> Y64 {
        let mut lanes = [0.0; LANES];
        for (lane, x) in lanes.iter_mut().enumerate() {
            *x = f64::from_bits(0_u64.wrapping_sub(u64::from(bits >> lane & 1)));
        }
        Self::load(&lanes)
    }
}
