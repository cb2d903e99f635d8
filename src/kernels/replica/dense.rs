//! One sweep over dense couplings: sixteen candidates are looked at together, flips are made one by one.
//!
//! ```text
//! for each group of 16 positions:
//!     threshold = -ln u  or  ln((1 - u) / u)                 (16 at once)
//!     pending   = all of the group
//!     while some pending s f * 2 beta <= threshold:
//!         flip the first of them: f += 2 J s for the fields of the group
//!         pending = those after it                           (their fields are fresh again)
//!     f += 2 J s for all fields, for the flips of the group  (up to four rows at a time)
//! ```
//!
//! Fields change only by flips, and no field outside the group is read before its turn, so this is
//! the strictly sequential scan. Group g draws number
//! g % 64 of the stream of block g / 64. Rows are added element by element: the order of additions
//! to a field is that of the flips, and vector width decides nothing.
//!
//! With bit rows a group's fields are counted instead, and no row is added ([`BitRows`]).
#![expect(unsafe_code, reason = "calls of functions that need vector instructions")]

use crate::kernels::simd::Simd;
use crate::plan::dense_plan::f32_of_half;
use crate::random::{StreamKey, Xoshiro8};

use super::colours::FloatRule;
use super::lanes::{Lanes, Scalar};
use super::pull::BitRows;
use super::rows::{GROUP, GROUPS_PER_BLOCK};

/// Numbers of a row that are added without a branch; strides are multiples of it.
pub const LINE: usize = 64;

/// Numbers of a row that are asked for when its spin flips; the rest comes by the hardware's own prefetch.
const PREFETCH: usize = 128;

/// A field that dense rows are added to: i16, i32 or f32.
pub trait DenseField: Copy + Send + Sync + 'static {
    /// Sixteen of them as f32, exact for the sizes that plans allow.
    #[doc(hidden)]
    fn load<L: LoadLanes>(lanes: L, from: &[Self; GROUP]) -> L::Out;
    /// One of them in f64.
    fn to_f64(self) -> f64;
    /// Twice a spin: +2 if `up`, else -2.
    fn twice_spin(up: bool) -> Self;
}

/// Loads of sixteen fields, implemented by every backend.
#[doc(hidden)]
pub trait LoadLanes: Copy {
    /// Sixteen f32.
    type Out;
    fn load_i16(self, from: &[i16; GROUP]) -> Self::Out;
    fn load_i32(self, from: &[i32; GROUP]) -> Self::Out;
    fn load_f32(self, from: &[f32; GROUP]) -> Self::Out;
    fn load_i8(self, from: &[i8; GROUP]) -> Self::Out;
    fn load_half(self, from: &[u16; GROUP]) -> Self::Out;
}

#[derive(Clone, Copy)]
struct Loads<L>(L);

impl<L: Lanes> LoadLanes for Loads<L> {
    type Out = L::Floats;

    #[inline(always)]
    fn load_i16(self, from: &[i16; GROUP]) -> L::Floats {
        self.0.ints_to_floats(self.0.shorts_load(from))
    }

    #[inline(always)]
    fn load_i32(self, from: &[i32; GROUP]) -> L::Floats {
        self.0.ints_to_floats(self.0.ints_load(from))
    }

    #[inline(always)]
    fn load_f32(self, from: &[f32; GROUP]) -> L::Floats {
        self.0.floats_load(from)
    }

    #[inline(always)]
    fn load_i8(self, from: &[i8; GROUP]) -> L::Floats {
        self.0.ints_to_floats(self.0.bytes_load(from))
    }

    #[inline(always)]
    fn load_half(self, from: &[u16; GROUP]) -> L::Floats {
        self.0.halves_load(from)
    }
}

macro_rules! dense_field {
    ($field:ty, $load:ident) => {
        impl DenseField for $field {
            #[inline(always)]
            fn load<L: LoadLanes>(lanes: L, from: &[Self; GROUP]) -> L::Out {
                lanes.$load(from)
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn twice_spin(up: bool) -> Self {
                if up { 2 as $field } else { -2 as $field }
            }
        }
    };
}

dense_field!(i16, load_i16);
dense_field!(i32, load_i32);
dense_field!(f32, load_f32);

/// A coupling as a row stores it, and what it adds to a field of kind `F`.
pub trait DenseCoupling<F: DenseField>: Copy + Send + Sync + 'static {
    /// How many rows may be added at once, given the largest |J| as stored: 8, 4, 2 or 1.
    fn rows_at_once(_largest: f32) -> usize {
        8
    }
    /// Adds 2 s J of N rows to a line of fields, in order; `twice_s` are +2 or -2.
    fn push<const N: usize>(line: &mut [F; LINE], rows: [&[Self; LINE]; N], twice_s: [F; N]);
    /// Sixteen of them as f32, exact.
    #[doc(hidden)]
    fn load<L: LoadLanes>(lanes: L, from: &[Self; GROUP]) -> L::Out;
}

/// Adds N rows of bytes up in bytes; `rows_at_once` sees to it that they do not overflow.
#[inline(always)]
fn sum_bytes<const N: usize>(rows: [&[i8; LINE]; N], is_down: [bool; N]) -> [i8; LINE] {
    // -x = (x ^ -1) + 1, and the ones are added first.
    let ones = is_down.iter().filter(|&&down| down).count() as i8;
    let mut sum = [ones; LINE];
    for (row, down) in rows.into_iter().zip(is_down) {
        let mask = if down { -1 } else { 0 };
        for (sum, &x) in sum.iter_mut().zip(row) {
            *sum = sum.wrapping_add(x ^ mask);
        }
    }
    sum
}

macro_rules! byte_coupling {
    ($field:ty) => {
        impl DenseCoupling<$field> for i8 {
            fn rows_at_once(largest: f32) -> usize {
                [8, 4, 2].into_iter().find(|&n| n as f32 * largest <= 127.0).unwrap_or(1)
            }

            #[inline(always)]
            fn push<const N: usize>(line: &mut [$field; LINE], rows: [&[i8; LINE]; N], twice_s: [$field; N]) {
                let sum = sum_bytes(rows, twice_s.map(|s| s < 0));
                for (field, sum) in line.iter_mut().zip(sum) {
                    *field = field.wrapping_add(<$field>::from(sum) << 1);
                }
            }

            #[inline(always)]
            fn load<L: LoadLanes>(lanes: L, from: &[Self; GROUP]) -> L::Out {
                lanes.load_i8(from)
            }
        }
    };
}

byte_coupling!(i16);
byte_coupling!(i32);

/// Adds 2 s J to each field of a line: 2 s J is exact, so one rounding happens, whatever the instructions.
#[inline(always)]
fn push_floats<const N: usize>(line: &mut [f32; LINE], coupling: impl Fn(usize, usize) -> f32, twice_s: [f32; N]) {
    for (r, twice_s) in twice_s.into_iter().enumerate() {
        for (i, field) in line.iter_mut().enumerate() {
            *field += coupling(r, i) * twice_s;
        }
    }
}

impl DenseCoupling<f32> for f32 {
    #[inline(always)]
    fn push<const N: usize>(line: &mut [f32; LINE], rows: [&[f32; LINE]; N], twice_s: [f32; N]) {
        push_floats(line, |r, i| rows[r][i], twice_s);
    }

    #[inline(always)]
    fn load<L: LoadLanes>(lanes: L, from: &[Self; GROUP]) -> L::Out {
        lanes.load_f32(from)
    }
}

impl DenseCoupling<f32> for u16 {
    #[inline(always)]
    fn push<const N: usize>(line: &mut [f32; LINE], rows: [&[u16; LINE]; N], twice_s: [f32; N]) {
        push_floats(line, |r, i| f32_of_half(rows[r][i]), twice_s);
    }

    #[inline(always)]
    fn load<L: LoadLanes>(lanes: L, from: &[Self; GROUP]) -> L::Out {
        lanes.load_half(from)
    }
}

/// A row to be added, with twice its spin's new value.
type Push<'a, F, W> = (&'a [W], F);

/// Adds the rows of flipped spins, in order, to all fields, at most `at_once` of them in one walk.
#[inline(always)]
fn push_rows<F: DenseField, W: DenseCoupling<F>>(fields: &mut [F], mut pushes: &[Push<'_, F, W>], at_once: usize) {
    while !pushes.is_empty() {
        let n = match pushes.len().min(at_once) {
            8.. => push_together::<F, W, 8>(fields, pushes),
            4.. => push_together::<F, W, 4>(fields, pushes),
            2.. => push_together::<F, W, 2>(fields, pushes),
            _ => push_together::<F, W, 1>(fields, pushes),
        };
        pushes = &pushes[n..];
    }
}

/// Adds the first N rows in one walk over the fields; returns N.
#[inline(always)]
fn push_together<F: DenseField, W: DenseCoupling<F>, const N: usize>(fields: &mut [F], pushes: &[Push<'_, F, W>]) -> usize {
    let rows: [&[[W; LINE]]; N] = std::array::from_fn(|r| pushes[r].0.as_chunks().0);
    let twice_s: [F; N] = std::array::from_fn(|r| pushes[r].1);
    for (l, fields) in fields.as_chunks_mut::<LINE>().0.iter_mut().enumerate() {
        // A copy, which no row can alias, stays in registers.
        let mut line = *fields;
        W::push(&mut line, std::array::from_fn(|r| &rows[r][l]), twice_s);
        *fields = line;
    }
    N
}

/// What a dense sweep reads and changes.
#[derive(Debug)]
pub struct DenseJob<'a, F, W> {
    /// Couplings, row-major: `stride` numbers a row, one row a spin.
    pub rows: &'a [W],
    /// The couplings inside each group of 16 spins, `blocks[p * 16 + k]` between p and number k of p's group.
    pub blocks: &'a [W],
    /// No smaller than any |J|, as stored (in units for i8).
    pub largest: f32,
    /// The same couplings as bits, to count fields by instead of keeping them: `fields` is then neither read nor written.
    pub bits: Option<&'a BitRows>,
    /// Local fields, `stride` of them.
    pub fields: &'a mut [F],
    /// Spins, a bit each, 16 to a mask, a set bit is +1; `stride / 16` masks.
    pub up: &'a mut [u16],
    /// Number of spins.
    pub n: usize,
    /// Rule, at twice beta times the energy of one field step.
    pub rule: FloatRule,
    /// Names the sweep; block b draws from `key.block(b)`.
    pub key: StreamKey,
}

/// What a dense sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DenseSwept {
    /// Spins that flipped.
    pub flips: u64,
    /// Sum of s f over the flips, before each, in field steps.
    pub aligned: f64,
    /// The backend that swept.
    pub by: Option<Simd>,
}

/// Visits all spins in order, on a chosen backend; every backend gives the same result.
///
/// # Panics
/// If the lengths do not fit together, or the processor lacks the backend.
pub fn sweep_dense<F: DenseField, W: DenseCoupling<F>>(simd: Simd, job: DenseJob<'_, F, W>) -> DenseSwept {
    assert!(simd.is_available(), "no {} on this processor", simd.name());
    let stride = job.fields.len();
    assert!(stride.is_multiple_of(LINE) && job.up.len() * GROUP == stride && job.n <= stride, "{} spins in rows of {stride}", job.n);
    assert!(job.rows.len() >= job.n * stride, "{} couplings for {} rows of {stride}", job.rows.len(), job.n);
    assert!(job.blocks.len() >= job.n * GROUP, "{} couplings in blocks of {} spins", job.blocks.len(), job.n);
    match simd {
        // SAFETY: the processor has the backend, as asserted.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx512 => unsafe { super::avx512::dense(job) },
        // SAFETY: the processor has the backend, as asserted.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx2 => unsafe { super::avx2::dense(job) },
        _ => sweep_with(Scalar, job),
    }
}

/// Adds the row of `position`, whose spin turned `up` (or down), to all fields, for one flip by hand.
pub fn push_dense<F: DenseField, W: DenseCoupling<F>>(rows: &[W], fields: &mut [F], position: usize, up: bool) {
    let stride = fields.len();
    assert!(stride.is_multiple_of(LINE), "rows of {stride}");
    push_rows(fields, &[(&rows[position * stride..(position + 1) * stride], F::twice_spin(up))], 1);
}

/// The skeleton of all backends.
#[inline(always)]
pub(super) fn sweep_with<L: Lanes, F: DenseField, W: DenseCoupling<F>>(lanes: L, job: DenseJob<'_, F, W>) -> DenseSwept {
    let DenseJob { rows, blocks, bits, largest, fields, up, n, rule, key } = job;
    let stride = fields.len();
    let at_once = W::rows_at_once(largest);
    let mut swept = DenseSwept { by: Some(L::SIMD), ..DenseSwept::default() };
    let mut random = lanes.random_load(&Xoshiro8 { s: [[0; 8]; 4] });
    for g in 0..n.div_ceil(GROUP) {
        if g.is_multiple_of(GROUPS_PER_BLOCK) {
            random = lanes.random_from(key.block((g / GROUPS_PER_BLOCK) as u32));
        }
        let uniform = lanes.random_next(&mut random);
        let (thresholds, two_beta) = match rule {
            FloatRule::Metropolis(two_beta) => (lanes.metropolis_thresholds(uniform), two_beta),
            FloatRule::HeatBath(two_beta) => (lanes.heat_bath_thresholds(uniform), two_beta),
        };
        let mut pending = if n - g * GROUP < GROUP { (1_u16 << (n - g * GROUP)) - 1 } else { u16::MAX };
        // The group's own fields are kept up to date flip by flip (in f32, which is exact for integers), all others once a group.
        let mut group = match bits {
            Some(bits) => lanes.ints_to_floats(lanes.pull(bits, g, up.as_chunks().0)),
            None => F::load(Loads(lanes), fields[g * GROUP..].first_chunk().expect("fields come in whole groups")),
        };
        let block = &blocks[g * GROUP * GROUP..];
        let mut pushes: [Push<'_, F, W>; GROUP] = [(&[], F::twice_spin(true)); GROUP];
        let mut n_pushes = 0;
        loop {
            let aligned = lanes.floats_negate_unless(group, up[g]);
            let accepted = lanes.floats_at_most(two_beta, aligned, thresholds) & pending;
            if accepted == 0 {
                break;
            }
            let k = accepted.trailing_zeros();
            let was_up = up[g] >> k & 1 == 1;
            swept.aligned += f64::from(lanes.floats_at(aligned, k));
            up[g] ^= 1 << k;
            let own = block[k as usize * GROUP..].first_chunk().expect("a spin has couplings to its group");
            group = lanes.floats_push(group, W::load(Loads(lanes), own), if was_up { -2.0 } else { 2.0 });
            if bits.is_none() {
                let position = g * GROUP + k as usize;
                let row = &rows[position * stride..(position + 1) * stride];
                lanes.prefetch(&row[..stride.min(PREFETCH)]);
                pushes[n_pushes] = (row, F::twice_spin(!was_up));
                n_pushes += 1;
            }
            swept.flips += 1;
            pending &= !(u16::MAX >> (15 - k));
        }
        push_rows(fields, &pushes[..n_pushes], at_once);
    }
    swept
}
