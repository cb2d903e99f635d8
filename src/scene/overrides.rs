//! Overrides: `path=RON`, spliced into the text of a scene at the span that the path names.
//!
//! The result is parsed like any other scene, so an override can say whatever a scene can. A path
//! may leave out its beginning where what remains leads to one place only: `couplings.path=...`.

use std::ops::Range;

use ron2::ast::{Expr, parse_document};

use super::code::Code;
use super::report::Complaint;
use super::shape::{knows_field, takes_value};
use super::syntax::check_syntax;
use super::text::{Place, Source, SplicedText};
use super::tree::{self, Step};
use super::wire::SCENE_FIELDS;
use crate::topology::nearest::nearest;

/// Longest scene, and most structs in it, in which an omitted field is looked for by its name alone.
const MAX_TRIED_BYTES: usize = 1 << 16;
const MAX_TRIED: usize = 100;

/// Splices `overrides` into `text`, one after the other; `text` must be good RON.
///
/// Each stands for itself: one that fails is reported and left out, the others still apply.
pub fn apply(text: &mut SplicedText, overrides: &[String]) -> Vec<Complaint> {
    overrides.iter().enumerate().filter_map(|(i, argument)| apply_one(text, argument, i).err()).collect()
}

fn apply_one(text: &mut SplicedText, argument: &str, index: usize) -> Result<(), Complaint> {
    let source = Source::Override(index);
    let at = |span: Range<usize>| Some(Place { source, span });
    // 1. The two sides of `=`.
    let Some((path, value)) = argument.split_once('=') else {
        return Err(Complaint::new(Code::BadOverride, at(0..argument.len()), format!("override \"{argument}\" has no `=`")));
    };
    let value_from = path.len() + 1 + (value.len() - value.trim_start().len());
    let value = value.trim();
    let steps = tree::parse_path(path.trim_end())
        .map_err(|(what, i)| Complaint::new(Code::BadOverride, at(i..path.len()), format!("path \"{path}\": {what}")))?;
    if value.is_empty() {
        return Err(Complaint::new(Code::BadOverride, at(path.len()..argument.len()), format!("override \"{argument}\" has no value")));
    }

    // 2. The place in the scene.
    let source_text = text.as_str().to_owned();
    let document = parse_document(&source_text).map_err(|e| Complaint::new(Code::Syntax, None, e.to_string()))?;
    let Some(root) = &document.value else { return Ok(()) };
    let (target, (name, name_span)) = locate(&source_text, root, &steps, path, at(0..path.trim_end().len()))?;

    // 3. The value, which a text may give without quotes.
    let escaped;
    let parts: Vec<(&str, Source, usize)> = if let Some(quote) = missing_quote(&source_text, &target, &name, value) {
        escaped = escape(value, quote);
        vec![(quote, source, value_from), (&escaped, source, value_from), (quote, source, argument.len())]
    } else {
        let alone = SplicedText::new(value.to_owned());
        if let Some(mut complaint) = check_syntax(&alone).into_iter().next() {
            let span = complaint.place.map_or(0..value.len(), |p| p.span);
            complaint.place = at(span.start + value_from..span.end + value_from);
            complaint.help = format!("the value of an override is RON; a text may be given without quotes. {}", Code::BadOverride.help());
            return Err(complaint);
        }
        vec![(value, source, value_from)]
    };

    // 4. The splice.
    match target {
        Target::Value(expr) => text.splice(tree::span(expr), &parts),
        Target::NewField(parent) => {
            let Some((slot, has_more)) = tree::field_slot(parent) else {
                return Err(Complaint::new(
                    Code::UnknownPath,
                    at(0..path.len()),
                    format!("path \"{path}\": it leads into a value without fields"),
                ));
            };
            let mut all = vec![(name.as_str(), source, name_span.start), (": ", source, path.len())];
            all.extend(parts);
            all.push((if has_more { ", " } else { "" }, source, argument.len()));
            text.splice(slot..slot, &all);
        }
    }
    Ok(())
}

fn looks_quoted(value: &str) -> bool {
    value.starts_with(['"', '\'']) && value.len() > 1 || value.starts_with("r\"") || value.starts_with("r#")
}

/// The quote that `value` lacks: that of a text or a character, where one of them is asked for and `value` is neither.
fn missing_quote(source: &str, target: &Target<'_, '_>, name: &str, value: &str) -> Option<&'static str> {
    if looks_quoted(value) {
        return None;
    }
    let (span, before, after) = match target {
        Target::Value(expr) if tree::string(expr).is_some() => return Some("\""),
        Target::Value(expr) => (tree::span(expr), String::new(), ""),
        Target::NewField(parent) => {
            let (slot, has_more) = tree::field_slot(parent)?;
            (slot..slot, format!("{name}: "), if has_more { ", " } else { "" })
        }
    };
    if source.len() > MAX_TRIED_BYTES {
        return None;
    }
    let takes = |value: &str| {
        let start = span.start + before.len();
        let tried = format!("{}{before}{value}{after}{}", &source[..span.start], &source[span.end..]);
        takes_value(&tried, name, &(start..start + value.len()))
    };
    let is_ron = check_syntax(&SplicedText::new(value.to_owned())).is_empty();
    if is_ron && takes(value) {
        return None;
    }
    let is_character = value.chars().count() == 1 || value.starts_with('\\') && value.len() == 2;
    ["\"", "'"].into_iter().find(|&quote| (quote == "\"" || is_character) && takes(&format!("{quote}{}{quote}", escape(value, quote))))
}

/// `value` as it stands between two quotes; a character may be an escape already.
fn escape(value: &str, quote: &str) -> String {
    if quote == "'" && value.len() == 2 { value.to_owned() } else { value.replace('\\', "\\\\").replace(quote, &format!("\\{quote}")) }
}

enum Target<'e, 'a> {
    /// A value that is there.
    Value(&'e Expr<'a>),
    /// A struct that takes another field.
    NewField(&'e Expr<'a>),
}

type Last = (String, Range<usize>);

/// Finds what `steps` lead to: from the root, or from the one place where they fit.
fn locate<'e, 'a>(
    text: &str,
    root: &'e Expr<'a>,
    steps: &[(Step, Range<usize>)],
    path: &str,
    place: Option<Place>,
) -> Result<(Target<'e, 'a>, Last), Complaint> {
    let plain: Vec<Step> = steps.iter().map(|(s, _)| s.clone()).collect();
    let Some(((last, last_span), leading)) = steps.split_last() else { unreachable!("parse_path returns at least one step") };
    let last = match last {
        Step::Name(name) => (name.clone(), last_span.clone()),
        Step::Index(i) => (i.to_string(), last_span.clone()),
    };
    let is_name = matches!(plain.last(), Some(Step::Name(_)));

    // 1. From the root; then from anywhere, if the first step is no field of a scene.
    let starts_at_root = matches!(&plain[0], Step::Name(name) if SCENE_FIELDS.contains(&name.as_str()));
    let mut starts = vec![(String::new(), root)];
    if !starts_at_root {
        tree::walk(root, &mut |at, expr| {
            if !at.is_empty() {
                starts.push((at.to_owned(), expr));
            }
        });
    }
    let found: Vec<(&str, &Expr<'a>)> =
        starts.iter().flat_map(|(at, start)| tree::resolve(start, &plain).into_iter().map(move |e| (at.as_str(), e))).collect();
    match found.as_slice() {
        [(_, expr)] => return Ok((Target::Value(expr), last)),
        [] => {}
        many => {
            let places = paths_of(root, &many.iter().map(|(_, e)| *e).collect::<Vec<_>>());
            let message = format!("path \"{path}\" leads to {} places: {places}", many.len());
            return Err(Complaint::new(Code::AmbiguousPath, place, message));
        }
    }

    // 2. An omitted field of a struct that is there.
    if is_name {
        let leading: Vec<Step> = leading.iter().map(|(s, _)| s.clone()).collect();
        let parents: Vec<&Expr<'a>> = if leading.is_empty() {
            if starts_at_root { vec![root] } else { Vec::new() }
        } else {
            starts.iter().flat_map(|(_, start)| tree::resolve(start, &leading)).collect()
        };
        let parents = if leading.is_empty() && !starts_at_root { takers(text, root, &last.0) } else { parents };
        match parents.as_slice() {
            [parent] if tree::field_slot(parent).is_some() => return Ok((Target::NewField(parent), last)),
            [_, _, ..] => {
                let places = paths_of(root, &parents);
                let message = format!("path \"{path}\" leads into {} places: {places}", parents.len());
                return Err(Complaint::new(Code::AmbiguousPath, place, message));
            }
            _ => {}
        }
    }

    // 3. Nothing: name the nearest.
    let mut known: Vec<String> = SCENE_FIELDS.iter().map(|&f| f.to_owned()).collect();
    tree::walk(root, &mut |at, _| {
        if !at.is_empty() && known.len() < 10_000 {
            known.push(at.to_owned());
        }
    });
    let mut complaint = Complaint::new(Code::UnknownPath, place, format!("path \"{path}\" leads nowhere in this scene"));
    let near = nearest(path.trim(), known.iter().map(String::as_str)).map(str::to_owned).or_else(|| deepest(root, &plain));
    if let Some(near) = near {
        complaint.message.push_str(&format!(" (did you mean \"{near}\"?)"));
    }
    Err(complaint)
}

/// The structs of the scene that know a field `name`, found by giving it to each and reading the result.
fn takers<'e, 'a>(text: &str, root: &'e Expr<'a>, name: &str) -> Vec<&'e Expr<'a>> {
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name || text.len() > MAX_TRIED_BYTES || knows_field(text, "") != Some(true) {
        return Vec::new();
    }
    let mut takers = Vec::new();
    let mut n_tried = 0;
    tree::walk(root, &mut |_, expr| {
        let Some((slot, has_more)) = tree::field_slot(expr) else { return };
        if n_tried == MAX_TRIED {
            return;
        }
        n_tried += 1;
        let mut tried = text.to_owned();
        tried.insert_str(slot, &format!("{name}: (){}", if has_more { ", " } else { "" }));
        if knows_field(&tried, name) == Some(true) {
            takers.push(expr);
        }
    });
    takers
}

/// The full paths of some expressions, at most five.
fn paths_of(root: &Expr<'_>, wanted: &[&Expr<'_>]) -> String {
    let mut paths = Vec::new();
    tree::walk(root, &mut |at, expr| {
        if paths.len() < 5 && wanted.iter().any(|w| std::ptr::eq(*w, expr)) {
            paths.push(format!("\"{at}\""));
        }
    });
    paths.join(", ")
}

/// How far the steps lead from the root, with the nearest name in place of the one that fails.
fn deepest(root: &Expr<'_>, steps: &[Step]) -> Option<String> {
    let good = (0..steps.len()).take_while(|&n| tree::resolve(root, &steps[..n]).len() == 1).last()?;
    let parent = *tree::resolve(root, &steps[..good]).first()?;
    let Step::Name(failing) = steps.get(good)? else { return None };
    let names = tree::fields(parent).iter().map(|f| f.name.name.as_ref());
    let items: Vec<&str> =
        tree::items(parent).into_iter().filter_map(|i| tree::field(i, "name").and_then(|f| tree::string(&f.value))).collect();
    let near = nearest(failing, names.chain(items))?;
    let mut path = String::new();
    for step in &steps[..good] {
        match step {
            Step::Name(name) => path.push_str(&format!("{}{name}", if path.is_empty() { "" } else { "." })),
            Step::Index(i) => path.push_str(&format!("[{i}]")),
        }
    }
    path.push_str(&format!("{}{near}", if path.is_empty() { "" } else { "." }));
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENE: &str = r#"Scene(
    format: 1,
    populations: [Spins(name: "a", count: 4), Spins(name: "b")],
    projections: [Symmetric(couplings: MaxCut(path: "x.txt"))],
    systems: [Optimise(), Anneal(sweeps: 3)],
)"#;

    fn with(overrides: &[&str]) -> (String, Vec<(Code, String)>) {
        let mut text = SplicedText::new(SCENE.to_owned());
        let overrides: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
        let complaints = apply(&mut text, &overrides);
        (text.as_str().to_owned(), complaints.into_iter().map(|c| (c.code, c.message)).collect())
    }

    #[test]
    fn values_are_replaced_and_omitted_fields_added() {
        let (text, complaints) = with(&[
            "systems[1].sweeps=77",
            "populations.a.count = 9",
            "couplings.path=../g/G22.txt",
            "seed=5",
            "optimise.replicas=2",
            "populations.b.count=3",
        ]);
        assert_eq!(complaints, []);
        for part in [
            "Anneal(sweeps: 77)",
            "name: \"a\", count: 9",
            "path: \"../g/G22.txt\"",
            "Scene(seed: 5, ",
            "Optimise(replicas: 2)",
            "Spins(count: 3, name: \"b\")",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn whole_values_can_be_put_in() {
        let (text, complaints) = with(&["couplings=Lattice(width: 4, height: 4)", "couplings.width=8", "systems=[Ais()]"]);
        assert_eq!(complaints, []);
        assert!(text.contains("couplings: Lattice(width: 8, height: 4)") && text.contains("systems: [Ais()]"), "{text}");
    }

    #[test]
    fn texts_and_characters_need_no_quotes() {
        let (text, complaints) = with(&[
            "hardware=../h.ron",
            "data=Data(source: Csv(path: \"a.csv\"))",
            "data.source.delimiter=;",
            "data.source.target=0",
            "data.source.header=No",
            "projections[0].name=a->b",
        ]);
        assert_eq!(complaints, []);
        for part in ["hardware: \"../h.ron\"", "delimiter: ';'", "target: \"0\"", "header: No", "name: \"a->b\""] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let (text, complaints) = with(&["data=Data(source: Csv(path: \"a.csv\"))", "data.source.delimiter=\\t", "delimiter=|"]);
        assert!(complaints.is_empty() && text.contains("delimiter: '|'"), "{text} {complaints:?}");
    }

    #[test]
    fn wrong_paths_name_the_nearest_and_the_others_still_apply() {
        let (text, complaints) =
            with(&["systms[1].sweeps=1", "systems[1].sweps=1", "name=1", "count=1", "populations.c.count=1", "path", "a..b=1", "seed=[1"]);
        let codes: Vec<Code> = complaints.iter().map(|c| c.0).collect();
        use Code::*;
        assert_eq!(codes, [UnknownPath, UnknownPath, BadOverride, BadOverride, Syntax], "{complaints:?}");
        assert!(complaints[0].1.contains("systems[1].sweeps"), "{complaints:?}");
        // What may be an omitted field is put in and left to the next pass.
        assert!(text.contains("Anneal(sweps: 1, ") && text.contains("Scene(name: \"1\", "), "{text}");
    }
}
