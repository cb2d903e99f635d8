//! Tasks of the literature: tables of samples, and things to balance.

mod poles;
mod table;

pub use poles::{DoublePole, PoleState};
pub use table::{Table, Won};
