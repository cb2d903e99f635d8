//! Layers of two-valued units joined by dense links, and their energy.
//!
//! E(x) = -sum_i b_i x_i - sum_links sum_ij w_ij x_i x_j (Ackley, Hinton, Sejnowski 1985), x in {0, 1} or {-1, +1}, at
//! temperature 1. A link joins two layers, or a layer with itself; then its matrix is symmetric with a zero diagonal and
//! each pair counts once. Two layers and one link between them are a restricted machine, a chain of them a deep one, a
//! link of each kind everywhere a general one.

use crate::kernels::backward::dense::{Matrix, product};
use crate::kernels::layers::Products;
use crate::kernels::simd::Simd;

use super::state::LaneState;

/// The two values of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnitValues {
    /// 0 and 1.
    #[default]
    ZeroOne,
    /// -1 and +1.
    PlusMinus,
}

impl UnitValues {
    /// The lower value; the upper one is 1.
    pub const fn low(self) -> f32 {
        match self {
            UnitValues::ZeroOne => 0.0,
            UnitValues::PlusMinus => -1.0,
        }
    }
}

/// Units that no link joins with each other, except a lateral one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Number of units.
    pub n_units: usize,
    /// True if data say what its units are.
    pub is_visible: bool,
}

/// Two joined layers, `lower` before `upper`, or one joined with itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Index of the first layer.
    pub lower: usize,
    /// Index of the second layer; the first one again for a lateral link.
    pub upper: usize,
}

impl Link {
    /// True if it joins a layer with itself.
    pub const fn is_lateral(self) -> bool {
        self.lower == self.upper
    }
}

/// What a machine is made of, without its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Layers, in the order in which a sweep visits them.
    pub layers: Vec<Layer>,
    /// Links, at most one for each two layers.
    pub links: Vec<Link>,
    /// The two values of all units.
    pub values: UnitValues,
}

impl Shape {
    /// A restricted machine.
    pub fn restricted(n_visible: usize, n_hidden: usize, values: UnitValues) -> Self {
        Self::deep(&[n_visible, n_hidden], values)
    }

    /// A chain of layers, the first one visible.
    pub fn deep(sizes: &[usize], values: UnitValues) -> Self {
        let layers = sizes.iter().enumerate().map(|(l, &n_units)| Layer { n_units, is_visible: l == 0 }).collect();
        let links = (1..sizes.len()).map(|upper| Link { lower: upper - 1, upper }).collect();
        Shape { layers, links, values }
    }

    /// A general machine: all visible and all hidden units joined with each other.
    pub fn general(n_visible: usize, n_hidden: usize, values: UnitValues) -> Self {
        let layers = vec![Layer { n_units: n_visible, is_visible: true }, Layer { n_units: n_hidden, is_visible: false }];
        let links = vec![Link { lower: 0, upper: 0 }, Link { lower: 0, upper: 1 }, Link { lower: 1, upper: 1 }];
        Shape { layers, links, values }
    }

    /// Number of visible units: the features of a sample.
    pub fn n_visible(&self) -> usize {
        self.layers.iter().filter(|l| l.is_visible).map(|l| l.n_units).sum()
    }

    /// Number of hidden units.
    pub fn n_hidden(&self) -> usize {
        self.layers.iter().filter(|l| !l.is_visible).map(|l| l.n_units).sum()
    }

    /// Numbers of the matrix of a link, `[upper unit][lower unit]`.
    pub fn n_weights(&self, link: usize) -> usize {
        self.layers[self.links[link].lower].n_units * self.layers[self.links[link].upper].n_units
    }

    /// The lateral link of a layer.
    pub fn lateral(&self, layer: usize) -> Option<usize> {
        self.links.iter().position(|l| l.is_lateral() && l.lower == layer)
    }

    /// True if hidden units are independent of each other given the visible ones: their sum is a product.
    pub fn is_restricted(&self) -> bool {
        let is_hidden = |l: usize| !self.layers[l].is_visible;
        !self.links.iter().any(|link| is_hidden(link.lower) && is_hidden(link.upper))
    }

    /// Asserts that links name layers in order, each pair once.
    ///
    /// # Panics
    /// If they do not.
    pub fn check(&self) {
        for (i, link) in self.links.iter().enumerate() {
            assert!(link.lower <= link.upper && link.upper < self.layers.len(), "{link:?} of {} layers", self.layers.len());
            assert!(!self.links[..i].contains(link), "{link:?} is there twice");
        }
    }
}

/// A Boltzmann machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// What it is made of.
    pub shape: Shape,
    /// By link, `[upper unit][lower unit]`; those of lateral links symmetric, their diagonal 0.
    pub weights: Vec<Vec<f32>>,
    /// By layer.
    pub biases: Vec<Vec<f32>>,
}

/// A path of machines: fields are beta (those of the machine) + (1 - beta) base, a beta a lane.
///
/// At beta = 0 units are independent with the fields `base`; at 1 it is the machine. The energy along the path is
/// beta E + (1 - beta) E_base.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// By lane.
    pub betas: &'a [f32],
    /// Fields of the independent units, by layer.
    pub base: &'a [Vec<f32>],
}

impl Machine {
    /// A machine of this shape whose weights and biases are 0.
    pub fn zeroed(shape: Shape) -> Self {
        shape.check();
        let weights = (0..shape.links.len()).map(|k| vec![0.0; shape.n_weights(k)]).collect();
        let biases = shape.layers.iter().map(|l| vec![0.0; l.n_units]).collect();
        Machine { shape, weights, biases }
    }

    /// The matrix of `link` as `layer` sees it: a row a unit of `layer`, a column a unit of the other layer, which is returned.
    fn matrix(&self, link: usize, layer: usize) -> (Matrix<'_>, usize) {
        let Link { lower, upper } = self.shape.links[link];
        let (n_lower, n_upper) = (self.shape.layers[lower].n_units, self.shape.layers[upper].n_units);
        let weights = self.weights[link].as_slice();
        if layer == upper {
            (Matrix::by_target(weights, n_upper, n_lower), lower)
        } else {
            (Matrix::by_source(weights, n_upper, n_lower), upper)
        }
    }

    /// Writes the fields b + sum of w x of `layer` to `out`, `[unit][lane]`; lateral links are left out.
    pub fn fields_between(&self, layer: usize, state: &LaneState, out: &mut Vec<f32>, simd: Simd) {
        let n_lanes = state.n_lanes();
        out.clear();
        for &b in &self.biases[layer] {
            out.resize(out.len() + n_lanes, b);
        }
        for (k, link) in self.shape.links.iter().enumerate() {
            if !link.is_lateral() && (link.lower == layer || link.upper == layer) {
                let (matrix, other) = self.matrix(k, layer);
                product(simd, Products::Ordered, matrix, state.layer(other), out, n_lanes);
            }
        }
    }

    /// Adds what the lateral link of `layer`, if it has one, makes of the layer's own units to `out`, `[unit][lane]`.
    pub fn add_lateral(&self, layer: usize, state: &LaneState, out: &mut [f32], simd: Simd) {
        if let Some(link) = self.shape.lateral(layer) {
            let (matrix, _) = self.matrix(link, layer);
            product(simd, Products::Ordered, matrix, state.layer(layer), out, state.n_lanes());
        }
    }

    /// The row of unit `unit` in the lateral matrix of `layer`.
    pub(super) fn lateral_row(&self, link: usize, unit: usize) -> Matrix<'_> {
        let n = self.shape.layers[self.shape.links[link].lower].n_units;
        Matrix::by_target(&self.weights[link][unit * n..(unit + 1) * n], 1, n)
    }

    /// The energy of each lane.
    pub fn energies(&self, state: &LaneState, simd: Simd) -> Vec<f64> {
        let n_lanes = state.n_lanes();
        let mut energies = vec![0.0; n_lanes];
        let mut sums = Vec::new();
        for (l, biases) in self.biases.iter().enumerate() {
            // Each link is counted by its upper layer; a lateral one has each pair twice.
            let x = state.layer(l);
            for (&b, x) in biases.iter().zip(x.chunks_exact(n_lanes)) {
                energies.iter_mut().zip(x).for_each(|(e, &x)| *e -= f64::from(b) * f64::from(x));
            }
            for (k, link) in self.shape.links.iter().enumerate().filter(|(_, link)| link.upper == l) {
                let share = if link.is_lateral() { 0.5 } else { 1.0 };
                let (matrix, other) = self.matrix(k, l);
                sums.clear();
                sums.resize(biases.len() * n_lanes, 0.0);
                product(simd, Products::Ordered, matrix, state.layer(other), &mut sums, n_lanes);
                for (sums, x) in sums.chunks_exact(n_lanes).zip(x.chunks_exact(n_lanes)) {
                    for ((e, &sum), &x) in energies.iter_mut().zip(sums).zip(x) {
                        *e -= share * f64::from(sum) * f64::from(x);
                    }
                }
            }
        }
        energies
    }

    /// The energy of each lane less that of independent units with the fields `base`.
    pub fn energies_above(&self, base: &[Vec<f32>], state: &LaneState, simd: Simd) -> Vec<f64> {
        let n_lanes = state.n_lanes();
        let mut energies = self.energies(state, simd);
        for (l, base) in base.iter().enumerate() {
            for (&b, x) in base.iter().zip(state.layer(l).chunks_exact(n_lanes)).filter(|(b, _)| **b != 0.0) {
                energies.iter_mut().zip(x).for_each(|(e, &x)| *e += f64::from(b) * f64::from(x));
            }
        }
        energies
    }
}
