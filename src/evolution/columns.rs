//! Rows of a world as blocks of genes.

use bytemuck::{cast_slice, cast_slice_mut};

use crate::components::genome::{
    GeneCount, GeneEnabled, Innovation, InnovationBirth, NodeActivation, NodeAggregation, NodeCount, NodeGeneId, NodeRole, TimeConstant,
};
use crate::components::{Bias, Source, Target, Weight};
use crate::engine::evolution::{GenomeBlocks, GenomeBlocksMut};
use crate::topology::{Fabric, Neurons, Synapses};

use super::{GENES, GENOMES, NODES};

/// Columns of genomes that say how much of their blocks is used.
pub(super) type Counts = (&'static NodeCount, &'static GeneCount);
/// Columns of nodes.
pub(super) type Nodes =
    (&'static NodeGeneId, &'static NodeRole, &'static NodeActivation, &'static NodeAggregation, &'static Bias, &'static TimeConstant);
/// Columns of connections.
pub(super) type Genes =
    (&'static Innovation, &'static InnovationBirth, &'static Source, &'static Target, &'static Weight, &'static GeneEnabled);

/// The same, to write.
pub(super) type CountsMut = (&'static mut NodeCount, &'static mut GeneCount);
/// The same, to write.
pub(super) type NodesMut = (
    &'static mut NodeGeneId,
    &'static mut NodeRole,
    &'static mut NodeActivation,
    &'static mut NodeAggregation,
    &'static mut Bias,
    &'static mut TimeConstant,
);
/// The same, to write.
pub(super) type GenesMut = (
    &'static mut Innovation,
    &'static mut InnovationBirth,
    &'static mut Source,
    &'static mut Target,
    &'static mut Weight,
    &'static mut GeneEnabled,
);

const KNOWN: &str = "codes are written by genes alone, and checked when they are loaded";
const BUILT: &str = "the blocks were built";

/// The blocks, to read.
pub(super) fn blocks<'a>(
    counts: &'a Neurons<'_, '_, Counts>,
    nodes: &'a Neurons<'_, '_, Nodes>,
    genes: &'a Synapses<'_, '_, Genes>,
) -> GenomeBlocks<'a> {
    let fabric = counts.fabric();
    let n_nodes = counts.get(fabric.find_population(GENOMES).expect(BUILT)).expect(BUILT);
    let node = nodes.get(fabric.find_population(NODES).expect(BUILT)).expect(BUILT);
    let gene = genes.get(fabric.find_projection(GENES).expect(BUILT)).expect(BUILT);
    let (node_capacity, connection_capacity) = capacity(fabric);
    GenomeBlocks {
        node_capacity,
        connection_capacity,
        n_nodes: cast_slice(n_nodes.0),
        n_connections: cast_slice(n_nodes.1),
        node_ids: cast_slice(node.0),
        kinds: bytemuck::checked::try_cast_slice(node.1).expect(KNOWN),
        activations: bytemuck::checked::try_cast_slice(node.2).expect(KNOWN),
        aggregations: bytemuck::checked::try_cast_slice(node.3).expect(KNOWN),
        biases: cast_slice(node.4),
        time_constants: cast_slice(node.5),
        ids: cast_slice(gene.0),
        births: cast_slice(gene.1),
        sources: cast_slice(gene.2),
        targets: cast_slice(gene.3),
        weights: cast_slice(gene.4),
        enabled: bytemuck::checked::try_cast_slice(gene.5).expect(KNOWN),
    }
}

/// The blocks, to write.
pub(super) fn blocks_mut<'a>(
    counts: &'a mut Neurons<'_, '_, CountsMut>,
    nodes: &'a mut Neurons<'_, '_, NodesMut>,
    genes: &'a mut Synapses<'_, '_, GenesMut>,
) -> GenomeBlocksMut<'a> {
    let fabric = counts.fabric();
    let (node_capacity, connection_capacity) = capacity(fabric);
    let at = (fabric.find_population(GENOMES), fabric.find_population(NODES), fabric.find_projection(GENES));
    let n_nodes = counts.get_mut(at.0.expect(BUILT)).expect(BUILT);
    let node = nodes.get_mut(at.1.expect(BUILT)).expect(BUILT);
    let gene = genes.get_mut(at.2.expect(BUILT)).expect(BUILT);
    GenomeBlocksMut {
        node_capacity,
        connection_capacity,
        n_nodes: cast_slice_mut(n_nodes.0),
        n_connections: cast_slice_mut(n_nodes.1),
        node_ids: cast_slice_mut(node.0),
        kinds: bytemuck::checked::try_cast_slice_mut(node.1).expect(KNOWN),
        activations: bytemuck::checked::try_cast_slice_mut(node.2).expect(KNOWN),
        aggregations: bytemuck::checked::try_cast_slice_mut(node.3).expect(KNOWN),
        biases: cast_slice_mut(node.4),
        time_constants: cast_slice_mut(node.5),
        ids: cast_slice_mut(gene.0),
        births: cast_slice_mut(gene.1),
        sources: cast_slice_mut(gene.2),
        targets: cast_slice_mut(gene.3),
        weights: cast_slice_mut(gene.4),
        enabled: bytemuck::checked::try_cast_slice_mut(gene.5).expect(KNOWN),
    }
}

/// Rows of a block: (nodes, connections).
pub(super) fn capacity(fabric: &Fabric) -> (usize, usize) {
    let n = |name| fabric.population(fabric.find_population(name).expect(BUILT)).n_neurons();
    let n_genes = fabric.projection(fabric.find_projection(GENES).expect(BUILT)).n_synapses();
    (n(NODES) / n(GENOMES), n_genes / n(GENOMES))
}
