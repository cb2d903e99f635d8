//! Where the neurons of a population stand.

use glam::Vec3;

use crate::math;

/// An arrangement of neurons in space.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Placement {
    /// Equally spaced from 0 to 1 on the x axis.
    #[default]
    Line,
    /// Rows of this many neurons, one unit apart, row after row along y.
    Grid(usize),
    /// Evenly over the surface of a sphere of this radius around the origin (a golden spiral).
    Sphere(f64),
    /// Each at its place.
    Positions(Vec<[f32; 3]>),
}

impl Placement {
    /// The places of `n` neurons.
    ///
    /// # Panics
    /// If there are other than `n` positions.
    pub fn places(&self, n: usize) -> Vec<Vec3> {
        let step = if n > 1 { 1.0 / (n - 1) as f32 } else { 0.0 };
        match self {
            Placement::Line => (0..n).map(|i| Vec3::new(i as f32 * step, 0.0, 0.0)).collect(),
            Placement::Grid(width) => (0..n).map(|i| Vec3::new((i % width) as f32, (i / width) as f32, 0.0)).collect(),
            Placement::Sphere(radius) => {
                let golden = std::f64::consts::PI * (3.0 - 5.0_f64.sqrt());
                let place = |i: usize| {
                    let z = 1.0 - (2 * i + 1) as f64 / n as f64;
                    let (ring, angle) = ((1.0 - z * z).sqrt(), golden * i as f64);
                    [ring * math::cos(angle), ring * math::sin(angle), z].map(|x| (radius * x) as f32).into()
                };
                (0..n).map(place).collect()
            }
            Placement::Positions(places) => {
                assert_eq!(places.len(), n, "positions, and neurons");
                places.iter().map(|&place| place.into()).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neurons_stand_where_their_arrangement_says() {
        assert_eq!(Placement::Line.places(3)[1], Vec3::new(0.5, 0.0, 0.0));
        assert_eq!(Placement::Line.places(1), [Vec3::ZERO]);
        assert_eq!(Placement::Grid(3).places(5)[4], Vec3::new(1.0, 1.0, 0.0));
        let sphere = Placement::Sphere(2.0).places(100);
        assert!(sphere.iter().all(|p| (p.length_squared() - 4.0).abs() < 1e-4));
        assert!(sphere.iter().sum::<Vec3>().length_squared() < 0.01 * 100.0, "it leans to one side");
        assert_eq!(Placement::Positions(vec![[1.0, 2.0, 3.0]]).places(1), [Vec3::new(1.0, 2.0, 3.0)]);
    }
}
