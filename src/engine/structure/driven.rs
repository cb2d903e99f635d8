//! The driven presets: rules that search for good wirings without a distribution to keep.
//!
//! - `set`: the weakest share of the synapses dies, as many are born uniformly (Mocanu et al. 2018);
//! - `rigl`: the weakest share dies, as many are born where the slope of the energy is steepest, with weight 0 (Evci et al. 2020);
//! - `deep_r`: all weights make a Langevin step, those that would change their sign die and as many are born uniformly
//!   (Bellec et al. 2018).
//!
//! They keep the number of synapses as far as caps and candidates allow, have no accept step, and are `driven`.

use crate::random::{BLOCK, Stream, StreamKey};

use super::energy::StructureEnergy;
use super::kernel::{Draws, Move, Tally, draw_weight};
use super::settings::{Preset, StructureSettings};
use super::state::Structure;

/// Births tried before one is given up, where caps refuse most.
const TRIES: u32 = 64;

/// One round of the settings' preset: a share of the synapses is replaced, or, of Deep R, one Langevin step is made.
///
/// Newborn synapses of `set` and `deep_r` have weights of the slab. The thermal preset does nothing here: see [`super::walk`].
///
/// # Panics
/// If structure and energy have other candidates, or `rigl` or `deep_r` meets an energy without slopes.
pub fn drive<E: StructureEnergy + ?Sized>(
    structure: &mut Structure,
    energy: &mut E,
    settings: &StructureSettings,
    t: f64,
    key: StreamKey,
) -> Tally {
    assert_eq!(structure.n_candidates(), energy.n_candidates(), "candidates of the structure, and of the energy");
    let mut round = Round { structure, energy, settings, tally: Tally::default() };
    let mut stream = key.stream();
    match settings.preset {
        Preset::Thermo => {}
        Preset::Set => {
            let dropped = round.drop_weakest();
            (0..dropped).for_each(|_| round.grow_at_random(&mut stream));
        }
        Preset::Rigl => {
            // Slopes of the whole network, before anything is dropped from it.
            let slopes = round.slopes();
            let dropped = round.drop_weakest();
            round.grow_steepest(&slopes, dropped);
        }
        Preset::DeepR { rate, l1 } => {
            let died = round.langevin(rate, l1, t, key);
            (0..died).for_each(|_| round.grow_at_random(&mut stream));
        }
    }
    round.tally
}

struct Round<'a, E: ?Sized> {
    structure: &'a mut Structure,
    energy: &'a mut E,
    settings: &'a StructureSettings,
    tally: Tally,
}

impl<E: StructureEnergy + ?Sized> Round<'_, E> {
    fn make(&mut self, step: Move) {
        let turn = match step {
            Move::Birth { candidate, .. } => Some((candidate, true)),
            Move::Death { candidate } => Some((candidate, false)),
            _ => None,
        };
        if let Some(turn) = turn {
            self.tally.cost_change += self.structure.cost_change(self.settings, &[turn]);
        }
        let (changes, n) = step.changes();
        self.energy.propose(&changes[..n], f64::INFINITY).expect("nothing exceeds an infinite bound");
        self.energy.accept();
        step.apply(self.structure);
        self.tally.count(step, true);
    }

    /// Drops the share of the living with the smallest |w|, the lower candidate where they are alike; returns how many.
    fn drop_weakest(&mut self) -> usize {
        let mut living: Vec<(f32, u32)> = self.structure.living().map(|(c, w)| (w.abs(), c)).collect();
        let n = (living.len() as f64 * f64::from(self.settings.fraction)).round() as usize;
        if n > 0 && n < living.len() {
            living.select_nth_unstable_by(n - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        }
        living.truncate(n);
        living.sort_unstable_by_key(|&(_, c)| c);
        for (_, candidate) in living {
            self.make(Move::Death { candidate });
        }
        n
    }

    fn grow_at_random(&mut self, stream: &mut Stream) {
        for _ in 0..TRIES {
            let q = self.structure.dead_score();
            if q == 0 {
                return;
            }
            let candidate = self.structure.dead_at(stream.below(q));
            if self.structure.fits_caps(self.settings, &[(candidate, true)]) {
                let weight = draw_weight(self.settings, self.structure.candidates().sign(candidate), stream);
                self.make(Move::Birth { candidate, weight });
                return;
            }
        }
    }

    fn grow_steepest(&mut self, slopes: &[f32], n: usize) {
        let dead = (0..slopes.len() as u32).filter(|&c| !self.structure.is_alive(c));
        let mut steep: Vec<(f32, u32)> = dead.map(|c| (slopes[c as usize].abs(), c)).collect();
        steep.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut grown = 0;
        for (_, candidate) in steep {
            if grown == n {
                return;
            }
            if self.structure.fits_caps(self.settings, &[(candidate, true)]) {
                self.make(Move::Birth { candidate, weight: 0.0 });
                grown += 1;
            }
        }
    }

    fn slopes(&mut self) -> Vec<f32> {
        let mut slopes = vec![0.0; self.structure.n_candidates()];
        assert!(self.energy.slopes(&mut slopes), "rigl and deep_r need the slopes of an energy that has none");
        slopes
    }

    /// w' = w - rate (slope + l1 sign(w)) + sqrt(2 rate T) xi; what would change its sign dies. Returns how many died.
    fn langevin(&mut self, rate: f32, l1: f32, t: f64, key: StreamKey) -> usize {
        let slopes = self.slopes();
        let noise = (2.0 * f64::from(rate) * t).sqrt() as f32;
        let living: Vec<(u32, f32)> = self.structure.living().collect();
        let mut died = 0;
        for (k, chunk) in living.chunks(BLOCK).enumerate() {
            // Block 0 of sweep 0 draws the births.
            let mut stream = key.sweep(1).block(k as u32).stream();
            for &(candidate, w) in chunk {
                let sign = if w == 0.0 { f32::from(self.structure.candidates().sign(candidate)) } else { w.signum() };
                let weight = w - rate * (slopes[candidate as usize] + l1 * sign) + noise * Draws::gaussian(&mut stream) as f32;
                if weight * sign < 0.0 {
                    self.make(Move::Death { candidate });
                    died += 1;
                } else {
                    self.make(Move::Weight { candidate, weight });
                }
            }
        }
        died
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::structure::{Candidates, Caps, Nothing, Slab};
    use crate::random::SystemTag;
    use crate::units::Seed;

    const KEY: StreamKey = StreamKey::new(Seed(2), SystemTag::named("driven"), 0);

    fn start(caps: Caps) -> (Structure, StructureSettings) {
        let candidates = Arc::new(Candidates::all_between(12, 0..8, 8..12).unwrap());
        let living = (0..32).step_by(3).map(|c| (c, (c as f32 - 15.5) / 10.0));
        let settings = StructureSettings { caps, slab: Slab::Gaussian { sd: 0.5 }, fraction: 0.4, ..StructureSettings::default() };
        (Structure::with_living(candidates, living), settings)
    }

    #[test]
    fn presets_keep_the_number_and_drop_the_weakest() {
        for preset in [Preset::Set, Preset::Rigl] {
            let (mut structure, base) = start(Caps::default());
            let settings = StructureSettings { preset, ..base };
            let before = structure.clone();
            let tally = drive(&mut structure, &mut Nothing { n_candidates: 32 }, &settings, 0.0, KEY);
            assert_eq!((tally.births.n_accepted, tally.deaths.n_accepted, structure.n_alive()), (4, 4, 11), "{preset:?}");
            // The four weakest of -1.55, -1.25, ... are those of candidates 12 to 21; what is born may be one of them.
            let kept = before.living().filter(|&(c, w)| w.abs() > 0.6 && structure.weight(c) == w).count();
            assert_eq!(kept, 7, "{preset:?}");
        }
    }

    #[test]
    fn caps_hold_through_many_rounds_of_every_preset() {
        let caps = Caps { fan_in: Some(4), fan_out: Some(2), synapses: None };
        for preset in [Preset::Set, Preset::Rigl, Preset::DeepR { rate: 0.05, l1: 0.1 }] {
            let (mut structure, base) = start(caps);
            let settings = StructureSettings { preset, ..base };
            for step in 0..100 {
                drive(&mut structure, &mut Nothing { n_candidates: 32 }, &settings, 0.3, StreamKey { step, ..KEY });
                assert!((8..12).all(|n| structure.fan_in(n) <= 4) && (0..8).all(|n| structure.fan_out(n) <= 2), "{preset:?}");
                assert!(structure.n_alive() <= 11 && structure.n_alive() >= 8, "{preset:?}: {}", structure.n_alive());
            }
        }
    }

    #[test]
    fn deep_r_never_lets_a_weight_change_its_sign() {
        let (mut structure, base) = start(Caps::default());
        let settings = StructureSettings { preset: Preset::DeepR { rate: 0.05, l1: 0.2 }, ..base };
        let mut deaths = 0;
        for step in 0..100 {
            let before = structure.clone();
            let tally = drive(&mut structure, &mut Nothing { n_candidates: 32 }, &settings, 0.5, StreamKey { step, ..KEY });
            let turned = before.living().filter(|&(c, w)| structure.is_alive(c) && structure.weight(c) * w < 0.0).count();
            // A dead one may be born again at once, with either sign.
            assert!(turned as u64 <= tally.deaths.n_accepted);
            assert_eq!(structure.n_alive(), 11);
            deaths += tally.deaths.n_accepted;
        }
        assert!(deaths > 20);
    }
}
