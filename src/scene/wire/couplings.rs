//! Where couplings come from: files, generators, lists, memories.

use serde::Deserialize;

/// Where couplings come from. The energy holds -J s s, so positive J favours equal neighbours.
#[derive(Debug, Deserialize)]
pub enum CouplingsWire {
    /// A file (rudy as in the G-set, or Matrix Market) of weights w to be cut: J = -w, metrics `cut` and `best_cut`.
    MaxCut(FileWire),
    /// A file (rudy, Matrix Market, or BQM in coordinate text) of couplings J.
    Ising(FileWire),
    /// A file (QUBO, BQM in coordinate text, or Matrix Market) of a quadratic form Q in 0/1 variables, as spins.
    Qubo(FileWire),
    /// A square lattice.
    Lattice(LatticeWire),
    /// A cubic lattice.
    CubicLattice(CubicWire),
    /// A square torus of +-1 couplings.
    PlusMinusTorus(TorusWire),
    /// A square torus of frustrated tiles whose ground state is known: metric `residual`.
    PlantedTorus(PlantedWire),
    /// A random graph with the same number of neighbours everywhere.
    RandomRegular(RegularWire),
    /// A random graph with a given number of couplings.
    RandomGraph(GraphWire),
    /// Every pair coupled at random.
    SherringtonKirkpatrick(MeanFieldWire),
    /// Every neuron of one population coupled to every neuron of another: a restricted Boltzmann machine.
    Bipartite(BipartiteWire),
    /// Couplings written out: [(i, j, J), ...], between two populations with i in the first.
    Pairs(Vec<(u64, u64, f64)>),
    /// A memory of patterns.
    Hopfield(HopfieldWire),
}

/// `(path: "file")`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileWire {
    /// The file, relative to the scene's folder.
    pub path: String,
}

/// `Lattice(width: 32, height: 32)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatticeWire {
    /// Neurons in a row.
    pub width: u64,
    /// Number of rows.
    pub height: u64,
    /// True for a torus.
    #[serde(default = "yes")]
    pub periodic: bool,
    /// The couplings.
    #[serde(default)]
    pub strengths: StrengthsWire,
    /// Number of the random instance.
    #[serde(default)]
    pub instance: u64,
}

/// `CubicLattice(width: 8, height: 8, depth: 8)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CubicWire {
    /// Neurons in a row.
    pub width: u64,
    /// Rows in a layer.
    pub height: u64,
    /// Number of layers.
    pub depth: u64,
    /// True for a torus.
    #[serde(default = "yes")]
    pub periodic: bool,
    /// The couplings.
    #[serde(default)]
    pub strengths: StrengthsWire,
    /// Number of the random instance.
    #[serde(default)]
    pub instance: u64,
}

fn yes() -> bool {
    true
}

/// The distribution of couplings.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum StrengthsWire {
    /// All the same.
    Constant(f64),
    /// This or its negative, each with probability 1/2.
    PlusMinus(f64),
    /// Normal with mean 0 and this standard deviation.
    Gaussian(f64),
}

impl Default for StrengthsWire {
    fn default() -> Self {
        StrengthsWire::Constant(1.0)
    }
}

/// `PlusMinusTorus(width: 32, height: 32)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorusWire {
    /// Neurons in a row.
    pub width: u64,
    /// Number of rows.
    pub height: u64,
    /// Number of the random instance.
    #[serde(default)]
    pub instance: u64,
}

/// `PlantedTorus(width: 32, height: 32)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantedWire {
    /// Neurons in a row, even.
    pub width: u64,
    /// Number of rows, even.
    pub height: u64,
    /// Shares of the tile classes C1, C2 and C3; the rest is C4.
    pub shares: Option<(f64, f64, f64)>,
    /// Number of the random instance.
    #[serde(default)]
    pub instance: u64,
}

/// `RandomRegular(degree: 3)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegularWire {
    /// Neighbours of each neuron.
    pub degree: u64,
    /// The couplings.
    #[serde(default)]
    pub strengths: StrengthsWire,
    /// Number of the random instance.
    #[serde(default)]
    pub instance: u64,
}

/// `RandomGraph(n_couplings: 1000)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphWire {
    /// Number of couplings.
    pub n_couplings: u64,
    /// The couplings.
    #[serde(default)]
    pub strengths: StrengthsWire,
    /// Number of the random instance.
    #[serde(default)]
    pub instance: u64,
}

/// `Bipartite()`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BipartiteWire {
    /// The couplings.
    #[serde(default)]
    pub strengths: StrengthsWire,
    /// Number of the random instance.
    #[serde(default)]
    pub instance: u64,
}

/// `SherringtonKirkpatrick()`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeanFieldWire {
    /// `Gaussian`: variance 1/N; `PlusMinus`: +-1/sqrt(N); `PlusMinusOne`: +-1.
    #[serde(default)]
    pub strengths: MeanFieldStrengths,
    /// Number of the random instance.
    #[serde(default)]
    pub instance: u64,
}

/// The couplings of a Sherrington-Kirkpatrick model.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum MeanFieldStrengths {
    /// Normal with variance 1/N.
    #[default]
    Gaussian,
    /// +-1/sqrt(N).
    PlusMinus,
    /// +-1.
    PlusMinusOne,
}

/// `Hopfield(path: "digits.csv")`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HopfieldWire {
    /// A table of patterns, one a row: pixels, then a label. The first pattern of each label is stored.
    pub path: String,
    /// How patterns become couplings.
    #[serde(default)]
    pub rule: HopfieldRule,
    /// A pixel is +1 from this value on.
    #[serde(default = "half_ink")]
    pub threshold: f64,
}

fn half_ink() -> f64 {
    8.0
}

/// How patterns become couplings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum HopfieldRule {
    /// The projection onto the patterns (Personnaz, Guyon, Dreyfus 1985); keeps correlated patterns apart.
    #[default]
    PseudoInverse,
    /// The sum of outer products (Hopfield 1982).
    Hebb,
}
