//! The nearest known name, for messages about unknown ones.

/// ` (did you mean "...")` with the known name nearest to `name`, or nothing if none is near.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let limit = name.chars().count().div_ceil(3).max(1);
    let nearest = known.into_iter().map(|k| (edit_distance(name, k), k)).filter(|&(d, _)| d <= limit).min();
    nearest.map_or(String::new(), |(_, k)| format!(" (did you mean \"{k}\"?)"))
}

/// Edits (insert, delete, replace a character) that lead from `a` to `b` (Levenshtein 1966).
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_far_ones_are_not() {
        assert_eq!(did_you_mean("hiden", ["visible", "hidden", "out"]), " (did you mean \"hidden\"?)");
        assert_eq!(did_you_mean("xyz", ["visible", "hidden"]), "");
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
    }
}
