//! Systems of neurons that compute, and their settings.

use serde::Deserialize;

use super::one;

/// `Evaluate()`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateWire {}

/// `TrainGradient(rate: 0.003)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainGradientWire {
    /// Steps from one at which it runs to the next, counted from `from`.
    #[serde(default = "one")]
    pub every: u64,
    /// First step at which it runs.
    #[serde(default)]
    pub from: u64,
    /// Step from which on it no longer runs; to the end if left out.
    pub until: Option<u64>,
    /// How a gradient becomes a step.
    #[serde(default)]
    pub optimiser: OptimiserWire,
    /// Learning rate.
    #[serde(default = "rate")]
    pub rate: f64,
    /// How the rate falls.
    #[serde(default)]
    pub schedule: RateWire,
    /// Updates over which the rate rises from 0.
    #[serde(default)]
    pub warm_up: u64,
    /// Samples of an update.
    #[serde(default = "batch")]
    pub batch: u64,
    /// Updates in a step; an epoch, all samples once, if left out.
    pub updates_per_step: Option<u64>,
    /// Weight decay.
    #[serde(default)]
    pub decay: DecayWire,
    /// Gradient clipping.
    #[serde(default)]
    pub clip: ClipWire,
    /// Steps back through time that gradients go; all steps of a sample if left out.
    pub window: Option<u64>,
    /// True to train under the scene's hardware, false to meet it in the test only.
    #[serde(default = "yes")]
    pub noise_aware: bool,
    /// How gradients go through the converters of that hardware.
    #[serde(default)]
    pub straight_through: StraightThroughWire,
    /// Populations and projections that do not learn.
    #[serde(default)]
    pub frozen: Vec<String>,
}

/// How gradients go through converters.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum StraightThroughWire {
    /// As if they were not there, and not at all where one saturates.
    #[default]
    Clipped,
    /// As if they were not there.
    Plain,
}

fn yes() -> bool {
    true
}

fn rate() -> f64 {
    1e-3
}

fn batch() -> u64 {
    64
}

/// How a gradient becomes a step.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum OptimiserWire {
    /// Gradient descent.
    Sgd(SgdWire),
    /// Adam.
    Adam(AdamWire),
    /// Adam with decoupled weight decay.
    AdamW(AdamWire),
    /// Root mean square propagation.
    RmsProp(RmsPropWire),
    /// Adaptive gradient.
    AdaGrad(AdaGradWire),
}

impl Default for OptimiserWire {
    fn default() -> Self {
        OptimiserWire::Adam(AdamWire::default())
    }
}

/// `Sgd(momentum: 0.9)`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SgdWire {
    /// Share of the velocity that is kept.
    pub momentum: f64,
    /// Looks ahead.
    pub nesterov: bool,
}

/// `Adam(beta1: 0.9)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamWire {
    /// Share of the first moment that is kept.
    pub beta1: f64,
    /// Share of the second moment that is kept.
    pub beta2: f64,
    /// Keeps the quotient finite.
    pub epsilon: f64,
}

impl Default for AdamWire {
    fn default() -> Self {
        AdamWire { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

/// `RmsProp(alpha: 0.99)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RmsPropWire {
    /// Share of the mean square that is kept.
    pub alpha: f64,
    /// Keeps the quotient finite.
    pub epsilon: f64,
    /// Share of the velocity that is kept.
    pub momentum: f64,
}

impl Default for RmsPropWire {
    fn default() -> Self {
        RmsPropWire { alpha: 0.99, epsilon: 1e-8, momentum: 0.0 }
    }
}

/// `AdaGrad(rate_decay: 0)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdaGradWire {
    /// Keeps the quotient finite.
    pub epsilon: f64,
    /// The rate is divided by 1 + (updates - 1) rate_decay.
    pub rate_decay: f64,
}

impl Default for AdaGradWire {
    fn default() -> Self {
        AdaGradWire { epsilon: 1e-10, rate_decay: 0.0 }
    }
}

/// How the learning rate falls.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum RateWire {
    /// Not at all.
    #[default]
    Constant,
    /// Straight to this share of it, over all updates of the run.
    Linear(f64),
    /// Along half a cosine to this share of it, over all updates of the run.
    Cosine(f64),
    /// By a factor every so many updates.
    Step(StairsWire),
    /// By this factor every update.
    Exponential(f64),
}

/// `Step(every: 1000, factor: 0.5)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StairsWire {
    /// Updates of one stair.
    pub every: u64,
    /// The factor from stair to stair.
    pub factor: f64,
}

/// Weight decay.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum DecayWire {
    /// None.
    #[default]
    None,
    /// Added to the gradient.
    L2(f64),
    /// Beside the rule.
    Decoupled(f64),
}

/// Gradient clipping.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum ClipWire {
    /// None.
    #[default]
    None,
    /// The whole gradient, to this Euclidean norm.
    Norm(f64),
    /// Each component, to this size.
    Value(f64),
}

/// `AnnealWeights(schedule: Geometric(hot: 4, cold: 0.1))`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnnealWeightsWire {
    /// Runs at every so many steps of its window.
    pub every: u64,
    /// First step at which it runs.
    pub from: u64,
    /// Step from which on it no longer runs; to the end if left out.
    pub until: Option<u64>,
    /// How weights and biases move.
    pub method: HeatMethodWire,
    /// How the temperature goes through the window.
    pub schedule: HeatScheduleWire,
    /// Strength of the prior lambda/2 w^2.
    pub lambda: f64,
    /// True if the prior also holds the biases.
    pub prior_on_biases: bool,
    /// Weights and biases stay within +-bound.
    pub bound: f64,
    /// Proposals in a step.
    pub proposals_per_step: u64,
    /// The order of single proposals.
    pub order: VisitOrderWire,
    /// Which samples a proposal is judged by.
    pub batch: HeatBatchWire,
    /// Standard deviation of the first proposals.
    pub first_size: f64,
    /// Largest standard deviation of proposals.
    pub largest_size: f64,
    /// Share of accepted proposals that sizes adapt to.
    pub acceptance: f64,
    /// Share of the window in which sizes adapt.
    pub adapt_share: f64,
}

impl Default for AnnealWeightsWire {
    fn default() -> Self {
        AnnealWeightsWire {
            every: 1,
            from: 0,
            until: None,
            method: HeatMethodWire::Metropolis,
            schedule: HeatScheduleWire::Geometric(HeatRangeWire { hot: 4.0, cold: 0.1 }),
            lambda: 1.0,
            prior_on_biases: true,
            bound: 8.0,
            proposals_per_step: 4000,
            order: VisitOrderWire::Sweep,
            batch: HeatBatchWire::Full,
            first_size: 0.3,
            largest_size: 2.0,
            acceptance: 0.35,
            adapt_share: 1.0,
        }
    }
}

/// How weights and biases move.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum HeatMethodWire {
    /// One at a time, for any unit.
    #[default]
    Metropolis,
    /// All at once along the gradient, with an accept test.
    Mala(MalaWire),
    /// All at once along the gradient of a minibatch, without a test.
    Sgld(SgldWire),
}

/// `Mala(rate: 1e-4)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MalaWire {
    /// Length of the drift.
    pub rate: f64,
}

/// `Sgld(rate: 1e-5, batch: 64)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgldWire {
    /// Length of the drift.
    pub rate: f64,
    /// Samples of a minibatch.
    #[serde(default = "batch")]
    pub batch: u64,
}

/// How the temperature goes through the window, in units of the summed loss.
#[derive(Clone, Debug, Deserialize)]
pub enum HeatScheduleWire {
    /// The same throughout; 0 descends.
    Constant(f64),
    /// Equal differences.
    Linear(HeatRangeWire),
    /// Equal ratios.
    Geometric(HeatRangeWire),
    /// Temperatures at equal distances, linear between them.
    Custom(Vec<f64>),
}

/// `Geometric(hot: 4, cold: 0.1)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatRangeWire {
    /// Temperature of the first step.
    pub hot: f64,
    /// Temperature of the last step.
    pub cold: f64,
}

/// The order of single proposals.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum VisitOrderWire {
    /// One after another.
    #[default]
    Sweep,
    /// At random.
    Random,
}

/// Which samples a proposal is judged by.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum HeatBatchWire {
    /// All.
    #[default]
    Full,
    /// A minibatch of this many that grows as needed.
    Barker(u64),
}
