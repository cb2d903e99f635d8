//! The compatibility distance of two genomes (Stanley, Miikkulainen 2002), by sorted merge and, against many representatives at once,
//! by tables. Both give the same bits.
//!
//! delta = c1 E / N + c2 D / N + c3 W + c4 B, where E genes are newer than all of the other genome, D others do not match,
//! W is the mean difference of matching weights, B that of matching nodes, and N the larger number of connections.

use std::cmp::Ordering;

use crate::plan::population::GenomeView;

use super::settings::Distance;

/// How two genomes differ.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Difference {
    /// Genes beyond the last one of the other genome.
    pub n_excess: usize,
    /// Other genes that do not match.
    pub n_disjoint: usize,
    /// Genes that match.
    pub n_matching: usize,
    /// Sum of |difference of weights| over matching genes, in their order.
    pub weights: f64,
}

impl Difference {
    /// Aligns the connections of two genomes by (birth, id).
    pub fn of(a: &GenomeView<'_>, b: &GenomeView<'_>) -> Self {
        let mut found = Difference::default();
        let (n_a, n_b) = (a.n_connections(), b.n_connections());
        let (mut i, mut j) = (0, 0);
        while i < n_a && j < n_b {
            match (a.births[i], a.ids[i]).cmp(&(b.births[j], b.ids[j])) {
                Ordering::Equal => {
                    found.n_matching += 1;
                    found.weights += f64::from((a.weights[i] - b.weights[j]).abs());
                    (i, j) = (i + 1, j + 1);
                }
                Ordering::Less => {
                    found.n_disjoint += 1;
                    i += 1;
                }
                Ordering::Greater => {
                    found.n_disjoint += 1;
                    j += 1;
                }
            }
        }
        found.n_excess = n_a - i + (n_b - j);
        found
    }

    /// The distance of two genomes, the larger of which has `larger` connections; `nodes` is the mean difference of nodes.
    fn distance(&self, larger: usize, nodes: f64, c: &Distance) -> f64 {
        let n = if larger < c.small { 1.0 } else { larger as f64 };
        let weight = if self.n_matching == 0 { 0.0 } else { self.weights / self.n_matching as f64 };
        c.excess * self.n_excess as f64 / n + c.disjoint * self.n_disjoint as f64 / n + c.weight * weight + c.node * nodes
    }
}

/// The mean over matching nodes that are computed of |difference of biases|, and 1 more where activations differ.
fn node_difference(a: &GenomeView<'_>, b: &GenomeView<'_>) -> f64 {
    let (mut sum, mut n) = (0.0, 0_u32);
    let mut j = 0;
    for i in 0..a.n_nodes() {
        while j < b.n_nodes() && b.node_ids[j] < a.node_ids[i] {
            j += 1;
        }
        if j < b.n_nodes() && b.node_ids[j] == a.node_ids[i] && !a.kinds[i].is_given() {
            n += 1;
            sum += f64::from((a.biases[i] - b.biases[j]).abs());
            sum += if a.activations[i] == b.activations[j] { 0.0 } else { 1.0 };
        }
    }
    if n == 0 { 0.0 } else { sum / f64::from(n) }
}

/// The distance of two genomes.
pub fn distance(a: &GenomeView<'_>, b: &GenomeView<'_>, c: &Distance) -> f64 {
    let nodes = if c.node > 0.0 { node_difference(a, b) } else { 0.0 };
    Difference::of(a, b).distance(a.n_connections().max(b.n_connections()), nodes, c)
}

/// The genes of some representatives, one row of weights a gene, one column a representative.
///
/// ```text
/// slots[hash(key)] -> gene         open addressing, half empty
/// weights[gene][representative]    NaN where the representative lacks the gene
/// ```
///
/// A genome is compared with all of them in one pass over its genes: a look-up a gene, then a row.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    n: usize,
    slots: Vec<u32>,
    keys: Vec<(u32, u64)>,
    weights: Vec<f32>,
    lengths: Vec<usize>,
    lasts: Vec<Option<(u32, u64)>>,
    differences: Vec<Difference>,
}

const FREE: u32 = u32::MAX;

impl Tables {
    /// The tables of these representatives.
    pub fn new<'a>(representatives: impl ExactSizeIterator<Item = GenomeView<'a>> + Clone) -> Self {
        let n = representatives.len();
        let n_genes: usize = representatives.clone().map(|r| r.n_connections()).sum();
        let mut tables = Tables {
            n,
            slots: vec![FREE; (2 * n_genes + 2).next_power_of_two()],
            differences: vec![Difference::default(); n],
            ..Tables::default()
        };
        for (r, view) in representatives.enumerate() {
            tables.lengths.push(view.n_connections());
            tables.lasts.push(view.births.last().copied().zip(view.ids.last().copied()));
            for c in 0..view.n_connections() {
                let key = (view.births[c], view.ids[c]);
                let slot = tables.slot(key);
                if tables.slots[slot] == FREE {
                    tables.slots[slot] = tables.keys.len() as u32;
                    tables.keys.push(key);
                    tables.weights.resize(tables.keys.len() * n, f32::NAN);
                }
                let gene = tables.slots[slot] as usize;
                tables.weights[gene * n + r] = view.weights[c];
            }
        }
        tables
    }

    /// The slot of `key`, or the free one where it belongs.
    fn slot(&self, key: (u32, u64)) -> usize {
        let mask = self.slots.len() - 1;
        // Ids are hashes already.
        let mut slot = (key.1 as usize) & mask;
        while self.slots[slot] != FREE && self.keys[self.slots[slot] as usize] != key {
            slot = (slot + 1) & mask;
        }
        slot
    }

    /// Writes the distances of `genome` to all representatives, which `view` gives again for their nodes.
    pub fn distances<'a>(
        &mut self,
        genome: &GenomeView<'_>,
        view: impl Fn(usize) -> GenomeView<'a>,
        c: &Distance,
        distances: &mut Vec<f64>,
    ) {
        let n = self.n;
        self.differences.fill(Difference::default());
        for k in 0..genome.n_connections() {
            let slot = self.slot((genome.births[k], genome.ids[k]));
            if self.slots[slot] == FREE {
                continue;
            }
            let row = &self.weights[self.slots[slot] as usize * n..][..n];
            for (found, &w) in self.differences.iter_mut().zip(row) {
                if !w.is_nan() {
                    found.n_matching += 1;
                    found.weights += f64::from((genome.weights[k] - w).abs());
                }
            }
        }
        let length = genome.n_connections();
        let last = genome.births.last().copied().zip(genome.ids.last().copied());
        distances.clear();
        for r in 0..n {
            let mut found = self.differences[r];
            let unmatched = length + self.lengths[r] - 2 * found.n_matching;
            // Beyond the last gene of the other one; of one without genes, all are.
            found.n_excess = match last.cmp(&self.lasts[r]) {
                Ordering::Greater => (0..length).rev().take_while(|&k| Some((genome.births[k], genome.ids[k])) > self.lasts[r]).count(),
                Ordering::Less => {
                    let view = view(r);
                    (0..view.n_connections()).rev().take_while(|&k| Some((view.births[k], view.ids[k])) > last).count()
                }
                Ordering::Equal => 0,
            };
            found.n_disjoint = unmatched - found.n_excess;
            let nodes = if c.node > 0.0 { node_difference(genome, &view(r)) } else { 0.0 };
            distances.push(found.distance(length.max(self.lengths[r]), nodes, c));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::genes::{ConnectionGene, NodeGene, connection_id};
    use super::super::genome::Genome;
    use super::super::genomes::Genomes;
    use super::super::settings::Settings;
    use super::super::test_genomes::random_population;
    use super::*;
    use crate::plan::population::{Activation, Aggregation, NodeKind};

    /// Genes (birth, source) -> 9, with weights.
    fn genome(genes: &[(u32, u64, f32)]) -> Genome {
        let gene = |&(birth, source, weight): &(u32, u64, f32)| {
            let id = connection_id(source, 9, birth);
            ConnectionGene { id, birth, source, target: 9, weight, enabled: true }
        };
        let mut connections: Vec<ConnectionGene> = genes.iter().map(gene).collect();
        connections.sort_by_key(ConnectionGene::key);
        Genome { nodes: [0, 9].map(output).to_vec(), connections }
    }

    fn output(id: u64) -> NodeGene {
        let (activation, aggregation) = (Activation::Identity, Aggregation::Sum);
        NodeGene { id, kind: NodeKind::Output, activation, aggregation, bias: 0.0, time_constant: 1.0 }
    }

    #[test]
    fn excess_and_disjoint_are_counted_as_in_the_example_of_the_paper() {
        // Genes 1 to 5 and 8 against 1 to 7, 9, 10, numbered by birth: disjoint 6, 7, 8, excess 9, 10.
        let a = genome(&[(1, 0, 1.0), (2, 0, 1.0), (3, 0, 1.0), (4, 0, 1.0), (5, 0, 1.0), (8, 0, 1.0)]);
        let all = [1, 2, 3, 4, 5, 6, 7, 9, 10];
        let b = genome(&all.map(|birth| (birth, 0, 3.0)));
        let genomes = Genomes::from_genomes(&[a, b]);
        for (x, y) in [(0, 1), (1, 0)] {
            let found = Difference::of(&genomes.view(x), &genomes.view(y));
            assert_eq!((found.n_matching, found.n_disjoint, found.n_excess), (5, 3, 2));
            let c = Settings::paper().distance;
            assert_eq!(distance(&genomes.view(x), &genomes.view(y), &c), 2.0 + 3.0 + 0.4 * 2.0);
            let large = Distance { small: 5, ..c };
            assert!((distance(&genomes.view(x), &genomes.view(y), &large) - (5.0 / 9.0 + 0.8)).abs() < 1e-12);
        }
        assert_eq!(distance(&genomes.view(0), &genomes.view(0), &Settings::paper().distance), 0.0);
    }

    #[test]
    fn tables_give_the_bits_of_the_merge() {
        for mut settings in [Settings::paper(), Settings::modern()] {
            settings.distance.node = 0.3;
            if settings.numbering == super::super::Numbering::Generation {
                settings.distance.excess = 1.7;
            }
            let genomes = Genomes::from_genomes(&random_population(&settings, 60, 40));
            let mut tables = Tables::new((0..13).map(|k| genomes.view(k)));
            let mut found = Vec::new();
            for genome in genomes.iter() {
                tables.distances(&genome, |k| genomes.view(k), &settings.distance, &mut found);
                for (r, &d) in found.iter().enumerate() {
                    let expected = distance(&genome, &genomes.view(r), &settings.distance);
                    assert_eq!(d.to_bits(), expected.to_bits(), "representative {r}: {d} and {expected}");
                }
            }
        }
    }
}
