//! What a file describes: a spin system, and how its energy reads as the user's own objective.

use crate::plan::{Coupling, IsingModel};

use super::super::binary::{BinaryModel, merged};

/// A spin system from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Name of the file as given.
    pub name: String,
    /// The spins; their energy is the file's objective, to be minimised (for Max-Cut, see `max_cut`).
    pub model: IsingModel,
    /// How to turn energies into cuts, if the file is a graph to be cut.
    pub max_cut: Option<MaxCut>,
    /// Whether the file speaks of spins or of 0/1 units, v = (1 + s) / 2.
    pub vartype: Vartype,
}

/// The relation between energy and cut: H = sum w s s, cut = (sum w - H) / 2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaxCut {
    /// The sum of all weights.
    pub total_weight: f64,
}

impl MaxCut {
    /// The weight of the cut between spins +1 and -1 at `energy`.
    pub fn cut(self, energy: f64) -> f64 {
        (self.total_weight - energy) / 2.0
    }

    /// The energy at which the cut has weight `cut`.
    pub fn energy(self, cut: f64) -> f64 {
        self.total_weight - 2.0 * cut
    }
}

/// The values of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vartype {
    /// -1 or +1.
    Spin,
    /// 0 or 1.
    Binary,
}

/// What the entries of a graph or matrix file mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// Weights w of a graph to be cut: J = -w. A loop is never cut and is left out.
    #[default]
    MaxCut,
    /// Couplings J of E = -sum_{i<j} J_ij s_i s_j; diagonal entries are constants, -J_ii each.
    Couplings,
    /// The matrix Q of E = v^T Q v with v = 0 or 1.
    Qubo,
}

/// How to read a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// What the entries mean, for edge lists and Matrix Market.
    pub meaning: Meaning,
    /// Spins or 0/1, for coordinate text without a `vartype` header.
    pub vartype: Option<Vartype>,
    /// Sizes past which a file is refused.
    pub limits: Limits,
}

/// The largest instance that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest number of spins.
    pub max_spins: u64,
    /// Largest number of couplings, before repeated ones are added up.
    pub max_couplings: u64,
    /// Largest file in bytes.
    pub max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_spins: 1 << 27, max_couplings: 1 << 28, max_bytes: 1 << 33 }
    }
}

/// Entries (i, j, value) of a graph or matrix, i != j, and its diagonal, before their meaning is applied.
pub(super) struct Entries {
    pub n: usize,
    /// Values that share a pair add up.
    pub pairs: Vec<(u32, u32, f64)>,
    /// (i, value).
    pub diagonal: Vec<(u32, f64)>,
}

impl Entries {
    /// The instance that these entries describe under `meaning`.
    pub fn into_instance(self, name: &str, meaning: Meaning) -> Instance {
        let name = name.to_owned();
        if meaning == Meaning::Qubo {
            let mut binary = BinaryModel { linear: vec![0.0; self.n], quadratic: self.pairs, offset: 0.0 };
            for (i, value) in self.diagonal {
                binary.linear[i as usize] += value;
            }
            return Instance { name, model: binary.to_ising(), max_cut: None, vartype: Vartype::Binary };
        }
        let sign = if meaning == Meaning::MaxCut { -1.0 } else { 1.0 };
        let mut model = spin_model(self.n, self.pairs, sign);
        let max_cut =
            (meaning == Meaning::MaxCut).then(|| MaxCut { total_weight: model.couplings.iter().map(|c| -f64::from(c.strength)).sum() });
        if meaning == Meaning::Couplings {
            model.offset -= self.diagonal.iter().map(|&(_, value)| value).sum::<f64>();
        }
        Instance { name, model, max_cut, vartype: Vartype::Spin }
    }
}

/// A model with J = `sign` times the values, repeated pairs added up in f64.
pub(super) fn spin_model(n: usize, pairs: Vec<(u32, u32, f64)>, sign: f64) -> IsingModel {
    let mut model = IsingModel::with_spins(n);
    model.couplings = merged(pairs).into_iter().map(|(i, j, value)| Coupling::new(i, j, (sign * value) as f32)).collect();
    model
}
