//! `neurons: NeuronBirths(...)` of `SampleStructure`: its numbers, and whether neurons can come and go.

use crate::engine::structure::{Counting, NeuronSettings};
use crate::thermo::structure::NeuronTurnover;

use super::super::code::Code;
use super::super::wire::{BirthsWire, CountingWire, FreeEnergyWire, NeuronBirthsWire, SampleStructureWire};
use super::Checker;
use super::spin_network::Network;

impl Checker<'_> {
    pub(super) fn neuron_births(
        &mut self,
        path: &str,
        n: NeuronBirthsWire,
        w: &SampleStructureWire,
        network: &Network,
    ) -> Option<NeuronTurnover> {
        let at = |field: &str| format!("{path}.neurons.{field}");
        let first = n.first.map(|first| self.count(&at("first"), first, 0));
        let n_slots: usize = network.populations.iter().map(|p| p.n_neurons).sum();
        if let Some(first) = first.filter(|&first| first as usize > n_slots && n_slots > 0) {
            self.complain(Code::OutOfRange, &at("first"), format!("first is {first}, and the populations have {n_slots} neurons"))
                .advise("their count is how many can live at most");
        }
        // What else the system is asked for may not go with it.
        let clamped = network.populations.iter().find(|p| !p.clamped.is_empty());
        let refused = [
            (clamped.is_some(), "neurons come and go, and some are clamped", "leave `clamped` out"),
            (
                matches!(w.births, BirthsWire::Gradient(_)),
                "neurons come and go, and births are proposed by gradient",
                "use births: Uniform or Distance(scale: ...)",
            ),
            (w.sweeps_per_step == 0, "a newborn's spin is drawn, and the others never move", "use sweeps_per_step: 1 or more"),
            (
                !matches!(w.free_energy, FreeEnergyWire::Off),
                "a free energy is that of a fixed number of neurons, and they come and go",
                "leave `free_energy` or `neurons` out",
            ),
        ];
        for (_, message, way_out) in refused.into_iter().filter(|(is_refused, ..)| *is_refused) {
            self.complain(Code::Unsupported, &format!("{path}.neurons"), message).advise(way_out);
        }
        let counting = match n.counting {
            CountingWire::Labelled => Counting::Labelled,
            CountingWire::Orderless => Counting::Orderless,
            CountingWire::Places => Counting::Places,
        };
        let cost = self.within(&at("cost"), n.cost, -1e12, 1e12);
        let shares = [self.count(&at("births"), n.births, 1), self.count(&at("deaths"), n.deaths, 1)];
        let neurons = NeuronSettings { cost, counting, shares };
        Some(NeuronTurnover { neurons, moves: self.count(&at("moves_per_step"), n.moves_per_step, 1), first })
    }
}
