//! The systems of a generation: breed, write, judge.

use bevy_ecs::change_detection::{Res, ResMut};
use bevy_ecs::schedule::IntoScheduleConfigs;
use bevy_ecs::system::RunSystemOnce;

use crate::components::Metrics;
use crate::components::genome::{Fitness, SpeciesId};
use crate::engine::evolution::{grown, largest};
use crate::phases::Phase;
use crate::random::SystemTag;
use crate::simulation::{Simulation, is_running};
use crate::topology::{Births, End, NeuronBirth, Neurons, SynapseBirth, Synapses};

use super::columns::{Counts, CountsMut, Genes, GenesMut, Nodes, NodesMut, blocks, blocks_mut, capacity};
use super::{Evolving, GENES, GENOMES, Judge, Litter, NODES, report};

/// Adds the systems in their phases.
pub(super) fn add_systems(sim: &mut Simulation) {
    sim.add_systems(Phase::Edit, breed.run_if(is_running));
    sim.add_systems(Phase::RestructureEdits, write.run_if(is_running));
    sim.add_systems(Phase::Evolve, (learn, remember, judge, restore, settle).chain());
}

/// Writes the first generation, before the first step.
pub(super) fn write_first(sim: &mut Simulation) {
    sim.world_mut().run_system_once(write).expect("its columns and resources are there");
}

/// Makes the children of a generation that was judged, and larger blocks if one outgrows its own.
fn breed(
    mut evolving: ResMut<Evolving>,
    mut litter: ResMut<Litter>,
    births: Res<Births>,
    counts: Neurons<Counts>,
    nodes: Neurons<Nodes>,
    genes: Synapses<Genes>,
) {
    if !evolving.evolution.is_told() {
        return;
    }
    let litter = &mut *litter;
    evolving.evolution.breed(blocks(&counts, &nodes, &genes), &mut litter.genomes, &mut litter.parents);
    litter.is_waiting = true;

    let fabric = counts.fabric();
    let (old, needed) = (capacity(fabric), largest(&litter.genomes));
    let new = (grown(old.0, needed.0), grown(old.1, needed.1));
    litter.outgrows = new != old;
    let n = litter.genomes.len();
    let (population, projection) = (fabric.find_population(NODES), fabric.find_projection(GENES));
    let (population, projection) = (population.expect("nodes were built"), projection.expect("genes were built"));
    let origin = SystemTag::named("evolution/blocks");
    let node = |ordinal| NeuronBirth { population, origin, ordinal, activation: 0.0, bias: 0.0 };
    births.neurons((0..((new.0 - old.0) * n) as u32).map(node));
    let gene = SynapseBirth { projection, source: End::Row(0), target: End::Row(0), weight: 0.0 };
    births.synapses(std::iter::repeat_n(gene, (new.1 - old.1) * n));
}

/// Writes the children into the blocks.
fn write(mut litter: ResMut<Litter>, mut counts: Neurons<CountsMut>, mut nodes: Neurons<NodesMut>, mut genes: Synapses<GenesMut>) {
    if !std::mem::take(&mut litter.is_waiting) {
        return;
    }
    let mut blocks = blocks_mut(&mut counts, &mut nodes, &mut genes);
    if std::mem::take(&mut litter.outgrows) {
        blocks.clear();
    }
    for (k, genome) in litter.genomes.iter().enumerate() {
        blocks.write(k, genome);
    }
}

/// Trains genomes by gradient.
fn learn(
    mut evolving: ResMut<Evolving>,
    mut litter: ResMut<Litter>,
    judge: Res<Judge>,
    counts: Neurons<Counts>,
    nodes: Neurons<Nodes>,
    genes: Synapses<Genes>,
) {
    litter.lessons = evolving.evolution.learn(blocks(&counts, &nodes, &genes), judge.task());
}

/// Writes down what genomes keep of their lessons.
fn remember(litter: Res<Litter>, mut counts: Neurons<CountsMut>, mut nodes: Neurons<NodesMut>, mut genes: Synapses<GenesMut>) {
    if litter.lessons.is_empty() {
        return;
    }
    let mut blocks = blocks_mut(&mut counts, &mut nodes, &mut genes);
    for lesson in litter.lessons.iter().filter(|l| l.is_kept) {
        blocks.write(lesson.slot as usize, &lesson.genome);
    }
}

/// Judges whoever changed, and decides upon children of an annealed generation.
fn judge(
    mut evolving: ResMut<Evolving>,
    mut litter: ResMut<Litter>,
    judge: Res<Judge>,
    counts: Neurons<Counts>,
    nodes: Neurons<Nodes>,
    genes: Synapses<Genes>,
) -> bevy_ecs::error::Result {
    let blocks = blocks(&counts, &nodes, &genes);
    let scores = evolving.evolution.judge(blocks, &litter.lessons, judge.task());
    litter.rejected = evolving.evolution.decide(blocks, &litter.lessons, &scores)?;
    Ok(())
}

/// Puts the parents of rejected children back.
fn restore(mut litter: ResMut<Litter>, mut counts: Neurons<CountsMut>, mut nodes: Neurons<NodesMut>, mut genes: Synapses<GenesMut>) {
    let rejected = std::mem::take(&mut litter.rejected);
    if rejected.is_empty() {
        return;
    }
    let mut blocks = blocks_mut(&mut counts, &mut nodes, &mut genes);
    for k in rejected {
        blocks.write(k as usize, &litter.parents[k as usize]);
    }
}

/// Finds species, and reports.
fn settle(
    mut evolving: ResMut<Evolving>,
    judge: Res<Judge>,
    metrics: Res<Metrics>,
    counts: Neurons<Counts>,
    nodes: Neurons<Nodes>,
    genes: Synapses<Genes>,
    mut found: Neurons<(&mut Fitness, &mut SpeciesId)>,
) {
    evolving.evolution.settle(blocks(&counts, &nodes, &genes));
    let genomes = counts.fabric().find_population(GENOMES).expect("genomes were built");
    let (fitness, species) = found.get_mut(genomes).expect("there are genomes");
    for (to, score) in fitness.iter_mut().zip(evolving.evolution.scores()) {
        to.0 = score.fitness;
    }
    for s in evolving.evolution.species() {
        s.members.iter().for_each(|&k| species[k as usize].0 = s.id);
    }
    report(&evolving, judge.task(), &metrics);
}
