//! The slope of the loss of one evolved network over rows of a table, and the training of genomes by it.
//!
//! Forward over lanes of rows by the kernel of the population, backward by the chain rule (reverse accumulation), node by node from
//! the last one. Sums run over rows in their order, so a slope is the same on any machine. Feed-forward networks only.

use crate::kernels::floats::LANES;
use crate::kernels::population::run_lanes;
use crate::kernels::simd::Simd;
use crate::math::{sigmoid_f32, sin_f32};
use crate::plan::network::unit::{SELU_ALPHA, SELU_SCALE, STEEPNESS};
use crate::plan::population::{Activation, Aggregation, Network, Wiring};
use crate::random::{Stream, StreamKey};

use super::export::compiled;
use super::genome::Genome;
use super::law::larger;
use super::settings::BiasForm;
use super::tasks::{Fitness, Rows, Table};

/// What becomes of trained weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Inheritance {
    /// They are written into the genome (Lamarck).
    Lamarck,
    /// They are judged, and forgotten (Baldwin).
    Baldwin,
    /// A genome keeps them with this probability (mixed).
    Mixed(f64),
}

/// Training of genomes before they are judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refinement {
    /// What becomes of trained weights.
    pub inheritance: Inheritance,
    /// Updates of a genome, 1 or more.
    pub steps: u32,
    /// Rows of an update; all where there are fewer.
    pub batch: u32,
    /// Learning rate of Adam (Kingma, Ba 2015), with beta 0.9 and 0.999; its moments begin anew in each generation.
    pub rate: f32,
    /// Generations from one in which genomes are trained to the next, 1 or more.
    pub every: u32,
}

impl Default for Refinement {
    fn default() -> Self {
        Refinement { inheritance: Inheritance::Lamarck, steps: 30, batch: 64, rate: 0.02, every: 1 }
    }
}

impl Refinement {
    /// Says what is out of range.
    pub(super) fn check(&self, wrong: &mut Vec<String>) {
        let mut range = |name: &str, value: f64, low: f64, high: f64| {
            if !(low..=high).contains(&value) {
                wrong.push(format!("gradient.{name} is {value}, must be from {low} to {high}"));
            }
        };
        range("steps", f64::from(self.steps), 1.0, 1e6);
        range("batch", f64::from(self.batch), 1.0, 1e9);
        range("rate", f64::from(self.rate), 1e-9, 1e3);
        range("every", f64::from(self.every), 1.0, f64::from(u32::MAX));
        if let Inheritance::Mixed(p) = self.inheritance {
            range("inheritance", p, 0.0, 1.0);
        }
    }

    /// True if a genome keeps what it learns; draws from its stream.
    pub(super) fn is_kept(&self, random: &mut Stream) -> bool {
        match self.inheritance {
            Inheritance::Lamarck => true,
            Inheritance::Baldwin => false,
            Inheritance::Mixed(p) => random.uniform() < p,
        }
    }
}

/// f'(z), where y = f(z); one side's where there are two, 0 for steps.
pub fn derivative(activation: Activation, z: f32, y: f32) -> f32 {
    let where_true = |is: bool, x: f32| if is { x } else { 0.0 };
    match activation {
        Activation::Identity => 1.0,
        Activation::Sigmoid => y * (1.0 - y),
        Activation::SteepSigmoid => STEEPNESS * y * (1.0 - y),
        Activation::Tanh => 1.0 - y * y,
        Activation::Relu => where_true(z > 0.0, 1.0),
        Activation::LeakyRelu => {
            if z > 0.0 {
                1.0
            } else {
                0.01
            }
        }
        Activation::Elu => {
            if z > 0.0 {
                1.0
            } else {
                y + 1.0
            }
        }
        Activation::Selu => {
            if z > 0.0 {
                SELU_SCALE
            } else {
                y + SELU_SCALE * SELU_ALPHA
            }
        }
        Activation::Softplus => sigmoid_f32(z),
        Activation::Gauss => -2.0 * z * y,
        Activation::Sin => sin_f32(z + std::f32::consts::FRAC_PI_2),
        Activation::Abs => {
            if z > 0.0 {
                1.0
            } else {
                -1.0
            }
        }
        Activation::Clamped => where_true(z.abs() < 1.0, 1.0),
        Activation::Inv => where_true(z.abs() > 1e-6, -y * y),
        Activation::Log => where_true(z > 1e-7, 1.0 / larger(z, 1e-7)),
        Activation::Exp => where_true(z.abs() < 60.0, y),
        Activation::Hat => where_true(z.abs() < 1.0, if z > 0.0 { -1.0 } else { 1.0 }),
        Activation::Square => 2.0 * z,
        Activation::Cube => 3.0 * z * z,
        Activation::Step => 0.0,
    }
}

/// How much the joined inputs change with each term w x: `shares` of the terms of one row.
fn shares(aggregation: Aggregation, terms: &[f32], shares: &mut Vec<f32>) {
    shares.clear();
    shares.resize(terms.len(), 0.0);
    let first =
        |better: &dyn Fn(f32, f32) -> bool| (1..terms.len()).fold(0, |best, k| if better(terms[k], terms[best]) { k } else { best });
    match aggregation {
        Aggregation::Sum => shares.fill(1.0),
        Aggregation::Mean => shares.fill(1.0 / terms.len() as f32),
        Aggregation::Product => {
            for (k, share) in shares.iter_mut().enumerate() {
                *share = terms.iter().enumerate().filter(|&(i, _)| i != k).fold(1.0, |a, (_, x)| a * x);
            }
        }
        Aggregation::Max => shares[first(&|a, b| a > b)] = 1.0,
        Aggregation::Min => shares[first(&|a, b| a < b)] = 1.0,
        Aggregation::MaxAbs => shares[first(&|a, b| a.abs() > b.abs())] = 1.0,
        Aggregation::Median => {
            let mut order: Vec<usize> = (0..terms.len()).collect();
            order.sort_by(|&a, &b| terms[a].partial_cmp(&terms[b]).unwrap_or(std::cmp::Ordering::Equal));
            let n = order.len();
            if n % 2 == 1 {
                shares[order[n / 2]] = 1.0;
            } else {
                shares[order[n / 2 - 1]] = 0.5;
                shares[order[n / 2]] = 0.5;
            }
        }
    }
}

/// Loss and slope of one network; buffers are reused.
#[derive(Clone, Debug, Default)]
pub struct Slope {
    /// Slopes of the weights, in the order of the network's edges.
    pub weights: Vec<f32>,
    /// Slopes of the biases, in the order of its nodes.
    pub biases: Vec<f32>,
    values: Vec<f32>,
    next: Vec<f32>,
    adjoints: Vec<f32>,
    sums: Vec<f32>,
    terms: Vec<f32>,
    shares: Vec<f32>,
    /// Nodes whose adjoint is that of their joined inputs already.
    is_direct: Vec<bool>,
}

impl Slope {
    /// The mean loss over rows `which`, whose slope it leaves behind: the cross-entropy where the table is judged by it, else the
    /// squared error.
    ///
    /// # Panics
    /// If the network has another shape than the rows.
    pub fn find(&mut self, network: &Network, rows: &Rows, which: &[u32], fitness: Fitness, simd: Simd) -> f64 {
        let (n, n_all) = (which.len(), rows.len());
        let n_lanes = n.next_multiple_of(LANES);
        assert_eq!(network.n_inputs * n_all, rows.inputs().len(), "inputs of the network, and of the rows");
        self.values.clear();
        self.values.resize(network.n_slots() * n_lanes, 0.0);
        for (to, from) in self.values.chunks_exact_mut(n_lanes).zip(rows.inputs().chunks_exact(n_all)) {
            to.iter_mut().zip(which).for_each(|(to, &r)| *to = from[r as usize]);
        }
        self.values[network.n_inputs * n_lanes..][..n_lanes].fill(1.0);
        run_lanes(simd, network, Wiring::FeedForward, n_lanes, &mut self.values, &mut self.next);

        self.adjoints.clear();
        self.adjoints.resize(network.n_slots() * n_lanes, 0.0);
        self.weights.clear();
        self.weights.resize(network.weights.len(), 0.0);
        self.biases.clear();
        self.biases.resize(network.nodes.len(), 0.0);
        let loss = self.at_outputs(network, rows, which, fitness, n_lanes);
        for node in (0..network.nodes.len()).rev() {
            self.through(network, node, n, n_lanes);
        }
        loss
    }

    /// Loss, and slopes of the outputs; where a sigmoid is judged by cross-entropy, of its joined inputs, so that none is lost where it
    /// is saturated.
    fn at_outputs(&mut self, network: &Network, rows: &Rows, which: &[u32], fitness: Fitness, n_lanes: usize) -> f64 {
        let n_numbers = (network.outputs.len() * which.len()) as f64;
        let mut loss = 0.0;
        self.is_direct.clear();
        self.is_direct.resize(network.nodes.len(), false);
        for (&slot, wanted) in network.outputs.iter().zip(rows.wanted().chunks_exact(rows.len())) {
            let at = slot as usize * n_lanes;
            let node = slot as usize - network.slot(0);
            let steepness = match (fitness, network.nodes[node].activation) {
                (Fitness::CrossEntropy, Activation::Sigmoid) => Some(1.0),
                (Fitness::CrossEntropy, Activation::SteepSigmoid) => Some(f64::from(STEEPNESS)),
                _ => None,
            };
            self.is_direct[node] = steepness.is_some();
            for (k, &r) in which.iter().enumerate() {
                let (x, y) = (f64::from(self.values[at + k]), f64::from(wanted[r as usize]));
                let slope = if fitness == Fitness::CrossEntropy {
                    let off = x - y;
                    let x = x.clamp(1e-7, 1.0 - 1e-7);
                    loss -= y * crate::math::ln(x) + (1.0 - y) * crate::math::ln(1.0 - x);
                    steepness.map_or((x - y) / (x * (1.0 - x)), |s| s * off)
                } else {
                    loss += (x - y) * (x - y);
                    2.0 * (x - y)
                };
                self.adjoints[at + k] = (slope / n_numbers) as f32;
            }
        }
        loss / n_numbers
    }

    /// Passes the slope of a node on to its bias, weights and sources.
    fn through(&mut self, network: &Network, node: usize, n: usize, n_lanes: usize) {
        let (what, edges, slot) = (network.nodes[node], network.edges(node), network.slot(node));
        let (sources, weights) = (&network.sources[edges.clone()], &network.weights[edges.clone()]);
        // 1. The joined inputs again, and the slopes by them.
        self.sums.clear();
        self.sums.resize(n, what.bias);
        let is_linear = matches!(what.aggregation, Aggregation::Sum | Aggregation::Mean);
        let scale = if what.aggregation == Aggregation::Mean { 1.0 / weights.len().max(1) as f32 } else { 1.0 };
        if is_linear {
            for (&source, &w) in sources.iter().zip(weights) {
                let x = &self.values[source as usize * n_lanes..][..n];
                self.sums.iter_mut().zip(x).for_each(|(z, &x)| *z = (w * scale).mul_add(x, *z));
            }
        } else if !weights.is_empty() {
            for k in 0..n {
                self.sums[k] = self.join_row(what.aggregation, sources, weights, k, n_lanes) + what.bias;
            }
        }
        for k in 0..n {
            let y = self.values[slot * n_lanes + k];
            let slope = if self.is_direct[node] { 1.0 } else { derivative(what.activation, self.sums[k], y) };
            self.sums[k] = self.adjoints[slot * n_lanes + k] * slope;
        }
        self.biases[node] = self.sums.iter().sum();
        if weights.is_empty() {
            return;
        }
        // 2. To weights and sources.
        if is_linear {
            for ((&source, &w), slope) in sources.iter().zip(weights).zip(&mut self.weights[edges]) {
                let at = source as usize * n_lanes;
                *slope = scale * self.values[at..at + n].iter().zip(&self.sums).map(|(x, d)| x * d).sum::<f32>();
                self.adjoints[at..at + n].iter_mut().zip(&self.sums).for_each(|(to, d)| *to = (w * scale).mul_add(*d, *to));
            }
            return;
        }
        for k in 0..n {
            self.join_row(what.aggregation, sources, weights, k, n_lanes);
            let d = self.sums[k];
            for (e, (&source, &w)) in sources.iter().zip(weights).enumerate() {
                let at = source as usize * n_lanes + k;
                self.weights[edges.start + e] += d * self.shares[e] * self.values[at];
                self.adjoints[at] += d * self.shares[e] * w;
            }
        }
    }

    /// The joined inputs of one row without the bias, and the shares of its terms.
    fn join_row(&mut self, aggregation: Aggregation, sources: &[u32], weights: &[f32], row: usize, n_lanes: usize) -> f32 {
        let values = &self.values;
        self.terms.clear();
        self.terms.extend(sources.iter().zip(weights).map(|(&s, &w)| w * values[s as usize * n_lanes + row]));
        shares(aggregation, &self.terms, &mut self.shares);
        match aggregation {
            Aggregation::Product => self.terms.iter().product(),
            _ => self.terms.iter().zip(&self.shares).map(|(t, s)| t * s).sum(),
        }
    }
}

/// What training a genome came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trained {
    /// Rows whose slope was taken.
    pub samples: u64,
    /// False if the loss came out worse, or was no number, so that the genome is as it was.
    pub improved: bool,
}

/// Trains the weights (and, as genes, the biases) of `genome` on the rows of `table`.
pub fn train(genome: &mut Genome, table: &Table, refinement: &Refinement, bias: BiasForm, limit: f32, key: StreamKey) -> Trained {
    let simd = Simd::best();
    let rows = table.rows();
    let mut network = compiled(genome, Wiring::FeedForward);
    let all: Vec<u32> = (0..rows.len() as u32).collect();
    let mut slope = Slope::default();
    let before = slope.find(&network, rows, &all, table.fitness, simd);
    let has_bias = bias == BiasForm::Gene;
    let n = network.weights.len() + if has_bias { network.nodes.len() } else { 0 };
    let (mut first, mut second) = (vec![0.0_f32; n], vec![0.0_f32; n]);
    let (mut decay, mut decay_2) = (1.0_f32, 1.0_f32);
    let mut random = key.stream();
    let mut order = all.clone();
    let batch = (refinement.batch as usize).min(all.len());
    let mut at = all.len();
    let mut samples = all.len() as u64;
    for _ in 0..refinement.steps {
        if at + batch > all.len() {
            random.shuffle(&mut order);
            at = 0;
        }
        slope.find(&network, rows, &order[at..at + batch], table.fitness, simd);
        at += batch;
        samples += batch as u64;
        (decay, decay_2) = (decay * 0.9, decay_2 * 0.999);
        let slopes = slope.weights.iter().chain(slope.biases.iter().filter(|_| has_bias));
        let weights = network.weights.iter_mut();
        let biases = network.nodes.iter_mut().filter(|_| has_bias).map(|n| &mut n.bias);
        for (((x, g), m), v) in weights.chain(biases).zip(slopes).zip(&mut first).zip(&mut second) {
            *m = 0.9 * *m + 0.1 * g;
            *v = 0.999 * *v + 0.001 * g * g;
            let step = refinement.rate * (*m / (1.0 - decay)) / ((*v / (1.0 - decay_2)).sqrt() + 1e-8);
            *x = (*x - step).clamp(-limit, limit);
        }
    }
    let after = slope.find(&network, rows, &all, table.fitness, simd);
    samples += all.len() as u64;
    let is_sound = network.weights.iter().all(|w| w.is_finite()) && network.nodes.iter().all(|n| n.bias.is_finite());
    let improved = is_sound && after < before;
    if improved {
        for (&gene, &w) in network.genes.iter().zip(&network.weights) {
            genome.connections[gene as usize].weight = w;
        }
        if has_bias {
            for (&place, node) in network.places.iter().zip(&network.nodes) {
                genome.nodes[place as usize].bias = node.bias;
            }
        }
    }
    Trained { samples, improved }
}

#[cfg(test)]
mod tests {
    use super::super::law::Activations;
    use super::super::settings::Settings;
    use super::super::tasks::Spirals;
    use super::super::test_genomes::{SHAPE, grown};
    use super::super::{Evolution, Genomes, Population, Task};
    use super::*;
    use crate::plan::population::NodeKind;
    use crate::random::SystemTag;
    use crate::units::Seed;

    /// Rows of three inputs and two outputs within 0..=1.
    fn table(fitness: Fitness, n: usize) -> Table {
        let x = |k: usize, i: usize| ((k * 37 + i * 11) % 29) as f32 / 14.0 - 1.0;
        let row = |k: usize| ((0..3).map(|i| x(k, i)).collect(), vec![f32::from(u8::from(k.is_multiple_of(3))), 0.5 + 0.4 * x(k, 7)]);
        let mut table = Table::regression("rows", &(0..n).map(row).collect::<Vec<_>>()).unwrap();
        table.fitness = fitness;
        table
    }

    /// The loss in double precision but for the law itself.
    fn loss(network: &Network, table: &Table) -> f64 {
        let rows = table.rows();
        let mut state = Activations::default();
        let mut sum = 0.0;
        for r in 0..rows.len() {
            state.reset(network);
            let inputs: Vec<f32> = rows.inputs().chunks_exact(rows.len()).map(|c| c[r]).collect();
            state.step(network, Wiring::FeedForward, &inputs);
            for (x, wanted) in state.outputs(network).zip(rows.wanted().chunks_exact(rows.len())) {
                let (x, y) = (f64::from(x), f64::from(wanted[r]));
                sum += if table.fitness == Fitness::CrossEntropy {
                    let x = x.clamp(1e-7, 1.0 - 1e-7);
                    -(y * crate::math::ln(x) + (1.0 - y) * crate::math::ln(1.0 - x))
                } else {
                    (x - y) * (x - y)
                };
            }
        }
        sum / (2 * rows.len()) as f64
    }

    fn check(network: &Network, table: &Table, what: &str) {
        let all: Vec<u32> = (0..table.rows().len() as u32).collect();
        let mut slope = Slope::default();
        let found = slope.find(network, table.rows(), &all, table.fitness, Simd::best());
        assert!((found - loss(network, table)).abs() < 1e-5 * (1.0 + found.abs()), "{what}: loss {found}, {}", loss(network, table));
        let largest = slope.weights.iter().chain(&slope.biases).fold(0.0_f32, |a, g| a.max(g.abs()));
        assert!(largest > 1e-4 || what.contains("Step"), "{what}: no slope");
        let checked = |edit: &dyn Fn(&mut Network, f32), g: f32, which: String| {
            let h = 2e-3;
            let at = |x: f32| {
                let mut changed = network.clone();
                edit(&mut changed, x);
                loss(&changed, table)
            };
            let expected = (at(h) - at(-h)) / (2.0 * f64::from(h));
            let slack = 2e-3 + 0.03 * f64::from(largest);
            assert!((expected - f64::from(g)).abs() < slack, "{what}, {which}: slope {g}, difference {expected}");
        };
        for e in 0..network.weights.len() {
            checked(&|n, x| n.weights[e] += x, slope.weights[e], format!("weight {e}"));
        }
        for b in 0..network.nodes.len() {
            checked(&|n, x| n.nodes[b].bias += x, slope.biases[b], format!("bias {b}"));
        }
    }

    #[test]
    fn slopes_are_those_of_finite_differences_for_every_unit() {
        let smooth = |a: &Activation| {
            !matches!(
                a,
                Activation::Relu
                    | Activation::LeakyRelu
                    | Activation::Abs
                    | Activation::Clamped
                    | Activation::Hat
                    | Activation::Step
                    | Activation::Inv
                    | Activation::Log
            )
        };
        let mut genome = grown(&Settings::modern(), 3, 12);
        for gene in &mut genome.connections {
            gene.weight = (0.3 * gene.weight).clamp(-0.8, 0.8);
        }
        let mut network = compiled(&genome, Wiring::FeedForward);
        assert!(network.nodes.len() > SHAPE.n_outputs);
        for fitness in [Fitness::SquaredError, Fitness::CrossEntropy] {
            for activation in Activation::ALL.iter().filter(|a| smooth(a)) {
                for (n, node) in network.nodes.iter_mut().enumerate() {
                    let is_output = network.outputs.contains(&((network.n_inputs + 1 + n) as u32));
                    node.activation = if is_output { Activation::Sigmoid } else { *activation };
                }
                check(&network, &table(fitness, 21), &format!("{activation:?}, {fitness:?}"));
            }
        }
    }

    #[test]
    fn slopes_go_through_every_aggregation() {
        let mut genome = grown(&Settings::modern(), 5, 14);
        for (k, gene) in genome.connections.iter_mut().enumerate() {
            gene.weight = 0.9 - 0.13 * (k % 13) as f32;
        }
        let network = compiled(&genome, Wiring::FeedForward);
        for aggregation in Aggregation::ALL {
            let mut network = network.clone();
            for node in &mut network.nodes {
                node.aggregation = aggregation;
                node.activation = Activation::Sigmoid;
            }
            // One row: where the largest term changes with the row, a difference straddles two of them.
            check(&network, &table(Fitness::SquaredError, 1), &format!("{aggregation:?}"));
        }
    }

    #[test]
    fn nodes_without_inputs_have_a_slope_by_their_bias_alone() {
        let mut genome = grown(&Settings::modern(), 5, 14);
        let fed = genome.nodes.iter().find(|n| n.kind == NodeKind::Hidden).unwrap().id;
        for gene in &mut genome.connections {
            gene.enabled = gene.target != fed;
        }
        let network = compiled(&genome, Wiring::FeedForward);
        assert!((0..network.nodes.len()).any(|n| network.edges(n).is_empty()));
        for aggregation in Aggregation::ALL {
            let mut network = network.clone();
            for node in &mut network.nodes {
                (node.aggregation, node.activation, node.bias) = (aggregation, Activation::Sigmoid, 0.3);
            }
            check(&network, &table(Fitness::SquaredError, 1), &format!("{aggregation:?} of nothing"));
        }
    }

    #[test]
    fn sides_of_corners_are_those_that_the_law_takes() {
        let at = |a, z: f32| derivative(a, z, super::super::law::activate(a, z));
        assert_eq!((at(Activation::Relu, 2.0), at(Activation::Relu, -2.0)), (1.0, 0.0));
        assert_eq!((at(Activation::LeakyRelu, 2.0), at(Activation::LeakyRelu, -2.0)), (1.0, 0.01));
        assert_eq!((at(Activation::Abs, 2.0), at(Activation::Abs, -2.0)), (1.0, -1.0));
        assert_eq!((at(Activation::Clamped, 0.5), at(Activation::Clamped, 1.5)), (1.0, 0.0));
        assert_eq!((at(Activation::Hat, 0.5), at(Activation::Hat, -0.5), at(Activation::Hat, 2.0)), (-1.0, 1.0, 0.0));
        assert_eq!((at(Activation::Inv, 2.0), at(Activation::Log, 2.0), at(Activation::Step, 2.0)), (-0.25, 0.5, 0.0));
    }

    #[test]
    fn training_lowers_the_loss_or_leaves_the_genome_alone() {
        let spirals = Spirals { n_points: 60, n_test: 0, ..Spirals::default() }.table().unwrap();
        let shape = spirals.shape();
        let mut settings = Settings::modern();
        settings.bias = BiasForm::Gene;
        let (_, first) = Evolution::begin(settings, shape, Seed(3)).unwrap();
        let refinement = Refinement { steps: 60, batch: 20, ..Refinement::default() };
        let key = StreamKey::new(Seed(1), SystemTag::named("gradient test"), 0);
        let (mut n_improved, before) = (0, first.clone());
        for (mut genome, before) in first.into_iter().zip(before.clone()).take(20) {
            let trained = train(&mut genome, &spirals, &refinement, BiasForm::Gene, 1000.0, key);
            assert_eq!(trained.samples, 60 * 20 + 2 * 60);
            assert_eq!(trained.improved, genome != before);
            n_improved += usize::from(trained.improved);
        }
        assert!(n_improved >= 15, "{n_improved} of 20 improved");
        // A rate that throws everything away is undone.
        let mut genome = before[0].clone();
        let wild = Refinement { rate: 900.0, ..refinement };
        let trained = train(&mut genome, &spirals, &wild, BiasForm::Gene, 1000.0, key);
        assert!(!trained.improved && genome == before[0]);
    }

    #[test]
    fn lamarck_writes_down_what_baldwin_forgets() {
        let spirals = Spirals { n_points: 40, n_test: 0, ..Spirals::default() }.table().unwrap();
        let run = |inheritance: Option<Inheritance>| {
            let mut settings = Settings::modern();
            settings.population = 30;
            settings.gradient = inheritance.map(|inheritance| Refinement { inheritance, steps: 20, ..Refinement::default() });
            let mut population = Population::new(settings, spirals.shape(), Seed(2)).unwrap();
            let first: Vec<Genome> = population.ask().iter().map(Genome::from_view).collect();
            population.judge(&spirals).unwrap();
            let kept = population.ask().iter().zip(&first).filter(|(a, b)| Genome::from_view(*a) != **b).count();
            let champion = population.champion().unwrap();
            let best = champion.score.fitness;
            let champion = Genomes::from_genomes(std::slice::from_ref(&champion.genome));
            let again = super::super::judge(&spirals, champion.blocks(), &[0], Wiring::FeedForward);
            assert_eq!(again[0].fitness, best, "the champion is what was judged");
            let again: Vec<Genome> = population.ask().iter().map(Genome::from_view).collect();
            assert_eq!(Genomes::from_genomes(&again).len(), 30);
            (kept, best, population.gradient_samples())
        };
        let (kept, plain, samples) = run(None);
        assert_eq!((kept, samples), (0, 0));
        let (kept, lamarck, samples) = run(Some(Inheritance::Lamarck));
        assert!(kept >= 25 && samples >= 30 * 20 * 40, "{kept} kept, {samples} samples");
        let (kept, baldwin, _) = run(Some(Inheritance::Baldwin));
        assert_eq!(kept, 0);
        let (kept, mixed, _) = run(Some(Inheritance::Mixed(0.5)));
        assert!((5..25).contains(&kept), "{kept} kept");
        assert!(lamarck > plain && baldwin == lamarck && mixed == lamarck, "{plain}, {lamarck}, {baldwin}, {mixed}");
    }
}
