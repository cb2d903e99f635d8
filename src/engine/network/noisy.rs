//! The forward pass under a hardware profile, over lanes of samples, with what straight-through gradients need.
//!
//! ```text
//! once a pass      w' = codes of the weights + weight noise
//! each block       x' = DAC(x) of each sample;  p = sum of x' w';  z += ADC and noise of p
//! each layer       z starts at the bias;  a = unit(z)
//! ```
//!
//! Each block of synapses is an array of its own, with converters of its own; a pass draws from streams named by block and
//! sample. Gradients take every conversion for the identity (straight-through, Bengio et al. 2013): by a weight from the
//! converted inputs, by an input through the weights as they were read, noise included. Clipped ones ([`StraightThrough`]) end where
//! a converter saturates: an output, noise included, or an input whose nearest code the converter does not have.
//! Weights never saturate, since their grid reaches to the largest of them.

use crate::kernels::backward::dense::{self, Matrix};
use crate::kernels::backward::hardware as vectors;
use crate::kernels::backward::shape::transpose;
use crate::kernels::backward::sparse;
use crate::kernels::layers::Products;
use crate::kernels::quantised::law::{InputLaw, OutputLaw, PassKeys, RangeLaw, excess, largest_magnitude, steps};
use crate::kernels::simd::Simd;
use crate::kernels::units::{activate_lanes, fire_lanes};
use crate::plan::network::{HardwareProfile, NetworkPlan, OutputUnit, Rows, Unit};
use crate::random::StreamKey;
use crate::reduce;

use super::hardware::{Programmed, RowSpans};
use super::lanes::{Activations, LANE_GROUP};
use super::parameters::ParametersRef;
use super::reverse::rows_of;

/// Why a network cannot run under a hardware profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HardwareRunError {
    /// A gate does not add weighted inputs.
    #[error("population \"{0}\" is of logic gates, which add no weighted inputs: a hardware profile has no meaning for it")]
    Gate(String),
    /// Rows of one population wait for others of it.
    #[error("population \"{0}\" is evaluated neuron by neuron: hardware evaluates whole populations; make its own projection recurrent")]
    InParts(String),
}

/// Checks that a network can run under a hardware profile.
///
/// # Errors
/// If it has gates, or a population that is not evaluated as a whole.
pub fn check_hardware(plan: &NetworkPlan) -> Result<(), HardwareRunError> {
    for stage in &plan.stages {
        let layer = &plan.layers[stage.layer];
        if layer.unit.is_gate() {
            return Err(HardwareRunError::Gate(layer.name.clone()));
        }
        if stage.rows.is_some() {
            return Err(HardwareRunError::InParts(layer.name.clone()));
        }
    }
    Ok(())
}

/// How gradients go through converters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StraightThrough {
    /// As through the identity, and not at all where a converter saturates (Hubara et al. 2016).
    #[default]
    Clipped,
    /// As through the identity everywhere.
    Plain,
}

/// What one pass of one block used.
#[derive(Clone, Debug, Default)]
pub struct BlockPass {
    /// The weights as they were read, noise included; of blocks that read inputs, in codes. Empty if they were read as they are.
    pub weights: Vec<f32>,
    /// Converted inputs, `[sample][source]`, each sample `stride` long, zeros beyond the sources.
    pub inputs: Vec<f32>,
    /// Length of a sample: the number of sources, rounded up to 16.
    pub stride: usize,
    /// 1 where a gradient by an output goes on, 0 where the converter saturated, `[target][lane]`; empty if it goes on everywhere.
    pub kept_outputs: Vec<f32>,
    /// The same of inputs, `[source][lane]`.
    pub kept_inputs: Vec<f32>,
    programmed: Programmed,
    /// Units of weight per code, one a row, where weights are converted in vectors.
    scales: Vec<f32>,
}

/// What one pass of a network used, by block.
#[derive(Clone, Debug, Default)]
pub struct HardwarePass {
    /// By block.
    pub blocks: Vec<BlockPass>,
    /// True to note where converters saturate, for clipped gradients.
    pub notes_saturation: bool,
    beyond: Vec<f32>,
    lanes: Vec<f32>,
    products: Vec<f32>,
    rows: Vec<f32>,
}

impl HardwarePass {
    /// Biases, and the weights as they were read.
    pub fn parameters<'a>(&'a self, parameters: &ParametersRef<'a>) -> ParametersRef<'a> {
        let read = |(pass, &weights): (&'a BlockPass, &&'a [f32])| if pass.weights.is_empty() { weights } else { &pass.weights };
        ParametersRef { weights: self.blocks.iter().zip(&parameters.weights).map(read).collect(), biases: parameters.biases.clone() }
    }

    /// One step of all samples under `profile`, as [`super::forward_lanes`] does it without; `key` names the pass by seed, system, step and sweep.
    ///
    /// # Panics
    /// If parameters or activations are of another plan, the sums are not kept, or [`check_hardware`] refuses the plan.
    pub fn forward(
        &mut self,
        plan: &NetworkPlan,
        parameters: &ParametersRef<'_>,
        activations: &mut Activations,
        profile: &HardwareProfile,
        key: StreamKey,
        simd: Simd,
    ) {
        parameters.assert_fit(plan);
        self.blocks.resize_with(plan.blocks.len(), BlockPass::default);
        for (now, before) in activations.layers.iter_mut().zip(&mut activations.before).filter(|(_, b)| !b.is_empty()) {
            std::mem::swap(now, before);
        }
        let lanes = activations.n_lanes();
        for stage in &plan.stages {
            assert!(stage.rows.is_none(), "population \"{}\" is not evaluated as a whole", plan.layers[stage.layer].name);
            let mut sums = std::mem::take(&mut activations.sums[stage.layer]);
            for (z, &bias) in sums.chunks_exact_mut(lanes).zip(parameters.biases[stage.layer]) {
                z.fill(bias);
            }
            for (b, block) in plan.blocks_onto(stage.layer) {
                let before = &activations.before[block.from];
                let x = if block.is_delayed && !before.is_empty() { before } else { &activations.layers[block.from] };
                // Blocks take different streams of one pass.
                let key = key.sweep(key.sweep * plan.blocks.len() as u32 + b as u32);
                self.add_block(plan, b, parameters.weights[b], x, (lanes, activations.n_samples()), &mut sums, profile, key, simd);
            }
            let (out, membranes) = (&mut activations.layers[stage.layer], &mut activations.membranes[stage.layer]);
            match plan.layers[stage.layer].unit {
                Unit::Lif(lif) if !membranes.is_empty() => fire_lanes(simd, lif, &sums, membranes, out),
                unit => activate_lanes(simd, unit, 0, &sums, out),
            }
            activations.sums[stage.layer] = sums;
        }
    }

    /// Adds the outputs of one block to the pre-activations of its layer.
    #[expect(clippy::too_many_arguments, reason = "one block with its numbers, and the pass it belongs to")]
    fn add_block(
        &mut self,
        plan: &NetworkPlan,
        b: usize,
        weights: &[f32],
        x: &[f32],
        (lanes, n_samples): (usize, usize),
        sums: &mut [f32],
        profile: &HardwareProfile,
        key: StreamKey,
        simd: Simd,
    ) {
        let block = &plan.blocks[b];
        let (n_sources, n_targets) = (plan.layers[block.from].n_neurons, plan.layers[block.to].n_neurons);
        if weights.is_empty() {
            return;
        }
        // 1. Weights as they are read this time.
        let spans = RowSpans::of(&block.rows, n_sources);
        let (keys, input) = (PassKeys::new(key), InputLaw::of(profile));
        let pass = &mut self.blocks[b];
        let in_vectors = matches!(block.rows, Rows::Dense) && vectors::has_vectors(profile, n_sources);
        let output = match profile.weights.bits {
            None if in_vectors => {
                pass.weights.clear();
                pass.scales.clear();
                pass.scales.resize(n_targets, 1.0);
                let largest = if profile.output_unit == OutputUnit::Cell { largest_magnitude(weights) } else { 0.0 };
                let rms = if input.wants_squares { root_mean_square(weights) } else { 0.0 };
                OutputLaw::of(profile, largest, rms)
            }
            Some(_) if in_vectors => {
                pass.weights.resize(weights.len(), 0.0);
                pass.scales.resize(n_targets, 0.0);
                let held = vectors::program(simd, weights, profile, keys.weight_noise, &mut pass.weights, &mut pass.scales);
                OutputLaw::of(profile, held.largest, held.rms)
            }
            _ => {
                pass.weights.resize(weights.len(), 0.0);
                pass.programmed.program(weights, spans, profile, key);
                pass.programmed.weights_of_pass(spans, profile, key, &mut pass.weights);
                OutputLaw::of(profile, pass.programmed.largest, pass.programmed.rms)
            }
        };
        // 2. Converted inputs, sample by sample.
        pass.kept_inputs.clear();
        if let (true, Some(largest), Some(range)) = (self.notes_saturation, input.largest, input.range) {
            let inverse = steps(range, largest).1;
            let is_kept = |x: f32| excess(x * inverse, largest) == 0.0;
            if !x.iter().all(|&x| is_kept(x)) {
                pass.kept_inputs.extend(x.iter().map(|&x| f32::from(u8::from(is_kept(x)))));
            }
        }
        pass.stride = n_sources.next_multiple_of(LANE_GROUP);
        pass.inputs.resize(pass.stride * n_samples, 0.0);
        self.rows.resize(n_sources, 0.0);
        transpose(simd, x, n_sources, n_samples, lanes, &mut pass.inputs, pass.stride);
        let mut inputs = Vec::with_capacity(n_samples);
        for (sample, values) in pass.inputs.chunks_exact_mut(pass.stride).enumerate() {
            let values = &mut values[..n_sources];
            inputs.push(if in_vectors && input.largest.is_some() {
                vectors::convert(simd, &input, values)
            } else {
                let row = input.convert(values, &keys, sample as u32, &mut self.rows);
                values.copy_from_slice(&self.rows);
                row
            });
        }
        // 3. Products of codes.
        self.lanes.clear();
        self.lanes.resize(n_sources * lanes, 0.0);
        transpose(simd, &pass.inputs, n_samples, n_sources, pass.stride, &mut self.lanes, lanes);
        self.products.clear();
        self.products.resize(n_targets * lanes, 0.0);
        let as_read = if pass.weights.is_empty() { weights } else { &pass.weights };
        match &block.rows {
            Rows::Dense => {
                let matrix = Matrix::by_target(as_read, n_targets, n_sources);
                dense::product(simd, Products::Ordered, matrix, &self.lanes, &mut self.products, lanes);
            }
            Rows::Sparse { .. } => {
                let rows = rows_of(block, n_sources, n_targets, None);
                sparse::product(simd, rows, as_read, &self.lanes, &mut self.products, lanes);
            }
        }
        // 4. Outputs, sample by sample.
        self.rows.resize(n_targets * n_samples, 0.0);
        transpose(simd, &self.products, n_targets, n_samples, lanes, &mut self.rows, n_targets);
        let can_saturate = output.largest.is_some() && output.range != RangeLaw::Max;
        let n_noted = if self.notes_saturation && can_saturate { n_targets } else { 0 };
        self.beyond.resize(n_noted * n_samples, 0.0);
        for ((sample, products), input) in self.rows.chunks_exact_mut(n_targets).enumerate().zip(&inputs) {
            let beyond = &mut self.beyond[n_noted * sample..n_noted * (sample + 1)];
            if in_vectors {
                vectors::finish(simd, &output, &pass.scales, input, &keys, sample as u32, products, beyond);
            } else {
                output.finish_noting(products, &pass.programmed.scales, None, input, &keys, sample as u32, beyond);
            }
        }
        pass.kept_outputs.clear();
        if self.beyond.iter().any(|&by| by != 0.0) {
            pass.kept_outputs.resize(n_targets * lanes, 0.0);
            transpose(simd, &self.beyond, n_samples, n_targets, n_targets, &mut pass.kept_outputs, lanes);
            pass.kept_outputs.iter_mut().for_each(|by| *by = f32::from(u8::from(*by == 0.0)));
        }
        transpose(simd, &self.rows, n_samples, n_targets, n_targets, &mut self.products, lanes);
        for (sum, output) in sums.iter_mut().zip(&self.products) {
            *sum += output;
        }
        // 5. In units of activations and weights again, for the gradients.
        for (values, input) in pass.inputs.chunks_exact_mut(pass.stride).zip(&inputs).filter(|(_, input)| input.step != 1.0) {
            values[..n_sources].iter_mut().for_each(|x| *x *= input.step);
        }
        if plan.layers[block.from].is_input {
            // Nothing is sent back to inputs, so nobody reads these weights again.
            return;
        }
        if pass.weights.is_empty() {
            return;
        }
        let scales = if in_vectors { &pass.scales } else { &pass.programmed.scales };
        for (n, &scale) in scales.iter().enumerate().filter(|(_, scale)| **scale != 1.0) {
            pass.weights[spans.span(n)].iter_mut().for_each(|w| *w *= scale);
        }
    }
}

fn root_mean_square(weights: &[f32]) -> f32 {
    (reduce::lane_sum(weights, |&w| f64::from(w) * f64::from(w)) / weights.len() as f64).sqrt() as f32
}
