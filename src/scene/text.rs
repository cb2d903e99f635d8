//! The text of a scene: as written, and as it stands after overrides, with a way back from one to the other.
//!
//! An override is a splice. Every byte of the spliced text knows whether it came from the scene or
//! from an argument, so that an error inside an override points at that argument.

use std::ops::Range;

/// Where a piece of text was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The scene itself.
    Scene,
    /// The override with this index, as its `path=RON` text.
    Override(usize),
}

/// A byte range of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The text it lies in.
    pub source: Source,
    /// Bytes of that text; empty for a point.
    pub span: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    /// Where it begins in the spliced text; it ends where the next begins.
    start: usize,
    source: Source,
    /// Where it begins in its source.
    from: usize,
}

/// A scene's text with overrides spliced in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplicedText {
    text: String,
    pieces: Vec<Piece>,
}

impl SplicedText {
    /// The text of a scene, without overrides.
    pub fn new(text: String) -> Self {
        SplicedText { text, pieces: vec![Piece { start: 0, source: Source::Scene, from: 0 }] }
    }

    /// The text as it stands.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Replaces `span` by `parts`; each part names the source and the offset in it that it stands for.
    ///
    /// # Panics
    /// If `span` is no range of the text on character boundaries.
    pub fn splice(&mut self, span: Range<usize>, parts: &[(&str, Source, usize)]) {
        let mut replacement = String::new();
        let mut inserted = Vec::new();
        for &(part, source, from) in parts {
            inserted.push(Piece { start: span.start + replacement.len(), source, from });
            replacement.push_str(part);
        }
        let mut pieces: Vec<Piece> = self.pieces.iter().copied().take_while(|p| p.start < span.start).collect();
        pieces.extend(inserted);
        if span.end < self.text.len() {
            let resumed = self.piece_at(span.end);
            let from = resumed.from + (span.end - resumed.start);
            let shift = |at: usize| at - span.end + span.start + replacement.len();
            pieces.push(Piece { start: shift(span.end), source: resumed.source, from });
            pieces.extend(self.pieces.iter().filter(|p| p.start > span.end).map(|p| Piece { start: shift(p.start), ..*p }));
        }
        if pieces.is_empty() {
            pieces.push(Piece { start: 0, source: Source::Scene, from: 0 });
        }
        self.text.replace_range(span, &replacement);
        self.pieces = pieces;
    }

    /// Where the bytes of `span` were written; the end stays inside the piece of the start.
    pub fn place(&self, span: Range<usize>) -> Place {
        let index = self.piece_index(span.start);
        let piece = self.pieces[index];
        let next = self.pieces.get(index + 1).map_or(self.text.len(), |p| p.start);
        let start = piece.from + (span.start - piece.start);
        let len = span.end.min(next).saturating_sub(span.start);
        Place { source: piece.source, span: start..start + len }
    }

    fn piece_at(&self, at: usize) -> Piece {
        self.pieces[self.piece_index(at)]
    }

    fn piece_index(&self, at: usize) -> usize {
        self.pieces.partition_point(|p| p.start <= at).max(1) - 1
    }
}

/// Line and column of byte `at`, both from 1; columns count characters.
pub fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let at = floor_boundary(text, at);
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    (before.bytes().filter(|&b| b == b'\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The byte at `line` and `column`, both from 1, columns counting characters; clamped to the line.
pub fn byte_at(text: &str, line: usize, column: usize) -> usize {
    let mut start = 0;
    for _ in 1..line {
        match text[start..].find('\n') {
            Some(i) => start += i + 1,
            None => return text.len(),
        }
    }
    let end = text[start..].find('\n').map_or(text.len(), |i| start + i);
    text[start..end].char_indices().nth(column.saturating_sub(1)).map_or(end, |(i, _)| start + i)
}

/// The largest character boundary of `text` not above `at`.
pub fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_knows_its_source_after_several_splices() {
        let original = "(a: 1, b: 22, c: 3)";
        let mut text = SplicedText::new(original.to_owned());
        text.splice(10..12, &[("4444", Source::Override(0), 2)]);
        assert_eq!(text.as_str(), "(a: 1, b: 4444, c: 3)");
        text.splice(4..5, &[("x", Source::Override(1), 0), ("yz", Source::Override(1), 7)]);
        assert_eq!(text.as_str(), "(a: xyz, b: 4444, c: 3)");
        assert_eq!(text.place(4..5), Place { source: Source::Override(1), span: 0..1 });
        assert_eq!(text.place(5..7), Place { source: Source::Override(1), span: 7..9 });
        assert_eq!(text.place(14..16), Place { source: Source::Override(0), span: 4..6 });
        let c = text.as_str().find('c').expect("c is there");
        assert_eq!(text.place(c..c + 1), Place { source: Source::Scene, span: 14..15 });
        text.splice(0..text.as_str().len(), &[]);
        assert_eq!(text.place(0..0).span, 0..0);
    }

    #[test]
    fn lines_and_columns_count_characters_and_come_back() {
        let text = "ab\nGrüße: 1\n";
        let at = text.find(':').expect("a colon");
        assert_eq!(line_and_column(text, at), (2, 6));
        assert_eq!(byte_at(text, 2, 6), at);
        assert_eq!(byte_at(text, 9, 1), text.len());
        assert_eq!(line_and_column(text, 6), (2, 3), "inside a character is at its start");
    }
}
