//! `lehr run --reps`.

use serde_json::{Value, json};

use crate::cli::args::RunArgs;
use crate::cli::interrupt::STOP;
use crate::cli::output::{self, Outcome};
use crate::cli::progress::Progress;
use crate::cli::run_command::now;
use crate::run::batch::{BatchEnd, BatchSettings, Ended, RUNS_FILE, run_batch};
use crate::run::batch_manifest::BatchManifest;
use crate::run::driver::RunError;
use crate::run::fs::DiskFs;
use crate::run::place::Place;
use crate::scene::Checked;
use crate::scene::checked::Model;

/// Runs the scene `n_reps` times.
pub(super) fn run_all(args: &RunArgs, checked: &Checked, place: &Place, n_reps: u64, n_threads: usize) -> Result<Outcome, RunError> {
    let started = now();
    let n_jobs = jobs_within_memory(args, checked, n_reps, n_threads);
    let checkpoint_every = args.checkpoint_every.or(checked.scene.checkpoint_every);
    let settings = BatchSettings { n_reps, n_jobs, n_threads: (n_threads / n_jobs).max(1), checkpoint_every };
    let mut manifest = BatchManifest::new(checked, &args.scene.display().to_string(), &args.changes.overrides, n_reps);
    if place.resumes {
        let old = BatchManifest::read(&DiskFs, &place.dir)?;
        (manifest.scene, manifest.overrides) = (old.scene, old.overrides);
    }
    manifest.write_or_match(&DiskFs, &place.dir, &checked.resolved, place.resumes)?;
    let dir = place.dir.display();
    if args.json {
        let fields = json!({
            "scene": manifest.scene,
            "scene_hash": manifest.scene_hash,
            "engine": manifest.engine,
            "seed": manifest.seed,
            "steps": manifest.steps,
            "reps": n_reps,
            "jobs": n_jobs,
            "threads": n_threads,
            "bits": manifest.bits,
            "backend": manifest.backend,
            "run_dir": place.dir,
        });
        output::json_line("start", fields);
    } else if !args.quiet {
        let (name, method) = (&checked.scene.name, checked.scene.model.method_name());
        eprintln!("{name}: {}, {method}, {n_reps} runs of {} steps, {n_jobs} at a time", checked.preflight, manifest.steps);
    }
    let progress = Progress::start(n_reps, 0, "runs", !args.quiet && !args.json);
    let mut n_ended = 0;
    let end = run_batch(&DiskFs, &place.dir, checked, settings, &STOP, |run| {
        n_ended += 1;
        progress.set(n_ended);
        tell(run, args, &progress);
    });
    progress.clear();
    let end = end?;
    let seconds = (now() - started).as_secs_f64();
    match (args.json, args.quiet) {
        (true, _) => print_json(&end, place, seconds),
        (_, true) => output::data(&format!("{dir}\n")),
        _ => output::data(&summary(&end, n_reps, place, seconds)),
    }
    Ok(match &end {
        end if end.interrupted => {
            eprintln!("go on with: lehr run {dir} --resume");
            Outcome::Interrupted
        }
        end if !end.failures.is_empty() => Outcome::RunFailed,
        end if must_solve(checked)
            && !end.rows.rows().all(|(_, row)| row.metrics.iter().any(|(name, x)| name == "solved" && *x == 1.0)) =>
        {
            eprintln!("not every run has solved its task");
            Outcome::No
        }
        _ => Outcome::Done,
    })
}

/// True if a run that does not solve its task has failed.
fn must_solve(checked: &Checked) -> bool {
    matches!(&checked.scene.model, Model::Evolution(model) if model.must_solve)
}

/// As many jobs as asked for, unless so many networks would not fit into the limit together.
fn jobs_within_memory(args: &RunArgs, checked: &Checked, n_reps: u64, n_threads: usize) -> usize {
    let wanted = args.jobs.unwrap_or(n_threads).min(usize::try_from(n_reps).unwrap_or(usize::MAX)).max(1);
    let limit = crate::cli::run_command::limits_of(&args.changes).memory_bytes();
    let fitting = usize::try_from(limit / checked.preflight.bytes.max(1)).unwrap_or(usize::MAX).max(1);
    if fitting < wanted && !args.quiet {
        eprintln!("warning: {fitting} jobs at a time, not {wanted}: more would pass the memory limit of {}", output::bytes(limit));
    }
    wanted.min(fitting)
}

fn tell(run: &Ended, args: &RunArgs, progress: &Progress) {
    match &run.result {
        Ok(row) if args.json => output::json_line(
            "run",
            json!({
                "rep": run.rep,
                "seed": row.seed,
                "steps": row.steps,
                "metrics": output::metrics_json(&row.metrics),
                "state_hash": row.state_hash,
                "seconds": run.seconds,
            }),
        ),
        Ok(row) if args.verbose => {
            let values: Vec<String> = row.metrics.iter().map(|(name, value)| format!("{name} {}", output::number(*value))).collect();
            progress.above(&format!("run {} (seed {}): {}", run.rep, row.seed, values.join(", ")));
        }
        Ok(_) => {}
        Err(message) => {
            if args.json {
                output::json_line("error", json!({ "rep": run.rep, "seed": run.seed.0, "message": message }));
            }
            progress.above(&format!("error: run {} (seed {}): {message}", run.rep, run.seed));
        }
    }
}

/// Least, mean and greatest value.
fn spread(values: &[f64]) -> (f64, f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, values.iter().sum::<f64>() / values.len() as f64, greatest)
}

/// One hash for all runs together.
fn batch_hash(end: &BatchEnd) -> String {
    let mut hasher = blake3::Hasher::new();
    for (rep, row) in end.rows.rows() {
        hasher.update(&rep.to_le_bytes());
        hasher.update(row.state_hash.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

fn status_of(end: &BatchEnd) -> &'static str {
    match end {
        end if end.interrupted => "interrupted",
        end if !end.failures.is_empty() => "failed",
        _ => "done",
    }
}

fn print_json(end: &BatchEnd, place: &Place, seconds: f64) {
    let metrics: Vec<(String, Value)> = end
        .rows
        .columns()
        .into_iter()
        .map(|(name, values)| {
            let (min, mean, max) = spread(&values);
            (name.to_owned(), json!({ "min": min, "mean": mean, "max": max, "runs": values.len() }))
        })
        .collect();
    let fields = json!({
        "status": status_of(end),
        "runs": end.rows.len(),
        "failed": end.failures.len(),
        "metrics": Value::Object(metrics.into_iter().collect()),
        "state_hash": batch_hash(end),
        "run_dir": place.dir,
        "seconds": seconds,
    });
    output::json_line("end", fields);
}

fn summary(end: &BatchEnd, n_reps: u64, place: &Place, seconds: f64) -> String {
    let mut text = format!("{}: {} of {n_reps} runs, {}", status_of(end), end.rows.len(), output::seconds(seconds));
    if !end.failures.is_empty() {
        text += &format!(", {} failed (see failures.csv)", end.failures.len());
    }
    text += &format!("\n  {:<22} {:>14} {:>14} {:>14}\n", "", "least", "mean", "greatest");
    for (name, values) in end.rows.columns() {
        let (least, mean, greatest) = spread(&values);
        let cells = [least, mean, greatest].map(output::number);
        // A mean over some runs is not that of all.
        let share = if values.len() < end.rows.len() { format!("  (n = {} of {})", values.len(), end.rows.len()) } else { String::new() };
        text += &format!("  {:<22} {:>14} {:>14} {:>14}{share}\n", name.replace('_', " "), cells[0], cells[1], cells[2]);
    }
    text + &format!("  {:<22} {}\n", "rows", place.dir.join(RUNS_FILE).display())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::run::rows::{Row, Table};

    #[test]
    fn means_over_fewer_runs_than_all_say_so() {
        let mut rows = Table::default();
        for (rep, names) in [(0, ["loss", "accuracy"].as_slice()), (1, ["loss"].as_slice())] {
            let metrics = names.iter().map(|name| ((*name).to_owned(), 0.5)).collect();
            rows.insert(rep, Row { seed: rep, steps: 1, state_hash: "ab".to_owned(), metrics });
        }
        let end = BatchEnd { rows, failures: BTreeMap::new(), interrupted: false };
        let place = Place { dir: "runs/a".into(), resumes: false };
        let text = summary(&end, 2, &place, 1.0);
        let line = |name: &str| text.lines().find(|l| l.trim_start().starts_with(name)).unwrap().to_owned();
        assert!(line("accuracy").ends_with("(n = 1 of 2)") && !line("loss").contains("n ="), "{text}");
    }
}
