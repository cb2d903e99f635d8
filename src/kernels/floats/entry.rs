//! Compiles a kernel for each backend and chooses one.

use super::super::simd::Simd;
#[cfg(target_arch = "x86_64")]
use super::avx2::Y;
#[cfg(target_arch = "x86_64")]
use super::avx512::Z;
use super::plain::Plain;
use super::vector::Floats;

/// Work over [`Floats`] that is compiled once a backend.
///
/// `run` and everything it calls that is generic over `Floats` must be `#[inline(always)]`: only then is it compiled
/// with the instructions of its backend.
pub trait Kernel {
    /// What it returns.
    type Output;

    /// Does the work with vectors of type `F`.
    fn run<F: Floats>(self) -> Self::Output;
}

/// Runs `kernel` with the instructions of `simd`.
///
/// The scalar twin is compiled with AVX2 and FMA where the processor has them: its bits are the same with and without,
/// but `mul_add` in software would make it no fair measure of anything.
///
/// # Panics
/// If the processor lacks the instructions.
#[inline]
pub fn dispatch<K: Kernel>(simd: Simd, kernel: K) -> K::Output {
    assert!(simd.is_available(), "{} instructions", simd.name());
    match simd {
        // SAFETY: the processor has the instructions.
        #[cfg(target_arch = "x86_64")]
        Simd::Scalar if Simd::Avx2.is_available() => unsafe { run_scalar(kernel) },
        Simd::Scalar => kernel.run::<Plain>(),
        // SAFETY: the processor has the instructions.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx2 => unsafe { run_avx2(kernel) },
        // SAFETY: the processor has the instructions.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx512 => unsafe { run_avx512(kernel) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => unreachable!("asserted to be available"),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt")]
fn run_scalar<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Plain>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Y>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx2,fma,popcnt")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Z>()
}
