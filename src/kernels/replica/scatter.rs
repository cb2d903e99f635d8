//! What flips do to their neighbours: f_j += 2 J s for each target of each flipped spin.
#![expect(unsafe_code, reason = "indices that `ReplicaRows` has checked once")]

use super::rows::{ReplicaRows, Strengths};

/// A local field as it is stored.
pub trait Field: Copy + std::ops::AddAssign + std::ops::Neg<Output = Self> + Send + Sync {
    /// From a number that the type holds exactly, or (floats) its nearest.
    fn from_f64(x: f64) -> Self;
    /// The strengths of this type, if the rows store them so.
    #[doc(hidden)]
    fn strengths(rows: &ReplicaRows) -> Option<&[Self]>;
}

impl Field for i32 {
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
        unsafe { *fields.get_unchecked_mut(target) += push }
    });
}

/// Calls `push(target, 2 J s)` for each target of each flip, in order.
#[inline(always)]
pub(super) fn for_each_push<C: Field>(rows: &ReplicaRows, flips: &[u32], push: impl FnMut(usize, C)) {
    if let Strengths::Uniform(size) = rows.strengths {
        let steps = [C::from_f64(size), -C::from_f64(size)];
        let step = |_: usize, target: u32, flip: u32| steps[((target ^ flip) & 1) as usize];
        match rows.degree {
            Some(3) => scatter::<C, 3>(rows, flips, step, push),
            Some(4) => scatter::<C, 4>(rows, flips, step, push),
            Some(6) => scatter::<C, 6>(rows, flips, step, push),
            _ => scatter::<C, 0>(rows, flips, step, push),
        }
    } else {
        let strengths = C::strengths(rows).expect("fields of the kind of the rows");
        assert_eq!(strengths.len(), rows.targets.len(), "one strength a target");
        let step = |k: usize, _: u32, flip: u32| {
            // SAFETY: `scatter` passes indices of targets, and strengths are as many.
            let strength = unsafe { *strengths.get_unchecked(k) };
            if flip & 1 == 1 { -strength } else { strength }
        };
        match rows.degree {
            Some(4) => scatter::<C, 4>(rows, flips, step, push),
            Some(6) => scatter::<C, 6>(rows, flips, step, push),
            _ => scatter::<C, 0>(rows, flips, step, push),
        }
    }
}

/// The loop over flips and targets; `DEGREE` is that of every position, or 0 for rows by offsets.
#[inline(always)]
fn scatter<C: Field, const DEGREE: usize>(
    rows: &ReplicaRows,
    flips: &[u32],
    step: impl Fn(usize, u32, u32) -> C,
    mut push: impl FnMut(usize, C),
) {
    let n_positions = rows.n_positions();
    for &flip in flips {
        let position = (flip >> 1) as usize;
        assert!(position < n_positions, "flip of position {position} among {n_positions}");
        // SAFETY: offsets are one more than positions, ascending, and end at the number of targets
        // (a regular row p is p * DEGREE .. (p + 1) * DEGREE): the invariants of `ReplicaRows`.
        unsafe {
            let (first, end) = if DEGREE > 0 {
                (position * DEGREE, (position + 1) * DEGREE)
            } else {
                (*rows.offsets.get_unchecked(position) as usize, *rows.offsets.get_unchecked(position + 1) as usize)
            };
            for k in first..end {
                let target = *rows.targets.get_unchecked(k);
                push((target >> 1) as usize, step(k, target, flip));
            }
        }
    }
}
