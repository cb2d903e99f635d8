//! One replica with dense couplings: a flip adds a row to all local fields.
//!
//! Spins are visited one after another in neuron order, whatever the scan names: in a complete
//! graph each spin is a colour class of its own, so [`Scan::Colours`] and [`Scan::Sequential`] are
//! the same walk here.
//!
//! | rows | kept fields | a spin decides by |
//! |---|---|---|
//! | i8 | integers, exact for ever | them |
//! | f32 with high parts | integers of the high parts, exact for ever | the true field, in f64 from the state; the kept one bounds it, which is nearly always enough |
//! | f16, and f32 without | f32, recomputed by [`SpinSampler::refresh`] and after every [`SWEEPS_PER_REFRESH`] sweeps | them |
//!
//! With high parts the energy changes by that of the high parts, which is off by at most half the
//! sum of all margins (1e-6 of the energy is usual) and does not drift;
//! [`SpinSampler::refresh`] recomputes it from true fields.

use std::sync::Arc;

use crate::kernels::replica::{
    BitRows, BoundedJob, DenseCoupling, DenseField, DenseJob, DenseSwept, FloatRule, GROUP, Visit, decide_float, high_pairs, push_dense,
    sweep_dense, true_pairs, visit_bounded,
};
use crate::kernels::simd::Simd;
use crate::plan::SpinPlan;
use crate::plan::dense_plan::{DenseError, DensePlan, DenseRows, DenseSettings, Lines, f32_of_half};
use crate::random::{BLOCK, StreamKey};

use super::replica::{REFRESHES_PER_AUDIT, SWEEPS_PER_REFRESH, float_rule};
use super::sampler::{Rule, Scan, SpinSampler, SweepCounts, SweepKey};

/// A spin engine of one replica over dense rows.
#[derive(Clone, Debug)]
pub struct DenseSampler {
    plan: Arc<SpinPlan>,
    dense: DensePlan,
    /// Position of each free slot.
    position: Vec<u32>,
    simd: Simd,
    beta: f64,
    /// Free spins by position, 16 to a mask; a set bit is +1.
    up: Vec<u16>,
    /// Clamped spins by slot, after the free ones.
    clamped: Vec<i8>,
    fields: Fields,
    /// Field and clamped neighbours by position, for true fields; empty without high parts.
    outside: Vec<f64>,
    /// The rows as bits, if all couplings have one size: for sweeps in which adding the rows of all flips costs more.
    bits: Option<BitRows>,
    /// True after such a sweep: fields are to be counted from the bits before they are read.
    is_stale: bool,
    /// Flips of the last walk over all spins.
    last_flips: u64,
    /// Energy of the kept fields, without the offset, in field steps.
    energy: f64,
    sweeps_since_refresh: u32,
    refreshes: u32,
    counts: SweepCounts,
}

/// Local fields by position, in units of the plan's step (1 for floats).
#[derive(Clone, Debug, PartialEq)]
enum Fields {
    I16(Lines<i16>),
    I32(Lines<i32>),
    F32(Lines<f32>),
    /// Of the high parts, in their units.
    High(Lines<i32>),
}

/// Runs `$body` with `$rows` (couplings) and `$fields` (a slice) bound to the plan's kinds of numbers.
macro_rules! with_kinds {
    ($self:ident, |$rows:ident, $fields:ident| $body:expr) => {
        match (&$self.dense.rows, &mut $self.fields) {
            (DenseRows::I8($rows), Fields::I16(fields)) => {
                let $fields = fields.as_mut_slice();
                $body
            }
            (DenseRows::I8($rows), Fields::I32(fields)) => {
                let $fields = fields.as_mut_slice();
                $body
            }
            (DenseRows::F32($rows), Fields::F32(fields)) => {
                let $fields = fields.as_mut_slice();
                $body
            }
            (DenseRows::F16($rows), Fields::F32(fields)) => {
                let $fields = fields.as_mut_slice();
                $body
            }
            _ => unreachable!("fields are made for the rows"),
        }
    };
}

impl DenseSampler {
    /// All spins -1 at beta = 1, executed by `simd` (which decides speed alone).
    ///
    /// # Errors
    /// If the row format rounds a coupling without leave, or the rows are too large.
    ///
    /// # Panics
    /// If the processor lacks the backend.
    pub fn new(plan: Arc<SpinPlan>, settings: &DenseSettings, simd: Simd) -> Result<Self, DenseError> {
        assert!(simd.is_available(), "no {} on this processor", simd.name());
        let dense = DensePlan::new(&plan, settings)?;
        let mut position = vec![0; dense.n_free()];
        for (p, &s) in dense.slots.iter().enumerate() {
            position[s as usize] = p as u32;
        }
        let unit = f64::from(dense.unit);
        let row_sum = |s: usize| plan.row(s).1.iter().map(|w| f64::from(w.abs())).sum::<f64>() + f64::from(plan.fields[s].abs());
        // Rounding to units may add half a unit a coupling.
        let largest = (0..plan.n_free()).map(|s| row_sum(s) / unit + plan.row(s).1.len() as f64).fold(0.0, f64::max);
        let fields = match &dense.rows {
            DenseRows::I8(_) if largest < f64::from(i16::MAX) => Fields::I16(Lines::zeros(dense.stride)),
            DenseRows::I8(_) => Fields::I32(Lines::zeros(dense.stride)),
            DenseRows::F32(_) if dense.high.is_some() => Fields::High(Lines::zeros(dense.stride)),
            DenseRows::F32(_) | DenseRows::F16(_) => Fields::F32(Lines::zeros(dense.stride)),
        };
        let mut sampler = DenseSampler {
            position,
            simd,
            beta: 1.0,
            up: vec![0; dense.stride / GROUP],
            clamped: vec![-1; plan.n_spins() - plan.n_free()],
            fields,
            outside: Vec::new(),
            bits: bit_rows(&dense),
            is_stale: false,
            last_flips: 0,
            energy: 0.0,
            sweeps_since_refresh: 0,
            refreshes: 0,
            counts: SweepCounts::default(),
            plan,
            dense,
        };
        sampler.rebuild();
        Ok(sampler)
    }

    /// The dense rows.
    pub fn dense_plan(&self) -> &DensePlan {
        &self.dense
    }

    /// True if spins decide by integers, which the couplings and fields are multiples of.
    pub fn has_integer_fields(&self) -> bool {
        matches!(self.fields, Fields::I16(_) | Fields::I32(_))
    }

    /// Recomputes fields and energy from the spins, after asserting that the kept ones agree.
    ///
    /// # Panics
    /// If they do not, which is a bug. Integers have to be equal; an energy of floats may differ by less than
    /// 1e-4 (1 + |E|), that of high parts by less than the sum of all margins.
    pub fn audit(&mut self) {
        self.freshen();
        let (energy, fields) = (self.energy, self.fields.clone());
        self.rebuild();
        if self.has_integer_fields() {
            assert_eq!(energy, self.energy, "kept and recomputed energy, in units");
        }
        let limit = match (&self.fields, &self.dense.high) {
            (Fields::High(_), Some(high)) => {
                let margins = high.margins.as_slice().iter().map(|&m| f64::from(m)).sum::<f64>();
                margins * high.unit + 1e-12 * (1.0 + self.energy.abs())
            }
            _ => 1e-4 * (1.0 + self.energy.abs()),
        };
        assert!((energy - self.energy).abs() < limit, "kept energy {energy}, recomputed {}: more than {limit} apart", self.energy);
        if !matches!(self.fields, Fields::F32(_)) {
            assert!(fields == self.fields, "kept and recomputed fields differ");
        }
    }

    /// Counts the fields from the bits of couplings if walks have left them stale.
    fn freshen(&mut self) {
        if let Some(bits) = &self.bits
            && std::mem::take(&mut self.is_stale)
        {
            let mut counted = vec![0; self.dense.stride];
            bits.fill(self.simd, 0..self.up.len(), &self.up, &mut counted);
            match &mut self.fields {
                Fields::I16(fields) => fields.as_mut_slice().iter_mut().zip(counted).for_each(|(field, x)| *field = x as i16),
                Fields::I32(fields) => fields.as_mut_slice().copy_from_slice(&counted),
                Fields::F32(_) | Fields::High(_) => unreachable!("bits go with integer fields"),
            }
        }
    }

    /// What acts on a position from outside: the field and clamped neighbours.
    fn outside_of(&self, p: usize) -> f64 {
        let (slot, n_free) = (self.dense.slots[p] as usize, self.plan.n_free());
        let (neighbours, weights) = self.plan.row(slot);
        let clamped = neighbours.iter().zip(weights).filter(|&(&j, _)| j as usize >= n_free);
        f64::from(self.plan.fields[slot]) + clamped.map(|(&j, &w)| f64::from(w) * f64::from(self.clamped[j as usize - n_free])).sum::<f64>()
    }

    /// The energy by true fields.
    fn true_energy(&self, rows: &[f32]) -> f64 {
        let mut energy = 0.0;
        for (p, (row, outside)) in rows.chunks_exact(self.dense.stride).zip(&self.outside).enumerate() {
            let half_pairs = 0.5 * true_pairs(self.simd, row, &self.up);
            energy -= if self.is_up_at(p) { half_pairs + outside } else { -(half_pairs + outside) };
        }
        energy
    }

    /// Recomputes the energy by true fields, and the fields of the high parts.
    fn rebuild_high(&mut self) {
        let (Some(high), DenseRows::F32(of)) = (&self.dense.high, &self.dense.rows) else { unreachable!("high parts go with f32 rows") };
        self.outside = (0..self.dense.n_free()).map(|p| self.outside_of(p)).collect();
        self.energy = self.true_energy(of.rows.as_slice());
        let Fields::High(fields) = &mut self.fields else { unreachable!("high parts have fields of their own") };
        for ((field, pairs), outside) in fields.as_mut_slice().iter_mut().zip(high_pairs(high, &self.up)).zip(&self.outside) {
            *field = pairs + (outside / high.unit).round_ties_even() as i32;
        }
    }

    /// Recomputes fields and energy from the spins and the rows, in f64.
    fn rebuild(&mut self) {
        self.sweeps_since_refresh = 0;
        self.is_stale = false;
        if self.dense.high.is_some() {
            self.rebuild_high();
            return;
        }
        let (n, stride) = (self.dense.n_free(), self.dense.stride);
        let is_integer = self.has_integer_fields();
        let unit = f64::from(self.dense.unit);
        let signs: Vec<f64> = (0..n).map(|p| if self.is_up_at(p) { 1.0 } else { -1.0 }).collect();
        let mut twice_pairs = 0.0;
        let mut sites = 0.0;
        for p in 0..n {
            // 1. What acts from outside, in steps.
            let outside = self.outside_of(p);
            let outside = if is_integer { (outside / unit).round_ties_even() } else { outside };
            // 2. The row.
            let row = p * stride..p * stride + n;
            let inside: f64 = match &self.dense.rows {
                DenseRows::F32(of) => of.rows.as_slice()[row].iter().zip(&signs).map(|(&w, s)| f64::from(w) * s).sum(),
                DenseRows::F16(of) => of.rows.as_slice()[row].iter().zip(&signs).map(|(&w, s)| f64::from(f32_of_half(w)) * s).sum(),
                DenseRows::I8(of) => of.rows.as_slice()[row].iter().zip(&signs).map(|(&w, s)| f64::from(w) * s).sum(),
            };
            twice_pairs += inside * signs[p];
            sites += outside * signs[p];
            if let Some(bits) = &mut self.bits {
                bits.set_field(p, &self.up, (inside + outside) as i32);
            }
            match &mut self.fields {
                Fields::I16(fields) => fields.as_mut_slice()[p] = (inside + outside) as i16,
                Fields::I32(fields) => fields.as_mut_slice()[p] = (inside + outside) as i32,
                Fields::F32(fields) => fields.as_mut_slice()[p] = (inside + outside) as f32,
                Fields::High(_) => unreachable!("high parts have fields of their own making"),
            }
        }
        self.energy = -0.5 * twice_pairs - sites;
    }

    /// The energy of clamped spins among themselves and in their fields, and the offset.
    fn clamped_energy(&self) -> f64 {
        let n_free = self.plan.n_free();
        let mut energy = self.plan.offset;
        for (k, &s) in self.clamped.iter().enumerate() {
            let (neighbours, weights) = self.plan.row(n_free + k);
            let pairs: f64 = neighbours
                .iter()
                .zip(weights)
                .filter(|&(&j, _)| j as usize >= n_free)
                .map(|(&j, &w)| f64::from(w) * f64::from(self.clamped[j as usize - n_free]))
                .sum();
            energy -= f64::from(s) * (0.5 * pairs + f64::from(self.plan.fields[n_free + k]));
        }
        energy
    }

    fn is_up_at(&self, position: usize) -> bool {
        self.up[position / GROUP] >> (position % GROUP) & 1 == 1
    }

    fn rule_in_steps(&self, rule: Rule) -> FloatRule {
        float_rule(rule, self.beta * f64::from(self.dense.unit))
    }

    /// Visits spins by the high parts of couplings, if the rows have them.
    fn visit_by_high_parts(&mut self, visit: Visit) -> Option<DenseSwept> {
        let (Fields::High(fields), Some(high), DenseRows::F32(of)) = (&mut self.fields, &self.dense.high, &self.dense.rows) else {
            return None;
        };
        let (fields, up) = (fields.as_mut_slice(), self.up.as_mut_slice());
        let mut swept = visit_bounded(self.simd, BoundedJob { rows: of.rows.as_slice(), high, outside: &self.outside, fields, up }, visit);
        swept.aligned *= high.unit;
        Some(swept)
    }

    fn walk(&mut self, rule: Rule, key: StreamKey) -> DenseSwept {
        let rule = self.rule_in_steps(rule);
        if let Some(swept) = self.visit_by_high_parts(Visit::InOrder(rule, key)) {
            return swept;
        }
        let (n, largest) = (self.dense.n_free(), self.dense.largest);
        // A row is added in lines of 64 numbers, a line in the time of eight pushes to one field; either way the spins follow the same path.
        let pulls = self.bits.as_ref().is_some_and(|bits| self.last_flips * (self.dense.stride / 8) as u64 > bits.cost(self.simd));
        if !pulls {
            self.freshen();
        }
        self.is_stale = pulls;
        let bits = self.bits.as_ref().filter(|_| pulls);
        let swept = with_kinds!(self, |of, fields| {
            let (rows, blocks) = (of.rows.as_slice(), of.blocks.as_slice());
            sweep_dense(self.simd, DenseJob { rows, blocks, bits, largest, fields, up: &mut self.up, n, rule, key })
        });
        self.last_flips = swept.flips;
        swept
    }

    fn sweep_at_random(&mut self, rule: Rule, key: StreamKey) -> DenseSwept {
        self.freshen();
        let rule = self.rule_in_steps(rule);
        if let Some(swept) = self.visit_by_high_parts(Visit::AtRandom(rule, key)) {
            return swept;
        }
        let n = self.dense.n_free();
        with_kinds!(self, |of, fields| visit_at_random(of.rows.as_slice(), fields, &mut self.up, n, rule, key))
    }
}

/// The couplings of byte rows as bits, if they all have one size.
fn bit_rows(dense: &DensePlan) -> Option<BitRows> {
    let DenseRows::I8(of) = &dense.rows else { return None };
    let size = of.rows.as_slice().iter().map(|w| w.unsigned_abs()).max().filter(|&size| size > 0)?;
    let rows = || of.rows.as_slice().chunks_exact(dense.stride).enumerate();
    let couplings = rows().flat_map(|(p, row)| row.iter().enumerate().filter(|&(_, &w)| w != 0).map(move |(j, &w)| (p, j, w)));
    if couplings.clone().any(|(.., w)| w.unsigned_abs() != size) {
        return None;
    }
    let is_signed = couplings.clone().any(|(.., w)| w < 0);
    Some(BitRows::of_couplings(dense.stride, is_signed, 2 * i32::from(size), couplings.map(|(p, j, w)| (p, j, w < 0))))
}

/// Visits `n` uniformly drawn spins; each block of 1,024 visits has its own stream.
fn visit_at_random<F: DenseField, W: DenseCoupling<F>>(
    rows: &[W],
    fields: &mut [F],
    up: &mut [u16],
    n: usize,
    rule: FloatRule,
    key: StreamKey,
) -> DenseSwept {
    let mut swept = DenseSwept::default();
    for block in 0..n.div_ceil(BLOCK) {
        let mut stream = key.block(block as u32).stream();
        for _ in block * BLOCK..n.min((block + 1) * BLOCK) {
            let p = stream.below(n as u64) as usize;
            let bits = (stream.bits() >> 32) as u32;
            let was_up = up[p / GROUP] >> (p % GROUP) & 1 == 1;
            let field = fields[p].to_f64();
            let aligned = if was_up { field } else { -field };
            // Fields are exact in f32: integers are small, floats are f32.
            if decide_float(rule, aligned as f32, bits) {
                swept.aligned += aligned;
                swept.flips += 1;
                up[p / GROUP] ^= 1 << (p % GROUP);
                push_dense(rows, fields, p, !was_up);
            }
        }
    }
    swept
}

impl SpinSampler for DenseSampler {
    fn plan(&self) -> &Arc<SpinPlan> {
        &self.plan
    }

    fn n_replicas(&self) -> usize {
        1
    }

    fn set_betas(&mut self, betas: &[f64]) {
        assert!(betas.len() == 1 && betas[0] >= 0.0, "inverse temperatures {betas:?} for one replica");
        self.beta = betas[0];
    }

    fn sweep(&mut self, rule: Rule, scan: Scan, key: SweepKey) {
        if self.sweeps_since_refresh == SWEEPS_PER_REFRESH && matches!(self.fields, Fields::F32(_)) {
            self.audit();
        }
        self.sweeps_since_refresh += 1;
        let key = key.stream_key();
        let swept = match scan {
            Scan::Colours | Scan::Sequential => self.walk(rule, key),
            Scan::Random => self.sweep_at_random(rule, key),
        };
        self.energy += 2.0 * swept.aligned;
        self.counts.attempts += self.dense.n_free() as u64;
        self.counts.flips += swept.flips;
    }

    /// With rounded couplings the energy is evaluated afresh with the true ones.
    fn energies(&mut self, out: &mut [f64]) {
        assert_eq!(out.len(), 1, "one energy a replica");
        out[0] = if self.dense.is_exact {
            self.energy * f64::from(self.dense.unit) + self.clamped_energy()
        } else {
            let mut spins = vec![0; self.plan.n_spins()];
            self.read_spins(0, &mut spins);
            self.plan.energy(&spins)
        };
    }

    fn is_up(&self, slot: usize, replica: usize) -> bool {
        assert_eq!(replica, 0, "one replica");
        match self.position.get(slot) {
            Some(&p) => self.is_up_at(p as usize),
            None => self.clamped[slot - self.position.len()] > 0,
        }
    }

    fn flip(&mut self, slot: usize, replica: usize) {
        assert_eq!(replica, 0, "one replica");
        let Some(&p) = self.position.get(slot) else {
            let s = &mut self.clamped[slot - self.position.len()];
            *s = -*s;
            self.rebuild();
            return;
        };
        self.freshen();
        let p = p as usize;
        if let Some(swept) = self.visit_by_high_parts(Visit::Flip(p)) {
            self.energy += 2.0 * swept.aligned;
            return;
        }
        let was_up = self.is_up_at(p);
        self.up[p / GROUP] ^= 1 << (p % GROUP);
        let field = with_kinds!(self, |of, fields| {
            let field = fields[p].to_f64();
            push_dense(of.rows.as_slice(), fields, p, !was_up);
            field
        });
        self.energy += if was_up { 2.0 * field } else { -2.0 * field };
    }

    fn write_spins(&mut self, replica: usize, spins: &[i8]) {
        assert_eq!(replica, 0, "one replica");
        assert_eq!(spins.len(), self.plan.n_spins(), "one spin a slot");
        let (free, clamped) = spins.split_at(self.plan.n_free());
        self.up.fill(0);
        for (&s, &p) in free.iter().zip(&self.position) {
            self.up[p as usize / GROUP] |= u16::from(s > 0) << (p as usize % GROUP);
        }
        self.clamped.copy_from_slice(clamped);
        self.rebuild();
    }

    /// Float caches are recomputed; exact ones are only checked, once in [`REFRESHES_PER_AUDIT`] times.
    fn refresh(&mut self) {
        self.refreshes += 1;
        if matches!(self.fields, Fields::F32(_)) || self.refreshes.is_multiple_of(REFRESHES_PER_AUDIT) {
            self.audit();
        } else if let (Fields::High(_), DenseRows::F32(of)) = (&self.fields, &self.dense.rows) {
            self.energy = self.true_energy(of.rows.as_slice());
        }
    }

    fn select_replicas(&mut self, from: &[u32]) {
        assert_eq!(from, [0], "one replica");
    }

    fn has_independent_replicas(&self) -> bool {
        true
    }

    fn counts(&self) -> SweepCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests;
