//! What the tests of the binary share: calling it, a small scene, and comparing what runs leave.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The binary with `args`, in `dir`.
pub fn lehr(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lehr"));
    command.args(args).current_dir(dir).stdin(Stdio::null()).env_remove("LEHR_SIMD");
    command
}

/// Runs the binary to its end.
pub fn call(dir: &Path, args: &[&str]) -> Output {
    lehr(dir, args).output().expect("the binary starts")
}

/// Runs the binary, which must end with `code`, and returns its standard output and standard error.
#[track_caller]
pub fn expect(dir: &Path, args: &[&str], code: i32) -> (String, String) {
    let output = call(dir, args);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(code), "lehr {}\n{out}\n{err}", args.join(" "));
    (out, err)
}

/// A scene with `systems` on a small frustrated torus.
pub fn scene(systems: &str, steps: u64) -> String {
    format!(
        "// A test: watch nothing.\nScene(\n    format: 1,\n    seed: 11,\n    steps: {steps},\n    populations: [Spins(name: \"spins\")],\n    \
         projections: [Symmetric(couplings: PlusMinusTorus(width: 12, height: 10, instance: 3))],\n    systems: [{systems}],\n)\n"
    )
}

/// Writes a scene file and returns its name.
pub fn write_scene(dir: &Path, name: &str, text: &str) -> String {
    let file = format!("{name}.ron");
    fs::write(dir.join(&file), text).unwrap();
    file
}

/// The files of a run whose bytes depend on nothing but scene and seed.
pub fn results(run: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let names = ["scene.ron", "metrics.jsonl", "hashes.jsonl", "checkpoint.bin"];
    names.into_iter().map(|name| (name, fs::read(run.join(name)).unwrap_or_else(|e| panic!("{name}: {e}")))).collect()
}

/// Fails with the first line of text that differs.
#[track_caller]
pub fn assert_same_results(a: &Path, b: &Path) {
    for ((name, left), (_, right)) in results(a).into_iter().zip(results(b)) {
        if left != right {
            let (left, right) = (String::from_utf8_lossy(&left).into_owned(), String::from_utf8_lossy(&right).into_owned());
            let line = left.lines().zip(right.lines()).find(|(l, r)| l != r);
            panic!("{name} of {} and {} differ: {line:?}", a.display(), b.display());
        }
    }
}
