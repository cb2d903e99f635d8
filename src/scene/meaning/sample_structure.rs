//! `SampleStructure`: its settings in their ranges, and whether spins and projections suit it.

use std::collections::BTreeMap;

use crate::engine::structure::{Caps, Preset, Score, Slab, StructureSettings};
use crate::thermo::structure::{Course, WiringCandidates};

use super::super::checked::{Couplings, Method, Population, Projection, StructureSampling};
use super::super::code::Code;
use super::super::wire::{BirthsWire, CandidatesWire, CourseWire, DegreeCostWire, DegreesWire, SampleStructureWire, StartWire};
use super::Checker;
use super::spin_network::Network;
use super::spin_systems::{Common, DEFAULT_STAGE, DEFAULT_STAGES, Need, single};

impl Checker<'_> {
    pub(super) fn sample_structure(
        &mut self,
        path: &str,
        w: &SampleStructureWire,
        network: &Network,
        steps: Option<u64>,
    ) -> (Common, Method, Need) {
        let at = |field: &str| format!("{path}.{field}");
        // 1. Temperatures and stages.
        let mut ends = |hot: f64, cold: f64| {
            let (hot, cold) = (self.temperature(&at("schedule.hot"), hot), self.temperature(&at("schedule.cold"), cold));
            (hot, cold)
        };
        let (course, has_ends) = match w.schedule {
            CourseWire::Constant(t) => (Course::Constant(self.temperature(&at("schedule"), t)), false),
            CourseWire::Linear(range) => {
                let (hot, cold) = ends(range.hot, range.cold);
                (Course::Linear { hot, cold }, true)
            }
            CourseWire::Geometric(range) => {
                let (hot, cold) = ends(range.hot, range.cold);
                (Course::Geometric { hot, cold }, true)
            }
        };
        let stages = self.count(&at("stages"), w.stages.unwrap_or(if has_ends { DEFAULT_STAGES } else { 1 }), 1);
        if stages > 1 && !has_ends {
            self.complain(Code::OutOfRange, &at("stages"), format!("{stages} stages of one temperature"))
                .advise("leave `stages` out, or use schedule: Linear(hot: ..., cold: ...) or Geometric(..)");
        }
        let shared = steps.map(|n| n / w.every.max(1) / u64::from(stages)).filter(|&n| n > 0);
        let length = self.count(&at("steps_per_stage"), w.steps_per_stage.or(shared).unwrap_or(DEFAULT_STAGE), 1);
        let discard = self.count(&at("discard"), w.discard.unwrap_or(u64::from(length) / 5), 0);
        if discard >= length {
            let message = format!("discard is {discard}, and a stage has {length} steps");
            self.complain(Code::OutOfRange, &at("discard"), message).advise("discard fewer steps than a stage has");
        }
        // 2. Candidates.
        let candidates = match w.candidates {
            CandidatesWire::AllPairs => WiringCandidates::AllPairs,
            CandidatesWire::Listed => WiringCandidates::Listed,
            CandidatesWire::Nearby(radius) => {
                WiringCandidates::Nearby(self.within_called("the radius", &at("candidates"), radius, (1e-9, 1e9)) as f32)
            }
        };
        let structure = self.structure_of_spins(path, w);
        let free_energy = self.free_energy(path, w.free_energy, &structure, None);
        let sampling = StructureSampling {
            candidates,
            starts_empty: w.start == StartWire::Empty,
            structure,
            course,
            stages,
            steps_per_stage: u64::from(length),
            discard: u64::from(discard),
            sweeps: self.count(&at("sweeps_per_step"), w.sweeps_per_step, 0),
            neurons: w.neurons.and_then(|n| self.neuron_births(path, n, w, network)),
            free_energy,
        };
        self.suits_spins(path, w, &sampling, network);
        let need = Need { steps: u64::from(stages).saturating_mul(length.into()), is_exact: stages > 1 || discard > 0 };
        (single(w.every), Method::SampleStructure(sampling), need)
    }

    fn structure_of_spins(&mut self, path: &str, w: &SampleStructureWire) -> StructureSettings {
        let at = |field: &str| format!("{path}.{field}");
        let density = self.density(path, "density", w.density);
        let slab = self.slab(path, w.slab);
        let score = if matches!(w.births, BirthsWire::Hebbian(_)) {
            self.complain(Code::Unsupported, &at("births"), "births by correlation, and spins that move are no fixed data")
                .advise("use births: Uniform, Distance(scale: ...) or Gradient(0.1)");
            Score::Uniform
        } else {
            self.births(path, w.births)
        };
        let shares = self.move_shares(path, w.shares);
        let degree_cost = w.degree_cost.map(|cost| {
            if !matches!(cost.of, DegreesWire::Total) {
                self.complain(Code::Unsupported, &at("degree_cost.of"), "couplings of spins have no direction").advise("leave `of` out");
            }
            self.degree_cost(path, DegreeCostWire { of: DegreesWire::Total, ..cost })
        });
        StructureSettings {
            preset: Preset::Thermo,
            score,
            density,
            slab,
            birth_sd: w.birth_sd.map(|sd| self.positive(path, "birth_sd", sd)),
            weight_step: self.positive(path, "weight_step", w.weight_step),
            shares,
            degree_cost,
            length_cost: self.within(&at("length_cost"), w.length_cost, -1e12, 1e12),
            caps: Caps {
                fan_in: self.structural_cap(path, "degree", w.degree),
                fan_out: None,
                synapses: self.structural_cap(path, "synapses", w.synapses),
            },
            moves: self.count(&at("moves_per_step"), w.moves_per_step, 1),
            every: self.count(&at("every"), w.every, 1),
            ..StructureSettings::default()
        }
    }

    /// Spins of -1 and +1 with projections for synapses to live in, whose couplings the slab can give.
    fn suits_spins(&mut self, path: &str, w: &SampleStructureWire, sampling: &StructureSampling, network: &Network) {
        if network.populations.iter().any(|p| p.is_binary) {
            self.complain(Code::Unsupported, path, "SampleStructure is of spins of -1 and +1, and the populations have values 0 and 1")
                .advise("leave `values` out");
        }
        if network.projections.is_empty() && !self.has_errors() {
            self.complain(Code::NothingToDo, path, "SampleStructure, and no projection for couplings to live in")
                .advise("add one, which may be empty: projections: [Symmetric(couplings: Pairs([]))]");
        }
        let is_empty = |couplings: &Couplings| matches!(couplings, Couplings::Listed(list) if list.is_empty());
        if matches!(w.candidates, CandidatesWire::Listed)
            && network.projections.iter().all(|p| is_empty(&p.couplings))
            && !self.has_errors()
        {
            self.complain(
                Code::NothingToDo,
                &format!("{path}.candidates"),
                "candidates are the couplings of the projections, and there are none",
            )
            .advise("use candidates: AllPairs or Nearby(radius), or give couplings");
        }
        if sampling.starts_empty || self.has_errors() {
            return;
        }
        // Couplings of files and generators are looked at when they are made.
        for (k, projection) in network.projections.iter().enumerate() {
            let Couplings::Listed(couplings) = &projection.couplings else { continue };
            let what = match sampling.structure.slab {
                Slab::Gaussian { .. } => continue,
                Slab::Signs { size } => (couplings.iter().find(|c| c.strength.abs() != size), format!("{size} or -{size}")),
                Slab::Fixed { value } => (couplings.iter().find(|c| c.strength != value), format!("all {value}")),
            };
            if let (Some(c), slab) = what {
                let message = format!("spins {} and {} are coupled by {}, and sampled couplings are {slab}", c.i, c.j, c.strength);
                self.complain(Code::BadCoupling, &format!("projections[{k}].couplings"), message)
                    .advise("give them what `slab` says, or write `start: Empty`");
            }
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        self.complaints.iter().any(|c| !c.is_warning())
    }
}

/// Candidates of a sampled wiring, at least: those by distance are counted by cells, whose pairs are not all near.
pub(super) fn n_candidates(method: &Method, populations: &[Population], projections: &[Projection]) -> u64 {
    let Method::SampleStructure(sampling) = method else { return 0 };
    let n = |k: usize| populations[k].n_neurons as u64;
    let all = || {
        let of = |p: &Projection| {
            let pairs = n(p.from).saturating_mul(n(p.to));
            if p.from == p.to { pairs / 2 } else { pairs }
        };
        projections.iter().map(of).fold(0, u64::saturating_add)
    };
    match sampling.candidates {
        WiringCandidates::AllPairs => all(),
        // These are counted as couplings.
        WiringCandidates::Listed => 0,
        WiringCandidates::Nearby(radius) => {
            if !(radius > 0.0 && radius.is_finite()) {
                return 0;
            }
            let mut cells: BTreeMap<[i64; 3], u64> = BTreeMap::new();
            for population in populations {
                for place in population.placement.places(population.n_neurons) {
                    *cells.entry(place.to_array().map(|x| (f64::from(x) / f64::from(radius)).floor() as i64)).or_default() += 1;
                }
            }
            // Half of the pairs inside a cell are near or more, and pairs of two cells make up for the rest.
            cells.values().map(|&n| n.saturating_mul(n) / 2).fold(0, u64::saturating_add).min(all())
        }
    }
}
