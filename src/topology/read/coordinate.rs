//! Coordinate text of binary quadratic models: lines `i j bias`, `i i bias` being linear, variables from 0.
//!
//! The first line may say `# vartype=SPIN` or `# vartype=BINARY`; E = sum a_i x_i + sum b_ij x_i x_j, minimised.

use super::super::binary::BinaryModel;
use super::error::ReadError;
use super::instance::{Instance, ReadOptions, Vartype, spin_model};
use super::lines::{Line, Lines};

/// What the first line should be.
const VARTYPE_LINE: &str = "a first line `# vartype=SPIN` or `# vartype=BINARY`";

/// Reads a model in coordinate text; repeated entries add up.
///
/// # Errors
/// If the text is no such model, or neither its header nor `options` say whether variables are spins.
pub fn parse_coordinate(name: &str, bytes: &[u8], options: ReadOptions) -> Result<Instance, ReadError> {
    let mut lines = Lines::new(name, bytes, options.limits);
    let mut vartype = None;
    let mut last: Option<u32> = None;
    let mut linear = Vec::new();
    let mut pairs: Vec<(u32, u32, f64)> = Vec::new();
    while let Some(mut line) = lines.next_line(|_| false) {
        if line.text.trim_ascii_start().starts_with(b"#") {
            vartype = vartype.or(vartype_of(&mut line)?);
            continue;
        }
        let first = line.word("a variable")?;
        let mut ends = [0; 2];
        for (k, word) in [Ok(first), line.word("a second variable")].into_iter().enumerate() {
            let word = word?;
            let index = word.count("a variable, a whole number from 0")?;
            lines.check_spins(word, index.saturating_add(1))?;
            ends[k] = index as u32;
        }
        lines.check_couplings(first, pairs.len() as u64 + 1)?;
        let value = line.word("a bias")?.number("a bias")?;
        line.end()?;
        last = last.max(Some(ends[0].max(ends[1])));
        if ends[0] == ends[1] {
            linear.push((ends[0], value));
        } else {
            pairs.push((ends[0], ends[1], value));
        }
    }
    let Some(last) = last else {
        return Err(lines.ended("at least one line `variable variable bias`"));
    };
    let n = last as usize + 1;
    let mut biases = vec![0.0; n];
    for (i, value) in linear {
        biases[i as usize] += value;
    }
    let name = name.to_owned();
    match vartype.or(options.vartype) {
        Some(vartype @ Vartype::Spin) => {
            let mut model = spin_model(n, pairs, -1.0);
            model.fields = biases.into_iter().map(|a| -a as f32).collect();
            Ok(Instance { name, model, max_cut: None, vartype })
        }
        Some(vartype @ Vartype::Binary) => {
            let binary = BinaryModel { linear: biases, quadratic: pairs, offset: 0.0 };
            Ok(Instance { name, model: binary.to_ising(), max_cut: None, vartype })
        }
        None => {
            let mut lines = Lines::new(&name, bytes, options.limits);
            let mut first = lines.next_raw().ok_or_else(|| lines.ended("a line"))?;
            Err(first.word(VARTYPE_LINE)?.unexpected(VARTYPE_LINE))
        }
    }
}

/// The vartype that a comment declares, if it declares one.
fn vartype_of(line: &mut Line<'_>) -> Result<Option<Vartype>, ReadError> {
    while let Some(word) = line.next_word() {
        let text = word.text.strip_prefix(b"#").unwrap_or(word.text).to_ascii_uppercase();
        let Some(value) = text.strip_prefix(b"VARTYPE=") else { continue };
        return match value.strip_prefix(b"VARTYPE.").unwrap_or(value) {
            b"SPIN" => Ok(Some(Vartype::Spin)),
            b"BINARY" => Ok(Some(Vartype::Binary)),
            _ => Err(word.unexpected("vartype=SPIN or vartype=BINARY")),
        };
    }
    Ok(None)
}
