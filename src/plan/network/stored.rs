//! How weights are stored: as they are, or in 16 bits. Sums are of f32 all the same.

/// The format of stored weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WeightFormat {
    /// 32-bit floats: exact.
    #[default]
    F32,
    /// 16-bit floats of IEEE 754: 11 bits of mantissa, up to 65,504 (larger ones are held there).
    F16,
    /// The upper half of 32-bit floats: 8 bits of mantissa, their whole range.
    Bf16,
}

/// A stored weight.
pub trait Stored: Copy + Default + Send + Sync + std::fmt::Debug + PartialEq + 'static {
    /// Its format.
    const FORMAT: WeightFormat;
    /// The nearest stored number, ties to even.
    fn round(x: f32) -> Self;
    /// The number, exactly.
    fn widen(self) -> f32;
}

/// A 16-bit float of IEEE 754.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub struct F16(pub u16);

/// The upper half of a 32-bit float.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub struct Bf16(pub u16);

impl Stored for f32 {
    const FORMAT: WeightFormat = WeightFormat::F32;

    #[inline(always)]
    fn round(x: f32) -> Self {
        x
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
}

/// 2^112: what the exponents of 16-bit and 32-bit floats differ by.
pub const F16_SCALE: f32 = f32::from_bits((127 + 112) << 23);

/// The largest 16-bit float.
const F16_MAX: f32 = 65_504.0;

impl Stored for F16 {
    const FORMAT: WeightFormat = WeightFormat::F16;

    fn round(x: f32) -> Self {
        let sign = ((x.to_bits() >> 16) & 0x8000) as u16;
        let size = x.abs().min(F16_MAX);
        // 1. Below 2^-14 the steps are 2^-24, and adding 0.5 makes f32 round to them.
        if size < 6.103_515_6e-5 {
            return F16(sign | ((size + 0.5).to_bits() - 0.5_f32.to_bits()) as u16);
        }
        // 2. Elsewhere 13 bits go, ties to even; a carry moves into the exponent by itself.
        let bits = size.to_bits();
        let rounded = bits + 0xfff + ((bits >> 13) & 1);
        F16(sign | ((rounded - (112 << 23)) >> 13) as u16)
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        let size = f32::from_bits(u32::from(self.0 & 0x7fff) << 13) * F16_SCALE;
        f32::from_bits(size.to_bits() | (u32::from(self.0 & 0x8000) << 16))
    }
}

impl Stored for Bf16 {
    const FORMAT: WeightFormat = WeightFormat::Bf16;

    fn round(x: f32) -> Self {
        let bits = x.clamp(-f32::from_bits(0x7f7f_0000), f32::from_bits(0x7f7f_0000)).to_bits();
        Bf16(((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) as u16)
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_half_comes_back_and_numbers_between_go_to_the_nearer() {
        for code in (0..=0x7bff_u16).flat_map(|c| [c, c | 0x8000]) {
            let x = F16(code).widen();
            assert_eq!(F16::round(x), F16(code), "{code:#x} is {x}");
            if code & 0x7fff < 0x7bff {
                let next = F16(code + 1).widen();
                let middle = f32::midpoint(x, next);
                let even = if code & 1 == 0 { code } else { code + 1 };
                assert_eq!(F16::round(middle), F16(even), "the middle of {x} and {next}");
                assert_eq!(F16::round(x + (middle - x) * 0.75), F16(code), "above {x}");
                assert_eq!(F16::round(x + (middle - x) * 1.25), F16(code + 1), "below {next}");
            }
        }
        assert_eq!((F16(0x3c00).widen(), F16(1).widen(), F16::round(1e9).widen()), (1.0, 5.960_464_5e-8, 65_504.0));
    }

    #[test]
    fn brain_floats_round_to_even_and_stay_finite() {
        for code in (0..=0x7f7f_u16).flat_map(|c| [c, c | 0x8000]) {
            assert_eq!(Bf16::round(Bf16(code).widen()), Bf16(code));
        }
        let x = Bf16(0x3f80).widen();
        assert_eq!(x, 1.0);
        assert_eq!(Bf16::round(1.0 + 1.0 / 256.0), Bf16(0x3f80));
        assert_eq!(Bf16::round(1.0 + 3.0 / 256.0), Bf16(0x3f82));
        assert!(Bf16::round(f32::MAX).widen().is_finite());
    }
}
