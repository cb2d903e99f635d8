//! What networks are judged by.

use rayon::prelude::*;

use crate::kernels::floats::LANES;
use crate::kernels::population::{Buffers, run_lanes, step_block};
use crate::kernels::simd::Simd;
use crate::plan::population::{BlockPlan, Network, Wiring};

use super::blocks::GenomeBlocks;
use super::settings::Shape;
use super::tasks::Table;

/// Genomes that are judged together; a constant, never a function of the number of threads.
pub const JUDGED_TOGETHER: usize = 64;

/// Samples that a network answers together: its values stay in the nearest cache.
const SAMPLES: usize = 64;

/// How well a genome did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// More is better; finite.
    pub fitness: f64,
    /// True if it did what was asked.
    pub solved: bool,
}

/// How the best of those that a task calls solved did in a test: where it was not judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// What the value is called in metrics, such as `generalisation` or `test_accuracy`.
    pub name: &'static str,
    /// How well it did; finite.
    pub value: f64,
    /// True if that is enough.
    pub passed: bool,
}

/// A problem for networks. It is judged in batches: one environment (or table of samples) a genome, side by side.
///
/// A task is a pure function of its own constants and of the networks: no clock, no random numbers but those of streams keyed by
/// its constants. So a genome has the same score wherever and whenever it is judged, unless [`Task::is_noisy`].
///
/// Three methods are enough. The others say what solved means, test a champion, and play an episode to be looked at.
pub trait Task: Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// Numbers that it exchanges with a network.
    fn shape(&self) -> Shape;

    /// Writes the score of each network.
    fn judge(&self, brains: &mut Brains, scores: &mut [Score]);

    /// What it takes to solve it, as half a sentence.
    fn goal(&self) -> String {
        "what the task calls solved".to_owned()
    }

    /// True if a genome may score otherwise when it is judged again.
    fn is_noisy(&self) -> bool {
        false
    }

    /// The rows that it is judged by, if it is a table: what networks can be trained on by gradient.
    fn table(&self) -> Option<&Table> {
        None
    }

    /// Tests the first network of `champion` where it was not judged; `None` if there is no such test.
    ///
    /// Where there is one, only a genome that passed it has solved the task: see [`judge`].
    fn test(&self, champion: &Brains) -> Option<Test> {
        let _ = champion;
        None
    }

    /// Names of the numbers of a row of [`Task::replay`]; none if there is nothing to see.
    fn columns(&self) -> Vec<String> {
        Vec::new()
    }

    /// Plays episode `episode` with the first network of `champion`, and hands out a row for each step (or sample), in the order of
    /// [`Task::columns`].
    fn replay(&self, champion: &Brains, episode: u32, row: &mut dyn FnMut(&[f64])) {
        let _ = (champion, episode, row);
    }
}

/// Some networks side by side, as a plan of the population, with their activations.
#[derive(Clone, Debug)]
pub struct Brains {
    networks: Vec<Network>,
    wiring: Wiring,
    shape: Shape,
    simd: Simd,
    /// The networks of the plan, ascending; those that died drop out when half of them did. None until it is needed: rows of a table
    /// run in lanes without it.
    planned: Vec<u32>,
    plan: BlockPlan,
    buffers: Buffers,
    inputs: Vec<f32>,
    outputs: Vec<f32>,
    lanes: Vec<f32>,
    next: Vec<f32>,
}

impl Brains {
    /// Compiles genomes `which` of a population, with the fastest instructions.
    ///
    /// # Panics
    /// If a genome has another shape.
    pub fn compile(genomes: GenomeBlocks<'_>, which: &[u32], wiring: Wiring, shape: Shape) -> Self {
        let compiled = |&k: &u32| {
            let mut network = Network::default();
            network.compile(genomes.view(k as usize), wiring);
            assert_eq!((network.n_inputs, network.outputs.len()), (shape.n_inputs, shape.n_outputs), "genome {k}, and the task");
            network
        };
        Brains::of(which.iter().map(compiled).collect(), wiring, shape)
    }

    /// Puts compiled networks side by side, with the fastest instructions.
    ///
    /// # Panics
    /// If a network has another shape.
    pub fn of(networks: Vec<Network>, wiring: Wiring, shape: Shape) -> Self {
        for network in &networks {
            assert_eq!((network.n_inputs, network.outputs.len()), (shape.n_inputs, shape.n_outputs), "a network, and the task");
        }
        Brains {
            networks,
            wiring,
            shape,
            simd: Simd::best(),
            planned: Vec::new(),
            plan: BlockPlan::default(),
            buffers: Buffers::default(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            lanes: Vec::new(),
            next: Vec::new(),
        }
    }

    /// The first of these networks, `n` times: for many episodes at once.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn copies(&self, n: usize) -> Self {
        Brains::of(vec![self.networks[0].clone(); n], self.wiring, self.shape)
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
        if self.planned.len() != self.len() {
            self.plan_for((0..self.len() as u32).collect());
        }
        self.buffers.reset(&self.plan);
    }

    /// Compiles the plan of networks `planned`, without their activations.
    fn plan_for(&mut self, planned: Vec<u32>) {
        let networks: Vec<&Network> = planned.iter().map(|&k| &self.networks[k as usize]).collect();
        let n = self.plan.compile(&networks);
        assert_eq!(n, planned.len(), "networks whose values fit one block");
        self.planned = planned;
    }

    /// Leaves out what died, keeping the activations of the others.
    fn drop_dead(&mut self, alive: &[bool]) {
        let kept: Vec<(usize, u32)> = self.planned.iter().copied().enumerate().filter(|&(_, k)| alive[k as usize]).collect();
        let mut values = Vec::new();
        for &(place, k) in &kept {
            values.extend((0..self.networks[k as usize].n_slots()).map(|slot| self.buffers.value(self.plan.value_of(place, slot))));
        }
        self.plan_for(kept.iter().map(|&(_, k)| k).collect());
        self.buffers.reset(&self.plan);
        let mut values = values.into_iter();
        for (place, &(_, k)) in kept.iter().enumerate() {
            for (slot, value) in (0..self.networks[k as usize].n_slots()).zip(&mut values) {
                self.buffers.set(self.plan.value_of(place, slot), value);
            }
        }
    }

    /// One step of the networks that are `alive`, from `inputs`, `[input][network]`, to `outputs`, `[output][network]`.
    ///
    /// What is dead stays so until [`Brains::reset`]; its outputs mean nothing.
    ///
    /// # Panics
    /// If a length does not fit, or a network that was left out for dead is alive.
    pub fn step(&mut self, alive: &[bool], inputs: &[f32], outputs: &mut [f32]) {
        let n = self.len();
        assert_eq!(inputs.len(), self.shape.n_inputs * n, "inputs of {n} networks");
        assert_eq!(outputs.len(), self.shape.n_outputs * n, "outputs of {n} networks");
        assert_eq!(alive.len(), n, "networks");
        let n_alive = alive.iter().filter(|&&a| a).count();
        if n_alive == 0 {
            return;
        }
        if self.planned.is_empty() {
            self.reset();
        }
        if 2 * n_alive <= self.planned.len() {
            self.drop_dead(alive);
        }
        if self.planned.len() == n {
            return step_block(self.simd, &self.plan, self.wiring, &mut self.buffers, inputs, outputs);
        }
        assert!(n_alive <= self.planned.len(), "{n_alive} networks are alive, {} were left", self.planned.len());
        self.inputs.clear();
        for row in inputs.chunks_exact(n) {
            self.inputs.extend(self.planned.iter().map(|&k| row[k as usize]));
        }
        self.outputs.resize(self.shape.n_outputs * self.planned.len(), 0.0);
        step_block(self.simd, &self.plan, self.wiring, &mut self.buffers, &self.inputs, &mut self.outputs);
        for (to, from) in outputs.chunks_exact_mut(n).zip(self.outputs.chunks_exact(self.planned.len())) {
            for (&k, &x) in self.planned.iter().zip(from) {
                to[k as usize] = x;
            }
        }
    }

    /// The answer of each network to one sample of its own, `[input][network]` to `[output][network]`; from rest, after `steps` steps of
    /// networks with cycles.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn answer_each(&mut self, steps: u32, inputs: &[f32], outputs: &mut [f32]) {
        self.reset();
        for _ in 0..if self.wiring == Wiring::FeedForward { 1 } else { steps } {
            step_block(self.simd, &self.plan, self.wiring, &mut self.buffers, inputs, outputs);
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
        let network = &self.networks[k];
        for first in (0..n).step_by(SAMPLES) {
            let n_now = SAMPLES.min(n - first);
            let n_lanes = n_now.next_multiple_of(LANES);
            self.lanes.clear();
            self.lanes.resize(network.n_slots() * n_lanes, 0.0);
            for (to, from) in self.lanes.chunks_exact_mut(n_lanes).zip(inputs.chunks_exact(n)) {
                to[..n_now].copy_from_slice(&from[first..first + n_now]);
            }
            self.lanes[network.n_inputs * n_lanes..][..n_lanes].fill(1.0);
            for _ in 0..steps {
                run_lanes(self.simd, network, self.wiring, n_lanes, &mut self.lanes, &mut self.next);
            }
            for (to, &slot) in outputs.chunks_exact_mut(n).zip(&network.outputs) {
                to[first..first + n_now].copy_from_slice(&self.lanes[slot as usize * n_lanes..][..n_now]);
            }
        }
    }
}

/// The scores of genomes `which`, in parallel over fixed batches.
///
/// Where the task has a test, the best of those that it calls solved is put to it, the first of equals; it has solved the task if it
/// passes, and no other has: a test may take longer than all judging.
pub fn judge(task: &dyn Task, genomes: GenomeBlocks<'_>, which: &[u32], wiring: Wiring) -> Vec<Score> {
    let mut scores = vec![Score::default(); which.len()];
    scores.par_chunks_mut(JUDGED_TOGETHER).zip(which.par_chunks(JUDGED_TOGETHER)).for_each(|(scores, which)| {
        task.judge(&mut Brains::compile(genomes, which, wiring, task.shape()), scores);
    });
    let candidates = (0..scores.len()).rev().filter(|&k| scores[k].solved);
    if let Some(best) = candidates.max_by(|&a, &b| scores[a].fitness.total_cmp(&scores[b].fitness))
        && let Some(test) = task.test(&Brains::compile(genomes, &which[best..=best], wiring, task.shape()))
    {
        for (k, score) in scores.iter_mut().enumerate() {
            score.solved = k == best && test.passed;
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::super::Genomes;
    use super::super::law::Activations;
    use super::super::settings::{Settings, Signals};
    use super::super::test_genomes::{SHAPE, random_population};
    use super::*;

    fn input(sample: usize, i: usize) -> f32 {
        ((sample * 31 + i * 17) % 23) as f32 / 11.0 - 1.0
    }

    #[test]
    fn brains_keep_the_bits_of_the_law_while_others_die() {
        for signals in [Signals::FeedForward, Signals::Recurrent] {
            let mut settings = Settings::modern();
            settings.signals = signals;
            let genomes = Genomes::from_genomes(&random_population(&settings, 50, 25));
            let mut brains = Brains::compile(genomes.blocks(), &(0..50).collect::<Vec<_>>(), signals.wiring(), SHAPE);
            let mut states = vec![Activations::default(); 50];
            for (state, network) in states.iter_mut().zip(brains.networks()) {
                state.reset(network);
            }
            let (mut alive, mut outputs) = (vec![true; 50], vec![0.0; 100]);
            for step in 0..12 {
                for (k, alive) in alive.iter_mut().enumerate() {
                    *alive &= (k * 7 + 3) % 13 > step;
                }
                let inputs: Vec<f32> = (0..3).flat_map(|i| (0..50).map(move |k| input(step + k, i))).collect();
                brains.step(&alive, &inputs, &mut outputs);
                for k in (0..50).filter(|&k| alive[k]) {
                    states[k].step(&brains.networks[k], signals.wiring(), &[0, 1, 2].map(|i| input(step + k, i)));
                    let expected: Vec<f32> = states[k].outputs(&brains.networks[k]).collect();
                    assert_eq!([outputs[k], outputs[50 + k]].as_slice(), expected, "network {k} at step {step}");
                }
            }
            assert!(brains.planned.len() < 20);
        }
    }

    #[test]
    fn only_the_best_that_passed_the_test_has_solved_a_task() {
        struct Tested {
            passes: bool,
        }
        impl Task for Tested {
            fn name(&self) -> &str {
                "tested"
            }
            fn shape(&self) -> Shape {
                SHAPE
            }
            fn judge(&self, brains: &mut Brains, scores: &mut [Score]) {
                for (score, network) in scores.iter_mut().zip(brains.networks()) {
                    let fitness = network.weights.len().min(9) as f64;
                    *score = Score { fitness, solved: fitness > 5.0 };
                }
            }
            fn test(&self, champion: &Brains) -> Option<Test> {
                assert_eq!(champion.len(), 1);
                assert!(champion.networks()[0].weights.len() >= 9);
                Some(Test { name: "size", value: 1.0, passed: self.passes })
            }
        }
        let genomes = Genomes::from_genomes(&random_population(&Settings::modern(), 100, 20));
        let which: Vec<u32> = (0..100).collect();
        for passes in [true, false] {
            let scores = judge(&Tested { passes }, genomes.blocks(), &which, Wiring::FeedForward);
            let first = scores.iter().position(|s| s.fitness == 9.0).unwrap();
            assert!(scores.iter().filter(|s| s.fitness > 5.0).count() > 1);
            for (k, score) in scores.iter().enumerate() {
                assert_eq!(score.solved, passes && k == first, "genome {k}");
            }
        }
    }

    #[test]
    fn answers_to_any_number_of_samples_are_those_of_the_law() {
        let genomes = Genomes::from_genomes(&random_population(&Settings::modern(), 5, 20));
        let mut brains = Brains::compile(genomes.blocks(), &[0, 1, 2, 3, 4], Wiring::FeedForward, SHAPE);
        for n in [1, 15, 16, 64, 65, 150] {
            let inputs: Vec<f32> = (0..3).flat_map(|i| (0..n).map(move |s| input(s, i))).collect();
            let mut outputs = vec![0.0; 2 * n];
            brains.answer(4, 1, &inputs, &mut outputs);
            let mut state = Activations::default();
            for sample in 0..n {
                state.reset(&brains.networks[4]);
                state.step(&brains.networks[4], Wiring::FeedForward, &[0, 1, 2].map(|i| input(sample, i)));
                let expected: Vec<f32> = state.outputs(&brains.networks[4]).collect();
                assert_eq!([outputs[sample], outputs[n + sample]].as_slice(), expected, "sample {sample} of {n}");
            }
        }
    }
}
