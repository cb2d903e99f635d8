//! `manifest.json`: what a run directory holds and how its run ended.

use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::run::checkpoint::ENGINE_VERSION;
use crate::run::fs::{self, Fs};

/// The one format of run directories that this version reads and writes.
pub const FORMAT: u32 = 1;
/// What the directory describes.
pub const DOMAIN: &str = "lehr.run";
/// Name of the file in the run directory.
pub const FILE: &str = "manifest.json";
const LIMIT: u64 = 4 << 20;

/// What a run's result may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// Every kernel of the run leaves its distribution exactly invariant.
    Exact,
    /// Something in the run is driven: good for optimising, no equilibrium is claimed.
    Driven,
}

/// Whose bits results have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bits {
    /// Those of the law: the same for any number of threads, any instructions and any machine of one architecture.
    Law,
    /// Those of a library of matrix products: the same only with the backend that the manifest names.
    Backend,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is running, or its process was killed.
    Running,
    /// It took all its steps.
    Done,
    /// It was asked to stop and saved.
    Interrupted,
    /// A step failed; the checkpoint before is still there.
    Failed,
}

impl Status {
    /// The word in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Status::Running => "running",
            Status::Done => "done",
            Status::Interrupted => "interrupted",
            Status::Failed => "failed",
        }
    }
}

/// The content of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format of the run directory.
    pub format: u32,
    /// What the directory describes, [`DOMAIN`].
    pub domain: String,
    /// Version of the engine.
    pub engine: String,
    /// The scene as it was named.
    pub scene: String,
    /// Digest of the resolved scene and of the files that it names.
    pub scene_hash: String,
    /// Overrides as given, `path=RON`; they are already part of `scene.ron`.
    pub overrides: Vec<String>,
    /// Seed of the run.
    pub seed: u64,
    /// Steps that the run is to take.
    pub steps: u64,
    /// Metrics are recorded at steps divisible by this.
    pub record_every: u64,
    /// The state is hashed at steps divisible by this.
    pub hash_every: u64,
    /// Threads of the last process that worked on the run; results do not depend on it.
    pub threads: usize,
    /// What the result may be called.
    pub label: Label,
    /// Whose bits results have.
    pub bits: Bits,
    /// The library, its version and its instructions, if these decide bits.
    pub backend: Option<String>,
    /// How far the run has come.
    pub status: Status,
    /// Steps done when this was written.
    pub step: u64,
    /// Hash of the state at that step.
    pub state_hash: Option<String>,
    /// Why the run failed.
    pub error: Option<String>,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no run.
    #[error("{} holds no run: name the directory that `lehr run` printed as files", .0.display())]
    NoRun(PathBuf),
    /// There are many runs.
    #[error(
        "{} is a batch of --reps, which keeps results and no states: take one of its seeds by itself with lehr run SCENE --seed N",
        .0.display()
    )]
    IsBatch(PathBuf),
    /// The file is no manifest.
    #[error("{}: not a manifest of a run: {what}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with line and column.
        what: String,
    },
    /// Another format, another kind of directory or another engine.
    #[error("{}: {what} \"{found}\", this lehr reads \"{expected}\" only", path.display())]
    OtherVersion {
        /// Which file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// What the file says.
        found: String,
        /// What this version knows.
        expected: String,
    },
}

/// The backend that decides the bits of a run is another one here, or there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its bits are those of {recorded}, and {here}: use a lehr {way_out}")]
pub struct OtherBackend {
    recorded: String,
    here: String,
    way_out: &'static str,
}

/// Refuses results with bits of `recorded` where `here` is the library of this build and processor.
///
/// # Errors
/// If `recorded` is a backend, and `here` another one or none.
pub(super) fn same_backend(recorded: Option<&str>, here: Option<&str>) -> Result<(), OtherBackend> {
    let Some(recorded) = recorded.filter(|recorded| here != Some(*recorded)) else { return Ok(()) };
    let (here, way_out) = match here {
        None => {
            let here = "this lehr was built without a library of matrix products".to_owned();
            (here, "of the same version built with --features gemm, on a processor with these instructions")
        }
        Some(here) => (format!("this lehr multiplies by {here}"), "built with that library, on a processor with these instructions"),
    };
    Err(OtherBackend { recorded: recorded.to_owned(), here, way_out })
}

/// The part that every version of the manifest has.
#[derive(Deserialize)]
struct Versions {
    format: u32,
    domain: String,
    engine: String,
}

impl Manifest {
    /// Path of the manifest in `dir`.
    pub fn path(dir: &Path) -> PathBuf {
        dir.join(FILE)
    }

    /// Reads the manifest of the run directory `dir`.
    ///
    /// # Errors
    /// If it is missing, malformed, or of another version.
    pub fn read(fs: &dyn Fs, dir: &Path) -> Result<Self, ManifestError> {
        let path = Self::path(dir);
        match fs.read(&path, LIMIT) {
            Ok(bytes) => Self::decode(&bytes, &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound && fs.exists(&dir.join(super::batch_manifest::FILE)) => {
                Err(ManifestError::IsBatch(dir.to_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ManifestError::NoRun(dir.to_owned())),
            Err(source) => Err(ManifestError::Io { path, source }),
        }
    }

    /// Reads any byte string; `path` is named in errors.
    ///
    /// # Errors
    /// If it is malformed or of another version.
    pub fn decode(bytes: &[u8], path: &Path) -> Result<Self, ManifestError> {
        let manifest: Manifest = decode_versioned(bytes, path, FORMAT, DOMAIN)?;
        if manifest.record_every == 0 || manifest.hash_every == 0 {
            let what = "record_every and hash_every must be at least 1".to_owned();
            return Err(ManifestError::Malformed { path: path.to_owned(), what });
        }
        if manifest.scene_hash.len() != 64 || !manifest.scene_hash.bytes().all(|b| b.is_ascii_hexdigit()) {
            let what = format!("scene_hash \"{}\" is no digest", manifest.scene_hash);
            return Err(ManifestError::Malformed { path: path.to_owned(), what });
        }
        if (manifest.bits == Bits::Backend) != manifest.backend.is_some() {
            let what = "bits are those of a backend where one is named, and of the law where none is".to_owned();
            return Err(ManifestError::Malformed { path: path.to_owned(), what });
        }
        Ok(manifest)
    }

    /// Replaces the manifest of the run directory `dir`.
    ///
    /// # Errors
    /// Whatever the file system refuses.
    pub fn write(&self, fs: &dyn Fs, dir: &Path) -> Result<(), ManifestError> {
        let path = Self::path(dir);
        fs::replace(fs, &path, &[text_of(self).as_bytes()]).map_err(|source| ManifestError::Io { path, source })
    }
}

/// Reads a manifest of any kind from `path`, whose versions are judged before its content.
///
/// # Errors
/// If it is missing, malformed, or of another version.
pub(super) fn read_versioned<T: DeserializeOwned>(fs: &dyn Fs, path: &Path, format: u32, domain: &str) -> Result<T, ManifestError> {
    let bytes = fs.read(path, LIMIT).map_err(|source| ManifestError::Io { path: path.to_owned(), source })?;
    decode_versioned(&bytes, path, format, domain)
}

fn decode_versioned<T: DeserializeOwned>(bytes: &[u8], path: &Path, format: u32, domain: &str) -> Result<T, ManifestError> {
    let malformed = |e: serde_json::Error| ManifestError::Malformed { path: path.to_owned(), what: e.to_string() };
    let versions: Versions = serde_json::from_slice(bytes).map_err(malformed)?;
    let pairs = [
        ("format", versions.format.to_string(), format.to_string()),
        ("domain", versions.domain, domain.to_owned()),
        ("engine version", versions.engine, ENGINE_VERSION.to_owned()),
    ];
    match pairs.into_iter().find(|(_, found, expected)| found != expected) {
        Some((what, found, expected)) => Err(ManifestError::OtherVersion { path: path.to_owned(), what, found, expected }),
        None => serde_json::from_slice(bytes).map_err(malformed),
    }
}

/// The file of a manifest of any kind.
pub(super) fn text_of(manifest: &impl Serialize) -> String {
    serde_json::to_string_pretty(manifest).expect("a manifest holds text and numbers only") + "\n"
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::run::fs_memory::MemoryFs;

    pub(crate) fn sample() -> Manifest {
        Manifest {
            format: FORMAT,
            domain: DOMAIN.to_owned(),
            engine: ENGINE_VERSION.to_owned(),
            scene: "scenes/maxcut.ron".to_owned(),
            scene_hash: "ab".repeat(32),
            overrides: vec!["steps=20".to_owned()],
            seed: 7,
            steps: 20,
            record_every: 2,
            hash_every: 2,
            threads: 2,
            label: Label::Exact,
            bits: Bits::Law,
            backend: None,
            status: Status::Running,
            step: 0,
            state_hash: None,
            error: None,
        }
    }

    #[test]
    fn a_manifest_reads_back_and_other_versions_are_refused() {
        let (fs, dir) = (MemoryFs::default(), Path::new("run"));
        let message = Manifest::read(&fs, dir).unwrap_err().to_string();
        assert!(message.contains("holds no run"), "{message}");
        fs::replace(&fs, &dir.join("batch.json"), &[b"{}"]).unwrap();
        let message = Manifest::read(&fs, dir).unwrap_err().to_string();
        assert!(message.contains("is a batch of --reps"), "{message}");
        sample().write(&fs, dir).unwrap();
        assert_eq!(Manifest::read(&fs, dir).unwrap(), sample());
        let text = String::from_utf8(fs.read(&Manifest::path(dir), 1 << 20).unwrap()).unwrap();
        let current = format!("\"{ENGINE_VERSION}\"");
        let says = |text: &str| Manifest::decode(text.as_bytes(), Path::new("m")).unwrap_err().to_string();
        assert!(says(&text.replace("\"format\": 1", "\"format\": 2")).contains("format \"2\""));
        assert!(says(&text.replace(DOMAIN, "lehr.sweep")).contains("domain \"lehr.sweep\""));
        assert!(says(&text.replace(&current, "\"9.9.9\"")).contains("engine version \"9.9.9\""));
        assert!(says(&text.replace("\"record_every\": 2", "\"record_every\": 0")).contains("at least 1"));
        assert!(says(&text.replace("\"law\"", "\"backend\"")).contains("where one is named"));
        assert!(says(&text.replace("\"backend\": null", "\"backend\": \"any\"")).contains("of the law where none is"));
        assert!(says(&text.replace("\"seed\"", "\"sead\"")).contains("sead"));
        assert!(says(&text.replace("abab", "ü")).contains("no digest"));
        assert!(says(&text[..text.len() / 2]).contains("line"));
        assert!(says(&"[".repeat(100_000)).contains("not a manifest"));
    }
    #[test]
    fn bits_of_a_backend_are_refused_by_any_other() {
        let backend = "matrixmultiply 0.3.11 (avx512f)";
        assert_eq!(same_backend(None, None), Ok(()));
        assert_eq!(same_backend(None, Some(backend)), Ok(()));
        assert_eq!(same_backend(Some(backend), Some(backend)), Ok(()));
        for other in ["matrixmultiply 0.3.12 (avx512f)", "matrixmultiply 0.3.11 (avx2+fma)", "openblas 0.3.11 (avx512f)"] {
            let says = same_backend(Some(backend), Some(other)).unwrap_err().to_string();
            assert!(says.contains(backend) && says.contains(other), "{says}");
        }
        let says = same_backend(Some(backend), None).unwrap_err().to_string();
        assert!(says.contains(backend) && says.contains("--features gemm"), "{says}");
    }
}
