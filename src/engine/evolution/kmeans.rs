//! Species by k-means: a fixed number of them around centroids, in the compatibility distance.
//!
//! A centroid has the genes that at least half of the members have, with the mean of their weights; the first centroids are
//! genome 0 and, one after another, the genome that is farthest from all chosen ones. A species that loses all members takes
//! the genome that is farthest from its own centroid. All ties go to the lower number.

use std::collections::BTreeMap;

use crate::plan::population::GenomeView;

use super::blocks::GenomeBlocks;
use super::distance::distance;
use super::genes::ConnectionGene;
use super::genome::{Genome, connection_of, node_of};
use super::genomes::Genomes;
use super::settings::Distance;
use super::species::{SpeciesSet, nearest_or_first};

/// Groups all genomes into `count` species, in at most `rounds` rounds.
pub fn group(set: &mut SpeciesSet, genomes: GenomeBlocks<'_>, c: &Distance, count: usize, rounds: usize, generation: u32) {
    let count = count.min(genomes.len());
    if set.species.len() != count {
        set.species.clear();
        for _ in 0..count {
            set.found(generation);
        }
        set.represent(spread_out(genomes, c, count).into_iter().map(|k| genomes.view(k)));
    }
    let mut before: Vec<usize> = Vec::new();
    for _ in 0..rounds {
        let nearest = nearest_or_first(genomes, &set.representatives, c, |distances| {
            let place = (0..distances.len()).min_by(|&a, &b| distances[a].total_cmp(&distances[b])).expect("one species or more");
            (place, distances[place])
        });
        let mut places: Vec<usize> = nearest.iter().map(|&(place, _)| place).collect();
        fill_empty(&mut places, nearest, count);
        for species in &mut set.species {
            species.members.clear();
        }
        for (k, &place) in places.iter().enumerate() {
            set.species[place].members.push(k as u32);
        }
        let centroids: Vec<Genome> = set.species.iter().map(|s| centroid(genomes, &s.members)).collect();
        set.representatives = Genomes::from_genomes(&centroids);
        if places == before {
            break;
        }
        before = places;
    }
}

/// `count` genomes, each as far as can be from those before it.
fn spread_out(genomes: GenomeBlocks<'_>, c: &Distance, count: usize) -> Vec<usize> {
    let mut chosen = vec![0];
    let mut gaps = vec![f64::INFINITY; genomes.len()];
    while chosen.len() < count {
        let last = genomes.view(chosen[chosen.len() - 1]);
        for (gap, view) in gaps.iter_mut().zip(genomes.iter()) {
            *gap = gap.min(distance(&view, &last, c));
        }
        for &k in &chosen {
            gaps[k] = -1.0;
        }
        let farthest = (0..gaps.len()).rev().max_by(|&a, &b| gaps[a].total_cmp(&gaps[b]));
        chosen.push(farthest.expect("one genome or more"));
    }
    chosen
}

/// Gives each empty species the genome that is farthest from its centroid, of species that have others.
fn fill_empty(places: &mut [usize], nearest: Vec<(usize, f64)>, count: usize) {
    let mut sizes = vec![0_usize; count];
    for &place in places.iter() {
        sizes[place] += 1;
    }
    for empty in 0..count {
        if sizes[empty] == 0 {
            let may_move = (0..places.len()).rev().filter(|&k| sizes[places[k]] > 1);
            let farthest = may_move.max_by(|&a, &b| nearest[a].1.total_cmp(&nearest[b].1)).expect("more genomes than species");
            sizes[places[farthest]] -= 1;
            places[farthest] = empty;
            sizes[empty] = 1;
        }
    }
}

/// The mean genome of some members: common genes and mean weights; nodes are those of the first one, and those that common genes join.
fn centroid(genomes: GenomeBlocks<'_>, members: &[u32]) -> Genome {
    let mut sums: BTreeMap<(u32, u64), (ConnectionGene, f64, usize, u32)> = BTreeMap::new();
    let view = |k: u32| -> GenomeView<'_> { genomes.view(k as usize) };
    for &k in members {
        let view = view(k);
        for c in 0..view.n_connections() {
            let gene = connection_of(&view, c);
            let entry = sums.entry(gene.key()).or_insert((gene, 0.0, 0, k));
            entry.1 += f64::from(gene.weight);
            entry.2 += 1;
        }
    }
    let mut mean = Genome::default();
    mean.copy_from(view(members[0]));
    mean.connections.clear();
    for (gene, sum, n, member) in sums.into_values().filter(|&(_, _, n, _)| 2 * n >= members.len()) {
        mean.connections.push(ConnectionGene { weight: (sum / n as f64) as f32, ..gene });
        for id in [gene.source, gene.target] {
            if mean.node(id).is_none() {
                let view = view(member);
                mean.insert_node(node_of(&view, view.node(id).expect("a gene joins nodes of its genome")));
            }
        }
    }
    mean
}
