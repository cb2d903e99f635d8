//! kill -9 at any instant: what was saved reads back, and the run ends with the same bytes.
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{assert_same_results, expect, lehr, scene, write_scene};
use lehr::random::{Stream, StreamKey, SystemTag};
use lehr::run::checkpoint::{Checkpoint, CheckpointStore};
use lehr::run::fs::DiskFs;
use lehr::run::manifest::Manifest;
use lehr::snapshot::Snapshot;
use lehr::units::Seed;

fn draws(round: u64) -> Stream {
    StreamKey::new(Seed(3), SystemTag::named("kill"), round).stream()
}

/// Kills after `n_lines` lines of output and up to 2^15 turns of a loop.
fn kill_after(child: &mut Child, n_lines: u64, stream: &mut Stream) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.take(n_lines as usize).for_each(drop);
    for i in 0..stream.below(1 << 15) {
        std::hint::black_box(i);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn two_hundred_kills_lose_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_scene(dir.path(), "torus", &scene("Sample(temperature: 2.0)", 100_000_000));
    let run = dir.path().join("run");
    let store = CheckpointStore::new(&run);
    let mut reached = 0;
    for round in 0..200 {
        let mut stream = draws(round);
        let args = ["run", &file, "--json", "--resume", "--threads", "1", "--checkpoint-every", "1", "--out", "run"];
        let mut child = lehr(dir.path(), &args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        kill_after(&mut child, stream.below(7), &mut stream);
        let Ok(manifest) = Manifest::read(&DiskFs, &run) else {
            assert_eq!(reached, 0, "round {round}: the manifest is gone");
            continue;
        };
        let acknowledged = manifest.step;
        assert!(acknowledged >= reached, "round {round}: back from step {reached} to {acknowledged}");
        reached = acknowledged;
        if acknowledged > 0 {
            let restored = store.restore(&DiskFs).unwrap_or_else(|e| panic!("round {round}: {e}"));
            assert!(restored.checkpoint.step >= acknowledged, "round {round}: {} < {acknowledged}", restored.checkpoint.step);
            assert!(restored.newest_failed.is_none(), "round {round}: {:?}", restored.newest_failed);
        }
    }
    println!("reached step {reached}");
    assert!(reached >= 50, "200 lives took {reached} steps only");
    let until = (reached + 10).to_string();
    expect(dir.path(), &["run", "run", "--resume", "--quiet", "--steps", &until], 0);
    expect(dir.path(), &["run", &file, "--quiet", "--steps", &until, "--out", "whole"], 0);
    assert_same_results(&dir.path().join("whole"), &run);
}

const CHILD: &str = "LEHR_TEST_WRITE_IN_PLACE";

/// The planted failure: a child of the next test that writes over its own checkpoint, stops at the byte it is told on its input,
/// and waits there to be killed.
#[test]
fn in_place_writer() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let mut snapshot = Snapshot::default();
    snapshot.put("neuron/spins/Activation", &vec![1.0_f32; 1 << 16]);
    let bytes = Checkpoint { step: 1, seed: 1, scene_hash: [0; 32], state_hash: [0; 32], snapshot }.encode();
    let say = |what: &str| {
        println!("\n{what}");
        std::io::stdout().flush().unwrap();
    };
    std::fs::write(Path::new(&path), &bytes).unwrap();
    say("whole");
    let mut orders = std::io::stdin().lines();
    let sixteenths: usize = orders.next().unwrap().unwrap().parse().unwrap();
    let mut file = std::fs::File::create(Path::new(&path)).unwrap();
    file.write_all(&bytes[..bytes.len() * sixteenths / 16]).unwrap();
    say("torn");
    // Until the kill, or until the test is gone.
    orders.for_each(drop);
}

#[test]
fn the_planted_writer_in_place_is_caught_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint.bin");
    for sixteenths in 0..=16 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "in_place_writer", "--nocapture"])
            .env(CHILD, &path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut wait_for = |what: &str| assert!(lines.any(|line| line.unwrap() == what), "the writer ended before it said {what:?}");
        wait_for("whole");
        Checkpoint::read(&DiskFs, &path).unwrap();
        let mut orders = child.stdin.take().unwrap();
        writeln!(orders, "{sixteenths}").unwrap();
        wait_for("torn");
        child.kill().unwrap();
        child.wait().unwrap();
        let read = Checkpoint::read(&DiskFs, &path);
        assert_eq!(read.is_ok(), sixteenths == 16, "killed after {sixteenths}/16 of the file: {:?}", read.err());
    }
}
