//! What networks are judged by.

use rayon::prelude::*;

use crate::plan::population::{Network, Wiring};

use super::genomes::Genomes;
use super::law::Activations;
use super::settings::Shape;

/// Genomes that are judged together; a constant, never a function of the number of threads.
pub const JUDGED_TOGETHER: usize = 64;

/// How well a genome did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// More is better; finite.
    pub fitness: f64,
    /// True if it did what was asked.
    pub solved: bool,
}

/// A problem for networks. It is judged in batches: one environment (or table of samples) a genome, side by side.
///
/// A task is a pure function of its own constants and of the networks: no clock, no random numbers but those of streams keyed by
/// its constants. So a genome has the same score wherever and whenever it is judged.
pub trait Task: Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// Numbers that it exchanges with a network.
    fn shape(&self) -> Shape;

    /// Writes the score of each network.
    fn judge(&self, brains: &mut Brains, scores: &mut [Score]);
}

/// Some networks side by side, with their activations.
#[derive(Clone, Debug)]
pub struct Brains {
    networks: Vec<Network>,
    states: Vec<Activations>,
    wiring: Wiring,
    shape: Shape,
    inputs: Vec<f32>,
}

impl Brains {
    /// Compiles genomes `which` of a population.
    pub fn compile(genomes: &Genomes, which: &[u32], wiring: Wiring, shape: Shape) -> Self {
        let compiled = |&k: &u32| {
            let mut network = Network::default();
            network.compile(genomes.view(k as usize), wiring);
            assert_eq!((network.n_inputs, network.outputs.len()), (shape.n_inputs, shape.n_outputs), "genome {k}, and the task");
            network
        };
        let networks: Vec<Network> = which.iter().map(compiled).collect();
        let mut brains = Brains { states: vec![Activations::default(); networks.len()], networks, wiring, shape, inputs: Vec::new() };
        brains.reset();
        brains
    }

    /// Number of networks.
    pub fn len(&self) -> usize {
        self.networks.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// The networks.
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }

    /// Puts all activations to rest.
    pub fn reset(&mut self) {
        for (state, network) in self.states.iter_mut().zip(&self.networks) {
            state.reset(network);
        }
    }

    /// One step of the networks that are `alive`, from `inputs`, `[input][network]`, to `outputs`, `[output][network]`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn step(&mut self, alive: &[bool], inputs: &[f32], outputs: &mut [f32]) {
        let n = self.len();
        assert_eq!(inputs.len(), self.shape.n_inputs * n, "inputs of {n} networks");
        assert_eq!(outputs.len(), self.shape.n_outputs * n, "outputs of {n} networks");
        assert_eq!(alive.len(), n, "networks");
        for k in (0..n).filter(|&k| alive[k]) {
            self.inputs.clear();
            self.inputs.extend(inputs[k..].iter().step_by(n));
            self.states[k].step(&self.networks[k], self.wiring, &self.inputs);
            for (o, x) in self.states[k].outputs(&self.networks[k]).enumerate() {
                outputs[o * n + k] = x;
            }
        }
    }

    /// The answers of network `k` to samples, `[input][sample]` to `[output][sample]`; each from rest, after `steps` steps of networks
    /// with cycles.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn answer(&mut self, k: usize, steps: u32, inputs: &[f32], outputs: &mut [f32]) {
        let n = inputs.len() / self.shape.n_inputs.max(1);
        assert_eq!(inputs.len(), self.shape.n_inputs * n, "inputs of {n} samples");
        assert_eq!(outputs.len(), self.shape.n_outputs * n, "outputs of {n} samples");
        let steps = if self.wiring == Wiring::FeedForward { 1 } else { steps };
        for sample in 0..n {
            self.inputs.clear();
            self.inputs.extend(inputs[sample..].iter().step_by(n));
            self.states[k].reset(&self.networks[k]);
            for _ in 0..steps {
                self.states[k].step(&self.networks[k], self.wiring, &self.inputs);
            }
            for (o, x) in self.states[k].outputs(&self.networks[k]).enumerate() {
                outputs[o * n + sample] = x;
            }
        }
    }
}

/// The scores of genomes `which`, in parallel over fixed batches.
pub fn judge(task: &dyn Task, genomes: &Genomes, which: &[u32], wiring: Wiring) -> Vec<Score> {
    let mut scores = vec![Score::default(); which.len()];
    scores.par_chunks_mut(JUDGED_TOGETHER).zip(which.par_chunks(JUDGED_TOGETHER)).for_each(|(scores, which)| {
        task.judge(&mut Brains::compile(genomes, which, wiring, task.shape()), scores);
    });
    scores
}
