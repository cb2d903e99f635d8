//! Systems of neurons that compute: their settings in their ranges, and when they run.

use super::super::checked_network::{Data, NetworkSystem};
use super::super::code::Code;
use super::super::wire::{SceneWire, SystemWire};
use super::Checker;

/// Steps of a run, if neither the scene nor a system says.
const DEFAULT_STEPS: u64 = 1000;

impl Checker<'_> {
    /// What happens in a step, and the steps of the run.
    pub(super) fn neuron_systems(
        &mut self,
        wire: &SceneWire,
        data: Option<&Data>,
        steps: Option<u64>,
    ) -> Option<(Vec<NetworkSystem>, u64)> {
        let mut systems = Vec::new();
        let mut needed = None;
        for (i, system) in wire.systems.iter().enumerate() {
            let path = format!("systems[{i}]");
            match system {
                SystemWire::Evaluate(_) => {
                    needed = needed.max(Some(1));
                    systems.push(NetworkSystem::Evaluate);
                }
                _ => {
                    self.complain(Code::Unsupported, &path, "the system is one of spins, and the scene has neurons that compute")
                        .advise("use TrainGradient(...), AnnealWeights(...) or Evaluate(), or make the populations Spins(...)");
                }
            }
        }
        if wire.systems.is_empty() {
            self.complain(Code::NothingToDo, "systems", "no system does anything with the neurons")
                .advise("add one, such as TrainGradient(), AnnealWeights() or Evaluate()");
        }
        if wire.data.is_none() && !systems.is_empty() {
            self.complain(Code::NothingToDo, "systems[0]", "there are no samples to answer")
                .advise("add data, such as data: Data(source: Csv(path: ...))");
        }
        data?;
        Some((systems, steps.or(needed).unwrap_or(DEFAULT_STEPS)))
    }
}
