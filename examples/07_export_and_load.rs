//! A network without its world: frozen, saved as safetensors, loaded again, and run on a batch.
//!
//! Here the network is built from a plan alone; `CompiledNetwork::freeze` makes the same from a running simulation.

use lehr::engine::network::{Network, Parameters, from_safetensors, to_safetensors};
use lehr::kernels::simd::Simd;
use lehr::plan::network::{Block, Layer, NetworkPlan, Rows, Unit, WeightFormat};
use lehr::random::{StreamKey, SystemTag};
use lehr::units::Seed;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let network = random_network()?;
    let path = std::env::temp_dir().join("lehr_example_07.safetensors");
    std::fs::write(&path, to_safetensors(&network, WeightFormat::F32))?;
    let (loaded, format) = from_safetensors(&std::fs::read(&path)?)?;
    std::fs::remove_file(&path)?;
    assert_eq!((&loaded, format), (&network, WeightFormat::F32));

    // One sample or many, on any processor: the same bits.
    let simd = Simd::detect()?;
    let mut exact = loaded.compile(WeightFormat::F32, simd);
    let samples: Vec<f32> = (0..64 * 100).map(|k| ((k * 37) % 101) as f32 / 50.0 - 1.0).collect();
    let batch = exact.run_batch(&samples).to_vec();
    for (sample, expected) in samples.chunks(64).zip(batch.chunks(10)) {
        assert_eq!(exact.run(sample), expected);
    }

    // Half the memory for weights, and what it costs.
    for format in [WeightFormat::F16, WeightFormat::Bf16] {
        let mut small = loaded.compile(format, simd);
        let answers = small.run_batch(&samples);
        let worst = answers.iter().zip(&batch).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{format:?}: {} bytes saved, answers differ by up to {worst:.1e}", to_safetensors(&loaded, format).len());
    }
    println!("F32: {} bytes saved, 100 answers of one batch equal 100 single ones bit for bit", to_safetensors(&loaded, format).len());
    Ok(())
}

/// 64 inputs, 32 tanh neurons with a tenth of all synapses, 10 linear answers.
fn random_network() -> Result<Network, Box<dyn std::error::Error>> {
    let mut draw = StreamKey::new(Seed(7), SystemTag::named("example/weights"), 0).stream();
    let layer = |name: &str, n_neurons, unit, is_input, is_output| Layer { name: name.to_owned(), n_neurons, unit, is_input, is_output };
    let layers = vec![
        layer("in", 64, Unit::Identity, true, false),
        layer("hidden", 32, Unit::Tanh, false, false),
        layer("out", 10, Unit::Identity, false, true),
    ];
    let (mut offsets, mut sources) = (vec![0], Vec::new());
    for _ in 0..32 {
        sources.extend((0..64_u32).filter(|_| draw.uniform() < 0.1));
        offsets.push(sources.len() as u32);
    }
    let block = |name: &str, from, to, rows| Block { name: name.to_owned(), from, to, is_delayed: false, rows };
    let blocks = vec![block("in->hidden", 0, 1, Rows::Sparse { offsets, sources }), block("hidden->out", 1, 2, Rows::Dense)];
    let plan = NetworkPlan::new(layers, blocks)?;
    let mut parameters = Parameters::zeros(&plan);
    for weight in parameters.weights.iter_mut().flatten() {
        *weight = 0.3 * draw.gaussian() as f32;
    }
    Ok(Network::new(plan, parameters))
}
