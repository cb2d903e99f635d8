//! A classifier from nothing to a file: heat finds a valley, gradients walk to its floor, and the answers outlive the world.
//!
//! 64 pixels - 24 tanh neurons - 10 digits, on the set of `assets/`, a fifth of it kept for the test.

use std::sync::Arc;

use lehr::data::{CsvOptions, divide, read_csv, split};
use lehr::engine::network::heat::{HeatSchedule, HeatSettings};
use lehr::engine::network::optimisers::Course;
use lehr::engine::network::{Loss, from_safetensors, to_safetensors};
use lehr::kernels::simd::Simd;
use lehr::network::{self, CompiledNetwork, NetworkSettings, Samples, TrainGradient};
use lehr::plan::network::{Unit, WeightFormat};
use lehr::prelude::*;
use lehr::random::{StreamKey, SystemTag};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // 1. Samples.
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/digits.csv");
    let mut digits = read_csv(file, &std::fs::read(file)?, &CsvOptions::default())?;
    divide(&mut digits, 16.0);
    let (train, test) = split(&digits, 0.2, true, Seed(8));

    // 2. A network, and the columns that its rules of learning keep beside the weights.
    let heat = HeatSettings { n_steps: 20, schedule: HeatSchedule::Constant(1.0), ..HeatSettings::default() };
    let gradient = TrainGradient { from: 20, course: Course::constant(0.003), ..TrainGradient::default() };
    let mut sim = Simulation::new(Seed(8));
    network::heat::columns(&mut sim);
    gradient.columns(&mut sim);
    let blueprint = Blueprint::new().population("pixels", 64).population("hidden", 24).population("digit", 10);
    sim.build(blueprint.projection("pixels", "hidden", full(64, 24, 0)).projection("hidden", "digit", full(24, 10, 1)))?;
    network::attach(&mut sim, NetworkSettings::new().input("pixels").hidden("hidden", Unit::Tanh).output("digit", Unit::Identity))?;
    let test = Arc::new(test);
    network::attach_samples(&mut sim, Samples { train: Arc::new(train), test: test.clone(), loss: Loss::CrossEntropy, steps: 1 })?;

    // 3. Twenty steps of heat, then twenty epochs of gradients.
    network::heat::attach(&mut sim, heat)?;
    network::train_gradient(&mut sim, gradient)?;
    let mut reached = Vec::new();
    for (rule, n_steps) in [("nothing", 0), ("heat", 20), ("gradient", 20)] {
        sim.run(n_steps)?;
        let measures = network::measures(sim.world());
        let of = |name: &str| measures.iter().find(|(n, _)| n == name).map_or(f64::NAN, |(_, value)| *value);
        println!("after {rule:>8}: training loss {:.4}, test accuracy {:.4}", of("train_loss"), of("test_accuracy"));
        reached.push(of("test_accuracy"));
    }
    assert!(reached[0] < 0.5 && reached[1] > 0.8 && reached[2] > 0.94, "{reached:?}");

    // 4. Out of the world, into a file and back: the same answers.
    let frozen = sim.world().resource::<CompiledNetwork>().freeze(sim.world());
    let path = std::env::temp_dir().join(format!("lehr_example_08_{}.safetensors", std::process::id()));
    std::fs::write(&path, to_safetensors(&frozen, WeightFormat::F32))?;
    let (loaded, _) = from_safetensors(&std::fs::read(&path)?)?;
    std::fs::remove_file(&path)?;
    assert_eq!(loaded, frozen);
    let mut compiled = loaded.compile(WeightFormat::F32, Simd::detect()?);
    let answer = |outputs: &[f32]| (0..10).fold(0, |best, j| if outputs[j] > outputs[best] { j } else { best });
    let lehr::data::Targets::Classes(classes) = &test.targets else { unreachable!("digits are classes") };
    let n_right = (0..test.n_samples()).filter(|&i| answer(compiled.run(test.sample(i))) == classes[i] as usize).count();
    assert_eq!(n_right as f64 / test.n_samples() as f64, reached[2], "a network from a file answers as it did in the world");
    println!("loaded from a file, it answers {n_right} of {} digits", test.n_samples());
    Ok(())
}

/// Every source with every target, weights by Glorot.
fn full(n_sources: u32, n_targets: u32, number: u64) -> Vec<(u32, u32, f32)> {
    let mut stream = StreamKey::new(Seed(8), SystemTag::named("example/weights"), number).stream();
    let sd = (2.0 / f64::from(n_sources + n_targets)).sqrt();
    (0..n_sources * n_targets).map(|k| (k % n_sources, k / n_sources, (sd * stream.gaussian()) as f32)).collect()
}
