//! Heat in networks that remember: what a proposal costs is what running all steps costs, and a walk learns what needs memory.

use std::sync::Arc;

use lehr::data::{Dataset, delayed_xor};
use lehr::engine::network::heat::{HeatSettings, Landscape, LossSurface, Site, Unrolled, walk};
use lehr::engine::network::score::Judge;
use lehr::engine::network::{Loss, Parameters};
use lehr::kernels::layers::Products;
use lehr::kernels::simd::Simd;
use lehr::network::samples::score;
use lehr::plan::network::{Block, Layer, NetworkPlan, Rows, Unit};
use lehr::random::{StreamKey, SystemTag};
use lehr::units::Seed;

/// 1 - 6 - 2 with random weights, remembering or not.
fn network(remembers: bool, unit: Unit) -> (Arc<NetworkPlan>, Parameters) {
    let layer = |name: &str, n_neurons, is_input, is_output| Layer {
        name: name.to_owned(),
        n_neurons,
        unit: if is_output { Unit::Identity } else { unit },
        is_input,
        is_output,
    };
    let block = |from, to, is_delayed| Block { name: format!("{from}->{to}"), from, to, is_delayed, rows: Rows::Dense };
    let mut blocks = vec![block(0, 1, false), block(1, 2, false)];
    blocks.extend(remembers.then(|| block(1, 1, true)));
    let plan = NetworkPlan::new(vec![layer("in", 1, true, false), layer("memory", 6, false, false), layer("out", 2, false, true)], blocks);
    let plan = Arc::new(plan.unwrap());
    let mut parameters = Parameters::zeros(&plan);
    let mut stream = StreamKey::new(Seed(3), SystemTag::named("unrolled"), 0).stream();
    parameters.weights.iter_mut().flatten().for_each(|w| *w = stream.gaussian() as f32);
    (plan, parameters)
}

fn single_bits(sequences: &Dataset) -> Dataset {
    Dataset { n_features: 1, inputs: sequences.inputs.chunks(3).map(|x| x[0]).collect(), ..sequences.clone() }
}

#[test]
fn proposals_cost_what_running_the_changed_network_costs() {
    let (plan, parameters) = network(true, Unit::Tanh);
    let data = Arc::new(delayed_xor(150, 1, Seed(0)));
    let mut unrolled = Unrolled::new(plan.clone(), parameters.clone(), data.clone(), Loss::CrossEntropy, 3, Simd::Scalar).unwrap();
    let judge = Judge::new(&[&data], Loss::CrossEntropy);
    let loss = |p: &Parameters| score(&plan, &p.view(), &data, (&judge, 3), None, (Products::Ordered, Simd::Scalar)).loss;
    assert!((unrolled.loss() - loss(&parameters)).abs() < 1e-9);
    let mut moved = parameters;
    for number in 0..unrolled.n_parameters() {
        let site = unrolled.site(number);
        let value = unrolled.value(site) + 0.25;
        match site {
            Site::Weight { block, synapse } => moved.weights[block][synapse] = value,
            Site::Bias { layer, row } => moved.biases[layer][row] = value,
        }
        let expected = loss(&moved) - unrolled.loss();
        assert_eq!(unrolled.propose(site, value, expected - 1e-6), None, "{site:?} costs {expected}");
        let found = unrolled.propose(site, value, f64::INFINITY).unwrap();
        assert!((found - expected).abs() < 1e-9, "{site:?}: {found} and {expected}");
        let mut changes = Vec::new();
        unrolled.changes_of(site, value, &(0..150).collect::<Vec<_>>(), &mut changes);
        assert!((changes.iter().map(|&c| f64::from(c)).sum::<f64>() - expected).abs() < 1e-4);
        unrolled.propose(site, value, f64::INFINITY).unwrap();
        unrolled.accept();
        assert_eq!(unrolled.parameters(), &moved);
    }
}

#[test]
fn without_memory_it_is_the_landscape() {
    let (plan, parameters) = network(false, Unit::Tanh);
    let data = Arc::new(single_bits(&delayed_xor(150, 1, Seed(0))));
    let mut unrolled = Unrolled::new(plan.clone(), parameters.clone(), data.clone(), Loss::CrossEntropy, 1, Simd::best()).unwrap();
    let mut landscape = Landscape::new(plan, parameters, &data, Loss::CrossEntropy, Simd::best()).unwrap();
    for number in 0..landscape.n_parameters() {
        let site = landscape.site(number);
        let value = landscape.value(site) - 0.5;
        let pair = [landscape.propose(site, value, f64::INFINITY), unrolled.propose(site, value, f64::INFINITY)].map(Option::unwrap);
        assert!((pair[0] - pair[1]).abs() < 1e-3, "{site:?}: {pair:?}");
    }
}

#[test]
fn heat_learns_to_remember_with_steps_and_not_without_memory() {
    let data = Arc::new(delayed_xor(32, 1, Seed(1)));
    let settings = HeatSettings { lambda: 0.01, ..HeatSettings::default() };
    let learned = |remembers: bool| {
        let (plan, parameters) = network(remembers, Unit::Step);
        // A network without memory is shown the sequence by its last bit alone.
        let data = if remembers {
            data.clone()
        } else {
            Arc::new(Dataset { n_features: 1, inputs: data.inputs.chunks(3).map(|x| x[2]).collect(), ..(*data).clone() })
        };
        let mut surface = Unrolled::new(plan, parameters, data, Loss::CrossEntropy, 3, Simd::best()).unwrap();
        let mut sizes = vec![1.0; surface.n_parameters()];
        for (stage, t) in [4.0, 2.0, 1.0, 0.5, 0.25, 0.1].into_iter().enumerate() {
            let key = StreamKey::new(Seed(5), SystemTag::named("unrolled walk"), stage as u64);
            walk(&mut surface, &settings, &mut sizes, 0, 600, t, true, key);
        }
        surface.loss() / 32.0
    };
    let (with, without) = (learned(true), learned(false));
    assert!(with < 0.1, "a loss of {with}");
    assert!(without > 0.5, "a loss of {without} cannot be had without memory");
}
