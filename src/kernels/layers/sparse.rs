//! Rows one after another: compressed sparse ones, and the gates of any.

use super::super::floats::{Floats, Kernel, LANES};

/// What a synapse adds to its lanes.
#[derive(Clone, Copy)]
pub enum Term {
    /// w x.
    Weighted,
    /// 1 if w x + bias > 1/2.
    Counted,
}

/// Adds the inputs of compressed sparse rows; `offsets` are those of the targets of `z`.
pub struct AddSparse<'a> {
    pub offsets: &'a [u32],
    pub sources: &'a [u32],
    pub weights: &'a [f32],
    pub x: &'a [f32],
    pub n_lanes: usize,
    pub z: &'a mut [f32],
}

impl Kernel for AddSparse<'_> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        for (bounds, z) in self.offsets.windows(2).zip(self.z.chunks_exact_mut(self.n_lanes)) {
            let synapses = bounds[0] as usize..bounds[1] as usize;
            let row = Row { sources: &self.sources[synapses.clone()], weights: &self.weights[synapses], x: self.x, n_lanes: self.n_lanes };
            row.add::<F>(Term::Weighted, 0.0, z);
        }
    }
}

/// Counts the true inputs of gates with `biases`, over dense rows if there are no `offsets`.
pub struct CountTrue<'a> {
    pub offsets: Option<&'a [u32]>,
    pub sources: &'a [u32],
    pub weights: &'a [f32],
    pub biases: &'a [f32],
    pub x: &'a [f32],
    pub n_lanes: usize,
    pub z: &'a mut [f32],
}

impl Kernel for CountTrue<'_> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        let n_sources = self.sources.len();
        for (t, (z, &bias)) in self.z.chunks_exact_mut(self.n_lanes).zip(self.biases).enumerate() {
            let (sources, weights) = match self.offsets {
                Some(offsets) => {
                    let synapses = offsets[t] as usize..offsets[t + 1] as usize;
                    (&self.sources[synapses.clone()], &self.weights[synapses])
                }
                None => (self.sources, &self.weights[t * n_sources..(t + 1) * n_sources]),
            };
            Row { sources, weights, x: self.x, n_lanes: self.n_lanes }.add::<F>(Term::Counted, bias, z);
        }
    }
}

/// The synapses onto one target.
struct Row<'a> {
    sources: &'a [u32],
    weights: &'a [f32],
    x: &'a [f32],
    n_lanes: usize,
}

impl Row<'_> {
    #[inline(always)]
    fn add<F: Floats>(&self, term: Term, bias: f32, z: &mut [f32]) {
        let mut lane = 0;
        while lane + 4 * LANES <= self.n_lanes {
            self.lanes::<F, 4>(term, bias, lane, z);
            lane += 4 * LANES;
        }
        while lane < self.n_lanes {
            self.lanes::<F, 1>(term, bias, lane, z);
            lane += LANES;
        }
    }

    #[inline(always)]
    fn lanes<F: Floats, const V: usize>(&self, term: Term, bias: f32, lane: usize, z: &mut [f32]) {
        let z = z[lane..lane + V * LANES].as_chunks_mut().0;
        let mut sums = [F::splat(0.0); V];
        for (sum, z) in sums.iter_mut().zip(&*z) {
            *sum = F::load(z);
        }
        let (bias, half, one) = (F::splat(bias), F::splat(0.5), F::splat(1.0));
        for (&source, &w) in self.sources.iter().zip(self.weights) {
            let x = self.x[source as usize * self.n_lanes + lane..][..V * LANES].as_chunks().0;
            let w = F::splat(w);
            for (sum, x) in sums.iter_mut().zip(x) {
                let x = F::load(x);
                *sum = match term {
                    Term::Weighted => w.fma(x, *sum),
                    Term::Counted => F::select(w.mul(x).add(bias).gt(half), sum.add(one), *sum),
                };
            }
        }
        for (sum, z) in sums.iter().zip(z) {
            sum.store(z);
        }
    }
}
