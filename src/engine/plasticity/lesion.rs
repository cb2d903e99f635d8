//! Which neurons or synapses a lesion takes.

use glam::Vec3;

use crate::random::{BLOCK, StreamKey};

/// A part of a population or of a projection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Region {
    /// Neurons within a radius of a point.
    Disc {
        /// The point.
        center: [f32; 3],
        /// The radius, 0 or more.
        radius: f32,
    },
    /// Rows from the first to before the last; those beyond the end do not exist.
    Rows {
        /// The first.
        from: u32,
        /// The one after the last.
        until: u32,
    },
    /// Each with this probability.
    Fraction(f64),
}

impl Region {
    /// Rows of the neurons inside, ascending; `places` holds one place a neuron.
    pub fn neurons(self, places: &[Vec3], key: StreamKey) -> Vec<u32> {
        match self {
            Region::Disc { center, radius } => {
                let center = Vec3::from(center);
                (0_u32..).zip(places).filter(|(_, place)| place.distance(center) <= radius).map(|(row, _)| row).collect()
            }
            Region::Rows { from, until } => (from..until.min(places.len() as u32)).collect(),
            Region::Fraction(share) => each_with(share, places.len(), key),
        }
    }
}

/// Rows below `n`, each with probability `share`, ascending.
pub fn each_with(share: f64, n: usize, key: StreamKey) -> Vec<u32> {
    let mut rows = Vec::new();
    for (block, first) in (0_u32..).zip((0..n).step_by(BLOCK)) {
        let mut stream = key.block(block).stream();
        rows.extend((first..(first + BLOCK).min(n)).filter(|_| stream.uniform() < share).map(|row| row as u32));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemTag;
    use crate::units::Seed;

    #[test]
    fn regions_hold_what_they_say() {
        let places: Vec<Vec3> = (0..10_000).map(|i| Vec3::new((i % 100) as f32, (i / 100) as f32, 0.0)).collect();
        let key = StreamKey::new(Seed(1), SystemTag::named("lesion"), 0);
        let disc = Region::Disc { center: [50.0, 50.0, 0.0], radius: 10.0 }.neurons(&places, key);
        // Lattice points in a disc of radius 10 (Gauss).
        assert_eq!(disc.len(), 317);
        assert_eq!(Region::Rows { from: 9998, until: 12_000 }.neurons(&places, key), [9998, 9999]);
        assert!(Region::Rows { from: 5, until: 3 }.neurons(&places, key).is_empty());
        let some = Region::Fraction(0.3).neurons(&places, key);
        assert!((some.len() as f64 - 3000.0).abs() < 5.0 * 46.0, "{}", some.len());
        assert_eq!(Region::Fraction(1.0).neurons(&places, key).len(), 10_000);
    }
}
