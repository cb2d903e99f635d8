//! What the binaries of the comparison share: the clock, the schedule and the line they print.

use std::sync::Arc;

use lehr::engine::spins::dense::DenseSampler;
use lehr::engine::spins::{EngineSettings, Randomness, Rule, SpinSampler, make_engine};
use lehr::kernels::simd::Simd;
use lehr::plan::{DenseSettings, IsingModel, SpinPlan};
use lehr::topology::compile_spins;
use lehr::topology::read::{Instance, ReadOptions, load};
use rustix::time::{ClockId, clock_gettime};

/// First and last inverse temperature of every run.
pub const BETAS: [f64; 2] = [0.1, 3.0];

/// CPU time of this process so far, in seconds.
pub fn cpu_seconds() -> f64 {
    seconds(ClockId::ProcessCPUTime)
}

/// Wall-clock time in seconds.
pub fn wall_seconds() -> f64 {
    seconds(ClockId::Monotonic)
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// The inverse temperature of `sweep` in a geometric schedule of `n` sweeps.
pub fn beta(sweep: u32, n: u32) -> f64 {
    let x = f64::from(sweep) / f64::from(n.max(2) - 1);
    BETAS[0] * (BETAS[1] / BETAS[0]).powf(x)
}

/// Reads an instance or stops with the reader's message.
pub fn instance(path: &str) -> Instance {
    load(None, path.as_ref(), ReadOptions::default()).unwrap_or_else(|error| stop(error.to_string()))
}

/// One measurement.
pub struct Line<'a> {
    pub engine: &'a str,
    pub path: &'a str,
    pub updates: u64,
    pub cpu_seconds: f64,
    /// Wall time, if it was taken.
    pub wall_seconds: Option<f64>,
    pub energies: &'a [f64],
}

impl Line<'_> {
    pub fn print(&self) {
        let name = std::path::Path::new(self.path).file_stem().map(|s| s.to_string_lossy().into_owned());
        let best = self.energies.iter().copied().fold(f64::INFINITY, f64::min);
        let mean = self.energies.iter().sum::<f64>() / self.energies.len() as f64;
        let line = serde_json::json!({
            "engine": self.engine, "instance": name, "updates": self.updates, "cpu_seconds": self.cpu_seconds, "wall_seconds": self.wall_seconds,
            "best_energy": best, "mean_energy": mean,
        });
        println!("{line}");
    }
}

/// Spins times sweeps times reads.
pub fn updates(model: &IsingModel, sweeps: u32, reads: usize) -> u64 {
    model.n_spins() as u64 * u64::from(sweeps) * reads as u64
}

/// The engine of this name: `one` replica, or `n_replicas` `lanes` with independent or `shared` random numbers.
pub fn sampler(engine: &str, plan: &Arc<SpinPlan>, n_replicas: usize) -> Box<dyn SpinSampler> {
    let n_pairs = plan.n_spins() * plan.n_spins().saturating_sub(1) / 2;
    let settings = match engine {
        // Dense rows where most pairs are coupled, as OpenJij is told to use them.
        "one" if plan.entries.len() > n_pairs / 2 => {
            let dense = DenseSampler::new(plan.clone(), &DenseSettings::default(), Simd::best());
            return Box::new(dense.unwrap_or_else(|error| stop(error.to_string())));
        }
        "one" => EngineSettings::Replica,
        "lanes" => EngineSettings::Lanes { n_replicas, randomness: Randomness::Independent },
        "shared" => EngineSettings::Lanes { n_replicas, randomness: Randomness::Shared },
        // Spins without neighbours draw and compare their numbers, and do nothing else.
        "roof" => {
            let mut model = IsingModel::with_spins(plan.n_spins());
            model.fields.fill(1.0);
            let settings = EngineSettings::Lanes { n_replicas, randomness: Randomness::Independent };
            return make_engine(Arc::new(compile_spins(&model, &[])), settings, Rule::Metropolis)
                .unwrap_or_else(|error| stop(error.to_string()));
        }
        _ => stop(format!("no engine {engine:?}: there are one, lanes, shared and roof")),
    };
    make_engine(plan.clone(), settings, Rule::Metropolis).unwrap_or_else(|error| stop(error.to_string()))
}

fn stop(message: String) -> ! {
    eprintln!("{message}");
    std::process::exit(2)
}
