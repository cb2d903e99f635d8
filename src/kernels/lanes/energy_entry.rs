//! Chooses the backend that counts energies.

use std::ops::Range;

use rayon::prelude::*;

use crate::plan::{LaneEdges, ReplicaBits};

use super::super::simd::Simd;
#[cfg(target_arch = "x86_64")]
use super::avx2::{Pair, X128, X256};
#[cfg(target_arch = "x86_64")]
use super::avx512::{Z256, Z512};
use super::count::Sites;
use super::energy::{COUNTED, count_couplings, count_fields};
use super::word::Word;

/// What one task counts.
#[derive(Clone)]
enum Part<'a> {
    Couplings(&'a [[u32; 2]]),
    Fields(&'a [u32]),
    Down(Range<u32>),
}

/// Unsatisfied |J| and |h| of each lane, in steps of the unit; exact.
///
/// # Panics
/// If bits and edges have different sites, or the processor lacks `simd`.
pub fn unsatisfied_steps(edges: &LaneEdges, bits: &ReplicaBits, simd: Simd) -> Vec<i64> {
    assert_eq!(bits.n_sites(), edges.n_sites(), "bits of other sites than the couplings'");
    assert!(simd.is_available(), "{} instructions", simd.name());
    let parts = edges.planes().iter().flat_map(|plane| {
        let couplings = plane.couplings.chunks(COUNTED).map(Part::Couplings);
        couplings.chain(plane.fields.chunks(COUNTED).map(Part::Fields)).map(|part| (plane.bit, part))
    });
    count_parts(&parts.collect::<Vec<_>>(), bits, simd)
}

/// Spins -1 of each lane.
///
/// # Panics
/// If the processor lacks `simd`.
pub fn down_counts(bits: &ReplicaBits, simd: Simd) -> Vec<i64> {
    assert!(simd.is_available(), "{} instructions", simd.name());
    let n = bits.n_sites() as u32;
    let parts = (0..n).step_by(COUNTED).map(|first| (0, Part::Down(first..n.min(first + COUNTED as u32))));
    count_parts(&parts.collect::<Vec<_>>(), bits, simd)
}

/// Sums of all parts, each a bit and what to count; their sites were checked.
fn count_parts(parts: &[(u32, Part<'_>)], bits: &ReplicaBits, simd: Simd) -> Vec<i64> {
    let (words, n_lanes) = (bits.words_per_site(), bits.n_lanes());
    // SAFETY: `bits` is borrowed, and nothing below writes to it.
    let sites = unsafe { Sites::read_only(bits.words()) };
    let count = |mut sums: Vec<i64>, (bit, part): &(u32, Part<'_>)| {
        // SAFETY: couplings and fields name sites of the view.
        unsafe { dispatch(simd, words, sites, part, *bit, &mut sums) };
        sums
    };
    let zeros = || vec![0_i64; n_lanes];
    if parts.len() < 2 {
        return parts.iter().fold(zeros(), count);
    }
    // Integer sums: their order does not matter.
    let add = |mut a: Vec<i64>, b: Vec<i64>| {
        a.iter_mut().zip(b).for_each(|(x, y)| *x += y);
        a
    };
    parts.par_iter().fold(zeros, count).reduce(zeros, add)
}

/// # Safety
/// As for [`count_couplings`]; the backend's instructions must exist.
unsafe fn dispatch(simd: Simd, words: usize, sites: Sites, part: &Part<'_>, bit: u32, sums: &mut [i64]) {
    // SAFETY: passed on.
    unsafe {
        match (simd, words) {
            #[cfg(target_arch = "x86_64")]
            (Simd::Avx512, 8) => count_avx512::<Z512>(sites, part, bit, sums),
            #[cfg(target_arch = "x86_64")]
            (Simd::Avx512, 4) => count_avx512::<Z256>(sites, part, bit, sums),
            #[cfg(target_arch = "x86_64")]
            (Simd::Avx2, 8) => count_avx2::<Pair<X256>>(sites, part, bit, sums),
            #[cfg(target_arch = "x86_64")]
            (Simd::Avx2, 4) => count_avx2::<X256>(sites, part, bit, sums),
            #[cfg(target_arch = "x86_64")]
            (Simd::Avx512 | Simd::Avx2, 2) => count_avx2::<X128>(sites, part, bit, sums),
            (_, 1) => count_any::<[u64; 1]>(sites, part, bit, sums),
            (_, 2) => count_any::<[u64; 2]>(sites, part, bit, sums),
            (_, 4) => count_any::<[u64; 4]>(sites, part, bit, sums),
            _ => count_any::<[u64; 8]>(sites, part, bit, sums),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx2,popcnt")]
unsafe fn count_avx512<V: Word>(sites: Sites, part: &Part<'_>, bit: u32, sums: &mut [i64]) {
    // SAFETY: passed on.
    unsafe { count_any::<V>(sites, part, bit, sums) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
unsafe fn count_avx2<V: Word>(sites: Sites, part: &Part<'_>, bit: u32, sums: &mut [i64]) {
    // SAFETY: passed on.
    unsafe { count_any::<V>(sites, part, bit, sums) }
}

#[inline(always)]
unsafe fn count_any<V: Word>(sites: Sites, part: &Part<'_>, bit: u32, sums: &mut [i64]) {
    // SAFETY: passed on.
    unsafe {
        match part {
            Part::Couplings(couplings) => count_couplings::<V>(sites, couplings, bit, sums),
            Part::Fields(fields) => count_fields::<V>(sites, fields.iter().copied(), bit, sums),
            // A field upwards on each site.
            Part::Down(range) => count_fields::<V>(sites, range.clone().map(|site| site << 1), bit, sums),
        }
    }
}
