//! The learning rate over the course of training, in updates.

use crate::math;

use super::{SettingError, demand};

/// How the factor of the learning rate falls, t counting updates from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Schedule {
    /// 1.
    #[default]
    Constant,
    /// From 1 to `to`, straight, over `updates`; then `to`.
    Linear {
        /// The last factor, in 0..=1.
        to: f64,
        /// Updates until it is reached, 1 or more.
        updates: u64,
    },
    /// From 1 to `to` along half a cosine over `updates` (Loshchilov, Hutter 2017); then `to`.
    Cosine {
        /// The last factor, in 0..=1.
        to: f64,
        /// Updates until it is reached, 1 or more.
        updates: u64,
    },
    /// `factor` to the power of the whole number of `every` updates.
    Step {
        /// Updates of one stair, 1 or more.
        every: u64,
        /// The factor from stair to stair, in 0..=1.
        factor: f64,
    },
    /// `factor` to the power of t.
    Exponential {
        /// The factor from update to update, in 0..=1.
        factor: f64,
    },
}

/// A learning rate over the course of training: rate * warm-up * schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// The learning rate, above 0.
    pub rate: f64,
    /// How it falls, once it is warm.
    pub schedule: Schedule,
    /// Updates over which the rate rises, update t (from 0) having the share (t + 1) / warm_up; 0 for none.
    pub warm_up: u64,
}

impl Course {
    /// The same rate throughout.
    pub const fn constant(rate: f64) -> Self {
        Course { rate, schedule: Schedule::Constant, warm_up: 0 }
    }

    /// The learning rate of update `t`, counted from 0.
    pub fn at(&self, t: u64) -> f64 {
        if t < self.warm_up {
            return self.rate * (t + 1) as f64 / self.warm_up as f64;
        }
        let t = t - self.warm_up;
        let share = |updates: u64| t.min(updates) as f64 / updates.max(1) as f64;
        self.rate
            * match self.schedule {
                Schedule::Constant => 1.0,
                Schedule::Linear { to, updates } => 1.0 + (to - 1.0) * share(updates),
                Schedule::Cosine { to, updates } => to + (1.0 - to) * 0.5 * (1.0 + math::cos(std::f64::consts::PI * share(updates))),
                Schedule::Step { every, factor } => math::pow(factor, (t / every.max(1)) as f64),
                Schedule::Exponential { factor } => math::pow(factor, t as f64),
            }
    }

    /// Appends what is wrong with the settings.
    pub fn validate(&self, errors: &mut Vec<SettingError>) {
        demand(errors, "rate", self.rate, self.rate > 0.0 && self.rate.is_finite(), "finite and above 0");
        let (factor, updates) = match self.schedule {
            Schedule::Constant => (1.0, 1),
            Schedule::Linear { to, updates } | Schedule::Cosine { to, updates } => (to, updates),
            Schedule::Step { every, factor } => (factor, every),
            Schedule::Exponential { factor } => (factor, 1),
        };
        demand(errors, "schedule factor", factor, (0.0..=1.0).contains(&factor), "in 0..=1");
        demand(errors, "schedule updates", updates as f64, updates > 0, "1 or more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_their_course() {
        let check = |schedule, warm_up, expected: [f64; 5]| {
            let course = Course { rate: 2.0, schedule, warm_up };
            for (t, expected) in [0, 1, 2, 4, 9].into_iter().zip(expected) {
                assert!((course.at(t) - expected).abs() < 1e-12, "{course:?} at {t}: {} against {expected}", course.at(t));
            }
        };
        check(Schedule::Constant, 0, [2.0; 5]);
        check(Schedule::Constant, 4, [0.5, 1.0, 1.5, 2.0, 2.0]);
        check(Schedule::Linear { to: 0.0, updates: 4 }, 0, [2.0, 1.5, 1.0, 0.0, 0.0]);
        check(Schedule::Linear { to: 0.5, updates: 4 }, 2, [1.0, 2.0, 2.0, 1.5, 1.0]);
        check(Schedule::Cosine { to: 0.0, updates: 4 }, 0, [2.0, 1.0 + 0.5_f64.sqrt(), 1.0, 0.0, 0.0]);
        check(Schedule::Step { every: 2, factor: 0.5 }, 0, [2.0, 2.0, 1.0, 0.5, 0.125]);
        check(Schedule::Exponential { factor: 0.5 }, 0, [2.0, 1.0, 0.5, 0.125, 2.0 / 512.0]);
    }

    #[test]
    fn a_course_without_sense_is_refused() {
        let mut errors = Vec::new();
        Course { rate: -1.0, schedule: Schedule::Step { every: 0, factor: 2.0 }, warm_up: 0 }.validate(&mut errors);
        assert_eq!(errors.len(), 3, "{errors:?}");
        errors.clear();
        Course::constant(1e-3).validate(&mut errors);
        assert_eq!(errors, []);
    }
}
