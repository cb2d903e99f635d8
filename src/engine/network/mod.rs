//! Networks that compute and learn: pure functions over a plan, its parameters and samples.

pub mod hardware;
pub mod law;
pub mod losses;
pub mod parameters;
pub mod units;

pub use losses::Loss;
pub use parameters::{Parameters, ParametersRef};
