//! Associative recall (Hopfield 1982): patterns are spoilt, descended and compared, network beside network.
//!
//! In each step every network is shown every pattern once with a fraction of its spins flipped, the
//! same flips for all networks, and descends at zero temperature, spin after spin, until nothing
//! moves. A recall succeeds if the pattern comes back whole, or its negative where there are no
//! fields. The last state shown stays in `Activation`. Phase: Anneal. This is driven: a descent, no sampling.

use std::sync::Arc;

use bevy_ecs::resource::Resource;
use bevy_ecs::system::{Res, ResMut};

use crate::components::{Activation, Metrics, RunSeed, StepCount};
use crate::engine::associative::{DenseMemory, Interaction};
use crate::engine::diagnostics::{Moments, binomial_error};
use crate::engine::methods::DIAGNOSTICS;
use crate::engine::spins::{Rule, Scan, SpinSampler, SweepKey, replica::ReplicaSampler};
use crate::kernels::simd::Simd;
use crate::phases::Phase;
use crate::random::{StreamKey, SystemTag};
use crate::simulation::Simulation;
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};
use crate::topology::{Fabric, Neurons, PopulationIdx, compile_spins};

use super::spin_network::{NeuronInputs, SpinValues, SynapseInputs, ThermoError, find_parts, spin_model};

/// Zero temperature in practice: no uphill flip of any coupling that f32 can tell from zero.
const ZERO_TEMPERATURE_BETA: f64 = 1e12;

/// What is recalled, by which networks.
#[derive(Clone, Debug, PartialEq)]
pub struct RecallSettings {
    /// Populations, each a network of its own, all of the patterns' length.
    pub networks: Vec<String>,
    /// Dense associative memories of the same patterns, beside the networks; they have no synapses.
    pub dense: Vec<Interaction>,
    /// Patterns, +1 or -1 a neuron.
    pub patterns: Vec<Vec<i8>>,
    /// Fraction of the spins that is flipped, 0 to 1/2; rounded to a whole number of spins.
    pub flip_fraction: f64,
    /// Sweeps after which a descent is given up, 1 or more.
    pub max_sweeps: u32,
}

/// Adds recall to a built network.
///
/// # Errors
/// If a population is missing, a pattern has another length, or no vector backend can run.
pub fn attach(sim: &mut Simulation, settings: RecallSettings) -> Result<(), ThermoError> {
    let fabric = sim.world().get_resource::<Fabric>().ok_or(ThermoError::NotBuilt)?;
    for name in &settings.networks {
        let idx = fabric.find_population(name).ok_or_else(|| ThermoError::UnknownPopulation(name.clone()))?;
        let n_neurons = fabric.population(idx).n_neurons();
        if let Some((number, pattern)) = settings.patterns.iter().enumerate().find(|(_, p)| p.len() != n_neurons) {
            return Err(ThermoError::PatternLength { population: name.clone(), n_neurons, number, length: pattern.len() });
        }
    }
    let tallies = vec![Tally::default(); settings.networks.len() + settings.dense.len()];
    // Patterns that fit the networks fit a memory; without any there is nothing to recall.
    let memories = settings.dense.iter().filter_map(|&how| DenseMemory::new(&settings.patterns, how).ok()).collect();
    sim.insert_resource(Recall { settings, memories, simd: Simd::detect().map_err(crate::engine::spins::EngineError::from)? });
    sim.state(RecallTally(tallies));
    sim.add_systems(Phase::Anneal, recall_patterns);
    Ok(())
}

#[derive(Resource)]
pub(super) struct Recall {
    settings: RecallSettings,
    memories: Vec<DenseMemory>,
    simd: Simd,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    successes: u64,
    /// Overlaps of all trials.
    overlap: Moments,
}

#[derive(Resource)]
struct RecallTally(Vec<Tally>);

impl Checkpointed for RecallTally {
    const NAME: &'static str = "recall";

    fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put("recall/successes", &self.0.iter().map(|t| t.successes).collect::<Vec<_>>());
        snapshot.put("recall/overlap", &Moments::pack(&self.0.iter().map(|t| t.overlap).collect::<Vec<_>>()));
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let successes: Vec<u64> = snapshot.get_n("recall/successes", self.0.len())?;
        let overlaps = Moments::unpack("recall/overlap", self.0.len(), snapshot)?;
        for (k, (&successes, overlap)) in successes.iter().zip(&overlaps).enumerate() {
            if successes > overlap.count() || overlap.count() > 0 && overlap.mean().abs() > 1.0 {
                let what = format!("network {k} has {successes} successes, overlaps {overlap:?}");
                return Err(SnapshotError::Invalid { name: "recall/successes".to_owned(), what });
            }
        }
        self.0 = successes.into_iter().zip(overlaps).map(|(successes, overlap)| Tally { successes, overlap }).collect();
        Ok(())
    }
}

#[expect(clippy::too_many_arguments, reason = "a system names what it reads and writes")]
fn recall_patterns(
    recall: Res<Recall>,
    mut tally: ResMut<RecallTally>,
    fabric: Res<Fabric>,
    mut columns: bevy_ecs::system::ParamSet<(NeuronInputs, Neurons<&mut Activation>)>,
    synapses: SynapseInputs,
    metrics: Res<Metrics>,
    seed: Res<RunSeed>,
    step: Res<StepCount>,
) -> bevy_ecs::error::Result {
    let settings = &recall.settings;
    for (k, name) in settings.networks.iter().enumerate() {
        let parts = find_parts(std::slice::from_ref(name), &fabric)?;
        let (model, clamped) = spin_model(&parts, SpinValues::PlusMinus, &fabric, &columns.p0(), &synapses)?;
        let has_fields = model.fields.iter().any(|&h| h != 0.0);
        let mut engine = ReplicaSampler::new(Arc::new(compile_spins(&model, &clamped)), recall.simd);
        let mut last = Vec::new();
        for (p, pattern) in settings.patterns.iter().enumerate() {
            let key = StreamKey::new(seed.0, SystemTag::named("recall/flips"), step.0).block(p as u32);
            let shown = spoilt(pattern, settings.flip_fraction, key);
            let sweeps = SweepKey { seed: seed.0, system: SystemTag::named("recall/descent"), step: step.0, sweep: 0 };
            last = descend(&mut engine, &shown, settings.max_sweeps, sweeps);
            let overlap = overlap(&last, pattern, has_fields);
            let t = &mut tally.0[k];
            t.successes += u64::from(overlap == 1.0);
            t.overlap.push(overlap);
        }
        show(&mut columns.p1(), parts[0].0, &last);
        report(&metrics, name, tally.0[k]);
    }
    for (k, memory) in recall.memories.iter().enumerate() {
        let t = &mut tally.0[settings.networks.len() + k];
        for (p, pattern) in settings.patterns.iter().enumerate() {
            // The same flips as those of the networks.
            let key = StreamKey::new(seed.0, SystemTag::named("recall/flips"), step.0).block(p as u32);
            let last = memory.descend(&spoilt(pattern, settings.flip_fraction, key), settings.max_sweeps);
            // Even powers cannot tell a pattern from its negative.
            let can_tell = !matches!(memory.interaction(), Interaction::Power(n) if n % 2 == 0);
            let overlap = overlap(&last, pattern, can_tell);
            t.successes += u64::from(overlap == 1.0);
            t.overlap.push(overlap);
        }
        let name = match memory.interaction() {
            Interaction::Power(n) => format!("power_{n}"),
            Interaction::Exponential => "exponential".to_owned(),
        };
        report(&metrics, &name, *t);
    }
    Ok(())
}

/// Sets the metrics of one network or memory.
fn report(metrics: &Metrics, name: &str, t: Tally) {
    let trials = t.overlap.count();
    metrics.set(&format!("recall_rate_{name}"), t.successes as f64 / trials as f64);
    metrics.set(&format!("recall_rate_{name}_error"), binomial_error(t.successes, trials));
    metrics.set(&format!("recall_overlap_{name}"), t.overlap.mean());
    metrics.set(&format!("recall_overlap_{name}_error"), (t.overlap.variance() / trials as f64).sqrt());
    metrics.set("recall_trials", trials as f64);
}

/// Why a recall has none of the diagnostics of sampling.
pub(super) fn absent() -> Vec<(&'static str, &'static str)> {
    DIAGNOSTICS.into_iter().map(|row| (row, "a descent at zero temperature samples nothing; rates have error bars instead")).collect()
}

/// `pattern` with a fraction of its spins flipped.
fn spoilt(pattern: &[i8], fraction: f64, key: StreamKey) -> Vec<i8> {
    let n_flips = (fraction * pattern.len() as f64).round() as usize;
    let mut neurons: Vec<usize> = (0..pattern.len()).collect();
    key.stream().shuffle(&mut neurons);
    let mut shown = pattern.to_vec();
    for &neuron in &neurons[..n_flips.min(pattern.len())] {
        shown[neuron] = -shown[neuron];
    }
    shown
}

/// Descends spin after spin from `shown` (by neuron) until a sweep moves nothing.
fn descend(engine: &mut ReplicaSampler, shown: &[i8], max_sweeps: u32, key: SweepKey) -> Vec<i8> {
    let plan = Arc::clone(engine.plan());
    let by_slot: Vec<i8> = plan.order.iter().map(|&v| shown[v as usize]).collect();
    engine.write_spins(0, &by_slot);
    engine.set_betas(&[ZERO_TEMPERATURE_BETA]);
    for sweep in 0..max_sweeps {
        let flips = engine.counts().flips;
        engine.sweep(Rule::Metropolis, Scan::Sequential, SweepKey { sweep, ..key });
        if engine.counts().flips == flips {
            break;
        }
    }
    plan.slot.iter().map(|&s| if engine.is_up(s as usize, 0) { 1 } else { -1 }).collect()
}

/// (1/n) sum of s p, or its absolute value where a state and its negative have the same energy.
fn overlap(spins: &[i8], pattern: &[i8], has_fields: bool) -> f64 {
    let sum: i64 = spins.iter().zip(pattern).map(|(&s, &p)| i64::from(s * p)).sum();
    let m = sum as f64 / pattern.len().max(1) as f64;
    if has_fields { m } else { m.abs() }
}

fn show(neurons: &mut Neurons<&mut Activation>, population: PopulationIdx, spins: &[i8]) {
    if let Some(activations) = neurons.get_mut(population) {
        for (activation, &s) in activations.iter_mut().zip(spins) {
            activation.0 = f32::from(s);
        }
    }
}
