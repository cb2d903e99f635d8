//! The state that each scene comes to, against a table: on every vector backend of this machine, and in
//! builds with and without optimisation.
//!
//! A change of method, order or random numbers changes states, and then the table is written anew:
//! `LEHR_BLESS=1 cargo test --test golden_hashes`. `LEHR_BIN` names another binary to hold against it,
//! such as an optimised one: `LEHR_BIN=target/release/lehr cargo test --test golden_hashes`.

mod cases;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use cases::{CASES, Case};
use lehr::kernels::simd::Simd;
use rayon::prelude::*;

fn binary() -> PathBuf {
    let named = std::env::var_os("LEHR_BIN").map(PathBuf::from);
    named.map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_lehr")), |path| std::path::absolute(path).expect("a path"))
}

/// The hash of the state after the last step of `case` on `simd`.
fn final_hash(dir: &Path, case: &Case, simd: Simd) -> String {
    let out = format!("{}-{}", case.name.replace(' ', "_"), simd.name());
    let steps = case.steps.to_string();
    let mut command = Command::new(binary());
    command.arg("run").arg(case.path()).args(["--quiet", "--threads", "2", "--steps", &steps, "--out", &out]);
    case.overrides.iter().for_each(|text| _ = command.args(["--set", text]));
    let output = command.current_dir(dir).env("LEHR_SIMD", simd.name()).output().expect("the binary starts");
    assert!(output.status.success(), "{} on {}: {}", case.name, simd.name(), String::from_utf8_lossy(&output.stderr));
    let hashes = std::fs::read_to_string(dir.join(out).join("hashes.jsonl")).expect("hashes");
    let last: serde_json::Value = serde_json::from_str(hashes.lines().last().expect("a hash")).expect("JSON");
    format!("{} {}", last["step"], last["state"].as_str().expect("a hash"))
}

#[test]
fn every_scene_comes_to_its_golden_state_on_every_backend() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/state_hashes.txt");
    let dir = tempfile::tempdir().expect("a folder");
    let mut table = String::from("# case: steps and state hash. Written by LEHR_BLESS=1 cargo test --test golden_hashes\n");
    // Runs wait for the disk most of their time.
    let rows_of = |case: &Case| {
        let law = final_hash(dir.path(), case, Simd::Scalar);
        for simd in Simd::available().filter(|&simd| simd != Simd::Scalar) {
            assert_eq!(final_hash(dir.path(), case, simd), law, "{}: {} differs from the scalar law", case.name, simd.name());
        }
        format!("{}: {law}\n", case.name)
    };
    let rows: Vec<String> = CASES.par_iter().map(rows_of).collect();
    table.extend(rows);
    if std::env::var_os("LEHR_BLESS").is_some() {
        std::fs::write(&file, &table).expect("the table can be written");
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    let parsed = |text: &str| -> BTreeMap<String, String> {
        text.lines().filter_map(|l| l.split_once(": ")).map(|(name, hash)| (name.to_owned(), hash.to_owned())).collect()
    };
    let (found, golden) = (parsed(&table), parsed(&golden));
    let differing: Vec<&String> = found.iter().filter(|(name, hash)| golden.get(*name) != Some(hash)).map(|(name, _)| name).collect();
    assert!(
        differing.is_empty() && found.len() == golden.len(),
        "states differ from tests/golden/state_hashes.txt in {differing:?}: if that is meant, LEHR_BLESS=1 cargo test --test golden_hashes"
    );
}
