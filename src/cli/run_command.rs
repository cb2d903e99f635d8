//! `lehr run`.

use std::io::Read;
use std::path::Path;
use std::time::Instant;

use serde_json::json;

use crate::cli::args::{RunArgs, SceneArgs};
use crate::cli::batch_command;
use crate::cli::interrupt::{self, STOP};
use crate::cli::output::{self, Outcome};
use crate::cli::progress::Progress;
use crate::run::batch_manifest::{self, BatchManifest};
use crate::run::best::BEST_FILE;
use crate::run::confusion::CONFUSION_FILE;
use crate::run::driver::{CheckpointEvery, DEFAULT_INTERVAL, DriveSettings, Run, RunEnd, RunError, SCENE_FILE, Watcher};
use crate::run::evolution::CHAMPION_FILE;
use crate::run::fs::DiskFs;
use crate::run::manifest::{self, Label, Manifest, Status};
use crate::run::open::{build, new_manifest};
use crate::run::place::{self, Existing, Place};
use crate::run::threads::{available, with_threads};
use crate::scene::checked::Model;
use crate::scene::checked_network::NetworkSystem;
use crate::scene::{self, Checked, Format, Limits, Report, SceneSource};
use crate::simulation::Simulation;
use crate::units::Seed;

/// Runs a scene.
pub(super) fn run(args: &RunArgs) -> Outcome {
    interrupt::listen();
    match try_run(args) {
        Ok(outcome) => outcome,
        Err(error) => report(&error, args.json),
    }
}

/// Reports an error and says how the command ends.
pub(super) fn report(error: &RunError, as_json: bool) -> Outcome {
    if let RunError::Scene(complaints) = error {
        show_complaints(complaints, as_json);
    } else {
        output::error(error, as_json);
    }
    outcome_of(error)
}

fn outcome_of(error: &RunError) -> Outcome {
    match error {
        RunError::Exists { .. } | RunError::NotEmpty { .. } | RunError::InUse { .. } | RunError::Changed { .. } => Outcome::Usage,
        RunError::OtherBackend { .. } => Outcome::Usage,
        RunError::Scene(_) | RunError::Build(_) | RunError::Threads { .. } | RunError::Usage(_) => Outcome::Usage,
        RunError::StateDiffers { .. } | RunError::DoesNotFit { .. } | RunError::Checkpoint(_) => Outcome::Files,
        RunError::Manifest(_) | RunError::Io { .. } | RunError::BadLog { .. } => Outcome::Files,
        RunError::Step { .. } => Outcome::RunFailed,
    }
}

/// Shows complaints about a scene.
pub(super) fn show_complaints(report: &Report, as_json: bool) {
    if as_json {
        output::data(&report.render(Format::Json));
    } else {
        eprint!("{}", report.render(Format::Human { colour: output::stderr_has_colour() }));
    }
}

/// The source that `path` names: a file, `-` for standard input.
///
/// # Errors
/// If standard input cannot be read as text.
pub(super) fn source_of(path: &Path) -> Result<SceneSource, RunError> {
    if path != Path::new("-") {
        return Ok(SceneSource::File(path.to_owned()));
    }
    let mut bytes = Vec::new();
    // One byte more than a scene may have, so that the check can tell.
    let read = std::io::stdin().lock().take(SCENE_LIMIT + 1).read_to_end(&mut bytes);
    let text = read.and_then(|_| String::from_utf8(bytes).map_err(std::io::Error::other));
    let text = text.map_err(|e| RunError::Usage(format!("standard input: {e}")))?;
    let dir = std::env::current_dir().map_err(|e| RunError::Usage(format!("the current folder: {e}")))?;
    Ok(SceneSource::Text { name: "<stdin>".to_owned(), text, dir })
}

const SCENE_LIMIT: u64 = 8 << 20;

/// The limits that the arguments set.
pub(super) fn limits_of(changes: &SceneArgs) -> Limits {
    Limits { memory: changes.memory_limit }
}

fn try_run(args: &RunArgs) -> Result<Outcome, RunError> {
    let from_dir = args.scene.is_dir();
    if from_dir && !args.resume {
        let dir = args.scene.display();
        return Err(RunError::Usage(format!("{dir} is a directory: go on with its run by --resume, or name a scene")));
    }
    if from_dir && (!args.changes.overrides.is_empty() || args.out.is_some()) {
        return Err(RunError::Usage("a run is continued as it was started: leave out --set and --out".to_owned()));
    }
    let source = if from_dir { SceneSource::File(args.scene.join(SCENE_FILE)) } else { source_of(&args.scene)? };
    let mut checked = scene::load(&source, &args.changes.overrides, limits_of(&args.changes)).map_err(RunError::Scene)?;
    if !args.quiet && !checked.warnings.complaints.is_empty() && !from_dir {
        eprint!("{}", checked.warnings.render(Format::Human { colour: output::stderr_has_colour() }));
    }
    let mut n_reps = args.reps;
    if from_dir && args.scene.join(batch_manifest::FILE).exists() {
        // What the batch was started with holds, unless it is said again.
        let old = BatchManifest::read(&DiskFs, &args.scene)?;
        (checked.scene.seed, checked.scene.steps) = (Seed(old.seed), old.steps);
        n_reps = n_reps.or(Some(old.reps));
    }
    if let Some(seed) = args.seed {
        checked.scene.seed = Seed(seed);
    }
    if let Some(steps) = args.steps {
        checked.scene.steps = steps;
    }
    let existing = match (args.resume, args.force) {
        (true, _) => Existing::Resume,
        (_, true) => Existing::Replace,
        _ => Existing::Keep,
    };
    let wanted = if from_dir { Some(args.scene.as_path()) } else { args.out.as_deref() };
    let marker = if n_reps.is_some() { batch_manifest::FILE } else { manifest::FILE };
    let place = place::choose(wanted, &checked.scene.name, checked.scene.seed.0, existing, marker)?;
    let _lock = place::lock(&place.dir)?;
    if existing == Existing::Replace {
        place::remove_run(&place.dir)?;
    }
    let n_threads = args.threads.unwrap_or_else(available);
    match n_reps {
        Some(n_reps) => batch_command::run_all(args, &checked, &place, n_reps, n_threads),
        None => with_threads(n_threads, || one_run(args, checked, &place, n_threads)).flatten(),
    }
}

fn one_run(args: &RunArgs, mut checked: Checked, place: &Place, n_threads: usize) -> Result<Outcome, RunError> {
    let started = now();
    let dir = &place.dir;
    let mut shown = args.scene.display().to_string();
    let mut overrides = args.changes.overrides.clone();
    if place.resumes {
        // What the run was started with holds, unless it is said again.
        let old = Manifest::read(&DiskFs, dir)?;
        checked.scene.seed = Seed(args.seed.unwrap_or(old.seed));
        checked.scene.steps = args.steps.unwrap_or(old.steps);
        (shown, overrides) = (old.scene, old.overrides);
    }
    let wanted = new_manifest(&checked, &shown, &overrides, n_threads);
    let (seed, steps, label) = (wanted.seed, wanted.steps, wanted.label);
    let mut sim = build(&checked)?;
    let mut front = Front::new(args, steps);
    let mut run = if place.resumes {
        Run::resume(&DiskFs, dir, wanted, checked.digest, &mut sim, &mut front)?
    } else {
        Run::create(&DiskFs, dir, wanted, &checked.resolved, checked.digest, &sim)?
    };
    let at = sim.step_count();
    front.start(&checked, run.manifest(), dir, &sim);
    let settings = DriveSettings {
        checkpoint_every: match args.checkpoint_every.or(checked.scene.checkpoint_every) {
            Some(steps) => CheckpointEvery::Steps(steps),
            None => CheckpointEvery::Time(DEFAULT_INTERVAL),
        },
        snapshot_every: args.snapshot_every.unwrap_or(0),
    };
    let driven = now();
    let end = run.drive(&mut sim, settings, &STOP, &mut front);
    front.progress.clear();
    let (seconds, stepping) = ((now() - started).as_secs_f64(), (now() - driven).as_secs_f64());
    let end = end?;
    let claim = claim(label, &checked.scene.model);
    let summary = Summary { end: &end, at, steps, seed, label, claim, seconds, stepping, dir };
    match (args.json, args.quiet) {
        (true, _) => summary.print_json(),
        (_, true) => output::data(&format!("{}\n", dir.display())),
        _ => summary.print(),
    }
    let is_solved = end.metrics.iter().any(|(name, value)| name == "solved" && *value == 1.0);
    Ok(match (end.status, &checked.scene.model) {
        (Status::Interrupted, _) => Outcome::Interrupted,
        (_, Model::Evolution(model)) if model.must_solve && !is_solved => {
            eprintln!("not solved after {} generations: {} was asked for", end.step, model.task.task().goal());
            Outcome::No
        }
        _ => Outcome::Done,
    })
}

/// What listens to a run and tells the user.
struct Front {
    as_json: bool,
    is_verbose: bool,
    is_quiet: bool,
    steps: u64,
    progress: Progress,
}

impl Front {
    fn new(args: &RunArgs, steps: u64) -> Self {
        let progress = Progress::start(0, 0, "steps", false);
        Front { as_json: args.json, is_verbose: args.verbose, is_quiet: args.quiet, steps, progress }
    }

    fn start(&mut self, checked: &Checked, manifest: &Manifest, dir: &Path, sim: &Simulation) {
        // What was built, where a check knows no more than a bound.
        let (at, neurons, synapses) = (sim.step_count(), sim.fabric().n_neurons(), sim.fabric().n_synapses());
        if self.as_json {
            output::json_line(
                "start",
                json!({
                    "scene": manifest.scene,
                    "scene_hash": manifest.scene_hash,
                    "engine": manifest.engine,
                    "seed": manifest.seed,
                    "steps": manifest.steps,
                    "step": at,
                    "threads": manifest.threads,
                    "label": manifest.label,
                    "bits": manifest.bits,
                    "backend": manifest.backend,
                    "neurons": neurons,
                    "synapses": synapses,
                    "run_dir": dir,
                }),
            );
        } else if !self.is_quiet {
            let method = checked.scene.model.method_name();
            let name = &checked.scene.name;
            let resumed = if at > 0 { format!(", going on from step {at}") } else { String::new() };
            eprintln!(
                "{name}: {neurons} neurons and {synapses} synapses, {method}, seed {}, {} steps, {} threads{resumed}",
                manifest.seed, manifest.steps, manifest.threads
            );
        }
        self.progress = Progress::start(self.steps, at, "steps", !self.is_quiet && !self.as_json);
    }
}

impl Watcher for Front {
    fn stepped(&mut self, step: u64) {
        self.progress.set(step);
    }

    fn recorded(&mut self, step: u64, metrics: &[(String, f64)]) {
        if self.as_json {
            let mut fields = output::metrics_json(metrics);
            fields["step"] = json!(step);
            output::json_line("step", fields);
        } else if self.is_verbose {
            let values: Vec<String> = metrics.iter().map(|(name, value)| format!("{name} {}", output::number(*value))).collect();
            self.progress.above(&format!("step {step}: {}", values.join(", ")));
        } else if let Some((name, value)) = headline(metrics) {
            self.progress.say(format!("{name} {}", output::number(value)));
        }
    }

    fn warn(&mut self, message: &str) {
        self.progress.above(&format!("warning: {message}"));
    }
}

/// The metric that a user looks at first.
fn headline(metrics: &[(String, f64)]) -> Option<(&str, f64)> {
    let wanted = ["test_accuracy", "train_accuracy", "test_loss", "train_loss", "best_cut", "recall_rate_", "best_energy", "energy"];
    let is_wanted = |metric: &str, name: &str| metric == name || name.ends_with('_') && metric.starts_with(name);
    wanted.iter().find_map(|name| metrics.iter().find(|(metric, _)| is_wanted(metric, name))).map(|(name, value)| (name.as_str(), *value))
}

struct Summary<'a> {
    end: &'a RunEnd,
    at: u64,
    steps: u64,
    seed: u64,
    label: Label,
    /// The label in words.
    claim: &'static str,
    seconds: f64,
    /// Seconds of stepping, without loading and building.
    stepping: f64,
    dir: &'a Path,
}

impl Summary<'_> {
    fn print_json(&self) {
        output::json_line(
            "end",
            json!({
                "status": self.end.status,
                "step": self.end.step,
                "seed": self.seed,
                "label": self.label,
                "metrics": output::metrics_json(&self.end.metrics),
                "absent": output::reasons_json(&self.end.absent),
                "state_hash": self.end.state_hash,
                "run_dir": self.dir,
                "seconds": self.seconds,
                "updates": self.end.updates,
            }),
        );
    }

    fn print(&self) {
        let verb = match self.end.status {
            Status::Interrupted => "interrupted",
            _ if self.at == self.end.step => "nothing left to do",
            _ => "done",
        };
        let (step, took) = (self.end.step, output::seconds(self.seconds));
        let mut text = if self.end.status == Status::Done && step < self.steps {
            format!("{verb}: the method finished at step {step} of at most {}, {took}\n", self.steps)
        } else {
            format!("{verb}: step {step} of {}, {took}\n", self.steps)
        };
        text += &table(&self.end.metrics, &self.end.absent);
        if let Some(updates) = self.end.updates.filter(|_| self.stepping > 0.0) {
            text += &format!("  {:<22} {}spin updates/s\n", "rate", output::count(updates as f64 / self.stepping));
        }
        text += &format!("  {:<22} {}\n", "label", self.claim);
        text += &format!("  {:<22} {}\n", "files", self.dir.display());
        if self.dir.join(BEST_FILE).exists() {
            text += &format!("  {:<22} {}\n", "best state", self.dir.join(BEST_FILE).display());
        }
        for (what, file) in [("confusion matrix", CONFUSION_FILE), ("best network", CHAMPION_FILE)] {
            if self.dir.join(file).exists() {
                text += &format!("  {what:<22} {}\n", self.dir.join(file).display());
            }
        }
        output::data(&text);
        if self.end.status == Status::Interrupted {
            eprintln!("go on with: lehr run {} --resume", self.dir.display());
        }
    }
}

/// What a label claims of the states of a run.
fn claim(label: Label, model: &Model) -> &'static str {
    match (label, model) {
        (Label::Exact, _) => "exact: samples of the stated distribution",
        (Label::Driven, Model::Spins(_)) => "driven: good states, no equilibrium claimed",
        (Label::Driven, Model::Evolution(_)) => "driven: networks that evolved, no equilibrium claimed",
        (Label::Driven, Model::Machine(_)) => "driven: weights that were trained, no equilibrium claimed",
        (Label::Driven, Model::Network(model)) => {
            let learns = model.systems.iter().any(|s| !matches!(s, NetworkSystem::Evaluate | NetworkSystem::Live(_)));
            if model.systems.iter().any(|s| matches!(s, NetworkSystem::Plastic(_))) {
                "driven: wiring that grew and faded by rules, no equilibrium claimed"
            } else if model.systems.iter().any(|s| matches!(s, NetworkSystem::Rewire(_))) {
                "driven: a wiring that moved while it learned, no equilibrium claimed"
            } else if learns {
                "driven: weights that were trained, no equilibrium claimed"
            } else {
                "driven: forward passes, weights as they were given"
            }
        }
    }
}

/// The metrics, what was asked for first, each with its error bar; then what is missing, by reason.
fn table(metrics: &[(String, f64)], absent: &[(&str, &str)]) -> String {
    let find = |name: &str| metrics.iter().find(|(of, _)| of == name).map(|&(_, value)| value);
    let is_error_bar = |name: &str| name.strip_suffix("_error").is_some_and(|of| find(of).is_some());
    let shown = |name: &str| name.replace('_', " ");
    let (first, rest): (Vec<_>, Vec<_>) = metrics.iter().partition(|(name, _)| name.starts_with("best_") || name.contains("cut"));
    let rows: Vec<_> = first.into_iter().chain(rest).filter(|(name, _)| !is_error_bar(name)).collect();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(22);
    let mut text = String::new();
    for (name, value) in rows {
        let error = find(&format!("{name}_error")).map_or_else(String::new, |error| format!(" +- {}", output::number(error)));
        text += &format!("  {:<width$} {}{error}\n", shown(name), output::number(*value));
    }
    for reasons in absent.chunk_by(|a, b| a.1 == b.1) {
        let names: Vec<String> = reasons.iter().map(|(name, _)| shown(name.trim_end_matches("_00"))).collect();
        text += &format!("  no {}: {}\n", names.join(", "), reasons[0].1);
    }
    text
}

#[expect(clippy::disallowed_methods, reason = "shows the user how long it took")]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::checkpoint::CheckpointError;
    use crate::simulation::StepError;

    #[test]
    fn the_table_puts_error_bars_beside_their_values_and_reasons_together() {
        let metrics =
            [("energy", -1.5), ("energy_error", 0.25), ("best_cut", 7.0), ("ln_z_error", 0.5)].map(|(name, x)| (name.to_owned(), x));
        let absent = [("tau_int", "one"), ("swap_rate_00", "one"), ("temperature", "two")];
        let lines = table(&metrics, &absent);
        let lines: Vec<_> = lines.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines, ["best cut 7", "energy -1.5 +- 0.25", "ln z error 0.5", "no tau int, swap rate: one", "no temperature: two"]);
    }

    #[test]
    fn the_headline_is_what_the_scene_is_about() {
        let named = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), 1.0)).collect::<Vec<_>>();
        let check = |names: &[&str], expected: &str| assert_eq!(headline(&named(names)).map(|(name, _)| name), Some(expected));
        check(&["acceptance", "best_cut", "best_energy", "energy"], "best_cut");
        check(&["recall_overlap_hebb", "recall_rate_hebb", "recall_rate_hebb_error"], "recall_rate_hebb");
        check(&["acceptance", "best_energy", "energy"], "best_energy");
        assert_eq!(headline(&named(&["acceptance"])), None);
    }

    #[test]
    fn every_kind_of_error_has_its_exit_code() {
        let dir = std::path::PathBuf::from("run");
        let check = |error: RunError, code| assert_eq!(outcome_of(&error).code(), code, "{error}");
        check(RunError::Exists { dir: dir.clone(), step: 1, status: "done" }, 2);
        check(RunError::Build("no memory".to_owned()), 2);
        check(RunError::Step { source: StepError::NotBuilt }, 3);
        check(RunError::Checkpoint(CheckpointError::NotACheckpoint), 4);
        check(RunError::Io { path: dir, source: std::io::ErrorKind::StorageFull.into() }, 4);
    }
}
