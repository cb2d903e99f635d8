//! Checks lengths and chooses the backend, once a call.

use super::super::floats::{LANES, dispatch};
use super::super::simd::Simd;
use super::rows::{AddScaled, CrossEntropy, Difference, Differences, Shift, ShiftSigns, Sum};

fn assert_rows(n: usize, others: &[usize]) {
    assert!(n.is_multiple_of(LANES), "a row of {n} samples is not whole vectors");
    assert!(others.iter().all(|&o| o == n), "rows of {n} and {others:?} samples");
}

/// out = fma(w, x, z), or z + w without `x`.
///
/// # Panics
/// If the rows differ in length or are not whole vectors, or the processor lacks the instructions.
#[inline]
pub fn shift(simd: Simd, z: &[f32], x: Option<&[f32]>, w: f32, out: &mut [f32]) {
    assert_rows(z.len(), &[out.len(), x.map_or(z.len(), <[f32]>::len)]);
    dispatch(simd, Shift { z, x, w, out });
}

/// z = fma(w, x, z).
///
/// # Panics
/// As [`shift`].
#[inline]
pub fn add_scaled(simd: Simd, z: &mut [f32], x: &[f32], w: f32) {
    assert_rows(z.len(), &[x.len()]);
    dispatch(simd, AddScaled { z, x, w });
}

/// [`shift`], and in `moved` the samples that were on the other side of 0 by `signs`; returns their number.
///
/// # Panics
/// As [`shift`], or if there is not one word of bits a vector.
#[inline]
pub fn shift_signs(simd: Simd, z: &[f32], x: Option<&[f32]>, w: f32, signs: &[u16], out: &mut [f32], moved: &mut [u16]) -> u32 {
    assert_rows(z.len(), &[out.len(), x.map_or(z.len(), <[f32]>::len), LANES * signs.len(), LANES * moved.len()]);
    dispatch(simd, ShiftSigns { z, x, w, signs, out, moved })
}

/// out = a - b, and in `moved` the samples that differ; returns their number.
///
/// # Panics
/// As [`shift_signs`].
#[inline]
pub fn differences(simd: Simd, a: &[f32], b: &[f32], out: &mut [f32], moved: &mut [u16]) -> u32 {
    assert_rows(a.len(), &[b.len(), out.len(), LANES * moved.len()]);
    dispatch(simd, Differences { a, b, out, moved })
}

/// The cross-entropy of each sample, from the rows of logits that begin at `starts` of `logits`; classes are whole numbers.
///
/// # Panics
/// As [`shift`], or if a row ends beyond `logits`.
#[inline]
pub fn cross_entropy(simd: Simd, logits: &[f32], starts: &[usize], classes: &[f32], out: &mut [f32]) {
    let n = out.len();
    assert_rows(n, &[classes.len()]);
    assert!(starts.iter().all(|&s| s <= logits.len() && logits.len() - s >= n), "a row of logits ends beyond them");
    dispatch(simd, CrossEntropy { logits, starts, classes, out });
}

/// The sum of new - old over the first `n_samples` samples.
///
/// # Panics
/// As [`shift`], or if there are fewer samples.
#[inline]
pub fn difference(simd: Simd, new: &[f32], old: &[f32], n_samples: usize) -> f64 {
    assert_rows(new.len(), &[old.len()]);
    assert!(n_samples <= new.len(), "{n_samples} samples in rows of {}", new.len());
    dispatch(simd, Difference { new, old, n_samples })
}

/// The sum over the first `n_samples` samples.
///
/// # Panics
/// As [`difference`].
#[inline]
pub fn sum(simd: Simd, row: &[f32], n_samples: usize) -> f64 {
    assert_rows(row.len(), &[]);
    assert!(n_samples <= row.len(), "{n_samples} samples in a row of {}", row.len());
    dispatch(simd, Sum { row, n_samples })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without a pattern, in -4..4, with some zeros.
    fn row(n: usize, salt: usize) -> Vec<f32> {
        (0..n).map(|k| if k % 7 == salt % 7 { 0.0 } else { ((k * 7919 + salt * 104_729) % 8191) as f32 / 1024.0 - 4.0 }).collect()
    }

    /// Everything that the kernels give, as bits.
    fn run(simd: Simd, n: usize) -> (Vec<u32>, Vec<u16>, Vec<u64>) {
        let (z, x) = (row(n, 1), row(n, 2));
        let (mut floats, mut words, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        let mut out = vec![0.0; n];
        for x in [None, Some(&x[..])] {
            shift(simd, &z, x, 0.37, &mut out);
            floats.extend(&out);
            let signs = vec![0b1010_0110_0000_1111; n / LANES];
            let mut moved = vec![0; n / LANES];
            sums.push(u64::from(shift_signs(simd, &z, x, -0.37, &signs, &mut out, &mut moved)));
            floats.extend(&out);
            words.extend(&moved);
        }
        let mut moved = vec![0; n / LANES];
        sums.push(u64::from(differences(simd, &z, &x, &mut out, &mut moved)));
        floats.extend(&out);
        words.extend(&moved);
        out.copy_from_slice(&z);
        add_scaled(simd, &mut out, &x, 1.7);
        floats.extend(&out);
        let logits: Vec<f32> = (0..5).flat_map(|k| row(n, k).into_iter().map(|z| 40.0 * z)).collect();
        let classes: Vec<f32> = (0..n).map(|k| (k % 5) as f32).collect();
        cross_entropy(simd, &logits, &[0, n, 2 * n, 3 * n, 4 * n], &classes, &mut out);
        floats.extend(&out);
        for n_samples in [n, n.saturating_sub(3)] {
            sums.push(difference(simd, &out, &z, n_samples).to_bits());
            sums.push(sum(simd, &out, n_samples).to_bits());
        }
        (floats.into_iter().map(f32::to_bits).collect(), words, sums)
    }

    #[test]
    fn every_backend_has_the_bits_of_the_scalar_one() {
        for n in [0, 16, 32, 1440] {
            let law = run(Simd::Scalar, n);
            for simd in Simd::available() {
                assert!(run(simd, n) == law, "{} at {n}", simd.name());
            }
        }
    }

    #[test]
    fn cross_entropy_and_sums_are_what_f64_says() {
        let n = 64;
        let logits: Vec<f32> = (0..4).flat_map(|k| row(n, k)).collect();
        let classes: Vec<f32> = (0..n).map(|k| (k % 4) as f32).collect();
        let mut out = vec![0.0; n];
        cross_entropy(Simd::best(), &logits, &[0, n, 2 * n, 3 * n], &classes, &mut out);
        for s in 0..n {
            let z = |k: usize| f64::from(logits[k * n + s]);
            let exact = crate::math::log_sum_exp(&[z(0), z(1), z(2), z(3)]) - z(s % 4);
            assert!((f64::from(out[s]) - exact).abs() < 1e-6 * (1.0 + exact), "{} for {exact}", out[s]);
        }
        let exact: f64 = out[..61].iter().map(|&x| f64::from(x)).sum();
        assert!((sum(Simd::best(), &out, 61) - exact).abs() < 1e-12 * exact);
    }
}
