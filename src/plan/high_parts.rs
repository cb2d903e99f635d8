//! The leading 16 bits of real dense couplings, and how far they can be trusted.
//!
//! J_ij = unit (h_ij + r_ij) with an integer h_ij of 16 bits and |r_ij| <= 1/2. The sum of h_ij s_j
//! is exact in integers however it is kept, and differs from the field of spin i by at most its
//! margin, so that a decision which is the same at both ends of the margin needs no other
//! number. The unit is one for all couplings: then h is symmetric, and the energy
//! of h, whose changes are those integers, belongs to the state alone and cannot drift.

use super::dense_plan::Lines;

/// The largest |h|; symmetric, so that -h fits as well.
const LARGEST: f64 = 32_767.0;

/// Sizes of the largest |J| for which no product of the accept test leaves the normal range of f32.
const SIZES: std::ops::RangeInclusive<f64> = 1.0 / (1_u64 << 60) as f64..=(1_u64 << 60) as f64;

/// Margins, in sizes of a typical field, above which most decisions would need the full couplings.
const MAX_MARGIN: f64 = 1.0 / 32.0;

/// Numbers that are laid out together: two registers of 16.
pub const TILE: usize = 32;

/// High parts of dense rows.
#[derive(Clone, Debug, PartialEq)]
pub struct HighParts {
    /// h, in rows as long as those of J; column c of each [`TILE`] lies at [`place`] of c.
    pub rows: Lines<i16>,
    /// 2 h inside each group of 16 positions: number `p * 16 + k` couples p and position k of p's group.
    pub blocks: Lines<i32>,
    /// Energy of one unit of h.
    pub unit: f64,
    /// By position: no field differs by more, in units, from that of the high parts; the rounding
    /// of outside fields to whole units and of the true field itself included.
    pub margins: Lines<f32>,
}

/// Where column `c` of a tile is stored: interleaving two rows by quarters of a register then gives columns in order.
pub const fn place(c: usize) -> usize {
    c % 16 / 4 * 8 + c / 16 * 4 + c % 4
}

impl HighParts {
    /// The high parts of `rows`, `stride` numbers each; `outside` holds for each row no less than
    /// the field and all clamped couplings can add up to.
    ///
    /// `None` where they would be of little use: couplings are too unequal for one unit, or of
    /// extreme size.
    pub fn new(rows: &[f32], stride: usize, outside: &[f64]) -> Option<Self> {
        Self::with_margin(rows, stride, outside, MAX_MARGIN)
    }

    /// The same with another limit of the mean margin, in sizes of a typical field.
    pub(crate) fn with_margin(rows: &[f32], stride: usize, outside: &[f64], max_margin: f64) -> Option<Self> {
        let largest = rows.iter().fold(0.0_f64, |m, &w| m.max(f64::from(w.abs())));
        if !SIZES.contains(&largest) {
            return None;
        }
        let n = outside.len();
        let unit = largest / LARGEST;
        let mut high = HighParts {
            rows: Lines::zeros(n * stride),
            blocks: Lines::zeros(n.next_multiple_of(16) * 16),
            unit,
            margins: Lines::zeros(stride),
        };
        let mut typical_margins = 0.0;
        for (p, (row, &outside)) in rows.chunks_exact(stride).zip(outside).enumerate() {
            // 1. The row, what it leaves out, and the sizes of its fields.
            let (mut left_out, mut square, mut sum) = (0.0, 0.0, 0.0);
            let to = &mut high.rows.as_mut_slice()[p * stride..(p + 1) * stride];
            for (j, w) in row.iter().map(|&w| f64::from(w)).enumerate() {
                let x = w / unit;
                let h = x.round_ties_even();
                to[j / TILE * TILE + place(j % TILE)] = h as i16;
                left_out += (x - h).abs();
                square += w * w;
                sum += w.abs();
                if j / 16 == p / 16 {
                    high.blocks.as_mut_slice()[p * 16 + j % 16] = 2 * h as i32;
                }
            }
            // 2. The margin: half a unit for the outside field, the roundings of a sum of doubles, and two units for those of the test.
            let roundings = (n + 8) as f64 * f64::EPSILON * (sum + outside) / unit;
            let margin = (left_out + 0.5 + roundings) * (1.0 + 1e-6) + 2.0;
            // So that integer fields and their doubles stay far inside 32 bits.
            if (sum + outside) / unit + n as f64 > f64::from(1 << 28) {
                return None;
            }
            high.margins.as_mut_slice()[p] = margin as f32;
            if square > 0.0 {
                typical_margins += (margin * unit / (square + outside * outside).sqrt()).min(1.0);
            }
        }
        (typical_margins <= max_margin * n as f64).then_some(high)
    }
}
