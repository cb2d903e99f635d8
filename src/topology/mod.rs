//! Graph logic: colouring, compiling plans, and everything that knows how a network is wired.

pub mod colouring;
pub mod compile;
pub mod generate;

pub use colouring::colour_classes;
pub use compile::compile_spins;
