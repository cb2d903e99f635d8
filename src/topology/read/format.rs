//! The formats, how they are told apart, and the entry of all readers.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::coordinate::parse_coordinate;
use super::error::{ReadError, ReadProblem};
use super::instance::{Instance, ReadOptions};
use super::matrix_market::parse_matrix_market;
use super::qubo::parse_qubo;
use super::rudy::parse_rudy;

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Edge list of the G-set and of rudy: `.txt`, `.rud`, `.mc`, `.gset`.
    Rudy,
    /// Matrix Market: `.mtx`, `.mm`.
    MatrixMarket,
    /// Coordinate text of binary quadratic models: `.coo`, `.bqm`.
    Coordinate,
    /// qbsolv's QUBO: `.qubo`.
    Qubo,
}

/// Extensions by format, all lower case.
const EXTENSIONS: [(Format, &[&str]); 4] = [
    (Format::MatrixMarket, &["mtx", "mm"]),
    (Format::Qubo, &["qubo"]),
    (Format::Coordinate, &["coo", "bqm"]),
    (Format::Rudy, &["txt", "rud", "rudy", "mc", "gset"]),
];

impl Format {
    /// The format of a file by its content if that is unmistakable, else by its extension.
    pub fn detect(name: &str, bytes: &[u8]) -> Option<Format> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let starts_with = |start: &[u8]| bytes.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
        if starts_with(b"%%matrixmarket") {
            return Some(Format::MatrixMarket);
        }
        let first_lines = || bytes[..bytes.len().min(4096)].split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
        if first_lines().any(|line| line.starts_with(b"p qubo")) {
            return Some(Format::Qubo);
        }
        let declares_vartype = |line: &[u8]| line.starts_with(b"#") && line.to_ascii_lowercase().windows(8).any(|w| w == b"vartype=");
        if first_lines().any(declares_vartype) {
            return Some(Format::Coordinate);
        }
        let extension = Path::new(name).extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        let by_name = extension.and_then(|e| EXTENSIONS.iter().find(|(_, known)| known.contains(&e.as_str())).map(|&(f, _)| f));
        // A file of any other name whose first line holds two whole numbers is an edge list.
        let mut first = first_lines().filter(|line| !line.is_empty() && !line.starts_with(b"#"));
        let is_rudy_header = || {
            let words = first.next()?.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
            let words: Vec<&[u8]> = words.take(3).collect();
            (words.len() == 2 && words.iter().all(|w| w.iter().all(u8::is_ascii_digit))).then_some(Format::Rudy)
        };
        by_name.or_else(is_rudy_header)
    }
}

/// Reads an instance from `bytes`; `format` is detected if `None`, `name` is what errors call the file.
///
/// # Errors
/// If the format is unknown or the text malformed or too large; nothing panics, and memory grows with `bytes` only.
pub fn parse(format: Option<Format>, name: &str, bytes: &[u8], options: ReadOptions) -> Result<Instance, ReadError> {
    let whole = |problem| ReadError { file: name.to_owned(), line: 0, column: 0, problem };
    if bytes.len() as u64 > options.limits.max_bytes {
        return Err(whole(too_many_bytes(bytes.len() as u64, options)));
    }
    match format.or_else(|| Format::detect(name, bytes)) {
        Some(Format::Rudy) => parse_rudy(name, bytes, options),
        Some(Format::MatrixMarket) => parse_matrix_market(name, bytes, options),
        Some(Format::Coordinate) => parse_coordinate(name, bytes, options),
        Some(Format::Qubo) => parse_qubo(name, bytes, options),
        None => {
            let known: Vec<String> = EXTENSIONS.iter().flat_map(|(_, names)| names.iter().map(|e| format!(".{e}"))).collect();
            Err(whole(ReadProblem::UnknownFormat(format!("name the file {}, or state its format", known.join(", ")))))
        }
    }
}

/// Reads an instance from the file at `path`, whose name alone stands in messages as given.
///
/// # Errors
/// If the file cannot be read, and all of [`parse`].
pub fn load(format: Option<Format>, path: &Path, options: ReadOptions) -> Result<Instance, ReadError> {
    let name = path.display().to_string();
    let whole = |problem| ReadError { file: name.clone(), line: 0, column: 0, problem };
    let io = |error: std::io::Error| whole(ReadProblem::Io(error.to_string()));
    let file = File::open(path).map_err(io)?;
    let n_bytes = file.metadata().map_err(io)?.len();
    if n_bytes > options.limits.max_bytes {
        return Err(whole(too_many_bytes(n_bytes, options)));
    }
    // A pipe or a growing file has no length to trust.
    let mut bytes = Vec::new();
    file.take(options.limits.max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
    parse(format, &name, &bytes, options)
}

fn too_many_bytes(count: u64, options: ReadOptions) -> ReadProblem {
    ReadProblem::TooLarge { what: "bytes", count, reason: format!("at most {} are read", options.limits.max_bytes) }
}
