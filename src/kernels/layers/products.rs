//! Who multiplies dense blocks: our own kernels, in the fixed order of the law, or a library, in an order of its own.
//!
//! A library's sums are rounded in another order, which may differ between its versions and between processors, so a
//! run that uses one promises no bits across machines and says so (`bits: backend`).

#[cfg(feature = "gemm")]
use crate::plan::network::Rows;

use super::entry::RowsOfBlock;

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

    /// The name of what multiplies.
    pub const fn name(self) -> &'static str {
        match self {
            Products::Ordered => "ordered",
            Products::Library => "matrixmultiply",
        }
    }
}

/// Adds the weighted inputs of some targets of a dense block to their sums by the library; false if it cannot, because
/// the block is sparse or the build has no library.
pub(super) fn add_by_library(block: &RowsOfBlock<'_>, z: &mut [f32]) -> bool {
    #[cfg(feature = "gemm")]
    if *block.rows == Rows::Dense && !z.is_empty() && block.n_sources > 0 {
        let (n_targets, n_sources, n_lanes) = (block.targets.len(), block.n_sources, block.n_lanes);
        let weights = block.dense_weights();
        assert!(weights.len() == n_targets * n_sources && block.x.len() == n_sources * n_lanes && z.len() == n_targets * n_lanes, "shapes");
        let row = |n: usize| isize::try_from(n).expect("slices are shorter than isize::MAX");
        // SAFETY: the three matrices are row-major, with the strides given, and as long as was asserted; z is borrowed
        // alone.
        unsafe {
            matrixmultiply::sgemm(
                n_targets,
                n_sources,
                n_lanes,
                1.0,
                weights.as_ptr(),
                row(n_sources),
                1,
                block.x.as_ptr(),
                row(n_lanes),
                1,
                1.0,
                z.as_mut_ptr(),
                row(n_lanes),
                1,
            );
        }
        return true;
    }
    let _ = (block, z);
    false
}
