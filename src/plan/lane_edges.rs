//! The couplings of a spin plan, each once, as lane kernels count energies: by bit plane of |J|.
//!
//! In steps of the plan's unit, E = offset + unit (2 U - W) with U the sum of unsatisfied |J| and
//! |h|, and W the sum of all. U is counted plane by plane, as an exact integer.

use super::SpinPlan;

/// Couplings and fields whose |J| or |h| has one bit in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgePlane {
    /// The bit.
    pub bit: u32,
    /// Two sites: a, and b << 1 | (J < 0).
    pub couplings: Vec<[u32; 2]>,
    /// A site: site << 1 | (h < 0).
    pub fields: Vec<u32>,
}

/// All couplings by bit plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneEdges {
    n_sites: usize,
    planes: Vec<EdgePlane>,
    total: i64,
}

impl LaneEdges {
    /// Lists the couplings of `plan`, or gives `None` if they are not integers of a unit.
    pub fn compile(plan: &SpinPlan) -> Option<Self> {
        let unit = f64::from(plan.unit?);
        let steps = |x: f32| (f64::from(x) / unit).round().abs() as u64;
        let mut planes: Vec<EdgePlane> = (0..u64::BITS).map(|bit| EdgePlane { bit, couplings: Vec::new(), fields: Vec::new() }).collect();
        let mut total = 0;
        for slot in 0..plan.n_spins() {
            let (neighbours, weights) = plan.row(slot);
            assert!(neighbours.iter().all(|&j| (j as usize) < plan.n_spins()), "a neighbour of slot {slot} does not exist");
            for (&j, &w) in neighbours.iter().zip(weights).filter(|&(&j, _)| (j as usize) < slot) {
                total += steps(w) as i64;
                for_bits(steps(w), |bit| planes[bit].couplings.push([slot as u32, j << 1 | u32::from(w < 0.0)]));
            }
            let h = plan.fields[slot];
            total += steps(h) as i64;
            for_bits(steps(h), |bit| planes[bit].fields.push((slot as u32) << 1 | u32::from(h < 0.0)));
        }
        planes.retain(|p| !p.couplings.is_empty() || !p.fields.is_empty());
        Some(LaneEdges { n_sites: plan.n_spins(), planes, total })
    }

    /// Number of sites; every site of the planes is below it.
    pub fn n_sites(&self) -> usize {
        self.n_sites
    }

    /// The planes that are not empty.
    pub fn planes(&self) -> &[EdgePlane] {
        &self.planes
    }

    /// Sum of all |J| and |h|, in steps.
    pub fn total(&self) -> i64 {
        self.total
    }
}

fn for_bits(mut x: u64, mut each: impl FnMut(usize)) {
    while x != 0 {
        each(x.trailing_zeros() as usize);
        x &= x - 1;
    }
}
