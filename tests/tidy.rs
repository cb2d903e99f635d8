//! The house rules that a compiler does not hold: floors, file sizes, unsafe code, and that
//! ARCHITECTURE.md names only what exists. Each rule is shown to catch a planted violation.

use std::fs;
use std::path::{Path, PathBuf};

const MAX_LINES: usize = 600;

/// Modules by floor; a module imports only floors below its own, and what `SIDEWAYS` grants.
const FLOORS: [&[&str]; 8] = [
    &["math", "random", "reduce", "units"],
    &["components", "phases", "plan", "snapshot"],
    &["data", "engine", "kernels", "simulation", "topology"],
    &["evolution", "network", "plasticity", "spiking", "tasks", "thermo"],
    &["scene"],
    &["run"],
    &["cli", "python", "viz"],
    &["lib", "main", "prelude"],
];

/// Imports granted inside a floor: (importer, imported).
const SIDEWAYS: [(&str, &str); 10] = [
    ("random", "math"),
    ("random", "units"),
    ("components", "snapshot"),
    ("components", "plan"),
    ("engine", "kernels"),
    ("engine", "data"),
    ("topology", "kernels"),
    ("simulation", "kernels"),
    ("simulation", "topology"),
    ("simulation", "engine"),
];

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The top-level modules that `text` names through `crate::`, outside comments and its unit tests,
/// which may look anywhere.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in
        text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]") && !line.starts_with("#![cfg(test)]"))
    {
        let code = line.split("//").next().unwrap_or("");
        for after in code.split("crate::").skip(1) {
            let names: Vec<&str> = match after.strip_prefix('{') {
                Some(group) => group.split([',', '}']).map(str::trim).collect(),
                None => vec![after],
            };
            for name in names {
                let module: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !module.is_empty() {
                    found.push((number + 1, module));
                }
            }
        }
    }
    found
}

/// The top-level module of a file below `src/`.
fn module_of(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
}

fn floor_violations(path: &str, text: &str) -> Vec<String> {
    let module = module_of(path);
    let Some(floor) = floor_of(module) else {
        return vec![format!("{path}: module `{module}` stands on no floor")];
    };
    imports(text)
        .into_iter()
        .filter(|(_, import)| import != module)
        .filter_map(|(line, import)| match floor_of(&import) {
            _ if SIDEWAYS.contains(&(module, import.as_str())) => None,
            Some(below) if below < floor => None,
            Some(_) => Some(format!("{path}:{line}: `{module}` imports `{import}`, which is not on a floor below")),
            None => Some(format!("{path}:{line}: `{import}` stands on no floor")),
        })
        .collect()
}

fn size_violations(path: &str, text: &str) -> Vec<String> {
    let n = text.lines().count();
    if n > MAX_LINES { vec![format!("{path}: {n} lines, at most {MAX_LINES}")] } else { vec![] }
}

fn unsafe_violations(path: &str, text: &str) -> Vec<String> {
    if path.starts_with("src/kernels/") {
        return vec![];
    }
    let is_unsafe = |line: &str| {
        let code = line.split("//").next().unwrap_or("");
        ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|form| code.contains(form))
            || code.contains("allow(unsafe_code")
            || code.contains("expect(unsafe_code")
    };
    let lines = text.lines().enumerate().filter(|(_, line)| is_unsafe(line));
    lines.map(|(n, _)| format!("{path}:{}: unsafe code outside src/kernels", n + 1)).collect()
}

fn unfinished_violations(path: &str, text: &str) -> Vec<String> {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[ig", "nore")];
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)) || line.trim_start().starts_with(concat!("#[al", "low(")));
    lines.map(|(n, line)| format!("{path}:{}: {}", n + 1, line.trim())).collect()
}

/// Paths in backticks of an architecture text that do not exist below `root`.
fn missing_paths(text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let named = text.split('`').skip(1).step_by(2);
    let is_path = |word: &&str| {
        let starts = ["src/", "tests/", "benches/", "examples/", "scenes/", "assets/", ".ci/"];
        starts.iter().any(|s| word.starts_with(s)) && !word.contains([' ', '*', '<', '\n'])
    };
    named.filter(is_path).filter(|path| !exists(path)).map(|path| format!("ARCHITECTURE.md names {path}, which does not exist")).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("a readable entry").path()) {
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).expect("a readable source file")));
            }
        }
    }
    files.sort();
    files
}

fn assert_clean(violations: Vec<String>) {
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn modules_import_only_floors_below() {
    let files = rust_files("src");
    assert!(files.len() > 10, "only {} source files found", files.len());
    // lib and main are fronts of all floors; the prelude re-exports for users.
    assert_clean(files.iter().flat_map(|(path, text)| floor_violations(path, text)).collect());
}

#[test]
fn files_stay_short() {
    let all = ["src", "tests", "benches", "examples"].into_iter().flat_map(rust_files);
    assert_clean(all.flat_map(|(path, text)| size_violations(&path, &text)).collect());
}

#[test]
fn unsafe_code_lives_in_kernels_alone() {
    assert_clean(rust_files("src").iter().flat_map(|(path, text)| unsafe_violations(path, text)).collect());
}

#[test]
fn nothing_is_left_unfinished_or_switched_off() {
    let all = ["src", "tests", "benches", "examples"].into_iter().flat_map(rust_files);
    assert_clean(all.filter(|(path, _)| path != "tests/tidy.rs").flat_map(|(path, text)| unfinished_violations(&path, &text)).collect());
}

#[test]
fn architecture_names_only_what_exists() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    assert!(text.matches("`src/").count() >= 10, "ARCHITECTURE.md names too few paths to be a map");
    assert_clean(missing_paths(&text, |path| root().join(Path::new(path)).exists()));
}

#[test]
fn main_stays_under_forty_lines() {
    let text = fs::read_to_string(root().join("src/main.rs")).expect("src/main.rs");
    assert!(text.lines().count() < 40);
}

#[test]
fn planted_violations_are_caught() {
    let check = |violations: Vec<String>, part: &str| {
        assert_eq!(violations.len(), 1, "{part}: {violations:?}");
        assert!(violations[0].contains(part), "{violations:?}");
    };
    check(floor_violations("src/plan/x.rs", "use crate::engine::spins;"), "`plan` imports `engine`");
    check(floor_violations("src/kernels/x.rs", "use crate::{math, engine};"), "`kernels` imports `engine`");
    check(floor_violations("src/scene/x.rs", "fn f() { crate::run::go() }"), "`scene` imports `run`");
    check(floor_violations("src/thermo/x.rs", "use crate::network::Layer;"), "`thermo` imports `network`");
    check(floor_violations("src/stray.rs", ""), "stands on no floor");
    check(floor_violations("src/cli/x.rs", "use crate::prelude::Seed;"), "`cli` imports `prelude`");
    assert!(floor_violations("src/engine/x.rs", "use crate::kernels::simd; // crate::cli").is_empty());
    check(size_violations("src/x.rs", &"x\n".repeat(MAX_LINES + 1)), "601 lines");
    check(unsafe_violations("src/engine/x.rs", "let x = unsafe { y };"), ":1: unsafe");
    check(unsafe_violations("src/run/x.rs", "#![expect(unsafe_code, reason = \"\")]"), ":1: unsafe");
    assert!(unsafe_violations("src/kernels/x.rs", "unsafe { y }").is_empty());
    check(unfinished_violations("src/x.rs", concat!("// TO", "DO later")), ":1:");
    check(unfinished_violations("src/x.rs", concat!("    #[al", "low(dead_code)]")), ":1:");
    check(missing_paths("see `src/nowhere.rs` and `src/lib.rs`", |path| path == "src/lib.rs"), "src/nowhere.rs");
}

#[test]
fn the_lock_file_of_the_comparisons_follows_the_dependencies() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).expect("a file of the repository");
    let manifest = read("Cargo.toml");
    let wanted = manifest.split("\n[").find_map(|part| part.strip_prefix("dependencies]")).expect("dependencies");
    let lock = read("benches/peers/sides/Cargo.lock");
    let lehr = lock.split("[[package]]").find(|p| p.contains("\nname = \"lehr\"\n")).expect("lehr is locked");
    let names = wanted.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.trim()).filter(|n| !n.starts_with('#'));
    // Optional ones are locked only where a feature asks for them.
    let is_optional = |name: &str| manifest.contains(&format!("dep:{name}"));
    let missing: Vec<&str> = names.filter(|name| !is_optional(name) && !lehr.contains(&format!("\"{name}"))).collect();
    assert!(missing.is_empty(), "benches/peers/sides/Cargo.lock lacks {missing:?}: build it once without --locked");
}
