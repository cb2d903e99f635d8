//! Sixteen floats, in whatever registers the processor has, and the one place where a backend is chosen.
//!
//! A kernel is written once over [`Vector`] as a [`Job`]; [`run`] compiles it for each backend. All operations are those
//! of IEEE 754 with one rounding each, so every backend gives the bits of [`Plain`].
#![expect(unsafe_code, reason = "loads, stores and the choice of a backend")]

use super::super::quantised::noise::{NoiseLaw, normal_from, uniform_from};
use super::super::simd::Simd;
#[cfg(target_arch = "x86_64")]
use super::avx2::V256;
#[cfg(target_arch = "x86_64")]
use super::avx512::V512;
use crate::random::Xoshiro8;

/// Floats in a vector.
pub const WIDTH: usize = 16;

/// Sixteen floats.
pub trait Vector: Copy {
    /// True if there are registers for 24 sums.
    const IS_WIDE: bool;

    /// The same number in each lane.
    fn splat(x: f32) -> Self;

    /// The 16 floats at `p`.
    ///
    /// # Safety
    /// They can be read.
    unsafe fn load(p: *const f32) -> Self;

    /// Writes the 16 floats at `p`.
    ///
    /// # Safety
    /// They can be written.
    unsafe fn store(self, p: *mut f32);

    /// The `n` floats at `p`, 1 to 16, then zeros.
    ///
    /// # Safety
    /// They can be read.
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize) -> Self {
        let mut all = [0.0; WIDTH];
        // SAFETY: `n` floats can be read, and are at most 16.
        unsafe {
            p.copy_to_nonoverlapping(all.as_mut_ptr(), n);
            Self::load(all.as_ptr())
        }
    }

    /// Writes the first `n` floats, 1 to 16, at `p`.
    ///
    /// # Safety
    /// They can be written.
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, n: usize) {
        let all = self.to_array();
        // SAFETY: `n` floats can be written, and are at most 16.
        unsafe { all.as_ptr().copy_to_nonoverlapping(p, n) }
    }

    /// self + b.
    fn add(self, b: Self) -> Self;
    /// self - b.
    fn sub(self, b: Self) -> Self;
    /// self b.
    fn mul(self, b: Self) -> Self;
    /// self / b.
    fn div(self, b: Self) -> Self;
    /// self b + c, rounded once.
    fn fma(self, b: Self, c: Self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The smaller one, `b` if either is no number.
    fn min(self, b: Self) -> Self;
    /// The larger one, `b` if either is no number.
    fn max(self, b: Self) -> Self;

    /// Rows for columns: lane j of row i becomes lane i of row j.
    #[inline(always)]
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH] {
        let mut all = [[0.0_f32; WIDTH]; WIDTH];
        for (all, row) in all.iter_mut().zip(rows) {
            *all = row.to_array();
        }
        let mut columns = rows;
        for (i, column) in columns.iter_mut().enumerate() {
            let mut lanes = [0.0_f32; WIDTH];
            for (lane, row) in lanes.iter_mut().zip(&all) {
                *lane = row[i];
            }
            // SAFETY: an array of 16 floats.
            *column = unsafe { Self::load(lanes.as_ptr()) };
        }
        columns
    }

    /// 16 standard numbers of `law`, from the next 512 bits of `lanes`.
    #[inline(always)]
    fn noise(law: NoiseLaw, lanes: &mut Xoshiro8) -> Self {
        let words = lanes.next_words();
        let mut all = [0.0_f32; WIDTH];
        for (j, z) in all.iter_mut().enumerate() {
            let bits = (words[j / 2] >> (32 * (j % 2))) as u32;
            *z = match law {
                NoiseLaw::None => 0.0,
                NoiseLaw::Gaussian => normal_from(bits),
                NoiseLaw::Uniform => uniform_from(bits),
            };
        }
        // SAFETY: an array of 16 floats.
        unsafe { Self::load(all.as_ptr()) }
    }

    /// The 16 floats.
    #[inline(always)]
    fn to_array(self) -> [f32; WIDTH] {
        let mut all = [0.0; WIDTH];
        // SAFETY: an array of 16 floats.
        unsafe { self.store(all.as_mut_ptr()) };
        all
    }
}

/// Sixteen floats without vector instructions: the law of the others.
#[derive(Clone, Copy)]
pub struct Plain([f32; WIDTH]);

impl Plain {
    #[inline(always)]
    fn with(self, b: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Plain(std::array::from_fn(|i| f(self.0[i], b.0[i])))
    }
}

impl Vector for Plain {
    const IS_WIDE: bool = false;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Plain([x; WIDTH])
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller's promise; an array of floats is aligned like a float.
        Plain(unsafe { *p.cast::<[f32; WIDTH]>() })
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: as in `load`.
        unsafe { *p.cast::<[f32; WIDTH]>() = self.0 }
    }

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        self.with(b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        self.with(b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        self.with(b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, b: Self) -> Self {
        self.with(b, |a, b| a / b)
    }

    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        Plain(std::array::from_fn(|i| self.0[i].mul_add(b.0[i], c.0[i])))
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Plain(self.0.map(f32::sqrt))
    }

    #[inline(always)]
    fn min(self, b: Self) -> Self {
        self.with(b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn max(self, b: Self) -> Self {
        self.with(b, |a, b| if a > b { a } else { b })
    }
}

/// A kernel, written once for all vectors.
pub trait Job {
    /// What it gives.
    type Out;

    /// Does it. Implementations are `#[inline(always)]`, so that they are compiled for the backend that runs them.
    fn run<V: Vector>(self) -> Self::Out;
}

/// Runs `job` on the backend `simd`.
///
/// # Panics
/// If this processor lacks its instructions.
pub fn run<J: Job>(simd: Simd, job: J) -> J::Out {
    assert!(simd.is_available(), "{} instructions", simd.name());
    match simd {
        Simd::Scalar => job.run::<Plain>(),
        // SAFETY: the processor has the instructions.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx2 => unsafe { run_avx2(job) },
        // SAFETY: the processor has the instructions.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx512 => unsafe { run_avx512(job) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => unreachable!("checked to be available"),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt")]
fn run_avx2<J: Job>(job: J) -> J::Out {
    job.run::<V256>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,popcnt")]
fn run_avx512<J: Job>(job: J) -> J::Out {
    job.run::<V512>()
}
