//! A Boltzmann machine learns from samples: contrastive divergence, persistent chains, parallel tempering. Phase: Learn.
//!
//! A step makes some updates over batches of the samples (`engine::boltzmann::training`), weights and biases being columns;
//! particles, offsets and velocities are checkpointed beside them. `Activation` shows the first particle, its last layer at
//! its means. Metrics, at the steps that measure: `reconstruction_error` (mean square of data less their reconstruction by means),
//! `pseudo_likelihood` with its error, `free_energy_train`, `free_energy_test` and their difference `free_energy_gap`, of restricted
//! machines; `swap_rate` and `swap_rate_least`; `log_likelihood`, `test_log_likelihood` and `ln_z` with their errors by exact sum or
//! annealed importance sampling, of samples rounded to the values of units, and with them pseudo-likelihood and free energies of machines
//! whose hidden units are joined; `train_accuracy` and `test_accuracy` of a logistic regression on the means of the hidden units.
//!
//! Errors are standard errors. AIS finds `ln_z` too low on average, so that log-likelihoods are too high on average where free
//! energies are exact; those by AIS are too high themselves and make up for some or more of it (`engine::boltzmann::likelihood`).

use std::sync::Arc;

use crate::components::{Metrics, RunSeed};
use crate::data::{Dataset, Targets};
use crate::engine::boltzmann::likelihood::{
    ais_ln_z, base_fields, held_ln_z, log_likelihood, mean_free_energy, mean_of, pseudo_likelihood,
};
use crate::engine::boltzmann::state::Move;
use crate::engine::boltzmann::sums::exact_ln_z;
use crate::engine::boltzmann::{AisRuns, Features, LaneState, LnZ, Logistic, Machine, Shape, TrainSettings, Trainer};
use crate::engine::network::optimisers::{SettingError, demand};
use crate::kernels::simd::Simd;
use crate::random::{StreamKey, SystemTag};
use crate::simulation::Simulation;
use crate::snapshot::{Snapshot, SnapshotError};
use crate::units::Seed;

use super::learner::{LearningPace, Rule, attach};
use super::machine::{MachineError, MachineSamples};
use super::spin_network::SpinValues;

/// Samples that the cheap measures look at, at most.
const LOOKED_AT: usize = 1000;
/// Samples whose hidden units are found together.
const BATCH: usize = 512;

/// How ln Z is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LikelihoodBy {
    /// By the sum over all states of the layers that leave the others independent, up to 20 units; by AIS of larger machines.
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
    /// When, from how many samples at a time, and when the cheap measures are taken.
    pub pace: LearningPace,
    /// Populations that show samples: features in this order.
    pub visible: Vec<String>,
    /// The two values of a unit.
    pub values: SpinValues,
    /// The rule.
    pub rule: TrainSettings,
    /// The log-likelihood.
    pub likelihood: Option<LikelihoodSettings>,
    /// Classes from hidden units.
    pub readout: Option<ReadoutSettings>,
}

impl TrainBoltzmann {
    /// Learning with the usual settings of a machine whose population `visible` shows samples.
    pub fn of(visible: &str) -> Self {
        TrainBoltzmann {
            pace: LearningPace::default(),
            visible: vec![visible.to_owned()],
            values: SpinValues::ZeroOne,
            rule: TrainSettings::default(),
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
        self.pace.validate(&mut errors);
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
}

/// Contrastive learning of a machine under way.
struct Boltzmann {
    settings: TrainBoltzmann,
    simd: Simd,
    trainer: Trainer,
    /// Fields of independent units with the means of the samples.
    base: Vec<Vec<f32>>,
}

/// Lets the spins of a built world learn from `samples` as a Boltzmann machine.
///
/// # Errors
/// If a setting is out of range, the populations are no machine, or the samples do not fit it.
pub fn train_boltzmann(sim: &mut Simulation, settings: TrainBoltzmann, samples: MachineSamples) -> Result<(), MachineError> {
    settings.validate().map_err(MachineError::Settings)?;
    let (visible, values) = (settings.visible.clone(), settings.values);
    attach(sim, (&visible, values), samples, |sim, _, machine, samples, simd| {
        let base = base_fields(&machine.shape, &means(&samples.train));
        let seed = sim.world().resource::<RunSeed>().0;
        let trainer = Trainer::new(&machine.shape, settings.rule, base.clone(), seed, simd);
        Ok(Boltzmann { settings, simd, trainer, base })
    })
}

impl Rule for Boltzmann {
    const NAME: &'static str = "boltzmann";

    fn pace(&self) -> &LearningPace {
        &self.settings.pace
    }

    fn updates(&self) -> u64 {
        self.trainer.updates()
    }

    fn update(&mut self, machine: &mut Machine, samples: &Dataset, batch: &[u32], joined: &[Vec<f32>]) {
        self.trainer.update(machine, batch.iter().map(|&i| samples.sample(i as usize)), joined);
    }

    fn shown(&self) -> &LaneState {
        self.trainer.shown()
    }

    fn measure(&mut self, machine: &Machine, samples: &MachineSamples, (seed, step): (Seed, u64), metrics: &Metrics) {
        let Boltzmann { settings, simd, trainer, base } = self;
        let key = StreamKey::new(seed, SystemTag::named("boltzmann measures"), step);
        let measure = Measure { machine, simd: *simd, samples, key };
        let is_time = |every: u64| settings.pace.measures(every, step);
        if is_time(settings.pace.measure_every) {
            metrics.set("rate", settings.rule.course.at(trainer.updates().saturating_sub(1)));
            measure.cheap(metrics);
            if let Some(rates) = trainer.chains().and_then(|c| c.ladder()).map(|l| l.swap_rates()) {
                metrics.set("swap_rate", rates.iter().sum::<f64>() / rates.len() as f64);
                metrics.set("swap_rate_least", rates.iter().copied().fold(1.0, f64::min));
            }
        }
        if let Some(likelihood) = settings.likelihood.filter(|l| is_time(l.every)) {
            measure.likelihood(likelihood, base, metrics);
        }
        if let Some(readout) = settings.readout.filter(|r| is_time(r.every)) {
            measure.readout(readout, trainer, metrics);
        }
    }

    fn save(&self, snapshot: &mut Snapshot) {
        self.trainer.save(Self::NAME, snapshot);
    }

    fn load(&mut self, shape: &Shape, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.trainer.load(shape, Self::NAME, snapshot)
    }
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

/// An estimate and its error.
fn set(metrics: &Metrics, name: &str, found: LnZ) {
    metrics.set(name, found.estimate);
    metrics.set(&format!("{name}_error"), found.error);
}

fn set_free_energies(of_train: f64, of_test: f64, metrics: &Metrics) {
    metrics.set("free_energy_train", of_train);
    metrics.set("free_energy_test", of_test);
    metrics.set("free_energy_gap", of_test - of_train);
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
        self.pseudo_likelihood(&train, AisRuns { n_runs: 2, n_betas: 1 }, metrics);
        let test = first(&self.samples.test, LOOKED_AT);
        let [of_train, of_test] = [&train, &test].map(|samples| mean_free_energy(machine, samples, simd));
        set_free_energies(of_train, of_test, metrics);
    }

    fn pseudo_likelihood(&self, samples: &[&[f32]], runs: AisRuns, metrics: &Metrics) {
        set(metrics, "pseudo_likelihood", pseudo_likelihood(self.machine, samples, runs, self.key, self.simd));
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
        set(metrics, "ln_z", ln_z);
        metrics.set("ln_z_effective_runs", ln_z.effective);
        let middle = 0.5 * (1.0 + machine.shape.values.low());
        let mut free_energies = [f64::NAN; 2];
        let tables = [("log_likelihood", &self.samples.train), ("test_log_likelihood", &self.samples.test)];
        for ((name, table), free_energy) in tables.into_iter().zip(&mut free_energies) {
            let round = |x: &f32| if *x >= middle { 1.0 } else { machine.shape.values.low() };
            let rounded: Vec<Vec<f32>> = first(table, LOOKED_AT).iter().map(|s| s.iter().map(round).collect()).collect();
            if rounded.is_empty() {
                continue;
            }
            let samples: Vec<&[f32]> = rounded.iter().map(Vec::as_slice).collect();
            let key = StreamKey { system: SystemTag::named(name), ..key };
            let held = mean_of(&held_ln_z(machine, &samples, settings.runs, key, simd));
            set(metrics, name, log_likelihood(held, ln_z));
            *free_energy = -held.estimate;
            // Restricted machines know theirs without all this: see `cheap`.
            if !machine.shape.is_restricted() && name == "log_likelihood" {
                self.pseudo_likelihood(&samples, settings.runs, metrics);
            }
        }
        if !machine.shape.is_restricted() {
            set_free_energies(free_energies[0], free_energies[1], metrics);
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
