//! Streaming mean and variance (Welford 1962), with bounded memory and checkpointable.

use crate::snapshot::{Snapshot, SnapshotError};

/// Count, mean and summed squared deviation of a stream of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    n: u64,
    mean: f64,
    m2: f64,
}

impl Moments {
    /// Takes one number in.
    #[inline]
    pub fn push(&mut self, x: f64) {
        self.n += 1;
        let d = x - self.mean;
        self.mean += d / self.n as f64;
        self.m2 += d * (x - self.mean);
    }

    /// How many numbers were taken in.
    pub fn count(&self) -> u64 {
        self.n
    }

    /// Their mean; NaN if there are none.
    pub fn mean(&self) -> f64 {
        if self.n == 0 { f64::NAN } else { self.mean }
    }

    /// Their variance (divided by n - 1); NaN below two numbers.
    pub fn variance(&self) -> f64 {
        if self.n < 2 { f64::NAN } else { self.m2 / (self.n - 1) as f64 }
    }

    /// If the numbers are energies at inverse temperature `beta`: C = beta^2 Var(E), of the whole system.
    pub fn specific_heat(&self, beta: f64) -> f64 {
        beta * beta * self.variance()
    }

    /// Flat numbers of several moments, for a snapshot: (n as bits, mean, m2) each.
    pub fn pack(all: &[Moments]) -> Vec<u64> {
        all.iter().flat_map(|m| [m.n, m.mean.to_bits(), m.m2.to_bits()]).collect()
    }

    /// Reads `n` moments that [`Moments::pack`] flattened into the section `name`.
    ///
    /// # Errors
    /// If the section is missing, of another length or not finite.
    pub fn unpack(name: &str, n: usize, snapshot: &Snapshot) -> Result<Vec<Moments>, SnapshotError> {
        let words: Vec<u64> = snapshot.get_n(name, 3 * n)?;
        let moments: Vec<Moments> = words
            .as_chunks::<3>()
            .0
            .iter()
            .map(|&[n, mean, m2]| Moments { n, mean: f64::from_bits(mean), m2: f64::from_bits(m2) })
            .collect();
        match moments.iter().position(|m| m.n >= 1 << 62 || !m.mean.is_finite() || !m.m2.is_finite() || m.m2 < 0.0) {
            Some(k) => Err(SnapshotError::Invalid { name: name.to_owned(), what: format!("moments {k} are {:?}", moments[k]) }),
            None => Ok(moments),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_match_two_passes_and_come_back() {
        let xs: Vec<f64> = (0..100).map(|k| 1e6 + f64::from(k * k % 17)).collect();
        let mut m = Moments::default();
        xs.iter().for_each(|&x| m.push(x));
        let mean = xs.iter().sum::<f64>() / 100.0;
        let variance = xs.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 99.0;
        assert!((m.mean() - mean).abs() < 1e-6 && (m.variance() / variance - 1.0).abs() < 1e-9);
        assert!((m.specific_heat(2.0) - 4.0 * m.variance()).abs() < 1e-12);
        let mut snapshot = Snapshot::default();
        snapshot.put("m", &Moments::pack(&[m, Moments::default()]));
        assert_eq!(Moments::unpack("m", 2, &snapshot).unwrap(), [m, Moments::default()]);
        assert!(Moments::unpack("m", 3, &snapshot).is_err());
    }
}
