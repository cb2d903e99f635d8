//! The meaning of a forward pass, one sample at a time and without cleverness: what every other path equals bit for bit.

use crate::plan::network::{Block, NetworkPlan, Rows, Unit};

use super::parameters::ParametersRef;
use super::units::{activate, fire};

/// One step of one sample.
///
/// `activations`, by layer, holds the inputs and, for delayed blocks, the activations of the step before; all layers
/// but the inputs are overwritten. `membranes`, by layer, holds the potentials of LIF neurons; empty ones start at 0
/// and are forgotten. Returns the pre-activations by layer.
///
/// # Panics
/// If a length does not fit the plan.
pub fn forward(
    plan: &NetworkPlan,
    parameters: &ParametersRef<'_>,
    activations: &mut [Vec<f32>],
    membranes: &mut [Vec<f32>],
) -> Vec<Vec<f32>> {
    parameters.assert_fit(plan);
    let before = activations.to_vec();
    let mut sums: Vec<Vec<f32>> = plan.layers.iter().map(|l| vec![0.0; l.n_neurons]).collect();
    for stage in &plan.stages {
        let layer = &plan.layers[stage.layer];
        let whole: Vec<u32>;
        let rows = match &stage.rows {
            Some(rows) => rows,
            None => {
                whole = (0..layer.n_neurons as u32).collect();
                &whole
            }
        };
        for row in rows.iter().map(|&r| r as usize) {
            let bias = parameters.biases[stage.layer][row];
            let mut z = if layer.unit.is_gate() { 0.0 } else { bias };
            let mut fan_in = 0;
            for (b, block) in plan.blocks_onto(stage.layer) {
                let from = if block.is_delayed { &before[block.from] } else { &activations[block.from] };
                each_synapse(block, row, from.len(), |source, synapse| {
                    let (w, x) = (parameters.weights[b][synapse], from[source]);
                    z = if layer.unit.is_gate() { z + f32::from(u8::from(w * x + bias > 0.5)) } else { w.mul_add(x, z) };
                    fan_in += 1;
                });
            }
            sums[stage.layer][row] = z;
            activations[stage.layer][row] = match (layer.unit, membranes.get_mut(stage.layer).and_then(|m| m.get_mut(row))) {
                (Unit::Lif(lif), Some(v)) => fire(lif, z, v),
                (unit, _) => activate(unit, z, fan_in),
            };
        }
    }
    sums
}

/// Calls `visit` with the source and the number of each synapse onto `row`, sources ascending.
fn each_synapse(block: &Block, row: usize, n_sources: usize, mut visit: impl FnMut(usize, usize)) {
    match &block.rows {
        Rows::Dense => (0..n_sources).for_each(|s| visit(s, row * n_sources + s)),
        Rows::Sparse { offsets, sources } => {
            (offsets[row] as usize..offsets[row + 1] as usize).for_each(|k| visit(sources[k] as usize, k));
        }
    }
}
