//! Ordered reductions: one result for any thread count.
//!
//! Terms are cut into chunks of a fixed length; each chunk is summed over 16 virtual lanes that
//! fold in a fixed tree, and the chunk sums fold pairwise in chunk order. rayon's own `sum` folds
//! in whatever order its threads split, so it is not used.

use rayon::prelude::*;

/// Terms per chunk; a constant, never a function of the thread count.
pub const CHUNK: usize = 4096;
const LANES: usize = 16;

/// The sum of `xs` in f64, the same for any thread count and vector width.
pub fn sum_f32(xs: &[f32]) -> f64 {
    sum_chunks(xs.len(), |range| lane_sum(&xs[range], |&x| f64::from(x)))
}

/// The sum of `xs`, the same for any thread count and vector width.
pub fn sum_f64(xs: &[f64]) -> f64 {
    sum_chunks(xs.len(), |range| lane_sum(&xs[range], |&x| x))
}

/// Sums `chunk(range)` over the fixed chunks of `0..n`, in parallel, folded in chunk order.
pub fn sum_chunks(n: usize, chunk: impl Fn(std::ops::Range<usize>) -> f64 + Sync) -> f64 {
    let n_chunks = n.div_ceil(CHUNK);
    let range = |i: usize| i * CHUNK..((i + 1) * CHUNK).min(n);
    if n_chunks <= 1 {
        return if n == 0 { 0.0 } else { chunk(range(0)) };
    }
    let mut sums: Vec<f64> = (0..n_chunks).into_par_iter().map(|i| chunk(range(i))).collect();
    fold_pairwise(&mut sums)
}

/// Sums `term` over `xs` in 16 virtual lanes, folded as a tree.
pub fn lane_sum<T>(xs: &[T], term: impl Fn(&T) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (rows, tail) = xs.as_chunks::<LANES>();
    for row in rows {
        for (lane, x) in lanes.iter_mut().zip(row) {
            *lane += term(x);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(tail) {
        *lane += term(x);
    }
    fold_pairwise(&mut lanes)
}

fn fold_pairwise(sums: &mut [f64]) -> f64 {
    let mut n = sums.len();
    while n > 1 {
        for i in 0..n / 2 {
            sums[i] = sums[2 * i] + sums[2 * i + 1];
        }
        if n % 2 == 1 {
            sums[n / 2] = sums[n - 1];
        }
        n = n.div_ceil(2);
    }
    sums.first().copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_the_same_for_any_thread_count() {
        let xs: Vec<f32> = (0..100_000_u32).map(|i| 1.0 / (i as f32 + 1.0) * if i % 3 == 0 { -1.0 } else { 1.0 }).collect();
        let sums: Vec<u64> = [1, 2, 3, 7]
            .iter()
            .map(|&n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(|| sum_f32(&xs)).to_bits())
            .collect();
        assert!(sums.iter().all(|&s| s == sums[0]));
    }

    #[test]
    fn small_sums_are_exact() {
        for n in [0, 1, 15, 16, 17, 4095, 4096, 4097, 10_000_usize] {
            let xs: Vec<f64> = (0..n).map(|i| i as f64).collect();
            assert_eq!(sum_f64(&xs), (n * n.saturating_sub(1) / 2) as f64);
        }
    }
}
