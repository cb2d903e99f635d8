//! Learning by heat: Metropolis over the weights and biases of a network, by the exact change of its loss.
//!
//! U(w) = sum over samples of the loss + lambda/2 sum w^2, at a temperature T: pi(w) ~ exp(-U/T). No derivative is needed,
//! so that stepped units, gates and LIF neurons learn as smooth ones do (reference: Metropolis et al. 1953; Whitelam et al. 2021).

mod barker;
pub mod landscape;
pub mod langevin;
pub mod metropolis;
mod rows;
mod samples;
pub mod settings;
mod spread;
pub mod surface;
mod together;
pub mod unrolled;
mod wiring;

pub use landscape::{Drift, LARGEST_DRIFT, Landscape};
pub use metropolis::{Tally, prior_energy, walk};
pub use settings::{Adaptation, HeatBatch, HeatMethod, HeatSchedule, HeatSettings, VisitOrder};
pub use surface::{LossSurface, Surface};
pub use unrolled::Unrolled;
pub use wiring::Site;

/// Why a network cannot learn by heat from these samples.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HeatError {
    /// There is nothing to learn from.
    #[error("there are no samples to learn from")]
    NoSamples,
    /// The samples do not fit the inputs.
    #[error("a sample has {features} features, the network has {inputs} inputs: make the two equal")]
    Features {
        /// Features of a sample.
        features: usize,
        /// Inputs of the network.
        inputs: usize,
    },
    /// The targets do not fit the outputs.
    #[error("the samples ask for {asked} outputs, the network has {outputs}: make the two equal")]
    Outputs {
        /// Classes, or values of a target.
        asked: usize,
        /// Outputs of the network.
        outputs: usize,
    },
    /// Cross-entropy needs classes.
    #[error("cross-entropy asks for classes, the samples have values: use MeanSquare or BinaryCrossEntropy")]
    ClassesWanted,
    /// A feature is not a number.
    #[error("feature {feature} of sample {sample} is {value}: it must be finite")]
    NonFinite {
        /// The sample.
        sample: usize,
        /// The feature.
        feature: usize,
        /// Its value.
        value: f32,
    },
    /// Binary cross-entropy needs probabilities.
    #[error("target {output} of sample {sample} is {value}: binary cross-entropy asks for 0 to 1; use MeanSquare for other values")]
    NoProbability {
        /// The sample.
        sample: usize,
        /// The output.
        output: usize,
        /// The target.
        value: f32,
    },
    /// The network remembers.
    #[error(
        "projection \"{0}\" is recurrent: a landscape of the layers above a weight needs a network without memory; use Unrolled, which runs all steps"
    )]
    Recurrent(String),
}
