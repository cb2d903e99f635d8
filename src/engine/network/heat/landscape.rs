//! The loss of a network over all samples, and what it becomes when one weight or bias moves.
//!
//! The pre-activation and activation of every neuron for every sample are kept. A proposal shifts one row of
//! pre-activations, z' = z + delta x, and goes on through the neurons downstream, in the order of evaluation, for the
//! samples whose activation changed: all of them as whole rows, or, where they are few, as a list. What it finds is
//! written down beside the state and becomes the state when the proposal is accepted.
//!
//! The samples lie in the order of falling loss, so that a proposal which loses is refused early: no loss is below 0,
//! so that what has not been looked at can gain no more than it holds.
//!
//! Sums that are shifted drift from the sums of the law by rounding. `refresh` computes everything anew, the same from
//! the parameters alone, and tells how far they had come apart (see [`Landscape::refresh`]).

use std::sync::Arc;

use crate::data::Dataset;
use crate::engine::network::losses::Loss;
use crate::engine::network::parameters::Parameters;
use crate::kernels::heat::{self, LANES};
use crate::kernels::simd::Simd;
use crate::kernels::units::activate_lanes;
use crate::plan::network::{NetworkPlan, Unit};

use super::HeatError;
use super::rows::add_terms;
use super::samples::SampleRows;
use super::wiring::{Place, Site, Wiring};

/// Samples that go through the network together: their rows stay in the first cache, and a bad proposal ends after few of them.
pub(super) const TILE: usize = 256;
/// As [`TILE`], of a list.
pub(super) const LIST_TILE: usize = 128;
/// Changed samples, of 16, from which whole rows cost less than a list (gathers take twice the time of loads).
const LIST_BELOW: u32 = 6;
/// Shifted sums differ from the law's by rounding, which stays below this share of the terms of the sum. More is a mistake.
pub const LARGEST_DRIFT: f32 = 1e-2;

pub(super) const NONE: u32 = u32::MAX;

/// Which samples a proposal has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// None.
    Nothing,
    /// All of them are looked at.
    Whole,
    /// Those of `list`.
    List,
}

/// How far what was shifted had come apart from what it is when computed anew.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drift {
    /// What the summed loss changed by.
    pub loss: f64,
    /// Largest difference of a pre-activation, as a share of 1 + |bias| + the sum of |w x|.
    pub sums: f32,
}

/// A proposal that was looked at to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) site: Site,
    pub(super) neuron: usize,
    pub(super) value: f32,
    pub(super) scope: Scope,
    pub(super) d_loss: f64,
}

/// The summed loss of a network over its samples, as a function of its weights and biases.
#[derive(Clone, Debug)]
pub struct Landscape {
    pub(super) wiring: Wiring,
    pub(super) parameters: Parameters,
    pub(super) samples: SampleRows,
    pub(super) loss: Loss,
    pub(super) simd: Simd,
    /// Pre-activations [neuron][lane], then rows of proposals.
    pub(super) z: Vec<f32>,
    /// Activations, as `z`.
    pub(super) a: Vec<f32>,
    /// Changes of activations; rows of proposals only.
    pub(super) d: Vec<f32>,
    /// Where z > 0, of units that switch there.
    pub(super) signs: Vec<u16>,
    pub(super) losses: Vec<f32>,
    pub(super) total: f64,
    /// Sums of `losses` by tile; stale after an accepted list.
    pub(super) tiles: Vec<f64>,
    pub(super) are_tiles_stale: bool,
    /// True if all outputs are their pre-activations, so that `a` of outputs need not follow.
    pub(super) scores_z: bool,
    pub(super) pending: Option<Pending>,
    /// By block: a weight of 0 there is no synapse.
    pub(super) is_variable: Vec<bool>,
    /// Changes that were proposed together, and what they change the loss by.
    pub(super) together: Option<(Vec<(Site, f32)>, f64)>,
    // Room for a proposal.
    pub(super) moved: Vec<u16>,
    /// Samples that a proposal changes, padded to whole vectors.
    pub(super) list: Vec<u32>,
    pub(super) n_listed: usize,
    pub(super) new_losses: Vec<f32>,
    pub(super) old_losses: Vec<f32>,
    pub(super) listed_classes: Vec<f32>,
    /// [output][sample of a tile of the list].
    pub(super) listed_outputs: Vec<f32>,
    pub(super) listed_targets: Vec<f32>,
    pub(super) gathered: Vec<f32>,
    /// Sums over changed outputs and what they are made of: new, old, then gathered rows.
    pub(super) terms: [Vec<f32>; 5],
    pub(super) moved_downstream: Vec<u16>,
    pub(super) starts: Vec<usize>,
    /// Row of the proposal that a neuron has, or `NONE`.
    pub(super) row_of: Vec<u32>,
    /// Neurons that have a row, in the order of their rows.
    pub(super) holders: Vec<u32>,
    /// Neurons that were touched, by tile.
    pub(super) touched: Vec<(u32, u32)>,
    /// Neurons touched in this tile, one bit each.
    pub(super) waiting: Vec<u64>,
    pub(super) is_touched: Vec<u64>,
    /// By neuron, how large the terms of its sum were when everything was computed anew.
    reach: Vec<f32>,
}

impl Landscape {
    /// The landscape of `plan` around `parameters`.
    ///
    /// # Errors
    /// If the network is recurrent, or the samples do not fit it or the loss.
    ///
    /// # Panics
    /// If the parameters do not fit the plan, or the processor lacks the instructions of `simd`.
    pub fn new(
        plan: impl Into<Arc<NetworkPlan>>,
        parameters: Parameters,
        data: &Dataset,
        loss: Loss,
        simd: Simd,
    ) -> Result<Self, HeatError> {
        let plan = plan.into();
        let is_variable = vec![false; plan.blocks.len()];
        Self::of_candidates(plan, is_variable, parameters, data, loss, simd)
    }

    /// The landscape of the synapses that live among those of `plan`: in blocks that are variable, a weight of 0 is no synapse, so
    /// that it costs nothing and no gate counts it.
    ///
    /// # Errors
    /// As [`Landscape::new`].
    ///
    /// # Panics
    /// As [`Landscape::new`], or if there is not one flag a block.
    pub fn of_candidates(
        plan: Arc<NetworkPlan>,
        is_variable: Vec<bool>,
        parameters: Parameters,
        data: &Dataset,
        loss: Loss,
        simd: Simd,
    ) -> Result<Self, HeatError> {
        assert_eq!(is_variable.len(), plan.blocks.len(), "flags, and blocks");
        parameters.view().assert_fit(&plan);
        if let Some(block) = plan.blocks.iter().find(|b| b.is_delayed) {
            return Err(HeatError::Recurrent(block.name.clone()));
        }
        let wiring = Wiring::new(plan);
        let samples = SampleRows::new(data, wiring.n_inputs, wiring.outputs.len(), loss)?;
        let (n, lanes) = (wiring.neurons.len(), samples.n_lanes);
        let mut landscape = Landscape {
            z: vec![0.0; (n + 1) * lanes],
            a: vec![0.0; (n + 1) * lanes],
            d: vec![0.0; lanes],
            signs: vec![0; n * lanes / LANES],
            losses: vec![0.0; lanes],
            total: 0.0,
            tiles: vec![0.0; lanes.div_ceil(TILE)],
            are_tiles_stale: true,
            scores_z: wiring.outputs.iter().all(|&o| wiring.neurons[o].unit == Unit::Identity && wiring.neurons[o].is_leaf),
            pending: None,
            is_variable,
            together: None,
            moved: vec![0; lanes / LANES],
            list: Vec::new(),
            n_listed: 0,
            new_losses: vec![0.0; lanes],
            old_losses: vec![0.0; lanes],
            listed_classes: vec![0.0; lanes],
            listed_outputs: vec![0.0; LIST_TILE * wiring.outputs.len()],
            listed_targets: vec![0.0; LIST_TILE * wiring.outputs.len()],
            gathered: vec![0.0; LIST_TILE],
            terms: std::array::from_fn(|_| vec![0.0; TILE]),
            moved_downstream: vec![0; TILE / LANES],
            starts: vec![0; wiring.outputs.len()],
            row_of: vec![NONE; n],
            holders: Vec::new(),
            touched: Vec::new(),
            waiting: vec![0; n.div_ceil(64)],
            is_touched: vec![0; n.div_ceil(64)],
            reach: Vec::new(),
            simd,
            wiring,
            parameters,
            samples,
            loss,
        };
        landscape.compute();
        landscape.reach = landscape.reaches();
        Ok(landscape)
    }

    /// The weights and biases.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Number of weights and biases; inputs have no bias.
    pub fn n_parameters(&self) -> usize {
        self.wiring.n_parameters()
    }

    /// Number of samples.
    pub fn n_samples(&self) -> usize {
        self.samples.n_samples
    }

    /// Parameter `number` below [`Landscape::n_parameters`]: the weights by block, then the biases by layer.
    pub fn site(&self, number: usize) -> Site {
        self.wiring.site(number)
    }

    /// The value of a parameter.
    pub fn value(&self, site: Site) -> f32 {
        match site {
            Site::Weight { block, synapse } => self.parameters.weights[block][synapse],
            Site::Bias { layer, row } => self.parameters.biases[layer][row],
        }
    }

    /// The loss, summed over all samples.
    pub fn loss(&self) -> f64 {
        self.total
    }

    /// Takes other parameters and computes everything anew.
    ///
    /// # Panics
    /// If they do not fit the plan.
    pub fn set_parameters(&mut self, parameters: Parameters) {
        parameters.view().assert_fit(&self.wiring.plan);
        self.parameters = parameters;
        self.compute();
        self.reach = self.reaches();
    }

    /// Computes everything anew, and gives how far what had been shifted had come apart.
    ///
    /// Samples in which a stepped unit stands so near its threshold that rounding decides it are left out of the comparison, from
    /// that unit on.
    ///
    /// # Panics
    /// If a sum had drifted by more than [`LARGEST_DRIFT`] of its terms, which rounding cannot do. Sums that overflow are compared
    /// with nothing: the loss is then no number either.
    pub fn refresh(&mut self) -> Drift {
        let (before, lanes) = (self.clone_state(), self.samples.n_lanes);
        let total = self.total;
        self.forward();
        let now = self.reaches();
        let reach = std::mem::replace(&mut self.reach, now);
        let mut differs = vec![false; lanes];
        let mut sums = 0.0_f32;
        for (at, neuron) in self.wiring.neurons.iter().enumerate() {
            let row = at * lanes;
            // Terms were as large as they are now or as they were; a gate counts, without rounding.
            let terms = 1.0 + reach[at].max(self.reach[at]);
            for (lane, flag) in differs.iter_mut().enumerate().take(self.samples.n_samples) {
                let (old, new) = (before.0[row + lane], self.z[row + lane]);
                *flag |= neuron.unit.is_stepped() && before.1[row + lane] != self.a[row + lane];
                if *flag || neuron.unit.is_gate() {
                    continue;
                }
                let drift = (old - new).abs() / terms;
                assert!(
                    drift <= LARGEST_DRIFT || !drift.is_finite(),
                    "a pre-activation was shifted to {old}, but is {new} when it is computed anew from terms of {terms}"
                );
                sums = sums.max(drift);
            }
        }
        self.sort();
        Drift { loss: self.total - total, sums }
    }

    /// By neuron, |bias| plus the sum of |w| times the largest input.
    fn reaches(&self) -> Vec<f32> {
        let lanes = self.samples.n_lanes;
        let largest = |rows: &[f32]| rows.chunks_exact(lanes).map(|row| row.iter().fold(0.0_f32, |m, x| m.max(x.abs()))).collect();
        let inputs: Vec<f32> = largest(&self.samples.inputs);
        let outputs: Vec<f32> = largest(&self.a[..self.wiring.neurons.len() * lanes]);
        let reach = |neuron: usize| {
            let n = self.wiring.neurons[neuron];
            let mut sum = self.parameters.biases[n.layer][n.row].abs();
            self.wiring.each_input(neuron, |place, block, synapse| {
                let x = match place {
                    Place::Input(row) => inputs[row],
                    Place::Neuron(row) => outputs[row],
                };
                sum += x * self.parameters.weights[block][synapse].abs();
            });
            sum
        };
        (0..self.wiring.neurons.len()).map(reach).collect()
    }

    fn clone_state(&self) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let n = self.wiring.neurons.len() * self.samples.n_lanes;
        (self.z[..n].to_vec(), self.a[..n].to_vec(), self.losses.clone())
    }

    fn compute(&mut self) {
        self.forward();
        self.sort();
    }

    /// All rows from the parameters, by the law of a forward pass.
    fn forward(&mut self) {
        self.pending = None;
        self.together = None;
        for neuron in 0..self.wiring.neurons.len() {
            self.compute_row(neuron, neuron);
        }
        let starts: Vec<usize> = self.wiring.outputs.iter().map(|&o| o * self.samples.n_lanes).collect();
        let mut losses = std::mem::take(&mut self.losses);
        let targets = |k: usize| &self.samples.targets[k * self.samples.n_lanes..(k + 1) * self.samples.n_lanes];
        score(self.simd, self.loss, (if self.scores_z { &self.z } else { &self.a }, &starts), &self.samples.classes, targets, &mut losses);
        self.losses = losses;
    }

    /// Sorts the lanes by loss, and sums.
    fn sort(&mut self) {
        let n = self.wiring.neurons.len() * self.samples.n_lanes;
        let losses = self.losses.clone();
        let (z_rest, a_rest) = (self.z.split_off(n), self.a.split_off(n));
        self.samples.sort_by_loss(&losses, &mut [&mut self.z, &mut self.a, &mut self.losses]);
        self.z.extend(z_rest);
        self.a.extend(a_rest);
        for (signs, z) in self.signs.iter_mut().zip(self.z.as_chunks::<LANES>().0) {
            *signs = signs_of(z);
        }
        self.sum_tiles();
        self.total = self.tiles.iter().sum();
    }

    pub(super) fn sum_tiles(&mut self) {
        let n = self.samples.n_samples;
        for (tile, sum) in self.tiles.iter_mut().enumerate() {
            let range = tile * TILE..((tile + 1) * TILE).min(self.samples.n_lanes);
            *sum = heat::sum(self.simd, &self.losses[range.clone()], n.min(range.end) - range.start);
        }
        self.are_tiles_stale = false;
    }

    /// Row `to` of the pre-activations and activations of `neuron`, from its inputs.
    pub(super) fn compute_row(&mut self, neuron: usize, to: usize) {
        let lanes = self.samples.n_lanes;
        let n = self.wiring.neurons[neuron];
        let mut fan_in = 0;
        let bias = self.parameters.biases[n.layer][n.row];
        let z = &mut self.z[to * lanes..(to + 1) * lanes];
        z.fill(if n.unit.is_gate() { 0.0 } else { bias });
        let (inputs, a, simd, weights) = (&self.samples.inputs, &self.a, self.simd, &self.parameters.weights);
        let is_variable = &self.is_variable;
        self.wiring.each_input(neuron, |place, block, synapse| {
            let w = weights[block][synapse];
            if w == 0.0 && is_variable[block] {
                return;
            }
            fan_in += 1;
            let x = match place {
                Place::Input(row) => &inputs[row * lanes..(row + 1) * lanes],
                Place::Neuron(row) => &a[row * lanes..(row + 1) * lanes],
            };
            if n.unit.is_gate() {
                z.iter_mut().zip(x).for_each(|(z, &x)| *z += counts(w, x, bias));
            } else {
                heat::add_scaled(simd, z, x, w);
            }
        });
        let a = &mut self.a[to * lanes..(to + 1) * lanes];
        activate_lanes(simd, n.unit, fan_in, z, a);
        if to == neuron {
            self.wiring.neurons[neuron].fan_in = fan_in;
        }
    }

    /// Number of inputs of a neuron that are synapses.
    pub(super) fn living_fan_in(&self, neuron: usize) -> u32 {
        let mut fan_in = 0;
        self.wiring.each_input(neuron, |_, block, synapse| {
            fan_in += u32::from(!self.is_variable[block] || self.parameters.weights[block][synapse] != 0.0);
        });
        fan_in
    }

    /// What the loss changes by if `site` becomes `value`, or `None` if that is more than `limit`.
    ///
    /// The change is remembered until [`Landscape::accept`] or the next proposal.
    pub fn propose(&mut self, site: Site, value: f32, limit: f64) -> Option<f64> {
        self.forget();
        let (neuron, source) = self.wiring.ends(site);
        let is_gate = self.wiring.neurons[neuron].unit.is_gate();
        // A feature that no sample has leaves even the pre-activations as they are.
        let is_dark = !is_gate && matches!(source, Some(Place::Input(row)) if self.samples.is_dark[row]);
        let scope = if is_dark { Scope::Nothing } else { self.shift(site, neuron, source, value) };
        if !is_dark {
            self.row_of[neuron] = 0;
            self.holders.push(neuron as u32);
        }
        let d_loss = match scope {
            Scope::Nothing => 0.0,
            Scope::Whole => self.spread_whole(neuron, limit)?,
            Scope::List => self.spread_list(neuron, limit)?,
        };
        if d_loss.is_nan() || d_loss > limit {
            return None;
        }
        self.pending = Some(Pending { site, neuron, value, scope, d_loss });
        Some(d_loss)
    }

    /// Drops what was proposed.
    pub(super) fn forget(&mut self) {
        self.pending = None;
        self.together = None;
        for holder in self.holders.drain(..) {
            self.row_of[holder as usize] = NONE;
        }
        self.touched.clear();
    }

    pub(super) fn set(&mut self, site: Site, value: f32) {
        match site {
            Site::Weight { block, synapse } => self.parameters.weights[block][synapse] = value,
            Site::Bias { layer, row } => self.parameters.biases[layer][row] = value,
        }
    }

    /// The shifted row of `neuron` into row 0 of the proposal, and the samples that it changes.
    pub(super) fn shift(&mut self, site: Site, neuron: usize, source: Option<Place>, value: f32) -> Scope {
        let lanes = self.samples.n_lanes;
        let n = self.wiring.neurons[neuron];
        let first = self.wiring.neurons.len() * lanes;
        let row = neuron * lanes..(neuron + 1) * lanes;
        let old = self.value(site);
        if n.unit.is_gate() {
            // Gates count inputs; few have many of them, and all are counted anew.
            self.set(site, value);
            let at = self.wiring.neurons.len();
            self.compute_row(neuron, at);
            self.set(site, old);
        } else {
            let (state, proposal) = self.z.split_at_mut(first);
            let (z, z_new) = (&state[row.clone()], &mut proposal[..lanes]);
            let x = match source {
                None => None,
                Some(Place::Input(row)) => Some(&self.samples.inputs[row * lanes..(row + 1) * lanes]),
                Some(Place::Neuron(row)) => Some(&self.a[row * lanes..(row + 1) * lanes]),
            };
            if let Unit::Step | Unit::Sign = n.unit {
                let signs = &self.signs[row.start / LANES..row.end / LANES];
                let n_moved = heat::shift_signs(self.simd, z, x, value - old, signs, z_new, &mut self.moved);
                return self.scope_of_signs(neuron, n_moved);
            }
            heat::shift(self.simd, z, x, value - old, z_new);
            let a = &mut self.a[first..first + lanes];
            activate_lanes(self.simd, n.unit, n.fan_in, z_new, a);
        }
        // Activations of outputs that are their pre-activations do not follow.
        let rows = if self.scores_z && n.is_output { &self.z } else { &self.a };
        let (state, proposal) = rows.split_at(first);
        let n_moved = heat::differences(self.simd, &proposal[..lanes], &state[row], &mut self.d[..lanes], &mut self.moved);
        let scope = self.scope(n_moved);
        if scope == Scope::List {
            // Lanes ascend, so that none is read after it was written.
            for (k, &lane) in self.list.iter().enumerate() {
                self.d[k] = self.d[lane as usize];
            }
        }
        scope
    }

    /// As the end of `shift`, for units that switch where z passes 0.
    fn scope_of_signs(&mut self, neuron: usize, n_moved: u32) -> Scope {
        let (unit, lanes) = (self.wiring.neurons[neuron].unit, self.samples.n_lanes);
        let row = neuron * lanes..(neuron + 1) * lanes;
        let (off, step) = if unit == Unit::Sign { (-1.0, 2.0) } else { (0.0, 1.0) };
        let first = self.wiring.neurons.len() * self.samples.n_lanes;
        let scope = self.scope(n_moved);
        match scope {
            Scope::Nothing => {}
            Scope::List => {
                let a = &self.a[row.clone()];
                for (d, &lane) in self.d.iter_mut().zip(&self.list) {
                    *d = if a[lane as usize] == off { step } else { -step };
                }
                if self.wiring.neurons[neuron].is_output {
                    let (state, proposal) = self.a.split_at_mut(first);
                    proposal[..row.len()].copy_from_slice(&state[row]);
                    self.list[..self.n_listed].iter().zip(&self.d).for_each(|(&lane, d)| proposal[lane as usize] += d);
                }
            }
            Scope::Whole => {
                let (state, proposal) = self.a.split_at_mut(first);
                for (((new, old), d), z) in proposal.iter_mut().zip(&state[row]).zip(&mut self.d).zip(&self.z[first..]) {
                    *new = if *z > 0.0 { off + step } else { off };
                    *d = *new - old;
                }
            }
        }
        scope
    }

    /// How the samples in `moved` are best looked at; makes their list if it is as one.
    fn scope(&mut self, n_moved: u32) -> Scope {
        let n_moved = n_moved - self.drop_padding();
        match n_moved {
            0 => Scope::Nothing,
            n if 16 * n >= LIST_BELOW * self.samples.n_lanes as u32 => Scope::Whole,
            _ => {
                self.make_list();
                Scope::List
            }
        }
    }

    /// Takes the lanes that only fill the last vector up out of `moved`; returns how many there were.
    fn drop_padding(&mut self) -> u32 {
        let n_last = self.samples.n_samples % LANES;
        let Some(last) = self.moved.last_mut().filter(|_| n_last > 0) else { return 0 };
        let padding = *last >> n_last << n_last;
        *last ^= padding;
        padding.count_ones()
    }

    /// The samples whose bits are set in `moved`, in the order of their lanes, padded to whole vectors with the first.
    fn make_list(&mut self) {
        self.list.clear();
        for (word, &bits) in self.moved.iter().enumerate() {
            let mut bits = bits;
            while bits != 0 {
                self.list.push((word * LANES) as u32 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
        self.n_listed = self.list.len();
        self.list.resize(self.n_listed.next_multiple_of(LANES), self.list[0]);
    }
}

/// What one input adds to the count of a gate.
pub(super) fn counts(w: f32, x: f32, bias: f32) -> f32 {
    f32::from(u8::from(w * x + bias > 0.5))
}

/// The losses of some samples, from the rows of outputs that begin at `starts`.
pub(super) fn score<'a>(
    simd: Simd,
    loss: Loss,
    (outputs, starts): (&[f32], &[usize]),
    classes: &[f32],
    targets: impl Fn(usize) -> &'a [f32],
    losses: &mut [f32],
) {
    if loss == Loss::CrossEntropy {
        return heat::cross_entropy(simd, outputs, starts, classes, losses);
    }
    losses.fill(0.0);
    for (k, &start) in starts.iter().enumerate() {
        add_terms(loss, &outputs[start..start + losses.len()], targets(k), losses);
    }
    let n = starts.len() as f32;
    losses.iter_mut().for_each(|l| *l /= n);
}

/// Where z > 0, one bit each.
pub(super) fn signs_of(z: &[f32; LANES]) -> u16 {
    (0..LANES).fold(0, |bits, l| bits | u16::from(z[l] > 0.0) << l)
}
