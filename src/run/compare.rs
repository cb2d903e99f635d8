//! The first difference between two runs, or between two checkpoints.

use std::fmt;
use std::path::Path;

use crate::run::checkpoint::{Checkpoint, hex};
use crate::run::driver::{RunError, Watcher, hash_line, is_finished, load};
use crate::run::fs::Fs;
use crate::run::manifest::Manifest;
use crate::run::open::{OpenRun, build};
use crate::run::verify::Records;
use crate::simulation::{Simulation, first_difference};
use crate::snapshot::Snapshot;

/// Where two things part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// The first step that differs, where steps are known.
    pub step: Option<u64>,
    /// The column, state, metric or setting.
    pub column: String,
    /// The neuron or synapse, if one can be named.
    pub place: Option<String>,
    /// What the first has.
    pub left: String,
    /// What the second has.
    pub right: String,
}

impl fmt::Display for Parting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = self.step {
            write!(f, "step {step}, ")?;
        }
        let place = self.place.as_ref().map(|p| format!(", {p}")).unwrap_or_default();
        write!(f, "{}{place}: {} against {}", self.column, self.left, self.right)
    }
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Settings that differ, as (name, first, second); they may explain the parting.
    pub settings: Vec<(&'static str, String, String)>,
    /// The first difference in what was computed.
    pub parting: Option<Parting>,
}

impl Comparison {
    /// True if nothing differs that was computed, and nothing that decides it.
    pub fn is_same(&self) -> bool {
        self.settings.is_empty() && self.parting.is_none()
    }
}

/// Compares two checkpoints.
pub fn compare_checkpoints(a: &Checkpoint, b: &Checkpoint) -> Comparison {
    let pairs = [
        ("scene", hex(&a.scene_hash)[..16].to_owned(), hex(&b.scene_hash)[..16].to_owned()),
        ("seed", a.seed.to_string(), b.seed.to_string()),
        ("step", a.step.to_string(), b.step.to_string()),
    ];
    let settings = pairs.into_iter().filter(|(_, left, right)| left != right).collect();
    let step = (a.step == b.step).then_some(a.step);
    let parting = first_difference(&without_settings(a.snapshot.clone()), &without_settings(b.snapshot.clone())).map(|d| Parting {
        step,
        column: d.section,
        place: Some(d.place),
        left: d.left,
        right: d.right,
    });
    Comparison { settings, parting }
}

/// Sections that repeat settings, which are compared on their own.
const SETTINGS: [&str; 2] = ["run/seed", "run/step"];

fn without_settings(mut snapshot: Snapshot) -> Snapshot {
    snapshot.sections.retain(|section| !SETTINGS.contains(&section.name.as_str()));
    snapshot
}

/// Compares two runs: their logs first, and where these part both are replayed from their last kept
/// state before, so that the very step and the neuron or synapse can be named.
///
/// # Errors
/// If a run cannot be read, built or stepped.
pub fn compare_runs(fs: &dyn Fs, a: &OpenRun, b: &OpenRun, watcher: &mut dyn Watcher) -> Result<Comparison, RunError> {
    let (left, right) = (&a.manifest, &b.manifest);
    let pairs = [
        ("scene", left.scene_hash[..16].to_owned(), right.scene_hash[..16].to_owned()),
        ("overrides", left.overrides.join(" "), right.overrides.join(" ")),
        ("seed", left.seed.to_string(), right.seed.to_string()),
        ("steps", left.steps.to_string(), right.steps.to_string()),
        ("backend", backend_name(left), backend_name(right)),
        ("status", left.status.name().to_owned(), right.status.name().to_owned()),
    ];
    let settings = pairs.into_iter().filter(|(_, left, right)| left != right).collect();
    let records = (Records::read(fs, &a.dir)?, Records::read(fs, &b.dir)?);
    let parting = match logs_part(&records.0, &records.1) {
        None => None,
        Some((_, recorded)) if recorded.step.is_none() => Some(recorded),
        Some((agreed, recorded)) => Some(replay_to_parting(fs, a, b, agreed, recorded, watcher)?),
    };
    Ok(Comparison { settings, parting })
}

fn backend_name(manifest: &Manifest) -> String {
    manifest.backend.clone().unwrap_or_else(|| "the law".to_owned())
}

/// The last step at which the logs agree, and where they part.
fn logs_part(a: &Records, b: &Records) -> Option<(u64, Parting)> {
    let mut agreed = 0;
    let steps: std::collections::BTreeSet<u64> = a.hashes.keys().chain(a.metrics.keys()).copied().collect();
    for step in steps {
        if let (Some(left), Some(right)) = (a.hashes.get(&step), b.hashes.get(&step)) {
            // A seed that was chosen is part of every state; what follows from it is of interest.
            if let Some(column) = left.without(&SETTINGS).first_difference(&right.without(&SETTINGS)) {
                let (left, right) =
                    (left.state[..16.min(left.state.len())].to_owned(), right.state[..16.min(right.state.len())].to_owned());
                return Some((agreed, Parting { step: Some(step), column, place: None, left, right }));
            }
            agreed = step;
        }
        if let (Some(left), Some(right)) = (a.metrics.get(&step), b.metrics.get(&step))
            && left != right
        {
            let (left, right) = (left.trim().to_owned(), right.trim().to_owned());
            return Some((agreed, Parting { step: Some(step), column: "metrics".to_owned(), place: None, left, right }));
        }
    }
    let (left, right) = (a.last_step(), b.last_step());
    let parting =
        Parting { step: None, column: "last recorded step".to_owned(), place: None, left: left.to_string(), right: right.to_string() };
    (left != right).then_some((agreed, parting))
}

fn replay_to_parting(
    fs: &dyn Fs,
    a: &OpenRun,
    b: &OpenRun,
    agreed: u64,
    recorded: Parting,
    watcher: &mut dyn Watcher,
) -> Result<Parting, RunError> {
    let (mut left, mut right) = (state_before(fs, a, agreed)?, state_before(fs, b, agreed)?);
    let until = recorded.step.unwrap_or(agreed);
    loop {
        // The two may start from different kept states.
        while left.step_count() < right.step_count() {
            advance(&mut left, watcher)?;
        }
        while right.step_count() < left.step_count() {
            advance(&mut right, watcher)?;
        }
        let step = left.step_count();
        if hash_line(&left).without(&SETTINGS).sections != hash_line(&right).without(&SETTINGS).sections {
            let save = |sim: &Simulation| sim.save().map_err(|source| RunError::Step { source });
            let (l, r) = (without_settings(save(&left)?), without_settings(save(&right)?));
            if let Some(d) = first_difference(&l, &r) {
                return Ok(Parting { step: Some(step), column: d.section, place: Some(d.place), left: d.left, right: d.right });
            }
        }
        if step >= until || is_finished(&left) || is_finished(&right) {
            // Both replays agree, so one of the logs was changed; `verify` tells which.
            return Ok(Parting { column: format!("{} (in the logs only: verify both runs)", recorded.column), ..recorded });
        }
        advance(&mut left, watcher)?;
        advance(&mut right, watcher)?;
    }
}

fn advance(sim: &mut Simulation, watcher: &mut dyn Watcher) -> Result<(), RunError> {
    sim.step().map_err(|source| RunError::Step { source })?;
    watcher.stepped(sim.step_count());
    Ok(())
}

/// The run's simulation at its newest kept state at or before `step`.
fn state_before(fs: &dyn Fs, run: &OpenRun, step: u64) -> Result<Simulation, RunError> {
    let mut sim = build(&run.checked)?;
    if let Some((_, path)) = run.kept_states(fs)?.iter().rev().find(|(at, _)| *at <= step) {
        load(&mut sim, &Checkpoint::read(fs, path)?, &run.checked.digest, &run.dir)?;
    }
    Ok(sim)
}

/// Reads what `path` names as a checkpoint: a file, or the newest of a run directory.
///
/// # Errors
/// If it is none, or damaged.
pub fn checkpoint_at(fs: &dyn Fs, path: &Path) -> Result<Checkpoint, RunError> {
    let file = if path.is_dir() { crate::run::checkpoint::CheckpointStore::new(path).newest() } else { path.to_owned() };
    Ok(Checkpoint::read(fs, &file)?)
}
