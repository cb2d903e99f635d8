//! The kernels, over any vector.

use super::vector::{LANES, Vector};

#[inline(always)]
fn vectors(row: &[f32]) -> &[[f32; LANES]] {
    let (vectors, rest) = row.as_chunks::<LANES>();
    assert!(rest.is_empty(), "a row of {} samples is not whole vectors", row.len());
    vectors
}

#[inline(always)]
fn vectors_mut(row: &mut [f32]) -> &mut [[f32; LANES]] {
    assert!(row.len().is_multiple_of(LANES), "a row of {} samples is not whole vectors", row.len());
    row.as_chunks_mut::<LANES>().0
}

#[inline(always)]
pub(super) fn shift<V: Vector>(z: &[f32], x: Option<&[f32]>, w: f32, out: &mut [f32]) {
    assert!(z.len() == out.len() && x.is_none_or(|x| x.len() == z.len()), "rows of one length");
    let (z, out, w) = (vectors(z), vectors_mut(out), V::splat(w));
    match x.map(vectors) {
        Some(x) => out.iter_mut().zip(z).zip(x).for_each(|((out, z), x)| w.fma(V::load(x), V::load(z)).store(out)),
        None => out.iter_mut().zip(z).for_each(|(out, z)| V::load(z).add(w).store(out)),
    }
}

#[inline(always)]
pub(super) fn add_scaled<V: Vector>(z: &mut [f32], x: &[f32], w: f32) {
    assert_eq!(z.len(), x.len(), "rows of one length");
    let w = V::splat(w);
    vectors_mut(z).iter_mut().zip(vectors(x)).for_each(|(z, x)| w.fma(V::load(x), V::load(z)).store(z));
}

#[inline(always)]
pub(super) fn shift_signs<V: Vector>(z: &[f32], x: Option<&[f32]>, w: f32, signs: &[u16], out: &mut [f32], moved: &mut [u16]) -> u32 {
    assert!(z.len() == out.len() && x.is_none_or(|x| x.len() == z.len()), "rows of one length");
    assert!(signs.len() * LANES == z.len() && moved.len() == signs.len(), "one word of bits a vector");
    let (z, out, w) = (vectors(z), vectors_mut(out), V::splat(w));
    let mut n_moved = 0;
    let bits = moved.iter_mut().zip(signs);
    match x.map(vectors) {
        Some(x) => {
            for ((((moved, signs), out), z), x) in bits.zip(out).zip(z).zip(x) {
                let shifted = w.fma(V::load(x), V::load(z));
                shifted.store(out);
                *moved = shifted.positive() ^ signs;
                n_moved += moved.count_ones();
            }
        }
        None => {
            for (((moved, signs), out), z) in bits.zip(out).zip(z) {
                let shifted = V::load(z).add(w);
                shifted.store(out);
                *moved = shifted.positive() ^ signs;
                n_moved += moved.count_ones();
            }
        }
    }
    n_moved
}

#[inline(always)]
pub(super) fn differences<V: Vector>(a: &[f32], b: &[f32], out: &mut [f32], moved: &mut [u16]) -> u32 {
    assert!(a.len() == b.len() && out.len() == a.len(), "rows of one length");
    assert_eq!(moved.len() * LANES, a.len(), "one word of bits a vector");
    let mut n_moved = 0;
    for (((out, a), b), moved) in vectors_mut(out).iter_mut().zip(vectors(a)).zip(vectors(b)).zip(moved) {
        let (a, b) = (V::load(a), V::load(b));
        a.sub(b).store(out);
        *moved = a.differs(b);
        n_moved += moved.count_ones();
    }
    n_moved
}

#[inline(always)]
pub(super) fn cross_entropy<V: Vector>(logits: &[f32], starts: &[usize], classes: &[u32], out: &mut [f32]) {
    let n = out.len();
    assert!(classes.len() == n && n.is_multiple_of(LANES), "{} classes for {n} samples", classes.len());
    assert!(starts.iter().all(|&s| s <= logits.len() && logits.len() - s >= n), "a row of logits ends beyond them");
    let (classes, _) = classes.as_chunks::<LANES>();
    let row = |start: usize, at: usize| -> &[f32; LANES] { logits[start + at..].first_chunk().expect("rows were checked") };
    for (v, (out, classes)) in vectors_mut(out).iter_mut().zip(classes).enumerate() {
        let at = v * LANES;
        let mut top = V::splat(f32::NEG_INFINITY);
        for &start in starts {
            top = V::load(row(start, at)).max(top);
        }
        let (mut total, mut own) = (V::splat(0.0), top);
        for (class, &start) in (0..).zip(starts) {
            let logit = V::load(row(start, at));
            total = total.add(logit.sub(top).exp_below());
            own = own.replace_where(classes, class, logit);
        }
        total.ln().add(top.sub(own)).store(out);
    }
}

#[inline(always)]
pub(super) fn difference<V: Vector>(new: &[f32], old: &[f32], n_samples: usize) -> f64 {
    assert!(new.len() == old.len() && n_samples <= new.len(), "{n_samples} samples in rows of one length");
    let mut sum = V::wide_zero();
    let n_whole = n_samples / LANES;
    for (new, old) in vectors(new)[..n_whole].iter().zip(vectors(old)) {
        sum = V::load(new).sub(V::load(old)).add_to(sum);
    }
    let whole = n_whole * LANES..n_samples;
    fold(V::wide_lanes(sum), new[whole.clone()].iter().zip(&old[whole]).map(|(new, old)| new - old))
}

#[inline(always)]
pub(super) fn sum<V: Vector>(row: &[f32], n_samples: usize) -> f64 {
    assert!(n_samples <= row.len(), "{n_samples} samples in a row of {}", row.len());
    let mut sum = V::wide_zero();
    let n_whole = n_samples / LANES;
    for x in &vectors(row)[..n_whole] {
        sum = V::load(x).add_to(sum);
    }
    fold(V::wide_lanes(sum), row[n_whole * LANES..n_samples].iter().copied())
}

/// The last samples go into their lanes, and the lanes fold pairwise.
#[inline(always)]
fn fold(mut lanes: [f64; LANES], last: impl Iterator<Item = f32>) -> f64 {
    for (lane, x) in lanes.iter_mut().zip(last) {
        *lane += f64::from(x);
    }
    let mut n = LANES / 2;
    while n > 0 {
        for l in 0..n {
            lanes[l] += lanes[l + n];
        }
        n /= 2;
    }
    lanes[0]
}
