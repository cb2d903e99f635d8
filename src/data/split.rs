//! Which samples are learned from and which are kept for the test, by seed.

use crate::random::{StreamKey, SystemTag};
use crate::units::Seed;

use super::dataset::{Dataset, Targets};

const SPLIT: SystemTag = SystemTag::named("split samples");

/// Splits `dataset` into samples to learn from and samples to test with, both in the order of the table.
///
/// The test gets ceil(share n) samples, drawn without replacement; stratified, each class gets its part of them
/// (largest remainders). Every class draws from a stream of its own.
///
/// # Panics
/// If `test_share` is not from 0 to below 1.
pub fn split(dataset: &Dataset, test_share: f64, is_stratified: bool, seed: Seed) -> (Dataset, Dataset) {
    assert!((0.0..1.0).contains(&test_share), "a share of {test_share} samples for the test");
    let n = dataset.n_samples();
    let groups: Vec<Vec<u32>> = match &dataset.targets {
        Targets::Classes(classes) if is_stratified => {
            let mut groups = vec![Vec::new(); dataset.class_names.len()];
            classes.iter().zip(0..).for_each(|(&class, sample)| groups[class as usize].push(sample));
            groups
        }
        _ => vec![(0..n as u32).collect()],
    };
    // A share of 0.2 of 360 is 72, not the 73 that rounding of the product would make of it.
    let n_test = (test_share * n as f64 * (1.0 - 1e-12)).ceil() as usize;
    let quotas = largest_remainders(&groups.iter().map(Vec::len).collect::<Vec<_>>(), n_test);
    let mut is_test = vec![false; n];
    for ((group, quota), block) in groups.iter().zip(quotas).zip(0..) {
        let mut order = group.clone();
        StreamKey::new(seed, SPLIT, 0).block(block).stream().shuffle(&mut order);
        order[..quota].iter().for_each(|&sample| is_test[sample as usize] = true);
    }
    let part = |wanted: bool| dataset.select(&(0..n as u32).filter(|&i| is_test[i as usize] == wanted).collect::<Vec<_>>());
    (part(false), part(true))
}

/// `total` parts over groups in proportion to their sizes; ties go to the earlier group.
fn largest_remainders(sizes: &[usize], total: usize) -> Vec<usize> {
    let n = sizes.iter().sum::<usize>().max(1) as u128;
    let exact = |size: usize| size as u128 * total as u128;
    let mut parts: Vec<usize> = sizes.iter().map(|&size| (exact(size) / n) as usize).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(exact(sizes[i]) % n), i));
    let missing = total - parts.iter().sum::<usize>();
    order.into_iter().take(missing).for_each(|i| parts[i] += 1);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(classes: &[u32]) -> Dataset {
        let inputs = (0..classes.len()).map(|i| i as f32).collect();
        let n_classes = classes.iter().max().map_or(0, |m| m + 1);
        let class_names = (0..n_classes).map(|c| c.to_string()).collect();
        Dataset { n_features: 1, inputs, targets: Targets::Classes(classes.to_vec()), class_names }
    }

    #[test]
    fn a_split_is_a_partition_in_the_proportions_of_the_classes() {
        let classes: Vec<u32> = (0..100).map(|i| u32::from(i % 10 == 0)).collect();
        let (train, test) = split(&table(&classes), 0.2, true, Seed(3));
        assert_eq!((train.n_samples(), test.n_samples()), (80, 20));
        let Targets::Classes(found) = &test.targets else { panic!("classes") };
        assert_eq!(found.iter().filter(|&&c| c == 1).count(), 2);
        let mut all: Vec<f32> = train.inputs.iter().chain(&test.inputs).copied().collect();
        all.sort_by(f32::total_cmp);
        assert_eq!(all, (0..100).map(|i| i as f32).collect::<Vec<_>>());
        assert_ne!(split(&table(&classes), 0.2, true, Seed(4)).1, test);
        assert_eq!(split(&table(&classes), 0.2, true, Seed(3)).1, test);
        assert_eq!(split(&table(&classes), 0.0, true, Seed(3)).1.n_samples(), 0);
        assert_eq!(split(&table(&classes[..7]), 0.2, false, Seed(3)).1.n_samples(), 2);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        assert_eq!(largest_remainders(&[50, 50, 50], 31), [11, 10, 10]);
        assert_eq!(largest_remainders(&[1, 2, 3, 4], 5), [1, 1, 1, 2]);
        assert_eq!(largest_remainders(&[], 0), Vec::<usize>::new());
    }
}
