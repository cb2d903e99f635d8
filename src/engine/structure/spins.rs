//! Live spins on a wiring that is sampled with them: E(J, s) = -sum J s s - sum h s.
//!
//! Structure moves and sweeps of the spins at one temperature leave the joint distribution of wiring, couplings and spins as it is:
//! pi(S, J, s) ~ exp(-(E + cost)/T) prior(S) slab(J). A move of one coupling costs O(1), a flip O(degree).
//!
//! While the spins stay, what a coupling changes the energy by needs no field and no row: moves are only noted, and rows and fields
//! follow before the next flip, all changes together in the order of candidates, so that a walk does not wander through the rows.

use std::sync::Arc;

use rayon::prelude::*;

use crate::kernels::prefetch::prefetch;
use crate::math;
use crate::random::{BLOCK, StreamKey};

use super::candidates::Candidates;
use super::energy::StructureEnergy;
use super::slack_rows::{Chunk, ROWS_PER_CHUNK, SlackRows};
use super::state::Structure;

/// Rows whose fields one task computes at least.
const ROWS_PER_TASK: usize = 1 << 12;
/// Changes of couplings whose memory is asked for together before they are made.
const AHEAD: usize = 32;
/// Changes from which on several threads make them.
const MANY: usize = 1 << 11;

/// Spins and their couplings.
#[derive(Clone, Debug)]
pub struct LiveSpins {
    candidates: Arc<Candidates>,
    /// J by candidate; 0 of dead ones.
    couplings: Vec<f32>,
    /// J by neuron, as they were when all was settled last; what is not there is 0.
    rows: SlackRows,
    biases: Vec<f32>,
    /// +1 or -1.
    spins: Vec<i8>,
    is_clamped: Vec<bool>,
    /// f_i = h_i + sum J_ij s_j, with the couplings that the rows have.
    fields: Vec<f64>,
    energy: f64,
    pending: ([(u32, f32); 2], usize, f64),
    /// Candidates whose couplings have changed since rows and fields were settled, in the order in which they did.
    unsettled: Vec<u32>,
    /// Those that had changed before, in no order.
    touched: Vec<u32>,
}

impl LiveSpins {
    /// Spins with fields `biases`, coupled as `structure` has them; clamped ones never flip (empty: none is).
    ///
    /// # Panics
    /// If the candidates are directed, the lengths differ, or a spin is neither +1 nor -1.
    pub fn new(structure: &Structure, biases: Vec<f32>, spins: Vec<i8>, is_clamped: Vec<bool>) -> Self {
        let candidates = Arc::clone(structure.candidates());
        let n = candidates.n_neurons();
        assert!(candidates.is_symmetric(), "couplings of spins are symmetric, the candidates are directed");
        let mut rows = SlackRows::with_room((0..n as u32).map(|i| structure.fan_in(i)));
        // Candidates come by their upper neuron, then by their lower one: first all lower neighbours of a row, then the upper ones.
        for (c, w) in structure.living() {
            let (i, j) = candidates.pair(c);
            rows.push(i, j, w);
            rows.push(j, i, w);
        }
        let mut live = LiveSpins {
            candidates,
            couplings: structure.weights().to_vec(),
            rows,
            biases: Vec::new(),
            spins: Vec::new(),
            is_clamped: Vec::new(),
            fields: vec![0.0; n],
            energy: 0.0,
            pending: ([(0, 0.0); 2], 0, 0.0),
            unsettled: Vec::new(),
            touched: Vec::new(),
        };
        live.place(biases, spins, is_clamped);
        live
    }

    /// Lets the spins be `spins` and their fields `biases`, and computes everything anew; clamped ones never flip (empty: none is).
    ///
    /// # Panics
    /// If the lengths differ or a spin is neither +1 nor -1.
    pub fn place(&mut self, biases: Vec<f32>, spins: Vec<i8>, is_clamped: Vec<bool>) {
        let n = self.fields.len();
        assert_eq!((biases.len(), spins.len()), (n, n), "biases and spins of {n} neurons");
        assert!(spins.iter().all(|s| s.abs() == 1), "a spin is +1 or -1");
        let is_clamped = if is_clamped.is_empty() { vec![false; n] } else { is_clamped };
        assert_eq!(is_clamped.len(), n, "clamps of {n} neurons");
        (self.biases, self.spins, self.is_clamped) = (biases, spins, is_clamped);
        self.settle(false);
        self.compute();
    }

    /// The candidates whose couplings have changed since this was asked last, in order, each once.
    pub fn take_touched(&mut self) -> Vec<u32> {
        self.settle(true);
        let mut touched = std::mem::take(&mut self.touched);
        touched.par_sort_unstable();
        touched.dedup();
        touched
    }

    /// -sum h s.
    pub fn field_energy(&self) -> f64 {
        -self.biases.iter().zip(&self.spins).map(|(&h, &s)| f64::from(h) * f64::from(s)).sum::<f64>()
    }

    /// J by neuron: the neighbours of each, in order. Couplings that live and are 0 may be missing.
    ///
    /// # Panics
    /// If couplings have changed since the last refreshing or sweep.
    pub fn rows(&self) -> &SlackRows {
        assert!(self.unsettled.is_empty(), "{} couplings have changed since the rows were settled", self.unsettled.len());
        &self.rows
    }

    /// The spins.
    pub fn spins(&self) -> &[i8] {
        &self.spins
    }

    /// Clamps all spins where they are.
    pub fn hold_spins(&mut self) {
        self.is_clamped.fill(true);
    }

    /// One after another, each spin from its distribution given all others at temperature `t` (heat bath); at 0 along its field,
    /// and either way where there is none.
    pub fn sweep(&mut self, t: f64, key: StreamKey) {
        self.settle(true);
        let mut stream = key.stream();
        for i in 0..self.spins.len() {
            if i.is_multiple_of(BLOCK) {
                stream = key.block((i / BLOCK) as u32).stream();
            }
            let u = stream.uniform();
            if self.is_clamped[i] {
                continue;
            }
            let field = self.fields[i];
            let up = if t > 0.0 {
                math::sigmoid(2.0 * field / t)
            } else {
                0.5 + 0.5 * field.partial_cmp(&0.0).map_or(0.0, |o| f64::from(o as i8))
            };
            let spin = if u < up { 1 } else { -1 };
            if spin != self.spins[i] {
                self.flip(i as u32);
            }
        }
    }

    fn flip(&mut self, i: u32) {
        let s = -self.spins[i as usize];
        self.spins[i as usize] = s;
        self.energy -= 2.0 * f64::from(s) * self.fields[i as usize];
        let (neighbours, weights) = self.rows.row(i);
        for (&j, &w) in neighbours.iter().zip(weights) {
            self.fields[j as usize] += 2.0 * f64::from(w) * f64::from(s);
        }
    }

    /// Lets the rows follow the couplings, and the fields too unless they are computed anew anyway.
    fn settle(&mut self, with_fields: bool) {
        if self.unsettled.is_empty() {
            return;
        }
        // 1. What has changed, in order.
        let mut changed = std::mem::take(&mut self.unsettled);
        changed.par_sort_unstable();
        changed.dedup();
        // 2. By chunks of rows: candidates come by their upper neuron, the lower ones are sorted out.
        let LiveSpins { candidates, couplings, rows, fields, spins, .. } = self;
        let mut by_lower: Vec<Vec<u32>> = vec![Vec::new(); rows.n_rows().div_ceil(ROWS_PER_CHUNK)];
        changed.iter().for_each(|&c| by_lower[candidates.pair(c).0 as usize / ROWS_PER_CHUNK].push(c));
        let first_above = |row: usize| changed.partition_point(|&c| (candidates.pair(c).1 as usize) < row);
        // 3. Chunks share neither rows nor fields.
        let settle = |(k, (rows, fields)): (usize, (&mut Chunk, &mut [f64]))| {
            let first = k * ROWS_PER_CHUNK;
            let by_upper = &changed[first_above(first)..first_above(first + ROWS_PER_CHUNK)];
            for (changed, is_upper) in [(by_upper, true), (&by_lower[k], false)] {
                let ends = |c: u32| {
                    let (lower, upper) = candidates.pair(c);
                    if is_upper { (upper - first as u32, lower) } else { (lower - first as u32, upper) }
                };
                for changed in changed.chunks(AHEAD) {
                    rows.warm(changed.iter().map(|&c| ends(c).0));
                    for &c in changed {
                        let ((row, other), w) = (ends(c), couplings[c as usize]);
                        // A living coupling may be 0: then its place in the row is as good as empty.
                        let before = if w == 0.0 { rows.take(row, other) } else { rows.set(row, other, w) };
                        if with_fields {
                            let d = f64::from(w) - f64::from(before.unwrap_or(0.0));
                            fields[row as usize] += d * f64::from(spins[other as usize]);
                        }
                    }
                }
            }
        };
        if changed.len() < MANY {
            rows.chunks_mut().iter_mut().zip(fields.chunks_mut(ROWS_PER_CHUNK)).enumerate().for_each(settle);
        } else {
            rows.chunks_mut().par_iter_mut().zip(fields.par_chunks_mut(ROWS_PER_CHUNK)).enumerate().for_each(settle);
        }
        if self.touched.is_empty() {
            self.touched = changed;
        } else {
            self.touched.append(&mut changed);
        }
    }

    fn compute(&mut self) {
        let LiveSpins { rows, biases, spins, fields, .. } = self;
        let (rows, biases, spins) = (&*rows, &*biases, &*spins);
        let of_row = |(i, field): (usize, &mut f64)| {
            let (neighbours, weights) = rows.row(i as u32);
            let sum = neighbours.iter().zip(weights).map(|(&j, &w)| f64::from(w) * f64::from(spins[j as usize])).sum::<f64>();
            *field = f64::from(biases[i]) + sum;
        };
        fields.par_iter_mut().with_min_len(ROWS_PER_TASK).enumerate().for_each(of_row);
        // The sum goes over all rows in order, whoever computed them.
        let mut twice = 0.0;
        for ((&field, &h), &s) in fields.iter().zip(biases).zip(spins) {
            twice -= f64::from(s) * (field + f64::from(h));
        }
        self.energy = 0.5 * twice;
    }
}

impl StructureEnergy for LiveSpins {
    fn n_candidates(&self) -> usize {
        self.candidates.len()
    }

    fn energy(&self) -> f64 {
        self.energy
    }

    fn propose(&mut self, changes: &[(u32, f32)], _: f64) -> Option<f64> {
        let mut sum = 0.0;
        for (place, &(c, w)) in changes.iter().enumerate() {
            self.pending.0[place] = (c, w);
            sum -= (f64::from(w) - f64::from(self.couplings[c as usize])) * self.product(c);
        }
        (self.pending.1, self.pending.2) = (changes.len(), sum);
        Some(sum)
    }

    fn warm(&self, candidates: &[u32]) {
        for &c in candidates {
            self.candidates.ask_for(c);
            prefetch(&self.couplings[c as usize]);
        }
        for (i, j) in candidates.iter().map(|&c| self.candidates.pair(c)) {
            prefetch(&self.spins[i as usize]);
            prefetch(&self.spins[j as usize]);
        }
    }

    fn accept(&mut self) {
        let (changes, n, change) = self.pending;
        for &(c, w) in &changes[..n] {
            self.couplings[c as usize] = w;
            self.unsettled.push(c);
        }
        self.energy += change;
        self.pending.1 = 0;
    }

    fn reject(&mut self) {
        self.pending.1 = 0;
    }

    fn slopes(&mut self, out: &mut [f32]) -> bool {
        (0..out.len()).for_each(|c| out[c] = -self.product(c as u32) as f32);
        true
    }

    fn refresh(&mut self) -> f64 {
        let before = self.energy;
        self.settle(false);
        self.compute();
        (self.energy - before).abs()
    }

    /// Free spins either way.
    fn draw_others(&mut self, key: StreamKey) -> f64 {
        // A chain of its own: nobody writes its rows.
        self.touched.clear();
        self.sweep(f64::INFINITY, key);
        self.is_clamped.iter().filter(|c| !**c).count() as f64 * std::f64::consts::LN_2
    }

    /// One sweep.
    fn move_others(&mut self, t: f64, key: StreamKey) {
        self.sweep(t, key);
    }
}

impl LiveSpins {
    /// s_i s_j of a candidate.
    fn product(&self, candidate: u32) -> f64 {
        let (i, j) = self.candidates.pair(candidate);
        f64::from(self.spins[i as usize] * self.spins[j as usize])
    }
}
