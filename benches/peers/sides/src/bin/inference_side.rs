//! Writes a random network with 10 % of its synapses, and times its inference on request.
//!
//! `inference_side FILE SIZE...` writes the network to FILE and then answers lines of standard input, `SAMPLES REPEATS`:
//! the median time of a batch in nanoseconds, from f32 inputs to written answers, and the sum of the answers.

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Instant;

use lehr::engine::network::{Network, Parameters, to_safetensors};
use lehr::kernels::simd::Simd;
use lehr::plan::network::{Block, Layer, NetworkPlan, Rows, Unit, WeightFormat};
use lehr::random::{StreamKey, SystemTag};
use lehr::units::Seed;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: inference_side FILE SIZE...")?;
    let sizes: Vec<usize> = arguments.map(|a| a.parse()).collect::<Result<_, _>>()?;
    let network = random_network(&sizes)?;
    std::fs::write(file, to_safetensors(&network, WeightFormat::F32))?;
    let mut frozen = network.compile(WeightFormat::F32, Simd::detect()?);
    let _pool = rayon_of_one()?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_whitespace().map(str::parse::<usize>);
        let (Some(Ok(n_samples)), Some(Ok(n_repeats))) = (words.next(), words.next()) else { return Err("SAMPLES REPEATS".into()) };
        let inputs: Vec<f32> = (0..n_samples * sizes[0]).map(|k| ((k * 37) % 101) as f32 / 50.0 - 1.0).collect();
        let mut times = Vec::new();
        let mut sum = 0.0;
        for _ in 0..n_repeats {
            let start = Instant::now();
            let answers = black_box(frozen.run_batch(black_box(&inputs)));
            times.push(start.elapsed().as_nanos());
            sum = answers.iter().map(|&a| f64::from(a)).sum();
        }
        times.sort_unstable();
        println!("{} {sum}", times[n_repeats / 2]);
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// One thread, as the peers have.
fn rayon_of_one() -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build()
}

/// tanh everywhere, a tenth of all synapses in each layer.
fn random_network(sizes: &[usize]) -> Result<Network, Box<dyn std::error::Error>> {
    let mut draw = StreamKey::new(Seed(1), SystemTag::named("peers/inference"), 0).stream();
    let last = sizes.len() - 1;
    let layers = sizes.iter().enumerate();
    let layers = layers.map(|(l, &n)| Layer {
        name: format!("layer{l}"),
        n_neurons: n,
        unit: Unit::Tanh,
        is_input: l == 0,
        is_output: l == last,
    });
    let mut blocks = Vec::new();
    for to in 1..=last {
        let (mut offsets, mut sources) = (vec![0], Vec::new());
        for _ in 0..sizes[to] {
            sources.extend((0..sizes[to - 1] as u32).filter(|_| draw.uniform() < 0.1));
            offsets.push(sources.len() as u32);
        }
        blocks.push(Block { name: format!("block{to}"), from: to - 1, to, is_delayed: false, rows: Rows::Sparse { offsets, sources } });
    }
    let plan = NetworkPlan::new(layers.collect(), blocks)?;
    let mut parameters = Parameters::zeros(&plan);
    for value in parameters.weights.iter_mut().chain(&mut parameters.biases).flatten() {
        *value = 0.1 * draw.gaussian() as f32;
    }
    Ok(Network::new(plan, parameters))
}
