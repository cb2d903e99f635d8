//! Samples that are made, not read.

use crate::math;
use crate::random::{StreamKey, SystemTag};
use crate::units::Seed;

use super::dataset::{Dataset, Targets};

const SPIRALS: SystemTag = SystemTag::named("two spirals");
const XOR: SystemTag = SystemTag::named("delayed exclusive or");

/// Two interleaved spirals in the plane, class 0 and 1 in turn (after Lang, Witbrock 1988).
///
/// Point i of an arm lies at radius (i + 1) / n, after `turns` turns at the rim, with Gaussian noise of standard
/// deviation `noise` on both coordinates; the second arm is the first one turned by half a turn.
pub fn two_spirals(n_per_arm: usize, turns: f64, noise: f64, instance: Seed) -> Dataset {
    let mut stream = StreamKey::new(instance, SPIRALS, 0).stream();
    let mut inputs = Vec::with_capacity(4 * n_per_arm);
    for i in 0..n_per_arm {
        let radius = (i + 1) as f64 / n_per_arm as f64;
        let angle = radius * turns * std::f64::consts::TAU;
        let (x, y) = (radius * math::cos(angle), radius * math::sin(angle));
        for side in [1.0, -1.0] {
            inputs.push((side * x + noise * stream.gaussian()) as f32);
            inputs.push((side * y + noise * stream.gaussian()) as f32);
        }
    }
    let targets = Targets::Classes((0..2 * n_per_arm as u32).map(|i| i % 2).collect());
    Dataset { n_features: 2, inputs, targets, class_names: vec!["0".to_owned(), "1".to_owned()] }
}

/// Sequences of random bits, each -1 or 1: is exactly one of the first two 1 (class "one"), or not (class "none or both")? The
/// `n_distractors` bits behind them say nothing.
pub fn delayed_xor(n_samples: usize, n_distractors: usize, instance: Seed) -> Dataset {
    let mut stream = StreamKey::new(instance, XOR, 0).stream();
    let n_features = 2 + n_distractors;
    let inputs: Vec<f32> = (0..n_samples * n_features).map(|_| if stream.below(2) == 1 { 1.0 } else { -1.0 }).collect();
    let targets = Targets::Classes(inputs.chunks_exact(n_features).map(|bits| u32::from(bits[0] != bits[1])).collect());
    Dataset { n_features, inputs, targets, class_names: vec!["none or both".to_owned(), "one".to_owned()] }
}

/// The pictures of `side` x `side` pixels of 0 and 1 whose rows are all alike (bars, class 0) or whose columns are (stripes, class
/// 1), each once; the two plain ones are of class 2 (MacKay 2003).
pub fn bars_and_stripes(side: usize) -> Dataset {
    let (mut inputs, mut classes) = (Vec::new(), Vec::new());
    for lines in 0..1_usize << side {
        let is_plain = lines == 0 || lines + 1 == 1 << side;
        let pictures: &[u32] = if is_plain { &[2] } else { &[0, 1] };
        for &class in pictures {
            let line = |pixel: usize| if class == 1 { pixel / side } else { pixel % side };
            inputs.extend((0..side * side).map(|pixel| if lines >> line(pixel) & 1 == 1 { 1.0 } else { 0.0 }));
            classes.push(class);
        }
    }
    let class_names = ["bars", "stripes", "plain"].map(str::to_owned).to_vec();
    Dataset { n_features: side * side, inputs, targets: Targets::Classes(classes), class_names }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delayed_exclusive_or_asks_for_the_first_two_bits() {
        let samples = delayed_xor(400, 3, Seed(0));
        assert_eq!((samples.n_features, samples.inputs.len()), (5, 2000));
        let Targets::Classes(classes) = &samples.targets else { panic!("classes") };
        assert!((0..400).all(|i| samples.sample(i)[0] * samples.sample(i)[1] == if classes[i] == 1 { -1.0 } else { 1.0 }));
        let ones = classes.iter().filter(|&&c| c == 1).count();
        assert!((120..280).contains(&ones), "{ones} of 400");
        assert_ne!(delayed_xor(9, 3, Seed(1)), delayed_xor(9, 3, Seed(0)));
    }

    #[test]
    fn bars_and_stripes_are_all_different() {
        for (side, expected) in [(2, 6), (3, 14), (4, 30), (5, 62)] {
            let pictures = bars_and_stripes(side);
            let different: std::collections::BTreeSet<Vec<u32>> =
                (0..pictures.n_samples()).map(|i| pictures.sample(i).iter().map(|x| x.to_bits()).collect()).collect();
            assert_eq!((different.len(), pictures.n_samples()), (expected, expected), "side {side}");
        }
    }

    #[test]
    fn spirals_are_each_others_mirror_and_wind_outwards() {
        let spirals = two_spirals(97, 2.0, 0.0, Seed(0));
        assert_eq!(spirals.n_samples(), 194);
        for i in 0..97 {
            let (a, b) = (spirals.sample(2 * i), spirals.sample(2 * i + 1));
            assert_eq!((a[0], a[1]), (-b[0], -b[1]));
            assert!(((a[0] * a[0] + a[1] * a[1]).sqrt() - (i + 1) as f32 / 97.0).abs() < 1e-5);
        }
        assert_ne!(two_spirals(9, 2.0, 0.1, Seed(0)), two_spirals(9, 2.0, 0.1, Seed(1)));
    }
}
