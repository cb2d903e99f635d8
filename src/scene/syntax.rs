//! The first pass: is the text RON at all? All errors at once, in time and memory bounded by its length.

use std::ops::Range;

use ron2::ErrorKind;
use ron2::ast::parse_document_lossy;

use super::code::Code;
use super::report::Complaint;
use super::text::{Place, SplicedText};

/// Longest scene, in bytes.
pub const MAX_BYTES: usize = 8 << 20;
/// Deepest nesting of brackets.
pub const MAX_DEPTH: usize = 64;
/// Most values in a scene, so that its tree of spans stays within a few hundred megabytes.
pub const MAX_VALUES: usize = 500_000;
/// Longest text that is parsed more than once, so that the pass stays linear.
const MAX_MENDED_BYTES: usize = 1 << 18;
/// Complaints after which a pass stops.
pub const MAX_COMPLAINTS: usize = 20;

/// Checks `text` for RON syntax.
pub fn check_syntax(text: &SplicedText) -> Vec<Complaint> {
    let source = text.as_str();
    let at = |span: Range<usize>| Some(text.place(span));
    // The parser below recurses and keeps every span, so depth and number are bounded before it runs.
    match measure(source) {
        Extent::TooDeep(i) => {
            let message = format!("brackets nest deeper than {MAX_DEPTH} levels");
            return vec![Complaint::new(Code::TooDeep, at(i..i + 1), message)];
        }
        Extent::TooManyValues(i) => {
            let message = format!("the scene holds more than {MAX_VALUES} values");
            return vec![Complaint::new(Code::TooManyValues, at(i..i + 1), message)];
        }
        Extent::Fine => {}
    }
    let mut mended = source.to_owned();
    let mut complaints: Vec<Complaint> = Vec::new();
    loop {
        let (document, errors) = parse_document_lossy(&mended);
        // A forgotten comma makes everything after it look wrong: put it in, and look again.
        if let Some(comma) = errors.first().and_then(|e| forgotten_comma(&mended, e)) {
            complaints.push(Complaint::new(Code::Syntax, at(comma..comma + 1), "expected `,` here, after the value").label("a comma"));
            mended.replace_range(comma..comma + 1, ",");
            if complaints.len() < MAX_COMPLAINTS && source.len() <= MAX_MENDED_BYTES {
                continue;
            }
            break;
        }
        let is_empty = complaints.is_empty() && errors.is_empty() && document.value.is_none();
        collect(&errors, &mut complaints, |span| at(span.start.min(source.len())..span.end.min(source.len())));
        if is_empty {
            complaints.push(Complaint::new(Code::Syntax, at(source.len()..source.len()), "the scene is empty: expected `Scene(...)`"));
        }
        break;
    }
    complaints
}

/// Adds what is not the echo of an error before it on the same line.
fn collect(errors: &[ron2::Error], complaints: &mut Vec<Complaint>, at: impl Fn(Range<usize>) -> Option<Place>) {
    let mut last_line = 0;
    for error in errors {
        let span = error.span();
        let is_end = matches!(error.kind(), ErrorKind::TrailingCharacters) && last_line > 0;
        if span.start.line <= last_line || is_end || complaints.len() >= MAX_COMPLAINTS {
            continue;
        }
        last_line = span.start.line;
        let range = span.start_offset..span.end_offset.max(span.start_offset);
        complaints.push(Complaint::new(Code::Syntax, at(range), describe(error.kind())).label("here"));
    }
}

/// The blank after a value that a comma should follow, if that is what the error is about.
fn forgotten_comma(text: &str, error: &ron2::Error) -> Option<usize> {
    let is_about_it =
        matches!(error.kind(), ErrorKind::Expected { expected, .. } if expected.contains("closing") || expected.contains("comma"));
    let next = error.span().start_offset;
    let starts_value = text.get(next..)?.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '"' | '(' | '[' | '-' | '_'));
    let before = text[..next].trim_end();
    let ends_value = before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '"' | ')' | ']' | '_'));
    // Behind a comment, the comma would be part of it.
    let last_line = before.rsplit('\n').next().unwrap_or("");
    (is_about_it && starts_value && ends_value && before.len() < next && !last_line.contains("//")).then_some(before.len())
}

fn describe(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::Eof => "the text ends in the middle of a value".to_owned(),
        ErrorKind::UnexpectedChar('.') => "unexpected `.`: ranges such as 0..4 are not part of the scene format".to_owned(),
        ErrorKind::UnexpectedChar(c) => format!("unexpected `{c}`"),
        other => {
            let text = other.to_string();
            let mut chars = text.chars();
            chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
        }
    }
}

enum Extent {
    Fine,
    TooDeep(usize),
    TooManyValues(usize),
}

/// Counts brackets and commas outside texts and comments.
fn measure(source: &str) -> Extent {
    let bytes = source.as_bytes();
    let (mut i, mut depth, mut values) = (0, 0_usize, 0_usize);
    while i < bytes.len() {
        match bytes[i] {
            b'/' if bytes.get(i + 1) == Some(&b'/') => i = find(bytes, i, b"\n"),
            b'/' if bytes.get(i + 1) == Some(&b'*') => i = end_of_block_comment(bytes, i),
            b'r' if matches!(bytes.get(i + 1), Some(b'"' | b'#')) && !(i > 0 && is_word(bytes[i - 1])) => i = end_of_raw_text(bytes, i),
            b'"' => i = end_of_text(bytes, i),
            b'\'' => i = end_of_char(bytes, i),
            b'(' | b'[' | b'{' => {
                depth += 1;
                values += 1;
                if depth > MAX_DEPTH {
                    return Extent::TooDeep(i);
                }
                i += 1;
            }
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                i += 1;
            }
            b',' => {
                values += 1;
                i += 1;
            }
            _ => i += 1,
        }
        if values > MAX_VALUES {
            return Extent::TooManyValues(i - 1);
        }
    }
    Extent::Fine
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The end of the first `needle` after `from`, or the end of the text.
fn find(bytes: &[u8], from: usize, needle: &[u8]) -> usize {
    bytes[from..].windows(needle.len()).position(|w| w == needle).map_or(bytes.len(), |i| from + i + needle.len())
}

fn end_of_block_comment(bytes: &[u8], from: usize) -> usize {
    let (mut i, mut depth) = (from, 0_usize);
    while i + 1 < bytes.len() {
        match &bytes[i..i + 2] {
            b"/*" => (depth, i) = (depth + 1, i + 2),
            b"*/" => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    bytes.len()
}

fn end_of_raw_text(bytes: &[u8], from: usize) -> usize {
    let hashes = bytes[from + 1..].iter().take_while(|&&b| b == b'#').count();
    if bytes.get(from + 1 + hashes) != Some(&b'"') {
        return from + 1;
    }
    let mut end = vec![b'"'];
    end.resize(hashes + 1, b'#');
    find(bytes, from + 2 + hashes, &end)
}

fn end_of_text(bytes: &[u8], from: usize) -> usize {
    let mut i = from + 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    bytes.len()
}

/// The end of a character literal; a lone quote is passed over.
fn end_of_char(bytes: &[u8], from: usize) -> usize {
    let first = if bytes.get(from + 1) == Some(&b'\\') { from + 3 } else { from + 2 };
    (first..(first + 10).min(bytes.len())).find(|&i| bytes[i] == b'\'').map_or(from + 1, |i| i + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(source: &str) -> Vec<(Code, usize)> {
        let text = SplicedText::new(source.to_owned());
        check_syntax(&text).iter().map(|c| (c.code, c.place.as_ref().map_or(0, |p| p.span.start))).collect()
    }

    #[test]
    fn good_text_passes_and_all_errors_come_at_once() {
        assert_eq!(complaints("// hello ((((\nScene(a: [1, 2], b: \"[[[\", c: 'x', d: r#\"((\"#, /* ( /* ( */ */ )"), []);
        let two = complaints("Scene(\n a: ,\n b: 2,\n c: @,\n)");
        assert_eq!(two.len(), 2, "{two:?}");
        assert_eq!(complaints("").len(), 1);
        assert_eq!(complaints("Scene(a: [1, 2)").first().map(|c| c.0), Some(Code::Syntax));
    }

    #[test]
    fn nesting_and_number_are_bounded_before_anything_recurses() {
        assert_eq!(complaints(&"[".repeat(MAX_DEPTH + 1)), [(Code::TooDeep, MAX_DEPTH)]);
        assert_eq!(complaints(&format!("{})", "[".repeat(1_000_000)))[0].0, Code::TooDeep);
        assert_eq!(complaints(&format!("[{}]", "1,".repeat(MAX_VALUES + 1)))[0].0, Code::TooManyValues);
    }
}
