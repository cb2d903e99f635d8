//! A block of rows through a layer in tiles: 32 rows x 32 targets at a time, along all sources.
//!
//! ```text
//! registers   0 1   sums of rows  0..16, panels p, p + 1        4   codes of rows  0..16        6 7   weights of panels p, p + 1
//!             2 3   sums of rows 16..32                         5   codes of rows 16..32
//! for each 64 sources:   load 4, 5, 6, 7;  0 += 4 x 6;  1 += 4 x 7;  2 += 5 x 6;  3 += 5 x 7
//!     meanwhile: some panels of the 32 x 32 sums before         sums -> noise -> code -> output
//! ```
//!
//! Codes are zero beyond the last source, so that the last tile of weights may read whatever follows them.

use crate::plan::network::quantised_rows::{Cells, GROUP, PANEL};

use super::super::block::{Block, RowState, Scratch};
use super::super::noise::PANELS_PER_BLOCK;
use super::super::vector::Vector;
use super::super::writer::Writer;
use super::unit::{Config, MAX_BYTES, MAX_ROWS, Tiles};

/// Bytes of sixteen sums.
const SUMS_BYTES: usize = 4 * PANEL;

/// Rows and panels of the sums in registers.
const ROWS: usize = 2 * MAX_ROWS;
const PANELS: usize = 2;

/// Sums of 32 rows x 2 panels, `[row][panel][target]`, whose outputs are not written yet.
#[repr(C, align(64))]
struct Parked {
    sums: [i32; ROWS * PANELS * PANEL],
    first_row: usize,
    first_panel: usize,
    next: usize,
    n_items: usize,
    n_panels: usize,
}

impl Parked {
    /// Writes panels until `n` of them are.
    ///
    /// # Safety
    /// Parked rows and panels are those of the outputs.
    #[inline(always)]
    unsafe fn write_until<V: Vector>(&mut self, n: usize, writer: &Writer<'_>, states: &mut [RowState]) {
        while self.next < n {
            let (r, p) = (self.next / self.n_panels, self.next % self.n_panels);
            self.next += 1;
            let (row, panel) = (self.first_row + r, self.first_panel + p);
            let state = &mut states[row];
            // SAFETY: zero points are padded to whole panels; a panel of the sums; the rest is passed on.
            unsafe {
                let zeros = V::load_ints(writer.job.rows.zeros().as_ptr().add(panel * PANEL));
                let start = V::mul_ints(V::sub_ints(V::ints(0), zeros), V::ints(state.code_sum));
                let sums = V::load_ints(self.sums.as_ptr().add((r * PANELS + p) * PANEL));
                writer.write::<V>(V::from_ints(V::add_ints(sums, start)), state, row, panel);
            }
        }
    }

    /// Writes all that is left.
    ///
    /// # Safety
    /// As for [`Parked::write_until`].
    #[inline(always)]
    unsafe fn finish<V: Vector>(&mut self, writer: &Writer<'_>, states: &mut [RowState]) {
        // SAFETY: passed on.
        unsafe { self.write_until::<V>(self.n_items, writer, states) };
    }
}

/// Codes and weights of the sums in registers.
#[derive(Clone, Copy)]
pub(super) struct Operands {
    /// Codes of the first row.
    pub codes: *const u8,
    /// Bytes from one row to the next.
    pub code_stride: usize,
    /// First step of the first panel.
    pub cells: *const u8,
    /// Bytes from one step of four sources to the next.
    pub cell_stride: usize,
    /// Tiles of 64 sources.
    pub n_steps: usize,
}

impl Operands {
    /// Sets the sums of `R` x `P` tiles to zero.
    ///
    /// # Safety
    /// The tiles are configured.
    #[inline(always)]
    pub unsafe fn start<T: Tiles, const R: usize, const P: usize>(tiles: &mut T) {
        // SAFETY: passed on.
        unsafe {
            tiles.zero::<0>();
            if P > 1 {
                tiles.zero::<1>();
            }
            if R > 1 {
                tiles.zero::<2>();
            }
            if R > 1 && P > 1 {
                tiles.zero::<3>();
            }
        }
    }

    /// Adds the products of 64 sources to `R` x `P` tiles.
    ///
    /// # Safety
    /// The tiles are configured; codes and weights of the step are readable.
    #[inline(always)]
    pub unsafe fn step<T: Tiles, const R: usize, const P: usize>(&self, tiles: &mut T, step: usize) {
        let codes = self.codes.wrapping_add(step * MAX_BYTES);
        let cells = self.cells.wrapping_add(step * MAX_ROWS * self.cell_stride);
        // SAFETY: passed on.
        unsafe {
            tiles.load::<6>(cells, self.cell_stride);
            tiles.load::<4>(codes, self.code_stride);
            tiles.multiply::<0, 4, 6>();
            if P > 1 {
                tiles.load::<7>(cells.wrapping_add(4 * PANEL), self.cell_stride);
                tiles.multiply::<1, 4, 7>();
            }
            if R > 1 {
                tiles.load::<5>(codes.wrapping_add(MAX_ROWS * self.code_stride), self.code_stride);
                tiles.multiply::<2, 5, 6>();
            }
            if R > 1 && P > 1 {
                tiles.multiply::<3, 5, 7>();
            }
        }
    }

    /// Writes the sums of `R` x `P` tiles as `[row][panel][target]` of 32 rows and 2 panels.
    ///
    /// # Safety
    /// The tiles are configured; `to` has room.
    #[inline(always)]
    pub unsafe fn park<T: Tiles, const R: usize, const P: usize>(tiles: &mut T, to: *mut u8) {
        let (stride, below) = (PANELS * SUMS_BYTES, MAX_ROWS * PANELS * SUMS_BYTES);
        // SAFETY: passed on.
        unsafe {
            tiles.store::<0>(to, stride);
            if P > 1 {
                tiles.store::<1>(to.add(SUMS_BYTES), stride);
            }
            if R > 1 {
                tiles.store::<2>(to.add(below), stride);
            }
            if R > 1 && P > 1 {
                tiles.store::<3>(to.add(below + SUMS_BYTES), stride);
            }
        }
    }
}

/// The shapes of all registers for `n` rows, at most 32. Registers of absent rows keep a full shape and are not used.
pub(super) fn config_of(n: usize) -> Config {
    let high = n.min(MAX_ROWS) as u8;
    let low = if n > MAX_ROWS { (n - MAX_ROWS) as u8 } else { MAX_ROWS as u8 };
    let full = MAX_ROWS as u8;
    Config::new([high, high, low, low, high, low, full, full])
}

/// Computes the outputs of a block, as [`super::super::pass::run_block`] does.
///
/// # Safety
/// The cells are bytes; `xs` are whole rows; `outputs` can be written for each row and each target of `groups`, by nobody else.
/// The processor has the tiles.
#[inline(always)]
pub(in super::super) unsafe fn run_tiles<V: Vector, T: Tiles>(block: Block<'_>, tiles: &mut T, scratch: &mut Scratch) {
    let (job, n_rows) = (block.job, block.n_rows);
    let rows = job.rows;
    let Cells::U8(cells) = rows.cells() else { unreachable!("tiles take bytes") };
    let cells = cells.as_slice().as_ptr();
    // 1. Codes of all rows, with zeros to whole tiles.
    // SAFETY: as promised to this function.
    let (codes, code_stride) = unsafe { block.convert::<V>(scratch, MAX_BYTES, false) };
    // 2. Tiles, each finished while the next one runs.
    let n_panels = rows.n_out().div_ceil(PANEL);
    let depth = rows.depth();
    let writer = Writer { job, outputs: block.outputs };
    let states = &mut scratch.states[..];
    let mut parked = Parked { sums: [0; ROWS * PANELS * PANEL], first_row: 0, first_panel: 0, next: 0, n_items: 0, n_panels: 1 };
    let mut shape = 0;
    for group in block.groups.clone() {
        let first_panel = group * GROUP;
        if first_panel.is_multiple_of(PANELS_PER_BLOCK) {
            // SAFETY: as promised to this function; parked rows are rows of the block.
            unsafe { parked.finish::<V>(&writer, states) };
            for state in states.iter_mut() {
                writer.seed(state, first_panel);
            }
        }
        let width = (n_panels - first_panel).min(GROUP);
        for p in (0..width).step_by(PANELS) {
            for r in (0..n_rows).step_by(ROWS) {
                let n = (n_rows - r).min(ROWS);
                let operands = Operands {
                    codes: codes.wrapping_add(r * code_stride),
                    code_stride,
                    cells: cells.wrapping_add(first_panel * PANEL * depth + p * 4 * PANEL),
                    cell_stride: width * 4 * PANEL,
                    n_steps: depth.div_ceil(MAX_BYTES),
                };
                let at = (r, first_panel + p);
                // SAFETY: codes are padded to whole tiles, and cells are followed by room for one; the rest as promised.
                unsafe {
                    if n != shape {
                        tiles.configure(&config_of(n));
                        shape = n;
                    }
                    match (n > MAX_ROWS, width - p > 1) {
                        (false, false) => run::<V, T, 1, 1>(&operands, tiles, &writer, &mut parked, states, at),
                        (false, true) => run::<V, T, 1, 2>(&operands, tiles, &writer, &mut parked, states, at),
                        (true, false) => run::<V, T, 2, 1>(&operands, tiles, &writer, &mut parked, states, at),
                        (true, true) => run::<V, T, 2, 2>(&operands, tiles, &writer, &mut parked, states, at),
                    }
                }
                parked.n_items = n * parked.n_panels;
            }
        }
    }
    // SAFETY: as promised to this function.
    unsafe {
        if shape > 0 {
            tiles.release();
        }
        parked.finish::<V>(&writer, states);
        if job.output.needs_two_touches() {
            for (r, state) in states.iter_mut().enumerate() {
                writer.touch_again::<V>(state, r);
            }
        }
    }
}

/// Runs `R` x `P` tiles and parks their sums, after those parked before are written.
///
/// # Safety
/// As for [`Operands::step`] and [`Parked::write_until`].
#[inline(always)]
unsafe fn run<V: Vector, T: Tiles, const R: usize, const P: usize>(
    operands: &Operands,
    tiles: &mut T,
    writer: &Writer<'_>,
    parked: &mut Parked,
    states: &mut [RowState],
    (row, panel): (usize, usize),
) {
    // SAFETY: passed on.
    unsafe {
        Operands::start::<T, R, P>(tiles);
        let per_step = parked.n_items.div_ceil(operands.n_steps.max(1));
        for step in 0..operands.n_steps {
            operands.step::<T, R, P>(tiles, step);
            parked.write_until::<V>(parked.n_items.min(per_step * (step + 1)), writer, states);
        }
        parked.finish::<V>(writer, states);
        Operands::park::<T, R, P>(tiles, parked.sums.as_mut_ptr().cast());
    }
    (parked.first_row, parked.first_panel, parked.n_panels, parked.next) = (row, panel, P, 0);
}
