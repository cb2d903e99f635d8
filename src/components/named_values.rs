//! Numbers by name, recorded through a shared reference.
//!
//! Features that do not know each other record in the same phase. As names are disjoint and every
//! reading is in the order of names, the order of the writers cannot shift a bit.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::snapshot::{Snapshot, SnapshotError};

/// Named numbers, ordered by name.
#[derive(Debug, Default)]
pub struct NamedValues {
    values: Mutex<BTreeMap<String, f64>>,
}

impl NamedValues {
    /// Sets `name` to `value`.
    pub fn set(&self, name: &str, value: f64) {
        // A sum of nothing may be -0, which is 0.
        self.update(name, |_| value + 0.0);
    }

    /// Adds `value` to `name`, which starts at zero.
    pub fn add(&self, name: &str, value: f64) {
        self.update(name, |old| old.unwrap_or(0.0) + value);
    }

    fn update(&self, name: &str, new: impl FnOnce(Option<f64>) -> f64) {
        let mut values = self.lock();
        match values.get_mut(name) {
            Some(entry) => *entry = new(Some(*entry)),
            None => _ = values.insert(name.to_owned(), new(None)),
        }
    }

    /// The value of `name`, if it was ever recorded.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.lock().get(name).copied()
    }

    /// All values, in the order of their names.
    pub fn all(&self) -> Vec<(String, f64)> {
        self.lock().iter().map(|(name, &value)| (name.clone(), value)).collect()
    }

    /// Removes `name`.
    pub fn remove(&self, name: &str) {
        self.lock().remove(name);
    }

    /// The first value, by name, that is infinite or NaN.
    pub fn first_non_finite(&self) -> Option<(String, f64)> {
        self.lock().iter().find(|(_, value)| !value.is_finite()).map(|(name, &value)| (name.clone(), value))
    }

    /// Appends the sections `prefix/names` and `prefix/values`.
    pub fn save(&self, prefix: &str, snapshot: &mut Snapshot) {
        let values = self.lock();
        let names: Vec<&str> = values.keys().map(String::as_str).collect();
        snapshot.put(format!("{prefix}/names"), names.join("\n").as_bytes());
        snapshot.put(format!("{prefix}/values"), &values.values().copied().collect::<Vec<f64>>());
    }

    /// Restores what [`NamedValues::save`] wrote.
    ///
    /// # Errors
    /// If a section is missing, names are out of order or a value is not finite.
    pub fn load(&mut self, prefix: &str, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let (names_section, values_section) = (format!("{prefix}/names"), format!("{prefix}/values"));
        let invalid = |name: &str, what: String| SnapshotError::Invalid { name: name.to_owned(), what };
        let names = String::from_utf8(snapshot.get::<u8>(&names_section)?).map_err(|e| invalid(&names_section, e.to_string()))?;
        let names: Vec<&str> = if names.is_empty() { Vec::new() } else { names.split('\n').collect() };
        let values: Vec<f64> = snapshot.get_n(&values_section, names.len())?;
        if let Some(pair) = names.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(invalid(&names_section, format!("\"{}\" and \"{}\" are not in order", pair[0], pair[1])));
        }
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            return Err(invalid(&values_section, format!("value {i} is {}", values[i])));
        }
        *self.lock() = names.into_iter().map(str::to_owned).zip(values).collect();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, f64>> {
        // A panic while the lock is held leaves a whole map, and the simulation is poisoned anyway.
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
