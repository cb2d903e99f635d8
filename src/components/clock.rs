//! Where a run stands: its step and the seed of its random streams.

use bevy_ecs::resource::Resource;

use crate::units::Seed;

/// The number of finished steps, which is also the index of the step that is running.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepCount(pub u64);

/// The seed of the run, the first part of every stream key (see [`crate::random`]).
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSeed(pub Seed);

/// The steps at which a system runs: `from`, and every `every`-th after it, before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// First step, counted from 0.
    pub from: u64,
    /// Step before which the last one lies; `u64::MAX` for no end.
    pub until: u64,
    /// Steps from one to the next, 1 or more.
    pub every: u64,
}

impl Window {
    /// Every step.
    pub const ALWAYS: Window = Window { from: 0, until: u64::MAX, every: 1 };

    /// True if the system runs at `step`.
    pub const fn contains(self, step: u64) -> bool {
        step >= self.from && step < self.until && (step - self.from).is_multiple_of(self.every)
    }

    /// Number of steps before `step` at which it runs.
    pub const fn n_before(self, step: u64) -> u64 {
        let end = if step < self.until { step } else { self.until };
        end.saturating_sub(self.from).div_ceil(self.every)
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::ALWAYS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_the_steps_that_it_contains() {
        for window in [Window::ALWAYS, Window { from: 3, until: 20, every: 4 }, Window { from: 5, until: 5, every: 1 }] {
            let mut n = 0;
            for step in 0..40 {
                assert_eq!(window.n_before(step), n, "{window:?} before {step}");
                n += u64::from(window.contains(step));
            }
        }
    }
}
