//! One sweep of one replica in colour order: the skeleton that every backend executes.
//!
//! ```text
//! for each colour class, for each block of 1,024 positions in it:
//!     for each group of 16 positions:                       (no neighbour is touched)
//!         level  = s * f
//!         accept = uniform <= threshold(level)
//!         s      = -s where accepted; append the accepted positions to a list
//!     for each flip of the list, for each of its targets:   f_j += 2 J s
//! ```
//!
//! Group g draws number g % 64 of the stream of block g / 64, whatever its class.

use std::marker::PhantomData;

use crate::kernels::simd::Simd;
use crate::random::{StreamKey, Xoshiro8};

use super::lanes::Lanes;
use super::rows::{GROUP, GROUPS_PER_BLOCK};
use super::scatter::Field;
use super::table::AcceptTable;

/// A list of flips: positions of a block, and room for one group more.
pub type Flips = [u32; GROUPS_PER_BLOCK * GROUP + GROUP];

/// A list of no flips.
pub const NO_FLIPS: Flips = [0; GROUPS_PER_BLOCK * GROUP + GROUP];

/// Decides groups of 16 positions: an acceptance rule over one kind of field.
pub(super) trait Decide<L: Lanes>: Copy {
    /// The field as it is stored.
    type Cell: Copy;
    /// s f of sixteen positions.
    type Aligned: Copy;
    /// Sums of s f over flips.
    type Sum: Copy;

    fn zero(self, lanes: L) -> Self::Sum;
    fn aligned(self, lanes: L, fields: &[Self::Cell; GROUP], up: u16) -> Self::Aligned;
    fn accept(self, lanes: L, aligned: Self::Aligned, bits: L::Ints) -> u16;
    fn add(self, lanes: L, sum: Self::Sum, aligned: Self::Aligned, mask: u16) -> Self::Sum;
    /// Adds the sum to the running one of the sweep.
    fn total(self, lanes: L, sum: Self::Sum, into: &mut Aligned);
}

/// The sum of s f over the flips of a sweep: what the energy rose by is twice that.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Aligned {
    /// In units, for integer fields.
    pub units: i64,
    /// In energy, for float fields.
    pub energy: f64,
}

/// An integer field as it is stored.
pub(super) trait IntField: Field {
    /// Sixteen of them, widened.
    fn load<L: Lanes>(lanes: L, from: &[Self; GROUP]) -> L::Ints;
}

impl IntField for i8 {
    #[inline(always)]
    fn load<L: Lanes>(lanes: L, from: &[i8; GROUP]) -> L::Ints {
        lanes.bytes_load(from)
    }
}

impl IntField for i32 {
    #[inline(always)]
    fn load<L: Lanes>(lanes: L, from: &[i32; GROUP]) -> L::Ints {
        lanes.ints_load(from)
    }
}

/// Integer levels against the thresholds of a table; fields are stored as `C`.
#[derive(Clone, Copy)]
pub(super) struct Levels<'a, L: Lanes, C, const REACH: u8>(L::Table, &'a AcceptTable, PhantomData<C>);

impl<'a, L: Lanes, C, const REACH: u8> Levels<'a, L, C, REACH> {
    #[inline(always)]
    pub fn new(lanes: L, table: &'a AcceptTable) -> Self {
        Levels(lanes.table(table), table, PhantomData)
    }
}

/// Float costs against -ln u (Metropolis) or ln((1 - u) / u) (heat bath).
#[derive(Clone, Copy)]
pub(super) struct Costs<const HEAT_BATH: bool> {
    pub two_beta: f32,
}

impl<L: Lanes, C: IntField, const REACH: u8> Decide<L> for Levels<'_, L, C, REACH> {
    type Cell = C;
    type Aligned = L::Ints;
    type Sum = L::Ints;

    #[inline(always)]
    fn zero(self, lanes: L) -> L::Ints {
        lanes.ints_zero()
    }

    #[inline(always)]
    fn aligned(self, lanes: L, fields: &[C; GROUP], up: u16) -> L::Ints {
        lanes.ints_negate_unless(C::load(lanes, fields), up)
    }

    #[inline(always)]
    fn accept(self, lanes: L, aligned: L::Ints, bits: L::Ints) -> u16 {
        lanes.ints_accept::<REACH>((self.0, self.1), aligned, bits)
    }

    #[inline(always)]
    fn add(self, lanes: L, sum: L::Ints, aligned: L::Ints, mask: u16) -> L::Ints {
        lanes.ints_add_where(sum, aligned, mask)
    }

    #[inline(always)]
    fn total(self, lanes: L, sum: L::Ints, into: &mut Aligned) {
        into.units += lanes.ints_total(sum);
    }
}

impl<L: Lanes, const HEAT_BATH: bool> Decide<L> for Costs<HEAT_BATH> {
    type Cell = f32;
    type Aligned = L::Floats;
    type Sum = L::Doubles;

    #[inline(always)]
    fn zero(self, lanes: L) -> L::Doubles {
        lanes.doubles_zero()
    }

    #[inline(always)]
    fn aligned(self, lanes: L, fields: &[f32; GROUP], up: u16) -> L::Floats {
        lanes.floats_negate_unless(lanes.floats_load(fields), up)
    }

    #[inline(always)]
    fn accept(self, lanes: L, aligned: L::Floats, bits: L::Ints) -> u16 {
        let thresholds = if HEAT_BATH { lanes.heat_bath_thresholds(bits) } else { lanes.metropolis_thresholds(bits) };
        lanes.floats_at_most(self.two_beta, aligned, thresholds)
    }

    #[inline(always)]
    fn add(self, lanes: L, sum: L::Doubles, aligned: L::Floats, mask: u16) -> L::Doubles {
        lanes.doubles_add_where(sum, aligned, mask)
    }

    #[inline(always)]
    fn total(self, lanes: L, sum: L::Doubles, into: &mut Aligned) {
        into.energy += lanes.doubles_total(sum);
    }
}

/// A run of groups inside one block and one class, and what deciding them needs and changes.
pub(super) struct Job<'a, C> {
    /// Index of the first group.
    pub first: u32,
    /// Fields of the groups.
    pub fields: &'a [[C; GROUP]],
    /// Spins of the groups, a set bit is +1.
    pub up: &'a mut [u16],
    /// Which positions of the last group are spins.
    pub tail: u16,
    /// Names the stream of the block.
    pub key: StreamKey,
    /// The generator of the block, carried from one part to the next.
    pub random: &'a mut Xoshiro8,
    /// Receives the flips.
    pub flips: &'a mut Flips,
    /// Receives the sum of s f over the flips.
    pub sum: &'a mut Aligned,
    /// Receives the backend that decided.
    pub by: &'a mut Option<Simd>,
}

/// Decides the groups of a part, flips their spins and lists the flips; returns their number.
#[inline(always)]
pub(super) fn accept_part<L: Lanes, D: Decide<L>>(lanes: L, decide: D, job: Job<'_, D::Cell>) -> usize {
    let starts_block = (job.first as usize).is_multiple_of(GROUPS_PER_BLOCK);
    let mut random = if starts_block { lanes.random_from(job.key) } else { lanes.random_load(job.random) };
    *job.by = Some(L::SIMD);
    let mut total = decide.zero(lanes);
    let mut len = 0;
    let last = job.fields.len().wrapping_sub(1);
    for (g, (fields, up)) in job.fields.iter().zip(job.up).enumerate() {
        let aligned = decide.aligned(lanes, fields, *up);
        let bits = lanes.random_next(&mut random);
        let spins = if g == last { job.tail } else { u16::MAX };
        let mask = decide.accept(lanes, aligned, bits) & spins;
        total = decide.add(lanes, total, aligned, mask);
        len = lanes.list(job.flips, len, (job.first + g as u32) * GROUP as u32, mask, *up);
        *up ^= mask;
    }
    lanes.random_store(random, job.random);
    decide.total(lanes, total, job.sum);
    len
}

/// How many of all 2^24 uniform numbers accept at one field, for tests of realised probabilities.
#[cfg(test)]
#[inline(always)]
pub(super) fn count_accepts<L: Lanes, D: Decide<L>>(lanes: L, decide: D, fields: &[D::Cell; GROUP], up: u16) -> u32 {
    let mut bits = lanes.ints_load(&std::array::from_fn(|k| (k as i32) << 8 | 0x80));
    let next = lanes.ints_load(&[(GROUP as i32) << 8; GROUP]);
    let aligned = decide.aligned(lanes, fields, up);
    let mut count = 0;
    for _ in 0..(1 << 24) / GROUP {
        count += decide.accept(lanes, aligned, bits).count_ones();
        bits = lanes.ints_add_where(bits, next, u16::MAX);
    }
    count
}
