//! Learning by gradient: minibatches of the samples move the weights and biases of the network. Phase: Learn.
//!
//! A step makes some updates; an update takes the next batch of the epoch, sweeps its gradient back through the compiled plan
//! and steps the optimiser, whose moments are columns beside the weights. The ledger's term `loss` is the loss of the last
//! batch, scaled to the sum over all samples; `decay` is the same multiple of amount / 2 times the sum of squared weights and
//! biases that learn. Metrics: `rate`, `gradient_norm` (of the mean loss, before clipping) and `batch_loss` of the last update.
//! With hardware, training passes run under its profile, with fresh noise each update, and weights stay f32 (straight-through).
//!
//! Where heat moves the same weights, or the wiring is a variable, the ledger goes on as they keep it: `loss` is the summed loss of
//! all samples after the last update, in f32; `decay` is left out, since they do not know it. Of heat, `prior` is its own, and
//! `temperature` is 0.
//!
//! Learning that diverges is an error: see [`Diverged`].

use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::IntoScheduleConfigs;
use bevy_ecs::system::{Res, ResMut, SystemParam};

use crate::components::{
    Bias, EnergyLedger, FirstMoment, FirstMomentOfBias, Metrics, RunSeed, SecondMoment, SecondMomentOfBias, StepCount, Weight,
};
use crate::engine::network::heat::prior_energy;
use crate::engine::network::noisy::{HardwareRunError, StraightThrough, check_hardware};
use crate::engine::network::optimisers::{Clip, Course, Optimiser, SettingError, WeightDecay};
use crate::engine::network::reverse::Learns;
use crate::engine::network::score::{Judge, target_of};
use crate::engine::network::train::{Batches, Gradient, Hardware, LearnRows, Learned, Update};
use crate::kernels::backward::update::StepRows;
use crate::kernels::simd::{Simd, SimdError};
use crate::phases::{LearnTurn, Phase};
use crate::plan::network::HardwareProfile;
use crate::random::{StreamKey, SystemTag};
use crate::reduce;
use crate::simulation::Simulation;
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};
use crate::topology::nearest::did_you_mean;
use crate::topology::{Neurons, Synapses};

use super::compiled::CompiledNetwork;
use super::heat::WeightHeat;
use super::samples::{Samples, score};
use super::structure::Rewirer;

/// Name of the ledger's term of the loss.
const LOSS: &str = "loss";
/// Name of the ledger's term of the prior of heat.
const PRIOR: &str = "prior";
/// Name of the ledger's term of the weight decay.
const DECAY: &str = "decay";

/// How a network learns by gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainGradient {
    /// Steps from one at which it runs to the next, counted from `from`; 1 or more.
    pub every: u64,
    /// First step at which it runs.
    pub from: u64,
    /// Step from which on it no longer runs.
    pub until: Option<u64>,
    /// How a gradient becomes a step.
    pub optimiser: Optimiser,
    /// The learning rate over the updates of the run.
    pub course: Course,
    /// Samples of an update, 1 or more; the last batch of an epoch is the smaller one that is left.
    pub batch: usize,
    /// Updates of a step, 1 or more; an epoch, all samples once, if `None`.
    pub updates_per_step: Option<u64>,
    /// Weight decay, of weights and biases.
    pub decay: WeightDecay,
    /// Gradient clipping.
    pub clip: Clip,
    /// Steps back through time that gradients of a recurrent network go, from 1 to those of a sample; through all of them if
    /// `None`.
    pub window: Option<u32>,
    /// Names of projections whose weights, and of populations whose biases, do not learn.
    pub frozen: Vec<String>,
    /// The hardware that training passes run under.
    pub hardware: Option<HardwareProfile>,
    /// How gradients go through its converters.
    pub straight_through: StraightThrough,
}

impl Default for TrainGradient {
    fn default() -> Self {
        TrainGradient {
            every: 1,
            from: 0,
            until: None,
            optimiser: Optimiser::ADAM,
            course: Course::constant(1e-3),
            batch: 64,
            updates_per_step: None,
            decay: WeightDecay::None,
            clip: Clip::None,
            window: None,
            frozen: Vec::new(),
            hardware: None,
            straight_through: StraightThrough::Clipped,
        }
    }
}

/// Why a network cannot learn by gradient.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// Settings out of range.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<SettingError>),
    /// No network, or no samples.
    #[error("attach a network and its samples before it learns")]
    NotAttached,
    /// There is nothing to learn from.
    #[error("there is no sample to learn from")]
    NoSamples,
    /// Gradients would go back further than samples last.
    #[error("window is {window}, and a sample lasts {steps} steps: use 1 to {steps}")]
    Window {
        /// Steps of the window.
        window: u32,
        /// Steps of a sample.
        steps: u32,
    },
    /// A frozen name is neither projection nor population of the network.
    #[error("no projection or population \"{name}\" of the network to freeze{hint}")]
    Unknown {
        /// The name.
        name: String,
        /// ` (did you mean ...?)`, or empty.
        hint: String,
    },
    /// The moments of the optimiser have no columns.
    #[error("the optimiser keeps moments, but there are no columns for them: call TrainGradient::columns before the network is built")]
    NoColumns,
    /// The network cannot run under the hardware profile.
    #[error(transparent)]
    Hardware(#[from] HardwareRunError),
    /// The forced backend is not there.
    #[error(transparent)]
    Simd(#[from] SimdError),
}

/// A batch whose mean loss is this many times the larger of the first batch's and that of the answer 0 has exploded.
pub const EXPLODED: f64 = 1e3;

/// Learning has diverged: the loss of a batch or its gradient is not finite, or the loss is [`EXPLODED`] times the larger of the
/// loss of the first batch of the run and that of a network whose outputs are all 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "TrainGradient diverges at update {update}: {what}; its rate is {rate}: lower `rate`, let it rise by `warm_up`, or limit gradients \
     by `clip`, such as clip: Norm(1)"
)]
pub struct Diverged {
    /// Number of the update, from 1.
    pub update: u64,
    /// Which number is out of bounds.
    pub what: String,
    /// Learning rate of the update.
    pub rate: f64,
}

/// What is learned with, beside the settings.
#[derive(Resource)]
struct Trainer {
    settings: TrainGradient,
    simd: Simd,
    /// Made for the plan compiled at this count of restructurings.
    made_for: Option<u64>,
    gradient: Gradient,
    learns: Learns,
    batches: Batches,
    /// Mean loss of the answer 0 to the samples.
    loss_of_zero: f64,
}

/// How far training has come.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
pub struct TrainingProgress {
    /// Updates so far.
    pub updates: u64,
    /// Mean loss of the batch of the first update, before it.
    pub first_loss: f64,
}

impl Checkpointed for TrainingProgress {
    const NAME: &'static str = "training";

    fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put("training/updates", &[self.updates]);
        snapshot.put("training/first_loss", &[self.first_loss]);
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.updates = snapshot.get_n::<u64>("training/updates", 1)?[0];
        self.first_loss = snapshot.get_n::<f64>("training/first_loss", 1)?[0];
        Ok(())
    }
}

impl TrainGradient {
    /// Checks the settings.
    ///
    /// # Errors
    /// All that are out of range.
    pub fn validate(&self) -> Result<(), Vec<SettingError>> {
        let mut errors = Vec::new();
        self.optimiser.validate(self.decay, self.clip, &mut errors);
        self.course.validate(&mut errors);
        let counts = [
            ("every", self.every),
            ("batch", self.batch as u64),
            ("updates_per_step", self.updates_per_step.unwrap_or(1)),
            ("window", u64::from(self.window.unwrap_or(1))),
        ];
        for (name, value) in counts.into_iter().filter(|(_, value)| *value == 0) {
            errors.push(SettingError { name, value: value as f64, must: "1 or more" });
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Gives synapses and neurons the columns that the optimiser needs; call it before the network is built.
    pub fn columns(&self, sim: &mut Simulation) {
        if self.optimiser.has_first() {
            sim.synapse_column(FirstMoment::default()).neuron_column(FirstMomentOfBias::default());
        }
        if self.optimiser.has_second() {
            sim.synapse_column(SecondMoment::default()).neuron_column(SecondMomentOfBias::default());
        }
    }

    fn is_due(&self, step: u64) -> bool {
        step >= self.from && (step - self.from).is_multiple_of(self.every) && self.until.is_none_or(|until| step < until)
    }

    /// What learns.
    fn learns(&self, network: &CompiledNetwork) -> Learns {
        let plan = network.plan();
        let is_free = |name: &String| !self.frozen.contains(name);
        Learns {
            blocks: plan.blocks.iter().map(|b| is_free(&b.name)).collect(),
            layers: plan.layers.iter().map(|l| !l.is_input && is_free(&l.name)).collect(),
        }
    }
}

/// Lets the attached network learn from its [`Samples`] by gradient.
///
/// # Errors
/// If a setting is out of range, network or samples are missing, a frozen name is unknown, the optimiser has no columns, or
/// the network cannot run under the hardware.
pub fn train_gradient(sim: &mut Simulation, settings: TrainGradient) -> Result<(), TrainError> {
    settings.validate().map_err(TrainError::Settings)?;
    let world = sim.world();
    let network = world.get_resource::<CompiledNetwork>().ok_or(TrainError::NotAttached)?;
    let samples = world.get_resource::<Samples>().ok_or(TrainError::NotAttached)?;
    if samples.train.n_samples() == 0 {
        return Err(TrainError::NoSamples);
    }
    let plan = network.plan();
    if let Some(window) = settings.window.filter(|&window| window > samples.steps) {
        return Err(TrainError::Window { window, steps: samples.steps });
    }
    let names = || plan.blocks.iter().map(|b| b.name.as_str()).chain(plan.layers.iter().map(|l| l.name.as_str()));
    if let Some(name) = settings.frozen.iter().find(|name| !names().any(|n| n == *name)) {
        return Err(TrainError::Unknown { name: name.clone(), hint: did_you_mean(name, names()) });
    }
    if settings.hardware.as_ref().is_some_and(|profile| !profile.is_ideal()) {
        check_hardware(plan)?;
    }
    let lacks = |layer: &str| {
        (settings.optimiser.has_first() && sim.neurons::<FirstMomentOfBias>(layer).is_none())
            || (settings.optimiser.has_second() && sim.neurons::<SecondMomentOfBias>(layer).is_none())
    };
    if plan.layers.iter().any(|l| lacks(&l.name)) {
        return Err(TrainError::NoColumns);
    }
    let simd = Simd::detect()?;
    let learns = settings.learns(network);
    let batches = Batches::new(world.resource::<RunSeed>().0, samples.train.n_samples(), settings.batch);
    let gradient = Gradient::new(simd, 1, learns.clone());
    let loss_of_zero = loss_of_zero(samples);
    sim.insert_resource(Trainer { settings, simd, made_for: None, gradient, learns, batches, loss_of_zero });
    sim.state(TrainingProgress::default());
    sim.add_systems(Phase::Learn, learn.in_set(LearnTurn::Gradient).run_if(is_due));
    Ok(())
}

fn is_due(trainer: Res<Trainer>, step: Res<StepCount>) -> bool {
    trainer.settings.is_due(step.0)
}

/// Weights and biases with their moments.
#[derive(SystemParam)]
struct Learnables<'w, 's> {
    weights: Synapses<'w, 's, &'static mut Weight>,
    first_of_weights: Synapses<'w, 's, &'static mut FirstMoment>,
    second_of_weights: Synapses<'w, 's, &'static mut SecondMoment>,
    biases: Neurons<'w, 's, &'static mut Bias>,
    first_of_biases: Neurons<'w, 's, &'static mut FirstMomentOfBias>,
    second_of_biases: Neurons<'w, 's, &'static mut SecondMomentOfBias>,
}

impl Learnables<'_, '_> {
    /// In the order of the plan's blocks and layers.
    fn rows(&mut self, network: &CompiledNetwork) -> LearnRows<'_> {
        fn join<'a>(weights: Vec<&'a mut [f32]>, first: Vec<&'a mut [f32]>, second: Vec<&'a mut [f32]>) -> Vec<StepRows<'a>> {
            let all = weights.into_iter().zip(first).zip(second);
            all.map(|((weights, first), second)| StepRows { weights, first, second }).collect()
        }
        fn plain<C: bytemuck::Pod>(columns: Vec<&mut [C]>) -> Vec<&mut [f32]> {
            columns.into_iter().map(bytemuck::cast_slice_mut).collect()
        }
        LearnRows {
            weights: join(
                plain(network.by_block(self.weights.iter_mut())),
                plain(network.by_block(self.first_of_weights.iter_mut())),
                plain(network.by_block(self.second_of_weights.iter_mut())),
            ),
            biases: join(
                plain(network.by_layer(self.biases.iter_mut())),
                plain(network.by_layer(self.first_of_biases.iter_mut())),
                plain(network.by_layer(self.second_of_biases.iter_mut())),
            ),
        }
    }
}

/// The updates of one step.
#[expect(clippy::too_many_arguments, reason = "a system asks for all that it reads and writes")]
fn learn(
    mut trainer: ResMut<Trainer>,
    mut progress: ResMut<TrainingProgress>,
    mut learnables: Learnables,
    network: Res<CompiledNetwork>,
    samples: Res<Samples>,
    seed: Res<RunSeed>,
    ledger: Res<EnergyLedger>,
    metrics: Res<Metrics>,
    (heat, rewirer, step): (Option<Res<WeightHeat>>, Option<Res<Rewirer>>, Res<StepCount>),
) -> bevy_ecs::error::Result {
    trainer.follow(&network, &samples, &seed);
    let Trainer { settings, gradient, learns, batches, loss_of_zero, simd, .. } = &mut *trainer;
    let mut rows = learnables.rows(&network);
    let n_samples = samples.train.n_samples();
    let (mut last, mut rate) = (Learned::default(), f64::NAN);
    let mut n_batch = 1;
    for _ in 0..settings.updates_per_step.unwrap_or(batches.per_epoch()) {
        let batch = batches.of(progress.updates);
        rate = settings.course.at(progress.updates);
        let update = Update { t: progress.updates + 1, rate, optimiser: settings.optimiser, decay: settings.decay, clip: settings.clip };
        if let Some(hardware) = gradient.hardware_mut() {
            (hardware.key.seed, hardware.key.step) = (seed.0, progress.updates);
        }
        last = gradient.update(network.plan(), &mut rows, samples.loss, &samples.train, batch, &update);
        n_batch = batch.len();
        let mean = last.loss / n_batch as f64;
        if progress.updates == 0 {
            progress.first_loss = mean;
        }
        progress.updates += 1;
        let bound = EXPLODED * progress.first_loss.max(*loss_of_zero).max(SMALLEST_LOSS);
        if let Some(what) = out_of_bounds(mean, last.norm, bound) {
            return Err(Diverged { update: progress.updates, what, rate }.into());
        }
    }
    let mean = last.loss / n_batch as f64;
    let heat = heat.as_ref().and_then(|heat| heat.settings_at(step.0));
    if heat.is_some() || rewirer.is_some() {
        let parameters = rows.parameters();
        // What rewires in this step says itself what the loss is then.
        if rewirer.is_none_or(|rewirer| !rewirer.acts_at(step.0)) {
            let judge = Judge::new(&[&samples.train], samples.loss);
            let all = score(network.plan(), &parameters, &samples.train, (&judge, samples.steps), None, (network.products(), *simd));
            ledger.set(LOSS, all.loss);
        }
        if let Some(heat) = heat {
            ledger.set(PRIOR, prior_energy(&parameters.to_owned(), heat));
            if !heat.acts_at(step.0) {
                metrics.set("temperature", 0.0);
                metrics.remove("acceptance");
            }
        }
    } else {
        ledger.set(LOSS, mean * n_samples as f64);
        if settings.decay.amount() > 0.0 {
            let half = 0.5 * f64::from(settings.decay.amount()) * n_samples as f64;
            ledger.set(DECAY, half * square_sum(&rows, learns));
        }
    }
    metrics.set("rate", rate);
    metrics.set("gradient_norm", last.norm);
    metrics.set("batch_loss", mean);
    Ok(())
}

/// Losses below this are rounding, and no measure of an explosion.
const SMALLEST_LOSS: f64 = 1e-6;

/// What has diverged, if anything has.
fn out_of_bounds(mean_loss: f64, norm: f64, bound: f64) -> Option<String> {
    if !mean_loss.is_finite() {
        Some(format!("the loss of its batch is {mean_loss}"))
    } else if !norm.is_finite() {
        Some(format!("the norm of its gradient is {norm}"))
    } else if mean_loss > bound {
        Some(format!(
            "the mean loss of its batch is {mean_loss:.3e}, more than {EXPLODED} times what learning began with, and what the answer 0 costs"
        ))
    } else {
        None
    }
}

/// The mean loss of a network whose outputs are all 0.
fn loss_of_zero(samples: &Samples) -> f64 {
    let (dataset, zeros) = (&samples.train, vec![0.0; samples.train.n_outputs()]);
    let losses = (0..dataset.n_samples()).map(|i| samples.loss.value(&zeros, target_of(dataset, i)));
    losses.sum::<f64>() / dataset.n_samples().max(1) as f64
}

impl Trainer {
    /// Makes the memory of gradients anew if the network has been restructured, or the samples are others.
    fn follow(&mut self, network: &CompiledNetwork, samples: &Samples, seed: &RunSeed) {
        let n_samples = samples.train.n_samples();
        if !self.batches.are_of(seed.0, n_samples) {
            self.batches = Batches::new(seed.0, n_samples, self.settings.batch);
        }
        if self.made_for == Some(network.structure_epoch()) {
            return;
        }
        self.learns = self.settings.learns(network);
        let steps = if network.plan().is_recurrent() { samples.steps.max(1) as usize } else { 1 };
        let window = self.settings.window.map_or(steps, |window| steps.min(window as usize));
        let gradient = Gradient::new(self.simd, window, self.learns.clone()).multiplied_by(network.products());
        self.gradient = gradient.at_the_end_of(steps);
        let profile = self.settings.hardware.clone().filter(|profile| !profile.is_ideal());
        let straight_through = self.settings.straight_through;
        let key = StreamKey::new(seed.0, SystemTag::named("train hardware"), 0);
        self.gradient.set_hardware(profile.map(|profile| Hardware { profile, key, straight_through }));
        self.made_for = Some(network.structure_epoch());
    }
}

fn square_sum(rows: &LearnRows<'_>, learns: &Learns) -> f64 {
    let weights = rows.weights.iter().zip(&learns.blocks);
    let biases = rows.biases.iter().zip(&learns.layers);
    let squares = |xs: &[f32]| reduce::sum_chunks(xs.len(), |range| reduce::lane_sum(&xs[range], |&x| f64::from(x) * f64::from(x)));
    weights.chain(biases).filter(|(_, learns)| **learns).map(|(rows, _)| squares(&*rows.weights)).sum()
}
