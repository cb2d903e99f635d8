//! What all rules share by which spins learn from samples: when they run, on how many samples, and how a step goes. Phase: Learn.
//!
//! A step reads weights and biases from their columns, makes some updates over batches of the samples by its `Rule`, writes them
//! back, and lets the rule measure what it did. What a rule holds beside the columns is checkpointed.

use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::IntoScheduleConfigs;
use bevy_ecs::system::{Res, ResMut};

use crate::components::{Metrics, RunSeed, StepCount};
use crate::data::Dataset;
use crate::engine::boltzmann::{LaneState, Machine, Shape};
use crate::engine::network::optimisers::{SettingError, demand};
use crate::engine::network::train::Batches;
use crate::kernels::simd::Simd;
use crate::phases::Phase;
use crate::simulation::Simulation;
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};
use crate::units::Seed;

use super::machine::{MachineError, MachineMap, MachineParam, MachineSamples, check_features};
use super::spin_network::SpinValues;

/// When spins learn, from how many samples at a time, and when they are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearningPace {
    /// Steps from one at which the rule runs to the next, counted from `from`; 1 or more.
    pub every: u64,
    /// First step at which it runs.
    pub from: u64,
    /// Step from which on it no longer runs.
    pub until: Option<u64>,
    /// The last step of the run, at which everything is measured, if it is known.
    pub last_step: Option<u64>,
    /// Samples of an update, 1 or more.
    pub batch: usize,
    /// Updates of a step, 1 or more; an epoch if `None`.
    pub updates_per_step: Option<u64>,
    /// Steps between the usual measures; 0 for the last step alone.
    pub measure_every: u64,
}

impl Default for LearningPace {
    /// An epoch a step in batches of 64, measured at every step.
    fn default() -> Self {
        LearningPace { every: 1, from: 0, until: None, last_step: None, batch: 64, updates_per_step: None, measure_every: 1 }
    }
}

impl LearningPace {
    /// Adds what is out of range to `errors`.
    pub(super) fn validate(&self, errors: &mut Vec<SettingError>) {
        for (name, n) in [("every", self.every), ("batch", self.batch as u64), ("updates_per_step", self.updates_per_step.unwrap_or(1))] {
            demand(errors, name, n as f64, n >= 1, "1 or more");
        }
    }

    fn is_due(&self, step: u64) -> bool {
        step >= self.from && (step - self.from).is_multiple_of(self.every) && self.until.is_none_or(|until| step < until)
    }

    /// True if what is done every `every` steps is done at `step`.
    pub(super) fn measures(&self, every: u64, step: u64) -> bool {
        self.last_step == Some(step) || every > 0 && (step + 1).is_multiple_of(every)
    }
}

/// A rule by which a machine learns.
pub(super) trait Rule: Send + Sync + 'static {
    /// Prefix of its sections in a checkpoint.
    const NAME: &'static str;
    /// When it runs.
    fn pace(&self) -> &LearningPace;
    /// Updates so far.
    fn updates(&self) -> u64;
    /// Learns by one update from the samples numbered `batch`; where `joined` is 0, there is no synapse.
    fn update(&mut self, machine: &mut Machine, samples: &Dataset, batch: &[u32], joined: &[Vec<f32>]);
    /// What `Activation` shows.
    fn shown(&self) -> &LaneState;
    /// Sets the metrics of a step that has learned.
    fn measure(&mut self, machine: &Machine, samples: &MachineSamples, at: (Seed, u64), metrics: &Metrics);
    /// Writes what it holds beside the machine.
    fn save(&self, snapshot: &mut Snapshot);
    /// Reads what it wrote.
    fn load(&mut self, shape: &Shape, snapshot: &Snapshot) -> Result<(), SnapshotError>;
}

/// A machine that learns by a rule.
#[derive(Resource)]
struct Learner<R: Rule> {
    rule: R,
    map: MachineMap,
    machine: Machine,
    batches: Batches,
}

impl<R: Rule> Checkpointed for Learner<R> {
    const NAME: &'static str = R::NAME;

    fn save(&self, snapshot: &mut Snapshot) {
        self.rule.save(snapshot);
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.rule.load(&self.machine.shape, snapshot)
    }
}

/// Lets the spins of a built world learn from `samples`, those of `visible` showing features, by the rule that `make` gives.
pub(super) fn attach<R: Rule>(
    sim: &mut Simulation,
    (visible, values): (&[String], SpinValues),
    samples: MachineSamples,
    make: impl FnOnce(&Simulation, &MachineMap, &Machine, &MachineSamples, Simd) -> Result<R, MachineError>,
) -> Result<(), MachineError> {
    let simd = Simd::detect()?;
    let (map, machine) = MachineMap::new(sim, visible, visible, values)?;
    check_features(&samples, &machine.shape)?;
    let rule = make(sim, &map, &machine, &samples, simd)?;
    let batches = Batches::new(sim.world().resource::<RunSeed>().0, samples.train.n_samples(), rule.pace().batch);
    sim.insert_resource(samples);
    sim.state(Learner { rule, map, machine, batches });
    sim.add_systems(Phase::Learn, learn::<R>.run_if(is_due::<R>));
    Ok(())
}

fn is_due<R: Rule>(learner: Res<Learner<R>>, step: Res<StepCount>) -> bool {
    learner.rule.pace().is_due(step.0)
}

/// The updates of one step, and its measures.
fn learn<R: Rule>(
    mut learner: ResMut<Learner<R>>,
    mut param: MachineParam,
    samples: Res<MachineSamples>,
    seed: Res<RunSeed>,
    step: Res<StepCount>,
    metrics: Res<Metrics>,
) -> bevy_ecs::error::Result {
    let Learner { rule, map, machine, batches } = &mut *learner;
    map.read(&mut param, machine)?;
    if !batches.are_of(seed.0, samples.train.n_samples()) {
        *batches = Batches::new(seed.0, samples.train.n_samples(), rule.pace().batch);
    }
    for _ in 0..rule.pace().updates_per_step.unwrap_or(batches.per_epoch()) {
        let batch = batches.of(rule.updates());
        rule.update(machine, &samples.train, batch, &map.joined);
    }
    map.write(&mut param, machine, step.0)?;
    map.show(&mut param, rule.shown());
    rule.measure(machine, &samples, (seed.0, step.0), &metrics);
    Ok(())
}
