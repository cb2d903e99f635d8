//! Looks for weights and biases that are no longer finite, wherever a step has written any.

use bevy_ecs::world::World;
use rayon::prelude::*;

use crate::components::{Bias, NeuronId, Source, Target, Weight};
use crate::topology::{Fabric, PopulationIdx};

/// Rows that one task scans.
const BLOCK: usize = 1 << 16;

/// The epochs up to which all weights and biases are known to be finite.
#[derive(Debug, Default)]
pub(super) struct FiniteCheck {
    weights: Vec<u64>,
    biases: Vec<u64>,
}

impl FiniteCheck {
    /// The first weight or bias that is infinite or NaN, by name, among those written since the last call.
    pub(super) fn find_non_finite(&mut self, world: &World) -> Option<String> {
        let fabric = world.resource::<Fabric>();
        self.weights.resize(fabric.projections().count(), 0);
        self.biases.resize(fabric.populations().count(), 0);
        for ((i, projection), known) in fabric.projections().zip(&mut self.weights) {
            let epoch = projection.weight_epoch();
            if std::mem::replace(known, epoch) == epoch {
                continue;
            }
            let weights = fabric.synapse_rows::<Weight>(world, i)?;
            if let Some(row) = first_non_finite(bytemuck::cast_slice(weights)) {
                let source = id(world, projection.from(), fabric.synapse_rows::<Source>(world, i)?[row].row());
                let target = id(world, projection.to(), fabric.synapse_rows::<Target>(world, i)?[row].row());
                return Some(format!("the weight of synapse {source}->{target} of \"{}\" is {}", projection.name(), weights[row].0));
            }
        }
        for ((i, population), known) in fabric.populations().zip(&mut self.biases) {
            let epoch = population.bias_epoch();
            if std::mem::replace(known, epoch) == epoch {
                continue;
            }
            let biases = fabric.neuron_rows::<Bias>(world, i)?;
            if let Some(row) = first_non_finite(bytemuck::cast_slice(biases)) {
                return Some(format!("the bias of neuron {} of \"{}\" is {}", id(world, i, row), population.name(), biases[row].0));
            }
        }
        None
    }
}

fn id(world: &World, population: PopulationIdx, row: usize) -> NeuronId {
    world.resource::<Fabric>().neuron_rows::<NeuronId>(world, population).expect("every neuron has an id")[row]
}

fn first_non_finite(values: &[f32]) -> Option<usize> {
    let is_bad = |block: &[f32]| block.iter().fold(false, |bad, v| bad | !v.is_finite());
    let block = values.par_chunks(BLOCK).position_first(is_bad)?;
    let start = block * BLOCK;
    values[start..].iter().position(|v| !v.is_finite()).map(|i| start + i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_is_found() {
        let mut values = vec![1.0; 3 * BLOCK];
        assert_eq!(first_non_finite(&values), None);
        values[2 * BLOCK + 5] = f32::NAN;
        values[BLOCK + 7] = f32::NEG_INFINITY;
        assert_eq!(first_non_finite(&values), Some(BLOCK + 7));
    }
}
