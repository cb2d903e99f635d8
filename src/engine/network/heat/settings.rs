//! What a user chooses for learning by heat: plain data with documented ranges, checked before a run.

use crate::engine::methods::SettingsError;
use crate::engine::methods::schedule::TemperatureRange;
use crate::math;

/// How weights and biases move.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum HeatMethod {
    /// Random-walk Metropolis, one weight or bias at a time: exact at any temperature, for any unit.
    #[default]
    Metropolis,
    /// Proposals along the gradient with an accept test (MALA), all weights and biases at once: exact, for units with slopes.
    Mala {
        /// Length eta of the drift; the noise has variance 2 eta T.
        rate: f64,
    },
    /// Stochastic gradient Langevin dynamics: MALA without the test, on minibatches. Driven: exact only as `rate` goes to 0.
    Sgld {
        /// Length eta of the drift; the noise has variance 2 eta T.
        rate: f64,
        /// Samples of a minibatch, 1 or more.
        batch: u32,
    },
}

/// How the temperature goes through the window of steps.
#[derive(Clone, Debug, PartialEq)]
pub enum HeatSchedule {
    /// The same in all steps; 0 accepts what does not cost (descent).
    Constant(f64),
    /// Equal differences from hot to cold.
    Linear(TemperatureRange),
    /// Equal ratios from hot to cold.
    Geometric(TemperatureRange),
    /// Temperatures at equal distances in the window, linear between them.
    Custom(Vec<f64>),
}

impl HeatSchedule {
    /// The temperature after the share `x` in 0..=1 of the window.
    pub fn temperature(&self, x: f64) -> f64 {
        let x = x.clamp(0.0, 1.0);
        match self {
            HeatSchedule::Constant(t) => *t,
            HeatSchedule::Linear(range) => range.hot + x * (range.cold - range.hot),
            HeatSchedule::Geometric(range) => range.hot * math::exp(x * math::ln(range.cold / range.hot)),
            HeatSchedule::Custom(table) if table.len() == 1 => table[0],
            HeatSchedule::Custom(table) => {
                let at = x * (table.len() - 1) as f64;
                let k = (at as usize).min(table.len() - 2);
                table[k] + (at - k as f64) * (table[k + 1] - table[k])
            }
        }
    }
}

/// The order in which single weights and biases are proposed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VisitOrder {
    /// One after another: leaves the distribution as it is, without detailed balance; the default, since rows stay in the cache.
    #[default]
    Sweep,
    /// Each time one at random: detailed balance.
    Random,
}

/// Which samples a proposal is judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeatBatch {
    /// All: exact.
    #[default]
    Full,
    /// A fresh minibatch of this many, by the corrected Barker test (Seita, Pan, Chen, Canny 2017); it is doubled until its noise is small enough, up to all samples.
    Barker(u32),
}

/// How the sizes of proposals come about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptation {
    /// Standard deviation of the first proposals that a weight or bias ever has, above 0; later windows go on from the sizes that
    /// earlier ones left.
    pub first_size: f32,
    /// Largest standard deviation that adaptation may reach, at least `first_size`.
    pub largest_size: f32,
    /// Share of accepted proposals that the size of each weight and bias adapts to, in 0..1; .44 is best for one dimension at rest
    /// (Roberts, Gelman, Gilks 1997), .35 was best for annealing.
    pub acceptance: f64,
    /// Share of the window in which sizes adapt, 0..=1; afterwards they are frozen. While they adapt the walk is driven: what is
    /// to be sampled comes after. An annealing may adapt throughout.
    pub share: f64,
}

impl Default for Adaptation {
    fn default() -> Self {
        Adaptation { first_size: 0.3, largest_size: 2.0, acceptance: 0.35, share: 1.0 }
    }
}

/// Learning by heat: U = sum over samples of the loss + lambda/2 times the sum of w^2, sampled at a falling temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatSettings {
    /// How weights and biases move.
    pub method: HeatMethod,
    /// How the temperature goes through the window, in units of the summed loss.
    pub schedule: HeatSchedule,
    /// Strength of the prior lambda/2 w^2, 0 or more; it matters more than the schedule.
    pub lambda: f64,
    /// True if the prior also holds the biases.
    pub prior_on_biases: bool,
    /// Weights and biases stay within +-bound, above 0; proposals beyond are reflected, which keeps detailed balance. What lies
    /// beyond when the method acts, such as what another rule left there, is set to the bound first.
    pub bound: f32,
    /// Standard deviation of the Gaussian weights that the window begins with (biases 0); `None` goes on from the weights there are.
    pub initial_sd: Option<f32>,
    /// Proposals of one step, 1 or more: single weights and biases, or of `Mala` and `Sgld` all of them.
    pub proposals_per_step: u32,
    /// First step of the window.
    pub from: u64,
    /// Steps of the window in which it acts, 1 or more.
    pub n_steps: u64,
    /// Acts in every so many steps of the window, 1 or more, so that other rules can alternate with it.
    pub every: u64,
    /// The order of single proposals.
    pub order: VisitOrder,
    /// Which samples a proposal is judged by.
    pub batch: HeatBatch,
    /// How the sizes of single proposals come about.
    pub adaptation: Adaptation,
}

impl Default for HeatSettings {
    /// What annealed the digits of `assets/` with 64-32-10 units to a test accuracy of .96 and more.
    fn default() -> Self {
        HeatSettings {
            method: HeatMethod::Metropolis,
            schedule: HeatSchedule::Geometric(TemperatureRange { hot: 4.0, cold: 0.1 }),
            lambda: 1.0,
            prior_on_biases: true,
            bound: 8.0,
            initial_sd: Some(0.3),
            proposals_per_step: 4000,
            from: 0,
            n_steps: 500,
            every: 1,
            order: VisitOrder::Sweep,
            batch: HeatBatch::Full,
            adaptation: Adaptation::default(),
        }
    }
}

impl HeatSettings {
    /// Checks all ranges.
    ///
    /// # Errors
    /// Names the first setting out of its range, its value, and the way out.
    pub fn validate(&self) -> Result<(), SettingsError> {
        require(self.lambda >= 0.0 && self.lambda.is_finite(), "lambda", self.lambda, "it must be 0 or more, such as 1")?;
        require(self.bound > 0.0 && self.bound.is_finite(), "bound", self.bound, "it must be above 0, such as 8")?;
        if let Some(sd) = self.initial_sd {
            require(sd >= 0.0 && sd <= self.bound, "initial_sd", sd, "it must lie between 0 and the bound")?;
        }
        require(self.proposals_per_step > 0, "proposals_per_step", self.proposals_per_step, "it must be 1 or more")?;
        require(self.n_steps > 0, "n_steps", self.n_steps, "the window must have 1 step or more")?;
        require(self.every > 0, "every", self.every, "it must be 1 or more; 1 acts in each step")?;
        match &self.schedule {
            HeatSchedule::Constant(t) => is_temperature(*t)?,
            HeatSchedule::Linear(range) | HeatSchedule::Geometric(range) => range.validate()?,
            HeatSchedule::Custom(table) => {
                require(!table.is_empty(), "schedule", "an empty table", "give one temperature or more")?;
                table.iter().try_for_each(|&t| is_temperature(t))?;
            }
        }
        let a = self.adaptation;
        require(a.first_size > 0.0 && a.first_size.is_finite(), "first_size", a.first_size, "it must be above 0, such as 0.3")?;
        require(
            a.largest_size >= a.first_size && a.largest_size.is_finite(),
            "largest_size",
            a.largest_size,
            "it must be at least first_size",
        )?;
        require(a.acceptance > 0.0 && a.acceptance < 1.0, "acceptance", a.acceptance, "it must lie between 0 and 1, such as 0.35")?;
        require((0.0..=1.0).contains(&a.share), "share", a.share, "it must lie in 0..=1")?;
        match self.method {
            HeatMethod::Metropolis => {}
            HeatMethod::Mala { rate } | HeatMethod::Sgld { rate, .. } => {
                require(rate > 0.0 && rate.is_finite(), "rate", rate, "it must be above 0, such as 1e-4")?;
                require(
                    self.batch == HeatBatch::Full,
                    "batch",
                    "Barker",
                    "the Barker test judges single proposals: use Metropolis, or Full",
                )?;
            }
        }
        if let HeatMethod::Sgld { batch, .. } = self.method {
            require(batch > 0, "batch", batch, "a minibatch has 1 sample or more")?;
        }
        if let HeatBatch::Barker(size) = self.batch {
            require(size >= 2, "batch", size, "a minibatch needs 2 samples or more to know its noise")?;
        }
        Ok(())
    }

    /// True if the method acts in step `step`.
    pub fn acts_at(&self, step: u64) -> bool {
        step >= self.from && step - self.from < self.n_steps && (step - self.from).is_multiple_of(self.every)
    }

    /// The share of the window that has passed at `step`: 0 in the first step in which it acts, 1 in the last; 0 if that is the same.
    pub fn elapsed(&self, step: u64) -> f64 {
        let last = (self.n_steps - 1) / self.every * self.every;
        step.saturating_sub(self.from) as f64 / last.max(1) as f64
    }

    /// The temperature of step `step`.
    pub fn temperature_at(&self, step: u64) -> f64 {
        self.schedule.temperature(self.elapsed(step))
    }

    /// True if the sizes of proposals adapt in step `step`.
    pub fn adapts_at(&self, step: u64) -> bool {
        self.adaptation.share >= 1.0 || self.elapsed(step) < self.adaptation.share
    }
}

fn is_temperature(t: f64) -> Result<(), SettingsError> {
    require(t >= 0.0 && t.is_finite(), "schedule", t, "a temperature is 0 or more; 0 descends")
}

fn require(holds: bool, field: &'static str, value: impl ToString, way_out: &'static str) -> Result<(), SettingsError> {
    if holds { Ok(()) } else { Err(SettingsError::OutOfRange { field, value: value.to_string(), way_out }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: TemperatureRange = TemperatureRange { hot: 4.0, cold: 0.25 };

    #[test]
    fn windows_begin_hot_and_end_cold() {
        for schedule in [HeatSchedule::Linear(RANGE), HeatSchedule::Geometric(RANGE), HeatSchedule::Custom(vec![4.0, 3.0, 0.25])] {
            let settings = HeatSettings { schedule, from: 10, n_steps: 42, every: 2, ..HeatSettings::default() };
            assert_eq!(settings.validate(), Ok(()));
            assert!((settings.temperature_at(10) - 4.0).abs() < 1e-12 && (settings.temperature_at(50) - 0.25).abs() < 1e-12);
            let once = HeatSettings { n_steps: 1, ..settings.clone() };
            assert_eq!(once.temperature_at(10), 4.0);
            let acts: Vec<u64> = (0..60).filter(|&s| settings.acts_at(s)).collect();
            assert_eq!((acts[0], acts[1], acts.len()), (10, 12, 21));
        }
    }

    #[test]
    fn every_setting_out_of_range_is_named() {
        let base = HeatSettings::default;
        let cases = [
            (HeatSettings { lambda: -1.0, ..base() }, "lambda"),
            (HeatSettings { bound: 0.0, ..base() }, "bound"),
            (HeatSettings { initial_sd: Some(9.0), ..base() }, "initial_sd"),
            (HeatSettings { proposals_per_step: 0, ..base() }, "proposals_per_step"),
            (HeatSettings { n_steps: 0, ..base() }, "n_steps"),
            (HeatSettings { every: 0, ..base() }, "every"),
            (HeatSettings { schedule: HeatSchedule::Constant(-1.0), ..base() }, "schedule"),
            (HeatSettings { schedule: HeatSchedule::Custom(Vec::new()), ..base() }, "schedule"),
            (HeatSettings { schedule: HeatSchedule::Linear(TemperatureRange { hot: 1.0, cold: 2.0 }), ..base() }, "range"),
            (HeatSettings { adaptation: Adaptation { share: 2.0, ..Adaptation::default() }, ..base() }, "share"),
            (HeatSettings { method: HeatMethod::Mala { rate: 0.0 }, ..base() }, "rate"),
            (HeatSettings { batch: HeatBatch::Barker(1), ..base() }, "batch"),
        ];
        for (settings, field) in cases {
            assert!(settings.validate().unwrap_err().to_string().starts_with(field), "{field}");
        }
        assert_eq!(base().validate(), Ok(()));
    }
}
