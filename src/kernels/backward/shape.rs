//! Lanes for samples: the two layouts of a batch, and sums over its samples.
#![expect(unsafe_code, reason = "blocks of 16 x 16 are read and written through pointers whose bounds the entries assert")]

use super::super::simd::Simd;
use super::sink::{read, write};
use super::vector::{Job, Vector, WIDTH, run};

/// Turns `x`, `[row][column]` with rows `from` long, into `out`, `[column][row]` with rows `to` long; `out` beyond stays as it is.
///
/// # Panics
/// If a row is longer than its distance to the next, or lengths do not fit.
pub fn transpose(simd: Simd, x: &[f32], n_rows: usize, n_cols: usize, from: usize, out: &mut [f32], to: usize) {
    assert!(n_cols <= from && n_rows <= to, "{n_rows} x {n_cols} in rows of {from} and {to}");
    if n_rows == 0 || n_cols == 0 {
        return;
    }
    assert!(x.len() >= (n_rows - 1) * from + n_cols, "{} numbers of {n_rows} rows", x.len());
    assert!(out.len() >= (n_cols - 1) * to + n_rows, "{} numbers of {n_cols} columns", out.len());
    run(simd, Transpose { x, n_rows, n_cols, from, out, to });
}

struct Transpose<'a> {
    x: &'a [f32],
    n_rows: usize,
    n_cols: usize,
    from: usize,
    out: &'a mut [f32],
    to: usize,
}

impl Job for Transpose<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        for row in (0..self.n_rows).step_by(WIDTH) {
            let n_rows = WIDTH.min(self.n_rows - row);
            for col in (0..self.n_cols).step_by(WIDTH) {
                let n_cols = WIDTH.min(self.n_cols - col);
                // SAFETY: rows and columns exist; only as many as there are are read and written.
                unsafe {
                    let mut block = [V::splat(0.0); WIDTH];
                    for (i, line) in block.iter_mut().enumerate().take(n_rows) {
                        *line = read(self.x.as_ptr().add((row + i) * self.from + col), n_cols);
                    }
                    let block = V::transpose(block);
                    for (j, &column) in block.iter().enumerate().take(n_cols) {
                        write(self.out.as_mut_ptr().add((col + j) * self.to + row), n_rows, column);
                    }
                }
            }
        }
    }
}

/// Adds to each of `sums` the first `n_samples` lanes of its row of `x`, `[row][lane]`, one after another.
///
/// # Panics
/// If lengths do not fit.
pub fn add_lanes(simd: Simd, x: &[f32], lanes: usize, n_samples: usize, sums: &mut [f32]) {
    assert!(lanes.is_multiple_of(WIDTH) && n_samples <= lanes, "{n_samples} samples of {lanes} lanes");
    assert_eq!(x.len(), sums.len() * lanes, "rows of {lanes} lanes, and their sums");
    run(simd, AddLanes { x, lanes, n_samples, sums });
}

struct AddLanes<'a> {
    x: &'a [f32],
    lanes: usize,
    n_samples: usize,
    sums: &'a mut [f32],
}

impl Job for AddLanes<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        for (chunk, sums) in self.sums.chunks_mut(WIDTH).enumerate() {
            let row = chunk * WIDTH;
            // SAFETY: the rows exist, and have as many lanes as were checked.
            unsafe {
                let mut sum: V = read(sums.as_ptr(), sums.len());
                for lane in (0..self.n_samples).step_by(WIDTH) {
                    let mut block = [V::splat(0.0); WIDTH];
                    for (i, line) in block.iter_mut().enumerate().take(sums.len()) {
                        *line = V::load(self.x.as_ptr().add((row + i) * self.lanes + lane));
                    }
                    for &column in V::transpose(block).iter().take(self.n_samples - lane) {
                        sum = sum.add(column);
                    }
                }
                write(sums.as_mut_ptr(), sums.len(), sum);
            }
        }
    }
}
