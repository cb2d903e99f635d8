//! What a step reports about itself, by name: what recorders write and viewers plot.
//!
//! A metric stays until it is set again, so it is part of the state: a resumed run reports the same.

use bevy_ecs::resource::Resource;

use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};

use super::named_values::NamedValues;

/// The metric that a method sets to 1 when it has nothing left to do; drivers end the run then and do not record it.
pub const FINISHED: &str = "finished";

/// Finite numbers by metric name, such as `energy` or `acceptance`.
#[derive(Resource, Debug, Default)]
pub struct Metrics(NamedValues);

impl Metrics {
    /// Sets metric `name`; a value that is not finite removes it, since results hold numbers only.
    pub fn set(&self, name: &str, value: f64) {
        if value.is_finite() { self.0.set(name, value) } else { self.0.remove(name) }
    }

    /// The metric called `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name)
    }

    /// All metrics, in the order of their names.
    pub fn all(&self) -> Vec<(String, f64)> {
        self.0.all()
    }

    /// True once a method has nothing left to do, see [`FINISHED`].
    pub fn is_finished(&self) -> bool {
        self.get(FINISHED) == Some(1.0)
    }

    /// Removes metric `name`.
    pub fn remove(&self, name: &str) {
        self.0.remove(name);
    }
}

impl Checkpointed for Metrics {
    const NAME: &'static str = "metrics";

    fn save(&self, snapshot: &mut Snapshot) {
        self.0.save(Self::NAME, snapshot);
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.0.load(Self::NAME, snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_finite_ordered_and_come_back() {
        let metrics = Metrics::default();
        metrics.set("energy", -3.0);
        metrics.set("acceptance", 0.5);
        metrics.set("tau_int", 2.0);
        metrics.set("tau_int", f64::NAN);
        assert_eq!(metrics.all(), [("acceptance".to_owned(), 0.5), ("energy".to_owned(), -3.0)]);
        let mut snapshot = Snapshot::default();
        metrics.save(&mut snapshot);
        let mut loaded = Metrics::default();
        loaded.load(&snapshot).unwrap();
        assert_eq!(loaded.all(), metrics.all());
    }
}
