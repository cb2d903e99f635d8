//! The file format of a checkpoint, and the store that keeps the last two.
//!
//! All numbers are little endian. Sections follow each other without a hole, in the order of the table.
//!
//! ```text
//! 0    8   magic "LEHRCKPT"
//! 8    4   format version
//! 12   4   bytes of the header
//! 16   4   bytes of the section table
//! 20   4   number of sections
//! 24   8   bytes of the whole file
//! 32   h   header: engine version, domain id (each u16 length + UTF-8), step u64, seed u64,
//!          scene hash [32], state hash [32]
//! ..   t   table: per section name (u16 length + UTF-8), dtype u8, count u64, offset u64, length u64,
//!          BLAKE3 of its bytes [32]
//! ..   32  BLAKE3 of everything before it
//! ..       bytes of the sections
//! ```
//!
//! The digest covers the table and the table holds the digest of every section, so it stands for the
//! whole file, and a damaged table is found before anything is allocated by it. Nothing in a file is
//! executed, and no length in it is believed before it was compared with the length of the file.

use std::io;
use std::path::{Path, PathBuf};

use crate::run::fs::{self, Fs};
use crate::snapshot::{Dtype, Section, Snapshot};

/// First bytes of every checkpoint.
pub const MAGIC: [u8; 8] = *b"LEHRCKPT";
/// The one format that this version reads and writes.
pub const FORMAT: u32 = 1;
/// Version of the engine, part of every file: another version may compute other bits.
pub const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");
/// What a checkpoint of this engine describes.
pub const DOMAIN: &str = "lehr.simulation";

/// Most bytes of a header.
const HEADER_LIMIT: u32 = 4096;
/// Most bytes of a section table.
const TABLE_LIMIT: u32 = 16 << 20;
/// Most bytes of a checkpoint (64 GiB).
const FILE_LIMIT: u64 = 64 << 30;
const PREFIX_LEN: usize = 32;
const DIGEST_LEN: usize = 32;

/// A 256-bit BLAKE3 digest.
pub type Digest = [u8; 32];

/// The digest as 64 hexadecimal digits.
pub fn hex(digest: &Digest) -> String {
    blake3::Hash::from_bytes(*digest).to_hex().to_string()
}

/// A simulation at a step boundary, with what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Steps done.
    pub step: u64,
    /// Seed of the run.
    pub seed: u64,
    /// Digest of the resolved scene.
    pub scene_hash: Digest,
    /// Digest of the state, as the simulation computes it.
    pub state_hash: Digest,
    /// The state.
    pub snapshot: Snapshot,
}

/// Why a file is no checkpoint that this version can use.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Another kind of file.
    #[error("not a checkpoint of lehr (the first bytes differ)")]
    NotACheckpoint,
    /// A format that this version does not know.
    #[error("checkpoint format {found}, this lehr reads format {FORMAT} only: use the version that wrote it")]
    UnknownFormat {
        /// Format of the file.
        found: u32,
    },
    /// A checkpoint of something else.
    #[error("the checkpoint describes \"{found}\", expected \"{DOMAIN}\"")]
    OtherDomain {
        /// Domain id of the file.
        found: String,
    },
    /// Written by another engine, which may compute other bits.
    #[error("the checkpoint was written by lehr {found}, this is lehr {ENGINE_VERSION}: continue with lehr {found}, or start a new run")]
    OtherEngine {
        /// Version that wrote it.
        found: String,
    },
    /// The file ends early or goes on too long.
    #[error("the file has {actual} bytes and should have {expected}: it was cut or overwritten")]
    WrongLength {
        /// Bytes that the file should have.
        expected: u64,
        /// Bytes that it has.
        actual: u64,
    },
    /// Something inside makes no sense.
    #[error("malformed at byte {offset}: {what}")]
    Malformed {
        /// Where, in bytes from the start.
        offset: usize,
        /// What is wrong, with the value.
        what: String,
    },
    /// Header or table differ from their digest.
    #[error("header or section table are damaged (digest differs)")]
    DamagedHeader,
    /// A section differs from its digest.
    #[error("section \"{name}\" is damaged (digest differs)")]
    DamagedSection {
        /// Its name.
        name: String,
    },
    /// The machine has not enough memory for it.
    #[error("no memory for the {bytes} bytes of section \"{name}\"")]
    OutOfMemory {
        /// Its name.
        name: String,
        /// Bytes that it needs.
        bytes: usize,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Neither of the two checkpoints can be used.
    #[error("no usable checkpoint in {}: {newest}; the one before: {previous}", dir.display())]
    NoneUsable {
        /// The run directory.
        dir: PathBuf,
        /// What is wrong with the newest.
        newest: Box<CheckpointError>,
        /// What is wrong with the one before.
        previous: Box<CheckpointError>,
    },
}

impl CheckpointError {
    fn malformed(offset: usize, what: impl Into<String>) -> Self {
        CheckpointError::Malformed { offset, what: what.into() }
    }

    fn is_missing(&self) -> bool {
        matches!(self, CheckpointError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl Checkpoint {
    /// Everything of the file before the bytes of the sections.
    fn head(&self, engine: &str, domain: &str) -> Vec<u8> {
        let mut header = Vec::new();
        for text in [engine, domain] {
            put_text(&mut header, text);
        }
        header.extend(self.step.to_le_bytes());
        header.extend(self.seed.to_le_bytes());
        header.extend(self.scene_hash);
        header.extend(self.state_hash);

        let sections = &self.snapshot.sections;
        let table_len: usize = sections.iter().map(|s| 2 + s.name.len() + 1 + 3 * 8 + DIGEST_LEN).sum();
        let data_start = PREFIX_LEN + header.len() + table_len + DIGEST_LEN;
        let mut offset = data_start as u64;
        let mut table = Vec::with_capacity(table_len);
        for section in sections {
            put_text(&mut table, &section.name);
            table.push(section.dtype as u8);
            table.extend(((section.bytes.len() / section.dtype.size()) as u64).to_le_bytes());
            table.extend(offset.to_le_bytes());
            table.extend((section.bytes.len() as u64).to_le_bytes());
            table.extend(blake3::hash(&section.bytes).as_bytes());
            offset += section.bytes.len() as u64;
        }
        assert!(table.len() as u64 <= u64::from(TABLE_LIMIT), "a section table of {} bytes", table.len());

        let mut head = Vec::with_capacity(data_start);
        head.extend(MAGIC);
        head.extend(FORMAT.to_le_bytes());
        head.extend((header.len() as u32).to_le_bytes());
        head.extend((table.len() as u32).to_le_bytes());
        head.extend((sections.len() as u32).to_le_bytes());
        head.extend(offset.to_le_bytes());
        head.extend(header);
        head.extend(table);
        head.extend(*blake3::hash(&head).as_bytes());
        head
    }

    /// Writes it to `path` so that a crash leaves the old file or the new one.
    ///
    /// # Errors
    /// Whatever the file system refuses.
    pub fn write(&self, fs: &dyn Fs, path: &Path) -> Result<(), CheckpointError> {
        let head = self.head(ENGINE_VERSION, DOMAIN);
        fs::replace(fs, path, &self.parts(&head)).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })
    }

    fn parts<'a>(&'a self, head: &'a [u8]) -> Vec<&'a [u8]> {
        std::iter::once(head).chain(self.snapshot.sections.iter().map(|s| s.bytes.as_slice())).collect()
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        self.parts(&self.head(ENGINE_VERSION, DOMAIN)).concat()
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Whatever the file system refuses, or what [`Checkpoint::decode`] finds.
    pub fn read(fs: &dyn Fs, path: &Path) -> Result<Self, CheckpointError> {
        let bytes = fs.read(path, FILE_LIMIT).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })?;
        Self::decode(&bytes)
    }

    /// Reads any byte string: a checkpoint or a typed error, never a panic, in time and memory
    /// proportional to its length.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let mut r = Reader { bytes, at: 0 };
        if r.take(8).ok() != Some(MAGIC.as_slice()) {
            return Err(CheckpointError::NotACheckpoint);
        }
        let format = r.u32()?;
        if format != FORMAT {
            return Err(CheckpointError::UnknownFormat { found: format });
        }
        let (header_len, table_len, n_sections, file_len) = (r.u32()?, r.u32()?, r.u32()?, r.u64()?);
        if file_len != bytes.len() as u64 {
            return Err(CheckpointError::WrongLength { expected: file_len, actual: bytes.len() as u64 });
        }
        if header_len > HEADER_LIMIT || table_len > TABLE_LIMIT {
            let what = format!("header of {header_len} and table of {table_len} bytes, limits {HEADER_LIMIT} and {TABLE_LIMIT}");
            return Err(CheckpointError::malformed(12, what));
        }
        let (header, table) = (r.sub(header_len as usize)?, r.sub(table_len as usize)?);
        let head_end = r.at;
        if r.take(DIGEST_LEN)? != blake3::hash(&bytes[..head_end]).as_bytes() {
            return Err(CheckpointError::DamagedHeader);
        }
        let mut checkpoint = read_header(header)?;
        checkpoint.snapshot = read_sections(bytes, table, n_sections, r.at)?;
        Ok(checkpoint)
    }
}

fn read_header(mut r: Reader<'_>) -> Result<Checkpoint, CheckpointError> {
    let (engine, domain) = (r.text()?, r.text()?);
    if domain != DOMAIN {
        return Err(CheckpointError::OtherDomain { found: domain.to_owned() });
    }
    if engine != ENGINE_VERSION {
        return Err(CheckpointError::OtherEngine { found: engine.to_owned() });
    }
    let (step, seed, scene_hash, state_hash) = (r.u64()?, r.u64()?, r.digest()?, r.digest()?);
    r.finish("header")?;
    Ok(Checkpoint { step, seed, scene_hash, state_hash, snapshot: Snapshot::default() })
}

fn read_sections(bytes: &[u8], mut r: Reader<'_>, n: u32, data_start: usize) -> Result<Snapshot, CheckpointError> {
    let mut sections: Vec<Section> = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    let mut end = data_start;
    for _ in 0..n {
        let at = r.at;
        let name = r.text()?;
        let code = r.take(1)?[0];
        let (count, offset, length) = (r.u64()?, r.u64()?, r.u64()?);
        let digest = r.digest()?;
        let malformed = |what: String| CheckpointError::malformed(at, format!("section \"{name}\": {what}"));
        let dtype = Dtype::from_code(code).ok_or_else(|| malformed(format!("unknown element type {code}")))?;
        if !names.insert(name) {
            return Err(malformed("the name is there twice".to_owned()));
        }
        if count.checked_mul(dtype.size() as u64) != Some(length) {
            return Err(malformed(format!("{count} elements of {} bytes in {length} bytes", dtype.size())));
        }
        if offset != end as u64 {
            return Err(malformed(format!("starts at byte {offset}, the section before ends at {end}")));
        }
        let data = usize::try_from(length).ok().and_then(|length| bytes.get(end..end.checked_add(length)?));
        let data = data.ok_or_else(|| malformed(format!("{length} bytes reach past the end of the file")))?;
        end += data.len();
        if *blake3::hash(data).as_bytes() != digest {
            return Err(CheckpointError::DamagedSection { name: name.to_owned() });
        }
        let mut owned = Vec::new();
        if owned.try_reserve_exact(data.len()).is_err() {
            return Err(CheckpointError::OutOfMemory { name: name.to_owned(), bytes: data.len() });
        }
        owned.extend_from_slice(data);
        sections.push(Section { name: name.to_owned(), dtype, bytes: owned });
    }
    r.finish("section table")?;
    if end != bytes.len() {
        return Err(CheckpointError::WrongLength { expected: end as u64, actual: bytes.len() as u64 });
    }
    Ok(Snapshot { sections })
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let len = u16::try_from(text.len()).unwrap_or_else(|_| panic!("a name of {} bytes", text.len()));
    out.extend(len.to_le_bytes());
    out.extend(text.as_bytes());
}

/// Walks over a part of a file; `at` counts from the start of the file.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], CheckpointError> {
        let end = self.at.checked_add(n).filter(|&end| end <= self.bytes.len());
        let end =
            end.ok_or_else(|| CheckpointError::malformed(self.at, format!("{n} bytes expected, the part ends at {}", self.bytes.len())))?;
        let part = &self.bytes[self.at..end];
        self.at = end;
        Ok(part)
    }

    fn sub(&mut self, n: usize) -> Result<Reader<'a>, CheckpointError> {
        let start = self.at;
        self.take(n)?;
        Ok(Reader { bytes: &self.bytes[..self.at], at: start })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        Ok(*self.take(N)?.first_chunk().expect("take gives N bytes"))
    }

    fn u32(&mut self) -> Result<u32, CheckpointError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, CheckpointError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn digest(&mut self) -> Result<Digest, CheckpointError> {
        self.array()
    }

    fn text(&mut self) -> Result<&'a str, CheckpointError> {
        let at = self.at;
        let n = u16::from_le_bytes(self.array()?);
        std::str::from_utf8(self.take(usize::from(n))?).map_err(|e| CheckpointError::malformed(at + 2 + e.valid_up_to(), "not UTF-8"))
    }

    fn finish(&self, part: &str) -> Result<(), CheckpointError> {
        let left = self.bytes.len() - self.at;
        if left == 0 { Ok(()) } else { Err(CheckpointError::malformed(self.at, format!("{left} bytes left over in the {part}"))) }
    }
}

/// The newest checkpoint and the one before, in a run directory.
#[derive(Clone, Debug)]
pub struct CheckpointStore {
    dir: PathBuf,
}

/// A checkpoint that was read back, and what was wrong with the newer one if it is not the newest.
#[derive(Debug)]
pub struct Restored {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Why the newest file could not be used.
    pub newest_failed: Option<CheckpointError>,
}

impl CheckpointStore {
    /// The checkpoints of a run directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        CheckpointStore { dir: dir.into() }
    }

    /// Path of the newest checkpoint.
    pub fn newest(&self) -> PathBuf {
        self.dir.join("checkpoint.bin")
    }

    /// Path of the one before.
    pub fn previous(&self) -> PathBuf {
        self.dir.join("checkpoint.prev.bin")
    }

    /// Stores `checkpoint` as the newest; once this returns, no crash can take back more than one checkpoint.
    ///
    /// # Errors
    /// Whatever the file system refuses; the checkpoints before are then still there.
    pub fn save(&self, fs: &dyn Fs, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let (newest, previous) = (self.newest(), self.previous());
        let io_error = |source| CheckpointError::Io { path: newest.clone(), source };
        // The new file is complete on disk before an old one loses its name, and between the two
        // renames the old one is still readable as the previous.
        let temporary = fs::temporary_name(&newest);
        let head = checkpoint.head(ENGINE_VERSION, DOMAIN);
        fs.write_synced(&temporary, &checkpoint.parts(&head)).map_err(io_error)?;
        if fs.exists(&newest) {
            fs.rename(&newest, &previous).map_err(io_error)?;
        }
        fs.rename(&temporary, &newest).map_err(io_error)?;
        fs.sync_dir(&self.dir).map_err(io_error)
    }

    /// Reads the newest checkpoint back, or the one before if the newest is missing or damaged.
    ///
    /// # Errors
    /// If neither can be used; a version or domain that differs is reported as such.
    pub fn restore(&self, fs: &dyn Fs) -> Result<Restored, CheckpointError> {
        let newest = match Checkpoint::read(fs, &self.newest()) {
            Ok(checkpoint) => return Ok(Restored { checkpoint, newest_failed: None }),
            Err(error) => error,
        };
        match Checkpoint::read(fs, &self.previous()) {
            // A crash between the two renames of `save` leaves no newest: nothing is lost then.
            Ok(checkpoint) => Ok(Restored { checkpoint, newest_failed: (!newest.is_missing()).then_some(newest) }),
            Err(previous) if previous.is_missing() => Err(newest),
            Err(previous) => {
                Err(CheckpointError::NoneUsable { dir: self.dir.clone(), newest: Box::new(newest), previous: Box::new(previous) })
            }
        }
    }

    /// Gives a damaged newest file another name, so that the next save cannot push the good one out.
    ///
    /// # Errors
    /// Whatever the file system refuses.
    pub fn set_newest_aside(&self, fs: &dyn Fs) -> Result<(), CheckpointError> {
        let newest = self.newest();
        fs.rename(&newest, &self.dir.join("checkpoint.damaged.bin")).map_err(|source| CheckpointError::Io { path: newest, source })
    }

    /// True if there is a file of either name.
    pub fn has_any(&self, fs: &dyn Fs) -> bool {
        fs.exists(&self.newest()) || fs.exists(&self.previous())
    }
}

#[cfg(test)]
mod tests;
