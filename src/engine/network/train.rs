//! Learning by gradient: minibatches, gradients of a batch, and updates, without a world.

use crate::data::Dataset;
use crate::kernels::backward::dense;
use crate::kernels::backward::rules::Step;
use crate::kernels::backward::sparse;
use crate::kernels::backward::update::{self, StepRows};
use crate::kernels::layers::Products;
use crate::kernels::simd::Simd;
use crate::plan::network::{HardwareProfile, NetworkPlan};
use crate::random::{StreamKey, SystemTag};
use crate::reduce;
use crate::units::Seed;

use super::forward::forward_lanes;
use super::lanes::Activations;
use super::losses::Loss;
use super::noisy::{HardwarePass, StraightThrough};
use super::optimisers::{Clip, Optimiser, WeightDecay};
use super::parameters::{Parameters, ParametersRef};
use super::reverse::{Deltas, Learns, Sources};
use super::score::target_of;

/// Samples whose gradients are computed together where the caller leaves it open.
const BATCH: usize = 256;

/// Minibatches of shuffled epochs: a function of the seed and the number of the update, so that nothing needs to be stored.
///
/// Every epoch visits each sample once, in an order of its own. The last batch of an epoch is the smaller one that is left.
#[derive(Clone, Debug)]
pub struct Batches {
    seed: Seed,
    n_samples: usize,
    size: usize,
    epoch: Option<u64>,
    order: Vec<u32>,
}

impl Batches {
    /// Batches of `size` out of `n_samples` samples.
    ///
    /// # Panics
    /// If either is 0, or there are 2^32 samples or more.
    pub fn new(seed: Seed, n_samples: usize, size: usize) -> Self {
        assert!(n_samples > 0 && size > 0, "batches of {size} out of {n_samples} samples");
        assert!(u32::try_from(n_samples).is_ok(), "{n_samples} samples");
        Batches { seed, n_samples, size: size.min(n_samples), epoch: None, order: Vec::new() }
    }

    /// True if they are batches of `n_samples` samples in the order of `seed`.
    pub fn are_of(&self, seed: Seed, n_samples: usize) -> bool {
        self.seed == seed && self.n_samples == n_samples
    }

    /// Batches of an epoch.
    pub fn per_epoch(&self) -> u64 {
        self.n_samples.div_ceil(self.size) as u64
    }

    /// The samples of update `update`, counted from 0.
    pub fn of(&mut self, update: u64) -> &[u32] {
        let (epoch, batch) = (update / self.per_epoch(), (update % self.per_epoch()) as usize);
        if self.epoch != Some(epoch) {
            self.order.clear();
            self.order.extend(0..self.n_samples as u32);
            StreamKey::new(self.seed, SystemTag::named("batches"), epoch).stream().shuffle(&mut self.order);
            self.epoch = Some(epoch);
        }
        let first = batch * self.size;
        &self.order[first..(first + self.size).min(self.n_samples)]
    }
}

/// Weights and biases with the state of their optimiser.
#[derive(Debug)]
pub struct LearnRows<'a> {
    /// By block.
    pub weights: Vec<StepRows<'a>>,
    /// By layer; inputs may be empty.
    pub biases: Vec<StepRows<'a>>,
}

impl LearnRows<'_> {
    /// The weights and biases.
    pub fn parameters(&self) -> ParametersRef<'_> {
        ParametersRef {
            weights: self.weights.iter().map(|r| &*r.weights).collect(),
            biases: self.biases.iter().map(|r| &*r.weights).collect(),
        }
    }
}

/// State of an optimiser, owned: what training outside of a world needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    first: Parameters,
    second: Parameters,
}

impl Moments {
    /// All zero, with what `optimiser` keeps.
    pub fn new(plan: &NetworkPlan, optimiser: Optimiser) -> Self {
        let empty = || Parameters { weights: vec![Vec::new(); plan.blocks.len()], biases: vec![Vec::new(); plan.layers.len()] };
        let kept = |is_kept: bool| if is_kept { Parameters::zeros(plan) } else { empty() };
        Moments { first: kept(optimiser.has_first()), second: kept(optimiser.has_second()) }
    }

    /// Beside the parameters that they belong to.
    pub fn rows<'a>(&'a mut self, parameters: &'a mut Parameters) -> LearnRows<'a> {
        fn join<'a>(w: &'a mut [Vec<f32>], m: &'a mut [Vec<f32>], v: &'a mut [Vec<f32>]) -> Vec<StepRows<'a>> {
            let rows = w.iter_mut().zip(m).zip(v);
            rows.map(|((w, m), v)| StepRows { weights: w, first: m, second: v }).collect()
        }
        LearnRows {
            weights: join(&mut parameters.weights, &mut self.first.weights, &mut self.second.weights),
            biases: join(&mut parameters.biases, &mut self.first.biases, &mut self.second.biases),
        }
    }
}

/// How an update is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update {
    /// Number of the update, from 1.
    pub t: u64,
    /// Learning rate.
    pub rate: f64,
    /// The optimiser.
    pub optimiser: Optimiser,
    /// Weight decay.
    pub decay: WeightDecay,
    /// Gradient clipping.
    pub clip: Clip,
}

/// What an update reports.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Learned {
    /// The sum of the losses of the samples, before the update.
    pub loss: f64,
    /// The Euclidean norm of the gradient of the mean loss, before clipping.
    pub norm: f64,
}

/// The hardware that forward passes run under, and the streams of its noise.
#[derive(Clone, Debug, PartialEq)]
pub struct Hardware {
    /// The profile.
    pub profile: HardwareProfile,
    /// Seed, system and step name the pass; whoever trains sets the step.
    pub key: StreamKey,
    /// How gradients go through its converters.
    pub straight_through: StraightThrough,
}

/// Gradients of batches over a plan, with the memory that they take.
#[derive(Clone, Debug)]
pub struct Gradient {
    simd: Simd,
    products: Products,
    /// Steps that gradients go back through; one of a feed-forward network.
    window: usize,
    /// Steps of a sample, `window` or more.
    steps: usize,
    /// Membrane potentials with which the window begins, by layer.
    potentials: Vec<Vec<f32>>,
    learns: Learns,
    /// What each step of the window left behind.
    tape: Vec<Activations>,
    /// What each step used of its hardware, if there is a profile.
    passes: Vec<HardwarePass>,
    hardware: Option<Hardware>,
    deltas: Deltas,
    /// Gradients that are written down, where they cannot go straight into the step.
    gradients: Parameters,
    squares: Vec<f64>,
}

impl Gradient {
    /// Gradients over samples of `window` steps, all of which they go back through.
    ///
    /// A sample of a recurrent network starts at rest; each step sees its features (if a sample has as many times
    /// as many features as there are inputs, the next ones at each step), and the loss is that of the last step.
    ///
    /// # Panics
    /// If `window` is 0.
    pub fn new(simd: Simd, window: usize, learns: Learns) -> Self {
        assert!(window > 0, "a window of no steps");
        Gradient {
            simd,
            products: Products::Ordered,
            window,
            steps: window,
            potentials: Vec::new(),
            learns,
            tape: Vec::new(),
            passes: Vec::new(),
            hardware: None,
            deltas: Deltas::default(),
            gradients: Parameters::default(),
            squares: Vec::new(),
        }
    }

    /// Lets `products` multiply dense blocks, forwards and back to the sources; gradients of weights are always ordered, since
    /// they go straight into the step.
    #[must_use]
    pub fn multiplied_by(mut self, products: Products) -> Self {
        self.products = products;
        self
    }

    /// Samples last `steps` steps, and gradients go back through the last ones of them only: truncated backpropagation through
    /// time (Williams, Peng 1990). What the network remembers when the window begins is held fixed.
    ///
    /// # Panics
    /// If the window is longer.
    #[must_use]
    pub fn at_the_end_of(mut self, steps: usize) -> Self {
        assert!(self.window <= steps, "a window of {} in samples of {steps} steps", self.window);
        self.steps = steps;
        self
    }

    /// Runs forward passes under `hardware` from now on, with straight-through gradients; without one, in f32.
    pub fn set_hardware(&mut self, hardware: Option<Hardware>) {
        self.hardware = hardware;
    }

    /// What the forward passes run under.
    pub fn hardware_mut(&mut self) -> Option<&mut Hardware> {
        self.hardware.as_mut()
    }

    /// Adds `scale` times the gradient of the summed loss of `samples` to `gradients`; returns the sum of their losses.
    ///
    /// # Panics
    /// If anything is of another plan, or a target does not fit the outputs.
    #[expect(clippy::too_many_arguments, reason = "a plan, its numbers, its samples, and where the gradient goes")]
    pub fn add(
        &mut self,
        plan: &NetworkPlan,
        parameters: &ParametersRef<'_>,
        loss: Loss,
        dataset: &Dataset,
        samples: &[u32],
        scale: f32,
        gradients: &mut Parameters,
    ) -> f64 {
        let total = self.run(plan, parameters, loss, dataset, samples, scale);
        for step in (0..self.tape.len()).rev() {
            self.sweep(plan, parameters, step);
            let pass = self.hardware.is_some().then(|| &self.passes[step]);
            self.deltas.add_gradients(plan, &self.tape[step], pass, &self.learns, gradients, self.simd);
            self.deltas.step_back();
        }
        total
    }

    /// Makes one update by the gradient of the mean loss of `samples`.
    ///
    /// # Panics
    /// If anything is of another plan, a target does not fit the outputs, or there are no samples.
    pub fn update(
        &mut self,
        plan: &NetworkPlan,
        rows: &mut LearnRows<'_>,
        loss: Loss,
        dataset: &Dataset,
        samples: &[u32],
        update: &Update,
    ) -> Learned {
        assert!(!samples.is_empty(), "an update by no samples");
        let scale = 1.0 / samples.len() as f32;
        let is_whole = matches!(update.clip, Clip::Norm(_)) || self.window > 1;
        if !is_whole {
            let total = self.run(plan, &rows.parameters(), loss, dataset, samples, scale);
            self.sweep(plan, &rows.parameters(), 0);
            let norm = self.step_at_once(plan, rows, self.step_of(update, 0.0));
            return Learned { loss: total, norm };
        }
        let mut gradients = std::mem::take(&mut self.gradients);
        reset(plan, &mut gradients);
        let total = self.add(plan, &rows.parameters(), loss, dataset, samples, scale, &mut gradients);
        let norm = norm(&gradients, &self.learns);
        let step = self.step_of(update, norm);
        for (b, weights) in gradients.weights.iter().enumerate().filter(|(b, _)| self.learns.blocks[*b]) {
            update::step(self.simd, weights, rows.weights[b].reborrow(), step);
        }
        for (l, biases) in gradients.biases.iter().enumerate().filter(|(l, _)| self.learns.layers[*l]) {
            update::step(self.simd, biases, rows.biases[l].reborrow(), step);
        }
        self.gradients = gradients;
        Learned { loss: total, norm }
    }

    fn step_of(&self, update: &Update, norm: f64) -> Step {
        update.optimiser.step(update.rate, update.t, update.decay, update.clip, norm)
    }

    /// The forward passes of the window, and the slopes of the loss at its last step; returns the sum of losses.
    fn run(
        &mut self,
        plan: &NetworkPlan,
        parameters: &ParametersRef<'_>,
        loss: Loss,
        dataset: &Dataset,
        samples: &[u32],
        scale: f32,
    ) -> f64 {
        if self.tape.first().is_none_or(|a| a.n_samples() != samples.len()) {
            let room = || Activations::new(plan, samples.len()).keeping_sums(plan).multiplied_by(self.products);
            self.tape = (0..self.window).map(|_| room()).collect();
            self.deltas = Deltas::new(plan, &self.tape[0]);
        }
        self.passes.resize_with(if self.hardware.is_some() { self.window } else { 0 }, HardwarePass::default);
        if plan.is_recurrent() {
            self.tape[0].reset();
        }
        // Steps before the window leave their state in its first place, and nothing else.
        let before_window = self.steps - self.window;
        for step in 0..self.steps {
            let at = step.saturating_sub(before_window);
            let (past, now) = self.tape.split_at_mut(at);
            if let Some(before) = past.last().filter(|_| plan.is_recurrent()) {
                follow(&mut now[0], before);
            }
            if step == before_window {
                self.potentials.clone_from(&now[0].membranes);
            }
            now[0].load_step(plan, dataset, samples, step);
            match &self.hardware {
                None => forward_lanes(plan, parameters, &mut now[0], self.simd),
                Some(Hardware { profile, key, straight_through }) => {
                    let key = key.sweep(step as u32);
                    self.passes[at].notes_saturation = *straight_through == StraightThrough::Clipped;
                    self.passes[at].forward(plan, parameters, &mut now[0], profile, key, self.simd);
                }
            }
        }
        self.deltas.begin();
        seed(plan, &self.tape[self.window - 1], loss, dataset, samples, scale, &mut self.deltas)
    }

    fn sweep(&mut self, plan: &NetworkPlan, parameters: &ParametersRef<'_>, step: usize) {
        let potentials = step.checked_sub(1).map_or(&self.potentials, |before| &self.tape[before].membranes);
        let as_read = match &self.hardware {
            None => parameters.clone(),
            Some(_) => self.passes[step].parameters(parameters),
        };
        let pass = self.hardware.is_some().then(|| &self.passes[step]);
        self.deltas.sweep(plan, &as_read, &self.tape[step], potentials, pass, self.simd);
    }

    /// Steps all weights and biases by the gradients of a window of one step; returns the norm of the gradient.
    fn step_at_once(&mut self, plan: &NetworkPlan, rows: &mut LearnRows<'_>, step: Step) -> f64 {
        let (simd, activations, squares) = (self.simd, &self.tape[0], &mut self.squares);
        let mut total = 0.0;
        for (b, block) in plan.blocks.iter().enumerate().filter(|(b, _)| self.learns.blocks[*b]) {
            squares.clear();
            squares.resize(plan.layers[block.to].n_neurons, 0.0);
            let rows = rows.weights[b].reborrow();
            let visit = |from: Sources<'_>| match from {
                Sources::Dense(outer) => dense::step_weights(simd, outer, rows, step, squares),
                Sources::Sparse(pairs) => sparse::step_weights(simd, pairs, rows, step, squares),
            };
            let pass = self.hardware.is_some().then(|| &self.passes[0]);
            self.deltas.with_block(plan, b, activations, pass, visit, simd);
            total += reduce::sum_f64(squares);
        }
        for (l, layer) in plan.layers.iter().enumerate().filter(|(l, layer)| self.learns.layers[*l] && !layer.is_input) {
            let mut biases = vec![0.0; layer.n_neurons];
            self.deltas.add_biases(l, activations, &mut biases, simd);
            total += square_sum(&biases);
            update::step(simd, &biases, rows.biases[l].reborrow(), step);
        }
        total.sqrt()
    }
}

/// The Euclidean norm of a gradient, summed in f64 in a fixed order.
pub fn norm(gradients: &Parameters, learns: &Learns) -> f64 {
    let weights = gradients.weights.iter().zip(&learns.blocks);
    let biases = gradients.biases.iter().zip(&learns.layers);
    weights.chain(biases).filter(|(_, learns)| **learns).map(|(g, _)| square_sum(g)).sum::<f64>().sqrt()
}

fn square_sum(xs: &[f32]) -> f64 {
    reduce::sum_chunks(xs.len(), |range| reduce::lane_sum(&xs[range], |&x| f64::from(x) * f64::from(x)))
}

/// Makes `gradients` zero in the shape of `plan`.
fn reset(plan: &NetworkPlan, gradients: &mut Parameters) {
    if gradients.weights.len() != plan.blocks.len() {
        *gradients = Parameters::zeros(plan);
        return;
    }
    gradients.weights.iter_mut().chain(&mut gradients.biases).for_each(|g| g.fill(0.0));
}

/// Makes `now` the state in which the step after `before` begins.
fn follow(now: &mut Activations, before: &Activations) {
    for (now, before) in now.layers.iter_mut().zip(&before.layers).chain(now.membranes.iter_mut().zip(&before.membranes)) {
        now.copy_from_slice(before);
    }
}

/// Adds `scale` times the slopes of the loss of each sample to the gradients by the outputs; returns the sum of losses.
fn seed(
    plan: &NetworkPlan,
    activations: &Activations,
    loss: Loss,
    dataset: &Dataset,
    samples: &[u32],
    scale: f32,
    deltas: &mut Deltas,
) -> f64 {
    let mut outputs = Vec::new();
    let mut slopes = Vec::new();
    let mut total = 0.0;
    for (lane, &sample) in samples.iter().enumerate() {
        outputs.clear();
        outputs.extend(plan.outputs().flat_map(|(l, _)| activations.sample(l, lane)));
        slopes.resize(outputs.len(), 0.0);
        let target = target_of(dataset, sample as usize);
        total += loss.value(&outputs, target);
        loss.slopes(&outputs, target, &mut slopes);
        let neurons = plan.outputs().flat_map(|(l, layer)| (0..layer.n_neurons).map(move |j| (l, j)));
        for ((layer, neuron), &slope) in neurons.zip(&slopes) {
            deltas.add(layer, neuron, lane, slope * scale);
        }
    }
    total
}

/// The gradient of the summed loss of `samples`, into `gradients`, and that sum: what Langevin dynamics needs.
///
/// # Panics
/// If anything is of another plan, or a target does not fit the outputs.
pub fn gradient_of_sum(
    plan: &NetworkPlan,
    parameters: &ParametersRef<'_>,
    loss: Loss,
    dataset: &Dataset,
    samples: &[u32],
    simd: Simd,
    gradients: &mut Parameters,
) -> f64 {
    reset(plan, gradients);
    let window = if plan.is_recurrent() { dataset.n_features / plan.inputs().map(|(_, l)| l.n_neurons).sum::<usize>().max(1) } else { 1 };
    let mut gradient = Gradient::new(simd, window.max(1), Learns::all(plan));
    samples.chunks(BATCH).map(|part| gradient.add(plan, parameters, loss, dataset, part, 1.0, gradients)).sum()
}
