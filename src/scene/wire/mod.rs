//! The scene as typed: format 1, field by field, with its defaults. `meaning` makes the checked scene of it.
//!
//! Every enum is written `Kind(field: value, ...)`; a field with a default may be left out, and an
//! optional one is written without `Some`. Numbers carry no units but those of the model: energies
//! and temperatures share the unit of the couplings (k_B = 1).

mod couplings;
mod data;
mod evolution;
mod evolution_tasks;
mod free_energy;
mod hardware;
mod hidden_births;
mod learning;
mod machines;
mod network;
mod plasticity;
mod sample_structure;
mod scene;
mod structure;
mod systems;

pub use couplings::{CouplingsWire, HopfieldRule, MeanFieldStrengths, StrengthsWire};
pub use data::{CsvWire, DataWire, HeaderWire, LossWire, NpzWire, PairWire, SourceWire, TaskWire, TimeWire};
pub use evolution::{EvolutionPresetWire, EvolutionStartWire, EvolveWire, InheritanceWire, SignalsWire, SpeciationWire};
pub use evolution_tasks::{
    AcrobotWire, CartPoleWire, DoublePoleWire, EvolutionTaskWire, MountainCarWire, SpiralsWire, SwingUpWire, TMazeWire,
};
pub use free_energy::FreeEnergyWire;
pub use hardware::{
    GranularityWire, HardwareWire, InputRangeWire, NoiseWire, OrderWire, OutputRangeWire, OutputUnitWire, RoundingWire, SchemeWire,
};
pub use hidden_births::{HiddenBirthsWire, NewbornsWire};
pub use learning::{
    AnnealWeightsWire, ClipWire, DecayWire, HeatBatchWire, HeatMethodWire, HeatScheduleWire, OptimiserWire, RateWire, StraightThroughWire,
    TrainGradientWire, VisitOrderWire,
};
pub use machines::{
    BoltzmannRuleWire, EquilibriumPropagationWire, HiddenWire, LearningWire, LikelihoodWire, ReadoutWire, TrainBoltzmannWire,
};
pub use network::{BiasesWire, DirectedWire, NeuronsWire, PatternWire, PlacementWire, RoleWire, UnitWire, WeightsWire};
pub use plasticity::{
    BcmWire, CandidateWire, CurveWire, DestroysWire, GrowHebbianWire, GrowHomeostaticWire, HebbWire, LesionWire, LiveSourceWire, LiveWire,
    OjaWire, PruneIdleWire, RegionWire, ScaleSynapsesWire, SignWire,
};
pub use sample_structure::{CandidatesWire, CountingWire, CourseWire, NeuronBirthsWire, SampleStructureWire, StartWire};
pub use scene::{PopulationWire, ProductsWire, ProjectionWire, SCENE_FIELDS, SceneWire, SpinsWire, ValuesWire, ron_options};
pub use structure::{
    AnnealStructureWire, BirthsWire, DegreeCostWire, DegreesWire, DensityWire, FirstSynapsesWire, PresetWire, SharesWire, SlabWire,
};
pub use systems::{
    AisWire, AnnealWire, BetaStepsWire, ClustersWire, CoolingWire, CycleWire, OptimiseWire, PopulationAnnealWire, RandomnessWire,
    RecallWire, RuleWire, SampleWire, ScanWire, SystemWire, TemperWire,
};

/// The default of counts that are mostly 1.
fn one() -> u64 {
    1
}
