//! Random networks of every topology and unit, for tests that compare a path with the law.

use crate::plan::network::{Block, Layer, NetworkPlan, Rows, Unit};
use crate::random::{Stream, StreamKey, SystemTag};
use crate::units::Seed;

use super::parameters::Parameters;

/// What may occur in a random network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mix {
    /// Delayed blocks, from anywhere to anywhere.
    pub is_recurrent: bool,
    /// Blocks of a population onto itself without delay, sources below targets.
    pub has_own_levels: bool,
}

/// A random plan and its parameters; equal seeds give equal ones.
pub fn random_network(seed: u64, mix: Mix) -> (NetworkPlan, Parameters) {
    let mut random = Random(StreamKey::new(Seed(seed), SystemTag::named("random plans"), 0).stream());
    let n_layers = 2 + random.below(4);
    let units = Unit::ALL;
    let layers: Vec<Layer> = (0..n_layers)
        .map(|l| Layer {
            name: format!("layer{l}"),
            n_neurons: 1 + random.below(40),
            unit: units[random.below(units.len())],
            is_input: l == 0 || (l == 1 && n_layers > 3 && random.below(2) == 0),
            is_output: l == n_layers - 1,
        })
        .collect();
    let mut blocks = Vec::new();
    for to in 0..n_layers {
        for from in 0..n_layers {
            let is_forward = from < to;
            let is_own = from == to && mix.has_own_levels;
            if layers[to].is_input || random.below(3) == 0 {
                continue;
            }
            if is_forward || is_own {
                let rows = random.rows(layers[from].n_neurons, layers[to].n_neurons, is_own);
                blocks.push(Block { name: format!("{from}->{to}"), from, to, is_delayed: false, rows });
            }
            if mix.is_recurrent && random.below(3) == 0 {
                let rows = random.rows(layers[from].n_neurons, layers[to].n_neurons, false);
                blocks.push(Block { name: format!("{from}~>{to}"), from, to, is_delayed: true, rows });
            }
        }
    }
    let plan = NetworkPlan::new(layers, blocks).expect("no cycle without delay");
    let mut parameters = Parameters::zeros(&plan);
    for values in parameters.weights.iter_mut().chain(&mut parameters.biases) {
        values.fill_with(|| random.signed());
    }
    (plan, parameters)
}

/// Draws of a test.
pub struct Random(pub Stream);

impl Random {
    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.0.bits() % n as u64) as usize
    }

    /// A number in -1..1.
    pub fn signed(&mut self) -> f32 {
        (self.0.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn rows(&mut self, n_sources: usize, n_targets: usize, is_below: bool) -> Rows {
        if !is_below && self.below(2) == 0 {
            return Rows::Dense;
        }
        let (mut offsets, mut sources) = (vec![0], Vec::new());
        for target in 0..n_targets {
            let limit = if is_below { target } else { n_sources };
            sources.extend((0..limit as u32).filter(|_| self.below(3) == 0));
            offsets.push(sources.len() as u32);
        }
        Rows::Sparse { offsets, sources }
    }
}
