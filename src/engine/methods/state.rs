//! Any method under way: what a simulation steps and a checkpoint holds.

use crate::engine::spins::{SpinSampler, SweepKey};
use crate::snapshot::{Snapshot, SnapshotError};

use super::ais::Ais;
use super::anneal::Anneal;
use super::cycling::Cycling;
use super::optimise;
use super::population::Population;
use super::sample::Sample;
use super::settings::{MethodSettings, SettingsError};
use super::start::BestState;
use super::tempering::Tempering;

/// A method under way.
#[derive(Clone, Debug)]
pub enum MethodState {
    /// Sampling at a temperature or a row of them.
    Sample(Sample),
    /// Simulated annealing.
    Anneal(Anneal),
    /// Parallel tempering.
    Tempering(Tempering),
    /// Population annealing.
    Population(Population),
    /// Annealed importance sampling.
    Ais(Ais),
    /// Thermal cycling, also as chosen by the preset.
    Cycling(Cycling),
}

impl MethodState {
    /// A method that has not begun, for the model and replicas of `sampler`.
    ///
    /// # Errors
    /// If a setting is out of range, or the replicas are too few or share random numbers where the method needs independent ones.
    pub fn new<S: SpinSampler + ?Sized>(settings: &MethodSettings, sampler: &S) -> Result<Self, SettingsError> {
        settings.validate()?;
        Ok(match settings {
            MethodSettings::Sample(s) => MethodState::Sample(Sample::new(*s, sampler)?),
            MethodSettings::Anneal(s) => MethodState::Anneal(Anneal::new(*s, sampler)?),
            MethodSettings::Tempering(s) => MethodState::Tempering(Tempering::new(*s, sampler)?),
            MethodSettings::Population(s) => MethodState::Population(Population::new(*s, sampler)?),
            MethodSettings::Ais(s) => MethodState::Ais(Ais::new(*s, sampler)?),
            MethodSettings::Cycling(s) => MethodState::Cycling(Cycling::new(*s, sampler)?),
            MethodSettings::Optimise(s) => MethodState::Cycling(Cycling::new(optimise::choose(s, sampler), sampler)?),
        })
    }

    /// Follows a change of the model (weights, fields, clamps, births, deaths): a sampling goes on from
    /// the spins there are and measures anew, every other method of `settings` begins anew.
    ///
    /// # Errors
    /// As for [`MethodState::new`].
    pub fn follow<S: SpinSampler + ?Sized>(&mut self, settings: &MethodSettings, sampler: &S) -> Result<(), SettingsError> {
        match self {
            MethodState::Sample(m) => m.measure_anew(sampler),
            _ => *self = MethodState::new(settings, sampler)?,
        }
        Ok(())
    }

    /// Runs one iteration; `key` must name another step each time. A finished method does nothing.
    pub fn iterate<S: SpinSampler + ?Sized>(&mut self, sampler: &mut S, key: SweepKey) {
        match self {
            MethodState::Sample(m) => m.iterate(sampler, key),
            MethodState::Anneal(m) => m.iterate(sampler, key),
            MethodState::Tempering(m) => m.iterate(sampler, key),
            MethodState::Population(m) => m.iterate(sampler, key),
            MethodState::Ais(m) => m.iterate(sampler, key),
            MethodState::Cycling(m) => m.iterate(sampler, key),
        }
    }

    /// True when there is nothing left to do; tempering never finishes by itself.
    pub fn is_finished(&self) -> bool {
        match self {
            MethodState::Sample(m) => m.is_finished(),
            MethodState::Anneal(m) => m.is_finished(),
            MethodState::Tempering(_) => false,
            MethodState::Population(m) => m.is_finished(),
            MethodState::Ais(m) => m.is_finished(),
            MethodState::Cycling(m) => m.is_finished(),
        }
    }

    /// The state of the lowest energy so far; `None` before the first.
    pub fn best(&self) -> Option<&BestState> {
        let best = match self {
            MethodState::Sample(m) => m.best(),
            MethodState::Anneal(m) => m.best(),
            MethodState::Tempering(m) => m.best(),
            MethodState::Population(m) => m.best(),
            MethodState::Ais(m) => m.best(),
            MethodState::Cycling(m) => m.best(),
        };
        (!best.spins.is_empty()).then_some(best)
    }

    /// The energy of each replica after the last iteration that measured it; infinite before.
    pub fn energies(&self) -> &[f64] {
        match self {
            MethodState::Sample(m) => m.energies(),
            MethodState::Anneal(m) => m.energies(),
            MethodState::Tempering(m) => m.energies(),
            MethodState::Population(m) => m.energies(),
            MethodState::Ais(m) => m.energies(),
            MethodState::Cycling(m) => m.energies(),
        }
    }

    /// True if the method promises no distribution, only a low energy.
    pub fn is_driven(&self) -> bool {
        matches!(self, MethodState::Cycling(_) | MethodState::Anneal(_))
    }

    /// The inverse temperature now: of all replicas, or of the coldest rung.
    pub fn beta(&self) -> f64 {
        match self {
            MethodState::Sample(m) => m.beta(),
            MethodState::Anneal(m) => m.beta(),
            MethodState::Tempering(m) => m.betas()[m.betas().len() - 1],
            MethodState::Population(m) => m.beta(),
            MethodState::Ais(m) => m.beta(),
            MethodState::Cycling(m) => m.beta(),
        }
    }

    /// Named figures of its progress and result, for tables and recorders.
    pub fn report(&self) -> Vec<(String, f64)> {
        super::report::report(self)
    }

    /// The diagnostics that its result does not have now, each with the reason; all the others of
    /// [`super::report::DIAGNOSTICS`] are in the report (`acceptance` is counted by the sampler).
    pub fn absent(&self) -> Vec<(&'static str, &'static str)> {
        super::report::absent(self)
    }

    /// Appends everything that decides how it goes on; the spins are the sampler's to save.
    pub fn save(&self, prefix: &str, snapshot: &mut Snapshot) {
        match self {
            MethodState::Sample(m) => m.save(prefix, snapshot),
            MethodState::Anneal(m) => m.save(prefix, snapshot),
            MethodState::Tempering(m) => m.save(prefix, snapshot),
            MethodState::Population(m) => m.save(prefix, snapshot),
            MethodState::Ais(m) => m.save(prefix, snapshot),
            MethodState::Cycling(m) => m.save(prefix, snapshot),
        }
    }

    /// Restores what [`MethodState::save`] wrote, into a method of the same settings.
    ///
    /// # Errors
    /// If a section is missing or does not fit the settings.
    pub fn load(&mut self, prefix: &str, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        match self {
            MethodState::Sample(m) => m.load(prefix, snapshot),
            MethodState::Anneal(m) => m.load(prefix, snapshot),
            MethodState::Tempering(m) => m.load(prefix, snapshot),
            MethodState::Population(m) => m.load(prefix, snapshot),
            MethodState::Ais(m) => m.load(prefix, snapshot),
            MethodState::Cycling(m) => m.load(prefix, snapshot),
        }
    }
}
