//! A pole that hangs from a cart, to be swung up and kept there (Gal, McAllister, Rasmussen 2016; Gaier, Ha 2019).
//!
//! ```text
//! xdd  = (-2 m l w^2 sin th + 3 m g sin th cos th + 4 F - 4 b x') / (4 M - 3 m cos^2 th)
//! thdd = (-3 m l w^2 sin th cos th + 6 M g sin th + 6 (F - b x') cos th) / (4 l M - 3 m l cos^2 th)
//! ```
//!
//! m is the mass of the pole, M that of both, l the whole length, F = 10 u with u in -1..=1, th is from the upright; a step of Euler's
//! method an action. In these equations the pole turns the other way round than in those of the other poles.

use crate::kernels::doubles::Real;
use crate::random::Stream;
use crate::units::Seed;

use super::super::settings::Shape;
use super::super::task::{Brains, Score, Task, Test};
use super::plant::{Outcome, Plant, Rates, euler};
use super::starts::{Game, Starts, columns};

/// A pole to be swung up.
#[derive(Clone, Debug, PartialEq)]
pub struct SwingUp {
    /// Gravity, in m/s^2.
    pub gravity: f64,
    /// Mass of the cart, in kg.
    pub cart: f64,
    /// Mass of the pole, in kg.
    pub pole: f64,
    /// Length of the pole, in m.
    pub length: f64,
    /// Force of the strongest action, in newton.
    pub force: f64,
    /// Friction of the cart, in newton a m/s.
    pub friction: f64,
    /// Step of integration, in s; one of them to an action.
    pub step: f64,
    /// Half of the track, in m; outside, the episode ends.
    pub track: f64,
    /// Most actions of an episode.
    pub steps: u32,
    /// Standard deviation of the four numbers of a start around hanging at rest.
    pub spread: f64,
    /// Episodes.
    pub starts: Starts,
    /// Mean return that solves it.
    pub needed: f64,
}

impl Default for SwingUp {
    fn default() -> Self {
        SwingUp {
            gravity: 9.82,
            cart: 0.5,
            pole: 0.5,
            length: 0.6,
            force: 10.0,
            friction: 0.1,
            step: 0.01,
            track: 2.4,
            steps: 1000,
            spread: 0.2,
            starts: Starts { seed: Seed(1), judged: 4, tested: 100 },
            needed: 700.0,
        }
    }
}

impl Rates<4> for SwingUp {
    #[inline(always)]
    fn rates<R: Real>(&self, s: &[R; 4], force: R) -> [R; 4] {
        let (sin, cos) = s[2].sin_cos();
        let (mass, pole, gravity) = (R::splat(self.cart + self.pole), R::splat(self.pole), R::splat(self.gravity));
        let (two, three, four, six) = (R::splat(2.0), R::splat(3.0), R::splat(4.0), R::splat(6.0));
        let swing = R::splat(self.pole * self.length) * s[3] * s[3] * sin;
        let push = force - R::splat(self.friction) * s[1];
        let free = four * mass - three * pole * cos * cos;
        let xdd = (three * pole * gravity * sin * cos - two * swing + four * push) / free;
        let turn = (six * mass * gravity * sin - three * swing * cos + six * push * cos) / (R::splat(self.length) * free);
        [s[1], xdd, s[3], turn]
    }
}

impl Plant<4, 5> for SwingUp {
    fn exchange(&self) -> Shape {
        Shape { n_inputs: 5, n_outputs: 1 }
    }

    /// x, x', cos th, sin th, w.
    #[inline(always)]
    fn see<R: Real>(&self, s: &[R; 4]) -> [R; 5] {
        let (sin, cos) = s[2].sin_cos();
        [s[0], s[1], cos, sin, s[3]]
    }

    /// An output within 0..=1 pushes with (2 u - 1) of the strongest force.
    fn act(&self, outputs: &[f32]) -> f64 {
        let u = f64::from(outputs[0]);
        self.force * (2.0 * if u.is_nan() { 0.5 } else { u.clamp(0.0, 1.0) } - 1.0)
    }

    #[inline(always)]
    fn advance<R: Real>(&self, state: [R; 4], force: R) -> [R; 4] {
        euler(self, state, force, self.step)
    }

    #[inline(always)]
    fn goes_on<R: Real>(&self, s: &[R; 4]) -> R::Mask {
        R::splat(self.track).ge(s[0].abs())
    }

    /// (cos th + 1) / 2 times cos(pi x / 2 track).
    #[inline(always)]
    fn reward<R: Real>(&self, s: &[R; 4], _: R) -> R {
        let (_, up) = s[2].sin_cos();
        let (_, centred) = (s[0] * R::splat(std::f64::consts::FRAC_PI_2 / self.track)).sin_cos();
        R::splat(0.5) * (up + R::splat(1.0)) * centred
    }
}

impl Game<4, 5> for SwingUp {
    fn starts(&self) -> &Starts {
        &self.starts
    }

    fn start(&self, mut random: Stream) -> [f64; 4] {
        [0.0, 0.0, std::f64::consts::PI, 0.0].map(|mean| mean + self.spread * random.gaussian())
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

impl Task for SwingUp {
    fn name(&self) -> &str {
        "swing-up"
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
        columns(&["x", "x_speed", "angle", "angle_speed"])
    }

    fn replay(&self, champion: &Brains, episode: u32, row: &mut dyn FnMut(&[f64])) {
        self.replay_one(champion, episode, row);
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes_tests::check_lanes;
    use super::super::plant::runge_kutta;
    use super::*;
    use crate::math;

    #[test]
    fn lanes_play_by_the_law() {
        let task = SwingUp { track: 0.3, ..SwingUp::default() };
        let starts: Vec<[f64; 4]> = (0..37).map(|k| task.start(task.starts.judged_by(k))).collect();
        check_lanes(&task, &starts, 100);
    }

    #[test]
    fn without_force_and_friction_energy_is_conserved() {
        let drift = |friction: f64, sign: f64| {
            let task = SwingUp { friction, ..SwingUp::default() };
            let energy = |s: &[f64; 4]| {
                let (m, l, cos) = (task.pole, task.length, math::cos(s[2]));
                let moving = s[1] * s[1] + sign * s[1] * l * s[3] * cos + l * l * s[3] * s[3] / 3.0;
                0.5 * task.cart * s[1] * s[1] + 0.5 * m * moving + 0.5 * m * task.gravity * l * cos
            };
            let mut s = [0.1, 0.3, 2.0, -0.5];
            let first = energy(&s);
            for _ in 0..2000 {
                s = runge_kutta(&task, s, 0.0, 1e-3);
            }
            (energy(&s) - first).abs()
        };
        assert!(drift(0.0, -1.0) < 1e-9, "{}", drift(0.0, -1.0));
        // Wrong twins: friction, and the pole turning as in the other equations.
        assert!(drift(0.1, -1.0) > 1e-3 && drift(0.0, 1.0) > 1e-3);
    }

    #[test]
    fn upright_in_the_middle_is_worth_1_and_hanging_nothing() {
        let task = SwingUp::default();
        assert_eq!(task.reward(&[0.0; 4], 0.0), 1.0);
        assert!(task.reward(&[0.0, 0.0, std::f64::consts::PI, 0.0], 0.0).abs() < 1e-15);
        assert!((task.reward(&[1.2, 0.0, 0.0, 0.0], 0.0) - 0.5_f64.sqrt()).abs() < 1e-15);
    }
}
