//! How many evaluations does evolution need? `cargo bench --bench neat -- [xor|double_pole] [runs]`.
//!
//! Mean, standard deviation and worst number of evaluations until a genome solves the task, and failures (no solution in 200
//! generations), over seeds; in paper mode (all settings of Stanley and Miikkulainen 2002) and in modern mode. Published: XOR 4,755
//! (sd 2,553, 100 runs, 0 failures), double pole with velocities 3,600 (sd 2,704, 120 runs).

use lehr::engine::evolution::tasks::{DoublePole, Table};
use lehr::engine::evolution::{Population, Settings, Task};
use lehr::plan::population::NodeKind;
use lehr::units::Seed;

const GENERATIONS: u32 = 200;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let runs = asked.iter().find_map(|a| a.parse::<u64>().ok());
    let tasks: [(&str, Box<dyn Task>, u64, f64); 2] =
        [("xor", Box::new(Table::xor()), 100, 4755.0), ("double_pole", Box::new(DoublePole::with_velocities()), 50, 3600.0)];
    println!(
        "{:<12} {:<7} {:>5} {:>7} {:>7} {:>7} {:>9} {:>12} {:>7} {:>12} {:>10}",
        "task", "mode", "runs", "mean", "sd", "worst", "failures", "generations", "hidden", "connections", "published"
    );
    for (name, task, usual, published) in tasks {
        if asked.iter().all(|a| a.parse::<u64>().is_ok()) || asked.iter().any(|a| a == name) {
            for (mode, settings) in [("paper", Settings::paper()), ("modern", Settings::modern())] {
                measure((name, mode), &*task, &settings, runs.unwrap_or(usual), published);
            }
        }
    }
}

fn measure(names: (&str, &str), task: &dyn Task, settings: &Settings, runs: u64, published: f64) {
    let mut evaluations = Vec::new();
    let (mut generations, mut hidden, mut connections) = (0.0, 0.0, 0.0);
    for seed in 0..runs {
        let mut population = Population::new(settings.clone(), task.shape(), Seed(seed)).expect("settings of a preset");
        if let Some(solution) = population.run(task, GENERATIONS).expect("finite fitness") {
            evaluations.push(solution.evaluations as f64);
            generations += f64::from(solution.generation);
            hidden += solution.genome.nodes.iter().filter(|n| n.kind == NodeKind::Hidden).count() as f64;
            connections += solution.genome.connections.iter().filter(|c| c.enabled).count() as f64;
        }
    }
    let n = evaluations.len() as f64;
    let mean = evaluations.iter().sum::<f64>() / n;
    let sd = (evaluations.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / (n - 1.0)).sqrt();
    let worst = evaluations.iter().copied().fold(0.0, f64::max);
    let failures = runs as usize - evaluations.len();
    println!(
        "{:<12} {:<7} {runs:>5} {mean:>7.0} {sd:>7.0} {worst:>7.0} {failures:>9} {:>12.1} {:>7.2} {:>12.2} {published:>10.0}",
        names.0,
        names.1,
        generations / n,
        hidden / n,
        connections / n
    );
}
