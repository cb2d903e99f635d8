//! The nouns of the world: what neurons and synapses carry, and the resources every simulation has.

pub mod clock;
pub mod column;
pub mod energy_ledger;
pub mod genome;
pub mod metrics;
pub mod moments;
pub mod named_values;
pub mod neuron;
pub mod synapse;

pub use clock::{RunSeed, StepCount, Window};
pub use column::Column;
pub use energy_ledger::{EnergyLedger, NonFiniteEnergy};
pub use metrics::Metrics;
pub use moments::{FirstMoment, FirstMomentOfBias, SecondMoment, SecondMomentOfBias};
pub use neuron::{Activation, BestSpin, Bias, Clamped, Membrane, NeuronId, SpinLanes};
pub use synapse::{Source, Target, Weight};
