//! The promises of a run, kept by the binary: any number of threads, any vector instructions, and any
//! interruption give the same bytes.

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use common::{assert_same_results, expect, lehr, scene, write_scene};

const STEPS: u64 = 10;

/// One system of every method, small enough for tests, on both engines.
const METHODS: [(&str, &str); 9] = [
    ("sample", "Sample(temperature: 2.0)"),
    ("lanes", "Sample(temperature: 1.5, replicas: 64)"),
    ("anneal", "Anneal(sweeps: 60, sweeps_per_step: 5, runs: 2)"),
    ("temper", "Temper(temperatures: 4, replicas: 64, adaptation_steps: 6, clusters: One)"),
    ("population", "PopulationAnneal(cold: 0.8, replicas: 64, sweeps_per_step: 2)"),
    ("ais", "Ais(cold: 0.8, replicas: 64, beta_steps: 24, beta_steps_per_step: 2)"),
    ("optimise", "Optimise(sweeps: 20000, sweeps_per_step: 500)"),
    ("cycle", "Cycle(first_sweeps: 40, sweeps: 20000, sweeps_per_step: 20)"),
    ("shared", "Anneal(sweeps: 60, sweeps_per_step: 6, replicas: 64, randomness: Shared)"),
];

/// A scene of 90 spins with other couplings than the torus.
fn scene_of(couplings: &str, count: &str, system: &str) -> String {
    format!(
        "// A test: watch nothing.\nScene(\n    format: 1,\n    seed: 11,\n    steps: {STEPS},\n    populations: [Spins(name: \"spins\"{count})],\n    \
         projections: [Symmetric(couplings: {couplings})],\n    systems: [{system}],\n)\n"
    )
}

/// Neurons that learn by heat of three kinds and by gradient, in windows that overlap.
fn learning() -> String {
    let heat = "AnnealWeights(until: 4, schedule: Geometric(hot: 1, cold: 0.01), lambda: 0.01, proposals_per_step: 50)";
    let barker = "AnnealWeights(from: 4, until: 7, schedule: Constant(0.1), proposals_per_step: 50, batch: Barker(2))";
    let langevin = "AnnealWeights(from: 6, schedule: Constant(0.1), proposals_per_step: 5, method: Mala(rate: 0.001))";
    let gradient = "TrainGradient(from: 3, optimiser: Adam(), rate: 0.01, batch: 3)";
    format!(
        "// A test: watch nothing.\nScene(\n    format: 1,\n    seed: 11,\n    steps: {STEPS},\n    loss: BinaryCrossEntropy,\n    \
         data: Data(task: Values, source: Samples([([0, 0], [0]), ([0, 1], [1]), ([1, 0], [1]), ([1, 1], [0])])),\n    \
         populations: [Neurons(name: \"in\", role: Input), Neurons(name: \"hidden\", count: 7, unit: Tanh), Neurons(name: \"out\", role: Output)],\n    \
         projections: [Directed(name: \"in->hidden\", weights: He), Directed(name: \"hidden->out\", weights: He)],\n    \
         systems: [{heat}, {barker}, {langevin}, {gradient}],\n)\n"
    )
}

/// Every method on the torus, and every kind of rows: dense ones, real-valued ones, those of a memory; and a network that learns.
fn scenes() -> Vec<(&'static str, String)> {
    let digits = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/digits.csv");
    let digits = format!("Hopfield(path: {:?}, rule: PseudoInverse)", digits.to_str().expect("a path of text"));
    let dense = |strengths: &str| format!("SherringtonKirkpatrick(strengths: {strengths})");
    let gauss = "Lattice(width: 10, height: 9, strengths: Gaussian(1.0))";
    let mut all: Vec<_> = METHODS.iter().map(|&(name, system)| (name, scene(system, STEPS))).collect();
    all.extend([
        ("dense", scene_of(&dense("Gaussian"), ", count: 90", "Sample(temperature: 0.8, sweeps_per_step: 3)")),
        ("dense_integer", scene_of(&dense("PlusMinusOne"), ", count: 90", "Sample(temperature: 6.0, rule: HeatBath)")),
        ("dense_anneal", scene_of(&dense("Gaussian"), ", count: 90", "Anneal(sweeps: 40, sweeps_per_step: 5)")),
        ("real", scene_of(gauss, "", "Sample(temperature: 1.0, sweeps_per_step: 3)")),
        ("real_lanes", scene_of(gauss, "", "Temper(temperatures: 4, replicas: 64, adaptation_steps: 6)")),
        ("recall", scene_of(&digits, "", "Recall(flipped: 0.2, sweeps: 10)")),
        ("learning", learning()),
    ]);
    all
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in scenes() {
        let file = write_scene(dir.path(), name, &text);
        let out = |threads: &str| format!("{name}-{threads}");
        for threads in ["1", "2", "3", "7", "16"] {
            expect(dir.path(), &["run", &file, "--quiet", "--threads", threads, "--out", &out(threads)], 0);
            assert_same_results(&dir.path().join(out("1")), &dir.path().join(out(threads)));
        }
    }
}

#[test]
fn any_vector_instructions_give_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let backends: Vec<_> = lehr::kernels::simd::Simd::available().collect();
    println!("backends of this processor: {backends:?}");
    for (name, text) in scenes() {
        let file = write_scene(dir.path(), name, &text);
        let out = |backend: &str| format!("{name}-{backend}");
        for backend in &backends {
            let backend = backend.name();
            let args = ["run", &file, "--quiet", "--out", &out(backend)];
            let status = lehr(dir.path(), &args).env("LEHR_SIMD", backend).stdout(Stdio::null()).status().unwrap();
            assert_eq!(status.code(), Some(0), "{name} with {backend}");
            assert_same_results(&dir.path().join(out("scalar")), &dir.path().join(out(backend)));
        }
    }
}

/// The run directory `to` as it was at `step` of the run in `from`, which kept all its states.
fn stopped_at(from: &Path, to: &Path, step: u64) {
    fs::create_dir_all(to.join("snapshots")).unwrap();
    for name in ["manifest.json", "scene.ron", "metrics.jsonl", "hashes.jsonl"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
    fs::copy(from.join(format!("snapshots/step-{step:012}.bin")), to.join("checkpoint.bin")).unwrap();
}

#[test]
fn a_checkpoint_of_any_step_resumes_to_the_same_bytes_in_a_fresh_process() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in scenes() {
        let file = write_scene(dir.path(), name, &text);
        let whole = dir.path().join(name);
        expect(dir.path(), &["run", &file, "--quiet", "--threads", "1", "--snapshot-every", "1", "--out", name], 0);
        let last = fs::read_dir(whole.join("snapshots")).unwrap().count() as u64;
        assert!(last >= 5, "{name} has {last} steps");
        for step in 1..=last {
            let resumed = format!("{name}-{step}");
            stopped_at(&whole, &dir.path().join(&resumed), step);
            let threads = ["2", "3", "7"][step as usize % 3];
            expect(dir.path(), &["run", &resumed, "--resume", "--quiet", "--threads", threads], 0);
            assert_same_results(&whole, &dir.path().join(&resumed));
        }
        expect(dir.path(), &["verify", name], 0);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_the_run_goes_on_to_the_same_bytes() {
    use rustix::process::{Pid, Signal, kill_process};
    let dir = tempfile::tempdir().unwrap();
    let file = write_scene(dir.path(), "long", &scene("Sample(temperature: 2.0)", 100_000_000));
    let mut child = lehr(dir.path(), &["run", &file, "--json", "--out", "run"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().take(20).all(|line| line.is_ok()));
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let end = lines.last().unwrap().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let end: serde_json::Value = serde_json::from_str(&end).unwrap();
    assert_eq!((&end["type"], &end["status"]), (&"end".into(), &"interrupted".into()));
    let step = end["step"].as_u64().unwrap();
    let until = (step + 15).to_string();
    expect(dir.path(), &["run", "run", "--resume", "--quiet", "--steps", &until], 0);
    expect(dir.path(), &["run", &file, "--quiet", "--steps", &until, "--out", "whole"], 0);
    assert_same_results(&dir.path().join("whole"), &dir.path().join("run"));
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_leaves_at_once() {
    use rustix::process::{Pid, Signal, kill_process};
    let dir = tempfile::tempdir().unwrap();
    // One step of this takes longer than anybody waits.
    let file = write_scene(dir.path(), "endless", &scene("Sample(temperature: 2.0, sweeps_per_step: 4000000000)", 2));
    let mut child = lehr(dir.path(), &["run", &file, "--out", "run"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    assert!(lines.next().unwrap().unwrap().contains("Sample"));
    kill_process(pid, Signal::INT).unwrap();
    assert!(lines.any(|line| line.unwrap().contains("finishing the step")));
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[cfg(unix)]
#[test]
fn interrupted_repetitions_go_on_where_each_of_them_stood() {
    use rustix::process::{Pid, Signal, kill_process};
    let dir = tempfile::tempdir().unwrap();
    let unfinished = || fs::read_dir(dir.path().join("stopped/unfinished")).unwrap().count();
    // A fast machine may finish before the signal arrives: then there is more to do.
    let is_interrupted = |steps: u64| {
        let file = write_scene(dir.path(), "reps", &scene("Sample(temperature: 2.0)", steps));
        let args = ["run", &file, "--json", "--reps", "4", "--jobs", "2", "--out", "stopped"];
        let mut child = lehr(dir.path(), &args).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("\"type\":\"run\"")));
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        lines.for_each(drop);
        let code = child.wait().unwrap().code();
        assert!(matches!(code, Some(0 | 130)), "{code:?}");
        let is_stopped = code == Some(130) && unfinished() > 0;
        if !is_stopped {
            fs::remove_dir_all(dir.path().join("stopped")).unwrap();
        }
        is_stopped
    };
    assert!([3_000, 12_000, 48_000, 192_000].into_iter().any(is_interrupted), "every run ended before its signal");
    expect(dir.path(), &["run", "reps.ron", "--quiet", "--reps", "4", "--jobs", "2", "--out", "whole"], 0);
    expect(dir.path(), &["run", "stopped", "--resume", "--quiet", "--threads", "3"], 0);
    assert_eq!(unfinished(), 0);
    let rows = |name: &str| fs::read_to_string(dir.path().join(name).join("runs.csv")).unwrap();
    assert_eq!(rows("stopped"), rows("whole"));
}

#[cfg(unix)]
#[test]
fn a_killed_repetition_goes_on_from_the_checkpoint_that_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = dir.path().join("killed/unfinished/rep-000000.bin");
    // The scene alone says nothing of checkpoints, and thirty seconds have not passed.
    let kept_by_a_killed_run = |steps: u64| {
        let file = write_scene(dir.path(), "reps", &scene("Sample(temperature: 2.0)", steps));
        let args = ["run", &file, "--quiet", "--reps", "1", "--checkpoint-every", "3", "--out", "killed"];
        let mut child = lehr(dir.path(), &args).spawn().unwrap();
        while !checkpoint.exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        // It may have ended by itself: then no signal arrives.
        let _ = child.kill();
        child.wait().unwrap();
        let kept = fs::read(&checkpoint).ok();
        if kept.is_none() {
            fs::remove_dir_all(dir.path().join("killed")).unwrap();
        }
        kept
    };
    let kept = [2_000, 16_000, 128_000].into_iter().find_map(kept_by_a_killed_run).expect("every run ended before its kill");
    expect(dir.path(), &["run", "reps.ron", "--quiet", "--reps", "1", "--out", "whole"], 0);
    let kept = lehr::run::checkpoint::Checkpoint::decode(&kept).unwrap();
    assert!(kept.step.is_multiple_of(3) && kept.step > 0, "{}", kept.step);
    expect(dir.path(), &["run", "killed", "--resume", "--quiet"], 0);
    let rows = |name: &str| fs::read_to_string(dir.path().join(name).join("runs.csv")).unwrap();
    assert_eq!(rows("killed"), rows("whole"));
}
