//! What `AnnealStructure` and `SampleStructure` say alike: what wirings and weights are worth, and how often each move is tried.

use crate::engine::structure::{DegreeCost, Degrees, Density, MoveShares, Score, Slab};

use super::super::wire::{BirthsWire, DegreeCostWire, DegreesWire, DensityWire, SharesWire, SlabWire};
use super::Checker;

impl Checker<'_> {
    /// A number of `path.field` above 0.
    pub(super) fn positive(&mut self, path: &str, field: &str, value: f64) -> f32 {
        self.within(&format!("{path}.{field}"), value, 1e-9, 1e6) as f32
    }

    /// A density that stands in `field`.
    pub(super) fn density(&mut self, path: &str, field: &str, density: DensityWire) -> Density {
        let at = format!("{path}.{field}");
        match density {
            DensityWire::Rho(rho) => Density::Rho(self.within_called("rho", &at, rho, (1e-9, 1.0 - 1e-9))),
            DensityWire::Mu(mu) => Density::Mu(self.within_called("mu", &at, mu, (-1e12, 1e12))),
        }
    }

    pub(super) fn slab(&mut self, path: &str, slab: SlabWire) -> Slab {
        match slab {
            SlabWire::Gaussian(sd) => Slab::Gaussian { sd: self.positive(path, "slab", sd) },
            SlabWire::Signs(size) => Slab::Signs { size: self.positive(path, "slab", size) },
            SlabWire::Fixed(value) => Slab::Fixed { value: self.single(&format!("{path}.slab"), value) },
        }
    }

    pub(super) fn births(&mut self, path: &str, births: BirthsWire) -> Score {
        match births {
            BirthsWire::Uniform => Score::Uniform,
            BirthsWire::Hebbian(eps) => Score::Hebbian { eps: self.positive(path, "births", eps) },
            BirthsWire::Gradient(eps) => Score::Gradient { eps: self.positive(path, "births", eps) },
            BirthsWire::Distance(d) => {
                let scale = self.positive(path, "births.scale", d.scale);
                Score::Distance { scale, eps: self.positive(path, "births.least", d.least) }
            }
        }
    }

    pub(super) fn move_shares(&mut self, path: &str, w: SharesWire) -> MoveShares {
        let mut share = |field: &str, value: u64| self.count(&format!("{path}.shares.{field}"), value, 0);
        MoveShares {
            birth: share("birth", w.birth),
            death: share("death", w.death),
            weight: share("weight", w.weight),
            rewire: share("rewire", w.rewire),
        }
    }

    pub(super) fn degree_cost(&mut self, path: &str, cost: DegreeCostWire) -> DegreeCost {
        DegreeCost {
            strength: self.within(&format!("{path}.degree_cost.strength"), cost.strength, -1e12, 1e12),
            target: self.within(&format!("{path}.degree_cost.target"), cost.target, -1e12, 1e12),
            of: match cost.of {
                DegreesWire::Total => Degrees::Total,
                DegreesWire::In => Degrees::In,
                DegreesWire::Out => Degrees::Out,
            },
        }
    }

    /// A hard limit that stands in `field`.
    pub(super) fn structural_cap(&mut self, path: &str, field: &str, cap: Option<u64>) -> Option<u32> {
        cap.map(|n| self.count(&format!("{path}.{field}"), n, 1))
    }
}
