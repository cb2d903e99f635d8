//! Orders of systems, executors, and failures at every place of a step.

use bevy_ecs::change_detection::Res;
use bevy_ecs::schedule::{IntoScheduleConfigs, ScheduleBuildSettings};

use super::schedule::settings;
use super::{Executor, Simulation, StateHash, StepError};
use crate::components::{Activation, Bias, EnergyLedger, RunSeed, Source, StepCount, Target, Weight};
use crate::phases::Phase;
use crate::random::{StreamKey, SystemTag};
use crate::topology::{Births, Blueprint, Deaths, End, NeuronBirth, Neurons, PopulationIdx, ProjectionIdx, SynapseBirth, Synapses};
use crate::units::Seed;

const N_STEPS: u64 = 12;

fn drift(mut neurons: Neurons<(&mut Activation, &Bias)>, seed: Res<RunSeed>, step: Res<StepCount>) {
    let mut draw = StreamKey::new(seed.0, SystemTag::named("drift"), step.0).stream();
    for (_, (activations, biases)) in neurons.iter_mut() {
        for (a, b) in activations.iter_mut().zip(biases) {
            a.0 = 0.5 * a.0 + b.0 + draw.uniform_f32();
        }
    }
}

fn fade(mut synapses: Synapses<&mut Weight>) {
    synapses.iter_mut().flat_map(|(_, weights)| weights).for_each(|w| w.0 *= 0.75);
}

fn record_activity(neurons: Neurons<&Activation>, ledger: Res<EnergyLedger>) {
    ledger.set("activity", neurons.iter().flat_map(|(_, a)| a).map(|a| f64::from(a.0)).sum());
}

fn record_strength(synapses: Synapses<&Weight>, ledger: Res<EnergyLedger>) {
    ledger.set("strength", synapses.iter().flat_map(|(_, w)| w).map(|w| f64::from(w.0)).sum());
}

/// Two rules that know nothing of each other grow neurons and synapses in one phase.
fn grow<const RULE: u32>(births: Res<Births>, step: Res<StepCount>) {
    let origin = SystemTag(100 - RULE);
    let birth = NeuronBirth { population: PopulationIdx(0), origin, ordinal: 0, activation: RULE as f32, bias: 0.1 };
    births.neuron(birth);
    births.synapse(SynapseBirth { projection: ProjectionIdx(0), source: birth.end(), target: End::Row(RULE), weight: step.0 as f32 });
}

fn die<const RULE: u32>(deaths: Res<Deaths>, synapses: Synapses<(&Source, &Target)>) {
    for (projection, (sources, targets)) in synapses.iter() {
        let rows = (0_u32..).zip(sources.iter().zip(targets));
        deaths.synapses(projection, rows.filter(|(_, (s, t))| (s.row() + t.row() + RULE as usize).is_multiple_of(5)).map(|(row, _)| row));
    }
    deaths.neuron(PopulationIdx(0), RULE);
}

fn simulation() -> Simulation {
    let mut sim = Simulation::new(Seed(5));
    sim.add_systems(Phase::Forward, (drift, fade))
        .add_systems(Phase::Energy, (record_activity, record_strength))
        .add_systems(Phase::Grow, (grow::<0>, grow::<1>, grow::<2>))
        .add_systems(Phase::Prune, (die::<0>, die::<1>));
    sim
}

fn network() -> Blueprint {
    let edges = (0..6).flat_map(|s| (0..4).map(move |t| (s, t, s as f32 - t as f32)));
    Blueprint::new().population("in", 6).population("out", 4).projection("in", "out", edges)
}

fn chain_of_hashes(mut sim: Simulation) -> Vec<StateHash> {
    sim.build(network()).unwrap();
    let step = |_| {
        sim.step().unwrap();
        sim.state_hash()
    };
    (0..N_STEPS).map(step).collect()
}

#[test]
fn neither_the_order_of_systems_nor_the_executor_decides_a_bit() {
    let expected = chain_of_hashes(simulation());
    assert!(expected.windows(2).all(|pair| pair[0] != pair[1]));
    for seed in 0..32 {
        let mut sim = simulation();
        sim.schedule.set_build_settings(ScheduleBuildSettings { shuffle_seed: Some(seed), ..settings() });
        assert_eq!(chain_of_hashes(sim), expected, "shuffled by {seed}");
    }
    for n_threads in [1, 2, 3, 7, 16] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let mut sim = simulation();
        sim.set_executor(Executor::Multi);
        assert_eq!(pool.install(|| chain_of_hashes(sim)), expected, "{n_threads} threads");
    }
}

fn burst(step: Res<StepCount>) {
    assert!(step.0 < 3, "burst");
}

fn refuse(step: Res<StepCount>) -> bevy_ecs::error::Result {
    if step.0 < 3 { Ok(()) } else { Err("refused".into()) }
}

/// Steps until the planted fault at step 3, and checks what is left.
fn check_fault(mut sim: Simulation, place: &str) {
    sim.build(network()).unwrap();
    sim.run(3).unwrap_or_else(|e| panic!("{place}: {e}"));
    let saved = sim.save().unwrap();
    let Err(StepError::Failed(failure)) = sim.step() else { panic!("{place}: the fault was not noticed") };
    assert_eq!(failure.step, 3, "{place}");
    let (culprit, message) = if failure.is_panic { ("burst", "panicked: burst") } else { ("refuse", "refused") };
    assert!(failure.culprit.contains(culprit), "{place}: blames {}", failure.culprit);
    assert_eq!(failure.message, message, "{place}");
    assert_eq!(sim.step(), Err(StepError::Poisoned(failure.clone())), "{place}");
    assert_eq!(sim.step_paused(), Err(StepError::Poisoned(failure.clone())), "{place}");
    assert_eq!(sim.save(), Err(StepError::Poisoned(failure.clone())), "{place}");
    sim.load(&saved).unwrap();
    assert_eq!(sim.save().unwrap(), saved, "{place}");
    assert_eq!(sim.failure(), None, "{place}");
}

#[test]
fn a_fault_before_or_after_any_phase_poisons_and_a_checkpoint_heals() {
    for executor in [Executor::Single, Executor::Multi] {
        for phase in Phase::ALL {
            for is_before in [true, false] {
                let plant = |panics: bool| {
                    let mut sim = simulation();
                    sim.set_executor(executor);
                    match (is_before, panics) {
                        (true, true) => sim.schedule.add_systems(burst.before(phase).ambiguous_with_all()),
                        (true, false) => sim.schedule.add_systems(refuse.before(phase).ambiguous_with_all()),
                        (false, true) => sim.schedule.add_systems(burst.after(phase).ambiguous_with_all()),
                        (false, false) => sim.schedule.add_systems(refuse.after(phase).ambiguous_with_all()),
                    };
                    check_fault(sim, &format!("{executor:?}, {phase:?}, before: {is_before}, panics: {panics}"));
                };
                plant(true);
                plant(false);
            }
        }
    }
}

#[test]
fn numbers_that_are_not_finite_are_named() {
    fn overflow(mut synapses: Synapses<&mut Weight>, step: Res<StepCount>) {
        if step.0 == 1 {
            synapses.get_mut(ProjectionIdx(0)).unwrap()[5].0 = f32::INFINITY;
        }
    }
    fn lose(mut neurons: Neurons<&mut Bias>) {
        neurons.get_mut(PopulationIdx(1)).unwrap()[2].0 = f32::NAN;
    }
    let message = |plugin: fn(&mut Simulation)| {
        let mut sim = Simulation::new(Seed(1));
        sim.add(plugin).build(network()).unwrap();
        let Err(StepError::Failed(failure)) = sim.run(3) else { panic!("nothing was noticed") };
        assert!(!failure.is_panic && sim.save().is_err());
        failure.to_string()
    };
    let weights = message(|sim| _ = sim.add_systems(Phase::Learn, overflow));
    assert_eq!(weights, "step 1, numbers: the weight of synapse n5->n6 of \"in->out\" is inf");
    let biases = message(|sim| _ = sim.add_systems(Phase::Learn, lose));
    assert_eq!(biases, "step 0, numbers: the bias of neuron n8 of \"out\" is NaN");
    let energy = message(|sim| _ = sim.add_systems(Phase::Energy, |ledger: Res<EnergyLedger>| ledger.set("spins", f64::NAN)));
    assert!(energy.starts_with("step 0, system") && energy.contains("energy term \"spins\" is NaN"), "{energy}");
    let late = message(|sim| _ = sim.add_systems(Phase::Observe, |ledger: Res<EnergyLedger>| ledger.set("spins", f64::INFINITY)));
    assert!(late.starts_with("step 0, energy: energy term \"spins\" is inf"), "{late}");
}

#[test]
fn a_paused_step_edits_but_neither_learns_nor_counts() {
    let mut sim = simulation();
    sim.build(network()).unwrap();
    let before = sim.neurons::<Activation>("in").unwrap().to_vec();
    sim.world().resource::<Deaths>().neuron(PopulationIdx(0), 2);
    assert_eq!(sim.save(), Err(StepError::Pending));
    sim.step_paused().unwrap();
    assert_eq!(sim.step_count(), 0);
    assert_eq!(sim.neurons::<Activation>("in").unwrap(), [&before[..2], &before[3..]].concat());
    assert_eq!(sim.synapses::<Weight>("in->out").unwrap().len(), 20);
}

#[test]
fn a_refused_state_leaves_everything_as_it_was() {
    let mut sim = simulation();
    sim.build(network()).unwrap();
    sim.run(2).unwrap();
    let good = sim.save().unwrap();
    sim.run(1).unwrap();
    let before = sim.save().unwrap();
    for i in 0..good.sections.len() {
        let mut missing = good.clone();
        missing.sections.remove(i);
        assert!(sim.load(&missing).is_err(), "without {}", good.sections[i].name);
        // A text cut short is another text; every other section is noticed.
        if !good.sections[i].bytes.is_empty() && good.sections[i].name != "energy/names" {
            let mut short = good.clone();
            short.sections[i].bytes.pop();
            assert!(sim.load(&short).is_err(), "{} cut short", good.sections[i].name);
        }
        assert_eq!(sim.save().unwrap(), before);
    }
    let mut broken = |section: &str, element: usize, bytes: &[u8]| {
        let mut snapshot = good.clone();
        let section = snapshot.sections.iter_mut().find(|s| s.name == section).unwrap();
        section.bytes[element * bytes.len()..][..bytes.len()].copy_from_slice(bytes);
        let error = sim.load(&snapshot).unwrap_err().to_string();
        assert_eq!(sim.save().unwrap(), before);
        error
    };
    assert!(broken("neuron/out/Bias", 1, &f32::NAN.to_le_bytes()).contains("element 1 is not finite"));
    assert!(broken("neuron/out/NeuronId", 1, &1_u64.to_le_bytes()).contains("does not ascend"));
    assert!(broken("neuron/out/NeuronId", 3, &u64::MAX.to_le_bytes()).contains("was never handed out"));
    assert!(broken("synapse/in->out/Source", 1, &99_u32.to_le_bytes()).contains("leaves its populations"));
    assert!(broken("synapse/in->out/Target", 0, &3_u32.to_le_bytes()).contains("out of order"));
    assert!(broken("energy/values", 0, &f64::NAN.to_le_bytes()).contains("NaN"));
}
