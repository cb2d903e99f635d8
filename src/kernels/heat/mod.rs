//! Rows of samples that move together: what one proposed weight does to a whole training set.
//!
//! A row holds one number a sample, padded to a multiple of [`LANES`]. A weight or bias that moves by `w` shifts the
//! pre-activations of its neuron, z' = z + w x; what changed goes on to other rows, and ends in the losses of the samples.
//!
//! ```text
//! shift:         z'[s] = fma(w, x[s], z[s])
//! shift_signs:   the same, and which samples now lie on the other side of 0, one bit each
//! cross_entropy: loss[s] = ln(sum over k of e^(z_k[s] - top[s])) + top[s] - z_class[s],   top[s] = the largest z_k[s]
//! difference:    sum over s of new[s] - old[s], in 16 lanes of two floats each, that fold pairwise in f64
//! ```
//!
//! Every backend gives the bits of the scalar one.

mod entry;
mod rows;

pub use super::floats::LANES;
pub use entry::{add_scaled, cross_entropy, difference, differences, shift, shift_signs, sum};
