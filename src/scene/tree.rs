//! Finding one's way in the syntax tree of a scene: paths, fields, items and their spans.

use std::ops::Range;

use ron2::ast::{Expr, OptionValue, StructBody, StructField};

/// One step of a path into a scene.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A field, or an item of a list by its name or kind.
    Name(String),
    /// An item of a list or tuple, from 0.
    Index(usize),
}

/// A step with its bytes in the text of its path.
pub type PlacedStep = (Step, Range<usize>);

/// Reads a path such as `systems[0].sweeps` or `projections["a->b"].couplings.path`; each step comes
/// with its bytes in `text`.
///
/// # Errors
/// Says what is wrong, and where.
pub fn parse_path(text: &str) -> Result<Vec<PlacedStep>, (String, usize)> {
    let mut steps = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if let Some(inner) = rest.strip_prefix('[') {
            let Some(end) = inner.find(']') else { return Err(("`[` without `]`".into(), at)) };
            let item = inner[..end].trim();
            let step = match item.strip_prefix('"').and_then(|s| s.strip_suffix('"')) {
                Some(name) if !name.is_empty() => Step::Name(name.to_owned()),
                _ => Step::Index(item.parse().map_err(|_| (format!("`[{item}]` is neither [number] nor [\"name\"]"), at))?),
            };
            steps.push((step, at..at + end + 2));
            at += end + 2;
            if at < text.len() && !text[at..].starts_with(['.', '[']) {
                return Err(("expected `.` or `[` after `]`".into(), at));
            }
        } else {
            let dot = usize::from(!steps.is_empty());
            if dot == 1 && !rest.starts_with('.') {
                return Err(("expected `.`".into(), at));
            }
            let name = &rest[dot..];
            let len = name.find(['.', '[']).unwrap_or(name.len());
            if len == 0 {
                return Err(("a name is missing".into(), at + dot));
            }
            steps.push((Step::Name(name[..len].trim().to_owned()), at + dot..at + dot + len));
            at += dot + len;
        }
    }
    if steps.is_empty() { Err(("the path is empty".into(), 0)) } else { Ok(steps) }
}

/// The bytes of an expression.
pub fn span(expr: &Expr<'_>) -> Range<usize> {
    let s = expr.span();
    s.start_offset..s.end_offset
}

/// The expression inside any `Some(...)`.
pub fn bare<'e, 'a>(expr: &'e Expr<'a>) -> &'e Expr<'a> {
    match expr {
        Expr::Option(o) => match &o.value {
            Some(OptionValue { expr, .. }) => bare(expr),
            None => expr,
        },
        _ => expr,
    }
}

/// The named fields of a struct or of a kind with fields.
pub fn fields<'e, 'a>(expr: &'e Expr<'a>) -> &'e [StructField<'a>] {
    match bare(expr) {
        Expr::AnonStruct(s) => &s.fields,
        Expr::Struct(s) => match &s.body {
            Some(StructBody::Fields(body)) => &body.fields,
            _ => &[],
        },
        _ => &[],
    }
}

/// The value of field `name`; the last one if it is given twice.
pub fn field<'e, 'a>(expr: &'e Expr<'a>, name: &str) -> Option<&'e StructField<'a>> {
    fields(expr).iter().rfind(|f| f.name.name == name)
}

/// The items of a list or tuple.
pub fn items<'e, 'a>(expr: &'e Expr<'a>) -> Vec<&'e Expr<'a>> {
    match bare(expr) {
        Expr::Seq(s) => s.items.iter().map(|i| &i.expr).collect(),
        Expr::Tuple(t) => t.elements.iter().map(|e| &e.expr).collect(),
        Expr::Struct(s) => match &s.body {
            Some(StructBody::Tuple(body)) => body.elements.iter().map(|e| &e.expr).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The name before the brackets, such as `Anneal`, and its bytes.
pub fn kind<'e>(expr: &'e Expr<'_>) -> Option<(&'e str, Range<usize>)> {
    match bare(expr) {
        Expr::Struct(s) => Some((&s.name.name, s.name.span.start_offset..s.name.span.end_offset)),
        _ => None,
    }
}

/// Where a new first field of a struct would be written, and whether fields follow.
pub fn field_slot(expr: &Expr<'_>) -> Option<(usize, bool)> {
    match bare(expr) {
        Expr::AnonStruct(s) => Some((s.open_paren.end_offset, true)),
        Expr::Unit(u) => Some((u.span.end_offset.saturating_sub(1), false)),
        Expr::Struct(s) => match &s.body {
            Some(StructBody::Fields(body)) => Some((body.open_brace.end_offset, !body.fields.is_empty())),
            Some(StructBody::Tuple(body)) if body.elements.is_empty() => Some((body.open_paren.end_offset, false)),
            _ => None,
        },
        _ => None,
    }
}

/// The text of a string literal.
pub fn string<'e>(expr: &'e Expr<'_>) -> Option<&'e str> {
    match bare(expr) {
        Expr::String(s) => Some(&s.value),
        _ => None,
    }
}

/// True if `expr`, an item of a list, goes by `name`: its field `name`, or its kind in any case, with or without `_`.
fn goes_by(expr: &Expr<'_>, name: &str) -> bool {
    let plain = |s: &str| s.chars().filter(|&c| c != '_').flat_map(char::to_lowercase).collect::<String>();
    field(expr, "name").and_then(|f| string(&f.value)) == Some(name) || kind(expr).is_some_and(|(k, _)| plain(k) == plain(name))
}

/// What a step leads to.
pub fn follow<'e, 'a>(expr: &'e Expr<'a>, step: &Step) -> Vec<&'e Expr<'a>> {
    match step {
        Step::Index(i) => items(expr).get(*i).copied().into_iter().collect(),
        Step::Name(name) => match field(expr, name) {
            Some(f) => vec![&f.value],
            None => items(expr).into_iter().filter(|item| goes_by(item, name)).collect(),
        },
    }
}

/// What a path leads to, from `root`.
pub fn resolve<'e, 'a>(root: &'e Expr<'a>, steps: &[Step]) -> Vec<&'e Expr<'a>> {
    steps.iter().fold(vec![root], |at, step| at.into_iter().flat_map(|e| follow(e, step)).collect())
}

/// Every expression of the tree, the root first, with its path as text. Lists of numbers are not entered.
pub fn walk<'e, 'a>(root: &'e Expr<'a>, visit: &mut impl FnMut(&str, &'e Expr<'a>)) {
    fn go<'e, 'a>(path: &mut String, expr: &'e Expr<'a>, visit: &mut impl FnMut(&str, &'e Expr<'a>)) {
        visit(path, expr);
        let len = path.len();
        for f in fields(expr) {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&f.name.name);
            go(path, &f.value, visit);
            path.truncate(len);
        }
        for (i, item) in items(expr).into_iter().enumerate() {
            if matches!(bare(item), Expr::Number(_) | Expr::Tuple(_)) {
                continue;
            }
            path.push_str(&format!("[{i}]"));
            go(path, item, visit);
            path.truncate(len);
        }
    }
    go(&mut String::new(), root, visit);
}

#[cfg(test)]
mod tests {
    use ron2::ast::parse_document;

    use super::*;

    const SCENE: &str =
        r#"Scene(seed: 1, populations: [Spins(name: "v", count: Some(4)), Spins(name: "h")], systems: [PopulationAnneal(), Sample(t: 2)])"#;

    fn found(path: &str) -> Vec<String> {
        let document = parse_document(SCENE).expect("RON");
        let root = document.value.as_ref().expect("a value");
        let steps: Vec<Step> = parse_path(path).expect("a path").into_iter().map(|(s, _)| s).collect();
        resolve(root, &steps).iter().map(|e| SCENE[span(e)].to_owned()).collect()
    }

    #[test]
    fn paths_lead_to_fields_items_names_and_kinds() {
        assert_eq!(found("seed"), ["1"]);
        assert_eq!(found("populations[0].name"), ["\"v\""]);
        assert_eq!(found("populations.h"), ["Spins(name: \"h\")"]);
        assert_eq!(found("populations[\"h\"].name"), ["\"h\""]);
        assert_eq!(found("systems.sample.t"), ["2"]);
        assert_eq!(found("systems.population_anneal"), ["PopulationAnneal()"]);
        assert_eq!(found("populations.spins").len(), 2);
        assert!(found("systems[2]").is_empty() && found("seed.x").is_empty());
    }

    #[test]
    fn bad_paths_are_refused_at_their_place() {
        for (path, at) in [("", 0), ("a..b", 2), ("a[", 1), ("a[x]", 1), ("a[0]b", 4), (".a", 0)] {
            assert_eq!(parse_path(path).expect_err(path).1, at, "{path}");
        }
        assert_eq!(parse_path("a.b[3][\"v->h\"]").expect("a path").len(), 4);
    }

    #[test]
    fn every_expression_has_a_path_that_leads_to_it() {
        let document = parse_document(SCENE).expect("RON");
        let mut n = 0;
        walk(document.value.as_ref().expect("a value"), &mut |path, expr| {
            if !path.is_empty() {
                assert_eq!(found(path), [SCENE[span(expr)].to_owned()], "{path}");
                n += 1;
            }
        });
        assert_eq!(n, 11);
    }
}
