//! Deterministic elementary functions: the same bits on every machine and build.
//!
//! std documents exp, ln, tanh, sin, cos and pow as varying by platform, so clippy bans them here.
//! The f64 forms are those of the `libm` crate (pure Rust, the musl algorithms). The f32 forms are
//! branch-free and use separate multiplications and additions in a fixed order, so that vector
//! kernels repeat them lane by lane, bit for bit; their polynomials are those of the Cephes
//! library (Moshier 1992).

/// e^x.
#[inline]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// The natural logarithm.
#[inline]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// ln(1 + x), accurate near zero.
#[inline]
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// The hyperbolic tangent.
#[inline]
pub fn tanh(x: f64) -> f64 {
    libm::tanh(x)
}

/// The error function.
#[inline]
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

/// ln |Gamma(x)|; ln n! is `ln_gamma(n + 1)`.
#[inline]
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// The sine of `x`, in radians.
#[inline]
pub fn sin(x: f64) -> f64 {
    libm::sin(x)
}

/// The cosine of `x`, in radians.
#[inline]
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// The sine and the cosine of `x`, in radians, for |x| up to 10^6, to an absolute error of about 2e-16.
///
/// Vector kernels repeat this sequence exactly. (The polynomials on +-pi/4, and pi/2 in parts of 33 bits: fdlibm, Sun 1993.)
#[inline]
pub fn sin_cos(x: f64) -> (f64, f64) {
    // 1. x = k pi/2 + r; the lowest bits of the shifted number are those of k.
    let shifted = x * std::f64::consts::FRAC_2_PI + WHOLE;
    let k = shifted - WHOLE;
    let r = x - k * PI_HALVES[0] - k * PI_HALVES[1] - k * PI_HALVES[2];
    // 2. Both polynomials.
    let z = r * r;
    let (mut p, mut q) = (SIN[0], COS[0]);
    for c in &SIN[1..] {
        p = p * z + c;
    }
    for c in &COS[1..] {
        q = q * z + c;
    }
    let sine = r + r * z * p;
    let half = 0.5 * z;
    let top = 1.0 - half;
    let cosine = top + (1.0 - top - half + z * z * q);
    // 3. The quadrant chooses.
    let quadrant = shifted.to_bits();
    let (a, b) = if quadrant & 1 == 0 { (sine, cosine) } else { (cosine, -sine) };
    if quadrant & 2 == 0 { (a, b) } else { (-a, -b) }
}

/// Added and taken away again, it leaves the nearest whole number (1.5 2^52).
pub const WHOLE: f64 = 6_755_399_441_055_744.0;

/// pi/2 in three parts, for [`sin_cos`].
pub const PI_HALVES: [f64; 3] = [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_795_950_6e-21];

/// Coefficients of (sin r - r) / r^3 for [`sin_cos`], highest power first.
pub const SIN: [f64; 6] = [
    1.589_690_995_211_55e-10,
    -2.505_076_025_340_686_3e-8,
    2.755_731_370_707_006_8e-6,
    -1.984_126_982_985_795e-4,
    8.333_333_333_322_49e-3,
    -1.666_666_666_666_663_2e-1,
];

/// Coefficients of (cos r - 1 + r^2/2) / r^4 for [`sin_cos`], highest power first.
pub const COS: [f64; 6] = [
    -1.135_964_755_778_819_5e-11,
    2.087_572_321_298_175e-9,
    -2.755_731_435_139_066_3e-7,
    2.480_158_728_947_673e-5,
    -1.388_888_888_887_411e-3,
    4.166_666_666_666_66e-2,
];

/// x^y.
#[inline]
pub fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// The logistic function 1 / (1 + e^-x).
#[inline]
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

/// ln(sum of e^x), without overflow; minus infinity for an empty slice.
pub fn log_sum_exp(xs: &[f64]) -> f64 {
    let top = xs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return top;
    }
    top + ln(xs.iter().map(|&x| exp(x - top)).sum())
}

/// The natural logarithm of a positive normal f32, to about 1 unit in the last place.
///
/// Vector kernels repeat this sequence exactly; `x` outside the normal positive range gives a
/// number without meaning, never a panic.
#[inline]
pub fn ln_f32(x: f32) -> f32 {
    // 1. x = m 2^e with m in [sqrt(1/2), sqrt(2)).
    let bits = x.to_bits() as i32;
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let exponent = (shifted >> 23) as f32;
    let m = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(0x3f35_04f3) as u32);
    // 2. ln m by a polynomial in t = m - 1.
    let t = m - 1.0;
    let z = t * t;
    let mut p = 7.037_683_6e-2;
    for c in LN_F32 {
        p = p * t + c;
    }
    let y = p * t * z;
    // 3. Add e ln 2 in two parts, small ones first.
    let y = y + exponent * -2.121_944_4e-4;
    let y = y - 0.5 * z;
    t + y + exponent * 0.693_359_4
}

/// Coefficients of [`ln_f32`] after the leading one, highest power first.
pub const LN_F32: [f32; 8] =
    [-1.151_461e-1, 1.167_699_9e-1, -1.242_014_1e-1, 1.424_932_3e-1, -1.666_805_8e-1, 2.000_071_5e-1, -2.499_999_4e-1, 3.333_333e-1];

/// e^x in f32 for x in [-87, 88] (clamped to it), to about 1 unit in the last place.
///
/// Vector kernels repeat this sequence exactly.
#[inline]
pub fn exp_f32(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    // 1. x = k ln 2 + r, k rounded to nearest even by the usual large constant.
    let magic = 12_582_912.0_f32;
    let k = (x * std::f32::consts::LOG2_E + magic) - magic;
    let r = x - k * 0.693_359_4;
    let r = r - k * -2.121_944_4e-4;
    // 2. e^r by a polynomial.
    let mut p = 1.987_569_2e-4;
    for c in EXP_F32 {
        p = p * r + c;
    }
    let y = p * (r * r) + r + 1.0;
    // 3. Times 2^k through the exponent field.
    y * f32::from_bits((((k as i32) + 127) << 23) as u32)
}

/// Coefficients of [`exp_f32`] after the leading one, highest power first.
pub const EXP_F32: [f32; 5] = [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

/// The hyperbolic tangent in f32, to about 2 units in the last place.
///
/// Vector kernels repeat this sequence exactly.
#[inline]
pub fn tanh_f32(x: f32) -> f32 {
    let a = x.abs();
    // 1. Near 0 an odd polynomial, which keeps relative accuracy.
    let z = x * x;
    let mut p = -5.704_988_7e-3;
    for c in TANH_F32 {
        p = p * z + c;
    }
    let near = p * z * x + x;
    // 2. Elsewhere 1 - 2 / (e^2a + 1), with the sign of x.
    let far = (1.0 - 2.0 / (exp_f32(a + a) + 1.0)).copysign(x);
    if a < 0.625 { near } else { far }
}

/// Coefficients of [`tanh_f32`] after the leading one, highest power first.
pub const TANH_F32: [f32; 4] = [2.063_908_8e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1];

/// The logistic function 1 / (1 + e^-x) in f32.
#[inline]
pub fn sigmoid_f32(x: f32) -> f32 {
    1.0 / (1.0 + exp_f32(-x))
}

/// ln(1 + e^x) in f32, without overflow.
#[inline]
pub fn softplus_f32(x: f32) -> f32 {
    x.max(0.0) + ln_f32(1.0 + exp_f32(-x.abs()))
}

/// The sine in f32 for |x| up to 8,192 (clamped to it), to an absolute error of about 1e-7.
///
/// Vector kernels repeat this sequence exactly.
#[inline]
pub fn sin_f32(x: f32) -> f32 {
    let x = x.clamp(-8192.0, 8192.0);
    // 1. x = k pi/2 + r, with pi/2 in three parts.
    let magic = 12_582_912.0_f32;
    let k = (x * std::f32::consts::FRAC_2_PI + magic) - magic;
    let r = x - k * 1.570_312_5;
    let r = r - k * 4.837_513e-4;
    let r = r - k * 7.549_79e-8;
    // 2. Both polynomials; the quadrant chooses.
    let z = r * r;
    let sine = ((-1.951_529_6e-4 * z + 8.332_161e-3) * z - 1.666_665_5e-1) * z * r + r;
    let cosine = ((2.443_315_7e-5 * z - 1.388_731_6e-3) * z + 4.166_664_6e-2) * z * z - 0.5 * z + 1.0;
    let quadrant = k as i32;
    let y = if quadrant & 1 == 0 { sine } else { cosine };
    if quadrant & 2 == 0 { y } else { -y }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f32_logarithm_stays_within_two_units_in_the_last_place() {
        for k in 0..200_000_u32 {
            let x = (f64::from(k) + 0.5) / 200_000.0 * 4.0;
            let exact = ln(f64::from(x as f32));
            let error = (f64::from(ln_f32(x as f32)) - exact).abs();
            assert!(error <= 2.0 * f64::from(f32::EPSILON) * exact.abs().max(0.05), "ln {x}: off by {error}");
        }
    }

    #[test]
    fn f32_exponential_stays_within_two_units_in_the_last_place() {
        for k in -86_000..88_000_i32 {
            let x = k as f32 / 1000.0;
            let exact = exp(f64::from(x));
            let relative = (f64::from(exp_f32(x)) / exact - 1.0).abs();
            assert!(relative < 2.0 * f64::from(f32::EPSILON), "exp {x}: relative error {relative}");
        }
    }

    #[test]
    fn f32_tanh_sigmoid_softplus_and_sine_are_close_to_exact() {
        for k in -40_000..=40_000_i32 {
            let x = k as f32 / 2000.0;
            let wide = f64::from(x);
            let worst = |found: f32, exact: f64| (f64::from(found) - exact).abs() / exact.abs().max(1e-2);
            assert!(worst(tanh_f32(x), tanh(wide)) < 3e-7, "tanh {x}");
            assert!(worst(sigmoid_f32(x), sigmoid(wide)) < 3e-7, "sigmoid {x}");
            assert!((f64::from(softplus_f32(x)) - (wide.max(0.0) + ln_1p(exp(-wide.abs())))).abs() < 2e-6, "softplus {x}");
            assert!((f64::from(sin_f32(x)) - libm::sin(wide)).abs() < 2e-7, "sin {x}");
        }
        assert_eq!((tanh_f32(1e30), tanh_f32(-1e30), tanh_f32(0.0)), (1.0, -1.0, 0.0));
    }

    #[test]
    fn sine_and_cosine_together_are_close_to_those_apart() {
        for k in -200_000..=200_000_i32 {
            for x in [f64::from(k) * 1e-4, f64::from(k) * 4.999, f64::from(k) * std::f64::consts::FRAC_PI_4] {
                let (s, c) = sin_cos(x);
                assert!((s - sin(x)).abs() < 3e-16 && (c - cos(x)).abs() < 3e-16, "{x}: {s}, {c}");
            }
        }
        assert_eq!(sin_cos(0.0), (0.0, 1.0));
    }

    #[test]
    fn log_sum_exp_does_not_overflow() {
        assert!((log_sum_exp(&[1000.0, 1000.0]) - (1000.0 + std::f64::consts::LN_2)).abs() < 1e-12);
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
    }
}
