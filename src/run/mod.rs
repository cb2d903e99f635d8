//! Headless runs: the files they write, how they continue after any interruption, and how they are checked.

pub mod checkpoint;
pub mod driver;
pub mod fs;
#[cfg(test)]
pub(crate) mod fs_memory;
pub mod manifest;
pub mod recorder;
