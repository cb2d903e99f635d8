//! The energy of a simulation, by named term.
//!
//! Each term has one owner, which sets it in `Phase::Energy` and adds its dE in `Phase::Anneal`.
//! Recording takes a shared reference, so that features that do not know each other record in the
//! same phase; as terms are disjoint and the total is summed in the order of names, the order of
//! the owners cannot shift a bit.

use bevy_ecs::resource::Resource;

use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};

use super::named_values::NamedValues;

/// Energies by term, in units of k_B T at T = 1.
#[derive(Resource, Debug, Default)]
pub struct EnergyLedger {
    terms: NamedValues,
}

/// A term of the ledger that is not a finite number.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("energy term \"{term}\" is {value}: lower the rate or the temperature of what feeds it")]
pub struct NonFiniteEnergy {
    /// Name of the term.
    pub term: String,
    /// Its value: infinite or NaN.
    pub value: f64,
}

impl EnergyLedger {
    /// Sets `term` to `value`.
    pub fn set(&self, term: &str, value: f64) {
        self.terms.set(term, value);
    }

    /// Adds `d_energy` to `term`, which starts at zero.
    pub fn add(&self, term: &str, d_energy: f64) {
        self.terms.add(term, d_energy);
    }

    /// The value of `term`, if it was ever recorded.
    pub fn get(&self, term: &str) -> Option<f64> {
        self.terms.get(term)
    }

    /// The sum of all terms, in the order of their names.
    pub fn total(&self) -> f64 {
        self.terms().iter().map(|(_, value)| value).sum()
    }

    /// All terms, in the order of their names.
    pub fn terms(&self) -> Vec<(String, f64)> {
        self.terms.all()
    }

    /// Removes `term`.
    pub fn remove(&self, term: &str) {
        self.terms.remove(term);
    }

    /// Checks that every term is finite.
    ///
    /// # Errors
    /// Names the first term that is infinite or NaN.
    pub fn check(&self) -> Result<(), NonFiniteEnergy> {
        self.terms.first_non_finite().map_or(Ok(()), |(term, value)| Err(NonFiniteEnergy { term, value }))
    }
}

impl Checkpointed for EnergyLedger {
    const NAME: &'static str = "energy";

    fn save(&self, snapshot: &mut Snapshot) {
        self.terms.save(Self::NAME, snapshot);
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.terms.load(Self::NAME, snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_does_not_depend_on_who_recorded_first() {
        let (a, b) = (EnergyLedger::default(), EnergyLedger::default());
        for (term, value) in [("spins", 0.1), ("weights", 1e16), ("cost", -1e16)] {
            a.set(term, value);
        }
        for (term, value) in [("cost", -1e16), ("spins", 0.1), ("weights", 1e16)] {
            b.add(term, value);
        }
        assert_eq!(a.total().to_bits(), b.total().to_bits());
        assert_eq!(a.terms().len(), 3);
    }

    #[test]
    fn a_non_finite_term_is_named() {
        let ledger = EnergyLedger::default();
        ledger.set("spins", -3.0);
        assert_eq!(ledger.check(), Ok(()));
        ledger.set("weights", f64::INFINITY);
        assert_eq!(ledger.check().unwrap_err().term, "weights");
    }

    #[test]
    fn the_ledger_comes_back_from_a_snapshot() {
        let ledger = EnergyLedger::default();
        let empty = EnergyLedger::default();
        ledger.set("spins", -3.25);
        ledger.set("weights", 2.0);
        for ledger in [ledger, empty] {
            let mut snapshot = Snapshot::default();
            ledger.save(&mut snapshot);
            let mut loaded = EnergyLedger::default();
            loaded.set("gone", 1.0);
            loaded.load(&snapshot).unwrap();
            assert_eq!(loaded.terms(), ledger.terms());
        }
    }
}
