//! Sweeps over real dense couplings that move half the bytes: decisions by the couplings' high parts, within a margin.
//!
//! The law is that a spin decides by its *true field*, the sum of all couplings in f64 in a fixed
//! order, which depends on the state alone. Kept are only the integer fields of the high parts
//! ([`HighParts`]): the true field lies within a margin of them, and the accept test is monotonic
//! in it, so that a test passed at the far end of the margin is passed, and one failed at the near
//! end is failed. Only between the two, about once in a thousand visits, the true field is summed.
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
use crate::random::{BLOCK, StreamKey, Xoshiro8};

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
        assert!(self.high.blocks.as_slice().len() >= n * GROUP && self.high.margins.as_slice().len() == stride, "blocks of {n} spins");
    }

    fn stride(&self) -> usize {
        self.fields.len()
    }

    /// s f of `p` by the true field.
    #[inline(always)]
    fn true_aligned<L: Lanes>(&self, lanes: L, p: usize) -> f32 {
        let row = &self.rows[p * self.stride()..(p + 1) * self.stride()];
        let field = pairs_with(lanes, row, self.up) + self.outside[p];
        if is_up(self.up, p) { field as f32 } else { -field as f32 }
    }

    #[inline(always)]
    fn high_row(&self, p: usize) -> &[i16] {
        &self.high.rows.as_slice()[p * self.fields.len()..(p + 1) * self.fields.len()]
    }
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
            let up = is_up(job.up, p);
            let aligned = if up { job.fields[p] } else { -job.fields[p] };
            job.up[p / GROUP] ^= 1 << (p % GROUP);
            push_group(lanes, &mut job, p / GROUP, 1 << (p % GROUP));
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

/// Two rows of high parts to be added, with twice their spins' new values.
#[derive(Clone, Copy)]
struct Pair<'a> {
    rows: [&'a [[i16; TILE]]; 2],
    twice_s: [i16; 2],
}

impl<'a> Pair<'a> {
    /// Two flips, or one beside a nought.
    #[inline(always)]
    fn of(first: (&'a [i16], bool), second: Option<(&'a [i16], bool)>) -> Self {
        let twice = |up: bool| if up { 2 } else { -2 };
        let (row, factor) = match second {
            Some((row, up)) => (row, twice(up)),
            None => (first.0, 0),
        };
        Pair { rows: [first.0.as_chunks().0, row.as_chunks().0], twice_s: [twice(first.1), factor] }
    }
}

/// Adds N pairs of rows in one walk over the fields.
#[inline(always)]
fn push_pairs<L: Lanes, const N: usize>(lanes: L, fields: &mut [i32], pairs: &[Pair<'_>]) {
    let pairs: &[Pair<'_>; N] = pairs.first_chunk().expect("N pairs");
    let tiles = fields.as_chunks_mut::<GROUP>().0.as_chunks_mut::<2>().0;
    let pairs = pairs.map(|pair| Pair { rows: pair.rows.map(|row| &row[..tiles.len()]), ..pair });
    for (t, [low, high]) in tiles.iter_mut().enumerate() {
        let mut sum = [lanes.ints_load(low), lanes.ints_load(high)];
        for pair in &pairs {
            sum = lanes.shorts_push(sum, [&pair.rows[0][t], &pair.rows[1][t]], pair.twice_s);
        }
        lanes.ints_store(sum[0], low);
        lanes.ints_store(sum[1], high);
    }
}

/// Adds the rows of the flipped positions of a group to all fields.
#[inline(always)]
fn push_group<L: Lanes>(lanes: L, job: &mut BoundedJob<'_>, g: usize, mut flipped: u16) {
    let stride = job.fields.len();
    let rows = job.high.rows.as_slice();
    let up = job.up[g];
    let mut next = || {
        let k = flipped.trailing_zeros() as usize;
        flipped &= flipped.wrapping_sub(1);
        let p = g * GROUP + k;
        (k < GROUP).then(|| (&rows[p * stride..(p + 1) * stride], up >> k & 1 == 1))
    };
    let Some(first) = next() else { return };
    let mut pairs = [Pair::of(first, next()); GROUP / 2];
    let mut n = 1;
    while let Some(first) = next() {
        pairs[n] = Pair::of(first, next());
        n += 1;
    }
    let mut left = &pairs[..n];
    while !left.is_empty() {
        let n = left.len().min(4);
        match n {
            4 => push_pairs::<L, 4>(lanes, job.fields, left),
            3 => push_pairs::<L, 3>(lanes, job.fields, left),
            2 => push_pairs::<L, 2>(lanes, job.fields, left),
            _ => push_pairs::<L, 1>(lanes, job.fields, left),
        }
        left = &left[n..];
    }
}

#[inline(always)]
fn sweep_with<L: Lanes>(lanes: L, mut job: BoundedJob<'_>, rule: FloatRule, key: StreamKey) -> DenseSwept {
    let (n, stride) = (job.outside.len(), job.stride());
    let (FloatRule::Metropolis(two_beta) | FloatRule::HeatBath(two_beta)) = rule;
    let units = units_of(two_beta, job.high);
    let mut swept = DenseSwept { by: Some(L::SIMD), ..DenseSwept::default() };
    let mut total = 0_i64;
    let mut random = lanes.random_load(&Xoshiro8 { s: [[0; 8]; 4] });
    for g in 0..n.div_ceil(GROUP) {
        if g.is_multiple_of(GROUPS_PER_BLOCK) {
            random = lanes.random_from(key.block((g / GROUPS_PER_BLOCK) as u32));
        }
        let uniform = lanes.random_next(&mut random);
        let thresholds = match rule {
            FloatRule::Metropolis(_) => lanes.metropolis_thresholds(uniform),
            FloatRule::HeatBath(_) => lanes.heat_bath_thresholds(uniform),
        };
        let margins = lanes.floats_load(&job.high.margins.as_slice().as_chunks().0[g]);
        let [sure, maybe] = lanes.ints_bounds(thresholds, units, margins);
        let block = &job.high.blocks.as_slice()[g * GROUP * GROUP..];
        let up = job.up[g];
        // s H of the group is kept up to date flip by flip; of a spin that flipped the sign is wrong from then on, but it has had its turn.
        let mut aligned = lanes.ints_negate_unless(lanes.ints_load(&job.fields.as_chunks().0[g]), up);
        let mut pending = if n - g * GROUP < GROUP { (1_u16 << (n - g * GROUP)) - 1 } else { u16::MAX };
        let mut flipped = 0_u16;
        loop {
            let candidates = lanes.ints_at_most(aligned, maybe) & pending;
            if candidates == 0 {
                break;
            }
            let k = candidates.trailing_zeros();
            pending &= !(u16::MAX >> (15 - k));
            if lanes.ints_at_most(aligned, sure) >> k & 1 == 0 {
                job.up[g] = up ^ flipped;
                let aligned = job.true_aligned(lanes, g * GROUP + k as usize);
                if two_beta * aligned > lanes.floats_at(thresholds, k) {
                    continue;
                }
            }
            flipped |= 1 << k;
            total += i64::from(lanes.ints_at(aligned, k));
            let own = block[k as usize * GROUP..].first_chunk().expect("a spin has couplings to its group");
            // s H of an equal spin falls by 2 h, of an opposite one it rises.
            let opposite = if up >> k & 1 == 1 { !up } else { up };
            aligned = lanes.ints_add_signed(aligned, lanes.ints_load(own), opposite);
            lanes.prefetch(&job.high_row(g * GROUP + k as usize)[..stride.min(PREFETCH)]);
        }
        job.up[g] = up ^ flipped;
        swept.flips += u64::from(flipped.count_ones());
        push_group(lanes, &mut job, g, flipped);
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
                job.up[p / GROUP] ^= 1 << (p % GROUP);
                push_group(lanes, &mut job, p / GROUP, 1 << (p % GROUP));
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
    [(x - slack).max(-FAR).min(FAR) as i32, (x + slack).max(-FAR).min(FAR) as i32]
}
