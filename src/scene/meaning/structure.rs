//! `AnnealStructure`: its settings in their ranges, and whether the network suits its rule.

use crate::engine::network::structure::Pruning;
use crate::engine::structure::{Caps, Preset, StructureSettings};
use crate::network::structure::{RewiringCandidates, RewiringSettings};
use crate::topology::nearest::did_you_mean;

use super::super::checked_network::{DirectedProjection, NeuronPopulation};
use super::super::code::Code;
use super::super::wire::{AnnealStructureWire, CandidatesWire, FirstSynapsesWire, PresetWire};
use super::Checker;

impl Checker<'_> {
    pub(super) fn anneal_structure(
        &mut self,
        path: &str,
        w: &AnnealStructureWire,
        (populations, projections): (&[NeuronPopulation], &[DirectedProjection]),
        steps: u64,
    ) -> Option<RewiringSettings> {
        let start = self.complaints.len();
        let at = |field: &str| format!("{path}.{field}");
        // 1. When, and what.
        let window = self.window(path, w.from, w.until, w.every, steps);
        for name in &w.projections {
            let names = || projections.iter().map(|p| p.name.as_str());
            if !names().any(|n| n == name) {
                let message = format!("no projection \"{name}\"{}", did_you_mean(name, names()));
                self.complain(Code::UnknownPopulation, &at("projections"), message)
                    .advise("name projections \"from->to\", as the scene does");
            }
        }
        // 2. The rule.
        let (preset, pruning) = match w.preset {
            PresetWire::Thermo => (Preset::Thermo, None),
            PresetWire::Set => (Preset::Set, None),
            PresetWire::Rigl => (Preset::Rigl, None),
            PresetWire::DeepR(d) => {
                let rate = self.within(&at("preset.rate"), d.rate, 1e-12, 1e6) as f32;
                (Preset::DeepR { rate, l1: self.within(&at("preset.l1"), d.l1, 0.0, 1e6) as f32 }, None)
            }
            PresetWire::Prune(p) => {
                let pruning = Pruning {
                    first: self.within(&at("preset.first"), p.first, 0.0, 1.0),
                    last: self.within(&at("preset.last"), p.last, 0.0, 1.0),
                    power: self.count(&at("preset.power"), p.power, 1),
                    regrow: self.within(&at("preset.regrow"), p.regrow, 0.0, 0.999) as f32,
                };
                (Preset::Thermo, Some(pruning))
            }
        };
        let schedule = self.heat_schedule(&at("schedule"), &w.schedule);
        // 3. What wirings and weights are worth.
        let slab = self.slab(path, w.slab);
        let score = self.births(path, w.births);
        let shares = self.move_shares(path, w.shares);
        let degree_cost = w.degree_cost.map(|cost| self.degree_cost(path, cost));
        let caps = Caps {
            fan_in: self.structural_cap(path, "fan_in", w.fan_in),
            fan_out: self.structural_cap(path, "fan_out", w.fan_out),
            synapses: self.structural_cap(path, "synapses", w.synapses),
        };
        let structure = StructureSettings {
            preset,
            score,
            density: self.density(path, "density", w.density),
            slab,
            birth_sd: w.birth_sd.map(|sd| self.positive(path, "birth_sd", sd)),
            weight_step: self.positive(path, "weight_step", w.weight_step),
            shares,
            degree_cost,
            length_cost: self.within(&at("length_cost"), w.length_cost, -1e12, 1e12),
            caps,
            moves: self.count(&at("moves_per_step"), w.moves_per_step, 1),
            every: u32::try_from(window.every).unwrap_or(u32::MAX),
            fraction: self.within(&at("fraction"), w.fraction, 0.0, 1.0) as f32,
        };
        let rule = pruning.map(|_| "prune");
        let free_energy = self.free_energy(path, w.free_energy, &structure, rule);
        let last_density = w.last_density.map(|last| self.density(path, "last_density", last));
        let candidates = match w.candidates {
            CandidatesWire::AllPairs => RewiringCandidates::AllPairs,
            CandidatesWire::Listed => RewiringCandidates::Listed,
            CandidatesWire::Nearby(radius) => {
                RewiringCandidates::Nearby(self.within_called("the radius", &at("candidates"), radius, (1e-9, 1e9)) as f32)
            }
        };
        let first_share = match w.start {
            FirstSynapsesWire::Given => None,
            FirstSynapsesWire::Empty => Some(0.0),
            FirstSynapsesWire::Share(share) => Some(self.within_called("the share", &at("start"), share, (0.0, 1.0))),
        };
        let neurons = w.neurons.as_ref().map(|n| self.hidden_births(path, n, w, (populations, projections)));
        let mut settings = RewiringSettings {
            projections: w.projections.clone(),
            candidates,
            first_share,
            listed: Vec::new(),
            positions: Vec::new(),
            structure,
            pruning,
            schedule,
            last_density,
            neurons,
            fraction_falls: w.fraction_falls,
            free_energy,
            from: window.from,
            n_steps: window.n_steps().max(1),
        };
        if settings.needs_places() {
            let places = |p: &NeuronPopulation| p.placement.places(p.n_neurons).iter().map(|place| place.to_array()).collect();
            settings.positions = populations.iter().map(|p| (p.name.clone(), places(p))).collect();
        }
        // 4. Gates send no slopes back.
        let gates = populations.iter().position(|p| p.unit.is_gate() && p.role != crate::network::Role::Input);
        if let Some(gates) = gates.filter(|_| settings.needs_slopes()) {
            let message = format!(
                "{} follows the slopes of the loss, and \"{}\" is of gates, which have none",
                settings.name(),
                populations[gates].name
            );
            self.complain(Code::Unsupported, path, message).advise("use preset: Thermo or Set, with births that are not by Gradient");
        }
        // The method's own check has the last word on what none of the above names.
        if self.complaints.len() == start
            && let Err(error) = settings.validate()
        {
            self.complain(Code::OutOfRange, path, error.to_string());
        }
        Some(settings)
    }
}
