//! Equilibrium propagation: an energy network learns targets from two settled states. Phase: Learn.
//!
//! A step makes some updates over batches of the samples (`engine::boltzmann::propagation`), weights and biases being columns.
//! `Activation` shows the first sample of the last batch, settled freely. Metrics: `rate`, `cost` (mean of C over the last batch, before
//! its update), and, at steps that measure, `train_accuracy` and `test_accuracy` of classes, `train_loss` and `test_loss`, the
//! mean of C over all samples.

use crate::components::Metrics;
use crate::data::{Dataset, Targets};
use crate::engine::boltzmann::{LaneState, Machine, Propagation, PropagationSettings, Shape};
use crate::engine::network::optimisers::SettingError;
use crate::simulation::Simulation;
use crate::snapshot::{Snapshot, SnapshotError};
use crate::topology::nearest::did_you_mean;
use crate::units::Seed;

use super::learner::{LearningPace, Rule, attach};
use super::machine::{MachineError, MachineSamples};
use super::spin_network::SpinValues;

/// Samples that settle together when answers are measured.
const BATCH: usize = 512;

/// How and on what an energy network learns.
#[derive(Clone, Debug, PartialEq)]
pub struct EquilibriumPropagation {
    /// When, from how many samples at a time, and when all answers are measured.
    pub pace: LearningPace,
    /// The population that shows features.
    pub input: String,
    /// The population that has targets.
    pub output: String,
    /// The two ends of what a unit can be.
    pub values: SpinValues,
    /// The rule.
    pub rule: PropagationSettings,
}

impl EquilibriumPropagation {
    /// Checks the settings.
    ///
    /// # Errors
    /// All that are out of range.
    pub fn validate(&self) -> Result<(), Vec<SettingError>> {
        let mut errors = self.rule.validate().err().unwrap_or_default();
        self.pace.validate(&mut errors);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// Equilibrium propagation in a network.
struct Propagating {
    settings: EquilibriumPropagation,
    propagation: Propagation,
    /// Mean cost over the last batch, before its update.
    cost: f64,
}

/// Lets a built world of spins learn `samples` by equilibrium propagation.
///
/// # Errors
/// If a setting is out of range, the populations are no energy network, or the samples do not fit it.
pub fn propagate_equilibrium(sim: &mut Simulation, settings: EquilibriumPropagation, samples: MachineSamples) -> Result<(), MachineError> {
    settings.validate().map_err(MachineError::Settings)?;
    let (input, values) = ([settings.input.clone()], settings.values);
    attach(sim, (&input, values), samples, |sim, map, machine, samples, simd| {
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
        let propagation = Propagation::new(&machine.shape, output, settings.rule, simd);
        Ok(Propagating { settings, propagation, cost: f64::NAN })
    })
}

impl Rule for Propagating {
    const NAME: &'static str = "propagation";

    fn pace(&self) -> &LearningPace {
        &self.settings.pace
    }

    fn updates(&self) -> u64 {
        self.propagation.updates()
    }

    fn update(&mut self, machine: &mut Machine, samples: &Dataset, batch: &[u32], joined: &[Vec<f32>]) {
        let targets = targets_of(samples, batch, machine.shape.values.low());
        let inputs = batch.iter().map(|&i| samples.sample(i as usize));
        self.propagation.update(machine, inputs, targets.iter().map(Vec::as_slice), joined);
        self.cost = self.propagation.cost(targets.iter().map(Vec::as_slice));
    }

    fn shown(&self) -> &LaneState {
        self.propagation.settled()
    }

    fn measure(&mut self, machine: &Machine, samples: &MachineSamples, (_, step): (Seed, u64), metrics: &Metrics) {
        let pace = self.settings.pace;
        metrics.set("rate", self.settings.rule.course.at(self.propagation.updates().saturating_sub(1)));
        metrics.set("cost", self.cost);
        if !pace.measures(pace.measure_every, step) {
            return;
        }
        for (part, table) in [("train", &samples.train), ("test", &samples.test)] {
            if table.n_samples() > 0 {
                let (loss, accuracy) = answers(&mut self.propagation, machine, table);
                metrics.set(&format!("{part}_loss"), loss);
                if let Some(accuracy) = accuracy {
                    metrics.set(&format!("{part}_accuracy"), accuracy);
                }
            }
        }
    }

    fn save(&self, snapshot: &mut Snapshot) {
        self.propagation.save(Self::NAME, snapshot);
    }

    fn load(&mut self, _: &Shape, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.propagation.load(Self::NAME, snapshot)
    }
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
