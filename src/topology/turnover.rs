//! How many neurons and synapses have been born and have died, for those who want to know.

use bevy_ecs::resource::Resource;

use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};

/// Counts of births and deaths since the beginning; a plugin that reports them registers it as state, and `restructure` counts.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turnover {
    /// Synapses born.
    pub synapse_births: u64,
    /// Synapses that died, those of dead neurons among them.
    pub synapse_deaths: u64,
    /// Neurons born.
    pub neuron_births: u64,
    /// Neurons that died.
    pub neuron_deaths: u64,
}

impl Checkpointed for Turnover {
    const NAME: &'static str = "turnover";

    fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put("turnover/counts", &[self.synapse_births, self.synapse_deaths, self.neuron_births, self.neuron_deaths]);
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let counts = snapshot.get_n::<u64>("turnover/counts", 4)?;
        let [synapse_births, synapse_deaths, neuron_births, neuron_deaths] = [counts[0], counts[1], counts[2], counts[3]];
        *self = Turnover { synapse_births, synapse_deaths, neuron_births, neuron_deaths };
        Ok(())
    }
}
