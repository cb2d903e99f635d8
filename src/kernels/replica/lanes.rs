//! The vector operations that the one-replica kernels are written in, and their scalar meaning.

use crate::kernels::simd::Simd;
use crate::math;
use crate::plan::dense_plan::f32_of_half;
use crate::plan::high_parts::{TILE, place};
use crate::random::{StreamKey, Xoshiro8, uniform_f32_from};

use super::bounded::bounds;
use super::pull::{BitRows, GROUPS_PER_WORD};
use super::rows::GROUP;
use super::sweep::Flips;
use super::table::{AcceptTable, uniform_odd};

/// Sixteen positions at once; the value is a token that the machine can run the operations.
///
/// Masks hold position k of a group in bit k.
pub(super) trait Lanes: Copy {
    /// The backend that this is.
    const SIMD: Simd;
    /// Sixteen i32.
    type Ints: Copy;
    /// Sixteen f32.
    type Floats: Copy;
    /// Sixteen f64.
    type Doubles: Copy;
    /// A [`Xoshiro8`].
    type Random: Copy;
    /// The thresholds of an [`AcceptTable`], as the lookup holds them.
    type Table: Copy;

    /// The eight streams of `key`, as [`Xoshiro8::from_key`] makes them.
    fn random_from(self, key: StreamKey) -> Self::Random;
    fn random_load(self, from: &Xoshiro8) -> Self::Random;
    fn random_store(self, random: Self::Random, to: &mut Xoshiro8);
    /// The next 512 bits; word w of the eight is ints 2w (low half) and 2w + 1.
    fn random_next(self, random: &mut Self::Random) -> Self::Ints;

    fn ints_zero(self) -> Self::Ints;
    fn ints_load(self, from: &[i32; GROUP]) -> Self::Ints;
    fn ints_store(self, x: Self::Ints, to: &mut [i32; GROUP]);
    /// The fields of a group, counted from the bits of the spins.
    #[inline(always)]
    fn pull(self, rows: &BitRows, group: usize, up: &[[u16; GROUPS_PER_WORD]]) -> Self::Ints {
        let mut fields = [0; GROUP];
        for (k, field) in fields.iter_mut().enumerate() {
            *field = rows.field(group * GROUP + k, up);
        }
        self.ints_load(&fields)
    }
    /// x where the mask is set, -x elsewhere.
    fn ints_negate_unless(self, x: Self::Ints, mask: u16) -> Self::Ints;
    /// sum + x where the mask is set, sum elsewhere.
    fn ints_add_where(self, sum: Self::Ints, x: Self::Ints, mask: u16) -> Self::Ints;
    fn ints_total(self, x: Self::Ints) -> i64;
    /// Where x is at most the limit.
    fn ints_at_most(self, x: Self::Ints, limit: Self::Ints) -> u16;
    /// The sum where the mask is set.
    fn ints_total_where(self, x: Self::Ints, mask: u16) -> i64;
    /// What `bounded::bounds` says of each.
    fn ints_bounds(self, thresholds: Self::Floats, units: f32, margins: Self::Floats) -> [Self::Ints; 2];
    /// Adds two tiles of high parts, stored as `high_parts::place` says, times their factors.
    fn shorts_push(self, sum: [Self::Ints; 2], rows: [&[i16; TILE]; 2], factors: [i16; 2]) -> [Self::Ints; 2];

    fn table(self, table: &AcceptTable) -> Self::Table;
    /// Which levels accept: the odd uniform of `bits` is at most the level's threshold. `REACH` is the table's kind of lookup: 0 to 3 in the order of `Reach`.
    fn ints_accept<const REACH: u8>(self, table: (Self::Table, &AcceptTable), level: Self::Ints, bits: Self::Ints) -> u16;

    fn doubles_zero(self) -> Self::Doubles;
    fn doubles_total(self, x: Self::Doubles) -> f64;
    fn floats_load(self, from: &[f32; GROUP]) -> Self::Floats;
    fn floats_negate_unless(self, x: Self::Floats, mask: u16) -> Self::Floats;
    /// sum + x where the mask is set, in f64.
    fn doubles_add_where(self, sum: Self::Doubles, x: Self::Floats, mask: u16) -> Self::Doubles;
    /// -ln u: Metropolis accepts costs up to it.
    fn metropolis_thresholds(self, bits: Self::Ints) -> Self::Floats;
    /// ln((1 - u) / u): the heat bath flips at costs up to it.
    fn heat_bath_thresholds(self, bits: Self::Ints) -> Self::Floats;
    /// Where `two_beta * x` is at most the threshold.
    fn floats_at_most(self, two_beta: f32, x: Self::Floats, thresholds: Self::Floats) -> u16;
    fn ints_to_floats(self, x: Self::Ints) -> Self::Floats;
    fn shorts_load(self, from: &[i16; GROUP]) -> Self::Ints;
    fn bytes_load(self, from: &[i8; GROUP]) -> Self::Ints;
    /// Half-precision numbers, as `f32_of_half`.
    fn halves_load(self, from: &[u16; GROUP]) -> Self::Floats;
    /// field + coupling * factor, with two roundings.
    fn floats_push(self, field: Self::Floats, coupling: Self::Floats, factor: f32) -> Self::Floats;
    /// Number k of sixteen.
    fn floats_at(self, x: Self::Floats, k: u32) -> f32;
    /// Tells the processor that `row` is about to be read.
    fn prefetch<T>(self, row: &[T]);

    /// Appends `position << 1 | up` of the set bits, ascending, for positions `first..first + 16`.
    ///
    /// May write up to 16 entries past the new length.
    fn list(self, flips: &mut Flips, len: usize, first: u32, mask: u16, up: u16) -> usize;
}

/// The law.
#[derive(Clone, Copy)]
pub(super) struct Scalar;

/// The cost, in units of temperature, up to which Metropolis accepts with 32 random bits: -ln u.
#[inline(always)]
pub(super) fn metropolis_threshold(bits: u32) -> f32 {
    -math::ln_f32(uniform_f32_from(bits))
}

/// The cost, in units of temperature, up to which the heat bath flips with 32 random bits: ln((1 - u) / u).
#[inline(always)]
pub(super) fn heat_bath_threshold(bits: u32) -> f32 {
    let u = uniform_f32_from(bits);
    math::ln_f32(1.0 - u) - math::ln_f32(u)
}

fn mask_of(accept: impl Fn(usize) -> bool) -> u16 {
    (0..GROUP).fold(0, |mask, k| mask | u16::from(accept(k)) << k)
}

impl Lanes for Scalar {
    const SIMD: Simd = Simd::Scalar;
    type Ints = [i32; GROUP];
    type Floats = [f32; GROUP];
    type Doubles = [f64; GROUP];
    type Random = [[u64; 8]; 4];
    type Table = ();

    #[inline(always)]
    fn random_from(self, key: StreamKey) -> Self::Random {
        Xoshiro8::from_key(key).s
    }

    #[inline(always)]
    fn random_load(self, from: &Xoshiro8) -> Self::Random {
        from.s
    }

    #[inline(always)]
    fn random_store(self, random: Self::Random, to: &mut Xoshiro8) {
        to.s = random;
    }

    #[inline(always)]
    fn random_next(self, random: &mut Self::Random) -> Self::Ints {
        let mut generator = Xoshiro8 { s: *random };
        let words = generator.next_words();
        *random = generator.s;
        std::array::from_fn(|i| (words[i / 2] >> (32 * (i % 2))) as u32 as i32)
    }

    #[inline(always)]
    fn ints_zero(self) -> Self::Ints {
        [0; GROUP]
    }

    #[inline(always)]
    fn ints_load(self, from: &[i32; GROUP]) -> Self::Ints {
        *from
    }

    #[inline(always)]
    fn ints_store(self, x: Self::Ints, to: &mut [i32; GROUP]) {
        *to = x;
    }

    #[inline(always)]
    fn ints_negate_unless(self, x: Self::Ints, mask: u16) -> Self::Ints {
        std::array::from_fn(|k| if mask >> k & 1 == 1 { x[k] } else { -x[k] })
    }

    #[inline(always)]
    fn ints_add_where(self, sum: Self::Ints, x: Self::Ints, mask: u16) -> Self::Ints {
        std::array::from_fn(|k| if mask >> k & 1 == 1 { sum[k].wrapping_add(x[k]) } else { sum[k] })
    }

    #[inline(always)]
    fn ints_total(self, x: Self::Ints) -> i64 {
        x.iter().map(|&x| i64::from(x)).sum()
    }

    #[inline(always)]
    fn ints_at_most(self, x: Self::Ints, limit: Self::Ints) -> u16 {
        mask_of(|k| x[k] <= limit[k])
    }

    #[inline(always)]
    fn ints_total_where(self, x: Self::Ints, mask: u16) -> i64 {
        (0..GROUP).filter(|k| mask >> k & 1 == 1).map(|k| i64::from(x[k])).sum()
    }

    #[inline(always)]
    fn ints_bounds(self, thresholds: Self::Floats, units: f32, margins: Self::Floats) -> [Self::Ints; 2] {
        [0, 1].map(|end| std::array::from_fn(|k| bounds(thresholds[k], units, margins[k])[end]))
    }

    #[inline(always)]
    fn shorts_push(self, mut sum: [Self::Ints; 2], rows: [&[i16; TILE]; 2], factors: [i16; 2]) -> [Self::Ints; 2] {
        for (half, sum) in sum.iter_mut().enumerate() {
            for (quarter, sum) in sum.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let at = place(half * GROUP + quarter * 4);
                for (k, sum) in sum.iter_mut().enumerate() {
                    *sum += i32::from(rows[0][at + k]) * i32::from(factors[0]) + i32::from(rows[1][at + k]) * i32::from(factors[1]);
                }
            }
        }
        sum
    }

    #[inline(always)]
    fn table(self, _: &AcceptTable) {}

    #[inline(always)]
    fn ints_accept<const REACH: u8>(self, (_, table): ((), &AcceptTable), level: Self::Ints, bits: Self::Ints) -> u16 {
        mask_of(|k| uniform_odd(bits[k] as u32) <= table.threshold(level[k]))
    }

    #[inline(always)]
    fn doubles_zero(self) -> Self::Doubles {
        [0.0; GROUP]
    }

    #[inline(always)]
    fn doubles_total(self, x: Self::Doubles) -> f64 {
        // The fixed tree of eight-lane registers: halves of eight, then of four, two, one.
        let eight: [f64; 8] = std::array::from_fn(|k| x[k] + x[k + 8]);
        let four: [f64; 4] = std::array::from_fn(|k| eight[k] + eight[k + 4]);
        (four[0] + four[2]) + (four[1] + four[3])
    }

    #[inline(always)]
    fn floats_load(self, from: &[f32; GROUP]) -> Self::Floats {
        *from
    }

    #[inline(always)]
    fn floats_negate_unless(self, x: Self::Floats, mask: u16) -> Self::Floats {
        std::array::from_fn(|k| if mask >> k & 1 == 1 { x[k] } else { -x[k] })
    }

    #[inline(always)]
    fn doubles_add_where(self, sum: Self::Doubles, x: Self::Floats, mask: u16) -> Self::Doubles {
        std::array::from_fn(|k| if mask >> k & 1 == 1 { sum[k] + f64::from(x[k]) } else { sum[k] })
    }

    #[inline(always)]
    fn metropolis_thresholds(self, bits: Self::Ints) -> Self::Floats {
        bits.map(|bits| metropolis_threshold(bits as u32))
    }

    #[inline(always)]
    fn heat_bath_thresholds(self, bits: Self::Ints) -> Self::Floats {
        bits.map(|bits| heat_bath_threshold(bits as u32))
    }

    #[inline(always)]
    fn floats_at_most(self, two_beta: f32, x: Self::Floats, thresholds: Self::Floats) -> u16 {
        mask_of(|k| two_beta * x[k] <= thresholds[k])
    }

    #[inline(always)]
    fn ints_to_floats(self, x: Self::Ints) -> Self::Floats {
        x.map(|x| x as f32)
    }

    #[inline(always)]
    fn shorts_load(self, from: &[i16; GROUP]) -> Self::Ints {
        from.map(i32::from)
    }

    #[inline(always)]
    fn bytes_load(self, from: &[i8; GROUP]) -> Self::Ints {
        from.map(i32::from)
    }

    #[inline(always)]
    fn halves_load(self, from: &[u16; GROUP]) -> Self::Floats {
        from.map(f32_of_half)
    }

    #[inline(always)]
    fn floats_push(self, field: Self::Floats, coupling: Self::Floats, factor: f32) -> Self::Floats {
        std::array::from_fn(|k| field[k] + coupling[k] * factor)
    }

    #[inline(always)]
    fn floats_at(self, x: Self::Floats, k: u32) -> f32 {
        x[k as usize]
    }

    #[inline(always)]
    fn prefetch<T>(self, _: &[T]) {}

    #[inline(always)]
    fn list(self, flips: &mut Flips, mut len: usize, first: u32, mut mask: u16, up: u16) -> usize {
        while mask != 0 {
            let k = mask.trailing_zeros();
            flips[len] = (first + k) << 1 | u32::from(up >> k & 1);
            len += 1;
            mask &= mask - 1;
        }
        len
    }
}
