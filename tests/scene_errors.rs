//! Every complaint about a scene against its golden text, and every code has one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lehr::scene::{Code, Format, Limits, Report, SceneSource, load};

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/scene_errors");
    // Files in messages are named by their real path.
    folder.canonicalize().expect("the folder is there")
}

/// Overrides of the cases that are about them.
fn overrides(case: &str) -> Vec<String> {
    let list: &[&str] = match case {
        "bad_override" => &["systems[0].sweeps", "systems[x].sweeps=1", "systems[0].sweeps=", "systems[0].sweeps=[1"],
        "unknown_path" => &["systems[0].sweps=10", "systms[0].sweeps=10", "populations.c.count=3", "systems[0].sweeps=\"ten\""],
        "ambiguous_path" => &["populations.spins.name=c", "spins.field=1"],
        _ => &[],
    };
    list.iter().map(|&s| s.to_owned()).collect()
}

/// What is said about a case, with paths from its own folder.
fn report_of(case: &str, source: &SceneSource) -> Report {
    let memory = if case == "too_many_neurons" { u64::MAX } else { 1 << 30 };
    let mut report = match load(source, &overrides(case), Limits { memory: Some(memory) }) {
        Ok(checked) => checked.warnings,
        Err(report) => *report,
    };
    let here = format!("{}/", folder().display());
    report.scene_name = report.scene_name.replace(&here, "");
    for complaint in &mut report.complaints {
        complaint.message = complaint.message.replace(&here, "");
    }
    report
}

fn golden(case: &str, report: &Report) -> BTreeSet<Code> {
    let text = format!("{}\n{}", report.render(Format::Short), report.render(Format::Human { colour: false }));
    let path = folder().join(format!("{case}.txt"));
    if std::env::var_os("LEHR_BLESS").is_some() {
        std::fs::write(&path, &text).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{case}: read the text, and set LEHR_BLESS=1 if it is better than before");
    report.complaints.iter().map(|c| c.code).collect()
}

#[test]
fn every_code_has_a_golden_text() {
    let mut covered = BTreeSet::new();
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder()).expect("the folder is there").map(|e| e.expect("an entry").path()).collect();
    cases.sort();
    for path in cases.into_iter().filter(|p| p.extension().is_some_and(|e| e == "ron")) {
        let case = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if case == "unsupported_library" && cfg!(feature = "gemm") {
            continue; // A lehr with a library has nothing to complain about.
        }
        let report = report_of(&case, &SceneSource::File(path));
        let codes = golden(&case, &report);
        assert!(
            codes
                .iter()
                .any(|c| case == c.name() || ["_of_", "_library"].iter().any(|about| case.starts_with(&format!("{}{about}", c.name())))),
            "{case} is not about what it is named after: {codes:?}"
        );
        covered.extend(codes);
    }
    // Cases that no file of a repository should hold.
    let dir = folder();
    let text = |name: &str, text: String| SceneSource::Text { name: format!("{name}.ron"), text, dir: dir.clone() };
    let long = format!("// long\n{}", " ".repeat(8 << 20));
    covered.extend(golden("too_large", &report_of("too_large", &text("too_large", long))));
    let many = format!("// many\nScene(format: 1, pairs: [{}])", "1,".repeat(500_001));
    covered.extend(golden_short("too_many_values", &report_of("too_many_values", &text("too_many_values", many))));
    covered.extend(golden("unreadable", &report_of("unreadable", &SceneSource::File(dir.join("no_such_scene.ron")))));
    let broken = std::env::temp_dir().join(format!("lehr-{}-not_utf8.ron", std::process::id()));
    std::fs::write(&broken, b"// \xff\nScene()").expect("the temporary folder can be written");
    let mut report = report_of("not_utf8", &SceneSource::File(broken.clone()));
    std::fs::remove_file(&broken).expect("it was just written");
    let shown = broken.display().to_string();
    report.scene_name = "not_utf8.ron".into();
    report.complaints[0].message = report.complaints[0].message.replace(&shown, "not_utf8.ron");
    covered.extend(golden("not_utf8", &report));

    let missing: Vec<&str> = Code::ALL.iter().filter(|c| !covered.contains(c)).map(|c| c.name()).collect();
    assert!(missing.is_empty(), "codes without a golden case: {missing:?}");
}

/// As `golden`, without the lines of a scene that is one endless line.
fn golden_short(case: &str, report: &Report) -> BTreeSet<Code> {
    let text = report.render(Format::Short);
    let path = folder().join(format!("{case}.txt"));
    if std::env::var_os("LEHR_BLESS").is_some() {
        std::fs::write(&path, &text).expect("the golden file can be written");
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap_or_default(), "{case}");
    report.complaints.iter().map(|c| c.code).collect()
}
