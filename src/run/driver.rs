//! The loop of a headless run: step, record, checkpoint, stop when asked, and go on later.
//!
//! Invariant: the logs are on the disk before a checkpoint at or after their last step is, so that a
//! resumed run only ever has to cut them. A failed step writes no checkpoint.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::components::metrics::FINISHED;
use crate::components::{EnergyLedger, Metrics};
use crate::network::measures;
use crate::run::best::{BEST_FILE, best_csv};
use crate::run::checkpoint::{Checkpoint, CheckpointError, CheckpointStore, Digest, hex};
use crate::run::confusion::{CONFUSION_FILE, confusion_csv};
use crate::run::evolution::evolution_files;
use crate::run::fs::{self, Fs};
use crate::run::manifest::{Manifest, ManifestError, OtherBackend, Status, same_backend};
use crate::run::recorder::{HASHES_FILE, HashLine, Log, METRICS_FILE, last_line, metrics_line, read_log, short};
use crate::scene::Report;
use crate::simulation::{Simulation, StepError};
use crate::snapshot::SnapshotError;
use crate::thermo::{SpinNetwork, absent_diagnostics};

/// Name of the resolved scene in a run directory.
pub const SCENE_FILE: &str = "scene.ron";
/// Name of the folder of kept states in a run directory.
pub const SNAPSHOTS_DIR: &str = "snapshots";
/// Seconds between checkpoints unless the user says otherwise.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
/// Bytes of state that are hashed at every record; larger states are hashed more rarely.
const CHEAP_STATE: u64 = 4 << 20;

/// When checkpoints are written; one is always written at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointEvery {
    /// At steps divisible by this.
    Steps(u64),
    /// When this time has passed since the last one.
    Time(Duration),
}

/// What a process wants from a run, beyond what the manifest says.
#[derive(Clone, Copy, Debug)]
pub struct DriveSettings {
    /// When checkpoints are written.
    pub checkpoint_every: CheckpointEvery,
    /// States at steps divisible by this are kept in `snapshots/`; 0 keeps none.
    pub snapshot_every: u64,
}

/// Why a run cannot start, go on or end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The directory already holds a run.
    #[error("{} already holds a run (at step {step}, {status}): continue it with --resume, replace it with --force, or choose another --out", dir.display())]
    Exists {
        /// The run directory.
        dir: PathBuf,
        /// Where that run stands.
        step: u64,
        /// How that run ended.
        status: &'static str,
    },
    /// The directory holds other files.
    #[error("{} is not empty and holds no run of this sort: choose another --out", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// Another process works on the run.
    #[error("{} is in use by another lehr", dir.display())]
    InUse {
        /// The run directory.
        dir: PathBuf,
    },
    /// A run is resumed with something else than it was started with.
    #[error("{}: the {what} changed since the run started (then {then}, now {now}): start a new run, or undo the change", dir.display())]
    Changed {
        /// The run directory.
        dir: PathBuf,
        /// What changed.
        what: &'static str,
        /// Its old value.
        then: String,
        /// Its new value.
        now: String,
    },
    /// The bits of a run are those of a backend that is not here.
    #[error("{}: {source}", dir.display())]
    OtherBackend {
        /// The run directory.
        dir: PathBuf,
        /// Which one, and which is here.
        source: OtherBackend,
    },
    /// The state does not have the hash that its checkpoint names.
    #[error("{}: the restored state has hash {found}, the checkpoint says {expected}: the scene builds something else now", dir.display())]
    StateDiffers {
        /// The run directory.
        dir: PathBuf,
        /// The hash in the checkpoint.
        expected: String,
        /// The hash of the restored state.
        found: String,
    },
    /// The checkpoint does not fit the scene.
    #[error("{}: the checkpoint does not fit the scene: {source}", dir.display())]
    DoesNotFit {
        /// The run directory.
        dir: PathBuf,
        /// Why.
        source: SnapshotError,
    },
    /// The command makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The scene is wrong.
    #[error("{0}")]
    Scene(Box<Report>),
    /// The network cannot be built.
    #[error("{0}")]
    Build(String),
    /// The system refuses to start threads.
    #[error("cannot start {n_threads} threads: {what}: use --threads with a smaller number")]
    Threads {
        /// How many were asked for.
        n_threads: usize,
        /// What the system says.
        what: String,
    },
    /// No checkpoint can be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A log has a line that no run writes.
    #[error("{}:{line}: not a line of a run: {what}", path.display())]
    BadLog {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A step failed.
    #[error("{source}")]
    Step {
        /// What happened.
        source: StepError,
    },
}

/// What a front hears of a run.
pub trait Watcher {
    /// A step was taken.
    fn stepped(&mut self, _step: u64) {}
    /// The metrics of a step were recorded.
    fn recorded(&mut self, _step: u64, _metrics: &[(String, f64)]) {}
    /// A checkpoint is safe on the disk.
    fn saved(&mut self, _step: u64) {}
    /// Something is worth telling.
    fn warn(&mut self, _message: &str) {}
}

/// A watcher that hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Watcher for Silent {}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEnd {
    /// Done or interrupted.
    pub status: Status,
    /// Steps done.
    pub step: u64,
    /// Metrics of the last step.
    pub metrics: Vec<(String, f64)>,
    /// Diagnostics that the result does not have, each with the reason.
    pub absent: Vec<(&'static str, &'static str)>,
    /// Hash of the state.
    pub state_hash: String,
    /// Spin updates attempted by this process, over all replicas, if the run has spins.
    pub updates: Option<u64>,
}

/// A run directory that this process works on.
pub struct Run<'a> {
    fs: &'a dyn Fs,
    dir: PathBuf,
    store: CheckpointStore,
    scene_hash: Digest,
    manifest: Manifest,
    metrics: Log,
    hashes: Log,
    /// The chain of the last line of `hashes`.
    chain: String,
    saved_step: Option<u64>,
}

/// The metrics of the last step, by name, with the energy of the ledger if no method reports one, and with how well a
/// network answers its samples now.
pub fn metrics_of(sim: &Simulation) -> Vec<(String, f64)> {
    let mut metrics = sim.world().resource::<Metrics>().all();
    metrics.retain(|(name, _)| name != FINISHED);
    let ledger = sim.world().resource::<EnergyLedger>();
    if !metrics.iter().any(|(name, _)| name == "energy") && !ledger.terms().is_empty() {
        metrics.insert(0, ("energy".to_owned(), ledger.total()));
    }
    // What the energy is made of, unless it is one thing.
    if let terms @ [_, _, ..] = ledger.terms().as_slice() {
        let new = terms.iter().filter(|(term, _)| !metrics.iter().any(|(name, _)| name == term)).cloned().collect::<Vec<_>>();
        metrics.splice(1..1, new);
    }
    metrics.extend(measures(sim.world()));
    metrics
}

fn updates_of(sim: &Simulation) -> Option<u64> {
    sim.world().get_resource::<SpinNetwork>().map(|network| network.engine().counts().attempts)
}

/// True once the method has nothing left to do.
pub fn is_finished(sim: &Simulation) -> bool {
    sim.world().resource::<Metrics>().is_finished()
}

/// The line of `hashes.jsonl` for the state of `sim`, not yet linked to the line before.
pub fn hash_line(sim: &Simulation) -> HashLine {
    let sections = sim.section_hashes().into_iter().map(|(name, hash)| (name, short(&hash.0))).collect();
    HashLine { step: sim.step_count(), state: sim.state_hash().to_string(), sections, chain: String::new() }
}

/// Steps between hashes of the state: every record while the state is small.
pub fn hash_every(record_every: u64, state_bytes: u64) -> u64 {
    record_every.saturating_mul(state_bytes.div_ceil(CHEAP_STATE).max(1))
}

/// Where the state of a step is kept.
pub fn snapshot_path(dir: &Path, step: u64) -> PathBuf {
    dir.join(SNAPSHOTS_DIR).join(format!("step-{step:012}.bin"))
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> RunError {
    move |source| RunError::Io { path: path.to_owned(), source }
}

impl<'a> Run<'a> {
    /// Starts a run of `sim` in `dir`, which is emptied of an older run; `scene` is the resolved scene.
    ///
    /// # Errors
    /// Whatever the file system refuses.
    pub fn create(
        fs: &'a dyn Fs,
        dir: &Path,
        manifest: Manifest,
        scene: &str,
        scene_hash: Digest,
        sim: &Simulation,
    ) -> Result<Self, RunError> {
        fs.create_dir_all(&dir.join(SNAPSHOTS_DIR)).map_err(io_error(dir))?;
        let store = CheckpointStore::new(dir);
        // Old states go first: the new manifest must never stand beside the checkpoint of another run.
        for old in [store.newest(), store.previous()] {
            if fs.exists(&old) {
                fs.remove(&old).map_err(io_error(&old))?;
            }
        }
        let scene_path = dir.join(SCENE_FILE);
        fs::replace(fs, &scene_path, &[scene.as_bytes()]).map_err(io_error(&scene_path))?;
        let metrics = Log::create(fs, dir.join(METRICS_FILE)).map_err(io_error(dir))?;
        let hashes = Log::create(fs, dir.join(HASHES_FILE)).map_err(io_error(dir))?;
        let chain = String::new();
        let mut run = Run { fs, dir: dir.to_owned(), store, scene_hash, manifest, metrics, hashes, chain, saved_step: None };
        run.record_hash(sim)?;
        run.manifest.write(fs, dir)?;
        Ok(run)
    }

    /// Goes on with the run in `dir` where its newest usable checkpoint stands, which is loaded into
    /// `sim`; `wanted` is the manifest that a new run would have.
    ///
    /// # Errors
    /// If scene or seed changed, no checkpoint is usable, or the file system refuses.
    pub fn resume(
        fs: &'a dyn Fs,
        dir: &Path,
        wanted: Manifest,
        scene_hash: Digest,
        sim: &mut Simulation,
        watcher: &mut dyn Watcher,
    ) -> Result<Self, RunError> {
        let old = Manifest::read(fs, dir)?;
        let changed = |what, then: &dyn ToString, now: &dyn ToString| RunError::Changed {
            dir: dir.to_owned(),
            what,
            then: then.to_string(),
            now: now.to_string(),
        };
        if old.scene_hash != wanted.scene_hash {
            return Err(changed("scene", &&old.scene_hash[..16.min(old.scene_hash.len())], &&wanted.scene_hash[..16]));
        }
        if old.seed != wanted.seed {
            return Err(changed("seed", &old.seed, &wanted.seed));
        }
        same_backend(old.backend.as_deref(), wanted.backend.as_deref())
            .map_err(|source| RunError::OtherBackend { dir: dir.to_owned(), source })?;
        let store = CheckpointStore::new(dir);
        let mut saved_step = None;
        if store.has_any(fs) {
            let restored = store.restore(fs)?;
            if let Some(error) = restored.newest_failed {
                watcher.warn(&format!("the newest checkpoint cannot be used ({error}); going on from the one before"));
                store.set_newest_aside(fs)?;
            }
            load(sim, &restored.checkpoint, &scene_hash, dir)?;
            saved_step = Some(restored.checkpoint.step);
        }
        let at = sim.step_count();
        let is_end = at >= wanted.steps || is_finished(sim);
        let keep = |every: u64| move |step| step <= at && (step % every == 0 || is_end && step == at);
        let (every, hash_every) = (wanted.record_every, wanted.hash_every);
        let metrics = Log::reopen(fs, dir.join(METRICS_FILE), keep(every)).map_err(io_error(dir))?;
        let mut hashes = Log::reopen(fs, dir.join(HASHES_FILE), keep(hash_every)).map_err(io_error(dir))?;
        if saved_step.is_none() {
            hashes = Log::create(fs, dir.join(HASHES_FILE)).map_err(io_error(dir))?;
        }
        let chain = last_chain(fs, &dir.join(HASHES_FILE))?;
        let manifest = Manifest { step: at, status: Status::Running, ..wanted };
        let mut run = Run { fs, dir: dir.to_owned(), store, scene_hash, manifest, metrics, hashes, chain, saved_step };
        if saved_step.is_none() {
            run.record_hash(sim)?;
        }
        // From here on the run is as long as it is wanted, even if it is killed before its next checkpoint.
        run.manifest.write(fs, dir)?;
        Ok(run)
    }

    /// Steps `sim` until it took its steps, finished early, failed or `stop` was set; every step that
    /// was recorded when this returns is on the disk.
    ///
    /// # Errors
    /// If a step fails, which leaves the last checkpoint, or the file system refuses.
    pub fn drive(
        &mut self,
        sim: &mut Simulation,
        settings: DriveSettings,
        stop: &AtomicBool,
        watcher: &mut dyn Watcher,
    ) -> Result<RunEnd, RunError> {
        let mut clock = Clock::start();
        let updates_before = updates_of(sim);
        let mut status = Status::Done;
        while sim.step_count() < self.manifest.steps && !is_finished(sim) {
            if stop.load(Ordering::Relaxed) {
                status = Status::Interrupted;
                break;
            }
            if let Err(source) = sim.step() {
                return Err(self.fail(sim, source));
            }
            let step = sim.step_count();
            self.record(sim, watcher)?;
            watcher.stepped(step);
            if settings.snapshot_every > 0 && step.is_multiple_of(settings.snapshot_every) {
                let path = snapshot_path(&self.dir, step);
                self.checkpoint(sim)?.write(self.fs, &path)?;
            }
            let is_due = match settings.checkpoint_every {
                CheckpointEvery::Steps(every) => step.is_multiple_of(every.max(1)),
                CheckpointEvery::Time(interval) => clock.since_save() >= interval,
            };
            if is_due {
                self.save(sim, Status::Running, watcher)?;
                clock.saved();
            } else if clock.flush_is_due() {
                self.flush()?;
            }
        }
        let tables = [(BEST_FILE, best_csv(sim)), (CONFUSION_FILE, confusion_csv(sim))];
        let tables = tables.into_iter().filter_map(|(name, text)| Some((name, text?)));
        for (name, text) in tables.chain(evolution_files(sim)) {
            let path = self.dir.join(name);
            fs::replace(self.fs, &path, &[text.as_bytes()]).map_err(io_error(&path))?;
        }
        self.save(sim, status, watcher)?;
        let state_hash = self.manifest.state_hash.clone().expect("save sets the hash");
        // The engine counts from zero again whenever its plan is compiled anew.
        let updates = updates_of(sim).map(|after| after - updates_before.filter(|before| *before <= after).unwrap_or(0));
        let absent = absent_diagnostics(sim.world());
        Ok(RunEnd { status, step: sim.step_count(), metrics: metrics_of(sim), absent, state_hash, updates })
    }

    /// Writes what the logs get for the step that was just taken.
    fn record(&mut self, sim: &Simulation, watcher: &mut dyn Watcher) -> Result<(), RunError> {
        let step = sim.step_count();
        let is_last = step == self.manifest.steps || is_finished(sim);
        if is_last || step.is_multiple_of(self.manifest.record_every) {
            let metrics = metrics_of(sim);
            self.metrics.push(self.fs, &metrics_line(step, &metrics)).map_err(io_error(&self.dir))?;
            watcher.recorded(step, &metrics);
        }
        if is_last || step.is_multiple_of(self.manifest.hash_every) {
            self.record_hash(sim)?;
        }
        Ok(())
    }

    fn record_hash(&mut self, sim: &Simulation) -> Result<(), RunError> {
        let line = hash_line(sim).linked(&self.chain);
        self.hashes.push(self.fs, &line.text()).map_err(io_error(&self.dir))?;
        self.chain = line.chain;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), RunError> {
        self.metrics.flush(self.fs).map_err(io_error(&self.dir))?;
        self.hashes.flush(self.fs).map_err(io_error(&self.dir))
    }

    fn checkpoint(&self, sim: &Simulation) -> Result<Checkpoint, RunError> {
        let snapshot = sim.save().map_err(|source| RunError::Step { source })?;
        Ok(Checkpoint {
            step: sim.step_count(),
            seed: self.manifest.seed,
            scene_hash: self.scene_hash,
            state_hash: sim.state_hash().0,
            snapshot,
        })
    }

    fn save(&mut self, sim: &Simulation, status: Status, watcher: &mut dyn Watcher) -> Result<(), RunError> {
        self.metrics.sync(self.fs).map_err(io_error(&self.dir))?;
        self.hashes.sync(self.fs).map_err(io_error(&self.dir))?;
        let step = sim.step_count();
        if self.saved_step != Some(step) {
            self.store.save(self.fs, &self.checkpoint(sim)?)?;
            self.saved_step = Some(step);
        }
        self.manifest.step = step;
        self.manifest.state_hash = Some(hex(&sim.state_hash().0));
        self.manifest.status = status;
        self.manifest.write(self.fs, &self.dir)?;
        watcher.saved(step);
        Ok(())
    }

    /// Notes a failed step; the state is half-way, so nothing of it is written.
    fn fail(&mut self, sim: &Simulation, source: StepError) -> RunError {
        self.manifest.step = sim.step_count();
        self.manifest.state_hash = None;
        self.manifest.status = Status::Failed;
        self.manifest.error = Some(source.to_string());
        // The failed step is what the user must hear of, even if the disk is full as well.
        let noted = self.flush().and_then(|()| Ok(self.manifest.write(self.fs, &self.dir)?));
        drop(noted);
        RunError::Step { source }
    }

    /// The manifest as it stands.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// The chain of the last line of a log of hashes; empty if there is no line.
fn last_chain(fs: &dyn Fs, path: &Path) -> Result<String, RunError> {
    let bytes = read_log(fs, path).map_err(io_error(path))?;
    let Some(line) = last_line(&bytes) else { return Ok(String::new()) };
    let number = bytes.iter().filter(|&&b| b == b'\n').count();
    let bad = |e: serde_json::Error| RunError::BadLog { path: path.to_owned(), line: number, what: e.to_string() };
    Ok(serde_json::from_slice::<HashLine>(line).map_err(bad)?.chain)
}

/// Loads a checkpoint into a simulation that was built from its scene.
///
/// # Errors
/// If it belongs to another scene, does not fit, or gives another state hash than it names.
pub fn load(sim: &mut Simulation, checkpoint: &Checkpoint, scene_hash: &Digest, dir: &Path) -> Result<(), RunError> {
    if checkpoint.scene_hash != *scene_hash {
        let (then, now) = (hex(&checkpoint.scene_hash)[..16].to_owned(), hex(scene_hash)[..16].to_owned());
        return Err(RunError::Changed { dir: dir.to_owned(), what: "scene", then, now });
    }
    sim.load(&checkpoint.snapshot).map_err(|source| RunError::DoesNotFit { dir: dir.to_owned(), source })?;
    let found = sim.state_hash();
    if found.0 != checkpoint.state_hash || sim.step_count() != checkpoint.step {
        let expected = hex(&checkpoint.state_hash);
        return Err(RunError::StateDiffers { dir: dir.to_owned(), expected, found: found.to_string() });
    }
    Ok(())
}

/// When things were last written; only the moments of writing depend on it, never what is written.
struct Clock {
    saved: Instant,
    flushed: Instant,
}

impl Clock {
    fn start() -> Self {
        let now = now();
        Clock { saved: now, flushed: now }
    }

    fn since_save(&self) -> Duration {
        now() - self.saved
    }

    fn saved(&mut self) {
        *self = Clock::start();
    }

    fn flush_is_due(&mut self) -> bool {
        let is_due = now() - self.flushed > Duration::from_millis(500);
        if is_due {
            self.flushed = now();
        }
        is_due
    }
}

#[expect(clippy::disallowed_methods, reason = "decides only when files are written")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
