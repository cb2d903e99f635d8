//! A block of rows and the codes of its inputs.

use std::ops::Range;

use crate::plan::network::QuantisedRows;
use crate::plan::network::quantised_rows::PANEL;
use crate::random::Xoshiro8;

use super::law::{self, InputLaw, InputRow, OutputLaw, OutputRow, PassKeys};
use super::noise::{PANELS_PER_BLOCK, block_lanes};
use super::vector::Vector;
use super::writer::code;

/// What all rows of a pass share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<'a> {
    pub rows: &'a QuantisedRows,
    pub input: InputLaw,
    pub output: OutputLaw,
    pub keys: PassKeys,
}

/// What the outputs of one row need.
pub(super) struct RowState {
    pub noise: Xoshiro8,
    pub rounding: Xoshiro8,
    /// Largest |v| so far, a lane each, when the range of the converter depends on it.
    pub top: [f32; PANEL],
    pub factors: OutputRow,
    pub code_sum: i32,
    pub sample: u32,
}

/// Memory of a pass that its caller may keep from one to the next.
#[derive(Default)]
pub struct Scratch {
    lines: Vec<Line>,
    pub(super) states: Vec<RowState>,
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

impl Block<'_> {
    /// Writes the codes of all rows (f32 if `is_real`), each row followed by zeros up to a multiple of `lanes` codes, and
    /// prepares what their outputs need. Gives the first code and the bytes from row to row.
    ///
    /// # Safety
    /// `xs` are whole rows; `lanes` is a multiple of a panel.
    #[inline(always)]
    pub unsafe fn convert<V: Vector>(&self, scratch: &mut Scratch, lanes: usize, is_real: bool) -> (*const u8, usize) {
        let (job, n_in) = (self.job, self.job.rows.n_in());
        let (written, n_codes) = (n_in.next_multiple_of(PANEL), n_in.next_multiple_of(lanes));
        let (codes, stride) = scratch.prepare(self.n_rows, if is_real { 4 * n_codes } else { n_codes });
        scratch.states.clear();
        for r in 0..self.n_rows {
            let (x, sample) = (&self.xs[r * n_in..(r + 1) * n_in], self.first_sample + r as u32);
            // SAFETY: `prepare` made room for `n_codes` codes a row, at least whole panels.
            let (input, code_sum) = unsafe {
                let row = codes.add(r * stride);
                let bytes = if is_real { 4 } else { 1 };
                row.add(written * bytes).write_bytes(0, (n_codes - written) * bytes);
                convert::<V>(&job.input, x, &job.keys, sample, row, is_real)
            };
            let lanes = || Xoshiro8 { s: [[0; 8]; 4] };
            let factors = job.output.row(&input);
            scratch.states.push(RowState { noise: lanes(), rounding: lanes(), top: [0.0; PANEL], factors, code_sum, sample });
        }
        (codes, stride)
    }
}

/// [`InputLaw::convert`] into s8 (or f32 if `is_real`), zeros up to a whole panel. Gives also the sum of the codes.
///
/// # Safety
/// `codes` can be written for whole panels of as many codes as there are `xs`.
#[inline(always)]
pub(super) unsafe fn convert<V: Vector>(
    law: &InputLaw,
    xs: &[f32],
    keys: &PassKeys,
    sample: u32,
    codes: *mut u8,
    is_real: bool,
) -> (InputRow, i32) {
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
