//! Evolution of networks without a world: NEAT (Stanley, Miikkulainen 2002) as a pure engine.
//!
//! - Genes: columns with a block of fixed capacity a genome, wherever they live ([`GenomeBlocks`]); [`Genomes`] owns some; [`Genome`]
//!   is one genome as lists, in which operators work. Ids are content-addressed ([`Innovations`]). [`genome_invariants`] says what is
//!   always true.
//! - Operators: [`mutation`] and [`crossover`]. Each keeps the invariants.
//! - Groups: [`distance`], [`species`] (by threshold, or k-means), [`sharing`] (exact numbers of children).
//! - [`Evolution`] is what is remembered from one generation to the next. [`Population`] joins it with genomes and goes through
//!   generations: `ask` for genomes, `tell` their scores, `breed`; or `judge` by a [`Task`] and `breed`; or `run` until a genome
//!   solves it. [`Settings::paper`] has the settings of the paper, [`Settings::modern`] those that need fewer evaluations.
//! - [`annealed`] is evolution as sampling: genomes are replaced by the rule of Metropolis at a temperature.
//! - [`gradient`] trains genomes on a table before they are judged, and lets them keep what they learned or not.
//! - [`law`] is what a network computes; [`Brains`] are the compiled networks that a task asks; [`tasks`] are known ones.
//!
//! A child is a function of (seed, generation, slot) and of the generation before, so breeding is a parallel map, and so are grouping
//! and judging, over fixed chunks: results are the same for any number of threads.

pub mod annealed;
mod blocks;
mod breeding;
pub mod crossover;
pub mod distance;
mod evolving;
pub mod export;
mod genes;
mod genome;
mod genomes;
pub mod gradient;
mod invariants;
mod kmeans;
pub mod law;
pub mod mutation;
mod operator_tests;
mod population;
mod saved;
mod settings;
pub mod sharing;
pub mod species;
mod task;
pub mod tasks;
#[cfg(test)]
pub(crate) mod test_genomes;

pub use annealed::Annealing;
pub use blocks::{GenomeBlocks, GenomeBlocksMut, grown, largest};
pub use evolving::{Champion, Evolution, Lesson, SpeciesRecord, Statistics, TellError};
pub use genes::{ConnectionGene, FIRST_HIDDEN, Innovations, NodeGene, Numbering, connection_id};
pub use genome::Genome;
pub use genomes::Genomes;
pub use gradient::{Inheritance, Refinement};
pub use invariants::genome_invariants;
pub use population::Population;
pub use settings::{
    BiasForm, Crossover, Distance, Extinction, NumberMutation, Phases, Settings, SettingsError, Shape, Signals, Speciation, SplitForm,
    Spread, Start, StructureMutation, Survival,
};
pub use task::{Brains, JUDGED_TOGETHER, Score, Task, Test, judge};
