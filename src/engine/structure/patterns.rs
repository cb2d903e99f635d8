//! Learning a spin network's wiring from patterns: the energy of couplings is how badly they explain given states.
//!
//! Two standard objectives, for patterns s^p of N spins and symmetric couplings J:
//! - `PseudoLikelihood`: E = -sum over p and i of ln P(s_i^p | all other spins) = sum ln(1 + exp(-2 beta s_i f_i)), Besag's
//!   pseudo-likelihood (1975), the standard of inverse Ising problems (Ravikumar, Wainwright, Lafferty 2010). At T = 1 the walk
//!   samples its posterior over wirings; a move costs O(patterns).
//! - `Clamped`: E = mean over p of the spins' own energy -sum J s s - sum h s with the patterns clamped: the positive phase of a
//!   Boltzmann machine, bounded by the slab. A move costs O(1).

use std::sync::Arc;

use crate::math;

use super::candidates::Candidates;
use super::energy::StructureEnergy;
use super::state::Structure;

/// How badly couplings explain patterns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Objective {
    /// -ln of the pseudo-likelihood, summed over patterns and spins.
    PseudoLikelihood {
        /// Inverse temperature at which the spins are taken to have been drawn, above 0.
        beta: f64,
    },
    /// The mean energy of the patterns.
    Clamped,
}

/// The energy of couplings given patterns.
#[derive(Clone, Debug)]
pub struct PatternEnergy {
    candidates: Arc<Candidates>,
    objective: Objective,
    n_patterns: usize,
    /// By neuron: its spins in all patterns.
    spins: Vec<i8>,
    biases: Vec<f32>,
    couplings: Vec<f32>,
    /// `Clamped`: mean of s_i s_j by candidate.
    correlations: Vec<f64>,
    /// `PseudoLikelihood`: s_i f_i by neuron and pattern.
    margins: Vec<f64>,
    /// `PseudoLikelihood`: the loss of each neuron.
    losses: Vec<f64>,
    energy: f64,
    pending: Pending,
}

/// What was proposed: couplings, the change, and the new margins of the neurons that they touch.
#[derive(Clone, Debug, Default)]
struct Pending {
    changes: Vec<(u32, f32)>,
    change: f64,
    neurons: Vec<(u32, f64)>,
    margins: Vec<f64>,
}

impl PatternEnergy {
    /// The energy of the couplings of `structure`; `patterns` holds +1 and -1, one pattern of all neurons after another.
    ///
    /// # Panics
    /// If the candidates are directed, a length differs, or a value is neither +1 nor -1.
    pub fn new(structure: &Structure, objective: Objective, biases: Vec<f32>, patterns: &[i8]) -> Self {
        let candidates = Arc::clone(structure.candidates());
        let n = candidates.n_neurons();
        assert!(candidates.is_symmetric(), "couplings of spins are symmetric, the candidates are directed");
        assert_eq!(biases.len(), n, "biases of {n} neurons");
        assert!(
            n > 0 && !patterns.is_empty() && patterns.len().is_multiple_of(n),
            "{} values are no patterns of {n} spins",
            patterns.len()
        );
        assert!(patterns.iter().all(|s| s.abs() == 1), "a spin is +1 or -1");
        let n_patterns = patterns.len() / n;
        let spins: Vec<i8> = (0..n).flat_map(|i| (0..n_patterns).map(move |p| patterns[p * n + i])).collect();
        let mut energy = PatternEnergy {
            objective,
            n_patterns,
            spins,
            biases,
            couplings: structure.weights().to_vec(),
            correlations: Vec::new(),
            margins: Vec::new(),
            losses: Vec::new(),
            energy: 0.0,
            pending: Pending::default(),
            candidates,
        };
        if objective == Objective::Clamped {
            energy.correlations = (0..energy.couplings.len() as u32).map(|c| energy.products(c).sum::<f64>() / n_patterns as f64).collect();
        } else {
            energy.margins = vec![0.0; n * n_patterns];
            energy.losses = vec![0.0; n];
        }
        energy.compute();
        energy
    }

    fn row(&self, neuron: u32) -> std::ops::Range<usize> {
        neuron as usize * self.n_patterns..(neuron as usize + 1) * self.n_patterns
    }

    /// s_i s_j of a candidate in all patterns.
    fn products(&self, candidate: u32) -> impl Iterator<Item = f64> + '_ {
        let (i, j) = self.candidates.pair(candidate);
        self.spins[self.row(i)].iter().zip(&self.spins[self.row(j)]).map(|(&a, &b)| f64::from(a * b))
    }

    fn loss(&self, margins: &[f64]) -> f64 {
        let Objective::PseudoLikelihood { beta } = self.objective else { return 0.0 };
        margins.iter().map(|m| softplus(-2.0 * beta * m)).sum()
    }

    fn compute(&mut self) {
        match self.objective {
            Objective::Clamped => {
                let fields: f64 = (0..self.biases.len() as u32)
                    .map(|i| f64::from(self.biases[i as usize]) * self.spins[self.row(i)].iter().map(|&s| f64::from(s)).sum::<f64>())
                    .sum();
                let couplings: f64 = self.couplings.iter().zip(&self.correlations).map(|(&w, c)| f64::from(w) * c).sum();
                self.energy = -couplings - fields / self.n_patterns as f64;
            }
            Objective::PseudoLikelihood { .. } => {
                for i in 0..self.biases.len() as u32 {
                    let (row, h) = (self.row(i), f64::from(self.biases[i as usize]));
                    for k in row {
                        self.margins[k] = h * f64::from(self.spins[k]);
                    }
                }
                for c in (0..self.couplings.len() as u32).filter(|&c| self.couplings[c as usize] != 0.0) {
                    let (i, j) = self.candidates.pair(c);
                    let w = f64::from(self.couplings[c as usize]);
                    let (a, b) = (self.row(i), self.row(j));
                    for (a, b) in a.zip(b) {
                        let shift = w * f64::from(self.spins[a] * self.spins[b]);
                        self.margins[a] += shift;
                        self.margins[b] += shift;
                    }
                }
                for i in 0..self.losses.len() as u32 {
                    self.losses[i as usize] = self.loss(&self.margins[self.row(i)]);
                }
                self.energy = self.losses.iter().sum();
            }
        }
    }

    /// The new margins and losses of the neurons that pending changes touch.
    fn shift_margins(&mut self, mut pending: Pending) -> Pending {
        pending.neurons.clear();
        pending.margins.clear();
        for place in 0..pending.changes.len() {
            let (c, w) = pending.changes[place];
            let (i, j) = self.candidates.pair(c);
            let d = f64::from(w) - f64::from(self.couplings[c as usize]);
            for neuron in [i, j] {
                let at = pending.neurons.iter().position(|(n, _)| *n == neuron).unwrap_or_else(|| {
                    pending.neurons.push((neuron, 0.0));
                    pending.margins.extend_from_slice(&self.margins[self.row(neuron)]);
                    pending.neurons.len() - 1
                });
                let margins = &mut pending.margins[at * self.n_patterns..(at + 1) * self.n_patterns];
                margins.iter_mut().zip(self.products(c)).for_each(|(m, product)| *m += d * product);
            }
        }
        pending.change = 0.0;
        for (at, (neuron, loss)) in pending.neurons.iter_mut().enumerate() {
            *loss = self.loss(&pending.margins[at * self.n_patterns..(at + 1) * self.n_patterns]);
            pending.change += *loss - self.losses[*neuron as usize];
        }
        pending
    }
}

/// ln(1 + e^x), without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + math::ln_1p(math::exp(-x.abs()))
}

impl StructureEnergy for PatternEnergy {
    fn n_candidates(&self) -> usize {
        self.couplings.len()
    }

    fn energy(&self) -> f64 {
        self.energy
    }

    fn propose(&mut self, changes: &[(u32, f32)], _: f64) -> Option<f64> {
        let mut pending = std::mem::take(&mut self.pending);
        pending.changes.clear();
        pending.changes.extend_from_slice(changes);
        self.pending = match self.objective {
            Objective::PseudoLikelihood { .. } => self.shift_margins(pending),
            Objective::Clamped => {
                let d = |&(c, w): &(u32, f32)| (f64::from(w) - f64::from(self.couplings[c as usize])) * self.correlations[c as usize];
                pending.change = -pending.changes.iter().map(d).sum::<f64>();
                pending
            }
        };
        Some(self.pending.change)
    }

    fn accept(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        for &(c, w) in &pending.changes {
            self.couplings[c as usize] = w;
        }
        for (at, &(neuron, loss)) in pending.neurons.iter().enumerate() {
            let row = self.row(neuron);
            self.margins[row].copy_from_slice(&pending.margins[at * self.n_patterns..(at + 1) * self.n_patterns]);
            self.losses[neuron as usize] = loss;
        }
        self.energy += pending.change;
        self.pending = pending;
        self.reject();
    }

    fn reject(&mut self) {
        self.pending.changes.clear();
        self.pending.neurons.clear();
        self.pending.change = 0.0;
    }

    fn slopes(&mut self, out: &mut [f32]) -> bool {
        for (c, slope) in out.iter_mut().enumerate() {
            *slope = match self.objective {
                Objective::Clamped => -self.correlations[c] as f32,
                Objective::PseudoLikelihood { beta } => {
                    let (i, j) = self.candidates.pair(c as u32);
                    let doubt = |m: &f64| math::sigmoid(-2.0 * beta * m);
                    let ends = self.margins[self.row(i)].iter().zip(&self.margins[self.row(j)]);
                    let sum: f64 = self.products(c as u32).zip(ends).map(|(p, (a, b))| p * (doubt(a) + doubt(b))).sum();
                    (-2.0 * beta * sum) as f32
                }
            };
        }
        true
    }

    fn refresh(&mut self) -> f64 {
        let before = self.energy;
        self.compute();
        (self.energy - before).abs()
    }
}
