//! Chooses the backend of real-valued lanes, once a block.

use crate::plan::lane_rows::lane_blocks;
use crate::plan::{RealRows, ReplicaBits};
use crate::random::StreamKey;

use super::super::simd::Simd;
use super::super::stages::run_stages;
use super::count::Sites;
use super::real::{Plain, RealJob, RealRule, count_flips, move_real};
#[cfg(target_arch = "x86_64")]
use super::real_avx2::Floats256;
#[cfg(target_arch = "x86_64")]
use super::real_avx512::Floats512;

/// How real-valued lanes move: rows, temperatures, rule and backend of a sweep.
#[derive(Clone, Copy, Debug)]
pub struct RealMove<'a> {
    /// The rows.
    pub rows: &'a RealRows,
    /// -4 beta of each lane; finite, at most 0.
    pub scales: &'a [f32],
    /// How to decide.
    pub rule: RealRule,
    /// The backend.
    pub simd: Simd,
}

impl RealMove<'_> {
    /// Moves all rows, one colour class after another; block b of [`lane_blocks`], counted over all
    /// classes, draws from `key.block(b)`. Returns the flips.
    ///
    /// # Panics
    /// If bits, rows and scales do not belong together.
    pub fn sweep(&self, bits: &mut ReplicaBits, key: StreamKey) -> u64 {
        let words = self.check(bits);
        // SAFETY: the view is used below alone, while `bits` is borrowed. Sites of one class are in
        // one block each and are not neighbours, so no thread reads or writes what another writes.
        let sites = unsafe { Sites::new(bits.words_mut()) };
        let mut blocks = Vec::new();
        let mut classes = Vec::new();
        for class in (0..self.rows.n_classes()).map(|class| self.rows.class(class)) {
            let first = blocks.len();
            blocks.extend(lane_blocks(class));
            classes.push(first..blocks.len());
        }
        run_stages(&classes, |block| {
            // SAFETY: sites, rows and scales were checked; see above for threads.
            unsafe { self.dispatch(sites, words, blocks[block].clone(), key.block(block as u32)) }
        })
    }

    /// Moves the free `slots` one after another, from the one stream of `key`. Returns the flips.
    ///
    /// # Panics
    /// If bits, rows and scales do not belong together, or a slot is not free.
    pub fn move_slots(&self, bits: &mut ReplicaBits, slots: &[u32], key: StreamKey) -> u64 {
        let words = self.check(bits);
        assert!(slots.iter().all(|&s| (s as usize) < self.rows.n_free()), "slots {slots:?} of {} free ones", self.rows.n_free());
        // SAFETY: the view is used by this thread alone, while `bits` is borrowed.
        let sites = unsafe { Sites::new(bits.words_mut()) };
        // SAFETY: sites, rows, scales and slots were checked.
        unsafe { self.dispatch(sites, words, slots.iter().map(|&s| s as usize), key) }
    }

    fn check(&self, bits: &ReplicaBits) -> usize {
        assert_eq!(bits.n_sites(), self.rows.n_sites(), "bits of other sites than the rows'");
        assert_eq!(self.scales.len(), bits.n_lanes(), "one temperature a lane");
        assert!(!(self.rule.shared && self.rule.heat_bath), "a heat bath with shared numbers");
        assert!(self.simd.is_available(), "{} instructions", self.simd.name());
        bits.words_per_site()
    }

    /// # Safety
    /// As for [`move_real`]; the backend's instructions must exist.
    unsafe fn dispatch(&self, sites: Sites, words: usize, slots: impl Iterator<Item = usize>, key: StreamKey) -> u64 {
        let job = RealJob { rows: self.rows, scales: self.scales, rule: self.rule };
        // SAFETY: passed on.
        unsafe {
            match self.simd {
                Simd::Scalar => move_real::<Plain>(&job, sites, words, slots, key),
                #[cfg(target_arch = "x86_64")]
                Simd::Avx2 => move_avx2(&job, sites, words, slots, key),
                #[cfg(target_arch = "x86_64")]
                Simd::Avx512 => move_avx512(&job, sites, words, slots, key),
                #[cfg(not(target_arch = "x86_64"))]
                _ => unreachable!("checked to be available"),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx2,popcnt")]
unsafe fn move_avx512(job: &RealJob<'_>, sites: Sites, words: usize, slots: impl Iterator<Item = usize>, key: StreamKey) -> u64 {
    // SAFETY: passed on.
    unsafe { move_real::<Floats512>(job, sites, words, slots, key) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
unsafe fn move_avx2(job: &RealJob<'_>, sites: Sites, words: usize, slots: impl Iterator<Item = usize>, key: StreamKey) -> u64 {
    // SAFETY: passed on.
    unsafe { move_real::<Floats256>(job, sites, words, slots, key) }
}

/// How many of the 24-bit uniform numbers k in `uniforms` (u = (k + 1/2) / 2^24) flip a spin of
/// half field `half_field`, decided by the code that sweeps run: the realised probability.
///
/// # Panics
/// If the processor lacks `simd`, or the range is no multiple of 16 numbers below 2^24.
pub fn count_accepting(simd: Simd, half_field: f32, is_up: bool, beta: f64, heat_bath: bool, uniforms: std::ops::Range<u32>) -> u64 {
    assert!(simd.is_available(), "{} instructions", simd.name());
    assert!(uniforms.len().is_multiple_of(16) && uniforms.end <= 1 << 24, "{uniforms:?} of 2^24 numbers, 16 at a time");
    let scale = scale_of(beta);
    match simd {
        Simd::Scalar => count_flips::<Plain>(half_field, is_up, scale, heat_bath, uniforms),
        // SAFETY: the processor has the instructions.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx2 => unsafe { count_avx2(half_field, is_up, scale, heat_bath, uniforms) },
        // SAFETY: the processor has the instructions.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx512 => unsafe { count_avx512(half_field, is_up, scale, heat_bath, uniforms) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => unreachable!("asserted to be available"),
    }
}

/// -4 beta in f32, as [`RealMove::scales`] wants it; beyond 1e30, cold is cold enough.
pub fn scale_of(beta: f64) -> f32 {
    -4.0 * beta.min(1e30) as f32
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx2,popcnt")]
fn count_avx512(half_field: f32, is_up: bool, scale: f32, heat_bath: bool, uniforms: std::ops::Range<u32>) -> u64 {
    count_flips::<Floats512>(half_field, is_up, scale, heat_bath, uniforms)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn count_avx2(half_field: f32, is_up: bool, scale: f32, heat_bath: bool, uniforms: std::ops::Range<u32>) -> u64 {
    count_flips::<Floats256>(half_field, is_up, scale, heat_bath, uniforms)
}
