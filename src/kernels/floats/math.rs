//! The functions of [`crate::math`] in each lane, with the same roundings.

use crate::math::{EXP_F32, LN_F32, TANH_F32};

use super::vector::Floats;

/// [`crate::math::exp_f32`].
#[inline(always)]
pub fn exp<F: Floats>(x: F) -> F {
    // Constants first: what is not a number stays what it is.
    let x = F::splat(88.0).min(F::splat(-87.0).max(x));
    let magic = F::splat(12_582_912.0);
    let k = x.mul(F::splat(std::f32::consts::LOG2_E)).add(magic).sub(magic);
    let r = x.sub(k.mul(F::splat(0.693_359_4)));
    let r = r.sub(k.mul(F::splat(-2.121_944_4e-4)));
    let mut p = F::splat(1.987_569_2e-4);
    for c in EXP_F32 {
        p = p.mul(r).add(F::splat(c));
    }
    let y = p.mul(r.mul(r)).add(r).add(F::splat(1.0));
    y.mul(k.power_of_two())
}

/// [`crate::math::ln_f32`].
#[inline(always)]
pub fn ln<F: Floats>(x: F) -> F {
    let (m, exponent) = x.mantissa_and_exponent();
    let t = m.sub(F::splat(1.0));
    let z = t.mul(t);
    let mut p = F::splat(7.037_683_6e-2);
    for c in LN_F32 {
        p = p.mul(t).add(F::splat(c));
    }
    let y = p.mul(t).mul(z);
    let y = y.add(exponent.mul(F::splat(-2.121_944_4e-4)));
    let y = y.sub(F::splat(0.5).mul(z));
    t.add(y).add(exponent.mul(F::splat(0.693_359_4)))
}

/// [`crate::math::tanh_f32`].
#[inline(always)]
pub fn tanh<F: Floats>(x: F) -> F {
    let (a, one) = (x.abs(), F::splat(1.0));
    let z = x.mul(x);
    let mut p = F::splat(-5.704_988_7e-3);
    for c in TANH_F32 {
        p = p.mul(z).add(F::splat(c));
    }
    let near = p.mul(z).mul(x).add(x);
    let far = one.sub(F::splat(2.0).div(exp(a.add(a)).add(one))).copysign(x);
    F::select(F::splat(0.625).gt(a), near, far)
}

/// [`crate::math::sigmoid_f32`].
#[inline(always)]
pub fn sigmoid<F: Floats>(x: F) -> F {
    let one = F::splat(1.0);
    one.div(one.add(exp(x.neg())))
}

/// [`crate::math::softplus_f32`].
#[inline(always)]
pub fn softplus<F: Floats>(x: F) -> F {
    x.max(F::splat(0.0)).add(ln(F::splat(1.0).add(exp(x.abs().neg()))))
}

/// [`crate::math::sin_f32`].
#[inline(always)]
pub fn sin<F: Floats>(x: F) -> F {
    let x = F::splat(8192.0).min(F::splat(-8192.0).max(x));
    let magic = F::splat(12_582_912.0);
    let k = x.mul(F::splat(std::f32::consts::FRAC_2_PI)).add(magic).sub(magic);
    let r = x.sub(k.mul(F::splat(1.570_312_5)));
    let r = r.sub(k.mul(F::splat(4.837_513e-4)));
    let r = r.sub(k.mul(F::splat(7.549_79e-8)));
    let z = r.mul(r);
    let s = F::splat(-1.951_529_6e-4).mul(z).add(F::splat(8.332_161e-3));
    let s = s.mul(z).sub(F::splat(1.666_665_5e-1));
    let sine = s.mul(z).mul(r).add(r);
    let c = F::splat(2.443_315_7e-5).mul(z).sub(F::splat(1.388_731_6e-3));
    let c = c.mul(z).add(F::splat(4.166_664_6e-2));
    let cosine = c.mul(z).mul(z).sub(F::splat(0.5).mul(z)).add(F::splat(1.0));
    let y = F::select(k.has_bit(1), cosine, sine);
    F::select(k.has_bit(2), y.neg(), y)
}
