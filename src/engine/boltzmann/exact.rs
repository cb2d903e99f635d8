//! Exact answers of small machines by listing all states: what estimates are tested against.

use crate::math;

use super::gradient::{Averages, Gradient, centre, symmetrise};
use super::machine::{Machine, Shape};

/// Most units whose states are listed.
pub const MAX_UNITS: usize = 20;

/// All states of a machine with their probabilities.
#[derive(Clone, Debug)]
pub struct Listed {
    shape: Shape,
    low: f64,
    /// Energies by state; bit k of a state is unit k, in the order of layers.
    energies: Vec<f64>,
    n_units: usize,
    is_visible: Vec<bool>,
}

impl Listed {
    /// Lists the states of `machine`.
    ///
    /// # Panics
    /// If it has more than [`MAX_UNITS`] units.
    pub fn new(machine: &Machine) -> Self {
        let shape = machine.shape.clone();
        let is_visible: Vec<bool> = shape.layers.iter().flat_map(|l| std::iter::repeat_n(l.is_visible, l.n_units)).collect();
        let n_units = is_visible.len();
        assert!(n_units <= MAX_UNITS, "{n_units} units have too many states to list");
        let low = f64::from(shape.values.low());
        let energies = (0..1_usize << n_units).map(|state| energy(machine, &values(state, n_units, low))).collect();
        Listed { shape, low, energies, n_units, is_visible }
    }

    /// The energies, by state.
    pub fn energies(&self) -> &[f64] {
        &self.energies
    }

    /// ln of the partition function.
    pub fn ln_z(&self) -> f64 {
        math::log_sum_exp(&self.energies.iter().map(|e| -e).collect::<Vec<_>>())
    }

    /// Probabilities by state.
    pub fn probabilities(&self) -> Vec<f64> {
        let ln_z = self.ln_z();
        self.energies.iter().map(|e| math::exp(-e - ln_z)).collect()
    }

    /// Probabilities by state with the visible units held at `sample`, whose values may lie between the two: a mixture over
    /// independent states of visible units with these means.
    ///
    /// # Panics
    /// If there is not a value a visible unit.
    pub fn held(&self, sample: &[f32]) -> Vec<f64> {
        assert_eq!(sample.len(), self.is_visible.iter().filter(|v| **v).count(), "values, and visible units");
        let mask: usize = self.is_visible.iter().enumerate().map(|(k, &v)| usize::from(v) << k).sum();
        let mut sums = std::collections::BTreeMap::new();
        for (state, e) in self.energies.iter().enumerate() {
            *sums.entry(state & mask).or_insert(0.0) += math::exp(-e);
        }
        let up: Vec<f64> = sample.iter().map(|&x| (f64::from(x) - self.low) / (1.0 - self.low)).collect();
        let chance = |state: usize| -> f64 {
            let visible = (0..self.n_units).filter(|&k| self.is_visible[k]);
            visible.zip(&up).map(|(k, p)| if state >> k & 1 == 1 { *p } else { 1.0 - p }).product()
        };
        self.energies.iter().enumerate().map(|(state, e)| chance(state) * math::exp(-e) / sums[&(state & mask)]).collect()
    }

    /// ln p(sample) of visible units at their two values.
    pub fn log_likelihood(&self, sample: &[f32]) -> f64 {
        let is_it = |state: usize| {
            let visible = (0..self.n_units).filter(|&k| self.is_visible[k]);
            visible.zip(sample).all(|(k, &x)| (state >> k & 1 == 1) == (x > 0.5 * (1.0 + self.low as f32)))
        };
        let terms: Vec<f64> = self.energies.iter().enumerate().filter(|(state, _)| is_it(*state)).map(|(_, e)| -e).collect();
        math::log_sum_exp(&terms) - self.ln_z()
    }

    /// Averages of units and pairs under the distribution `p` over states.
    pub fn averages(&self, p: &[f64]) -> Averages {
        let mut singles = vec![0.0; self.n_units];
        let mut pairs = vec![0.0; self.n_units * self.n_units];
        for (state, &p) in p.iter().enumerate() {
            let x = values(state, self.n_units, self.low);
            for i in 0..self.n_units {
                singles[i] += p * x[i];
                for j in 0..self.n_units {
                    pairs[i * self.n_units + j] += p * x[i] * x[j];
                }
            }
        }
        let first = |layer: usize| -> usize { self.shape.layers[..layer].iter().map(|l| l.n_units).sum() };
        let mut averages = Averages::zeroed(&self.shape);
        for (l, row) in averages.singles.iter_mut().enumerate() {
            row.iter_mut().enumerate().for_each(|(i, x)| *x = singles[first(l) + i] as f32);
        }
        for (link, row) in self.shape.links.iter().zip(&mut averages.pairs) {
            let n_lower = self.shape.layers[link.lower].n_units;
            for (k, x) in row.iter_mut().enumerate() {
                *x = pairs[(first(link.upper) + k / n_lower) * self.n_units + first(link.lower) + k % n_lower] as f32;
            }
        }
        averages
    }

    /// The gradient of the mean log-likelihood of `samples`, centred with the offsets `means` if there are any.
    pub fn gradient(&self, samples: &[Vec<f32>], means: Option<&[Vec<f32>]>) -> Gradient {
        let mut held = vec![0.0; self.energies.len()];
        for sample in samples {
            held.iter_mut().zip(self.held(sample)).for_each(|(sum, p)| *sum += p / samples.len() as f64);
        }
        let mut gradient = self.averages(&held);
        let model = self.averages(&self.probabilities());
        let model = model.singles.iter().chain(&model.pairs);
        gradient.singles.iter_mut().chain(&mut gradient.pairs).zip(model).for_each(|(g, m)| {
            g.iter_mut().zip(m).for_each(|(g, m)| *g -= m);
        });
        symmetrise(&self.shape, &mut gradient);
        if let Some(means) = means {
            centre(&self.shape, &mut gradient, means);
        }
        gradient
    }
}

fn values(state: usize, n_units: usize, low: f64) -> Vec<f64> {
    (0..n_units).map(|k| if state >> k & 1 == 1 { 1.0 } else { low }).collect()
}

/// The energy of one state, term by term as its definition says.
fn energy(machine: &Machine, x: &[f64]) -> f64 {
    let shape = &machine.shape;
    let first = |layer: usize| -> usize { shape.layers[..layer].iter().map(|l| l.n_units).sum() };
    let mut energy = 0.0;
    for (l, biases) in machine.biases.iter().enumerate() {
        energy -= biases.iter().zip(&x[first(l)..]).map(|(&b, x)| f64::from(b) * x).sum::<f64>();
    }
    for (link, weights) in shape.links.iter().zip(&machine.weights) {
        let n_lower = shape.layers[link.lower].n_units;
        for (k, &w) in weights.iter().enumerate() {
            let (u, l) = (k / n_lower, k % n_lower);
            if !link.is_lateral() || l < u {
                energy -= f64::from(w) * x[first(link.upper) + u] * x[first(link.lower) + l];
            }
        }
    }
    energy
}
