//! Replica lanes on real-valued couplings: 16 replicas at a time, each with its own f32 field.
//!
//! With b_i = (h_i - sum_j J_ij) / 2 the field is f_i = 2 (b_i + sum of J_ij over the neighbours
//! that are up), so a neighbour costs one masked addition. With t = -2 beta f (f32, rounded as
//! written below) and a uniform u of 24 bits:
//!
//! ```text
//! Metropolis:  x = t s_i = -beta dE     flip if x >= 0 or u < exp(x)
//! heat bath:                            up   if u (1 + exp(t)) < 1
//! ```
//!
//! exp is [`crate::math::exp_f32`], repeated lane by lane with the same roundings.

use crate::math::exp_f32;
use crate::plan::RealRows;
use crate::random::{Stream, StreamKey, uniform_f32_from};

use super::count::Sites;
use super::decide::{Draw, Independent};
use super::word::Word;

/// Replicas of one field vector.
pub const FLOATS: usize = 16;

/// How a sweep of real-valued lanes decides.
#[derive(Clone, Copy, Debug)]
pub struct RealRule {
    /// Heat bath if true, Metropolis if not.
    pub heat_bath: bool,
    /// One random number for all lanes of a site, instead of one each.
    pub shared: bool,
}

/// Half fields of 16 replicas.
pub trait Floats: Copy {
    /// 512 random bits: one number of 32 bits a replica.
    type Random: Word;

    /// `x` for each replica.
    fn splat(x: f32) -> Self;
    /// Adds `x` where `mask` is set.
    fn add_where(self, mask: u16, x: f32) -> Self;
    /// `bits` for each replica.
    fn same(bits: u32) -> Self::Random;
    /// The replicas that flip; `self` are half fields, `scale` is -4 beta of each, `up` their spins.
    fn flips(self, up: u16, scale: &[f32; FLOATS], random: Self::Random, heat_bath: bool) -> u16;
}

/// The law: 16 replicas, one after another.
#[derive(Clone, Copy)]
pub struct Plain([f32; FLOATS]);

impl Floats for Plain {
    type Random = [u64; 8];

    fn splat(x: f32) -> Self {
        Plain([x; FLOATS])
    }

    fn add_where(mut self, mask: u16, x: f32) -> Self {
        for (lane, field) in self.0.iter_mut().enumerate() {
            if mask >> lane & 1 == 1 {
                *field += x;
            }
        }
        self
    }

    fn same(bits: u32) -> Self::Random {
        [u64::from(bits) << 32 | u64::from(bits); 8]
    }

    fn flips(self, up: u16, scale: &[f32; FLOATS], random: Self::Random, heat_bath: bool) -> u16 {
        let mut flips = 0;
        for lane in 0..FLOATS {
            let is_up = up >> lane & 1 == 1;
            let t = self.0[lane] * scale[lane];
            let u = uniform_f32_from((random[lane / 2] >> (lane % 2 * 32)) as u32);
            let flip = if heat_bath {
                (u * (1.0 + exp_f32(t)) < 1.0) != is_up
            } else {
                let x = if is_up { t } else { -t };
                x >= 0.0 || u < exp_f32(x)
            };
            flips |= u16::from(flip) << lane;
        }
        flips
    }
}

/// What moves: rows, -4 beta of each lane, and the rule.
#[derive(Clone, Copy)]
pub struct RealJob<'a> {
    /// The rows.
    pub rows: &'a RealRows,
    /// -4 beta by lane.
    pub scales: &'a [f32],
    /// How to decide.
    pub rule: RealRule,
}

/// Moves `slots` one after another from the stream of `key`; returns the flips.
///
/// # Safety
/// `sites` must hold all sites of the rows in `words` words, the scales all lanes, the slots must be
/// the rows', and no other thread may use them or write their neighbours.
#[inline(always)]
pub unsafe fn move_real<F: Floats>(
    job: &RealJob<'_>,
    sites: Sites,
    words: usize,
    slots: impl Iterator<Item = usize>,
    key: StreamKey,
) -> u64 {
    // SAFETY: passed on; the modes are constants of each of the three loops.
    unsafe {
        match (job.rule.shared, job.rule.heat_bath) {
            (true, _) => move_in_mode::<F, true, false>(job, sites, words, slots, key),
            (false, false) => move_in_mode::<F, false, false>(job, sites, words, slots, key),
            (false, true) => move_in_mode::<F, false, true>(job, sites, words, slots, key),
        }
    }
}

/// # Safety
/// As for [`move_real`].
#[inline(always)]
unsafe fn move_in_mode<F: Floats, const SHARED: bool, const HEAT: bool>(
    job: &RealJob<'_>,
    sites: Sites,
    words: usize,
    slots: impl Iterator<Item = usize>,
    key: StreamKey,
) -> u64 {
    let mut own: Independent<F::Random> = Draw::from_key(key);
    let mut shared: Stream = key.stream();
    let (scales, _) = job.scales.as_chunks::<FLOATS>();
    let mut flips = 0;
    for slot in slots {
        let (neighbours, weights) = job.rows.row(slot);
        let base = F::splat(job.rows.half_base(slot));
        let common = F::same(if SHARED { (shared.bits() >> 32) as u32 } else { 0 });
        for word in 0..words {
            // 1. Half fields of 64 replicas.
            let (mut a, mut b, mut c, mut d) = (base, base, base, base);
            for (&j, &w) in neighbours.iter().zip(weights) {
                // SAFETY: neighbours of the rows are sites of the view.
                let up = unsafe { sites.word(j as usize * words + word) };
                a = a.add_where(up as u16, w);
                b = b.add_where((up >> 16) as u16, w);
                c = c.add_where((up >> 32) as u16, w);
                d = d.add_where((up >> 48) as u16, w);
            }
            // 2. Their decisions.
            // SAFETY: the slot is a site of the view.
            let up = unsafe { sites.word(slot * words + word) };
            let (p, q) = if SHARED { (common, common) } else { (own.next(), own.next()) };
            let (r, s) = if SHARED { (common, common) } else { (own.next(), own.next()) };
            let first = u64::from(a.flips(up as u16, &scales[word * 4], p, HEAT));
            let second = u64::from(b.flips((up >> 16) as u16, &scales[word * 4 + 1], q, HEAT));
            let third = u64::from(c.flips((up >> 32) as u16, &scales[word * 4 + 2], r, HEAT));
            let fourth = u64::from(d.flips((up >> 48) as u16, &scales[word * 4 + 3], s, HEAT));
            let flip = first | second << 16 | third << 32 | fourth << 48;
            // SAFETY: as above.
            unsafe { sites.set_word(slot * words + word, up ^ flip) };
            flips += u64::from(flip.count_ones());
        }
    }
    flips
}

/// How many of `uniforms` (the upper 24 bits of each number) flip 16 equal replicas of half field
/// `half_field` and scale -4 beta; for tests of the realised probability.
#[inline(always)]
pub fn count_flips<F: Floats>(half_field: f32, is_up: bool, scale: f32, heat_bath: bool, uniforms: std::ops::Range<u32>) -> u64 {
    let scale = [scale; FLOATS];
    let up = if is_up { u16::MAX } else { 0 };
    let mut flips = 0;
    let mut first = uniforms.start;
    while first < uniforms.end {
        let mut numbers = [0_u64; 8];
        for (i, pair) in numbers.iter_mut().enumerate() {
            let low = (first + 2 * i as u32) << 8;
            *pair = u64::from(low) | u64::from(low + 256) << 32;
        }
        // SAFETY: the array has eight words, as many as 16 numbers fill.
        let random = unsafe { F::Random::load(numbers.as_ptr()) };
        flips += u64::from(F::splat(half_field).flips(up, &scale, random, heat_bath).count_ones());
        first += FLOATS as u32;
    }
    flips
}
