//! Counts unsatisfied couplings of all replicas at once, in vertical counters.

use super::count::{Sites, add_bit, add_eight, unsatisfied};
use super::word::Word;

/// Couplings that one counter takes: its 16 planes hold up to 2^16 - 1.
pub const COUNTED: usize = 1 << 15;

/// Bit planes of a counter, with room for carries that stay zero.
type Counter<V> = [V; 20];

const WIDTH: usize = 16;

/// Adds the unsatisfied ones of at most [`COUNTED`] `couplings` to `sums`, one a lane, in steps of 2^`bit`.
///
/// # Safety
/// The couplings must name sites of `sites` in words of `V`; `sums` must have one sum a lane.
#[inline(always)]
pub unsafe fn count_couplings<V: Word>(sites: Sites, couplings: &[[u32; 2]], bit: u32, sums: &mut [i64]) {
    let mut planes: Counter<V> = [V::splat(0); 20];
    let (eights, rest) = couplings.as_chunks::<8>();
    // SAFETY: the caller promises the sites.
    unsafe {
        for &[a, b, c, d, e, f, g, h] in eights {
            let bits = [
                of_coupling::<V>(sites, a),
                of_coupling::<V>(sites, b),
                of_coupling::<V>(sites, c),
                of_coupling::<V>(sites, d),
                of_coupling::<V>(sites, e),
                of_coupling::<V>(sites, f),
                of_coupling::<V>(sites, g),
                of_coupling::<V>(sites, h),
            ];
            add_eight(&mut planes, 0, WIDTH, bits);
        }
        for &coupling in rest {
            add_bit(&mut planes, 0, WIDTH, of_coupling::<V>(sites, coupling));
        }
    }
    add_to_lanes(&planes, bit, sums);
}

/// As [`count_couplings`], for fields: spins against their field are unsatisfied.
///
/// # Safety
/// As for [`count_couplings`].
#[inline(always)]
pub unsafe fn count_fields<V: Word>(sites: Sites, fields: impl Iterator<Item = u32>, bit: u32, sums: &mut [i64]) {
    let mut planes: Counter<V> = [V::splat(0); 20];
    for field in fields {
        // SAFETY: the caller promises the sites.
        let against = unsafe { unsatisfied::<V, true>(sites, V::splat(u64::MAX), field) };
        add_bit(&mut planes, 0, WIDTH, against);
    }
    add_to_lanes(&planes, bit, sums);
}

#[inline(always)]
unsafe fn of_coupling<V: Word>(sites: Sites, [a, b]: [u32; 2]) -> V {
    // SAFETY: passed on.
    unsafe { unsatisfied::<V, true>(sites, sites.load::<V>(a as usize), b) }
}

#[inline(always)]
fn add_to_lanes<V: Word>(planes: &Counter<V>, bit: u32, sums: &mut [i64]) {
    for (p, plane) in planes[..WIDTH].iter().enumerate() {
        let mut words = [0_u64; 8];
        // SAFETY: the array has eight words, and V has at most eight.
        unsafe { plane.store(words.as_mut_ptr()) };
        for (lanes, word) in sums.chunks_exact_mut(64).zip(words) {
            for (lane, sum) in lanes.iter_mut().enumerate() {
                *sum += ((word >> lane & 1) << (p as u32 + bit)) as i64;
            }
        }
    }
}
