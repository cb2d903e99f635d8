//! The map of the tables: which rows are which population and which projection.
//!
//! Neurons of one kind are one table, its populations contiguous ranges in the order in which they
//! were built. Synapses of one kind are one table, sorted by (projection, target, source), so each
//! projection is a contiguous range whose columns are the arrays of compressed sparse rows, with
//! the row offsets held here.

use std::any::TypeId;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use bevy_ecs::entity::Entity;
use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;

use crate::components::{Activation, Bias, Clamped, Column, SpinLanes, Weight};

use super::columns::column;
use super::table::entities;

/// Position of a population among the populations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PopulationIdx(pub u32);

/// Position of a projection among the projections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectionIdx(pub u32);

/// A count of changes; a plan is stale if its epoch differs. Counting commutes, so that systems of
/// one phase may bump it through a shared reference.
#[derive(Debug, Default)]
pub struct Epoch(AtomicU64);

impl Epoch {
    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one change.
    pub fn bump(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A kind: one table.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) n_rows: usize,
    /// The entity of row 0, by which the table is found; `None` while it is empty.
    pub(crate) first: Option<Entity>,
}

/// A named range of neurons.
#[derive(Debug)]
pub struct Population {
    pub(crate) name: String,
    pub(crate) kind: usize,
    pub(crate) rows: Range<usize>,
    pub(crate) structure: Epoch,
    pub(crate) biases: Epoch,
    pub(crate) clamps: Epoch,
    pub(crate) states: Epoch,
}

impl Population {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of neurons.
    pub fn n_neurons(&self) -> usize {
        self.rows.len()
    }

    /// Its rows in the table of its kind.
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Counts changes of its rows: births, deaths, and checkpoints loaded.
    pub fn structure_epoch(&self) -> u64 {
        self.structure.get()
    }

    /// Counts writes to `Bias`.
    pub fn bias_epoch(&self) -> u64 {
        self.biases.get()
    }

    /// Counts writes to `Clamped`.
    pub fn clamp_epoch(&self) -> u64 {
        self.clamps.get()
    }

    /// Counts writes to `Activation` and `SpinLanes`.
    pub fn state_epoch(&self) -> u64 {
        self.states.get()
    }

    /// Counts a write to column `C`, if plans depend on it.
    pub(crate) fn note_write<C: Column>(&self) {
        self.note_writes(|column| column == TypeId::of::<C>());
    }

    /// Counts writes to the columns of which `writes` is true.
    pub(crate) fn note_writes(&self, writes: impl Fn(TypeId) -> bool) {
        if writes(TypeId::of::<Activation>()) || writes(TypeId::of::<SpinLanes>()) {
            self.states.bump();
        }
        if writes(TypeId::of::<Bias>()) {
            self.biases.bump();
        }
        if writes(TypeId::of::<Clamped>()) {
            self.clamps.bump();
        }
    }
}

/// All synapses of one kind between two populations.
#[derive(Debug)]
pub struct Projection {
    pub(crate) name: String,
    pub(crate) kind: usize,
    pub(crate) from: PopulationIdx,
    pub(crate) to: PopulationIdx,
    pub(crate) symmetric: bool,
    pub(crate) in_blocks: bool,
    pub(crate) rows: Range<usize>,
    pub(crate) offsets: Vec<u32>,
    pub(crate) structure: Epoch,
    pub(crate) weights: Epoch,
    pub(crate) n_born: u64,
    pub(crate) n_died: u64,
}

impl Projection {
    /// Its name, usually `from->to`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The source population.
    pub fn from(&self) -> PopulationIdx {
        self.from
    }

    /// The target population.
    pub fn to(&self) -> PopulationIdx {
        self.to
    }

    /// True if its synapses couple both ways; each is stored once, inside one population with source < target.
    pub fn is_symmetric(&self) -> bool {
        self.symmetric
    }

    /// True if either end of a synapse may be its source, so that the lower row has to be it.
    pub(crate) fn is_folded(&self) -> bool {
        self.symmetric && self.from == self.to
    }

    /// Number of synapses.
    pub fn n_synapses(&self) -> usize {
        self.rows.len()
    }

    /// Its rows in the table of its kind.
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// True if its rows are laid out in blocks by the feature that owns them: in no order, and births go to the end.
    pub fn is_in_blocks(&self) -> bool {
        self.in_blocks
    }

    /// Row offsets by target, one more than there are targets, counted from the projection's first row; empty for rows in blocks.
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// The synapses onto the neuron in row `target`, counted from the projection's first row.
    ///
    /// # Panics
    /// If there is no such row, or the rows are in blocks.
    pub fn synapses_onto(&self, target: usize) -> Range<usize> {
        assert!(!self.in_blocks, "rows of {:?} are in blocks, not by target", self.name);
        self.offsets[target] as usize..self.offsets[target + 1] as usize
    }

    /// Counts changes of its rows or of the rows of its neurons: births, deaths, and checkpoints loaded.
    pub fn structure_epoch(&self) -> u64 {
        self.structure.get()
    }

    /// Counts writes to `Weight`.
    pub fn weight_epoch(&self) -> u64 {
        self.weights.get()
    }

    /// Counts the synapses that restructuring has brought in since the world was built; no part of a checkpoint.
    pub fn n_born(&self) -> u64 {
        self.n_born
    }

    /// Counts the synapses that restructuring has taken out since the world was built; no part of a checkpoint.
    pub fn n_died(&self) -> u64 {
        self.n_died
    }

    /// Counts a write to column `C`, if plans depend on it.
    pub(crate) fn note_write<C: Column>(&self) {
        self.note_writes(|column| column == TypeId::of::<C>());
    }

    /// Counts writes to the columns of which `writes` is true.
    pub(crate) fn note_writes(&self, writes: impl Fn(TypeId) -> bool) {
        if writes(TypeId::of::<Weight>()) {
            self.weights.bump();
        }
    }
}

/// The populations and projections of a world, with their rows.
#[derive(Resource, Debug, Default)]
pub struct Fabric {
    pub(crate) neuron_kinds: Vec<Kind>,
    pub(crate) synapse_kinds: Vec<Kind>,
    pub(crate) populations: Vec<Population>,
    pub(crate) projections: Vec<Projection>,
    pub(crate) structure: Epoch,
    pub(crate) next_neuron: u64,
}

impl Fabric {
    /// All populations, in their order.
    pub fn populations(&self) -> impl Iterator<Item = (PopulationIdx, &Population)> {
        self.populations.iter().enumerate().map(|(i, p)| (PopulationIdx(i as u32), p))
    }

    /// All projections, in their order.
    pub fn projections(&self) -> impl Iterator<Item = (ProjectionIdx, &Projection)> {
        self.projections.iter().enumerate().map(|(i, p)| (ProjectionIdx(i as u32), p))
    }

    /// The population called `name`.
    pub fn find_population(&self, name: &str) -> Option<PopulationIdx> {
        self.populations().find(|(_, p)| p.name == name).map(|(i, _)| i)
    }

    /// The projection called `name`.
    pub fn find_projection(&self, name: &str) -> Option<ProjectionIdx> {
        self.projections().find(|(_, p)| p.name == name).map(|(i, _)| i)
    }

    /// The population at `idx`.
    ///
    /// # Panics
    /// If there is none.
    pub fn population(&self, idx: PopulationIdx) -> &Population {
        &self.populations[idx.0 as usize]
    }

    /// The projection at `idx`.
    ///
    /// # Panics
    /// If there is none.
    pub fn projection(&self, idx: ProjectionIdx) -> &Projection {
        &self.projections[idx.0 as usize]
    }

    /// Number of neurons in all populations.
    pub fn n_neurons(&self) -> usize {
        self.neuron_kinds.iter().map(|k| k.n_rows).sum()
    }

    /// Number of synapses in all projections.
    pub fn n_synapses(&self) -> usize {
        self.synapse_kinds.iter().map(|k| k.n_rows).sum()
    }

    /// Counts changes of the structure anywhere: births, deaths, and checkpoints loaded.
    pub fn structure_epoch(&self) -> u64 {
        self.structure.get()
    }

    /// Column `C` of a population; `None` if it has no such column.
    pub fn neuron_rows<'w, C: Column>(&self, world: &'w World, population: PopulationIdx) -> Option<&'w [C]> {
        let p = self.population(population);
        rows_of(world, &self.neuron_kinds[p.kind], p.rows())
    }

    /// Column `C` of a projection; `None` if it has no such column.
    pub fn synapse_rows<'w, C: Column>(&self, world: &'w World, projection: ProjectionIdx) -> Option<&'w [C]> {
        let p = self.projection(projection);
        rows_of(world, &self.synapse_kinds[p.kind], p.rows())
    }

    /// Asserts that every kind is one table with as many rows as its ranges, and every projection's
    /// rows as many as its offsets say.
    pub(crate) fn check(&self, world: &World) {
        for kind in self.neuron_kinds.iter().chain(&self.synapse_kinds) {
            let n_rows = kind.first.map_or(0, |first| entities(world, first).len());
            assert_eq!(n_rows, kind.n_rows, "rows in the table of kind {:?}, and rows it should have", kind.name);
        }
        for p in &self.projections {
            if p.in_blocks {
                assert!(p.offsets.is_empty(), "offsets of {:?}, whose rows are in blocks", p.name);
                continue;
            }
            let n_targets = self.population(p.to).n_neurons();
            assert_eq!(p.offsets.len(), n_targets + 1, "offsets of {:?} for {n_targets} targets", p.name);
            assert_eq!(p.offsets[n_targets] as usize, p.rows.len(), "last offset of {:?}, and its rows", p.name);
        }
    }

    pub(crate) fn kinds(&self, family: Family) -> &[Kind] {
        match family {
            Family::Neuron => &self.neuron_kinds,
            Family::Synapse => &self.synapse_kinds,
        }
    }

    pub(crate) fn kinds_mut(&mut self, family: Family) -> &mut Vec<Kind> {
        match family {
            Family::Neuron => &mut self.neuron_kinds,
            Family::Synapse => &mut self.synapse_kinds,
        }
    }
}

fn rows_of<'w, C: Column>(world: &'w World, kind: &Kind, rows: Range<usize>) -> Option<&'w [C]> {
    if rows.is_empty() {
        return Some(&[]);
    }
    column::<C>(world, kind.first?).map(|column| &column[rows])
}

/// The two families of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Tables of neurons.
    Neuron,
    /// Tables of synapses.
    Synapse,
}

impl Family {
    /// `neuron` or `synapse`, as in names of sections.
    pub const fn name(self) -> &'static str {
        match self {
            Family::Neuron => "neuron",
            Family::Synapse => "synapse",
        }
    }
}
