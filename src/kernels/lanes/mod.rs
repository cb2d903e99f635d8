//! Replica lanes on integer couplings: 64 to 512 replicas of a spin system move at once, a bit each.
//!
//! ```text
//! site i:  [ lane 0 .. 63 | 64 .. 127 | ... ]      one word row of the bit matrix, in one register
//!
//! for each row of a block:
//!     x_j    = s_i ^ s_j ^ (J_ij < 0)               1: the bond is unsatisfied
//!     U      = sum of |J_ij| x_j                    bit planes, by full adders
//!     level  = one-hot masks of U = 0, 1, ... < W/2 uphill moves, dE = 2 W - 4 U steps
//!     accept = u < threshold[level]                 u and threshold read bit by bit
//!     s_i   ^= accept | U >= W/2
//! ```
//!
//! Each lane has its own 32-bit uniform number and its own threshold, so its own temperature.
//! `word` holds all that differs between backends.
#![expect(unsafe_code, reason = "vector registers, and threads that move sites of one colour side by side")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod count;
mod decide;
mod energy;
mod energy_entry;
mod real;
#[cfg(target_arch = "x86_64")]
mod real_avx2;
#[cfg(target_arch = "x86_64")]
mod real_avx512;
mod real_entry;
mod update;
mod word;

pub use energy_entry::{down_counts, unsatisfied_steps};
pub use real::RealRule;
pub use real_entry::{RealMove, count_accepting, scale_of};

use self::count::Sites;
use self::decide::{BITS, Draw, Independent, PerLane, Shared, Thresholds, Uniform};
use self::update::{Move, move_rows};
use self::word::Word;
use crate::plan::{LaneRows, ReplicaBits};
use crate::random::StreamKey;

use super::simd::Simd;
use super::stages::run_stages;

/// Acceptance thresholds of every level of some rows, in 2^-32, as kernels read them.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelTable {
    live: Vec<bool>,
    /// Empty if lanes differ.
    numbers: Vec<u32>,
    /// Word w of bit b (0 is the highest) of level l is `bits[(l * 32 + b) * words + w]`.
    bits: Vec<u64>,
    words: usize,
}

impl LevelTable {
    /// Thresholds that all lanes share, one a level; certainty is taken as 1 - 2^-32.
    pub fn uniform(thresholds: &[u64]) -> Self {
        let numbers: Vec<u32> = thresholds.iter().map(|&t| clamp_certain(t)).collect();
        let bits = numbers.iter().flat_map(|&t| (0..BITS).map(move |b| 0_u64.wrapping_sub(u64::from(t >> (BITS - 1 - b) & 1)))).collect();
        LevelTable { live: numbers.iter().map(|&t| t > 0).collect(), numbers, bits, words: 1 }
    }

    /// Thresholds of each lane: `columns[lane][level]`; the number of lanes is a multiple of 64.
    ///
    /// # Panics
    /// If the columns differ in length.
    pub fn per_lane(columns: &[&[u64]]) -> Self {
        let (words, n_levels) = (columns.len() / 64, columns.first().map_or(0, |c| c.len()));
        assert!(columns.iter().all(|c| c.len() == n_levels), "each lane has a threshold for each level");
        let mut bits = vec![0; n_levels * BITS * words];
        let mut live = vec![false; n_levels];
        for level in 0..n_levels {
            for (word, lanes) in columns.chunks_exact(64).enumerate() {
                let rows: [u32; 64] = std::array::from_fn(|lane| clamp_certain(lanes[lane][level]));
                live[level] |= rows.iter().any(|&t| t > 0);
                for (b, mask) in transposed(rows).into_iter().enumerate() {
                    bits[(level * BITS + (BITS - 1 - b)) * words + word] = mask;
                }
            }
        }
        LevelTable { live, numbers: Vec::new(), bits, words }
    }

    /// The threshold of `level` in `lane`, of 2^32.
    pub fn threshold(&self, level: usize, lane: usize) -> u64 {
        if !self.numbers.is_empty() {
            return u64::from(self.numbers[level]);
        }
        (0..BITS).fold(0, |t, b| t << 1 | (self.bits[(level * BITS + b) * self.words + lane / 64] >> (lane % 64) & 1))
    }
}

fn clamp_certain(threshold: u64) -> u32 {
    threshold.min(u64::from(u32::MAX)) as u32
}

/// Bit b of row r becomes bit r of column b.
fn transposed(rows: [u32; 64]) -> [u64; BITS] {
    // Blocks of 32 lanes are transposed by swapping ever smaller squares (Warren, Hacker's Delight, 7-3).
    let half = |rows: &[u32]| {
        let mut m: [u32; 32] = std::array::from_fn(|i| rows[31 - i]);
        let (mut size, mut mask) = (16, 0x0000_ffff_u32);
        while size > 0 {
            let mut k = 0;
            while k < 32 {
                let t = (m[k] ^ (m[k + size] >> size)) & mask;
                m[k] ^= t;
                m[k + size] ^= t << size;
                k = (k + size + 1) & !size;
            }
            size >>= 1;
            mask ^= mask << size;
        }
        m
    };
    let (low, high) = (half(&rows[..32]), half(&rows[32..]));
    std::array::from_fn(|b| u64::from(low[31 - b]) | u64::from(high[31 - b]) << 32)
}

/// How lanes move: rows, thresholds, rule, randomness and backend of a sweep.
#[derive(Clone, Copy, Debug)]
pub struct LaneMove<'a> {
    /// The rows.
    pub rows: &'a LaneRows,
    /// Thresholds of all levels of `rows`: of Metropolis, or of the heat bath's uphill flips.
    pub table: &'a LevelTable,
    /// Heat bath if true, Metropolis if not.
    pub heat_bath: bool,
    /// One random number for all lanes of a site, instead of one each.
    pub shared: bool,
    /// The backend.
    pub simd: Simd,
}

/// The share of neighbours on other threads above which a sweep of shared numbers stays on one: a site takes it 7 ns, a line of
/// memory that another core wrote 10 to 44. On a random 3-regular graph of 10,000 sites (half of all neighbours) two threads took
/// 1.3 to 3.6 times as long as one, on a torus (under 2 %) 0.54 to 0.7 times.
const CROSSING_OF_SHARED: f64 = 0.25;

/// Which rows move.
#[derive(Clone, Copy)]
enum Visit<'a> {
    /// A block of a colour class, from the block's stream.
    Block(usize),
    /// Slots one after another.
    Slots(&'a [u32]),
}

impl LaneMove<'_> {
    /// Moves all rows, one colour class after another; block b draws from `key.block(b)`. Returns the flips.
    ///
    /// # Panics
    /// If bits, rows and table do not belong together.
    pub fn sweep(&self, bits: &mut ReplicaBits, key: StreamKey) -> u64 {
        let words = self.check(bits);
        // SAFETY: the view is used below alone, while `bits` is borrowed. Sites of one class are in
        // one block each and are not neighbours, so no thread reads or writes what another writes.
        let sites = unsafe { Sites::new(bits.words_mut()) };
        let classes: Vec<_> = (0..self.rows.n_classes()).map(|class| self.rows.class_blocks(class)).collect();
        let run = |block: usize| {
            // SAFETY: sites, rows and table were checked; see above for threads.
            unsafe { self.dispatch(sites, words, Visit::Block(block), key.block(block as u32)) }
        };
        if self.shared && self.rows.crossing() > CROSSING_OF_SHARED {
            return classes.into_iter().flatten().map(run).sum();
        }
        run_stages(&classes, run)
    }

    /// Moves the free `slots` one after another, from the one stream of `key`. Returns the flips.
    ///
    /// # Panics
    /// If bits, rows and table do not belong together, or a slot is not free.
    pub fn move_slots(&self, bits: &mut ReplicaBits, slots: &[u32], key: StreamKey) -> u64 {
        let words = self.check(bits);
        // SAFETY: the view is used by this thread alone, while `bits` is borrowed.
        let sites = unsafe { Sites::new(bits.words_mut()) };
        // SAFETY: sites, rows and table were checked.
        unsafe { self.dispatch(sites, words, Visit::Slots(slots), key) }
    }

    /// Asserts what the kernels rely on; gives the words per site.
    fn check(&self, bits: &ReplicaBits) -> usize {
        assert_eq!(bits.n_sites(), self.rows.n_sites(), "bits of other sites than the rows'");
        assert_eq!(self.table.live.len(), self.rows.levels().len(), "one threshold a level");
        let words = bits.words_per_site();
        assert!(!self.table.numbers.is_empty() || self.table.words == words || self.table.live.is_empty(), "thresholds for other lanes");
        assert!(!(self.shared && self.heat_bath), "a heat bath with shared numbers");
        assert!(self.simd.is_available(), "{} instructions", self.simd.name());
        words
    }

    /// # Safety
    /// As for [`move_rows`]; the backend's instructions must exist.
    unsafe fn dispatch(&self, sites: Sites, words: usize, visit: Visit<'_>, key: StreamKey) -> u64 {
        // SAFETY: passed on.
        unsafe {
            match (self.simd, words) {
                #[cfg(target_arch = "x86_64")]
                (Simd::Avx512, 8) => move_avx512::<avx512::Z512>(self, sites, visit, key),
                #[cfg(target_arch = "x86_64")]
                (Simd::Avx512, 4) => move_avx512::<avx512::Z256>(self, sites, visit, key),
                #[cfg(target_arch = "x86_64")]
                (Simd::Avx2, 8) => move_avx2::<avx2::Pair<avx2::X256>>(self, sites, visit, key),
                #[cfg(target_arch = "x86_64")]
                (Simd::Avx2, 4) => move_avx2::<avx2::X256>(self, sites, visit, key),
                #[cfg(target_arch = "x86_64")]
                (Simd::Avx512 | Simd::Avx2, 2) => move_avx2::<avx2::X128>(self, sites, visit, key),
                // A u64 is the vector of 64 lanes on every backend.
                (_, 1) => move_any::<[u64; 1]>(self, sites, visit, key),
                (_, 2) => move_any::<[u64; 2]>(self, sites, visit, key),
                (_, 4) => move_any::<[u64; 4]>(self, sites, visit, key),
                _ => move_any::<[u64; 8]>(self, sites, visit, key),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx2,popcnt")]
unsafe fn move_avx512<V: Word>(job: &LaneMove<'_>, sites: Sites, visit: Visit<'_>, key: StreamKey) -> u64 {
    // SAFETY: passed on.
    unsafe { move_any::<V>(job, sites, visit, key) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
unsafe fn move_avx2<V: Word>(job: &LaneMove<'_>, sites: Sites, visit: Visit<'_>, key: StreamKey) -> u64 {
    // SAFETY: passed on.
    unsafe { move_any::<V>(job, sites, visit, key) }
}

/// Chooses the code of a sweep by its modes, once a block.
#[inline(always)]
unsafe fn move_any<V: Word>(job: &LaneMove<'_>, sites: Sites, visit: Visit<'_>, key: StreamKey) -> u64 {
    let uniform = Uniform { numbers: &job.table.numbers, bits: &job.table.bits };
    let per_lane = PerLane(&job.table.bits);
    // SAFETY: passed on.
    unsafe {
        match (job.table.numbers.is_empty(), job.shared) {
            (false, false) => visit_rows::<V, Independent<V>, _>(job, uniform, sites, visit, key),
            (false, true) => visit_rows::<V, Shared, _>(job, uniform, sites, visit, key),
            (true, false) => visit_rows::<V, Independent<V>, _>(job, per_lane, sites, visit, key),
            (true, true) => visit_rows::<V, Shared, _>(job, per_lane, sites, visit, key),
        }
    }
}

#[inline(always)]
unsafe fn visit_rows<V: Word, D: Draw<V>, T: Thresholds<V>>(
    job: &LaneMove<'_>,
    thresholds: T,
    sites: Sites,
    visit: Visit<'_>,
    key: StreamKey,
) -> u64 {
    let mut draw = D::from_key(key);
    let mut flips = V::splat(0);
    let job = Move { sites, rows: job.rows, thresholds, heat_bath: job.heat_bath, live: &job.table.live };
    // SAFETY: passed on.
    unsafe {
        match visit {
            Visit::Block(block) => {
                for run in job.rows.block_runs(block) {
                    move_rows::<V, D, T>(&job, run, run.rows.clone(), &mut draw, &mut flips);
                }
            }
            Visit::Slots(slots) => {
                for &slot in slots {
                    let (run, row) = job.rows.place(slot as usize);
                    move_rows::<V, D, T>(&job, run, row..row + 1, &mut draw, &mut flips);
                }
            }
        }
        let mut sums = [0; 8];
        flips.store(sums.as_mut_ptr());
        sums.iter().sum()
    }
}
