//! Genes, and the ids that make genes of different genomes comparable.
//!
//! Innovation ids are content-addressed: a connection is hash(source, target), a node hash(source, target, n) where it is the n-th
//! split of that connection in its genome. So the same mutation has the same id wherever and in whatever order it happens,
//! and no registry is needed. Paper mode adds the generation, so that only mutations of the same generation are the same.

use crate::plan::population::{Activation, Aggregation, NodeKind};

/// The lowest id of a hidden node; ids below are inputs, the bias node and outputs, in this order.
pub const FIRST_HIDDEN: u64 = 1 << 63;

/// A node of a genome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodeGene {
    /// Its innovation id; given and output nodes count from 0.
    pub id: u64,
    /// What it is for.
    pub kind: NodeKind,
    /// What it makes of its joined inputs.
    pub activation: Activation,
    /// How it joins its inputs.
    pub aggregation: Aggregation,
    /// Added to its joined inputs.
    pub bias: f32,
    /// How slowly it follows in continuous time, above 0.
    pub time_constant: f32,
}

/// A connection of a genome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConnectionGene {
    /// Its innovation id.
    pub id: u64,
    /// Generation in which it was numbered; 0 where ids are global.
    pub birth: u32,
    /// Id of its source node.
    pub source: u64,
    /// Id of its target node.
    pub target: u64,
    /// Its weight.
    pub weight: f32,
    /// False where it is carried but not used.
    pub enabled: bool,
}

impl ConnectionGene {
    /// What genes are sorted by and aligned on.
    pub fn key(&self) -> (u32, u64) {
        (self.birth, self.id)
    }
}

/// Whether the same mutation in different generations is the same innovation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// It is: ids are functions of what they connect.
    Content,
    /// It is not, as in the paper: the generation belongs to the id.
    Generation,
}

/// Numbers the innovations of one generation.
#[derive(Clone, Copy, Debug)]
pub struct Innovations {
    /// The generation that enters ids: 0 where ids are global.
    birth: u32,
}

impl Innovations {
    /// Those of `generation`.
    pub fn new(numbering: Numbering, generation: u32) -> Self {
        Innovations { birth: if numbering == Numbering::Generation { generation } else { 0 } }
    }

    /// A connection that is new in this generation.
    pub fn connection(self, source: u64, target: u64, weight: f32) -> ConnectionGene {
        ConnectionGene { id: connection_id(source, target, self.birth), birth: self.birth, source, target, weight, enabled: true }
    }

    /// The id of the node that is the `n`-th split (from 0) of the connection of these nodes.
    pub fn node(self, source: u64, target: u64, n: u32) -> u64 {
        hash(&[2, source, target, u64::from(n), u64::from(self.birth)]) | FIRST_HIDDEN
    }
}

/// The id of a connection that was numbered in generation `birth` (0 where ids are global).
pub fn connection_id(source: u64, target: u64, birth: u32) -> u64 {
    hash(&[1, source, target, u64::from(birth)])
}

/// Mixes words to 64 bits: multiply, fold and add per word, with a final avalanche.
fn hash(words: &[u64]) -> u64 {
    let mut h = 0x243f_6a88_85a3_08d3_u64;
    for &word in words {
        let wide = u128::from(h ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        h = (wide as u64) ^ ((wide >> 64) as u64).wrapping_add(0x1319_8a2e_0370_7344).rotate_left(29);
    }
    h ^= h >> 32;
    h = h.wrapping_mul(0xd6e8_feb8_6659_fd93);
    h ^ (h >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_split_in_the_same_generation_gets_the_same_id() {
        for numbering in [Numbering::Content, Numbering::Generation] {
            let (a, b) = (Innovations::new(numbering, 7), Innovations::new(numbering, 7));
            assert_eq!(a.node(1, 2, 0), b.node(1, 2, 0));
            assert_eq!(a.connection(1, 2, 0.5).key(), b.connection(1, 2, -3.0).key());
            let later = Innovations::new(numbering, 8);
            assert_eq!(a.node(1, 2, 0) == later.node(1, 2, 0), numbering == Numbering::Content);
            assert_eq!(a.connection(1, 2, 0.0).id == later.connection(1, 2, 0.0).id, numbering == Numbering::Content);
        }
    }

    #[test]
    fn different_innovations_get_different_ids() {
        let numbers = Innovations::new(Numbering::Content, 0);
        let mut ids = std::collections::BTreeSet::new();
        for source in 0..60 {
            for target in 0..60 {
                assert!(ids.insert(numbers.connection(source, target, 0.0).id), "{source} -> {target}");
                assert!((0..3).all(|n| ids.insert(numbers.node(source, target, n))), "splits of {source} -> {target}");
            }
        }
    }
}
