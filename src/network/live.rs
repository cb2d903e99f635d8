//! The network as a live thing: one sample, one step of activations a step of the simulation. Phase: Forward.
//!
//! Inputs are the `Activation` of input populations, set in `Sense`; all other populations get theirs. Recurrent
//! projections read the activations of the step before. A clamped neuron keeps its activation. LIF neurons of a
//! recurrent network keep their potential in the column `Membrane`.
//!
//! A sample alone takes the lanes of 16. Where weights and biases have not been written for a while, nothing is clamped,
//! nothing remembered and all projections are dense, they are packed for one sample instead, which has the same bits.

use bevy_ecs::resource::Resource;
use bevy_ecs::system::{Res, ResMut};

use crate::components::{Activation, Bias, Clamped, Membrane, Weight};
use crate::engine::network::forward::forward_stages;
use crate::engine::network::{Activations, FrozenNetwork, Network, ParametersRef};
use crate::kernels::layers::Products;
use crate::kernels::simd::{Simd, SimdError};
use crate::phases::Phase;
use crate::plan::network::{NetworkPlan, Rows, Unit, WeightFormat};
use crate::simulation::Simulation;
use crate::topology::{Fabric, Neurons, Synapses};

use super::compiled::{CompiledNetwork, NetworkError};

/// Gives the neurons of one kind a membrane potential; call it before the network is built.
pub fn columns_of_lif(sim: &mut Simulation, kind: &str) {
    sim.neuron_column_of(kind, Membrane::default());
}

/// Why an attached network cannot run live.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LiveError {
    /// No network is attached.
    #[error("attach a network before it runs live")]
    NotAttached,
    /// The network cannot keep its state.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The forced backend is not there.
    #[error(transparent)]
    Simd(#[from] SimdError),
}

/// Steps without a write to weights and biases after which they are packed: a step of 784-512-10 over lanes takes 121 us, one that
/// is packed 19 us, and packing reads and writes every weight several times.
const STEPS_WORTH_PACKING: u32 = 32;

/// Room for the activations of the sample.
#[derive(Resource)]
struct LiveNetwork {
    simd: Simd,
    still: Still,
    /// Made for the plan compiled at this count of restructurings.
    made_for: Option<u64>,
    activations: Activations,
}

/// Evaluates the attached network once a step.
///
/// # Errors
/// If no network is attached, LIF neurons of a recurrent network have no column for their potentials, or a forced
/// backend is not there.
pub fn run_live(sim: &mut Simulation) -> Result<(), LiveError> {
    let simd = Simd::detect()?;
    let Some(network) = sim.world().get_resource::<CompiledNetwork>() else { return Err(LiveError::NotAttached) };
    let plan = network.plan();
    for layer in plan.layers.iter().filter(|l| plan.is_recurrent() && !l.is_input && matches!(l.unit, Unit::Lif(_))) {
        if sim.neurons::<Membrane>(&layer.name).is_none() {
            return Err(NetworkError::NoMembrane(layer.name.clone()).into());
        }
    }
    sim.insert_resource(LiveNetwork { simd, still: Still::default(), made_for: None, activations: Activations::default() });
    sim.add_systems(Phase::Forward, activate_neurons);
    Ok(())
}

/// For how long weights and biases have stayed as they are, and the network packed for one sample since.
#[derive(Default)]
struct Still {
    /// Counts of restructurings, and of writes to weights and to biases.
    epochs: [u64; 3],
    n_steps: u32,
    packed: Option<FrozenNetwork>,
}

impl Still {
    /// Counts a step, from 0 again if anything was written since the last one.
    fn follow(&mut self, network: &CompiledNetwork, fabric: &Fabric) {
        let mut epochs = [network.structure_epoch(), 0, 0];
        for projection in network.projections().iter().map(|&p| fabric.projection(p)) {
            epochs[0] += projection.structure_epoch();
            epochs[1] += projection.weight_epoch();
        }
        for population in network.populations().iter().map(|&p| fabric.population(p)) {
            epochs[0] += population.structure_epoch();
            epochs[2] += population.bias_epoch();
        }
        if self.epochs == epochs {
            self.n_steps = self.n_steps.saturating_add(1);
        } else {
            *self = Still { epochs, ..Still::default() };
        }
    }

    /// The network packed for one sample, once that pays.
    fn packed<'a>(
        &mut self,
        network: &CompiledNetwork,
        parameters: impl FnOnce() -> ParametersRef<'a>,
        simd: Simd,
    ) -> Option<&mut FrozenNetwork> {
        let plan = network.plan();
        // Panels take 4 bytes a synapse; what sparse rows are packed into would take five times that.
        let is_dense = plan.blocks.iter().all(|b| b.rows == Rows::Dense);
        if self.n_steps < STEPS_WORTH_PACKING || !is_dense || network.products() != Products::Ordered {
            return None;
        }
        let pack = || Network::new(NetworkPlan::clone(plan), parameters().to_owned()).compile(WeightFormat::F32, simd);
        Some(self.packed.get_or_insert_with(pack)).filter(|packed| packed.is_packed())
    }
}

/// One step of the network.
fn activate_neurons(
    mut live: ResMut<LiveNetwork>,
    network: Res<CompiledNetwork>,
    mut states: Neurons<(&mut Activation, &Clamped)>,
    mut membranes: Neurons<&mut Membrane>,
    weights: Synapses<&Weight>,
    biases: Neurons<&Bias>,
    fabric: Res<Fabric>,
) {
    let plan = network.plan();
    let LiveNetwork { simd, still, made_for, activations } = &mut *live;
    let mut states = network.by_layer(states.iter_mut());
    still.follow(&network, &fabric);
    let is_free = states.iter().all(|(_, clamps)| !clamps.iter().any(|c| c.is_clamped()));
    if is_free && let Some(packed) = still.packed(&network, || network.parameters(&weights, &biases), *simd) {
        let inputs: Vec<f32> = plan.inputs().flat_map(|(l, _)| states[l].0.iter().map(|a| a.0)).collect();
        packed.run(&inputs);
        for (l, _) in plan.layers.iter().enumerate().filter(|(_, l)| !l.is_input) {
            states[l].0.iter_mut().zip(packed.activations(l)).for_each(|(a, &value)| a.0 = value);
        }
        return;
    }
    if *made_for != Some(network.structure_epoch()) {
        *activations = Activations::new(plan, 1).multiplied_by(network.products());
        *made_for = Some(network.structure_epoch());
    }
    let n_lanes = activations.n_lanes();
    let mut membranes = network.by_layer(membranes.iter_mut());
    // 1. The columns are the state: everything is read from them, so that nothing else needs a checkpoint.
    for (values, (column, _)) in activations.layers.iter_mut().zip(&states) {
        write_lane(values, n_lanes, column.iter().map(|a| a.0));
    }
    for (values, column) in activations.membranes.iter_mut().zip(&membranes) {
        write_lane(values, n_lanes, column.iter().map(|v| v.0));
    }
    // 2. Clamped neurons are put back before anyone reads them.
    forward_stages(plan, &network.parameters(&weights, &biases), activations, *simd, |stage, layers| {
        let (held, clamps) = &states[stage.layer];
        for (row, _) in clamps.iter().enumerate().filter(|(_, c)| c.is_clamped()) {
            layers[stage.layer][row * n_lanes] = held[row].0;
        }
    });
    // 3. Back to the columns.
    for (l, _) in plan.layers.iter().enumerate().filter(|(_, l)| !l.is_input) {
        for (a, value) in states[l].0.iter_mut().zip(activations.sample(l, 0)) {
            a.0 = value;
        }
        for (v, value) in membranes[l].iter_mut().zip(activations.membranes[l].chunks_exact(n_lanes)) {
            v.0 = value[0];
        }
    }
}

fn write_lane(rows: &mut [f32], n_lanes: usize, values: impl Iterator<Item = f32>) {
    for (row, value) in rows.chunks_exact_mut(n_lanes).zip(values) {
        row[0] = value;
    }
}
