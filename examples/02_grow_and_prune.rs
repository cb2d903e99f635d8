//! A network that rewires itself: synapses are born at random and die when they are weak.
//!
//! Systems never change the structure. They record births and deaths as data; the fabric applies
//! them between two phases, keeps the rows sorted and every column in step. The same seed gives
//! the same network on any number of threads, and a saved state goes on with the same bits.

use lehr::prelude::*;
use lehr::random::{StreamKey, SystemTag};

const GROW: SystemTag = SystemTag::named("example/grow");
const N: u64 = 40;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sim = simulation()?;
    println!("step  synapses  state");
    for _ in 0..5 {
        sim.run(20)?;
        println!("{:4}  {:8}  {:.16}", sim.step_count(), sim.fabric().n_synapses(), sim.state_hash().to_string());
    }

    // A saved state, loaded into a fresh simulation, goes on as the original does.
    let saved = sim.save()?;
    let mut twin = simulation()?;
    twin.load(&saved)?;
    sim.run(10)?;
    twin.run(10)?;
    assert_eq!(sim.state_hash(), twin.state_hash());
    println!("a twin resumed at step 100 agrees at step {}", twin.step_count());
    Ok(())
}

fn simulation() -> Result<Simulation, BuildError> {
    let mut sim = Simulation::new(Seed(2));
    sim.add_systems(Phase::Learn, fade).add_systems(Phase::Grow, grow).add_systems(Phase::Prune, prune);
    sim.build(Blueprint::new().population("cells", N as usize).projection("cells", "cells", []))?;
    Ok(sim)
}

/// Forgets a little of every weight.
fn fade(mut synapses: Synapses<&mut Weight>) {
    synapses.iter_mut().flat_map(|(_, weights)| weights).for_each(|w| w.0 *= 0.95);
}

/// Records a few random births; a synapse that exists already is left alone.
fn grow(synapses: Synapses<(&Source, &Weight)>, births: Res<Births>, seed: Res<RunSeed>, step: Res<StepCount>) {
    let cells = ProjectionIdx(0);
    let mut draw = StreamKey::new(seed.0, GROW, step.0).stream();
    let target = draw.below(N) as u32;
    let row = synapses.fabric().projection(cells).synapses_onto(target as usize);
    let sources = synapses.get(cells).map_or(&[][..], |(sources, _)| &sources[row]);
    for source in draw.below(4) as u32..N as u32 {
        let is_chosen = draw.below(10) == 0 && !sources.iter().any(|s| s.row() == source as usize);
        if is_chosen {
            births.synapse(SynapseBirth { projection: cells, source: source.into(), target: target.into(), weight: draw.uniform_f32() });
        }
    }
}

/// Records the death of every weak synapse.
fn prune(synapses: Synapses<&Weight>, deaths: Res<Deaths>) {
    for (projection, weights) in synapses.iter() {
        let rows = (0_u32..).zip(weights);
        deaths.synapses(projection, rows.filter(|(_, w)| w.0 < 0.1).map(|(row, _)| row));
    }
}

#[test]
fn the_network_rewires_and_resumes() {
    main().expect("the example runs");
}
