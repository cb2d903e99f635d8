//! The free energy of a wiring that is sampled: `free_energy: Ais(every: 50)`.

use serde::Deserialize;

/// Whether F is found along the run, and how.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum FreeEnergyWire {
    /// Not at all.
    #[default]
    Off,
    /// By annealed importance sampling.
    Ais(FreeEnergyRunsWire),
    /// By thermodynamic integration.
    Integration(FreeEnergyRunsWire),
}

/// `Ais(every: 0, runs: 64, betas: 100, moves: 50)`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FreeEnergyRunsWire {
    /// At every so many acting steps, and at the last; 0: at the last alone.
    pub every: u64,
    /// Independent chains.
    pub runs: u64,
    /// Temperatures from none to the last.
    pub betas: u64,
    /// Proposals of a chain at each of them.
    pub moves: u64,
}

impl Default for FreeEnergyRunsWire {
    fn default() -> Self {
        FreeEnergyRunsWire { every: 0, runs: 64, betas: 100, moves: 50 }
    }
}
