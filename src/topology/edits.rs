//! Structural changes as data: births and deaths are recorded by systems and applied by `restructure`.
//!
//! Recording takes a shared reference and what is recorded is sorted before it is applied, so that
//! neither the order of systems nor that of threads decides anything. Rows are those of the time of
//! recording; they stay valid until the next `Restructure` phase.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bevy_ecs::resource::Resource;

use crate::random::SystemTag;

use super::fabric::{PopulationIdx, ProjectionIdx};

/// One end of a synapse to be born.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The neuron in this row of its population.
    Row(u32),
    /// A neuron recorded for birth at the same time by `origin`, with this `ordinal`.
    Newborn {
        /// Who recorded it.
        origin: SystemTag,
        /// Its number among those of `origin`.
        ordinal: u32,
    },
}

impl From<u32> for End {
    fn from(row: u32) -> Self {
        End::Row(row)
    }
}

/// A neuron to be born at the end of its population.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NeuronBirth {
    /// Its population.
    pub population: PopulationIdx,
    /// Who records it; with `ordinal` the newborn's name until it has an id.
    pub origin: SystemTag,
    /// Its number among those of `origin`, which decides the order of ids.
    pub ordinal: u32,
    /// Its first activation.
    pub activation: f32,
    /// Its bias.
    pub bias: f32,
}

impl NeuronBirth {
    /// How a synapse born at the same time names this neuron.
    pub fn end(&self) -> End {
        End::Newborn { origin: self.origin, ordinal: self.ordinal }
    }
}

/// A synapse to be born.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SynapseBirth {
    /// Its projection.
    pub projection: ProjectionIdx,
    /// Its source; either end of a symmetric coupling.
    pub source: End,
    /// Its target; the other end of a symmetric coupling.
    pub target: End,
    /// Its weight.
    pub weight: f32,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct RecordedBirths {
    pub(crate) neurons: Vec<NeuronBirth>,
    pub(crate) synapses: Vec<SynapseBirth>,
}

/// The births recorded since the last `Restructure` phase.
///
/// A synapse onto or from a neuron that dies at the same time is not born. A synapse that exists
/// already, or is recorded twice, is an error, unless the existing one dies at the same time.
#[derive(Resource, Debug, Default)]
pub struct Births {
    recorded: Mutex<RecordedBirths>,
}

impl Births {
    /// Records a neuron.
    pub fn neuron(&self, birth: NeuronBirth) {
        lock(&self.recorded).neurons.push(birth);
    }

    /// Records a synapse.
    pub fn synapse(&self, birth: SynapseBirth) {
        lock(&self.recorded).synapses.push(birth);
    }

    /// Records many neurons at once, such as those of a block.
    pub fn neurons(&self, births: impl IntoIterator<Item = NeuronBirth>) {
        let births: Vec<_> = births.into_iter().collect();
        lock(&self.recorded).neurons.extend(births);
    }

    /// Records many synapses at once, such as those of a block.
    pub fn synapses(&self, births: impl IntoIterator<Item = SynapseBirth>) {
        let births: Vec<_> = births.into_iter().collect();
        lock(&self.recorded).synapses.extend(births);
    }

    /// True if nothing is recorded.
    pub fn is_empty(&self) -> bool {
        let recorded = lock(&self.recorded);
        recorded.neurons.is_empty() && recorded.synapses.is_empty()
    }

    pub(crate) fn take(&self) -> RecordedBirths {
        std::mem::take(&mut lock(&self.recorded))
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct RecordedDeaths {
    pub(crate) neurons: Vec<(PopulationIdx, u32)>,
    pub(crate) synapses: Vec<(ProjectionIdx, u32)>,
}

/// The deaths recorded since the last `Restructure` phase; a neuron takes its synapses along.
///
/// Recording one death twice is recording it once.
#[derive(Resource, Debug, Default)]
pub struct Deaths {
    recorded: Mutex<RecordedDeaths>,
}

impl Deaths {
    /// Records the neuron in `row` of `population`.
    pub fn neuron(&self, population: PopulationIdx, row: u32) {
        lock(&self.recorded).neurons.push((population, row));
    }

    /// Records the synapse in `row` of `projection`, counted from the projection's first row.
    pub fn synapse(&self, projection: ProjectionIdx, row: u32) {
        lock(&self.recorded).synapses.push((projection, row));
    }

    /// Records many synapses of one projection at once.
    pub fn synapses(&self, projection: ProjectionIdx, rows: impl IntoIterator<Item = u32>) {
        let rows: Vec<_> = rows.into_iter().map(|row| (projection, row)).collect();
        lock(&self.recorded).synapses.extend(rows);
    }

    /// True if nothing is recorded.
    pub fn is_empty(&self) -> bool {
        let recorded = lock(&self.recorded);
        recorded.neurons.is_empty() && recorded.synapses.is_empty()
    }

    pub(crate) fn take(&self) -> RecordedDeaths {
        std::mem::take(&mut lock(&self.recorded))
    }
}

fn lock<T>(recorded: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while the lock is held leaves a whole list, and the simulation is poisoned anyway.
    recorded.lock().unwrap_or_else(PoisonError::into_inner)
}
