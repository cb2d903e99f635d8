//! How a proposal goes through the neurons downstream, tile by tile, and becomes the state.

use std::ops::Range;

use crate::kernels::heat::{self, LANES};
use crate::kernels::units::activate_lanes;
use crate::plan::network::Unit;

use crate::engine::network::losses::Loss;
use crate::engine::network::units::activate;

use super::landscape::{LIST_TILE, Landscape, NONE, Scope, TILE, counts, score, signs_of};
use super::rows::add_terms;
use super::wiring::Site;

impl Landscape {
    /// The change of the loss over all samples; `None` as soon as it is sure to be above `limit`.
    pub(super) fn spread_whole(&mut self, neuron: usize, limit: f64) -> Option<f64> {
        self.over_tiles(limit, |it, tile, first, range| {
            it.spread(neuron, tile, range, false);
            it.score_tile(Some(neuron), first, range)
        })
    }

    /// The sum of what the losses of tiles of all samples change by, each as `change` finds it (given the tile, the first neuron that it
    /// touches, and the tile's lanes); `None` as soon as it is sure to be above `limit`, since no loss is below 0.
    pub(super) fn over_tiles(&mut self, limit: f64, mut change: impl FnMut(&mut Self, usize, usize, &Range<usize>) -> f64) -> Option<f64> {
        if self.are_tiles_stale {
            self.sum_tiles();
        }
        let mut left: f64 = self.tiles.iter().sum();
        let mut d_loss = 0.0;
        for tile in 0..self.tiles.len() {
            let range = tile * TILE..((tile + 1) * TILE).min(self.samples.n_lanes);
            let first = self.touched.len();
            d_loss += change(self, tile, first, &range);
            self.clear_touched(first);
            left -= self.tiles[tile];
            if d_loss - left > limit {
                return None;
            }
        }
        Some(d_loss)
    }

    /// What the loss of a tile of all samples changes by, with the neurons touched from number `first` on.
    pub(super) fn score_tile(&mut self, neuron: Option<usize>, first: usize, range: &Range<usize>) -> f64 {
        if self.loss == Loss::CrossEntropy { self.score_whole(range) } else { self.score_touched(neuron, first, range, None) }
    }

    /// As `spread_whole`, over the samples of the list.
    pub(super) fn spread_list(&mut self, neuron: usize, limit: f64) -> Option<f64> {
        for ((k, &lane), old) in self.list.iter().enumerate().zip(&mut self.old_losses) {
            *old = self.losses[lane as usize];
            if let Some(&class) = self.samples.classes.get(lane as usize) {
                self.listed_classes[k] = class;
            }
            self.d[k] = if k < self.n_listed { self.d[k] } else { 0.0 };
        }
        let mut left = heat::sum(self.simd, &self.old_losses[..self.list.len()], self.n_listed);
        let mut d_loss = 0.0;
        for (tile, start) in (0..self.list.len()).step_by(LIST_TILE).enumerate() {
            let range = start..(start + LIST_TILE).min(self.list.len());
            let first = self.touched.len();
            self.spread(neuron, tile, &range, true);
            let n_samples = self.n_listed.min(range.end) - start;
            d_loss += if self.loss == Loss::CrossEntropy {
                self.score_list(&range, n_samples)
            } else {
                self.score_touched(Some(neuron), first, &range, Some(n_samples))
            };
            self.clear_touched(first);
            left -= heat::sum(self.simd, &self.old_losses[range], n_samples);
            if d_loss - left > limit {
                return None;
            }
        }
        Some(d_loss)
    }

    /// Appends what the losses at these lanes change by if `site` becomes `value`; nothing is remembered.
    pub(super) fn changes_of(&mut self, site: Site, value: f32, lanes: &[u32], changes: &mut Vec<f32>) {
        self.forget();
        let (neuron, source) = self.wiring.ends(site);
        let it = self.wiring.neurons[neuron];
        self.shift(site, neuron, source, value);
        self.row_of[neuron] = 0;
        self.holders.push(neuron as u32);
        // 1. The list is the minibatch, whatever changed.
        self.list.clear();
        self.list.extend(lanes);
        self.n_listed = lanes.len();
        let n_lanes = self.samples.n_lanes;
        let first = self.wiring.neurons.len() * n_lanes;
        for (d, &lane) in self.d.iter_mut().zip(lanes) {
            let new = activate(it.unit, self.z[first + lane as usize], it.fan_in);
            *d = new - self.a[neuron * n_lanes + lane as usize];
            self.a[first + lane as usize] = new;
        }
        if let Some(&last) = lanes.last() {
            self.list.resize(lanes.len().next_multiple_of(LANES), last);
        }
        // 2. Its changes, tile by tile.
        self.spread_list(neuron, f64::INFINITY);
        changes.extend(self.new_losses.iter().zip(&self.old_losses).take(lanes.len()).map(|(new, old)| new - old));
        self.forget();
    }

    /// Sends the changes of `neuron` in one tile downstream.
    fn spread(&mut self, neuron: usize, tile: usize, range: &Range<usize>, is_list: bool) {
        self.push(neuron, tile, range, is_list);
        self.spread_on(neuron / 64, tile, range, is_list);
    }

    /// Goes through the neurons that wait, from word `word` of their bits on.
    pub(super) fn spread_on(&mut self, mut word: usize, tile: usize, range: &Range<usize>, is_list: bool) {
        // What a neuron feeds comes after it.
        while word < self.waiting.len() {
            let bits = self.waiting[word];
            if bits == 0 {
                word += 1;
                continue;
            }
            let next = word * 64 + bits.trailing_zeros() as usize;
            self.waiting[word] = bits & (bits - 1);
            if self.activate(next, range, is_list) {
                self.push(next, tile, range, is_list);
            }
        }
    }

    fn is_touched(&self, neuron: usize) -> bool {
        self.is_touched[neuron / 64] >> (neuron % 64) & 1 == 1
    }

    /// Ends a tile.
    pub(super) fn clear_touched(&mut self, first: usize) {
        for &(_, touched) in &self.touched[first..] {
            self.is_touched[touched as usize / 64] &= !(1 << (touched % 64));
        }
    }

    /// Adds what `neuron` changed by to the pre-activations of all that it feeds.
    fn push(&mut self, neuron: usize, tile: usize, range: &Range<usize>, is_list: bool) {
        let Landscape { wiring, parameters, samples, simd, z, a, d, list, .. } = self;
        let Landscape { row_of, holders, touched, waiting, is_touched, is_variable, .. } = self;
        let (lanes, n) = (samples.n_lanes, wiring.neurons.len());
        let own = row_of[neuron] as usize * lanes;
        wiring.each_output(neuron, |target, block, synapse| {
            let w = parameters.weights[block][synapse];
            if w == 0.0 && is_variable[block] {
                return;
            }
            // 1. Rows for the proposal.
            if row_of[target] == NONE {
                row_of[target] = holders.len() as u32;
                holders.push(target as u32);
                let n_rows = holders.len();
                if d.len() < n_rows * lanes {
                    z.resize((n + n_rows) * lanes, 0.0);
                    a.resize((n + n_rows) * lanes, 0.0);
                    d.resize(n_rows * lanes, 0.0);
                }
            }
            let at = (n + row_of[target] as usize) * lanes;
            let unit = wiring.neurons[target].unit;
            let change = own + range.start..own + range.end;
            let (state, proposal) = z.split_at_mut(n * lanes);
            let new = &mut proposal[at - n * lanes..][range.clone()];
            // 2. The first change starts from the state.
            let bit = 1 << (target % 64);
            let is_first = is_touched[target / 64] & bit == 0;
            if is_first {
                is_touched[target / 64] |= bit;
                waiting[target / 64] |= bit;
                touched.push((tile as u32, target as u32));
                let old = &state[target * lanes..(target + 1) * lanes];
                if is_list {
                    gather(old, &list[range.clone()], new);
                } else if unit.is_gate() {
                    new.copy_from_slice(&old[range.clone()]);
                } else {
                    return heat::shift(*simd, &old[range.clone()], Some(&d[change]), w, new);
                }
            }
            if !unit.is_gate() {
                return heat::add_scaled(*simd, new, &d[change], w);
            }
            // 3. A gate counts: the old input out, the new one in. The row of the neuron that was proposed is whole, and of a
            // stepped one only what it changed by is sure to be there; rows downstream are lists where there is one.
            let target = wiring.neurons[target];
            let bias = parameters.biases[target.layer][target.row];
            let is_proposed = row_of[neuron] == 0;
            let is_stepped = matches!(wiring.neurons[neuron].unit, Unit::Step | Unit::Sign);
            for (k, (z, d)) in range.clone().zip(new.iter_mut().zip(&d[change])) {
                let lane = if is_list { list[k] as usize } else { k };
                let old = a[neuron * lanes + lane];
                let new = match is_proposed {
                    true if is_stepped => old + d,
                    true => a[n * lanes + lane],
                    false => a[n * lanes + own + k],
                };
                *z += counts(w, new, bias) - counts(w, old, bias);
            }
        });
    }

    /// The activations of a touched neuron, and how they changed; false if they did not, or if nobody reads them.
    fn activate(&mut self, neuron: usize, range: &Range<usize>, is_list: bool) -> bool {
        let (lanes, n) = (self.samples.n_lanes, self.wiring.neurons.len());
        let it = self.wiring.neurons[neuron];
        if it.is_leaf && self.scores_z {
            return false;
        }
        let row = self.row_of[neuron] as usize * lanes;
        let at = n * lanes + row + range.start..n * lanes + row + range.end;
        let (state, proposal) = self.a.split_at_mut(n * lanes);
        let new = &mut proposal[row..][range.clone()];
        activate_lanes(self.simd, it.unit, it.fan_in, &self.z[at], new);
        if it.is_leaf {
            return false;
        }
        let old = &state[neuron * lanes..(neuron + 1) * lanes];
        let old = if is_list {
            gather(old, &self.list[range.clone()], &mut self.gathered[..range.len()]);
            &self.gathered[..range.len()]
        } else {
            &old[range.clone()]
        };
        let words = &mut self.moved_downstream[..range.len() / LANES];
        heat::differences(self.simd, new, old, &mut self.d[row + range.start..row + range.end], words) > 0
    }

    /// The losses of a tile where they are sums over outputs: only outputs that changed are looked at. `n_listed` is the number of
    /// samples of a tile of the list.
    fn score_touched(&mut self, neuron: Option<usize>, first: usize, range: &Range<usize>, n_listed: Option<usize>) -> f64 {
        let (lanes, n, len) = (self.samples.n_lanes, self.wiring.neurons.len(), range.len());
        let rows = if self.scores_z { &self.z } else { &self.a };
        let [plus, minus, old, new, wanted] = &mut self.terms;
        plus[..len].fill(0.0);
        minus[..len].fill(0.0);
        let touched = self.touched[first..].iter().map(|&(_, t)| t as usize);
        for output in touched.chain(neuron).filter(|&o| self.wiring.neurons[o].is_output) {
            let row = n + self.row_of[output] as usize;
            let targets = &self.samples.targets[self.wiring.neurons[output].output * lanes..][..lanes];
            let (now, next) = (&rows[output * lanes..(output + 1) * lanes], &rows[row * lanes..(row + 1) * lanes]);
            let (old, new, wanted) = if n_listed.is_some() {
                let list = &self.list[range.clone()];
                gather(now, list, &mut old[..len]);
                gather(targets, list, &mut wanted[..len]);
                // The row of the neuron that was proposed is whole, those of neurons downstream are lists.
                if Some(output) == neuron {
                    gather(next, list, &mut new[..len])
                } else {
                    new[..len].copy_from_slice(&next[range.clone()])
                }
                (&old[..len], &new[..len], &wanted[..len])
            } else {
                (&now[range.clone()], &next[range.clone()], &targets[range.clone()])
            };
            add_terms(self.loss, new, wanted, &mut plus[..len]);
            add_terms(self.loss, old, wanted, &mut minus[..len]);
        }
        let n_outputs = self.wiring.outputs.len() as f32;
        let before = if n_listed.is_some() { &self.old_losses[range.clone()] } else { &self.losses[range.clone()] };
        let losses = &mut self.new_losses[range.clone()];
        for (((loss, before), plus), minus) in losses.iter_mut().zip(before).zip(plus).zip(minus) {
            *loss = before + (*plus - *minus) / n_outputs;
        }
        let n_samples = n_listed.unwrap_or(self.samples.n_samples.min(range.end) - range.start.min(self.samples.n_samples));
        heat::difference(self.simd, losses, before, n_samples)
    }

    fn score_whole(&mut self, range: &Range<usize>) -> f64 {
        let (lanes, n) = (self.samples.n_lanes, self.wiring.neurons.len());
        for k in 0..self.starts.len() {
            let output = self.wiring.outputs[k];
            let row = self.row_of[output];
            let is_new = row == 0 || self.is_touched(output);
            self.starts[k] = if is_new { n + row as usize } else { output } * lanes + range.start;
        }
        let outputs = if self.scores_z { &self.z } else { &self.a };
        let classes = self.samples.classes.get(range.clone()).unwrap_or(&[]);
        let targets = |k: usize| &self.samples.targets[k * lanes + range.start..k * lanes + range.end];
        score(self.simd, self.loss, (outputs, &self.starts), classes, targets, &mut self.new_losses[range.clone()]);
        let n_samples = self.samples.n_samples.min(range.end) - range.start.min(self.samples.n_samples);
        heat::difference(self.simd, &self.new_losses[range.clone()], &self.losses[range.clone()], n_samples)
    }

    fn score_list(&mut self, range: &Range<usize>, n_samples: usize) -> f64 {
        let (lanes, n, len) = (self.samples.n_lanes, self.wiring.neurons.len(), range.len());
        let rows = if self.scores_z { &self.z } else { &self.a };
        let list = &self.list[range.clone()];
        for (k, &output) in self.wiring.outputs.iter().enumerate() {
            let room = &mut self.listed_outputs[k * LIST_TILE..k * LIST_TILE + len];
            // The row of the neuron that was proposed is whole, those of neurons downstream are lists.
            let row = self.row_of[output];
            let is_touched = self.is_touched[output / 64] >> (output % 64) & 1 == 1;
            if is_touched && row != 0 {
                let start = (n + row as usize) * lanes + range.start;
                room.copy_from_slice(&rows[start..start + len]);
            } else {
                let from = if row == 0 { n } else { output } * lanes;
                gather(&rows[from..from + lanes], list, room);
            }
            self.starts[k] = k * LIST_TILE;
        }
        for (k, row) in self.samples.targets.chunks_exact(lanes).enumerate() {
            gather(row, list, &mut self.listed_targets[k * LIST_TILE..k * LIST_TILE + len]);
        }
        let targets = |k: usize| &self.listed_targets[k * LIST_TILE..k * LIST_TILE + len];
        let losses = &mut self.new_losses[range.clone()];
        let classes = if self.samples.classes.is_empty() { &[] } else { &self.listed_classes[range.clone()] };
        score(self.simd, self.loss, (&self.listed_outputs, &self.starts), classes, targets, losses);
        heat::difference(self.simd, losses, &self.old_losses[range.clone()], n_samples)
    }

    /// Makes the last proposal the state.
    ///
    /// # Panics
    /// If there is none, or it was refused.
    pub fn accept(&mut self) {
        if let Some((changes, d_loss)) = self.together.take() {
            return self.accept_together(&changes, d_loss);
        }
        let pending = self.pending.take().expect("a proposal that was not refused");
        let (lanes, n) = (self.samples.n_lanes, self.wiring.neurons.len());
        self.set(pending.site, pending.value);
        if self.wiring.neurons[pending.neuron].unit.is_gate() {
            self.wiring.neurons[pending.neuron].fan_in = self.living_fan_in(pending.neuron);
        }
        self.total += pending.d_loss;
        // 1. The neuron that was proposed.
        let row = pending.neuron * lanes..(pending.neuron + 1) * lanes;
        if self.row_of[pending.neuron] == 0 {
            self.z.copy_within(n * lanes..(n + 1) * lanes, row.start);
            let switches = matches!(self.wiring.neurons[pending.neuron].unit, Unit::Step | Unit::Sign);
            if switches {
                let signs = &mut self.signs[row.start / LANES..row.end / LANES];
                signs.iter_mut().zip(&self.moved).for_each(|(sign, moved)| *sign ^= moved);
            }
            match pending.scope {
                Scope::Nothing => {}
                Scope::List if switches => {
                    let a = &mut self.a[row];
                    self.list[..self.n_listed].iter().zip(&self.d).for_each(|(&lane, d)| a[lane as usize] += d);
                }
                Scope::Whole | Scope::List => self.a.copy_within(n * lanes..(n + 1) * lanes, row.start),
            }
        }
        // 2. Those downstream.
        match pending.scope {
            Scope::Nothing => return,
            Scope::Whole => self.commit_whole(),
            Scope::List => self.commit_list(),
        }
        self.are_tiles_stale = true;
    }

    pub(super) fn commit_whole(&mut self) {
        let (lanes, n) = (self.samples.n_lanes, self.wiring.neurons.len());
        self.losses.copy_from_slice(&self.new_losses);
        for &(tile, neuron) in &self.touched {
            let (neuron, start) = (neuron as usize, tile as usize * TILE);
            let end = (start + TILE).min(lanes);
            let from = (n + self.row_of[neuron] as usize) * lanes;
            let to = neuron * lanes;
            self.z.copy_within(from + start..from + end, to + start);
            let it = self.wiring.neurons[neuron];
            if it.is_leaf && self.scores_z {
                continue;
            }
            self.a.copy_within(from + start..from + end, to + start);
            if matches!(it.unit, Unit::Step | Unit::Sign) {
                let signs = &mut self.signs[(to + start) / LANES..(to + end) / LANES];
                signs.iter_mut().zip(self.z[to + start..to + end].as_chunks().0).for_each(|(sign, z)| *sign = signs_of(z));
            }
        }
    }

    fn commit_list(&mut self) {
        let (lanes, n) = (self.samples.n_lanes, self.wiring.neurons.len());
        let list = &self.list[..self.n_listed];
        list.iter().zip(&self.new_losses).for_each(|(&lane, &loss)| self.losses[lane as usize] = loss);
        for &(tile, neuron) in &self.touched {
            let (neuron, start) = (neuron as usize, tile as usize * LIST_TILE);
            let from = (n + self.row_of[neuron] as usize) * lanes + start;
            let lanes_of_tile = &list[start.min(list.len())..(start + LIST_TILE).min(list.len())];
            let it = self.wiring.neurons[neuron];
            let keeps_a = !(it.is_leaf && self.scores_z);
            let switches = matches!(it.unit, Unit::Step | Unit::Sign);
            for (k, &lane) in lanes_of_tile.iter().enumerate() {
                let to = neuron * lanes + lane as usize;
                self.z[to] = self.z[from + k];
                if keeps_a {
                    self.a[to] = self.a[from + k];
                }
                if switches {
                    let bit = 1 << (to % LANES);
                    let sign = &mut self.signs[to / LANES];
                    *sign = if self.z[to] > 0.0 { *sign | bit } else { *sign & !bit };
                }
            }
        }
    }
}

/// The numbers of `row` at the lanes of `list`.
fn gather(row: &[f32], list: &[u32], out: &mut [f32]) {
    out.iter_mut().zip(list).for_each(|(out, &lane)| *out = row[lane as usize]);
}
