//! Gradients backwards through the rows of a network, and the steps of optimisers.
//!
//! Activations and their gradients lie as `[neuron][lane]`, lane n belonging to sample n, the number of lanes a multiple of
//! 16. With dz the gradient by the pre-activations of a layer:
//!
//! ```text
//! by a source      dx[s][n] = chain over targets t, ascending, of fma(w[t][s], dz[t][n], dx[s][n])
//! by a weight      dw[t][s] = chain over samples n, ascending, of fma(dz[t][n], x[s][n], dw[t][s])
//! by a bias        db[t]    = chain over samples n, ascending, of db[t] + dz[t][n]
//! ```
//!
//! Vector operations stay out of closures: those would be compiled without the instructions of their backend.
//!
//! One chain a number and one rounding a link: neither threads, nor backends, nor a batch taken in parts shift a bit.
//! Gradients of weights may go straight into the step of an optimiser, without ever being written.

pub mod dense;
pub mod hardware;
pub mod rules;
pub mod shape;
pub mod slopes;
pub mod sparse;
pub mod update;
pub mod vector;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod sink;
