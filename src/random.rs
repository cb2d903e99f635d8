//! Keyed random streams: the same key gives the same numbers, whatever ran before or beside it.
//!
//! A [`StreamKey`] names who draws (run seed, system, step, sweep, block, replica). It is packed
//! injectively into 256 bits, mixed by a bijection (the rounds of BLAKE2b without a message,
//! RFC 7693) and becomes the state of a Xoshiro256++ generator (Blackman, Vigna 2021). No generator
//! outlives its system's run, so a checkpoint holds none, and neither thread count nor system
//! order can shift a draw.

use rand_core::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::math;
use crate::units::Seed;

/// Number of slots (rows, sites) that share one stream; never a function of the thread count.
pub const BLOCK: usize = 1024;

/// Names the system (or purpose) that draws from a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SystemTag(pub u32);

impl SystemTag {
    /// Derives a tag from a name by 32-bit FNV-1a; use one name per system.
    pub const fn named(name: &str) -> Self {
        let bytes = name.as_bytes();
        let mut hash = 0x811c_9dc5_u32;
        let mut i = 0;
        while i < bytes.len() {
            hash = (hash ^ bytes[i] as u32).wrapping_mul(0x0100_0193);
            i += 1;
        }
        SystemTag(hash)
    }
}

/// The name of a random stream; two different keys never share their 256-bit state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamKey {
    /// Seed of the run.
    pub seed: Seed,
    /// Step of the simulation.
    pub step: u64,
    /// System that draws.
    pub system: SystemTag,
    /// Sweep within the step (or any other counter of that system).
    pub sweep: u32,
    /// Block of [`BLOCK`] slots.
    pub block: u32,
    /// Replica or lane group.
    pub replica: u32,
}

impl StreamKey {
    /// The key of `system` at `step`, with sweep, block and replica zero.
    pub const fn new(seed: Seed, system: SystemTag, step: u64) -> Self {
        StreamKey { seed, step, system, sweep: 0, block: 0, replica: 0 }
    }

    /// The same key for another sweep.
    #[must_use]
    pub const fn sweep(mut self, sweep: u32) -> Self {
        self.sweep = sweep;
        self
    }

    /// The same key for another block.
    #[must_use]
    pub const fn block(mut self, block: u32) -> Self {
        self.block = block;
        self
    }

    /// The same key for another replica.
    #[must_use]
    pub const fn replica(mut self, replica: u32) -> Self {
        self.replica = replica;
        self
    }

    /// The 256-bit generator state of this key.
    #[inline]
    pub fn state(self) -> [u64; 4] {
        mix(self.words().map(|word| [word])).map(|[word]| word)
    }

    /// The key itself, packed into 256 bits.
    #[inline]
    fn words(self) -> [u64; 4] {
        [
            self.seed.0,
            self.step,
            (u64::from(self.system.0) << 32) | u64::from(self.sweep),
            (u64::from(self.block) << 32) | u64::from(self.replica),
        ]
    }

    /// A generator at the start of this stream.
    pub fn stream(self) -> Stream {
        let mut seed = [0_u8; 32];
        for (chunk, word) in seed.chunks_exact_mut(8).zip(self.state()) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        Stream(Xoshiro256PlusPlus::from_seed(seed))
    }
}

/// Mixes 256 bits a lane by a bijection, so that packed keys stay distinct. Only the all-zero
/// image, which Xoshiro cannot use, is moved.
#[inline(always)]
fn mix<const LANES: usize>(words: [[u64; LANES]; 4]) -> [[u64; LANES]; 4] {
    let add = |x: [u64; LANES], y: [u64; LANES]| -> [u64; LANES] { std::array::from_fn(|l| x[l].wrapping_add(y[l])) };
    let turn = |x: [u64; LANES], y: [u64; LANES], by: u32| -> [u64; LANES] { std::array::from_fn(|l| (x[l] ^ y[l]).rotate_right(by)) };
    let [mut a, mut b, mut c, mut d] = words;
    // The fractional parts of sqrt(2), sqrt(3), sqrt(5), sqrt(7), so that key zero does not stay zero.
    a = add(a, [0x6a09_e667_f3bc_c908; LANES]);
    b = add(b, [0xbb67_ae85_84ca_a73b; LANES]);
    c = add(c, [0x3c6e_f372_fe94_f82b; LANES]);
    d = add(d, [0xa54f_f53a_5f1d_36f1; LANES]);
    for round in 0..6_u64 {
        a = add(add(a, b), [round; LANES]);
        d = turn(d, a, 32);
        c = add(c, d);
        b = turn(b, c, 24);
        a = add(a, b);
        d = turn(d, a, 16);
        c = add(c, d);
        b = turn(b, c, 63);
    }
    for l in 0..LANES {
        if a[l] | b[l] | c[l] | d[l] == 0 {
            a[l] = 1;
        }
    }
    [a, b, c, d]
}

/// One Xoshiro256++ stream with lehr's own, pinned ways to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream(Xoshiro256PlusPlus);

impl Stream {
    /// The next 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A uniform number in (0, 1), at the middle of one of 2^52 cells: never 0, never 1.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) * (1.0 / 4_503_599_627_370_496.0)
    }

    /// A uniform number in (0, 1) with 24 bits, at an odd multiple of 2^-25 (exact up to rounding of f32).
    #[inline]
    pub fn uniform_f32(&mut self) -> f32 {
        uniform_f32_from((self.bits() >> 32) as u32)
    }

    /// True with probability one half.
    #[inline]
    pub fn coin(&mut self) -> bool {
        self.bits() >> 63 == 1
    }

    /// A uniform integer below `n`, without bias (Lemire 2019).
    ///
    /// # Panics
    /// If `n` is zero.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "below(0): an empty range has no uniform number");
        let mut wide = u128::from(self.bits()) * u128::from(n);
        if (wide as u64) < n {
            let reject_under = n.wrapping_neg() % n;
            while (wide as u64) < reject_under {
                wide = u128::from(self.bits()) * u128::from(n);
            }
        }
        (wide >> 64) as u64
    }

    /// A standard normal number (polar method, Marsaglia and Bray 1964; one of the pair is dropped).
    pub fn gaussian(&mut self) -> f64 {
        loop {
            let x = 2.0 * self.uniform() - 1.0;
            let y = 2.0 * self.uniform() - 1.0;
            let r2 = x * x + y * y;
            if r2 < 1.0 && r2 > 0.0 {
                return x * (-2.0 * math::ln(r2) / r2).sqrt();
            }
        }
    }

    /// Shuffles `items` uniformly (Fisher, Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i as u64 + 1) as usize;
            items.swap(i, j);
        }
    }
}

/// Maps 32 random bits to (0, 1): the upper 24 bits k give (k + 0.5) / 2^24, in f32.
#[inline]
pub fn uniform_f32_from(bits: u32) -> f32 {
    ((bits >> 8) as f32 + 0.5) * (1.0 / 16_777_216.0)
}

/// Eight Xoshiro256++ generators side by side, word-major, as vector kernels hold them.
///
/// Lane `l` is the stream of the key with `replica * 8 + l`, so that 512 bits come at a time.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Xoshiro8 {
    /// `s[word][lane]`.
    pub s: [[u64; 8]; 4],
}

impl Xoshiro8 {
    /// The eight streams of `key`, whose `replica` counts groups of eight.
    #[inline(always)]
    pub fn from_key(key: StreamKey) -> Self {
        let words = key.replica(key.replica * 8).words();
        Xoshiro8 { s: mix([[words[0]; 8], [words[1]; 8], [words[2]; 8], std::array::from_fn(|lane| words[3] + lane as u64)]) }
    }

    /// The next 64 bits of each lane; always inlined, since kernels make it from their own instructions.
    #[inline(always)]
    pub fn next_words(&mut self) -> [u64; 8] {
        let mut out = [0; 8];
        let [s0, s1, s2, s3] = &mut self.s;
        for lane in 0..8 {
            out[lane] = s0[lane].wrapping_add(s3[lane]).rotate_left(23).wrapping_add(s0[lane]);
            let t = s1[lane] << 17;
            s2[lane] ^= s0[lane];
            s3[lane] ^= s1[lane];
            s1[lane] ^= s2[lane];
            s0[lane] ^= s3[lane];
            s2[lane] ^= t;
            s3[lane] = s3[lane].rotate_left(45);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: StreamKey = StreamKey::new(Seed(7), SystemTag::named("test"), 3);

    #[test]
    fn every_field_of_the_key_matters() {
        let keys = [
            KEY,
            StreamKey { seed: Seed(8), ..KEY },
            StreamKey { step: 4, ..KEY },
            StreamKey { system: SystemTag::named("tests"), ..KEY },
            KEY.sweep(1),
            KEY.block(1),
            KEY.replica(1),
        ];
        let states: std::collections::BTreeSet<_> = keys.iter().map(|k| k.state()).collect();
        assert_eq!(states.len(), keys.len());
    }

    #[test]
    fn eight_lanes_are_eight_streams() {
        let mut lanes = Xoshiro8::from_key(KEY.replica(2));
        let mut single: Vec<Stream> = (16..24).map(|r| KEY.replica(r).stream()).collect();
        for _ in 0..100 {
            let words = lanes.next_words();
            for (word, stream) in words.iter().zip(&mut single) {
                assert_eq!(*word, stream.bits());
            }
        }
    }

    #[test]
    fn below_is_uniform_and_below() {
        let mut stream = KEY.stream();
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7) as usize] += 1;
        }
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - 10_000.0) * (f64::from(c) - 10_000.0) / 10_000.0).sum();
        assert!(chi2 < 38.3, "chi-square {chi2} of 6 degrees of freedom (alpha 1e-6)");
    }

    #[test]
    fn gaussian_has_the_moments_of_a_normal() {
        let mut stream = KEY.stream();
        let draws: Vec<f64> = (0..100_000).map(|_| stream.gaussian()).collect();
        let n = draws.len() as f64;
        let moment = |k: i32| draws.iter().map(|&x| math::pow(x, f64::from(k))).sum::<f64>() / n;
        assert!(moment(1).abs() < 5.0 / n.sqrt());
        assert!((moment(2) - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
        assert!((moment(4) - 3.0).abs() < 5.0 * (96.0 / n).sqrt());
    }

    #[test]
    fn shuffle_keeps_the_items() {
        let mut items: Vec<u32> = (0..100).collect();
        KEY.stream().shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn uniforms_stay_inside_the_open_interval() {
        assert!(uniform_f32_from(0) > 0.0);
        assert!(uniform_f32_from(u32::MAX) <= 1.0);
        let mut stream = KEY.stream();
        assert!((0..1000).all(|_| {
            let u = stream.uniform();
            u > 0.0 && u < 1.0
        }));
    }
}
