//! Small models that the tests of the engines share.

use crate::plan::{Coupling, IsingModel};
use crate::random::SystemTag;
use crate::units::Seed;

use super::sampler::SweepKey;

pub fn key(sweep: u32) -> SweepKey {
    SweepKey { seed: Seed(11), system: SystemTag::named("replica test"), step: 1, sweep }
}

/// Six spins: a triangle with a tail, one (nearly) free spin, one clamped one.
pub fn small_model(integer: bool) -> (IsingModel, Vec<bool>) {
    let mut model = IsingModel::with_spins(6);
    let strengths = if integer { [1.0, -2.0, 1.0, 3.0, 1.0] } else { [0.83, -1.7, 0.9, 2.1, 0.6] };
    for ((a, b), j) in [(0, 1), (1, 2), (0, 2), (2, 3), (3, 5)].into_iter().zip(strengths) {
        model.couplings.push(Coupling::new(a, b, j));
    }
    model.fields = if integer { vec![1.0, 0.0, -1.0, 0.0, 1.0, 0.0] } else { vec![0.4, 0.0, -0.3, 0.05, 0.01, 0.0] };
    model.normalise();
    (model, vec![false, false, false, false, false, true])
}

/// Many copies of `model` side by side: one sweep gives as many samples.
pub fn copies(model: &IsingModel, clamped: &[bool], n_copies: usize) -> (IsingModel, Vec<bool>) {
    let n = model.n_spins();
    let mut many = IsingModel::with_spins(n * n_copies);
    for copy in 0..n_copies as u32 {
        let base = copy * n as u32;
        many.couplings.extend(model.couplings.iter().map(|c| Coupling::new(c.i + base, c.j + base, c.strength)));
    }
    many.fields = model.fields.repeat(n_copies);
    many.normalise();
    (many, clamped.repeat(n_copies))
}
