//! Vectors of 16 floats, one skeleton for every backend: kernels are written once over [`Floats`] and compiled for
//! each family of instructions by [`dispatch`].

#![expect(unsafe_code, reason = "vector instructions, and calls of functions that need them")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod entry;
pub mod math;
mod plain;
mod vector;

pub use entry::{Kernel, dispatch};
pub use plain::Plain;
pub use vector::{Floats, LANES};
