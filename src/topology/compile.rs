//! Compiles spin rows: from couplings stored once to rows in colour order with both directions.

use crate::plan::{IsingModel, SpinPlan};

use super::colouring::{Adjacency, colour_classes};

/// Largest sum of |J| + |h| of a row, in units, that integer kernels take.
const MAX_UNITS_PER_ROW: f64 = 1_048_576.0;

/// Compiles `model` for spin kernels; spins flagged in `clamped` never move (empty: none is).
///
/// # Panics
/// If `clamped` is neither empty nor one flag a spin, or a coupling names a spin that does not exist.
pub fn compile_spins(model: &IsingModel, clamped: &[bool]) -> SpinPlan {
    let n = model.n_spins();
    assert!(clamped.is_empty() || clamped.len() == n, "{} flags for {n} spins", clamped.len());
    let free: Vec<bool> = (0..n).map(|v| !clamped.get(v).copied().unwrap_or(false)).collect();

    // 1. Rows in neuron order, for colouring.
    let (offsets, neighbours) = both_directions(model, |v| v);
    let colours = colour_classes(Adjacency { offsets: &offsets, neighbours: &neighbours }, &free);

    // 2. Slots: by colour, then neuron; clamped spins last.
    let mut order: Vec<u32> = (0..n as u32).collect();
    order.sort_by_key(|&v| (colours[v as usize].unwrap_or(u32::MAX), v));
    let mut slot = vec![0; n];
    for (s, &v) in order.iter().enumerate() {
        slot[v as usize] = s as u32;
    }
    let n_classes = colours.iter().flatten().max().map_or(0, |&c| c as usize + 1);
    let mut classes = vec![0_u32; n_classes + 1];
    for c in colours.iter().flatten() {
        classes[*c as usize + 1] += 1;
    }
    for c in 0..n_classes {
        classes[c + 1] += classes[c];
    }

    // 3. Rows in slot order, neighbours ascending.
    let (offsets, _) = both_directions(model, |v| slot[v as usize]);
    let mut entries_by_slot: Vec<(u32, u32)> = vec![(0, 0); offsets[n] as usize];
    let mut cursor = offsets.clone();
    for (k, c) in model.couplings.iter().enumerate() {
        for (from, to) in [(c.i, c.j), (c.j, c.i)] {
            let row = slot[to as usize] as usize;
            entries_by_slot[cursor[row] as usize] = (slot[from as usize], k as u32);
            cursor[row] += 1;
        }
    }
    let mut entries = vec![[u32::MAX; 2]; model.couplings.len()];
    let mut neighbours = Vec::with_capacity(entries_by_slot.len());
    let mut weights = Vec::with_capacity(entries_by_slot.len());
    for row in 0..n {
        let range = offsets[row] as usize..offsets[row + 1] as usize;
        entries_by_slot[range.clone()].sort_unstable();
        for position in range {
            let (from, k) = entries_by_slot[position];
            neighbours.push(from);
            weights.push(model.couplings[k as usize].strength);
            let pair = &mut entries[k as usize];
            let side = usize::from(pair[0] != u32::MAX);
            pair[side] = position as u32;
        }
    }

    let fields = order.iter().map(|&v| model.fields[v as usize]).collect();
    let mut plan = SpinPlan { order, slot, classes, offsets, neighbours, weights, fields, entries, unit: None, offset: model.offset };
    plan.unit = common_unit(&plan);
    plan
}

/// Brings the numbers of a compiled plan up to date: `strengths` by synapse row, `fields` by neuron.
///
/// Only for plans whose shape still holds: the same synapses, the same clamped spins.
///
/// # Panics
/// If there is not one strength a coupling and one field a spin.
pub fn refresh_spins(plan: &mut SpinPlan, strengths: &[f32], fields: &[f32]) {
    assert_eq!(fields.len(), plan.n_spins(), "one field a spin");
    plan.refresh_weights(strengths);
    for (field, &neuron) in plan.fields.iter_mut().zip(&plan.order) {
        *field = fields[neuron as usize];
    }
    plan.unit = common_unit(plan);
}

/// Row offsets and neighbours of both directions, with vertices renamed by `name`.
fn both_directions(model: &IsingModel, name: impl Fn(u32) -> u32) -> (Vec<u32>, Vec<u32>) {
    let n = model.n_spins();
    assert!(model.couplings.len() < u32::MAX as usize / 2, "{} couplings are more than rows can index", model.couplings.len());
    let mut offsets = vec![0_u32; n + 1];
    for c in &model.couplings {
        assert!(c.i != c.j && (c.i as usize) < n && (c.j as usize) < n, "coupling {}-{} in a model of {n} spins", c.i, c.j);
        offsets[name(c.i) as usize + 1] += 1;
        offsets[name(c.j) as usize + 1] += 1;
    }
    for v in 0..n {
        offsets[v + 1] += offsets[v];
    }
    let mut cursor = offsets.clone();
    let mut neighbours = vec![0; offsets[n] as usize];
    for c in &model.couplings {
        for (from, to) in [(c.i, c.j), (c.j, c.i)] {
            let at = &mut cursor[name(to) as usize];
            neighbours[*at as usize] = name(from);
            *at += 1;
        }
    }
    (offsets, neighbours)
}

/// The largest unit of which every coupling and field is an integer multiple, if rows stay small in it.
pub fn common_unit(plan: &SpinPlan) -> Option<f32> {
    let values = || plan.weights.iter().chain(&plan.fields).map(|w| w.abs()).filter(|&w| w > 0.0);
    let largest = values().fold(0.0_f32, f32::max);
    if largest == 0.0 {
        return Some(1.0);
    }
    // 1. Euclid's algorithm on exact f32 values; a unit far below the largest value is real-valued.
    let floor = f64::from(largest) / MAX_UNITS_PER_ROW;
    let mut unit = 0.0_f64;
    for value in values() {
        let (mut a, mut b) = (f64::from(value), unit);
        while b > 0.0 {
            (a, b) = (b, a % b);
        }
        unit = a;
        if unit < floor {
            return None;
        }
    }
    // 2. The unit must be an f32 itself, and each row's sum of units stay small.
    let unit_f32 = unit as f32;
    if f64::from(unit_f32) != unit {
        return None;
    }
    let heaviest = (0..plan.n_spins())
        .map(|s| plan.row(s).1.iter().map(|w| f64::from(w.abs())).sum::<f64>() + f64::from(plan.fields[s].abs()))
        .fold(0.0, f64::max);
    (heaviest / unit <= MAX_UNITS_PER_ROW).then_some(unit_f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Coupling;

    fn triangle_with_tail() -> IsingModel {
        let mut model = IsingModel::with_spins(5);
        model.couplings = vec![Coupling::new(0, 1, 1.0), Coupling::new(1, 2, -1.0), Coupling::new(0, 2, 2.0), Coupling::new(2, 3, 0.5)];
        model.fields[4] = 1.5;
        model.normalise();
        model
    }

    #[test]
    fn rows_hold_both_directions_and_energy_agrees() {
        let model = triangle_with_tail();
        let plan = compile_spins(&model, &[false, false, false, false, true]);
        assert_eq!((plan.n_free(), plan.n_classes(), plan.unit), (4, 3, Some(0.5)));
        for pattern in 0..32_u32 {
            let by_neuron: Vec<i8> = (0..5).map(|v| if pattern >> v & 1 == 1 { 1 } else { -1 }).collect();
            let by_slot: Vec<i8> = plan.order.iter().map(|&v| by_neuron[v as usize]).collect();
            assert_eq!(plan.energy(&by_slot), model.energy(&by_neuron));
        }
        for (k, c) in model.couplings.iter().enumerate() {
            let [a, b] = plan.entries[k].map(|p| plan.neighbours[p as usize]);
            assert_eq!([a.min(b), a.max(b)], {
                let (x, y) = (plan.slot[c.i as usize], plan.slot[c.j as usize]);
                [x.min(y), x.max(y)]
            });
        }
        for class in 0..plan.n_classes() {
            for s in plan.class(class) {
                assert!(plan.row(s).0.iter().all(|&j| !plan.class(class).contains(&(j as usize))));
            }
        }
    }

    #[test]
    fn a_refreshed_plan_is_the_plan_of_the_new_model() {
        let mut model = triangle_with_tail();
        let mut plan = compile_spins(&model, &[]);
        for new_values in [[0.25, 0.5, -0.75, 1.0], [0.1, 0.2, 0.3, 0.4]] {
            model.couplings.iter_mut().zip(new_values).for_each(|(c, value)| c.strength = value);
            model.fields.iter_mut().zip(new_values).for_each(|(h, value)| *h = -value);
            let strengths: Vec<f32> = model.couplings.iter().map(|c| c.strength).collect();
            refresh_spins(&mut plan, &strengths, &model.fields);
            assert_eq!(plan, compile_spins(&model, &[]));
        }
    }

    #[test]
    fn real_valued_couplings_have_no_unit() {
        let mut model = triangle_with_tail();
        model.couplings[0].strength = 0.123_456_7;
        assert_eq!(compile_spins(&model, &[]).unit, None);
    }
}
