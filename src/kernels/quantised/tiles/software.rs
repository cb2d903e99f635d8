//! Tile registers in memory: the law of a unit, after the pseudo code of Intel's instruction reference (volume 2, AMX).

use super::unit::{Config, MAX_BYTES, MAX_ROWS, N_TILES, Tiles};

/// How a product takes the bytes of its two factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signs {
    /// A holds s8, else u8.
    pub is_a_signed: bool,
    /// B holds s8, else u8.
    pub is_b_signed: bool,
}

#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    bytes: usize,
}

/// Eight tile registers of palette 1. What would fault on a processor panics with the numbers.
pub struct SoftTiles {
    shapes: Option<[Shape; N_TILES]>,
    rows: [[[u8; MAX_BYTES]; MAX_ROWS]; N_TILES],
}

impl SoftTiles {
    /// Registers without shapes, as a thread finds them.
    pub const fn new() -> Self {
        SoftTiles { shapes: None, rows: [[[0; MAX_BYTES]; MAX_ROWS]; N_TILES] }
    }

    fn shape(&self, tile: u8) -> Shape {
        let shapes = self.shapes.as_ref().expect("tiles were configured before their first use");
        shapes[usize::from(tile)]
    }

    /// `ldtilecfg`.
    pub fn take_config(&mut self, config: &Config) {
        let bytes = &config.0;
        assert!(bytes[0] <= 1, "palette {}", bytes[0]);
        assert!(bytes[2..16].iter().chain(&bytes[32..48]).chain(&bytes[56..]).all(|&b| b == 0), "reserved bytes of {bytes:?}");
        *self = SoftTiles::new();
        if bytes[0] == 0 {
            return;
        }
        assert_eq!(bytes[1], 0, "no restart in the middle of a tile");
        self.shapes = Some(std::array::from_fn(|t| {
            let (rows, width) = (usize::from(bytes[48 + t]), usize::from(u16::from_le_bytes([bytes[16 + 2 * t], bytes[17 + 2 * t]])));
            assert!(rows <= MAX_ROWS && width <= MAX_BYTES && (rows == 0) == (width == 0), "tile {t} of {rows} rows of {width} bytes");
            Shape { rows, bytes: width }
        }));
    }

    /// `tilezero`.
    pub fn clear(&mut self, tile: u8) {
        assert!(self.shape(tile).rows > 0, "tile {tile} has no shape");
        self.rows[usize::from(tile)] = [[0; MAX_BYTES]; MAX_ROWS];
    }

    /// `tileloadd`: rows beyond the shape, and bytes beyond a row, become zero.
    ///
    /// # Safety
    /// All rows of the tile are readable, `stride` bytes apart.
    pub unsafe fn read(&mut self, tile: u8, from: *const u8, stride: usize) {
        let Shape { rows, bytes } = self.shape(tile);
        self.clear(tile);
        for (r, row) in self.rows[usize::from(tile)].iter_mut().enumerate().take(rows) {
            // SAFETY: promised by the caller.
            unsafe { std::ptr::copy_nonoverlapping(from.wrapping_add(r.wrapping_mul(stride)), row.as_mut_ptr(), bytes) };
        }
    }

    /// `tilestored`.
    ///
    /// # Safety
    /// All rows of the tile are writable, `stride` bytes apart.
    pub unsafe fn write(&self, tile: u8, to: *mut u8, stride: usize) {
        let Shape { rows, bytes } = self.shape(tile);
        assert!(rows > 0, "tile {tile} has no shape");
        for (r, row) in self.rows[usize::from(tile)].iter().enumerate().take(rows) {
            // SAFETY: promised by the caller.
            unsafe { std::ptr::copy_nonoverlapping(row.as_ptr(), to.wrapping_add(r.wrapping_mul(stride)), bytes) };
        }
    }

    /// `tdpbssd`, `tdpbsud`, `tdpbusd` and `tdpbuud`.
    pub fn dot(&mut self, [c, a, b]: [u8; 3], signs: Signs) {
        let [to, left, right] = [c, a, b].map(|tile| self.shape(tile));
        assert!(c != a && c != b && a != b, "tiles {c}, {a}, {b} of a product differ");
        assert!([to, left, right].iter().all(|s| s.rows > 0 && s.bytes % 4 == 0), "tiles {c}, {a}, {b} have rows of dwords");
        assert_eq!((to.rows, to.bytes, left.bytes / 4), (left.rows, right.bytes, right.rows), "shapes of {c} += {a} x {b}");
        let byte = |x: u8, is_signed: bool| if is_signed { i32::from(x as i8) } else { i32::from(x) };
        let [left_rows, right_rows] = [a, b].map(|tile| self.rows[usize::from(tile)]);
        for (m, left_row) in left_rows.iter().enumerate().take(to.rows) {
            for n in 0..to.bytes / 4 {
                let at = &mut self.rows[usize::from(c)][m][4 * n..4 * n + 4];
                let mut sum = i32::from_le_bytes([at[0], at[1], at[2], at[3]]);
                for k in 0..left.bytes / 4 {
                    for i in 0..4 {
                        let (x, w) = (left_row[4 * k + i], right_rows[k][4 * n + i]);
                        sum = sum.wrapping_add(byte(x, signs.is_a_signed) * byte(w, signs.is_b_signed));
                    }
                }
                at.copy_from_slice(&sum.to_le_bytes());
            }
        }
        // A product clears what its shape leaves of the sums.
        for (m, row) in self.rows[usize::from(c)].iter_mut().enumerate() {
            row[if m < to.rows { to.bytes } else { 0 }..].fill(0);
        }
    }
}

// SAFETY: memory is touched through `read` and `write` of the rows that callers name.
unsafe impl Tiles for SoftTiles {
    unsafe fn configure(&mut self, config: &Config) {
        self.take_config(config);
    }
    unsafe fn zero<const T: u8>(&mut self) {
        self.clear(T);
    }
    unsafe fn load<const T: u8>(&mut self, from: *const u8, stride: usize) {
        // SAFETY: promised by the caller.
        unsafe { self.read(T, from, stride) };
    }
    unsafe fn multiply<const C: u8, const A: u8, const B: u8>(&mut self) {
        self.dot([C, A, B], Signs { is_a_signed: true, is_b_signed: false });
    }
    unsafe fn store<const T: u8>(&mut self, to: *mut u8, stride: usize) {
        // SAFETY: promised by the caller.
        unsafe { self.write(T, to, stride) };
    }
    unsafe fn release(&mut self) {
        *self = SoftTiles::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUD: Signs = Signs { is_a_signed: true, is_b_signed: false };

    /// Registers 0, 4 and 6 with numbers in A and B, and what the sums must be.
    fn product(rows: u8, signs: Signs) -> ([[i32; 16]; 16], [[i32; 16]; 16]) {
        let a: Vec<u8> = (0..1024).map(|i: u32| (i * 37 + i / 7) as u8).collect();
        let b: Vec<u8> = (0..1024).map(|i: u32| (i * 101 + i / 3 + 200) as u8).collect();
        let mut tiles = SoftTiles::new();
        tiles.take_config(&Config::new([rows, 16, 16, 16, rows, 16, 16, 16]));
        let mut found = [[7; 16]; 16];
        // SAFETY: all buffers are 16 rows of 64 bytes.
        unsafe {
            tiles.read(4, a.as_ptr(), 64);
            tiles.read(6, b.as_ptr(), 64);
            tiles.dot([0, 4, 6], signs);
            tiles.dot([0, 4, 6], signs);
            tiles.write(0, found.as_mut_ptr().cast(), 64);
        }
        let mut expected = [[7; 16]; 16];
        for (m, row) in expected.iter_mut().enumerate().take(usize::from(rows)) {
            for (n, sum) in row.iter_mut().enumerate() {
                *sum = 0;
                for source in 0..64 {
                    let (x, w) = (a[64 * m + source], b[64 * (source / 4) + 4 * n + source % 4]);
                    let x = if signs.is_a_signed { i32::from(x as i8) } else { i32::from(x) };
                    let w = if signs.is_b_signed { i32::from(w as i8) } else { i32::from(w) };
                    *sum += 2 * x * w;
                }
            }
        }
        (found, expected)
    }

    #[test]
    fn tiles_hold_the_product_of_a_matrix_and_interleaved_weights() {
        for rows in [1, 5, 16] {
            for (is_a_signed, is_b_signed) in [(true, false), (false, true), (true, true), (false, false)] {
                let (found, expected) = product(rows, Signs { is_a_signed, is_b_signed });
                assert_eq!(found, expected, "{rows} rows");
            }
        }
        let (found, _) = product(16, SUD);
        let (_, other) = product(16, Signs { is_a_signed: true, is_b_signed: true });
        assert_ne!(found, other, "signs must matter");
    }

    #[test]
    fn a_config_is_laid_out_as_the_reference_says() {
        let bytes = Config::new([16, 16, 3, 3, 16, 3, 16, 16]).0;
        assert_eq!(bytes[..2], [1, 0]);
        assert_eq!(bytes[16..32], [64, 0].repeat(8)[..]);
        assert_eq!(bytes[48..56], [16, 16, 3, 3, 16, 3, 16, 16]);
        assert!(bytes[2..16].iter().chain(&bytes[32..48]).chain(&bytes[56..]).all(|&b| b == 0));
        // A new config clears the registers, and a product clears the rows that its shape leaves.
        let mut tiles = SoftTiles::new();
        tiles.take_config(&Config::new([16; 8]));
        // SAFETY: sixteen rows of 64 bytes.
        unsafe { tiles.read(0, [9_u8; 1024].as_ptr(), 64) };
        tiles.take_config(&Config::new([16; 8]));
        assert!(tiles.rows[0].iter().flatten().all(|&b| b == 0));
    }

    #[test]
    #[should_panic(expected = "shapes of 0 += 4 x 6")]
    fn factors_that_do_not_fit_are_refused() {
        let mut tiles = SoftTiles::new();
        tiles.take_config(&Config::new([16, 16, 16, 16, 5, 16, 16, 16]));
        tiles.dot([0, 4, 6], SUD);
    }
}
