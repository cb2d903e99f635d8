//! What is true of every genome; tests assert it after every operator.

use crate::plan::population::NodeKind;

use super::genes::{ConnectionGene, FIRST_HIDDEN, connection_id};
use super::genome::Genome;
use super::settings::{Settings, Shape, Signals};

/// Asserts the invariants of a genome.
///
/// 1. Given and output nodes are there, first, with ids that count from 0; hidden ids are at least [`FIRST_HIDDEN`].
/// 2. Node ids ascend; keys of connections ascend.
/// 3. Connections join nodes of the genome, end at no given node, and no two join the same nodes in the same direction.
/// 4. Ids are those of what is connected, and births are 0 where ids are global.
/// 5. Every hidden node has a connection from and a connection to another node.
/// 6. In feed-forward genomes, no output is a source, and nothing is on a cycle, disabled connections included.
/// 7. Weights and biases are within their limits, time constants above 0.
///
/// # Panics
/// If one does not hold, saying which.
pub fn genome_invariants(genome: &Genome, shape: Shape, settings: &Settings) {
    let kinds: Vec<NodeKind> = shape.kinds(settings.bias).collect();
    assert!(genome.nodes.len() >= kinds.len(), "{} nodes, {} of the task", genome.nodes.len(), kinds.len());
    for (k, node) in genome.nodes.iter().enumerate() {
        match kinds.get(k) {
            Some(&kind) => assert_eq!((node.id, node.kind), (k as u64, kind), "node {k} of the task"),
            None => assert!(node.kind == NodeKind::Hidden && node.id >= FIRST_HIDDEN, "node {k} is {node:?}"),
        }
        let limit = settings.weights.limit;
        assert!(node.bias.abs() <= limit && node.time_constant > 0.0 && node.time_constant.is_finite(), "{node:?}, limit {limit}");
    }
    assert!(genome.nodes.is_sorted_by(|a, b| a.id < b.id), "node ids ascend");
    assert!(genome.connections.is_sorted_by(|a, b| a.key() < b.key()), "keys of connections ascend");

    let kind = |id: u64| genome.node(id).map(|n| genome.nodes[n].kind);
    let mut joined = std::collections::BTreeSet::new();
    for c in &genome.connections {
        let (source, target) = (kind(c.source), kind(c.target));
        assert!(source.is_some() && target.is_some_and(|t| !t.is_given()), "{c:?} joins {source:?} and {target:?}");
        assert!(joined.insert((c.source, c.target)), "{c:?} is there twice");
        assert_eq!(c.id, connection_id(c.source, c.target, c.birth), "id of {c:?}");
        assert!(settings.numbering == super::Numbering::Generation || c.birth == 0, "birth of {c:?}");
        assert!(c.weight.abs() <= settings.weights.limit, "{c:?} is beyond {}", settings.weights.limit);
        assert!(settings.signals != Signals::FeedForward || source != Some(NodeKind::Output), "{c:?} starts at an output");
    }
    for node in genome.nodes.iter().filter(|n| n.kind == NodeKind::Hidden) {
        let other = |at: fn(&ConnectionGene) -> (u64, u64)| genome.connections.iter().map(at).any(|(a, b)| a == node.id && b != a);
        assert!(other(|c| (c.source, c.target)) && other(|c| (c.target, c.source)), "{node:?} dangles");
    }
    if settings.signals == Signals::FeedForward {
        let on_cycle = genome.connections.iter().find(|c| genome.reaches(c.target, c.source));
        assert!(on_cycle.is_none(), "{on_cycle:?} is on a cycle");
    }
}
