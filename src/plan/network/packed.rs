//! Weights laid out for one sample, or for samples one after another: vectors run over targets.
//!
//! ```text
//! panels    [panel of 64 targets][source][target]        dense rows; the last panel is as wide as needed, in 16s
//! slices    [16 rows of like length][synapse][row]       sparse rows, the longest first, ends padded
//! outgoing  [source][synapse]                            sparse columns: what an active source reaches
//! ```
//!
//! Each target still adds its sources in ascending order, so the bits are those of the law.

use super::stored::Stored;

/// Targets of a panel.
pub const PANEL: usize = 64;
/// Floats of a vector.
const LANES: usize = 16;

/// Floats of a row of activations: the neurons, padded to a vector, then a vector whose first float is 1.
///
/// What pads a slice reads that 1 with weight -0, which leaves any sum as it is, down to the sign of a zero.
pub const fn row_floats(n_neurons: usize) -> usize {
    one_of(n_neurons) + LANES
}

/// Where a row of activations holds its 1.
pub const fn one_of(n_neurons: usize) -> usize {
    n_neurons.next_multiple_of(LANES)
}

/// A dense block in panels.
#[derive(Clone, Debug, PartialEq)]
pub struct Panels<S> {
    /// Number of sources.
    pub n_sources: usize,
    /// Number of targets.
    pub n_targets: usize,
    /// Panel by panel, `[source][target]`, 0 beyond the targets.
    pub weights: Vec<S>,
}

impl<S: Stored> Panels<S> {
    /// Packs row-major weights `[target][source]`.
    pub fn pack(weights: &[f32], n_sources: usize, n_targets: usize) -> Self {
        let mut packed = vec![S::default(); n_targets.next_multiple_of(LANES) * n_sources];
        for target in 0..n_targets {
            for source in 0..n_sources {
                packed[place(n_sources, n_targets, source, target)] = S::round(weights[target * n_sources + source]);
            }
        }
        Panels { n_sources, n_targets, weights: packed }
    }

    /// The row-major weights, widened.
    pub fn unpack(&self) -> Vec<f32> {
        let (n_sources, n_targets) = (self.n_sources, self.n_targets);
        let at = |target, source| self.weights[place(n_sources, n_targets, source, target)].widen();
        (0..n_targets).flat_map(|target| (0..n_sources).map(move |source| at(target, source))).collect()
    }
}

fn place(n_sources: usize, n_targets: usize, source: usize, target: usize) -> usize {
    let first = target / PANEL * PANEL;
    let width = (n_targets - first).next_multiple_of(LANES).min(PANEL);
    first * n_sources + source * width + (target - first)
}

/// A sparse block in slices of 16 rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Slices<S> {
    /// The target of each row of each slice; one beyond the targets for what pads the last slice.
    pub targets: Vec<u32>,
    /// Where each slice begins, in vectors of synapses; one more than there are slices.
    pub starts: Vec<u32>,
    /// Sources, `[slice][synapse][row]`.
    pub sources: Vec<u32>,
    /// Weights, in the same order.
    pub weights: Vec<S>,
}

impl<S: Stored> Slices<S> {
    /// Packs compressed sparse rows over `n_sources` sources.
    pub fn pack(offsets: &[u32], sources: &[u32], weights: &[f32], n_sources: usize) -> Self {
        let n_targets = offsets.len() - 1;
        let length = |t: u32| offsets[t as usize + 1] - offsets[t as usize];
        let mut order: Vec<u32> = (0..n_targets as u32).collect();
        order.sort_by_key(|&t| std::cmp::Reverse(length(t)));
        let mut packed = Slices { targets: Vec::new(), starts: vec![0], sources: Vec::new(), weights: Vec::new() };
        for rows in order.chunks(LANES) {
            let longest = rows.first().map_or(0, |&t| length(t));
            for k in 0..longest {
                for lane in 0..LANES {
                    let synapse = rows.get(lane).filter(|&&t| k < length(t)).map(|&t| (offsets[t as usize] + k) as usize);
                    packed.sources.push(synapse.map_or(one_of(n_sources) as u32, |s| sources[s]));
                    packed.weights.push(S::round(synapse.map_or(-0.0, |s| weights[s])));
                }
            }
            packed.targets.extend(rows);
            packed.targets.resize(packed.starts.len() * LANES, n_targets as u32);
            packed.starts.push(packed.starts.last().expect("begins with 0") + longest);
        }
        packed
    }
}

/// A sparse block by source.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing<S> {
    /// Where the synapses of each source begin; one more than there are sources.
    pub offsets: Vec<u32>,
    /// Their targets, ascending inside a source.
    pub targets: Vec<u32>,
    /// Their weights.
    pub weights: Vec<S>,
}

impl<S: Stored> Outgoing<S> {
    /// Packs compressed sparse rows over `n_sources` sources.
    pub fn pack(offsets: &[u32], sources: &[u32], weights: &[f32], n_sources: usize) -> Self {
        let mut starts = vec![0_u32; n_sources + 1];
        for &source in sources {
            starts[source as usize + 1] += 1;
        }
        for k in 0..n_sources {
            starts[k + 1] += starts[k];
        }
        let mut next = starts.clone();
        let mut packed = Outgoing { offsets: starts, targets: vec![0; sources.len()], weights: vec![S::default(); sources.len()] };
        for (target, row) in offsets.windows(2).enumerate() {
            for synapse in row[0] as usize..row[1] as usize {
                let at = &mut next[sources[synapse] as usize];
                packed.targets[*at as usize] = target as u32;
                packed.weights[*at as usize] = S::round(weights[synapse]);
                *at += 1;
            }
        }
        packed
    }
}
