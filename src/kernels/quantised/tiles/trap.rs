//! Runs the instructions of `amx` on processors without them: the fault that each raises is answered by tiles in memory.
//!
//! What is tested so is the assembly itself: operands, strides and their order. Where there are tiles, the same tests run on them.
#![cfg(all(test, target_arch = "x86_64", target_os = "linux"))]

use std::cell::{Cell, RefCell};
use std::sync::Once;

use super::amx::Amx;
use super::presence::{amx, multiplies_right};
use super::software::{Signs, SoftTiles};
use super::unit::Config;

thread_local! {
    static UNIT: RefCell<SoftTiles> = const { RefCell::new(SoftTiles::new()) };
    static N_ANSWERED: Cell<u64> = const { Cell::new(0) };
}

/// Sees to it that tile instructions run on this process: as they are, or by answered faults.
pub(in super::super) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if amx().is_ok() {
            return;
        }
        // SAFETY: an all-zero action is a valid one; the handler lives for the whole process.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = answer as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            assert_eq!(libc::sigaction(libc::SIGILL, &action, std::ptr::null_mut()), 0, "a handler of illegal instructions");
        }
    });
}

/// Instructions of this thread that were answered in memory.
pub(in super::super) fn n_answered() -> u64 {
    N_ANSWERED.get()
}

extern "C" fn answer(_signal: libc::c_int, _info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system passes the context of the fault, which belongs to the handler until it returns. Its instruction is
    // readable; its operands are what the faulting function was promised.
    unsafe {
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        let at = registers[libc::REG_RIP as usize] as *const u8;
        let Some(length) = UNIT.with_borrow_mut(|unit| run(unit, at, registers)) else {
            // Another illegal instruction: it faults again, for good.
            libc::signal(libc::SIGILL, libc::SIG_DFL);
            return;
        };
        registers[libc::REG_RIP as usize] += length;
    }
    N_ANSWERED.set(N_ANSWERED.get() + 1);
}

/// General registers in the order of their numbers.
const NUMBERED: [libc::c_int; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

/// Does the tile instruction at `at` to `unit` and gives its length; `None` if it is another one.
///
/// # Safety
/// The instruction is readable, and its memory operand belongs to it.
unsafe fn run(unit: &mut SoftTiles, at: *const u8, registers: &[i64]) -> Option<i64> {
    // SAFETY: promised by the caller; later bytes are read only where the ones before announce them.
    let byte = |i: usize| unsafe { at.add(i).read() };
    // 1. Three bytes of VEX: C4, RXB and map 0F38 (2), W = 0, vvvv, L = 0, prefix (none, 66, F3, F2).
    if byte(0) != 0xc4 || byte(1) & 0x1f != 2 || byte(2) & 0b1000_0100 != 0 {
        return None;
    }
    let (x, b) = (!byte(1) >> 6 & 1, !byte(1) >> 5 & 1);
    let (third, prefix) = (!byte(2) >> 3 & 15, byte(2) & 3);
    let (opcode, modrm) = (byte(3), byte(4));
    let (mode, reg, rm) = (modrm >> 6, modrm >> 3 & 7, modrm & 7);
    let number = |r: u8, high: u8| registers[NUMBERED[usize::from(r | high << 3)] as usize];
    // 2. Memory operands: base, and stride in the index.
    let mut length = 5;
    let mut operand = (std::ptr::null_mut::<u8>(), 0);
    if mode != 3 {
        let (mut base, mut index) = (rm, None);
        if rm == 4 {
            let sib = byte(length);
            length += 1;
            base = sib & 7;
            let i = sib >> 3 & 7;
            index = (i | x << 3 != 4).then(|| number(i, x) << (sib >> 6));
        }
        if mode == 0 && base == 5 {
            return None;
        }
        let mut displacement = 0;
        if mode == 1 {
            displacement = i64::from(byte(length) as i8);
            length += 1;
        } else if mode == 2 {
            displacement = i64::from(i32::from_le_bytes([byte(length), byte(length + 1), byte(length + 2), byte(length + 3)]));
            length += 4;
        }
        operand = ((number(base, b) + displacement) as *mut u8, index.unwrap_or(0) as usize);
    }
    // 3. The instruction.
    // SAFETY: promised by the caller.
    unsafe {
        match (opcode, prefix, mode) {
            (0x49, 0, 0..=2) if reg == 0 => unit.take_config(&Config(operand.0.cast::<[u8; 64]>().read())),
            (0x49, 0, 3) if modrm == 0xc0 => *unit = SoftTiles::new(),
            (0x49, 3, 3) if rm == 0 => unit.clear(reg),
            (0x4b, 3, 0..=2) if rm == 4 => unit.read(reg, operand.0, operand.1),
            (0x4b, 2, 0..=2) if rm == 4 => unit.write(reg, operand.0, operand.1),
            (0x5e, _, 3) => {
                let signs = Signs { is_a_signed: prefix >= 2, is_b_signed: prefix & 1 == 1 };
                unit.dot([reg, rm, third], signs);
            }
            _ => return None,
        }
    }
    Some(length as i64)
}

#[test]
fn instructions_multiply_like_plain_sums() {
    prepare();
    // SAFETY: `prepare` lets tile instructions run.
    assert!(unsafe { multiplies_right(&mut Amx) });
    assert_eq!(amx().is_ok(), n_answered() == 0, "{} instructions were answered in memory", n_answered());
}

#[test]
fn each_instruction_does_what_its_name_says_in_memory() {
    use super::unit::Tiles;
    prepare();
    let a: Vec<u8> = (0..2048).map(|i: u32| (i * 37 + i / 5) as u8).collect();
    let (mut by_unit, mut by_memory) = ([[0_u8; 80]; 16], [[0_u8; 80]; 16]);
    fn both<T: Tiles>(tiles: &mut T, a: &[u8], out: &mut [[u8; 80]; 16]) {
        // SAFETY: `prepare` lets tile instructions run; tiles are 16 rows of 64 bytes, 100, 64 and 80 apart.
        unsafe {
            tiles.configure(&Config::new([11, 16, 16, 7, 16, 11, 16, 16]));
            tiles.load::<5>(a.as_ptr(), 100);
            tiles.load::<7>(a.as_ptr().add(1000), 64);
            tiles.load::<0>(a.as_ptr().add(3), 64);
            tiles.multiply::<0, 5, 7>();
            tiles.store::<0>(out.as_mut_ptr().cast(), 80);
            tiles.zero::<0>();
            tiles.multiply::<0, 5, 7>();
            tiles.store::<0>(out.as_mut_ptr().cast::<u8>().add(16), 80);
            tiles.release();
        }
    }
    both(&mut Amx, &a, &mut by_unit);
    both(&mut SoftTiles::new(), &a, &mut by_memory);
    assert_eq!(by_unit, by_memory);
    assert!(by_unit[..11].iter().all(|row| row[..64] != [0; 64]) && by_unit[11..] == [[0; 80]; 5]);
}
