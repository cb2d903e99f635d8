//! Columns of neurons and synapses that plasticity keeps; they follow the structure, checkpoints and hashes.

use bevy_ecs::component::Component;
use bytemuck::{Pod, Zeroable};

use crate::components::Column;
use crate::engine::plasticity::sketch::Sketch;

macro_rules! column {
    ($(#[$doc:meta])* $name:ident($type:ty), $element:ty) => {
        $(#[$doc])*
        #[derive(Component, Clone, Copy, Debug, PartialEq, PartialOrd, Pod, Zeroable)]
        #[repr(transparent)]
        pub struct $name(pub $type);

        impl Default for $name {
            fn default() -> Self {
                Zeroable::zeroed()
            }
        }

        impl Column for $name {
            const NAME: &'static str = stringify!($name);
            type Element = $element;
        }
    };
}

column! {
    /// The running mean of a neuron's activation, as its calcium shows it.
    Calcium(f32), f32
}
column! {
    /// Axonal elements of a neuron, bound and free; the whole ones count.
    AxonalElements(f32), f32
}
column! {
    /// Dendritic elements of a neuron, bound and free; the whole ones count.
    DendriticElements(f32), f32
}
column! {
    /// The mean from which correlations take deviations.
    ActivityMean(f32), f32
}
column! {
    /// The running variance of a neuron's activation.
    ActivityVariance(f32), f32
}
column! {
    /// Random projections of a neuron's recent deviations (see [`crate::engine::plasticity::sketch`]).
    ActivitySketch(Sketch), f32
}
column! {
    /// The running mean of a neuron's energy gradient |dE/dy| = |bias + sum w x|.
    EnergyGradient(f32), f32
}
column! {
    /// The sliding threshold of BCM: the running mean of the squared activation.
    BcmThreshold(f32), f32
}
column! {
    /// Where a neuron stands: x, y, z.
    Place([f32; 3]), f32
}
column! {
    /// The running mean of the energy |w x y| that a synapse carries.
    EnergyShare(f32), f32
}
column! {
    /// Steps in a row for which a synapse was weak and carried nothing.
    IdleSteps(u32), u32
}
