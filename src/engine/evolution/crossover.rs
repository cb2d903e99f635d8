//! Crossover: genes are aligned by innovation, not by position.
//!
//! Matching genes come from either parent, or are averaged; genes that one parent lacks come from the fitter one. A gene that is
//! disabled in either parent is disabled in the child with the probability of the settings. A genome joined with its equal is itself.

use std::cmp::Ordering;

use crate::plan::population::{GenomeView, NodeKind};
use crate::random::Stream;

use super::genes::ConnectionGene;
use super::genome::{Genome, connection_of, node_of};
use super::mutation::chance;
use super::settings::{Settings, Signals};

/// Makes `child` of two parents; `fitness` says which one is fitter.
pub fn cross(child: &mut Genome, a: GenomeView<'_>, b: GenomeView<'_>, fitness: Ordering, settings: &Settings, random: &mut Stream) {
    if a == b {
        return child.copy_from(a);
    }
    let equal = fitness == Ordering::Equal;
    let b_first = match fitness {
        Ordering::Less => true,
        Ordering::Greater => false,
        Ordering::Equal if settings.crossover.equal_gives_both => random.coin(),
        Ordering::Equal => (b.n_connections(), b.n_nodes()) < (a.n_connections(), a.n_nodes()),
    };
    let (first, second) = if b_first { (b, a) } else { (a, b) };
    let both_give = equal && settings.crossover.equal_gives_both;
    let averages = chance(random, settings.crossover.averaging);

    child.connections.clear();
    child.nodes.clear();
    let mut extras: Vec<ConnectionGene> = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < first.n_connections() || j < second.n_connections() {
        let key = |view: &GenomeView<'_>, k: usize| (k < view.n_connections()).then(|| (view.births[k], view.ids[k]));
        let order = match (key(&first, i), key(&second, j)) {
            (Some(x), Some(y)) => x.cmp(&y),
            (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        match order {
            Ordering::Equal => {
                let (x, y) = (connection_of(&first, i), connection_of(&second, j));
                let mut gene = if random.coin() { x } else { y };
                if averages {
                    gene.weight = 0.5 * (x.weight + y.weight);
                }
                gene.enabled = (x.enabled && y.enabled) || !chance(random, settings.crossover.disabled);
                child.connections.push(gene);
                (i, j) = (i + 1, j + 1);
            }
            Ordering::Less => {
                if !both_give || random.coin() {
                    child.connections.push(inherited(connection_of(&first, i), settings, random));
                }
                i += 1;
            }
            Ordering::Greater => {
                if both_give && random.coin() {
                    extras.push(inherited(connection_of(&second, j), settings, random));
                }
                j += 1;
            }
        }
    }
    for gene in extras {
        add_extra(child, gene, settings);
    }
    add_nodes(child, &first, &second, averages, random);
    if both_give {
        child.prune_dangling();
    }
}

/// A gene that one parent lacks.
fn inherited(mut gene: ConnectionGene, settings: &Settings, random: &mut Stream) -> ConnectionGene {
    gene.enabled = gene.enabled || !chance(random, settings.crossover.disabled);
    gene
}

/// Adds a gene of the other parent, unless the same nodes are connected already or it would close a cycle.
fn add_extra(child: &mut Genome, gene: ConnectionGene, settings: &Settings) {
    if child.connects(gene.source, gene.target) {
        return;
    }
    if settings.signals == Signals::FeedForward && child.reaches(gene.target, gene.source) {
        return;
    }
    child.insert_connection(gene);
}

/// The nodes of the task, and those that connections of the child touch.
fn add_nodes(child: &mut Genome, first: &GenomeView<'_>, second: &GenomeView<'_>, averages: bool, random: &mut Stream) {
    let mut touched: Vec<u64> = child.connections.iter().flat_map(|c| [c.source, c.target]).collect();
    touched.extend(first.node_ids.iter().zip(first.kinds).filter(|&(_, &k)| k != NodeKind::Hidden).map(|(&id, _)| id));
    touched.sort_unstable();
    touched.dedup();
    for id in touched {
        let (x, y) = (first.node(id).map(|n| node_of(first, n)), second.node(id).map(|n| node_of(second, n)));
        let node = match (x, y) {
            (Some(x), Some(y)) => {
                let mut node = if random.coin() { x } else { y };
                if averages {
                    node.bias = 0.5 * (x.bias + y.bias);
                    node.time_constant = 0.5 * (x.time_constant + y.time_constant);
                }
                node
            }
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => panic!("a connection of a child ends at node {id:x}, which neither parent has"),
        };
        child.nodes.push(node);
    }
}
