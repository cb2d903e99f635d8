//! Every scene has the same state after every step on any number of threads, and so have variants large
//! enough that threads share the work.

mod cases;

use cases::{CASES, Case};
use lehr::run::threads::with_threads;
use lehr::scene::checked::Scene;
use lehr::scene::{Limits, SceneSource, build, load};
use lehr::simulation::{StateHash, first_difference};
use lehr::snapshot::Snapshot;

fn scene(case: &Case) -> Scene {
    let overrides: Vec<String> = case.overrides.iter().map(|&s| s.to_owned()).collect();
    load(&SceneSource::File(case.path()), &overrides, Limits::DEFAULT).unwrap_or_else(|report| panic!("{}: {report}", case.name)).scene
}

/// The hash and, if asked for, the state after each step.
fn chain(scene: &Scene, n_threads: usize, steps: u64, with_states: bool) -> Vec<(StateHash, Option<Snapshot>)> {
    let run = || {
        let mut sim = build(scene).expect("a checked scene builds");
        let step = |_| {
            sim.step().expect("a step");
            (sim.state_hash(), with_states.then(|| sim.save().expect("a sound state")))
        };
        (0..steps).map(step).collect()
    };
    with_threads(n_threads, run).expect("threads start")
}

/// Fails with the step, the component and the neuron or synapse that differ first.
fn assert_same_chain(name: &str, scene: &Scene, steps: u64, expected: &[(StateHash, Option<Snapshot>)], n_threads: usize) {
    let found = chain(scene, n_threads, steps, false);
    let Some(step) = (0..expected.len()).find(|&k| found[k].0 != expected[k].0) else { return };
    let (left, right) = (chain(scene, 1, steps, true), chain(scene, n_threads, steps, true));
    let difference = first_difference(left[step].1.as_ref().unwrap(), right[step].1.as_ref().unwrap());
    panic!("{name}: {n_threads} threads differ from one after step {}: {difference:?}", step + 1);
}

#[test]
fn any_number_of_threads_gives_the_same_state_after_every_step() {
    for case in CASES {
        let scene = scene(case);
        let alone = chain(&scene, 1, case.steps, false);
        assert!(alone.windows(2).any(|pair| pair[0].0 != pair[1].0), "{}: nothing moves", case.name);
        for n_threads in [2, 3, 7, 16] {
            assert_same_chain(case.name, &scene, case.steps, &alone, n_threads);
        }
    }
}

#[test]
fn every_scene_of_the_repository_is_a_case() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/scenes")).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "ron") {
            assert!(CASES.iter().any(|c| c.path() == path && c.overrides.is_empty()), "{} is no case", path.display());
        }
    }
}

#[test]
fn threads_that_share_a_sweep_of_one_replica_change_no_bit_of_a_scene() {
    // From `SHARE_FROM` spins on; 640 x 640 is just above.
    let case = Case { name: "shared sweeps", scene: "ising_2d", overrides: &["width=640", "height=640", "sweeps_per_step=1"], steps: 2 };
    let n_spins = lehr::engine::spins::replica::SHARE_FROM;
    assert!(n_spins <= 640 * 640, "the scene has {} spins, threads share from {n_spins}", 640 * 640);
    let scene = scene(&case);
    let alone = chain(&scene, 1, case.steps, false);
    assert_same_chain(case.name, &scene, case.steps, &alone, 3);
}
