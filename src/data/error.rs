//! What is wrong with a file of samples, and where.

use std::fmt;

/// Longest piece of a file that a message repeats, in characters.
const MAX_SHOWN: usize = 40;

/// Where in a file something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It concerns the file as a whole.
    Whole,
    /// In a text.
    Text {
        /// Line, from 1.
        line: u64,
        /// Column in characters, from 1.
        column: u64,
    },
    /// In a binary file, bytes from its start.
    Byte(u64),
}

/// A file that cannot be read as samples; shown as `iris.csv:17:5: expected ..., found ...`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct DataError {
    /// Name of the file as given.
    pub file: String,
    /// Where.
    pub place: Place,
    /// What is wrong there, and what would be right.
    pub message: String,
}

impl DataError {
    /// A problem of the file as a whole.
    pub fn whole(file: &str, message: impl Into<String>) -> Self {
        DataError { file: file.to_owned(), place: Place::Whole, message: message.into() }
    }

    /// A problem at a byte of a binary file.
    pub fn at_byte(file: &str, byte: usize, message: impl Into<String>) -> Self {
        DataError { file: file.to_owned(), place: Place::Byte(byte as u64), message: message.into() }
    }

    /// A problem at a line and column of a text, both from 1.
    pub fn at_text(file: &str, line: u64, column: u64, message: impl Into<String>) -> Self {
        DataError { file: file.to_owned(), place: Place::Text { line, column }, message: message.into() }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Whole => write!(f, "{}: {}", self.file, self.message),
            Place::Text { line, column } => write!(f, "{}:{line}:{column}: {}", self.file, self.message),
            Place::Byte(byte) => write!(f, "{}: byte {byte}: {}", self.file, self.message),
        }
    }
}

/// A piece of a file for a message, cut to 40 characters and quoted.
pub(super) fn shown(text: &str) -> String {
    let mut head: String = text.chars().take(MAX_SHOWN).collect();
    if head.len() < text.len() {
        head.push_str("...");
    }
    format!("{head:?}")
}
