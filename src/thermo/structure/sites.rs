//! Where the candidates of a sampled wiring are in the world: neurons numbered over all parts, pairs in projections.

use std::sync::Arc;

use crate::components::{Source, Target, Weight};
use crate::engine::structure::{Candidates, Slab};
use crate::topology::{Fabric, Population, PopulationIdx, Projection, ProjectionIdx, Synapses};

use super::super::spin_network::find_parts;
use super::settings::{WiringCandidates, WiringError, WiringSettings};

/// A symmetric projection between two parts.
#[derive(Clone, Copy, Debug)]
struct Home {
    projection: ProjectionIdx,
    /// Number of the part of its sources.
    from: usize,
    /// Number of the part of its targets.
    to: usize,
}

/// The candidates of a world.
#[derive(Clone, Debug)]
pub(super) struct Sites {
    candidates: Arc<Candidates>,
    /// Populations, the number of their first neuron, and their sizes.
    parts: Vec<(PopulationIdx, usize, usize)>,
    homes: Vec<Home>,
}

/// Where a candidate lives if it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    /// Number of its home.
    pub(super) home: usize,
    /// Row of its source in the home's first population.
    pub(super) source: u32,
    /// Row of its target in the home's second population.
    pub(super) target: u32,
}

impl Sites {
    /// The candidates of `settings`.
    ///
    /// # Errors
    /// If populations or projections are not there or do not suit, or positions are missing.
    pub(super) fn new(
        settings: &WiringSettings,
        fabric: &Fabric,
        synapses: &Synapses<(&'static Source, &'static Target, &'static Weight)>,
    ) -> Result<Self, WiringError> {
        let parts: Vec<_> = find_parts(&settings.populations, fabric)?
            .into_iter()
            .map(|(idx, first)| (idx, first, fabric.population(idx).n_neurons()))
            .collect();
        let homes = find_homes(&parts, fabric)?;
        let n: usize = parts.iter().map(|p| p.2).sum();
        if settings.needs_places() && settings.positions.len() != n {
            return Err(WiringError::Positions { found: settings.positions.len(), n_neurons: n });
        }
        let mut sites = Sites { candidates: Arc::new(Candidates::from_pairs(n, true, [])?), parts, homes };
        let mut candidates = match settings.candidates {
            WiringCandidates::AllPairs => sites.all_pairs(n)?,
            WiringCandidates::Nearby(radius) => {
                Candidates::within(&settings.positions, radius, true)?.keep(|a, b| sites.home_of(a, b).is_some())
            }
            WiringCandidates::Listed => Candidates::from_pairs(n, true, sites.pairs(synapses).map(|(_, _, pair)| pair))?,
        };
        // Near ones have their lengths already.
        if settings.needs_places() && !matches!(settings.candidates, WiringCandidates::Nearby(_)) {
            candidates = candidates.with_positions(&settings.positions)?;
        }
        if candidates.is_empty() {
            return Err(WiringError::NoCandidates);
        }
        sites.candidates = Arc::new(candidates);
        Ok(sites)
    }

    /// All pairs that a projection joins.
    fn all_pairs(&self, n: usize) -> Result<Candidates, WiringError> {
        if let [home] = self.homes.as_slice()
            && self.parts.len() == 1
            && home.from == home.to
        {
            return Ok(Candidates::all_pairs(n, true)?);
        }
        let range = |part: usize| (self.parts[part].1 as u32, (self.parts[part].1 + self.parts[part].2) as u32);
        let pairs = self.homes.iter().flat_map(|home| {
            let (a, b, is_inside) = (range(home.from), range(home.to), home.from == home.to);
            (a.0..a.1).flat_map(move |i| (if is_inside { i + 1 } else { b.0 }..b.1).map(move |j| (i, j)))
        });
        let count: u128 = self.homes.iter().map(|h| self.parts[h.from].2 as u128 * self.parts[h.to].2 as u128).sum();
        if count > crate::engine::structure::candidates::MAX_CANDIDATES as u128 {
            return Err(crate::engine::structure::CandidateError::TooMany(count).into());
        }
        Ok(Candidates::from_pairs(n, true, pairs)?)
    }

    /// The candidates.
    pub(super) fn candidates(&self) -> &Arc<Candidates> {
        &self.candidates
    }

    /// Populations and the numbers of their neurons.
    pub(super) fn parts(&self) -> impl Iterator<Item = (PopulationIdx, std::ops::Range<usize>)> + '_ {
        self.parts.iter().map(|&(idx, first, n)| (idx, first..first + n))
    }

    /// True if candidates live in this projection.
    pub(super) fn owns(&self, projection: ProjectionIdx) -> bool {
        self.homes.iter().any(|h| h.projection == projection)
    }

    /// Complains if neurons have come or gone.
    pub(super) fn check_neurons(&self, fabric: &Fabric) -> Result<(), WiringError> {
        for &(idx, _, expected) in &self.parts {
            let population = fabric.population(idx);
            if population.n_neurons() != expected {
                let population_name = population.name().to_owned();
                return Err(WiringError::Neurons { population: population_name, found: population.n_neurons(), expected });
            }
        }
        Ok(())
    }

    /// Number of the part that a neuron is of.
    fn part_of(&self, neuron: u32) -> usize {
        self.parts.partition_point(|&(_, first, n)| first + n <= neuron as usize)
    }

    /// The projections in which candidates live.
    pub(super) fn homes<'f>(&self, fabric: &'f Fabric) -> impl Iterator<Item = &'f Projection> {
        self.homes.iter().map(|h| fabric.projection(h.projection))
    }

    /// The projections in which candidates live, by their number in the world.
    pub(super) fn projections(&self) -> impl Iterator<Item = ProjectionIdx> {
        self.homes.iter().map(|h| h.projection)
    }

    /// The populations of the parts.
    pub(super) fn populations<'f>(&self, fabric: &'f Fabric) -> impl Iterator<Item = &'f Population> {
        self.parts.iter().map(|p| fabric.population(p.0))
    }

    /// Number of the projection that joins two neurons.
    fn home_of(&self, a: u32, b: u32) -> Option<usize> {
        let (a, b) = (self.part_of(a), self.part_of(b));
        self.homes.iter().position(|h| (h.from, h.to) == (a, b) || (h.from, h.to) == (b, a))
    }

    /// Where a candidate lives if it does.
    pub(super) fn site(&self, candidate: u32) -> Site {
        let (a, b) = self.candidates.pair(candidate);
        let number = self.home_of(a, b).expect("candidates are pairs that a projection joins");
        let home = self.homes[number];
        let (source, target) = if self.part_of(a) == home.from { (a, b) } else { (b, a) };
        let row = |neuron: u32, part: usize| neuron - self.parts[part].1 as u32;
        Site { home: number, source: row(source, home.from), target: row(target, home.to) }
    }

    /// Living synapses with their projection, row and pair of neurons.
    fn pairs<'a>(
        &'a self,
        synapses: &'a Synapses<(&'static Source, &'static Target, &'static Weight)>,
    ) -> impl Iterator<Item = (ProjectionIdx, usize, (u32, u32))> + 'a {
        self.homes.iter().flat_map(move |home| {
            let (from, to) = (self.parts[home.from].1, self.parts[home.to].1);
            let columns = synapses.get(home.projection);
            let ends = columns.map(|(sources, targets, _)| sources.iter().zip(targets)).into_iter().flatten();
            ends.enumerate().map(move |(row, (s, t))| (home.projection, row, ((from + s.row()) as u32, (to + t.row()) as u32)))
        })
    }

    /// The candidate of the synapse in a row of a projection.
    ///
    /// # Errors
    /// If it is none, or if the slab cannot give its weight.
    pub(super) fn candidate(
        &self,
        fabric: &Fabric,
        projection: ProjectionIdx,
        (source, target, weight): (Source, Target, f32),
        slab: Slab,
    ) -> Result<u32, WiringError> {
        let home = self.homes.iter().find(|h| h.projection == projection).expect("only rows of projections with candidates are read");
        let pair = (self.parts[home.from].1 + source.row(), self.parts[home.to].1 + target.row());
        let name = || fabric.projection(projection).name().to_owned();
        let (source_row, target_row) = (source.row(), target.row());
        let stranger = || WiringError::Stranger { projection: name(), source_row, target_row };
        let candidate = self.candidates.find(pair.0 as u32, pair.1 as u32).ok_or_else(stranger)?;
        let what = match slab {
            Slab::Gaussian { .. } if weight.is_finite() => None,
            Slab::Gaussian { .. } => Some("finite".to_owned()),
            Slab::Signs { size } => (weight.abs() != size).then(|| format!("{size} or -{size}")),
            Slab::Fixed { value } => (weight != value).then(|| format!("all {value}")),
        };
        match what {
            None => Ok(candidate),
            Some(slab) => Err(WiringError::Weight { projection: name(), source_row, target_row, weight, slab }),
        }
    }
}

/// The projections between the parts, each pair of parts joined by one.
fn find_homes(parts: &[(PopulationIdx, usize, usize)], fabric: &Fabric) -> Result<Vec<Home>, WiringError> {
    let part_of = |idx: PopulationIdx| parts.iter().position(|p| p.0 == idx);
    let mut homes: Vec<Home> = Vec::new();
    for (idx, projection) in fabric.projections() {
        let (Some(from), Some(to)) = (part_of(projection.from()), part_of(projection.to())) else { continue };
        let name = || projection.name().to_owned();
        if !projection.is_symmetric() {
            return Err(WiringError::Directed(name()));
        }
        if let Some(other) = homes.iter().find(|h| (h.from, h.to) == (from, to) || (h.from, h.to) == (to, from)) {
            return Err(WiringError::TwoHomes(fabric.projection(other.projection).name().to_owned(), name()));
        }
        homes.push(Home { projection: idx, from, to });
    }
    if homes.is_empty() { Err(WiringError::NoProjection) } else { Ok(homes) }
}
