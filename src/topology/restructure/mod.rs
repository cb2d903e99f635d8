//! Applies recorded births and deaths: rows leave, the rest moves up, newborns come in at their places.
//!
//! Survivors keep their order, because rows are sorted by (target, source) and renumbering neurons
//! keeps the order of rows too. So no row is sorted again: each column is compacted over its dead
//! rows, the table grows or shrinks at its tail, and gaps are opened where the sorted births belong;
//! two sweeps of moved runs a column, in place. A neuron is born at the end of its population, with
//! the next id, so that ids ascend inside a population.

mod apply;
mod error;
mod neurons;
mod synapses;

pub use apply::restructure;
pub use error::RestructureError;
