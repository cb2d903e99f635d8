//! A Boltzmann machine learns from samples: contrastive divergence, persistent chains, parallel tempering. Phase: Learn.
//!
//! A step makes some updates over batches of the samples (`engine::boltzmann::training`), weights and biases being columns;
//! particles, offsets and velocities are checkpointed beside them. `Activation` shows the first particle, its last layer at
//! its means. Metrics, at the steps that measure: `reconstruction_error` (mean square of data less their reconstruction by means),
//! `pseudo_likelihood`, `free_energy_train`, `free_energy_test` and their difference `free_energy_gap` (of restricted machines),
//! `swap_rate` and `swap_rate_least`; `log_likelihood`, `test_log_likelihood` and `ln_z` with their errors by exact sum or annealed
//! importance sampling, of samples rounded to the values of units; `train_accuracy` and `test_accuracy` of a
//! logistic regression on the means of the hidden units.

use std::sync::Arc;

use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::IntoScheduleConfigs;
use bevy_ecs::system::{Res, ResMut};

use crate::components::{Metrics, RunSeed, StepCount};
use crate::data::{Dataset, Targets};
use crate::engine::boltzmann::likelihood::{ais_ln_z, base_fields, exact_ln_z, mean_free_energy, mean_log_likelihood, pseudo_likelihood};
use crate::engine::boltzmann::state::Move;
use crate::engine::boltzmann::{AisRuns, Features, LaneState, LnZ, Logistic, Machine, TrainSettings, Trainer};
use crate::engine::network::optimisers::{SettingError, demand};
use crate::engine::network::train::Batches;
use crate::kernels::simd::Simd;
use crate::phases::Phase;
use crate::random::{StreamKey, SystemTag};
use crate::simulation::Simulation;
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};

use super::machine::{MachineError, MachineMap, MachineParam, MachineSamples, check_features};
use super::spin_network::SpinValues;

/// Prefix of the sections of a checkpoint.
const NAME: &str = "boltzmann";
/// Samples that the cheap measures look at, at most.
const LOOKED_AT: usize = 1000;
/// Samples whose hidden units are found together.
const BATCH: usize = 512;

/// How ln Z is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LikelihoodBy {
    /// By the sum over all states of the smaller layer, of machines of two layers; by AIS of others.
    Exact,
    /// By annealed importance sampling.
    Ais,
}

/// When and how the log-likelihood is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LikelihoodSettings {
    /// Steps from one measure to the next; 0 for the last step alone.
    pub every: u64,
    /// How ln Z is found.
    pub by: LikelihoodBy,
    /// Runs of AIS.
    pub runs: AisRuns,
}

/// When and how classes are read from hidden units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReadoutSettings {
    /// Steps from one reading to the next; 0 for the last step alone.
    pub every: u64,
    /// Penalty / 2 times the sum of squared weights is added to the mean loss; at least 0.
    pub penalty: f64,
    /// Iterations of the fit, at most, 1 or more.
    pub iterations: u32,
}

/// How and on what a machine learns.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainBoltzmann {
    /// Steps from one at which it runs to the next, counted from `from`; 1 or more.
    pub every: u64,
    /// First step at which it runs.
    pub from: u64,
    /// Step from which on it no longer runs.
    pub until: Option<u64>,
    /// The last step of the run, at which everything is measured, if it is known.
    pub last_step: Option<u64>,
    /// Populations that show samples: features in this order.
    pub visible: Vec<String>,
    /// The two values of a unit.
    pub values: SpinValues,
    /// The rule.
    pub rule: TrainSettings,
    /// Samples of an update, 1 or more.
    pub batch: usize,
    /// Updates of a step, 1 or more; an epoch if `None`.
    pub updates_per_step: Option<u64>,
    /// Steps between the cheap measures; 0 for the last step alone.
    pub measure_every: u64,
    /// The log-likelihood.
    pub likelihood: Option<LikelihoodSettings>,
    /// Classes from hidden units.
    pub readout: Option<ReadoutSettings>,
}

impl TrainBoltzmann {
    /// Learning with the usual settings of a machine whose population `visible` shows samples.
    pub fn of(visible: &str) -> Self {
        TrainBoltzmann {
            every: 1,
            from: 0,
            until: None,
            last_step: None,
            visible: vec![visible.to_owned()],
            values: SpinValues::ZeroOne,
            rule: TrainSettings::default(),
            batch: 64,
            updates_per_step: None,
            measure_every: 1,
            likelihood: None,
            readout: None,
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// All that are out of range.
    pub fn validate(&self) -> Result<(), Vec<SettingError>> {
        let mut errors = self.rule.validate().err().unwrap_or_default();
        for (name, n) in [("every", self.every), ("batch", self.batch as u64), ("updates_per_step", self.updates_per_step.unwrap_or(1))] {
            demand(&mut errors, name, n as f64, n >= 1, "1 or more");
        }
        if let Some(LikelihoodSettings { runs, .. }) = self.likelihood {
            demand(&mut errors, "runs", runs.n_runs as f64, (2..=1 << 16).contains(&runs.n_runs), "2 to 65536");
            demand(&mut errors, "betas", runs.n_betas as f64, (1..=1 << 20).contains(&runs.n_betas), "1 to 1048576");
        }
        if let Some(readout) = self.readout {
            demand(&mut errors, "penalty", readout.penalty, readout.penalty >= 0.0 && readout.penalty.is_finite(), "finite and at least 0");
            demand(&mut errors, "iterations", readout.iterations.into(), readout.iterations >= 1, "1 or more");
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn is_due(&self, step: u64) -> bool {
        step >= self.from && (step - self.from).is_multiple_of(self.every) && self.until.is_none_or(|until| step < until)
    }

    /// True if what is done every `every` steps is done at `step`.
    fn measures(&self, every: u64, step: u64) -> bool {
        self.last_step == Some(step) || every > 0 && (step + 1).is_multiple_of(every)
    }
}

/// A machine that learns.
#[derive(Resource)]
struct Learner {
    settings: TrainBoltzmann,
    simd: Simd,
    map: MachineMap,
    machine: Machine,
    trainer: Trainer,
    batches: Batches,
    /// Fields of independent units with the means of the samples.
    base: Vec<Vec<f32>>,
}

impl Checkpointed for Learner {
    const NAME: &'static str = NAME;

    fn save(&self, snapshot: &mut Snapshot) {
        self.trainer.save(NAME, snapshot);
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.trainer.load(&self.machine.shape, NAME, snapshot)
    }
}

/// Lets the spins of a built world learn from `samples` as a Boltzmann machine.
///
/// # Errors
/// If a setting is out of range, the populations are no machine, or the samples do not fit it.
pub fn train_boltzmann(sim: &mut Simulation, settings: TrainBoltzmann, samples: MachineSamples) -> Result<(), MachineError> {
    settings.validate().map_err(MachineError::Settings)?;
    let simd = Simd::detect()?;
    let (map, machine) = MachineMap::new(sim, &settings.visible, &settings.visible, settings.values)?;
    check_features(&samples, &machine.shape)?;
    let seed = sim.world().resource::<RunSeed>().0;
    let base = base_fields(&machine.shape, &means(&samples.train));
    let trainer = Trainer::new(&machine.shape, settings.rule, base.clone(), seed, simd);
    let batches = Batches::new(seed, samples.train.n_samples(), settings.batch);
    sim.insert_resource(samples);
    sim.state(Learner { settings, simd, map, machine, trainer, batches, base });
    sim.add_systems(Phase::Learn, learn.run_if(is_due));
    Ok(())
}

fn is_due(learner: Res<Learner>, step: Res<StepCount>) -> bool {
    learner.settings.is_due(step.0)
}

/// The updates of one step, and its measures.
fn learn(
    mut learner: ResMut<Learner>,
    mut param: MachineParam,
    samples: Res<MachineSamples>,
    seed: Res<RunSeed>,
    step: Res<StepCount>,
    metrics: Res<Metrics>,
) -> bevy_ecs::error::Result {
    let Learner { settings, simd, map, machine, trainer, batches, base } = &mut *learner;
    map.read(&mut param, machine)?;
    if !batches.are_of(seed.0, samples.train.n_samples()) {
        *batches = Batches::new(seed.0, samples.train.n_samples(), settings.batch);
    }
    for _ in 0..settings.updates_per_step.unwrap_or(batches.per_epoch()) {
        let batch = batches.of(trainer.updates());
        trainer.update(machine, batch.iter().map(|&i| samples.train.sample(i as usize)), &map.joined);
    }
    map.write(&mut param, machine, step.0)?;
    map.show(&mut param, trainer.shown());
    let key = StreamKey::new(seed.0, SystemTag::named("boltzmann measures"), step.0);
    let measure = Measure { machine, simd: *simd, samples: &samples, key };
    if settings.measures(settings.measure_every, step.0) {
        metrics.set("rate", settings.rule.course.at(trainer.updates().saturating_sub(1)));
        measure.cheap(&metrics);
        if let Some(rates) = trainer.chains().and_then(|c| c.ladder()).map(|l| l.swap_rates()) {
            metrics.set("swap_rate", rates.iter().sum::<f64>() / rates.len() as f64);
            metrics.set("swap_rate_least", rates.iter().copied().fold(1.0, f64::min));
        }
    }
    if let Some(likelihood) = settings.likelihood.filter(|l| settings.measures(l.every, step.0)) {
        measure.likelihood(likelihood, base, &metrics);
    }
    if let Some(readout) = settings.readout.filter(|r| settings.measures(r.every, step.0)) {
        measure.readout(readout, trainer, &metrics);
    }
    Ok(())
}

/// The mean of each feature.
fn means(table: &Dataset) -> Vec<f32> {
    let mut sums = vec![0.0_f64; table.n_features];
    for sample in table.inputs.chunks_exact(table.n_features.max(1)) {
        sums.iter_mut().zip(sample).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    sums.iter().map(|sum| (sum / table.n_samples().max(1) as f64) as f32).collect()
}

/// The samples of a table, the first `most` of them.
fn first(table: &Dataset, most: usize) -> Vec<&[f32]> {
    (0..table.n_samples().min(most)).map(|i| table.sample(i)).collect()
}

/// What measures look at.
struct Measure<'a> {
    machine: &'a Machine,
    simd: Simd,
    samples: &'a MachineSamples,
    key: StreamKey,
}

impl Measure<'_> {
    fn cheap(&self, metrics: &Metrics) {
        let (machine, simd) = (self.machine, self.simd);
        if !machine.shape.is_restricted() {
            return;
        }
        let train = first(&self.samples.train, LOOKED_AT);
        metrics.set("reconstruction_error", self.reconstruction_error(&train));
        metrics.set("pseudo_likelihood", pseudo_likelihood(machine, &train, self.key, simd));
        let test = first(&self.samples.test, LOOKED_AT);
        let [of_train, of_test] = [&train, &test].map(|samples| mean_free_energy(machine, samples, simd));
        metrics.set("free_energy_train", of_train);
        metrics.set("free_energy_test", of_test);
        metrics.set("free_energy_gap", of_test - of_train);
    }

    /// Mean over samples and units of (x - x')^2, x' being the mean of x given the means of the hidden units.
    fn reconstruction_error(&self, samples: &[&[f32]]) -> f64 {
        let (shape, mut state) = (&self.machine.shape, LaneState::new(&self.machine.shape, samples.len(), 0.0));
        state.show(shape, samples.iter().copied());
        let of = |is_visible: bool| (0..shape.layers.len()).filter(move |&l| shape.layers[l].is_visible == is_visible);
        of(false).for_each(|l| state.update(self.machine, l, Move::Mean, None, self.simd));
        let shown = state.clone();
        let (mut sum, n_lanes) = (0.0, state.n_lanes());
        for l in of(true) {
            state.update(self.machine, l, Move::Mean, None, self.simd);
            for (a, b) in state.layer(l).chunks_exact(n_lanes).zip(shown.layer(l).chunks_exact(n_lanes)) {
                let errors = a.iter().zip(b).take(samples.len());
                sum += errors.map(|(a, b)| f64::from((a - b) * (a - b))).sum::<f64>();
            }
        }
        sum / (samples.len() * shape.n_visible()) as f64
    }

    fn likelihood(&self, settings: LikelihoodSettings, base: &[Vec<f32>], metrics: &Metrics) {
        let (machine, simd, key) = (self.machine, self.simd, self.key.sweep(1 << 30));
        let exact = if settings.by == LikelihoodBy::Exact { exact_ln_z(machine, simd) } else { None };
        let ln_z = match exact {
            Some(estimate) => LnZ { estimate, error: 0.0, effective: f64::NAN },
            None => ais_ln_z(machine, base, settings.runs, key, simd),
        };
        let set = |name: &str, found: LnZ| {
            metrics.set(name, found.estimate);
            metrics.set(&format!("{name}_error"), found.error);
        };
        set("ln_z", ln_z);
        metrics.set("ln_z_effective_runs", ln_z.effective);
        let middle = 0.5 * (1.0 + machine.shape.values.low());
        for (name, table) in [("log_likelihood", &self.samples.train), ("test_log_likelihood", &self.samples.test)] {
            let round = |x: &f32| if *x >= middle { 1.0 } else { machine.shape.values.low() };
            let rounded: Vec<Vec<f32>> = first(table, LOOKED_AT).iter().map(|s| s.iter().map(round).collect()).collect();
            if !rounded.is_empty() {
                let samples: Vec<&[f32]> = rounded.iter().map(Vec::as_slice).collect();
                let key = StreamKey { system: SystemTag::named(name), ..key };
                set(name, mean_log_likelihood(machine, &samples, ln_z, settings.runs, key, simd));
            }
        }
    }

    fn readout(&self, settings: ReadoutSettings, trainer: &Trainer, metrics: &Metrics) {
        let tables = [&self.samples.train, &self.samples.test];
        let [Some((train, classes)), test] = tables.map(|table| self.features(table, trainer)) else { return };
        let n_classes = self.samples.train.class_names.len();
        let model = Logistic::fit(&train, classes, n_classes, settings.penalty, settings.iterations, self.simd);
        metrics.set("train_accuracy", model.accuracy(&train, classes, self.simd));
        if let Some((test, classes)) = test {
            metrics.set("test_accuracy", model.accuracy(&test, classes, self.simd));
        }
    }

    /// The means of all hidden units with each sample held, and the classes; nothing without samples or classes.
    fn features<'t>(&self, table: &'t Arc<Dataset>, trainer: &Trainer) -> Option<(Features, &'t [u32])> {
        let Targets::Classes(classes) = &table.targets else { return None };
        let shape = &self.machine.shape;
        if classes.is_empty() || shape.n_hidden() == 0 {
            return None;
        }
        let mut rows = vec![Vec::with_capacity(classes.len()); shape.n_hidden()];
        for first in (0..classes.len()).step_by(BATCH) {
            let n = BATCH.min(classes.len() - first);
            let state = trainer.means_of(self.machine, (first..first + n).map(|i| table.sample(i)).collect::<Vec<_>>().into_iter());
            let hidden = (0..shape.layers.len()).filter(|&l| !shape.layers[l].is_visible);
            let found = hidden.flat_map(|l| state.layer(l).chunks_exact(state.n_lanes()).map(|row| &row[..n]));
            rows.iter_mut().zip(found).for_each(|(row, found)| row.extend_from_slice(found));
        }
        Some((Features::from_rows(rows.iter().map(Vec::as_slice)), classes))
    }
}
