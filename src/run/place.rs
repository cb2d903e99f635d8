//! Where a run goes: which directory, and whether what is there may be touched.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::run::best::BEST_FILE;
use crate::run::confusion::CONFUSION_FILE;
use crate::run::driver::{RunError, SNAPSHOTS_DIR};
use crate::run::fs::{DiskFs, Fs};
use crate::run::manifest::{self, Manifest};

/// Folder of runs whose place the user left open.
pub const RUNS_DIR: &str = "runs";
const LOCK_FILE: &str = ".lock";

/// What to do with a run that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Refuse, or choose another directory if the user named none.
    Keep,
    /// Go on with it.
    Resume,
    /// Start anew in its place.
    Replace,
}

/// A directory for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The directory.
    pub dir: PathBuf,
    /// True if it holds a run to go on with.
    pub resumes: bool,
}

/// Chooses the directory of a run: `wanted`, or one in `runs` named after `scene` and `seed`.
/// `marker` is the file that tells a directory of this sort of run.
///
/// # Errors
/// If a run is there that must be kept, or files that are none of ours.
pub fn choose(wanted: Option<&Path>, scene: &str, seed: u64, existing: Existing, marker: &str) -> Result<Place, RunError> {
    let base = Path::new(RUNS_DIR).join(format!("{scene}-{seed}"));
    let dir = match (wanted, existing) {
        (Some(dir), _) => dir.to_owned(),
        (None, Existing::Replace) => base,
        (None, Existing::Resume) => numbered(&base).take_while(|dir| dir.exists()).last().unwrap_or(base),
        (None, Existing::Keep) => {
            let free = numbered(&base).find(|dir| !dir.exists());
            return Ok(Place { dir: free.unwrap_or(base), resumes: false });
        }
    };
    let holds_run = dir.join(marker).exists();
    if !holds_run {
        return if is_ours_or_empty(&dir)? { Ok(Place { dir, resumes: false }) } else { Err(RunError::NotEmpty { dir }) };
    }
    if existing == Existing::Keep {
        let (step, status) = match Manifest::read(&DiskFs, &dir) {
            Ok(manifest) => (manifest.step, manifest.status.name()),
            Err(_) => (0, "of unknown state"),
        };
        return Err(RunError::Exists { dir, step, status });
    }
    Ok(Place { dir, resumes: existing == Existing::Resume })
}

fn numbered(base: &Path) -> impl Iterator<Item = PathBuf> {
    let base = base.to_owned();
    (1..u32::MAX).map(move |n| if n == 1 { base.clone() } else { PathBuf::from(format!("{}.{n}", base.display())) })
}

/// True for a missing or empty folder, and for one with nothing but what a run leaves that was killed at its start.
fn is_ours_or_empty(dir: &Path) -> Result<bool, RunError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(source) => return Err(RunError::Io { path: dir.to_owned(), source }),
    };
    let is_ours = |name: &str| {
        let start = ["scene.ron", "metrics.jsonl", "hashes.jsonl", LOCK_FILE, "runs.csv", "times.csv"];
        name == SNAPSHOTS_DIR || name == "unfinished" || start.contains(&name.trim_end_matches(".tmp"))
    };
    Ok(entries.flatten().all(|entry| entry.file_name().to_str().is_some_and(is_ours)))
}

/// Removes the files of an older run, and nothing else, from `dir`; the manifest goes first.
///
/// # Errors
/// Whatever the file system refuses.
pub fn remove_run(dir: &Path) -> Result<(), RunError> {
    let names = [
        manifest::FILE,
        "batch.json",
        "checkpoint.bin",
        "checkpoint.prev.bin",
        "checkpoint.damaged.bin",
        "metrics.jsonl",
        "hashes.jsonl",
        "runs.csv",
        "times.csv",
        "failures.csv",
        BEST_FILE,
        CONFUSION_FILE,
    ];
    let mut paths: Vec<PathBuf> = names.iter().map(|name| dir.join(name)).collect();
    for (folder, start) in [(SNAPSHOTS_DIR, "step-"), ("unfinished", "rep-")] {
        let entries = fs::read_dir(dir.join(folder)).into_iter().flatten().flatten();
        paths.extend(entries.filter(|e| e.file_name().to_str().is_some_and(|name| name.starts_with(start))).map(|e| e.path()));
    }
    for path in paths.into_iter().filter(|path| path.exists()) {
        fs::remove_file(&path).map_err(|source| RunError::Io { path, source })?;
    }
    Ok(())
}

/// Holds a run directory for this process, until it is dropped or the process dies.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

/// Takes the run directory `dir`, which is made if it is missing.
///
/// # Errors
/// If another process has it, or the file system refuses.
pub fn lock(dir: &Path) -> Result<Lock, RunError> {
    let path = dir.join(LOCK_FILE);
    let io_error = |source| RunError::Io { path: path.clone(), source };
    DiskFs.create_dir_all(dir).map_err(io_error)?;
    let file = File::create(&path).map_err(io_error)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(RunError::InUse { dir: dir.to_owned() }),
        // File systems without locks (some network mounts) still hold runs.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(Lock(file)),
        Err(TryLockError::Error(source)) => Err(io_error(source)),
    }
}

/// True if a process works on the run in `dir` now.
pub fn is_in_use(dir: &Path) -> bool {
    File::open(dir.join(LOCK_FILE)).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_kept_unless_the_user_says_otherwise() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("run");
        let choose = |existing| choose(Some(&dir), "scene", 1, existing, manifest::FILE);
        assert_eq!(choose(Existing::Keep).unwrap(), Place { dir: dir.clone(), resumes: false });
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("scene.ron"), "x").unwrap();
        assert!(choose(Existing::Keep).is_ok(), "a run killed at its start leaves this");
        fs::write(dir.join(manifest::FILE), "{}").unwrap();
        assert!(matches!(choose(Existing::Keep), Err(RunError::Exists { .. })));
        assert!(choose(Existing::Resume).unwrap().resumes);
        assert!(!choose(Existing::Replace).unwrap().resumes);
        fs::write(dir.join("thesis.tex"), "x").unwrap();
        remove_run(&dir).unwrap();
        assert!(dir.join("thesis.tex").exists() && !dir.join(manifest::FILE).exists());
        assert!(matches!(choose(Existing::Replace), Err(RunError::NotEmpty { .. })));
    }

    #[test]
    fn a_directory_has_one_owner() {
        let root = tempfile::tempdir().unwrap();
        let first = lock(root.path()).unwrap();
        assert!(matches!(lock(root.path()), Err(RunError::InUse { .. })));
        assert!(is_in_use(root.path()));
        drop(first);
        assert!(!is_in_use(root.path()));
        lock(root.path()).unwrap();
    }
}
