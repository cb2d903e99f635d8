//! The gradient of the log-likelihood: correlations with data held less correlations without, plain or centred.
//!
//! dw_ij = <x_i x_j>_data - <x_i x_j>_model, db_i = <x_i>_data - <x_i>_model. With offsets m the centred gradient
//! (Montavon, Mueller 2012; in the parameters of the plain machine, Melchior, Fischer, Wiskott 2016) is
//!
//! ```text
//! dw_ij = <(x_i - m_i)(x_j - m_j)>_data - <(x_i - m_i)(x_j - m_j)>_model
//! db_i  = <x_i>_data - <x_i>_model - sum_j dw_ij m_j
//! ```
//!
//! which does not depend on which of its two values a unit calls 0.

use crate::kernels::backward::dense::{Outer, add_gradients};
use crate::kernels::floats::LANES;
use crate::kernels::simd::Simd;
use crate::reduce;

use super::machine::Shape;
use super::state::LaneState;

/// Averages of single units and of joined pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct Averages {
    /// By layer.
    pub singles: Vec<Vec<f32>>,
    /// By link, `[upper unit][lower unit]`.
    pub pairs: Vec<Vec<f32>>,
}

/// A direction for weights and biases, laid out as averages are.
pub type Gradient = Averages;

impl Averages {
    /// All 0.
    pub fn zeroed(shape: &Shape) -> Self {
        let singles = shape.layers.iter().map(|l| vec![0.0; l.n_units]).collect();
        let pairs = (0..shape.links.len()).map(|k| vec![0.0; shape.n_weights(k)]).collect();
        Averages { singles, pairs }
    }

    /// Sets all to 0.
    pub fn clear(&mut self) {
        self.singles.iter_mut().chain(&mut self.pairs).for_each(|x| x.fill(0.0));
    }
}

/// Room for sums over lanes.
#[derive(Clone, Debug, Default)]
pub struct SumRoom {
    scaled: Vec<f32>,
    by_sample: Vec<f32>,
}

impl SumRoom {
    /// Adds `share` times the averages over the used lanes of `state` to `to`.
    pub fn add(&mut self, shape: &Shape, state: &LaneState, share: f32, to: &mut Averages, simd: Simd) {
        let (n_lanes, n_used) = (state.n_lanes(), state.n_used());
        let scale = share / n_used.max(1) as f32;
        for (l, singles) in to.singles.iter_mut().enumerate() {
            for (single, row) in singles.iter_mut().zip(state.layer(l).chunks_exact(n_lanes)) {
                *single += scale * reduce::lane_sum(&row[..n_used], |&x| f64::from(x)) as f32;
            }
        }
        for (lower, _) in shape.layers.iter().enumerate() {
            let joined = || shape.links.iter().enumerate().filter(move |(_, link)| link.lower == lower);
            if joined().next().is_none() {
                continue;
            }
            let stride = self.transpose(state.layer(lower), shape.layers[lower].n_units, state);
            for (k, link) in joined() {
                self.scaled.clear();
                self.scaled.extend(state.layer(link.upper).iter().map(|x| scale * x));
                let outer = Outer {
                    deltas: &self.scaled,
                    lanes: n_lanes,
                    samples: &self.by_sample,
                    stride,
                    n_samples: n_used,
                    n_sources: shape.layers[lower].n_units,
                };
                add_gradients(simd, outer, &mut to.pairs[k]);
            }
        }
    }

    /// Lays a layer out sample by sample and returns the length of a sample, a multiple of 16.
    fn transpose(&mut self, rows: &[f32], n_units: usize, state: &LaneState) -> usize {
        /// Lanes of a tile, which stay in the nearest cache.
        const TILE: usize = 16;
        let (n_lanes, n_used) = (state.n_lanes(), state.n_used());
        let stride = n_units.next_multiple_of(LANES);
        self.by_sample.resize(n_used * stride, 0.0);
        for first in (0..n_used).step_by(TILE) {
            let last = n_used.min(first + TILE);
            for (unit, row) in rows.chunks_exact(n_lanes).enumerate() {
                for (lane, &x) in row[first..last].iter().enumerate() {
                    self.by_sample[(first + lane) * stride + unit] = x;
                }
            }
        }
        // A layer before may have been longer.
        for sample in self.by_sample.chunks_exact_mut(stride) {
            sample[n_units..].fill(0.0);
        }
        stride
    }
}

/// Turns plain differences of averages into the centred gradient with the offsets `means` (by layer).
pub fn centre(shape: &Shape, difference: &mut Gradient, means: &[Vec<f32>]) {
    let singles = difference.singles.clone();
    for (link, pairs) in shape.links.iter().zip(&mut difference.pairs) {
        let (d_lower, d_upper) = (&singles[link.lower], &singles[link.upper]);
        let (m_lower, m_upper) = (&means[link.lower], &means[link.upper]);
        for ((row, &d_u), &m_u) in pairs.chunks_exact_mut(m_lower.len().max(1)).zip(d_upper).zip(m_upper) {
            for ((pair, &d_l), &m_l) in row.iter_mut().zip(d_lower).zip(m_lower) {
                *pair -= d_u * m_l + m_u * d_l;
            }
        }
        clear_diagonal(link.is_lateral(), m_lower.len(), pairs);
        for (row, bias) in pairs.chunks_exact(m_lower.len().max(1)).zip(&mut difference.singles[link.upper]) {
            *bias -= row.iter().zip(m_lower).map(|(&pair, &m)| pair * m).sum::<f32>();
        }
        if !link.is_lateral() {
            for (row, &m_u) in pairs.chunks_exact(m_lower.len().max(1)).zip(m_upper) {
                difference.singles[link.lower].iter_mut().zip(row).for_each(|(bias, &pair)| *bias -= pair * m_u);
            }
        }
    }
}

/// Makes lateral links symmetric, bit for bit, and their diagonal 0: no unit is joined with itself.
pub fn symmetrise(shape: &Shape, gradient: &mut Gradient) {
    for (link, pairs) in shape.links.iter().zip(&mut gradient.pairs).filter(|(link, _)| link.is_lateral()) {
        let n = shape.layers[link.lower].n_units;
        for i in 0..n {
            for j in 0..i {
                pairs[j * n + i] = pairs[i * n + j];
            }
        }
        clear_diagonal(true, n, pairs);
    }
}

fn clear_diagonal(is_lateral: bool, n: usize, pairs: &mut [f32]) {
    if is_lateral {
        pairs.iter_mut().step_by(n + 1).for_each(|x| *x = 0.0);
    }
}
