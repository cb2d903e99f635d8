//! Learning by gradient: minibatches of the samples move the weights and biases of the network. Phase: Learn.
//!
//! A step makes some updates; an update takes the next batch of the epoch, sweeps its gradient back through the compiled plan
//! and steps the optimiser, whose moments are columns beside the weights. The ledger's term `loss` is the loss of the last
//! batch, scaled to the sum over all samples; `decay` is the same multiple of amount / 2 times the sum of squared weights and
//! biases that learn. Metrics: `rate`, `gradient_norm` (of the mean loss, before clipping) and `batch_loss` of the last update.
//! With hardware, training passes run under its profile, with fresh noise each update, and weights stay f32 (straight-through).

use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::IntoScheduleConfigs;
use bevy_ecs::system::{Res, ResMut, SystemParam};

use crate::components::{
    Bias, EnergyLedger, FirstMoment, FirstMomentOfBias, Metrics, RunSeed, SecondMoment, SecondMomentOfBias, StepCount, Weight,
};
use crate::engine::network::noisy::{HardwareRunError, check_hardware};
use crate::engine::network::optimisers::{Clip, Course, Optimiser, SettingError, WeightDecay};
use crate::engine::network::reverse::Learns;
use crate::engine::network::train::{Batches, Gradient, Hardware, LearnRows, Learned, Update};
use crate::kernels::backward::update::StepRows;
use crate::kernels::simd::{Simd, SimdError};
use crate::phases::Phase;
use crate::plan::network::HardwareProfile;
use crate::random::{StreamKey, SystemTag};
use crate::reduce;
use crate::simulation::Simulation;
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};
use crate::topology::nearest::did_you_mean;
use crate::topology::{Neurons, Synapses};

use super::compiled::CompiledNetwork;
use super::samples::Samples;

/// Name of the ledger's term of the loss.
const LOSS: &str = "loss";
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
    /// Names of projections whose weights, and of populations whose biases, do not learn.
    pub frozen: Vec<String>,
    /// The hardware that training passes run under.
    pub hardware: Option<HardwareProfile>,
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
            frozen: Vec::new(),
            hardware: None,
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
}

/// How far training has come.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrainingProgress {
    /// Updates so far.
    pub updates: u64,
}

impl Checkpointed for TrainingProgress {
    const NAME: &'static str = "training";

    fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put("training/updates", &[self.updates]);
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.updates = snapshot.get_n::<u64>("training/updates", 1)?[0];
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
        let counts = [("every", self.every), ("batch", self.batch as u64), ("updates_per_step", self.updates_per_step.unwrap_or(1))];
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
    sim.insert_resource(Trainer { settings, simd, made_for: None, gradient, learns, batches });
    sim.state(TrainingProgress::default());
    sim.add_systems(Phase::Learn, learn.run_if(is_due));
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
) {
    trainer.follow(&network, &samples, &seed);
    let Trainer { settings, gradient, learns, batches, .. } = &mut *trainer;
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
        progress.updates += 1;
    }
    let mean = last.loss / n_batch as f64;
    ledger.set(LOSS, mean * n_samples as f64);
    if settings.decay.amount() > 0.0 {
        let half = 0.5 * f64::from(settings.decay.amount()) * n_samples as f64;
        ledger.set(DECAY, half * square_sum(&rows, learns));
    }
    metrics.set("rate", rate);
    metrics.set("gradient_norm", last.norm);
    metrics.set("batch_loss", mean);
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
        let window = if network.plan().is_recurrent() { samples.window.max(1) as usize } else { 1 };
        self.gradient = Gradient::new(self.simd, window, self.learns.clone()).multiplied_by(network.products());
        let profile = self.settings.hardware.clone().filter(|profile| !profile.is_ideal());
        let key = StreamKey::new(seed.0, SystemTag::named("train hardware"), 0);
        self.gradient.set_hardware(profile.map(|profile| Hardware { profile, key }));
        self.made_for = Some(network.structure_epoch());
    }
}

fn square_sum(rows: &LearnRows<'_>, learns: &Learns) -> f64 {
    let weights = rows.weights.iter().zip(&learns.blocks);
    let biases = rows.biases.iter().zip(&learns.layers);
    let squares = |xs: &[f32]| reduce::sum_chunks(xs.len(), |range| reduce::lane_sum(&xs[range], |&x| f64::from(x) * f64::from(x)));
    weights.chain(biases).filter(|(_, learns)| **learns).map(|(rows, _)| squares(&*rows.weights)).sum()
}
