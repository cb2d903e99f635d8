//! What a user chooses for a wiring that is sampled with its spins, and what can be wrong with it.

use crate::engine::methods::SettingsError;
use crate::engine::methods::settings::require;
use crate::engine::structure::{CandidateError, Claim, FreeEnergyRequest, Score, Slab, StructureSettings};
use crate::math;

use super::super::ThermoError;
use super::neurons::NeuronTurnover;

/// Which pairs of spins may be coupled; there must be a symmetric projection for them to live in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum WiringCandidates {
    /// All pairs that a projection joins.
    #[default]
    AllPairs,
    /// Those at most this far apart, above 0, in units of the positions.
    Nearby(f32),
    /// The synapses that there are when the method is attached.
    Listed,
}

/// How the temperature goes from stage to stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Course {
    /// One temperature.
    Constant(f64),
    /// Equal steps in T.
    Linear {
        /// Of the first stage.
        hot: f64,
        /// Of the last.
        cold: f64,
    },
    /// Equal ratios.
    Geometric {
        /// Of the first stage.
        hot: f64,
        /// Of the last.
        cold: f64,
    },
}

impl Course {
    /// The temperature after the share `x` of the way, 0 to 1.
    pub fn temperature(&self, x: f64) -> f64 {
        match *self {
            Course::Constant(t) => t,
            Course::Linear { hot, cold } => hot + x * (cold - hot),
            Course::Geometric { hot, .. } if x == 0.0 => hot,
            Course::Geometric { hot, cold } => hot * math::exp(x * math::ln(cold / hot)),
        }
    }
}

/// A wiring that is sampled with its spins: pi(S, J, s) ~ exp(-U/T) prior(S) slab(J),
/// U = -sum J s s - sum h s + structural cost.
#[derive(Clone, Debug, PartialEq)]
pub struct WiringSettings {
    /// Names of the populations, or empty for all of them.
    pub populations: Vec<String>,
    /// Which pairs may be coupled.
    pub candidates: WiringCandidates,
    /// Where the neurons of all these populations stand, in order; needed for neighbours, lengths and births by distance, else empty.
    pub positions: Vec<[f32; 3]>,
    /// Density, weights, costs, caps and moves of the structure.
    pub structure: StructureSettings,
    /// The temperatures.
    pub course: Course,
    /// Temperatures on the way, 1 or more.
    pub stages: u32,
    /// Acting steps of a stage, 1 or more; after those of the last one it is finished.
    pub steps_per_stage: u64,
    /// Acting steps at the start of each stage that are not measured, below `steps_per_stage`.
    pub discard: u64,
    /// Sweeps of the spins in an acting step, before its moves; 0 leaves the spins as they are.
    pub sweeps: u32,
    /// Starts from random spins; otherwise from those there are.
    pub random_start: bool,
    /// Starts without any coupling; otherwise from those there are.
    pub starts_empty: bool,
    /// Births and deaths of neurons; they stay if `None`.
    pub neurons: Option<NeuronTurnover>,
    /// The free energy along the run, if it is asked for.
    pub free_energy: Option<FreeEnergyRequest>,
}

impl Default for WiringSettings {
    fn default() -> Self {
        WiringSettings {
            populations: Vec::new(),
            candidates: WiringCandidates::AllPairs,
            positions: Vec::new(),
            structure: StructureSettings::default(),
            course: Course::Constant(1.0),
            stages: 1,
            steps_per_stage: 1000,
            discard: 100,
            sweeps: 1,
            random_start: true,
            starts_empty: false,
            neurons: None,
            free_energy: None,
        }
    }
}

impl WiringSettings {
    /// Checks all ranges.
    ///
    /// # Errors
    /// Names the first setting out of its range, its value, and the way out.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.structure.validate()?;
        if let WiringCandidates::Nearby(radius) = self.candidates {
            require(radius > 0.0 && radius.is_finite(), "radius", radius, "it must be above 0, in the units of the positions")?;
        }
        for x in [0.0, 1.0] {
            let t = self.course.temperature(x);
            require(t > 0.0 && t.is_finite(), "temperature", t, "use a finite temperature above 0")?;
        }
        let wants_data = matches!(self.structure.score, Score::Hebbian { .. });
        require(!wants_data, "score", "Hebbian", "spins that move are no fixed data: propose births Uniform, by Distance or by Gradient")?;
        require(self.stages > 0, "stages", self.stages, "use 1 or more")?;
        let many = self.stages > 1 && matches!(self.course, Course::Constant(_));
        require(!many, "stages", self.stages, "one temperature is one stage: use Linear or Geometric")?;
        require(self.steps_per_stage > 0, "steps_per_stage", self.steps_per_stage, "use 1 or more")?;
        require(self.discard < self.steps_per_stage, "discard", self.discard, "discard fewer steps than a stage has")?;
        if let Some(turnover) = self.neurons {
            turnover.validate(&self.structure, self.sweeps)?;
            require(self.free_energy.is_none(), "free_energy", "neurons", "neurons that come and go are not counted yet: leave one out")?;
        }
        if let Some(request) = self.free_energy {
            for t in [0.0, 1.0].map(|x| self.course.temperature(x)) {
                request.validate(&self.structure, t)?;
            }
        }
        if let Some(place) = self.positions.iter().flatten().find(|x| !x.is_finite()) {
            require(false, "positions", place, "they must be finite")?;
        }
        Ok(())
    }

    /// True if it looks at positions.
    pub fn needs_places(&self) -> bool {
        let is_scored = matches!(self.structure.score, Score::Distance { .. });
        matches!(self.candidates, WiringCandidates::Nearby(_)) || self.structure.length_cost != 0.0 || is_scored
    }

    /// What the weights of the synapses that there are must be like: if none of them is to live on, any finite number will do.
    pub(super) fn first_slab(&self) -> Slab {
        if self.starts_empty { Slab::Gaussian { sd: 1.0 } } else { self.structure.slab }
    }

    /// What its results may claim: exact under detailed balance at one temperature; what cools may freeze.
    pub fn claim(&self) -> Claim {
        if matches!(self.course, Course::Constant(_)) { self.structure.claim() } else { Claim::Driven }
    }

    /// The stage of acting step number `iteration`, and how many of that stage come before it.
    pub fn stage_of(&self, iteration: u64) -> (u32, u64) {
        let stage = (iteration / self.steps_per_stage).min(u64::from(self.stages - 1));
        (stage as u32, iteration - stage * self.steps_per_stage)
    }

    /// The temperature of a stage.
    pub fn temperature_of(&self, stage: u32) -> f64 {
        self.course.temperature(f64::from(stage) / f64::from(self.stages.max(2) - 1))
    }

    /// Acting steps until it is finished.
    pub fn n_iterations(&self) -> u64 {
        self.steps_per_stage.saturating_mul(u64::from(self.stages))
    }
}

/// Why the wiring of spins cannot be sampled.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WiringError {
    /// The network was not built yet.
    #[error("build the network before its wiring is sampled")]
    NotBuilt,
    /// Another method moves the spins or the wiring.
    #[error("the spins or their wiring have an owner already: let one method move them")]
    TwoOwners,
    /// A projection has a direction.
    #[error("projection \"{0}\" is directed: couplings of spins live in symmetric projections")]
    Directed(String),
    /// Two projections join the same populations.
    #[error("projections \"{0}\" and \"{1}\" join the same populations: put all couplings of a pair into one projection")]
    TwoHomes(String, String),
    /// There is no projection for synapses to live in.
    #[error("no projection joins these populations: add a symmetric one, which may be empty")]
    NoProjection,
    /// There are no pairs.
    #[error("there are no candidates: no two spins may be coupled")]
    NoCandidates,
    /// Positions are missing, or too many.
    #[error("{found} positions for {n_neurons} neurons: neighbours, lengths and births by distance need one a neuron")]
    Positions {
        /// How many there are.
        found: usize,
        /// How many neurons.
        n_neurons: usize,
    },
    /// A living synapse is no candidate.
    #[error("synapse {source_row} -> {target_row} of \"{projection}\" is no candidate: remove it, or widen the candidates")]
    Stranger {
        /// Its projection.
        projection: String,
        /// Row of its source.
        source_row: usize,
        /// Row of its target.
        target_row: usize,
    },
    /// A weight that the slab cannot give.
    #[error("synapse {source_row} -> {target_row} of \"{projection}\" has weight {weight}, and sampled weights are {slab}")]
    Weight {
        /// Its projection.
        projection: String,
        /// Row of its source.
        source_row: usize,
        /// Row of its target.
        target_row: usize,
        /// Its weight.
        weight: f32,
        /// What weights can be.
        slab: String,
    },
    /// A bias is not finite.
    #[error("the bias of neuron {row} in population \"{population}\" is {value}: fields must be finite")]
    Field {
        /// The population.
        population: String,
        /// The neuron.
        row: usize,
        /// Its bias.
        value: f32,
    },
    /// A clamped neuron can neither be born nor die.
    #[error("neuron {row} of population \"{population}\" is clamped: where neurons come and go, leave clamps out")]
    Clamped {
        /// The population.
        population: String,
        /// The neuron.
        row: usize,
    },
    /// Neurons have come or gone.
    #[error("population \"{population}\" has {found} neurons, and the candidates are of {expected}: a sampled wiring keeps its neurons")]
    Neurons {
        /// The population.
        population: String,
        /// How many there are.
        found: usize,
        /// How many there were.
        expected: usize,
    },
    /// A setting is out of its range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The candidates do not suit.
    #[error(transparent)]
    Candidates(#[from] CandidateError),
    /// A population does not exist.
    #[error(transparent)]
    Spins(#[from] ThermoError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_go_from_the_hot_end_to_the_cold_one() {
        let course = Course::Geometric { hot: 4.0, cold: 1.0 };
        let settings = WiringSettings { course, stages: 3, steps_per_stage: 10, discard: 2, ..WiringSettings::default() };
        assert_eq!(settings.validate(), Ok(()));
        let temperatures = [0, 9, 10, 25, 1000].map(|k| settings.temperature_of(settings.stage_of(k).0));
        for (t, expected) in temperatures.into_iter().zip([4.0, 4.0, 2.0, 1.0, 1.0]) {
            assert!((t - expected).abs() < 1e-12, "{t} for {expected}");
        }
        assert_eq!((settings.stage_of(12), settings.n_iterations()), ((1, 2), 30));
        assert_eq!(Course::Linear { hot: 4.0, cold: 1.0 }.temperature(0.5), 2.5);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let base = WiringSettings::default;
        let cases = [
            (WiringSettings { candidates: WiringCandidates::Nearby(0.0), ..base() }, "radius"),
            (WiringSettings { course: Course::Constant(0.0), ..base() }, "temperature"),
            (WiringSettings { course: Course::Linear { hot: 1.0, cold: -1.0 }, ..base() }, "temperature"),
            (WiringSettings { stages: 0, ..base() }, "stages"),
            (WiringSettings { stages: 2, ..base() }, "stages"),
            (WiringSettings { discard: 1000, ..base() }, "discard"),
            (WiringSettings { positions: vec![[f32::NAN; 3]], ..base() }, "positions"),
            (
                WiringSettings { structure: StructureSettings { score: Score::Hebbian { eps: 0.1 }, ..Default::default() }, ..base() },
                "score",
            ),
        ];
        for (settings, field) in cases {
            assert!(settings.validate().unwrap_err().to_string().starts_with(field), "{field}");
        }
    }
}
