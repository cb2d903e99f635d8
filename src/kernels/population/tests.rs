//! Every backend gives the bits of the scalar law.

#![cfg(test)]

use super::{Buffers, run_lanes, step_block};
use crate::engine::evolution::law::Activations;
use crate::engine::evolution::mutation::{mutate_activation, mutate_aggregation};
use crate::engine::evolution::{BiasForm, Genomes, Settings, Signals};
use crate::kernels::simd::Simd;
use crate::plan::population::{Activation, Aggregation, BlockPlan, Network, Wiring};
use crate::random::{StreamKey, SystemTag};
use crate::units::Seed;

const WIRINGS: [Signals; 3] = [Signals::FeedForward, Signals::Recurrent, Signals::ContinuousTime { dt: 0.2 }];

/// Networks of different sizes that have every activation and aggregation.
fn networks(signals: Signals, n: usize) -> Vec<Network> {
    let mut settings = Settings::modern();
    settings.signals = signals;
    settings.bias = BiasForm::Gene;
    settings.weights.power = 0.5;
    let mut genomes = crate::engine::evolution::test_genomes::random_population(&settings, n, 30);
    settings.activations = Activation::ALL.to_vec();
    settings.aggregations = Aggregation::ALL.to_vec();
    let mut random = StreamKey::new(Seed(2), SystemTag::named("population kernels"), 0).stream();
    for genome in &mut genomes {
        for _ in 0..20 {
            mutate_activation(genome, &settings, &mut random);
            if random.below(3) == 0 {
                mutate_aggregation(genome, &settings, &mut random);
            }
        }
        for node in &mut genome.nodes {
            node.time_constant = 0.1 + random.uniform_f32();
        }
    }
    let genomes = Genomes::from_genomes(&genomes);
    let compiled = |k: usize| {
        let mut network = Network::default();
        network.compile(genomes.view(k), signals.wiring());
        network
    };
    (0..n).map(compiled).collect()
}

fn input(sample: usize, i: usize) -> f32 {
    ((sample * 31 + i * 17) % 23) as f32 / 11.0 - 1.0
}

/// Bits, where all that is no number is one.
fn bits(x: f32) -> u32 {
    if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }
}

/// The law: outputs after `steps` steps from rest.
fn expected(network: &Network, wiring: Wiring, sample: usize, steps: usize) -> Vec<u32> {
    let mut state = Activations::default();
    state.reset(network);
    let inputs: Vec<f32> = (0..network.n_inputs).map(|i| input(sample, i)).collect();
    for _ in 0..steps {
        state.step(network, wiring, &inputs);
    }
    state.outputs(network).map(bits).collect()
}

#[test]
fn blocks_give_the_bits_of_the_law_on_every_backend() {
    for signals in WIRINGS {
        let (wiring, steps) = (signals.wiring(), if signals == Signals::FeedForward { 1 } else { 3 });
        for n in [1, 3, 70] {
            let networks = networks(signals, n);
            let mut plan = BlockPlan::default();
            assert_eq!(plan.compile(&networks.iter().collect::<Vec<_>>()), n);
            for simd in Simd::available() {
                let mut buffers = Buffers::default();
                let mut outputs = vec![f32::NAN; 2 * n];
                for sample in 0..4 {
                    buffers.reset(&plan);
                    let inputs: Vec<f32> = (0..3).flat_map(|i| std::iter::repeat_n(input(sample, i), n)).collect();
                    for _ in 0..steps {
                        step_block(simd, &plan, wiring, &mut buffers, &inputs, &mut outputs);
                    }
                    for (k, network) in networks.iter().enumerate() {
                        let found = [bits(outputs[k]), bits(outputs[n + k])];
                        assert_eq!(found.as_slice(), expected(network, wiring, sample, steps), "{} {signals:?} {k} of {n}", simd.name());
                    }
                }
            }
        }
    }
}

#[test]
fn lanes_of_samples_give_the_bits_of_the_law_on_every_backend() {
    for signals in WIRINGS {
        let (wiring, steps) = (signals.wiring(), if signals == Signals::FeedForward { 1 } else { 3 });
        for network in networks(signals, 25) {
            for (simd, n_lanes) in Simd::available().flat_map(|s| [(s, 16), (s, 64), (s, 80)]) {
                let mut values = vec![0.0; network.n_slots() * n_lanes];
                for (i, row) in values.chunks_exact_mut(n_lanes).enumerate().take(network.n_inputs + 1) {
                    for (sample, x) in row.iter_mut().enumerate() {
                        *x = if i == network.n_inputs { 1.0 } else { input(sample, i) };
                    }
                }
                for _ in 0..steps {
                    run_lanes(simd, &network, wiring, n_lanes, &mut values, &mut Vec::new());
                }
                for sample in [0, 7, 15, n_lanes - 1] {
                    let found: Vec<u32> = network.outputs.iter().map(|&o| bits(values[o as usize * n_lanes + sample])).collect();
                    assert_eq!(found, expected(&network, wiring, sample, steps), "{} {signals:?} sample {sample}", simd.name());
                }
            }
        }
    }
}

#[test]
fn a_changed_weight_is_one_store() {
    let mut networks = networks(Signals::FeedForward, 40);
    let mut plan = BlockPlan::default();
    plan.compile(&networks.iter().collect::<Vec<_>>());
    for (k, network) in networks.iter_mut().enumerate() {
        for edge in (k % 3..network.weights.len()).step_by(3) {
            network.weights[edge] += 0.5;
            plan.set_weight(k, edge, network.weights[edge]);
        }
    }
    let mut anew = BlockPlan::default();
    anew.compile(&networks.iter().collect::<Vec<_>>());
    assert!(plan == anew);
}
