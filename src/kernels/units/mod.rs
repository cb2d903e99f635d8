//! What neurons make of their pre-activations, 16 at a time.

mod activate;
mod draw;
mod entry;

pub use entry::{activate_lanes, activate_lanes_in_place, draw_units, fire_lanes, mean_units};
