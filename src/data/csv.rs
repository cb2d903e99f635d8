//! Tables of numbers in text: one sample a row, values between commas (or another delimiter), target columns among them.
//!
//! Fields may be quoted (`"a, b"`, a quote inside is doubled); lines that start with `#` and empty lines are skipped. The
//! first row holds names if one of them is asked for, or if its features are words where the second row has numbers.

use std::collections::BTreeSet;

use super::classes::encode_classes;
use super::dataset::{Dataset, Targets};
use super::error::{DataError, shown};

/// What the target columns hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Task {
    /// One class name a sample.
    #[default]
    Classes,
    /// One or more numbers a sample.
    Values,
}

/// Whether the first row holds the names of the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Header {
    /// As the first two rows look.
    #[default]
    Auto,
    /// It does.
    Yes,
    /// It is a sample.
    No,
}

/// How a table is read.
#[derive(Clone, Debug, PartialEq)]
pub struct CsvOptions {
    /// The character between two fields.
    pub delimiter: u8,
    /// Target columns, by the name in the header or by number from 0; empty for the last column.
    pub targets: Vec<String>,
    /// Columns that are no features, by name or number.
    pub ignore: Vec<String>,
    /// What the target columns hold.
    pub task: Task,
    /// Whether the first row holds names.
    pub header: Header,
}

impl Default for CsvOptions {
    fn default() -> Self {
        CsvOptions { delimiter: b',', targets: Vec::new(), ignore: Vec::new(), task: Task::Classes, header: Header::Auto }
    }
}

/// A field with the column of its first character, from 1.
struct Field {
    text: String,
    column: u64,
}

/// Which columns are what.
struct Roles {
    n_columns: usize,
    targets: Vec<usize>,
    features: Vec<usize>,
    names: Option<Vec<String>>,
}

/// Reads the table in `bytes`; `file` is what errors call it.
///
/// # Errors
/// Names file, line and column of the first field that does not fit, with what was expected there.
pub fn read_csv(file: &str, bytes: &[u8], options: &CsvOptions) -> Result<Dataset, DataError> {
    read_csv_and_header(file, bytes, options).map(|(dataset, _)| dataset)
}

/// Reads the table in `bytes`, and tells the line whose fields it took as names, if any.
///
/// # Errors
/// Names file, line and column of the first field that does not fit, with what was expected there.
pub fn read_csv_and_header(file: &str, bytes: &[u8], options: &CsvOptions) -> Result<(Dataset, Option<u64>), DataError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut rows = (1_u64..)
        .zip(bytes.split(|&b| b == b'\n'))
        .map(|(number, line)| (number, line.strip_suffix(b"\r").unwrap_or(line)))
        .filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace) && !line.starts_with(b"#"))
        .map(|(number, line)| split(file, number, line, options.delimiter).map(|fields| (number, fields)));
    let Some(first) = rows.next().transpose()? else {
        return Err(DataError::whole(file, "expected a row of numbers, found an empty table"));
    };
    let second = rows.next();
    let after = second.as_ref().and_then(|row| row.as_ref().ok()).map(|(_, fields)| fields.as_slice());
    let roles = Roles::find(file, first.0, &first.1, after, options)?;
    let header = roles.names.is_some().then_some(first.0);
    let first = if header.is_some() { None } else { Some(Ok(first)) };

    let mut inputs = Vec::new();
    let mut labels: Vec<String> = Vec::new();
    let mut values = Vec::new();
    for row in first.into_iter().chain(second).chain(rows) {
        let (number, fields) = row?;
        if fields.len() != roles.n_columns {
            let at = fields.get(roles.n_columns).or(fields.last()).map_or(1, |f| f.column);
            let message = format!("expected {} values, as in the first row, found {}", roles.n_columns, fields.len());
            return Err(DataError::at_text(file, number, at, message));
        }
        for &column in &roles.features {
            inputs.push(roles.number(file, number, column, &fields[column])?);
        }
        for &column in &roles.targets {
            let field = &fields[column];
            match options.task {
                Task::Values => values.push(roles.number(file, number, column, field)?),
                Task::Classes if field.text.is_empty() => {
                    let message = format!("expected a class{}, found nothing", roles.named(column));
                    return Err(DataError::at_text(file, number, field.column, message));
                }
                Task::Classes => labels.push(field.text.clone()),
            }
        }
    }
    if labels.is_empty() && values.is_empty() {
        return Err(DataError::whole(file, "expected a row of numbers after the header, found the end of the file"));
    }
    let n_features = roles.features.len();
    let (targets, class_names) = match options.task {
        Task::Values => (Targets::Values { width: roles.targets.len(), values }, Vec::new()),
        Task::Classes => {
            let (classes, names) = encode_classes(&labels);
            (Targets::Classes(classes), names)
        }
    };
    Ok((Dataset { n_features, inputs, targets, class_names }, header))
}

impl Roles {
    /// The roles of the columns, and their names if the first row holds them; `second` is the row after it.
    fn find(file: &str, line: u64, first: &[Field], second: Option<&[Field]>, options: &CsvOptions) -> Result<Roles, DataError> {
        let n_columns = first.len();
        let error = |message: String| DataError::at_text(file, line, 1, message);
        let wanted: BTreeSet<&str> = options.targets.iter().chain(&options.ignore).map(String::as_str).collect();
        // 1. Names that are asked for stand in a header.
        let is_named = first.iter().any(|f| wanted.contains(f.text.as_str()) && !is_number(f));
        let may_have_names = options.header == Header::Yes || options.header == Header::Auto && is_named;
        let find = |wanted: &String| -> Result<usize, DataError> {
            let named = if may_have_names { first.iter().position(|f| f.text == *wanted) } else { None };
            let counted = || wanted.parse::<usize>().ok().filter(|&column| column < n_columns);
            named.or_else(counted).ok_or_else(|| {
                let has_words = options.header != Header::No && !first.iter().any(is_number);
                let known = if may_have_names || has_words {
                    let shown: Vec<&str> = first.iter().take(8).map(|f| f.text.as_str()).collect();
                    let more = if n_columns > 8 { ", ..." } else { "" };
                    format!("the header names {}{more}", shown.join(", "))
                } else {
                    format!("the table has no header, and columns 0 to {}", n_columns - 1)
                };
                error(format!("expected a column {}: {known}{}", shown(wanted), other_delimiter(first)))
            })
        };
        // 2. Who is what.
        let mut targets = options.targets.iter().map(find).collect::<Result<Vec<usize>, _>>()?;
        let ignored = options.ignore.iter().map(find).collect::<Result<Vec<usize>, _>>()?;
        for (k, target) in targets.iter().enumerate() {
            let name = shown(&options.targets[k]);
            if targets[..k].contains(target) {
                return Err(error(format!("column {name} is a target twice: name each target once")));
            }
            if ignored.contains(target) {
                return Err(error(format!("column {name} is a target and is ignored: keep one of the two")));
            }
        }
        if targets.is_empty() {
            targets.push(n_columns - 1);
            if ignored.contains(&(n_columns - 1)) {
                return Err(error(
                    "the last column is the target unless the scene names one, and it is ignored: name the target".to_owned(),
                ));
            }
        }
        if options.task == Task::Classes && targets.len() > 1 {
            return Err(error(format!("{} target columns, and a sample has one class: read them as values", targets.len())));
        }
        let features: Vec<usize> = (0..n_columns).filter(|c| !targets.contains(c) && !ignored.contains(c)).collect();
        if features.is_empty() {
            return Err(error(format!("expected a feature beside the target, found no other column{}", other_delimiter(first))));
        }
        // 3. A class may be a word, so it is the features that tell names from a sample.
        let has_names = match options.header {
            Header::Yes => true,
            Header::No => false,
            Header::Auto => {
                let has_numbers = |row: &[Field]| features.iter().filter_map(|&c| row.get(c)).any(is_number);
                let misses = features.iter().any(|&c| is_missing(&first[c]));
                is_named || !has_numbers(first) && !misses && second.is_none_or(has_numbers)
            }
        };
        Ok(Roles { n_columns, targets, features, names: has_names.then(|| first.iter().map(|f| f.text.clone()).collect()) })
    }

    /// ` for "name"` of a column, if there is a header.
    fn named(&self, column: usize) -> String {
        self.names.as_ref().map_or_else(String::new, |names| format!(" for {}", shown(&names[column])))
    }

    fn number(&self, file: &str, line: u64, column: usize, field: &Field) -> Result<f32, DataError> {
        let parsed = field.text.parse::<f32>().ok().filter(|x| x.is_finite());
        parsed.ok_or_else(|| {
            let found = if field.text.is_empty() { "nothing".to_owned() } else { shown(&field.text) };
            let hint = other_delimiter(std::slice::from_ref(field));
            let message = format!("expected a finite number{}, found {found}{hint}", self.named(column));
            DataError::at_text(file, line, field.column, message)
        })
    }
}

fn is_number(field: &Field) -> bool {
    field.text.parse::<f64>().is_ok()
}

/// True for the usual marks of a value that is missing, which name no column.
fn is_missing(field: &Field) -> bool {
    ["n/a", "na", "#n/a", "null", "none", "?", "-", "."].contains(&field.text.to_ascii_lowercase().as_str())
}

/// What to try if one field holds what looks like several.
fn other_delimiter(fields: &[Field]) -> String {
    let found = [';', '\t', '|'].into_iter().find(|&c| fields.iter().any(|f| f.text.contains(c)));
    found.map_or_else(String::new, |c| format!(" (if {c:?} parts the values, write delimiter: {c:?})"))
}

/// The fields of one line.
fn split(file: &str, line: u64, bytes: &[u8], delimiter: u8) -> Result<Vec<Field>, DataError> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let good = String::from_utf8_lossy(bytes).chars().take_while(|&c| c != char::REPLACEMENT_CHARACTER).count();
        return Err(DataError::at_text(file, line, good as u64 + 1, "expected text in UTF-8, found other bytes"));
    };
    let delimiter = char::from(delimiter);
    let mut fields = Vec::new();
    let mut chars = text.chars().peekable();
    let mut column = 0_u64;
    loop {
        // 1. One field, from its first character that is no blank.
        while chars.peek().is_some_and(|&c| c != delimiter && (c == ' ' || c == '\t')) {
            chars.next();
            column += 1;
        }
        let start = column + 1;
        let mut field = String::new();
        if chars.peek() == Some(&'"') {
            chars.next();
            column += 1;
            loop {
                column += 1;
                match chars.next() {
                    None => return Err(DataError::at_text(file, line, start, "expected a closing quote on this line, found none")),
                    Some('"') if chars.peek() == Some(&'"') => {
                        chars.next();
                        column += 1;
                        field.push('"');
                    }
                    Some('"') => break,
                    Some(c) => field.push(c),
                }
            }
            while chars.peek().is_some_and(|&c| c != delimiter && c.is_whitespace()) {
                chars.next();
                column += 1;
            }
            if let Some(&c) = chars.peek()
                && c != delimiter
            {
                let message = format!("expected {delimiter:?} after the closing quote, found {c:?}");
                return Err(DataError::at_text(file, line, column + 1, message));
            }
        } else {
            while let Some(c) = chars.next_if(|&c| c != delimiter) {
                column += 1;
                field.push(c);
            }
            field.truncate(field.trim_end().len());
        }
        fields.push(Field { text: field, column: start });
        // 2. On to the next.
        if chars.next().is_none() {
            return Ok(fields);
        }
        column += 1;
    }
}
