//! A pairwise model of spins, independent of any storage: what files, generators and tests speak.
//!
//! E(s) = offset - sum_{i<j} J_ij s_i s_j - sum_i h_i s_i with s = +-1.

/// One symmetric coupling J between spins `i` and `j`, `i != j`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coupling {
    /// The lower spin index.
    pub i: u32,
    /// The higher spin index.
    pub j: u32,
    /// Strength; positive couplings favour equal spins.
    pub strength: f32,
}

impl Coupling {
    /// A coupling between two different spins, in either order.
    pub fn new(a: u32, b: u32, strength: f32) -> Self {
        Coupling { i: a.min(b), j: a.max(b), strength }
    }
}

/// An Ising model on a sparse graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IsingModel {
    /// h_i, one a spin; its length is the number of spins.
    pub fields: Vec<f32>,
    /// Couplings, each pair at most once, sorted by (j, i): the order of synapse rows (target, source).
    pub couplings: Vec<Coupling>,
    /// Constant added to every energy.
    pub offset: f64,
}

impl IsingModel {
    /// A model of `n_spins` free spins without fields.
    pub fn with_spins(n_spins: usize) -> Self {
        IsingModel { fields: vec![0.0; n_spins], couplings: Vec::new(), offset: 0.0 }
    }

    /// Number of spins.
    pub fn n_spins(&self) -> usize {
        self.fields.len()
    }

    /// Sorts the couplings by (j, i) and adds up repeated pairs.
    ///
    /// # Panics
    /// If a coupling joins a spin to itself or names a spin that does not exist.
    pub fn normalise(&mut self) {
        let n = self.n_spins() as u32;
        for c in &self.couplings {
            assert!(c.i < c.j && c.j < n, "coupling {}-{} in a model of {n} spins", c.i, c.j);
        }
        self.couplings.sort_by_key(|c| (c.j, c.i));
        self.couplings.dedup_by(|next, kept| {
            let same = (next.i, next.j) == (kept.i, kept.j);
            if same {
                kept.strength += next.strength;
            }
            same
        });
    }

    /// The energy of `spins` (each +1 or -1), summed in f64 in row order.
    ///
    /// # Panics
    /// If `spins` has another length than the model.
    pub fn energy(&self, spins: &[i8]) -> f64 {
        assert_eq!(spins.len(), self.n_spins(), "one spin a site");
        let pairs: f64 = self.couplings.iter().map(|c| f64::from(c.strength) * f64::from(spins[c.i as usize] * spins[c.j as usize])).sum();
        let sites: f64 = self.fields.iter().zip(spins).map(|(&h, &s)| f64::from(h) * f64::from(s)).sum();
        self.offset - pairs - sites
    }

    /// The sum of all |J|, a bound on the coupling energy.
    pub fn total_strength(&self) -> f64 {
        self.couplings.iter().map(|c| f64::from(c.strength.abs())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_counts_couplings_fields_and_offset() {
        let mut model = IsingModel::with_spins(3);
        model.couplings = vec![Coupling::new(1, 0, 1.0), Coupling::new(1, 2, -2.0), Coupling::new(0, 1, 0.5)];
        model.fields[2] = 0.25;
        model.offset = 10.0;
        model.normalise();
        assert_eq!(model.couplings.len(), 2);
        assert_eq!(model.energy(&[1, 1, -1]), 10.0 - 1.5 - 2.0 + 0.25);
    }
}
