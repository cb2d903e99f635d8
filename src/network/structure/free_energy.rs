//! The free energy of a wiring that is a variable, on request.

use std::sync::Arc;

use crate::components::{RunSeed, StepCount};
use crate::engine::methods::settings::require;
use crate::engine::network::structure::NetworkEnergy;
use crate::engine::structure::free_energy::{by_ais, by_integration};
use crate::engine::structure::{Estimator, FreeEnergy, FreeEnergySettings, Structure};
use crate::random::{StreamKey, SystemTag};
use crate::simulation::Simulation;

use super::{CompiledNetwork, Rewirer, RewiringError, Samples};

/// F = -T ln Z over all wirings and weights of the projections that are variable, at the temperature and under the prior of this
/// step: loss of the samples to learn from, biases and all other weights held.
///
/// Chains of their own do the work, each with a copy of the network's energy; the run goes on as if nothing had been asked. It
/// costs `n_chains` times `n_steps` times `moves_per_step` proposals, and is what the thermal preset samples, whichever moves it now.
///
/// # Errors
/// If no wiring is a variable, the temperature is 0, the prior has caps or a fixed number of synapses, neurons come and go, or `how` is out of range.
pub fn free_energy(sim: &Simulation, by: Estimator, how: &FreeEnergySettings) -> Result<FreeEnergy, RewiringError> {
    let world = sim.world();
    let rewirer = world.get_resource::<Rewirer>().ok_or(RewiringError::NotAttached)?;
    let network = world.get_resource::<CompiledNetwork>().ok_or(RewiringError::NotAttached)?;
    let samples = world.get_resource::<Samples>().ok_or(RewiringError::NoSamples)?;
    require(rewirer.settings.neurons.is_none(), "free_energy", "neurons", "neurons that come and go are not counted yet: leave one out")?;
    let (candidates, plan) = (&rewirer.candidates, network.plan());
    let all = candidates.spread(plan, &network.parameters_in(world));
    let weight_of = |candidate: u32| all.weights[candidates.site(candidate).0][candidates.site(candidate).1];
    let living = (0..plan.blocks.len()).flat_map(|b| candidates.of_block(plan, b)).map(|c| (c, weight_of(c)));
    let structure = Structure::with_living(Arc::clone(&rewirer.placed), living);
    let energy = NetworkEnergy::new(Arc::clone(candidates), all, &samples.train, samples.loss, samples.steps as usize, rewirer.simd)?;
    let x = rewirer.settings.progress(sim.step_count());
    let (t, now) = (rewirer.settings.schedule.temperature(x), rewirer.settings.structure_at(x));
    let key = StreamKey::new(world.resource::<RunSeed>().0, SystemTag::named("network/free energy"), world.resource::<StepCount>().0);
    Ok(match by {
        Estimator::Ais => by_ais(&structure, &energy, &now, how, t, key)?,
        Estimator::Integration => by_integration(&structure, &energy, &now, how, t, key)?,
    })
}
