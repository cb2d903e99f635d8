//! Tables of the literature: boolean functions, two spirals, curves.

use std::f64::consts::PI;

use crate::math;
use crate::random::{StreamKey, SystemTag};
use crate::units::Seed;

use super::table::{Table, Won};

impl Table {
    /// The table of a boolean function of `n_inputs` bits, bit 0 first.
    fn boolean(name: &str, n_inputs: usize, function: impl Fn(usize) -> bool) -> Self {
        let bits = |row: usize| (0..n_inputs).map(|i| f32::from(u8::from(row >> i & 1 == 1))).collect();
        let rows: Vec<_> = (0..1 << n_inputs).map(|row| (bits(row), vec![f32::from(u8::from(function(row)))])).collect();
        Table::new(name, &rows).expect("rows of the same length")
    }

    /// Exclusive or of two bits.
    pub fn xor() -> Self {
        Table::boolean("xor", 2, |row| row == 1 || row == 2)
    }

    /// Whether an odd number of `n` bits is set.
    ///
    /// # Panics
    /// If `n` is 0 or above 20.
    pub fn parity(n: usize) -> Self {
        assert!((1..=20).contains(&n), "parity of {n} bits");
        Table::boolean("parity", n, |row| row.count_ones() % 2 == 1)
    }

    /// The bit that `address` address bits choose among 2^address data bits: 3, 6, 11 or 20 inputs for 1, 2, 3, 4.
    ///
    /// # Panics
    /// If `address` is 0 or above 4.
    pub fn multiplexer(address: usize) -> Self {
        assert!((1..=4).contains(&address), "multiplexer of {address} address bits");
        let chosen = |row: usize| row >> (address + (row & ((1 << address) - 1))) & 1 == 1;
        Table::boolean("multiplexer", address + (1 << address), chosen)
    }
}

/// Two spirals that turn about each other, with noise (Ha 2016, "Neural slime volleyball" and backprop NEAT).
///
/// Point i of n of a spiral lies at radius r = `radius` i / n and angle t = 2 pi `turns` i / n (+ pi for the second), at (r sin t, r cos t).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spirals {
    /// Points to judge by, half of them on each spiral.
    pub n_points: usize,
    /// Points of the test.
    pub n_test: usize,
    /// Largest radius.
    pub radius: f64,
    /// Turns.
    pub turns: f64,
    /// Both coordinates are off by a uniform number within +- this.
    pub noise: f64,
    /// Share of the points to judge by that are to be put into the right class.
    pub needed: f64,
    /// Of the noise.
    pub seed: Seed,
}

impl Default for Spirals {
    fn default() -> Self {
        Spirals { n_points: 200, n_test: 200, radius: 6.0, turns: 1.75, noise: 0.5, needed: 0.95, seed: Seed(1) }
    }
}

impl Spirals {
    /// The points, with their spiral.
    fn points(&self, n_points: usize, part: u64) -> Vec<(Vec<f32>, usize)> {
        let mut random = StreamKey::new(self.seed, SystemTag::named("spirals"), part).stream();
        let mut off = || self.noise * (2.0 * random.uniform() - 1.0);
        let n = n_points.div_ceil(2);
        let point = |k: usize| {
            let (i, class) = (k / 2, k % 2);
            let along = i as f64 / n as f64;
            let (sin, cos) = math::sin_cos(2.0 * PI * self.turns * along + PI * class as f64);
            let r = self.radius * along;
            (vec![(r * sin + off()) as f32, (r * cos + off()) as f32], class)
        };
        (0..n_points).map(point).collect()
    }

    /// The table, judged by cross-entropy.
    ///
    /// # Errors
    /// If there are no points, or a number is not finite.
    pub fn table(&self) -> Result<Table, String> {
        let table = Table::classes("spirals", &self.points(self.n_points, 0), 2)?.won(Won::Accuracy(self.needed));
        let test: Vec<_> = self.points(self.n_test, 1).into_iter().map(|(x, class)| (x, vec![class as f32])).collect();
        table.with_test(&test)
    }
}

/// A function of one number that is to be approximated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// sin(pi x) for x in -1..=1, brought to 0..=1.
    Sine,
    /// x^4 + x^3 + x^2 + x for x in -1..=1 (Koza 1992), divided by 4.
    Quartic,
    /// sin(3 pi x) / (3 pi x) for x in -1..=1.
    Sinc,
}

impl Curve {
    /// All of them.
    pub const ALL: [Curve; 3] = [Curve::Sine, Curve::Quartic, Curve::Sinc];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Curve::Sine => "sine",
            Curve::Quartic => "quartic",
            Curve::Sinc => "sinc",
        }
    }

    /// Its value at `x`.
    pub fn at(self, x: f64) -> f64 {
        match self {
            Curve::Sine => 0.5 + 0.5 * math::sin(PI * x),
            Curve::Quartic => x * (1.0 + x * (1.0 + x * (1.0 + x))) / 4.0,
            Curve::Sinc if x == 0.0 => 1.0,
            Curve::Sinc => math::sin(3.0 * PI * x) / (3.0 * PI * x),
        }
    }

    /// The table of `n` points at equal distances, and a test of the points between them; judged by the squared error.
    ///
    /// # Panics
    /// If `n` is below 2.
    pub fn table(self, n: usize) -> Table {
        assert!(n >= 2, "{n} points of a curve, must be 2 or more");
        let row = |x: f64| (vec![x as f32], vec![self.at(x) as f32]);
        let at = |k: f64| 2.0 * k / (n - 1) as f64 - 1.0;
        let rows: Vec<_> = (0..n).map(|k| row(at(k as f64))).collect();
        let between: Vec<_> = (0..n - 1).map(|k| row(at(k as f64 + 0.5))).collect();
        let table = Table::regression(self.name(), &rows).and_then(|t| t.with_test(&between));
        table.expect("finite rows of one length")
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::settings::Shape;
    use super::super::super::task::Task;
    use super::*;

    #[test]
    fn boolean_tables_hold_their_functions() {
        assert_eq!(Table::xor().rows().wanted(), [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(Table::xor().rows().inputs(), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(Table::parity(3).rows().wanted().iter().sum::<f32>(), 4.0);
        for (address, inputs) in [(1, 3), (2, 6), (3, 11)] {
            let table = Table::multiplexer(address);
            assert_eq!((table.shape().n_inputs, table.n_rows()), (inputs, 1 << inputs));
            assert_eq!(table.rows().wanted().iter().sum::<f32>() as usize, 1 << (inputs - 1));
        }
        // Address 2 (bits 0 and 1 of the row: 0, 1) chooses data bit 2, which is bit 4 of the row.
        let table = Table::multiplexer(2);
        assert_eq!(table.rows().wanted()[0b01_0010], 1.0);
        assert_eq!(table.rows().wanted()[0b10_1110], 0.0);
    }

    #[test]
    fn spirals_are_opposite_and_have_a_test_of_their_own() {
        let calm = Spirals { noise: 0.0, ..Spirals::default() }.table().unwrap();
        assert_eq!(calm.shape(), Shape { n_inputs: 2, n_outputs: 1 });
        assert_eq!((calm.n_rows(), calm.held_out().len()), (200, 200));
        let (x, y) = calm.rows().inputs().split_at(200);
        for k in (0..200).step_by(2) {
            assert_eq!((calm.rows().wanted()[k], calm.rows().wanted()[k + 1]), (0.0, 1.0));
            assert!((x[k] + x[k + 1]).abs() < 1e-5 && (y[k] + y[k + 1]).abs() < 1e-5, "points {k}");
            assert!((f64::from(x[k].hypot(y[k])) - 6.0 * (k as f64 / 200.0)).abs() < 1e-5);
        }
        let noisy = Spirals::default().table().unwrap();
        assert_ne!(noisy.rows(), noisy.held_out());
        let off = noisy.rows().inputs().iter().zip(calm.rows().inputs()).map(|(a, b)| (a - b).abs());
        assert!((0.45..0.5001).contains(&off.fold(0.0, f32::max)));
        assert!(Spirals { n_points: 0, ..Spirals::default() }.table().is_err());
    }

    #[test]
    fn curves_have_their_values() {
        for (curve, x, expected) in
            [(Curve::Sine, 0.5, 1.0), (Curve::Sine, 0.0, 0.5), (Curve::Quartic, 1.0, 1.0), (Curve::Sinc, 0.0, 1.0), (Curve::Sinc, 1.0, 0.0)]
        {
            assert!((curve.at(x) - expected).abs() < 1e-12, "{} at {x}", curve.name());
        }
        let table = Curve::Quartic.table(21);
        assert_eq!((table.n_rows(), table.held_out().len()), (21, 20));
        assert_eq!(table.rows().inputs()[20], 1.0);
        assert!((table.held_out().inputs()[0] + 0.95).abs() < 1e-6);
    }
}
