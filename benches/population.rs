//! How long does a population of small irregular networks take, a connection and sample, on one thread?
//!
//! A table first: 1,024 different feed-forward networks of about 27 connections, one sample each in blocks of 256 and of 64, and
//! 64 samples of each network in lanes, beside the scalar form of one network at a time in the same run (medians, interleaved);
//! and the time to compile the plan. Then criterion times each, as `population/batch1`.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use lehr::engine::evolution::law::Activations;
use lehr::engine::evolution::mutation::{add_connection, add_node};
use lehr::engine::evolution::tasks::DoublePole;
use lehr::engine::evolution::{Genome, Genomes, Innovations, Numbering, Population, Settings, Task};
use lehr::kernels::population::{Buffers, run_lanes, step_block};
use lehr::kernels::simd::Simd;
use lehr::plan::population::{BlockPlan, Network, Wiring};
use lehr::random::{StreamKey, SystemTag};
use lehr::units::Seed;

const NETWORKS: usize = 1024;
const SAMPLES: usize = 64;

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// 1,024 genomes of the double pole, grown to about 27 connections.
fn networks() -> Vec<Network> {
    let settings = Settings { population: NETWORKS, ..Settings::modern() };
    let population = Population::new(settings.clone(), DoublePole::with_velocities().shape(), Seed(1)).expect("settings");
    let mut random = StreamKey::new(Seed(1), SystemTag::named("population bench"), 0).stream();
    let numbers = Innovations::new(Numbering::Content, 0);
    let grown = |k: usize| {
        let mut genome = Genome::default();
        genome.copy_from(population.ask().view(k));
        while genome.connections.iter().filter(|c| c.enabled).count() < 24 + k % 7 {
            if random.below(3) == 0 {
                add_node(&mut genome, &settings, numbers, &mut random);
            } else {
                add_connection(&mut genome, &settings, numbers, &mut random);
            }
        }
        genome
    };
    let genomes = Genomes::from_genomes(&(0..NETWORKS).map(grown).collect::<Vec<_>>());
    let compiled = |genome| {
        let mut network = Network::default();
        network.compile(genome, Wiring::FeedForward);
        network
    };
    genomes.iter().map(compiled).collect()
}

/// What is timed: all of it once is a step of every network, or [`SAMPLES`] of them.
struct Work {
    networks: Vec<Network>,
    blocks: Vec<(BlockPlan, Buffers, Vec<f32>, Vec<f32>)>,
    small: Vec<(BlockPlan, Buffers, Vec<f32>, Vec<f32>)>,
    states: Vec<Activations>,
    lanes: Vec<Vec<f32>>,
    simd: Simd,
}

fn blocks(networks: &[Network], size: usize) -> Vec<(BlockPlan, Buffers, Vec<f32>, Vec<f32>)> {
    let block = |chunk: &[Network]| {
        let mut plan = BlockPlan::default();
        assert_eq!(plan.compile(&chunk.iter().collect::<Vec<_>>()), chunk.len());
        let mut buffers = Buffers::default();
        buffers.reset(&plan);
        let inputs = (0..plan.n_inputs * chunk.len()).map(|i| (i % 13) as f32 / 13.0).collect();
        let outputs = vec![0.0; chunk.len()];
        (plan, buffers, inputs, outputs)
    };
    networks.chunks(size).map(block).collect()
}

impl Work {
    fn new() -> Self {
        let networks = networks();
        let state = |network: &Network| {
            let mut state = Activations::default();
            state.reset(network);
            state
        };
        Work {
            blocks: blocks(&networks, 256),
            small: blocks(&networks, 64),
            states: networks.iter().map(state).collect(),
            lanes: networks.iter().map(|n| vec![0.25; n.n_slots() * SAMPLES]).collect(),
            networks,
            simd: Simd::best(),
        }
    }

    fn n_connections(&self) -> usize {
        self.networks.iter().map(|n| n.weights.len()).sum()
    }

    fn batch1(&mut self) {
        for (plan, buffers, inputs, outputs) in &mut self.blocks {
            step_block(self.simd, plan, Wiring::FeedForward, buffers, black_box(inputs), outputs);
        }
    }

    fn batch1_of_64(&mut self) {
        for (plan, buffers, inputs, outputs) in &mut self.small {
            step_block(self.simd, plan, Wiring::FeedForward, buffers, black_box(inputs), outputs);
        }
    }

    fn samples(&mut self) {
        for (network, values) in self.networks.iter().zip(&mut self.lanes) {
            run_lanes(self.simd, network, Wiring::FeedForward, SAMPLES, black_box(values), &mut Vec::new());
        }
    }

    fn scalar(&mut self) {
        let inputs = black_box([0.1_f32, 0.2, 0.3, 0.4, 0.5, 0.6, 0.5]);
        for (network, state) in self.networks.iter().zip(&mut self.states) {
            state.step(network, Wiring::FeedForward, &inputs);
        }
    }

    fn compile(&mut self) {
        for (chunk, (plan, ..)) in self.networks.chunks(256).zip(&mut self.blocks) {
            plan.compile(&chunk.iter().collect::<Vec<_>>());
        }
    }
}

type Form = (&'static str, usize, fn(&mut Work));
const FORMS: [Form; 5] = [
    ("batch1", 1, Work::batch1),
    ("batch1_blocks_of_64", 1, Work::batch1_of_64),
    ("samples64", SAMPLES, Work::samples),
    ("scalar", 1, Work::scalar),
    ("compile_plan", 1, Work::compile),
];

fn main() {
    let mut work = Work::new();
    let n = work.n_connections();
    let mut times = [const { Vec::new() }; FORMS.len()];
    for _ in 0..200 {
        for (times, (_, samples, run)) in times.iter_mut().zip(FORMS) {
            let start = now();
            for _ in 0..3 {
                run(&mut work);
            }
            times.push(start.elapsed().as_secs_f64() * 1e9 / (3 * n * samples) as f64);
        }
    }
    println!("{NETWORKS} networks, {:.1} connections each, {}, one thread", n as f64 / NETWORKS as f64, work.simd.name());
    println!("{:<22} {:>28}", "form", "ns a connection and sample");
    for (times, (name, ..)) in times.iter_mut().zip(FORMS) {
        times.sort_by(f64::total_cmp);
        println!("{name:<22} {:>28.4}", times[times.len() / 2]);
    }
    println!("(the scalar form without fused instructions in the build calls a function for each: measure it with target-cpu=native)");

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("population");
    for (name, samples, run) in FORMS {
        group.throughput(Throughput::Elements((n * samples) as u64));
        group.bench_function(name, |b| b.iter(|| run(&mut work)));
    }
    group.finish();
    criterion.final_summary();
}
