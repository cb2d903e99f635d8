//! What optimisers remember of each weight and bias.

use bevy_ecs::component::Component;
use bytemuck::{Pod, Zeroable};

use super::column::Column;

/// The velocity, or the mean of past gradients, of a weight or bias. Registered by optimisers that keep one.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
#[repr(transparent)]
pub struct FirstMoment(pub f32);

impl Column for FirstMoment {
    const NAME: &'static str = "FirstMoment";
    type Element = f32;
}

/// The mean or sum of squares of past gradients of a weight or bias. Registered by optimisers that keep one.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
#[repr(transparent)]
pub struct SecondMoment(pub f32);

impl Column for SecondMoment {
    const NAME: &'static str = "SecondMoment";
    type Element = f32;
}
