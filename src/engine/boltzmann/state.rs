//! States of a machine side by side, a lane each, and the sweeps that move them.

use crate::kernels::backward::dense::product;
use crate::kernels::floats::LANES;
use crate::kernels::layers::Products;
use crate::kernels::simd::Simd;
use crate::kernels::units::{draw_units, mean_units};
use crate::random::StreamKey;

use super::machine::{Machine, Path, Shape};

/// Units by lanes: what each of many copies of a machine is.
///
/// Lanes beyond those asked for pad a vector; they move like the others and count nowhere.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneState {
    n_used: usize,
    n_lanes: usize,
    /// By layer, `[unit][lane]`.
    layers: Vec<Vec<f32>>,
    /// The means of the layer that moved last in each unit's update.
    fields: Vec<f32>,
}

/// How units move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// They are drawn by heat bath.
    Draw(StreamKey),
    /// They become their means given the others.
    Mean,
}

impl LaneState {
    /// `n_used` lanes, all units at the value `fill`.
    pub fn new(shape: &Shape, n_used: usize, fill: f32) -> Self {
        let n_lanes = n_used.max(1).next_multiple_of(LANES);
        let layers = shape.layers.iter().map(|l| vec![fill; l.n_units * n_lanes]).collect();
        LaneState { n_used, n_lanes, layers, fields: Vec::new() }
    }

    /// Lanes that count.
    pub fn n_used(&self) -> usize {
        self.n_used
    }

    /// Lanes with padding, a multiple of 16.
    pub fn n_lanes(&self) -> usize {
        self.n_lanes
    }

    /// The units of a layer, `[unit][lane]`.
    pub fn layer(&self, layer: usize) -> &[f32] {
        &self.layers[layer]
    }

    /// The same, to be written.
    pub fn layer_mut(&mut self, layer: usize) -> &mut [f32] {
        &mut self.layers[layer]
    }

    /// Makes `n_used` lanes of it; what units are is lost.
    pub fn resize(&mut self, shape: &Shape, n_used: usize) {
        if n_used != self.n_used {
            *self = LaneState::new(shape, n_used, 0.0);
        }
    }

    /// Holds the visible units at samples: lane n shows features `[feature]` of sample n.
    ///
    /// # Panics
    /// If there are not as many samples as lanes, or a sample has not a feature a visible unit.
    pub fn show<'a>(&mut self, shape: &Shape, samples: impl ExactSizeIterator<Item = &'a [f32]>) {
        assert_eq!(samples.len(), self.n_used, "samples, and lanes");
        let (n_lanes, n_visible) = (self.n_lanes, shape.n_visible());
        for (lane, sample) in samples.enumerate() {
            assert_eq!(sample.len(), n_visible, "features, and visible units");
            let mut rest = sample;
            for (l, _) in shape.layers.iter().enumerate().filter(|(_, l)| l.is_visible) {
                let (these, after) = rest.split_at(shape.layers[l].n_units);
                rest = after;
                for (row, &x) in self.layers[l].chunks_exact_mut(n_lanes).zip(these) {
                    row[lane] = x;
                }
            }
        }
    }

    /// Moves all units of `layer` given the others, at temperature 1 or along a path; `key` must be this update's own.
    ///
    /// Without a lateral link they move together, and their means stay in [`LaneState::last_means`]; with one, unit after unit.
    pub fn update(&mut self, machine: &Machine, layer: usize, how: Move, path: Option<Path<'_>>, simd: Simd) {
        let mut fields = std::mem::take(&mut self.fields);
        machine.fields_between(layer, self, &mut fields, simd);
        self.fields = fields;
        self.move_layer(machine, layer, how, path, simd);
    }

    /// As [`LaneState::update`] at temperature 1, with the fields of a pull, strength (target - unit), targets as `[unit][lane]`.
    pub fn update_pulled(&mut self, machine: &Machine, layer: usize, how: Move, pull: Option<(f32, &[f32])>, simd: Simd) {
        let mut fields = std::mem::take(&mut self.fields);
        machine.fields_between(layer, self, &mut fields, simd);
        if let Some((strength, targets)) = pull {
            for ((f, y), x) in fields.iter_mut().zip(targets).zip(&self.layers[layer]) {
                *f += strength * (y - x);
            }
        }
        self.fields = fields;
        self.move_layer(machine, layer, how, None, simd);
    }

    /// Moves a layer whose fields, but those of its lateral link, are known.
    fn move_layer(&mut self, machine: &Machine, layer: usize, how: Move, path: Option<Path<'_>>, simd: Simd) {
        let mut fields = std::mem::take(&mut self.fields);
        let (low, n_lanes) = (machine.shape.values.low(), self.n_lanes);
        let temper = |unit: usize, row: &mut [f32]| {
            if let Some(path) = path {
                let base = path.base[layer][unit];
                row.iter_mut().zip(path.betas).for_each(|(f, &beta)| *f = beta * *f + (1.0 - beta) * base);
            }
        };
        match machine.shape.lateral(layer) {
            None => {
                if path.is_some() {
                    fields.chunks_exact_mut(n_lanes).enumerate().for_each(|(unit, row)| temper(unit, row));
                }
                match how {
                    Move::Draw(key) => draw_units(simd, key, low, &mut fields, &mut self.layers[layer]),
                    Move::Mean => {
                        mean_units(simd, low, &mut fields);
                        self.layers[layer].copy_from_slice(&fields);
                    }
                }
            }
            Some(link) => {
                for (unit, row) in fields.chunks_exact_mut(n_lanes).enumerate() {
                    product(simd, Products::Ordered, machine.lateral_row(link, unit), &self.layers[layer], row, n_lanes);
                    temper(unit, row);
                    let own = &mut self.layers[layer][unit * n_lanes..(unit + 1) * n_lanes];
                    match how {
                        Move::Draw(key) => draw_units(simd, key.replica(unit as u32), low, row, own),
                        Move::Mean => {
                            mean_units(simd, low, row);
                            own.copy_from_slice(row);
                        }
                    }
                }
            }
        }
        self.fields = fields;
    }

    /// The means from which the last layer to move was drawn, `[unit][lane]`; those of a layer with a lateral link are each
    /// given what the units before had become.
    pub fn last_means(&self) -> &[f32] {
        &self.fields
    }

    /// Makes the last layer to move its means instead of what was drawn.
    pub fn take_means(&mut self, layer: usize) {
        self.layers[layer].copy_from_slice(&self.fields);
    }

    /// Moves all layers, or the hidden ones alone, in order; `sweep` numbers the sweeps of the stream of `key`.
    pub fn sweep(&mut self, machine: &Machine, moves_visible: bool, key: StreamKey, sweep: u32, path: Option<Path<'_>>, simd: Simd) {
        let n_layers = machine.shape.layers.len() as u32;
        for (l, layer) in machine.shape.layers.iter().enumerate() {
            if moves_visible || !layer.is_visible {
                self.update(machine, l, Move::Draw(key.sweep(sweep * n_layers + l as u32)), path, simd);
            }
        }
    }

    /// Draws all units at random, as independent ones with the fields `base`.
    pub fn randomise(&mut self, shape: &Shape, base: &[Vec<f32>], key: StreamKey, simd: Simd) {
        for (l, (base, states)) in base.iter().zip(&mut self.layers).enumerate() {
            let mut fields: Vec<f32> = base.iter().flat_map(|&b| std::iter::repeat_n(b, self.n_lanes)).collect();
            draw_units(simd, key.sweep(l as u32), shape.values.low(), &mut fields, states);
        }
    }

    /// The lanes `lanes` of another state.
    ///
    /// # Panics
    /// If there are not as many as this state has, or one is not there.
    pub fn gather(&mut self, from: &LaneState, lanes: &[u32]) {
        assert_eq!(lanes.len(), self.n_used, "lanes to gather");
        for (own, theirs) in self.layers.iter_mut().zip(&from.layers) {
            for (own, theirs) in own.chunks_exact_mut(self.n_lanes).zip(theirs.chunks_exact(from.n_lanes)) {
                own.iter_mut().zip(lanes).for_each(|(x, &lane)| *x = theirs[lane as usize]);
            }
        }
    }

    /// Makes `layer` the means of the lanes `lanes` of another state, whose last layer to move it was.
    ///
    /// # Panics
    /// As for [`LaneState::gather`].
    pub fn gather_means(&mut self, from: &LaneState, layer: usize, lanes: &[u32]) {
        assert_eq!(lanes.len(), self.n_used, "lanes to gather");
        let rows = self.layers[layer].chunks_exact_mut(self.n_lanes).zip(from.fields.chunks_exact(from.n_lanes));
        for (own, theirs) in rows {
            own.iter_mut().zip(lanes).for_each(|(x, &lane)| *x = theirs[lane as usize]);
        }
    }

    /// The used lanes as bits, 64 units a word: lane after lane, units in the order of layers.
    pub fn bits(&self) -> Vec<u64> {
        let n_units: usize = self.layers.iter().map(|l| l.len() / self.n_lanes).sum();
        let words = n_units.div_ceil(64);
        let mut bits = vec![0; words * self.n_used];
        let rows = self.layers.iter().flat_map(|l| l.chunks_exact(self.n_lanes));
        for (unit, row) in rows.enumerate() {
            for (lane, &x) in row[..self.n_used].iter().enumerate() {
                bits[lane * words + unit / 64] |= u64::from(x > 0.0) << (unit % 64);
            }
        }
        bits
    }

    /// Sets the used lanes to what [`LaneState::bits`] said; false if there are not as many words.
    pub fn set_bits(&mut self, shape: &Shape, bits: &[u64]) -> bool {
        let n_units: usize = shape.layers.iter().map(|l| l.n_units).sum();
        let words = n_units.div_ceil(64);
        if bits.len() != words * self.n_used {
            return false;
        }
        let (n_lanes, low) = (self.n_lanes, shape.values.low());
        let rows = self.layers.iter_mut().flat_map(|l| l.chunks_exact_mut(n_lanes));
        for (unit, row) in rows.enumerate() {
            for (lane, x) in row[..self.n_used].iter_mut().enumerate() {
                *x = if bits[lane * words + unit / 64] >> (unit % 64) & 1 == 1 { 1.0 } else { low };
            }
        }
        true
    }
}
