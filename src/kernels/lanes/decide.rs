//! Decides uphill moves: compares a uniform number of each lane with the threshold of its level.
//!
//! Both are 32-bit numbers read from the top bit down. A lane is undecided while all bits so far
//! agreed; at the first difference it accepts if its number has the 0 there and the threshold the
//! 1. Half of the lanes fall each time, so 512 lanes need about eleven random words, not 32.

use crate::random::{Stream, StreamKey, Xoshiro8};

use super::word::Word;

/// Bits of thresholds and uniform numbers.
pub const BITS: usize = 32;

/// Bits that are compared before the first look whether a lane is left; looks cost more than words.
const BITS_BEFORE_LOOK: usize = 8;

/// Threshold bits by level: the same for all lanes, or each lane's own.
pub trait Thresholds<V>: Copy {
    /// True if all lanes have the same thresholds.
    const SAME: bool;

    /// The threshold of `level`, if all lanes have the same.
    fn number(self, level: u32) -> u32;

    /// Bit `bit` (0 is the highest) of the threshold of `level`, in each lane.
    ///
    /// # Safety
    /// `level` must be one of the table's and `bit` below [`BITS`].
    unsafe fn bit(self, level: u32, bit: usize) -> V;
}

/// Thresholds that all lanes share.
#[derive(Clone, Copy)]
pub struct Uniform<'a> {
    /// The threshold of each level.
    pub numbers: &'a [u32],
    /// Their bits: 32 words of zeros or ones a level.
    pub bits: &'a [u64],
}

/// Thresholds of each lane: 32 bits a level, each as a word of all lanes.
#[derive(Clone, Copy)]
pub struct PerLane<'a>(pub &'a [u64]);

impl<V: Word> Thresholds<V> for Uniform<'_> {
    const SAME: bool = true;

    #[inline(always)]
    fn number(self, level: u32) -> u32 {
        self.numbers[level as usize]
    }

    #[inline(always)]
    unsafe fn bit(self, level: u32, bit: usize) -> V {
        // SAFETY: the caller promises the level and the bit.
        V::splat(unsafe { *self.bits.get_unchecked(level as usize * BITS + bit) })
    }
}

impl<V: Word> Thresholds<V> for PerLane<'_> {
    const SAME: bool = false;

    fn number(self, level: u32) -> u32 {
        unreachable!("level {level} has a threshold in each lane")
    }

    #[inline(always)]
    unsafe fn bit(self, level: u32, bit: usize) -> V {
        let at = (level as usize * BITS + bit) * V::WORDS;
        debug_assert!(at + V::WORDS <= self.0.len());
        // SAFETY: the caller promises the level and the bit.
        unsafe { V::load(self.0.as_ptr().add(at)) }
    }
}

/// Where uniform numbers come from.
pub trait Draw<V: Word> {
    /// True if one number serves all lanes of a row.
    const ONE_NUMBER: bool;

    /// Draws the row's one number; the number of levels that accept it.
    fn n_accepting<T: Thresholds<V>>(&mut self, ids: &[u32], thresholds: T) -> u32;

    /// The stream of `key`.
    fn from_key(key: StreamKey) -> Self;

    /// The lanes that accept, of two levels; as [`Draw::decide`].
    ///
    /// # Safety
    /// As for [`Draw::decide`].
    unsafe fn decide_two<T: Thresholds<V>>(&mut self, levels: [V; 2], ids: [u32; 2], thresholds: T) -> V;

    /// The lanes that accept: `levels` are disjoint masks, the threshold of mask j is `ids[j]`.
    ///
    /// # Safety
    /// `ids` must be levels of `thresholds`.
    unsafe fn decide<T: Thresholds<V>>(&mut self, levels: &[V], ids: &[u32], thresholds: T) -> V;
}

/// A random number for each lane.
pub struct Independent<V> {
    state: [V; 4],
}

impl<V: Word> Independent<V> {
    /// The next 64 bits of each generator: Xoshiro256++ (Blackman, Vigna 2021).
    #[inline(always)]
    pub fn next(&mut self) -> V {
        let [s0, s1, s2, s3] = self.state;
        let out = s0.add64(s3).rotl64::<23>().add64(s0);
        self.state = [s0.xor3(s3, s1), s1.xor3(s2, s0), s2.xor3(s0, s1.shl64::<17>()), s3.xor(s1).rotl64::<45>()];
        out
    }
}

impl<V: Word> Draw<V> for Independent<V> {
    const ONE_NUMBER: bool = false;

    fn n_accepting<T: Thresholds<V>>(&mut self, _: &[u32], _: T) -> u32 {
        unreachable!("each lane has a number of its own")
    }

    #[inline(always)]
    fn from_key(key: StreamKey) -> Self {
        let streams = Xoshiro8::from_key(key);
        // SAFETY: each of the four rows has eight words, and V has at most eight.
        unsafe {
            let [a, b, c, d] = &streams.s;
            Independent { state: [V::load(a.as_ptr()), V::load(b.as_ptr()), V::load(c.as_ptr()), V::load(d.as_ptr())] }
        }
    }

    #[inline(always)]
    unsafe fn decide_two<T: Thresholds<V>>(&mut self, levels: [V; 2], ids: [u32; 2], thresholds: T) -> V {
        let mut undecided = levels[0].or(levels[1]);
        let mut accepted = V::splat(0);
        let mut bit = 0;
        while bit < BITS && (bit < BITS_BEFORE_LOOK || !undecided.is_zero()) {
            let random = self.next();
            // SAFETY: the caller promises the levels.
            let (first, second) = unsafe { (thresholds.bit(ids[0], bit), thresholds.bit(ids[1], bit)) };
            let threshold = levels[0].and(first).or_and(levels[1], second);
            accepted = undecided.choose(threshold, accepted);
            undecided = undecided.keep_equal(threshold, random);
            bit += 1;
        }
        // Numbers equal to the threshold are not below it.
        accepted.and_not(undecided)
    }

    #[inline(always)]
    unsafe fn decide<T: Thresholds<V>>(&mut self, levels: &[V], ids: &[u32], thresholds: T) -> V {
        let mut undecided = any_level(levels);
        let mut accepted = V::splat(0);
        let mut bit = 0;
        while bit < BITS && (bit < BITS_BEFORE_LOOK || !undecided.is_zero()) {
            let random = self.next();
            // SAFETY: the caller promises the levels.
            let threshold = unsafe { threshold_bit(levels, ids, thresholds, bit) };
            accepted = undecided.choose(threshold, accepted);
            undecided = undecided.keep_equal(threshold, random);
            bit += 1;
        }
        accepted.and_not(undecided)
    }
}

/// One random number a row, for all lanes.
pub struct Shared {
    stream: Stream,
    spare: u64,
    has_spare: bool,
}

impl Shared {
    /// The next 32-bit number: both halves of each draw.
    #[inline(always)]
    fn number(&mut self) -> u32 {
        self.has_spare = !self.has_spare;
        if self.has_spare {
            self.spare = self.stream.bits();
            (self.spare >> 32) as u32
        } else {
            self.spare as u32
        }
    }
}

impl<V: Word> Draw<V> for Shared {
    const ONE_NUMBER: bool = true;

    #[inline(always)]
    fn n_accepting<T: Thresholds<V>>(&mut self, ids: &[u32], thresholds: T) -> u32 {
        let number = self.number();
        let mut n = 0;
        for &id in ids {
            n += u32::from(number < thresholds.number(id));
        }
        n
    }

    #[inline(always)]
    fn from_key(key: StreamKey) -> Self {
        Shared { stream: key.stream(), spare: 0, has_spare: false }
    }

    #[inline(always)]
    unsafe fn decide_two<T: Thresholds<V>>(&mut self, levels: [V; 2], ids: [u32; 2], thresholds: T) -> V {
        if !T::SAME {
            // SAFETY: passed on.
            return unsafe { self.decide(&levels, &ids, thresholds) };
        }
        let number = self.number();
        let accepts = [spread(number < thresholds.number(ids[0])), spread(number < thresholds.number(ids[1]))];
        levels[0].and(V::splat(accepts[0])).or_and(levels[1], V::splat(accepts[1]))
    }

    #[inline(always)]
    unsafe fn decide<T: Thresholds<V>>(&mut self, levels: &[V], ids: &[u32], thresholds: T) -> V {
        let number = self.number();
        let mut accepted = V::splat(0);
        if T::SAME {
            for (i, &id) in ids.iter().enumerate() {
                accepted = accepted.or_and(levels[i], V::splat(spread(number < thresholds.number(id))));
            }
            return accepted;
        }
        let mut undecided = any_level(levels);
        let mut bit = 0;
        while bit < BITS && !undecided.is_zero() {
            let random = V::splat(spread(number >> (BITS - 1 - bit) & 1 == 1));
            // SAFETY: the caller promises the levels.
            let threshold = unsafe { threshold_bit(levels, ids, thresholds, bit) };
            accepted = undecided.choose(threshold, accepted);
            undecided = undecided.keep_equal(threshold, random);
            bit += 1;
        }
        accepted.and_not(undecided)
    }
}

/// All ones or all zeros.
#[inline(always)]
fn spread(bit: bool) -> u64 {
    0_u64.wrapping_sub(u64::from(bit))
}

#[inline(always)]
fn any_level<V: Word>(levels: &[V]) -> V {
    let mut any = V::splat(0);
    for &level in levels {
        any = any.or(level);
    }
    any
}

/// The threshold bit of each lane, by its level.
///
/// # Safety
/// `ids` must be levels of `thresholds`, and `bit` below [`BITS`].
#[inline(always)]
unsafe fn threshold_bit<V: Word, T: Thresholds<V>>(levels: &[V], ids: &[u32], thresholds: T, bit: usize) -> V {
    let mut threshold = V::splat(0);
    for (i, &level) in levels.iter().enumerate() {
        // SAFETY: the caller promises level and bit.
        threshold = threshold.or_and(level, unsafe { thresholds.bit(ids[i], bit) });
    }
    threshold
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemTag;
    use crate::units::Seed;

    #[test]
    fn a_lane_accepts_exactly_if_its_number_is_below_its_threshold() {
        let numbers = [0, 1, 1 << 31, 0xdead_beef, u32::MAX, 1 << 24];
        let bits: Vec<u64> = numbers.iter().flat_map(|&t| (0..BITS).map(move |b| spread(t >> (BITS - 1 - b) & 1 == 1))).collect();
        let table = Uniform { numbers: &numbers, bits: &bits };
        for step in 0..200 {
            let key = StreamKey::new(Seed(3), SystemTag::named("decide"), step);
            // 1. Two levels on disjoint lanes, some lanes on none.
            let ids = [step as u32 % 6, (step as u32 + 1 + step as u32 / 6) % 6];
            let first = key.replica(9).stream().bits();
            let levels = [[first; 8], [!first & 0xffff_ffff_ffff_ff00; 8]];
            // 2. Each lane's number, from the same words.
            let mut draw = Independent::<[u64; 8]>::from_key(key);
            let words: Vec<[u64; 8]> = (0..BITS).map(|_| draw.next()).collect();
            let u = |lane: usize| words.iter().fold(0_u32, |u, w| u << 1 | (w[lane / 64] >> (lane % 64) & 1) as u32);
            // SAFETY: ids name levels of the table.
            let (two, any) = unsafe {
                let two = Independent::<[u64; 8]>::from_key(key).decide_two(levels, ids, table);
                (two, Independent::<[u64; 8]>::from_key(key).decide(&levels, &ids, table))
            };
            assert_eq!(two, any);
            for lane in 0..512 {
                let set = |mask: &[u64; 8]| mask[lane / 64] >> (lane % 64) & 1 == 1;
                let expected = (0..2).any(|l| set(&levels[l]) && u(lane) < numbers[ids[l] as usize]);
                assert_eq!(set(&two), expected, "lane {lane}, levels {ids:?}");
            }
        }
    }
}
