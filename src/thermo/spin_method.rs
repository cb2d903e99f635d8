//! The method that owns the spins of a scene: sampling, annealing, tempering, or the preset.
//!
//! Sense: compile and fill the engine. Energy: the ledger's term `spins` is the energy of replica 0.
//! Anneal: one iteration of the method, then the columns, the ledger and the
//! metrics follow. A method that has finished leaves everything as it is.

use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::IntoScheduleConfigs;
use bevy_ecs::system::{Res, ResMut};

use crate::components::metrics::FINISHED;
use crate::components::{BestSpin, EnergyLedger, Metrics, RunSeed, StepCount};
use crate::engine::methods::{DIAGNOSTICS, MethodSettings, MethodState};
use crate::engine::spins::SweepKey;
use crate::phases::Phase;
use crate::random::SystemTag;
use crate::simulation::Simulation;
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};
use crate::topology::Neurons;

use super::spin_network::{SpinNetwork, ThermoError, compile, write_back};

/// Name of the ledger's term.
const TERM: &str = "spins";

/// The method that owns the spins, and how far it has come.
#[derive(Resource)]
pub struct SpinMethod {
    state: MethodState,
    settings: MethodSettings,
    /// The model that `state` speaks of.
    model: u64,
    every: u64,
    /// Fraction of attempts that flipped a spin in the last iteration.
    acceptance: f64,
    /// Energy of the best state that `BestSpin` holds; `None` if that is not known.
    best_written: Option<f64>,
}

impl SpinMethod {
    /// How far the method has come.
    pub fn state(&self) -> &MethodState {
        &self.state
    }

    /// True when the method has nothing left to do.
    pub fn is_finished(&self) -> bool {
        self.state.is_finished()
    }
}

/// The spins are a Max-Cut problem with J = -w: cut = (`total_weight` - E) / 2.
#[derive(Resource, Clone, Copy, Debug, PartialEq)]
pub struct MaxCut {
    /// The sum of all edge weights w.
    pub total_weight: f64,
}

/// The lowest energy there can be, or the lowest one known, for judging what was found.
#[derive(Resource, Clone, Copy, Debug, PartialEq)]
pub struct KnownOptimum(pub f64);

impl Checkpointed for SpinMethod {
    const NAME: &'static str = "method";

    fn save(&self, snapshot: &mut Snapshot) {
        self.state.save(Self::NAME, snapshot);
        snapshot.put("method/model", &[self.model]);
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let model = snapshot.get_n::<u64>("method/model", 1)?[0];
        self.state.load(Self::NAME, snapshot)?;
        (self.model, self.best_written) = (model, None);
        Ok(())
    }
}

/// Adds `method` over the compiled spins.
pub(super) fn plugin(sim: &mut Simulation, method: &MethodSettings, every: u32) -> Result<(), ThermoError> {
    let network = sim.world().resource::<SpinNetwork>();
    let (state, model) = (MethodState::new(method, network.engine())?, network.digest());
    sim.state(SpinMethod { state, settings: *method, model, every: u64::from(every.max(1)), acceptance: f64::NAN, best_written: None });
    sim.add_systems(Phase::Sense, (compile, follow_model).chain());
    sim.add_systems(Phase::Energy, record_energy);
    sim.add_systems(Phase::Anneal, (iterate_method, write_back, record_energy, report, write_best).chain().run_if(method_is_due));
    Ok(())
}

fn method_is_due(method: Res<SpinMethod>, step: Res<StepCount>) -> bool {
    !method.is_finished() && step.0.is_multiple_of(method.every)
}

/// Begins anew, or measures anew, when the model under the method has become another one.
fn follow_model(network: Res<SpinNetwork>, mut method: ResMut<SpinMethod>) -> bevy_ecs::error::Result {
    if method.model != network.digest() {
        let settings = method.settings;
        method.state.follow(&settings, network.engine())?;
        (method.model, method.best_written) = (network.digest(), None);
    }
    Ok(())
}

fn iterate_method(mut network: ResMut<SpinNetwork>, mut method: ResMut<SpinMethod>, seed: Res<RunSeed>, step: Res<StepCount>) {
    let key = SweepKey { seed: seed.0, system: SystemTag::named("spins"), step: step.0, sweep: 0 };
    let engine = network.engine_mut();
    let before = engine.counts();
    method.state.iterate(engine, key);
    let after = engine.counts();
    method.acceptance = (after.flips - before.flips) as f64 / (after.attempts - before.attempts) as f64;
}

fn record_energy(mut network: ResMut<SpinNetwork>, ledger: Res<EnergyLedger>) {
    if let Some(energy) = network.take_energy() {
        ledger.set(TERM, energy);
    }
}

fn report(
    method: Res<SpinMethod>,
    network: Res<SpinNetwork>,
    metrics: Res<Metrics>,
    max_cut: Option<Res<MaxCut>>,
    optimum: Option<Res<KnownOptimum>>,
) {
    metrics.set("acceptance", method.acceptance);
    let figures = method.state.report();
    // What an earlier step reported must not stand beside a result that has it no more.
    for row in DIAGNOSTICS.into_iter().filter(|row| *row != "acceptance" && !figures.iter().any(|(name, _)| name == row)) {
        metrics.remove(row);
    }
    for (name, value) in &figures {
        metrics.set(name, *value);
    }
    metrics.set(FINISHED, f64::from(u8::from(method.is_finished())));
    let Some(best) = method.state.best() else { return };
    metrics.set("best_energy", best.energy);
    if let Some(cut) = max_cut {
        metrics.set("best_cut", 0.5 * (cut.total_weight - best.energy));
    }
    if let Some(optimum) = optimum {
        metrics.set("residual_per_spin", (best.energy - optimum.0) / network.engine().plan().n_spins().max(1) as f64);
    }
}

fn write_best(mut method: ResMut<SpinMethod>, network: Res<SpinNetwork>, mut neurons: Neurons<&mut BestSpin>) {
    let method = &mut *method;
    let Some(best) = method.state.best() else { return };
    // Crossover drifts among states of one energy; every other best is a lower one.
    let drifts = matches!(method.state, MethodState::Tempering(_) | MethodState::Cycling(_));
    if !drifts && method.best_written == Some(best.energy) {
        return;
    }
    method.best_written = Some(best.energy);
    let slots = &network.engine().plan().slot;
    for &(idx, first) in network.parts() {
        let Some(column) = neurons.get_mut(idx) else { continue };
        for (spin, &slot) in column.iter_mut().zip(&slots[first..]) {
            spin.0 = best.spins[slot as usize];
        }
    }
}
