//! Species: groups of genomes that compete among themselves. They partition the population.

use rayon::prelude::*;

use crate::plan::population::GenomeView;
use crate::random::{StreamKey, SystemTag};
use crate::units::Seed;

use super::blocks::GenomeBlocks;
use super::distance::{Tables, distance};
use super::genome::Genome;
use super::genomes::Genomes;
use super::settings::{Distance, Settings, Speciation};

/// Genomes that one task compares.
const CHUNK: usize = 64;

/// A group of genomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Species {
    /// Counts from 0 in the order of founding.
    pub id: u32,
    /// Generation in which it was founded.
    pub founded: u32,
    /// Genomes of this generation, ascending.
    pub members: Vec<u32>,
    /// Best fitness that a member ever had.
    pub best: f64,
    /// Generation in which it had it.
    pub improved: u32,
}

/// All species, with the genomes that stand for them.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeciesSet {
    /// The species that have members, in the order of their founding.
    pub species: Vec<Species>,
    /// Representatives, one a species, in their order.
    pub representatives: Genomes,
    /// Threshold of the distance, which moves towards the target number of species.
    pub threshold: f64,
    /// Id of the next species.
    pub next_id: u32,
}

impl SpeciesSet {
    /// No species yet.
    pub fn new(settings: &Settings) -> Self {
        let threshold = match settings.speciation {
            Speciation::Threshold { threshold, .. } => threshold,
            Speciation::KMeans { .. } => 0.0,
        };
        SpeciesSet { species: Vec::new(), representatives: Genomes::default(), threshold, next_id: 0 }
    }

    /// Groups the genomes of `generation`.
    pub fn speciate(&mut self, genomes: GenomeBlocks<'_>, settings: &Settings, seed: Seed, generation: u32) {
        match settings.speciation {
            Speciation::Threshold { target, step, .. } => {
                if let Some(target) = target {
                    let n = self.species.len();
                    if generation > 0 && n != target {
                        let by = if n < target { -step } else { step };
                        self.threshold = (self.threshold + by).max(step.max(1e-9));
                    }
                }
                self.by_threshold(genomes, settings, seed, generation);
            }
            Speciation::KMeans { count, rounds } => {
                super::kmeans::group(self, genomes, &settings.distance, count, rounds, generation);
            }
        }
    }

    /// Founds a species without members.
    pub(super) fn found(&mut self, generation: u32) -> &mut Species {
        let id = self.next_id;
        self.next_id += 1;
        self.species.push(Species { id, founded: generation, members: Vec::new(), best: f64::NEG_INFINITY, improved: generation });
        self.species.last_mut().expect("one was pushed")
    }

    /// Each genome joins the first species within the threshold, or founds one; then a random member represents each species.
    fn by_threshold(&mut self, genomes: GenomeBlocks<'_>, settings: &Settings, seed: Seed, generation: u32) {
        let c = &settings.distance;
        let threshold = self.threshold;
        let old = nearest_or_first(genomes, &self.representatives, c, |distances| distances.iter().position(|&d| d < threshold));
        for species in &mut self.species {
            species.members.clear();
        }
        // What fits no old species founds new ones, one after another.
        let n_old = self.species.len();
        let mut founders: Vec<u32> = Vec::new();
        for (k, place) in old.into_iter().enumerate() {
            let view = genomes.view(k);
            let new = || founders.iter().position(|&f| distance(&view, &genomes.view(f as usize), c) < threshold).map(|p| n_old + p);
            match place.or_else(new) {
                Some(place) => self.species[place].members.push(k as u32),
                None => {
                    founders.push(k as u32);
                    self.found(generation).members.push(k as u32);
                }
            }
        }
        self.species.retain(|s| !s.members.is_empty());
        let choose = |s: &Species| {
            let key = StreamKey::new(seed, SystemTag::named("species representative"), u64::from(generation)).block(s.id);
            s.members[key.stream().below(s.members.len() as u64) as usize]
        };
        let chosen: Vec<u32> = self.species.iter().map(choose).collect();
        self.represent(chosen.into_iter().map(|k| genomes.view(k as usize)));
    }

    /// Sets the representatives.
    pub(super) fn represent<'a>(&mut self, views: impl Iterator<Item = GenomeView<'a>>) {
        let copies: Vec<Genome> = views.map(Genome::from_view).collect();
        self.representatives = Genomes::from_genomes(&copies);
    }
}

/// For each genome what `choose` makes of its distances to the representatives, in parallel over fixed chunks.
pub(super) fn nearest_or_first<T: Send>(
    genomes: GenomeBlocks<'_>,
    representatives: &Genomes,
    c: &Distance,
    choose: impl Fn(&[f64]) -> T + Sync,
) -> Vec<T> {
    let tables = Tables::new((0..representatives.len()).map(|k| representatives.view(k)));
    let n_chunks = genomes.len().div_ceil(CHUNK);
    let chunk = |i: usize| {
        let mut tables = tables.clone();
        let mut distances = Vec::new();
        let mut one = |k: usize| {
            tables.distances(&genomes.view(k), |r| representatives.view(r), c, &mut distances);
            choose(&distances)
        };
        (i * CHUNK..((i + 1) * CHUNK).min(genomes.len())).map(&mut one).collect::<Vec<T>>()
    };
    let chunks: Vec<Vec<T>> = (0..n_chunks).into_par_iter().map(chunk).collect();
    chunks.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_genomes::random_population;
    use super::*;

    fn assert_partition(set: &SpeciesSet, n: usize) {
        let mut all: Vec<u32> = set.species.iter().flat_map(|s| s.members.clone()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..n as u32).collect::<Vec<_>>());
        assert!(set.species.iter().all(|s| !s.members.is_empty() && s.members.is_sorted()));
        assert_eq!(set.species.len(), set.representatives.len());
    }

    #[test]
    fn species_partition_the_population() {
        let mut settings = Settings::modern();
        for threshold in [1e-6, 0.5, 3.0, 1e3] {
            settings.speciation = Speciation::Threshold { threshold, target: None, step: 0.0 };
            let mut set = SpeciesSet::new(&settings);
            for generation in 0..3 {
                let mut other = settings.clone();
                other.structure.add_node = 0.1 * f64::from(generation + 1);
                let genomes = Genomes::from_genomes(&random_population(&other, 70, 10));
                set.speciate(genomes.blocks(), &settings, Seed(3), generation);
                assert_partition(&set, 70);
            }
            let n = set.species.len();
            assert!(if threshold > 100.0 { n == 1 } else { threshold > 1e-3 || n == 70 }, "{n} species at {threshold}");
        }
    }

    #[test]
    fn the_threshold_moves_towards_the_target() {
        let mut settings = Settings::modern();
        settings.speciation = Speciation::Threshold { threshold: 30.0, target: Some(8), step: 0.5 };
        let genomes = Genomes::from_genomes(&random_population(&settings, 100, 20));
        let mut set = SpeciesSet::new(&settings);
        let mut trace = Vec::new();
        for generation in 0..100 {
            set.speciate(genomes.blocks(), &settings, Seed(1), generation);
            trace.push(set.species.len());
        }
        // It swings around the target: representatives are drawn anew each generation.
        let mean = trace[50..].iter().sum::<usize>() as f64 / 50.0;
        assert!(trace[0] == 1 && (4.0..=12.0).contains(&mean), "threshold {}: {trace:?}", set.threshold);
    }

    #[test]
    fn k_means_keeps_its_number_of_species() {
        let mut settings = Settings::modern();
        settings.speciation = Speciation::KMeans { count: 7, rounds: 5 };
        let mut set = SpeciesSet::new(&settings);
        for generation in 0..4 {
            let mut other = settings.clone();
            other.structure.add_connection = 0.2 * f64::from(generation + 1);
            let genomes = Genomes::from_genomes(&random_population(&other, 60, 15));
            set.speciate(genomes.blocks(), &settings, Seed(3), generation);
            assert_partition(&set, 60);
            assert_eq!(set.species.len(), 7);
            assert_eq!(set.species.iter().map(|s| s.id).collect::<Vec<_>>(), (0..7).collect::<Vec<_>>());
        }
    }
}
