//! Chooses the vector instructions once, at run time.
//!
//! Every kernel gives the same bits on every backend, so the choice decides speed alone. The
//! environment variable `LEHR_SIMD` forces a backend, for tests and for comparing machines. Its value `amx` means `avx512` with
//! tiles for quantised products; `avx512` refuses the tiles.

use std::sync::OnceLock;

use super::quantised::{TilesAbsent, amx};

/// A family of vector instructions that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Simd {
    /// No vector instructions beyond those of the target; the law of every kernel.
    Scalar,
    /// AVX2 with FMA and POPCNT.
    Avx2,
    /// AVX-512 F, BW, DQ, VL and VPOPCNTDQ (Ice Lake, Zen 4 and later).
    Avx512,
}

/// The best backend of this processor: kernels ask at each call, so it is looked for once.
static BEST: OnceLock<Simd> = OnceLock::new();

/// The environment variable that forces a backend.
pub const SIMD_VARIABLE: &str = "LEHR_SIMD";

/// The value of [`SIMD_VARIABLE`] that asks for the tiles of AMX, with AVX-512 for all else.
pub const AMX: &str = "amx";

/// Why a forced backend cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimdError {
    /// The name is none of the backends.
    #[error("{SIMD_VARIABLE}={0}: no such backend; use scalar, avx2, avx512 or amx, or unset it for the best one{hint}", hint = did_you_mean(.0))]
    Unknown(String),
    /// The processor lacks the instructions.
    #[error("{SIMD_VARIABLE}={0}: this processor lacks its instructions; the best it has is {best}", best = Simd::best().name())]
    Unavailable(&'static str),
    /// There are no tiles that can be used.
    #[error("{SIMD_VARIABLE}={AMX}: {0}; the best backend here is {best}", best = Simd::best().name())]
    NoTiles(#[from] TilesAbsent),
}

impl Simd {
    /// All backends, slowest first.
    pub const ALL: [Simd; 3] = [Simd::Scalar, Simd::Avx2, Simd::Avx512];

    /// The backend that `LEHR_SIMD` names, or the best one of this processor.
    ///
    /// # Errors
    /// If the variable names no backend, or one that this processor cannot run.
    pub fn detect() -> Result<Self, SimdError> {
        match std::env::var(SIMD_VARIABLE) {
            Ok(name) => Self::from_name(&name),
            Err(std::env::VarError::NotPresent) => Ok(Self::best()),
            Err(std::env::VarError::NotUnicode(name)) => Err(SimdError::Unknown(name.to_string_lossy().into_owned())),
        }
    }

    /// The backend called `name`, if this processor can run it.
    ///
    /// # Errors
    /// If no backend has this name, or this processor cannot run it.
    pub fn from_name(name: &str) -> Result<Self, SimdError> {
        if name == AMX {
            amx()?;
            return Ok(Simd::Avx512);
        }
        let simd = Self::ALL.into_iter().find(|s| s.name() == name).ok_or_else(|| SimdError::Unknown(name.to_owned()))?;
        if simd.is_available() { Ok(simd) } else { Err(SimdError::Unavailable(simd.name())) }
    }

    /// The fastest backend of this processor.
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|s| s.is_available()).unwrap_or(Simd::Scalar)
    }

    /// The backends of this processor, slowest first; the scalar one is always among them.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|s| s.is_available())
    }

    /// True if this processor has the instructions.
    #[inline]
    pub fn is_available(self) -> bool {
        // Each backend has the instructions of the one before it.
        self <= *BEST.get_or_init(|| Self::ALL.into_iter().rev().find(|s| s.is_detected()).unwrap_or(Simd::Scalar))
    }

    fn is_detected(self) -> bool {
        match self {
            Simd::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("popcnt"),
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => {
                Simd::Avx2.is_detected()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vpopcntdq")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The name as `LEHR_SIMD` spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Simd::Scalar => "scalar",
            Simd::Avx2 => "avx2",
            Simd::Avx512 => "avx512",
        }
    }
}

fn did_you_mean(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let near = Simd::ALL
        .into_iter()
        .map(Simd::name)
        .chain([AMX])
        .find(|n| lower.contains(n) || (lower.len() > 2 && n.starts_with(&lower[..3.min(lower.len())])));
    near.map_or_else(String::new, |n| format!(" (did you mean {n}?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_are_found_by_name_and_the_scalar_one_always_runs() {
        for simd in Simd::available() {
            assert_eq!(Simd::from_name(simd.name()), Ok(simd));
            assert!(simd <= Simd::best());
        }
        assert_eq!(Simd::available().next(), Some(Simd::Scalar));
    }

    #[test]
    fn unknown_names_say_the_way_out() {
        let message = Simd::from_name("AVX-512").unwrap_err().to_string();
        assert!(message.contains("scalar, avx2, avx512 or amx"), "{message}");
        assert!(Simd::from_name("avx").unwrap_err().to_string().contains("did you mean avx2?"));
    }
}
