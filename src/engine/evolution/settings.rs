//! What evolution may be told, the settings of the paper and the modern ones, and the check of both.

use crate::engine::structure::Claim;
use crate::plan::population::{Activation, Aggregation, NodeKind, Wiring};

use super::annealed::Annealing;
use super::genes::Numbering;
use super::gradient::Refinement;

/// Numbers that a task exchanges with a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Numbers in.
    pub n_inputs: usize,
    /// Numbers out.
    pub n_outputs: usize,
}

impl Shape {
    /// Kinds of the nodes that every genome has, in the order of their ids.
    pub fn kinds(self, bias: BiasForm) -> impl Iterator<Item = NodeKind> {
        let n_bias = usize::from(bias == BiasForm::Node);
        let of = |kind, n| std::iter::repeat_n(kind, n);
        of(NodeKind::Input, self.n_inputs).chain(of(NodeKind::Bias, n_bias)).chain(of(NodeKind::Output, self.n_outputs))
    }
}

/// Where biases come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BiasForm {
    /// A node that is always 1, connected as any other (the paper).
    Node,
    /// A number of each node.
    Gene,
}

/// How signals pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Signals {
    /// No cycles; a step computes the answer.
    FeedForward,
    /// Any connection; a step reads the activations of the step before.
    Recurrent,
    /// As recurrent, with evolved time constants; a step lasts `dt`.
    ContinuousTime {
        /// Duration of a step, above 0.
        dt: f32,
    },
}

impl Signals {
    /// What networks are compiled as.
    pub const fn wiring(self) -> Wiring {
        match self {
            Signals::FeedForward => Wiring::FeedForward,
            Signals::Recurrent => Wiring::Recurrent,
            Signals::ContinuousTime { dt } => Wiring::ContinuousTime { dt },
        }
    }
}

/// The distribution of a random change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Uniform within +-width.
    Uniform,
    /// Normal with standard deviation width.
    Gaussian,
}

/// First genomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// Every given node is connected to every output.
    Full,
    /// Each of those connections is there with this probability, and at least one onto every output.
    Partial(f64),
}

/// How numbers of genes change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberMutation {
    /// Probability that a child's numbers change at all.
    pub rate: f64,
    /// Of those, the probability that one number changes.
    pub each: f64,
    /// Of those, the probability that it is perturbed; otherwise it is drawn anew.
    pub perturbed: f64,
    /// Distribution of perturbations.
    pub spread: Spread,
    /// Width of perturbations.
    pub power: f32,
    /// Width of numbers drawn anew, of the same distribution; also of the first ones.
    pub width: f32,
    /// Numbers stay within +-limit.
    pub limit: f32,
}

/// What an added node does to the connection that it splits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitForm {
    /// The connection is disabled; w_in = 1, w_out = its weight (the paper).
    Replace,
    /// As `Replace` where the activation is the identity around 0 and above; elsewhere the connection stays and w_out = 0. The
    /// function of the network is preserved.
    Preserve,
}

/// How often structure changes, as probabilities of a child.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StructureMutation {
    /// Adds a node.
    pub add_node: f64,
    /// Removes a hidden node.
    pub delete_node: f64,
    /// Adds a connection.
    pub add_connection: f64,
    /// Removes a connection.
    pub delete_connection: f64,
    /// Flips whether a connection is used.
    pub toggle: f64,
    /// Uses a connection that is disabled.
    pub enable: f64,
    /// Draws another activation for a node.
    pub activation: f64,
    /// Draws another aggregation for a node.
    pub aggregation: f64,
    /// True if a child whose structure changed keeps its numbers, and adds at most one thing (the released code of the paper).
    pub exclusive: bool,
    /// What an added node does.
    pub split: SplitForm,
    /// Tries to find two nodes to connect.
    pub tries: u32,
    /// Most hidden nodes of a genome.
    pub max_hidden: usize,
}

/// How parents are joined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossover {
    /// Probability that a child has two parents.
    pub rate: f64,
    /// Of those, the probability that matching genes are averaged; otherwise each comes from one parent.
    pub averaging: f64,
    /// Probability that the second parent is of another species.
    pub interspecies: f64,
    /// Probability that a child of two parents is not mutated.
    pub only: f64,
    /// Probability that a gene that is disabled in either parent is disabled in the child.
    pub disabled: f64,
    /// True if parents of equal fitness both give genes that the other lacks (the paper); otherwise the smaller one does.
    pub equal_gives_both: bool,
}

/// The compatibility distance c1 E / N + c2 D / N + c3 W, plus c4 times the difference of nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// c1, of excess genes.
    pub excess: f64,
    /// c2, of disjoint genes.
    pub disjoint: f64,
    /// c3, of the mean difference of matching weights.
    pub weight: f64,
    /// c4, of the mean over matching nodes of |difference of biases|, and 1 where activations differ.
    pub node: f64,
    /// N is 1 where both genomes have fewer connections, else the larger number of connections.
    pub small: usize,
}

/// How genomes are grouped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speciation {
    /// A genome joins the first species whose representative is nearer than the threshold.
    Threshold {
        /// The threshold of the first generation.
        threshold: f64,
        /// Species to aim at, by moving the threshold; `None` keeps it.
        target: Option<usize>,
        /// How far the threshold moves in a generation.
        step: f64,
    },
    /// A fixed number of species around centroids.
    KMeans {
        /// Number of species.
        count: usize,
        /// Most rounds of a generation.
        rounds: usize,
    },
}

/// What happens when no species may breed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extinction {
    /// A new first generation.
    Reset,
    /// The species of the best genome breeds.
    KeepBest,
}

/// Who breeds and who stays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Survival {
    /// Share of a species that may be parents, best first; at least one.
    pub parents: f64,
    /// Genomes of a species that are copied unchanged, best first.
    pub elites: usize,
    /// Elites are copied from species that are larger than this.
    pub elites_above: usize,
    /// Generations without progress after which a species gets no children.
    pub stagnation: u32,
    /// Best species that never stagnate.
    pub protected: usize,
    /// Generations without progress of the whole population after which only the two best species breed once, and again after as
    /// many more; 0 for never.
    pub refocus: u32,
    /// Species younger than this have their fitness multiplied by `age_bonus`.
    pub young: u32,
    /// At least 1.
    pub age_bonus: f64,
    /// What happens when no species may breed.
    pub extinction: Extinction,
    /// True if a tournament of two chooses parents among those that may; otherwise each has the same chance.
    pub tournament: bool,
}

/// Alternation of growth and simplification (as in SharpNEAT, Green 2004).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phases {
    /// Mean connections by which the population may grow before it is simplified.
    pub growth: f64,
    /// Fewest generations of a simplification; it ends when the mean number of connections falls no more.
    pub simplify_for: u32,
    /// Probability that a child of a simplifying population loses a connection.
    pub delete_connection: f64,
    /// Probability that it loses a node.
    pub delete_node: f64,
}

/// Everything that evolution is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Genomes in every generation.
    pub population: usize,
    /// How signals pass.
    pub signals: Signals,
    /// Where biases come from.
    pub bias: BiasForm,
    /// Which innovations are the same.
    pub numbering: Numbering,
    /// First genomes.
    pub start: Start,
    /// Activations that hidden nodes may have; the first is that of new ones.
    pub activations: Vec<Activation>,
    /// Aggregations that nodes may have; the first is that of new ones.
    pub aggregations: Vec<Aggregation>,
    /// Activation of outputs.
    pub output: Activation,
    /// How weights, biases and (in logarithms) time constants change.
    pub weights: NumberMutation,
    /// How often structure changes.
    pub structure: StructureMutation,
    /// How parents are joined.
    pub crossover: Crossover,
    /// How far genomes are apart.
    pub distance: Distance,
    /// How they are grouped.
    pub speciation: Speciation,
    /// Who breeds and who stays.
    pub survival: Survival,
    /// Growth and simplification by turns.
    pub phases: Option<Phases>,
    /// Genomes are annealed: children replace their parents at a temperature; `None` for breeding alone.
    pub annealing: Option<Annealing>,
    /// Genomes are trained by gradient before they are judged, where the task is a table; `None` for evolution alone.
    pub gradient: Option<Refinement>,
    /// True if unchanged genomes are judged again each generation, and counted (the paper).
    pub rejudge: bool,
}

impl Settings {
    /// The settings of Stanley and Miikkulainen 2002, with what the paper leaves open taken from its released code (parents 20 %,
    /// perturbations within +-2.5, weights within +-8, mutation without crossover 25 %, 60 % of crossovers multipoint, crossover alone 20 %).
    pub fn paper() -> Self {
        Settings {
            population: 150,
            signals: Signals::FeedForward,
            bias: BiasForm::Node,
            numbering: Numbering::Generation,
            start: Start::Full,
            activations: vec![Activation::SteepSigmoid],
            aggregations: vec![Aggregation::Sum],
            output: Activation::SteepSigmoid,
            weights: NumberMutation { rate: 0.8, each: 1.0, perturbed: 0.9, spread: Spread::Uniform, power: 2.5, width: 2.5, limit: 8.0 },
            structure: StructureMutation {
                add_node: 0.03,
                delete_node: 0.0,
                add_connection: 0.05,
                delete_connection: 0.0,
                toggle: 0.0,
                enable: 0.0,
                activation: 0.0,
                aggregation: 0.0,
                exclusive: true,
                split: SplitForm::Replace,
                tries: 20,
                max_hidden: 900,
            },
            crossover: Crossover { rate: 0.75, averaging: 0.4, interspecies: 0.001, only: 0.2, disabled: 0.75, equal_gives_both: true },
            distance: Distance { excess: 1.0, disjoint: 1.0, weight: 0.4, node: 0.0, small: 20 },
            speciation: Speciation::Threshold { threshold: 3.0, target: None, step: 0.0 },
            survival: Survival {
                parents: 0.2,
                elites: 1,
                elites_above: 5,
                stagnation: 15,
                protected: 1,
                refocus: 20,
                young: 0,
                age_bonus: 1.0,
                extinction: Extinction::KeepBest,
                tournament: false,
            },
            phases: None,
            annealing: None,
            gradient: None,
            rejudge: true,
        }
    }

    /// The settings of the paper for the double pole without velocities: 1,000 recurrent genomes, more new connections, and weights
    /// that count more in the distance.
    pub fn paper_large() -> Self {
        let paper = Settings::paper();
        Settings {
            population: 1000,
            signals: Signals::Recurrent,
            structure: StructureMutation { add_connection: 0.3, ..paper.structure },
            distance: Distance { weight: 3.0, ..paper.distance },
            speciation: Speciation::Threshold { threshold: 4.0, target: None, step: 0.0 },
            ..paper
        }
    }

    /// The modern settings for control with memory, such as the double pole without velocities: 500 recurrent genomes, and from
    /// [`Settings::paper_large`] the activation, the new connections and the weights in the distance.
    pub fn modern_large() -> Self {
        let (modern, paper) = (Settings::modern(), Settings::paper_large());
        Settings {
            population: 500,
            signals: Signals::Recurrent,
            activations: paper.activations,
            structure: StructureMutation { add_connection: 0.3, ..modern.structure },
            distance: paper.distance,
            speciation: Speciation::Threshold { threshold: 4.0, target: Some(10), step: 0.3 },
            ..modern
        }
    }

    /// Settings that need fewer evaluations: global ids, a target number of species, hidden units of both signs, structure that can be
    /// deleted, half of the weights mutated at a time, tournaments (chosen by XOR and the double pole with velocities: `benches/neat.rs`).
    pub fn modern() -> Self {
        let paper = Settings::paper();
        Settings {
            numbering: Numbering::Content,
            activations: vec![Activation::Tanh],
            weights: NumberMutation { each: 0.5, limit: 1000.0, ..paper.weights },
            structure: StructureMutation {
                add_node: 0.05,
                delete_node: 0.01,
                add_connection: 0.1,
                delete_connection: 0.02,
                toggle: 0.01,
                enable: 0.02,
                exclusive: false,
                ..paper.structure
            },
            crossover: Crossover { equal_gives_both: false, ..paper.crossover },
            speciation: Speciation::Threshold { threshold: 3.0, target: Some(10), step: 0.3 },
            survival: Survival { parents: 0.4, tournament: true, protected: 2, ..paper.survival },
            rejudge: false,
            ..paper
        }
    }

    /// What the genomes of a task whose fitness is not noisy may claim: exact where they are annealed, and nothing grows, breeds or
    /// learns between.
    pub fn claim(&self) -> Claim {
        match (&self.annealing, self.gradient) {
            (Some(annealing), None) => annealing.claim(),
            _ => Claim::Driven,
        }
    }

    /// Checks that all numbers are in their ranges and fit each other.
    ///
    /// # Errors
    /// Lists everything that is wrong, with values and what they may be.
    pub fn check(&self) -> Result<(), SettingsError> {
        let mut wrong = Vec::new();
        let mut range = |name: &str, value: f64, low: f64, high: f64| {
            if !(low..=high).contains(&value) {
                wrong.push(format!("{name} is {value}, must be from {low} to {high}"));
            }
        };
        let (w, s, c, d, v) = (&self.weights, &self.structure, &self.crossover, &self.distance, &self.survival);
        let probabilities = [
            ("weights.rate", w.rate),
            ("weights.each", w.each),
            ("weights.perturbed", w.perturbed),
            ("structure.add_node", s.add_node),
            ("structure.delete_node", s.delete_node),
            ("structure.add_connection", s.add_connection),
            ("structure.delete_connection", s.delete_connection),
            ("structure.toggle", s.toggle),
            ("structure.enable", s.enable),
            ("structure.activation", s.activation),
            ("structure.aggregation", s.aggregation),
            ("crossover.rate", c.rate),
            ("crossover.averaging", c.averaging),
            ("crossover.interspecies", c.interspecies),
            ("crossover.only", c.only),
            ("crossover.disabled", c.disabled),
            ("survival.parents", v.parents),
        ];
        for (name, p) in probabilities {
            range(name, p, 0.0, 1.0);
        }
        if let Start::Partial(p) = self.start {
            range("start", p, 0.0, 1.0);
        }
        let most = 1e6;
        range("population", self.population as f64, 2.0, most);
        for (name, number) in [("weights.power", w.power), ("weights.width", w.width), ("weights.limit", w.limit)] {
            range(name, f64::from(number), 0.0, most);
        }
        let coefficients = [("excess", d.excess), ("disjoint", d.disjoint), ("weight", d.weight), ("node", d.node)];
        for (name, number) in coefficients {
            range(&format!("distance.{name}"), number, 0.0, most);
        }
        range("survival.age_bonus", v.age_bonus, 1.0, most);
        range("structure.tries", f64::from(s.tries), 1.0, most);
        if let Some(phases) = self.phases {
            range("phases.growth", phases.growth, 0.0, most);
            range("phases.delete_connection", phases.delete_connection, 0.0, 1.0);
            range("phases.delete_node", phases.delete_node, 0.0, 1.0);
        }
        match self.speciation {
            Speciation::Threshold { threshold, target, step } => {
                range("speciation.threshold", threshold, 1e-9, most);
                range("speciation.step", step, 0.0, most);
                if let Some(target) = target {
                    range("speciation.target", target as f64, 1.0, self.population as f64);
                }
            }
            Speciation::KMeans { count, rounds } => {
                range("speciation.count", count as f64, 1.0, self.population as f64);
                range("speciation.rounds", rounds as f64, 1.0, most);
            }
        }
        if let Signals::ContinuousTime { dt } = self.signals {
            range("signals.dt", f64::from(dt), 1e-9, most);
        }
        if let Some(annealing) = &self.annealing {
            annealing.check(&mut wrong);
        }
        if let Some(refinement) = &self.gradient {
            refinement.check(&mut wrong);
            if self.signals != Signals::FeedForward {
                wrong.push(format!("gradient is set and signals are {:?}, must be FeedForward to be trained", self.signals));
            }
        }
        if self.activations.is_empty() {
            wrong.push("activations are none, must be one or more".to_owned());
        }
        if self.aggregations.is_empty() {
            wrong.push("aggregations are none, must be one or more".to_owned());
        }
        if self.numbering == Numbering::Content && d.excess != d.disjoint {
            wrong.push(format!(
                "distance.excess is {} and distance.disjoint {}: with numbering Content, genes have no age and excess ones are disjoint \
                 ones; make them equal, or set numbering Generation",
                d.excess, d.disjoint
            ));
        }
        if wrong.is_empty() { Ok(()) } else { Err(SettingsError { wrong }) }
    }
}

/// Settings that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", wrong.join("; "))]
pub struct SettingsError {
    /// Everything that is wrong, a sentence each.
    pub wrong: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid() {
        assert_eq!(Settings::paper().check(), Ok(()));
        assert_eq!(Settings::paper_large().check(), Ok(()));
        assert_eq!(Settings::modern_large().check(), Ok(()));
        assert_eq!(Settings::modern().check(), Ok(()));
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let mut settings = Settings::modern();
        settings.distance.excess = 2.0;
        settings.structure.add_node = 1.5;
        settings.activations.clear();
        settings.population = 1;
        settings.crossover.rate = f64::NAN;
        let error = settings.check().unwrap_err();
        assert_eq!(error.wrong.len(), 6, "{error}");
        let text = error.to_string();
        for part in ["structure.add_node is 1.5, must be from 0 to 1", "crossover.rate is NaN", "population is 1", "Content", "activations"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn distinct_coefficients_need_genes_with_an_age() {
        let mut settings = Settings::paper();
        settings.distance.excess = 2.0;
        assert_eq!(settings.check(), Ok(()));
        settings.numbering = Numbering::Content;
        assert!(settings.check().is_err());
    }
}
