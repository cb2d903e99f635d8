//! Headless runs: the files they write, how they continue after any interruption, and how they are checked.

pub mod batch;
pub mod batch_manifest;
pub mod best;
pub mod checkpoint;
pub mod compare;
pub mod confusion;
pub mod driver;
pub mod evolution;
pub mod fs;
#[cfg(test)]
pub(crate) mod fs_memory;
pub mod manifest;
pub mod open;
pub mod place;
pub mod recorder;
pub mod rows;
pub mod threads;
pub mod verify;
