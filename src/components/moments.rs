//! What optimisers remember of each weight and bias: columns of their own for synapses and for neurons, so that one system
//! may write both.

use bevy_ecs::component::Component;
use bytemuck::{Pod, Zeroable};

use super::column::Column;

/// The velocity, or the mean of past gradients, of a weight. Registered by optimisers that keep one.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
#[repr(transparent)]
pub struct FirstMoment(pub f32);

impl Column for FirstMoment {
    const NAME: &'static str = "FirstMoment";
    type Element = f32;
}

/// The mean or sum of squares of past gradients of a weight. Registered by optimisers that keep one.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
#[repr(transparent)]
pub struct SecondMoment(pub f32);

impl Column for SecondMoment {
    const NAME: &'static str = "SecondMoment";
    type Element = f32;
}

/// The velocity, or the mean of past gradients, of a bias. Registered by optimisers that keep one.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
#[repr(transparent)]
pub struct FirstMomentOfBias(pub f32);

impl Column for FirstMomentOfBias {
    const NAME: &'static str = "FirstMoment";
    type Element = f32;
}

/// The mean or sum of squares of past gradients of a bias. Registered by optimisers that keep one.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
#[repr(transparent)]
pub struct SecondMomentOfBias(pub f32);

impl Column for SecondMomentOfBias {
    const NAME: &'static str = "SecondMoment";
    type Element = f32;
}
