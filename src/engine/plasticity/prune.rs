//! Pruning: a synapse dies when it has long been weak and has carried next to no energy, both measured.
//!
//! The energy that a synapse carries is |w x y|, the size of its term in E = -sum w x y; its running mean over tau steps is a column
//! (`EnergyShare`). Each step in which |w| and that mean are both below their floors adds one to another column (`IdleSteps`), any
//! other step sets it to 0; at `patience` the synapse dies. So a weak synapse between busy neurons lives, and so does one that is
//! weak for a while.

use rayon::prelude::*;

use super::wiring::{CHUNK, Rows, by_chunk};

/// When a synapse dies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PruneSettings {
    /// |w| below which a synapse is weak, 0 or more.
    pub weight_floor: f32,
    /// Mean |w x y| below which it carries nothing, 0 or more.
    pub energy_floor: f32,
    /// Steps over which the mean forgets, 1 or more.
    pub tau: f32,
    /// Steps for which it has to be weak and idle, 1 or more.
    pub patience: u32,
    /// Synapses that a neuron keeps onto it in any case.
    pub keep_fan_in: u32,
}

/// The columns of a projection that pruning reads and writes, one entry a synapse.
#[derive(Debug)]
pub struct Wear<'a> {
    /// Weights.
    pub weights: &'a [f32],
    /// Running means of |w x y|.
    pub energy_shares: &'a mut [f32],
    /// Steps of idleness in a row.
    pub idle_steps: &'a mut [u32],
}

/// Measures every synapse for a step; returns the rows that die, ascending. Of a neuron that would fall below `keep_fan_in`, those
/// that carry the most energy stay.
///
/// # Panics
/// If the lengths differ.
pub fn prune(settings: &PruneSettings, rows: Rows<'_>, x: &[f32], y: &[f32], wear: Wear<'_>) -> Vec<u32> {
    let n = rows.sources.len();
    assert_eq!((n, n, n), (wear.weights.len(), wear.energy_shares.len(), wear.idle_steps.len()), "synapses, and their columns");
    let share = 1.0 / settings.tau;
    let chunks: Vec<_> = by_chunk(rows.offsets, wear.energy_shares).into_iter().zip(by_chunk(rows.offsets, wear.idle_steps)).collect();
    let dead: Vec<Vec<u32>> = chunks
        .into_par_iter()
        .map(|((first, energies), (_, idles))| {
            let base = rows.offsets[first] as usize;
            let mut dead = Vec::new();
            for (target, y) in (first..(first + CHUNK).min(rows.n_targets())).zip(&y[first..]) {
                let n_dead = dead.len();
                for row in rows.onto(target) {
                    let (energy, idle, w) = (&mut energies[row - base], &mut idles[row - base], wear.weights[row]);
                    *energy += share * ((w * x[rows.sources[row] as usize] * y).abs() - *energy);
                    let is_idle = w.abs() < settings.weight_floor && *energy < settings.energy_floor;
                    *idle = if is_idle { idle.saturating_add(1) } else { 0 };
                    if *idle >= settings.patience {
                        dead.push(row as u32);
                    }
                }
                let left = rows.fan_in(target) as usize - (dead.len() - n_dead);
                let spare = (settings.keep_fan_in as usize).saturating_sub(left);
                keep_strongest(&mut dead, n_dead, spare, |row| energies[row as usize - base]);
            }
            dead
        })
        .collect();
    dead.concat()
}

/// Takes the `spare` rows of the most energy off the end of the list that begins at `from`.
fn keep_strongest(dead: &mut Vec<u32>, from: usize, spare: usize, energy: impl Fn(u32) -> f32) {
    if spare > 0 {
        dead[from..].sort_by(|&a, &b| energy(a).total_cmp(&energy(b)).then(a.cmp(&b)));
        dead.truncate(from + (dead.len() - from).saturating_sub(spare));
        dead[from..].sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: PruneSettings = PruneSettings { weight_floor: 0.1, energy_floor: 0.01, tau: 2.0, patience: 5, keep_fan_in: 0 };

    /// Steps after which the only synapse dies.
    fn dies_after(settings: &PruneSettings, weight: impl Fn(u32) -> f32, x: impl Fn(u32) -> f32) -> Option<u32> {
        let rows = Rows { offsets: &[0, 1], sources: &[0] };
        let (mut energy, mut idle) = ([0.0], [0]);
        (0..100).find(|&step| {
            let wear = Wear { weights: &[weight(step)], energy_shares: &mut energy, idle_steps: &mut idle };
            !prune(settings, rows, &[x(step)], &[1.0], wear).is_empty()
        })
    }

    #[test]
    fn a_synapse_dies_only_when_it_is_weak_and_idle_for_long() {
        assert_eq!(dies_after(&SETTINGS, |_| 0.05, |_| 0.1), Some(4));
        assert_eq!(dies_after(&SETTINGS, |_| 0.05, |_| 10.0), None, "a weak synapse that carries energy lives");
        assert_eq!(dies_after(&SETTINGS, |_| 0.5, |_| 0.0), None, "a strong synapse lives, idle or not");
        assert_eq!(dies_after(&SETTINGS, |s| if s % 5 == 4 { 0.2 } else { 0.0 }, |_| 0.0), None, "patience counts steps in a row");
        assert_eq!(dies_after(&SETTINGS, |_| 0.05, |s| if s == 0 { 20.0 } else { 0.0 }), Some(10), "the mean forgets");
    }

    #[test]
    fn a_neuron_keeps_its_best_synapses() {
        let settings = PruneSettings { keep_fan_in: 2, patience: 1, ..SETTINGS };
        let rows = Rows { offsets: &[0, 4, 5], sources: &[0, 1, 2, 3, 0] };
        let (mut energy, mut idle) = ([0.0; 5], [0; 5]);
        let wear = Wear { weights: &[0.01, 0.03, 0.02, 0.04, 0.5], energy_shares: &mut energy, idle_steps: &mut idle };
        assert_eq!(prune(&settings, rows, &[0.1; 4], &[1.0, 1.0], wear), [0, 2]);
    }
}
