use std::collections::BTreeMap;

use super::*;
use crate::components::{Activation, StepCount};
use crate::phases::Phase;
use crate::random::{StreamKey, SystemTag};
use crate::run::checkpoint::ENGINE_VERSION;
use crate::run::fs_memory::MemoryFs;
use crate::run::manifest::{Bits, DOMAIN, FORMAT, Label};
use crate::topology::{Blueprint, Neurons};
use crate::units::Seed;
use bevy_ecs::prelude::{Res, Resource};

const DIR: &str = "run";
const HASH: Digest = [9; 32];

/// Fails at this step, if at any.
#[derive(Resource)]
struct FaultAt(Option<u64>);

fn walk(mut neurons: Neurons<&mut Activation>, step: Res<StepCount>, metrics: Res<Metrics>) {
    for (_, activations) in neurons.iter_mut() {
        let mut stream = StreamKey::new(Seed(5), SystemTag::named("walk"), step.0).stream();
        for a in activations.iter_mut() {
            *a = Activation(a.0 + stream.uniform_f32() - 0.5);
        }
        metrics.set("first", f64::from(activations[0].0));
    }
    if step.0 == 25 {
        metrics.set(crate::components::metrics::FINISHED, 1.0);
    }
}

fn trip(fault: Res<FaultAt>, step: Res<StepCount>) -> bevy_ecs::error::Result {
    match fault.0 {
        Some(at) if at == step.0 => Err(format!("planted failure at step {at}").into()),
        _ => Ok(()),
    }
}

fn simulation(fault: Option<u64>) -> Simulation {
    let mut sim = Simulation::new(Seed(5));
    sim.insert_resource(FaultAt(fault));
    sim.add_systems(Phase::Anneal, walk).add_systems(Phase::Learn, trip);
    sim.build(Blueprint::new().population("grid", 8)).unwrap();
    sim
}

fn manifest(steps: u64) -> Manifest {
    Manifest {
        format: FORMAT,
        domain: DOMAIN.to_owned(),
        engine: ENGINE_VERSION.to_owned(),
        scene: "test".to_owned(),
        scene_hash: hex(&HASH),
        overrides: Vec::new(),
        seed: 5,
        steps,
        record_every: 2,
        hash_every: 4,
        threads: 1,
        label: Label::Exact,
        bits: Bits::Law,
        backend: None,
        status: Status::Running,
        step: 0,
        state_hash: None,
        error: None,
    }
}

fn settings(every: u64) -> DriveSettings {
    DriveSettings { checkpoint_every: CheckpointEvery::Steps(every), snapshot_every: 0 }
}

/// Sets the stop flag once `at` steps are done.
struct StopAt<'a>(u64, &'a AtomicBool);

impl Watcher for StopAt<'_> {
    fn stepped(&mut self, step: u64) {
        if step == self.0 {
            self.1.store(true, Ordering::Relaxed);
        }
    }
}

fn start(fs: &MemoryFs, steps: u64, every: u64, stop_at: u64) -> RunEnd {
    let mut sim = simulation(None);
    let stop = AtomicBool::new(stop_at == 0);
    let mut run = Run::create(fs, Path::new(DIR), manifest(steps), "scene", HASH, &sim).unwrap();
    run.drive(&mut sim, settings(every), &stop, &mut StopAt(stop_at, &stop)).unwrap()
}

fn go_on(fs: &MemoryFs, steps: u64, every: u64) -> Result<RunEnd, RunError> {
    let mut sim = simulation(None);
    let mut run = Run::resume(fs, Path::new(DIR), manifest(steps), HASH, &mut sim, &mut Silent)?;
    run.drive(&mut sim, settings(every), &AtomicBool::new(false), &mut Silent)
}

/// The files of a finished run.
fn files(fs: &MemoryFs) -> BTreeMap<&'static str, Vec<u8>> {
    ["scene.ron", "manifest.json", METRICS_FILE, HASHES_FILE, "checkpoint.bin"]
        .into_iter()
        .map(|name| (name, fs.read(&Path::new(DIR).join(name), 1 << 20).unwrap()))
        .collect()
}

#[test]
fn a_run_stopped_at_any_step_and_resumed_writes_the_same_bytes() {
    let whole = MemoryFs::default();
    let end = start(&whole, 15, 4, u64::MAX);
    assert_eq!((end.status, end.step), (Status::Done, 15));
    for stop_at in 0..=15 {
        let fs = MemoryFs::default();
        let stopped = start(&fs, 15, 4, stop_at);
        assert_eq!(stopped.status, if stop_at < 15 { Status::Interrupted } else { Status::Done });
        assert_eq!(stopped.step, stop_at);
        assert_eq!(go_on(&fs, 15, 4).unwrap(), end);
        assert_eq!(files(&fs), files(&whole), "stopped at {stop_at}");
    }
}

#[test]
fn a_finished_run_can_be_made_longer() {
    let whole = MemoryFs::default();
    start(&whole, 20, 4, u64::MAX);
    let fs = MemoryFs::default();
    start(&fs, 13, 4, u64::MAX);
    go_on(&fs, 20, 4).unwrap();
    assert_eq!(files(&fs), files(&whole));
}

#[test]
fn a_method_that_is_finished_ends_the_run() {
    let fs = MemoryFs::default();
    let end = start(&fs, 100, 7, u64::MAX);
    assert_eq!((end.status, end.step), (Status::Done, 26));
    let before = files(&fs);
    assert_eq!(go_on(&fs, 100, 7).unwrap(), end);
    assert_eq!(files(&fs), before);
    let log = String::from_utf8(before[METRICS_FILE].clone()).unwrap();
    assert_eq!(log.lines().count(), 13);
    assert!(!log.contains("finished"));
}

#[test]
fn every_crash_of_a_run_is_resumed_to_the_same_bytes() {
    let whole = MemoryFs::default();
    start(&whole, 9, 3, u64::MAX);
    let mut n_crashes = 0;
    for n_ops in 0..=whole.n_ops() {
        for disk in whole.crashes(n_ops) {
            n_crashes += 1;
            if disk.exists(&Manifest::path(Path::new(DIR))) {
                go_on(&disk, 9, 3).unwrap_or_else(|e| panic!("after {n_ops} operations: {e}"));
            } else {
                start(&disk, 9, 3, u64::MAX);
            }
            assert_eq!(files(&disk), files(&whole), "after {n_ops} operations");
        }
    }
    assert!(n_crashes > 500, "only {n_crashes} crashes tried");
}

#[test]
fn a_failed_step_leaves_the_last_checkpoint_and_says_so() {
    let fs = MemoryFs::default();
    let mut sim = simulation(Some(6));
    let mut run = Run::create(&fs, Path::new(DIR), manifest(15), "scene", HASH, &sim).unwrap();
    let never = AtomicBool::new(false);
    let error = run.drive(&mut sim, settings(4), &never, &mut Silent).unwrap_err();
    assert!(error.to_string().contains("planted failure at step 6"), "{error}");
    assert!(run.drive(&mut sim, settings(4), &never, &mut Silent).unwrap_err().to_string().contains("poisoned"));
    let restored = CheckpointStore::new(DIR).restore(&fs).unwrap();
    assert_eq!(restored.checkpoint.step, 4);
    let manifest = Manifest::read(&fs, Path::new(DIR)).unwrap();
    assert_eq!(manifest.status, Status::Failed);
    assert!(manifest.error.unwrap().contains("planted failure"));
    let whole = MemoryFs::default();
    start(&whole, 15, 4, u64::MAX);
    go_on(&fs, 15, 4).unwrap();
    assert_eq!(files(&fs), files(&whole));
}

#[test]
fn another_scene_or_seed_is_refused() {
    let fs = MemoryFs::default();
    start(&fs, 9, 3, 5);
    let resume = |manifest: Manifest, hash: Digest| {
        let mut sim = simulation(None);
        Run::resume(&fs, Path::new(DIR), manifest, hash, &mut sim, &mut Silent).err().map(|e| e.to_string())
    };
    let before = files(&fs);
    let other = resume(Manifest { scene_hash: hex(&[8; 32]), ..manifest(9) }, [8; 32]).unwrap();
    assert!(other.contains("the scene changed"), "{other}");
    let other = resume(Manifest { seed: 6, ..manifest(9) }, HASH).unwrap();
    assert!(other.contains("then 5, now 6"), "{other}");
    assert_eq!(files(&fs), before);
}

#[test]
fn a_full_disk_ends_the_run_and_freed_space_lets_it_go_on() {
    let whole = MemoryFs::default();
    start(&whole, 9, 3, u64::MAX);
    for at in 0..whole.n_ops() {
        let fs = MemoryFs::default();
        fs.fail_from(at, io::ErrorKind::StorageFull);
        let mut sim = simulation(None);
        let failed = Run::create(&fs, Path::new(DIR), manifest(9), "scene", HASH, &sim)
            .and_then(|mut run| run.drive(&mut sim, settings(3), &AtomicBool::new(false), &mut Silent));
        assert!(failed.is_err(), "operation {at}");
        fs.heal();
        if fs.exists(&Manifest::path(Path::new(DIR))) {
            go_on(&fs, 9, 3).unwrap();
        } else {
            start(&fs, 9, 3, u64::MAX);
        }
        assert_eq!(files(&fs), files(&whole), "operation {at}");
    }
}

#[test]
fn kept_states_are_checkpoints_of_their_steps() {
    let fs = MemoryFs::default();
    let mut sim = simulation(None);
    let mut run = Run::create(&fs, Path::new(DIR), manifest(9), "scene", HASH, &sim).unwrap();
    let settings = DriveSettings { checkpoint_every: CheckpointEvery::Time(DEFAULT_INTERVAL), snapshot_every: 4 };
    run.drive(&mut sim, settings, &AtomicBool::new(false), &mut Silent).unwrap();
    for step in [4, 8] {
        let kept = Checkpoint::read(&fs, &snapshot_path(Path::new(DIR), step)).unwrap();
        let mut twin = simulation(None);
        load(&mut twin, &kept, &HASH, Path::new(DIR)).unwrap();
        assert_eq!(twin.step_count(), step);
    }
}

#[test]
fn large_states_are_hashed_more_rarely() {
    assert_eq!(hash_every(10, 0), 10);
    assert_eq!(hash_every(10, CHEAP_STATE), 10);
    assert_eq!(hash_every(10, 100 * CHEAP_STATE), 1000);
    assert_eq!(hash_every(u64::MAX, 100 * CHEAP_STATE), u64::MAX);
}
