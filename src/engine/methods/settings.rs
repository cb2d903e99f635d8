//! What a user chooses for each method: plain data with documented ranges, checked before a run.

use crate::engine::spins::{Rule, Scan};

use super::sample::SampleSettings;
use super::schedule::{ScheduleShape, TemperatureRange};

/// What is wrong with the settings of a method, or with the engine it was given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// A value lies outside its range.
    #[error("{field} is {value}: {way_out}")]
    OutOfRange {
        /// Name of the setting, as in a scene.
        field: &'static str,
        /// The value given.
        value: String,
        /// What to use instead.
        way_out: &'static str,
    },
    /// The method needs more replicas than the engine has.
    #[error("{method} needs at least {needed} replicas, the engine has {found}: raise the number of lanes or lower {field}")]
    TooFewReplicas {
        /// The method.
        method: &'static str,
        /// Replicas it needs.
        needed: usize,
        /// Replicas there are.
        found: usize,
        /// The setting that decides how many are needed.
        field: &'static str,
    },
    /// The method needs independent random numbers.
    #[error("{method} cannot run on replicas that share random numbers, because {reason}: use independent numbers (the default)")]
    SharedNumbers {
        /// The method.
        method: &'static str,
        /// Why sharing breaks it.
        reason: &'static str,
    },
}

/// Fails with [`SettingsError::OutOfRange`] unless `holds`.
pub(crate) fn require(holds: bool, field: &'static str, value: impl ToString, way_out: &'static str) -> Result<(), SettingsError> {
    if holds { Ok(()) } else { Err(SettingsError::OutOfRange { field, value: value.to_string(), way_out }) }
}

/// Simulated annealing: every replica is cooled from hot to cold, the best state of all is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnnealSettings {
    /// How the temperature falls.
    pub shape: ScheduleShape,
    /// Hottest and coldest temperature; `None` takes them from all local fields of the model.
    pub range: Option<TemperatureRange>,
    /// Sweeps from hot to cold, 1 or more.
    pub n_sweeps: u32,
    /// Times the annealing is repeated from fresh random states, 1 or more.
    pub n_runs: u32,
    /// Sweeps that one iteration (one step of a simulation) runs, 1 or more.
    pub sweeps_per_iteration: u32,
    /// Descends greedily to a local minimum at the end of each run.
    pub quench: bool,
    /// How a spin decides; [`Rule::Metropolis`] is also valid on replicas that share random numbers.
    pub rule: Rule,
    /// Order of the visits.
    pub scan: Scan,
}

impl Default for AnnealSettings {
    fn default() -> Self {
        AnnealSettings {
            shape: ScheduleShape::LinearBeta,
            range: None,
            n_sweeps: 1000,
            n_runs: 1,
            sweeps_per_iteration: 10,
            quench: true,
            rule: Rule::Metropolis,
            scan: Scan::Colours,
        }
    }
}

impl AnnealSettings {
    /// Checks every value.
    ///
    /// # Errors
    /// If a value lies outside its documented range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        validate_range(self.range)?;
        require(self.n_sweeps >= 1, "n_sweeps", self.n_sweeps, "use 1 or more")?;
        require(self.n_runs >= 1, "n_runs", self.n_runs, "use 1 or more")?;
        require(self.sweeps_per_iteration >= 1, "sweeps_per_iteration", self.sweeps_per_iteration, "use 1 or more")
    }
}

/// Which clusters an isoenergetic (Houdayer) move exchanges between two replicas of one temperature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterMoves {
    /// No cluster moves.
    Off,
    /// The cluster that holds one randomly drawn differing spin (Houdayer 2001).
    One,
    /// Every differing cluster, each with probability 1/2.
    All,
}

/// Parallel tempering: replicas at a ladder of temperatures exchange them by non-reversible even/odd
/// swaps (Syed et al. 2021). Several ladders (copies) run side by side in the lanes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TemperingSettings {
    /// Rungs of the ladder, 2 or more and at most the number of replicas.
    pub n_temperatures: u32,
    /// Hottest and coldest temperature; `None` takes them from all local fields of the model.
    pub range: Option<TemperatureRange>,
    /// Sweeps between swaps, 1 or more; one iteration is these sweeps and one round of swaps.
    pub sweeps_per_iteration: u32,
    /// Iterations at the start during which the ladder is re-spaced to equal rejection; their
    /// measurements do not count. 0 keeps the geometric ladder.
    pub adaptation_iterations: u32,
    /// Iterations after the adaptation whose measurements do not count either, so that replicas
    /// reach equilibrium at the temperatures that they will keep.
    pub discard: u32,
    /// Isoenergetic cluster moves between copies; valid sampling, useful on sparse graphs below percolation.
    pub cluster_moves: ClusterMoves,
    /// Iterations between rounds of cluster moves, 1 or more.
    pub cluster_every: u32,
    /// Iterations between crossovers of quenched cold replicas into a running best, which never
    /// touches the chains; 0 for never.
    pub crossover_every: u32,
    /// How a spin decides.
    pub rule: Rule,
    /// Order of the visits.
    pub scan: Scan,
}

impl Default for TemperingSettings {
    fn default() -> Self {
        TemperingSettings {
            n_temperatures: 16,
            range: None,
            sweeps_per_iteration: 1,
            adaptation_iterations: 200,
            discard: 100,
            cluster_moves: ClusterMoves::Off,
            cluster_every: 1,
            crossover_every: 0,
            rule: Rule::Metropolis,
            scan: Scan::Colours,
        }
    }
}

impl TemperingSettings {
    /// Iterations at the start that are not measured: adaptation, then the discarded ones.
    pub fn unmeasured_iterations(&self) -> u64 {
        u64::from(self.adaptation_iterations) + u64::from(self.discard)
    }

    /// Checks every value.
    ///
    /// # Errors
    /// If a value lies outside its documented range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        validate_range(self.range)?;
        require(self.n_temperatures >= 2, "n_temperatures", self.n_temperatures, "use 2 or more")?;
        require(self.sweeps_per_iteration >= 1, "sweeps_per_iteration", self.sweeps_per_iteration, "use 1 or more")?;
        require(self.cluster_every >= 1, "cluster_every", self.cluster_every, "use 1 or more, or cluster_moves: Off")
    }
}

/// How population annealing chooses its next inverse temperature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BetaSteps {
    /// This many equal steps in beta, 1 or more.
    Fixed(u32),
    /// The largest step at which the weights keep this effective fraction of the population,
    /// (sum w)^2 / (R sum w^2), in (0, 1).
    Adaptive(f64),
}

/// Population annealing (Hukushima, Iba 2003; Machta 2010): a population is cooled from beta = 0 and
/// resampled by its weights at each step; ln Z and the family size come with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PopulationSettings {
    /// Last inverse temperature, above 0; `None` takes the cold end of the default range.
    pub beta_end: Option<f64>,
    /// The steps in between.
    pub steps: BetaSteps,
    /// Sweeps after each resampling, 1 or more; one iteration is one step.
    pub sweeps_per_step: u32,
    /// How a spin decides.
    pub rule: Rule,
    /// Order of the visits.
    pub scan: Scan,
}

impl Default for PopulationSettings {
    fn default() -> Self {
        PopulationSettings {
            beta_end: None,
            steps: BetaSteps::Adaptive(0.9),
            sweeps_per_step: 10,
            rule: Rule::Metropolis,
            scan: Scan::Colours,
        }
    }
}

impl PopulationSettings {
    /// Checks every value.
    ///
    /// # Errors
    /// If a value lies outside its documented range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        validate_beta_end(self.beta_end)?;
        match self.steps {
            BetaSteps::Fixed(n) => require(n >= 1, "steps", n, "use 1 step or more")?,
            BetaSteps::Adaptive(keep) => {
                require(keep > 0.0 && keep < 1.0, "steps", keep, "keep a fraction above 0 and below 1, such as 0.9")?
            }
        }
        require(self.sweeps_per_step >= 1, "sweeps_per_step", self.sweeps_per_step, "use 1 or more")
    }
}

/// Annealed importance sampling (Neal 2001): ln Z from weighted annealing runs, with a run backwards
/// (Grosse, Ancha, Roy 2016) that bounds it from the other side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AisSettings {
    /// Last inverse temperature, above 0; `None` takes the cold end of the default range.
    pub beta_end: Option<f64>,
    /// Steps from beta = 0 to the end, equal in beta, 1 or more.
    pub n_steps: u32,
    /// Sweeps after each step, 1 or more.
    pub sweeps_per_step: u32,
    /// Steps that one iteration runs, 1 or more.
    pub steps_per_iteration: u32,
    /// Also runs backwards, from the final states after `equilibration_sweeps` at the last beta.
    pub reverse: bool,
    /// Sweeps at the last beta before the run backwards; it bounds ln Z from above only as far as these equilibrate.
    pub equilibration_sweeps: u32,
    /// How a spin decides.
    pub rule: Rule,
    /// Order of the visits.
    pub scan: Scan,
}

impl Default for AisSettings {
    fn default() -> Self {
        AisSettings {
            beta_end: None,
            n_steps: 1000,
            sweeps_per_step: 1,
            steps_per_iteration: 10,
            reverse: true,
            equilibration_sweeps: 100,
            rule: Rule::Metropolis,
            scan: Scan::Colours,
        }
    }
}

impl AisSettings {
    /// Checks every value.
    ///
    /// # Errors
    /// If a value lies outside its documented range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        validate_beta_end(self.beta_end)?;
        require(self.n_steps >= 1, "n_steps", self.n_steps, "use 1 or more")?;
        require(self.sweeps_per_step >= 1, "sweeps_per_step", self.sweeps_per_step, "use 1 or more")?;
        require(self.steps_per_iteration >= 1, "steps_per_iteration", self.steps_per_iteration, "use 1 or more")
    }
}

/// Thermal cycling (Mobius et al. 1997), driven: all replicas start from the best state, are reheated
/// to different temperatures, cooled, quenched and crossed over into the best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CyclingSettings {
    /// Strongest and weakest reheating, as temperatures; replicas are spread between the two.
    /// `None` takes them from all local fields of the model.
    pub reheat: Option<TemperatureRange>,
    /// Temperature at which cooling ends, above 0; `None` takes the cold end of the default range.
    pub cold: Option<f64>,
    /// Sweeps of the first annealing, from random states, 1 or more.
    pub first_sweeps: u32,
    /// Shortest and longest cooling of a cycle, in sweeps, 1 or more; the length doubles from the
    /// one to the other while the best does not improve.
    pub cycle_sweeps: [u32; 2],
    /// Good states, far from each other, from which cycles start; 1 or more. With 1, replicas are
    /// crossed over into the best, which pays on sparse graphs; more suit dense ones.
    pub n_elites: u32,
    /// Cycles without improvement after which the method starts over with a first annealing twice
    /// as long as the last, keeping the best aside; 0 for never.
    pub patience: u32,
    /// Resamples the replicas by their weights during first annealings, as population annealing does:
    /// pays where crossover does not, because differing spins form one cluster.
    pub resample: bool,
    /// Sweeps that one iteration runs at most, 1 or more.
    pub sweeps_per_iteration: u32,
    /// Sweeps after which the method is finished; the cycle under way is completed.
    pub sweep_budget: u64,
    /// Energy at or below which the method is finished.
    pub target_energy: Option<f64>,
}

impl Default for CyclingSettings {
    fn default() -> Self {
        CyclingSettings {
            reheat: None,
            cold: None,
            first_sweeps: 400,
            cycle_sweeps: [50, 400],
            n_elites: 1,
            patience: 0,
            resample: false,
            sweeps_per_iteration: 50,
            sweep_budget: 10_000,
            target_energy: None,
        }
    }
}

impl CyclingSettings {
    /// Checks every value.
    ///
    /// # Errors
    /// If a value lies outside its documented range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        validate_range(self.reheat)?;
        if let Some(cold) = self.cold {
            require(cold > 0.0 && cold.is_finite(), "cold", cold, "use a temperature above 0")?;
        }
        require(self.first_sweeps >= 1, "first_sweeps", self.first_sweeps, "use 1 or more")?;
        let [shortest, longest] = self.cycle_sweeps;
        require(self.n_elites >= 1, "n_elites", self.n_elites, "use 1 or more")?;
        require(shortest >= 1 && shortest <= longest, "cycle_sweeps", format!("{shortest} to {longest}"), "use 1 or more, shortest first")?;
        require(self.sweeps_per_iteration >= 1, "sweeps_per_iteration", self.sweeps_per_iteration, "use 1 or more")?;
        validate_target(self.sweep_budget, self.target_energy)
    }
}

/// The preset: finds a low energy of any model without tuning (driven). It runs thermal cycling, and
/// chooses its temperatures, lengths, elites, crossover and resampling by the model's graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimiseSettings {
    /// Sweeps (of all replicas at once) after which the preset is finished, 1 or more.
    pub sweep_budget: u64,
    /// Energy at or below which the preset is finished.
    pub target_energy: Option<f64>,
    /// Sweeps that one iteration runs at most, 1 or more.
    pub sweeps_per_iteration: u32,
}

impl Default for OptimiseSettings {
    fn default() -> Self {
        OptimiseSettings { sweep_budget: 5_000, target_energy: None, sweeps_per_iteration: 50 }
    }
}

impl OptimiseSettings {
    /// Checks every value.
    ///
    /// # Errors
    /// If a value lies outside its documented range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        require(self.sweeps_per_iteration >= 1, "sweeps_per_iteration", self.sweeps_per_iteration, "use 1 or more")?;
        validate_target(self.sweep_budget, self.target_energy)
    }
}

fn validate_range(range: Option<TemperatureRange>) -> Result<(), SettingsError> {
    range.map_or(Ok(()), |range| range.validate())
}

fn validate_beta_end(beta_end: Option<f64>) -> Result<(), SettingsError> {
    beta_end.map_or(Ok(()), |b| require(b > 0.0 && b.is_finite(), "beta_end", b, "use a finite inverse temperature above 0"))
}

fn validate_target(sweep_budget: u64, target_energy: Option<f64>) -> Result<(), SettingsError> {
    require(sweep_budget >= 1, "sweep_budget", sweep_budget, "use 1 or more")?;
    target_energy.map_or(Ok(()), |e| require(!e.is_nan(), "target_energy", e, "use a number"))
}

/// The settings of any method: what a scene chooses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MethodSettings {
    /// Sampling at a temperature or a row of them.
    Sample(SampleSettings),
    /// Simulated annealing.
    Anneal(AnnealSettings),
    /// Parallel tempering.
    Tempering(TemperingSettings),
    /// Population annealing.
    Population(PopulationSettings),
    /// Annealed importance sampling.
    Ais(AisSettings),
    /// Thermal cycling.
    Cycling(CyclingSettings),
    /// The preset for a low energy.
    Optimise(OptimiseSettings),
}

impl MethodSettings {
    /// How a spin decides; an engine with shared random numbers needs to know before it is made.
    pub fn rule(&self) -> Rule {
        match self {
            MethodSettings::Sample(s) => s.rule,
            MethodSettings::Anneal(s) => s.rule,
            MethodSettings::Tempering(s) => s.rule,
            MethodSettings::Population(s) => s.rule,
            MethodSettings::Ais(s) => s.rule,
            MethodSettings::Cycling(_) | MethodSettings::Optimise(_) => Rule::Metropolis,
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// If a value lies outside its documented range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        match self {
            MethodSettings::Sample(s) => s.validate(),
            MethodSettings::Anneal(s) => s.validate(),
            MethodSettings::Tempering(s) => s.validate(),
            MethodSettings::Population(s) => s.validate(),
            MethodSettings::Ais(s) => s.validate(),
            MethodSettings::Cycling(s) => s.validate(),
            MethodSettings::Optimise(s) => s.validate(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(settings: MethodSettings) -> String {
        settings.validate().expect_err("should be refused").to_string()
    }

    #[test]
    fn defaults_are_valid() {
        use MethodSettings::*;
        for settings in [
            Sample(SampleSettings::default()),
            Anneal(AnnealSettings::default()),
            Tempering(TemperingSettings::default()),
            Population(PopulationSettings::default()),
            Ais(AisSettings::default()),
            Cycling(CyclingSettings::default()),
            Optimise(OptimiseSettings::default()),
        ] {
            assert_eq!(settings.validate(), Ok(()));
        }
    }

    #[test]
    fn bad_values_are_named_with_a_way_out() {
        let upside_down = Some(TemperatureRange { hot: 0.5, cold: 2.0 });
        let text = complaint(MethodSettings::Anneal(AnnealSettings { range: upside_down, ..AnnealSettings::default() }));
        assert!(text.contains("0.5") && text.contains("hot"), "{text}");
        let text = complaint(MethodSettings::Tempering(TemperingSettings { n_temperatures: 1, ..TemperingSettings::default() }));
        assert_eq!(text, "n_temperatures is 1: use 2 or more");
        let text = complaint(MethodSettings::Population(PopulationSettings { steps: BetaSteps::Adaptive(1.5), ..Default::default() }));
        assert!(text.contains("1.5"), "{text}");
        complaint(MethodSettings::Ais(AisSettings { beta_end: Some(f64::NAN), ..Default::default() }));
        complaint(MethodSettings::Cycling(CyclingSettings { cycle_sweeps: [10, 5], ..Default::default() }));
        complaint(MethodSettings::Optimise(OptimiseSettings { sweep_budget: 0, ..Default::default() }));
    }
}
