//! Damage that a scene orders. Phase: Edit.

use bevy_ecs::system::Res;

use crate::components::Source;
use crate::topology::{Deaths, Neurons, ProjectionIdx, Synapses};

use super::columns::Place;
use super::grow::Moment;
use super::places::vectors;
use super::settings::LesionTarget;
use super::system::Plasticity;

/// Records the deaths of the lesions of this step.
pub(super) fn lesion_regions(
    plasticity: Res<Plasticity>,
    places: Neurons<&Place>,
    sources: Synapses<&Source>,
    moment: Moment,
    deaths: Res<Deaths>,
) {
    let fabric = places.fabric();
    let lesions = plasticity.settings.lesions.iter().zip(&plasticity.lesions).enumerate();
    for (number, (lesion, &population)) in lesions.filter(|(_, (l, _))| l.step == moment.step()) {
        // Each lesion draws by its own number.
        let key = moment.key("plasticity/lesion", ProjectionIdx(number as u32));
        let hit = lesion.region.neurons(&vectors(places.get(population)), key);
        if lesion.target == LesionTarget::Neurons {
            hit.iter().for_each(|&row| deaths.neuron(population, row));
            continue;
        }
        let mut is_hit = vec![false; fabric.population(population).n_neurons()];
        hit.iter().for_each(|&row| is_hit[row as usize] = true);
        let (onto, from) = (lesion.target != LesionTarget::Outputs, lesion.target != LesionTarget::Inputs);
        for (idx, projection) in fabric.projections() {
            if onto && projection.to() == population {
                deaths.synapses(idx, hit.iter().flat_map(|&t| projection.synapses_onto(t as usize)).map(|row| row as u32));
            }
            if from && projection.from() == population {
                let rows = (0_u32..).zip(sources.get(idx).unwrap_or(&[]));
                deaths.synapses(idx, rows.filter(|(_, s)| is_hit[s.row()]).map(|(row, _)| row));
            }
        }
    }
}
