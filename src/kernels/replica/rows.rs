//! The rows of one replica: spins in padded colour order, couplings as the flips that push them.
//!
//! ```text
//! positions   | class 0 ........ pad | class 1 ...... pad | ... | clamped | spill |
//! groups      |  0  |  1  |  2  | ...   (16 positions each; a class starts a new group)
//! blocks      |  0 (64 groups) | 1 ...  (one random stream each, per sweep)
//! targets     position, or position << 1 | (J < 0)   (free neighbours only: clamped spins need no field)
//! ```
//!
//! Rows of a graph that is not regular are filled up to whole fours: the loop over them then has no
//! remainder to mispredict. What fills them pushes the fields of the spill group, which no spin reads.

use crate::plan::SpinPlan;
use crate::random::BLOCK;

/// Positions that decide at once.
pub const GROUP: usize = 16;

/// Groups that share a random stream: 1,024 positions.
pub const GROUPS_PER_BLOCK: usize = BLOCK / GROUP;

/// The largest field of which a byte holds the double, too: a push is twice a coupling, and no coupling is above the field.
const MOST_IN_A_BYTE: i32 = 63;

/// Targets of a row that are visited together, where degrees differ.
pub(super) const FILL: usize = 4;

/// What the targets of a row are stored in: two bytes where positions fit, for the caches' sake.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Targets {
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

impl Targets {
    fn new(codes: Vec<u32>) -> Self {
        match codes.iter().max() {
            Some(&most) if most > u32::from(u16::MAX) => Targets::Wide(codes),
            _ => Targets::Narrow(codes.iter().map(|&code| code as u16).collect()),
        }
    }

    /// Number `k` of them.
    pub fn get(&self, k: usize) -> u32 {
        match self {
            Targets::Narrow(codes) => u32::from(codes[k]),
            Targets::Wide(codes) => codes[k],
        }
    }
}

/// The strengths that go with the targets.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Strengths {
    /// Every coupling is the same: twice it, in units (integers) or energy (floats).
    Same(f64),
    /// Every coupling has the same size: twice it, in units or energy; the sign is the low bit of the target.
    Uniform(f64),
    /// Twice J in units, one a target, signed.
    Ints(Vec<i32>),
    /// Twice J, one a target, signed.
    Floats(Vec<f32>),
}

/// One colour class: its groups and which positions of the last one are spins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub groups: (u32, u32),
    pub tail: u16,
}

/// Compiled rows of a [`SpinPlan`] for the one-replica kernels; holds no state.
///
/// Invariants that the kernels rely on: `offsets` has one entry more than there are positions, is
/// ascending and ends at the number of targets; every target is a position; strengths are as many as
/// targets; unless `degree` is given, rows hold a multiple of four targets.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaRows {
    pub(super) position: Vec<u32>,
    pub(super) slot: Vec<u32>,
    pub(super) classes: Vec<Class>,
    pub(super) offsets: Vec<u32>,
    pub(super) targets: Targets,
    pub(super) strengths: Strengths,
    /// The number of targets of every position, if it is one: row p then starts at p * degree.
    pub(super) degree: Option<u32>,
    /// Positions from here on are the spill group.
    pub(super) spill: u32,
    unit: Option<f32>,
    max_units: i32,
    n_free: usize,
}

impl ReplicaRows {
    /// Compiles the rows of `plan`.
    ///
    /// # Panics
    /// If the plan has more than 2^30 spins.
    pub fn new(plan: &SpinPlan) -> Self {
        let n = plan.n_spins();
        assert!(n <= 1 << 30, "{n} spins are more than positions can name");

        // 1. Positions: each class padded to whole groups, clamped spins last.
        let mut position = vec![0; n];
        let mut slot = Vec::with_capacity(n + GROUP * (plan.n_classes() + 1));
        let mut classes = Vec::with_capacity(plan.n_classes());
        let mut place = |range: std::ops::Range<usize>| {
            let first = slot.len() / GROUP;
            slot.extend(range.clone().map(|s| s as u32));
            // Rows of one length beside each other: a loop over them ends as the processor expects.
            slot[first * GROUP..].chunks_mut(BLOCK).for_each(|block| block.sort_by_key(|&s| plan.row(s as usize).0.len()));
            for (p, &s) in slot.iter().enumerate().skip(first * GROUP) {
                position[s as usize] = p as u32;
            }
            slot.resize(slot.len().next_multiple_of(GROUP), u32::MAX);
            let tail = match range.len() % GROUP {
                0 => u16::MAX,
                full => (1 << full) - 1,
            };
            Class { groups: (first as u32, (slot.len() / GROUP) as u32), tail }
        };
        for c in 0..plan.n_classes() {
            classes.push(place(plan.class(c)));
        }
        place(plan.n_free()..n);

        // 2. Targets: the free neighbours, in row order.
        let is_free = |s: u32| (s as usize) < plan.n_free();
        let degree = regular_degree(plan);
        let spill = slot.len() as u32;
        if degree.is_none() {
            slot.resize(slot.len() + GROUP, u32::MAX);
        }
        // Whole words of 64 positions, for `pull`.
        slot.resize(slot.len().next_multiple_of(64), u32::MAX);
        let mut offsets = Vec::with_capacity(slot.len() + 1);
        let mut targets = Vec::with_capacity(plan.neighbours.len());
        let mut doubled = Vec::with_capacity(plan.weights.len());
        offsets.push(0);
        for &s in &slot {
            if s != u32::MAX {
                let (neighbours, weights) = plan.row(s as usize);
                for (&j, &w) in neighbours.iter().zip(weights).filter(|&(&j, _)| is_free(j)) {
                    targets.push(position[j as usize]);
                    doubled.push(2.0 * w);
                }
            }
            let (end, filler) = match degree {
                // A regular graph's rows are found by multiplication, so padding has (unused) rows too.
                Some(degree) => (targets.len() + if s == u32::MAX { degree as usize } else { 0 }, 0),
                None => (targets.len().next_multiple_of(FILL), spill),
            };
            // Cells of the spill group take turns, so that pushes do not wait for each other.
            while targets.len() < end {
                targets.push(filler + if degree.is_none() { (targets.len() % GROUP) as u32 } else { 0 });
                doubled.push(f32::NAN);
            }
            offsets.push(targets.len() as u32);
        }

        // 3. Strengths: one number if they are all the same, or all of a size. Fillers (not a number yet) push nothing else.
        let in_units = |w: f32| plan.unit.map_or(f64::from(w), |unit| f64::from(w) / f64::from(unit));
        let real = || doubled.iter().copied().filter(|w| !w.is_nan());
        let first = real().next().unwrap_or(0.0);
        let strengths = if real().all(|w| w == first) {
            Strengths::Same(in_units(first))
        } else if real().all(|w| w.abs() == first.abs()) {
            for (target, &w) in targets.iter_mut().zip(&doubled) {
                *target = *target << 1 | u32::from(w < 0.0);
            }
            Strengths::Uniform(in_units(first.abs()))
        } else {
            doubled.iter_mut().filter(|w| w.is_nan()).for_each(|w| *w = 0.0);
            match plan.unit {
                Some(_) => Strengths::Ints(doubled.iter().map(|&w| in_units(w) as i32).collect()),
                None => Strengths::Floats(doubled),
            }
        };
        let targets = Targets::new(targets);
        let max_units = plan.unit.map_or(0, |unit| {
            let row = |s: usize| plan.row(s).1.iter().map(|w| f64::from(w.abs())).sum::<f64>() + f64::from(plan.fields[s].abs());
            ((0..plan.n_free()).map(row).fold(0.0, f64::max) / f64::from(unit)) as i32
        });
        ReplicaRows {
            position,
            slot,
            classes,
            offsets,
            targets,
            strengths,
            degree,
            spill,
            unit: plan.unit,
            max_units,
            n_free: plan.n_free(),
        }
    }

    /// Number of positions, padding included; a multiple of [`GROUP`].
    pub fn n_positions(&self) -> usize {
        self.slot.len()
    }

    /// Positions of spins and of padding; the fields of those beyond take what fills rows up, and mean nothing.
    pub fn n_read(&self) -> usize {
        self.spill as usize
    }

    /// Pushes of a flip on average, rounded up.
    pub fn mean_degree(&self) -> u64 {
        let n_targets = self.offsets.last().map_or(0, |&n| u64::from(n));
        n_targets.div_ceil(self.n_free.max(1) as u64)
    }

    /// The position that target `k` names.
    #[inline]
    pub(super) fn target(&self, k: usize) -> usize {
        let shift = u32::from(matches!(self.strengths, Strengths::Uniform(_)));
        (self.targets.get(k) >> shift) as usize
    }

    /// Number of free spins.
    pub fn n_free(&self) -> usize {
        self.n_free
    }

    /// The position of the spin at `slot` of the plan.
    #[inline]
    pub fn position(&self, slot: usize) -> usize {
        self.position[slot] as usize
    }

    /// The slot of the plan at `position`, or `None` for padding.
    pub fn slot(&self, position: usize) -> Option<usize> {
        Some(self.slot[position]).filter(|&s| s != u32::MAX).map(|s| s as usize)
    }

    /// The energy of one integer step, if fields are integers.
    pub fn unit(&self) -> Option<f32> {
        self.unit
    }

    /// True if integer fields, and what a flip pushes, fit a byte each, and all couplings have one size.
    pub fn fields_fit_bytes(&self) -> bool {
        let one_size = matches!(self.strengths, Strengths::Same(_) | Strengths::Uniform(_));
        self.unit.is_some() && one_size && self.max_units <= MOST_IN_A_BYTE
    }

    /// The largest local field that a free spin can have, in units; 0 without a unit.
    pub fn max_units(&self) -> i32 {
        self.max_units
    }
}

/// The number of neighbours of every spin, if it is one number above zero and no spin is clamped.
fn regular_degree(plan: &SpinPlan) -> Option<u32> {
    let degree = |s: usize| plan.row(s).0.iter().filter(|&&j| (j as usize) < plan.n_free()).count() as u32;
    let all_free = plan.n_free() == plan.n_spins() && plan.n_free() > 0;
    let first = all_free.then(|| degree(0)).filter(|&d| d > 0)?;
    (1..plan.n_free()).all(|s| degree(s) == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Coupling, IsingModel};
    use crate::topology::compile::compile_spins;

    #[test]
    fn classes_are_padded_and_clamped_spins_are_no_targets() {
        let mut model = IsingModel::with_spins(40);
        model.couplings = (0..39).map(|v| Coupling::new(v, v + 1, if v % 2 == 0 { 1.0 } else { -1.0 })).collect();
        model.normalise();
        let clamped: Vec<bool> = (0..40).map(|v| v == 7).collect();
        let plan = compile_spins(&model, &clamped);
        let rows = ReplicaRows::new(&plan);
        assert_eq!((rows.n_positions(), rows.n_free(), rows.max_units()), (128, 39, 2));
        for s in 0..40 {
            assert_eq!(rows.slot(rows.position(s)), Some(s));
        }
        for p in 0..rows.n_positions() {
            let row = rows.offsets[p] as usize..rows.offsets[p + 1] as usize;
            assert_eq!(row.len() % FILL, 0);
            for t in row.filter(|&t| rows.target(t) < rows.spill as usize) {
                let (source, target) = (rows.slot(p).unwrap(), rows.slot(rows.target(t)).unwrap());
                assert!(target < plan.n_free());
                let (neighbours, weights) = plan.row(source);
                let k = neighbours.binary_search(&(target as u32)).unwrap();
                assert_eq!(rows.targets.get(t) & 1 == 1, weights[k] < 0.0);
            }
        }
        assert_eq!(rows.strengths, Strengths::Uniform(2.0));
    }
}
