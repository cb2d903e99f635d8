//! Integer local fields of one replica: a byte each where they fit, so that a million of them stay in a core's own cache.

use crate::kernels::replica::{GROUP, ReplicaRows, apply_flips};

/// Local fields in units, by position.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum IntFields {
    Bytes(Vec<i8>),
    Words(Vec<i32>),
}

impl IntFields {
    /// Fields of zero, wide if `must_be_wide` or if they do not fit.
    pub fn new(rows: &ReplicaRows, must_be_wide: bool) -> Self {
        let n = rows.n_positions();
        if must_be_wide || !rows.fields_fit_bytes() { IntFields::Words(vec![0; n]) } else { IntFields::Bytes(vec![0; n]) }
    }

    #[inline]
    pub fn get(&self, position: usize) -> i32 {
        match self {
            IntFields::Bytes(fields) => i32::from(fields[position]),
            IntFields::Words(fields) => fields[position],
        }
    }

    /// Sets a field that the kind of storage holds.
    pub fn set(&mut self, position: usize, field: i32) {
        match self {
            IntFields::Bytes(fields) => {
                fields[position] = i8::try_from(field).unwrap_or_else(|_| panic!("a field of {field} units in a byte"));
            }
            IntFields::Words(fields) => fields[position] = field,
        }
    }

    /// Zeroes the fields from `position` on.
    pub fn clear_from(&mut self, position: usize) {
        match self {
            IntFields::Bytes(fields) => fields[position..].fill(0),
            IntFields::Words(fields) => fields[position..].fill(0),
        }
    }

    /// True if both hold the same at the first `n` positions.
    pub fn agree(&self, other: &Self, n: usize) -> bool {
        match (self, other) {
            (IntFields::Bytes(a), IntFields::Bytes(b)) => a[..n] == b[..n],
            (IntFields::Words(a), IntFields::Words(b)) => a[..n] == b[..n],
            _ => false,
        }
    }

    /// The wide fields.
    ///
    /// # Panics
    /// If they are bytes.
    pub fn words(&mut self) -> &mut [i32] {
        match self {
            IntFields::Words(fields) => fields,
            IntFields::Bytes(_) => panic!("bits of couplings make wide fields, and these are bytes"),
        }
    }

    /// Flips the spin at `position` of `up` and pushes it to its neighbours' fields.
    #[inline]
    pub fn flip(&mut self, rows: &ReplicaRows, up: &mut [u16], position: u32) {
        let flip = [listed(up, position)];
        match self {
            IntFields::Bytes(fields) => apply_flips(rows, fields, &flip),
            IntFields::Words(fields) => apply_flips(rows, fields, &flip),
        }
        up[position as usize / GROUP] ^= 1 << (position as usize % GROUP);
    }
}

/// A flip of `position` as kernels list it: the position and whether the spin was up.
#[inline]
pub(super) fn listed(up: &[u16], position: u32) -> u32 {
    position << 1 | u32::from(up[position as usize / GROUP] >> (position as usize % GROUP) & 1)
}
