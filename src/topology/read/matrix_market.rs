//! Matrix Market exchange files (Boisvert, Pozo, Remington, NISTIR 5935): coordinate and array, real, integer and
//! pattern, general and symmetric.
//!
//! An undirected weight is w_ij. A symmetric file gives it once. A general one with entries on both sides of the diagonal gives
//! the mean of a_ij and a_ji; with entries on one side only, the entry itself. As a QUBO, a_ij + a_ji counts.

use super::error::ReadError;
use super::instance::{Entries, Instance, Meaning, ReadOptions};
use super::lines::{Line, Lines, Word};

#[derive(Clone, Copy, PartialEq)]
enum Field {
    Number,
    Pattern,
}

#[derive(Clone, Copy, PartialEq)]
enum Symmetry {
    General,
    Symmetric,
}

/// Reads a Matrix Market file.
///
/// # Errors
/// If the text is no such file, its matrix is not square, or its numbers are complex; the error names the place.
pub fn parse_matrix_market(name: &str, bytes: &[u8], options: ReadOptions) -> Result<Instance, ReadError> {
    let mut lines = Lines::new(name, bytes, options.limits);
    let mut banner = lines.next_raw().ok_or_else(|| lines.ended("%%MatrixMarket"))?;
    one_of(&mut banner, &[("%%matrixmarket", ())])?;
    one_of(&mut banner, &[("matrix", ())])?;
    let is_dense = one_of(&mut banner, &[("coordinate", false), ("array", true)])?;
    let numbers = [("real", Field::Number), ("integer", Field::Number), ("double", Field::Number), ("pattern", Field::Pattern)];
    let field = one_of(&mut banner, if is_dense { &numbers[..3] } else { &numbers })?;
    let symmetry = one_of(&mut banner, &[("general", Symmetry::General), ("symmetric", Symmetry::Symmetric)])?;
    banner.end()?;

    let mut header = lines.next_line(is_comment).ok_or_else(|| lines.ended("a number of rows of at least 1"))?;
    let rows = header.word("a number of rows of at least 1")?;
    let n = rows.count("a number of rows of at least 1")?;
    if n == 0 {
        return Err(rows.unexpected("a number of rows of at least 1"));
    }
    lines.check_spins(rows, n)?;
    let columns = header.word("a number of columns")?;
    if columns.count("a number of columns")? != n {
        return Err(columns.unexpected(format!("{n} columns, since a matrix of couplings is square")));
    }
    let entries = if is_dense {
        header.end()?;
        dense_entries(&mut lines, columns, n, symmetry)?
    } else {
        let word = header.word("a number of entries")?;
        let n_entries = word.count("a number of entries")?;
        lines.check_couplings(word, n_entries)?;
        header.end()?;
        sparse_entries(&mut lines, n, n_entries, field)?
    };
    Ok(symmetrise(entries, symmetry, options.meaning).into_instance(name, options.meaning))
}

fn is_comment(line: &[u8]) -> bool {
    line.starts_with(b"%")
}

/// The value of the next word of the banner, which must be one of `choices` in any case.
fn one_of<T: Copy>(line: &mut Line<'_>, choices: &[(&str, T)]) -> Result<T, ReadError> {
    let names: Vec<&str> = choices.iter().map(|&(name, _)| if name == "%%matrixmarket" { "%%MatrixMarket" } else { name }).collect();
    let expected = names.join(" or ");
    let word = line.word(&expected)?;
    let found = choices.iter().find(|(name, _)| word.text.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|&(_, value)| value).ok_or_else(|| word.unexpected(expected))
}

fn sparse_entries(lines: &mut Lines<'_>, n: u64, n_entries: u64, field: Field) -> Result<Entries, ReadError> {
    let mut entries = Entries { n: n as usize, pairs: Vec::with_capacity(lines.capacity(n_entries, 4)), diagonal: Vec::new() };
    let mut seen = 0;
    while let Some(mut line) = lines.next_line(is_comment) {
        let first = line.word("a row")?;
        if seen == n_entries {
            return Err(first.unexpected(format!("the end of the file after {n_entries} entries, as the size line says")));
        }
        let i = first.index("a row", 1, n)? - 1;
        let j = line.word("a column")?.index("a column", 1, n)? - 1;
        let value = if field == Field::Pattern { 1.0 } else { line.word("a value")?.number("a value")? };
        line.end()?;
        entries.push(i, j, value);
        seen += 1;
    }
    if seen < n_entries {
        return Err(lines.ended(format!("{n_entries} entries, as the size line says, after {seen} of them")));
    }
    Ok(entries)
}

/// Values column by column; a symmetric file holds each column from the diagonal down.
fn dense_entries(lines: &mut Lines<'_>, size: Word<'_>, n: u64, symmetry: Symmetry) -> Result<Entries, ReadError> {
    let n_values = if symmetry == Symmetry::Symmetric { n * (n + 1) / 2 } else { n * n };
    lines.check_couplings(size, n_values)?;
    let mut entries = Entries { n: n as usize, pairs: Vec::with_capacity(lines.capacity(n_values, 2)), diagonal: Vec::new() };
    let (mut i, mut j, mut seen) = (0, 0, 0);
    while let Some(mut line) = lines.next_line(is_comment) {
        while let Some(word) = line.next_word() {
            if seen == n_values {
                return Err(word.unexpected(format!("the end of the file after {n_values} values of a {n} x {n} matrix")));
            }
            let value = word.number("a value")?;
            if value != 0.0 {
                entries.push(i, j, value);
            }
            seen += 1;
            i += 1;
            if u64::from(i) == n {
                j += 1;
                i = if symmetry == Symmetry::Symmetric { j } else { 0 };
            }
        }
    }
    if seen < n_values {
        return Err(lines.ended(format!("{n_values} values of a {n} x {n} matrix, after {seen} of them")));
    }
    Ok(entries)
}

impl Entries {
    fn push(&mut self, i: u32, j: u32, value: f64) {
        if i == j { self.diagonal.push((i, value)) } else { self.pairs.push((i, j, value)) }
    }
}

/// Scales entries so that those of a pair add up to its undirected weight.
fn symmetrise(mut entries: Entries, symmetry: Symmetry, meaning: Meaning) -> Entries {
    let has_below = entries.pairs.iter().any(|&(i, j, _)| i > j);
    let has_above = entries.pairs.iter().any(|&(i, j, _)| i < j);
    let scale = match (symmetry, meaning) {
        (Symmetry::Symmetric, Meaning::Qubo) => 2.0,
        (Symmetry::General, Meaning::MaxCut | Meaning::Couplings) if has_below && has_above => 0.5,
        _ => 1.0,
    };
    for pair in &mut entries.pairs {
        pair.2 *= scale;
    }
    entries
}
