//! What a sampled wiring holds between its steps, so that a step costs its sweeps and moves and not the size of the network.
//!
//! Structure and fields are functions of the columns alone, whoever made them: what is held is what would be read from the columns,
//! as long as nobody else has written them. That is told by the counts of the fabric; after any other write, birth, death or
//! loading, all is read anew. So nothing here is part of a checkpoint, and a run that holds it has the bits of one that does not.

use bevy_ecs::resource::Resource;

use crate::engine::structure::{LiveSpins, Structure};
use crate::topology::{Fabric, Population, Projection};

use super::sites::Sites;

/// The wiring and its spins as the columns have them, if they are known.
#[derive(Resource, Debug, Default)]
pub(super) struct Workspace {
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    structure: Structure,
    live: LiveSpins,
    /// Counts of each part when its neurons were as the spins are.
    parts: Vec<[u64; 4]>,
    /// Counts of each home when its synapses are as the structure is, once recorded births and deaths have been applied.
    homes: Vec<HomeCounts>,
}

/// What tells that the synapses of a projection are those that are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HomeCounts {
    structure_epoch: u64,
    weight_epoch: u64,
    n_born: u64,
    n_died: u64,
}

/// Births and deaths that were recorded for one home.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) births: u64,
    pub(super) deaths: u64,
}

/// What is still right of the workspace.
pub(super) enum Kept {
    /// Nothing: read all columns.
    Nothing,
    /// Synapses are as they are held, neurons are not.
    Synapses(Structure, LiveSpins),
    /// All.
    All(Structure, LiveSpins),
}

impl Workspace {
    /// Takes out what is still right.
    pub(super) fn take(&mut self, sites: &Sites, fabric: &Fabric) -> Kept {
        let Some(Held { structure, live, parts, homes }) = self.held.take() else { return Kept::Nothing };
        // Neurons that have come and gone leave the rows of synapses to others, even where no synapse has changed.
        let same_neurons = sites.populations(fabric).map(Population::structure_epoch).eq(parts.iter().map(|counts| counts[0]));
        if !same_neurons || !sites.homes(fabric).map(counts_of_home).eq(homes) {
            Kept::Nothing
        } else if sites.populations(fabric).map(counts_of_part).eq(parts) {
            Kept::All(structure, live)
        } else {
            Kept::Synapses(structure, live)
        }
    }

    /// Holds what the columns have, and will have once what was `recorded` for each home has been applied.
    pub(super) fn hold(&mut self, structure: Structure, live: LiveSpins, sites: &Sites, fabric: &Fabric, recorded: &[Recorded]) {
        let expected = |(now, recorded): (HomeCounts, &Recorded)| HomeCounts {
            structure_epoch: now.structure_epoch + u64::from(*recorded != Recorded::default()),
            n_born: now.n_born + recorded.births,
            n_died: now.n_died + recorded.deaths,
            ..now
        };
        let homes = sites.homes(fabric).map(counts_of_home).zip(recorded).map(expected).collect();
        let parts = sites.populations(fabric).map(counts_of_part).collect();
        self.held = Some(Held { structure, live, parts, homes });
    }
}

fn counts_of_home(projection: &Projection) -> HomeCounts {
    HomeCounts {
        structure_epoch: projection.structure_epoch(),
        weight_epoch: projection.weight_epoch(),
        n_born: projection.n_born(),
        n_died: projection.n_died(),
    }
}

fn counts_of_part(population: &Population) -> [u64; 4] {
    [population.structure_epoch(), population.bias_epoch(), population.clamp_epoch(), population.state_epoch()]
}
