//! A file system in memory that records every operation, fails on request, and yields every state
//! of the disk that a crash could leave behind.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::fs::Fs;

/// Bytes that one recorded write carries, small so that crashes fall inside a file.
const CHUNK: usize = 64;

#[derive(Clone, Debug)]
enum Op {
    Link { path: PathBuf, inode: usize },
    Empty { inode: usize },
    Write { inode: usize, bytes: Vec<u8> },
    Cut { inode: usize, len: usize },
    SyncFile { inode: usize },
    Rename { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
    SyncDir,
}

/// What becomes of bytes that were written and not yet synced when the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// They never arrived.
    Lost,
    /// They all arrived.
    Kept,
    /// The first half of each write arrived.
    Torn,
    /// The length arrived and the bytes did not.
    Zeroed,
}

#[derive(Clone, Debug, Default)]
struct State {
    inodes: Vec<Vec<u8>>,
    names: BTreeMap<PathBuf, usize>,
    ops: Vec<Op>,
    fault: Option<(usize, io::ErrorKind)>,
}

/// Files in memory; folders exist wherever they are asked for.
#[derive(Clone, Debug, Default)]
pub struct MemoryFs(RefCell<State>);

impl State {
    fn record(&mut self, op: Op) -> io::Result<()> {
        if let Some((at, kind)) = self.fault
            && self.ops.len() >= at
        {
            // A full disk still takes the first half of the write that fills it.
            if let Op::Write { inode, bytes } = op {
                let half = bytes[..bytes.len() / 2].to_vec();
                self.inodes[inode].extend_from_slice(&half);
            }
            return Err(kind.into());
        }
        self.apply(&op);
        self.ops.push(op);
        Ok(())
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Link { path, inode } => {
                self.inodes.resize(self.inodes.len().max(inode + 1), Vec::new());
                self.names.insert(path.clone(), *inode);
            }
            Op::Empty { inode } => self.inodes[*inode].clear(),
            Op::Write { inode, bytes } => self.inodes[*inode].extend_from_slice(bytes),
            Op::Cut { inode, len } => self.inodes[*inode].truncate(*len),
            Op::Rename { from, to } => {
                if let Some(inode) = self.names.remove(from) {
                    self.names.insert(to.clone(), inode);
                }
            }
            Op::Remove { path } => _ = self.names.remove(path),
            Op::SyncFile { .. } | Op::SyncDir => {}
        }
    }

    fn inode(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open(&mut self, path: &Path) -> io::Result<usize> {
        if let Ok(inode) = self.inode(path) {
            return Ok(inode);
        }
        let inode = self.inodes.len();
        self.record(Op::Link { path: path.to_owned(), inode })?;
        Ok(inode)
    }
}

impl Fs for MemoryFs {
    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let state = self.0.borrow();
        let bytes = &state.inodes[state.inode(path)?];
        if bytes.len() as u64 > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes.clone()) }
    }

    fn write_synced(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        let inode = state.open(path)?;
        state.record(Op::Empty { inode })?;
        for chunk in parts.concat().chunks(CHUNK) {
            state.record(Op::Write { inode, bytes: chunk.to_vec() })?;
        }
        state.record(Op::SyncFile { inode })
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        let inode = state.open(path)?;
        state.record(Op::Write { inode, bytes: bytes.to_vec() })
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        let inode = state.inode(path)?;
        state.record(Op::Cut { inode, len: len as usize })
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        let inode = state.inode(path)?;
        state.record(Op::SyncFile { inode })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.inode(from)?;
        state.record(Op::Rename { from: from.to_owned(), to: to.to_owned() })
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.0.borrow_mut().record(Op::SyncDir)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.inode(path)?;
        state.record(Op::Remove { path: path.to_owned() })
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.borrow().names.contains_key(path)
    }
}

impl MemoryFs {
    /// Operations recorded so far.
    pub fn n_ops(&self) -> usize {
        self.0.borrow().ops.len()
    }

    /// Makes every operation from number `at` on fail with `kind`.
    pub fn fail_from(&self, at: usize, kind: io::ErrorKind) {
        self.0.borrow_mut().fault = Some((at, kind));
    }

    /// Lets operations succeed again.
    pub fn heal(&self) {
        self.0.borrow_mut().fault = None;
    }

    /// Every disk that a crash after the first `n_ops` operations could leave: names since the last
    /// folder sync arrive up to any point, bytes that were not synced in any of the four ways.
    pub fn crashes(&self, n_ops: usize) -> Vec<MemoryFs> {
        let state = self.0.borrow();
        let ops = &state.ops[..n_ops];
        let synced_names = ops.iter().rposition(|op| matches!(op, Op::SyncDir)).map_or(0, |at| at + 1);
        let is_name = |op: &Op| matches!(op, Op::Link { .. } | Op::Rename { .. } | Op::Remove { .. });
        let n_loose_names = ops[synced_names..].iter().filter(|op| is_name(op)).count();

        let mut disks = Vec::new();
        for kept_names in 0..=n_loose_names {
            for unsynced in [Unsynced::Lost, Unsynced::Kept, Unsynced::Torn, Unsynced::Zeroed] {
                let mut disk = State { inodes: vec![Vec::new(); state.inodes.len()], ..State::default() };
                let mut loose = 0;
                for (at, op) in ops.iter().enumerate() {
                    if is_name(op) {
                        loose += usize::from(at >= synced_names);
                        if at < synced_names || loose <= kept_names {
                            disk.apply(op);
                        }
                    } else if let Some(op) = survivor(op, is_synced(ops, at), unsynced) {
                        disk.apply(&op);
                    }
                }
                disks.push(MemoryFs(RefCell::new(disk)));
            }
        }
        disks
    }
}

/// True if the bytes of operation `at` were waited for.
fn is_synced(ops: &[Op], at: usize) -> bool {
    let (Op::Empty { inode } | Op::Write { inode, .. } | Op::Cut { inode, .. }) = &ops[at] else { return true };
    ops[at..].iter().any(|op| matches!(op, Op::SyncFile { inode: synced } if synced == inode))
}

fn survivor(op: &Op, is_synced: bool, unsynced: Unsynced) -> Option<Op> {
    match (op, is_synced, unsynced) {
        (_, true, _) | (_, false, Unsynced::Kept) => Some(op.clone()),
        (_, _, Unsynced::Lost) => None,
        (Op::Write { inode, bytes }, ..) => {
            let bytes = if unsynced == Unsynced::Torn { bytes[..bytes.len() / 2].to_vec() } else { vec![0; bytes.len()] };
            Some(Op::Write { inode: *inode, bytes })
        }
        _ => Some(op.clone()),
    }
}
