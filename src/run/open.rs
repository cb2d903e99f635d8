//! From a scene, or from a run directory, to a simulation that can be driven.

use std::path::{Path, PathBuf};

use crate::kernels::layers::Backend;
use crate::run::checkpoint::{Checkpoint, CheckpointStore, ENGINE_VERSION, hex};
use crate::run::driver::{RunError, SCENE_FILE, SNAPSHOTS_DIR, hash_every};
use crate::run::fs::Fs;
use crate::run::manifest::{Bits, DOMAIN, FORMAT, Label, Manifest, Status, same_backend};
use crate::scene::{self, Checked, Limits, SceneSource};
use crate::simulation::Simulation;
use crate::units::Seed;

/// The manifest of a new run of a checked scene; `shown` is the scene as the user named it.
pub fn new_manifest(checked: &Checked, shown: &str, overrides: &[String], threads: usize) -> Manifest {
    let scene = &checked.scene;
    let backend = backend_of(checked);
    Manifest {
        format: FORMAT,
        domain: DOMAIN.to_owned(),
        engine: ENGINE_VERSION.to_owned(),
        scene: shown.to_owned(),
        scene_hash: hex(&checked.digest),
        overrides: overrides.to_vec(),
        seed: scene.seed.0,
        steps: scene.steps,
        record_every: scene.record_every,
        hash_every: hash_every(scene.record_every, checked.preflight.bytes),
        threads,
        bits: if backend.is_some() { Bits::Backend } else { Bits::Law },
        backend,
        label: if scene.model.is_exact() { Label::Exact } else { Label::Driven },
        status: Status::Running,
        step: 0,
        state_hash: None,
        error: None,
    }
}

/// The library that decides the bits of what a checked scene computes, if one does.
pub(super) fn backend_of(checked: &Checked) -> Option<String> {
    checked.scene.model.products().backend().map(|backend| backend.to_string())
}

/// Builds the simulation of a checked scene.
///
/// # Errors
/// If the network cannot be built.
pub fn build(checked: &Checked) -> Result<Simulation, RunError> {
    scene::build(&checked.scene).map_err(|e| RunError::Build(e.to_string()))
}

/// A run directory with its scene, which is the one that the run was started with.
pub struct OpenRun {
    /// The directory.
    pub dir: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its scene, with the seed and the steps of the run.
    pub checked: Checked,
}

impl OpenRun {
    /// Opens the run directory `dir`.
    ///
    /// # Errors
    /// If there is no run, its bits are those of another backend than that of this build, its scene cannot be read, or a file
    /// that the scene names has changed.
    pub fn open(fs: &dyn Fs, dir: &Path, limits: Limits) -> Result<Self, RunError> {
        let manifest = Manifest::read(fs, dir)?;
        let here = Backend::of_this_build().map(|backend| backend.to_string());
        same_backend(manifest.backend.as_deref(), here.as_deref())
            .map_err(|source| RunError::OtherBackend { dir: dir.to_owned(), source })?;
        let mut checked = scene::load(&SceneSource::File(dir.join(SCENE_FILE)), &[], limits).map_err(RunError::Scene)?;
        let now = hex(&checked.digest);
        if now != manifest.scene_hash {
            let short = |hash: &str| hash.get(..16).unwrap_or(hash).to_owned();
            return Err(RunError::Changed {
                dir: dir.to_owned(),
                what: "scene or a file that it names",
                then: short(&manifest.scene_hash),
                now: short(&now),
            });
        }
        checked.scene.seed = Seed(manifest.seed);
        checked.scene.steps = manifest.steps;
        Ok(OpenRun { dir: dir.to_owned(), manifest, checked })
    }

    /// Every state that the directory keeps, as (step, path), in ascending order of steps.
    ///
    /// # Errors
    /// If a checkpoint is damaged or of another version.
    pub fn kept_states(&self, fs: &dyn Fs) -> Result<Vec<(u64, PathBuf)>, RunError> {
        let mut kept = Vec::new();
        for (step, path) in snapshot_files(&self.dir) {
            kept.push((step, path));
        }
        let store = CheckpointStore::new(&self.dir);
        for path in [store.previous(), store.newest()] {
            if fs.exists(&path) {
                kept.push((Checkpoint::read(fs, &path)?.step, path));
            }
        }
        kept.sort();
        Ok(kept)
    }
}

/// The files of `snapshots/`, as (step, path).
fn snapshot_files(dir: &Path) -> Vec<(u64, PathBuf)> {
    let entries = std::fs::read_dir(dir.join(SNAPSHOTS_DIR)).into_iter().flatten().flatten();
    let step_of = |path: &Path| path.file_name()?.to_str()?.strip_prefix("step-")?.strip_suffix(".bin")?.parse().ok();
    entries.filter_map(|entry| Some((step_of(&entry.path())?, entry.path()))).collect()
}
