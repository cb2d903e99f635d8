//! An update of a machine: hold data, let go, compare, step.
//!
//! Contrastive divergence (Hinton 2002) lets go from the data for k sweeps; persistent chains go on from where they were.
//! With data held, hidden units of a restricted machine are known exactly; those of others are found by mean field
//! (Salakhutdinov, Hinton 2009) or drawn.

use crate::engine::network::optimisers::{Course, SettingError, demand};
use crate::kernels::simd::Simd;
use crate::random::{StreamKey, SystemTag};
use crate::snapshot::{Snapshot, SnapshotError};
use crate::units::Seed;

use super::chains::Chains;
use super::gradient::{Averages, Gradient, SumRoom, centre, symmetrise};
use super::machine::{Machine, Shape};
use super::state::{LaneState, Move};

/// Where averages without data come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negative {
    /// Sweeps from the data on (contrastive divergence).
    FromData {
        /// How many, 1 or more.
        sweeps: u32,
    },
    /// Particles that go on from update to update (persistent contrastive divergence).
    Persistent {
        /// Sweeps of an update, 1 or more.
        sweeps: u32,
        /// How many particles, 1 or more.
        particles: u32,
    },
    /// Particles on ladders of temperatures (parallel tempering).
    Tempered {
        /// Sweeps of an update, each with a round of swaps, 1 or more.
        sweeps: u32,
        /// How many ladders, 1 or more.
        particles: u32,
        /// Temperatures of a ladder, 2 or more.
        temperatures: u32,
        /// Rounds of swaps after which the ladder is spaced to equal rejection; 0 for never.
        respace_every: u32,
    },
}

impl Negative {
    fn sweeps(self) -> u32 {
        match self {
            Negative::FromData { sweeps } | Negative::Persistent { sweeps, .. } | Negative::Tempered { sweeps, .. } => sweeps,
        }
    }
}

/// How hidden units are found while data are held; restricted machines know them exactly and need no choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positive {
    /// By so many iterations of mean field, 1 or more.
    MeanField(u32),
    /// Drawn by so many sweeps from independent halves on, 1 or more.
    Sampled(u32),
}

/// How a machine learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainSettings {
    /// Averages without data.
    pub negative: Negative,
    /// Averages with data.
    pub positive: Positive,
    /// True to centre the gradient.
    pub is_centred: bool,
    /// Share of the batch's means in the running offsets, in 0..=1.
    pub offset_rate: f32,
    /// The learning rate over the updates.
    pub course: Course,
    /// Share of the last step that goes on, in 0..1.
    pub momentum: f32,
    /// Weight decay: this times the weight is taken off the gradient; at least 0.
    pub decay: f32,
}

impl Default for TrainSettings {
    fn default() -> Self {
        TrainSettings {
            negative: Negative::Persistent { sweeps: 1, particles: 64 },
            positive: Positive::MeanField(10),
            is_centred: true,
            offset_rate: 0.01,
            course: Course::constant(0.05),
            momentum: 0.0,
            decay: 0.0,
        }
    }
}

impl TrainSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// All that are out of range.
    pub fn validate(&self) -> Result<(), Vec<SettingError>> {
        let mut errors = Vec::new();
        self.course.validate(&mut errors);
        demand(&mut errors, "sweeps", self.negative.sweeps().into(), self.negative.sweeps() >= 1, "1 or more");
        if let Negative::Persistent { particles, .. } | Negative::Tempered { particles, .. } = self.negative {
            demand(&mut errors, "particles", particles.into(), (1..=1 << 16).contains(&particles), "1 to 65536");
        }
        if let Negative::Tempered { temperatures, .. } = self.negative {
            demand(&mut errors, "temperatures", temperatures.into(), (2..=1024).contains(&temperatures), "2 to 1024");
        }
        let (Positive::MeanField(n) | Positive::Sampled(n)) = self.positive;
        demand(&mut errors, "positive", n.into(), n >= 1, "1 or more");
        demand(&mut errors, "offset_rate", self.offset_rate.into(), (0.0..=1.0).contains(&self.offset_rate), "in 0..=1");
        demand(&mut errors, "momentum", self.momentum.into(), (0.0..1.0).contains(&self.momentum), "in 0..1");
        demand(&mut errors, "decay", self.decay.into(), self.decay >= 0.0 && self.decay.is_finite(), "finite and at least 0");
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// A machine's learning under way: particles, velocities and offsets.
#[derive(Clone, Debug)]
pub struct Trainer {
    settings: TrainSettings,
    simd: Simd,
    seed: Seed,
    updates: u64,
    chains: Option<Chains>,
    velocity: Gradient,
    offsets: Vec<Vec<f32>>,
    data: LaneState,
    model: LaneState,
    gradient: Gradient,
    room: SumRoom,
}

impl Trainer {
    /// Learning that has not begun; `base` are the fields of independent units from which particles start (by layer).
    pub fn new(shape: &Shape, settings: TrainSettings, base: Vec<Vec<f32>>, seed: Seed, simd: Simd) -> Self {
        let chains = match settings.negative {
            Negative::FromData { .. } => None,
            Negative::Persistent { particles, .. } => Some(Chains::new(shape, particles as usize, None, base, seed, simd)),
            Negative::Tempered { particles, temperatures, respace_every, .. } => {
                let ladder = Some((temperatures as usize, u64::from(respace_every)));
                Some(Chains::new(shape, particles as usize, ladder, base, seed, simd))
            }
        };
        let middle = 0.5 * (1.0 + shape.values.low());
        Trainer {
            settings,
            simd,
            seed,
            updates: 0,
            chains,
            velocity: Averages::zeroed(shape),
            offsets: shape.layers.iter().map(|l| vec![middle; l.n_units]).collect(),
            data: LaneState::new(shape, 1, 0.0),
            model: LaneState::new(shape, 1, 0.0),
            gradient: Averages::zeroed(shape),
            room: SumRoom::default(),
        }
    }

    /// Updates so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The particles, if they persist.
    pub fn chains(&self) -> Option<&Chains> {
        self.chains.as_ref()
    }

    /// The direction of the last update.
    pub fn gradient(&self) -> &Gradient {
        &self.gradient
    }

    /// The offsets of the centred gradient, by layer.
    pub fn offsets(&self) -> &[Vec<f32>] {
        &self.offsets
    }

    /// The state with the last batch held, hidden units at their means where these are known.
    pub fn data_state(&self) -> &LaneState {
        &self.data
    }

    /// What there is to see: the measured particles, or without particles the data let go.
    pub fn shown(&self) -> &LaneState {
        self.chains.as_ref().map_or(&self.model, Chains::measured)
    }

    /// The hidden units at their means, or as they are found, with `samples` held; learning goes on as if this had not been asked.
    ///
    /// # Panics
    /// If a sample has not a feature a visible unit.
    pub fn means_of<'a>(&self, machine: &Machine, samples: impl ExactSizeIterator<Item = &'a [f32]>) -> LaneState {
        let mut other = Trainer { chains: None, ..self.clone() };
        other.data.resize(&machine.shape, samples.len());
        other.data.show(&machine.shape, samples);
        other.hold(machine, false);
        other.data
    }

    /// Finds hidden units for the samples that `data` shows; if `draws`, `model` gets them as states.
    fn hold(&mut self, machine: &Machine, draws: bool) {
        let key = StreamKey::new(self.seed, SystemTag::named("data held"), self.updates);
        let shape = &machine.shape;
        let hidden: Vec<usize> = (0..shape.layers.len()).filter(|&l| !shape.layers[l].is_visible).collect();
        if shape.is_restricted() {
            for &l in &hidden {
                self.data.update(machine, l, Move::Draw(key.sweep(l as u32)), None, self.simd);
                if draws {
                    self.model.layer_mut(l).copy_from_slice(self.data.layer(l));
                }
                self.data.take_means(l);
            }
            return;
        }
        let middle = 0.5 * (1.0 + shape.values.low());
        hidden.iter().for_each(|&l| self.data.layer_mut(l).fill(middle));
        match self.settings.positive {
            Positive::MeanField(iterations) => {
                for _ in 0..iterations {
                    hidden.iter().for_each(|&l| self.data.update(machine, l, Move::Mean, None, self.simd));
                }
            }
            Positive::Sampled(sweeps) => (0..sweeps).for_each(|sweep| self.data.sweep(machine, false, key, sweep, None, self.simd)),
        }
        if draws {
            (0..shape.layers.len()).for_each(|l| self.model.layer_mut(l).copy_from_slice(self.data.layer(l)));
            if matches!(self.settings.positive, Positive::MeanField(_)) {
                self.model.sweep(machine, false, key, 0, None, self.simd);
            }
        }
        if let (Positive::Sampled(_), Some(&last)) = (self.settings.positive, hidden.last())
            && shape.lateral(last).is_none()
        {
            self.data.take_means(last);
        }
    }

    /// Computes the gradient at `samples`, which a sweep of the model's particles follows; see [`Trainer::gradient`].
    ///
    /// # Panics
    /// If there are no samples, or one has not a feature a visible unit.
    pub fn compute<'a>(&mut self, machine: &Machine, samples: impl ExactSizeIterator<Item = &'a [f32]>) {
        assert!(samples.len() > 0, "no samples to learn from");
        let (shape, simd) = (&machine.shape, self.simd);
        // 1. Data held.
        self.data.resize(shape, samples.len());
        self.data.show(shape, samples);
        let from_data = self.chains.is_none();
        if from_data {
            self.model.resize(shape, self.data.n_used());
        }
        self.hold(machine, from_data);
        self.gradient.clear();
        self.room.add(shape, &self.data, 1.0, &mut self.gradient, simd);
        // The first batch is all that is known of the means.
        let rate = if self.updates == 0 { 1.0 } else { self.settings.offset_rate };
        for (offsets, means) in self.offsets.iter_mut().zip(&self.gradient.singles) {
            offsets.iter_mut().zip(means).for_each(|(offset, mean)| *offset += rate * (mean - *offset));
        }
        // 2. Data let go.
        let sweeps = self.settings.negative.sweeps();
        match &mut self.chains {
            Some(chains) => {
                let model = chains.advance(machine, sweeps, self.seed, self.updates, simd);
                self.room.add(shape, model, -1.0, &mut self.gradient, simd);
            }
            None => {
                let key = StreamKey::new(self.seed, SystemTag::named("data let go"), self.updates);
                (0..sweeps).for_each(|sweep| self.model.sweep(machine, true, key, sweep, None, simd));
                let last = shape.layers.len() - 1;
                if shape.lateral(last).is_none() {
                    self.model.take_means(last);
                }
                self.room.add(shape, &self.model, -1.0, &mut self.gradient, simd);
            }
        }
        // 3. The direction.
        symmetrise(shape, &mut self.gradient);
        if self.settings.is_centred {
            centre(shape, &mut self.gradient, &self.offsets);
        }
    }

    /// Learns from `samples` by one update. Where `joined` (by link, as weights are laid out) is 0, there is no synapse and the
    /// weight stays 0; an empty list joins all.
    ///
    /// # Panics
    /// As [`Trainer::compute`].
    pub fn update<'a>(&mut self, machine: &mut Machine, samples: impl ExactSizeIterator<Item = &'a [f32]>, joined: &[Vec<f32>]) {
        self.compute(machine, samples);
        let rate = self.settings.course.at(self.updates) as f32;
        let TrainSettings { momentum, decay, .. } = self.settings;
        step(machine, &mut self.gradient, &mut self.velocity, (rate, momentum, decay), joined);
        self.updates += 1;
    }

    /// Writes what is not the machine's own into sections that begin with `prefix`.
    pub fn save(&self, prefix: &str, snapshot: &mut Snapshot) {
        snapshot.put(format!("{prefix}/updates"), &[self.updates]);
        let flat = |rows: &[Vec<f32>]| rows.concat();
        if self.settings.momentum > 0.0 {
            snapshot.put(format!("{prefix}/velocity"), &[flat(&self.velocity.pairs), flat(&self.velocity.singles)].concat());
        }
        if self.settings.is_centred {
            snapshot.put(format!("{prefix}/offsets"), &flat(&self.offsets));
        }
        if let Some(chains) = &self.chains {
            chains.save(prefix, snapshot);
        }
    }

    /// Reads what [`Trainer::save`] wrote.
    ///
    /// # Errors
    /// If a section is missing, of another length, or makes no sense.
    pub fn load(&mut self, shape: &Shape, prefix: &str, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        if self.settings.momentum > 0.0 {
            read_rows(snapshot, format!("{prefix}/velocity"), self.velocity.pairs.iter_mut().chain(&mut self.velocity.singles).collect())?;
        }
        if self.settings.is_centred {
            read_rows(snapshot, format!("{prefix}/offsets"), self.offsets.iter_mut().collect())?;
        }
        if let Some(chains) = &mut self.chains {
            chains.load(shape, prefix, snapshot)?;
        }
        self.updates = snapshot.get_n::<u64>(&format!("{prefix}/updates"), 1)?[0];
        Ok(())
    }
}

/// Reads finite numbers into rows, one after the other.
pub(super) fn read_rows(snapshot: &Snapshot, name: String, rows: Vec<&mut Vec<f32>>) -> Result<(), SnapshotError> {
    let values: Vec<f32> = snapshot.get_n(&name, rows.iter().map(|r| r.len()).sum())?;
    if let Some(k) = values.iter().position(|x| !x.is_finite()) {
        return Err(SnapshotError::Invalid { name, what: format!("number {k} is {}", values[k]) });
    }
    let mut rest = values.as_slice();
    for row in rows {
        let (these, after) = rest.split_at(row.len());
        row.copy_from_slice(these);
        rest = after;
    }
    Ok(())
}

/// Steps weights and biases by (rate, momentum, decay): v = momentum v + g - decay w; w += rate v. Biases do not decay, and where
/// `joined` is 0 nothing moves.
pub(super) fn step(
    machine: &mut Machine,
    gradient: &mut Gradient,
    velocity: &mut Gradient,
    (rate, momentum, decay): (f32, f32, f32),
    joined: &[Vec<f32>],
) {
    let step = |weights: &mut [f32], gradient: &[f32], velocity: &mut [f32], decay: f32| {
        for ((w, g), v) in weights.iter_mut().zip(gradient).zip(velocity) {
            *v = momentum * *v + (g - decay * *w);
            *w += rate * *v;
        }
    };
    for (k, weights) in machine.weights.iter_mut().enumerate() {
        if let Some(joined) = joined.get(k).filter(|j| !j.is_empty()) {
            gradient.pairs[k].iter_mut().zip(joined).for_each(|(g, j)| *g *= j);
        }
        step(weights, &gradient.pairs[k], &mut velocity.pairs[k], decay);
    }
    for (l, biases) in machine.biases.iter_mut().enumerate() {
        step(biases, &gradient.singles[l], &mut velocity.singles[l], 0.0);
    }
}
