//! Lines and words of a text with their places; the only code that moves through a file's bytes.

use super::error::{Found, ReadError, ReadProblem};
use super::instance::Limits;

/// Largest magnitude of a number in a file: sums over any number of terms then stay finite in f32.
pub const MAX_MAGNITUDE: f64 = 1e30;
/// A file may always name this many spins; a larger one, [`SPINS_PER_BYTE`] for each byte.
const FREE_SPINS: u64 = 1 << 20;
/// Spins that one byte of a file may bring about, isolated ones included.
const SPINS_PER_BYTE: u64 = 16;

/// Walks over the lines of a file that hold something.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    file: &'a str,
    rest: &'a [u8],
    n_bytes: u64,
    limits: Limits,
    number: u64,
    last_width: usize,
}

impl<'a> Lines<'a> {
    /// The lines of `bytes`; a UTF-8 byte-order mark is skipped.
    pub fn new(file: &'a str, bytes: &'a [u8], limits: Limits) -> Self {
        let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        Lines { file, rest, n_bytes: bytes.len() as u64, limits, number: 0, last_width: 0 }
    }

    /// The next line that is neither blank nor a comment; a comment's first word starts with `comment`.
    pub fn next_line(&mut self, is_comment: impl Fn(&[u8]) -> bool) -> Option<Line<'a>> {
        loop {
            let line = self.next_raw()?;
            let trimmed = line.text.trim_ascii_start();
            if !trimmed.is_empty() && !is_comment(trimmed) {
                return Some(line);
            }
        }
    }

    /// The next line, whatever it holds.
    pub fn next_raw(&mut self) -> Option<Line<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|&b| b == b'\n').unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        self.number += 1;
        self.last_width = text.len();
        Some(Line { file: self.file, number: self.number, text, at: 0 })
    }

    /// An error at the end of the file.
    pub fn ended(&self, expected: impl Into<String>) -> ReadError {
        let problem = ReadProblem::Unexpected { expected: expected.into(), found: Found::EndOfFile };
        let column = self.last_width as u64 + 1;
        ReadError { file: self.file.to_owned(), line: self.number.max(1), column, problem }
    }

    /// Checks a number of spins against the limit and against the size of the file.
    pub fn check_spins(&self, word: Word<'a>, count: u64) -> Result<(), ReadError> {
        let by_bytes = FREE_SPINS.max(self.n_bytes.saturating_mul(SPINS_PER_BYTE));
        let reason = if count > self.limits.max_spins {
            format!("at most {} are read", self.limits.max_spins)
        } else if count > by_bytes {
            format!("a file of {} bytes describes at most {by_bytes}", self.n_bytes)
        } else {
            return Ok(());
        };
        Err(word.error(ReadProblem::TooLarge { what: "spins", count, reason }))
    }

    /// Checks a number of couplings against the limit.
    pub fn check_couplings(&self, word: Word<'a>, count: u64) -> Result<(), ReadError> {
        if count <= self.limits.max_couplings {
            return Ok(());
        }
        let reason = format!("at most {} are read", self.limits.max_couplings);
        Err(word.error(ReadProblem::TooLarge { what: "couplings", count, reason }))
    }

    /// How many entries to reserve for: what the header claims, but no more than the file can hold.
    pub fn capacity(&self, claimed: u64, least_bytes_each: u64) -> usize {
        claimed.min(self.n_bytes / least_bytes_each) as usize
    }
}

/// One line, read word by word.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    file: &'a str,
    number: u64,
    /// The line without its end.
    pub text: &'a [u8],
    at: usize,
}

impl<'a> Line<'a> {
    /// The next word, if any.
    pub fn next_word(&mut self) -> Option<Word<'a>> {
        let skipped = self.text[self.at..].iter().position(|b| !b.is_ascii_whitespace())?;
        let start = self.at + skipped;
        let length = self.text[start..].iter().position(u8::is_ascii_whitespace).unwrap_or(self.text.len() - start);
        self.at = start + length;
        Some(Word { file: self.file, line: self.number, text: &self.text[start..self.at], before: &self.text[..start] })
    }

    /// The next word, or an error that names what was `expected`.
    pub fn word(&mut self, expected: &str) -> Result<Word<'a>, ReadError> {
        match self.next_word() {
            Some(word) => Ok(word),
            None => Err(self.missing(expected)),
        }
    }

    /// An error at the end of this line.
    pub fn missing(&self, expected: &str) -> ReadError {
        let problem = ReadProblem::Unexpected { expected: expected.to_owned(), found: Found::EndOfLine };
        let column = n_chars(self.text.trim_ascii_end()) + 1;
        ReadError { file: self.file.to_owned(), line: self.number, column, problem }
    }

    /// An error if the line goes on.
    pub fn end(&mut self) -> Result<(), ReadError> {
        match self.next_word() {
            Some(word) => Err(word.unexpected("the end of the line")),
            None => Ok(()),
        }
    }
}

/// A word of a line and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Word<'a> {
    file: &'a str,
    line: u64,
    /// The word's bytes.
    pub text: &'a [u8],
    before: &'a [u8],
}

impl<'a> Word<'a> {
    /// An error at this word.
    pub fn error(&self, problem: ReadProblem) -> ReadError {
        ReadError { file: self.file.to_owned(), line: self.line, column: n_chars(self.before) + 1, problem }
    }

    /// An error that says what should stand instead of this word.
    pub fn unexpected(&self, expected: impl Into<String>) -> ReadError {
        self.error(ReadProblem::Unexpected { expected: expected.into(), found: Found::word(self.text) })
    }

    /// The word as a whole number of at least 0; one too large for u64 becomes `u64::MAX`.
    pub fn count(&self, expected: &str) -> Result<u64, ReadError> {
        let digits = self.text.strip_prefix(b"+").unwrap_or(self.text);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(self.unexpected(expected));
        }
        Ok(digits.iter().fold(0_u64, |n, &d| n.saturating_mul(10).saturating_add(u64::from(d - b'0'))))
    }

    /// The word as an index from `first` to `last`; `what` is "a vertex", "a row".
    pub fn index(&self, what: &str, first: u64, last: u64) -> Result<u32, ReadError> {
        match self.count("") {
            Ok(index) if (first..=last).contains(&index) => Ok(index as u32),
            _ => Err(self.unexpected(format!("{what} from {first} to {last}"))),
        }
    }

    /// The word as a finite number of a magnitude that sums cannot overflow.
    pub fn number(&self, what: &str) -> Result<f64, ReadError> {
        let number = std::str::from_utf8(self.text).ok().and_then(|text| text.parse::<f64>().ok());
        match number {
            Some(number) if number.abs() <= MAX_MAGNITUDE => Ok(number),
            _ => Err(self.unexpected(format!("{what}, a number from -1e30 to 1e30"))),
        }
    }
}

/// Characters of UTF-8 text (each stray byte counts at most once).
fn n_chars(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&b| b & 0xc0 != 0x80).count() as u64
}
