//! A learning rule of one's own: a column, a system, a phase. The rule itself is ten lines.
//!
//! Oja's rule, dw = eta y (x - y w) (Oja 1982), turns the weights of a linear neuron into the first
//! principal component of its inputs. `Visits` is a column of our own: the fabric moves, hashes and
//! checkpoints it like those it brings along.

use lehr::prelude::*;
use lehr::random::{StreamKey, SystemTag};

/// Steps in which a synapse carried something.
#[derive(Component, Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
struct Visits(u32);

impl Column for Visits {
    const NAME: &'static str = "Visits";
    type Element = u32;
}

const INPUTS: PopulationIdx = PopulationIdx(0);
const OUTPUT: PopulationIdx = PopulationIdx(1);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sim = Simulation::new(Seed(5));
    sim.synapse_column(Visits(0));
    sim.add_systems(Phase::Sense, draw_inputs).add_systems(Phase::Forward, sum_inputs).add_systems(Phase::Learn, learn_oja);
    sim.build(Blueprint::new().population("in", 2).population("out", 1).projection("in", "out", [(0, 0, 0.1), (1, 0, 0.3)]))?;
    sim.run(2_000)?;

    let w = sim.synapses::<Weight>("in->out").expect("built above");
    let visits = sim.synapses::<Visits>("in->out").expect("registered above")[0].0;
    println!("after {visits} visits the weights point along ({:.2}, {:.2}); the inputs vary most along (0.80, 0.60)", w[0].0, w[1].0);
    assert!((w[0].0 - 0.8).abs() < 0.1 && (w[1].0 - 0.6).abs() < 0.1);
    Ok(())
}

/// The rule.
fn learn_oja(mut synapses: Synapses<(&Source, &Target, &mut Weight, &mut Visits)>, neurons: Neurons<&Activation>) {
    let (Some(x), Some(y)) = (neurons.get(INPUTS), neurons.get(OUTPUT)) else { return };
    for (_, (sources, targets, weights, visits)) in synapses.iter_mut() {
        for i in 0..weights.len() {
            let (x, y) = (x[sources[i].row()].0, y[targets[i].row()].0);
            weights[i].0 += 0.01 * y * (x - y * weights[i].0);
            visits[i].0 += 1;
        }
    }
}

/// Correlated inputs: most variance along (0.8, 0.6), little across it.
fn draw_inputs(mut neurons: Neurons<&mut Activation>, seed: Res<RunSeed>, step: Res<StepCount>) {
    let mut draw = StreamKey::new(seed.0, SystemTag::named("example/inputs"), step.0).stream();
    let (along, across) = (draw.gaussian() as f32, 0.3 * draw.gaussian() as f32);
    if let Some(x) = neurons.get_mut(INPUTS) {
        x[0].0 = 0.8 * along - 0.6 * across;
        x[1].0 = 0.6 * along + 0.8 * across;
    }
}

/// y = sum w x.
fn sum_inputs(synapses: Synapses<(&Source, &Weight)>, mut neurons: Neurons<&mut Activation>) {
    let Some((sources, weights)) = synapses.get(ProjectionIdx(0)) else { return };
    let x = neurons.get_mut(INPUTS).map_or(Vec::new(), |x| x.to_vec());
    if let Some(y) = neurons.get_mut(OUTPUT) {
        y[0].0 = sources.iter().zip(weights).map(|(s, w)| w.0 * x[s.row()].0).sum();
    }
}

#[test]
fn the_rule_finds_the_principal_component() {
    main().expect("the example runs");
}
