//! Which diagnostics a result does not have, and why.

use bevy_ecs::world::World;

use super::recall::{self, Recall};
use super::spin_method::SpinMethod;
use super::structure::{self, Wirer};

/// The rows of [`crate::engine::methods::DIAGNOSTICS`] that no metric of the last step holds, each
/// with the reason; empty for a world without a method.
pub fn absent_diagnostics(world: &World) -> Vec<(&'static str, &'static str)> {
    match world.get_resource::<SpinMethod>() {
        Some(method) => method.state().absent(),
        None if world.contains_resource::<Recall>() => recall::absent(),
        None if world.contains_resource::<Wirer>() => structure::absent(world),
        None => Vec::new(),
    }
}
