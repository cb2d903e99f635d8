//! Products of quantised weights with noise and conversion of the outputs, in one pass through registers.

pub mod law;
pub mod noise;

pub use law::{InputLaw, InputRow, OutputLaw, OutputRow, PassKeys, RangeLaw};
pub use noise::NoiseLaw;
