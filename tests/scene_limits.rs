//! No text, no override and no size makes a scene panic, hang or take memory.

use std::path::{Path, PathBuf};

use lehr::random::{Stream, StreamKey, SystemTag};
use lehr::scene::{Code, Format, Limits, SceneSource, load};
use lehr::units::Seed;

const SMALL: Limits = Limits { memory: Some(1 << 26) };

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn text(text: String, dir: &Path) -> SceneSource {
    SceneSource::Text { name: "fuzz.ron".into(), text, dir: dir.to_path_buf() }
}

/// Every scene of the repository and of the golden errors.
fn corpus() -> Vec<(String, PathBuf)> {
    let mut all = Vec::new();
    for dir in [repository().join("scenes"), repository().join("tests/golden/scene_errors")] {
        for entry in std::fs::read_dir(&dir).expect("the folder is there") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|e| e == "ron") {
                all.push((std::fs::read_to_string(&path).expect("a scene"), dir.clone()));
            }
        }
    }
    all.sort();
    all
}

/// A small generator of draws below a bound.
struct Draws {
    numbers: Stream,
}

impl Draws {
    fn below(&mut self, n: usize) -> usize {
        self.numbers.below(n.max(1) as u64) as usize
    }
}

/// Pieces that are likely to upset a parser.
const PIECES: [&str; 34] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "'",
    "//",
    "/*",
    "*/",
    "r#\"",
    "#![enable(x)]",
    "\\",
    "\u{0}",
    "é",
    "\u{202e}",
    "-",
    "1e999",
    "NaN",
    "inf",
    "-0",
    "0x",
    "18446744073709551616",
    "1_000",
    "Some(",
    "None",
    "format: 1,",
    "Anneal()",
    "b'x'",
    "..",
    "((((((((((((((((((((((",
];

fn mutate(source: &str, other: &str, draws: &mut Draws) -> String {
    let boundary = |text: &str, at: usize| (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    let mut out = source.to_owned();
    for _ in 0..1 + draws.below(3) {
        let a = boundary(&out, draws.below(out.len() + 1));
        let b = boundary(&out, a + draws.below(40));
        let (a, b) = (a.min(b), a.max(b));
        match draws.below(6) {
            0 => out.replace_range(a..b, ""),
            1 => out.insert_str(a, PIECES[draws.below(PIECES.len())]),
            2 => out.replace_range(a..b, PIECES[draws.below(PIECES.len())]),
            3 => {
                let again = out[a..b].to_owned();
                out.insert_str(b, &again);
            }
            4 => {
                let from = boundary(other, draws.below(other.len() + 1));
                let to = boundary(other, from + draws.below(60));
                out.insert_str(a, &other[from.min(to)..to.max(from)]);
            }
            _ => out.truncate(b),
        }
    }
    out
}

#[test]
fn mutated_scenes_and_overrides_give_a_report_and_never_a_panic() {
    let corpus = corpus();
    let n_cases: usize = std::env::var("LEHR_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(3000);
    let mut draws = Draws { numbers: StreamKey::new(Seed(7), SystemTag::named("scene_fuzz"), 0).stream() };
    let mut n_good = 0;
    for case in 0..n_cases {
        let (source, dir) = &corpus[draws.below(corpus.len())];
        let other = &corpus[draws.below(corpus.len())].0;
        let scene = if case % 4 == 3 { source.clone() } else { mutate(source, other, &mut draws) };
        let mut overrides = Vec::new();
        if case % 4 >= 2 {
            let base =
                ["systems[0].sweeps=10", "populations.spins.count=3", "couplings.path=x.txt", "seed=1", "systems=[Ais()]"][draws.below(5)];
            overrides.push(mutate(base, other, &mut draws));
        }
        match load(&text(scene, dir), &overrides, SMALL) {
            Ok(_) => n_good += 1,
            Err(report) => {
                assert!(report.has_errors());
                if case % 8 == 0 {
                    assert!(!report.render(Format::Human { colour: false }).is_empty());
                }
                assert!(report.render(Format::Short).lines().count() == report.complaints.len());
            }
        }
    }
    assert!(n_good > n_cases / 100 && n_good < n_cases, "{n_good} of {n_cases} mutants are good: the mutation proves nothing");
}

#[test]
fn a_million_million_neurons_are_refused_with_need_limit_and_flag() {
    let scene =
        "// big\nScene(format: 1, populations: [Spins(name: \"a\", count: 1000000000000, field: 0.5)], systems: [Sample(temperature: 1)])";
    for limits in [Limits::DEFAULT, Limits { memory: Some(u64::MAX / 2) }] {
        let report = load(&text(scene.into(), Path::new(".")), &[], limits).expect_err("too large");
        let complaint = &report.complaints[0];
        assert!(matches!(complaint.code, Code::MemoryLimit | Code::TooManyNeurons), "{complaint:?}");
        if complaint.code == Code::MemoryLimit {
            assert!(complaint.message.contains("TiB") && complaint.message.contains("the limit is"), "{}", complaint.message);
            assert!(complaint.help.contains("--memory-limit"));
        }
    }
    // Every generator multiplies, and none overflows.
    let max = u64::MAX;
    for couplings in [
        format!("Lattice(width: {max}, height: {max})"),
        format!("CubicLattice(width: {max}, height: {max}, depth: {max})"),
        format!("PlusMinusTorus(width: {max}, height: 3)"),
        format!("PlantedTorus(width: {max}, height: 4)"),
        "SherringtonKirkpatrick()".to_owned(),
        format!("RandomRegular(degree: {max})"),
        format!("RandomGraph(n_couplings: {max})"),
        format!("Pairs([(0, {max}, 1.0)])"),
    ] {
        let scene = format!(
            "// big\nScene(format: 1, populations: [Spins(name: \"a\", count: 4000000000)], projections: [Symmetric(couplings: {couplings})], systems: [Anneal(replicas: 512, sweeps: 4000000000, runs: 4000000000)])"
        );
        let report = load(&text(scene, Path::new(".")), &[], SMALL).expect_err("too large");
        assert!(report.complaints.iter().any(|c| c.code == Code::MemoryLimit), "{couplings}: {report}");
    }
}

#[test]
fn hostile_texts_are_refused_quickly_and_in_little_memory() {
    let deep = |open: &str, n: usize| text(format!("// deep\n{}", open.repeat(n)), Path::new("."));
    for source in [
        deep("[", 1 << 20),
        deep("(", 1 << 20),
        deep("Some(", 100_000),
        deep("a:", 100_000),
        deep("\"", 100_001),
        deep("/*", 1 << 20),
        deep("r#", 1 << 20),
        deep(",", 400_000),
        deep("1 ", 400_000),
        deep("x(", 60),
        text(format!("// deep\n{})", "[".repeat(64)), Path::new(".")),
        text(String::new(), Path::new(".")),
        text("\u{feff}Scene()".into(), Path::new(".")),
    ] {
        let report = load(&source, &[], SMALL).expect_err("hostile");
        assert!(report.complaints.len() <= 21);
    }
}

#[test]
fn numbers_that_kernels_cannot_hold_are_refused_where_they_stand() {
    let refused = |population: &str, couplings: &str, code: Code, place: &str| {
        let scene = format!(
            "// x\nScene(format: 1, populations: [Spins(name: \"a\", {population})], projections: [Symmetric(couplings: {couplings})], systems: [Anneal()])"
        );
        let report = load(&text(scene, Path::new(".")), &[], Limits { memory: Some(u64::MAX / 2) }).expect_err("refused");
        let shown = report.render(Format::Short);
        assert!(report.complaints.iter().any(|c| c.code == code) && shown.contains(place), "{shown}");
    };
    // Sums of such couplings overflow, long after the start.
    refused("count: 2", "Pairs([(0, 1, 3e38)])", Code::OutOfRange, "couplings[0][0] is 3e38");
    refused("count: 2, field: -2e30", "Pairs([(0, 1, 1.0)])", Code::OutOfRange, "field is -2e30");
    refused("count: 9", "Lattice(width: 3, height: 3, strengths: Gaussian(1e31))", Code::OutOfRange, "strengths");
    // Rows of the kernels name 2^30 spins.
    refused("count: 1073741825", "RandomGraph(n_couplings: 1)", Code::TooManyNeurons, "1073741825");
}
