//! Times ferrotherm's chromatic Gibbs sampler on one thread: `ferrotherm_side INSTANCE SWEEPS READS SEED`.
//!
//! Its `anneal` recomputes the whole energy after each sweep; only its sweeps are timed here, which favours it.

use ferrotherm::gibbs::Sampler;
use ferrotherm::graph::GraphBuilder;
use lehr_peers::{Line, beta, cpu_seconds, instance, updates};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |k: usize| arguments[k].parse::<u64>().expect("a whole number");
    let (path, sweeps, reads, seed) = (arguments[0].as_str(), number(1) as u32, number(2), number(3));
    let model = instance(path).model;
    let mut builder = GraphBuilder::new(model.n_spins());
    for c in &model.couplings {
        builder.couple(c.i as usize, c.j as usize, f64::from(c.strength));
    }
    let graph = builder.build();
    let mut energies = Vec::new();
    let mut spent = 0.0;
    for read in 0..reads {
        let mut sampler = Sampler::new(&graph, beta(0, sweeps), seed * 1000 + read);
        let start = cpu_seconds();
        for sweep in 0..sweeps {
            sampler.beta = beta(sweep, sweeps);
            sampler.sweep(None);
        }
        spent += cpu_seconds() - start;
        energies.push(graph.energy(&sampler.s));
    }
    let updates = updates(&model, sweeps, reads as usize);
    Line { engine: "ferrotherm", path, updates, cpu_seconds: spent, wall_seconds: None, energies: &energies }.print();
}
