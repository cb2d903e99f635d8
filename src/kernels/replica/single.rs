//! One decision at a time, for sequential and random scans: the same rules as the groups of 16.

use super::colours::FloatRule;
use super::lanes::{heat_bath_threshold, metropolis_threshold};
use super::table::{AcceptTable, uniform_odd};

/// True if a spin at `level` (s f in units) flips with 32 random bits.
#[inline]
pub fn decide_int(table: &AcceptTable, level: i32, bits: u32) -> bool {
    uniform_odd(bits) <= table.threshold(level)
}

/// True if a spin at s f = `aligned` flips with 32 random bits.
#[inline]
pub fn decide_float(rule: FloatRule, aligned: f32, bits: u32) -> bool {
    match rule {
        FloatRule::Metropolis(two_beta) => two_beta * aligned <= metropolis_threshold(bits),
        FloatRule::HeatBath(two_beta) => two_beta * aligned <= heat_bath_threshold(bits),
    }
}
