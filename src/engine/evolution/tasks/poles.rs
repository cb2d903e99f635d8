//! Two poles on a cart (Wieland 1991; Gomez, Miikkulainen 1997; the constants of NEAT's release).
//!
//! ```text
//! t_i = mu w_i / (m_i l_i)        gs_i = g sin th_i
//! f_i = m_i l_i w_i^2 sin th_i + 3/4 m_i cos th_i (t_i + gs_i)      mm_i = m_i (1 - 3/4 cos^2 th_i)
//! xdd = (F + f_1 + f_2) / (m_c + mm_1 + mm_2)                      thdd_i = -3/4 (xdd cos th_i + gs_i + t_i) / l_i
//! ```
//!
//! Angles are from the upright, g is negative, l_i are half lengths. An action lasts two steps of the classical Runge-Kutta method.
//! The cart's friction is -mu_c sgn x' (Wieland), or -mu_c N sgn x' with the force N by which track and cart press each other (Florian
//! 2007); without it both derivations agree. Without velocities, fitness is that of Gruau, Whitley, Pyeatt 1996, which damps swinging.

use crate::kernels::doubles::Real;

use super::super::settings::Shape;
use super::super::task::{Brains, Score, Task, Test};
use super::plant::{Course, Plant, Rates, runge_kutta};
use super::starts::columns;

/// Place and speed of the cart, angle and speed of each pole: x, x', th1, w1, th2, w2.
pub type PoleState = [f64; 6];

/// What the friction of the cart is proportional to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derivation {
    /// Nothing: it has one size (Wieland 1991). Its coefficient is in newton.
    Wieland,
    /// The force between cart and track, which the poles change as they swing (Florian 2007).
    Florian,
}

/// How a controller without velocities is judged (Gruau and others 1996, as in NEAT's paper).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Damping {
    /// Actions of an episode that fitness is of.
    pub judged: u32,
    /// Actions at its end over which |x| + |x'| + |th1| + |w1| is summed.
    pub window: usize,
    /// Part of fitness that is the share of actions survived; the rest is `scale` / sum.
    pub survival: f64,
    /// See there.
    pub scale: f64,
    /// Actions that a champion must hold from each start of the generalisation test.
    pub start_steps: u32,
    /// Starts of 625 from which it must.
    pub needed: u32,
}

impl Default for Damping {
    fn default() -> Self {
        Damping { judged: 1000, window: 100, survival: 0.1, scale: 0.75, start_steps: 1000, needed: 200 }
    }
}

/// Two poles to be balanced: by what is seen of them, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DoublePole {
    /// True if speeds are seen: 6 inputs and a constant, else 3 and a constant.
    pub with_velocities: bool,
    /// Gravity, in m/s^2; negative.
    pub gravity: f64,
    /// Mass of the cart, in kg.
    pub cart: f64,
    /// (mass, half length) of the poles.
    pub poles: [(f64, f64); 2],
    /// Friction of the hinges.
    pub hinge_friction: f64,
    /// Coefficient of the cart's friction; 0 by default (0.0005 is declared by the release, but not used there).
    pub cart_friction: f64,
    /// What it is proportional to.
    pub derivation: Derivation,
    /// Force of the strongest action, in newton.
    pub force: f64,
    /// Step of integration, in s; two of them to an action.
    pub step: f64,
    /// Half of the track, in m.
    pub track: f64,
    /// Angle at which a pole has fallen, in radians: 36 degrees.
    pub fallen: f64,
    /// Actions for which the poles must stay up.
    pub steps: u32,
    /// First angle of the long pole, in radians: 1 degree; 0.07 in the released code.
    pub start: f64,
    /// How controllers are judged; `None` where fitness is the number of actions survived.
    pub damping: Option<Damping>,
}

impl DoublePole {
    /// With velocities; solved at 100,000 actions, the number of which is fitness.
    pub const fn with_velocities() -> Self {
        DoublePole {
            with_velocities: true,
            gravity: -9.8,
            cart: 1.0,
            poles: [(0.1, 0.5), (0.01, 0.05)],
            hinge_friction: 2e-6,
            cart_friction: 0.0,
            derivation: Derivation::Wieland,
            force: 10.0,
            step: 0.01,
            track: 2.4,
            fallen: 0.628_329,
            steps: 100_000,
            start: 0.017_453_2,
            damping: None,
        }
    }

    /// Without velocities: judged by damped balancing over 1,000 actions; solved by a champion of a generation that holds 100,000
    /// and generalises to 200 of 625 starts.
    pub fn without_velocities() -> Self {
        DoublePole { with_velocities: false, damping: Some(Damping::default()), ..DoublePole::with_velocities() }
    }

    /// Applies the action `u`, within 0..=1: the force (2 u - 1) `force` for two steps.
    pub fn act(&self, state: &mut PoleState, u: f64) {
        *state = self.advance(*state, self.push(u));
    }

    fn push(&self, u: f64) -> f64 {
        (if u.is_nan() { 0.5 } else { u.clamp(0.0, 1.0) } - 0.5) * (2.0 * self.force)
    }

    /// True if the cart left the track or a pole fell.
    pub fn has_failed(&self, state: &PoleState) -> bool {
        !self.goes_on(state)
    }

    /// The number of actions, up to `steps`, that each network keeps the poles up from its start.
    ///
    /// # Panics
    /// If there is not one start a network.
    pub fn balance(&self, brains: &mut Brains, starts: &[PoleState], steps: u32) -> Vec<u32> {
        Course::of(steps).play(self, brains, starts).iter().map(|o| o.held).collect()
    }

    /// Where every episode begins.
    fn first(&self) -> PoleState {
        [0.0, 0.0, self.start, 0.0, 0.0, 0.0]
    }

    /// The 625 starts of the generalisation test: x, x', th1, w1 at 0.05, 0.25, 0.5, 0.75 and 0.95 of +-2.16, +-1.35, +-3.6 and
    /// +-8.6 degrees (a second).
    pub fn starts() -> Vec<PoleState> {
        let at = |nth: usize, half: f64| (2.0 * [0.05, 0.25, 0.5, 0.75, 0.95][nth % 5] - 1.0) * half;
        let start = |k: usize| [at(k / 125, 2.16), at(k / 25, 1.35), at(k / 5, 0.062_831_52), at(k, 0.150_097_52), 0.0, 0.0];
        (0..625).map(start).collect()
    }

    /// The number of the 625 starts from which the first network of `champion` holds `steps` actions.
    pub fn generalisation(&self, champion: &Brains, steps: u32) -> u32 {
        let outcomes = Course::of(steps).play_all(self, champion, &Self::starts());
        outcomes.iter().map(|o| u32::from(o.held == steps)).sum()
    }
}

impl Default for DoublePole {
    fn default() -> Self {
        DoublePole::with_velocities()
    }
}

impl Rates<6> for DoublePole {
    #[inline(always)]
    fn rates<R: Real>(&self, s: &[R; 6], force: R) -> [R; 6] {
        let zero = R::splat(0.0);
        let quarters = R::splat(0.75);
        let (mut push, mut mass) = (force, R::splat(self.cart));
        // What the friction by Florian adds: of forces, and of the acceleration.
        let (mut pressed, mut slowed) = (zero, zero);
        let mut poles = [(zero, zero); 2];
        for i in 0..2 {
            let (m, l) = self.poles[i];
            let w = s[3 + 2 * i];
            let (sin, cos) = s[2 + 2 * i].sin_cos();
            let t = R::splat(self.hinge_friction) * w / R::splat(m * l);
            let turn = t + R::splat(self.gravity) * sin;
            let (ml, m) = (R::splat(m * l), R::splat(m));
            push = push + ml * w * w * sin + quarters * m * cos * turn;
            mass = mass + m * (R::splat(1.0) - quarters * cos * cos);
            if self.derivation == Derivation::Florian {
                pressed = pressed + m * R::splat(-self.gravity) - ml * w * w * cos + quarters * m * sin * turn;
                slowed = slowed + quarters * m * sin * cos;
            }
            poles[i] = (cos, turn);
        }
        if self.cart_friction != 0.0 {
            let friction = R::splat(self.cart_friction) * s[1].sign();
            match self.derivation {
                Derivation::Wieland => push = push - friction,
                Derivation::Florian => {
                    push = push - friction * (R::splat(-self.gravity * self.cart) + pressed);
                    mass = mass + friction * slowed;
                }
            }
        }
        let xdd = push / mass;
        let mut turns = [zero; 2];
        for i in 0..2 {
            turns[i] = -(quarters * (xdd * poles[i].0 + poles[i].1)) / R::splat(self.poles[i].1);
        }
        [s[1], xdd, s[3], turns[0], s[5], turns[1]]
    }
}

impl Plant<6, 7> for DoublePole {
    fn exchange(&self) -> Shape {
        Shape { n_inputs: if self.with_velocities { 7 } else { 4 }, n_outputs: 1 }
    }

    #[inline(always)]
    fn see<R: Real>(&self, s: &[R; 6]) -> [R; 7] {
        let (track, angle, two, half) = (R::splat(4.8), R::splat(0.52), R::splat(2.0), R::splat(0.5));
        if self.with_velocities {
            [s[0] / track, s[1] / two, s[2] / angle, s[3] / two, s[4] / angle, s[5] / two, half]
        } else {
            [s[0] / track, s[2] / angle, s[4] / angle, half, half, half, half]
        }
    }

    fn act(&self, outputs: &[f32]) -> f64 {
        self.push(f64::from(outputs[0]))
    }

    #[inline(always)]
    fn advance<R: Real>(&self, state: [R; 6], force: R) -> [R; 6] {
        runge_kutta(self, runge_kutta(self, state, force, self.step), force, self.step)
    }

    #[inline(always)]
    fn goes_on<R: Real>(&self, s: &[R; 6]) -> R::Mask {
        let up = R::both(R::splat(self.fallen).ge(s[2].abs()), R::splat(self.fallen).ge(s[4].abs()));
        R::both(R::splat(self.track).ge(s[0].abs()), up)
    }

    /// What is damped, of which less is better.
    #[inline(always)]
    fn reward<R: Real>(&self, s: &[R; 6], _: R) -> R {
        s[0].abs() + s[1].abs() + s[2].abs() + s[3].abs()
    }
}

impl Task for DoublePole {
    fn name(&self) -> &str {
        if self.with_velocities { "double pole" } else { "double pole without velocities" }
    }

    fn shape(&self) -> Shape {
        self.exchange()
    }

    fn judge(&self, brains: &mut Brains, scores: &mut [Score]) {
        let starts = vec![self.first(); scores.len()];
        let Some(damping) = self.damping else {
            for (score, held) in scores.iter_mut().zip(self.balance(brains, &starts, self.steps)) {
                *score = Score { fitness: f64::from(held), solved: held == self.steps };
            }
            return;
        };
        let course = Course { window: damping.window, ..Course::of(damping.judged) };
        for (score, outcome) in scores.iter_mut().zip(course.play(self, brains, &starts)) {
            let survived = f64::from(outcome.held) / f64::from(damping.judged);
            let calm = if (outcome.held as usize) < damping.window { 0.0 } else { damping.scale / outcome.recent.max(1e-9) };
            let fitness = damping.survival * survived + (1.0 - damping.survival) * calm;
            *score = Score { fitness, solved: outcome.held == damping.judged };
        }
    }

    fn goal(&self) -> String {
        let held = format!("both poles stay up for {} actions", self.steps);
        match self.damping {
            None => held,
            Some(d) => format!("{held}, and for {} from {} or more of 625 starts", d.start_steps, d.needed),
        }
    }

    fn test(&self, champion: &Brains) -> Option<Test> {
        let damping = self.damping?;
        let held = self.balance(&mut champion.copies(1), &[self.first()], self.steps)[0] == self.steps;
        let starts = if held { self.generalisation(champion, damping.start_steps) } else { 0 };
        Some(Test { name: "generalisation", value: f64::from(starts), passed: held && starts >= damping.needed })
    }

    fn columns(&self) -> Vec<String> {
        columns(&["x", "x_speed", "angle_1", "angle_speed_1", "angle_2", "angle_speed_2"])
    }

    /// Episode 0 is the one that is judged, 1 to 625 are those of the generalisation test; up to 1,000 actions. The reward shown is minus
    /// what damping sums.
    fn replay(&self, champion: &Brains, episode: u32, row: &mut dyn FnMut(&[f64])) {
        let start = if episode == 0 { self.first() } else { Self::starts()[(episode as usize - 1) % 625] };
        let mut action = 0.0;
        Course::of(self.steps.min(1000)).watch(self, champion, start, &mut |force, swing, s| {
            action += 1.0;
            row(&[action, force, -swing, s[0], s[1], s[2], s[3], s[4], s[5]]);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes_tests::check_lanes;
    use super::*;
    use crate::math;

    const TASK: DoublePole = DoublePole::with_velocities();

    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{found} and not {expected}");
    }

    #[test]
    fn one_action_moves_as_the_reference_does() {
        let mut s = TASK.first();
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
        let mut s = TASK.first();
        for action in 1..=29 {
            TASK.act(&mut s, 0.5);
            if action == 10 {
                assert_near(s[2], 0.023_255_753_303_512_504);
                assert_near(s[4], 0.006_216_709_293_506_531);
            }
            assert_eq!(TASK.has_failed(&s), action == 29, "action {action}");
        }
    }

    /// Kinetic and potential energy of cart and rods.
    fn energy(t: &DoublePole, s: &PoleState) -> f64 {
        let mut sum = 0.5 * t.cart * s[1] * s[1];
        for (i, &(m, l)) in t.poles.iter().enumerate() {
            let (th, w) = (s[2 + 2 * i], s[3 + 2 * i]);
            let cos = math::cos(th);
            sum += 0.5 * m * (s[1] * s[1] + 2.0 * s[1] * l * w * cos + 4.0 / 3.0 * l * l * w * w) - m * t.gravity * l * cos;
        }
        sum
    }

    #[test]
    fn without_friction_and_force_energy_is_conserved() {
        let drift = |task: DoublePole| {
            let mut s = [0.1, 0.3, 0.4, -0.5, -0.3, 1.0];
            let first = energy(&task, &s);
            for _ in 0..10_000 {
                s = task.advance(s, 0.0);
            }
            (energy(&task, &s) - first).abs()
        };
        let free = DoublePole { hinge_friction: 0.0, step: 1e-4, ..TASK };
        assert!(drift(free) < 1e-9, "{}", drift(free));
        // Wrong twins: friction, a shorter pole's moment forgotten, and gravity of the wrong sign in one place would all show.
        assert!(drift(DoublePole { hinge_friction: 2e-3, ..free }) > 1e-6);
        assert!(drift(DoublePole { cart_friction: 5e-2, ..free }) > 1e-6);
        assert!(drift(DoublePole { cart_friction: 5e-2, derivation: Derivation::Florian, ..free }) > 1e-6);
    }

    #[test]
    fn friction_takes_energy_and_both_derivations_agree_without_it() {
        let start = [0.2, 0.7, 0.1, -0.5, 0.05, 0.3];
        let one = |task: &DoublePole| task.advance(start, 0.0);
        let florian = DoublePole { derivation: Derivation::Florian, ..TASK };
        assert_eq!(one(&TASK), one(&florian));
        for rough in [DoublePole { cart_friction: 5e-4, ..TASK }, DoublePole { cart_friction: 5e-4, ..florian }] {
            assert!(energy(&rough, &one(&rough)) < energy(&TASK, &one(&TASK)), "{:?}", rough.derivation);
            assert!(one(&rough)[1] < one(&TASK)[1]);
        }
    }

    /// Solves the equations of Florian as they are written, for both accelerations and the force of the track by iteration.
    #[test]
    fn friction_by_florian_solves_its_equations() {
        let task = DoublePole { cart_friction: 0.3, derivation: Derivation::Florian, ..TASK };
        let s = [0.2, 0.7, 0.4, -1.5, -0.3, 2.0];
        let force = 3.0;
        let found = task.rates(&s, force);
        let (mut normal, mut forces) = (-task.gravity * task.cart, force);
        for (i, &(m, l)) in task.poles.iter().enumerate() {
            let (th, w): (f64, f64) = (s[2 + 2 * i], s[3 + 2 * i]);
            let wd = found[3 + 2 * i];
            // 1. A rod about its hinge.
            let hinge = 4.0 / 3.0 * m * l * l * wd + m * l * found[1] * math::cos(th) + m * task.gravity * l * math::sin(th);
            assert!((hinge + task.hinge_friction * w).abs() < 1e-12, "pole {i}: {hinge}");
            // 2. What it does to the cart, along and across the track.
            forces -= m * found[1] + m * l * (wd * math::cos(th) - w * w * math::sin(th));
            normal += m * (-task.gravity - l * (wd * math::sin(th) + w * w * math::cos(th)));
        }
        forces -= task.cart_friction * normal;
        assert!((forces - task.cart * found[1]).abs() < 1e-12, "{forces} of {}", task.cart * found[1]);
    }

    #[test]
    fn lanes_play_by_the_law() {
        check_lanes(&TASK, &DoublePole::starts()[..40], 60);
        check_lanes(&DoublePole { cart_friction: 5e-4, ..DoublePole::without_velocities() }, &DoublePole::starts()[300..340], 60);
        check_lanes(&DoublePole { cart_friction: 5e-4, derivation: Derivation::Florian, ..TASK }, &DoublePole::starts()[..5], 60);
    }

    #[test]
    fn what_is_no_number_has_failed() {
        assert!(TASK.has_failed(&[f64::NAN; 6]));
        assert!(!TASK.has_failed(&TASK.first()));
    }

    #[test]
    fn starts_of_the_test_are_625_different_ones_inside_the_track() {
        let starts = DoublePole::starts();
        let mut different: Vec<[u64; 6]> = starts.iter().map(|s| s.map(f64::to_bits)).collect();
        different.sort_unstable();
        different.dedup();
        assert_eq!((starts.len(), different.len()), (625, 625));
        assert_near(starts[0][0], -0.9 * 2.16);
        assert_near(starts[624][3], 0.9 * 0.150_097_52);
        assert!(starts.iter().all(|s| !TASK.has_failed(s) && s[4] == 0.0 && s[5] == 0.0));
    }
}
