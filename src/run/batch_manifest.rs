//! `batch.json`: which scene and seed the rows of a batch belong to.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::run::checkpoint::{ENGINE_VERSION, hex};
use crate::run::driver::{RunError, SCENE_FILE};
use crate::run::fs::{self, Fs};
use crate::run::manifest::{Bits, ManifestError, read_versioned, same_backend, text_of};
use crate::run::open::backend_of;
use crate::scene::Checked;

/// Name of the file in the directory of a batch.
pub const FILE: &str = "batch.json";
const FORMAT: u32 = 1;
const DOMAIN: &str = "lehr.batch";

/// The content of `batch.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchManifest {
    /// Format of the directory.
    pub format: u32,
    /// What the directory describes.
    pub domain: String,
    /// Version of the engine.
    pub engine: String,
    /// The scene as it was named.
    pub scene: String,
    /// Digest of the resolved scene and of the files that it names.
    pub scene_hash: String,
    /// Overrides as given.
    pub overrides: Vec<String>,
    /// Seed from which the seeds of the runs are derived.
    pub seed: u64,
    /// Steps of each run.
    pub steps: u64,
    /// Number of runs; a resumed batch may have more.
    pub reps: u64,
    /// Whose bits results have.
    pub bits: Bits,
    /// The library, its version and its instructions, if these decide bits.
    pub backend: Option<String>,
}

impl BatchManifest {
    /// The manifest of `reps` runs of a checked scene.
    pub fn new(checked: &Checked, shown: &str, overrides: &[String], reps: u64) -> Self {
        let backend = backend_of(checked);
        BatchManifest {
            format: FORMAT,
            domain: DOMAIN.to_owned(),
            engine: ENGINE_VERSION.to_owned(),
            scene: shown.to_owned(),
            scene_hash: hex(&checked.digest),
            overrides: overrides.to_vec(),
            seed: checked.scene.seed.0,
            steps: checked.scene.steps,
            reps,
            bits: if backend.is_some() { Bits::Backend } else { Bits::Law },
            backend,
        }
    }

    /// Reads the manifest of the batch in `dir`.
    ///
    /// # Errors
    /// If it is missing, malformed or of another version.
    pub fn read(fs: &dyn Fs, dir: &Path) -> Result<Self, ManifestError> {
        read_versioned(fs, &dir.join(FILE), FORMAT, DOMAIN)
    }

    /// Writes the manifest and the scene of a new batch, or refuses to resume another one.
    ///
    /// # Errors
    /// If scene, seed, steps or the backend that decides bits changed, or the file system refuses.
    pub fn write_or_match(&self, fs: &dyn Fs, dir: &Path, scene: &str, resumes: bool) -> Result<(), RunError> {
        if resumes {
            let old = Self::read(fs, dir)?;
            let pairs = [
                ("scene", old.scene_hash, self.scene_hash.clone()),
                ("seed", old.seed.to_string(), self.seed.to_string()),
                ("number of steps", old.steps.to_string(), self.steps.to_string()),
            ];
            if let Some((what, then, now)) = pairs.into_iter().find(|(_, then, now)| then != now) {
                return Err(RunError::Changed { dir: dir.to_owned(), what, then, now });
            }
            same_backend(old.backend.as_deref(), self.backend.as_deref())
                .map_err(|source| RunError::OtherBackend { dir: dir.to_owned(), source })?;
        }
        for (name, content) in [(SCENE_FILE, scene), (FILE, text_of(self).as_str())] {
            let path = dir.join(name);
            fs::replace(fs, &path, &[content.as_bytes()]).map_err(|source| RunError::Io { path, source })?;
        }
        Ok(())
    }
}
