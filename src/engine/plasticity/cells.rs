//! Neurons by the cell of space in which they stand, so that near ones are found without looking at all.

use glam::Vec3;

use crate::random::Stream;

/// Cells a neuron at most: a sheet in a long box gets larger cells rather than more.
const CELLS_PER_NEURON: usize = 4;

/// A grid of cubic cells over the places of a population, with the rows of each cell.
#[derive(Clone, Debug)]
pub struct Cells {
    low: Vec3,
    side: f32,
    n: [usize; 3],
    offsets: Vec<u32>,
    rows: Vec<u32>,
}

impl Cells {
    /// Cells at least `radius` wide, so that whoever is within the radius is in a cell or in one of its neighbours.
    pub fn new(places: &[Vec3], radius: f32) -> Self {
        let low = places.iter().copied().fold(Vec3::INFINITY, Vec3::min);
        let high = places.iter().copied().fold(Vec3::NEG_INFINITY, Vec3::max);
        let (low, extent) = if places.is_empty() { (Vec3::ZERO, Vec3::ZERO) } else { (low, high - low) };
        let mut side = if radius.is_finite() && radius > 0.0 { radius } else { extent.max_element().max(1.0) };
        let count = |side: f32| extent.to_array().map(|e| f64::from(e / side).floor() + 1.0);
        while count(side).iter().product::<f64>() > (CELLS_PER_NEURON * places.len().max(1)) as f64 {
            side *= 1.25;
        }
        let n = count(side).map(|c| c as usize);
        let mut cells = Cells { low, side, n, offsets: vec![0; n.iter().product::<usize>() + 1], rows: vec![0; places.len()] };
        // Counting sort: rows ascend inside a cell.
        for &place in places {
            let cell = cells.index(cells.at(place));
            cells.offsets[cell + 1] += 1;
        }
        for cell in 1..cells.offsets.len() {
            cells.offsets[cell] += cells.offsets[cell - 1];
        }
        let mut next = cells.offsets.clone();
        for (row, &place) in (0_u32..).zip(places) {
            let cell = cells.index(cells.at(place));
            cells.rows[next[cell] as usize] = row;
            next[cell] += 1;
        }
        cells
    }

    /// The coordinates of the cell of `place`, held inside the grid.
    fn at(&self, place: Vec3) -> [usize; 3] {
        let scaled = ((place - self.low) / self.side).to_array();
        std::array::from_fn(|axis| (scaled[axis].max(0.0) as usize).min(self.n[axis] - 1))
    }

    fn index(&self, at: [usize; 3]) -> usize {
        (at[2] * self.n[1] + at[1]) * self.n[0] + at[0]
    }

    /// Calls `visit` with the rows of each run of cells around `place`.
    fn around(&self, place: Vec3, mut visit: impl FnMut(&[u32])) {
        let at = self.at(place);
        let span = |axis: usize| at[axis].saturating_sub(1)..=(at[axis] + 1).min(self.n[axis] - 1);
        for z in span(2) {
            for y in span(1) {
                let (first, last) = (self.index([*span(0).start(), y, z]), self.index([*span(0).end(), y, z]));
                visit(&self.rows[self.offsets[first] as usize..self.offsets[last + 1] as usize]);
            }
        }
    }

    /// One of the neurons in the cells around `place`, all as likely; `None` if there is none.
    pub fn draw_near(&self, place: Vec3, stream: &mut Stream) -> Option<u32> {
        let mut n = 0;
        self.around(place, |rows| n += rows.len());
        if n == 0 {
            return None;
        }
        let mut at = stream.below(n as u64) as usize;
        let mut found = None;
        self.around(place, |rows| {
            if found.is_none() {
                match rows.get(at) {
                    Some(&row) => found = Some(row),
                    None => at -= rows.len(),
                }
            }
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    #[test]
    fn all_within_the_radius_are_around_and_equally_likely() {
        let places: Vec<Vec3> = (0..400).map(|i| Vec3::new((i % 20) as f32, (i / 20) as f32, 0.0)).collect();
        let cells = Cells::new(&places, 2.5);
        let mut stream = StreamKey::new(Seed(1), SystemTag::named("cells"), 0).stream();
        let here = Vec3::new(10.2, 9.8, 0.0);
        let mut around = Vec::new();
        cells.around(here, |rows| around.extend_from_slice(rows));
        for (row, place) in (0_u32..).zip(&places).filter(|(_, p)| p.distance(here) <= 2.5) {
            assert!(around.contains(&row), "neuron {row} at {place} is not around {here}");
        }
        let mut hits = vec![0_u32; 400];
        let n = 20_000;
        (0..n).for_each(|_| hits[cells.draw_near(here, &mut stream).unwrap() as usize] += 1);
        let mean = f64::from(n) / around.len() as f64;
        let worst = around.iter().map(|&r| (f64::from(hits[r as usize]) - mean).abs()).fold(0.0, f64::max);
        assert!(worst < 5.5 * mean.sqrt(), "{worst} off {mean}");
        assert_eq!(hits.iter().filter(|&&h| h > 0).count(), around.len());
    }

    #[test]
    fn odd_places_do_not_harm() {
        let mut stream = StreamKey::new(Seed(2), SystemTag::named("cells"), 0).stream();
        assert_eq!(Cells::new(&[], 1.0).draw_near(Vec3::ZERO, &mut stream), None);
        let one = Cells::new(&[Vec3::splat(5.0)], 0.0);
        assert_eq!(one.draw_near(Vec3::splat(-1e6), &mut stream), Some(0));
        let line: Vec<Vec3> = (0..1000).map(|i| Vec3::new(1e5 * i as f32, 0.0, 0.0)).collect();
        let cells = Cells::new(&line, 1e-3);
        assert!(cells.offsets.len() <= 4002 && cells.draw_near(line[500], &mut stream).is_some());
    }
}
