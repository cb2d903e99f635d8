//! Annealed evolution samples what it claims: exact transition matrices, exact distributions of wirings, the prior where there is no
//! fitness; and wrong twins fail.

use lehr::engine::evolution::annealed::{Annealing, acceptance, energy};
use lehr::engine::evolution::tasks::Table;
use lehr::engine::evolution::{Brains, Genome, Genomes, Population, Score, Settings, Shape, Task};
use lehr::engine::exact::{noise_floor, total_variation};
use lehr::engine::network::heat::HeatSchedule;
use lehr::engine::structure::Claim;
use lehr::math;
use lehr::units::Seed;

const T: f64 = 0.2;
const LAMBDA: f64 = 0.15;

fn rules(population: usize, annealing: Annealing) -> Settings {
    let mut rules = Settings::modern();
    rules.population = population;
    rules.annealing = Some(annealing);
    rules
}

fn at_one_temperature() -> Annealing {
    Annealing { schedule: HeatSchedule::Constant(T), lambda: LAMBDA, ..Annealing::default() }
}

/// Every wiring of the connections of `genome`, as bits, with its fitness.
fn fitness_of_wirings(genome: &Genome, task: &dyn Task, settings: &Settings) -> Vec<f64> {
    let wiring = |bits: usize| {
        let mut genome = genome.clone();
        for (k, gene) in genome.connections.iter_mut().enumerate() {
            gene.enabled = bits >> k & 1 == 1;
        }
        genome
    };
    let all: Vec<Genome> = (0..1 << genome.connections.len()).map(wiring).collect();
    let genomes = Genomes::from_genomes(&all);
    let which: Vec<u32> = (0..all.len() as u32).collect();
    let mut scores = vec![Score::default(); all.len()];
    task.judge(&mut Brains::compile(genomes.blocks(), &which, settings.signals.wiring(), task.shape()), &mut scores);
    scores.iter().map(|s| s.fitness).collect()
}

fn boltzmann(energies: &[f64], t: f64) -> Vec<f64> {
    let least = energies.iter().copied().fold(f64::INFINITY, f64::min);
    let weights: Vec<f64> = energies.iter().map(|u| math::exp(-(u - least) / t)).collect();
    let z: f64 = weights.iter().sum();
    weights.iter().map(|w| w / z).collect()
}

fn energies(fitness: &[f64], lambda: f64) -> Vec<f64> {
    fitness.iter().enumerate().map(|(bits, &f)| energy(f, bits.count_ones() as usize, lambda)).collect()
}

/// The probability of each wiring after one proposal from `pi`, where each of `m` connections is switched with probability 1 / m.
fn after_one(pi: &[f64], m: usize, accepted: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut next = pi.to_vec();
    for (s, &p) in pi.iter().enumerate() {
        for k in 0..m {
            let to = s ^ (1 << k);
            let flow = p * accepted(s, to) / m as f64;
            next[s] -= flow;
            next[to] += flow;
        }
    }
    next
}

fn gap(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn the_transition_matrix_of_all_wirings_keeps_the_boltzmann_distribution() {
    let task = Table::parity(5);
    let settings = rules(20, at_one_temperature());
    let population = Population::new(settings.clone(), task.shape(), Seed(3)).unwrap();
    let genome = Genome::from_view(population.ask().view(0));
    let m = genome.connections.len();
    assert_eq!(m, 6);
    let fitness = fitness_of_wirings(&genome, &task, &settings);
    let u = energies(&fitness, LAMBDA);
    let pi = boltzmann(&u, T);
    assert!(gap(&after_one(&pi, m, |s, to| acceptance(u[to] - u[s], T)), &pi) < 1e-12);
    // Wrong twins: no cost of connections, another temperature, a clamp, acceptance that looks at the new state alone.
    let free = energies(&fitness, 0.0);
    assert!(gap(&after_one(&pi, m, |s, to| acceptance(free[to] - free[s], T)), &pi) > 1e-6);
    assert!(gap(&after_one(&pi, m, |s, to| acceptance(u[to] - u[s], 1.02 * T)), &pi) > 1e-6);
    assert!(gap(&after_one(&pi, m, |s, to| acceptance(u[to] - u[s], T).min(0.98)), &pi) > 1e-6);
    assert!(gap(&after_one(&pi, m, |_, to| acceptance(u[to], T)), &pi) > 1e-6);
}

/// The wirings of all genomes after `generations` of annealing, as counts, where every chain starts from equal genes.
fn sampled(settings: Settings, task: &dyn Task, generations: u32, seed: u64) -> (Vec<u64>, Genome) {
    let shape = task.shape();
    let mut population = Population::new(settings, shape, Seed(seed)).unwrap();
    let first = Genome::from_view(population.ask().view(0));
    let equal = vec![first.clone(); population.ask().len()];
    population.replace(&equal);
    for _ in 0..generations {
        population.judge(task).unwrap();
        population.breed();
    }
    population.judge(task).unwrap();
    let mut counts = vec![0; 1 << first.connections.len()];
    for genome in population.ask().iter() {
        let bits: usize = genome.enabled.iter().enumerate().map(|(k, &e)| usize::from(e) << k).sum();
        counts[bits] += 1;
    }
    (counts, first)
}

#[test]
fn independent_chains_have_the_exact_distribution_of_wirings() {
    let task = Table::multiplexer(1);
    let (t, lambda) = (2.0, 1.0);
    let n = 3000;
    let annealing = Annealing { schedule: HeatSchedule::Constant(t), lambda, toggle: 1.0, ..Annealing::default() };
    assert_eq!(annealing.claim(), Claim::Driven, "weights stay");
    for changes in [1, 2] {
        // A proposal of two changes keeps the parity of the number of connections, unless single ones are mixed in.
        let settings = rules(n, Annealing { changes, ..annealing.clone() });
        let (counts, genome) = sampled(settings.clone(), &task, 120, 8);
        let fitness = fitness_of_wirings(&genome, &task, &settings);
        let of_parity = |p: Vec<f64>| {
            let odd = genome.connections.len() % 2;
            let kept: Vec<f64> =
                p.iter().enumerate().map(|(b, &x)| if changes == 2 && b.count_ones() as usize % 2 != odd { 0.0 } else { x }).collect();
            let z: f64 = kept.iter().sum();
            kept.iter().map(|x| x / z).collect::<Vec<f64>>()
        };
        let exact = of_parity(boltzmann(&energies(&fitness, lambda), t));
        let floor = noise_floor(&exact, n as f64);
        let found = total_variation(&exact, &counts);
        assert!(found < 3.0 * floor, "total variation {found}, noise floor {floor}, {changes} changes");
        for (what, wrong) in [
            ("without the cost of connections", of_parity(boltzmann(&energies(&fitness, 0.0), t))),
            ("at another temperature", of_parity(boltzmann(&energies(&fitness, lambda), 2.0 * t))),
            ("without fitness", of_parity(boltzmann(&energies(&vec![0.0; fitness.len()], lambda), t))),
        ] {
            let wrong = total_variation(&wrong, &counts);
            assert!(wrong > 3.0 * floor, "{what}: {wrong} passes, noise floor {floor}");
        }
    }
}

/// A task that all do equally well.
struct Flat;

impl Task for Flat {
    fn name(&self) -> &str {
        "flat"
    }

    fn shape(&self) -> Shape {
        Shape { n_inputs: 5, n_outputs: 1 }
    }

    fn judge(&self, _: &mut Brains, scores: &mut [Score]) {
        scores.fill(Score { fitness: 2.5, solved: false });
    }
}

#[test]
fn without_fitness_the_prior_comes_back() {
    let n = 4000;
    let mut settings = rules(n, Annealing { toggle: 0.5, size: 0.8, changes: 3, ..at_one_temperature() });
    settings.weights.limit = 1.0;
    let mut population = Population::new(settings, Flat.shape(), Seed(5)).unwrap();
    // From chains that all start at one place.
    let first = Genome::from_view(population.ask().view(0));
    population.replace(&vec![first; n]);
    population.judge(&Flat).unwrap();
    for _ in 0..60 {
        population.breed();
        population.judge(&Flat).unwrap();
    }
    let m = 6;
    let mut counts = vec![0_u64; m + 1];
    let mut bins = vec![0_u64; 10];
    for genome in population.ask().iter() {
        counts[genome.n_enabled()] += 1;
        // One weight a genome, so that counts are independent.
        bins[((f64::from(genome.weights[2]) + 1.0) * 5.0).clamp(0.0, 9.0) as usize] += 1;
    }
    let binomial = |p: f64| {
        let choose = |k: usize| (0..k).fold(1.0, |c, i| c * (m - i) as f64 / (i + 1) as f64);
        let term = |k: usize| choose(k) * (0..m).fold(1.0, |x, i| x * if i < k { p } else { 1.0 - p });
        (0..=m).map(term).collect::<Vec<f64>>()
    };
    let exact = binomial(1.0 / (1.0 + math::exp(LAMBDA / T)));
    let floor = noise_floor(&exact, n as f64);
    assert!(total_variation(&exact, &counts) < 3.0 * floor, "{counts:?}");
    assert!(total_variation(&binomial(0.5), &counts) > 3.0 * floor, "without lambda");
    let uniform = vec![0.1; 10];
    let floor = noise_floor(&uniform, n as f64);
    assert!(total_variation(&uniform, &bins) < 3.0 * floor, "{bins:?}");
}

#[test]
fn what_cools_grows_or_breeds_is_driven() {
    let exact = at_one_temperature();
    assert_eq!(exact.claim(), Claim::Exact);
    assert_eq!(Annealing { toggle: 0.0, ..exact.clone() }.claim(), Claim::Driven);
    assert_eq!(Annealing { schedule: HeatSchedule::Constant(0.0), ..exact.clone() }.claim(), Claim::Driven);
    assert_eq!(Annealing { schedule: HeatSchedule::Custom(vec![1.0, 0.5]), ..exact.clone() }.claim(), Claim::Driven);
    assert_eq!(Annealing { growth: 0.1, ..exact.clone() }.claim(), Claim::Driven);
    assert_eq!(Annealing { breed_every: Some(10), ..exact }.claim(), Claim::Driven);
}

#[test]
fn annealing_with_growth_and_breeding_solves_the_exclusive_or() {
    let schedule = HeatSchedule::Geometric(lehr::engine::methods::TemperatureRange { hot: 0.5, cold: 0.02 });
    let annealing = Annealing { schedule, generations: 60, lambda: 0.01, growth: 0.1, breed_every: Some(10), ..Annealing::default() };
    let solved = (0..10).filter(|&seed| {
        let mut population = Population::new(rules(100, annealing.clone()), Table::xor().shape(), Seed(seed)).unwrap();
        population.run(&Table::xor(), 120).unwrap().is_some()
    });
    let n = solved.count();
    assert!(n >= 8, "{n} of 10 seeds");
}
