//! Hidden neurons that come and go with the wiring of a network: `neurons: HiddenBirths(cost: 1, first: 0)`.

use serde::Deserialize;

use super::one;
use super::sample_structure::CountingWire;

/// `HiddenBirths(cost: 1, first: 0, moves_per_step: 10, newborns: Wired(0.5), bias_moves: 20)`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename = "HiddenBirths", deny_unknown_fields)]
pub struct HiddenBirthsWire {
    /// What a neuron costs.
    pub cost: f64,
    /// Names of the hidden populations whose neurons come and go; all if empty.
    #[serde(default)]
    pub populations: Vec<String>,
    /// How many live at first; all if left out.
    #[serde(default)]
    pub first: Option<u64>,
    /// Proposals of births and deaths of a step.
    #[serde(default = "neuron_moves")]
    pub moves_per_step: u64,
    /// What is counted.
    #[serde(default)]
    pub counting: CountingWire,
    /// Share of births.
    #[serde(default = "one")]
    pub births: u64,
    /// Share of deaths.
    #[serde(default = "one")]
    pub deaths: u64,
    /// With which synapses they are born.
    #[serde(default)]
    pub newborns: NewbornsWire,
    /// Standard deviation of the prior of biases.
    #[serde(default = "bias_sd")]
    pub bias_sd: f64,
    /// Standard deviation of moves of biases.
    #[serde(default = "bias_step")]
    pub bias_step: f64,
    /// Proposals for biases of a step.
    #[serde(default)]
    pub bias_moves: u64,
}

/// With which synapses neurons are born.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum NewbornsWire {
    /// None.
    #[default]
    Isolated,
    /// Each candidate with this probability.
    Wired(f64),
}

fn neuron_moves() -> u64 {
    10
}

fn bias_sd() -> f64 {
    1.0
}

fn bias_step() -> f64 {
    0.5
}
