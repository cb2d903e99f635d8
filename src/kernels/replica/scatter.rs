//! What flips do to their neighbours: f_j += 2 J s for each target of each flipped spin.
#![expect(unsafe_code, reason = "indices that `ReplicaRows` has checked once")]

use super::rows::{FILL, ReplicaRows, Strengths, Targets};

/// A local field as it is stored.
pub trait Field: Copy + std::ops::Neg<Output = Self> + Send + Sync {
    /// Adds what a flip pushes; integers wrap, which only cells that no spin reads ever do.
    fn push(&mut self, by: Self);
    /// From a number that the type holds exactly, or (floats) its nearest.
    fn from_f64(x: f64) -> Self;
    /// The strengths of this type, if the rows store them so.
    #[doc(hidden)]
    fn strengths(rows: &ReplicaRows) -> Option<&[Self]>;
}

impl Field for i8 {
    #[inline(always)]
    fn push(&mut self, by: i8) {
        *self = self.wrapping_add(by);
    }

    #[inline]
    fn from_f64(x: f64) -> Self {
        x as i8
    }

    /// Rows whose couplings differ in size keep wide fields.
    fn strengths(_: &ReplicaRows) -> Option<&[i8]> {
        None
    }
}

impl Field for i32 {
    #[inline(always)]
    fn push(&mut self, by: i32) {
        *self = self.wrapping_add(by);
    }

    #[inline]
    fn from_f64(x: f64) -> Self {
        x as i32
    }

    fn strengths(rows: &ReplicaRows) -> Option<&[i32]> {
        match &rows.strengths {
            Strengths::Ints(s) => Some(s),
            _ => None,
        }
    }
}

impl Field for f32 {
    #[inline(always)]
    fn push(&mut self, by: f32) {
        *self += by;
    }

    #[inline]
    fn from_f64(x: f64) -> Self {
        x as f32
    }

    fn strengths(rows: &ReplicaRows) -> Option<&[f32]> {
        match &rows.strengths {
            Strengths::Floats(s) => Some(s),
            _ => None,
        }
    }
}

/// Applies `flips` (each `position << 1 | was up`, in order) to `fields`.
///
/// # Panics
/// If `fields` is not one a position, a flip names no position, or fields are of the other kind than the rows.
pub fn apply_flips<C: Field>(rows: &ReplicaRows, fields: &mut [C], flips: &[u32]) {
    assert_eq!(fields.len(), rows.n_positions(), "one field a position");
    for_each_push(rows, flips, |target, push| {
        // SAFETY: targets are positions, and fields are one a position.
        unsafe { fields.get_unchecked_mut(target).push(push) }
    });
}

/// A target as rows store it.
trait Code: Copy {
    fn get(self) -> u32;
}

impl Code for u16 {
    #[inline(always)]
    fn get(self) -> u32 {
        u32::from(self)
    }
}

impl Code for u32 {
    #[inline(always)]
    fn get(self) -> u32 {
        self
    }
}

/// Calls `push(target, 2 J s)` for each target of each flip, in order.
#[inline(always)]
pub(super) fn for_each_push<C: Field>(rows: &ReplicaRows, flips: &[u32], push: impl FnMut(usize, C)) {
    match &rows.targets {
        Targets::Narrow(targets) => by_strengths(rows, targets, flips, push),
        Targets::Wide(targets) => by_strengths(rows, targets, flips, push),
    }
}

/// Chooses what a push is.
#[inline(always)]
fn by_strengths<C: Field, T: Code>(rows: &ReplicaRows, targets: &[T], flips: &[u32], mut push: impl FnMut(usize, C)) {
    match rows.strengths {
        Strengths::Same(twice) => {
            let steps = [C::from_f64(twice), -C::from_f64(twice)];
            by_degree(rows, targets, flips, |flip| steps[(flip & 1) as usize], |&step, _, target| push(target as usize, step));
        }
        Strengths::Uniform(size) => {
            let steps = [C::from_f64(size), -C::from_f64(size)];
            let visit = |&flip: &u32, _: usize, target: u32| push((target >> 1) as usize, steps[((target ^ flip) & 1) as usize]);
            by_degree(rows, targets, flips, |flip| flip, visit);
        }
        _ => {
            let strengths = C::strengths(rows).expect("fields of the kind of the rows");
            assert_eq!(strengths.len(), targets.len(), "one strength a target");
            let visit = |&flip: &u32, k: usize, target: u32| {
                // SAFETY: `scatter` passes indices of targets, and strengths are as many.
                let strength = unsafe { *strengths.get_unchecked(k) };
                push(target as usize, if flip & 1 == 1 { -strength } else { strength });
            };
            by_degree(rows, targets, flips, |flip| flip, visit);
        }
    }
}

/// Chooses the loop for the degree of the rows.
#[inline(always)]
fn by_degree<T: Code, S>(rows: &ReplicaRows, targets: &[T], flips: &[u32], start: impl Fn(u32) -> S, visit: impl FnMut(&S, usize, u32)) {
    match rows.degree {
        Some(3) => scatter::<T, S, 3>(rows, targets, flips, start, visit),
        Some(4) => scatter::<T, S, 4>(rows, targets, flips, start, visit),
        Some(6) => scatter::<T, S, 6>(rows, targets, flips, start, visit),
        Some(_) => scatter::<T, S, 1>(rows, targets, flips, start, visit),
        None => scatter::<T, S, 0>(rows, targets, flips, start, visit),
    }
}

/// The loop over flips and targets: `start` makes of a flip what `visit` needs to know of it.
///
/// `DEGREE` is that of every position; 1 stands for another that all have, 0 for rows of whole fours.
#[inline(always)]
fn scatter<T: Code, S, const DEGREE: usize>(
    rows: &ReplicaRows,
    targets: &[T],
    flips: &[u32],
    start: impl Fn(u32) -> S,
    mut visit: impl FnMut(&S, usize, u32),
) {
    let n_positions = rows.n_positions();
    for &flip in flips {
        let position = (flip >> 1) as usize;
        assert!(position < n_positions, "flip of position {position} among {n_positions}");
        let start = start(flip);
        // SAFETY: offsets are one more than positions, ascending, and end at the number of targets
        // (a regular row p is p * DEGREE .. (p + 1) * DEGREE; rows that are not regular hold whole
        // fours): the invariants of `ReplicaRows`.
        unsafe {
            let mut visit = |k: usize| visit(&start, k, targets.get_unchecked(k).get());
            if DEGREE > 1 {
                (position * DEGREE..(position + 1) * DEGREE).for_each(visit);
                continue;
            }
            let (first, end) = (*rows.offsets.get_unchecked(position) as usize, *rows.offsets.get_unchecked(position + 1) as usize);
            if DEGREE == 1 {
                (first..end).for_each(visit);
                continue;
            }
            let mut k = first;
            while k < end {
                (k..k + FILL).for_each(&mut visit);
                k += FILL;
            }
        }
    }
}
