//! The edge list of the G-set and of the generator rudy: `n m`, then m lines `i j w` with vertices from 1.
//!
//! The weight may be left out (1). Lines that start with `#` are comments.

use super::error::ReadError;
use super::instance::{Entries, Instance, ReadOptions};
use super::lines::Lines;

/// Reads an edge list.
///
/// # Errors
/// If the text is no edge list; the error names the place.
pub fn parse_rudy(name: &str, bytes: &[u8], options: ReadOptions) -> Result<Instance, ReadError> {
    let is_comment = |line: &[u8]| line.starts_with(b"#");
    let mut lines = Lines::new(name, bytes, options.limits);

    let expected = "a number of vertices of at least 1";
    let mut header = lines.next_line(is_comment).ok_or_else(|| lines.ended(expected))?;
    let word = header.word(expected)?;
    let n = word.count(expected)?;
    if n == 0 {
        return Err(word.unexpected(expected));
    }
    lines.check_spins(word, n)?;
    let word = header.word("a number of edges")?;
    let m = word.count("a number of edges")?;
    lines.check_couplings(word, m)?;
    header.end()?;

    let mut pairs = Vec::with_capacity(lines.capacity(m, 4));
    while let Some(mut line) = lines.next_line(is_comment) {
        let first = line.word("a vertex")?;
        if pairs.len() as u64 == m {
            return Err(first.unexpected(format!("the end of the file after {m} edges, as the first line says")));
        }
        let i = first.index("a vertex", 1, n)?;
        let second = line.word("a second vertex")?;
        let j = second.index("a vertex", 1, n)?;
        if i == j {
            return Err(second.unexpected(format!("a vertex other than {i}")));
        }
        let w = line.next_word().map_or(Ok(1.0), |word| word.number("a weight"))?;
        line.end()?;
        pairs.push((i - 1, j - 1, w));
    }
    if (pairs.len() as u64) < m {
        return Err(lines.ended(format!("{m} edges, as the first line says, after {} of them", pairs.len())));
    }
    Ok(Entries { n: n as usize, pairs, diagonal: Vec::new() }.into_instance(name, options.meaning))
}
