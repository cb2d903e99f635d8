//! Networks that compute and learn: pure functions over a plan, its parameters and samples.

pub mod export;
mod filled;
pub mod forward;
pub mod hardware;
pub mod heat;
pub mod inference;
pub mod lanes;
pub mod law;
pub mod losses;
pub mod noisy;
pub mod optimisers;
pub mod parameters;
#[cfg(test)]
pub(crate) mod random_plans;
pub mod reverse;
pub mod score;
pub mod structure;
pub mod train;
pub mod units;

pub use export::{ImportError, from_safetensors, to_safetensors};
pub use forward::forward_lanes;
pub use inference::{FrozenNetwork, Network};
pub use lanes::Activations;
pub use losses::Loss;
pub use parameters::{Parameters, ParametersRef};
