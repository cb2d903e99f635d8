//! Random genomes for tests.

#![cfg(test)]

use super::breeding::first_genome;
use super::genes::Innovations;
use super::genome::Genome;
use super::mutation::{add_connection, add_node, mutate_numbers};
use super::settings::{Settings, Shape};
use crate::random::{StreamKey, SystemTag};
use crate::units::Seed;

pub const SHAPE: Shape = Shape { n_inputs: 3, n_outputs: 2 };

/// A genome of modern mode that was mutated `n` times.
pub fn random_genome(seed: u64, n: usize) -> Genome {
    grown(&Settings::modern(), seed, n)
}

/// A genome that was mutated `n` times, in as many generations.
pub fn grown(settings: &Settings, seed: u64, n: usize) -> Genome {
    grown_of(settings, SHAPE, seed, n)
}

/// The same for another task.
fn grown_of(settings: &Settings, shape: Shape, seed: u64, n: usize) -> Genome {
    let mut genome = first_genome(settings, shape, Seed(1), seed as usize);
    let mut random = StreamKey::new(Seed(seed), SystemTag::named("random genome"), 0).stream();
    for generation in 0..n as u32 {
        let numbers = Innovations::new(settings.numbering, generation / 3);
        if random.below(3) == 0 {
            add_node(&mut genome, settings, numbers, &mut random);
        } else {
            add_connection(&mut genome, settings, numbers, &mut random);
        }
        mutate_numbers(&mut genome, settings, &mut random);
    }
    genome
}

/// Genomes with up to `n` mutations each.
pub fn random_population(settings: &Settings, size: usize, n: usize) -> Vec<Genome> {
    random_population_of(settings, SHAPE, size, n)
}

/// The same for another task.
pub fn random_population_of(settings: &Settings, shape: Shape, size: usize, n: usize) -> Vec<Genome> {
    (0..size).map(|k| grown_of(settings, shape, k as u64, k * 7 % (n + 1))).collect()
}
