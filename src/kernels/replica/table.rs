//! Acceptance thresholds of integer levels.
//!
//! A spin at level k = s f / unit flips at the cost 2 k unit. Its uniform number is an odd i32 out
//! of 2^31; it flips if that number is at most the threshold of its level. So probabilities are
//! resolved to 2^-31, zero and one included.

use crate::math;

/// 2^31, the number of uniform values.
const N_UNIFORM: f64 = 2_147_483_648.0;

/// Most levels that a table holds on one side; beyond them the level is clamped.
const MAX_LEVELS: i32 = 1 << 20;

/// Thresholds for levels `lo..=hi`; levels beyond are clamped to them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AcceptTable {
    pub(super) lo: i32,
    pub(super) hi: i32,
    pub(super) thresholds: Vec<i32>,
    /// The same by the low bits of the level, for levels that fit in them.
    pub(super) wrapped: Box<Wrapped>,
    pub(super) reach: Reach,
}

/// How the levels of a table are looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reach {
    /// Levels fit in -8..8: by their low four bits.
    #[default]
    Wrap16,
    /// Levels fit in -16..16: by their low five bits.
    Wrap32,
    /// Clamped levels span at most 32 values: by their low five bits.
    Clamp32,
    /// Anything else: by address.
    Long,
}

#[derive(Clone, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Wrapped(pub [i32; 32]);

impl AcceptTable {
    /// Makes this the table of Metropolis, min(1, exp(-2 beta k unit)), for levels up to `max_level`.
    ///
    /// `beta_unit` is beta times the unit: zero or more, infinity allowed.
    pub fn set_metropolis(&mut self, beta_unit: f64, max_level: i32) {
        let ratio = math::exp(-2.0 * beta_unit);
        self.lo = 0;
        self.thresholds.clear();
        self.thresholds.push(i32::MAX);
        let mut p = 1.0;
        for _ in 0..max_level.clamp(0, MAX_LEVELS) {
            p *= ratio;
            self.thresholds.push(threshold(p));
            if self.thresholds.last() == Some(&i32::MIN) {
                break;
            }
        }
        self.finish(max_level);
    }

    /// Makes this the table of the heat bath, 1 / (1 + exp(2 beta k unit)), for levels within `max_level`.
    ///
    /// `beta_unit` is beta times the unit: zero or more, infinity allowed.
    pub fn set_heat_bath(&mut self, beta_unit: f64, max_level: i32) {
        let ratio = math::exp(-2.0 * beta_unit);
        // exp(-2 beta k) / (1 + exp(-2 beta k)) for k = 0, 1, ...: the chance to leave a good level.
        let mut weight = 1.0;
        self.thresholds.clear();
        self.thresholds.push(threshold(0.5));
        for _ in 0..max_level.clamp(0, MAX_LEVELS) {
            weight *= ratio;
            self.thresholds.push(threshold(weight / (1.0 + weight)));
            if self.thresholds.last() == Some(&i32::MIN) {
                break;
            }
        }
        // The chance to leave a bad level is the rest.
        let n = self.thresholds.len();
        self.lo = 1 - n as i32;
        self.thresholds.resize(2 * n - 1, 0);
        self.thresholds.rotate_right(n - 1);
        for k in 1..n {
            self.thresholds[n - 1 - k] = complement(self.thresholds[n - 1 + k]);
        }
        self.finish(max_level);
    }

    /// Makes this the table of a rule of the caller's: `probabilities[k]` for level `lo + k`, the
    /// ends for all levels beyond, of which none exceeds `max_level` in size.
    ///
    /// # Panics
    /// If there is no probability.
    pub fn set_probabilities(&mut self, lo: i32, probabilities: &[f64], max_level: i32) {
        assert!(!probabilities.is_empty(), "a rule needs a probability");
        self.lo = lo;
        self.thresholds.clear();
        self.thresholds.extend(probabilities.iter().map(|&p| threshold(p)));
        self.finish(max_level);
    }

    fn finish(&mut self, max_level: i32) {
        self.hi = self.lo + self.thresholds.len() as i32 - 1;
        let (reach, base, period) = match max_level {
            ..8 => (Reach::Wrap16, -8, 16),
            8..16 => (Reach::Wrap32, -16, 32),
            _ if self.thresholds.len() <= 32 => (Reach::Clamp32, self.lo, 32),
            _ => (Reach::Long, 0, 32),
        };
        self.reach = reach;
        for i in 0..32 {
            let level = base + i % period;
            self.wrapped.0[(level & (period - 1)) as usize + (i - i % period) as usize] = self.threshold(level);
        }
    }

    /// The threshold of `level`.
    #[inline]
    pub fn threshold(&self, level: i32) -> i32 {
        self.thresholds[(level.clamp(self.lo, self.hi) - self.lo) as usize]
    }

    /// The probability with which a spin at `level` flips, as the thresholds realise it.
    pub fn probability(&self, level: i32) -> f64 {
        match self.threshold(level) {
            i32::MAX => 1.0,
            t => (i64::from(t) - i64::from(i32::MIN)) as f64 / (2.0 * N_UNIFORM),
        }
    }
}

/// The largest odd number that accepts with probability `p`, less one: -2^31 + 2 round(p 2^31).
fn threshold(p: f64) -> i32 {
    // Adding 1.5 2^52 leaves no room for a fraction, so the sum is rounded to even: a call of `rint` costs ten times that.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let accepted = (p * N_UNIFORM + ROUND - ROUND) as i64;
    (i64::from(i32::MIN) + 2 * accepted).min(i64::from(i32::MAX)) as i32
}

fn complement(threshold: i32) -> i32 {
    (-i64::from(threshold)).min(i64::from(i32::MAX)) as i32
}

/// The odd uniform number of 32 random bits.
#[inline]
pub fn uniform_odd(bits: u32) -> i32 {
    (bits | 1) as i32
}
