//! Square and cubic lattices with one coupling strength.
//!
//! Sites are numbered row by row: site = x + width * (y + height * z).

use crate::plan::{Coupling, IsingModel};

use super::error::{GenerateError, check_size};

/// What lies beyond the rim of a lattice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Boundary {
    /// The opposite side: a torus. A side of two sites has double bonds, added up into one coupling.
    Periodic,
    /// Nothing.
    Open,
}

/// A square lattice of `width` x `height` spins with coupling `strength` (positive: ferromagnet).
///
/// # Errors
/// If a side is 0, a periodic side is 1 (a spin would couple to itself), or the lattice is too large.
pub fn lattice_2d(width: usize, height: usize, boundary: Boundary, strength: f32) -> Result<IsingModel, GenerateError> {
    let sides = [("width", width), ("height", height)];
    lattice(&sides, boundary, strength)
}

/// A cubic lattice of `width` x `height` x `depth` spins with coupling `strength`.
///
/// # Errors
/// As for [`lattice_2d`].
pub fn lattice_3d(width: usize, height: usize, depth: usize, boundary: Boundary, strength: f32) -> Result<IsingModel, GenerateError> {
    let sides = [("width", width), ("height", height), ("depth", depth)];
    lattice(&sides, boundary, strength)
}

/// A hypercubic lattice; the first side runs fastest.
fn lattice(sides: &[(&'static str, usize)], boundary: Boundary, strength: f32) -> Result<IsingModel, GenerateError> {
    let smallest = if boundary == Boundary::Periodic { 2 } else { 1 };
    if let Some(&(name, side)) = sides.iter().find(|&&(_, side)| side < smallest) {
        return Err(GenerateError::out_of_range(name, side, format!("at least {smallest}")));
    }
    check_strength(strength)?;
    let n = sides.iter().fold(1_u64, |n, &(_, side)| n.saturating_mul(side as u64));
    check_size(n, n.saturating_mul(sides.len() as u64))?;

    let mut model = IsingModel::with_spins(n as usize);
    model.couplings.reserve_exact(n as usize * sides.len());
    for site in 0..n as usize {
        let mut stride = 1;
        for &(_, side) in sides {
            let at = site / stride % side;
            if at + 1 < side {
                model.couplings.push(Coupling::new(site as u32, (site + stride) as u32, strength));
            } else if boundary == Boundary::Periodic {
                model.couplings.push(Coupling::new(site as u32, (site - at * stride) as u32, strength));
            }
            stride *= side;
        }
    }
    model.normalise();
    Ok(model)
}

/// Refuses couplings that are no finite number.
pub(super) fn check_strength(strength: f32) -> Result<(), GenerateError> {
    if strength.is_finite() { Ok(()) } else { Err(GenerateError::out_of_range("strength", strength, "a finite number")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn degrees(model: &IsingModel) -> Vec<usize> {
        let mut degrees = vec![0; model.n_spins()];
        for c in &model.couplings {
            degrees[c.i as usize] += 1;
            degrees[c.j as usize] += 1;
        }
        degrees
    }

    #[test]
    fn a_torus_has_two_bonds_a_site_and_degree_four() {
        let torus = lattice_2d(5, 7, Boundary::Periodic, 1.0).unwrap();
        assert_eq!((torus.n_spins(), torus.couplings.len()), (35, 70));
        assert!(degrees(&torus).iter().all(|&d| d == 4));
        assert_eq!(torus.energy(&[1; 35]), -70.0);
        let cube = lattice_3d(3, 4, 5, Boundary::Periodic, 0.5).unwrap();
        assert_eq!((cube.n_spins(), cube.couplings.len()), (60, 180));
        assert!(degrees(&cube).iter().all(|&d| d == 6));
    }

    #[test]
    fn an_open_lattice_lacks_the_bonds_around() {
        let open = lattice_2d(5, 7, Boundary::Open, -1.0).unwrap();
        assert_eq!(open.couplings.len(), 4 * 7 + 5 * 6);
        assert_eq!(lattice_2d(6, 1, Boundary::Open, 1.0).unwrap().couplings.len(), 5);
        assert_eq!(lattice_3d(2, 2, 2, Boundary::Open, 1.0).unwrap().couplings.len(), 12);
    }

    #[test]
    fn a_side_of_two_adds_its_double_bonds_up() {
        let ladder = lattice_2d(2, 3, Boundary::Periodic, 1.0).unwrap();
        assert_eq!(ladder.couplings.iter().map(|c| c.strength).sum::<f32>(), 12.0);
        assert_eq!(ladder.couplings.iter().filter(|c| c.strength == 2.0).count(), 3);
    }

    #[test]
    fn impossible_lattices_are_refused() {
        let refused = |width, height, boundary, strength| lattice_2d(width, height, boundary, strength).unwrap_err().to_string();
        assert_eq!(refused(1, 5, Boundary::Periodic, 1.0), "width is 1: expected at least 2");
        assert_eq!(refused(5, 0, Boundary::Open, 1.0), "height is 0: expected at least 1");
        assert_eq!(refused(4, 4, Boundary::Open, f32::NAN), "strength is NaN: expected a finite number");
        assert_eq!(refused(1_000_000, 1_000_000, Boundary::Open, 1.0), "1000000000000 spins are too many: at most 268435456 are generated");
        assert!(lattice_3d(usize::MAX, usize::MAX, 2, Boundary::Open, 1.0).is_err());
    }
}
