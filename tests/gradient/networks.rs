//! Small networks of every class of topology, with random numbers and samples.

use lehr::data::{Dataset, Targets};
use lehr::engine::network::Parameters;
use lehr::plan::network::{Block, Layer, NetworkPlan, Rows, Unit};
use lehr::random::{Stream, StreamKey, SystemTag};
use lehr::units::Seed;

pub fn stream(seed: u64) -> Stream {
    StreamKey::new(Seed(seed), SystemTag::named("gradient tests"), 0).stream()
}

/// A layer; the first letter says its role: `i`nput, `o`utput or hidden.
pub fn layer(name: &str, n_neurons: usize, unit: Unit) -> Layer {
    Layer { name: name.to_owned(), n_neurons, unit, is_input: name.starts_with('i'), is_output: name.starts_with('o') }
}

pub fn dense(from: usize, to: usize) -> Block {
    Block { name: format!("{from}->{to}"), from, to, is_delayed: false, rows: Rows::Dense }
}

pub fn delayed(mut block: Block) -> Block {
    block.is_delayed = true;
    block
}

/// Random rows; `keep(target, source)` may forbid some.
pub fn sparse(layers: &[Layer], from: usize, to: usize, random: &mut Stream, keep: impl Fn(usize, usize) -> bool) -> Block {
    let (mut offsets, mut sources) = (vec![0], Vec::new());
    for target in 0..layers[to].n_neurons {
        sources.extend((0..layers[from].n_neurons).filter(|&s| keep(target, s) && random.coin()).map(|s| s as u32));
        offsets.push(sources.len() as u32);
    }
    Block { rows: Rows::Sparse { offsets, sources }, ..dense(from, to) }
}

/// Normal numbers of this scale.
pub fn numbers(plan: &NetworkPlan, scale: f64, random: &mut Stream) -> Parameters {
    let mut parameters = Parameters::zeros(plan);
    for x in parameters.weights.iter_mut().chain(&mut parameters.biases).flatten() {
        *x = (scale * random.gaussian()) as f32;
    }
    parameters
}

/// Samples of normal features; targets are classes, or 0 and 1 with `are_values`.
pub fn samples(n_samples: usize, n_features: usize, n_outputs: usize, are_values: bool, random: &mut Stream) -> Dataset {
    let inputs = (0..n_samples * n_features).map(|_| random.gaussian() as f32).collect();
    let targets = if are_values {
        Targets::Values { width: n_outputs, values: (0..n_samples * n_outputs).map(|_| f32::from(u8::from(random.coin()))).collect() }
    } else {
        Targets::Classes((0..n_samples).map(|_| random.below(n_outputs as u64) as u32).collect())
    };
    Dataset { n_features, inputs, targets, class_names: (0..n_outputs).map(|c| c.to_string()).collect() }
}

/// Every class of topology, with its window; neurons have `unit`.
pub fn topologies(unit: Unit) -> Vec<(&'static str, NetworkPlan, usize)> {
    let mut random = stream(7);
    let layers = vec![layer("i", 4, Unit::Identity), layer("h", 19, unit), layer("g", 6, unit), layer("o", 3, Unit::Identity)];
    let any = |_: usize, _: usize| true;
    let plan = |layers: &Vec<Layer>, blocks| NetworkPlan::new(layers.clone(), blocks).unwrap();
    let mut sparse_of = |from, to| sparse(&layers, from, to, &mut random, any);
    let mut found = vec![
        ("dense", plan(&layers, vec![dense(0, 1), dense(1, 2), dense(2, 3)]), 1),
        ("sparse", plan(&layers, vec![sparse_of(0, 1), sparse_of(1, 2), sparse_of(2, 3)]), 1),
        ("skip connections", plan(&layers, vec![dense(0, 1), sparse_of(0, 2), dense(1, 2), dense(1, 3), dense(2, 3), dense(0, 3)]), 1),
        ("two blocks between two layers", plan(&layers, vec![dense(0, 1), dense(1, 2), sparse_of(1, 2), dense(2, 3)]), 1),
    ];
    let two_ends = vec![layer("i", 4, unit), layer("h", 5, unit), layer("o1", 2, Unit::Identity), layer("o2", 1, Unit::Identity)];
    found.push(("two answers", plan(&two_ends, vec![dense(0, 1), dense(1, 2), dense(1, 3)]), 1));
    let two_inputs = vec![layer("i1", 3, unit), layer("i2", 1, unit), layer("h", 5, unit), layer("o", 3, Unit::Identity)];
    found.push(("two inputs", plan(&two_inputs, vec![dense(0, 2), dense(1, 2), dense(2, 3), dense(1, 3)]), 1));
    let upward = sparse(&layers, 1, 1, &mut random, |target, source| source < target);
    found.push(("neuron by neuron", plan(&layers, vec![dense(0, 1), upward, dense(1, 2), dense(2, 3)]), 1));
    let (there, back) = (
        sparse(&layers, 1, 2, &mut random, |target, source| source < 2 * target),
        sparse(&layers, 2, 1, &mut random, |target, source| target >= 2 * source),
    );
    found.push(("two populations in turns", plan(&layers, vec![dense(0, 1), there, back, dense(1, 3), dense(2, 3)]), 1));
    let own = sparse(&layers, 1, 1, &mut random, any);
    found.push((
        "recurrent",
        plan(&layers, vec![dense(0, 1), delayed(own), dense(1, 2), delayed(dense(2, 1)), dense(2, 3), delayed(dense(1, 3))]),
        4,
    ));
    found
}
