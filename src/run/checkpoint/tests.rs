use std::io::ErrorKind;

use super::*;
use crate::random::{StreamKey, SystemTag};
use crate::run::fs::DiskFs;
use crate::run::fs_memory::MemoryFs;
use crate::units::Seed;

fn sample(step: u64) -> Checkpoint {
    let mut snapshot = Snapshot::default();
    snapshot.put("clock/step", &[step]);
    snapshot.put("neuron/grid/Spin", &[1_i8, -1, 1, 1, -1]);
    snapshot.put("synapse/grid->grid/Weight", &(0..40).map(|i| i as f32 * 0.5 - step as f32).collect::<Vec<_>>());
    snapshot.put("synapse/grid->grid/Source", &[0_u32; 0]);
    Checkpoint { step, seed: 7, scene_hash: [3; 32], state_hash: [step as u8; 32], snapshot }
}

const DIR: &str = "run";

#[test]
fn what_was_written_reads_back() {
    let checkpoint = sample(12);
    assert_eq!(Checkpoint::decode(&checkpoint.encode()).unwrap(), checkpoint);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.bin");
    checkpoint.write(&DiskFs, &path).unwrap();
    assert_eq!(Checkpoint::read(&DiskFs, &path).unwrap(), checkpoint);
    assert_eq!(std::fs::read(&path).unwrap(), checkpoint.encode());
}

#[test]
fn golden_file_of_format_1_still_reads() {
    let golden = include_bytes!("../../../tests/golden/checkpoint_v1.bin");
    assert_eq!(
        sample(12).head("0.1.0", DOMAIN).len() + sample(12).snapshot.sections.iter().map(|s| s.bytes.len()).sum::<usize>(),
        golden.len()
    );
    if ENGINE_VERSION == "0.1.0" {
        assert_eq!(sample(12).encode(), golden);
        assert_eq!(Checkpoint::decode(golden).unwrap(), sample(12));
    } else {
        assert!(matches!(Checkpoint::decode(golden), Err(CheckpointError::OtherEngine { .. })));
    }
}

/// The file with other texts in its header, sealed with a right digest.
fn sealed(engine: &str, domain: &str) -> Vec<u8> {
    let checkpoint = sample(3);
    checkpoint.parts(&checkpoint.head(engine, domain)).concat()
}

/// Recomputes the digest of the head after an edit, so that the checks behind it are reached.
fn reseal(bytes: &mut [u8]) {
    let len = |at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
    if let Some(end) = PREFIX_LEN.checked_add(len(12)).and_then(|h| h.checked_add(len(16)))
        && end + DIGEST_LEN <= bytes.len()
    {
        let digest = *blake3::hash(&bytes[..end]).as_bytes();
        bytes[end..end + DIGEST_LEN].copy_from_slice(&digest);
    }
}

#[test]
fn unknown_versions_and_domains_are_refused_by_name() {
    let mut format = sample(3).encode();
    format[8] = 2;
    assert!(matches!(Checkpoint::decode(&format), Err(CheckpointError::UnknownFormat { found: 2 })));
    let error = Checkpoint::decode(&sealed("0.0.9", DOMAIN)).unwrap_err();
    assert!(error.to_string().contains("written by lehr 0.0.9"), "{error}");
    let error = Checkpoint::decode(&sealed(ENGINE_VERSION, "lehr.genome")).unwrap_err();
    assert!(error.to_string().contains("\"lehr.genome\""), "{error}");
    assert!(matches!(Checkpoint::decode(b"PK\x03\x04 something else"), Err(CheckpointError::NotACheckpoint)));
    assert!(matches!(Checkpoint::decode(b""), Err(CheckpointError::NotACheckpoint)));
}

#[test]
fn hostile_files_give_typed_errors() {
    let good = sample(3).encode();
    let table_at = PREFIX_LEN + u32::from_le_bytes(*good[12..].first_chunk().unwrap()) as usize;
    let name_len = "clock/step".len();
    // Field of the first table entry, as (offset in the entry, bytes to write, what the error says).
    let dtype = table_at + 2 + name_len;
    let cases: &[(usize, &[u8], &str)] = &[
        (12, &u32::MAX.to_le_bytes(), "limits"),
        (16, &u32::MAX.to_le_bytes(), "limits"),
        (20, &u32::MAX.to_le_bytes(), "bytes expected"),
        (20, &0_u32.to_le_bytes(), "left over"),
        (24, &u64::MAX.to_le_bytes(), "should have"),
        (table_at, &u16::MAX.to_le_bytes(), "bytes expected"),
        (table_at + 2, &[0xff], "not UTF-8"),
        (dtype, &[0], "unknown element type 0"),
        (dtype, &[200], "unknown element type 200"),
        (dtype + 1, &u64::MAX.to_le_bytes(), "elements of 8 bytes"),
        (dtype + 1, &(1_u64 << 61).to_le_bytes(), "elements of 8 bytes"),
        (dtype + 9, &0_u64.to_le_bytes(), "starts at byte 0"),
        (dtype + 9, &u64::MAX.to_le_bytes(), "starts at byte"),
    ];
    for (at, bytes, says) in cases {
        let mut file = good.clone();
        file[*at..at + bytes.len()].copy_from_slice(bytes);
        reseal(&mut file);
        let error = Checkpoint::decode(&file).expect_err(says).to_string();
        assert!(error.contains(says), "byte {at}: {error}");
    }
    // A huge section that is consistent in itself and reaches past the end.
    let mut file = good.clone();
    file[dtype + 1..dtype + 9].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    file[dtype + 17..dtype + 25].copy_from_slice(&(1_u64 << 43).to_le_bytes());
    reseal(&mut file);
    assert!(Checkpoint::decode(&file).unwrap_err().to_string().contains("past the end"));
    // Two sections of one name.
    let mut twice = sample(3);
    let first = twice.snapshot.sections[0].clone();
    twice.snapshot.sections.push(first);
    assert!(Checkpoint::decode(&twice.encode()).unwrap_err().to_string().contains("twice"));
    // Any flipped byte and any cut is found.
    for at in 0..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 0x10;
        assert!(Checkpoint::decode(&flipped).is_err(), "flip at {at}");
        assert!(Checkpoint::decode(&good[..at]).is_err(), "cut at {at}");
    }
    assert!(Checkpoint::decode(&[good.as_slice(), b"x"].concat()).is_err());
}

#[test]
fn a_hundred_thousand_mutations_never_panic_nor_pass_damaged() {
    let good = sample(3).encode();
    let mut passed = 0;
    for round in 0..100_000_u64 {
        let mut stream = StreamKey::new(Seed(1), SystemTag::named("mutate checkpoint"), round).stream();
        let mut draw = |n: usize| (stream.bits() % n.max(1) as u64) as usize;
        let mut file = good.clone();
        for _ in 0..1 + draw(3) {
            match draw(6) {
                0 if !file.is_empty() => {
                    let at = draw(file.len());
                    file[at] = draw(256) as u8;
                }
                1 => file.truncate(draw(good.len())),
                2 => {
                    let at = draw(file.len() + 1);
                    file.insert(at, draw(256) as u8);
                }
                3 if file.len() > 8 => {
                    // Numbers that break size arithmetic, in any field of the head.
                    let at = draw(file.len() - 8);
                    let value = [0, 1, u64::MAX, 1 << 63, 1 << 32, good.len() as u64][draw(6)];
                    let width = [2, 4, 8][draw(3)];
                    file[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
                }
                4 if file.len() > 1 => {
                    let (a, b) = (draw(file.len()), draw(file.len()));
                    file.swap(a, b);
                }
                _ => {
                    let (from, n) = (draw(file.len()), draw(40));
                    let part: Vec<u8> = file[from.min(file.len())..(from + n).min(file.len())].to_vec();
                    file.extend(part);
                }
            }
        }
        let resealed = draw(2) == 0 && file.len() > PREFIX_LEN;
        if resealed {
            if draw(2) == 0 {
                let len = file.len() as u64;
                file[24..32].copy_from_slice(&len.to_le_bytes());
            }
            reseal(&mut file);
        }
        if let Ok(read) = Checkpoint::decode(&file) {
            passed += 1;
            assert!(resealed || file == good, "round {round}: a damaged file passed");
            assert_eq!(read.encode(), file, "round {round}: read as something else");
        }
    }
    assert!(passed > 100, "only {passed} mutants reached the end of the reader");
}

/// Saves ten checkpoints and returns, for each, the number of operations after which it was acknowledged.
fn save_ten(fs: &MemoryFs, save: impl Fn(&MemoryFs, &Checkpoint)) -> Vec<usize> {
    (1..=10).map(|step| (save(fs, &sample(step)), fs.n_ops()).1).collect()
}

/// Crashes after which the newest acknowledged checkpoint and the one before were both gone, of all crashes.
fn lost_after_crash(fs: &MemoryFs, acknowledged: &[usize]) -> (usize, usize) {
    let (mut lost, mut all) = (0, 0);
    for n_ops in 0..=fs.n_ops() {
        let newest = acknowledged.iter().filter(|&&at| at <= n_ops).count() as u64;
        for disk in fs.crashes(n_ops) {
            all += 1;
            match CheckpointStore::new(DIR).restore(&disk) {
                Ok(restored) => {
                    let step = restored.checkpoint.step;
                    assert_eq!(restored.checkpoint, sample(step), "a checkpoint that nobody wrote");
                    lost += usize::from(step + 1 < newest);
                }
                Err(_) => lost += usize::from(newest > 0),
            }
        }
    }
    (lost, all)
}

#[test]
fn every_crash_leaves_the_newest_checkpoint_or_the_one_before() {
    let fs = MemoryFs::default();
    let store = CheckpointStore::new(DIR);
    let acknowledged = save_ten(&fs, |fs, c| store.save(fs, c).unwrap());
    let (lost, all) = lost_after_crash(&fs, &acknowledged);
    assert_eq!(lost, 0, "of {all} crashes");
    assert!(all > 1000, "only {all} crashes tried");
}

#[test]
fn planted_writers_lose_checkpoints() {
    let store = CheckpointStore::new(DIR);
    let in_place = |fs: &MemoryFs, c: &Checkpoint| fs.write_synced(&store.newest(), &[&c.encode()]).unwrap();
    let without_file_sync = |fs: &MemoryFs, c: &Checkpoint| {
        let temporary = fs::temporary_name(&store.newest());
        if fs.exists(&temporary) {
            fs.truncate(&temporary, 0).unwrap();
        }
        fs.append(&temporary, &c.encode()).unwrap();
        fs.rename(&temporary, &store.newest()).unwrap();
        fs.sync_dir(Path::new(DIR)).unwrap();
    };
    let without_dir_sync = |fs: &MemoryFs, c: &Checkpoint| {
        let temporary = fs::temporary_name(&store.newest());
        fs.write_synced(&temporary, &[&c.encode()]).unwrap();
        fs.rename(&temporary, &store.newest()).unwrap();
    };
    type Writer<'a> = &'a dyn Fn(&MemoryFs, &Checkpoint);
    let planted: [(&str, Writer<'_>); 3] =
        [("in place", &in_place), ("no fsync of the file", &without_file_sync), ("no fsync of the folder", &without_dir_sync)];
    for (name, writer) in planted {
        let fs = MemoryFs::default();
        let acknowledged = save_ten(&fs, writer);
        let (lost, all) = lost_after_crash(&fs, &acknowledged);
        assert!(lost > 0, "{name}: no loss in {all} crashes");
    }
}

#[test]
fn a_full_or_broken_disk_costs_no_older_checkpoint() {
    let store = CheckpointStore::new(DIR);
    for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
        let clean = MemoryFs::default();
        store.save(&clean, &sample(1)).unwrap();
        store.save(&clean, &sample(2)).unwrap();
        let before = clean.n_ops();
        store.save(&clean, &sample(3)).unwrap();
        for at in before..clean.n_ops() {
            let fs = MemoryFs::default();
            store.save(&fs, &sample(1)).unwrap();
            store.save(&fs, &sample(2)).unwrap();
            fs.fail_from(at, kind);
            let error = store.save(&fs, &sample(3)).unwrap_err();
            assert!(matches!(&error, CheckpointError::Io { source, .. } if source.kind() == kind), "{error}");
            assert!(store.restore(&fs).unwrap().checkpoint.step >= 2, "operation {at}");
            fs.heal();
            store.save(&fs, &sample(4)).unwrap();
            assert_eq!(store.restore(&fs).unwrap().checkpoint.step, 4);
        }
    }
}

#[test]
fn a_damaged_newest_falls_back_and_says_so() {
    let fs = MemoryFs::default();
    let store = CheckpointStore::new(DIR);
    assert!(store.restore(&fs).unwrap_err().is_missing());
    store.save(&fs, &sample(1)).unwrap();
    store.save(&fs, &sample(2)).unwrap();
    let mut damaged = sample(2).encode();
    *damaged.last_mut().unwrap() ^= 1;
    fs.write_synced(&store.newest(), &[&damaged]).unwrap();
    let restored = store.restore(&fs).unwrap();
    assert_eq!(restored.checkpoint.step, 1);
    assert!(matches!(restored.newest_failed, None | Some(CheckpointError::DamagedSection { .. })));
    assert!(restored.newest_failed.is_some());
    // Set aside, the damaged file cannot push the good one out, wherever the next save is cut.
    store.set_newest_aside(&fs).unwrap();
    fs.sync_dir(Path::new(DIR)).unwrap();
    let before = fs.n_ops();
    store.save(&fs, &sample(3)).unwrap();
    for n_ops in before..=fs.n_ops() {
        for disk in fs.crashes(n_ops) {
            assert!(matches!(store.restore(&disk).unwrap().checkpoint.step, 1 | 3));
        }
    }
    fs.write_synced(&store.newest(), &[b"LEHRCKPT"]).unwrap();
    fs.write_synced(&store.previous(), &[b"LEHRCKPT"]).unwrap();
    assert!(matches!(store.restore(&fs), Err(CheckpointError::NoneUsable { .. })));
}
