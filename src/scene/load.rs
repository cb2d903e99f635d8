//! From a source to a checked scene, or to a report of everything that is wrong with it.

use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ron2::ast::parse_document;

use super::checked::Scene;
use super::code::Code;
use super::meaning::{Surroundings, check_meaning};
use super::overrides;
use super::preflight::{Preflight, default_memory_limit};
use super::report::{Complaint, Report};
use super::shape::check_shape;
use super::syntax::{MAX_BYTES, check_syntax};
use super::text::SplicedText;

/// Where a scene comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SceneSource {
    /// A file; paths in the scene are relative to its folder.
    File(PathBuf),
    /// A text, such as from standard input; paths in it are relative to `dir`.
    Text {
        /// What messages call it, such as `<stdin>`.
        name: String,
        /// The scene.
        text: String,
        /// Folder to which its paths are relative.
        dir: PathBuf,
    },
}

/// Limits under which a scene is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes that the network may take; `None` for half of the available memory.
    pub memory: Option<u64>,
}

impl Limits {
    /// The default limits.
    pub const DEFAULT: Limits = Limits { memory: None };

    /// The limit on memory in bytes.
    pub fn memory_bytes(self) -> u64 {
        self.memory.unwrap_or_else(default_memory_limit)
    }
}

/// A scene that passed all checks.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The scene.
    pub scene: Scene,
    /// Its sizes.
    pub preflight: Preflight,
    /// Its text with all overrides spliced in and every path absolute: it runs the same from anywhere.
    pub resolved: String,
    /// BLAKE3 over its text with all overrides and over the bytes of every file it names, but not
    /// over their paths: equal digests are equal runs, on any machine.
    pub digest: [u8; 32],
    /// Warnings, if any.
    pub warnings: Report,
    /// What was taken for granted, such as a row that was taken as names.
    pub notes: Vec<String>,
}

/// Loads and checks a scene, with `overrides` (`path=RON`) spliced in one after the other.
///
/// # Errors
/// A report of all that is wrong.
pub fn load(source: &SceneSource, overrides: &[String], limits: Limits) -> Result<Checked, Box<Report>> {
    let current_dir = std::env::current_dir().unwrap_or_default();
    let (name, text, dir, default_name) = match source {
        SceneSource::File(path) => {
            let name = path.display().to_string();
            let stem = path.file_stem().map_or_else(|| "scene".into(), |s| s.to_string_lossy().into_owned());
            match read_text(path) {
                Ok(text) => (name, text, path.parent().map(Path::to_path_buf).unwrap_or_default(), stem),
                Err(complaint) => {
                    let report = Report { scene_name: name, complaints: vec![complaint], ..Report::default() };
                    return Err(Box::new(report));
                }
            }
        }
        SceneSource::Text { name, text, dir } => (name.clone(), text.clone(), dir.clone(), "scene".to_owned()),
    };
    let memory_limit = limits.memory_bytes();
    let around = Surroundings { scene_dir: current_dir.join(dir), current_dir, default_name, memory_limit };
    let mut report = Report { scene_name: name, scene_text: text, overrides: overrides.to_vec(), complaints: Vec::new() };
    let checked = passes(&mut report, &around);
    report.sort();
    match checked {
        Some(parts) if !report.has_errors() => {
            let Parts { scene, preflight, resolved, digest, notes } = parts;
            Ok(Checked { scene, preflight, resolved, digest, warnings: report, notes })
        }
        _ => Err(Box::new(report)),
    }
}

/// What the passes make of a good scene.
struct Parts {
    scene: Scene,
    preflight: Preflight,
    resolved: String,
    digest: [u8; 32],
    notes: Vec<String>,
}

/// The three passes; what each finds goes into `report`.
fn passes(report: &mut Report, around: &Surroundings) -> Option<Parts> {
    if report.scene_text.len() > MAX_BYTES {
        let message = format!("the scene has {} bytes, and the limit is {MAX_BYTES}", report.scene_text.len());
        report.scene_text.clear();
        report.complaints.push(Complaint::new(Code::TooLarge, None, message));
        return None;
    }
    let mut text = SplicedText::new(report.scene_text.clone());
    // 1. Syntax, of the scene and then of the overrides; what they make together stays good RON.
    report.complaints.extend(check_syntax(&text));
    if report.has_errors() {
        return None;
    }
    let complaints = overrides::apply(&mut text, &report.overrides);
    let all_applied = complaints.is_empty();
    report.complaints.extend(complaints);
    if !report.overrides.is_empty() {
        report.complaints.extend(check_syntax(&text));
        if all_applied && report.has_errors() {
            return None;
        }
    }
    // 2. Shape.
    let wire = match check_shape(&text) {
        Ok(wire) => wire,
        Err(complaints) => {
            report.complaints.extend(complaints);
            return None;
        }
    };
    // 3. Meaning.
    let document = parse_document(text.as_str()).ok()?;
    let meaning = check_meaning(&wire, &text, document.value.as_ref()?, around);
    report.complaints.extend(meaning.complaints);
    let scene = meaning.scene?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(without(text.as_str(), &meaning.paths).as_bytes());
    for file in &scene.files {
        hasher.update(&file.digest);
    }
    Some(Parts {
        scene,
        preflight: meaning.preflight,
        resolved: resolve_paths(text.as_str(), &meaning.paths),
        digest: *hasher.finalize().as_bytes(),
        notes: meaning.notes,
    })
}

fn read_text(path: &Path) -> Result<String, Complaint> {
    let unreadable = |error: std::io::Error| Complaint::new(Code::Unreadable, None, format!("cannot read {}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > MAX_BYTES {
        return Err(Complaint::new(Code::TooLarge, None, format!("{} has more than {MAX_BYTES} bytes", path.display())));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Complaint::new(Code::NotUtf8, None, format!("{} is not UTF-8 from byte {at} on", path.display()))
    })
}

/// The text with the paths at these places made absolute.
fn resolve_paths(text: &str, paths: &[(Range<usize>, PathBuf)]) -> String {
    let mut out = text.to_owned();
    for (span, path) in sorted(paths).into_iter().rev() {
        let escaped = path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
        out.replace_range(span.clone(), &format!("\"{escaped}\""));
    }
    out
}

/// The text without the paths at these places.
fn without(text: &str, paths: &[(Range<usize>, PathBuf)]) -> String {
    let mut out = text.to_owned();
    for (span, _) in sorted(paths).into_iter().rev() {
        out.replace_range(span.clone(), "");
    }
    out
}

fn sorted(paths: &[(Range<usize>, PathBuf)]) -> Vec<&(Range<usize>, PathBuf)> {
    let mut sorted: Vec<_> = paths.iter().collect();
    sorted.sort_by_key(|(span, _)| span.start);
    sorted
}
