//! The checked scene of a population that evolves.

use crate::data::{Dataset, Targets};
use crate::engine::evolution::Task;
use crate::engine::evolution::tasks::{Acrobot, DoublePole, MountainCar, SinglePole, SwingUp, TMaze, Table, Won};
use crate::engine::structure::Claim;
use crate::evolution::EvolveSettings;
use crate::units::Seed;

use super::checked_network::Data;

/// A population, its rules and its task.
#[derive(Clone, Debug, PartialEq)]
pub struct EvolutionModel {
    /// The rules, and when the run ends.
    pub settings: EvolveSettings,
    /// What genomes are judged by.
    pub task: EvolutionTask,
    /// True if a run that does not solve the task has failed.
    pub must_solve: bool,
}

impl EvolutionModel {
    /// True if genomes are sampled from a stated distribution.
    pub fn is_exact(&self) -> bool {
        // A run that ends with its solution ends at a time that depends on its states.
        self.settings.rules.claim() == Claim::Exact && !self.settings.stops_when_solved && !self.task.task().is_noisy()
    }
}

/// A task that scenes know.
#[derive(Clone, Debug, PartialEq)]
pub enum EvolutionTask {
    /// Rows of inputs and the answers to them.
    Table(Table),
    /// Samples of a file, and the table that they make with the seed of the scene.
    Samples(Box<SampleTask>, Table),
    /// One pole.
    SinglePole(SinglePole),
    /// Two poles.
    DoublePole(DoublePole),
    /// Two links.
    Acrobot(Acrobot),
    /// A car in a valley.
    MountainCar(MountainCar),
    /// A pole to be swung up.
    SwingUp(SwingUp),
    /// A corridor to be remembered.
    TMaze(TMaze),
}

impl EvolutionTask {
    /// The task itself.
    pub fn task(&self) -> &(dyn Task + Send + Sync) {
        match self {
            EvolutionTask::Table(task) | EvolutionTask::Samples(_, task) => task,
            EvolutionTask::SinglePole(task) => task,
            EvolutionTask::DoublePole(task) => task,
            EvolutionTask::Acrobot(task) => task,
            EvolutionTask::MountainCar(task) => task,
            EvolutionTask::SwingUp(task) => task,
            EvolutionTask::TMaze(task) => task,
        }
    }

    /// The same for a run with `seed`, to keep.
    ///
    /// # Errors
    /// If samples are not fit to be used, once they are prepared.
    pub fn of_run(&self, seed: Seed) -> Result<Box<dyn Task + Send + Sync>, String> {
        Ok(match self.clone() {
            EvolutionTask::Table(task) => Box::new(task),
            EvolutionTask::Samples(samples, _) => Box::new(samples.table(seed)?),
            EvolutionTask::SinglePole(task) => Box::new(task),
            EvolutionTask::DoublePole(task) => Box::new(task),
            EvolutionTask::Acrobot(task) => Box::new(task),
            EvolutionTask::MountainCar(task) => Box::new(task),
            EvolutionTask::SwingUp(task) => Box::new(task),
            EvolutionTask::TMaze(task) => Box::new(task),
        })
    }
}

/// Samples by which genomes are judged.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleTask {
    /// The samples, and how they are split.
    pub data: Data,
    /// Share of classes that solves it, or the largest mean squared error of values; by the kind of the task if left out.
    pub needed: Option<f64>,
    /// Steps before networks with cycles answer.
    pub settle: u32,
}

impl SampleTask {
    /// The table of a run with `seed`.
    ///
    /// # Errors
    /// If a feature is beyond what f32 can hold, or the samples make no table.
    pub fn table(&self, seed: Seed) -> Result<Table, String> {
        let (train, test) = self.data.prepare(seed).map_err(|e| e.to_string())?;
        let n_classes = train.class_names.len();
        let mut table = match &train.targets {
            Targets::Classes(classes) => {
                let rows: Vec<(Vec<f32>, usize)> =
                    classes.iter().enumerate().map(|(k, &class)| (train.sample(k).to_vec(), class as usize)).collect();
                let table = Table::classes("samples", &rows, n_classes)?;
                table.won(Won::Accuracy(self.needed.unwrap_or(0.95)))
            }
            Targets::Values { .. } => {
                let table = Table::regression("samples", &rows_of(&train))?;
                table.won(Won::SquaredError(self.needed.unwrap_or(0.01)))
            }
        };
        if test.n_samples() > 0 {
            table = table.with_test(&rows_of(&test))?;
        }
        table.steps = self.settle;
        Ok(table)
    }
}

/// Rows of features and wanted outputs.
fn rows_of(set: &Dataset) -> Vec<(Vec<f32>, Vec<f32>)> {
    let wanted = |k: usize| match &set.targets {
        Targets::Classes(classes) if set.class_names.len() == 2 => vec![classes[k] as f32],
        Targets::Classes(classes) => (0..set.class_names.len()).map(|c| f32::from(u8::from(c == classes[k] as usize))).collect(),
        Targets::Values { width, values } => values[k * width..(k + 1) * width].to_vec(),
    };
    (0..set.n_samples()).map(|k| (set.sample(k).to_vec(), wanted(k))).collect()
}
