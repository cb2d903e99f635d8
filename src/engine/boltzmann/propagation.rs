//! Equilibrium propagation: an energy network settles freely, then pulled towards its targets and away from them.
//!
//! The network is a machine in mean field, the continuous Hopfield network (Hopfield 1984): units settle at the means given
//! each other, s = mean(b + sum of w s), which are stationary points of F(s) = E(s) less the entropy of independent units.
//! With the pull b C, C = 1/2 |s_out - y|^2 over the outputs, the settled states s_b give (Scellier, Bengio 2017; symmetric:
//! Laborieux et al. 2021)
//!
//! ```text
//! dw_ij = (<s_i s_j>_b - <s_i s_j>_-b) / 2b      db_i = (<s_i>_b - <s_i>_-b) / 2b      symmetric, off by O(b^2)
//! dw_ij = (<s_i s_j>_b - <s_i s_j>_0) / b        db_i = (<s_i>_b - <s_i>_0) / b        one-sided, off by O(b)
//! ```
//!
//! which is - dC/dw at the free state. Each synapse sees its two units alone.

use crate::engine::network::optimisers::{Course, SettingError, demand};
use crate::kernels::simd::Simd;
use crate::snapshot::{Snapshot, SnapshotError};

use super::gradient::{Averages, Gradient, SumRoom, symmetrise};
use super::machine::{Machine, Shape};
use super::state::{LaneState, Move};
use super::training::{read_rows, step};

/// How a network learns by equilibrium propagation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PropagationSettings {
    /// Strength b of the pull, above 0.
    pub pull: f32,
    /// True to compare a pull with a push; false to compare it with no pull.
    pub is_symmetric: bool,
    /// Iterations in which the network settles freely, 1 or more.
    pub free_iterations: u32,
    /// Iterations in which it settles under a pull, 1 or more.
    pub pulled_iterations: u32,
    /// The learning rate over the updates.
    pub course: Course,
    /// Share of the last step that goes on, in 0..1.
    pub momentum: f32,
    /// Weight decay: this times the weight is taken off the direction; at least 0.
    pub decay: f32,
}

impl Default for PropagationSettings {
    fn default() -> Self {
        PropagationSettings {
            pull: 0.5,
            is_symmetric: true,
            free_iterations: 20,
            pulled_iterations: 10,
            course: Course::constant(0.5),
            momentum: 0.0,
            decay: 0.0,
        }
    }
}

impl PropagationSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// All that are out of range.
    pub fn validate(&self) -> Result<(), Vec<SettingError>> {
        let mut errors = Vec::new();
        self.course.validate(&mut errors);
        demand(&mut errors, "pull", self.pull.into(), self.pull > 0.0 && self.pull <= 1.0, "above 0, and at most 1");
        for (name, n) in [("free_iterations", self.free_iterations), ("pulled_iterations", self.pulled_iterations)] {
            demand(&mut errors, name, n.into(), n >= 1, "1 or more");
        }
        demand(&mut errors, "momentum", self.momentum.into(), (0.0..1.0).contains(&self.momentum), "in 0..1");
        demand(&mut errors, "decay", self.decay.into(), self.decay >= 0.0 && self.decay.is_finite(), "finite and at least 0");
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// Equilibrium propagation under way.
#[derive(Clone, Debug)]
pub struct Propagation {
    settings: PropagationSettings,
    simd: Simd,
    output: usize,
    updates: u64,
    velocity: Gradient,
    free: LaneState,
    pulled: LaneState,
    targets: Vec<f32>,
    gradient: Gradient,
    room: SumRoom,
}

impl Propagation {
    /// Learning that has not begun; the units of layer `output` have targets.
    ///
    /// # Panics
    /// If that layer is visible or none.
    pub fn new(shape: &Shape, output: usize, settings: PropagationSettings, simd: Simd) -> Self {
        assert!(!shape.layers[output].is_visible, "layer {output} is an input");
        Propagation {
            settings,
            simd,
            output,
            updates: 0,
            velocity: Averages::zeroed(shape),
            free: LaneState::new(shape, 1, 0.0),
            pulled: LaneState::new(shape, 1, 0.0),
            targets: Vec::new(),
            gradient: Averages::zeroed(shape),
            room: SumRoom::default(),
        }
    }

    /// Updates so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The direction of the last update: - dC/dw, up to the pull.
    pub fn gradient(&self) -> &Gradient {
        &self.gradient
    }

    /// The state that settled freely last.
    pub fn settled(&self) -> &LaneState {
        &self.free
    }

    /// Lets the network settle with its inputs at `samples`; see [`Propagation::settled`].
    ///
    /// # Panics
    /// If a sample has not a feature a visible unit.
    pub fn settle<'a>(&mut self, machine: &Machine, samples: impl ExactSizeIterator<Item = &'a [f32]>) {
        let shape = &machine.shape;
        self.free.resize(shape, samples.len());
        self.free.show(shape, samples);
        let middle = 0.5 * (1.0 + shape.values.low());
        for (l, _) in shape.layers.iter().enumerate().filter(|(_, l)| !l.is_visible) {
            self.free.layer_mut(l).fill(middle);
        }
        for _ in 0..self.settings.free_iterations {
            relax(machine, &mut self.free, None, self.simd);
        }
    }

    /// The output that is largest in each lane of the settled state; the first of equals.
    pub fn answers(&self) -> Vec<u32> {
        let (rows, n_lanes) = (self.free.layer(self.output), self.free.n_lanes());
        let n_outputs = rows.len() / n_lanes;
        let best = |lane: usize| {
            (1..n_outputs).fold(0, |best, k| if rows[k * n_lanes + lane] > rows[best * n_lanes + lane] { k } else { best }) as u32
        };
        (0..self.free.n_used()).map(best).collect()
    }

    /// The mean of C over the lanes of the settled state, given `[output]` targets a sample.
    pub fn cost<'a>(&self, targets: impl Iterator<Item = &'a [f32]>) -> f64 {
        let (rows, n_lanes) = (self.free.layer(self.output), self.free.n_lanes());
        let of_sample = |(lane, target): (usize, &'a [f32])| -> f64 {
            let error = |(k, &y): (usize, &f32)| f64::from(rows[k * n_lanes + lane] - y);
            0.5 * target.iter().enumerate().map(|t| error(t) * error(t)).sum::<f64>()
        };
        targets.enumerate().map(of_sample).sum::<f64>() / self.free.n_used() as f64
    }

    /// Computes the direction at `samples` with `[output]` targets each.
    ///
    /// # Panics
    /// If there is not a target a sample and output.
    pub fn compute<'a, 'b>(
        &mut self,
        machine: &Machine,
        samples: impl ExactSizeIterator<Item = &'a [f32]>,
        targets: impl ExactSizeIterator<Item = &'b [f32]>,
    ) {
        let shape = &machine.shape;
        self.settle(machine, samples);
        assert_eq!(targets.len(), self.free.n_used(), "targets, and samples");
        let (n_lanes, n_outputs) = (self.free.n_lanes(), shape.layers[self.output].n_units);
        self.targets.clear();
        self.targets.resize(n_outputs * n_lanes, 0.0);
        for (lane, target) in targets.enumerate() {
            assert_eq!(target.len(), n_outputs, "targets, and outputs");
            target.iter().enumerate().for_each(|(k, &y)| self.targets[k * n_lanes + lane] = y);
        }
        let PropagationSettings { pull, is_symmetric, pulled_iterations, .. } = self.settings;
        self.gradient.clear();
        let share = if is_symmetric { 0.5 / pull } else { 1.0 / pull };
        for (pull, share) in [(pull, share), (if is_symmetric { -pull } else { 0.0 }, -share)] {
            self.pulled.clone_from(&self.free);
            for _ in 0..pulled_iterations {
                relax(machine, &mut self.pulled, Some((self.output, pull, &self.targets)), self.simd);
            }
            self.room.add(shape, &self.pulled, share, &mut self.gradient, self.simd);
        }
        symmetrise(shape, &mut self.gradient);
    }

    /// Learns by one update; `joined` as in [`super::Trainer::update`].
    ///
    /// # Panics
    /// As [`Propagation::compute`].
    pub fn update<'a, 'b>(
        &mut self,
        machine: &mut Machine,
        samples: impl ExactSizeIterator<Item = &'a [f32]>,
        targets: impl ExactSizeIterator<Item = &'b [f32]>,
        joined: &[Vec<f32>],
    ) {
        self.compute(machine, samples, targets);
        let PropagationSettings { course, momentum, decay, .. } = self.settings;
        step(machine, &mut self.gradient, &mut self.velocity, (course.at(self.updates) as f32, momentum, decay), joined);
        self.updates += 1;
    }

    /// Writes what is not the network's own into sections that begin with `prefix`.
    pub fn save(&self, prefix: &str, snapshot: &mut Snapshot) {
        snapshot.put(format!("{prefix}/updates"), &[self.updates]);
        if self.settings.momentum > 0.0 {
            snapshot.put(format!("{prefix}/velocity"), &[self.velocity.pairs.concat(), self.velocity.singles.concat()].concat());
        }
    }

    /// Reads what [`Propagation::save`] wrote.
    ///
    /// # Errors
    /// If a section is missing, of another length, or makes no sense.
    pub fn load(&mut self, prefix: &str, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        if self.settings.momentum > 0.0 {
            read_rows(snapshot, format!("{prefix}/velocity"), self.velocity.pairs.iter_mut().chain(&mut self.velocity.singles).collect())?;
        }
        self.updates = snapshot.get_n::<u64>(&format!("{prefix}/updates"), 1)?[0];
        Ok(())
    }
}

/// Moves all units but the inputs to their means given the others, layer after layer; outputs under a pull towards targets.
fn relax(machine: &Machine, state: &mut LaneState, pull: Option<(usize, f32, &[f32])>, simd: Simd) {
    for (l, _) in machine.shape.layers.iter().enumerate().filter(|(_, l)| !l.is_visible) {
        let pulled = pull.filter(|(output, strength, _)| *output == l && *strength != 0.0);
        state.update_pulled(machine, l, Move::Mean, pulled.map(|(_, strength, targets)| (strength, targets)), simd);
    }
}
