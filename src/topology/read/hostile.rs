//! Tests of all readers: meanings, places of errors, hostile and mutated files.

use super::*;
use crate::plan::{Coupling, IsingModel};
use crate::random::{Stream, StreamKey, SystemTag};
use crate::units::Seed;

const RUDY: &str = "4 3\n1 2 1\n2 3 -2\n4 1 1\n";
const MATRIX: &str = "%%MatrixMarket matrix coordinate integer symmetric\n% a comment\n4 4 3\n2 1 1\n3 2 -2\n4 1 1\n";
const PATTERN: &str = "%%MatrixMarket matrix coordinate pattern general\n3 3 4\n1 2\n2 1\n2 3\n3 2\n";
const ARRAY: &str = "%%MatrixMarket matrix array real symmetric\n3 3\n0\n1\n-2\n0\n3\n0\n";
const QUBO: &str = "c a comment\np qubo 0 4 2 2\n0 0 1.5\n3 3 -2\n0 1 4\n2 3 -1\n";
const SPINS: &str = "# vartype=SPIN\n0 0 0.5\n0 1 -1\n1 2 2\n";
const BINARY: &str = "# vartype=BINARY\n0 0 0.5\n0 1 -1\n1 2 2\n";

fn read(name: &str, text: &str) -> Result<Instance, ReadError> {
    parse(None, name, text.as_bytes(), ReadOptions::default())
}

fn meaning(meaning: Meaning) -> ReadOptions {
    ReadOptions { meaning, ..ReadOptions::default() }
}

fn couplings(model: &IsingModel) -> Vec<(u32, u32, f32)> {
    model.couplings.iter().map(|c| (c.i, c.j, c.strength)).collect()
}

#[test]
fn an_edge_list_is_a_graph_to_cut() {
    let instance = read("tiny.txt", RUDY).unwrap();
    assert_eq!(couplings(&instance.model), [(0, 1, -1.0), (1, 2, 2.0), (0, 3, -1.0)]);
    let max_cut = instance.max_cut.unwrap();
    assert_eq!(max_cut.total_weight, 0.0);
    let weights = [(0_usize, 1_usize, 1.0), (1, 2, -2.0), (3, 0, 1.0)];
    for bits in 0..16_u32 {
        let spins: [i8; 4] = std::array::from_fn(|v| if bits >> v & 1 == 1 { 1 } else { -1 });
        let cut: f64 = weights.iter().filter(|&&(i, j, _)| spins[i] != spins[j]).map(|&(_, _, w)| w).sum();
        assert_eq!(max_cut.cut(instance.model.energy(&spins)), cut);
        assert_eq!(max_cut.energy(cut), instance.model.energy(&spins));
    }
}

#[test]
fn formats_of_one_graph_agree() {
    let rudy = read("tiny.txt", RUDY).unwrap();
    let matrix = read("tiny.mtx", MATRIX).unwrap();
    assert_eq!((rudy.model, rudy.max_cut), (matrix.model, matrix.max_cut));
    let pattern = read("p.mtx", PATTERN).unwrap();
    assert_eq!(couplings(&pattern.model), [(0, 1, -1.0), (1, 2, -1.0)]);
    let array = parse(None, "a.mtx", ARRAY.as_bytes(), meaning(Meaning::Couplings)).unwrap();
    assert_eq!(couplings(&array.model), [(0, 1, 1.0), (0, 2, -2.0), (1, 2, 3.0)]);
    // One triangle of a general matrix stands for both.
    let half = "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 2 3\n";
    assert_eq!(couplings(&read("h.mtx", half).unwrap().model), [(0, 1, -3.0)]);
}

#[test]
fn binary_files_keep_their_energies() {
    let units = |bits: u32, n: usize| -> Vec<u8> { (0..n).map(|v| (bits >> v & 1) as u8).collect() };
    let spins = |v: &[u8]| -> Vec<i8> { v.iter().map(|&v| if v == 1 { 1 } else { -1 }).collect() };
    for bits in 0..16 {
        let v = units(bits, 4);
        let [a, b, c, d] = [v[0], v[1], v[2], v[3]].map(f64::from);
        assert_eq!(read("x.qubo", QUBO).unwrap().model.energy(&spins(&v)), 1.5 * a - 2.0 * d + 4.0 * a * b - c * d);
        let v = units(bits, 3);
        let [a, b, c] = [v[0], v[1], v[2]].map(f64::from);
        assert_eq!(read("x.coo", BINARY).unwrap().model.energy(&spins(&v)), 0.5 * a - a * b + 2.0 * b * c);
        let [a, b, c] = [a, b, c].map(|v| 2.0 * v - 1.0);
        assert_eq!(read("x.coo", SPINS).unwrap().model.energy(&spins(&v)), 0.5 * a - a * b + 2.0 * b * c);
        let matrix = "%%MatrixMarket matrix coordinate real general\n3 3 3\n1 1 2\n1 2 3\n2 1 1\n";
        let qubo = parse(None, "q.mtx", matrix.as_bytes(), meaning(Meaning::Qubo)).unwrap();
        let [a, b] = [v[0], v[1]].map(f64::from);
        assert_eq!(qubo.model.energy(&spins(&v)), 2.0 * a + 4.0 * a * b);
    }
}

#[test]
fn what_is_written_is_read_back() {
    let mut model = IsingModel::with_spins(5);
    model.couplings = vec![Coupling::new(0, 3, 0.1), Coupling::new(2, 1, -1.0), Coupling::new(0, 2, 3e-9)];
    model.normalise();
    assert_eq!(read("w.txt", &write_rudy(&model).unwrap()).unwrap().model, model);
    model.fields[1] = -0.3;
    assert_eq!(write_rudy(&model), None);
    assert_eq!(read("w.coo", &write_coordinate(&model)).unwrap().model, model);
}

#[test]
fn formats_are_told_by_content_then_by_name() {
    let check = |name: &str, text: &str, expected| assert_eq!(Format::detect(name, text.as_bytes()), expected, "{name}: {text:?}");
    check("a.txt", MATRIX, Some(Format::MatrixMarket));
    check("a", QUBO, Some(Format::Qubo));
    check("a.txt", SPINS, Some(Format::Coordinate));
    check("a.coo", "0 0 1\n", Some(Format::Coordinate));
    check("G22", RUDY, Some(Format::Rudy));
    check("A.MTX", "", Some(Format::MatrixMarket));
    check("a.csv", "1,2,3\n", None);
    check("", "", None);
    let unknown = read("a.csv", "1,2,3\n").unwrap_err().to_string();
    assert_eq!(
        unknown,
        "a.csv: cannot tell the format: name the file .mtx, .mm, .qubo, .coo, .bqm, .txt, .rud, .rudy, .mc, .gset, or state its format"
    );
}

#[test]
fn a_malformed_file_names_place_and_expectation() {
    let check = |text: &str, expected: &str| assert_eq!(read("f.txt", text).unwrap_err().to_string(), expected);
    check("", "f.txt:1:1: expected a number of vertices of at least 1, found the end of the file");
    check("\n\n# no\n", "f.txt:3:5: expected a number of vertices of at least 1, found the end of the file");
    check("x 3\n", "f.txt:1:1: expected a number of vertices of at least 1, found \"x\"");
    check("0 0\n", "f.txt:1:1: expected a number of vertices of at least 1, found \"0\"");
    check("-4 3\n", "f.txt:1:1: expected a number of vertices of at least 1, found \"-4\"");
    check("4\n", "f.txt:1:2: expected a number of edges, found the end of the line");
    check("4 1 9\n", "f.txt:1:5: expected the end of the line, found \"9\"");
    check("4 1\n1 5 1\n", "f.txt:2:3: expected a vertex from 1 to 4, found \"5\"");
    check("4 1\n0 2 1\n", "f.txt:2:1: expected a vertex from 1 to 4, found \"0\"");
    check("4 1\n 2\t2 1\n", "f.txt:2:4: expected a vertex other than 2, found \"2\"");
    check("4 1\n1.5 2 1\n", "f.txt:2:1: expected a vertex from 1 to 4, found \"1.5\"");
    check("4 1\n1\n", "f.txt:2:2: expected a second vertex, found the end of the line");
    check("4 1\n1 2 x\n", "f.txt:2:5: expected a weight, a number from -1e30 to 1e30, found \"x\"");
    check("4 1\n1 2 nan\n", "f.txt:2:5: expected a weight, a number from -1e30 to 1e30, found \"nan\"");
    check("4 1\n1 2 1e39\n", "f.txt:2:5: expected a weight, a number from -1e30 to 1e30, found \"1e39\"");
    check("4 1\n1 2 1 1\n", "f.txt:2:7: expected the end of the line, found \"1\"");
    check("4 2\n1 2 1\n", "f.txt:2:6: expected 2 edges, as the first line says, after 1 of them, found the end of the file");
    check("4 1\n1 2 1\n2 3 1\n", "f.txt:3:1: expected the end of the file after 1 edges, as the first line says, found \"2\"");
    check("4 1\né 2 1\n", "f.txt:2:1: expected a vertex from 1 to 4, found \"é\"");
    let check = |text: &str, expected: &str| assert_eq!(read("f.mtx", text).unwrap_err().to_string(), expected);
    check("", "f.mtx:1:1: expected %%MatrixMarket, found the end of the file");
    check(
        "%%MatrixMarket matrix coordinate complex general\n",
        "f.mtx:1:34: expected real or integer or double or pattern, found \"complex\"",
    );
    check("%%MatrixMarket matrix array pattern general\n", "f.mtx:1:29: expected real or integer or double, found \"pattern\"");
    check("%%MatrixMarket matrix coordinate real\n", "f.mtx:1:38: expected general or symmetric, found the end of the line");
    check("%%MatrixMarket matrix coordinate real skew-symmetric\n", "f.mtx:1:39: expected general or symmetric, found \"skew-symmetric\"");
    let banner = "%%MatrixMarket matrix coordinate real general\n";
    let check = |rest: &str, expected: &str| {
        assert_eq!(read("f.mtx", &format!("{banner}{rest}")).unwrap_err().to_string(), expected);
    };
    check("3 4 1\n", "f.mtx:2:3: expected 3 columns, since a matrix of couplings is square, found \"4\"");
    check("3 3 1\n1 4 1\n", "f.mtx:3:3: expected a column from 1 to 3, found \"4\"");
    check("3 3 1\n1 2\n", "f.mtx:3:4: expected a value, found the end of the line");
    let check = |text: &str, expected: &str| assert_eq!(read("f.qubo", text).unwrap_err().to_string(), expected);
    check("p cnf 0 4 2 2\n", "f.qubo:1:3: expected `qubo` of a line `p qubo topology maxNodes nNodes nCouplers`, found \"cnf\"");
    check("p qubo 0 2 1 1\n0 2 1\n", "f.qubo:2:3: expected a variable from 0 to 1, found \"2\"");
    check("p qubo 0 2 1 1\n0 0 1\n1 1 1\n", "f.qubo:3:1: expected no more than 1 linear terms, as the header says, found \"1\"");
    check("p qubo 0 2 0 1\n", "f.qubo:1:15: expected 1 couplers, as the header says, after 0 of them, found the end of the file");
    let check = |text: &str, expected: &str| assert_eq!(read("f.coo", text).unwrap_err().to_string(), expected);
    check("0 1 1\n", "f.coo:1:1: expected a first line `# vartype=SPIN` or `# vartype=BINARY`, found \"0\"");
    check("# vartype=TERNARY\n0 1 1\n", "f.coo:1:3: expected vartype=SPIN or vartype=BINARY, found \"vartype=TERNARY\"");
    check("# vartype=SPIN\n", "f.coo:1:15: expected at least one line `variable variable bias`, found the end of the file");
    check("# vartype=SPIN\n0 a 1\n", "f.coo:2:3: expected a variable, a whole number from 0, found \"a\"");
}

#[test]
fn sizes_of_10_to_the_12_are_refused_before_allocation() {
    let check = |name: &str, text: &str, expected: &str| assert_eq!(read(name, text).unwrap_err().to_string(), expected);
    check("f.txt", "1000000000000 3\n", "f.txt:1:1: 1000000000000 spins are too many: at most 134217728 are read");
    check("f.txt", "99999999999999999999999 3\n", "f.txt:1:1: 18446744073709551615 spins are too many: at most 134217728 are read");
    check("f.txt", "100 1000000000000\n", "f.txt:1:5: 1000000000000 couplings are too many: at most 268435456 are read");
    check("f.txt", "100000000 0\n", "f.txt:1:1: 100000000 spins are too many: a file of 12 bytes describes at most 1048576");
    check(
        "f.coo",
        "# vartype=SPIN\n0 99999999 1\n",
        "f.coo:2:3: 100000000 spins are too many: a file of 28 bytes describes at most 1048576",
    );
    check("f.qubo", "p qubo 0 1000000000000 0 0\n", "f.qubo:1:10: 1000000000000 spins are too many: at most 134217728 are read");
    let array = "%%MatrixMarket matrix array real general\n1000000 1000000\n";
    check("f.mtx", array, "f.mtx:2:9: 1000000000000 couplings are too many: at most 268435456 are read");
    // A large but allowed claim allocates for what the file holds: this returns at once.
    assert!(read("f.txt", "1000 268435456\n1 2 1\n").unwrap_err().to_string().contains("after 1 of them"));
    let small = ReadOptions { limits: Limits { max_bytes: 8, ..Limits::default() }, ..ReadOptions::default() };
    let refused = parse(None, "f.txt", RUDY.as_bytes(), small).unwrap_err().to_string();
    assert_eq!(refused, format!("f.txt: {} bytes are too many: at most 8 are read", RUDY.len()));
}

#[test]
fn line_ends_marks_and_repeats_are_understood() {
    let plain = read("a.txt", RUDY).unwrap().model;
    assert_eq!(read("a.txt", &RUDY.replace('\n', "\r\n")).unwrap().model, plain);
    assert_eq!(read("a.txt", &format!("\u{feff}{RUDY}")).unwrap().model, plain);
    assert_eq!(read("a.txt", &format!("# made by hand\n{}", RUDY.trim_end())).unwrap().model, plain);
    assert_eq!(couplings(&read("a.txt", "2 3\n1 2\n2 1 2.5\n1 2 -1\n").unwrap().model), [(0, 1, -2.5)]);
}

#[test]
fn mutated_files_never_panic() {
    const N_MUTANTS: usize = 100_000;
    let mut stream = StreamKey::new(Seed(1), SystemTag::named("mutate files"), 0).stream();
    let corpus = [RUDY, MATRIX, PATTERN, ARRAY, QUBO, SPINS, BINARY];
    let mut n_accepted = 0;
    for round in 0..N_MUTANTS {
        let mut bytes = corpus[round % corpus.len()].as_bytes().to_vec();
        for _ in 0..=stream.below(3) {
            mutate(&mut bytes, &corpus, &mut stream);
        }
        let format =
            [None, Some(Format::Rudy), Some(Format::MatrixMarket), Some(Format::Coordinate), Some(Format::Qubo)][stream.below(5) as usize];
        let vartype = if stream.coin() { Some(Vartype::Spin) } else { None };
        let options = ReadOptions { vartype, ..meaning([Meaning::MaxCut, Meaning::Couplings, Meaning::Qubo][stream.below(3) as usize]) };
        match parse(format, "mutant", &bytes, options) {
            Ok(instance) => {
                n_accepted += 1;
                let up = vec![1; instance.model.n_spins()];
                assert!(instance.model.energy(&up).is_finite());
                assert!(instance.model.couplings.iter().all(|c| c.i < c.j && (c.j as usize) < up.len() && c.strength.is_finite()));
            }
            Err(error) => assert!(error.to_string().starts_with("mutant:"), "{error}"),
        }
    }
    assert!(
        (N_MUTANTS / 50..N_MUTANTS / 2).contains(&n_accepted),
        "{n_accepted} of {N_MUTANTS} mutants were accepted: the test probes one side only"
    );
}

/// Changes a byte, cuts, repeats, swaps in a hostile word, or joins with another file.
fn mutate(bytes: &mut Vec<u8>, corpus: &[&str], stream: &mut Stream) {
    const WORDS: [&str; 12] =
        ["1000000000000", "-1", "nan", "inf", "1e999", "4294967296", "18446744073709551616", "\u{0}", "%", "\u{fffd}", "1e30", " "];
    let at = stream.below(bytes.len() as u64 + 1) as usize;
    match stream.below(6) {
        0 if at < bytes.len() => bytes[at] = stream.bits() as u8,
        1 => bytes.truncate(at),
        2 => {
            let tail = bytes[at..].to_vec();
            bytes.extend(tail);
        }
        3 if at < bytes.len() => {
            bytes.remove(at);
        }
        4 => {
            let other = corpus[stream.below(corpus.len() as u64) as usize].as_bytes();
            bytes.truncate(at);
            bytes.extend(&other[stream.below(other.len() as u64) as usize..]);
        }
        _ => {
            let word = WORDS[stream.below(WORDS.len() as u64) as usize].as_bytes();
            bytes.splice(at..at, word.iter().copied());
        }
    }
}

#[test]
fn a_directory_or_missing_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = load(None, &folder.path().join("no.txt"), ReadOptions::default()).unwrap_err();
    assert!(matches!(missing.problem, ReadProblem::Io(_)));
    assert!(load(None, folder.path(), ReadOptions::default()).is_err());
    let path = folder.path().join("tiny.txt");
    std::fs::write(&path, RUDY).unwrap();
    assert_eq!(load(None, &path, ReadOptions::default()).unwrap().model, read("tiny.txt", RUDY).unwrap().model);
}
