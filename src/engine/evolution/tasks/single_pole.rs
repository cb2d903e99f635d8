//! One pole on a cart, pushed one way or the other (Barto, Sutton, Anderson 1983; `CartPole-v1` of Gymnasium).
//!
//! ```text
//! temp = (F + m l w^2 sin th) / M      thdd = (g sin th - cos th temp) / (l (4/3 - m cos^2 th / M))      xdd = temp - m l thdd cos th / M
//! ```
//!
//! M is the mass of both, l the half length; a step of Euler's method an action. Without a
//! push, its rates conserve energy.

use crate::kernels::doubles::Real;
use crate::random::Stream;
use crate::units::Seed;

use super::super::settings::Shape;
use super::super::task::{Brains, Score, Task, Test};
use super::plant::{Outcome, Plant, Rates, euler};
use super::starts::{Game, Starts, around_zero, columns};

/// One pole to be balanced by pushes of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct SinglePole {
    /// What it is called.
    pub name: &'static str,
    /// Gravity, in m/s^2.
    pub gravity: f64,
    /// Mass of the cart, in kg.
    pub cart: f64,
    /// Mass of the pole, in kg.
    pub pole: f64,
    /// Half of its length, in m.
    pub half_length: f64,
    /// Size of a push, in newton.
    pub force: f64,
    /// Step of integration, in s; one of them to an action.
    pub step: f64,
    /// Half of the track, in m.
    pub track: f64,
    /// Angle at which the pole has fallen, in radians: 12 degrees.
    pub fallen: f64,
    /// Most actions of an episode.
    pub steps: u32,
    /// All four numbers of a start are uniform within +- this.
    pub spread: f64,
    /// What x, x', th, w are divided by before they are seen.
    pub scale: [f64; 4],
    /// Episodes.
    pub starts: Starts,
    /// Mean number of actions that solves it, in the test if there is one.
    pub needed: f64,
}

impl SinglePole {
    /// `CartPole-v1`: up to 500 actions, solved by a mean of 475 over 100 episodes that were not judged.
    pub const fn cart_pole() -> Self {
        SinglePole {
            name: "cart pole",
            gravity: 9.8,
            cart: 1.0,
            pole: 0.1,
            half_length: 0.5,
            force: 10.0,
            step: 0.02,
            track: 2.4,
            fallen: 0.209_439_510_239_319_5,
            steps: 500,
            spread: 0.05,
            scale: [2.4, 2.0, 0.21, 2.0],
            starts: Starts { seed: Seed(1), judged: 5, tested: 100 },
            needed: 475.0,
        }
    }

    /// The pole of the older literature: one episode of up to 100,000 actions, all of which must be held.
    pub const fn classic() -> Self {
        SinglePole {
            name: "single pole",
            steps: 100_000,
            starts: Starts { seed: Seed(1), judged: 1, tested: 0 },
            needed: 100_000.0,
            ..SinglePole::cart_pole()
        }
    }
}

impl Default for SinglePole {
    fn default() -> Self {
        SinglePole::cart_pole()
    }
}

impl Rates<4> for SinglePole {
    #[inline(always)]
    fn rates<R: Real>(&self, s: &[R; 4], force: R) -> [R; 4] {
        let (sin, cos) = s[2].sin_cos();
        let mass = R::splat(self.cart + self.pole);
        let moment = R::splat(self.pole * self.half_length);
        let temp = (force + moment * s[3] * s[3] * sin) / mass;
        let inertia = R::splat(4.0 / 3.0) - R::splat(self.pole) * cos * cos / mass;
        let turn = (R::splat(self.gravity) * sin - cos * temp) / (R::splat(self.half_length) * inertia);
        [s[1], temp - moment * turn * cos / mass, s[3], turn]
    }
}

impl Plant<4, 4> for SinglePole {
    fn exchange(&self) -> Shape {
        Shape { n_inputs: 4, n_outputs: 1 }
    }

    #[inline(always)]
    fn see<R: Real>(&self, s: &[R; 4]) -> [R; 4] {
        let mut seen = *s;
        for i in 0..4 {
            seen[i] = s[i] / R::splat(self.scale[i]);
        }
        seen
    }

    /// To the right above 1/2, else to the left.
    fn act(&self, outputs: &[f32]) -> f64 {
        if outputs[0] > 0.5 { self.force } else { -self.force }
    }

    #[inline(always)]
    fn advance<R: Real>(&self, state: [R; 4], force: R) -> [R; 4] {
        euler(self, state, force, self.step)
    }

    #[inline(always)]
    fn goes_on<R: Real>(&self, s: &[R; 4]) -> R::Mask {
        R::both(R::splat(self.track).ge(s[0].abs()), R::splat(self.fallen).ge(s[2].abs()))
    }

    #[inline(always)]
    fn reward<R: Real>(&self, _: &[R; 4], _: R) -> R {
        R::splat(1.0)
    }
}

impl Game<4, 4> for SinglePole {
    fn starts(&self) -> &Starts {
        &self.starts
    }

    fn start(&self, mut random: Stream) -> [f64; 4] {
        [(); 4].map(|()| around_zero(&mut random, self.spread))
    }

    fn steps(&self) -> u32 {
        self.steps
    }

    fn worth(&self, outcome: &Outcome<4>) -> f64 {
        outcome.reward
    }

    fn needed(&self) -> f64 {
        self.needed
    }
}

impl Task for SinglePole {
    fn name(&self) -> &str {
        self.name
    }

    fn shape(&self) -> Shape {
        self.exchange()
    }

    fn judge(&self, brains: &mut Brains, scores: &mut [Score]) {
        self.judge_all(brains, scores);
    }

    fn goal(&self) -> String {
        self.return_needed("actions")
    }

    fn test(&self, champion: &Brains) -> Option<Test> {
        self.test_one(champion)
    }

    fn columns(&self) -> Vec<String> {
        columns(&["x", "x_speed", "angle", "angle_speed"])
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

    const TASK: SinglePole = SinglePole::cart_pole();

    #[test]
    fn lanes_play_by_the_law() {
        let starts: Vec<[f64; 4]> = (0..37).map(|k| TASK.start(TASK.starts.judged_by(k))).collect();
        check_lanes(&TASK, &starts, 100);
    }

    #[test]
    fn without_a_push_energy_is_conserved() {
        let energy = |s: &[f64; 4], length: f64| {
            let (m, l, cos) = (TASK.pole, length, math::cos(s[2]));
            let moving = s[1] * s[1] + 2.0 * s[1] * l * s[3] * cos + 4.0 / 3.0 * l * l * s[3] * s[3];
            0.5 * TASK.cart * s[1] * s[1] + 0.5 * m * moving + m * TASK.gravity * l * cos
        };
        let drift = |length: f64| {
            let mut s = [0.1, 0.3, 0.4, -0.5];
            let first = energy(&s, length);
            for _ in 0..1000 {
                s = super::super::plant::runge_kutta(&TASK, s, 0.0, 1e-3);
            }
            (energy(&s, length) - first).abs()
        };
        assert!(drift(TASK.half_length) < 1e-10, "{}", drift(TASK.half_length));
        // A wrong twin: the whole length taken for the half.
        assert!(drift(2.0 * TASK.half_length) > 1e-3);
    }

    #[test]
    fn a_step_is_that_of_euler_worked_by_hand() {
        // From rest, upright and pushed to the right: temp = 10 / 1.1, thdd = -temp / (0.5 (4/3 - 0.1 / 1.1)).
        let s = TASK.advance([0.0, 0.0, 0.0, 0.0], 10.0);
        let temp = 10.0 / 1.1;
        let turn = -temp / (0.5 * (4.0 / 3.0 - 0.1 / 1.1));
        assert_eq!((s[0], s[2]), (0.0, 0.0));
        assert!((s[1] - 0.02 * (temp - 0.05 * turn / 1.1)).abs() < 1e-15);
        assert!((s[3] - 0.02 * turn).abs() < 1e-15);
        // Speeds enter places one step later.
        let next = TASK.advance(s, 10.0);
        assert_eq!((next[0], next[2]), (0.02 * s[1], 0.02 * s[3]));
    }

    #[test]
    fn episodes_end_outside_the_track_and_at_12_degrees() {
        for (state, goes_on) in
            [([2.39, 0.0, 0.2, 0.0], true), ([2.41, 0.0, 0.0, 0.0], false), ([0.0, 0.0, -0.21, 0.0], false), ([f64::NAN; 4], false)]
        {
            assert_eq!(TASK.goes_on(&state), goes_on, "{state:?}");
        }
    }
}
