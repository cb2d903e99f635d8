//! Class names and their order.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::dataset::{Dataset, Targets};

/// The index of each label, and the names of the classes: in the order of their numbers if all are numbers, else of
/// their letters. Labels that are the same number (`1`, `1.0`, `01`) are one class.
pub(super) fn encode_classes(labels: &[String]) -> (Vec<u32>, Vec<String>) {
    let labels: Vec<Cow<'_, str>> = labels.iter().map(|label| class_name(label)).collect();
    let mut names: Vec<&str> = labels.iter().map(AsRef::as_ref).collect::<BTreeSet<_>>().into_iter().collect();
    let numbers: Option<Vec<f64>> = names.iter().map(|name| name.parse::<f64>().ok()).collect();
    if numbers.is_some() {
        let number = |name: &str| name.parse::<f64>().unwrap_or(0.0);
        names.sort_by(|a, b| number(a).total_cmp(&number(b)).then(a.cmp(b)));
    }
    let mut sorted: Vec<(&str, u32)> = names.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    let index =
        |label: &Cow<'_, str>| sorted[sorted.binary_search_by_key(&label.as_ref(), |(name, _)| *name).expect("every label is a name")].1;
    (labels.iter().map(index).collect(), names.iter().map(|name| (*name).to_owned()).collect())
}

/// The name of a label's class: a number in its shortest form where f64 tells it from its neighbours, else the label.
fn class_name(label: &str) -> Cow<'_, str> {
    match label.parse::<f64>() {
        // Adding 0 makes 0 of -0.
        Ok(x) if x.is_finite() && x.abs() < 9e15 && (x == 0.0 || x.abs() > 1e-9) => Cow::Owned((x + 0.0).to_string()),
        _ => Cow::Borrowed(label),
    }
}

/// The index of each whole number, and the numbers as names in ascending order.
pub fn encode_numbers(labels: &[i64]) -> (Vec<u32>, Vec<String>) {
    let names: Vec<i64> = labels.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let index = |label: &i64| names.binary_search(label).expect("every label is a name") as u32;
    (labels.iter().map(index).collect(), names.iter().map(i64::to_string).collect())
}

/// `dataset` with its classes numbered as in `names`; values are left alone.
///
/// # Errors
/// The first class that is not among the names.
pub fn align_classes(dataset: Dataset, names: &[String]) -> Result<Dataset, String> {
    let Targets::Classes(classes) = &dataset.targets else { return Ok(dataset) };
    let find = |name: &String| names.iter().position(|n| n == name).ok_or_else(|| name.clone());
    let numbers = dataset.class_names.iter().map(find).collect::<Result<Vec<usize>, String>>()?;
    let targets = Targets::Classes(classes.iter().map(|&c| numbers[c as usize] as u32).collect());
    Ok(Dataset { targets, class_names: names.to_vec(), ..dataset })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_stand_in_the_order_of_numbers_or_of_letters() {
        let encode = |labels: &[&str]| encode_classes(&labels.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>());
        assert_eq!(encode(&["10", "9", "10"]), (vec![1, 0, 1], vec!["9".to_owned(), "10".to_owned()]));
        assert_eq!(encode(&["b", "10", "a"]), (vec![2, 0, 1], vec!["10".to_owned(), "a".to_owned(), "b".to_owned()]));
        assert_eq!(encode(&["1", "01", "1.0", "-0", "0", "0.50"]), (vec![2, 2, 2, 0, 0, 1], ["0", "0.5", "1"].map(str::to_owned).to_vec()));
        assert_eq!(encode(&["9007199254740993", "9007199254740992"]).1.len(), 2);
        assert_eq!(encode_numbers(&[3, -1, 3]), (vec![1, 0, 1], vec!["-1".to_owned(), "3".to_owned()]));
    }
}
