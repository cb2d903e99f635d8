//! Why recorded births and deaths cannot be applied.

use crate::components::NeuronId;

/// Why recorded births and deaths cannot be applied; nothing was changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RestructureError {
    /// A synapse is born where there is one.
    #[error("projection \"{projection}\": synapse {source_id}->{target_id} is born twice or exists already")]
    DuplicateSynapse {
        /// The projection.
        projection: String,
        /// Id of the source.
        source_id: NeuronId,
        /// Id of the target.
        target_id: NeuronId,
    },
    /// A symmetric coupling would join a neuron to itself.
    #[error("projection \"{projection}\": neuron {id} cannot be coupled to itself")]
    SelfCoupling {
        /// The projection.
        projection: String,
        /// Id of the neuron.
        id: NeuronId,
    },
    /// A birth or death names a row, population or projection that does not exist.
    #[error("{what} {row} of {place} does not exist: there are {n_rows}")]
    NoSuchRow {
        /// Neuron, synapse, population or projection.
        what: &'static str,
        /// The row that was named.
        row: u32,
        /// Where it was looked for.
        place: String,
        /// Rows that exist.
        n_rows: usize,
    },
    /// A synapse names a newborn neuron that nobody recorded in that population.
    #[error("projection \"{projection}\": newborn {ordinal} of system {origin:#x} is not recorded in population \"{population}\"")]
    NoSuchNewborn {
        /// The projection.
        projection: String,
        /// The population it was looked for in.
        population: String,
        /// Tag of who should have recorded it.
        origin: u32,
        /// Its number.
        ordinal: u32,
    },
    /// Two newborn neurons of a population have one name.
    #[error("population \"{population}\": system {origin:#x} records newborn {ordinal} twice")]
    DuplicateNewborn {
        /// The population.
        population: String,
        /// Tag of who recorded it.
        origin: u32,
        /// Its number.
        ordinal: u32,
    },
    /// A death among rows that are laid out in blocks.
    #[error("projection \"{projection}\" holds genes in blocks: a gene is switched off, or evolved away, and does not die alone")]
    DeathInBlocks {
        /// The projection.
        projection: String,
    },
    /// A newborn's value is infinite or NaN.
    #[error("a newborn of \"{place}\" has value {value}, which is not finite")]
    NonFinite {
        /// Population or projection.
        place: String,
        /// The value.
        value: f32,
    },
    /// The table would outgrow its indices.
    #[error("{found} rows of one kind are more than the limit of {limit}")]
    TooMany {
        /// Rows there would be.
        found: usize,
        /// Rows there may be.
        limit: usize,
    },
    /// The memory is not there.
    #[error("no memory for {bytes} bytes of newborn rows")]
    OutOfMemory {
        /// How many bytes.
        bytes: usize,
    },
}
