//! One enum over all generators, for scenes and command lines.

use crate::plan::IsingModel;
use crate::units::Seed;

use super::bipartite::complete_bipartite;
use super::disorder::{Disorder, with_disorder};
use super::error::GenerateError;
use super::lattice::{Boundary, lattice_2d, lattice_3d};
use super::mean_field::{Scaling, sherrington_kirkpatrick};
use super::planted::{CubeTiles, Planted, SquareTiles, planted_cubic, planted_torus};
use super::random_graph::{random_regular, random_sparse};

/// A spin system by name and parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Generator {
    /// A square lattice.
    Lattice2d {
        /// Spins in a row.
        width: usize,
        /// Number of rows.
        height: usize,
        /// Torus or open rim.
        boundary: Boundary,
        /// Distribution of the couplings.
        disorder: Disorder,
    },
    /// A cubic lattice.
    Lattice3d {
        /// Spins in a row.
        width: usize,
        /// Rows in a layer.
        height: usize,
        /// Number of layers.
        depth: usize,
        /// Torus or open rim.
        boundary: Boundary,
        /// Distribution of the couplings.
        disorder: Disorder,
    },
    /// A torus of frustrated plaquettes with a known ground state.
    PlantedTorus {
        /// Spins in a row, even.
        width: usize,
        /// Number of rows, even.
        height: usize,
        /// Mixture of plaquette classes.
        tiles: SquareTiles,
    },
    /// A cubic torus of frustrated cubes with a known ground state.
    PlantedCubic {
        /// Spins in a row, even.
        width: usize,
        /// Rows in a layer, even.
        height: usize,
        /// Number of layers, even.
        depth: usize,
        /// Mixture of cube classes.
        tiles: CubeTiles,
    },
    /// A random simple graph with the same number of neighbours everywhere.
    RandomRegular {
        /// Number of spins.
        n: usize,
        /// Neighbours of each spin.
        degree: usize,
        /// Distribution of the couplings.
        disorder: Disorder,
    },
    /// A random simple graph with a given number of couplings.
    RandomSparse {
        /// Number of spins.
        n: usize,
        /// Number of couplings.
        n_couplings: usize,
        /// Distribution of the couplings.
        disorder: Disorder,
    },
    /// Two layers, every spin of one coupled to every spin of the other.
    Bipartite {
        /// Spins of the first layer.
        n_first: usize,
        /// Spins of the second layer, which come after those of the first.
        n_second: usize,
        /// Distribution of the couplings.
        disorder: Disorder,
    },
    /// All pairs coupled at random.
    SherringtonKirkpatrick {
        /// Number of spins.
        n: usize,
        /// Distribution and scale of the couplings.
        scaling: Scaling,
    },
}

/// A generated instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The spin system.
    pub model: IsingModel,
    /// The exact ground-state energy, if the generator knows it.
    pub ground_energy: Option<f64>,
    /// A ground state, if the generator knows one.
    pub ground_state: Option<Vec<i8>>,
}

/// Makes the instance that `generator` and `seed` name.
///
/// # Errors
/// If a parameter is out of its range; nothing is allocated before the check.
pub fn generate(generator: &Generator, seed: Seed) -> Result<Generated, GenerateError> {
    let unplanted = |model| Generated { model, ground_energy: None, ground_state: None };
    let planted = |p: Planted| Generated { model: p.model, ground_energy: Some(p.ground_energy), ground_state: Some(p.ground_state) };
    Ok(match *generator {
        Generator::Lattice2d { width, height, boundary, disorder } => {
            disorder.check()?;
            unplanted(with_disorder(lattice_2d(width, height, boundary, 1.0)?, disorder, seed)?)
        }
        Generator::Lattice3d { width, height, depth, boundary, disorder } => {
            disorder.check()?;
            unplanted(with_disorder(lattice_3d(width, height, depth, boundary, 1.0)?, disorder, seed)?)
        }
        Generator::PlantedTorus { width, height, tiles } => planted(planted_torus(width, height, tiles, seed)?),
        Generator::PlantedCubic { width, height, depth, tiles } => planted(planted_cubic(width, height, depth, tiles, seed)?),
        Generator::RandomRegular { n, degree, disorder } => {
            disorder.check()?;
            unplanted(with_disorder(random_regular(n, degree, 1.0, seed)?, disorder, seed)?)
        }
        Generator::RandomSparse { n, n_couplings, disorder } => {
            disorder.check()?;
            unplanted(with_disorder(random_sparse(n, n_couplings, 1.0, seed)?, disorder, seed)?)
        }
        Generator::Bipartite { n_first, n_second, disorder } => {
            disorder.check()?;
            unplanted(with_disorder(complete_bipartite(n_first, n_second, 1.0)?, disorder, seed)?)
        }
        Generator::SherringtonKirkpatrick { n, scaling } => unplanted(sherrington_kirkpatrick(n, scaling, seed)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FNV-1a over sizes, ends and the bits of strengths.
    fn hash(model: &IsingModel) -> u64 {
        let words = model.couplings.iter().flat_map(|c| [c.i, c.j, c.strength.to_bits()]);
        words
            .chain([model.n_spins() as u32])
            .flat_map(u32::to_le_bytes)
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }

    #[test]
    fn instances_are_pinned_by_generator_and_seed() {
        let check = |generator: Generator, expected: u64| {
            let found = hash(&generate(&generator, Seed(1)).unwrap().model);
            assert_eq!(found, expected, "{generator:?} has hash {found:#018x}");
            assert_ne!(hash(&generate(&generator, Seed(2)).unwrap().model), expected, "{generator:?} ignores its seed");
        };
        let disorder = Disorder::PLUS_MINUS_ONE;
        check(Generator::Lattice2d { width: 40, height: 30, boundary: Boundary::Periodic, disorder }, 0xd1a9_54d1_6e7c_699d);
        check(Generator::Lattice3d { width: 8, height: 9, depth: 10, boundary: Boundary::Open, disorder }, 0x1f3a_a50c_c5af_8d6f);
        check(Generator::PlantedTorus { width: 60, height: 60, tiles: SquareTiles::default() }, 0xae4e_5989_c6b8_74d2);
        check(Generator::PlantedCubic { width: 8, height: 8, depth: 8, tiles: CubeTiles { f22: 0.2, f42: 0.3 } }, 0x5d26_2b4d_da79_2d4f);
        check(Generator::RandomRegular { n: 500, degree: 3, disorder }, 0xa9ff_636b_5054_9bf6);
        check(Generator::RandomSparse { n: 500, n_couplings: 2000, disorder: Disorder::Gaussian { sd: 1.0 } }, 0x49ed_6196_b22d_bfa2);
        check(Generator::SherringtonKirkpatrick { n: 64, scaling: Scaling::Gaussian }, 0x3fd1_89d0_bbf3_69ca);
        check(Generator::SherringtonKirkpatrick { n: 64, scaling: Scaling::PlusMinusOne }, 0xe2d7_be25_d637_20b5);
    }

    #[test]
    fn known_ground_states_come_along() {
        let generated = generate(&Generator::PlantedTorus { width: 8, height: 8, tiles: SquareTiles::default() }, Seed(4)).unwrap();
        assert_eq!(generated.ground_energy, generated.ground_state.map(|state| generated.model.energy(&state)));
    }
}
