//! Sampling of spin systems: two engines behind one interface.

pub mod accept;
pub mod dense;
pub mod engine;
mod int_fields;
pub mod lanes;
pub mod reference;
pub mod replica;
pub mod sampler;
#[cfg(test)]
mod testing;

pub use engine::{EngineError, EngineSettings, Randomness, make_engine};
pub use sampler::{Rule, Scan, SpinSampler, SweepKey};
