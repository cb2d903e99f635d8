//! One block of rows through one layer: inputs become codes, tiles of products become outputs, each written once.
//!
//! ```text
//! for each group of 64 targets, for each tile of rows:
//!     sums of the tile in registers, along all sources
//!     meanwhile, every few steps: one panel of the tile before      sums -> noise -> code -> output
//! ```
//!
//! Products use the multipliers and the outputs mostly the rest of the processor, so the sums of a finished tile are
//! parked (1.5 KB) and finished between the products of the next one.

use crate::plan::network::quantised_rows::{Cells, GROUP, PANEL};

use super::block::{Block, RowState, Scratch};
use super::noise::PANELS_PER_BLOCK;
use super::products::{Products, Tile};
use super::vector::Vector;
use super::writer::Writer;

/// Rows of the largest tile of any backend.
const MAX_ROWS: usize = 6;

/// Sums of a finished tile whose outputs are not written yet.
struct Parked<V: Vector> {
    values: [[V::F; GROUP]; MAX_ROWS],
    first_row: usize,
    first_panel: usize,
    n_panels: usize,
    next: usize,
    n_items: usize,
}

impl<V: Vector> Parked<V> {
    /// Writes all that is parked.
    ///
    /// # Safety
    /// As for [`Parked::write_next`].
    #[inline(always)]
    unsafe fn finish(&mut self, writer: &Writer<'_>, states: &mut [RowState]) {
        while self.next < self.n_items {
            // SAFETY: passed on.
            unsafe { self.write_next(writer, states) };
        }
    }

    /// Writes the next parked panel, if there is one.
    ///
    /// # Safety
    /// Parked rows and panels are those of the outputs.
    #[inline(always)]
    unsafe fn write_next(&mut self, writer: &Writer<'_>, states: &mut [RowState]) {
        if self.next == self.n_items {
            return;
        }
        let (r, p) = (self.next / self.n_panels, self.next % self.n_panels);
        self.next += 1;
        let (row, panel) = (self.first_row + r, self.first_panel + p);
        // SAFETY: passed on.
        unsafe { writer.write::<V>(self.values[r][p], &mut states[row], row, panel) };
    }
}

/// Computes the outputs of a block.
///
/// # Safety
/// The cells are those of `K`; `xs` are whole rows; `outputs` can be written for each row and each target of `groups`, by nobody else.
#[inline(always)]
pub(super) unsafe fn run_block<V: Vector, K: Products<V>>(block: Block<'_>, scratch: &mut Scratch) {
    let (job, n_rows) = (block.job, block.n_rows);
    let (rows, is_real) = (job.rows, matches!(job.rows.cells(), Cells::F32(_)));
    // 1. Codes of all rows.
    // SAFETY: as promised to this function.
    let (codes, stride) = unsafe { block.convert::<V>(scratch, PANEL, is_real) };
    // 2. Tiles, each finished while the next one runs.
    let n_panels = rows.n_out().div_ceil(PANEL);
    let cells = match rows.cells() {
        Cells::U8(cells) | Cells::U4(cells) => cells.as_slice().as_ptr(),
        Cells::F32(cells) => cells.as_slice().as_ptr().cast(),
    };
    let steps = if is_real { rows.n_in() } else { rows.depth() / K::INPUT };
    let writer = Writer { job, outputs: block.outputs };
    let states = &mut scratch.states[..];
    let zero = V::splat(0.0);
    let mut parked = Parked::<V> { values: [[zero; GROUP]; MAX_ROWS], first_row: 0, first_panel: 0, n_panels: 0, next: 0, n_items: 0 };
    for group in block.groups.clone() {
        let first_panel = group * GROUP;
        if first_panel.is_multiple_of(PANELS_PER_BLOCK) {
            // SAFETY: as promised to this function; parked rows are rows of the block.
            unsafe { parked.finish(&writer, states) };
            for state in states.iter_mut() {
                writer.seed(state, first_panel);
            }
        }
        let width = (n_panels - first_panel).min(GROUP);
        let by = if width == GROUP && V::ROWS == MAX_ROWS { GROUP } else { 1 };
        for p in (0..width).step_by(by) {
            let mut r = 0;
            while r < n_rows {
                let tile = Tile {
                    cells: cells.wrapping_add(first_panel * K::STEP * steps + p * K::STEP),
                    stride: width * K::STEP,
                    steps,
                    inputs: codes.wrapping_add(r * stride),
                    input_stride: stride,
                };
                let at = (r, first_panel + p);
                let left = n_rows - r;
                // SAFETY: the tile lies inside the cells and the codes; the rest as promised to this function.
                r += unsafe {
                    if V::ROWS == MAX_ROWS && by == GROUP {
                        match left {
                            0 | 1 => run_tile::<V, K, 1, GROUP>(&tile, &writer, &mut parked, states, at),
                            2 | 3 => run_tile::<V, K, 2, GROUP>(&tile, &writer, &mut parked, states, at),
                            4 | 5 => run_tile::<V, K, 4, GROUP>(&tile, &writer, &mut parked, states, at),
                            _ => run_tile::<V, K, MAX_ROWS, GROUP>(&tile, &writer, &mut parked, states, at),
                        }
                    } else if V::ROWS > 1 && left >= 4 {
                        run_tile::<V, K, 4, 1>(&tile, &writer, &mut parked, states, at)
                    } else {
                        run_tile::<V, K, 1, 1>(&tile, &writer, &mut parked, states, at)
                    }
                };
            }
        }
    }
    // SAFETY: as promised to this function.
    unsafe {
        parked.finish(&writer, states);
        if job.output.needs_two_touches() {
            for (r, state) in states.iter_mut().enumerate() {
                writer.touch_again::<V>(state, r);
            }
        }
    }
}

/// Runs a tile and parks its sums, after those parked before are written. Gives its rows.
///
/// # Safety
/// As for [`Tile::advance`] and [`Parked::write_next`].
#[expect(clippy::needless_range_loop, reason = "iterators keep the sums in memory: a tenth slower")]
#[inline(always)]
unsafe fn run_tile<V: Vector, K: Products<V>, const R: usize, const P: usize>(
    tile: &Tile,
    writer: &Writer<'_>,
    parked: &mut Parked<V>,
    states: &mut [RowState],
    (row, panel): (usize, usize),
) -> usize {
    // SAFETY: zero points are padded to whole panels; the rest is passed on.
    unsafe {
        let zeros = writer.job.rows.zeros().as_ptr().add(panel * PANEL);
        let mut sums = [[K::start(zeros, 0); P]; R];
        for r in 0..R {
            for p in 0..P {
                sums[r][p] = K::start(zeros.add(p * PANEL), states[row + r].code_sum);
            }
        }
        // The steps are cut where panels of the tile before are written: no closure, since closures lose the instructions.
        let every = (tile.steps / parked.n_items.max(1)).max(1);
        let mut done = 0;
        while done < tile.steps {
            let now = every.min(tile.steps - done);
            tile.advance::<V, K, R, P>(&mut sums, done..done + now);
            done += now;
            parked.write_next(writer, states);
        }
        parked.finish(writer, states);
        for (parked, sums) in parked.values.iter_mut().zip(&sums) {
            for (value, sum) in parked.iter_mut().zip(sums) {
                *value = K::value(*sum);
            }
        }
        (parked.first_row, parked.first_panel, parked.n_panels) = (row, panel, P);
        (parked.next, parked.n_items) = (0, R * P);
    }
    R
}
