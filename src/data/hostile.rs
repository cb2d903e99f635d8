//! Tests of all readers: what they understand, places of errors, hostile and mutated files.

use super::*;
use crate::random::{Stream, StreamKey, SystemTag};
use crate::units::Seed;

const IRIS: &str = "length,width,species\n5.1,3.5,setosa\n7,3.2,versicolor\n6.3,3.3,\"virginica\"\n";

fn options(targets: &[&str], ignore: &[&str], task: Task) -> CsvOptions {
    let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    CsvOptions { delimiter: b',', targets: owned(targets), ignore: owned(ignore), task, ..CsvOptions::default() }
}

fn csv(text: &str) -> Result<Dataset, DataError> {
    read_csv("t.csv", text.as_bytes(), &CsvOptions::default())
}

/// An `.npy` file of version 1 with these elements.
fn npy(descr: &str, is_fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if is_fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// A ZIP archive of stored files.
fn zip(files: &[(&str, Vec<u8>)], method: u16) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in files {
        let at = bytes.len() as u32;
        let len = (data.len() as u32).to_le_bytes();
        let name_len = (name.len() as u16).to_le_bytes();
        let common = [&[20, 0, 0, 0][..], &method.to_le_bytes(), &[0; 8], &len, &len, &name_len, &[0, 0]].concat();
        bytes.extend([&b"PK\x03\x04"[..], &common, name.as_bytes(), data].concat());
        directory.extend([&b"PK\x01\x02\x14\0"[..], &common, &[0; 10], &at.to_le_bytes(), name.as_bytes()].concat());
    }
    let (n, len, at) = (files.len() as u16, directory.len() as u32, bytes.len() as u32);
    bytes.extend(&directory);
    let end = [&b"PK\x05\x06\0\0\0\0"[..], &n.to_le_bytes(), &n.to_le_bytes(), &len.to_le_bytes(), &at.to_le_bytes(), &[0, 0]];
    bytes.extend(end.concat());
    bytes
}

fn idx(kind: u8, axes: &[u32], data: &[u8]) -> Vec<u8> {
    let axes_bytes: Vec<u8> = axes.iter().flat_map(|n| n.to_be_bytes()).collect();
    [&[0, 0, kind, axes.len() as u8][..], &axes_bytes, data].concat()
}

#[test]
fn tables_are_read_with_and_without_a_header() {
    let iris = csv(IRIS).unwrap();
    assert_eq!((iris.n_features, iris.n_samples()), (2, 3));
    assert_eq!(iris.class_names, ["setosa", "versicolor", "virginica"]);
    assert_eq!(iris.inputs, [5.1, 3.5, 7.0, 3.2, 6.3, 3.3]);
    assert_eq!(iris.targets, Targets::Classes(vec![0, 1, 2]));
    let bare = IRIS.split_once('\n').unwrap().1;
    assert_eq!(csv(bare).unwrap(), iris);
    assert_eq!(csv(&format!("\u{feff}# made by hand\r\n{}", IRIS.replace('\n', "\r\n"))).unwrap(), iris);
    let semicolons = CsvOptions { delimiter: b';', ..CsvOptions::default() };
    assert_eq!(read_csv("t.csv", IRIS.replace(',', " ; ").as_bytes(), &semicolons).unwrap(), iris);
    let quoted = csv("a,\"b \"\"q\"\", c\"\n1,\"x, y\"\n").unwrap();
    assert_eq!(quoted.class_names, ["x, y"]);
}

#[test]
fn target_columns_go_by_name_or_by_number() {
    let text = "a,b,c\n1,2,3\n4,5,6\n";
    let read = |targets: &[&str], ignore: &[&str], task| read_csv("t.csv", text.as_bytes(), &options(targets, ignore, task)).unwrap();
    assert_eq!(read(&["a"], &[], Task::Classes).inputs, [2.0, 3.0, 5.0, 6.0]);
    assert_eq!(read(&["1"], &["c"], Task::Classes).inputs, [1.0, 4.0]);
    let values = read(&["c", "a"], &[], Task::Values);
    assert_eq!(values.targets, Targets::Values { width: 2, values: vec![3.0, 1.0, 6.0, 4.0] });
    assert_eq!((values.inputs, values.class_names.len()), (vec![2.0, 5.0], 0));
}

#[test]
fn a_first_row_is_a_sample_unless_it_looks_like_names() {
    let read = |text: &str, target: &str, header| {
        let targets = if target.is_empty() { Vec::new() } else { vec![target.to_owned()] };
        let options = CsvOptions { targets, header, ..CsvOptions::default() };
        read_csv_and_header("t.csv", text.as_bytes(), &options).map(|(data, line)| (data.n_samples(), line)).map_err(|e| e.to_string())
    };
    let pets = "# pets\ncat,1.5\ndog,2.5\n";
    assert_eq!(read(pets, "0", Header::Auto), Ok((2, None)));
    assert_eq!(read(&format!("kind,weight\n{pets}"), "0", Header::Auto), Ok((2, Some(1))));
    assert_eq!(read(&format!("kind,weight\n{pets}"), "kind", Header::Auto), Ok((2, Some(1))));
    assert_eq!(read("1,2,3\n4,5,a\n6,7,b\n", "", Header::Auto), Ok((3, None)));
    assert_eq!(read("1,2,3\n4,5,a\n6,7,b\n", "", Header::Yes), Ok((2, Some(1))));
    assert_eq!(read("n/a,bad,x\n1,2,y\n", "", Header::Auto).unwrap_err(), "t.csv:1:1: expected a finite number, found \"n/a\"");
    assert_eq!(read("a,b,k\n1,2,y\n", "", Header::No).unwrap_err(), "t.csv:1:1: expected a finite number, found \"a\"");
    assert!(read("a,b,k\n1,2,y\n", "k", Header::No).unwrap_err().contains("the table has no header"));
    assert!(read("a,b,k\nx,y,z\n", "", Header::Auto).unwrap_err().starts_with("t.csv:1:1: expected a finite number"));
}

#[test]
fn one_column_has_one_role_and_other_delimiters_are_named() {
    let error = |text: &str, targets: &[&str], ignore: &[&str]| {
        read_csv("t.csv", text.as_bytes(), &options(targets, ignore, Task::Values)).unwrap_err().to_string()
    };
    let text = "a,b,c\n1,2,3\n";
    assert_eq!(error(text, &["b", "1"], &[]), "t.csv:1:1: column \"1\" is a target twice: name each target once");
    assert_eq!(error(text, &["b"], &["b"]), "t.csv:1:1: column \"b\" is a target and is ignored: keep one of the two");
    assert!(error(text, &[], &["c"]).contains("name the target"));
    assert!(error("1;2;a\n3;4;b\n", &[], &[]).ends_with("no other column (if ';' parts the values, write delimiter: ';')"));
    assert!(error("a\tb\n3\t4\n", &["b"], &[]).ends_with("write delimiter: '\\t')"));
    assert!(error("1,5;2,5;0\n", &[], &[]).contains("found \"5;2\" (if ';' parts the values"));
}

#[test]
fn a_bad_row_names_file_line_and_column() {
    let check = |text: &str, expected: &str| assert_eq!(csv(text).unwrap_err().to_string(), expected);
    check("", "t.csv: expected a row of numbers, found an empty table");
    check("a,b\n", "t.csv: expected a row of numbers after the header, found the end of the file");
    check("a,b,k\n1,x,0\n", "t.csv:2:3: expected a finite number for \"b\", found \"x\"");
    check("a,b,k\n1, ,0\n", "t.csv:2:4: expected a finite number for \"b\", found nothing");
    check("1,nan,0\n", "t.csv:1:3: expected a finite number, found \"nan\"");
    check("1,1e39,0\n", "t.csv:1:3: expected a finite number, found \"1e39\"");
    check("a,b,k\n\n# no\n1,2\n", "t.csv:4:3: expected 3 values, as in the first row, found 2");
    check("1,2,3\n1,2,3,4\n", "t.csv:2:7: expected 3 values, as in the first row, found 4");
    check("1,2,\n", "t.csv:1:5: expected a class, found nothing");
    check("1,\"2,3\n", "t.csv:1:3: expected a closing quote on this line, found none");
    check("1,\"2\"x,3\n", "t.csv:1:6: expected ',' after the closing quote, found 'x'");
    check("5\n6\n", "t.csv:1:1: expected a feature beside the target, found no other column");
    let bytes = read_csv("t.csv", b"1,\xc3\xa9\xff,2\n", &CsvOptions::default()).unwrap_err().to_string();
    assert_eq!(bytes, "t.csv:1:4: expected text in UTF-8, found other bytes");
    let read = |targets: &[&str], task| read_csv("t.csv", IRIS.as_bytes(), &options(targets, &[], task)).unwrap_err().to_string();
    assert_eq!(read(&["specie"], Task::Classes), "t.csv:1:1: expected a column \"specie\": the header names length, width, species");
    assert_eq!(read(&["species"], Task::Values), "t.csv:2:9: expected a finite number for \"species\", found \"setosa\"");
    assert!(read(&["length", "width"], Task::Classes).contains("2 target columns"));
}

#[test]
fn arrays_of_every_type_and_order_agree() {
    let values = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    let y = npy("|u1", false, "(2,)", &[7, 9]);
    let read = |x: Vec<u8>| read_npy(("x.npy", &x), ("y.npy", &y), Task::Classes).unwrap();
    let law = read(npy("<f4", false, "(2, 3)", &floats(&values)));
    assert_eq!((law.inputs.as_slice(), law.n_features), (values.as_slice(), 3));
    assert_eq!((&law.targets, law.class_names.as_slice()), (&Targets::Classes(vec![0, 1]), ["7".to_owned(), "9".to_owned()].as_slice()));
    let fortran = [1.0_f32, 4.0, 2.0, 5.0, 3.0, 6.0];
    assert_eq!(read(npy("<f4", true, "(2, 3)", &floats(&fortran))), law);
    assert_eq!(read(npy(">f8", false, "(2, 3)", &values.iter().flat_map(|&x| f64::from(x).to_be_bytes()).collect::<Vec<_>>())), law);
    assert_eq!(read(npy(">i2", false, "(2, 3)", &values.iter().flat_map(|&x| (x as i16).to_be_bytes()).collect::<Vec<_>>())), law);
    assert_eq!(read(npy("<i8", false, "(2, 3)", &values.iter().flat_map(|&x| (x as i64).to_le_bytes()).collect::<Vec<_>>())), law);
    // Three axes, in Fortran order: element (i, j, k) of 2 x 2 x 2 is i + 2j + 4k in the file.
    let cube = [0.0_f32, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    assert_eq!(read(npy("<f4", true, "(2, 2, 2)", &floats(&cube))).inputs, [0.0, 4.0, 2.0, 6.0, 1.0, 5.0, 3.0, 7.0]);
    let negative = npy("|i1", false, "(2,)", &[0xff, 0x80]);
    let x = npy("<f4", false, "(2, 3)", &floats(&values));
    assert_eq!(read_npy(("x", &x), ("y", &negative), Task::Classes).unwrap().class_names, ["-128", "-1"]);
    let values_of = read_npy(("x", &x), ("y", &x), Task::Values).unwrap();
    assert_eq!(values_of.targets, Targets::Values { width: 3, values: values.to_vec() });
    // The same arrays in an archive, and as IDX files.
    let archive = zip(&[("x.npy", x), ("y.npy", y)], 0);
    assert_eq!(read_npz("a.npz", &archive, "x", "y", Task::Classes).unwrap(), law);
    let (images, labels) = (idx(0x08, &[2, 3], &[1, 2, 3, 4, 5, 6]), idx(0x08, &[2], &[7, 9]));
    assert_eq!(read_idx(("i", &images), ("l", &labels), Task::Classes).unwrap(), law);
    let big = idx(0x0d, &[2, 3, 1], &values.iter().flat_map(|x| x.to_be_bytes()).collect::<Vec<_>>());
    assert_eq!(read_idx(("i", &big), ("l", &labels), Task::Classes).unwrap(), law);
}

/// An archive of one deflated file, that says of itself what is given.
fn deflated(name: &str, data: &[u8], len: u32, checksum: Option<u32>) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, data).unwrap();
    let packed = encoder.finish().unwrap();
    let mut sum = flate2::Crc::new();
    sum.update(data);
    let mut bytes = zip(&[(name, packed)], 8);
    let directory = bytes.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    bytes[directory + 16..directory + 20].copy_from_slice(&checksum.unwrap_or(sum.sum()).to_le_bytes());
    bytes[directory + 24..directory + 28].copy_from_slice(&len.to_le_bytes());
    bytes
}

#[test]
fn compressed_arrays_are_the_stored_ones_and_bombs_end_at_their_limit() {
    let x = npy("|u1", false, "(300, 300)", &[1; 90_000]);
    let y = npy("|u1", false, "(300,)", &[2; 300]);
    let read = |archive: &[u8], limit| read_npz_within("a.npz", archive, ("x", "x"), Task::Values, limit);
    let stored = read(&zip(&[("x.npy", x.clone())], 0), 0).unwrap();
    let n = x.len() as u32;
    let packed = deflated("x.npy", &x, n, None);
    assert!(packed.len() < 1000);
    assert_eq!(read(&packed, UNPACKED_LIMIT).unwrap(), stored);
    let check = |archive: &[u8], limit, expected: &str| {
        let found = read(archive, limit).unwrap_err().to_string();
        assert!(found.starts_with("a.npz/x: byte 35: ") && found.contains(expected), "{found}");
    };
    check(&packed, 50_000, "unpacks to more than 50000 bytes, the limit");
    check(&deflated("x.npy", &x, 1000, None), UNPACKED_LIMIT, "more than 1000 bytes, the length that its archive states");
    check(&deflated("x.npy", &x, n + 1, None), UNPACKED_LIMIT, &format!("expected {} bytes unpacked, found {n}", n + 1));
    check(&deflated("x.npy", &x, n, Some(7)), UNPACKED_LIMIT, "expected bytes with checksum 00000007");
    // MNIST as it is downloaded.
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let (images, labels) = (idx(0x08, &[3, 4], &[5; 12]), idx(0x08, &[3], &[0, 1, 0]));
    let plain = read_idx(("i", &images), ("l", &labels), Task::Classes).unwrap();
    assert_eq!(read_idx(("i", &gzip(&images)), ("l", &labels), Task::Classes).unwrap(), plain);
    assert_eq!(read_idx(("i", &gzip(&images)), ("l", &gzip(&labels)), Task::Classes).unwrap(), plain);
    let bomb = read_idx_within(("i", &images), ("l", &gzip(&vec![0; 1 << 20])), Task::Classes, 1000).unwrap_err();
    assert_eq!((bomb.file.as_str(), bomb.message.contains("the limit")), ("l", true), "{bomb}");
    assert!(read_npy(("x", &x), ("y", &y), Task::Classes).is_ok());
}

#[test]
fn a_bad_array_names_file_and_byte() {
    let y = npy("|u1", false, "(2,)", &[7, 9]);
    let check = |x: Vec<u8>, expected: &str| {
        let found = read_npy(("x.npy", &x), ("y.npy", &y), Task::Classes).unwrap_err().to_string();
        assert!(found.contains(expected), "{found}");
    };
    check(Vec::new(), "x.npy: byte 0: expected the first bytes of an .npy file");
    check(b"\x93NUMPY".to_vec(), "byte 6: expected a format version");
    check(b"\x93NUMPY\x09\0\0\0".to_vec(), "byte 6: expected format version 1, 2 or 3, found 9");
    check(b"\x93NUMPY\x01\0\xff\xff{".to_vec(), "byte 10: expected a header of 65535 bytes, found 1");
    check(npy("<c8", false, "(2,)", &[]), "expected elements of type");
    check(npy("<O", false, "(2,)", &[]), "expected elements of type");
    check(npy("<f4", false, "(2, 3)", &[0; 20]), "byte 128: expected 24 bytes for an array of shape [2, 3], found 20");
    check(npy("<f4", false, "(2, 3)", &[0; 28]), "expected 24 bytes");
    check(npy("<f4", false, "(99999999999, 99999999999, 9)", &[]), "more than any file has");
    check(npy("<f4", false, "(-2, 3)", &[]), "expected a shape");
    check(npy("<f4", false, "(3, 1)", &[0; 12]), "y.npy: expected 3 targets, one a sample of x.npy, found 2");
    check(npy("<f4", false, "(2, 0)", &[]), "expected samples with features");
    check(npy("<f4", false, "(2, 1)", &floats(&[0.0, f32::NAN])), "byte 132: expected a number that is finite in f32 in row 1, column 0");
    check(
        npy("<f8", false, "(2, 1)", &[1e300_f64, 0.0].map(f64::to_le_bytes).concat()),
        "byte 128: expected a number that is finite in f32",
    );
    let x = npy("<f4", false, "(2, 1)", &floats(&[0.0, 0.5]));
    let halves = read_npy(("x.npy", &x), ("y.npy", &x), Task::Classes).unwrap_err().to_string();
    assert_eq!(halves, "y.npy: byte 132: expected a whole number as class in row 1, column 0, found 0.5");
    let archive = |bytes: &[u8]| read_npz("a.npz", bytes, "x", "y", Task::Classes).unwrap_err().to_string();
    assert_eq!(archive(b"PK"), "a.npz: expected an .npz archive, found no directory of its files");
    assert!(archive(&zip(&[("x.npy", x.clone())], 12)).contains("packed by method 12"));
    // Plain bytes happen to be a short stream, of another length than the archive states.
    assert!(archive(&zip(&[("x.npy", x.clone())], 8)).contains("bytes unpacked, found"));
    assert_eq!(archive(&zip(&[("x.npy", x.clone()), ("z.npy", x)], 0)), "a.npz: expected an array \"y\", found x, z");
    let labels = idx(0x08, &[2], &[7, 9]);
    let images = |bytes: &[u8]| read_idx(("i", bytes), ("l", &labels), Task::Classes).unwrap_err().to_string();
    assert!(images(&[0x1f, 0x8b, 8, 0]).contains("cannot be unpacked"));
    assert_eq!(images(&idx(0x07, &[2], &[])), "i: byte 2: expected type 08, 09, 0b, 0c, 0d or 0e, found 07");
    assert_eq!(images(&[0, 0, 8, 2, 0]), "i: byte 4: expected 2 axes, found the end of the file");
    assert!(images(&idx(0x08, &[u32::MAX, u32::MAX, u32::MAX], &[1])).contains("byte 16: expected"));
}

fn mutate(bytes: &mut Vec<u8>, stream: &mut Stream) {
    let at = |stream: &mut Stream, len: usize| stream.below(len as u64 + 1) as usize;
    match stream.below(5) {
        0 if !bytes.is_empty() => {
            let i = stream.below(bytes.len() as u64) as usize;
            bytes[i] = stream.below(256) as u8;
        }
        1 => {
            let len = at(stream, bytes.len());
            bytes.truncate(len);
        }
        2 => {
            let i = at(stream, bytes.len());
            let piece: &[u8] = [&b"\xff\xff\xff\xff"[..], b"99999999999", b"\"", b",", b"\n", b"\0\0\0\0", b"PK\x05\x06", b"'shape': (7,"]
                [stream.below(8) as usize];
            bytes.splice(i..i, piece.iter().copied());
        }
        3 if !bytes.is_empty() => {
            let i = stream.below(bytes.len() as u64) as usize;
            bytes[i] ^= 1 << stream.below(8);
        }
        _ => {
            let (a, b) = (at(stream, bytes.len()), at(stream, bytes.len()));
            bytes.drain(a.min(b)..a.max(b).min(a.min(b) + 8));
        }
    }
}

#[test]
fn mutated_files_never_panic() {
    const N_MUTANTS: usize = 100_000;
    let mut stream = StreamKey::new(Seed(1), SystemTag::named("mutate samples"), 0).stream();
    let x = npy("<f4", true, "(2, 3)", &floats(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
    let y = npy("|u1", false, "(2,)", &[7, 9]);
    let (images, labels) = (idx(0x08, &[2, 3], &[1, 2, 3, 4, 5, 6]), idx(0x08, &[2], &[7, 9]));
    let archive = zip(&[("x.npy", x.clone()), ("y.npy", y.clone())], 0);
    let corpus = [IRIS.as_bytes(), &x, &archive, &images];
    let mut n_accepted = 0;
    for round in 0..N_MUTANTS {
        let which = round % corpus.len();
        let mut bytes = corpus[which].to_vec();
        for _ in 0..=stream.below(3) {
            mutate(&mut bytes, &mut stream);
        }
        let read = match which {
            0 => read_csv("m", &bytes, &CsvOptions::default()),
            1 => read_npy(("m", &bytes), ("y", &y), Task::Classes),
            2 => read_npz("m", &bytes, "x", "y", Task::Classes),
            _ => read_idx(("m", &bytes), ("l", &labels), Task::Classes),
        };
        if let Ok(dataset) = read {
            n_accepted += 1;
            assert_eq!(dataset.inputs.len(), dataset.n_samples() * dataset.n_features);
            assert!(dataset.inputs.iter().all(|x| x.is_finite()));
        }
    }
    assert!(n_accepted > N_MUTANTS / 100 && n_accepted < N_MUTANTS, "{n_accepted} of {N_MUTANTS} mutants are read");
}
