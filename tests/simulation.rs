//! The simulation as its users see it: steps, state, and what happens when a system fails.

use bevy_ecs::component::Component;
use bevy_ecs::prelude::{Res, ResMut, Resource};
use bevy_ecs::schedule::IntoScheduleConfigs;
use bytemuck::{Pod, Zeroable};

use lehr::components::{Activation, Bias, Column, EnergyLedger, Source, StepCount, Target, Weight};
use lehr::phases::Phase;
use lehr::simulation::{Simulation, first_difference};
use lehr::topology::{Blueprint, BuildError, Edge, Neurons, ProjectionSpec, Synapses};
use lehr::units::Seed;

/// A column that only this test knows.
#[derive(Component, Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(transparent)]
struct Trace([u16; 3]);

impl Column for Trace {
    const NAME: &'static str = "Trace";
    type Element = u16;
}

fn leak(mut neurons: Neurons<(&mut Activation, &Bias)>) {
    for (_, (activations, biases)) in neurons.iter_mut() {
        for (a, b) in activations.iter_mut().zip(biases) {
            a.0 = 0.5 * a.0 + b.0;
        }
    }
}

fn strengthen(mut synapses: Synapses<(&Source, &Target, &mut Weight, &mut Trace)>, step: Res<StepCount>) {
    for (_, (sources, targets, weights, traces)) in synapses.iter_mut() {
        for i in 0..weights.len() {
            weights[i].0 += (sources[i].row() + 10 * targets[i].row()) as f32;
            traces[i].0[1] = step.0 as u16;
        }
    }
}

fn record_energy(neurons: Neurons<&Activation>, ledger: Res<EnergyLedger>) {
    let energy: f64 = neurons.iter().flat_map(|(_, a)| a).map(|a| f64::from(a.0)).sum();
    ledger.set("activity", energy);
}

fn network() -> Blueprint {
    Blueprint::new()
        .population("in", 3)
        .population("out", 2)
        .projection("in", "out", [(2, 1, 0.5), (0, 0, 0.25), (1, 0, -1.0)])
        .with_projection(ProjectionSpec::symmetric("out", vec![Edge { source: 1, target: 0, weight: 2.0 }]))
        .projection("out", "in", [])
}

fn simulation() -> Simulation {
    let mut sim = Simulation::new(Seed(1));
    sim.synapse_column(Trace([7, 8, 9]))
        .add_systems(Phase::Forward, leak)
        .add_systems(Phase::Energy, record_energy)
        .add_systems(Phase::Learn, strengthen);
    sim.build(network()).unwrap();
    sim.neurons_mut::<Bias>("in").unwrap()[2] = Bias(1.0);
    sim
}

#[test]
fn rows_are_sorted_by_target_and_source_and_columns_reach_systems() {
    let mut sim = simulation();
    let rows = |sim: &Simulation| -> Vec<(usize, usize)> {
        let (s, t) = (sim.synapses::<Source>("in->out").unwrap(), sim.synapses::<Target>("in->out").unwrap());
        s.iter().zip(t).map(|(s, t)| (t.row(), s.row())).collect()
    };
    assert_eq!(rows(&sim), [(0, 0), (0, 1), (1, 2)]);
    assert_eq!(sim.synapses::<Trace>("in->out").unwrap()[1], Trace([7, 8, 9]));
    sim.run(3).unwrap();
    assert_eq!(sim.synapses::<Weight>("in->out").unwrap(), [Weight(0.25), Weight(-1.0 + 3.0), Weight(0.5 + 36.0)]);
    assert_eq!(sim.synapses::<Weight>("out->out").unwrap(), [Weight(2.0 + 30.0)]);
    assert_eq!(sim.synapses::<Source>("out->out").unwrap()[0].row(), 0);
    assert_eq!(sim.synapses::<Trace>("out->out").unwrap(), [Trace([7, 2, 9])]);
    assert_eq!(sim.synapses::<Weight>("out->in").unwrap(), []);
    assert_eq!(sim.neurons::<Activation>("in").unwrap()[2], Activation(1.75));
    assert_eq!(sim.step_count(), 3);
}

#[test]
fn a_state_comes_back_and_goes_on_with_the_same_bits() {
    let mut sim = simulation();
    sim.run(2).unwrap();
    let saved = sim.save().unwrap();
    let mut other = simulation();
    other.load(&saved).unwrap();
    assert_eq!(other.save().unwrap(), saved);
    for _ in 0..3 {
        sim.step().unwrap();
        other.step().unwrap();
        assert_eq!(sim.state_hash(), other.state_hash());
    }
    other.neurons_mut::<Activation>("out").unwrap()[1].0 += 1.0;
    assert_ne!(sim.state_hash(), other.state_hash());
    let difference = first_difference(&sim.save().unwrap(), &other.save().unwrap()).unwrap();
    assert_eq!((difference.section.as_str(), difference.place.as_str()), ("neuron/out/Activation", "neuron n4"));
}

#[derive(Resource, Default)]
struct Count(u32);

#[test]
fn systems_in_conflict_without_an_order_are_refused() {
    let mut sim = Simulation::new(Seed(1));
    sim.insert_resource(Count(0));
    sim.add_systems(Phase::Learn, |mut c: ResMut<Count>| c.0 += 1);
    sim.add_systems(Phase::Learn, |mut c: ResMut<Count>| c.0 *= 2);
    assert!(matches!(sim.build(Blueprint::new()), Err(BuildError::Schedule(_))));

    let mut sim = Simulation::new(Seed(1));
    sim.insert_resource(Count(0));
    sim.add_systems(Phase::Learn, (|mut c: ResMut<Count>| c.0 += 1, |mut c: ResMut<Count>| c.0 *= 2).chain());
    sim.build(Blueprint::new()).unwrap();
    sim.step().unwrap();
    assert_eq!(sim.world().resource::<Count>().0, 2);
}
