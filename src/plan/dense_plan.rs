//! Rows of dense couplings: every free spin with every other, in neuron order.
//!
//! Row i holds J_ij for all free j, padded with zeros to whole cache lines; J_ii = 0. Clamped spins
//! have no row: they act through the fields. Rows are f32, or f16 or i8 where that loses nothing
//! (couplings that are small multiples of one unit, such as +-1). Other couplings go into f16 or
//! i8 only if the user asks for `approximate`: the chain then samples rounded couplings, and its
//! energies are evaluated with the true ones. Beside f32 rows lie their high parts, two bytes a
//! coupling more, by which most decisions are made ([`HighParts`]).

use bytemuck::{Pod, Zeroable};

use super::SpinPlan;
use super::high_parts::HighParts;

/// How a row stores its couplings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowFormat {
    /// Single precision, as given.
    F32,
    /// IEEE half precision.
    F16,
    /// Integer multiples, -127 to 127, of one unit.
    I8,
}

/// How dense rows are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenseSettings {
    /// The format of rows; `None` takes I8 where that is exact, else F32 (F16 halves the memory, not the time).
    pub format: Option<RowFormat>,
    /// Rounds couplings that the format cannot hold, instead of refusing them.
    pub approximate: bool,
    /// Largest size of all rows, in bytes; high parts of F32 rows, half as much again, are left out if they would exceed it.
    pub max_bytes: u64,
}

impl Default for DenseSettings {
    fn default() -> Self {
        DenseSettings { format: None, approximate: false, max_bytes: 4 << 30 }
    }
}

/// Why dense rows cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DenseError {
    /// The format rounds a coupling and `approximate` was not asked for.
    #[error(
        "coupling {strength} of neurons {i} and {j} is not exact in {format:?} rows (nearest: {nearest}); use F32 rows, or set approximate: true to sample the rounded couplings"
    )]
    Rounded {
        /// Format asked for.
        format: RowFormat,
        /// One neuron of the coupling.
        i: u32,
        /// The other.
        j: u32,
        /// The coupling.
        strength: f32,
        /// What the format would make of it.
        nearest: f32,
    },
    /// The rows would be larger than allowed.
    #[error(
        "dense rows of {n_free} free spins take {bytes} bytes, more than the limit of {limit}; use the sparse engine, or raise max_bytes"
    )]
    TooLarge {
        /// Number of free spins.
        n_free: usize,
        /// Bytes needed.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A zero-initialised array of numbers that starts on a cache line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lines<T> {
    lines: Vec<Line>,
    len: usize,
    of: std::marker::PhantomData<T>,
}

impl<T: Pod> Lines<T> {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        Lines { lines: vec![Line([0; 64]); (len * size_of::<T>()).div_ceil(64)], len, of: std::marker::PhantomData }
    }

    /// All numbers.
    pub fn as_slice(&self) -> &[T] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }

    /// All numbers, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

/// The couplings of all rows.
#[derive(Clone, Debug, PartialEq)]
pub enum DenseRows {
    /// J.
    F32(RowsOf<f32>),
    /// The bits of J in half precision.
    F16(RowsOf<u16>),
    /// J in units.
    I8(RowsOf<i8>),
}

/// Couplings of one kind of number.
#[derive(Clone, Debug, PartialEq)]
pub struct RowsOf<T> {
    /// Row-major, [`DensePlan::stride`] numbers a row.
    pub rows: Lines<T>,
    /// Couplings inside each group of 16 positions: number `p * 16 + k` couples p and position k of
    /// p's group. They repeat numbers of the rows, close together.
    pub blocks: Lines<T>,
}

/// Dense couplings among the free spins of a [`SpinPlan`].
#[derive(Clone, Debug, PartialEq)]
pub struct DensePlan {
    /// Slot of each free spin, in neuron order: position p of a row is the spin at `slots[p]`.
    pub slots: Vec<u32>,
    /// Numbers from one row to the next; a multiple of 64.
    pub stride: usize,
    /// The couplings.
    pub rows: DenseRows,
    /// High parts of F32 rows, unless the couplings are too unequal for them or the rows leave them no room.
    pub high: Option<HighParts>,
    /// The largest |J| as stored.
    pub largest: f32,
    /// Energy of one unit for I8 rows, else 1.
    pub unit: f32,
    /// True if no coupling was rounded, and fields are multiples of the unit in I8 rows.
    pub is_exact: bool,
}

impl DensePlan {
    /// Makes the rows of `plan`.
    ///
    /// # Errors
    /// If the format cannot hold a coupling and `approximate` is not set, or rows are too large.
    pub fn new(plan: &SpinPlan, settings: &DenseSettings) -> Result<Self, DenseError> {
        let largest = plan.weights.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
        let exact_unit = plan.unit.filter(|unit| largest <= 127.0 * unit);
        let format = settings.format.unwrap_or(if exact_unit.is_some() { RowFormat::I8 } else { RowFormat::F32 });
        let unit = match format {
            RowFormat::I8 => exact_unit.unwrap_or(if largest > 0.0 { largest / 127.0 } else { 1.0 }),
            _ => 1.0,
        };

        // 1. Sizes, before anything is allocated.
        let n_free = plan.n_free();
        let stride = n_free.next_multiple_of(64);
        let width = match format {
            RowFormat::F32 => 4,
            RowFormat::F16 => 2,
            RowFormat::I8 => 1,
        };
        let bytes = n_free as u64 * stride as u64 * width;
        if bytes > settings.max_bytes {
            return Err(DenseError::TooLarge { n_free, bytes, limit: settings.max_bytes });
        }

        // 2. Free spins in neuron order, and what each coupling becomes.
        let slots: Vec<u32> = plan.slot.iter().copied().filter(|&s| (s as usize) < n_free).collect();
        let mut position = vec![u32::MAX; plan.n_spins()];
        for (p, &s) in slots.iter().enumerate() {
            position[s as usize] = p as u32;
        }
        let nearest = |w: f32| match format {
            RowFormat::F32 => w,
            RowFormat::F16 => f32_of_half(half_of_f32(w)),
            RowFormat::I8 => (w / unit).round_ties_even().clamp(-127.0, 127.0) * unit,
        };
        let mut is_exact = format != RowFormat::I8 || exact_unit.is_some();
        let mut entries = Vec::with_capacity(plan.weights.len());
        for (p, &slot) in slots.iter().enumerate() {
            let (neighbours, weights) = plan.row(slot as usize);
            for (&j, &w) in neighbours.iter().zip(weights) {
                if nearest(w) != w {
                    is_exact = false;
                    if !settings.approximate {
                        let (i, j) = (plan.order[slot as usize], plan.order[j as usize]);
                        return Err(DenseError::Rounded { format, i, j, strength: w, nearest: nearest(w) });
                    }
                }
                if position[j as usize] != u32::MAX {
                    entries.push((p * stride + position[j as usize] as usize, w));
                }
            }
        }

        // 3. The rows.
        let rows = match format {
            RowFormat::F32 => DenseRows::F32(filled(n_free, stride, &entries, |w| w)),
            RowFormat::F16 => DenseRows::F16(filled(n_free, stride, &entries, half_of_f32)),
            RowFormat::I8 => DenseRows::I8(filled(n_free, stride, &entries, |w| (w / unit).round_ties_even().clamp(-127.0, 127.0) as i8)),
        };
        let high = match &rows {
            DenseRows::F32(of) if bytes / 4 * 6 <= settings.max_bytes => {
                let outside: Vec<f64> = slots.iter().map(|&s| largest_outside(plan, s as usize)).collect();
                HighParts::new(of.rows.as_slice(), stride, &outside)
            }
            _ => None,
        };
        let largest = (largest / unit).round_ties_even().max(largest / unit);
        Ok(DensePlan { slots, stride, rows, high, largest, unit, is_exact })
    }

    /// Number of free spins, and of rows.
    pub fn n_free(&self) -> usize {
        self.slots.len()
    }
}

/// No less than the field of a slot and its clamped couplings can add up to.
pub(crate) fn largest_outside(plan: &SpinPlan, slot: usize) -> f64 {
    let (neighbours, weights) = plan.row(slot);
    let clamped = neighbours.iter().zip(weights).filter(|&(&j, _)| j as usize >= plan.n_free());
    f64::from(plan.fields[slot].abs()) + clamped.map(|(_, w)| f64::from(w.abs())).sum::<f64>()
}

fn filled<T: Pod>(n: usize, stride: usize, entries: &[(usize, f32)], of: impl Fn(f32) -> T) -> RowsOf<T> {
    let mut rows = Lines::zeros(n * stride);
    let slice = rows.as_mut_slice();
    for &(at, w) in entries {
        slice[at] = of(w);
    }
    let mut blocks = Lines::zeros(n.next_multiple_of(16) * 16);
    for (p, block) in blocks.as_mut_slice().chunks_exact_mut(16).enumerate().take(n) {
        let first = p * stride + p / 16 * 16;
        block.copy_from_slice(&slice[first..first + 16]);
    }
    RowsOf { rows, blocks }
}

/// The f32 of the bits of a finite half-precision number; exact.
#[inline]
pub fn f32_of_half(half: u16) -> f32 {
    // Exponent and fraction move to their place in f32; 2^112 makes up for the exponent's bias.
    let magnitude = f32::from_bits(u32::from(half & 0x7fff) << 13) * f32::from_bits(0x7780_0000);
    f32::from_bits(magnitude.to_bits() | u32::from(half & 0x8000) << 16)
}

/// The bits of the half-precision number nearest to `x` (ties to even), saturating at the largest finite one.
pub fn half_of_f32(x: f32) -> u16 {
    let sign = (x.to_bits() >> 16 & 0x8000) as u16;
    let magnitude = x.abs().min(65_504.0);
    let half = if magnitude < 6.103_515_6e-5 {
        // Subnormal: an integer multiple of 2^-24, rounded by the addition of 0.5 as f32 (its last place is 2^-24).
        ((magnitude + 0.5).to_bits() - 0.5_f32.to_bits()) as u16
    } else {
        let bits = magnitude.to_bits() - (112 << 23);
        ((bits + 0x0fff + (bits >> 13 & 1)) >> 13) as u16
    };
    sign | half
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Coupling, IsingModel};
    use crate::topology::compile::compile_spins;

    fn complete(n: u32, strength: impl Fn(u32, u32) -> f32) -> SpinPlan {
        let mut model = IsingModel::with_spins(n as usize);
        model.couplings = (0..n).flat_map(|j| (0..j).map(move |i| (i, j))).map(|(i, j)| Coupling::new(i, j, strength(i, j))).collect();
        compile_spins(&model, &[])
    }

    #[test]
    fn every_half_survives_the_round_trip() {
        for half in (0..=u16::MAX).filter(|h| h & 0x7c00 != 0x7c00) {
            assert_eq!(half_of_f32(f32_of_half(half)), half);
        }
        assert_eq!((f32_of_half(half_of_f32(0.1)), half_of_f32(1e9)), (0.099_975_586, 0x7bff));
        assert_eq!(half_of_f32(1.5 * 5.960_464_5e-8), 2);
    }

    #[test]
    fn small_multiples_of_a_unit_become_bytes() {
        let format = |plan: &SpinPlan| match DensePlan::new(plan, &DenseSettings::default()).unwrap().rows {
            DenseRows::F32(_) => RowFormat::F32,
            DenseRows::F16(_) => RowFormat::F16,
            DenseRows::I8(_) => RowFormat::I8,
        };
        assert_eq!(format(&complete(9, |i, j| if (i + j) % 2 == 0 { 0.25 } else { -0.5 })), RowFormat::I8);
        assert_eq!(format(&complete(9, |i, j| if (i, j) == (0, 1) { 1.0 / 1024.0 } else { 1.0 })), RowFormat::F32);
        assert_eq!(format(&complete(9, |i, j| 0.1 * (i + 3 * j) as f32)), RowFormat::F32);
    }

    #[test]
    fn rounding_needs_the_users_word() {
        let plan = complete(9, |i, j| 0.1 * (i + 3 * j) as f32);
        for format in [RowFormat::F16, RowFormat::I8] {
            let mut settings = DenseSettings { format: Some(format), ..DenseSettings::default() };
            let message = DensePlan::new(&plan, &settings).unwrap_err().to_string();
            assert!(message.contains("approximate: true"), "{message}");
            settings.approximate = true;
            assert!(!DensePlan::new(&plan, &settings).unwrap().is_exact);
        }
        let settings = DenseSettings { max_bytes: 1000, ..DenseSettings::default() };
        assert!(DensePlan::new(&plan, &settings).unwrap_err().to_string().contains("max_bytes"));
    }
}
