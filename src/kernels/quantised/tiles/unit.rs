//! What a unit of tile registers can do.

/// Tile registers of a unit.
pub const N_TILES: usize = 8;

/// Rows of the largest tile.
pub const MAX_ROWS: usize = 16;

/// Bytes of a row of the largest tile.
pub const MAX_BYTES: usize = 64;

/// The shapes of all tiles, as `ldtilecfg` reads them.
///
/// ```text
/// byte 0 palette   1 start row   2..16 zero   16..32 bytes a row (u16 a tile)   32..48 zero   48..56 rows (u8 a tile)   56..64 zero
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Config(pub [u8; 64]);

impl Config {
    /// Tiles of `rows` rows and 64 bytes a row.
    ///
    /// # Panics
    /// If a tile has no rows, or more than 16.
    pub fn new(rows: [u8; N_TILES]) -> Self {
        assert!(rows.iter().all(|r| (1..=MAX_ROWS as u8).contains(r)), "tiles of {rows:?} rows");
        let mut bytes = [0; 64];
        bytes[0] = 1;
        for (tile, rows) in rows.into_iter().enumerate() {
            bytes[16 + 2 * tile] = MAX_BYTES as u8;
            bytes[48 + tile] = rows;
        }
        Config(bytes)
    }
}

/// A unit of tile registers, for one thread.
///
/// # Safety
/// Pointers passed to its functions must be readable (writable) for all rows of the tile, `stride` bytes apart. Registers are
/// used between [`Tiles::configure`] and [`Tiles::release`] of one thread.
pub unsafe trait Tiles {
    /// Takes shapes and sets all registers to zero.
    unsafe fn configure(&mut self, config: &Config);
    /// Sets register `T` to zero.
    unsafe fn zero<const T: u8>(&mut self);
    /// Reads register `T` from memory, a row every `stride` bytes.
    unsafe fn load<const T: u8>(&mut self, from: *const u8, stride: usize);
    /// C += A B: dwords of register `C`, s8 of register `A`, u8 of register `B`; sums wrap.
    unsafe fn multiply<const C: u8, const A: u8, const B: u8>(&mut self);
    /// Writes register `T` to memory, a row every `stride` bytes.
    unsafe fn store<const T: u8>(&mut self, to: *mut u8, stride: usize);
    /// Gives the registers back, so that the system need not keep them.
    unsafe fn release(&mut self);
}
