//! Many small networks at once: one sample of each network of a block, or many samples of one network.
//!
//! ```text
//! step_block   16 nodes of different networks a vector: z = fma(w[e], values[sources[e]], z), e = 0, 1, ...
//! run_lanes    16 samples a vector:                     z = fma(w[e] in all lanes, x[source of e], z)
//! ```
//!
//! Both join the inputs of a node in the same order with the same roundings, so both give the bits of the scalar law
//! (`engine::evolution::law`) on every backend.

mod block;
mod entry;
mod join;
mod lanes;
mod tests;

pub use entry::{Buffers, run_lanes, step_block};
