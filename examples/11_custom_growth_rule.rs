//! A growth rule of one's own: a network that grows by preferential attachment (Barabasi, Albert 1999).
//!
//! Each step a neuron is born and joins three others, each chosen with a probability proportional to its degree: the rich get
//! richer, and the network has hubs that random attachment does not make. A rule of growth is a system of `Phase::Grow` that reads
//! columns and records births; the fabric makes them, keeps the rows sorted, and every thread count gives the same network.

use lehr::prelude::*;
use lehr::random::{StreamKey, SystemTag};

const ATTACH: SystemTag = SystemTag::named("example/attach");
const CELLS: PopulationIdx = PopulationIdx(0);
const AXONS: ProjectionIdx = ProjectionIdx(0);
const NEW_SYNAPSES: usize = 3;

/// True to choose by degree, false to choose anyone: the twin without hubs.
#[derive(Resource)]
struct ByDegree(bool);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut largest = Vec::new();
    for by_degree in [true, false] {
        let mut sim = simulation(by_degree)?;
        sim.run(2000)?;
        let degrees = degrees(sim.fabric(), sim.synapses("cells->cells").unwrap_or(&[]));
        let mean = degrees.iter().sum::<u32>() as f64 / degrees.len() as f64;
        largest.push(degrees.iter().copied().max().unwrap_or(0));
        let state = sim.state_hash().to_string();
        println!(
            "by degree: {by_degree:5}  neurons {}  mean degree {mean:.2}  largest {:3}  state {state:.16}",
            degrees.len(),
            largest[largest.len() - 1]
        );
    }
    assert!(largest[0] > 2 * largest[1], "attachment by degree makes hubs");
    Ok(())
}

fn simulation(by_degree: bool) -> Result<Simulation, BuildError> {
    let mut sim = Simulation::new(Seed(11));
    sim.insert_resource(ByDegree(by_degree)).add_systems(Phase::Grow, attach_newborn);
    let ring = (0..5).map(|i| (i, (i + 1) % 5, 1.0));
    sim.build(Blueprint::new().population("cells", 5).projection("cells", "cells", ring.collect::<Vec<_>>()))?;
    Ok(sim)
}

/// Records a neuron, and its synapses onto neurons that are there.
fn attach_newborn(synapses: Synapses<&Source>, by_degree: Res<ByDegree>, births: Res<Births>, seed: Res<RunSeed>, step: Res<StepCount>) {
    let mut draw = StreamKey::new(seed.0, ATTACH, step.0).stream();
    let sources = synapses.get(AXONS).unwrap_or(&[]);
    let (fabric, n) = (synapses.fabric(), synapses.fabric().population(CELLS).n_neurons());
    let newborn = NeuronBirth { population: CELLS, origin: ATTACH, ordinal: 0, activation: 0.0, bias: 0.0 };
    births.neuron(newborn);
    let mut chosen: Vec<u32> = Vec::new();
    while chosen.len() < NEW_SYNAPSES {
        // Either end of a random synapse is a random neuron by degree.
        let synapse = draw.below(sources.len() as u64) as usize;
        let end = match (by_degree.0, draw.coin()) {
            (false, _) => draw.below(n as u64) as u32,
            (true, true) => sources[synapse].row() as u32,
            (true, false) => fabric.projection(AXONS).offsets().partition_point(|&o| o as usize <= synapse) as u32 - 1,
        };
        if !chosen.contains(&end) {
            chosen.push(end);
        }
    }
    births.synapses(chosen.into_iter().map(|target| SynapseBirth {
        projection: AXONS,
        source: newborn.end(),
        target: target.into(),
        weight: 1.0,
    }));
}

/// Synapses of each neuron, in and out.
fn degrees(fabric: &Fabric, sources: &[Source]) -> Vec<u32> {
    let mut degrees: Vec<u32> = fabric.projection(AXONS).offsets().windows(2).map(|w| w[1] - w[0]).collect();
    sources.iter().for_each(|s| degrees[s.row()] += 1);
    degrees
}

#[test]
fn hubs_grow() {
    main().expect("the example runs");
}
