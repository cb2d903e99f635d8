//! The order of a step, declared once.

use bevy_ecs::schedule::SystemSet;

/// The phases of a step, in the order in which they run.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Applies commands of the user and of the scene.
    Edit,
    /// Applies recorded births and deaths of `Edit`; only if there are any.
    RestructureEdits,
    /// Feeds data, environments, clamps and currents.
    Sense,
    /// Computes activations.
    Forward,
    /// Fills the energy ledger; a non-finite value is a named error.
    Energy,
    /// Samples spins, weights and structure, adds its dE to the ledger; then the bath cools.
    Anneal,
    /// Applies learning rules.
    Learn,
    /// Records births.
    Grow,
    /// Records deaths.
    Prune,
    /// Evolves populations.
    Evolve,
    /// Applies recorded births and deaths; with `RestructureEdits` the only writer of rows and plans.
    Restructure,
    /// Records metrics, extracts and checkpoints; never sees pending changes.
    Observe,
}

impl Phase {
    /// All phases in their order.
    pub const ALL: [Phase; 12] = [
        Phase::Edit,
        Phase::RestructureEdits,
        Phase::Sense,
        Phase::Forward,
        Phase::Energy,
        Phase::Anneal,
        Phase::Learn,
        Phase::Grow,
        Phase::Prune,
        Phase::Evolve,
        Phase::Restructure,
        Phase::Observe,
    ];
}

/// The turns within [`Phase::Learn`], in the order in which they run, since several rules may write the same weights.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LearnTurn {
    /// Learning by the gradient of a loss.
    Gradient,
    /// Local rules.
    Local,
}
