//! The rows that spin kernels execute: spins in colour order, both directions of each coupling.
//!
//! Slots are the positions of this order: first the free spins, colour class by colour class, then
//! the clamped ones. No two spins of a class are coupled, so a class may move together and the
//! result is that of moving its spins one after another. The plan holds no state.

/// Compiled rows of a symmetric spin system; built by `topology::compile`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpinPlan {
    /// Neuron of each slot; a permutation of `0..n`.
    pub order: Vec<u32>,
    /// Slot of each neuron; the inverse of `order`.
    pub slot: Vec<u32>,
    /// Offsets of the colour classes over the free slots: class c is `classes[c]..classes[c + 1]`;
    /// the last entry is the number of free spins.
    pub classes: Vec<u32>,
    /// Row offsets by slot, n + 1 of them, over `neighbours` and `weights`.
    pub offsets: Vec<u32>,
    /// Slot of each neighbour, ascending inside a row.
    pub neighbours: Vec<u32>,
    /// Coupling J to each neighbour.
    pub weights: Vec<f32>,
    /// Field h by slot.
    pub fields: Vec<f32>,
    /// The two positions in `weights` of each coupling, in the order of the model's couplings (the
    /// synapse rows), for refreshing weights without rebuilding the shape.
    pub entries: Vec<[u32; 2]>,
    /// The energy of one integer step if every J and h is an integer multiple of it (at most
    /// 2^20 steps a row), else `None`: kernels then work in f32.
    pub unit: Option<f32>,
    /// Constant added to every energy.
    pub offset: f64,
}

impl SpinPlan {
    /// Number of spins, clamped ones included.
    pub fn n_spins(&self) -> usize {
        self.order.len()
    }

    /// Number of spins that may move.
    pub fn n_free(&self) -> usize {
        self.classes.last().map_or(0, |&n| n as usize)
    }

    /// Number of colour classes.
    pub fn n_classes(&self) -> usize {
        self.classes.len().saturating_sub(1)
    }

    /// The slots of colour class `class`.
    pub fn class(&self, class: usize) -> std::ops::Range<usize> {
        self.classes[class] as usize..self.classes[class + 1] as usize
    }

    /// Neighbour slots and couplings of `slot`.
    #[inline]
    pub fn row(&self, slot: usize) -> (&[u32], &[f32]) {
        let range = self.offsets[slot] as usize..self.offsets[slot + 1] as usize;
        (&self.neighbours[range.clone()], &self.weights[range])
    }

    /// The largest number of neighbours of a spin.
    pub fn max_degree(&self) -> usize {
        self.offsets.windows(2).map(|w| (w[1] - w[0]) as usize).max().unwrap_or(0)
    }

    /// Writes new couplings, one a synapse row, into both directions of the compiled rows.
    ///
    /// The shape stays; [`SpinPlan::unit`] is forgotten, because it may no longer divide the new
    /// values (`topology::refresh_spins` finds it again).
    ///
    /// # Panics
    /// If there is not one strength for each coupling the plan was compiled from.
    pub fn refresh_weights(&mut self, strengths: &[f32]) {
        assert_eq!(strengths.len(), self.entries.len(), "one strength a coupling");
        self.unit = None;
        for (&[a, b], &strength) in self.entries.iter().zip(strengths) {
            self.weights[a as usize] = strength;
            self.weights[b as usize] = strength;
        }
    }

    /// The energy of `spins` in slot order (each +1 or -1), in f64.
    pub fn energy(&self, spins: &[i8]) -> f64 {
        assert_eq!(spins.len(), self.n_spins(), "one spin a slot");
        let mut twice_pairs = 0.0;
        let mut sites = 0.0;
        for (slot, &s) in spins.iter().enumerate() {
            let (neighbours, weights) = self.row(slot);
            let field: f64 = neighbours.iter().zip(weights).map(|(&j, &w)| f64::from(w) * f64::from(spins[j as usize])).sum();
            twice_pairs += field * f64::from(s);
            sites += f64::from(self.fields[slot]) * f64::from(s);
        }
        self.offset - 0.5 * twice_pairs - sites
    }
}
