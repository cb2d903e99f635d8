//! Spin glasses with frustrated tiles and a known ground state (Hamze et al., Phys. Rev. E 97, 043303, 2018; the square
//! classes: Perera et al., Phys. Rev. E 101, 023316, 2020).
//!
//! The bonds of a torus are split into tiles that share only corners: every second plaquette of a
//! square lattice, one cube in four of a cubic one. Each tile is frustrated, but all tiles have the uniform
//! state among their ground states, so that it is a ground state of the whole, and the energy is
//! the sum of the tiles' own minima. A random gauge then hides it. Couplings stay integers.

use crate::plan::{Coupling, IsingModel};
use crate::random::{BLOCK, Stream, StreamKey, SystemTag};
use crate::units::Seed;

use super::error::{GenerateError, check_size};

/// An instance and what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Planted {
    /// The instance.
    pub model: IsingModel,
    /// The exact ground-state energy.
    pub ground_energy: f64,
    /// One ground state, +1 or -1 a spin; there are many.
    pub ground_state: Vec<i8>,
    /// Tiles of each class, in the order of the settings' fields, the remainder last.
    pub n_tiles: Vec<usize>,
}

/// The mixture of plaquette classes of [`planted_torus`]; class C4 takes what is left to 1.
///
/// A plaquette of class Ck has k bonds of magnitude 1 and 4 - k of magnitude 2; one weak bond is
/// negative before the gauge. It has k ground states up to a global flip, and one broken bond in each, of energy k - 6.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SquareTiles {
    /// Share of class C1.
    pub c1: f64,
    /// Share of class C2.
    pub c2: f64,
    /// Share of class C3.
    pub c3: f64,
}

/// The mixture of cube classes of [`planted_cubic`]; class F6 takes what is left to 1.
///
/// All bonds are +-1. Fmk has m frustrated faces: F22 and F42 break two of twelve bonds in their ground states
/// (energy -8), F6 breaks three (energy -6). More F6 is harder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CubeTiles {
    /// Share of class F22, two frustrated faces.
    pub f22: f64,
    /// Share of class F42, four frustrated faces.
    pub f42: f64,
}

impl Default for SquareTiles {
    /// All classes but the easy C1: C2 0.7, C3 0.2, C4 0.1.
    fn default() -> Self {
        SquareTiles { c1: 0.0, c2: 0.7, c3: 0.2 }
    }
}

impl Default for CubeTiles {
    /// All F6, the hardest.
    fn default() -> Self {
        CubeTiles { f22: 0.0, f42: 0.0 }
    }
}

/// The bonds of a square tile between corners; bit 0 of a corner is x, bit 1 is y.
const SQUARE_BONDS: [[usize; 2]; 4] = [[0, 1], [0, 2], [1, 3], [2, 3]];
/// Negative bonds of the three cube classes, between corners with x, y, z in bits 0, 1, 2.
const CUBE_NEGATIVE: [&[[usize; 2]]; 3] = [&[[0, 1], [2, 3]], &[[0, 1], [6, 7]], &[[0, 1], [2, 6], [5, 7]]];
/// Ground energies of the three cube classes.
const CUBE_ENERGY: [f64; 3] = [-8.0, -8.0, -6.0];

/// A `width` x `height` torus of planted plaquettes.
///
/// # Errors
/// If a side is odd or below 4, a share is outside 0 to 1 or they exceed 1, or the torus is too large.
pub fn planted_torus(width: usize, height: usize, tiles: SquareTiles, seed: Seed) -> Result<Planted, GenerateError> {
    check_side("width", width)?;
    check_side("height", height)?;
    let shares = [("c1", tiles.c1), ("c2", tiles.c2), ("c3", tiles.c3)];
    check_shares(&shares)?;
    let n = (width as u64).saturating_mul(height as u64);
    check_size(n, n.saturating_mul(2))?;

    let mut planter = Planter::new(n as usize, 2 * n as usize, shares.len() + 1, seed, "generate planted torus");
    for y in 0..height {
        for x in (y % 2..width).step_by(2) {
            let corner = |c: usize| ((x + (c & 1)) % width + width * ((y + (c >> 1)) % height)) as u32;
            let stream = planter.next_stream();
            let class = draw_class(&shares, stream);
            let mut bonds = SQUARE_BONDS;
            stream.shuffle(&mut bonds);
            for (k, [a, b]) in bonds.into_iter().enumerate() {
                let magnitude = if k <= class { 1.0 } else { 2.0 };
                planter.bond(corner(a), corner(b), if k == 0 { -magnitude } else { magnitude });
            }
            planter.close_tile(class, class as f64 - 5.0);
        }
    }
    Ok(planter.finish())
}

/// A `width` x `height` x `depth` torus of planted cubes.
///
/// # Errors
/// As for [`planted_torus`].
pub fn planted_cubic(width: usize, height: usize, depth: usize, tiles: CubeTiles, seed: Seed) -> Result<Planted, GenerateError> {
    for (name, side) in [("width", width), ("height", height), ("depth", depth)] {
        check_side(name, side)?;
    }
    let shares = [("f22", tiles.f22), ("f42", tiles.f42)];
    check_shares(&shares)?;
    let n = (width as u64).saturating_mul(height as u64).saturating_mul(depth as u64);
    check_size(n, n.saturating_mul(3))?;

    let mut planter = Planter::new(n as usize, 3 * n as usize, shares.len() + 1, seed, "generate planted cubic");
    for z in 0..depth {
        for y in (z % 2..height).step_by(2) {
            for x in (z % 2..width).step_by(2) {
                let stream = planter.next_stream();
                let class = draw_class(&shares, stream);
                // One of the 48 symmetries of the cube: permute the axes, then mirror some.
                let mut axes = [0, 1, 2];
                stream.shuffle(&mut axes);
                let mirror = stream.below(8) as usize;
                let place = |c: usize| (0..3).map(|k| (c >> axes[k] & 1) << k).sum::<usize>() ^ mirror;
                let corner = |c: usize| {
                    let c = place(c);
                    let row = (y + (c >> 1 & 1)) % height + height * ((z + (c >> 2)) % depth);
                    ((x + (c & 1)) % width + width * row) as u32
                };
                for a in 0..8_usize {
                    for b in [a | 1, a | 2, a | 4].into_iter().filter(|&b| b != a) {
                        let strength = if CUBE_NEGATIVE[class].contains(&[a, b]) { -1.0 } else { 1.0 };
                        planter.bond(corner(a), corner(b), strength);
                    }
                }
                planter.close_tile(class, CUBE_ENERGY[class]);
            }
        }
    }
    Ok(planter.finish())
}

fn check_side(name: &'static str, side: usize) -> Result<(), GenerateError> {
    let fits = side >= 4 && side.is_multiple_of(2);
    if fits { Ok(()) } else { Err(GenerateError::out_of_range(name, side, "an even number of at least 4")) }
}

fn check_shares(shares: &[(&'static str, f64)]) -> Result<(), GenerateError> {
    if let Some(&(name, share)) = shares.iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
        return Err(GenerateError::out_of_range(name, share, "a share from 0 to 1"));
    }
    let total: f64 = shares.iter().map(|&(_, share)| share).sum();
    if total > 1.0 + 1e-9 {
        return Err(GenerateError::out_of_range("sum of shares", total, "at most 1"));
    }
    Ok(())
}

/// The index of the drawn class; past the given shares, the last.
fn draw_class(shares: &[(&'static str, f64)], stream: &mut Stream) -> usize {
    let u = stream.uniform();
    let mut below = 0.0;
    for (class, &(_, share)) in shares.iter().enumerate() {
        below += share;
        if u < below {
            return class;
        }
    }
    shares.len()
}

/// Collects tiles; each block of tiles has its own stream.
struct Planter {
    model: IsingModel,
    key: StreamKey,
    stream: Stream,
    n_closed: usize,
    n_tiles: Vec<usize>,
    ground_energy: f64,
}

impl Planter {
    fn new(n_spins: usize, n_couplings: usize, n_classes: usize, seed: Seed, name: &str) -> Self {
        let key = StreamKey::new(seed, SystemTag::named(name), 0);
        let mut model = IsingModel::with_spins(n_spins);
        model.couplings.reserve_exact(n_couplings);
        Planter { model, key, stream: key.stream(), n_closed: 0, n_tiles: vec![0; n_classes], ground_energy: 0.0 }
    }

    fn next_stream(&mut self) -> &mut Stream {
        if self.n_closed.is_multiple_of(BLOCK) {
            self.stream = self.key.block((self.n_closed / BLOCK) as u32).stream();
        }
        &mut self.stream
    }

    fn bond(&mut self, a: u32, b: u32, strength: f32) {
        self.model.couplings.push(Coupling::new(a, b, strength));
    }

    fn close_tile(&mut self, class: usize, energy: f64) {
        self.n_closed += 1;
        self.n_tiles[class] += 1;
        self.ground_energy += energy;
    }

    /// Hides the uniform ground state behind a random gauge.
    fn finish(mut self) -> Planted {
        let mut ground_state = Vec::with_capacity(self.model.n_spins());
        for block in 0..self.model.n_spins().div_ceil(BLOCK) {
            let mut stream = self.key.sweep(1).block(block as u32).stream();
            let n = BLOCK.min(self.model.n_spins() - ground_state.len());
            ground_state.extend((0..n).map(|_| if stream.coin() { 1_i8 } else { -1 }));
        }
        for c in &mut self.model.couplings {
            c.strength *= f32::from(ground_state[c.i as usize] * ground_state[c.j as usize]);
        }
        self.model.normalise();
        Planted { model: self.model, ground_energy: self.ground_energy, ground_state, n_tiles: self.n_tiles }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least energy of a torus `width` wide, exactly: min-plus products of row-to-row costs.
    fn exact_ground_energy(model: &IsingModel, width: usize) -> f64 {
        let height = model.n_spins() / width;
        let n_rows = 1_usize << width;
        let spin = |row: usize, x: usize| if row >> x & 1 == 1 { 1.0 } else { -1.0 };
        let mut inside = vec![vec![0.0; n_rows]; height];
        let mut between = vec![vec![0.0; width]; height];
        for c in &model.couplings {
            let (x, y, u, v) = (c.i as usize % width, c.i as usize / width, c.j as usize % width, c.j as usize / width);
            let j = f64::from(c.strength);
            if y == v {
                for (row, cost) in inside[y].iter_mut().enumerate() {
                    *cost -= j * spin(row, x) * spin(row, u);
                }
            } else {
                assert_eq!(x, u);
                between[if v == y + 1 { y } else { v }][x] = j;
            }
        }
        let step = |y: usize, from: usize, to: usize| -> f64 {
            let links: f64 = (0..width).map(|x| between[y][x] * spin(from, x) * spin(to, x)).sum();
            inside[y][from] - links
        };
        // A global flip leaves the energy unchanged: half of the first rows are enough.
        let mut best = f64::INFINITY;
        for first in 0..n_rows / 2 {
            let mut cost = vec![f64::INFINITY; n_rows];
            cost[first] = 0.0;
            for y in 0..height {
                cost = (0..n_rows).map(|to| (0..n_rows).map(|from| cost[from] + step(y, from, to)).fold(f64::INFINITY, f64::min)).collect();
            }
            best = best.min(cost[first]);
        }
        best
    }

    #[test]
    fn planted_energy_is_the_exact_minimum_of_tori() {
        for (seed, tiles) in [
            SquareTiles::default(),
            SquareTiles { c1: 1.0, c2: 0.0, c3: 0.0 },
            SquareTiles { c1: 0.0, c2: 0.0, c3: 0.0 },
            SquareTiles { c1: 0.25, c2: 0.25, c3: 0.25 },
        ]
        .into_iter()
        .enumerate()
        {
            let planted = planted_torus(4, 12, tiles, Seed(seed as u64)).unwrap();
            assert_eq!(planted.model.energy(&planted.ground_state), planted.ground_energy);
            assert_eq!(exact_ground_energy(&planted.model, 4), planted.ground_energy);
            // Planted twin: a torus whose strongest bond is turned round has another minimum than the claimed one.
            let mut twin = planted.model.clone();
            let strongest = twin.couplings.iter_mut().max_by(|a, b| a.strength.abs().total_cmp(&b.strength.abs())).unwrap();
            strongest.strength *= -3.0;
            assert_ne!(exact_ground_energy(&twin, 4), planted.ground_energy);
        }
    }

    #[test]
    fn transfer_and_enumeration_agree() {
        let planted = planted_torus(4, 4, SquareTiles::default(), Seed(11)).unwrap();
        let brute = (0..1_u32 << 16)
            .map(|bits| planted.model.energy(&std::array::from_fn::<i8, 16, _>(|v| if bits >> v & 1 == 1 { 1 } else { -1 })))
            .fold(f64::INFINITY, f64::min);
        assert_eq!((brute, exact_ground_energy(&planted.model, 4)), (planted.ground_energy, planted.ground_energy));
    }

    #[test]
    fn every_bond_of_the_torus_lies_in_one_tile() {
        let torus = planted_torus(6, 8, SquareTiles::default(), Seed(0)).unwrap();
        assert_eq!(torus.model.couplings.len(), 96);
        assert_eq!(torus.n_tiles.iter().sum::<usize>(), 24);
        let cubic = planted_cubic(4, 6, 8, CubeTiles { f22: 0.3, f42: 0.3 }, Seed(0)).unwrap();
        assert_eq!(cubic.model.couplings.len(), 3 * 192);
        assert!(cubic.model.couplings.iter().all(|c| c.strength.abs() == 1.0));
        assert_eq!(cubic.n_tiles.iter().sum::<usize>(), 48);
        assert_eq!(cubic.model.energy(&cubic.ground_state), cubic.ground_energy);
    }

    #[test]
    fn each_cube_class_has_its_energy_and_frustrated_faces() {
        for (class, frustrated) in [(0, 2), (1, 4), (2, 6)] {
            let strength = |a: usize, b: usize| if CUBE_NEGATIVE[class].contains(&[a.min(b), a.max(b)]) { -1.0 } else { 1.0 };
            let energy = |state: usize| -> f64 {
                let spin = |c: usize| if state >> c & 1 == 1 { 1.0 } else { -1.0 };
                let bonds = (0..8).flat_map(|a| [a | 1, a | 2, a | 4].map(|b| (a, b))).filter(|(a, b)| a != b);
                -bonds.map(|(a, b)| strength(a, b) * spin(a) * spin(b)).sum::<f64>()
            };
            let minimum = (0..256).map(energy).fold(f64::INFINITY, f64::min);
            assert_eq!((minimum, energy(0)), (CUBE_ENERGY[class], CUBE_ENERGY[class]));
            let faces = [(1, 2), (1, 4), (2, 4)].into_iter().flat_map(|(p, q)| [0, 7 - p - q].map(|base| (base, p, q)));
            let n_frustrated = faces.filter(|&(o, p, q)| {
                strength(o, o + p) * strength(o, o + q) * strength(o + p, o + p + q) * strength(o + q, o + p + q) < 0.0
            });
            assert_eq!(n_frustrated.count(), frustrated);
        }
    }

    #[test]
    fn every_tile_is_frustrated_and_the_gauge_is_random() {
        let planted = planted_torus(100, 100, SquareTiles::default(), Seed(2)).unwrap();
        let bound = planted.model.total_strength();
        // Each of the 5,000 tiles breaks one bond of magnitude 1.
        assert_eq!(planted.ground_energy, -bound + 2.0 * 5000.0);
        let up = planted.ground_state.iter().filter(|&&s| s == 1).count() as f64;
        assert!((up - 5000.0).abs() < 4.9 * 50.0);
        for (n, share) in planted.n_tiles.iter().zip([0.0, 0.7, 0.2, 0.1]) {
            assert!((*n as f64 / 5000.0 - share).abs() <= 4.9 * (share * (1.0 - share) / 5000.0).sqrt());
        }
    }

    #[test]
    fn impossible_tilings_are_refused() {
        let refused = |width, height, tiles| planted_torus(width, height, tiles, Seed(0)).unwrap_err().to_string();
        assert_eq!(refused(5, 4, SquareTiles::default()), "width is 5: expected an even number of at least 4");
        assert_eq!(refused(4, 2, SquareTiles::default()), "height is 2: expected an even number of at least 4");
        assert_eq!(refused(4, 4, SquareTiles { c1: -0.5, c2: 0.0, c3: 0.0 }), "c1 is -0.5: expected a share from 0 to 1");
        assert_eq!(refused(4, 4, SquareTiles { c1: 0.8, c2: 0.8, c3: 0.0 }), "sum of shares is 1.6: expected at most 1");
        assert!(refused(1 << 40, 1 << 40, SquareTiles::default()).contains("too many"));
    }
}
