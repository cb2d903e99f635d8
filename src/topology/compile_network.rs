//! Compiles populations and projections into the plan of a network: layers, blocks and their levels.
//!
//! Weights and biases are not copied: the rows of a block are the rows of its projection, so that the plan is used
//! with the columns themselves.

use crate::components::Source;
use crate::plan::network::{Block, Layer, NetworkPlan, PlanError, Rows, Unit};

use super::fabric::{Fabric, PopulationIdx, Projection, ProjectionIdx};

/// A population that takes part in a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NetworkPart {
    /// The population.
    pub population: PopulationIdx,
    /// What its neurons compute.
    pub unit: Unit,
    /// True if its activations come from outside.
    pub is_input: bool,
    /// True if its activations are an answer.
    pub is_output: bool,
}

/// Why populations and projections are no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// A symmetric projection has no direction.
    #[error(
        "projection \"{0}\" is symmetric: a forward pass needs directed synapses, so build it without `symmetric`, or leave its population out of the network"
    )]
    Symmetric(String),
    /// Only one end of a projection is part of the network.
    #[error("projection \"{projection}\" joins the network with \"{population}\", which is no part of it: give that population a unit")]
    HalfOutside {
        /// The projection.
        projection: String,
        /// The population that is missing.
        population: String,
    },
    /// The parts have no order.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// The plan of a network, and the projection of each block.
pub type Compiled = (NetworkPlan, Vec<ProjectionIdx>);

/// Compiles `parts`, in the order of the world, and all projections between them.
///
/// `is_delayed` names the recurrent projections; `sources` gives the column `Source` of a projection. A projection
/// with all possible synapses becomes a dense block: its weights are a matrix already, and broadcast rows beat gathered
/// ones at any size.
///
/// # Errors
/// If a projection is symmetric or half outside, or a cycle has no delay.
pub fn compile_network<'a>(
    fabric: &Fabric,
    parts: &[NetworkPart],
    is_delayed: impl Fn(ProjectionIdx) -> bool,
    sources: impl Fn(ProjectionIdx) -> &'a [Source],
) -> Result<Compiled, CompileError> {
    let layers = parts.iter().map(|part| {
        let population = fabric.population(part.population);
        Layer {
            name: population.name().to_owned(),
            n_neurons: population.n_neurons(),
            unit: part.unit,
            is_input: part.is_input,
            is_output: part.is_output,
        }
    });
    let layer_of = |population| parts.iter().position(|p| p.population == population);
    let (mut blocks, mut projections) = (Vec::new(), Vec::new());
    for (idx, projection) in fabric.projections() {
        let (from, to) = match (layer_of(projection.from()), layer_of(projection.to())) {
            (None, None) => continue,
            (Some(from), Some(to)) => (from, to),
            (from, _) => {
                let outside = if from.is_none() { projection.from() } else { projection.to() };
                let population = fabric.population(outside).name().to_owned();
                return Err(CompileError::HalfOutside { projection: projection.name().to_owned(), population });
            }
        };
        if projection.is_symmetric() {
            return Err(CompileError::Symmetric(projection.name().to_owned()));
        }
        let rows = if is_full(fabric, projection) {
            Rows::Dense
        } else {
            let sources = sources(idx).iter().map(|s| s.row() as u32).collect();
            Rows::Sparse { offsets: projection.offsets().to_vec(), sources }
        };
        blocks.push(Block { name: projection.name().to_owned(), from, to, is_delayed: is_delayed(idx), rows });
        projections.push(idx);
    }
    Ok((NetworkPlan::new(layers.collect(), blocks)?, projections))
}

/// True if every source is joined with every target.
fn is_full(fabric: &Fabric, projection: &Projection) -> bool {
    let (n_sources, n_targets) = (fabric.population(projection.from()).n_neurons(), fabric.population(projection.to()).n_neurons());
    projection.n_synapses() == n_sources * n_targets
}
