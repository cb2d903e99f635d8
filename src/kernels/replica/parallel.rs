//! Sweeps of one replica on several threads, with the same bits as on one.
//!
//! ```text
//! for each colour class:
//!     in parallel over its parts (blocks of 1,024 positions): decide, list the flips   (fields are read)
//!     in parallel over regions: for each part in order, for each flip, for each target
//!         that lies in the region: f_j += 2 J s                                         (fields are written)
//! ```
//!
//! A region owns whole blocks, a like share of each class, so that neighbours in neuron order mostly
//! share it. Each field has one writer that sees the flips in their order: the sums of floats do
//! not depend on the number of threads either. Parts whose targets all lie in one region are
//! pushed by it without looking at owners.
#![expect(unsafe_code, reason = "threads write disjoint fields of one slice")]

use rayon::prelude::*;

use crate::random::{BLOCK, StreamKey, Xoshiro8};

use super::colours::Swept;
use super::rows::{GROUP, GROUPS_PER_BLOCK, ReplicaRows};
use super::scatter::{Field, for_each_push};
use super::sweep::{Flips, Job};

/// Most regions; more threads than these do not help.
const MAX_REGIONS: usize = 16;

/// Regions a thread where neighbours share them: a thread that was held up then leaves its rest to the others.
const REGIONS_PER_THREAD: usize = 8;

/// Tasks of deciding a class.
const TASKS: usize = 32;

/// Owners of a block's targets, on average, up to which regions are small: each owner reads the block's flips again.
const FEW_OWNERS: f64 = 1.25;

/// Who owns which fields, and room for the flips of a class.
#[derive(Clone, Debug)]
pub struct Regions {
    n: usize,
    /// The owner of each block.
    of_block: Vec<u8>,
    /// The owners of the targets of each block's positions, a bit each.
    touched: Vec<u16>,
    flips: Vec<Flips>,
    parts: Vec<Part>,
}

/// What deciding a part gave.
#[derive(Clone, Debug)]
struct Part {
    n_flips: usize,
    swept: Swept,
    random: Xoshiro8,
}

impl Regions {
    /// Regions for `n_threads` threads (16 at most).
    ///
    /// # Panics
    /// If there is no thread.
    pub fn new(rows: &ReplicaRows, n_threads: usize) -> Self {
        assert!(n_threads > 0, "no thread to sweep with");
        let small = Self::with_regions(rows, (n_threads * REGIONS_PER_THREAD).min(MAX_REGIONS));
        let owners: u32 = small.touched.iter().map(|owners| owners.count_ones()).sum();
        if n_threads > 1 && f64::from(owners) > FEW_OWNERS * small.touched.len() as f64 {
            Self::with_regions(rows, n_threads.min(MAX_REGIONS))
        } else {
            small
        }
    }

    fn with_regions(rows: &ReplicaRows, n: usize) -> Self {
        let n_blocks = rows.n_positions().div_ceil(BLOCK);
        let mut of_block = vec![0; n_blocks];
        let mut most_parts = 0;
        for class in &rows.classes {
            let blocks = blocks_of(class.groups);
            most_parts = most_parts.max(blocks.len());
            for block in blocks.clone() {
                of_block[block] = ((block - blocks.start) * n / blocks.len()) as u8;
            }
        }
        let touched = (0..n_blocks)
            .map(|block| {
                let (first, end) = (block * BLOCK, rows.n_positions().min((block + 1) * BLOCK));
                let targets = (rows.offsets[first] as usize..rows.offsets[end] as usize).map(|k| rows.target(k));
                targets.filter(|&t| t < rows.spill as usize).fold(0, |owners, t| owners | 1_u16 << of_block[t / BLOCK])
            })
            .collect();
        let part = Part { n_flips: 0, swept: Swept::default(), random: Xoshiro8 { s: [[0; 8]; 4] } };
        Regions { n, of_block, touched, flips: vec![[0; BLOCK + GROUP]; most_parts], parts: vec![part; most_parts] }
    }

    /// Number of regions.
    pub fn n_regions(&self) -> usize {
        self.n
    }
}

/// The blocks that a range of groups lies in.
fn blocks_of(groups: (u32, u32)) -> std::ops::Range<usize> {
    groups.0 as usize / GROUPS_PER_BLOCK..(groups.1 as usize).div_ceil(GROUPS_PER_BLOCK)
}

/// Fields that threads write, each to its own positions.
#[derive(Clone, Copy)]
struct SharedFields<C>(*mut C);

// SAFETY: threads reach the fields only through `add`, whose callers write disjoint positions.
unsafe impl<C: Send> Send for SharedFields<C> {}
// SAFETY: as above.
unsafe impl<C: Send> Sync for SharedFields<C> {}

impl<C: Field> SharedFields<C> {
    /// # Safety
    /// `position` lies inside the slice, and no other thread touches it meanwhile.
    #[inline(always)]
    unsafe fn add(self, position: usize, push: C) {
        // SAFETY: the caller's word.
        unsafe { (*self.0.add(position)).push(push) }
    }
}

/// One sweep; see the module.
pub(super) fn sweep<C: Field>(
    rows: &ReplicaRows,
    regions: &mut Regions,
    fields: &mut [C],
    up: &mut [u16],
    key: StreamKey,
    decide: impl Fn(Job<'_, C>) -> usize + Sync,
) -> Swept {
    assert_eq!(regions.of_block.len(), rows.n_positions().div_ceil(BLOCK), "regions of other rows");
    let mut swept = Swept::default();
    let mut carry = Xoshiro8 { s: [[0; 8]; 4] };
    for class in &rows.classes {
        let blocks = blocks_of(class.groups);
        let (first, end) = (class.groups.0 as usize, class.groups.1 as usize);
        if first == end {
            continue;
        }
        // 1. Decide: each part has its own spins, flips and generator.
        let mut jobs = Vec::with_capacity(blocks.len());
        let mut rest = &mut up[first..end];
        for (block, (part, flips)) in blocks.clone().zip(regions.parts.iter_mut().zip(&mut regions.flips)) {
            let start = first.max(block * GROUPS_PER_BLOCK);
            let (up, later) = rest.split_at_mut(end.min((block + 1) * GROUPS_PER_BLOCK) - start);
            rest = later;
            jobs.push((block, start, up, part, flips));
        }
        jobs[0].3.random = carry;
        let shared: &[C] = fields;
        let jobs_per_task = jobs.len().div_ceil(TASKS);
        jobs.into_par_iter().with_min_len(jobs_per_task).for_each(|(block, start, up, part, flips)| {
            let stop = start + up.len();
            part.swept = Swept::default();
            part.n_flips = decide(Job {
                first: start as u32,
                fields: shared[start * GROUP..stop * GROUP].as_chunks().0,
                up,
                tail: if stop == end { class.tail } else { u16::MAX },
                key: key.block(block as u32),
                random: &mut part.random,
                flips,
                sum: &mut part.swept.aligned,
                by: &mut part.swept.by,
            });
        });
        // 2. Push: each region owns its fields and sees the parts in their order.
        let parts = &regions.parts[..blocks.len()];
        let shared = SharedFields(fields.as_mut_ptr());
        (0..regions.n).into_par_iter().with_max_len(1).for_each(|region| {
            for (block, (part, flips)) in blocks.clone().zip(parts.iter().zip(&regions.flips)) {
                let owners = regions.touched[block];
                let flips = &flips[..part.n_flips];
                if owners == 1 << region {
                    for_each_push(rows, flips, |target, push| {
                        if target < rows.spill as usize {
                            // SAFETY: every target is a position; all of this block that are not spill are
                            // this region's, and no other region pushes to them.
                            unsafe { shared.add(target, push) }
                        }
                    });
                } else if owners >> region & 1 == 1 {
                    for_each_push(rows, flips, |target, push| {
                        if target < rows.spill as usize && regions.of_block[target / BLOCK] == region as u8 {
                            // SAFETY: every target is a position, and this one is this region's.
                            unsafe { shared.add(target, push) }
                        }
                    });
                }
            }
        });
        // 3. Sums in the order of the parts.
        for part in parts {
            swept.flips += part.n_flips as u64;
            swept.aligned.units += part.swept.aligned.units;
            swept.aligned.energy += part.swept.aligned.energy;
            swept.by = part.swept.by;
        }
        carry = parts[parts.len() - 1].random.clone();
    }
    swept
}
