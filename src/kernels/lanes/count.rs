//! Counts the unsatisfied steps of a row for all replicas at once, in bit planes.
//!
//! Bit plane p of a count holds bit p of each replica's number. Full adders (carry-save) take three
//! bits of equal weight to a sum and a carry, so that eight neighbours cost seven adders.

#![expect(
    clippy::needless_range_loop,
    reason = "adapters of std are compiled without the backend's instructions and slow it down twentyfold"
)]

use crate::plan::lane_rows::{PLANES, RowShape};

use super::word::Word;

/// Planes of a count, with room for carries that are always zero.
pub type Planes<V> = [V; PLANES + 4];

/// Reads the bits of sites.
#[derive(Clone, Copy)]
pub struct Sites {
    words: *mut u64,
}

// SAFETY: whoever shares `Sites` between threads promises, by `Sites::new`, that no site is written
// by one thread while another reads or writes it.
unsafe impl Send for Sites {}
// SAFETY: as above.
unsafe impl Sync for Sites {}

impl Sites {
    /// A view of all `words` of the sites.
    ///
    /// # Safety
    /// While the view lives, nobody else may use `words`, and a site that one thread writes must
    /// be used by no other thread.
    pub unsafe fn new(words: &mut [u64]) -> Self {
        Sites { words: words.as_mut_ptr() }
    }

    /// A view for reading alone.
    ///
    /// # Safety
    /// While the view lives, `words` must stay borrowed, and nobody may write through the view.
    pub unsafe fn read_only(words: &[u64]) -> Self {
        Sites { words: words.as_ptr().cast_mut() }
    }

    /// The bits of `site`.
    ///
    /// # Safety
    /// `site` must be one of the view's, in words of `V`.
    #[inline(always)]
    pub unsafe fn load<V: Word>(self, site: usize) -> V {
        // SAFETY: the caller promises that the site exists.
        unsafe { V::load(self.words.add(site * V::WORDS)) }
    }

    /// One word of the view.
    ///
    /// # Safety
    /// `word` must be one of the view's.
    #[inline(always)]
    pub unsafe fn word(self, word: usize) -> u64 {
        // SAFETY: the caller promises that the word exists.
        unsafe { *self.words.add(word) }
    }

    /// Replaces one word of the view.
    ///
    /// # Safety
    /// As for [`Sites::word`].
    #[inline(always)]
    pub unsafe fn set_word(self, word: usize, bits: u64) {
        // SAFETY: the caller promises that the word exists.
        unsafe { *self.words.add(word) = bits }
    }

    /// Replaces the bits of `site`.
    ///
    /// # Safety
    /// As for [`Sites::load`].
    #[inline(always)]
    pub unsafe fn store<V: Word>(self, site: usize, bits: V) {
        // SAFETY: the caller promises that the site exists.
        unsafe { bits.store(self.words.add(site * V::WORDS)) }
    }
}

/// Counts unsatisfied neighbours among `entries`: those where spin times neighbour has the sign that
/// costs energy. `spin` is the row's own spin.
///
/// # Safety
/// The neighbours must be sites of `sites`, in words of `V`.
#[inline(always)]
pub unsafe fn unsatisfied<V: Word, const MIXED: bool>(sites: Sites, spin: V, entry: u32) -> V {
    // SAFETY: the caller promises that the neighbour exists.
    let neighbour = unsafe { sites.load::<V>((entry >> 1) as usize) };
    if MIXED { spin.xor3(neighbour, V::splat(0_u64.wrapping_sub(u64::from(entry & 1)))) } else { spin.xor(neighbour) }
}

/// Adds one bit of weight 2^`at` to `planes`.
#[inline(always)]
pub fn add_bit<V: Word, const P: usize>(planes: &mut [V; P], at: usize, width: usize, bit: V) {
    let mut carry = bit;
    for p in at..width {
        let plane = planes[p];
        planes[p] = plane.xor(carry);
        carry = plane.and(carry);
    }
}

#[inline(always)]
fn full_add<V: Word>(sum: &mut V, a: V, b: V) -> V {
    let carry = sum.majority(a, b);
    *sum = sum.xor3(a, b);
    carry
}

/// Adds eight bits of weight 2^`at` (Harley and Seal's tree of full adders).
#[inline(always)]
pub fn add_eight<V: Word, const P: usize>(planes: &mut [V; P], at: usize, width: usize, x: [V; 8]) {
    let a = full_add(&mut planes[at], x[0], x[1]);
    let b = full_add(&mut planes[at], x[2], x[3]);
    let e = full_add(&mut planes[at + 1], a, b);
    let c = full_add(&mut planes[at], x[4], x[5]);
    let d = full_add(&mut planes[at], x[6], x[7]);
    let f = full_add(&mut planes[at + 1], c, d);
    let g = full_add(&mut planes[at + 2], e, f);
    add_bit(planes, at + 3, width, g);
}

/// Adds the unsatisfied neighbours of `entries` as bits of weight 2^`at`.
///
/// # Safety
/// The neighbours must be sites of `sites`, in words of `V`.
#[inline(always)]
unsafe fn add_entries<V: Word, const MIXED: bool>(sites: Sites, spin: V, planes: &mut Planes<V>, at: usize, width: usize, entries: &[u32]) {
    let (eights, rest) = entries.as_chunks::<8>();
    // SAFETY: the caller promises that the neighbours exist.
    unsafe {
        for &[a, b, c, d, e, f, g, h] in eights {
            let bits = [
                unsatisfied::<V, MIXED>(sites, spin, a),
                unsatisfied::<V, MIXED>(sites, spin, b),
                unsatisfied::<V, MIXED>(sites, spin, c),
                unsatisfied::<V, MIXED>(sites, spin, d),
                unsatisfied::<V, MIXED>(sites, spin, e),
                unsatisfied::<V, MIXED>(sites, spin, f),
                unsatisfied::<V, MIXED>(sites, spin, g),
                unsatisfied::<V, MIXED>(sites, spin, h),
            ];
            add_eight(planes, at, width, bits);
        }
        let (pairs, rest) = rest.as_chunks::<2>();
        for &[a, b] in pairs {
            let (a, b) = (unsatisfied::<V, MIXED>(sites, spin, a), unsatisfied::<V, MIXED>(sites, spin, b));
            let carry = full_add(&mut planes[at], a, b);
            add_bit(planes, at + 1, width, carry);
        }
        for &entry in rest {
            add_bit(planes, at, width, unsatisfied::<V, MIXED>(sites, spin, entry));
        }
    }
}

/// The spin, turned if all couplings are negative.
#[inline(always)]
fn side_of<V: Word>(spin: V, shape: &RowShape) -> V {
    if shape.all_negative == Some(true) { V::splat(u64::MAX).and_not(spin) } else { spin }
}

/// The planes of U in a row of equal weights without a field; `width` should be a constant, for planes in registers.
///
/// # Safety
/// The neighbours must be sites of `sites`, in words of `V`.
#[inline(always)]
pub unsafe fn count_plain<V: Word>(sites: Sites, spin: V, shape: &RowShape, width: usize, entries: &[u32]) -> Planes<V> {
    let mut planes = [V::splat(0); PLANES + 4];
    // SAFETY: the caller promises that the neighbours exist.
    unsafe {
        if shape.all_negative.is_some() {
            add_entries::<V, false>(sites, side_of(spin, shape), &mut planes, 0, width, entries);
        } else {
            add_entries::<V, true>(sites, spin, &mut planes, 0, width, entries);
        }
    }
    planes
}

/// The planes of U in a row of any shape; `site` is site << 1 | (field is negative).
///
/// # Safety
/// The neighbours must be sites of `sites`, in words of `V`.
#[inline(always)]
pub unsafe fn count_row<V: Word>(sites: Sites, spin: V, shape: &RowShape, width: usize, site: u32, entries: &[u32]) -> Planes<V> {
    let mut planes = [V::splat(0); PLANES + 4];
    let side = side_of(spin, shape);
    let mut first = 0;
    for plane in 0..width {
        let n = shape.plane_counts[plane] as usize;
        let of_plane = &entries[first..first + n];
        first += n;
        // SAFETY: the caller promises that the neighbours exist.
        unsafe {
            if shape.all_negative.is_some() {
                add_entries::<V, false>(sites, side, &mut planes, plane, width, of_plane);
            } else {
                add_entries::<V, true>(sites, side, &mut planes, plane, width, of_plane);
            }
        }
    }
    // A field is a neighbour that is always up, or always down.
    if shape.field > 0 {
        let against = spin.xor(V::splat(0_u64.wrapping_sub(u64::from(site & 1 == 0))));
        for plane in 0..width {
            if shape.field >> plane & 1 == 1 {
                add_bit(&mut planes, plane, width, against);
            }
        }
    }
    planes
}

/// The lanes whose count is at least `bound`, which must fit into `width` bits.
#[inline(always)]
pub fn at_least<V: Word>(planes: &Planes<V>, width: usize, bound: u32) -> V {
    let mut least = V::splat(u64::MAX);
    for p in 0..width {
        // The majority with 0 is the conjunction, with 1 the disjunction: no branch on the bits of the bound.
        let is_clear = u64::from(bound >> p & 1).wrapping_sub(1);
        least = least.majority(planes[p], V::splat(is_clear));
    }
    if bound >> width == 0 { least } else { V::splat(0) }
}

/// Replaces the count by `total` minus the count where `mirror` is set.
#[inline(always)]
pub fn mirror_where<V: Word>(planes: &mut Planes<V>, width: usize, total: u32, mirror: V) {
    // total - U = total + !U + 1, plane by plane, with the carry in at 1.
    let ones = V::splat(u64::MAX);
    let mut carry = ones;
    for p in 0..width {
        let constant = if total >> p & 1 == 1 { ones } else { V::splat(0) };
        let complement = ones.and_not(planes[p]);
        let sum = constant.xor3(complement, carry);
        carry = constant.majority(complement, carry);
        planes[p] = mirror.choose(sum, planes[p]);
    }
}

/// Writes the one-hot masks of the counts `first..first + levels.len()`.
#[inline(always)]
pub fn one_hot<V: Word>(planes: &Planes<V>, width: usize, first: u32, levels: &mut [V]) {
    let low = [
        V::splat(u64::MAX).and_not(planes[0].or(planes[1])),
        planes[0].and_not(planes[1]),
        planes[1].and_not(planes[0]),
        planes[0].and(planes[1]),
    ];
    let mut group = u32::MAX;
    let mut high = V::splat(0);
    for i in 0..levels.len() {
        let k = first + i as u32;
        if k >> 2 != group {
            group = k >> 2;
            high = V::splat(u64::MAX);
            for p in 2..width {
                high = if k >> p & 1 == 1 { high.and(planes[p]) } else { high.and_not(planes[p]) };
            }
        }
        levels[i] = high.and(low[(k & 3) as usize]);
    }
}
