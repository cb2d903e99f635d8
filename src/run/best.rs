//! `best.csv`: the state of the lowest energy that a run found, neuron by neuron.

use crate::components::BestSpin;
use crate::simulation::Simulation;
use crate::thermo::{SpinNetwork, SpinValues};

/// Name of the file in a run directory.
pub const BEST_FILE: &str = "best.csv";

/// The file for the state of `sim`, as rows of population, index in it and value; `None` before there is a best state.
pub fn best_csv(sim: &Simulation) -> Option<String> {
    let is_binary = sim.world().get_resource::<SpinNetwork>().is_some_and(|network| network.values() == SpinValues::ZeroOne);
    let down = if is_binary { "0" } else { "-1" };
    let mut text = "population,neuron,value\n".to_owned();
    let header_len = text.len();
    for (_, population) in sim.fabric().populations() {
        let spins = sim.neurons::<BestSpin>(&population.name).unwrap_or_default();
        for (neuron, spin) in spins.iter().enumerate().filter(|(_, spin)| spin.0 != 0) {
            let value = if spin.0 > 0 { "1" } else { down };
            text += &format!("{},{neuron},{value}\n", population.name);
        }
    }
    (text.len() > header_len).then_some(text)
}
