//! Warnings about networks that cannot learn: no way from input to output, no way back for gradients, outputs that are
//! squeezed twice.

use crate::engine::network::Loss;
use crate::network::Role;
use crate::plan::network::Unit;
use crate::topology::generate::Wiring;

use super::super::checked_network::{DirectedProjection, NetworkSystem, NeuronPopulation, Synapses};
use super::super::code::Code;
use super::Checker;

impl Checker<'_> {
    /// Warns of what keeps a network from learning though it runs.
    pub(super) fn can_learn(
        &mut self,
        (populations, projections): (&[NeuronPopulation], &[DirectedProjection]),
        systems: &[NetworkSystem],
        loss: Loss,
    ) {
        // The echo of an error is no news.
        if self.complaints.iter().any(|c| !c.is_warning()) {
            return;
        }
        // 1. From inputs to outputs.
        let joined: Vec<(usize, usize)> = projections.iter().filter(|p| !is_empty(&p.synapses)).map(|p| (p.from, p.to)).collect();
        let reached = reach(populations.iter().map(|p| p.role == Role::Input).collect(), joined.iter().copied());
        for (i, population) in populations.iter().enumerate().filter(|(i, p)| p.role == Role::Output && !reached[*i]) {
            let before = reach((0..populations.len()).map(|k| k == i).collect(), projections.iter().map(|p| (p.to, p.from)));
            let empty = projections.iter().find(|p| is_empty(&p.synapses) && before[p.to]);
            let why = empty.map_or_else(String::new, |p| format!(" (projection \"{}\" has no synapse)", p.name));
            let message = format!("no input leads to \"{}\"{why}: its answer is the same for all samples", population.name);
            self.complain(Code::NoPath, &format!("populations[{i}]"), message);
        }
        // 2. From outputs back to weights that learn by gradient.
        let is_gate = |p: &NeuronPopulation| p.unit.is_gate() && p.role != Role::Input;
        for system in systems {
            let NetworkSystem::Train(train) = system else { continue };
            for (i, gate) in populations.iter().enumerate().filter(|(_, p)| is_gate(p)) {
                let behind = reach((0..populations.len()).map(|k| k == i).collect(), joined.iter().map(|&(from, to)| (to, from)));
                if let Some(stuck) = projections.iter().find(|p| behind[p.to] && !train.frozen.contains(&p.name)) {
                    let message =
                        format!("\"{}\" is of gates, which send no gradient: \"{}\" learns nothing through it", gate.name, stuck.name);
                    self.complain(Code::NoGradient, &format!("populations[{i}].unit"), message);
                }
            }
        }
        // 3. Losses of logits squeeze the outputs themselves.
        if matches!(loss, Loss::CrossEntropy | Loss::BinaryCrossEntropy) {
            for (i, output) in populations.iter().enumerate().filter(|(_, p)| p.role == Role::Output) {
                if matches!(output.unit, Unit::Sigmoid | Unit::SteepSigmoid) {
                    let name = if loss == Loss::CrossEntropy { "CrossEntropy" } else { "BinaryCrossEntropy" };
                    let message = format!("{name} asks for logits, and the sigmoids of \"{}\" squeeze them into 0 to 1", output.name);
                    self.complain(Code::NotLogits, &format!("populations[{i}].unit"), message);
                }
            }
        }
    }
}

/// True for synapses that are none.
fn is_empty(synapses: &Synapses) -> bool {
    match synapses {
        Synapses::Listed(edges) => edges.is_empty(),
        Synapses::Wired(Wiring::Random(share), _) => *share == 0.0,
        Synapses::Wired(Wiring::Distance { peak, .. }, _) => *peak == 0.0,
        Synapses::Wired(..) => false,
    }
}

/// `marked`, and all that steps lead to from there.
fn reach(mut marked: Vec<bool>, steps: impl Iterator<Item = (usize, usize)> + Clone) -> Vec<bool> {
    while let Some((_, to)) = steps.clone().find(|&(from, to)| marked[from] && !marked[to]) {
        marked[to] = true;
    }
    marked
}
