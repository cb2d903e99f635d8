//! Which sources a directed projection joins with which targets.
//!
//! Every block of 1,024 targets draws from a stream of its own, so that a wiring is named by its pattern, the numbers of
//! its neurons and its seed.

use glam::Vec3;

use crate::math;
use crate::random::{BLOCK, Stream, StreamKey, SystemTag};
use crate::units::Seed;

const FAN_IN: SystemTag = SystemTag::named("wire fan-in");
const RANDOM: SystemTag = SystemTag::named("wire random");
const DISTANCE: SystemTag = SystemTag::named("wire distance");

/// A pattern of synapses from one population onto another.
#[derive(Clone, Debug, PartialEq)]
pub enum Wiring {
    /// Every source with every target.
    Full,
    /// Source i with target i, as far as both go.
    OneToOne,
    /// Each target with this many different sources, all sets being equally likely; with all if there are fewer.
    RandomFanIn(usize),
    /// Each pair with this probability.
    Random(f64),
    /// Each pair at distance d with probability peak e^(-d^2 / (2 sigma^2)), and none beyond the radius.
    Distance {
        /// Probability at distance 0.
        peak: f64,
        /// Width of the fall; infinite for none.
        sigma: f64,
        /// Largest distance; may be infinite.
        radius: f64,
    },
}

/// The pairs (source, target) of a wiring, sorted by target and then by source.
///
/// `sources` and `targets` are the places of the neurons, which [`Wiring::Distance`] alone looks at.
pub fn wire(wiring: &Wiring, sources: &[Vec3], targets: &[Vec3], seed: Seed) -> Vec<(u32, u32)> {
    let (n_sources, n_targets) = (sources.len() as u32, targets.len() as u32);
    let mut pairs = Vec::new();
    match *wiring {
        Wiring::Full => pairs.extend((0..n_targets).flat_map(|t| (0..n_sources).map(move |s| (s, t)))),
        Wiring::OneToOne => pairs.extend((0..n_sources.min(n_targets)).map(|i| (i, i))),
        Wiring::RandomFanIn(fan_in) => {
            let fan_in = fan_in.min(n_sources as usize);
            each_target(n_targets, FAN_IN, seed, |target, stream| {
                let first = pairs.len();
                draw_distinct(n_sources, fan_in, stream, |source| pairs.push((source, target)));
                pairs[first..].sort_unstable();
            });
        }
        Wiring::Random(share) => each_target(n_targets, RANDOM, seed, |target, stream| {
            draw_share(n_sources, share, stream, |source| pairs.push((source, target)));
        }),
        Wiring::Distance { peak, sigma, radius } => each_target(n_targets, DISTANCE, seed, |target, stream| {
            let at = targets[target as usize];
            for (source, place) in (0_u32..).zip(sources) {
                let square = f64::from(place.distance_squared(at));
                // Pairs beyond the radius draw nothing: the draws of a target depend on places alone.
                if square <= radius * radius && stream.uniform() < peak * math::exp(-square / (2.0 * sigma * sigma)) {
                    pairs.push((source, target));
                }
            }
        }),
    }
    pairs
}

/// How many synapses a wiring makes, with six standard deviations added where they are drawn; for distances, by looking
/// at 256 targets. Populations are given by their number of neurons and, for distances, their places.
pub fn expected_synapses(wiring: &Wiring, sources: (usize, &[Vec3]), targets: (usize, &[Vec3])) -> u64 {
    const MAX_TARGETS: usize = 256;
    let (n_sources, n_targets) = (sources.0 as u64, targets.0 as u64);
    let pairs = n_sources.saturating_mul(n_targets);
    match *wiring {
        Wiring::Full => pairs,
        Wiring::OneToOne => n_sources.min(n_targets),
        Wiring::RandomFanIn(k) => n_targets.saturating_mul((k as u64).min(n_sources)),
        Wiring::Random(share) => {
            let mean = pairs as f64 * share;
            ((mean + 6.0 * mean.sqrt()).ceil() as u64).min(pairs)
        }
        Wiring::Distance { peak, sigma, radius } => {
            let step = targets.1.len().div_ceil(MAX_TARGETS).max(1);
            let looked_at = targets.1.iter().step_by(step);
            let n_looked_at = looked_at.len().max(1) as f64;
            let mut mean = 0.0;
            for at in looked_at {
                for square in sources.1.iter().map(|place| f64::from(place.distance_squared(*at))).filter(|&d| d <= radius * radius) {
                    mean += peak * math::exp(-square / (2.0 * sigma * sigma));
                }
            }
            let mean = mean / n_looked_at * n_targets as f64;
            ((mean + 6.0 * mean.sqrt()).ceil() as u64).min(pairs)
        }
    }
}

/// Calls `draw` with each target and the stream of its block.
fn each_target(n_targets: u32, tag: SystemTag, seed: Seed, mut draw: impl FnMut(u32, &mut Stream)) {
    for (block, first) in (0_u32..).zip((0..n_targets).step_by(BLOCK)) {
        let mut stream = StreamKey::new(seed, tag, 0).block(block).stream();
        (first..n_targets.min(first + BLOCK as u32)).for_each(|target| draw(target, &mut stream));
    }
}

/// `k` different numbers below `n` (Floyd's algorithm, Bentley 1987), in no order.
fn draw_distinct(n: u32, k: usize, stream: &mut Stream, mut take: impl FnMut(u32)) {
    let mut taken = std::collections::BTreeSet::new();
    for top in n - k as u32..n {
        let drawn = stream.below(u64::from(top) + 1) as u32;
        let chosen = if taken.contains(&drawn) { top } else { drawn };
        taken.insert(chosen);
        take(chosen);
    }
}

/// Each number below `n` with probability `share`, ascending, by drawing the gaps between them.
fn draw_share(n: u32, share: f64, stream: &mut Stream, mut take: impl FnMut(u32)) {
    if share >= 1.0 {
        (0..n).for_each(take);
        return;
    }
    if share <= 0.0 {
        return;
    }
    let per_gap = 1.0 / math::ln_1p(-share);
    let mut next = 0.0_f64;
    loop {
        next += (math::ln(stream.uniform()) * per_gap).floor();
        if next >= f64::from(n) {
            return;
        }
        take(next as u32);
        next += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(n: usize) -> Vec<Vec3> {
        (0..n).map(|i| Vec3::new(i as f32, 0.0, 0.0)).collect()
    }

    fn wired(wiring: Wiring, n_sources: usize, n_targets: usize, seed: u64) -> Vec<(u32, u32)> {
        let pairs = wire(&wiring, &points(n_sources), &points(n_targets), Seed(seed));
        assert!(pairs.windows(2).all(|w| (w[0].1, w[0].0) < (w[1].1, w[1].0)), "{wiring:?} is not sorted, or repeats a pair");
        pairs
    }

    #[test]
    fn full_and_one_to_one_are_what_they_say() {
        assert_eq!(wired(Wiring::Full, 2, 2, 0), [(0, 0), (1, 0), (0, 1), (1, 1)]);
        assert_eq!(wired(Wiring::OneToOne, 3, 2, 0), [(0, 0), (1, 1)]);
        assert_eq!(wired(Wiring::Random(1.0), 3, 2, 0), wired(Wiring::Full, 3, 2, 0));
        assert_eq!(wired(Wiring::RandomFanIn(9), 3, 2, 0), wired(Wiring::Full, 3, 2, 0));
        assert_eq!(wired(Wiring::Random(0.0), 3, 2, 0), []);
    }

    #[test]
    fn fan_in_is_exact_and_every_source_is_as_likely() {
        let pairs = wired(Wiring::RandomFanIn(3), 10, 5000, 1);
        let mut of_source = [0_u32; 10];
        for chunk in pairs.chunks(3) {
            assert!(chunk.iter().all(|p| p.1 == chunk[0].1));
            chunk.iter().for_each(|p| of_source[p.0 as usize] += 1);
        }
        // Binomial(5000, 0.3) has a standard deviation of 32; 5.3 of them for ten sources at alpha 1e-6.
        assert!(of_source.iter().all(|&n| (f64::from(n) - 1500.0).abs() < 5.3 * 32.4), "{of_source:?}");
        assert_ne!(wired(Wiring::RandomFanIn(3), 10, 5000, 2), pairs);
    }

    #[test]
    fn a_share_of_pairs_is_joined_wherever_they_stand() {
        let pairs = wired(Wiring::Random(0.1), 1000, 2000, 1);
        let sd = (2e6_f64 * 0.09).sqrt();
        assert!((pairs.len() as f64 - 2e5).abs() < 5.0 * sd, "{}", pairs.len());
        for half in [pairs.iter().filter(|p| p.0 < 500).count(), pairs.iter().filter(|p| p.1 < 1000).count()] {
            assert!((half as f64 - 1e5).abs() < 5.0 * sd, "{half}");
        }
        assert!(pairs.iter().any(|p| p.0 == 0) && pairs.iter().any(|p| p.0 == 999));
    }

    #[test]
    fn near_neurons_are_joined_as_the_law_says() {
        let places = [Vec3::ZERO, Vec3::X, Vec3::X * 2.0, Vec3::X * 3.0];
        let targets = vec![Vec3::ZERO; 20_000];
        let law = Wiring::Distance { peak: 0.8, sigma: 1.0, radius: 2.5 };
        let pairs = wire(&law, &places, &targets, Seed(3));
        for (source, expected) in [(0, 0.8), (1, 0.8 * math::exp(-0.5)), (2, 0.8 * math::exp(-2.0)), (3, 0.0)] {
            let found = pairs.iter().filter(|p| p.0 == source).count() as f64 / 20_000.0;
            assert!((found - expected).abs() < 5.0 * (0.25_f64 / 20_000.0).sqrt(), "source {source}: {found} against {expected}");
        }
    }

    #[test]
    fn expected_sizes_cover_what_is_drawn() {
        let places = crate::topology::generate::Placement::Grid(40).places(1600);
        let distance = Wiring::Distance { peak: 0.7, sigma: 2.0, radius: 6.0 };
        for wiring in [Wiring::Full, Wiring::OneToOne, Wiring::RandomFanIn(7), Wiring::Random(0.05), distance] {
            let (n, expected) =
                (wire(&wiring, &places, &places, Seed(1)).len() as f64, expected_synapses(&wiring, (1600, &places), (1600, &places)));
            assert!(n <= expected as f64 && n > 0.9 * expected as f64, "{wiring:?}: {n} of {expected}");
        }
    }
}
