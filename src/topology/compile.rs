//! Compiles spin rows: from couplings stored once to rows in colour order with both directions.

use rayon::prelude::*;

use crate::plan::{IsingModel, SpinPlan};

use super::colouring::{Adjacency, colour_classes};

/// Largest sum of |J| + |h| of a row, in units, that integer kernels take.
const MAX_UNITS_PER_ROW: f64 = 1_048_576.0;
/// Rows that one task fills.
const ROWS_PER_CHUNK: usize = 1 << 14;

/// Compiles `model` for spin kernels; spins flagged in `clamped` never move (empty: none is).
///
/// # Panics
/// If `clamped` is neither empty nor one flag a spin, or a coupling names a spin that does not exist.
pub fn compile_spins(model: &IsingModel, clamped: &[bool]) -> SpinPlan {
    let n = model.n_spins();
    assert!(clamped.is_empty() || clamped.len() == n, "{} flags for {n} spins", clamped.len());
    let free: Vec<bool> = (0..n).map(|v| !clamped.get(v).copied().unwrap_or(false)).collect();

    // 1. Rows in neuron order, for colouring.
    let rows = Rows::of(model);
    let colours = colour_classes(Adjacency { offsets: &rows.offsets, neighbours: &rows.neighbours }, &free);

    // 2. Slots, counted out: by colour, then neuron; clamped spins last.
    let n_classes = colours.iter().flatten().max().map_or(0, |&c| c as usize + 1);
    let class_of = |v: usize| colours[v].map_or(n_classes, |c| c as usize);
    let mut classes = vec![0_u32; n_classes + 2];
    (0..n).for_each(|v| classes[class_of(v) + 1] += 1);
    (0..=n_classes).for_each(|c| classes[c + 1] += classes[c]);
    let mut next = classes.clone();
    let (mut order, mut slot) = (vec![0_u32; n], vec![0_u32; n]);
    for v in 0..n {
        let s = &mut next[class_of(v)];
        (order[*s as usize], slot[v]) = (v as u32, *s);
        *s += 1;
    }
    classes.truncate(n_classes + 1);

    // 3. Rows in slot order, neighbours ascending.
    let mut offsets = Vec::with_capacity(n + 1);
    offsets.push(0_u32);
    for &v in &order {
        offsets.push(offsets[offsets.len() - 1] + rows.range(v as usize).len() as u32);
    }
    let n_entries = offsets[n] as usize;
    let (mut neighbours, mut weights, mut coupling_of) = (vec![0_u32; n_entries], vec![0.0_f32; n_entries], vec![0_u32; n_entries]);
    let mut chunks = Vec::with_capacity(n.div_ceil(ROWS_PER_CHUNK));
    let mut rest = (&mut neighbours[..], &mut weights[..], &mut coupling_of[..]);
    for first in (0..n).step_by(ROWS_PER_CHUNK) {
        let vertices = &order[first..n.min(first + ROWS_PER_CHUNK)];
        let len = (offsets[first + vertices.len()] - offsets[first]) as usize;
        let (a, b, c) = (rest.0.split_at_mut(len), rest.1.split_at_mut(len), rest.2.split_at_mut(len));
        rest = (a.1, b.1, c.1);
        chunks.push((vertices, a.0, b.0, c.0));
    }
    chunks.into_par_iter().for_each(|(vertices, neighbours, weights, coupling_of)| {
        let mut row = Vec::new();
        let mut at = 0;
        for &v in vertices {
            let entries = rows.range(v as usize);
            row.clear();
            row.extend(entries.map(|e| (slot[rows.neighbours[e] as usize], rows.couplings[e])));
            row.sort_unstable();
            for &(from, k) in &row {
                (neighbours[at], coupling_of[at], weights[at]) = (from, k, model.couplings[k as usize].strength);
                at += 1;
            }
        }
    });
    let mut entries = vec![[u32::MAX; 2]; model.couplings.len()];
    for (position, &k) in coupling_of.iter().enumerate() {
        let pair = &mut entries[k as usize];
        pair[usize::from(pair[0] != u32::MAX)] = position as u32;
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

/// Both directions of all couplings, by neuron.
struct Rows {
    offsets: Vec<u32>,
    neighbours: Vec<u32>,
    /// Index of the coupling behind each neighbour.
    couplings: Vec<u32>,
}

impl Rows {
    fn of(model: &IsingModel) -> Self {
        let n = model.n_spins();
        assert!(model.couplings.len() < u32::MAX as usize / 2, "{} couplings are more than rows can index", model.couplings.len());
        let mut offsets = vec![0_u32; n + 1];
        for c in &model.couplings {
            assert!(c.i != c.j && (c.i as usize) < n && (c.j as usize) < n, "coupling {}-{} in a model of {n} spins", c.i, c.j);
            offsets[c.i as usize + 1] += 1;
            offsets[c.j as usize + 1] += 1;
        }
        for v in 0..n {
            offsets[v + 1] += offsets[v];
        }
        let mut cursor = offsets.clone();
        let (mut neighbours, mut couplings) = (vec![0; offsets[n] as usize], vec![0; offsets[n] as usize]);
        for (k, c) in model.couplings.iter().enumerate() {
            for (from, to) in [(c.i, c.j), (c.j, c.i)] {
                let at = &mut cursor[to as usize];
                (neighbours[*at as usize], couplings[*at as usize]) = (from, k as u32);
                *at += 1;
            }
        }
        Rows { offsets, neighbours, couplings }
    }

    fn range(&self, v: usize) -> std::ops::Range<usize> {
        self.offsets[v] as usize..self.offsets[v + 1] as usize
    }
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
        // A whole multiple, which nearly all are, needs no division with remainder.
        let multiple = (f64::from(value) / unit).round();
        if multiple * unit == f64::from(value) && multiple <= MAX_UNITS_PER_ROW {
            continue;
        }
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
