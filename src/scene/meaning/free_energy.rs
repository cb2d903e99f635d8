//! `free_energy` of the systems that sample a wiring: its numbers, and whether there is a distribution to have one.

use crate::engine::structure::{Caps, Estimator, FreeEnergyRequest, FreeEnergySettings, Preset, StructureSettings};

use super::super::code::Code;
use super::super::wire::FreeEnergyWire;
use super::Checker;

impl Checker<'_> {
    /// The request of the system at `path`, which moves its wiring as `structure` says, or by `rule` instead.
    pub(super) fn free_energy(
        &mut self,
        path: &str,
        w: FreeEnergyWire,
        structure: &StructureSettings,
        rule: Option<&str>,
    ) -> Option<FreeEnergyRequest> {
        let (by, runs) = match w {
            FreeEnergyWire::Off => return None,
            FreeEnergyWire::Ais(runs) => (Estimator::Ais, runs),
            FreeEnergyWire::Integration(runs) => (Estimator::Integration, runs),
        };
        let path = format!("{path}.free_energy");
        let how = FreeEnergySettings {
            n_chains: self.count(&format!("{path}.runs"), runs.runs, 2),
            n_steps: self.count(&format!("{path}.betas"), runs.betas, 1),
            moves_per_step: self.count(&format!("{path}.moves"), runs.moves, 1),
        };
        // What has no distribution has no free energy, and the reason is the user's to read before the run.
        let driven = rule.or((structure.preset != Preset::Thermo).then(|| structure.preset.name()));
        let reason = if let Some(rule) = driven {
            Some((format!("a free energy, and the rule {rule} states no distribution"), "use preset: Thermo, or leave `free_energy` out"))
        } else if structure.caps != Caps::default() {
            let message = "a free energy under caps: the wirings below a cap cannot be drawn at once".to_owned();
            Some((message, "leave the caps out, or use degree_cost"))
        } else if structure.shares.birth == 0 {
            let message = "a free energy over wirings, and the number of synapses is fixed".to_owned();
            Some((message, "give births and deaths a share: shares: Shares(birth: 1, death: 1)"))
        } else {
            None
        };
        if let Some((message, way_out)) = reason {
            self.complain(Code::Unsupported, &path, message).advise(way_out);
            return None;
        }
        Some(FreeEnergyRequest { by, how, every: runs.every })
    }
}
