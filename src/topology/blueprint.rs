//! What to build: populations and projections with their first values, before there is a world.

/// A network to build; see [`crate::simulation::Simulation::build`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Blueprint {
    /// Populations, in the order of their rows.
    pub populations: Vec<PopulationSpec>,
    /// Projections, in the order of their rows.
    pub projections: Vec<ProjectionSpec>,
}

/// The kind of populations and projections that name no other.
pub const PLAIN: &str = "plain";

/// A population to build.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PopulationSpec {
    /// Its name, unique among populations.
    pub name: String,
    /// Its kind: which columns its neurons have; populations of one kind share a table.
    pub kind: String,
    /// Number of neurons.
    pub n_neurons: usize,
    /// Activations, one a neuron, or empty for zero.
    pub activations: Vec<f32>,
    /// Biases, one a neuron, or empty for zero.
    pub biases: Vec<f32>,
    /// Flags of clamped neurons, one a neuron, or empty for none.
    pub clamped: Vec<bool>,
}

impl PopulationSpec {
    /// `n_neurons` silent neurons without bias, of the plain kind.
    pub fn new(name: impl Into<String>, n_neurons: usize) -> Self {
        PopulationSpec { name: name.into(), kind: PLAIN.to_owned(), n_neurons, ..Default::default() }
    }
}

/// A synapse to build.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// Row of its source in the source population.
    pub source: u32,
    /// Row of its target in the target population.
    pub target: u32,
    /// Its weight.
    pub weight: f32,
}

/// A projection to build: all synapses of one kind between two populations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProjectionSpec {
    /// Its name, unique among projections; `from->to` unless there are several.
    pub name: String,
    /// Its kind: which columns its synapses have; projections of one kind share a table.
    pub kind: String,
    /// Name of the source population.
    pub from: String,
    /// Name of the target population.
    pub to: String,
    /// True if a synapse couples both ways. It is stored once: inside one population under
    /// target = max(i, j), between two with its source in `from` and its target in `to`.
    pub symmetric: bool,
    /// True if rows stay as they are listed, for a feature that lays them out in blocks of its own (genes of genomes): pairs may repeat,
    /// and there are no offsets by target.
    pub in_blocks: bool,
    /// Its synapses, in any order; each pair at most once.
    pub edges: Vec<Edge>,
}

impl ProjectionSpec {
    /// A directed projection of the plain kind, named `from->to`.
    pub fn new(from: &str, to: &str, edges: Vec<Edge>) -> Self {
        ProjectionSpec {
            name: format!("{from}->{to}"),
            kind: PLAIN.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            symmetric: false,
            in_blocks: false,
            edges,
        }
    }

    /// A symmetric projection of a population onto itself, of the plain kind, named `of->of`.
    pub fn symmetric(of: &str, edges: Vec<Edge>) -> Self {
        Self::symmetric_between(of, of, edges)
    }

    /// A symmetric projection between two populations, of the plain kind, named `from->to`.
    pub fn symmetric_between(from: &str, to: &str, edges: Vec<Edge>) -> Self {
        ProjectionSpec { symmetric: true, ..Self::new(from, to, edges) }
    }
}

impl Blueprint {
    /// An empty network.
    pub fn new() -> Self {
        Blueprint::default()
    }

    /// Adds `n_neurons` silent neurons of the plain kind.
    #[must_use]
    pub fn population(self, name: &str, n_neurons: usize) -> Self {
        self.with_population(PopulationSpec::new(name, n_neurons))
    }

    /// Adds a population.
    #[must_use]
    pub fn with_population(mut self, population: PopulationSpec) -> Self {
        self.populations.push(population);
        self
    }

    /// Adds a directed projection of the plain kind, named `from->to`.
    #[must_use]
    pub fn projection(self, from: &str, to: &str, edges: impl IntoIterator<Item = (u32, u32, f32)>) -> Self {
        let edges = edges.into_iter().map(|(source, target, weight)| Edge { source, target, weight }).collect();
        self.with_projection(ProjectionSpec::new(from, to, edges))
    }

    /// Adds a projection.
    #[must_use]
    pub fn with_projection(mut self, projection: ProjectionSpec) -> Self {
        self.projections.push(projection);
        self
    }
}

/// Why a network could not be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BuildError {
    /// The simulation has a network already.
    #[error("the simulation is built already: make a new one for another network")]
    AlreadyBuilt,
    /// Two things have one name.
    #[error("two {what}s are called \"{name}\": give one another name")]
    DuplicateName {
        /// Population or projection.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name is empty or holds a character that names of sections cannot have.
    #[error("{what} name \"{name}\": use letters, digits and any of _ - > . : but no slash, space or control character")]
    BadName {
        /// Population, projection or kind.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A projection names no population.
    #[error("projection \"{projection}\": no population \"{name}\"{hint}")]
    UnknownPopulation {
        /// The projection.
        projection: String,
        /// The name.
        name: String,
        /// ` (did you mean ...?)`, or empty.
        hint: String,
    },
    /// A list has not one entry for each neuron.
    #[error("population \"{population}\": {found} {what} for {expected} neurons")]
    WrongLength {
        /// The population.
        population: String,
        /// Which list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// Neurons.
        expected: usize,
    },
    /// A value is infinite or NaN.
    #[error("{place}: {value} is not finite")]
    NonFinite {
        /// Where it is.
        place: String,
        /// The value.
        value: f32,
    },
    /// A synapse names a neuron that does not exist.
    #[error(
        "projection \"{projection}\": synapse {source_row}->{target_row} leaves its populations of {n_sources} and {n_targets} neurons"
    )]
    OutOfRange {
        /// The projection.
        projection: String,
        /// Row of the source.
        source_row: u32,
        /// Row of the target.
        target_row: u32,
        /// Neurons of the source population.
        n_sources: usize,
        /// Neurons of the target population.
        n_targets: usize,
    },
    /// Two synapses join the same neurons.
    #[error("projection \"{projection}\": two synapses {source_row}->{target_row}: add their weights up, or use another projection")]
    DuplicateSynapse {
        /// The projection.
        projection: String,
        /// Row of the source.
        source_row: u32,
        /// Row of the target.
        target_row: u32,
    },
    /// A symmetric coupling joins a neuron to itself.
    #[error("projection \"{projection}\": neuron {row} is coupled to itself: a symmetric projection needs two different neurons")]
    SelfCoupling {
        /// The projection.
        projection: String,
        /// Row of the neuron.
        row: u32,
    },
    /// More than 2^32 - 1 rows or too many kinds.
    #[error("{what}: {found} are more than the limit of {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many were asked for.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The memory is not there.
    #[error("no memory for {bytes} bytes of {what}: build a smaller network or free memory")]
    OutOfMemory {
        /// What it was for.
        what: &'static str,
        /// How many bytes.
        bytes: usize,
    },
    /// The schedule is ambiguous or contradictory.
    #[error("the systems cannot be ordered: {0}")]
    Schedule(String),
}
