//! The checked scene: every name resolved, every number in its range, every file read.

use std::path::PathBuf;

use crate::engine::methods::{
    AisSettings, AnnealSettings, CyclingSettings, OptimiseSettings, PopulationSettings, SampleSettings, TemperingSettings,
};
use crate::engine::spins::{Rule, Scan};
use crate::engine::structure::{Claim, FreeEnergyRequest, StructureSettings};
use crate::kernels::layers::Products;
use crate::plan::Coupling;
use crate::thermo::structure::{Course, NeuronTurnover, WiringCandidates, WiringSettings};
use crate::topology::generate::{Generator, Placement};
use crate::topology::read::Instance;
use crate::units::Seed;

use super::checked_evolution::EvolutionModel;
use super::checked_machine::MachineModel;
use super::checked_network::NetworkModel;
use super::patterns::Patterns;
use super::wire::HopfieldRule;

/// A scene that can be built and run.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Its name, for titles and run directories.
    pub name: String,
    /// Seed of the run.
    pub seed: Seed,
    /// Steps of the run; a method that is finished earlier ends it.
    pub steps: u64,
    /// Steps between rows of metrics, 1 or more.
    pub record_every: u64,
    /// Steps between checkpoints, 1 or more; `None` for one at the end.
    pub checkpoint_every: Option<u64>,
    /// What there is, and what happens to it.
    pub model: Model,
    /// Every file that the scene names.
    pub files: Vec<InputFile>,
}

/// What a scene is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    /// Spins in a heat bath.
    Spins(SpinModel),
    /// Neurons that compute.
    Network(NetworkModel),
    /// Spins that learn.
    Machine(MachineModel),
    /// A population that evolves.
    Evolution(Box<EvolutionModel>),
}

impl Model {
    /// The systems by their names in a scene.
    pub fn method_name(&self) -> String {
        match self {
            Model::Spins(model) => model.system.method.name().to_owned(),
            Model::Network(model) => model.method_name(),
            Model::Machine(model) => model.system.name().to_owned(),
            Model::Evolution(_) => "Evolve".to_owned(),
        }
    }

    /// Who multiplies dense blocks, which decides whose bits results have.
    pub fn products(&self) -> Products {
        match self {
            Model::Spins(_) | Model::Machine(_) | Model::Evolution(_) => Products::Ordered,
            Model::Network(model) => model.products,
        }
    }

    /// True if its states are drawn from a stated distribution, false if it is only driven.
    pub fn is_exact(&self) -> bool {
        match self {
            Model::Spins(model) => model.system.method.is_exact(),
            Model::Network(model) => model.is_exact(),
            Model::Machine(_) => false,
            Model::Evolution(model) => model.is_exact(),
        }
    }
}

/// Spins, their couplings and the system that moves them.
#[derive(Clone, Debug, PartialEq)]
pub struct SpinModel {
    /// Populations, in order.
    pub populations: Vec<Population>,
    /// Projections, in order.
    pub projections: Vec<Projection>,
    /// The system that moves the spins.
    pub system: System,
}

/// A file that the scene names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// Its path, absolute.
    pub path: PathBuf,
    /// BLAKE3 of its bytes.
    pub digest: [u8; 32],
}

/// Two-valued neurons.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    /// Its name.
    pub name: String,
    /// Number of neurons.
    pub n_neurons: usize,
    /// True for values 0 and 1, false for -1 and +1.
    pub is_binary: bool,
    /// Fields h, one a neuron, or empty for none.
    pub fields: Vec<f32>,
    /// Neurons that never move, with their value as -1 or +1, in ascending order.
    pub clamped: Vec<(u32, i8)>,
    /// Where its neurons stand.
    pub placement: Placement,
}

/// Symmetric couplings inside one population or between two.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// `from->to`.
    pub name: String,
    /// Index of its first population.
    pub from: usize,
    /// Index of its second population; the first one again for couplings inside it.
    pub to: usize,
    /// Where the couplings come from.
    pub couplings: Couplings,
}

/// Where couplings come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Couplings {
    /// Read from a file.
    Read(Box<Instance>),
    /// Made by a generator.
    Generated(Generator, Seed),
    /// Written out in the scene, sorted as synapse rows are; between two populations i is of the first.
    Listed(Vec<Coupling>),
    /// A memory of patterns.
    Hopfield(Patterns, HopfieldRule),
}

/// The system that moves the spins, and on which engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct System {
    /// It runs at steps divisible by this, 1 or more.
    pub every: u32,
    /// What it does.
    pub method: Method,
    /// Copies of the system side by side: 1 (the one-replica engine), 64, 128, 256 or 512 (lanes).
    pub n_replicas: u32,
    /// True if replicas share the random numbers of a site.
    pub shares_randomness: bool,
    /// How a spin decides.
    pub rule: Rule,
    /// Order of visits.
    pub scan: Scan,
}

/// What a system does with the spins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Sampling at one or several temperatures.
    Sample(SampleSettings),
    /// Simulated annealing.
    Anneal(AnnealSettings),
    /// Parallel tempering.
    Temper(TemperingSettings),
    /// Population annealing.
    PopulationAnneal(PopulationSettings),
    /// Annealed importance sampling.
    Ais(AisSettings),
    /// Thermal cycling.
    Cycle(CyclingSettings),
    /// The preset for a low energy.
    Optimise(OptimiseSettings),
    /// Recall of stored patterns.
    Recall(RecallSettings),
    /// Sampling of spins and their wiring.
    SampleStructure(StructureSampling),
}

impl Method {
    /// Its name in a scene.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Sample(_) => "Sample",
            Method::Anneal(_) => "Anneal",
            Method::Temper(_) => "Temper",
            Method::PopulationAnneal(_) => "PopulationAnneal",
            Method::Ais(_) => "Ais",
            Method::Cycle(_) => "Cycle",
            Method::Optimise(_) => "Optimise",
            Method::Recall(_) => "Recall",
            Method::SampleStructure(_) => "SampleStructure",
        }
    }

    /// True if its states are drawn from a stated distribution, false if it is only driven to low energy.
    pub fn is_exact(&self) -> bool {
        match self {
            Method::Sample(_) | Method::Temper(_) | Method::PopulationAnneal(_) | Method::Ais(_) => true,
            Method::SampleStructure(s) => s.settings(Vec::new()).claim() == Claim::Exact,
            Method::Anneal(_) | Method::Cycle(_) | Method::Optimise(_) | Method::Recall(_) => false,
        }
    }

    /// Sweeps of one step, at most.
    pub fn sweeps_per_step(&self) -> u64 {
        u64::from(match self {
            Method::Sample(s) => s.sweeps_per_iteration,
            Method::Anneal(s) => s.sweeps_per_iteration,
            Method::Temper(s) => s.sweeps_per_iteration,
            Method::PopulationAnneal(s) => s.sweeps_per_step,
            Method::Ais(s) => s.sweeps_per_step.saturating_mul(s.steps_per_iteration),
            Method::Cycle(s) => s.sweeps_per_iteration,
            Method::Optimise(s) => s.sweeps_per_iteration,
            Method::Recall(s) => s.max_sweeps,
            Method::SampleStructure(s) => s.sweeps,
        })
    }
}

/// How stored patterns are recalled from spoilt ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecallSettings {
    /// Share of neurons flipped before a recall, 0 to 1/2.
    pub flipped: f64,
    /// Sweeps of a recall, at most, 1 or more.
    pub max_sweeps: u32,
    /// The power of a dense associative memory beside the networks, 2 to 20, if there is one.
    pub power: Option<u32>,
    /// True for an exponential one.
    pub exponential: bool,
}

/// How spins and their wiring are sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StructureSampling {
    /// Which pairs may be coupled.
    pub candidates: WiringCandidates,
    /// True if none is coupled at first, whatever the projections hold.
    pub starts_empty: bool,
    /// Density, couplings, costs, caps and moves.
    pub structure: StructureSettings,
    /// The temperatures.
    pub course: Course,
    /// Temperatures on the way, 1 or more.
    pub stages: u32,
    /// Acting steps of a stage, 1 or more.
    pub steps_per_stage: u64,
    /// Of these, those at the start that are not measured.
    pub discard: u64,
    /// Sweeps of the spins in an acting step.
    pub sweeps: u32,
    /// Births and deaths of neurons, if they come and go.
    pub neurons: Option<NeuronTurnover>,
    /// The free energy along the run, if it is asked for.
    pub free_energy: Option<FreeEnergyRequest>,
}

impl StructureSampling {
    /// The settings of all populations of a scene, with their positions if it looks at them.
    pub fn settings(&self, positions: Vec<[f32; 3]>) -> WiringSettings {
        WiringSettings {
            populations: Vec::new(),
            candidates: self.candidates,
            positions,
            structure: self.structure,
            course: self.course,
            stages: self.stages,
            steps_per_stage: self.steps_per_stage,
            discard: self.discard,
            sweeps: self.sweeps,
            random_start: true,
            starts_empty: self.starts_empty,
            neurons: self.neurons,
            free_energy: self.free_energy,
        }
    }
}
