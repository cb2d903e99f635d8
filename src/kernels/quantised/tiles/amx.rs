//! The tile registers of AMX: one instruction a function.
//!
//! Compilers keep nothing in tile registers, so that what one function leaves there the next one finds; every function names
//! all of them as changed. The instructions are older than their names in stable Rust, hence assembly.

use std::arch::asm;

use super::unit::{Config, Tiles};

/// The unit of this thread. Its instructions fault unless [`super::presence`] has found them.
#[derive(Clone, Copy, Debug)]
pub struct Amx;

macro_rules! tile_asm {
    ($($arguments:tt)*) => {
        asm!(
            $($arguments)*,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack, preserves_flags)
        )
    };
}

// SAFETY: each function is the instruction that the trait describes, and touches no memory but its operand.
unsafe impl Tiles for Amx {
    #[inline(always)]
    unsafe fn configure(&mut self, config: &Config) {
        // SAFETY: a config is 64 bytes; the caller knows that the processor has tiles.
        unsafe { tile_asm!("ldtilecfg [{config}]", config = in(reg) config) };
    }
    #[inline(always)]
    unsafe fn zero<const T: u8>(&mut self) {
        // SAFETY: changes a register.
        unsafe { tile_asm!("tilezero tmm{t}", t = const T) };
    }
    #[inline(always)]
    unsafe fn load<const T: u8>(&mut self, from: *const u8, stride: usize) {
        // SAFETY: promised by the caller: all rows are readable.
        unsafe { tile_asm!("tileloadd tmm{t}, [{from} + {stride}*1]", t = const T, from = in(reg) from, stride = in(reg) stride) };
    }
    #[inline(always)]
    unsafe fn multiply<const C: u8, const A: u8, const B: u8>(&mut self) {
        // SAFETY: changes a register.
        unsafe { tile_asm!("tdpbsud tmm{c}, tmm{a}, tmm{b}", c = const C, a = const A, b = const B) };
    }
    #[inline(always)]
    unsafe fn store<const T: u8>(&mut self, to: *mut u8, stride: usize) {
        // SAFETY: promised by the caller: all rows are writable.
        unsafe { tile_asm!("tilestored [{to} + {stride}*1], tmm{t}", t = const T, to = in(reg) to, stride = in(reg) stride) };
    }
    #[inline(always)]
    unsafe fn release(&mut self) {
        // SAFETY: gives the registers back.
        unsafe { tile_asm!("tilerelease") };
    }
}
