//! Two links that hang from a joint, to be swung up by a motor between them (Sutton 1996; `Acrobot-v1` of Gymnasium).
//!
//! ```text
//! d1 = m1 c1^2 + m2 (l1^2 + c2^2 + 2 l1 c2 cos t2) + I1 + I2         d2 = m2 (c2^2 + l1 c2 cos t2) + I2
//! p2 = m2 c2 g sin(t1 + t2)
//! p1 = -m2 l1 c2 sin t2 (w2^2 + 2 w1 w2) + (m1 c1 + m2 l1) g sin t1 + p2
//! w2' = (u + d2/d1 p1 - m2 l1 c2 w1^2 sin t2 - p2) / (m2 c2^2 + I2 - d2^2/d1)         w1' = -(d2 w2' + p1) / d1
//! ```
//!
//! Angles are from hanging, t2 is relative to the first link; c are distances of centres of mass. One step of the classical
//! Runge-Kutta method an action; then angles are brought to +-pi, and speeds to their bounds.

use std::f64::consts::PI;

use crate::kernels::doubles::Real;
use crate::math::WHOLE;
use crate::random::Stream;
use crate::units::Seed;

use super::super::settings::Shape;
use super::super::task::{Brains, Score, Task, Test};
use super::plant::{Outcome, Plant, Rates, chosen, runge_kutta};
use super::starts::{Game, Starts, around_zero, columns};

/// Two links, to be swung above the joint by their own length.
#[derive(Clone, Debug, PartialEq)]
pub struct Acrobot {
    /// Gravity, in m/s^2.
    pub gravity: f64,
    /// Masses of the links, in kg.
    pub masses: [f64; 2],
    /// Lengths of the links, in m.
    pub lengths: [f64; 2],
    /// Distances of their centres of mass, in m.
    pub centres: [f64; 2],
    /// Moments of inertia of the links.
    pub inertia: [f64; 2],
    /// Torque of an action, in N m.
    pub torque: f64,
    /// Largest angular speeds.
    pub fastest: [f64; 2],
    /// Step of integration, in s; one of them to an action.
    pub step: f64,
    /// Height above the joint that ends the episode, in m.
    pub goal: f64,
    /// Most actions of an episode.
    pub steps: u32,
    /// All four numbers of a start are uniform within +- this.
    pub spread: f64,
    /// Episodes.
    pub starts: Starts,
    /// Mean return that solves it; every action but the last one of an episode that ends is worth -1.
    pub needed: f64,
}

impl Default for Acrobot {
    fn default() -> Self {
        Acrobot {
            gravity: 9.8,
            masses: [1.0; 2],
            lengths: [1.0; 2],
            centres: [0.5; 2],
            inertia: [1.0; 2],
            torque: 1.0,
            fastest: [4.0 * PI, 9.0 * PI],
            step: 0.2,
            goal: 1.0,
            steps: 500,
            spread: 0.1,
            starts: Starts { seed: Seed(1), judged: 5, tested: 100 },
            needed: -100.0,
        }
    }
}

impl Acrobot {
    /// The height of the end of the second link above the joint, in lengths of 1 m.
    #[inline(always)]
    fn height<R: Real>(&self, s: &[R; 4]) -> R {
        let (_, first) = s[0].sin_cos();
        let (_, second) = (s[0] + s[1]).sin_cos();
        -(R::splat(self.lengths[0]) * first) - R::splat(self.lengths[1]) * second
    }
}

impl Rates<4> for Acrobot {
    #[inline(always)]
    fn rates<R: Real>(&self, s: &[R; 4], torque: R) -> [R; 4] {
        let ([m1, m2], [i1, i2]) = (self.masses, self.inertia);
        let (l1, [c1, c2]) = (self.lengths[0], self.centres);
        let (sin1, _) = s[0].sin_cos();
        let (sin2, cos2) = s[1].sin_cos();
        let (sin12, _) = (s[0] + s[1]).sin_cos();
        let (two, gravity) = (R::splat(2.0), R::splat(self.gravity));
        let arm = R::splat(m2 * l1 * c2);
        let d1 = R::splat(m1 * c1 * c1 + m2 * (l1 * l1 + c2 * c2) + i1 + i2) + two * arm * cos2;
        let d2 = R::splat(m2 * c2 * c2 + i2) + arm * cos2;
        let p2 = R::splat(m2 * c2) * gravity * sin12;
        let p1 = R::splat(m1 * c1 + m2 * l1) * gravity * sin1 + p2 - arm * sin2 * (s[3] * s[3] + two * s[2] * s[3]);
        let share = d2 / d1;
        let second = (torque + share * p1 - arm * s[2] * s[2] * sin2 - p2) / (R::splat(m2 * c2 * c2 + i2) - share * d2);
        let first = -((d2 * second + p1) / d1);
        [s[2], s[3], first, second]
    }
}

/// The same angle within +-pi.
#[inline(always)]
fn wrapped<R: Real>(angle: R) -> R {
    let whole = R::splat(WHOLE);
    let turns = angle * R::splat(0.5 / PI) + whole - whole;
    angle - turns * R::splat(2.0 * PI)
}

impl Plant<4, 6> for Acrobot {
    fn exchange(&self) -> Shape {
        Shape { n_inputs: 6, n_outputs: 3 }
    }

    /// Cosine and sine of both angles, and the speeds.
    #[inline(always)]
    fn see<R: Real>(&self, s: &[R; 4]) -> [R; 6] {
        let (sin1, cos1) = s[0].sin_cos();
        let (sin2, cos2) = s[1].sin_cos();
        [cos1, sin1, cos2, sin2, s[2], s[3]]
    }

    /// The largest output chooses torque -1, 0 or 1.
    fn act(&self, outputs: &[f32]) -> f64 {
        self.torque * (chosen(outputs) as f64 - 1.0)
    }

    #[inline(always)]
    fn advance<R: Real>(&self, state: [R; 4], torque: R) -> [R; 4] {
        let s = runge_kutta(self, state, torque, self.step);
        let [first, second] = self.fastest;
        [wrapped(s[0]), wrapped(s[1]), s[2].within(-first, first), s[3].within(-second, second)]
    }

    #[inline(always)]
    fn goes_on<R: Real>(&self, s: &[R; 4]) -> R::Mask {
        R::splat(self.goal).ge(self.height(s))
    }

    #[inline(always)]
    fn reward<R: Real>(&self, s: &[R; 4], _: R) -> R {
        R::select(R::splat(self.goal).ge(self.height(s)), R::splat(-1.0), R::splat(0.0))
    }
}

impl Game<4, 6> for Acrobot {
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

impl Task for Acrobot {
    fn name(&self) -> &str {
        "acrobot"
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
        columns(&["angle_1", "angle_2", "angle_speed_1", "angle_speed_2"])
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
        let task = Acrobot { goal: -1.5, ..Acrobot::default() };
        let starts: Vec<[f64; 4]> = (0..37).map(|k| task.start(task.starts.judged_by(k))).collect();
        check_lanes(&task, &starts, 100);
    }

    #[test]
    fn without_torque_energy_is_conserved() {
        let task = Acrobot::default();
        let energy = |s: &[f64; 4], inertia: f64| {
            let (both, w) = (s[0] + s[1], s[2] + s[3]);
            // Links of length 1 with their mass in the middle; the second hangs from the end of the first.
            let first = 0.5 * (0.25 + inertia) * s[2] * s[2];
            let second = 0.5 * (s[2] * s[2] + 0.25 * w * w + s[2] * w * math::cos(s[1]) + inertia * w * w);
            first + second - task.gravity * (1.5 * math::cos(s[0]) + 0.5 * math::cos(both))
        };
        let drift = |inertia: f64| {
            let mut s = [0.5, 1.0, -0.3, 0.8];
            let first = energy(&s, inertia);
            for _ in 0..2000 {
                s = runge_kutta(&task, s, 0.0, 1e-3);
            }
            (energy(&s, inertia) - first).abs()
        };
        assert!(drift(1.0) < 1e-9, "{}", drift(1.0));
        // A wrong twin: moments of inertia of thin rods.
        assert!(drift(1.0 / 12.0) > 1e-3);
    }

    #[test]
    fn it_hangs_at_rest_and_ends_above_the_goal() {
        let task = Acrobot::default();
        assert_eq!(task.advance([0.0; 4], 0.0), [0.0; 4]);
        assert!(task.advance([0.0; 4], 1.0)[3] > 0.0);
        for (state, goes_on, reward) in [([0.0; 4], true, -1.0), ([PI, 0.0, 0.0, 0.0], false, 0.0), ([2.0, 0.1, 0.0, 0.0], true, -1.0)] {
            assert_eq!((task.goes_on(&state), task.reward(&state, 0.0)), (goes_on, reward), "{state:?}");
        }
    }

    #[test]
    fn angles_are_wrapped_and_speeds_bounded() {
        for (angle, expected) in
            [(3.0, 3.0), (4.0, 4.0 - 2.0 * PI), (-4.0, 2.0 * PI - 4.0), (10.0, 10.0 - 4.0 * PI), (-70.0, 22.0 * PI - 70.0)]
        {
            assert!((wrapped(angle) - expected).abs() < 1e-13, "{angle}");
        }
        let s = Acrobot::default().advance([0.0, 0.0, 12.0, 100.0], 0.0);
        assert!(s[2].abs() <= 4.0 * PI && s[3].abs() <= 9.0 * PI && s[0].abs() <= PI && s[1].abs() <= PI, "{s:?}");
    }
}
