//! One replica of a spin system: accept tests of 16 spins at once, and only flips touch neighbours.
//!
//! `lanes` holds the operations and their scalar meaning, `sweep` the skeleton, `avx2` and `avx512`
//! the vector forms, `scatter` the push of flips, `pull` its counterpart for hot sweeps, `rows` the layout, `table` integer
//! thresholds; `dense` is the sweep over dense couplings, `bounded` the one by their high parts, `parallel` the sweep on several threads.

mod bounded;
mod colours;
mod dense;
mod lanes;
mod parallel;
mod pull;
mod rows;
mod scatter;
mod single;
mod sweep;
mod table;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

#[cfg(test)]
mod proof;

pub use bounded::{BoundedJob, Visit, high_pairs, true_pairs, visit_bounded};
pub use colours::{FloatRule, State, Swept, sweep_bits, sweep_bytes, sweep_floats, sweep_ints};
pub use dense::{DenseCoupling, DenseField, DenseJob, DenseSwept, push_dense, sweep_dense};
pub use parallel::Regions;
pub use pull::BitRows;
pub use rows::{GROUP, ReplicaRows};
pub use scatter::{Field, apply_flips};
pub use single::{decide_float, decide_int};
pub use sweep::{Aligned, Flips, NO_FLIPS};
pub use table::{AcceptTable, uniform_odd};
