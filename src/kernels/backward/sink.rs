//! Weights with the state of their optimiser, and the one function of each backend that steps them.
//!
//! Kernels that compute gradients hand them over in small blocks that lie in the nearest cache; so the rules are compiled
//! once a backend, and not into every shape of every kernel.
#![expect(unsafe_code, reason = "columns are read and written through pointers whose bounds the entries assert")]

use super::super::simd::Simd;
#[cfg(target_arch = "x86_64")]
use super::avx2::V256;
#[cfg(target_arch = "x86_64")]
use super::avx512::V512;
use super::rules::{Chosen, Step, with_rule};
use super::vector::{Plain, Vector, WIDTH};

/// Weights with the state of their optimiser, each as long as the weights or empty if the rule has none.
#[derive(Debug)]
pub struct StepRows<'a> {
    /// The weights.
    pub weights: &'a mut [f32],
    /// First moments.
    pub first: &'a mut [f32],
    /// Second moments.
    pub second: &'a mut [f32],
}

impl<'a> StepRows<'a> {
    /// The first `mid` of them, and the rest.
    pub fn split_at(self, mid: usize) -> (StepRows<'a>, StepRows<'a>) {
        let cut = |column: &'a mut [f32]| if column.is_empty() { (column, &mut [][..]) } else { column.split_at_mut(mid) };
        let ((w0, w1), (m0, m1), (v0, v1)) = (cut(self.weights), cut(self.first), cut(self.second));
        (StepRows { weights: w0, first: m0, second: v0 }, StepRows { weights: w1, first: m1, second: v1 })
    }

    /// The same, borrowed for a shorter time.
    pub fn reborrow(&mut self) -> StepRows<'_> {
        StepRows { weights: self.weights, first: self.first, second: self.second }
    }

    /// Asserts that they are `n` weights with the state that `step` needs.
    ///
    /// # Panics
    /// If they are not.
    pub(super) fn assert_fit(&self, n: usize, step: &Step) {
        assert_eq!(self.weights.len(), n, "weights, and their gradients");
        assert!(!step.rule.has_first() || self.first.len() == n, "{} first moments of {n} weights", self.first.len());
        assert!(!step.rule.has_second() || self.second.len() == n, "{} second moments of {n} weights", self.second.len());
    }
}

/// The floats at `p`, all 16 or the first `n`.
///
/// # Safety
/// They can be read.
#[inline(always)]
pub(super) unsafe fn read<V: Vector>(p: *const f32, n: usize) -> V {
    // SAFETY: the caller's promise.
    unsafe { if n == WIDTH { V::load(p) } else { V::load_part(p, n) } }
}

/// Writes the floats at `p`, all 16 or the first `n`.
///
/// # Safety
/// They can be written.
#[inline(always)]
pub(super) unsafe fn write<V: Vector>(p: *mut f32, n: usize, x: V) {
    // SAFETY: the caller's promise.
    unsafe { if n == WIDTH { x.store(p) } else { x.store_part(p, n) } }
}

/// A block of gradients, and where its weights begin.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    /// Gradients, row by row.
    pub gradients: *const f32,
    /// Distance from row to row of the gradients.
    pub stride: usize,
    /// Place of the first weight.
    pub at: usize,
    /// Rows.
    pub n_rows: usize,
    /// Weights of a row.
    pub n_cols: usize,
    /// Distance from row to row of the weights.
    pub row_length: usize,
}

/// Steps weights by gradients on one backend.
#[derive(Clone, Copy)]
pub(super) struct Stepper {
    weights: *mut f32,
    first: *mut f32,
    second: *mut f32,
    step: Step,
    call: unsafe fn(&Stepper, Piece),
}

impl Stepper {
    /// Steps `rows`, which fit `step`.
    pub fn new(simd: Simd, rows: StepRows<'_>, step: Step) -> Self {
        let StepRows { weights, first, second } = rows;
        let call: unsafe fn(&Stepper, Piece) = match simd {
            Simd::Scalar => step_plain,
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => step_avx2,
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => step_avx512,
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("checked to be available"),
        };
        Stepper { weights: weights.as_mut_ptr(), first: first.as_mut_ptr(), second: second.as_mut_ptr(), step, call }
    }

    /// Steps the weights of one piece.
    ///
    /// # Safety
    /// Its gradients can be read, its weights lie inside the rows, and the processor has the backend.
    #[inline(always)]
    pub unsafe fn step(&self, piece: Piece) {
        // SAFETY: the caller's promise.
        unsafe { (self.call)(self, piece) }
    }

    /// # Safety
    /// As for `step`.
    #[inline(always)]
    unsafe fn apply<V: Vector>(&self, piece: Piece) {
        // SAFETY: the caller's promise.
        with_rule!(self.step.rule, rule => unsafe { self.rows::<V, _>(piece, rule) });
    }

    /// # Safety
    /// As for `step`.
    #[inline(always)]
    unsafe fn rows<V: Vector, R: Chosen>(&self, piece: Piece, rule: R) {
        for row in 0..piece.n_rows {
            for col in (0..piece.n_cols).step_by(WIDTH) {
                let (n, at) = (WIDTH.min(piece.n_cols - col), piece.at + row * piece.row_length + col);
                // SAFETY: the caller's promise; moments are as long as weights where the rule has them.
                unsafe {
                    let g: V = read(piece.gradients.add(row * piece.stride + col), n);
                    let w: V = read(self.weights.add(at), n);
                    let m = if R::FIRST { read(self.first.add(at), n) } else { V::splat(0.0) };
                    let v = if R::SECOND { read(self.second.add(at), n) } else { V::splat(0.0) };
                    let (w, g) = self.step.prepare(w, g);
                    let (w, m, v) = rule.apply(w, g, m, v);
                    write(self.weights.add(at), n, w);
                    if R::FIRST {
                        write(self.first.add(at), n, m);
                    }
                    if R::SECOND {
                        write(self.second.add(at), n, v);
                    }
                }
            }
        }
    }
}

/// # Safety
/// As for [`Stepper::step`].
unsafe fn step_plain(stepper: &Stepper, piece: Piece) {
    // SAFETY: the caller's promise.
    unsafe { stepper.apply::<Plain>(piece) }
}

/// # Safety
/// As for [`Stepper::step`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt")]
unsafe fn step_avx2(stepper: &Stepper, piece: Piece) {
    // SAFETY: the caller's promise.
    unsafe { stepper.apply::<V256>(piece) }
}

/// # Safety
/// As for [`Stepper::step`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,popcnt")]
unsafe fn step_avx512(stepper: &Stepper, piece: Piece) {
    // SAFETY: the caller's promise.
    unsafe { stepper.apply::<V512>(piece) }
}
