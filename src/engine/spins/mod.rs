//! Sampling of spin systems: two engines behind one interface.

pub mod reference;
pub mod accept;
pub mod sampler;

pub use sampler::{Rule, Scan, SpinSampler, SweepKey};
