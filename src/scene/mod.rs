//! Scenes: a RON text becomes a checked [`Scene`], and that a simulation.
//!
//! Reading goes through three passes, each of which reports all its errors: syntax (is it RON),
//! shape (are these the fields of a scene) and meaning (do the numbers, names and files make sense).
//! Overrides are spliced into the text between the first and the second.

mod build;
mod build_machine;
mod build_network;
pub mod checked;
pub mod checked_evolution;
pub mod checked_machine;
pub mod checked_network;
pub mod checked_plasticity;
mod code;
pub mod hardware;
mod load;
mod meaning;
mod overrides;
pub mod patterns;
mod preflight;
mod report;
mod shape;
mod syntax;
mod text;
mod tree;
mod wire;

pub use build::{SceneBuildError, build};
pub use checked::Scene;
pub use code::Code;
pub use load::{Checked, Limits, SceneSource, load};
pub use meaning::bytes;
pub use preflight::{Preflight, default_memory_limit};
pub use report::{Complaint, FilePlace, Format, Report};
pub use text::{Place, Source};
pub use wire::HopfieldRule;
