//! A car that is too weak to climb straight out of its valley (Moore 1990; `MountainCar-v0` and `MountainCarContinuous-v0` of
//! Gymnasium).
//!
//! ```text
//! v += u power - gravity cos 3p        |v| <= 0.07        p += v, within -1.2..=0.6; v = 0 against the left wall
//! ```
//!
//! u is -1, 0 or 1, or in the continuous form from -1 to 1. Every action costs 1, or in the continuous form 0.1 u^2, and the goal is
//! worth 100 there. Without an engine, v^2/2 + gravity sin(3p)/3 is conserved as the step becomes small.

use crate::kernels::doubles::Real;
use crate::random::Stream;
use crate::units::Seed;

use super::super::settings::Shape;
use super::super::task::{Brains, Score, Task, Test};
use super::plant::{Outcome, Plant, chosen};
use super::starts::{Game, Starts, columns};

/// A car in a valley.
#[derive(Clone, Debug, PartialEq)]
pub struct MountainCar {
    /// True if the engine takes any number from -1 to 1, and its square is what is paid for.
    pub is_continuous: bool,
    /// Speed that full power adds in a step.
    pub power: f64,
    /// Speed that gravity adds in a step, at most.
    pub gravity: f64,
    /// Largest speed.
    pub fastest: f64,
    /// Places of the walls.
    pub walls: [f64; 2],
    /// Place that ends the episode.
    pub goal: f64,
    /// Most actions of an episode.
    pub steps: u32,
    /// It begins at rest, uniformly between these places.
    pub begins: [f64; 2],
    /// Weight of the share of the needed energy that was reached, added to fitness but not to the return that solves it: without it, all
    /// that fail are the same.
    pub shaping: f64,
    /// Episodes.
    pub starts: Starts,
    /// Mean return that solves it.
    pub needed: f64,
}

impl MountainCar {
    /// `MountainCar-v0`: 200 actions, solved by a mean return of -110 over 100 episodes that were not judged.
    pub const fn discrete() -> Self {
        MountainCar {
            is_continuous: false,
            power: 0.001,
            gravity: 0.0025,
            fastest: 0.07,
            walls: [-1.2, 0.6],
            goal: 0.5,
            steps: 200,
            begins: [-0.6, -0.4],
            shaping: 1.0,
            starts: Starts { seed: Seed(1), judged: 10, tested: 100 },
            needed: -110.0,
        }
    }

    /// `MountainCarContinuous-v0`: 999 actions, solved by a mean return of 90.
    pub const fn continuous() -> Self {
        MountainCar { is_continuous: true, power: 0.0015, goal: 0.45, steps: 999, needed: 90.0, ..MountainCar::discrete() }
    }
}

impl Default for MountainCar {
    fn default() -> Self {
        MountainCar::discrete()
    }
}

/// The state is place, speed, and the largest energy v^2/2 + gravity sin(3p)/3 so far.
impl Plant<3, 2> for MountainCar {
    fn exchange(&self) -> Shape {
        Shape { n_inputs: 2, n_outputs: if self.is_continuous { 1 } else { 3 } }
    }

    /// The place from the bottom in units of the valley, and the speed in units of its bound.
    #[inline(always)]
    fn see<R: Real>(&self, s: &[R; 3]) -> [R; 2] {
        [(s[0] + R::splat(0.5)) / R::splat(0.6), s[1] / R::splat(self.fastest)]
    }

    /// The largest output chooses backwards, idle or forwards; an output within 0..=1 gives 2 u - 1.
    fn act(&self, outputs: &[f32]) -> f64 {
        if self.is_continuous {
            let u = f64::from(outputs[0]);
            2.0 * if u.is_nan() { 0.5 } else { u.clamp(0.0, 1.0) } - 1.0
        } else {
            chosen(outputs) as f64 - 1.0
        }
    }

    #[inline(always)]
    fn advance<R: Real>(&self, s: [R; 3], u: R) -> [R; 3] {
        let (_, slope) = (R::splat(3.0) * s[0]).sin_cos();
        let speed = (s[1] + (u * R::splat(self.power) - R::splat(self.gravity) * slope)).within(-self.fastest, self.fastest);
        let place = (s[0] + speed).within(self.walls[0], self.walls[1]);
        let zero = R::splat(0.0);
        let hits = R::both(R::splat(self.walls[0]).ge(place), zero.gt(speed));
        let speed = R::select(hits, zero, speed);
        let (height, _) = (R::splat(3.0) * place).sin_cos();
        let energy = R::splat(0.5) * speed * speed + R::splat(self.gravity / 3.0) * height;
        [place, speed, energy.max(s[2])]
    }

    #[inline(always)]
    fn goes_on<R: Real>(&self, s: &[R; 3]) -> R::Mask {
        R::splat(self.goal).gt(s[0])
    }

    #[inline(always)]
    fn reward<R: Real>(&self, s: &[R; 3], u: R) -> R {
        if self.is_continuous {
            let won = R::select(R::splat(self.goal).gt(s[0]), R::splat(0.0), R::splat(100.0));
            won - R::splat(0.1) * u * u
        } else {
            R::splat(-1.0)
        }
    }
}

impl Game<3, 2> for MountainCar {
    fn starts(&self) -> &Starts {
        &self.starts
    }

    fn start(&self, mut random: Stream) -> [f64; 3] {
        let [low, high] = self.begins;
        [low + (high - low) * random.uniform(), 0.0, -1.0]
    }

    fn steps(&self) -> u32 {
        self.steps
    }

    fn worth(&self, outcome: &Outcome<3>) -> f64 {
        outcome.reward
    }

    /// The share of the energy from the bottom to the goal that it reached, where it failed.
    fn shaped(&self, outcome: &Outcome<3>) -> f64 {
        let top = crate::math::sin(3.0 * self.goal);
        let share = (outcome.end[2] * 3.0 / self.gravity + 1.0) / (top + 1.0);
        self.shaping * if outcome.end[0] >= self.goal { 1.0 } else { share.clamp(0.0, 1.0) }
    }

    fn needed(&self) -> f64 {
        self.needed
    }
}

impl Task for MountainCar {
    fn name(&self) -> &str {
        if self.is_continuous { "mountain car, continuous" } else { "mountain car" }
    }

    fn shape(&self) -> Shape {
        self.exchange()
    }

    fn judge(&self, brains: &mut Brains, scores: &mut [Score]) {
        self.judge_all(brains, scores);
    }

    fn goal(&self) -> String {
        self.return_needed("return")
    }

    fn test(&self, champion: &Brains) -> Option<Test> {
        self.test_one(champion)
    }

    fn columns(&self) -> Vec<String> {
        columns(&["place", "speed", "energy"])
    }

    fn replay(&self, champion: &Brains, episode: u32, row: &mut dyn FnMut(&[f64])) {
        self.replay_one(champion, episode, row);
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes_tests::check_lanes;
    use super::*;
    use crate::math;

    #[test]
    fn lanes_play_by_the_law() {
        for task in [MountainCar::discrete(), MountainCar::continuous()] {
            let task = MountainCar { goal: -0.45, ..task };
            let starts: Vec<[f64; 3]> = (0..37).map(|k| task.start(task.starts.judged_by(k))).collect();
            check_lanes(&task, &starts, 100);
        }
    }

    #[test]
    fn a_step_is_that_of_the_equations() {
        let task = MountainCar::discrete();
        let s = task.advance([-0.5, 0.0, -1.0], 1.0);
        let speed = 0.001 - 0.0025 * math::cos(-1.5);
        assert!((s[1] - speed).abs() < 1e-17 && (s[0] + 0.5 - speed).abs() < 1e-15, "{s:?}");
        assert_eq!(task.advance([-1.19, -0.07, -1.0], -1.0)[..2], [-1.2, 0.0]);
        assert_eq!(task.advance([-0.8, 0.0699, -1.0], 1.0)[1], 0.07);
    }

    #[test]
    fn an_idle_car_conserves_energy_up_to_the_step() {
        let drift = |scale: f64| {
            let task = MountainCar { gravity: 0.0025 * scale * scale, fastest: 1.0, ..MountainCar::discrete() };
            let energy = |s: &[f64; 3]| (0.5 * s[1] * s[1] + task.gravity * math::sin(3.0 * s[0]) / 3.0) / (scale * scale);
            let mut s = [-0.8, 0.0, -1.0];
            let first = energy(&s);
            let mut worst: f64 = 0.0;
            for _ in 0..(100.0 / scale) as usize {
                s = task.advance(s, 0.0);
                worst = worst.max((energy(&s) - first).abs());
            }
            worst
        };
        // Of first order in the step: a tenth of the step, a tenth of the error.
        let ratio = drift(1.0) / drift(0.1);
        assert!((8.0..12.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn rocking_with_the_speed_solves_it() {
        for (task, need) in [(MountainCar::discrete(), 200), (MountainCar::continuous(), 999)] {
            let mut s = task.start(task.starts.judged_by(0));
            let mut actions = 0;
            while task.goes_on(&s) && actions < need {
                s = task.advance(s, if s[1] >= 0.0 { 1.0 } else { -1.0 });
                actions += 1;
            }
            assert!(actions < 130, "{actions} actions");
        }
    }

    #[test]
    fn returns_are_those_of_gymnasium() {
        let (discrete, continuous) = (MountainCar::discrete(), MountainCar::continuous());
        assert_eq!(discrete.reward(&[0.5, 0.0, 0.0], 1.0), -1.0);
        assert_eq!(continuous.reward(&[0.44, 0.0, 0.0], -1.0), -0.1);
        assert_eq!(continuous.reward(&[0.45, 0.0, 0.0], 0.5), 100.0 - 0.025);
    }
}
