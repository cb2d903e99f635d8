//! What acts on which projection, and why it cannot.

use crate::components::Window;
use crate::engine::plasticity::synaptogenesis::Proposal;
use crate::engine::plasticity::{GrowthCurve, LocalRule, LocalSettings, PairingSettings, PruneSettings, Region, SynaptogenesisSettings};
use crate::simulation::Simulation;

use super::columns::{
    ActivityMean, ActivitySketch, ActivityVariance, AxonalElements, BcmThreshold, Calcium, DendriticElements, EnergyGradient, EnergyShare,
    IdleSteps, Place,
};

/// A local rule on one projection. Phase: Learn.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnLocally {
    /// Name of the projection.
    pub projection: String,
    /// The rule, its rate and its limits.
    pub settings: LocalSettings,
    /// When it acts.
    pub window: Window,
}

/// Homeostatic scaling of the weights of one projection towards a goal of calcium. Phase: Learn.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// Name of the projection.
    pub projection: String,
    /// Share of the way that a step takes, above 0.
    pub rate: f32,
    /// Calcium of the targets that is aimed at, above 0.
    pub goal: f32,
    /// Largest size of a weight.
    pub bound: f32,
    /// When it acts.
    pub window: Window,
}

/// The temperature by which births are accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GrowthTemperature {
    /// This one, 0 or more.
    Fixed(f64),
    /// That of the heat bath, as the metric `temperature` tells it; 0 while nobody does.
    Bath,
}

/// Hebbian synaptogenesis on one projection. Phase: Grow.
#[derive(Clone, Debug, PartialEq)]
pub struct HebbianGrowth {
    /// Name of the projection.
    pub projection: String,
    /// Candidates, energies, caps.
    pub settings: SynaptogenesisSettings,
    /// The temperature of births.
    pub temperature: GrowthTemperature,
    /// When it acts.
    pub window: Window,
}

/// Homeostatic structural plasticity on one projection. Phase: Grow.
#[derive(Clone, Debug, PartialEq)]
pub struct HomeostaticGrowth {
    /// Name of the projection.
    pub projection: String,
    /// How axonal elements of its sources grow.
    pub axonal: GrowthCurve,
    /// How dendritic elements of its targets grow.
    pub dendritic: GrowthCurve,
    /// Elements a step at the top of the curve, above 0.
    pub rate: f64,
    /// How elements pair.
    pub pairing: PairingSettings,
    /// When synapses form and break; elements grow at every step of the window between.
    pub window: Window,
}

/// Pruning of one projection. Phase: Prune.
#[derive(Clone, Debug, PartialEq)]
pub struct Pruning {
    /// Name of the projection.
    pub projection: String,
    /// Floors and patience.
    pub settings: PruneSettings,
    /// When it measures and prunes: patience counts these steps.
    pub window: Window,
}

/// What a lesion destroys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LesionTarget {
    /// The neurons of the region, with all their synapses.
    Neurons,
    /// All synapses onto and from them; the neurons live.
    Synapses,
    /// The synapses onto them.
    Inputs,
    /// The synapses from them.
    Outputs,
}

/// Damage at one step. Phase: Edit.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesion {
    /// Name of the population.
    pub population: String,
    /// Which of its neurons.
    pub region: Region,
    /// What is destroyed.
    pub target: LesionTarget,
    /// The step.
    pub step: u64,
}

/// Everything plastic in a simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct PlasticitySettings {
    /// Local rules, in the order in which they act.
    pub learn: Vec<LearnLocally>,
    /// Homeostatic scaling.
    pub scaling: Vec<Scaling>,
    /// Growth by correlation; at most one a projection.
    pub hebbian: Vec<HebbianGrowth>,
    /// Growth by calcium; at most one a source or target population.
    pub homeostatic: Vec<HomeostaticGrowth>,
    /// Pruning; at most one a projection.
    pub pruning: Vec<Pruning>,
    /// Lesions.
    pub lesions: Vec<Lesion>,
    /// Steps over which calcium forgets, 1 or more.
    pub calcium_tau: f32,
    /// Observations over which correlations forget, more than 1.
    pub trace_tau: f32,
    /// Steps from one observation to the next, 1 or more.
    pub trace_every: u64,
    /// Energy of a synapse in the ledger's term `wiring`, of the projections that grow or are pruned.
    pub synapse_cost: f64,
    /// Energy of a unit of length in that term.
    pub length_cost: f64,
    /// True to measure `mean_length`, which takes a pass over all synapses that change after each restructuring; a `length_cost` asks
    /// for it too.
    pub measures_length: bool,
}

impl Default for PlasticitySettings {
    fn default() -> Self {
        PlasticitySettings {
            learn: Vec::new(),
            scaling: Vec::new(),
            hebbian: Vec::new(),
            homeostatic: Vec::new(),
            pruning: Vec::new(),
            lesions: Vec::new(),
            calcium_tau: 100.0,
            trace_tau: 100.0,
            trace_every: 1,
            synapse_cost: 0.0,
            length_cost: 0.0,
            measures_length: true,
        }
    }
}

/// Why plasticity cannot be attached.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlasticityError {
    /// The fabric is not built yet.
    #[error("build the network before it becomes plastic")]
    NotBuilt,
    /// A second call.
    #[error("the network is plastic already: put all rules into one PlasticitySettings")]
    Twice,
    /// A projection does not exist.
    #[error("no projection \"{name}\" to change{hint}")]
    UnknownProjection {
        /// The name.
        name: String,
        /// ` (did you mean ...?)`, or empty.
        hint: String,
    },
    /// A population does not exist.
    #[error("no population \"{name}\" to change{hint}")]
    UnknownPopulation {
        /// The name.
        name: String,
        /// ` (did you mean ...?)`, or empty.
        hint: String,
    },
    /// A column that a rule needs is missing.
    #[error("there is no column {0}: call PlasticitySettings::columns before the network is built")]
    NoColumn(&'static str),
    /// Two rules would do the same to one projection or one population.
    #[error("two rules {what} \"{name}\": leave one out")]
    TwoOwners {
        /// What both do.
        what: &'static str,
        /// Name of the projection or population.
        name: String,
    },
    /// A number is out of its range.
    #[error("{setting} is {value}: use {range}")]
    OutOfRange {
        /// Its name.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// Homeostatic growth of symmetric couplings has no sides.
    #[error("projection \"{0}\" is symmetric: axonal and dendritic elements need a direction")]
    Symmetric(String),
}

impl PlasticitySettings {
    /// Registers the columns that the rules need; call it before the network is built.
    pub fn columns(&self, sim: &mut Simulation) {
        sim.neuron_column(Place::default());
        if self.follows_calcium() {
            sim.neuron_column(Calcium::default());
        }
        if !self.homeostatic.is_empty() {
            sim.neuron_column(AxonalElements::default()).neuron_column(DendriticElements::default());
        }
        if !self.hebbian.is_empty() {
            sim.neuron_column(ActivityMean::default()).neuron_column(ActivityVariance::default()).neuron_column(ActivitySketch::default());
        }
        if self.follows_gradients() {
            sim.neuron_column(EnergyGradient::default());
        }
        if self.bcm_tau().is_some() {
            sim.neuron_column(BcmThreshold::default());
        }
        if !self.pruning.is_empty() {
            sim.synapse_column(EnergyShare::default()).synapse_column(IdleSteps::default());
        }
    }

    /// True if a rule reads calcium.
    pub(super) fn follows_calcium(&self) -> bool {
        !self.homeostatic.is_empty() || !self.scaling.is_empty()
    }

    pub(super) fn follows_gradients(&self) -> bool {
        self.hebbian.iter().any(|g| g.settings.by_energy_gradient)
    }

    /// The time constant of BCM's thresholds, if a rule has them.
    pub(super) fn bcm_tau(&self) -> Option<f32> {
        self.learn.iter().find_map(|l| if let LocalRule::Bcm { tau } = l.settings.rule { Some(tau) } else { None })
    }

    /// Checks every number.
    ///
    /// # Errors
    /// The first number that is out of its range.
    pub fn validate(&self) -> Result<(), PlasticityError> {
        let within = |setting: &'static str, value: f64, is_good: bool, range: &'static str| {
            if is_good && value.is_finite() { Ok(()) } else { Err(PlasticityError::OutOfRange { setting, value, range }) }
        };
        let above_0 = |setting, value: f64| within(setting, value, value > 0.0, "a number above 0");
        let at_least = |setting, value: f64, least: f64, range| within(setting, value, value >= least, range);
        let window = |window: &Window| at_least("every", window.every as f64, 1.0, "1 or more");
        at_least("calcium_tau", self.calcium_tau.into(), 1.0, "1 or more")?;
        within("trace_tau", self.trace_tau.into(), self.trace_tau > 1.0, "more than 1")?;
        at_least("trace_every", self.trace_every as f64, 1.0, "1 or more")?;
        for l in &self.learn {
            window(&l.window)?;
            above_0("rate", l.settings.rate.into())?;
            above_0("bound", l.settings.bound.into())?;
            match l.settings.rule {
                LocalRule::Hebb { decay } | LocalRule::AntiHebb { decay } => at_least("decay", decay.into(), 0.0, "0 or more")?,
                LocalRule::Bcm { tau } => at_least("tau", tau.into(), 1.0, "1 or more")?,
                LocalRule::Oja => {}
            }
        }
        for s in &self.scaling {
            window(&s.window)?;
            above_0("rate", s.rate.into())?;
            above_0("goal", s.goal.into())?;
            above_0("bound", s.bound.into())?;
        }
        for g in &self.hebbian {
            let s = &g.settings;
            window(&g.window)?;
            within("threshold", s.threshold.into(), (0.0..=1.0).contains(&s.threshold), "0 to 1")?;
            above_0("weight", s.weight.into())?;
            for (name, energy) in [("cost", s.cost), ("wiring", s.wiring), ("gain", s.gain)] {
                within(name, energy, true, "a finite number")?;
            }
            at_least("proposals", s.proposals.len() as f64, 1.0, "one or more")?;
            for proposal in &s.proposals {
                if let Proposal::Near { sigma } = proposal {
                    above_0("sigma", (*sigma).into())?;
                }
            }
            if let GrowthTemperature::Fixed(t) = g.temperature {
                at_least("temperature", t, 0.0, "0 or more")?;
            }
        }
        for g in &self.homeostatic {
            window(&g.window)?;
            above_0("rate", g.rate)?;
            above_0("weight", g.pairing.weight.into())?;
            above_0("sigma", g.pairing.sigma.unwrap_or(1.0).into())?;
            for curve in [g.axonal, g.dendritic] {
                match curve {
                    GrowthCurve::Linear { goal } => above_0("goal", goal)?,
                    GrowthCurve::Gaussian { least, goal } => {
                        within("least", least, least.is_finite() && least < goal, "less than the goal")?
                    }
                }
            }
        }
        for p in &self.pruning {
            window(&p.window)?;
            at_least("weight_floor", p.settings.weight_floor.into(), 0.0, "0 or more")?;
            at_least("energy_floor", p.settings.energy_floor.into(), 0.0, "0 or more")?;
            at_least("tau", p.settings.tau.into(), 1.0, "1 or more")?;
            at_least("patience", p.settings.patience.into(), 1.0, "1 or more")?;
        }
        for l in &self.lesions {
            match l.region {
                Region::Disc { radius, .. } => at_least("radius", radius.into(), 0.0, "0 or more")?,
                Region::Fraction(share) => within("fraction", share, (0.0..=1.0).contains(&share), "0 to 1")?,
                Region::Rows { .. } => {}
            }
        }
        Ok(())
    }
}
