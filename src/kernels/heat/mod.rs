//! Rows of samples that move together: what one proposed weight does to a whole training set.
//!
//! A row holds one number a sample, padded to a multiple of [`LANES`]. A weight or bias that moves by `delta` shifts the
//! pre-activations of its neuron, z' = z + delta x; what changed goes on to other rows, and ends in the losses of the samples.
//!
//! ```text
//! shift:         z'[s] = fma(delta, x[s], z[s])
//! shift_signs:   the same, and which samples now lie on the other side of 0, one bit each
//! cross_entropy: loss[s] = ln(sum over k of e^(z_k[s] - top[s])) + top[s] - z_class[s],   top[s] = the largest z_k[s]
//! difference:    sum over s of loss'[s] - loss[s], in f64 over 16 lanes that fold pairwise
//! ```
//!
//! Every backend gives the bits of the scalar one. `Backend::run` compiles plain loops for the instructions of the backend.
#![expect(unsafe_code, reason = "calls of functions that need vector instructions")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod rows;
mod vector;

pub use vector::LANES;

use crate::kernels::simd::Simd;

use vector::Plain;

/// Vector instructions that this processor was asked for and has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backend(Simd);

/// A loop over slices that `Backend::run` compiles for each backend; mark `run` with `#[inline(always)]`.
pub trait Kernel {
    /// What it returns.
    type Out;
    /// Runs it.
    fn run(self) -> Self::Out;
}

/// Calls `rows::$name` with the vector type of the backend.
macro_rules! dispatch {
    ($backend:expr, $name:ident($($arg:ident: $type:ty),*) -> $out:ty) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        fn avx512($($arg: $type),*) -> $out {
            rows::$name::<avx512::Z>($($arg),*)
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn avx2($($arg: $type),*) -> $out {
            rows::$name::<avx2::Y>($($arg),*)
        }
        match $backend.0 {
            // SAFETY: a backend exists only where the processor has its instructions.
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => unsafe { avx512($($arg),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => unsafe { avx2($($arg),*) },
            _ => rows::$name::<Plain>($($arg),*),
        }
    }};
}

impl Backend {
    /// The backend of these instructions.
    ///
    /// # Panics
    /// If the processor lacks them.
    pub fn new(simd: Simd) -> Self {
        assert!(simd.is_available(), "{} instructions", simd.name());
        Backend(simd)
    }

    /// Its instructions.
    pub fn simd(self) -> Simd {
        self.0
    }

    /// Runs `kernel`, compiled for the instructions of this backend; fused multiply-adds are one instruction on all but the scalar one.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Out {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        fn avx512<K: Kernel>(kernel: K) -> K::Out {
            kernel.run()
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn avx2<K: Kernel>(kernel: K) -> K::Out {
            kernel.run()
        }
        match self.0 {
            // SAFETY: a backend exists only where the processor has its instructions.
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => unsafe { avx512(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => unsafe { avx2(kernel) },
            _ => kernel.run(),
        }
    }

    /// out = fma(w, x, z), or z + w without `x`.
    ///
    /// # Panics
    /// If the rows differ in length or are not whole vectors.
    #[inline]
    pub fn shift(self, z: &[f32], x: Option<&[f32]>, w: f32, out: &mut [f32]) {
        dispatch!(self, shift(z: &[f32], x: Option<&[f32]>, w: f32, out: &mut [f32]) -> ())
    }

    /// z = fma(w, x, z).
    ///
    /// # Panics
    /// As [`Backend::shift`].
    #[inline]
    pub fn add_scaled(self, z: &mut [f32], x: &[f32], w: f32) {
        dispatch!(self, add_scaled(z: &mut [f32], x: &[f32], w: f32) -> ())
    }

    /// [`Backend::shift`], and in `moved` the samples that were on the other side of 0 by `signs`; returns their number.
    ///
    /// # Panics
    /// As [`Backend::shift`], or if there is not one word of bits a vector.
    #[inline]
    pub fn shift_signs(self, z: &[f32], x: Option<&[f32]>, w: f32, signs: &[u16], out: &mut [f32], moved: &mut [u16]) -> u32 {
        dispatch!(self, shift_signs(z: &[f32], x: Option<&[f32]>, w: f32, signs: &[u16], out: &mut [f32], moved: &mut [u16]) -> u32)
    }

    /// out = a - b, and in `moved` the samples whose bits differ; returns their number.
    ///
    /// # Panics
    /// As [`Backend::shift_signs`].
    #[inline]
    pub fn differences(self, a: &[f32], b: &[f32], out: &mut [f32], moved: &mut [u16]) -> u32 {
        dispatch!(self, differences(a: &[f32], b: &[f32], out: &mut [f32], moved: &mut [u16]) -> u32)
    }

    /// The cross-entropy of each sample, from the rows of logits that begin at `starts` of `logits`.
    ///
    /// # Panics
    /// As [`Backend::shift`], or if a row ends beyond `logits`.
    #[inline]
    pub fn cross_entropy(self, logits: &[f32], starts: &[usize], classes: &[u32], out: &mut [f32]) {
        dispatch!(self, cross_entropy(logits: &[f32], starts: &[usize], classes: &[u32], out: &mut [f32]) -> ())
    }

    /// The sum of new - old over the first `n_samples` samples.
    ///
    /// # Panics
    /// As [`Backend::shift`], or if there are fewer samples.
    #[inline]
    pub fn difference(self, new: &[f32], old: &[f32], n_samples: usize) -> f64 {
        dispatch!(self, difference(new: &[f32], old: &[f32], n_samples: usize) -> f64)
    }

    /// The sum over the first `n_samples` samples.
    ///
    /// # Panics
    /// As [`Backend::difference`].
    #[inline]
    pub fn sum(self, row: &[f32], n_samples: usize) -> f64 {
        dispatch!(self, sum(row: &[f32], n_samples: usize) -> f64)
    }
}
