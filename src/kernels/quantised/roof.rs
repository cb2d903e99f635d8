//! Loops that do nothing but multiply, or nothing but read: the roofs that benches print beside a pass.

use super::QuantisedBackend;
use super::vector::{Plain, Vector};

/// Independent sums, enough to hide the latency of a product.
const SUMS: usize = 12;

/// Runs `n` rounds of products in registers on `backend`. Gives the number of operations (a product and a sum are two) and a
/// checksum, so that nothing is left out.
///
/// # Panics
/// If the processor lacks the backend.
pub fn products_alone(backend: QuantisedBackend, n: usize) -> (u64, i32) {
    assert!(backend.is_available(), "{backend:?} instructions");
    let cells = [3_u8; 64];
    let sum = match backend {
        QuantisedBackend::Scalar | QuantisedBackend::SoftTiles => multiply::<Plain>(&cells, n),
        // SAFETY: the processor has the instructions.
        #[cfg(target_arch = "x86_64")]
        QuantisedBackend::Avx2 => unsafe { multiply_avx2(&cells, n) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        QuantisedBackend::Vnni | QuantisedBackend::Amx => unsafe { multiply_vnni(&cells, n) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => unreachable!("checked to be available"),
    };
    (2 * 64 * (SUMS * n) as u64, sum)
}

/// Reads all numbers with `backend` and gives their wrapping sum (without those that fill no 64 bytes).
///
/// # Panics
/// If the processor lacks the backend.
pub fn reads_alone(backend: QuantisedBackend, numbers: &[i32]) -> i32 {
    assert!(backend.is_available(), "{backend:?} instructions");
    match backend {
        QuantisedBackend::Scalar | QuantisedBackend::SoftTiles => read::<Plain>(numbers),
        // SAFETY: the processor has the instructions.
        #[cfg(target_arch = "x86_64")]
        QuantisedBackend::Avx2 => unsafe { read_avx2(numbers) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        QuantisedBackend::Vnni | QuantisedBackend::Amx => unsafe { read_vnni(numbers) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => unreachable!("checked to be available"),
    }
}

#[expect(clippy::needless_range_loop, reason = "iterators keep the sums in memory")]
#[inline(always)]
fn multiply<V: Vector>(cells: &[u8; 64], n: usize) -> i32 {
    let mut sums = [V::ints(0); SUMS];
    let cells = std::hint::black_box(cells);
    for i in 0..n {
        for s in 0..SUMS {
            // SAFETY: the cells are 64 bytes.
            sums[s] = unsafe { V::dot(sums[s], cells.as_ptr(), i as i32) };
        }
    }
    let mut all = sums[0];
    for s in 1..SUMS {
        all = V::add_ints(all, sums[s]);
    }
    V::sum_ints(all)
}

#[expect(clippy::needless_range_loop, reason = "iterators keep the sums in memory")]
#[inline(always)]
fn read<V: Vector>(numbers: &[i32]) -> i32 {
    let mut sums = [V::ints(0); 8];
    for chunk in numbers.chunks_exact(128) {
        for s in 0..8 {
            // SAFETY: sixteen of the chunk's 128 numbers.
            sums[s] = V::add_ints(sums[s], unsafe { V::load_ints(chunk.as_ptr().add(16 * s)) });
        }
    }
    let mut all = sums[0];
    for sum in &sums[1..] {
        all = V::add_ints(all, *sum);
    }
    V::sum_ints(all)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
fn multiply_vnni(cells: &[u8; 64], n: usize) -> i32 {
    multiply::<super::avx512::Vnni>(cells, n)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn multiply_avx2(cells: &[u8; 64], n: usize) -> i32 {
    multiply::<super::avx2::Avx2>(cells, n)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
fn read_vnni(numbers: &[i32]) -> i32 {
    read::<super::avx512::Vnni>(numbers)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn read_avx2(numbers: &[i32]) -> i32 {
    read::<super::avx2::Avx2>(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roofs_do_their_work_on_every_backend() {
        let numbers: Vec<i32> = (0..1024).collect();
        for backend in QuantisedBackend::available() {
            assert_eq!(reads_alone(backend, &numbers), 1023 * 512);
            assert_eq!(products_alone(backend, 10).0, 2 * 64 * 120);
        }
    }
}
