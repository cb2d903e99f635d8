//! Annealed evolution: every genome is a Markov chain over weights and wiring, whose child replaces it by the rule of Metropolis.
//!
//! The energy of a genome is U = -fitness + lambda K, with K connections in use. A proposal changes weights (a Gaussian step, symmetric)
//! or switches a connection on or off (its own reverse, each with the same probability), so that it is accepted with probability
//! min(1, e^(-dU / T)) (Metropolis et al. 1953) and the chain samples e^(-U / T) over the wirings of the genes that the genome carries
//! and over weights within their limit, uniform before: [`Claim::Exact`]. Growth (new nodes and connections, whose reverse has another
//! probability) and breeding between generations find better networks sooner, and are [`Claim::Driven`].

use crate::engine::network::heat::HeatSchedule;
use crate::engine::structure::Claim;
use crate::math;
use crate::random::{Stream, StreamKey, SystemTag};
use crate::units::Seed;

use super::genes::Innovations;
use super::genome::Genome;
use super::mutation::{add_connection, add_node};
use super::settings::{BiasForm, Settings};

/// How genomes are annealed.
#[derive(Clone, Debug, PartialEq)]
pub struct Annealing {
    /// The temperatures, in units of fitness.
    pub schedule: HeatSchedule,
    /// Generations over which the schedule runs, 1 or more; the last temperature holds after them.
    pub generations: u32,
    /// Energy of a connection in use, 0 or more.
    pub lambda: f64,
    /// Changes that a proposal makes together, 1 or more.
    pub changes: u32,
    /// Share of changes that switch a connection on or off.
    pub toggle: f64,
    /// Share of changes that split a connection by a new node, or add one: driven.
    pub growth: f64,
    /// Standard deviation of a change of a weight or bias.
    pub size: f32,
    /// Generations from one in which species breed, without asking the temperature, to the next: driven; `None` for never.
    pub breed_every: Option<u32>,
}

impl Default for Annealing {
    fn default() -> Self {
        Annealing {
            schedule: HeatSchedule::Constant(0.1),
            generations: 1,
            lambda: 0.0,
            changes: 1,
            toggle: 0.2,
            growth: 0.0,
            size: 0.5,
            breed_every: None,
        }
    }
}

impl Annealing {
    /// What its states may claim, for a task whose fitness is not noisy: exact at one temperature above 0, where both weights and wiring
    /// move, nothing grows and nobody breeds.
    pub fn claim(&self) -> Claim {
        let is_constant = matches!(self.schedule, HeatSchedule::Constant(t) if t > 0.0);
        let moves_all = self.toggle > 0.0 && self.toggle < 1.0;
        let is_exact = is_constant && moves_all && self.growth == 0.0 && self.breed_every.is_none();
        if is_exact { Claim::Exact } else { Claim::Driven }
    }

    /// The temperature at which the children of `generation` - 1 are decided upon.
    pub fn temperature(&self, generation: u32) -> f64 {
        let last = self.generations.saturating_sub(1).max(1);
        self.schedule.temperature(f64::from(generation.saturating_sub(1)) / f64::from(last))
    }

    /// True if species breed to make `generation`.
    pub fn breeds(&self, generation: u32) -> bool {
        self.breed_every.is_some_and(|every| generation.is_multiple_of(every))
    }

    /// Says what is out of range.
    pub(super) fn check(&self, wrong: &mut Vec<String>) {
        let mut range = |name: &str, value: f64, low: f64, high: f64| {
            if !(low..=high).contains(&value) {
                wrong.push(format!("annealing.{name} is {value}, must be from {low} to {high}"));
            }
        };
        range("generations", f64::from(self.generations), 1.0, f64::from(u32::MAX));
        range("lambda", self.lambda, 0.0, 1e12);
        range("changes", f64::from(self.changes), 1.0, 1e6);
        range("toggle", self.toggle, 0.0, 1.0);
        range("growth", self.growth, 0.0, 1.0 - self.toggle.clamp(0.0, 1.0));
        range("size", f64::from(self.size), 1e-9, 1e6);
        range("breed_every", self.breed_every.map_or(1.0, f64::from), 1.0, f64::from(u32::MAX));
        if matches!(&self.schedule, HeatSchedule::Custom(table) if table.is_empty()) {
            wrong.push("annealing.schedule has no temperature, must be one or more".to_owned());
            return;
        }
        for x in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let t = self.schedule.temperature(x);
            if !(0.0..=1e12).contains(&t) {
                wrong.push(format!("annealing.schedule has a temperature of {t}, must be from 0 to 1e12"));
                break;
            }
        }
    }
}

/// U = -fitness + lambda K.
pub fn energy(fitness: f64, n_enabled: usize, lambda: f64) -> f64 {
    lambda * n_enabled as f64 - fitness
}

/// The probability of accepting a symmetric proposal that costs `d_energy` at temperature `t`: Metropolis, and descent at 0.
pub fn acceptance(d_energy: f64, t: f64) -> f64 {
    if d_energy <= 0.0 {
        1.0
    } else if t > 0.0 {
        math::exp(-d_energy / t)
    } else {
        0.0
    }
}

/// The stream that decides upon the child in `slot` of `generation`.
pub(super) fn decision(seed: Seed, generation: u32, slot: usize) -> Stream {
    StreamKey::new(seed, SystemTag::named("evolution decision"), u64::from(generation)).block(slot as u32).stream()
}

/// Changes `genome`; false, and the genome as it was, where a step would leave the limits of weights.
pub fn propose(genome: &mut Genome, settings: &Settings, annealing: &Annealing, numbers: Innovations, random: &mut Stream) -> bool {
    let before = genome.clone();
    let mut changed = false;
    for _ in 0..annealing.changes {
        let u = random.uniform();
        if u < annealing.toggle {
            changed |= toggle(genome, random);
        } else if u < annealing.toggle + annealing.growth {
            changed |=
                if random.coin() { add_node(genome, settings, numbers, random) } else { add_connection(genome, settings, numbers, random) };
        } else if let Some(number) = some_number(genome, settings, random) {
            let new = *number + annealing.size * random.gaussian() as f32;
            if new.abs() > settings.weights.limit {
                *genome = before;
                return false;
            }
            *number = new;
            changed = true;
        }
    }
    changed
}

/// Switches one of the connections that the genome carries, each with the same probability.
fn toggle(genome: &mut Genome, random: &mut Stream) -> bool {
    let n = genome.connections.len() as u64;
    if n == 0 {
        return false;
    }
    let gene = &mut genome.connections[random.below(n) as usize];
    gene.enabled = !gene.enabled;
    true
}

/// One of the weights (and biases, where nodes have their own), each with the same probability, in use or not.
fn some_number<'a>(genome: &'a mut Genome, settings: &Settings, random: &mut Stream) -> Option<&'a mut f32> {
    let n_weights = genome.connections.len();
    let has_bias = settings.bias == BiasForm::Gene;
    let first_free = genome.nodes.iter().position(|n| !n.kind.is_given()).filter(|_| has_bias).unwrap_or(genome.nodes.len());
    let n = n_weights + genome.nodes.len() - first_free;
    if n == 0 {
        return None;
    }
    // Given nodes come first.
    Some(match random.below(n as u64) as usize {
        k if k < n_weights => &mut genome.connections[k].weight,
        k => &mut genome.nodes[first_free + k - n_weights].bias,
    })
}
