//! Sweeps in colour order on a chosen backend.
#![expect(unsafe_code, reason = "calls of functions that need vector instructions")]

use std::ops::Range;

use crate::kernels::simd::Simd;
use crate::random::{StreamKey, Xoshiro8};

use super::lanes::Scalar;
use super::parallel::Regions;
use super::pull::BitRows;
use super::rows::{GROUP, GROUPS_PER_BLOCK, ReplicaRows};
use super::scatter::{Field, apply_flips};
use super::sweep::{Aligned, Costs, Flips, IntField, Job, Levels, accept_part};
use super::table::{AcceptTable, Reach};

/// What a sweep changes.
#[derive(Debug)]
pub struct State<'a, C> {
    /// Local fields, one a position.
    pub fields: &'a mut [C],
    /// Spins, a bit a position, a set bit is +1.
    pub up: &'a mut [u16],
    /// Room for the flips of a part.
    pub flips: &'a mut Flips,
    /// How threads share the work; `None` for this thread alone. The result is the same.
    pub regions: Option<&'a mut Regions>,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Swept {
    /// Spins that flipped.
    pub flips: u64,
    /// Sum of s f over the flips, before each: the energy rose by twice that.
    pub aligned: Aligned,
    /// The backend that decided; `None` if there was nothing to decide, or one spin at a time did.
    pub by: Option<Simd>,
}

/// The acceptance rule of float fields.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FloatRule {
    /// Metropolis at twice this inverse temperature (finite).
    Metropolis(f32),
    /// Heat bath at twice this inverse temperature (finite).
    HeatBath(f32),
}

/// Visits all free spins in colour order, with integer fields (in units).
///
/// Every backend gives the same result. `key` names the sweep; block b draws from `key.block(b)`.
///
/// # Panics
/// If `fields` is not one a position, `up` not one a group, or the processor lacks the backend.
pub fn sweep_ints(simd: Simd, rows: &ReplicaRows, table: &AcceptTable, state: State<'_, i32>, key: StreamKey) -> Swept {
    sweep_levels(simd, rows, table, None::<NoPull<i32>>, state, key)
}

/// As [`sweep_ints`], with fields of a byte: a quarter of the memory, where [`ReplicaRows::fields_fit_bytes`].
///
/// # Panics
/// As for [`sweep_ints`], or if fields do not fit.
pub fn sweep_bytes(simd: Simd, rows: &ReplicaRows, table: &AcceptTable, state: State<'_, i8>, key: StreamKey) -> Swept {
    assert!(rows.fields_fit_bytes(), "fields of up to {} units in a byte", rows.max_units());
    sweep_levels(simd, rows, table, None::<NoPull<i8>>, state, key)
}

/// As [`sweep_ints`], but makes the fields of each class anew from `bits` before its turn instead of pushing flips.
///
/// The spins follow the same path; what `fields` held is not read, and what it holds afterwards is stale
/// where neighbours moved later in the sweep.
///
/// # Panics
/// As for [`sweep_ints`], or if `bits` are of other rows.
pub fn sweep_bits(simd: Simd, rows: &ReplicaRows, table: &AcceptTable, bits: &BitRows, state: State<'_, i32>, key: StreamKey) -> Swept {
    let pull = |groups: Range<usize>, up: &[u16], fields: &mut [i32]| bits.fill(simd, groups, up, fields);
    sweep_levels(simd, rows, table, Some(pull), State { regions: None, ..state }, key)
}

/// The kind of a pull that there is not.
type NoPull<C> = fn(Range<usize>, &[u16], &mut [C]);

#[inline(always)]
fn sweep_levels<C: IntField>(
    simd: Simd,
    rows: &ReplicaRows,
    table: &AcceptTable,
    pull: Option<impl Fn(Range<usize>, &[u16], &mut [C])>,
    state: State<'_, C>,
    key: StreamKey,
) -> Swept {
    assert!(simd.is_available(), "no {} on this processor", simd.name());
    sweep(rows, state, key, pull, |job| match (simd, table.reach) {
        // SAFETY: the processor has the backend, as asserted.
        #[cfg(target_arch = "x86_64")]
        (Simd::Avx512, reach) => unsafe {
            match reach {
                Reach::Wrap16 => super::avx512::levels::<C, 0>(table, job),
                Reach::Wrap32 => super::avx512::levels::<C, 1>(table, job),
                Reach::Clamp32 => super::avx512::levels::<C, 2>(table, job),
                Reach::Long => super::avx512::levels::<C, 3>(table, job),
            }
        },
        // SAFETY: the processor has the backend, as asserted.
        #[cfg(target_arch = "x86_64")]
        (Simd::Avx2, Reach::Wrap16) => unsafe { super::avx2::levels::<C, 0>(table, job) },
        // SAFETY: the processor has the backend, as asserted.
        #[cfg(target_arch = "x86_64")]
        (Simd::Avx2, _) => unsafe { super::avx2::levels::<C, 3>(table, job) },
        _ => accept_part(Scalar, Levels::<Scalar, C, 3>::new(Scalar, table), job),
    })
}

/// Visits all free spins in colour order, with f32 fields.
///
/// Every backend gives the same result. `key` names the sweep; block b draws from `key.block(b)`.
///
/// # Panics
/// If `fields` is not one a position, `up` not one a group, or the processor lacks the backend.
pub fn sweep_floats(simd: Simd, rows: &ReplicaRows, rule: FloatRule, state: State<'_, f32>, key: StreamKey) -> Swept {
    assert!(simd.is_available(), "no {} on this processor", simd.name());
    // Float fields are kept by pushing alone.
    let pull = None::<NoPull<f32>>;
    sweep(rows, state, key, pull, |job| match (simd, rule) {
        // SAFETY: the processor has the backend, as asserted.
        #[cfg(target_arch = "x86_64")]
        (Simd::Avx512, FloatRule::Metropolis(two_beta)) => unsafe { super::avx512::costs::<false>(two_beta, job) },
        // SAFETY: the processor has the backend, as asserted.
        #[cfg(target_arch = "x86_64")]
        (Simd::Avx512, FloatRule::HeatBath(two_beta)) => unsafe { super::avx512::costs::<true>(two_beta, job) },
        // SAFETY: the processor has the backend, as asserted.
        #[cfg(target_arch = "x86_64")]
        (Simd::Avx2, FloatRule::Metropolis(two_beta)) => unsafe { super::avx2::costs::<false>(two_beta, job) },
        // SAFETY: the processor has the backend, as asserted.
        #[cfg(target_arch = "x86_64")]
        (Simd::Avx2, FloatRule::HeatBath(two_beta)) => unsafe { super::avx2::costs::<true>(two_beta, job) },
        (_, FloatRule::Metropolis(two_beta)) => accept_part(Scalar, Costs::<false> { two_beta }, job),
        (_, FloatRule::HeatBath(two_beta)) => accept_part(Scalar, Costs::<true> { two_beta }, job),
    })
}

/// Class after class, part after part: decide, then push the flips (or `pull` the fields of groups, then decide).
#[inline(always)]
fn sweep<C: Field>(
    rows: &ReplicaRows,
    state: State<'_, C>,
    key: StreamKey,
    pull: Option<impl Fn(Range<usize>, &[u16], &mut [C])>,
    decide: impl Fn(Job<'_, C>) -> usize + Sync,
) -> Swept {
    let State { fields, up, flips, regions } = state;
    assert_eq!(fields.len(), rows.n_positions(), "one field a position");
    assert_eq!(up.len() * GROUP, rows.n_positions(), "one mask a group");
    if let Some(regions) = regions {
        return super::parallel::sweep(rows, regions, fields, up, key, decide);
    }
    let mut random = Xoshiro8 { s: [[0; 8]; 4] };
    let mut swept = Swept::default();
    for class in &rows.classes {
        let (mut first, end) = (class.groups.0 as usize, class.groups.1 as usize);
        if let Some(pull) = &pull {
            pull(first..end, up, fields);
        }
        while first < end {
            let block = first / GROUPS_PER_BLOCK;
            let stop = end.min((block + 1) * GROUPS_PER_BLOCK);
            let n_flips = decide(Job {
                first: first as u32,
                fields: fields[first * GROUP..stop * GROUP].as_chunks().0,
                up: &mut up[first..stop],
                tail: if stop == end { class.tail } else { u16::MAX },
                key: key.block(block as u32),
                random: &mut random,
                flips,
                sum: &mut swept.aligned,
                by: &mut swept.by,
            });
            if pull.is_none() {
                apply_flips(rows, fields, &flips[..n_flips]);
            }
            swept.flips += n_flips as u64;
            first = stop;
        }
    }
    swept
}
