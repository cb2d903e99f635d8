//! What a generation costs lehr: `evolution_side POPULATION GENERATIONS SEED`, a line of JSON; one thread if RAYON_NUM_THREADS says so.
//!
//! XOR by the modern rules, whatever is solved. Times are of the processor, in seconds a generation: `total`, and its parts `breed`,
//! `species` (with champions and history), `plan` (compiling all genomes, which judging does as well) and `judge` (compiling and
//! answering). `multiplexer` is genomes a second over all 2,048 cases of the 11-multiplexer, compiling included.

use lehr::engine::evolution::tasks::Table;
use lehr::engine::evolution::{Brains, Evolution, Genomes, JUDGED_TOGETHER, Settings, Task, judge};
use lehr::units::Seed;
use lehr_peers::cpu_seconds;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).map(|a| a.parse().expect("a whole number")).collect();
    let [population, generations, seed] = numbers[..] else { panic!("evolution_side POPULATION GENERATIONS SEED") };
    let task = Table::xor();
    let settings = Settings { population: population as usize, ..Settings::modern() };
    let wiring = settings.signals.wiring();
    let (mut evolution, mut children) = Evolution::begin(settings.clone(), task.shape(), Seed(seed)).expect("settings of a preset");
    let mut genomes = Genomes::from_genomes(&children);
    let mut parents = Vec::new();
    let (mut breeding, mut species, mut planning, mut judging) = (0.0, 0.0, 0.0, 0.0);
    for generation in 0..generations {
        let start = cpu_seconds();
        if generation > 0 {
            evolution.breed(genomes.blocks(), &mut children, &mut parents);
            genomes.fill(&children);
        }
        let bred = cpu_seconds();
        let scores = evolution.judge(genomes.blocks(), &[], &task);
        let judged = cpu_seconds();
        evolution.decide(genomes.blocks(), &[], &scores).expect("scores of XOR");
        evolution.settle(genomes.blocks());
        let settled = cpu_seconds();
        for batch in evolution.to_judge().chunks(JUDGED_TOGETHER) {
            std::hint::black_box(Brains::compile(genomes.blocks(), batch, wiring, task.shape()));
        }
        breeding += bred - start;
        judging += judged - bred;
        species += settled - judged;
        planning += cpu_seconds() - settled;
    }
    let per = 1.0 / generations as f64;
    let connections = genomes.iter().map(|g| g.n_connections()).sum::<usize>() as f64 / population as f64;

    let cases = Table::multiplexer(3);
    let (_, first) = Evolution::begin(Settings { population: 600, ..settings }, cases.shape(), Seed(seed)).expect("settings of a preset");
    let first = Genomes::from_genomes(&first);
    let all: Vec<u32> = (0..600).collect();
    let start = cpu_seconds();
    std::hint::black_box(judge(&cases, first.blocks(), &all, wiring));
    let multiplexer = 600.0 / (cpu_seconds() - start);

    let line = serde_json::json!({
        "population": population,
        "generations": generations,
        "connections": connections,
        "total": per * (breeding + judging + species),
        "breed": per * breeding,
        "species": per * species,
        "plan": per * planning,
        "judge": per * judging,
        "multiplexer": multiplexer,
    });
    println!("{line}");
}
