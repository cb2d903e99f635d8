//! The rows that replica-lane kernels execute on real-valued couplings, checked copies of a [`SpinPlan`].

use std::ops::Range;

use super::SpinPlan;

/// Rows in f32; holds no state. Neighbours exist and are of another colour class than their row.
#[derive(Clone, Debug, PartialEq)]
pub struct RealRows {
    offsets: Vec<u32>,
    neighbours: Vec<u32>,
    weights: Vec<f32>,
    half_bases: Vec<f32>,
    classes: Vec<u32>,
}

impl RealRows {
    /// Copies the rows of `plan`.
    ///
    /// # Panics
    /// If a neighbour does not exist or two neighbours share a colour class: `plan` is broken.
    pub fn compile(plan: &SpinPlan) -> Self {
        let n = plan.n_spins();
        assert!(
            plan.n_free() <= n && plan.offsets.len() == n + 1,
            "{} free spins, {} offsets, {n} spins",
            plan.n_free(),
            plan.offsets.len()
        );
        for class in 0..plan.n_classes() {
            for slot in plan.class(class) {
                assert_independent(plan, class, slot);
            }
        }
        let half_base = |slot: usize| 0.5 * plan.row(slot).1.iter().fold(plan.fields[slot], |base, &w| base - w);
        RealRows {
            offsets: plan.offsets.clone(),
            neighbours: plan.neighbours.clone(),
            weights: plan.weights.clone(),
            half_bases: (0..n).map(half_base).collect(),
            classes: plan.classes.clone(),
        }
    }

    /// Number of sites, clamped ones included.
    pub fn n_sites(&self) -> usize {
        self.half_bases.len()
    }

    /// Number of sites that may move.
    pub fn n_free(&self) -> usize {
        self.classes.last().map_or(0, |&n| n as usize)
    }

    /// Number of colour classes.
    pub fn n_classes(&self) -> usize {
        self.classes.len().saturating_sub(1)
    }

    /// The slots of colour class `class`.
    pub fn class(&self, class: usize) -> Range<usize> {
        self.classes[class] as usize..self.classes[class + 1] as usize
    }

    /// Neighbour slots and couplings of `slot`.
    #[inline]
    pub fn row(&self, slot: usize) -> (&[u32], &[f32]) {
        let range = self.offsets[slot] as usize..self.offsets[slot + 1] as usize;
        (&self.neighbours[range.clone()], &self.weights[range])
    }

    /// (h - sum of J) / 2 of `slot`: half its field while all neighbours are down.
    #[inline]
    pub fn half_base(&self, slot: usize) -> f32 {
        self.half_bases[slot]
    }
}

/// Asserts that no neighbour of `slot` is out of range or of the same class.
pub(super) fn assert_independent(plan: &SpinPlan, class: usize, slot: usize) {
    let range = plan.class(class);
    for &j in plan.row(slot).0 {
        let j = j as usize;
        assert!(j < plan.n_spins() && !range.contains(&j), "neighbour {j} of slot {slot} in class {class} of {} sites", plan.n_spins());
    }
}
