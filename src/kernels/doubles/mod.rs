//! Vectors of 16 doubles, for physics: written once over [`Real`], of which one `f64` is the law and [`Doubles`] are 16 lanes.
//!
//! A kernel reaches them through [`super::floats::dispatch`], as the doubles of its floats.

#![expect(unsafe_code, reason = "vector instructions")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod plain;
mod real;

#[cfg(target_arch = "x86_64")]
pub use avx2::Y64;
#[cfg(target_arch = "x86_64")]
pub use avx512::Z64;
pub use plain::Plain64;
pub use real::{Doubles, Real};
