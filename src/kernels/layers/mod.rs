//! Sums of weighted inputs over lanes: one row of floats a neuron, one lane a sample.
//!
//! ```text
//! x [source][lane]   w [target][source], or compressed sparse rows   z [target][lane]
//!
//! z[t][lane] = fma(w[t][s], x[s][lane], z[t][lane])   for each source s of t, ascending
//! ```
//!
//! The weight is broadcast and the vector runs over samples, so weights are read where they lie and each sum is one
//! chain of roundings, whatever the tile, the number of lanes and the backend. Gates count their true inputs instead.

#![cfg_attr(feature = "gemm", expect(unsafe_code, reason = "the library of matrix products takes pointers"))]

mod dense;
mod entry;
mod products;
pub mod single;
mod sparse;

pub use entry::{RowsOfBlock, add_inputs, count_true_inputs};
pub use products::{Backend, LIBRARY_ROWS, LibraryMatrix, NoLibrary, Products, multiply_by_library};
