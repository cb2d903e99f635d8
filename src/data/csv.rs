//! Tables of numbers in text: one sample a row, values between commas (or another delimiter), target columns among them.
//!
//! Fields may be quoted (`"a, b"`, a quote inside is doubled); lines that start with `#` and empty lines are skipped. A
//! first row in which no field of a feature is a number is a header.

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
}

impl Default for CsvOptions {
    fn default() -> Self {
        CsvOptions { delimiter: b',', targets: Vec::new(), ignore: Vec::new(), task: Task::Classes }
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
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut roles: Option<Roles> = None;
    let mut inputs = Vec::new();
    let mut labels: Vec<String> = Vec::new();
    let mut values = Vec::new();
    for (i, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let number = i as u64 + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) || line.starts_with(b"#") {
            continue;
        }
        let fields = split(file, number, line, options.delimiter)?;
        let (roles, is_header) = match &mut roles {
            Some(roles) => (&*roles, false),
            none => {
                let (found, is_header) = Roles::find(file, number, &fields, options)?;
                (&*none.insert(found), is_header)
            }
        };
        if is_header {
            continue;
        }
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
    let Some(roles) = roles else { return Err(DataError::whole(file, "expected a row of numbers, found an empty table")) };
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
    Ok(Dataset { n_features, inputs, targets, class_names })
}

impl Roles {
    /// The roles of the columns, and whether the first row is a header.
    fn find(file: &str, line: u64, first: &[Field], options: &CsvOptions) -> Result<(Roles, bool), DataError> {
        let is_number = |f: &Field| f.text.parse::<f64>().is_ok();
        let n_columns = first.len();
        let wanted: BTreeSet<&str> = options.targets.iter().chain(&options.ignore).map(String::as_str).collect();
        // A class may be a word, so the fields that could be features decide; a name that is asked for decides too.
        let is_header = first.iter().any(|f| wanted.contains(f.text.as_str()) && !is_number(f)) || {
            let (last, rest) = first.split_last().expect("a line has a field");
            if rest.is_empty() { !is_number(last) } else { !rest.iter().any(is_number) }
        };
        let names: Vec<String> = first.iter().map(|f| f.text.clone()).collect();
        let find = |wanted: &String| -> Result<usize, DataError> {
            let named = if is_header { names.iter().position(|name| name == wanted) } else { None };
            let counted = || wanted.parse::<usize>().ok().filter(|&column| column < n_columns);
            named.or_else(counted).ok_or_else(|| {
                let known = if is_header {
                    let shown: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
                    let more = if names.len() > 8 { ", ..." } else { "" };
                    format!("the header names {}{more}", shown.join(", "))
                } else {
                    format!("the table has no header, and columns 0 to {}", n_columns - 1)
                };
                DataError::at_text(file, line, 1, format!("expected a column {}: {known}", shown(wanted)))
            })
        };
        let mut targets = options.targets.iter().map(find).collect::<Result<Vec<usize>, _>>()?;
        let ignored = options.ignore.iter().map(find).collect::<Result<Vec<usize>, _>>()?;
        if targets.is_empty() {
            targets.push(n_columns - 1);
        }
        if options.task == Task::Classes && targets.len() > 1 {
            let message = format!("{} target columns, and a sample has one class: read them as values", targets.len());
            return Err(DataError::at_text(file, line, 1, message));
        }
        let features: Vec<usize> = (0..n_columns).filter(|c| !targets.contains(c) && !ignored.contains(c)).collect();
        if features.is_empty() {
            return Err(DataError::at_text(file, line, 1, "expected a feature beside the target, found no other column"));
        }
        Ok((Roles { n_columns, targets, features, names: is_header.then_some(names) }, is_header))
    }

    /// ` for "name"` of a column, if there is a header.
    fn named(&self, column: usize) -> String {
        self.names.as_ref().map_or_else(String::new, |names| format!(" for {}", shown(&names[column])))
    }

    fn number(&self, file: &str, line: u64, column: usize, field: &Field) -> Result<f32, DataError> {
        let parsed = field.text.parse::<f32>().ok().filter(|x| x.is_finite());
        parsed.ok_or_else(|| {
            let found = if field.text.is_empty() { "nothing".to_owned() } else { shown(&field.text) };
            let message = format!("expected a finite number{}, found {found}", self.named(column));
            DataError::at_text(file, line, field.column, message)
        })
    }
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
