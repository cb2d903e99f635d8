//! Lists of synapses in text: `source,target` or `source,target,weight` a line, neurons counted from 0.

use super::error::{DataError, shown};

/// A synapse of a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ListedEdge {
    /// Row of its source.
    pub source: u32,
    /// Row of its target.
    pub target: u32,
    /// Its weight, if the list has weights.
    pub weight: Option<f32>,
    /// Its line in the file, from 1.
    pub line: u64,
}

/// Reads the list in `bytes`; `file` is what errors call it. Lines that start with `#` and empty lines are skipped, and
/// so is one header: a first line of names.
///
/// # Errors
/// Names file, line and column of the first field that does not fit, with what was expected there.
pub fn read_edges(file: &str, bytes: &[u8]) -> Result<Vec<ListedEdge>, DataError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut edges = Vec::new();
    let mut width = None;
    let mut is_first = true;
    for (i, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end();
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = line.split(',').collect();
        if let ([_], Some(at)) = (fields.as_slice(), line.trim().find([';', '\t', ' ', '|'])) {
            let message = format!("expected commas between values, found {}: write source,target", shown(&line.trim()[at..=at]));
            let indent = line.chars().count() - line.trim_start().chars().count();
            let column = 1 + indent + line.trim()[..at].chars().count();
            return Err(DataError::at_text(file, i as u64 + 1, column as u64, message));
        }
        if std::mem::take(&mut is_first) && fields.iter().all(|f| f.trim().parse::<f64>().is_err()) {
            continue;
        }
        let column = |k: usize| 1 + fields[..k].iter().map(|f| f.chars().count() as u64 + 1).sum::<u64>();
        let error = |k: usize, expected: &str| {
            let found = fields.get(k).map_or_else(|| "the end of the line".to_owned(), |f| shown(f.trim()));
            DataError::at_text(file, i as u64 + 1, column(k.min(fields.len())), format!("expected {expected}, found {found}"))
        };
        let wanted = *width.get_or_insert(if fields.len() >= 3 { 3 } else { 2 });
        if fields.len() != wanted {
            return Err(error(wanted.min(fields.len()), if wanted == 3 { "source,target,weight" } else { "source,target" }));
        }
        let neuron =
            |k: usize, what: &str| fields[k].trim().parse::<u32>().map_err(|_| error(k, &format!("a {what}, a whole number from 0")));
        let (source, target) = (neuron(0, "source")?, neuron(1, "target")?);
        let weight = match fields.get(2) {
            None => None,
            Some(text) => {
                let weight = text.trim().parse::<f32>().ok().filter(|w| w.is_finite());
                Some(weight.ok_or_else(|| error(2, "a weight, a finite number"))?)
            }
        };
        edges.push(ListedEdge { source, target, weight, line: i as u64 + 1 });
    }
    if edges.is_empty() {
        return Err(DataError::whole(file, "expected a line source,target or source,target,weight, found none"));
    }
    Ok(edges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_with_and_without_weights() {
        let read = |text: &str| read_edges("e.csv", text.as_bytes()).unwrap();
        assert_eq!(read("source,target\n0,1\n2, 3\n")[1], ListedEdge { source: 2, target: 3, weight: None, line: 3 });
        assert_eq!(read("# by hand\r\n0,1,-0.5\r\n"), [ListedEdge { source: 0, target: 1, weight: Some(-0.5), line: 2 }]);
    }

    #[test]
    fn a_bad_line_names_file_line_and_column() {
        let check = |text: &str, expected: &str| assert_eq!(read_edges("e.csv", text.as_bytes()).unwrap_err().to_string(), expected);
        check("", "e.csv: expected a line source,target or source,target,weight, found none");
        check("0,x\n", "e.csv:1:3: expected a target, a whole number from 0, found \"x\"");
        check("0,1\n-1,2\n", "e.csv:2:1: expected a source, a whole number from 0, found \"-1\"");
        check("0,1,2\n0,1\n", "e.csv:2:5: expected source,target,weight, found the end of the line");
        check("0,1\n0,1,2\n", "e.csv:2:5: expected source,target, found \"2\"");
        check("0,1,inf\n", "e.csv:1:5: expected a weight, a finite number, found \"inf\"");
        check("0;1\n", "e.csv:1:2: expected commas between values, found \";\": write source,target");
        check("from to\n0 1\n", "e.csv:1:5: expected commas between values, found \" \": write source,target");
        check("from,to\nx,y\n", "e.csv:2:1: expected a source, a whole number from 0, found \"x\"");
        check("5\n", "e.csv:1:3: expected source,target, found the end of the line");
    }
}
