//! Who multiplies dense blocks: our own kernels, in the fixed order of the law, or a library, in an order of its own.
//!
//! A library's sums are rounded in another order, which may differ between its versions and between processors, so a
//! run that uses one promises no bits across machines and says so (`bits: backend`). Ours is the default at all sizes: it was
//! the faster one at 784x512 and 2048x2048 with 1, 32 and 256 samples, by 1.2 to 3.9 times on one core with AVX-512
//! (`cargo bench --features gemm --bench network -- break_even`).

use std::fmt;

use crate::plan::network::Rows;

use super::entry::RowsOfBlock;

/// Rows that a task gives the library at once, whatever the number of threads: each call packs all inputs anew.
pub const LIBRARY_ROWS: usize = 256;

/// Who multiplies dense blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Products {
    /// Our own kernels: the bits of the law.
    #[default]
    Ordered,
    /// The crate `matrixmultiply`; see [`Products::library`].
    Library,
}

/// This build has no library of matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this lehr was built without a library of matrix products: build it with --features gemm, or leave products ordered")]
pub struct NoLibrary;

impl Products {
    /// The library, if this build has one.
    ///
    /// # Errors
    /// Without the cargo feature `gemm`.
    pub const fn library() -> Result<Self, NoLibrary> {
        if cfg!(feature = "gemm") { Ok(Products::Library) } else { Err(NoLibrary) }
    }

    /// Whose bits results have, as manifests name it: `law`, or `backend` if only the same build and processor repeat them.
    pub const fn bits(self) -> &'static str {
        match self {
            Products::Ordered => "law",
            Products::Library => "backend",
        }
    }

    /// What decides the bits of results beside scene, seed and engine; nothing for ordered products.
    pub fn backend(self) -> Option<Backend> {
        match self {
            Products::Ordered => None,
            Products::Library => Backend::of_this_build(),
        }
    }
}

/// A library of matrix products: results that it takes part in have the same bits only where all three are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backend {
    /// Name of the library.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The instructions that it chooses on this processor; `LEHR_SIMD` does not change them.
    pub instructions: &'static str,
}

impl Backend {
    /// The version that `Cargo.toml` asks for.
    const VERSION: &'static str = "0.3.11";

    /// The library of this build on this processor, if it has one.
    pub fn of_this_build() -> Option<Self> {
        cfg!(feature = "gemm").then(|| Backend { name: "matrixmultiply", version: Self::VERSION, instructions: instructions() })
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.name, self.version, self.instructions)
    }
}

/// The instructions that the library chooses, by its own rule.
fn instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return "avx512f";
        }
        if is_x86_feature_detected!("fma") && is_x86_feature_detected!("avx2") {
            return "avx2+fma";
        }
        if is_x86_feature_detected!("avx") {
            return "avx";
        }
    }
    std::env::consts::ARCH
}

/// A matrix for the library: number (i, j) is `values[i * row_step + j * col_step]`.
#[derive(Clone, Copy, Debug)]
pub struct LibraryMatrix<'a> {
    /// The numbers.
    pub values: &'a [f32],
    /// Rows.
    pub n_rows: usize,
    /// Columns.
    pub n_cols: usize,
    /// Distance from row to row.
    pub row_step: usize,
    /// Distance from column to column.
    pub col_step: usize,
}

/// Adds the product of `matrix` and `x` (`[column][lane]`) to `z` (`[row][lane]`) by the library, in one thread; false if
/// this build has none.
///
/// # Panics
/// If a length does not fit.
pub fn multiply_by_library(matrix: LibraryMatrix<'_>, x: &[f32], z: &mut [f32], n_lanes: usize) -> bool {
    let LibraryMatrix { values, n_rows, n_cols, row_step, col_step } = matrix;
    assert!(x.len() == n_cols * n_lanes && z.len() == n_rows * n_lanes, "a {n_rows} x {n_cols} matrix by {n_lanes} lanes");
    if n_rows > 0 && n_cols > 0 {
        let last = (n_rows - 1) * row_step + (n_cols - 1) * col_step;
        assert!(last < values.len(), "{} numbers of a {n_rows} x {n_cols} matrix", values.len());
    }
    #[cfg(feature = "gemm")]
    if !z.is_empty() && n_cols > 0 {
        let step = |n: usize| isize::try_from(n).expect("slices are shorter than isize::MAX");
        // SAFETY: the matrix is inside its values, x and z are row-major and as long as was asserted; z is borrowed alone.
        unsafe {
            matrixmultiply::sgemm(
                n_rows,
                n_cols,
                n_lanes,
                1.0,
                values.as_ptr(),
                step(row_step),
                step(col_step),
                x.as_ptr(),
                step(n_lanes),
                1,
                1.0,
                z.as_mut_ptr(),
                step(n_lanes),
                1,
            );
        }
    }
    cfg!(feature = "gemm")
}

/// Adds the weighted inputs of some targets of a dense block to their sums by the library; false if it cannot, because
/// the block is sparse or the build has no library.
pub(super) fn add_by_library(block: &RowsOfBlock<'_>, z: &mut [f32]) -> bool {
    if *block.rows != Rows::Dense {
        return false;
    }
    let (n_rows, n_cols) = (block.targets.len(), block.n_sources);
    let matrix = LibraryMatrix { values: block.dense_weights(), n_rows, n_cols, row_step: n_cols, col_step: 1 };
    multiply_by_library(matrix, block.x, z, block.n_lanes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_is_named_is_the_one_that_is_built() {
        let manifest = include_str!("../../../Cargo.toml");
        assert!(manifest.contains(&format!("matrixmultiply = {{ version = \"={}\"", Backend::VERSION)));
    }

    #[test]
    fn only_products_by_a_library_have_a_backend() {
        assert_eq!((Products::Ordered.bits(), Products::Ordered.backend()), ("law", None));
        assert_eq!(Products::Library.bits(), "backend");
        assert_eq!(Products::library().is_ok(), Backend::of_this_build().is_some());
        assert_eq!(Products::Library.backend().is_some(), cfg!(feature = "gemm"));
    }

    #[test]
    #[cfg(feature = "gemm")]
    fn the_library_multiplies_either_side_of_a_matrix() {
        // 2 x 3, lanes of 16; small whole numbers, whose sums are exact in any order.
        let w = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let by_target = LibraryMatrix { values: &w, n_rows: 2, n_cols: 3, row_step: 3, col_step: 1 };
        let by_source = LibraryMatrix { values: &w, n_rows: 3, n_cols: 2, row_step: 1, col_step: 3 };
        for matrix in [by_target, by_source] {
            let x: Vec<f32> = (0..matrix.n_cols * 16).map(|i| (i % 7) as f32 - 3.0).collect();
            let mut z: Vec<f32> = (0..matrix.n_rows * 16).map(|i| i as f32).collect();
            let at = |i: usize, j: usize| w[i * matrix.row_step + j * matrix.col_step];
            let expected: Vec<f32> =
                (0..z.len()).map(|k| k as f32 + (0..matrix.n_cols).map(|j| at(k / 16, j) * x[j * 16 + k % 16]).sum::<f32>()).collect();
            assert!(multiply_by_library(matrix, &x, &mut z, 16));
            assert_eq!(z, expected);
        }
    }
}
