//! Many samples of one network.

use crate::plan::population::{Aggregation, Network};

use super::super::floats::{Floats, Kernel, LANES};
use super::join::{Edges, activate, join};

/// Vectors of lanes whose sums stay in registers beside each other.
const TILE: usize = 4;

/// Computes all nodes over lanes; `values` are `[slot][lane]`.
pub struct RunLanes<'a> {
    pub network: &'a Network,
    pub n_lanes: usize,
    pub values: &'a mut [f32],
    /// Where the values of recurrent networks go.
    pub next: Option<&'a mut [f32]>,
}

/// The edges of a node at 16 samples.
struct OfNode<'a> {
    sources: &'a [u32],
    weights: &'a [f32],
    values: &'a [f32],
    n_lanes: usize,
    lane: usize,
}

impl OfNode<'_> {
    /// The sums of a tile of lanes, each weight read once.
    #[inline(always)]
    fn sums<F: Floats>(&self, bias: f32) -> [F; TILE] {
        let mut sums = [F::splat(bias); TILE];
        for (&source, &w) in self.sources.iter().zip(self.weights) {
            let x = &self.values[source as usize * self.n_lanes + self.lane..][..TILE * LANES];
            let w = F::splat(w);
            for (sum, x) in sums.iter_mut().zip(x.as_chunks().0) {
                *sum = w.fma(F::load(x), *sum);
            }
        }
        sums
    }
}

impl<F: Floats> Edges<F> for OfNode<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.sources.len()
    }

    #[inline(always)]
    fn get(&self, e: usize) -> (F, F) {
        let x = self.values[self.sources[e] as usize * self.n_lanes + self.lane..].first_chunk();
        (F::splat(self.weights[e]), x.map_or(F::splat(0.0), F::load))
    }
}

impl Kernel for RunLanes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        let RunLanes { network, n_lanes, values, mut next } = self;
        for (n, node) in network.nodes.iter().enumerate() {
            let edges = network.edges(n);
            let (sources, weights) = (&network.sources[edges.clone()], &network.weights[edges]);
            let slot = network.slot(n) * n_lanes;
            let mut done = 0;
            if node.aggregation == Aggregation::Sum && next.is_none() {
                while done + TILE * LANES <= n_lanes {
                    let of_node = OfNode { sources, weights, values, n_lanes, lane: done };
                    let sums = of_node.sums::<F>(node.bias);
                    for (v, sum) in sums.into_iter().enumerate() {
                        if let Some(to) = values[slot + done + v * LANES..].first_chunk_mut() {
                            activate(node.activation, sum).store(to);
                        }
                    }
                    done += TILE * LANES;
                }
            }
            for lane in (done..n_lanes).step_by(LANES) {
                let of_node = OfNode { sources, weights, values, n_lanes, lane };
                let new: F = activate(node.activation, join(node.aggregation, F::splat(node.bias), &of_node));
                match &mut next {
                    None => {
                        if let Some(to) = values[slot + lane..].first_chunk_mut() {
                            new.store(to);
                        }
                    }
                    Some(next) => {
                        let old = values[slot + lane..].first_chunk().map_or(F::splat(0.0), F::load);
                        let new = if node.rate < 1.0 { F::splat(node.rate).fma(new.sub(old), old) } else { new };
                        if let Some(to) = next[n * n_lanes + lane..].first_chunk_mut() {
                            new.store(to);
                        }
                    }
                }
            }
        }
        if let Some(next) = next {
            values[network.slot(0) * n_lanes..].copy_from_slice(next);
        }
    }
}
