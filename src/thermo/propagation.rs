//! Equilibrium propagation: an energy network learns targets from two settled states. Phase: Learn.
//!
//! A step makes some updates over batches of the samples (`engine::boltzmann::propagation`), weights and biases being columns.
//! `Activation` shows the first sample of the last batch, settled freely. Metrics: `rate`, `cost` (mean of C over the last batch, before
//! its update), and, at steps that measure, `train_accuracy` and `test_accuracy` of classes, `train_loss` and `test_loss`, the
//! mean of C over all samples.

use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::IntoScheduleConfigs;
use bevy_ecs::system::{Res, ResMut};

use crate::components::{Metrics, RunSeed, StepCount};
use crate::data::{Dataset, Targets};
use crate::engine::boltzmann::{Machine, Propagation, PropagationSettings};
use crate::engine::network::optimisers::{SettingError, demand};
use crate::engine::network::train::Batches;
use crate::kernels::simd::Simd;
use crate::phases::Phase;
use crate::simulation::Simulation;
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};
use crate::topology::nearest::did_you_mean;

use super::machine::{MachineError, MachineMap, MachineParam, MachineSamples, check_features};
use super::spin_network::SpinValues;

/// Prefix of the sections of a checkpoint.
const NAME: &str = "propagation";
/// Samples that settle together when answers are measured.
const BATCH: usize = 512;

/// How and on what an energy network learns.
#[derive(Clone, Debug, PartialEq)]
pub struct EquilibriumPropagation {
    /// Steps from one at which it runs to the next, counted from `from`; 1 or more.
    pub every: u64,
    /// First step at which it runs.
    pub from: u64,
    /// Step from which on it no longer runs.
    pub until: Option<u64>,
    /// The last step of the run, at which answers are measured, if it is known.
    pub last_step: Option<u64>,
    /// The population that shows features.
    pub input: String,
    /// The population that has targets.
    pub output: String,
    /// The two ends of what a unit can be.
    pub values: SpinValues,
    /// The rule.
    pub rule: PropagationSettings,
    /// Samples of an update, 1 or more.
    pub batch: usize,
    /// Updates of a step, 1 or more; an epoch if `None`.
    pub updates_per_step: Option<u64>,
    /// Steps between measures of all answers; 0 for the last step alone.
    pub measure_every: u64,
}

impl EquilibriumPropagation {
    /// Checks the settings.
    ///
    /// # Errors
    /// All that are out of range.
    pub fn validate(&self) -> Result<(), Vec<SettingError>> {
        let mut errors = self.rule.validate().err().unwrap_or_default();
        for (name, n) in [("every", self.every), ("batch", self.batch as u64), ("updates_per_step", self.updates_per_step.unwrap_or(1))] {
            demand(&mut errors, name, n as f64, n >= 1, "1 or more");
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn is_due(&self, step: u64) -> bool {
        step >= self.from && (step - self.from).is_multiple_of(self.every) && self.until.is_none_or(|until| step < until)
    }

    fn measures(&self, step: u64) -> bool {
        self.last_step == Some(step) || self.measure_every > 0 && (step + 1).is_multiple_of(self.measure_every)
    }
}

/// A network that learns.
#[derive(Resource)]
struct Learner {
    settings: EquilibriumPropagation,
    map: MachineMap,
    machine: Machine,
    propagation: Propagation,
    batches: Batches,
}

impl Checkpointed for Learner {
    const NAME: &'static str = NAME;

    fn save(&self, snapshot: &mut Snapshot) {
        self.propagation.save(NAME, snapshot);
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.propagation.load(NAME, snapshot)
    }
}

/// Lets a built world of spins learn `samples` by equilibrium propagation.
///
/// # Errors
/// If a setting is out of range, the populations are no energy network, or the samples do not fit it.
pub fn propagate_equilibrium(sim: &mut Simulation, settings: EquilibriumPropagation, samples: MachineSamples) -> Result<(), MachineError> {
    settings.validate().map_err(MachineError::Settings)?;
    let simd = Simd::detect()?;
    let input = [settings.input.clone()];
    let (map, machine) = MachineMap::new(sim, &input, &input, settings.values)?;
    check_features(&samples, &machine.shape)?;
    let fabric = sim.fabric();
    let names = fabric.populations().map(|(_, p)| p.name());
    let unknown = || MachineError::Unknown { name: settings.output.clone(), hint: did_you_mean(&settings.output, names) };
    let output = map.layer_of(fabric.find_population(&settings.output).ok_or_else(unknown)?);
    if machine.shape.layers[output].is_visible {
        return Err(MachineError::Visible("the output is the input"));
    }
    for table in [&samples.train, &samples.test] {
        let (found, expected) = (table.n_outputs(), machine.shape.layers[output].n_units);
        if found != expected {
            return Err(MachineError::Misfit { what: "targets", found, expected });
        }
        let low = machine.shape.values.low();
        if let Targets::Values { width, values } = &table.targets
            && let Some(at) = values.iter().position(|y| !(low..=1.0).contains(y))
        {
            return Err(MachineError::Range { what: format!("target {}", at % width), sample: at / width, value: values[at], low });
        }
    }
    let seed = sim.world().resource::<RunSeed>().0;
    let propagation = Propagation::new(&machine.shape, output, settings.rule, simd);
    let batches = Batches::new(seed, samples.train.n_samples(), settings.batch);
    sim.insert_resource(samples);
    sim.state(Learner { settings, map, machine, propagation, batches });
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
    let Learner { settings, map, machine, propagation, batches } = &mut *learner;
    map.read(&mut param, machine)?;
    if !batches.are_of(seed.0, samples.train.n_samples()) {
        *batches = Batches::new(seed.0, samples.train.n_samples(), settings.batch);
    }
    let mut cost = f64::NAN;
    for _ in 0..settings.updates_per_step.unwrap_or(batches.per_epoch()) {
        let batch = batches.of(propagation.updates());
        let targets = targets_of(&samples.train, batch, machine.shape.values.low());
        let inputs = batch.iter().map(|&i| samples.train.sample(i as usize));
        propagation.update(machine, inputs, targets.iter().map(Vec::as_slice), &map.joined);
        cost = propagation.cost(targets.iter().map(Vec::as_slice));
    }
    map.write(&mut param, machine, step.0)?;
    map.show(&mut param, propagation.settled());
    metrics.set("rate", settings.rule.course.at(propagation.updates().saturating_sub(1)));
    metrics.set("cost", cost);
    if settings.measures(step.0) {
        for (part, table) in [("train", &samples.train), ("test", &samples.test)] {
            if table.n_samples() > 0 {
                let (loss, accuracy) = answers(propagation, machine, table);
                metrics.set(&format!("{part}_loss"), loss);
                if let Some(accuracy) = accuracy {
                    metrics.set(&format!("{part}_accuracy"), accuracy);
                }
            }
        }
    }
    Ok(())
}

/// What the outputs should be for these samples: 1 for the class and `low` for others, or the values.
fn targets_of(table: &Dataset, samples: &[u32], low: f32) -> Vec<Vec<f32>> {
    let of = |&i: &u32| match &table.targets {
        Targets::Classes(classes) => {
            let class = classes[i as usize] as usize;
            (0..table.class_names.len()).map(|k| if k == class { 1.0 } else { low }).collect()
        }
        Targets::Values { width, values } => values[i as usize * width..(i as usize + 1) * width].to_vec(),
    };
    samples.iter().map(of).collect()
}

/// The mean cost over a table, and the share of classes that are right.
fn answers(propagation: &mut Propagation, machine: &Machine, table: &Dataset) -> (f64, Option<f64>) {
    let all: Vec<u32> = (0..table.n_samples() as u32).collect();
    let (mut cost, mut right) = (0.0, 0);
    for batch in all.chunks(BATCH) {
        propagation.settle(machine, batch.iter().map(|&i| table.sample(i as usize)));
        let targets = targets_of(table, batch, machine.shape.values.low());
        cost += propagation.cost(targets.iter().map(Vec::as_slice)) * batch.len() as f64;
        if let Targets::Classes(classes) = &table.targets {
            right += propagation.answers().iter().zip(batch).filter(|(a, i)| **a == classes[**i as usize]).count();
        }
    }
    let n = table.n_samples() as f64;
    (cost / n, matches!(table.targets, Targets::Classes(_)).then_some(right as f64 / n))
}
