//! One replica of a sparse spin system, for live scenes: local fields kept, only flips touch neighbours.
//!
//! Fields are integers where the plan has a unit, and the sampler then is exact for ever: fields and
//! energy follow each flip without rounding. Otherwise fields are f32 and drift by rounding;
//! [`SpinSampler::refresh`] recomputes them, and sweeps do so themselves after every
//! [`SWEEPS_PER_REFRESH`], so that a resumed run that refreshes at the same steps has the same bits.

use std::sync::Arc;

use crate::kernels::replica::{
    AcceptTable, BitRows, Flips, FloatRule, GROUP, NO_FLIPS, Regions, ReplicaRows, State, Swept, apply_flips, decide_float, decide_int,
    sweep_bits, sweep_bytes, sweep_floats, sweep_ints,
};
use crate::kernels::simd::Simd;
use crate::plan::SpinPlan;
use crate::random::{BLOCK, StreamKey, Xoshiro8};

use super::int_fields::{IntFields, listed};
use super::sampler::{Rule, Scan, SpinSampler, SweepCounts, SweepKey};

/// Sweeps after which f32 fields are recomputed, counted from the last refresh.
pub const SWEEPS_PER_REFRESH: u32 = 1024;

/// Calls of [`SpinSampler::refresh`] after which exact caches are checked against a full recompute.
pub const REFRESHES_PER_AUDIT: u32 = 256;

/// Spins from which threads share a sweep unless told otherwise: below, waking them costs what they save.
pub const SHARE_FROM: usize = 400_000;

/// A spin engine of one replica.
#[derive(Clone, Debug)]
pub struct ReplicaSampler {
    plan: Arc<SpinPlan>,
    rows: ReplicaRows,
    simd: Simd,
    beta: f64,
    /// One mask a group of positions; a set bit is +1.
    up: Vec<u16>,
    cache: Cache,
    flips: Box<Flips>,
    /// Free positions in neuron order, made by the first sequential scan.
    in_neuron_order: Vec<u32>,
    sweeps_since_refresh: u32,
    refreshes: u32,
    counts: SweepCounts,
    /// Positions from which the threads of the pool share a sweep.
    share_from: usize,
    /// How they do, and for how many threads.
    regions: Option<(usize, Regions)>,
}

/// Local fields by position (of free spins; others hold 0), and the energy that goes with them.
#[derive(Clone, Debug)]
enum Cache {
    Ints {
        unit: f64,
        fields: IntFields,
        /// Energy without the offset, in units.
        energy: i64,
        table: AcceptTable,
        table_is_for: Option<(Rule, f64)>,
        /// Couplings as bits, for sweeps in which pushing all flips costs more.
        bits: Option<BitRows>,
        /// True after such a sweep: fields are to be made from the bits before they are read.
        is_stale: bool,
        /// Flips of the last sweep in colour order.
        last_flips: u64,
    },
    Floats {
        fields: Vec<f32>,
        /// Energy with the offset.
        energy: f64,
    },
}

impl ReplicaSampler {
    /// All spins -1 at beta = 1, executed by `simd` (which decides speed alone).
    ///
    /// # Panics
    /// If the processor lacks the backend.
    pub fn new(plan: Arc<SpinPlan>, simd: Simd) -> Self {
        assert!(simd.is_available(), "no {} on this processor", simd.name());
        let rows = ReplicaRows::new(&plan);
        let n = rows.n_positions();
        let cache = match rows.unit() {
            Some(unit) => {
                let bits = BitRows::new(&plan, &rows);
                Cache::Ints {
                    unit: f64::from(unit),
                    fields: IntFields::new(&rows, bits.is_some()),
                    energy: 0,
                    table: AcceptTable::default(),
                    table_is_for: None,
                    bits,
                    is_stale: false,
                    last_flips: 0,
                }
            }
            None => Cache::Floats { fields: vec![0.0; n], energy: 0.0 },
        };
        let mut sampler = ReplicaSampler {
            plan,
            rows,
            simd,
            beta: 1.0,
            up: vec![0; n / GROUP],
            cache,
            flips: Box::new(NO_FLIPS),
            in_neuron_order: Vec::new(),
            sweeps_since_refresh: 0,
            refreshes: 0,
            counts: SweepCounts::default(),
            share_from: SHARE_FROM,
            regions: None,
        };
        sampler.rebuild();
        sampler
    }

    /// Lets the threads of the current rayon pool share colour sweeps from `n_spins` on; decides speed alone.
    pub fn share_sweeps_from(&mut self, n_spins: usize) {
        self.share_from = n_spins;
    }

    /// True if local fields are integers.
    pub fn has_integer_fields(&self) -> bool {
        matches!(self.cache, Cache::Ints { .. })
    }

    /// The backend that executes sweeps.
    pub fn simd(&self) -> Simd {
        self.simd
    }

    /// Recomputes fields and energy from the spins, after asserting that the kept ones agree.
    ///
    /// # Panics
    /// If the kept energy differs by 1e-4 (1 + sum of |J| and |h|) or more (integers: at all), which is a bug.
    pub fn audit(&mut self) {
        self.freshen();
        let kept = self.cache.clone();
        self.rebuild();
        match (&kept, &self.cache) {
            (Cache::Ints { fields, energy, .. }, Cache::Ints { fields: full, energy: full_energy, .. }) => {
                assert_eq!(energy, full_energy, "kept and recomputed energy, in units");
                let n = self.rows.n_read();
                assert!(fields.agree(full, n), "kept and recomputed fields differ");
            }
            (Cache::Floats { energy, .. }, Cache::Floats { energy: full, .. }) => {
                // Rounding grows with the couplings, also where the energy they add up to is small.
                let strength: f64 = self.plan.weights.iter().map(|w| 0.5 * f64::from(w.abs())).sum::<f64>()
                    + self.plan.fields.iter().map(|h| f64::from(h.abs())).sum::<f64>();
                let limit = 1e-4 * (1.0 + strength);
                assert!((energy - full).abs() < limit, "kept energy {energy}, recomputed {full}: more than {limit} apart");
            }
            _ => {}
        }
    }

    /// The local field h + sum of J s that is kept for the free spin at `slot`.
    pub fn field(&mut self, slot: usize) -> f64 {
        self.freshen();
        let position = self.rows.position(slot);
        match &self.cache {
            Cache::Ints { unit, fields, .. } => unit * f64::from(fields.get(position)),
            Cache::Floats { fields, .. } => f64::from(fields[position]),
        }
    }

    /// Makes the fields from the bits of couplings if sweeps have left them stale.
    fn freshen(&mut self) {
        if let Cache::Ints { fields, bits: Some(bits), is_stale, .. } = &mut self.cache
            && std::mem::take(is_stale)
        {
            bits.fill(self.simd, 0..self.up.len(), &self.up, fields.words());
        }
    }

    /// Recomputes fields and energy from the spins.
    fn rebuild(&mut self) {
        self.sweeps_since_refresh = 0;
        let (plan, rows) = (&self.plan, &self.rows);
        let sign = |slot: usize| f64::from(spin(&self.up, rows.position(slot)));
        // The field in f64, in row order: exact for integers, rounded once for floats.
        let field = |slot: usize| {
            let (neighbours, weights) = plan.row(slot);
            f64::from(plan.fields[slot]) + neighbours.iter().zip(weights).map(|(&j, &w)| f64::from(w) * sign(j as usize)).sum::<f64>()
        };
        match &mut self.cache {
            Cache::Ints { unit, fields, energy, is_stale, .. } => {
                *is_stale = false;
                fields.clear_from(rows.n_read());
                let mut twice = 0_i64;
                for slot in 0..plan.n_spins() {
                    let in_units = (field(slot) / *unit) as i64;
                    let own = (f64::from(plan.fields[slot]) / *unit) as i64;
                    twice += (in_units + own) * i64::from(spin(&self.up, rows.position(slot)));
                    if slot < plan.n_free() {
                        fields.set(rows.position(slot), in_units as i32);
                    }
                }
                *energy = -twice / 2;
            }
            Cache::Floats { fields, energy } => {
                fields[rows.n_read()..].fill(0.0);
                let mut twice = 0.0;
                for slot in 0..plan.n_spins() {
                    let f = field(slot);
                    twice += (f + f64::from(plan.fields[slot])) * sign(slot);
                    if slot < plan.n_free() {
                        fields[rows.position(slot)] = f as f32;
                    }
                }
                *energy = plan.offset - 0.5 * twice;
            }
        }
    }

    /// Visits positions one after another, each with 32 bits of `next`.
    fn visit_each(&mut self, rule: Rule, positions: impl Iterator<Item = (u32, u32)>) -> Swept {
        self.freshen();
        let mut swept = Swept::default();
        let (rows, up) = (&self.rows, &mut self.up);
        match &mut self.cache {
            Cache::Ints { fields, table, .. } => {
                for (position, bits) in positions {
                    let level = fields.get(position as usize) * i32::from(spin(up, position as usize));
                    if decide_int(table, level, bits) {
                        fields.flip(rows, up, position);
                        swept.flips += 1;
                        swept.aligned.units += i64::from(level);
                    }
                }
            }
            Cache::Floats { fields, .. } => {
                let rule = float_rule(rule, self.beta);
                for (position, bits) in positions {
                    let aligned = fields[position as usize] * f32::from(spin(up, position as usize));
                    if decide_float(rule, aligned, bits) {
                        flip_position(rows, fields, up, position);
                        swept.flips += 1;
                        swept.aligned.energy += f64::from(aligned);
                    }
                }
            }
        }
        swept
    }

    fn sweep_colours(&mut self, rule: Rule, key: StreamKey) -> Swept {
        let n_threads = if self.rows.n_positions() >= self.share_from { rayon::current_num_threads() } else { 1 };
        if n_threads == 1 {
            self.regions = None;
        } else if self.regions.as_ref().is_none_or(|(threads, _)| *threads != n_threads) {
            self.regions = Some((n_threads, Regions::new(&self.rows, n_threads)));
        }
        let pulls = match &self.cache {
            // What a sweep will flip is what the last one did, about; either way the spins follow the same path.
            Cache::Ints { bits: Some(bits), last_flips, .. } => last_flips * self.rows.mean_degree() > bits.cost(self.simd),
            _ => false,
        };
        if !pulls {
            self.freshen();
        }
        let regions = self.regions.as_mut().map(|(_, regions)| regions);
        let (simd, rows, up, flips) = (self.simd, &self.rows, &mut self.up[..], &mut *self.flips);
        match &mut self.cache {
            Cache::Ints { fields, table, bits, is_stale, last_flips, .. } => {
                *is_stale = pulls;
                let swept = match (fields, bits) {
                    (IntFields::Bytes(fields), _) => sweep_bytes(simd, rows, table, State { fields, up, flips, regions }, key),
                    (IntFields::Words(fields), Some(bits)) if pulls => {
                        sweep_bits(simd, rows, table, bits, State { fields, up, flips, regions }, key)
                    }
                    (IntFields::Words(fields), _) => sweep_ints(simd, rows, table, State { fields, up, flips, regions }, key),
                };
                *last_flips = swept.flips;
                swept
            }
            Cache::Floats { fields, .. } => {
                sweep_floats(simd, rows, float_rule(rule, self.beta), State { fields, up, flips, regions }, key)
            }
        }
    }

    fn sweep_in_neuron_order(&mut self, rule: Rule, key: StreamKey) -> Swept {
        let mut order = std::mem::take(&mut self.in_neuron_order);
        if order.is_empty() {
            let n_free = self.plan.n_free();
            order = self.plan.slot.iter().filter(|&&s| (s as usize) < n_free).map(|&s| self.rows.position(s as usize) as u32).collect();
        }
        let swept = self.visit_each(rule, with_bits(&order, key));
        self.in_neuron_order = order;
        swept
    }

    fn sweep_at_random(&mut self, rule: Rule, key: StreamKey) -> Swept {
        let n_free = self.plan.n_free();
        let positions: Vec<u32> = (0..n_free).map(|slot| self.rows.position(slot) as u32).collect();
        let visits = (0..n_free.div_ceil(BLOCK)).flat_map(|block| {
            let mut stream = key.block(block as u32).stream();
            let positions = &positions;
            (block * BLOCK..n_free.min((block + 1) * BLOCK)).map(move |_| {
                let position = positions[stream.below(n_free as u64) as usize];
                (position, (stream.bits() >> 32) as u32)
            })
        });
        self.visit_each(rule, visits)
    }

    /// Makes the thresholds of integer levels for `rule` at the present beta.
    fn prepare_table(&mut self, rule: Rule) {
        if let Cache::Ints { unit, table, table_is_for, .. } = &mut self.cache
            && *table_is_for != Some((rule, self.beta))
        {
            match rule {
                Rule::Metropolis => table.set_metropolis(self.beta * *unit, self.rows.max_units()),
                Rule::HeatBath => table.set_heat_bath(self.beta * *unit, self.rows.max_units()),
            }
            *table_is_for = Some((rule, self.beta));
        }
    }
}

impl SpinSampler for ReplicaSampler {
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
        if self.sweeps_since_refresh == SWEEPS_PER_REFRESH && !self.has_integer_fields() {
            self.audit();
        }
        self.sweeps_since_refresh += 1;
        self.prepare_table(rule);
        let key = key.stream_key();
        let swept = match scan {
            Scan::Colours => self.sweep_colours(rule, key),
            Scan::Sequential => self.sweep_in_neuron_order(rule, key),
            Scan::Random => self.sweep_at_random(rule, key),
        };
        match &mut self.cache {
            Cache::Ints { energy, .. } => *energy += 2 * swept.aligned.units,
            Cache::Floats { energy, .. } => *energy += 2.0 * swept.aligned.energy,
        }
        self.counts.attempts += self.plan.n_free() as u64;
        self.counts.flips += swept.flips;
    }

    fn energies(&mut self, out: &mut [f64]) {
        assert_eq!(out.len(), 1, "one energy a replica");
        out[0] = match &self.cache {
            Cache::Ints { unit, energy, .. } => self.plan.offset + unit * *energy as f64,
            Cache::Floats { energy, .. } => *energy,
        };
    }

    fn is_up(&self, slot: usize, replica: usize) -> bool {
        assert_eq!(replica, 0, "one replica");
        spin(&self.up, self.rows.position(slot)) > 0
    }

    fn read_spins(&self, replica: usize, spins: &mut [i8]) {
        assert!(replica == 0 && spins.len() == self.plan.n_spins(), "{} spins of replica {replica}", spins.len());
        for (slot, s) in spins.iter_mut().enumerate() {
            *s = spin(&self.up, self.rows.position(slot));
        }
    }

    fn magnetisations(&self, out: &mut [i64]) {
        assert_eq!(out.len(), 1, "one sum a replica");
        // Padding is never up.
        let n_up: u32 = self.up.iter().map(|group| group.count_ones()).sum();
        out[0] = 2 * i64::from(n_up) - self.plan.n_spins() as i64;
    }

    fn flip(&mut self, slot: usize, replica: usize) {
        assert_eq!(replica, 0, "one replica");
        let position = self.rows.position(slot);
        if slot >= self.plan.n_free() {
            // No field is kept for clamped spins.
            self.up[position / GROUP] ^= 1 << (position % GROUP);
            self.rebuild();
            return;
        }
        self.freshen();
        let s = spin(&self.up, position);
        match &mut self.cache {
            Cache::Ints { fields, energy, .. } => {
                *energy += 2 * i64::from(fields.get(position)) * i64::from(s);
                fields.flip(&self.rows, &mut self.up, position as u32);
            }
            Cache::Floats { fields, energy } => {
                *energy += 2.0 * f64::from(fields[position]) * f64::from(s);
                flip_position(&self.rows, fields, &mut self.up, position as u32);
            }
        }
    }

    fn write_spins(&mut self, replica: usize, spins: &[i8]) {
        assert_eq!(replica, 0, "one replica");
        assert_eq!(spins.len(), self.plan.n_spins(), "one spin a slot");
        self.up.fill(0);
        for (slot, &s) in spins.iter().enumerate() {
            let position = self.rows.position(slot);
            self.up[position / GROUP] |= u16::from(s > 0) << (position % GROUP);
        }
        self.rebuild();
    }

    /// Float caches are recomputed; exact ones are only checked, once in [`REFRESHES_PER_AUDIT`] times.
    fn refresh(&mut self) {
        self.refreshes += 1;
        if !self.has_integer_fields() || self.refreshes.is_multiple_of(REFRESHES_PER_AUDIT) {
            self.audit();
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

/// The spin at `position`, +1 or -1.
#[inline]
fn spin(up: &[u16], position: usize) -> i8 {
    if up[position / GROUP] >> (position % GROUP) & 1 == 1 { 1 } else { -1 }
}

#[inline]
fn flip_position(rows: &ReplicaRows, fields: &mut [f32], up: &mut [u16], position: u32) {
    apply_flips(rows, fields, &[listed(up, position)]);
    up[position as usize / GROUP] ^= 1 << (position as usize % GROUP);
}

/// The rule in f32; zero temperature becomes the largest finite beta, so that free spins stay free.
pub(super) fn float_rule(rule: Rule, beta: f64) -> FloatRule {
    let two_beta = (2.0 * beta).min(f64::from(f32::MAX)) as f32;
    match rule {
        Rule::Metropolis => FloatRule::Metropolis(two_beta),
        Rule::HeatBath => FloatRule::HeatBath(two_beta),
    }
}

/// Positions with 32 random bits each, one stream per 1,024 visits.
fn with_bits(order: &[u32], key: StreamKey) -> impl Iterator<Item = (u32, u32)> {
    order.chunks(BLOCK).enumerate().flat_map(move |(block, visits)| {
        let mut random = Xoshiro8::from_key(key.block(block as u32));
        visits.chunks(16).flat_map(move |group| {
            let words = random.next_words();
            group.iter().enumerate().map(move |(k, &position)| (position, (words[k / 2] >> (32 * (k % 2))) as u32))
        })
    })
}

#[cfg(test)]
mod tests;
