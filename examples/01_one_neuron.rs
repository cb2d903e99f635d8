//! One neuron that leaks: a population, a system in a phase, a few steps.
//!
//! da = -a / tau + h, once a step: the activation climbs to its fixed point h tau. It is the smallest
//! simulation there is, and everything larger has the same four parts.

use lehr::prelude::*;

const TAU_STEPS: f32 = 5.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // 1. A simulation has a seed, from which all its random numbers follow.
    let mut sim = Simulation::new(Seed(1));
    // 2. What happens in a step: systems, each in its phase.
    sim.add_systems(Phase::Forward, leak);
    // 3. What there is: populations of neurons (and, later, projections of synapses).
    let neuron = PopulationSpec { biases: vec![0.2], ..PopulationSpec::new("cell", 1) };
    sim.build(Blueprint::new().with_population(neuron))?;
    // 4. Time.
    println!("step  activation");
    for _ in 0..6 {
        sim.run(5)?;
        println!("{:4}  {:.4}", sim.step_count(), sim.neurons::<Activation>("cell").expect("built above")[0].0);
    }
    Ok(())
}

/// Moves every activation towards its input. Columns come as slices, one population at a time.
fn leak(mut neurons: Neurons<(&mut Activation, &Bias)>) {
    for (_population, (activations, biases)) in neurons.iter_mut() {
        for (a, h) in activations.iter_mut().zip(biases) {
            a.0 += h.0 - a.0 / TAU_STEPS;
        }
    }
}

#[test]
fn the_activation_reaches_its_fixed_point() {
    main().expect("the example runs");
}
