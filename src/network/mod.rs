//! Networks that compute: populations with units, compiled from the fabric, evaluated, trained and annealed.

pub mod compiled;
pub mod heat;
pub mod live;
pub mod samples;
pub mod show;
pub mod structure;
pub mod train;

pub use compiled::{CompiledNetwork, NetworkError, NetworkSettings, ParametersMut, PopulationUnit, Role, attach};
pub use live::{LiveError, columns_of_lif, run_live};
pub use samples::{MeasuredOn, Samples, SamplesError, attach_samples, measure_on, measures, test_confusion};
pub use show::{ShowError, show_samples};
pub use train::{TrainError, TrainGradient, TrainingProgress, train_gradient};
