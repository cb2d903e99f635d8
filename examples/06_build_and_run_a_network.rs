//! A network in a world: populations with units, projections with weights, and a forward pass a step.
//!
//! The weights are set by hand, so that the answer can be checked by eye: two hidden neurons count their inputs, and
//! the output fires if exactly one of two switches is on. A recurrent projection then lets the network remember.

use lehr::network::{CompiledNetwork, NetworkSettings, attach, run_live};
use lehr::plan::network::Unit;
use lehr::prelude::*;

const SWITCHES: [[f32; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sim = Simulation::new(Seed(6));
    sim.build(exclusive_or())?;
    let settings = NetworkSettings::new()
        .input("switches")
        .hidden("counts", Unit::Step)
        .output("lamp", Unit::Step)
        .output("ever", Unit::Step)
        .recurrent("ever->ever");
    attach(&mut sim, settings)?;
    run_live(&mut sim)?;
    sim.add_systems(Phase::Sense, turn_switches);

    println!("switches   lamp   was it ever on?");
    for [a, b] in SWITCHES {
        sim.step()?;
        let value = |name: &str| sim.neurons::<Activation>(name).expect("built above")[0].0;
        println!("   {a} {b}      {}      {}", value("lamp"), value("ever"));
        assert_eq!(value("lamp") == 1.0, a != b);
    }
    let ever = sim.neurons::<Activation>("ever").expect("built above")[0].0;
    assert_eq!(ever, 1.0, "the memory outlives the lamp");

    // The compiled form, as learning rules use it: weights by projection, borrowed from the columns.
    let network = sim.world().resource::<CompiledNetwork>();
    for (block, weights) in network.plan().blocks.iter().zip(network.parameters_in(sim.world()).weights) {
        println!("{:>16}  {:?}", block.name, weights);
    }
    Ok(())
}

/// lamp = (at least one switch is on) and not (both are); ever = lamp, or ever a step before.
fn exclusive_or() -> Blueprint {
    let biased = |name: &str, biases: &[f32]| PopulationSpec { biases: biases.to_vec(), ..PopulationSpec::new(name, biases.len()) };
    Blueprint::new()
        .population("switches", 2)
        .with_population(biased("counts", &[-0.5, -1.5]))
        .with_population(biased("lamp", &[-0.5]))
        .with_population(biased("ever", &[-0.5]))
        .projection("switches", "counts", [(0, 0, 1.0), (1, 0, 1.0), (0, 1, 1.0), (1, 1, 1.0)])
        .projection("counts", "lamp", [(0, 0, 1.0), (1, 0, -1.0)])
        .projection("lamp", "ever", [(0, 0, 1.0)])
        .projection("ever", "ever", [(0, 0, 1.0)])
}

/// Shows the network one setting of the switches a step.
fn turn_switches(mut neurons: Neurons<&mut Activation>, step: Res<StepCount>) {
    let switches = neurons.get_mut(PopulationIdx(0)).expect("the first population");
    for (switch, value) in switches.iter_mut().zip(SWITCHES[step.0 as usize % SWITCHES.len()]) {
        switch.0 = value;
    }
}
