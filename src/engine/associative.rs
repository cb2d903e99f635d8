//! Dense associative memory: patterns far beyond the capacity of pairs, by energies that are steeper than squares.
//!
//! E(s) = -sum_m F(o_m), o_m = sum_i x_i^m s_i the overlap with pattern m. F(z) = z^n is Hopfield's memory at n = 2 and holds of the
//! order of N^(n-1) random patterns (Krotov, Hopfield 2016); F(z) = e^z holds exponentially many (Demircigil et al. 2017). A spin
//! turns where that lowers E, one after another, in O(patterns) each.

use crate::math;

use super::hopfield::HopfieldError;

/// How steep the energy is in an overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// z^n, n from 2 to 20; odd powers tell a pattern from its negative.
    Power(u32),
    /// e^z.
    Exponential,
}

/// Patterns with an energy over them.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseMemory {
    n_neurons: usize,
    /// `[neuron][pattern]`, +1 or -1.
    patterns: Vec<i8>,
    interaction: Interaction,
    /// F by (overlap + N), divided by a constant where F would overflow.
    table: Vec<f64>,
}

impl DenseMemory {
    /// A memory of patterns of +-1.
    ///
    /// # Errors
    /// If there are no patterns, or they differ in length.
    ///
    /// # Panics
    /// If a power is not in 2..=20.
    pub fn new(patterns: &[Vec<i8>], interaction: Interaction) -> Result<Self, HopfieldError> {
        let expected = patterns.first().ok_or(HopfieldError::NoPatterns)?.len();
        if let Some((number, x)) = patterns.iter().enumerate().find(|(_, x)| x.len() != expected) {
            return Err(HopfieldError::Length { number, found: x.len(), expected });
        }
        let value = |z: i64| match interaction {
            // Relative to the largest overlap there can be: signs of differences are what counts.
            Interaction::Power(n) => (0..n).fold(1.0, |product, _| product * (z as f64 / expected.max(1) as f64)),
            Interaction::Exponential => math::exp((z - expected as i64) as f64),
        };
        if let Interaction::Power(n) = interaction {
            assert!((2..=20).contains(&n), "overlaps to the power of {n}");
        }
        let table = (-(expected as i64)..=expected as i64).map(value).collect();
        let by_neuron = (0..expected).flat_map(|i| patterns.iter().map(move |x| x[i])).collect();
        Ok(DenseMemory { n_neurons: expected, patterns: by_neuron, interaction, table })
    }

    /// How steep its energy is.
    pub fn interaction(&self) -> Interaction {
        self.interaction
    }

    /// The energy of a state, in units of F at an overlap with all neurons: every pattern alone has -1 or less.
    ///
    /// # Panics
    /// If the state has another length than the patterns.
    pub fn energy(&self, spins: &[i8]) -> f64 {
        -self.overlaps(spins).iter().map(|&o| self.at(o)).sum::<f64>()
    }

    /// Turns spin after spin where that lowers the energy, until a sweep turns none or `max_sweeps` are over.
    ///
    /// # Panics
    /// If the state has another length than the patterns.
    pub fn descend(&self, start: &[i8], max_sweeps: u32) -> Vec<i8> {
        let mut spins = start.to_vec();
        let mut overlaps = self.overlaps(&spins);
        let n_patterns = overlaps.len();
        for _ in 0..max_sweeps {
            let mut n_turned = 0;
            for (spin, row) in spins.iter_mut().zip(self.patterns.chunks_exact(n_patterns)) {
                let change = |(&o, &x): (&i64, &i8)| self.at(o - 2 * i64::from(x * *spin)) - self.at(o);
                if overlaps.iter().zip(row).map(change).sum::<f64>() > 0.0 {
                    overlaps.iter_mut().zip(row).for_each(|(o, &x)| *o -= 2 * i64::from(x * *spin));
                    *spin = -*spin;
                    n_turned += 1;
                }
            }
            if n_turned == 0 {
                break;
            }
        }
        spins
    }

    fn at(&self, overlap: i64) -> f64 {
        self.table[(overlap + self.n_neurons as i64) as usize]
    }

    fn overlaps(&self, spins: &[i8]) -> Vec<i64> {
        assert_eq!(spins.len(), self.n_neurons, "spins, and neurons of the patterns");
        let n_patterns = self.patterns.len() / self.n_neurons.max(1);
        let mut overlaps = vec![0; n_patterns];
        for (&s, row) in spins.iter().zip(self.patterns.chunks_exact(n_patterns.max(1))) {
            overlaps.iter_mut().zip(row).for_each(|(o, &x)| *o += i64::from(x * s));
        }
        overlaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::hopfield::hebb;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    fn random_patterns(p: usize, n: usize) -> Vec<Vec<i8>> {
        let mut stream = StreamKey::new(Seed(5), SystemTag::named("patterns"), p as u64).stream();
        (0..p).map(|_| (0..n).map(|_| if stream.coin() { 1 } else { -1 }).collect()).collect()
    }

    /// Share of `tried` patterns that come back whole with every tenth spin turned.
    fn recalled(memory: &DenseMemory, tried: &[Vec<i8>]) -> f64 {
        let is_back = |x: &&Vec<i8>| {
            let spoilt: Vec<i8> = x.iter().enumerate().map(|(i, &s)| if i % 10 == 3 { -s } else { s }).collect();
            memory.descend(&spoilt, 20) == **x
        };
        tried.iter().filter(is_back).count() as f64 / tried.len() as f64
    }

    #[test]
    fn steep_energies_hold_many_times_the_patterns_that_pairs_hold() {
        const N: usize = 100;
        // 0.138 N would be 13 patterns.
        let (twice, many, most) = (random_patterns(28, N), random_patterns(200, N), random_patterns(2000, N));
        let share = |patterns: &[Vec<i8>], how| recalled(&DenseMemory::new(patterns, how).expect("good"), &patterns[..20]);
        assert!(share(&twice, Interaction::Power(2)) < 0.5, "pairs lose a load of .28");
        assert_eq!(share(&many, Interaction::Power(4)), 1.0, "fourth powers hold 15 times as many as pairs could");
        assert_eq!(share(&most, Interaction::Exponential), 1.0, "exponentials hold 145 times as many");
        // The planted fault: squares called fourth powers.
        assert!(share(&many, Interaction::Power(2)) < 0.1);
        assert!(share(&most, Interaction::Power(3)) < 0.5, "cubes lose them");
    }

    #[test]
    fn squares_are_hopfields_memory() {
        const N: usize = 40;
        let patterns = random_patterns(5, N);
        let (memory, pairs) = (DenseMemory::new(&patterns, Interaction::Power(2)).expect("good"), hebb(&patterns).expect("good"));
        for s in random_patterns(20, N) {
            // sum o^2 / N^2 = p / N + 2/N sum J s s over pairs.
            let expected = -(5.0 / N as f64) + 2.0 / N as f64 * pairs.energy(&s);
            assert!((memory.energy(&s) - expected).abs() < 1e-6, "{} for {expected}", memory.energy(&s));
        }
    }

    #[test]
    fn a_descent_never_climbs() {
        let patterns = random_patterns(60, 50);
        for how in [Interaction::Power(2), Interaction::Power(3), Interaction::Exponential] {
            let memory = DenseMemory::new(&patterns, how).expect("good");
            for s in random_patterns(10, 50) {
                let mut energies = vec![memory.energy(&s)];
                energies.extend((1..6).map(|sweeps| memory.energy(&memory.descend(&s, sweeps))));
                assert!(energies.windows(2).all(|e| e[1] <= e[0] + 1e-12), "{how:?}: {energies:?}");
            }
        }
    }

    #[test]
    fn patterns_that_make_no_memory_are_refused() {
        assert_eq!(DenseMemory::new(&[], Interaction::Exponential), Err(HopfieldError::NoPatterns));
        let uneven = [vec![1, -1], vec![1]];
        assert_eq!(DenseMemory::new(&uneven, Interaction::Power(3)), Err(HopfieldError::Length { number: 1, found: 1, expected: 2 }));
    }
}
