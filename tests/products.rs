//! Who multiplies dense blocks: scenes ask, manifests say whose bits results have, and another backend is refused.

mod common;

use std::fs;
use std::path::Path;

use common::{assert_same_results, expect, lehr, write_scene};
use serde_json::Value;

/// Digits by gradient, with recorded measures.
fn digits(products: &str) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/digits.csv");
    format!(
        "// A test: watch nothing.\nScene(\n    format: 1,\n    seed: 3,\n    steps: 3,\n    {products}\n    \
         data: Data(source: Csv(path: \"{}\"), test: 0.2, divide_by: 16),\n    \
         populations: [Neurons(name: \"pixels\", role: Input), Neurons(name: \"hidden\", count: 40, unit: Tanh), \
         Neurons(name: \"digit\", role: Output)],\n    \
         projections: [Directed(name: \"pixels->hidden\"), Directed(name: \"hidden->digit\")],\n    \
         systems: [TrainGradient(rate: 0.003)],\n)\n",
        data.display()
    )
}

fn manifest(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("manifest.json")).unwrap()).unwrap()
}

/// Replaces a text of the manifest.
fn retouch(run: &Path, from: &str, to: &str) {
    let path = run.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&path, text.replace(from, to)).unwrap();
}

#[test]
fn ordered_products_have_the_bits_of_the_law() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_scene(dir.path(), "digits", &digits("products: Ordered,"));
    expect(dir.path(), &["run", &file, "--out", "out", "--threads", "1"], 0);
    expect(dir.path(), &["run", &file, "--out", "more_threads", "--threads", "3"], 0);
    assert_same_results(&dir.path().join("out"), &dir.path().join("more_threads"));
    let written = manifest(&dir.path().join("out"));
    assert_eq!((&written["bits"], &written["backend"]), (&"law".into(), &Value::Null));
    let scalar = lehr(dir.path(), &["verify", "out", "--threads", "3"]).env("LEHR_SIMD", "scalar").output().unwrap();
    assert!(scalar.status.success(), "{}", String::from_utf8_lossy(&scalar.stdout));
    assert!(expect(dir.path(), &["info", "out"], 0).0.contains("law: the same"));
    // A run of a library that this lehr has not, or has in another version.
    retouch(
        &dir.path().join("out"),
        "\"bits\": \"law\",\n  \"backend\": null",
        "\"bits\": \"backend\",\n  \"backend\": \"openblas 0.3 (avx2)\"",
    );
    for args in [["verify", "out"].as_slice(), &["run", &file, "--out", "out", "--resume"]] {
        let (_, err) = expect(dir.path(), args, 2);
        assert!(err.contains("openblas 0.3 (avx2)") && err.contains("use a lehr"), "{err}");
    }
    assert!(expect(dir.path(), &["info", "out"], 0).0.contains("backend: those of openblas 0.3 (avx2)"));
}

#[test]
#[cfg(not(feature = "gemm"))]
fn a_library_that_is_not_there_is_a_mistake_of_the_scene() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_scene(dir.path(), "digits", &digits("products: Library,"));
    let (_, err) = expect(dir.path(), &["run", &file], 2);
    assert!(err.contains("digits.ron:6") && err.contains("--features gemm") && err.contains("products: Ordered"), "{err}");
    assert!(!dir.path().join("runs").exists());
}

#[test]
#[cfg(feature = "gemm")]
fn a_library_learns_what_the_law_learns_up_to_rounding_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let metrics = |products: &str, out: &str| -> Value {
        let file = write_scene(dir.path(), out, &digits(products));
        let (text, _) = expect(dir.path(), &["run", &file, "--out", out, "--json", "--threads", "1"], 0);
        serde_json::from_str::<Value>(text.lines().last().unwrap()).unwrap()["metrics"].clone()
    };
    let (law, library) = (metrics("products: Ordered,", "law"), metrics("products: Library,", "library"));
    for name in ["train_loss", "test_loss"] {
        let (a, b) = (law[name].as_f64().unwrap(), library[name].as_f64().unwrap());
        // 69 updates of sums that are rounded in another order, each to 6e-8 of its size.
        assert!((a - b).abs() <= 1e-3 * a, "{name}: {a} by the law, {b} by the library");
    }
    let run = dir.path().join("library");
    let written = manifest(&run);
    assert_eq!(written["bits"], "backend");
    let backend = written["backend"].as_str().unwrap().to_owned();
    assert!(backend.starts_with("matrixmultiply 0.3.11 ("), "{backend}");
    let (shown, _) = expect(dir.path(), &["info", "library"], 0);
    assert!(shown.contains(&backend) && shown.contains("hidden: 40 Tanh"), "{shown}");
    // The same build repeats the run with any number of threads; another version or another processor does not.
    expect(dir.path(), &["verify", "library", "--threads", "3"], 0);
    for (from, to) in [("0.3.11", "0.3.12"), ("0.3.12 (", "0.3.11 (other ")] {
        retouch(&run, from, to);
        for args in [["verify", "library"].as_slice(), &["run", "library", "--resume"]] {
            let (_, err) = expect(dir.path(), args, 2);
            assert!(err.contains(&backend) && err.contains(to), "{err}");
        }
    }
}

#[test]
fn info_describes_a_scene_of_neurons() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_scene(dir.path(), "digits", &digits(""));
    let (out, _) = expect(dir.path(), &["info", &file], 0);
    for words in ["pixels: 64 inputs", "hidden: 40 Tanh", "digit: 10 Identity, outputs", "hidden->digit: 400 synapses, dense"] {
        assert!(out.contains(words), "{words}:\n{out}");
    }
    assert!(out.contains("3010: 2960 weights and 50 biases") && out.contains("TrainGradient: Adam") && out.contains("bits"), "{out}");
    let (out, _) = expect(dir.path(), &["info", &file, "--json"], 0);
    let fields: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&fields["scene"]["weights"], &fields["scene"]["populations"][1]["unit"]), (&2960.into(), &"Tanh".into()));
    let (out, _) = expect(dir.path(), &["info", &write_scene(dir.path(), "torus", &common::scene("Sample(temperature: 2.0)", 2))], 0);
    assert!(out.contains("spins: 120 spins") && out.contains("Sample"), "{out}");
}
