//! One sample of each network of a block.

use crate::plan::population::BlockPlan;

use super::super::floats::{Floats, Kernel, LANES};
use super::join::{Edges, activate, join};

/// Computes all slices; `next` is where the values of recurrent networks go.
pub struct StepBlock<'a> {
    pub plan: &'a BlockPlan,
    pub values: &'a mut [f32; 1 << 16],
    pub next: Option<&'a mut [f32]>,
}

/// The edges of a slice.
struct OfSlice<'a> {
    sources: &'a [[u16; LANES]],
    weights: &'a [[f32; LANES]],
    values: &'a [f32; 1 << 16],
}

impl<F: Floats> Edges<F> for OfSlice<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.sources.len()
    }

    #[inline(always)]
    fn get(&self, e: usize) -> (F, F) {
        (F::load(&self.weights[e]), F::gather_16(self.values, &self.sources[e]))
    }
}

impl Kernel for StepBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        let StepBlock { plan, values, next } = self;
        let first = plan.first_value();
        let Some(next) = next else {
            for (s, place) in (0..plan.slices.len()).zip((first..).step_by(LANES)) {
                let a = of_slice::<F>(plan, s, values);
                if let Some(to) = values[place..].first_chunk_mut() {
                    a.store(to);
                }
            }
            return;
        };
        for (s, to) in next.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let new = of_slice::<F>(plan, s, values);
            let old = values[first + s * LANES..].first_chunk().map_or(F::splat(0.0), F::load);
            // Where the rate is 1, x + (new - x) would round: such networks keep what is new.
            let rate = F::load(&plan.rates[s]);
            F::select(F::splat(1.0).gt(rate), rate.fma(new.sub(old), old), new).store(to);
        }
        values[first..first + next.len()].copy_from_slice(next);
    }
}

#[inline(always)]
fn of_slice<F: Floats>(plan: &BlockPlan, s: usize, values: &[f32; 1 << 16]) -> F {
    let slice = plan.slices[s];
    let rows = slice.edges as usize..(slice.edges + slice.width) as usize;
    let edges = OfSlice { sources: &plan.sources[rows.clone()], weights: &plan.weights[rows], values };
    activate(slice.activation, join(slice.aggregation, F::load(&plan.biases[s]), &edges))
}
