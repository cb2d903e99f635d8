//! Reads spin systems from the files of the field, and writes edge lists.
//!
//! Every format becomes one [`Instance`]. A malformed file gives a [`ReadError`] with file, line,
//! column, what was expected and what was found. Counts in a header are compared with the limits and
//! with the size of the file before anything is allocated, so that memory grows with the bytes read and not with what they claim.

pub mod coordinate;
pub mod error;
pub mod format;
#[cfg(test)]
mod hostile;
pub mod instance;
pub mod lines;
pub mod matrix_market;
pub mod qubo;
pub mod rudy;
pub mod write;

pub use error::{Found, ReadError, ReadProblem};
pub use format::{Format, load, parse};
pub use instance::{Instance, Limits, MaxCut, Meaning, ReadOptions, Vartype};
pub use lines::MAX_MAGNITUDE;
pub use write::{write_coordinate, write_rudy};
