//! `neurons: HiddenBirths(...)` of `AnnealStructure`: its numbers, and whether hidden neurons can come and go.

use crate::engine::network::structure::HiddenSettings;
use crate::engine::structure::{Counting, NeuronSettings, Newborns};
use crate::network::Role;
use crate::network::structure::HiddenTurnover;
use crate::topology::nearest::did_you_mean;

use super::super::checked_network::{DirectedProjection, NeuronPopulation};
use super::super::code::Code;
use super::super::wire::{AnnealStructureWire, CountingWire, FreeEnergyWire, HiddenBirthsWire, NewbornsWire, PresetWire};
use super::Checker;

impl Checker<'_> {
    pub(super) fn hidden_births(
        &mut self,
        path: &str,
        n: &HiddenBirthsWire,
        w: &AnnealStructureWire,
        (populations, projections): (&[NeuronPopulation], &[DirectedProjection]),
    ) -> HiddenTurnover {
        let at = |field: &str| format!("{path}.neurons.{field}");
        // 1. Whose neurons.
        let hidden = || populations.iter().filter(|p| p.role == Role::Hidden);
        for name in &n.populations {
            if !hidden().any(|p| p.name == *name) {
                let near = did_you_mean(name, hidden().map(|p| p.name.as_str()));
                self.complain(Code::UnknownPopulation, &at("populations"), format!("no hidden population \"{name}\"{near}"))
                    .advise("name populations that are neither input nor output");
            }
        }
        let turns = |p: &&NeuronPopulation| n.populations.is_empty() || n.populations.contains(&p.name);
        let n_slots: usize = hidden().filter(turns).map(|p| p.n_neurons).sum();
        let first = n.first.map(|first| self.count(&at("first"), first, 0));
        if let Some(first) = first.filter(|&first| first as usize > n_slots && n_slots > 0) {
            self.complain(Code::OutOfRange, &at("first"), format!("first is {first}, and the hidden populations have {n_slots} neurons"))
                .advise("their count is how many can live at most");
        }
        // 2. What else the system is asked for may not go with it.
        let may_die = |at: usize| populations.get(at).is_some_and(|p| p.role == Role::Hidden && turns(&p));
        let stays = |p: &&DirectedProjection| !w.projections.is_empty() && !w.projections.contains(&p.name);
        let held = projections.iter().filter(stays).find(|p| may_die(p.from) || may_die(p.to));
        let held = held.map(|p| format!("the synapses of \"{}\" stay, and neurons at their ends may die", p.name));
        let is_thermo = matches!(w.preset, PresetWire::Thermo);
        let counts = !matches!(w.free_energy, FreeEnergyWire::Off);
        let text = |holds: bool, message: &str| holds.then(|| message.to_owned());
        let refused = [
            (
                text(hidden().next().is_none(), "neurons are to come and go, and no population is hidden"),
                "add a hidden population, whose count is how many can live at most",
            ),
            (held, "name the projection in `projections` too, or leave them out"),
            (text(!is_thermo, "neurons come and go, and only Thermo can judge them"), "use preset: Thermo, or leave `neurons` out"),
            (
                text(counts, "a free energy is that of a fixed number of neurons, and they come and go"),
                "leave `free_energy` or `neurons` out",
            ),
        ];
        for (message, way_out) in refused {
            if let Some(message) = message {
                self.complain(Code::Unsupported, &format!("{path}.neurons"), message).advise(way_out);
            }
        }
        // 3. Its numbers.
        let counting = match n.counting {
            CountingWire::Labelled => Counting::Labelled,
            CountingWire::Orderless => Counting::Orderless,
            CountingWire::Places => Counting::Places,
        };
        let newborns = match n.newborns {
            NewbornsWire::Isolated => Newborns::Isolated,
            NewbornsWire::Wired(q) => Newborns::Wired(self.within_called("the probability", &at("newborns"), q, (1e-6, 1.0 - 1e-6))),
        };
        let shares = [self.count(&at("births"), n.births, 1), self.count(&at("deaths"), n.deaths, 1)];
        let neurons = NeuronSettings { cost: self.within(&at("cost"), n.cost, -1e12, 1e12), counting, shares };
        let bias_sd = self.within(&at("bias_sd"), n.bias_sd, 0.0, 1e6) as f32;
        let bias_moves = self.count(&at("bias_moves"), n.bias_moves, 0);
        if bias_moves > 0 && bias_sd == 0.0 {
            let message = format!("bias_moves is {bias_moves}, and biases whose prior has no width stay 0");
            self.complain(Code::OutOfRange, &at("bias_moves"), message).advise("give bias_sd, such as 1, or leave bias_moves out");
        }
        let bias_step = self.within(&at("bias_step"), n.bias_step, 1e-9, 1e6) as f32;
        HiddenTurnover {
            populations: n.populations.clone(),
            hidden: HiddenSettings { neurons, newborns, bias_sd, bias_step },
            moves: self.count(&at("moves_per_step"), n.moves_per_step, 1),
            bias_moves,
            first,
        }
    }
}
