//! Models of 0/1 units (QUBO, Boltzmann machines) and their exact translation to spins and back.
//!
//! With v = (1 + s) / 2, a pair term b v_i v_j becomes (b/4)(1 + s_i + s_j + s_i s_j) and a unit term
//! a v_i becomes (a/2)(1 + s_i). A Boltzmann machine's energy is -sum W_ij v_i v_j - sum b_i v_i, so its spin coupling is
//! J' = W/4. Sums are made in f64 and rounded once to the f32 of [`IsingModel`].

use crate::plan::{Coupling, IsingModel};

/// E(v) = offset + sum_{i<j} b_ij v_i v_j + sum_i a_i v_i with v = 0 or 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BinaryModel {
    /// a_i, one a unit.
    pub linear: Vec<f64>,
    /// (i, j, b_ij), i != j; repeated pairs add up.
    pub quadratic: Vec<(u32, u32, f64)>,
    /// Constant added to every energy.
    pub offset: f64,
}

impl BinaryModel {
    /// A Boltzmann machine: E(v) = -sum `weights` v_i v_j - sum `biases` v_i.
    pub fn boltzmann(biases: &[f64], weights: &[(u32, u32, f64)]) -> Self {
        BinaryModel {
            linear: biases.iter().map(|b| -b).collect(),
            quadratic: weights.iter().map(|&(i, j, w)| (i, j, -w)).collect(),
            offset: 0.0,
        }
    }

    /// The energy of `units` (each 0 or 1).
    ///
    /// # Panics
    /// If `units` has another length than the model.
    pub fn energy(&self, units: &[u8]) -> f64 {
        assert_eq!(units.len(), self.linear.len(), "one value a unit");
        let pairs: f64 = self.quadratic.iter().map(|&(i, j, b)| b * f64::from(units[i as usize] * units[j as usize])).sum();
        let singles: f64 = self.linear.iter().zip(units).map(|(a, &v)| a * f64::from(v)).sum();
        self.offset + pairs + singles
    }

    /// The same model in spins s = 2 v - 1, with the same energies.
    ///
    /// # Panics
    /// If a pair joins a unit to itself or names a unit that does not exist.
    pub fn to_ising(&self) -> IsingModel {
        let mut model = IsingModel::with_spins(self.linear.len());
        let mut fields: Vec<f64> = self.linear.iter().map(|a| -a / 2.0).collect();
        let pairs = merged(self.quadratic.clone());
        model.offset = self.offset + self.linear.iter().sum::<f64>() / 2.0;
        for &(i, j, b) in &pairs {
            model.couplings.push(Coupling::new(i, j, (-b / 4.0) as f32));
            model.offset += b / 4.0;
            fields[i as usize] -= b / 4.0;
            fields[j as usize] -= b / 4.0;
        }
        model.fields = fields.into_iter().map(|h| h as f32).collect();
        model.normalise();
        model
    }

    /// The 0/1 form of `model`, with the same energies at v = (1 + s) / 2.
    pub fn from_ising(model: &IsingModel) -> Self {
        let mut linear: Vec<f64> = model.fields.iter().map(|&h| -2.0 * f64::from(h)).collect();
        let mut offset = model.offset + model.fields.iter().map(|&h| f64::from(h)).sum::<f64>();
        let mut quadratic = Vec::with_capacity(model.couplings.len());
        for c in &model.couplings {
            let j = f64::from(c.strength);
            quadratic.push((c.i, c.j, -4.0 * j));
            linear[c.i as usize] += 2.0 * j;
            linear[c.j as usize] += 2.0 * j;
            offset -= j;
        }
        BinaryModel { linear, quadratic, offset }
    }
}

/// The energy of `model` as that of a Boltzmann machine of 0/1 units: weights W stand in place of the
/// couplings and biases b in place of the fields, E = offset - sum W v v - sum b v.
pub fn boltzmann_of_ising(model: &IsingModel) -> IsingModel {
    let binary = BinaryModel::from_ising(model);
    let couplings = binary.quadratic.iter().map(|&(i, j, b)| Coupling::new(i, j, -b as f32)).collect();
    let fields = binary.linear.iter().map(|&a| -a as f32).collect();
    IsingModel { fields, couplings, offset: binary.offset }
}

/// The spin of a unit: 0 is -1, 1 is +1.
pub fn spin_of_unit(unit: u8) -> i8 {
    if unit == 0 { -1 } else { 1 }
}

/// The unit of a spin: -1 is 0, +1 is 1.
pub fn unit_of_spin(spin: i8) -> u8 {
    u8::from(spin > 0)
}

/// Each pair once, its lower end first, sorted by the upper end; repeated pairs add up in the order in which they come.
pub(super) fn merged(mut pairs: Vec<(u32, u32, f64)>) -> Vec<(u32, u32, f64)> {
    for pair in &mut pairs {
        *pair = (pair.0.min(pair.1), pair.0.max(pair.1), pair.2);
    }
    pairs.sort_by_key(|&(i, j, _)| (j, i));
    pairs.dedup_by(|next, kept| {
        let same = (next.0, next.1) == (kept.0, kept.1);
        if same {
            kept.2 += next.2;
        }
        same
    });
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(n: usize) -> impl Iterator<Item = Vec<u8>> {
        (0..1_u32 << n).map(move |bits| (0..n).map(|i| (bits >> i & 1) as u8).collect())
    }

    fn spins(units: &[u8]) -> Vec<i8> {
        units.iter().map(|&v| spin_of_unit(v)).collect()
    }

    #[test]
    fn binary_and_spin_energies_are_equal_in_every_state() {
        let binary = BinaryModel {
            linear: vec![1.0, -2.0, 0.5, 0.0],
            quadratic: vec![(0, 1, 3.0), (3, 1, -1.25), (2, 3, 4.0), (1, 0, -1.0)],
            offset: -7.0,
        };
        let ising = binary.to_ising();
        let back = BinaryModel::from_ising(&ising);
        for units in states(4) {
            assert_eq!(binary.energy(&units), ising.energy(&spins(&units)));
            assert_eq!(binary.energy(&units), back.energy(&units));
        }
        let machine = boltzmann_of_ising(&ising);
        let biases: Vec<f64> = machine.fields.iter().map(|&b| f64::from(b)).collect();
        let weights: Vec<_> = machine.couplings.iter().map(|c| (c.i, c.j, f64::from(c.strength))).collect();
        let again = BinaryModel { offset: machine.offset, ..BinaryModel::boltzmann(&biases, &weights) };
        assert!(states(4).all(|units| again.energy(&units) == binary.energy(&units)));
    }

    #[test]
    fn a_boltzmann_weight_is_four_spin_couplings() {
        let machine = BinaryModel::boltzmann(&[0.5, -1.0, 0.0], &[(0, 1, 2.0), (1, 2, -3.0)]);
        assert_eq!(machine.energy(&[1, 1, 1]), -0.5 + 1.0 - 2.0 + 3.0);
        let ising = machine.to_ising();
        assert_eq!(ising.couplings, [Coupling::new(0, 1, 0.5), Coupling::new(1, 2, -0.75)]);
        assert_eq!(ising.fields, [0.25 + 0.5, -0.5 + 0.5 - 0.75, -0.75]);
        for units in states(3) {
            assert_eq!(machine.energy(&units), ising.energy(&spins(&units)));
            assert!(units.iter().all(|&v| unit_of_spin(spin_of_unit(v)) == v));
        }
    }
}
