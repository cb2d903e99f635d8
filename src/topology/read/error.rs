//! What is wrong with a file, and where.

use std::fmt;

use thiserror::Error;

/// Longest piece of a file that a message repeats, in characters.
const MAX_SHOWN: usize = 40;

/// A file that cannot be read as the format it claims; shown as `G22.txt:17:5: expected ..., found ...`.
#[derive(Clone, Debug, Error, PartialEq)]
pub struct ReadError {
    /// Name of the file as given.
    pub file: String,
    /// Line from 1; 0 if the problem concerns the file as a whole.
    pub line: u64,
    /// Column from 1, in characters; 0 if the problem concerns the file as a whole.
    pub column: u64,
    /// What is wrong there.
    pub problem: ReadProblem,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return write!(f, "{}: {}", self.file, self.problem);
        }
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.problem)
    }
}

/// The kinds of problems of a file.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ReadProblem {
    /// Something else stands where `expected` should.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What the format asks for at this place.
        expected: String,
        /// What the file has there.
        found: Found,
    },
    /// A count or an index is past the limits.
    #[error("{count} {what} are too many: {reason}")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// The number that the file names.
        count: u64,
        /// The limit and how to raise it.
        reason: String,
    },
    /// The file's format cannot be told.
    #[error("cannot tell the format: {0}")]
    UnknownFormat(String),
    /// The operating system could not read the file.
    #[error("cannot read the file: {0}")]
    Io(String),
}

/// What stands at the place of a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A word of the file, cut to 40 characters; bytes that are not UTF-8 are replaced.
    Word(String),
    /// Nothing more on the line.
    EndOfLine,
    /// Nothing more in the file.
    EndOfFile,
}

impl Found {
    /// The found word, cut for display.
    pub(super) fn word(bytes: &[u8]) -> Self {
        let head = &bytes[..bytes.len().min(4 * MAX_SHOWN)];
        let text = String::from_utf8_lossy(head);
        let mut shown: String = text.chars().take(MAX_SHOWN).collect();
        if text.chars().count() > MAX_SHOWN || head.len() < bytes.len() {
            shown.push_str("...");
        }
        Found::Word(shown)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Word(word) => write!(f, "{word:?}"),
            Found::EndOfLine => f.write_str("the end of the line"),
            Found::EndOfFile => f.write_str("the end of the file"),
        }
    }
}
