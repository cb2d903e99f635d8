//! Gradual magnitude pruning: the weakest synapses die along a cubic schedule (Zhu, Gupta 2017), a share of them growing back
//! where the loss is steepest.
//!
//! After the share x of the window, density = last + (first - last) (1 - x)^power. With regrowth, at each round a share of the
//! synapses that falls along half a cosine dies in addition, and as many are born by slope with weight 0: what was pruned too
//! early may return. A driven rule: it states no distribution.

use crate::engine::structure::driven::drive;
use crate::engine::structure::{Move, Preset, Structure, StructureEnergy, StructureSettings, Tally};
use crate::math;
use crate::random::StreamKey;

/// A schedule of densities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pruning {
    /// Density of the candidates that the window begins with, in 0..=1; fewer synapses wait until the schedule reaches them.
    pub first: f64,
    /// Density that it ends with, above 0 and up to `first`.
    pub last: f64,
    /// How much sooner synapses die than late ones, 1 or more: 1 is a straight line, 3 the usual.
    pub power: u32,
    /// Share of the synapses that is replaced beside the pruning at first, falling to 0 with the window; in 0..1.
    pub regrow: f32,
}

impl Default for Pruning {
    fn default() -> Self {
        Pruning { first: 1.0, last: 0.05, power: 3, regrow: 0.0 }
    }
}

impl Pruning {
    /// Synapses of `m` candidates after the share `x` of the window.
    pub fn n_synapses(&self, m: usize, x: f64) -> usize {
        let rest = (0..self.power).fold(1.0, |rest, _| rest * (1.0 - x.clamp(0.0, 1.0)));
        (m as f64 * (self.last + (self.first - self.last) * rest)).round() as usize
    }

    /// One round after the share `x` of the window.
    ///
    /// # Panics
    /// If structure and energy have other candidates, or synapses should grow back and the energy has no slopes.
    pub fn round<E: StructureEnergy + ?Sized>(
        &self,
        structure: &mut Structure,
        energy: &mut E,
        settings: &StructureSettings,
        x: f64,
        key: StreamKey,
    ) -> Tally {
        let goal = self.n_synapses(structure.n_candidates(), x);
        let mut tally = drop_to(structure, energy, settings, goal);
        let fraction = cosine(self.regrow, x);
        if fraction > 0.0 {
            tally += drive(structure, energy, &StructureSettings { preset: Preset::Rigl, fraction, ..*settings }, 0.0, key);
        }
        tally
    }
}

/// `share` after the share `x` of a window, falling to 0 along half a cosine.
pub fn cosine(share: f32, x: f64) -> f32 {
    (f64::from(share) * 0.5 * (1.0 + math::cos(std::f64::consts::PI * x.clamp(0.0, 1.0)))) as f32
}

/// Lets the synapses with the smallest |w| die until `goal` are left, the lower candidate first where they are alike.
fn drop_to<E: StructureEnergy + ?Sized>(structure: &mut Structure, energy: &mut E, settings: &StructureSettings, goal: usize) -> Tally {
    let mut living: Vec<(f32, u32)> = structure.living().map(|(c, w)| (w.abs(), c)).collect();
    let n = living.len().saturating_sub(goal);
    living.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut tally = Tally::default();
    for &(_, candidate) in &living[..n] {
        tally.cost_change += structure.cost_change(settings, &[(candidate, false)]);
        let (changes, n) = Move::Death { candidate }.changes();
        energy.propose(&changes[..n], f64::INFINITY).expect("nothing exceeds an infinite bound");
        energy.accept();
        structure.kill(candidate);
    }
    tally.deaths.n_proposed = n as u64;
    tally.deaths.n_accepted = n as u64;
    tally
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::structure::{Candidates, Nothing};
    use crate::random::SystemTag;
    use crate::units::Seed;

    #[test]
    fn the_schedule_runs_from_first_to_last_and_is_steep_at_first() {
        let pruning = Pruning::default();
        let at = |x| pruning.n_synapses(1000, x);
        assert_eq!((at(0.0), at(1.0), at(2.0)), (1000, 50, 50));
        assert_eq!(at(0.5), 169, "50 + 950 / 8");
        assert!((0..10).all(|k| at(k as f64 / 10.0) > at((k + 1) as f64 / 10.0)));
        assert_eq!((cosine(0.3, 0.0), cosine(0.3, 1.0)), (0.3, 0.0));
    }

    #[test]
    fn the_weakest_die_and_the_goal_is_met() {
        let candidates = Arc::new(Candidates::all_between(30, 0..20, 20..30).unwrap());
        let mut structure = Structure::with_living(candidates, (0..200).map(|c| (c, (c as f32 - 99.5) / 50.0)));
        let key = StreamKey::new(Seed(1), SystemTag::named("pruning"), 0);
        let settings = StructureSettings::default();
        for regrow in [0.0, 0.3] {
            let pruning = Pruning { last: 0.1, regrow, ..Pruning::default() };
            for step in 0..=10 {
                let x = f64::from(step) / 10.0;
                pruning.round(&mut structure, &mut Nothing { n_candidates: 200 }, &settings, x, StreamKey { step: step as u64, ..key });
                assert_eq!(structure.n_alive(), pruning.n_synapses(200, x).min(structure.n_alive()));
            }
            assert_eq!(structure.n_alive(), 20);
            if regrow == 0.0 {
                assert!(structure.living().all(|(_, w)| w.abs() > 1.79), "the strongest are left");
            }
        }
    }
}
