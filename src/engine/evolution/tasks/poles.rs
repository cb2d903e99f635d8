//! Two poles on a cart (Wieland 1991; Gomez, Miikkulainen 1997; the constants of NEAT's release).
//!
//! ```text
//! t_i = mu w_i / (m_i l_i)        gs_i = g sin th_i
//! f_i = m_i l_i w_i^2 sin th_i + 3/4 m_i cos th_i (t_i + gs_i)      mm_i = m_i (1 - 3/4 cos^2 th_i)
//! xdd = (F + f_1 + f_2) / (m_c + mm_1 + mm_2)                      thdd_i = -3/4 (xdd cos th_i + gs_i + t_i) / l_i
//! ```
//!
//! Angles are from the upright, g is negative, l_i are half lengths. An action lasts two steps of the classical Runge-Kutta method.

use crate::math;

use super::super::settings::Shape;
use super::super::task::{Brains, Score, Task};

const GRAVITY: f64 = -9.8;
const CART: f64 = 1.0;
/// (mass, half length) of the poles.
const POLES: [(f64, f64); 2] = [(0.1, 0.5), (0.01, 0.05)];
const HINGE_FRICTION: f64 = 2e-6;
const CART_FRICTION: f64 = 5e-4;
const STEP: f64 = 0.01;
const TRACK: f64 = 2.4;
/// 36 degrees.
const FALLEN: f64 = 0.628_329;
const START: f64 = 0.017_453_2;

/// Place and speed of the cart, angle and speed of each pole: x, x', th1, w1, th2, w2.
pub type PoleState = [f64; 6];

/// Two poles to be balanced: by what is seen of them, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DoublePole {
    /// True if speeds are seen: 6 inputs and a constant, else 3 and a constant.
    pub with_velocities: bool,
    /// True if the cart has friction (declared by the release, but not used there).
    pub cart_friction: bool,
    /// Actions for which the poles must stay up.
    pub steps: u32,
    /// First angle of the long pole, in radians: 1 degree; 0.07 in the released code.
    pub start: f64,
}

impl DoublePole {
    /// With velocities; solved at 100,000 actions.
    pub const fn with_velocities() -> Self {
        DoublePole { with_velocities: true, cart_friction: false, steps: 100_000, start: START }
    }

    /// The rates of change of a state under the force `force` in newton.
    fn rates(&self, s: &PoleState, force: f64) -> PoleState {
        let friction = if self.cart_friction && s[1] != 0.0 { -CART_FRICTION * s[1].signum() } else { 0.0 };
        let (mut push, mut mass) = (force + friction, CART);
        let mut poles = [(0.0, 0.0, 0.0); 2];
        for (i, &(m, l)) in POLES.iter().enumerate() {
            let (th, w) = (s[2 + 2 * i], s[3 + 2 * i]);
            let (sin, cos) = (math::sin(th), math::cos(th));
            let t = HINGE_FRICTION * w / (m * l);
            let gs = GRAVITY * sin;
            push += m * l * w * w * sin + 0.75 * m * cos * (t + gs);
            mass += m * (1.0 - 0.75 * cos * cos);
            poles[i] = (cos, gs, t);
        }
        let xdd = push / mass;
        let turn = |i: usize| -0.75 * (xdd * poles[i].0 + poles[i].1 + poles[i].2) / POLES[i].1;
        [s[1], xdd, s[3], turn(0), s[5], turn(1)]
    }

    /// Applies the action `u`, within 0..=1: the force (u - 1/2) 20 N for two steps.
    pub fn act(&self, state: &mut PoleState, u: f64) {
        let force = (u - 0.5) * 20.0;
        let along = |s: &PoleState, k: &PoleState, h: f64| -> PoleState { std::array::from_fn(|i| s[i] + h * k[i]) };
        for _ in 0..2 {
            let s = *state;
            let k1 = self.rates(&s, force);
            let k2 = self.rates(&along(&s, &k1, STEP / 2.0), force);
            let k3 = self.rates(&along(&s, &k2, STEP / 2.0), force);
            let k4 = self.rates(&along(&s, &k3, STEP), force);
            *state = std::array::from_fn(|i| s[i] + STEP / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]));
        }
    }

    /// True if the cart left the track or a pole fell.
    pub fn has_failed(state: &PoleState) -> bool {
        let inside = state[0].abs() <= TRACK && state[2].abs() <= FALLEN && state[4].abs() <= FALLEN;
        !inside
    }

    /// What is seen of a state.
    fn see(&self, s: &PoleState, see: &mut impl FnMut(f64)) {
        see(s[0] / 4.8);
        if self.with_velocities {
            see(s[1] / 2.0);
        }
        see(s[2] / 0.52);
        if self.with_velocities {
            see(s[3] / 2.0);
        }
        see(s[4] / 0.52);
        if self.with_velocities {
            see(s[5] / 2.0);
        }
        see(0.5);
    }

    /// The number of actions, up to `steps`, that each network keeps the poles up from its start.
    pub fn balance(&self, brains: &mut Brains, starts: &[PoleState], steps: u32) -> Vec<u32> {
        let n = brains.len();
        assert_eq!(starts.len(), n, "starts of {n} networks");
        let n_inputs = self.shape().n_inputs;
        let (mut states, mut alive) = (starts.to_vec(), vec![true; n]);
        let (mut inputs, mut outputs) = (vec![0.0_f32; n_inputs * n], vec![0.0_f32; n]);
        let mut held = vec![0; n];
        let mut n_alive = n;
        brains.reset();
        for _ in 0..steps {
            if n_alive == 0 {
                break;
            }
            for k in (0..n).filter(|&k| alive[k]) {
                let mut row = k;
                self.see(&states[k], &mut |x| {
                    inputs[row] = x as f32;
                    row += n;
                });
            }
            brains.step(&alive, &inputs, &mut outputs);
            for k in 0..n {
                if alive[k] {
                    let u = f64::from(outputs[k]);
                    self.act(&mut states[k], if u.is_nan() { 0.5 } else { u.clamp(0.0, 1.0) });
                    if Self::has_failed(&states[k]) {
                        alive[k] = false;
                        n_alive -= 1;
                    } else {
                        held[k] += 1;
                    }
                }
            }
        }
        held
    }
}

impl Task for DoublePole {
    fn name(&self) -> &str {
        if self.with_velocities { "double pole" } else { "double pole without velocities" }
    }

    fn shape(&self) -> Shape {
        Shape { n_inputs: if self.with_velocities { 7 } else { 4 }, n_outputs: 1 }
    }

    /// Fitness is the number of actions survived.
    fn judge(&self, brains: &mut Brains, scores: &mut [Score]) {
        let start = [0.0, 0.0, self.start, 0.0, 0.0, 0.0];
        let held = self.balance(brains, &vec![start; scores.len()], self.steps);
        for (score, held) in scores.iter_mut().zip(held) {
            *score = Score { fitness: f64::from(held), solved: held == self.steps };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: DoublePole = DoublePole::with_velocities();

    fn start() -> PoleState {
        [0.0, 0.0, START, 0.0, 0.0, 0.0]
    }

    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{found} and not {expected}");
    }

    #[test]
    fn one_action_moves_as_the_reference_does() {
        let mut s = start();
        TASK.act(&mut s, 1.0);
        let expected = [
            0.001_944_066_537_190_818_7,
            0.194_420_093_217_320_46,
            0.014_587_428_304_754_258,
            -0.286_739_926_549_413_8,
            -0.029_291_526_914_288_8,
            -2.942_935_426_187_095_2,
        ];
        for (found, expected) in s.into_iter().zip(expected) {
            assert_near(found, expected);
        }
    }

    #[test]
    fn left_alone_the_poles_fall_at_action_29() {
        let mut s = start();
        for action in 1..=29 {
            TASK.act(&mut s, 0.5);
            if action == 10 {
                assert_near(s[2], 0.023_255_753_303_512_504);
                assert_near(s[4], 0.006_216_709_293_506_531);
            }
            assert_eq!(DoublePole::has_failed(&s), action == 29, "action {action}");
        }
    }

    #[test]
    fn friction_of_the_cart_slows_it_where_asked() {
        let (mut free, mut held) = (start(), start());
        let rough = DoublePole { cart_friction: true, ..TASK };
        for _ in 0..5 {
            TASK.act(&mut free, 0.9);
            rough.act(&mut held, 0.9);
        }
        assert!(held[1] < free[1] && held[1] > 0.99 * free[1]);
    }

    #[test]
    fn what_is_no_number_has_failed() {
        assert!(DoublePole::has_failed(&[f64::NAN; 6]));
        assert!(!DoublePole::has_failed(&start()));
    }
}
