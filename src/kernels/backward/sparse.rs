//! Sparse blocks, and rows of a stage: products along rows, gradients sent back along rows, and gradients of weights.
#![expect(unsafe_code, reason = "rows read and write through pointers whose bounds the entries assert")]

use rayon::prelude::*;

use super::super::simd::Simd;
use super::rules::Step;
use super::sink::{Piece, StepRows, Stepper, read, write};
use super::vector::{Job, Vector, WIDTH, run};

/// Lanes that are carried along a row together.
const LANE_GROUP: usize = 4 * WIDTH;
/// Synapses of one task.
const TASK_SYNAPSES: usize = 1 << 16;

/// The rows of a block, and which of them count.
#[derive(Clone, Copy, Debug)]
pub struct SparseRows<'a> {
    /// Number of sources.
    pub n_sources: usize,
    /// Number of targets.
    pub n_targets: usize,
    /// Row offsets and sources of compressed sparse rows; `None` if every target has every source.
    pub sparse: Option<(&'a [u32], &'a [u32])>,
    /// The targets that count, ascending; `None` for all.
    pub targets: Option<&'a [u32]>,
}

impl<'a> SparseRows<'a> {
    /// Asserts what the kernels below rely on.
    fn assert_fit(&self, n_weights: usize) {
        match self.sparse {
            Some((offsets, sources)) => {
                assert_eq!(offsets.len(), self.n_targets + 1, "row offsets of {} targets", self.n_targets);
                assert!(offsets.is_sorted() && offsets[self.n_targets] as usize == n_weights, "offsets of {n_weights} synapses");
                assert_eq!(sources.len(), n_weights, "sources, and weights");
                assert!(sources.iter().all(|&s| (s as usize) < self.n_sources), "sources below {}", self.n_sources);
            }
            None => assert_eq!(n_weights, self.n_targets * self.n_sources, "weights of a dense block"),
        }
        assert!(self.targets.is_none_or(|t| t.iter().all(|&t| (t as usize) < self.n_targets)), "targets below {}", self.n_targets);
    }

    #[inline(always)]
    fn n_counted(&self) -> usize {
        self.targets.map_or(self.n_targets, <[u32]>::len)
    }

    #[inline(always)]
    fn target(&self, i: usize) -> usize {
        self.targets.map_or(i, |targets| targets[i] as usize)
    }

    /// First synapse and number of synapses of a target, and its sources if they are listed.
    #[inline(always)]
    fn row(&self, target: usize) -> (usize, usize, Option<&'a [u32]>) {
        match self.sparse {
            Some((offsets, sources)) => {
                let row = offsets[target] as usize..offsets[target + 1] as usize;
                (row.start, row.len(), Some(&sources[row]))
            }
            None => (target * self.n_sources, self.n_sources, None),
        }
    }
}

/// For each counted target t: `out[t]` = chain over its sources, ascending, of fma(w, `x[s]`, `out[t]`); both `[neuron][lane]`.
///
/// # Panics
/// If lengths do not fit, or `lanes` is not a multiple of 16.
pub fn product(simd: Simd, rows: SparseRows<'_>, weights: &[f32], x: &[f32], out: &mut [f32], lanes: usize) {
    assert_lanes(&rows, weights, x.len(), out.len(), lanes);
    let out = Shared(out.as_mut_ptr());
    by_lanes(rows.n_counted() * lanes, lanes, |first, n| {
        run(simd, Along::<false> { rows, weights, x: x.as_ptr(), out, lanes, first, n });
    });
}

/// For each counted target t, ascending, and each of its sources: `dx[s]` = fma(w, `dz[t]`, `dx[s]`); both `[neuron][lane]`.
///
/// # Panics
/// If lengths do not fit, or `lanes` is not a multiple of 16.
pub fn send_back(simd: Simd, rows: SparseRows<'_>, weights: &[f32], deltas: &[f32], by_source: &mut [f32], lanes: usize) {
    assert_lanes(&rows, weights, by_source.len(), deltas.len(), lanes);
    let out = Shared(by_source.as_mut_ptr());
    by_lanes(weights.len() * lanes, lanes, |first, n| {
        run(simd, Along::<true> { rows, weights, x: deltas.as_ptr(), out, lanes, first, n });
    });
}

/// [`send_back`] inside one array of neurons: the counted targets are sources of none of each other.
///
/// # Panics
/// If lengths do not fit, or `lanes` is not a multiple of 16.
pub fn send_back_within(simd: Simd, rows: SparseRows<'_>, weights: &[f32], deltas: &mut [f32], lanes: usize) {
    assert_lanes(&rows, weights, deltas.len(), deltas.len(), lanes);
    let out = Shared(deltas.as_mut_ptr());
    by_lanes(weights.len() * lanes, lanes, |first, n| {
        let out = { out };
        run(simd, Along::<true> { rows, weights, x: out.0, out, lanes, first, n });
    });
}

fn assert_lanes(rows: &SparseRows<'_>, weights: &[f32], by_source: usize, by_target: usize, lanes: usize) {
    assert!(lanes.is_multiple_of(WIDTH), "{lanes} lanes are not a multiple of {WIDTH}");
    rows.assert_fit(weights.len());
    assert_eq!((by_source, by_target), (rows.n_sources * lanes, rows.n_targets * lanes), "sources and targets, {lanes} lanes");
}

/// Lanes belong to different samples, so threads share them out; which thread takes which shifts no bit.
fn by_lanes(work: usize, lanes: usize, part: impl Fn(usize, usize) + Sync) {
    let n_threads = rayon::current_num_threads().min(lanes / WIDTH);
    if n_threads < 2 || work < 1 << 18 {
        return part(0, lanes);
    }
    let share = (lanes / WIDTH).div_ceil(n_threads) * WIDTH;
    (0..n_threads).into_par_iter().for_each(|t| {
        let first = (t * share).min(lanes);
        part(first, share.min(lanes - first));
    });
}

/// An array of which each thread touches its own lanes.
#[derive(Clone, Copy)]
struct Shared(*mut f32);

// SAFETY: threads touch disjoint lanes.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// Lanes `first..first + n` along all counted rows, towards the targets or back.
struct Along<'a, const BACK: bool> {
    rows: SparseRows<'a>,
    weights: &'a [f32],
    /// What is read: of sources, or, back, of targets.
    x: *const f32,
    out: Shared,
    lanes: usize,
    first: usize,
    n: usize,
}

impl<const BACK: bool> Job for Along<'_, BACK> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let end = self.first + self.n;
        let mut lane = self.first;
        // SAFETY: the entries have checked all lengths; lanes are inside `first..end`.
        unsafe {
            while lane + LANE_GROUP <= end {
                self.lanes_at::<V, 4>(lane);
                lane += LANE_GROUP;
            }
            while lane + 2 * WIDTH <= end {
                self.lanes_at::<V, 2>(lane);
                lane += 2 * WIDTH;
            }
            while lane < end {
                self.lanes_at::<V, 1>(lane);
                lane += WIDTH;
            }
        }
    }
}

impl<const BACK: bool> Along<'_, BACK> {
    /// # Safety
    /// The lanes exist and belong to this thread.
    #[inline(always)]
    unsafe fn lanes_at<V: Vector, const L: usize>(&self, lane: usize) {
        for i in 0..self.rows.n_counted() {
            let target = self.rows.target(i);
            let (start, len, sources) = self.rows.row(target);
            let weights = &self.weights[start..start + len];
            // SAFETY: targets and sources are in range, and so are the lanes.
            unsafe {
                let of = |p: *mut f32, neuron: usize| p.add(neuron * self.lanes + lane);
                let near = if BACK { of(self.x.cast_mut(), target) } else { of(self.out.0, target) };
                let far = if BACK { self.out.0 } else { self.x.cast_mut() };
                let mut sums = [V::splat(0.0); L];
                for (l, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(near.add(l * WIDTH));
                }
                for (k, &w) in weights.iter().enumerate() {
                    let source = sources.map_or(k, |sources| sources[k] as usize);
                    let (p, w) = (of(far, source), V::splat(w));
                    for (l, sum) in sums.iter_mut().enumerate() {
                        let x = V::load(p.add(l * WIDTH));
                        if BACK {
                            w.fma(*sum, x).store(p.add(l * WIDTH));
                        } else {
                            *sum = w.fma(x, *sum);
                        }
                    }
                }
                if !BACK {
                    for (l, sum) in sums.iter().enumerate() {
                        sum.store(near.add(l * WIDTH));
                    }
                }
            }
        }
    }
}

/// What gradients of a sparse block come from.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a> {
    /// The rows; `targets` must be `None`.
    pub rows: SparseRows<'a>,
    /// Gradients by the pre-activations of its targets, `[target][lane]`.
    pub deltas: &'a [f32],
    /// Activations of its sources, `[source][lane]`.
    pub x: &'a [f32],
    /// Number of lanes.
    pub lanes: usize,
    /// Samples that count; lanes beyond them are padding.
    pub n_samples: usize,
}

impl Pairs<'_> {
    fn assert_fit(&self, n_weights: usize) -> (&[u32], &[u32]) {
        self.rows.assert_fit(n_weights);
        assert!(self.rows.targets.is_none() && self.n_samples <= self.lanes, "all rows, and {} samples", self.n_samples);
        assert!(self.lanes.is_multiple_of(WIDTH), "{} lanes are not a multiple of {WIDTH}", self.lanes);
        assert_eq!(
            (self.x.len(), self.deltas.len()),
            (self.rows.n_sources * self.lanes, self.rows.n_targets * self.lanes),
            "sources and targets, {} lanes",
            self.lanes
        );
        self.rows.sparse.expect("sparse rows")
    }
}

/// Adds the gradients of sparse weights to `gradients`.
///
/// # Panics
/// If lengths do not fit, or the rows are not sparse.
pub fn add_gradients(simd: Simd, pairs: Pairs<'_>, gradients: &mut [f32]) {
    let (offsets, _) = pairs.assert_fit(gradients.len());
    let mut rest = gradients;
    let mut tasks = Vec::new();
    for targets in tasks_of(offsets) {
        let n = (offsets[targets.end] - offsets[targets.start]) as usize;
        let (part, after) = rest.split_at_mut(n);
        rest = after;
        tasks.push((targets, part));
    }
    tasks.into_par_iter().for_each(|(targets, part)| {
        run(simd, Chunks { pairs, targets, sink: Sink::Add(part.as_mut_ptr()), squares: &mut [] });
    });
}

/// Steps sparse weights by their gradients; `squares` becomes the sum of squared gradients of each target.
///
/// # Panics
/// If lengths do not fit, or the rows are not sparse.
pub fn step_weights(simd: Simd, pairs: Pairs<'_>, rows: StepRows<'_>, step: Step, squares: &mut [f64]) {
    let (offsets, _) = pairs.assert_fit(rows.weights.len());
    rows.assert_fit(rows.weights.len(), &step);
    assert_eq!(squares.len(), pairs.rows.n_targets, "sums of squares, one a target");
    let (mut rest, mut rest_squares) = (rows, squares);
    let mut tasks = Vec::new();
    for targets in tasks_of(offsets) {
        let (part, after) = rest.split_at((offsets[targets.end] - offsets[targets.start]) as usize);
        let (squares, squares_after) = std::mem::take(&mut rest_squares).split_at_mut(targets.len());
        (rest, rest_squares) = (after, squares_after);
        tasks.push((targets, part, squares));
    }
    tasks.into_par_iter().for_each(|(targets, part, squares)| {
        run(simd, Chunks { pairs, targets, sink: Sink::Step(Stepper::new(simd, part, step)), squares });
    });
}

/// Ranges of targets of about [`TASK_SYNAPSES`] synapses.
fn tasks_of(offsets: &[u32]) -> Vec<std::ops::Range<usize>> {
    let n_targets = offsets.len() - 1;
    let mut tasks = Vec::new();
    let mut start = 0;
    while start < n_targets {
        let until = offsets[start] as usize + TASK_SYNAPSES;
        let end = offsets.partition_point(|&o| (o as usize) < until).min(n_targets).max(start + 1);
        tasks.push(start..end);
        start = end;
    }
    tasks
}

/// Where gradients go.
#[derive(Clone, Copy)]
enum Sink {
    /// Added to those that are there.
    Add(*mut f32),
    /// Into a step of an optimiser.
    Step(Stepper),
}

struct Chunks<'a> {
    pairs: Pairs<'a>,
    targets: std::ops::Range<usize>,
    /// Its row 0 is the first synapse of `targets`.
    sink: Sink,
    squares: &'a mut [f64],
}

impl Job for Chunks<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Pairs { rows, deltas, x, lanes, n_samples } = self.pairs;
        let (offsets, sources) = rows.sparse.expect("sparse rows");
        let base = offsets[self.targets.start] as usize;
        for target in self.targets.clone() {
            let row = offsets[target] as usize..offsets[target + 1] as usize;
            let mut squares = V::splat(0.0);
            for first in row.clone().step_by(WIDTH) {
                let n = WIDTH.min(row.end - first);
                let sources = &sources[first..first + n];
                // SAFETY: the entries have checked all lengths, and that all sources are in range.
                unsafe {
                    let mut sum: V = match self.sink {
                        Sink::Add(gradients) => read(gradients.add(first - base), n),
                        Sink::Step(_) => V::splat(0.0),
                    };
                    for sample in (0..n_samples).step_by(WIDTH) {
                        let mut rows = [V::splat(0.0); WIDTH];
                        for (row, &source) in rows.iter_mut().zip(sources) {
                            *row = V::load(x.as_ptr().add(source as usize * lanes + sample));
                        }
                        let columns = V::transpose(rows);
                        let delta = deltas.as_ptr().add(target * lanes + sample);
                        for (i, &column) in columns.iter().enumerate().take(n_samples - sample) {
                            sum = V::splat(*delta.add(i)).fma(column, sum);
                        }
                    }
                    match &self.sink {
                        Sink::Add(gradients) => write(gradients.add(first - base), n, sum),
                        Sink::Step(stepper) => {
                            squares = sum.fma(sum, squares);
                            let block = sum.to_array();
                            let piece =
                                Piece { gradients: block.as_ptr(), stride: WIDTH, at: first - base, n_rows: 1, n_cols: n, row_length: n };
                            stepper.step(piece);
                        }
                    }
                }
            }
            if let Sink::Step(_) = self.sink {
                self.squares[target - self.targets.start] = squares.to_array().iter().map(|&x| f64::from(x)).sum();
            }
        }
    }
}
