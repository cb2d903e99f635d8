//! What a walk over structures asks of an energy.

use crate::random::StreamKey;

/// An energy as a function of the weights of M candidate synapses, of which dead ones are 0.
///
/// A birth is a change 0 -> w, a death w -> 0, a rewiring both at once, a weight move w -> w'. Structural cost (number, degrees,
/// lengths) is no part of it: the kernel adds that itself.
pub trait StructureEnergy {
    /// Number of candidates M.
    fn n_candidates(&self) -> usize;
    /// The energy now, without structural cost.
    fn energy(&self) -> f64;
    /// What the energy would change by if these candidates (one or two, distinct) had these weights; kept as pending until it is
    /// accepted or rejected. `None` if the change is sure to exceed `bound`, and then nothing is pending.
    fn propose(&mut self, changes: &[(u32, f32)], bound: f64) -> Option<f64>;
    /// Looks at what proposals for these candidates will need, all together, so that they do not wait for memory one after another;
    /// changes nothing.
    fn warm(&self, _candidates: &[u32]) {}
    /// Makes what was proposed last the state.
    fn accept(&mut self);
    /// Forgets what was proposed last.
    fn reject(&mut self);
    /// Writes the slope of the energy by the weight of each candidate, dead ones too; false if it has none.
    fn slopes(&mut self, _out: &mut [f32]) -> bool {
        false
    }
    /// Computes everything anew and returns how far the energy had drifted from that by shifted sums, 0 or more.
    fn refresh(&mut self) -> f64;
    /// Draws what it holds besides weights, such as spins, as at infinite temperature, and returns ln of how many such states there
    /// are; 0 if there is nothing else. For free energies.
    fn draw_others(&mut self, _key: StreamKey) -> f64 {
        0.0
    }
    /// Moves what it holds besides weights at temperature `t`, which may be infinite, so that the joint distribution stays.
    fn move_others(&mut self, _t: f64, _key: StreamKey) {}
}

impl<E: StructureEnergy + ?Sized> StructureEnergy for &mut E {
    fn n_candidates(&self) -> usize {
        (**self).n_candidates()
    }

    fn energy(&self) -> f64 {
        (**self).energy()
    }

    fn propose(&mut self, changes: &[(u32, f32)], bound: f64) -> Option<f64> {
        (**self).propose(changes, bound)
    }

    fn warm(&self, candidates: &[u32]) {
        (**self).warm(candidates);
    }

    fn accept(&mut self) {
        (**self).accept();
    }

    fn reject(&mut self) {
        (**self).reject();
    }

    fn slopes(&mut self, out: &mut [f32]) -> bool {
        (**self).slopes(out)
    }

    fn refresh(&mut self) -> f64 {
        (**self).refresh()
    }

    fn draw_others(&mut self, key: StreamKey) -> f64 {
        (**self).draw_others(key)
    }

    fn move_others(&mut self, t: f64, key: StreamKey) {
        (**self).move_others(t, key);
    }
}

/// No energy at all: structure and weights follow their prior and the structural cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nothing {
    /// Number of candidates.
    pub n_candidates: usize,
}

impl StructureEnergy for Nothing {
    fn n_candidates(&self) -> usize {
        self.n_candidates
    }

    fn energy(&self) -> f64 {
        0.0
    }

    fn propose(&mut self, _: &[(u32, f32)], _: f64) -> Option<f64> {
        Some(0.0)
    }

    fn accept(&mut self) {}

    fn reject(&mut self) {}

    fn slopes(&mut self, out: &mut [f32]) -> bool {
        out.fill(0.0);
        true
    }

    fn refresh(&mut self) -> f64 {
        0.0
    }
}
