//! How many evaluations does evolution need? `cargo bench --bench neat -- [task] [mode] [runs]`.
//!
//! Mean, standard deviation and worst number of evaluations until a genome solves the task, and failures (no solution within the
//! generations of the task), over seeds; in paper mode (all settings of Stanley and Miikkulainen 2002) and in modern mode. What
//! differs from the two modes is in the list of tasks below and nowhere else. `test` is the mean of the champions' test: starts of
//! 625 for the double pole without velocities, the mean return over 100 other episodes for the tasks of Gymnasium. Evaluations of
//! a test are not counted (in the paper neither). Published: XOR 4,755 (sd 2,553, 100 runs, 0 failures), double pole with velocities
//! 3,600 (sd 2,704, 120 runs), without 33,184 (sd 21,790, 20 runs) and 286 of 625.

use lehr::engine::evolution::tasks::{Acrobot, Damping, DoublePole, MountainCar, SinglePole, Spirals, SwingUp, TMaze, Table};
use lehr::engine::evolution::{Brains, Genomes, Population, Settings, Signals, Task};
use lehr::plan::population::NodeKind;
use lehr::units::Seed;
use rayon::prelude::*;

/// A task as it is measured.
struct Entry {
    name: &'static str,
    task: Box<dyn Task>,
    runs: u64,
    generations: u32,
    /// Mode, its settings, and the published number of evaluations.
    modes: Vec<(&'static str, Settings, f64)>,
}

fn entry(name: &'static str, task: impl Task + 'static, runs: u64, generations: u32, modes: Vec<(&'static str, Settings, f64)>) -> Entry {
    Entry { name, task: Box::new(task), runs, generations, modes }
}

/// The double pole without velocities, solved by a champion that balances from this many of 625 starts.
fn generalising(needed: u32) -> DoublePole {
    DoublePole { damping: Some(Damping { needed, ..Damping::default() }), ..DoublePole::without_velocities() }
}

fn entries() -> Vec<Entry> {
    let both = |published: f64| vec![("paper", Settings::paper(), published), ("modern", Settings::modern(), published)];
    let modern = || vec![("modern", Settings::modern(), f64::NAN)];
    let recurrent = || Settings { signals: Signals::Recurrent, ..Settings::modern() };
    vec![
        entry("xor", Table::xor(), 100, 200, both(4755.0)),
        entry("double_pole", DoublePole::with_velocities(), 50, 200, both(3600.0)),
        entry("no_velocity", DoublePole::without_velocities(), 20, 150, vec![("paper", Settings::paper_large(), 33184.0)]),
        // A champion that generalises to 200 starts, as the paper asks, and one of whom more is asked.
        entry("no_velocity", DoublePole::without_velocities(), 20, 200, vec![("modern", Settings::modern_large(), 33184.0)]),
        entry("no_velocity_250", generalising(250), 20, 200, vec![("modern", Settings::modern_large(), 33184.0)]),
        entry("cart_pole", SinglePole::cart_pole(), 20, 100, modern()),
        entry("acrobot", Acrobot::default(), 20, 100, modern()),
        entry("mountain_car", MountainCar::discrete(), 20, 200, modern()),
        entry("mountain_car_c", MountainCar::continuous(), 20, 100, modern()),
        entry("single_pole", SinglePole::classic(), 20, 100, modern()),
        entry("swing_up", SwingUp::default(), 5, 200, modern()),
        entry("t_maze", TMaze::default(), 20, 200, vec![("modern", recurrent(), f64::NAN)]),
        entry("spirals", Spirals { needed: 0.9, ..Spirals::default() }.table().expect("spirals"), 3, 100, modern()),
    ]
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let runs = asked.iter().find_map(|a| a.parse::<u64>().ok());
    let entries = entries();
    let is_asked = |name: &str, all: &[&str]| asked.iter().any(|a| a == name) || !asked.iter().any(|a| all.contains(&a.as_str()));
    let names: Vec<&str> = entries.iter().map(|e| e.name).collect();
    println!(
        "{:<15} {:<7} {:>5} {:>7} {:>7} {:>7} {:>9} {:>12} {:>7} {:>12} {:>8} {:>10}",
        "task", "mode", "runs", "mean", "sd", "worst", "failures", "generations", "hidden", "connections", "test", "published"
    );
    for entry in entries.iter().filter(|e| is_asked(e.name, &names)) {
        for (mode, settings, published) in entry.modes.iter().filter(|m| is_asked(m.0, &["paper", "modern"])) {
            measure(entry, mode, settings, runs.unwrap_or(entry.runs), *published);
        }
    }
}

/// A run that solved its task: evaluations, generations, hidden nodes, connections, value of the test.
type Solved = [f64; 5];

fn run(entry: &Entry, settings: &Settings, seed: u64) -> Option<Solved> {
    let task = &*entry.task;
    let mut population = Population::new(settings.clone(), task.shape(), Seed(seed)).expect("settings of a preset");
    let solution = population.run(task, entry.generations).expect("finite fitness")?;
    let genomes = Genomes::from_genomes(std::slice::from_ref(&solution.genome));
    let champion = Brains::compile(genomes.blocks(), &[0], settings.signals.wiring(), task.shape());
    Some([
        solution.evaluations as f64,
        f64::from(solution.generation),
        solution.genome.nodes.iter().filter(|n| n.kind == NodeKind::Hidden).count() as f64,
        solution.genome.connections.iter().filter(|c| c.enabled).count() as f64,
        task.test(&champion).map_or(f64::NAN, |test| test.value),
    ])
}

fn measure(entry: &Entry, mode: &str, settings: &Settings, runs: u64, published: f64) {
    let solved: Vec<Solved> = (0..runs).into_par_iter().filter_map(|seed| run(entry, settings, seed)).collect();
    let n = solved.len() as f64;
    let mean = |k: usize| solved.iter().map(|s| s[k]).sum::<f64>() / n;
    let evaluations = mean(0);
    let sd = (solved.iter().map(|s| (s[0] - evaluations) * (s[0] - evaluations)).sum::<f64>() / (n - 1.0)).sqrt();
    let worst = solved.iter().map(|s| s[0]).fold(0.0, f64::max);
    let failures = runs as usize - solved.len();
    println!(
        "{:<15} {mode:<7} {runs:>5} {evaluations:>7.0} {sd:>7.0} {worst:>7.0} {failures:>9} {:>12.1} {:>7.2} {:>12.2} {:>8.2} {published:>10.0}",
        entry.name,
        mean(1),
        mean(2),
        mean(3),
        mean(4),
    );
}
