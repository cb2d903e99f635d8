//! The kernels, over any vector.

use super::super::floats::{Floats, Kernel, LANES, math};

/// e^x below this is taken as e^-87, which is nothing beside the largest term 1 of a softmax.
const SMALLEST: f32 = -87.0;
/// 1.5 * 2^23: adding it rounds to an integer.
const MAGIC: f32 = 12_582_912.0;
/// Coefficients of 2^r on [-1/2, 1/2] after the leading one, highest power first: (2^r - 1) / r interpolated at Chebyshev nodes.
const EXP2: [f32; 5] = [9.666_369e-3, 5.550_381e-2, 2.402_235e-1, std::f32::consts::LN_2, 1.0];

/// e^x for x up to 0, to about 2e-7 of itself: fewer operations than [`math::exp`], since the kernel is bound by them.
#[inline(always)]
fn exp_below<F: Floats>(x: F) -> F {
    let x = x.max(F::splat(SMALLEST));
    let log2e = F::splat(std::f32::consts::LOG2_E);
    let k = x.fma(log2e, F::splat(MAGIC)).sub(F::splat(MAGIC));
    let r = x.fma(log2e, k.neg());
    let mut p = F::splat(1.338_130_3e-3);
    for c in EXP2 {
        p = p.fma(r, F::splat(c));
    }
    p.mul(k.power_of_two())
}

#[inline(always)]
fn whole(row: &[f32]) -> &[[f32; LANES]] {
    row.as_chunks().0
}

#[inline(always)]
fn whole_mut(row: &mut [f32]) -> &mut [[f32; LANES]] {
    row.as_chunks_mut().0
}

pub(super) struct Shift<'a> {
    pub(super) z: &'a [f32],
    pub(super) x: Option<&'a [f32]>,
    pub(super) w: f32,
    pub(super) out: &'a mut [f32],
}

impl Kernel for Shift<'_> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        let w = F::splat(self.w);
        let rows = whole_mut(self.out).iter_mut().zip(whole(self.z));
        match self.x {
            Some(x) => {
                for ((out, z), x) in rows.zip(whole(x)) {
                    w.fma(F::load(x), F::load(z)).store(out);
                }
            }
            None => {
                for (out, z) in rows {
                    F::load(z).add(w).store(out);
                }
            }
        }
    }
}

pub(super) struct AddScaled<'a> {
    pub(super) z: &'a mut [f32],
    pub(super) x: &'a [f32],
    pub(super) w: f32,
}

impl Kernel for AddScaled<'_> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        let w = F::splat(self.w);
        for (z, x) in whole_mut(self.z).iter_mut().zip(whole(self.x)) {
            w.fma(F::load(x), F::load(z)).store(z);
        }
    }
}

pub(super) struct ShiftSigns<'a> {
    pub(super) z: &'a [f32],
    pub(super) x: Option<&'a [f32]>,
    pub(super) w: f32,
    pub(super) signs: &'a [u16],
    pub(super) out: &'a mut [f32],
    pub(super) moved: &'a mut [u16],
}

impl Kernel for ShiftSigns<'_> {
    type Output = u32;

    #[inline(always)]
    fn run<F: Floats>(self) -> u32 {
        let (w, zero) = (F::splat(self.w), F::splat(0.0));
        let bits = self.moved.iter_mut().zip(self.signs);
        let rows = whole_mut(self.out).iter_mut().zip(whole(self.z)).zip(bits);
        let mut n_moved = 0;
        match self.x {
            Some(x) => {
                for (((out, z), (moved, signs)), x) in rows.zip(whole(x)) {
                    let shifted = w.fma(F::load(x), F::load(z));
                    shifted.store(out);
                    *moved = F::bits(shifted.gt(zero)) ^ signs;
                    n_moved += moved.count_ones();
                }
            }
            None => {
                for ((out, z), (moved, signs)) in rows {
                    let shifted = F::load(z).add(w);
                    shifted.store(out);
                    *moved = F::bits(shifted.gt(zero)) ^ signs;
                    n_moved += moved.count_ones();
                }
            }
        }
        n_moved
    }
}

pub(super) struct Differences<'a> {
    pub(super) a: &'a [f32],
    pub(super) b: &'a [f32],
    pub(super) out: &'a mut [f32],
    pub(super) moved: &'a mut [u16],
}

impl Kernel for Differences<'_> {
    type Output = u32;

    #[inline(always)]
    fn run<F: Floats>(self) -> u32 {
        let mut n_moved = 0;
        let rows = whole_mut(self.out).iter_mut().zip(whole(self.a)).zip(whole(self.b));
        for (((out, a), b), moved) in rows.zip(self.moved) {
            let (a, b) = (F::load(a), F::load(b));
            a.sub(b).store(out);
            *moved = F::bits(a.gt(b)) | F::bits(b.gt(a));
            n_moved += moved.count_ones();
        }
        n_moved
    }
}

pub(super) struct CrossEntropy<'a> {
    pub(super) logits: &'a [f32],
    pub(super) starts: &'a [usize],
    pub(super) classes: &'a [f32],
    pub(super) out: &'a mut [f32],
}

impl Kernel for CrossEntropy<'_> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        for ((v, out), classes) in whole_mut(self.out).iter_mut().enumerate().zip(whole(self.classes)) {
            let at = v * LANES;
            let mut top = F::splat(f32::NEG_INFINITY);
            for &start in self.starts {
                top = load_at::<F>(self.logits, start + at).max(top);
            }
            let classes = F::load(classes);
            let (mut total, mut own) = (F::splat(0.0), top);
            for (class, &start) in (0..).zip(self.starts) {
                let logit = load_at::<F>(self.logits, start + at);
                total = total.add(exp_below(logit.sub(top)));
                own = F::select(classes.is_integer(class), logit, own);
            }
            math::ln(total).add(top.sub(own)).store(out);
        }
    }
}

#[inline(always)]
fn load_at<F: Floats>(from: &[f32], at: usize) -> F {
    F::load(from[at..].first_chunk().expect("rows were checked"))
}

pub(super) struct Difference<'a> {
    pub(super) new: &'a [f32],
    pub(super) old: &'a [f32],
    pub(super) n_samples: usize,
}

impl Kernel for Difference<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<F: Floats>(self) -> f64 {
        let n_whole = self.n_samples / LANES * LANES;
        let mut sum = Exact::<F>::zero();
        for (new, old) in whole(&self.new[..n_whole]).iter().zip(whole(self.old)) {
            sum.add(F::load(new).sub(F::load(old)));
        }
        if n_whole < self.n_samples {
            let mut last = [0.0; LANES];
            for ((last, new), old) in last.iter_mut().zip(&self.new[n_whole..self.n_samples]).zip(&self.old[n_whole..]) {
                *last = new - old;
            }
            sum.add(F::load(&last));
        }
        sum.fold()
    }
}

pub(super) struct Sum<'a> {
    pub(super) row: &'a [f32],
    pub(super) n_samples: usize,
}

impl Kernel for Sum<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<F: Floats>(self) -> f64 {
        let n_whole = self.n_samples / LANES * LANES;
        let mut sum = Exact::<F>::zero();
        for x in whole(&self.row[..n_whole]) {
            sum.add(F::load(x));
        }
        if n_whole < self.n_samples {
            let mut last = [0.0; LANES];
            for (last, x) in last.iter_mut().zip(&self.row[n_whole..self.n_samples]) {
                *last = *x;
            }
            sum.add(F::load(&last));
        }
        sum.fold()
    }
}

/// Sums whose rounding errors are summed beside them (Knuth's two-sum).
struct Exact<F> {
    sum: F,
    error: F,
}

impl<F: Floats> Exact<F> {
    #[inline(always)]
    fn zero() -> Self {
        Exact { sum: F::splat(0.0), error: F::splat(0.0) }
    }

    #[inline(always)]
    fn add(&mut self, x: F) {
        let sum = self.sum.add(x);
        let added = sum.sub(self.sum);
        let lost = self.sum.sub(sum.sub(added)).add(x.sub(added));
        (self.sum, self.error) = (sum, self.error.add(lost));
    }

    /// The sum of all lanes, in f64 and a fixed order.
    #[inline(always)]
    fn fold(self) -> f64 {
        let (mut sums, mut errors) = ([0.0; LANES], [0.0; LANES]);
        self.sum.store(&mut sums);
        self.error.store(&mut errors);
        let mut lanes = [0.0; LANES];
        for ((lane, &sum), &error) in lanes.iter_mut().zip(&sums).zip(&errors) {
            *lane = f64::from(sum) + f64::from(error);
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
}
