//! Whether tiles may be used: the processor, the system's permission, and one product that must be right.

use std::sync::OnceLock;

use super::super::super::simd::Simd;
use super::super::QuantisedBackend;
use super::drive::{Operands, config_of};
use super::unit::{MAX_BYTES, MAX_ROWS, Tiles};

/// Why tiles are not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TilesAbsent {
    /// The processor has no AMX for 8-bit numbers, or lacks what outputs need.
    #[error("this processor lacks AMX-INT8 or AVX-512 VNNI")]
    Processor,
    /// The system does not keep tile registers, so that they cannot be used.
    #[error("the operating system does not keep tile registers (XCR0 is {0:#x})")]
    System(u64),
    /// Linux did not grant the registers to this process.
    #[error("Linux refused tile registers to this process (error {0})")]
    Permission(i64),
    /// A product came out wrong.
    #[error("the tiles of this machine gave a wrong product; results use other instructions")]
    WrongProduct,
}

/// Whether this process may use AMX, asked once: the first call asks the system for permission and checks a product.
pub fn amx() -> Result<(), TilesAbsent> {
    static FOUND: OnceLock<Result<(), TilesAbsent>> = OnceLock::new();
    *FOUND.get_or_init(look)
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn look() -> Result<(), TilesAbsent> {
    use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

    /// Bits 17 and 18 of XCR0: shapes and registers of tiles.
    const TILE_STATE: u64 = 0b11 << 17;
    /// Bits 24 and 25 of EDX of leaf 7: tiles, and products of 8-bit numbers.
    const TILES_AND_INT8: u32 = 0b11 << 24;
    /// Bit 27 of ECX of leaf 1: XCR0 can be read.
    const HAS_XCR0: u32 = 1 << 27;

    #[target_feature(enable = "xsave")]
    fn xcr0() -> u64 {
        // SAFETY: register 0 exists wherever the instruction does.
        unsafe { _xgetbv(0) }
    }

    let has_vectors = QuantisedBackend::of(Simd::best()) == QuantisedBackend::Vnni;
    if !has_vectors || __cpuid(0).eax < 7 || __cpuid(1).ecx & HAS_XCR0 == 0 || __cpuid_count(7, 0).edx & TILES_AND_INT8 != TILES_AND_INT8 {
        return Err(TilesAbsent::Processor);
    }
    // SAFETY: the system has switched the instruction on.
    let found = unsafe { xcr0() };
    if found & TILE_STATE != TILE_STATE {
        return Err(TilesAbsent::System(found));
    }
    let refused = ask_permission();
    if refused != 0 {
        return Err(TilesAbsent::Permission(-refused));
    }
    // SAFETY: processor and system have just said that tiles may be used.
    if unsafe { multiplies_right(&mut super::amx::Amx) } { Ok(()) } else { Err(TilesAbsent::WrongProduct) }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn look() -> Result<(), TilesAbsent> {
    Err(TilesAbsent::Processor)
}

/// Asks Linux for tile registers, for all threads of the process: 0, or a negative error number.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(super) fn ask_permission() -> i64 {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XTILEDATA: u64 = 18;
    let answer: i64;
    // SAFETY: the call changes nothing but this permission; it takes numbers alone and overwrites rcx and r11.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    answer
}

/// Sums of 32 rows and 2 panels.
type Sums = [[i32; 2 * MAX_ROWS]; 2 * MAX_ROWS];

/// True if `tiles` multiply like plain sums: full and partial tiles, one and two steps, all signs and the largest numbers.
///
/// # Safety
/// This thread may use the tiles.
pub(super) unsafe fn multiplies_right<T: Tiles>(tiles: &mut T) -> bool {
    const N_STEPS: usize = 2;
    const DEPTH: usize = N_STEPS * MAX_BYTES;
    let mut state = 0x9e37_79b9_u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Some numbers are the largest and smallest.
        [0x80, 0x7f, 0xff][..].get((state >> 28) as usize).copied().unwrap_or((state >> 16) as u8)
    };
    // Codes are `[row][source]`, weights `[source / 4][target][source % 4]`.
    let codes: Vec<u8> = (0..2 * MAX_ROWS * DEPTH).map(|_| byte()).collect();
    let cells: Vec<u8> = (0..DEPTH * 2 * MAX_ROWS).map(|_| byte()).collect();
    let plain = |row: usize, target: usize, depth: usize| -> i32 {
        let of = |k: usize| i32::from(codes[row * DEPTH + k] as i8) * i32::from(cells[k / 4 * 8 * MAX_ROWS + target * 4 + k % 4]);
        (0..depth).map(of).sum()
    };
    let mut is_right = true;
    for (n_rows, n_panels, n_steps) in [(32, 2, 2), (21, 2, 1), (16, 2, 2), (5, 1, 2), (17, 1, 1), (1, 1, 1), (32, 2, 0)] {
        let operands = Operands { codes: codes.as_ptr(), code_stride: DEPTH, cells: cells.as_ptr(), cell_stride: 8 * MAX_ROWS, n_steps };
        let mut sums: Sums = [[i32::MIN; 2 * MAX_ROWS]; 2 * MAX_ROWS];
        // SAFETY: codes and cells hold two steps of full tiles; the sums are those of 32 rows and 2 panels.
        unsafe {
            tiles.configure(&config_of(n_rows));
            // The second time, registers hold the sums of the first.
            for _ in 0..2 {
                match (n_rows > MAX_ROWS, n_panels > 1) {
                    (false, false) => multiply::<T, 1, 1>(&operands, tiles, &mut sums),
                    (false, true) => multiply::<T, 1, 2>(&operands, tiles, &mut sums),
                    (true, false) => multiply::<T, 2, 1>(&operands, tiles, &mut sums),
                    (true, true) => multiply::<T, 2, 2>(&operands, tiles, &mut sums),
                }
            }
            tiles.release();
        }
        for (row, sums) in sums.iter().enumerate() {
            for (target, &sum) in sums.iter().enumerate() {
                let is_part = row < n_rows && target < n_panels * MAX_ROWS;
                is_right &= sum == if is_part { plain(row, target, n_steps * MAX_BYTES) } else { i32::MIN };
            }
        }
    }
    is_right
}

/// # Safety
/// As for [`Operands::step`].
unsafe fn multiply<T: Tiles, const R: usize, const P: usize>(operands: &Operands, tiles: &mut T, sums: &mut Sums) {
    // SAFETY: passed on.
    unsafe {
        Operands::start::<T, R, P>(tiles);
        for step in 0..operands.n_steps {
            operands.step::<T, R, P>(tiles, step);
        }
        Operands::park::<T, R, P>(tiles, sums.as_mut_ptr().cast());
    }
}

#[cfg(test)]
mod tests {
    use super::super::software::SoftTiles;
    use super::super::unit::Config;
    use super::*;

    /// Tiles with one planted fault.
    struct Faulty {
        tiles: SoftTiles,
        fault: usize,
    }

    // SAFETY: as for the tiles within.
    unsafe impl Tiles for Faulty {
        unsafe fn configure(&mut self, config: &Config) {
            let mut config = *config;
            if self.fault == 1 {
                // A row fewer of the sums and codes of the second sixteen.
                for tile in [2, 3, 5] {
                    config.0[48 + tile] -= u8::from(config.0[48 + tile] > 1);
                }
            }
            self.tiles.take_config(&config);
        }
        unsafe fn zero<const T: u8>(&mut self) {
            if self.fault != 2 || T != 3 {
                self.tiles.clear(T);
            }
        }
        unsafe fn load<const T: u8>(&mut self, from: *const u8, stride: usize) {
            // SAFETY: passed on.
            unsafe { self.tiles.read(T, if self.fault == 3 && T == 7 { from.wrapping_sub(64) } else { from }, stride) };
        }
        unsafe fn multiply<const C: u8, const A: u8, const B: u8>(&mut self) {
            use super::super::software::Signs;
            let signs = Signs { is_a_signed: self.fault != 4, is_b_signed: self.fault == 5 };
            self.tiles.dot([C, A, B], signs);
        }
        unsafe fn store<const T: u8>(&mut self, to: *mut u8, stride: usize) {
            // SAFETY: passed on.
            unsafe { self.tiles.write(if self.fault == 6 && T == 2 { 0 } else { T }, to, stride) };
        }
        unsafe fn release(&mut self) {}
    }

    #[test]
    fn the_check_of_a_product_believes_right_tiles_and_no_faulty_ones() {
        for fault in 0..=6 {
            let mut tiles = Faulty { tiles: SoftTiles::new(), fault };
            // SAFETY: tiles in memory run anywhere.
            let is_believed = unsafe { multiplies_right(&mut tiles) };
            assert_eq!(is_believed, fault == 0, "fault {fault}");
        }
    }

    #[test]
    fn this_machine_says_whether_it_has_tiles() {
        let found = amx();
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if std::arch::x86_64::__cpuid_count(7, 0).edx >> 24 & 3 != 3 {
            assert_eq!(found, Err(TilesAbsent::Processor));
            // Linux refuses what it does not have; nothing faults.
            assert!(ask_permission() < 0);
        }
        assert_ne!(found, Err(TilesAbsent::WrongProduct));
    }
}
