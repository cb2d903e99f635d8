//! Plain sampling at a temperature, or at a row of temperatures, with an error bar on everything.
//!
//! A stage is one temperature. Its first iterations are discarded; from then on energy and
//! magnetisation are measured once an iteration, as the mean over the replicas, and every estimate
//! comes with its error, its autocorrelation time and its effective sample size. The specific heat
//! is C = Var(E) / T^2 over replicas and iterations, of the whole system.

use crate::engine::diagnostics::{Moments, Series};
use crate::engine::spins::{Rule, Scan, SpinSampler, SweepKey};
use crate::random::SystemTag;
use crate::snapshot::{Snapshot, SnapshotError};

use super::settings::{SettingsError, require};
use super::start::{BestState, later, randomise, sound, sound_counters};

/// Sampling at temperatures from `from` to `to`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleSettings {
    /// Temperature of the first stage, above 0.
    pub from: f64,
    /// Temperature of the last stage, above 0; equal to `from` for a constant temperature.
    pub to: f64,
    /// Stages, equally spaced in temperature, 1 or more.
    pub stages: u32,
    /// Iterations (steps of a simulation) per stage, 1 or more; the last stage goes on for ever.
    pub iterations_per_stage: u32,
    /// Iterations at the start of each stage that are not measured, below `iterations_per_stage`.
    pub discard: u32,
    /// Sweeps per iteration, 1 or more.
    pub sweeps_per_iteration: u32,
    /// Starts from random spins; otherwise from the spins there are.
    pub random_start: bool,
    /// How a spin decides.
    pub rule: Rule,
    /// Order of the visits.
    pub scan: Scan,
}

impl Default for SampleSettings {
    fn default() -> Self {
        SampleSettings {
            from: 1.0,
            to: 1.0,
            stages: 1,
            iterations_per_stage: 1000,
            discard: 100,
            sweeps_per_iteration: 1,
            random_start: true,
            rule: Rule::Metropolis,
            scan: Scan::Colours,
        }
    }
}

impl SampleSettings {
    /// Checks every value.
    ///
    /// # Errors
    /// If a value lies outside its documented range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let is_temperature = |t: f64| t > 0.0 && t.is_finite();
        require(is_temperature(self.from), "from", self.from, "use a finite temperature above 0")?;
        require(is_temperature(self.to), "to", self.to, "use a finite temperature above 0")?;
        require(self.stages >= 1, "stages", self.stages, "use 1 or more")?;
        require(self.iterations_per_stage >= 1, "iterations_per_stage", self.iterations_per_stage, "use 1 or more")?;
        require(self.discard < self.iterations_per_stage, "discard", self.discard, "discard fewer iterations than a stage has")?;
        require(self.sweeps_per_iteration >= 1, "sweeps_per_iteration", self.sweeps_per_iteration, "use 1 or more")
    }

    /// The stage of an iteration, and how many iterations of that stage come before it.
    fn stage_of(&self, iteration: u64) -> (u32, u64) {
        let length = u64::from(self.iterations_per_stage);
        let stage = (iteration / length).min(u64::from(self.stages - 1));
        (stage as u32, iteration - stage * length)
    }

    /// The temperature of a stage.
    fn temperature_of(&self, stage: u32) -> f64 {
        let span = f64::from(self.stages.max(2) - 1);
        self.from + (self.to - self.from) * f64::from(stage) / span
    }
}

/// A sampling under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    settings: SampleSettings,
    iteration: u64,
    energies: Vec<f64>,
    energy: Series,
    magnetisation: Series,
    /// Energy of single replicas, for the specific heat.
    single: Moments,
    attempts: u64,
    flips: u64,
    best: BestState,
    n_spins: usize,
}

impl Sample {
    /// A sampling that has not begun.
    ///
    /// # Errors
    /// If a setting is out of range, or replicas share random numbers.
    pub fn new<S: SpinSampler + ?Sized>(settings: SampleSettings, sampler: &S) -> Result<Self, SettingsError> {
        settings.validate()?;
        if !sampler.has_independent_replicas() {
            let reason = "their mean would have an error bar that independent samples alone justify";
            return Err(SettingsError::SharedNumbers { method: "sampling", reason });
        }
        Ok(Sample {
            settings,
            iteration: 0,
            energies: vec![f64::INFINITY; sampler.n_replicas()],
            energy: Series::default(),
            magnetisation: Series::default(),
            single: Moments::default(),
            attempts: 0,
            flips: 0,
            best: BestState::default(),
            n_spins: sampler.plan().n_spins(),
        })
    }

    /// Sweeps `sweeps_per_iteration` times at the stage's temperature, then measures.
    pub fn iterate<S: SpinSampler + ?Sized>(&mut self, sampler: &mut S, key: SweepKey) {
        if self.iteration == 0 && self.settings.random_start {
            randomise(sampler, SweepKey { system: SystemTag::named("sample/start"), ..key });
        }
        // 1. A new stage measures anew.
        let (_, within) = self.settings.stage_of(self.iteration);
        if within == 0 {
            (self.energy, self.magnetisation, self.single) = (Series::default(), Series::default(), Moments::default());
            (self.attempts, self.flips) = (0, 0);
        }
        // 2. Sweep.
        let before = sampler.counts();
        sampler.set_betas(&[1.0 / self.temperature()]);
        for n in 0..self.settings.sweeps_per_iteration {
            sampler.sweep(self.settings.rule, self.settings.scan, later(key, n));
        }
        sampler.energies(&mut self.energies);
        self.best.offer(sampler, &self.energies);
        // 3. Measure.
        if within >= u64::from(self.settings.discard) {
            let after = sampler.counts();
            self.attempts += after.attempts - before.attempts;
            self.flips += after.flips - before.flips;
            self.energies.iter().for_each(|&e| self.single.push(e));
            self.energy.push(self.energies.iter().sum::<f64>() / self.energies.len() as f64);
            self.magnetisation.push(mean_magnetisation(sampler));
        }
        self.iteration += 1;
    }

    /// Forgets what was measured and the best state, because the model of `sampler` is another one now.
    pub fn measure_anew<S: SpinSampler + ?Sized>(&mut self, sampler: &S) {
        (self.energy, self.magnetisation, self.single) = (Series::default(), Series::default(), Moments::default());
        (self.attempts, self.flips, self.best) = (0, 0, BestState::default());
        self.n_spins = sampler.plan().n_spins();
    }

    /// The temperature of the next iteration.
    pub fn temperature(&self) -> f64 {
        self.settings.temperature_of(self.settings.stage_of(self.iteration).0)
    }

    /// True when every stage has had its iterations; the last one may go on.
    pub fn is_finished(&self) -> bool {
        self.iteration >= u64::from(self.settings.stages) * u64::from(self.settings.iterations_per_stage)
    }

    /// The inverse temperature of the next iteration.
    pub fn beta(&self) -> f64 {
        1.0 / self.temperature()
    }

    /// The state of the lowest energy so far.
    pub fn best(&self) -> &BestState {
        &self.best
    }

    /// The energy of each replica after the last iteration.
    pub fn energies(&self) -> &[f64] {
        &self.energies
    }

    /// What was measured in the stage of the last iteration, by metric name.
    pub fn report(&self) -> Vec<(&'static str, f64)> {
        let n = self.n_spins.max(1) as f64;
        let stage = self.settings.stage_of(self.iteration.saturating_sub(1)).0;
        let temperature = self.settings.temperature_of(stage);
        let mut metrics = vec![("temperature", temperature), ("stage", f64::from(stage))];
        if self.energy.count() == 0 {
            return metrics;
        }
        let (e, m) = (self.energy.estimate(), self.magnetisation.estimate());
        metrics.extend([
            ("energy", e.mean),
            ("energy_error", e.error),
            ("energy_per_spin", e.mean / n),
            ("energy_per_spin_error", e.error / n),
            ("tau_int", e.tau_int),
            ("effective_samples", e.effective * self.energies.len() as f64),
            ("acceptance", self.flips as f64 / (self.attempts as f64).max(1.0)),
            ("specific_heat", self.single.specific_heat(1.0 / temperature)),
            ("abs_magnetisation", m.mean),
            ("abs_magnetisation_error", m.error),
        ]);
        metrics.retain(|(_, value)| value.is_finite());
        metrics
    }

    /// Appends everything that decides how it goes on.
    pub fn save(&self, prefix: &str, snapshot: &mut Snapshot) {
        snapshot.put(format!("{prefix}/counters"), &[self.iteration, self.attempts, self.flips]);
        snapshot.put(format!("{prefix}/energies"), &self.energies);
        snapshot.put(format!("{prefix}/single"), &Moments::pack(&[self.single]));
        self.best.save(prefix, snapshot);
        self.energy.save(&format!("{prefix}/energy"), snapshot);
        self.magnetisation.save(&format!("{prefix}/magnetisation"), snapshot);
    }

    /// Restores what [`Sample::save`] wrote, into a sampling of the same settings.
    ///
    /// # Errors
    /// If a section is missing or does not fit the settings.
    pub fn load(&mut self, prefix: &str, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let name = format!("{prefix}/counters");
        let counters: Vec<u64> = snapshot.get_n(&name, 3)?;
        sound_counters(&counters, &name)?;
        sound(counters[2] <= counters[1], &name, || format!("{} flips of {} attempts", counters[2], counters[1]))?;
        let energies = snapshot.get_n(&format!("{prefix}/energies"), self.energies.len())?;
        let single = Moments::unpack(&format!("{prefix}/single"), 1, snapshot)?[0];
        let mut best = BestState::default();
        best.load(prefix, self.n_spins, snapshot)?;
        let (mut energy, mut magnetisation) = (Series::default(), Series::default());
        energy.load(&format!("{prefix}/energy"), snapshot)?;
        magnetisation.load(&format!("{prefix}/magnetisation"), snapshot)?;
        *self = Sample {
            settings: self.settings,
            iteration: counters[0],
            energies,
            energy,
            magnetisation,
            single,
            attempts: counters[1],
            flips: counters[2],
            best,
            n_spins: self.n_spins,
        };
        Ok(())
    }
}

/// The mean over replicas of |sum of spins| / n.
fn mean_magnetisation<S: SpinSampler + ?Sized>(sampler: &S) -> f64 {
    let mut sums = vec![0_i64; sampler.n_replicas()];
    sampler.magnetisations(&mut sums);
    let total = sums.iter().map(|m| m.unsigned_abs()).sum::<u64>() as f64;
    total / (sampler.plan().n_spins().max(1) * sums.len()) as f64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::exact::ExactStates;
    use crate::engine::spins::reference::ReferenceSampler;
    use crate::plan::{Coupling, IsingModel};
    use crate::topology::compile_spins;
    use crate::units::Seed;

    fn frustrated_ring() -> IsingModel {
        let mut model = IsingModel::with_spins(6);
        model.couplings = (0..6).map(|i| Coupling::new(i, (i + 1) % 6, if i == 0 { -1.0 } else { 1.0 })).collect();
        model.fields[2] = 0.5;
        model.normalise();
        model
    }

    fn key(step: u64) -> SweepKey {
        SweepKey { seed: Seed(5), system: SystemTag::named("sample"), step, sweep: 0 }
    }

    #[test]
    fn every_stage_agrees_with_enumeration_within_its_error_bars() {
        let model = frustrated_ring();
        let exact = ExactStates::enumerate(&model, &[], &[1; 6]);
        let settings = SampleSettings { from: 3.0, to: 0.8, stages: 3, iterations_per_stage: 4000, discard: 50, ..Default::default() };
        let mut sampler = ReferenceSampler::new(Arc::new(compile_spins(&model, &[])), 2);
        let mut sample = Sample::new(settings, &sampler).unwrap();
        for step in 0..12_000 {
            sample.iterate(&mut sampler, key(step));
            if step % 4000 == 3999 {
                let report: std::collections::BTreeMap<_, _> = sample.report().into_iter().collect();
                let beta = 1.0 / report["temperature"];
                let z = (report["energy"] - exact.at(beta).mean_energy) / report["energy_error"];
                assert!(z.abs() < 5.0, "beta {beta}: {z} standard errors from the exact energy");
                let wrong = (report["energy"] - exact.at(beta * 1.2).mean_energy) / report["energy_error"];
                assert!(wrong.abs() > 5.0, "a wrong temperature must show");
                let c = exact.at(beta).specific_heat;
                assert!((report["specific_heat"] / c - 1.0).abs() < 0.1, "C {} exact {c}", report["specific_heat"]);
            }
        }
        assert!(sample.is_finished());
    }

    #[test]
    fn a_sampling_continues_from_a_snapshot_bit_for_bit() {
        let plan = Arc::new(compile_spins(&frustrated_ring(), &[]));
        let settings = SampleSettings { from: 2.0, to: 1.0, stages: 2, iterations_per_stage: 5, discard: 1, ..Default::default() };
        let mut sampler = ReferenceSampler::new(plan, 1);
        let mut straight = Sample::new(settings, &sampler).unwrap();
        let mut resumed = straight.clone();
        for step in 0..12 {
            let mut snapshot = Snapshot::default();
            straight.save("s", &mut snapshot);
            resumed.load("s", &snapshot).unwrap();
            assert_eq!(resumed, straight);
            straight.iterate(&mut sampler, key(step));
        }
    }
}
