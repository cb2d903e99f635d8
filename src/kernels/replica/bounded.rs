//! Sweeps over real dense couplings that move half the bytes: decisions by the couplings' high parts, within a margin.
//!
//! The law is that a spin decides by its *true field*, the sum of all couplings in f64 in a fixed
//! order, which depends on the state alone. Kept are only the integer fields of the high parts
//! ([`HighParts`]): the true field lies within a margin of them, and the accept test is monotonic
//! in it, so that a test passed at the far end of the margin is passed, and one failed at the near
//! end is failed. Only between the two the true field is summed.
//! Integer sums have no order and no rounding, hence neither have the results:
//!
//! ```text
//! for each group of 16 positions:
//!     threshold   = -ln u  or  ln((1 - u) / u)                        (16 at once)
//!     sure, maybe = threshold / (2 beta unit) -+ margin               (whole units)
//!     while some pending s H <= maybe:
//!         if s H <= sure, or the test is passed by the true field:
//!             flip: H += 2 h s for the group
//!         pending = those after it
//!     H += 2 h s for all fields, for the flips of the group           (two rows an instruction)
//! ```
#![expect(unsafe_code, reason = "calls of functions that need vector instructions")]

use crate::kernels::simd::Simd;
use crate::plan::high_parts::{HighParts, TILE, place};
use crate::random::{BLOCK, StreamKey};

use super::colours::FloatRule;
use super::dense::DenseSwept;
use super::lanes::{Lanes, Scalar, heat_bath_threshold, metropolis_threshold};
use super::rows::{GROUP, GROUPS_PER_BLOCK};
use super::single::decide_float;

/// Numbers of a row of high parts that are asked for when its spin flips; the rest comes by the hardware's own prefetch.
const PREFETCH: usize = 256;

/// Bounds are no farther away than this many units, and all fields are nearer.
pub(super) const FAR: f32 = (1 << 30) as f32;

/// Part of a threshold that covers the roundings of a test.
pub(super) const SLACK: f32 = 1.0 / (1 << 20) as f32;

/// What covers them for thresholds near nought.
pub(super) const NEAR_NOUGHT: f32 = 1.0 / (1 << 28) as f32;

/// Units of one temperature beyond which every bound is out of reach.
const MANY: f64 = (1_u64 << 60) as f64;

/// What a sweep by high parts reads and changes.
#[derive(Debug)]
pub struct BoundedJob<'a> {
    /// Couplings, row-major: as many numbers a row as there are fields, one row a spin.
    pub rows: &'a [f32],
    /// Their high parts.
    pub high: &'a HighParts,
    /// What acts on each spin besides the rows, in the order of the fields.
    pub outside: &'a [f64],
    /// Fields of the high parts: the sum of h s, and the outside fields in whole units.
    pub fields: &'a mut [i32],
    /// Spins, a bit each, 16 to a mask, a set bit is +1.
    pub up: &'a mut [u16],
}

/// What to do with the spins of a [`BoundedJob`].
#[derive(Clone, Copy, Debug)]
pub enum Visit {
    /// Visit each once, in order; block b of 1,024 draws from `key.block(b)`.
    InOrder(FloatRule, StreamKey),
    /// Visit as many uniformly drawn ones; each block of 1,024 visits has its own stream.
    AtRandom(FloatRule, StreamKey),
    /// Flip this one.
    Flip(usize),
}

/// Visits spins on a chosen backend; every backend gives the same result.
///
/// The sum of s f over the flips that it returns is that of the high parts, in units, and exact.
///
/// # Panics
/// If the lengths do not fit together, or the processor lacks the backend.
pub fn visit_bounded(simd: Simd, job: BoundedJob<'_>, visit: Visit) -> DenseSwept {
    assert!(simd.is_available(), "no {} on this processor", simd.name());
    job.check();
    match simd {
        // SAFETY: the processor has the backend, as asserted.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx512 => unsafe { super::avx512::bounded(job, visit) },
        // SAFETY: the processor has the backend, as asserted.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx2 => unsafe { super::avx2::bounded(job, visit) },
        _ => visit_with(Scalar, job, visit),
    }
}

/// The sum of J s over a row, in f64: the fixed order that true fields are made in, on every backend.
///
/// # Panics
/// If `row` is not 16 numbers a mask, or the processor lacks the backend.
pub fn true_pairs(simd: Simd, row: &[f32], up: &[u16]) -> f64 {
    assert!(simd.is_available(), "no {} on this processor", simd.name());
    assert_eq!(row.len(), up.len() * GROUP, "couplings and spins");
    match simd {
        // SAFETY: the processor has the backend, as asserted.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx512 => unsafe { super::avx512::true_pairs(row, up) },
        // SAFETY: the processor has the backend, as asserted.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx2 => unsafe { super::avx2::true_pairs(row, up) },
        _ => pairs_with(Scalar, row, up),
    }
}

/// The sums of h s over all rows.
pub fn high_pairs(high: &HighParts, up: &[u16]) -> Vec<i32> {
    // Signs in the order of the tiles, so that the sums are plain products of 16-bit numbers.
    let mut signs = vec![0_i16; up.len() * GROUP];
    for (t, tile) in signs.as_chunks_mut::<TILE>().0.iter_mut().enumerate() {
        (0..TILE).for_each(|c| tile[place(c)] = if is_up(up, t * TILE + c) { 1 } else { -1 });
    }
    let rows = high.rows.as_slice().chunks_exact(signs.len());
    rows.map(|row| row.iter().zip(&signs).map(|(&h, &s)| i32::from(h) * i32::from(s)).sum()).collect()
}

impl BoundedJob<'_> {
    fn check(&self) {
        let (n, stride) = (self.outside.len(), self.fields.len());
        assert!(stride.is_multiple_of(2 * TILE) && self.up.len() * GROUP == stride && n <= stride, "{n} spins in rows of {stride}");
        assert!(self.rows.len() >= n * stride && self.high.rows.as_slice().len() >= n * stride, "couplings for {n} rows of {stride}");
        assert!(
            self.high.blocks.as_slice().len() >= n.next_multiple_of(GROUP) * GROUP && self.high.margins.as_slice().len() == stride,
            "blocks of {n} spins"
        );
    }

    /// s f of `p` by the true field.
    #[inline(always)]
    fn true_aligned<L: Lanes>(&self, lanes: L, p: usize) -> f32 {
        let row = &self.rows[p * self.fields.len()..(p + 1) * self.fields.len()];
        let field = pairs_with(lanes, row, self.up) + self.outside[p];
        if is_up(self.up, p) { field as f32 } else { -field as f32 }
    }

    /// Flips a spin and adds its row to all fields.
    #[inline(always)]
    fn flip<L: Lanes>(&mut self, lanes: L, p: usize) {
        let row = high_row(self.high, self.fields.len(), p);
        self.up[p / GROUP] ^= 1 << (p % GROUP);
        push_pairs(lanes, self.fields, &[[(row, if is_up(self.up, p) { 2 } else { -2 }), (row, 0)]]);
    }
}

#[inline(always)]
fn high_row(high: &HighParts, stride: usize, p: usize) -> &[i16] {
    &high.rows.as_slice()[p * stride..(p + 1) * stride]
}

fn is_up(up: &[u16], p: usize) -> bool {
    up[p / GROUP] >> (p % GROUP) & 1 == 1
}

/// Units of high parts to one temperature: a threshold times this is one of integer fields.
fn units_of(two_beta: f32, high: &HighParts) -> f32 {
    (1.0 / (f64::from(two_beta) * high.unit)).min(MANY) as f32
}

/// The skeleton of all backends.
#[inline(always)]
pub(super) fn visit_with<L: Lanes>(lanes: L, mut job: BoundedJob<'_>, visit: Visit) -> DenseSwept {
    match visit {
        Visit::InOrder(rule, key) => sweep_with(lanes, job, rule, key),
        Visit::AtRandom(rule, key) => at_random_with(lanes, job, rule, key),
        Visit::Flip(p) => {
            let aligned = if is_up(job.up, p) { job.fields[p] } else { -job.fields[p] };
            job.flip(lanes, p);
            DenseSwept { flips: 1, aligned: f64::from(aligned), by: Some(L::SIMD) }
        }
    }
}

/// The skeleton of [`true_pairs`].
#[inline(always)]
pub(super) fn pairs_with<L: Lanes>(lanes: L, row: &[f32], up: &[u16]) -> f64 {
    let mut sum = lanes.doubles_zero();
    for (couplings, &up) in row.as_chunks::<GROUP>().0.iter().zip(up) {
        sum = lanes.doubles_add_where(sum, lanes.floats_negate_unless(lanes.floats_load(couplings), up), u16::MAX);
    }
    lanes.doubles_total(sum)
}

/// A row of high parts to be added, with twice its spin's new value.
type Push<'a> = (&'a [i16], i16);

/// Adds pairs of rows to all fields, up to eight rows in one walk.
#[inline(always)]
fn push_pairs<L: Lanes>(lanes: L, fields: &mut [i32], mut pairs: &[[Push<'_>; 2]]) {
    while !pairs.is_empty() {
        let n = pairs.len().min(4);
        match n {
            4 => push_together::<L, 4>(lanes, fields, pairs),
            3 => push_together::<L, 3>(lanes, fields, pairs),
            2 => push_together::<L, 2>(lanes, fields, pairs),
            _ => push_together::<L, 1>(lanes, fields, pairs),
        }
        pairs = &pairs[n..];
    }
}

/// Adds the first N pairs in one walk.
#[inline(always)]
fn push_together<L: Lanes, const N: usize>(lanes: L, fields: &mut [i32], pairs: &[[Push<'_>; 2]]) {
    let pairs: &[[Push<'_>; 2]; N] = pairs.first_chunk().expect("N pairs");
    let tiles = fields.as_chunks_mut::<GROUP>().0.as_chunks_mut::<2>().0;
    let rows: [[&[[i16; TILE]]; 2]; N] = pairs.map(|pair| pair.map(|(row, _)| &row.as_chunks().0[..tiles.len()]));
    let twice_s = pairs.map(|pair| pair.map(|(_, twice_s)| twice_s));
    for (t, [low, high]) in tiles.iter_mut().enumerate() {
        let mut sum = [lanes.ints_load(low), lanes.ints_load(high)];
        for (rows, twice_s) in rows.iter().zip(twice_s) {
            sum = lanes.shorts_push(sum, [&rows[0][t], &rows[1][t]], twice_s);
        }
        lanes.ints_store(sum[0], low);
        lanes.ints_store(sum[1], high);
    }
}

/// The thresholds of a group, and what `bounds` makes of them.
struct Bounds<L: Lanes> {
    thresholds: L::Floats,
    sure: L::Ints,
    maybe: L::Ints,
}

#[inline(always)]
fn group_bounds<L: Lanes>(lanes: L, rule: FloatRule, units: f32, random: &mut L::Random, margins: &[f32; GROUP]) -> Bounds<L> {
    let uniform = lanes.random_next(random);
    let thresholds = match rule {
        FloatRule::Metropolis(_) => lanes.metropolis_thresholds(uniform),
        FloatRule::HeatBath(_) => lanes.heat_bath_thresholds(uniform),
    };
    let [sure, maybe] = lanes.ints_bounds(thresholds, units, lanes.floats_load(margins));
    Bounds { thresholds, sure, maybe }
}

#[inline(always)]
fn sweep_with<L: Lanes>(lanes: L, job: BoundedJob<'_>, rule: FloatRule, key: StreamKey) -> DenseSwept {
    let mut swept = DenseSwept { by: Some(L::SIMD), ..DenseSwept::default() };
    let (n, stride, high) = (job.outside.len(), job.fields.len(), job.high);
    let (FloatRule::Metropolis(two_beta) | FloatRule::HeatBath(two_beta)) = rule;
    let units = units_of(two_beta, high);
    let margins = high.margins.as_slice().as_chunks::<GROUP>().0;
    let blocks = &high.blocks.as_slice().as_chunks::<GROUP>().0.as_chunks::<GROUP>().0[..n.div_ceil(GROUP)];
    let mut total = 0_i64;
    let mut random = lanes.random_from(key.block(0));
    let mut next = group_bounds(lanes, rule, units, &mut random, margins.first().unwrap_or(&[0.0; GROUP]));
    for (g, block) in blocks.iter().enumerate() {
        let Bounds { thresholds, sure, maybe } = next;
        let up = job.up[g];
        // s H of the group is kept up to date flip by flip; a spin that has had its turn keeps the value it had then.
        let mut aligned = lanes.ints_negate_unless(lanes.ints_load(&job.fields.as_chunks().0[g]), up);
        let mut pending = if n - g * GROUP < GROUP { (1_u16 << (n - g * GROUP)) - 1 } else { u16::MAX };
        let mut flipped = 0_u16;
        let mut pushes: [Push<'_>; GROUP + 2] = [(&[], 0); GROUP + 2];
        let mut n_pushes = 0;
        loop {
            let candidates = lanes.ints_at_most(aligned, maybe) & pending;
            if candidates == 0 {
                break;
            }
            let k = candidates.trailing_zeros();
            let p = g * GROUP + k as usize;
            let was_up = up >> k & 1 == 1;
            pending &= !(u16::MAX >> (15 - k));
            if lanes.ints_at_most(aligned, sure) >> k & 1 == 0 {
                job.up[g] = up ^ flipped;
                if two_beta * job.true_aligned(lanes, p) > lanes.floats_at(thresholds, k) {
                    continue;
                }
            }
            flipped |= 1 << k;
            // s H of an equal spin falls by 2 h, of an opposite one it rises.
            let rise = lanes.ints_negate_unless(lanes.ints_load(&block[k as usize]), if was_up { !up } else { up });
            aligned = lanes.ints_add_where(aligned, rise, pending);
            let row = high_row(high, stride, p);
            lanes.prefetch(row.first_chunk::<PREFETCH>().map_or(row, |start| start));
            pushes[n_pushes] = (row, if was_up { -2 } else { 2 });
            n_pushes += 1;
        }
        job.up[g] = up ^ flipped;
        swept.flips += n_pushes as u64;
        total += lanes.ints_total_where(aligned, flipped);
        // What the next group needs is on its way while rows are added.
        if let Some(block) = blocks.get(g + 1) {
            if (g + 1).is_multiple_of(GROUPS_PER_BLOCK) {
                random = lanes.random_from(key.block(((g + 1) / GROUPS_PER_BLOCK) as u32));
            }
            next = group_bounds(lanes, rule, units, &mut random, &margins[g + 1]);
            lanes.prefetch(block);
        } else {
            next = Bounds { thresholds, sure, maybe };
        }
        // An odd one is added beside a nought.
        pushes[n_pushes] = (pushes[0].0, 0);
        push_pairs(lanes, job.fields, pushes[..n_pushes.next_multiple_of(2)].as_chunks().0);
    }
    swept.aligned = total as f64;
    swept
}

#[inline(always)]
fn at_random_with<L: Lanes>(lanes: L, mut job: BoundedJob<'_>, rule: FloatRule, key: StreamKey) -> DenseSwept {
    let n = job.outside.len();
    let mut swept = DenseSwept { by: Some(L::SIMD), ..DenseSwept::default() };
    let mut total = 0_i64;
    for block in 0..n.div_ceil(BLOCK) {
        let mut stream = key.block(block as u32).stream();
        for _ in block * BLOCK..n.min((block + 1) * BLOCK) {
            let p = stream.below(n as u64) as usize;
            let bits = (stream.bits() >> 32) as u32;
            let (two_beta, threshold) = match rule {
                FloatRule::Metropolis(two_beta) => (two_beta, metropolis_threshold(bits)),
                FloatRule::HeatBath(two_beta) => (two_beta, heat_bath_threshold(bits)),
            };
            let aligned = if is_up(job.up, p) { job.fields[p] } else { -job.fields[p] };
            let [sure, maybe] = bounds(threshold, units_of(two_beta, job.high), job.high.margins.as_slice()[p]);
            if aligned <= sure || aligned <= maybe && decide_float(rule, job.true_aligned(lanes, p), bits) {
                swept.flips += 1;
                total += i64::from(aligned);
                job.flip(lanes, p);
            }
        }
    }
    swept.aligned = total as f64;
    swept
}

/// Bounds of s H in whole units: at or below the first a test with this threshold is passed, above the second failed.
///
/// With x = threshold / (2 beta unit) the test, in exact numbers, is s f <= x unit. Beyond the
/// margin, 2^-20 of the threshold covers the roundings of the test, of `units` and of these
/// lines, and 2^-28 those near a threshold of nought: where `units` reaches its limit, that
/// alone is far beyond all fields. The margin has two units to spare for truncation.
#[inline(always)]
pub(super) fn bounds(threshold: f32, units: f32, margin: f32) -> [i32; 2] {
    let slack = (threshold.abs() * SLACK + NEAR_NOUGHT) * units + margin;
    let x = threshold * units;
    [(x - slack).clamp(-FAR, FAR) as i32, (x + slack).clamp(-FAR, FAR) as i32]
}
