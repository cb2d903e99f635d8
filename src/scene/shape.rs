//! The second pass: does the RON have the shape of a scene? As many errors at once as can be told apart.
//!
//! The parser stops at its first error, so the pass is a loop: report it, blank out the field or
//! item at fault (with spaces, so that all spans stay), parse again. The parser's own places are
//! mended with the syntax tree: a wrong type is shown at its value, a missing field at the name of
//! what misses it.

use std::ops::Range;

use ron::error::Error as RonError;
use ron2::ast::{Expr, parse_document};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::code::Code;
use super::report::Complaint;
use super::syntax::MAX_COMPLAINTS;
use super::text::{Source, SplicedText, byte_at};
use super::tree::{self, Step};
use super::wire::{SceneWire, ron_options};
use crate::topology::nearest::{did_you_mean, nearest};

/// Longest text that is parsed more than once, so that the pass stays linear.
const MAX_REPAIRED_BYTES: usize = 1 << 18;

/// Reads `text`, good RON, as a scene.
///
/// # Errors
/// All complaints about its shape, one at least.
pub fn check_shape(text: &SplicedText) -> Result<SceneWire, Vec<Complaint>> {
    match check_format(text) {
        Some(complaint) => Err(vec![complaint]),
        None => check_shape_of(text),
    }
}

/// Reads `text`, good RON, as a `T`: a scene, or what a scene keeps in a file of its own.
///
/// # Errors
/// All complaints about its shape, one at least.
pub fn check_shape_of<T: DeserializeOwned>(text: &SplicedText) -> Result<T, Vec<Complaint>> {
    let mut blanked = text.as_str().to_owned();
    let mut complaints: Vec<Complaint> = Vec::new();
    let mut removed: Vec<String> = Vec::new();
    loop {
        let fault = match parse(&blanked) {
            Ok(scene) if complaints.is_empty() => return Ok(scene),
            Ok(_) => return Err(complaints),
            Err(fault) => fault,
        };
        // A field that was blanked out is not missing.
        let is_echo = matches!(fault.error, RonError::MissingStructField { field, .. } if removed.iter().any(|name| name == field));
        let (complaint, repair) = explain(text, &blanked, fault);
        if !is_echo {
            complaints.push(complaint);
        }
        match repair {
            Some(range) if complaints.len() < MAX_COMPLAINTS && blanked.len() <= MAX_REPAIRED_BYTES && !range.is_empty() => {
                removed.push(blanked[range.clone()].split(':').next().unwrap_or("").trim().to_owned());
                // A new line stays, so that a comment before it ends where it did.
                let blank: String = blanked[range.clone()].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect();
                blanked.replace_range(range, &blank);
            }
            _ => return Err(complaints),
        }
    }
}

/// Whether `source` reads as a scene but for the value of a field `name`; `None` if something else is wrong.
pub fn knows_field(source: &str, name: &str) -> Option<bool> {
    match parse::<SceneWire>(source) {
        Ok(_) => Some(true),
        Err(Fault { error: RonError::NoSuchStructField { found, .. }, .. }) if found == name => Some(false),
        Err(Fault { path, .. }) => path.iter().any(|s| matches!(s, Segment::Map { key } if key == name)).then_some(true),
    }
}

/// Whether `source` reads as a scene as far as the value of a field `name` that stands at `value`.
pub fn takes_value(source: &str, name: &str, value: &Range<usize>) -> bool {
    match parse::<SceneWire>(source) {
        Ok(_) => true,
        Err(Fault { path, at, .. }) => at >= value.end && !path.iter().any(|s| matches!(s, Segment::Map { key } if key == name)),
    }
}

struct Fault {
    error: RonError,
    path: Vec<Segment>,
    at: usize,
}

fn parse<T: DeserializeOwned>(source: &str) -> Result<T, Fault> {
    let at = |e: &ron::error::SpannedError| byte_at(source, e.span.start.line, e.span.start.col);
    let fault = |e: ron::error::SpannedError, path| Fault { at: at(&e), error: e.code, path };
    let mut deserializer = ron::de::Deserializer::from_str_with_options(source, &ron_options()).map_err(|e| fault(e, Vec::new()))?;
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Ok(scene) => deserializer.end().map(|()| scene).map_err(|e| fault(deserializer.span_error(e), Vec::new())),
        Err(error) => {
            let path = error.path().iter().cloned().collect();
            Err(fault(deserializer.span_error(error.into_inner()), path))
        }
    }
}

/// A scene of another format has another shape: that is said first, and alone.
fn check_format(text: &SplicedText) -> Option<Complaint> {
    let document = parse_document(text.as_str()).ok()?;
    let format = tree::field(document.value.as_ref()?, "format")?;
    let written = &text.as_str()[tree::span(&format.value)];
    match &format.value {
        Expr::Number(_) if written != "1" => {
            let place = text.place(tree::span(&format.value));
            Some(Complaint::new(Code::UnsupportedFormat, Some(place), format!("the scene is of format {written}")).label("not 1"))
        }
        _ => None,
    }
}

/// Says what is wrong, and which bytes to blank out to go on.
fn explain(text: &SplicedText, blanked: &str, fault: Fault) -> (Complaint, Option<Range<usize>>) {
    let document = parse_document(blanked).ok();
    let root = document.as_ref().and_then(|d| d.value.as_ref());
    let Some(root) = root else {
        let span = fault.at..fault.at;
        return (Complaint::new(Code::Syntax, Some(text.place(span)), lower(&fault.error.to_string())), None);
    };
    let steps: Vec<Step> = fault
        .path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Name(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect();
    // The path may name a field that has no value yet, or stop short: go as far as it leads, then to the place.
    let lengths = (0..=steps.len()).rev();
    let node = lengths.map(|n| tree::resolve(root, &steps[..n])).find(|found| found.len() == 1).map_or(root, |found| found[0]);
    let parent =
        steps.len().checked_sub(1).map(|n| tree::resolve(root, &steps[..n])).and_then(|found| found.first().copied()).unwrap_or(root);
    let complain = |code: Code, span: Range<usize>, message: String| Complaint::new(code, Some(text.place(span)), message);
    let owner = |outer: &Option<String>| outer.as_deref().map_or_else(String::new, |name| format!(" of {}", plain_kind(name)));
    // ron leaves out a list's and an option's own name; the innermost value at the place is what is wrong.
    let innermost = innermost(node, fault.at);

    match fault.error {
        RonError::NoSuchStructField { expected, found, outer } => {
            let holder = holder_of(root, &found, fault.at).unwrap_or(parent);
            let span = tree::fields(holder)
                .iter()
                .find(|f| f.name.name == found && (f.name.span.start_offset..=f.name.span.end_offset).contains(&fault.at));
            let span = span.or_else(|| tree::field(holder, &found)).map(|f| f.name.span.start_offset..f.name.span.end_offset);
            let span = span.unwrap_or(fault.at..fault.at);
            let known = if expected.is_empty() { "it has none".into() } else { format!("known fields: {}", expected.join(", ")) };
            let place = text.place(span.clone());
            let from_override = matches!(place.source, Source::Override(_));
            let code = if from_override { Code::UnknownPath } else { Code::UnknownField };
            let message = format!("no field \"{found}\"{}{}", owner(&outer), did_you_mean(&found, expected.iter().copied()));
            let label = nearest(&found, expected.iter().copied()).map_or_else(|| "not a field".to_owned(), |near| format!("{near}?"));
            let complaint = complain(code, span.clone(), message).help(known).label(label);
            (complaint, field_range(holder, span.start, blanked))
        }
        RonError::NoSuchEnumVariant { expected, found, outer: _ } => {
            let span = tree::kind(innermost).map_or_else(|| tree::span(innermost), |(_, span)| span);
            let what = family(expected);
            let message = format!("no {what} \"{found}\"{}", did_you_mean(&found, expected.iter().copied()));
            let label = nearest(&found, expected.iter().copied()).map_or_else(|| "not known".to_owned(), |near| format!("{near}?"));
            let softmax = "CrossEntropy takes the logits of Identity itself; ";
            let help = format!("{}known: {}", if found == "Softmax" { softmax } else { "" }, expected.join(", "));
            let complaint = complain(Code::UnknownVariant, span, message).help(help).label(label);
            (complaint, whole(root, innermost, blanked))
        }
        RonError::MissingStructField { field, outer } => {
            let holder = fields_holder(node);
            let span = tree::kind(holder).map_or_else(|| first_byte(holder), |(_, span)| span);
            let message = format!("field \"{field}\"{} is missing", owner(&outer));
            let complaint = complain(Code::MissingField, span, message).label(format!("add {field}: ..."));
            let is_root = std::ptr::eq(holder, root);
            (complaint, if is_root { None } else { whole(root, holder, blanked) })
        }
        RonError::DuplicateStructField { field, outer } => {
            let second = tree::fields(node).iter().filter(|f| f.name.name == field).nth(1);
            let span = second.map_or(fault.at..fault.at, |f| f.name.span.start_offset..f.name.span.end_offset);
            let complaint =
                complain(Code::DuplicateField, span.clone(), format!("field \"{field}\"{} is given twice", owner(&outer))).label("again");
            let repair = field_range(node, span.start, blanked);
            (complaint, repair)
        }
        RonError::ExceededRecursionLimit => (complain(Code::TooDeep, fault.at..fault.at, "values nest too deeply".into()), None),
        error => {
            // A wrong number of values is the fault of what holds them.
            let is_length = matches!(error, RonError::ExpectedDifferentLength { .. } | RonError::ExpectedStructLikeEnd);
            let innermost = if is_length { node } else { innermost };
            let span = tree::span(innermost);
            let written = shorten(&blanked[span.clone()]);
            let message = match expectation(&error, innermost) {
                Some(expected) => format!("expected {expected}, found {written}"),
                None => format!("{}, found {written}", lower(&error.to_string())),
            };
            let mut complaint = complain(Code::WrongType, span, message).label("this");
            if let (Some((kind, _)), RonError::ExpectedStructLike) = (tree::kind(innermost), &error) {
                complaint = complaint.help(format!("write {kind}() to take all its defaults, or {kind}(field: value, ...)"));
            }
            (complaint, whole(root, innermost, blanked))
        }
    }
}

/// What the parser wanted, in the words of a user.
fn expectation(error: &RonError, found: &Expr<'_>) -> Option<String> {
    let is_fraction = matches!(found, Expr::Number(n) if n.raw.contains(['.', 'e', 'E']) && !n.raw.starts_with("0x"));
    Some(match error {
        RonError::ExpectedArray => "a list [...]".into(),
        RonError::ExpectedBoolean => "true or false".into(),
        RonError::ExpectedComma if is_fraction => "a whole number".into(),
        RonError::ExpectedInteger | RonError::InvalidIntegerDigit { .. } => "a whole number".into(),
        RonError::IntegerOutOfBounds => "a whole number from 0 to 18446744073709551615".into(),
        RonError::ExpectedFloat | RonError::FloatUnderscore => "a number".into(),
        RonError::ExpectedString | RonError::ExpectedStringEnd => "a text in quotes".into(),
        RonError::ExpectedIdentifier | RonError::SuggestRawIdentifier(_) | RonError::InvalidIdentifier(_) => {
            "a kind such as Name(...)".into()
        }
        RonError::ExpectedStructLike | RonError::ExpectedNamedStructLike(_) if matches!(found, Expr::Struct(_)) => "fields in (...)".into(),
        RonError::ExpectedNamedStructLike(name) => format!("{name}(...)"),
        RonError::ExpectedStructLike => "values in (...)".into(),
        RonError::ExpectedDifferentStructName { expected, .. } => format!("{expected}(...)"),
        RonError::ExpectedDifferentLength { expected, .. } => expected.replace("a tuple of size", "a tuple with this many values:"),
        RonError::ExpectedStructLikeEnd => "fewer values".into(),
        _ => return None,
    })
}

/// The names of wire structs without their suffix.
fn plain_kind(name: &str) -> &str {
    name.strip_suffix("Wire").unwrap_or(name)
}

/// What a list of kinds is a list of.
fn family(expected: &[&str]) -> &'static str {
    match expected.first() {
        Some(&"Spins") => "kind of population",
        Some(&"Symmetric") => "kind of projection",
        Some(&"MaxCut") => "kind of couplings",
        Some(&"Sample") => "system",
        Some(&"Csv") => "source of samples",
        Some(&"Identity") => "unit",
        Some(&"Full") => "pattern",
        Some(&"MeanSquare") => "loss",
        Some(&"Line") => "placement",
        Some(&"Input") => "role",
        _ => "choice",
    }
}

/// The innermost value at byte `at`, or just after it, below `node`.
fn innermost<'e, 'a>(node: &'e Expr<'a>, at: usize) -> &'e Expr<'a> {
    let children = tree::fields(node).iter().map(|f| &f.value).chain(tree::items(node));
    for child in children {
        let span = tree::span(child);
        if span.contains(&at) || span.end == at && span.end > span.start {
            return innermost(child, at);
        }
    }
    node
}

/// The struct whose field `name` stands at byte `at`.
fn holder_of<'e, 'a>(root: &'e Expr<'a>, name: &str, at: usize) -> Option<&'e Expr<'a>> {
    let mut found = None;
    tree::walk(root, &mut |_, expr| {
        let here =
            tree::fields(expr).iter().any(|f| f.name.name == name && (f.name.span.start_offset..=f.name.span.end_offset).contains(&at));
        if here {
            found = Some(expr);
        }
    });
    found
}

fn fields_holder<'e, 'a>(node: &'e Expr<'a>) -> &'e Expr<'a> {
    tree::bare(node)
}

fn first_byte(expr: &Expr<'_>) -> Range<usize> {
    let span = tree::span(expr);
    span.start..span.end.min(span.start + 1)
}

/// From the name at `name_start` through the comma after its value.
fn field_range(holder: &Expr<'_>, name_start: usize, text: &str) -> Option<Range<usize>> {
    let field = tree::fields(holder).iter().find(|f| f.name.span.start_offset == name_start)?;
    Some(through_comma(name_start..tree::span(&field.value).end, field.comma.as_ref().map(|c| c.end_offset), text))
}

/// The field or item that `expr` is the value of; items are only removed with everything inside.
fn whole(root: &Expr<'_>, expr: &Expr<'_>, text: &str) -> Option<Range<usize>> {
    let target = tree::span(expr);
    let mut found = None;
    tree::walk(root, &mut |_, parent| {
        for f in tree::fields(parent) {
            if tree::span(&f.value) == target {
                found = Some(through_comma(f.name.span.start_offset..target.end, f.comma.as_ref().map(|c| c.end_offset), text));
            }
        }
        if let Expr::Seq(seq) = tree::bare(parent) {
            for item in &seq.items {
                let span = tree::span(&item.expr);
                if span == target
                    || span.start <= target.start && target.end <= span.end && matches!(item.expr, Expr::Tuple(_) | Expr::Number(_))
                {
                    found = Some(through_comma(span, item.comma.as_ref().map(|c| c.end_offset), text));
                }
            }
        }
    });
    found
}

fn through_comma(range: Range<usize>, comma_end: Option<usize>, text: &str) -> Range<usize> {
    range.start..comma_end.unwrap_or(range.end).min(text.len())
}

fn shorten(written: &str) -> String {
    let line = written.lines().next().unwrap_or("").trim();
    let short: String = line.chars().take(40).collect();
    if short.is_empty() {
        "nothing".into()
    } else if short.len() < written.trim().len() {
        format!("`{short}...`")
    } else {
        format!("`{short}`")
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes with the text each points at.
    fn complaints(source: &str) -> Vec<(Code, String, String)> {
        let text = SplicedText::new(source.to_owned());
        let found = check_shape(&text).err().unwrap_or_default();
        found.into_iter().map(|c| (c.code, c.place.map_or_else(String::new, |p| source[p.span].to_owned()), c.message)).collect()
    }

    fn check(source: &str, expected: &[(Code, &str)]) {
        let found = complaints(source);
        let short: Vec<(Code, &str)> = found.iter().map(|(code, at, _)| (*code, at.as_str())).collect();
        assert_eq!(short, expected, "{source}\n{found:?}");
    }

    #[test]
    fn each_error_points_at_its_value() {
        use Code::*;
        check("Scene(format: 1, populations: [], systems: [])", &[]);
        check("Scene(format: 1, populations: [], systems: [Aneal()])", &[(UnknownVariant, "Aneal")]);
        check("Scene(format: 1, populations: [], systems: [Anneal(sweps: 3)])", &[(UnknownField, "sweps")]);
        check("Scene(format: 1, populations: [], systems: [Anneal(sweeps: \"a\")])", &[(WrongType, "\"a\"")]);
        check("Scene(format: 1, populations: [], systems: [Anneal(sweeps: -1)])", &[(WrongType, "-1")]);
        check("Scene(format: 1, populations: [], systems: [Anneal(sweeps: 1.5)])", &[(WrongType, "1.5")]);
        check("Scene(format: 1, populations: [], systems: [Anneal(hot: true)])", &[(WrongType, "true")]);
        check("Scene(format: 1, populations: [], systems: [Anneal])", &[(WrongType, "Anneal")]);
        check("Scene(format: 1, populations: [], systems: [3])", &[(WrongType, "3")]);
        check("Scene(format: 1, populations: [], systems: Anneal())", &[(WrongType, "Anneal()")]);
        check("Scene(format: 1, populations: [], systems: [Anneal(cooling: Linear)])", &[(UnknownVariant, "Linear")]);
        check("Scene(format: 1, populations: [], systems: [Sample()])", &[(MissingField, "Sample")]);
        check("Scene(format: 1, populations: [], systems: [Anneal(sweeps: 1, sweeps: 2)])", &[(DuplicateField, "sweeps")]);
        check("Scene(format: 1, populations: [Spins(name: \"a\", clamped: [(1, 1), (1)])], systems: [])", &[(WrongType, "(1)")]);
        check("Scene(format: 1, populations: [])", &[(MissingField, "Scene")]);
        check("Scene(format: 2, nonsense: [])", &[(UnsupportedFormat, "2")]);
        check("Scen(format: 1)", &[(WrongType, "Scen(format: 1)")]);
        check("[1, 2]", &[(WrongType, "[1, 2]")]);
    }

    #[test]
    fn a_value_fits_its_field_whatever_else_is_missing() {
        let scene = |data: &str| format!("Scene(format: 1, {data}, populations: [])");
        let check = |data: &str, name: &str, value: &str, expected: bool| {
            let source = scene(data);
            let at = source.find(value).unwrap();
            assert_eq!(takes_value(&source, name, &(at..at + value.len())), expected, "{source}");
        };
        check("hardware: \"h.ron\"", "hardware", "\"h.ron\"", true);
        check("hardware: h.ron", "hardware", "h.ron", false);
        check("hardware: 17", "hardware", "17", false);
        check("data: Data(source: Csv(delimiter: ';', path: \"a\"))", "delimiter", "';'", true);
        check("data: Data(source: Csv(delimiter: ; , path: \"a\"))", "delimiter", "; ", false);
        check("data: Data(source: Csv(target: 0, path: \"a\"))", "target", "0", false);
    }

    #[test]
    fn many_errors_come_at_once() {
        use Code::*;
        let scene = "// grüße\nScene(format: 1, sed: 1, populations: [Spins(nam: \"ö\", count: \"4\"), Spins(name: \"b\", coun: 3)],
            projections: [Symmetric(couplings: Latice(width: 3))], systems: [Anneal(sweps: 3, hot: x, runs: 0.5), Tempr(), Sample(temperature: 1, tmp: 2)])";
        let codes: Vec<Code> = complaints(scene).into_iter().map(|c| c.0).collect();
        assert_eq!(codes.len(), 11, "{:#?}", complaints(scene));
        assert_eq!(codes.iter().filter(|&&c| c == UnknownField).count(), 5);
        assert_eq!(codes.iter().filter(|&&c| c == UnknownVariant).count(), 2);
    }

    #[test]
    fn slips_get_the_nearest_name() {
        let found = complaints("Scene(format: 1, populations: [], systems: [Anneal(sweps: 3)])");
        assert_eq!(found[0].2, "no field \"sweps\" of Anneal (did you mean \"sweeps\"?)");
        let found = complaints("Scene(format: 1, populations: [], systems: [Aneal(sweeps: 3)])");
        assert_eq!(found[0].2, "no system \"Aneal\" (did you mean \"Anneal\"?)");
    }
}
