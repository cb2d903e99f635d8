//! `lehr verify` and `lehr diff`.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::args::{DiffArgs, VerifyArgs};
use crate::cli::output::{self, Outcome};
use crate::cli::progress::Progress;
use crate::cli::run_command::report;
use crate::run::compare::{Comparison, checkpoint_at, compare_checkpoints, compare_runs};
use crate::run::driver::{RunError, Watcher};
use crate::run::fs::DiskFs;
use crate::run::open::OpenRun;
use crate::run::threads::with_threads;
use crate::run::verify::{Verdict, verify as replay};
use crate::scene::Limits;

struct Steps(Progress);

impl Watcher for Steps {
    fn stepped(&mut self, step: u64) {
        self.0.set(step);
    }
}

/// Replays a run.
pub(super) fn verify(args: &VerifyArgs) -> Outcome {
    match with_threads(args.threads, || try_verify(args)).flatten() {
        Ok(verdict) => {
            if args.json {
                print_verdict_json(&verdict, &args.dir);
            } else {
                print_verdict(&verdict, &args.dir);
            }
            if verdict.mismatch.is_some() { Outcome::No } else { Outcome::Done }
        }
        Err(error) => report(&error, args.json),
    }
}

fn try_verify(args: &VerifyArgs) -> Result<Verdict, RunError> {
    let run = OpenRun::open(&DiskFs, &args.dir, Limits { memory: args.memory_limit })?;
    let (from, to) = (args.from.unwrap_or(0), args.to.unwrap_or(run.manifest.step));
    if from > to {
        return Err(RunError::Usage(format!("there is nothing from step {from} to step {to}")));
    }
    if to > run.manifest.steps {
        return Err(RunError::Usage(format!("the run has {} steps, so there is no step {to}", run.manifest.steps)));
    }
    let mut steps = Steps(Progress::start(to, 0, "steps", !args.json));
    let verdict = replay(&DiskFs, &run, from..=to, &mut steps);
    steps.0.clear();
    verdict
}

fn print_verdict(verdict: &Verdict, dir: &Path) {
    let dir = dir.display();
    match &verdict.mismatch {
        Some(mismatch) => output::data(&format!("{dir}: differs at {mismatch}\n")),
        None => output::data(&format!(
            "{dir}: steps {} to {} are reproduced bit for bit: {} hashes, {} rows of metrics, {} kept states\n",
            verdict.from, verdict.to, verdict.n_hashes, verdict.n_metrics, verdict.n_states
        )),
    }
}

fn print_verdict_json(verdict: &Verdict, dir: &Path) {
    let mismatch = verdict
        .mismatch
        .as_ref()
        .map(|m| json!({ "step": m.step, "column": m.column, "place": m.place, "recorded": m.recorded, "replayed": m.replayed }));
    let fields = json!({
        "status": if mismatch.is_some() { "differs" } else { "same" },
        "run_dir": dir,
        "from": verdict.from,
        "to": verdict.to,
        "hashes": verdict.n_hashes,
        "metrics": verdict.n_metrics,
        "states": verdict.n_states,
        "mismatch": mismatch,
    });
    output::json_line("end", fields);
}

/// Compares two runs or two checkpoints.
pub(super) fn diff(args: &DiffArgs) -> Outcome {
    match try_diff(args) {
        Ok(comparison) => {
            if args.json {
                print_comparison_json(&comparison);
            } else {
                print_comparison(&comparison, args);
            }
            if comparison.is_same() { Outcome::Done } else { Outcome::No }
        }
        Err(error) => report(&error, args.json),
    }
}

fn try_diff(args: &DiffArgs) -> Result<Comparison, RunError> {
    if !(args.a.is_dir() && args.b.is_dir()) {
        return Ok(compare_checkpoints(&checkpoint_at(&DiskFs, &args.a)?, &checkpoint_at(&DiskFs, &args.b)?));
    }
    let open = |dir| OpenRun::open(&DiskFs, dir, Limits::DEFAULT);
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    let mut steps = Steps(Progress::start(a.manifest.step, 0, "steps", !args.json));
    let comparison = compare_runs(&DiskFs, &a, &b, &mut steps);
    steps.0.clear();
    comparison
}

fn print_comparison(comparison: &Comparison, args: &DiffArgs) {
    let mut text = String::new();
    for (name, left, right) in &comparison.settings {
        text += &format!("{name}: {left} against {right}\n");
    }
    match &comparison.parting {
        Some(parting) => text += &format!("first difference: {parting}\n"),
        None => text += &format!("{} and {} hold the same results\n", args.a.display(), args.b.display()),
    }
    output::data(&text);
}

fn print_comparison_json(comparison: &Comparison) {
    let parting = comparison
        .parting
        .as_ref()
        .map(|p| json!({ "step": p.step, "column": p.column, "place": p.place, "left": p.left, "right": p.right }));
    let settings: Vec<Value> =
        comparison.settings.iter().map(|(name, left, right)| json!({ "name": name, "left": left, "right": right })).collect();
    let status = if comparison.is_same() { "same" } else { "differs" };
    output::json_line("end", json!({ "status": status, "settings": settings, "parting": parting }));
}
