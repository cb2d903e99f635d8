//! Columns that every neuron has.

use std::fmt;

use bevy_ecs::component::Component;
use bytemuck::{Pod, Zeroable};

use super::column::Column;

/// The lasting name of a neuron, from a counter that is part of the state; never used again after death.
///
/// Inside a population, rows are in ascending order of ids.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct NeuronId(u64);

impl NeuronId {
    /// The id with this number; only the fabric hands them out.
    pub(crate) const fn new(number: u64) -> Self {
        NeuronId(number)
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for NeuronId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl Column for NeuronId {
    const NAME: &'static str = "NeuronId";
    type Element = u64;
}

/// What a neuron puts out: +1 or -1 for spins, 0 or 1 for Boltzmann units, any number for rates.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
#[repr(transparent)]
pub struct Activation(pub f32);

impl Column for Activation {
    const NAME: &'static str = "Activation";
    type Element = f32;
}

/// A constant input, in the units of a weight times an activation; the field h of a spin.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
#[repr(transparent)]
pub struct Bias(pub f32);

impl Column for Bias {
    const NAME: &'static str = "Bias";
    type Element = f32;
}

/// The potential of a LIF neuron between steps; registered for kinds of recurrent LIF populations.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
#[repr(transparent)]
pub struct Membrane(pub f32);

impl Column for Membrane {
    const NAME: &'static str = "Membrane";
    type Element = f32;
}

/// Whether the activation is held from outside: 0 is free, 1 is clamped.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub struct Clamped(u8);

impl Clamped {
    /// Not held: samplers and the forward pass move it.
    pub const FREE: Clamped = Clamped(0);
    /// Held at its activation.
    pub const CLAMPED: Clamped = Clamped(1);

    /// True if the neuron is held.
    pub const fn is_clamped(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Clamped {
    fn from(clamped: bool) -> Self {
        Clamped(u8::from(clamped))
    }
}

impl Column for Clamped {
    const NAME: &'static str = "Clamped";
    type Element = u8;
}

/// The spin of a neuron in up to 512 replicas: lane r is bit r % 64 of word r / 64, set for +1.
///
/// Registered by the spin plugin; lanes beyond the number of replicas are 0.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub struct SpinLanes(pub [u64; 8]);

impl Column for SpinLanes {
    const NAME: &'static str = "SpinLanes";
    type Element = u64;
}

/// The spin of a neuron in the state of the lowest energy found so far: +1 or -1, or 0 before there is one.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub struct BestSpin(pub i8);

impl Column for BestSpin {
    const NAME: &'static str = "BestSpin";
    type Element = i8;
}
