//! `lehr info`.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::args::InfoArgs;
use crate::cli::describe::{bits_row, describe};
use crate::cli::output::{self, Outcome};
use crate::cli::run_command::report;
use crate::run::batch::RUNS_FILE;
use crate::run::batch_manifest::{self, BatchManifest};
use crate::run::checkpoint::{Checkpoint, CheckpointStore, hex};
use crate::run::driver::{RunError, SCENE_FILE};
use crate::run::fs::{DiskFs, Fs};
use crate::run::manifest::{Manifest, Status};
use crate::run::place;
use crate::run::recorder::{METRICS_FILE, last_line, read_log};
use crate::run::rows::Table;
use crate::scene::{Limits, Scene, SceneSource, load};

/// Shows what a path holds.
pub(super) fn info(args: &InfoArgs) -> Outcome {
    let shown = if args.path.is_dir() {
        if args.path.join(batch_manifest::FILE).exists() { batch(args) } else { run_dir(args) }
    } else if args.path.extension().is_some_and(|extension| extension == "ron") {
        scene(args)
    } else {
        checkpoint(args)
    };
    match shown {
        Ok(()) => Outcome::Done,
        Err(error) => report(&error, args.json),
    }
}

fn scene(args: &InfoArgs) -> Result<(), RunError> {
    let checked = load(&SceneSource::File(args.path.clone()), &[], Limits::DEFAULT).map_err(RunError::Scene)?;
    let (rows, mut fields) = describe(&checked);
    let Scene { name, seed, steps, .. } = &checked.scene;
    if args.json {
        (fields["name"], fields["seed"], fields["steps"]) = (json!(name), json!(seed.0), json!(steps));
        output::json_line("info", json!({ "scene": fields }));
        return Ok(());
    }
    let mut text = format!("{}: {name}, {}, seed {seed}, {steps} steps\n", args.path.display(), checked.preflight);
    rows.iter().for_each(|(name, value)| text += &format!("  {name:<12} {value}\n"));
    output::data(&text);
    Ok(())
}

fn checkpoint(args: &InfoArgs) -> Result<(), RunError> {
    let checkpoint = Checkpoint::read(&DiskFs, &args.path)?;
    if args.json {
        output::json_line("checkpoint", checkpoint_json(&checkpoint));
        return Ok(());
    }
    let mut text = format!("{}: step {}, seed {}\n", args.path.display(), checkpoint.step, checkpoint.seed);
    text += &format!("  scene  {}\n  state  {}\n", hex(&checkpoint.scene_hash), hex(&checkpoint.state_hash));
    for section in &checkpoint.snapshot.sections {
        let n = section.bytes.len() / section.dtype.size();
        let dtype = format!("{:?}", section.dtype).to_lowercase();
        text += &format!("  {:<40} {n:>12} x {dtype:<4} {:>10}\n", section.name, output::bytes(section.bytes.len() as u64));
    }
    output::data(&text);
    Ok(())
}

fn checkpoint_json(checkpoint: &Checkpoint) -> Value {
    let sections: Vec<Value> = checkpoint
        .snapshot
        .sections
        .iter()
        .map(|s| json!({ "name": s.name, "dtype": format!("{:?}", s.dtype).to_lowercase(), "count": s.bytes.len() / s.dtype.size() }))
        .collect();
    json!({
        "step": checkpoint.step,
        "seed": checkpoint.seed,
        "scene_hash": hex(&checkpoint.scene_hash),
        "state_hash": hex(&checkpoint.state_hash),
        "sections": sections,
    })
}

fn last_metrics(dir: &Path) -> Result<Option<Value>, RunError> {
    let path = dir.join(METRICS_FILE);
    let bytes = read_log(&DiskFs, &path).map_err(|source| RunError::Io { path, source })?;
    Ok(last_line(&bytes).and_then(|line| serde_json::from_slice(line).ok()))
}

fn run_dir(args: &InfoArgs) -> Result<(), RunError> {
    let dir = &args.path;
    let manifest = Manifest::read(&DiskFs, dir)?;
    let metrics = last_metrics(dir)?;
    let store = CheckpointStore::new(dir);
    let states: Vec<(&str, Result<Checkpoint, String>)> = [("newest", store.newest()), ("before", store.previous())]
        .into_iter()
        .filter(|(_, path)| DiskFs.exists(path))
        .map(|(name, path)| (name, Checkpoint::read(&DiskFs, &path).map_err(|e| e.to_string())))
        .collect();
    // A run shows what is in its directory, even if its scene can no longer be read.
    let described = load(&SceneSource::File(dir.join(SCENE_FILE)), &[], Limits::DEFAULT).ok().map(|checked| describe(&checked));
    if args.json {
        let states: Vec<Value> = states
            .iter()
            .map(|(name, state)| match state {
                Ok(c) => json!({ "name": name, "step": c.step, "state_hash": hex(&c.state_hash) }),
                Err(error) => json!({ "name": name, "error": error }),
            })
            .collect();
        let manifest = serde_json::to_value(&manifest).expect("a manifest holds text and numbers only");
        output::json_line(
            "info",
            json!({ "run_dir": dir, "manifest": manifest, "network": described.map(|(_, fields)| fields), "metrics": metrics, "checkpoints": states }),
        );
        return Ok(());
    }
    let status = match manifest.status {
        // The lock tells a run that is going on from one whose process died.
        Status::Running if !place::is_in_use(dir) => "stopped without saving its end (killed?); --resume goes on".to_owned(),
        status => status.name().to_owned(),
    };
    let mut text = format!("{}: {status}\n", dir.display());
    let mut row = |name: &str, value: String| text += &format!("  {name:<12} {value}\n");
    row("scene", manifest.scene.clone());
    if !manifest.overrides.is_empty() {
        row("overrides", manifest.overrides.join(" "));
    }
    row("seed", manifest.seed.to_string());
    row("step", format!("{} of {}", manifest.step, manifest.steps));
    row("label", format!("{:?}", manifest.label).to_lowercase());
    row("engine", format!("lehr {}", manifest.engine));
    row("bits", bits_row(manifest.backend.as_deref()));
    for (name, value) in described.into_iter().flat_map(|(rows, _)| rows).filter(|(name, _)| *name != "bits") {
        row(name, value);
    }
    if let Some(hash) = &manifest.state_hash {
        row("state hash", hash.clone());
    }
    if let Some(error) = &manifest.error {
        row("error", error.clone());
    }
    for (name, state) in &states {
        let state = state.as_ref().map_or_else(|e| format!("damaged: {e}"), |c| format!("step {}", c.step));
        row("checkpoint", format!("{state} ({name})"));
    }
    if let Some(Value::Object(metrics)) = metrics {
        let values: Vec<String> = metrics.iter().map(|(name, value)| format!("{name} {value}")).collect();
        row("last record", values.join(", "));
    }
    output::data(&text);
    Ok(())
}

fn batch(args: &InfoArgs) -> Result<(), RunError> {
    let dir = &args.path;
    let manifest = BatchManifest::read(&DiskFs, dir)?;
    let path = dir.join(RUNS_FILE);
    let bytes = read_log(&DiskFs, &path).map_err(|source| RunError::Io { path: path.clone(), source })?;
    let rows = Table::decode(&bytes).map_err(|(line, what)| RunError::BadLog { path, line, what })?;
    if args.json {
        let manifest = serde_json::to_value(&manifest).expect("a manifest holds text and numbers only");
        output::json_line("info", json!({ "run_dir": dir, "batch": manifest, "runs": rows.len() }));
    } else {
        let text = format!(
            "{}: {} of {} runs\n  scene        {}\n  seed         {}\n  steps        {}\n  engine       lehr {}\n  bits         {}\n",
            dir.display(),
            rows.len(),
            manifest.reps,
            manifest.scene,
            manifest.seed,
            manifest.steps,
            manifest.engine,
            bits_row(manifest.backend.as_deref())
        );
        output::data(&text);
    }
    Ok(())
}
