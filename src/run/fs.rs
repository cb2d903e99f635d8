//! The few file operations that runs need, behind a trait so that tests can crash between any two.
//!
//! Invariant: a file that must survive power loss is written by [`replace`] (temporary file, fsync,
//! rename, fsync of the folder). Logs are appended and cut back to the last checkpoint on resume.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// File operations; each is complete (or has failed) when it returns.
pub trait Fs {
    /// Makes a folder and its parents; an existing folder is fine.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Reads a whole file of at most `limit` bytes.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;

    /// Creates or empties a file, writes `parts` one after another and waits until they are on the disk.
    fn write_synced(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()>;

    /// Appends to a file, which is created if it is missing; returns before the bytes are on the disk.
    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file to its first `len` bytes.
    fn truncate(&self, path: &Path, len: u64) -> io::Result<()>;

    /// Waits until a file's bytes are on the disk.
    fn sync(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name in the same folder, replacing what had that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Waits until the names in a folder are on the disk.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// True if something has this name.
    fn exists(&self, path: &Path) -> bool;
}

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskFs;

impl Fs for DiskFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        if meta.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder, expected a file"));
        }
        let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than the limit of {limit} bytes"));
        if meta.len() > limit {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        // The length is a hint only: devices and pipes say 0, and a file may grow while it is read.
        bytes.try_reserve_exact(usize::try_from(meta.len()).unwrap_or(usize::MAX)).map_err(|_| io::ErrorKind::OutOfMemory)?;
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(too_large());
        }
        Ok(bytes)
    }

    fn write_synced(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        let mut file = File::create(path)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        OpenOptions::new().create(true).append(true).open(path)?.write_all(bytes)
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        OpenOptions::new().write(true).open(path)?.set_len(len)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        // Windows cannot open a folder as a file; its renames are journaled.
        if cfg!(unix) { File::open(dir_or_here(dir))?.sync_all() } else { Ok(()) }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

fn dir_or_here(dir: &Path) -> &Path {
    if dir.as_os_str().is_empty() { Path::new(".") } else { dir }
}

/// The name under which [`replace`] writes before it renames.
pub fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

/// Replaces a file so that a crash at any instant leaves the old or the new content, never a mixture.
///
/// # Errors
/// Any error of the file system; the old content is then still in place.
pub fn replace(fs: &dyn Fs, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let temporary = temporary_name(path);
    fs.write_synced(&temporary, parts)?;
    fs.rename(&temporary, path)?;
    fs.sync_dir(path.parent().unwrap_or(Path::new("")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_replaces_appends_and_cuts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b.txt");
        DiskFs.create_dir_all(path.parent().unwrap()).unwrap();
        replace(&DiskFs, &path, &[b"one", b"two"]).unwrap();
        replace(&DiskFs, &path, &[b"three"]).unwrap();
        DiskFs.append(&path, b"four").unwrap();
        DiskFs.sync(&path).unwrap();
        DiskFs.truncate(&path, 7).unwrap();
        assert_eq!(DiskFs.read(&path, 7).unwrap(), b"threefo");
        assert_eq!(DiskFs.read(&path, 6).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(!DiskFs.exists(&temporary_name(&path)));
    }

    #[test]
    fn endless_files_stop_at_the_limit() {
        if Path::new("/dev/zero").exists() {
            assert_eq!(DiskFs.read(Path::new("/dev/zero"), 1000).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        }
    }
}
