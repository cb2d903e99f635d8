//! The sizes of a scene before anything is allocated.

use std::fmt;

use super::checked::System;

/// Bytes of a neuron that computes: its entity, columns with their ticks, its copy in a checkpoint.
const BYTES_PER_NETWORK_NEURON: u64 = 120;
/// Bytes of a directed synapse: its entity, three columns and two optimiser columns with their ticks, their copies in a
/// checkpoint, its row in the plan, and what building holds beside them.
const BYTES_PER_NETWORK_SYNAPSE: u64 = 140;

/// Bytes of a neuron: its entity, five columns with their ticks, its copy in a checkpoint, its slot in the spin plan.
const BYTES_PER_NEURON: u64 = 152;
/// Bytes of a neuron's replica lanes with their copy in a checkpoint.
const BYTES_OF_LANES: u64 = 128;
/// Bytes of a coupling: its entity, three columns with their ticks, both directions in the spin plan, and what
/// building holds beside them. Measured with the above: 5 M neurons and 10 M couplings peaked at 3.3 GB, checkpoint included.
const BYTES_PER_SYNAPSE: u64 = 200;

/// Bytes of a node gene: its entity, ten columns with their ticks, its copies as a child, in a plan and in a checkpoint; and room to
/// grow.
const BYTES_PER_NODE_GENE: u64 = 600;
/// Bytes of a connection gene, in the same way.
const BYTES_PER_CONNECTION_GENE: u64 = 500;

/// Bytes of a pair of spins that may be coupled: its ends, length, score and weights, and what sorting holds beside them.
const BYTES_PER_CANDIDATE: u64 = 48;

/// Bytes of a neuron's mean, variance and sketch with their ticks, and of their copies in a checkpoint.
const BYTES_OF_TRACES: u64 = 560;
/// Bytes of a synapse's energy share and idle steps with their ticks, and of their copies in a checkpoint.
const BYTES_OF_WEAR: u64 = 32;

/// Bytes of a pair of classes in the confusion matrix: its count, its text in `confusion.csv`.
const BYTES_PER_CONFUSION: u64 = 48;

/// How large a scene is, and how much it does in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preflight {
    /// Neurons of all populations.
    pub neurons: u64,
    /// Synapses of all projections.
    pub synapses: u64,
    /// Bytes of the network, its plans and its replicas, within a factor of two; saturated.
    pub bytes: u64,
    /// Neuron updates of a step, over all replicas; saturated.
    pub updates_per_step: u64,
}

impl Preflight {
    pub(super) fn add_population(&mut self, n: u64) {
        self.neurons = self.neurons.saturating_add(n);
        self.add_bytes(n.saturating_mul(BYTES_PER_NEURON));
    }

    pub(super) fn add_projection(&mut self, n: u64) {
        self.synapses = self.synapses.saturating_add(n);
        self.add_bytes(n.saturating_mul(BYTES_PER_SYNAPSE));
    }

    /// Pairs of a sampled wiring.
    pub(super) fn add_candidates(&mut self, n: u64) {
        self.add_bytes(n.saturating_mul(BYTES_PER_CANDIDATE));
    }

    pub(super) fn add_neurons(&mut self, n: u64) {
        self.neurons = self.neurons.saturating_add(n);
        self.add_bytes(n.saturating_mul(BYTES_PER_NETWORK_NEURON));
    }

    pub(super) fn add_synapses(&mut self, n: u64) {
        self.synapses = self.synapses.saturating_add(n);
        self.add_bytes(n.saturating_mul(BYTES_PER_NETWORK_SYNAPSE));
    }

    /// Genomes of a first size; they may grow.
    pub(super) fn add_genomes(&mut self, n: u64, (nodes, connections): (u64, u64)) {
        self.neurons = self.neurons.saturating_add(n.saturating_mul(nodes.saturating_add(1)));
        self.synapses = self.synapses.saturating_add(n.saturating_mul(connections));
        let bytes = nodes.saturating_mul(BYTES_PER_NODE_GENE).saturating_add(connections.saturating_mul(BYTES_PER_CONNECTION_GENE));
        self.add_bytes(n.saturating_mul(bytes));
    }

    /// The samples as read, split and laid out in lanes, the activations and sums of all neurons over them, and at the end
    /// the confusion matrix of the classes with its text.
    pub(super) fn add_samples(&mut self, n_samples: u64, n_features: u64, n_classes: u64) {
        let floats = n_features.saturating_mul(3).saturating_add(self.neurons.saturating_mul(3));
        self.add_bytes(n_samples.saturating_mul(floats).saturating_mul(4));
        self.add_bytes(n_classes.saturating_mul(n_classes).saturating_mul(BYTES_PER_CONFUSION));
    }

    /// What gradients keep of a batch: activations, sums and those of the step before, of each step that they go back through.
    pub(super) fn add_tape(&mut self, n_samples: u64, window: u64) {
        self.add_bytes(self.neurons.saturating_mul(12).saturating_mul(n_samples).saturating_mul(window));
    }

    /// What growth by correlation keeps of each neuron, and pruning of each synapse, with their copies in a checkpoint.
    pub(super) fn add_plasticity(&mut self, has_traces: bool, has_wear: bool) {
        let of_neurons = if has_traces { BYTES_OF_TRACES } else { 0 };
        let of_synapses = if has_wear { BYTES_OF_WEAR } else { 0 };
        self.add_bytes(self.neurons.saturating_mul(of_neurons).saturating_add(self.synapses.saturating_mul(of_synapses)));
    }

    pub(super) fn add_system(&mut self, system: &System) {
        let replicas = u64::from(system.n_replicas);
        if replicas > 1 {
            self.add_bytes(self.neurons.saturating_mul(BYTES_OF_LANES));
        }
        // A spin and a float field of each replica, and a best state.
        self.add_bytes(self.neurons.saturating_mul(replicas.saturating_mul(5)));
        self.updates_per_step = self.neurons.saturating_mul(replicas).saturating_mul(system.method.sweeps_per_step());
    }

    fn add_bytes(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl fmt::Display for Preflight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} neurons and {} synapses", self.neurons, self.synapses)
    }
}

/// The default limit: half of the memory that is available to this process.
///
/// It is the least of what the system has free, what the control group leaves, and the address
/// space limit; 4 GiB if none of them can be told.
pub fn default_memory_limit() -> u64 {
    [free_memory(), cgroup_memory(), address_space()].into_iter().flatten().min().unwrap_or(8 << 30) / 2
}

fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
}

fn cgroup_memory() -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse::<u64>().ok();
    Some(read("memory.max")?.saturating_sub(read("memory.current").unwrap_or(0)))
}

#[cfg(unix)]
fn address_space() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

#[cfg(not(unix))]
fn address_space() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_never_overflow() {
        let mut preflight = Preflight::default();
        preflight.add_population(u64::MAX);
        preflight.add_population(1);
        preflight.add_projection(u64::MAX / 2);
        assert_eq!((preflight.neurons, preflight.bytes), (u64::MAX, u64::MAX));
    }

    #[test]
    fn a_million_classes_have_a_confusion_matrix_that_counts() {
        let mut preflight = Preflight::default();
        preflight.add_samples(2, 1, 1_000_000);
        assert!(preflight.bytes >= 8_000_000_000_000);
    }

    #[test]
    fn there_is_a_limit() {
        assert!(default_memory_limit() > 1 << 20);
    }
}
