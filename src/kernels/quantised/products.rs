//! Tiles of products: rows of inputs times panels of weights, held in registers over the whole depth.

use std::marker::PhantomData;
use std::ops::Range;

use crate::plan::network::quantised_rows::PANEL;

use super::vector::Vector;

/// A kind of weights: how a tile starts, takes a step along the sources and gives its sums.
pub(super) trait Products<V: Vector>: Copy {
    /// Sixteen sums in the making.
    type Sum: Copy;
    /// Bytes of one step of a panel.
    const STEP: usize;
    /// Bytes of inputs that a step takes.
    const INPUT: usize;

    /// The sums of sixteen targets before the first step: zero points times the sum of the input's codes, negative.
    ///
    /// # Safety
    /// `zeros` has sixteen numbers.
    unsafe fn start(zeros: *const i32, code_sum: i32) -> Self::Sum;

    /// Adds one step of a panel.
    ///
    /// # Safety
    /// `cells` has `STEP` bytes and `x` has `INPUT`.
    unsafe fn step(sum: Self::Sum, cells: *const u8, x: *const u8) -> Self::Sum;

    /// The sums.
    fn value(sum: Self::Sum) -> V::F;
}

/// One u8 code a byte, inputs in s8.
#[derive(Clone, Copy)]
pub(super) struct Bytes<V>(PhantomData<V>);

/// Two codes a byte, inputs in s8.
#[derive(Clone, Copy)]
pub(super) struct Nibbles<V>(PhantomData<V>);

/// Real weights and inputs.
#[derive(Clone, Copy)]
pub(super) struct Reals<V>(PhantomData<V>);

#[inline(always)]
unsafe fn dword(x: *const u8) -> i32 {
    // SAFETY: promised by the caller: four bytes.
    unsafe { x.cast::<i32>().read_unaligned() }
}

impl<V: Vector> Products<V> for Bytes<V> {
    type Sum = V::I;
    const STEP: usize = 4 * PANEL;
    const INPUT: usize = 4;

    #[inline(always)]
    unsafe fn start(zeros: *const i32, code_sum: i32) -> V::I {
        // SAFETY: promised by the caller.
        let zeros = unsafe { V::load_ints(zeros) };
        V::mul_ints(V::sub_ints(V::ints(V::SHIFT), zeros), V::ints(code_sum))
    }
    #[inline(always)]
    unsafe fn step(sum: V::I, cells: *const u8, x: *const u8) -> V::I {
        // SAFETY: promised by the caller.
        unsafe { V::dot(sum, cells, dword(x)) }
    }
    #[inline(always)]
    fn value(sum: V::I) -> V::F {
        V::from_ints(sum)
    }
}

impl<V: Vector> Products<V> for Nibbles<V> {
    type Sum = V::I;
    const STEP: usize = 4 * PANEL;
    const INPUT: usize = 8;

    #[inline(always)]
    unsafe fn start(zeros: *const i32, code_sum: i32) -> V::I {
        // SAFETY: promised by the caller.
        let zeros = unsafe { V::load_ints(zeros) };
        V::mul_ints(V::sub_ints(V::ints(0), zeros), V::ints(code_sum))
    }
    #[inline(always)]
    unsafe fn step(sum: V::I, cells: *const u8, x: *const u8) -> V::I {
        // SAFETY: promised by the caller.
        unsafe { V::dot_nibbles(sum, cells, dword(x), dword(x.add(4))) }
    }
    #[inline(always)]
    fn value(sum: V::I) -> V::F {
        V::from_ints(sum)
    }
}

impl<V: Vector> Products<V> for Reals<V> {
    type Sum = V::F;
    const STEP: usize = 4 * PANEL;
    const INPUT: usize = 4;

    #[inline(always)]
    unsafe fn start(_zeros: *const i32, _code_sum: i32) -> V::F {
        V::splat(0.0)
    }
    #[inline(always)]
    unsafe fn step(sum: V::F, cells: *const u8, x: *const u8) -> V::F {
        // SAFETY: promised by the caller.
        unsafe { V::fma(V::splat(f32::from_bits(dword(x) as u32)), V::load(cells.cast()), sum) }
    }
    #[inline(always)]
    fn value(sum: V::F) -> V::F {
        sum
    }
}

/// The inputs and weights of one tile.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// First step of the first panel.
    pub cells: *const u8,
    /// Bytes from one step to the next: those of all panels of the group.
    pub stride: usize,
    /// Number of steps.
    pub steps: usize,
    /// Inputs of the first row.
    pub inputs: *const u8,
    /// Bytes from one row of inputs to the next.
    pub input_stride: usize,
}

impl Tile {
    /// Takes the sums of `R` rows and `P` panels through some of the steps.
    ///
    /// # Safety
    /// All steps of the panels and of the rows' inputs are readable.
    #[expect(clippy::needless_range_loop, reason = "iterators keep the sums in memory: 2.2 times slower")]
    #[inline(always)]
    pub unsafe fn advance<V: Vector, K: Products<V>, const R: usize, const P: usize>(
        &self,
        sums: &mut [[K::Sum; P]; R],
        steps: Range<usize>,
    ) {
        let mut cells = self.cells.wrapping_add(steps.start * self.stride);
        let mut x = self.inputs.wrapping_add(steps.start * K::INPUT);
        for _ in steps {
            for r in 0..R {
                for p in 0..P {
                    // SAFETY: promised by the caller.
                    sums[r][p] = unsafe { K::step(sums[r][p], cells.add(p * K::STEP), x.add(r * self.input_stride)) };
                }
            }
            cells = cells.wrapping_add(self.stride);
            x = x.wrapping_add(K::INPUT);
        }
    }
}
