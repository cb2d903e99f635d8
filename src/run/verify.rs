//! Replays a run and compares it, record by record and state by state, with what the run wrote.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

use serde::Deserialize;

use crate::run::checkpoint::Checkpoint;
use crate::run::driver::{RunError, Watcher, hash_line, is_finished, load, metrics_of};
use crate::run::fs::Fs;
use crate::run::open::{OpenRun, build};
use crate::run::recorder::{HASHES_FILE, HashLine, METRICS_FILE, metrics_line, read_log};
use crate::simulation::{Simulation, first_difference};

/// The first place where a replay parts from its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The step.
    pub step: u64,
    /// The column, state or metric.
    pub column: String,
    /// The neuron or synapse, where a kept state tells.
    pub place: Option<String>,
    /// What the run wrote.
    pub recorded: String,
    /// What the replay gives.
    pub replayed: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.as_ref().map(|p| format!(", {p}")).unwrap_or_default();
        write!(f, "step {}, {}{place}: recorded {}, replayed {}", self.step, self.column, self.recorded, self.replayed)
    }
}

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// First step that was compared.
    pub from: u64,
    /// Last step that was compared.
    pub to: u64,
    /// Rows of metrics that agree.
    pub n_metrics: usize,
    /// Hashes of the state that agree.
    pub n_hashes: usize,
    /// Kept states that agree.
    pub n_states: usize,
    /// Where the replay parts from the run, if it does.
    pub mismatch: Option<Mismatch>,
}

/// What a run wrote, by step.
pub struct Records {
    /// Lines of metrics, as written.
    pub metrics: BTreeMap<u64, String>,
    /// Hashes of the state.
    pub hashes: BTreeMap<u64, HashLine>,
}

#[derive(Deserialize)]
struct StepOnly {
    step: u64,
}

impl Records {
    /// Reads the logs of a run directory; a torn last line is what a crash leaves and is left out.
    ///
    /// # Errors
    /// If a log cannot be read, or another line than the last is malformed.
    pub fn read(fs: &dyn Fs, dir: &Path) -> Result<Self, RunError> {
        let metrics = lines(fs, dir, METRICS_FILE, |line| serde_json::from_str::<StepOnly>(line).map(|only| (only.step, line.to_owned())))?;
        let hashes = lines(fs, dir, HASHES_FILE, |line| serde_json::from_str::<HashLine>(line).map(|hash| (hash.step, hash)))?;
        Ok(Records { metrics, hashes })
    }

    /// The chain of the last line of hashes before `step`; empty if there is none.
    fn chain_before(&self, step: u64) -> &str {
        self.hashes.range(..step).next_back().map_or("", |(_, line)| line.chain.as_str())
    }

    /// The first line of hashes that is not linked to the line before it.
    fn first_unlinked(&self) -> Option<Mismatch> {
        self.hashes.iter().find_map(|(&step, line)| {
            let linked = line.clone().linked(self.chain_before(step));
            let column = "chain of hashes".to_owned();
            (linked != *line).then(|| Mismatch { step, column, place: None, recorded: line.chain.clone(), replayed: linked.chain })
        })
    }

    /// The last step that anything was recorded at.
    pub fn last_step(&self) -> u64 {
        self.metrics.keys().chain(self.hashes.keys()).copied().max().unwrap_or(0)
    }
}

fn lines<T>(
    fs: &dyn Fs,
    dir: &Path,
    name: &str,
    parse: impl Fn(&str) -> serde_json::Result<(u64, T)>,
) -> Result<BTreeMap<u64, T>, RunError> {
    let path = dir.join(name);
    let bytes = read_log(fs, &path).map_err(|source| RunError::Io { path: path.clone(), source })?;
    let mut records = BTreeMap::new();
    for (i, line) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
        let malformed = |what: String| RunError::BadLog { path: path.clone(), line: i + 1, what };
        if !line.ends_with(b"\n") {
            break;
        }
        let text = std::str::from_utf8(line).map_err(|e| malformed(e.to_string()))?;
        let (step, record) = parse(text).map_err(|e| malformed(e.to_string()))?;
        if records.last_key_value().is_some_and(|(&last, _)| last >= step) {
            return Err(malformed(format!("step {step} comes after a later or equal one")));
        }
        records.insert(step, record);
    }
    Ok(records)
}

/// Replays `run` over `steps`, from the newest kept state before them, and compares what it wrote.
///
/// # Errors
/// If the run cannot be read, built or stepped.
pub fn verify(fs: &dyn Fs, run: &OpenRun, steps: RangeInclusive<u64>, watcher: &mut dyn Watcher) -> Result<Verdict, RunError> {
    let records = Records::read(fs, &run.dir)?;
    let kept = run.kept_states(fs)?;
    let (from, to) = (*steps.start(), (*steps.end()).min(run.manifest.steps));
    let mut sim = build(&run.checked)?;
    // A state that is compared proves itself only if the replay starts before it.
    if let Some((_, path)) = kept.iter().rev().find(|(step, _)| *step < from) {
        load(&mut sim, &Checkpoint::read(fs, path)?, &run.checked.digest, &run.dir)?;
    }
    let mut verdict = Verdict { from, to: sim.step_count(), n_metrics: 0, n_hashes: 0, n_states: 0, mismatch: None };
    loop {
        let step = sim.step_count();
        verdict.to = step;
        if step >= from {
            verdict.mismatch = compare_step(fs, run, &records, &kept, &sim, &mut verdict)?;
        }
        if verdict.mismatch.is_some() || step >= to || is_finished(&sim) {
            break;
        }
        sim.step().map_err(|source| RunError::Step { source })?;
        watcher.stepped(sim.step_count());
    }
    let last = records.last_step();
    if verdict.mismatch.is_none() && verdict.to < to.min(last) {
        let (column, replayed) = ("the run".to_owned(), format!("finished at step {}", verdict.to));
        verdict.mismatch = Some(Mismatch { step: verdict.to, column, place: None, recorded: format!("goes on to step {last}"), replayed });
    }
    // What the replay did not reach is at least whole: no line was changed, added or taken out.
    verdict.mismatch = verdict.mismatch.or_else(|| records.first_unlinked());
    Ok(verdict)
}

fn compare_step(
    fs: &dyn Fs,
    run: &OpenRun,
    records: &Records,
    kept: &[(u64, std::path::PathBuf)],
    sim: &Simulation,
    verdict: &mut Verdict,
) -> Result<Option<Mismatch>, RunError> {
    let step = sim.step_count();
    // 1. Kept states name the neuron or synapse.
    for (_, path) in kept.iter().filter(|(at, _)| *at == step) {
        let recorded = Checkpoint::read(fs, path)?;
        let replayed = sim.save().map_err(|source| RunError::Step { source })?;
        if let Some(d) = first_difference(&recorded.snapshot, &replayed) {
            return Ok(Some(Mismatch { step, column: d.section, place: Some(d.place), recorded: d.left, replayed: d.right }));
        }
        verdict.n_states += 1;
    }
    // 2. Hashes name the column.
    if let Some(recorded) = records.hashes.get(&step) {
        let replayed = hash_line(sim).linked(records.chain_before(step));
        if *recorded != replayed {
            let of_all = if recorded.state == replayed.state { "chain of hashes" } else { "the whole state" };
            let column = recorded.first_difference(&replayed).unwrap_or_else(|| of_all.to_owned());
            let hash = |line: &HashLine| match line.sections.iter().find(|(name, _)| *name == column) {
                Some((_, hash)) => format!("hash {hash}"),
                None if recorded.state == replayed.state => line.chain.clone(),
                None => line.state.clone(),
            };
            let (recorded, replayed) = (hash(recorded), hash(&replayed));
            return Ok(Some(Mismatch { step, column, place: None, recorded, replayed }));
        }
        verdict.n_hashes += 1;
    } else if step.is_multiple_of(run.manifest.hash_every) && step <= records.last_step() {
        return Ok(Some(missing(step, HASHES_FILE)));
    }
    // 3. Metrics are compared as text.
    let replayed = || metrics_line(step, &metrics_of(sim));
    match records.metrics.get(&step).map(|recorded| (recorded, replayed())) {
        Some((recorded, replayed)) if *recorded == replayed => verdict.n_metrics += 1,
        Some((recorded, replayed)) => {
            let (recorded, replayed) = (recorded.trim().to_owned(), replayed.trim().to_owned());
            return Ok(Some(Mismatch { step, column: METRICS_FILE.to_owned(), place: None, recorded, replayed }));
        }
        None if step > 0 && step.is_multiple_of(run.manifest.record_every) && step <= records.last_step() => {
            return Ok(Some(missing(step, METRICS_FILE)));
        }
        None => {}
    }
    Ok(None)
}

fn missing(step: u64, file: &str) -> Mismatch {
    Mismatch { step, column: file.to_owned(), place: None, recorded: "no line".to_owned(), replayed: "a line".to_owned() }
}
