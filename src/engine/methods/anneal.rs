//! Simulated annealing (Kirkpatrick, Gelatt, Vecchi 1983): all replicas cool together, the best of all is kept.

use crate::engine::diagnostics::Moments;
use crate::engine::spins::{SpinSampler, SweepKey};
use crate::random::SystemTag;
use crate::snapshot::{Snapshot, SnapshotError};

use super::schedule::{Schedule, ScheduleShape, annealing_range};
use super::settings::{AnnealSettings, SettingsError};
use super::start::{BestState, later, quench, randomise, sound};

/// Rungs of the ladder on which constant thermodynamic speed is measured.
const RUNGS: u32 = 32;
/// Sweeps on each of these rungs; the first half equilibrates.
const RUNG_SWEEPS: u32 = 16;
/// Sweeps of the descent at the end of a run; measured to leave no downhill flip on lattices and G-sets.
pub(crate) const QUENCH_SWEEPS: u32 = 8;

/// A simulated annealing under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Anneal {
    settings: AnnealSettings,
    schedule: Schedule,
    /// Rungs measured so far; [`RUNGS`] if nothing (more) is to be measured.
    rung: u32,
    /// Variance of the energy and relaxation time at each rung measured.
    variances: Vec<f64>,
    relaxation: Vec<f64>,
    run: u32,
    sweep: u32,
    energies: Vec<f64>,
    /// Final energies of all runs so far: of each replica, or where replicas share random numbers
    /// the mean over replicas, so that entries are independent.
    reads: Moments,
    best: BestState,
    n_spins: usize,
    has_independent_replicas: bool,
}

impl Anneal {
    /// An annealing that has not begun; the sampler's states will be drawn at random.
    ///
    /// # Errors
    /// If a setting is out of range, or heat bath is asked for on shared random numbers.
    pub fn new<S: SpinSampler + ?Sized>(settings: AnnealSettings, sampler: &S) -> Result<Self, SettingsError> {
        settings.validate()?;
        if !sampler.has_independent_replicas() && settings.rule != crate::engine::spins::Rule::Metropolis {
            return Err(SettingsError::SharedNumbers {
                method: "annealing by heat bath",
                reason: "all replicas would coalesce into one state",
            });
        }
        let range = settings.range.unwrap_or_else(|| annealing_range(sampler.plan(), u64::from(settings.n_sweeps)));
        let measures = settings.shape == ScheduleShape::ConstantSpeed;
        Ok(Anneal {
            settings,
            schedule: Schedule::new(settings.shape, range),
            rung: if measures { 0 } else { RUNGS },
            variances: Vec::new(),
            relaxation: Vec::new(),
            run: 0,
            sweep: 0,
            energies: vec![f64::INFINITY; sampler.n_replicas()],
            reads: Moments::default(),
            best: BestState::default(),
            n_spins: sampler.plan().n_spins(),
            has_independent_replicas: sampler.has_independent_replicas(),
        })
    }

    /// Runs `sweeps_per_iteration` sweeps (or one rung of the warm-up ladder).
    pub fn iterate<S: SpinSampler + ?Sized>(&mut self, sampler: &mut S, key: SweepKey) {
        if self.is_finished() {
            return;
        }
        if self.rung < RUNGS {
            self.measure_rung(sampler, key);
            return;
        }
        // 1. A new run starts from random states.
        if self.sweep == 0 {
            randomise(sampler, key);
        }
        // 2. Cool.
        let n = self.settings.sweeps_per_iteration.min(self.settings.n_sweeps - self.sweep);
        for k in 0..n {
            sampler.set_betas(&[self.schedule.beta_of_sweep(self.sweep + k, self.settings.n_sweeps)]);
            sampler.sweep(self.settings.rule, self.settings.scan, later(key, k));
        }
        self.sweep += n;
        // 3. At the end of a run, descend and begin the next.
        if self.sweep == self.settings.n_sweeps {
            if self.settings.quench {
                quench(sampler, self.schedule.range().cold, QUENCH_SWEEPS, self.settings.scan, later(key, n));
            }
            self.run += 1;
            self.sweep = 0;
        }
        sampler.energies(&mut self.energies);
        self.best.offer(sampler, &self.energies);
        if self.sweep == 0 {
            if self.has_independent_replicas {
                self.energies.iter().for_each(|&e| self.reads.push(e));
            } else {
                self.reads.push(self.energies.iter().sum::<f64>() / self.energies.len() as f64);
            }
        }
    }

    /// One rung of the warm-up: all replicas at one temperature of a geometric ladder.
    fn measure_rung<S: SpinSampler + ?Sized>(&mut self, sampler: &mut S, key: SweepKey) {
        if self.rung == 0 {
            randomise(sampler, SweepKey { system: SystemTag::named("anneal/warm-up"), ..key });
        }
        sampler.set_betas(&[self.rung_beta(self.rung)]);
        let (mut before, mut n, mut mean, mut m2) = (sampler.counts(), 0.0, 0.0, 0.0);
        for k in 0..RUNG_SWEEPS {
            sampler.sweep(self.settings.rule, self.settings.scan, later(key, k));
            if k + 1 == RUNG_SWEEPS / 2 {
                before = sampler.counts();
            } else if k >= RUNG_SWEEPS / 2 {
                sampler.energies(&mut self.energies);
                for &e in &self.energies {
                    n += 1.0;
                    let d = e - mean;
                    mean += d / n;
                    m2 += d * (e - mean);
                }
            }
        }
        let after = sampler.counts();
        let acceptance = (after.flips - before.flips) as f64 / ((after.attempts - before.attempts) as f64).max(1.0);
        self.variances.push(m2 / n);
        self.relaxation.push(1.0 / acceptance.max(0.01));
        self.rung += 1;
        if self.rung == RUNGS {
            let betas: Vec<f64> = (0..RUNGS).map(|k| self.rung_beta(k)).collect();
            self.schedule.measure(&betas, &self.variances, &self.relaxation);
        }
    }

    fn rung_beta(&self, rung: u32) -> f64 {
        Schedule::new(ScheduleShape::Geometric, self.schedule.range()).beta(f64::from(rung) / f64::from(RUNGS - 1))
    }

    /// True when all runs are done.
    pub fn is_finished(&self) -> bool {
        self.run == self.settings.n_runs
    }

    /// Runs completed.
    pub fn runs_done(&self) -> u32 {
        self.run
    }

    /// The inverse temperature of the next sweep.
    pub fn beta(&self) -> f64 {
        if self.rung < RUNGS { self.rung_beta(self.rung) } else { self.schedule.beta_of_sweep(self.sweep, self.settings.n_sweeps) }
    }

    /// The inverse temperature of the sweep after which the energies were measured; `None` before the
    /// first one and after a descent, which has none.
    pub fn measured_beta(&self) -> Option<f64> {
        let last = self.settings.n_sweeps - 1;
        match (self.rung, self.run, self.sweep) {
            (rung, ..) if rung < RUNGS => rung.checked_sub(1).map(|rung| self.rung_beta(rung)),
            (_, 0, 0) => None,
            (_, _, 0) if self.settings.quench => None,
            (_, _, 0) => Some(self.schedule.beta_of_sweep(last, self.settings.n_sweeps)),
            (_, _, sweep) => Some(self.schedule.beta_of_sweep(sweep - 1, self.settings.n_sweeps)),
        }
    }

    /// The energies that the next error bar rests on, as independent numbers: between runs the final
    /// ones of all runs so far, within a run those of its replicas (one mean, if they share random numbers).
    pub fn independent_energies(&self) -> Moments {
        let mut moments = Moments::default();
        if self.rung == RUNGS && self.sweep == 0 {
            moments = self.reads;
        } else if self.has_independent_replicas {
            self.energies.iter().for_each(|&e| moments.push(e));
        } else {
            moments.push(self.energies.iter().sum::<f64>() / self.energies.len() as f64);
        }
        moments
    }

    /// False if replicas share random numbers: their spread is then no error bar.
    pub fn has_independent_replicas(&self) -> bool {
        self.has_independent_replicas
    }

    /// The cooling schedule.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The state of the lowest energy so far.
    pub fn best(&self) -> &BestState {
        &self.best
    }

    /// The energy of each replica after the last iteration.
    pub fn energies(&self) -> &[f64] {
        &self.energies
    }

    /// Appends everything that decides how it goes on.
    pub fn save(&self, prefix: &str, snapshot: &mut Snapshot) {
        snapshot.put(format!("{prefix}/counters"), &[self.rung, self.run, self.sweep]);
        snapshot.put(format!("{prefix}/energies"), &self.energies);
        snapshot.put(format!("{prefix}/reads"), &Moments::pack(&[self.reads]));
        snapshot.put(format!("{prefix}/variances"), &self.variances);
        snapshot.put(format!("{prefix}/relaxation"), &self.relaxation);
        self.schedule.save(prefix, snapshot);
        self.best.save(prefix, snapshot);
    }

    /// Restores what [`Anneal::save`] wrote, into an annealing of the same settings.
    ///
    /// # Errors
    /// If a section is missing or does not fit the settings.
    pub fn load(&mut self, prefix: &str, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let name = format!("{prefix}/counters");
        let counters: Vec<u32> = snapshot.get_n(&name, 3)?;
        let [rung, run, sweep] = [counters[0], counters[1], counters[2]];
        let s = &self.settings;
        let in_range = rung <= RUNGS && run <= s.n_runs && sweep < s.n_sweeps;
        sound(in_range, &name, || format!("rung {rung}, run {run}, sweep {sweep}: beyond {} runs of {} sweeps", s.n_runs, s.n_sweeps))?;
        let measured = if s.shape == ScheduleShape::ConstantSpeed { rung as usize } else { 0 };
        let energies = snapshot.get_n(&format!("{prefix}/energies"), self.energies.len())?;
        let variances = snapshot.get_n(&format!("{prefix}/variances"), measured)?;
        let relaxation = snapshot.get_n(&format!("{prefix}/relaxation"), measured)?;
        let reads = Moments::unpack(&format!("{prefix}/reads"), 1, snapshot)?[0];
        self.schedule.load(prefix, snapshot)?;
        self.best.load(prefix, self.n_spins, snapshot)?;
        (self.rung, self.run, self.sweep, self.reads) = (rung, run, sweep, reads);
        (self.energies, self.variances, self.relaxation) = (energies, variances, relaxation);
        Ok(())
    }
}
