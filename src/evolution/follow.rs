//! Checks the genes of a checkpoint before anyone reads them.

use bevy_ecs::error::Result;
use bevy_ecs::world::World;
use bytemuck::CheckedBitPattern;

use crate::components::genome::{GeneCount, GeneEnabled, NodeActivation, NodeAggregation, NodeCount, NodeGeneId, NodeRole};
use crate::components::{Column, RunSeed, Source, Target};
use crate::plan::population::{Activation, Aggregation, NodeKind};
use crate::topology::Fabric;

use super::columns::capacity;
use super::{Evolving, GENES, GENOMES, NODES};

/// Accepts rows that are blocks of genomes, and takes the seed of the run.
pub(super) fn follow(world: &mut World) -> Result {
    check(world)?;
    let seed = world.resource::<RunSeed>().0;
    world.resource_mut::<Evolving>().evolution.set_seed(seed);
    Ok(())
}

fn check(world: &World) -> Result {
    let n = world.resource::<Evolving>().evolution.settings().population;
    let fabric = world.resource::<Fabric>();
    let (genomes, nodes, genes) = (fabric.find_population(GENOMES), fabric.find_population(NODES), fabric.find_projection(GENES));
    let (Some(genomes), Some(nodes), Some(genes)) = (genomes, nodes, genes) else {
        return Err("the blocks of genomes are gone".into());
    };
    let (n_nodes, n_genes) = (fabric.population(nodes).n_neurons(), fabric.projection(genes).n_synapses());
    let n_genomes = fabric.population(genomes).n_neurons();
    if n_genomes != n || !n_nodes.is_multiple_of(n) || !n_genes.is_multiple_of(n) || n_nodes == 0 || n_genes == 0 {
        return Err(format!("{n_genomes} genomes with {n_nodes} nodes and {n_genes} genes are no {n} blocks").into());
    }
    let (node_capacity, gene_capacity) = capacity(fabric);

    // 1. Codes are those of something.
    let roles = fabric.neuron_rows::<NodeRole>(world, nodes).unwrap_or(&[]);
    codes::<_, NodeKind>(roles)?;
    codes::<_, Activation>(fabric.neuron_rows::<NodeActivation>(world, nodes).unwrap_or(&[]))?;
    codes::<_, Aggregation>(fabric.neuron_rows::<NodeAggregation>(world, nodes).unwrap_or(&[]))?;
    codes::<_, bool>(fabric.synapse_rows::<GeneEnabled>(world, genes).unwrap_or(&[]))?;

    // 2. Genomes fit their blocks, ids ascend, and connections join nodes of their genome.
    let ids = fabric.neuron_rows::<NodeGeneId>(world, nodes).unwrap_or(&[]);
    let counts = fabric.neuron_rows::<NodeCount>(world, genomes).unwrap_or(&[]);
    let gene_counts = fabric.neuron_rows::<GeneCount>(world, genomes).unwrap_or(&[]);
    let sources = fabric.synapse_rows::<Source>(world, genes).unwrap_or(&[]);
    let targets = fabric.synapse_rows::<Target>(world, genes).unwrap_or(&[]);
    for (k, (count, gene_count)) in counts.iter().zip(gene_counts).enumerate() {
        let (count, gene_count) = (count.0 as usize, gene_count.0 as usize);
        if count > node_capacity || gene_count > gene_capacity {
            return Err(format!(
                "genome {k} has {count} nodes and {gene_count} genes, and blocks hold {node_capacity} and {gene_capacity}"
            )
            .into());
        }
        let own = k * node_capacity..k * node_capacity + count;
        if !ids[own.clone()].is_sorted_by(|a, b| a.0 < b.0) {
            return Err(format!("ids of the nodes of genome {k} do not ascend").into());
        }
        for row in k * gene_capacity..k * gene_capacity + gene_count {
            let (source, target) = (sources[row].row(), targets[row].row());
            if !own.contains(&source) || !own.contains(&target) {
                return Err(format!("gene {row} joins nodes {source} and {target}, and those of genome {k} are {own:?}").into());
            }
        }
    }
    Ok(())
}

fn codes<C: Column<Element = u8>, T: CheckedBitPattern<Bits = u8>>(rows: &[C]) -> Result {
    let bytes: &[u8] = bytemuck::cast_slice(rows);
    match bytes.iter().position(|code| !T::is_valid_bit_pattern(code)) {
        Some(row) => Err(format!("{} {} in row {row} names nothing", C::NAME, bytes[row]).into()),
        None => Ok(()),
    }
}
