//! What is wrong with a scene: complaints with a code, a place and a way out, and how they are shown.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::ops::Range;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::code::Code;
use super::text::{Place, Source, floor_boundary, line_and_column};

/// How complaints are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// With the lines of the scene, for people; `colour` adds ANSI colours (pass false for NO_COLOR).
    Human {
        /// True to colour the text.
        colour: bool,
    },
    /// `file:line:column: error[code]: message; help`, one line each, for editors.
    Short,
    /// One JSON object a line, for programs.
    Json,
}

/// One complaint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// What kind of complaint it is.
    pub code: Code,
    /// What is wrong, in lower case, with the value.
    pub message: String,
    /// Where; `None` if it concerns the scene as a whole.
    pub place: Option<Place>,
    /// A few words at the place.
    pub label: String,
    /// The way out.
    pub help: String,
    /// A place in a file that the scene names.
    pub file: Option<Box<FilePlace>>,
}

/// A place in a file that a scene names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// Path of the file.
    pub file: String,
    /// Line from 1; 0 if the file as a whole is meant.
    pub line: u64,
    /// Column from 1; 0 if the file as a whole is meant.
    pub column: u64,
}

impl Complaint {
    /// A complaint with the help of its code.
    pub fn new(code: Code, place: Option<Place>, message: impl Into<String>) -> Self {
        Complaint { code, message: message.into(), place, label: String::new(), help: code.help().to_owned(), file: None }
    }

    /// The same with a few words at its place.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same with another way out.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Gives it another way out.
    pub(crate) fn advise(&mut self, help: impl Into<String>) {
        self.help = help.into();
    }

    /// True if it does not keep the scene from running.
    pub fn is_warning(&self) -> bool {
        self.code.is_warning()
    }
}

/// All complaints of a check, with the texts they point into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The scene's name in messages: its path, or `<stdin>`.
    pub scene_name: String,
    /// The scene as written.
    pub scene_text: String,
    /// The overrides as written, `path=RON`.
    pub overrides: Vec<String>,
    /// The complaints, in the order of their places.
    pub complaints: Vec<Complaint>,
}

impl Report {
    /// True if something keeps the scene from running.
    pub fn has_errors(&self) -> bool {
        self.complaints.iter().any(|c| !c.is_warning())
    }

    /// Number of errors and of warnings.
    pub fn counts(&self) -> (usize, usize) {
        let warnings = self.complaints.iter().filter(|c| c.is_warning()).count();
        (self.complaints.len() - warnings, warnings)
    }

    /// The complaints as text that ends with a new line; empty if there are none.
    pub fn render(&self, format: Format) -> String {
        let mut out = String::new();
        for complaint in &self.complaints {
            match format {
                Format::Human { colour } => self.render_human(&mut out, complaint, colour),
                Format::Short => self.render_short(&mut out, complaint),
                Format::Json => self.render_json(&mut out, complaint),
            }
        }
        out
    }

    /// Sorts the complaints by place (overrides after the scene) and removes repetitions.
    pub(crate) fn sort(&mut self) {
        let place = |c: &Complaint| c.place.as_ref().map(|p| (p.source, p.span.start, p.span.end));
        self.complaints.sort_by(|a, b| (place(a), a.code, &a.message).cmp(&(place(b), b.code, &b.message)));
        self.complaints.dedup_by(|b, a| a.place == b.place && a.code == b.code && a.message == b.message);
    }

    fn text_of(&self, source: Source) -> (String, &str) {
        match source {
            Source::Scene => (self.scene_name.clone(), &self.scene_text),
            Source::Override(i) => (format!("--set#{}", i + 1), self.overrides.get(i).map_or("", String::as_str)),
        }
    }

    fn render_human(&self, out: &mut String, complaint: &Complaint, colour: bool) {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false).with_context_lines(1);
        let (name, text) = self.text_of(complaint.place.as_ref().map_or(Source::Scene, |p| p.source));
        let text = without_controls(text);
        let text = NamedText { name: one_line(&name), text: &text };
        // Writing to a String cannot fail; a span that miette cannot show still gets its message.
        if handler.render_report(out, &Shown { complaint, text: &text }).is_err() {
            self.render_short(out, complaint);
        }
    }

    fn render_short(&self, out: &mut String, complaint: &Complaint) {
        let severity = if complaint.is_warning() { "warning" } else { "error" };
        let place = match &complaint.place {
            Some(place) => {
                let (name, text) = self.text_of(place.source);
                let (line, column) = line_and_column(text, place.span.start);
                format!("{name}:{line}:{column}")
            }
            None => self.scene_name.clone(),
        };
        let line = format!("{place}: {severity}[{}]: {}; {}", complaint.code.text(), complaint.message, complaint.help);
        _ = writeln!(out, "{}", one_line(&line));
    }

    fn render_json(&self, out: &mut String, complaint: &Complaint) {
        let mut object = serde_json::json!({
            "v": 1,
            "type": "error",
            "severity": if complaint.is_warning() { "warning" } else { "error" },
            "code": complaint.code.text(),
            "message": complaint.message,
            "help": complaint.help,
            "file": self.scene_name,
        });
        if let Some(place) = &complaint.place {
            let (name, text) = self.text_of(place.source);
            let (line, column) = line_and_column(text, place.span.start);
            let (end_line, end_column) = line_and_column(text, place.span.end);
            object["file"] = name.into();
            object["line"] = line.into();
            object["column"] = column.into();
            object["end_line"] = end_line.into();
            object["end_column"] = end_column.into();
        }
        if let Some(place) = &complaint.file {
            let FilePlace { file, line, column } = &**place;
            object["in_file"] = serde_json::json!({ "file": file, "line": line, "column": column });
        }
        _ = writeln!(out, "{object}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(Format::Short).trim_end())
    }
}

impl std::error::Error for Report {}

/// Control characters as escapes, so that hostile text can neither break a line nor drive a terminal.
fn one_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

/// Control characters but new lines and tabs as marks of the same length in bytes.
fn without_controls(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mark = |c: char| {
        if harmless(c) {
            c
        } else if c.len_utf8() == 1 {
            '?'
        } else {
            '\u{b7}'
        }
    };
    Cow::Owned(text.chars().map(mark).collect())
}

/// A complaint beside its text, as miette wants it.
#[derive(Debug)]
struct Shown<'a> {
    complaint: &'a Complaint,
    text: &'a NamedText<'a>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.complaint.message))
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.complaint.code.text()))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(if self.complaint.is_warning() { miette::Severity::Warning } else { miette::Severity::Error })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(one_line(&self.complaint.help)))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.complaint.place.as_ref().map(|_| self.text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.complaint.place.as_ref()?;
        let label = if self.complaint.label.is_empty() { "here" } else { &self.complaint.label };
        let span = clip(self.text.text, &place.span);
        Some(Box::new(std::iter::once(LabeledSpan::new(Some(one_line(label)), span.start, span.len()))))
    }
}

/// At most the first line of `span`, on character boundaries.
fn clip(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = floor_boundary(text, span.start);
    let end = floor_boundary(text, span.end).max(start);
    let end = text[start..end].find('\n').map_or(end, |i| start + i);
    let end = end.min(floor_boundary(text, start + 200));
    // Nothing can be marked behind the last character.
    if start == end && start == text.len() { floor_boundary(text, start.saturating_sub(1))..end } else { start..end }
}

/// A text with its name, borrowed.
#[derive(Debug)]
struct NamedText<'a> {
    name: String,
    text: &'a str,
}

impl SourceCode for NamedText<'_> {
    fn read_span<'a>(&'a self, span: &SourceSpan, before: usize, after: usize) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, before, after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            inner.data(),
            *inner.span(),
            inner.line(),
            // miette counts bytes; the place above the lines is read without context.
            if before == 0 && after == 0 { line_and_column(self.text, span.offset()).1 - 1 } else { inner.column() },
            inner.line_count(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let text = "Scene(\n  tau: 1,\n)\n".to_owned();
        let place = Place { source: Source::Scene, span: 9..12 };
        let complaint = Complaint::new(Code::UnknownField, Some(place), "no field \"tau\"").label("not known");
        Report { scene_name: "a.ron".into(), scene_text: text, overrides: vec![], complaints: vec![complaint] }
    }

    #[test]
    fn short_form_is_one_line_an_editor_can_follow() {
        let line = report().render(Format::Short);
        assert!(line.starts_with("a.ron:2:3: error[lehr::scene::unknown_field]: no field \"tau\""), "{line}");
        assert_eq!(line.matches('\n').count(), 1);
    }

    #[test]
    fn human_form_shows_the_line_and_json_the_place() {
        let human = report().render(Format::Human { colour: false });
        assert!(human.contains("a.ron:2:3") && human.contains("tau: 1") && human.contains("not known"), "{human}");
        assert!(!human.contains('\u{1b}'));
        assert!(report().render(Format::Human { colour: true }).contains('\u{1b}'));
        let json: serde_json::Value = serde_json::from_str(&report().render(Format::Json)).expect("one object");
        assert_eq!((json["line"].as_u64(), json["column"].as_u64(), json["end_column"].as_u64()), (Some(2), Some(3), Some(6)));
    }

    #[test]
    fn hostile_text_cannot_drive_the_terminal() {
        let mut hostile = report();
        hostile.complaints[0].message = "\u{1b}[2Jgone\nnext".into();
        for format in [Format::Human { colour: false }, Format::Short, Format::Json] {
            let shown = hostile.render(format);
            assert!(!shown.contains('\u{1b}'), "{shown:?}");
        }
        hostile.scene_text = "Scene(\n\u{1b}[2J, 1,\n)".into();
        assert!(!hostile.render(Format::Human { colour: false }).contains('\u{1b}'));
    }
}
