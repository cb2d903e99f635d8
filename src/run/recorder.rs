//! The logs of a run: `metrics.jsonl` for people, `hashes.jsonl` for `verify` and `diff`.
//!
//! A line is a function of the state at its step, so that a resumed or replayed run writes the same
//! bytes. Lines are buffered, and on the disk before a checkpoint at or after their step is.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::run::checkpoint::Digest;
use crate::run::fs::Fs;

/// Name of the metrics log in a run directory.
pub const METRICS_FILE: &str = "metrics.jsonl";
/// Name of the hash log in a run directory.
pub const HASHES_FILE: &str = "hashes.jsonl";
/// Most bytes of a log that is read back (16 GiB).
pub const LOG_LIMIT: u64 = 16 << 30;
/// Bytes after which the buffer goes to the file.
const BUFFER: usize = 1 << 16;

/// The line of `metrics.jsonl` for `step`; a value that is not finite becomes null.
pub fn metrics_line(step: u64, metrics: &[(String, f64)]) -> String {
    let mut line = format!("{{\"step\":{step}");
    for (name, value) in metrics {
        // The name of the first field is taken.
        if name != "step" {
            line.push_str(&format!(",{}:{}", Value::from(name.as_str()), Value::from(*value)));
        }
    }
    line + "}\n"
}

/// A line of `hashes.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashLine {
    /// Steps done.
    pub step: u64,
    /// Hash of the whole state, 64 hexadecimal digits.
    pub state: String,
    /// The first 16 hexadecimal digits of the hash of each section, in their order.
    pub sections: Vec<(String, String)>,
    /// The hash of this line and of the chain of the line before: it names all states so far.
    pub chain: String,
}

impl HashLine {
    /// The line linked to the chain of the line before it, which is empty before the first.
    #[must_use]
    pub fn linked(mut self, before: &str) -> HashLine {
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        add(before);
        add(&self.state);
        for (name, hash) in &self.sections {
            add(name);
            add(hash);
        }
        hasher.update(&self.step.to_le_bytes());
        self.chain = hasher.finalize().to_hex().to_string();
        self
    }

    /// The line as text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("a hash line holds text and numbers only") + "\n"
    }

    /// The line without the sections called `names`.
    pub fn without(&self, names: &[&str]) -> HashLine {
        let mut line = self.clone();
        line.sections.retain(|(name, _)| !names.contains(&name.as_str()));
        line
    }

    /// The first section in which two lines differ, if one does.
    pub fn first_difference(&self, other: &HashLine) -> Option<String> {
        let differs = |i: usize| self.sections.get(i) != other.sections.get(i);
        let at = (0..self.sections.len().max(other.sections.len())).find(|&i| differs(i))?;
        self.sections.get(at).or(other.sections.get(at)).map(|(name, _)| name.clone())
    }
}

/// The short form of a section's hash.
pub fn short(digest: &Digest) -> String {
    blake3::Hash::from_bytes(*digest).to_hex()[..16].to_owned()
}

/// An append-only log with one JSON object a line, each with a `step`.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    buffer: String,
}

#[derive(Deserialize)]
struct StepOnly {
    step: u64,
}

impl Log {
    /// A new, empty log; what had its name is emptied.
    ///
    /// # Errors
    /// Whatever the file system refuses.
    pub fn create(fs: &dyn Fs, path: PathBuf) -> io::Result<Self> {
        fs.write_synced(&path, &[])?;
        Ok(Log { path, buffer: String::new() })
    }

    /// The log of a run that goes on after `step`: everything that does not satisfy `keep`, and
    /// whatever follows a torn line, is cut off.
    ///
    /// # Errors
    /// Whatever the file system refuses.
    pub fn reopen(fs: &dyn Fs, path: PathBuf, keep: impl Fn(u64) -> bool) -> io::Result<Self> {
        match fs.read(&path, LOG_LIMIT) {
            Ok(bytes) => fs.truncate(&path, kept_len(&bytes, keep) as u64)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs.write_synced(&path, &[])?,
            Err(error) => return Err(error),
        }
        Ok(Log { path, buffer: String::new() })
    }

    /// Adds a line, which must end with a new line.
    ///
    /// # Errors
    /// Whatever the file system refuses.
    pub fn push(&mut self, fs: &dyn Fs, line: &str) -> io::Result<()> {
        self.buffer.push_str(line);
        if self.buffer.len() < BUFFER { Ok(()) } else { self.flush(fs) }
    }

    /// Hands the buffer to the file, so that others can read it.
    ///
    /// # Errors
    /// Whatever the file system refuses.
    pub fn flush(&mut self, fs: &dyn Fs) -> io::Result<()> {
        if !self.buffer.is_empty() {
            fs.append(&self.path, self.buffer.as_bytes())?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Waits until all lines are on the disk.
    ///
    /// # Errors
    /// Whatever the file system refuses.
    pub fn sync(&mut self, fs: &dyn Fs) -> io::Result<()> {
        self.flush(fs)?;
        fs.sync(&self.path)
    }
}

/// Bytes of the whole, well-formed lines at the start whose steps satisfy `keep`.
fn kept_len(bytes: &[u8], keep: impl Fn(u64) -> bool) -> usize {
    let mut end = 0;
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        match serde_json::from_slice::<StepOnly>(line) {
            Ok(StepOnly { step }) if line.ends_with(b"\n") && keep(step) => end += line.len(),
            _ => break,
        }
    }
    end
}

/// The last whole line of a log, if there is one.
pub fn last_line(bytes: &[u8]) -> Option<&[u8]> {
    bytes.split_inclusive(|&b| b == b'\n').rfind(|line| line.ends_with(b"\n"))
}

/// Reads a log's bytes; a missing log is empty.
///
/// # Errors
/// Whatever the file system refuses.
pub fn read_log(fs: &dyn Fs, path: &Path) -> io::Result<Vec<u8>> {
    match fs.read(path, LOG_LIMIT) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fs_memory::MemoryFs;

    #[test]
    fn lines_are_plain_json_and_keep_every_bit() {
        let line = metrics_line(3, &[("energy".to_owned(), -0.1 - 0.2), ("gap".to_owned(), f64::INFINITY)]);
        assert_eq!(line, "{\"step\":3,\"energy\":-0.30000000000000004,\"gap\":null}\n");
    }

    #[test]
    fn a_reopened_log_ends_at_the_checkpoint() {
        let path = PathBuf::from("run/metrics.jsonl");
        let lines: Vec<String> = (1..=5).map(|step| metrics_line(step, &[])).collect();
        let check = |tail: &str, kept: usize| {
            let fs = MemoryFs::default();
            fs.append(&path, (lines.concat() + tail).as_bytes()).unwrap();
            Log::reopen(&fs, path.clone(), |step| step <= 3).unwrap();
            assert_eq!(fs.read(&path, 1 << 20).unwrap(), lines[..kept].concat().as_bytes());
        };
        check("", 3);
        check("{\"step\":6", 3);
        check("\0\0\0\0", 3);
        let fs = MemoryFs::default();
        fs.append(&path, format!("{}{{\"st", lines[0]).as_bytes()).unwrap();
        let mut log = Log::reopen(&fs, path.clone(), |_| true).unwrap();
        log.push(&fs, &lines[1]).unwrap();
        log.sync(&fs).unwrap();
        assert_eq!(fs.read(&path, 1 << 20).unwrap(), lines[..2].concat().as_bytes());
    }

    #[test]
    fn the_first_differing_section_is_named() {
        let line = |sections: &[(&str, &str)]| HashLine {
            step: 1,
            state: String::new(),
            sections: sections.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
            chain: String::new(),
        };
        let linked = line(&[("x", "1")]).linked("");
        assert_eq!(linked.clone().linked(""), linked);
        for other in [line(&[("x", "2")]).linked(""), line(&[("x1", "")]).linked(""), line(&[("x", "1")]).linked("y")] {
            assert_ne!(other.chain, linked.chain);
        }
        let a = line(&[("x", "1"), ("y", "2")]);
        assert_eq!(a.first_difference(&a), None);
        assert_eq!(a.first_difference(&line(&[("x", "1"), ("y", "3")])).as_deref(), Some("y"));
        assert_eq!(a.first_difference(&line(&[("x", "1")])).as_deref(), Some("y"));
    }
}
