//! The rows that replica-lane kernels execute on integer couplings, compiled from a [`SpinPlan`].
//!
//! In steps of the plan's unit, a row has n couplings w_j and a field h. Of the sum
//! W = sum |w_j| + |h|, a spin leaves U unsatisfied (w_j s_i s_j < 0, h s_i < 0), and flipping it
//! costs dE = 2 (W - 2 U) steps. Kernels count U for all replicas at once in bit planes, so a row
//! lists its neighbours plane by plane: those whose |w_j| has bit 0 set, then those with bit 1, ...
//! Each neighbour comes with the sign of its coupling.
//!
//! Rows of a class are cut into blocks of 1,024 slots, each of which draws from its own stream.
//! Inside a block, rows of the same shape stand together as a run, for which a kernel chooses its
//! code once. Every index is checked here, so that kernels need not.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::SpinPlan;
use super::real_rows::assert_independent;

/// Most sites of a colour class that share a random stream and a thread. A site of 512 lanes is as much work as many
/// spins of one replica, so blocks are shorter than elsewhere, and a class of a few thousand sites has enough of them.
pub const LANE_BLOCK: usize = 256;

/// The blocks of a colour class: of equal length to one site, and four or eight or ... of them, so that two or four
/// threads have the same work between two meetings; one block if the class fits into it.
pub fn lane_blocks(class: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let n_blocks = match class.len().div_ceil(LANE_BLOCK) {
        few @ (0 | 1) => few,
        many => many.next_multiple_of(4),
    };
    let at = move |block: usize| class.start + class.len() * block / n_blocks;
    (0..n_blocks).map(move |block| at(block)..at(block + 1))
}

/// Bit planes of a row's count.
pub const PLANES: usize = 8;

/// The heaviest row, in multiples of its own greatest common divisor.
pub const MAX_ROW_STEPS: u32 = (1 << PLANES) - 1;

/// Rows of one shape that stand together in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRun {
    /// Its rows, in the order in which they are visited.
    pub rows: Range<u32>,
    /// The first entry of its first row.
    pub first_entry: u32,
    /// What its rows have in common.
    pub shape: RowShape,
    /// Where its levels begin in [`LaneRows::level_ids`].
    pub first_level: u32,
}

/// What decides the code that a row needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowShape {
    /// Sum of |w| and |h|, in multiples of `scale`.
    pub total: u32,
    /// Greatest common divisor of the row, in steps of the plan's unit.
    pub scale: u32,
    /// |h| in multiples of `scale`.
    pub field: u32,
    /// Number of neighbours by bit plane of their |w|.
    pub plane_counts: [u32; PLANES],
    /// `Some(true)` if all couplings are negative, `Some(false)` if none is, `None` if mixed.
    pub all_negative: Option<bool>,
}

impl RowShape {
    /// Entries of each row.
    pub fn n_entries(&self) -> u32 {
        self.plane_counts.iter().sum()
    }

    /// Bit planes that hold every count up to `total`.
    pub fn width(&self) -> usize {
        (u32::BITS - self.total.leading_zeros()) as usize
    }

    /// True if the row counts neighbours of equal weight, without a field.
    pub fn is_plain(&self) -> bool {
        self.field == 0 && self.plane_counts[0] == self.total
    }
}

/// Rows for lane kernels; holds no state.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneRows {
    n_sites: usize,
    class_blocks: Vec<u32>,
    block_runs: Vec<u32>,
    runs: Vec<LaneRun>,
    /// site << 1 | (h < 0), by row.
    sites: Vec<u32>,
    /// neighbour << 1 | (w < 0), by row and plane.
    entries: Vec<u32>,
    /// Run and row of each free slot.
    place: Vec<[u32; 2]>,
    level_ids: Vec<u32>,
    levels: Vec<u32>,
    crossing: f64,
}

impl LaneRows {
    /// Compiles `plan`, or gives `None` if its couplings are not integers of a unit or a row is too
    /// heavy for bit planes ([`MAX_ROW_STEPS`]).
    pub fn compile(plan: &SpinPlan) -> Option<Self> {
        let unit = f64::from(plan.unit?);
        let steps = |x: f32| (f64::from(x) / unit).round() as i64;
        let n_sites = plan.n_spins();
        assert!(n_sites < 1 << 31, "{n_sites} sites are more than entries can name");
        let mut out = LaneRows {
            n_sites,
            class_blocks: vec![0],
            block_runs: vec![0],
            runs: Vec::new(),
            sites: Vec::with_capacity(plan.n_free()),
            entries: Vec::with_capacity(plan.neighbours.len()),
            place: vec![[0; 2]; plan.n_free()],
            level_ids: Vec::new(),
            levels: Vec::new(),
            crossing: crossing_share(plan),
        };

        // 1. The shape of each free row, and all levels that shapes have.
        let mut shapes = Vec::with_capacity(plan.n_free());
        for slot in 0..plan.n_free() {
            shapes.push(shape_of(plan, slot, &steps)?);
        }
        let by_shape: BTreeSet<&RowShape> = shapes.iter().collect();
        let levels: BTreeSet<u32> = by_shape.iter().flat_map(|s| levels_of(s)).collect();
        out.levels = levels.iter().copied().collect();
        let mut first_level = BTreeMap::new();
        for shape in by_shape {
            first_level.insert(shape, out.level_ids.len() as u32);
            for level in levels_of(shape) {
                let id = out.levels.binary_search(&level).unwrap_or_else(|_| unreachable!("level {level} was collected"));
                out.level_ids.push(id as u32);
            }
        }

        // 2. Blocks of each class, their rows sorted by shape.
        for class in 0..plan.n_classes() {
            for block in lane_blocks(plan.class(class)) {
                let mut block: Vec<usize> = block.collect();
                block.sort_by_key(|&slot| &shapes[slot]);
                for rows in block.chunk_by(|&a, &b| shapes[a] == shapes[b]) {
                    let shape = &shapes[rows[0]];
                    let first_row = out.sites.len() as u32;
                    let first_entry = out.entries.len() as u32;
                    for &slot in rows {
                        assert_independent(plan, class, slot);
                        out.place[slot] = [out.runs.len() as u32, out.sites.len() as u32];
                        out.push_row(plan, slot, shape, &steps);
                    }
                    out.runs.push(LaneRun {
                        rows: first_row..out.sites.len() as u32,
                        first_entry,
                        shape: shape.clone(),
                        first_level: first_level[shape],
                    });
                }
                out.block_runs.push(out.runs.len() as u32);
            }
            out.class_blocks.push(out.block_runs.len() as u32 - 1);
        }
        Some(out)
    }

    fn push_row(&mut self, plan: &SpinPlan, slot: usize, shape: &RowShape, steps: &impl Fn(f32) -> i64) {
        self.sites.push((slot as u32) << 1 | u32::from(plan.fields[slot] < 0.0));
        let (neighbours, weights) = plan.row(slot);
        for plane in 0..PLANES {
            for (&j, &w) in neighbours.iter().zip(weights) {
                let magnitude = steps(w).unsigned_abs() / u64::from(shape.scale);
                if magnitude >> plane & 1 == 1 {
                    self.entries.push(j << 1 | u32::from(w < 0.0));
                }
            }
        }
    }

    /// Number of sites, clamped ones included.
    pub fn n_sites(&self) -> usize {
        self.n_sites
    }

    /// Number of sites that may move.
    pub fn n_free(&self) -> usize {
        self.sites.len()
    }

    /// The share, 0 to 1, of neighbours that another thread moves when two threads take a half of each class.
    pub fn crossing(&self) -> f64 {
        self.crossing
    }

    /// Number of colour classes.
    pub fn n_classes(&self) -> usize {
        self.class_blocks.len() - 1
    }

    /// The blocks of colour class `class`; those of one class follow those of the class before.
    pub fn class_blocks(&self, class: usize) -> Range<usize> {
        self.class_blocks[class] as usize..self.class_blocks[class + 1] as usize
    }

    /// The runs of `block`.
    pub fn block_runs(&self, block: usize) -> &[LaneRun] {
        &self.runs[self.block_runs[block] as usize..self.block_runs[block + 1] as usize]
    }

    /// The run and row of the free slot `slot`.
    pub fn place(&self, slot: usize) -> (&LaneRun, u32) {
        let [run, row] = self.place[slot];
        (&self.runs[run as usize], row)
    }

    /// Sites of `rows`, as site << 1 | (field is negative); every site is below [`LaneRows::n_sites`].
    pub fn sites(&self, rows: Range<u32>) -> &[u32] {
        &self.sites[rows.start as usize..rows.end as usize]
    }

    /// Entries of `rows` of `run`, as neighbour << 1 | (coupling is negative); every neighbour is
    /// below [`LaneRows::n_sites`].
    pub fn entries(&self, run: &LaneRun, rows: Range<u32>) -> &[u32] {
        let per_row = run.shape.n_entries();
        let first = run.first_entry + (rows.start - run.rows.start) * per_row;
        &self.entries[first as usize..(first + (rows.end - rows.start) * per_row) as usize]
    }

    /// The level of each count k = 0, 1, ... up to W/2 of `run`, as an index into [`LaneRows::levels`].
    pub fn level_ids(&self, run: &LaneRun) -> &[u32] {
        let n = run.shape.total / 2 + 1;
        &self.level_ids[run.first_level as usize..(run.first_level + n) as usize]
    }

    /// All q = W - 2 k that occur, ascending: a flip costs or gains 2 q steps.
    pub fn levels(&self) -> &[u32] {
        &self.levels
    }
}

fn crossing_share(plan: &SpinPlan) -> f64 {
    let mut in_second_half = vec![None; plan.n_spins()];
    for class in (0..plan.n_classes()).map(|class| plan.class(class)) {
        let middle = class.start + class.len() / 2;
        class.for_each(|slot| in_second_half[slot] = Some(slot >= middle));
    }
    let pairs = || (0..plan.n_free()).flat_map(|i| plan.row(i).0.iter().map(move |&j| (i, j as usize)));
    let crossing = pairs().filter(|&(i, j)| in_second_half[j].is_some_and(|half| in_second_half[i] != Some(half))).count();
    crossing as f64 / pairs().count().max(1) as f64
}

fn shape_of(plan: &SpinPlan, slot: usize, steps: &impl Fn(f32) -> i64) -> Option<RowShape> {
    let weights = plan.row(slot).1;
    let field = steps(plan.fields[slot]).unsigned_abs();
    let magnitudes = || weights.iter().map(|&w| steps(w).unsigned_abs());
    let scale = magnitudes().chain([field]).fold(0, greatest_common_divisor).max(1);
    let total = (magnitudes().sum::<u64>() + field) / scale;
    if total > u64::from(MAX_ROW_STEPS) {
        return None;
    }
    let mut plane_counts = [0; PLANES];
    for magnitude in magnitudes() {
        for (plane, count) in plane_counts.iter_mut().enumerate() {
            *count += ((magnitude / scale) >> plane & 1) as u32;
        }
    }
    let n_negative = weights.iter().filter(|&&w| w < 0.0).count();
    let n_couplings = weights.iter().filter(|&&w| w != 0.0).count();
    let all_negative = if n_negative == 0 {
        Some(false)
    } else if n_negative == n_couplings {
        Some(true)
    } else {
        None
    };
    Some(RowShape { total: total as u32, scale: scale as u32, field: (field / scale) as u32, plane_counts, all_negative })
}

fn levels_of(shape: &RowShape) -> impl Iterator<Item = u32> + use<> {
    let (total, scale) = (shape.total, shape.scale);
    (0..=total / 2).map(move |k| (total - 2 * k) * scale)
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
