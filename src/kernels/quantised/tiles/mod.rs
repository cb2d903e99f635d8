//! Products of 16 x 64 codes at a time in the tile registers of AMX, behind the same entry as all other backends.
//!
//! ```text
//! tile of inputs    A   16 rows x 64 s8 codes                     (colsb 64)
//! tile of weights   B   16 steps of 4 sources x 16 targets        (64 u8: target * 4 + source % 4), as rows are packed anyway
//! tile of sums      C   16 rows x 16 targets, i32                 C[m][n] += sum of k: A[m][4 k ..] . B[k][4 n ..]
//! ```
//!
//! A tile unit (`unit`) has eight such registers. `drive` is the loop around them, written once; `software` keeps the
//! registers in memory and does to them what the instruction reference says, number by number: it is the law of the unit, and
//! all tests of the pass run over it on any machine. `amx` is the same in instructions, one a function. `presence` asks the
//! processor and the system for them, and compares one product with plain sums before they are believed.
//!
//! Sums of 8-bit products are exact, so that tiles give the bits of every other backend.

#[cfg(target_arch = "x86_64")]
pub mod amx;
pub mod drive;
pub mod presence;
pub mod software;
pub mod trap;
pub mod unit;
