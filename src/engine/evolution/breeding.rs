//! Who has which children, and each child: a map over the slots of the next generation, every one with a stream of its own.

use rayon::prelude::*;

use crate::random::{Stream, StreamKey, SystemTag};
use crate::units::Seed;

use super::annealed::{Annealing, propose};
use super::blocks::GenomeBlocks;
use super::crossover::cross;
use super::genes::{Innovations, NodeGene};
use super::genome::Genome;
use super::mutation::{Simplification, chance, draw, mutate};
use super::settings::{Extinction, Settings, Shape, Signals, Start, Survival};
use super::sharing::{Share, divide};
use super::species::Species;

/// Children that one task makes.
const CHUNK: usize = 16;

/// The key of the numbers that make slot `slot` of `generation`.
fn slot_key(seed: Seed, generation: u32, slot: usize) -> StreamKey {
    StreamKey::new(seed, SystemTag::named("evolution slot"), u64::from(generation)).block(slot as u32)
}

/// A genome of the first generation.
pub fn first_genome(settings: &Settings, shape: Shape, seed: Seed, slot: usize) -> Genome {
    let mut random = slot_key(seed, 0, slot).stream();
    let mut genome = Genome::default();
    let time_constant = if let Signals::ContinuousTime { dt } = settings.signals { dt } else { 1.0 };
    let m = &settings.weights;
    let number = |random: &mut Stream| draw(random, m.spread, m.width).clamp(-m.limit, m.limit);
    for (id, kind) in (0..).zip(shape.kinds(settings.bias)) {
        let has_bias = settings.bias == super::BiasForm::Gene && !kind.is_given();
        let bias = if has_bias { number(&mut random) } else { 0.0 };
        let aggregation = settings.aggregations[0];
        genome.nodes.push(NodeGene { id, kind, activation: settings.output, aggregation, bias, time_constant });
    }
    let numbers = Innovations::new(settings.numbering, 0);
    let ids = |given: bool| genome.nodes.iter().filter(move |n| n.kind.is_given() == given).map(|n| n.id);
    let (sources, targets): (Vec<u64>, Vec<u64>) = (ids(true).collect(), ids(false).collect());
    for &target in &targets {
        let sure = match settings.start {
            Start::Full => 0,
            Start::Partial(_) => random.below(sources.len() as u64) as usize,
        };
        for (k, &source) in sources.iter().enumerate() {
            let is_there = match settings.start {
                Start::Full => true,
                Start::Partial(p) => chance(&mut random, p) || k == sure,
            };
            if is_there {
                genome.insert_connection(numbers.connection(source, target, number(&mut random)));
            }
        }
    }
    genome
}

/// A proposal from each of `parents`; says which changed.
pub(super) fn propose_all(
    parents: &[Genome],
    settings: &Settings,
    annealing: &Annealing,
    seed: Seed,
    generation: u32,
    children: &mut Vec<Genome>,
) -> Vec<bool> {
    children.resize_with(parents.len(), Genome::default);
    let mut changed = vec![false; parents.len()];
    let numbers = Innovations::new(settings.numbering, generation);
    let chunks = children.par_chunks_mut(CHUNK).zip(parents.par_chunks(CHUNK)).zip(changed.par_chunks_mut(CHUNK));
    chunks.enumerate().for_each(|(chunk, ((children, parents), changed))| {
        for (k, ((child, parent), changed)) in children.iter_mut().zip(parents).zip(changed).enumerate() {
            child.clone_from(parent);
            let mut random = slot_key(seed, generation, chunk * CHUNK + k).stream();
            *changed = propose(child, settings, annealing, numbers, &mut random);
        }
    });
    changed
}

/// A generation that has been judged and grouped.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// Its genomes.
    pub genomes: GenomeBlocks<'a>,
    /// Their fitness, finite.
    pub fitness: &'a [f64],
    /// Their species.
    pub species: &'a [Species],
    /// Its number.
    pub generation: u32,
    /// Generation in which the population last made progress.
    pub improved: u32,
}

/// Where a child comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// It is a copy of this genome.
    Copy(u32),
    /// It is bred in this species.
    Bred(u32),
}

impl Judged<'_> {
    /// The members of each species that may be parents, best first, ties to the lower number.
    fn parents(&self, survival: &Survival) -> Vec<Vec<u32>> {
        let ranked = |species: &Species| {
            let mut all = species.members.clone();
            all.sort_by(|&a, &b| self.fitness[b as usize].total_cmp(&self.fitness[a as usize]).then(a.cmp(&b)));
            let n = (survival.parents * all.len() as f64) as usize + 1;
            all.truncate(n);
            all
        };
        self.species.iter().map(ranked).collect()
    }

    /// What each species may claim.
    fn shares(&self, survival: &Survival) -> Vec<Share> {
        let lowest = self.fitness.iter().copied().fold(0.0, f64::min);
        let mut rank = vec![0; self.species.len()];
        for (r, s) in self.by_best().into_iter().enumerate() {
            rank[s] = r;
        }
        let refocused = self.is_refocused(survival);
        let share = |(s, species): (usize, &Species)| {
            let sum: f64 = species.members.iter().map(|&k| self.fitness[k as usize] - lowest).sum();
            let young = self.generation - species.founded < survival.young;
            let bonus = if young { survival.age_bonus } else { 1.0 };
            let stagnates = self.generation - species.improved >= survival.stagnation && rank[s] >= survival.protected;
            let breeds = if refocused { rank[s] < 2 } else { !stagnates };
            let at_least = if species.members.len() > survival.elites_above { survival.elites.min(species.members.len()) } else { 0 };
            Share { fitness: bonus * sum / species.members.len() as f64, breeds, at_least }
        };
        self.species.iter().enumerate().map(share).collect()
    }

    /// True if the population made no progress for so long that only its two best species breed.
    pub fn is_refocused(&self, survival: &Survival) -> bool {
        let stuck = self.generation - self.improved;
        survival.refocus > 0 && stuck > 0 && stuck.is_multiple_of(survival.refocus)
    }

    /// Places of the species, the one with the best genome of this generation first; ties to the older one.
    pub fn by_best(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.species.len()).collect();
        order.sort_by(|&a, &b| self.best_now(b).total_cmp(&self.best_now(a)).then(a.cmp(&b)));
        order
    }

    /// The best fitness of a species in this generation.
    fn best_now(&self, s: usize) -> f64 {
        self.species[s].members.iter().map(|&k| self.fitness[k as usize]).fold(f64::NEG_INFINITY, f64::max)
    }

    /// The slots of the next generation; `None` where it begins anew.
    fn slots(&self, settings: &Settings, parents: &[Vec<u32>]) -> Option<Vec<Slot>> {
        let n = self.genomes.len();
        let shares = self.shares(&settings.survival);
        let counts = match (divide(n, &shares), settings.survival.extinction) {
            (Some(counts), _) => counts,
            (None, Extinction::Reset) => return None,
            (None, Extinction::KeepBest) => {
                let best = (0..self.species.len()).rev().max_by(|&a, &b| self.best_now(a).total_cmp(&self.best_now(b)));
                let best = best.expect("species partition the population");
                (0..self.species.len()).map(|s| if s == best { n } else { 0 }).collect()
            }
        };
        let mut slots = Vec::with_capacity(n);
        for (s, (&count, share)) in counts.iter().zip(&shares).enumerate() {
            let copies = share.at_least.min(count).min(parents[s].len());
            slots.extend(parents[s][..copies].iter().map(|&k| Slot::Copy(k)));
            slots.extend(std::iter::repeat_n(Slot::Bred(s as u32), count - copies));
        }
        Some(slots)
    }

    /// Makes the next generation of `children`; returns for each the genome that it is an unchanged copy of, if it is one.
    pub fn breed(
        &self,
        settings: &Settings,
        shape: Shape,
        seed: Seed,
        simplify: Simplification,
        children: &mut Vec<Genome>,
    ) -> Vec<Option<u32>> {
        let n = self.genomes.len();
        children.resize_with(n, Genome::default);
        let next = self.generation + 1;
        let parents = self.parents(&settings.survival);
        let Some(slots) = self.slots(settings, &parents) else {
            // Keyed by the generation as well: a reset does not repeat the first generation.
            let fresh = Seed(slot_key(seed, next, n).stream().bits());
            for (k, child) in children.iter_mut().enumerate() {
                *child = first_genome(settings, shape, fresh, k);
            }
            return vec![None; n];
        };
        assert_eq!(slots.len(), n, "children, and genomes");
        let numbers = Innovations::new(settings.numbering, next);
        let mut copies = vec![None; n];
        children.par_chunks_mut(CHUNK).zip(copies.par_chunks_mut(CHUNK)).enumerate().for_each(|(chunk, (children, copies))| {
            for (k, (child, copy)) in children.iter_mut().zip(copies).enumerate() {
                let slot = chunk * CHUNK + k;
                *copy = match slots[slot] {
                    Slot::Copy(genome) => {
                        child.copy_from(self.genomes.view(genome as usize));
                        Some(genome)
                    }
                    Slot::Bred(s) => {
                        let mut random = slot_key(seed, next, slot).stream();
                        self.bear(child, s as usize, &parents, settings, simplify, numbers, &mut random)
                    }
                };
            }
        });
        copies
    }

    /// Makes one child of species `s`.
    #[expect(clippy::too_many_arguments, reason = "one call, of what all children share and what one has")]
    fn bear(
        &self,
        child: &mut Genome,
        s: usize,
        parents: &[Vec<u32>],
        settings: &Settings,
        simplify: Simplification,
        numbers: Innovations,
        random: &mut Stream,
    ) -> Option<u32> {
        let fitness = |k: u32| self.fitness[k as usize];
        let pick = |s: usize, random: &mut Stream| {
            let among = &parents[s];
            let one = random.below(among.len() as u64) as usize;
            let place = if settings.survival.tournament { one.min(random.below(among.len() as u64) as usize) } else { one };
            among[place]
        };
        let a = pick(s, random);
        let two_parents = simplify.is_none() && chance(random, settings.crossover.rate);
        if !two_parents {
            child.copy_from(self.genomes.view(a as usize));
            let changed = mutate(child, settings, simplify, numbers, random);
            return (!changed).then_some(a);
        }
        let other = if parents.len() > 1 && chance(random, settings.crossover.interspecies) {
            let skip = random.below(parents.len() as u64 - 1) as usize;
            skip + usize::from(skip >= s)
        } else {
            s
        };
        let b = pick(other, random);
        let order = fitness(a).total_cmp(&fitness(b));
        cross(child, self.genomes.view(a as usize), self.genomes.view(b as usize), order, settings, random);
        // A genome joined with itself is no child of two parents: it is mutated, always.
        if a == b {
            let changed = mutate(child, settings, simplify, numbers, random);
            return (!changed).then_some(a);
        }
        if !chance(random, settings.crossover.only) {
            mutate(child, settings, simplify, numbers, random);
        }
        None
    }
}
