//! Checks lengths and chooses the backend, once a call.

use crate::plan::population::{BlockPlan, Network, Wiring};

use super::super::floats::{LANES, dispatch};
use super::super::simd::Simd;
use super::block::StepBlock;
use super::lanes::RunLanes;

/// Values of a block, at an address for every 16-bit place, and room for a step of recurrent networks.
#[derive(Clone, Debug, PartialEq)]
pub struct Buffers {
    values: Box<[f32; 1 << 16]>,
    next: Vec<f32>,
}

impl Default for Buffers {
    fn default() -> Self {
        let values = vec![0.0; 1 << 16].into_boxed_slice();
        Buffers { values: values.try_into().unwrap_or_else(|_| Box::new([0.0; 1 << 16])), next: Vec::new() }
    }
}

impl Buffers {
    /// At rest: the constant is 1, all else of `plan` is 0.
    pub fn reset(&mut self, plan: &BlockPlan) {
        self.values[..plan.n_values()].fill(0.0);
        self.values[plan.one()] = 1.0;
    }

    /// The value at `place`.
    pub fn value(&self, place: usize) -> f32 {
        self.values[place]
    }

    /// Sets the value at `place`.
    pub fn set(&mut self, place: usize, value: f32) {
        self.values[place] = value;
    }
}

/// One step of all networks of a block, from `inputs`, `[input][network]`, to `outputs`, `[output][network]`.
///
/// # Panics
/// If a length does not fit, or the processor lacks the instructions.
pub fn step_block(simd: Simd, plan: &BlockPlan, wiring: Wiring, buffers: &mut Buffers, inputs: &[f32], outputs: &mut [f32]) {
    assert_eq!(inputs.len(), plan.n_inputs * plan.n_networks, "inputs of {} networks", plan.n_networks);
    assert_eq!(outputs.len(), plan.outputs.len(), "outputs of {} networks", plan.n_networks);
    assert!(plan.n_values() <= 1 << 16, "{} values behind 16-bit places", plan.n_values());
    let Buffers { values, next } = buffers;
    values[..inputs.len()].copy_from_slice(inputs);
    next.resize(LANES * plan.slices.len(), 0.0);
    let next = (wiring != Wiring::FeedForward).then_some(next.as_mut_slice());
    dispatch(simd, StepBlock { plan, values, next });
    for (output, &place) in outputs.iter_mut().zip(&plan.outputs) {
        *output = values[usize::from(place)];
    }
}

/// One step of one network over lanes; `values` are `[slot][lane]`, inputs and the constant 1 set, and `next` is room for as many nodes.
///
/// # Panics
/// If a length does not fit, lanes are not whole vectors of 16, or the processor lacks the instructions.
pub fn run_lanes(simd: Simd, network: &Network, wiring: Wiring, n_lanes: usize, values: &mut [f32], next: &mut Vec<f32>) {
    assert!(n_lanes.is_multiple_of(LANES), "{n_lanes} lanes are no multiple of {LANES}");
    assert_eq!(values.len(), network.n_slots() * n_lanes, "values of {} slots by {n_lanes} lanes", network.n_slots());
    if wiring != Wiring::FeedForward {
        next.resize(network.nodes.len() * n_lanes, 0.0);
    }
    let next = (wiring != Wiring::FeedForward).then_some(next.as_mut_slice());
    dispatch(simd, RunLanes { network, n_lanes, values, next });
}
