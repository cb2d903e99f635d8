//! Patterns to remember, from a table of grey values: one a row, its label in the last column.

use crate::topology::read::{Found, ReadError, ReadProblem};

/// Patterns of +-1, one for each label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    /// Labels, ascending.
    pub labels: Vec<i64>,
    /// The pattern of each label.
    pub states: Vec<Vec<i8>>,
}

impl Patterns {
    /// Length of a pattern.
    pub fn n_neurons(&self) -> usize {
        self.states.first().map_or(0, Vec::len)
    }

    /// Reads the first row of each label from `bytes`; a value of `threshold` or more is +1. A first
    /// row without a number is a heading. Lines that start with `#` are comments.
    ///
    /// # Errors
    /// If a value is no number, or a row has another length than the first; `name` is what the error calls the file.
    pub fn parse(name: &str, bytes: &[u8], threshold: f64) -> Result<Patterns, ReadError> {
        let mut first_of_label: std::collections::BTreeMap<i64, Vec<i8>> = std::collections::BTreeMap::new();
        let mut width = None;
        for (i, line) in bytes.split(|&b| b == b'\n').enumerate() {
            let line = String::from_utf8_lossy(line);
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let error = |column: usize, expected: String, found: Found| ReadError {
                file: name.to_owned(),
                line: i as u64 + 1,
                column: column as u64,
                problem: ReadProblem::Unexpected { expected, found },
            };
            let words: Vec<&str> = line.trim_end().split(',').collect();
            let is_heading = width.is_none() && words.iter().all(|w| w.trim().parse::<f64>().is_err());
            if is_heading {
                continue;
            }
            let mut column = 1;
            let mut values = Vec::with_capacity(words.len());
            for word in &words {
                let value = word.trim().parse::<f64>().ok().filter(|v| v.is_finite());
                let shown: String = word.trim().chars().take(40).collect();
                values.push(value.ok_or_else(|| error(column, "a number".into(), Found::Word(shown)))?);
                column += word.chars().count() + 1;
            }
            let expected = *width.get_or_insert(values.len());
            if values.len() != expected || values.len() < 2 {
                let what = format!("{} values and a label, as in the first row", expected.max(2) - 1);
                return Err(error(1, what, Found::Word(format!("{} values", values.len()))));
            }
            let label = values[values.len() - 1];
            if label != label.trunc() || label.abs() > 1e9 {
                return Err(error(column - 1, "a whole number as label".into(), Found::Word(label.to_string())));
            }
            let pixels = &values[..values.len() - 1];
            first_of_label.entry(label as i64).or_insert_with(|| pixels.iter().map(|&p| if p >= threshold { 1 } else { -1 }).collect());
        }
        if first_of_label.is_empty() {
            let problem = ReadProblem::Unexpected { expected: "a row of values and a label".into(), found: Found::EndOfFile };
            return Err(ReadError { file: name.to_owned(), line: 0, column: 0, problem });
        }
        let (labels, states) = first_of_label.into_iter().unzip();
        Ok(Patterns { labels, states })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_of_each_label_is_kept() {
        let text = "# digits\np0,p1,p2,label\n0,8,16,1\n16,0,0,0\n1,1,1,1\n";
        let patterns = Patterns::parse("d.csv", text.as_bytes(), 8.0).expect("good");
        assert_eq!(patterns.labels, [0, 1]);
        assert_eq!(patterns.states, [vec![1, -1, -1], vec![-1, 1, 1]]);
    }

    #[test]
    fn bad_rows_are_named_by_line_and_column() {
        let place = |text: &str| Patterns::parse("d.csv", text.as_bytes(), 8.0).map_err(|e| (e.line, e.column)).expect_err(text);
        assert_eq!(place("1,2,0\n1,x,0\n"), (2, 3));
        assert_eq!(place("1,2,0\n1,0\n"), (2, 1));
        assert_eq!(place("1,2,0\n1,2,0.5\n").0, 2);
        assert_eq!(place("1,nan,0\n"), (1, 3));
        assert_eq!(place(""), (0, 0));
        assert_eq!(place("a,b\n"), (0, 0));
    }
}
