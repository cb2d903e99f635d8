//! Slices in, slices out: the loops that decide speed, and the only `unsafe` of the crate.
//!
//! Each kernel has a scalar form, which is its law, and vector forms that agree with it bit for bit.

pub mod backward;
pub mod doubles;
pub mod floats;
pub mod heat;
pub mod lanes;
pub mod layers;
pub mod population;
pub mod prefetch;
pub mod quantised;
pub mod replica;
pub mod simd;
mod stages;
pub mod units;
