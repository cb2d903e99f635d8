//! ln Z as an exact sum, of a machine or of its hidden units with samples held.
//!
//! The states of some layers are listed such that all others are independent given them, and are summed out as products:
//! of a restricted machine the smaller layer is listed, of a deep one every other layer, of a general one all but one unit
//! kind. With visible units held there are fewer to list, and none at all where hidden units are not joined.

use crate::kernels::simd::Simd;
use crate::math;

use super::likelihood::{BATCH, add_ln_two};
use super::machine::{Machine, Shape};
use super::state::LaneState;

/// Most listed units of a machine for which ln Z is summed.
pub const MAX_EXACT_UNITS: usize = 20;
/// Most layers of such a machine.
const MAX_LAYERS: usize = 16;

/// The layers to list, the fewest units of all choices, and how many units that are; visible layers need no list if they are held.
pub(super) fn listed_layers(shape: &Shape, are_held: bool) -> Option<(Vec<bool>, usize)> {
    let n_layers = shape.layers.len();
    if n_layers > MAX_LAYERS {
        return None;
    }
    let is_held = |l: usize| are_held && shape.layers[l].is_visible;
    let choices = (0..1_usize << n_layers).map(|mask| (0..n_layers).map(|l| mask >> l & 1 == 1).collect::<Vec<bool>>());
    let suits = |listed: &Vec<bool>| {
        let is_summed = |l: usize| !listed[l] && !is_held(l);
        (0..n_layers).all(|l| !(listed[l] && is_held(l))) && !shape.links.iter().any(|k| is_summed(k.lower) && is_summed(k.upper))
    };
    let n_units = |listed: &[bool]| shape.layers.iter().zip(listed).filter(|(_, is_listed)| **is_listed).map(|(l, _)| l.n_units).sum();
    choices.filter(suits).map(|listed| (n_units(&listed), listed)).min_by_key(|(n, _)| *n).map(|(n, listed)| (listed, n))
}

/// ln Z of a machine, or `None` if more than [`MAX_EXACT_UNITS`] units were to be listed.
pub fn exact_ln_z(machine: &Machine, simd: Simd) -> Option<f64> {
    let (listed, n_units) = listed_layers(&machine.shape, false)?;
    (n_units <= MAX_EXACT_UNITS).then(|| ln_sums(machine, &listed, None, simd)[0])
}

/// ln of the sum over hidden units of e^-E with each of `samples` held, or `None` if that took more than `most` states a sample.
///
/// # Panics
/// If a sample has not a feature a visible unit.
pub fn exact_held_ln_z(machine: &Machine, samples: &[&[f32]], most: usize, simd: Simd) -> Option<Vec<f64>> {
    let (listed, n_units) = listed_layers(&machine.shape, true)?;
    let is_small = n_units <= MAX_EXACT_UNITS && 1 << n_units <= most;
    is_small.then(|| ln_sums(machine, &listed, Some(samples), simd))
}

/// By sample, or of the machine let go: ln of the sum over the states of `listed` layers, all others but held ones summed out.
pub(super) fn ln_sums(machine: &Machine, listed: &[bool], held: Option<&[&[f32]]>, simd: Simd) -> Vec<f64> {
    let shape = &machine.shape;
    let n_units: usize = (0..listed.len()).filter(|&l| listed[l]).map(|l| shape.layers[l].n_units).sum();
    let (n_states, low) = (1_usize << n_units, shape.values.low());
    let n_all = n_states * held.map_or(1, <[_]>::len);
    let (mut sums, mut terms, mut fields) = (Vec::new(), Vec::with_capacity(n_states), Vec::new());
    for start in (0..n_all).step_by(BATCH) {
        let n = BATCH.min(n_all - start);
        // 1. Units that are summed out stay at 0, where they have no energy.
        let mut state = LaneState::new(shape, n, 0.0);
        let n_lanes = state.n_lanes();
        if let Some(samples) = held {
            state.show(shape, (start..start + n).map(|k| samples[k / n_states]));
        }
        let mut unit = 0;
        for l in (0..listed.len()).filter(|&l| listed[l]) {
            for row in state.layer_mut(l).chunks_exact_mut(n_lanes) {
                for (lane, x) in row.iter_mut().enumerate() {
                    *x = if (start + lane) >> unit & 1 == 1 { 1.0 } else { low };
                }
                unit += 1;
            }
        }
        // 2. -E of the others, and the product of sums.
        let mut found: Vec<f64> = machine.energies(&state, simd).iter().map(|e| -e).collect();
        for (l, layer) in shape.layers.iter().enumerate() {
            let is_given = listed[l] || held.is_some() && layer.is_visible;
            if !is_given {
                machine.fields_between(l, &state, &mut fields, simd);
                add_ln_two(shape.values, &mut fields, n_lanes, &mut found, simd);
            }
        }
        for &term in &found[..n] {
            terms.push(term);
            if terms.len() == n_states {
                sums.push(math::log_sum_exp(&terms));
                terms.clear();
            }
        }
    }
    sums
}
