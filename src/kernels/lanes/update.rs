//! Moves the rows of a run, all replicas at once: the skeleton that every backend compiles.

use std::ops::Range;

use crate::plan::LaneRows;
use crate::plan::lane_rows::{LaneRun, MAX_ROW_STEPS};

use super::count::{Sites, at_least, count_plain, count_row, mirror_where, one_hot, unsatisfied};
use super::decide::{Draw, Thresholds};
use super::word::Word;

/// Levels of the heaviest row.
const MAX_LEVELS: usize = MAX_ROW_STEPS as usize / 2 + 1;

/// What a kernel needs to move rows: the same for all rows of a sweep.
#[derive(Clone, Copy)]
pub struct Move<'a, T> {
    /// The spins.
    pub sites: Sites,
    /// The rows.
    pub rows: &'a LaneRows,
    /// Thresholds by level.
    pub thresholds: T,
    /// Heat bath if true, Metropolis if not.
    pub heat_bath: bool,
    /// True for levels at which some lane may accept.
    pub live: &'a [bool],
}

/// Moves `range` of the rows of `run` one after another and adds the flips of each u64 to `flips`.
///
/// # Safety
/// `spins` must hold all sites of the rows in words of `V`, the thresholds all their levels, and
/// no other thread may use the sites of `range` or write their neighbours.
#[inline(always)]
pub unsafe fn move_rows<V: Word, D: Draw<V>, T: Thresholds<V>>(
    job: &Move<'_, T>,
    run: &LaneRun,
    range: Range<u32>,
    draw: &mut D,
    flips: &mut V,
) {
    // 1. Levels at which no lane can accept need neither a mask nor a number.
    let ids = job.rows.level_ids(run);
    let total = run.shape.total;
    let n_levels = if job.heat_bath { total / 2 + 1 } else { total.div_ceil(2) } as usize;
    let first_live = ids[..n_levels].iter().position(|&id| job.live[id as usize]).unwrap_or(n_levels);

    // 2. Plain rows of three or four neighbours have their own code, in the widest and the narrowest words.
    let is_few = (V::WORDS == 8 || V::WORDS == 1) && first_live == 0 && !job.heat_bath && run.shape.is_plain();
    let mixed = run.shape.all_negative.is_none();
    // SAFETY: passed on.
    unsafe {
        match (is_few, total, mixed) {
            (true, 3, true) => few::<V, D, T, true, 3>(job, run, range, draw, flips),
            (true, 4, true) => few::<V, D, T, true, 4>(job, run, range, draw, flips),
            (true, 3, false) => few::<V, D, T, false, 3>(job, run, range, draw, flips),
            (true, 4, false) => few::<V, D, T, false, 4>(job, run, range, draw, flips),
            _ => {
                let ids = &ids[first_live..n_levels];
                // Planes stay in registers where their number is a constant; that is for the rows that large graphs have.
                match if run.shape.is_plain() && (V::WORDS == 8 || V::WORDS == 1) { run.shape.width() } else { 0 } {
                    3 => many::<V, D, T, 3>(job, run, range, draw, flips, ids),
                    4 => many::<V, D, T, 4>(job, run, range, draw, flips, ids),
                    5 => many::<V, D, T, 5>(job, run, range, draw, flips, ids),
                    6 => many::<V, D, T, 6>(job, run, range, draw, flips, ids),
                    _ => many::<V, D, T, 0>(job, run, range, draw, flips, ids),
                }
            }
        }
    }
}

/// Rows of three or four neighbours of equal weight under Metropolis: two uphill levels, U = 0 and 1.
#[inline(always)]
unsafe fn few<V: Word, D: Draw<V>, T: Thresholds<V>, const MIXED: bool, const N: usize>(
    job: &Move<'_, T>,
    run: &LaneRun,
    range: Range<u32>,
    draw: &mut D,
    flips: &mut V,
) {
    let &[zero, one, ..] = job.rows.level_ids(run) else { return };
    let negative = V::splat(if run.shape.all_negative == Some(true) { u64::MAX } else { 0 });
    let (entries, _) = job.rows.entries(run, range.clone()).as_chunks::<N>();
    for (&site, neighbours) in job.rows.sites(range).iter().zip(entries) {
        // SAFETY: rows name sites of the view.
        unsafe {
            let spin: V = job.sites.load((site >> 1) as usize);
            let side = spin.xor(negative);
            let a = unsatisfied::<V, MIXED>(job.sites, side, neighbours[0]);
            let b = unsatisfied::<V, MIXED>(job.sites, side, neighbours[1]);
            let c = unsatisfied::<V, MIXED>(job.sites, side, neighbours[2]);
            let (mut odd, mut two_or_more) = (a.xor3(b, c), a.majority(b, c));
            if N == 4 {
                let d = unsatisfied::<V, MIXED>(job.sites, side, neighbours[3]);
                two_or_more = two_or_more.or_and(odd, d);
                odd = odd.xor(d);
            }
            let levels = [V::splat(u64::MAX).and_not(odd.or(two_or_more)), odd.and_not(two_or_more)];
            let flip = two_or_more.xor(draw.decide_two(levels, [zero, one], job.thresholds));
            job.sites.store((site >> 1) as usize, spin.xor(flip));
            *flips = flip.add_ones(*flips);
        }
    }
}

/// Rows of any shape (of equal weights and that many planes, if `PLAIN` is not 0); `ids` are the levels at which a lane may accept, up to the lowest.
#[inline(always)]
unsafe fn many<V: Word, D: Draw<V>, T: Thresholds<V>, const PLAIN: usize>(
    job: &Move<'_, T>,
    run: &LaneRun,
    range: Range<u32>,
    draw: &mut D,
    flips: &mut V,
    ids: &[u32],
) {
    let shape = &run.shape;
    let (total, per_row) = (shape.total, shape.n_entries() as usize);
    let width = if PLAIN > 0 { PLAIN } else { shape.width() };
    let n_levels = if job.heat_bath { total / 2 + 1 } else { total.div_ceil(2) };
    // The heat bath flips downhill with 1 - p, where p is the chance to flip back up; Metropolis always.
    let bound = if job.heat_bath { total / 2 + 1 } else { n_levels };
    let mut levels = [V::splat(0); MAX_LEVELS];
    let levels = &mut levels[..ids.len()];
    let entries = job.rows.entries(run, range.clone());
    for (i, &site) in job.rows.sites(range).iter().enumerate() {
        let neighbours = &entries[i * per_row..(i + 1) * per_row];
        // SAFETY: rows name sites of the view.
        unsafe {
            let spin: V = job.sites.load((site >> 1) as usize);
            let mut planes = if PLAIN > 0 {
                count_plain(job.sites, spin, shape, width, neighbours)
            } else {
                count_row(job.sites, spin, shape, width, site, neighbours)
            };
            if D::ONE_NUMBER && T::SAME && !job.heat_bath {
                // One number and one set of thresholds, which rise with the level: all counts from some level on flip.
                let n_accepting = if ids.is_empty() { 0 } else { draw.n_accepting(ids, job.thresholds) };
                let flip = at_least(&planes, width, n_levels - n_accepting);
                job.sites.store((site >> 1) as usize, spin.xor(flip));
                *flips = flip.add_ones(*flips);
                continue;
            }
            let mut flip = at_least(&planes, width, bound);
            if !levels.is_empty() {
                if job.heat_bath {
                    mirror_where(&mut planes, width, total, flip);
                }
                one_hot(&planes, width, n_levels - ids.len() as u32, levels);
                flip = flip.xor(draw.decide(levels, ids, job.thresholds));
            }
            job.sites.store((site >> 1) as usize, spin.xor(flip));
            *flips = flip.add_ones(*flips);
        }
    }
}
