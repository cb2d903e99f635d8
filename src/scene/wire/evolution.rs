//! Evolution of a population, and the tasks by which it is judged.

use serde::Deserialize;

use crate::engine::evolution::{BiasForm, Extinction, Numbering, SplitForm, Spread};
use crate::plan::population::{Activation, Aggregation};

use super::evolution_tasks::EvolutionTaskWire;
use super::learning::HeatScheduleWire;
use super::one;

/// Writes a kind without fields as scenes write it, and what it means.
macro_rules! kinds {
    ($($(#[$doc:meta])* $wire:ident = $meaning:ident { $($name:ident),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Deserialize)]
            pub enum $wire { $(#[doc = concat!("`", stringify!($name), "`.")] $name),* }

            impl From<$wire> for $meaning {
                fn from(wire: $wire) -> Self {
                    match wire { $($wire::$name => $meaning::$name),* }
                }
            }
        )*
    };
}

pub(super) use kinds;

kinds! {
    /// What a node makes of its joined inputs.
    ActivationWire = Activation {
        Identity, Sigmoid, SteepSigmoid, Tanh, Relu, LeakyRelu, Elu, Selu, Softplus, Gauss, Sin, Abs, Clamped, Inv, Log, Exp, Hat, Square,
        Cube, Step,
    }
    /// How a node joins its inputs.
    AggregationWire = Aggregation { Sum, Product, Max, Min, MaxAbs, Mean, Median }
    /// Where biases come from.
    BiasFormWire = BiasForm { Node, Gene }
    /// Which innovations are the same.
    NumberingWire = Numbering { Content, Generation }
    /// The shape of random numbers.
    SpreadWire = Spread { Uniform, Gaussian }
    /// What an added node does.
    SplitWire = SplitForm { Replace, Preserve }
    /// What happens when no species may breed.
    ExtinctionWire = Extinction { Reset, KeepBest }
}

/// Writes a struct of which every field may be left out, for what the preset says.
macro_rules! changes {
    ($($(#[$doc:meta])* $name:ident, $written:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, Deserialize)]
            #[serde(rename = $written, deny_unknown_fields, default)]
            pub struct $name { $($(#[$field_doc])* pub $field: Option<$type>,)* }
        )*
    };
}

pub(super) use changes;

/// Rules to begin with.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum EvolutionPresetWire {
    /// Those that need few evaluations.
    #[default]
    Modern,
    /// Those of Stanley and Miikkulainen 2002.
    Paper,
    /// Those that need few evaluations where control takes a memory: recurrent.
    ModernLarge,
    /// Those of the same paper for 1,000 genomes, recurrent.
    PaperLarge,
}

/// How signals pass.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum SignalsWire {
    /// No cycles: a step answers.
    FeedForward,
    /// Cycles: a step reads the step before.
    Recurrent,
    /// The same, where activations follow with time constants; a step lasts so long.
    ContinuousTime(f64),
}

/// First genomes.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum EvolutionStartWire {
    /// Every input joined with every output.
    Full,
    /// Each of these connections with this probability, and one an output for sure.
    Partial(f64),
}

/// How genomes are grouped.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum SpeciationWire {
    /// By nearness to representatives.
    Threshold(ThresholdWire),
    /// A fixed number around centroids.
    KMeans(KMeansWire),
}

/// `Threshold(threshold: 3, target: 10, step: 0.3)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThresholdWire {
    /// Distance below which a genome joins a species.
    pub threshold: f64,
    /// Species to aim at; the threshold stays if left out.
    pub target: Option<u64>,
    /// How far the threshold moves in a generation.
    pub step: f64,
}

impl Default for ThresholdWire {
    fn default() -> Self {
        ThresholdWire { threshold: 3.0, target: None, step: 0.3 }
    }
}

/// `KMeans(count: 8)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KMeansWire {
    /// Number of species.
    pub count: u64,
    /// Most rounds of a generation.
    pub rounds: u64,
}

impl Default for KMeansWire {
    fn default() -> Self {
        KMeansWire { count: 10, rounds: 5 }
    }
}

changes! {
    /// How weights, biases and time constants change.
    NumberMutationWire, "Weights" {
        /// Probability that a child's numbers change.
        rate: f64,
        /// Of those, the probability of each number.
        each: f64,
        /// Of those, the share that is perturbed; the others are drawn anew.
        perturbed: f64,
        /// Shape of the random numbers.
        spread: SpreadWire,
        /// Width of a perturbation.
        power: f64,
        /// Width of a new number.
        width: f64,
        /// Largest size of a number.
        limit: f64,
    }
    /// How often structure changes, as probabilities of a child.
    StructureMutationWire, "Structure" {
        /// Adds a node.
        add_node: f64,
        /// Removes a hidden node.
        delete_node: f64,
        /// Adds a connection.
        add_connection: f64,
        /// Removes a connection.
        delete_connection: f64,
        /// Flips whether a connection is used.
        toggle: f64,
        /// Uses a connection that is disabled.
        enable: f64,
        /// Draws another activation.
        activation: f64,
        /// Draws another aggregation.
        aggregation: f64,
        /// True if a child whose structure grew keeps its numbers.
        exclusive: bool,
        /// What an added node does.
        split: SplitWire,
        /// Tries to find two nodes to connect.
        tries: u64,
        /// Most hidden nodes of a genome.
        max_hidden: u64,
    }
    /// How parents are joined.
    CrossoverWire, "Crossover" {
        /// Probability that a child has two parents.
        rate: f64,
        /// Of those, the probability that matching genes are averaged.
        averaging: f64,
        /// Probability that the second parent is of another species.
        interspecies: f64,
        /// Probability that a child of two parents is not mutated.
        only: f64,
        /// Probability that a gene disabled in either parent is disabled in the child.
        disabled: f64,
        /// True if parents of equal fitness both give what the other lacks.
        equal_gives_both: bool,
    }
    /// The compatibility distance.
    DistanceWire, "Distance" {
        /// c1, of excess genes.
        excess: f64,
        /// c2, of disjoint genes.
        disjoint: f64,
        /// c3, of weights.
        weight: f64,
        /// c4, of nodes.
        node: f64,
        /// Connections below which a genome counts as small.
        small: u64,
    }
    /// Who breeds and who stays.
    SurvivalWire, "Survival" {
        /// Share of a species that may be parents.
        parents: f64,
        /// Genomes of a species that are copied.
        elites: u64,
        /// Size of a species above which they are.
        elites_above: u64,
        /// Generations without progress after which a species has no children.
        stagnation: u64,
        /// Best species that never stagnate.
        protected: u64,
        /// Generations without any progress after which only the two best species breed; 0 for never.
        refocus: u64,
        /// Generations in which a species is young.
        young: u64,
        /// Factor of the fitness of young species.
        age_bonus: f64,
        /// What happens when no species may breed.
        extinction: ExtinctionWire,
        /// True if tournaments of two choose parents.
        tournament: bool,
    }
}

/// `Phases(growth: 10)`: growth and simplification by turns.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename = "Phases", deny_unknown_fields, default)]
pub struct PhasesWire {
    /// Mean connections by which the population may grow before it is simplified.
    pub growth: f64,
    /// Fewest generations of a simplification.
    pub simplify_for: u64,
    /// Probability that a child then loses a connection.
    pub delete_connection: f64,
    /// Probability that it loses a node.
    pub delete_node: f64,
}

impl Default for PhasesWire {
    fn default() -> Self {
        PhasesWire { growth: 10.0, simplify_for: 5, delete_connection: 0.4, delete_node: 0.1 }
    }
}

/// `Annealing(schedule: Geometric(hot: 1, cold: 0.01), until: 200)`: children replace their parents at a temperature.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename = "Annealing", deny_unknown_fields)]
pub struct AnnealingWire {
    /// Temperatures, in units of fitness.
    pub schedule: HeatScheduleWire,
    /// Generation at which the last temperature is reached; the last one of the run if left out.
    pub until: Option<u64>,
    /// Energy of a connection in use.
    #[serde(default)]
    pub lambda: f64,
    /// Changes that a proposal makes together.
    #[serde(default = "one")]
    pub changes: u64,
    /// Share of changes that switch a connection on or off.
    #[serde(default = "a_fifth")]
    pub toggle: f64,
    /// Share of changes that add a node or a connection.
    #[serde(default)]
    pub growth: f64,
    /// Standard deviation of a change of a weight.
    #[serde(default = "half")]
    pub size: f64,
    /// Generations from one that is bred to the next; none is if left out.
    pub breed_every: Option<u64>,
}

fn a_fifth() -> f64 {
    0.2
}

fn half() -> f64 {
    0.5
}

/// What becomes of trained weights.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum InheritanceWire {
    /// Written into the genome.
    #[default]
    Lamarck,
    /// Judged, and forgotten.
    Baldwin,
    /// Kept with this probability.
    Mixed(f64),
}

changes! {
    /// `Gradient(inheritance: Lamarck, steps: 30)`: training before judging.
    GradientWire, "Gradient" {
        /// What becomes of trained weights.
        inheritance: InheritanceWire,
        /// Updates of a genome.
        steps: u64,
        /// Rows of an update.
        batch: u64,
        /// Learning rate.
        rate: f64,
        /// Generations from one with training to the next.
        every: u64,
    }
}

/// `Evolve(task: Xor)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvolveWire {
    /// What genomes are judged by.
    pub task: EvolutionTaskWire,
    /// Rules to begin with.
    #[serde(default)]
    pub preset: EvolutionPresetWire,
    /// Genomes of a generation.
    pub population: Option<u64>,
    /// How signals pass.
    pub signals: Option<SignalsWire>,
    /// Where biases come from.
    pub bias: Option<BiasFormWire>,
    /// Which innovations are the same.
    pub numbering: Option<NumberingWire>,
    /// First genomes.
    pub start: Option<EvolutionStartWire>,
    /// Activations of hidden nodes; the first is that of new ones.
    pub activations: Option<Vec<ActivationWire>>,
    /// Aggregations of nodes; the first is that of new ones.
    pub aggregations: Option<Vec<AggregationWire>>,
    /// Activation of outputs.
    pub output: Option<ActivationWire>,
    /// How numbers change.
    #[serde(default)]
    pub weights: NumberMutationWire,
    /// How often structure changes.
    #[serde(default)]
    pub structure: StructureMutationWire,
    /// How parents are joined.
    #[serde(default)]
    pub crossover: CrossoverWire,
    /// How far genomes are apart.
    #[serde(default)]
    pub distance: DistanceWire,
    /// How they are grouped.
    pub speciation: Option<SpeciationWire>,
    /// Who breeds and who stays.
    #[serde(default)]
    pub survival: SurvivalWire,
    /// Growth and simplification by turns; growth alone if left out.
    pub phases: Option<PhasesWire>,
    /// Temperature decides upon children; breeding alone if left out.
    pub annealing: Option<AnnealingWire>,
    /// Training by gradient before judging; none if left out.
    pub gradient: Option<GradientWire>,
    /// True if unchanged genomes are judged again.
    pub rejudge: Option<bool>,
    /// True to end the run when the task is solved.
    #[serde(default = "yes")]
    pub until_solved: bool,
    /// True if a run that does not solve the task has failed.
    #[serde(default)]
    pub must_solve: bool,
}

fn yes() -> bool {
    true
}
