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

use std::ops::Range;

use crate::plan::network::QuantisedRows;
use crate::plan::network::quantised_rows::{Cells, GROUP, PANEL};
use crate::random::Xoshiro8;

use super::law::{self, InputLaw, InputRow, OutputLaw, OutputRow, PassKeys};
use super::noise::{NoiseLaw, PANELS_PER_BLOCK, block_lanes};
use super::products::{Products, Tile};
use super::vector::Vector;

/// Rows of the largest tile of any backend.
const MAX_ROWS: usize = 6;

/// What all rows of a pass share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<'a> {
    pub rows: &'a QuantisedRows,
    pub input: InputLaw,
    pub output: OutputLaw,
    pub keys: PassKeys,
}

/// What the outputs of one row need.
struct RowState {
    noise: Xoshiro8,
    rounding: Xoshiro8,
    /// Largest |v| so far, a lane each, when the range of the converter depends on it.
    top: [f32; PANEL],
    factors: OutputRow,
    code_sum: i32,
    sample: u32,
}

/// Memory of a pass that its caller may keep from one to the next.
#[derive(Default)]
pub struct Scratch {
    lines: Vec<Line>,
    states: Vec<RowState>,
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

impl Scratch {
    /// Room for `n_rows` rows of inputs, of `bytes` bytes each. Gives the first byte and the bytes from row to row.
    fn prepare(&mut self, n_rows: usize, bytes: usize) -> (*mut u8, usize) {
        // One line more than needed: rows a power of two apart would share few sets of the cache.
        let stride = bytes.div_ceil(64) + 1;
        self.lines.resize(n_rows * stride, Line([0; 64]));
        (self.lines.as_mut_ptr().cast(), stride * 64)
    }
}

/// Sums of a finished tile whose outputs are not written yet.
struct Parked<V: Vector> {
    values: [[V::F; GROUP]; MAX_ROWS],
    first_row: usize,
    first_panel: usize,
    n_panels: usize,
    next: usize,
    n_items: usize,
}

/// Outputs of a block of rows: number n of row r is at `first + r * stride + n`.
#[derive(Clone, Copy)]
pub(super) struct Outputs {
    pub first: *mut f32,
    pub stride: usize,
}

/// Some rows through some groups of targets of the layer.
pub(super) struct Block<'a> {
    pub job: &'a Job<'a>,
    /// Inputs of the rows.
    pub xs: &'a [f32],
    pub n_rows: usize,
    /// Number of the first row in its batch.
    pub first_sample: u32,
    /// They start and end at whole blocks of 1,024 targets, or at the last target.
    pub groups: Range<usize>,
    pub outputs: Outputs,
}

/// Computes the outputs of a block.
///
/// # Safety
/// The cells are those of `K`; `xs` are whole rows; `outputs` can be written for each row and each target of `groups`, by nobody else.
#[inline(always)]
pub(super) unsafe fn run_block<V: Vector, K: Products<V>>(block: Block<'_>, scratch: &mut Scratch) {
    let Block { job, xs, n_rows, first_sample, groups, outputs } = block;
    let (rows, is_real) = (job.rows, matches!(job.rows.cells(), Cells::F32(_)));
    // 1. Codes of all rows.
    let (codes, stride) =
        scratch.prepare(n_rows, if is_real { 4 * rows.n_in().next_multiple_of(PANEL) } else { rows.n_in().next_multiple_of(PANEL) });
    scratch.states.clear();
    for r in 0..n_rows {
        let (x, sample) = (&xs[r * rows.n_in()..(r + 1) * rows.n_in()], first_sample + r as u32);
        // SAFETY: `prepare` made room for whole panels of codes a row.
        let (input, code_sum) = unsafe { convert::<V>(&job.input, x, &job.keys, sample, codes.add(r * stride), is_real) };
        let lanes = || Xoshiro8 { s: [[0; 8]; 4] };
        let factors = job.output.row(&input);
        scratch.states.push(RowState { noise: lanes(), rounding: lanes(), top: [0.0; PANEL], factors, code_sum, sample });
    }
    // 2. Tiles, each finished while the next one runs.
    let n_panels = rows.n_out().div_ceil(PANEL);
    let cells = match rows.cells() {
        Cells::U8(cells) | Cells::U4(cells) => cells.as_slice().as_ptr(),
        Cells::F32(cells) => cells.as_slice().as_ptr().cast(),
    };
    let steps = if is_real { rows.n_in() } else { rows.depth() / K::INPUT };
    let writer = Writer { job, outputs };
    let states = &mut scratch.states[..];
    let zero = V::splat(0.0);
    let mut parked = Parked::<V> { values: [[zero; GROUP]; MAX_ROWS], first_row: 0, first_panel: 0, n_panels: 0, next: 0, n_items: 0 };
    for group in groups {
        let first_panel = group * GROUP;
        if first_panel.is_multiple_of(PANELS_PER_BLOCK) {
            // SAFETY: as promised to this function; parked rows are rows of the block.
            unsafe { writer.finish(&mut parked, states) };
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
        writer.finish(&mut parked, states);
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
/// As for [`Tile::advance`] and [`Writer::next`].
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
            writer.next(parked, states);
        }
        writer.finish(parked, states);
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

/// Turns sums into outputs.
struct Writer<'a> {
    job: &'a Job<'a>,
    outputs: Outputs,
}

impl Writer<'_> {
    /// Takes the generators of a row to the start of the block of `panel`.
    #[inline(always)]
    fn seed(&self, state: &mut RowState, panel: usize) {
        if self.job.output.noise != NoiseLaw::None {
            state.noise = block_lanes(self.job.keys.output_noise.replica(state.sample), panel);
        }
        if self.job.output.is_stochastic {
            state.rounding = block_lanes(self.job.keys.output_rounding.replica(state.sample), panel);
        }
    }

    /// Writes all that is parked.
    ///
    /// # Safety
    /// As for [`Writer::next`].
    #[inline(always)]
    unsafe fn finish<V: Vector>(&self, parked: &mut Parked<V>, states: &mut [RowState]) {
        while parked.next < parked.n_items {
            // SAFETY: passed on.
            unsafe { self.next(parked, states) };
        }
    }

    /// Writes the next parked panel, if there is one.
    ///
    /// # Safety
    /// Parked rows and panels are those of the outputs.
    #[inline(always)]
    unsafe fn next<V: Vector>(&self, parked: &mut Parked<V>, states: &mut [RowState]) {
        if parked.next == parked.n_items {
            return;
        }
        let (r, p) = (parked.next / parked.n_panels, parked.next % parked.n_panels);
        parked.next += 1;
        let (row, panel) = (parked.first_row + r, parked.first_panel + p);
        // SAFETY: passed on.
        unsafe { self.write::<V>(parked.values[r][p], &mut states[row], row, panel) };
    }

    /// Scales sixteen sums, adds noise, converts, adds the bias and writes.
    ///
    /// # Safety
    /// The row and the panel are those of the outputs.
    #[inline(always)]
    unsafe fn write<V: Vector>(&self, sums: V::F, state: &mut RowState, row: usize, panel: usize) {
        let (law, rows, n) = (&self.job.output, self.job.rows, panel * PANEL);
        // SAFETY: scales are padded to whole panels.
        let scale = V::mul(unsafe { V::load(rows.scales().as_ptr().add(n)) }, V::splat(state.factors.scale));
        let mut v = V::mul(sums, scale);
        if law.is_noise_first && law.noise != NoiseLaw::None {
            v = V::fma(self.draw::<V>(&mut state.noise), V::splat(state.factors.sigma), v);
        }
        let mut y = if law.needs_two_touches() {
            // SAFETY: an array of sixteen.
            unsafe { V::store(state.top.as_mut_ptr(), V::max(V::abs(v), V::load(state.top.as_ptr()))) };
            v
        } else {
            // SAFETY: biases are padded to whole panels.
            let bias = unsafe { V::load(rows.biases().as_ptr().add(n)) };
            self.convert::<V>(v, bias, state.factors.step, &mut state.rounding)
        };
        if !law.is_noise_first && law.noise != NoiseLaw::None && !law.needs_two_touches() {
            y = V::fma(self.draw::<V>(&mut state.noise), V::splat(state.factors.sigma), y);
        }
        // SAFETY: passed on.
        unsafe { self.store::<V>(y, row, n) };
    }

    /// Standard noise of the next panel of a row.
    #[inline(always)]
    fn draw<V: Vector>(&self, lanes: &mut Xoshiro8) -> V::F {
        let bits = V::draw(lanes);
        if self.job.output.noise == NoiseLaw::Gaussian { V::normal(bits) } else { V::uniform(bits) }
    }

    /// The output of `v` (in steps of the converter, if there is one).
    #[inline(always)]
    fn convert<V: Vector>(&self, v: V::F, bias: V::F, step: f32, rounding: &mut Xoshiro8) -> V::F {
        let Some(largest) = self.job.output.largest else { return V::add(v, bias) };
        V::fma(code::<V>(v, largest, self.job.output.is_stochastic, rounding), V::splat(step), bias)
    }

    /// # Safety
    /// The row and the targets from `n` on are those of the outputs.
    #[inline(always)]
    unsafe fn store<V: Vector>(&self, y: V::F, row: usize, n: usize) {
        let n_left = self.job.rows.n_out() - n;
        // SAFETY: promised by the caller, for as many targets as are left.
        unsafe {
            let to = self.outputs.first.add(row * self.outputs.stride + n);
            if n_left >= PANEL {
                V::store(to, y);
            } else {
                let mut whole = [0.0_f32; PANEL];
                V::store(whole.as_mut_ptr(), y);
                std::ptr::copy_nonoverlapping(whole.as_ptr(), to, n_left);
            }
        }
    }

    /// Converts a row whose range is known now that all its outputs are.
    ///
    /// # Safety
    /// The row is one of the outputs, and all its targets are written.
    #[inline(always)]
    unsafe fn touch_again<V: Vector>(&self, state: &mut RowState, row: usize) {
        let (law, n_out) = (&self.job.output, self.job.rows.n_out());
        let top = state.top.iter().fold(0.0_f32, |top, &x| if x > top { x } else { top });
        let (step, inverse) = law::steps(top, law.largest.unwrap_or(1.0));
        for panel in 0..n_out.div_ceil(PANEL) {
            if panel.is_multiple_of(PANELS_PER_BLOCK) && (!law.is_noise_first || law.is_stochastic) {
                self.seed(state, panel);
            }
            let n = panel * PANEL;
            let mut whole = [0.0_f32; PANEL];
            let n_left = (n_out - n).min(PANEL);
            // SAFETY: promised by the caller, for as many targets as are left; biases are padded to whole panels.
            unsafe {
                std::ptr::copy_nonoverlapping(self.outputs.first.add(row * self.outputs.stride + n), whole.as_mut_ptr(), n_left);
                let v = V::mul(V::load(whole.as_ptr()), V::splat(inverse));
                let bias = V::load(self.job.rows.biases().as_ptr().add(n));
                let mut y = self.convert::<V>(v, bias, step, &mut state.rounding);
                if !law.is_noise_first && law.noise != NoiseLaw::None {
                    y = V::fma(self.draw::<V>(&mut state.noise), V::splat(state.factors.sigma), y);
                }
                self.store::<V>(y, row, n);
            }
        }
    }
}

/// [`law::code_nearest`] or [`law::code_stochastic`] in each lane.
#[inline(always)]
fn code<V: Vector>(v: V::F, largest: f32, is_stochastic: bool, lanes: &mut Xoshiro8) -> V::F {
    let top = V::splat(largest);
    let v = V::max(V::min(v, top), V::splat(-largest));
    if is_stochastic { V::min(V::floor(V::add(v, V::fraction(V::draw(lanes)))), top) } else { V::round_even(v) }
}

/// [`InputLaw::convert`] into s8 (or f32 if `is_real`), zeros up to a whole panel. Gives also the sum of the codes.
///
/// # Safety
/// `codes` can be written for whole panels of as many codes as there are `xs`.
#[inline(always)]
unsafe fn convert<V: Vector>(law: &InputLaw, xs: &[f32], keys: &PassKeys, sample: u32, codes: *mut u8, is_real: bool) -> (InputRow, i32) {
    let Some(largest) = law.largest else {
        // SAFETY: promised by the caller; only real weights go without converter.
        let codes = unsafe { std::slice::from_raw_parts_mut(codes.cast::<f32>(), xs.len()) };
        return (law.convert(xs, keys, sample, codes), 0);
    };
    let n_panels = xs.len().div_ceil(PANEL);
    let mut tail = [0.0_f32; PANEL];
    let n_tail = xs.len() % PANEL;
    tail[..n_tail].copy_from_slice(&xs[xs.len() - n_tail..]);
    // 1. The range.
    let range = match law.range {
        Some(range) => range,
        None => {
            let mut tops = [V::splat(0.0); 4];
            for p in 0..n_panels {
                // SAFETY: sixteen values, of `xs` or of the tail.
                tops[p % 4] = V::max(V::abs(unsafe { V::load(panel_of(xs, &tail, p)) }), tops[p % 4]);
            }
            V::top(V::max(V::max(tops[0], tops[1]), V::max(tops[2], tops[3])))
        }
    };
    let (step, inverse) = law::steps(range, largest);
    // 2. The codes.
    let mut lanes = Xoshiro8 { s: [[0; 8]; 4] };
    let (mut sums, mut squares) = (V::ints(0), V::ints(0));
    for p in 0..n_panels {
        if law.is_stochastic && p.is_multiple_of(PANELS_PER_BLOCK) {
            lanes = block_lanes(keys.input_rounding.replica(sample), p);
        }
        // SAFETY: sixteen values, of `xs` or of the tail; codes have room for whole panels.
        unsafe {
            let v = V::mul(V::load(panel_of(xs, &tail, p)), V::splat(inverse));
            let code = code::<V>(v, largest, law.is_stochastic, &mut lanes);
            let ints = V::to_ints(code);
            sums = V::add_ints(sums, ints);
            squares = V::add_ints(squares, V::mul_ints(ints, ints));
            if is_real {
                // Adding zero turns minus zero into zero, as the law has it.
                V::store(codes.cast::<f32>().add(p * PANEL), V::add(code, V::splat(0.0)));
            } else {
                V::store_bytes(codes.cast::<i8>().add(p * PANEL), ints);
            }
        }
    }
    let squares = if law.wants_squares { sum_of::<V>(squares) as f32 } else { 0.0 };
    (InputRow { step, range, squares }, V::sum_ints(sums))
}

/// Sixteen values: those of panel `p`, or the padded last ones.
#[inline(always)]
fn panel_of(xs: &[f32], tail: &[f32; PANEL], p: usize) -> *const f32 {
    if (p + 1) * PANEL <= xs.len() { xs[p * PANEL..].as_ptr() } else { tail.as_ptr() }
}

/// The sum of all lanes, each from 0 to 2^31.
#[inline(always)]
fn sum_of<V: Vector>(ints: V::I) -> u64 {
    let mut lanes = [0_i32; PANEL];
    // SAFETY: an array of sixteen.
    unsafe { V::store_ints(lanes.as_mut_ptr(), ints) };
    lanes.iter().map(|&x| u64::from(x as u32)).sum()
}
