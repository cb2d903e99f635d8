//! Mutation: numbers, and one structural change at a time. Every operator keeps [`super::genome_invariants`].

use crate::math;
use crate::plan::population::{Activation, NodeKind};
use crate::random::Stream;

use super::genes::{ConnectionGene, Innovations, NodeGene};
use super::genome::Genome;
use super::settings::{BiasForm, NumberMutation, Settings, Signals, SplitForm, Spread};

/// Bounds of time constants.
const TIME_CONSTANTS: (f32, f32) = (0.01, 100.0);

/// True with probability `p`; draws nothing where that is certain.
pub fn chance(random: &mut Stream, p: f64) -> bool {
    p > 0.0 && (p >= 1.0 || random.uniform() < p)
}

/// A number of this width around 0.
pub fn draw(random: &mut Stream, spread: Spread, width: f32) -> f32 {
    match spread {
        Spread::Uniform => width * (2.0 * random.uniform_f32() - 1.0),
        Spread::Gaussian => width * random.gaussian() as f32,
    }
}

/// `x` perturbed or drawn anew.
fn mutated(random: &mut Stream, m: &NumberMutation, x: f32) -> f32 {
    let new = if chance(random, m.perturbed) { x + draw(random, m.spread, m.power) } else { draw(random, m.spread, m.width) };
    new.clamp(-m.limit, m.limit)
}

/// Perturbs or replaces weights, and biases and time constants where the settings have them.
pub fn mutate_numbers(genome: &mut Genome, settings: &Settings, random: &mut Stream) {
    let m = &settings.weights;
    for c in &mut genome.connections {
        if chance(random, m.each) {
            c.weight = mutated(random, m, c.weight);
        }
    }
    if settings.bias == BiasForm::Gene {
        for node in genome.nodes.iter_mut().filter(|n| !n.kind.is_given()) {
            if chance(random, m.each) {
                node.bias = mutated(random, m, node.bias);
            }
        }
    }
    if matches!(settings.signals, Signals::ContinuousTime { .. }) {
        for node in genome.nodes.iter_mut().filter(|n| !n.kind.is_given()) {
            if chance(random, m.each) {
                // A step in the logarithm, so that the constant stays above 0.
                let factor = math::exp_f32(draw(random, m.spread, 0.25));
                node.time_constant = (node.time_constant * factor).clamp(TIME_CONSTANTS.0, TIME_CONSTANTS.1);
            }
        }
    }
}

/// Splits an enabled connection by a new node; false if there is none, or too many hidden nodes.
pub fn add_node(genome: &mut Genome, settings: &Settings, numbers: Innovations, random: &mut Stream) -> bool {
    let n_hidden = genome.nodes.iter().filter(|n| n.kind == NodeKind::Hidden).count();
    // A bias is not split: the new node would be a constant.
    let can_split = |c: &ConnectionGene| {
        c.enabled && genome.node(c.source).is_none_or(|n| genome.nodes[n].kind != NodeKind::Bias) && c.source != c.target
    };
    let n_candidates = genome.connections.iter().filter(|c| can_split(c)).count();
    if n_candidates == 0 || n_hidden >= settings.structure.max_hidden {
        return false;
    }
    let nth = random.below(n_candidates as u64) as usize;
    let place = (0..genome.connections.len()).filter(|&c| can_split(&genome.connections[c])).nth(nth).expect("counted above");
    let old = genome.connections[place];
    let id =
        (0..).map(|n| numbers.node(old.source, old.target, n)).find(|&id| genome.node(id).is_none()).expect("fewer nodes than numbers");

    let activation = settings.activations[0];
    let replaces = settings.structure.split == SplitForm::Replace || is_identity_like(activation);
    genome.connections[place].enabled = !replaces;
    let (bias, time_constant) = (0.0, if let Signals::ContinuousTime { dt } = settings.signals { dt.max(TIME_CONSTANTS.0) } else { 1.0 });
    let aggregation = settings.aggregations[0];
    genome.insert_node(NodeGene { id, kind: NodeKind::Hidden, activation, aggregation, bias, time_constant });
    genome.insert_connection(numbers.connection(old.source, id, 1.0));
    genome.insert_connection(numbers.connection(id, old.target, if replaces { old.weight } else { 0.0 }));
    true
}

/// True if f(z) = z above 0, at least up to 1.
fn is_identity_like(activation: Activation) -> bool {
    matches!(activation, Activation::Identity)
}

/// Connects two nodes that are not connected; false if none were found in the number of tries.
pub fn add_connection(genome: &mut Genome, settings: &Settings, numbers: Innovations, random: &mut Stream) -> bool {
    let feed_forward = settings.signals == Signals::FeedForward;
    let is_source = |n: &NodeGene| !feed_forward || n.kind != NodeKind::Output;
    let sources: Vec<u64> = genome.nodes.iter().filter(|n| is_source(n)).map(|n| n.id).collect();
    let targets: Vec<u64> = genome.nodes.iter().filter(|n| !n.kind.is_given()).map(|n| n.id).collect();
    for _ in 0..settings.structure.tries {
        let source = sources[random.below(sources.len() as u64) as usize];
        let target = targets[random.below(targets.len() as u64) as usize];
        if genome.connects(source, target) || feed_forward && genome.reaches(target, source) {
            continue;
        }
        let weight = draw(random, settings.weights.spread, settings.weights.width).clamp(-settings.weights.limit, settings.weights.limit);
        genome.insert_connection(numbers.connection(source, target, weight));
        return true;
    }
    false
}

/// Removes a hidden node, its connections, and what dangles then; false if there is none.
pub fn delete_node(genome: &mut Genome, random: &mut Stream) -> bool {
    let hidden: Vec<u64> = genome.nodes.iter().filter(|n| n.kind == NodeKind::Hidden).map(|n| n.id).collect();
    if hidden.is_empty() {
        return false;
    }
    let id = hidden[random.below(hidden.len() as u64) as usize];
    genome.nodes.retain(|n| n.id != id);
    genome.connections.retain(|c| c.source != id && c.target != id);
    genome.prune_dangling();
    true
}

/// Removes a connection and what dangles then; false if only one is left.
pub fn delete_connection(genome: &mut Genome, random: &mut Stream) -> bool {
    if genome.connections.len() < 2 {
        return false;
    }
    genome.connections.remove(random.below(genome.connections.len() as u64) as usize);
    genome.prune_dangling();
    true
}

/// Flips whether a connection is used; false if there is none.
pub fn toggle_connection(genome: &mut Genome, random: &mut Stream) -> bool {
    let n = genome.connections.len();
    if n == 0 {
        return false;
    }
    let gene = &mut genome.connections[random.below(n as u64) as usize];
    gene.enabled = !gene.enabled;
    true
}

/// Uses a connection that is disabled; false if there is none.
pub fn enable_connection(genome: &mut Genome, random: &mut Stream) -> bool {
    let n = genome.connections.iter().filter(|c| !c.enabled).count();
    if n == 0 {
        return false;
    }
    let nth = random.below(n as u64) as usize;
    genome.connections.iter_mut().filter(|c| !c.enabled).nth(nth).expect("counted above").enabled = true;
    true
}

/// A random place of a hidden node.
fn some_hidden(genome: &Genome, random: &mut Stream) -> Option<usize> {
    let first = genome.nodes.iter().position(|n| n.kind == NodeKind::Hidden)?;
    // Hidden nodes are the last ones.
    Some(first + random.below((genome.nodes.len() - first) as u64) as usize)
}

/// Draws an activation of the settings for a hidden node; false if there is no node, or no choice.
pub fn mutate_activation(genome: &mut Genome, settings: &Settings, random: &mut Stream) -> bool {
    let Some(n) = some_hidden(genome, random).filter(|_| settings.activations.len() > 1) else { return false };
    genome.nodes[n].activation = settings.activations[random.below(settings.activations.len() as u64) as usize];
    true
}

/// Draws an aggregation of the settings for a hidden node; false if there is no node, or no choice.
pub fn mutate_aggregation(genome: &mut Genome, settings: &Settings, random: &mut Stream) -> bool {
    let Some(n) = some_hidden(genome, random).filter(|_| settings.aggregations.len() > 1) else { return false };
    genome.nodes[n].aggregation = settings.aggregations[random.below(settings.aggregations.len() as u64) as usize];
    true
}

/// Rates of deletion that replace those of growth while a population is simplified: (connection, node).
pub type Simplification = Option<(f64, f64)>;

/// Mutates a child by the rates of the settings; true if anything changed.
pub fn mutate(genome: &mut Genome, settings: &Settings, simplify: Simplification, numbers: Innovations, random: &mut Stream) -> bool {
    let s = &settings.structure;
    let mut grew = false;
    let mut other = false;
    match simplify {
        Some((connection, node)) => {
            other |= chance(random, node) && delete_node(genome, random);
            other |= chance(random, connection) && delete_connection(genome, random);
        }
        None => {
            grew |= chance(random, s.add_node) && add_node(genome, settings, numbers, random);
            if !(grew && s.exclusive) {
                grew |= chance(random, s.add_connection) && add_connection(genome, settings, numbers, random);
            }
            other |= chance(random, s.delete_node) && delete_node(genome, random);
            other |= chance(random, s.delete_connection) && delete_connection(genome, random);
        }
    }
    if grew && s.exclusive {
        return true;
    }
    other |= chance(random, s.toggle) && toggle_connection(genome, random);
    other |= chance(random, s.enable) && enable_connection(genome, random);
    other |= chance(random, s.activation) && mutate_activation(genome, settings, random);
    other |= chance(random, s.aggregation) && mutate_aggregation(genome, settings, random);
    let numbers_change = chance(random, settings.weights.rate);
    if numbers_change {
        mutate_numbers(genome, settings, random);
    }
    grew || other || numbers_change
}
