//! Hebbian synaptogenesis: synapses between neurons that move together and are not yet joined.
//!
//! Looking at all pairs is out of reach, so a step draws a fixed number of candidates: a target, uniformly or by its energy
//! gradient, and a source that is near it, that shares its signature, that reaches it through an intermediate neuron, or any. Each
//! is judged by the correlation c of the sketches (see [`super::sketch`]), signed by what the projection allows: at least the
//! threshold, then born with probability min(1, e^(-dE/T)), dE = cost + wiring distance - gain c. The strongest come first, within
//! the budget and the caps on fan-in and fan-out. Cost: O(neurons + candidates), and one pass over the sources for a cap on fan-out.

use glam::Vec3;
use rayon::prelude::*;

use crate::math;
use crate::random::{BLOCK, Stream, StreamKey};

use super::cells::Cells;
use super::sketch::Sketches;
use super::wiring::{Rows, Sign};

/// Draws of a candidate before its slot is left empty.
const TRIES: usize = 16;

/// Where the source of a candidate comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Proposal {
    /// Any neuron.
    Uniform,
    /// A near one, with density e^(-d^2 / (2 sigma^2)) up to 3 sigma.
    Near {
        /// Width of the fall, above 0.
        sigma: f32,
    },
    /// One that shares a random part of the target's signature (or of its opposite): likely to be correlated, wherever it stands.
    Similar,
    /// One that reaches the target through another neuron.
    Intermediate,
}

/// How synapses grow by correlation.
#[derive(Clone, Debug, PartialEq)]
pub struct SynaptogenesisSettings {
    /// Where sources come from, taken in turn; at least one.
    pub proposals: Vec<Proposal>,
    /// Candidates of a step.
    pub candidates: usize,
    /// Births of a step at most.
    pub budget: usize,
    /// Least correlation of a birth, 0 to 1.
    pub threshold: f32,
    /// Energy of a synapse.
    pub cost: f64,
    /// Energy of a unit of its length.
    pub wiring: f64,
    /// Energy that a correlation of 1 sets free.
    pub gain: f64,
    /// Size of the first weight, above 0.
    pub weight: f32,
    /// Which signs weights may have; excitatory synapses join what moves together, inhibitory ones what opposes.
    pub sign: Sign,
    /// Most synapses onto a neuron.
    pub max_fan_in: u32,
    /// Most synapses from a neuron.
    pub max_fan_out: u32,
    /// True to draw targets in proportion to their energy gradient.
    pub by_energy_gradient: bool,
}

/// One population at an end of a projection.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Its traces.
    pub sketches: Sketches<'a>,
    /// Where its neurons stand.
    pub places: &'a [Vec3],
}

/// A projection and its surroundings.
#[derive(Debug)]
pub struct Ground<'a> {
    /// Its synapses.
    pub rows: Rows<'a>,
    /// Its sources.
    pub from: Side<'a>,
    /// Its targets.
    pub to: Side<'a>,
    /// True if sources and targets are one population: no neuron is joined with itself.
    pub is_one_population: bool,
    /// True if either end may be the source, so that the lower row has to be it.
    pub is_folded: bool,
    /// Ways of two synapses: those onto the targets of this projection from neurons between, and those onto the latter from its
    /// sources.
    pub ways: Vec<(Rows<'a>, Rows<'a>)>,
    /// Energy gradients of the targets, 0 or more; empty if nobody asks.
    pub gradients: &'a [f32],
}

/// A synapse to be born.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grown {
    /// Row of its source.
    pub source: u32,
    /// Row of its target.
    pub target: u32,
    /// Its first weight.
    pub weight: f32,
    /// The correlation by which it was chosen, in the sense that its sign asks for: 0 to 1.
    pub strength: f32,
}

/// The synapses that are born at `temperature`, strongest first; none twice and none that exists.
pub fn grow(settings: &SynaptogenesisSettings, ground: &Ground<'_>, temperature: f64, key: StreamKey) -> Vec<Grown> {
    let (n_from, n_to) = (ground.from.places.len(), ground.to.places.len());
    if n_from == 0 || n_to == 0 {
        return Vec::new();
    }
    let finder = Finder::new(settings, ground, key);
    // 1. Candidates, in blocks with a stream each.
    let blocks: Vec<Vec<Grown>> = (0..settings.candidates.div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| {
            let mut stream = key.block(block as u32).stream();
            let slots = block * BLOCK..((block + 1) * BLOCK).min(settings.candidates);
            slots.filter_map(|slot| finder.candidate(slot, temperature, &mut stream)).collect()
        })
        .collect();
    let mut born: Vec<Grown> = blocks.into_iter().flatten().collect();
    // 2. The strongest first; the order of ties is that of the rows.
    born.par_sort_unstable_by(|a, b| b.strength.total_cmp(&a.strength).then((a.target, a.source).cmp(&(b.target, b.source))));
    // The same pair has the same strength, so that it stands beside itself.
    born.dedup_by_key(|g| (g.target, g.source));
    keep_caps(settings, ground, born)
}

/// Takes births in their order while the budget and the caps allow.
fn keep_caps(settings: &SynaptogenesisSettings, ground: &Ground<'_>, born: Vec<Grown>) -> Vec<Grown> {
    let mut caps = Caps::new(ground.rows, ground.from.places.len(), ground.is_folded, settings.max_fan_in, settings.max_fan_out);
    let mut kept = Vec::new();
    for grown in born {
        if kept.len() >= settings.budget {
            break;
        }
        if caps.admit(grown.source, grown.target) {
            kept.push(grown);
        }
    }
    kept
}

/// Counts synapses of neurons against their caps.
#[derive(Debug)]
pub(super) struct Caps {
    fan_in: Vec<u32>,
    /// Empty without a cap.
    fan_out: Vec<u32>,
    is_folded: bool,
    max_fan_in: u32,
    max_fan_out: u32,
}

impl Caps {
    pub(super) fn new(rows: Rows<'_>, n_sources: usize, is_folded: bool, max_fan_in: u32, max_fan_out: u32) -> Self {
        let mut fan_in: Vec<u32> = (0..rows.n_targets()).map(|t| rows.fan_in(t)).collect();
        // Both ends of a coupling are alike: the smaller cap holds for the degree.
        let (max_fan_in, max_fan_out) = if is_folded { (max_fan_in.min(max_fan_out), u32::MAX) } else { (max_fan_in, max_fan_out) };
        let mut fan_out = if is_folded || max_fan_out < u32::MAX { rows.fan_outs(n_sources) } else { Vec::new() };
        if is_folded {
            fan_in.iter_mut().zip(&fan_out).for_each(|(fan_in, fan_out)| *fan_in += fan_out);
            fan_out = Vec::new();
        }
        Caps { fan_in, fan_out, is_folded, max_fan_in, max_fan_out }
    }

    /// Counts a synapse from `source` onto `target`, if the caps allow it.
    pub(super) fn admit(&mut self, source: u32, target: u32) -> bool {
        let (source, target) = (source as usize, target as usize);
        let is_full = self.fan_in[target] >= self.max_fan_in
            || self.is_folded && self.fan_in[source] >= self.max_fan_in
            || self.fan_out.get(source).is_some_and(|&n| n >= self.max_fan_out);
        if is_full {
            return false;
        }
        self.fan_in[target] += 1;
        if self.is_folded {
            self.fan_in[source] += 1;
        } else if let Some(n) = self.fan_out.get_mut(source) {
            *n += 1;
        }
        true
    }
}

/// What draws candidates.
struct Finder<'a> {
    settings: &'a SynaptogenesisSettings,
    ground: &'a Ground<'a>,
    /// Cells of the sources for each proposal of near ones.
    cells: Vec<Option<Cells>>,
    buckets: Option<Buckets>,
    /// Running sums of the energy gradients.
    gradients: Vec<f64>,
}

impl<'a> Finder<'a> {
    fn new(settings: &'a SynaptogenesisSettings, ground: &'a Ground<'a>, key: StreamKey) -> Self {
        let cells = |proposal: &Proposal| match proposal {
            Proposal::Near { sigma } => Some(Cells::new(ground.from.places, 3.0 * sigma)),
            _ => None,
        };
        let buckets = settings.proposals.contains(&Proposal::Similar).then(|| Buckets::new(&ground.from.sketches, key));
        let mut sum = 0.0;
        let gradients = ground.gradients.iter().map(|&g| {
            sum += f64::from(g);
            sum
        });
        let gradients = if settings.by_energy_gradient { gradients.collect() } else { Vec::new() };
        Finder { settings, ground, cells: settings.proposals.iter().map(cells).collect(), buckets, gradients }
    }

    /// The candidate of a slot, if it is born.
    fn candidate(&self, slot: usize, temperature: f64, stream: &mut Stream) -> Option<Grown> {
        let (settings, ground) = (self.settings, self.ground);
        let which = slot % settings.proposals.len();
        let (mut source, mut target) = self.pair(which, stream)?;
        if ground.is_one_population && source == target {
            return None;
        }
        if ground.is_folded {
            (source, target) = (source.min(target), source.max(target));
        }
        // 1. Strong enough, and not there yet.
        let correlation = ground.from.sketches.correlation(source as usize, &ground.to.sketches, target as usize);
        let strength = match settings.sign {
            Sign::Free => correlation.abs(),
            Sign::Excitatory => correlation,
            Sign::Inhibitory => -correlation,
        };
        if strength < settings.threshold || ground.rows.joins(source, target) {
            return None;
        }
        // 2. By its energy.
        let distance = if settings.wiring == 0.0 { 0.0 } else { self.distance(source, target) };
        let d_energy = settings.cost + settings.wiring * f64::from(distance) - settings.gain * f64::from(strength);
        let is_born = d_energy <= 0.0 || temperature > 0.0 && stream.uniform() < math::exp(-d_energy / temperature);
        is_born.then(|| Grown { source, target, weight: settings.sign.give(settings.weight, correlation), strength })
    }

    /// A source and a target.
    fn pair(&self, which: usize, stream: &mut Stream) -> Option<(u32, u32)> {
        let ground = self.ground;
        let target = self.target(stream);
        let source = match self.settings.proposals[which] {
            Proposal::Uniform => Some(stream.below(ground.from.places.len() as u64) as u32),
            Proposal::Near { sigma } => {
                let (cells, here) = (self.cells[which].as_ref()?, ground.to.places[target as usize]);
                draw_near(cells, ground.from.places, here, sigma, stream)
            }
            Proposal::Similar => {
                let is_opposite = match self.settings.sign {
                    Sign::Free => stream.coin(),
                    Sign::Excitatory => false,
                    Sign::Inhibitory => true,
                };
                let signature = ground.to.sketches.signature(target as usize);
                self.buckets.as_ref()?.draw(if is_opposite { !signature } else { signature }, stream)
            }
            Proposal::Intermediate => {
                if ground.ways.is_empty() {
                    return None;
                }
                let (onto_target, onto_middle) = &ground.ways[stream.below(ground.ways.len() as u64) as usize];
                let middle = draw_source(onto_target, target, stream)?;
                draw_source(onto_middle, middle, stream)
            }
        };
        source.map(|source| (source, target))
    }

    fn target(&self, stream: &mut Stream) -> u32 {
        let n = self.ground.to.places.len() as u64;
        match self.gradients.last() {
            Some(&total) if total > 0.0 => {
                let at = stream.uniform() * total;
                (self.gradients.partition_point(|&sum| sum <= at) as u64).min(n - 1) as u32
            }
            _ => stream.below(n) as u32,
        }
    }

    fn distance(&self, source: u32, target: u32) -> f32 {
        self.ground.from.places[source as usize].distance(self.ground.to.places[target as usize])
    }
}

/// One of the sources of a target's synapses.
fn draw_source(rows: &Rows<'_>, target: u32, stream: &mut Stream) -> Option<u32> {
    let row = rows.onto(target as usize);
    (!row.is_empty()).then(|| rows.sources[row.start + stream.below(row.len() as u64) as usize])
}

/// A neuron around `here` with density e^(-d^2 / (2 sigma^2)), by rejection.
pub(super) fn draw_near(cells: &Cells, places: &[Vec3], here: Vec3, sigma: f32, stream: &mut Stream) -> Option<u32> {
    for _ in 0..TRIES {
        let row = cells.draw_near(here, stream)?;
        let square = f64::from(places[row as usize].distance_squared(here) / (2.0 * sigma * sigma));
        if stream.uniform() < math::exp(-square) {
            return Some(row);
        }
    }
    None
}

/// Neurons by a random part of their signatures.
struct Buckets {
    bits: Vec<u32>,
    offsets: Vec<u32>,
    rows: Vec<u32>,
}

impl Buckets {
    /// Buckets of some eight neurons if signatures were random; which bits are looked at changes with the step of `key`.
    fn new(sketches: &Sketches<'_>, key: StreamKey) -> Self {
        let n = sketches.sketches.len();
        let n_bits = (n / 8).max(2).ilog2().min(20) as usize;
        let mut bits: Vec<u32> = (0..super::sketch::WIDTH as u32).collect();
        key.block(u32::MAX).stream().shuffle(&mut bits);
        bits.truncate(n_bits);
        let mut buckets = Buckets { bits, offsets: vec![0; (1 << n_bits) + 1], rows: vec![0; n] };
        let keys: Vec<u32> = (0..n).into_par_iter().map(|i| buckets.key(sketches.signature(i))).collect();
        keys.iter().for_each(|&key| buckets.offsets[key as usize + 1] += 1);
        for k in 1..buckets.offsets.len() {
            buckets.offsets[k] += buckets.offsets[k - 1];
        }
        let mut next = buckets.offsets.clone();
        for (row, &key) in (0_u32..).zip(&keys) {
            buckets.rows[next[key as usize] as usize] = row;
            next[key as usize] += 1;
        }
        buckets
    }

    fn key(&self, signature: u64) -> u32 {
        self.bits.iter().fold(0, |key, &bit| key << 1 | (signature >> bit & 1) as u32)
    }

    fn draw(&self, signature: u64, stream: &mut Stream) -> Option<u32> {
        let key = self.key(signature) as usize;
        let members = &self.rows[self.offsets[key] as usize..self.offsets[key + 1] as usize];
        (!members.is_empty()).then(|| members[stream.below(members.len() as u64) as usize])
    }
}
