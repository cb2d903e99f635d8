//! Tables of samples: what networks learn from. Pure: text and bytes in, numbers out; who reads files stands above.

pub mod dataset;

pub use dataset::{Dataset, Targets};
