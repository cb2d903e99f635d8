//! Structural homeostasis: free synaptic elements find each other by distance, and surplus ones let go (Butz, van Ooyen 2013).
//!
//! A neuron has axonal elements for synapses from it and dendritic ones for synapses onto it, as real numbers that grow along a
//! curve of its calcium; the whole ones count. A free dendritic element draws free axonal ones around it with density
//! e^(-d^2 / (2 sigma^2)); without a width any is as likely. Elements lost while bound break a random synapse of theirs.
//! Cost: O(neurons + free elements), and one pass over the sources.

use glam::Vec3;

use crate::random::{Stream, StreamKey};

use super::cells::Cells;
use super::synaptogenesis::{Caps, Grown, draw_near};
use super::wiring::{Rows, Sign};

/// Draws for a free element in a step before it waits for the next.
const TRIES: usize = 8;

/// How elements pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairingSettings {
    /// Width of the fall with distance; `None` for none.
    pub sigma: Option<f32>,
    /// Size of the first weight, above 0.
    pub weight: f32,
    /// Which signs weights may have; of both, the positive is taken.
    pub sign: Sign,
    /// Births of a step at most.
    pub budget: usize,
    /// Most synapses onto a neuron.
    pub max_fan_in: u32,
    /// Most synapses from a neuron.
    pub max_fan_out: u32,
}

/// Births and deaths of a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Paired {
    /// Synapses that are born; none that exists.
    pub born: Vec<Grown>,
    /// Rows that die, ascending.
    pub dead: Vec<u32>,
}

/// A projection whose elements pair.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    /// Its synapses.
    pub rows: Rows<'a>,
    /// Axonal elements of the sources.
    pub axonal: &'a [f32],
    /// Dendritic elements of the targets.
    pub dendritic: &'a [f32],
    /// Where the sources stand.
    pub from: &'a [Vec3],
    /// Where the targets stand.
    pub to: &'a [Vec3],
    /// True if sources and targets are one population.
    pub is_one_population: bool,
}

/// Whole elements of a neuron.
fn whole(elements: f32) -> u32 {
    // Saturates: a neuron of more elements than u32 has numbers is held by its caps.
    elements.max(0.0) as u32
}

/// Breaks synapses of lost elements and joins free ones.
///
/// # Panics
/// If the lengths differ.
pub fn pair(settings: &PairingSettings, elements: &Elements<'_>, key: StreamKey) -> Paired {
    let (rows, n_from) = (elements.rows, elements.from.len());
    assert_eq!((elements.axonal.len(), elements.dendritic.len()), (n_from, rows.n_targets()), "elements, and neurons");
    let mut stream = key.stream();
    let mut fan_out = rows.fan_outs(n_from);
    let mut fan_in: Vec<u32> = (0..rows.n_targets()).map(|t| rows.fan_in(t)).collect();
    let dead = retract(elements, &mut fan_in, &mut fan_out, &mut stream);
    // Free elements, as places to draw from. Those of a synapse that breaks are gone, or wait for the next step.
    let free_targets: Vec<u32> = (0_u32..)
        .zip(elements.dendritic)
        .zip(&fan_in)
        .flat_map(|((t, &z), &bound)| std::iter::repeat_n(t, (whole(z).min(settings.max_fan_in)).saturating_sub(bound) as usize))
        .take(settings.budget.saturating_mul(TRIES))
        .collect();
    let mut free_axons: Vec<u32> =
        elements.axonal.iter().zip(&fan_out).map(|(&z, &bound)| whole(z).min(settings.max_fan_out).saturating_sub(bound)).collect();
    let born = join(settings, elements, free_targets, &mut free_axons, &mut stream);
    Paired { born, dead }
}

/// Rows that break, ascending: as many of each neuron as it has lost elements, at random.
fn retract(elements: &Elements<'_>, fan_in: &mut [u32], fan_out: &mut [u32], stream: &mut Stream) -> Vec<u32> {
    let rows = elements.rows;
    let mut dead: Vec<u32> = Vec::new();
    for (target, &z) in elements.dendritic.iter().enumerate() {
        let surplus = fan_in[target].saturating_sub(whole(z));
        let row = rows.onto(target);
        dead.extend(draw_some(row.start as u32..row.end as u32, surplus, stream));
    }
    // Axons let go of what is left: a synapse that broke at its target is no longer bound at its source.
    let mut is_dead = vec![false; rows.sources.len()];
    for &row in &dead {
        is_dead[row as usize] = true;
        fan_out[rows.sources[row as usize] as usize] -= 1;
    }
    let surplus: Vec<u32> = elements.axonal.iter().zip(&*fan_out).map(|(&z, &bound)| bound.saturating_sub(whole(z))).collect();
    let mut of_source: std::collections::BTreeMap<u32, Vec<u32>> = std::collections::BTreeMap::new();
    if surplus.iter().any(|&n| n > 0) {
        for (row, &source) in (0_u32..).zip(rows.sources).filter(|(row, s)| surplus[**s as usize] > 0 && !is_dead[*row as usize]) {
            of_source.entry(source).or_default().push(row);
        }
    }
    for (source, mut bound) in of_source {
        stream.shuffle(&mut bound);
        dead.extend(bound.into_iter().take(surplus[source as usize] as usize));
        fan_out[source as usize] -= surplus[source as usize];
    }
    dead.sort_unstable();
    let mut target = 0;
    for &row in &dead {
        while rows.offsets[target + 1] <= row {
            target += 1;
        }
        fan_in[target] -= 1;
    }
    dead
}

/// `n` different numbers of a range, by partial shuffle.
fn draw_some(range: std::ops::Range<u32>, n: u32, stream: &mut Stream) -> Vec<u32> {
    if n == 0 {
        return Vec::new();
    }
    let mut all: Vec<u32> = range.collect();
    for k in 0..n as usize {
        let other = k + stream.below((all.len() - k) as u64) as usize;
        all.swap(k, other);
    }
    all.truncate(n as usize);
    all
}

fn join(
    settings: &PairingSettings,
    elements: &Elements<'_>,
    mut free_targets: Vec<u32>,
    free_axons: &mut [u32],
    stream: &mut Stream,
) -> Vec<Grown> {
    // Sources with free elements alone are looked at, each at its place.
    let open: Vec<u32> = (0_u32..).zip(&*free_axons).filter(|(_, n)| **n > 0).map(|(source, _)| source).collect();
    let mut born: Vec<Grown> = Vec::new();
    if open.is_empty() {
        return born;
    }
    stream.shuffle(&mut free_targets);
    let places: Vec<Vec3> = open.iter().map(|&source| elements.from[source as usize]).collect();
    let cells = settings.sigma.map(|sigma| (Cells::new(&places, 3.0 * sigma), sigma));
    let mut caps = Caps::new(elements.rows, elements.from.len(), false, settings.max_fan_in, settings.max_fan_out);
    let mut taken = std::collections::BTreeSet::new();
    for target in free_targets {
        if born.len() >= settings.budget {
            break;
        }
        for _ in 0..TRIES {
            let at = match &cells {
                Some((cells, sigma)) => draw_near(cells, &places, elements.to[target as usize], *sigma, stream),
                None => Some(stream.below(open.len() as u64) as u32),
            };
            let Some(source) = at.map(|at| open[at as usize]) else { break };
            let is_itself = elements.is_one_population && source == target;
            let exists = elements.rows.joins(source, target) || taken.contains(&(target, source));
            if free_axons[source as usize] > 0 && !is_itself && !exists && caps.admit(source, target) {
                free_axons[source as usize] -= 1;
                taken.insert((target, source));
                born.push(Grown { source, target, weight: settings.sign.give(settings.weight, 1.0), strength: 1.0 });
                break;
            }
        }
    }
    born
}
