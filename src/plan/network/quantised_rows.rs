//! Weights of a dense block in the order in which quantised kernels read them.
//!
//! Targets are taken 16 at a time, a *panel*; four panels make a *group* (the last group may have fewer).
//! Inside a group, weights of the same sources lie together, so that a kernel reads one stream:
//!
//! ```text
//! U8   [group][source / 4][panel][target: 16][source % 4]        one byte, code + 128
//! U4   [group][source / 8][panel][target: 16][source % 4]        two codes + 8 a byte: low source % 8 < 4, high the others
//! F32  [group][source]    [panel][target: 16]
//! ```
//!
//! Sixteen dwords of four u8 are one operand of a VNNI product, and sixteen rows of them one tile of an
//! AMX product; such a tile may begin at any step of U8, so that it may reach past the last one, into room that is kept
//! there. Sources are padded to a multiple of 8 (not in F32); inputs are zero there. Padded targets are not written.

use super::hardware::largest_code;
use crate::plan::dense_plan::Lines;

/// Targets that lie side by side in one vector.
pub const PANEL: usize = 16;

/// Panels of a group.
pub const GROUP: usize = 4;

/// The most sources of a row: sums of 8-bit products stay below 2^31.
pub const MAX_FAN_IN: usize = 1 << 16;

/// Bytes behind the last code of U8: a tile of sixteen steps of a whole group, less the first of them.
const TILE_ROOM: usize = 15 * GROUP * PANEL * 4;

/// The weights, packed.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// A code a byte, followed by room for the rest of a tile.
    U8(Lines<u8>),
    /// Two codes a byte.
    U4(Lines<u8>),
    /// Real numbers.
    F32(Lines<f32>),
}

/// How codes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Packing {
    /// A code a byte: fastest from two samples a batch on.
    U8,
    /// Two codes of at most four bits a byte: half the memory, fastest for single samples.
    U4,
    /// Real numbers, for converters without bits and for noisy weights.
    F32,
}

/// Why weights cannot be packed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// Codes do not fit four bits.
    #[error("codes of {0} bits do not fit two a byte; pack them U8")]
    TooWide(u8),
    /// Sums of products could overflow.
    #[error("rows of {0} weights; integer products take at most {MAX_FAN_IN}, pack them F32 or split the projection")]
    TooLong(usize),
}

/// The weights of a dense block and what turns their products into outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedRows {
    n_in: usize,
    n_out: usize,
    cells: Cells,
    zeros: Lines<i32>,
    scales: Lines<f32>,
    biases: Lines<f32>,
}

impl QuantisedRows {
    /// Packs whole-number `codes` (code minus zero point, row-major, one row of `n_in` a target), their zero points
    /// (in codes from -2^(bits-1)), their scales and biases (none: zeros).
    ///
    /// # Errors
    /// If the codes do not fit the packing, or the rows are too long for integer sums.
    ///
    /// # Panics
    /// If the lengths do not belong together.
    pub fn integer(codes: &[f32], n_in: usize, bits: u8, packing: Packing, numbers: RowNumbers<'_>) -> Result<Self, PackError> {
        assert!((2..=8).contains(&bits), "{bits} bits a code; 2 to 8 are possible");
        let n_out = numbers.check(codes.len(), n_in);
        if n_in > MAX_FAN_IN && packing != Packing::F32 {
            return Err(PackError::TooLong(n_in));
        }
        let half = match packing {
            Packing::U8 => 128,
            Packing::U4 if bits <= 4 => 8,
            Packing::U4 => return Err(PackError::TooWide(bits)),
            Packing::F32 => return Ok(Self::real(codes, n_in, numbers)),
        };
        debug_assert!(codes.iter().all(|c| c.abs() <= (2 * largest_code(bits) + 1) as f32), "codes of {bits} bits");
        let depth = depth_of(n_in);
        let panels = n_out.div_ceil(PANEL);
        let bytes_per_panel = PANEL * depth * if packing == Packing::U4 { 1 } else { 2 } / 2;
        let room = if packing == Packing::U8 { TILE_ROOM } else { 0 };
        let mut cells = Lines::<u8>::zeros(panels * bytes_per_panel + room);
        let bytes = cells.as_mut_slice();
        for (n, row) in codes.chunks_exact(n_in.max(1)).enumerate().take(n_out) {
            let place = Place::of(n, panels);
            for (k, &code) in row.iter().enumerate() {
                let code = (code as i32 + numbers.zeros[n] + half) as u8;
                if packing == Packing::U4 {
                    let byte = place.base * depth / 2 + (k / 8 * place.width + place.column) * 4 + k % 4;
                    bytes[byte] |= code << (k % 8 / 4 * 4);
                } else {
                    bytes[place.base * depth + (k / 4 * place.width + place.column) * 4 + k % 4] = code;
                }
            }
        }
        let cells = if packing == Packing::U4 { Cells::U4(cells) } else { Cells::U8(cells) };
        let mut rows = Self::empty(n_in, n_out, cells, numbers);
        for zero in &mut rows.zeros.as_mut_slice()[..n_out] {
            *zero += half;
        }
        Ok(rows)
    }

    /// Packs real weights (row-major, one row of `n_in` a target).
    ///
    /// # Panics
    /// If the lengths do not belong together.
    pub fn real(weights: &[f32], n_in: usize, numbers: RowNumbers<'_>) -> Self {
        let n_out = numbers.check(weights.len(), n_in);
        let panels = n_out.div_ceil(PANEL);
        let mut rows = Self::empty(n_in, n_out, Cells::F32(Lines::zeros(panels * PANEL * n_in)), numbers);
        rows.set_real(weights);
        rows
    }

    /// Replaces real weights, as with the noise of another pass.
    ///
    /// # Panics
    /// If the rows are not real or the lengths differ.
    pub fn set_real(&mut self, weights: &[f32]) {
        assert_eq!(weights.len(), self.n_in * self.n_out, "one weight a pair");
        let (n_in, panels) = (self.n_in, self.n_out.div_ceil(PANEL));
        let Cells::F32(cells) = &mut self.cells else { panic!("integer rows hold no real weights") };
        let cells = cells.as_mut_slice();
        for (n, row) in weights.chunks_exact(n_in.max(1)).enumerate() {
            let place = Place::of(n, panels);
            for (k, &w) in row.iter().enumerate() {
                cells[place.base * n_in + k * place.width + place.column] = w;
            }
        }
    }

    fn empty(n_in: usize, n_out: usize, cells: Cells, numbers: RowNumbers<'_>) -> Self {
        let padded = n_out.next_multiple_of(PANEL);
        let mut zeros = Lines::zeros(padded);
        zeros.as_mut_slice()[..n_out].copy_from_slice(numbers.zeros);
        let mut scales = Lines::zeros(padded);
        scales.as_mut_slice()[..n_out].copy_from_slice(numbers.scales);
        let mut biases = Lines::zeros(padded);
        if let Some(bias) = numbers.bias {
            // Adding zero turns minus zero into zero, so that the sign of a zero code cannot show in an output.
            biases.as_mut_slice().iter_mut().zip(bias).for_each(|(to, from)| *to = from + 0.0);
        }
        QuantisedRows { n_in, n_out, cells, zeros, scales, biases }
    }

    /// Number of sources.
    pub fn n_in(&self) -> usize {
        self.n_in
    }

    /// Number of targets.
    pub fn n_out(&self) -> usize {
        self.n_out
    }

    /// Sources with padding, a multiple of 8; inputs are zero beyond `n_in`.
    pub fn depth(&self) -> usize {
        depth_of(self.n_in)
    }

    /// The packed weights.
    pub fn cells(&self) -> &Cells {
        &self.cells
    }

    /// The zero points as stored (unsigned), one a target, padded to whole panels.
    pub fn zeros(&self) -> &[i32] {
        self.zeros.as_slice()
    }

    /// Units of weight per code, padded to whole panels.
    pub fn scales(&self) -> &[f32] {
        self.scales.as_slice()
    }

    /// The biases, never minus zero, padded to whole panels.
    pub fn biases(&self) -> &[f32] {
        self.biases.as_slice()
    }

    /// Replaces the biases.
    ///
    /// # Panics
    /// If there is not one for each target.
    pub fn set_biases(&mut self, bias: &[f32]) {
        assert_eq!(bias.len(), self.n_out, "one bias a target");
        self.biases.as_mut_slice().iter_mut().zip(bias).for_each(|(to, from)| *to = from + 0.0);
    }

    /// Bytes of the packed weights, without the room behind them.
    pub fn n_bytes(&self) -> usize {
        match &self.cells {
            Cells::U8(cells) => cells.as_slice().len() - TILE_ROOM,
            Cells::U4(cells) => cells.as_slice().len(),
            Cells::F32(cells) => cells.as_slice().len() * 4,
        }
    }
}

/// What belongs to each row beside its codes.
#[derive(Clone, Copy, Debug)]
pub struct RowNumbers<'a> {
    /// Zero points, one a target.
    pub zeros: &'a [i32],
    /// Units of weight per code, one a target.
    pub scales: &'a [f32],
    /// Biases, one a target.
    pub bias: Option<&'a [f32]>,
}

impl RowNumbers<'_> {
    fn check(&self, n_weights: usize, n_in: usize) -> usize {
        let n_out = self.scales.len();
        assert_eq!(n_weights, n_in * n_out, "{n_out} rows of {n_in} weights");
        assert_eq!(self.zeros.len(), n_out, "one zero point a row");
        assert!(self.bias.is_none_or(|b| b.len() == n_out), "one bias a row");
        n_out
    }
}

const fn depth_of(n_in: usize) -> usize {
    n_in.next_multiple_of(8)
}

/// Where a target lies.
struct Place {
    /// Targets before its group.
    base: usize,
    /// Targets of its group, with padding.
    width: usize,
    /// Its place in the group.
    column: usize,
}

impl Place {
    fn of(n: usize, panels: usize) -> Self {
        let group = n / (GROUP * PANEL);
        let width = (panels - group * GROUP).min(GROUP) * PANEL;
        Place { base: group * GROUP * PANEL, width, column: n % (GROUP * PANEL) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_lies_where_the_drawing_says() {
        for (n_in, n_out) in [(1, 1), (8, 16), (13, 70), (5, 200)] {
            let codes: Vec<f32> = (0..n_in * n_out).map(|i| (i % 15) as f32 - 7.0).collect();
            let (zeros, scales) = (vec![0; n_out], vec![1.0; n_out]);
            let numbers = RowNumbers { zeros: &zeros, scales: &scales, bias: None };
            let of = |packing| QuantisedRows::integer(&codes, n_in, 4, packing, numbers).unwrap();
            let (bytes, nibbles, reals) = (of(Packing::U8), of(Packing::U4), of(Packing::F32));
            let (Cells::U8(bytes), Cells::U4(nibbles), Cells::F32(reals)) = (bytes.cells(), nibbles.cells(), reals.cells()) else {
                panic!("packings as asked")
            };
            let (depth, panels) = (n_in.next_multiple_of(8), n_out.div_ceil(16));
            for n in 0..n_out {
                let (group, width) = (n / 64, 16 * (panels - n / 64 * 4).min(4));
                for k in 0..n_in {
                    let code = codes[n * n_in + k];
                    let byte = group * 64 * depth + k / 4 * width * 4 + n % 64 * 4 + k % 4;
                    assert_eq!(f32::from(bytes.as_slice()[byte]) - 128.0, code);
                    let byte = group * 32 * depth + k / 8 * width * 4 + n % 64 * 4 + k % 4;
                    assert_eq!(f32::from(nibbles.as_slice()[byte] >> (k % 8 / 4 * 4) & 15) - 8.0, code);
                    assert_eq!(reals.as_slice()[group * 64 * n_in + k * width + n % 64], code);
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_a_way_out() {
        let numbers = RowNumbers { zeros: &[0], scales: &[1.0], bias: None };
        let error = QuantisedRows::integer(&[9.0], 1, 5, Packing::U4, numbers).unwrap_err();
        assert_eq!(error.to_string(), "codes of 5 bits do not fit two a byte; pack them U8");
        let long = vec![1.0; MAX_FAN_IN + 1];
        assert!(matches!(QuantisedRows::integer(&long, long.len(), 8, Packing::U8, numbers), Err(PackError::TooLong(_))));
    }
}
