//! Which rule learns bars and stripes best? Exact log-likelihoods in nats, mean and standard deviation over seeds:
//! `cargo bench --bench boltzmann [-- --seeds N]`.
//!
//! The best there is gives each of the 14 pictures of 3x3 pixels 1/14 (-2.6391), each of the 30 of 4x4 1/30 (-3.4012). Contrastive
//! divergence, persistent particles and tempered ones learn with equal, gentle settings and one sweep an update; the last row has the
//! rate that suits tempered particles, at which persistent ones lose their way. Seconds are of processor-bound wall time, one table
//! beside the other, so only their ratios say much.

#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::time::Instant;

use lehr::data::{Dataset, bars_and_stripes};
use lehr::engine::boltzmann::likelihood::{base_fields, mean_free_energy};
use lehr::engine::boltzmann::sums::exact_ln_z;
use lehr::engine::boltzmann::{Machine, Negative, Shape, TrainSettings, Trainer, UnitValues};
use lehr::engine::network::optimisers::{Course, Schedule};
use lehr::kernels::simd::Simd;
use lehr::random::{StreamKey, SystemTag};
use lehr::units::Seed;

const N_HIDDEN: usize = 16;

struct Row {
    name: &'static str,
    negative: Negative,
    rate: f64,
    updates: u64,
}

/// The exact mean log-likelihood after learning.
fn learn(pictures: &Dataset, row: &Row, seed: u64) -> f64 {
    let (simd, shape) = (Simd::best(), Shape::restricted(pictures.n_features, N_HIDDEN, UnitValues::ZeroOne));
    let mut machine = Machine::zeroed(shape.clone());
    let mut stream = StreamKey::new(Seed(seed), SystemTag::named("first weights"), 0).stream();
    machine.weights[0].iter_mut().for_each(|w| *w = (0.1 * stream.gaussian()) as f32);
    let course = Course { rate: row.rate, schedule: Schedule::Linear { to: 0.0, updates: row.updates }, warm_up: 0 };
    let settings = TrainSettings { negative: row.negative, course, ..TrainSettings::default() };
    let base = base_fields(&shape, &vec![0.5; pictures.n_features]);
    let mut trainer = Trainer::new(&shape, settings, base, Seed(seed), simd);
    let samples: Vec<&[f32]> = (0..pictures.n_samples()).map(|i| pictures.sample(i)).collect();
    for _ in 0..row.updates {
        trainer.update(&mut machine, samples.iter().copied(), &[]);
    }
    -mean_free_energy(&machine, &samples, simd) - exact_ln_z(&machine, simd).expect("16 hidden units")
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let seeds = args.iter().position(|a| a == "--seeds").and_then(|i| args.get(i + 1)?.parse().ok()).unwrap_or(5_u64);
    for (side, n_updates) in [(3, 20_000), (4, 12_000)] {
        let pictures = bars_and_stripes(side);
        let best = -lehr::math::ln(pictures.n_samples() as f64);
        println!("bars and stripes {side}x{side}: {} pictures, at best {best:.4}; {seeds} seeds", pictures.n_samples());
        let (sweeps, respace_every) = (1, 100);
        let temperatures = if side == 3 { 8 } else { 10 };
        let tempered = Negative::Tempered { sweeps, particles: 64, temperatures, respace_every };
        let rows = [
            Row { name: "contrastive divergence", negative: Negative::FromData { sweeps }, rate: 0.03, updates: n_updates },
            Row { name: "persistent, 256", negative: Negative::Persistent { sweeps, particles: 256 }, rate: 0.03, updates: n_updates },
            Row { name: "tempered, 64 ladders", negative: tempered, rate: 0.03, updates: n_updates },
            Row { name: "tempered at its own rate", negative: tempered, rate: 0.2, updates: n_updates },
        ];
        for row in &rows {
            let start = Instant::now();
            let found: Vec<f64> = (0..seeds).map(|seed| learn(&pictures, row, seed)).collect();
            let n = found.len() as f64;
            let mean = found.iter().sum::<f64>() / n;
            let sd = (found.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt();
            let seconds = start.elapsed().as_secs_f64() / n;
            println!(
                "  {:<26} rate {:<5} {mean:>9.4}  sd {sd:.4}   {:>7.4} from the best   {seconds:.2} s",
                row.name,
                row.rate,
                best - mean
            );
        }
    }
}
