//! Dense blocks: products along one side of a matrix over lanes, and gradients of all its weights.
//!
//! Both are tiles of 6 rows by 4 vectors of sums in registers (AVX-512), or 6 by 1 (two AVX2 registers each), and each
//! step of a chain broadcasts 6 numbers and reads 4 vectors: 24 multiply-adds for 10 loads.
#![expect(unsafe_code, reason = "tiles read and write through pointers whose bounds the entries assert")]

use rayon::prelude::*;

use super::super::layers::{LIBRARY_ROWS, LibraryMatrix, Products, multiply_by_library};
use super::super::simd::Simd;
use super::rules::Step;
use super::sink::{Piece, StepRows, Stepper, read, write};
use super::vector::{Job, Vector, WIDTH, run};

/// Rows of a tile.
const TILE_ROWS: usize = 6;
/// Rows that one task takes; a multiple of the rows of a tile.
const TASK_ROWS: usize = 48;
/// Multiply-adds from which a block is shared among threads.
const PARALLEL_FROM: usize = 1 << 20;

/// One side of a matrix: number (i, j) is `weights[i * row_step + j * col_step]`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// The numbers.
    pub weights: &'a [f32],
    /// Rows.
    pub n_rows: usize,
    /// Columns.
    pub n_cols: usize,
    /// Distance from row to row.
    pub row_step: usize,
    /// Distance from column to column.
    pub col_step: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major weights `[target][source]`, a row a target.
    pub fn by_target(weights: &'a [f32], n_targets: usize, n_sources: usize) -> Self {
        Matrix { weights, n_rows: n_targets, n_cols: n_sources, row_step: n_sources, col_step: 1 }
    }

    /// The same weights, a row a source.
    pub fn by_source(weights: &'a [f32], n_targets: usize, n_sources: usize) -> Self {
        Matrix { weights, n_rows: n_sources, n_cols: n_targets, row_step: 1, col_step: n_sources }
    }
}

/// For each row i and lane n: `out[i][n]` = chain over columns j, ascending, of fma(m(i, j), `x[j][n]`, `out[i][n]`).
///
/// `x` is `[column][lane]`, `out` `[row][lane]`. A library sums in an order of its own; its tasks are fixed chunks too.
///
/// # Panics
/// If lengths do not fit, or `lanes` is not a multiple of 16.
pub fn product(simd: Simd, products: Products, matrix: Matrix<'_>, x: &[f32], out: &mut [f32], lanes: usize) {
    let Matrix { weights, n_rows, n_cols, row_step, col_step } = matrix;
    assert!(lanes.is_multiple_of(WIDTH), "{lanes} lanes are not a multiple of {WIDTH}");
    assert_eq!((x.len(), out.len()), (n_cols * lanes, n_rows * lanes), "inputs and outputs of {n_rows} x {n_cols}, {lanes} lanes");
    if n_rows == 0 || n_cols == 0 || lanes == 0 {
        return;
    }
    assert!((n_rows - 1) * row_step + (n_cols - 1) * col_step < weights.len(), "{} numbers of a {n_rows} x {n_cols} matrix", weights.len());
    if products == Products::Library && cfg!(feature = "gemm") {
        let part = |(task, out): (usize, &mut [f32])| {
            let values = &weights[task * LIBRARY_ROWS * row_step..];
            let matrix = LibraryMatrix { values, n_rows: out.len() / lanes, n_cols, row_step, col_step };
            multiply_by_library(matrix, x, out, lanes);
        };
        return out.par_chunks_mut(LIBRARY_ROWS * lanes).enumerate().for_each(part);
    }
    let part = |first: usize, out: &mut [f32]| {
        run(
            simd,
            Product {
                weights: &weights[first * row_step..],
                row_step,
                col_step,
                n_cols,
                x,
                n_rows: out.len() / lanes,
                out: out.as_mut_ptr(),
                lanes,
            },
        );
    };
    if n_rows * n_cols * lanes < PARALLEL_FROM || rayon::current_num_threads() == 1 {
        return part(0, out);
    }
    out.par_chunks_mut(TASK_ROWS * lanes).enumerate().for_each(|(task, out)| part(task * TASK_ROWS, out));
}

struct Product<'a> {
    weights: &'a [f32],
    row_step: usize,
    col_step: usize,
    n_cols: usize,
    x: &'a [f32],
    out: *mut f32,
    n_rows: usize,
    lanes: usize,
}

impl Job for Product<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let mut row = 0;
        while row < self.n_rows {
            let left = self.n_rows - row;
            // SAFETY: `row` and the rows of the tile are below `n_rows`; `product` has checked the rest.
            unsafe {
                match left {
                    6.. => self.strip::<V, 6>(row),
                    2.. => self.strip::<V, 2>(row),
                    _ => self.strip::<V, 1>(row),
                }
            }
            row += match left {
                6.. => 6,
                2.. => 2,
                _ => 1,
            };
        }
    }
}

impl Product<'_> {
    /// All lanes of rows `row..row + R`.
    ///
    /// # Safety
    /// The rows exist, and all lengths fit.
    #[inline(always)]
    unsafe fn strip<V: Vector, const R: usize>(&self, row: usize) {
        let mut lane = 0;
        // SAFETY: tiles inside the lanes; the caller's promise.
        unsafe {
            while V::IS_WIDE && lane + 4 * WIDTH <= self.lanes {
                self.tile::<V, R, 4>(row, lane);
                lane += 4 * WIDTH;
            }
            while V::IS_WIDE && lane + 2 * WIDTH <= self.lanes {
                self.tile::<V, R, 2>(row, lane);
                lane += 2 * WIDTH;
            }
            while lane < self.lanes {
                self.tile::<V, R, 1>(row, lane);
                lane += WIDTH;
            }
        }
    }

    /// # Safety
    /// As for `strip`; the lanes exist.
    #[inline(always)]
    unsafe fn tile<V: Vector, const R: usize, const L: usize>(&self, row: usize, lane: usize) {
        // SAFETY: rows, columns and lanes exist, and the arrays are as long as they say.
        unsafe {
            let out = self.out.add(row * self.lanes + lane);
            let mut sums = [[V::splat(0.0); L]; R];
            for (r, sums) in sums.iter_mut().enumerate() {
                for (l, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(out.add(r * self.lanes + l * WIDTH));
                }
            }
            let mut w = self.weights.as_ptr().add(row * self.row_step);
            let mut x = self.x.as_ptr().add(lane);
            for j in 0..self.n_cols {
                let mut xs = [V::splat(0.0); L];
                for (l, xs) in xs.iter_mut().enumerate() {
                    *xs = V::load(x.add(l * WIDTH));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let w = V::splat(*w.add(r * self.row_step));
                    for (sum, &x) in sums.iter_mut().zip(&xs) {
                        *sum = w.fma(x, *sum);
                    }
                }
                if j + 1 < self.n_cols {
                    (w, x) = (w.add(self.col_step), x.add(self.lanes));
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                for (l, sum) in sums.iter().enumerate() {
                    sum.store(out.add(r * self.lanes + l * WIDTH));
                }
            }
        }
    }
}

/// What gradients of a block come from.
#[derive(Clone, Copy, Debug)]
pub struct Outer<'a> {
    /// Gradients by the pre-activations of its targets, `[target][lane]`.
    pub deltas: &'a [f32],
    /// Number of lanes.
    pub lanes: usize,
    /// Activations of its sources, `[sample][source]`, each sample `stride` long, zeros beyond the sources.
    pub samples: &'a [f32],
    /// Length of a sample: the number of sources, rounded up to 16.
    pub stride: usize,
    /// Samples that count; lanes beyond them are padding.
    pub n_samples: usize,
    /// Number of sources.
    pub n_sources: usize,
}

/// Adds the gradients of dense weights `[target][source]` to `gradients`.
///
/// # Panics
/// If lengths do not fit.
pub fn add_gradients(simd: Simd, outer: Outer<'_>, gradients: &mut [f32]) {
    let n = outer.n_sources;
    outer.assert_fit(gradients.len());
    let part = |first: usize, gradients: &mut [f32]| {
        let n_rows = gradients.len() / n;
        run(
            simd,
            Tiles {
                outer: outer.rows(first, n_rows),
                n_rows,
                sink: Sink::Add(gradients.as_mut_ptr()),
                strip: std::ptr::null_mut(),
                squares: &mut [],
            },
        );
    };
    if !outer.is_large(gradients.len()) {
        return part(0, gradients);
    }
    gradients.par_chunks_mut(TASK_ROWS * n).enumerate().for_each(|(task, gradients)| part(task * TASK_ROWS, gradients));
}

/// Steps dense weights `[target][source]` by their gradients; `squares` becomes the sum of squared gradients of each target.
///
/// # Panics
/// If lengths do not fit.
pub fn step_weights(simd: Simd, outer: Outer<'_>, rows: StepRows<'_>, step: Step, squares: &mut [f64]) {
    let n = outer.n_sources;
    outer.assert_fit(rows.weights.len());
    rows.assert_fit(rows.weights.len(), &step);
    assert_eq!(squares.len() * n, rows.weights.len(), "sums of squares, one a target");
    let part = |(first, rows, squares): (usize, StepRows<'_>, &mut [f64])| {
        let (n_rows, outer) = (squares.len(), outer.rows(first, squares.len()));
        let mut strip = vec![0.0; TILE_ROWS * outer.stride];
        run(simd, Tiles { outer, n_rows, sink: Sink::Step(Stepper::new(simd, rows, step)), strip: strip.as_mut_ptr(), squares });
    };
    if !outer.is_large(rows.weights.len()) {
        return part((0, rows, squares));
    }
    let mut tasks = Vec::new();
    let mut rest = rows;
    for (task, squares) in squares.chunks_mut(TASK_ROWS).enumerate() {
        let (rows, after) = rest.split_at(squares.len() * n);
        rest = after;
        tasks.push((task * TASK_ROWS, rows, squares));
    }
    tasks.into_par_iter().for_each(part);
}

impl Outer<'_> {
    fn assert_fit(&self, n_weights: usize) {
        assert!(self.n_sources > 0 && n_weights.is_multiple_of(self.n_sources), "{n_weights} weights of {} sources", self.n_sources);
        let n_targets = n_weights / self.n_sources;
        assert!(self.n_samples <= self.lanes && self.deltas.len() == n_targets * self.lanes, "gradients of {n_targets} targets");
        assert!(self.stride.is_multiple_of(WIDTH) && self.stride >= self.n_sources, "stride {} of {}", self.stride, self.n_sources);
        assert!(self.samples.len() >= self.n_samples * self.stride, "{} numbers of {} samples", self.samples.len(), self.n_samples);
    }

    fn is_large(&self, n_weights: usize) -> bool {
        n_weights * self.n_samples >= PARALLEL_FROM && rayon::current_num_threads() > 1
    }

    /// The part of `n_rows` targets from `first` on.
    fn rows(mut self, first: usize, n_rows: usize) -> Self {
        self.deltas = &self.deltas[first * self.lanes..(first + n_rows) * self.lanes];
        self
    }
}

/// Where gradients go.
#[derive(Clone, Copy)]
enum Sink {
    /// Added to those that are there.
    Add(*mut f32),
    /// Into a step of an optimiser.
    Step(Stepper),
}

struct Tiles<'a> {
    outer: Outer<'a>,
    n_rows: usize,
    sink: Sink,
    /// Room for the gradients of one strip, each row as long as a sample; null if they are added up.
    strip: *mut f32,
    squares: &'a mut [f64],
}

impl Job for Tiles<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let mut row = 0;
        while row < self.n_rows {
            let left = self.n_rows - row;
            // SAFETY: the rows of the strip are below `n_rows`; the entries have checked the lengths.
            unsafe {
                match left {
                    6.. => self.strip::<V, 6>(row),
                    2.. => self.strip::<V, 2>(row),
                    _ => self.strip::<V, 1>(row),
                }
            }
            row += match left {
                6.. => 6,
                2.. => 2,
                _ => 1,
            };
        }
    }
}

impl Tiles<'_> {
    /// All sources of targets `row..row + R`.
    ///
    /// # Safety
    /// The targets exist, and all lengths fit.
    #[inline(always)]
    unsafe fn strip<V: Vector, const R: usize>(&mut self, row: usize) {
        let n = self.outer.n_sources;
        let mut squares = [V::splat(0.0); R];
        let mut source = 0;
        // SAFETY: tiles inside the sources; the caller's promise.
        unsafe {
            while V::IS_WIDE && source + 4 * WIDTH <= n {
                self.tile::<V, R, 4>(row, source, WIDTH, &mut squares);
                source += 4 * WIDTH;
            }
            while source < n {
                self.tile::<V, R, 1>(row, source, WIDTH.min(n - source), &mut squares);
                source += WIDTH;
            }
        }
        if let Sink::Step(stepper) = &self.sink {
            let stride = self.outer.stride;
            // SAFETY: the gradients of R rows have just been written, and their weights lie inside the rows.
            unsafe {
                stepper.step(Piece { gradients: self.strip, stride, at: row * n, n_rows: R, n_cols: n, row_length: n });
            }
            for (total, lanes) in self.squares[row..row + R].iter_mut().zip(squares) {
                *total = lanes.to_array().iter().map(|&x| f64::from(x)).sum();
            }
        }
    }

    /// Sources from `source` on, of which the last vector has `n_last`.
    ///
    /// # Safety
    /// As for `strip`; the sources exist.
    #[inline(always)]
    unsafe fn tile<V: Vector, const R: usize, const L: usize>(&self, row: usize, source: usize, n_last: usize, squares: &mut [V; R]) {
        let Outer { deltas, lanes, samples, stride, n_samples, n_sources } = self.outer;
        let n_of = |l: usize| if l + 1 < L { WIDTH } else { n_last };
        let at = |r: usize, l: usize| (row + r) * n_sources + source + l * WIDTH;
        // SAFETY: targets, sources and samples exist; a sample is readable up to its stride.
        unsafe {
            let mut sums = [[V::splat(0.0); L]; R];
            if let Sink::Add(gradients) = self.sink {
                for (r, sums) in sums.iter_mut().enumerate() {
                    for (l, sum) in sums.iter_mut().enumerate() {
                        *sum = read(gradients.add(at(r, l)), n_of(l));
                    }
                }
            }
            let delta = deltas.as_ptr().add(row * lanes);
            let x = samples.as_ptr().add(source);
            for sample in 0..n_samples {
                let mut xs = [V::splat(0.0); L];
                for (l, xs) in xs.iter_mut().enumerate() {
                    *xs = V::load(x.add(sample * stride + l * WIDTH));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let d = V::splat(*delta.add(r * lanes + sample));
                    for (sum, &x) in sums.iter_mut().zip(&xs) {
                        *sum = d.fma(x, *sum);
                    }
                }
            }
            match &self.sink {
                Sink::Add(gradients) => {
                    for (r, sums) in sums.iter().enumerate() {
                        for (l, &sum) in sums.iter().enumerate() {
                            write(gradients.add(at(r, l)), n_of(l), sum);
                        }
                    }
                }
                Sink::Step(_) => {
                    for (r, (sums, squares)) in sums.iter().zip(squares).enumerate() {
                        for (l, &sum) in sums.iter().enumerate() {
                            *squares = sum.fma(sum, *squares);
                            sum.store(self.strip.add(r * stride + source + l * WIDTH));
                        }
                    }
                }
            }
        }
    }
}
