//! Learning by heat: weights and biases of the attached network are sampled at a temperature that falls.
//!
//! Anneal: in each step of its window, a [`HeatSettings`] makes its proposals against all samples to learn from, then the columns,
//! the ledger's terms `loss` (the sum over these samples) and `prior` and the metrics `temperature`, `acceptance` and `proposals`
//! follow. Several may be
//! attached, each with its window, beside other rules of learning: whoever acts reads the columns and leaves them behind.
//! The cache of activations is no state: it is made anew from the columns at the beginning of each step, so that a resumed run has the
//! same bits. Sizes of proposals are columns, which follow the structure.

use bevy_ecs::component::Component;
use bevy_ecs::resource::Resource;
use bevy_ecs::system::{Res, ResMut};
use bytemuck::{Pod, Zeroable};

use crate::components::{Bias, Column, EnergyLedger, Metrics, RunSeed, StepCount, Weight};
use crate::engine::methods::SettingsError;
use crate::engine::network::heat::langevin::{mala, sgld};
use crate::engine::network::heat::{HeatError, HeatMethod, HeatSettings, Surface, Tally, prior_energy, walk};
use crate::engine::network::reverse::Learns;
use crate::engine::network::train::Gradient;
use crate::engine::network::{Parameters, ParametersRef};
use crate::kernels::simd::{Simd, SimdError};
use crate::phases::Phase;
use crate::plan::network::NetworkPlan;
use crate::random::{BLOCK, StreamKey, SystemTag};
use crate::simulation::Simulation;
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};
use crate::topology::{Neurons, Synapses};

use super::compiled::CompiledNetwork;
use super::samples::Samples;

/// Standard deviation of the proposals of a weight; 0 before the first one.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
#[repr(transparent)]
pub struct WeightProposalSize(pub f32);

impl Column for WeightProposalSize {
    const NAME: &'static str = "WeightProposalSize";
    type Element = f32;
}

/// Standard deviation of the proposals of a bias; 0 before the first one.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
#[repr(transparent)]
pub struct BiasProposalSize(pub f32);

impl Column for BiasProposalSize {
    const NAME: &'static str = "BiasProposalSize";
    type Element = f32;
}

/// Why weights cannot be annealed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WeightHeatError {
    /// No network is attached.
    #[error("attach a network before its weights are annealed")]
    NotAttached,
    /// There is nothing to learn from.
    #[error("insert the resource Samples before weights are annealed: heat needs samples to learn from")]
    NoSamples,
    /// The columns of proposals are missing.
    #[error(
        "population or projection \"{0}\" has no column for the sizes of proposals: call network::heat::columns before the network is built"
    )]
    NoColumns(String),
    /// A setting is out of its range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The samples or the network do not suit.
    #[error(transparent)]
    Heat(#[from] HeatError),
    /// The forced backend is not there.
    #[error(transparent)]
    Simd(#[from] SimdError),
}

/// Registers the columns that learning by heat needs; call it before the network is built.
pub fn columns(sim: &mut Simulation) {
    sim.synapse_column(WeightProposalSize::default());
    sim.neuron_column(BiasProposalSize::default());
}

/// All windows of heat, and what they share.
#[derive(Resource)]
pub(super) struct WeightHeat {
    windows: Vec<HeatSettings>,
    simd: Simd,
    /// The landscape of the plan compiled at this count of restructurings.
    landscape: Option<(u64, Surface)>,
}

impl WeightHeat {
    /// The settings that state the prior at `step`: those of the window that began last, or that will begin first.
    pub(super) fn settings_at(&self, step: u64) -> Option<&HeatSettings> {
        let begun = self.windows.iter().filter(|w| w.from <= step).max_by_key(|w| w.from);
        begun.or_else(|| self.windows.iter().min_by_key(|w| w.from))
    }
}

/// Proposals of each window so far.
#[derive(Resource, Default)]
struct WeightHeatTally(Vec<Tally>);

impl Checkpointed for WeightHeatTally {
    const NAME: &'static str = "weight_heat";

    fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put("weight_heat/proposed", &self.0.iter().map(|t| t.n_proposed).collect::<Vec<_>>());
        snapshot.put("weight_heat/accepted", &self.0.iter().map(|t| t.n_accepted).collect::<Vec<_>>());
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let proposed: Vec<u64> = snapshot.get_n("weight_heat/proposed", self.0.len())?;
        let accepted: Vec<u64> = snapshot.get_n("weight_heat/accepted", self.0.len())?;
        if let Some(k) = (0..proposed.len()).find(|&k| accepted[k] > proposed[k]) {
            let what = format!("{} of {} proposals were accepted", accepted[k], proposed[k]);
            return Err(SnapshotError::Invalid { name: "weight_heat/accepted".to_owned(), what });
        }
        self.0 = proposed.into_iter().zip(accepted).map(|(n_proposed, n_accepted)| Tally { n_proposed, n_accepted }).collect();
        Ok(())
    }
}

/// Lets heat own the weights and biases of the attached network in the window of `settings`.
///
/// # Errors
/// If no network or no samples are there, a column is missing, a setting is out of its range, or the network cannot learn from the
/// samples by this method.
pub fn attach(sim: &mut Simulation, settings: HeatSettings) -> Result<(), WeightHeatError> {
    settings.validate()?;
    let simd = Simd::detect()?;
    let world = sim.world();
    let network = world.get_resource::<CompiledNetwork>().ok_or(WeightHeatError::NotAttached)?;
    let samples = world.get_resource::<Samples>().ok_or(WeightHeatError::NoSamples)?;
    for layer in &network.plan().layers {
        if layer.n_neurons > 0 && sim.neurons::<BiasProposalSize>(&layer.name).is_none() {
            return Err(WeightHeatError::NoColumns(layer.name.clone()));
        }
    }
    // What does not fit is an error before the first step.
    let parameters = network.parameters_in(world).to_owned();
    let landscape = match settings.method {
        HeatMethod::Metropolis => {
            let landscape = surface(network, samples, parameters, simd)?;
            Some((network.structure_epoch(), landscape))
        }
        HeatMethod::Mala { .. } | HeatMethod::Sgld { .. } => None,
    };
    match sim.world_mut().get_resource_mut::<WeightHeat>() {
        Some(mut heat) => {
            heat.windows.push(settings);
            heat.landscape = landscape.or(heat.landscape.take());
            sim.world_mut().resource_mut::<WeightHeatTally>().0.push(Tally::default());
        }
        None => {
            sim.insert_resource(WeightHeat { windows: vec![settings], simd, landscape });
            sim.state(WeightHeatTally(vec![Tally::default()]));
            sim.add_systems(Phase::Anneal, heat_weights);
        }
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "a system names what it reads and writes")]
fn heat_weights(
    mut heat: ResMut<WeightHeat>,
    mut tally: ResMut<WeightHeatTally>,
    network: Res<CompiledNetwork>,
    samples: Res<Samples>,
    mut weights: Synapses<(&mut Weight, &mut WeightProposalSize)>,
    mut biases: Neurons<(&mut Bias, &mut BiasProposalSize)>,
    ledger: Res<EnergyLedger>,
    metrics: Res<Metrics>,
    seed: Res<RunSeed>,
    step: Res<StepCount>,
) -> bevy_ecs::error::Result {
    let WeightHeat { windows, simd, landscape } = &mut *heat;
    for (number, settings) in windows.iter().enumerate().filter(|(_, s)| s.acts_at(step.0)) {
        let key = StreamKey::new(seed.0, SystemTag::named("weight_heat"), step.0).replica(2 * number as u32);
        let mut columns = Columns { weights: network.by_block(weights.iter_mut()), biases: network.by_layer(biases.iter_mut()) };
        let plan = network.plan();
        if let Some(sd) = settings.initial_sd.filter(|_| step.0 == settings.from) {
            columns.randomise(plan, sd, StreamKey { system: SystemTag::named("weight_heat/initial"), ..key });
        }
        let mut parameters = columns.parameters().to_owned();
        clamp(&mut parameters, plan, settings.bound);
        let t = settings.temperature_at(step.0);
        let n = u64::from(settings.proposals_per_step);
        let (made, loss, prior) = match settings.method {
            HeatMethod::Metropolis => {
                let landscape = follow(landscape, &network, &samples, parameters, *simd)?;
                let mut sizes = columns.sizes(plan, settings.adaptation.first_size);
                let (first, adapts) = (tally.0[number].n_proposed, settings.adapts_at(step.0));
                let (made, _) = match landscape {
                    Surface::Cone(cone) => walk(&mut **cone, settings, &mut sizes, first, n, t, adapts, key),
                    Surface::Steps(steps) => walk(&mut **steps, settings, &mut sizes, first, n, t, adapts, key),
                };
                columns.write_sizes(plan, &sizes);
                parameters = landscape.parameters().clone();
                (made, landscape.loss(), prior_energy(landscape.parameters(), settings))
            }
            HeatMethod::Mala { rate } => {
                let mut slope = full_slope(plan, &samples, *simd);
                let made = mala(&mut parameters, settings, rate, &is_input(plan), (n, t), &mut slope, key);
                (made, slope_loss(&mut slope, &parameters), prior_energy(&parameters, settings))
            }
            HeatMethod::Sgld { rate, batch } => {
                let mut slope = batch_slope(plan, &samples, *simd, batch, key);
                let made = sgld(&mut parameters, settings, rate, &is_input(plan), (n, t), &mut slope, key);
                (made, slope_loss(&mut full_slope(plan, &samples, *simd), &parameters), prior_energy(&parameters, settings))
            }
        };
        columns.write(&parameters);
        tally.0[number].n_proposed += made.n_proposed;
        tally.0[number].n_accepted += made.n_accepted;
        ledger.set("loss", loss);
        ledger.set("prior", prior);
        metrics.set("temperature", t);
        metrics.set("acceptance", made.n_accepted as f64 / made.n_proposed as f64);
        metrics.set("proposals", tally.0.iter().map(|t| t.n_proposed).sum::<u64>() as f64);
    }
    Ok(())
}

/// The columns of the network, by block and by layer.
struct Columns<'a> {
    weights: Vec<(&'a mut [Weight], &'a mut [WeightProposalSize])>,
    biases: Vec<(&'a mut [Bias], &'a mut [BiasProposalSize])>,
}

impl Columns<'_> {
    fn parameters(&self) -> ParametersRef<'_> {
        ParametersRef {
            weights: self.weights.iter().map(|(w, _)| bytemuck::cast_slice(w)).collect(),
            biases: self.biases.iter().map(|(b, _)| bytemuck::cast_slice(b)).collect(),
        }
    }

    fn write(&mut self, parameters: &Parameters) {
        for ((to, _), from) in self.weights.iter_mut().zip(&parameters.weights) {
            bytemuck::cast_slice_mut::<_, f32>(to).copy_from_slice(from);
        }
        for ((to, _), from) in self.biases.iter_mut().zip(&parameters.biases) {
            bytemuck::cast_slice_mut::<_, f32>(to).copy_from_slice(from);
        }
    }

    /// Gaussian weights, biases of 0.
    fn randomise(&mut self, plan: &NetworkPlan, sd: f32, key: StreamKey) {
        for (b, (weights, _)) in self.weights.iter_mut().enumerate() {
            for (k, chunk) in weights.chunks_mut(BLOCK).enumerate() {
                let mut stream = key.sweep(b as u32).block(k as u32).stream();
                chunk.iter_mut().for_each(|w| w.0 = sd * stream.gaussian() as f32);
            }
        }
        for ((biases, _), _) in self.biases.iter_mut().zip(&plan.layers).filter(|(_, layer)| !layer.is_input) {
            biases.fill(Bias(0.0));
        }
    }

    /// The sizes of proposals in the order of the parameters; `first` where there is none yet.
    fn sizes(&self, plan: &NetworkPlan, first: f32) -> Vec<f32> {
        let weights = self.weights.iter().flat_map(|(_, sizes)| sizes.iter().map(|s| s.0));
        let layers = self.biases.iter().zip(&plan.layers).filter(|(_, layer)| !layer.is_input);
        let biases = layers.flat_map(|((_, sizes), _)| sizes.iter().map(|s| s.0));
        weights.chain(biases).map(|size| if size > 0.0 { size } else { first }).collect()
    }

    fn write_sizes(&mut self, plan: &NetworkPlan, sizes: &[f32]) {
        let mut sizes = sizes.iter();
        for (size, &from) in self.weights.iter_mut().flat_map(|(_, to)| to.iter_mut()).zip(&mut sizes) {
            size.0 = from;
        }
        let layers = self.biases.iter_mut().zip(&plan.layers).filter(|(_, layer)| !layer.is_input);
        for (size, &from) in layers.flat_map(|((_, to), _)| to.iter_mut()).zip(sizes) {
            size.0 = from;
        }
    }
}

fn surface(network: &CompiledNetwork, samples: &Samples, parameters: Parameters, simd: Simd) -> Result<Surface, HeatError> {
    Surface::new(network.plan().clone(), parameters, &samples.train, samples.loss, samples.steps as usize, simd)
}

/// The landscape around `parameters`, computed anew: from one step to the next by what it holds, else from the beginning.
fn follow<'a>(
    held: &'a mut Option<(u64, Surface)>,
    network: &CompiledNetwork,
    samples: &Samples,
    parameters: Parameters,
    simd: Simd,
) -> Result<&'a mut Surface, HeatError> {
    let epoch = network.structure_epoch();
    if held.as_ref().is_none_or(|(made_at, _)| *made_at != epoch) {
        *held = Some((epoch, surface(network, samples, parameters, simd)?));
    } else if let Some((_, landscape)) = held {
        landscape.follow(parameters);
    }
    Ok(held.as_mut().map(|(_, landscape)| landscape).expect("it was made above"))
}

/// What lies beyond +-bound, set to it; biases of inputs, which nothing moves, stay.
fn clamp(parameters: &mut Parameters, plan: &NetworkPlan, bound: f32) {
    let biases = parameters.biases.iter_mut().zip(&plan.layers).filter(|(_, layer)| !layer.is_input).map(|(biases, _)| biases);
    parameters.weights.iter_mut().chain(biases).flatten().for_each(|w| *w = w.clamp(-bound, bound));
}

fn is_input(plan: &NetworkPlan) -> Vec<bool> {
    plan.layers.iter().map(|l| l.is_input).collect()
}

/// Steps of a sample, through all of which slopes go back.
fn steps_of(plan: &NetworkPlan, samples: &Samples) -> usize {
    if plan.is_recurrent() { samples.steps.max(1) as usize } else { 1 }
}

/// The summed loss and its gradient over all samples.
fn full_slope(plan: &NetworkPlan, samples: &Samples, simd: Simd) -> impl FnMut(&Parameters, &mut Parameters) -> f64 {
    let mut gradient = Gradient::new(simd, steps_of(plan, samples), Learns::all(plan));
    let all: Vec<u32> = (0..samples.train.n_samples() as u32).collect();
    move |p, out| gradient.add(plan, &p.view(), samples.loss, &samples.train, &all, 1.0, out)
}

/// The same from a fresh minibatch at each call, scaled to all samples.
fn batch_slope(
    plan: &NetworkPlan,
    samples: &Samples,
    simd: Simd,
    size: u32,
    key: StreamKey,
) -> impl FnMut(&Parameters, &mut Parameters) -> f64 {
    let n = samples.train.n_samples();
    let size = (size as usize).min(n);
    let mut gradient = Gradient::new(simd, steps_of(plan, samples), Learns::all(plan));
    let mut order: Vec<u32> = (0..n as u32).collect();
    let mut stream = key.replica(key.replica + 1).stream();
    let scale = n as f32 / size as f32;
    move |p, out| {
        for k in 0..size {
            order.swap(k, k + stream.below((n - k) as u64) as usize);
        }
        f64::from(scale) * gradient.add(plan, &p.view(), samples.loss, &samples.train, &order[..size], scale, out)
    }
}

fn slope_loss(slope: &mut impl FnMut(&Parameters, &mut Parameters) -> f64, parameters: &Parameters) -> f64 {
    let zeros = |rows: &[Vec<f32>]| rows.iter().map(|r| vec![0.0; r.len()]).collect();
    slope(parameters, &mut Parameters { weights: zeros(&parameters.weights), biases: zeros(&parameters.biases) })
}
