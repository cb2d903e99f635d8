//! Synapses as segments: runs of sources and weights onto one neuron, whatever the storage.
//!
//! A rule that is written over segments runs over the tables of the fabric, where a segment is one
//! row of compressed sparse rows, and over packed storage, where one entity holds up to 64 synapses
//! onto one neuron and a neuron may have several segments (see `tests/segments.rs`).

use std::ops::Range;

/// A run of synapses onto one neuron.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment<'a> {
    /// Row of the neuron in the target population.
    pub target: u32,
    /// What the storage calls the first of these synapses; the others follow.
    pub first: u32,
    /// Rows of the sources in the source population.
    pub sources: &'a [u32],
    /// One weight a source.
    pub weights: &'a [f32],
}

/// A run of synapses onto one neuron, with weights that can be changed.
#[derive(Debug, PartialEq)]
pub struct SegmentMut<'a> {
    /// Row of the neuron in the target population.
    pub target: u32,
    /// What the storage calls the first of these synapses; the others follow.
    pub first: u32,
    /// Rows of the sources in the source population.
    pub sources: &'a [u32],
    /// One weight a source.
    pub weights: &'a mut [f32],
}

/// Storage of the synapses of one projection.
pub trait Segments {
    /// All synapses; segments of one target follow each other, targets in no promised order.
    fn segments(&self) -> impl Iterator<Item = Segment<'_>>;

    /// All synapses, with weights that can be changed.
    fn segments_mut(&mut self) -> impl Iterator<Item = SegmentMut<'_>>;
}

/// The columns of a projection as segments, one a target, empty ones left out.
#[derive(Debug)]
pub struct Rows<'a> {
    /// Row offsets by target (see [`super::Projection::offsets`]).
    pub offsets: &'a [u32],
    /// The column `Source`, as numbers.
    pub sources: &'a [u32],
    /// The column `Weight`, as numbers.
    pub weights: &'a mut [f32],
}

/// Targets that have synapses, with the rows of these.
fn ranges(offsets: &[u32]) -> impl Iterator<Item = (u32, Range<usize>)> {
    (0_u32..).zip(offsets.windows(2)).filter(|(_, w)| w[0] < w[1]).map(|(target, w)| (target, w[0] as usize..w[1] as usize))
}

impl Segments for Rows<'_> {
    fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        ranges(self.offsets).map(|(target, row)| Segment {
            target,
            first: row.start as u32,
            sources: &self.sources[row.clone()],
            weights: &self.weights[row],
        })
    }

    fn segments_mut(&mut self) -> impl Iterator<Item = SegmentMut<'_>> {
        let sources = self.sources;
        let mut rest = &mut *self.weights;
        ranges(self.offsets).map(move |(target, row)| {
            let (weights, after) = std::mem::take(&mut rest).split_at_mut(row.len());
            rest = after;
            SegmentMut { target, first: row.start as u32, sources: &sources[row], weights }
        })
    }
}
