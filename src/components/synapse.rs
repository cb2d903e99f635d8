//! Columns that every synapse has. Endpoints are indices inside the populations of its projection.

use bevy_ecs::component::Component;
use bytemuck::{Pod, Zeroable};

use super::column::Column;

/// The neuron a synapse reads: its row inside the projection's source population.
///
/// Only the fabric makes and changes it: rows are sorted by (projection, target, source).
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Source(u32);

impl Source {
    /// The neuron in this row of the source population; only the fabric makes them.
    pub(crate) const fn new(row: u32) -> Self {
        Source(row)
    }

    /// The row in the source population.
    #[inline]
    pub const fn row(self) -> usize {
        self.0 as usize
    }
}

impl Column for Source {
    const NAME: &'static str = "Source";
    type Element = u32;
}

/// The neuron a synapse feeds: its row inside the projection's target population.
///
/// Only the fabric makes and changes it: rows are sorted by (projection, target, source).
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Target(u32);

impl Target {
    /// The neuron in this row of the target population; only the fabric makes them.
    pub(crate) const fn new(row: u32) -> Self {
        Target(row)
    }

    /// The row in the target population.
    #[inline]
    pub const fn row(self) -> usize {
        self.0 as usize
    }
}

impl Column for Target {
    const NAME: &'static str = "Target";
    type Element = u32;
}

/// The strength of a synapse; the coupling J of a symmetric one, where positive favours equal spins.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
#[repr(transparent)]
pub struct Weight(pub f32);

impl Column for Weight {
    const NAME: &'static str = "Weight";
    type Element = f32;
}
