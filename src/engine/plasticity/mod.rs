//! Driven plasticity without ECS: local rules of learning, growth by correlation and by calcium, pruning, lesions.
//!
//! Everything here works on the columns of one projection, whose rows are sorted by (target, source). What it makes is data: new
//! weights, births, rows that die. It is driven: it keeps invariants (no synapse twice, caps, signs), and promises no distribution.

pub mod cells;
pub mod curves;
pub mod lesion;
pub mod local;
pub mod pairing;
pub mod prune;
pub mod sketch;
pub mod synaptogenesis;
pub mod wiring;

pub use cells::Cells;
pub use curves::GrowthCurve;
pub use lesion::Region;
pub use local::{LocalRule, LocalSettings};
pub use pairing::PairingSettings;
pub use prune::PruneSettings;
pub use synaptogenesis::{Grown, SynaptogenesisSettings};
pub use wiring::{Rows, Sign};
