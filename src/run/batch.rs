//! Many runs of one scene that differ in their seed: one row each in `runs.csv`.
//!
//! Runs are handed to workers in order and rows are appended as runs end, so that results can be read
//! meanwhile; when all have ended the file is put in order, and then its bytes depend neither on the
//! number of workers nor on interruptions. Wall times, which do, go to `times.csv`.
//!
//! A run that is interrupted leaves a checkpoint in `unfinished/`, and one under way does at the steps
//! asked for, or now and then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::random::{StreamKey, SystemTag};
use crate::run::checkpoint::{Checkpoint, Digest};
use crate::run::driver::{RunError, is_finished, load, metrics_of};
use crate::run::fs::{self, Fs};
use crate::run::rows::{Row, Table};
use crate::run::threads::with_threads;
use crate::scene::Checked;
use crate::simulation::Simulation;
use crate::units::Seed;

/// Name of the results in the directory of a batch.
pub const RUNS_FILE: &str = "runs.csv";
/// Name of the wall times.
pub const TIMES_FILE: &str = "times.csv";
/// Name of the failures.
pub const FAILURES_FILE: &str = "failures.csv";
/// Name of the folder of checkpoints of runs that are not finished.
pub const UNFINISHED_DIR: &str = "unfinished";
/// Time between checkpoints of one run, unless steps are asked for.
const INTERVAL: Duration = Duration::from_secs(30);
const RESULTS_LIMIT: u64 = 4 << 30;

/// The seed of run `rep` of a batch; below 2^53, so that spreadsheets and JSON keep it whole.
pub fn seed_of(batch: Seed, rep: u64) -> Seed {
    Seed(StreamKey::new(batch, SystemTag::named("repetition"), rep).stream().bits() >> 11)
}

/// How many runs, and how many at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSettings {
    /// Number of runs.
    pub n_reps: u64,
    /// Runs at the same time, 1 or more.
    pub n_jobs: usize,
    /// Threads of each run, 1 or more.
    pub n_threads: usize,
    /// Steps between checkpoints of each run; `None` for one every 30 seconds.
    pub checkpoint_every: Option<u64>,
}

/// A run of a batch that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Its number.
    pub rep: u64,
    /// Its seed.
    pub seed: Seed,
    /// Its row, or why it failed.
    pub result: Result<Row, String>,
    /// Wall time that this process spent on it.
    pub seconds: f64,
}

/// How a batch ended.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchEnd {
    /// All rows, in order.
    pub rows: Table,
    /// Runs that failed, with their messages.
    pub failures: BTreeMap<u64, String>,
    /// True if it was asked to stop before all runs had ended.
    pub interrupted: bool,
}

/// What the workers share.
struct Shared<'a> {
    fs: &'a (dyn Fs + Sync),
    dir: &'a Path,
    checked: &'a Checked,
    settings: BatchSettings,
    waiting: Vec<u64>,
    next: AtomicU64,
    stop: &'a AtomicBool,
}

/// Runs what `runs.csv` in `dir` does not hold yet; `ended` hears of every run that ends.
///
/// # Errors
/// If a file cannot be read or written, or holds something else. A failing run is no error here.
pub fn run_batch(
    fs: &(dyn Fs + Sync),
    dir: &Path,
    checked: &Checked,
    settings: BatchSettings,
    stop: &AtomicBool,
    mut ended: impl FnMut(&Ended),
) -> Result<BatchEnd, RunError> {
    let runs_path = dir.join(RUNS_FILE);
    let io_error = |path: &Path| {
        let path = path.to_owned();
        move |source| RunError::Io { path, source }
    };
    fs.create_dir_all(&dir.join(UNFINISHED_DIR)).map_err(io_error(dir))?;
    let mut rows = Table::default();
    if fs.exists(&runs_path) {
        let bytes = fs.read(&runs_path, RESULTS_LIMIT).map_err(io_error(&runs_path))?;
        rows = Table::decode(&bytes).map_err(|(line, what)| RunError::BadLog { path: runs_path.clone(), line, what })?;
        rows.retain(|rep, row| rep < settings.n_reps && row.seed == seed_of(checked.scene.seed, rep).0);
    }
    rewrite(fs, &runs_path, &rows)?;
    if !fs.exists(&dir.join(TIMES_FILE)) {
        fs.append(&dir.join(TIMES_FILE), b"rep,seconds\n").map_err(io_error(dir))?;
    }
    let waiting: Vec<u64> = (0..settings.n_reps).filter(|rep| !rows.contains(*rep)).collect();
    let shared = Shared { fs, dir, checked, settings, waiting, next: AtomicU64::new(0), stop };
    let mut failures = BTreeMap::new();
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| -> Result<(), RunError> {
        for _ in 0..settings.n_jobs.min(shared.waiting.len()) {
            let (sender, shared) = (sender.clone(), &shared);
            scope.spawn(move || work(shared, &sender));
        }
        drop(sender);
        let stored = results.iter().try_for_each(|result: Result<Ended, RunError>| {
            let run = result?;
            match &run.result {
                Ok(row) => {
                    store_row(fs, &runs_path, &mut rows, run.rep, row.clone())?;
                    fs.append(&dir.join(TIMES_FILE), format!("{},{:.6}\n", run.rep, run.seconds).as_bytes()).map_err(io_error(dir))?;
                    let unfinished = unfinished_path(dir, run.rep);
                    if fs.exists(&unfinished) {
                        fs.remove(&unfinished).map_err(io_error(&unfinished))?;
                    }
                }
                Err(message) => _ = failures.insert(run.rep, message.clone()),
            }
            ended(&run);
            Ok(())
        });
        if stored.is_err() {
            // Nobody could keep what the others find.
            stop.store(true, Ordering::Relaxed);
        }
        stored
    })?;
    rewrite(fs, &runs_path, &rows)?;
    let failed: Vec<Vec<String>> = failures.iter().map(|(rep, message)| vec![rep.to_string(), message.clone()]).collect();
    let failures_path = dir.join(FAILURES_FILE);
    if !failed.is_empty() || fs.exists(&failures_path) {
        let text = crate::run::rows::csv_text(&["rep", "message"], &failed);
        fs::replace(fs, &failures_path, &[text.as_bytes()]).map_err(io_error(&failures_path))?;
    }
    let interrupted = rows.len() as u64 + (failures.len() as u64) < settings.n_reps;
    Ok(BatchEnd { rows, failures, interrupted })
}

fn unfinished_path(dir: &Path, rep: u64) -> PathBuf {
    dir.join(UNFINISHED_DIR).join(format!("rep-{rep:06}.bin"))
}

fn rewrite(fs: &dyn Fs, path: &Path, rows: &Table) -> Result<(), RunError> {
    fs::replace(fs, path, &[rows.encode().as_bytes()]).map_err(|source| RunError::Io { path: path.to_owned(), source })
}

/// Appends a row, or writes the whole table anew if the row has metrics that no row had before.
fn store_row(fs: &dyn Fs, path: &Path, rows: &mut Table, rep: u64, row: Row) -> Result<(), RunError> {
    let header = rows.header();
    rows.insert(rep, row);
    if rows.header() != header {
        return rewrite(fs, path, rows);
    }
    let io_error = |source| RunError::Io { path: path.to_owned(), source };
    fs.append(path, rows.line(rep).as_bytes()).map_err(io_error)?;
    fs.sync(path).map_err(io_error)
}

fn work(shared: &Shared<'_>, sender: &mpsc::Sender<Result<Ended, RunError>>) {
    while !shared.stop.load(Ordering::Relaxed) {
        let at = shared.next.fetch_add(1, Ordering::Relaxed);
        let Some(&rep) = usize::try_from(at).ok().and_then(|at| shared.waiting.get(at)) else { return };
        let outcome = with_threads(shared.settings.n_threads, || one_run(shared, rep)).flatten();
        let message = match outcome {
            Ok(None) => continue,
            Ok(Some(run)) => Ok(run),
            Err(error) => Err(error),
        };
        // The receiver goes away only when results cannot be stored.
        if sender.send(message).is_err() {
            return;
        }
    }
}

/// Takes one run to its end; `None` if it was asked to stop before.
fn one_run(shared: &Shared<'_>, rep: u64) -> Result<Option<Ended>, RunError> {
    let started = now();
    let seed = seed_of(shared.checked.scene.seed, rep);
    let digest = shared.checked.digest;
    let path = unfinished_path(shared.dir, rep);
    let ended = |result| Ended { rep, seed, result, seconds: (now() - started).as_secs_f64() };
    let mut scene = shared.checked.scene.clone();
    scene.seed = seed;
    let mut sim = match crate::scene::build(&scene) {
        Ok(sim) => sim,
        Err(error) => return Ok(Some(ended(Err(error.to_string())))),
    };
    // A checkpoint that cannot be used costs the time it saved, nothing else.
    if shared.fs.exists(&path)
        && let Ok(checkpoint) = Checkpoint::read(shared.fs, &path)
        && checkpoint.seed == seed.0
        && load(&mut sim, &checkpoint, &digest, shared.dir).is_err()
    {
        sim = crate::scene::build(&scene).map_err(|e| RunError::Build(e.to_string()))?;
    }
    let mut saved = now();
    while sim.step_count() < scene.steps && !is_finished(&sim) {
        let is_stopped = shared.stop.load(Ordering::Relaxed);
        let is_due = match shared.settings.checkpoint_every {
            Some(every) => sim.step_count().is_multiple_of(every.max(1)),
            None => now() - saved > INTERVAL,
        };
        if is_stopped || is_due {
            if sim.step_count() > 0 {
                checkpoint_of(&sim, seed, digest)?.write(shared.fs, &path)?;
            }
            saved = now();
        }
        if is_stopped {
            return Ok(None);
        }
        if let Err(error) = sim.step() {
            return Ok(Some(ended(Err(error.to_string()))));
        }
    }
    let row = Row { seed: seed.0, steps: sim.step_count(), state_hash: sim.state_hash().to_string(), metrics: metrics_of(&sim) };
    Ok(Some(ended(Ok(row))))
}

fn checkpoint_of(sim: &Simulation, seed: Seed, scene_hash: Digest) -> Result<Checkpoint, RunError> {
    let snapshot = sim.save().map_err(|source| RunError::Step { source })?;
    Ok(Checkpoint { step: sim.step_count(), seed: seed.0, scene_hash, state_hash: sim.state_hash().0, snapshot })
}

#[expect(clippy::disallowed_methods, reason = "measures wall time and decides only when files are written")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_of_a_batch_differ_and_stay_whole_in_json() {
        let mut seeds: Vec<u64> = (0..1000).map(|rep| seed_of(Seed(7), rep).0).collect();
        assert!(seeds.iter().all(|&seed| seed < 1 << 53));
        assert_ne!(seeds[0], seed_of(Seed(8), 0).0);
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 1000);
    }
}
