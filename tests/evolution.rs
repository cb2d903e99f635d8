//! Evolution in a world: the same generations as without one, whatever the threads, through checkpoints and growing blocks.

use lehr::components::genome::{Fitness, GeneCount, NodeCount, NodeRole, SpeciesId};
use lehr::components::{Metrics, Source, Target, Weight};
use lehr::engine::evolution::tasks::Table;
use lehr::engine::evolution::{Annealing, Inheritance, Phases, Population, Refinement, Settings, Signals, Task};
use lehr::engine::network::heat::HeatSchedule;
use lehr::evolution::{EvolveSettings, Evolving, GENES, GENOMES, NODES, evolve};
use lehr::simulation::{Simulation, StateHash};
use lehr::topology::Deaths;
use lehr::units::Seed;

/// Rules under which genomes grow fast, so that blocks are outgrown.
fn growing() -> Settings {
    let mut rules = Settings::modern();
    rules.population = 60;
    rules.structure.add_node = 0.3;
    rules.structure.add_connection = 0.4;
    rules
}

fn world(rules: Settings, seed: u64) -> Simulation {
    let mut sim = Simulation::new(Seed(seed));
    let settings = EvolveSettings { rules, stops_when_solved: false };
    evolve(&mut sim, settings, Box::new(Table::parity(3))).unwrap();
    sim
}

fn hashes(sim: &mut Simulation, steps: u64) -> Vec<StateHash> {
    let step = |_| {
        sim.step().unwrap();
        sim.state_hash()
    };
    (0..steps).map(step).collect()
}

#[test]
fn a_world_evolves_as_a_population_without_one() {
    let mut phased = growing();
    phased.phases = Some(Phases { growth: 3.0, simplify_for: 3, delete_connection: 0.5, delete_node: 0.2 });
    let mut recurrent = growing();
    recurrent.signals = Signals::Recurrent;
    for rules in [growing(), phased, recurrent, Settings::paper()] {
        let task = Table::parity(3);
        let mut population = Population::new(rules.clone(), task.shape(), Seed(5)).unwrap();
        let mut sim = world(rules, 5);
        let capacity = sim.neurons::<NodeRole>(NODES).unwrap().len();
        for generation in 0..15 {
            if generation > 0 {
                population.breed();
            }
            population.judge(&task).unwrap();
            sim.step().unwrap();
            let evolving = sim.world().resource::<Evolving>().evolution();
            assert_eq!(evolving.statistics(), population.statistics());
            assert_eq!(evolving.champion(), population.champion());
            let counts: Vec<u32> = sim.neurons::<NodeCount>(GENOMES).unwrap().iter().map(|n| n.0).collect();
            assert_eq!(counts, population.ask().iter().map(|g| g.n_nodes() as u32).collect::<Vec<_>>());
            let fitness: Vec<f64> = sim.neurons::<Fitness>(GENOMES).unwrap().iter().map(|f| f.0).collect();
            assert_eq!(fitness, population.scores().iter().map(|s| s.fitness).collect::<Vec<_>>());
            let species = sim.neurons::<SpeciesId>(GENOMES).unwrap();
            assert!(population.species().iter().all(|s| s.members.iter().all(|&k| species[k as usize].0 == s.id)));
        }
        assert!(sim.neurons::<NodeRole>(NODES).unwrap().len() >= capacity);
    }
}

#[test]
fn genes_are_synapses_between_the_nodes_of_their_genome() {
    let mut sim = world(growing(), 2);
    let before = sim.synapses::<Weight>(GENES).unwrap().len();
    sim.run(15).unwrap();
    let n = sim.neurons::<NodeCount>(GENOMES).unwrap().len();
    let (nodes, genes) = (sim.neurons::<NodeRole>(NODES).unwrap().len() / n, sim.synapses::<Weight>(GENES).unwrap().len() / n);
    assert!(n * genes > before, "blocks of {genes} genes, of {} at first", before / n);
    let (sources, targets) = (sim.synapses::<Source>(GENES).unwrap(), sim.synapses::<Target>(GENES).unwrap());
    let (node_counts, gene_counts) = (sim.neurons::<NodeCount>(GENOMES).unwrap(), sim.neurons::<GeneCount>(GENOMES).unwrap());
    for k in 0..n {
        let own = k * nodes..k * nodes + node_counts[k].0 as usize;
        for row in k * genes..k * genes + gene_counts[k].0 as usize {
            assert!(own.contains(&sources[row].row()) && own.contains(&targets[row].row()), "gene {row} of genome {k}");
        }
        // What is not used is empty.
        let unused = k * genes + gene_counts[k].0 as usize..(k + 1) * genes;
        assert!(sim.synapses::<Weight>(GENES).unwrap()[unused].iter().all(|w| w.0 == 0.0));
    }
}

#[test]
fn threads_change_nothing() {
    let run = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| hashes(&mut world(growing(), 3), 12))
    };
    let expected = run(1);
    assert!(expected.windows(2).all(|pair| pair[0] != pair[1]));
    for n_threads in [2, 3, 7] {
        assert_eq!(run(n_threads), expected, "{n_threads} threads");
    }
}

#[test]
fn a_resumed_world_is_bit_identical_through_growing_blocks() {
    let expected = hashes(&mut world(growing(), 4), 16);
    for at in [0, 1, 5, 11] {
        let mut first = world(growing(), 4);
        hashes(&mut first, at);
        let saved = first.save().unwrap();
        let mut resumed = world(growing(), 4);
        // Whatever was there is replaced, blocks of another size included.
        resumed.run(3).unwrap();
        resumed.load(&saved).unwrap();
        assert_eq!(hashes(&mut resumed, 16 - at), expected[at as usize..], "resumed at {at}");
    }
}

/// Annealed with breeding between, and with lessons of which some are forgotten.
fn heated() -> Settings {
    let mut rules = growing();
    let schedule = HeatSchedule::Constant(0.3);
    rules.annealing = Some(Annealing { schedule, lambda: 0.05, growth: 0.3, breed_every: Some(4), ..Annealing::default() });
    rules.gradient = Some(Refinement { inheritance: Inheritance::Mixed(0.5), steps: 3, every: 2, ..Refinement::default() });
    rules
}

#[test]
fn annealed_and_trained_generations_are_resumed_and_threaded_alike() {
    let run = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| hashes(&mut world(heated(), 9), 12))
    };
    let expected = run(1);
    assert_eq!(run(3), expected);
    for at in [1, 4, 6] {
        let mut first = world(heated(), 9);
        hashes(&mut first, at);
        let mut resumed = world(heated(), 9);
        resumed.load(&first.save().unwrap()).unwrap();
        assert_eq!(hashes(&mut resumed, 12 - at), expected[at as usize..], "resumed at {at}");
    }
    let task = Table::parity(3);
    let mut population = Population::new(heated(), task.shape(), Seed(9)).unwrap();
    let mut sim = world(heated(), 9);
    for generation in 0..10 {
        if generation > 0 {
            population.breed();
        }
        population.judge(&task).unwrap();
        sim.step().unwrap();
        assert_eq!(sim.world().resource::<Evolving>().evolution().statistics(), population.statistics());
    }
    let (accepted, proposed) = population.accepted();
    assert!(0 < accepted && accepted < proposed, "{accepted} of {proposed}");
}

#[test]
fn a_rule_of_ones_own_may_write_weights() {
    let mut sim = world(growing(), 6);
    sim.run(2).unwrap();
    let untouched = {
        let saved = sim.save().unwrap();
        let hash = hashes(&mut sim, 1);
        sim.load(&saved).unwrap();
        hash
    };
    for weight in sim.synapses_mut::<Weight>(GENES).unwrap() {
        weight.0 *= 0.5;
    }
    assert_ne!(hashes(&mut sim, 1), untouched);
}

#[test]
fn genes_do_not_die_alone() {
    let mut sim = world(growing(), 1);
    let genes = sim.fabric().find_projection(GENES).unwrap();
    sim.world().resource::<Deaths>().synapse(genes, 3);
    let error = sim.step().unwrap_err().to_string();
    assert!(error.contains("\"genes\" holds genes in blocks"), "{error}");
}

#[test]
fn states_that_are_no_genomes_are_refused() {
    let mut sim = world(growing(), 7);
    sim.run(4).unwrap();
    let good = sim.save().unwrap();
    let mut broken = |section: &str, at: usize, bytes: &[u8]| {
        let mut snapshot = good.clone();
        let section = snapshot.sections.iter_mut().find(|s| s.name == section).unwrap_or_else(|| panic!("no {section}"));
        section.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        let error = sim.load(&snapshot).unwrap_err().to_string();
        assert!(sim.step().is_err() || sim.load(&good).is_ok());
        sim.load(&good).unwrap();
        error
    };
    assert!(broken("neuron/nodes/NodeRole", 2, &[9]).contains("NodeRole 9 in row 2 names nothing"));
    assert!(broken("synapse/genes/GeneEnabled", 0, &[2]).contains("GeneEnabled 2"));
    assert!(broken("neuron/genomes/NodeCount", 0, &1000_u32.to_le_bytes()).contains("genome 0 has 1000 nodes"));
    assert!(broken("synapse/genes/Source", 0, &200_u32.to_le_bytes()).contains("gene 0 joins nodes 200"));
    assert!(broken("neuron/nodes/NodeGeneId", 0, &u64::MAX.to_le_bytes()).contains("do not ascend"));
    let mut missing = good.clone();
    missing.sections.retain(|s| s.name != "evolution/counts");
    assert!(sim.load(&missing).is_err());
}

#[test]
fn metrics_say_how_far_it_is_and_end_the_run_when_solved() {
    let mut sim = Simulation::new(Seed(1));
    let settings = EvolveSettings { rules: Settings::modern(), stops_when_solved: true };
    evolve(&mut sim, settings, Box::new(Table::xor())).unwrap();
    let metric = |sim: &Simulation, name: &str| sim.world().resource::<Metrics>().get(name);
    let mut steps = 0;
    while !sim.world().resource::<Metrics>().is_finished() {
        sim.step().unwrap();
        steps += 1;
        assert!(steps < 300, "XOR is solved");
    }
    let solution = sim.world().resource::<Evolving>().evolution().solution().unwrap().clone();
    assert_eq!(metric(&sim, "solved"), Some(1.0));
    assert_eq!(metric(&sim, "generations"), Some(f64::from(steps)));
    assert_eq!(metric(&sim, "solved_after"), Some(solution.evaluations as f64));
    assert!(metric(&sim, "evaluations").unwrap() >= 150.0 && metric(&sim, "hidden").unwrap() > 0.0);
}
