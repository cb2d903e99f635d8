//! Two layers, each spin of one coupled to each of the other: restricted Boltzmann machines (Smolensky 1986).

use crate::plan::{Coupling, IsingModel};

use super::error::{GenerateError, check_size};

/// `n_first` spins, each coupled by `strength` to each of `n_second` more, which come after them.
///
/// # Errors
/// If the model has more couplings than lehr generates.
pub fn complete_bipartite(n_first: usize, n_second: usize, strength: f32) -> Result<IsingModel, GenerateError> {
    let n = (n_first as u64).saturating_add(n_second as u64);
    check_size(n, (n_first as u64).saturating_mul(n_second as u64))?;
    let mut model = IsingModel::with_spins(n_first + n_second);
    let (first, all) = (n_first as u32, (n_first + n_second) as u32);
    model.couplings = (first..all).flat_map(|j| (0..first).map(move |i| Coupling { i, j, strength })).collect();
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spin_of_one_layer_meets_every_spin_of_the_other_once() {
        let model = complete_bipartite(3, 2, 0.5).unwrap();
        let pairs: Vec<(u32, u32)> = model.couplings.iter().map(|c| (c.i, c.j)).collect();
        assert_eq!(pairs, [(0, 3), (1, 3), (2, 3), (0, 4), (1, 4), (2, 4)]);
        let mut sorted = model.clone();
        sorted.normalise();
        assert_eq!(model, sorted);
        assert!(complete_bipartite(usize::MAX, 2, 1.0).is_err() && complete_bipartite(1 << 20, 1 << 20, 1.0).is_err());
    }
}
