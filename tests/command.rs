//! The binary as its users see it: words, exit codes and files.

mod common;

use std::fs;
use std::io::Write;
use std::process::Stdio;

use common::{assert_same_results, call, expect, lehr, scene, write_scene};
use serde_json::Value;

fn sampling() -> String {
    scene("Sample(temperature: 2.0)", 12)
}

#[test]
fn a_run_leaves_its_files_and_a_summary() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_scene(dir.path(), "torus", &sampling());
    let (out, err) = expect(dir.path(), &["run", &file], 0);
    assert!(out.starts_with("done: step 12 of 12"), "{out}");
    assert!(out.contains("energy") && out.contains("runs/torus-11"), "{out}");
    assert!(err.contains("120 neurons and 240 synapses"), "{err}");
    for name in ["manifest.json", "scene.ron", "metrics.jsonl", "hashes.jsonl", "checkpoint.bin", "best.csv"] {
        assert!(dir.path().join("runs/torus-11").join(name).exists(), "{name}");
    }
    let best = fs::read_to_string(dir.path().join("runs/torus-11/best.csv")).unwrap();
    assert_eq!(best.lines().count(), 121);
    assert!(best.lines().skip(1).all(|row| row.starts_with("spins,") && (row.ends_with(",1") || row.ends_with(",-1"))), "{best}");
    let manifest: Value = serde_json::from_slice(&fs::read(dir.path().join("runs/torus-11/manifest.json")).unwrap()).unwrap();
    assert_eq!((&manifest["status"], &manifest["step"], &manifest["label"]), (&"done".into(), &12.into(), &"exact".into()));
    let (out, _) = expect(dir.path(), &["info", "runs/torus-11"], 0);
    assert!(out.contains("runs/torus-11: done") && out.contains("12 of 12"), "{out}");
    let (out, _) = expect(dir.path(), &["info", "runs/torus-11/checkpoint.bin"], 0);
    assert!(out.contains("step 12, seed 11") && out.contains("synapse/spins->spins/Weight"), "{out}");
}

#[test]
fn json_is_one_object_a_line_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_scene(dir.path(), "torus", &sampling());
    let (out, _) = expect(dir.path(), &["run", &file, "--json", "--seed", "5"], 0);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(out.lines().all(|line| line.starts_with("{\"v\":1,\"type\":\"")), "{out}");
    let types: Vec<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!((types[0], types[13], types.len()), ("start", "end", 14));
    assert!(types[1..13].iter().all(|t| *t == "step"));
    let (start, end) = (&lines[0], &lines[13]);
    assert_eq!((&start["seed"], &start["run_dir"]), (&5.into(), &"runs/torus-5".into()));
    assert_eq!((&end["status"], &end["step"], &end["run_dir"]), (&"done".into(), &12.into(), &"runs/torus-5".into()));
    assert!(end["metrics"]["energy"].is_number() && end["state_hash"].as_str().unwrap().len() == 64);
    assert_eq!(end["metrics"]["energy"], lines[12]["energy"]);
}

#[test]
fn an_existing_run_is_never_overwritten_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_scene(dir.path(), "torus", &sampling());
    expect(dir.path(), &["run", &file, "--out", "out"], 0);
    let before = fs::read(dir.path().join("out/metrics.jsonl")).unwrap();
    let (_, err) = expect(dir.path(), &["run", &file, "--out", "out", "--seed", "9"], 2);
    assert!(err.contains("already holds a run") && err.contains("--resume") && err.contains("--force"), "{err}");
    assert_eq!(fs::read(dir.path().join("out/metrics.jsonl")).unwrap(), before);
    let (_, err) = expect(dir.path(), &["run", &file, "--out", "out", "--seed", "9", "--resume"], 2);
    assert!(err.contains("the seed changed"), "{err}");
    let (_, err) = expect(dir.path(), &["run", &file, "--out", "out", "--set", "temperature=3.0", "--resume"], 2);
    assert!(err.contains("the scene changed"), "{err}");
    expect(dir.path(), &["run", &file, "--out", "out", "--seed", "9", "--force"], 0);
    assert_ne!(fs::read(dir.path().join("out/metrics.jsonl")).unwrap(), before);
    fs::create_dir(dir.path().join("thesis")).unwrap();
    fs::write(dir.path().join("thesis/chapter1.tex"), "x").unwrap();
    let (_, err) = expect(dir.path(), &["run", &file, "--out", "thesis", "--force"], 2);
    assert!(err.contains("not empty"), "{err}");
    // Without --out every run finds a place of its own.
    for expected in ["runs/torus-11\n", "runs/torus-11.2\n", "runs/torus-11.3\n"] {
        assert_eq!(expect(dir.path(), &["run", &file, "--quiet"], 0).0, expected);
    }
}

#[test]
fn a_scene_comes_from_standard_input_too() {
    let dir = tempfile::tempdir().unwrap();
    write_scene(dir.path(), "torus", &sampling());
    expect(dir.path(), &["run", "torus.ron", "--out", "file"], 0);
    let mut child = lehr(dir.path(), &["run", "-", "--out", "stdin"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(sampling().as_bytes()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_same_results(&dir.path().join("file"), &dir.path().join("stdin"));
}

#[test]
fn wrong_commands_and_scenes_run_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_scene(dir.path(), "torus", &sampling());
    let cases: &[(&[&str], &str)] = &[
        (&["run"], "required"),
        (&["verifi", &file], "similar"),
        (&["run", &file, "--threads", "0"], "from 1"),
        (&["run", &file, "--jobs", "2"], "--reps"),
        (&["run", &file, "--memory-limit", "lots"], "512MiB"),
        (&["run", "missing.ron"], "missing.ron"),
        (&["run", &file, "--set", "systems[0].Sample.temprature=2.0"], "temprature"),
        (&["run", &file, "--set", "temperature"], "no `=`"),
        (&["run", ".", "--resume", "--set", "a=1"], "leave out --set"),
        (&["run", "."], "is a directory"),
        (&["check", "missing.ron"], "missing.ron"),
    ];
    for (args, says) in cases {
        let (out, err) = expect(dir.path(), args, 2);
        assert!(err.contains(says) && out.is_empty(), "{args:?}: {out}{err}");
    }
    assert!(!dir.path().join("runs").exists());
    let (out, _) = expect(dir.path(), &["run", "missing.ron", "--json"], 2);
    assert!(out.starts_with("{") && out.contains("\"type\":\"error\""), "{out}");
}

#[test]
fn help_manual_and_completions_are_data() {
    let dir = tempfile::tempdir().unwrap();
    for command in ["run", "check", "info", "verify", "diff", "completions", "man"] {
        let (out, _) = expect(dir.path(), &[command, "--help"], 0);
        assert!(out.contains("Examples:"), "{command}: {out}");
        assert!(expect(dir.path(), &["--help"], 0).0.contains(command));
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(expect(dir.path(), &["completions", shell], 0).0.contains("verify"), "{shell}");
    }
    assert!(expect(dir.path(), &["man"], 0).0.contains(".TH lehr"));
    expect(dir.path(), &["man", "--out", "man1"], 0);
    assert!(dir.path().join("man1/lehr-run.1").exists());
    assert!(expect(dir.path(), &["--version"], 0).0.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn repetitions_do_not_depend_on_jobs_and_go_on_after_a_stop() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_scene(dir.path(), "torus", &sampling());
    expect(dir.path(), &["run", &file, "--reps", "6", "--jobs", "1", "--out", "one"], 0);
    let one = fs::read_to_string(dir.path().join("one/runs.csv")).unwrap();
    assert_eq!(one.lines().count(), 7);
    assert!(one.starts_with("rep,seed,steps,state_hash,"), "{one}");
    for jobs in ["2", "7"] {
        expect(dir.path(), &["run", &file, "--reps", "6", "--jobs", jobs, "--out", jobs], 0);
        assert_eq!(fs::read_to_string(dir.path().join(jobs).join("runs.csv")).unwrap(), one, "{jobs} jobs");
    }
    // What a killed batch leaves: rows out of order, the last one torn.
    let lines: Vec<&str> = one.split_inclusive('\n').collect();
    let torn = format!("{}{}{}{}", lines[0], lines[4], lines[2], &lines[3][..20]);
    fs::write(dir.path().join("one/runs.csv"), torn).unwrap();
    let (out, _) = expect(dir.path(), &["run", &file, "--reps", "6", "--out", "one", "--resume", "--json"], 0);
    assert_eq!(out.lines().filter(|line| line.contains("\"type\":\"run\"")).count(), 4);
    assert_eq!(fs::read_to_string(dir.path().join("one/runs.csv")).unwrap(), one);
    // Any row is a run of its own.
    let seed = lines[3].split(',').nth(1).unwrap();
    let hash = lines[3].split(',').nth(3).unwrap();
    let (out, _) = expect(dir.path(), &["run", &file, "--seed", seed, "--json"], 0);
    assert!(out.contains(hash), "{out}");
    let (_, err) = expect(dir.path(), &["run", &file, "--reps", "6", "--out", "one"], 2);
    assert!(err.contains("already holds"), "{err}");
    let (_, err) = expect(dir.path(), &["run", &file, "--reps", "6", "--out", "one", "--resume", "--seed", "1"], 2);
    assert!(err.contains("the seed changed"), "{err}");
    assert_eq!(fs::read_to_string(dir.path().join("one/runs.csv")).unwrap(), one);
    assert!(expect(dir.path(), &["info", "one"], 0).0.contains("6 of 6 runs"));
    // The directory is enough to go on, and one sort of run does not take the place of another.
    fs::write(dir.path().join("2/runs.csv"), lines[..3].concat()).unwrap();
    expect(dir.path(), &["run", "2", "--resume", "--quiet"], 0);
    assert_eq!(fs::read_to_string(dir.path().join("2/runs.csv")).unwrap(), one);
    expect(dir.path(), &["run", &file, "--out", "2", "--force"], 2);
}

#[test]
fn a_planted_difference_is_reported_with_step_and_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_scene(dir.path(), "torus", &sampling());
    expect(dir.path(), &["run", &file, "--out", "run", "--snapshot-every", "5"], 0);
    let (out, _) = expect(dir.path(), &["verify", "run"], 0);
    assert!(out.contains("reproduced bit for bit"), "{out}");
    let run = dir.path().join("run");
    let plant = |name: &str, change: &dyn Fn(String) -> String, says: &[&str]| {
        let good = fs::read_to_string(run.join(name)).unwrap();
        let bad = change(good.clone());
        assert_ne!(good, bad);
        fs::write(run.join(name), bad).unwrap();
        let (out, _) = expect(dir.path(), &["verify", "run"], 1);
        assert!(says.iter().all(|word| out.contains(word)), "{out}");
        fs::write(run.join(name), good).unwrap();
    };
    plant("metrics.jsonl", &|text| text.replacen("\"energy\":-", "\"energy\":-1", 1), &["step 1,", "metrics.jsonl"]);
    plant("metrics.jsonl", &|text| text.split_inclusive('\n').filter(|l| !l.contains("\"step\":7,")).collect(), &["step 7,", "no line"]);
    plant(
        "hashes.jsonl",
        &|text| {
            let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
            let key = "[\"neuron/spins/Activation\",\"";
            let at = lines[4].find(key).unwrap() + key.len();
            let digit = if &lines[4][at..=at] == "0" { "1" } else { "0" };
            lines[4].replace_range(at..=at, digit);
            lines.concat()
        },
        &["step 4,", "neuron/spins/Activation"],
    );
    // A line of hashes that is no longer linked to the one before.
    plant(
        "hashes.jsonl",
        &|text| {
            let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
            let digits = "\"chain\":\"";
            let at = lines[6].find(digits).unwrap() + digits.len();
            let digit = if &lines[6][at..=at] == "0" { "1" } else { "0" };
            lines[6].replace_range(at..=at, digit);
            lines.concat()
        },
        &["step 6,", "chain of hashes"],
    );
    // A kept state with one neuron changed, sealed as if it were right.
    let path = run.join("snapshots/step-000000000005.bin");
    let mut kept = lehr::run::checkpoint::Checkpoint::decode(&fs::read(&path).unwrap()).unwrap();
    let activations = kept.snapshot.sections.iter_mut().find(|s| s.name == "neuron/spins/Activation").unwrap();
    activations.bytes[4 * 17 + 3] ^= 0x80;
    fs::write(&path, kept.encode()).unwrap();
    let (out, _) = expect(dir.path(), &["verify", "run"], 1);
    assert!(out.contains("step 5, neuron/spins/Activation, neuron n17"), "{out}");
    let (out, _) = expect(dir.path(), &["verify", "run", "--json"], 1);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["mismatch"]["step"], 5);
}

#[test]
fn diff_names_the_first_step_and_place_that_differ() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_scene(dir.path(), "torus", &sampling());
    for (name, extra) in
        [("a", ["--threads", "1"]), ("b", ["--threads", "3"]), ("c", ["--seed", "12"]), ("d", ["--set", "temperature=2.5"])]
    {
        expect(dir.path(), &[&["run", &file, "--out", name], extra.as_slice()].concat(), 0);
    }
    let (out, _) = expect(dir.path(), &["diff", "a", "b"], 0);
    assert!(out.contains("the same results"), "{out}");
    let (out, _) = expect(dir.path(), &["diff", "a", "c"], 1);
    assert!(out.contains("seed: 11 against 12") && out.contains("neuron"), "{out}");
    let (out, _) = expect(dir.path(), &["diff", "a", "d"], 1);
    assert!(out.contains("temperature=2.5") && out.contains("first difference: step"), "{out}");
    let (out, _) = expect(dir.path(), &["diff", "a/checkpoint.bin", "b/checkpoint.bin"], 0);
    assert!(out.contains("the same results"), "{out}");
    let (out, _) = expect(dir.path(), &["diff", "a/checkpoint.bin", "c"], 1);
    assert!(out.contains("neuron"), "{out}");
    let (_, err) = expect(dir.path(), &["diff", "a", "nowhere"], 4);
    assert!(err.contains("nowhere"), "{err}");
}

#[test]
fn hostile_run_directories_give_errors_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_scene(dir.path(), "torus", &sampling());
    expect(dir.path(), &["run", &file, "--out", "run"], 0);
    let run = dir.path().join("run");
    let engine = format!("\"engine\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let manifest = fs::read_to_string(run.join("manifest.json")).unwrap();
    // File, its new content, what is called, the exit code, what is said.
    type Case<'a> = (&'a str, Vec<u8>, &'a [&'a str], i32, &'a str);
    let cases: &[Case<'_>] = &[
        ("manifest.json", manifest.replace(&engine, "\"engine\": \"0.0.1\"").into(), &["info", "run"], 4, "0.0.1"),
        ("manifest.json", manifest.replace("\"format\": 1", "\"format\": 7").into(), &["verify", "run"], 4, "format \"7\""),
        ("manifest.json", b"\xff\xfe".to_vec(), &["run", "run", "--resume"], 4, "manifest.json"),
        ("manifest.json", vec![b'['; 1 << 20], &["info", "run"], 4, "manifest.json"),
        ("metrics.jsonl", b"{\"step\":1}\n{\"step\":1}\n".to_vec(), &["verify", "run"], 4, "metrics.jsonl:2"),
        ("metrics.jsonl", b"\0\0\0\n".to_vec(), &["verify", "run"], 4, "metrics.jsonl:1"),
        ("hashes.jsonl", b"{\"step\":1}\n".to_vec(), &["verify", "run"], 4, "hashes.jsonl:1"),
        ("checkpoint.bin", b"LEHRCKPT\x02\0\0\0".to_vec(), &["verify", "run"], 4, "format 2"),
        ("checkpoint.bin", b"LEHRCKPT".to_vec(), &["info", "run/checkpoint.bin"], 4, "bytes expected"),
        ("checkpoint.bin", b"\x7fELF".to_vec(), &["run", "run", "--resume", "--steps", "20"], 4, "not a checkpoint"),
        ("scene.ron", b"Scene(format: 2)".to_vec(), &["verify", "run"], 2, "format"),
        ("scene.ron", sampling().replace("2.0", "2.1").into(), &["verify", "run"], 2, "changed"),
    ];
    for (name, bytes, args, code, says) in cases {
        let good = fs::read(run.join(name)).unwrap();
        fs::write(run.join(name), bytes).unwrap();
        let (out, err) = expect(dir.path(), args, *code);
        assert!(err.contains(says), "{name}, {args:?}: {out}{err}");
        fs::write(run.join(name), good).unwrap();
    }
    expect(dir.path(), &["verify", "run"], 0);
}

#[cfg(unix)]
#[test]
fn a_trillion_neurons_are_refused_before_anything_is_allocated() {
    let dir = tempfile::tempdir().unwrap();
    let pairs = "Symmetric(couplings: Pairs([(0, 1, 1.0)]))";
    let huge = sampling()
        .replace("Spins(name: \"spins\")", "Spins(name: \"spins\", count: 1000000000000)")
        .replace("Symmetric(couplings: PlusMinusTorus(width: 12, height: 10, instance: 3))", pairs);
    let torus = sampling().replace("width: 12, height: 10", "width: 1000000, height: 1000000");
    for (name, text) in [("huge", huge), ("torus", torus)] {
        let file = write_scene(dir.path(), name, &text);
        // 400 MB of address space: enough for the program, for nothing of that size.
        let limited = format!("ulimit -v 400000; exec {} run {file} --threads 1", env!("CARGO_BIN_EXE_lehr"));
        let started = started();
        let output = std::process::Command::new("sh").args(["-c", &limited]).current_dir(dir.path()).output().unwrap();
        println!("{name}: refused after {:?}, the start of the process included", started.elapsed());
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains("--memory-limit") && err.contains("limit"), "{err}");
        assert!(!dir.path().join("runs").exists());
    }
}

#[expect(clippy::disallowed_methods, reason = "printed, never asserted")]
fn started() -> std::time::Instant {
    std::time::Instant::now()
}

#[test]
fn check_says_what_is_wrong_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let good = write_scene(dir.path(), "good", &sampling());
    let bad = write_scene(dir.path(), "bad", &sampling().replace("temperature", "temprature"));
    expect(dir.path(), &["check", &good], 0);
    let (out, _) = expect(dir.path(), &["check", "--format", "short", &good, &bad], 2);
    assert!(out.contains("bad.ron:8:") && out.contains("temprature") && !out.contains("good.ron"), "{out}");
    let (out, _) = expect(dir.path(), &["check", "--format", "json", &bad], 2);
    assert_eq!(serde_json::from_str::<Value>(out.lines().next().unwrap()).unwrap()["line"], 8);
    let silent = write_scene(dir.path(), "silent", sampling().split_once('\n').unwrap().1);
    expect(dir.path(), &["check", &silent], 0);
    expect(dir.path(), &["check", "--deny-warnings", &silent], 2);
    assert_eq!(call(dir.path(), &["check"]).status.code(), Some(2));
}
