//! The rows of a projection as slices, and the signs its weights may have.

use std::ops::Range;

/// Targets of a chunk that one thread takes at a time; a constant, never a function of the thread count.
pub(super) const CHUNK: usize = 1024;

/// Which synapses there are: compressed sparse rows by target, sources ascending in a row.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Row offsets by target, one more than there are targets.
    pub offsets: &'a [u32],
    /// The source of each synapse.
    pub sources: &'a [u32],
}

impl Rows<'_> {
    /// Number of targets.
    pub fn n_targets(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The synapses onto `target`.
    pub fn onto(&self, target: usize) -> Range<usize> {
        self.offsets[target] as usize..self.offsets[target + 1] as usize
    }

    /// Synapses onto `target`.
    pub fn fan_in(&self, target: usize) -> u32 {
        self.offsets[target + 1] - self.offsets[target]
    }

    /// True if `source` is joined with `target`.
    pub fn joins(&self, source: u32, target: u32) -> bool {
        self.sources[self.onto(target as usize)].binary_search(&source).is_ok()
    }

    /// Synapses from each of `n_sources` sources: one pass over all synapses.
    pub fn fan_outs(&self, n_sources: usize) -> Vec<u32> {
        let mut counts = vec![0; n_sources];
        self.sources.iter().for_each(|&source| counts[source as usize] += 1);
        counts
    }
}

/// The sign that the weights of a projection have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sign {
    /// Any.
    #[default]
    Free,
    /// 0 or more.
    Excitatory,
    /// 0 or less.
    Inhibitory,
}

impl Sign {
    /// The least and the largest weight of this sign within +-bound.
    pub fn range(self, bound: f32) -> (f32, f32) {
        match self {
            Sign::Free => (-bound, bound),
            Sign::Excitatory => (0.0, bound),
            Sign::Inhibitory => (-bound, 0.0),
        }
    }

    /// True if a weight may be `weight`.
    pub fn allows(self, weight: f32) -> bool {
        match self {
            Sign::Free => true,
            Sign::Excitatory => weight >= 0.0,
            Sign::Inhibitory => weight <= 0.0,
        }
    }

    /// A first weight of this size: of this sign, or of that of `correlation` if both are allowed.
    pub fn give(self, size: f32, correlation: f32) -> f32 {
        match self {
            Sign::Free => size.copysign(correlation),
            Sign::Excitatory => size,
            Sign::Inhibitory => -size,
        }
    }
}

/// Cuts `column` at the ends of the chunks of targets: for each chunk its first target and its part of the column.
pub(super) fn by_chunk<'a, T>(offsets: &[u32], column: &'a mut [T]) -> Vec<(usize, &'a mut [T])> {
    let n_targets = offsets.len().saturating_sub(1);
    let mut rest = column;
    let cut = |first: usize| {
        let end = (first + CHUNK).min(n_targets);
        let (chunk, after) = std::mem::take(&mut rest).split_at_mut((offsets[end] - offsets[first]) as usize);
        rest = after;
        (first, chunk)
    };
    (0..n_targets).step_by(CHUNK).map(cut).collect()
}
