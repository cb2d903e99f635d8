//! Columns of evolved networks: genomes are neurons of one population, their nodes of another, and connection genes are synapses
//! between nodes, each in a block of rows a genome.

use bevy_ecs::component::Component;
use bytemuck::{Pod, Zeroable};

use super::column::Column;

/// Declares columns of one number a row.
macro_rules! columns {
    ($($(#[$doc:meta])* $name:ident($number:ty) = $text:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Component, Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
            #[repr(transparent)]
            pub struct $name(pub $number);

            impl Column for $name {
                const NAME: &'static str = $text;
                type Element = $number;
            }
        )*
    };
}

columns! {
    /// Of a genome: how many node rows of its block are used.
    NodeCount(u32) = "NodeCount";
    /// Of a genome: how many connection rows of its block are used.
    GeneCount(u32) = "GeneCount";
    /// Of a genome: how well it did, more is better; 0 before it is judged.
    Fitness(f64) = "Fitness";
    /// Of a genome: the id of its species; `u32::MAX` before it has one.
    SpeciesId(u32) = "SpeciesId";
    /// Of a node: its innovation id; given and output nodes count from 0.
    NodeGeneId(u64) = "NodeGeneId";
    /// Of a node: the code of its [`NodeKind`](crate::plan::population::NodeKind).
    NodeRole(u8) = "NodeRole";
    /// Of a node: the code of its [`Activation`](crate::plan::population::Activation).
    NodeActivation(u8) = "NodeActivation";
    /// Of a node: the code of its [`Aggregation`](crate::plan::population::Aggregation).
    NodeAggregation(u8) = "NodeAggregation";
    /// Of a node: how slowly it follows in continuous time, above 0.
    TimeConstant(f32) = "TimeConstant";
    /// Of a connection: its innovation id.
    Innovation(u64) = "Innovation";
    /// Of a connection: the generation in which it was numbered; 0 where ids are global.
    InnovationBirth(u32) = "InnovationBirth";
    /// Of a connection: 1 where it is used, 0 where it is carried only.
    GeneEnabled(u8) = "GeneEnabled";
}
