//! Evolution in a world: every genome, node and connection gene is an entity, and a step is a generation.
//!
//! ```text
//! population "genomes"    a neuron a genome          NodeCount, GeneCount, Fitness, SpeciesId
//! population "nodes"      a block a genome           NodeGeneId, NodeRole, NodeActivation, NodeAggregation, Bias, TimeConstant
//! projection "genes"      a block a genome, in the   Innovation, InnovationBirth, Source, Target, Weight, GeneEnabled
//!                         order of innovations
//! ```
//!
//! Edit: a generation that was judged is bred; its children wait beside the world, and where one outgrows its block, births make all
//! blocks larger. RestructureEdits: the children are written into the blocks, in which nothing is spawned or moved. Evolve: genomes
//! learn by gradient where the rules say so, the task judges whoever changed, parents of rejected children come back where the generation is annealed, species are found, metrics follow. So a checkpoint holds a generation that was judged.
//!
//! A rule of one's own may change weights between (in `Learn`, say): genes are read anew from the rows wherever they are used. It wants
//! rules with `rejudge`, since genomes that no operator changed keep their score.

mod columns;
mod follow;
mod generation;

use bevy_ecs::resource::Resource;

use crate::components::genome::{
    Fitness, GeneCount, GeneEnabled, Innovation, InnovationBirth, NodeActivation, NodeAggregation, NodeCount, NodeGeneId, NodeRole,
    SpeciesId, TimeConstant,
};
use crate::components::metrics::FINISHED;
use crate::components::{Metrics, RunSeed};
use crate::engine::evolution::{Brains, Champion, Evolution, Genome, Genomes, Lesson, Settings, SettingsError, Task, grown, largest};
use crate::plan::population::NodeKind;
use crate::simulation::Simulation;
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};
use crate::topology::{Blueprint, BuildError, Edge, PopulationSpec, ProjectionSpec};

/// Name of the population of genomes, and of its kind.
pub const GENOMES: &str = "genomes";
/// Name of the population of nodes, and of its kind.
pub const NODES: &str = "nodes";
/// Name of the projection of connection genes, and of its kind.
pub const GENES: &str = "genes";

/// How a population evolves in a world.
#[derive(Clone, Debug, PartialEq)]
pub struct EvolveSettings {
    /// The rules.
    pub rules: Settings,
    /// True if the run is finished once a genome has solved the task.
    pub stops_when_solved: bool,
}

/// Why a population cannot evolve in a world.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EvolveError {
    /// Rules are out of range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The blocks could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// What evolution remembers beside the rows.
#[derive(Resource)]
pub struct Evolving {
    evolution: Evolution,
    stops_when_solved: bool,
}

impl Evolving {
    /// What is remembered: scores, species, champions, history.
    pub fn evolution(&self) -> &Evolution {
        &self.evolution
    }
}

impl Checkpointed for Evolving {
    const NAME: &'static str = "evolution";

    fn save(&self, snapshot: &mut Snapshot) {
        self.evolution.save(snapshot);
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.evolution.load(snapshot)
    }
}

/// What judges the genomes.
#[derive(Resource)]
pub struct Judge(Box<dyn Task + Send + Sync>);

impl Judge {
    /// The task.
    pub fn task(&self) -> &dyn Task {
        &*self.0
    }
}

/// Children that are not written yet: buffers, empty between steps.
#[derive(Resource, Default)]
struct Litter {
    genomes: Vec<Genome>,
    /// Who lives on where a child is rejected.
    parents: Vec<Genome>,
    rejected: Vec<u32>,
    lessons: Vec<Lesson>,
    is_waiting: bool,
    outgrows: bool,
}

/// Builds the blocks of the first generation of `task` into `sim`, and lets it evolve, a generation a step.
///
/// # Errors
/// If the rules are out of range, the simulation is built already, or memory is short.
pub fn evolve(sim: &mut Simulation, settings: EvolveSettings, task: Box<dyn Task + Send + Sync>) -> Result<(), EvolveError> {
    let seed = sim.world().resource::<RunSeed>().0;
    let (evolution, first) = Evolution::begin(settings.rules, task.shape(), seed)?;
    register(sim);
    sim.build(blueprint(&first))?;
    sim.state(Evolving { evolution, stops_when_solved: settings.stops_when_solved });
    sim.insert_resource(Judge(task));
    sim.insert_resource(Litter { genomes: first, is_waiting: true, ..Litter::default() });
    generation::write_first(sim);
    sim.add_follower(follow::follow);
    generation::add_systems(sim);
    Ok(())
}

fn register(sim: &mut Simulation) {
    sim.neuron_column_of(GENOMES, NodeCount(0));
    sim.neuron_column_of(GENOMES, GeneCount(0));
    sim.neuron_column_of(GENOMES, Fitness(0.0));
    sim.neuron_column_of(GENOMES, SpeciesId(u32::MAX));
    sim.neuron_column_of(NODES, NodeGeneId(0));
    sim.neuron_column_of(NODES, NodeRole(NodeKind::Hidden as u8));
    sim.neuron_column_of(NODES, NodeActivation(0));
    sim.neuron_column_of(NODES, NodeAggregation(0));
    sim.neuron_column_of(NODES, TimeConstant(1.0));
    sim.synapse_column_of(GENES, Innovation(0));
    sim.synapse_column_of(GENES, InnovationBirth(0));
    sim.synapse_column_of(GENES, GeneEnabled(0));
}

/// Empty blocks that hold `first`.
fn blueprint(first: &[Genome]) -> Blueprint {
    let (nodes, connections) = largest(first);
    let (nodes, connections) = (grown(0, nodes), grown(0, connections));
    let kind = |name: &str, n: usize| PopulationSpec { kind: name.to_owned(), ..PopulationSpec::new(name, n) };
    let unused = |k: usize| Edge { source: (k * nodes) as u32, target: (k * nodes) as u32, weight: 0.0 };
    let edges = (0..first.len()).flat_map(|k| std::iter::repeat_n(unused(k), connections)).collect();
    let genes =
        ProjectionSpec { name: GENES.to_owned(), kind: GENES.to_owned(), in_blocks: true, ..ProjectionSpec::new(NODES, NODES, edges) };
    Blueprint::new().with_population(kind(GENOMES, first.len())).with_population(kind(NODES, first.len() * nodes)).with_projection(genes)
}

/// Sets the metrics of the generation that was judged.
fn report(evolving: &Evolving, task: &dyn Task, metrics: &Metrics) {
    let evolution = &evolving.evolution;
    let Some(now) = evolution.statistics().last() else { return };
    for name in ["temperature", "acceptance", "energy"] {
        metrics.remove(name);
    }
    if let Some(annealing) = evolution.settings().annealing.as_ref().filter(|_| evolution.is_annealed()) {
        let (accepted, proposed) = evolution.accepted();
        metrics.set("temperature", annealing.temperature(now.generation));
        metrics.set("acceptance", f64::from(accepted) / f64::from(proposed));
        metrics.set("energy", annealing.lambda * now.mean_connections - now.mean);
    }
    metrics.set("generations", f64::from(now.generation) + 1.0);
    metrics.set("evaluations", now.evaluations as f64);
    if evolution.settings().gradient.is_some() {
        metrics.set("gradient_samples", evolution.gradient_samples() as f64);
    }
    metrics.set("mean_fitness", now.mean);
    metrics.set("species", now.n_species as f64);
    metrics.set("connections", now.mean_connections);
    metrics.set("hidden", now.mean_hidden);
    let solution = evolution.solution();
    metrics.set("solved", f64::from(u8::from(solution.is_some())));
    if let Some(best) = evolution.champion() {
        metrics.set("best_fitness", best.score.fitness);
        metrics.set("best_connections", best.genome.connections.iter().filter(|c| c.enabled).count() as f64);
        metrics.set("best_hidden", best.genome.nodes.iter().filter(|n| n.kind == NodeKind::Hidden).count() as f64);
    }
    // Rows that were kept apart cost little; episodes of a test are played by who solved the task alone.
    let is_new = |c: &&Champion| c.generation == now.generation;
    let tested = solution.filter(is_new).or(evolution.champion().filter(|_| solution.is_none() && task.table().is_some()).filter(is_new));
    if let Some(champion) = tested {
        let genomes = Genomes::from_genomes(std::slice::from_ref(&champion.genome));
        let wiring = evolution.settings().signals.wiring();
        if let Some(test) = task.test(&Brains::compile(genomes.blocks(), &[0], wiring, evolution.shape())) {
            metrics.set(test.name, test.value);
        }
    }
    if let Some(solution) = solution.filter(is_new) {
        metrics.set("solved_after", solution.evaluations as f64);
        if evolving.stops_when_solved {
            metrics.set(FINISHED, 1.0);
        }
    }
}
