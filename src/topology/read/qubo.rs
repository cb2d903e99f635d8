//! The `.qubo` format of qbsolv: `p qubo topology maxNodes nNodes nCouplers`, then `i i a` and `i j b` lines.
//!
//! Comments start with `c`; variables count from 0; E = sum a_i v_i + sum b_ij v_i v_j with v = 0 or 1, minimised.

use super::super::binary::BinaryModel;
use super::error::ReadError;
use super::instance::{Instance, ReadOptions, Vartype};
use super::lines::Lines;

/// Reads a `.qubo` file.
///
/// # Errors
/// If the text is no such file; the error names the place.
pub fn parse_qubo(name: &str, bytes: &[u8], options: ReadOptions) -> Result<Instance, ReadError> {
    let is_comment = |line: &[u8]| line[0] == b'c' || line[0] == b'#';
    let mut lines = Lines::new(name, bytes, options.limits);

    let mut header = lines.next_line(is_comment).ok_or_else(|| lines.ended("a line `p qubo ...`"))?;
    for expected in ["p", "qubo"] {
        let word = header.word(expected)?;
        if word.text != expected.as_bytes() {
            return Err(word.unexpected(format!("`{expected}` of a line `p qubo topology maxNodes nNodes nCouplers`")));
        }
    }
    header.word("a topology, 0 for none")?;
    let word = header.word("a largest number of variables")?;
    let n = word.count("a largest number of variables")?;
    lines.check_spins(word, n)?;
    let word = header.word("a number of linear terms")?;
    let n_linear = word.count("a number of linear terms")?;
    if n_linear > n {
        return Err(word.unexpected(format!("at most {n} linear terms")));
    }
    let word = header.word("a number of couplers")?;
    let n_pairs = word.count("a number of couplers")?;
    lines.check_couplings(word, n_pairs)?;
    header.end()?;

    let mut model = BinaryModel { linear: vec![0.0; n as usize], quadratic: Vec::new(), offset: 0.0 };
    model.quadratic.reserve_exact(lines.capacity(n_pairs, 5));
    let mut seen_linear = 0;
    while let Some(mut line) = lines.next_line(is_comment) {
        let first = line.word("a variable")?;
        if n == 0 {
            return Err(first.unexpected("the end of the file, since the header names 0 variables"));
        }
        let i = first.index("a variable", 0, n - 1)?;
        let j = line.word("a second variable")?.index("a variable", 0, n - 1)?;
        let value = line.word("a weight")?.number("a weight")?;
        line.end()?;
        if i == j {
            if seen_linear == n_linear {
                return Err(first.unexpected(format!("no more than {n_linear} linear terms, as the header says")));
            }
            seen_linear += 1;
            model.linear[i as usize] += value;
        } else {
            if model.quadratic.len() as u64 == n_pairs {
                return Err(first.unexpected(format!("no more than {n_pairs} couplers, as the header says")));
            }
            model.quadratic.push((i, j, value));
        }
    }
    if seen_linear < n_linear {
        return Err(lines.ended(format!("{n_linear} linear terms, as the header says, after {seen_linear} of them")));
    }
    if (model.quadratic.len() as u64) < n_pairs {
        let seen = model.quadratic.len();
        return Err(lines.ended(format!("{n_pairs} couplers, as the header says, after {seen} of them")));
    }
    Ok(Instance { name: name.to_owned(), model: model.to_ising(), max_cut: None, vartype: Vartype::Binary })
}
