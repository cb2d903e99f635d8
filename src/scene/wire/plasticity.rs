//! Systems of driven plasticity: what shows activity, local rules, growth, pruning, lesions.

use serde::Deserialize;

use super::one;

/// `Live(source: Samples)`: one forward pass a step.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LiveWire {
    /// What the input populations see.
    pub source: LiveSourceWire,
}

/// What the input populations see.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum LiveSourceWire {
    /// Samples to learn from, one drawn every `hold` steps.
    Samples(HoldWire),
    /// Independent normal numbers, anew each step.
    Noise(NoiseDriveWire),
    /// Bumps of activity around neurons drawn anew each step.
    Bumps(BumpsWire),
}

impl Default for LiveSourceWire {
    fn default() -> Self {
        LiveSourceWire::Samples(HoldWire::default())
    }
}

/// `Samples(hold: 1)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HoldWire {
    /// Steps for which a sample is shown.
    pub hold: u64,
}

impl Default for HoldWire {
    fn default() -> Self {
        HoldWire { hold: 1 }
    }
}

/// `Noise(sd: 1)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoiseDriveWire {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

impl Default for NoiseDriveWire {
    fn default() -> Self {
        NoiseDriveWire { mean: 0.0, sd: 1.0 }
    }
}

/// `Bumps(count: 3, width: 1.5)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BumpsWire {
    /// Number of bumps.
    pub count: u64,
    /// Their width.
    pub width: f64,
    /// Their height.
    pub height: f64,
    /// Standard deviation of the noise beside them.
    pub noise: f64,
}

impl Default for BumpsWire {
    fn default() -> Self {
        BumpsWire { count: 3, width: 1.5, height: 1.0, noise: 0.1 }
    }
}

/// The signs that weights may have.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum SignWire {
    /// Any.
    #[default]
    Free,
    /// 0 or more.
    Excitatory,
    /// 0 or less.
    Inhibitory,
}

/// Writes the struct of a system of one projection, with its window before its own fields: serde cannot flatten what all have where
/// unknown fields are refused.
macro_rules! plastic_system {
    ($(#[$doc:meta])* $name:ident, every $every:literal, from $from:literal, {
        $(#[$projection_doc:meta])* projection, $($(#[$own_doc:meta])* $own:ident: $type:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(#[$projection_doc])*
            pub projection: String,
            /// Steps from one at which it runs to the next.
            #[serde(default = $every)]
            pub every: u64,
            /// First step at which it runs; statistics are gathered from step 0 on.
            #[serde(default = $from)]
            pub from: u64,
            /// Step from which on it no longer runs; to the end if left out.
            pub until: Option<u64>,
            $($(#[$own_doc])* pub $own: $type,)*
        }
    };
}

plastic_system! {
    /// `Hebb(projection: "a->b", rate: 0.01)`; the same fields for `AntiHebb`.
    HebbWire, every "one", from "zero", {
        /// The projection that learns.
        projection,
        /// Learning rate.
        #[serde(default = "rate")]
        rate: f64,
        /// Share of a weight that is lost, times the rate.
        #[serde(default)]
        decay: f64,
        /// Weights stay within +-bound.
        #[serde(default = "bound")]
        bound: f64,
        /// Which signs weights may have.
        #[serde(default)]
        sign: SignWire,
    }
}

plastic_system! {
    /// `Oja(projection: "a->b", rate: 0.01)`.
    OjaWire, every "one", from "zero", {
        /// The projection that learns.
        projection,
        /// Learning rate.
        #[serde(default = "rate")]
        rate: f64,
        /// Weights stay within +-bound.
        #[serde(default = "bound")]
        bound: f64,
        /// Which signs weights may have.
        #[serde(default)]
        sign: SignWire,
    }
}

plastic_system! {
    /// `Bcm(projection: "a->b", rate: 0.001, tau: 100)`.
    BcmWire, every "one", from "zero", {
        /// The projection that learns.
        projection,
        /// Learning rate.
        #[serde(default = "rate")]
        rate: f64,
        /// Steps over which the sliding threshold forgets.
        #[serde(default = "tau")]
        tau: f64,
        /// Weights stay within +-bound.
        #[serde(default = "bound")]
        bound: f64,
        /// Which signs weights may have.
        #[serde(default)]
        sign: SignWire,
    }
}

plastic_system! {
    /// `ScaleSynapses(projection: "a->b", goal: 0.5)`.
    ScaleSynapsesWire, every "one", from "zero", {
        /// The projection that is scaled.
        projection,
        /// Share of the way of a step.
        #[serde(default = "rate")]
        rate: f64,
        /// Mean activity of the targets that is aimed at.
        goal: f64,
        /// Steps over which the mean activity forgets.
        #[serde(default = "tau")]
        tau: f64,
        /// Weights stay within +-bound.
        #[serde(default = "bound")]
        bound: f64,
    }
}

plastic_system! {
    /// `GrowHebbian(projection: "a->b")`.
    GrowHebbianWire, every "ten", from "tau_steps", {
        /// The projection that grows.
        projection,
        /// Where the sources of candidates come from, in turn.
        #[serde(default = "proposals")]
        candidates: Vec<CandidateWire>,
        /// Candidates of a step.
        #[serde(default = "candidates_per_step")]
        candidates_per_step: u64,
        /// Births of a step at most.
        #[serde(default = "budget")]
        budget: u64,
        /// Least correlation of a birth.
        #[serde(default = "half")]
        threshold: f64,
        /// Energy of a synapse.
        #[serde(default = "half")]
        cost: f64,
        /// Energy of a unit of its length.
        #[serde(default)]
        wiring: f64,
        /// Energy that a correlation of 1 sets free.
        #[serde(default = "whole")]
        gain: f64,
        /// Temperature of births; that of the heat bath if left out.
        temperature: Option<f64>,
        /// Size of the first weight.
        #[serde(default = "first_weight")]
        weight: f64,
        /// Which signs weights may have.
        #[serde(default)]
        sign: SignWire,
        /// Most synapses onto a neuron; no cap if left out.
        max_fan_in: Option<u64>,
        /// Most synapses from a neuron; no cap if left out.
        max_fan_out: Option<u64>,
        /// Steps over which correlations forget.
        #[serde(default = "tau")]
        tau: f64,
        /// True to draw targets in proportion to their energy gradient.
        #[serde(default)]
        by_energy_gradient: bool,
    }
}

/// Where the sources of candidates come from.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum CandidateWire {
    /// Any neuron.
    Uniform,
    /// Near ones, by a Gaussian of this width.
    Near(f64),
    /// Those that seem to move alike.
    Similar,
    /// Those that reach the target through another neuron.
    Intermediate,
}

plastic_system! {
    /// `GrowHomeostatic(projection: "a->a", goal: 0.5)`.
    GrowHomeostaticWire, every "ten", from "zero", {
        /// The projection that grows.
        projection,
        /// How axonal elements grow.
        axonal: CurveWire,
        /// How dendritic elements grow; as axonal ones if left out.
        dendritic: Option<CurveWire>,
        /// Elements of a step at the top of the curve.
        #[serde(default = "element_rate")]
        rate: f64,
        /// Width of the Gaussian fall of pairing with distance; none if left out.
        sigma: Option<f64>,
        /// Size of the first weight.
        #[serde(default = "first_weight")]
        weight: f64,
        /// Which signs weights may have.
        #[serde(default)]
        sign: SignWire,
        /// Births of a step at most.
        #[serde(default = "budget")]
        budget: u64,
        /// Most synapses onto a neuron; no cap if left out.
        max_fan_in: Option<u64>,
        /// Most synapses from a neuron; no cap if left out.
        max_fan_out: Option<u64>,
        /// Steps over which calcium forgets.
        #[serde(default = "tau")]
        tau: f64,
    }
}

/// A growth curve of calcium.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum CurveWire {
    /// Straight, with its zero at this calcium.
    Linear(f64),
    /// Growth between two calciums only.
    Gaussian(GaussianWire),
}

/// `Gaussian(least: 0.1, goal: 0.7)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianWire {
    /// Calcium below which elements are lost.
    pub least: f64,
    /// Calcium above which elements are lost.
    pub goal: f64,
}

plastic_system! {
    /// `PruneIdle(projection: "a->b")`.
    PruneIdleWire, every "one", from "zero", {
        /// The projection that is pruned.
        projection,
        /// |w| below which a synapse is weak.
        #[serde(default = "weight_floor")]
        weight_floor: f64,
        /// Mean |w x y| below which it carries nothing.
        #[serde(default = "energy_floor")]
        energy_floor: f64,
        /// Measurements over which that mean forgets.
        #[serde(default = "tau")]
        tau: f64,
        /// Measurements in a row for which it has to be weak and idle.
        #[serde(default = "patience")]
        patience: u64,
        /// Synapses that a neuron keeps in any case.
        #[serde(default)]
        keep_fan_in: u64,
    }
}

/// `Lesion(population: "hidden", region: Disc(center: (3, 3, 0), radius: 2), step: 100)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LesionWire {
    /// The population that is hit.
    pub population: String,
    /// Which of its neurons.
    pub region: RegionWire,
    /// What is destroyed of them.
    #[serde(default)]
    pub destroys: DestroysWire,
    /// The step.
    pub step: u64,
}

/// Which neurons a lesion hits.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum RegionWire {
    /// Those near a point.
    Disc(DiscWire),
    /// Those numbered from the first to before the second.
    Rows(u64, u64),
    /// Each with this probability.
    Fraction(f64),
}

/// `Disc(center: (3, 3, 0), radius: 2)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscWire {
    /// The point.
    pub center: (f64, f64, f64),
    /// The radius.
    pub radius: f64,
}

/// What a lesion destroys.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum DestroysWire {
    /// The neurons, with their synapses.
    #[default]
    Neurons,
    /// The synapses onto and from them.
    Synapses,
    /// The synapses onto them.
    Inputs,
    /// The synapses from them.
    Outputs,
}

fn zero() -> u64 {
    0
}

fn ten() -> u64 {
    10
}

fn tau_steps() -> u64 {
    100
}

fn rate() -> f64 {
    0.01
}

fn bound() -> f64 {
    8.0
}

fn tau() -> f64 {
    100.0
}

fn half() -> f64 {
    0.5
}

fn whole() -> f64 {
    1.0
}

fn first_weight() -> f64 {
    0.1
}

fn element_rate() -> f64 {
    0.05
}

fn budget() -> u64 {
    1000
}

fn candidates_per_step() -> u64 {
    10_000
}

fn proposals() -> Vec<CandidateWire> {
    vec![CandidateWire::Similar, CandidateWire::Intermediate, CandidateWire::Uniform]
}

fn weight_floor() -> f64 {
    0.05
}

fn energy_floor() -> f64 {
    1e-3
}

fn patience() -> u64 {
    20
}
