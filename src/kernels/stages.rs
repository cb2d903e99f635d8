//! Runs the blocks of one stage after another on the threads of the current pool.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Looks at the counter before a waiting thread lets others have the processor.
const LOOKS_BEFORE_YIELD: u32 = 4096;

/// Runs `run(block)` for each block of `stages`, a stage only after all blocks of the one before; returns the sum of what they give.
///
/// Threads join once for all stages and meet between them without sleeping, because a stage may take less than waking a
/// thread does. A thread that the pool cannot spare is not waited for. The sum is of integers, so its order does not matter.
///
/// # Panics
/// If the stages do not follow each other without a gap, or `run` panics.
pub fn run_stages(stages: &[Range<usize>], run: impl Fn(usize) -> u64 + Sync) -> u64 {
    assert!(stages.windows(2).all(|w| w[0].end == w[1].start), "stages {stages:?} leave blocks out");
    let widest = stages.iter().map(Range::len).max().unwrap_or(0);
    let n_threads = rayon::current_num_threads().min(widest);
    if n_threads < 2 {
        return stages.iter().cloned().flatten().map(run).sum();
    }
    let parts: Vec<Part> = stages.iter().flat_map(|stage| (0..n_threads).map(move |t| Part::new(stage, t, n_threads))).collect();
    let (done, total) = (AtomicUsize::new(stages[0].start), AtomicU64::new(0));
    let work = |thread: usize| {
        let mut sum = 0;
        for (stage, parts) in stages.iter().zip(parts.chunks_exact(n_threads)) {
            // The thread's own part first, whose neighbours it moved in other stages and has in its cache; then what others left.
            for part in parts[thread..].iter().chain(&parts[..thread]) {
                while let Some(block) = part.claim() {
                    // All blocks before the stage are claimed, so this waits for blocks that are running.
                    wait_until(|| done.load(Ordering::Acquire) >= stage.start);
                    let _finished = CountOnDrop(&done);
                    sum += run(block);
                }
            }
        }
        total.fetch_add(sum, Ordering::Relaxed);
    };
    rayon::scope(|scope| {
        let work = &work;
        (1..n_threads).for_each(|thread| scope.spawn(move |_| work(thread)));
        work(0);
    });
    total.into_inner()
}

/// A thread's share of the blocks of a stage, of which others take what is left.
struct Part {
    next: AtomicUsize,
    end: usize,
}

impl Part {
    fn new(stage: &Range<usize>, thread: usize, n_threads: usize) -> Self {
        let at = |k: usize| stage.start + stage.len() * k / n_threads;
        Part { next: AtomicUsize::new(at(thread)), end: at(thread + 1) }
    }

    fn claim(&self) -> Option<usize> {
        let block = self.next.fetch_add(1, Ordering::Relaxed);
        (block < self.end).then_some(block)
    }
}

/// Counts a block as done even if it panicked, so that nobody waits for it for ever.
struct CountOnDrop<'a>(&'a AtomicUsize);

impl Drop for CountOnDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

fn wait_until(is_true: impl Fn() -> bool) {
    let mut looks = 0_u32;
    while !is_true() {
        looks += 1;
        if looks < LOOKS_BEFORE_YIELD {
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_starts_after_all_blocks_of_the_one_before() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        let stages = [3..8, 8..9, 9..9, 9..30, 30..32];
        for _ in 0..200 {
            let finished = AtomicUsize::new(3);
            let sum = pool.install(|| {
                run_stages(&stages, |block| {
                    let start = stages.iter().find(|s| s.contains(&block)).unwrap().start;
                    let before = finished.load(Ordering::SeqCst);
                    assert!(before >= start, "block {block} runs after {before} blocks");
                    finished.fetch_add(1, Ordering::SeqCst);
                    block as u64
                })
            });
            assert_eq!(sum, (3..32).sum::<u64>());
        }
        assert_eq!(run_stages(&[], |_| 1), 0);
    }

    #[test]
    fn a_panic_in_a_block_reaches_the_caller() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let run = || pool.install(|| run_stages(&[0..6, 6..12], |block| if block == 4 { panic!("block {block}") } else { 1 }));
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(payload.downcast_ref::<String>().unwrap(), "block 4");
    }
}
