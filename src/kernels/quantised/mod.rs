//! Products of quantised weights with noise and conversion of the outputs, in one pass through registers:
//! y = Q_k(x W + sigma n), from f32 inputs to written outputs.
//!
//! ```text
//! for each row of inputs:         x' = code(x / step)                        8 bits, or f32
//!     for each panel of targets:  p = sum of x' w'                           exact in i32 (VNNI, AVX2, scalar), or f32 along the sources
//!         v = p scale;  v += sigma z;  y = step code(v) + bias               z made in registers, y written once
//! ```
//!
//! `law` is the meaning, number by number; `noise` makes z. `vector` names what a backend does to sixteen targets,
//! `products` the tiles, `pass` the loop around them, all written once; `tiles` does the products of batches by AMX. Packed weights are drawn in
//! `crate::plan::network::quantised_rows`. Outputs do not depend on backend, threads or how a batch is split.
#![expect(unsafe_code, reason = "vector registers, and threads that write targets of one row side by side")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod block;
pub mod law;
pub mod noise;
mod pass;
mod products;
pub mod roof;
mod tests;
mod tiles;
mod vector;
mod writer;

use rayon::prelude::*;

pub use block::Scratch;
pub use law::{InputLaw, InputRow, OutputLaw, OutputRow, PassKeys, RangeLaw};
pub use noise::NoiseLaw;
pub use tiles::presence::TilesAbsent;

use self::block::{Block, Job, Outputs};
use self::pass::run_block;
use self::products::{Bytes, Nibbles, Reals};
use self::tiles::drive::run_tiles;
use self::tiles::software::SoftTiles;
use self::vector::Plain;
use super::simd::{AMX, SIMD_VARIABLE, Simd, SimdError};
use crate::plan::network::QuantisedRows;
use crate::plan::network::quantised_rows::{Cells, GROUP, PANEL};
use crate::random::BLOCK;

/// The instructions of a quantised pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QuantisedBackend {
    /// No vector instructions beyond those of the target.
    Scalar,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 with VNNI.
    Vnni,
    /// Tiles of AMX for batches of bytes, and VNNI for all else.
    Amx,
    /// What `Amx` does, with its tiles in memory and no vector instructions: runs anywhere, for tests; slow.
    SoftTiles,
}

impl QuantisedBackend {
    /// The backend that `simd` allows on this processor without tiles; AVX-512 without VNNI takes the AVX2 form.
    pub fn of(simd: Simd) -> Self {
        match simd {
            Simd::Scalar => QuantisedBackend::Scalar,
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 if is_x86_feature_detected!("avx512vnni") => QuantisedBackend::Vnni,
            _ => QuantisedBackend::Avx2,
        }
    }

    /// The backend that `LEHR_SIMD` names, or the best one of this processor. Tiles are used if the variable is not set, or
    /// says `amx`.
    ///
    /// # Errors
    /// As [`Simd::detect`].
    pub fn detect() -> Result<Self, SimdError> {
        let simd = Simd::detect()?;
        let allows_tiles = std::env::var_os(SIMD_VARIABLE).is_none_or(|name| name == AMX);
        Ok(if allows_tiles && tiles::presence::amx().is_ok() { QuantisedBackend::Amx } else { Self::of(simd) })
    }

    /// The fastest backend of this processor.
    pub fn best() -> Self {
        if tiles::presence::amx().is_ok() { QuantisedBackend::Amx } else { Self::of(Simd::best()) }
    }

    /// The backends of this processor, slowest first; tiles in memory are not among them.
    pub fn available() -> impl Iterator<Item = Self> {
        let mut all: Vec<Self> = Simd::available().map(Self::of).collect();
        all.extend(tiles::presence::amx().ok().map(|()| QuantisedBackend::Amx));
        all.dedup();
        all.into_iter()
    }

    /// True if this processor can run it.
    pub fn is_available(self) -> bool {
        self == QuantisedBackend::SoftTiles || Self::available().any(|b| b == self)
    }

    /// Rows that one task takes: few read the weights seldom enough, and more keep a panel of weights in the first cache.
    fn row_block(self) -> usize {
        if matches!(self, QuantisedBackend::Amx | QuantisedBackend::SoftTiles) { TILE_ROW_BLOCK } else { ROW_BLOCK }
    }
}

/// Whether this process may use tiles of AMX; the first call asks the system for them and checks a product.
///
/// # Errors
/// Why it may not.
pub fn amx() -> Result<(), TilesAbsent> {
    tiles::presence::amx()
}

/// Rows that one task takes; long enough to read the weights seldom, short enough that their codes stay in the second cache.
const ROW_BLOCK: usize = 24;

/// [`ROW_BLOCK`] of tiles, which read 32 KB of weights for 32 rows in the time of few of them. Not measured yet.
const TILE_ROW_BLOCK: usize = 128;

/// Fewer rows than this do not fill a tile and go by VNNI. Not measured yet.
const MIN_TILE_ROWS: usize = 16;

/// Below this many products a batch is not worth a second thread (about 10 us of one).
const MIN_PARALLEL_PRODUCTS: usize = 1 << 21;

/// A layer with its hardware: what a pass executes.
#[derive(Clone, Copy, Debug)]
pub struct QuantisedPass<'a> {
    /// The weights.
    pub rows: &'a QuantisedRows,
    /// The input converter.
    pub input: InputLaw,
    /// Noise and output converter.
    pub output: OutputLaw,
    /// The streams of the pass.
    pub keys: PassKeys,
    /// The instructions.
    pub backend: QuantisedBackend,
}

/// Outputs that threads write side by side.
#[derive(Clone, Copy)]
struct SharedOutputs(*mut f32);

// SAFETY: tasks write targets of their own.
unsafe impl Send for SharedOutputs {}
// SAFETY: as above.
unsafe impl Sync for SharedOutputs {}

impl QuantisedPass<'_> {
    /// Computes the outputs `ys` (`[sample][target]`) of the samples `xs` (`[sample][source]`) by this thread alone. The first
    /// sample is number `first_sample` of its batch, so that a batch may be split anywhere.
    ///
    /// # Panics
    /// If the lengths do not belong together, or the processor lacks the backend.
    pub fn run(&self, xs: &[f32], first_sample: u32, ys: &mut [f32], scratch: &mut Scratch) {
        let n_rows = self.check(xs, ys);
        let outputs = SharedOutputs(ys.as_mut_ptr());
        let by_rows = self.backend.row_block();
        for first in (0..n_rows).step_by(by_rows) {
            // SAFETY: lengths and backend were checked, and `ys` is borrowed for this call alone.
            unsafe { self.block(xs, first_sample, first..(first + by_rows).min(n_rows), 0..self.n_groups(), outputs, scratch) };
        }
    }

    /// [`QuantisedPass::run`] by all threads of the current pool, with the same outputs.
    ///
    /// # Panics
    /// As [`QuantisedPass::run`].
    pub fn run_parallel(&self, xs: &[f32], first_sample: u32, ys: &mut [f32], scratch: &mut Scratch) {
        let n_rows = self.check(xs, ys);
        let n_threads = rayon::current_num_threads();
        if n_threads == 1 || n_rows * self.rows.n_in() * self.rows.n_out() < MIN_PARALLEL_PRODUCTS {
            return self.run(xs, first_sample, ys, scratch);
        }
        // 1. Rows for every thread; whole blocks of targets too where rows are few and no range waits for all targets.
        let whole = if self.backend.row_block() == ROW_BLOCK { 6 } else { MIN_TILE_ROWS };
        let by_rows = n_rows.div_ceil(n_threads).next_multiple_of(whole).min(self.backend.row_block());
        let is_few = n_rows.div_ceil(by_rows) < n_threads && !self.output.needs_two_touches();
        let by_groups = if is_few { BLOCK / (GROUP * PANEL) } else { self.n_groups().max(1) };
        let tasks: Vec<_> = (0..n_rows)
            .step_by(by_rows)
            .flat_map(|row| (0..self.n_groups()).step_by(by_groups).map(move |group| (row, group)))
            .map(|(row, group)| (row..(row + by_rows).min(n_rows), group..(group + by_groups).min(self.n_groups())))
            .collect();
        // 2. Each task writes its own rows and targets.
        let outputs = SharedOutputs(ys.as_mut_ptr());
        tasks.into_par_iter().with_max_len(1).for_each_init(Scratch::default, |scratch, (rows, groups)| {
            // SAFETY: lengths and backend were checked; tasks do not overlap, and `ys` is borrowed until they end.
            unsafe { self.block(xs, first_sample, rows, groups, outputs, scratch) };
        });
    }

    fn n_groups(&self) -> usize {
        self.rows.n_out().div_ceil(GROUP * PANEL)
    }

    fn check(&self, xs: &[f32], ys: &[f32]) -> usize {
        let (n_in, n_out) = (self.rows.n_in(), self.rows.n_out());
        let n_rows = ys.len().checked_div(n_out).unwrap_or(0);
        assert_eq!(ys.len(), n_rows * n_out, "{} outputs are no whole samples of {n_out}", ys.len());
        assert_eq!(xs.len(), if n_out == 0 { xs.len() } else { n_rows * n_in }, "inputs of {n_rows} samples of {n_in}");
        let is_integer = !matches!(self.rows.cells(), Cells::F32(_));
        assert!(!is_integer || self.input.largest.is_some_and(|q| q <= 127.0), "integer weights take inputs of 2 to 8 bits");
        assert!(self.backend.is_available(), "{:?} instructions", self.backend);
        n_rows
    }

    /// # Safety
    /// Lengths and backend are checked; nobody else writes the targets of `groups` of these rows.
    unsafe fn block(
        &self,
        xs: &[f32],
        first_sample: u32,
        rows: std::ops::Range<usize>,
        groups: std::ops::Range<usize>,
        outputs: SharedOutputs,
        scratch: &mut Scratch,
    ) {
        let (n_in, n_out) = (self.rows.n_in(), self.rows.n_out());
        let job = Job { rows: self.rows, input: self.input, output: self.output, keys: self.keys };
        let block = Block {
            job: &job,
            xs: &xs[rows.start * n_in..rows.end * n_in],
            n_rows: rows.len(),
            first_sample: first_sample.wrapping_add(rows.start as u32),
            groups,
            outputs: Outputs { first: outputs.0.wrapping_add(rows.start * n_out), stride: n_out },
        };
        // SAFETY: passed on.
        unsafe {
            match (self.backend, self.rows.cells()) {
                (QuantisedBackend::SoftTiles, Cells::U8(_)) => run_tiles::<Plain, _>(block, &mut SoftTiles::new(), scratch),
                (QuantisedBackend::Scalar, Cells::U8(_)) => run_block::<Plain, Bytes<Plain>>(block, scratch),
                (QuantisedBackend::Scalar | QuantisedBackend::SoftTiles, Cells::U4(_)) => {
                    run_block::<Plain, Nibbles<Plain>>(block, scratch);
                }
                (QuantisedBackend::Scalar | QuantisedBackend::SoftTiles, Cells::F32(_)) => {
                    run_block::<Plain, Reals<Plain>>(block, scratch);
                }
                #[cfg(target_arch = "x86_64")]
                (QuantisedBackend::Amx, Cells::U8(_)) if block.n_rows >= MIN_TILE_ROWS => amx_block(block, scratch),
                #[cfg(target_arch = "x86_64")]
                (QuantisedBackend::Avx2, Cells::U8(_)) => avx2_block::<Bytes<avx2::Avx2>>(block, scratch),
                #[cfg(target_arch = "x86_64")]
                (QuantisedBackend::Avx2, Cells::U4(_)) => avx2_block::<Nibbles<avx2::Avx2>>(block, scratch),
                #[cfg(target_arch = "x86_64")]
                (QuantisedBackend::Avx2, Cells::F32(_)) => avx2_block::<Reals<avx2::Avx2>>(block, scratch),
                #[cfg(target_arch = "x86_64")]
                (QuantisedBackend::Vnni | QuantisedBackend::Amx, Cells::U8(_)) => vnni_block::<Bytes<avx512::Vnni>>(block, scratch),
                #[cfg(target_arch = "x86_64")]
                (QuantisedBackend::Vnni | QuantisedBackend::Amx, Cells::U4(_)) => vnni_block::<Nibbles<avx512::Vnni>>(block, scratch),
                #[cfg(target_arch = "x86_64")]
                (QuantisedBackend::Vnni | QuantisedBackend::Amx, Cells::F32(_)) => vnni_block::<Reals<avx512::Vnni>>(block, scratch),
                #[cfg(not(target_arch = "x86_64"))]
                _ => unreachable!("checked to be available"),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
unsafe fn amx_block(block: Block<'_>, scratch: &mut Scratch) {
    // SAFETY: passed on.
    unsafe { run_tiles::<avx512::Vnni, _>(block, &mut tiles::amx::Amx, scratch) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
unsafe fn vnni_block<K: products::Products<avx512::Vnni>>(block: Block<'_>, scratch: &mut Scratch) {
    // SAFETY: passed on.
    unsafe { run_block::<avx512::Vnni, K>(block, scratch) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_block<K: products::Products<avx2::Avx2>>(block: Block<'_>, scratch: &mut Scratch) {
    // SAFETY: passed on.
    unsafe { run_block::<avx2::Avx2, K>(block, scratch) }
}
