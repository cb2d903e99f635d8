//! Tasks of evolution, their constants in their ranges.

use crate::engine::evolution::tasks::{Acrobot, Curve, DoublePole, MountainCar, SinglePole, Spirals, Starts, SwingUp, TMaze, Table};
use crate::units::Seed;

use super::super::checked_evolution::{EvolutionTask, SampleTask};
use super::super::code::Code;
use super::super::wire::{
    AcrobotWire, CartPoleWire, DoublePoleWire, EvolutionTaskWire, MountainCarWire, SceneWire, SpiralsWire, SwingUpWire, TMazeWire,
};
use super::Checker;

/// A constant: its name, what the scene says, its range, and where it goes.
type Constant<'a> = (&'static str, Option<f64>, (f64, f64), &'a mut f64);

impl Checker<'_> {
    /// The task at `path`.
    pub(super) fn evolution_task(&mut self, path: &str, wire: &EvolutionTaskWire, scene: &SceneWire) -> Option<EvolutionTask> {
        let start = self.complaints.len();
        let at = |field: &str| format!("{path}.{field}");
        let task = match wire {
            EvolutionTaskWire::Xor => EvolutionTask::Table(Table::xor()),
            EvolutionTaskWire::Parity(w) => {
                EvolutionTask::Table(Table::parity(self.few(&at("bits"), w.bits.unwrap_or(3), 2, 16, "all cases are judged")))
            }
            EvolutionTaskWire::Multiplexer(w) => {
                EvolutionTask::Table(Table::multiplexer(self.few(&at("address"), w.address.unwrap_or(2), 1, 4, "all cases are judged")))
            }
            EvolutionTaskWire::Approximate(w) => {
                let n = self.few(&at("points"), w.points.unwrap_or(50), 2, 100_000, "each is looked at");
                EvolutionTask::Table(w.curve.map_or(Curve::Sine, Curve::from).table(n))
            }
            EvolutionTaskWire::Spirals(w) => EvolutionTask::Table(self.spirals(path, w)?),
            EvolutionTaskWire::Samples(w) => {
                let needed = w.needed.map(|x| self.within(&at("needed"), x, 0.0, 1e12));
                let settle = w.settle.map_or(8, |n| self.count(&at("settle"), n, 1));
                let Some(data) = &scene.data else {
                    self.complain(Code::NothingToDo, path, "there are no samples to judge by")
                        .advise("add data, such as data: Data(source: Csv(path: ...), test: 0.2)");
                    return None;
                };
                let data = self.data(data, Seed(scene.seed))?;
                let samples = SampleTask { data, needed, settle };
                if let (Some(needed), false) = (needed, samples.data.samples.class_names.is_empty())
                    && needed > 1.0
                {
                    self.complain(Code::OutOfRange, &at("needed"), format!("needed is {needed}"))
                        .advise("use a share from 0 to 1 of the samples");
                }
                match samples.table(Seed(scene.seed)) {
                    Ok(table) => EvolutionTask::Samples(Box::new(samples), table),
                    Err(message) => {
                        self.complain(Code::BadFile, "data", message);
                        return None;
                    }
                }
            }
            EvolutionTaskWire::SinglePole(w) => {
                let mut t = self.single_pole(path, w, SinglePole::classic());
                // All actions of the one episode must be held.
                t.needed = w.needed.unwrap_or(f64::from(t.steps));
                EvolutionTask::SinglePole(self.reachable(path, t))
            }
            EvolutionTaskWire::CartPole(w) => {
                let t = self.single_pole(path, w, SinglePole::cart_pole());
                EvolutionTask::SinglePole(self.reachable(path, t))
            }
            EvolutionTaskWire::TMaze(w) => EvolutionTask::TMaze(self.maze(path, w)),
            EvolutionTaskWire::DoublePole(w) => EvolutionTask::DoublePole(self.double_pole(path, w)),
            EvolutionTaskWire::Acrobot(w) => EvolutionTask::Acrobot(self.acrobot(path, w)),
            EvolutionTaskWire::MountainCar(w) => EvolutionTask::MountainCar(self.mountain_car(path, w)),
            EvolutionTaskWire::SwingUp(w) => EvolutionTask::SwingUp(self.swing_up(path, w)),
        };
        (self.complaints.len() == start).then_some(task)
    }

    /// Complains where an episode is shorter than what solves the task.
    fn reachable(&mut self, path: &str, t: SinglePole) -> SinglePole {
        if t.needed > f64::from(t.steps) {
            let message = format!("needed is {}, and an episode has {} actions", t.needed, t.steps);
            self.complain(Code::OutOfRange, &format!("{path}.needed"), message).advise(format!("use {} or less, or more steps", t.steps));
        }
        t
    }

    /// A small number, all of which is looked at.
    pub(super) fn few(&mut self, path: &str, value: u64, least: u64, most: u64, why: &str) -> usize {
        let field = path.rsplit('.').next().unwrap_or(path).to_owned();
        if !(least..=most).contains(&value) {
            self.complain(Code::OutOfRange, path, format!("{field} is {value}")).advise(format!("use {least} to {most}: {why}"));
            return least as usize;
        }
        value as usize
    }

    fn constants<const N: usize>(&mut self, path: &str, constants: [Constant<'_>; N]) {
        for (field, value, (least, most), to) in constants {
            if let Some(value) = value {
                *to = self.within(&format!("{path}.{field}"), value, least, most);
            }
        }
    }

    /// Numbers of one field, all within a range.
    fn all_within<const N: usize>(&mut self, path: &str, values: Option<[f64; N]>, (least, most): (f64, f64), to: &mut [f64; N]) {
        if let Some(values) = values {
            *to = values.map(|x| self.within(path, x, least, most));
        }
    }

    /// Two numbers, the lower one first.
    fn ordered(&mut self, path: &str, values: Option<[f64; 2]>, to: &mut [f64; 2]) {
        self.all_within(path, values, (-1e3, 1e3), to);
        if to[0] > to[1] {
            let field = path.rsplit('.').next().unwrap_or(path).to_owned();
            self.complain(Code::OutOfRange, path, format!("{field} go from {} to {}", to[0], to[1])).advise("give the lower one first");
        }
    }

    fn steps_of(&mut self, path: &str, value: Option<u64>, to: &mut u32) {
        if let Some(value) = value {
            *to = self.count(&format!("{path}.steps"), value, 1);
        }
    }

    fn starts(&mut self, path: &str, (judged, tested, seed): (Option<u64>, Option<u64>, Option<u64>), to: &mut Starts) {
        if let Some(n) = judged {
            to.judged = self.few(&format!("{path}.episodes"), n, 1, 100_000, "each is played by every genome") as u32;
        }
        if let Some(n) = tested {
            to.tested = self.few(&format!("{path}.test_episodes"), n, 0, 1_000_000, "each is played by a champion") as u32;
        }
        to.seed = seed.map_or(to.seed, Seed);
    }

    fn spirals(&mut self, path: &str, w: &SpiralsWire) -> Option<Table> {
        let at = |field: &str| format!("{path}.{field}");
        let mut t = Spirals::default();
        t.n_points = self.few(&at("points"), w.points.unwrap_or(t.n_points as u64), 2, 1_000_000, "each is looked at");
        t.n_test = self.few(&at("test_points"), w.test_points.unwrap_or(t.n_test as u64), 0, 1_000_000, "each is looked at");
        self.constants(
            path,
            [
                ("radius", w.radius, (1e-6, 1e6), &mut t.radius),
                ("turns", w.turns, (0.0, 1e3), &mut t.turns),
                ("noise", w.noise, (0.0, 1e6), &mut t.noise),
                ("needed", w.needed, (0.0, 1.0), &mut t.needed),
            ],
        );
        t.seed = w.noise_seed.map_or(t.seed, Seed);
        match t.table() {
            Ok(table) => Some(table),
            Err(message) => {
                self.complain(Code::OutOfRange, path, message);
                None
            }
        }
    }

    fn maze(&mut self, path: &str, w: &TMazeWire) -> TMaze {
        let at = |field: &str| format!("{path}.{field}");
        let mut t = TMaze::default();
        if let Some(lengths) = &w.lengths {
            t.lengths = lengths.iter().map(|&n| self.few(&at("lengths"), n, 1, 10_000, "every cell is walked") as u32).collect();
            if lengths.is_empty() {
                self.complain(Code::OutOfRange, &at("lengths"), "there are no corridors").advise("give one length or more");
            }
        }
        if let Some(n) = w.tested {
            t.tested = self.few(&at("tested"), n, 0, 10_000, "every length up to it is walked") as u32;
        }
        if let Some(n) = w.spare {
            t.spare = self.few(&at("spare"), n, 0, 1_000_000, "each is an action") as u32;
        }
        self.constants(path, [("wrong", w.wrong, (0.0, 1.0), &mut t.wrong)]);
        t
    }

    fn double_pole(&mut self, path: &str, w: &DoublePoleWire) -> DoublePole {
        let mut t = if w.velocities.unwrap_or(true) { DoublePole::with_velocities() } else { DoublePole::without_velocities() };
        self.constants(
            path,
            [
                ("gravity", w.gravity, (-1000.0, -0.001), &mut t.gravity),
                ("cart", w.cart, (1e-06, 1000000.0), &mut t.cart),
                ("hinge_friction", w.hinge_friction, (0.0, 1000.0), &mut t.hinge_friction),
                ("cart_friction", w.cart_friction, (0.0, 1000.0), &mut t.cart_friction),
                ("force", w.force, (1e-06, 1000000.0), &mut t.force),
                ("step", w.step, (1e-06, 1.0), &mut t.step),
                ("track", w.track, (0.001, 1000000.0), &mut t.track),
                ("fallen", w.fallen, (0.001, 3.2), &mut t.fallen),
                ("start", w.start, (-3.2, 3.2), &mut t.start),
            ],
        );
        if let Some(poles) = w.poles {
            t.poles = poles.map(|(mass, half)| {
                let number = |checker: &mut Self, x| checker.within(&format!("{path}.poles"), x, 1e-6, 1e6);
                (number(self, mass), number(self, half))
            });
        }
        t.derivation = w.derivation.map_or(t.derivation, Into::into);
        self.steps_of(path, w.steps, &mut t.steps);
        if let Some(damping) = &mut t.damping {
            damping.judged = damping.judged.min(t.steps);
            damping.window = damping.window.min(damping.judged as usize);
        }
        match (w.needed, &mut t.damping) {
            (Some(n), Some(damping)) => {
                damping.needed = self.few(&format!("{path}.needed"), n, 0, 625, "there are 625 starts") as u32;
            }
            (Some(_), None) => {
                let message = "needed starts of 625, and velocities are seen: nothing is tested";
                self.complain(Code::NothingToDo, &format!("{path}.needed"), message).advise("remove `needed`, or write velocities: false");
            }
            (None, _) => {}
        }
        t
    }

    fn single_pole(&mut self, path: &str, w: &CartPoleWire, mut t: SinglePole) -> SinglePole {
        self.constants(
            path,
            [
                ("gravity", w.gravity, (0.001, 1000.0), &mut t.gravity),
                ("cart", w.cart, (1e-06, 1000000.0), &mut t.cart),
                ("pole", w.pole, (1e-06, 1000000.0), &mut t.pole),
                ("half_length", w.half_length, (1e-06, 1000000.0), &mut t.half_length),
                ("force", w.force, (1e-06, 1000000.0), &mut t.force),
                ("step", w.step, (1e-06, 1.0), &mut t.step),
                ("track", w.track, (0.001, 1000000.0), &mut t.track),
                ("fallen", w.fallen, (0.001, 3.2), &mut t.fallen),
                ("spread", w.spread, (0.0, 1000.0), &mut t.spread),
                ("needed", w.needed, (0.0, 1000000000.0), &mut t.needed),
            ],
        );
        self.all_within(&format!("{path}.scale"), w.scale, (1e-9, 1e6), &mut t.scale);
        self.steps_of(path, w.steps, &mut t.steps);
        self.starts(path, (w.episodes, w.test_episodes, w.episode_seed), &mut t.starts);
        t
    }

    fn acrobot(&mut self, path: &str, w: &AcrobotWire) -> Acrobot {
        let mut t = Acrobot::default();
        self.constants(
            path,
            [
                ("gravity", w.gravity, (0.001, 1000.0), &mut t.gravity),
                ("torque", w.torque, (1e-06, 1000000.0), &mut t.torque),
                ("step", w.step, (1e-06, 1.0), &mut t.step),
                ("goal", w.goal, (-100.0, 100.0), &mut t.goal),
                ("spread", w.spread, (0.0, 1000.0), &mut t.spread),
                ("needed", w.needed, (-1000000000.0, 0.0), &mut t.needed),
            ],
        );
        self.all_within(&format!("{path}.masses"), w.masses, (1e-9, 1e6), &mut t.masses);
        self.all_within(&format!("{path}.lengths"), w.lengths, (1e-9, 1e6), &mut t.lengths);
        self.all_within(&format!("{path}.centres"), w.centres, (1e-9, 1e6), &mut t.centres);
        self.all_within(&format!("{path}.inertia"), w.inertia, (1e-9, 1e6), &mut t.inertia);
        self.all_within(&format!("{path}.fastest"), w.fastest, (1e-9, 1e6), &mut t.fastest);
        self.steps_of(path, w.steps, &mut t.steps);
        self.starts(path, (w.episodes, w.test_episodes, w.episode_seed), &mut t.starts);
        t
    }

    fn mountain_car(&mut self, path: &str, w: &MountainCarWire) -> MountainCar {
        let mut t = if w.continuous.unwrap_or(false) { MountainCar::continuous() } else { MountainCar::discrete() };
        self.constants(
            path,
            [
                ("power", w.power, (1e-09, 1000.0), &mut t.power),
                ("gravity", w.gravity, (1e-09, 1000.0), &mut t.gravity),
                ("fastest", w.fastest, (1e-09, 1000.0), &mut t.fastest),
                ("goal", w.goal, (-100.0, 100.0), &mut t.goal),
                ("shaping", w.shaping, (0.0, 1000000.0), &mut t.shaping),
                ("needed", w.needed, (-1000000000.0, 1000000000.0), &mut t.needed),
            ],
        );
        self.ordered(&format!("{path}.walls"), w.walls, &mut t.walls);
        self.ordered(&format!("{path}.begins"), w.begins, &mut t.begins);
        self.steps_of(path, w.steps, &mut t.steps);
        self.starts(path, (w.episodes, w.test_episodes, w.episode_seed), &mut t.starts);
        t
    }

    fn swing_up(&mut self, path: &str, w: &SwingUpWire) -> SwingUp {
        let mut t = SwingUp::default();
        self.constants(
            path,
            [
                ("gravity", w.gravity, (0.001, 1000.0), &mut t.gravity),
                ("cart", w.cart, (1e-06, 1000000.0), &mut t.cart),
                ("pole", w.pole, (1e-06, 1000000.0), &mut t.pole),
                ("length", w.length, (1e-06, 1000000.0), &mut t.length),
                ("force", w.force, (1e-06, 1000000.0), &mut t.force),
                ("friction", w.friction, (0.0, 1000.0), &mut t.friction),
                ("step", w.step, (1e-06, 1.0), &mut t.step),
                ("track", w.track, (0.001, 1000000.0), &mut t.track),
                ("spread", w.spread, (0.0, 1000.0), &mut t.spread),
                ("needed", w.needed, (-1000000000.0, 1000000000.0), &mut t.needed),
            ],
        );
        self.steps_of(path, w.steps, &mut t.steps);
        self.starts(path, (w.episodes, w.test_episodes, w.episode_seed), &mut t.starts);
        t
    }
}
