//! What can be wrong with the settings of a generator, and how large its result may be.

use thiserror::Error;

/// Largest number of spins that a generator makes.
pub const MAX_SPINS: u64 = 1 << 28;
/// Largest number of couplings that a generator makes.
pub const MAX_COUPLINGS: u64 = 1 << 28;

/// Settings that no instance fits.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum GenerateError {
    /// More spins or couplings than lehr holds.
    #[error("{count} {what} are too many: at most {limit} are generated")]
    TooLarge {
        /// "spins" or "couplings".
        what: &'static str,
        /// The number asked for (saturated).
        count: u64,
        /// The largest allowed.
        limit: u64,
    },
    /// A setting is out of its range.
    #[error("{setting} is {value}: expected {expected}")]
    OutOfRange {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// The values that work.
        expected: String,
    },
}

impl GenerateError {
    pub(super) fn out_of_range(setting: &'static str, value: impl ToString, expected: impl Into<String>) -> Self {
        GenerateError::OutOfRange { setting, value: value.to_string(), expected: expected.into() }
    }
}

/// Refuses sizes past the limits before anything is allocated.
pub(super) fn check_size(n_spins: u64, n_couplings: u64) -> Result<(), GenerateError> {
    if n_spins > MAX_SPINS {
        return Err(GenerateError::TooLarge { what: "spins", count: n_spins, limit: MAX_SPINS });
    }
    if n_couplings > MAX_COUPLINGS {
        return Err(GenerateError::TooLarge { what: "couplings", count: n_couplings, limit: MAX_COUPLINGS });
    }
    Ok(())
}
