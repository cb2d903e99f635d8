//! Sampling of spin systems: two engines behind one interface.

pub mod accept;
pub mod reference;
pub mod replica;
pub mod sampler;

pub use sampler::{Rule, Scan, SpinSampler, SweepKey};
