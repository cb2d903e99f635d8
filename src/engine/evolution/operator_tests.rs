//! One test a rule of crossover and mutation, and properties of both on random genomes.

#![cfg(test)]

use std::cmp::Ordering;

use super::crossover::cross;
use super::genes::{Innovations, Numbering};
use super::genome::Genome;
use super::genomes::Genomes;
use super::invariants::genome_invariants;
use super::law::Activations;
use super::mutation::*;
use super::population::Population;
use super::settings::{BiasForm, Settings, Signals, SplitForm};
use super::task::Task;
use super::tasks::Table;
use super::test_genomes::{SHAPE, grown, random_genome};
use crate::plan::population::{Activation, Aggregation, Network, NodeKind};
use crate::random::{Stream, StreamKey, SystemTag};
use crate::units::Seed;

fn stream(seed: u64) -> Stream {
    StreamKey::new(Seed(seed), SystemTag::named("operator test"), 0).stream()
}

fn all_settings() -> Vec<Settings> {
    let mut deep = Settings::modern();
    deep.bias = BiasForm::Gene;
    deep.signals = Signals::ContinuousTime { dt: 0.1 };
    deep.activations = Activation::ALL.to_vec();
    deep.aggregations = Aggregation::ALL.to_vec();
    let mut recurrent = Settings::paper();
    recurrent.signals = Signals::Recurrent;
    vec![Settings::paper(), Settings::modern(), recurrent, deep]
}

fn crossed(a: &Genome, b: &Genome, order: Ordering, settings: &Settings, seed: u64) -> Genome {
    let both = Genomes::from_genomes(&[a.clone(), b.clone()]);
    let mut child = Genome::default();
    cross(&mut child, both.view(0), both.view(1), order, settings, &mut stream(seed));
    child
}

fn answers(genome: &Genome, settings: &Settings) -> Vec<f32> {
    let genomes = Genomes::from_genomes(std::slice::from_ref(genome));
    let (mut network, mut state) = (Network::default(), Activations::default());
    let wiring = settings.signals.wiring();
    network.compile(genomes.view(0), wiring);
    let mut all = Vec::new();
    for k in 0..20 {
        state.reset(&network);
        let inputs: Vec<f32> = (0..SHAPE.n_inputs).map(|i| ((k * 7 + i * 3) % 11) as f32 / 11.0).collect();
        state.step(&network, wiring, &inputs);
        all.extend(state.outputs(&network));
    }
    all
}

#[test]
fn every_operator_keeps_the_invariants() {
    for (s, settings) in all_settings().iter().enumerate() {
        let mut random = stream(s as u64);
        let mut genome = grown(settings, 0, 4);
        for round in 0..300_u32 {
            let numbers = Innovations::new(settings.numbering, 10 + round / 5);
            match random.below(9) {
                0 => add_node(&mut genome, settings, numbers, &mut random),
                1 | 2 => add_connection(&mut genome, settings, numbers, &mut random),
                3 => delete_node(&mut genome, &mut random),
                4 => delete_connection(&mut genome, &mut random),
                5 => toggle_connection(&mut genome, &mut random),
                6 => enable_connection(&mut genome, &mut random),
                7 => mutate_activation(&mut genome, settings, &mut random) | mutate_aggregation(&mut genome, settings, &mut random),
                _ => mutate(&mut genome, settings, None, numbers, &mut random),
            };
            genome_invariants(&genome, SHAPE, settings);
            answers(&genome, settings);
        }
    }
}

#[test]
fn children_of_any_parents_keep_the_invariants_and_invent_no_gene() {
    for settings in all_settings() {
        for seed in 0..60 {
            let (a, b) = (grown(&settings, seed, 12), grown(&settings, seed + 100, seed as usize % 17));
            for order in [Ordering::Less, Ordering::Equal, Ordering::Greater] {
                let child = crossed(&a, &b, order, &settings, seed);
                genome_invariants(&child, SHAPE, &settings);
                answers(&child, &settings);
                for gene in &child.connections {
                    let of = |g: &Genome| g.connections.iter().find(|c| c.key() == gene.key()).copied();
                    let (x, y) = (of(&a), of(&b));
                    let weights: Vec<f32> = [x, y].iter().flatten().map(|c| c.weight).collect();
                    let (low, high) = weights.iter().fold((f32::MAX, f32::MIN), |(l, h), &w| (l.min(w), h.max(w)));
                    assert!((low..=high).contains(&gene.weight), "{gene:?} of {x:?} and {y:?}");
                }
                let fitter = if order == Ordering::Less { &b } else { &a };
                if order != Ordering::Equal {
                    let keys = |g: &Genome| g.connections.iter().map(|c| c.key()).collect::<Vec<_>>();
                    assert_eq!(keys(&child), keys(fitter), "disjoint and excess genes come from the fitter parent");
                }
            }
        }
    }
}

#[test]
fn crossover_aligns_by_innovation_and_not_by_position() {
    // The second genome has genes before and between those of the first; matching ones must still meet.
    let settings = Settings::modern();
    let a = random_genome(1, 2);
    let mut b = a.clone();
    let mut random = stream(3);
    while b.connections.len() < a.connections.len() + 6 {
        add_connection(&mut b, &settings, Innovations::new(Numbering::Content, 0), &mut random);
        add_node(&mut b, &settings, Innovations::new(Numbering::Content, 0), &mut random);
    }
    for c in &mut b.connections {
        c.weight = 500.0;
    }
    let shared = |c: &&super::ConnectionGene| a.connections.iter().any(|x| x.id == c.id);
    assert!(b.connections.iter().take(a.connections.len()).filter(shared).count() < a.connections.len(), "positions differ");
    let mut settings = settings;
    settings.crossover.averaging = 1.0;
    let child = crossed(&a, &b, Ordering::Greater, &settings, 1);
    for (x, y) in a.connections.iter().zip(&child.connections) {
        assert_eq!((x.id, 0.5 * (x.weight + 500.0)), (y.id, y.weight));
    }
}

#[test]
fn a_genome_crossed_with_itself_is_itself() {
    for settings in all_settings() {
        for seed in 0..20 {
            let mut a = grown(&settings, seed, 10);
            toggle_connection(&mut a, &mut stream(seed));
            for order in [Ordering::Less, Ordering::Equal, Ordering::Greater] {
                assert_eq!(crossed(&a, &a, order, &settings, seed), a);
            }
        }
    }
}

#[test]
fn a_gene_disabled_in_either_parent_is_disabled_in_three_of_four_children() {
    let settings = Settings::paper();
    let mut a = grown(&settings, 1, 0);
    let mut b = a.clone();
    for (k, (x, y)) in a.connections.iter_mut().zip(&mut b.connections).enumerate() {
        // Disabled in neither, in one, in the other, in both, by turns.
        (x.enabled, y.enabled) = (k % 4 != 1 && k % 4 != 3, k % 4 < 2);
        y.weight += 1.0;
    }
    let n = 40_000_u32;
    let mut disabled = vec![0_u32; a.connections.len()];
    for seed in 0..n {
        let child = crossed(&a, &b, Ordering::Greater, &settings, u64::from(seed));
        for (count, c) in disabled.iter_mut().zip(&child.connections) {
            *count += u32::from(!c.enabled);
        }
    }
    // Five standard deviations of a binomial number.
    let deviation = 5.0 * (f64::from(n) * 0.75 * 0.25).sqrt();
    for (k, &count) in disabled.iter().enumerate() {
        let expected = if k % 4 == 0 { 0.0 } else { 0.75 * f64::from(n) };
        assert!((f64::from(count) - expected).abs() <= if k % 4 == 0 { 0.0 } else { deviation }, "gene {k}: {count} of {n}");
    }
}

#[test]
fn an_added_node_has_the_weights_of_the_paper_and_disables_what_it_splits() {
    for settings in [Settings::paper(), Settings::modern()] {
        let before = grown(&settings, 3, 0);
        let mut after = before.clone();
        assert!(add_node(&mut after, &settings, Innovations::new(settings.numbering, 1), &mut stream(1)));
        let new = after.nodes.iter().find(|n| n.kind == NodeKind::Hidden).unwrap();
        let (into, out) = (
            after.connections.iter().find(|c| c.target == new.id).unwrap(),
            after.connections.iter().find(|c| c.source == new.id).unwrap(),
        );
        let old = after.connections.iter().find(|c| c.source == into.source && c.target == out.target).unwrap();
        assert!(!old.enabled && into.enabled && out.enabled);
        assert_eq!((into.weight, out.weight), (1.0, old.weight));
    }
}

#[test]
fn an_added_node_preserves_the_function_where_asked() {
    for activation in [Activation::Identity, Activation::Tanh, Activation::SteepSigmoid, Activation::Relu, Activation::Gauss] {
        let mut settings = Settings::modern();
        settings.activations = vec![activation];
        settings.structure.split = SplitForm::Preserve;
        for seed in 0..20 {
            let mut genome = grown(&settings, seed, 6);
            let before = answers(&genome, &settings);
            assert!(add_node(&mut genome, &settings, Innovations::new(settings.numbering, 9), &mut stream(seed)));
            let after = answers(&genome, &settings);
            for (x, y) in before.iter().zip(&after) {
                assert!((x - y).abs() <= 1e-6, "{activation:?}: {x} became {y}");
            }
        }
    }
}

#[test]
fn the_same_split_in_two_genomes_gets_the_same_ids_and_a_second_one_another() {
    for settings in [Settings::paper(), Settings::modern()] {
        let (mut a, mut b) = (grown(&settings, 3, 0), grown(&settings, 4, 0));
        for genome in [&mut a, &mut b] {
            for c in genome.connections.iter_mut().skip(1) {
                c.enabled = false;
            }
            assert!(add_node(genome, &settings, Innovations::new(settings.numbering, 1), &mut stream(8)));
        }
        let keys =
            |g: &Genome| (g.nodes.iter().map(|n| n.id).collect::<Vec<_>>(), g.connections.iter().map(|c| c.key()).collect::<Vec<_>>());
        assert_eq!(keys(&a), keys(&b));
        let n_nodes = a.nodes.len();
        // Enabled again, the same connection is split a second time: another node.
        let split = (0..a.connections.len()).find(|&c| b.connections[c].weight != 1.0 && !a.connections[c].enabled);
        let first = grown(&settings, 3, 0).connections[0].key();
        for c in &mut a.connections {
            c.enabled = c.key() == first;
        }
        assert!(split.is_some());
        assert!(add_node(&mut a, &settings, Innovations::new(settings.numbering, 1), &mut stream(8)));
        assert_eq!(a.nodes.len(), n_nodes + 1);
        genome_invariants(&a, SHAPE, &settings);
    }
}

#[test]
fn no_cycle_closes_in_feed_forward_mode_and_some_do_elsewhere() {
    let mut cycles = [0, 0];
    for (k, signals) in [Signals::FeedForward, Signals::Recurrent].into_iter().enumerate() {
        let mut settings = Settings::modern();
        settings.signals = signals;
        for seed in 0..40 {
            let genome = grown(&settings, seed, 40);
            cycles[k] += usize::from(genome.connections.iter().any(|c| genome.reaches(c.target, c.source)));
        }
    }
    assert!(cycles[0] == 0 && cycles[1] > 30, "{cycles:?} of 40 genomes have cycles");
}

#[test]
fn deletions_leave_nothing_dangling() {
    let settings = Settings::modern();
    for seed in 0..40 {
        let mut genome = random_genome(seed, 30);
        let mut random = stream(seed);
        let n = genome.nodes.len();
        while delete_connection(&mut genome, &mut random) {
            genome_invariants(&genome, SHAPE, &settings);
        }
        assert!(genome.connections.len() <= 1 && genome.nodes.len() < n);
        let mut genome = random_genome(seed, 30);
        while delete_node(&mut genome, &mut random) {
            genome_invariants(&genome, SHAPE, &settings);
        }
        assert!(genome.nodes.iter().all(|n| n.kind != NodeKind::Hidden));
    }
}

#[test]
fn a_genome_joined_with_itself_is_mutated() {
    let mut settings = Settings::modern();
    (settings.crossover.rate, settings.crossover.only, settings.crossover.interspecies) = (1.0, 1.0, 0.0);
    // One parent a species, no copies, and numbers that always change.
    (settings.survival.parents, settings.survival.elites) = (0.0, 0);
    (settings.weights.rate, settings.weights.each) = (1.0, 1.0);
    let mut population = Population::new(settings, Table::xor().shape(), Seed(1)).unwrap();
    population.judge(&Table::xor()).unwrap();
    population.breed();
    assert_eq!(population.to_judge().len(), 150);
}
